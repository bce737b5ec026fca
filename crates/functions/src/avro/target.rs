//! Values as a given schema of Avro wants them, where it is not the schema that Spark itself would write: Spark's
//! `AvroSerializer`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, ListArray, MapArray, StringArray,
    StructArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, TimeUnit};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use serde_json::Value;

use super::schema::spark_type;
use crate::kernel::from_arrow;

/// Field metadata: the symbols of an enum, a JSON list.
const SYMBOLS: &str = "__FIRESTEEL_AVRO_SYMBOLS";
/// Field metadata: the place in the values of a field of a record; none: the field is not among them.
const SOURCE: &str = "__FIRESTEEL_AVRO_SOURCE";

/// The field that is written for values of a type; its metadata says how values become its.
///
/// # Errors
/// What Spark says of a type that the schema has no place for.
pub fn target(data_type: &DataType, nullable: bool, schema: &Value) -> Result<Field> {
    let inner = branch(schema);
    let misfit = || {
        let text = format!("Cannot convert SQL type {} to Avro type {schema}.", name::sql(data_type));
        SparkError::new("_LEGACY_SPARK").with_message(text)
    };
    let object = inner.as_object();
    let text = |key: &str| object.and_then(|own| own.get(key)).and_then(Value::as_str);
    let word = inner.as_str().or_else(|| text("type")).unwrap_or_default();
    let logical = text("logicalType");
    let field = |data_type: DataType| Field::new("v", data_type, nullable);
    Ok(match (data_type, word) {
        (DataType::Null, _) | (DataType::Boolean, "boolean") | (DataType::Int64, "long") => field(data_type.clone()),
        (DataType::Float32, "float") | (DataType::Float64, "double") => field(data_type.clone()),
        (DataType::Utf8, "string") | (DataType::Binary, "bytes") => field(data_type.clone()),
        (DataType::Int8 | DataType::Int16 | DataType::Int32, "int") => field(DataType::Int32),
        (DataType::Interval(IntervalUnit::YearMonth), "int") => field(DataType::Int32),
        (DataType::Duration(_), "long") => field(DataType::Int64),
        (DataType::Date32, "int") if logical == Some("date") => field(DataType::Date32),
        (DataType::Date32, "int") => field(DataType::Int32),
        (DataType::Utf8, "enum") => {
            let symbols = object.and_then(|own| own.get("symbols")).ok_or_else(misfit)?;
            let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            field(kind).with_metadata(HashMap::from([(SYMBOLS.to_string(), symbols.to_string())]))
        }
        (DataType::Decimal128(precision, scale), "bytes" | "fixed") => {
            let number = |key: &str| object.and_then(|own| own.get(key)).and_then(Value::as_i64).unwrap_or(0);
            let same = number("precision") == i64::from(*precision) && number("scale") == i64::from(*scale);
            if logical != Some("decimal") || !same {
                return Err(misfit());
            }
            field(data_type.clone())
        }
        (DataType::Binary, "fixed") => {
            let size = object.and_then(|own| own.get("size")).and_then(Value::as_i64);
            field(DataType::FixedSizeBinary(size.and_then(|size| i32::try_from(size).ok()).ok_or_else(misfit)?))
        }
        (DataType::Time64(_), "long") if logical == Some("time-micros") => {
            field(DataType::Time64(TimeUnit::Microsecond))
        }
        (DataType::Timestamp(_, zone), "long") => match logical {
            Some("timestamp-micros" | "local-timestamp-micros") => field(data_type.clone()),
            Some("timestamp-millis" | "local-timestamp-millis") => {
                field(DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))
            }
            // Without a word on it, milliseconds.
            None => field(DataType::Int64),
            _ => return Err(misfit()),
        },
        (DataType::List(element), "array") => {
            let items = object.and_then(|own| own.get("items")).ok_or_else(misfit)?;
            let own = target(element.data_type(), element.is_nullable(), items)?.with_name("element");
            field(DataType::List(Arc::new(own)))
        }
        (DataType::Map(entries, sorted), "map") => {
            let values = object.and_then(|own| own.get("values")).ok_or_else(misfit)?;
            let DataType::Struct(pair) = entries.data_type() else { return Err(misfit()) };
            let value = target(pair[1].data_type(), pair[1].is_nullable(), values)?.with_name("value");
            let pair = Fields::from(vec![pair[0].clone(), Arc::new(value)]);
            let entries = entries.as_ref().clone().with_data_type(DataType::Struct(pair));
            field(DataType::Map(Arc::new(entries), *sorted))
        }
        (DataType::Struct(fields), "record") => {
            let wanted = object.and_then(|own| own.get("fields")).and_then(Value::as_array).ok_or_else(misfit)?;
            field(DataType::Struct(record(fields, wanted).transpose()?.ok_or_else(misfit)?))
        }
        _ => return Err(misfit()),
    })
}

/// The branch of a union with NULL, or the schema itself.
fn branch(schema: &Value) -> &Value {
    match schema.as_array().map(Vec::as_slice) {
        Some([null, other] | [other, null]) if null == "null" => other,
        _ => schema,
    }
}

/// The fields of a record; None where a field of either side has no other in its place.
fn record(fields: &Fields, wanted: &[Value]) -> Option<Result<Fields>> {
    let mut found = vec![];
    let mut used = 0;
    for own in wanted {
        let (title, schema) = (own.get("name")?.as_str()?, own.get("type")?);
        let source = fields.iter().position(|field| field.name().eq_ignore_ascii_case(title));
        let Some(source) = source else {
            // What is not among the values is NULL.
            schema.as_array().filter(|branches| branches.iter().any(|one| one == "null"))?;
            let own = spark_type(&schema.to_string()).and_then(|(own, _)| target(&own, true, schema));
            match own {
                Ok(own) => found.push(Arc::new(own.with_name(title))),
                Err(error) => return Some(Err(error)),
            }
            continue;
        };
        used += 1;
        let field = &fields[source];
        let own = match target(field.data_type(), field.is_nullable(), schema) {
            Ok(own) => own,
            Err(error) => return Some(Err(error)),
        };
        let mut metadata = own.metadata().clone();
        metadata.insert(SOURCE.into(), source.to_string());
        found.push(Arc::new(own.with_name(title).with_metadata(metadata)));
    }
    (used == fields.len()).then(|| Ok(found.into()))
}

/// Values as those of their [`target`].
///
/// # Errors
/// What Spark says of a string that is no symbol, and of bytes of another number than the schema's.
pub fn converted(array: &ArrayRef, to: &Field) -> Result<ArrayRef> {
    if array.data_type() == to.data_type() {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to.data_type()) {
        (DataType::Utf8, DataType::Dictionary(..)) => symbols(array.as_string(), to),
        (DataType::Binary, DataType::FixedSizeBinary(size)) => fixed(array, *size),
        (DataType::Timestamp(_, zone), DataType::Int64) => {
            let millis = cast(array, &DataType::Timestamp(TimeUnit::Millisecond, zone.clone())).map_err(from_arrow)?;
            cast(&millis, &DataType::Int64).map_err(from_arrow)
        }
        (DataType::Interval(_) | DataType::Duration(_), _) => super::array::to_written(array, to.data_type()),
        (DataType::Struct(_), DataType::Struct(wanted)) => {
            let rows = array.as_struct();
            let column = |field: &FieldRef| match field.metadata().get(SOURCE).and_then(|at| at.parse::<usize>().ok()) {
                Some(source) => converted(rows.column(source), field),
                None => Ok(new_null_array(field.data_type(), rows.len())),
            };
            let columns = wanted.iter().map(column).collect::<Result<Vec<_>>>()?;
            let rows = StructArray::try_new_with_length(wanted.clone(), columns, rows.nulls().cloned(), rows.len());
            Ok(Arc::new(rows.map_err(from_arrow)?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let values = converted(list.values(), element)?;
            let list = ListArray::try_new(element.clone(), list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(list.map_err(from_arrow)?))
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let DataType::Struct(pair) = entries.data_type() else { return Err(SparkError::internal("map entries")) };
            let columns = vec![Arc::clone(map.keys()), converted(map.values(), &pair[1])?];
            let rows = StructArray::try_new(pair.clone(), columns, None).map_err(from_arrow)?;
            let offsets = map.offsets().clone();
            let map = MapArray::try_new(Arc::clone(entries), offsets, rows, map.nulls().cloned(), *sorted);
            Ok(Arc::new(map.map_err(from_arrow)?))
        }
        _ => cast(array, to.data_type()).map_err(from_arrow),
    }
}

fn refused(reason: &str) -> SparkError {
    let text = format!("Cannot convert SQL top-level record to Avro top-level record because {reason}");
    SparkError::new("_LEGACY_SPARK").with_message(text)
}

fn symbols(texts: &StringArray, to: &Field) -> Result<ArrayRef> {
    let known = to.metadata().get(SYMBOLS).and_then(|text| serde_json::from_str(text).ok());
    let known: Vec<String> = known.unwrap_or_default();
    let place = |text: &str| {
        let at = known.iter().position(|symbol| symbol == text).and_then(|at| i32::try_from(at).ok());
        at.ok_or_else(|| {
            let all: Vec<String> = known.iter().map(|symbol| format!("\"{symbol}\"")).collect();
            refused(&format!("\"{text}\" cannot be written since it's not defined in enum {}", all.join(", ")))
        })
    };
    let keys = texts.iter().map(|text| text.map(place).transpose()).collect::<Result<Int32Array>>()?;
    let values: ArrayRef = Arc::new(StringArray::from(known.clone()));
    Ok(Arc::new(DictionaryArray::try_new(keys, values).map_err(from_arrow)?))
}

fn fixed(array: &ArrayRef, size: i32) -> Result<ArrayRef> {
    let values = array.as_binary::<i32>();
    if let Some(other) = values.iter().flatten().find(|bytes| i32::try_from(bytes.len()) != Ok(size)) {
        return Err(refused(&format!(
            "{} bytes of binary data cannot be written into FIXED type with size of {size} bytes",
            other.len()
        )));
    }
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.iter(), size).map_err(from_arrow)?;
    Ok(Arc::new(fixed))
}
