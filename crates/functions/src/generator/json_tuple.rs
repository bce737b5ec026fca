//! `json_tuple(json, name, ...)`: top-level members of a JSON object as strings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::{Result, SparkError, types};

use crate::Call;
use crate::call::Generator;
use crate::json::value::Json;
use crate::kernel::{KernelArgs, from_arrow, kernel_expr};

/// `json_tuple(json, 'a', 'b')`: columns `c0`, `c1`, ...; one row always.
pub fn json_tuple(call: &Call) -> Result<Generator> {
    call.arity(2..)?;
    let mut args = vec![];
    for index in 0..call.args.len() {
        if !matches!(call.args[index].data_type, DataType::Utf8 | DataType::Null) {
            return Err(SparkError::new("DATATYPE_MISMATCH.NON_STRING_TYPE")
                .with("funcName", types::name::quote(call.name))
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
        args.push(call.coerce(index, &DataType::Utf8)?.expr);
    }
    // Members are strings of the collation of the document.
    let field = |index: usize| -> FieldRef {
        Arc::new(types::carrying(Field::new(format!("c{index}"), DataType::Utf8, true), &call.args[0].metadata))
    };
    let fields: Vec<FieldRef> = (0..call.args.len() - 1).map(field).collect();
    let element = DataType::Struct(Fields::from(fields.clone()));
    let list = kernel_expr(
        "json_tuple",
        args,
        types::array(element, false),
        false,
        Volatility::Immutable,
        call.env,
        String::new(),
        members,
    );
    Ok(Generator { list, fields, outer: false })
}

fn members(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("a list of members")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let arrays = args.arrays()?;
    let strings: Vec<&StringArray> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
    let (json, names) = strings.split_first().ok_or_else(|| SparkError::internal("json_tuple without arguments"))?;
    let mut builders: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    for row in 0..args.rows {
        let object = if json.is_valid(row) { Json::parse(json.value(row)) } else { None };
        for (builder, name) in builders.iter_mut().zip(names) {
            let member = name.is_valid(row).then(|| object.as_ref()?.member(name.value(row))).flatten();
            builder.append_option(member.filter(|value| **value != Json::Null).map(Json::to_text));
        }
    }
    let columns = builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
    let rows = StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(1, args.rows));
    Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(rows), None)))
}
