//! `map_filter`, `transform_keys`, `transform_values`, `map_zip_with`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use firesteel_protocol::{Result, SparkError, types};

use super::super::list::{comparable, map_bounds, pool, require_map, sql};
use super::super::map::{MapBuilder, compared, new_map};
use super::function::{Args, Builder, Elements};
use crate::coerce::common_type;
use crate::kernel::from_arrow;
use crate::{Call, Lambdas, Typed};

fn map_of(args: &Args, index: usize) -> Result<MapArray> {
    let array = &args.values[index];
    array
        .as_any()
        .downcast_ref::<MapArray>()
        .cloned()
        .ok_or_else(|| SparkError::internal(format!("expected a map, got {}", array.data_type())))
}

fn entries(map: &MapArray) -> Elements {
    Elements::of_rows(map.len(), |row| if map.is_valid(row) { map_bounds(map, row) } else { 0..0 })
}

/// The lambda over keys and values.
fn evaluate(args: &Args, map: &MapArray, entries: &Elements) -> Result<ArrayRef> {
    args.evaluate(0, vec![entries.values(map.keys())?, entries.values(map.values())?], &entries.outer)
}

fn params(call: &Call) -> Result<[Field; 2]> {
    let (key, value) = require_map(call, 0)?;
    Ok([key, value].map(|field| field.as_ref().clone()))
}

/// `map_filter(map, (k, v) -> ...)`.
pub fn map_filter(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let params = params(call)?;
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&params)?;
    let (data_type, name) = (body.data_type.clone(), body.name.clone());
    builder.coerce_body(0, &DataType::Boolean).ok_or_else(|| {
        let lambda = super::function::lambda_name(&name, 2);
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}({}, {lambda})\"", call.name, call.args[0].name))
            .with("paramIndex", "second")
            .with("requiredType", "\"BOOLEAN\"")
            .with("inputSql", format!("\"{lambda}\""))
            .with("inputType", sql(&data_type))
    })?;
    let output = call.args[0].data_type.clone();
    Ok(builder.finish("map_filter", output, call.args[0].nullable, |args| {
        let map = map_of(args, 0)?;
        let entries = entries(&map);
        let keep = evaluate(args, &map, &entries)?;
        let keep: &BooleanArray = keep.as_boolean();
        let mut places: Vec<u64> = vec![];
        let mut lengths = Vec::with_capacity(args.rows);
        let mut at = 0;
        for length in &entries.lengths {
            let before = places.len();
            for at in at..at + length {
                if keep.is_valid(at) && keep.value(at) {
                    places.push(entries.places.value(at));
                }
            }
            at += length;
            lengths.push(places.len() - before);
        }
        let places = UInt64Array::from(places);
        let keys = take(map.keys(), &places, None).map_err(from_arrow)?;
        let values = take(map.values(), &places, None).map_err(from_arrow)?;
        new_map(args.return_type, OffsetBuffer::from_lengths(lengths), keys, values, map.nulls().cloned())
    }))
}

/// `transform_values(map, (k, v) -> ...)`.
pub fn transform_values(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let params = params(call)?;
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&params)?;
    let output = types::map_carrying(
        (params[0].data_type().clone(), params[0].metadata()),
        (body.data_type.clone(), &body.metadata),
        body.nullable,
    );
    Ok(builder.finish("transform_values", output, call.args[0].nullable, |args| {
        let map = map_of(args, 0)?;
        let entries = entries(&map);
        let values = evaluate(args, &map, &entries)?;
        let offsets = OffsetBuffer::from_lengths(entries.lengths.iter().copied());
        new_map(args.return_type, offsets, entries.values(map.keys())?, values, map.nulls().cloned())
    }))
}

/// `transform_keys(map, (k, v) -> ...)`.
pub fn transform_keys(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let params = params(call)?;
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&params)?;
    let output = types::map_carrying(
        (body.data_type.clone(), &body.metadata),
        (params[1].data_type().clone(), params[1].metadata()),
        params[1].is_nullable(),
    );
    Ok(builder.finish("transform_keys", output, call.args[0].nullable, |args| {
        let map = map_of(args, 0)?;
        let entries = entries(&map);
        let keys = evaluate(args, &map, &entries)?;
        let values = entries.values(map.values())?;
        let mut builder = MapBuilder::new(args.rows);
        let mut at = 0;
        for (row, length) in entries.lengths.iter().enumerate() {
            let run = at..at + length;
            at = run.end;
            builder.entries.push(map.is_valid(row).then(|| run.map(|at| (at, Some(at))).collect()));
        }
        builder.finish_as(&keys, &values, args.return_type, args.env)
    }))
}

/// `map_zip_with(a, b, (k, x, y) -> ...)`: over the keys of both; a value that one lacks is NULL.
pub fn map_zip_with(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(2)?;
    let ((key_a, a), (key_b, b)) = (require_map(call, 0)?, require_map(call, 1)?);
    let key = common_type(key_a.data_type(), key_b.data_type(), call.env).ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES")
            .with("functionName", types::name::quote(call.name))
            .with("leftType", sql(key_a.data_type()))
            .with("rightType", sql(key_b.data_type()))
            .with("sqlExpr", format!("\"{}\"", call.display()))
    })?;
    let of = |value: &Field| {
        let (data_type, metadata) = (value.data_type().clone(), value.metadata());
        types::map_carrying((key.clone(), key_a.metadata()), (data_type, metadata), value.is_nullable())
    };
    let call = &call.with_args(vec![call.coerce(0, &of(a.as_ref()))?, call.coerce(1, &of(b.as_ref()))?]);
    let of_key = types::carrying(Field::new("key", key.clone(), false), key_a.metadata());
    let params = [of_key.clone(), a.as_ref().clone().with_nullable(true), b.as_ref().clone().with_nullable(true)];
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&params)?;
    let output = types::map_carrying((key, of_key.metadata()), (body.data_type.clone(), &body.metadata), body.nullable);
    let nullable = call.any_nullable();
    Ok(builder.finish("map_zip_with", output, nullable, |args| {
        let (a, b) = (map_of(args, 0)?, map_of(args, 1)?);
        let (keys, starts) = pool(&[a.keys(), b.keys()])?;
        let rows = comparable(&[&compared(&keys, args.return_type)?])?;
        let rows = &rows[0];
        let (mut key, mut left, mut right, mut outer) = (vec![], vec![], vec![], vec![]);
        let mut lengths = Vec::with_capacity(args.rows);
        let mut valid = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let known = a.is_valid(row) && b.is_valid(row);
            valid.push(known);
            let before = key.len();
            if known {
                let mut places = HashMap::new();
                for at in map_bounds(&a, row) {
                    places.insert(rows.row(at), key.len());
                    key.push(at as u64);
                    left.push(Some(at as u64));
                    right.push(None);
                }
                for at in map_bounds(&b, row) {
                    let pooled = at + starts[1];
                    if let Some(place) = places.get(&rows.row(pooled)) {
                        right[*place] = Some(at as u64);
                    } else {
                        key.push(pooled as u64);
                        left.push(None);
                        right.push(Some(at as u64));
                    }
                }
            }
            outer.extend(std::iter::repeat_n(row as u64, key.len() - before));
            lengths.push(key.len() - before);
        }
        let key = take(&keys, &UInt64Array::from(key), None).map_err(from_arrow)?;
        let x = take(a.values(), &UInt64Array::from(left), None).map_err(from_arrow)?;
        let y = take(b.values(), &UInt64Array::from(right), None).map_err(from_arrow)?;
        let values = args.evaluate(0, vec![Arc::clone(&key), x, y], &UInt64Array::from(outer))?;
        new_map(args.return_type, OffsetBuffer::from_lengths(lengths), key, values, Some(valid.into()))
    }))
}
