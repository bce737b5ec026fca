//! Dates and times: the calendar, time zones, the texts of casts and of patterns, and the functions on them.

mod bucket;
pub mod civil;
mod convert;
mod fields;
pub mod interval;
pub mod iso;
mod make;
mod now;
pub mod pattern;
mod shift;
mod shift_zone;
mod time;
mod trunc;
pub mod zone;

pub use interval::parse_interval;
pub use iso::{format_date, format_timestamp, parse_date, parse_timestamp};
pub use pattern::Pattern;
pub use zone::Zone;

use firesteel_protocol::Result;

use crate::registry::{Entry, Kind};
use crate::{Call, Typed};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    scalar("current_date", now::current_date),
    scalar("curdate", now::current_date),
    scalar("current_timestamp", now::current_timestamp),
    scalar("now", now::current_timestamp),
    scalar("localtimestamp", now::localtimestamp),
    scalar("current_timezone", now::current_timezone),
    scalar("current_time", now::current_time),
    scalar("year", fields::year),
    scalar("quarter", fields::quarter),
    scalar("month", fields::month),
    scalar("day", fields::day),
    scalar("dayofmonth", fields::day),
    scalar("dayofweek", fields::dayofweek),
    scalar("dayofyear", fields::dayofyear),
    scalar("weekday", fields::weekday),
    scalar("weekofyear", fields::weekofyear),
    scalar("dayname", fields::dayname),
    scalar("monthname", fields::monthname),
    scalar("hour", fields::hour),
    scalar("minute", fields::minute),
    scalar("second", fields::second),
    scalar("extract", fields::extract),
    scalar("datepart", fields::extract),
    scalar("date_part", fields::date_part),
    scalar("time_bucket", bucket::time_bucket),
    scalar("date_add", shift::date_add),
    scalar("dateadd", shift::date_add),
    scalar("date_sub", shift::date_sub),
    scalar("date_diff", shift::date_diff),
    scalar("datediff", shift::date_diff),
    scalar("add_months", shift::add_months),
    scalar("last_day", shift::last_day),
    scalar("next_day", shift::next_day),
    scalar("months_between", shift::months_between),
    scalar("timestampadd", shift::timestamp_add),
    scalar("timestampdiff", shift::timestamp_diff),
    scalar("timediff", shift::timestamp_diff),
    scalar("trunc", trunc::trunc),
    scalar("date_trunc", trunc::date_trunc),
    scalar("make_date", make::make_date),
    scalar("make_timestamp", make::make_timestamp),
    scalar("make_timestamp_ltz", make::make_timestamp_ltz),
    scalar("make_timestamp_ntz", make::make_timestamp_ntz),
    scalar("try_make_timestamp", make::try_make_timestamp),
    scalar("try_make_timestamp_ltz", make::try_make_timestamp_ltz),
    scalar("try_make_timestamp_ntz", make::try_make_timestamp_ntz),
    scalar("make_interval", make::make_interval),
    scalar("try_make_interval", make::try_make_interval),
    scalar("make_dt_interval", make::make_dt_interval),
    scalar("make_ym_interval", make::make_ym_interval),
    scalar("to_date", convert::to_date),
    scalar("try_to_date", convert::try_to_date),
    scalar("to_timestamp", convert::to_timestamp),
    scalar("to_timestamp_ltz", convert::to_timestamp_ltz),
    scalar("to_timestamp_ntz", convert::to_timestamp_ntz),
    scalar("try_to_timestamp", convert::try_to_timestamp),
    scalar("date_format", convert::date_format),
    scalar("from_unixtime", convert::from_unixtime),
    scalar("unix_timestamp", convert::unix_timestamp),
    scalar("to_unix_timestamp", convert::unix_timestamp),
    scalar("unix_seconds", convert::unix_seconds),
    scalar("unix_millis", convert::unix_millis),
    scalar("unix_micros", convert::unix_micros),
    scalar("unix_date", convert::unix_date),
    scalar("date_from_unix_date", convert::date_from_unix_date),
    scalar("timestamp_seconds", convert::timestamp_seconds),
    scalar("timestamp_millis", convert::timestamp_millis),
    scalar("timestamp_micros", convert::timestamp_micros),
    scalar("from_utc_timestamp", shift_zone::from_utc_timestamp),
    scalar("to_utc_timestamp", shift_zone::to_utc_timestamp),
    scalar("convert_timezone", shift_zone::convert_timezone),
    scalar("to_time", time::to_time),
    scalar("try_to_time", time::try_to_time),
    scalar("make_time", time::make_time),
    scalar("time_diff", time::time_diff),
    scalar("time_trunc", time::time_trunc),
    scalar("time_from_seconds", time::time_from_seconds),
    scalar("time_from_millis", time::time_from_millis),
    scalar("time_from_micros", time::time_from_micros),
    scalar("time_to_seconds", time::time_to_seconds),
    scalar("time_to_millis", time::time_to_millis),
    scalar("time_to_micros", time::time_to_micros),
];
