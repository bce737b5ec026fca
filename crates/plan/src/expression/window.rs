//! `f(..) OVER (PARTITION BY .. ORDER BY .. frame)`. Spark's `WindowExpression`.

use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, cast};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::window::window_frame};
use firesteel_protocol::{Result, SparkError};

use super::{missing, sort_direction, unaliased};
use crate::Resolver;
use crate::resolver::Planned;
use crate::scope::Scope;

pub fn resolve(resolver: &Resolver, message: &pb::expression::Window, scope: &Scope) -> Result<Typed> {
    let function = message.window_function.as_deref().ok_or_else(|| missing("window_function", "Window"))?;
    // Its place is that of the whole.
    let unplaced = pb::Expression { common: None, ..function.clone() };
    let mut function = unaliased(resolver.expression(&unplaced, scope)?);
    let partition_by: Vec<Typed> =
        message.partition_spec.iter().map(|e| resolver.expression(e, scope).map(unaliased)).collect::<Result<_>>()?;
    let mut order_by: Vec<SortExpr> =
        message.order_spec.iter().map(|o| resolver.sort_order(o, scope)).collect::<Result<_>>()?;
    let mut order_names = vec![];
    let mut order_types = vec![];
    let mut counts = vec![];
    for order in &message.order_spec {
        let child = order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?;
        let (ascending, nulls_first) = sort_direction(order);
        let direction = if ascending { "ASC" } else { "DESC" };
        let nulls = if nulls_first { "FIRST" } else { "LAST" };
        let key = unaliased(resolver.expression(child, scope)?);
        order_names.push(format!("{} {direction} NULLS {nulls}", key.name));
        counts.push(interval_count(resolver, &key)?);
        order_types.push(key.data_type);
    }
    let (frame, frame_text) = frame(resolver, message.frame_spec.as_deref(), &order_types, scope)?;
    if let (WindowFrameUnits::Range, [key], Some(Some(count))) = (frame.units, &mut order_by[..], counts.pop()) {
        key.expr = count;
    }
    let partition_exprs: Vec<Expr> = partition_by.iter().map(|typed| typed.expr.clone()).collect();
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
    if found == 0 {
        return Err(SparkError::new("UNSUPPORTED_EXPR_FOR_WINDOW").with("sqlExpr", format!("\"{name}\"")));
    }
    if needs_order {
        let word = name.split('(').next().unwrap_or_default().to_lowercase();
        return Err(SparkError::new("WINDOW_FUNCTION_FRAME_NOT_ORDERED").with("wf_expr", &name).with("wf_name", word));
    }
    let mut spec = vec![];
    if !partition_by.is_empty() {
        let names: Vec<&str> = partition_by.iter().map(|typed| typed.name.as_str()).collect();
        spec.push(format!("PARTITION BY {}", names.join(", ")));
    }
    if !order_names.is_empty() {
        spec.push(format!("ORDER BY {}", order_names.join(", ")));
    }
    if (!message.order_spec.is_empty() || message.frame_spec.is_some())
        && ["median(", "percentile_cont(", "percentile_disc("].iter().any(|own| name.starts_with(own))
    {
        return Err(SparkError::new("INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC").with("aggFunc", format!("\"{name}\"")));
    }
    spec.push(own_frame.filter(|_| message.frame_spec.is_none()).unwrap_or(frame_text));
    let shown = format!("{name} OVER ({})", spec.join(" "));
    if is_distinct {
        return Err(SparkError::new("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED").with("windowExpr", format!("\"{shown}\"")));
    }
    Ok(function.named(shown))
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

/// The frame and its text. Without one Spark takes everything up to the current row's peers when there is an
/// order, else the whole partition.
fn frame(
    resolver: &Resolver,
    message: Option<&pb::expression::window::WindowFrame>,
    order_by: &[DataType],
    scope: &Scope,
) -> Result<(WindowFrame, String)> {
    let Some(message) = message else {
        let unbounded = ScalarValue::UInt64(None);
        return Ok(if order_by.is_empty() {
            let frame = WindowFrame::new_bounds(
                WindowFrameUnits::Rows,
                WindowFrameBound::Preceding(unbounded.clone()),
                WindowFrameBound::Following(unbounded),
            );
            (frame, "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".into())
        } else {
            let frame = WindowFrame::new_bounds(
                WindowFrameUnits::Range,
                WindowFrameBound::Preceding(ScalarValue::Null),
                WindowFrameBound::CurrentRow,
            );
            (frame, "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".into())
        });
    };
    use pb::expression::window::window_frame::FrameType;
    let rows = message.frame_type() == FrameType::Row;
    if !rows && order_by.is_empty() && !both_unbounded(message) {
        return Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER").with("sqlExpr", "\"RANGE\""));
    }
    let (lower, lower_text) = bound(resolver, message.lower.as_deref(), true, rows, order_by, scope)?;
    let (upper, upper_text) = bound(resolver, message.upper.as_deref(), false, rows, order_by, scope)?;
    let (units, word) = if rows { (WindowFrameUnits::Rows, "ROWS") } else { (WindowFrameUnits::Range, "RANGE") };
    Ok((WindowFrame::new_bounds(units, lower, upper), format!("{word} BETWEEN {lower_text} AND {upper_text}")))
}

fn both_unbounded(message: &pb::expression::window::WindowFrame) -> bool {
    use window_frame::frame_boundary::Boundary;
    let unbounded = |b: Option<&window_frame::FrameBoundary>| {
        matches!(b.and_then(|b| b.boundary.as_ref()), Some(Boundary::Unbounded(true)))
    };
    unbounded(message.lower.as_deref()) && unbounded(message.upper.as_deref())
}

fn bound(
    resolver: &Resolver,
    message: Option<&window_frame::FrameBoundary>,
    lower: bool,
    rows: bool,
    order_by: &[DataType],
    scope: &Scope,
) -> Result<(WindowFrameBound, String)> {
    use window_frame::frame_boundary::Boundary;
    let boundary = message.and_then(|m| m.boundary.as_ref()).ok_or_else(|| missing("boundary", "WindowFrame"))?;
    let none = if rows { ScalarValue::UInt64(None) } else { ScalarValue::Null };
    Ok(match boundary {
        Boundary::CurrentRow(_) => (WindowFrameBound::CurrentRow, "CURRENT ROW".into()),
        Boundary::Unbounded(_) if lower => (WindowFrameBound::Preceding(none), "UNBOUNDED PRECEDING".into()),
        Boundary::Unbounded(_) => (WindowFrameBound::Following(none), "UNBOUNDED FOLLOWING".into()),
        Boundary::Value(expression) => {
            let typed = unaliased(resolver.expression(expression, scope)?);
            let value = constant(&typed)?;
            if value.is_null() {
                return Err(SparkError::internal("a NULL window frame bound"));
            }
            let negative = is_negative(&value);
            let magnitude = if negative { negate(&value)? } else { value };
            if is_zero(&magnitude) {
                return Ok((WindowFrameBound::CurrentRow, "CURRENT ROW".into()));
            }
            let text = if negative {
                format!("{} PRECEDING", typed.name.trim_start_matches('-'))
            } else {
                format!("{} FOLLOWING", typed.name)
            };
            let magnitude =
                if rows { magnitude.cast_to(&DataType::UInt64).planned()? } else { range_bound(magnitude, order_by)? };
            let bound =
                if negative { WindowFrameBound::Preceding(magnitude) } else { WindowFrameBound::Following(magnitude) };
            (bound, text)
        }
    })
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

/// DataFusion adds the bound to the order column: numbers need the column's very type, times an interval.
fn range_bound(value: ScalarValue, order_by: &[DataType]) -> Result<ScalarValue> {
    let [data_type] = order_by else {
        return Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER")
            .with("sqlExpr", "\"RANGE\"")
            .with("orderSpec", format!("{} columns", order_by.len())));
    };
    Ok(match (value, data_type) {
        (ScalarValue::DurationMicrosecond(us), DataType::Duration(_)) => ScalarValue::Int64(us),
        (ScalarValue::IntervalYearMonth(months), DataType::Interval(IntervalUnit::YearMonth)) => {
            ScalarValue::Int32(months)
        }
        (ScalarValue::DurationMicrosecond(Some(us)), _) => {
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, us.saturating_mul(1000))))
        }
        (ScalarValue::IntervalYearMonth(Some(months)), _) => {
            ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, 0, 0)))
        }
        (value, DataType::Date32) if value.data_type().is_integer() => {
            match value.cast_to(&DataType::Int32).planned()? {
                ScalarValue::Int32(Some(days)) => {
                    ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, days, 0)))
                }
                other => other,
            }
        }
        (value, data_type) if data_type.is_numeric() => value.cast_to(data_type).planned()?,
        (value, data_type) => {
            return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE")
                .with("sqlExpr", "\"RANGE\"")
                .with("location", "lower")
                .with("exprType", format!("\"{}\"", firesteel_protocol::types::name::sql(&value.data_type())))
                .with("expectedType", format!("\"{}\"", firesteel_protocol::types::name::sql(data_type))));
        }
    })
}

fn constant(typed: &Typed) -> Result<ScalarValue> {
    if let Some(value) = typed.as_literal() {
        return Ok(value.clone());
    }
    super::select::evaluate_constant(&typed.expr)?.ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WITHOUT_FOLDABLE")
            .with("sqlExpr", format!("\"{}\"", typed.name))
            .with("location", "lower")
            .with("expression", format!("\"{}\"", typed.name))
    })
}

fn is_negative(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Int8(Some(v)) => *v < 0,
        ScalarValue::Int16(Some(v)) => *v < 0,
        ScalarValue::Int32(Some(v)) => *v < 0,
        ScalarValue::Int64(Some(v)) | ScalarValue::DurationMicrosecond(Some(v)) => *v < 0,
        ScalarValue::Float32(Some(v)) => *v < 0.0,
        ScalarValue::Float64(Some(v)) => *v < 0.0,
        ScalarValue::Decimal128(Some(v), ..) => *v < 0,
        ScalarValue::IntervalYearMonth(Some(v)) => *v < 0,
        ScalarValue::IntervalMonthDayNano(Some(v)) => v.months < 0 || v.days < 0 || v.nanoseconds < 0,
        _ => false,
    }
}

fn negate(value: &ScalarValue) -> Result<ScalarValue> {
    match value {
        ScalarValue::DurationMicrosecond(Some(v)) => Ok(ScalarValue::DurationMicrosecond(Some(-v))),
        ScalarValue::IntervalYearMonth(Some(v)) => Ok(ScalarValue::IntervalYearMonth(Some(-v))),
        other => other.arithmetic_negate().planned(),
    }
}

fn is_zero(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Int32(Some(0)) | ScalarValue::Int64(Some(0)) => true,
        ScalarValue::Float64(Some(v)) => *v == 0.0,
        _ => false,
    }
}
