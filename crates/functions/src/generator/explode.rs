//! `explode`, `posexplode` and their outer forms: elements of arrays, entries of maps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError, types};

use crate::Call;
use crate::call::Generator;
use crate::kernel::{KernelArgs, kernel_expr};

/// `explode(x)`: column `col`, or `key` and `value`.
pub fn explode(call: &Call) -> Result<Generator> {
    build(call, false, false)
}

/// `explode_outer(x)`.
pub fn explode_outer(call: &Call) -> Result<Generator> {
    build(call, false, true)
}

/// `posexplode(x)`: with the position, from 0.
pub fn posexplode(call: &Call) -> Result<Generator> {
    build(call, true, false)
}

/// `posexplode_outer(x)`.
pub fn posexplode_outer(call: &Call) -> Result<Generator> {
    build(call, true, true)
}

fn build(call: &Call, position: bool, outer: bool) -> Result<Generator> {
    if call.args.is_empty() {
        return Err(SparkError::new("REQUIRED_PARAMETER_NOT_FOUND")
            .with("routineName", format!("`{}`", call.name))
            .with("parameterName", "`collection`")
            .with("index", "0"));
    }
    call.arity(1)?;
    let arg = &call.args[0];
    let columns: Vec<FieldRef> = match &arg.data_type {
        DataType::List(element) => {
            vec![Arc::new(element.as_ref().clone().with_name("col"))]
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(key_value) => key_value.iter().map(Arc::clone).collect(),
            _ => return Err(SparkError::internal("map entries are structs")),
        },
        _ => return Err(call.unexpected_type(0, "(\"ARRAY\" or \"MAP\")")),
    };
    let mut fields = vec![];
    if position {
        fields.push(Arc::new(Field::new("pos", DataType::Int32, false)));
    }
    fields.extend(columns);
    let element = DataType::Struct(Fields::from(fields.clone()));
    let list = kernel_expr(
        "explode",
        vec![arg.expr.clone()],
        types::array(element, false),
        arg.nullable,
        Volatility::Immutable,
        call.env,
        String::new(),
        elements,
    );
    Ok(Generator { list, fields: super::inline::outer_fields(fields, outer), outer })
}

/// Elements as structs; nothing is copied but positions.
fn elements(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("explode yields a list")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let array = args.array(0)?;
    let (offsets, mut columns, nulls): (OffsetBuffer<i32>, Vec<ArrayRef>, Option<NullBuffer>) = match array.data_type()
    {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.offsets().clone(), vec![Arc::clone(list.values())], list.nulls().cloned())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            (map.offsets().clone(), vec![Arc::clone(map.keys()), Arc::clone(map.values())], map.nulls().cloned())
        }
        other => return Err(SparkError::internal(format!("explode of {other}"))),
    };
    let rows = columns[0].len();
    if fields.len() > columns.len() {
        let mut positions = vec![0; rows];
        for bounds in offsets.windows(2) {
            for (position, at) in (bounds[0]..bounds[1]).enumerate() {
                positions[at as usize] = position as i32;
            }
        }
        columns.insert(0, Arc::new(Int32Array::from(positions)));
    }
    let values = StructArray::new(fields.clone(), columns, None);
    Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(values), nulls)))
}
