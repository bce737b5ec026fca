//! `uuid` and `monotonically_increasing_id`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use arrow::array::{ArrayRef, PrimitiveArray, StringBuilder};
use arrow::datatypes::DataType::{Int64, Utf8};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;
use std::sync::Arc;

use crate::kernel::{KernelArgs, kernel_expr};
use crate::math::random::{Stream, seed_of};
use crate::{Call, Typed};

/// A random identifier for each row; a seed makes it the same for each query.
pub(super) fn uuid(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    let param = if call.args.is_empty() { String::new() } else { Stream::new(seed_of(call, 0)?).param() };
    let expr = kernel_expr("spark_uuid", vec![], Utf8, false, Volatility::Volatile, call.env, param, |args| {
        let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 36);
        for _ in 0..args.rows {
            let id = if args.param.is_empty() {
                uuid::Uuid::new_v4()
            } else {
                let bits = Stream::of(args.param).with(|generator| {
                    (0..4).fold(0_u128, |bits, _| bits << 32 | u128::from(generator.next_int() as u32))
                });
                uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
            };
            builder.append_value(id.hyphenated().to_string());
        }
        let ids: ArrayRef = Arc::new(builder.finish());
        Ok(ids)
    });
    Ok(Typed::new(expr, "uuid()", Utf8, false))
}

/// Counters of calls in use, the latest last.
static COUNTERS: LazyLock<Mutex<BTreeMap<u64, i64>>> = LazyLock::new(Mutex::default);
static CALLS: AtomicU64 = AtomicU64::new(0);
const KEPT: usize = 8192;

/// Numbers that grow from row to row. Spark puts the partition into the upper bits; a kernel does not
/// know it, and numbers all rows of the query as those of partition 0.
pub(super) fn monotonically_increasing_id(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    let param = CALLS.fetch_add(1, Ordering::Relaxed).to_string();
    let expr = kernel_expr("spark_row_id", vec![], Int64, false, Volatility::Volatile, call.env, param, ids);
    Ok(Typed::new(expr, call.display(), Int64, false))
}

fn ids(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let call: u64 = args.param.parse().unwrap_or(0);
    let start = {
        let mut counters = COUNTERS.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(call).or_insert(0);
        let start = *counter;
        *counter += args.rows as i64;
        if counters.len() > KEPT {
            counters.pop_first();
        }
        start
    };
    let ids: Vec<i64> = (start..start + args.rows as i64).collect();
    Ok(Arc::new(PrimitiveArray::<Int64Type>::from(ids)))
}
