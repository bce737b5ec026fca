//! Arrays become the streams of a stripe.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{filter, is_not_null};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalYearMonthType, Time64NanosecondType, TimestampMicrosecondType,
};
use firesteel_functions::datetime::zone::Zone;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::decode::{BASE_SECONDS, stream};
use super::proto::{ColumnEncoding, ColumnStatistics};
use super::rle::{BitWriter, ByteRunWriter, IntegerWriter, zigzag128};
use super::schema::{Kind, kind_of};
use crate::julian;

const MICROS: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * MICROS;

/// A stream of a column: its kind and its bytes.
pub type Encoded = (u32, Vec<u8>);

/// Collects the values of a column for a stripe.
#[derive(Debug)]
pub struct Encoder {
    data_type: DataType,
    zone: Zone,
    present: BitWriter,
    has_null: bool,
    /// Values that are there, and whether one is not, since the file began.
    total: ColumnStatistics,
    values: Values,
    children: Vec<Encoder>,
}

#[derive(Debug)]
enum Values {
    Bits(BitWriter),
    Bytes(ByteRunWriter),
    Integers(IntegerWriter),
    /// Floats.
    Plain(Vec<u8>),
    /// Texts and bytes; digits and scales of decimals.
    Pair(Vec<u8>, IntegerWriter),
    Timestamps(IntegerWriter, IntegerWriter),
    Lengths(IntegerWriter),
    Nothing,
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Bits(BitWriter::default()),
            Kind::Byte => Self::Bytes(ByteRunWriter::default()),
            Kind::Short | Kind::Int | Kind::Long | Kind::Date => Self::Integers(IntegerWriter::new(true)),
            Kind::Float | Kind::Double => Self::Plain(vec![]),
            Kind::Decimal => Self::Pair(vec![], IntegerWriter::new(true)),
            Kind::Timestamp | Kind::TimestampInstant => {
                Self::Timestamps(IntegerWriter::new(true), IntegerWriter::new(false))
            }
            Kind::List | Kind::Map => Self::Lengths(IntegerWriter::new(false)),
            Kind::Struct | Kind::Union => Self::Nothing,
            Kind::String | Kind::Varchar | Kind::Char | Kind::Binary => Self::Pair(vec![], IntegerWriter::new(false)),
        }
    }
}

impl Encoder {
    /// An encoder of a column and those below it.
    pub fn new(data_type: &DataType, zone: Zone) -> Self {
        let child = |data_type: &DataType| Self::new(data_type, zone);
        let children = match data_type {
            DataType::Struct(fields) => fields.iter().map(|field| child(field.data_type())).collect(),
            DataType::List(element) => vec![child(element.data_type())],
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) => pair.iter().map(|field| child(field.data_type())).collect(),
                _ => vec![],
            },
            _ => vec![],
        };
        Self {
            data_type: data_type.clone(),
            zone,
            present: BitWriter::default(),
            has_null: false,
            total: ColumnStatistics { number_of_values: Some(0), has_null: Some(false), ..ColumnStatistics::default() },
            values: Values::new(kind_of(data_type)),
            children,
        }
    }

    /// Appends the values of an array.
    pub fn push(&mut self, array: &ArrayRef) -> Result<()> {
        for row in 0..array.len() {
            self.present.push(array.is_valid(row));
        }
        let present;
        let mut array = array;
        if array.null_count() > 0 {
            self.has_null = true;
            self.total.has_null = Some(true);
            present = filter(array, &is_not_null(array).map_err(from_arrow)?).map_err(from_arrow)?;
            array = &present;
        }
        let count = self.total.number_of_values.unwrap_or(0) + array.len() as u64;
        self.total.number_of_values = Some(count);
        self.push_values(array)
    }

    /// All of `array` are there.
    fn push_values(&mut self, array: &ArrayRef) -> Result<()> {
        match (&mut self.values, &self.data_type) {
            (Values::Bits(bits), _) => array.as_boolean().values().iter().for_each(|bit| bits.push(bit)),
            (Values::Bytes(bytes), _) => {
                array.as_primitive::<Int8Type>().values().iter().for_each(|byte| bytes.push(byte.cast_unsigned()));
            }
            (Values::Integers(out), data_type) => push_integers(array, data_type, out),
            (Values::Plain(out), DataType::Float32) => {
                array.as_primitive::<Float32Type>().values().iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            (Values::Plain(out), _) => {
                array.as_primitive::<Float64Type>().values().iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            (Values::Pair(digits, scales), DataType::Decimal128(_, scale)) => {
                for value in array.as_primitive::<Decimal128Type>().values() {
                    zigzag128(*value, digits);
                    scales.push(i64::from(*scale));
                }
            }
            (Values::Pair(bytes, lengths), DataType::Binary) => {
                for value in array.as_binary::<i32>().iter().flatten() {
                    bytes.extend_from_slice(value);
                    lengths.push(value.len().cast_signed() as i64);
                }
            }
            (Values::Pair(bytes, lengths), _) => {
                for value in array.as_string::<i32>().iter().flatten() {
                    bytes.extend_from_slice(value.as_bytes());
                    lengths.push(value.len().cast_signed() as i64);
                }
            }
            (Values::Timestamps(seconds, nanos), _) => {
                let base = self.zone.to_utc(BASE_SECONDS * MICROS) / MICROS;
                for us in array.as_primitive::<TimestampMicrosecondType>().values() {
                    let (whole, packed) = split(*us, self.zone);
                    seconds.push(whole - base);
                    nanos.push(packed);
                }
            }
            (Values::Lengths(lengths), _) => {
                let (offsets, children): (_, Vec<ArrayRef>) = match array.data_type() {
                    DataType::Map(..) => {
                        let map = array.as_map();
                        (map.value_offsets(), vec![ArrayRef::clone(map.keys()), ArrayRef::clone(map.values())])
                    }
                    _ => {
                        let list = array.as_list::<i32>();
                        (list.value_offsets(), vec![ArrayRef::clone(list.values())])
                    }
                };
                offsets.windows(2).for_each(|pair| lengths.push(i64::from(pair[1] - pair[0])));
                let first = usize::try_from(offsets[0]).unwrap_or(0);
                let last = usize::try_from(offsets[offsets.len() - 1]).unwrap_or(0);
                for (encoder, child) in self.children.iter_mut().zip(children) {
                    encoder.push(&child.slice(first, last - first))?;
                }
            }
            (Values::Nothing, _) => {
                let columns = array.as_struct_opt().ok_or_else(|| SparkError::internal("a struct is none"))?.columns();
                for (encoder, child) in self.children.iter_mut().zip(columns) {
                    encoder.push(child)?;
                }
            }
        }
        Ok(())
    }

    /// Bytes collected.
    pub fn size(&self) -> usize {
        let own = match &self.values {
            Values::Bits(bits) => bits.size(),
            Values::Bytes(bytes) => bytes.size(),
            Values::Integers(numbers) | Values::Lengths(numbers) => numbers.size(),
            Values::Plain(bytes) => bytes.len(),
            Values::Pair(bytes, numbers) => bytes.len() + numbers.size(),
            Values::Timestamps(seconds, nanos) => seconds.size() + nanos.size(),
            Values::Nothing => 0,
        };
        own + self.present.size() + self.children.iter().map(Self::size).sum::<usize>()
    }

    /// Ends the stripe: gives the streams of this column and those below it, in the order of their numbers.
    pub fn finish(&mut self, columns: &mut Vec<(ColumnEncoding, Vec<Encoded>)>) {
        let kind = kind_of(&self.data_type);
        let present = std::mem::take(&mut self.present);
        let mut streams = vec![];
        if std::mem::take(&mut self.has_null) {
            streams.push((stream::PRESENT, present.finish()));
        }
        let second = if kind == Kind::Decimal { stream::SECONDARY } else { stream::LENGTH };
        match std::mem::replace(&mut self.values, Values::new(kind)) {
            Values::Bits(bits) => streams.push((stream::DATA, bits.finish())),
            Values::Bytes(bytes) => streams.push((stream::DATA, bytes.finish())),
            Values::Integers(numbers) => streams.push((stream::DATA, numbers.finish())),
            Values::Plain(bytes) => streams.push((stream::DATA, bytes)),
            Values::Pair(bytes, numbers) => {
                streams.push((stream::DATA, bytes));
                streams.push((second, numbers.finish()));
            }
            Values::Timestamps(seconds, nanos) => {
                streams.push((stream::DATA, seconds.finish()));
                streams.push((stream::SECONDARY, nanos.finish()));
            }
            Values::Lengths(lengths) => streams.push((stream::LENGTH, lengths.finish())),
            Values::Nothing => {}
        }
        let direct = matches!(kind, Kind::Boolean | Kind::Byte | Kind::Float | Kind::Double | Kind::Struct);
        let encoding = ColumnEncoding { kind: Some(if direct { 0 } else { 2 }), dictionary_size: None };
        columns.push((encoding, streams));
        for child in &mut self.children {
            child.finish(columns);
        }
    }

    /// What the footer says of this column and those below it.
    pub fn statistics(&self, all: &mut Vec<ColumnStatistics>) {
        all.push(self.total.clone());
        self.children.iter().for_each(|child| child.statistics(all));
    }
}

fn push_integers(array: &ArrayRef, data_type: &DataType, out: &mut IntegerWriter) {
    match data_type {
        DataType::Int16 => {
            array.as_primitive::<Int16Type>().values().iter().for_each(|value| out.push((*value).into()))
        }
        DataType::Int32 => {
            array.as_primitive::<Int32Type>().values().iter().for_each(|value| out.push((*value).into()))
        }
        DataType::Interval(_) => {
            let months = array.as_primitive::<IntervalYearMonthType>();
            months.values().iter().for_each(|value| out.push((*value).into()));
        }
        DataType::Duration(_) => {
            array.as_primitive::<DurationMicrosecondType>().values().iter().for_each(|value| out.push(*value));
        }
        DataType::Time64(_) => {
            array.as_primitive::<Time64NanosecondType>().values().iter().for_each(|value| out.push(*value));
        }
        DataType::Timestamp(..) => {
            array.as_primitive::<TimestampMicrosecondType>().values().iter().for_each(|value| out.push(*value));
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            days.values().iter().for_each(|value| out.push(julian::to_hybrid((*value).into())));
        }
        _ => array.as_primitive::<Int64Type>().values().iter().for_each(|value| out.push(*value)),
    }
}

/// Seconds since 1970, cut toward zero where readers expect it, and nanoseconds with their zeros counted.
fn split(us: i64, zone: Zone) -> (i64, i64) {
    let day = zone.to_local(us).div_euclid(DAY_US);
    let us = us + (julian::to_hybrid(day) - day) * DAY_US;
    let mut seconds = us.div_euclid(MICROS);
    let nanos = us.rem_euclid(MICROS) * 1000;
    if seconds < 0 && nanos > 999_999 {
        seconds += 1;
    }
    if nanos == 0 {
        return (seconds, 0);
    }
    let (mut digits, mut zeros) = (nanos, 0);
    while zeros < 8 && digits % 10 == 0 {
        digits /= 10;
        zeros += 1;
    }
    // One zero is not worth a mark.
    if zeros < 2 { (seconds, nanos << 3) } else { (seconds, digits << 3 | (zeros - 1)) }
}
