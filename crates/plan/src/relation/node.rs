//! Plan nodes over resolved expressions.
//!
//! DataFusion's builder looks for every column of every expression in the whole plan below: work that grows with the cube of
//! a chain of `withColumn`. Ours name their columns exactly, so a node is made of them as they are; only over nodes whose
//! columns have qualifiers, or are named after expressions (aggregates, windows), the builder's look-up is needed.
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, HashMap};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Projection};
use firesteel_protocol::Result;

use crate::operator::python::function::PythonUdf;
use crate::resolver::Planned;

/// A projection of a plan to expressions, each named as the column that it makes.
pub fn project(plan: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    if is_plain(&plan) {
        let schema = projected_schema(&plan, &exprs)?;
        return Projection::try_new_with_schema(exprs, Arc::new(plan), schema).map(LogicalPlan::Projection).planned();
    }
    LogicalPlanBuilder::from(plan).project(exprs).planned()?.build().planned()
}

/// [`project`], in one node with a projection that `plan` is, where that computes nothing twice. Spark's `CollapseProject`
/// does so when it optimizes; a chain of a thousand is better never made.
/// A projection to the very columns of the plan is the plan.
pub fn project_into(plan: &LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    if is_plain(plan) && is_identity(plan, &exprs) {
        return Ok(plan.clone());
    }
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

/// Groups of rows, and aggregate calls over each.
pub fn aggregate(plan: LogicalPlan, groups: Vec<Expr>, calls: Vec<Expr>) -> Result<LogicalPlan> {
    if is_plain(&plan) && groups.iter().all(|group| matches!(group, Expr::Column(_))) {
        return Aggregate::try_new(Arc::new(plan), groups, calls).map(LogicalPlan::Aggregate).planned();
    }
    LogicalPlanBuilder::from(plan).aggregate(groups, calls).planned()?.build().planned()
}

/// Whether expressions name the plan's columns as they stand in its schema, and nothing that it computes otherwise.
fn is_plain(plan: &LogicalPlan) -> bool {
    let is_named = match plan {
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.iter().all(|group| matches!(group, Expr::Column(_)))
                && aggregate.aggr_expr.iter().all(|call| matches!(call, Expr::Alias(_)))
        }
        LogicalPlan::Window(_) => false,
        _ => true,
    };
    is_named && plan.schema().iter().all(|(qualifier, _)| qualifier.is_none())
}

fn is_identity(plan: &LogicalPlan, exprs: &[Expr]) -> bool {
    let fields = plan.schema().fields();
    fields.len() == exprs.len()
        && fields.iter().zip(exprs).all(
            |(field, expr)| matches!(expr, Expr::Column(column) if column.relation.is_none() && column.name == *field.name()),
        )
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

/// The expressions over the input of the projection `below` instead of over itself. None where that would compute one of
/// its columns twice, or at another time.
fn joined(below: &Projection, exprs: &[Expr]) -> Option<Vec<Expr>> {
    let names = below.schema.fields().iter().map(|field| field.name().as_str());
    let mut columns: HashMap<&str, Source> = names.zip(below.expr.iter().map(Source::of)).collect();
    exprs.iter().map(|expr| rewritten(expr, &mut columns)).collect()
}

/// What a column of a projection is made of.
struct Source<'a> {
    /// Without alias.
    expr: &'a Expr,
    is_cheap: bool,
    is_used: bool,
}

impl<'a> Source<'a> {
    fn of(expr: &'a Expr) -> Self {
        let expr = match expr {
            Expr::Alias(alias) if alias.metadata.is_none() => alias.expr.as_ref(),
            other => other,
        };
        Self { expr, is_cheap: matches!(expr, Expr::Column(_) | Expr::Literal(..)), is_used: false }
    }

    /// False for a second use of what takes work.
    fn take(&mut self) -> bool {
        !std::mem::replace(&mut self.is_used, !self.is_cheap)
    }
}

fn rewritten(expr: &Expr, columns: &mut HashMap<&str, Source>) -> Option<Expr> {
    let (inner, name) = match expr {
        Expr::Column(column) => (expr, column.name.as_str()),
        Expr::Alias(alias) if alias.relation.is_none() && alias.metadata.is_none() => {
            (alias.expr.as_ref(), alias.name.as_str())
        }
        _ => return None,
    };
    let moved = match inner {
        // What is passed on is computed where it was.
        Expr::Column(column) => {
            let source = columns.get_mut(column.name.as_str())?;
            if !source.take() {
                return None;
            }
            source.expr.clone()
        }
        other => {
            if !can_take_in(other, columns) {
                return None;
            }
            let replaced = other.clone().transform_up(|node| match &node {
                Expr::Column(column) if !is_kept(column, columns) => {
                    Ok(Transformed::yes(columns[column.name.as_str()].expr.clone()))
                }
                _ => Ok(Transformed::no(node)),
            });
            replaced.ok()?.data
        }
    };
    Some(match &moved {
        Expr::Column(column) if column.relation.is_none() && column.name == name => moved,
        _ => moved.alias(name),
    })
}

fn is_kept(column: &Column, columns: &HashMap<&str, Source>) -> bool {
    matches!(columns.get(column.name.as_str()), Some(Source { expr: Expr::Column(own), .. }) if own == column)
}

/// Whether the columns of an expression can be replaced by what they are made of.
fn can_take_in(expr: &Expr, columns: &mut HashMap<&str, Source>) -> bool {
    let mut can = true;
    let _ = expr.apply(|node| {
        can &= match node {
            Expr::Column(column) => {
                is_kept(column, columns)
                    || columns
                        .get_mut(column.name.as_str())
                        .is_some_and(|source| (source.is_cheap || is_plain_work(source.expr)) && source.take())
            }
            other => is_plain_node(other),
        };
        Ok(if can { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    can
}

/// Whether it makes no difference where in a row's work an expression is computed.
pub fn is_plain_work(expr: &Expr) -> bool {
    !expr.exists(|node| Ok(!is_plain_node(node))).unwrap_or(true)
}

fn is_plain_node(node: &Expr) -> bool {
    match node {
        Expr::ScalarFunction(_) => !node.is_volatile_node() && PythonUdf::of(node).is_none(),
        Expr::Column(_)
        | Expr::Literal(..)
        | Expr::Alias(_)
        | Expr::Cast(_)
        | Expr::BinaryExpr(_)
        | Expr::Not(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::Case(_) => true,
        _ => false,
    }
}
