//! Where batches go. A sink knows a batch by its number and takes it once, however often it is offered.

pub mod console;
pub mod file;
pub mod memory;
pub mod noop;
pub mod python;
pub mod python_source;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use firesteel_engine::query::BatchStream;
use firesteel_engine::{OperationHandle, Session, relabel, runner};
use firesteel_protocol::Result;
use futures::StreamExt;

use crate::start::OutputMode;

/// The rows of a batch, not computed yet.
#[derive(Debug, Clone)]
pub struct Batch {
    pub plan: Arc<dyn ExecutionPlan>,
    /// Spark's names and types of the plan's columns.
    pub fields: Fields,
    pub task_ctx: Arc<TaskContext>,
    /// The query's own session.
    pub session: Arc<Session>,
    pub operation: OperationHandle,
}

impl Batch {
    /// The rows, partition after partition.
    pub fn stream(&self) -> Result<BatchStream> {
        runner::run(Arc::clone(&self.plan), Arc::clone(&self.task_ctx), &self.operation)
    }

    /// All rows under other labels.
    pub async fn collect(&self, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let mut stream = self.stream()?;
        let mut batches = vec![];
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            if batch.num_rows() > 0 {
                batches.push(relabel::batch(&batch, schema)?);
            }
        }
        Ok(batches)
    }
}

/// Labels under which any columns can live together: `c0`, `c1`.
pub fn numbered(fields: &Fields) -> SchemaRef {
    let numbered: Vec<Field> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| Field::new(format!("c{index}"), field.data_type().clone(), true))
        .collect();
    Arc::new(Schema::new(numbered))
}

/// A sink.
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// What progress reports call it.
    fn description(&self) -> String;

    /// Takes a batch; the number of its rows where the sink counts them.
    async fn add_batch(&self, batch_id: u64, batch: Batch, mode: OutputMode) -> Result<Option<u64>>;

    /// Whether reports tell the number of rows.
    fn counts_rows(&self) -> bool {
        false
    }

    /// Whether a query without a checkpoint may have a temporary one.
    fn temporary_checkpoint(&self) -> bool {
        true
    }

    /// Whether a query can go on from its checkpoint.
    fn recovers(&self, _mode: OutputMode) -> bool {
        true
    }

    /// The query has ended.
    async fn stop(&self) {}
}
