//! Dates and times in text: by the user's patterns, or in the forms that casts read.

use std::borrow::Cow;
use std::sync::Arc;

use firesteel_functions::cast::{datetime, interval, time};
use firesteel_functions::datetime::iso;
use firesteel_functions::datetime::pattern::{Pattern, Purpose};
use firesteel_functions::datetime::zone::{UTC, Zone};
use firesteel_protocol::types::IntervalRange;
use firesteel_protocol::{Result, SparkError};

use crate::options::OptionSpec;
use crate::{Options, SourceContext};

/// `dateFormat`.
pub const DATE_FORMAT: OptionSpec =
    OptionSpec { key: "dateFormat", aliases: &[], default: "", doc: "Pattern of DATE columns." };
/// `timestampFormat`.
pub const TIMESTAMP_FORMAT: OptionSpec =
    OptionSpec { key: "timestampFormat", aliases: &[], default: "", doc: "Pattern of TIMESTAMP columns." };
/// `timestampNTZFormat`.
pub const TIMESTAMP_NTZ_FORMAT: OptionSpec =
    OptionSpec { key: "timestampNTZFormat", aliases: &[], default: "", doc: "Pattern of TIMESTAMP_NTZ columns." };
/// `timeZone`.
pub const TIME_ZONE: OptionSpec = OptionSpec {
    key: "timeZone",
    aliases: &[],
    default: "",
    doc: "Zone of timestamps without one; the session's time zone if not given.",
};
/// `locale`.
pub const LOCALE: OptionSpec =
    OptionSpec { key: "locale", aliases: &[], default: "en-US", doc: "Language of month names and decimals." };
/// `enableDateTimeParsingFallback`.
pub const FALLBACK: OptionSpec = OptionSpec {
    key: "enableDateTimeParsingFallback",
    aliases: &[],
    default: "",
    doc: "Whether texts that a pattern does not fit are read as casts read them; by default if no pattern is given.",
};

/// How dates and times are read and written.
#[derive(Debug, Clone)]
pub struct Temporal {
    zone: Zone,
    date: Option<Arc<Pattern>>,
    timestamp: Option<Arc<Pattern>>,
    timestamp_ntz: Option<Arc<Pattern>>,
    date_fallback: bool,
    timestamp_fallback: bool,
    /// `spark.sql.timestampType` is TIMESTAMP_NTZ: inference prefers it.
    pub infer_ntz: bool,
    /// What `dateFormat` is, if given.
    date_format: Option<String>,
}

impl Temporal {
    /// Reads the options. `format` is the format's short name.
    pub fn of(options: &Options, ctx: &SourceContext, format: &str, purpose: Purpose) -> Result<Self> {
        let locale = options.text(&LOCALE);
        if !locale.to_ascii_lowercase().starts_with("en") {
            let feature = format!("{format} option `locale` with \"{locale}\"");
            return Err(SparkError::unsupported(feature, "Read such columns as STRING and convert them in the query."));
        }
        let compile = |text: &str| Pattern::under(&ctx.env.time_parser_policy, text, purpose).map(Arc::new);
        let pattern = |spec: &OptionSpec| options.given(spec).map(compile).transpose();
        let fallback = match options.given(&FALLBACK) {
            Some(_) => Some(options.flag(&FALLBACK)?),
            None => ctx
                .conf(&format!("spark.sql.legacy.{format}.enableDateTimeParsingFallback"))
                .and_then(|value| value.parse().ok()),
        };
        let date_format = options.given(&DATE_FORMAT).map(str::to_string);
        Ok(Self {
            zone: Zone::of(options.given(&TIME_ZONE).unwrap_or(&ctx.env.time_zone))?,
            date: pattern(&DATE_FORMAT)?,
            timestamp: pattern(&TIMESTAMP_FORMAT)?,
            timestamp_ntz: pattern(&TIMESTAMP_NTZ_FORMAT)?,
            date_fallback: fallback.unwrap_or(date_format.is_none()),
            timestamp_fallback: fallback.unwrap_or(options.given(&TIMESTAMP_FORMAT).is_none()),
            infer_ntz: ctx.conf("spark.sql.timestampType").is_some_and(|t| t.eq_ignore_ascii_case("TIMESTAMP_NTZ")),
            date_format,
        })
    }

    /// The zone in which timestamps are told.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// Default forms in UTC, for values that have none of their own.
    pub fn utc() -> Self {
        Self {
            zone: UTC,
            date: None,
            timestamp: None,
            timestamp_ntz: None,
            date_fallback: true,
            timestamp_fallback: true,
            infer_ntz: false,
            date_format: None,
        }
    }

    /// Reads a DATE: days since the epoch.
    pub fn parse_date(&self, text: &str) -> Option<i32> {
        match &self.date {
            None => iso::parse_date(text),
            Some(pattern) => match pattern.parse_date(text) {
                Ok(days) => Some(days),
                Err(_) if self.date_fallback => iso::parse_date(&clean(text)),
                Err(_) => None,
            },
        }
    }

    /// [`Temporal::parse_date`]; where casts are the fallback, a whole number is days since the epoch.
    pub fn parse_date_or_days(&self, text: &str) -> Option<i32> {
        let days = || i32::try_from(super::number::parse_integer(text.as_bytes())?).ok();
        self.parse_date(text).or_else(|| if self.date_fallback { days() } else { None })
    }

    /// Reads a TIMESTAMP: microseconds since the epoch.
    pub fn parse_timestamp(&self, text: &str) -> Option<i64> {
        match &self.timestamp {
            None => iso::parse_timestamp(text, self.zone).or_else(|| iso::parse_timestamp(&clean(text), self.zone)),
            Some(pattern) => match pattern.parse_timestamp(text, self.zone) {
                Ok(us) => Some(us),
                Err(_) if self.timestamp_fallback => iso::parse_timestamp(&clean(text), self.zone),
                Err(_) => None,
            },
        }
    }

    /// Reads a TIMESTAMP_NTZ, which must not name a zone.
    pub fn parse_timestamp_ntz(&self, text: &str) -> Option<i64> {
        match &self.timestamp_ntz {
            None => iso::parse_timestamp_ntz(text).filter(|_| !iso::has_zone(text)),
            Some(pattern) if pattern.has_zone() => None,
            Some(pattern) => pattern.parse_timestamp_ntz(text).ok(),
        }
    }

    /// Whether inference takes a text for a DATE: by the pattern, strictly `yyyy-MM-dd` without one.
    pub fn looks_like_date(&self, text: &str) -> bool {
        match &self.date {
            None => {
                let bytes = text.as_bytes();
                bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && iso::parse_date(text).is_some()
            }
            Some(pattern) => pattern.parse_date(text).is_ok(),
        }
    }

    /// Whether inference takes a text for a TIMESTAMP.
    pub fn looks_like_timestamp(&self, text: &str) -> bool {
        match &self.timestamp {
            None => iso::parse_timestamp(text, self.zone).is_some(),
            Some(pattern) => pattern.parse_timestamp(text, self.zone).is_ok(),
        }
    }

    /// Whether inference takes a text for a TIMESTAMP_NTZ.
    pub fn looks_like_timestamp_ntz(&self, text: &str) -> bool {
        self.infer_ntz && self.parse_timestamp_ntz(text).is_some()
    }

    /// Whether every text that is a date by `dateFormat` can be read as a timestamp too.
    pub fn dates_are_timestamps(&self, ntz: bool) -> bool {
        const LENIENT: &[&str] = &["yyyy-MM-dd", "yyyy-M-d", "yyyy-M-dd", "yyyy-MM-d", "yyyy-MM", "yyyy-M", "yyyy"];
        let own_pattern = if ntz { self.timestamp_ntz.is_some() } else { self.timestamp.is_some() };
        !own_pattern && LENIENT.contains(&self.date_format.as_deref().unwrap_or("yyyy-MM-dd"))
    }

    /// Appends a DATE: by the pattern or as `2020-01-02`.
    pub fn write_date(&self, out: &mut Vec<u8>, days: i32) -> Result<()> {
        let text = match &self.date {
            None => iso::format_date(days),
            Some(pattern) => pattern.format_date(days)?,
        };
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Appends a TIMESTAMP: by the pattern or as `2020-01-02T03:04:05.678+01:00`.
    pub fn write_timestamp(&self, out: &mut Vec<u8>, us: i64) -> Result<()> {
        if let Some(pattern) = &self.timestamp {
            out.extend_from_slice(pattern.format_timestamp(us, self.zone)?.as_bytes());
            return Ok(());
        }
        let offset = self.zone.offset_at(us);
        write_local(out, us.saturating_add(offset * 1_000_000));
        write_offset(out, offset);
        Ok(())
    }

    /// Appends a TIMESTAMP_NTZ: by the pattern or as `2020-01-02T03:04:05.678`.
    pub fn write_timestamp_ntz(&self, out: &mut Vec<u8>, us: i64) -> Result<()> {
        match &self.timestamp_ntz {
            Some(pattern) => out.extend_from_slice(pattern.format_timestamp(us, UTC)?.as_bytes()),
            None => write_local(out, us),
        }
        Ok(())
    }
}

/// Spark's `cleanLegacyTimestampStr`: the zone of old Spark versions, `GMT+1` for `+1`.
fn clean(text: &str) -> Cow<'_, str> {
    match text.find("GMT") {
        Some(at) => Cow::Owned(format!("{}{}", &text[..at], &text[at + 3..])),
        None => Cow::Borrowed(text),
    }
}

const DAY_US: i64 = 86_400_000_000;

/// Date, time and milliseconds; microseconds are cut off, as by the pattern `SSS`.
fn write_local(out: &mut Vec<u8>, local_us: i64) {
    use std::io::Write;
    let mut date = String::with_capacity(12);
    iso::write_date(&mut date, local_us.div_euclid(DAY_US));
    let ms = local_us.rem_euclid(DAY_US) / 1_000;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    // Writing to a Vec does not fail.
    let _ = write!(out, "{date}T{hour:02}:{minute:02}:{second:02}.{:03}", ms % 1_000);
}

/// Pattern `XXX`: `Z`, `+01:00`, and seconds where a zone of old has some.
fn write_offset(out: &mut Vec<u8>, seconds: i64) {
    use std::io::Write;
    if seconds == 0 {
        out.push(b'Z');
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    let _ = write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    if seconds % 60 != 0 {
        let _ = write!(out, ":{:02}", seconds.abs() % 60);
    }
}

/// Reads a TIME as casts do: nanoseconds of the day, cut to so many digits of a second.
pub fn parse_time(text: &str, digits: u8) -> Option<i64> {
    let unit = 10_i64.pow(9 - u32::from(digits.min(9)));
    time::time_of(text).map(|us| us * 1000 / unit * unit)
}

/// Appends a TIME: `01:02:03.5`.
pub fn write_time(out: &mut Vec<u8>, ns: i64) {
    let mut text = String::new();
    datetime::write_time(&mut text, ns / 1000);
    out.extend_from_slice(text.as_bytes());
}

/// Appends an INTERVAL YEAR TO MONTH, of these units, as SQL writes it.
pub fn write_year_month(out: &mut Vec<u8>, months: i32, range: Option<IntervalRange>) {
    let mut text = String::new();
    interval::write_year_month(&mut text, months, range.unwrap_or(IntervalRange::YEAR_MONTH));
    out.extend_from_slice(text.as_bytes());
}

/// Appends an INTERVAL DAY TO SECOND, of these units, as SQL writes it.
pub fn write_day_time(out: &mut Vec<u8>, us: i64, range: Option<IntervalRange>) {
    let mut text = String::new();
    interval::write_day_time(&mut text, us, range.unwrap_or(IntervalRange::DAY_TIME));
    out.extend_from_slice(text.as_bytes());
}
