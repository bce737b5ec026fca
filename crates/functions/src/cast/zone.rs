//! Time zones as `java.time.ZoneId` knows them: region names and fixed offsets.

use chrono::{NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::Tz;
use firesteel_protocol::{Result, SparkError};

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    Region(Tz),
}

impl Zone {
    /// The zone of a session or an argument; `INVALID_TIMEZONE` if there is none of that name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::find(text).ok_or_else(|| SparkError::new("INVALID_TIMEZONE").with("timeZone", text))
    }

    /// `Europe/Paris`, `UTC`, `Z`, `+01:00`, `-8`, `UTC+3`, `GMT-03:30`.
    pub fn find(text: &str) -> Option<Self> {
        if matches!(text, "Z" | "UTC" | "GMT" | "UT" | "UCT" | "Zulu" | "Etc/UTC") {
            return Some(Self::Fixed(0));
        }
        let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        if offset.starts_with(['+', '-']) {
            return parse_offset(offset).map(Self::Fixed);
        }
        text.parse::<Tz>().ok().or_else(|| short_name(text).and_then(|name| name.parse().ok())).map(Self::Region)
    }

    /// Seconds east of UTC at an instant.
    pub fn offset_seconds(self, utc_us: i64) -> i32 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Region(tz) => tz.offset_from_utc_datetime(&naive(utc_us)).fix().local_minus_utc(),
        }
    }

    /// The wall clock at an instant.
    pub fn to_local(self, utc_us: i64) -> i64 {
        utc_us.saturating_add(i64::from(self.offset_seconds(utc_us)) * 1_000_000)
    }

    /// The instant of a wall clock time: the earlier one where it comes twice; where it is skipped,
    /// moved forward by the length of the gap.
    pub fn to_utc(self, local_us: i64) -> i64 {
        let seconds = match self {
            Self::Fixed(seconds) => seconds,
            Self::Region(tz) => {
                use chrono::offset::LocalResult::{Ambiguous, None, Single};
                let local = naive(local_us);
                match tz.offset_from_local_datetime(&local) {
                    Single(offset) => offset.fix().local_minus_utc(),
                    Ambiguous(one, other) => one.fix().local_minus_utc().max(other.fix().local_minus_utc()),
                    // In a gap Java uses the offset from before it.
                    None => {
                        let before = local.checked_sub_signed(TimeDelta::hours(24)).unwrap_or(local);
                        tz.offset_from_utc_datetime(&before).fix().local_minus_utc()
                    }
                }
            }
        };
        local_us.saturating_sub(i64::from(seconds) * 1_000_000)
    }
}

/// chrono's form of an instant; far beyond chrono's calendar the offset no longer changes.
fn naive(us: i64) -> NaiveDateTime {
    const LIMIT: i64 = 8_000_000_000_000;
    let seconds = us.div_euclid(1_000_000).clamp(-LIMIT, LIMIT);
    chrono::DateTime::from_timestamp(seconds, 0).map(|instant| instant.naive_utc()).unwrap_or_default()
}

/// `+h`, `+hh`, `+hh:mm`, `+h:mm`, `+hhmm`, `+hh:mm:ss`; up to 18 hours.
fn parse_offset(text: &str) -> Option<i32> {
    let negative = text.starts_with('-');
    let digits = &text[1..];
    let two = |part: &str| -> Option<i32> {
        (matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok()).flatten()
    };
    let mut parts = [0; 3];
    if digits.contains(':') {
        for (index, part) in digits.split(':').enumerate() {
            *parts.get_mut(index)? = two(part)?;
        }
    } else {
        match digits.len() {
            1 | 2 => parts[0] = two(digits)?,
            4 | 6 if digits.is_ascii() => {
                for index in 0..digits.len() / 2 {
                    parts[index] = two(&digits[index * 2..index * 2 + 2])?;
                }
            }
            _ => return None,
        }
    }
    let [hours, minutes, seconds] = parts;
    let total = hours * 3600 + minutes * 60 + seconds;
    if minutes > 59 || seconds > 59 || total > 18 * 3600 {
        return None;
    }
    Some(if negative { -total } else { total })
}

/// Java's three-letter zone names (`ZoneId.SHORT_IDS`).
fn short_name(text: &str) -> Option<&'static str> {
    Some(match text {
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        assert_eq!(Zone::find("+5:30"), Some(Zone::Fixed(19800)));
        assert_eq!(Zone::find("UTC-8"), Some(Zone::Fixed(-28800)));
        assert_eq!(Zone::find("+19"), None);
        assert_eq!(Zone::find("Nowhere/City"), None);
    }

    #[test]
    fn gaps_move_forward() {
        let zone = Zone::find("America/Los_Angeles").unwrap();
        // 2024-03-10 02:30 does not exist there; Spark reads 03:30, which is 10:30 UTC.
        let local = 1_710_037_800_000_000;
        assert_eq!(zone.to_utc(local), local + 8 * 3_600_000_000);
    }
}
