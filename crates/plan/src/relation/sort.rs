//! ORDER BY, SORT BY; sort keys may name what the select list left out.
//! Spark's `ResolveReferencesInSort` and `ResolveAggregateFunctions`.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{LogicalPlan, Sort};
use firesteel_functions::Typed;
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::connect::{self as pb, expression::ExprType, subquery_expression::SubqueryType};
use firesteel_protocol::extension::{ExpressionKind, OrderByAll};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::table::is_streaming;
use std::sync::Arc;

use super::{Origin, Relation, aggregate, required};
use crate::expression::aggregate::contains_aggregate;
use crate::expression::select::Selected;
use crate::expression::walk;
use crate::expression::{sort_direction, unaliased};
use crate::operator::exchange;
use crate::operator::local_sort::LocalSortNode;
use crate::operator::stream_mark::{self, Mark};
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, sort: &pb::Sort, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(sort.input.as_deref(), "Sort")?, outer)?;
    let keys: Vec<pb::Expression> = sort
        .order
        .iter()
        .map(|order| {
            let child = order.child.as_deref().ok_or_else(|| crate::expression::missing("child", "SortOrder"))?;
            walk::refuse_star(child, "Sort")?;
            ordinal(child, &input).map_err(|error| resolver.at_expression(error, child))
        })
        .collect::<Result<_>>()?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    if keys.iter().any(|key| !walk::find(key, &walk::is_generator).is_empty()) {
        let global = sort.is_global.unwrap_or(true);
        let shown = |(order, key): (&pb::expression::SortOrder, &pb::Expression)| {
            let (ascending, nulls_first) = sort_direction(order);
            let direction = if ascending { "ASC" } else { "DESC" };
            let nulls = if nulls_first { "FIRST" } else { "LAST" };
            format!("{} {direction} NULLS {nulls}", walk::shown_with_generators(resolver, key, &scope))
        };
        let orders: Vec<String> = sort.order.iter().zip(&keys).map(shown).collect();
        let plan = format!("Sort [{}], {global}", orders.join(", "));
        return Err(SparkError::new("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT").with("plan", plan).placeless());
    }
    let is_routine = |part: &pb::Expression| crate::expression::function::called_routine(resolver, part).is_some();
    if let Some(call) = keys.iter().flat_map(|key| walk::find(key, &is_routine)).next()
        && let Some(written) = crate::expression::function::called_routine(resolver, &call)
    {
        let parts = crate::expression::function::routine_name(&written.name);
        let error = SparkError::new("UNSUPPORTED_SQL_UDF_USAGE")
            .with("functionName", crate::scope::quote_parts(&parts))
            .with("nodeName", "Sort");
        return Err(resolver.at_expression(error, &call));
    }
    let resolved: Result<Vec<Typed>> = keys.iter().map(|key| resolver.expression(key, &scope)).collect();
    // What the select list left out is nearer than the query around a subquery.
    if resolved.as_ref().is_ok_and(|columns| columns.iter().any(reads_outer))
        && let Ok(Some((extended, columns))) = through_origin(resolver, &input, &keys, outer)
        && !columns.iter().any(reads_outer)
    {
        let output = input.output.clone();
        let global = sort.is_global.unwrap_or(true);
        let sorted = apply(resolver, extended, orders(resolver, sort, columns)?, global)?;
        return Relation { output, ..sorted }.narrow();
    }
    if let Ok(columns) = &resolved {
        refuse_outer(resolver, sort, &keys, columns, &scope)?;
    }
    let global = sort.is_global.unwrap_or(true);
    refuse_windows(resolver, &input, &keys, &scope)?;
    // A subquery sees the output alone.
    let seen = |kind: SubqueryType| kind != SubqueryType::In;
    let blind = |key: &pb::Expression| {
        let parts = walk::find(key, &|part| walk::is_subquery(part, &seen));
        parts.iter().any(|part| resolver.expression(part, &scope).is_err())
    };
    match resolved {
        Ok(columns) if !columns.iter().any(|column| contains_aggregate(&column.expr)) => {
            refuse_subqueries(resolver, &keys, &columns)?;
            apply(resolver, input, orders(resolver, sort, columns)?, global)
        }
        Err(error) if error.condition().starts_with("UNRESOLVED_COLUMN") && keys.iter().any(blind) => Err(error),
        other => match through_origin(resolver, &input, &keys, outer) {
            // What is not in the output of an aggregation is not there at all.
            Err(error) if matches!(error.condition(), "MISSING_AGGREGATION" | "MISSING_GROUP_BY") => {
                Err(other.err().unwrap_or(error))
            }
            Err(error) => Err(error),
            Ok(Some((extended, columns))) => {
                refuse_subqueries(resolver, &keys, &columns)?;
                let output = input.output.clone();
                let sorted = apply(resolver, extended, orders(resolver, sort, columns)?, global)?;
                Relation { output, ..sorted }.narrow()
            }
            // Spark looks for a name that two columns of the list have in vain.
            Ok(None) if matches!(&other, Err(error) if error.condition() == "AMBIGUOUS_REFERENCE") => {
                let name = other.as_ref().err().and_then(|error| error.param("name")).unwrap_or_default().to_string();
                let unknown = scope.unresolved_column(&crate::sql::parse_column_name(&name)?);
                Err(match other.err().and_then(|error| error.context().cloned()) {
                    Some(context) => unknown.with_context(context),
                    None => unknown,
                })
            }
            Ok(None) => Err(match (other, below(&input)) {
                (Ok(_), _) => not_here(resolver, &keys, &walk::is_aggregate, &scope),
                (Err(_), Some(below)) if aggregates(resolver, &keys, &below, outer) => {
                    let inputs = [&below];
                    not_here(resolver, &keys, &walk::is_aggregate, &resolver.scope(&inputs, outer))
                }
                (Err(error), Some(below)) if error.condition().starts_with("UNRESOLVED_COLUMN") => {
                    missing_key(resolver, &keys, &input, &below, outer).unwrap_or(error)
                }
                (Err(error), _) => error,
            }),
        },
    }
}

/// The error of the first key that names a column which is not below the list either; those that others name there are
/// proposed by then.
fn missing_key(
    resolver: &Resolver,
    keys: &[pb::Expression],
    input: &Relation,
    below: &Relation,
    outer: Option<&Scope>,
) -> Option<SparkError> {
    let inputs = [below];
    let scope = resolver.scope(&inputs, outer);
    let mut named: Vec<&Attribute> = vec![];
    let mut failed = None;
    let is_name = |part: &pb::Expression| matches!(part.expr_type, Some(ExprType::UnresolvedAttribute(_)));
    for key in keys {
        if let Err(error) = resolver.expression(key, &scope) {
            failed.get_or_insert(error);
        }
        for typed in walk::find(key, &is_name).iter().filter_map(|name| resolver.expression(name, &scope).ok()) {
            let columns = typed.expr.column_refs();
            let is_named = |own: &&Attribute| columns.iter().any(|column| column.name == own.column.as_ref());
            let is_listed = |own: &&Attribute| input.output.iter().any(|listed| listed.id == own.id);
            named.extend(below.hidden.iter().filter(|own| is_named(own) && !is_listed(own)));
        }
    }
    let failed = failed.filter(|error| error.condition().starts_with("UNRESOLVED_COLUMN"))?;
    let parts = crate::sql::parse_column_name(failed.param("objectName")?).ok()?;
    let error = crate::scope::unresolved(&parts, input.output.iter().chain(named));
    Some(match failed.context() {
        Some(context) => error.with_context(context.clone()),
        None => error,
    })
}

/// `input` with what its list left out in sight.
fn below(input: &Relation) -> Option<Relation> {
    match input.origin.as_deref() {
        Some(Origin::Project { input: below, .. }) => {
            let hidden = below.output.iter().chain(&below.hidden).cloned().collect();
            Some(Relation { hidden, ..input.clone() })
        }
        _ => None,
    }
}

/// Whether keys of an order aggregate columns of `below`.
fn aggregates(resolver: &Resolver, keys: &[pb::Expression], below: &Relation, outer: Option<&Scope>) -> bool {
    let inputs = [below];
    let scope = resolver.scope(&inputs, outer);
    let resolved: Result<Vec<Typed>> = keys.iter().map(|key| resolver.expression(key, &scope)).collect();
    resolved.is_ok_and(|columns| columns.iter().any(|column| contains_aggregate(&column.expr)))
}

/// `UNSUPPORTED_EXPR_FOR_OPERATOR` with the parts of keys that may not stand in an order.
fn not_here(
    resolver: &Resolver,
    keys: &[pb::Expression],
    wanted: &dyn Fn(&pb::Expression) -> bool,
    scope: &Scope,
) -> SparkError {
    let mut shown = vec![];
    for part in keys.iter().flat_map(|key| walk::find(key, wanted)) {
        shown.push(format!("\"{}\"", resolver.name_with(walk::Names::Plain, &part, scope)));
        if let Some(ExprType::Window(window)) = &part.expr_type
            && let Some(call) = window.window_function.as_deref().filter(|call| walk::is_aggregate(call))
        {
            shown.push(format!("\"{}\"", resolver.name_with(walk::Names::Plain, call, scope)));
        }
    }
    SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR").with("invalidExprSqls", shown.join(", "))
}

/// Spark computes window functions in select lists only.
fn refuse_windows(resolver: &Resolver, input: &Relation, keys: &[pb::Expression], scope: &Scope) -> Result<()> {
    if !keys.iter().any(|key| !walk::find(key, &walk::is_window).is_empty()) {
        return Ok(());
    }
    let below = below(input);
    let inputs = [below.as_ref().unwrap_or(input)];
    let scope = resolver.scope(&inputs, scope.outer);
    for key in keys {
        match resolver.expression(key, &scope) {
            Err(error) if !error.condition().starts_with("UNRESOLVED_COLUMN") => return Err(error),
            _ => {}
        }
    }
    Err(not_here(resolver, keys, &walk::is_window, &scope))
}

/// Rows are ordered by scalar subqueries that read nothing of them, but by no others.
fn refuse_subqueries(resolver: &Resolver, keys: &[pb::Expression], columns: &[Typed]) -> Result<()> {
    use datafusion::logical_expr::Expr;
    let all = |kind: SubqueryType| kind != SubqueryType::Scalar;
    let found = |key: &pb::Expression| walk::find(key, &|part| walk::is_subquery(part, &all)).into_iter().next();
    let tree = || format!("Sort [{}], true", columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "));
    if let Some(part) = keys.iter().find_map(found) {
        let error = SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_IN_EXISTS_SUBQUERY");
        return Err(resolver.at_expression(error.with("treeNode", tree()), &part));
    }
    let is_correlated = |node: &Expr| match node {
        Expr::ScalarSubquery(subquery) => !super::dependent::all_references(&subquery.subquery).is_empty(),
        _ => false,
    };
    if columns.iter().any(|column| column.expr.exists(|node| Ok(is_correlated(node))).unwrap_or(false)) {
        return Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY")
            .with("treeNode", tree()));
    }
    Ok(())
}

fn reads_outer(column: &Typed) -> bool {
    let is_outer = |node: &datafusion::logical_expr::Expr| {
        Ok(matches!(node, datafusion::logical_expr::Expr::OuterReferenceColumn(..)))
    };
    column.expr.exists(is_outer).unwrap_or(false)
}

/// A subquery may not sort by what the query around it has.
fn refuse_outer(
    resolver: &Resolver,
    sort: &pb::Sort,
    keys: &[pb::Expression],
    columns: &[Typed],
    scope: &Scope,
) -> Result<()> {
    let mut shown = vec![];
    for ((order, key), column) in sort.order.iter().zip(keys).zip(columns) {
        if reads_outer(column) {
            let (ascending, nulls_first) = sort_direction(order);
            let name = resolver.name_with(walk::Names::Unwrapped, key, scope);
            let (direction, nulls) =
                (if ascending { "ASC" } else { "DESC" }, if nulls_first { "FIRST" } else { "LAST" });
            shown.push(format!("\"{name} {direction} NULLS {nulls}\""));
        }
    }
    if scope.outer.is_none() || shown.is_empty() {
        return Ok(());
    }
    Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_REFERENCE")
        .with("sqlExprs", shown.join(",")))
}

/// `ORDER BY ALL`.
pub fn order_by_all(resolver: &Resolver, message: &OrderByAll, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "OrderByAll")?, outer)?;
    let order =
        pb::expression::SortOrder { child: None, direction: message.direction, null_ordering: message.null_ordering };
    let (ascending, nulls_first) = sort_direction(&order);
    let orders = input
        .output
        .iter()
        .map(|attribute| {
            let key = firesteel_functions::collation::key(&attribute.typed(), &resolver.env_here());
            SortExpr::new(key.expr, ascending, nulls_first)
        })
        .collect();
    apply(resolver, input, orders, true)
}

/// An integer in ORDER BY of SQL is a position in the output.
fn ordinal(expression: &pb::Expression, input: &Relation) -> Result<pb::Expression> {
    let Some(ExprType::Extension(any)) = &expression.expr_type else { return Ok(expression.clone()) };
    let Some(ExpressionKind::Ordinal(ordinal)) = ExpressionKind::from_any(any) else { return Ok(expression.clone()) };
    let size = input.output.len();
    let position = usize::try_from(ordinal.position).ok().filter(|p| (1..=size).contains(p)).ok_or_else(|| {
        SparkError::new("ORDER_BY_POS_OUT_OF_RANGE")
            .with("index", ordinal.position.to_string())
            .with("size", size.to_string())
    })?;
    let column = &input.output[position - 1];
    Ok(by_id(column.id))
}

/// An expression that names an output column by its id, whatever its name is; `Resolver::column` knows it.
pub(crate) fn by_id(id: u64) -> pb::Expression {
    let attribute = pb::expression::UnresolvedAttribute {
        unparsed_identifier: format!("`#{id}`"),
        plan_id: None,
        is_metadata_column: Some(false),
    };
    pb::Expression { common: None, expr_type: Some(ExprType::UnresolvedAttribute(attribute)) }
}

/// `DATATYPE_MISMATCH.INVALID_ORDERING_TYPE` for a VARIANT and a map, and what holds them.
fn require_order(column: &Typed, ascending: bool, nulls_first: bool) -> Result<()> {
    if firesteel_functions::aggregate::orderable(&column.data_type) {
        return Ok(());
    }
    let direction = if ascending { "ASC" } else { "DESC" };
    let nulls = if nulls_first { "FIRST" } else { "LAST" };
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with("functionName", "`sortorder`")
        .with("dataType", format!("\"{}\"", column.sql_type()))
        .with("sqlExpr", format!("\"{} {direction} NULLS {nulls}\"", column.name)))
}

fn orders(resolver: &Resolver, sort: &pb::Sort, columns: Vec<Typed>) -> Result<Vec<SortExpr>> {
    sort.order
        .iter()
        .zip(columns)
        .map(|(order, column)| {
            let (ascending, nulls_first) = sort_direction(order);
            require_order(&column, ascending, nulls_first).map_err(|error| match order.child.as_deref() {
                Some(child) => resolver.at_expression(error, child),
                None => error,
            })?;
            let key = firesteel_functions::collation::key(&unaliased(column), &resolver.env_here());
            Ok(SortExpr::new(key.expr, ascending, nulls_first))
        })
        .collect()
}

fn apply(resolver: &Resolver, input: Relation, orders: Vec<SortExpr>, global: bool) -> Result<Relation> {
    // Constant keys sort nothing.
    let orders: Vec<SortExpr> =
        orders.into_iter().filter(|order| !matches!(order.expr, datafusion::logical_expr::Expr::Literal(..))).collect();
    if orders.is_empty() {
        return Ok(input);
    }
    let typed =
        orders.iter().map(|order| Typed::new(order.expr.clone(), "", arrow::datatypes::DataType::Null, true)).collect();
    let (input, exprs) = super::supplied(resolver, input, typed, super::subquery::Clause::Other)?;
    let orders: Vec<SortExpr> = orders
        .into_iter()
        .zip(exprs)
        .map(|(order, typed)| SortExpr::new(unaliased(typed).expr, order.asc, order.nulls_first))
        .collect();
    if !global {
        let streaming = is_streaming(&input.plan);
        let sorted = crate::operator::local_sort::plan(input, orders)?;
        return Ok(match streaming {
            true => stream_mark::plan(Mark::SortWithin, vec![sorted.plan.clone()], sorted),
            false => sorted,
        });
    }
    let plan = LogicalPlan::Sort(Sort { expr: orders, input: Arc::new(input.plan.clone()), fetch: None });
    Ok(input.with_plan(plan))
}

/// Resolves expressions against the output and what it was selected from. The relation given back has the
/// columns they need beside the old output; None when that does not help.
pub(crate) fn through_origin(
    resolver: &Resolver,
    input: &Relation,
    expressions: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Option<(Relation, Vec<Typed>)>> {
    match input.origin.as_deref() {
        Some(Origin::Project { input: below, selected }) => {
            let visible =
                Relation { hidden: below.output.iter().chain(&below.hidden).cloned().collect(), ..input.clone() };
            let inputs = [&visible];
            let scope = resolver.scope(&inputs, outer);
            let resolved: Result<Vec<Typed>> = expressions.iter().map(|e| resolver.expression(e, &scope)).collect();
            let Ok(columns) = resolved else { return Ok(None) };
            if columns.iter().any(|column| contains_aggregate(&column.expr)) {
                return Ok(None);
            }
            let mut extended = selected.clone();
            for column in &columns {
                for reference in column.expr.column_refs() {
                    let missing =
                        below.output.iter().chain(&below.hidden).find(|a| a.column.as_ref() == reference.name);
                    if let Some(attribute) = missing {
                        if !extended.iter().any(|own| own.attribute.id == attribute.id) {
                            extended.push(Selected { expr: attribute.expr(), attribute: attribute.clone() });
                        }
                    }
                }
            }
            let (plan, extended) = super::project::windows(below.plan.clone(), extended)?;
            let base = Relation { plan, ..below.clone() };
            Ok(Some((base.project(extended)?, columns)))
        }
        Some(Origin::Aggregate(aggregated)) => aggregate::extend(resolver, aggregated, input, expressions, outer),
        None => Ok(None),
    }
}

/// The same columns, with those that the list left out in sight; None where they are not columns of plain rows.
pub(crate) fn widened(input: &Relation) -> Result<Option<Relation>> {
    let Some(Origin::Project { input: below, selected }) = input.origin.as_deref() else { return Ok(None) };
    let mut extended = selected.clone();
    let mut hidden = vec![];
    let of_file = |own: &Attribute| own.name() == "_metadata" || own.name().starts_with("__input_file");
    for attribute in below.output.iter().chain(&below.hidden).filter(|own| !of_file(own)) {
        if !extended.iter().any(|own| own.attribute.id == attribute.id) {
            extended.push(Selected { expr: attribute.expr(), attribute: attribute.clone() });
            hidden.push(attribute.clone());
        }
    }
    let (plan, extended) = super::project::windows(below.plan.clone(), extended)?;
    let base = Relation { plan, ..below.clone() };
    let wide = base.project(extended)?;
    Ok(Some(Relation { output: input.output.clone(), hidden, origin: None, ..wide }))
}

/// The same rows, their sort made to count: DataFusion leaves out a sort below operators that do not ask for it, such as
/// aggregates that take rows as they come.
pub fn kept(input: Relation) -> Result<Relation> {
    Ok(match kept_plan(&input.plan)? {
        Some(plan) => input.with_plan(plan),
        None => input,
    })
}

/// None without a sort.
fn kept_plan(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Sort(sort) => Ok(Some(exchange::sorted(plan.clone(), sort.expr.clone(), true))),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            let Some(input) = kept_plan(plan.inputs()[0])? else { return Ok(None) };
            plan.with_new_exprs(plan.expressions(), vec![input]).map(Some).map_err(from_datafusion)
        }
        LogicalPlan::Extension(extension) => {
            let sort = extension.node.as_any().downcast_ref::<LocalSortNode>();
            Ok(sort.map(|sort| exchange::sorted(plan.clone(), sort.keys.clone(), false)))
        }
        _ => Ok(None),
    }
}
