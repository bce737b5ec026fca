//! Subqueries in the condition of an outer, semi or anti join: each becomes a column of the side whose columns it reads. One that
//! reads both sides is refused, as in Spark.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use firesteel_protocol::Result;

use super::dependent::all_references;
use super::subquery::{Clause, has_subquery, joined};
use crate::resolver::Planned;

/// Which side of a join reads what a subquery needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Whether a subquery reads columns of both sides.
pub fn reads_both(condition: &Expr, left: &LogicalPlan, right: &LogicalPlan) -> bool {
    let both = |node: &Expr| {
        names(node).is_some_and(|names| {
            let reads = |plan: &LogicalPlan| names.iter().any(|name| has(plan, name));
            reads(left) && reads(right)
        })
    };
    condition.exists(|node| Ok(both(node))).unwrap_or(false)
}

/// The condition with columns in place of subqueries, which the plans of the sides get.
pub fn place(condition: Expr, left: &mut LogicalPlan, right: &mut LogicalPlan) -> Result<Expr> {
    if !has_subquery(&condition) {
        return Ok(condition);
    }
    let mut failure = None;
    let placed = condition.transform_down(|node| {
        let Some(side) = side_of(&node, left, right) else { return Ok(Transformed::no(node)) };
        let plan = if side == Side::Left { &mut *left } else { &mut *right };
        match joined(plan.clone(), vec![node.clone()], Clause::Other) {
            Ok((with_column, mut exprs)) => {
                *plan = with_column;
                Ok(Transformed::new(exprs.remove(0), true, TreeNodeRecursion::Jump))
            }
            Err(error) => {
                failure.get_or_insert(error);
                Ok(Transformed::new(node, false, TreeNodeRecursion::Stop))
            }
        }
    });
    match failure {
        Some(error) => Err(error),
        None => placed.map(|placed| placed.data).planned(),
    }
}

/// The side that has all columns that a subquery reads; the left one for a subquery that reads none.
fn side_of(node: &Expr, left: &LogicalPlan, right: &LogicalPlan) -> Option<Side> {
    let names = names(node)?;
    let all = |plan: &LogicalPlan| names.iter().all(|name| has(plan, name));
    match (all(left), all(right)) {
        (true, _) => Some(Side::Left),
        (_, true) => Some(Side::Right),
        _ => None,
    }
}

/// The columns around it that a subquery reads, those of a value before IN too.
fn names(node: &Expr) -> Option<Vec<String>> {
    let value = |expr: &Expr| expr.column_refs().into_iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    Some(match node {
        Expr::ScalarSubquery(own) => all_references(&own.subquery),
        Expr::Exists(own) => all_references(&own.subquery.subquery),
        Expr::InSubquery(own) => [value(&own.expr), all_references(&own.subquery.subquery)].concat(),
        _ => return None,
    })
}

fn has(plan: &LogicalPlan, name: &str) -> bool {
    plan.schema().has_column_with_unqualified_name(name)
}
