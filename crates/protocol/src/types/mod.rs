//! Spark's data types and their one Arrow form inside Firesteel.
//!
//! | Spark | Arrow |
//! |---|---|
//! | STRING, CHAR(n), VARCHAR(n) | `Utf8`; the last two keep Spark's field metadata [`CHAR_VARCHAR_KEY`] |
//! | STRING COLLATE name | `Utf8`, with field metadata, see [`collation`] |
//! | TIMESTAMP | `Timestamp(Microsecond, "UTC")`, whatever the session time zone is |
//! | TIMESTAMP_NTZ | `Timestamp(Microsecond, None)` |
//! | TIME | `Time64(Nanosecond)` |
//! | INTERVAL YEAR TO MONTH | `Interval(YearMonth)`; fewer units as field metadata, see [`interval`] |
//! | INTERVAL DAY TO SECOND | `Duration(Microsecond)`, likewise |
//! | INTERVAL (calendar) | `Interval(MonthDayNano)` |
//! | ARRAY, MAP, STRUCT | `List` of `element`, `Map` of `entries{key, value}`, `Struct` |
//! | VARIANT | `Struct` of `value` and `metadata`, see [`variant`] |
//! | GEOMETRY, GEOGRAPHY | `Struct` of `srid` and `wkb`, see [`shape`] |
//! | user-defined types | their storage, with field metadata [`UDT_KEY`] |
//!
//! `proto` translates to and from Connect's messages, `ddl` reads `a INT, b STRING`, `json` is
//! `StructType.json()`, `name` prints types.

pub mod collation;
mod collation_name;
pub mod ddl;
pub mod interval;
pub mod json;
pub mod name;
pub mod proto;
pub mod shape;
mod srid_table;
mod time;
pub mod twins;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};

pub use interval::{INTERVAL_KEY, IntervalRange};
pub use shape::{Shape, is_shape};
pub use time::{TIME_DIGITS, TIME_KEY, record_time_precision, time_precision};

/// Field metadata in which Spark keeps the declared CHAR/VARCHAR type of a string column.
pub const CHAR_VARCHAR_KEY: &str = "__CHAR_VARCHAR_TYPE_STRING";

/// Field metadata that holds Spark's own column metadata, a JSON object.
pub const METADATA_KEY: &str = "__SPARK_METADATA";

/// Field metadata that holds the JSON of a user-defined type; the field's own type is its storage.
pub const UDT_KEY: &str = "__FIRESTEEL_UDT";

/// The declared type of a column that is read as STRING: `char(5)`.
pub fn declared_text(metadata: &HashMap<String, String>) -> Option<String> {
    let text = metadata.get(METADATA_KEY).filter(|text| text.contains(CHAR_VARCHAR_KEY))?;
    let own: serde_json::Value = serde_json::from_str(text).ok()?;
    own[CHAR_VARCHAR_KEY].as_str().map(str::to_string)
}

/// What a field of CHAR or VARCHAR keeps of a text: how many characters, and whether spaces fill it up.
pub fn length_limit(field: &Field) -> Option<(usize, bool)> {
    limit_of(field.metadata().get(CHAR_VARCHAR_KEY)?)
}

/// [`length_limit`] of a declared type: `char(5)`, `varchar(5) collate UTF8_LCASE`.
pub fn limit_of(declared: &str) -> Option<(usize, bool)> {
    let (kind, rest) = declared.split_once('(')?;
    let length = rest.split_once(')')?.0.trim().parse().ok()?;
    match kind {
        "char" => Some((length, true)),
        "varchar" => Some((length, false)),
        _ => None,
    }
}

/// Whether a field is of CHAR or VARCHAR, or consists of such.
pub fn has_lengths(field: &Field) -> bool {
    field.metadata().contains_key(CHAR_VARCHAR_KEY)
        || match field.data_type() {
            DataType::List(inner) | DataType::Map(inner, _) => has_lengths(inner),
            DataType::Struct(fields) => fields.iter().any(|field| has_lengths(field)),
            _ => false,
        }
}

/// The field with each CHAR and VARCHAR in it as `change` says of what is declared: another type, or None for STRING.
#[must_use]
pub fn with_lengths(field: &Field, change: &dyn Fn(&str) -> Option<String>) -> Field {
    let inner = |own: &FieldRef| Arc::new(with_lengths(own, change));
    let data_type = match field.data_type() {
        DataType::List(element) => DataType::List(inner(element)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    };
    let mut metadata = field.metadata().clone();
    if let Some(declared) = metadata.remove(CHAR_VARCHAR_KEY)
        && let Some(other) = change(&declared)
    {
        metadata.insert(CHAR_VARCHAR_KEY.into(), other);
    }
    field.clone().with_data_type(data_type).with_metadata(metadata)
}

/// TIMESTAMP.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// TIMESTAMP_NTZ.
pub fn timestamp_ntz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// TIME.
pub fn time() -> DataType {
    DataType::Time64(TimeUnit::Nanosecond)
}

/// INTERVAL DAY TO SECOND.
pub fn day_time_interval() -> DataType {
    DataType::Duration(TimeUnit::Microsecond)
}

/// INTERVAL YEAR TO MONTH.
pub fn year_month_interval() -> DataType {
    DataType::Interval(IntervalUnit::YearMonth)
}

/// Calendar interval: months, days, microseconds.
pub fn calendar_interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// Field metadata of the second field of a VARIANT, by which Spark's clients know it.
const VARIANT_KEY: &str = "variant";

/// VARIANT: a value and the names in it, in Parquet's binary form.
pub fn variant() -> DataType {
    let mark = std::collections::HashMap::from([(VARIANT_KEY.to_string(), "true".to_string())]);
    DataType::Struct(Fields::from(vec![
        Field::new("value", DataType::Binary, false),
        Field::new("metadata", DataType::Binary, false).with_metadata(mark),
    ]))
}

/// Whether a type is VARIANT.
pub fn is_variant(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            fields.len() == 2 && fields[1].metadata().get(VARIANT_KEY).is_some_and(|mark| mark == "true")
        }
        _ => false,
    }
}

/// `ARRAY<element>`.
pub fn array(element: DataType, contains_null: bool) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, contains_null)))
}

/// `MAP<key, value>`.
pub fn map(key: DataType, value: DataType, value_contains_null: bool) -> DataType {
    let entries = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, value_contains_null)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// The Spark form of any Arrow type that a file or a library function yields: views and large
/// variants become plain, time units microseconds, unsigned integers the next wider signed type.
pub fn canonical(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, Some(_)) => timestamp(),
        DataType::Timestamp(_, None) => timestamp_ntz(),
        DataType::Time32(_) | DataType::Time64(_) => time(),
        DataType::Duration(_) => day_time_interval(),
        DataType::Interval(IntervalUnit::DayTime) => calendar_interval(),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Dictionary(_, value) => canonical(value),
        DataType::RunEndEncoded(_, value) => canonical(value.data_type()),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => {
            let own = Field::new("element", canonical(element.data_type()), element.is_nullable());
            DataType::List(Arc::new(declared_as(own, element)))
        }
        shape if is_shape(shape) => shape.clone(),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(canonical_field).collect()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                let key = Field::new("key", canonical(kv[0].data_type()), false);
                let value = Field::new("value", canonical(kv[1].data_type()), kv[1].is_nullable());
                let entries = Fields::from(vec![declared_as(key, &kv[0]), declared_as(value, &kv[1])]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

/// The keys of metadata that is part of a type.
const TYPE_KEYS: [&str; 5] = [CHAR_VARCHAR_KEY, INTERVAL_KEY, UDT_KEY, collation::COLLATION_KEY, TIME_KEY];

/// The field with what of another's type is metadata; its other metadata stays.
pub fn declared_as(field: Field, other: &Field) -> Field {
    let mut metadata = field.metadata().clone();
    for key in TYPE_KEYS {
        match other.metadata().get(key) {
            Some(declared) => metadata.insert(key.into(), declared.clone()),
            None => metadata.remove(key),
        };
    }
    field.with_metadata(metadata)
}

/// The field with what metadata says of values that stay the same when they pass through a function: units of intervals, digits
/// of times, collations.
pub fn carrying(field: Field, from: &HashMap<String, String>) -> Field {
    let mut metadata = field.metadata().clone();
    for key in [INTERVAL_KEY, collation::COLLATION_KEY, TIME_KEY] {
        if let Some(declared) = from.get(key) {
            metadata.insert(key.into(), declared.clone());
        }
    }
    field.with_metadata(metadata)
}

/// An array of what an expression or a field with this metadata has.
pub fn array_carrying(element: DataType, contains_null: bool, from: &HashMap<String, String>) -> DataType {
    DataType::List(Arc::new(carrying(Field::new("element", element, contains_null), from)))
}

/// A map of what expressions or fields with this metadata have.
pub fn map_carrying(
    (key, of_key): (DataType, &HashMap<String, String>),
    (value, of_value): (DataType, &HashMap<String, String>),
    value_contains_null: bool,
) -> DataType {
    let key = carrying(Field::new("key", key, false), of_key);
    let value = carrying(Field::new("value", value, value_contains_null), of_value);
    let entries = DataType::Struct(Fields::from(vec![key, value]));
    DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
}

/// [`canonical`] for a field; name, nullability and metadata stay.
pub fn canonical_field(field: &FieldRef) -> FieldRef {
    let data_type = canonical(field.data_type());
    if &data_type == field.data_type() {
        Arc::clone(field)
    } else {
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    }
}

/// Applies `print` to the canonical form of a type that has none of its own.
fn canonical_or(data_type: &DataType, print: fn(&DataType) -> String) -> String {
    let form = canonical(data_type);
    if &form == data_type { data_type.to_string().to_lowercase() } else { print(&form) }
}
