//! `approx_top_k(item[, k[, maxItemsTracked]])` and its parts: accumulate, combine, estimate.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int32Array, Int64Array, ListArray, StringArray, StructArray,
    UInt64Array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::frequent::{Items, Key};
use crate::aggregate::fold::{Fold, Spec, fold_with};
use crate::kernel::from_arrow;
use crate::rowwise::{complete, int};
use crate::{Call, Typed, constant};

const MAX_ITEMS: i64 = 1_000_000;
const DEFAULT_K: (i32, &str) = (5, "5");
const DEFAULT_ITEMS: (i32, &str) = (10_000, "10000");

/// `approx_top_k(item[, k[, maxItemsTracked]])`.
pub(super) fn approx_top_k(call: &Call) -> Result<Typed> {
    let defaults = [(int(DEFAULT_K.0), DEFAULT_K.1), (int(DEFAULT_ITEMS.0), DEFAULT_ITEMS.1)];
    let call = complete(call, 3, &defaults)?;
    let (item, values) = items(&call)?;
    let (k, tracked) = (count(&call, 1, "k")?, count(&call, 2, "maxItemsTracked")?);
    check(k, tracked)?;
    let param = format!("estimate {k} {tracked}");
    Ok(fold_with::<Frequent>(&call, "approx_top_k", vec![values], result_type(&item), false, param))
}

/// `approx_top_k_accumulate(item[, maxItemsTracked])`.
pub(super) fn accumulate(call: &Call) -> Result<Typed> {
    let call = complete(call, 2, &[(int(DEFAULT_ITEMS.0), DEFAULT_ITEMS.1)])?;
    let (item, values) = items(&call)?;
    let tracked = count(&call, 1, "maxItemsTracked")?;
    check(1, tracked)?;
    let args = vec![values];
    let param = format!("sketch 0 {tracked}");
    Ok(fold_with::<Frequent>(&call, "approx_top_k_accumulate", args, sketch_type(&item), false, param))
}

/// `approx_top_k_combine(sketch[, maxItemsTracked])`.
pub(super) fn combine(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let item = sketched_type(call, 0)?;
    let tracked = match call.args.len() {
        1 => 0,
        _ => {
            let tracked = count(call, 1, "maxItemsTracked")?;
            check(1, tracked)?;
            tracked
        }
    };
    let args = vec![call.args[0].clone()];
    let param = format!("combine 0 {tracked}");
    Ok(fold_with::<Frequent>(call, "approx_top_k_combine", args, sketch_type(&item), false, param))
}

/// `approx_top_k_estimate(sketch[, k])`.
pub(super) fn estimate(call: &Call) -> Result<Typed> {
    let call = complete(call, 2, &[(int(DEFAULT_K.0), DEFAULT_K.1)])?;
    let item = sketched_type(&call, 0)?;
    let k = count(&call, 1, "k")?;
    check(k, MAX_ITEMS)?;
    let inner = call.with_args(vec![call.args[0].clone()]);
    let nullable = call.args[0].nullable;
    Ok(inner
        .kernel_with("approx_top_k_estimate", result_type(&item), nullable, k.to_string(), |args| {
            let item = result_item(args.return_type)?;
            let k = args.param.parse().unwrap_or(0);
            let sketches = args.array(0)?;
            let sketches = sketches.as_struct();
            let items = (0..args.rows).map(|row| read_sketch(sketches, row, &item)).collect::<Result<Vec<_>>>()?;
            results(&items.iter().map(Option::as_ref).collect::<Vec<_>>(), k, &item, args.return_type)
        })
        .named(call.display()))
}

/// The type of the items as a field, and the items: strings of UTF8_LCASE are counted, and told, as their keys.
fn items(call: &Call) -> Result<(Field, Typed)> {
    let arg = &call.args[0];
    let item = Field::new("item", item_type(call, 0)?, true);
    let values = match types::collation::of(&arg.metadata) {
        types::collation::BINARY => arg.clone(),
        "UTF8_LCASE" => crate::collation::plain(&crate::collation::key(arg, call.env)),
        _ => {
            return Err(SparkError::unsupported(
                format!("{} of strings of a language's collation", call.name),
                "Use collate(.., 'UTF8_BINARY') for its arguments.",
            ));
        }
    };
    Ok((types::carrying(item, &arg.metadata), values))
}

/// What Spark counts: BOOLEAN, numbers, STRING, DATE, TIMESTAMP.
fn item_type(call: &Call, index: usize) -> Result<DataType> {
    let data_type = &call.args[index].data_type;
    let counted = crate::coerce::is_numeric(data_type)
        || matches!(data_type, DataType::Boolean | DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..));
    if counted {
        return Ok(data_type.clone());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
        .with("sqlExpr", format!("\"{}\"", call.display()))
        .with(
            "msg",
            format!("{} columns are not supported", name::simple(data_type).split('<').next().unwrap_or_default()),
        )
        .with("hint", ""))
}

/// A positive constant.
fn count(call: &Call, index: usize, argument: &str) -> Result<i64> {
    let value = match (constant::evaluate(&call.args[index].expr), &call.args[index].data_type) {
        (Some(_), DataType::Utf8) => call.constant_as(index, &DataType::Int32)?,
        (Some(value), _) => value,
        (None, _) => {
            return Err(SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
                .with("sqlExpr", format!("\"{}\"", call.display()))
                .with("msg", format!("{} must be a constant literal", if argument == "k" { "K" } else { argument }))
                .with("hint", ""));
        }
    };
    if value.is_null() {
        return Err(SparkError::new("APPROX_TOP_K_NULL_ARG").with("argName", name::quote(argument)));
    }
    let Ok(ScalarValue::Int64(Some(number))) = value.cast_to(&DataType::Int64) else {
        return Err(call.unexpected_type(index, "\"INT\""));
    };
    if number <= 0 {
        return Err(SparkError::new("APPROX_TOP_K_NON_POSITIVE_ARG")
            .with("argName", name::quote(argument))
            .with("argValue", number.to_string()));
    }
    Ok(number)
}

fn check(k: i64, tracked: i64) -> Result<()> {
    if tracked > MAX_ITEMS {
        return Err(SparkError::new("APPROX_TOP_K_MAX_ITEMS_TRACKED_EXCEEDS_LIMIT")
            .with("maxItemsTracked", tracked.to_string())
            .with("limit", MAX_ITEMS.to_string()));
    }
    if tracked < k {
        return Err(SparkError::new("APPROX_TOP_K_MAX_ITEMS_TRACKED_LESS_THAN_K")
            .with("maxItemsTracked", tracked.to_string())
            .with("k", k.to_string()));
    }
    Ok(())
}

fn result_type(item: &Field) -> DataType {
    let fields = vec![item.clone().with_name("item").with_nullable(true), Field::new("count", DataType::Int64, false)];
    types::array(DataType::Struct(fields.into()), false)
}

fn result_item(result: &DataType) -> Result<DataType> {
    match result {
        DataType::List(element) => match element.data_type() {
            DataType::Struct(fields) => Ok(fields[0].data_type().clone()),
            _ => Err(SparkError::internal("items and counts are structs")),
        },
        _ => Err(SparkError::internal("an array of items and counts")),
    }
}

fn sketch_type(item: &Field) -> DataType {
    DataType::Struct(Fields::from(vec![
        Field::new("sketch", DataType::Binary, false),
        Field::new("maxItemsTracked", DataType::Int32, false),
        item.clone().with_name("itemDataType").with_nullable(true),
        Field::new("itemDataTypeDDL", DataType::Utf8, false),
    ]))
}

/// The type of the items of a sketch's argument.
fn sketched_type(call: &Call, index: usize) -> Result<Field> {
    match &call.args[index].data_type {
        DataType::Struct(fields)
            if fields.len() == 4
                && fields[0].data_type() == &DataType::Binary
                && fields[1].data_type() == &DataType::Int32
                && fields[3].data_type() == &DataType::Utf8 =>
        {
            Ok(fields[2].as_ref().clone())
        }
        _ => Err(call.unexpected_type(
            index,
            "\"STRUCT<sketch: BINARY, maxItemsTracked: INT, itemDataType: ANY, itemDataTypeDDL: STRING>\"",
        )),
    }
}

/// What is asked of a fold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Task {
    Estimate(usize),
    Sketch,
    Combine,
}

#[derive(Debug)]
struct Frequent {
    task: Task,
    /// 0: as the first sketch has it.
    tracked: usize,
    item: DataType,
    return_type: DataType,
}

/// The sketch of a group, and how many items it tracks.
#[derive(Debug, Clone, Default)]
struct State(Option<(Items, i32)>);

impl Frequent {
    fn items<'s>(&self, state: &'s mut State) -> &'s mut Items {
        let tracked = self.tracked;
        &mut state.0.get_or_insert_with(|| (Items::new(tracked), tracked as i32)).0
    }

    fn absorb(&self, state: &mut State, items: Items, tracked: i32) -> Result<()> {
        match &mut state.0 {
            None => {
                let own = if self.tracked == 0 { tracked } else { self.tracked as i32 };
                let mut fresh = Items::new(own as usize);
                fresh.merge(&items);
                state.0 = Some((fresh, own));
            }
            Some((_, own)) if self.tracked == 0 && *own != tracked => {
                return Err(SparkError::new("APPROX_TOP_K_SKETCH_SIZE_NOT_MATCH")
                    .with("size1", own.to_string())
                    .with("size2", tracked.to_string()));
            }
            Some((own, _)) => own.merge(&items),
        }
        Ok(())
    }
}

impl Fold for Frequent {
    type State = State;
    type Input = ArrayRef;
    type Partial = (BinaryArray, Int32Array);

    const GROWTH: usize = 16;

    fn new(spec: &Spec) -> Result<Self> {
        let mut words = spec.param.split(' ');
        let (word, k) = (words.next().unwrap_or_default(), words.next().and_then(|k| k.parse().ok()).unwrap_or(0));
        let tracked = words.next().and_then(|tracked| tracked.parse().ok()).unwrap_or(0);
        let task = match word {
            "estimate" => Task::Estimate(k),
            "combine" => Task::Combine,
            _ => Task::Sketch,
        };
        let item = match (&task, &spec.inputs[0]) {
            (Task::Combine, DataType::Struct(fields)) => fields[2].data_type().clone(),
            (_, own) => own.clone(),
        };
        Ok(Self { task, tracked, item, return_type: spec.return_type.clone() })
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Binary, DataType::Int32]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<ArrayRef> {
        Ok(Arc::clone(&values[0]))
    }

    fn update(&self, state: &mut State, input: &ArrayRef, row: usize) -> Result<()> {
        if self.task == Task::Combine {
            let sketches = input.as_struct();
            let Some(items) = read_sketch(sketches, row, &self.item)? else { return Ok(()) };
            let tracked = sketches.column(1).as_primitive::<Int32Type>().value(row);
            return self.absorb(state, items, tracked);
        }
        let items = self.items(state);
        if input.is_null(row) {
            items.nulls += 1;
        } else {
            items.update(key_of(input, row)?, 1);
        }
        Ok(())
    }

    fn to_partial(&self, states: &[State]) -> Result<Vec<ArrayRef>> {
        let mut sketches = BinaryBuilder::new();
        let mut tracked = vec![];
        for state in states {
            match &state.0 {
                Some((items, own)) => {
                    sketches.append_value(items.encode(|keys| serialize(keys, &self.item)));
                    tracked.push(Some(*own));
                }
                None => {
                    sketches.append_null();
                    tracked.push(None);
                }
            }
        }
        Ok(vec![Arc::new(sketches.finish()), Arc::new(Int32Array::from(tracked))])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<(BinaryArray, Int32Array)> {
        Ok((columns[0].as_binary::<i32>().clone(), columns[1].as_primitive::<Int32Type>().clone()))
    }

    fn merge(&self, state: &mut State, (sketches, tracked): &(BinaryArray, Int32Array), row: usize) -> Result<()> {
        if sketches.is_null(row) {
            return Ok(());
        }
        let items = Items::decode(sketches.value(row), |bytes, count| parse(bytes, count, &self.item))?;
        match &mut state.0 {
            None => {
                state.0 = Some((items, tracked.value(row)));
                Ok(())
            }
            Some(_) => self.absorb(state, items, tracked.value(row)),
        }
    }

    fn finish(&self, states: &[State]) -> Result<ArrayRef> {
        let tracked = if self.tracked == 0 { DEFAULT_ITEMS.0 as usize } else { self.tracked };
        let blank = (Items::new(tracked), tracked as i32);
        let sketches: Vec<&(Items, i32)> = states.iter().map(|state| state.0.as_ref().unwrap_or(&blank)).collect();
        if let Task::Estimate(k) = self.task {
            let items: Vec<Option<&Items>> = sketches.iter().map(|(items, _)| Some(items)).collect();
            return results(&items, k, &self.item, &self.return_type);
        }
        let DataType::Struct(fields) = &self.return_type else { return Err(SparkError::internal("a sketch")) };
        let bytes: BinaryArray =
            sketches.iter().map(|(items, _)| Some(items.encode(|keys| serialize(keys, &self.item)))).collect();
        let ddl = match &self.item {
            DataType::Utf8 => "item string not null".to_string(),
            other => format!("item {} NOT NULL", name::sql(other)),
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(bytes),
            Arc::new(sketches.iter().map(|(_, tracked)| Some(*tracked)).collect::<Int32Array>()),
            new_null_array(&self.item, states.len()),
            Arc::new(StringArray::from(vec![ddl.as_str(); states.len()])),
        ];
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?))
    }
}

fn read_sketch(sketches: &StructArray, row: usize, item: &DataType) -> Result<Option<Items>> {
    let bytes = sketches.column(0).as_binary::<i32>();
    if sketches.is_null(row) || bytes.is_null(row) {
        return Ok(None);
    }
    Items::decode(bytes.value(row), |bytes, count| parse(bytes, count, item)).map(Some)
}

/// The items of each sketch and their estimates.
fn results(sketches: &[Option<&Items>], k: usize, item: &DataType, return_type: &DataType) -> Result<ArrayRef> {
    let (mut keys, mut places, mut counts, mut lengths, mut valid) = (vec![], vec![], vec![], vec![], vec![]);
    for sketch in sketches {
        let top = sketch.map(|items| items.top(k)).unwrap_or_default();
        lengths.push(top.len());
        valid.push(sketch.is_some());
        for (key, count) in top {
            counts.push(count);
            places.push(key.map(|key| {
                keys.push(key);
                (keys.len() - 1) as u64
            }));
        }
    }
    let items = take(&values_of(&keys, item)?, &UInt64Array::from(places), None).map_err(from_arrow)?;
    let DataType::List(element) = return_type else { return Err(SparkError::internal("a list")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let columns: Vec<ArrayRef> = vec![items, Arc::new(Int64Array::from(counts))];
    let structs = StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
    let nulls = valid.contains(&false).then(|| valid.into());
    let list = ListArray::try_new(Arc::clone(element), OffsetBuffer::from_lengths(lengths), Arc::new(structs), nulls);
    Ok(Arc::new(list.map_err(from_arrow)?))
}

/// A value's bytes in little-endian order (texts as they are) and Java's hash of it.
fn key_of(array: &ArrayRef, row: usize) -> Result<Key> {
    let long_hash = |value: i64| (value ^ ((value as u64) >> 32) as i64) as i32;
    let (bytes, hash) = match array.data_type() {
        DataType::Boolean => {
            let value = array.as_boolean().value(row);
            (vec![u8::from(value)], if value { 1231 } else { 1237 })
        }
        DataType::Int8 => {
            let value = array.as_primitive::<Int8Type>().value(row);
            (value.to_le_bytes().to_vec(), i32::from(value))
        }
        DataType::Int16 => {
            let value = array.as_primitive::<Int16Type>().value(row);
            (value.to_le_bytes().to_vec(), i32::from(value))
        }
        DataType::Int32 => {
            let value = array.as_primitive::<Int32Type>().value(row);
            (value.to_le_bytes().to_vec(), value)
        }
        DataType::Date32 => {
            let value = array.as_primitive::<Date32Type>().value(row);
            (value.to_le_bytes().to_vec(), value)
        }
        DataType::Int64 => {
            let value = array.as_primitive::<Int64Type>().value(row);
            (value.to_le_bytes().to_vec(), long_hash(value))
        }
        DataType::Timestamp(..) => {
            let value = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (value.to_le_bytes().to_vec(), long_hash(value))
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            (value.to_le_bytes().to_vec(), value.to_bits() as i32)
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            (value.to_le_bytes().to_vec(), long_hash(value.to_bits() as i64))
        }
        DataType::Decimal128(..) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            (value.to_le_bytes().to_vec(), long_hash(value as i64))
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            let hash =
                text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
            (text.as_bytes().to_vec(), hash)
        }
        other => return Err(SparkError::internal(format!("approx_top_k of {other}"))),
    };
    Ok(Key { bytes, hash })
}

/// Keys as an array of their type.
fn values_of(keys: &[&Key], item: &DataType) -> Result<ArrayRef> {
    fn fixed<const N: usize>(key: &Key) -> [u8; N] {
        key.bytes.as_slice().try_into().unwrap_or([0; N])
    }
    macro_rules! primitive {
        ($array:ty, $of:ty) => {
            Arc::new(keys.iter().map(|key| Some(<$of>::from_le_bytes(fixed(key)))).collect::<$array>())
        };
    }
    use arrow::array::{
        BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
        TimestampMicrosecondArray,
    };
    Ok(match item {
        DataType::Boolean => Arc::new(keys.iter().map(|key| Some(key.bytes == [1])).collect::<BooleanArray>()),
        DataType::Int8 => primitive!(Int8Array, i8),
        DataType::Int16 => primitive!(Int16Array, i16),
        DataType::Int32 => primitive!(Int32Array, i32),
        DataType::Int64 => primitive!(Int64Array, i64),
        DataType::Date32 => primitive!(Date32Array, i32),
        DataType::Float32 => primitive!(Float32Array, f32),
        DataType::Float64 => primitive!(Float64Array, f64),
        DataType::Timestamp(..) => {
            let times: TimestampMicrosecondArray =
                keys.iter().map(|key| Some(i64::from_le_bytes(fixed(key)))).collect();
            Arc::new(times.with_data_type(item.clone()))
        }
        DataType::Decimal128(..) => {
            let values: Decimal128Array = keys.iter().map(|key| Some(i128::from_le_bytes(fixed(key)))).collect();
            Arc::new(values.with_data_type(item.clone()))
        }
        _ => Arc::new(keys.iter().map(|key| Some(String::from_utf8_lossy(&key.bytes))).collect::<StringArray>()),
    })
}

/// The byte that DataSketches puts before a number of this type, if it does so.
fn tag(item: &DataType) -> Option<u8> {
    Some(match item {
        DataType::Int8 => 2,
        DataType::Int16 => 3,
        DataType::Int32 | DataType::Date32 => 9,
        DataType::Float32 => 6,
        _ => return None,
    })
}

fn serialize(keys: &[&Key], item: &DataType) -> Vec<u8> {
    let mut out = vec![];
    if item == &DataType::Boolean {
        for chunk in keys.chunks(8) {
            out.push(chunk.iter().enumerate().fold(0, |byte, (bit, key)| byte | (key.bytes[0] << bit)));
        }
        return out;
    }
    for key in keys {
        match (tag(item), item) {
            (Some(tag), _) => out.push(tag),
            (None, DataType::Utf8) => out.extend((key.bytes.len() as i32).to_le_bytes()),
            _ => {}
        }
        out.extend(&key.bytes);
    }
    out
}

fn parse(bytes: &[u8], count: usize, item: &DataType) -> Option<Vec<Key>> {
    let mut values: Vec<Vec<u8>> = Vec::with_capacity(count);
    let mut rest = bytes;
    for index in 0..count {
        if item == &DataType::Boolean {
            values.push(vec![(bytes.get(index / 8)? >> (index % 8)) & 1]);
            continue;
        }
        let length = match item {
            DataType::Utf8 => {
                let (length, after) = rest.split_at_checked(4)?;
                rest = after;
                usize::try_from(i32::from_le_bytes(length.try_into().ok()?)).ok()?
            }
            _ => item.primitive_width()?,
        };
        if tag(item).is_some() {
            rest = rest.get(1..)?;
        }
        let (value, after) = rest.split_at_checked(length)?;
        values.push(value.to_vec());
        rest = after;
    }
    // The hashes are those of the values.
    let keys: Vec<Key> = values.into_iter().map(|bytes| Key { bytes, hash: 0 }).collect();
    let array = values_of(&keys.iter().collect::<Vec<_>>(), item).ok()?;
    (0..array.len()).map(|row| key_of(&array, row).ok()).collect()
}
