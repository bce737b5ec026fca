//! Vectors, as arrays of FLOAT: products, distances, norms. All arithmetic is that of FLOAT, as in Spark.

mod aggregate;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float32Builder, ListBuilder};
use arrow::datatypes::{DataType, Field, Float32Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::registry::{Entry, Kind};
use crate::rowwise::complete;
use crate::{Call, Typed};

/// This family's functions.
pub const TABLE: &[Entry] = &[
    Entry { name: "vector_avg", kind: Kind::Aggregate(aggregate::vector_avg) },
    Entry { name: "vector_sum", kind: Kind::Aggregate(aggregate::vector_sum) },
    Entry { name: "vector_cosine_similarity", kind: Kind::Scalar(of_two) },
    Entry { name: "vector_inner_product", kind: Kind::Scalar(of_two) },
    Entry { name: "vector_l2_distance", kind: Kind::Scalar(of_two) },
    Entry { name: "vector_norm", kind: Kind::Scalar(vector_norm) },
    Entry { name: "vector_normalize", kind: Kind::Scalar(vector_normalize) },
];

/// Argument `index`, which must be an array of FLOAT.
fn vector_arg(call: &Call, index: usize) -> Result<Typed> {
    let arg = &call.args[index];
    match &arg.data_type {
        DataType::List(element) if element.data_type() == &DataType::Float32 => Ok(arg.clone()),
        DataType::Null => crate::coerce::cast_silently(arg.clone(), &types::array(DataType::Float32, true), call.env),
        _ => Err(call.unexpected_type(index, "\"ARRAY<FLOAT>\"")),
    }
}

/// `VECTOR_DIMENSION_MISMATCH`.
fn mismatch(function: &str, left: usize, right: usize) -> SparkError {
    SparkError::new("VECTOR_DIMENSION_MISMATCH")
        .with("functionName", name::quote(function))
        .with("leftDim", left.to_string())
        .with("rightDim", right.to_string())
}

/// The vectors of a column, row by row; a vector with a NULL in it has no value.
fn vectors(array: &ArrayRef) -> impl Iterator<Item = Option<Float32Array>> + '_ {
    array.as_list::<i32>().iter().map(|vector| vector.map(|vector| vector.as_primitive::<Float32Type>().clone()))
}

/// `vector_inner_product(a, b)`, `vector_cosine_similarity(a, b)`, `vector_l2_distance(a, b)`.
fn of_two(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.with_args(vec![vector_arg(call, 0)?, vector_arg(call, 1)?]);
    let which = call.name.to_ascii_lowercase();
    Ok(inner.kernel_with("ansi_vectors", DataType::Float32, true, which, two).named(call.display()))
}

fn two(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let compute: fn(&[f32], &[f32]) -> Option<f32> = match args.param {
        "vector_cosine_similarity" => cosine,
        "vector_l2_distance" => distance,
        _ => |left, right| Some(product(left, right)),
    };
    let (left, right) = (args.array(0)?, args.array(1)?);
    let rows = vectors(&left).zip(vectors(&right)).map(|pair| {
        let (Some(left), Some(right)) = pair else { return Ok(None) };
        if left.len() != right.len() {
            return Err(mismatch(args.param, left.len(), right.len()));
        }
        if left.null_count() + right.null_count() > 0 {
            return Ok(None);
        }
        Ok(compute(left.values(), right.values()))
    });
    Ok(Arc::new(rows.collect::<Result<Float32Array>>()?))
}

fn product(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).fold(0.0, |sum, (a, b)| sum + a * b)
}

/// No value where a vector is zero.
fn cosine(left: &[f32], right: &[f32]) -> Option<f32> {
    let squares = product(left, left) * product(right, right);
    (squares > 0.0).then(|| product(left, right) / squares.sqrt())
}

fn distance(left: &[f32], right: &[f32]) -> Option<f32> {
    Some(left.iter().zip(right).fold(0.0_f32, |sum, (a, b)| sum + (a - b) * (a - b)).sqrt())
}

/// The call with its degree, 2 unless it is given.
fn with_degree<'a>(call: &'a Call) -> Result<Call<'a>> {
    let call = complete(call, 2, &[(ScalarValue::Float32(Some(2.0)), "2.0")])?;
    let vector = vector_arg(&call, 0)?;
    let degree = match call.args[1].data_type {
        DataType::Float32 => call.args[1].clone(),
        DataType::Utf8 => return Err(call.unexpected_type(1, "\"FLOAT\"")),
        _ => call.coerce(1, &DataType::Float32)?,
    };
    let (name, distinct, env) = (call.name, call.distinct, call.env);
    Ok(Call { name, args: vec![vector, degree], distinct, ignore_nulls: false, env })
}

/// `vector_norm(v[, degree])`: degree 1, 2 or infinity.
fn vector_norm(call: &Call) -> Result<Typed> {
    let call = with_degree(call)?;
    Ok(call.kernel("ansi_vector_norm", DataType::Float32, true, |args| {
        let degrees = args.array(1)?;
        let degrees = degrees.as_primitive::<Float32Type>();
        let norms = vectors(&args.array(0)?)
            .enumerate()
            .map(|(row, vector)| match vector {
                Some(vector) if vector.null_count() == 0 && degrees.is_valid(row) => {
                    norm(vector.values(), degrees.value(row), "vector_norm").map(Some)
                }
                _ => Ok(None),
            })
            .collect::<Result<Float32Array>>()?;
        Ok(Arc::new(norms))
    }))
}

fn norm(vector: &[f32], degree: f32, function: &str) -> Result<f32> {
    if degree == 1.0 {
        return Ok(vector.iter().fold(0.0, |sum, value| sum + value.abs()));
    }
    if degree == 2.0 {
        return Ok(product(vector, vector).sqrt());
    }
    if degree == f32::INFINITY {
        return Ok(vector.iter().fold(0.0, |most, value| value.abs().max(most)));
    }
    Err(SparkError::new("INVALID_VECTOR_NORM_DEGREE")
        .with("functionName", name::quote(function))
        .with("degree", crate::cast::text::format_f32(degree)))
}

/// `vector_normalize(v[, degree])`: the vector divided by its norm; NULL for one that is zero.
fn vector_normalize(call: &Call) -> Result<Typed> {
    let call = with_degree(call)?;
    let output = types::array(DataType::Float32, true);
    Ok(call.kernel("ansi_vector_normalize", output, true, |args| {
        let degrees = args.array(1)?;
        let degrees = degrees.as_primitive::<Float32Type>();
        let field = Field::new("element", DataType::Float32, true);
        let mut builder = ListBuilder::new(Float32Builder::new()).with_field(field);
        for (row, vector) in vectors(&args.array(0)?).enumerate() {
            let divided = match vector {
                Some(vector) if vector.null_count() == 0 && degrees.is_valid(row) => {
                    let norm = norm(vector.values(), degrees.value(row), "vector_normalize")?;
                    (norm != 0.0 || vector.is_empty())
                        .then(|| vector.values().iter().map(|value| value / norm).collect::<Vec<_>>())
                }
                _ => None,
            };
            let valid = divided.is_some();
            builder.values().append_slice(&divided.unwrap_or_default());
            builder.append(valid);
        }
        Ok(Arc::new(builder.finish()))
    }))
}
