//! WHERE, and HAVING as a filter over an aggregation.

use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, LogicalPlan};
use firesteel_functions::Typed;
use firesteel_functions::predicate::guard;
use firesteel_protocol::connect as pb;
use firesteel_protocol::extension::Qualify;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::subquery::{self, Clause};
use super::{Origin, Relation, join, node, required, sort};
use crate::expression::aggregate::{contains_aggregate, contains_window};
use crate::expression::select::Selected;
use crate::expression::unaliased;
use crate::expression::walk::{self, Names};
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, filter: &pb::Filter, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(filter.input.as_deref(), "Filter")?, outer)?;
    let condition = filter.condition.as_ref().ok_or_else(|| crate::expression::missing("condition", "Filter"))?;
    walk::refuse_star(condition, "Filter").map_err(|error| resolver.at_expression(error, condition))?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let resolved = resolver.expression(condition, &scope);
    if !walk::find(condition, &walk::is_generator).is_empty() {
        let name = walk::shown_with_generators(resolver, condition, &scope);
        let plan = format!("'Filter {name}");
        return Err(SparkError::new("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT").with("plan", plan).placeless());
    }
    match resolved {
        Ok(typed) if !contains_aggregate(&typed.expr) => {
            let again = || condition_of(resolver.expression(condition, &scope)?);
            let condition = resolver.worded(condition_of(typed), again)?;
            apply(resolver, input, condition)
        }
        // Columns that the select list left out, aggregates of HAVING.
        other => match sort::through_origin(resolver, &input, std::slice::from_ref(condition), outer)? {
            Some((extended, mut exprs)) => {
                let condition = condition_of(exprs.remove(0))?;
                let output = input.output.clone();
                let filtered = apply(resolver, extended, condition)?;
                Relation { output, ..filtered }.narrow()
            }
            None => match other {
                Err(error) => Err(error),
                Ok(_) if !walk::find(condition, &walk::is_grouping_call).is_empty() => {
                    Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION").placeless())
                }
                Ok(typed) => {
                    let calls = walk::find(condition, &walk::is_aggregate);
                    let names: Vec<String> =
                        calls.iter().map(|call| resolver.name_with(Names::Qualified, call, &scope)).collect();
                    Err(SparkError::new("INVALID_WHERE_CONDITION")
                        .with("condition", format!("\"{}\"", typed.name))
                        .with("expressionList", names.join(", ")))
                }
            },
        },
    }
}

/// `QUALIFY condition`.
pub fn qualify(resolver: &Resolver, message: &Qualify, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Qualify")?, outer)?;
    let condition = message.condition.as_ref().ok_or_else(|| crate::expression::missing("condition", "Qualify"))?;
    if let Some(Origin::Aggregate(aggregated)) = input.origin.as_deref() {
        refuse_aggregated(resolver, &aggregated.input, &input, condition, outer)?;
    }
    let listed = match input.origin.as_deref() {
        // Window functions of the list are computed right below it.
        Some(Origin::Project { input: below, .. }) => matches!(below.plan, LogicalPlan::Window(_)),
        _ => false,
    };
    // What the list left out is in sight, here and of ORDER BY behind.
    let through = match sort::widened(&input)? {
        Some(wide) => {
            let inputs = [&wide];
            let typed = resolver.expression(condition, &resolver.scope(&inputs, outer)).ok();
            typed.filter(|typed| !contains_aggregate(&typed.expr)).map(|typed| (wide, typed))
        }
        None => None,
    };
    let (extended, typed) = match through {
        Some(found) => found,
        None => {
            let inputs = [&input];
            let typed = resolver.expression(condition, &resolver.scope(&inputs, outer))?;
            (input.clone(), typed)
        }
    };
    if !listed && !contains_window(&typed.expr) {
        return Err(SparkError::new("QUALIFY_REQUIRES_WINDOW_FUNCTION"));
    }
    let typed = condition_of(typed)?;
    let selected = Selected { expr: typed.expr.clone(), attribute: Attribute::new(typed.field()) };
    let (plan, mut selected) = super::project::windows(extended.plan.clone(), vec![selected])?;
    let plan = node::filter(plan, selected.remove(0).expr)?;
    Ok(Relation { plan, output: input.output, hidden: extended.hidden, origin: None })
}

/// Behind an aggregation QUALIFY means columns of the rows that are aggregated, even where the output has their name, and does
/// not find those that are gone.
fn refuse_aggregated(
    resolver: &Resolver,
    below: &Relation,
    output: &Relation,
    condition: &pb::Expression,
    outer: Option<&Scope>,
) -> Result<()> {
    let first = Relation { hidden: output.output.clone(), ..below.clone() };
    let inputs = [&first];
    let Ok(typed) = resolver.expression(condition, &resolver.scope(&inputs, outer)) else { return Ok(()) };
    let named = typed.expr.column_refs();
    let is_named = |own: &&Attribute| named.iter().any(|column| column.name == own.column.as_ref());
    let is_kept = |own: &&Attribute| output.output.iter().any(|kept| kept.id == own.id);
    let Some(missing) = below.output.iter().find(|own| is_named(own) && !is_kept(own)) else { return Ok(()) };
    let shown = |own: &Attribute| {
        let parts = own.qualifier.iter().map(String::as_str).chain([own.name()]);
        parts.map(name::quote_if_needed).collect::<Vec<_>>().join(".")
    };
    Err(SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        .with("objectName", shown(missing))
        .with("proposal", output.output.iter().map(shown).collect::<Vec<_>>().join(", ")))
}

/// Keeps the rows for which `condition` holds.
pub(crate) fn apply(resolver: &Resolver, input: Relation, condition: Typed) -> Result<Relation> {
    if contains_window(&condition.expr) {
        return Err(SparkError::new("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE").with("clauseName", "WHERE"));
    }
    let (input, condition) = plain_first(input, condition)?;
    let (input, mut list) = super::supplied(resolver, input, vec![condition], Clause::Where)?;
    let condition = guard::loosen(unaliased(list.remove(0)).expr, || join::inputs(&input.plan), true, resolver.env());
    let plan = node::filter(input.plan.clone(), condition)?;
    Ok(input.with_plan(plan))
}

/// Filters by those parts of a conjunction that have no subquery: the values for which subqueries are computed are
/// taken from the rows that are left, not from a product of tables that was to be a join.
fn plain_first(input: Relation, mut condition: Typed) -> Result<(Relation, Typed)> {
    if !subquery::has_subquery(&condition.expr) {
        return Ok((input, condition));
    }
    let (with, plain): (Vec<Expr>, Vec<Expr>) = split_conjunction_owned(unaliased(condition.clone()).expr)
        .into_iter()
        .partition(|part| subquery::has_subquery(part) || part.is_volatile());
    let (Some(plain), Some(with)) = (conjunction(plain), conjunction(with)) else { return Ok((input, condition)) };
    let plan = node::filter(input.plan.clone(), plain)?;
    condition.expr = with;
    Ok((input.with_plan(plan), condition))
}

/// A condition must be boolean.
pub(crate) fn condition_of(typed: Typed) -> Result<Typed> {
    use arrow::datatypes::DataType;
    let typed = unaliased(typed);
    if typed.data_type == DataType::Boolean {
        return Ok(typed);
    }
    let (shown, data_type) = (typed.name.clone(), typed.data_type.clone());
    Err(SparkError::new("DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN")
        .with("sqlExpr", format!("\"{shown}\""))
        .with("filter", format!("\"{shown}\""))
        .with("type", format!("\"{}\"", name::sql(&data_type))))
}
