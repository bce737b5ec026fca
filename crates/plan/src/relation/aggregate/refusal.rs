//! What an aggregation refuses, with the place that Spark tells.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::SqlAggregate;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::super::{project, subquery};
use super::grouping::is_star;
use crate::Resolver;
use crate::expression::aggregate::contains_aggregate;
use crate::expression::python::is_nondeterministic;
use crate::expression::walk::{self, Names};
use crate::scope::Scope;

/// Behind `|> AGGREGATE` every item that is no key must aggregate.
pub(super) fn refuse_plain(
    resolver: &Resolver,
    message: &SqlAggregate,
    keys: usize,
    outer: Option<&Scope>,
) -> Result<()> {
    let plain = |item: &&pb::Expression| {
        walk::find(item, &|part| walk::is_aggregate(part) || walk::is_generator(part)).is_empty()
    };
    let Some(item) = message.select.iter().skip(keys).find(plain) else { return Ok(()) };
    let input = match message.input.as_deref() {
        Some(input) => resolver.relation_in(input, outer)?,
        None => project::one_row(),
    };
    let inputs = [&input];
    let inner = match &item.expr_type {
        Some(ExprType::Alias(alias)) => alias.expr.as_deref().unwrap_or(item),
        _ => item,
    };
    let scope = resolver.scope(&inputs, outer);
    let Ok(typed) = resolver.expression(inner, &scope) else { return Ok(()) };
    // Functions that Python or the user wrote may aggregate.
    if contains_aggregate(&typed.expr) || is_star(inner) {
        return Ok(());
    }
    let shown = resolver.name_with(Names::WithIds, inner, &scope);
    let error =
        SparkError::new("PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION").with("expr", shown);
    // Spark tells the place of the last key.
    let place = keys.checked_sub(1).and_then(|last| message.grouping.get(last)).unwrap_or(inner);
    Err(resolver.at_expression(error, place))
}

/// An aggregation in a subquery may not read the rows around it, but for its filters.
pub(crate) fn refuse_outer(
    resolver: &Resolver,
    grouping: &[Typed],
    keys: &[pb::Expression],
    list: &[Typed],
    select: &[pb::Expression],
    scope: &Scope,
) -> Result<()> {
    let is_outer =
        |expr: &Expr| expr.exists(|node| Ok(matches!(node, Expr::OuterReferenceColumn(..)))).unwrap_or(false);
    if scope.outer.is_none() || !grouping.iter().chain(list).any(|typed| is_outer(&typed.expr)) {
        return Ok(());
    }
    let of = |item: &pb::Expression| resolver.expression(item, scope).ok().filter(|typed| is_outer(&typed.expr));
    for call in select.iter().flat_map(|item| walk::find(item, &walk::is_aggregate)) {
        if of(&call).is_some_and(|typed| !typed.expr.column_refs().is_empty()) {
            let function = resolver.name_with(Names::Qualified, &call, scope);
            let error = SparkError::new(
                "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.AGGREGATE_FUNCTION_MIXED_OUTER_LOCAL_REFERENCES",
            );
            return Err(resolver.at_expression(error.with("function", function), &call));
        }
    }
    let mut shown: Vec<String> = keys
        .iter()
        .filter(|key| of(key).is_some())
        .map(|key| resolver.name_with(Names::Unwrapped, key, scope))
        .collect();
    for item in select.iter().filter(|item| of(item).is_some()) {
        let (inner, alias) = match &item.expr_type {
            Some(ExprType::Alias(alias)) => (alias.expr.as_deref().unwrap_or(item), alias.name.first().cloned()),
            _ => (item, None),
        };
        let plain = resolver.name_with(Names::Unwrapped, inner, scope);
        let own = alias.unwrap_or_else(|| resolver.name_with(Names::OuterQualified, inner, scope));
        shown.push(match &inner.expr_type {
            Some(ExprType::UnresolvedAttribute(_)) => plain,
            _ => format!("{plain} AS {}", name::quote_if_needed(&own)),
        });
    }
    if shown.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = shown.iter().map(|one| format!("\"{one}\"")).collect();
    Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_REFERENCE")
        .with("sqlExprs", shown.join(",")))
}

/// Beside aggregates a scalar subquery that reads columns of the aggregated rows is grouped by, or refused.
pub(crate) fn refuse_correlated(
    resolver: &Resolver,
    grouping: &[Typed],
    list: &[Typed],
    select: &[pb::Expression],
    scope: &Scope,
) -> Result<()> {
    let correlated = |typed: &Typed| {
        let is = |node: &Expr| match node {
            Expr::ScalarSubquery(subquery) => !super::super::dependent::all_references(&subquery.subquery).is_empty(),
            _ => false,
        };
        typed.expr.exists(|node| Ok(is(node))).unwrap_or(false)
    };
    if grouping.iter().any(|typed| subquery::has_subquery(&typed.expr)) || !list.iter().any(correlated) {
        return Ok(());
    }
    let stops = |part: &pb::Expression| walk::is_aggregate(part) || walk::is_scalar_subquery(part);
    for part in select.iter().flat_map(|item| walk::find(item, &stops)).filter(walk::is_scalar_subquery) {
        let typed = resolver.expression(&part, scope)?;
        if correlated(&typed) {
            let error = SparkError::new("SCALAR_SUBQUERY_IS_IN_GROUP_BY_OR_AGGREGATE_FUNCTION")
                .with("sqlExpr", format!("\"{}\"", typed.name));
            return Err(resolver.at_expression(error, &part));
        }
    }
    Ok(())
}

/// Aggregates may not be grouped by, whether written there or in the select list under an alias.
pub(super) fn refuse_aggregates(
    resolver: &Resolver,
    expression: &pb::Expression,
    message: &SqlAggregate,
    typed: Typed,
    scope: &Scope,
) -> Result<Typed> {
    if !contains_aggregate(&typed.expr) {
        return Ok(typed);
    }
    let listed = message.select.iter().filter(|one| match &one.expr_type {
        Some(ExprType::Alias(alias)) => alias.name.iter().any(|name| name.eq_ignore_ascii_case(&typed.name)),
        _ => false,
    });
    let call = std::iter::once(expression)
        .chain(listed)
        .find_map(|one| walk::find(one, &walk::is_aggregate).into_iter().next());
    let Some(call) = call else { return Ok(typed) };
    let name = resolver.name_with(Names::Qualified, &call, scope);
    Err(resolver.at_expression(SparkError::new("GROUP_BY_AGGREGATE").with("sqlExpr", name), &call))
}

/// What an aggregate function takes must be the same however often it is computed.
pub(super) fn refuse_nondeterministic(typed: &Typed) -> Result<()> {
    let varying = |node: &Expr| match node {
        Expr::AggregateFunction(call) => call.params.args.iter().any(is_nondeterministic),
        _ => false,
    };
    if !typed.expr.exists(|node| Ok(varying(node))).unwrap_or(false) {
        return Ok(());
    }
    let shown = typed.unaliased_name.as_ref().unwrap_or(&typed.name);
    Err(SparkError::new("AGGREGATE_FUNCTION_WITH_NONDETERMINISTIC_EXPRESSION").with("sqlExpr", format!("\"{shown}\"")))
}

/// The place of what an aggregation refuses: the call inside of another one, the use of `grouping`.
pub(crate) fn at_part(resolver: &Resolver, error: SparkError, list: &[pb::Expression]) -> SparkError {
    let part = match error.condition() {
        "NESTED_AGGREGATE_FUNCTION" => list.iter().find_map(walk::nested_aggregate),
        "UNSUPPORTED_GROUPING_EXPRESSION" => {
            list.iter().find_map(|one| walk::find(one, &walk::is_grouping_call).into_iter().next())
        }
        _ => None,
    };
    match part {
        Some(part) => resolver.at_expression(error, &part),
        None => error,
    }
}
