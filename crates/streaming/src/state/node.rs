//! The logical node of all stateful operators, and its planner. What an operator does is a [`Stateful`].

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Column, DFSchemaRef, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::{Run, Watermarks, event_time};

/// What a stateful operator is to plans.
pub trait Stateful: fmt::Debug + Send + Sync + 'static {
    /// The node's name in plans.
    fn name(&self) -> &'static str;

    /// The columns of each input that the columns `output` need; `None`: all of them.
    fn needed(&self, _node: &StatefulNode, _output: &[usize]) -> Option<Vec<Vec<usize>>> {
        None
    }

    /// The schema over other inputs.
    fn schema(&self, inputs: &[Arc<LogicalPlan>], old: &DFSchemaRef) -> Result<DFSchemaRef>;

    /// The physical operator.
    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> Result<Arc<dyn ExecutionPlan>>;

    /// The delay of the watermark that a column of the output carries.
    fn event_time(&self, node: &StatefulNode, column: &Column) -> Option<i64> {
        node.inputs.iter().find_map(|input| event_time::of_input(input, column))
    }

    /// The watermarks of the rows that come out.
    fn output_watermarks(&self, node: &StatefulNode) -> Watermarks {
        node.run.watermarks
    }
}

/// The logical node.
#[derive(Debug, Clone)]
pub struct StatefulNode {
    pub inputs: Vec<Arc<LogicalPlan>>,
    pub exprs: Vec<Expr>,
    pub schema: DFSchemaRef,
    pub run: Run,
    pub stateful: Arc<dyn Stateful>,
}

impl StatefulNode {
    /// The watermarks of the rows that come out.
    pub fn output_watermarks(&self) -> Watermarks {
        self.stateful.output_watermarks(self)
    }
}

impl PartialEq for StatefulNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.run.operator, &other.run.operator) && self.inputs == other.inputs && self.exprs == other.exprs
    }
}

impl Eq for StatefulNode {}

impl Hash for StatefulNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inputs.hash(state);
        self.exprs.hash(state);
    }
}

impl PartialOrd for StatefulNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StatefulNode {
    fn name(&self) -> &str {
        self.stateful.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().map(Arc::as_ref).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.exprs.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let exprs: Vec<String> = self.exprs.iter().map(ToString::to_string).collect();
        write!(f, "{}: [{}]", self.stateful.name(), exprs.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let inputs: Vec<Arc<LogicalPlan>> = inputs.into_iter().map(Arc::new).collect();
        let schema = self.stateful.schema(&inputs, &self.schema)?;
        Ok(Self { inputs, exprs, schema, ..self.clone() })
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        self.stateful.needed(self, output_columns)
    }
}

/// What a physical operator is made of.
#[expect(missing_debug_implementations, reason = "planners of DataFusion have none")]
pub struct Planning<'a> {
    planner: &'a dyn PhysicalPlanner,
    logical: &'a [&'a LogicalPlan],
    pub inputs: &'a [Arc<dyn ExecutionPlan>],
    pub session: &'a dyn Session,
    pub context: &'a PhysicalPlanningContext,
}

impl Planning<'_> {
    /// The logical schema of an input.
    pub fn schema(&self, input: usize) -> &DFSchemaRef {
        self.logical[input].schema()
    }

    /// An expression over an input's columns.
    pub fn expr(&self, expr: &Expr, input: usize) -> Result<Arc<dyn PhysicalExpr>> {
        self.expr_over(expr, self.schema(input))
    }

    /// An expression over the columns of a schema.
    pub fn expr_over(&self, expr: &Expr, schema: &DFSchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
        self.planner.create_physical_expr(expr, schema, self.session, self.context)
    }
}

/// Plans the nodes.
#[derive(Debug)]
pub struct StatefulPlanner;

#[async_trait]
impl ExtensionPlanner for StatefulPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<StatefulNode>() else { return Ok(None) };
        let planning = Planning { planner, logical, inputs, session, context };
        node.stateful.exec(node, &planning).map(Some)
    }
}

/// The columns that expressions name, by place in an input, and `more`.
pub fn places(input: &LogicalPlan, exprs: &[Expr], more: Vec<usize>) -> Option<Vec<usize>> {
    let schema = input.schema();
    let mut needed = more;
    for expr in exprs {
        for column in expr.column_refs() {
            needed.push(schema.index_of_column(column).ok()?);
        }
    }
    needed.sort_unstable();
    needed.dedup();
    Some(needed)
}
