//! Time zones as Java's `ZoneId` names them, with Java's rules for local times that do not exist or exist twice.

use std::str::FromStr;

use chrono::{DateTime, Duration, NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};
use firesteel_protocol::SparkError;

use super::civil::SECOND_US;

/// A time zone: a fixed offset in seconds or a region with rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Fixed(i32),
    Region(Tz),
}

/// UTC.
pub const UTC: Zone = Zone::Fixed(0);

/// Java's `ZoneId.SHORT_IDS`.
const SHORT_IDS: &[(&str, &str)] = &[
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("EST", "-05:00"),
    ("HST", "-10:00"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("MST", "-07:00"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// `TZ`, else what the system is set to, else UTC. Read once: the JVM does likewise.
pub fn machine() -> String {
    static ZONE: std::sync::OnceLock<std::sync::Arc<str>> = std::sync::OnceLock::new();
    let zone = ZONE.get_or_init(|| {
        let named = std::env::var("TZ")
            .ok()
            .map(|zone| zone.trim_start_matches(':').to_string())
            .filter(|zone| !zone.is_empty());
        let linked = || {
            let target = std::fs::read_link("/etc/localtime").ok()?;
            Some(target.to_str()?.split_once("zoneinfo/")?.1.to_string())
        };
        // The JVM keeps a name that TZ gives, and knows the machine's UTC as `Etc/UTC`.
        let linked = || linked().map(|zone| if zone == "UTC" { "Etc/UTC".into() } else { zone });
        let zone = named.or_else(linked).filter(|zone| Zone::parse(zone).is_some());
        std::sync::Arc::from(zone.unwrap_or_else(|| "Etc/UTC".into()))
    });
    zone.to_string()
}

impl Zone {
    /// Reads a zone id as Spark does: `Z`, `+8:00`, `-0530`, `UTC+3`, `Europe/Berlin`, `PST`.
    pub fn parse(id: &str) -> Option<Self> {
        if let Some((_, long)) = SHORT_IDS.iter().find(|(short, _)| *short == id) {
            return Self::parse(long);
        }
        match id {
            "Z" | "UTC" | "GMT" | "UT" => return Some(UTC),
            _ => {}
        }
        if id.starts_with(['+', '-']) {
            return parse_offset(id).map(Self::Fixed);
        }
        for prefix in ["UTC", "GMT", "UT"] {
            if let Some(rest) = id.strip_prefix(prefix)
                && rest.starts_with(['+', '-'])
            {
                return parse_offset(rest).map(Self::Fixed);
            }
        }
        // Java knows these by no name of their own that chrono-tz shares.
        Tz::from_str(id).ok().map(Self::Region)
    }

    /// [`Zone::parse`] with Spark's error for a zone that does not exist.
    pub fn of(id: &str) -> Result<Self, SparkError> {
        Self::parse(id).ok_or_else(|| SparkError::new("INVALID_TIMEZONE").with("timeZone", id))
    }

    /// Seconds to add to UTC for local time at this instant (microseconds).
    pub fn offset_at(&self, us: i64) -> i64 {
        match self {
            Self::Fixed(offset) => i64::from(*offset),
            Self::Region(tz) => i64::from(tz.offset_from_utc_datetime(&naive(us)).fix().local_minus_utc()),
        }
    }

    /// Local time of an instant, as microseconds since 1970-01-01T00:00 local.
    pub fn to_local(&self, us: i64) -> i64 {
        us.saturating_add(self.offset_at(us) * SECOND_US)
    }

    /// The instant of a local time. Java's rules: of two instants the earlier; in a gap, later by its length.
    pub fn to_utc(&self, local_us: i64) -> i64 {
        local_us.saturating_sub(self.offset_of_local(local_us) * SECOND_US)
    }

    /// The offset, in seconds, that [`Zone::to_utc`] takes for a local time.
    pub fn offset_of_local(&self, local_us: i64) -> i64 {
        match self {
            Self::Fixed(offset) => i64::from(*offset),
            Self::Region(tz) => {
                let local = naive(local_us);
                let offset = match tz.offset_from_local_datetime(&local) {
                    chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset,
                    // 15 hours earlier is before the transition, whatever the offset.
                    chrono::LocalResult::None => tz.offset_from_utc_datetime(&(local - Duration::hours(15))),
                };
                i64::from(offset.fix().local_minus_utc())
            }
        }
    }

    /// The zone's id as Java prints it.
    pub fn id(&self) -> String {
        match self {
            Self::Fixed(0) => "Z".into(),
            Self::Fixed(offset) => offset_text(*offset),
            Self::Region(tz) => tz.name().into(),
        }
    }

    /// Abbreviation in force at an instant: `PST`, `PDT`.
    pub fn abbreviation(&self, us: i64) -> String {
        match self {
            Self::Fixed(0) => "UTC".into(),
            Self::Fixed(offset) => offset_text(*offset),
            Self::Region(tz) => {
                tz.offset_from_utc_datetime(&naive(us)).abbreviation().unwrap_or_else(|| tz.name()).to_string()
            }
        }
    }
}

/// A date and time of chrono's range; beyond it rules do not change any more.
fn naive(us: i64) -> NaiveDateTime {
    const LIMIT_US: i64 = 8_000_000_000_000 * SECOND_US;
    DateTime::from_timestamp_micros(us.clamp(-LIMIT_US, LIMIT_US)).map(|at| at.naive_utc()).unwrap_or_default()
}

/// `+h`, `+hh`, `+h:mm`, `+hh:mm`, `+hh:m`, `+hhmm`, `+hh:mm:ss`, `+hhmmss`; at most 18 hours.
fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| -> Option<i32> {
        (lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (hours, minutes, seconds) = if digits.contains(':') {
        let parts: Vec<&str> = digits.split(':').collect();
        match parts.as_slice() {
            [h, m] => (number(h, 1..=2)?, number(m, 1..=2)?, 0),
            [h, m, s] => (number(h, 1..=2)?, number(m, 2..=2)?, number(s, 2..=2)?),
            _ => return None,
        }
    } else {
        match digits.len() {
            1 | 2 => (number(digits, 1..=2)?, 0, 0),
            4 => (number(digits.get(..2)?, 2..=2)?, number(digits.get(2..)?, 2..=2)?, 0),
            6 => {
                (number(digits.get(..2)?, 2..=2)?, number(digits.get(2..4)?, 2..=2)?, number(digits.get(4..)?, 2..=2)?)
            }
            _ => return None,
        }
    };
    let total = hours * 3600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= 18 * 3600).then_some(sign * total)
}

/// `+hh:mm` or `+hh:mm:ss`.
fn offset_text(offset: i32) -> String {
    let (sign, rest) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    if seconds == 0 {
        format!("{sign}{hours:02}:{minutes:02}")
    } else {
        format!("{sign}{hours:02}:{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gap_moves_on_and_overlap_takes_the_earlier() {
        let zone = Zone::parse("America/Los_Angeles").unwrap();
        let local = |text| super::super::iso::parse_timestamp_ntz(text).unwrap();
        assert_eq!(zone.to_utc(local("2021-03-14 02:30:00")), local("2021-03-14 10:30:00"));
        assert_eq!(zone.to_utc(local("2021-11-07 01:30:00")), local("2021-11-07 08:30:00"));
        assert_eq!(Zone::parse("UTC+3"), Some(Zone::Fixed(10_800)));
        assert_eq!(Zone::parse("+8:5"), Some(Zone::Fixed(29_100)));
    }
}
