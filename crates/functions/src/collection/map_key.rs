//! What stands for a map where rows are grouped: the map with its entries in the order of their keys, so that maps of
//! the same entries are one group. Spark's `MapSort`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use datafusion::logical_expr::{Expr, Volatility};
use firesteel_protocol::Result;

use crate::kernel::{from_arrow, kernel_expr};
use crate::{Env, Typed};

/// The name of the function that makes keys of maps.
const KEY: &str = "map_key";

/// Whether values of a type are or hold maps.
pub fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(element) => has_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}

/// The value with the entries of its maps in order.
pub fn map_key(value: &Typed, env: &Env) -> Typed {
    let (data_type, args) = (value.data_type.clone(), vec![value.expr.clone()]);
    let expr = kernel_expr(KEY, args, data_type, value.nullable, Volatility::Immutable, env, String::new(), |args| {
        sorted(&args.array(0)?)
    });
    Typed { expr, ..value.clone() }
}

/// Whether an expression is such a key.
pub fn is_map_key(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == KEY)
}

fn sorted(array: &ArrayRef) -> Result<ArrayRef> {
    if !has_map(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    Ok(match array.data_type() {
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(sorted).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, array.nulls().cloned()).map_err(from_arrow)?)
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let (values, nulls) = (sorted(list.values())?, list.nulls().cloned());
            Arc::new(
                ListArray::try_new(Arc::clone(element), list.offsets().clone(), values, nulls).map_err(from_arrow)?,
            )
        }
        _ => Arc::new(of_map(array.as_map())?),
    })
}

fn of_map(map: &MapArray) -> Result<MapArray> {
    let DataType::Map(field, ordered) = map.data_type() else { return Ok(map.clone()) };
    let converter = RowConverter::new(vec![SortField::new(map.keys().data_type().clone())]).map_err(from_arrow)?;
    let keys = converter.convert_columns(&[Arc::clone(map.keys())]).map_err(from_arrow)?;
    let mut order: Vec<u32> = (0..map.keys().len() as u32).collect();
    for ends in map.value_offsets().windows(2) {
        order[ends[0] as usize..ends[1] as usize].sort_by(|a, b| keys.row(*a as usize).cmp(&keys.row(*b as usize)));
    }
    let entries = StructArray::try_new(
        map.entries().fields().clone(),
        vec![Arc::clone(map.keys()), sorted(map.values())?],
        map.entries().nulls().cloned(),
    );
    let entries = take(&entries.map_err(from_arrow)?, &UInt32Array::from(order), None).map_err(from_arrow)?;
    let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
    MapArray::try_new(Arc::clone(field), offsets, entries.as_struct().clone(), nulls, *ordered).map_err(from_arrow)
}
