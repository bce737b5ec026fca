//! The order in which the JVM's hash tables hold values, which results show: sets of Scala and those of Spark.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use firesteel_protocol::Result;

use super::row::{murmur3, murmur3_int};

/// Whether the hash codes of values of this type are those of the JVM here.
pub fn knows(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::Date32
            | DataType::Timestamp(..)
    )
}

fn fold(bits: u64) -> i32 {
    (bits ^ (bits >> 32)) as i32
}

/// The hash codes by which Scala's hash tables hold values: numbers that are equal have the same. Those of types that
/// are not [known](knows) are our own.
pub fn scala_hashes(array: &ArrayRef) -> Result<Vec<i32>> {
    let long = |v: i64| if i64::from(v as i32) == v { v as i32 } else { fold(v as u64) };
    let double = |v: f64| {
        if v == f64::from(v as i32) {
            v as i32
        } else if v == v as i64 as f64 {
            long(v as i64)
        } else if v == f64::from(v as f32) {
            (v as f32).to_bits() as i32
        } else {
            fold(v.to_bits())
        }
    };
    hashes(array, &long, &|v| double(f64::from(v)), &double)
}

/// The values' own hash codes, Java's.
pub fn java_hashes(array: &ArrayRef) -> Result<Vec<i32>> {
    hashes(array, &|v| fold(v as u64), &|v| v.to_bits() as i32, &|v| fold(v.to_bits()))
}

fn hashes(
    array: &ArrayRef,
    long: &dyn Fn(i64) -> i32,
    float: &dyn Fn(f32) -> i32,
    double: &dyn Fn(f64) -> i32,
) -> Result<Vec<i32>> {
    let or_zero = |hashes: Vec<Option<i32>>| hashes.into_iter().map(|hash| hash.unwrap_or(0)).collect();
    Ok(match array.data_type() {
        DataType::Int8 => or_zero(array.as_primitive::<Int8Type>().iter().map(|v| v.map(i32::from)).collect()),
        DataType::Int16 => or_zero(array.as_primitive::<Int16Type>().iter().map(|v| v.map(i32::from)).collect()),
        DataType::Int32 => or_zero(array.as_primitive::<Int32Type>().iter().collect()),
        DataType::Date32 => or_zero(array.as_primitive::<Date32Type>().iter().collect()),
        DataType::Int64 => or_zero(array.as_primitive::<Int64Type>().iter().map(|v| v.map(long)).collect()),
        DataType::Timestamp(..) => {
            or_zero(array.as_primitive::<TimestampMicrosecondType>().iter().map(|v| v.map(long)).collect())
        }
        DataType::Float32 => or_zero(array.as_primitive::<Float32Type>().iter().map(|v| v.map(float)).collect()),
        DataType::Float64 => or_zero(array.as_primitive::<Float64Type>().iter().map(|v| v.map(double)).collect()),
        DataType::Boolean => {
            or_zero(array.as_boolean().iter().map(|v| v.map(|v| if v { 1231 } else { 1237 })).collect())
        }
        _ => {
            let hashes = murmur3(std::slice::from_ref(array), array.len())?;
            (0..array.len()).map(|row| if array.is_null(row) { 0 } else { hashes.value(row) }).collect()
        }
    })
}

/// Puts distinct values, which came in this order, into that of `scala.collection.mutable.HashSet`.
pub fn as_scala_set(places: &mut [u64], hashes: &[i32]) {
    let mut buckets = 16_usize;
    while places.len() >= buckets * 3 / 4 {
        buckets *= 2;
    }
    let spread = |place: &u64| {
        let hash = hashes[*place as usize] as u32;
        hash ^ (hash >> 16)
    };
    // Within a bucket by their hashes, those of equal hashes as they came.
    places.sort_by_key(|place| (spread(place) & (buckets as u32 - 1), spread(place) as i32));
}

/// Distinct values, which came in this order, in that of Spark's `OpenHashSet`.
pub fn as_open_set(places: &[u64], hashes: &[i32]) -> Vec<u64> {
    let put = |table: &mut Vec<Option<u64>>, place: u64| {
        let mask = table.len() - 1;
        let mut at = murmur3_int(hashes[place as usize], 0) as u32 as usize & mask;
        let mut step = 1;
        while table[at].is_some() {
            at = (at + step) & mask;
            step += 1;
        }
        table[at] = Some(place);
    };
    let mut table: Vec<Option<u64>> = vec![None; 64];
    for (count, place) in places.iter().enumerate() {
        put(&mut table, *place);
        if count + 1 > table.len() * 7 / 10 {
            let mut larger = vec![None; table.len() * 2];
            table.iter().flatten().for_each(|place| put(&mut larger, *place));
            table = larger;
        }
    }
    table.into_iter().flatten().collect()
}
