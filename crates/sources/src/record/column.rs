//! Growing columns that can also shrink: a malformed record takes back what it has appended so far.
//! Arrow's own builders cannot do that. Texts become values in [`super::number`] and [`super::temporal`].

use std::sync::Arc;

use arrow::array::builder::NullBufferBuilder;
use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, ListArray, MapArray, NullArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Field, FieldRef, Fields, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::{self, IntervalRange};
use firesteel_protocol::{Result, SparkError};

/// A column under construction, of one of the canonical types.
#[derive(Debug)]
pub enum Column {
    Void(usize),
    Boolean(Booleans),
    Byte(Numbers<Int8Type>),
    Short(Numbers<Int16Type>),
    Int(Numbers<Int32Type>),
    Long(Numbers<Int64Type>),
    Float(Numbers<Float32Type>),
    Double(Numbers<Float64Type>),
    Decimal(Numbers<Decimal128Type>, u8, i8),
    Date(Numbers<Date32Type>),
    Timestamp(Numbers<TimestampMicrosecondType>),
    TimestampNtz(Numbers<TimestampMicrosecondType>),
    /// With the digits of its seconds.
    Time(Numbers<Time64NanosecondType>, u8),
    YearMonth(Numbers<IntervalYearMonthType>, IntervalRange),
    DayTime(Numbers<DurationMicrosecondType>, IntervalRange),
    Text(Bytes),
    Binary(Bytes),
    Variant(VariantColumn),
    Struct(StructColumn),
    List(ListColumn),
    Map(MapColumn),
}

/// Truth values.
#[derive(Debug)]
pub struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

/// Fixed-width values.
#[derive(Debug)]
pub struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

/// Texts or binaries, end to end.
#[derive(Debug)]
pub struct Bytes {
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

/// Values of VARIANT.
#[derive(Debug)]
pub struct VariantColumn {
    fields: Fields,
    values: Bytes,
    metadata: Bytes,
    nulls: NullBufferBuilder,
}

/// A struct: one column a field.
#[derive(Debug)]
pub struct StructColumn {
    fields: Fields,
    /// Names of the fields as bytes.
    names: Vec<Box<[u8]>>,
    /// By place in an object: the name that the last object had there, and its field.
    seen: Vec<(Box<[u8]>, Option<usize>)>,
    pub children: Vec<Column>,
    nulls: NullBufferBuilder,
}

/// An array.
#[derive(Debug)]
pub struct ListColumn {
    element: FieldRef,
    pub child: Box<Column>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

/// A map.
#[derive(Debug)]
pub struct MapColumn {
    entries: FieldRef,
    pub keys: Box<Column>,
    pub values: Box<Column>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Column {
    /// An empty column; `None` for a type that no text format reads.
    pub fn new(data_type: &DataType, capacity: usize) -> Option<Self> {
        Some(match data_type {
            DataType::Null => Self::Void(0),
            DataType::Boolean => Self::Boolean(Booleans {
                values: BooleanBufferBuilder::new(capacity),
                nulls: NullBufferBuilder::new(capacity),
            }),
            DataType::Int8 => Self::Byte(Numbers::new(capacity)),
            DataType::Int16 => Self::Short(Numbers::new(capacity)),
            DataType::Int32 => Self::Int(Numbers::new(capacity)),
            DataType::Int64 => Self::Long(Numbers::new(capacity)),
            DataType::Float32 => Self::Float(Numbers::new(capacity)),
            DataType::Float64 => Self::Double(Numbers::new(capacity)),
            DataType::Decimal128(precision, scale) => Self::Decimal(Numbers::new(capacity), *precision, *scale),
            DataType::Date32 => Self::Date(Numbers::new(capacity)),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::Timestamp(Numbers::new(capacity)),
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::TimestampNtz(Numbers::new(capacity)),
            DataType::Time64(TimeUnit::Nanosecond) => Self::Time(Numbers::new(capacity), types::TIME_DIGITS),
            DataType::Interval(IntervalUnit::YearMonth) => {
                Self::YearMonth(Numbers::new(capacity), IntervalRange::YEAR_MONTH)
            }
            DataType::Duration(TimeUnit::Microsecond) => Self::DayTime(Numbers::new(capacity), IntervalRange::DAY_TIME),
            DataType::Utf8 => Self::Text(Bytes::new(capacity)),
            DataType::Binary => Self::Binary(Bytes::new(capacity)),
            DataType::Struct(fields) if types::is_variant(data_type) => Self::Variant(VariantColumn {
                fields: fields.clone(),
                values: Bytes::new(capacity),
                metadata: Bytes::new(capacity),
                nulls: NullBufferBuilder::new(capacity),
            }),
            DataType::Struct(fields) => Self::Struct(StructColumn::new(fields, capacity)?),
            DataType::List(element) => Self::List(ListColumn {
                child: Box::new(Self::of_field(element, capacity)?),
                element: Arc::clone(element),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(capacity),
            }),
            DataType::Map(entries, _) => {
                let DataType::Struct(kv) = entries.data_type() else { return None };
                Self::Map(MapColumn {
                    keys: Box::new(Self::of_field(&kv[0], capacity)?),
                    values: Box::new(Self::of_field(&kv[1], capacity)?),
                    entries: Arc::clone(entries),
                    offsets: vec![0],
                    nulls: NullBufferBuilder::new(capacity),
                })
            }
            _ => return None,
        })
    }

    /// [`Column::new`] for a field, whose metadata knows the units of intervals.
    pub fn of_field(field: &Field, capacity: usize) -> Option<Self> {
        let mut column = Self::new(field.data_type(), capacity)?;
        if let (Self::YearMonth(_, range) | Self::DayTime(_, range), Some(own)) =
            (&mut column, IntervalRange::of_field(field))
        {
            *range = own;
        }
        if let (Self::Time(_, digits), Some(own)) =
            (&mut column, types::time_precision(field.data_type(), field.metadata()))
        {
            *digits = own;
        }
        Some(column)
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        match self {
            Self::Void(length) => *length,
            Self::Boolean(c) => c.nulls.len(),
            Self::Byte(c) => c.values.len(),
            Self::Short(c) => c.values.len(),
            Self::Int(c) => c.values.len(),
            Self::Long(c) => c.values.len(),
            Self::Float(c) => c.values.len(),
            Self::Double(c) => c.values.len(),
            Self::Decimal(c, ..) => c.values.len(),
            Self::Date(c) => c.values.len(),
            Self::Timestamp(c) | Self::TimestampNtz(c) => c.values.len(),
            Self::Time(c, _) => c.values.len(),
            Self::YearMonth(c, _) => c.values.len(),
            Self::DayTime(c, _) => c.values.len(),
            Self::Text(c) | Self::Binary(c) => c.nulls.len(),
            Self::Variant(c) => c.nulls.len(),
            Self::Struct(c) => c.nulls.len(),
            Self::List(c) => c.nulls.len(),
            Self::Map(c) => c.nulls.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends NULL.
    pub fn append_null(&mut self) {
        match self {
            Self::Void(length) => *length += 1,
            Self::Boolean(c) => {
                c.values.append(false);
                c.nulls.append_null();
            }
            Self::Byte(c) => c.append_null(),
            Self::Short(c) => c.append_null(),
            Self::Int(c) => c.append_null(),
            Self::Long(c) => c.append_null(),
            Self::Float(c) => c.append_null(),
            Self::Double(c) => c.append_null(),
            Self::Decimal(c, ..) => c.append_null(),
            Self::Date(c) => c.append_null(),
            Self::Timestamp(c) | Self::TimestampNtz(c) => c.append_null(),
            Self::Time(c, _) => c.append_null(),
            Self::YearMonth(c, _) => c.append_null(),
            Self::DayTime(c, _) => c.append_null(),
            Self::Text(c) | Self::Binary(c) => c.append_null(),
            Self::Variant(c) => {
                c.values.close();
                c.metadata.close();
                c.nulls.append_null();
            }
            Self::Struct(c) => {
                c.children.iter_mut().for_each(Self::append_null);
                c.nulls.append_null();
            }
            Self::List(c) => {
                c.offsets.push(c.child.len() as i32);
                c.nulls.append_null();
            }
            Self::Map(c) => {
                c.offsets.push(c.keys.len() as i32);
                c.nulls.append_null();
            }
        }
    }

    /// Takes back the rows from `length` on.
    pub fn truncate(&mut self, length: usize) {
        match self {
            Self::Void(rows) => *rows = length.min(*rows),
            Self::Boolean(c) => {
                if length < c.nulls.len() {
                    c.values.truncate(length);
                    c.nulls.truncate(length);
                }
            }
            Self::Byte(c) => c.truncate(length),
            Self::Short(c) => c.truncate(length),
            Self::Int(c) => c.truncate(length),
            Self::Long(c) => c.truncate(length),
            Self::Float(c) => c.truncate(length),
            Self::Double(c) => c.truncate(length),
            Self::Decimal(c, ..) => c.truncate(length),
            Self::Date(c) => c.truncate(length),
            Self::Timestamp(c) | Self::TimestampNtz(c) => c.truncate(length),
            Self::Time(c, _) => c.truncate(length),
            Self::YearMonth(c, _) => c.truncate(length),
            Self::DayTime(c, _) => c.truncate(length),
            Self::Text(c) | Self::Binary(c) => c.truncate(length),
            Self::Variant(c) => {
                c.values.truncate(length);
                c.metadata.truncate(length);
                truncate_nulls(&mut c.nulls, length);
            }
            Self::Struct(c) => c.truncate(length),
            Self::List(c) => {
                if length < c.nulls.len() {
                    c.offsets.truncate(length + 1);
                    c.nulls.truncate(length);
                }
                c.child.truncate(c.offsets[c.offsets.len() - 1] as usize);
            }
            Self::Map(c) => {
                if length < c.nulls.len() {
                    c.offsets.truncate(length + 1);
                    c.nulls.truncate(length);
                }
                let entries = c.offsets[c.offsets.len() - 1] as usize;
                c.keys.truncate(entries);
                c.values.truncate(entries);
            }
        }
    }

    /// The rows as an array; the column is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Void(length) => Arc::new(NullArray::new(std::mem::take(length))),
            Self::Boolean(c) => Arc::new(BooleanArray::new(c.values.finish(), c.nulls.finish())),
            Self::Byte(c) => Arc::new(c.finish()),
            Self::Short(c) => Arc::new(c.finish()),
            Self::Int(c) => Arc::new(c.finish()),
            Self::Long(c) => Arc::new(c.finish()),
            Self::Float(c) => Arc::new(c.finish()),
            Self::Double(c) => Arc::new(c.finish()),
            Self::Decimal(c, precision, scale) => {
                Arc::new(c.finish().with_precision_and_scale(*precision, *scale).map_err(from_arrow)?)
            }
            Self::Date(c) => Arc::new(c.finish()),
            Self::Timestamp(c) => Arc::new(c.finish().with_timezone("UTC")),
            Self::TimestampNtz(c) => Arc::new(c.finish()),
            Self::Time(c, _) => Arc::new(c.finish()),
            Self::YearMonth(c, _) => Arc::new(c.finish()),
            Self::DayTime(c, _) => Arc::new(c.finish()),
            Self::Text(c) => {
                let (offsets, values, nulls) = c.finish();
                Arc::new(StringArray::try_new(offsets, values, nulls).map_err(from_arrow)?)
            }
            Self::Binary(c) => {
                let (offsets, values, nulls) = c.finish();
                Arc::new(BinaryArray::try_new(offsets, values, nulls).map_err(from_arrow)?)
            }
            Self::Variant(c) => {
                let binary = |bytes: &mut Bytes| {
                    let (offsets, values, nulls) = bytes.finish();
                    let array = BinaryArray::try_new(offsets, values, nulls).map_err(from_arrow)?;
                    Ok::<ArrayRef, SparkError>(Arc::new(array))
                };
                let columns = vec![binary(&mut c.values)?, binary(&mut c.metadata)?];
                Arc::new(StructArray::try_new(c.fields.clone(), columns, c.nulls.finish()).map_err(from_arrow)?)
            }
            Self::Struct(c) => {
                let length = c.nulls.len();
                let nulls = c.nulls.finish();
                let children = c.children.iter_mut().map(Self::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(
                    StructArray::try_new_with_length(c.fields.clone(), children, nulls, length).map_err(from_arrow)?,
                )
            }
            Self::List(c) => {
                let offsets = take_offsets(&mut c.offsets);
                let child = c.child.finish()?;
                let nulls = c.nulls.finish();
                Arc::new(ListArray::try_new(Arc::clone(&c.element), offsets, child, nulls).map_err(from_arrow)?)
            }
            Self::Map(c) => {
                let offsets = take_offsets(&mut c.offsets);
                let DataType::Struct(kv) = c.entries.data_type() else {
                    return Err(SparkError::internal("a map whose entries are no struct"));
                };
                let columns = vec![c.keys.finish()?, c.values.finish()?];
                let entries = StructArray::try_new(kv.clone(), columns, None).map_err(from_arrow)?;
                let nulls = c.nulls.finish();
                let map = MapArray::try_new(Arc::clone(&c.entries), offsets, entries, nulls, false);
                Arc::new(map.map_err(from_arrow)?)
            }
        })
    }
}

impl Booleans {
    /// Appends a value.
    pub fn push(&mut self, value: bool) {
        self.values.append(value);
        self.nulls.append_non_null();
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new(capacity: usize) -> Self {
        Self { values: Vec::with_capacity(capacity), nulls: NullBufferBuilder::new(capacity) }
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    /// Appends a value, or nothing and says so.
    #[inline]
    pub fn try_push(&mut self, value: Option<T::Native>) -> bool {
        if let Some(value) = value {
            self.push(value);
        }
        value.is_some()
    }

    fn append_null(&mut self) {
        self.values.push(T::default_value());
        self.nulls.append_null();
    }

    fn truncate(&mut self, length: usize) {
        self.values.truncate(length);
        truncate_nulls(&mut self.nulls, length);
    }

    fn finish(&mut self) -> PrimitiveArray<T> {
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        PrimitiveArray::new(ScalarBuffer::from(values), self.nulls.finish())
    }
}

impl Bytes {
    fn new(capacity: usize) -> Self {
        let mut offsets = Vec::with_capacity(capacity + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(capacity * 8), nulls: NullBufferBuilder::new(capacity) }
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.close();
    }

    /// The bytes of the value that [`Bytes::close`] ends; those of earlier values come before.
    #[inline]
    pub fn open(&mut self) -> &mut Vec<u8> {
        &mut self.values
    }

    /// Ends a value that was written to [`Bytes::open`].
    #[inline]
    pub fn close(&mut self) {
        // A batch holds far less than 2 GiB: `size_bytes` is watched by the decoders.
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_non_null();
    }

    /// Drops what was written to [`Bytes::open`] since the last value.
    pub fn abandon(&mut self) {
        self.values.truncate(self.offsets[self.offsets.len() - 1] as usize);
    }

    /// Bytes of all values.
    pub fn size_bytes(&self) -> usize {
        self.values.len()
    }

    fn append_null(&mut self) {
        self.offsets.push(self.values.len() as i32);
        self.nulls.append_null();
    }

    fn truncate(&mut self, length: usize) {
        if length < self.nulls.len() {
            self.offsets.truncate(length + 1);
            self.nulls.truncate(length);
        }
        self.abandon();
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<arrow::buffer::NullBuffer>) {
        let capacity = self.values.len();
        let offsets = take_offsets(&mut self.offsets);
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        (offsets, Buffer::from_vec(values), self.nulls.finish())
    }
}

impl VariantColumn {
    /// Appends the bytes of a value.
    pub fn push(&mut self, value: &[u8], metadata: &[u8]) {
        self.values.push(value);
        self.metadata.push(metadata);
        self.nulls.append_non_null();
    }
}

impl StructColumn {
    /// An empty struct column; `None` for a type that no text format reads.
    pub fn new(fields: &Fields, capacity: usize) -> Option<Self> {
        Some(Self {
            children: fields.iter().map(|f| Column::of_field(f, capacity)).collect::<Option<_>>()?,
            names: fields.iter().map(|f| f.name().as_bytes().into()).collect(),
            seen: vec![],
            fields: fields.clone(),
            nulls: NullBufferBuilder::new(capacity),
        })
    }

    /// The field of a name, which is the `place`th of an object. Objects tend to be alike.
    #[inline]
    pub fn find(&mut self, name: &[u8], place: usize) -> Option<usize> {
        match self.seen.get(place) {
            Some((seen, index)) if &**seen == name => *index,
            _ => self.search(name, place),
        }
    }

    #[cold]
    fn search(&mut self, name: &[u8], place: usize) -> Option<usize> {
        let index = self.names.iter().position(|known| &**known == name);
        let entry = (name.into(), index);
        if let Some(seen) = self.seen.get_mut(place) {
            *seen = entry;
        } else if self.seen.len() < MAX_SEEN {
            self.seen.push(entry);
        }
        index
    }

    /// Takes back the rows from `length` on.
    pub fn truncate(&mut self, length: usize) {
        // Children may be ahead of the struct itself while one of its rows is being read.
        self.children.iter_mut().for_each(|child| child.truncate(length));
        truncate_nulls(&mut self.nulls, length);
    }

    /// The fields of all rows; the column is empty again.
    pub fn finish_children(&mut self) -> Result<Vec<ArrayRef>> {
        self.nulls.finish();
        self.children.iter_mut().map(Column::finish).collect()
    }

    /// Ends a row all of whose fields have been appended.
    pub fn close(&mut self) {
        self.nulls.append_non_null();
    }

    /// Rows so far, the one under construction left out.
    pub fn rows(&self) -> usize {
        self.nulls.len()
    }
}

impl ListColumn {
    /// Ends an array whose elements have been appended.
    pub fn close(&mut self) {
        self.offsets.push(self.child.len() as i32);
        self.nulls.append_non_null();
    }

    /// Drops the elements appended since the last array.
    pub fn abandon(&mut self) {
        self.child.truncate(self.offsets[self.offsets.len() - 1] as usize);
    }
}

impl MapColumn {
    /// Ends a map whose entries have been appended.
    pub fn close(&mut self) {
        self.offsets.push(self.keys.len() as i32);
        self.nulls.append_non_null();
    }

    /// Where the entries of the map under construction begin.
    pub fn start(&self) -> usize {
        self.offsets[self.offsets.len() - 1] as usize
    }

    /// Drops the entries appended since the last map.
    pub fn abandon(&mut self) {
        let start = self.start();
        self.keys.truncate(start);
        self.values.truncate(start);
    }
}

fn truncate_nulls(nulls: &mut NullBufferBuilder, length: usize) {
    if length < nulls.len() {
        nulls.truncate(length);
    }
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut next = Vec::with_capacity(offsets.len());
    next.push(0);
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, next)))
}

/// Places in an object whose names are remembered.
const MAX_SEEN: usize = 4096;

/// Bytes that the texts of these columns hold: offsets of 32 bits bound a batch.
pub fn text_size_bytes(columns: &[Column]) -> usize {
    let size = |column: &Column| match column {
        Column::Text(c) | Column::Binary(c) => c.size_bytes(),
        Column::Variant(c) => c.values.size_bytes() + c.metadata.size_bytes(),
        Column::Struct(c) => text_size_bytes(&c.children),
        Column::List(c) => text_size_bytes(std::slice::from_ref(&c.child)),
        Column::Map(c) => {
            text_size_bytes(std::slice::from_ref(&c.keys)) + text_size_bytes(std::slice::from_ref(&c.values))
        }
        _ => 0,
    };
    columns.iter().map(size).sum()
}
