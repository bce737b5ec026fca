//! The columns of a stripe become arrays.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanBuilder, ListArray, MapArray, PrimitiveBuilder, StringArray, StructArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, FieldRef, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalYearMonthType, Time64NanosecondType,
    TimestampMicrosecondType,
};
use datafusion::physical_plan::metrics::Count;
use firesteel_functions::datetime::zone::{UTC, Zone};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;
use prost::Message;

use super::damaged;
use super::proto::{StripeFooter, StripeInformation};
use super::rle::{Bits, ByteRuns, Bytes, Integers};
use super::schema::{Column, Kind};
use super::tail::{Tail, read_at};
use crate::julian;

/// 2015-01-01, from which timestamps count, in seconds since 1970-01-01.
pub const BASE_SECONDS: i64 = 1_420_070_400;
/// Footer's calendar of dates before 1582.
const PROLEPTIC: u32 = 2;
const MICROS: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * MICROS;

/// What a stream is.
pub mod stream {
    pub const PRESENT: u32 = 0;
    pub const DATA: u32 = 1;
    pub const LENGTH: u32 = 2;
    pub const DICTIONARY: u32 = 3;
    pub const SECONDARY: u32 = 5;
}

/// A stripe whose streams are read as columns ask for them.
pub struct Stripe<'a> {
    file: &'a mut File,
    tail: &'a Tail,
    footer: StripeFooter,
    /// Column and kind to offset and length.
    streams: HashMap<(u32, u32), (u64, u64)>,
    bytes_read: &'a Count,
    /// The zone of the machine.
    zone: Zone,
}

impl<'a> Stripe<'a> {
    /// Reads a stripe's footer.
    pub fn open(
        file: &'a mut File,
        tail: &'a Tail,
        at: &StripeInformation,
        zone: Zone,
        bytes_read: &'a Count,
    ) -> Result<Self> {
        let mut offset = at.offset.unwrap_or(0);
        let length = at.footer_length.unwrap_or(0);
        let start = [at.index_length.unwrap_or(0), at.data_length.unwrap_or(0)]
            .iter()
            .try_fold(offset, |sum, part| sum.checked_add(*part))
            .ok_or_else(|| damaged("a stripe beyond the file"))?;
        let packed = read_at(file, start, length)?;
        bytes_read.add(packed.len());
        let plain = tail.compression.decompress(&packed, tail.block_size)?;
        let footer = StripeFooter::decode(plain.as_slice()).map_err(|_| damaged("a stripe without its footer"))?;
        let mut streams = HashMap::new();
        for stream in &footer.streams {
            let length = stream.length.unwrap_or(0);
            streams.insert((stream.column.unwrap_or(0), stream.kind.unwrap_or(0)), (offset, length));
            offset = offset.checked_add(length).ok_or_else(|| damaged("a stream beyond the file"))?;
        }
        Ok(Self { file, tail, footer, streams, bytes_read, zone })
    }

    fn stream(&mut self, column: u32, kind: u32) -> Result<Option<Vec<u8>>> {
        let Some((offset, length)) = self.streams.get(&(column, kind)).copied() else { return Ok(None) };
        let packed = read_at(self.file, offset, length)?;
        self.bytes_read.add(packed.len());
        self.tail.compression.decompress(&packed, self.tail.block_size).map(Some)
    }

    /// The bytes of a stream; one that is not there has none.
    fn bytes(&mut self, column: u32, kind: u32) -> Result<Vec<u8>> {
        Ok(self.stream(column, kind)?.unwrap_or_default())
    }

    /// A decoder of a column, from its first row on.
    pub fn decoder(&mut self, column: &Column) -> Result<Decoder> {
        let id = column.id;
        let present = self.stream(id, stream::PRESENT)?.map(Bits::new);
        let encoding = self.footer.columns.get(id as usize).and_then(|encoding| encoding.kind).unwrap_or(0);
        let (version_2, dictionary) = (encoding >= 2, encoding % 2 == 1);
        let integers = |data, signed| Integers::new(data, version_2, signed);
        let values = match column.kind {
            Kind::Boolean => Values::Booleans(Bits::new(self.bytes(id, stream::DATA)?)),
            Kind::Byte => Values::Bytes(ByteRuns::new(self.bytes(id, stream::DATA)?)),
            Kind::Short | Kind::Int | Kind::Long => Values::Integers(integers(self.bytes(id, stream::DATA)?, true)),
            Kind::Date => Values::Dates {
                days: integers(self.bytes(id, stream::DATA)?, true),
                hybrid: self.tail.footer.calendar != Some(PROLEPTIC),
            },
            Kind::Float | Kind::Double => Values::Floats(Bytes::new(self.bytes(id, stream::DATA)?)),
            Kind::String | Kind::Varchar | Kind::Char if dictionary => {
                let size = self.footer.columns.get(id as usize).and_then(|encoding| encoding.dictionary_size);
                let mut lengths = integers(self.bytes(id, stream::LENGTH)?, false);
                let texts = self.bytes(id, stream::DICTIONARY)?;
                let mut ends = vec![0_usize];
                for _ in 0..size.unwrap_or(0) {
                    let end = length(&mut lengths)?.checked_add(ends[ends.len() - 1]).filter(|end| *end <= texts.len());
                    ends.push(end.ok_or_else(|| damaged("a dictionary shorter than its words"))?);
                }
                Values::Dictionary { words: integers(self.bytes(id, stream::DATA)?, false), ends, texts }
            }
            Kind::String | Kind::Varchar | Kind::Char | Kind::Binary => Values::Texts {
                lengths: integers(self.bytes(id, stream::LENGTH)?, false),
                bytes: Bytes::new(self.bytes(id, stream::DATA)?),
            },
            Kind::Decimal => Values::Decimals {
                digits: Bytes::new(self.bytes(id, stream::DATA)?),
                scales: integers(self.bytes(id, stream::SECONDARY)?, true),
            },
            Kind::Timestamp | Kind::TimestampInstant => {
                let (writer, reader) = match column.kind {
                    Kind::Timestamp => {
                        let named = self.footer.writer_timezone.as_deref().and_then(Zone::parse);
                        (named.unwrap_or(self.zone), self.zone)
                    }
                    _ => (UTC, UTC),
                };
                let hybrid = self.tail.footer.calendar != Some(PROLEPTIC);
                Values::Timestamps(Timestamps {
                    seconds: integers(self.bytes(id, stream::DATA)?, true),
                    nanos: integers(self.bytes(id, stream::SECONDARY)?, false),
                    base: writer.to_utc(BASE_SECONDS * MICROS) / MICROS,
                    writer,
                    reader,
                    hybrid,
                })
            }
            Kind::List | Kind::Map => {
                let lengths = integers(self.bytes(id, stream::LENGTH)?, false);
                let children = column.children.iter().map(|child| self.decoder(child)).collect::<Result<_>>()?;
                Values::Lists { lengths, children }
            }
            Kind::Struct => {
                Values::Struct(column.children.iter().map(|child| self.decoder(child)).collect::<Result<_>>()?)
            }
            Kind::Union => return Err(damaged("a union")),
        };
        Ok(Decoder { present, values, data_type: column.data_type.clone() })
    }
}

fn length(lengths: &mut Integers) -> Result<usize> {
    usize::try_from(lengths.next()?).map_err(|_| damaged("a length below zero"))
}

/// Reads a column of a stripe, batch by batch.
pub struct Decoder {
    /// Which rows have a value; `None`: all.
    present: Option<Bits>,
    values: Values,
    data_type: DataType,
}

enum Values {
    Booleans(Bits),
    Bytes(ByteRuns),
    Integers(Integers),
    Dates { days: Integers, hybrid: bool },
    Floats(Bytes),
    Texts { lengths: Integers, bytes: Bytes },
    Dictionary { words: Integers, ends: Vec<usize>, texts: Vec<u8> },
    Decimals { digits: Bytes, scales: Integers },
    Timestamps(Timestamps),
    Lists { lengths: Integers, children: Vec<Decoder> },
    Struct(Vec<Decoder>),
}

impl Decoder {
    /// The next rows.
    pub fn read(&mut self, rows: usize) -> Result<ArrayRef> {
        let nulls = match &mut self.present {
            None => None,
            Some(bits) => Some(NullBuffer::from((0..rows).map(|_| bits.next()).collect::<Result<Vec<bool>>>()?)),
        };
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        let data_type = &self.data_type;
        match &mut self.values {
            Values::Booleans(bits) => {
                let mut builder = BooleanBuilder::new();
                for row in 0..rows {
                    builder.append_option(if valid(nulls.as_ref(), row) { Some(bits.next()?) } else { None });
                }
                Ok(Arc::new(builder.finish()))
            }
            Values::Bytes(bytes) => {
                primitive::<Int8Type>(rows, nulls.as_ref(), data_type, || Ok(bytes.next()?.cast_signed()))
            }
            Values::Integers(numbers) => integers(numbers, rows, nulls.as_ref(), data_type),
            Values::Dates { days, hybrid } => primitive::<Date32Type>(rows, nulls.as_ref(), data_type, || {
                let day = days.next()?;
                let day = if *hybrid { julian::from_hybrid(day) } else { day };
                i32::try_from(day).map_err(|_| damaged("a date out of range"))
            }),
            Values::Floats(bytes) => floats(bytes, rows, nulls.as_ref(), data_type),
            Values::Texts { lengths, bytes } => {
                let mut texts = TextBuilder::default();
                for row in 0..rows {
                    if valid(nulls.as_ref(), row) {
                        let length = length(lengths)?;
                        texts.push(bytes.take(length)?)?;
                    } else {
                        texts.push(&[])?;
                    }
                }
                texts.finish(nulls, data_type)
            }
            Values::Dictionary { words, ends, texts } => {
                let mut built = TextBuilder::default();
                for row in 0..rows {
                    if !valid(nulls.as_ref(), row) {
                        built.push(&[])?;
                        continue;
                    }
                    let word = length(words)?;
                    let (Some(start), Some(end)) = (ends.get(word), ends.get(word.saturating_add(1))) else {
                        return Err(damaged("a word that the dictionary has not"));
                    };
                    built.push(&texts[*start..*end])?;
                }
                built.finish(nulls, data_type)
            }
            Values::Decimals { digits, scales } => {
                let DataType::Decimal128(_, scale) = data_type else { return Err(damaged("a decimal")) };
                let wanted = i64::from(*scale);
                primitive::<Decimal128Type>(rows, nulls.as_ref(), data_type, || {
                    rescale(digits.zigzag128()?, scales.next()?, wanted)
                })
            }
            Values::Timestamps(times) => {
                primitive::<TimestampMicrosecondType>(rows, nulls.as_ref(), data_type, || times.next())
            }
            Values::Lists { lengths, children } => {
                let mut offsets = vec![0_i32];
                let mut end = 0_i32;
                for row in 0..rows {
                    if valid(nulls.as_ref(), row) {
                        let length = i32::try_from(length(lengths)?).ok().and_then(|length| end.checked_add(length));
                        end = length.ok_or_else(|| damaged("lists of too many elements"))?;
                    }
                    offsets.push(end);
                }
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let count = usize::try_from(end).unwrap_or(0);
                let children = children.iter_mut().map(|child| child.read(count)).collect::<Result<Vec<_>>>()?;
                nested(data_type, offsets, children, nulls)
            }
            Values::Struct(children) => {
                let DataType::Struct(fields) = data_type else { return Err(damaged("a struct")) };
                let count = nulls.as_ref().map_or(rows, |nulls| rows - nulls.null_count());
                let places = nulls.as_ref().map(places);
                let mut columns = vec![];
                for child in children {
                    let column = child.read(count)?;
                    columns.push(match &places {
                        None => column,
                        Some(places) => arrow::compute::take(&column, places, None).map_err(from_arrow)?,
                    });
                }
                let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, rows);
                Ok(Arc::new(array.map_err(from_arrow)?))
            }
        }
    }
}

fn valid(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row))
}

/// For each row its place among the rows that are there.
fn places(nulls: &NullBuffer) -> UInt32Array {
    let mut next = 0;
    nulls
        .iter()
        .map(|valid| {
            let place = next;
            next += u32::from(valid);
            valid.then_some(place)
        })
        .collect()
}

fn primitive<T: ArrowPrimitiveType>(
    rows: usize,
    nulls: Option<&NullBuffer>,
    data_type: &DataType,
    mut next: impl FnMut() -> Result<T::Native>,
) -> Result<ArrayRef> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(rows.min(1 << 16));
    for row in 0..rows {
        builder.append_option(if valid(nulls, row) { Some(next()?) } else { None });
    }
    Ok(Arc::new(builder.finish().with_data_type(data_type.clone())))
}

fn integers(numbers: &mut Integers, rows: usize, nulls: Option<&NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
    let narrow = |_| damaged("a number out of its type's range");
    match data_type {
        DataType::Int16 => {
            primitive::<Int16Type>(rows, nulls, data_type, || i16::try_from(numbers.next()?).map_err(narrow))
        }
        DataType::Int32 => {
            primitive::<Int32Type>(rows, nulls, data_type, || i32::try_from(numbers.next()?).map_err(narrow))
        }
        DataType::Interval(_) => primitive::<IntervalYearMonthType>(rows, nulls, data_type, || {
            i32::try_from(numbers.next()?).map_err(narrow)
        }),
        DataType::Duration(_) => primitive::<DurationMicrosecondType>(rows, nulls, data_type, || numbers.next()),
        DataType::Time64(_) => primitive::<Time64NanosecondType>(rows, nulls, data_type, || numbers.next()),
        DataType::Timestamp(..) => primitive::<TimestampMicrosecondType>(rows, nulls, data_type, || numbers.next()),
        _ => primitive::<Int64Type>(rows, nulls, data_type, || numbers.next()),
    }
}

fn floats(bytes: &mut Bytes, rows: usize, nulls: Option<&NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
    if data_type == &DataType::Float32 {
        return primitive::<Float32Type>(rows, nulls, data_type, || {
            let mut word = [0; 4];
            word.copy_from_slice(bytes.take(4)?);
            Ok(f32::from_le_bytes(word))
        });
    }
    primitive::<Float64Type>(rows, nulls, data_type, || {
        let mut word = [0; 8];
        word.copy_from_slice(bytes.take(8)?);
        Ok(f64::from_le_bytes(word))
    })
}

/// A decimal under the scale of its column: each value has a scale of its own.
fn rescale(digits: i128, scale: i64, wanted: i64) -> Result<i128> {
    let too_large = || damaged("a decimal of more than 38 digits");
    let power = |by: i64| u32::try_from(by).ok().and_then(|by| 10_i128.checked_pow(by)).ok_or_else(too_large);
    if scale <= wanted {
        digits.checked_mul(power(wanted - scale)?).ok_or_else(too_large)
    } else {
        Ok(digits / power(scale - wanted)?)
    }
}

fn nested(
    data_type: &DataType,
    offsets: OffsetBuffer<i32>,
    mut children: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let (Some(last), first) = (children.pop(), children.pop()) else { return Err(damaged("a list")) };
    match data_type {
        DataType::List(element) => {
            Ok(Arc::new(ListArray::try_new(FieldRef::clone(element), offsets, last, nulls).map_err(from_arrow)?))
        }
        DataType::Map(entries, sorted) => {
            let (DataType::Struct(pair), Some(keys)) = (entries.data_type(), first) else {
                return Err(damaged("a map"));
            };
            let pairs = StructArray::try_new(pair.clone(), vec![keys, last], None).map_err(from_arrow)?;
            let array = MapArray::try_new(FieldRef::clone(entries), offsets, pairs, nulls, *sorted);
            Ok(Arc::new(array.map_err(from_arrow)?))
        }
        _ => Err(damaged("a list")),
    }
}

/// Collects texts or bytes.
struct TextBuilder {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: vec![] }
    }
}

impl TextBuilder {
    fn push(&mut self, text: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(text);
        let end = i32::try_from(self.bytes.len()).map_err(|_| damaged("more than 2 GB of text in a batch"))?;
        self.offsets.push(end);
        Ok(())
    }

    fn finish(self, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let bytes = BinaryArray::try_new(offsets.clone(), self.bytes.into(), nulls.clone()).map_err(from_arrow)?;
        if data_type == &DataType::Binary {
            return Ok(Arc::new(bytes));
        }
        match StringArray::try_new(offsets, bytes.values().clone(), nulls) {
            Ok(texts) => Ok(Arc::new(texts)),
            // Bytes that are no text are shown as such.
            Err(_) => Ok(Arc::new(StringArray::from_iter(
                bytes.iter().map(|bytes| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())),
            ))),
        }
    }
}

/// Local times of the writer's zone.
struct Timestamps {
    seconds: Integers,
    nanos: Integers,
    /// The instant from which they count, in seconds.
    base: i64,
    writer: Zone,
    reader: Zone,
    hybrid: bool,
}

impl Timestamps {
    fn next(&mut self) -> Result<i64> {
        let mut seconds = self.seconds.next()?.wrapping_add(self.base);
        let packed = self.nanos.next()?;
        let mut nanos = packed >> 3;
        if packed & 7 != 0 {
            nanos *= 10_i64.pow((packed & 7) as u32 + 1);
        }
        // Writers cut toward zero, and so say one second too much.
        if seconds < 0 && nanos > 999_999 {
            seconds -= 1;
        }
        let us = seconds.checked_mul(MICROS).and_then(|us| us.checked_add(nanos / 1000));
        let mut us = us.ok_or_else(|| damaged("a time out of range"))?;
        if self.writer != self.reader {
            us = self.reader.to_utc(self.writer.to_local(us));
        }
        if self.hybrid {
            let day = self.reader.to_local(us).div_euclid(DAY_US);
            us += (julian::from_hybrid(day) - day) * DAY_US;
        }
        Ok(us)
    }
}
