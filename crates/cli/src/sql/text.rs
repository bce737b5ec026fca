//! Values as spark-sql prints them (Spark's `HiveResult`): as CAST to STRING at the top, but
//! intervals bare, and nested values in a JSON-like form with quoted strings. Real JSON too, for
//! `--format json`.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray};
use arrow::datatypes::{DataType, DurationMicrosecondType, IntervalUnit, IntervalYearMonthType};
use firesteel_functions::Env;
use firesteel_functions::cast::text::to_string_array;
use firesteel_protocol::Result;

/// Writes the values of one column.
pub struct ColumnText {
    null_mask: ArrayRef,
    form: Form,
}

enum Form {
    /// Texts; strings are quoted inside nested values.
    Leaf {
        texts: StringArray,
        data_type: DataType,
    },
    List {
        array: ListArray,
        element: Box<ColumnText>,
    },
    Map {
        array: MapArray,
        key: Box<ColumnText>,
        value: Box<ColumnText>,
    },
    Struct {
        fields: Vec<(String, ColumnText)>,
    },
}

impl ColumnText {
    /// Prepare a column. `env` holds the time zone.
    ///
    /// # Errors
    /// A type that has no text.
    pub fn new(array: &ArrayRef, env: &Env) -> Result<Self> {
        let form = match array.data_type() {
            DataType::List(_) => {
                let array = array.as_list::<i32>().clone();
                let element = Box::new(Self::new(array.values(), env)?);
                Form::List { array, element }
            }
            DataType::Map(..) => {
                let array = array.as_map().clone();
                let key = Box::new(Self::new(array.keys(), env)?);
                let value = Box::new(Self::new(array.values(), env)?);
                Form::Map { array, key, value }
            }
            DataType::Struct(names) => {
                let array = array.as_struct();
                let fields = names
                    .iter()
                    .zip(array.columns())
                    .map(|(field, column)| Ok((field.name().clone(), Self::new(column, env)?)))
                    .collect::<Result<_>>()?;
                Form::Struct { fields }
            }
            data_type => Form::Leaf { texts: leaf(array, env)?, data_type: data_type.clone() },
        };
        Ok(Self { null_mask: array.clone(), form })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.null_mask.data_type() == &DataType::Null || self.null_mask.is_null(row)
    }

    /// The value at the top of a row; NULL in capitals.
    pub fn write(&self, out: &mut String, row: usize) {
        match &self.form {
            _ if self.is_null(row) => out.push_str("NULL"),
            Form::Leaf { texts, .. } => out.push_str(texts.value(row)),
            _ => self.write_nested(out, row),
        }
    }

    /// The value as JSON, whatever its type.
    pub fn write_json(&self, out: &mut String, row: usize) {
        self.write_inner(out, row, Style::Json);
    }

    fn write_nested(&self, out: &mut String, row: usize) {
        self.write_inner(out, row, Style::Hive);
    }

    fn write_inner(&self, out: &mut String, row: usize, style: Style) {
        if self.is_null(row) {
            return out.push_str("null");
        }
        match &self.form {
            Form::Leaf { texts, data_type } => write_leaf(out, texts.value(row), data_type, style),
            Form::List { array, element } => {
                let range = range_of(array.value_offsets(), row);
                enclose(out, ['[', ']'], range, |out, at| element.write_inner(out, at, style));
            }
            Form::Map { array, key, value } => {
                enclose(out, ['{', '}'], range_of(array.value_offsets(), row), |out, at| {
                    key.write_key(out, at, style);
                    out.push(':');
                    value.write_inner(out, at, style);
                });
            }
            Form::Struct { fields } => {
                enclose(out, ['{', '}'], 0..fields.len(), |out, at| {
                    let (name, column) = &fields[at];
                    write_leaf(out, name, &DataType::Utf8, style);
                    out.push(':');
                    column.write_inner(out, row, style);
                });
            }
        }
    }

    /// JSON has string keys only.
    fn write_key(&self, out: &mut String, row: usize, style: Style) {
        if style == Style::Hive {
            return self.write_inner(out, row, style);
        }
        let mut key = String::new();
        self.write(&mut key, row);
        write_leaf(out, &key, &DataType::Utf8, style);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Strings between quotes as they are, everything else bare.
    Hive,
    /// Strings escaped; what JSON has no form for becomes a string.
    Json,
}

fn write_leaf(out: &mut String, text: &str, data_type: &DataType, style: Style) {
    match (style, data_type) {
        (Style::Hive, DataType::Utf8) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\"{text}\"");
        }
        (Style::Hive, _) => out.push_str(text),
        (Style::Json, data_type) if is_bare_json(data_type, text) => out.push_str(text),
        (Style::Json, _) => out.push_str(&serde_json::Value::from(text).to_string()),
    }
}

/// JSON has no NaN and no Infinity.
fn is_bare_json(data_type: &DataType, text: &str) -> bool {
    data_type == &DataType::Boolean || data_type.is_numeric() && text.ends_with(|last: char| last.is_ascii_digit())
}

fn range_of(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    // Offsets of an array are never negative.
    let at = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
    at(row)..at(row + 1)
}

fn enclose(
    out: &mut String,
    [open, close]: [char; 2],
    items: std::ops::Range<usize>,
    mut write: impl FnMut(&mut String, usize),
) {
    out.push(open);
    let first = items.start;
    for item in items {
        if item > first {
            out.push(',');
        }
        write(out, item);
    }
    out.push(close);
}

fn leaf(array: &ArrayRef, env: &Env) -> Result<StringArray> {
    Ok(match array.data_type() {
        DataType::Duration(_) => {
            array.as_primitive::<DurationMicrosecondType>().iter().map(|value| value.map(day_time)).collect()
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            array.as_primitive::<IntervalYearMonthType>().iter().map(|value| value.map(year_month)).collect()
        }
        _ => to_string_array(array, env)?.as_string::<i32>().clone(),
    })
}

/// `1 02:03:04.000000000`
fn day_time(microseconds: i64) -> String {
    let sign = if microseconds < 0 { "-" } else { "" };
    let (seconds, fraction) = (microseconds.unsigned_abs() / 1_000_000, microseconds.unsigned_abs() % 1_000_000);
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    format!("{sign}{days} {hours:02}:{minutes:02}:{:02}.{fraction:06}000", seconds % 60)
}

/// `1-2`
fn year_month(months: i32) -> String {
    let sign = if months < 0 { "-" } else { "" };
    format!("{sign}{}-{}", months.unsigned_abs() / 12, months.unsigned_abs() % 12)
}

#[cfg(test)]
mod tests {
    use super::{day_time, year_month};

    #[test]
    fn intervals() {
        assert_eq!(day_time(86_400_000_000), "1 00:00:00.000000000");
        assert_eq!(day_time(-1_500_000), "-0 00:00:01.500000000");
        assert_eq!(year_month(-14), "-1-2");
    }
}
