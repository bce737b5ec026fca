//! `variant_explode`, `variant_explode_outer`: elements of an array or members of an object in a VARIANT.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, ListArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError, types};

use super::inline::outer_fields;
use crate::Call;
use crate::call::Generator;
use crate::kernel::{KernelArgs, from_arrow, kernel_expr};
use crate::variant::item::Item;
use crate::variant::{Variants, build, variant_arg};

/// `variant_explode(v)`: position, key (NULL in an array) and value; nothing of any other value.
pub fn variant_explode(call: &Call) -> Result<Generator> {
    exploded(call, false)
}

/// `variant_explode_outer(v)`: one row of NULLs where there is nothing to take apart.
pub fn variant_explode_outer(call: &Call) -> Result<Generator> {
    exploded(call, true)
}

fn exploded(call: &Call, outer: bool) -> Result<Generator> {
    call.arity(1)?;
    let arg = variant_arg(call, 0)?;
    let fields: Vec<FieldRef> = vec![
        Arc::new(Field::new("pos", DataType::Int32, false)),
        Arc::new(Field::new("key", DataType::Utf8, true)),
        Arc::new(Field::new("value", types::variant(), false)),
    ];
    let element = DataType::Struct(Fields::from(fields.clone()));
    let list = kernel_expr(
        "variant_explode",
        vec![arg.expr],
        types::array(element, false),
        false,
        Volatility::Immutable,
        call.env,
        String::new(),
        parts,
    );
    Ok(Generator { list, fields: outer_fields(fields, outer), outer })
}

fn parts(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("a list of parts")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("parts are structs")) };
    let variants = Variants::new(&args.array(0)?);
    let (mut positions, mut keys, mut values, mut lengths) = (vec![], vec![], vec![], Vec::with_capacity(args.rows));
    for row in 0..args.rows {
        let found: Vec<(Option<String>, Item)> = match variants.item(row)? {
            Some(Item::Array(items)) => items.into_iter().map(|item| (None, item)).collect(),
            Some(Item::Object(members)) => members.into_iter().map(|(key, item)| (Some(key), item)).collect(),
            _ => vec![],
        };
        lengths.push(found.len());
        for (position, (key, item)) in found.into_iter().enumerate() {
            positions.push(position as i32);
            keys.push(key);
            values.push(Ok(Some(item)));
        }
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(positions)), Arc::new(StringArray::from(keys)), build(values.into_iter())?];
    let structs = StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(structs), None).map_err(from_arrow)?))
}
