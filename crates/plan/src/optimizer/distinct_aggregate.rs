//! `DISTINCT` in aggregate functions by grouping: rows are grouped by the keys and the distinct argument first, then by
//! the keys alone. So what is distinct is in hash tables that go to disk when memory ends, not in a set a group; Spark plans
//! it likewise. Other functions beside it are split into the same two steps.
//!
//! Calls with several different distinct arguments stay as they are.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use firesteel_functions::aggregate::two_step;

/// The rule.
#[derive(Debug, Default)]
pub struct DistinctAggregate;

impl OptimizerRule for DistinctAggregate {
    fn name(&self) -> &str {
        "distinct_aggregate"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        match split(aggregate)? {
            Some(split) => Ok(Transformed::yes(split)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// A call without its name.
fn call(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::AggregateFunction(call) => Some(call),
        Expr::Alias(alias) => call(&alias.expr),
        _ => None,
    }
}

/// Whether a call can be made in two steps, whatever is grouped between them.
fn is_divisible(call: &AggregateFunction) -> bool {
    call.params.order_by.is_empty()
        && call.params.args.iter().chain(call.params.filter.as_deref()).all(|arg| !arg.contains_outer())
}

/// The aggregate in two; None where it has no distinct argument, or several.
fn split(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let calls: Option<Vec<&AggregateFunction>> = aggregate.aggr_expr.iter().map(call).collect();
    let Some(calls) = calls else { return Ok(None) };
    let Some(distinct) = calls.iter().find(|call| call.params.distinct) else { return Ok(None) };
    let (args, filter) = (&distinct.params.args, &distinct.params.filter);
    let same = |call: &&AggregateFunction| call.params.args == *args && call.params.filter == *filter;
    let plain = !aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)) || key.contains_outer());
    let divisible = calls.iter().all(|call| is_divisible(call) && (!call.params.distinct || same(call)));
    if !plain || !divisible || args.is_empty() {
        return Ok(None);
    }
    // Everything in the first step has a name that only the second one sees.
    let mut keys = vec![];
    let mut named = |prefix: &str, exprs: &mut dyn Iterator<Item = &Expr>| -> Vec<Expr> {
        exprs
            .enumerate()
            .map(|(number, expr)| {
                let name = format!("_{prefix}{number}");
                keys.push(expr.clone().alias(&name));
                Expr::Column(Column::new_unqualified(name))
            })
            .collect()
    };
    let outer_keys = named("key", &mut aggregate.group_expr.iter());
    let outer_args = named("distinct", &mut args.iter());
    let outer_filter = named("filter", &mut filter.as_deref().into_iter()).pop().map(Box::new);
    let schema = aggregate.input.schema();
    let (mut partial, mut whole) = (vec![], vec![]);
    for (number, own) in calls.iter().enumerate() {
        let params = AggregateFunctionParams { distinct: false, ..own.params.clone() };
        let (func, params) = if own.params.distinct {
            let (args, filter) = (outer_args.clone(), outer_filter.clone());
            (Arc::clone(&own.func), AggregateFunctionParams { args, filter, ..params })
        } else {
            let fields = params.args.iter().map(|arg| Ok(arg.to_field(schema)?.1)).collect::<Result<Vec<_>>>()?;
            let name = format!("_state{number}");
            let func = Arc::new(two_step::first(&own.func, fields.clone())?);
            partial.push(Expr::AggregateFunction(AggregateFunction { func, params: params.clone() }).alias(&name));
            let args = vec![Expr::Column(Column::new_unqualified(name))];
            let func = Arc::new(two_step::second(&own.func, fields)?);
            (func, AggregateFunctionParams { args, filter: None, ..params })
        };
        let name = format!("_result{number}");
        whole.push(Expr::AggregateFunction(AggregateFunction { func, params }).alias(name));
    }
    let first = Aggregate::try_new(Arc::clone(&aggregate.input), keys, partial)?;
    let second = Aggregate::try_new(Arc::new(LogicalPlan::Aggregate(first)), outer_keys, whole)?;
    let columns: Vec<Expr> = second.schema.columns().into_iter().map(Expr::Column).collect();
    let restored = columns.into_iter().zip(aggregate.schema.iter());
    let restored =
        restored.map(|(column, (qualifier, field))| column.alias_qualified(qualifier.cloned(), field.name()));
    let restored = restored.collect();
    let second = Arc::new(LogicalPlan::Aggregate(second));
    Projection::try_new_with_schema(restored, second, Arc::clone(&aggregate.schema))
        .map(|projection| Some(LogicalPlan::Projection(projection)))
}
