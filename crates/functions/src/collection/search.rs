//! Elements by value or place: `array_contains`, `array_position`, `element_at`, `get` and the like.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int64Type};
use firesteel_protocol::{Result, SparkError, types};

use super::list::{
    ListBuilder, array_and_value, bounds, comparable, entry_of, list_arg, list_of, map_arg, map_bounds, require_array,
    two_arrays,
};
use crate::coerce::common_type;
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed, constant};

/// `array_contains(array, x)`: NULL if it is not found among elements that may be it.
pub fn array_contains(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    if call.args.iter().any(|arg| arg.data_type == DataType::Null) {
        return Err(SparkError::new("DATATYPE_MISMATCH.NULL_TYPE")
            .with("functionName", firesteel_protocol::types::name::quote(call.name))
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    let contains_null = require_array(call, 0)?.is_nullable();
    let (array, value) = array_and_value(call, 0, 1)?;
    let nullable = array.nullable || value.nullable || contains_null;
    Ok(call.with_args(vec![array, value]).kernel("array_contains", DataType::Boolean, nullable, |args| {
        let elements = Elements::new(args)?;
        let found = |row: usize| match elements.known(row).then(|| elements.position(row)) {
            None => None,
            Some(Some(_)) => Some(true),
            Some(None) if elements.has_null(row) => None,
            Some(None) => Some(false),
        };
        Ok(Arc::new((0..args.rows).map(found).collect::<BooleanArray>()))
    }))
}

/// An array argument and a value argument that is looked for in it.
struct Elements {
    list: arrow::array::ListArray,
    value: ArrayRef,
    rows: (arrow::row::Rows, arrow::row::Rows),
}

impl Elements {
    fn new(args: &KernelArgs) -> Result<Self> {
        let list = list_arg(args, 0)?;
        let value = super::list::retyped(args.array(1)?, list.values().data_type())?;
        let mut rows = comparable(&[list.values(), &value])?.into_iter();
        let (Some(elements), Some(values)) = (rows.next(), rows.next()) else {
            return Err(SparkError::internal("two arrays of rows"));
        };
        Ok(Self { list, value, rows: (elements, values) })
    }

    fn known(&self, row: usize) -> bool {
        self.list.is_valid(row) && self.value.is_valid(row)
    }

    fn equals(&self, at: usize, row: usize) -> bool {
        self.list.values().is_valid(at) && self.rows.0.row(at) == self.rows.1.row(row)
    }

    /// The position in the row's array, from 0.
    fn position(&self, row: usize) -> Option<usize> {
        bounds(&self.list, row).position(|at| self.equals(at, row))
    }

    fn has_null(&self, row: usize) -> bool {
        bounds(&self.list, row).any(|at| self.list.values().is_null(at))
    }
}

/// `array_position(array, x)`: from 1; 0 if it is not there.
pub fn array_position(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (array, value) = array_and_value(call, 0, 1)?;
    let nullable = array.nullable || value.nullable;
    Ok(call.with_args(vec![array, value]).kernel("array_position", DataType::Int64, nullable, |args| {
        let elements = Elements::new(args)?;
        let position = |row| elements.known(row).then(|| elements.position(row).map_or(0, |at| at as i64 + 1));
        Ok(Arc::new((0..args.rows).map(position).collect::<Int64Array>()))
    }))
}

/// `array_remove(array, x)`: without the elements equal to it.
pub fn array_remove(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (array, value) = array_and_value(call, 0, 1)?;
    let nullable = array.nullable || value.nullable;
    let output = array.data_type.clone();
    Ok(call.with_args(vec![array, value]).kernel("array_remove", output, nullable, |args| {
        let elements = Elements::new(args)?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if !elements.known(row) {
                builder.null_row();
                continue;
            }
            builder.extend(bounds(&elements.list, row).filter(|at| !elements.equals(*at, row)));
            builder.end_row();
        }
        builder.finish(elements.list.values(), args.return_type)
    }))
}

/// `arrays_overlap(a, b)`: NULL if no element is in both but NULLs could be.
pub fn arrays_overlap(call: &Call) -> Result<Typed> {
    let (left, right) = two_arrays(call)?;
    let has_null = |arg: &Typed| super::list::element_of(&arg.data_type).is_some_and(|element| element.is_nullable());
    let nullable = left.nullable || right.nullable || has_null(&left) || has_null(&right);
    Ok(call.with_args(vec![left, right]).kernel("arrays_overlap", DataType::Boolean, nullable, |args| {
        let (left, right) = (list_arg(args, 0)?, list_arg(args, 1)?);
        let rows = comparable(&[left.values(), right.values()])?;
        let overlap = |row: usize| {
            if left.is_null(row) || right.is_null(row) {
                return None;
            }
            let (a, b) = (bounds(&left, row), bounds(&right, row));
            let known = |array: &ArrayRef, at: usize| array.is_valid(at);
            let set: std::collections::HashSet<_> =
                b.clone().filter(|at| known(right.values(), *at)).map(|at| rows[1].row(at)).collect();
            if a.clone().any(|at| known(left.values(), at) && set.contains(&rows[0].row(at))) {
                return Some(true);
            }
            let unknown =
                a.clone().any(|at| left.values().is_null(at)) || b.clone().any(|at| right.values().is_null(at));
            if unknown && !a.is_empty() && !b.is_empty() { None } else { Some(false) }
        };
        Ok(Arc::new((0..args.rows).map(overlap).collect::<BooleanArray>()))
    }))
}

/// `element_at(array, position)`: positions from 1 or from the end; `element_at(map, key)`.
pub fn element_at(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    at(call, call.env.ansi)
}

/// `try_element_at(array, position)`: NULL past the end.
pub fn try_element_at(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    at(call, false)
}

fn at(call: &Call, strict: bool) -> Result<Typed> {
    if entry_of(&call.args[0].data_type).is_some() {
        return map_value(call, call.display(), false);
    }
    let element = require_array(call, 0)?;
    if !call.args[1].data_type.is_integer() || call.args[1].data_type == DataType::Int64 {
        return Err(call.unexpected_type(1, "\"INT\""));
    }
    let (output, contains_null) = (element.data_type().clone(), element.is_nullable());
    let nullable = element_nullable(call, 1, strict, contains_null);
    let own = crate::collation::of_column(element).to_string();
    let inner = call.with_args(vec![call.args[0].clone(), call.coerce(1, &DataType::Int32)?]);
    let param = if strict { "strict" } else { "" }.to_string();
    let typed = inner.kernel_with("element_at", output, nullable, param, |args| {
        pick(args, |position, length, args| {
            if position == 0 {
                let error = SparkError::new("INVALID_INDEX_OF_ZERO");
                return Err(if args.param == "strict" { error } else { error.placeless() });
            }
            let index = if position > 0 { position - 1 } else { length + position };
            if (0..length).contains(&index) {
                return Ok(Some(index));
            }
            if args.param != "strict" {
                return Ok(None);
            }
            Err(SparkError::new("INVALID_ARRAY_INDEX_IN_ELEMENT_AT")
                .with("indexValue", position.to_string())
                .with("arraySize", length.to_string()))
        })
    });
    Ok(crate::collation::with(typed, &own, false))
}

/// Whether the element may be NULL: of `array(...)` at a constant place that of its argument; at another constant
/// place always; elsewhere that of the elements where a place outside is an error.
fn element_nullable(call: &Call, base: i64, strict: bool, contains_null: bool) -> bool {
    use datafusion::logical_expr::Expr;
    use datafusion::scalar::ScalarValue;
    let index = constant::evaluate(&call.args[1].expr).and_then(|value| match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(index)) => index,
        _ => None,
    });
    let Some(index) = index else { return !strict || contains_null || call.any_nullable() };
    let Expr::ScalarFunction(function) = &call.args[0].expr else { return true };
    if function.func.name() != "array" {
        return true;
    }
    match usize::try_from(index - base).ok().and_then(|at| function.args.get(at)) {
        Some(Expr::Literal(value, _)) => value.is_null(),
        Some(_) => contains_null,
        None => !strict || contains_null,
    }
}

/// Takes one element a row; `index_of` says which, from the given position and the array's length.
fn pick(args: &KernelArgs, index_of: fn(i64, i64, &KernelArgs) -> Result<Option<i64>>) -> Result<ArrayRef> {
    let list = list_arg(args, 0)?;
    let positions = arrow::compute::cast(&args.array(1)?, &DataType::Int64).map_err(from_arrow)?;
    let positions = positions.as_primitive::<Int64Type>();
    let mut places: Vec<Option<u64>> = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        if list.is_null(row) || positions.is_null(row) {
            places.push(None);
            continue;
        }
        let bounds = bounds(&list, row);
        let index = index_of(positions.value(row), bounds.len() as i64, args)?;
        places.push(index.map(|index| bounds.start as u64 + index as u64));
    }
    let values = take(list.values(), &UInt64Array::from(places), None).map_err(from_arrow)?;
    super::list::retyped(values, args.return_type)
}

/// `get(array, index)`: indexes from 0; NULL outside.
pub fn get(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let name = call.display();
    item(call, false, name)
}

/// `array[index]`: indexes from 0; outside an error in ANSI mode.
pub(super) fn item(call: &Call, strict: bool, name: String) -> Result<Typed> {
    let element = require_array(call, 0)?;
    if !(call.args[1].data_type.is_integer() || call.args[1].data_type == DataType::Null) {
        return Err(call.unexpected_type(1, "\"INTEGRAL\""));
    }
    let (output, contains_null) = (element.data_type().clone(), element.is_nullable());
    let nullable = element_nullable(call, 0, strict, contains_null);
    let param = if strict { "strict" } else { "" }.to_string();
    let index = match call.args[1].data_type {
        DataType::Null => call.coerce(1, &DataType::Int32)?,
        _ => call.args[1].clone(),
    };
    let inner = call.with_args(vec![call.args[0].clone(), index]);
    let typed = inner.kernel_with("get", output, nullable, param, |args| {
        pick(args, |index, length, args| {
            if (0..length).contains(&index) {
                return Ok(Some(index));
            }
            if args.param != "strict" {
                return Ok(None);
            }
            Err(SparkError::new("INVALID_ARRAY_INDEX")
                .with("indexValue", index.to_string())
                .with("arraySize", length.to_string()))
        })
    });
    Ok(typed.named(name))
}

/// The value of a key (argument 1) of a map (argument 0), NULL without it. `cast_key` makes the given key one of
/// the map's type; otherwise both take their common type.
pub(super) fn map_value(call: &Call, name: String, cast_key: bool) -> Result<Typed> {
    let Some((key, value)) = entry_of(&call.args[0].data_type) else {
        return Err(call.unexpected_type(0, "\"MAP\""));
    };
    let common = if cast_key {
        Some(key.data_type().clone())
    } else {
        super::list::element_type(key.data_type(), &call.args[1].data_type, call.env)
            .filter(|_| same_collation(key, &call.args[1]))
    };
    let common = common.ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES")
            .with("functionName", firesteel_protocol::types::name::quote(call.name))
            .with("dataType", "\"MAP\"")
            .with("leftType", super::list::sql(&call.args[0].data_type))
            .with("rightType", super::list::sql(&call.args[1].data_type))
            .with("sqlExpr", format!("\"{}\"", call.display()))
    })?;
    let output = value.data_type().clone();
    let map_type = firesteel_protocol::types::map(common.clone(), output.clone(), value.is_nullable());
    let map = if key.data_type() == &common { call.args[0].clone() } else { call.coerce(0, &map_type)? };
    let metadata = value.metadata().clone();
    let inner = call.with_args(vec![map, call.coerce(1, &common)?]);
    let mut typed = inner.kernel("map_value", output, true, |args| {
        let map = map_arg(args, 0)?;
        let keys = super::list::retyped(args.array(1)?, map.keys().data_type())?;
        let compared = |keys: &ArrayRef| super::map::compared(keys, map.data_type());
        let rows = comparable(&[&compared(map.keys())?, &compared(&keys)?])?;
        let place = |row: usize| {
            if map.is_null(row) || keys.is_null(row) {
                return None;
            }
            // Of keys that occur twice the first counts.
            map_bounds(&map, row).find(|at| rows[0].row(*at) == rows[1].row(row)).map(|at| at as u64)
        };
        let places: UInt64Array = (0..args.rows).map(place).collect();
        let values = take(map.values(), &places, None).map_err(from_arrow)?;
        super::list::retyped(values, args.return_type)
    });
    let of_value = types::carrying(typed.field().as_ref().clone(), &metadata);
    typed.metadata = of_value.metadata().clone();
    Ok(typed.named(name))
}

/// Whether a map's key and what is looked for have one collation.
fn same_collation(key: &arrow::datatypes::Field, wanted: &Typed) -> bool {
    let of = types::collation::of;
    wanted.data_type != DataType::Utf8 || of(key.metadata()) == of(&wanted.metadata)
}

/// `map_contains_key(map, key)`.
pub fn map_contains_key(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let wrong = || {
        SparkError::new("DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("functionName", "`map_contains_key`")
            .with("dataType", "\"MAP\"")
            .with("leftType", format!("\"{}\"", call.args[0].sql_type()))
            .with("rightType", format!("\"{}\"", call.args[1].sql_type()))
    };
    let (key, value) = super::list::entry_of(&call.args[0].data_type).ok_or_else(wrong)?;
    let text = |data_type: &DataType| data_type == &DataType::Utf8;
    let common = common_type(key.data_type(), &call.args[1].data_type, call.env)
        .filter(|_| call.args[1].data_type.is_null() || text(key.data_type()) == text(&call.args[1].data_type))
        .filter(|_| same_collation(key, &call.args[1]))
        .ok_or_else(wrong)?;
    let map_type = firesteel_protocol::types::map(common.clone(), value.data_type().clone(), value.is_nullable());
    let map = if key.data_type() == &common { call.args[0].clone() } else { call.coerce(0, &map_type)? };
    let inner = call.with_args(vec![map, call.coerce(1, &common)?]);
    Ok(inner.kernel("map_contains_key", DataType::Boolean, true, |args| {
        let map = map_arg(args, 0)?;
        let keys = super::list::retyped(args.array(1)?, map.keys().data_type())?;
        let compared = |keys: &ArrayRef| super::map::compared(keys, map.data_type());
        let rows = comparable(&[&compared(map.keys())?, &compared(&keys)?])?;
        let found = |row: usize| {
            (map.is_valid(row) && keys.is_valid(row))
                .then(|| map_bounds(&map, row).any(|at| rows[0].row(at) == rows[1].row(row)))
        };
        Ok(Arc::new((0..args.rows).map(found).collect::<BooleanArray>()))
    }))
}

/// `array_distinct(array)`: the first of equal elements.
pub fn array_distinct(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    super::order::require_order_of_elements(call, 0)?;
    let output = call.args[0].data_type.clone();
    Ok(call.kernel("array_distinct", output, call.args[0].nullable, |args| {
        let list = list_arg(args, 0)?;
        let rows = comparable(&[list.values()])?;
        let mut builder = ListBuilder::with_capacity(args.rows);
        let mut seen = std::collections::HashSet::new();
        for row in 0..args.rows {
            if list.is_null(row) {
                builder.null_row();
                continue;
            }
            seen.clear();
            builder.extend(bounds(&list, row).filter(|at| seen.insert(rows[0].row(*at))));
            builder.end_row();
        }
        builder.finish(list.values(), args.return_type)
    }))
}

/// `array_union(a, b)`: distinct elements of both.
pub fn array_union(call: &Call) -> Result<Typed> {
    set_operation(call, "array_union", |a, b| a || b)
}

/// `array_intersect(a, b)`: distinct elements that are in both.
pub fn array_intersect(call: &Call) -> Result<Typed> {
    set_operation(call, "array_intersect", |a, b| a && b)
}

/// `array_except(a, b)`: distinct elements of the first that are not in the second.
pub fn array_except(call: &Call) -> Result<Typed> {
    set_operation(call, "array_except", |a, _| a)
}

fn set_operation(call: &Call, name: &'static str, contains_null: fn(bool, bool) -> bool) -> Result<Typed> {
    let (left, right) = two_arrays(call)?;
    super::order::require_order_of_elements(call, 0)?;
    let element = |arg: &Typed| {
        super::list::element_of(&arg.data_type).map(|field| (field.data_type().clone(), field.is_nullable()))
    };
    let (Some((data_type, a)), Some((_, b))) = (element(&left), element(&right)) else {
        return Err(SparkError::internal("two arrays are arrays"));
    };
    let output = list_of(&data_type, contains_null(a, b));
    let nullable = left.nullable || right.nullable;
    let inner = call.with_args(vec![left, right]);
    Ok(inner.kernel_with(name, output, nullable, name.to_string(), |args| {
        let (left, right) = (list_arg(args, 0)?, list_arg(args, 1)?);
        let (pool, starts) = super::list::pool(&[left.values(), right.values()])?;
        let rows = comparable(&[&pool])?;
        let rows = &rows[0];
        let mut builder = ListBuilder::with_capacity(args.rows);
        for row in 0..args.rows {
            if left.is_null(row) || right.is_null(row) {
                builder.null_row();
                continue;
            }
            let second = || bounds(&right, row).map(|at| at + starts[1]);
            let others: std::collections::HashSet<_> = match args.param {
                "array_union" => std::collections::HashSet::new(),
                _ => second().map(|at| rows.row(at)).collect(),
            };
            let mut seen = std::collections::HashSet::new();
            for at in bounds(&left, row) {
                let wanted = match args.param {
                    "array_union" => true,
                    "array_intersect" => others.contains(&rows.row(at)),
                    _ => !others.contains(&rows.row(at)),
                };
                if wanted && seen.insert(rows.row(at)) {
                    builder.push(Some(at));
                }
            }
            if args.param == "array_union" {
                for at in second() {
                    if seen.insert(rows.row(at)) {
                        builder.push(Some(at));
                    }
                }
            }
            builder.end_row();
        }
        builder.finish(&pool, args.return_type)
    }))
}
