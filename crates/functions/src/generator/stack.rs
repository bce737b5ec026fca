//! `stack(n, x1, x2, ...)`: the values in n rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StructArray, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::collation;
use firesteel_protocol::{Result, SparkError, types};

use crate::call::Generator;
use crate::kernel::{KernelArgs, from_arrow, kernel_expr};
use crate::{Call, constant};

/// `stack(n, ...)`: columns `col0`, `col1`, ...; places that no value fills are NULL.
pub fn stack(call: &Call) -> Result<Generator> {
    call.arity(2..)?;
    let rows = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Int32(Some(rows))) if rows > 0 => rows as usize,
        Some(ScalarValue::Int32(Some(rows))) => {
            return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                .with("exprName", "`n`")
                .with("valueRange", "(0, 2147483647]")
                .with("currentValue", rows.to_string())
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
        Some(_) => return Err(call.unexpected_type(0, "\"INT\"")),
        None => {
            let arg = &call.args[0];
            return Err(SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
                .with("inputName", "`n`")
                .with("inputType", format!("\"{}\"", arg.sql_type()))
                .with("inputExpr", format!("\"{}\"", arg.name))
                .with("sqlExpr", format!("\"{}\"", call.display())));
        }
    };
    let values = call.args.len() - 1;
    let columns = values.div_ceil(rows);
    let mut fields: Vec<FieldRef> = vec![];
    let mut args = vec![None; values];
    for column in 0..columns {
        let places: Vec<usize> = (0..rows).map(|row| row * columns + column).filter(|at| *at < values).collect();
        let mut data_type = DataType::Null;
        let mut metadata = HashMap::new();
        for at in &places {
            let other = &call.args[at + 1];
            // Values of a column are not cast to each other's type.
            data_type = match (&data_type, &other.data_type) {
                (own, DataType::Null) => own.clone(),
                (DataType::Null, found) => {
                    metadata.clone_from(&other.metadata);
                    found.clone()
                }
                (own, found) if own == found && collation::of(&metadata) == collation::of(&other.metadata) => {
                    own.clone()
                }
                _ => return Err(different_types(call, column, &places)),
            };
        }
        for at in places {
            args[at] = Some(call.coerce(at + 1, &data_type)?.expr);
        }
        fields.push(Arc::new(types::carrying(Field::new(format!("col{column}"), data_type, true), &metadata)));
    }
    let element = DataType::Struct(Fields::from(fields.clone()));
    let list = kernel_expr(
        "stack",
        args.into_iter().flatten().collect(),
        types::array(element, false),
        false,
        Volatility::Immutable,
        call.env,
        rows.to_string(),
        table,
    );
    Ok(Generator { list, fields, outer: false })
}

fn different_types(call: &Call, column: usize, places: &[usize]) -> SparkError {
    let sql = |at: usize| format!("\"{}\"", call.args[at + 1].sql_type());
    let first = places[0];
    let other = places.iter().find(|at| sql(**at) != sql(first));
    let other = other.copied().unwrap_or(first);
    SparkError::new("DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES")
        .with("columnIndex", column.to_string())
        .with("leftParamIndex", (first + 1).to_string())
        .with("leftType", sql(first))
        .with("rightParamIndex", (other + 1).to_string())
        .with("rightType", sql(other))
        .with("sqlExpr", format!("\"{}\"", call.display()))
}

fn table(args: &KernelArgs) -> Result<ArrayRef> {
    let height: usize = args.param.parse().unwrap_or(1);
    let DataType::List(element) = args.return_type else { return Err(SparkError::internal("stack yields a list")) };
    let DataType::Struct(fields) = element.data_type() else { return Err(SparkError::internal("of structs")) };
    let values = args.arrays()?;
    let width = fields.len();
    let mut columns = Vec::with_capacity(width);
    for (column, field) in fields.iter().enumerate() {
        let missing = new_null_array(field.data_type(), args.rows);
        let sources: Vec<&dyn Array> = (0..height)
            .map(|row| values.get(row * width + column).map_or(missing.as_ref(), |array| array.as_ref()))
            .collect();
        let places: Vec<(usize, usize)> =
            (0..args.rows).flat_map(|row| (0..height).map(move |source| (source, row))).collect();
        columns.push(interleave(&sources, &places).map_err(from_arrow)?);
    }
    let rows = StructArray::new(fields.clone(), columns, None);
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(height, args.rows));
    Ok(Arc::new(ListArray::new(Arc::clone(element), offsets, Arc::new(rows), None)))
}
