//! What kernels on arrays share: places of elements, equality of any type, lists out of places.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, UInt64Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float32Type, Float64Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{IntervalRange, TIME_DIGITS, is_shape, is_variant, name, record_time_precision};
use firesteel_protocol::{Result, SparkError};

use crate::coerce::common_type;
use crate::kernel::{KernelArgs, from_arrow};
use crate::units::same_time_precision;
use crate::{Call, Env, Typed, units};

/// The element of a list type.
pub fn element_of(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(element) => Some(element),
        _ => None,
    }
}

/// Key and value of a map type.
pub fn entry_of(data_type: &DataType) -> Option<(&FieldRef, &FieldRef)> {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Some((&fields[0], &fields[1])),
            _ => None,
        },
        _ => None,
    }
}

/// Argument `index` as the element of an array, or Spark's error.
pub fn require_array<'a>(call: &'a Call, index: usize) -> Result<&'a FieldRef> {
    element_of(&call.args[index].data_type).ok_or_else(|| call.unexpected_type(index, "\"ARRAY\""))
}

/// Argument `index` as key and value of a map, or Spark's error.
pub fn require_map<'a>(call: &'a Call, index: usize) -> Result<(&'a FieldRef, &'a FieldRef)> {
    entry_of(&call.args[index].data_type).ok_or_else(|| call.unexpected_type(index, "\"MAP\""))
}

/// A list type with another element type; the nullability of elements stays unless given.
pub fn list_of(element: &DataType, contains_null: bool) -> DataType {
    firesteel_protocol::types::array(element.clone(), contains_null)
}

/// The field of values that any of these arguments may be, with the units of their intervals.
pub fn with_units(field: Field, args: &[Typed]) -> Field {
    if let DataType::Time64(_) = field.data_type() {
        let digits = args.iter().filter_map(Typed::time_precision).max().unwrap_or(TIME_DIGITS);
        let mut metadata = field.metadata().clone();
        record_time_precision(digits, &mut metadata);
        return field.with_metadata(metadata);
    }
    match IntervalRange::full(field.data_type()).and_then(|full| units::of_args(args, full)) {
        Some(range) => range.on(field),
        None => field,
    }
}

/// The type of elements that are brought together: strings are not made of other types, nor the other way round.
pub fn element_type(a: &DataType, b: &DataType, env: &Env) -> Option<DataType> {
    let text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::Binary);
    let unknown = a == &DataType::Null || b == &DataType::Null;
    if text(a) != text(b) && !unknown {
        return None;
    }
    match (a, b) {
        (DataType::List(x), DataType::List(y)) => {
            Some(list_of(&element_type(x.data_type(), y.data_type(), env)?, x.is_nullable() || y.is_nullable()))
        }
        _ => common_type(a, b, env),
    }
}

/// An array (argument `array`) and a value (argument `value`) with one type for elements and value.
pub fn array_and_value(call: &Call, array: usize, value: usize) -> Result<(Typed, Typed)> {
    let arg = &call.args[array];
    let element = require_array(call, array)?;
    if call.args[value].data_type == DataType::Null {
        return Ok((arg.clone(), call.coerce(value, element.data_type())?));
    }
    let common = element_type(element.data_type(), &call.args[value].data_type, call.env)
        .filter(|_| same_time_precision([&element_typed(element), &call.args[value]]))
        .ok_or_else(|| different_types(call, array, value))?;
    if matches!(call.name, "array_contains" | "array_position" | "array_remove") {
        require_equality(call, &common)?;
    }
    let list = list_of(&common, element.is_nullable());
    Ok((call.coerce(array, &list)?, call.coerce(value, &common)?))
}

/// `DATATYPE_MISMATCH.INVALID_ORDERING_TYPE` for values that Spark cannot compare.
pub fn require_equality(call: &Call, element: &DataType) -> Result<()> {
    if !is_variant(element) && !is_shape(element) {
        return Ok(());
    }
    Err(SparkError::new("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE")
        .with("functionName", name::quote(call.name))
        .with("dataType", format!("\"{}\"", name::sql(element)))
        .with("sqlExpr", format!("\"{}\"", call.display())))
}

/// Two arrays with one type of elements.
pub fn two_arrays(call: &Call) -> Result<(Typed, Typed)> {
    call.arity(2)?;
    let [left, right] = [0, 1].map(|index| element_of(&call.args[index].data_type));
    let (Some(left), Some(right)) = (left, right) else {
        return Err(SparkError::new("DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES")
            .with("functionName", name::quote(call.name))
            .with("arrayType", "\"ARRAY\"")
            .with("leftType", sql(&call.args[0].data_type))
            .with("rightType", sql(&call.args[1].data_type))
            .with("sqlExpr", format!("\"{}\"", call.display())));
    };
    let common = element_type(left.data_type(), right.data_type(), call.env);
    let common = common.filter(|_| same_time_precision(&call.args)).ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES")
            .with("functionName", name::quote(call.name))
            .with("arrayType", "\"ARRAY\"")
            .with("leftType", sql(&call.args[0].data_type))
            .with("rightType", sql(&call.args[1].data_type))
            .with("sqlExpr", format!("\"{}\"", call.display()))
    })?;
    let (left, right) = (list_of(&common, left.is_nullable()), list_of(&common, right.is_nullable()));
    Ok((call.coerce(0, &left)?, call.coerce(1, &right)?))
}

/// Something of the type of an array's elements.
fn element_typed(element: &FieldRef) -> Typed {
    let typed = Typed::literal(ScalarValue::Null, "");
    Typed { data_type: element.data_type().clone(), metadata: element.metadata().clone(), ..typed }
}

/// `"ARRAY<INT>"`.
pub fn sql(data_type: &DataType) -> String {
    format!("\"{}\"", name::sql(data_type))
}

fn different_types(call: &Call, array: usize, value: usize) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES")
        .with("functionName", name::quote(call.name))
        .with("dataType", "\"ARRAY\"")
        .with("leftType", sql(&call.args[array].data_type))
        .with("rightType", format!("\"{}\"", call.args[value].sql_type()))
        .with("sqlExpr", format!("\"{}\"", call.display()))
}

/// The bounds of row `row` in a list's values.
pub fn bounds(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// The bounds of row `row` in a map's entries.
pub fn map_bounds(map: &MapArray, row: usize) -> std::ops::Range<usize> {
    let offsets = map.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Values as rows that compare as Spark orders and equates them: -0.0 is 0.0.
pub fn comparable(arrays: &[&ArrayRef]) -> Result<Vec<Rows>> {
    let Some(first) = arrays.first() else { return Ok(vec![]) };
    let converter = RowConverter::new(vec![SortField::new(first.data_type().clone())]).map_err(from_arrow)?;
    arrays.iter().map(|array| converter.convert_columns(&[normal(array)]).map_err(from_arrow)).collect()
}

/// Floats with one zero and one NaN.
fn normal(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }),
        ),
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }),
        ),
        _ => Arc::clone(array),
    }
}

/// Builds a list array row by row out of places in a pool of values.
#[derive(Debug, Default)]
pub struct ListBuilder {
    places: Vec<Option<u64>>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
    open: usize,
}

/// Refuses an array before its first element where it would be longer than any may be, as Spark does, or where a batch would
/// not stay in bounded memory; `before` elements are in the batch already.
pub fn check_count(before: usize, count: i128, function: &str) -> Result<()> {
    /// The most elements that Spark gives an array.
    const LIMIT: i128 = 2_147_483_632;
    /// The most elements of one batch: four GiB of numbers.
    const IN_BATCH: i128 = 1 << 29;
    if count > LIMIT {
        return Err(SparkError::new("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
            .with("numberOfElements", count.to_string())
            .with("functionName", name::quote(function))
            .with("maxRoundedArrayLength", LIMIT.to_string())
            .with("parameter", "`count`"));
    }
    let all = before as i128 + count;
    if all > IN_BATCH {
        return Err(SparkError::new("UNABLE_TO_ACQUIRE_MEMORY")
            .with("requestedBytes", (all * 8).to_string())
            .with("receivedBytes", (IN_BATCH * 8).to_string()));
    }
    Ok(())
}

impl ListBuilder {
    /// How many elements there are in all rows so far.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    pub fn with_capacity(rows: usize) -> Self {
        Self { places: vec![], lengths: Vec::with_capacity(rows), valid: Vec::with_capacity(rows), open: 0 }
    }

    /// Adds an element of the row that is being built; `None` is NULL.
    pub fn push(&mut self, place: Option<usize>) {
        self.places.push(place.map(|place| place as u64));
        self.open += 1;
    }

    /// Adds a run of elements.
    pub fn extend(&mut self, places: impl IntoIterator<Item = usize>) {
        for place in places {
            self.push(Some(place));
        }
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
        self.valid.push(true);
    }

    /// Ends a row that is NULL.
    pub fn null_row(&mut self) {
        self.places.truncate(self.places.len() - self.open);
        self.open = 0;
        self.lengths.push(0);
        self.valid.push(false);
    }

    /// The list of type `data_type`, with elements of `pool`.
    pub fn finish(self, pool: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
        let element = element_of(data_type).ok_or_else(|| SparkError::internal("a list builder builds lists"))?;
        let values = take(pool, &UInt64Array::from(self.places), None).map_err(from_arrow)?;
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        new_list(element, offsets, values, Some(NullBuffer::from(self.valid)))
    }
}

/// A list array whose values' type is adapted to the element (nested nullability may differ).
pub fn new_list(
    element: &FieldRef,
    offsets: OffsetBuffer<i32>,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let values = retyped(values, element.data_type())?;
    ListArray::try_new(Arc::clone(element), offsets, values, nulls)
        .map(|list| Arc::new(list) as ArrayRef)
        .map_err(from_arrow)
}

/// The array under a type that differs from its own in names and nullability of nested fields only.
pub fn retyped(array: ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(array);
    }
    arrow::compute::cast(&array, data_type).map_err(from_arrow)
}

/// The type with every part nullable.
pub fn nullable(data_type: &DataType) -> DataType {
    if is_variant(data_type) || is_shape(data_type) {
        return data_type.clone();
    }
    let loose = |field: &Arc<Field>| {
        Arc::new(field.as_ref().clone().with_data_type(nullable(field.data_type())).with_nullable(true))
    };
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(loose).collect()),
        DataType::List(element) => DataType::List(loose(element)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                let key = Arc::new(fields[0].as_ref().clone().with_data_type(nullable(fields[0].data_type())));
                let entry = DataType::Struct(Fields::from(vec![key, loose(&fields[1])]));
                DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(entry)), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

/// Several value arrays end to end, and where each starts.
pub fn pool(arrays: &[&ArrayRef]) -> Result<(ArrayRef, Vec<usize>)> {
    let mut starts = Vec::with_capacity(arrays.len());
    let mut total = 0;
    for array in arrays {
        starts.push(total);
        total += array.len();
    }
    // Types may differ in the nullability of nested fields.
    let first = arrays.first().ok_or_else(|| SparkError::internal("a pool of nothing"))?;
    let same: Vec<ArrayRef> =
        arrays.iter().map(|array| retyped(Arc::clone(array), first.data_type())).collect::<Result<_>>()?;
    let parts: Vec<&dyn Array> = same.iter().map(AsRef::as_ref).collect();
    Ok((concat(&parts).map_err(from_arrow)?, starts))
}

/// Argument `index` as list array.
pub fn list_arg(args: &KernelArgs, index: usize) -> Result<ListArray> {
    let array = args.array(index)?;
    array
        .as_any()
        .downcast_ref::<ListArray>()
        .cloned()
        .ok_or_else(|| SparkError::internal(format!("expected an array, got {}", array.data_type())))
}

/// Argument `index` as map array.
pub fn map_arg(args: &KernelArgs, index: usize) -> Result<MapArray> {
    let array = args.array(index)?;
    array
        .as_any()
        .downcast_ref::<MapArray>()
        .cloned()
        .ok_or_else(|| SparkError::internal(format!("expected a map, got {}", array.data_type())))
}
