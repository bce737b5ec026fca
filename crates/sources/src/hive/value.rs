//! Texts become values as LazySimpleSerDe reads them: what is none of its type is NULL.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use firesteel_functions::datetime::civil::days_from_civil;
use firesteel_functions::datetime::zone::Zone;

use super::options::{HiveOptions, SerDe};
use super::split::{parts, unescaped};
use crate::record::column::Column;
use crate::record::number::{BigDecimal, parse_double, parse_float, parse_integer};

/// The length of CHAR or VARCHAR, and whether it is CHAR's.
type Limit = Option<(usize, bool)>;

/// Appends the value of a field.
pub fn append(column: &mut Column, text: &str, limit: Limit, options: &HiveOptions) {
    if options.serde == SerDe::Lazy {
        return nested(column, text, 1, limit, options);
    }
    if !scalar(column, text, limit, options.zone) {
        column.append_null();
    }
}

/// Appends the value of a text whose parts stand between the separators of `level`.
fn nested(column: &mut Column, text: &str, level: usize, limit: Limit, options: &HiveOptions) {
    if text == options.null {
        return column.append_null();
    }
    let separator = |level: usize| options.separators.get(level).copied().unwrap_or(0);
    let split = |text, level| parts(text, separator(level), options.escape);
    match column {
        Column::List(list) => {
            if !text.is_empty() {
                split(text, level).into_iter().for_each(|part| nested(&mut list.child, part, level + 1, None, options));
            }
            list.close();
        }
        Column::Struct(own) => {
            let texts = split(text, level);
            for (at, child) in own.children.iter_mut().enumerate() {
                match texts.get(at) {
                    Some(part) => nested(child, part, level + 1, None, options),
                    None => child.append_null(),
                }
            }
            own.close();
        }
        Column::Map(map) => {
            let mut seen: Vec<&str> = vec![];
            let entries = if text.is_empty() { vec![] } else { split(text, level) };
            for entry in entries {
                let mut pair = split(entry, level + 1).into_iter();
                let key = pair.next().unwrap_or_default();
                // Keys that are NULL are left out, of equal ones the first counts.
                let is_key = key != options.null && !seen.contains(&key);
                if is_key && scalar(&mut map.keys, &unescaped(key, options.escape), None, options.zone) {
                    seen.push(key);
                    match pair.next() {
                        Some(value) => nested(&mut map.values, value, level + 2, None, options),
                        None => map.values.append_null(),
                    }
                }
            }
            map.close();
        }
        _ => {
            if !scalar(column, &unescaped(text, options.escape), limit, options.zone) {
                column.append_null();
            }
        }
    }
}

/// Appends the value of a text that has no parts, or nothing and says so.
fn scalar(column: &mut Column, text: &str, limit: Limit, zone: Zone) -> bool {
    match column {
        Column::Boolean(c) => match text {
            _ if text.eq_ignore_ascii_case("true") => {
                c.push(true);
                true
            }
            _ if text.eq_ignore_ascii_case("false") => {
                c.push(false);
                true
            }
            _ => false,
        },
        Column::Byte(c) => c.try_push(whole(text).and_then(|value| i8::try_from(value).ok())),
        Column::Short(c) => c.try_push(whole(text).and_then(|value| i16::try_from(value).ok())),
        Column::Int(c) => c.try_push(whole(text).and_then(|value| i32::try_from(value).ok())),
        Column::Long(c) => c.try_push(whole(text)),
        Column::Float(c) => c.try_push(parse_float(text)),
        Column::Double(c) => c.try_push(parse_double(text)),
        Column::Decimal(c, precision, scale) => {
            c.try_push(BigDecimal::parse(text.as_bytes(), false).and_then(|own| own.to_decimal(*precision, *scale)))
        }
        Column::Date(c) => c.try_push(date(text).and_then(|days| i32::try_from(days).ok())),
        Column::Text(c) => {
            c.push(fitted(text, limit).as_bytes());
            true
        }
        Column::Binary(c) => {
            c.push(&binary(text));
            true
        }
        Column::TimestampNtz(c) => c.try_push(timestamp(text)),
        Column::Timestamp(c) => c.try_push(timestamp(text).map(|local| zone.to_utc(local))),
        _ => false,
    }
}

/// A text as long as its column allows, and as CHAR demands.
fn fitted(text: &str, limit: Limit) -> Cow<'_, str> {
    let Some((limit, padded)) = limit else { return text.into() };
    match text.char_indices().nth(limit) {
        Some((end, _)) => text[..end].into(),
        None if padded => format!("{text:limit$}").into(),
        None => text.into(),
    }
}

/// An integer; digits behind a point are left out.
fn whole(text: &str) -> Option<i64> {
    let Some((number, fraction)) = text.split_once('.') else { return parse_integer(text.as_bytes()) };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match number {
        "" | "-" | "+" if fraction.is_empty() => None,
        "" | "-" | "+" => Some(0),
        _ => parse_integer(number.as_bytes()),
    }
}

/// `yyyy-[m]m-[d]d` as days; a day that the month does not have counts on into the next.
fn date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        let digits = lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    };
    let (year, month, day) = (number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?);
    let fits = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    fits.then(|| days_from_civil(i64::from(year), month, 1) + i64::from(day) - 1)
}

/// `yyyy-[m]m-[d]d hh:mm:ss[.fraction]` as local microseconds.
fn timestamp(text: &str) -> Option<i64> {
    let (day, time) = text.trim_matches(|sign| sign <= ' ').split_once(' ')?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let mut parts = time.split(':').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<i64>().ok().filter(|value| *value < 100) } else { None }
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let micros = match fraction {
        None => 0,
        Some(fraction) => {
            let digits = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
            let nanos = if digits { format!("{fraction:0<9}").parse::<i64>().ok()? } else { return None };
            nanos / 1000
        }
    };
    let seconds = date(day)? * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

/// Bytes in base 64 if the text is made of its signs, else the text's own.
fn binary(text: &str) -> Cow<'_, [u8]> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_= \t\r\n".contains(&byte);
    if !text.bytes().all(is_sign) {
        return text.as_bytes().into();
    }
    let mut signs: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take_while(|byte| *byte != b'=')
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    if signs.len() % 4 == 1 {
        signs.pop();
    }
    match ENGINE.decode(&signs) {
        Ok(bytes) if !bytes.is_empty() => bytes.into(),
        _ => text.as_bytes().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_hive_reads_them() {
        for (text, value) in [
            ("1.5", Some(1)),
            (".1", Some(0)),
            ("1.", Some(1)),
            ("-3.9", Some(-3)),
            ("1.x", None),
            ("-", None),
            (" 1", None),
        ] {
            assert_eq!(whole(text), value, "{text}");
        }
        assert_eq!(date("2024-1-2"), date("2024-01-02"));
        assert_eq!(date("2024-02-30"), date("2024-03-01"));
        for text in ["2024-13-01", "02024-01-02", "20240102", "2024-01-02 ", "2024-01-02 00:00:00"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(timestamp("2024-01-01 1:2:3"), timestamp("2024-01-01 01:02:03"));
        assert_eq!(timestamp("2024-01-01 01:02"), None);
        assert_eq!(&*binary("abc"), b"i\xb7");
        assert_eq!(&*binary("x"), b"x");
        assert_eq!(&*binary("YW I="), b"ab");
        assert_eq!(&*binary("!!"), b"!!");
    }
}
