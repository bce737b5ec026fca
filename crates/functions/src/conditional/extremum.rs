//! `greatest` and `least`: NULLs are skipped, NaN is greatest.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::{cast_silently, common_type_of, is_orderable, tightest_common_type};
use crate::kernel::{KernelArgs, from_arrow};
use crate::predicate::order::comparator;
use crate::units::same_time_precision;
use crate::{Call, Typed};

pub(super) fn greatest(call: &Call) -> Result<Typed> {
    extremum(call, "greatest")
}

pub(super) fn least(call: &Call) -> Result<Typed> {
    extremum(call, "least")
}

fn extremum(call: &Call, what: &str) -> Result<Typed> {
    if call.args.len() < 2 {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", name::quote(call.name))
            .with("expectedNum", "> 1")
            .with("actualNum", call.args.len().to_string())
            .with("docroot", "https://spark.apache.org/docs/latest"));
    }
    let data_types: Vec<_> = call.args.iter().map(|arg| arg.data_type.clone()).collect();
    let strings = |t: &arrow::datatypes::DataType| t == &arrow::datatypes::DataType::Utf8;
    // A string beside another type is not promoted here.
    let mixed = data_types.iter().any(strings)
        && !data_types.iter().all(|t| strings(t) || t == &arrow::datatypes::DataType::Null);
    let common = if mixed {
        data_types.iter().skip(1).try_fold(data_types[0].clone(), |l, r| tightest_common_type(&l, r, call.env))
    } else {
        common_type_of(&data_types, call.env)
    };
    let common = common.filter(|_| same_time_precision(&call.args)).ok_or_else(|| {
        let words: Vec<String> = call.args.iter().map(|arg| format!("\"{}\"", arg.sql_type())).collect();
        SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("functionName", name::quote(call.name))
            .with("dataType", format!("[{}]", words.join(", ")))
    })?;
    if !is_orderable(&common) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("functionName", name::quote(call.name))
            .with("dataType", format!("\"{}\"", name::sql(&common))));
    }
    let args: Vec<Typed> =
        call.args.iter().map(|arg| cast_silently(arg.clone(), &common, call.env)).collect::<Result<_>>()?;
    let nullable = args.iter().all(|arg| arg.nullable);
    Ok(call.with_args(args).kernel_with("spark_extremum", common, nullable, what.into(), kernel).named(call.display()))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let wanted = if args.param == "greatest" { Ordering::Greater } else { Ordering::Less };
    let arrays = args.arrays()?;
    // For each row the argument chosen so far, improved one argument at a time.
    let mut best = vec![0_usize; args.rows];
    for (candidate, array) in arrays.iter().enumerate().skip(1) {
        let against = arrays[..candidate].iter().map(|other| comparator(array, other)).collect::<Result<Vec<_>>>()?;
        for (row, chosen) in best.iter_mut().enumerate() {
            if array.is_valid(row) && (arrays[*chosen].is_null(row) || against[*chosen](row, row) == wanted) {
                *chosen = candidate;
            }
        }
    }
    let sources: Vec<&dyn Array> = arrays.iter().map(|array| array.as_ref()).collect();
    let picks: Vec<(usize, usize)> = best.into_iter().enumerate().map(|(row, argument)| (argument, row)).collect();
    interleave(&sources, &picks).map_err(from_arrow)
}
