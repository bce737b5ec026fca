//! Rows in Spark's order after a shuffle. Spark deals rows out to `spark.sql.shuffle.partitions` partitions by the hash of
//! their keys, and its adaptive execution joins partitions that hold little. So few rows come out as one partition: task
//! by task, those of a task in the order of the hashes. Users see that order: in `show()`, in ids that increase, in what
//! `first` finds.
//!
//! Below aggregations and windows [`SparkShuffle`], which runs last, puts a [`ShuffleExec`] where DataFusion moves rows by hash:
//! it holds rows back until there are too many for one partition, or all are there; the former move as before, the latter
//! stay together.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    replace_children_if_necessary,
};
use futures::StreamExt;
use tokio::sync::watch;

use super::only;
use super::partition_map::{self, PartitionMap};

/// Spark's `spark.sql.adaptive.coalescePartitions.minPartitionSize`: less than that stays together.
const FEW_BYTES: usize = 1 << 20;

type Plan = Arc<dyn ExecutionPlan>;
type Keys = Vec<Arc<dyn PhysicalExpr>>;

/// The rule.
#[derive(Debug)]
pub struct SparkShuffle {
    /// `spark.sql.shuffle.partitions`.
    pub partitions: usize,
}

impl PhysicalOptimizerRule for SparkShuffle {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> datafusion::common::Result<Plan> {
        self.rewritten(plan, true)
    }

    fn name(&self) -> &str {
        "SparkShuffle"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is<T: 'static>(plan: &Plan) -> bool {
    (plan.as_ref() as &dyn std::any::Any).is::<T>()
}

fn cast<T: 'static>(plan: &Plan) -> Option<&T> {
    (plan.as_ref() as &dyn std::any::Any).downcast_ref()
}

impl SparkShuffle {
    /// `alone`: no operator above relies on equal keys of two inputs being in partitions of the same number.
    fn rewritten(&self, plan: Plan, alone: bool) -> datafusion::common::Result<Plan> {
        let children = plan.children().into_iter().cloned().enumerate();
        let changed = children
            .map(|(number, child)| {
                let child = self.rewritten(child, stands_alone(&plan, number, alone))?;
                if alone { self.shuffled(&plan, child) } else { Ok(child) }
            })
            .collect::<datafusion::common::Result<Vec<Plan>>>()?;
        replace_children_if_necessary(plan, changed)
    }

    /// `child` of `parent`, with another exchange if it is DataFusion's.
    fn shuffled(&self, parent: &Plan, child: Plan) -> datafusion::common::Result<Plan> {
        if let Some(aggregate) = cast::<AggregateExec>(parent) {
            let whole = matches!(aggregate.mode(), AggregateMode::FinalPartitioned | AggregateMode::SinglePartitioned);
            return if whole { self.exchange(child, sorts(aggregate)) } else { Ok(child) };
        }
        if is::<BoundedWindowAggExec>(parent) || is::<WindowAggExec>(parent) {
            if is::<SortExec>(&child) {
                let input = self.exchange(Arc::clone(child.children()[0]), false)?;
                return replace_children_if_necessary(child, vec![input]);
            }
            // Rows that one partition has sorted stay sorted.
            if cast::<RepartitionExec>(&child)
                .is_some_and(|own| own.input().output_partitioning().partition_count() == 1)
            {
                return Self { partitions: 1 }.exchange(child, false);
            }
        }
        Ok(child)
    }

    fn exchange(&self, child: Plan, sorted: bool) -> datafusion::common::Result<Plan> {
        let Some(repartition) = cast::<RepartitionExec>(&child) else { return Ok(child) };
        let Partitioning::Hash(keys, count) = repartition.partitioning() else { return Ok(child) };
        if repartition.preserve_order() || repartition.input().boundedness().is_unbounded() {
            return Ok(child);
        }
        let partitions = if *count > 1 && is_local(repartition.input()) { 1 } else { self.partitions };
        let order = HashOrder { keys: keys.clone(), partitions, sorted };
        Ok(Arc::new(ShuffleExec::try_new(Arc::clone(repartition.input()), order, *count)?))
    }
}

/// [`SparkShuffle::rewritten`]'s `alone` of a child.
fn stands_alone(plan: &Plan, number: usize, alone: bool) -> bool {
    let moves = matches!(
        plan.name(),
        "RepartitionExec" | "CoalescePartitionsExec" | "SortPreservingMergeExec" | "ExchangeExec" | "UnionExec"
    );
    match cast::<HashJoinExec>(plan).map(|join| *join.partition_mode() == PartitionMode::CollectLeft) {
        Some(true) => number == 0 || alone,
        Some(false) => false,
        None => moves || alone && plan.children().len() == 1,
    }
}

/// Whether the rows are a program's own: Spark deals such rows out to its cores, so that each of few rows is another task's,
/// and they arrive in their order.
fn is_local(plan: &Plan) -> bool {
    match (cast::<DataSourceExec>(plan), plan.children().as_slice()) {
        (Some(source), _) => (source.data_source().as_ref() as &dyn std::any::Any).is::<MemorySourceConfig>(),
        (None, [input]) => is_local(input),
        _ => false,
    }
}

/// Whether Spark aggregates by sorting: values without a fixed width cannot be changed in the buffers of its hash
/// aggregation, unless a function among them brings objects as buffers.
fn sorts(aggregate: &AggregateExec) -> bool {
    let objects = |name: &str| {
        matches!(name, "collect_list" | "collect_set" | "percentile" | "mode" | "listagg" | "histogram_numeric")
    };
    let mut any = false;
    for call in aggregate.aggr_expr() {
        if objects(call.fun().name()) {
            return false;
        }
        let wide = matches!(
            call.field().data_type(),
            DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Struct(_) | DataType::Map(..)
        );
        any |= wide;
    }
    any
}

/// The order in which a reader of Spark's shuffle finds few rows.
#[derive(Debug, Clone)]
struct HashOrder {
    keys: Keys,
    partitions: usize,
    /// Rows are in the order of their keys.
    sorted: bool,
}

impl HashOrder {
    /// The rows of each input partition one after the other, each in the order of the hashes: Spark reads what a task has
    /// written to neighbouring partitions at once. Rows whose keys have no hash in Spark stay as they are.
    fn of(&self, schema: &SchemaRef, inputs: &[Vec<RecordBatch>]) -> datafusion::common::Result<RecordBatch> {
        let mut ordered = Vec::with_capacity(inputs.len());
        for input in inputs.iter().filter(|batches| !batches.is_empty()) {
            let batch = concat_batches(schema, input)?;
            let keys = self.key_columns(&batch)?;
            ordered.push(match firesteel_functions::hash::row::murmur3(&keys, batch.num_rows()) {
                Ok(hashes) => {
                    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
                    order.sort_by_key(|row| hashes.value(*row as usize).rem_euclid(self.partitions as i32));
                    take_record_batch(&batch, &UInt32Array::from(order))?
                }
                Err(_) => batch,
            });
        }
        let batch = concat_batches(schema, &ordered)?;
        if !self.sorted {
            return Ok(batch);
        }
        let keys = self.key_columns(&batch)?;
        let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
        let encoded = RowConverter::new(fields)?.convert_columns(&keys)?;
        let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
        order.sort_by(|a, b| encoded.row(*a as usize).cmp(&encoded.row(*b as usize)));
        Ok(take_record_batch(&batch, &UInt32Array::from(order))?)
    }

    fn key_columns(&self, batch: &RecordBatch) -> datafusion::common::Result<Vec<ArrayRef>> {
        let column = |key: &Arc<dyn PhysicalExpr>| {
            let array = key.evaluate(batch)?.into_array(batch.num_rows())?;
            // Numbers of grouping sets are longs in Spark.
            let unsigned = array.data_type().is_unsigned_integer();
            Ok(if unsigned { arrow::compute::cast(&array, &DataType::Int64)? } else { array })
        };
        self.keys.iter().map(column).collect()
    }
}

fn size_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().filter_map(|column| column.to_data().get_slice_memory_size().ok()).sum()
}

/// What the partitions of a [`ShuffleExec`] know together.
#[derive(Debug)]
struct Held {
    bytes: AtomicUsize,
    /// Input partitions that have more rows.
    running: AtomicUsize,
    /// Whether rows move; None until it is known.
    moves: watch::Sender<Option<bool>>,
    /// First rows of each input partition.
    rows: Mutex<Vec<Vec<RecordBatch>>>,
}

impl Held {
    fn new(partitions: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            running: AtomicUsize::new(partitions),
            moves: watch::Sender::new(None),
            rows: Mutex::new(vec![vec![]; partitions]),
        })
    }

    fn decide(&self, moves: bool) {
        self.moves.send_if_modified(|known| known.is_none() && known.replace(moves).is_none());
    }

    /// Keeps a batch back; false where rows move already.
    fn keep(&self, partition: usize, batch: &RecordBatch) {
        let size = size_of(batch);
        if self.bytes.fetch_add(size, Ordering::Relaxed) + size >= FEW_BYTES {
            self.decide(true);
        }
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)[partition].push(batch.clone());
    }

    fn end(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.decide(false);
        }
    }

    fn take(&self, partition: usize) -> Vec<RecordBatch> {
        std::mem::take(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner)[partition])
    }

    /// All rows, where they do not move.
    fn together(&self) -> Vec<Vec<RecordBatch>> {
        if *self.moves.borrow() != Some(false) {
            return vec![];
        }
        std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Below DataFusion's exchange: gives it the rows that move.
#[derive(Debug)]
struct Gate {
    held: Arc<Held>,
}

impl PartitionMap for Gate {
    fn name(&self) -> &'static str {
        "GateExec"
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, partition: usize, mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let held = Arc::clone(&self.held);
        let output = futures::stream::once(async move {
            let mut moves = held.moves.subscribe();
            let mut ended = false;
            loop {
                let decided = *moves.borrow_and_update();
                match decided {
                    Some(true) => {
                        let first: Vec<_> = held.take(partition).into_iter().map(Ok).collect();
                        return futures::stream::iter(first).chain(input);
                    }
                    Some(false) => return futures::stream::iter(vec![]).chain(input),
                    None => {}
                }
                tokio::select! {
                    // The sender lives as long as what we hold.
                    _ = moves.changed() => {}
                    batch = input.next(), if !ended => match batch {
                        Some(Ok(batch)) => held.keep(partition, &batch),
                        Some(Err(error)) => return futures::stream::iter(vec![Err(error)]).chain(input),
                        None => {
                            ended = true;
                            held.end();
                        }
                    },
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output.flatten()))
    }
}

/// The exchange: rows by the hash of their keys, few rows together in the first partition.
#[derive(Debug)]
pub struct ShuffleExec {
    input: Plan,
    order: HashOrder,
    held: Arc<Held>,
    /// Moves many rows.
    inner: Plan,
    properties: Arc<PlanProperties>,
    /// Rows that stayed together; those that moved are `inner`'s.
    together: ExecutionPlanMetricsSet,
}

impl ShuffleExec {
    fn try_new(input: Plan, order: HashOrder, count: usize) -> datafusion::common::Result<Self> {
        let held = Held::new(input.output_partitioning().partition_count());
        let gate = partition_map::exec(Arc::clone(&input), Arc::new(Gate { held: Arc::clone(&held) }));
        let partitioning = Partitioning::Hash(order.keys.clone(), count);
        let inner = RepartitionExec::try_new(gate, partitioning.clone())?;
        // What is known of the columns, constants say, operators above have built on.
        let properties = Arc::clone(RepartitionExec::try_new(Arc::clone(&input), partitioning)?.properties());
        Ok(Self { input, order, held, inner: Arc::new(inner), properties, together: ExecutionPlanMetricsSet::new() })
    }
}

impl DisplayAs for ShuffleExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ShuffleExec: {}", self.properties.partitioning)
    }
}

impl ExecutionPlan for ShuffleExec {
    fn name(&self) -> &str {
        "ShuffleExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        for key in &self.order.keys {
            if visit(key)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Plan>) -> datafusion::common::Result<Plan> {
        let count = self.properties.partitioning.partition_count();
        Ok(Arc::new(Self::try_new(only(children)?, self.order.clone(), count)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let moved = self.inner.execute(partition, context)?;
        if partition > 0 {
            return Ok(moved);
        }
        let (schema, order, held) = (self.schema(), self.order.clone(), Arc::clone(&self.held));
        let count = MetricBuilder::new(&self.together).output_rows(partition);
        let rest = futures::stream::once(async move {
            let rows = held.together();
            count.add(rows.iter().flatten().map(RecordBatch::num_rows).sum());
            let some = rows.iter().any(|batches| !batches.is_empty());
            futures::stream::iter(if some { vec![order.of(&schema, &rows)] } else { vec![] })
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), moved.chain(rest.flatten()))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut all = self.inner.metrics()?;
        for metric in self.together.clone_inner().iter() {
            all.push(Arc::clone(metric));
        }
        Some(all)
    }
}
