//! What rows are grouped by: positions, aliases and expressions of GROUP BY, sets of them, and `grouping()`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, ExprSchema};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, LogicalPlan, Operator, Volatility, cast as plan_cast, lit, when,
};
use firesteel_functions::kernel::kernel_expr;
use firesteel_functions::{Env, Typed, collation, collection};
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::{ExpressionKind, SqlAggregate};
use firesteel_protocol::types::{is_variant, name};
use firesteel_protocol::{Result, SparkError};

use super::super::{Relation, deduplicate, sort, subquery};
use crate::attribute::next_id;
use crate::expression::aggregate::{contains_aggregate, replace};
use crate::expression::walk::{self, Names};
use crate::scope::Scope;
use crate::sql::parse_column_name;
use crate::{Attribute, Resolver};

/// A position, a column of the input, or an alias of the select list.
pub(super) fn grouping_expression(
    resolver: &Resolver,
    expression: &pb::Expression,
    message: &SqlAggregate,
    list: &[Typed],
    scope: &Scope,
) -> Result<Typed> {
    grouping_of(resolver, expression, message, list, scope).map_err(|error| resolver.at_expression(error, expression))
}

fn grouping_of(
    resolver: &Resolver,
    expression: &pb::Expression,
    message: &SqlAggregate,
    list: &[Typed],
    scope: &Scope,
) -> Result<Typed> {
    if let Some(ExprType::Extension(any)) = &expression.expr_type {
        if let Some(ExpressionKind::Ordinal(ordinal)) = ExpressionKind::from_any(any) {
            let index = index_of(ordinal.position, list.len())?;
            let typed = list[index].clone();
            if contains_aggregate(&typed.expr) {
                return Err(SparkError::new("GROUP_BY_POS_AGGREGATE")
                    .with("index", ordinal.position.to_string())
                    .with("aggExpr", listed_sql(resolver, message, index, &typed, scope)));
            }
            return Ok(typed);
        }
    }
    match resolver.expression(expression, scope) {
        Ok(typed) => Ok(typed),
        Err(error)
            if error.condition().starts_with("UNRESOLVED_COLUMN")
                && resolver.ctx.conf_bool("spark.sql.groupByAliases", true) =>
        {
            let alias = match &expression.expr_type {
                Some(ExprType::UnresolvedAttribute(attribute)) => parse_column_name(&attribute.unparsed_identifier)?,
                _ => {
                    return resolver
                        .with_lateral_aliases(list, || resolver.expression(expression, scope))
                        .map_err(|_| error);
                }
            };
            let [wanted] = alias.as_slice() else { return Err(error) };
            let same = |own: &str| if scope.case_sensitive { own == wanted } else { own.eq_ignore_ascii_case(wanted) };
            let Some(index) = list.iter().position(|column| same(&column.name)) else { return Err(error) };
            refuse_lateral(resolver, message, index, list, scope)?;
            Ok(list[index].clone())
        }
        Err(error) => Err(error),
    }
}

/// What GROUP BY takes from the list by its alias, or all of the list, may not take another alias of the list.
pub(super) fn refuse_lateral(
    resolver: &Resolver,
    message: &SqlAggregate,
    index: usize,
    list: &[Typed],
    scope: &Scope,
) -> Result<()> {
    let Some(item) = message.select.get(index).filter(|_| index > 0 && list.len() == message.select.len()) else {
        return Ok(());
    };
    let is_plain = walk::find(item, &|part| walk::is_subquery(part, &|_| true)).is_empty();
    let is_alias = |error: &SparkError| {
        let parts = error.param("objectName").and_then(|quoted| parse_column_name(quoted).ok()).unwrap_or_default();
        let same = |own: &Typed| parts.first().is_some_and(|name| name.eq_ignore_ascii_case(&own.name));
        error.condition().starts_with("UNRESOLVED_COLUMN") && list[..index].iter().any(same)
    };
    match resolver.expression(item, scope) {
        Err(error) if is_plain && is_alias(&error) => {
            let error = SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_GROUP_BY");
            Err(error.raised_as("UNRESOLVED_COLUMN").placeless())
        }
        _ => Ok(()),
    }
}

/// Where a position of GROUP BY is in a list of `size`.
fn index_of(position: i32, size: usize) -> Result<usize> {
    usize::try_from(position).ok().filter(|p| (1..=size).contains(p)).map(|p| p - 1).ok_or_else(|| {
        SparkError::new("GROUP_BY_POS_OUT_OF_RANGE").with("index", position.to_string()).with("size", size.to_string())
    })
}

/// An item of the list as Spark writes it in SQL: `sum(t.a) AS `sum(a)``.
fn listed_sql(resolver: &Resolver, message: &SqlAggregate, index: usize, typed: &Typed, scope: &Scope) -> String {
    let Some(item) = message.select.get(index) else { return typed.name.clone() };
    let inner = match &item.expr_type {
        Some(ExprType::Alias(alias)) => alias.expr.as_deref().unwrap_or(item),
        _ => item,
    };
    let own = resolver.name_with(Names::Qualified, inner, scope);
    format!("{own} AS {}", name::quote_if_needed(&typed.name))
}

/// Behind `|> AGGREGATE` a position in the select list is one of the input's columns.
pub(super) fn input_column(item: &pb::Expression, input: &Relation) -> Result<pb::Expression> {
    let Some(ExprType::Extension(any)) = &item.expr_type else { return Ok(item.clone()) };
    let Some(ExpressionKind::Ordinal(ordinal)) = ExpressionKind::from_any(any) else { return Ok(item.clone()) };
    let index = index_of(ordinal.position, input.output.len())?;
    Ok(sort::by_id(input.output[index].id))
}

/// Grouping expressions and what they become, aggregate calls and the columns they become.
pub(super) type Replaced = (Vec<(Expr, Expr)>, Vec<(Expr, String)>);

/// Strings that a collation holds equal make one group: the key stands for them, and the first of them comes out.
pub(super) fn by_collation_keys(keys: &mut [(Typed, Attribute)], with_sets: bool) -> Replaced {
    let (mut collated, mut calls) = (vec![], vec![]);
    for (typed, attribute) in keys {
        let map = collection::has_map(&typed.data_type);
        if !collation::has_own(typed) && !map {
            continue;
        }
        let env = Env::default();
        let key = if map { collection::map_key(typed, &env) } else { collation::key(typed, &env) };
        if key.expr == typed.expr {
            continue;
        }
        let name = format!("first#{}", next_id());
        calls.push((deduplicate::first(typed.expr.clone()), name.clone()));
        let field = attribute.field.as_ref().clone().with_name("key").with_metadata(HashMap::new());
        *attribute = Attribute::new(Arc::new(field));
        let mut shown = Expr::Column(Column::new_unqualified(name));
        if with_sets {
            // In sets without this column it is NULL.
            let null = attribute.expr().is_not_null();
            let case = when(null, shown.clone()).end();
            shown = case.unwrap_or(shown);
        }
        collated.push((std::mem::replace(typed, key).expr, shown));
    }
    (collated, calls)
}

pub(super) fn cube(count: usize) -> Vec<Vec<usize>> {
    // Spark lists the full set first and the empty one last.
    (0..1usize << count)
        .map(|left_out| (0..count).filter(|i| left_out & (1 << (count - 1 - i)) == 0).collect())
        .collect()
}

/// `grouping(a)` and `grouping_id(..)` out of DataFusion's grouping id, whose lowest bit stands for the last column.
pub(super) fn grouping_function(name: &str, args: &[Expr], grouping: &[(Expr, Expr)], order: &[usize]) -> Result<Expr> {
    let id = Expr::Column(Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID));
    let id = plan_cast(id, DataType::Int64);
    let bit = |position: usize| -> Expr {
        let at = order.iter().position(|own| *own == position).unwrap_or(0);
        let shift = (order.len() - 1 - at) as i64;
        Expr::BinaryExpr(BinaryExpr::new(
            Box::new(binary(id.clone(), Operator::BitwiseShiftRight, lit(shift))),
            Operator::BitwiseAnd,
            Box::new(lit(1i64)),
        ))
    };
    let shown = |exprs: &mut dyn Iterator<Item = &Expr>| {
        exprs.map(|expr| expr.schema_name().to_string()).collect::<Vec<_>>().join(",")
    };
    let position = |arg: &Expr| {
        grouping.iter().position(|(key, _)| key == arg).ok_or_else(|| {
            let known = shown(&mut grouping.iter().map(|(key, _)| key));
            SparkError::new("GROUPING_COLUMN_MISMATCH")
                .with("grouping", arg.schema_name().to_string())
                .with("groupingColumns", known)
        })
    };
    if name == "grouping" {
        let arg = args.first().ok_or_else(|| SparkError::internal("grouping() without argument"))?;
        return Ok(plan_cast(bit(position(arg)?), DataType::Int8));
    }
    let positions: Vec<usize> = (0..grouping.len()).collect();
    // All keys in their order, or none.
    if !args.is_empty() && !args.iter().eq(grouping.iter().map(|(key, _)| key)) {
        return Err(SparkError::new("GROUPING_ID_COLUMN_MISMATCH")
            .with("groupingIdColumn", shown(&mut args.iter()))
            .with("groupByColumns", shown(&mut grouping.iter().map(|(key, _)| key))));
    }
    let mut sum = lit(0i64);
    for position in positions {
        sum = binary(binary(sum, Operator::BitwiseShiftLeft, lit(1i64)), Operator::BitwiseOr, bit(position));
    }
    Ok(sum)
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

/// Whether rows can be grouped by values of a type.
pub(super) fn groupable(data_type: &DataType) -> bool {
    match data_type {
        own if is_variant(own) => false,
        DataType::List(element) => groupable(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| groupable(field.data_type())),
        _ => true,
    }
}

pub(super) fn is_ordinal(expression: &pb::Expression) -> bool {
    matches!(&expression.expr_type, Some(ExprType::Extension(any))
        if matches!(ExpressionKind::from_any(any), Some(ExpressionKind::Ordinal(_))))
}

pub(super) fn is_star(expression: &pb::Expression) -> bool {
    matches!(&expression.expr_type, Some(ExprType::UnresolvedStar(_)))
}

pub(super) fn build_attribute(name: &str) -> pb::Expression {
    let attribute = pb::expression::UnresolvedAttribute { unparsed_identifier: name.into(), ..Default::default() };
    pb::Expression { common: None, expr_type: Some(ExprType::UnresolvedAttribute(attribute)) }
}

/// A subquery stands in the arguments of an aggregate call.
pub(super) fn in_aggregate(expr: &Expr) -> bool {
    let inside = |node: &Expr| match node {
        Expr::AggregateFunction(call) => {
            let filter = call.params.filter.as_deref();
            call.params.args.iter().chain(filter).any(subquery::has_subquery)
        }
        _ => false,
    };
    expr.exists(|node| Ok(inside(node))).unwrap_or(false)
}

/// The grouping id in HAVING as another expression than elsewhere: where a filter makes it a constant, DataFusion takes a
/// sort by it for done in one place and asks for it in another.
pub(super) fn apart(having: Expr, plan: &LogicalPlan) -> Result<Expr> {
    let id = Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID);
    let Ok(field) = plan.schema().field_from_column(&id) else { return Ok(having) };
    let data_type = field.data_type().clone();
    replace(having, |node| match node {
        Expr::Column(own) if *own == id => Ok(Some(kernel_expr(
            "grouping_id_of_row",
            vec![node.clone()],
            data_type.clone(),
            false,
            Volatility::Immutable,
            &Env::default(),
            String::new(),
            |args| args.array(0),
        ))),
        _ => Ok(None),
    })
}
