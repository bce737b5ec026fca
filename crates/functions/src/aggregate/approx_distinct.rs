//! `approx_count_distinct(x[, rsd])`: HyperLogLog++ over Spark's xxhash64, with the measured biases that Spark has
//! (`tests/oracle/record_bias.py` recorded them; RDDs take them too).

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};
use xxhash_rust::xxh64::xxh64;

use super::fold::{Fold, Spec, fold_with};
use crate::kernel::from_arrow;
use crate::{Call, Typed};

const SEED: u64 = 42;

/// `approx_count_distinct(x[, relative_standard_deviation])`.
pub fn approx_count_distinct(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let deviation = match call.args.get(1) {
        None => 0.05,
        Some(deviation) => match deviation.as_literal().and_then(|value| value.cast_to(&DataType::Float64).ok()) {
            Some(ScalarValue::Float64(Some(value))) => value,
            _ => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1104")),
        },
    };
    if !hashable(&call.args[0].data_type) {
        return Err(SparkError::unsupported(
            "approx_count_distinct over maps and variants",
            "Use count(DISTINCT ...) instead.",
        ));
    }
    let precision = (2.0 * (1.106 / deviation).log2()).ceil() as i32;
    if !(4..=24).contains(&precision) {
        return Err(SparkError::new("FAILED_FUNCTION_CALL").with("funcName", types::name::quote(call.name)));
    }
    let name = format!("{}({})", call.name, call.args[0].name);
    let args = vec![call.args[0].clone()];
    Ok(fold_with::<HyperLogLog>(call, "approx_count_distinct", args, DataType::Int64, false, precision.to_string())
        .named(name))
}

fn hashable(data_type: &DataType) -> bool {
    !crate::hash::row::has_map(data_type) && !types::is_variant(data_type)
}

#[derive(Debug)]
struct HyperLogLog {
    /// Bits of a hash that choose a register.
    precision: u32,
}

impl Fold for HyperLogLog {
    /// Registers; empty before the first value.
    type State = Vec<u8>;
    /// Hashes; NULL of NULL.
    type Input = Int64Array;
    type Partial = BinaryArray;

    const GROWTH: usize = 8;

    fn new(spec: &Spec) -> Result<Self> {
        Ok(Self { precision: spec.param.parse().unwrap_or(9) })
    }

    fn most(&self) -> usize {
        1 << self.precision
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Binary]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        hashes(&values[0])
    }

    fn update(&self, state: &mut Self::State, input: &Self::Input, row: usize) -> Result<()> {
        if input.is_null(row) {
            return Ok(());
        }
        if state.is_empty() {
            state.resize(1 << self.precision, 0);
        }
        let hash = input.value(row) as u64;
        let register = (hash >> (64 - self.precision)) as usize;
        let rest = (hash << self.precision) | (1 << (self.precision - 1));
        state[register] = state[register].max(rest.leading_zeros() as u8 + 1);
        Ok(())
    }

    fn to_partial(&self, states: &[Self::State]) -> Result<Vec<ArrayRef>> {
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<Self::Partial> {
        Ok(columns[0].as_binary::<i32>().clone())
    }

    fn merge(&self, state: &mut Self::State, partial: &Self::Partial, row: usize) -> Result<()> {
        let other = partial.value(row);
        if state.is_empty() {
            *state = other.to_vec();
        } else {
            for (mine, theirs) in state.iter_mut().zip(other) {
                *mine = (*mine).max(*theirs);
            }
        }
        Ok(())
    }

    fn finish(&self, states: &[Self::State]) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(states.iter().map(|state| self.estimate(state)))))
    }
}

impl HyperLogLog {
    fn estimate(&self, registers: &[u8]) -> i64 {
        // Up to these counts linear counting is the better estimate, for 4 to 18 bits.
        const LINEAR_TO: [f64; 15] = [
            10.0, 20.0, 40.0, 80.0, 220.0, 400.0, 900.0, 1800.0, 3100.0, 6500.0, 11500.0, 20000.0, 50000.0, 120000.0,
            350000.0,
        ];
        if registers.is_empty() {
            return 0;
        }
        let m = registers.len() as f64;
        let sum: f64 = registers.iter().map(|register| 0.5_f64.powi(i32::from(*register))).sum();
        let zeros = registers.iter().filter(|register| **register == 0).count() as f64;
        let raw = alpha(self.precision) * m * m / sum;
        let corrected = if self.precision < 19 && raw < 5.0 * m { raw - bias(raw, self.precision) } else { raw };
        let linear_to = LINEAR_TO.get(self.precision as usize - 4).copied().unwrap_or(0.0);
        let linear = m * (m / zeros.max(1.0)).ln();
        // Below 2.5 m the raw estimate is the worse one in any case.
        let estimate = if zeros > 0.0 && (linear <= linear_to || raw <= 2.5 * m) { linear } else { corrected };
        estimate.round() as i64
    }
}

fn alpha(precision: u32) -> f64 {
    match precision {
        4 => 0.673,
        5 => 0.697,
        6 => 0.709,
        _ => 0.7213 / (1.0 + 1.079 / f64::from(1_u32 << precision)),
    }
}

/// Pairs of a raw estimate and what it is too much by, for 4 to 18 bits.
static BIASES: LazyLock<Vec<Vec<(f64, f64)>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../../python/firesteel/task/bias.json")).expect("the table is well-formed")
});
/// How many measured points an estimate is corrected by.
const NEIGHBOURS: usize = 6;

/// The mean bias of the measured points around a raw estimate, as Spark's `HyperLogLogPlusPlusHelper` finds them.
fn bias(raw: f64, precision: u32) -> f64 {
    let points = &BIASES[precision as usize - 4];
    let distance = |at: usize| (points[at].0 - raw).powi(2);
    let next = points.partition_point(|(estimate, _)| *estimate < raw);
    let mut low = (next + 1).saturating_sub(NEIGHBOURS);
    while low + NEIGHBOURS < points.len() && distance(low + NEIGHBOURS) < distance(low) {
        low += 1;
    }
    let nearest = &points[low..(low + NEIGHBOURS).min(points.len())];
    nearest.iter().map(|(_, bias)| bias).sum::<f64>() / nearest.len() as f64
}

/// Spark's xxhash64 of every value.
fn hashes(values: &ArrayRef) -> Result<Int64Array> {
    let int = |value: i32| xxh64(&value.to_le_bytes(), SEED) as i64;
    let long = |value: i64| xxh64(&value.to_le_bytes(), SEED) as i64;
    let as_type = |data_type: &DataType| cast(values, data_type).map_err(from_arrow);
    Ok(match values.data_type() {
        DataType::Null => Int64Array::new_null(values.len()),
        DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Date32 => {
            as_type(&DataType::Int32)?.as_primitive::<Int32Type>().unary(int)
        }
        DataType::Int64 | DataType::Timestamp(..) => as_type(&DataType::Int64)?.as_primitive::<Int64Type>().unary(long),
        DataType::Float32 => values
            .as_primitive::<Float32Type>()
            .unary(|value| int(if value == 0.0 { 0 } else { value.to_bits() as i32 })),
        DataType::Float64 => values
            .as_primitive::<Float64Type>()
            .unary(|value| long(if value == 0.0 { 0 } else { value.to_bits() as i64 })),
        DataType::Decimal128(precision, _) => {
            let small = *precision <= 18;
            values.as_primitive::<Decimal128Type>().unary(|value| {
                if small { long(value as i64) } else { xxh64(minimal_bytes(&value.to_be_bytes()), SEED) as i64 }
            })
        }
        DataType::Utf8 => {
            let hash = |text: &str| xxh64(text.as_bytes(), SEED) as i64;
            values.as_string::<i32>().iter().map(|value| value.map(hash)).collect()
        }
        DataType::Binary => {
            values.as_binary::<i32>().iter().map(|value| value.map(|bytes| xxh64(bytes, SEED) as i64)).collect()
        }
        _ => {
            let hashes = crate::hash::row::xxh64_of_rows(std::slice::from_ref(values), values.len())?;
            Int64Array::new(hashes.values().clone(), values.logical_nulls())
        }
    })
}

/// Big-endian two's complement without sign bytes that say nothing: Java's `BigInteger.toByteArray`.
fn minimal_bytes(bytes: &[u8; 16]) -> &[u8] {
    let redundant = |at: usize| {
        let sign = bytes[at + 1] & 0x80 != 0;
        (bytes[at] == 0 && !sign) || (bytes[at] == 0xff && sign)
    };
    let start = (0..15).find(|at| !redundant(*at)).unwrap_or(15);
    &bytes[start..]
}
