//! Equalities in the condition of a join whose keys take NULLs as equal: DataFusion makes keys of them, too, and NULLs would be
//! equal there. They are told apart before: `a = b` becomes `a = b AND a IS NOT NULL`.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// The rule: it comes after the one that pushes filters into joins.
#[derive(Debug, Default)]
pub struct NullKeys;

impl OptimizerRule for NullKeys {
    fn name(&self) -> &str {
        "null_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
        let condition = match join.filter.take() {
            Some(condition) if join.null_equality == NullEquality::NullEqualsNull => condition,
            other => {
                join.filter = other;
                return Ok(Transformed::no(LogicalPlan::Join(join)));
            }
        };
        let missing = missing(&condition);
        let is_changed = !missing.is_empty();
        join.filter = Some(missing.into_iter().fold(condition, Expr::and));
        Ok(Transformed::new_transformed(LogicalPlan::Join(join), is_changed))
    }
}

/// `a IS NOT NULL` for every `a = b` of a conjunction that does not say so.
fn missing(condition: &Expr) -> Vec<Expr> {
    let parts = split_conjunction(condition);
    let mut wanted: Vec<Expr> = vec![];
    for part in &parts {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, .. }) = part {
            let known = left.as_ref().clone().is_not_null();
            if !parts.contains(&&known) && !wanted.contains(&known) {
                wanted.push(known);
            }
        }
    }
    wanted
}
