//! `df.observe(name, metrics)`: aggregates over the rows of a query, told to the client at its end.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::AggregateFunction;
use firesteel_functions::Typed;
use firesteel_protocol::{Result, SparkError, connect as pb};

use super::Planned;
use crate::expression::aggregate::contains_aggregate;
use crate::relation::required;
use crate::scope::Scope;
use crate::{Relation, Resolver};

/// Remembers the metrics' plan over the same input; the session runs it when the query has ended.
pub fn resolve(resolver: &Resolver, message: &pb::CollectMetrics, outer: Option<&Scope>) -> Planned {
    if message.name.is_empty() {
        let text = "requirement failed: Name must not be empty";
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(text));
    }
    let input = resolver.relation_in(required(message.input.as_deref(), "CollectMetrics")?, outer)?;
    let inputs = [&input];
    let columns = resolver.expressions(&message.metrics, &resolver.scope(&inputs, outer))?;
    columns.iter().try_for_each(check)?;
    let metrics = crate::relation::aggregate::metrics(resolver, input.clone(), columns)?.narrow()?;
    let mut observed = resolver.observed.borrow_mut();
    // One DataFrame that is used twice observes the same twice.
    let same = |own: &Relation| own.fields() == metrics.fields();
    if observed.iter().any(|(name, own)| *name == message.name && !same(own)) {
        return Err(SparkError::new("DUPLICATED_METRICS_NAME").with("metricName", &message.name));
    }
    observed.push((message.name.clone(), metrics));
    Ok(input)
}

/// Refuses what does not become one value over all rows. Spark's `CheckAnalysis.checkCollectedMetrics`.
fn check(metric: &Typed) -> Result<()> {
    let refused = |condition: &str| {
        let shown = match (&metric.expr, &metric.unaliased_name) {
            (Expr::Alias(alias), Some(inner)) => format!("{inner} AS {}", alias.name),
            _ => metric.name.clone(),
        };
        Err(SparkError::new(condition).with("expr", format!("\"{shown}\"")))
    };
    match first_refusal(&metric.expr) {
        // A column is told by its own name.
        Some(Refusal { condition, column: Some(column) }) => {
            let name = column.split('#').next().unwrap_or_default();
            Err(SparkError::new(condition).with("expr", format!("\"{name}\"")))
        }
        Some(Refusal { condition, column: None }) => refused(condition),
        None => Ok(()),
    }
}

/// Why an expression is no metric.
struct Refusal {
    condition: &'static str,
    column: Option<String>,
}

fn first_refusal(expr: &Expr) -> Option<Refusal> {
    let of = |condition| Some(Refusal { condition, column: None });
    match expr {
        Expr::WindowFunction(_) => of("INVALID_OBSERVED_METRICS.WINDOW_EXPRESSIONS_UNSUPPORTED"),
        Expr::AggregateFunction(AggregateFunction { params, .. }) => {
            let inside = |inner: &Expr| contains_aggregate(inner);
            match params {
                _ if params.args.iter().any(inside) => of("INVALID_OBSERVED_METRICS.NESTED_AGGREGATES_UNSUPPORTED"),
                _ if params.distinct => of("INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED"),
                _ if params.filter.is_some() => {
                    of("INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_FILTER_UNSUPPORTED")
                }
                _ => None,
            }
        }
        Expr::Column(column) => Some(Refusal {
            condition: "INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE",
            column: Some(column.name.clone()),
        }),
        Expr::ScalarFunction(_) if expr.is_volatile_node() => {
            of("INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_NON_DETERMINISTIC")
        }
        other => {
            let mut found = None;
            // Infallible: the visitor never errs.
            let _ = other.apply_children(|child| {
                found = first_refusal(child);
                Ok(match found {
                    Some(_) => datafusion::common::tree_node::TreeNodeRecursion::Stop,
                    None => datafusion::common::tree_node::TreeNodeRecursion::Continue,
                })
            });
            found
        }
    }
}
