//! CASE WHEN and IF.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Case, Expr};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::{cast_silently, common_type_of};
use crate::units::same_time_precision;
use crate::{Call, Typed};

/// `CASE WHEN cond THEN value ... [ELSE value] END`, conditions and values in turn.
pub(super) fn when(call: &Call) -> Result<Typed> {
    call.arity(2..)?;
    let mut label = String::from("CASE");
    for pair in call.args.chunks(2) {
        match pair {
            [condition, value] => label.push_str(&format!(" WHEN {} THEN {}", condition.name, value.name)),
            [otherwise] => label.push_str(&format!(" ELSE {}", otherwise.name)),
            _ => {}
        }
    }
    label.push_str(" END");
    let count = call.args.len();
    let is_condition = |index: usize| index.is_multiple_of(2) && index + 1 < count;
    let values: Vec<usize> = (0..count).filter(|index| !is_condition(*index)).collect();
    let data_types: Vec<DataType> = values.iter().map(|index| call.args[*index].data_type.clone()).collect();
    let given = || values.iter().map(|index| &call.args[*index]);
    let common = common_type_of(&data_types, call.env).filter(|_| same_time_precision(given())).ok_or_else(|| {
        let words: Vec<String> = given().map(|arg| format!("\"{}\"", arg.sql_type())).collect();
        SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("functionName", "`casewhen`")
            .with("dataType", format!("[{}]", words.join(", ")))
    })?;
    // What stands behind a branch that is always taken does not count.
    let mut nullable = count.is_multiple_of(2);
    let mut taken = None;
    let mut before = false;
    let mut branches = vec![];
    let mut otherwise = None;
    for (position, pair) in call.args.chunks(2).enumerate() {
        match pair {
            [condition, value] => {
                let condition = boolean(call, condition, position, &label)?;
                let value = cast_silently(value.clone(), &common, call.env)?;
                nullable |= value.nullable;
                before |= value.nullable;
                if taken.is_none() && condition.as_literal() == Some(&ScalarValue::Boolean(Some(true))) {
                    taken = Some(before);
                }
                branches.push((Box::new(condition.expr), Box::new(value.expr)));
            }
            [value] => {
                let value = cast_silently(value.clone(), &common, call.env)?;
                nullable |= value.nullable;
                otherwise = Some(Box::new(value.expr));
            }
            _ => {}
        }
    }
    let nullable = taken.unwrap_or(nullable);
    Ok(Typed::new(Expr::Case(Case::new(None, branches, otherwise)), label, common, nullable))
}

fn boolean(call: &Call, condition: &Typed, position: usize, label: &str) -> Result<Typed> {
    // A literal NULL is taken by IF alone.
    let null = label.starts_with("(IF(") && condition.data_type == DataType::Null;
    if null || condition.data_type == DataType::Boolean {
        return cast_silently(condition.clone(), &DataType::Boolean, call.env);
    }
    Err({
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{label}\""))
            .with("paramIndex", crate::call::ordinal(position))
            .with("requiredType", "\"BOOLEAN\"")
            .with("inputSql", format!("\"{}\"", condition.name))
            .with("inputType", format!("\"{}\"", condition.sql_type()))
    })
}

/// `if(condition, value, otherwise)`.
pub(super) fn if_else(call: &Call) -> Result<Typed> {
    call.arity(3)?;
    let [condition, value, otherwise] = &call.args[..] else { return Err(SparkError::internal("arity")) };
    let label = format!("(IF({}, {}, {}))", condition.name, value.name, otherwise.name);
    let condition = boolean(call, condition, 0, &label)?;
    let data_types = [value.data_type.clone(), otherwise.data_type.clone()];
    let given = [value, otherwise];
    let common = common_type_of(&data_types, call.env).filter(|_| same_time_precision(given)).ok_or_else(|| {
        let words = given.map(|arg| format!("\"{}\"", arg.sql_type()));
        SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("functionName", "`if`")
            .with("dataType", format!("[{}]", words.join(", ")))
    })?;
    let value = cast_silently(value.clone(), &common, call.env)?;
    let otherwise = cast_silently(otherwise.clone(), &common, call.env)?;
    let nullable = value.nullable || otherwise.nullable;
    let branch = (Box::new(condition.expr), Box::new(value.expr));
    let expr = Expr::Case(Case::new(None, vec![branch], Some(Box::new(otherwise.expr))));
    Ok(Typed::new(expr, label, common, nullable))
}
