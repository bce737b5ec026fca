//! What is said of window functions over a stream, which has windows of time only.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan};
use firesteel_protocol::SparkError;

/// What Spark says of a window function over a stream.
pub fn refused(nodes: &[&LogicalPlan], functions: &[Expr]) -> SparkError {
    let Some(Expr::WindowFunction(call)) = functions.first() else {
        return SparkError::internal("a window without a function");
    };
    let plain = |expr: &Expr| {
        let text = expr.to_string();
        text.rsplit_once('#').map_or(text.as_str(), |(name, _)| name).to_string()
    };
    let list = |texts: Vec<String>| texts.join(", ");
    let mut spec = vec![];
    if !call.params.partition_by.is_empty() {
        spec.push(format!("PARTITION BY {}", list(call.params.partition_by.iter().map(plain).collect())));
    }
    if !call.params.order_by.is_empty() {
        let orders = call.params.order_by.iter().map(|order| {
            let direction = if order.asc { "ASC" } else { "DESC" };
            let nulls = if order.nulls_first { "FIRST" } else { "LAST" };
            format!("{} {direction} NULLS {nulls}", plain(&order.expr))
        });
        spec.push(format!("ORDER BY {}", list(orders.collect())));
    }
    let frame = &call.params.window_frame;
    // Functions that number rows count them.
    let units = match call.fun.name() {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" => "ROWS".to_string(),
        _ => frame.units.to_string(),
    };
    spec.push(format!("{units} BETWEEN {} AND {}", frame.start_bound, frame.end_bound));
    let arguments: Vec<String> = call.params.args.iter().map(ToString::to_string).collect();
    let column = functions.first().and_then(|own| alias_of(nodes, own)).unwrap_or_else(|| "window".into());
    SparkError::new("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING")
        .with("windowFunc", format!("{}({})", call.fun.name(), arguments.join(", ")).to_uppercase())
        .with("columnName", format!("`{column}`"))
        .with("windowSpec", format!("({})", spec.join(" ")).to_uppercase())
}

/// The name that a projection gives to a window function.
fn alias_of(nodes: &[&LogicalPlan], window: &Expr) -> Option<String> {
    let name = window.schema_name().to_string();
    let is_column = |expr: &Expr| matches!(expr, Expr::Column(own) if own.name == name);
    let is_window = |expr: &Expr| expr.exists(|part| Ok(is_column(part))).unwrap_or(false);
    nodes.iter().find_map(|node| {
        let LogicalPlan::Projection(projection) = node else { return None };
        projection.expr.iter().find_map(|expr| match expr {
            Expr::Alias(alias) if is_window(&alias.expr) => {
                Some(alias.name.rsplit_once('#').map_or(alias.name.as_str(), |(name, _)| name).to_string())
            }
            _ => None,
        })
    })
}
