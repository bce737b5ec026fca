//! Types as text: SQL (`ARRAY<INT>`), simple (`array<int>`), tree (`printSchema`), catalog names.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use super::{CHAR_VARCHAR_KEY, UDT_KEY};

/// A type as error messages and `CAST` show it: `DECIMAL(10,2)`, `STRUCT<a: INT NOT NULL>`.
pub fn sql(data_type: &DataType) -> String {
    match data_type {
        DataType::List(element) => format!("ARRAY<{}>", sql_of_field(element)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => format!("MAP<{}, {}>", sql_of_field(&kv[0]), sql_of_field(&kv[1])),
            _ => "MAP".into(),
        },
        data_type if super::is_variant(data_type) => "VARIANT".into(),
        data_type if super::is_shape(data_type) => simple(data_type).to_uppercase(),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|f| sql_struct_field(f)).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        other => simple(other).to_uppercase(),
    }
}

/// [`sql`] of a field: CHAR/VARCHAR and the units of intervals included.
pub fn sql_of_field(field: &Field) -> String {
    declared(field).map_or_else(|| sql(field.data_type()), |name| upper(&name))
}

/// A type's words in capitals, but for the collation that Spark has no name for.
fn upper(name: &str) -> String {
    match name.strip_suffix(super::collation::INDETERMINATE) {
        Some(words) => format!("{}{}", words.to_uppercase(), super::collation::INDETERMINATE),
        None => name.to_uppercase(),
    }
}

fn sql_struct_field(field: &Field) -> String {
    let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
    format!("{}: {}{not_null}", quote_if_needed(field.name()), sql_of_field(field))
}

/// Column list as in `StructType.toDDL`: `a INT,b STRING NOT NULL`.
pub fn ddl(fields: &arrow::datatypes::Fields) -> String {
    let column = |field: &arrow::datatypes::FieldRef| {
        let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
        let comment =
            super::json::comment(field).map(|c| format!(" COMMENT '{}'", c.replace('\'', "\\'"))).unwrap_or_default();
        format!("{} {}{not_null}{comment}", quote_if_needed(field.name()), sql_of_field(field))
    };
    fields.iter().map(column).collect::<Vec<_>>().join(",")
}

/// Backticks round a name that is not a plain identifier.
pub fn quote_if_needed(name: &str) -> String {
    let plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.chars().all(|c| c.is_ascii_digit());
    if plain { name.to_string() } else { quote(name) }
}

/// A name in backticks, as error messages show it.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The name of a type that its metadata knows better than Arrow does.
fn declared(field: &Field) -> Option<String> {
    let collated = |declared: &String| match field.metadata().get(super::collation::COLLATION_KEY) {
        Some(collation) => format!("{declared} collate {collation}"),
        None => declared.clone(),
    };
    let char_varchar = field.metadata().get(CHAR_VARCHAR_KEY);
    char_varchar
        .map(collated)
        .or_else(|| super::interval::declared(field))
        .or_else(|| super::collation::declared(field))
        .or_else(|| super::time::declared(field))
}

/// `DataType.simpleString`: `array<int>`, `struct<a:int,b:string>`.
pub fn simple(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "void".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 => "string".into(),
        DataType::Binary => "binary".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp".into(),
        DataType::Timestamp(_, None) => "timestamp_ntz".into(),
        DataType::Time64(_) => "time(6)".into(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".into(),
        DataType::Interval(_) => "interval".into(),
        DataType::Duration(TimeUnit::Microsecond) => "interval day to second".into(),
        DataType::List(element) => format!("array<{}>", simple_of_field(element)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => format!("map<{},{}>", simple_of_field(&kv[0]), simple_of_field(&kv[1])),
            _ => "map".into(),
        },
        data_type if super::is_variant(data_type) => "variant".into(),
        data_type if let Some(shape) = super::Shape::of(data_type) => shape.name(),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|f| format!("{}:{}", f.name(), simple_of_field(f))).collect();
            format!("struct<{}>", fields.join(","))
        }
        other => super::canonical_or(other, simple),
    }
}

/// The name of the type's class in Spark, which some texts of errors show: `StringType`, `ArrayType(LongType,true)`.
pub fn class(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "NullType".into(),
        DataType::Boolean => "BooleanType".into(),
        DataType::Int8 => "ByteType".into(),
        DataType::Int16 => "ShortType".into(),
        DataType::Int32 => "IntegerType".into(),
        DataType::Int64 => "LongType".into(),
        DataType::Float32 => "FloatType".into(),
        DataType::Float64 => "DoubleType".into(),
        DataType::Decimal128(precision, scale) => format!("DecimalType({precision},{scale})"),
        DataType::Utf8 => "StringType".into(),
        DataType::Binary => "BinaryType".into(),
        DataType::Date32 => "DateType".into(),
        DataType::Timestamp(_, Some(_)) => "TimestampType".into(),
        DataType::Timestamp(_, None) => "TimestampNTZType".into(),
        DataType::Time64(_) => "TimeType(6)".into(),
        DataType::Interval(IntervalUnit::YearMonth) => "YearMonthIntervalType(0,1)".into(),
        DataType::Interval(_) => "CalendarIntervalType".into(),
        DataType::Duration(TimeUnit::Microsecond) => "DayTimeIntervalType(0,3)".into(),
        DataType::List(element) => format!("ArrayType({},{})", class(element.data_type()), element.is_nullable()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => {
                let (key, value) = (class(kv[0].data_type()), class(kv[1].data_type()));
                format!("MapType({key},{value},{})", kv[1].is_nullable())
            }
            _ => "MapType".into(),
        },
        data_type if super::is_variant(data_type) => "VariantType".into(),
        data_type if let Some(shape) = super::Shape::of(data_type) => {
            let kind = if shape.geography { "GeographyType" } else { "GeometryType" };
            format!("{kind}({})", shape.number())
        }
        DataType::Struct(fields) => {
            let field = |own: &Arc<Field>| {
                format!("StructField({},{},{})", own.name(), class(own.data_type()), own.is_nullable())
            };
            format!("StructType({})", fields.iter().map(field).collect::<Vec<_>>().join(","))
        }
        other => super::canonical_or(other, class),
    }
}

/// [`simple`] of a field: CHAR/VARCHAR and user-defined types by their own name.
pub fn simple_of_field(field: &Field) -> String {
    if field.metadata().contains_key(UDT_KEY) {
        return "udt".into();
    }
    declared(field).unwrap_or_else(|| simple(field.data_type()))
}

/// The word of `printSchema` for a type: `integer`, `long`, `array`, `struct`, else as [`simple`].
pub fn tree_word(data_type: &DataType) -> String {
    match data_type {
        DataType::Int8 => "byte".into(),
        DataType::Int16 => "short".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "long".into(),
        DataType::List(_) => "array".into(),
        DataType::Map(..) => "map".into(),
        data_type if super::is_variant(data_type) => "variant".into(),
        data_type if let Some(shape) = super::Shape::of(data_type) => shape.word().into(),
        DataType::Struct(_) => "struct".into(),
        other => simple(other),
    }
}

fn tree_word_of_field(field: &Field) -> String {
    declared(field).unwrap_or_else(|| tree_word(field.data_type()))
}

/// `StructType.treeString`: what `printSchema` prints, to `max_level` levels.
pub fn tree(fields: &arrow::datatypes::Fields, max_level: Option<i32>) -> String {
    let limit = match max_level {
        Some(level) if level > 0 => level,
        _ => i32::MAX,
    };
    let mut text = String::from("root\n");
    for field in fields {
        tree_field(&mut text, field.name(), field, " |", 1, limit);
    }
    text
}

fn tree_field(text: &mut String, name: &str, field: &Field, prefix: &str, level: i32, limit: i32) {
    if level > limit {
        return;
    }
    let word = tree_word_of_field(field);
    text.push_str(&format!("{prefix}-- {name}: {word} (nullable = {})\n", field.is_nullable()));
    tree_children(text, field.data_type(), &format!("{prefix}    |"), level + 1, limit);
}

fn tree_children(text: &mut String, data_type: &DataType, prefix: &str, level: i32, limit: i32) {
    if level > limit {
        return;
    }
    match data_type {
        data_type if super::is_variant(data_type) || super::is_shape(data_type) => {}
        DataType::Struct(fields) => {
            for field in fields {
                tree_field(text, field.name(), field, prefix, level, limit);
            }
        }
        DataType::List(element) => {
            let word = tree_word_of_field(element);
            text.push_str(&format!("{prefix}-- element: {word} (containsNull = {})\n", element.is_nullable()));
            tree_children(text, element.data_type(), &format!("{prefix}    |"), level + 1, limit);
        }
        DataType::Map(entries, _) => {
            if let DataType::Struct(kv) = entries.data_type() {
                text.push_str(&format!("{prefix}-- key: {}\n", tree_word_of_field(&kv[0])));
                tree_children(text, kv[0].data_type(), &format!("{prefix}    |"), level + 1, limit);
                let word = tree_word_of_field(&kv[1]);
                text.push_str(&format!("{prefix}-- value: {word} (valueContainsNull = {})\n", kv[1].is_nullable()));
                tree_children(text, kv[1].data_type(), &format!("{prefix}    |"), level + 1, limit);
            }
        }
        _ => {}
    }
}
