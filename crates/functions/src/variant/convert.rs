//! Casts from and to VARIANT.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, ListArray, StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, Time64NanosecondType,
    TimestampMicrosecondType,
};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};

use super::item::Item;
use super::{Variants, build};
use crate::cast::{EvalMode, cast_array, variant_holds};
use crate::coerce::is_integral;
use crate::collection::new_map;
use crate::datetime::Zone;
use crate::kernel::from_arrow;
use crate::{Call, Env, Typed};

/// `to_variant_object(x)`: structs and maps become objects.
pub(super) fn to_variant_object(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let own = &call.args[0];
    // Structs, maps of texts and arrays of these alone: CAST makes the others.
    if !own.data_type.is_null() && (!own.data_type.is_nested() || !variant_holds(&own.data_type)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
            .with("sqlExpr", format!("\"{}\"", call.display()))
            .with("srcType", format!("\"{}\"", own.sql_type()))
            .with("targetType", "\"VARIANT\""));
    }
    let nullable = call.any_nullable();
    Ok(call.kernel("to_variant_object", types::variant(), nullable, |args| to_variant(&args.array(0)?)))
}

/// Values of any type as VARIANT.
pub fn to_variant(array: &ArrayRef) -> Result<ArrayRef> {
    let items = items(array)?;
    build(items.into_iter().map(Ok))
}

/// The values of an array; None is NULL.
pub(super) fn items(array: &ArrayRef) -> Result<Vec<Option<Item>>> {
    let rows = 0..array.len();
    let valid = |row: usize| array.is_valid(row);
    let each = |of: &dyn Fn(usize) -> Item| rows.clone().map(|row| valid(row).then(|| of(row))).collect();
    Ok(match array.data_type() {
        DataType::Null => vec![None; array.len()],
        DataType::Boolean => each(&|row| Item::Bool(array.as_boolean().value(row))),
        from if is_integral(from) => {
            let wide = arrow::compute::cast(array, &DataType::Int64).map_err(from_arrow)?;
            let wide = wide.as_primitive::<Int64Type>();
            each(&|row| Item::Long(wide.value(row)))
        }
        DataType::Float32 => each(&|row| Item::Float(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => each(&|row| Item::Double(array.as_primitive::<Float64Type>().value(row))),
        DataType::Decimal128(_, scale) => {
            each(&|row| Item::Decimal(array.as_primitive::<Decimal128Type>().value(row), *scale))
        }
        DataType::Utf8 => each(&|row| Item::Text(array.as_string::<i32>().value(row).to_string())),
        DataType::Binary => each(&|row| Item::Binary(array.as_binary::<i32>().value(row).to_vec())),
        DataType::Date32 => each(&|row| Item::Date(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(_, zone) => each(&|row| {
            let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
            if zone.is_some() { Item::Timestamp(us) } else { Item::TimestampNtz(us) }
        }),
        DataType::Time64(_) => each(&|row| Item::Time(array.as_primitive::<Time64NanosecondType>().value(row) / 1000)),
        from if types::is_variant(from) => {
            let variants = Variants::new(array);
            rows.map(|row| variants.item(row)).collect::<Result<_>>()?
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let values = items(list.values())?;
            let offsets = list.value_offsets();
            each(&|row| {
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                Item::Array(values[start..end].iter().map(|item| item.clone().unwrap_or(Item::Null)).collect())
            })
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(items).collect::<Result<Vec<_>>>()?;
            let object = |row: usize| {
                let member = |(field, column): (&Arc<arrow::datatypes::Field>, &Vec<Option<Item>>)| {
                    (field.name().clone(), column[row].clone().unwrap_or(Item::Null))
                };
                Item::object(fields.iter().zip(&columns).map(member).collect())
            };
            rows.map(|row| valid(row).then(|| object(row)).transpose()).collect::<Result<_>>()?
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let (keys, values) = (map.keys().clone(), items(map.values())?);
            let keys =
                keys.as_string_opt::<i32>().ok_or_else(|| SparkError::internal("keys of an object are texts"))?;
            let offsets = map.value_offsets();
            let object = |row: usize| {
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                let member = |at: usize| (keys.value(at).to_string(), values[at].clone().unwrap_or(Item::Null));
                Item::object((start..end).map(member).collect())
            };
            rows.map(|row| valid(row).then(|| object(row)).transpose()).collect::<Result<_>>()?
        }
        other => return Err(SparkError::internal(format!("no cast from {} to VARIANT", name::sql(other)))),
    })
}

/// Values of VARIANT as another type. A value that does not fit is an error, or NULL in [`EvalMode::Try`].
pub fn from_variant(array: &ArrayRef, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    let variants = Variants::new(array);
    let items = (0..array.len()).map(|row| variants.item(row)).collect::<Result<Vec<_>>>()?;
    convert(&items, to, mode, env)
}

/// Items as values of a type; None and the null of JSON are NULL.
pub(super) fn convert(items: &[Option<Item>], to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    let misfit = |item: &Item| {
        let zone = Zone::of(&env.time_zone)?;
        let mut text = String::new();
        item.write(&mut text, zone);
        mode.misfit(|| {
            SparkError::new("INVALID_VARIANT_CAST")
                .with("value", text)
                .with("dataType", format!("\"{}\"", name::sql(to)))
        })
        .map(|none: Option<()>| none.is_some())
    };
    match to {
        to if types::is_variant(to) => build(items.iter().map(|item| Ok(item.clone()))),
        DataType::Utf8 => {
            let zone = Zone::of(&env.time_zone)?;
            let texts = items.iter().map(|item| match item {
                None | Some(Item::Null) => None,
                Some(item) => Some(item.text(zone)),
            });
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        DataType::List(element) => {
            let (mut values, mut lengths, mut valid) = (vec![], vec![], vec![]);
            for item in items {
                let own: &[Item] = match item {
                    Some(Item::Array(own)) => {
                        valid.push(true);
                        own
                    }
                    None | Some(Item::Null) => {
                        valid.push(false);
                        &[]
                    }
                    Some(other) => {
                        valid.push(misfit(other)?);
                        &[]
                    }
                };
                lengths.push(own.len());
                values.extend(own.iter().cloned().map(Some));
            }
            let values = convert(&values, element.data_type(), mode, env)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            let list = ListArray::try_new(Arc::clone(element), offsets, values, Some(NullBuffer::from(valid)));
            Ok(Arc::new(list.map_err(from_arrow)?))
        }
        DataType::Struct(fields) => {
            let mut valid = vec![];
            for item in items {
                valid.push(match item {
                    Some(Item::Object(_)) => true,
                    None | Some(Item::Null) => false,
                    Some(other) => misfit(other)?,
                });
            }
            let member = |name: &str| -> Vec<Option<Item>> {
                let find = |item: &Option<Item>| match item {
                    Some(Item::Object(members)) => {
                        members.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
                    }
                    _ => None,
                };
                items.iter().map(find).collect()
            };
            let columns = fields
                .iter()
                .map(|field| convert(&member(field.name()), field.data_type(), mode, env))
                .collect::<Result<Vec<_>>>()?;
            let nulls = Some(NullBuffer::from(valid));
            let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, items.len());
            Ok(Arc::new(array.map_err(from_arrow)?))
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(kv) = entries.data_type() else { return Err(SparkError::internal("entries")) };
            if kv[0].data_type() != &DataType::Utf8 {
                return Err(SparkError::internal("keys of an object are texts"));
            }
            let (mut keys, mut values, mut lengths, mut valid) = (vec![], vec![], vec![], vec![]);
            for item in items {
                let own: &[(String, Item)] = match item {
                    Some(Item::Object(own)) => {
                        valid.push(true);
                        own
                    }
                    None | Some(Item::Null) => {
                        valid.push(false);
                        &[]
                    }
                    Some(other) => {
                        valid.push(misfit(other)?);
                        &[]
                    }
                };
                lengths.push(own.len());
                keys.extend(own.iter().map(|(name, _)| Some(name.as_str())));
                values.extend(own.iter().map(|(_, value)| Some(value.clone())));
            }
            let keys: ArrayRef = Arc::new(StringArray::from(keys));
            let values = convert(&values, kv[1].data_type(), mode, env)?;
            new_map(to, OffsetBuffer::from_lengths(lengths), keys, values, Some(NullBuffer::from(valid)))
        }
        _ => leaves(items, to, &misfit, env),
    }
}

/// Items as values of a type without parts: those of each kind are cast together.
fn leaves(
    items: &[Option<Item>],
    to: &DataType,
    misfit: &dyn Fn(&Item) -> Result<bool>,
    env: &Env,
) -> Result<ArrayRef> {
    let mut columns: Vec<ArrayRef> = vec![new_null_array(to, 1)];
    // Column and row of each item's value.
    let mut places = vec![(0, 0); items.len()];
    let kinds: Vec<Option<std::mem::Discriminant<Item>>> =
        items.iter().map(|item| item.as_ref().map(std::mem::discriminant)).collect();
    let mut done = vec![false; items.len()];
    for first in 0..items.len() {
        let (Some(kind), false) = (kinds[first], done[first]) else { continue };
        let rows: Vec<usize> = (first..items.len()).filter(|row| kinds[*row] == Some(kind)).collect();
        let same: Vec<&Item> = rows.iter().filter_map(|row| items[*row].as_ref()).collect();
        let cast = match leaf(&same) {
            Some(array) if crate::cast::can_cast(array.data_type(), to, EvalMode::Ansi) => {
                Some(cast_array(&array, to, EvalMode::Try, env)?)
            }
            _ => None,
        };
        for (at, row) in rows.iter().enumerate() {
            done[*row] = true;
            match &cast {
                Some(cast) if cast.is_valid(at) => places[*row] = (columns.len(), at),
                _ if same[at] == &Item::Null => {}
                _ => {
                    misfit(same[at])?;
                }
            }
        }
        columns.extend(cast);
    }
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    interleave(&columns, &places).map_err(from_arrow)
}

/// Items of one kind as an array; None for those that have parts or are null.
fn leaf(items: &[&Item]) -> Option<ArrayRef> {
    macro_rules! values {
        ($array:ty, $kind:ident, $of:expr) => {
            Arc::new(
                items
                    .iter()
                    .map(|item| match item {
                        Item::$kind(value) => Some($of(value)),
                        _ => None,
                    })
                    .collect::<$array>(),
            ) as ArrayRef
        };
    }
    Some(match items.first()? {
        Item::Bool(_) => values!(BooleanArray, Bool, |v: &bool| *v),
        Item::Long(_) => values!(Int64Array, Long, |v: &i64| *v),
        Item::Float(_) => values!(Float32Array, Float, |v: &f32| *v),
        Item::Double(_) => values!(Float64Array, Double, |v: &f64| *v),
        Item::Decimal(..) => {
            let scale = items.iter().filter_map(|item| match item {
                Item::Decimal(_, scale) => Some(*scale),
                _ => None,
            });
            let scale = scale.max().unwrap_or(0);
            let values = items.iter().map(|item| match item {
                Item::Decimal(value, own) => crate::cast::decimal::rescale(*value, *own, scale),
                _ => None,
            });
            let array: Decimal128Array = values.collect();
            Arc::new(array.with_data_type(DataType::Decimal128(38, scale)))
        }
        Item::Text(_) => values!(StringArray, Text, |v: &String| v.clone()),
        Item::Binary(_) => values!(BinaryArray, Binary, |v: &Vec<u8>| v.clone()),
        Item::Date(_) => values!(Date32Array, Date, |v: &i32| *v),
        Item::Timestamp(_) => {
            let array: TimestampMicrosecondArray = items
                .iter()
                .map(|item| match item {
                    Item::Timestamp(us) => Some(*us),
                    _ => None,
                })
                .collect();
            Arc::new(array.with_data_type(types::timestamp()))
        }
        Item::TimestampNtz(_) => values!(TimestampMicrosecondArray, TimestampNtz, |v: &i64| *v),
        Item::Time(_) => values!(arrow::array::Time64NanosecondArray, Time, |v: &i64| *v * 1000),
        Item::Null | Item::Uuid(_) | Item::Array(_) | Item::Object(_) => return None,
    })
}
