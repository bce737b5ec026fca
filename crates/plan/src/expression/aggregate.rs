//! Aggregate and window calls inside expressions: finding them, replacing them by columns.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use firesteel_protocol::Result;

use crate::resolver::Planned;

/// An aggregate call stands in the expression, outside of OVER.
pub fn contains_aggregate(expr: &Expr) -> bool {
    let mut found = false;
    // Infallible: the visitor never errs.
    let _ = expr.apply(|node| {
        Ok(match node {
            Expr::AggregateFunction(_) => {
                found = true;
                TreeNodeRecursion::Stop
            }
            Expr::WindowFunction(window) => {
                // Arguments of a window function may aggregate: sum(sum(x)) OVER ().
                let params = &window.params;
                let inner =
                    params.args.iter().chain(&params.partition_by).chain(params.order_by.iter().map(|o| &o.expr));
                found |= inner.into_iter().any(contains_aggregate);
                if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Jump }
            }
            Expr::ScalarFunction(call) if is_grouping(call.func.name()) => {
                found = true;
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    });
    found
}

/// A window call stands in the expression.
pub fn contains_window(expr: &Expr) -> bool {
    expr.exists(|node| Ok(matches!(node, Expr::WindowFunction(_)))).unwrap_or(false)
}

/// A ranking or offset function without OVER.
pub fn is_bare_window(expr: &Expr) -> bool {
    let is_ranking = |name: &str| {
        matches!(
            name,
            "row_number"
                | "rank"
                | "dense_rank"
                | "percent_rank"
                | "cume_dist"
                | "ntile"
                | "lag"
                | "lead"
                | "nth_value"
        )
    };
    let bare = |node: &Expr| match node {
        Expr::WindowFunction(window) => window.params.order_by.is_empty() && is_ranking(window.fun.name()),
        _ => false,
    };
    expr.exists(|node| Ok(bare(node))).unwrap_or(false)
}

/// `grouping` and `grouping_id` are markers until the aggregate is planned.
pub fn is_grouping(name: &str) -> bool {
    matches!(name, "grouping" | "grouping_id")
}

/// Replaces parts of an expression from the top down; what was replaced is not looked into.
pub fn replace(expr: Expr, mut change: impl FnMut(&Expr) -> Result<Option<Expr>>) -> Result<Expr> {
    let mut failure = None;
    let result = expr.transform_down(|node| match change(&node) {
        Ok(Some(new)) => Ok(Transformed::new(new, true, TreeNodeRecursion::Jump)),
        Ok(None) => Ok(Transformed::no(node)),
        Err(error) => {
            failure.get_or_insert(error);
            Ok(Transformed::new(node, false, TreeNodeRecursion::Stop))
        }
    });
    match failure {
        Some(error) => Err(error),
        None => result.map(|transformed| transformed.data).planned(),
    }
}
