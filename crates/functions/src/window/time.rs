//! `window(ts, duration[, slide[, start]])`, `window_time`: windows of time as structs of start and end.
//!
//! A tumbling window is a value of a row; sliding windows give a row several, see [`sliding_window`].
//! Rows without a time belong to no window: the resolver filters them out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StructArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use crate::call::Generator;
use crate::datetime::parse_interval;
use crate::kernel::{KernelArgs, kernel_expr};
use crate::{Call, Typed, constant};

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

    fn param(&self) -> String {
        format!("{},{},{}", self.window_us, self.slide_us, self.start_us)
    }

    fn from_param(param: &str) -> Self {
        let mut numbers = param.split(',').map(|number| number.parse().unwrap_or(1));
        let mut next = || numbers.next().unwrap_or(1);
        Self { window_us: next(), slide_us: next(), start_us: next() }
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

/// `window(ts, duration)` where every row has one window: a struct of `start` and `end`.
pub fn window(call: &Call) -> Result<Typed> {
    let window = TimeWindow::of(call)?;
    if !window.is_tumbling() {
        return Err(SparkError::unsupported(
            "window() with a slide outside of GROUP BY",
            "Group by the window, or use a window as long as its slide.",
        ));
    }
    let time = time(call)?;
    let data_type = window_type(&time.data_type);
    let args = vec![time.expr];
    let expr = kernel_expr(
        "window",
        args,
        data_type.clone(),
        time.nullable,
        Volatility::Immutable,
        call.env,
        window.param(),
        tumbling,
    );
    // Grouping leaves out rows without time, so that no group lacks a window.
    Ok(Typed::new(expr, "window", data_type, false))
}

/// The windows of a row, at most `ceil(duration / slide)`, the latest first: one column `window`.
pub fn sliding_window(call: &Call) -> Result<Generator> {
    let window = TimeWindow::of(call)?;
    let time = time(call)?;
    let field = Arc::new(Field::new("window", window_type(&time.data_type), false));
    let element = DataType::Struct(Fields::from(vec![Arc::clone(&field)]));
    let list = kernel_expr(
        "sliding_window",
        vec![time.expr],
        types::array(element, false),
        time.nullable,
        Volatility::Immutable,
        call.env,
        window.param(),
        sliding,
    );
    Ok(Generator { list, fields: vec![field], outer: false })
}

fn time(call: &Call) -> Result<Typed> {
    let arg = &call.args[0];
    match &arg.data_type {
        DataType::Timestamp(..) => Ok(arg.clone()),
        // A window of a window column is at its last moment.
        DataType::Struct(fields) if fields.len() == 2 && fields[1].name() == "end" => {
            window_time(&call.with_args(vec![arg.clone()]))
        }
        _ => call.coerce_any(0, &[types::timestamp(), types::timestamp_ntz()]),
    }
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
    let window = TimeWindow::from_param(args.param);
    let starts = local_times(&args.array(0)?).unary(|at| window.last_start(at));
    Ok(Arc::new(structs(starts, window.window_us, args.return_type)?))
}

fn sliding(args: &KernelArgs) -> Result<ArrayRef> {
    let window = TimeWindow::from_param(args.param);
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

/// `session_window(ts, gap)` depends on other rows: only GROUP BY can compute it.
pub fn session_window(_: &Call) -> Result<Typed> {
    Err(SparkError::unsupported(
        "session_window",
        "Mark the start of each session with lag() and sum the marks over a window to number the sessions.",
    ))
}
