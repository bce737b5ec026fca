//! Plan nodes over resolved expressions.
//!
//! DataFusion's builder looks for every column of every expression in the whole plan below: work that grows with the cube of
//! a chain of `withColumn`. Ours name their columns exactly, so a node is made of them as they are; only over nodes whose
//! columns have qualifiers, or are named after expressions (aggregates, windows), the builder's look-up is needed.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Projection};
use firesteel_protocol::Result;

use crate::resolver::Planned;

/// A projection of a plan to expressions, each named as the column that it makes.
pub fn project(plan: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    if is_plain(&plan) {
        let schema = projected_schema(&plan, &exprs)?;
        return Projection::try_new_with_schema(exprs, Arc::new(plan), schema).map(LogicalPlan::Projection).planned();
    }
    LogicalPlanBuilder::from(plan).project(exprs).planned()?.build().planned()
}

/// [`project`], in one node with a projection that `plan` is, where that computes nothing twice and moves no expression
/// into another.
pub fn project_into(plan: &LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    if let LogicalPlan::Projection(below) = plan {
        if is_plain(plan) && is_plain(&below.input) {
            if let Some(joined) = joined(below, &exprs) {
                let schema = projected_schema(plan, &exprs)?;
                let joined = Projection::try_new_with_schema(joined, Arc::clone(&below.input), schema).planned()?;
                return Ok(LogicalPlan::Projection(joined));
            }
        }
    }
    project(plan.clone(), exprs)
}

/// The rows of a plan for which a condition holds.
pub fn filter(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan> {
    if is_plain(&plan) {
        return Filter::try_new(condition, Arc::new(plan)).map(LogicalPlan::Filter).planned();
    }
    LogicalPlanBuilder::from(plan).filter(condition).planned()?.build().planned()
}

/// Whether expressions can name the plan's columns as they stand in its schema.
fn is_plain(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_))
        && plan.schema().iter().all(|(qualifier, _)| qualifier.is_none())
}

/// The schema of a projection. What DataFusion makes, but a column that stays is found by a look into a table, not by a
/// search through the input's columns.
fn projected_schema(plan: &LogicalPlan, exprs: &[Expr]) -> Result<DFSchemaRef> {
    let input = plan.schema();
    if !input.functional_dependencies().is_empty() {
        return datafusion::logical_expr::projection_schema(plan, exprs).planned();
    }
    let known: HashMap<&str, _> = input.fields().iter().map(|field| (field.name().as_str(), field)).collect();
    let mut fields = Vec::with_capacity(exprs.len());
    for expr in exprs {
        fields.push(match expr {
            Expr::Column(column) if known.contains_key(column.name.as_str()) => {
                (None, Arc::clone(known[column.name.as_str()]))
            }
            other => other.to_field(input.as_ref()).planned()?,
        });
    }
    DFSchema::new_with_metadata(fields, input.metadata().clone()).map(Arc::new).planned()
}

/// The expressions over the input of the projection `below` instead of over itself. None where they use one of its computed
/// columns twice, or for more than to pass it on.
fn joined(below: &Projection, exprs: &[Expr]) -> Option<Vec<Expr>> {
    let names = below.schema.fields().iter().map(|field| field.name().as_str());
    let mut known: HashMap<&str, (&Expr, bool)> = names.zip(below.expr.iter().map(|expr| (expr, false))).collect();
    let mut joined = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let (column, alias) = match expr {
            Expr::Column(column) => (column, None),
            Expr::Alias(alias) if alias.relation.is_none() && alias.metadata.is_none() => match alias.expr.as_ref() {
                Expr::Column(column) => (column, Some(alias.name.as_str())),
                _ if uses_kept_only(&alias.expr, &known) => {
                    joined.push(expr.clone());
                    continue;
                }
                _ => return None,
            },
            _ => return None,
        };
        let (source, used) = known.get_mut(column.name.as_str())?;
        let is_column = matches!(source, Expr::Column(_));
        if *used && !is_column {
            return None;
        }
        *used = true;
        joined.push(match (alias, *source) {
            (None, source) => source.clone(),
            (Some(name), Expr::Alias(own)) if own.relation.is_none() && own.metadata.is_none() => {
                own.expr.as_ref().clone().alias(name)
            }
            (Some(_), Expr::Alias(_)) => return None,
            (Some(name), source) => source.clone().alias(name),
        });
    }
    Some(joined)
}

/// Whether an expression uses columns only that the projection leaves as they are, and no subquery.
fn uses_kept_only(expr: &Expr, known: &HashMap<&str, (&Expr, bool)>) -> bool {
    let mut kept = true;
    let _ = expr.apply(|node| {
        kept &= match node {
            Expr::Column(column) => match known.get(column.name.as_str()) {
                Some((Expr::Column(own), _)) => own == column,
                _ => false,
            },
            Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..) => false,
            _ => true,
        };
        Ok(if kept { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    kept
}
