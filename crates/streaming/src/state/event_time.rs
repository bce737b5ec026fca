//! Finds the columns of a plan that carry event time with a watermark: they come from a `withWatermark` below,
//! untouched but for names and time windows.

use datafusion::common::Column;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use firesteel_plan::operator::watermark::WatermarkNode;

/// The place among an aggregate's groups of one that the watermark speaks of.
pub fn of_groups(aggregate: &Aggregate) -> Option<usize> {
    aggregate.group_expr.iter().position(|expr| of_expr(&aggregate.input, expr).is_some())
}

/// The place of a plan's column with event time, and the watermark's delay in milliseconds.
pub fn of_plan(plan: &LogicalPlan) -> Option<(usize, i64)> {
    let columns = plan.schema().columns();
    columns.iter().enumerate().find_map(|(index, column)| Some((index, of_column(plan, column)?)))
}

/// The delay of the watermark that a column carries.
pub fn of_column(plan: &LogicalPlan, column: &Column) -> Option<i64> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let index = projection.schema.index_of_column(column).ok()?;
            of_expr(&projection.input, &projection.expr[index])
        }
        LogicalPlan::Aggregate(aggregate) => {
            let index = aggregate.schema.index_of_column(column).ok()?;
            of_expr(&aggregate.input, aggregate.group_expr.get(index)?)
        }
        LogicalPlan::Extension(extension) => {
            if let Some(node) = extension.node.as_any().downcast_ref::<WatermarkNode>() {
                if node.column == column.name {
                    return Some(node.delay_ms);
                }
            }
            if let Some(node) = extension.node.as_any().downcast_ref::<super::aggregate::StatefulAggregateNode>() {
                let index = node.schema.index_of_column(column).ok()?;
                return of_expr(&node.input, node.group_expr.get(index)?);
            }
            extension.node.inputs().into_iter().find_map(|input| of_input(input, column))
        }
        LogicalPlan::TableScan(_) => None,
        other => other.inputs().into_iter().find_map(|input| of_input(input, column)),
    }
}

fn of_input(input: &LogicalPlan, column: &Column) -> Option<i64> {
    input.schema().has_column(column).then(|| of_column(input, column)).flatten()
}

/// The delay of the watermark that an expression over `input` carries.
fn of_expr(input: &LogicalPlan, expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Column(column) => of_column(input, column),
        Expr::Alias(alias) => of_expr(input, &alias.expr),
        Expr::ScalarFunction(call) if matches!(call.func.name(), "window" | "sliding_window" | "window_time") => {
            of_expr(input, call.args.first()?)
        }
        _ => None,
    }
}
