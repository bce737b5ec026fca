//! Select lists: names and ids of their columns, constants among expressions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::create_physical_expr;
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_protocol::Result;
use firesteel_protocol::types::collation;

use super::unaliased;
use crate::Attribute;
use crate::relation::Relation;
use crate::resolver::Planned;

/// A column of a select list: what computes it and the attribute it becomes.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Without alias.
    pub expr: Expr,
    pub attribute: Attribute,
}

impl Selected {
    /// The expression under the attribute's name in the plan.
    pub fn projected(&self) -> Expr {
        match &self.expr {
            Expr::Column(column) if column.name == self.attribute.column.as_ref() => self.expr.clone(),
            other => other.clone().alias(self.attribute.column.as_ref()),
        }
    }
}

/// A plain column keeps its id and qualifier; everything else becomes a new attribute.
pub fn select(typed: Typed, input: &Relation) -> Selected {
    let own = |name: &str| input.output.iter().chain(&input.hidden).find(|attribute| attribute.column.as_ref() == name);
    selected(typed, own)
}

/// [`select`] for a whole list.
pub fn select_all(list: Vec<Typed>, input: &Relation) -> Vec<Selected> {
    if list.len() < 4 {
        return list.into_iter().map(|typed| select(typed, input)).collect();
    }
    let mut own: HashMap<&str, &Attribute> = HashMap::new();
    for attribute in input.output.iter().chain(&input.hidden) {
        own.entry(attribute.column.as_ref()).or_insert(attribute);
    }
    list.into_iter().map(|typed| selected(typed, |name| own.get(name).copied())).collect()
}

fn selected<'a>(typed: Typed, own: impl Fn(&str) -> Option<&'a Attribute>) -> Selected {
    if let Expr::Column(column) = &typed.expr {
        // A cast to another collation changes nothing but the type.
        let same = |attribute: &&Attribute| {
            collation::of(attribute.field.metadata()) == collation::of(typed.field().metadata())
        };
        if let Some(attribute) = own(&column.name).filter(same) {
            let mut attribute = attribute.clone();
            if attribute.name() != typed.name {
                attribute.field = Arc::new(attribute.field.as_ref().clone().with_name(&typed.name));
            }
            return Selected { expr: typed.expr, attribute };
        }
    }
    let attribute = Attribute::new(typed.field());
    Selected { expr: unaliased(typed).expr, attribute }
}

/// The value of an expression without columns; None when it has some.
pub fn evaluate_constant(expr: &Expr) -> Result<Option<ScalarValue>> {
    if !expr.column_refs().is_empty() || expr.is_volatile() {
        return Ok(None);
    }
    let schema = DFSchema::empty();
    let props = datafusion::logical_expr::execution_props::ExecutionProps::new();
    let planning = datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext::default();
    let physical = create_physical_expr(expr, &schema, &props, &planning).planned()?;
    let batch = arrow::record_batch::RecordBatch::try_new_with_options(
        Schema::empty().into(),
        vec![],
        &arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map_err(firesteel_functions::kernel::from_arrow)?;
    match physical.evaluate(&batch).planned()? {
        ColumnarValue::Scalar(value) => Ok(Some(value)),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0).map(Some).planned(),
    }
}
