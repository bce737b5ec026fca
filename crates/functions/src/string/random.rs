//! `randstr`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType::{Int32, Int64, Utf8};
use arrow::datatypes::Int32Type;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, kernel_expr};
use crate::math::stream::Stream;
use crate::random::XorShiftRandom;
use crate::rowwise::write_strings;
use crate::{Call, Typed};

/// `randstr(length[, seed])`: letters and digits.
pub(super) fn randstr(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let label = call.display();
    let length = call.coerce(0, &Int32)?;
    call.constant(0).map_err(|error| error.with("inputName", "`length`").with("inputType", "integer"))?;
    if let Some(datafusion::scalar::ScalarValue::Int32(Some(value))) = length.as_literal()
        && *value < 0
    {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.LENGTH")
            .with("parameter", "`length`")
            .with("length", value.to_string())
            .with("functionName", "`randstr`"));
    }
    if call.args.len() > 1 {
        call.coerce(1, &Int64)?;
    }
    let stream = Stream::new(call, 1)?;
    let expr = kernel_expr(
        "spark_randstr",
        vec![length.expr, Stream::partition(call)],
        Utf8,
        false,
        Volatility::Volatile,
        call.env,
        stream.param(),
        kernel,
    );
    Ok(Typed::new(expr, label, Utf8, false))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    const POOL: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let lengths = args.array(0)?;
    let lengths = lengths.as_primitive::<Int32Type>();
    Stream::go_on(args, |generator: &mut XorShiftRandom| {
        write_strings(args.rows, |row, out| {
            let length = if lengths.is_valid(row) { lengths.value(row) } else { 0 };
            for _ in 0..length {
                let pick = generator.next_int().unsigned_abs() as usize % POOL.len();
                out.push(char::from(POOL[pick]));
            }
            Ok(true)
        })
    })
}
