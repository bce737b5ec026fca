//! `array` and functions that add, repeat or drop elements.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array};
use arrow::datatypes::{DataType, Field, Int32Type};
use firesteel_protocol::{Result, SparkError};

use super::list::{
    ListBuilder, array_and_value, bounds, check_count, list_arg, list_of, pool, require_array, retyped, with_units,
};
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `array(x, ...)`.
pub fn array(call: &Call) -> Result<Typed> {
    let args = call.coerce_all_to_common()?;
    let element = args.first().map_or(DataType::Null, |arg| arg.data_type.clone());
    let field = Field::new("element", element, args.iter().any(|arg| arg.nullable));
    let output = DataType::List(Arc::new(with_units(field, &args)));
    Ok(call.with_args(args).kernel("array", output, false, |args| {
        let columns = args.arrays()?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        if columns.is_empty() {
            (0..args.rows).for_each(|_| builder.end_row());
            return builder.finish(&arrow::array::new_empty_array(&DataType::Null), args.return_type);
        }
        let (pool, starts) = pool(&columns.iter().collect::<Vec<_>>())?;
        for row in 0..args.rows {
            builder.extend(starts.iter().map(|start| start + row));
            builder.end_row();
        }
        builder.finish(&pool, args.return_type)
    }))
}

/// `array_append(array, x)`.
pub fn array_append(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (array, value) = array_and_value(call, 0, 1)?;
    Ok(adding(call, "array_append", array, value, |args| added(args, false)))
}

/// `array_prepend(array, x)`.
pub fn array_prepend(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (array, value) = array_and_value(call, 0, 1)?;
    Ok(adding(call, "array_prepend", array, value, |args| added(args, true)))
}

fn adding(call: &Call, name: &'static str, array: Typed, value: Typed, kernel: crate::kernel::Kernel) -> Typed {
    let nullable = array.nullable;
    let output = list_of(&value.data_type, true);
    call.with_args(vec![array, value]).kernel(name, output, nullable, kernel)
}

fn added(args: &KernelArgs, first: bool) -> Result<ArrayRef> {
    let list = list_arg(args, 0)?;
    let values = args.array(1)?;
    let (pool, starts) = pool(&[list.values(), &values])?;
    let mut builder = ListBuilder::with_capacity(args.rows);
    for row in 0..args.rows {
        if list.is_null(row) {
            builder.null_row();
            continue;
        }
        if first {
            builder.push(Some(starts[1] + row));
        }
        builder.extend(bounds(&list, row));
        if !first {
            builder.push(Some(starts[1] + row));
        }
        builder.end_row();
    }
    builder.finish(&pool, args.return_type)
}

/// `array_insert(array, position, x)`: positions from 1, or from the end; gaps are NULL.
pub fn array_insert(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let (array, value) = array_and_value(call, 0, 2)?;
    let position = call.coerce(1, &DataType::Int32)?;
    let nullable = array.nullable || position.nullable;
    let output = list_of(&value.data_type, true);
    Ok(call.with_args(vec![array, position, value]).kernel("array_insert", output, nullable, |args| {
        let list = list_arg(args, 0)?;
        let positions = args.array(1)?;
        let positions = positions.as_primitive::<Int32Type>();
        let values = args.array(2)?;
        let (pool, starts) = pool(&[list.values(), &values])?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if list.is_null(row) || positions.is_null(row) {
                builder.null_row();
                continue;
            }
            let items: Vec<usize> = bounds(&list, row).collect();
            let position = match positions.value(row) {
                from_end if from_end < 0 && args.env.legacy.array_insert => from_end.saturating_sub(1),
                position => position,
            };
            insert(&mut builder, &items, position, starts[1] + row)?;
        }
        builder.finish(&pool, args.return_type)
    }))
}

fn insert(builder: &mut ListBuilder, items: &[usize], position: i32, value: usize) -> Result<()> {
    let length = items.len();
    if position == 0 {
        return Err(SparkError::new("INVALID_INDEX_OF_ZERO"));
    }
    let at = position.unsigned_abs() as usize;
    if at > i32::MAX as usize - 15 {
        return Err(SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION")
            .with("numberOfElements", at.to_string())
            .with("maxRoundedArrayLength", "2147483632")
            .with("functionName", "`array_insert`"));
    }
    if position > 0 {
        let before = (at - 1).min(length);
        builder.extend(items[..before].iter().copied());
        (length..at - 1).for_each(|_| builder.push(None));
        builder.push(Some(value));
        builder.extend(items[before..].iter().copied());
    } else if at <= length + 1 {
        // -1 is behind the last element.
        let before = length + 1 - at;
        builder.extend(items[..before].iter().copied());
        builder.push(Some(value));
        builder.extend(items[before..].iter().copied());
    } else {
        builder.push(Some(value));
        (length + 1..at).for_each(|_| builder.push(None));
        builder.extend(items.iter().copied());
    }
    builder.end_row();
    Ok(())
}

/// `array_compact(array)`: without NULLs.
pub fn array_compact(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    let output = list_of(element.data_type(), false);
    Ok(call.kernel("array_compact", output, call.args[0].nullable, |args| {
        let list = list_arg(args, 0)?;
        let nulls = list.values().logical_nulls();
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if list.is_null(row) {
                builder.null_row();
                continue;
            }
            builder.extend(bounds(&list, row).filter(|at| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*at))));
            builder.end_row();
        }
        builder.finish(list.values(), args.return_type)
    }))
}

/// `array_repeat(x, count)`.
pub fn array_repeat(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    if !matches!(call.args[1].data_type, DataType::Int32 | DataType::Null) {
        return Err(call.unexpected_type(1, "\"INT\""));
    }
    let count = call.coerce(1, &DataType::Int32)?;
    let value = call.args[0].clone();
    let output = list_of(&value.data_type, value.nullable);
    let nullable = count.nullable;
    Ok(call.with_args(vec![value, count]).kernel("array_repeat", output, nullable, |args| {
        let values = args.array(0)?;
        let counts = args.array(1)?;
        let counts: &Int32Array = counts.as_primitive::<Int32Type>();
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if counts.is_null(row) {
                builder.null_row();
                continue;
            }
            let count = counts.value(row).max(0);
            check_count(builder.count(), count.into(), "array_repeat")?;
            builder.extend(std::iter::repeat_n(row, count as usize));
            builder.end_row();
        }
        builder.finish(&values, args.return_type)
    }))
}

/// `concat(array, ...)`: arrays end to end. Strings and binaries are concatenated elsewhere.
pub fn concat(call: &Call) -> Result<Typed> {
    let args = call.coerce_all_to_common()?;
    let contains_null =
        args.iter().any(|arg| super::list::element_of(&arg.data_type).is_none_or(|element| element.is_nullable()));
    let element = require_array(call, 0)?.data_type().clone();
    let element = super::list::element_of(&args[0].data_type).map_or(element, |field| field.data_type().clone());
    let nullable = args.iter().any(|arg| arg.nullable);
    let output = list_of(&element, contains_null);
    Ok(call.with_args(args).kernel("concat_arrays", output, nullable, |args| {
        let lists = (0..args.args.len()).map(|index| list_arg(args, index)).collect::<Result<Vec<_>>>()?;
        let (pool, starts) = pool(&lists.iter().map(|list| list.values()).collect::<Vec<_>>())?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if lists.iter().any(|list| list.is_null(row)) {
                builder.null_row();
                continue;
            }
            for (list, start) in lists.iter().zip(&starts) {
                builder.extend(bounds(list, row).map(|at| at + start));
            }
            builder.end_row();
        }
        builder.finish(&pool, args.return_type)
    }))
}

/// `flatten(array of arrays)`: NULL where an inner array is.
pub fn flatten(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let outer = require_array(call, 0)?;
    let DataType::List(inner) = outer.data_type() else {
        return Err(call.unexpected_type(0, "\"ARRAY\" of \"ARRAY\""));
    };
    let output = list_of(inner.data_type(), inner.is_nullable());
    let nullable = call.args[0].nullable || outer.is_nullable();
    Ok(call.kernel("flatten", output, nullable, |args| {
        let outer = list_arg(args, 0)?;
        let inner = outer.values().as_list::<i32>();
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if outer.is_null(row) || bounds(&outer, row).any(|at| inner.is_null(at)) {
                builder.null_row();
                continue;
            }
            for at in bounds(&outer, row) {
                builder.extend(bounds(inner, at));
            }
            builder.end_row();
        }
        builder.finish(inner.values(), args.return_type)
    }))
}

/// `arrays_zip(a, ...)`: structs of the elements at each position, NULL past an array's end.
pub fn arrays_zip(call: &Call) -> Result<Typed> {
    use arrow::datatypes::{Field, Fields};
    let mut fields = vec![];
    for index in 0..call.args.len() {
        let element = require_array(call, index)?;
        let own = super::structs::own_name(&call.args[index]);
        fields.push(Field::new(own.unwrap_or_else(|| index.to_string()), element.data_type().clone(), true));
    }
    let output = list_of(&DataType::Struct(Fields::from(fields)), false);
    Ok(call.kernel("arrays_zip", output, call.any_nullable(), zipped))
}

fn zipped(args: &KernelArgs) -> Result<ArrayRef> {
    let lists = (0..args.args.len()).map(|index| list_arg(args, index)).collect::<Result<Vec<_>>>()?;
    let element = super::list::element_of(args.return_type).ok_or_else(|| SparkError::internal("a list"))?;
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let mut places: Vec<Vec<Option<u64>>> = vec![vec![]; lists.len()];
    let mut lengths = Vec::with_capacity(args.rows);
    let mut valid = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        let known = lists.iter().all(|list| list.is_valid(row));
        let length = if known { lists.iter().map(|list| bounds(list, row).len()).max().unwrap_or(0) } else { 0 };
        for (list, places) in lists.iter().zip(&mut places) {
            let bounds = bounds(list, row);
            places.extend((0..length).map(|at| (at < bounds.len()).then_some((bounds.start + at) as u64)));
        }
        lengths.push(length);
        valid.push(known);
    }
    let columns = lists
        .iter()
        .zip(places)
        .zip(fields)
        .map(|((list, places), field)| {
            let column = arrow::compute::take(list.values(), &arrow::array::UInt64Array::from(places), None)
                .map_err(crate::kernel::from_arrow)?;
            retyped(column, field.data_type())
        })
        .collect::<Result<Vec<_>>>()?;
    let total = lengths.iter().sum();
    let structs = arrow::array::StructArray::try_new_with_length(fields.clone(), columns, None, total)
        .map_err(crate::kernel::from_arrow)?;
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    super::list::new_list(element, offsets, Arc::new(structs), Some(valid.into()))
}
