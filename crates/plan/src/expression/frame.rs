//! Frames of window functions: their ends, what is wrong with them, and how DataFusion takes them.
//! Spark's `WindowSpecDefinition` and `SpecifiedWindowFrame`.

use arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNano, IntervalUnit};
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::cast::{EvalMode, can_cast, cast_to};
use firesteel_protocol::connect::expression::window::{WindowFrame as Message, window_frame};
use firesteel_protocol::{Result, SparkError};

use super::{missing, unaliased};
use crate::Resolver;
use crate::resolver::Planned;
use crate::scope::Scope;

/// What a frame needs to know of its specification.
#[derive(Debug)]
pub struct Order<'a> {
    /// Types of the keys.
    pub types: &'a [DataType],
    /// The keys as fields, which know the units of intervals.
    pub fields: &'a [FieldRef],
    /// The keys with ids, as messages show them.
    pub shown: &'a [String],
    /// `PARTITION BY ..` and `ORDER BY ..`, where they are.
    pub spec: &'a [String],
}

/// A frame with its two texts.
#[derive(Debug)]
pub struct Framed {
    pub frame: WindowFrame,
    /// As in SQL.
    pub text: String,
    /// As Spark's own classes print it; None for a frame that nobody wrote.
    pub debug: Option<String>,
}

/// One end.
#[derive(Debug)]
struct End {
    text: String,
    debug: String,
    /// None for CURRENT ROW and UNBOUNDED.
    value: Option<Typed>,
    bound: Bound,
}

#[derive(Debug, PartialEq)]
enum Bound {
    Current,
    Unbounded,
    /// UNBOUNDED FOLLOWING as the lower end, UNBOUNDED PRECEDING as the upper one.
    Wrong,
    Offset(ScalarValue),
}

/// Resolves a frame. Without one Spark takes everything up to the current row's peers when there is an order, else the
/// whole partition.
pub fn resolve(resolver: &Resolver, message: Option<&Message>, order: &Order<'_>, scope: &Scope) -> Result<Framed> {
    use window_frame::FrameType;
    let Some(message) = message else { return Ok(unwritten(order)) };
    let rows = message.frame_type() == FrameType::Row;
    let mut lower = end(resolver, message.lower.as_deref(), true, scope)?;
    let mut upper = end(resolver, message.upper.as_deref(), false, scope)?;
    let mut cast = false;
    if let (false, [key]) = (rows, order.fields) {
        cast |= take_type(resolver, &mut lower, key)?;
        cast |= take_type(resolver, &mut upper, key)?;
    }
    let word = if rows { "ROWS" } else { "RANGE" };
    let is_cast = |end: &End| {
        let own = end.value.as_ref().map(|value| &value.data_type);
        !rows
            && own.is_some_and(|own| {
                own.is_numeric() && order.types.first().is_some_and(|key| key.is_numeric() && key != own)
            })
    };
    let text = if cast || is_cast(&lower) || is_cast(&upper) {
        text_as_negated(&lower, &upper)
    } else {
        format!("{word} BETWEEN {} AND {}", lower.text, upper.text)
    };
    check_ends(rows, &lower, &upper, &text, order)?;
    check_order(rows, &lower, &upper, &text, order)?;
    let kind = if rows { "RowFrame" } else { "RangeFrame" };
    let debug = Some(format!("specifiedwindowframe({kind}, {}, {})", lower.debug, upper.debug));
    if is_empty(&lower, &upper) {
        return Ok(Framed { frame: nothing(), text, debug });
    }
    let units = if rows { WindowFrameUnits::Rows } else { WindowFrameUnits::Range };
    let frame = WindowFrame::new_bounds(units, bound(lower, true, rows, order)?, bound(upper, false, rows, order)?);
    Ok(Framed { frame, text, debug })
}

/// Makes the bound of a RANGE one of the key's type where there is such a cast: Spark's `WindowFrameCoercion`. Numbers
/// beside numbers are left to [`range_bound`].
fn take_type(resolver: &Resolver, end: &mut End, key: &FieldRef) -> Result<bool> {
    let Some(value) = &mut end.value else { return Ok(false) };
    let (own, to) = (&value.data_type, key.data_type());
    let mode = EvalMode::of(resolver.env());
    let stays = own == to
        || matches!(to, DataType::Date32 | DataType::Timestamp(..))
        || own.is_numeric() && to.is_numeric()
        || !can_cast(own, to, mode);
    if stays {
        return Ok(false);
    }
    if is_interval(to) || to.is_numeric() {
        let bound = constant(&cast_to(value.clone(), key, mode, resolver.env())?)?;
        end.bound = if is_zero(&bound) { Bound::Current } else { Bound::Offset(bound) };
    }
    value.data_type = to.clone();
    value.metadata = key.metadata().clone();
    Ok(true)
}

fn unwritten(order: &Order<'_>) -> Framed {
    if order.types.is_empty() {
        let unbounded = ScalarValue::UInt64(None);
        let frame = WindowFrame::new_bounds(
            WindowFrameUnits::Rows,
            WindowFrameBound::Preceding(unbounded.clone()),
            WindowFrameBound::Following(unbounded),
        );
        return Framed { frame, text: "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".into(), debug: None };
    }
    let frame = WindowFrame::new_bounds(
        WindowFrameUnits::Range,
        WindowFrameBound::Preceding(ScalarValue::Null),
        WindowFrameBound::CurrentRow,
    );
    Framed { frame, text: "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW".into(), debug: None }
}

/// A frame that holds no row, as Spark makes of ends in the wrong order. DataFusion refuses those.
fn nothing() -> WindowFrame {
    const FAR: u64 = u64::MAX / 4;
    WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(FAR))),
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(FAR - 1))),
    )
}

fn end(resolver: &Resolver, message: Option<&window_frame::FrameBoundary>, lower: bool, scope: &Scope) -> Result<End> {
    use window_frame::frame_boundary::Boundary;
    let boundary = message.and_then(|m| m.boundary.as_ref()).ok_or_else(|| missing("boundary", "WindowFrame"))?;
    let special =
        |text: &str, debug: &str, bound| Ok(End { text: text.into(), debug: debug.into(), value: None, bound });
    match boundary {
        Boundary::CurrentRow(_) => special("CURRENT ROW", "currentrow$()", Bound::Current),
        Boundary::Unbounded(right) => {
            let bound = if *right { Bound::Unbounded } else { Bound::Wrong };
            match lower == *right {
                true => special("UNBOUNDED PRECEDING", "unboundedpreceding$()", bound),
                false => special("UNBOUNDED FOLLOWING", "unboundedfollowing$()", bound),
            }
        }
        Boundary::Value(expression) => {
            let typed = unaliased(resolver.expression(expression, scope)?);
            let value = if matches!(typed.name.strip_prefix("negative("), Some("NULL)")) {
                ScalarValue::Null
            } else {
                match constant(&typed) {
                    // What is no number is told by its type.
                    Err(error) if error.condition() == "CAST_INVALID_INPUT" => ScalarValue::Null,
                    other => other?,
                }
            };
            let debug = typed.name.clone();
            // What precedes was negated by whoever wrote it down; the number of a DataFrame's frame stays as it is.
            let is_number = typed.name.starts_with('-') && !resolver.env_here().place.is_sql();
            let plain = |rest: &str| rest.strip_suffix(')').map(str::to_string);
            let following = ["(+ ", "positive("].iter().find_map(|sign| typed.name.strip_prefix(sign).and_then(plain));
            let text = match (following, positive_text(&typed.name).filter(|_| !is_number)) {
                (Some(text), _) => format!("{text} FOLLOWING"),
                (None, Some(text)) => format!("{text} PRECEDING"),
                (None, None) => format!("{} FOLLOWING", typed.name),
            };
            let zero = is_zero(&value);
            let bound = if zero { Bound::Current } else { Bound::Offset(value) };
            let text = if zero { "CURRENT ROW".to_string() } else { text };
            Ok(End { text, debug, value: Some(typed), bound })
        }
    }
}

/// The text of a negative number or interval without its sign.
fn positive_text(name: &str) -> Option<String> {
    for sign in ["(- ", "negative("] {
        if let Some(inner) = name.strip_prefix(sign).and_then(|rest| rest.strip_suffix(')')) {
            return Some(inner.to_string());
        }
    }
    if let Some(rest) = name.strip_prefix("INTERVAL '-") {
        return Some(format!("INTERVAL '{rest}"));
    }
    name.strip_prefix('-').map(str::to_string)
}

/// What Spark's `SpecifiedWindowFrame` refuses.
fn check_ends(rows: bool, lower: &End, upper: &End, text: &str, order: &Order<'_>) -> Result<()> {
    for (end, location) in [(lower, "lower"), (upper, "upper")] {
        let Some(value) = &end.value else { continue };
        // The bound of a RANGE takes the type of the key where nothing is lost by it.
        let becomes_text = order.types.len() == 1 && matches!(order.types[0], DataType::Utf8);
        let accepted = if rows {
            matches!(value.data_type, DataType::Int32 | DataType::Int16 | DataType::Int8)
        } else {
            !becomes_text && (value.data_type.is_numeric() || is_interval(&value.data_type))
        };
        if accepted {
            continue;
        }
        let (text, shown) = match (rows, &value.data_type) {
            (false, _) if becomes_text => (text_as_negated(lower, upper), "STRING".to_string()),
            // A minus sign before these makes a DOUBLE of them.
            (true, DataType::Null | DataType::Utf8) if end.text.ends_with("PRECEDING") => {
                (text.to_string(), "DOUBLE".to_string())
            }
            _ => (text.to_string(), value.sql_type()),
        };
        let expected = if rows {
            "\"INT\"".to_string()
        } else {
            "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")".to_string()
        };
        return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE")
            .with("sqlExpr", format!("\"{text}\""))
            .with("location", location)
            .with("exprType", format!("\"{shown}\""))
            .with("expectedType", expected));
    }
    let shown = |end: &End| match (&end.value, end.text.strip_suffix(" PRECEDING")) {
        (Some(_), Some(number)) => format!("(- {number})"),
        (Some(value), None) => value.name.clone(),
        (None, _) => end.text.clone(),
    };
    if lower.bound == Bound::Wrong || upper.bound == Bound::Wrong {
        return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_INVALID_BOUND")
            .with("sqlExpr", format!("\"{text}\""))
            .with("upper", format!("\"{}\"", shown(upper)))
            .with("lower", format!("\"{}\"", shown(lower))));
    }
    if let (false, Some(low), Some(high)) = (rows, &lower.value, &upper.value)
        && (is_interval(&low.data_type) || is_interval(&high.data_type))
        && low.sql_type() != high.sql_type()
    {
        return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_DIFF_TYPES")
            .with("sqlExpr", format!("\"{text}\""))
            .with("lower", format!("\"{}\"", shown(lower)))
            .with("upper", format!("\"{}\"", shown(upper)))
            .with("lowerType", format!("\"{}\"", low.sql_type()))
            .with("upperType", format!("\"{}\"", high.sql_type())));
    }
    if lower.value.is_some() && upper.value.is_some() && is_empty(lower, upper) {
        return Err(SparkError::new("DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON")
            .with("sqlExpr", format!("\"{text}\""))
            .with("comparison", "less than or equal"));
    }
    Ok(())
}

/// A cast hides the minus sign from Spark's printer of frames.
fn text_as_negated(lower: &End, upper: &End) -> String {
    let shown = |end: &End| match (&end.value, end.text.strip_suffix(" PRECEDING")) {
        (Some(_), Some(number)) => format!("(- {number}) FOLLOWING"),
        _ => end.text.clone(),
    };
    format!("RANGE BETWEEN {} AND {}", shown(lower), shown(upper))
}

/// What Spark's `WindowSpecDefinition` refuses.
fn check_order(rows: bool, lower: &End, upper: &End, text: &str, order: &Order<'_>) -> Result<()> {
    if rows {
        return Ok(());
    }
    let whole = || {
        let parts = order.spec.iter().map(String::as_str).chain([text]);
        format!("\"({})\"", parts.collect::<Vec<_>>().join(" "))
    };
    let unbounded = lower.bound == Bound::Unbounded && upper.bound == Bound::Unbounded;
    if order.types.is_empty() && !unbounded {
        return Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER").with("sqlExpr", whole()));
    }
    let Some(value) = lower.value.as_ref().or(upper.value.as_ref()) else { return Ok(()) };
    let [key] = order.types else {
        return Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER")
            .with("sqlExpr", whole())
            .with("orderSpec", order.shown.join(",")));
    };
    let fits = match (key, &value.data_type) {
        (DataType::Date32, DataType::Int32 | DataType::Interval(_)) => true,
        (DataType::Date32, DataType::Duration(_)) => value.sql_type() == "INTERVAL DAY",
        (DataType::Timestamp(..), own) => is_interval(own),
        (key, own) if key.is_numeric() => own.is_numeric(),
        (key, own) => std::mem::discriminant(key) == std::mem::discriminant(own),
    };
    if fits {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.RANGE_FRAME_INVALID_TYPE")
        .with("sqlExpr", whole())
        .with("orderSpecType", format!("\"{}\"", firesteel_protocol::types::name::sql(key)))
        .with("valueBoundaryType", format!("\"{}\"", value.sql_type())))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Duration(_) | DataType::Interval(_))
}

/// Whether the lower end lies behind the upper one.
fn is_empty(lower: &End, upper: &End) -> bool {
    let zero = |value: &ScalarValue| match is_negative(value) {
        true => std::cmp::Ordering::Less,
        false => std::cmp::Ordering::Greater,
    };
    let compared = match (&lower.bound, &upper.bound) {
        (Bound::Offset(lower), Bound::Offset(upper)) => match lower.partial_cmp(upper) {
            Some(compared) => compared,
            None => return false,
        },
        (Bound::Offset(lower), Bound::Current) => zero(lower),
        (Bound::Current, Bound::Offset(upper)) => zero(upper).reverse(),
        _ => return false,
    };
    compared == std::cmp::Ordering::Greater
}

fn bound(end: End, lower: bool, rows: bool, order: &Order<'_>) -> Result<WindowFrameBound> {
    let none = if rows { ScalarValue::UInt64(None) } else { ScalarValue::Null };
    let value = match end.bound {
        Bound::Current => return Ok(WindowFrameBound::CurrentRow),
        Bound::Unbounded | Bound::Wrong if lower => return Ok(WindowFrameBound::Preceding(none)),
        Bound::Unbounded | Bound::Wrong => return Ok(WindowFrameBound::Following(none)),
        Bound::Offset(value) => value,
    };
    let negative = is_negative(&value);
    let magnitude = if negative { negate(&value)? } else { value };
    let magnitude =
        if rows { magnitude.cast_to(&DataType::UInt64).planned()? } else { range_bound(magnitude, order.types)? };
    Ok(if negative { WindowFrameBound::Preceding(magnitude) } else { WindowFrameBound::Following(magnitude) })
}

/// DataFusion adds the bound to the order column: numbers need the column's very type, times an interval.
fn range_bound(value: ScalarValue, order_by: &[DataType]) -> Result<ScalarValue> {
    let [data_type] = order_by else { return Err(SparkError::internal("a RANGE of several keys")) };
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
        (value, _) => value,
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
