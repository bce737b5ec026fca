//! `uuid`.

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::DataType::Utf8;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::kernel::kernel_expr;
use crate::math::random::{Stream, seed_of};
use crate::random::MersenneTwister;
use crate::{Call, Typed};

type Generator = Arc<Mutex<MersenneTwister>>;

/// Generators of calls in use: a call goes on from batch to batch.
static GENERATORS: LazyLock<Mutex<BTreeMap<u64, Generator>>> = LazyLock::new(Mutex::default);

/// How many calls keep their generator; one more makes the oldest start anew.
const KEPT: usize = 1024;

/// The generator of a call with a seed.
fn seeded(param: &str) -> Option<Generator> {
    let (seed, call) = param.split_once(' ')?;
    let (seed, call) = (seed.parse().ok()?, call.parse().ok()?);
    let mut all = GENERATORS.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= KEPT && !all.contains_key(&call) {
        all.pop_first();
    }
    Some(Arc::clone(all.entry(call).or_insert_with(|| Arc::new(Mutex::new(MersenneTwister::new(seed))))))
}

/// A random identifier for each row; with a seed those of Spark's `RandomUUIDGenerator`.
pub(super) fn uuid(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    let param = if call.args.is_empty() { String::new() } else { Stream::new(seed_of(call, 0)?).param() };
    let expr = kernel_expr("spark_uuid", vec![], Utf8, false, Volatility::Volatile, call.env, param, |args| {
        let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 36);
        let random = seeded(args.param);
        let mut random = random.as_ref().map(|own| own.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in 0..args.rows {
            let id = random.as_mut().map_or_else(uuid::Uuid::new_v4, |random| {
                let high = random.next_long() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000;
                let low = (random.next_long() | 1 << 63) & 0xBFFF_FFFF_FFFF_FFFF;
                uuid::Uuid::from_u64_pair(high, low)
            });
            builder.append_value(id.hyphenated().to_string());
        }
        let ids: ArrayRef = Arc::new(builder.finish());
        Ok(ids)
    });
    Ok(Typed::new(expr, "uuid()", Utf8, false))
}
