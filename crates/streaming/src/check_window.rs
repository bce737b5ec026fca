//! What is said of window functions over a stream, which has windows of time only.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use firesteel_protocol::SparkError;

/// What Spark says of window functions over a stream.
pub fn refused(nodes: &[&LogicalPlan], functions: &[Expr]) -> SparkError {
    let (mut names, mut columns, mut specs) = (vec![], vec![], vec![]);
    for own in functions {
        let Expr::WindowFunction(call) = own else { continue };
        let arguments = call.params.args.iter().map(|argument| match argument {
            Expr::Literal(value, _) => value.to_string(),
            other => other.to_string(),
        });
        let arguments: Vec<String> = arguments.collect();
        names.push(format!("{}({})", call.fun.name(), arguments.join(", ")).to_uppercase());
        columns.push(format!("`{}`", alias_of(nodes, own).unwrap_or_else(|| "window".into())));
        specs.push(specification(call).to_uppercase());
    }
    SparkError::new("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING")
        .with("windowFunc", names.join(","))
        .with("columnName", columns.join(","))
        .with("windowSpec", specs.join(","))
}

/// `(PARTITION BY .. ORDER BY .. frame)`.
fn specification(call: &WindowFunction) -> String {
    let plain = |expr: &Expr| {
        let text = expr.to_string();
        text.rsplit_once('#').map_or(text.as_str(), |(name, _)| name).to_string()
    };
    let mut spec = vec![];
    if !call.params.partition_by.is_empty() {
        let keys: Vec<String> = call.params.partition_by.iter().map(plain).collect();
        spec.push(format!("PARTITION BY {}", keys.join(", ")));
    }
    if !call.params.order_by.is_empty() {
        let orders = call.params.order_by.iter().map(|order| {
            let direction = if order.asc { "ASC" } else { "DESC" };
            let nulls = if order.nulls_first { "FIRST" } else { "LAST" };
            format!("{} {direction} NULLS {nulls}", plain(&order.expr))
        });
        spec.push(format!("ORDER BY {}", orders.collect::<Vec<_>>().join(", ")));
    }
    let frame = &call.params.window_frame;
    // Functions that number rows count them.
    let units = match call.fun.name() {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" => "ROWS".to_string(),
        _ => frame.units.to_string(),
    };
    spec.push(format!("{units} BETWEEN {} AND {}", frame.start_bound, frame.end_bound));
    format!("({})", spec.join(" "))
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
