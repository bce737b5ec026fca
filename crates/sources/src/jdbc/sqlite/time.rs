//! Dates and times in SQLite, as the driver keeps them: milliseconds since the epoch, a Julian day, or
//! text. Text and days are in the time zone of the machine, as they are for a JVM. Before 1582-10-15 a
//! JVM counts in the Julian calendar, so that is what stands in the database: dates keep their names.

use crate::julian;
use chrono::{DateTime, Datelike, Local, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};

const MS_OF_DAY: i64 = 86_400_000;
/// 1582-10-15, the first Gregorian day.
const CUTOVER_MS: i64 = -141_427 * MS_OF_DAY;

/// Days since the epoch.
pub fn days(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The date of a number of days.
pub fn date(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)
}

/// The local date and time of an instant as it is stored.
pub fn local(ms: i64) -> Option<NaiveDateTime> {
    let local_ms = ms.checked_add(offset_ms(ms)?)?;
    DateTime::from_timestamp_millis(from_hybrid(local_ms)).map(|time| time.naive_utc())
}

/// What is stored for a local date and time; one that a change of the clock skips is moved on, as in Java.
pub fn instant_ms(local: NaiveDateTime) -> i64 {
    let offset = match Local.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset,
        chrono::LocalResult::None => {
            let before = local.checked_sub_signed(TimeDelta::hours(3)).unwrap_or(local);
            Local.offset_from_utc_datetime(&before)
        }
    };
    to_hybrid(local.and_utc().timestamp_millis()) - i64::from(offset.fix().local_minus_utc()) * 1000
}

/// What is stored for an instant.
pub fn stored_ms(us: i64) -> i64 {
    let ms = us.div_euclid(1000);
    match offset_ms(ms) {
        Some(offset) if ms < CUTOVER_MS => to_hybrid(ms + offset) - offset,
        _ => ms,
    }
}

/// The instant that a stored number means.
pub fn read_us(ms: i64) -> Option<i64> {
    let ms = if ms < CUTOVER_MS {
        let offset = offset_ms(ms)?;
        from_hybrid(ms.checked_add(offset)?) - offset
    } else {
        ms
    };
    ms.checked_mul(1000)
}

/// How far local time is ahead at an instant; `None` out of the calendar's range.
fn offset_ms(ms: i64) -> Option<i64> {
    let utc = DateTime::from_timestamp_millis(ms)?.naive_utc();
    Some(i64::from(Local.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * 1000)
}

/// From the proleptic Gregorian calendar to that of a JVM: the day of the same name.
fn to_hybrid(local_ms: i64) -> i64 {
    let day = local_ms.div_euclid(MS_OF_DAY);
    local_ms + (julian::to_hybrid(day) - day) * MS_OF_DAY
}

/// The way back.
fn from_hybrid(local_ms: i64) -> i64 {
    let day = local_ms.div_euclid(MS_OF_DAY);
    local_ms + (julian::from_hybrid(day) - day) * MS_OF_DAY
}

/// The instant of a Julian day, to which SQLite's `julianday()` refers. The driver takes it as local time.
pub fn julian_ms(day: f64) -> Option<i64> {
    let ms = ((day - 2_440_587.5) * MS_OF_DAY as f64).round();
    if !ms.is_finite() || ms.abs() > 8.0e15 {
        return None;
    }
    DateTime::from_timestamp_millis(ms as i64).map(|utc| instant_ms(utc.naive_utc()))
}

/// Reads `yyyy-MM-dd HH:mm:ss[.SSS]`, or a date alone (which the driver refuses). What stands behind the
/// point is a number of milliseconds, however many digits it has: the driver's format is so.
pub fn parse(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let (day, time) = match text.split_once(' ') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut parts = day.splitn(3, '-').map(number);
    let day = NaiveDate::from_ymd_opt(
        i32::try_from(parts.next()??).ok()?,
        u32::try_from(parts.next()??).ok()?,
        u32::try_from(parts.next()??).ok()?,
    )?;
    let Some(time) = time else { return day.and_hms_opt(0, 0, 0) };
    let (clock, ms) = match time.split_once('.') {
        Some((clock, ms)) => (clock, number(ms)?),
        None => (time, 0),
    };
    let mut parts = clock.splitn(3, ':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    day.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::try_milliseconds(ms)?)
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_the_driver_does() {
        let shown = |text| parse(text).map(|time| time.to_string());
        assert_eq!(shown("2024-02-03 04:05:06").as_deref(), Some("2024-02-03 04:05:06"));
        assert_eq!(shown("2024-02-03 04:05:06.000").as_deref(), Some("2024-02-03 04:05:06"));
        assert_eq!(shown("2024-02-03 04:05:06.123456").as_deref(), Some("2024-02-03 04:07:09.456"));
        assert_eq!(shown("2024-02-03").as_deref(), Some("2024-02-03 00:00:00"));
        assert_eq!(shown("2024-02-03T04:05:06"), None);
        assert_eq!(shown("junk"), None);
    }

    // Stored by Spark 4.2.1 for 1000-02-03 04:05:06.789 and 0001-01-01.
    #[test]
    fn old_days_keep_their_names() {
        assert_eq!(to_hybrid(-30_607_358_093_211), -30_606_926_093_211);
        assert_eq!(from_hybrid(-30_606_926_093_211), -30_607_358_093_211);
        assert_eq!(to_hybrid(-62_135_596_800_000), -62_135_769_600_000);
        assert_eq!(from_hybrid(-62_135_769_600_000), -62_135_596_800_000);
    }

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(date(0), NaiveDate::from_ymd_opt(1970, 1, 1));
        assert_eq!(days(NaiveDate::from_ymd_opt(2024, 2, 3).expect("a date")), 19_756);
    }
}
