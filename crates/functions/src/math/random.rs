//! `uniform`, and the seeds of functions of chance.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::DataType::{self, Decimal128, Float32, Float64, Int32, Int64};
use arrow::datatypes::Float64Type;
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::cast::{EvalMode, cast_array};
use crate::coerce::{common_type, decimal_of_literal};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::math::stream::Stream;
use crate::random::XorShiftRandom;
use crate::{Call, Typed, constant};

/// The seed at argument `index`: a constant integer, NULL for 0; any if it is missing.
pub fn seed_of(call: &Call, index: usize) -> Result<i64> {
    let Some(arg) = call.args.get(index) else { return Ok(rand::random()) };
    match constant::evaluate(&arg.expr) {
        Some(ScalarValue::Int8(Some(v))) => Ok(i64::from(v)),
        Some(ScalarValue::Int16(Some(v))) => Ok(i64::from(v)),
        Some(ScalarValue::Int32(Some(v))) => Ok(i64::from(v)),
        Some(ScalarValue::Int64(Some(v))) => Ok(v),
        Some(value) if value.is_null() => Ok(0),
        Some(_) => Err(call.unexpected_type(index, "(\"INT\" or \"BIGINT\")")),
        None => Err(SparkError::new("SEED_EXPRESSION_IS_UNFOLDABLE")
            .with("seedExpr", format!("\"{}\"", arg.name))
            .with("exprWithSeed", format!("\"{}\"", call.display()))),
    }
}

/// `uniform(low, high[, seed])`: of the bounds' common type.
pub(super) fn uniform(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let label = call.display();
    let (low, high) = (&call.args[0], &call.args[1]);
    for (index, arg) in call.args.iter().enumerate().take(2) {
        if arg.data_type == DataType::Utf8 {
            return Err(call.unexpected_type(index, "\"NUMERIC\""));
        }
    }
    // An integer literal beside a decimal counts with the digits that it has.
    let tight = |own: &Typed, other: &Typed| match (&other.data_type, own.as_literal().and_then(decimal_of_literal)) {
        (Decimal128(..), Some((precision, scale))) => Decimal128(precision, scale),
        _ => own.data_type.clone(),
    };
    let to = match common_type(&tight(low, high), &tight(high, low), call.env) {
        Some(DataType::Null) => Int32,
        Some(to @ (DataType::Int8 | DataType::Int16 | Int32 | Int64 | Float32 | Float64 | Decimal128(..))) => to,
        _ => return Err(call.unexpected_type(0, "integer or floating-point")),
    };
    for (index, name) in ["`min`", "`max`"].into_iter().enumerate() {
        if constant::evaluate(&call.args[index].expr).is_none() {
            let shown =
                |error: SparkError| error.with("inputName", name).with("inputType", "integer or floating-point");
            call.constant(index).map_err(shown)?;
        }
    }
    let seed = seed_of(call, 2).map_err(|error| match error.condition() {
        "SEED_EXPRESSION_IS_UNFOLDABLE" => SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
            .with("sqlExpr", format!("\"{label}\""))
            .with("inputName", "`seed`")
            .with("inputType", "integer or floating-point")
            .with("inputExpr", format!("\"{}\"", call.args[2].name)),
        _ => error,
    })?;
    let stream = Stream::seeded(seed);
    let bounds = vec![call.coerce(0, &Float64)?.expr, call.coerce(1, &Float64)?.expr, Stream::partition(call)];
    let expr = kernel_expr(
        "spark_uniform",
        bounds,
        to.clone(),
        false,
        Volatility::Volatile,
        call.env,
        stream.param(),
        uniform_kernel,
    );
    Ok(Typed::new(expr, label, to, false))
}

fn uniform_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (lows, highs) = (args.array(0)?, args.array(1)?);
    let (lows, highs) = (lows.as_primitive::<Float64Type>(), highs.as_primitive::<Float64Type>());
    let values: PrimitiveArray<Float64Type> = Stream::go_on(args, |generator: &mut XorShiftRandom| {
        let pairs = lows.iter().zip(highs.iter());
        Ok(pairs.map(|pair| Some(pair.0? + (pair.1? - pair.0?) * generator.next_double())).collect())
    })?;
    let values: ArrayRef = Arc::new(values);
    cast_array(&values, args.return_type, EvalMode::Legacy, args.env)
}
