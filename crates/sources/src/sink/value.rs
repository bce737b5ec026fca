//! Partition values as text: Spark's CAST to STRING of what can stand in a folder name.

use arrow::array::{Array, AsArray};
use arrow::datatypes as t;
use arrow::datatypes::DataType;
use arrow::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{NaiveDateTime, Offset, TimeZone as _};
use firesteel_protocol::{Result, SparkError};

/// A session time zone.
#[derive(Debug, Clone, Copy)]
pub enum TimeZone {
    Region(chrono_tz::Tz),
    Offset(chrono::FixedOffset),
}

impl TimeZone {
    /// Reads `Europe/Berlin`, `UTC`, `Z`, `+02:00`, `GMT+2`.
    pub fn parse(text: &str) -> Result<Self> {
        let offset = text.trim_start_matches("UTC").trim_start_matches("GMT").trim_start_matches("UT");
        if offset.is_empty() || offset == "Z" {
            return Ok(Self::Region(chrono_tz::UTC));
        }
        if let Ok(region) = text.parse() {
            return Ok(Self::Region(region));
        }
        parse_offset(offset).map(Self::Offset).ok_or_else(|| SparkError::new("INVALID_TIMEZONE").with("timeZone", text))
    }

    fn local(self, utc: NaiveDateTime) -> NaiveDateTime {
        match self {
            Self::Region(region) => utc + region.offset_from_utc_datetime(&utc).fix(),
            Self::Offset(offset) => utc + offset,
        }
    }
}

fn parse_offset(text: &str) -> Option<chrono::FixedOffset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let mut parts = rest.split(':').map(str::parse::<i32>);
    let hours = parts.next()?.ok()?;
    let minutes = parts.next().unwrap_or(Ok(0)).ok()?;
    let seconds = parts.next().unwrap_or(Ok(0)).ok()?;
    chrono::FixedOffset::east_opt(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// Row `row` of a partition column as text; `None` for NULL.
pub fn text(array: &dyn Array, row: usize, time_zone: TimeZone) -> Result<Option<String>> {
    if array.is_null(row) || array.data_type().is_null() {
        return Ok(None);
    }
    Ok(Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_string(),
        DataType::Binary => String::from_utf8_lossy(array.as_binary::<i32>().value(row)).into_owned(),
        DataType::Float32 => java_float(array.as_primitive::<t::Float32Type>().value(row), 1e-3, 1e7),
        DataType::Float64 => java_float(array.as_primitive::<t::Float64Type>().value(row), 1e-3, 1e7),
        DataType::Date32 => {
            let day = array.as_primitive::<t::Date32Type>().value(row);
            let date = date32_to_datetime(day).ok_or_else(|| out_of_range(array.data_type()))?.date();
            date.format("%Y-%m-%d").to_string()
        }
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<t::TimestampMicrosecondType>().value(row);
            let utc = timestamp_us_to_datetime(micros).ok_or_else(|| out_of_range(array.data_type()))?;
            timestamp(if zone.is_some() { time_zone.local(utc) } else { utc })
        }
        DataType::Time64(_) => {
            let nanos = array.as_primitive::<t::Time64NanosecondType>().value(row);
            let utc = timestamp_us_to_datetime(nanos / 1000).ok_or_else(|| out_of_range(array.data_type()))?;
            without_zeros(utc.format("%H:%M:%S%.6f").to_string())
        }
        _ => {
            let format = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &format);
            formatter.map_err(|error| SparkError::internal(error.to_string()))?.value(row).to_string()
        }
    }))
}

fn out_of_range(data_type: &DataType) -> SparkError {
    SparkError::internal(format!("a partition value of type {data_type} is out of range"))
}

fn timestamp(local: NaiveDateTime) -> String {
    without_zeros(local.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
}

/// Spark prints a fraction without its trailing zeros.
fn without_zeros(text: String) -> String {
    match text.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_string(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => text,
    }
}

/// A number as Java prints it: `1.5`, `1.0E10`, `NaN`.
fn java_float<F: Copy + Into<f64> + std::fmt::Display + std::fmt::LowerExp>(value: F, low: f64, high: f64) -> String {
    let wide: f64 = value.into();
    if wide.is_nan() {
        return "NaN".into();
    }
    if wide.is_infinite() {
        return if wide > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let size = wide.abs();
    if size == 0.0 || (low..high).contains(&size) {
        let plain = value.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_java_does() {
        for (value, text) in [
            (1.0, "1.0"),
            (1e10, "1.0E10"),
            (1.5e-5, "1.5E-5"),
            (0.001, "0.001"),
            (9_999_999.0, "9999999.0"),
            (f64::NAN, "NaN"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(java_float(value, 1e-3, 1e7), text);
        }
        assert_eq!(java_float(0.1f32, 1e-3, 1e7), "0.1");
    }

    #[test]
    fn timestamps_lose_their_trailing_zeros() {
        let at = |us| timestamp(timestamp_us_to_datetime(us).expect("in range"));
        assert_eq!(at(1_706_933_106_700_000), "2024-02-03 04:05:06.7");
        assert_eq!(at(1_706_918_400_000_000), "2024-02-03 00:00:00");
        assert!(matches!(TimeZone::parse("+05:30"), Ok(TimeZone::Offset(_))));
    }
}
