//! Functions in Python whose results nobody reads are not called: `df.withColumn("x", f("id")).count()`. Spark's `ColumnPruning`
//! takes them away likewise.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::operator::python::eval::PythonEvalNode;

/// The rule.
#[derive(Debug, Default)]
pub struct UnusedPython;

impl OptimizerRule for UnusedPython {
    fn name(&self) -> &str {
        "unused_python"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // These name every column that they read, and pass on no other.
        if !matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::no(plan));
        }
        let exprs = plan.expressions();
        let Some(input) = read_below(plan.inputs()[0], &exprs) else { return Ok(Transformed::no(plan)) };
        let input = input.clone();
        plan.with_new_exprs(exprs, vec![input]).map(Transformed::yes)
    }
}

/// What lies below functions whose results do not stand in these expressions.
fn read_below<'a>(input: &'a LogicalPlan, exprs: &[Expr]) -> Option<&'a LogicalPlan> {
    let LogicalPlan::Extension(extension) = input else { return None };
    let node = extension.node.as_any().downcast_ref::<PythonEvalNode>()?;
    let unread = |name: &String| !exprs.iter().any(|expr| expr.column_refs().iter().any(|column| column.name == *name));
    node.result_names().all(unread).then(|| node.input().as_ref())
}
