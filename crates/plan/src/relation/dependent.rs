//! Plans that name columns of the query around them, made independent: each gets the distinct values of those columns as
//! rows of its own and carries them along to its output, where a join brings both queries together.
//!
//! What asks for it are lateral joins and subqueries (`relation::subquery`). The way is that of Neumann and Kemper,
//! "Unnesting Arbitrary Queries".

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, FetchType, Join, Limit, LogicalPlan, LogicalPlanBuilder, SkipType, Union, Window,
    WindowFrame, WindowFunctionDefinition, lit,
};
use firesteel_protocol::{Result, SparkError};

use super::node;
use crate::attribute::next_id;
use crate::expression::function::map_aggregates;
use crate::operator::python::table::PythonTableNode;
use crate::resolver::Planned;

/// A plan that needs no row of another one any more.
#[derive(Debug)]
pub struct Independent {
    pub plan: LogicalPlan,
    /// Names of the columns that hold the values of the outer columns, in their order.
    pub keys: Vec<String>,
}

/// The outer columns of a plan and the rows they come from.
#[derive(Debug)]
pub struct Domain {
    /// Distinct values of the columns.
    plan: LogicalPlan,
    /// Their names in the outer query.
    pub columns: Vec<String>,
}

/// Names of `outer`'s columns that `plan` refers to.
pub fn outer_columns(plan: &LogicalPlan, outer: &LogicalPlan) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for reference in all_references(plan) {
        let known = outer.schema().has_column_with_unqualified_name(&reference);
        if known && !names.contains(&reference) {
            names.push(reference);
        }
    }
    names
}

/// All columns of queries around it that a plan refers to, itself or in its subqueries.
pub fn all_references(plan: &LogicalPlan) -> Vec<String> {
    let mut names = vec![];
    for expr in plan.expressions() {
        // Infallible: the visitor never errs.
        let _ = expr.apply(|part| {
            match part {
                Expr::OuterReferenceColumn(_, column) => names.push(column.name.clone()),
                Expr::ScalarSubquery(inner) => names.extend(free_of(&inner.subquery, plan)),
                Expr::Exists(exists) => names.extend(free_of(&exists.subquery.subquery, plan)),
                Expr::InSubquery(contains) => names.extend(free_of(&contains.subquery.subquery, plan)),
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    names.extend(plan.inputs().into_iter().flat_map(all_references));
    names
}

/// References of a subquery of `plan` that `plan`'s own rows do not answer.
fn free_of(subquery: &LogicalPlan, plan: &LogicalPlan) -> Vec<String> {
    let mut names = all_references(subquery);
    let own = |name: &String| plan.inputs().iter().any(|input| input.schema().has_column_with_unqualified_name(name));
    names.retain(|name| !own(name));
    names
}

impl Domain {
    /// The values of `columns` in `outer`.
    pub fn of(outer: &LogicalPlan, columns: Vec<String>) -> Result<Self> {
        let exprs: Vec<Expr> = columns.iter().map(|name| column(name)).collect();
        let plan = LogicalPlanBuilder::from(outer.clone())
            .project(exprs)
            .planned()?
            .distinct()
            .planned()?
            .build()
            .planned()?;
        Ok(Self { plan, columns })
    }

    /// Makes `plan` independent.
    pub fn push(&self, plan: &LogicalPlan) -> Result<Independent> {
        if !self.is_needed(plan) {
            return self.crossed(plan);
        }
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.push(&projection.input)?;
                self.projected(&projection.expr, input)
            }
            LogicalPlan::Filter(filter) => {
                let input = self.push(&filter.input)?;
                let predicate = self.inner(filter.predicate.clone(), &input.keys)?;
                let plan = node::filter(input.plan, predicate)?;
                Ok(Independent { plan, ..input })
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.push(&sort.input),
            LogicalPlan::Sort(sort) => {
                let whole = datafusion::logical_expr::Sort { fetch: None, ..sort.clone() };
                self.limited(&LogicalPlan::Sort(whole), 0, sort.fetch)
            }
            LogicalPlan::Limit(limit) => {
                let (skip, fetch) = bounds(limit)?;
                self.limited(&limit.input, skip, fetch)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregated(aggregate),
            LogicalPlan::Window(window) => self.windowed(window),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let input = self.push(input)?;
                let plan = LogicalPlanBuilder::from(input.plan).distinct().planned()?.build().planned()?;
                Ok(Independent { plan, ..input })
            }
            LogicalPlan::Join(join) => self.joined(join),
            LogicalPlan::Union(union) => self.united(union),
            LogicalPlan::Unnest(unnest) => {
                let input = self.push(&unnest.input)?;
                let plan = LogicalPlanBuilder::from(input.plan)
                    .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())
                    .planned()?
                    .build()
                    .planned()?;
                Ok(Independent { plan, ..input })
            }
            LogicalPlan::Extension(extension) if extension.node.inputs().len() == 1 => {
                let input = self.push(extension.node.inputs()[0])?;
                let exprs = extension.node.expressions().into_iter().map(|expr| self.inner(expr, &input.keys));
                let exprs = exprs.collect::<Result<Vec<_>>>()?;
                let node = match extension.node.as_any().downcast_ref::<PythonTableNode>() {
                    // The others pass their input's columns on.
                    Some(table) => Arc::new(table.for_each(input.plan, exprs)?),
                    None => extension.node.with_exprs_and_inputs(exprs, vec![input.plan]).planned()?,
                };
                Ok(Independent {
                    plan: LogicalPlan::Extension(datafusion::logical_expr::Extension { node }),
                    keys: input.keys,
                })
            }
            _ => Err(SparkError::unsupported(
                "this clause inside of a subquery that names columns of the query around it",
                "Join with the subquery instead.",
            )),
        }
    }

    fn is_needed(&self, plan: &LogicalPlan) -> bool {
        all_references(plan).iter().any(|name| self.columns.contains(name))
    }

    /// The values under new names.
    fn fresh(&self) -> Result<Independent> {
        let keys: Vec<String> = self.columns.iter().map(|_| format!("_outer#{}", next_id())).collect();
        let exprs = self.columns.iter().zip(&keys).map(|(own, new)| column(own).alias(new.as_str()));
        let plan = node::project(self.plan.clone(), exprs.collect())?;
        Ok(Independent { plan, keys })
    }

    /// All rows of `plan` for each of the values.
    fn crossed(&self, plan: &LogicalPlan) -> Result<Independent> {
        let values = self.fresh()?;
        let plan = LogicalPlanBuilder::from(values.plan).cross_join(plan.clone()).planned()?.build().planned()?;
        Ok(Independent { plan, keys: values.keys })
    }

    /// Outer columns become those that hold their values.
    fn inner(&self, expr: Expr, keys: &[String]) -> Result<Expr> {
        let changed = expr.transform_down(|node| match &node {
            Expr::OuterReferenceColumn(_, own) => match self.columns.iter().position(|name| *name == own.name) {
                Some(at) => Ok(Transformed::new(column(&keys[at]), true, TreeNodeRecursion::Jump)),
                None => Ok(Transformed::no(node)),
            },
            _ => Ok(Transformed::no(node)),
        });
        changed.map(|changed| changed.data).planned()
    }

    fn projected(&self, list: &[Expr], input: Independent) -> Result<Independent> {
        let exprs = list.iter().map(|expr| {
            let name = expr.schema_name().to_string();
            let new = self.inner(expr.clone(), &input.keys)?;
            Ok(if new == *expr { new } else { new.unalias().alias(name) })
        });
        let mut exprs = exprs.collect::<Result<Vec<_>>>()?;
        exprs.extend(input.keys.iter().map(|key| column(key)));
        let plan = node::project(input.plan, exprs)?;
        Ok(Independent { plan, keys: input.keys })
    }

    /// The rows after the first `skip`, at most `fetch`, for each of the values.
    fn limited(&self, plan: &LogicalPlan, skip: usize, fetch: Option<usize>) -> Result<Independent> {
        let (input, order) = match plan {
            // A limit may go below a projection, nearer to the order that it needs.
            LogicalPlan::Projection(projection) => {
                let input = self.limited(&projection.input, skip, fetch)?;
                return self.projected(&projection.expr, input);
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
                let input = self.push(&sort.input)?;
                let order = sort
                    .expr
                    .iter()
                    .map(|key| Ok(SortExpr::new(self.inner(key.expr.clone(), &input.keys)?, key.asc, key.nulls_first)));
                let order = order.collect::<Result<Vec<_>>>()?;
                (input, order)
            }
            _ => (self.push(plan)?, vec![]),
        };
        // Keys of the order become columns first: the planner loses track of computed ones.
        let own: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let names: Vec<String> = order.iter().map(|_| format!("_order#{}", next_id())).collect();
        let new = order.iter().zip(&names).map(|(key, name)| key.expr.clone().alias(name.as_str()));
        let exprs = own.iter().cloned().chain(new);
        let sorted = node::project(input.plan, exprs.collect())?;
        let order = order.iter().zip(&names).map(|(key, name)| SortExpr::new(column(name), key.asc, key.nulls_first));
        let order: Vec<SortExpr> = order.collect();
        let params = WindowFunctionParams {
            args: vec![],
            partition_by: input.keys.iter().map(|key| column(key)).collect(),
            window_frame: WindowFrame::new((!order.is_empty()).then_some(false)),
            order_by: order,
            filter: None,
            null_treatment: None,
            distinct: false,
        };
        let fun = WindowFunctionDefinition::WindowUDF(row_number_udwf());
        let number = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
        let name = number.schema_name().to_string();
        let numbered = LogicalPlanBuilder::window_plan(sorted, vec![number]).planned()?;
        let mut condition = column(&name).gt(lit(skip as u64));
        if let Some(fetch) = fetch {
            condition = condition.and(column(&name).lt_eq(lit((skip + fetch) as u64)));
        }
        let plan = LogicalPlanBuilder::from(numbered)
            .filter(condition)
            .planned()?
            .project(own)
            .planned()?
            .build()
            .planned()?;
        Ok(Independent { plan, keys: input.keys })
    }

    fn aggregated(&self, aggregate: &Aggregate) -> Result<Independent> {
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            return Err(SparkError::unsupported(
                "grouping sets inside of a subquery that names columns of the query around it",
                "Join with the subquery instead.",
            ));
        }
        let input = self.push(&aggregate.input)?;
        let inner = |exprs: &[Expr], keys: &[String]| -> Result<Vec<Expr>> {
            exprs
                .iter()
                .map(|expr| {
                    let name = expr.schema_name().to_string();
                    let new = self.inner(expr.clone(), keys)?;
                    Ok(if new == *expr { new } else { new.unalias().alias(name) })
                })
                .collect()
        };
        let calls = inner(&aggregate.aggr_expr, &input.keys)?;
        if !aggregate.group_expr.is_empty() {
            let mut groups = inner(&aggregate.group_expr, &input.keys)?;
            groups.extend(input.keys.iter().map(|key| column(key)));
            let plan = LogicalPlanBuilder::from(input.plan).aggregate(groups, calls).planned()?.build().planned()?;
            return Ok(Independent { plan, keys: input.keys });
        }
        // Without groups there is a row for each value, also where no row is aggregated.
        let values = self.fresh()?;
        let there = format!("_there#{}", next_id());
        let mut exprs: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(lit(true).alias(there.as_str()));
        let rows = node::project(input.plan, exprs)?;
        let joined = equal(values.plan, rows, JoinType::Left, &values.keys, &input.keys, None)?;
        let is_row = column(&there).is_not_null();
        let calls = calls.into_iter().map(|call| {
            map_aggregates(call, |call| {
                let filter = match call.params.filter.take() {
                    Some(own) => own.and(is_row.clone()),
                    None => is_row.clone(),
                };
                call.params.filter = Some(Box::new(filter));
            })
        });
        // The filter is part of a call's name, which the plan above must not see.
        let names: Vec<String> = aggregate.aggr_expr.iter().map(|call| call.schema_name().to_string()).collect();
        let calls = calls
            .zip(names)
            .map(|(call, name)| call.map(|call| call.unalias().alias(name)))
            .collect::<Result<Vec<_>>>()?;
        let groups: Vec<Expr> = values.keys.iter().map(|key| column(key)).collect();
        let plan = LogicalPlanBuilder::from(joined).aggregate(groups, calls).planned()?.build().planned()?;
        Ok(Independent { plan, keys: values.keys })
    }

    fn windowed(&self, window: &Window) -> Result<Independent> {
        let input = self.push(&window.input)?;
        let mut exprs = vec![];
        for expr in &window.window_expr {
            let name = expr.schema_name().to_string();
            let changed = self.inner(expr.clone(), &input.keys)?.transform_down(|node| match node {
                Expr::WindowFunction(mut window) => {
                    window.params.partition_by.extend(input.keys.iter().map(|key| column(key)));
                    Ok(Transformed::new(Expr::WindowFunction(window), true, TreeNodeRecursion::Jump))
                }
                other => Ok(Transformed::no(other)),
            });
            exprs.push(changed.planned()?.data.unalias().alias(name));
        }
        // A window node has no aliases: the names come back above it.
        let bare: Vec<Expr> = exprs.iter().map(|expr| expr.clone().unalias()).collect();
        let computed = bare.iter().map(|expr| column(&expr.schema_name().to_string()));
        let renamed: Vec<Expr> =
            computed.zip(&exprs).map(|(own, new)| own.alias(new.schema_name().to_string())).collect();
        let kept: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let plan = LogicalPlanBuilder::window_plan(input.plan, bare).planned()?;
        let exprs = kept.into_iter().chain(renamed);
        let plan = LogicalPlanBuilder::from(plan).project(exprs).planned()?.build().planned()?;
        Ok(Independent { plan, keys: input.keys })
    }

    fn joined(&self, join: &Join) -> Result<Independent> {
        let (left_needs, right_needs) = (self.is_needed(&join.left), self.is_needed(&join.right));
        let right_stays = matches!(
            join.join_type,
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
        );
        let left_stays = matches!(
            join.join_type,
            JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
        );
        if join.join_type == JoinType::Full {
            return Err(SparkError::unsupported(
                "FULL OUTER JOIN inside of a subquery that names columns of the query around it",
                "Join with the subquery instead.",
            ));
        }
        let none = || Independent { plan: LogicalPlan::default(), keys: vec![] };
        let (left, right, keys, both) = if !right_needs && right_stays {
            let left = self.push(&join.left)?;
            let keys = left.keys.clone();
            (left, Independent { plan: join.right.as_ref().clone(), ..none() }, keys, false)
        } else if !left_needs && left_stays {
            let right = self.push(&join.right)?;
            let keys = right.keys.clone();
            (Independent { plan: join.left.as_ref().clone(), ..none() }, right, keys, false)
        } else {
            let (left, right) = (self.push(&join.left)?, self.push(&join.right)?);
            let from_right = matches!(
                join.join_type,
                JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
            );
            let keys = if from_right { right.keys.clone() } else { left.keys.clone() };
            (left, right, keys, true)
        };
        let mut conditions: Vec<Expr> = vec![];
        for (a, b) in &join.on {
            let (a, b) = (self.inner(a.clone(), &keys)?, self.inner(b.clone(), &keys)?);
            conditions.push(match join.null_equality {
                NullEquality::NullEqualsNull => same(a, b),
                NullEquality::NullEqualsNothing => a.eq(b),
            });
        }
        if let Some(filter) = &join.filter {
            conditions.push(self.inner(filter.clone(), &keys)?);
        }
        let filter = conditions.into_iter().reduce(Expr::and);
        let (left_keys, right_keys) = if both { (left.keys, right.keys) } else { (vec![], vec![]) };
        let plan = equal(left.plan, right.plan, join.join_type, &left_keys, &right_keys, filter)?;
        Ok(Independent { plan, keys })
    }

    fn united(&self, union: &Union) -> Result<Independent> {
        let keys: Vec<String> = self.columns.iter().map(|_| format!("_outer#{}", next_id())).collect();
        let names: Vec<String> = union.schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut all: Option<LogicalPlanBuilder> = None;
        for input in &union.inputs {
            let own = input.schema().columns();
            let branch = self.push(input)?;
            let mut exprs: Vec<Expr> =
                own.into_iter().zip(&names).map(|(own, name)| Expr::Column(own).alias(name.as_str())).collect();
            exprs.extend(branch.keys.iter().zip(&keys).map(|(own, new)| column(own).alias(new.as_str())));
            let branch = node::project(branch.plan, exprs)?;
            all = Some(match all {
                None => LogicalPlanBuilder::from(branch),
                Some(before) => before.union(branch).planned()?,
            });
        }
        let all = all.ok_or_else(|| SparkError::internal("a union of nothing"))?;
        Ok(Independent { plan: all.build().planned()?, keys })
    }
}

/// Joins on keys of which NULLs are equal, and on a further condition.
pub fn equal(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    left_keys: &[String],
    right_keys: &[String],
    condition: Option<Expr>,
) -> Result<LogicalPlan> {
    let builder = LogicalPlanBuilder::from(left);
    if left_keys.is_empty() {
        return match (condition, join_type) {
            (None, JoinType::Inner) => builder.cross_join(right),
            (condition, join_type) => builder.join_on(right, join_type, [condition.unwrap_or_else(|| lit(true))]),
        }
        .planned()?
        .build()
        .planned();
    }
    let columns =
        |names: &[String]| names.iter().map(|name| Column::new_unqualified(name.as_str())).collect::<Vec<_>>();
    let keys = (columns(left_keys), columns(right_keys));
    // The optimizer makes keys of equalities, of which NULLs would be equal as of the other keys.
    let condition = condition.map(without_nulls);
    builder.join_detailed(right, join_type, keys, condition, NullEquality::NullEqualsNull).planned()?.build().planned()
}

/// The conjunction, which does not hold either where NULLs of its equalities are held equal.
fn without_nulls(condition: Expr) -> Expr {
    use datafusion::logical_expr::{BinaryExpr, Operator};
    let parts = datafusion::logical_expr::utils::split_conjunction(&condition);
    let sides = parts.into_iter().filter_map(|part| match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, .. }) => Some(left.as_ref().clone().is_not_null()),
        _ => None,
    });
    sides.collect::<Vec<_>>().into_iter().fold(condition, Expr::and)
}

/// Columns of `outer` in an expression as a subquery names them.
pub fn as_outer(expr: Expr, outer: &LogicalPlan) -> Result<Expr> {
    let changed = expr.transform_down(|node| match &node {
        Expr::Column(column) => match outer.schema().fields().iter().find(|field| *field.name() == column.name) {
            Some(field) => Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column.clone()))),
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    });
    changed.map(|changed| changed.data).planned()
}

/// Equal, or both NULL.
fn same(a: Expr, b: Expr) -> Expr {
    use datafusion::logical_expr::{BinaryExpr, Operator};
    Expr::BinaryExpr(BinaryExpr::new(Box::new(a), Operator::IsNotDistinctFrom, Box::new(b)))
}

pub fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn bounds(limit: &Limit) -> Result<(usize, Option<usize>)> {
    let computed = || SparkError::internal("a limit that is no number");
    let SkipType::Literal(skip) = limit.get_skip_type().planned()? else { return Err(computed()) };
    let FetchType::Literal(fetch) = limit.get_fetch_type().planned()? else { return Err(computed()) };
    Ok((skip, fetch))
}
