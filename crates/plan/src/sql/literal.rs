//! Literals: numbers with their suffixes, strings, `DATE '..'`, `TIMESTAMP '..'`, `X'..'`.
//! `INTERVAL` is in `interval`.

use firesteel_functions::cast::time::time_of;
use firesteel_functions::datetime::{iso, zone::Zone};
use firesteel_protocol::connect::{
    self as pb,
    data_type::{self as t},
    expression::{ExprType, Literal, literal::LiteralType},
};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::{Kind, NumberKind};
use super::parser::Parser;

impl Parser<'_> {
    /// A number; `negative` when a minus was taken before it at token `start`.
    pub fn number(&mut self, start: usize, negative: bool) -> Result<pb::Expression> {
        let token = self.advance();
        let Kind::Number(kind) = token.kind else { return Err(self.unexpected()) };
        let suffix = match kind {
            NumberKind::Integer | NumberKind::Decimal | NumberKind::Exponent => 0,
            NumberKind::BigDecimal => 2,
            _ => 1,
        };
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{}", &token.text[..token.text.len() - suffix]);
        let value = match kind {
            NumberKind::Integer => match (text.parse::<i32>(), text.parse::<i64>()) {
                (Ok(value), _) => LiteralType::Integer(value),
                (_, Ok(value)) => LiteralType::Long(value),
                _ => self.decimal(start, &text)?,
            },
            NumberKind::Decimal | NumberKind::BigDecimal => self.decimal(start, &text)?,
            NumberKind::Exponent if self.is_set("spark.sql.legacy.exponentLiteralAsDecimal.enabled", false) => {
                self.decimal(start, &text)?
            }
            NumberKind::Tinyint => LiteralType::Byte(i32::from(
                text.parse::<i8>().map_err(|_| self.range(start, &text, "tinyint", "-128", "127"))?,
            )),
            NumberKind::Smallint => {
                let error = |_| self.range(start, &text, "smallint", "-32768", "32767");
                LiteralType::Short(i32::from(text.parse::<i16>().map_err(error)?))
            }
            NumberKind::Bigint => {
                let error = |_| self.range(start, &text, "bigint", "-9223372036854775808", "9223372036854775807");
                LiteralType::Long(text.parse().map_err(error)?)
            }
            NumberKind::Float => match text.parse::<f32>() {
                Ok(value) if value.is_finite() => LiteralType::Float(value),
                _ => {
                    return Err(self.range(start, &text, "float", "-3.4028234663852886E+38", "3.4028234663852886E+38"));
                }
            },
            NumberKind::Double | NumberKind::Exponent => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => LiteralType::Double(value),
                _ => {
                    return Err(self.range(
                        start,
                        &text,
                        "double",
                        "-1.7976931348623157E+308",
                        "1.7976931348623157E+308",
                    ));
                }
            },
        };
        Ok(self.placed(start, build::literal(value)))
    }

    fn range(&self, start: usize, text: &str, name: &str, min: &str, max: &str) -> SparkError {
        let error = SparkError::new("INVALID_NUMERIC_LITERAL_RANGE")
            .with("rawStrippedQualifier", text)
            .with("minValue", min)
            .with("maxValue", max)
            .with("typeName", name);
        self.error_from(start, error)
    }

    /// A decimal of the precision and scale that its text has.
    fn decimal(&self, start: usize, text: &str) -> Result<LiteralType> {
        let (value, precision, scale) = plain_decimal(text).ok_or_else(|| self.unexpected())?;
        if precision > 38 {
            let error = SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .with("precision", precision.to_string())
                .with("maxPrecision", "38");
            // Spark checks the suffixed form while it parses, the plain one when it makes the type.
            let suffixed = self.token(start).text.to_ascii_uppercase().ends_with("BD");
            return Err(if suffixed { self.error_from(start, error) } else { error });
        }
        let (precision, scale) = (Some(precision as i32), Some(scale as i32));
        Ok(LiteralType::Decimal(pb::expression::literal::Decimal { value, precision, scale }))
    }

    /// `word '..'`; the word is next.
    pub fn typed_literal(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let word = self.advance().text.to_ascii_uppercase();
        let text = self.single_string()?;
        let invalid = |parser: &Self| {
            let error = SparkError::new("INVALID_TYPED_LITERAL")
                .with("valueType", format!("\"{word}\""))
                .with("value", format!("'{text}'"));
            parser.error_from(start, error)
        };
        let local = |parser: &Self| -> Result<LiteralType> {
            let zone = Zone::of(&parser.ctx.time_zone)?;
            let special = match special_timestamp(&text, zone) {
                Some(0) => Some(0),
                special => special.map(|micros| zone.to_local(micros)),
            };
            special
                .or_else(|| iso::parse_timestamp_ntz(&text))
                .map(LiteralType::TimestampNtz)
                .ok_or_else(|| invalid(parser))
        };
        let instant = |parser: &Self| -> Result<LiteralType> {
            let zone = Zone::of(&parser.ctx.time_zone)?;
            special_timestamp(&text, zone)
                .or_else(|| iso::parse_timestamp(&text, zone))
                .map(LiteralType::Timestamp)
                .ok_or_else(|| invalid(parser))
        };
        let value = match word.as_str() {
            "DATE" => {
                let zone = Zone::of(&self.ctx.time_zone)?;
                let days = special_date(&text, zone).or_else(|| iso::parse_date(&text));
                LiteralType::Date(days.ok_or_else(|| invalid(self))?)
            }
            // Without a zone in the text the session decides; with one it is an instant.
            "TIMESTAMP" if self.ctx.timestamp_ntz && !iso::has_zone(&text) => local(self)?,
            "TIMESTAMP" | "TIMESTAMP_LTZ" => instant(self)?,
            "TIMESTAMP_NTZ" => local(self)?,
            "TIME" => {
                let nano = time_of(&text).ok_or_else(|| invalid(self))? * 1_000;
                LiteralType::Time(pb::expression::literal::Time { nano, precision: Some(6) })
            }
            "X" => LiteralType::Binary(hex(&text).ok_or_else(|| invalid(self))?.into()),
            "INTERVAL" => return self.interval_of_text(start, &text),
            _ => {
                let error =
                    SparkError::new("UNSUPPORTED_TYPED_LITERAL").with("unsupportedType", format!("\"{word}\"")).with(
                        "supportedTypes",
                        "\"DATE\", \"TIMESTAMP_NTZ\", \"TIMESTAMP_LTZ\", \"TIMESTAMP\", \"INTERVAL\", \"X\", \"TIME\"",
                    );
                return Err(self.error_from(start, error));
            }
        };
        Ok(self.placed(start, build::literal(value)))
    }

    /// NULL.
    pub fn null(&mut self) -> pb::Expression {
        let start = self.position();
        self.advance();
        let data_type = super::data_type::of(t::Kind::Null(t::Null::default()));
        self.placed(start, build::literal(LiteralType::Null(data_type)))
    }
}

/// `now`, `today`, `epoch`, `yesterday`, `tomorrow` as an instant.
fn special_timestamp(text: &str, zone: Zone) -> Option<i64> {
    if text.trim().eq_ignore_ascii_case("now") {
        return Some(chrono::Utc::now().timestamp_micros());
    }
    if text.trim().eq_ignore_ascii_case("epoch") {
        return Some(0);
    }
    const DAY_US: i64 = 86_400_000_000;
    special_date(text, zone).map(|days| zone.to_utc(i64::from(days) * DAY_US))
}

fn special_date(text: &str, zone: Zone) -> Option<i32> {
    const DAY_US: i64 = 86_400_000_000;
    let today = || zone.to_local(chrono::Utc::now().timestamp_micros()).div_euclid(DAY_US) as i32;
    match text.trim().to_ascii_lowercase().as_str() {
        "epoch" => Some(0),
        "now" | "today" => Some(today()),
        "yesterday" => Some(today() - 1),
        "tomorrow" => Some(today() + 1),
        _ => None,
    }
}

/// The value of a decimal text without exponent, its precision and its scale.
fn plain_decimal(text: &str) -> Option<(String, usize, usize)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let mut scale = fraction.len() as i64 - exponent;
    if !(-400..=400).contains(&scale) {
        return Some((String::new(), 400, 0));
    }
    while scale < 0 {
        digits.push('0');
        scale += 1;
    }
    let scale = scale as usize;
    let significant = digits.trim_start_matches('0');
    let precision = significant.len().max(scale).max(1);
    let padded = format!("{significant:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let value = if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    Some((value, precision, scale))
}

/// An odd number of digits has a zero before it.
fn hex(text: &str) -> Option<Vec<u8>> {
    let padded = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_string() };
    if !padded.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..padded.len()).step_by(2).map(|at| u8::from_str_radix(&padded[at..at + 2], 16).ok()).collect()
}

/// The value of a string token: quotes off, escapes read (Spark's `unescapeSQLString`).
pub fn unquote_text(token: &str, escaped: bool) -> String {
    if token.starts_with(['r', 'R']) {
        return token[2..token.len() - 1].to_string();
    }
    let quote = token.chars().next().unwrap_or('\'');
    let inner = &token[1..token.len() - 1];
    let chars: Vec<char> = inner.chars().collect();
    let mut text = String::with_capacity(inner.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c == quote && chars.get(at + 1) == Some(&quote) {
            text.push(quote);
            at += 2;
        } else if c == '\\' && !escaped && at + 1 < chars.len() {
            at += 1 + escape(&chars[at + 1..], &mut text);
        } else {
            text.push(c);
            at += 1;
        }
    }
    text
}

/// Reads what follows a backslash; how many characters that was.
fn escape(rest: &[char], text: &mut String) -> usize {
    let code = |digits: &[char], radix: u32| -> Option<u32> {
        u32::from_str_radix(&digits.iter().collect::<String>(), radix).ok()
    };
    let unicode = |length: usize| -> Option<char> {
        let digits = rest.get(1..=length)?;
        digits.iter().all(char::is_ascii_hexdigit).then(|| code(digits, 16)).flatten().and_then(char::from_u32)
    };
    match rest[0] {
        'u' if unicode(4).is_some() => {
            text.extend(unicode(4));
            return 5;
        }
        'u' if rest.len() >= 11 && rest[5..7] == ['\\', 'u'] => {
            // A pair of surrogates.
            let units: Option<Vec<u16>> = [&rest[1..5], &rest[7..11]]
                .iter()
                .map(|digits| code(digits, 16).and_then(|unit| u16::try_from(unit).ok()))
                .collect();
            if let Some(Ok(pair)) = units.map(|units| String::from_utf16(&units)) {
                text.push_str(&pair);
                return 11;
            }
            text.push('u');
        }
        'U' if unicode(8).is_some() => {
            text.extend(unicode(8));
            return 9;
        }
        '0' | '1' if rest.len() >= 3 && rest[1..3].iter().all(|c| ('0'..='7').contains(c)) => {
            text.extend(code(&rest[..3], 8).and_then(char::from_u32));
            return 3;
        }
        '0' => text.push('\0'),
        'b' => text.push('\u{8}'),
        'n' => text.push('\n'),
        'r' => text.push('\r'),
        't' => text.push('\t'),
        'Z' => text.push('\u{1a}'),
        // LIKE reads these itself.
        c @ ('%' | '_') => {
            text.push('\\');
            text.push(c);
        }
        c => text.push(c),
    }
    1
}

/// The string that an expression is, when it is made of string literals and `||` only.
pub fn constant_text(expression: &pb::Expression) -> Option<String> {
    match expression.expr_type.as_ref()? {
        ExprType::Literal(Literal { literal_type: Some(LiteralType::String(text)), .. }) => Some(text.clone()),
        ExprType::UnresolvedFunction(call) if call.function_name == "concat" => {
            call.arguments.iter().map(constant_text).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
        }
        _ => None,
    }
}

/// A literal that is no string, with its type, as errors show them.
pub fn wrong_type(expression: &pb::Expression) -> Option<(String, &'static str)> {
    use pb::expression::literal::LiteralType;
    let Some(ExprType::Literal(literal)) = &expression.expr_type else { return None };
    Some(match literal.literal_type.as_ref()? {
        LiteralType::Null(_) => ("NULL".into(), "void"),
        LiteralType::Integer(value) => (value.to_string(), "int"),
        LiteralType::Long(value) => (value.to_string(), "bigint"),
        LiteralType::Boolean(value) => (value.to_string(), "boolean"),
        LiteralType::Double(value) => (value.to_string(), "double"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        assert_eq!(plain_decimal("1.50"), Some(("1.50".into(), 3, 2)));
        assert_eq!(plain_decimal("-.5"), Some(("-0.5".into(), 1, 1)));
        assert_eq!(plain_decimal("1e-2"), Some(("0.01".into(), 2, 2)));
        assert_eq!(plain_decimal("0"), Some(("0".into(), 1, 0)));
    }

    #[test]
    fn escapes() {
        assert_eq!(unquote_text(r"'a\n\u0041\x\%\101''b'", false), "a\nAx\\%A'b");
        assert_eq!(unquote_text(r"r'\d'", false), r"\d");
    }
}
