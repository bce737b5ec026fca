//! `schema_of_json(json[, options])`: the type of a constant JSON text, as DDL.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::options::{GRAMMAR, Options};
use super::value::Json;
use crate::{Call, Typed, constant};

/// `schema_of_json(json[, options])`.
pub fn schema_of_json(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let known: Vec<&str> = [&["primitivesAsString", "prefersDecimal", "mode"], GRAMMAR].concat();
    let options = Options::of(call, 1, &known)?;
    let display = format!("{}({})", call.name, call.args[0].name);
    let text = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        Some(value) if value.is_null() => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .with("exprName", "json")
                .with("sqlExpr", format!("\"{display}\"")));
        }
        _ => {
            call.constant(0)?;
            return Err(call.unexpected_type(0, "\"STRING\""));
        }
    };
    if text.trim().is_empty() {
        return Ok(Typed::literal(ScalarValue::from("STRING"), display));
    }
    let Some(value) = Json::parse_with(&text, options.grammar()) else {
        return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
            .with("badRecord", text)
            .with("failFastMode", "FAILFAST"));
    };
    let inferred = finished(infer(&value, &options));
    Ok(Typed::literal(ScalarValue::Utf8(Some(name::sql(&inferred))), display))
}

fn infer(value: &Json<'_>, options: &Options) -> DataType {
    if options.flag("primitivesAsString", false)
        && matches!(value, Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_))
    {
        return DataType::Utf8;
    }
    match value {
        Json::Null => DataType::Null,
        Json::Bool(_) => DataType::Boolean,
        Json::Text(_) => DataType::Utf8,
        Json::Int(digits) => {
            if digits.parse::<i64>().is_ok() {
                return DataType::Int64;
            }
            let count = digits.trim_start_matches('-').len();
            if count <= 38 { DataType::Decimal128(count as u8, 0) } else { DataType::Float64 }
        }
        Json::Float(text) => match text.split_once('.') {
            Some((whole, fraction)) if options.flag("prefersDecimal", false) && !text.contains(['e', 'E']) => {
                let digits = whole.trim_start_matches('-').trim_start_matches('0').len() + fraction.len();
                if digits.max(fraction.len()) <= 38 {
                    DataType::Decimal128(digits.max(fraction.len()).max(1) as u8, fraction.len() as i8)
                } else {
                    DataType::Float64
                }
            }
            _ => DataType::Float64,
        },
        Json::Array(items) => {
            let element = items.iter().map(|item| infer(item, options)).fold(DataType::Null, |a, b| merge(&a, &b));
            types::array(element, true)
        }
        Json::Object(members) => {
            let mut fields: Vec<Field> =
                members.iter().map(|(name, value)| Field::new(name.as_ref(), infer(value, options), true)).collect();
            fields.sort_by(|a, b| a.name().cmp(b.name()));
            DataType::Struct(Fields::from(fields))
        }
    }
}

/// The type that holds values of both.
fn merge(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        (a, b) if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::Float64, DataType::Int64 | DataType::Decimal128(..))
        | (DataType::Int64 | DataType::Decimal128(..), DataType::Float64) => DataType::Float64,
        (DataType::Decimal128(..) | DataType::Int64, DataType::Decimal128(..) | DataType::Int64) => {
            let parts = |data_type: &DataType| match data_type {
                DataType::Decimal128(precision, scale) => (i32::from(*precision), i32::from(*scale)),
                _ => (20, 0),
            };
            let ((p1, s1), (p2, s2)) = (parts(a), parts(b));
            let scale = s1.max(s2);
            let range = (p1 - s1).max(p2 - s2);
            if range + scale > 38 {
                DataType::Float64
            } else {
                DataType::Decimal128((range + scale) as u8, scale as i8)
            }
        }
        (DataType::List(x), DataType::List(y)) => types::array(merge(x.data_type(), y.data_type()), true),
        (DataType::Struct(x), DataType::Struct(y)) => {
            let mut fields: Vec<Field> = x.iter().map(|field| field.as_ref().clone()).collect();
            for field in y {
                match fields.iter_mut().find(|own| own.name() == field.name()) {
                    Some(own) => {
                        let merged = merge(own.data_type(), field.data_type());
                        own.set_data_type(merged);
                    }
                    None => fields.push(field.as_ref().clone()),
                }
            }
            fields.sort_by(|a, b| a.name().cmp(b.name()));
            DataType::Struct(Fields::from(fields))
        }
        _ => DataType::Utf8,
    }
}

/// What is only ever null is a string; structs without fields are left out.
fn finished(data_type: DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Utf8,
        DataType::List(element) => types::array(finished(element.data_type().clone()), true),
        DataType::Struct(fields) => {
            let field = |field: &arrow::datatypes::FieldRef| {
                field.as_ref().clone().with_data_type(finished(field.data_type().clone()))
            };
            DataType::Struct(fields.iter().map(field).collect())
        }
        other => other,
    }
}
