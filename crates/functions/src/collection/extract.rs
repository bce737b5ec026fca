//! Parts of values: `struct.field`, `array[0]`, `map['key']`, and `array_of_structs.field`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::logical_expr::ScalarUDF;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::list::{list_arg, list_of, new_list};
use crate::kernel::KernelArgs;
use crate::{Call, Env, Typed, constant, units};

/// The name of the function that takes a field out of a struct.
pub const FIELD: &str = "struct_field";

/// What `child[extraction]` and `child.extraction` mean: a field of a struct (or of all structs of an array)
/// by name, an element of an array by index, a value of a map by key.
pub fn extract_value(child: Typed, extraction: Typed, env: &Env) -> Result<Typed> {
    let text = match constant::evaluate(&extraction.expr) {
        Some(ScalarValue::Utf8(text)) => text,
        _ => None,
    };
    let call = Call { name: "get", args: vec![child, extraction], distinct: false, ignore_nulls: false, env };
    let (child, extraction) = (&call.args[0], &call.args[1]);
    match (&child.data_type, text) {
        (own, _) if types::is_variant(own) || types::is_shape(own) => {
            Err(SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
                .with("base", format!("\"{}\"", child.name))
                .with("other", format!("\"{}\"", child.sql_type())))
        }
        (DataType::Struct(_), Some(field)) => struct_field(child, &field, env),
        (DataType::Struct(_), None) => {
            Err(SparkError::new("INVALID_EXTRACT_FIELD_TYPE").with("extraction", format!("\"{}\"", extraction.name)))
        }
        (DataType::List(element), Some(field)) if matches!(element.data_type(), DataType::Struct(_)) => {
            fields_of_elements(child, &field, env)
        }
        (DataType::List(element), _) => {
            let name = format!("{}[{}]", child.name, extraction.name);
            let own = crate::collation::of_column(element).to_string();
            let shown = name.clone();
            let typed = super::search::item(&call, env.ansi, name)
                .map_err(|error| as_item(&call, error, &shown))
                .map(|typed| units::carry(&call, typed))?;
            Ok(crate::collation::with(typed, &own, false))
        }
        (DataType::Map(..), _) => {
            let name = format!("{}[{}]", child.name, extraction.name);
            let shown = name.clone();
            super::search::map_value(&call, name, true)
                .map_err(|error| as_item(&call, error, &shown))
                .map(|typed| units::carry(&call, typed))
        }
        (other, _) => Err(SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
            .with("base", format!("\"{}\"", child.name))
            .with("other", format!("\"{}\"", name::sql(other)))),
    }
}

/// An error about `a[i]` shows it so, not as a call.
fn as_item(call: &Call, error: SparkError, shown: &str) -> SparkError {
    if error.param("sqlExpr") == Some(&format!("\"{}\"", call.display())) {
        return error.with("sqlExpr", format!("\"{shown}\""));
    }
    error
}

/// Finds a field by name as Spark does: whatever its case unless the session says otherwise.
pub fn find_field(fields: &Fields, wanted: &str, env: &Env) -> Result<usize> {
    let matches = |field: &FieldRef| {
        if env.case_sensitive { field.name() == wanted } else { field.name().to_lowercase() == wanted.to_lowercase() }
    };
    let found: Vec<usize> = fields.iter().enumerate().filter(|(_, field)| matches(field)).map(|(at, _)| at).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let names: Vec<String> = fields.iter().map(|field| name::quote(field.name())).collect();
            Err(SparkError::new("FIELD_NOT_FOUND")
                .with("fieldName", name::quote(wanted))
                .with("fields", names.join(", ")))
        }
        several => Err(SparkError::new("AMBIGUOUS_REFERENCE_TO_FIELDS")
            .with("field", name::quote(wanted))
            .with("count", several.len().to_string())),
    }
}

/// `child.field` for a struct.
pub fn struct_field(child: &Typed, field: &str, env: &Env) -> Result<Typed> {
    let DataType::Struct(fields) = &child.data_type else {
        return Err(SparkError::internal("a field of something that is no struct"));
    };
    let at = find_field(fields, field, env)?;
    let own = &fields[at];
    let call = Call { name: FIELD, args: vec![child.clone()], distinct: false, ignore_nulls: false, env };
    let nullable = child.nullable || own.is_nullable();
    let name = format!("{}.{}", child.name, name::quote_if_needed(own.name()));
    let mut typed =
        call.kernel_with(FIELD, own.data_type().clone(), nullable, at.to_string(), field_kernel).named(name);
    typed.metadata = own.metadata().clone();
    Ok(typed)
}

/// The name of the field that a call of [`FIELD`] takes out; it is the last part of the argument's name.
pub(super) fn field_name(_: &Arc<ScalarUDF>, arg: &Typed) -> Option<String> {
    let last = match arg.name.strip_suffix('`') {
        Some(quoted) => quoted.rsplit('`').next()?,
        None => arg.name.rsplit('.').next()?,
    };
    Some(last.to_string())
}

fn field_kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let at: usize = args.param.parse().map_err(|_| SparkError::internal("a field's place is a number"))?;
    let array = args.array(0)?;
    let structs = array.as_struct();
    masked(structs.column(at), structs.nulls())
}

/// A field's column with the NULLs of its struct.
fn masked(column: &ArrayRef, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) || column.data_type() == &DataType::Null {
        return Ok(Arc::clone(column));
    }
    let nulls = NullBuffer::union(column.nulls(), nulls);
    let data = column.to_data().into_builder().nulls(nulls).build().map_err(crate::kernel::from_arrow)?;
    Ok(make_array(data))
}

/// `array.field` for an array of structs.
fn fields_of_elements(child: &Typed, field: &str, env: &Env) -> Result<Typed> {
    let element = super::list::element_of(&child.data_type).ok_or_else(|| SparkError::internal("an array"))?;
    let DataType::Struct(fields) = element.data_type() else {
        return Err(SparkError::internal("an array of structs"));
    };
    let at = find_field(fields, field, env)?;
    let own = &fields[at];
    let call = Call { name: FIELD, args: vec![child.clone()], distinct: false, ignore_nulls: false, env };
    let output = list_of(own.data_type(), element.is_nullable() || own.is_nullable());
    let name = format!("{}.{}", child.name, name::quote_if_needed(own.name()));
    Ok(call.kernel_with("fields_of_elements", output, child.nullable, at.to_string(), elements_kernel).named(name))
}

fn elements_kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let at: usize = args.param.parse().map_err(|_| SparkError::internal("a field's place is a number"))?;
    let list = list_arg(args, 0)?;
    let structs = list.values().as_struct();
    let element = super::list::element_of(args.return_type).ok_or_else(|| SparkError::internal("a list"))?;
    let values = masked(structs.column(at), structs.nulls())?;
    new_list(element, list.offsets().clone(), values, list.nulls().cloned())
}
