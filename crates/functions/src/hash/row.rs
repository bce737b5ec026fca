//! Spark's `Murmur3Hash` and `XxHash64` of any number of values of any type but maps: the hash of one
//! value seeds the next, NULLs change nothing. Repartitioning by hash uses the same numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time64NanosecondType,
    TimestampMicrosecondType,
};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use xxhash_rust::xxh64::xxh64;

use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// A hash function over the primitive forms that values are brought to.
trait Hash: 'static {
    type State: Copy + 'static;
    fn int(value: i32, seed: Self::State) -> Self::State;
    fn long(value: i64, seed: Self::State) -> Self::State;
    fn bytes(value: &[u8], seed: Self::State) -> Self::State;
}

/// Murmur3 with 32 bits, in Spark's variant: bytes past the last four are mixed in one by one.
struct Murmur3;

impl Murmur3 {
    fn mix_word(word: i32) -> u32 {
        (word as u32).wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
    }

    fn mix(hash: u32, word: i32) -> u32 {
        (hash ^ Self::mix_word(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    }

    fn finish(hash: u32, length: usize) -> i32 {
        let hash = hash ^ length as u32;
        let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
        let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
        (hash ^ hash >> 16) as i32
    }
}

impl Hash for Murmur3 {
    type State = i32;

    fn int(value: i32, seed: i32) -> i32 {
        Self::finish(Self::mix(seed as u32, value), 4)
    }

    fn long(value: i64, seed: i32) -> i32 {
        let hash = Self::mix(seed as u32, value as i32);
        Self::finish(Self::mix(hash, (value >> 32) as i32), 8)
    }

    fn bytes(value: &[u8], seed: i32) -> i32 {
        let mut hash = seed as u32;
        let words = value.chunks_exact(4);
        let rest = words.remainder();
        for word in words {
            hash = Self::mix(hash, i32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        for byte in rest {
            hash = Self::mix(hash, i32::from(*byte as i8));
        }
        Self::finish(hash, value.len())
    }
}

/// Murmur3 of a number.
pub fn murmur3_int(value: i32, seed: i32) -> i32 {
    Murmur3::int(value, seed)
}

/// Spark's Murmur3 of bytes.
pub fn murmur3_bytes(bytes: &[u8], seed: i32) -> i32 {
    Murmur3::bytes(bytes, seed)
}

/// XXH64.
struct XxHash64;

impl Hash for XxHash64 {
    type State = i64;

    fn int(value: i32, seed: i64) -> i64 {
        xxh64(&value.to_le_bytes(), seed as u64) as i64
    }

    fn long(value: i64, seed: i64) -> i64 {
        xxh64(&value.to_le_bytes(), seed as u64) as i64
    }

    fn bytes(value: &[u8], seed: i64) -> i64 {
        xxh64(value, seed as u64) as i64
    }
}

/// Hashes the value of a row, which is not NULL.
type Cell<'a, S> = Box<dyn Fn(usize, S) -> S + 'a>;

fn primitive<'a, H: Hash, T: ArrowPrimitiveType>(
    array: &'a ArrayRef,
    hash: impl Fn(T::Native, H::State) -> H::State + 'a,
) -> Cell<'a, H::State> {
    let array = array.as_primitive::<T>();
    Box::new(move |row, seed| hash(array.value(row), seed))
}

fn cell<H: Hash>(array: &ArrayRef) -> Result<Cell<'_, H::State>> {
    Ok(match array.data_type() {
        DataType::Null => Box::new(|_, seed| seed),
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, seed| H::int(i32::from(array.value(row)), seed))
        }
        DataType::Int8 => primitive::<H, Int8Type>(array, |v, seed| H::int(i32::from(v), seed)),
        DataType::Int16 => primitive::<H, Int16Type>(array, |v, seed| H::int(i32::from(v), seed)),
        DataType::Int32 => primitive::<H, Int32Type>(array, H::int),
        DataType::Int64 => primitive::<H, Int64Type>(array, H::long),
        DataType::Date32 => primitive::<H, Date32Type>(array, H::int),
        DataType::Timestamp(..) => primitive::<H, TimestampMicrosecondType>(array, H::long),
        DataType::Time64(_) => primitive::<H, Time64NanosecondType>(array, H::long),
        DataType::Duration(_) => primitive::<H, DurationMicrosecondType>(array, H::long),
        DataType::Interval(IntervalUnit::YearMonth) => primitive::<H, IntervalYearMonthType>(array, H::int),
        DataType::Interval(_) => primitive::<H, IntervalMonthDayNanoType>(array, |v, seed| {
            H::int(v.months, H::int(v.days, H::long(v.nanoseconds / 1000, seed)))
        }),
        // -0.0 is 0.0, and there is one NaN.
        DataType::Float32 => primitive::<H, Float32Type>(array, |v, seed| {
            let bits = if v == 0.0 {
                0
            } else if v.is_nan() {
                0x7fc0_0000
            } else {
                v.to_bits()
            };
            H::int(bits as i32, seed)
        }),
        DataType::Float64 => primitive::<H, Float64Type>(array, |v, seed| {
            let bits = if v == 0.0 {
                0
            } else if v.is_nan() {
                0x7ff8_0000_0000_0000
            } else {
                v.to_bits()
            };
            H::long(bits as i64, seed)
        }),
        DataType::Decimal128(precision, _) if *precision <= 18 => {
            primitive::<H, Decimal128Type>(array, |v, seed| H::long(v as i64, seed))
        }
        DataType::Decimal128(..) => primitive::<H, Decimal128Type>(array, |v, seed| {
            let bytes = v.to_be_bytes();
            H::bytes(&bytes[needless_bytes(v)..], seed)
        }),
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |row, seed| H::bytes(array.value(row).as_bytes(), seed))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row, seed| H::bytes(array.value(row), seed))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let values = list.values();
            let element = cell::<H>(values)?;
            Box::new(move |row, seed| {
                let range = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
                range.fold(seed, |seed, at| if values.is_null(at) { seed } else { element(at, seed) })
            })
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            let cells = columns.iter().map(|column| Ok((column, cell::<H>(column)?))).collect::<Result<Vec<_>>>()?;
            Box::new(move |row, seed| {
                cells.iter().fold(seed, |seed, (column, cell)| if column.is_null(row) { seed } else { cell(row, seed) })
            })
        }
        other => return Err(SparkError::internal(format!("no hash of {}", name::sql(other)))),
    })
}

/// How many leading bytes Java's `BigInteger.toByteArray` leaves out.
fn needless_bytes(value: i128) -> usize {
    let bits = if value < 0 { (!value).leading_zeros() } else { value.leading_zeros() };
    // One bit is kept for the sign.
    ((bits.saturating_sub(1)) / 8).min(15) as usize
}

fn fold<H: Hash>(arrays: &[ArrayRef], rows: usize, seed: H::State) -> Result<Vec<H::State>> {
    let mut hashes = vec![seed; rows];
    for array in arrays {
        let cell = cell::<H>(array)?;
        for (row, hash) in hashes.iter_mut().enumerate() {
            if array.is_valid(row) {
                *hash = cell(row, *hash);
            }
        }
    }
    Ok(hashes)
}

/// Spark's hash of rows, seed 42: what `hash(...)` gives and what rows are partitioned by.
pub fn murmur3(arrays: &[ArrayRef], rows: usize) -> Result<PrimitiveArray<Int32Type>> {
    Ok(fold::<Murmur3>(arrays, rows, 42)?.into())
}

pub(super) fn hash(call: &Call) -> Result<Typed> {
    build(call, "spark_hash", DataType::Int32, |args| Ok(Arc::new(murmur3(&args.arrays()?, args.rows)?)))
}

/// Spark's 64 bit hash of rows, seed 42.
pub fn xxh64_of_rows(arrays: &[ArrayRef], rows: usize) -> Result<PrimitiveArray<Int64Type>> {
    Ok(fold::<XxHash64>(arrays, rows, 42)?.into())
}

pub(super) fn xxhash64(call: &Call) -> Result<Typed> {
    build(call, "spark_xxhash64", DataType::Int64, |args: &KernelArgs<'_>| {
        Ok(Arc::new(xxh64_of_rows(&args.arrays()?, args.rows)?))
    })
}

fn build(call: &Call, kernel_name: &'static str, to: DataType, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1..)?;
    if call.args.iter().any(|arg| has_map(&arg.data_type)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.HASH_MAP_TYPE")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("functionName", name::quote(call.name)));
    }
    if call.args.iter().any(|arg| has_variant(&arg.data_type)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.HASH_VARIANT_TYPE")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("functionName", name::quote(call.name)));
    }
    Ok(call.kernel(kernel_name, to, false, kernel))
}

/// Whether there is a VARIANT in the type, which has no hash either.
fn has_variant(data_type: &DataType) -> bool {
    match data_type {
        variant if firesteel_protocol::types::is_variant(variant) => true,
        DataType::List(element) => has_variant(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_variant(field.data_type())),
        _ => false,
    }
}

/// Whether there is a map in the type, which has no hash.
pub fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(element) => has_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sparks() {
        assert_eq!(Murmur3::int(1, 42), -559_580_957);
        assert_eq!(Murmur3::long(1, 42), -1_712_319_331);
        assert_eq!(Murmur3::bytes(b"abcdefg", 42), 2_132_013_596);
        assert_eq!(XxHash64::int(1, 42), -6_698_625_589_789_238_999);
        assert_eq!(XxHash64::bytes(b"", 42), -7_444_071_767_201_028_348);
    }

    #[test]
    fn big_integers_have_javas_bytes() {
        assert_eq!(needless_bytes(0), 15);
        assert_eq!(needless_bytes(127), 15);
        assert_eq!(needless_bytes(128), 14);
        assert_eq!(needless_bytes(-128), 15);
        assert_eq!(needless_bytes(-129), 14);
    }
}
