//! Tuple sketches: Theta sketches whose keys carry a number, summed up or compared as a mode says.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Float64Type, Int32Type};
use datafusion::scalar::ScalarValue;
use datasketches::codec::{SketchBytes, SketchSlice};
use datasketches::error::{Error, ErrorKind};
use datasketches::theta::CompactThetaSketch;
use datasketches::tuple::{
    CompactTupleSketch, SummaryCombinePolicy, SummaryPolicy, SummaryUpdatePolicy, TupleANotB, TupleIntersection,
    TupleSketch, TupleSketchBuilder, TupleSummaryValue, TupleUnionBuilder,
};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Sketched, aggregate};
use super::theta::{LEAST, check_size, preamble, sorted};
use super::{binary, bytes_at, constant_int, filled, internal, key, key_types, one_of, quoted, sketch_arg};
use crate::kernel::KernelArgs;
use crate::rowwise::{int, string_at, strings, text};
use crate::{Call, Typed, constant};

/// How numbers of one key come together.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Sum,
    Min,
    Max,
    AlwaysOne,
}

impl Mode {
    fn parse(word: &str, function: &str) -> Result<Self> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "sum" => Self::Sum,
            "min" => Self::Min,
            "max" => Self::Max,
            "alwaysone" => Self::AlwaysOne,
            _ => {
                return Err(SparkError::new("TUPLE_INVALID_SKETCH_MODE")
                    .with("function", quoted(function))
                    .with("mode", word)
                    .with("validModes", "sum, min, max, alwaysone"));
            }
        })
    }

    /// Its number in the sketches' bytes.
    fn code(self) -> u8 {
        match self {
            Self::Sum => 0,
            Self::Min => 1,
            Self::Max => 2,
            Self::AlwaysOne => 3,
        }
    }

    fn of_code(code: u8) -> Self {
        [Self::Sum, Self::Min, Self::Max, Self::AlwaysOne]
            .into_iter()
            .find(|mode| mode.code() == code)
            .unwrap_or(Self::Sum)
    }
}

/// The numbers of a sketch.
pub(super) trait Number: Copy + Debug + Send + Sync + 'static {
    type Column: ArrowPrimitiveType<Native = Self>;
    const WORD: &'static str;
    /// What no value is combined to.
    fn start(mode: &str) -> Self;
    fn combine(mode: u8, a: Self, b: Self) -> Self;
    fn write(self, out: &mut SketchBytes);
    fn read(slice: &mut SketchSlice<'_>) -> std::io::Result<Self>;
    const SIZE: usize;
    /// All numbers of a sketch together.
    fn total(numbers: Vec<Self>, mode: u8) -> ArrayRef;
    fn total_type() -> DataType;
}

fn start_of<T: Number>(mode: Mode) -> T {
    T::start(match mode {
        Mode::Sum => "sum",
        Mode::Min => "min",
        Mode::Max => "max",
        Mode::AlwaysOne => "one",
    })
}

impl Number for f64 {
    type Column = Float64Type;
    const WORD: &'static str = "double";
    const SIZE: usize = 8;

    fn start(mode: &str) -> Self {
        match mode {
            "min" => f64::INFINITY,
            "max" => f64::NEG_INFINITY,
            "one" => 1.0,
            _ => 0.0,
        }
    }

    fn combine(mode: u8, a: Self, b: Self) -> Self {
        match Mode::of_code(mode) {
            Mode::Sum => a + b,
            Mode::Min => a.min(b),
            Mode::Max => a.max(b),
            Mode::AlwaysOne => 1.0,
        }
    }

    fn write(self, out: &mut SketchBytes) {
        out.write_f64_le(self);
    }

    fn read(slice: &mut SketchSlice<'_>) -> std::io::Result<Self> {
        slice.read_f64_le()
    }

    fn total(numbers: Vec<Self>, mode: u8) -> ArrayRef {
        let total = match Mode::of_code(mode) {
            Mode::Sum => numbers.iter().fold(0.0, |sum, number| sum + number),
            Mode::Min => numbers.iter().copied().reduce(f64::min).unwrap_or(0.0),
            Mode::Max => numbers.iter().copied().reduce(f64::max).unwrap_or(0.0),
            Mode::AlwaysOne => numbers.len() as f64,
        };
        Arc::new(Float64Array::from(vec![total]))
    }

    fn total_type() -> DataType {
        DataType::Float64
    }
}

impl Number for i32 {
    type Column = Int32Type;
    const WORD: &'static str = "integer";
    const SIZE: usize = 4;

    fn start(mode: &str) -> Self {
        match mode {
            "min" => i32::MAX,
            "max" => i32::MIN,
            "one" => 1,
            _ => 0,
        }
    }

    fn combine(mode: u8, a: Self, b: Self) -> Self {
        match Mode::of_code(mode) {
            Mode::Sum => a.wrapping_add(b),
            Mode::Min => a.min(b),
            Mode::Max => a.max(b),
            Mode::AlwaysOne => 1,
        }
    }

    fn write(self, out: &mut SketchBytes) {
        out.write_i32_le(self);
    }

    fn read(slice: &mut SketchSlice<'_>) -> std::io::Result<Self> {
        slice.read_i32_le()
    }

    fn total(numbers: Vec<Self>, mode: u8) -> ArrayRef {
        let longs = numbers.iter().map(|number| i64::from(*number));
        let total = match Mode::of_code(mode) {
            Mode::Sum => longs.sum(),
            Mode::Min => longs.min().unwrap_or(0),
            Mode::Max => longs.max().unwrap_or(0),
            Mode::AlwaysOne => numbers.len() as i64,
        };
        Arc::new(Int64Array::from(vec![total]))
    }

    fn total_type() -> DataType {
        DataType::Int64
    }
}

/// A key's number and the mode that made it, as the JVM's library writes them.
#[derive(Debug, Clone, Copy)]
struct Summary<T> {
    value: T,
    mode: Mode,
}

impl<T: Number> TupleSummaryValue for Summary<T> {
    fn serialize_size(&self) -> usize {
        T::SIZE + 1
    }

    fn serialize_value(&self, bytes: &mut SketchBytes) {
        self.value.write(bytes);
        bytes.write_u8(self.mode.code());
    }

    fn deserialize_value(cursor: &mut SketchSlice<'_>) -> std::result::Result<Self, Error> {
        let failed = |_| Error::new(ErrorKind::InvalidData, "a truncated summary");
        let value = T::read(cursor).map_err(failed)?;
        Ok(Self { value, mode: Mode::of_code(cursor.read_u8().map_err(failed)?) })
    }
}

#[derive(Debug, Clone, Copy)]
struct Policy<T> {
    mode: Mode,
    number: PhantomData<fn() -> T>,
}

impl<T> Policy<T> {
    fn new(mode: Mode) -> Self {
        Self { mode, number: PhantomData }
    }
}

impl<T: Number> SummaryPolicy for Policy<T> {
    type Summary = Summary<T>;

    fn create(&self) -> Summary<T> {
        Summary { value: start_of(self.mode), mode: self.mode }
    }
}

impl<T: Number> SummaryUpdatePolicy<T> for Policy<T> {
    fn update(&self, summary: &mut Summary<T>, value: T) {
        summary.value = T::combine(self.mode.code(), summary.value, value);
    }
}

impl<T: Number> SummaryCombinePolicy for Policy<T> {
    fn combine(&self, summary: &mut Summary<T>, other: &Summary<T>) {
        summary.value = T::combine(self.mode.code(), summary.value, other.value);
    }
}

type Compact<T> = CompactTupleSketch<Summary<T>>;

fn read<T: Number>(bytes: &[u8], function: &str) -> Result<Compact<T>> {
    Compact::deserialize(bytes).map_err(|error| {
        SparkError::new("TUPLE_INVALID_INPUT_SKETCH_BUFFER").with("function", quoted(function)).with_source(error)
    })
}

/// Bytes as Spark writes them, which never says that keys are in order.
fn write<T: Number>(sketch: &Compact<T>) -> Vec<u8> {
    const ORDERED: u8 = 0x10;
    let mut bytes = sketch.serialize();
    bytes[5] &= !ORDERED;
    bytes
}

/// A Theta sketch whose keys have the number of no value.
fn with_numbers<T: Number>(theta: &CompactThetaSketch, mode: Mode) -> Result<Compact<T>> {
    const READ_ONLY_COMPACT: u8 = 0x0A;
    const EMPTY: u8 = 4;
    let summary = Policy::<T>::new(mode).create();
    let mut out = SketchBytes::with_capacity(24 + theta.num_retained() * (9 + T::SIZE));
    out.write_u8(3);
    out.write_u8(3);
    out.write_u8(9);
    out.write_u8(1);
    out.write_u8(0);
    out.write_u8(READ_ONLY_COMPACT | if theta.is_empty() { EMPTY } else { 0 });
    out.write_u16_le(theta.seed_hash());
    out.write_u32_le(theta.num_retained() as u32);
    out.write_u32_le(0);
    out.write_u64_le(theta.theta64());
    for entry in theta.iter() {
        out.write_u64_le(entry.hash());
        summary.serialize_value(&mut out);
    }
    Compact::deserialize(&out.into_bytes()).map_err(internal)
}

fn unite<T: Number>(a: &Compact<T>, b: &Compact<T>, lg_k: u8, mode: Mode) -> Result<Compact<T>> {
    let mut union = TupleUnionBuilder::new(Policy::<T>::new(mode)).lg_k(lg_k.max(LEAST)).build().map_err(internal)?;
    union.update(a).map_err(internal)?;
    union.update(b).map_err(internal)?;
    trimmed(union.to_sketch(false), lg_k)
}

/// As Theta sketches are trimmed.
fn trimmed<T: Number>(sketch: Compact<T>, lg_k: u8) -> Result<Compact<T>> {
    let size = 1_usize << lg_k;
    let hashes = sorted(sketch.iter().map(|entry| entry.hash()));
    let Some(theta) = hashes.get(size).copied() else { return Ok(sketch) };
    let mut out = SketchBytes::with_capacity(24 + size * (9 + T::SIZE));
    preamble(3, 9, 0x0A, sketch.seed_hash(), size, theta).into_iter().for_each(|byte| out.write_u8(byte));
    // The kind of a compact tuple sketch.
    for entry in sketch.iter().filter(|entry| entry.hash() < theta) {
        out.write_u64_le(entry.hash());
        entry.summary().serialize_value(&mut out);
    }
    let mut bytes = out.into_bytes();
    bytes[3] = 1;
    Compact::deserialize(&bytes).map_err(internal)
}

fn intersect<T: Number>(a: &Compact<T>, b: &Compact<T>, mode: Mode) -> Result<Option<Compact<T>>> {
    let mut both = TupleIntersection::new(Policy::<T>::new(mode));
    both.update(a).map_err(internal)?;
    both.update(b).map_err(internal)?;
    Ok(both.to_sketch(false))
}

/// The last arguments of a call: the size if it has one, and the mode.
fn settings(call: &Call, size_at: Option<usize>, mode_at: usize) -> Result<(u8, Mode)> {
    let checked = |result: Result<u8>| result.map_err(|cause| super::type_check_failure(call, &cause));
    let lg_k = match size_at {
        Some(at) => checked(check_size(constant_int(call, at)?, call.name))?,
        None => 12,
    };
    let word = match constant::evaluate(&call.args[mode_at].expr) {
        Some(ScalarValue::Utf8(Some(word))) => word,
        _ => {
            call.constant(mode_at)?;
            return Err(call.unexpected_type(mode_at, "\"STRING\""));
        }
    };
    let mode = Mode::parse(&word, call.name).map_err(|cause| super::type_check_failure(call, &cause))?;
    Ok((lg_k, mode))
}

fn param<T: Number>(lg_k: u8, mode: Mode) -> String {
    format!("{}:{lg_k}:{}", T::WORD, mode.code())
}

fn of_param(param: &str) -> (u8, Mode) {
    let mut parts = param.split(':').skip(1).map(|part| part.parse::<u8>().unwrap_or_default());
    let (lg_k, mode) = (parts.next().unwrap_or(12), parts.next().unwrap_or(0));
    (lg_k, Mode::of_code(mode))
}

fn size_and_mode() -> [(ScalarValue, &'static str); 2] {
    [(int(12), "12"), (text("sum"), "sum")]
}

/// `tuple_sketch_agg_double(key, number[, lgNomEntries[, mode]])` and its kin.
pub(super) fn sketch_agg<T: Number>(call: &Call) -> Result<Typed> {
    let call = filled(call, 4, &size_and_mode())?;
    let mut accepted = key_types();
    accepted.push(DataType::Boolean);
    let key = one_of(&call, 0, &accepted)?;
    let number = call.coerce(1, &T::Column::DATA_TYPE)?;
    let (lg_k, mode) = settings(&call, Some(2), 3)?;
    Ok(aggregate::<Building<T>>(&call, "tuple_sketch_agg", vec![key, number], param::<T>(lg_k, mode)))
}

/// `tuple_union_agg_double(sketch[, lgNomEntries[, mode]])` and its kin.
pub(super) fn union_agg<T: Number>(call: &Call) -> Result<Typed> {
    let call = filled(call, 3, &size_and_mode())?;
    let (lg_k, mode) = settings(&call, Some(1), 2)?;
    Ok(aggregate::<Uniting<T>>(&call, "tuple_union_agg", vec![sketch_arg(&call, 0)?], param::<T>(lg_k, mode)))
}

/// `tuple_intersection_agg_double(sketch[, mode])` and its kin.
pub(super) fn intersection_agg<T: Number>(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(text("sum"), "sum")])?;
    let (lg_k, mode) = settings(&call, None, 1)?;
    let args = vec![sketch_arg(&call, 0)?];
    Ok(aggregate::<Intersecting<T>>(&call, "tuple_intersection_agg", args, param::<T>(lg_k, mode)))
}

/// `tuple_sketch_estimate_double(sketch)` and its kin.
pub(super) fn estimate<T: Number>(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with("ansi_tuple_sketch_estimate", DataType::Float64, nullable, T::WORD.into(), |args| {
        doubles::<T>(args, "estimate", |sketch| sketch.estimate())
    }))
}

/// `tuple_sketch_theta_double(sketch)` and its kin.
pub(super) fn theta<T: Number>(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with("ansi_tuple_sketch_theta", DataType::Float64, nullable, T::WORD.into(), |args| {
        doubles::<T>(args, "theta", |sketch| sketch.theta())
    }))
}

fn doubles<T: Number>(args: &KernelArgs<'_>, what: &str, of: fn(&Compact<T>) -> f64) -> Result<ArrayRef> {
    let function = format!("tuple_sketch_{what}_{}", T::WORD);
    let sketches = args.array(0)?;
    let values = sketches.as_binary::<i32>().iter();
    let values = values.map(|bytes| bytes.map(|bytes| read::<T>(bytes, &function).map(|s| of(&s))).transpose());
    Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
}

/// `tuple_sketch_summary_double(sketch[, mode])` and its kin: all numbers together.
pub(super) fn summary<T: Number>(call: &Call) -> Result<Typed> {
    let call = filled(call, 2, &[(text("sum"), "sum")])?;
    let args = vec![sketch_arg(&call, 0)?, call.coerce(1, &DataType::Utf8)?];
    let (label, inner) = (call.display(), call.with_args(args));
    let nullable = inner.any_nullable();
    let typed = inner.kernel_with("ansi_tuple_sketch_summary", T::total_type(), nullable, T::WORD.into(), |args| {
        let function = format!("tuple_sketch_summary_{}", T::WORD);
        let (sketches, modes) = (args.array(0)?, strings(args, 1)?);
        let sketches = sketches.as_binary::<i32>();
        let mut totals: Vec<ArrayRef> = Vec::with_capacity(args.rows);
        for row in 0..args.rows {
            totals.push(match (bytes_at(sketches, row), string_at(&modes, row)) {
                (Some(bytes), Some(mode)) => {
                    let mode = Mode::parse(mode, &function)?;
                    let numbers = read::<T>(bytes, &function)?.iter().map(|entry| entry.summary().value).collect();
                    T::total(numbers, mode.code())
                }
                _ => arrow::array::new_null_array(args.return_type, 1),
            });
        }
        let totals: Vec<&dyn Array> = totals.iter().map(AsRef::as_ref).collect();
        arrow::compute::concat(&totals).map_err(crate::kernel::from_arrow)
    });
    Ok(typed.named(label))
}

/// `tuple_union_double(a, b[, lgNomEntries[, mode]])` and its kin.
pub(super) fn union<T: Number>(call: &Call) -> Result<Typed> {
    combined(call, true, "ansi_tuple_union", |args| {
        each::<T>(args, "union", |a, b, lg_k, mode, function| unite(&a, &read(b, function)?, lg_k, mode).map(Some))
    })
}

/// `tuple_union_theta_double(tuple, theta[, lgNomEntries[, mode]])` and its kin.
pub(super) fn union_theta<T: Number>(call: &Call) -> Result<Typed> {
    combined(call, true, "ansi_tuple_union_theta", |args| {
        each::<T>(args, "union_theta", |a, b, lg_k, mode, function| {
            let other = with_numbers(&super::theta::read(b, function)?, mode)?;
            unite(&a, &other, lg_k, mode).map(Some)
        })
    })
}

/// `tuple_intersection_double(a, b[, mode])` and its kin.
pub(super) fn intersection<T: Number>(call: &Call) -> Result<Typed> {
    combined(call, false, "ansi_tuple_intersection", |args| {
        each::<T>(args, "intersection", |a, b, _, mode, function| intersect(&a, &read(b, function)?, mode))
    })
}

/// `tuple_intersection_theta_double(tuple, theta[, mode])` and its kin.
pub(super) fn intersection_theta<T: Number>(call: &Call) -> Result<Typed> {
    combined(call, false, "ansi_tuple_intersection_theta", |args| {
        each::<T>(args, "intersection_theta", |a, b, _, mode, function| {
            let other = with_numbers(&super::theta::read(b, function)?, mode)?;
            intersect(&a, &other, mode)
        })
    })
}

/// `tuple_difference_double(a, b)` and its kin.
pub(super) fn difference<T: Number>(call: &Call) -> Result<Typed> {
    apart(call, "ansi_tuple_difference", |args| {
        each::<T>(args, "difference", |a, b, _, _, function| {
            TupleANotB::default().compute(&a, &read::<T>(b, function)?, false).map(Some).map_err(internal)
        })
    })
}

/// `tuple_difference_theta_double(tuple, theta)` and its kin.
pub(super) fn difference_theta<T: Number>(call: &Call) -> Result<Typed> {
    apart(call, "ansi_tuple_difference_theta", |args| {
        each::<T>(args, "difference_theta", |a, b, _, _, function| {
            let other: Compact<T> = with_numbers(&super::theta::read(b, function)?, Mode::Sum)?;
            TupleANotB::default().compute(&a, &other, false).map(Some).map_err(internal)
        })
    })
}

fn apart(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?, sketch_arg(call, 1)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with(name, DataType::Binary, nullable, call.name.to_string(), kernel))
}

fn combined(call: &Call, sized: bool, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    let defaults = size_and_mode();
    let defaults = if sized { &defaults[..] } else { &defaults[1..] };
    let call = filled(call, 2 + defaults.len(), defaults)?;
    let (lg_k, mode) = settings(&call, sized.then_some(2), call.args.len() - 1)?;
    let inner = call.with_args(vec![sketch_arg(&call, 0)?, sketch_arg(&call, 1)?]);
    let nullable = inner.any_nullable();
    let param = format!("{}:{lg_k}:{}", call.name, mode.code());
    Ok(inner.kernel_with(name, DataType::Binary, nullable, param, kernel).named(call.display()))
}

fn each<T: Number>(
    args: &KernelArgs<'_>,
    what: &str,
    combine: impl Fn(Compact<T>, &[u8], u8, Mode, &str) -> Result<Option<Compact<T>>>,
) -> Result<ArrayRef> {
    let function = format!("tuple_{what}_{}", T::WORD);
    let (lg_k, mode) = of_param(args.param);
    let (left, right) = (args.array(0)?, args.array(1)?);
    let (left, right) = (left.as_binary::<i32>(), right.as_binary::<i32>());
    let rows = (0..args.rows).map(|row| {
        let (Some(a), Some(b)) = (bytes_at(left, row), bytes_at(right, row)) else { return Ok(None) };
        let sketch = combine(read(a, &function)?, b, lg_k, mode, &function)?;
        Ok(sketch.as_ref().map(write))
    });
    Ok(Arc::new(binary(rows)?))
}

/// A sketch that takes values, and what came of others.
#[derive(Debug)]
struct Growing<T: Number> {
    lg_k: u8,
    mode: Mode,
    own: Option<TupleSketch<Policy<T>>>,
    merged: Option<Compact<T>>,
}

impl<T: Number> Growing<T> {
    fn sketch(lg_k: u8, mode: Mode) -> Result<TupleSketch<Policy<T>>> {
        TupleSketchBuilder::new(Policy::new(mode)).lg_k(lg_k.max(LEAST)).build().map_err(internal)
    }

    fn compact(&self) -> Result<Compact<T>> {
        match (&self.own, &self.merged) {
            (Some(own), None) => Ok(own.compact(false)),
            (None, Some(merged)) => Ok(merged.clone()),
            (Some(own), Some(merged)) => unite(&own.compact(false), merged, self.lg_k, self.mode),
            (None, None) => Ok(Self::sketch(self.lg_k, self.mode)?.compact(false)),
        }
    }
}

impl<T: Number> Clone for Growing<T> {
    fn clone(&self) -> Self {
        // The library's growing sketches cannot be cloned, their compact form can.
        Self { lg_k: self.lg_k, mode: self.mode, own: None, merged: self.compact().ok() }
    }
}

/// Keys and numbers to a sketch.
#[derive(Debug)]
struct Building<T> {
    lg_k: u8,
    mode: Mode,
    number: PhantomData<fn() -> T>,
}

impl<T: Number> Sketched for Building<T> {
    type State = Growing<T>;

    fn new(param: &str) -> Result<Self> {
        let (lg_k, mode) = of_param(param);
        Ok(Self { lg_k, mode, number: PhantomData })
    }

    fn empty(&self) -> Result<Growing<T>> {
        Ok(Growing { lg_k: self.lg_k, mode: self.mode, own: None, merged: None })
    }

    fn update(&self, state: &mut Option<Growing<T>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let (Some(key), true) = (key(&columns[0], row), columns[1].is_valid(row)) else { return Ok(()) };
        let number = columns[1].as_primitive::<T::Column>().value(row);
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        let sketch = match &mut state.own {
            Some(sketch) => sketch,
            None => state.own.insert(Growing::sketch(self.lg_k, self.mode)?),
        };
        sketch.update(key, number);
        Ok(())
    }

    fn merge(&self, state: &mut Option<Growing<T>>, bytes: &[u8]) -> Result<()> {
        let other = read::<T>(bytes, &format!("tuple_sketch_agg_{}", T::WORD))?;
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        state.merged = Some(match &state.merged {
            Some(merged) => unite(merged, &other, self.lg_k, self.mode)?,
            None => other,
        });
        Ok(())
    }

    fn bytes(&self, state: &Growing<T>) -> Result<Vec<u8>> {
        Ok(write(&trimmed(state.compact()?, self.lg_k)?))
    }
}

/// Sketches to their union.
#[derive(Debug)]
struct Uniting<T>(Building<T>);

impl<T: Number> Sketched for Uniting<T> {
    type State = Growing<T>;

    fn new(param: &str) -> Result<Self> {
        Building::new(param).map(Self)
    }

    fn empty(&self) -> Result<Growing<T>> {
        self.0.empty()
    }

    fn update(&self, state: &mut Option<Growing<T>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        bytes_at(columns[0].as_binary::<i32>(), row).map_or(Ok(()), |bytes| self.merge(state, bytes))
    }

    fn merge(&self, state: &mut Option<Growing<T>>, bytes: &[u8]) -> Result<()> {
        let other = read::<T>(bytes, &format!("tuple_union_agg_{}", T::WORD))?;
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        let own = match &state.merged {
            Some(merged) => merged.clone(),
            None => Growing::sketch(self.0.lg_k, self.0.mode)?.compact(false),
        };
        state.merged = Some(unite(&own, &other, self.0.lg_k, self.0.mode)?);
        Ok(())
    }

    fn bytes(&self, state: &Growing<T>) -> Result<Vec<u8>> {
        self.0.bytes(state)
    }
}

/// Sketches to their intersection.
#[derive(Debug)]
struct Intersecting<T>(Building<T>);

impl<T: Number> Sketched for Intersecting<T> {
    type State = Growing<T>;

    fn new(param: &str) -> Result<Self> {
        Building::new(param).map(Self)
    }

    fn empty(&self) -> Result<Growing<T>> {
        self.0.empty()
    }

    fn update(&self, state: &mut Option<Growing<T>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        bytes_at(columns[0].as_binary::<i32>(), row).map_or(Ok(()), |bytes| self.merge(state, bytes))
    }

    fn merge(&self, state: &mut Option<Growing<T>>, bytes: &[u8]) -> Result<()> {
        let other = read::<T>(bytes, &format!("tuple_intersection_agg_{}", T::WORD))?;
        let state = match state {
            Some(state) => state,
            None => state.insert(self.empty()?),
        };
        state.merged = match &state.merged {
            Some(merged) => intersect(merged, &other, self.0.mode)?,
            None => Some(other),
        };
        Ok(())
    }

    fn bytes(&self, state: &Growing<T>) -> Result<Vec<u8>> {
        Ok(write(&state.compact()?))
    }
}
