//! What columns of CHAR(n) and VARCHAR(n), and of types that consist of these, keep of a text: no function of SQL's, INSERT
//! calls it. Reading a table fills CHAR up likewise, for files that others wrote.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBufferBuilder, ListArray, MapArray, StringArray, StringBuilder, StructArray,
};
use arrow::buffer::{BooleanBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{ddl, has_lengths, length_limit};
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed};

/// `__store_lengths(value, type)`: the value with the texts in it as long as `type` wants them: `ARRAY<CHAR(3)>`.
pub(super) fn store(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let Some(ScalarValue::Utf8(Some(declared))) = call.args[1].as_literal() else {
        return Err(SparkError::internal("__store_lengths without a type"));
    };
    let value = &call.args[0];
    let typed = call.with_args(vec![value.clone()]);
    let stored = typed.kernel_with(
        "ansi_store_lengths",
        value.data_type.clone(),
        value.nullable,
        declared.clone(),
        |args: &KernelArgs<'_>| fitted(&args.array(0)?, &ddl::parse_type(args.param)?, Side::Write, None),
    );
    Ok(Typed { metadata: value.metadata.clone(), ..stored.named(call.display()) })
}

/// `__read_lengths(value, type)`: the value with the texts of CHAR in it filled up; longer ones stay.
pub(super) fn read(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let Some(ScalarValue::Utf8(Some(declared))) = call.args[1].as_literal() else {
        return Err(SparkError::internal("__read_lengths without a type"));
    };
    let value = &call.args[0];
    let typed = call.with_args(vec![value.clone()]);
    let filled = typed.kernel_with(
        "read_lengths",
        value.data_type.clone(),
        value.nullable,
        declared.clone(),
        |args: &KernelArgs<'_>| fitted(&args.array(0)?, &ddl::parse_type(args.param)?, Side::Read, None),
    );
    Ok(Typed { metadata: value.metadata.clone(), ..filled.named(call.display()) })
}

/// Where a text goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Into a table: what is too long is an error.
    Write,
    /// Out of one: nothing is cut.
    Read,
}

/// `live`: the rows that are there at all; others lie below a NULL, and nobody looks at them.
fn fitted(array: &ArrayRef, field: &Field, side: Side, live: Option<&BooleanBuffer>) -> Result<ArrayRef> {
    if let Some((limit, padded)) = length_limit(field) {
        return match side {
            Side::Write => fitted_texts(array, limit, padded, live),
            Side::Read => Ok(filled_texts(array, limit, padded)),
        };
    }
    if !has_lengths(field) {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), field.data_type()) {
        (DataType::List(own), DataType::List(element)) => {
            let list = array.as_list::<i32>();
            let below = live_below(list, list.offsets(), list.values().len(), live);
            let values = fitted(list.values(), element, side, Some(&below))?;
            let list = ListArray::try_new(Arc::clone(own), list.offsets().clone(), values, list.nulls().cloned());
            Ok(Arc::new(list.map_err(from_arrow)?))
        }
        (DataType::Map(own, sorted), DataType::Map(entries, _)) => {
            let map = array.as_map();
            let below = live_below(map, map.offsets(), map.entries().len(), live);
            let inner: ArrayRef = Arc::new(map.entries().clone());
            let inner = fitted(&inner, entries, side, Some(&below))?.as_struct().clone();
            let map = MapArray::try_new(Arc::clone(own), map.offsets().clone(), inner, map.nulls().cloned(), *sorted);
            Ok(Arc::new(map.map_err(from_arrow)?))
        }
        (DataType::Struct(own), DataType::Struct(fields)) => {
            let rows = array.as_struct();
            let here = BooleanBuffer::collect_bool(rows.len(), |row| {
                rows.is_valid(row) && live.is_none_or(|live| live.value(row))
            });
            let columns =
                rows.columns().iter().zip(fields).map(|(column, field)| fitted(column, field, side, Some(&here)));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let rows = StructArray::try_new(own.clone(), columns, rows.nulls().cloned());
            Ok(Arc::new(rows.map_err(from_arrow)?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// Which values of lists or maps belong to one that is there.
fn live_below(
    lists: &dyn Array,
    offsets: &OffsetBuffer<i32>,
    values: usize,
    live: Option<&BooleanBuffer>,
) -> BooleanBuffer {
    let mut below = BooleanBufferBuilder::new(values);
    below.append_n(values, false);
    for row in 0..lists.len() {
        if lists.is_valid(row) && live.is_none_or(|live| live.value(row)) {
            (offsets[row]..offsets[row + 1]).for_each(|at| below.set_bit(at as usize, true));
        }
    }
    below.finish()
}

fn fitted_texts(array: &ArrayRef, limit: usize, padded: bool, live: Option<&BooleanBuffer>) -> Result<ArrayRef> {
    let texts = array.as_string::<i32>();
    let mut kept = StringBuilder::with_capacity(texts.len(), texts.len() * 8);
    for row in 0..texts.len() {
        if texts.is_null(row) {
            kept.append_null();
        } else if live.is_none_or(|live| live.value(row)) {
            fit(texts.value(row), limit, padded, &mut kept)?;
        } else {
            kept.append_value("");
        }
    }
    Ok(Arc::new(kept.finish()))
}

/// Texts of CHAR with spaces behind them; as they are where all have their length, as what Spark and Firesteel wrote.
fn filled_texts(array: &ArrayRef, limit: usize, padded: bool) -> ArrayRef {
    let texts = array.as_string::<i32>();
    let length = |text: &str| text.chars().count();
    if !padded || texts.iter().flatten().all(|text| length(text) >= limit) {
        return Arc::clone(array);
    }
    let filled =
        texts.iter().map(|text| text.map(|text| format!("{text}{}", " ".repeat(limit.saturating_sub(length(text))))));
    Arc::new(filled.collect::<StringArray>())
}

/// Spaces fill CHAR up; at the end of a text they give way to the limit.
fn fit(text: &str, limit: usize, padded: bool, kept: &mut StringBuilder) -> Result<()> {
    let length = text.chars().count();
    if length <= limit {
        if padded && length < limit {
            kept.append_value(format!("{text}{}", " ".repeat(limit - length)));
        } else {
            kept.append_value(text);
        }
        return Ok(());
    }
    if text.trim_end_matches(' ').chars().count() > limit {
        return Err(SparkError::new("EXCEED_LIMIT_LENGTH").with("limit", limit.to_string()));
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    kept.append_value(&text[..end]);
    Ok(())
}
