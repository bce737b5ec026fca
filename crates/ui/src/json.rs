//! Small readers of events, and Spark's forms of times.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

pub fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

pub fn text_or<'a>(value: &'a Value, key: &str, default: &'a str) -> &'a str {
    text(value, key).unwrap_or(default)
}

pub fn int(value: &Value, key: &str) -> Option<i64> {
    value.get(key).and_then(Value::as_i64)
}

pub fn int_or(value: &Value, key: &str, default: i64) -> i64 {
    int(value, key).unwrap_or(default)
}

pub fn ints(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// Keys and values of an object, values as text.
pub fn pairs(value: &Value) -> Vec<(String, String)> {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), shown(value))).collect()
}

/// `2026-11-20T18:19:31.989GMT`, as Spark's REST writes times.
pub fn rest_time(ms: i64) -> String {
    moment(ms).format("%Y-%m-%dT%H:%M:%S%.3fGMT").to_string()
}

/// `2026/11/20 18:19:31`, as Spark's pages write times; UTC.
pub fn page_time(ms: i64) -> String {
    if ms <= 0 { String::new() } else { moment(ms).format("%Y/%m/%d %H:%M:%S").to_string() }
}

/// `2026-11-20T18:19:31.989Z`.
pub fn iso_time(ms: i64) -> String {
    moment(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Milliseconds of an ISO time.
pub fn parse_time(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

fn moment(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}
