//! Rows in the Arrow form that PySpark's workers expect, and what they send back in ours.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StructArray, make_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

/// Fields as workers get them: timestamps carry the session's time zone, metadata stays here.
pub fn worker_fields(fields: &Fields, zone: &str) -> Fields {
    fields.iter().map(|field| worker_field(field, zone)).collect()
}

fn worker_field(field: &FieldRef, zone: &str) -> FieldRef {
    Arc::new(Field::new(field.name(), worker_type(field.data_type(), zone), field.is_nullable()))
}

fn worker_type(data_type: &DataType, zone: &str) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(zone.into())),
        DataType::List(element) => DataType::List(worker_field(element, zone)),
        DataType::Struct(fields) => DataType::Struct(worker_fields(fields, zone)),
        DataType::Map(entries, sorted) => DataType::Map(worker_field(entries, zone), *sorted),
        other => other.clone(),
    }
}

/// The array under another type of the same layout.
pub fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let children: Vec<&DataType> = match to {
        DataType::List(element) => vec![element.data_type()],
        DataType::Map(entries, _) => vec![entries.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        _ => vec![],
    };
    let data = array.to_data();
    let mut relabelled = Vec::with_capacity(children.len());
    for (child, data_type) in data.child_data().iter().zip(children) {
        relabelled.push(relabel(&make_array(child.clone()), data_type)?.to_data());
    }
    let data = data.into_builder().data_type(to.clone()).child_data(relabelled).build().map_err(from_arrow)?;
    Ok(make_array(data))
}

/// Columns under a worker's schema.
pub fn for_worker(columns: &[ArrayRef], rows: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns =
        columns.iter().zip(schema.fields()).map(|(c, f)| relabel(c, f.data_type())).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
}

/// A schema of one struct column, as functions over whole rows take it.
pub fn struct_schema(fields: Fields) -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("struct", DataType::Struct(fields), false)]))
}

/// The batch's columns as one struct column of `schema`.
pub fn in_struct(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let DataType::Struct(fields) = schema.field(0).data_type() else {
        return Err(SparkError::internal("rows for a worker are no struct"));
    };
    let columns = batch
        .columns()
        .iter()
        .zip(fields)
        .map(|(column, field)| relabel(column, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let array = if columns.is_empty() {
        StructArray::new_empty_fields(batch.num_rows(), None)
    } else {
        StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?
    };
    RecordBatch::try_new(Arc::clone(schema), vec![Arc::new(array)]).map_err(from_arrow)
}

/// The columns of a worker's one struct column.
pub fn out_of_struct(batch: &RecordBatch) -> Vec<ArrayRef> {
    match batch.columns() {
        [one] => match one.as_struct_opt() {
            Some(rows) => rows.columns().to_vec(),
            None => vec![Arc::clone(one)],
        },
        other => other.to_vec(),
    }
}

/// What a worker gave as columns of these fields, by position. `ARROW_TYPE_MISMATCH` where types differ.
pub fn conform(columns: &[ArrayRef], fields: &Fields, operation: &str) -> Result<Vec<ArrayRef>> {
    let mismatch = || {
        let shown = |types: Vec<String>| format!("struct<{}>", types.join(","));
        let expected = fields.iter().map(|f| format!("{}:{}", f.name(), name::simple(f.data_type()))).collect();
        let got = columns
            .iter()
            .enumerate()
            .map(|(at, c)| {
                let own = fields.get(at).map_or_else(|| format!("_{at}"), |f| f.name().clone());
                format!("{own}:{}", name::simple(c.data_type()))
            })
            .collect();
        SparkError::new("ARROW_TYPE_MISMATCH")
            .with("operation", operation)
            .with("outputTypes", shown(expected))
            .with("actualDataTypes", shown(got))
    };
    if columns.len() < fields.len() {
        return Err(mismatch());
    }
    fields
        .iter()
        .zip(columns)
        .map(|(field, column)| conform_array(column, field.data_type())?.ok_or_else(mismatch))
        .collect()
}

/// None where the types are not the same for Spark.
fn conform_array(array: &ArrayRef, to: &DataType) -> Result<Option<ArrayRef>> {
    let from = array.data_type();
    if from == to {
        return Ok(Some(Arc::clone(array)));
    }
    Ok(match (from, to) {
        (DataType::Null, _) => Some(arrow::array::new_null_array(to, array.len())),
        (DataType::Timestamp(TimeUnit::Microsecond, Some(_)), DataType::Timestamp(TimeUnit::Microsecond, Some(_))) => {
            Some(relabel(array, to)?)
        }
        (DataType::Struct(own), DataType::Struct(fields)) => {
            if own.len() != fields.len() {
                return Ok(None);
            }
            let rows = array.as_struct();
            let mut columns = vec![];
            for (column, field) in rows.columns().iter().zip(fields) {
                match conform_array(column, field.data_type())? {
                    Some(column) => columns.push(column),
                    None => return Ok(None),
                }
            }
            let loose: Fields = fields.clone();
            let array = StructArray::try_new_with_length(loose, columns, rows.nulls().cloned(), rows.len());
            Some(Arc::new(array.map_err(from_arrow)?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let Some(values) = conform_array(list.values(), element.data_type())? else { return Ok(None) };
            let list = arrow::array::ListArray::try_new(
                Arc::clone(element),
                list.offsets().clone(),
                values,
                list.nulls().cloned(),
            );
            Some(Arc::new(list.map_err(from_arrow)?))
        }
        (DataType::Map(..), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let own: ArrayRef = Arc::new(map.entries().clone());
            let Some(inner) = conform_array(&own, entries.data_type())? else { return Ok(None) };
            let map = arrow::array::MapArray::try_new(
                Arc::clone(entries),
                map.offsets().clone(),
                inner.as_struct().clone(),
                map.nulls().cloned(),
                *sorted,
            );
            Some(Arc::new(map.map_err(from_arrow)?))
        }
        (DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8)
        | (DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), DataType::Binary)
        | (DataType::LargeList(_) | DataType::FixedSizeList(..), DataType::List(_))
        | (DataType::Dictionary(..), _) => {
            let plain = types::canonical(from);
            let array = arrow::compute::cast(array, &plain).map_err(from_arrow)?;
            return if array.data_type() == from { Ok(None) } else { conform_array(&array, to) };
        }
        _ => None,
    })
}
