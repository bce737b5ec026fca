//! How far back a condition between the times of two streams reaches: found by asking the condition itself, so that it
//! may be written in any way. Spark's `StreamingJoinHelper.getStateValueWatermark`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

/// A century; no condition between times reaches further.
const REACH_MS: i64 = 100 * 366 * 86_400_000;

/// The latest time of `own` for which the condition is false against `other` at the watermark, and so against all that
/// is later; none unless the condition is a comparison that bounds `own` from below.
pub fn bound_ms(
    condition: &Expr,
    own: (&DFSchema, &Column),
    other: (&DFSchema, &Column),
    watermark_ms: i64,
) -> Option<i64> {
    if !is_plain(condition) || !condition.column_refs().iter().all(|column| **column == *own.1 || **column == *other.1)
    {
        return None;
    }
    let field = |(schema, column): (&DFSchema, &Column)| {
        let (qualifier, field) = schema.qualified_field_from_column(column).ok()?;
        matches!(field.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _))
            .then(|| (qualifier.cloned(), Arc::clone(field)))
    };
    let fields = vec![field(own)?, field(other)?];
    let schema = DFSchema::new_with_metadata(fields, Default::default()).ok()?;
    let physical =
        create_physical_expr(condition, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default()).ok()?;
    let arrow = Arc::new(schema.as_arrow().clone());
    let holds = |own_ms: i64| holds(physical.as_ref(), &arrow, own_ms, watermark_ms);
    let (mut low, mut high) = (watermark_ms.saturating_sub(REACH_MS), watermark_ms.saturating_add(REACH_MS));
    if holds(low)? || !holds(high)? {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(low)
}

/// Whether an expression compares times that are at most moved: what is true of one is then true of all later ones.
fn is_plain(condition: &Expr) -> bool {
    let Expr::BinaryExpr(comparison) = condition else { return false };
    if !matches!(comparison.op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) {
        return false;
    }
    let mut plain = true;
    for side in [&comparison.left, &comparison.right] {
        let visited = side.apply(|node| {
            plain &= match node {
                Expr::Column(_) | Expr::Literal(..) | Expr::Cast(_) | Expr::Alias(_) => true,
                Expr::BinaryExpr(sum) => matches!(sum.op, Operator::Plus | Operator::Minus),
                Expr::ScalarFunction(call) => call.func.name() == "ansi_arithmetic",
                _ => false,
            };
            Ok(TreeNodeRecursion::Continue)
        });
        plain &= visited.is_ok();
    }
    plain
}

fn holds(condition: &dyn PhysicalExpr, schema: &Arc<Schema>, own_ms: i64, other_ms: i64) -> Option<bool> {
    let mut columns: Vec<ArrayRef> = vec![];
    for (field, ms) in schema.fields().iter().zip([own_ms, other_ms]) {
        let time = Int64Array::from(vec![ms.checked_mul(1000)?]);
        columns.push(arrow::compute::cast(&time, field.data_type()).ok()?);
    }
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).ok()?;
    let answer = condition.evaluate(&batch).ok()?.into_array(1).ok()?;
    let answer = answer.as_boolean_opt()?;
    Some(answer.is_valid(0) && answer.value(0))
}
