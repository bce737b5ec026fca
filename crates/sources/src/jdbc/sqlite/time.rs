//! Dates and times in SQLite, as the driver keeps them: milliseconds since the epoch, a Julian day, or
//! text. Text and days are in the time zone of the machine, as they are for a JVM.

use chrono::{DateTime, Datelike, Local, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone};

const MS_OF_DAY: i64 = 86_400_000;

/// Days since the epoch.
pub fn days(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The date of a number of days.
pub fn date(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)
}

/// The local date and time of an instant.
pub fn local(ms: i64) -> Option<NaiveDateTime> {
    let utc = DateTime::from_timestamp_millis(ms)?.naive_utc();
    let offset = Local.offset_from_utc_datetime(&utc).fix();
    utc.checked_add_offset(offset)
}

/// The instant of a local date and time; one that a change of the clock skips is moved on, as Java does.
pub fn instant_ms(local: NaiveDateTime) -> i64 {
    let offset = match Local.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) | chrono::LocalResult::Ambiguous(offset, _) => offset,
        chrono::LocalResult::None => {
            let before = local.checked_sub_signed(TimeDelta::hours(3)).unwrap_or(local);
            Local.offset_from_utc_datetime(&before)
        }
    };
    local.and_utc().timestamp_millis() - i64::from(offset.fix().local_minus_utc()) * 1000
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

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(date(0), NaiveDate::from_ymd_opt(1970, 1, 1));
        assert_eq!(days(NaiveDate::from_ymd_opt(2024, 2, 3).expect("a date")), 19_756);
    }
}
