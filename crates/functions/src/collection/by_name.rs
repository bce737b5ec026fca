//! Nested values brought into a type with more fields, by the names of the fields (`unionByName`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;
use firesteel_protocol::types::{array, is_variant};

use crate::kernel::{from_arrow, kernel_expr};
use crate::{Env, Typed};

fn same(a: &str, b: &str, case_sensitive: bool) -> bool {
    if case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) }
}

/// A type with the fields of both: those of the left, then what only the right has. Fields of one side may be NULL.
pub fn merged(left: &DataType, right: &DataType, case_sensitive: bool) -> DataType {
    match (left, right) {
        (DataType::Struct(own), DataType::Struct(others)) if !is_variant(left) && !is_variant(right) => {
            let find = |fields: &Fields, name: &str| {
                fields.iter().find(|field| same(field.name(), name, case_sensitive)).cloned()
            };
            let both = own.iter().map(|field| match find(others, field.name()) {
                Some(other) => {
                    let data_type = merged(field.data_type(), other.data_type(), case_sensitive);
                    let nullable = field.is_nullable() || other.is_nullable();
                    field.as_ref().clone().with_data_type(data_type).with_nullable(nullable)
                }
                None => field.as_ref().clone().with_nullable(true),
            });
            let missing = others.iter().filter(|other| find(own, other.name()).is_none());
            let missing = missing.map(|other| other.as_ref().clone().with_nullable(true));
            DataType::Struct(both.chain(missing).map(Arc::new).collect())
        }
        (DataType::List(own), DataType::List(other)) => {
            let element = merged(own.data_type(), other.data_type(), case_sensitive);
            array(element, own.is_nullable() || other.is_nullable())
        }
        _ => left.clone(),
    }
}

/// The type that a value of `own` gets among the fields of `wanted`: its own types in the wanted order.
fn shape(own: &DataType, wanted: &DataType, case_sensitive: bool) -> DataType {
    match (own, wanted) {
        (DataType::Struct(fields), DataType::Struct(all)) if !is_variant(own) => {
            let one = |field: &Arc<Field>| match fields.iter().find(|f| same(f.name(), field.name(), case_sensitive)) {
                Some(found) => {
                    let data_type = shape(found.data_type(), field.data_type(), case_sensitive);
                    Field::new(field.name(), data_type, found.is_nullable()).with_metadata(found.metadata().clone())
                }
                None => field.as_ref().clone(),
            };
            DataType::Struct(all.iter().map(|field| Arc::new(one(field))).collect())
        }
        (DataType::List(element), DataType::List(all)) => {
            array(shape(element.data_type(), all.data_type(), case_sensitive), element.is_nullable())
        }
        _ => own.clone(),
    }
}

/// `value` with the fields of `wanted`, which has all of its own; those that it lacks are NULL.
pub fn with_fields(value: Typed, wanted: &DataType, env: &Env) -> Typed {
    let data_type = shape(&value.data_type, wanted, env.case_sensitive);
    if data_type == value.data_type {
        return value;
    }
    let expr = kernel_expr(
        "with_fields",
        vec![value.expr.clone()],
        data_type.clone(),
        value.nullable,
        Volatility::Immutable,
        env,
        String::new(),
        |args| filled(&args.array(0)?, args.return_type, args.env.case_sensitive),
    );
    Typed { expr, data_type, ..value }
}

fn filled(values: &ArrayRef, to: &DataType, case_sensitive: bool) -> Result<ArrayRef> {
    match (values.data_type(), to) {
        (own, to) if own == to => Ok(Arc::clone(values)),
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let rows = values.as_struct();
            let column = |field: &Arc<Field>| {
                let at = rows.fields().iter().position(|own| same(own.name(), field.name(), case_sensitive));
                match at {
                    Some(at) => filled(rows.column(at), field.data_type(), case_sensitive),
                    None => Ok(new_null_array(field.data_type(), rows.len())),
                }
            };
            let columns: Vec<ArrayRef> = fields.iter().map(column).collect::<Result<_>>()?;
            let nulls = rows.nulls().cloned();
            let built = StructArray::try_new_with_length(fields.clone(), columns, nulls, rows.len());
            Ok(Arc::new(built.map_err(from_arrow)?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let lists = values.as_list::<i32>();
            let inner = filled(lists.values(), element.data_type(), case_sensitive)?;
            let built = ListArray::try_new(Arc::clone(element), lists.offsets().clone(), inner, lists.nulls().cloned());
            Ok(Arc::new(built.map_err(from_arrow)?))
        }
        _ => Ok(Arc::clone(values)),
    }
}
