//! `schema_of_csv(csv[, options])`: the types of a constant record, as DDL.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, types};

use super::split::{self, Format};
use crate::datetime::{Zone, iso};
use crate::json::Options;
use crate::{Call, Env, Typed, constant};

/// `schema_of_csv(csv[, options])`.
pub fn schema_of_csv(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let options = Options::of(call, 1, split::OPTIONS)?;
    crate::collation::refuse_collated(call, "\"STRING\"")?;
    let display = format!("{}({})", call.name, call.args[0].name);
    let record = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Utf8(Some(record))) => record,
        Some(value) if value.is_null() => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .with("exprName", "csv")
                .with("sqlExpr", format!("\"{display}\"")));
        }
        _ => {
            call.constant(0)?;
            return Err(call.unexpected_type(0, "\"STRING\""));
        }
    };
    let values = Format::of(&options, false)?.split(&record);
    let field = |(index, value): (usize, Option<String>)| {
        Field::new(format!("_c{index}"), value.map_or(DataType::Utf8, |value| infer(&value, call.env)), true)
    };
    let fields: Fields = values.into_iter().enumerate().map(field).collect();
    Ok(Typed::literal(ScalarValue::Utf8(Some(name::sql(&DataType::Struct(fields)))), display))
}

/// The narrowest type that reads the text.
fn infer(text: &str, env: &Env) -> DataType {
    if text.parse::<i32>().is_ok() {
        return DataType::Int32;
    }
    if text.parse::<i64>().is_ok() {
        return DataType::Int64;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.len() <= 38 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return DataType::Decimal128(digits.len() as u8, 0);
    }
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok();
    if number || matches!(text, "NaN" | "Inf" | "-Inf") {
        return DataType::Float64;
    }
    if text.len() >= 8 && iso::parse_date(text).is_some() && !text.contains(['T', ' ']) {
        return DataType::Date32;
    }
    if Zone::parse(&env.time_zone).is_some_and(|zone| text.len() >= 8 && iso::parse_timestamp(text, zone).is_some()) {
        return types::timestamp();
    }
    match text.to_ascii_lowercase().as_str() {
        "true" | "false" => DataType::Boolean,
        _ => DataType::Utf8,
    }
}
