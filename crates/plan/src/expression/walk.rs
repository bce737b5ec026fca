//! Looking through expressions before they are resolved: which part of one an error speaks of, and by which names.

use firesteel_functions::{Kind, lookup};
use firesteel_protocol::connect::{self as pb, expression::ExprType, subquery_expression::SubqueryType};
use firesteel_protocol::extension::ExpressionKind;
use firesteel_protocol::{Result, SparkError};

use super::aggregate::is_grouping;
use crate::Resolver;
use crate::scope::Scope;

/// How columns are named inside of the expressions that errors show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// By their names alone, as results name their columns.
    #[default]
    Plain,
    /// With their qualifiers: `t.a`.
    Qualified,
    /// With the ids that a run hands out: `a#7`.
    WithIds,
    /// Those of the query around a subquery as `outer(t.a)`, the others by their names alone.
    OuterQualified,
    /// Those of the query around a subquery like the others.
    Unwrapped,
}

/// The expressions right below one.
fn parts(expression: &pb::Expression) -> Vec<pb::Expression> {
    let owned = |one: &Option<Box<pb::Expression>>| one.as_deref().cloned().into_iter().collect::<Vec<_>>();
    match expression.expr_type.as_ref() {
        Some(ExprType::UnresolvedFunction(call)) => call.arguments.clone(),
        Some(ExprType::CallFunction(call)) => call.arguments.clone(),
        Some(ExprType::Alias(alias)) => owned(&alias.expr),
        Some(ExprType::Cast(cast)) => owned(&cast.expr),
        Some(ExprType::UnresolvedExtractValue(extract)) => {
            owned(&extract.child).into_iter().chain(owned(&extract.extraction)).collect()
        }
        Some(ExprType::SortOrder(order)) => owned(&order.child),
        Some(ExprType::Window(window)) => {
            let orders = window.order_spec.iter().filter_map(|order| order.child.as_deref().cloned());
            // What stands before OVER is a window function, its arguments are parts.
            let function = window.window_function.as_deref().map(parts).unwrap_or_default();
            function.into_iter().chain(window.partition_spec.iter().cloned()).chain(orders).collect()
        }
        Some(ExprType::Extension(any)) => match ExpressionKind::from_any(any) {
            Some(ExpressionKind::Function(call)) => {
                let arguments = call.function.map(|function| function.arguments).unwrap_or_default();
                arguments.into_iter().chain(call.filter.map(|filter| *filter)).collect()
            }
            Some(ExpressionKind::WithRelations(with)) => with.expression.map(|inner| *inner).into_iter().collect(),
            _ => vec![],
        },
        _ => vec![],
    }
}

/// Parts of an expression for which `wanted` holds, outermost first; what is below such a part is not looked at.
pub fn find(expression: &pb::Expression, wanted: &dyn Fn(&pb::Expression) -> bool) -> Vec<pb::Expression> {
    if wanted(expression) {
        return vec![expression.clone()];
    }
    parts(expression).iter().flat_map(|part| find(part, wanted)).collect()
}

/// `INVALID_USAGE_OF_STAR_OR_REGEX` for a `*` as the whole of an expression in a clause that is one node of Spark's plan.
pub fn refuse_star(expression: &pb::Expression, node: &str) -> Result<()> {
    if !matches!(expression.expr_type, Some(ExprType::UnresolvedStar(_))) {
        return Ok(());
    }
    Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX").with("elem", "'*'").with("prettyName", node).placeless())
}

/// The name of the function that an expression calls.
pub fn function_name(expression: &pb::Expression) -> Option<String> {
    match expression.expr_type.as_ref()? {
        ExprType::UnresolvedFunction(call) => Some(call.function_name.clone()),
        ExprType::CallFunction(call) => Some(call.function_name.clone()),
        ExprType::Extension(any) => match ExpressionKind::from_any(any)? {
            ExpressionKind::Function(call) => call.function.map(|function| function.function_name),
            _ => None,
        },
        _ => None,
    }
}

fn is_kind(expression: &pb::Expression, wanted: fn(&Kind) -> bool) -> bool {
    function_name(expression)
        .and_then(|name| lookup(super::function::unqualified(&name)))
        .is_some_and(|entry| wanted(&entry.kind))
}

/// An aggregate function is called.
pub fn is_aggregate(expression: &pb::Expression) -> bool {
    is_kind(expression, Kind::is_aggregate)
}

/// `grouping` or `grouping_id` is called.
pub fn is_grouping_call(expression: &pb::Expression) -> bool {
    function_name(expression).is_some_and(|name| is_grouping(&name.to_ascii_lowercase()))
}

/// A scalar subquery, with the plan that it refers to or without.
pub fn is_scalar_subquery(expression: &pb::Expression) -> bool {
    is_subquery(expression, &|kind| kind == SubqueryType::Scalar)
}

/// A subquery of a kind that is `wanted`.
pub fn is_subquery(expression: &pb::Expression, wanted: &dyn Fn(SubqueryType) -> bool) -> bool {
    match &expression.expr_type {
        Some(ExprType::SubqueryExpression(subquery)) => wanted(subquery.subquery_type()),
        Some(ExprType::Extension(any)) => match ExpressionKind::from_any(any) {
            Some(ExpressionKind::WithRelations(with)) => {
                with.expression.as_deref().is_some_and(|inner| is_subquery(inner, wanted))
            }
            _ => false,
        },
        _ => false,
    }
}

/// A generator is called.
pub fn is_generator(expression: &pb::Expression) -> bool {
    is_kind(expression, |kind| matches!(kind, Kind::Generator(_)))
}

/// A function is called over a window.
pub fn is_window(expression: &pb::Expression) -> bool {
    matches!(expression.expr_type, Some(ExprType::Window(_)))
}

/// An aggregate call inside of another one, at any depth.
pub fn nested_aggregate(expression: &pb::Expression) -> Option<pb::Expression> {
    let outer = find(expression, &is_aggregate);
    outer.iter().find_map(|call| parts(call).iter().find_map(|part| find(part, &is_aggregate).into_iter().next()))
}

/// Whether an error about types shows what may be an alias inside of a struct.
pub fn prints_aliases(error: &SparkError) -> bool {
    (error.condition().starts_with("DATATYPE_MISMATCH") || error.condition() == "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE")
        && error.params().iter().any(|(_, text)| text.contains("struct(") && text.contains(" AS "))
}

/// The name of an expression with generators inside.
pub fn shown_with_generators(resolver: &Resolver, expression: &pb::Expression, scope: &Scope) -> String {
    let around = resolver.generators_shown.replace(true);
    let name = resolver.name_with(Names::WithIds, expression, scope);
    resolver.generators_shown.set(around);
    name
}

impl Resolver<'_> {
    /// The name of an expression with columns named in some way; that of a failed one is empty.
    pub(crate) fn name_with(&self, names: Names, expression: &pb::Expression, scope: &Scope) -> String {
        let around = self.names.replace(names);
        let name = self.expression(expression, scope).map(|typed| typed.name);
        self.names.set(around);
        name.unwrap_or_default()
    }
}
