//! Joins with the nearest rows: as-of joins and `nearestByJoin`. Each row of the left side is joined with the rows of the
//! right side that fit, the nearest first, so many of them. Spark's `RewriteAsOfJoin`.

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, SortExpr};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::dependent::{self, Domain};
use super::{Relation, required};
use crate::Resolver;
use crate::expression::function::scalar;
use crate::expression::select::evaluate_constant;
use crate::expression::{missing, unaliased};
use crate::resolver::Planned;
use crate::scope::Scope;

/// `_joinAsOf`.
pub fn as_of(resolver: &Resolver, message: &pb::AsOfJoin, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(message.left.as_deref(), "AsOfJoin")?, outer)?;
    let right = resolver.relation_in(required(message.right.as_deref(), "AsOfJoin")?, outer)?;
    let kind = match message.join_type.to_lowercase().replace('_', "").as_str() {
        "inner" => JoinType::Inner,
        "left" | "leftouter" => JoinType::Left,
        other => {
            let word = match other {
                "right" | "rightouter" => "RightOuter",
                "full" | "outer" | "fullouter" => "FullOuter",
                "leftsemi" | "semi" => "LeftSemi",
                "leftanti" | "anti" => "LeftAnti",
                other => other,
            };
            return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
                .with_message(format!("requirement failed: Unsupported as-of join type {word}")));
        }
    };
    let side = |expression: &Option<pb::Expression>, input: &Relation, part: &str| {
        let expression = expression.as_ref().ok_or_else(|| missing(part, "AsOfJoin"))?;
        let inputs = [input];
        resolver.expression(expression, &resolver.scope(&inputs, outer)).map(unaliased)
    };
    let at = side(&message.left_as_of, &left, "left_as_of")?;
    let other = side(&message.right_as_of, &right, "right_as_of")?;
    let tolerance = match message.tolerance.as_ref() {
        None => None,
        Some(tolerance) => {
            let inputs = [&left];
            let typed = unaliased(resolver.expression(tolerance, &resolver.scope(&inputs, outer))?);
            let constant = evaluate_constant(&typed.expr)?;
            let constant = constant.ok_or_else(|| SparkError::new("AS_OF_JOIN.TOLERANCE_IS_UNFOLDABLE"))?;
            let zero = ScalarValue::new_zero(&constant.data_type()).ok();
            if zero.is_some_and(|zero| constant < zero) {
                return Err(SparkError::new("AS_OF_JOIN.TOLERANCE_IS_NON_NEGATIVE"));
            }
            Some(typed)
        }
    };
    let call = |name: &str, args: Vec<&Typed>| scalar(resolver, name, args.into_iter().cloned().collect());
    let exact = message.allow_exact_matches;
    let mut conditions = vec![];
    let distance = match message.direction.to_lowercase().as_str() {
        "backward" => {
            conditions.push(call(if exact { ">=" } else { ">" }, vec![&at, &other])?);
            if let Some(tolerance) = &tolerance {
                conditions.push(call(">=", vec![&other, &call("-", vec![&at, tolerance])?])?);
            }
            call("-", vec![&at, &other])?
        }
        "forward" => {
            conditions.push(call(if exact { "<=" } else { "<" }, vec![&at, &other])?);
            if let Some(tolerance) = &tolerance {
                conditions.push(call("<=", vec![&other, &call("+", vec![&at, tolerance])?])?);
            }
            call("-", vec![&other, &at])?
        }
        "nearest" => {
            if !exact {
                conditions.push(call("not", vec![&call("=", vec![&at, &other])?])?);
            }
            if let Some(tolerance) = &tolerance {
                conditions.push(call(">=", vec![&other, &call("-", vec![&at, tolerance])?])?);
                conditions.push(call("<=", vec![&other, &call("+", vec![&at, tolerance])?])?);
            }
            let behind = call(">", vec![&at, &other])?;
            call("if", vec![&behind, &call("-", vec![&at, &other])?, &call("-", vec![&other, &at])?])?
        }
        direction => {
            return Err(SparkError::new("AS_OF_JOIN.UNSUPPORTED_DIRECTION")
                .with("direction", direction)
                .with("supported", "'forward', 'backward', 'nearest'"));
        }
    };
    for name in &message.using_columns {
        let own = |side: &Relation| {
            let all: Vec<&crate::Attribute> = side.output.iter().collect();
            let parts = [name.clone()];
            let found = crate::scope::find_in(&all, &parts, resolver.env().case_sensitive)?;
            found
                .map(|found| found.attribute.typed())
                .ok_or_else(|| crate::scope::unresolved(std::slice::from_ref(name), side.output.iter()))
        };
        conditions.push(call("=", vec![&own(&left)?, &own(&right)?])?);
    }
    if let Some(condition) = message.join_expr.as_ref() {
        let inputs = [&left, &right];
        let typed = resolver.expression(condition, &resolver.scope(&inputs, outer))?;
        conditions.push(super::filter::condition_of(typed)?);
    }
    let mut conditions: Vec<Expr> = conditions.into_iter().map(|typed| typed.expr).collect();
    conditions.push(distance.expr.clone().is_not_null());
    nearest(left, right, kind, conditions, distance.expr.sort(true, true), 1)
}

/// `nearestByJoin`: the rows of the right side that a ranking puts first.
pub fn nearest_by(resolver: &Resolver, message: &pb::NearestByJoin, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(message.left.as_deref(), "NearestByJoin")?, outer)?;
    let right = resolver.relation_in(required(message.right.as_deref(), "NearestByJoin")?, outer)?;
    let kind = match message.join_type.to_lowercase().replace('_', "").as_str() {
        "inner" => JoinType::Inner,
        "left" | "leftouter" => JoinType::Left,
        other => {
            return Err(SparkError::new("NEAREST_BY_JOIN.UNSUPPORTED_JOIN_TYPE")
                .with("joinType", other)
                .with("supported", "'INNER', 'LEFT OUTER'"));
        }
    };
    let ranking = message.ranking_expression.as_ref().ok_or_else(|| missing("ranking_expression", "NearestByJoin"))?;
    let inputs = [&left, &right];
    let ranking = unaliased(resolver.expression(ranking, &resolver.scope(&inputs, outer))?);
    let ascending = match message.direction.to_lowercase().as_str() {
        "distance" => true,
        "similarity" => false,
        other => {
            return Err(SparkError::new("NEAREST_BY_JOIN.UNSUPPORTED_DIRECTION")
                .with("direction", other)
                .with("supported", "'distance', 'similarity'"));
        }
    };
    let count = usize::try_from(message.num_results).unwrap_or(0);
    let conditions = vec![ranking.expr.clone().is_not_null()];
    nearest(left.clone(), right.clone(), kind, conditions, ranking.expr.sort(ascending, false), count)
}

/// The first `count` fitting rows of the right side for each row of the left side.
fn nearest(
    left: Relation,
    right: Relation,
    kind: JoinType,
    conditions: Vec<Expr>,
    order: SortExpr,
    count: usize,
) -> Result<Relation> {
    let mut filtered = LogicalPlanBuilder::from(right.plan.clone());
    for condition in conditions {
        filtered = filtered.filter(dependent::as_outer(condition, &left.plan)?).planned()?;
    }
    let order = SortExpr::new(dependent::as_outer(order.expr, &left.plan)?, order.asc, order.nulls_first);
    let plan = filtered.sort(vec![order]).planned()?.limit(0, Some(count)).planned()?.build().planned()?;
    let domain = Domain::of(&left.plan, dependent::outer_columns(&plan, &left.plan))?;
    let inner = domain.push(&plan)?;
    let plan = dependent::equal(left.plan, inner.plan, kind, &domain.columns, &inner.keys, None)?;
    let outer_kind = kind == JoinType::Left;
    let mut output = left.output;
    output.extend(right.output.into_iter().map(|a| if outer_kind { a.with_nullable(true) } else { a }));
    Ok(Relation { plan, output, hidden: left.hidden, origin: None })
}
