//! `inline`, `inline_outer`: fields of the structs of an array.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError, types};

use crate::Call;
use crate::call::Generator;
use crate::kernel::{KernelArgs, kernel_expr};

/// `inline(array of structs)`.
pub fn inline(call: &Call) -> Result<Generator> {
    build(call, false)
}

/// `inline_outer(array of structs)`.
pub fn inline_outer(call: &Call) -> Result<Generator> {
    build(call, true)
}

fn build(call: &Call, outer: bool) -> Result<Generator> {
    call.arity(1)?;
    let arg = &call.args[0];
    let DataType::List(element) = &arg.data_type else {
        return Err(call.unexpected_type(0, "\"ARRAY<STRUCT>\""));
    };
    let DataType::Struct(own) = element.data_type() else {
        return Err(call.unexpected_type(0, "\"ARRAY<STRUCT>\""));
    };
    // A NULL struct becomes a row of NULLs.
    let fields: Vec<FieldRef> = outer_fields(own.iter().map(Arc::clone).collect(), element.is_nullable());
    let list = kernel_expr(
        "inline",
        vec![arg.expr.clone()],
        types::array(DataType::Struct(Fields::from(fields.clone())), false),
        arg.nullable,
        Volatility::Immutable,
        call.env,
        String::new(),
        structs,
    );
    Ok(Generator { list, fields: outer_fields(fields, outer), outer })
}

/// The fields, nullable when rows without elements are kept.
pub(super) fn outer_fields(fields: Vec<FieldRef>, outer: bool) -> Vec<FieldRef> {
    if !outer {
        return fields;
    }
    fields.into_iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))).collect()
}

fn structs(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("inline yields a list")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let array = args.array(0)?;
    let list = array.as_list::<i32>();
    let values = list.values().as_struct();
    let columns = values.columns().iter().map(|column| masked(column, values.nulls())).collect();
    let values = StructArray::new(fields.clone(), columns, None);
    Ok(Arc::new(ListArray::new(Arc::clone(element), list.offsets().clone(), Arc::new(values), list.nulls().cloned())))
}

/// The column with the struct's own NULLs.
fn masked(column: &ArrayRef, nulls: Option<&NullBuffer>) -> ArrayRef {
    if nulls.is_none() || column.data_type() == &DataType::Null {
        return Arc::clone(column);
    }
    let nulls = NullBuffer::union(column.nulls(), nulls);
    match column.to_data().into_builder().nulls(nulls).build() {
        Ok(data) => make_array(data),
        Err(_) => Arc::clone(column),
    }
}
