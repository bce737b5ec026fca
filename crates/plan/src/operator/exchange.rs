//! Partitions as the user asked for them: `repartition`, `coalesce`.
//!
//! DataFusion repartitions as it sees fit and drops exchanges that it did not place itself. These keep
//! the user's number of partitions; rows move by DataFusion's own `RepartitionExec`.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;

use super::partition_map::PartitionMap;
use super::{Planned, only, over, schema_of, unordered};
use crate::Relation;

/// How rows are spread over partitions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub enum Spread {
    RoundRobin,
    /// Rows with equal keys together.
    Hash(Vec<Expr>),
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

/// `repartition(n, keys)`.
pub fn hash(input: Relation, keys: Vec<Expr>, partitions: usize) -> Planned {
    node(input, Spread::Hash(keys), partitions)
}

/// `coalesce(n)`.
pub fn coalesce(input: Relation, partitions: usize) -> Planned {
    node(input, Spread::Coalesce, partitions)
}

/// `repartitionByRange`: the whole range is one partition, in order; Spark may give fewer partitions than asked too.
pub fn range(input: Relation, keys: Vec<SortExpr>, _partitions: usize) -> Planned {
    use datafusion::logical_expr::Sort;
    let plan = LogicalPlan::Sort(Sort { expr: keys, input: Arc::new(input.plan.clone()), fetch: None });
    Ok(input.with_plan(plan))
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
            Spread::Hash(keys) => keys.clone(),
            _ => vec![],
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
            Spread::Hash(_) => Spread::Hash(exprs),
            other => other.clone(),
        };
        Ok(Self { input: Arc::new(only(inputs)?), spread, partitions: self.partitions })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        match &self.spread {
            Spread::Hash(_) => None,
            _ => Some(vec![output_columns.to_vec()]),
        }
    }
}

/// Cuts each batch into as many pieces as there are partitions to come, so that rows are dealt out and not batches.
#[derive(Debug)]
pub struct Pieces(pub usize);

impl PartitionMap for Pieces {
    fn name(&self) -> &'static str {
        "PiecesExec"
    }

    fn describe(&self) -> String {
        format!("pieces={}", self.0)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let count = self.0;
        let schema = input.schema();
        let pieces = input.flat_map(move |batch| {
            let pieces: Vec<_> = match batch {
                Ok(batch) => {
                    let rows = batch.num_rows();
                    let bound = |piece: usize| rows * piece / count;
                    let cut =
                        (0..count).map(|piece| (bound(piece), bound(piece + 1))).filter(|(from, until)| until > from);
                    cut.map(|(from, until)| Ok(batch.slice(from, until - from))).collect()
                }
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(pieces)
        });
        Box::pin(datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(schema, pieces))
    }
}

/// The physical operator.
#[derive(Debug)]
pub struct ExchangeExec {
    input: Arc<dyn ExecutionPlan>,
    /// Moves the rows; None joins neighbouring partitions.
    inner: Option<Arc<dyn ExecutionPlan>>,
    partitioning: Option<Partitioning>,
    properties: Arc<PlanProperties>,
}

impl ExchangeExec {
    /// Spreads rows as `partitioning` says.
    pub fn shuffle(input: Arc<dyn ExecutionPlan>, partitioning: Partitioning) -> datafusion::common::Result<Self> {
        let inner = RepartitionExec::try_new(Arc::clone(&input), partitioning.clone())?;
        let properties = unordered(&input, partitioning.clone());
        Ok(Self { input, inner: Some(Arc::new(inner)), partitioning: Some(partitioning), properties })
    }

    /// All partitions one after the other, in order, as one.
    pub fn concatenate(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = unordered(&input, Partitioning::UnknownPartitioning(1));
        Self { input, inner: None, partitioning: None, properties }
    }

    /// Joins neighbouring partitions to at most `partitions`.
    pub fn coalesce(input: Arc<dyn ExecutionPlan>, partitions: usize) -> Self {
        let own = input.output_partitioning().partition_count();
        let count = partitions.min(own).max(1);
        if count == 1 && own > 1 {
            let inner: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(Arc::clone(&input)));
            let properties = unordered(&input, Partitioning::UnknownPartitioning(1));
            return Self { input, inner: Some(inner), partitioning: None, properties };
        }
        let properties = unordered(&input, Partitioning::UnknownPartitioning(count));
        Self { input, inner: None, partitioning: None, properties }
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
        Ok(Arc::new(match &self.partitioning {
            Some(partitioning) => Self::shuffle(input, partitioning.clone())?,
            None => Self::coalesce(input, self.properties.partitioning.partition_count()),
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        if let Some(inner) = &self.inner {
            return inner.execute(partition, context);
        }
        let own = self.input.output_partitioning().partition_count();
        let count = self.properties.partitioning.partition_count();
        let (from, until) = (partition * own / count, (partition + 1) * own / count);
        let streams: Vec<SendableRecordBatchStream> =
            (from..until).map(|own| self.input.execute(own, Arc::clone(&context))).collect::<Result<_, _>>()?;
        let joined = futures::stream::iter(streams).flatten();
        Ok(Box::pin(datafusion::physical_plan::stream::RecordBatchStreamAdapter::new(self.schema(), joined)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inner.as_ref().and_then(|inner| inner.metrics())
    }
}
