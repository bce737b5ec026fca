//! KLL sketches of numbers: ranks and quantiles out of little memory.

use std::fmt::{Debug, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, Int64Array, ListArray, PrimitiveArray, StringArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use datasketches::common::SearchCriteria::Inclusive;
use datasketches::kll::{KllFloat, KllSketch, KllValue};
use firesteel_protocol::{Result, SparkError, types};

use super::fold::{Sketched, aggregate};
use super::{binary, bytes_at, constant_int, internal, one_of, quoted, sketch_arg};
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

pub(super) type Float = KllFloat<f32>;
pub(super) type Double = KllFloat<f64>;

const DEFAULT_K: u16 = 200;
/// Items that a level holds at least.
const MIN_WIDTH: u64 = 8;

/// A type of values that sketches are made of.
pub(super) trait Item: KllValue + Ord + Copy + Debug + Send + Sync + 'static {
    /// The values' type in columns.
    type Column: ArrowPrimitiveType;
    /// The end of the functions' names.
    const WORD: &'static str;
    /// The word for them in `kll_sketch_to_string`.
    const JAVA: &'static str;
    const BYTES: u64;

    /// The types of values that are taken.
    fn accepted() -> Vec<DataType>;
    /// The value in a row; None if it has none or is not a number.
    fn at(column: &ArrayRef, row: usize) -> Option<Self>;
    fn native(self) -> <Self::Column as ArrowPrimitiveType>::Native;
    fn text(self) -> String;
}

impl Item for i64 {
    type Column = Int64Type;
    const WORD: &'static str = "bigint";
    const JAVA: &'static str = "Longs";
    const BYTES: u64 = 8;

    fn accepted() -> Vec<DataType> {
        vec![DataType::Int8, DataType::Int32, DataType::Int64, DataType::Int16]
    }

    fn at(column: &ArrayRef, row: usize) -> Option<Self> {
        if column.is_null(row) {
            return None;
        }
        match column.data_type() {
            DataType::Int8 => Some(column.as_primitive::<Int8Type>().value(row).into()),
            DataType::Int16 => Some(column.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => Some(column.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row)),
            _ => None,
        }
    }

    fn native(self) -> i64 {
        self
    }

    fn text(self) -> String {
        self.to_string()
    }
}

impl Item for Float {
    type Column = Float32Type;
    const WORD: &'static str = "float";
    const JAVA: &'static str = "Floats";
    const BYTES: u64 = 4;

    fn accepted() -> Vec<DataType> {
        vec![DataType::Float32]
    }

    fn at(column: &ArrayRef, row: usize) -> Option<Self> {
        let column = column.as_primitive_opt::<Float32Type>()?;
        column.is_valid(row).then(|| Self::new(column.value(row)).ok()).flatten()
    }

    fn native(self) -> f32 {
        self.into_inner()
    }

    fn text(self) -> String {
        crate::cast::text::format_f32(self.into_inner())
    }
}

impl Item for Double {
    type Column = Float64Type;
    const WORD: &'static str = "double";
    const JAVA: &'static str = "Doubles";
    const BYTES: u64 = 8;

    fn accepted() -> Vec<DataType> {
        vec![DataType::Float32, DataType::Float64]
    }

    fn at(column: &ArrayRef, row: usize) -> Option<Self> {
        if column.is_null(row) {
            return None;
        }
        let value = match column.data_type() {
            DataType::Float32 => f64::from(column.as_primitive::<Float32Type>().value(row)),
            DataType::Float64 => column.as_primitive::<Float64Type>().value(row),
            _ => return None,
        };
        Self::new(value).ok()
    }

    fn native(self) -> f64 {
        self.into_inner()
    }

    fn text(self) -> String {
        crate::cast::text::format_f64(self.into_inner())
    }
}

/// The optional last argument of the aggregates: how large sketches are.
fn size(call: &Call, index: usize) -> Result<u16> {
    if call.args.len() <= index {
        return Ok(DEFAULT_K);
    }
    let k = constant_int(call, index)?;
    u16::try_from(k).ok().filter(|k| *k >= 8).ok_or_else(|| {
        let inner = SparkError::new("KLL_SKETCH_K_OUT_OF_RANGE")
            .with("functionName", quoted(call.name))
            .with("k", k.to_string());
        super::type_check_failure(call, &inner)
    })
}

/// `kll_sketch_agg_bigint(x[, k])` and its kin.
pub(super) fn sketch_agg<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let value = one_of(call, 0, &T::accepted())?;
    let k = size(call, 1)?;
    Ok(aggregate::<Building<T>>(call, "kll_sketch_agg", vec![value], format!("{}:{k}", T::WORD)))
}

/// `kll_merge_agg_bigint(sketch[, k])` and its kin.
pub(super) fn merge_agg<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let sketch = sketch_arg(call, 0)?;
    let k = size(call, 1)?;
    Ok(aggregate::<Merging<T>>(call, "kll_merge_agg", vec![sketch], format!("{}:{k}", T::WORD)))
}

/// `kll_sketch_merge_bigint(a, b)` and its kin.
pub(super) fn merge<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?, sketch_arg(call, 1)?]);
    let (nullable, word) = (inner.any_nullable(), T::WORD.to_string());
    Ok(inner.kernel_with("ansi_kll_sketch_merge", DataType::Binary, nullable, word, |args| {
        let (left, right) = (args.array(0)?, args.array(1)?);
        let (left, right) = (left.as_binary::<i32>(), right.as_binary::<i32>());
        let function = format!("kll_sketch_merge_{}", T::WORD);
        let rows = (0..args.rows).map(|row| {
            let (Some(a), Some(b)) = (bytes_at(left, row), bytes_at(right, row)) else { return Ok(None) };
            let mut sketch = read::<T>(a, &function)?;
            sketch.merge(&read::<T>(b, &function)?).map_err(internal)?;
            Ok(Some(sketch.serialize()))
        });
        Ok(Arc::new(binary(rows)?))
    }))
}

/// `kll_sketch_get_n_bigint(sketch)` and its kin: how many values.
pub(super) fn get_n<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let (nullable, word) = (inner.any_nullable(), T::WORD.to_string());
    Ok(inner.kernel_with("ansi_kll_sketch_get_n", DataType::Int64, nullable, word, |args| {
        let function = format!("kll_sketch_get_n_{}", T::WORD);
        let counts = each::<T, _>(&args.array(0)?, &function, |sketch| Ok(sketch.n() as i64))?;
        Ok(Arc::new(Int64Array::from(counts)))
    }))
}

/// `kll_sketch_to_string_bigint(sketch)` and its kin.
pub(super) fn to_string<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let (nullable, word) = (inner.any_nullable(), T::WORD.to_string());
    Ok(inner.kernel_with("ansi_kll_sketch_to_string", DataType::Utf8, nullable, word, |args| {
        let function = format!("kll_sketch_to_string_{}", T::WORD);
        let texts = each::<T, _>(&args.array(0)?, &function, |sketch| Ok(summary(sketch)))?;
        Ok(Arc::new(StringArray::from(texts)))
    }))
}

fn each<T: Item, R>(
    sketches: &ArrayRef,
    function: &str,
    of: impl Fn(&KllSketch<T>) -> Result<R>,
) -> Result<Vec<Option<R>>> {
    let sketches = sketches.as_binary::<i32>();
    sketches.iter().map(|bytes| bytes.map(|bytes| of(&read::<T>(bytes, function)?)).transpose()).collect()
}

/// `kll_sketch_get_quantile_bigint(sketch, rank)` and its kin; an array of ranks gives an array.
pub(super) fn get_quantile<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let many = matches!(call.args[1].data_type, DataType::List(_));
    let double = if many { types::array(DataType::Float64, true) } else { DataType::Float64 };
    let inner = call.with_args(vec![sketch_arg(call, 0)?, call.coerce(1, &double)?]);
    let (nullable, word) = (inner.any_nullable(), T::WORD.to_string());
    let output = T::Column::DATA_TYPE;
    let output = if many { types::array(output, false) } else { output };
    let typed = inner.kernel_with("ansi_kll_sketch_get_quantile", output, nullable, word, |args| {
        let function = format!("kll_sketch_get_quantile_{}", T::WORD);
        answer::<T, T::Column>(args, &function, |sketch, ranks, row| {
            let rank = ranks.as_primitive::<Float64Type>().value(row);
            if !(0.0..=1.0).contains(&rank) {
                return Err(
                    SparkError::new("KLL_SKETCH_INVALID_QUANTILE_RANGE").with("functionName", quoted(&function))
                );
            }
            let found = sketch.quantile(rank, Inclusive).map_err(internal)?;
            found.map(Item::native).ok_or_else(|| invalid(&function))
        })
    });
    Ok(typed.named(call.display()))
}

/// `kll_sketch_get_rank_bigint(sketch, value)` and its kin; an array of values gives an array.
pub(super) fn get_rank<T: Item>(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let many = matches!(call.args[1].data_type, DataType::List(_));
    let value = T::Column::DATA_TYPE;
    let value = if many { types::array(value, true) } else { value };
    let inner = call.with_args(vec![sketch_arg(call, 0)?, call.coerce(1, &value)?]);
    let (nullable, word) = (inner.any_nullable(), T::WORD.to_string());
    let output = if many { types::array(DataType::Float64, false) } else { DataType::Float64 };
    let typed = inner.kernel_with("ansi_kll_sketch_get_rank", output, nullable, word, |args| {
        let function = format!("kll_sketch_get_rank_{}", T::WORD);
        answer::<T, Float64Type>(args, &function, |sketch, values, row| {
            let value = T::at(values, row).ok_or_else(|| invalid(&function))?;
            sketch.rank(&value, Inclusive).ok_or_else(|| invalid(&function))
        })
    });
    Ok(typed.named(call.display()))
}

/// Asks each sketch for one value, or for the values of a list.
fn answer<T: Item, R: ArrowPrimitiveType>(
    args: &KernelArgs<'_>,
    function: &str,
    ask: impl Fn(&KllSketch<T>, &ArrayRef, usize) -> Result<R::Native>,
) -> Result<ArrayRef> {
    let (sketches, questions) = (args.array(0)?, args.array(1)?);
    let sketches = sketches.as_binary::<i32>();
    let sketch = |row: usize| -> Result<Option<KllSketch<T>>> {
        if questions.is_null(row) {
            return Ok(None);
        }
        bytes_at(sketches, row).map(|bytes| read::<T>(bytes, function)).transpose()
    };
    if !matches!(questions.data_type(), DataType::List(_)) {
        let answers = (0..args.rows).map(|row| match sketch(row)? {
            Some(sketch) => ask(&sketch, &questions, row).map(Some),
            None => Ok(None),
        });
        return Ok(Arc::new(answers.collect::<Result<PrimitiveArray<R>>>()?));
    }
    let lists = questions.as_list::<i32>();
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("a list of answers")) };
    let (mut values, mut lengths, mut valid) = (vec![], vec![], vec![]);
    for row in 0..args.rows {
        let found = sketch(row)?;
        valid.push(found.is_some());
        let mut length = 0;
        if let Some(sketch) = found {
            let items = lists.value(row);
            for item in 0..items.len() {
                values.push(ask(&sketch, &items, item)?);
            }
            length = items.len();
        }
        lengths.push(length);
    }
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    let values: PrimitiveArray<R> = values.into_iter().map(Some).collect();
    let list = ListArray::try_new(Arc::clone(element), offsets, Arc::new(values), Some(valid.into()));
    Ok(Arc::new(list.map_err(crate::kernel::from_arrow)?))
}

fn invalid(function: &str) -> SparkError {
    SparkError::new("KLL_INVALID_INPUT_SKETCH_BUFFER").with("function", quoted(function))
}

fn read<T: Item>(bytes: &[u8], function: &str) -> Result<KllSketch<T>> {
    KllSketch::deserialize(bytes).map_err(|error| invalid(function).with_source(error))
}

/// What the library of the JVM prints of a sketch.
fn summary<T: Item>(sketch: &KllSketch<T>) -> String {
    let bytes = sketch.serialize();
    // Byte 18 of a sketch with a full preamble holds its number of levels.
    let levels = if sketch.n() <= 1 { 1 } else { u64::from(bytes.get(18).copied().unwrap_or(1)) };
    let capacity: u64 = (0..levels).map(|height| level_capacity(u64::from(sketch.k()), levels - height - 1)).sum();
    let retained = sketch.num_retained() as u64;
    let level_zero_sorted = bytes.get(3).is_some_and(|flags| flags & 2 != 0);
    let item = |item: Option<&T>| item.map_or_else(|| "NaN".to_string(), |item| item.text());
    let mut out = String::new();
    let _ = writeln!(out, "\n### KllKll{}Sketch Summary:", T::JAVA);
    let mut line = |label: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "   {label:<23}: {value}");
    };
    line("K", &sketch.k());
    line("Dynamic min K", &sketch.min_k());
    line("M", &MIN_WIDTH);
    line("N", &sketch.n());
    line("Epsilon", &format!("{:.3}%", sketch.normalized_rank_error() * 100.0));
    line("Epsilon PMF", &format!("{:.3}%", sketch.normalized_pmf_error() * 100.0));
    line("Empty", &sketch.is_empty());
    line("Estimation Mode", &sketch.is_estimation_mode());
    line("Levels", &levels);
    line("Level 0 Sorted", &level_zero_sorted);
    line("Capacity Items", &capacity);
    line("Retained Items", &retained);
    line("Free Space", &capacity.saturating_sub(retained));
    line("ReadOnly", &false);
    line("Updatable Storage Bytes", &(20 + (levels + 1) * 4 + (capacity + 2) * T::BYTES));
    line("Compact Storage Bytes", &bytes.len());
    line("Min Item", &item(sketch.min_item()));
    line("Max Item", &item(sketch.max_item()));
    out.push_str("### End sketch summary\n");
    out
}

/// How many items a level holds that is `depth` below the top.
fn level_capacity(k: u64, depth: u64) -> u64 {
    let part = |k: u128, depth: u32| ((((k << 1) << depth) / 3_u128.pow(depth)) + 1) >> 1;
    let half = (depth / 2) as u32;
    let rest = depth as u32 - half;
    let capacity = if depth <= 30 { part(k.into(), depth as u32) } else { part(part(k.into(), half), rest) };
    u64::try_from(capacity).unwrap_or(k).max(MIN_WIDTH)
}

/// Values to a sketch.
#[derive(Debug)]
struct Building<T> {
    k: u16,
    item: PhantomData<T>,
}

impl<T: Item> Sketched for Building<T> {
    type State = KllSketch<T>;

    fn new(param: &str) -> Result<Self> {
        let k = param.split(':').nth(1).and_then(|k| k.parse().ok()).unwrap_or(DEFAULT_K);
        Ok(Self { k, item: PhantomData })
    }

    fn empty(&self) -> Result<KllSketch<T>> {
        KllSketch::new(self.k).map_err(internal)
    }

    fn update(&self, state: &mut Option<KllSketch<T>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let Some(value) = T::at(&columns[0], row) else { return Ok(()) };
        match state {
            Some(state) => state.update(value),
            None => state.insert(self.empty()?).update(value),
        }
        Ok(())
    }

    fn merge(&self, state: &mut Option<KllSketch<T>>, bytes: &[u8]) -> Result<()> {
        let other = read::<T>(bytes, &format!("kll_sketch_agg_{}", T::WORD))?;
        match state {
            Some(state) => state.merge(&other).map_err(internal)?,
            None => *state = Some(other),
        }
        Ok(())
    }

    fn bytes(&self, state: &KllSketch<T>) -> Result<Vec<u8>> {
        Ok(state.serialize())
    }
}

/// Sketches to one.
#[derive(Debug)]
struct Merging<T>(Building<T>);

impl<T: Item> Sketched for Merging<T> {
    type State = KllSketch<T>;

    fn new(param: &str) -> Result<Self> {
        Building::new(param).map(Self)
    }

    fn empty(&self) -> Result<KllSketch<T>> {
        self.0.empty()
    }

    fn update(&self, state: &mut Option<KllSketch<T>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let sketches: &BinaryArray = columns[0].as_binary::<i32>();
        bytes_at(sketches, row).map_or(Ok(()), |bytes| self.merge(state, bytes))
    }

    fn merge(&self, state: &mut Option<KllSketch<T>>, bytes: &[u8]) -> Result<()> {
        let other = read::<T>(bytes, &format!("kll_merge_agg_{}", T::WORD))?;
        match state {
            Some(state) => state.merge(&other).map_err(internal)?,
            None => *state = Some(other),
        }
        Ok(())
    }

    fn bytes(&self, state: &KllSketch<T>) -> Result<Vec<u8>> {
        Ok(state.serialize())
    }
}
