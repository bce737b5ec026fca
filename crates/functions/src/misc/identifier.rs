//! `uuid`.

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::DataType::Utf8;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError};
use std::sync::Arc;

use crate::kernel::kernel_expr;
use crate::math::stream::Stream;
use crate::random::MersenneTwister;
use crate::{Call, Typed};

/// A random identifier for each row; with a seed those of Spark's `RandomUUIDGenerator`.
pub(super) fn uuid(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    if let Some(seed) = call.args.first() {
        let is_number =
            crate::coerce::is_integral(&seed.data_type) || seed.data_type == arrow::datatypes::DataType::Null;
        if !is_number || crate::constant::evaluate(&seed.expr).is_none() {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.LONG")
                .with("functionName", "`UUID`")
                .with("parameter", "`seed`")
                .with("invalidValue", format!("\"{}\"", seed.name)));
        }
    }
    // Without a seed, as random as the system can make them.
    let (args, param) = match call.args.is_empty() {
        true => (vec![], String::new()),
        false => (vec![Stream::partition(call)], Stream::new(call, 0)?.param()),
    };
    let expr = kernel_expr("spark_uuid", args, Utf8, false, Volatility::Volatile, call.env, param, |args| {
        if args.param.is_empty() {
            return Ok(written(args.rows, uuid::Uuid::new_v4));
        }
        Stream::go_on(args, |random: &mut MersenneTwister| {
            Ok(written(args.rows, || {
                let high = random.next_long() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000;
                let low = (random.next_long() | 1 << 63) & 0xBFFF_FFFF_FFFF_FFFF;
                uuid::Uuid::from_u64_pair(high, low)
            }))
        })
    });
    Ok(Typed::new(expr, "uuid()", Utf8, false))
}

fn written(rows: usize, mut next: impl FnMut() -> uuid::Uuid) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows, rows * 36);
    for _ in 0..rows {
        builder.append_value(next().hyphenated().to_string());
    }
    Arc::new(builder.finish())
}
