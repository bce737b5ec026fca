//! `array_binary_search(array, x)`: where `x` is in a sorted array. Spark's `ArrayBinarySearch`, which only PySpark sends.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use firesteel_protocol::{Result, types};

use super::list::bounds;
use crate::kernel::from_arrow;
use crate::{Call, Typed};

/// From 0; where it is not, minus one minus the place where it would stand.
pub fn array_binary_search(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let DataType::List(element) = call.args[0].data_type.clone() else {
        return Err(call.unexpected_type(0, "\"ARRAY\""));
    };
    let value = call.coerce(1, element.data_type())?;
    let array = call.coerce(0, &types::array(element.data_type().clone(), true))?;
    let nullable = array.nullable || value.nullable;
    Ok(call.with_args(vec![array, value]).kernel("array_binary_search", DataType::Int32, nullable, |args| {
        let (lists, values) = (args.array(0)?, args.array(1)?);
        let lists = lists.as_list::<i32>();
        let options = SortOptions { descending: false, nulls_first: true };
        let compare = make_comparator(lists.values(), &values, options).map_err(from_arrow)?;
        let search = |row: usize| {
            if lists.is_null(row) || values.is_null(row) {
                return None;
            }
            let range = bounds(lists, row);
            let (first, mut low, mut high) = (range.start, range.start, range.end);
            while low < high {
                let middle = low.midpoint(high - 1);
                match compare(middle, row) {
                    Ordering::Less => low = middle + 1,
                    Ordering::Greater => high = middle,
                    Ordering::Equal => return Some((middle - first) as i32),
                }
            }
            Some(-((low - first) as i32) - 1)
        };
        Ok(Arc::new((0..args.rows).map(search).collect::<Int32Array>()))
    }))
}
