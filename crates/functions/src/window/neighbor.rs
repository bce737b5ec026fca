//! `lag`, `lead`, `nth_value`: values of other rows of the partition.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_window::{lead_lag, nth_value as df_nth_value};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, WindowUDF};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::is_numeric;
use crate::{Call, Typed, constant};

/// `lag(x[, offset[, default]])`.
pub fn lag(call: &Call) -> Result<Typed> {
    shifted(call, lead_lag::lag_udwf())
}

/// `lead(x[, offset[, default]])`.
pub fn lead(call: &Call) -> Result<Typed> {
    shifted(call, lead_lag::lead_udwf())
}

fn shifted(call: &Call, function: Arc<WindowUDF>) -> Result<Typed> {
    call.arity(1..=3)?;
    let value = &call.args[0];
    let offset = match call.args.get(1) {
        None => 1,
        Some(arg) => match &arg.data_type {
            DataType::Int32 => integer(call, 1)?,
            // What can be cast to an INT makes another frame than the one that the function asks for.
            own if is_numeric(own) || matches!(own, DataType::Utf8 | DataType::Null) => {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1035").with("prettyName", call.name).placeless());
            }
            _ => return Err(call.unexpected_type(1, "\"INT\"")),
        },
    };
    let (offset_name, default_name) = (
        call.args.get(1).map_or_else(|| "1".to_string(), |arg| arg.name.clone()),
        call.args.get(2).map_or_else(|| "NULL".to_string(), |arg| arg.name.clone()),
    );
    let name = format!("{}({}, {offset_name}, {default_name})", call.name, value.name);
    let mut nullable = true;
    let mut default = None;
    if let Some(arg) = call.args.get(2)
        && arg.data_type != DataType::Null
    {
        nullable = value.nullable || arg.nullable;
        let arg = call.coerce(2, &value.data_type).map_err(|_| different_types(call))?;
        default = Some(constant::try_evaluate(&arg.expr).unwrap_or_else(|| {
            Err(SparkError::unsupported(
                format!("a default value of {} that is not constant", call.name),
                "Use coalesce over the result instead.",
            ))
        })?);
    }
    let mut exprs = vec![value.expr.clone(), Expr::Literal(ScalarValue::Int64(Some(offset)), None)];
    if let Some(default) = default {
        exprs.push(Expr::Literal(default, None));
    }
    let mut window = WindowFunction::new(function, exprs);
    if call.ignore_nulls {
        window.params.null_treatment = Some(NullTreatment::IgnoreNulls);
    }
    Ok(Typed::new(Expr::from(window), name, value.data_type.clone(), nullable))
}

fn different_types(call: &Call) -> SparkError {
    let sql = |index: usize| format!("\"{}\"", firesteel_protocol::types::name::sql(&call.args[index].data_type));
    SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
        .with("functionName", firesteel_protocol::types::name::quote(call.name))
        .with("dataType", format!("({} or {})", sql(0), sql(2)))
        .with("sqlExpr", format!("\"{}\"", call.display()))
}

/// `nth_value(x, n[, ignore_nulls])`.
pub fn nth_value(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let said = call.args.get(2).is_some_and(|arg| arg.as_literal() == Some(&ScalarValue::Boolean(Some(true))));
    let label = call.with_args(call.args[..2].to_vec()).display();
    let position = integer(call, 1)?;
    if position <= 0 {
        return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
            .with("exprName", "offset")
            .with("valueRange", "(0, 9223372036854775807]")
            .with("currentValue", format!("{position}L"))
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    let value = &call.args[0];
    let args = vec![value.expr.clone(), Expr::Literal(ScalarValue::Int64(Some(position)), None)];
    let mut window = WindowFunction::new(df_nth_value::nth_value_udwf(), args);
    let mut name = label;
    if call.ignore_nulls || said {
        window.params.null_treatment = Some(NullTreatment::IgnoreNulls);
        name.push_str(" ignore nulls");
    }
    Ok(Typed::new(Expr::from(window), name, value.data_type.clone(), true))
}

fn integer(call: &Call, index: usize) -> Result<i64> {
    let value = match constant::evaluate(&call.args[index].expr) {
        Some(value) => value,
        None => call.constant(index)?.clone(),
    };
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(value))) => Ok(value),
        _ => Err(call.unexpected_type(index, "\"INT\"")),
    }
}
