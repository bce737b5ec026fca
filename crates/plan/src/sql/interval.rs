//! `INTERVAL 3 DAYS 2 HOURS`, `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '3 days 2 hours'`.
//! All become year-month or day-time intervals with their units; Spark's `AstBuilder.visitInterval`.

use firesteel_protocol::connect::{
    self as pb, DataType,
    expression::{ExprType, Literal, literal::LiteralType},
};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::data_type::{DAY_TIME, YEAR_MONTH, day_time, interval_between, year_month};
use super::lexer::{Kind, NumberKind};
use super::parser::Parser;

const UNITS: [&str; 10] =
    ["YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND"];

/// Months and microseconds of one or more amounts, added up.
#[derive(Debug, Default)]
struct Sum {
    months: i128,
    microseconds: i128,
}

/// The unit of a word, singular or plural.
fn unit(word: &str) -> Option<&'static str> {
    let upper = word.to_ascii_uppercase();
    let singular = upper.strip_suffix('S').unwrap_or(&upper);
    UNITS.into_iter().find(|unit| *unit == singular)
}

impl Parser<'_> {
    /// Whether INTERVAL, which is next, starts a literal. A column may have that name, too.
    pub fn is_interval(&self) -> bool {
        let value = usize::from(self.is_symbol_at(1, "-") || self.is_symbol_at(1, "+")) + 1;
        let is_number = matches!(self.peek_at(value).kind, Kind::Number(_));
        let is_unit = self.peek_at(value + 1).kind == Kind::Word && unit(self.peek_at(value + 1).text).is_some();
        (is_number || self.is_text_at(value)) && (is_unit || value == 1)
    }

    /// An interval literal; INTERVAL is next.
    pub fn interval(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        if self.is_text_at(1) && !(self.peek_at(2).kind == Kind::Word && unit(self.peek_at(2).text).is_some()) {
            return self.typed_literal();
        }
        self.advance();
        let mut amounts = vec![];
        loop {
            let negative = self.is_symbol("-");
            if negative || self.is_symbol("+") {
                self.advance();
            }
            let at = self.position();
            let is_number = matches!(self.peek().kind, Kind::Number(_));
            let value = self.interval_value(negative)?;
            let word = self.peek();
            let Some(unit) = (word.kind == Kind::Word).then(|| unit(word.text)).flatten() else {
                return Err(self.unexpected());
            };
            self.advance();
            if self.eat_word("TO") {
                if !amounts.is_empty() {
                    self.advance();
                    return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0024")));
                }
                if is_number {
                    self.advance();
                    return Err(self.error_from(at, SparkError::new("_LEGACY_ERROR_TEMP_0027")));
                }
                let literal = self.unit_to_unit(start, &value, unit)?;
                let again = self.is_text_at(0) || matches!(self.peek().kind, Kind::Number(_));
                let next = self.peek_at(1);
                if again && next.kind == Kind::Word && super::interval::unit(next.text).is_some() {
                    self.advance();
                    self.advance();
                    if self.eat_word("TO") {
                        self.advance();
                    }
                    return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0024")));
                }
                return Ok(literal);
            }
            amounts.push((value, unit));
            let sign = usize::from(self.is_symbol("-") || self.is_symbol("+"));
            let next_is_value = matches!(self.peek_at(sign).kind, Kind::Number(_)) || self.is_text_at(sign);
            let next = self.peek_at(sign + 1);
            if !next_is_value || next.kind != Kind::Word || super::interval::unit(next.text).is_none() {
                break;
            }
        }
        for (value, _) in &amounts {
            if !value.is_empty() && value.parse::<f64>().is_err() {
                let error = SparkError::new("_LEGACY_ERROR_TEMP_0026").with("value", value.as_str());
                return Err(self.error_from(start + 1, error));
            }
        }
        if amounts.iter().any(|(value, _)| value.is_empty()) {
            let shown =
                amounts.iter().map(|(value, unit)| format!(" {value} {}", unit.to_lowercase())).collect::<String>();
            let number = amounts[0].1.to_lowercase();
            return Err(SparkError::new("INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER")
                .with("input", shown)
                .with("number", number));
        }
        self.interval_of_amounts(start, &amounts)
    }

    fn interval_value(&mut self, negative: bool) -> Result<String> {
        let token = self.peek();
        let text = match token.kind {
            Kind::Number(NumberKind::Integer | NumberKind::Decimal) => self.advance().text.to_string(),
            Kind::Text => self.string()?,
            _ => return Err(self.unexpected()),
        };
        // A sign in the string may stand apart.
        let text = match text.trim().split_at_checked(1) {
            Some((sign @ ("-" | "+"), rest)) => format!("{sign}{}", rest.trim_start()),
            _ => text.trim().to_string(),
        };
        Ok(match (negative, text.strip_prefix('-')) {
            (false, _) => text,
            (true, None) => format!("-{text}"),
            (true, Some(positive)) => positive.to_string(),
        })
    }

    /// `INTERVAL '3 days 2 hours'`.
    pub fn interval_of_text(&mut self, start: usize, text: &str) -> Result<pb::Expression> {
        let invalid = |parser: &Self| {
            let error = SparkError::new("INVALID_TYPED_LITERAL")
                .with("valueType", "\"INTERVAL\"")
                .with("value", format!("'{text}'"));
            parser.error_from(start, error)
        };
        let lower = text.trim().to_ascii_lowercase();
        let body = lower.strip_prefix("interval").unwrap_or(&lower);
        let mut words: Vec<String> = vec![];
        for word in body.split_whitespace() {
            // A sign may stand alone, and a number may touch its unit.
            match words.last_mut() {
                Some(sign) if sign == "-" || sign == "+" => sign.push_str(word),
                _ => words.push(word.to_string()),
            }
        }
        if words.is_empty() || words.len() % 2 == 1 {
            return Err(invalid(self));
        }
        let mut amounts = vec![];
        for pair in words.chunks(2) {
            let value = pair[0].strip_prefix('+').unwrap_or(&pair[0]).to_string();
            let known = unit(&pair[1]).filter(|unit| *unit != "NANOSECOND");
            match known {
                Some(unit) if value.parse::<f64>().is_ok() => amounts.push((value, unit)),
                _ => return Err(invalid(self)),
            }
        }
        let mut sum = Sum::default();
        let fits = amounts.iter().all(|(value, unit)| sum.add(value, unit).is_some());
        if !fits || i32::try_from(sum.months).is_err() || i64::try_from(sum.microseconds).is_err() {
            return Err(invalid(self));
        }
        self.interval_of_amounts(start, &amounts)
    }

    fn interval_of_amounts(&self, start: usize, amounts: &[(String, &'static str)]) -> Result<pb::Expression> {
        let mut sum = Sum::default();
        for (value, unit) in amounts {
            if sum.add(value, unit).is_none() {
                return Err(self.interval_out_of_range(start, value, unit));
            }
        }
        let place = |units: &[&str], unit: &str| units.iter().position(|known| *known == unit);
        let months: Vec<Option<usize>> = amounts.iter().map(|(_, unit)| place(&YEAR_MONTH, unit)).collect();
        if months.iter().all(Option::is_some) {
            let fields = months.into_iter().flatten();
            let (low, high) = bounds(fields);
            return self.interval_literal(start, &sum, year_month(low, high));
        }
        if months.iter().any(Option::is_some) {
            let error = SparkError::new("_LEGACY_ERROR_TEMP_0029").with("literal", self.source(start));
            return Err(self.error_from(start, error));
        }
        let fields = amounts.iter().map(|(_, unit)| match *unit {
            "WEEK" => 0,
            unit => place(&DAY_TIME, unit).unwrap_or(3),
        });
        let (low, high) = bounds(fields);
        self.interval_literal(start, &sum, day_time(low, high))
    }

    /// An amount that is no whole number, or too large.
    fn interval_out_of_range(&self, start: usize, value: &str, unit: &str) -> SparkError {
        let condition = match unit {
            _ if value.contains('.') => "INVALID_INTERVAL_FORMAT.INVALID_FRACTION",
            "NANOSECOND" => "INVALID_INTERVAL_FORMAT.INVALID_UNIT",
            _ => "INVALID_INTERVAL_FORMAT.ARITHMETIC_EXCEPTION",
        };
        let input = format!(" {}", self.source(start + 1).replace('\'', ""));
        let word = input.rsplit(' ').next().unwrap_or_default().to_lowercase();
        let mut error = SparkError::new(condition).with("input", input);
        if !condition.ends_with("ARITHMETIC_EXCEPTION") {
            error = error.with("unit", word);
        }
        if condition.ends_with("ARITHMETIC_EXCEPTION") { self.error_from(start + 1, error) } else { error.placeless() }
    }

    /// `INTERVAL '..' from TO to`; TO was taken.
    fn unit_to_unit(&mut self, start: usize, value: &str, from: &'static str) -> Result<pb::Expression> {
        let word = self.peek();
        let Some(to) = (word.kind == Kind::Word).then(|| unit(word.text)).flatten() else {
            return Err(self.unexpected());
        };
        self.advance();
        let Some(data_type) = interval_between(from, to).filter(|_| from != to) else {
            let error = SparkError::new("INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION")
                .with("input", value)
                .with("from", from.to_lowercase())
                .with("to", to.to_lowercase());
            return Err(self.error_from(start + 1, error));
        };
        let sum = read_units(value.trim(), from, to).ok_or_else(|| {
            if let Some(message) = out_of_range(value.trim(), from, to) {
                if from == "YEAR" {
                    let error = SparkError::new("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING")
                        .with("input", value)
                        .with("interval", "year-month");
                    return self.error_from(start + 1, error);
                }
                return self.error_from(start + 1, SparkError::new("_LEGACY_ERROR_TEMP_0063").with("msg", message));
            }
            let pattern = pattern(from, to);
            let supported = format!("`[+|-]{pattern}`, `INTERVAL [+|-]'[+|-]{pattern}' {from} TO {to}`");
            let (condition, kind) = if from == "YEAR" {
                ("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING", "year-month")
            } else {
                ("INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE", "day-time")
            };
            let error = SparkError::new(condition)
                .with("intervalStr", kind)
                .with("supportedFormat", supported)
                .with("typeName", format!("interval {} to {}", from.to_lowercase(), to.to_lowercase()))
                .with("input", value);
            self.error_from(start + 1, error)
        })?;
        self.interval_literal(start, &sum, data_type)
    }

    fn interval_literal(&self, start: usize, sum: &Sum, data_type: DataType) -> Result<pb::Expression> {
        let is_months = matches!(data_type.kind, Some(pb::data_type::Kind::YearMonthInterval(_)));
        let value = if is_months {
            i32::try_from(sum.months).ok().map(LiteralType::YearMonthInterval)
        } else {
            i64::try_from(sum.microseconds).ok().map(LiteralType::DayTimeInterval)
        };
        let value = value.ok_or_else(|| {
            let text = self.token(start + 1);
            let unit_to_unit = self.token(self.position().saturating_sub(2)).text.eq_ignore_ascii_case("TO");
            if is_months && unit_to_unit && text.kind == Kind::Text {
                let error = SparkError::new("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING")
                    .with("input", text.text.trim_matches(['\'', '"']))
                    .with("interval", "year-month");
                return self.error_from(start + 1, error);
            }
            if unit_to_unit {
                return SparkError::new("_LEGACY_ARITHMETIC").with_message("long overflow").placeless();
            }
            if is_months {
                return self.interval_out_of_range(start, "", "");
            }
            SparkError::new("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION").placeless()
        })?;
        let literal = Literal { literal_type: Some(value), data_type: Some(data_type) };
        Ok(self.placed(start, build::expr(ExprType::Literal(literal))))
    }
}

fn bounds(fields: impl Iterator<Item = usize>) -> (usize, usize) {
    fields.fold((usize::MAX, 0), |(low, high), field| (low.min(field), high.max(field)))
}

impl Sum {
    /// Only seconds may have a fraction.
    fn add(&mut self, value: &str, unit: &str) -> Option<()> {
        if unit == "SECOND" {
            self.microseconds += seconds(value)?;
            return Some(());
        }
        let amount: i128 = value.parse::<i64>().ok()?.into();
        match unit {
            "YEAR" => self.months += amount * 12,
            "MONTH" => self.months += amount,
            unit => self.microseconds += amount * microseconds(unit)?,
        }
        Some(())
    }
}

fn microseconds(unit: &str) -> Option<i128> {
    Some(match unit {
        "WEEK" => 7 * 86_400_000_000,
        "DAY" => 86_400_000_000,
        "HOUR" => 3_600_000_000,
        "MINUTE" => 60_000_000,
        "SECOND" => 1_000_000,
        "MILLISECOND" => 1_000,
        "MICROSECOND" => 1,
        _ => return None,
    })
}

/// `[-]s[.fffffffff]` in microseconds; digits beyond are cut off.
fn seconds(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()?.into() };
    let micros: i128 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some(sign * (whole * 1_000_000 + micros))
}

/// The form of a text from one unit to another.
fn pattern(from: &str, to: &str) -> &'static str {
    match (from, to) {
        ("YEAR", _) => "y-m",
        ("DAY", "HOUR") => "d h",
        ("DAY", "MINUTE") => "d h:m",
        ("DAY", _) => "d h:m:s.n",
        ("HOUR", "MINUTE") => "h:m",
        ("HOUR", _) => "h:m:s.n",
        _ => "m:s.n",
    }
}

/// What Spark says of an amount beyond its unit's range in a text of the right form.
fn out_of_range(text: &str, from: &str, to: &str) -> Option<String> {
    let body = text.trim_start_matches(['-', '+']);
    let parts: Vec<&str> = body.split([' ', 'T', ':', '-', '.']).collect();
    let units: &[&str] = if from == "YEAR" { &YEAR_MONTH } else { &DAY_TIME };
    let first = units.iter().position(|unit| *unit == from)?;
    let last = units.iter().position(|unit| *unit == to)?;
    let fits = parts.len() == last - first + 1 && parts.iter().all(|part| part.parse::<u32>().is_ok());
    if !fits {
        return None;
    }
    units[first..=last].iter().zip(&parts).skip(1).find_map(|(unit, part)| {
        let limit = match *unit {
            "MONTH" => 11,
            "HOUR" => 23,
            _ => 59,
        };
        let value: u32 = part.parse().ok().filter(|value| *value > limit)?;
        Some(format!("requirement failed: {} {value} outside range [0, {limit}]", unit.to_lowercase()))
    })
}

/// Reads `y-m` or `d h:m:s` with the units from `from` to `to`.
fn read_units(text: &str, from: &'static str, to: &'static str) -> Option<Sum> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (units, mut parts): (Vec<&'static str>, Vec<&str>) = if from == "YEAR" {
        (YEAR_MONTH.to_vec(), body.split('-').collect())
    } else {
        let place = |unit: &str| DAY_TIME.iter().position(|known| *known == unit);
        (DAY_TIME[place(from)?..=place(to)?].to_vec(), vec![])
    };
    if from == "DAY" {
        let (days, rest) = body.split_once([' ', 'T'])?;
        parts.push(days);
        parts.extend(rest.trim().split(':'));
    } else if from != "YEAR" {
        parts.extend(body.split(':'));
    }
    if parts.len() != units.len() {
        return None;
    }
    let mut sum = Sum::default();
    for (index, (part, unit)) in parts.iter().zip(&units).enumerate() {
        let limit = match *unit {
            _ if index == 0 => f64::MAX,
            "MONTH" => 11.0,
            "HOUR" => 23.0,
            _ => 59.999_999_999,
        };
        let plain = part.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !part.is_empty();
        if !plain || part.parse::<f64>().ok()? > limit {
            return None;
        }
        sum.add(part, unit)?;
    }
    if negative {
        sum.months = -sum.months;
        sum.microseconds = -sum.microseconds;
    }
    Some(sum)
}
