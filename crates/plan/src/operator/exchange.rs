//! Partitions as the user asked for them: `repartition`, `coalesce`.
//!
//! DataFusion repartitions as it sees fit and drops exchanges that it did not place itself. These keep
//! the user's number of partitions; `place` says which partition a row goes to, and rows move by DataFusion's own
//! `RepartitionExec`.

use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{Distribution, LexOrdering, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::metrics::{Metric, MetricsSet};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use firesteel_sources::slots::first_failure;
use futures::StreamExt;

use super::channel_memory::ChannelMemory;
use super::place::{Place, PlaceExec, count, group, unplaced};
use super::rebatch::rebatch;
use super::{Planned, only, over, schema_of, unordered};
use crate::Relation;

const AHEAD: usize = 2;

/// Rows that may wait in the channels of an exchange for a batch to be full.
const WAITING_ROWS: usize = 1 << 17;

/// Rows of the smallest full batch of a channel.
const FEW_ROWS: usize = 64;

/// How rows are spread over partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub enum Spread {
    RoundRobin,
    /// To the partition of that number (INT), modulo the number of partitions.
    Number(Expr),
    /// Neighbouring keys together, partitions in the order of the keys.
    Range(Vec<SortExpr>),
    /// Neighbouring partitions are joined, nothing is shuffled.
    Coalesce,
    /// Partitions, or one, in this order: a sort that counts, though what stands above does not ask for it.
    Sorted(Vec<SortExpr>),
}

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct ExchangeNode {
    pub input: Arc<LogicalPlan>,
    pub spread: Spread,
    pub partitions: usize,
}

/// `repartition(n)`.
pub fn round_robin(input: Relation, partitions: usize) -> Planned {
    node(input, Spread::RoundRobin, partitions)
}

/// `repartition(n, keys)` by the hash of the keys, `repartitionById(n, number)`.
pub fn by_number(input: Relation, number: Expr, partitions: usize) -> Planned {
    node(input, Spread::Number(number), partitions)
}

/// `coalesce(n)`.
pub fn coalesce(input: Relation, partitions: usize) -> Planned {
    node(input, Spread::Coalesce, partitions)
}

/// `repartitionByRange`.
pub fn range(input: Relation, keys: Vec<SortExpr>, partitions: usize) -> Planned {
    node(input, Spread::Range(keys), partitions)
}

/// Rows that what reads them takes in this order: all of them, or those of each partition.
pub fn sorted(input: LogicalPlan, keys: Vec<SortExpr>, globally: bool) -> LogicalPlan {
    let partitions = if globally { 1 } else { usize::MAX };
    let node = ExchangeNode { input: Arc::new(input), spread: Spread::Sorted(keys), partitions };
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

fn node(input: Relation, spread: Spread, partitions: usize) -> Planned {
    let node = ExchangeNode { input: Arc::new(input.plan.clone()), spread, partitions };
    Ok(over(input, node))
}

impl UserDefinedLogicalNodeCore for ExchangeNode {
    fn name(&self) -> &str {
        "Exchange"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        match &self.spread {
            Spread::Number(number) => vec![number.clone()],
            Spread::Range(keys) | Spread::Sorted(keys) => keys.iter().map(|key| key.expr.clone()).collect(),
            Spread::RoundRobin | Spread::Coalesce => vec![],
        }
    }

    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        Default::default()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Exchange: {:?}, partitions={}", self.spread, self.partitions)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let spread = match &self.spread {
            Spread::Number(_) => Spread::Number(only(exprs)?),
            Spread::Range(keys) => Spread::Range(with_exprs(keys, exprs)),
            Spread::Sorted(keys) => Spread::Sorted(with_exprs(keys, exprs)),
            other => other.clone(),
        };
        Ok(Self { input: Arc::new(only(inputs)?), spread, partitions: self.partitions })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        match &self.spread {
            Spread::Number(_) | Spread::Range(_) => None,
            Spread::RoundRobin | Spread::Coalesce => Some(vec![output_columns.to_vec()]),
            Spread::Sorted(keys) => {
                let keys = keys.iter().flat_map(|key| key.expr.column_refs());
                let mut needed = output_columns.to_vec();
                needed.extend(keys.filter_map(|column| self.schema().maybe_index_of_column(column)));
                needed.sort_unstable();
                needed.dedup();
                Some(vec![needed])
            }
        }
    }
}

fn with_exprs(keys: &[SortExpr], exprs: Vec<Expr>) -> Vec<SortExpr> {
    exprs.into_iter().zip(keys).map(|(expr, own)| SortExpr::new(expr, own.asc, own.nulls_first)).collect()
}

/// The physical operator.
#[derive(Debug)]
pub struct ExchangeExec {
    input: Arc<dyn ExecutionPlan>,
    /// What moves the rows; None joins neighbouring partitions.
    shuffle: Option<Shuffle>,
    /// Batches of a partition that may wait for the partitions before it; none: it does not start before its turn.
    ahead: usize,
    /// The order that the rows must come in.
    order: Option<LexOrdering>,
    properties: Arc<PlanProperties>,
}

/// A channel for every partition and group of input partitions.
#[derive(Debug)]
struct Shuffle {
    place: Place,
    /// Groups of neighbouring input partitions.
    groups: usize,
    channels: RepartitionExec,
    memory: ChannelMemory,
}

impl ExchangeExec {
    /// Sends each row to its place, in the order of the input's partitions, of which at most `tasks` are read at once.
    pub fn shuffle(
        input: Arc<dyn ExecutionPlan>,
        place: Place,
        partitions: usize,
        tasks: usize,
    ) -> datafusion::common::Result<Self> {
        let groups = tasks.min(count(&input)).max(1);
        let placed = Arc::new(PlaceExec::try_new(Arc::clone(&input), place.clone(), partitions, groups)?);
        let partitioning = Partitioning::Hash(vec![placed.target()], partitions * groups);
        let channels = RepartitionExec::try_new(Arc::new(Self::coalesce(placed, groups)), partitioning)?;
        let shuffle = Shuffle { place, groups, channels, memory: ChannelMemory::default() };
        let properties = unordered(&input, Partitioning::UnknownPartitioning(partitions));
        Ok(Self { input, shuffle: Some(shuffle), ahead: 0, order: None, properties })
    }

    /// All partitions one after the other as one; a partition starts when the one before is through, so that a limit
    /// reads no more than it needs.
    pub fn concatenate(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { ahead: 0, ..Self::coalesce(input, 1) }
    }

    /// All partitions in order as one; they all start at once.
    pub fn in_order(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        match input.output_partitioning().partition_count() {
            1 => input,
            _ => Arc::new(Self::coalesce(input, 1)),
        }
    }

    /// Joins neighbouring partitions to at most `partitions`, each in order.
    pub fn coalesce(input: Arc<dyn ExecutionPlan>, partitions: usize) -> Self {
        let own = input.output_partitioning().partition_count();
        let count = partitions.min(own).max(1);
        let properties = unordered(&input, Partitioning::UnknownPartitioning(count));
        Self { input, shuffle: None, ahead: AHEAD, order: None, properties }
    }

    /// As [`Self::coalesce`], each partition in this order.
    pub fn sorted(input: Arc<dyn ExecutionPlan>, order: LexOrdering, partitions: usize) -> Self {
        Self { order: Some(order), ..Self::coalesce(input, partitions) }
    }
}

impl DisplayAs for ExchangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ExchangeExec: {}", self.properties.partitioning)
    }
}

impl ExecutionPlan for ExchangeExec {
    fn name(&self) -> &str {
        "ExchangeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let single = self.order.is_some() && self.properties.partitioning.partition_count() == 1;
        vec![if single { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone().map(OrderingRequirements::from)]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let input = only(children)?;
        let count = self.properties.partitioning.partition_count();
        Ok(Arc::new(match &self.shuffle {
            Some(own) => Self::shuffle(input, own.place.fresh(), count, own.groups)?,
            None => Self { ahead: self.ahead, order: self.order.clone(), ..Self::coalesce(input, count) },
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        if let Some(shuffle) = &self.shuffle {
            let rows = shuffle.execute(partition, self.properties.partitioning.partition_count(), &context)?;
            return Ok(unplaced(rows, self.schema()));
        }
        let own = count(&self.input);
        let sources = group(partition, own, self.properties.partitioning.partition_count());
        let buffered = sources.len() > 1 && self.ahead > 0;
        if !buffered {
            let streams = sources.map(|own| self.input.execute(own, Arc::clone(&context)));
            let streams = streams.collect::<datafusion::common::Result<Vec<_>>>()?;
            let joined = futures::stream::iter(streams).flatten();
            return Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), joined)));
        }
        // A partition that fails may be one that the partition before it waits for: errors come out of turn.
        let (failed, errors) = tokio::sync::mpsc::unbounded_channel();
        let streams: Vec<SendableRecordBatchStream> = sources
            .map(|own| {
                let (failed, schema) = (failed.clone(), self.schema());
                let rows = self.input.execute(own, Arc::clone(&context))?.filter_map(move |batch| {
                    futures::future::ready(match batch {
                        Ok(batch) => Some(Ok(batch)),
                        Err(error) => {
                            // A reader that is gone needs no error.
                            let _ = failed.send((own, error));
                            None
                        }
                    })
                });
                Ok(spawn_buffered(Box::pin(RecordBatchStreamAdapter::new(schema, rows)), self.ahead))
            })
            .collect::<datafusion::common::Result<_>>()?;
        drop(failed);
        let errors = futures::stream::unfold(errors, |mut errors| async move {
            let first = errors.recv().await?;
            Some((Err(first_failure(first, &mut errors).await), errors))
        });
        let joined = futures::stream::select(errors, futures::stream::iter(streams).flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), joined)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.shuffle.as_ref().and_then(Shuffle::metrics)
    }
}

impl Shuffle {
    /// Rows of one partition, group after group.
    fn execute(
        &self,
        partition: usize,
        partitions: usize,
        context: &Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let rows = context.session_config().batch_size();
        let own = (WAITING_ROWS / (partitions * self.groups)).clamp(FEW_ROWS.min(rows), rows);
        let inside = self.memory.inside(context, own)?;
        let channels = partition * self.groups..(partition + 1) * self.groups;
        let streams: Vec<SendableRecordBatchStream> = channels
            .map(|channel| self.channels.execute(channel, Arc::clone(&inside)))
            .collect::<datafusion::common::Result<_>>()?;
        let schema = self.channels.schema();
        let joined = RecordBatchStreamAdapter::new(Arc::clone(&schema), futures::stream::iter(streams).flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rebatch(Box::pin(joined), rows))))
    }

    /// What the channels of a partition counted, as the partition's.
    fn metrics(&self) -> Option<MetricsSet> {
        let mut all = MetricsSet::new();
        for metric in self.channels.metrics()?.iter() {
            let partition = metric.partition().map(|channel| channel / self.groups);
            all.push(Arc::new(Metric::new_with_labels(metric.value().clone(), partition, metric.labels().to_vec())));
        }
        Some(all)
    }
}
