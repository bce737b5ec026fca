//! `f(..) OVER (PARTITION BY .. ORDER BY .. frame)`. Spark's `WindowExpression`.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameUnits, WindowFunctionDefinition, cast};
use firesteel_functions::Typed;
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::frame::{self, Framed, Order};
use super::{missing, sort_direction, unaliased, walk};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, message: &pb::expression::Window, scope: &Scope) -> Result<Typed> {
    let called = message.window_function.as_deref().ok_or_else(|| missing("window_function", "Window"))?;
    // Its place is that of the whole; the one that SQL gives it is that of the specification.
    let unplaced = pb::Expression { common: None, ..called.clone() };
    let mut function = unaliased(resolver.expression(&unplaced, scope)?);
    let partition_by: Vec<Typed> =
        message.partition_spec.iter().map(|e| resolver.expression(e, scope).map(unaliased)).collect::<Result<_>>()?;
    let mut order_by: Vec<SortExpr> =
        message.order_spec.iter().map(|o| resolver.sort_order(o, scope)).collect::<Result<_>>()?;
    refuse_lateral(resolver, message, &function.name, scope)?;
    let is_map = |typed: &Typed| {
        firesteel_functions::collection::has_map(&typed.data_type)
            || firesteel_protocol::types::is_variant(&typed.data_type)
    };
    if let Some((map, written)) = partition_by.iter().zip(&message.partition_spec).find(|(typed, _)| is_map(typed)) {
        let error = SparkError::new("EXPRESSION_TYPE_IS_NOT_ORDERABLE")
            .with("expr", format!("\"{}\"", map.name))
            .with("exprType", format!("\"{}\"", map.sql_type()));
        return Err(resolver.at_expression(error, written));
    }
    let mut order_names = vec![];
    let mut order_types = vec![];
    let mut order_fields = vec![];
    let mut counts = vec![];
    let mut order_shown = vec![];
    for order in &message.order_spec {
        let child = order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?;
        let (ascending, nulls_first) = sort_direction(order);
        let direction = if ascending { "ASC" } else { "DESC" };
        let nulls = if nulls_first { "FIRST" } else { "LAST" };
        let key = unaliased(resolver.expression(child, scope)?);
        order_names.push(format!("{} {direction} NULLS {nulls}", key.name));
        counts.push(interval_count(resolver, &key)?);
        let with_ids = resolver.name_with(walk::Names::WithIds, child, scope);
        order_shown.push(format!("{with_ids} {direction} NULLS {nulls}"));
        order_fields.push(key.field());
        order_types.push(key.data_type);
    }
    let mut spec = vec![];
    if !partition_by.is_empty() {
        let names: Vec<&str> = partition_by.iter().map(|typed| typed.name.as_str()).collect();
        spec.push(format!("PARTITION BY {}", names.join(", ")));
    }
    if !order_names.is_empty() {
        spec.push(format!("ORDER BY {}", order_names.join(", ")));
    }
    let order = Order { types: &order_types, fields: &order_fields, shown: &order_shown, spec: &spec };
    let frame = frame::resolve(resolver, message.frame_spec.as_deref(), &order, scope);
    let Framed { frame, text: frame_text, debug: frame_debug } =
        frame.map_err(|error| resolver.at_expression(error, called))?;
    if let (WindowFrameUnits::Range, [key], Some(Some(count))) = (frame.units, &mut order_by[..], counts.pop()) {
        key.expr = count;
    }
    let env = resolver.env_here();
    let key = |typed: &Typed| firesteel_functions::collation::key(typed, &env).expr;
    let partition_exprs: Vec<Expr> = partition_by.iter().map(key).collect();
    let mut found = 0;
    let mut needs_order = false;
    let mut own_frame = None;
    let mut is_distinct = false;
    let name = function.name.clone();
    let expr = function.expr.transform_down(|node| {
        let (definition, params) = match node {
            Expr::AggregateFunction(aggregate) => {
                let p = aggregate.params;
                is_distinct |= p.distinct;
                let params = WindowFunctionParams {
                    args: p.args,
                    partition_by: partition_exprs.clone(),
                    order_by: order_by.clone(),
                    window_frame: frame.clone(),
                    filter: p.filter,
                    null_treatment: p.null_treatment,
                    distinct: p.distinct,
                };
                (WindowFunctionDefinition::AggregateUDF(aggregate.func), params)
            }
            Expr::WindowFunction(window) => {
                let own = window.fun.name().to_string();
                needs_order |= order_by.is_empty();
                own_frame = frame_of(&own, &window.params.args);
                // Ranking and offset functions have a frame of their own, which ordinary frames may not change.
                let frame = match own.as_str() {
                    "nth_value" | "first_value" | "last_value" => frame.clone(),
                    "ewm" | "null_index" => WindowFrame::new(Some(true)),
                    _ => WindowFrame::new(Some(false)),
                };
                let params = WindowFunctionParams {
                    partition_by: partition_exprs.clone(),
                    order_by: order_by.clone(),
                    window_frame: frame,
                    ..window.params
                };
                (window.fun, params)
            }
            other => return Ok(Transformed::no(other)),
        };
        found += 1;
        let window = Expr::WindowFunction(Box::new(WindowFunction { fun: definition, params }));
        Ok(Transformed::new(window, true, TreeNodeRecursion::Jump))
    });
    function.expr = expr.map(|transformed| transformed.data).planned()?;
    if found == 0
        && let Some(written) = super::function::called_routine(resolver, called)
    {
        return Err(SparkError::new("UNSUPPORTED_SQL_UDF_USAGE")
            .with("functionName", crate::scope::quote_parts(&super::function::routine_name(&written.name)))
            .with("nodeName", "Window"));
    }
    if found == 0 {
        return Err(SparkError::new("UNSUPPORTED_EXPR_FOR_WINDOW").with("sqlExpr", format!("\"{name}\"")));
    }
    if needs_order {
        let word = name.split('(').next().unwrap_or_default().to_lowercase();
        let shown = resolver.name_with(walk::Names::Qualified, &unplaced, scope);
        return Err(SparkError::new("WINDOW_FUNCTION_FRAME_NOT_ORDERED").with("wf_expr", shown).with("wf_name", word));
    }
    if let Some(debug) = frame_debug {
        refuse_frame(&name, &debug, own_frame.as_deref())?;
    }
    if (!message.order_spec.is_empty() || message.frame_spec.is_some())
        && (["median(", "percentile_cont(", "percentile_disc("].iter().any(|own| name.starts_with(own))
            || ["listagg(", "string_agg("].iter().any(|own| name.starts_with(own)) && name.contains(" WITHIN GROUP "))
    {
        let shown = in_one_list(&name);
        return Err(SparkError::new("INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC").with("aggFunc", format!("\"{shown}\"")));
    }
    spec.push(own_frame.filter(|_| message.frame_spec.is_none()).unwrap_or(frame_text));
    let shown = format!("{name} OVER ({})", spec.join(" "));
    if is_distinct {
        return Err(SparkError::new("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED").with("windowExpr", format!("\"{shown}\"")));
    }
    refuse_variables(resolver, &function.expr, scope)?;
    Ok(function.named(shown))
}

/// Spark computes what a window function takes below the expression around it, where a lambda's variable is not known.
fn refuse_variables(resolver: &Resolver, expr: &Expr, scope: &Scope) -> Result<()> {
    let around = resolver.lambdas.borrow();
    let mut variables: Vec<String> = vec![];
    expr.apply(|node| {
        if let Expr::LambdaVariable(variable) = node
            && around.iter().any(|own| own.unique == variable.name)
            && !variables.contains(&variable.name)
        {
            variables.push(variable.name.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .planned()?;
    if variables.is_empty() {
        return Ok(());
    }
    let quoted = |names: &mut dyn Iterator<Item = &str>| names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>();
    let input = quoted(&mut scope.output().map(Attribute::name));
    let names = quoted(&mut variables.iter().map(|variable| variable.split('#').next().unwrap_or(variable)));
    let shown: Vec<String> = variables.iter().map(|variable| format!("lambda {variable}")).collect();
    Err(SparkError::new("MISSING_ATTRIBUTES.RESOLVED_ATTRIBUTE_MISSING_FROM_INPUT")
        .with("missingAttributes", names.join(", "))
        .with("input", input.join(", "))
        .with("operator", format!("!Project [{}]", shown.join(", ")))
        .placeless())
}

/// Frames that ranking functions and those with an offset do not take: others than their `own`.
fn refuse_frame(shown: &str, written: &str, own: Option<&str>) -> Result<()> {
    const RUNNING: &str = "specifiedwindowframe(RowFrame, unboundedpreceding$(), currentrow$())";
    const PEERS: &str = "specifiedwindowframe(RangeFrame, unboundedpreceding$(), currentrow$())";
    let name = shown.split('(').next().unwrap_or_default().to_ascii_lowercase();
    let name = name.as_str();
    let required = match name {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "ntile" => RUNNING,
        "cume_dist" => PEERS,
        "lag" | "lead" => {
            let offset = own.and_then(|own| own.split(' ').nth(2));
            if offset.is_some_and(|at| written == format!("specifiedwindowframe(RowFrame, {at}, {at})")) {
                return Ok(());
            }
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1035").with("prettyName", name).placeless());
        }
        _ => return Ok(()),
    };
    if required == written {
        return Ok(());
    }
    Err(SparkError::new("_LEGACY_ERROR_TEMP_1036").with("wf", written).with("required", required).placeless())
}

/// The frame that Spark prints for functions that bring their own.
fn frame_of(function: &str, args: &[Expr]) -> Option<String> {
    match function {
        "row_number" | "rank" | "dense_rank" | "percent_rank" | "ntile" | "ewm" | "null_index" => {
            Some("ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".into())
        }
        "lag" | "lead" => {
            let offset = match args.get(1) {
                None => 1,
                Some(Expr::Literal(value, _)) => value.to_string().parse::<i64>().ok()?,
                Some(_) => return None,
            };
            let offset = if function == "lag" { -offset } else { offset };
            Some(format!("ROWS BETWEEN {offset} FOLLOWING AND {offset} FOLLOWING"))
        }
        _ => None,
    }
}

/// The number of an interval's microseconds or months. DataFusion adds bounds of RANGE frames to numbers and times
/// only, so that intervals are ordered by their count there.
fn interval_count(resolver: &Resolver, key: &Typed) -> Result<Option<Expr>> {
    match key.data_type {
        DataType::Duration(_) => Ok(Some(cast(key.expr.clone(), DataType::Int64))),
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = Typed::new(key.expr.clone(), "", key.data_type.clone(), key.nullable);
            firesteel_functions::cast::cast(
                months,
                &DataType::Int32,
                firesteel_functions::cast::EvalMode::Ansi,
                resolver.env(),
            )
            .map(|typed| Some(typed.expr))
        }
        _ => Ok(None),
    }
}

/// `UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_WINDOW` where an alias further left in the list stands in the window.
fn refuse_lateral(resolver: &Resolver, message: &pb::expression::Window, function: &str, scope: &Scope) -> Result<()> {
    let aliases = resolver.lateral.take();
    if aliases.is_empty() {
        return Ok(());
    }
    let orders = message.order_spec.iter().filter_map(|order| order.child.as_deref());
    let all = message.window_function.as_deref().into_iter().chain(&message.partition_spec).chain(orders);
    let unknown = all.map(|own| resolver.expression(own, scope)).find_map(Result::err);
    resolver.lateral.replace(aliases);
    let Some(unknown) = unknown.filter(|error| error.condition().starts_with("UNRESOLVED_COLUMN")) else {
        return Ok(());
    };
    // Only a resolved ranking function is printed in upper case.
    let function = match function.split_once('(') {
        Some((name, rest)) => format!("{}({rest}", name.to_lowercase()),
        None => function.to_string(),
    };
    let shown = |own: &pb::Expression| -> Result<String> {
        let mut typed = resolver.expression(own, scope)?;
        let reference = typed.unaliased_name.take_if(|name| name.starts_with("lateralAliasReference("));
        Ok(reference.unwrap_or_else(|| unaliased(typed).name))
    };
    let mut spec = vec![];
    if !message.partition_spec.is_empty() {
        let keys = message.partition_spec.iter().map(shown).collect::<Result<Vec<_>>>()?;
        spec.push(format!("PARTITION BY {}", keys.join(", ")));
    }
    let mut keys = vec![];
    for order in &message.order_spec {
        let (ascending, nulls_first) = sort_direction(order);
        let child = order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?;
        let direction = if ascending { "ASC" } else { "DESC" };
        let nulls = if nulls_first { "FIRST" } else { "LAST" };
        keys.push(format!("{} {direction} NULLS {nulls}", shown(child)?));
    }
    if !keys.is_empty() {
        spec.push(format!("ORDER BY {}", keys.join(", ")));
    }
    spec.push("unspecifiedframe$()".into());
    Err(SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_WINDOW")
        .with("lca", unknown.param("objectName").unwrap_or_default())
        .with("windowExpr", format!("\"{function} OVER ({})\"", spec.join(" ")))
        .raised_as("UNRESOLVED_COLUMN")
        .placeless())
}

/// `listagg(a, NULL, b ASC NULLS FIRST)` for `listagg(a, NULL) WITHIN GROUP (ORDER BY b ASC NULLS FIRST)`, and
/// `percentile_cont(v, 0.5)` for `percentile_cont(0.5) WITHIN GROUP (ORDER BY v)`: the words of Spark's own expression.
fn in_one_list(name: &str) -> String {
    let parts = name.split_once(") WITHIN GROUP (ORDER BY ").and_then(|(call, order)| {
        let (function, arguments) = call.split_once('(')?;
        Some((function, arguments, order.strip_suffix(')')?))
    });
    match parts {
        Some((function @ ("listagg" | "string_agg"), arguments, order)) => format!("{function}({arguments}, {order})"),
        Some((function, arguments, order)) => format!("{function}({order}, {arguments})"),
        None => name.to_string(),
    }
}
