//! Values that PySpark pickled in the form that its types have inside, as columns: a worker reads them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Answer, Program, TaskInfo};
use futures::StreamExt;
use serde_json::json;

use super::WorkerSettings;
use super::convert::conform;
use super::map::arrow_stream;

/// The values of a column of bytes.
///
/// # Errors
/// A worker that fails, values of another type.
pub async fn unpickled(settings: &WorkerSettings, values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let rows = values.len();
    if rows == 0 {
        return Ok(new_null_array(data_type, 0));
    }
    // The worker learns the type from a column of it.
    let fields = vec![Field::new("pickled", DataType::Binary, true), Field::new("value", data_type.clone(), true)];
    let schema = Arc::new(Schema::new(fields));
    let columns = vec![Arc::clone(values), new_null_array(data_type, rows)];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    let bytes = arrow_stream(futures::stream::iter([Ok(batch)]), schema);
    let program = Arc::new(Program::new("pickles", json!({}), &[], false));
    let info = TaskInfo { partition: 0, barrier: None };
    let mut answers = firesteel_python::answers(settings.session.clone(), program, info, bytes);
    let mut read = None;
    while let Some(answer) = answers.next().await {
        if let Answer::Aside(batch) = answer? {
            let columns =
                conform(batch.columns(), &[Arc::new(Field::new("value", data_type.clone(), true))].into(), "state")?;
            read = columns.into_iter().next();
        }
    }
    read.filter(|column| column.len() == rows).ok_or_else(|| SparkError::internal("a worker did not read all values"))
}
