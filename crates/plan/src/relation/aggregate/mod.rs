//! GROUP BY in all its forms: plain, ROLLUP, CUBE, GROUPING SETS, ALL, with HAVING; global aggregates.
//! What they refuse is in `refusal`, what they group by in `grouping`; PIVOT is in `pivot`.

mod grouping;
mod refusal;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlanBuilder, lit};
use firesteel_functions::{Typed, collation};
use firesteel_protocol::connect::{
    self as pb, aggregate::GroupType, expression::ExprType, subquery_expression::SubqueryType,
};
use firesteel_protocol::extension::SqlAggregate;
use firesteel_protocol::{Result, SparkError};

use self::grouping::{
    apart, build_attribute, by_collation_keys, cube, groupable, grouping_expression, grouping_function, in_aggregate,
    input_column, is_ordinal, is_star, refuse_lateral,
};
pub(crate) use self::refusal::{at_part, refuse_correlated, refuse_outer};
use self::refusal::{refuse_aggregates, refuse_nondeterministic, refuse_plain};
use super::subquery::{self, Clause};
use super::{Origin, Relation, metric_view, node, pivot, project, required, sort, time_window};
use crate::attribute::next_id;
use crate::expression::aggregate::{contains_aggregate, is_grouping, replace};
use crate::expression::outer_aggregate;
use crate::expression::select::Selected;
use crate::expression::unaliased;
use crate::expression::walk;
use crate::operator::partition_columns;
use crate::operator::python::aggregate::PythonAggregate;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// An aggregation before it is planned: kept so that ORDER BY and HAVING can add to it.
#[derive(Debug, Clone)]
pub struct Aggregated {
    pub input: Relation,
    /// Grouping expressions over the input and the attributes they become.
    grouping: Vec<(Typed, Attribute)>,
    /// Grouping expressions that stand as their collation's keys, and what they become.
    collated: Vec<(Expr, Expr)>,
    /// Markers for places of rows in grouping expressions, and the columns of the input that they became.
    placed: Vec<(Expr, Expr)>,
    /// Positions in `grouping` of each grouping set; None for a plain GROUP BY.
    sets: Option<Vec<Vec<usize>>>,
    /// Aggregate calls over the input and the columns they become.
    calls: Vec<(Expr, String)>,
    /// The column of each call.
    names: HashMap<Expr, String>,
    /// Output over grouping attributes and call columns.
    selected: Vec<Selected>,
    /// HAVING over the same.
    having: Option<Expr>,
}

/// The DataFrame API's `groupBy`, `rollup`, `cube`, `groupingSets` and `pivot`.
pub fn resolve(resolver: &Resolver, message: &pb::Aggregate, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Aggregate")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let mut grouping = resolver.expressions(&message.grouping_expressions, &scope)?;
    let count = grouping.len();
    let sets = match message.group_type() {
        GroupType::Rollup => Some((0..=count).rev().map(|n| (0..n).collect()).collect()),
        GroupType::Cube => Some(cube(count)),
        GroupType::GroupingSets => {
            let mut sets = vec![];
            for set in &message.grouping_sets {
                let mut positions = vec![];
                for typed in resolver.expressions(&set.grouping_set, &scope)? {
                    let known =
                        grouping.iter().position(|own| unaliased(own.clone()).expr == unaliased(typed.clone()).expr);
                    positions.push(known.unwrap_or_else(|| {
                        grouping.push(typed);
                        grouping.len() - 1
                    }));
                }
                sets.push(positions);
            }
            Some(sets)
        }
        GroupType::Pivot => {
            let pivot = message.pivot.as_ref().ok_or_else(|| crate::expression::missing("pivot", "Aggregate"))?;
            return pivot::resolve(resolver, &input, grouping, pivot, &message.aggregate_expressions, outer);
        }
        GroupType::Groupby | GroupType::Unspecified => None,
    };
    let mut list: Vec<Typed> =
        message.grouping_expressions.is_empty().then(Vec::new).unwrap_or_else(|| grouping.clone());
    if sets.is_some() {
        list.clone_from(&grouping);
    }
    list.extend(resolver.expressions(&message.aggregate_expressions, &scope)?);
    list.iter().try_for_each(refuse_nondeterministic)?;
    supplied(resolver, input.clone(), grouping, sets, list)?.plan()
}

/// [`build`] over the columns that windows of time and places of rows become.
fn supplied(
    resolver: &Resolver,
    input: Relation,
    grouping: Vec<Typed>,
    sets: Option<Vec<Vec<usize>>>,
    list: Vec<Typed>,
) -> Result<Aggregated> {
    let input = metric_view::taken_apart(input, &grouping, &list)?;
    let (input, mut columns, list) = time_window::supply_grouped(resolver, input, grouping, list, sets.is_some())?;
    let count = columns.len();
    columns.extend(list);
    let (input, mut columns, placed) = partition_columns::supply_grouped(input, columns, count)?;
    // Subqueries inside of grouping expressions and of aggregate calls are computed before, others after the aggregation.
    let before = |expr: &Expr, index: usize| {
        subquery::has_subquery(expr) && (index < count || contains_aggregate(expr) && in_aggregate(expr))
    };
    let early: Vec<bool> = columns.iter().enumerate().map(|(index, typed)| before(&typed.expr, index)).collect();
    let early = if early[..count.min(early.len())].contains(&true) { vec![true; early.len()] } else { early };
    let input = if early.contains(&true) {
        let chosen = columns.iter().zip(&early).filter(|(_, early)| **early).map(|(typed, _)| typed.clone()).collect();
        let (input, changed) = subquery::supply(input, chosen, Clause::Select)?;
        let mut changed = changed.into_iter();
        for (typed, early) in columns.iter_mut().zip(early) {
            if early && let Some(new) = changed.next() {
                *typed = new;
            }
        }
        input
    } else {
        input
    };
    let list = columns.split_off(count);
    build_placed(input, columns, sets, list, placed)
}

/// A call whose result is in the order of its rows.
fn reads_in_order(call: &Expr) -> bool {
    let by_position = |node: &Expr| match node {
        Expr::AggregateFunction(call) => ["collect_list", "first", "last", "listagg"].contains(&call.func.name()),
        _ => false,
    };
    call.exists(|node| Ok(by_position(node))).unwrap_or(false)
}

/// Aggregates of a list without GROUP BY: one row.
pub fn global(resolver: &Resolver, input: Relation, list: Vec<Typed>) -> Result<Relation> {
    list.iter().try_for_each(refuse_nondeterministic)?;
    metrics(resolver, input, list)
}

/// [`global`] for metrics that are observed: there Spark takes what differs from time to time.
pub fn metrics(resolver: &Resolver, input: Relation, list: Vec<Typed>) -> Result<Relation> {
    supplied(resolver, input, vec![], None, list)?.plan()
}

/// SELECT .. GROUP BY .. HAVING of SQL.
pub fn resolve_sql(resolver: &Resolver, message: &SqlAggregate, outer: Option<&Scope>) -> Result<Relation> {
    if let Some(having) = &message.having
        && message.grouping.is_empty()
        && message.grouping_sets.is_empty()
        && !message.group_by_all
        && resolver.ctx.conf_bool("spark.sql.legacy.parser.havingWithoutGroupByAsWhere", false)
    {
        let filter = pb::Filter { input: message.input.clone(), condition: Some(having.clone()) };
        let filtered = super::filter::resolve(resolver, &filter, outer)?;
        return project::select_list(resolver, filtered, &message.select, outer);
    }
    if let Some(keys) = message.pipe_keys {
        refuse_plain(resolver, message, keys as usize, outer)?;
    }
    let with_list = |list: &[pb::Expression]| {
        aggregated(resolver, &SqlAggregate { select: list.to_vec(), ..message.clone() }, outer)
    };
    let any = |_: SubqueryType| true;
    let grouped = message.grouping.iter().any(|key| !walk::find(key, &|part| walk::is_subquery(part, &any)).is_empty());
    let around = resolver.shared_subqueries.replace(grouped.then(HashMap::new));
    let resolved = match super::generate::over_aggregate(resolver, &message.select, with_list) {
        Ok(None) => aggregated(resolver, message, outer),
        Ok(Some(generated)) => Ok(generated),
        Err(error) => Err(error),
    };
    resolver.shared_subqueries.replace(around);
    resolved
}

fn aggregated(resolver: &Resolver, message: &SqlAggregate, outer: Option<&Scope>) -> Result<Relation> {
    let shared = resolver.shared_subqueries.take();
    let input = match message.input.as_deref() {
        Some(input) => resolver.relation_in(input, outer),
        None => Ok(project::one_row()),
    };
    resolver.shared_subqueries.replace(shared);
    let input = input?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    super::generate::refuse_nested(resolver, &message.select, &scope)?;
    // GROUP BY window(..) makes a column of that name.
    let mut windows = vec![];
    for expression in &message.grouping {
        let Some(ExprType::UnresolvedFunction(call)) = &expression.expr_type else { continue };
        if ["window", "session_window"].iter().any(|name| call.function_name.eq_ignore_ascii_case(name)) {
            let mut typed = resolver.expression(expression, &scope)?;
            typed.expr = typed.expr.alias(&typed.name);
            windows.push(typed);
        }
    }
    let select = message.select.iter().map(|item| input_column(item, &input)).collect::<Result<Vec<_>>>()?;
    let list = resolver.with_lateral_aliases(&windows, || project::resolve_list(resolver, &select, &scope))?;
    let aggregates = |typed: &Typed| contains_aggregate(&typed.expr);
    let is_window = |part: &pb::Expression| matches!(part.expr_type, Some(ExprType::Window(_)));
    if message.having.as_ref().is_some_and(|having| !walk::find(having, &is_window).is_empty()) {
        return Err(SparkError::new("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE").with("clauseName", "HAVING"));
    }
    if let Some(having) = &message.having
        && message.grouping.is_empty()
        && !message.group_by_all
        && !list.is_empty()
        && !list.iter().any(aggregates)
        && list.iter().any(|typed| !typed.expr.column_refs().is_empty())
        && !resolver.expression(having, &scope).is_ok_and(|typed| aggregates(&typed))
    {
        return Err(SparkError::new("MISSING_GROUP_BY"));
    }
    message.grouping.iter().try_for_each(|key| walk::refuse_star(key, "Aggregate"))?;
    if message.grouping.iter().any(is_ordinal) && message.select.iter().any(is_star) {
        return Err(SparkError::new("STAR_GROUP_BY_POS").placeless());
    }
    let named_all = |one: &&Typed| {
        message.group_by_all && matches!(one.expr, Expr::Alias(_)) && one.name.eq_ignore_ascii_case("all")
    };
    let all = build_attribute("all");
    let grouping: Vec<Typed> = if let Some(typed) = list.iter().find(named_all) {
        vec![refuse_aggregates(resolver, &all, message, typed.clone(), &scope)?]
    } else if message.group_by_all {
        for index in (0..list.len()).filter(|index| !contains_aggregate(&list[*index].expr)) {
            refuse_lateral(resolver, message, index, &list, &scope)?;
        }
        list.iter().filter(|column| !contains_aggregate(&column.expr)).cloned().collect()
    } else {
        message
            .grouping
            .iter()
            .map(|e| {
                let typed = grouping_expression(resolver, e, message, &list, &scope)?;
                refuse_aggregates(resolver, e, message, typed, &scope)
            })
            .collect::<Result<Vec<_>>>()?
    };
    if let Some(window) = grouping
        .iter()
        .position(|typed| message.group_by_all && crate::expression::aggregate::contains_window(&typed.expr))
    {
        let name = format!("\"{}\"", grouping[window].name);
        return Err(SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR").with("invalidExprSqls", name));
    }
    let by_nothing = message.group_by_all && grouping.is_empty();
    refuse_outer(resolver, &grouping, &message.grouping, &list, &message.select, &scope)?;
    refuse_correlated(resolver, &grouping, &list, &message.select, &scope)?;
    let sets = (!message.grouping_sets.is_empty())
        .then(|| message.grouping_sets.iter().map(|set| set.columns.iter().map(|c| *c as usize).collect()).collect());
    list.iter().try_for_each(refuse_nondeterministic)?;
    let mut aggregated =
        supplied(resolver, input.clone(), grouping, sets, list).map_err(|error| match error.condition() {
            "MISSING_GROUP_BY" if by_nothing => SparkError::new("UNRESOLVED_ALL_IN_GROUP_BY"),
            _ => at_part(resolver, error, &message.select),
        })?;
    if let Some(having) = &message.having {
        let typed = aggregated.having_condition(resolver, having, outer)?;
        if crate::expression::aggregate::contains_window(&typed.expr) {
            return Err(SparkError::new("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE").with("clauseName", "HAVING"));
        }
        let condition = super::filter::condition_of(typed)?;
        if aggregated.sets.is_none() && !walk::find(having, &walk::is_grouping_call).is_empty() {
            return Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION").placeless());
        }
        let shown = condition.name.clone();
        let known = |error: SparkError| match error.condition() {
            "MISSING_AGGREGATION" | "MISSING_GROUP_BY" => {
                aggregated.unknown_in_output(resolver, having, outer).unwrap_or(error)
            }
            _ => error,
        };
        let rewritten = aggregated.clone().rewrite(condition.expr.clone(), &shown).map_err(known);
        rewritten?;
        aggregated.having = Some(aggregated.rewrite(condition.expr, &shown)?);
    }
    aggregated.plan()
}

/// The number of rows under a name.
fn counted(name: &str) -> Expr {
    datafusion::functions_aggregate::expr_fn::count(lit(1)).alias(name)
}

/// Takes the list apart into grouping columns and aggregate calls.
pub(crate) fn build(
    input: Relation,
    grouping: Vec<Typed>,
    sets: Option<Vec<Vec<usize>>>,
    list: Vec<Typed>,
) -> Result<Aggregated> {
    build_placed(input, grouping, sets, list, vec![])
}

/// [`build`] with what became of the markers for places of rows in the grouping expressions.
fn build_placed(
    input: Relation,
    grouping: Vec<Typed>,
    sets: Option<Vec<Vec<usize>>>,
    list: Vec<Typed>,
    placed: Vec<(Expr, Expr)>,
) -> Result<Aggregated> {
    let mut keys: Vec<(Typed, Attribute)> = vec![];
    for (index, typed) in grouping.into_iter().enumerate() {
        if contains_aggregate(&typed.expr) {
            return Err(SparkError::new("GROUP_BY_AGGREGATE").with("sqlExpr", typed.name));
        }
        let selected = crate::expression::select::select(typed.clone(), &input);
        let mut attribute = selected.attribute;
        if sets.iter().flatten().any(|set| !set.contains(&index)) {
            attribute = attribute.with_nullable(true);
        }
        if !groupable(&typed.data_type) {
            return Err(SparkError::new("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
                .with("sqlExpr", format!("\"{}\"", typed.name))
                .with("dataType", format!("\"{}\"", typed.sql_type())));
        }
        keys.push((unaliased(typed), attribute));
    }
    let (collated, calls) = by_collation_keys(&mut keys, sets.is_some());
    let mut aggregated = Aggregated {
        input,
        grouping: keys,
        collated,
        placed,
        sets,
        calls,
        names: HashMap::new(),
        selected: vec![],
        having: None,
    };
    for typed in list {
        let selected = aggregated.select(typed)?;
        aggregated.selected.push(selected);
    }
    Ok(aggregated)
}

impl Aggregated {
    /// No GROUP BY: one row.
    pub fn is_global(&self) -> bool {
        self.grouping.is_empty() && self.sets.is_none()
    }

    /// A column of the output over grouping attributes and calls.
    fn select(&mut self, typed: Typed) -> Result<Selected> {
        let aliased = matches!(typed.expr, Expr::Alias(_));
        let shown = typed.name.clone();
        let mut field = typed.field();
        let own = unaliased(typed);
        if let Some((_, shown)) = self.collated.iter().find(|(key, _)| *key == own.expr) {
            let nullable = field.is_nullable() || self.sets.is_some();
            let field = Arc::new(field.as_ref().clone().with_nullable(nullable));
            return Ok(Selected { expr: shown.clone(), attribute: Attribute::new(field) });
        }
        let of_key = || self.grouping.iter().filter(|(key, _)| key.expr == own.expr);
        let named = of_key().find(|(_, attribute)| attribute.name().eq_ignore_ascii_case(&shown));
        if let Some((_, attribute)) = named.or_else(|| of_key().next()) {
            // A column may be grouped by under an alias alone: `SELECT a, a AS k .. GROUP BY k`.
            if !aliased && attribute.name().eq_ignore_ascii_case(&shown) {
                return Ok(Selected { expr: attribute.expr(), attribute: attribute.clone() });
            }
            field = Arc::new(field.as_ref().clone().with_nullable(attribute.field.is_nullable()));
        }
        let expr = self.rewrite(own.expr, &shown)?;
        Ok(Selected { expr, attribute: Attribute::new(field) })
    }

    /// Replaces grouping expressions and aggregate calls by their columns; what is left over is an error.
    fn rewrite(&mut self, expr: Expr, shown: &str) -> Result<Expr> {
        let grouping: Vec<(Expr, Expr)> = self.grouping.iter().map(|(key, a)| (key.expr.clone(), a.expr())).collect();
        let order = self.grouping_order();
        let with_sets = self.sets.is_some();
        let global = self.is_global();
        let expr = match self.placed.is_empty() {
            true => expr,
            false => {
                replace(expr, |node| Ok(self.placed.iter().find(|(own, _)| own == node).map(|(_, new)| new.clone())))?
            }
        };
        let Self { calls, names, selected, input, collated, .. } = self;
        let rewritten = replace(expr, |node| {
            if let Some((_, shown)) = collated.iter().find(|(key, _)| key == node) {
                return Ok(Some(shown.clone()));
            }
            if let Some((_, column)) = grouping.iter().find(|(key, _)| key == node) {
                return Ok(Some(column.clone()));
            }
            match node {
                Expr::AggregateFunction(call) => {
                    if call.params.args.iter().any(crate::expression::aggregate::contains_window) {
                        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1031").placeless());
                    }
                    if call.params.args.iter().any(contains_aggregate) {
                        return Err(SparkError::new("NESTED_AGGREGATE_FUNCTION"));
                    }
                    if let Some(name) = names.get(node) {
                        return Ok(Some(Expr::Column(Column::new_unqualified(name))));
                    }
                    let name = format!("{}#{}", call.func.name(), next_id());
                    calls.push((node.clone(), name.clone()));
                    names.insert(node.clone(), name.clone());
                    Ok(Some(Expr::Column(Column::new_unqualified(name))))
                }
                Expr::ScalarFunction(call) if is_grouping(call.func.name()) => {
                    if !with_sets {
                        return Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION"));
                    }
                    let key = |arg: &Expr| match collated.iter().position(|(own, _)| own == arg) {
                        Some(nth) => {
                            let is_key =
                                |own: &Expr| collation::is_key(own) || firesteel_functions::collection::is_map_key(own);
                            grouping.iter().filter(|(own, _)| is_key(own)).nth(nth)
                        }
                        None => None,
                    };
                    let args: Vec<Expr> = call
                        .args
                        .iter()
                        .map(|arg| key(arg).map_or_else(|| arg.clone(), |(own, _)| own.clone()))
                        .collect();
                    grouping_function(call.func.name(), &args, &grouping, &order).map(Some)
                }
                Expr::Column(column) => {
                    if let Some(own) = selected.iter().find(|own| own.attribute.column.as_ref() == column.name) {
                        return Ok(Some(own.expr.clone()));
                    }
                    if global {
                        return Err(SparkError::new("MISSING_GROUP_BY"));
                    }
                    let name = input.output.iter().chain(&input.hidden).find(|a| a.column.as_ref() == column.name);
                    let name = name.map_or(shown, Attribute::name);
                    Err(SparkError::new("MISSING_AGGREGATION")
                        .with("expression", format!("\"{name}\""))
                        .with("expressionAnyValue", format!("\"any_value({name})\"")))
                }
                _ => Ok(None),
            }
        })?;
        Ok(rewritten)
    }

    /// Positions of `grouping` in the order in which DataFusion numbers the columns of the sets.
    fn grouping_order(&self) -> Vec<usize> {
        let mut order = vec![];
        for position in self.sets.iter().flatten().flatten() {
            if !order.contains(position) {
                order.push(*position);
            }
        }
        order
    }

    /// The output relation.
    pub fn plan(self) -> Result<Relation> {
        let mut computed: Vec<(Expr, Expr)> = vec![];
        let mut known: HashMap<Expr, Expr> = HashMap::new();
        let mut column = |expr: &Expr, name: Option<&str>| -> Expr {
            if name.is_none() && matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
                return expr.clone();
            }
            if let (None, Some(own)) = (name, known.get(expr)) {
                return own.clone();
            }
            let name = name.map_or_else(|| format!("_a#{}", next_id()), str::to_string);
            let new = Expr::Column(Column::new_unqualified(name));
            computed.push((expr.clone(), new.clone()));
            known.entry(expr.clone()).or_insert_with(|| new.clone());
            new
        };
        let keys: Vec<Expr> = self
            .grouping
            .iter()
            .map(|(key, attribute)| match &key.expr {
                Expr::Column(own) if own.name == attribute.column.as_ref() => key.expr.clone(),
                other => column(other, Some(attribute.column.as_ref())),
            })
            .collect();
        let calls: Vec<Expr> = self
            .calls
            .iter()
            .map(|(call, name)| {
                let Expr::AggregateFunction(call) = call else { unreachable!("only aggregate calls are kept") };
                let mut call = call.clone();
                for arg in &mut call.params.args {
                    *arg = column(arg, None);
                }
                for order in &mut call.params.order_by {
                    order.expr = column(&order.expr, None);
                }
                Expr::AggregateFunction(call).alias(name.as_str())
            })
            .collect();
        let mut plan = match calls.iter().any(reads_in_order) {
            true => sort::kept(self.input.clone())?.plan,
            false => self.input.plan.clone(),
        };
        if !computed.is_empty() {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(computed.into_iter().map(|(expr, new)| expr.alias(project::column_name(&new))));
            plan = node::project(plan, exprs)?;
        }
        // A function in Python is not called without rows, and gives no total either.
        let in_python = calls.iter().any(|call| PythonAggregate::of(call).is_some());
        let has_total = !in_python && self.sets.iter().flatten().any(Vec::is_empty);
        let rows = has_total.then(|| format!("count#{}", next_id()));
        let group_exprs = match &self.sets {
            None => keys,
            Some(sets) => {
                let sets =
                    sets.iter().map(|set| set.iter().map(|position| keys[*position].clone()).collect()).collect();
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets))]
            }
        };
        plan = if group_exprs.is_empty() && calls.is_empty() {
            // Grouping by nothing and computing nothing still gives one row.
            LogicalPlanBuilder::from(plan)
                .aggregate(Vec::<Expr>::new(), vec![counted(&format!("count#{}", next_id()))])
                .planned()?
                .build()
                .planned()?
        } else {
            let mut calls = calls;
            calls.extend(rows.as_deref().map(counted));
            node::aggregate(plan, group_exprs, calls)?
        };
        if let Some(rows) = rows {
            // Of no rows Spark gives no total either: its sets are rows that an Expand makes.
            let some = Expr::Column(Column::new_unqualified(rows)).gt(lit(0i64));
            plan = node::filter(plan, some)?;
        }
        if let Some(having) = &self.having {
            let having = apart(having.clone(), &plan)?;
            let conditions;
            (plan, conditions) = subquery::joined(plan, vec![having], Clause::Where)?;
            let (with_places, conditions) = partition_columns::supply_exprs(plan, conditions)?;
            plan = with_places;
            let condition = conditions.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true));
            plan = node::filter(plan, condition)?;
        }
        let mut selected = self.selected.clone();
        if selected.iter().any(|column| subquery::has_subquery(&column.expr)) {
            let exprs = selected.iter().map(|column| column.expr.clone()).collect();
            let changed;
            (plan, changed) = subquery::joined(plan, exprs, Clause::Select)?;
            for (column, expr) in selected.iter_mut().zip(changed) {
                column.expr = expr;
            }
        }
        if selected.iter().any(|column| partition_columns::has_marker(&column.expr)) {
            let exprs = selected.iter().map(|column| column.expr.clone()).collect();
            let changed;
            (plan, changed) = partition_columns::supply_exprs(plan, exprs)?;
            for (column, expr) in selected.iter_mut().zip(changed) {
                column.expr = expr;
            }
        }
        let (plan, selected) = project::windows(plan, selected)?;
        let base = Relation::new(plan, vec![]);
        let projected = base.project(selected)?;
        Ok(Relation { origin: Some(Arc::new(Origin::Aggregate(Box::new(self)))), ..projected })
    }

    /// What is wrong with a name that only the input has.
    fn unknown_in_output(
        &self,
        resolver: &Resolver,
        expression: &pb::Expression,
        outer: Option<&Scope>,
    ) -> Option<SparkError> {
        let own: Vec<Attribute> = self.selected.iter().map(|s| s.attribute.clone()).collect();
        let output = Relation { output: own, hidden: vec![], ..self.input.clone() };
        let inputs = [&output];
        resolver.expression(expression, &resolver.scope(&inputs, outer)).err()
    }

    /// Resolves an expression of HAVING or ORDER BY: arguments of aggregates name the input, other names the output.
    fn resolve(&self, resolver: &Resolver, expression: &pb::Expression, outer: Option<&Scope>) -> Result<Typed> {
        self.resolved(resolver, expression, outer, false)
    }

    fn resolved(
        &self,
        resolver: &Resolver,
        expression: &pb::Expression,
        outer: Option<&Scope>,
        computes_aggregates: bool,
    ) -> Result<Typed> {
        let own: Vec<Attribute> = self.selected.iter().map(|s| s.attribute.clone()).collect();
        let below: Vec<Attribute> = self.input.output.iter().chain(&self.input.hidden).cloned().collect();
        let input_first = Relation { output: self.input.output.clone(), hidden: own.clone(), ..self.input.clone() };
        let inputs = [&input_first];
        let scope = Scope { computes_aggregates, ..resolver.scope(&inputs, outer) };
        let first = resolver.expression(expression, &scope);
        if let Ok(typed) = &first {
            if contains_aggregate(&typed.expr) {
                return first;
            }
        }
        resolver.outer_aggregates.borrow_mut().clear();
        let output_first = Relation { output: own, hidden: below, ..self.input.clone() };
        let inputs = [&output_first];
        let scope = Scope { computes_aggregates, ..resolver.scope(&inputs, outer) };
        resolver.expression(expression, &scope)
    }

    /// The condition of HAVING; what its subqueries aggregate of this query's columns is computed with the other aggregates.
    fn having_condition(
        &mut self,
        resolver: &Resolver,
        having: &pb::Expression,
        outer: Option<&Scope>,
    ) -> Result<Typed> {
        let around = resolver.outer_aggregates.take();
        let typed = self.resolved(resolver, having, outer, true);
        let wanted = resolver.outer_aggregates.replace(around);
        let mut typed = typed?;
        if wanted.is_empty() {
            return Ok(typed);
        }
        let mut computed = vec![];
        for aggregate in wanted {
            let value = self.rewrite(aggregate.call.expr.clone(), &aggregate.call.name)?;
            computed.push((aggregate, value));
        }
        typed.expr = outer_aggregate::replace(typed.expr, &computed)?;
        Ok(typed)
    }
}

/// Adds expressions of ORDER BY or HAVING to an aggregation. The relation given back has the old output and the new
/// columns, which the expressions name.
pub(crate) fn extend(
    resolver: &Resolver,
    aggregated: &Aggregated,
    _relation: &Relation,
    expressions: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Option<(Relation, Vec<Typed>)>> {
    let mut extended = aggregated.clone();
    let mut columns = vec![];
    for expression in expressions {
        if aggregated.sets.is_none() && !walk::find(expression, &walk::is_grouping_call).is_empty() {
            return Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION").placeless());
        }
        let typed = aggregated.resolve(resolver, expression, outer)?;
        let mut typed = unaliased(typed);
        let shown = typed.name.clone();
        let expr = extended.rewrite(typed.expr.clone(), &shown)?;
        let attribute = Attribute::new(typed.field());
        typed.expr = attribute.expr();
        extended.selected.push(Selected { expr, attribute });
        columns.push(typed);
    }
    Ok(Some((extended.plan()?, columns)))
}
