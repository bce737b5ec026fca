//! The value of an expression that reads no column: `array(0.25, 0.75)` as an argument that must be constant.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::create_physical_expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

use crate::kernel::from_datafusion;

/// Evaluates an expression without columns; `None` if it has columns, is volatile or fails.
pub fn evaluate(expr: &Expr) -> Option<ScalarValue> {
    try_evaluate(expr)?.ok()
}

/// [`evaluate`] with the error of an expression that fails.
pub fn try_evaluate(expr: &Expr) -> Option<Result<ScalarValue>> {
    if let Expr::Literal(value, _) = expr {
        return Some(Ok(value.clone()));
    }
    if expr.any_column_refs() || expr.is_volatile() {
        return None;
    }
    Some(run(expr).map_err(from_datafusion))
}

fn run(expr: &Expr) -> datafusion::common::Result<ScalarValue> {
    let physical =
        create_physical_expr(expr, &DFSchema::empty(), &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    match physical.evaluate(&batch)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
    }
}
