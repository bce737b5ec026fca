//! The units that an ANSI interval type runs between: `INTERVAL YEAR`, `INTERVAL DAY TO SECOND`, ...
//!
//! Arrow has one type for all year-month and one for all day-time intervals. The units are field metadata under
//! [`INTERVAL_KEY`]; a field without it has all units of its kind, so that the usual types stay bare.

use std::collections::HashMap;
use std::fmt;

use arrow::datatypes::{DataType, Field, IntervalUnit as ArrowUnit};

/// Field metadata in which the units of an interval type are kept, unless it has all of them: `hour to minute`.
pub const INTERVAL_KEY: &str = "__FIRESTEEL_INTERVAL";

/// A unit of ANSI interval types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntervalUnit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

use IntervalUnit::{Day, Hour, Minute, Month, Second, Year};

const UNITS: [IntervalUnit; 6] = [Year, Month, Day, Hour, Minute, Second];

impl IntervalUnit {
    /// The unit's word, small.
    pub fn word(self) -> &'static str {
        match self {
            Year => "year",
            Month => "month",
            Day => "day",
            Hour => "hour",
            Minute => "minute",
            Second => "second",
        }
    }

    /// The unit of a word.
    pub fn parse(word: &str) -> Option<Self> {
        UNITS.into_iter().find(|unit| word.eq_ignore_ascii_case(unit.word()))
    }

    /// Its number in Connect's messages: counted from YEAR or from DAY.
    fn field(self) -> i32 {
        let at = self as i32;
        if at < Day as i32 { at } else { at - Day as i32 }
    }

    /// One of it in months or in microseconds.
    pub fn size(self) -> i64 {
        match self {
            Year => 12,
            Month => 1,
            Day => 86_400_000_000,
            Hour => 3_600_000_000,
            Minute => 60_000_000,
            Second => 1_000_000,
        }
    }
}

/// The first and the last unit of an interval type, both of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IntervalRange {
    pub start: IntervalUnit,
    pub end: IntervalUnit,
}

impl IntervalRange {
    /// YEAR TO MONTH.
    pub const YEAR_MONTH: Self = Self { start: Year, end: Month };
    /// DAY TO SECOND.
    pub const DAY_TIME: Self = Self { start: Day, end: Second };
    /// DAY, the difference of two dates.
    pub const DAY: Self = Self { start: Day, end: Day };

    /// Units from one to another; None where they are not of one kind or in the wrong order.
    pub fn new(start: IntervalUnit, end: IntervalUnit) -> Option<Self> {
        ((start < Day) == (end < Day) && start <= end).then_some(Self { start, end })
    }

    /// Units by their numbers in Connect's messages, all of them where there is none.
    pub fn of_fields(full: Self, start: Option<i32>, end: Option<i32>) -> Option<Self> {
        let unit =
            |field: i32| UNITS.into_iter().find(|unit| unit.field() == field && (*unit < Day) == (full.start < Day));
        match (start, end) {
            (None, _) => Some(full),
            (Some(start), None) => Self::new(unit(start)?, unit(start)?),
            (Some(start), Some(end)) => Self::new(unit(start)?, unit(end)?),
        }
    }

    /// The numbers of both units in Connect's messages.
    pub fn fields(self) -> (i32, i32) {
        (self.start.field(), self.end.field())
    }

    /// All units of an interval type; None for types that are no ANSI intervals.
    pub fn full(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Interval(ArrowUnit::YearMonth) => Some(Self::YEAR_MONTH),
            DataType::Duration(_) => Some(Self::DAY_TIME),
            _ => None,
        }
    }

    /// The units of a type with its metadata; None for types that are no ANSI intervals.
    pub fn of(data_type: &DataType, metadata: &HashMap<String, String>) -> Option<Self> {
        let full = Self::full(data_type)?;
        Some(metadata.get(INTERVAL_KEY).and_then(|words| Self::parse(words)).unwrap_or(full))
    }

    /// [`IntervalRange::of`] a field.
    pub fn of_field(field: &Field) -> Option<Self> {
        Self::of(field.data_type(), field.metadata())
    }

    /// Reads `day` and `day to hour`.
    pub fn parse(words: &str) -> Option<Self> {
        let (start, end) = words.split_once(" to ").unwrap_or((words, words));
        Self::new(IntervalUnit::parse(start)?, IntervalUnit::parse(end)?)
    }

    /// Whether these are all units of their kind.
    pub fn is_full(self) -> bool {
        self == Self::YEAR_MONTH || self == Self::DAY_TIME
    }

    /// The units of both; of a value that may be of either type.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Keeps the units in metadata, or takes old ones away where these are all.
    pub fn record(self, metadata: &mut HashMap<String, String>) {
        if self.is_full() {
            metadata.remove(INTERVAL_KEY);
        } else {
            metadata.insert(INTERVAL_KEY.into(), self.to_string());
        }
    }

    /// The field with these units.
    #[must_use]
    pub fn on(self, field: Field) -> Field {
        let mut metadata = field.metadata().clone();
        self.record(&mut metadata);
        field.with_metadata(metadata)
    }
}

impl fmt::Display for IntervalRange {
    /// `day`, `day to hour`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.start.word())?;
        if self.start != self.end {
            write!(f, " to {}", self.end.word())?;
        }
        Ok(())
    }
}

/// The units in a field's metadata as type name: `interval day to hour`.
pub(super) fn declared(field: &Field) -> Option<String> {
    let words = field.metadata().get(INTERVAL_KEY)?;
    Some(format!("interval {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for words in ["year", "year to month", "hour to second", "second"] {
            assert_eq!(IntervalRange::parse(words).map(|range| range.to_string()).as_deref(), Some(words));
        }
        assert_eq!(IntervalRange::parse("month to day"), None);
        assert_eq!(IntervalRange::parse("hour to day"), None);
    }

    #[test]
    fn messages_number_units() {
        let range = IntervalRange::of_fields(IntervalRange::DAY_TIME, Some(1), Some(2));
        assert_eq!(range, Some(IntervalRange { start: Hour, end: Minute }));
        assert_eq!(range.map(IntervalRange::fields), Some((1, 2)));
    }
}
