//! `observe()` on a stream: the metrics of each batch, told by its progress report.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;
use firesteel_protocol::types::json::to_json;
use serde_json::{Map, Value, json};

use crate::sink::{Batch, numbered};

/// The metrics by name.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Objects of columns, as listeners get them.
    pub rows: Map<String, Value>,
    /// Values with their schema, as Spark's server writes rows into `recentProgress`.
    pub described: Map<String, Value>,
}

/// Computes the metrics of a batch.
pub async fn metrics(observed: &[(String, Batch)]) -> Result<Observed> {
    let mut all = Observed::default();
    for (name, batch) in observed {
        let mut row = Map::new();
        for rows in batch.collect(&numbered(&batch.fields)).await?.iter().take(1) {
            for (field, column) in batch.fields.iter().zip(rows.columns()) {
                row.insert(field.name().clone(), value(column)?);
            }
        }
        let values: Vec<&Value> = batch.fields.iter().filter_map(|field| row.get(field.name())).collect();
        let schema = to_json(&DataType::Struct(batch.fields.clone()));
        all.described.insert(name.clone(), json!({"values": values, "schema": schema}));
        all.rows.insert(name.clone(), Value::Object(row));
    }
    Ok(all)
}

/// The first value of a column as Spark's JSON of a row has it: numbers and booleans are themselves, all else is text.
fn value(column: &ArrayRef) -> Result<Value> {
    if column.is_null(0) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Boolean => column.as_boolean().value(0).into(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let number = arrow::compute::cast(column, &DataType::Int64).map_err(from_arrow)?;
            number.as_primitive::<Int64Type>().value(0).into()
        }
        DataType::Float32 => column.as_primitive::<Float32Type>().value(0).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(0).into(),
        _ => {
            let options = FormatOptions::default();
            let text = ArrayFormatter::try_new(column.as_ref(), &options).map_err(from_arrow)?.value(0).to_string();
            match column.data_type() {
                DataType::Decimal128(..) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
                _ => Value::String(text),
            }
        }
    })
}
