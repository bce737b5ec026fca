//! `spark.range(start, end, step, partitions)`: computed, never stored.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::memory::{LazyBatchGenerator, LazyMemoryExec};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, local_relation};
use crate::Resolver;
use crate::context::Stored;

/// Rows of a batch.
const BATCH_ROWS: u64 = 8192;

pub fn resolve(resolver: &Resolver, range: &pb::Range) -> Result<Relation> {
    let partitions = range.num_partitions.map_or(resolver.ctx.source.parallelism, |n| n.max(0) as usize);
    relation(range.start.unwrap_or(0), range.end, range.step, partitions)
}

/// A column `id` from `start` (inclusive) to `end` (exclusive).
pub(crate) fn relation(start: i64, end: i64, step: i64, partitions: usize) -> Result<Relation> {
    if step == 0 {
        return Err(
            SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message("requirement failed: step (0) cannot be 0")
        );
    }
    if partitions == 0 {
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
            .with_message("requirement failed: Positive number of partitions required"));
    }
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
    let table = RangeTable { start, step, count: count(start, end, step), partitions, schema: Arc::clone(&schema) };
    local_relation::stored(Stored { provider: Arc::new(table), fields: schema })
}

fn count(start: i64, end: i64, step: i64) -> u64 {
    let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
    let span = if step > 0 { end - start } else { start - end };
    if span <= 0 { 0 } else { u64::try_from((span + step.abs() - 1) / step.abs()).unwrap_or(u64::MAX) }
}

#[derive(Debug)]
struct RangeTable {
    start: i64,
    step: i64,
    count: u64,
    partitions: usize,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for RangeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let bound = |partition: usize| (u128::from(self.count) * partition as u128 / self.partitions as u128) as u64;
        let mut generators: Vec<Arc<parking_lot::RwLock<dyn LazyBatchGenerator>>> = vec![];
        for partition in 0..self.partitions {
            let slice = RangeSlice {
                start: self.start,
                step: self.step,
                first: bound(partition),
                next: bound(partition),
                end: bound(partition + 1),
                schema: Arc::clone(&self.schema),
            };
            generators.push(Arc::new(parking_lot::RwLock::new(slice)));
        }
        let exec = LazyMemoryExec::try_new(Arc::clone(&self.schema), generators)?;
        Ok(Arc::new(exec.with_projection(projection.cloned())))
    }
}

/// One partition's part of a range, counted in steps.
#[derive(Debug)]
struct RangeSlice {
    start: i64,
    step: i64,
    first: u64,
    next: u64,
    end: u64,
    schema: SchemaRef,
}

impl fmt::Display for RangeSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Range: start={}, step={}, rows={}", self.start, self.step, self.end - self.first)
    }
}

impl LazyBatchGenerator for RangeSlice {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn generate_next_batch(&mut self) -> datafusion::common::Result<Option<RecordBatch>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let until = self.end.min(self.next.saturating_add(BATCH_ROWS));
        let value = |index: u64| self.start.wrapping_add(self.step.wrapping_mul(index as i64));
        let values = Int64Array::from_iter_values((self.next..until).map(value));
        self.next = until;
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(values)])?))
    }

    fn reset_state(&self) -> Arc<parking_lot::RwLock<dyn LazyBatchGenerator>> {
        Arc::new(parking_lot::RwLock::new(Self { next: self.first, schema: Arc::clone(&self.schema), ..*self }))
    }
}
