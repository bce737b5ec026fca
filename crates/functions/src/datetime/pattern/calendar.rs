//! From numbers of a year, a month, weeks and weekdays to a day and back, as Java's `GregorianCalendar` of the United States
//! does it when it is not lenient: weeks begin on Sunday, the first week is the one of the first day, and whatever
//! was said must be true of the day.

use super::super::civil::{civil_from_days, day_of_year, days_from_civil, iso_weekday};

/// What may be said of a day besides its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Month,
    Day,
    DayOfYear,
    WeekOfYear,
    WeekOfMonth,
    /// Which of its weekday in the month it is.
    WeekdayInMonth,
    /// 1 is Monday.
    Weekday,
}

const UNITS: [Unit; 7] =
    [Unit::Month, Unit::Day, Unit::DayOfYear, Unit::WeekOfYear, Unit::WeekOfMonth, Unit::WeekdayInMonth, Unit::Weekday];

impl Unit {
    /// The number of a day (days since the epoch).
    pub(super) fn of(self, days: i64) -> i64 {
        let (year, month, day) = civil_from_days(days);
        match self {
            Self::Month => i64::from(month),
            Self::Day => i64::from(day),
            Self::DayOfYear => day_of_year(days),
            Self::WeekOfYear if week_year(days) > year => 1,
            Self::WeekOfYear => week(days, days_from_civil(year, 1, 1)),
            Self::WeekOfMonth => week(days, days_from_civil(year, month, 1)),
            Self::WeekdayInMonth => (i64::from(day) - 1) / 7 + 1,
            Self::Weekday => iso_weekday(days),
        }
    }
}

/// The week of a day, counted from the one of `first`.
fn week(days: i64, first: i64) -> i64 {
    (days - week_start(first)) / 7 + 1
}

/// The year whose weeks the day is counted in: the last days of December may be in the next year's first week.
pub(super) fn week_year(days: i64) -> i64 {
    let year = civil_from_days(days).0;
    year + i64::from(days >= week_start(days_from_civil(year + 1, 1, 1)))
}

/// The Sunday of the day's week.
fn week_start(days: i64) -> i64 {
    on_or_before(days, 0)
}

/// The last such weekday (0 is Sunday) up to a day.
fn on_or_before(days: i64, weekday: i64) -> i64 {
    days - (iso_weekday(days) - weekday).rem_euclid(7)
}

/// What was said of a day, each with its place in the order of saying: 0 is not said.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    year: (i64, usize),
    week_year: (i64, usize),
    units: [(i64, usize); UNITS.len()],
    places: usize,
}

impl Said {
    pub(super) fn year(&mut self, year: i64) {
        self.places += 1;
        self.year = (year, self.places);
    }

    pub(super) fn week_year(&mut self, year: i64) {
        self.places += 1;
        self.week_year = (year, self.places);
    }

    pub(super) fn unit(&mut self, unit: Unit, value: i64) {
        self.places += 1;
        self.units[unit as usize] = (value, self.places);
    }

    /// The day, if all that was said is true of one.
    pub(super) fn days(&self, before_christ: bool) -> Option<i64> {
        let era = |year: i64| if before_christ { 1 - year } else { year };
        if self.week_year.1 > self.year.1 {
            let year = era(self.week_year.0);
            let weekday = self.value(Unit::Weekday, 7) % 7;
            let weeks = self.value(Unit::WeekOfYear, 1) - 1;
            let days = week_start(days_from_civil(year, 1, 1)) + weekday + 7 * weeks;
            // The date that the week gives is said last.
            return (week_year(days) == year && self.holds(days, &[Unit::Month, Unit::Day])).then_some(days);
        }
        let year = if self.year.1 == 0 { 1970 } else { era(self.year.0) };
        if self.is_leap_day_of_julian_only(year) {
            // Spark takes the next day that there is today.
            return Some(days_from_civil(year, 3, 1));
        }
        let days = self.in_year(year);
        // The ten days that were left out when the calendar changed.
        if (days_from_civil(1582, 10, 5)..days_from_civil(1582, 10, 15)).contains(&days) {
            return None;
        }
        let same_year = self.year.1 == 0 || civil_from_days(days).0 == year;
        (same_year && self.holds(days, &[])).then_some(days)
    }

    fn in_year(&self, year: i64) -> i64 {
        let month = u32::try_from(self.value(Unit::Month, 1)).unwrap_or_default().clamp(1, 12);
        let (january, first) = (days_from_civil(year, 1, 1), days_from_civil(year, month, 1));
        let weekday = self.value(Unit::Weekday, 7) % 7;
        let weeks = |unit| 7 * (self.value(unit, 1) - 1);
        match self.telling() {
            Unit::DayOfYear => january + self.value(Unit::DayOfYear, 1) - 1,
            Unit::WeekOfYear => week_start(january) + weekday + weeks(Unit::WeekOfYear),
            Unit::WeekOfMonth => week_start(first) + weekday + weeks(Unit::WeekOfMonth),
            Unit::WeekdayInMonth => on_or_before(first + 6, weekday) + weeks(Unit::WeekdayInMonth),
            _ => first + self.value(Unit::Day, 1) - 1,
        }
    }

    /// The 29th of February in a year that had one before the calendar changed, and has none today.
    fn is_leap_day_of_julian_only(&self, year: i64) -> bool {
        let is_leap = year % 4 == 0 && year % 100 == 0 && year % 400 != 0 && year < 1582;
        is_leap && (self.value(Unit::Month, 1), self.value(Unit::Day, 1)) == (2, 29)
    }

    /// Which unit tells the day: the one said last; weeks count with a weekday first of all, without one only where
    /// no day was said.
    fn telling(&self) -> Unit {
        let place = |unit: Unit| self.units[unit as usize].1;
        let with_weekday = |unit: Unit| match (place(unit), place(Unit::Weekday)) {
            (0, _) | (_, 0) => 0,
            (own, weekday) => own.max(weekday),
        };
        let whole = [
            (place(Unit::Day), Unit::Day),
            (place(Unit::DayOfYear), Unit::DayOfYear),
            (with_weekday(Unit::WeekOfYear), Unit::WeekOfYear),
            (with_weekday(Unit::WeekdayInMonth), Unit::WeekdayInMonth),
            (with_weekday(Unit::WeekOfMonth), Unit::WeekOfMonth),
        ];
        let part = [
            (place(Unit::WeekOfYear), Unit::WeekOfYear),
            (place(Unit::WeekdayInMonth).max(place(Unit::Weekday)), Unit::WeekdayInMonth),
            (place(Unit::WeekOfMonth), Unit::WeekOfMonth),
        ];
        let last = |candidates: &[(usize, Unit)]| {
            let said = candidates.iter().filter(|(place, _)| *place > 0);
            said.max_by_key(|(own, unit)| (*own, place(*unit))).map(|(_, unit)| *unit)
        };
        last(&whole).or_else(|| last(&part)).unwrap_or(Unit::Day)
    }

    fn value(&self, unit: Unit, otherwise: i64) -> i64 {
        let (value, place) = self.units[unit as usize];
        if place == 0 { otherwise } else { value }
    }

    fn holds(&self, days: i64, but: &[Unit]) -> bool {
        UNITS.iter().filter(|unit| !but.contains(unit)).all(|unit| self.value(*unit, unit.of(days)) == unit.of(days))
    }
}
