//! Functions of where a row is: `rand`, `randn`, `monotonically_increasing_id`, `spark_partition_id`, `input_file_name`.
//!
//! A kernel knows neither partition nor file. These are markers, which the resolver replaces by columns
//! (`firesteel_plan::operator::partition_columns`); where a marker is evaluated all the same, it says so.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::datatypes::DataType::{self, Float64, Int32, Int64, Utf8};
use datafusion::logical_expr::{Expr, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, kernel_expr};
use crate::math::random::seed_of;
use crate::{Call, Typed};

/// A marker's name in plans begins so; the function's name follows.
pub const PREFIX: &str = "placed:";

fn marker(call: &Call, name: &'static str, args: Vec<Expr>, data_type: DataType, label: String) -> Typed {
    let expr =
        kernel_expr(name, args, data_type.clone(), false, Volatility::Volatile, call.env, String::new(), unplaced);
    Typed::new(expr, label, data_type, false)
}

fn unplaced(_: &KernelArgs<'_>) -> Result<ArrayRef> {
    Err(SparkError::unsupported(
        "rand(), monotonically_increasing_id() and their kin at this place of a query",
        "Compute them as a column of a select first.",
    ))
}

/// The number of the partition that a row is in, 0 where no relation replaces the marker: what seeds of generators need.
pub(crate) fn partition_if_known(call: &Call) -> Expr {
    let name = "placed:partition_if_known";
    let first = |args: &KernelArgs<'_>| -> Result<ArrayRef> { Ok(Arc::new(Int32Array::from(vec![0; args.rows]))) };
    kernel_expr(name, vec![], Int32, false, Volatility::Volatile, call.env, String::new(), first)
}

fn seeded(call: &Call, name: &'static str) -> Result<Typed> {
    call.arity(0..=1)?;
    let seed = seed_of(call, 0)?;
    let label = if call.args.is_empty() { format!("{}({seed})", call.name) } else { call.display() };
    let seed = Expr::Literal(ScalarValue::Int64(Some(seed)), None);
    Ok(marker(call, name, vec![seed], Float64, label))
}

/// `rand([seed])`; `random` is printed so too.
pub fn rand(call: &Call) -> Result<Typed> {
    seeded(&Call { name: "rand", ..call.with_args(call.args.clone()) }, "placed:rand")
}

pub fn randn(call: &Call) -> Result<Typed> {
    seeded(call, "placed:randn")
}

fn bare(call: &Call, name: &'static str, data_type: DataType) -> Result<Typed> {
    call.arity(0)?;
    Ok(marker(call, name, vec![], data_type, call.display()))
}

pub fn monotonically_increasing_id(call: &Call) -> Result<Typed> {
    bare(call, "placed:monotonically_increasing_id", Int64)
}

/// What the pandas API calls `monotonically_increasing_id`.
pub fn distributed_id(call: &Call) -> Result<Typed> {
    bare(call, "placed:monotonically_increasing_id", Int64)
}

pub fn spark_partition_id(call: &Call) -> Result<Typed> {
    let typed = bare(call, "placed:spark_partition_id", Int32)?;
    Ok(typed.named("SPARK_PARTITION_ID()"))
}

/// 0, 1, 2, .. in the order of the rows: `zipWithIndex` and the pandas API send it.
pub fn distributed_sequence_id(call: &Call) -> Result<Typed> {
    // The pandas API says whether rows may be kept in between; nothing is here.
    call.arity(0..=1)?;
    Ok(marker(call, "placed:distributed_sequence_id", vec![], Int64, "distributed_sequence_id()".into()))
}

pub fn input_file_name(call: &Call) -> Result<Typed> {
    bare(call, "placed:input_file_name", Utf8)
}

pub fn input_file_block_start(call: &Call) -> Result<Typed> {
    bare(call, "placed:input_file_block_start", Int64)
}

pub fn input_file_block_length(call: &Call) -> Result<Typed> {
    bare(call, "placed:input_file_block_length", Int64)
}
