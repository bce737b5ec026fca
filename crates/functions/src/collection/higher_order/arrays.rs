//! `transform`, `filter`, `exists`, `forall`, `zip_with`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};
use firesteel_protocol::{Result, SparkError, types};

use super::super::list::{ListBuilder, bounds, element_of, new_list, require_array};
use super::function::{Args, Builder, Elements};
use crate::kernel::from_arrow;
use crate::{Call, Lambdas, Typed};

/// `transform(array, x -> ...)`, `transform(array, (x, i) -> ...)`.
pub fn transform(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&with_index(element, lambdas))?;
    let output = types::array_carrying(body.data_type.clone(), body.nullable, &body.metadata);
    Ok(builder.finish("transform", output, call.args[0].nullable, |args| {
        let list = args.list(0)?;
        let elements = Elements::of(&list);
        let values = evaluate(args, &elements, list.values())?;
        let element = element_of(args.return_type).ok_or_else(|| SparkError::internal("transform yields a list"))?;
        let offsets = OffsetBuffer::from_lengths(elements.lengths.iter().copied());
        new_list(element, offsets, values, list.nulls().cloned())
    }))
}

/// The first lambda over elements and their indexes.
fn evaluate(args: &Args, elements: &Elements, pool: &ArrayRef) -> Result<ArrayRef> {
    let indexes: ArrayRef = Arc::new(Int32Array::from(elements.indexes.clone()));
    args.evaluate(0, vec![elements.values(pool)?, indexes], &elements.outer)
}

/// The parameters of a lambda that may name the index too.
fn with_index(element: &FieldRef, lambdas: &dyn Lambdas) -> Vec<Field> {
    let mut params = vec![element.as_ref().clone()];
    if lambdas.arity(0) == Some(2) {
        params.push(Field::new("index", DataType::Int32, false));
    }
    params
}

/// Resolves a predicate, which must be a BOOLEAN.
fn predicate(builder: &mut Builder<'_, '_>, call: &Call, params: &[Field]) -> Result<bool> {
    let body = builder.lambda(params)?;
    let nullable = body.nullable;
    let (data_type, name) = (body.data_type.clone(), body.name.clone());
    // Spark casts no text to the result of a lambda function.
    let is_text = data_type == DataType::Utf8;
    builder.coerce_body(0, &DataType::Boolean).filter(|()| !is_text).ok_or_else(|| {
        let lambda = super::function::lambda_name(&name, 1);
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}({}, {lambda})\"", call.name, call.args[0].name))
            .with("paramIndex", "second")
            .with("requiredType", "\"BOOLEAN\"")
            .with("inputSql", format!("\"{lambda}\""))
            .with("inputType", super::super::list::sql(&data_type))
    })?;
    Ok(nullable)
}

/// `filter(array, x -> ...)`, `filter(array, (x, i) -> ...)`.
pub fn filter(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    let mut builder = Builder::new(call, lambdas);
    predicate(&mut builder, call, &with_index(element, lambdas))?;
    let output = call.args[0].data_type.clone();
    Ok(builder.finish("filter", output, call.args[0].nullable, |args| {
        let list = args.list(0)?;
        let elements = Elements::of(&list);
        let keep = evaluate(args, &elements, list.values())?;
        let keep: &BooleanArray = keep.as_boolean();
        let mut builder = ListBuilder::with_capacity(args.rows);
        let mut at = 0;
        for row in 0..args.rows {
            if list.is_null(row) {
                builder.null_row();
                continue;
            }
            for place in bounds(&list, row) {
                if keep.is_valid(at) && keep.value(at) {
                    builder.push(Some(place));
                }
                at += 1;
            }
            builder.end_row();
        }
        builder.finish(list.values(), args.return_type)
    }))
}

/// `exists(array, x -> ...)`: NULL if none is true and one is NULL.
pub fn exists(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    let typed = quantifier(call, lambdas, "exists", |args| quantified(args, true))?;
    let nullable = if call.env.legacy.exists_without_null { call.args[0].nullable } else { typed.nullable };
    Ok(Typed { nullable, ..typed })
}

/// `forall(array, x -> ...)`: NULL if none is false and one is NULL.
pub fn forall(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    quantifier(call, lambdas, "forall", |args| quantified(args, false))
}

fn quantifier(
    call: &Call,
    lambdas: &dyn Lambdas,
    name: &'static str,
    kernel: super::function::Kernel,
) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    let mut builder = Builder::new(call, lambdas);
    let nullable = predicate(&mut builder, call, &[element.as_ref().clone()])?;
    Ok(builder.finish(name, DataType::Boolean, call.args[0].nullable || nullable, kernel))
}

/// `decisive` is the value of one element that decides for the array.
fn quantified(args: &Args, decisive: bool) -> Result<ArrayRef> {
    let list = args.list(0)?;
    let elements = Elements::of(&list);
    let truth = args.evaluate(0, vec![elements.values(list.values())?], &elements.outer)?;
    let truth: &BooleanArray = truth.as_boolean();
    let mut at = 0;
    let mut result = Vec::with_capacity(args.rows);
    for (row, length) in elements.lengths.iter().enumerate() {
        let run = at..at + length;
        at = run.end;
        result.push(if list.is_null(row) {
            None
        } else if run.clone().any(|at| truth.is_valid(at) && truth.value(at) == decisive) {
            Some(decisive)
        } else if run.into_iter().any(|at| truth.is_null(at)) && !(decisive && args.env.legacy.exists_without_null) {
            None
        } else {
            Some(!decisive)
        });
    }
    Ok(Arc::new(result.into_iter().collect::<BooleanArray>()))
}

/// `zip_with(a, b, (x, y) -> ...)`: the shorter array is filled up with NULLs.
pub fn zip_with(call: &Call, lambdas: &dyn Lambdas) -> Result<Typed> {
    call.arity(2)?;
    let (a, b) = (require_array(call, 0)?, require_array(call, 1)?);
    let mut builder = Builder::new(call, lambdas);
    let body = builder.lambda(&[a, b].map(|element| element.as_ref().clone().with_nullable(true)))?;
    let output = types::array_carrying(body.data_type.clone(), body.nullable, &body.metadata);
    Ok(builder.finish("zip_with", output, call.any_nullable(), |args| {
        let (a, b) = (args.list(0)?, args.list(1)?);
        let known = |row: usize| a.is_valid(row) && b.is_valid(row);
        let (mut left, mut right, mut outer) = (vec![], vec![], vec![]);
        let mut lengths = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            let (x, y) = if known(row) { (bounds(&a, row), bounds(&b, row)) } else { (0..0, 0..0) };
            let length = x.len().max(y.len());
            left.extend((0..length).map(|at| (at < x.len()).then_some((x.start + at) as u64)));
            right.extend((0..length).map(|at| (at < y.len()).then_some((y.start + at) as u64)));
            outer.extend(std::iter::repeat_n(row as u64, length));
            lengths.push(length);
        }
        let x = take(a.values(), &UInt64Array::from(left), None).map_err(from_arrow)?;
        let y = take(b.values(), &UInt64Array::from(right), None).map_err(from_arrow)?;
        let values = args.evaluate(0, vec![x, y], &UInt64Array::from(outer))?;
        let element = element_of(args.return_type).ok_or_else(|| SparkError::internal("zip_with yields a list"))?;
        let valid: Vec<bool> = (0..args.rows).map(known).collect();
        new_list(element, OffsetBuffer::from_lengths(lengths), values, Some(valid.into()))
    }))
}
