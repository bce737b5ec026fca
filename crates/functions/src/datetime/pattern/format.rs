//! Prints dates and times by a pattern.

use std::fmt::Write;

use firesteel_protocol::SparkError;

use super::super::civil::{DAY_US, SECOND_US, civil_from_days, day_of_year, iso_weekday};
use super::super::zone::{UTC, Zone};
use super::{Field, Item, Minutes, Number, Offset, Pattern, Sign, TextStyle, shortened, texts};

/// A local date and time with its zone.
struct Moment {
    us: i64,
    zone: Zone,
    offset: i64,
    year: i64,
    month: i64,
    day: i64,
    days: i64,
    second_of_day: i64,
    micros: i64,
}

impl Moment {
    fn new(us: i64, zone: Zone) -> Self {
        let offset = zone.offset_at(us);
        let local = us.saturating_add(offset * SECOND_US);
        let days = local.div_euclid(DAY_US);
        let of_day = local.rem_euclid(DAY_US);
        let (year, month, day) = civil_from_days(days);
        Self {
            us,
            zone,
            offset,
            year,
            month: i64::from(month),
            day: i64::from(day),
            days,
            second_of_day: of_day / SECOND_US,
            micros: of_day % SECOND_US,
        }
    }

    fn value(&self, field: Field) -> i64 {
        let hour = self.second_of_day / 3600;
        match field {
            Field::Era => i64::from(self.year > 0),
            Field::Year => self.year,
            Field::YearOfEra => {
                if self.year > 0 {
                    self.year
                } else {
                    1 - self.year
                }
            }
            Field::Month => self.month,
            Field::Quarter => (self.month + 2) / 3,
            Field::DayOfYear => day_of_year(self.days),
            Field::DayOfMonth => self.day,
            Field::DayOfWeek => iso_weekday(self.days),
            Field::AlignedDay => (self.day - 1) % 7 + 1,
            Field::HalfDay => hour / 12,
            Field::Hour => hour,
            Field::ClockHour => {
                if hour == 0 {
                    24
                } else {
                    hour
                }
            }
            Field::HourOfHalfDay => hour % 12,
            Field::ClockHourOfHalfDay => (hour + 11) % 12 + 1,
            Field::Minute => self.second_of_day / 60 % 60,
            Field::Second => self.second_of_day % 60,
        }
    }
}

impl Pattern {
    /// Prints an instant (microseconds) as local time of `zone`.
    pub fn format_timestamp(&self, us: i64, zone: Zone) -> Result<String, SparkError> {
        let mut text = String::with_capacity(24);
        self.write_timestamp(&mut text, us, zone)?;
        Ok(text)
    }

    /// Appends [`Pattern::format_timestamp`].
    pub fn write_timestamp(&self, text: &mut String, us: i64, zone: Zone) -> Result<(), SparkError> {
        match &self.legacy {
            Some(legacy) => legacy.write(text, us, zone),
            None => write_items(text, &self.items, &Moment::new(us, zone)),
        }
    }

    /// Prints a date, at midnight.
    pub fn format_date(&self, days: i32) -> Result<String, SparkError> {
        self.format_timestamp(i64::from(days).saturating_mul(DAY_US), UTC)
    }
}

fn write_items(text: &mut String, items: &[Item], moment: &Moment) -> Result<(), SparkError> {
    for item in items {
        match item {
            Item::Literal(literal) => text.push_str(literal),
            Item::Number(number) => write_number(text, number, moment.value(number.field))?,
            Item::Fraction(digits) => {
                let nanos = format!("{:09}", moment.micros * 1_000);
                text.push_str(&nanos[..*digits]);
            }
            Item::Text(field, style) => {
                let (words, first, letters) = texts(*field, *style);
                let word = usize::try_from(moment.value(*field) - first).ok().and_then(|at| words.get(at));
                text.push_str(shortened(word.copied().unwrap_or_default(), letters));
            }
            Item::Offset(offset) => write_offset(text, offset, moment.offset),
            // What is set is `UTC`, hardly ever `Z`.
            Item::ZoneId if matches!(moment.zone, Zone::Fixed(0)) => text.push_str("UTC"),
            Item::ZoneId => text.push_str(&moment.zone.id()),
            Item::ZoneName { long: false } => text.push_str(&moment.zone.abbreviation(moment.us)),
            Item::ZoneName { long: true } => match moment.zone {
                Zone::Fixed(offset) if offset != 0 => text.push_str(&moment.zone.id()),
                _ => text.push_str(long_name(moment)?),
            },
            Item::Optional(inner) => write_items(text, inner, moment)?,
        }
    }
    Ok(())
}

fn write_number(text: &mut String, number: &Number, value: i64) -> Result<(), SparkError> {
    let width = number.min;
    let _ = match number.sign {
        Sign::Reduced => write!(text, "{:02}", value.rem_euclid(100)),
        _ if value < 0 => write!(text, "-{:0width$}", -value),
        Sign::ExceedsPad if value.to_string().len() > width => write!(text, "+{value}"),
        Sign::NotNegative if value.to_string().len() > number.max => {
            return Err(SparkError::internal(format!("{value} has more digits than the pattern allows")));
        }
        _ => write!(text, "{value:0width$}"),
    };
    Ok(())
}

fn write_offset(text: &mut String, style: &Offset, offset: i64) {
    if offset == 0 {
        text.push_str(style.zero);
        return;
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (offset.abs() / 3600, offset.abs() / 60 % 60, offset.abs() % 60);
    let colon = if style.colon { ":" } else { "" };
    let _ = match style.localized {
        Some(TextStyle::Short) => write!(text, "GMT{sign}{hours}"),
        Some(TextStyle::Full) => write!(text, "GMT{sign}{hours:02}"),
        None => write!(text, "{sign}{hours:02}"),
    };
    if style.minutes == Minutes::Always || minutes != 0 || (style.seconds && seconds != 0) {
        let _ = write!(text, "{colon}{minutes:02}");
    }
    if style.seconds && seconds != 0 {
        let _ = write!(text, "{colon}{seconds:02}");
    }
}

/// The names of `zzzz` that are in common use.
fn long_name(moment: &Moment) -> Result<&'static str, SparkError> {
    const NAMES: &[(&str, &str)] = &[
        ("PST", "Pacific Standard Time"),
        ("PDT", "Pacific Daylight Time"),
        ("MST", "Mountain Standard Time"),
        ("MDT", "Mountain Daylight Time"),
        ("CST", "Central Standard Time"),
        ("CDT", "Central Daylight Time"),
        ("EST", "Eastern Standard Time"),
        ("EDT", "Eastern Daylight Time"),
        ("GMT", "Greenwich Mean Time"),
        ("UTC", "Coordinated Universal Time"),
        ("CET", "Central European Standard Time"),
        ("CEST", "Central European Summer Time"),
        ("EET", "Eastern European Standard Time"),
        ("EEST", "Eastern European Summer Time"),
        ("JST", "Japan Standard Time"),
    ];
    let short = moment.zone.abbreviation(moment.us);
    let american = moment.zone.id().starts_with("America/") || moment.zone.id().starts_with("US/");
    let ambiguous = matches!(short.as_str(), "CST" | "MST" | "EST" | "PST") && !american;
    NAMES.iter().find(|(name, _)| *name == short && !ambiguous).map(|(_, long)| *long).ok_or_else(|| {
        SparkError::unsupported(
            format!("the pattern `zzzz` for the time zone {}", moment.zone.id()),
            "Use `VV` for the zone's id or `XXX` for its offset.",
        )
    })
}
