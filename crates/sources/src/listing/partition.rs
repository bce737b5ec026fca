//! Partition discovery: columns and typed values from folders named `column=value`.
//!
//! Follows Spark's `PartitioningUtils`; which folders hold files is known from [`super::walk`].

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Env;
use firesteel_functions::cast::{EvalMode, cast_array};
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use crate::storage::hadoop_path;

/// The folder value of NULL.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// How partition columns get their types.
#[derive(Debug)]
pub struct Typing<'a> {
    /// The user's schema: its types win.
    pub user: Option<&'a [FieldRef]>,
    /// Types are inferred from the values; else every column is a string.
    pub infer: bool,
    pub env: &'a Env,
}

/// Partition columns and the values of each folder with files.
#[derive(Debug, Default)]
pub struct Partitions {
    pub fields: Vec<FieldRef>,
    /// For each folder given to [`discover`]: its values, or `None` if it lies outside of all partitions.
    pub values: Vec<Option<Vec<ScalarValue>>>,
}

/// Finds partition columns in the folders that hold files. `bases` end the walk upwards.
pub fn discover(folders: &[PathBuf], bases: &HashSet<PathBuf>, typing: &Typing<'_>) -> Result<Partitions> {
    let parsed: Vec<Parsed> = folders.iter().map(|folder| parse(folder, bases)).collect::<Result<_>>()?;
    if parsed.iter().all(|folder| folder.columns.is_empty()) {
        return Ok(Partitions { fields: vec![], values: vec![Some(vec![]); folders.len()] });
    }
    check_bases(&parsed)?;
    check_names(folders, &parsed, typing.env)?;
    let names: Vec<&str> = parsed
        .iter()
        .find(|folder| !folder.columns.is_empty())
        .map(|folder| folder.columns.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();

    let mut partitions = Partitions { fields: vec![], values: parsed.iter().map(|_| None).collect() };
    for (values, folder) in partitions.values.iter_mut().zip(&parsed) {
        *values = (!folder.columns.is_empty()).then(Vec::new);
    }
    for (at, column) in names.iter().enumerate() {
        let raw: Vec<&str> =
            parsed.iter().filter_map(|folder| folder.columns.get(at)).map(|(_, value)| value.as_str()).collect();
        let (field, typed) = type_column(column, &raw, typing)?;
        for (values, value) in partitions.values.iter_mut().flatten().zip(typed) {
            values.push(value);
        }
        partitions.fields.push(field);
    }
    Ok(partitions)
}

/// One folder taken apart.
#[derive(Debug)]
struct Parsed {
    /// `(column, raw value)`, outermost first.
    columns: Vec<(String, String)>,
    /// Where the walk upwards ended; `None` for leftovers of a failed write.
    base: Option<PathBuf>,
}

fn parse(folder: &Path, bases: &HashSet<PathBuf>) -> Result<Parsed> {
    let mut columns = vec![];
    let mut current = folder;
    loop {
        let name = current.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if name.eq_ignore_ascii_case("_temporary") {
            return Ok(Parsed { columns: vec![], base: None });
        }
        if bases.contains(current) {
            break;
        }
        match name.split_once('=').filter(|(column, _)| !column.is_empty()) {
            Some((_, "")) => {
                return Err(SparkError::new("EMPTY_PARTITION_COLUMN_VALUE").with("columnSpec", name.into_owned()));
            }
            Some((column, value)) => columns.push((unescape(column), value.to_string())),
            None if !columns.is_empty() => break,
            None => {}
        }
        match current.parent() {
            Some(parent) => current = parent,
            None => break,
        }
    }
    columns.reverse();
    Ok(Parsed { columns, base: Some(current.to_path_buf()) })
}

fn check_bases(parsed: &[Parsed]) -> Result<()> {
    let mut bases: Vec<&Path> = vec![];
    for base in parsed.iter().filter_map(|folder| folder.base.as_deref()) {
        if !bases.iter().any(|known| known.as_os_str().eq_ignore_ascii_case(base.as_os_str())) {
            bases.push(base);
        }
    }
    if bases.len() < 2 {
        return Ok(());
    }
    let paths: String = bases.iter().map(|base| format!("\n\t{}", hadoop_path(base).to_lowercase())).collect();
    Err(SparkError::new("CONFLICTING_DIRECTORY_STRUCTURES").with("discoveredBasePaths", format!("{paths}\n")))
}

fn check_names(folders: &[PathBuf], parsed: &[Parsed], env: &Env) -> Result<()> {
    let mut lists: Vec<Vec<String>> = vec![];
    for folder in parsed.iter().filter(|folder| !folder.columns.is_empty()) {
        let list: Vec<String> = folder.columns.iter().map(|(name, _)| fold(name, env)).collect();
        if !lists.contains(&list) {
            lists.push(list);
        }
    }
    if lists.len() < 2 {
        return Ok(());
    }
    let names: String = lists
        .iter()
        .enumerate()
        .map(|(at, list)| format!("\n\tPartition column name list #{at}: {}", list.join(", ")))
        .collect();
    let suspicious: String = folders
        .iter()
        .zip(parsed)
        .filter(|(_, folder)| !folder.columns.is_empty())
        .map(|(path, _)| format!("\n\t{}", hadoop_path(path)))
        .collect();
    Err(SparkError::new("CONFLICTING_PARTITION_COLUMN_NAMES")
        .with("distinctPartColLists", format!("{names}\n"))
        .with("suspiciousPaths", suspicious))
}

fn fold(name: &str, env: &Env) -> String {
    if env.case_sensitive { name.to_string() } else { name.to_lowercase() }
}

/// The field of a column and its values in the order of `raw`.
pub fn type_column(column: &str, raw: &[&str], typing: &Typing<'_>) -> Result<(FieldRef, Vec<ScalarValue>)> {
    let user = typing
        .user
        .and_then(|fields| fields.iter().find(|field| fold(field.name(), typing.env) == fold(column, typing.env)));
    let field = match user {
        Some(field) => Arc::new(field.as_ref().clone().with_nullable(true)),
        None if typing.infer => Arc::new(Field::new(column, infer(raw, typing.env), true)),
        None => Arc::new(Field::new(column, DataType::Utf8, true)),
    };
    let values = raw
        .iter()
        .map(|value| {
            convert(value, field.data_type(), typing.env)?.ok_or_else(|| {
                SparkError::new("INVALID_PARTITION_VALUE")
                    .with("value", format!("'{}'", unescape(value)))
                    .with("dataType", format!("\"{}\"", name::sql(field.data_type())))
                    .with("columnName", name::quote(column))
            })
        })
        .collect::<Result<_>>()?;
    Ok((field, values))
}

/// The narrowest type that all values have, by Spark's rules.
fn infer(raw: &[&str], env: &Env) -> DataType {
    let mut inferred = DataType::Null;
    let mut known: HashSet<&str> = HashSet::new();
    for value in raw {
        if known.insert(value) {
            inferred = wider(inferred, infer_one(value, env));
        }
    }
    inferred
}

fn infer_one(raw: &str, env: &Env) -> DataType {
    if raw == NULL_VALUE {
        return DataType::Null;
    }
    if raw.parse::<i32>().is_ok() {
        return DataType::Int32;
    }
    if raw.parse::<i64>().is_ok() {
        return DataType::Int64;
    }
    if let Some((precision, _)) = whole_decimal(raw) {
        return DataType::Decimal128(precision, 0);
    }
    if java_double(raw).is_some() {
        return DataType::Float64;
    }
    let text = unescape(raw);
    if is_date(&text) && cast_text(&text, &DataType::Date32, env).is_some() {
        return DataType::Date32;
    }
    if is_timestamp(&text) && cast_text(&text, &types::timestamp(), env).is_some() {
        return types::timestamp();
    }
    DataType::Utf8
}

/// Spark's `findWiderTypeForPartitionColumn`.
fn wider(left: DataType, right: DataType) -> DataType {
    use DataType::{Date32, Decimal128, Float64, Int32, Int64, Null, Timestamp, Utf8};
    match (left, right) {
        (a, b) if a == b => a,
        (Null, other) | (other, Null) => other,
        (Int32, Int64) | (Int64, Int32) => Int64,
        (Int32, Float64) | (Float64, Int32) => Float64,
        (Int32, Decimal128(p, _)) | (Decimal128(p, _), Int32) => Decimal128(p.max(10), 0),
        (Int64, Decimal128(p, _)) | (Decimal128(p, _), Int64) => Decimal128(p.max(20), 0),
        (Decimal128(p, _), Decimal128(q, _)) => Decimal128(p.max(q), 0),
        (Date32, other @ Timestamp(..)) | (other @ Timestamp(..), Date32) => other,
        _ => Utf8,
    }
}

/// A whole number as Java's `BigDecimal` reads it, with its precision, if that is 38 at most.
fn whole_decimal(raw: &str) -> Option<(u8, i128)> {
    let (mantissa, exponent) = match raw.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (raw, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix(['-', '+']) {
        Some(rest) => (mantissa.starts_with('-'), rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    let significant = all.trim_start_matches('0');
    let precision = i32::try_from(significant.len().max(1)).ok()? - scale;
    if scale > 0 || precision > 38 {
        return None;
    }
    let value: i128 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    let value = value.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?;
    Some((u8::try_from(precision).ok()?, if negative { -value } else { value }))
}

/// `Double.parseDouble`, hexadecimal numbers aside.
fn java_double(raw: &str) -> Option<f64> {
    let text = raw.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned).parse().ok().map(|number: f64| sign * number)
}

fn is_date(text: &str) -> bool {
    has_shape(text, "dddd-dd-dd")
}

fn is_timestamp(text: &str) -> bool {
    has_shape(text, "dddd-dd-dd dd:dd:dd") || has_shape(text, "dddd-dd-dd dd:dd:dd.d")
}

fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(c, s)| if s == b'd' { c.is_ascii_digit() } else { c == s })
}

/// A folder value as a value of the column; `None` if it is none of that type.
fn convert(raw: &str, to: &DataType, env: &Env) -> Result<Option<ScalarValue>> {
    if raw == NULL_VALUE {
        return ScalarValue::try_from(to).map(Some).map_err(firesteel_functions::kernel::from_datafusion);
    }
    let integer = || raw.parse::<i32>().ok();
    Ok(match to {
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(unescape(raw)))),
        DataType::Int32 => integer().map(|value| ScalarValue::Int32(Some(value))),
        DataType::Int16 => integer().map(|value| ScalarValue::Int16(Some(value as i16))),
        DataType::Int8 => integer().map(|value| ScalarValue::Int8(Some(value as i8))),
        DataType::Int64 => raw.parse().ok().map(|value| ScalarValue::Int64(Some(value))),
        DataType::Float64 => java_double(raw).map(|value| ScalarValue::Float64(Some(value))),
        DataType::Float32 => java_double(raw).map(|value| ScalarValue::Float32(Some(value as f32))),
        DataType::Decimal128(precision, 0) if whole_decimal(raw).is_some_and(|(p, _)| p <= *precision) => {
            whole_decimal(raw).map(|(_, value)| ScalarValue::Decimal128(Some(value), *precision, 0))
        }
        DataType::Timestamp(..) => cast_text(&unescape(raw), to, env).or_else(|| cast_text(raw, to, env)),
        _ => cast_text(&unescape(raw), to, env),
    })
}

/// Spark's cast of a string; `None` where it has no value.
fn cast_text(text: &str, to: &DataType, env: &Env) -> Option<ScalarValue> {
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let value = cast_array(&array, to, EvalMode::Try, env).ok()?;
    ScalarValue::try_from_array(&value, 0).ok().filter(|value| !value.is_null())
}

/// Undoes the `%XX` of folder names; what is no such code stays.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_string();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) => {
                // Spark takes each code for a character of its own, not for a byte of UTF-8.
                plain.extend_from_slice(char::from(code).encode_utf8(&mut [0; 4]).as_bytes());
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(values: &[&str]) -> DataType {
        infer(values, &Env::default())
    }

    #[test]
    fn values_decide_the_type() {
        assert_eq!(inferred(&["+5", "007"]), DataType::Int32);
        assert_eq!(inferred(&["1", "3000000000"]), DataType::Int64);
        assert_eq!(inferred(&["99999999999999999999", "1"]), DataType::Decimal128(20, 0));
        assert_eq!(inferred(&["1e5"]), DataType::Decimal128(6, 0));
        assert_eq!(inferred(&["1.5", "3000000000"]), DataType::Utf8);
        assert_eq!(inferred(&[" 1", "2f", "NaN"]), DataType::Float64);
        assert_eq!(inferred(&["2024-01-05", NULL_VALUE]), DataType::Date32);
        assert_eq!(inferred(&["2024-1-5"]), DataType::Utf8);
        assert_eq!(inferred(&["2024-01-05", "2024-01-05 10:00:00"]), types::timestamp());
        assert_eq!(inferred(&[NULL_VALUE]), DataType::Null);
    }

    #[test]
    fn codes_in_folder_names_are_undone() {
        assert_eq!(unescape("a%20b%2Fc%zz%"), "a b/c%zz%");
    }
}
