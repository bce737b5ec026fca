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
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::place::{Place, PlaceExec, unplaced};
use super::{Planned, only, over, schema_of, unordered};
use crate::Relation;

const AHEAD: usize = 2;

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
            Spread::Range(keys) => keys.iter().map(|key| key.expr.clone()).collect(),
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
            Spread::Range(keys) => {
                let keys = exprs.into_iter().zip(keys);
                Spread::Range(keys.map(|(expr, own)| SortExpr::new(expr, own.asc, own.nulls_first)).collect())
            }
            other => other.clone(),
        };
        Ok(Self { input: Arc::new(only(inputs)?), spread, partitions: self.partitions })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        match &self.spread {
            Spread::Number(_) | Spread::Range(_) => None,
            Spread::RoundRobin | Spread::Coalesce => Some(vec![output_columns.to_vec()]),
        }
    }
}

/// The physical operator.
#[derive(Debug)]
pub struct ExchangeExec {
    input: Arc<dyn ExecutionPlan>,
    /// Moves the rows; None joins neighbouring partitions.
    inner: Option<Arc<dyn ExecutionPlan>>,
    /// How rows are placed; None where nothing is shuffled.
    place: Option<Place>,
    /// Batches of a partition that may wait for the partitions before it; none: it does not start before its turn.
    ahead: usize,
    properties: Arc<PlanProperties>,
}

impl ExchangeExec {
    /// Sends each row to its place, in the order of the input's partitions.
    pub fn shuffle(input: Arc<dyn ExecutionPlan>, place: Place, partitions: usize) -> datafusion::common::Result<Self> {
        let placed = PlaceExec::try_new(Arc::clone(&input), place.clone(), partitions)?;
        let partitioning = Partitioning::Hash(vec![placed.target()], partitions);
        let inner = RepartitionExec::try_new(Arc::new(placed), partitioning)?.with_preserve_order();
        let properties = unordered(&input, Partitioning::UnknownPartitioning(partitions));
        Ok(Self { input, inner: Some(Arc::new(inner)), place: Some(place), ahead: 0, properties })
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
        Self { input, inner: None, place: None, ahead: AHEAD, properties }
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
        Ok(Arc::new(match &self.place {
            Some(place) => Self::shuffle(input, place.fresh(), count)?,
            None => Self { ahead: self.ahead, ..Self::coalesce(input, count) },
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        if let Some(inner) = &self.inner {
            let rows = inner.execute(partition, context)?;
            return Ok(if self.place.is_some() { unplaced(rows, self.schema()) } else { rows });
        }
        let own = self.input.output_partitioning().partition_count();
        let count = self.properties.partitioning.partition_count();
        let (from, until) = (partition * own / count, (partition + 1) * own / count);
        let streams: Vec<SendableRecordBatchStream> = (from..until)
            .map(|own| {
                let stream = self.input.execute(own, Arc::clone(&context))?;
                Ok(if until - from > 1 && self.ahead > 0 { spawn_buffered(stream, self.ahead) } else { stream })
            })
            .collect::<datafusion::common::Result<_>>()?;
        let joined = futures::stream::iter(streams).flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), joined)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inner.as_ref().and_then(|inner| inner.metrics())
    }
}
