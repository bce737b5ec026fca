//! Dates and times: the calendar, time zones, the texts of casts and of patterns, and the functions on them.

pub mod civil;
pub mod interval;
pub mod iso;
pub mod pattern;
pub mod zone;

pub use interval::parse_interval;
pub use iso::{format_date, format_timestamp, parse_date, parse_timestamp};
pub use pattern::Pattern;
pub use zone::Zone;
