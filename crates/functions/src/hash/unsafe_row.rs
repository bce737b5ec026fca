//! Rows as the bytes of Spark's `UnsafeRow`, for what Spark decides by their hash: the order in which `repartition(n)`
//! deals them out. A bit for each NULL, eight bytes a column, then what has no fixed width.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};

use super::row::murmur3_bytes;

/// Spark's `UnsafeRow.hashCode` of each row; None where a type has a form that is not known here.
pub fn row_hashes(columns: &[ArrayRef], rows: usize) -> Option<Vec<i32>> {
    let mut bytes = vec![];
    (0..rows)
        .map(|row| {
            bytes.clear();
            write_row(columns, row, &mut bytes)?;
            Some(murmur3_bytes(&bytes, 42))
        })
        .collect()
}

/// Bytes that hold `count` bits, in whole words.
fn bit_bytes(count: usize) -> usize {
    count.div_ceil(64) * 8
}

fn padded(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// Appends a row; places of its values are counted from where it begins.
fn write_row(columns: &[ArrayRef], row: usize, bytes: &mut Vec<u8>) -> Option<()> {
    let start = bytes.len();
    let bits = bit_bytes(columns.len());
    bytes.resize(start + bits + 8 * columns.len(), 0);
    for (number, column) in columns.iter().enumerate() {
        let slot = start + bits + 8 * number;
        write_value(column, row, &Slots { start, bits: start, number, slot }, bytes)?;
    }
    Some(())
}

/// Where a value goes: its NULL bit, and its slot. Wide values go to the end, their place counted from `start`.
struct Slots {
    start: usize,
    bits: usize,
    number: usize,
    slot: usize,
}

impl Slots {
    fn fixed(&self, value: &[u8], bytes: &mut [u8]) {
        bytes[self.slot..self.slot + value.len()].copy_from_slice(value);
    }

    /// Says in the slot where the value at the end is, which began at `from`.
    fn wide(&self, from: usize, size: usize, bytes: &mut [u8]) {
        let place = ((from - self.start) as u64) << 32 | size as u64;
        self.fixed(&place.to_le_bytes(), bytes);
    }

    fn append(&self, value: &[u8], bytes: &mut Vec<u8>) {
        let from = bytes.len();
        bytes.extend_from_slice(value);
        padded(bytes);
        self.wide(from, value.len(), bytes);
    }
}

fn write_value(column: &ArrayRef, row: usize, to: &Slots, bytes: &mut Vec<u8>) -> Option<()> {
    if column.is_null(row) || *column.data_type() == DataType::Null {
        bytes[to.bits + to.number / 8] |= 1 << (to.number % 8);
        if matches!(column.data_type(), DataType::Decimal128(precision, _) if *precision > 18) {
            // Room for a value that may come.
            let from = bytes.len();
            bytes.resize(from + 16, 0);
            to.wide(from, 0, bytes);
        }
        return Some(());
    }
    match column.data_type() {
        DataType::Boolean => to.fixed(&[u8::from(column.as_boolean().value(row))], bytes),
        DataType::Int8 => to.fixed(&column.as_primitive::<Int8Type>().value(row).to_le_bytes(), bytes),
        DataType::Int16 => to.fixed(&column.as_primitive::<Int16Type>().value(row).to_le_bytes(), bytes),
        DataType::Int32 => to.fixed(&column.as_primitive::<Int32Type>().value(row).to_le_bytes(), bytes),
        DataType::Int64 => to.fixed(&column.as_primitive::<Int64Type>().value(row).to_le_bytes(), bytes),
        DataType::Float32 => to.fixed(&column.as_primitive::<Float32Type>().value(row).to_le_bytes(), bytes),
        DataType::Float64 => to.fixed(&column.as_primitive::<Float64Type>().value(row).to_le_bytes(), bytes),
        DataType::Date32 => to.fixed(&column.as_primitive::<Date32Type>().value(row).to_le_bytes(), bytes),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            to.fixed(&column.as_primitive::<TimestampMicrosecondType>().value(row).to_le_bytes(), bytes);
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            to.fixed(&column.as_primitive::<DurationMicrosecondType>().value(row).to_le_bytes(), bytes);
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            to.fixed(&column.as_primitive::<IntervalYearMonthType>().value(row).to_le_bytes(), bytes);
        }
        DataType::Decimal128(precision, _) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            if *precision <= 18 {
                to.fixed(&(value as i64).to_le_bytes(), bytes);
            } else {
                let from = bytes.len();
                let own = shortest(value);
                bytes.extend_from_slice(&own);
                bytes.resize(from + 16, 0);
                to.wide(from, own.len(), bytes);
            }
        }
        DataType::Utf8 => to.append(column.as_string::<i32>().value(row).as_bytes(), bytes),
        DataType::Binary => to.append(column.as_binary::<i32>().value(row), bytes),
        DataType::Struct(_) => {
            let from = bytes.len();
            write_row(column.as_struct().columns(), row, bytes)?;
            let size = bytes.len() - from;
            to.wide(from, size, bytes);
        }
        DataType::List(_) => {
            let from = bytes.len();
            write_array(&column.as_list::<i32>().value(row), bytes)?;
            let size = bytes.len() - from;
            to.wide(from, size, bytes);
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            let from = bytes.len();
            bytes.resize(from + 8, 0);
            write_array(entries.column(0), bytes)?;
            let keys = (bytes.len() - from - 8) as u64;
            bytes[from..from + 8].copy_from_slice(&keys.to_le_bytes());
            write_array(entries.column(1), bytes)?;
            let size = bytes.len() - from;
            to.wide(from, size, bytes);
        }
        _ => return None,
    }
    Some(())
}

/// Appends Spark's `UnsafeArrayData`: how many, a bit for each NULL, slots as wide as the values, wide values.
fn write_array(values: &ArrayRef, bytes: &mut Vec<u8>) -> Option<()> {
    let start = bytes.len();
    let count = values.len();
    bytes.extend_from_slice(&(count as u64).to_le_bytes());
    let bits = bytes.len();
    let width = match values.data_type() {
        DataType::Boolean | DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 | DataType::Float32 | DataType::Date32 | DataType::Interval(IntervalUnit::YearMonth) => 4,
        _ => 8,
    };
    let slots = bits + bit_bytes(count);
    bytes.resize(slots + width * count, 0);
    padded(bytes);
    for row in 0..count {
        write_value(values, row, &Slots { start, bits, number: row, slot: slots + width * row }, bytes)?;
    }
    Some(())
}

/// The fewest bytes of a number in two's complement, highest first, as Java's `BigInteger` gives them.
fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let sign = if value < 0 { 0xff } else { 0 };
    let spare = bytes.windows(2).take_while(|pair| pair[0] == sign && (pair[1] ^ sign) & 0x80 == 0).count();
    bytes[spare..].to_vec()
}
