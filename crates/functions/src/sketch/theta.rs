//! Theta sketches of distinct values, which have unions, intersections and differences.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::DataType;
use datasketches::theta::{
    CompactThetaSketch, ThetaANotB, ThetaIntersection, ThetaSketch, ThetaSketchBuilder, ThetaUnionBuilder,
};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Sketched, aggregate};
use super::{binary, bytes_at, constant_int, filled, internal, key, key_types, one_of, quoted, sketch_arg};
use crate::kernel::KernelArgs;
use crate::rowwise::int;
use crate::{Call, Typed};

/// `theta_sketch_agg(x[, lgNomEntries])`.
pub(super) fn sketch_agg(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(int(12), "12")])?;
    let value = one_of(&call, 0, &key_types())?;
    let lg_k = constant_int(&call, 1)?;
    Ok(aggregate::<Building>(&call, "theta_sketch_agg", vec![value], lg_k.to_string()))
}

/// `theta_union_agg(sketch[, lgNomEntries])`.
pub(super) fn union_agg(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(int(12), "12")])?;
    let sketch = sketch_arg(&call, 0)?;
    let lg_k = constant_int(&call, 1)?;
    Ok(aggregate::<Uniting>(&call, "theta_union_agg", vec![sketch], lg_k.to_string()))
}

/// `theta_intersection_agg(sketch)`.
pub(super) fn intersection_agg(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    Ok(aggregate::<Intersecting>(call, "theta_intersection_agg", vec![sketch_arg(call, 0)?], String::new()))
}

/// `theta_sketch_estimate(sketch)`.
pub(super) fn estimate(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("ansi_theta_sketch_estimate", DataType::Int64, nullable, |args| {
        let sketches = args.array(0)?;
        let estimates = sketches.as_binary::<i32>().iter().map(|bytes| {
            let estimate = |bytes| read(bytes, "theta_sketch_estimate").map(|sketch| sketch.estimate().round() as i64);
            bytes.map(estimate).transpose()
        });
        Ok(Arc::new(estimates.collect::<Result<Int64Array>>()?))
    }))
}

/// `theta_union(a, b[, lgNomEntries])`.
pub(super) fn union(call: &Call) -> Result<Typed> {
    let call = filled(call, 3, &[(int(12), "12")])?;
    let args = vec![sketch_arg(&call, 0)?, sketch_arg(&call, 1)?, call.coerce(2, &DataType::Int32)?];
    let (label, inner) = (call.display(), call.with_args(args));
    let nullable = inner.any_nullable();
    let typed = inner.kernel("ansi_theta_union", DataType::Binary, nullable, |args| {
        let sizes = crate::rowwise::ints(args, 2)?;
        each_pair(args, "theta_union", |row, a, b| {
            let Some(lg_k) = crate::rowwise::int_at(&sizes, row) else { return Ok(None) };
            unite(&a, &b, check_size(lg_k, "theta_union")?).map(Some)
        })
    });
    Ok(typed.named(label))
}

/// `theta_intersection(a, b)`.
pub(super) fn intersection(call: &Call) -> Result<Typed> {
    pair(call, "ansi_theta_intersection", |args| {
        each_pair(args, "theta_intersection", |_, a, b| {
            let mut both = ThetaIntersection::default();
            both.update(&a).map_err(internal)?;
            both.update(&b).map_err(internal)?;
            Ok(both.to_sketch(true))
        })
    })
}

/// `theta_difference(a, b)`.
pub(super) fn difference(call: &Call) -> Result<Typed> {
    pair(call, "ansi_theta_difference", |args| {
        each_pair(args, "theta_difference", |_, a, b| {
            ThetaANotB::default().compute(&a, &b, true).map(Some).map_err(internal)
        })
    })
}

fn pair(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?, sketch_arg(call, 1)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel(name, DataType::Binary, nullable, kernel))
}

fn each_pair(
    args: &KernelArgs<'_>,
    function: &str,
    combine: impl Fn(usize, CompactThetaSketch, CompactThetaSketch) -> Result<Option<CompactThetaSketch>>,
) -> Result<ArrayRef> {
    let (left, right) = (args.array(0)?, args.array(1)?);
    let (left, right) = (left.as_binary::<i32>(), right.as_binary::<i32>());
    let rows = (0..args.rows).map(|row| {
        let (Some(a), Some(b)) = (bytes_at(left, row), bytes_at(right, row)) else { return Ok(None) };
        let sketch = combine(row, read(a, function)?, read(b, function)?)?;
        Ok(sketch.as_ref().map(write))
    });
    Ok(Arc::new(binary(rows)?))
}

fn unite(a: &CompactThetaSketch, b: &CompactThetaSketch, lg_k: u8) -> Result<CompactThetaSketch> {
    let mut union = ThetaUnionBuilder::default().lg_k(lg_k.max(LEAST)).build().map_err(internal)?;
    union.update(a).map_err(internal)?;
    union.update(b).map_err(internal)?;
    trimmed(union.to_sketch(true), lg_k)
}

/// Bytes as Spark writes them: a sketch of one value says so.
fn write(sketch: &CompactThetaSketch) -> Vec<u8> {
    const EMPTY: u8 = 4;
    const SINGLE: u8 = 0x20;
    let mut bytes = sketch.serialize_compressed();
    if bytes.len() == 16 && bytes[0] == 1 && bytes[5] & EMPTY == 0 {
        bytes[5] |= SINGLE;
    }
    bytes
}

pub(super) fn read(bytes: &[u8], function: &str) -> Result<CompactThetaSketch> {
    CompactThetaSketch::deserialize(bytes).map_err(|error| {
        SparkError::new("THETA_INVALID_INPUT_SKETCH_BUFFER").with("function", quoted(function)).with_source(error)
    })
}

/// The least that the library knows, where Spark has 4; what is too much is [`trimmed`].
pub(super) const LEAST: u8 = 5;

/// No more than the least entries that a sketch of this size has at the end: Spark's partial sketches pass through a union,
/// which leaves as many, and the next hash is the end of the sample.
fn trimmed(sketch: CompactThetaSketch, lg_k: u8) -> Result<CompactThetaSketch> {
    let size = 1_usize << lg_k;
    let hashes = sorted(sketch.iter().map(|entry| entry.hash()));
    let Some(theta) = hashes.get(size).copied() else { return Ok(sketch) };
    let mut bytes = preamble(3, FAMILY, 0x1A, sketch.seed_hash(), size, theta);
    hashes[..size].iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
    CompactThetaSketch::deserialize(&bytes).map_err(internal)
}

/// The hashes of a sketch, the least first.
pub(super) fn sorted(hashes: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut hashes: Vec<u64> = hashes.collect();
    hashes.sort_unstable();
    hashes
}

/// DataSketches' number of Theta sketches.
const FAMILY: u8 = 3;

/// The first 24 bytes of a compact sketch that is a sample.
pub(super) fn preamble(version: u8, family: u8, flags: u8, seed: u16, entries: usize, theta: u64) -> Vec<u8> {
    let mut bytes = vec![3, version, family, 0, 0, flags];
    bytes.extend_from_slice(&seed.to_le_bytes());
    bytes.extend_from_slice(&(entries as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&theta.to_le_bytes());
    bytes
}

/// The logarithm of how many entries a sketch has at most.
pub(super) fn check_size(lg_k: i32, function: &str) -> Result<u8> {
    u8::try_from(lg_k).ok().filter(|lg_k| (4..=26).contains(lg_k)).ok_or_else(|| {
        SparkError::new("SKETCH_INVALID_LG_NOM_ENTRIES")
            .with("function", quoted(function))
            .with("min", "4")
            .with("max", "26")
            .with("value", lg_k.to_string())
    })
}

/// A sketch that takes values, and what came of others.
#[derive(Debug)]
pub(super) struct Growing {
    lg_k: u8,
    own: Option<ThetaSketch>,
    merged: Option<CompactThetaSketch>,
}

impl Growing {
    fn compact(&self) -> Result<CompactThetaSketch> {
        match (&self.own, &self.merged) {
            (Some(own), None) => Ok(own.compact(true)),
            (None, Some(merged)) => Ok(merged.clone()),
            (Some(own), Some(merged)) => unite(&own.compact(true), merged, self.lg_k),
            (None, None) => Ok(new_sketch(self.lg_k)?.compact(true)),
        }
    }
}

impl Clone for Growing {
    fn clone(&self) -> Self {
        // The library's growing sketches cannot be cloned, their compact form can.
        Self { lg_k: self.lg_k, own: None, merged: self.compact().ok() }
    }
}

fn new_sketch(lg_k: u8) -> Result<ThetaSketch> {
    ThetaSketchBuilder::default().lg_k(lg_k.max(LEAST)).build().map_err(internal)
}

/// Values to a sketch.
#[derive(Debug)]
struct Building {
    lg_k: u8,
}

impl Sketched for Building {
    type State = Growing;

    fn new(param: &str) -> Result<Self> {
        Ok(Self { lg_k: check_size(param.parse().unwrap_or(12), "theta_sketch_agg")? })
    }

    fn empty(&self) -> Result<Growing> {
        Ok(Growing { lg_k: self.lg_k, own: None, merged: None })
    }

    fn update(&self, state: &mut Option<Growing>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let Some(key) = key(&columns[0], row) else { return Ok(()) };
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        let sketch = match &mut state.own {
            Some(sketch) => sketch,
            None => state.own.insert(new_sketch(self.lg_k)?),
        };
        sketch.update(key);
        Ok(())
    }

    fn merge(&self, state: &mut Option<Growing>, bytes: &[u8]) -> Result<()> {
        let other = read(bytes, "theta_sketch_agg")?;
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        state.merged = Some(match &state.merged {
            Some(merged) => unite(merged, &other, self.lg_k)?,
            None => other,
        });
        Ok(())
    }

    fn bytes(&self, state: &Growing) -> Result<Vec<u8>> {
        Ok(write(&trimmed(state.compact()?, self.lg_k)?))
    }
}

/// Sketches to their union.
#[derive(Debug)]
struct Uniting {
    lg_k: u8,
}

impl Sketched for Uniting {
    type State = CompactThetaSketch;

    fn new(param: &str) -> Result<Self> {
        Ok(Self { lg_k: check_size(param.parse().unwrap_or(12), "theta_union_agg")? })
    }

    fn empty(&self) -> Result<CompactThetaSketch> {
        Ok(new_sketch(self.lg_k)?.compact(true))
    }

    fn update(&self, state: &mut Option<CompactThetaSketch>, columns: &[ArrayRef], row: usize) -> Result<()> {
        bytes_at(columns[0].as_binary::<i32>(), row).map_or(Ok(()), |bytes| self.merge(state, bytes))
    }

    fn merge(&self, state: &mut Option<CompactThetaSketch>, bytes: &[u8]) -> Result<()> {
        let other = read(bytes, "theta_union_agg")?;
        *state = Some(match state.as_ref() {
            Some(own) => unite(own, &other, self.lg_k)?,
            None => unite(&self.empty()?, &other, self.lg_k)?,
        });
        Ok(())
    }

    fn bytes(&self, state: &CompactThetaSketch) -> Result<Vec<u8>> {
        Ok(write(&trimmed(state.clone(), self.lg_k)?))
    }
}

/// Sketches to their intersection.
#[derive(Debug)]
struct Intersecting;

impl Sketched for Intersecting {
    type State = CompactThetaSketch;

    fn new(_: &str) -> Result<Self> {
        Ok(Self)
    }

    fn empty(&self) -> Result<CompactThetaSketch> {
        Ok(new_sketch(12)?.compact(true))
    }

    fn update(&self, state: &mut Option<CompactThetaSketch>, columns: &[ArrayRef], row: usize) -> Result<()> {
        bytes_at(columns[0].as_binary::<i32>(), row).map_or(Ok(()), |bytes| self.merge(state, bytes))
    }

    fn merge(&self, state: &mut Option<CompactThetaSketch>, bytes: &[u8]) -> Result<()> {
        let other = read(bytes, "theta_intersection_agg")?;
        let Some(own) = state.as_ref() else {
            *state = Some(other);
            return Ok(());
        };
        let mut both = ThetaIntersection::default();
        both.update(own).map_err(internal)?;
        both.update(&other).map_err(internal)?;
        *state = both.to_sketch(true);
        Ok(())
    }

    fn bytes(&self, state: &CompactThetaSketch) -> Result<Vec<u8>> {
        Ok(write(state))
    }
}
