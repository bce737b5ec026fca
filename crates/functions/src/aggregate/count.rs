//! `count`, `count_if`. `count(*)` arrives as `count(1)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Expr, Volatility, lit, when};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, from_datafusion, kernel_expr};
use crate::{Call, Typed};

/// `count([DISTINCT] a, ...)`: rows in which no argument is NULL.
pub fn count(call: &Call) -> Result<Typed> {
    if call.args.is_empty() && call.env.legacy.empty_count {
        let none = vec![Expr::Literal(ScalarValue::Boolean(None), None)];
        return Ok(Typed::new(counting(none, false), call.display(), DataType::Int64, false));
    }
    if call.args.is_empty() {
        return Err(SparkError::new("WRONG_NUM_ARGS.WITH_SUGGESTION")
            .with("functionName", "`count`")
            .with("expectedNum", " >= 1")
            .with("actualNum", "0")
            .with("legacyNum", "0")
            .with("legacyConfKey", "\"spark.sql.legacy.allowParameterlessCount\"")
            .with("legacyConfValue", "\"true\""));
    }
    let args: Vec<Expr> =
        call.args.iter().map(|arg| if call.distinct { normal(arg) } else { arg.expr.clone() }).collect();
    let args = if call.distinct && args.len() > 1 { vec![tuple(call, args)] } else { args };
    Ok(Typed::new(counting(args, call.distinct), call.display(), DataType::Int64, false))
}

/// `count_if(condition)`: rows in which it is true.
pub fn count_if(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let condition = call.coerce(0, &DataType::Boolean)?.expr;
    let hit = when(condition, lit(true)).end().map_err(from_datafusion)?;
    Ok(Typed::new(counting(vec![hit], call.distinct), call.display(), DataType::Int64, false))
}

fn counting(args: Vec<Expr>, distinct: bool) -> Expr {
    let params = AggregateFunctionParams { args, distinct, filter: None, order_by: vec![], null_treatment: None };
    Expr::AggregateFunction(AggregateFunction { func: count_udaf(), params })
}

/// -0.0 and 0.0 are one value.
fn normal(arg: &Typed) -> Expr {
    match arg.data_type {
        DataType::Float32 => arg.expr.clone() + Expr::Literal(ScalarValue::Float32(Some(0.0)), None),
        DataType::Float64 => arg.expr.clone() + Expr::Literal(ScalarValue::Float64(Some(0.0)), None),
        _ => arg.expr.clone(),
    }
}

/// Several arguments as one struct that is NULL when any of them is.
fn tuple(call: &Call, args: Vec<Expr>) -> Expr {
    let field = |(index, arg): (usize, &Typed)| Field::new(format!("c{index}"), arg.data_type.clone(), true);
    let fields: Fields = call.args.iter().enumerate().map(field).collect();
    let data_type = DataType::Struct(fields);
    kernel_expr("count_tuple", args, data_type, true, Volatility::Immutable, call.env, String::new(), count_tuple)
}

fn count_tuple(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::Struct(fields) = args.return_type else {
        return Err(SparkError::internal("count_tuple yields a struct"));
    };
    let columns = args.arrays()?;
    let mut nulls: Option<NullBuffer> = None;
    for column in &columns {
        nulls = NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref());
    }
    Ok(Arc::new(StructArray::new(fields.clone(), columns, nulls)))
}
