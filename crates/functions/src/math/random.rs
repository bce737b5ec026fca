//! `uniform` and the streams of `randstr`, on Spark's `XORShiftRandom`.
//!
//! Spark seeds the generator of a task with the seed plus the number of its partition. A kernel does not
//! know partitions: one generator, as of partition 0, serves a call for the whole query. A query of one
//! partition has Spark's numbers; one of several partitions has numbers of the same sequence, dealt to
//! its batches as they come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::DataType::{self, Decimal128, Float32, Float64, Int32, Int64};
use arrow::datatypes::Float64Type;
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::cast::{EvalMode, cast_array};
use crate::coerce::{common_type, decimal_of_literal};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::random::XorShiftRandom as Generator;
use crate::{Call, Typed, constant};

/// Generators of calls in use, the latest last.
static GENERATORS: LazyLock<Mutex<BTreeMap<u64, Arc<Mutex<Generator>>>>> = LazyLock::new(Mutex::default);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// How many calls keep their generator; one more makes the oldest start anew.
const KEPT: usize = 8192;

/// One call's sequence of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    seed: i64,
    call: u64,
}

impl Stream {
    /// A sequence of its own.
    pub fn new(seed: i64) -> Self {
        Self { seed, call: CALLS.fetch_add(1, Ordering::Relaxed) }
    }

    /// As a kernel's setting.
    pub fn param(self) -> String {
        format!("{} {}", self.seed, self.call)
    }

    /// Out of a kernel's setting; what follows is the kernel's own.
    pub fn of(param: &str) -> Self {
        let mut words = param.split(' ');
        let mut word = || words.next().unwrap_or("0");
        Self { seed: word().parse().unwrap_or(0), call: word().parse().unwrap_or(0) }
    }

    /// Goes on with the sequence.
    pub fn with<T>(self, take: impl FnOnce(&mut Generator) -> T) -> T {
        let generator = {
            let mut all = GENERATORS.lock().unwrap_or_else(PoisonError::into_inner);
            let generator =
                Arc::clone(all.entry(self.call).or_insert_with(|| Arc::new(Mutex::new(Generator::new(self.seed)))));
            if all.len() > KEPT {
                all.pop_first();
            }
            generator
        };
        let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
        take(&mut generator)
    }
}

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
    let stream = Stream::new(seed);
    let bounds = vec![call.coerce(0, &Float64)?.expr, call.coerce(1, &Float64)?.expr];
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
    let values: PrimitiveArray<Float64Type> = Stream::of(args.param).with(|generator| {
        let pairs = lows.iter().zip(highs.iter());
        pairs.map(|pair| Some(pair.0? + (pair.1? - pair.0?) * generator.next_double())).collect()
    });
    let values: ArrayRef = Arc::new(values);
    cast_array(&values, args.return_type, EvalMode::Legacy, args.env)
}
