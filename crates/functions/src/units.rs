//! Which units of an interval the result of a function has: those of its arguments together, but for functions
//! whose results Spark declares with all units.

use arrow::datatypes::DataType;
use firesteel_protocol::types::interval::IntervalUnit;
use firesteel_protocol::types::{self, IntervalRange};

use crate::{Call, Typed};

/// Functions whose results have all units whatever those of the arguments.
const ALL_UNITS: &[&str] =
    &["*", "/", "try_multiply", "try_divide", "avg", "mean", "try_avg", "median", "percentile", "percentile_cont"];

/// The result of a call with the units that its arguments give it.
pub fn carry(call: &Call<'_>, typed: Typed) -> Typed {
    if let DataType::Time64(_) = typed.data_type {
        return carry_time(call, typed);
    }
    let Some(full) = IntervalRange::full(&typed.data_type) else { return typed };
    if ALL_UNITS.contains(&call.name) {
        return typed.with_units(full);
    }
    // The second argument of nullif is only compared with.
    let args = if call.name == "nullif" { &call.args[..1] } else { &call.args[..] };
    match of_args(args, full) {
        Some(range) => typed.with_units(range),
        None => typed,
    }
}

/// A TIME with the most digits of a second that an argument has, unless its function says how many.
fn carry_time(call: &Call<'_>, typed: Typed) -> Typed {
    let args = call.args.iter().map(|arg| match &arg.data_type {
        DataType::List(element) => types::time_precision(element.data_type(), element.metadata()),
        _ => arg.time_precision(),
    });
    match args.flatten().max() {
        Some(digits) if !matches!(call.name, "+" | "-" | "try_add" | "try_subtract") => {
            typed.with_time_precision(digits)
        }
        _ => typed,
    }
}

/// Whether all TIMEs among the arguments, and those in their arrays and maps, have one precision: Spark has no common type of two.
pub fn same_time_precision<'t>(args: impl IntoIterator<Item = &'t Typed>) -> bool {
    let mut known = None;
    args.into_iter().all(|arg| same_in(&arg.data_type, arg.time_precision(), &mut known))
}

/// `known` is the precision of the TIME at each place of the type that was met so far.
fn same_in(data_type: &DataType, own: Option<u8>, known: &mut Option<Vec<Option<u8>>>) -> bool {
    let mut found = vec![];
    precisions(data_type, own, &mut found);
    if found.iter().all(Option::is_none) {
        return true;
    }
    match known {
        Some(before) => before.iter().zip(&found).all(|(a, b)| a.is_none() || b.is_none() || a == b),
        None => {
            *known = Some(found);
            true
        }
    }
}

fn precisions(data_type: &DataType, own: Option<u8>, found: &mut Vec<Option<u8>>) {
    let mut within = |field: &arrow::datatypes::Field| {
        precisions(field.data_type(), types::time_precision(field.data_type(), field.metadata()), found);
    };
    match data_type {
        DataType::List(element) => within(element),
        DataType::Map(entries, _) => within(entries),
        DataType::Struct(fields) => fields.iter().for_each(|field| within(field)),
        _ => found.push(own),
    }
}

/// The units that values of any of these arguments have; `full` says which kind of interval counts.
pub fn of_args(args: &[Typed], full: IntervalRange) -> Option<IntervalRange> {
    let same_kind = |range: &IntervalRange| (range.start <= IntervalUnit::Month) == (full.start <= IntervalUnit::Month);
    args.iter().filter_map(within).filter(same_kind).reduce(IntervalRange::union)
}

/// The units of an argument, of the elements of an array or of the values of a map.
fn within(arg: &Typed) -> Option<IntervalRange> {
    match &arg.data_type {
        DataType::List(element) => IntervalRange::of_field(element),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => IntervalRange::of_field(&fields[1]),
            _ => None,
        },
        _ => arg.units(),
    }
}
