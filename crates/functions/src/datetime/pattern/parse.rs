//! Reads dates and times by a pattern, with Java's strictness and Spark's defaults for what a pattern lacks:
//! year 1970, month and day 1, midnight.

use std::fmt;

use super::super::civil::{DAY_US, SECOND_US, days_from_civil, is_leap, iso_weekday, month_length};
use super::super::zone::Zone;
use super::{Field, Item, MONTHS, Minutes, Number, Offset, Pattern, Sign, shortened, texts};

/// Why a text does not fit a pattern, worded as Java words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseFailure {
    /// At this character the text does not fit.
    At(String, usize),
    /// The text goes on after the pattern's end.
    Unparsed(String, usize),
    /// The fields make no date or time.
    Invalid(String, String),
    /// A text that Spark 2 does not read either.
    Legacy(String),
}

impl fmt::Display for ParseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(text, index) => write!(f, "Text '{}' could not be parsed at index {index}", abbreviated(text)),
            Self::Unparsed(text, index) => {
                write!(f, "Text '{}' could not be parsed, unparsed text found at index {index}", abbreviated(text))
            }
            Self::Legacy(text) => write!(f, "Unparseable date: \"{text}\""),
            Self::Invalid(text, reason) => write!(f, "Text '{}' could not be parsed: {reason}", abbreviated(text)),
        }
    }
}

/// Java shows 64 characters.
fn abbreviated(text: &str) -> String {
    if text.chars().count() > 64 { format!("{}...", text.chars().take(64).collect::<String>()) } else { text.into() }
}

const FIELDS: usize = 16;

/// Values of fields as they are read.
#[derive(Debug, Clone, Default)]
struct Fields {
    values: [Option<i64>; FIELDS],
    nanos: Option<i64>,
    zone: Option<Zone>,
}

impl Fields {
    fn get(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    /// False if the field has another value already.
    fn set(&mut self, field: Field, value: i64) -> bool {
        let slot = &mut self.values[field as usize];
        let same = slot.is_none_or(|before| before == value);
        *slot = Some(value);
        same
    }
}

/// A date and a time of day out of a text.
struct Resolved {
    days: i64,
    time_us: i64,
    zone: Option<Zone>,
}

impl Pattern {
    /// The instant (microseconds) of a text; a text without zone is local time in `zone`.
    pub fn parse_timestamp(&self, text: &str, zone: Zone) -> Result<i64, ParseFailure> {
        let resolved = self.resolve(text)?;
        let overflow = || ParseFailure::Invalid(text.into(), "long overflow".into());
        let local = resolved.days.checked_mul(DAY_US).and_then(|us| us.checked_add(resolved.time_us));
        let local = local.ok_or_else(overflow)?;
        let zone = resolved.zone.unwrap_or(zone);
        let us = zone.to_utc(local);
        // Spark has `SimpleDateFormat` accept no time that the clock has skipped.
        if self.legacy.is_some() && zone.to_local(us) != local {
            return Err(ParseFailure::Legacy(text.into()));
        }
        Ok(us)
    }

    /// Local microseconds of a text; its zone, if any, is left out.
    pub fn parse_timestamp_ntz(&self, text: &str) -> Result<i64, ParseFailure> {
        let resolved = self.resolve(text)?;
        let local = resolved.days.checked_mul(DAY_US).and_then(|us| us.checked_add(resolved.time_us));
        local.ok_or_else(|| ParseFailure::Invalid(text.into(), "long overflow".into()))
    }

    /// The date of a text, days since the epoch.
    pub fn parse_date(&self, text: &str) -> Result<i32, ParseFailure> {
        let resolved = self.resolve(text)?;
        i32::try_from(resolved.days).map_err(|_| ParseFailure::Invalid(text.into(), "integer overflow".into()))
    }

    /// The time of day of a text, nanoseconds.
    pub fn parse_time(&self, text: &str) -> Result<i64, ParseFailure> {
        Ok(self.resolve(text)?.time_us * 1_000)
    }

    fn resolve(&self, text: &str) -> Result<Resolved, ParseFailure> {
        if let Some(legacy) = &self.legacy {
            let (local_us, zone) = legacy.parse(text)?;
            return Ok(Resolved { days: local_us.div_euclid(DAY_US), time_us: local_us.rem_euclid(DAY_US), zone });
        }
        let mut fields = Fields::default();
        match parse_items(&self.items, text, 0, &mut fields) {
            Ok(end) if end == text.len() => {}
            Ok(end) => return Err(ParseFailure::Unparsed(text.into(), text[..end].encode_utf16().count())),
            Err(at) => {
                let at = text.get(..at).map_or(at, |before| before.encode_utf16().count());
                return Err(ParseFailure::At(text.into(), at));
            }
        }
        let invalid = |reason| ParseFailure::Invalid(text.into(), reason);
        let days = date(&fields).map_err(invalid)?;
        let time_us = time(&fields).map_err(invalid)?;
        Ok(Resolved { days, time_us, zone: fields.zone })
    }
}

/// The end of what the items take, or where they fail.
fn parse_items(items: &[Item], text: &str, start: usize, fields: &mut Fields) -> Result<usize, usize> {
    let mut at = start;
    for item in items {
        at = match item {
            Item::Literal(literal) => {
                let taken = text.get(at..at + literal.len()).ok_or(at)?;
                if !taken.eq_ignore_ascii_case(literal) {
                    return Err(at);
                }
                at + literal.len()
            }
            Item::Number(number) => parse_number(number, text, at, fields)?,
            Item::Fraction(digits) => {
                let count = digits_at(text, at, *digits);
                if count == 0 {
                    return Err(at);
                }
                let value: i64 = text[at..at + count].parse().map_err(|_| at)?;
                fields.nanos = Some(value * 10_i64.pow(9 - count as u32));
                at + count
            }
            Item::Text(field, style) => {
                let (words, first, letters) = texts(*field, *style);
                let found = words.iter().enumerate().find_map(|(index, word)| {
                    let word = shortened(word, letters);
                    let taken = text.get(at..at + word.len())?;
                    taken.eq_ignore_ascii_case(word).then_some((index as i64 + first, word.len()))
                });
                let (value, length) = found.ok_or(at)?;
                if !fields.set(*field, value) {
                    return Err(at);
                }
                at + length
            }
            Item::Offset(offset) => parse_offset(offset, text, at, fields)?,
            Item::ZoneId | Item::ZoneName { .. } => parse_zone(text, at, fields)?,
            Item::Optional(inner) => {
                let mut attempt = fields.clone();
                match parse_items(inner, text, at, &mut attempt) {
                    Ok(end) => {
                        *fields = attempt;
                        end
                    }
                    Err(_) => at,
                }
            }
        };
    }
    Ok(at)
}

/// How many digits there are at a place, `limit` at most.
fn digits_at(text: &str, at: usize, limit: usize) -> usize {
    text.as_bytes()[at.min(text.len())..].iter().take(limit).take_while(|byte| byte.is_ascii_digit()).count()
}

fn parse_number(number: &Number, text: &str, start: usize, fields: &mut Fields) -> Result<usize, usize> {
    let sign = text.as_bytes().get(start).copied();
    let (negative, positive, mut at) = match (sign, number.sign) {
        (Some(b'-'), Sign::Normal | Sign::ExceedsPad) => (true, false, start + 1),
        (Some(b'+'), Sign::ExceedsPad) => (false, true, start + 1),
        _ => (false, false, start),
    };
    let mut count = digits_at(text, at, number.max + number.reserved);
    if number.reserved > 0 {
        count = count.saturating_sub(number.reserved).max(number.min.min(count));
    }
    if count < number.min || count == 0 {
        return Err(start);
    }
    let digits = &text[at..at + count];
    let mut value: i64 = digits.parse().map_err(|_| start)?;
    at += count;
    match number.sign {
        Sign::Reduced => value += 2000,
        Sign::ExceedsPad if positive && count <= number.min => return Err(start),
        Sign::ExceedsPad if !positive && !negative && count > number.min => return Err(start),
        _ if negative && value == 0 => return Err(start),
        _ if negative => value = -value,
        _ => {}
    }
    if fields.set(number.field, value) { Ok(at) } else { Err(start) }
}

fn parse_offset(style: &Offset, text: &str, start: usize, fields: &mut Fields) -> Result<usize, usize> {
    let rest = text.get(start..).ok_or(start)?;
    let mut at = start;
    if style.localized.is_some() {
        if !rest.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("GMT")) {
            return Err(start);
        }
        at += 3;
    }
    let bytes = text.as_bytes();
    let sign = match bytes.get(at) {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ if style.localized.is_some() => {
            fields.zone = Some(Zone::Fixed(0));
            return Ok(at);
        }
        _ if rest.get(..style.zero.len()).is_some_and(|zero| zero.eq_ignore_ascii_case(style.zero)) => {
            fields.zone = Some(Zone::Fixed(0));
            return Ok(start + style.zero.len());
        }
        _ => return Err(start),
    };
    at += 1;
    let two = |at: usize| -> Option<i32> {
        let digits = text.get(at..at + 2)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let hours = match (two(at), style.localized) {
        (Some(hours), _) => {
            at += 2;
            hours
        }
        (None, Some(super::TextStyle::Short)) if digits_at(text, at, 1) == 1 => {
            at += 1;
            i32::from(bytes[at - 1] - b'0')
        }
        _ => return Err(start),
    };
    let colon = usize::from(style.colon);
    let part = |at: usize| -> Option<i32> {
        if style.colon && bytes.get(at) != Some(&b':') {
            return None;
        }
        two(at + colon)
    };
    let mut minutes = 0;
    match part(at) {
        Some(value) => {
            minutes = value;
            at += 2 + colon;
        }
        None if style.minutes == Minutes::Always => return Err(start),
        None => {}
    }
    let mut seconds = 0;
    if style.seconds
        && let Some(value) = part(at)
    {
        seconds = value;
        at += 2 + colon;
    }
    if minutes > 59 || seconds > 59 || hours > 18 {
        return Err(start);
    }
    fields.zone = Some(Zone::Fixed(sign * (hours * 3600 + minutes * 60 + seconds)));
    Ok(at)
}

fn parse_zone(text: &str, start: usize, fields: &mut Fields) -> Result<usize, usize> {
    let rest = text.get(start..).ok_or(start)?;
    let limit = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '+' | '-' | ':')))
        .unwrap_or(rest.len());
    // The longest prefix that names a zone.
    for end in (1..=limit).rev() {
        if let Some(zone) = Zone::parse(&rest[..end]).or_else(|| abbreviated_zone(&rest[..end])) {
            fields.zone = Some(zone);
            return Ok(start + end);
        }
    }
    Err(start)
}

/// Abbreviations that are no zone ids of Java's.
fn abbreviated_zone(name: &str) -> Option<Zone> {
    let id = match name.to_ascii_uppercase().as_str() {
        "PDT" => "America/Los_Angeles",
        "MDT" => "America/Denver",
        "CDT" => "America/Chicago",
        "EDT" => "America/New_York",
        "CEST" => "Europe/Paris",
        "EEST" => "Europe/Athens",
        "WEST" => "Europe/Lisbon",
        _ => return None,
    };
    Zone::parse(id)
}

fn check(fields: &Fields, field: Field, name: &str, min: i64, max: i64, range: &str) -> Result<(), String> {
    match fields.get(field) {
        Some(value) if value < min || value > max => {
            Err(format!("Invalid value for {name} (valid values {range}): {value}"))
        }
        _ => Ok(()),
    }
}

fn date(fields: &Fields) -> Result<i64, String> {
    check(fields, Field::Month, "MonthOfYear", 1, 12, "1 - 12")?;
    check(fields, Field::DayOfMonth, "DayOfMonth", 1, 31, "1 - 28/31")?;
    check(fields, Field::DayOfYear, "DayOfYear", 1, 366, "1 - 365/366")?;
    let year = match (fields.get(Field::Year), fields.get(Field::YearOfEra)) {
        (Some(year), _) => year,
        (None, Some(year)) if fields.get(Field::Era) == Some(0) => 1 - year,
        (None, Some(year)) => year,
        (None, None) => 1970,
    };
    if year.abs() > 999_999_999 {
        return Err(format!("Invalid value for Year (valid values -999999999 - 999999999): {year}"));
    }
    if let (Some(day), None, None) =
        (fields.get(Field::DayOfYear), fields.get(Field::Month), fields.get(Field::DayOfMonth))
    {
        if day == 366 && !is_leap(year) {
            return Err(format!("Invalid date 'DayOfYear 366' as '{year}' is not a leap year"));
        }
        return Ok(days_from_civil(year, 1, 1) + day - 1);
    }
    let (month, day) = (fields.get(Field::Month).unwrap_or(1), fields.get(Field::DayOfMonth).unwrap_or(1));
    if day > i64::from(month_length(year, month as u32)) {
        return Err(if day == 29 {
            format!("Invalid date 'February 29' as '{year}' is not a leap year")
        } else {
            format!("Invalid date '{} {day}'", MONTHS[month as usize - 1].to_uppercase())
        });
    }
    let days = days_from_civil(year, month as u32, day as u32);
    if fields.get(Field::DayOfWeek).is_some_and(|weekday| weekday != iso_weekday(days)) {
        return Err("Conflict found: the day of the week differs from that of the date".into());
    }
    Ok(days)
}

/// Microseconds of the day.
fn time(fields: &Fields) -> Result<i64, String> {
    check(fields, Field::Hour, "HourOfDay", 0, 23, "0 - 23")?;
    check(fields, Field::ClockHour, "ClockHourOfDay", 1, 24, "1 - 24")?;
    check(fields, Field::HourOfHalfDay, "HourOfAmPm", 0, 11, "0 - 11")?;
    check(fields, Field::ClockHourOfHalfDay, "ClockHourOfAmPm", 1, 12, "1 - 12")?;
    check(fields, Field::Minute, "MinuteOfHour", 0, 59, "0 - 59")?;
    check(fields, Field::Second, "SecondOfMinute", 0, 59, "0 - 59")?;
    let half = fields.get(Field::HalfDay);
    let of_half = fields.get(Field::HourOfHalfDay).or(fields.get(Field::ClockHourOfHalfDay).map(|hour| hour % 12));
    let hour = match (fields.get(Field::Hour), fields.get(Field::ClockHour), of_half) {
        (Some(hour), ..) => hour,
        (None, Some(hour), _) => hour % 24,
        (None, None, Some(hour)) => half.unwrap_or(0) * 12 + hour,
        // An afternoon without an hour is noon.
        (None, None, None) => half.unwrap_or(0) * 12,
    };
    let seconds = hour * 3600 + fields.get(Field::Minute).unwrap_or(0) * 60 + fields.get(Field::Second).unwrap_or(0);
    Ok(seconds * SECOND_US + fields.nanos.unwrap_or(0) / 1_000)
}
