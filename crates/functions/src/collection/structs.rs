//! `struct(...)`, `named_struct(name, value, ...)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Typed, constant};

/// The name that an argument brings along: that of a column, a field, an alias or a lambda variable.
pub fn own_name(arg: &Typed) -> Option<String> {
    match &arg.expr {
        Expr::Column(_) | Expr::OuterReferenceColumn(..) => Some(arg.name.clone()),
        // COLLATE leaves a mark, and gives no name.
        Expr::Alias(alias) if arg.unaliased_name.is_none() && alias.name.starts_with("collate(") => None,
        // Texts of errors name it without its alias.
        Expr::Alias(alias) => Some(alias.name.clone()),
        Expr::LambdaVariable(variable) => {
            // The resolver makes names unique by a suffix.
            Some(variable.name.split('#').next().unwrap_or(&variable.name).to_string())
        }
        Expr::ScalarFunction(function) if function.func.name() == super::extract::FIELD => {
            super::extract::field_name(&function.func, arg)
        }
        _ => None,
    }
}

/// `struct(x, ...)`: fields under their own names, or `col1`, `col2`, ...
pub fn structure(call: &Call) -> Result<Typed> {
    let name = |(index, arg): (usize, &Typed)| own_name(arg).unwrap_or_else(|| format!("col{}", index + 1));
    let names = call.args.iter().enumerate().map(name).collect();
    let label = |arg: &Typed| match (&arg.expr, &arg.unaliased_name) {
        (Expr::Alias(_), Some(inner)) => format!("{inner} AS {}", arg.name),
        (_, Some(path)) => path.clone(),
        _ => arg.name.clone(),
    };
    let labels: Vec<String> = call.args.iter().map(label).collect();
    Ok(build(call, names, call.args.clone()).named(format!("{}({})", call.name, labels.join(", "))))
}

/// `named_struct('a', x, ...)`.
pub fn named_struct(call: &Call) -> Result<Typed> {
    let pairs = call.args.len();
    if !pairs.is_multiple_of(2) {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", name::quote(call.name))
            .with("expectedNum", "2n (n > 0)")
            .with("actualNum", pairs.to_string())
            .with("docroot", "https://spark.apache.org/docs/latest"));
    }
    let mut names = vec![];
    let mut values = vec![];
    for pair in (0..pairs).step_by(2) {
        match constant::evaluate(&call.args[pair].expr) {
            Some(ScalarValue::Utf8(Some(name))) => names.push(name),
            _ => {
                return Err(SparkError::new("DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING")
                    .with("inputExprs", format!("[\"{}\"]", call.args[pair].name))
                    .with("sqlExpr", format!("\"{}\"", call.display())));
            }
        }
        values.push(call.args[pair + 1].clone());
    }
    Ok(build(call, names, values).named(call.display()))
}

fn build(call: &Call, names: Vec<String>, values: Vec<Typed>) -> Typed {
    let field = |(name, value): (String, &Typed)| {
        Field::new(name, value.data_type.clone(), value.nullable).with_metadata(value.metadata.clone())
    };
    let fields: Fields = names.into_iter().zip(&values).map(field).collect();
    call.with_args(values).kernel("struct", DataType::Struct(fields), false, packed)
}

fn packed(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::Struct(fields) = args.return_type else { return Err(SparkError::internal("a struct")) };
    let columns = args
        .arrays()?
        .into_iter()
        .zip(fields)
        .map(|(column, field)| super::list::retyped(column, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let array = StructArray::try_new_with_length(fields.clone(), columns, None, args.rows).map_err(from_arrow)?;
    Ok(Arc::new(array))
}
