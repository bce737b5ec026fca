//! `window(..)` and `session_window(..)` in any clause: they become columns of the rows below, several rows where windows
//! slide, none where there is no time. Spark's `TimeWindowing`, `SessionWindowing` and its merging of sessions.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowFunctionDefinition, lit, when,
};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::window::{SESSION_WINDOW, SLIDING_WINDOW, WINDOW, session_time, sliding_windows};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::table::is_streaming;

use super::{Relation, generate, node};
use crate::attribute::next_id;
use crate::expression::aggregate::replace;
use crate::expression::function;
use crate::resolver::Planned;
use crate::{Attribute, Resolver};

/// Makes columns of the windows of time in `columns`.
pub fn supply(resolver: &Resolver, input: Relation, columns: Vec<Typed>) -> Result<(Relation, Vec<Typed>)> {
    match only_window(&columns)? {
        None => Ok((input, columns)),
        Some(window) => {
            let (input, column) = column_of(resolver, input, &window)?;
            let columns = match column {
                Some(column) => replaced(columns, &window, &column)?,
                None => columns,
            };
            Ok((input, columns))
        }
    }
}

/// The same for an aggregation, in which sessions of equal keys that meet are one.
pub fn supply_grouped(
    resolver: &Resolver,
    input: Relation,
    grouping: Vec<Typed>,
    list: Vec<Typed>,
    has_sets: bool,
) -> Result<(Relation, Vec<Typed>, Vec<Typed>)> {
    let count = grouping.len();
    let mut columns = grouping;
    columns.extend(list);
    let Some(window) = only_window(&columns)? else {
        let list = columns.split_off(count);
        return Ok((input, columns, list));
    };
    let grouped = columns[..count].iter().any(|column| mentions(&column.expr, &window));
    let (mut input, mut column) = column_of(resolver, input, &window)?;
    if name_of(&window) == SESSION_WINDOW && grouped {
        if has_sets {
            return Err(SparkError::unsupported(
                "session_window together with ROLLUP, CUBE or GROUPING SETS",
                "Group by the session first and aggregate the result again.",
            ));
        }
        // Sessions of a stream go on from batch to batch: whoever keeps the state merges them.
        if let Some(session) = column.as_ref().filter(|_| !is_streaming(&input.plan)) {
            let keys: Vec<Expr> = columns[..count]
                .iter()
                .filter(|key| !mentions(&key.expr, &window))
                .map(|key| key.expr.clone().unalias_nested().data)
                .collect();
            let (merged, session) = merge(resolver, input, session, keys)?;
            (input, column) = (merged, Some(session));
        }
    }
    if let Some(column) = &column {
        columns = replaced(columns, &window, column)?;
    }
    let list = columns.split_off(count);
    Ok((input, columns, list))
}

fn name_of(expr: &Expr) -> &str {
    match expr {
        Expr::ScalarFunction(call) => call.func.name(),
        _ => "",
    }
}

fn mentions(expr: &Expr, window: &Expr) -> bool {
    expr.exists(|node| Ok(node == window)).unwrap_or(false)
}

/// The window in the expressions; two different ones would be a product of rows.
/// Whether a window of time stands in an expression.
pub fn has_window(expr: &Expr) -> bool {
    expr.exists(|node| Ok(is_window(node))).unwrap_or(false)
}

fn is_window(node: &Expr) -> bool {
    matches!(name_of(node), WINDOW | SLIDING_WINDOW | SESSION_WINDOW)
}

fn only_window(columns: &[Typed]) -> Result<Option<Expr>> {
    let mut found: Vec<Expr> = vec![];
    for column in columns {
        let look = |node: &Expr| {
            if is_window(node) && !found.contains(node) {
                found.push(node.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        };
        column.expr.apply(look).planned()?;
    }
    if found.len() > 1 {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1039"));
    }
    Ok(found.pop())
}

fn replaced(columns: Vec<Typed>, window: &Expr, column: &Attribute) -> Result<Vec<Typed>> {
    columns
        .into_iter()
        .map(|mut typed| {
            if mentions(&typed.expr, window) {
                let expr = replace(typed.expr, |node| Ok((node == window).then(|| column.expr())))?;
                // The alias tells the result from the column that stands for the window.
                typed.expr = if matches!(expr, Expr::Column(_)) { expr.alias(&typed.name) } else { expr };
            }
            Ok(typed)
        })
        .collect()
}

/// The rows with their windows; the column that holds them, where it is no plain expression.
fn column_of(resolver: &Resolver, input: Relation, window: &Expr) -> Result<(Relation, Option<Attribute>)> {
    let Expr::ScalarFunction(call) = window else { return Ok((input, None)) };
    let (output, hidden) = (input.output.clone(), input.hidden.clone());
    let time = call.args.first().cloned().unwrap_or_else(|| lit(ScalarValue::Null));
    match call.func.name() {
        WINDOW => {
            let plan = filtered(input.plan, time.is_not_null())?;
            Ok((Relation { plan, output, hidden, origin: None }, None))
        }
        SLIDING_WINDOW => {
            let generator = sliding_windows(window, resolver.env())?;
            let mut generated = generate::generate(input, generator, &["window".to_string()])?;
            let column = generated.output.pop();
            Ok((Relation { output, hidden, ..generated }, column))
        }
        _ => {
            let times = times(window, &call.args)?;
            let there = times[0].expr.clone().is_not_null().and(times[1].expr.clone().gt(times[0].expr.clone()));
            let plan = filtered(input.plan, there)?;
            let session = structure(resolver, times)?;
            let column = Attribute::new(session.field());
            let plan = extended(plan, vec![session.expr.alias(column.column.as_ref())])?;
            Ok((Relation { plan, output, hidden, origin: None }, Some(column)))
        }
    }
}

/// Start and end of the session that a row opens.
fn times(window: &Expr, args: &[Expr]) -> Result<[Typed; 2]> {
    let ([start, end], Some(time)) = (args, session_time(window)) else {
        return Err(SparkError::internal("a session has a start and an end"));
    };
    Ok([Typed::new(start.clone(), "start", time.clone(), true), Typed::new(end.clone(), "end", time, true)])
}

fn structure(resolver: &Resolver, times: [Typed; 2]) -> Result<Typed> {
    let name = |text: &str| Typed::literal(ScalarValue::Utf8(Some(text.into())), text);
    let [start, end] = times;
    let typed = function::scalar(resolver, "named_struct", vec![name("start"), start, name("end"), end])?;
    Ok(typed.named("session_window"))
}

fn filtered(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan> {
    node::filter(plan, condition)
}

fn extended(plan: LogicalPlan, new: Vec<Expr>) -> Result<LogicalPlan> {
    let own = plan.schema().columns().into_iter().map(Expr::Column);
    let exprs: Vec<Expr> = own.chain(new).collect();
    node::project(plan, exprs)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// Sessions of equal keys that overlap or touch become one, from the first start to the last end.
fn merge(resolver: &Resolver, input: Relation, session: &Attribute, keys: Vec<Expr>) -> Result<(Relation, Attribute)> {
    let id = next_id();
    let (start, end) = (format!("_start#{id}"), format!("_end#{id}"));
    let mut new =
        vec![session.expr().field("start").alias(start.as_str()), session.expr().field("end").alias(end.as_str())];
    let mut partition: Vec<Expr> = vec![];
    for (index, key) in keys.into_iter().enumerate() {
        let name = format!("_key{index}#{id}");
        new.push(key.alias(name.as_str()));
        partition.push(column(&name));
    }
    let mut plan = extended(input.plan, new)?;
    let order = vec![SortExpr::new(column(&start), true, true), SortExpr::new(column(&end), true, true)];
    let unbounded = || WindowFrameBound::Preceding(ScalarValue::UInt64(None));
    let before = WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        unbounded(),
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(1))),
    );
    let up_to = WindowFrame::new_bounds(WindowFrameUnits::Rows, unbounded(), WindowFrameBound::CurrentRow);
    let whole = WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        unbounded(),
        WindowFrameBound::Following(ScalarValue::UInt64(None)),
    );
    let reached;
    (plan, reached) = over(plan, max_udaf(), column(&end), &partition, &order, before)?;
    let opens = reached.clone().is_null().or(column(&start).gt(reached));
    let opened = format!("_opens#{id}");
    let mark = when(opens, lit(1i64)).otherwise(lit(0i64)).planned()?;
    plan = extended(plan, vec![mark.alias(opened.as_str())])?;
    let number;
    (plan, number) = over(plan, sum_udaf(), column(&opened), &partition, &order, up_to)?;
    partition.push(number);
    let (first, last);
    (plan, first) = over(plan, min_udaf(), column(&start), &partition, &[], whole.clone())?;
    (plan, last) = over(plan, max_udaf(), column(&end), &partition, &[], whole)?;
    let time = match session.data_type() {
        arrow::datatypes::DataType::Struct(fields) => fields[0].data_type().clone(),
        other => other.clone(),
    };
    let times = [Typed::new(first, "start", time.clone(), true), Typed::new(last, "end", time, true)];
    let merged = structure(resolver, times)?;
    let attribute = Attribute::new(Arc::clone(&session.field));
    let plan = extended(plan, vec![merged.expr.alias(attribute.column.as_ref())])?;
    Ok((Relation { plan, output: input.output, hidden: input.hidden, origin: None }, attribute))
}

/// The plan with a window function's column, and that column.
fn over(
    plan: LogicalPlan,
    function: Arc<AggregateUDF>,
    arg: Expr,
    partition_by: &[Expr],
    order_by: &[SortExpr],
    window_frame: WindowFrame,
) -> Result<(LogicalPlan, Expr)> {
    let params = WindowFunctionParams {
        args: vec![arg],
        partition_by: partition_by.to_vec(),
        order_by: order_by.to_vec(),
        window_frame,
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    let fun = WindowFunctionDefinition::AggregateUDF(function);
    let window = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
    let name = window.schema_name().to_string();
    let plan = LogicalPlanBuilder::window_plan(plan, vec![window]).planned()?;
    Ok((plan, column(&name)))
}
