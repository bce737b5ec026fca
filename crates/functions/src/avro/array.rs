//! Values as the library of Avro has them, as Spark's, and the way back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, StructArray, UnionArray, make_array, new_null_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, FieldRef, Fields, IntervalUnit, TimeUnit};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::from_arrow;

/// An array of a file as Spark's type for it.
pub fn to_spark(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to) {
        (DataType::Null, to) => Ok(new_null_array(to, array.len())),
        (DataType::Union(..), to) => union(array, to),
        (DataType::Struct(_), DataType::Struct(wanted)) => structs(array, wanted, to_spark),
        (DataType::List(_), DataType::List(element)) => lists(array, element, to_spark),
        (DataType::Map(..), DataType::Map(entries, sorted)) => maps(array, entries, *sorted, to_spark),
        (DataType::FixedSizeBinary(16), DataType::Utf8) => {
            let text = |bytes: &[u8]| {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
            };
            let texts = array.as_fixed_size_binary().iter().map(|bytes| bytes.map(text));
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        (DataType::Timestamp(unit, _), DataType::Timestamp(_, zone)) => {
            let micros = if *unit == TimeUnit::Microsecond {
                Arc::clone(array)
            } else {
                // The zone is no matter: both are instants, or both are local.
                let from = relabel(array, &DataType::Timestamp(*unit, zone.clone()))?;
                cast(&from, to).map_err(from_arrow)?
            };
            relabel(&micros, to)
        }
        (DataType::Int32 | DataType::Time32(_), DataType::Interval(IntervalUnit::YearMonth) | DataType::Int32)
        | (DataType::Int64 | DataType::Time64(_), DataType::Duration(_) | DataType::Int64) => relabel(array, to),
        (DataType::Interval(_) | DataType::Decimal256(..), _) => Err(SparkError::unsupported(
            format!("the Avro type {}", array.data_type()),
            "Leave the column out by a schema of the other columns.",
        )),
        _ => cast(array, to).map_err(from_arrow),
    }
}

/// The type of the arrays that are written for a type.
pub fn written_type(data_type: &DataType) -> DataType {
    let field = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(written_type(field.data_type())));
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Interval(IntervalUnit::YearMonth) => DataType::Int32,
        DataType::Duration(_) => DataType::Int64,
        DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::List(element) => DataType::List(field(element)),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// An array of Spark's as [`written_type`].
pub fn to_written(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(wanted)) => structs(array, wanted, to_written),
        (DataType::List(_), DataType::List(element)) => lists(array, element, to_written),
        (DataType::Map(..), DataType::Map(entries, sorted)) => maps(array, entries, *sorted, to_written),
        (DataType::Interval(_) | DataType::Duration(_), _) => relabel(array, to),
        _ => cast(array, to).map_err(from_arrow),
    }
}

type Convert = fn(&ArrayRef, &DataType) -> Result<ArrayRef>;

fn structs(array: &ArrayRef, wanted: &Fields, convert: Convert) -> Result<ArrayRef> {
    let from = array.as_struct();
    let children = wanted.iter().zip(from.columns());
    let children = children.map(|(field, column)| convert(column, field.data_type())).collect::<Result<Vec<_>>>()?;
    let converted = StructArray::try_new_with_length(wanted.clone(), children, from.nulls().cloned(), array.len());
    Ok(Arc::new(converted.map_err(from_arrow)?))
}

fn lists(array: &ArrayRef, element: &FieldRef, convert: Convert) -> Result<ArrayRef> {
    let from = array.as_list::<i32>();
    let values = convert(from.values(), element.data_type())?;
    let list = ListArray::try_new(Arc::clone(element), from.offsets().clone(), values, from.nulls().cloned());
    Ok(Arc::new(list.map_err(from_arrow)?))
}

fn maps(array: &ArrayRef, entries: &FieldRef, sorted: bool, convert: Convert) -> Result<ArrayRef> {
    let from = array.as_map();
    let DataType::Struct(pair) = entries.data_type() else { return Err(SparkError::internal("map entries")) };
    let columns = vec![convert(from.keys(), pair[0].data_type())?, convert(from.values(), pair[1].data_type())?];
    let pairs = StructArray::try_new(pair.clone(), columns, None).map_err(from_arrow)?;
    let map = MapArray::try_new(Arc::clone(entries), from.offsets().clone(), pairs, from.nulls().cloned(), sorted);
    Ok(Arc::new(map.map_err(from_arrow)?))
}

/// The same values under a type that is stored alike.
fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let data = array.to_data().into_builder().data_type(to.clone()).build().map_err(from_arrow)?;
    Ok(make_array(data))
}

/// A union of several types: a struct with a member a type, or the wider of two kinds of numbers.
fn union(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let union = array.as_any().downcast_ref::<UnionArray>().ok_or_else(|| SparkError::internal("a union is none"))?;
    let DataType::Union(branches, _) = array.data_type() else { return Err(SparkError::internal("a union is none")) };
    let mut members = vec![];
    for (id, field) in branches.iter() {
        if field.data_type().is_null() {
            continue;
        }
        let places: arrow::array::UInt32Array = (0..union.len())
            .map(|row| (union.type_id(row) == id).then(|| u32::try_from(union.value_offset(row)).unwrap_or(u32::MAX)))
            .collect();
        members.push(take(union.child(id), &places, None).map_err(from_arrow)?);
    }
    let there: Vec<bool> = (0..union.len())
        .map(|row| branches.iter().any(|(id, field)| id == union.type_id(row) && !field.data_type().is_null()))
        .collect();
    match to {
        DataType::Struct(wanted) if members.len() == wanted.len() && members.len() > 1 => {
            let members = members.iter().zip(wanted);
            let members = members.map(|(one, field)| to_spark(one, field.data_type())).collect::<Result<Vec<_>>>()?;
            let array = StructArray::try_new_with_length(wanted.clone(), members, Some(there.into()), union.len());
            Ok(Arc::new(array.map_err(from_arrow)?))
        }
        _ => {
            let mut merged = new_null_array(to, union.len());
            for member in &members {
                let member = to_spark(member, to)?;
                let missing = arrow::compute::is_null(&merged).map_err(from_arrow)?;
                merged = arrow::compute::kernels::zip::zip(&missing, &member, &merged).map_err(from_arrow)?;
            }
            Ok(merged)
        }
    }
}
