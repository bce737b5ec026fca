//! Joins of every kind: with conditions, USING, natural, cross, lateral.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use firesteel_functions::Typed;
use firesteel_functions::predicate::guard;
use firesteel_protocol::connect::{self as pb, join::JoinType as Kind};
use firesteel_protocol::extension::NaturalJoin;
use firesteel_protocol::{Result, SparkError};

use super::dependent::{self, Domain};
use super::{Relation, filter, join_subquery, node, required};
use crate::expression::select::Selected;
use crate::expression::walk;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, join: &pb::Join, outer: Option<&Scope>) -> Result<Relation> {
    let mut left = resolver.relation_in(required(join.left.as_deref(), "Join")?, outer)?;
    let mut right = resolver.relation_in(required(join.right.as_deref(), "Join")?, outer)?;
    if join.join_data_type.is_some() {
        return Err(SparkError::unsupported("joinWith of typed datasets", "Use join."));
    }
    let kind = join.join_type();
    if !join.using_columns.is_empty() {
        if join.join_condition.is_some() {
            return Err(SparkError::internal("a join has both a condition and USING columns"));
        }
        return using(resolver, left, right, kind, &join.using_columns);
    }
    let condition = match &join.join_condition {
        None => None,
        Some(condition) => {
            let inputs = [&left, &right];
            if !walk::find(condition, &walk::is_generator).is_empty() {
                let name = walk::shown_with_generators(resolver, condition, &resolver.scope(&inputs, outer));
                let plan = format!("'Join {}, {name}", shown_type(kind));
                return Err(SparkError::new("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT").with("plan", plan).placeless());
            }
            let typed = resolver.expression(condition, &resolver.scope(&inputs, outer))?;
            refuse_calls(resolver, condition, &typed, &resolver.scope(&inputs, outer))?;
            if crate::expression::python::is_nondeterministic(&typed.expr) {
                return Err(SparkError::new("INVALID_NON_DETERMINISTIC_EXPRESSIONS")
                    .with("sqlExprs", format!("\"{}\"", typed.name))
                    .placeless());
            }
            refuse_subqueries(resolver, condition, &typed, kind, inputs, outer)?;
            Some(join_condition(typed)?)
        }
    };
    if kind == Kind::Unspecified {
        return Err(SparkError::internal("a join of unspecified type"));
    }
    // A subquery names columns of either side: it is asked of their rows together.
    if let (Kind::Inner | Kind::Cross, Some(condition)) = (kind, &condition)
        && super::subquery::has_subquery(condition)
    {
        let both = combine(left, right, Kind::Cross, None)?;
        let condition = Typed::new(condition.clone(), "", arrow::datatypes::DataType::Boolean, true);
        return filter::apply(resolver, both, condition);
    }
    let condition = condition.map(|own| join_subquery::place(own, &mut left.plan, &mut right.plan)).transpose()?;
    let condition = condition.map(|condition| {
        let sides = || match joined_type(kind) {
            JoinType::Inner => [inputs(&left.plan), inputs(&right.plan)].concat(),
            _ => [&left, &right].map(|side| columns(&side.plan)).to_vec(),
        };
        guard::loosen(condition, sides, joined_type(kind) == JoinType::Inner, resolver.env())
    });
    combine(left, right, kind, condition)
}

/// The columns of each plan that inner joins make one of.
pub(super) fn inputs(plan: &LogicalPlan) -> Vec<HashSet<Column>> {
    match plan {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            [inputs(&join.left), inputs(&join.right)].concat()
        }
        other => vec![columns(other)],
    }
}

fn columns(plan: &LogicalPlan) -> HashSet<Column> {
    plan.schema().columns().into_iter().collect()
}

/// `UNSUPPORTED_EXPR_FOR_OPERATOR` for aggregates and window functions.
fn refuse_calls(resolver: &Resolver, condition: &pb::Expression, typed: &Typed, scope: &Scope) -> Result<()> {
    use crate::expression::aggregate::{contains_aggregate, contains_window};
    if !contains_aggregate(&typed.expr) && !contains_window(&typed.expr) {
        return Ok(());
    }
    let found =
        crate::expression::function::name_of_first(resolver, condition, scope, firesteel_functions::Kind::is_aggregate);
    Err(SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR")
        .with("invalidExprSqls", format!("\"{}\"", found.unwrap_or_else(|| typed.name.clone()))))
}

/// A scalar subquery in a condition may not read columns, another one those of one side only: but for EXISTS and IN of inner
/// joins, which are filters.
fn refuse_subqueries(
    resolver: &Resolver,
    condition: &pb::Expression,
    typed: &Typed,
    kind: Kind,
    inputs: [&Relation; 2],
    outer: Option<&Scope>,
) -> Result<()> {
    use datafusion::common::tree_node::TreeNode;
    let reads = |plan: &LogicalPlan| !dependent::all_references(plan).is_empty();
    let scalar = |node: &Expr| matches!(node, Expr::ScalarSubquery(own) if reads(&own.subquery));
    if typed.expr.exists(|node| Ok(scalar(node))).unwrap_or(false) {
        let name = crate::expression::unaliased(typed.clone()).name;
        let error = SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY");
        return Err(error.with("treeNode", format!("Join {}, {name}", shown_type(kind))));
    }
    let [left, right] = inputs;
    if !matches!(kind, Kind::Inner | Kind::Cross) && join_subquery::reads_both(&typed.expr, &left.plan, &right.plan) {
        let wanted = |part: &pb::Expression| walk::is_subquery(part, &|_| true);
        let part = walk::find(condition, &wanted).into_iter().next();
        let scope = resolver.scope(&inputs, outer);
        let name = part.map(|part| resolver.name_with(walk::Names::Qualified, &part, &scope)).unwrap_or_default();
        let error = SparkError::new(
            "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_EXPRESSION_IN_JOIN_CONDITION",
        );
        return Err(error.with("subqueryExpression", name).placeless());
    }
    Ok(())
}

/// A join's type as Spark's plans print it.
fn shown_type(kind: Kind) -> &'static str {
    match kind {
        Kind::FullOuter => "FullOuter",
        Kind::LeftOuter => "LeftOuter",
        Kind::RightOuter => "RightOuter",
        Kind::LeftAnti => "LeftAnti",
        Kind::LeftSemi => "LeftSemi",
        Kind::Cross => "Cross",
        Kind::Inner | Kind::Unspecified => "Inner",
    }
}

fn join_condition(typed: Typed) -> Result<Expr> {
    use arrow::datatypes::DataType;
    let typed = crate::expression::unaliased(typed);
    if typed.data_type != DataType::Boolean && typed.data_type != DataType::Null {
        return Err(SparkError::new("JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE")
            .with("joinCondition", format!("\"{}\"", typed.name))
            .with("conditionType", format!("\"{}\"", typed.sql_type())));
    }
    if typed.data_type == DataType::Null {
        return Ok(lit(datafusion::scalar::ScalarValue::Boolean(None)));
    }
    filter::condition_of(typed).map(|typed| typed.expr)
}

fn joined_type(kind: Kind) -> JoinType {
    match kind {
        Kind::FullOuter => JoinType::Full,
        Kind::LeftOuter => JoinType::Left,
        Kind::RightOuter => JoinType::Right,
        Kind::LeftAnti => JoinType::LeftAnti,
        Kind::LeftSemi => JoinType::LeftSemi,
        Kind::Inner | Kind::Cross | Kind::Unspecified => JoinType::Inner,
    }
}

/// Joins on a condition; the output is that of both sides, or of the left one.
fn combine(left: Relation, right: Relation, kind: Kind, condition: Option<Expr>) -> Result<Relation> {
    let builder = LogicalPlanBuilder::from(left.plan.clone());
    let join_type = joined_type(kind);
    let plan = match (condition, join_type) {
        (None, JoinType::Inner) => builder.cross_join(right.plan.clone()),
        (None, _) => builder.join_on(right.plan.clone(), join_type, [lit(true)]),
        (Some(condition), _) => builder.join_on(right.plan.clone(), join_type, [condition]),
    }
    .planned()?
    .build()
    .planned()?;
    let (left_null, right_null) =
        (matches!(kind, Kind::RightOuter | Kind::FullOuter), matches!(kind, Kind::LeftOuter | Kind::FullOuter));
    let nullable = |attributes: Vec<Attribute>, outer: bool| -> Vec<Attribute> {
        attributes.into_iter().map(|a| if outer { a.with_nullable(true) } else { a }).collect()
    };
    let semi = matches!(kind, Kind::LeftSemi | Kind::LeftAnti);
    let mut output = nullable(left.output, left_null);
    let mut hidden = nullable(left.hidden, left_null);
    if !semi {
        output.extend(nullable(right.output, right_null));
        hidden.extend(nullable(right.hidden, right_null));
    }
    Ok(Relation { plan, output, hidden, origin: None })
}

fn key(resolver: &Resolver, side: &Relation, name: &str, word: &str) -> Result<Attribute> {
    // Spark takes the first one, however many there are.
    let sensitive = resolver.env().case_sensitive;
    let is_it = |own: &&Attribute| if sensitive { own.name() == name } else { own.name().eq_ignore_ascii_case(name) };
    side.output.iter().find(is_it).cloned().ok_or_else(|| {
        let mut columns: Vec<String> =
            side.output.iter().map(|a| firesteel_protocol::types::name::quote(a.name())).collect();
        columns.sort();
        SparkError::new("UNRESOLVED_USING_COLUMN_FOR_JOIN")
            .with("colName", firesteel_protocol::types::name::quote(name))
            .with("side", word)
            .with("suggestion", columns.join(", "))
    })
}

/// Equal on columns of both sides, which appear once and first.
fn using(resolver: &Resolver, left: Relation, right: Relation, kind: Kind, names: &[String]) -> Result<Relation> {
    let mut keys: Vec<(Attribute, Attribute)> = vec![];
    for name in names {
        keys.push((key(resolver, &left, name, "left")?, key(resolver, &right, name, "right")?));
    }
    let mut condition: Option<Expr> = None;
    for (l, r) in &keys {
        let equal = crate::expression::function::scalar(resolver, "=", vec![l.typed(), r.typed()])?.expr;
        condition = Some(match condition {
            Some(all) => all.and(equal),
            None => equal,
        });
    }
    let joined = combine(left, right, kind, condition)?;
    let current = |id: u64| joined.output.iter().find(|a| a.id == id).cloned();
    let mut selected: Vec<Selected> = vec![];
    let mut merged: Vec<u64> = vec![];
    let mut hidden = joined.hidden.clone();
    for (l, r) in &keys {
        merged.extend([l.id, r.id]);
        let kept = match kind {
            Kind::RightOuter => {
                hidden.extend(current(l.id));
                current(r.id)
            }
            Kind::FullOuter => {
                hidden.extend(current(l.id).into_iter().chain(current(r.id)));
                let both = crate::expression::function::scalar(resolver, "coalesce", vec![l.typed(), r.typed()])?;
                let field = l.field.as_ref().clone().with_data_type(both.data_type).with_nullable(true);
                selected.push(Selected { expr: both.expr, attribute: Attribute::new(Arc::new(field)) });
                None
            }
            _ => {
                hidden.extend(current(r.id));
                current(l.id)
            }
        };
        selected.extend(kept.map(|attribute| Selected { expr: attribute.expr(), attribute }));
    }
    let rest = joined.output.iter().filter(|a| !merged.contains(&a.id));
    selected.extend(rest.map(|attribute| Selected { expr: attribute.expr(), attribute: attribute.clone() }));
    let output: Vec<Attribute> = selected.iter().map(|column| column.attribute.clone()).collect();
    if kind != Kind::FullOuter {
        return Ok(Relation { output, hidden, ..joined });
    }
    let mut exprs: Vec<Expr> = selected.iter().map(Selected::projected).collect();
    exprs.extend(hidden.iter().map(Attribute::expr));
    let plan = node::project(joined.plan, exprs)?;
    Ok(Relation { plan, output, hidden, origin: None })
}

/// `NATURAL JOIN`.
pub fn natural(resolver: &Resolver, message: &NaturalJoin, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(message.left.as_deref(), "NaturalJoin")?, outer)?;
    let right = resolver.relation_in(required(message.right.as_deref(), "NaturalJoin")?, outer)?;
    let same = |a: &str, b: &str| if resolver.env().case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let names: Vec<String> = left
        .output
        .iter()
        .filter(|l| right.output.iter().any(|r| same(l.name(), r.name())))
        .map(|l| l.name().to_string())
        .collect();
    let kind = message.join_type();
    if names.is_empty() {
        return combine(left, right, kind, None);
    }
    using(resolver, left, right, kind, &names)
}

/// A join whose right side may name columns of the left one.
pub fn lateral(resolver: &Resolver, join: &pb::LateralJoin, outer: Option<&Scope>) -> Result<Relation> {
    let left = resolver.relation_in(required(join.left.as_deref(), "LateralJoin")?, outer)?;
    let kind = join.join_type();
    if !matches!(kind, Kind::Inner | Kind::LeftOuter | Kind::Cross) {
        return Err(SparkError::new("UNSUPPORTED_JOIN_TYPE")
            .with("typ", format!("{kind:?}"))
            .with("supported", "'INNER', 'LEFT OUTER', 'CROSS'"));
    }
    // A table function over the left side's columns is a generator, unless a condition decides which rows have no match.
    let decides = kind == Kind::LeftOuter && join.join_condition.is_some();
    let right = required(join.right.as_deref(), "LateralJoin")?;
    if let Some(relation) = super::table_function::lateral(resolver, &left, right, kind, decides, outer)? {
        return match &join.join_condition {
            None => Ok(relation),
            Some(condition) => {
                let inputs = [&relation];
                let typed = resolver.expression(condition, &resolver.scope(&inputs, outer))?;
                filter::apply(resolver, relation.clone(), filter::condition_of(typed)?)
            }
        };
    }
    if join.join_condition.is_none()
        && let Some(relation) = lateral_select(resolver, &left, required(join.right.as_deref(), "LateralJoin")?)?
    {
        return Ok(relation);
    }
    let inputs = [&left];
    let scope = resolver.scope(&inputs, None);
    let right = resolver.subquery(required(join.right.as_deref(), "LateralJoin")?, &scope)?.narrow()?;
    let condition = match &join.join_condition {
        None => None,
        Some(condition) => {
            let inputs = [&left, &right];
            Some(join_condition(resolver.expression(condition, &resolver.scope(&inputs, outer))?)?)
        }
    };
    let outer_kind = kind == Kind::LeftOuter;
    // As in Spark, where a row without elements is lost also by LEFT JOIN without a condition.
    let kind = if kind == Kind::LeftOuter && !decides && is_generator(&right.plan) { Kind::Inner } else { kind };
    let outer_columns = dependent::outer_columns(&right.plan, &left.plan);
    if outer_columns.is_empty() {
        return combine(left, right, kind, condition);
    }
    let domain = Domain::of(&left.plan, outer_columns)?;
    let inner = domain.push(&right.plan)?;
    let plan = dependent::equal(left.plan, inner.plan, joined_type(kind), &domain.columns, &inner.keys, condition)?;
    let mut output = left.output;
    output.extend(right.output.into_iter().map(|a| if outer_kind { a.with_nullable(true) } else { a }));
    Ok(Relation { plan, output, hidden: left.hidden, origin: None })
}

/// Whether a plan is a generator without rows of its own below.
fn is_generator(plan: &LogicalPlan) -> bool {
    let mut plan = plan;
    let mut unnested = false;
    loop {
        plan = match plan {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Unnest(unnest) => {
                unnested = true;
                &unnest.input
            }
            LogicalPlan::EmptyRelation(_) => return unnested,
            _ => return false,
        };
    }
}

/// `LATERAL (SELECT expressions)` without FROM adds columns to each row of the left side. None for anything else.
fn lateral_select(resolver: &Resolver, left: &Relation, right: &pb::Relation) -> Result<Option<Relation>> {
    use pb::relation::RelType;
    let (project, qualifier) = match right.rel_type.as_ref() {
        Some(RelType::Project(project)) => (project, vec![]),
        Some(RelType::SubqueryAlias(alias)) => match alias.input.as_deref().and_then(|input| input.rel_type.as_ref()) {
            Some(RelType::Project(project)) => (project, vec![alias.alias.clone()]),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    if project.input.is_some() {
        return Ok(None);
    }
    let inputs = [left];
    let new = match super::project::resolve_list(resolver, &project.expressions, &resolver.scope(&inputs, None)) {
        // Resolved as any other subquery it fails in Spark's words.
        Err(error) if error.condition().starts_with("UNRESOLVED_COLUMN") => return Ok(None),
        new => new?,
    };
    if let Some(varying) = new.iter().find(|typed| crate::expression::python::is_nondeterministic(&typed.expr)) {
        if new.iter().any(|typed| !typed.expr.column_refs().is_empty()) {
            let error =
                SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.NON_DETERMINISTIC_LATERAL_SUBQUERIES");
            return Err(error.with("treeNode", format!("LateralJoin lateral-subquery [{}], Inner", varying.name)));
        }
        return Ok(None);
    }
    if new.iter().any(|typed| crate::expression::aggregate::contains_aggregate(&typed.expr)) {
        return Ok(None);
    }
    let known = left.output.len();
    // A plain column of the left side becomes a column of its own here.
    let fresh = new.into_iter().map(|typed| {
        let name = typed.name.clone();
        Typed { expr: crate::expression::unaliased(typed.clone()).expr.alias(name), ..typed }
    });
    let list = left.output.iter().map(Attribute::typed).chain(fresh).collect();
    let mut relation = super::project::project(resolver, left.clone(), list)?;
    for attribute in &mut relation.output[known..] {
        attribute.qualifier.clone_from(&qualifier);
    }
    relation.origin = None;
    Ok(Some(relation))
}
