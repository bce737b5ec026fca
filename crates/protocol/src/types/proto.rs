//! Types to and from Connect's `DataType` messages.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::{CHAR_VARCHAR_KEY, IntervalRange, Shape, UDT_KEY, ddl};
use crate::connect::{self as pb, data_type::Kind};
use crate::error::{Result, SparkError};

/// A type message as Arrow type.
pub fn decode(message: &pb::DataType) -> Result<DataType> {
    decode_field("", message, true, HashMap::new()).map(|field| field.data_type().clone())
}

/// A struct message (or any other, as one column `value`) as fields.
pub fn decode_schema(message: &pb::DataType) -> Result<Fields> {
    match decode(message)? {
        DataType::Struct(fields) => Ok(fields),
        other => Ok(Fields::from(vec![Field::new("value", other, true)])),
    }
}

/// A type message as a field; CHAR, VARCHAR and user-defined types leave their mark in its metadata.
pub fn decode_field(
    name: &str,
    message: &pb::DataType,
    nullable: bool,
    mut metadata: HashMap<String, String>,
) -> Result<Field> {
    let kind = message.kind.as_ref().ok_or_else(|| SparkError::internal("a DataType message without a kind"))?;
    let data_type = match kind {
        Kind::Null(_) => DataType::Null,
        Kind::Binary(_) => DataType::Binary,
        Kind::Boolean(_) => DataType::Boolean,
        Kind::Byte(_) => DataType::Int8,
        Kind::Short(_) => DataType::Int16,
        Kind::Integer(_) => DataType::Int32,
        Kind::Long(_) => DataType::Int64,
        Kind::Float(_) => DataType::Float32,
        Kind::Double(_) => DataType::Float64,
        Kind::Decimal(d) => DataType::Decimal128(d.precision.unwrap_or(10) as u8, d.scale.unwrap_or(0) as i8),
        Kind::String(text) => {
            if !text.collation.is_empty() {
                super::collation::record(super::collation::parse(&text.collation)?, &mut metadata);
            }
            DataType::Utf8
        }
        Kind::Char(c) => {
            metadata.insert(CHAR_VARCHAR_KEY.into(), format!("char({})", c.length));
            DataType::Utf8
        }
        Kind::VarChar(c) => {
            metadata.insert(CHAR_VARCHAR_KEY.into(), format!("varchar({})", c.length));
            DataType::Utf8
        }
        Kind::Date(_) => DataType::Date32,
        Kind::Timestamp(_) => super::timestamp(),
        Kind::TimestampNtz(_) => super::timestamp_ntz(),
        Kind::CalendarInterval(_) => super::calendar_interval(),
        Kind::YearMonthInterval(i) => {
            record_units(IntervalRange::YEAR_MONTH, i.start_field, i.end_field, &mut metadata)?;
            super::year_month_interval()
        }
        Kind::DayTimeInterval(i) => {
            record_units(IntervalRange::DAY_TIME, i.start_field, i.end_field, &mut metadata)?;
            super::day_time_interval()
        }
        Kind::Time(t) => {
            let digits = t.precision.and_then(|digits| u8::try_from(digits).ok()).unwrap_or(super::TIME_DIGITS);
            super::record_time_precision(digits, &mut metadata);
            super::time()
        }
        Kind::Array(a) => {
            let element =
                a.element_type.as_deref().ok_or_else(|| SparkError::internal("an array without element type"))?;
            DataType::List(Arc::new(decode_field("element", element, a.contains_null, HashMap::new())?))
        }
        Kind::Map(m) => {
            let missing = || SparkError::internal("a map without key or value type");
            let key = decode_field("key", m.key_type.as_deref().ok_or_else(missing)?, false, HashMap::new())?;
            let value = m.value_type.as_deref().ok_or_else(missing)?;
            let value = decode_field("value", value, m.value_contains_null, HashMap::new())?;
            let entries = DataType::Struct(Fields::from(vec![key, value]));
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
        }
        Kind::Struct(s) => {
            let fields = s.fields.iter().map(decode_struct_field).collect::<Result<Vec<_>>>()?;
            DataType::Struct(Fields::from(fields))
        }
        Kind::Udt(udt) => {
            let storage =
                udt.sql_type.as_deref().ok_or_else(|| SparkError::internal("a user-defined type without sqlType"))?;
            metadata.insert(UDT_KEY.into(), super::json::udt(udt)?);
            decode(storage)?
        }
        Kind::Unparsed(text) => {
            let own = ddl::parse_type(&text.data_type_string)?.with_name(name).with_nullable(nullable);
            metadata.extend(own.metadata().clone());
            return Ok(own.with_metadata(metadata));
        }
        Kind::Variant(_) => super::variant(),
        Kind::Geometry(own) => Shape::numbered(false, own.srid).data_type(),
        Kind::Geography(own) => Shape::numbered(true, own.srid).data_type(),
        Kind::TimestampNtzNanos(_) | Kind::TimestampLtzNanos(_) => {
            return Err(SparkError::unsupported("this data type", "Use a string or binary column instead."));
        }
    };
    Ok(Field::new(name, data_type, nullable).with_metadata(metadata))
}

/// Keeps the units of an interval type message in metadata.
fn record_units(
    full: IntervalRange,
    start: Option<i32>,
    end: Option<i32>,
    metadata: &mut HashMap<String, String>,
) -> Result<()> {
    let range = IntervalRange::of_fields(full, start, end)
        .ok_or_else(|| SparkError::internal(format!("an interval type from unit {start:?} to {end:?}")))?;
    range.record(metadata);
    Ok(())
}

fn decode_struct_field(field: &pb::data_type::StructField) -> Result<Field> {
    let data_type = field.data_type.as_ref().ok_or_else(|| SparkError::internal("a struct field without type"))?;
    let metadata = field.metadata.as_deref().map(super::json::metadata).transpose()?.unwrap_or_default();
    decode_field(&field.name, data_type, field.nullable, metadata)
}

/// Fields as a struct message.
pub fn encode_schema(fields: &Fields) -> pb::DataType {
    encode(&DataType::Struct(fields.clone()))
}

/// A type as message. Types that are not canonical are encoded as their canonical form.
pub fn encode(data_type: &DataType) -> pb::DataType {
    encode_field(&Field::new("", data_type.clone(), true))
}

/// The type of a field, user-defined and CHAR/VARCHAR types restored.
pub fn encode_field(field: &Field) -> pb::DataType {
    if let Some(kind) = field.metadata().get(UDT_KEY).and_then(|json| super::json::udt_message(json, field.data_type()))
    {
        return pb::DataType { kind: Some(kind) };
    }
    if let Some(declared) = field.metadata().get(CHAR_VARCHAR_KEY) {
        if let Some(kind) = char_varchar(declared) {
            return pb::DataType { kind: Some(kind) };
        }
    }
    use pb::data_type as t;
    let (start_field, end_field) = IntervalRange::of_field(field).map(IntervalRange::fields).unzip();
    let kind = match field.data_type() {
        DataType::Null => Kind::Null(t::Null::default()),
        DataType::Boolean => Kind::Boolean(t::Boolean::default()),
        DataType::Int8 => Kind::Byte(t::Byte::default()),
        DataType::Int16 => Kind::Short(t::Short::default()),
        DataType::Int32 => Kind::Integer(t::Integer::default()),
        DataType::Int64 => Kind::Long(t::Long::default()),
        DataType::Float32 => Kind::Float(t::Float::default()),
        DataType::Float64 => Kind::Double(t::Double::default()),
        DataType::Decimal128(precision, scale) => Kind::Decimal(t::Decimal {
            scale: Some(i32::from(*scale)),
            precision: Some(i32::from(*precision)),
            type_variation_reference: 0,
        }),
        DataType::Utf8 => Kind::String(t::String {
            type_variation_reference: 0,
            collation: super::collation::of(field.metadata()).into(),
        }),
        DataType::Binary => Kind::Binary(t::Binary::default()),
        DataType::Date32 => Kind::Date(t::Date::default()),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp(t::Timestamp::default()),
        DataType::Timestamp(TimeUnit::Microsecond, None) => Kind::TimestampNtz(t::TimestampNtz::default()),
        DataType::Time64(TimeUnit::Nanosecond) => {
            let precision = super::time_precision(field.data_type(), field.metadata()).map(i32::from);
            Kind::Time(t::Time { precision, type_variation_reference: 0 })
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            Kind::YearMonthInterval(t::YearMonthInterval { start_field, end_field, type_variation_reference: 0 })
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            Kind::DayTimeInterval(t::DayTimeInterval { start_field, end_field, type_variation_reference: 0 })
        }
        DataType::Interval(_) => Kind::CalendarInterval(t::CalendarInterval::default()),
        DataType::List(element) => Kind::Array(Box::new(t::Array {
            element_type: Some(Box::new(encode_field(element))),
            contains_null: element.is_nullable(),
            type_variation_reference: 0,
        })),
        DataType::Map(entries, _) => {
            let DataType::Struct(kv) = entries.data_type() else { unreachable!("map entries are a struct") };
            Kind::Map(Box::new(t::Map {
                key_type: Some(Box::new(encode_field(&kv[0]))),
                value_type: Some(Box::new(encode_field(&kv[1]))),
                value_contains_null: kv[1].is_nullable(),
                type_variation_reference: 0,
            }))
        }
        data_type if super::is_variant(data_type) => Kind::Variant(t::Variant::default()),
        data_type if let Some(own) = Shape::of(data_type) => match own.geography {
            true => Kind::Geography(t::Geography { srid: own.number(), type_variation_reference: 0 }),
            false => Kind::Geometry(t::Geometry { srid: own.number(), type_variation_reference: 0 }),
        },
        DataType::Struct(fields) => {
            let encode = |field: &Arc<Field>| t::StructField {
                name: field.name().clone(),
                data_type: Some(encode_field(field)),
                nullable: field.is_nullable(),
                metadata: super::json::metadata_text(field.metadata()),
            };
            Kind::Struct(t::Struct { fields: fields.iter().map(encode).collect(), type_variation_reference: 0 })
        }
        other => return encode(&super::canonical(other)),
    };
    pb::DataType { kind: Some(kind) }
}

fn char_varchar(declared: &str) -> Option<Kind> {
    let (word, rest) = declared.split_once('(')?;
    let length = rest.trim_end_matches(')').parse().ok()?;
    match word {
        "char" => Some(Kind::Char(pb::data_type::Char { length, type_variation_reference: 0 })),
        "varchar" => Some(Kind::VarChar(pb::data_type::VarChar { length, type_variation_reference: 0 })),
        _ => None,
    }
}
