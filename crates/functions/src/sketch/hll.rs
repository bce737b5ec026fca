//! HyperLogLog sketches: `hll_sketch_agg`, `hll_union_agg`, `hll_union`, `hll_sketch_estimate`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Sketched, aggregate};
use super::{binary, bytes_at, constant_int, filled, internal, key, one_of, quoted, sketch_arg};
use crate::kernel::KernelArgs;
use crate::rowwise::int;
use crate::{Call, Typed};

/// `hll_sketch_agg(x[, lgConfigK])`.
pub(super) fn sketch_agg(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(int(12), "12")])?;
    let accepted = [DataType::Int32, DataType::Int64, DataType::Utf8, DataType::Binary];
    let value = one_of(&call, 0, &accepted)?;
    let lg_k = constant_int(&call, 1)?;
    Ok(aggregate::<Building>(&call, "hll_sketch_agg", vec![value], lg_k.to_string()))
}

/// `hll_union_agg(sketch[, allowDifferentLgConfigK])`.
pub(super) fn union_agg(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(ScalarValue::Boolean(Some(false)), "false")])?;
    let sketch = sketch_arg(&call, 0)?;
    let allow = matches!(call.constant(1)?, ScalarValue::Boolean(Some(true)));
    Ok(aggregate::<Uniting>(&call, "hll_union_agg", vec![sketch], allow.to_string()))
}

/// `hll_sketch_estimate(sketch)`.
pub(super) fn estimate(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("ansi_hll_sketch_estimate", DataType::Int64, nullable, estimate_kernel))
}

fn estimate_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let sketches = args.array(0)?;
    let sketches = sketches.as_binary::<i32>();
    let estimates = sketches.iter().map(|bytes| {
        bytes.map(|bytes| read(bytes, "hll_sketch_estimate").map(|sketch| sketch.estimate().round() as i64)).transpose()
    });
    Ok(Arc::new(estimates.collect::<Result<Int64Array>>()?))
}

/// `hll_union(a, b[, allowDifferentLgConfigK])`.
pub(super) fn union(call: &Call) -> Result<Typed> {
    let call = filled(call, 3, &[(ScalarValue::Boolean(Some(false)), "false")])?;
    let args = vec![sketch_arg(&call, 0)?, sketch_arg(&call, 1)?, call.coerce(2, &DataType::Boolean)?];
    let (label, inner) = (call.display(), call.with_args(args));
    let nullable = inner.any_nullable();
    Ok(inner.kernel("ansi_hll_union", DataType::Binary, nullable, union_kernel).named(label))
}

fn union_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (left, right, allow) = (args.array(0)?, args.array(1)?, args.array(2)?);
    let (left, right, allow) = (left.as_binary::<i32>(), right.as_binary::<i32>(), allow.as_boolean());
    let rows = (0..args.rows).map(|row| {
        let (Some(a), Some(b), true) = (bytes_at(left, row), bytes_at(right, row), allow.is_valid(row)) else {
            return Ok(None);
        };
        let (a, b) = (read(a, "hll_union")?, read(b, "hll_union")?);
        check_sizes(&a, &b, allow.value(row), "hll_union")?;
        Ok(Some(write(&unite(&a, &b)?)))
    });
    Ok(Arc::new(binary(rows)?))
}

fn unite(a: &HllSketch, b: &HllSketch) -> Result<HllSketch> {
    let mut union = HllUnion::new(a.lg_config_k().min(b.lg_config_k())).map_err(internal)?;
    union.update(a);
    union.update(b);
    Ok(union.to_sketch(HllType::Hll8))
}

fn check_sizes(a: &HllSketch, b: &HllSketch, allow: bool, function: &str) -> Result<()> {
    if allow || a.lg_config_k() == b.lg_config_k() {
        return Ok(());
    }
    Err(SparkError::new("HLL_UNION_DIFFERENT_LG_K")
        .with("left", a.lg_config_k().to_string())
        .with("right", b.lg_config_k().to_string())
        .with("function", quoted(function)))
}

fn read(bytes: &[u8], function: &str) -> Result<HllSketch> {
    HllSketch::deserialize(bytes).map_err(|error| {
        SparkError::new("HLL_INVALID_INPUT_SKETCH_BUFFER").with("function", quoted(function)).with_source(error)
    })
}

/// Bytes as Spark writes them: few values are a list with room for eight.
fn write(sketch: &HllSketch) -> Vec<u8> {
    const COMPACT: u8 = 8;
    let mut bytes = sketch.serialize();
    let is_list = bytes.first() == Some(&2);
    if is_list && bytes.len() <= 40 {
        bytes[5] &= !COMPACT;
        // The empty list is marked so.
        bytes.resize(40, 0);
    }
    bytes
}

/// Values to a sketch.
#[derive(Debug)]
struct Building {
    lg_k: u8,
}

impl Sketched for Building {
    type State = HllSketch;

    fn new(param: &str) -> Result<Self> {
        match param.parse() {
            Ok(lg_k @ 4..=21) => Ok(Self { lg_k }),
            _ => Err(SparkError::new("HLL_INVALID_LG_K")
                .with("function", quoted("hll_sketch_agg"))
                .with("min", "4")
                .with("max", "21")
                .with("value", param)),
        }
    }

    fn empty(&self) -> Result<HllSketch> {
        HllSketch::new(self.lg_k, HllType::Hll8).map_err(internal)
    }

    fn update(&self, state: &mut Option<HllSketch>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let Some(key) = key(&columns[0], row) else { return Ok(()) };
        if state.is_none() {
            *state = Some(self.empty()?);
        }
        if let Some(sketch) = state {
            sketch.update(key);
        }
        Ok(())
    }

    fn merge(&self, state: &mut Option<HllSketch>, bytes: &[u8]) -> Result<()> {
        let other = read(bytes, "hll_sketch_agg")?;
        *state = Some(match state.as_ref() {
            Some(own) => unite(own, &other)?,
            None => other,
        });
        Ok(())
    }

    fn bytes(&self, state: &HllSketch) -> Result<Vec<u8>> {
        Ok(write(state))
    }
}

/// Sketches to one.
#[derive(Debug)]
struct Uniting {
    allow: bool,
}

impl Sketched for Uniting {
    type State = HllSketch;

    fn new(param: &str) -> Result<Self> {
        Ok(Self { allow: param == "true" })
    }

    fn empty(&self) -> Result<HllSketch> {
        HllSketch::new(12, HllType::Hll8).map_err(internal)
    }

    fn update(&self, state: &mut Option<HllSketch>, columns: &[ArrayRef], row: usize) -> Result<()> {
        match bytes_at(columns[0].as_binary::<i32>(), row) {
            Some(bytes) => self.merge(state, bytes),
            None => Ok(()),
        }
    }

    fn merge(&self, state: &mut Option<HllSketch>, bytes: &[u8]) -> Result<()> {
        let other = read(bytes, "hll_union_agg")?;
        *state = Some(match state.as_ref() {
            Some(own) => {
                check_sizes(own, &other, self.allow, "hll_union_agg")?;
                unite(own, &other)?
            }
            None => other,
        });
        Ok(())
    }

    fn bytes(&self, state: &HllSketch) -> Result<Vec<u8>> {
        Ok(write(state))
    }
}
