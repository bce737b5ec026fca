//! What dates, timestamps and intervals do not combine with, worded as the expression that Spark has put in the operator's
//! place by then (`ResolveBinaryArithmetic`); and NULL beside them.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, IntervalRange};
use firesteel_protocol::{Result, SparkError};

use super::datetime::is_interval;
use super::{Op, Operation};
use crate::Typed;
use crate::coerce::is_numeric;

const TIMESTAMP: &str = "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"";
const DAYS: &str = "(\"INT\" or \"SMALLINT\" or \"TINYINT\")";

fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

/// Intervals that timestamps take: not those of months.
fn is_span(data_type: &DataType) -> bool {
    is_interval(data_type) && data_type != &DataType::Interval(IntervalUnit::YearMonth)
}

fn is_point(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..) | DataType::Utf8 | DataType::Null)
}

fn unexpected(expression: String, index: &str, required: &str, input: &Typed) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
        .with("sqlExpr", format!("\"{expression}\""))
        .with("paramIndex", index)
        .with("requiredType", required)
        .with("inputSql", format!("\"{}\"", input.name))
        .with("inputType", format!("\"{}\"", input.sql_type()))
}

fn as_double(typed: &Typed) -> Typed {
    Typed { data_type: DataType::Float64, ..typed.clone() }
}

fn null(data_type: &DataType, name: String) -> Result<Typed> {
    let value = ScalarValue::try_from(data_type).map_err(crate::kernel::from_datafusion)?;
    Ok(Typed { data_type: data_type.clone(), ..Typed::literal(value, name) })
}

/// The error of operands that do not go together, or the NULL of one that is NULL; None where the operation goes on.
pub(super) fn of_datetimes(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Option<Result<Typed>> {
    let refused = match operation.op {
        Op::Add => return sum(left, right, operation),
        Op::Subtract => return difference(left, right, operation),
        Op::Multiply if is_interval(&right.data_type) => not_a_number(right, left, operation),
        Op::Multiply | Op::Divide if is_interval(&left.data_type) => not_a_number(left, right, operation),
        _ => None,
    };
    refused.map(Err)
}

fn not_a_number(interval: &Typed, number: &Typed, operation: &Operation<'_>) -> Option<SparkError> {
    let fits = is_numeric(&number.data_type) || matches!(number.data_type, DataType::Utf8 | DataType::Null);
    let expression = format!("({} {} {})", interval.name, operation.op.symbol(), number.name);
    (!fits && !is_interval(&number.data_type)).then(|| unexpected(expression, "second", "\"NUMERIC\"", number))
}

fn sum(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Option<Result<Typed>> {
    let (l, r) = (&left.data_type, &right.data_type);
    let spelled = |a: &Typed, b: &Typed| format!("{} + {}", a.name, b.name);
    match (l, r) {
        (interval, DataType::Null) | (DataType::Null, interval) if is_interval(interval) => {
            Some(of_interval(if is_interval(l) { left } else { right }, operation))
        }
        (point, DataType::Null) | (DataType::Null, point) if is_timestamp(point) || point == &DataType::Date32 => {
            let point = if is_point(l) && l != &DataType::Null { left } else { right };
            let other = if l == &DataType::Null { left } else { right };
            let to = if is_timestamp(&point.data_type) { point.data_type.clone() } else { types::timestamp() };
            Some(null(&to, spelled(point, other)))
        }
        // Outside ANSI mode a text is a number by then.
        (DataType::Utf8, DataType::Date32) if !operation.env.ansi => {
            let expression = format!("date_add({}, {})", right.name, left.name);
            Some(Err(unexpected(expression, "second", DAYS, &as_double(left))))
        }
        (point, DataType::Utf8) if is_timestamp(point) && !operation.env.ansi => {
            Some(Err(super::wrong_types(left, &as_double(right), operation)))
        }
        (DataType::Utf8, point) if is_timestamp(point) && !operation.env.ansi => {
            Some(Err(super::wrong_types(&as_double(left), right, operation)))
        }
        (DataType::Utf8, DataType::Date32) => {
            let expression = format!("date_add({}, {})", left.name, right.name);
            Some(Err(unexpected(expression, "second", DAYS, right)))
        }
        (point, DataType::Date32) if is_timestamp(point) => {
            let expression = format!("date_add({}, {})", right.name, left.name);
            Some(Err(unexpected(expression, "second", DAYS, left)))
        }
        (a, b) if is_span(b) && a != b && !is_point(a) && !is_time(a) => {
            Some(Err(unexpected(spelled(left, right), "first", TIMESTAMP, left)))
        }
        (a, b) if is_span(a) && a != b && !is_point(b) && !is_time(b) => {
            Some(Err(unexpected(spelled(right, left), "first", TIMESTAMP, right)))
        }
        (a, b) if is_interval(a) && a != b && !is_point(b) && !is_time(b) => {
            Some(Err(super::wrong_types(left, right, operation)))
        }
        _ => None,
    }
}

fn difference(left: &Typed, right: &Typed, operation: &Operation<'_>) -> Option<Result<Typed>> {
    let (l, r) = (&left.data_type, &right.data_type);
    match (l, r) {
        (point, DataType::Utf8) if is_timestamp(point) && !operation.env.ansi => {
            Some(Err(unexpected(operation.label.clone(), "second", TIMESTAMP, right)))
        }
        (DataType::Utf8, point) if is_timestamp(point) && !operation.env.ansi => {
            Some(Err(unexpected(operation.label.clone(), "first", TIMESTAMP, left)))
        }
        (DataType::Date32, DataType::Utf8) if !operation.env.ansi => {
            let expression = format!("date_sub({}, {})", left.name, right.name);
            Some(Err(unexpected(expression, "second", DAYS, &as_double(right))))
        }
        (interval, DataType::Null) | (DataType::Null, interval) if is_interval(interval) => {
            Some(of_interval(if is_interval(l) { left } else { right }, operation))
        }
        (point, DataType::Null) | (DataType::Null, point) if is_timestamp(point) => {
            let typed = null(&types::day_time_interval(), operation.label.clone());
            Some(typed.map(|typed| typed.with_units(IntervalRange::DAY_TIME)))
        }
        (DataType::Null, DataType::Date32) | (DataType::Date32, DataType::Null) => {
            let typed = null(&types::day_time_interval(), operation.label.clone());
            Some(typed.map(|typed| typed.with_units(IntervalRange::DAY)))
        }
        (a, b) if is_span(a) && is_interval(b) && a != b && !is_span(b) => {
            Some(Err(super::wrong_types(left, right, operation)))
        }
        (a, b) if is_span(b) && a != b && !is_point(a) && !is_time(a) => {
            let expression = format!("{} + (- {})", left.name, right.name);
            Some(Err(unexpected(expression, "first", TIMESTAMP, left)))
        }
        (a, b) if is_timestamp(b) && !is_point(a) && !is_time(a) => {
            Some(Err(unexpected(operation.label.clone(), "first", TIMESTAMP, left)))
        }
        (a, b) if is_timestamp(a) && !is_point(b) && !is_interval(b) => {
            Some(Err(unexpected(operation.label.clone(), "second", TIMESTAMP, right)))
        }
        (a, DataType::Date32) if !is_point(a) && !is_time(a) => {
            Some(Err(unexpected(operation.label.clone(), "first", "\"DATE\"", left)))
        }
        (DataType::Date32, b) if is_time(b) => {
            let expression = format!("date_sub({}, {})", left.name, right.name);
            Some(Err(unexpected(expression, "second", DAYS, right)))
        }
        _ => None,
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time64(_))
}

/// A NULL of an interval's type; of a calendar interval it stays what it is beside a NULL.
fn of_interval(interval: &Typed, operation: &Operation<'_>) -> Result<Typed> {
    let typed = null(&interval.data_type, operation.label.clone())?;
    Ok(match interval.units() {
        Some(units) => typed.with_units(units),
        None => typed,
    })
}
