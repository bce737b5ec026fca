//! Literals of every Spark type, with the names that Spark prints for them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::scalar::ScalarValue;
use firesteel_functions::{Env, Typed};
use firesteel_protocol::connect::{self as pb, expression::literal::LiteralType};
use firesteel_protocol::types::{self, IntervalRange, proto};
use firesteel_protocol::{Result, SparkError};

/// An INT literal.
pub fn int(value: i32) -> pb::expression::Literal {
    pb::expression::Literal { literal_type: Some(LiteralType::Integer(value)), ..Default::default() }
}

/// A literal message as expression.
pub fn resolve(literal: &pb::expression::Literal, env: &Env) -> Result<Typed> {
    let value = value(literal)?;
    let units = match &literal.data_type {
        Some(declared) => IntervalRange::of_field(&proto::decode_field("", declared, true, HashMap::new())?),
        None => None,
    };
    let Some(units) = units else {
        let name = print(&value, env)?;
        return Ok(Typed::literal(value, name));
    };
    let field = units.on(Field::new("", value.data_type(), true));
    let name = print_field(&value, &field, env)?;
    Ok(Typed::literal(value, name).with_units(units))
}

/// A literal message as value.
pub fn value(literal: &pb::expression::Literal) -> Result<ScalarValue> {
    let kind = literal.literal_type.as_ref().ok_or_else(|| SparkError::internal("a literal without value"))?;
    let declared = literal.data_type.as_ref().map(proto::decode).transpose()?;
    Ok(match kind {
        LiteralType::Null(data_type) => {
            let data_type = match (data_type.kind.is_some(), declared) {
                (true, _) => proto::decode(data_type)?,
                (false, Some(declared)) => declared,
                (false, None) => DataType::Null,
            };
            ScalarValue::try_new_null(&data_type).map_err(|e| SparkError::internal(e.to_string()))?
        }
        LiteralType::Binary(bytes) => ScalarValue::Binary(Some(bytes.to_vec())),
        LiteralType::Boolean(b) => ScalarValue::Boolean(Some(*b)),
        LiteralType::Byte(v) => ScalarValue::Int8(Some(*v as i8)),
        LiteralType::Short(v) => ScalarValue::Int16(Some(*v as i16)),
        LiteralType::Integer(v) => ScalarValue::Int32(Some(*v)),
        LiteralType::Long(v) => ScalarValue::Int64(Some(*v)),
        LiteralType::Float(v) => ScalarValue::Float32(Some(*v)),
        LiteralType::Double(v) => ScalarValue::Float64(Some(*v)),
        LiteralType::Decimal(decimal) => decimal_value(decimal)?,
        LiteralType::String(text) => ScalarValue::Utf8(Some(text.clone())),
        LiteralType::Date(days) => ScalarValue::Date32(Some(*days)),
        LiteralType::Timestamp(us) => ScalarValue::TimestampMicrosecond(Some(*us), Some("UTC".into())),
        LiteralType::TimestampNtz(us) => ScalarValue::TimestampMicrosecond(Some(*us), None),
        LiteralType::CalendarInterval(i) => ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(
            i.months,
            i.days,
            i.microseconds.checked_mul(1000).ok_or_else(|| SparkError::internal("an interval literal out of range"))?,
        ))),
        LiteralType::YearMonthInterval(months) => ScalarValue::IntervalYearMonth(Some(*months)),
        LiteralType::DayTimeInterval(us) => ScalarValue::DurationMicrosecond(Some(*us)),
        LiteralType::Time(time) => ScalarValue::Time64Nanosecond(Some(time.nano)),
        LiteralType::Array(array) => {
            let elements = array.elements.iter().map(value).collect::<Result<Vec<_>>>()?;
            #[expect(deprecated, reason = "clients before 4.1 send the element type here")]
            let element = array.element_type.as_ref().map(proto::decode).transpose()?;
            list(elements, element, declared)?
        }
        LiteralType::SpecializedArray(array) => specialized(array)?,
        LiteralType::Map(map) => {
            let keys = map.keys.iter().map(value).collect::<Result<Vec<_>>>()?;
            let values = map.values.iter().map(value).collect::<Result<Vec<_>>>()?;
            #[expect(deprecated, reason = "clients before 4.1 send the types here")]
            let (key_type, value_type) = (map.key_type.as_ref(), map.value_type.as_ref());
            map_value(keys, values, key_type, value_type, declared)?
        }
        LiteralType::Struct(message) => {
            let elements = message.elements.iter().map(value).collect::<Result<Vec<_>>>()?;
            #[expect(deprecated, reason = "clients before 4.1 send the type here")]
            let own = message.struct_type.as_ref().map(proto::decode).transpose()?;
            let fields = match own.filter(|t| matches!(t, DataType::Struct(f) if !f.is_empty())).or(declared) {
                Some(DataType::Struct(fields)) => fields,
                _ => elements
                    .iter()
                    .enumerate()
                    .map(|(i, v)| Field::new(format!("col{}", i + 1), v.data_type(), true))
                    .collect(),
            };
            struct_value(elements, fields)?
        }
        LiteralType::TimestampNtzNanos(_) | LiteralType::TimestampLtzNanos(_) => {
            return Err(SparkError::unsupported("timestamps of nanosecond precision", "Use microseconds."));
        }
    })
}

fn internal(error: impl std::fmt::Display) -> SparkError {
    SparkError::internal(error.to_string())
}

fn decimal_value(decimal: &pb::expression::literal::Decimal) -> Result<ScalarValue> {
    let text = decimal.value.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(internal)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut unscaled: i128 = format!("{whole}{fraction}").parse().map_err(internal)?;
    let mut own_scale = fraction.len() as i32 - exponent;
    while own_scale < 0 {
        unscaled = unscaled.checked_mul(10).ok_or_else(|| internal("a decimal literal out of range"))?;
        own_scale += 1;
    }
    // Clients may tell a precision and scale that the value itself exceeds: the larger ones count.
    let own_precision = (unscaled.unsigned_abs().to_string().len() as i32).max(own_scale);
    let scale = decimal.scale.map_or(own_scale, |scale| scale.max(own_scale));
    while own_scale < scale {
        unscaled = unscaled.checked_mul(10).ok_or_else(|| internal("a decimal literal out of range"))?;
        own_scale += 1;
    }
    let precision = decimal.precision.map_or(own_precision, |precision| precision.max(own_precision)).max(scale);
    Ok(ScalarValue::Decimal128(Some(unscaled), precision.clamp(1, 38) as u8, scale.clamp(0, 38) as i8))
}

fn array_of(values: Vec<ScalarValue>, data_type: &DataType) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(new_empty_array(data_type));
    }
    let cast = values
        .into_iter()
        .map(|v| if v.is_null() { ScalarValue::try_new_null(data_type) } else { v.cast_to(data_type) });
    let values = cast.collect::<datafusion::common::Result<Vec<_>>>().map_err(internal)?;
    ScalarValue::iter_to_array(values).map_err(internal)
}

fn common(values: &[ScalarValue]) -> DataType {
    values.iter().map(ScalarValue::data_type).find(|t| *t != DataType::Null).unwrap_or(DataType::Null)
}

fn list(elements: Vec<ScalarValue>, element: Option<DataType>, declared: Option<DataType>) -> Result<ScalarValue> {
    let has_null = elements.iter().any(ScalarValue::is_null);
    let field = match declared {
        Some(DataType::List(field)) => field,
        _ => Arc::new(Field::new("element", element.unwrap_or_else(|| common(&elements)), has_null)),
    };
    let count = elements.len();
    let values = array_of(elements, field.data_type())?;
    let offsets = OffsetBuffer::from_lengths([count]);
    let array = arrow::array::ListArray::try_new(field, offsets, values, None).map_err(internal)?;
    Ok(ScalarValue::List(Arc::new(array)))
}

fn specialized(array: &pb::expression::literal::SpecializedArray) -> Result<ScalarValue> {
    use pb::expression::literal::specialized_array::ValueType;
    let value = array.value_type.as_ref().ok_or_else(|| internal("an array literal without values"))?;
    let elements: Vec<ScalarValue> = match value {
        ValueType::Bools(v) => v.values.iter().map(|v| ScalarValue::Boolean(Some(*v))).collect(),
        ValueType::Ints(v) => v.values.iter().map(|v| ScalarValue::Int32(Some(*v))).collect(),
        ValueType::Longs(v) => v.values.iter().map(|v| ScalarValue::Int64(Some(*v))).collect(),
        ValueType::Floats(v) => v.values.iter().map(|v| ScalarValue::Float32(Some(*v))).collect(),
        ValueType::Doubles(v) => v.values.iter().map(|v| ScalarValue::Float64(Some(*v))).collect(),
        ValueType::Strings(v) => v.values.iter().map(|v| ScalarValue::Utf8(Some(v.clone()))).collect(),
    };
    let element = match value {
        ValueType::Bools(_) => DataType::Boolean,
        ValueType::Ints(_) => DataType::Int32,
        ValueType::Longs(_) => DataType::Int64,
        ValueType::Floats(_) => DataType::Float32,
        ValueType::Doubles(_) => DataType::Float64,
        ValueType::Strings(_) => DataType::Utf8,
    };
    list(elements, Some(element), None)
}

fn map_value(
    keys: Vec<ScalarValue>,
    values: Vec<ScalarValue>,
    key_type: Option<&pb::DataType>,
    value_type: Option<&pb::DataType>,
    declared: Option<DataType>,
) -> Result<ScalarValue> {
    let data_type = match declared {
        Some(declared @ DataType::Map(..)) => declared,
        _ => {
            let key = key_type.map(proto::decode).transpose()?.unwrap_or_else(|| common(&keys));
            let value = value_type.map(proto::decode).transpose()?.unwrap_or_else(|| common(&values));
            types::map(key, value, values.iter().any(ScalarValue::is_null))
        }
    };
    let DataType::Map(entries, _) = &data_type else { return Err(internal("a map literal of another type")) };
    let DataType::Struct(kv) = entries.data_type() else { return Err(internal("map entries are a struct")) };
    let count = keys.len();
    let columns = vec![array_of(keys, kv[0].data_type())?, array_of(values, kv[1].data_type())?];
    let structs = arrow::array::StructArray::try_new(kv.clone(), columns, None).map_err(internal)?;
    let offsets = OffsetBuffer::from_lengths([count]);
    let array =
        arrow::array::MapArray::try_new(Arc::clone(entries), offsets, structs, None, false).map_err(internal)?;
    Ok(ScalarValue::Map(Arc::new(array)))
}

fn struct_value(elements: Vec<ScalarValue>, fields: Fields) -> Result<ScalarValue> {
    let columns =
        elements.into_iter().zip(&fields).map(|(v, f)| array_of(vec![v], f.data_type())).collect::<Result<Vec<_>>>()?;
    let array = arrow::array::StructArray::try_new(fields, columns, None::<NullBuffer>).map_err(internal)?;
    Ok(ScalarValue::Struct(Arc::new(array)))
}

/// A value as SQL text, which may stand for it.
pub fn sql_text(value: &ScalarValue, env: &Env) -> Result<String> {
    let text = print(value, env)?;
    Ok(match value {
        ScalarValue::Utf8(Some(_)) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        _ => text,
    })
}

/// The text by which Spark names a literal column: `1`, `abc`, `1.5`, `DATE '2020-01-01'`.
pub fn print(value: &ScalarValue, env: &Env) -> Result<String> {
    print_field(value, &Field::new("", value.data_type(), true), env)
}

/// A decimal below 0.000001 as Java's `BigDecimal.toString` writes it: `1.5E-8`.
fn scientific(unscaled: i128, scale: i8) -> Option<String> {
    let digits = unscaled.unsigned_abs().to_string();
    let exponent = digits.len() as i32 - 1 - i32::from(scale);
    if exponent >= -6 {
        return None;
    }
    let sign = if unscaled < 0 { "-" } else { "" };
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    Some(format!("{sign}{first}{point}{rest}E{exponent}"))
}

/// [`print`] for a value of a field, whose metadata knows the units of intervals.
fn print_field(value: &ScalarValue, field: &Field, env: &Env) -> Result<String> {
    if value.is_null() {
        return Ok("NULL".into());
    }
    let array = value.to_array().map_err(internal)?;
    let text = |array: &ArrayRef| -> Result<String> {
        let strings = firesteel_functions::cast::to_string_field(array, field, env)?;
        let strings = arrow::array::cast::AsArray::as_string::<i32>(&strings);
        Ok(strings.value(0).to_string())
    };
    Ok(match value.data_type() {
        DataType::Date32 => format!("DATE '{}'", text(&array)?),
        DataType::Timestamp(_, Some(_)) => format!("TIMESTAMP '{}'", text(&array)?),
        DataType::Timestamp(_, None) => format!("TIMESTAMP_NTZ '{}'", text(&array)?),
        DataType::Time64(_) => format!("TIME '{}'", text(&array)?),
        DataType::Binary => {
            let bytes = arrow::array::cast::AsArray::as_binary::<i32>(&array);
            format!("X'{}'", bytes.value(0).iter().map(|b| format!("{b:02X}")).collect::<String>())
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let values = arrow::array::cast::AsArray::as_primitive::<IntervalMonthDayNanoType>(&array);
            debug_assert_eq!(values.len(), 1);
            format!("INTERVAL '{}'", text(&array)?)
        }
        DataType::Decimal128(_, scale) => match value {
            ScalarValue::Decimal128(Some(unscaled), ..) => {
                scientific(*unscaled, scale).map_or_else(|| text(&array), Ok)?
            }
            _ => text(&array)?,
        },
        DataType::List(_) => {
            let elements = arrow::array::cast::AsArray::as_list::<i32>(&array).value(0);
            let mut parts = Vec::with_capacity(elements.len());
            for index in 0..elements.len() {
                parts.push(print(&ScalarValue::try_from_array(&elements, index).map_err(internal)?, env)?);
            }
            format!("ARRAY({})", parts.join(", "))
        }
        _ => text(&array)?,
    })
}
