//! `sort_array`, `array_sort` without a comparator, `array_min`, `array_max`, `reverse`, `shuffle`, `slice`.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::list::{ListBuilder, bounds, comparable, list_arg, require_array};
use crate::aggregate::orderable;
use crate::kernel::{KernelArgs, from_arrow, kernel_expr};
use crate::math::stream::Stream;
use crate::random::MersenneTwister;
use crate::rowwise::complete;
use crate::{Call, Typed, constant};

fn require_order(call: &Call, index: usize) -> Result<()> {
    let element = require_array(call, index)?;
    if orderable(element.data_type()) {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with("functionName", name::quote(call.name))
        .with("dataType", super::list::sql(&call.args[index].data_type))
        .with("sqlExpr", format!("\"{}\"", call.display())))
}

/// [`require_order`] for functions whose errors show the type of an element.
pub(super) fn require_order_of_elements(call: &Call, index: usize) -> Result<()> {
    let element = require_array(call, index)?;
    require_order(call, index).map_err(|error| error.with("dataType", super::list::sql(element.data_type())))
}

/// `sort_array(array[, ascending])`: NULLs first, or last when descending.
pub fn sort_array(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    require_order(&complete(call, 2, &[(ScalarValue::Boolean(Some(true)), "true")])?, 0)?;
    let mut args = vec![call.args[0].clone()];
    let mut name = format!("sort_array({}, true)", call.args[0].name);
    if call.args.len() == 2 {
        args.push(call.coerce(1, &DataType::Boolean)?);
        name = call.display();
    }
    let output = call.args[0].data_type.clone();
    let nullable = args.iter().any(|arg| arg.nullable);
    let inner = call.with_args(args);
    Ok(inner
        .kernel("sort_array", output, nullable, |args| {
            let ascending = if args.args.len() > 1 { Some(args.array(1)?.as_boolean().clone()) } else { None };
            sorted(args, |row| match &ascending {
                None => Some(Direction::NullsFirst),
                Some(ascending) if ascending.is_null(row) => None,
                Some(ascending) if ascending.value(row) => Some(Direction::NullsFirst),
                Some(_) => Some(Direction::Descending),
            })
        })
        .named(name))
}

/// `array_sort(array)`: ascending, NULLs last.
pub fn array_sort(call: &Call, name: String) -> Result<Typed> {
    require_order(call, 0)?;
    let output = call.args[0].data_type.clone();
    let typed =
        call.kernel("array_sort", output, call.args[0].nullable, |args| sorted(args, |_| Some(Direction::NullsLast)));
    Ok(typed.named(name))
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    NullsFirst,
    NullsLast,
    Descending,
}

fn sorted(args: &KernelArgs, direction: impl Fn(usize) -> Option<Direction>) -> Result<ArrayRef> {
    let list = list_arg(args, 0)?;
    let rows = comparable(&[list.values()])?;
    let rows = &rows[0];
    let nulls = list.values().logical_nulls();
    let is_null = |at: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(at));
    let mut builder = ListBuilder::with_capacity(args.rows);
    for row in 0..args.rows {
        let (true, Some(direction)) = (list.is_valid(row), direction(row)) else {
            builder.null_row();
            continue;
        };
        let mut places: Vec<usize> = bounds(&list, row).collect();
        places.sort_by(|a, b| match (is_null(*a), is_null(*b)) {
            (true, true) => Ordering::Equal,
            (true, false) if matches!(direction, Direction::NullsFirst) => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if matches!(direction, Direction::NullsFirst) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if matches!(direction, Direction::Descending) => rows.row(*b).cmp(&rows.row(*a)),
            (false, false) => rows.row(*a).cmp(&rows.row(*b)),
        });
        builder.extend(places);
        builder.end_row();
    }
    builder.finish(list.values(), args.return_type)
}

/// `array_min(array)`: NULLs are left out.
pub fn array_min(call: &Call) -> Result<Typed> {
    extremum(call, "array_min", |args| best(args, |new, old| new < old))
}

/// `array_max(array)`: NULLs are left out.
pub fn array_max(call: &Call) -> Result<Typed> {
    extremum(call, "array_max", |args| best(args, |new, old| new > old))
}

fn extremum(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1)?;
    require_order_of_elements(call, 0)?;
    let output = require_array(call, 0)?.data_type().clone();
    Ok(call.kernel(name, output, true, kernel))
}

fn best(args: &KernelArgs, better: fn(arrow::row::Row<'_>, arrow::row::Row<'_>) -> bool) -> Result<ArrayRef> {
    let list = list_arg(args, 0)?;
    let rows = comparable(&[list.values()])?;
    let rows = &rows[0];
    let nulls = list.values().logical_nulls();
    let place = |row: usize| {
        if list.is_null(row) {
            return None;
        }
        let known = bounds(&list, row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at)));
        known.reduce(|old, new| if better(rows.row(new), rows.row(old)) { new } else { old }).map(|at| at as u64)
    };
    let places: UInt64Array = (0..args.rows).map(place).collect();
    take(list.values(), &places, None).map_err(from_arrow)
}

/// `reverse(array)`. Strings are reversed elsewhere.
pub fn reverse(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    require_array(call, 0)?;
    let output = call.args[0].data_type.clone();
    Ok(call.kernel("reverse_array", output, call.args[0].nullable, |args| {
        let list = list_arg(args, 0)?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if list.is_null(row) {
                builder.null_row();
                continue;
            }
            builder.extend(bounds(&list, row).rev());
            builder.end_row();
        }
        builder.finish(list.values(), args.return_type)
    }))
}

/// `shuffle(array[, seed])`: in random order.
pub fn shuffle(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    require_array(call, 0)?;
    let seed = match call.args.get(1) {
        None => rand::random(),
        Some(arg) => match constant::evaluate(&arg.expr).map(|value| value.cast_to(&DataType::Int64)) {
            Some(Ok(ScalarValue::Int64(Some(seed)))) => seed,
            _ => {
                call.constant(1)?;
                return Err(call.unexpected_type(1, "\"BIGINT\""));
            }
        },
    };
    let stream = Stream::seeded(seed);
    let arg = &call.args[0];
    let expr = kernel_expr(
        "shuffle",
        vec![arg.expr.clone(), Stream::partition(call)],
        arg.data_type.clone(),
        arg.nullable,
        Volatility::Volatile,
        call.env,
        stream.param(),
        shuffled,
    );
    Ok(Typed::new(expr, format!("shuffle({})", arg.name), arg.data_type.clone(), arg.nullable))
}

fn shuffled(args: &KernelArgs) -> Result<ArrayRef> {
    let list = list_arg(args, 0)?;
    let mut builder = ListBuilder::with_capacity(args.rows);
    Stream::go_on(args, |random: &mut MersenneTwister| {
        shuffle_into(&mut builder, &list, args.rows, random);
        Ok(())
    })?;
    builder.finish(list.values(), args.return_type)
}

fn shuffle_into(builder: &mut ListBuilder, list: &ListArray, rows: usize, random: &mut MersenneTwister) {
    for row in 0..rows {
        if list.is_null(row) {
            builder.null_row();
            continue;
        }
        // Each element goes to a random place among those before it; what was there becomes the last.
        let mut places: Vec<usize> = Vec::with_capacity(bounds(list, row).len());
        for place in bounds(list, row) {
            let at = random.next_below(places.len() as u32 + 1) as usize;
            places.push(place);
            let last = places.len() - 1;
            places.swap(at, last);
        }
        builder.extend(places);
        builder.end_row();
    }
}

/// `slice(array, start, length)`: starts from 1, or from the end.
pub fn slice(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    require_array(call, 0)?;
    let output = call.args[0].data_type.clone();
    let args = vec![call.args[0].clone(), call.coerce(1, &DataType::Int32)?, call.coerce(2, &DataType::Int32)?];
    let inner = call.with_args(args);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("slice", output, nullable, |args| {
        let list = list_arg(args, 0)?;
        let (starts, lengths) = (args.array(1)?, args.array(2)?);
        let (starts, lengths) = (starts.as_primitive::<Int32Type>(), lengths.as_primitive::<Int32Type>());
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if list.is_null(row) || starts.is_null(row) || lengths.is_null(row) {
                builder.null_row();
                continue;
            }
            let (start, length) = (i64::from(starts.value(row)), i64::from(lengths.value(row)));
            if start == 0 {
                return Err(SparkError::new("INVALID_PARAMETER_VALUE.START")
                    .with("functionName", "`slice`")
                    .with("parameter", "`start`"));
            }
            if length < 0 {
                return Err(SparkError::new("INVALID_PARAMETER_VALUE.LENGTH")
                    .with("functionName", "`slice`")
                    .with("parameter", "`length`")
                    .with("length", length.to_string()));
            }
            let bounds = bounds(&list, row);
            let size = bounds.len() as i64;
            let first = if start > 0 { start - 1 } else { size + start };
            if (0..size).contains(&first) {
                let end = (first + length).min(size);
                builder.extend(bounds.start + first as usize..bounds.start + end as usize);
            }
            builder.end_row();
        }
        builder.finish(list.values(), args.return_type)
    }))
}
