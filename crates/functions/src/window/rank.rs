//! `row_number`, `rank`, `dense_rank`, `percent_rank`, `cume_dist`, `ntile`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_window::{
    cume_dist as df_cume_dist, ntile as df_ntile, rank as df_rank, row_number as df_row,
};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, WindowUDF};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::plain_cast;
use crate::{Call, Typed};

/// `row_number()`.
pub fn row_number(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    Ok(integer(df_row::row_number_udwf(), vec![], "row_number()"))
}

/// `rank()`.
pub fn rank(_: &Call) -> Result<Typed> {
    Ok(integer(df_rank::rank_udwf(), vec![], "RANK()"))
}

/// `dense_rank()`.
pub fn dense_rank(_: &Call) -> Result<Typed> {
    Ok(integer(df_rank::dense_rank_udwf(), vec![], "DENSE_RANK()"))
}

/// `percent_rank()`.
pub fn percent_rank(_: &Call) -> Result<Typed> {
    Ok(double(df_rank::percent_rank_udwf(), "PERCENT_RANK()"))
}

/// `cume_dist()`.
pub fn cume_dist(call: &Call) -> Result<Typed> {
    call.arity(0)?;
    Ok(double(df_cume_dist::cume_dist_udwf(), "cume_dist()"))
}

/// `ntile([n])`: one bucket unless said otherwise.
pub fn ntile(call: &Call) -> Result<Typed> {
    call.arity(0..=1)?;
    let buckets = match call.args.first() {
        None => 1,
        Some(arg) => match call.constant(0)? {
            ScalarValue::Int32(Some(buckets)) if *buckets > 0 => *buckets,
            ScalarValue::Int32(Some(buckets)) => {
                return Err(SparkError::new("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
                    .with("exprName", "buckets")
                    .with("valueRange", "(0, 2147483647]")
                    .with("currentValue", buckets.to_string())
                    .with("sqlExpr", format!("\"ntile({})\"", arg.name)));
            }
            _ => return Err(call.unexpected_type(0, "\"INT\"")),
        },
    };
    let args = vec![Expr::Literal(ScalarValue::Int64(Some(i64::from(buckets))), None)];
    Ok(integer(df_ntile::ntile_udwf(), args, &format!("ntile({buckets})")))
}

fn integer(function: Arc<WindowUDF>, args: Vec<Expr>, name: &str) -> Typed {
    let expr = Expr::from(WindowFunction::new(function, args));
    Typed::new(plain_cast(expr, &DataType::Int32), name, DataType::Int32, false)
}

fn double(function: Arc<WindowUDF>, name: &str) -> Typed {
    Typed::new(Expr::from(WindowFunction::new(function, vec![])), name, DataType::Float64, false)
}
