//! How many partitions groups are spread over: few rows stay in one, in the order of their keys, as Spark's adaptive
//! execution leaves them; many are spread by the hash of their keys.
//!
//! The operator adds a column that says where a row belongs, which the exchange above hashes. It holds rows back until
//! there are enough of them, or all; so the exchange must read all its inputs at once, as it does.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, from_datafusion, to_datafusion};
use firesteel_protocol::Result;
use futures::StreamExt;
use tokio::sync::watch;

use super::group::positions;
use super::grouping::normal;
use crate::operator::only;
use crate::operator::partition_map::{self, PartitionMap};
use crate::resolver::Planned;

/// Spark's `spark.sql.adaptive.coalescePartitions.minPartitionSize`: less than that stays together.
const ENOUGH_BYTES: usize = 1 << 20;

/// Whether rows stay together; one for all relations that are grouped alike.
#[derive(Debug)]
pub struct Decision {
    bytes: AtomicUsize,
    /// Partitions without more rows.
    ended: AtomicUsize,
    /// Partitions of each relation.
    partitions: Vec<AtomicUsize>,
    /// None until it is known.
    spread: watch::Sender<Option<bool>>,
}

impl Decision {
    /// For so many relations.
    pub fn new(relations: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            partitions: (0..relations).map(|_| AtomicUsize::new(usize::MAX >> 8)).collect(),
            spread: watch::Sender::new(None),
        })
    }

    fn add(&self, batch: &RecordBatch) {
        let size: usize = batch.columns().iter().filter_map(|c| c.to_data().get_slice_memory_size().ok()).sum();
        if self.bytes.fetch_add(size, Ordering::Relaxed) + size >= ENOUGH_BYTES {
            self.spread.send_if_modified(|spread| spread.is_none() && spread.replace(true).is_none());
        }
    }

    fn end(&self) {
        let all: usize = self.partitions.iter().map(|one| one.load(Ordering::Relaxed)).sum();
        if self.ended.fetch_add(1, Ordering::Relaxed) + 1 >= all {
            self.spread.send_if_modified(|spread| spread.is_none() && spread.replace(false).is_none());
        }
    }
}

/// The logical node: the input's columns, then where the row belongs.
#[derive(Debug, Clone)]
pub struct BucketNode {
    input: Arc<LogicalPlan>,
    keys: Vec<String>,
    column: String,
    decision: Arc<Decision>,
    /// Which of the relations of the decision this is.
    relation: usize,
    schema: DFSchemaRef,
}

impl PartialEq for BucketNode {
    fn eq(&self, other: &Self) -> bool {
        self.input == other.input && self.column == other.column
    }
}

impl Eq for BucketNode {}

impl Hash for BucketNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
    }
}

impl PartialOrd for BucketNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl BucketNode {
    /// `keys` are columns of the input, `column` is the new one.
    pub fn new(
        input: Arc<LogicalPlan>,
        keys: Vec<String>,
        column: String,
        decision: Arc<Decision>,
        relation: usize,
    ) -> Result<Self> {
        let added = Schema::new(vec![Field::new(&column, DataType::Int64, false)]);
        let schema = input.schema().join(&DFSchema::try_from(added).planned()?).planned()?;
        Ok(Self { input, keys, column, decision, relation, schema: Arc::new(schema) })
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let count = input.properties().partitioning.partition_count();
        self.decision.partitions[self.relation].store(count, Ordering::Relaxed);
        let map = Bucket { keys: self.keys.clone(), column: self.column.clone(), decision: Arc::clone(&self.decision) };
        partition_map::exec(input, Arc::new(map))
    }
}

impl UserDefinedLogicalNodeCore for BucketNode {
    fn name(&self) -> &str {
        "Bucket"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Bucket: {}", self.keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let input = Arc::new(only(inputs)?);
        Self::new(input, self.keys.clone(), self.column.clone(), Arc::clone(&self.decision), self.relation)
            .map_err(to_datafusion)
    }
}

#[derive(Debug)]
struct Bucket {
    keys: Vec<String>,
    column: String,
    decision: Arc<Decision>,
}

impl PartitionMap for Bucket {
    fn name(&self) -> &'static str {
        "BucketExec"
    }

    fn describe(&self) -> String {
        self.keys.join(", ")
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        let added = Arc::new(Field::new(&self.column, DataType::Int64, false));
        Arc::new(Schema::new(input.fields().iter().cloned().chain([added]).collect::<Vec<_>>()))
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = self.schema(&input.schema());
        let held = Held {
            keys: self.keys.clone(),
            spread: self.decision.spread.subscribe(),
            decision: Arc::clone(&self.decision),
            input,
            rows: VecDeque::new(),
            ended: false,
            schema: Arc::clone(&schema),
        };
        let output = futures::stream::unfold(held, |mut held| async move {
            let item = held.next().await?;
            Some((item.map_err(to_datafusion), held))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output))
    }
}

/// A partition whose first rows wait for the decision.
struct Held {
    keys: Vec<String>,
    decision: Arc<Decision>,
    spread: watch::Receiver<Option<bool>>,
    input: SendableRecordBatchStream,
    rows: VecDeque<RecordBatch>,
    ended: bool,
    schema: SchemaRef,
}

impl Held {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let decided = *self.spread.borrow();
            if let Some(spread) = decided {
                if let Some(batch) = self.rows.pop_front() {
                    return Some(self.placed(&batch, spread));
                }
                if self.ended {
                    return None;
                }
                let batch = self.input.next().await?;
                return Some(batch.map_err(from_datafusion).and_then(|batch| self.placed(&batch, spread)));
            }
            tokio::select! {
                // The sender lives as long as the decision that we hold.
                _ = self.spread.changed() => {}
                batch = self.input.next(), if !self.ended => match batch {
                    Some(Ok(batch)) => {
                        self.decision.add(&batch);
                        self.rows.push_back(batch);
                    }
                    Some(Err(error)) => return Some(Err(from_datafusion(error))),
                    None => {
                        self.ended = true;
                        self.decision.end();
                    }
                },
            }
        }
    }

    fn placed(&self, batch: &RecordBatch, spread: bool) -> Result<RecordBatch> {
        let count = batch.num_rows();
        let places = if spread {
            let keys = positions(&batch.schema(), &self.keys)?;
            let columns: Vec<ArrayRef> = keys.iter().map(|key| normal(batch.column(*key))).collect();
            let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&columns));
            let rows = rows.map_err(from_arrow)?;
            let hash = |row: arrow::row::Row| {
                let mut hasher = DefaultHasher::new();
                row.as_ref().hash(&mut hasher);
                hasher.finish() as i64
            };
            Int64Array::from_iter_values(rows.iter().map(hash))
        } else {
            Int64Array::from(vec![0; count])
        };
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(places));
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(from_arrow)
    }
}
