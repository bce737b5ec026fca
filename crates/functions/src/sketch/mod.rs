//! Sketches: small binary summaries of many values, in the format of Apache DataSketches, so that those of other
//! engines can be read. `fold` makes aggregate functions of them; a file a kind of sketch, then `bitmap` and `count_min`.

mod bitmap;
mod count_min;
mod fold;
mod frequent;
mod hll;
mod kll;
mod theta;
mod top_k;
mod tuple;

use std::hash::{Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;
use datasketches::hash::value::{canonical_float, raw_bytes};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::cast_silently;
use crate::registry::{Entry, Kind};
use crate::{Call, Typed, constant};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

const fn aggregate(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Aggregate(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    aggregate("approx_top_k", top_k::approx_top_k),
    aggregate("approx_top_k_accumulate", top_k::accumulate),
    aggregate("approx_top_k_combine", top_k::combine),
    scalar("approx_top_k_estimate", top_k::estimate),
    aggregate("hll_sketch_agg", hll::sketch_agg),
    aggregate("hll_union_agg", hll::union_agg),
    scalar("hll_sketch_estimate", hll::estimate),
    scalar("hll_union", hll::union),
    aggregate("theta_sketch_agg", theta::sketch_agg),
    aggregate("theta_union_agg", theta::union_agg),
    aggregate("theta_intersection_agg", theta::intersection_agg),
    scalar("theta_sketch_estimate", theta::estimate),
    scalar("theta_union", theta::union),
    scalar("theta_intersection", theta::intersection),
    scalar("theta_difference", theta::difference),
    aggregate("kll_sketch_agg_bigint", kll::sketch_agg::<i64>),
    aggregate("kll_sketch_agg_float", kll::sketch_agg::<kll::Float>),
    aggregate("kll_sketch_agg_double", kll::sketch_agg::<kll::Double>),
    aggregate("kll_merge_agg_bigint", kll::merge_agg::<i64>),
    aggregate("kll_merge_agg_float", kll::merge_agg::<kll::Float>),
    aggregate("kll_merge_agg_double", kll::merge_agg::<kll::Double>),
    scalar("kll_sketch_merge_bigint", kll::merge::<i64>),
    scalar("kll_sketch_merge_float", kll::merge::<kll::Float>),
    scalar("kll_sketch_merge_double", kll::merge::<kll::Double>),
    scalar("kll_sketch_get_n_bigint", kll::get_n::<i64>),
    scalar("kll_sketch_get_n_float", kll::get_n::<kll::Float>),
    scalar("kll_sketch_get_n_double", kll::get_n::<kll::Double>),
    scalar("kll_sketch_get_quantile_bigint", kll::get_quantile::<i64>),
    scalar("kll_sketch_get_quantile_float", kll::get_quantile::<kll::Float>),
    scalar("kll_sketch_get_quantile_double", kll::get_quantile::<kll::Double>),
    scalar("kll_sketch_get_rank_bigint", kll::get_rank::<i64>),
    scalar("kll_sketch_get_rank_float", kll::get_rank::<kll::Float>),
    scalar("kll_sketch_get_rank_double", kll::get_rank::<kll::Double>),
    scalar("kll_sketch_to_string_bigint", kll::to_string::<i64>),
    scalar("kll_sketch_to_string_float", kll::to_string::<kll::Float>),
    scalar("kll_sketch_to_string_double", kll::to_string::<kll::Double>),
    aggregate("tuple_sketch_agg_double", tuple::sketch_agg::<f64>),
    aggregate("tuple_sketch_agg_integer", tuple::sketch_agg::<i32>),
    aggregate("tuple_union_agg_double", tuple::union_agg::<f64>),
    aggregate("tuple_union_agg_integer", tuple::union_agg::<i32>),
    aggregate("tuple_intersection_agg_double", tuple::intersection_agg::<f64>),
    aggregate("tuple_intersection_agg_integer", tuple::intersection_agg::<i32>),
    scalar("tuple_sketch_estimate_double", tuple::estimate::<f64>),
    scalar("tuple_sketch_estimate_integer", tuple::estimate::<i32>),
    scalar("tuple_sketch_theta_double", tuple::theta::<f64>),
    scalar("tuple_sketch_theta_integer", tuple::theta::<i32>),
    scalar("tuple_sketch_summary_double", tuple::summary::<f64>),
    scalar("tuple_sketch_summary_integer", tuple::summary::<i32>),
    scalar("tuple_union_double", tuple::union::<f64>),
    scalar("tuple_union_integer", tuple::union::<i32>),
    scalar("tuple_intersection_double", tuple::intersection::<f64>),
    scalar("tuple_intersection_integer", tuple::intersection::<i32>),
    scalar("tuple_difference_double", tuple::difference::<f64>),
    scalar("tuple_difference_integer", tuple::difference::<i32>),
    scalar("tuple_union_theta_double", tuple::union_theta::<f64>),
    scalar("tuple_union_theta_integer", tuple::union_theta::<i32>),
    scalar("tuple_intersection_theta_double", tuple::intersection_theta::<f64>),
    scalar("tuple_intersection_theta_integer", tuple::intersection_theta::<i32>),
    scalar("tuple_difference_theta_double", tuple::difference_theta::<f64>),
    scalar("tuple_difference_theta_integer", tuple::difference_theta::<i32>),
    aggregate("count_min_sketch", count_min::count_min_sketch),
    scalar("bitmap_bit_position", bitmap::bit_position),
    scalar("bitmap_bucket_number", bitmap::bucket_number),
    scalar("bitmap_count", bitmap::count),
    aggregate("bitmap_construct_agg", bitmap::construct_agg),
    aggregate("bitmap_or_agg", bitmap::or_agg),
    aggregate("bitmap_and_agg", bitmap::and_agg),
];

/// The name of the function without that of its values' type.
fn quoted(function: &str) -> String {
    name::quote(function)
}

/// Argument `index` if it is of one of the types, or widens to one without loss.
fn one_of(call: &Call, index: usize, accepted: &[DataType]) -> Result<Typed> {
    let arg = &call.args[index];
    // Whether elements may be NULL is no part of what is accepted.
    let same = |a: &DataType, b: &DataType| match (a, b) {
        (DataType::List(x), DataType::List(y)) => x.data_type() == y.data_type(),
        (a, b) => a == b,
    };
    if accepted.iter().any(|to| same(to, &arg.data_type)) {
        return Ok(arg.clone());
    }
    let wider = accepted.iter().find(|to| {
        matches!(
            (&arg.data_type, to),
            (DataType::Null, _)
                | (DataType::Int8 | DataType::Int16, DataType::Int32 | DataType::Int64)
                | (DataType::Int32, DataType::Int64)
        )
    });
    if let Some(to) = wider {
        return cast_silently(arg.clone(), to, call.env);
    }
    let words: Vec<String> = accepted.iter().map(|to| format!("\"{}\"", name::sql(to))).collect();
    let required = if words.len() == 1 { words[0].clone() } else { format!("({})", words.join(" or ")) };
    Err(call.unexpected_type(index, &required))
}

/// A sketch argument.
fn sketch_arg(call: &Call, index: usize) -> Result<Typed> {
    one_of(call, index, &[DataType::Binary])
}

/// A constant INT argument.
fn constant_int(call: &Call, index: usize) -> Result<i32> {
    let arg = call.coerce(index, &DataType::Int32)?;
    match constant::evaluate(&arg.expr) {
        Some(ScalarValue::Int32(Some(value))) => Ok(value),
        _ => {
            call.constant(index)?;
            Err(call.unexpected_type(index, "\"INT\""))
        }
    }
}

/// The call with its missing last arguments as literals under the names that Spark prints.
fn filled<'a>(call: &'a Call, total: usize, defaults: &[(ScalarValue, &str)]) -> Result<Call<'a>> {
    crate::rowwise::complete(call, total, defaults)
}

/// A key of a sketch, in the form that all implementations hash alike.
enum Key<'a> {
    Long(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Ints(Vec<u8>),
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Long(value) => value.hash(state),
            Self::Double(value) => canonical_float::from_f64(*value).hash(state),
            Self::Bytes(value) => raw_bytes::from_slice(value).hash(state),
            Self::Ints(value) => raw_bytes::from_slice(value).hash(state),
        }
    }
}

/// The key in a row of a column; None is NULL, an empty text or an empty array, which sketches leave out.
fn key(column: &ArrayRef, row: usize) -> Option<Key<'_>> {
    if column.is_null(row) {
        return None;
    }
    let key = match column.data_type() {
        DataType::Boolean => Key::Bytes(if column.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Int32 => Key::Long(i64::from(column.as_primitive::<Int32Type>().value(row))),
        DataType::Int64 => Key::Long(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Key::Double(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Key::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Key::Bytes(column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => Key::Bytes(column.as_binary::<i32>().value(row)),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            match items.data_type() {
                DataType::Int32 => {
                    let items = items.as_primitive::<Int32Type>();
                    Key::Ints(items.iter().flat_map(|item| item.unwrap_or(0).to_le_bytes()).collect())
                }
                DataType::Int64 => {
                    let items = items.as_primitive::<Int64Type>();
                    Key::Ints(items.iter().flat_map(|item| item.unwrap_or(0).to_le_bytes()).collect())
                }
                _ => return None,
            }
        }
        _ => return None,
    };
    let blank = match &key {
        Key::Bytes(value) => value.is_empty(),
        Key::Ints(value) => value.is_empty(),
        Key::Long(_) | Key::Double(_) => false,
    };
    (!blank).then_some(key)
}

/// What values a sketch of keys takes.
fn key_types() -> Vec<DataType> {
    use firesteel_protocol::types::array;
    vec![
        array(DataType::Int32, true),
        array(DataType::Int64, true),
        DataType::Binary,
        DataType::Float64,
        DataType::Float32,
        DataType::Int32,
        DataType::Int64,
        DataType::Utf8,
    ]
}

/// A constant argument out of range: Spark's error of the type check, with the own error in it.
fn type_check_failure(call: &Call, cause: &SparkError) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
        .with("sqlExpr", format!("\"{}\"", call.display()))
        .with("msg", cause.to_string())
        .with("hint", "")
}

/// Binary values out of rows; None is NULL.
fn binary(values: impl Iterator<Item = Result<Option<Vec<u8>>>>) -> Result<BinaryArray> {
    let values = values.collect::<Result<Vec<_>>>()?;
    Ok(BinaryArray::from_iter(values))
}

/// The bytes of a row; None is NULL.
fn bytes_at(array: &BinaryArray, row: usize) -> Option<&[u8]> {
    array.is_valid(row).then(|| array.value(row))
}

/// An error of the sketch library that no input should cause.
fn internal(error: datasketches::error::Error) -> SparkError {
    SparkError::internal(error.to_string())
}
