//! Spark's CAST and TRY_CAST between every pair of types.
//!
//! `rules` says which casts exist, [`cast_array`] computes them for Arrow arrays; the conversions are in
//! `number`, `decimal`, `datetime`, `interval`, `text` (to string) and `zone` (time zones).

pub mod datetime;
pub mod decimal;
mod errors;
pub mod interval;
pub mod named;
pub mod number;
mod rules;
pub mod text;
pub mod zone;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, ListArray, MapArray, StringArray, StructArray,
    new_null_array,
};
use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::coerce::{self, plain_cast};
use crate::kernel::{KernelArgs, kernel_expr};
use crate::{Env, Typed};

pub use errors::{cast_invalid_input, cast_overflow, out_of_range};
pub use rules::{can_cast, force_nullable};
pub use text::{display_array, to_string_array};

/// What a cast does with a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalMode {
    /// Wraps or gives NULL: `spark.sql.ansi.enabled=false`.
    Legacy,
    /// Fails.
    Ansi,
    /// Gives NULL: `try_cast`.
    Try,
}

impl EvalMode {
    /// The mode of a plain CAST in this session.
    pub fn of(env: &Env) -> Self {
        if env.ansi { Self::Ansi } else { Self::Legacy }
    }

    fn param(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Ansi => "ansi",
            Self::Try => "try",
        }
    }

    fn parse(param: &str) -> Self {
        match param {
            "legacy" => Self::Legacy,
            "try" => Self::Try,
            _ => Self::Ansi,
        }
    }

    /// Values that do not fit become NULL under ANSI's rules of what fits.
    pub fn is_ansi_or_try(self) -> bool {
        self != Self::Legacy
    }

    /// A value that does not fit: the error in ANSI mode, else NULL.
    pub fn misfit<T>(self, error: impl FnOnce() -> SparkError) -> Result<Option<T>> {
        if self == Self::Ansi { Err(error()) } else { Ok(None) }
    }
}

/// Spark's `CAST(arg AS to)`; `mode` `Try` is `TRY_CAST`. Errors with `DATATYPE_MISMATCH.CAST_*` where
/// there is no such cast.
pub fn cast(arg: Typed, to: &DataType, mode: EvalMode, env: &Env) -> Result<Typed> {
    let word = if mode == EvalMode::Try { "TRY_CAST" } else { "CAST" };
    // Spark keeps the child's name for a cast to a nested type.
    let label = if to.is_nested() { arg.name.clone() } else { format!("{word}({} AS {})", arg.name, name::sql(to)) };
    if !can_cast(&arg.data_type, to, mode) {
        return Err(errors::no_such_cast(&arg, to, mode, &label));
    }
    if &arg.data_type == to {
        return Ok(Typed { metadata: Default::default(), ..arg.named(label) });
    }
    let nullable = mode == EvalMode::Try && !rules::never_fails(&arg.data_type, to)
        || arg.nullable
        || force_nullable(&arg.data_type, to);
    if let Some(ScalarValue::Utf8(Some(text))) = arg.as_literal()
        && let Some(value) = datetime::special_value(text, to, env)
    {
        return Ok(Typed { nullable, ..Typed::literal(value, label) });
    }
    let expr = if is_plain(&arg.data_type, to) {
        plain_cast(arg.expr, to)
    } else {
        let fails = mode == EvalMode::Ansi && !rules::never_fails(&arg.data_type, to);
        let kernel_name = if fails { "ansi_cast" } else { "spark_cast" };
        let param = mode.param().to_string();
        kernel_expr(kernel_name, vec![arg.expr], to.clone(), nullable, Volatility::Immutable, env, param, cast_kernel)
    };
    Ok(Typed::new(expr, label, to.clone(), nullable))
}

/// Casts that DataFusion does just as Spark and that its optimizer should see through.
fn is_plain(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (Null, to) => !to.is_nested(),
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float32 | Float64)
        | (Int64, Float32 | Float64)
        | (Float32, Float64)
        | (Float64, Float32)
        | (Utf8, Binary) => true,
        (from, Decimal128(precision, scale)) if coerce::is_integral(from) => {
            coerce::decimal_of(from).is_some_and(|(digits, _)| *scale >= 0 && precision - *scale as u8 >= digits)
        }
        (Decimal128(p, s), Decimal128(precision, scale)) => {
            scale >= s && (*precision as i32 - *scale as i32) >= (*p as i32 - *s as i32)
        }
        _ => false,
    }
}

fn cast_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    cast_array(&args.array(0)?, args.return_type, EvalMode::parse(args.param), args.env)
}

/// Casts an array; every pair of types that [`can_cast`] allows.
pub fn cast_array(array: &ArrayRef, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    use DataType::*;
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (Null, _) => Ok(new_null_array(to, array.len())),
        (_, Utf8) => to_string_array(array, env),
        (List(_), List(field)) => {
            let list = array.as_list::<i32>();
            let values = cast_array(list.values(), field.data_type(), mode, env)?;
            Ok(Arc::new(
                ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned())
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Map(..), Map(field, sorted)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = cast_array(&entries, field.data_type(), mode, env)?;
            let entries = entries.as_struct().clone();
            Ok(Arc::new(
                MapArray::try_new(Arc::clone(field), map.offsets().clone(), entries, map.nulls().cloned(), *sorted)
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Struct(_), Struct(fields)) => {
            let source = array.as_struct();
            let columns = source.columns().iter().zip(fields.iter());
            let columns: Vec<ArrayRef> = columns
                .map(|(column, field)| cast_array(column, field.data_type(), mode, env))
                .collect::<Result<_>>()?;
            Ok(Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, source.nulls().cloned(), source.len())
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Utf8, _) => from_string(array.as_string(), to, mode, env),
        (Boolean, to) if coerce::is_numeric(to) => number::from_boolean(array.as_boolean(), to, mode),
        (Boolean, Timestamp(..)) => Ok(datetime::timestamps_of_booleans(array.as_boolean())),
        (from, Boolean) if coerce::is_numeric(from) => number::to_boolean(array),
        (from, Decimal128(..)) if coerce::is_numeric(from) => decimal::from_number(array, to, mode),
        (Decimal128(..), to) if coerce::is_numeric(to) => decimal::to_number(array, to, mode),
        (from, to) if coerce::is_numeric(from) && coerce::is_numeric(to) => number::to_number(array, to, mode),
        (from, Binary) if coerce::is_integral(from) => number::to_binary(array),
        (from, to)
            if coerce::is_datetime(from)
                || coerce::is_datetime(to) && coerce::is_numeric(from)
                || matches!(from, Time64(_))
                || matches!(to, Time64(_)) =>
        {
            datetime::cast_datetime(array, to, mode, env)
        }
        (Interval(_) | Duration(_), _) | (_, Interval(_) | Duration(_)) => interval::cast_interval(array, to, mode),
        _ => Err(SparkError::internal(format!("no cast from {} to {}", name::sql(from), name::sql(to)))),
    }
}

fn from_string(array: &StringArray, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    use DataType::*;
    match to {
        Int8 | Int16 | Int32 | Int64 => number::parse_integers(array, to, mode),
        Float32 | Float64 => number::parse_floats(array, to, mode),
        Decimal128(..) => decimal::parse_decimals(array, to, mode),
        Boolean => parse_booleans(array, mode),
        Binary => {
            let mut builder = BinaryBuilder::with_capacity(array.len(), array.value_data().len());
            array.iter().for_each(|value| builder.append_option(value.map(str::as_bytes)));
            let binary: BinaryArray = builder.finish();
            Ok(Arc::new(binary))
        }
        Date32 | Timestamp(..) | Time64(_) => datetime::parse_strings(array, to, mode, env),
        Interval(IntervalUnit::YearMonth) | Interval(IntervalUnit::MonthDayNano) | Duration(_) => {
            interval::parse_strings(array, to, mode)
        }
        _ => Err(SparkError::internal(format!("no cast from STRING to {}", name::sql(to)))),
    }
}

fn parse_booleans(array: &StringArray, mode: EvalMode) -> Result<ArrayRef> {
    let parse = |text: &str| match number::trim(text).to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "0" => Some(false),
        _ => None,
    };
    let values = array.iter().map(|value| match value {
        None => Ok(None),
        Some(text) => match parse(text) {
            Some(value) => Ok(Some(value)),
            None => mode.misfit(|| cast_invalid_input(text, &DataType::Utf8, &DataType::Boolean)),
        },
    });
    Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
}
