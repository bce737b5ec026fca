//! Takes the calls of Python functions out of expressions: below each plan node that has some comes a node that
//! evaluates them, and columns stand in their place. Spark's `ExtractPythonUDFs`.
//!
//! Calls of one kind share a node, so that they make one trip to a worker. A function over the result of another of
//! the same kind is sent along with it and sees that result as Python made it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::{Expr, Extension, Join, LogicalPlan, LogicalPlanBuilder, utils};
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Argument, Function};

use super::aggregate::PythonAggregate;
use super::call::{PythonCall, WorkerSettings, numbered};
use super::eval::PythonEvalNode;
use super::function::{PythonFunction, PythonUdf, eval_type};
use super::over;
use crate::attribute::next_id;
use crate::expression::aggregate::replace;
use crate::resolver::Planned;

/// The plan without Python calls in its expressions, subqueries included.
pub fn extract(plan: LogicalPlan, settings: &WorkerSettings) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let node = if node.expressions().iter().any(contains) {
            rewrite(node, settings).map_err(to_datafusion)?
        } else if node.expressions().iter().any(aggregates) {
            node
        } else {
            return Ok(Transformed::no(node));
        };
        // Below a narrowing projection may be what is left to do.
        over::rewrite(node, settings).map(Transformed::yes).map_err(to_datafusion)
    })
    .map(|transformed| transformed.data)
    .planned()
}

/// Whether a plan has anything to do with Python functions, so that others pay nothing.
pub fn needed(plan: &LogicalPlan) -> bool {
    let mut found = false;
    // The visitor never fails.
    let _ = plan.apply_with_subqueries(|node| {
        found |= node.expressions().iter().any(|expr| contains(expr) || aggregates(expr));
        Ok(if found {
            datafusion::common::tree_node::TreeNodeRecursion::Stop
        } else {
            datafusion::common::tree_node::TreeNodeRecursion::Continue
        })
    });
    found
}

/// A call of a Python function of one value a row stands in the expression.
pub fn contains(expr: &Expr) -> bool {
    expr.exists(|node| Ok(PythonUdf::of(node).is_some())).unwrap_or(false)
}

/// A call of a Python function of one value a group is what the expression is.
fn aggregates(expr: &Expr) -> bool {
    PythonAggregate::of(expr).is_some() || PythonAggregate::over(expr).is_some()
}

fn rewrite(plan: LogicalPlan, settings: &WorkerSettings) -> Result<LogicalPlan> {
    if let LogicalPlan::Join(join) = plan {
        return rewrite_join(join, settings);
    }
    let names: Vec<String> = plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut exprs = plan.expressions();
    let input = match plan.inputs()[..] {
        [input] => input.clone(),
        _ => {
            return Err(SparkError::unsupported(
                "a Python function in this kind of query",
                "Compute it with withColumn before.",
            ));
        }
    };
    let input = evaluate(input, &mut exprs, settings)?;
    // Columns that are named after their expression keep that name.
    if let LogicalPlan::Aggregate(aggregate) = &plan {
        let count = aggregate.group_expr.len();
        for (expr, old) in exprs.iter_mut().zip(plan.expressions()).take(count) {
            if *expr != old {
                *expr = expr.clone().alias(old.schema_name().to_string());
            }
        }
    }
    if let LogicalPlan::Projection(_) = &plan {
        for (expr, name) in exprs.iter_mut().zip(&names) {
            if expr.schema_name().to_string() != *name {
                *expr = expr.clone().alias(name.as_str());
            }
        }
    }
    let plan = plan.with_new_exprs(exprs, vec![input]).planned()?;
    narrow(plan, &names)
}

/// The plan with exactly these columns.
pub(super) fn narrow(plan: LogicalPlan, names: &[String]) -> Result<LogicalPlan> {
    let fields = plan.schema().fields();
    if fields.len() == names.len() && fields.iter().zip(names).all(|(field, name)| field.name() == name) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = names.iter().map(|name| Expr::Column(Column::new_unqualified(name))).collect();
    crate::relation::node::project(plan, columns)
}

/// Calls over one side are evaluated below that side; those over both, after an inner join.
fn rewrite_join(join: Join, settings: &WorkerSettings) -> Result<LogicalPlan> {
    let names: Vec<String> = join.schema.fields().iter().map(|field| field.name().clone()).collect();
    let (mut left_keys, mut right_keys): (Vec<Expr>, Vec<Expr>) = join.on.iter().cloned().unzip();
    let left = evaluate(join.left.as_ref().clone(), &mut left_keys, settings)?;
    let right = evaluate(join.right.as_ref().clone(), &mut right_keys, settings)?;
    let mut parts: Vec<Expr> = join.filter.iter().flat_map(utils::split_conjunction).cloned().collect();
    let left = evaluate(left, &mut parts, settings)?;
    let right = evaluate(right, &mut parts, settings)?;
    let (after, within): (Vec<Expr>, Vec<Expr>) = parts.into_iter().partition(contains);
    if !after.is_empty() && join.join_type != JoinType::Inner {
        return Err(
            SparkError::new("UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE").with("joinType", spark_name(join.join_type))
        );
    }
    let on = left_keys.into_iter().zip(right_keys).collect();
    let plan = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        utils::conjunction(within),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )
    .planned()?;
    let plan = match utils::conjunction(after) {
        None => LogicalPlan::Join(plan),
        Some(condition) => {
            let joined = LogicalPlanBuilder::from(LogicalPlan::Join(plan));
            rewrite(joined.filter(condition).planned()?.build().planned()?, settings)?
        }
    };
    narrow(plan, &names)
}

fn spark_name(join_type: JoinType) -> &'static str {
    match join_type {
        JoinType::Inner => "INNER",
        JoinType::Left => "LEFT OUTER",
        JoinType::Right => "RIGHT OUTER",
        JoinType::Full => "FULL OUTER",
        JoinType::LeftSemi | JoinType::RightSemi => "LEFT SEMI",
        _ => "LEFT ANTI",
    }
}

/// Puts nodes over `input` until no expression has a call left whose columns it has.
fn evaluate(mut input: LogicalPlan, exprs: &mut [Expr], settings: &WorkerSettings) -> Result<LogicalPlan> {
    loop {
        let mut ready: Vec<Expr> = vec![];
        for expr in exprs.iter() {
            collect_ready(expr, &mut ready);
        }
        let schema = Arc::clone(input.schema());
        ready.retain(|call| call.column_refs().iter().all(|column| schema.maybe_index_of_column(column).is_some()));
        let Some(first) = ready.first() else { return Ok(input) };
        let kind = kind_of(first);
        // Functions over iterators go alone; the others of one kind together.
        let group: Vec<Expr> = if eval_type::is_iterator(kind) {
            vec![first.clone()]
        } else {
            ready.into_iter().filter(|call| kind_of(call) == kind).collect()
        };
        let (node, columns) = node(input, &group, settings)?;
        input = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        for expr in exprs.iter_mut() {
            let replaced = replace(expr.clone(), |part| {
                Ok(group.iter().position(|call| call == part).map(|at| columns[at].clone()))
            })?;
            *expr = replaced;
        }
    }
}

fn kind_of(call: &Expr) -> i32 {
    PythonUdf::of(call).map_or(0, |(udf, _)| udf.function.eval_type)
}

/// The outermost calls that can be evaluated now: whose arguments have no calls, but for one that is sent along.
fn collect_ready(expr: &Expr, ready: &mut Vec<Expr>) {
    if PythonUdf::of(expr).is_some() && chain(expr).is_some() {
        if !ready.contains(expr) {
            ready.push(expr.clone());
        }
        return;
    }
    // The visitor never fails.
    let _ = expr.apply_children(|child| {
        collect_ready(child, ready);
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
}

/// The functions of nested calls, innermost first; the innermost call and its arguments.
type Chain<'a> = (Vec<Arc<PythonFunction>>, &'a PythonUdf, &'a [Expr]);

/// What one call of the worker can do of `call`; None where an argument must be evaluated before.
fn chain(call: &Expr) -> Option<Chain<'_>> {
    let (udf, args) = PythonUdf::of(call)?;
    let kind = udf.function.eval_type;
    if let [inner] = args {
        if let Some((below, _)) = PythonUdf::of(inner) {
            if below.function.eval_type == kind
                && !eval_type::is_iterator(kind)
                && udf.keywords.iter().all(Option::is_none)
            {
                let (mut functions, innermost, args) = chain(inner)?;
                functions.push(Arc::clone(&udf.function));
                return Some((functions, innermost, args));
            }
        }
    }
    if args.iter().any(contains) {
        return None;
    }
    Some((vec![Arc::clone(&udf.function)], udf, args))
}

fn node(input: LogicalPlan, calls: &[Expr], settings: &WorkerSettings) -> Result<(PythonEvalNode, Vec<Expr>)> {
    let mut args: Vec<Expr> = vec![];
    let mut functions = vec![];
    let mut results: Vec<(String, DataType)> = vec![];
    for call in calls {
        let (chained, innermost, own) = chain(call).ok_or_else(|| SparkError::internal("a call that is not ready"))?;
        let outermost = chained.last().ok_or_else(|| SparkError::internal("a call without function"))?;
        let mut arguments = vec![];
        for (at, arg) in own.iter().enumerate() {
            let offset = args.iter().position(|known| known == arg).unwrap_or_else(|| {
                args.push(arg.clone());
                args.len() - 1
            });
            arguments.push(Argument { offset, name: innermost.keywords.get(at).cloned().flatten() });
        }
        results.push((format!("{}#{}", outermost.name, next_id()), outermost.data_type.clone()));
        let commands = chained.iter().map(|function| function.command.clone()).collect();
        functions.push((Arc::clone(outermost), Function { commands, arguments }));
    }
    let schema = input.schema();
    let types = args
        .iter()
        .map(|arg| datafusion::logical_expr::ExprSchemable::get_type(arg, schema.as_ref()))
        .collect::<datafusion::common::Result<Vec<_>>>()
        .planned()?;
    let call = PythonCall::udf(settings, &functions, Some(&numbered(types)))?;
    let columns = results.iter().map(|(name, _)| Expr::Column(Column::new_unqualified(name))).collect();
    Ok((PythonEvalNode::new(Arc::new(input), call, args, results)?, columns))
}
