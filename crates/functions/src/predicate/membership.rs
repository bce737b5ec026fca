//! `a IN (b, c, ...)`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::comparison::equality;
use super::fixed_length;
use super::order::has_floats;
use crate::coerce::{cast_silently, common_type_of, same_shape};
use crate::units::same_time_precision;
use crate::{Call, Typed};

/// The first argument is looked for among the others, all as their common type.
pub(super) fn is_in(call: &Call) -> Result<Typed> {
    if call.args.len() == 1 {
        return Ok(in_nothing(call));
    }
    call.arity(2..)?;
    let names: Vec<&str> = call.args[1..].iter().map(|arg| arg.name.as_str()).collect();
    let label = format!("({} IN ({}))", call.args[0].name, names.join(", "));
    let padded = fixed_length::padded_list(&call.args, call.env)?;
    let call = &call.with_args(padded);
    let data_types: Vec<DataType> = call.args.iter().map(|arg| arg.data_type.clone()).collect();
    let shape = || data_types[1..].iter().try_fold(data_types[0].clone(), |shape, next| same_shape(&shape, next));
    let common = common_type_of(&data_types, call.env).or_else(shape);
    let common = common.filter(|_| same_time_precision(&call.args)).ok_or_else(|| {
        let words: Vec<String> = call.args.iter().map(|arg| format!("\"{}\"", arg.sql_type())).collect();
        SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{label}\""))
            .with("functionName", "`in`")
            .with("dataType", format!("[{}]", words.join(", ")))
    })?;
    let cast = |arg: &Typed| cast_silently(arg.clone(), &common, call.env);
    let args: Vec<Typed> = call.args.iter().map(cast).collect::<Result<_>>()?;
    let nullable = args.iter().any(|arg| arg.nullable);
    let (needle, list) = args.split_first().expect("the arity was checked");
    let expr = if common.is_nested() || has_floats(&common) {
        // Only a comparison of Spark's own finds these equal.
        let of_in = |error: SparkError| match error.condition() {
            "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE" => {
                error.with("functionName", "`in`").with("sqlExpr", format!("\"{label}\""))
            }
            _ => error,
        };
        let mut tests = list.iter().map(|item| equality(needle.clone(), item.clone(), call.env).map_err(of_in));
        let first = tests.next().expect("the arity was checked")?.expr;
        tests.try_fold(first, |any, next| {
            Ok::<_, SparkError>(Expr::BinaryExpr(BinaryExpr::new(Box::new(any), Operator::Or, Box::new(next?.expr))))
        })?
    } else {
        let list = list.iter().map(|item| item.expr.clone()).collect();
        Expr::InList(InList::new(Box::new(needle.expr.clone()), list, false))
    };
    Ok(Typed::new(expr, label, DataType::Boolean, nullable))
}

/// `a.isin()`: nothing equals `a`. Outside ANSI mode a NULL stays one (`spark.sql.legacy.nullInEmptyListBehavior`).
fn in_nothing(call: &Call) -> Typed {
    let needle = &call.args[0];
    let nothing = Expr::Literal(ScalarValue::Boolean(Some(false)), None);
    let expr = match call.env.ansi {
        true => nothing,
        // NULL AND false would be false.
        false => needle.expr.clone().is_null().and(Expr::Literal(ScalarValue::Boolean(None), None)),
    };
    Typed::new(expr, format!("({} IN ())", needle.name), DataType::Boolean, needle.nullable)
}
