//! Finds the columns of a plan that carry event time with a watermark: they come from a `withWatermark` below,
//! untouched but for names and time windows. And compares times with watermarks.

use arrow::array::{ArrayRef, BooleanArray, Int64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::operator::python::stateful::PythonStateNode;
use firesteel_plan::operator::watermark::{WatermarkNode, event_times};
use firesteel_protocol::{Result, SparkError};

use super::node::StatefulNode;
use super::session;

/// The place among an aggregate's groups of one that the watermark speaks of.
pub fn of_groups(aggregate: &Aggregate) -> Option<usize> {
    keys(aggregate).iter().position(|expr| of_expr(&aggregate.input, expr).is_some())
}

/// What an aggregate groups by: of grouping sets each expression once, in the order of the schema.
pub fn keys(aggregate: &Aggregate) -> Vec<&Expr> {
    // Only grouping sets beside other keys are refused; no plan has them.
    grouping_set_to_exprlist(&aggregate.group_expr).unwrap_or_default()
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
            of_expr(&aggregate.input, keys(aggregate).get(index)?)
        }
        LogicalPlan::Extension(extension) => {
            if let Some(node) = extension.node.as_any().downcast_ref::<WatermarkNode>() {
                if node.column == column.name {
                    return Some(node.delay_ms);
                }
            }
            if let Some(node) = extension.node.as_any().downcast_ref::<StatefulNode>() {
                return node.stateful.event_time(node, column);
            }
            if let Some(node) = extension.node.as_any().downcast_ref::<PythonStateNode>() {
                return node.event_delay_ms(&column.name);
            }
            extension.node.inputs().into_iter().find_map(|input| of_input(input, column))
        }
        LogicalPlan::TableScan(_) => None,
        other => other.inputs().into_iter().find_map(|input| of_input(input, column)),
    }
}

/// The delay of the watermark that a column carries, where the plan has it.
pub fn of_input(input: &LogicalPlan, column: &Column) -> Option<i64> {
    input.schema().has_column(column).then(|| of_column(input, column)).flatten()
}

/// The delay of the watermark that an expression over `input` carries.
pub fn of_expr(input: &LogicalPlan, expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Column(column) => of_column(input, column),
        // A session is a struct of its start and its end.
        Expr::Alias(alias) if session::is_session_name(&alias.name) => match alias.expr.as_ref() {
            Expr::ScalarFunction(call) => call.args.iter().find_map(|arg| of_expr(input, arg)),
            other => of_expr(input, other),
        },
        Expr::Alias(alias) => of_expr(input, &alias.expr),
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(..)) => of_expr(input, &cast.expr),
        Expr::ScalarFunction(call) => match call.func.name() {
            "window" | "sliding_windows" | "window_time" => of_expr(input, call.args.first()?),
            // The element of the list of windows that slide.
            "get_field" => match call.args.first()? {
                Expr::Column(column) if column.name.starts_with("_generated#") => of_column(input, column),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Which times (or ends of windows) are not after a watermark. A row without time never is.
pub fn not_after(column: &ArrayRef, watermark_ms: i64) -> Result<BooleanArray> {
    let times = event_times(column).ok_or_else(|| SparkError::internal("the event time is no time"))?;
    let times = arrow::compute::cast(&times, &DataType::Int64).map_err(from_arrow)?;
    let limit = Int64Array::new_scalar(watermark_ms.saturating_mul(1000));
    let past = lt_eq(&times, &limit).map_err(from_arrow)?;
    Ok(past.iter().map(|past| Some(past == Some(true))).collect())
}
