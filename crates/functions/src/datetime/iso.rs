//! Dates and timestamps in the forms that Spark's casts read and write.
//! Spark's `SparkDateTimeUtils.stringToDate`, `stringToTimestamp`. Patterns of the user are in `pattern`.

use std::fmt::Write;

use super::civil::{DAY_US, SECOND_US, checked_days, civil_from_days};
use super::zone::Zone;

/// What a timestamp text holds: local fields and perhaps a zone.
struct Parsed<'a> {
    /// Days since the epoch; `None` when the text is a time alone.
    days: Option<i64>,
    time_us: i64,
    zone: Option<&'a str>,
}

/// Reads a date: `yyyy`, `yyyy-[m]m`, `yyyy-[m]m-[d]d` and that followed by a blank or `T` and anything.
/// Days since the epoch.
pub fn parse_date(text: &str) -> Option<i32> {
    let bytes = trim(text).as_bytes();
    let (sign, digits_from) = sign(bytes);
    let mut segments = [1_i64, 1, 1];
    let (mut segment, mut value, mut digits, mut at) = (0, 0_i64, 0, digits_from);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'T' => break,
            b'-' if segment < 2 => {
                segments[segment] = date_segment(segment, value, digits)?;
                (segment, value, digits) = (segment + 1, 0, 0);
            }
            b'0'..=b'9' => {
                value = value.checked_mul(10)? + i64::from(byte - b'0');
                digits += 1;
            }
            _ => return None,
        }
        at += 1;
    }
    segments[segment] = date_segment(segment, value, digits)?;
    if segment < 2 && at < bytes.len() {
        return None;
    }
    i32::try_from(checked_days(sign * segments[0], segments[1], segments[2])?).ok()
}

fn date_segment(segment: usize, value: i64, digits: usize) -> Option<i64> {
    let valid = if segment == 0 { (4..=7).contains(&digits) } else { (1..=2).contains(&digits) };
    valid.then_some(value)
}

/// Reads a TIMESTAMP; a text without a zone is local time in `zone`. Microseconds since the epoch.
pub fn parse_timestamp(text: &str, zone: Zone) -> Option<i64> {
    parse_timestamp_at(text, zone, || chrono::Utc::now().timestamp_micros())
}

/// [`parse_timestamp`] where a text that is a time alone takes its date from `now_us`.
pub fn parse_timestamp_at(text: &str, zone: Zone, now_us: impl Fn() -> i64) -> Option<i64> {
    let parsed = parse_fields(text)?;
    let zone = match parsed.zone {
        Some(id) => Zone::parse(id)?,
        None => zone,
    };
    let days = parsed.days.unwrap_or_else(|| zone.to_local(now_us()).div_euclid(DAY_US));
    let local = i128::from(days) * i128::from(DAY_US) + i128::from(parsed.time_us);
    // Near the ends of the range the offset decides whether the instant fits.
    let clamped = i64::try_from(local.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).ok()?;
    i64::try_from(local - i128::from(zone.offset_of_local(clamped) * SECOND_US)).ok()
}

/// Reads a TIMESTAMP_NTZ; a zone in the text is ignored. Microseconds since 1970-01-01T00:00 local.
pub fn parse_timestamp_ntz(text: &str) -> Option<i64> {
    let parsed = parse_fields(text)?;
    i64::try_from(i128::from(parsed.days?) * i128::from(DAY_US) + i128::from(parsed.time_us)).ok()
}

/// Whether the text names a zone (which TIMESTAMP_NTZ in data sources refuses).
pub fn has_zone(text: &str) -> bool {
    parse_fields(text).is_some_and(|parsed| parsed.zone.is_some())
}

fn parse_fields(text: &str) -> Option<Parsed<'_>> {
    const FRACTION: usize = 6;
    let text = trim(text);
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return None;
    }
    let mut segments = [1_i64, 1, 1, 0, 0, 0, 0, 0];
    let (sign, mut at) = sign(bytes);
    let signed = at > 0;
    let (mut segment, mut value, mut digits, mut fraction_digits) = (0_usize, 0_i64, 0_usize, 0_usize);
    let mut time_only = false;
    let mut zone = None;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_digit() {
            if segment == FRACTION {
                fraction_digits += 1;
            }
            // Digits after the microseconds are cut off.
            if segment != FRACTION || digits < 6 {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
            }
            digits += 1;
            at += 1;
            continue;
        }
        let next = match segment {
            0 if at == 0 && byte == b'T' => {
                time_only = true;
                segment = 3;
                at += 1;
                continue;
            }
            0 if byte == b':' && !signed => {
                time_only = true;
                segment = 3;
                4
            }
            0 | 1 if byte == b'-' => segment + 1,
            2 if byte == b' ' || byte == b'T' => 3,
            3 | 4 if byte == b':' => segment + 1,
            5 if byte == b'.' => FRACTION,
            5 | FRACTION => {
                zone = Some(trim(text.get(at..)?));
                FRACTION + 1
            }
            _ => return None,
        };
        segments[segment] = time_segment(segment, value, digits)?;
        (segment, value, digits) = (next, 0, 0);
        if zone.is_some() {
            break;
        }
        at += 1;
    }
    segments[segment] = time_segment(segment, value, digits)?;
    for _ in fraction_digits..6 {
        segments[FRACTION] *= 10;
    }
    let [year, month, day, hour, minute, second, micros, _] = segments;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = if time_only { None } else { Some(checked_days(sign * year, month, day)?) };
    Some(Parsed { days, time_us: ((hour * 60 + minute) * 60 + second) * SECOND_US + micros, zone })
}

fn time_segment(segment: usize, value: i64, digits: usize) -> Option<i64> {
    let valid = match segment {
        0 => (4..=6).contains(&digits),
        6 => true,
        7 => digits <= 2,
        _ => (1..=2).contains(&digits),
    };
    valid.then_some(value)
}

fn sign(bytes: &[u8]) -> (i64, usize) {
    match bytes.first() {
        Some(b'-') => (-1, 1),
        Some(b'+') => (1, 1),
        _ => (1, 0),
    }
}

/// Spark's `trimAll`: blanks and control characters at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

/// `2020-01-05`; years after 9999 with `+`, before 0 with `-`.
pub fn format_date(days: i32) -> String {
    let mut text = String::with_capacity(10);
    write_date(&mut text, i64::from(days));
    text
}

/// Appends [`format_date`].
pub fn write_date(text: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    write_year(text, year);
    let _ = write!(text, "-{month:02}-{day:02}");
}

pub(super) fn write_year(text: &mut String, year: i64) {
    let _ = match year {
        0..=9999 => write!(text, "{year:04}"),
        10_000.. => write!(text, "+{year}"),
        _ => write!(text, "-{:04}", -year),
    };
}

/// `2020-01-05 10:11:12.123` in `zone`, the fraction without zeros at its end.
pub fn format_timestamp(us: i64, zone: Zone) -> String {
    format_timestamp_ntz(zone.to_local(us))
}

/// [`format_timestamp`] of a local time.
pub fn format_timestamp_ntz(local_us: i64) -> String {
    let mut text = String::with_capacity(26);
    write_timestamp(&mut text, local_us);
    text
}

/// Appends [`format_timestamp_ntz`].
pub fn write_timestamp(text: &mut String, local_us: i64) {
    write_date(text, local_us.div_euclid(DAY_US));
    text.push(' ');
    write_time(text, local_us.rem_euclid(DAY_US) * 1_000);
}

/// `10:11:12.123` of nanoseconds of a day, as TIME is cast to a string.
pub fn format_time(nanos: i64) -> String {
    let mut text = String::with_capacity(15);
    write_time(&mut text, nanos);
    text
}

fn write_time(text: &mut String, nanos: i64) {
    let seconds = nanos / 1_000_000_000;
    let _ = write!(text, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = nanos % 1_000_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone::UTC;
    use super::*;

    #[test]
    fn casts_read_what_spark_reads() {
        assert_eq!(parse_date("2020-1-5 junk").map(format_date).as_deref(), Some("2020-01-05"));
        assert_eq!(parse_date("2020-13-01"), None);
        assert_eq!(parse_date("2020/01/05"), None);
        let show = |text| parse_timestamp(text, UTC).map(|us| format_timestamp(us, UTC));
        assert_eq!(show("2020-01-05T10:11:12.123+02:00").as_deref(), Some("2020-01-05 08:11:12.123"));
        assert_eq!(show("2020-01-05 1:2").as_deref(), Some("2020-01-05 01:02:00"));
        assert_eq!(show("2020-01-05 10:11:12 Europe/Berlin").as_deref(), Some("2020-01-05 09:11:12"));
        assert_eq!(show("2020-01-05 25:00:00"), None);
        assert_eq!(show("2020"), Some("2020-01-01 00:00:00".into()));
    }
}
