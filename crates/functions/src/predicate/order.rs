//! Spark's order of values where it differs from Arrow's: 0.0 and -0.0 are equal, all NaNs are equal and
//! greater than any number, NULL comes first.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use firesteel_protocol::Result;

use crate::kernel::from_arrow;

/// Whether values of the type hold floats.
pub fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float32 | DataType::Float64 => true,
        DataType::List(element) => has_floats(element.data_type()),
        DataType::Map(entries, _) => has_floats(entries.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_floats(field.data_type())),
        _ => false,
    }
}

/// Makes floats that Spark takes for equal the same bits: -0.0 becomes 0.0, any NaN the one NaN.
pub fn normalize_floats(array: &ArrayRef) -> Result<ArrayRef> {
    if !has_floats(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    Ok(match array.data_type() {
        DataType::Float32 => {
            let one = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(one))
        }
        DataType::Float64 => {
            let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(one))
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = normalize_floats(list.values())?;
            let field = Arc::clone(field);
            Arc::new(
                ListArray::try_new(field, list.offsets().clone(), values, list.nulls().cloned()).map_err(from_arrow)?,
            )
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = normalize_floats(&entries)?.as_struct().clone();
            let (field, offsets) = (Arc::clone(field), map.offsets().clone());
            Arc::new(MapArray::try_new(field, offsets, entries, map.nulls().cloned(), *sorted).map_err(from_arrow)?)
        }
        DataType::Struct(fields) => {
            let source = array.as_struct();
            let columns: Vec<ArrayRef> = source.columns().iter().map(normalize_floats).collect::<Result<_>>()?;
            let nulls = source.nulls().cloned();
            Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, nulls, source.len()).map_err(from_arrow)?,
            )
        }
        _ => Arc::clone(array),
    })
}

/// Compares row `i` of one array with row `j` of another of the same type.
pub type Comparator = Box<dyn Fn(usize, usize) -> Ordering + Send + Sync>;

/// Spark's ascending order, NULLs first, for any orderable type.
pub fn comparator(left: &ArrayRef, right: &ArrayRef) -> Result<Comparator> {
    let (left, right) = (normalize_floats(left)?, normalize_floats(right)?);
    make_comparator(&left, &right, SortOptions { descending: false, nulls_first: true }).map_err(from_arrow)
}
