//! JSON values into columns, led by the columns' types. Spark's `JacksonParser`.

use firesteel_functions::cast::interval::{parse_day_time, parse_year_month};
use firesteel_functions::json::value::{Grammar, Json};
use firesteel_functions::variant::item::Item;

use super::options::JsonOptions;
use super::scan::{Scanner, SyntaxError, Text, Token, unescape};
use crate::record::column::{Column, ListColumn, MapColumn, StructColumn, VariantColumn};
use crate::record::number::{BigDecimal, parse_integer};
use crate::record::temporal::parse_time;

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Good,
    /// Appended, but something inside of it did not fit and is NULL.
    Partial,
    /// Does not fit the type; nothing was appended, the value has been read to its end.
    Bad,
}

type Result<T> = std::result::Result<T, SyntaxError>;

/// Reads values.
#[derive(Debug)]
pub struct Reader<'o> {
    pub options: &'o JsonOptions,
}

impl Reader<'_> {
    /// Reads an object behind its `{` as a row. Fields that do not fit are NULL.
    pub fn object(&self, scanner: &mut Scanner<'_>, column: &mut StructColumn) -> Result<Outcome> {
        let row = column.rows();
        let (mut outcome, mut place, mut filled) = (Outcome::Good, 0, 0);
        while let Some(name) = scanner.next_name(place == 0)? {
            let found = find(column, name, place);
            place += 1;
            let Some(index) = found else {
                scanner.skip_value()?;
                continue;
            };
            let child = &mut column.children[index];
            if child.len() > row {
                // The last of several fields of one name counts, unless it does not fit.
                let again = scanner.clone();
                match self.value(scanner, child)? {
                    Outcome::Bad => outcome = Outcome::Partial,
                    _ => {
                        child.truncate(row);
                        *scanner = again;
                        if self.value(scanner, child)? == Outcome::Partial {
                            outcome = Outcome::Partial;
                        }
                    }
                }
                continue;
            }
            match self.value(scanner, child)? {
                Outcome::Good => {}
                Outcome::Partial => outcome = Outcome::Partial,
                Outcome::Bad => {
                    child.append_null();
                    outcome = Outcome::Partial;
                }
            }
            filled += 1;
        }
        if filled < column.children.len() {
            column.children.iter_mut().filter(|child| child.len() == row).for_each(Column::append_null);
        }
        column.close();
        Ok(outcome)
    }

    fn is_too_long(&self, token: Token<'_>) -> bool {
        match token {
            Token::Text(text) if text.raw.len() > self.options.max_string => {
                with_text(text, |text| Some(text.encode_utf16().count())) > Some(self.options.max_string)
            }
            _ => false,
        }
    }

    /// Appends the text of a value as VARIANT; whether it can be one.
    fn variant(&self, text: &[u8], column: &mut VariantColumn) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        let own = &self.options.grammar;
        let grammar = Grammar {
            comments: own.comments,
            unquoted_names: own.unquoted_names,
            single_quotes: own.single_quotes,
            leading_zeros: own.leading_zeros,
            non_numeric: own.non_numeric,
            any_escape: own.any_escape,
            control_chars: own.control_chars,
        };
        let item = Json::parse_with(text, grammar).and_then(|json| Item::of_json(&json).ok());
        match item.and_then(|item| item.encode().ok()) {
            Some((value, metadata)) => {
                column.push(&value, &metadata);
                true
            }
            None => false,
        }
    }

    /// Reads a value and appends it.
    pub fn value(&self, scanner: &mut Scanner<'_>, column: &mut Column) -> Result<Outcome> {
        scanner.skip_blanks()?;
        let start = scanner.position();
        let token = scanner.value()?;
        if let Column::Variant(c) = column {
            // The tree that is made of it bears the same liberties.
            scanner.skip_rest(token)?;
            return Ok(if self.variant(scanner.since(start), c) { Outcome::Good } else { Outcome::Bad });
        }
        if token == Token::Null {
            column.append_null();
            return Ok(Outcome::Good);
        }
        if self.is_too_long(token) {
            return Ok(Outcome::Bad);
        }
        let fits = match column {
            Column::Text(c) => {
                match token {
                    Token::Text(text) if !text.escaped => c.push(text.raw),
                    Token::Text(text) => {
                        unescape(c.open(), text.raw);
                        c.close();
                    }
                    other => {
                        scanner.skip_rest(other)?;
                        c.push(scanner.since(start));
                    }
                }
                return Ok(Outcome::Good);
            }
            Column::Struct(c) if token == Token::Object => return self.object(scanner, c),
            Column::List(c) if token == Token::Array => return self.list(scanner, c),
            Column::Map(c) if token == Token::Object => return self.map(scanner, c),
            Column::Long(c) => c.try_push(integer(token)),
            Column::Int(c) => c.try_push(integer(token).and_then(|value| i32::try_from(value).ok())),
            Column::Short(c) => c.try_push(integer(token).and_then(|value| i16::try_from(value).ok())),
            // Jackson takes unsigned bytes too.
            Column::Byte(c) => {
                c.try_push(integer(token).filter(|value| (-128..=255).contains(value)).map(|value| value as u8 as i8))
            }
            Column::Double(c) => c.try_push(self.double(token)),
            Column::Float(c) => c.try_push(match token {
                Token::Integer(text) | Token::Fraction(text) => ascii(text).parse().ok(),
                other => self.double(other).map(|value| value as f32),
            }),
            Column::Boolean(c) => match token {
                Token::Boolean(value) => {
                    c.push(value);
                    true
                }
                _ => false,
            },
            Column::Decimal(c, precision, scale) => {
                let number = match token {
                    Token::Integer(text) | Token::Fraction(text) => BigDecimal::parse(text, false),
                    Token::Text(text) => with_text(text, |text| BigDecimal::parse(text.as_bytes(), true)),
                    _ => None,
                };
                c.try_push(number.and_then(|number| number.to_decimal(*precision, *scale)))
            }
            Column::Date(c) => c.try_push(self.text(token, |text| self.options.temporal.parse_date_or_days(text))),
            Column::Timestamp(c) => c.try_push(match token {
                // Seconds since the epoch; Spark lets the product overflow.
                Token::Integer(_) => integer(token).map(|seconds| seconds.wrapping_mul(1_000_000)),
                other => self.text(other, |text| self.options.temporal.parse_timestamp(text)),
            }),
            Column::TimestampNtz(c) => {
                c.try_push(self.text(token, |text| self.options.temporal.parse_timestamp_ntz(text)))
            }
            Column::Binary(c) => match token {
                Token::Text(text) => {
                    let fits = with_text(text, |text| decode_base64(text.as_bytes(), c.open())).is_some();
                    if fits {
                        c.close();
                    } else {
                        c.abandon();
                    }
                    fits
                }
                _ => false,
            },
            Column::Time(c, digits) => c.try_push(self.text(token, |text| parse_time(text, *digits))),
            Column::YearMonth(c, range) => c.try_push(self.text(token, |text| parse_year_month(text, *range))),
            Column::DayTime(c, range) => c.try_push(self.text(token, |text| parse_day_time(text, *range))),
            Column::Variant(_) | Column::Void(_) | Column::Struct(_) | Column::List(_) | Column::Map(_) => false,
        };
        if fits {
            return Ok(Outcome::Good);
        }
        scanner.skip_rest(token)?;
        Ok(Outcome::Bad)
    }

    /// Reads an array behind its `[`. An element that does not fit spoils the array.
    fn list(&self, scanner: &mut Scanner<'_>, column: &mut ListColumn) -> Result<Outcome> {
        let (mut outcome, mut first) = (Outcome::Good, true);
        while scanner.next_element(first)? {
            first = false;
            match self.value(scanner, &mut column.child)? {
                Outcome::Good => {}
                Outcome::Partial => outcome = Outcome::Partial,
                Outcome::Bad => {
                    column.abandon();
                    scanner.skip_array(false)?;
                    return Ok(Outcome::Bad);
                }
            }
        }
        column.close();
        Ok(outcome)
    }

    /// Reads an object behind its `{` as a map. A value that does not fit spoils the map.
    fn map(&self, scanner: &mut Scanner<'_>, column: &mut MapColumn) -> Result<Outcome> {
        let (mut outcome, mut first) = (Outcome::Good, true);
        while let Some(name) = scanner.next_name(first)? {
            first = false;
            match &mut *column.keys {
                Column::Text(keys) => {
                    unescape(keys.open(), name.raw);
                    keys.close();
                }
                // Refused when the decoder was made.
                other => other.append_null(),
            }
            match self.value(scanner, &mut column.values)? {
                Outcome::Good => {}
                Outcome::Partial => outcome = Outcome::Partial,
                Outcome::Bad => {
                    column.abandon();
                    scanner.skip_object(false)?;
                    return Ok(Outcome::Bad);
                }
            }
        }
        column.close();
        Ok(outcome)
    }

    fn double(&self, token: Token<'_>) -> Option<f64> {
        match token {
            Token::Integer(text) | Token::Fraction(text) => ascii(text).parse().ok(),
            Token::NonNumeric(text) => special(text),
            Token::Text(text) if self.options.grammar.non_numeric => special(text.raw),
            _ => None,
        }
    }

    /// Reads a value that is written as a string, which must not be empty.
    fn text<T>(&self, token: Token<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match token {
            Token::Text(text) => with_text(text, |text| if text.is_empty() { None } else { read(text) }),
            _ => None,
        }
    }
}

#[inline]
fn find(column: &mut StructColumn, name: Text<'_>, place: usize) -> Option<usize> {
    if !name.escaped {
        return column.find(name.raw, place);
    }
    let mut plain = vec![];
    unescape(&mut plain, name.raw);
    column.find(&plain, place)
}

#[inline]
fn integer(token: Token<'_>) -> Option<i64> {
    match token {
        Token::Integer(text) => parse_integer(text),
        _ => None,
    }
}

/// Numbers are ASCII.
fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or("")
}

fn special(text: &[u8]) -> Option<f64> {
    match text {
        b"NaN" => Some(f64::NAN),
        b"Infinity" | b"+Infinity" | b"+INF" => Some(f64::INFINITY),
        b"-Infinity" | b"-INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Calls `read` with the string's text, escapes resolved.
pub fn with_text<T>(text: Text<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if !text.escaped {
        return read(std::str::from_utf8(text.raw).ok()?);
    }
    let mut plain = vec![];
    unescape(&mut plain, text.raw);
    read(std::str::from_utf8(&plain).ok()?)
}

/// Base64 with padding; blanks are fine between groups of four.
fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let value = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let mut rest = text;
    loop {
        while let [blank, tail @ ..] = rest
            && *blank <= b' '
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Some(());
        }
        let (group, tail) = rest.split_at_checked(4)?;
        rest = tail;
        let head = value(group[0])? << 18 | value(group[1])? << 12;
        match (group[2], group[3]) {
            (b'=', b'=') => out.push((head >> 16) as u8),
            (third, b'=') => {
                let bits = head | value(third)? << 6;
                out.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8]);
            }
            (third, fourth) => {
                let bits = head | value(third)? << 6 | value(fourth)?;
                out.extend_from_slice(&[(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]);
            }
        }
    }
}
