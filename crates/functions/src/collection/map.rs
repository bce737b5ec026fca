//! Maps: making them, their keys and values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StringBuilder, StructArray, UInt64Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};
use regex::Regex;

use super::list::{
    bounds, comparable, element_of, entry_of, list_arg, list_of, map_arg, map_bounds, new_list, pool, require_array,
    require_map, retyped,
};
use crate::coerce::common_type_of;
use crate::kernel::{KernelArgs, from_arrow, from_datafusion};
use crate::units::same_time_precision;
use crate::{Call, Env, Typed};

/// `map(key, value, ...)`, `create_map`.
pub fn map(call: &Call) -> Result<Typed> {
    if !call.args.len().is_multiple_of(2) {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", "`map`")
            .with("expectedNum", "2n (n > 0)")
            .with("actualNum", call.args.len().to_string())
            .with("docroot", "https://spark.apache.org/docs/latest"));
    }
    let side = |start: usize| (start..call.args.len()).step_by(2);
    let common = |start: usize, condition: &str| -> Result<DataType> {
        let types: Vec<DataType> = side(start).map(|index| call.args[index].data_type.clone()).collect();
        let given = || side(start).map(|index| &call.args[index]);
        common_type_of(&types, call.env).filter(|_| same_time_precision(given())).ok_or_else(|| {
            let words: Vec<String> = given().map(|arg| format!("\"{}\"", arg.sql_type())).collect();
            SparkError::new(condition)
                .with("functionName", "`map`")
                .with("dataType", format!("[{}]", words.join(", ")))
                .with("sqlExpr", format!("\"{}\"", call.display()))
        })
    };
    let (key, value) = if call.args.is_empty() {
        (DataType::Null, DataType::Null)
    } else {
        (
            common(0, "DATATYPE_MISMATCH.CREATE_MAP_KEY_DIFF_TYPES")?,
            common(1, "DATATYPE_MISMATCH.CREATE_MAP_VALUE_DIFF_TYPES")?,
        )
    };
    require_key(call, &key)?;
    let collations = [0, 1].map(|start| crate::collation::of_all(side(start).map(|index| &call.args[index])));
    let [of_keys, of_values] = collations;
    let (of_keys, of_values) = (of_keys?, of_values?);
    let shown = (0..call.args.len()).map(|index| {
        let own = if index % 2 == 0 { &of_keys } else { &of_values };
        crate::collation::shown(&call.args[index], own)
    });
    let call = &call.with_args(shown.collect());
    let mut args = vec![];
    for index in 0..call.args.len() {
        args.push(call.coerce(index, if index % 2 == 0 { &key } else { &value })?);
    }
    let value_nullable = args.iter().skip(1).step_by(2).any(|arg| arg.nullable);
    let output = types::map(key, value, value_nullable);
    let values: Vec<Typed> = args.iter().skip(1).step_by(2).cloned().collect();
    let output = match output {
        DataType::Map(entries, sorted) => {
            let entries = entry_collations(entry_units(entries, &values), &of_keys, &of_values);
            DataType::Map(entries, sorted)
        }
        other => other,
    };
    Ok(call.with_args(args).kernel("map", output, false, |args| {
        let columns = args.arrays()?;
        let mut builder = MapBuilder::new(args.rows);
        if columns.is_empty() {
            (0..args.rows).for_each(|_| builder.entries.push(Some(vec![])));
            let empty = arrow::array::new_empty_array(&DataType::Null);
            return builder.finish(&empty, &empty, args);
        }
        let (keys, starts) = pool(&columns.iter().step_by(2).collect::<Vec<_>>())?;
        let (values, _) = pool(&columns.iter().skip(1).step_by(2).collect::<Vec<_>>())?;
        for row in 0..args.rows {
            builder.entries.push(Some(starts.iter().map(|start| (start + row, Some(start + row))).collect()));
        }
        builder.finish(&keys, &values, args)
    }))
}

/// The entries of a map whose values have the units of these arguments.
fn entry_units(entries: FieldRef, values: &[Typed]) -> FieldRef {
    let DataType::Struct(fields) = entries.data_type() else { return entries };
    let value = super::list::with_units(fields[1].as_ref().clone(), values);
    let fields = Fields::from(vec![Arc::clone(&fields[0]), Arc::new(value)]);
    Arc::new(entries.as_ref().clone().with_data_type(DataType::Struct(fields)))
}

/// The entries of a map whose strings have these collations.
fn entry_collations(entries: FieldRef, of_keys: &str, of_values: &str) -> FieldRef {
    let DataType::Struct(fields) = entries.data_type() else { return entries };
    let with = |field: &Field, own: &str| {
        let mut metadata = field.metadata().clone();
        types::collation::record(own, &mut metadata);
        field.clone().with_metadata(metadata)
    };
    let fields = Fields::from(vec![with(&fields[0], of_keys), with(&fields[1], of_values)]);
    Arc::new(entries.as_ref().clone().with_data_type(DataType::Struct(fields)))
}

fn require_key(call: &Call, key: &DataType) -> Result<()> {
    if matches!(key, DataType::Map(..)) || types::is_variant(key) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE")
            .with("keyType", format!("\"{}\"", name::sql(key)))
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    Ok(())
}

/// Places of keys and values of one map; a value without a place is NULL.
pub type Entries = Vec<(usize, Option<usize>)>;

/// Entries of maps as places in pools of keys and values; NULL keys and duplicates are found at the end.
#[derive(Debug)]
pub struct MapBuilder {
    /// Of each row, or `None` for NULL.
    pub entries: Vec<Option<Entries>>,
}

impl MapBuilder {
    pub fn new(rows: usize) -> Self {
        Self { entries: Vec::with_capacity(rows) }
    }

    /// The maps, of the kernel's return type.
    pub fn finish(self, keys: &ArrayRef, values: &ArrayRef, args: &KernelArgs) -> Result<ArrayRef> {
        self.finish_as(keys, values, args.return_type, args.env)
    }

    /// [`MapBuilder::finish`] with the type and the settings given.
    pub fn finish_as(self, keys: &ArrayRef, values: &ArrayRef, data_type: &DataType, env: &Env) -> Result<ArrayRef> {
        let last_wins = env.map_key_dedup.eq_ignore_ascii_case("LAST_WIN");
        let rows = comparable(&[&compared(keys, data_type)?])?;
        let nulls = keys.logical_nulls();
        let (mut key_places, mut value_places): (Vec<u64>, Vec<Option<u64>>) = (vec![], vec![]);
        let mut lengths = Vec::with_capacity(self.entries.len());
        let mut valid = Vec::with_capacity(self.entries.len());
        let mut seen = std::collections::HashMap::new();
        for entries in self.entries {
            let before = key_places.len();
            valid.push(entries.is_some());
            seen.clear();
            for (key, value) in entries.into_iter().flatten() {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(key)) {
                    return Err(SparkError::new("NULL_MAP_KEY"));
                }
                match seen.entry(rows[0].row(key)) {
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        entry.insert(key_places.len());
                        key_places.push(key as u64);
                        value_places.push(value.map(|at| at as u64));
                    }
                    std::collections::hash_map::Entry::Occupied(entry) if last_wins => {
                        value_places[*entry.get()] = value.map(|at| at as u64);
                    }
                    std::collections::hash_map::Entry::Occupied(_) => return Err(duplicate(keys, key)?),
                }
            }
            lengths.push(key_places.len() - before);
        }
        let keys = take(keys, &UInt64Array::from(key_places), None).map_err(from_arrow)?;
        let values = take(values, &UInt64Array::from(value_places), None).map_err(from_arrow)?;
        new_map(data_type, OffsetBuffer::from_lengths(lengths), keys, values, Some(valid.into()))
    }
}

/// What stands for the keys of a map of a type where they are compared.
pub fn compared(keys: &ArrayRef, map: &DataType) -> Result<ArrayRef> {
    match entry_of(map) {
        Some((key, _)) if !key.metadata().is_empty() || key.data_type().is_nested() => {
            crate::collation::key::keys(keys, types::collation::of(key.metadata()))
        }
        _ => Ok(Arc::clone(keys)),
    }
}

fn duplicate(keys: &ArrayRef, at: usize) -> Result<SparkError> {
    let key = ScalarValue::try_from_array(keys, at).map_err(from_datafusion)?;
    Ok(SparkError::new("DUPLICATED_MAP_KEY")
        .with("key", key.to_string())
        .with("mapKeyDedupPolicy", "\"spark.sql.mapKeyDedupPolicy\""))
}

/// A map array; the columns' types are adapted to the map's.
pub fn new_map(
    data_type: &DataType,
    offsets: OffsetBuffer<i32>,
    keys: ArrayRef,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, _) = data_type else { return Err(SparkError::internal("a map's type is a map")) };
    let DataType::Struct(fields) = entries.data_type() else { return Err(SparkError::internal("of entries")) };
    let columns = vec![retyped(keys, fields[0].data_type())?, retyped(values, fields[1].data_type())?];
    let structs = StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
    let map = MapArray::try_new(Arc::clone(entries), offsets, structs, nulls, false).map_err(from_arrow)?;
    Ok(Arc::new(map))
}

/// A map of what these fields have.
fn map_like(key: &Field, value: &Field, value_contains_null: bool) -> DataType {
    let of = |field: &Field| field.data_type().clone();
    types::map_carrying((of(key), key.metadata()), (of(value), value.metadata()), value_contains_null)
}

/// `map_from_arrays(keys, values)`.
pub fn map_from_arrays(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let (keys, values) = (require_array(call, 0)?, require_array(call, 1)?);
    require_key(call, keys.data_type())?;
    let output = map_like(keys, values, values.is_nullable());
    Ok(call.kernel("map_from_arrays", output, call.any_nullable(), |args| {
        let (keys, values) = (list_arg(args, 0)?, list_arg(args, 1)?);
        let mut builder = MapBuilder::new(args.rows);
        for row in 0..args.rows {
            if keys.is_null(row) || values.is_null(row) {
                builder.entries.push(None);
                continue;
            }
            let (key, value) = (bounds(&keys, row), bounds(&values, row));
            if key.len() != value.len() {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_2128")
                    .with_message("The key array and value array of MapData must have the same length."));
            }
            builder.entries.push(Some(key.zip(value.map(Some)).collect()));
        }
        builder.finish(keys.values(), values.values(), args)
    }))
}

/// `map_from_entries(array of structs of two)`.
pub fn map_from_entries(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let element = require_array(call, 0)?;
    let fields = match element.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => fields,
        _ => return Err(call.unexpected_type(0, "\"ARRAY\" of pair \"STRUCT\"")),
    };
    require_key(call, fields[0].data_type())?;
    let output = map_like(&fields[0], &fields[1], fields[1].is_nullable());
    let nullable = call.args[0].nullable || element.is_nullable();
    Ok(call.kernel("map_from_entries", output, nullable, |args| {
        let list = list_arg(args, 0)?;
        let structs = list.values().as_struct();
        let mut builder = MapBuilder::new(args.rows);
        for row in 0..args.rows {
            let known = list.is_valid(row) && bounds(&list, row).all(|at| structs.is_valid(at));
            builder.entries.push(known.then(|| bounds(&list, row).map(|at| (at, Some(at))).collect()));
        }
        builder.finish(structs.column(0), structs.column(1), args)
    }))
}

/// `map_concat(map, ...)`.
pub fn map_concat(call: &Call) -> Result<Typed> {
    if call.args.is_empty() {
        let output = types::map(DataType::Utf8, DataType::Utf8, true);
        return Ok(call.kernel("map_concat", output, false, |args| {
            let empty = arrow::array::new_empty_array(&DataType::Utf8);
            MapBuilder { entries: vec![Some(vec![]); args.rows] }.finish(&empty, &empty, args)
        }));
    }
    for index in 0..call.args.len() {
        if entry_of(&call.args[index].data_type).is_none() && call.args[index].data_type != DataType::Null {
            return Err(SparkError::new("DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES")
                .with("functionName", name::quote(call.name))
                .with("dataType", {
                    let words: Vec<String> = call.args.iter().map(|arg| super::list::sql(&arg.data_type)).collect();
                    format!("[{}]", words.join(", "))
                })
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
    }
    let args = call.coerce_all_to_common()?;
    let (key, value) = entry_of(&args[0].data_type).ok_or_else(|| call.unexpected_type(0, "\"MAP\""))?;
    let value_nullable = args.iter().any(|arg| entry_of(&arg.data_type).is_none_or(|(_, value)| value.is_nullable()));
    let output = map_like(key, value, value_nullable);
    let nullable = args.iter().any(|arg| arg.nullable);
    Ok(call.with_args(args).kernel("map_concat", output, nullable, |args| {
        let maps = (0..args.args.len()).map(|index| map_arg(args, index)).collect::<Result<Vec<_>>>()?;
        let (keys, starts) = pool(&maps.iter().map(MapArray::keys).collect::<Vec<_>>())?;
        let (values, _) = pool(&maps.iter().map(MapArray::values).collect::<Vec<_>>())?;
        let mut builder = MapBuilder::new(args.rows);
        for row in 0..args.rows {
            if maps.iter().any(|map| map.is_null(row)) {
                builder.entries.push(None);
                continue;
            }
            let entries = maps.iter().zip(&starts);
            let entries = entries.flat_map(|(map, start)| map_bounds(map, row).map(move |at| at + start));
            builder.entries.push(Some(entries.map(|at| (at, Some(at))).collect()));
        }
        builder.finish(&keys, &values, args)
    }))
}

/// A list of what a map without types has: NULL.
fn of_null(call: &Call, element: DataType, contains_null: bool) -> Result<Typed> {
    let null = ScalarValue::try_from(&list_of(&element, contains_null)).map_err(crate::kernel::from_datafusion)?;
    Ok(Typed::literal(null, call.display()))
}

fn entry_of_nothing() -> DataType {
    let (key, value) = (Field::new("key", DataType::Null, false), Field::new("value", DataType::Null, true));
    DataType::Struct(vec![key, value].into())
}

/// `map_keys(map)`.
pub fn map_keys(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if call.args[0].data_type == DataType::Null {
        return of_null(call, DataType::Null, true);
    }
    let (key, _) = require_map(call, 0)?;
    let output = types::array_carrying(key.data_type().clone(), true, key.metadata());
    Ok(call.kernel("map_keys", output, call.args[0].nullable, |args| side(args, 0)))
}

/// `map_values(map)`.
pub fn map_values(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if call.args[0].data_type == DataType::Null {
        return of_null(call, DataType::Null, true);
    }
    let (_, value) = require_map(call, 0)?;
    let output = types::array_carrying(value.data_type().clone(), true, value.metadata());
    Ok(call.kernel("map_values", output, call.args[0].nullable, |args| side(args, 1)))
}

fn side(args: &KernelArgs, column: usize) -> Result<ArrayRef> {
    let map = map_arg(args, 0)?;
    let element = element_of(args.return_type).ok_or_else(|| SparkError::internal("a list"))?;
    new_list(element, map.offsets().clone(), Arc::clone(map.entries().column(column)), map.nulls().cloned())
}

/// `map_entries(map)`: structs of `key` and `value`.
pub fn map_entries(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    if call.args[0].data_type == DataType::Null {
        return of_null(call, entry_of_nothing(), false);
    }
    let (key, value) = require_map(call, 0)?;
    let element = DataType::Struct(vec![Arc::clone(key), Arc::clone(value)].into());
    let output = list_of(&element, false);
    Ok(call.kernel("map_entries", output, call.args[0].nullable, |args| {
        let map = map_arg(args, 0)?;
        let element = element_of(args.return_type).ok_or_else(|| SparkError::internal("a list"))?;
        new_list(element, map.offsets().clone(), Arc::new(map.entries().clone()), map.nulls().cloned())
    }))
}

/// `str_to_map(text[, between pairs[, between key and value]])`: the delimiters are regular expressions.
pub fn str_to_map(call: &Call) -> Result<Typed> {
    str_to_map_by(call, types::collation::BINARY)
}

/// [`str_to_map`] by a collation: delimiters are looked for as it has them, and so are keys compared.
pub fn str_to_map_by(call: &Call, collation: &str) -> Result<Typed> {
    call.arity(1..=3)?;
    let mut args = call.args.clone();
    for default in [",", ":"].iter().skip(args.len() - 1) {
        let delimiter = Typed::literal(ScalarValue::from(*default), *default);
        args.push(crate::collation::plain(&crate::collation::shown(&delimiter, collation)));
    }
    let call = call.with_args(args);
    let inner = call.coerced(&[DataType::Utf8, DataType::Utf8, DataType::Utf8])?;
    let output = match types::map(DataType::Utf8, DataType::Utf8, true) {
        DataType::Map(entries, sorted) => DataType::Map(entry_collations(entries, collation, collation), sorted),
        other => other,
    };
    let nullable = inner.any_nullable();
    Ok(inner.kernel_with("str_to_map", output, nullable, collation.to_string(), |args| {
        let columns = args.arrays()?;
        let texts = columns[0].as_string::<i32>();
        let (mut pairs, mut keys) = (Delimiter::default(), Delimiter::default());
        let (mut key_builder, mut value_builder) = (StringBuilder::new(), StringBuilder::new());
        let mut builder = MapBuilder::new(args.rows);
        let mut next = 0;
        for row in 0..args.rows {
            if columns.iter().any(|column| column.is_null(row)) {
                builder.entries.push(None);
                continue;
            }
            pairs.compile(columns[1].as_string::<i32>().value(row), args.param)?;
            keys.compile(columns[2].as_string::<i32>().value(row), args.param)?;
            let mut entries = vec![];
            for pair in pairs.split(texts.value(row), 0) {
                let mut parts = keys.split(pair, 2).into_iter();
                key_builder.append_value(parts.next().unwrap_or_default());
                value_builder.append_option(parts.next());
                entries.push((next, Some(next)));
                next += 1;
            }
            builder.entries.push(Some(entries));
        }
        let (keys, values): (ArrayRef, ArrayRef) = (Arc::new(key_builder.finish()), Arc::new(value_builder.finish()));
        builder.finish(&keys, &values, args)
    }))
}

/// A delimiter, compiled when it changes.
#[derive(Default)]
struct Delimiter {
    text: String,
    regex: Option<Regex>,
}

impl Delimiter {
    fn compile(&mut self, text: &str, collation: &str) -> Result<()> {
        if self.regex.is_none() || self.text != text {
            let any_case = collation.contains("_CI") || collation.starts_with("UTF8_LCASE");
            let pattern = if any_case { format!("(?i){text}") } else { text.to_string() };
            let compiled = Regex::new(&pattern).map_err(|error| {
                SparkError::unsupported(format!("the regular expression {text}: {error}"), "Use a simpler delimiter.")
            })?;
            self.text = text.to_string();
            self.regex = Some(compiled);
        }
        Ok(())
    }

    /// Java's `split`: at most `limit` parts, 0 for all.
    fn split<'t>(&self, text: &'t str, limit: usize) -> Vec<&'t str> {
        match &self.regex {
            Some(_) if self.text.is_empty() => vec![text],
            Some(regex) if limit > 0 => regex.splitn(text, limit).collect(),
            Some(regex) => regex.split(text).collect(),
            None => vec![text],
        }
    }
}
