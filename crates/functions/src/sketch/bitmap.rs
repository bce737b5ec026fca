//! Bitmaps of 32,768 bits: `bitmap_construct_agg` and its kin, for exact counts of distinct numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use firesteel_protocol::{Result, SparkError};

use super::fold::{Sketched, aggregate};
use super::{bytes_at, sketch_arg};
use crate::{Call, Typed};

const BYTES: usize = 4096;
const BITS: i64 = 8 * BYTES as i64;

/// `bitmap_bit_position(n)`: which bit of its bucket stands for a number.
pub(super) fn bit_position(call: &Call) -> Result<Typed> {
    number(call, "bitmap_bit_position", |args| {
        unary(args, |n| if n > 0 { (n - 1) % BITS } else { (n.unsigned_abs() % BITS as u64) as i64 })
    })
}

/// `bitmap_bucket_number(n)`: in which bucket a number is.
pub(super) fn bucket_number(call: &Call) -> Result<Typed> {
    number(call, "bitmap_bucket_number", |args| unary(args, |n| if n > 0 { 1 + (n - 1) / BITS } else { n / BITS }))
}

fn number(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Int64])?;
    let nullable = inner.any_nullable();
    Ok(inner.kernel(name, DataType::Int64, nullable, kernel).named(call.display()))
}

fn unary(args: &crate::kernel::KernelArgs<'_>, of: fn(i64) -> i64) -> Result<ArrayRef> {
    Ok(Arc::new(args.array(0)?.as_primitive::<Int64Type>().unary::<_, Int64Type>(of)))
}

/// `bitmap_count(bitmap)`: how many bits are set.
pub(super) fn count(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![sketch_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("bitmap_count", DataType::Int64, nullable, |args| {
        let bitmaps = args.array(0)?;
        let ones = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>();
        Ok(Arc::new(bitmaps.as_binary::<i32>().iter().map(|bytes| bytes.map(ones)).collect::<Int64Array>()))
    }))
}

/// `bitmap_construct_agg(position)`.
pub(super) fn construct_agg(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let position = call.coerce(0, &DataType::Int64)?;
    Ok(aggregate::<Bitmap>(call, "bitmap_construct_agg", vec![position], "set".into()))
}

/// `bitmap_or_agg(bitmap)`.
pub(super) fn or_agg(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    Ok(aggregate::<Bitmap>(call, "bitmap_or_agg", vec![sketch_arg(call, 0)?], "or".into()))
}

/// `bitmap_and_agg(bitmap)`.
pub(super) fn and_agg(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    Ok(aggregate::<Bitmap>(call, "bitmap_and_agg", vec![sketch_arg(call, 0)?], "and".into()))
}

/// What is done with rows.
#[derive(Debug, PartialEq)]
enum Bitmap {
    Set,
    Or,
    And,
}

impl Sketched for Bitmap {
    type State = Vec<u8>;

    fn new(param: &str) -> Result<Self> {
        Ok(match param {
            "or" => Self::Or,
            "and" => Self::And,
            _ => Self::Set,
        })
    }

    fn empty(&self) -> Result<Vec<u8>> {
        Ok(vec![if *self == Self::And { 0xFF } else { 0 }; BYTES])
    }

    fn update(&self, state: &mut Option<Vec<u8>>, columns: &[ArrayRef], row: usize) -> Result<()> {
        let column = &columns[0];
        if *self != Self::Set {
            return bytes_at(column.as_binary::<i32>(), row).map_or(Ok(()), |bytes| self.merge(state, bytes));
        }
        if column.is_null(row) {
            return Ok(());
        }
        let position = column.as_primitive::<Int64Type>().value(row);
        if !(0..BITS).contains(&position) {
            return Err(SparkError::new("INVALID_BITMAP_POSITION")
                .with("bitPosition", position.to_string())
                .with("bitmapNumBytes", BYTES.to_string())
                .with("bitmapNumBits", BITS.to_string()));
        }
        let bitmap = match state {
            Some(bitmap) => bitmap,
            None => state.insert(self.empty()?),
        };
        bitmap[position as usize / 8] |= 1 << (position % 8);
        Ok(())
    }

    fn merge(&self, state: &mut Option<Vec<u8>>, bytes: &[u8]) -> Result<()> {
        let bitmap = match state {
            Some(bitmap) => bitmap,
            None => state.insert(self.empty()?),
        };
        for (at, byte) in bitmap.iter_mut().enumerate() {
            let other = bytes.get(at).copied();
            match self {
                Self::And => *byte &= other.unwrap_or(0),
                Self::Or | Self::Set => *byte |= other.unwrap_or(0),
            }
        }
        Ok(())
    }

    fn bytes(&self, state: &Vec<u8>) -> Result<Vec<u8>> {
        Ok(state.clone())
    }
}
