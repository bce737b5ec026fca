//! What a recursive query hands from level to level, and its limits: levels and rows, `spark.sql.cteRecursionLevelLimit`
//! and `.cteRecursionRowLimit`.
//!
//! DataFusion's recursive query repeats the step. Its own table of the last level's rows has one reader; here the node over
//! the anchor and the one over the step keep what they give in a [`Levels`], which any number of [`working_table`]s read.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
};
use firesteel_functions::kernel::{from_datafusion, to_datafusion};
use firesteel_protocol::SparkError;
use futures::StreamExt;
use parking_lot::Mutex;

use super::repeated::repeated;
use super::{only, schema_of};

/// The rows of a recursive query between its levels.
#[derive(Debug)]
pub struct Levels {
    /// Tells recursive queries apart.
    id: u64,
    /// Levels behind the first; none: any number.
    levels: Option<usize>,
    rows: Option<usize>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the last level gave: the step reads it.
    current: Vec<RecordBatch>,
    /// What this level has given so far.
    next: Vec<RecordBatch>,
    /// How many levels have begun behind the first.
    begun: usize,
    /// Rows that the levels have read.
    read: usize,
}

impl Levels {
    pub fn new(levels: Option<usize>, rows: Option<usize>) -> Arc<Self> {
        Arc::new(Self { id: crate::attribute::next_id(), levels, rows, state: Mutex::default() })
    }

    /// What the level before gave becomes what this one reads.
    fn begin(&self) -> Result<(), SparkError> {
        let mut state = self.state.lock();
        state.current = std::mem::take(&mut state.next);
        if let Some(levels) = self.levels.filter(|levels| state.begun >= *levels) {
            return Err(SparkError::new("RECURSION_LEVEL_LIMIT_EXCEEDED").with("levelLimit", levels.to_string()));
        }
        state.begun += 1;
        state.read += state.current.iter().map(RecordBatch::num_rows).sum::<usize>();
        match self.rows.filter(|limit| state.read > *limit) {
            Some(limit) => Err(SparkError::new("RECURSION_ROW_LIMIT_EXCEEDED").with("rowLimit", limit.to_string())),
            None => Ok(()),
        }
    }
}

/// The anchor of a recursive query, or its step.
#[derive(Debug, Clone)]
pub struct RecursionNode {
    input: Arc<LogicalPlan>,
    levels: Arc<Levels>,
    is_step: bool,
}

/// Keeps what `input` gives for the next level.
pub fn plan(input: LogicalPlan, levels: &Arc<Levels>, is_step: bool) -> LogicalPlan {
    let node = RecursionNode { input: Arc::new(repeated(input)), levels: Arc::clone(levels), is_step };
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

impl RecursionNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(RecursionExec::new(input, Arc::clone(&self.levels), self.is_step))
    }

    fn identity(&self) -> (u64, bool, &LogicalPlan) {
        (self.levels.id, self.is_step, &self.input)
    }
}

impl PartialEq for RecursionNode {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for RecursionNode {}

impl Hash for RecursionNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for RecursionNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.identity().partial_cmp(&other.identity())
    }
}

impl UserDefinedLogicalNodeCore for RecursionNode {
    fn name(&self) -> &str {
        "Recursion"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Recursion: levels={:?}, rows={:?}", self.levels.levels, self.levels.rows)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }

    /// The next level reads every column.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
}

/// The operator. A level begins where the step's is executed.
#[derive(Debug)]
struct RecursionExec {
    input: Arc<dyn ExecutionPlan>,
    levels: Arc<Levels>,
    is_step: bool,
    properties: Arc<PlanProperties>,
}

impl RecursionExec {
    fn new(input: Arc<dyn ExecutionPlan>, levels: Arc<Levels>, is_step: bool) -> Self {
        let properties = single(input.schema());
        Self { input, levels, is_step, properties }
    }
}

/// One partition in no order.
fn single(schema: SchemaRef) -> Arc<PlanProperties> {
    Arc::new(PlanProperties::new(
        EquivalenceProperties::new(schema),
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

impl DisplayAs for RecursionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RecursionExec: levels={:?}, rows={:?}", self.levels.levels, self.levels.rows)
    }
}

impl ExecutionPlan for RecursionExec {
    fn name(&self) -> &str {
        "RecursionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
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
        Ok(Arc::new(Self::new(only(children)?, Arc::clone(&self.levels), self.is_step)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        if self.is_step {
            self.levels.begin().map_err(to_datafusion)?;
        } else {
            *self.levels.state.lock() = State::default();
        }
        let input = self.input.execute(partition, context)?;
        let levels = Arc::clone(&self.levels);
        let output = input.inspect(move |batch| {
            if let Ok(batch) = batch {
                levels.state.lock().next.push(batch.clone());
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), output)))
    }
}

/// The rows of the last level, as a table that the step reads.
pub fn working_table(levels: Arc<Levels>, schema: SchemaRef) -> Result<StreamingTable, SparkError> {
    let rows = Arc::new(WorkingRows { levels, schema: Arc::clone(&schema) });
    StreamingTable::try_new(schema, vec![rows]).map_err(from_datafusion)
}

#[derive(Debug)]
struct WorkingRows {
    levels: Arc<Levels>,
    schema: SchemaRef,
}

impl PartitionStream for WorkingRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batches = self.levels.state.lock().current.clone();
        let batches = futures::stream::iter(batches).map(move |batch| {
            // The anchor and the step may differ in what can be NULL.
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}
