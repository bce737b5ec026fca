//! Batches under Spark's names: the columns stay as they are, only their labels change.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, make_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;

/// Fields as clients get them: timestamps are labelled with the session's time zone.
pub fn client_fields(fields: &Fields, zone: &str) -> Fields {
    fields.iter().map(|field| client_field(field, zone)).collect()
}

/// Fields inside of a struct. Those that share their name get numbers: clients read structs as dictionaries.
fn inner_fields(fields: &Fields, zone: &str) -> Fields {
    let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
    for field in fields {
        seen.entry(field.name()).or_default().0 += 1;
    }
    let mut own = vec![];
    for field in fields {
        let client = client_field(field, zone);
        own.push(match seen.get_mut(field.name().as_str()) {
            Some((count, next)) if *count > 1 => {
                *next += 1;
                Arc::new(client.as_ref().clone().with_name(format!("{}_{}", field.name(), *next - 1)))
            }
            _ => client,
        });
    }
    own.into()
}

fn client_field(field: &FieldRef, zone: &str) -> FieldRef {
    // Arrow metadata is ours; clients get Spark's metadata with the schema.
    Arc::new(Field::new(field.name(), client_type(field.data_type(), zone), field.is_nullable()))
}

fn client_type(data_type: &DataType, zone: &str) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some(zone.into())),
        DataType::List(element) => DataType::List(client_field(element, zone)),
        DataType::Struct(fields) => DataType::Struct(inner_fields(fields, zone)),
        DataType::Map(entries, sorted) => DataType::Map(client_field(entries, zone), *sorted),
        other => other.clone(),
    }
}

/// The batch under another schema of the same shape.
pub fn batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| relabel(column, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    // Nullability is Spark's promise; should rows break it, the client still gets them.
    RecordBatch::try_new_with_options(Arc::clone(schema), columns.clone(), &options).or_else(|_| {
        let loose: Fields =
            schema.fields().iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(loose));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(from_arrow)
    })
}

/// The array under another type of the same layout; anything else is cast.
pub fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    if !same_layout(array.data_type(), to) {
        return arrow::compute::cast(array, to).map_err(from_arrow);
    }
    let data = array.to_data();
    let children: Vec<&DataType> = match to {
        DataType::List(element) => vec![element.data_type()],
        DataType::Map(entries, _) => vec![entries.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        _ => vec![],
    };
    let mut relabelled = Vec::with_capacity(children.len());
    for (child, data_type) in data.child_data().iter().zip(children) {
        relabelled.push(relabel(&make_array(child.clone()), data_type)?.to_data());
    }
    let data = data.into_builder().data_type(to.clone()).child_data(relabelled).build().map_err(from_arrow)?;
    Ok(make_array(data))
}

fn same_layout(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(a, _), DataType::Timestamp(b, _)) => a == b,
        (DataType::List(a), DataType::List(b)) | (DataType::Map(a, _), DataType::Map(b, _)) => {
            same_layout(a.data_type(), b.data_type())
        }
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_layout(a.data_type(), b.data_type()))
        }
        (a, b) => a == b,
    }
}
