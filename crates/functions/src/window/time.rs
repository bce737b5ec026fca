//! `window(ts, duration[, slide[, start]])`, `window_time`: windows of time as structs of start and end.
//!
//! A tumbling window is a value of a row. Sliding windows give a row several, sessions depend on other rows: their calls are
//! markers, which the resolver makes columns of (`firesteel_plan::relation::time_window`). Rows without a time belong to no
//! window: the resolver filters them out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, IntervalUnit, TimeUnit, TimestampMicrosecondType};
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use crate::call::Generator;
use crate::cast::EvalMode;
use crate::datetime::parse_interval;
use crate::kernel::{Kernel, KernelArgs, kernel_expr};
use crate::{Call, Env, Kind, Typed, constant};

/// Length, step and offset of windows, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindow {
    pub window_us: i64,
    pub slide_us: i64,
    pub start_us: i64,
}

impl TimeWindow {
    /// Reads the constant arguments of a call of `window`.
    pub fn of(call: &Call) -> Result<Self> {
        call.arity(2..=4)?;
        let window_us = duration(call, 1)?;
        let slide_us = if call.args.len() > 2 { duration(call, 2)? } else { window_us };
        let start_us = if call.args.len() > 3 { duration(call, 3)? } else { 0 };
        let shown = format!("\"window({}, {window_us}, {slide_us}, {start_us})\"", call.args[0].name);
        let range = |name: &str, value: i64| {
            SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with("exprName", format!("`{name}`"))
                .with("valueRange", "(0, 9223372036854775807]")
                .with("currentValue", format!("{value}L"))
                .with("sqlExpr", shown.as_str())
        };
        let constraint = |left: &str, left_value: i64, right: &str, right_value: i64, operator: &str| {
            SparkError::new("DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION")
                .with("leftExprName", format!("`{left}`"))
                .with("leftExprValue", format!("{left_value}L"))
                .with("constraint", operator)
                .with("rightExprName", format!("`{right}`"))
                .with("rightExprValue", format!("{right_value}L"))
                .with("sqlExpr", shown.as_str())
        };
        if window_us <= 0 {
            return Err(range("window_duration", window_us));
        }
        if slide_us <= 0 {
            return Err(range("slide_duration", slide_us));
        }
        if slide_us > window_us {
            return Err(constraint("slide_duration", slide_us, "window_duration", window_us, "<="));
        }
        if start_us.abs() >= slide_us {
            return Err(constraint("abs(start_time)", start_us.abs(), "slide_duration", slide_us, "<"));
        }
        Ok(Self { window_us, slide_us, start_us })
    }

    /// Whether a row has one window only.
    pub fn is_tumbling(&self) -> bool {
        self.window_us == self.slide_us
    }

    fn literals(&self) -> impl Iterator<Item = Expr> {
        [self.window_us, self.slide_us, self.start_us].into_iter().map(|us| Expr::Literal(us.into(), None))
    }

    /// Reads the arguments behind the time.
    fn from_scalars<'a>(mut values: impl Iterator<Item = Option<&'a ScalarValue>>) -> Result<Self> {
        let mut next = || match values.next() {
            Some(Some(ScalarValue::Int64(Some(us)))) => Ok(*us),
            _ => Err(SparkError::internal("a window has a constant length, step and offset")),
        };
        Ok(Self { window_us: next()?, slide_us: next()?, start_us: next()? })
    }

    fn last_start(&self, at: i64) -> i64 {
        at - (at - self.start_us).rem_euclid(self.slide_us)
    }
}

fn duration(call: &Call, index: usize) -> Result<i64> {
    let value = match constant::evaluate(&call.args[index].expr) {
        Some(value) => value,
        None => call.constant(index)?.clone(),
    };
    match value {
        ScalarValue::Utf8(Some(text)) => parse_duration_us(&text),
        ScalarValue::Int32(Some(us)) => Ok(i64::from(us)),
        ScalarValue::Int64(Some(us)) | ScalarValue::DurationMicrosecond(Some(us)) => Ok(us),
        _ => Err(call.unexpected_type(index, "\"STRING\"")),
    }
}

/// A duration as `window` and `withWatermark` take it: `10 minutes`, `1 hour 30 seconds`; no months.
pub fn parse_duration_us(text: &str) -> Result<i64> {
    let Some((months, days, us)) = parse_interval(text) else {
        return Err(SparkError::new("CANNOT_PARSE_INTERVAL").with("intervalString", format!("'{text}'")));
    };
    if months != 0 {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_3231")
            .with("interval", text)
            .with_message(format!("Intervals greater than a month is not supported ({text}).")));
    }
    Ok(i64::from(days) * 86_400_000_000 + us)
}

/// Names of the calls in plans: windows of one row each, of several, sessions.
pub const WINDOW: &str = "window";
pub const SLIDING_WINDOW: &str = "sliding_window";
pub const SESSION_WINDOW: &str = "session_window";

/// `window(ts, duration[, slide[, start]])`: a struct of `start` and `end`.
pub fn window(call: &Call) -> Result<Typed> {
    let window = TimeWindow::of(call)?;
    let time = time(call)?;
    let data_type = window_type(&time.data_type);
    let args = std::iter::once(time.expr).chain(window.literals()).collect();
    let tumbles = window.is_tumbling();
    let (name, kernel): (_, Kernel) = if tumbles { (WINDOW, tumbling) } else { (SLIDING_WINDOW, marker) };
    let expr =
        kernel_expr(name, args, data_type.clone(), !tumbles, Volatility::Immutable, call.env, String::new(), kernel);
    Ok(Typed::new(expr, "window", data_type, !tumbles))
}

fn marker(_: &KernelArgs) -> Result<ArrayRef> {
    Err(SparkError::unsupported(
        "sliding windows and sessions at this place of a query",
        "Group by the window, or compute it as a column of a select first.",
    ))
}

/// The windows of a row, the latest first, of a call named [`SLIDING_WINDOW`]: one column `window`.
pub fn sliding_windows(window: &Expr, env: &Env) -> Result<Generator> {
    let (Expr::ScalarFunction(call), Some(data_type)) = (window, marked_type(window)) else {
        return Err(SparkError::internal("not a window"));
    };
    let field = Arc::new(Field::new("window", data_type, true));
    let element = DataType::Struct(Fields::from(vec![Arc::clone(&field)]));
    let list = kernel_expr(
        "sliding_windows",
        call.args.clone(),
        types::array(element, false),
        true,
        Volatility::Immutable,
        env,
        String::new(),
        sliding,
    );
    Ok(Generator { list, fields: vec![field], outer: false })
}

/// The type of the start of a marked window.
pub fn session_time(window: &Expr) -> Option<DataType> {
    match marked_type(window)? {
        DataType::Struct(fields) => fields.first().map(|start| start.data_type().clone()),
        _ => None,
    }
}

fn marked_type(window: &Expr) -> Option<DataType> {
    match window {
        Expr::ScalarFunction(call) => call.func.return_type(&[]).ok(),
        _ => None,
    }
}

fn time(call: &Call) -> Result<Typed> {
    let arg = &call.args[0];
    match &arg.data_type {
        DataType::Timestamp(..) => Ok(arg.clone()),
        // A window of a window column is at its last moment.
        DataType::Struct(fields) if fields.len() == 2 && fields[1].name() == "end" => {
            window_time(&call.with_args(vec![arg.clone()]))
        }
        DataType::Time64(_) => call.coerce(0, &types::timestamp()),
        _ => call.coerce_any(0, &[types::timestamp(), types::timestamp_ntz()]).map_err(|error| not_a_time(call, error)),
    }
}

/// Spark names windows in the words for what it takes, and the lengths in microseconds.
fn not_a_time(call: &Call, error: SparkError) -> SparkError {
    let Ok(window) = TimeWindow::of(call) else { return error };
    let TimeWindow { window_us, slide_us, start_us } = window;
    let shown = call.args[0].name.as_str();
    // Of a cast this is its text in plans, of other expressions that of SQL.
    let in_plan = if shown.starts_with("CAST(") { shown.to_lowercase() } else { shown.to_string() };
    SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
        .with("sqlExpr", format!("\"window({in_plan}, {window_us}, {slide_us}, {start_us})\""))
        .with("paramIndex", "first")
        .with(
            "requiredType",
            "(\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\" or \"STRUCT<start: TIMESTAMP, end: TIMESTAMP>\" or \
             \"STRUCT<start: TIMESTAMP_NTZ, end: TIMESTAMP_NTZ>\")",
        )
        .with("inputSql", format!("\"{shown}\""))
        .with("inputType", format!("\"{}\"", call.args[0].sql_type()))
}

fn window_type(time: &DataType) -> DataType {
    DataType::Struct(Fields::from(vec![Field::new("start", time.clone(), true), Field::new("end", time.clone(), true)]))
}

fn local_times(array: &ArrayRef) -> PrimitiveArray<Int64Type> {
    array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast()
}

fn structs(starts: PrimitiveArray<Int64Type>, window_us: i64, data_type: &DataType) -> Result<StructArray> {
    let DataType::Struct(fields) = data_type else { return Err(SparkError::internal("a window is a struct")) };
    let zone = match fields[0].data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.clone(),
        _ => None,
    };
    let ends: PrimitiveArray<Int64Type> = starts.unary(|start| start.wrapping_add(window_us));
    let nulls = starts.nulls().cloned();
    let column = |values: PrimitiveArray<Int64Type>| {
        let values: TimestampMicrosecondArray = values.reinterpret_cast();
        Arc::new(values.with_timezone_opt(zone.clone())) as ArrayRef
    };
    Ok(StructArray::new(fields.clone(), vec![column(starts), column(ends)], nulls))
}

fn tumbling(args: &KernelArgs) -> Result<ArrayRef> {
    let window = TimeWindow::from_scalars((1..4).map(|index| args.scalar(index)))?;
    let starts = local_times(&args.array(0)?).unary(|at| window.last_start(at));
    Ok(Arc::new(structs(starts, window.window_us, args.return_type)?))
}

fn sliding(args: &KernelArgs) -> Result<ArrayRef> {
    let window = TimeWindow::from_scalars((1..4).map(|index| args.scalar(index)))?;
    let times = local_times(&args.array(0)?);
    let mut starts = vec![];
    let mut lengths = Vec::with_capacity(times.len());
    for at in &times {
        let before = starts.len();
        if let Some(at) = at {
            let mut start = window.last_start(at);
            while at < start + window.window_us {
                starts.push(start);
                start -= window.slide_us;
            }
        }
        lengths.push(starts.len() - before);
    }
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("a list of windows")) };
    let DataType::Struct(outer) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let windows = structs(starts.into(), window.window_us, outer[0].data_type())?;
    let rows = StructArray::new(outer.clone(), vec![Arc::new(windows)], None);
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(rows), times.nulls().cloned())))
}

/// `window_time(window)`: the last microsecond of a window.
pub fn window_time(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let time = match &call.args[0].data_type {
        DataType::Struct(fields) if fields.len() == 2 && matches!(fields[1].data_type(), DataType::Timestamp(..)) => {
            fields[1].data_type().clone()
        }
        _ => return Err(call.unexpected_type(0, "\"STRUCT\"")),
    };
    Ok(call.kernel("window_time", time, true, last_moment))
}

fn last_moment(args: &KernelArgs) -> Result<ArrayRef> {
    let windows = args.array(0)?;
    let windows = windows.as_struct();
    let ends: PrimitiveArray<Int64Type> = local_times(windows.column(1)).unary(|end| end - 1);
    let nulls = arrow::buffer::NullBuffer::union(ends.nulls(), windows.nulls());
    let ends = TimestampMicrosecondArray::new(ends.values().clone(), nulls);
    Ok(Arc::new(ends.with_data_type(args.return_type.clone())))
}

/// `session_window(ts, gap)`: from the time to the gap's end behind it; GROUP BY joins those that meet. The arguments in
/// the plan are start and end.
pub fn session_window(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let start = time(call)?;
    let gap = call.args[1].clone();
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let gap = match &gap.data_type {
        DataType::Utf8 => crate::cast::cast(gap, &interval, EvalMode::Ansi, call.env)?,
        own if *own == interval => gap,
        other => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1040").with("dt", type_word(other))),
    };
    let data_type = window_type(&start.data_type);
    let Some(Kind::Scalar(add)) = crate::lookup("+").map(|entry| entry.kind) else {
        return Err(SparkError::internal("no addition of intervals"));
    };
    let sum = Call { name: "+", args: vec![start.clone(), gap], distinct: false, ignore_nulls: false, env: call.env };
    let args = vec![start.expr, add(&sum)?.expr];
    let expr = kernel_expr(
        SESSION_WINDOW,
        args,
        data_type.clone(),
        false,
        Volatility::Immutable,
        call.env,
        String::new(),
        marker,
    );
    Ok(Typed::new(expr, SESSION_WINDOW, data_type, false))
}

/// A type as Spark's program code names it.
fn type_word(data_type: &DataType) -> String {
    match data_type {
        DataType::Int32 => "IntegerType".into(),
        DataType::Int64 => "LongType".into(),
        DataType::Float64 => "DoubleType".into(),
        DataType::Boolean => "BooleanType".into(),
        DataType::Date32 => "DateType".into(),
        other => firesteel_protocol::types::name::simple(other),
    }
}
