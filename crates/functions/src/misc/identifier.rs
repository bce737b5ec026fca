//! `uuid`.

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::DataType::Utf8;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;
use std::sync::Arc;

use crate::kernel::kernel_expr;
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
