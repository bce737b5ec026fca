//! LIMIT, OFFSET and the last rows.

use datafusion::logical_expr::LogicalPlanBuilder;
use firesteel_protocol::connect as pb;
use firesteel_protocol::extension::SqlLimit;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required};
use crate::Resolver;
use crate::expression::select::evaluate_constant;
use crate::expression::unaliased;
use crate::resolver::Planned;
use crate::scope::Scope;

pub fn limit(resolver: &Resolver, message: &pb::Limit, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Limit")?, outer)?;
    apply(input, 0, Some(checked("limit", message.limit)?))
}

pub fn offset(resolver: &Resolver, message: &pb::Offset, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Offset")?, outer)?;
    apply(input, checked("offset", message.offset)?, None)
}

/// The last `limit` rows, in order.
pub fn tail(resolver: &Resolver, message: &pb::Tail, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Tail")?, outer)?.narrow()?;
    let rows = checked("tail", message.limit)?;
    crate::operator::tail::plan(input, rows)
}

fn checked(word: &str, value: i32) -> Result<usize> {
    usize::try_from(value).map_err(|_| {
        SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE")
            .with("name", word)
            .with("expr", format!("\"{value}\""))
            .with("v", value.to_string())
    })
}

fn apply(input: Relation, skip: usize, fetch: Option<usize>) -> Result<Relation> {
    let plan = LogicalPlanBuilder::from(input.plan.clone()).limit(skip, fetch).planned()?.build().planned()?;
    let origin = input.origin.clone();
    Ok(Relation { origin, ..input.with_plan(plan) })
}

/// LIMIT and OFFSET with constant expressions.
pub fn sql(resolver: &Resolver, message: &SqlLimit, outer: Option<&Scope>) -> Result<Relation> {
    let mut relation = resolver.relation_in(required(message.input.as_deref(), "SqlLimit")?, outer)?;
    if let Some(offset) = &message.offset {
        let rows =
            constant(resolver, &relation, "offset", offset).map_err(|error| resolver.at_expression(error, offset))?;
        relation = apply(relation, rows, None)?;
    }
    if let Some(limit) = &message.limit {
        let rows =
            constant(resolver, &relation, "limit", limit).map_err(|error| resolver.at_expression(error, limit))?;
        relation = apply(relation, 0, Some(rows))?;
    }
    Ok(relation)
}

fn constant(resolver: &Resolver, input: &Relation, word: &str, expression: &pb::Expression) -> Result<usize> {
    use datafusion::scalar::ScalarValue;
    let inputs = [input];
    let typed = unaliased(resolver.expression(expression, &resolver.scope(&inputs, None))?);
    let shown = if typed.expr.is_volatile() { "\"_nondeterministic\"".into() } else { format!("\"{}\"", typed.name) };
    let unfoldable =
        || SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE").with("name", word).with("expr", &shown);
    if !typed.expr.column_refs().is_empty() || super::subquery::has_subquery(&typed.expr) {
        return Err(unfoldable());
    }
    let value = evaluate_constant(&typed.expr)?.ok_or_else(unfoldable)?;
    match value {
        ScalarValue::Int32(Some(rows)) => checked(word, rows),
        ScalarValue::Int16(Some(rows)) => checked(word, i32::from(rows)),
        ScalarValue::Int8(Some(rows)) => checked(word, i32::from(rows)),
        // Spark's parser gives TRUE and FALSE no place.
        ScalarValue::Boolean(_) => Err(SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE")
            .with("name", word)
            .with("expr", shown)
            .with("dataType", "\"BOOLEAN\"")
            .placeless()),
        ScalarValue::Int32(None) => {
            Err(SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.IS_NULL").with("name", word).with("expr", shown))
        }
        other => Err(SparkError::new("INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE")
            .with("name", word)
            .with("expr", shown)
            .with("dataType", format!("\"{}\"", name::sql(&other.data_type())))),
    }
}
