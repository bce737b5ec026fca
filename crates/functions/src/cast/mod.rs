//! Spark's CAST and TRY_CAST between every pair of types.
//!
//! `rules` says which casts exist, [`cast_array`] computes them for Arrow arrays; the conversions are in
//! `number`, `decimal`, `datetime`, `time`, `interval`, `text` (to string) and `zone` (time zones).

pub mod datetime;
pub mod decimal;
mod errors;
mod float_digits;
pub mod interval;
pub mod named;
pub mod number;
mod rules;
pub mod text;
pub mod time;
pub mod zone;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanArray, ListArray, MapArray, StringArray, StructArray,
    new_null_array,
};
use arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, IntervalRange, name};
use firesteel_protocol::{Result, SparkError};

use crate::coerce::{self, plain_cast};
use crate::kernel::{self, KernelArgs, kernel_expr};
use crate::{Env, Typed, variant};

pub use errors::{cast_invalid_input, cast_overflow, out_of_range};
pub use rules::{can_cast, force_nullable, variant_holds};
pub use text::{display_array, to_string_array, to_string_field};

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

/// Units of the interval types between which a cast goes; None has all units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Units {
    from: Option<IntervalRange>,
    to: Option<IntervalRange>,
}

impl Units {
    fn between(from: &Field, to: &Field) -> Self {
        Self { from: IntervalRange::of_field(from), to: IntervalRange::of_field(to) }
    }

    /// Whether values of the first type are values of the second as they are.
    fn same(self) -> bool {
        self.from == self.to
    }

    /// As the end of a kernel's setting: `;day to hour;day`.
    fn param(self) -> String {
        let words = |range: Option<IntervalRange>| range.map(|range| range.to_string()).unwrap_or_default();
        format!(";{};{}", words(self.from), words(self.to))
    }

    fn parse(param: &str) -> Self {
        let mut parts = param.split(';').skip(1).map(IntervalRange::parse);
        Self { from: parts.next().flatten(), to: parts.next().flatten() }
    }
}

/// Spark's `CAST(arg AS to)`; `mode` `Try` is `TRY_CAST`. Errors with `DATATYPE_MISMATCH.CAST_*` where
/// there is no such cast.
pub fn cast(arg: Typed, to: &DataType, mode: EvalMode, env: &Env) -> Result<Typed> {
    cast_to(arg, &Field::new("", to.clone(), true), mode, env)
}

/// [`cast`] to the type of a field, whose metadata knows the units of intervals.
pub fn cast_to(arg: Typed, target: &Field, mode: EvalMode, env: &Env) -> Result<Typed> {
    let to = target.data_type();
    let word = if mode == EvalMode::Try { "TRY_CAST" } else { "CAST" };
    // Spark keeps the child's name for a cast to a nested type.
    let label = if to.is_nested() && !types::is_variant(to) && !types::is_shape(to) {
        arg.name.clone()
    } else {
        format!("{word}({} AS {})", arg.name, name::sql_of_field(target))
    };
    if matches!(to, DataType::Time64(_)) && !env.time_type {
        return Err(SparkError::new("UNSUPPORTED_TIME_TYPE"));
    }
    if !can_cast(&arg.data_type, to, mode) {
        return Err(errors::no_such_cast(&arg, target, mode, &label));
    }
    if let (Some(from), Some(digits)) = (arg.time_precision(), types::time_precision(to, target.metadata())) {
        let fewer = if from > digits { time::with_fewer_digits(arg, digits, env) } else { arg };
        return Ok(fewer.with_time_precision(digits).named(label));
    }
    let units = Units { from: arg.units(), to: IntervalRange::of_field(target) };
    let mut metadata = HashMap::new();
    if let Some(range) = units.to {
        range.record(&mut metadata);
    }
    types::collation::record(types::collation::of(target.metadata()), &mut metadata);
    if let Some(digits) = types::time_precision(to, target.metadata()) {
        types::record_time_precision(digits, &mut metadata);
    }
    if &arg.data_type == to && units.same() {
        return Ok(Typed { metadata, ..arg.named(label) });
    }
    let may_lose = match mode {
        EvalMode::Try => !rules::can_up_cast(&arg.data_type, to),
        _ => force_nullable(&arg.data_type, to),
    };
    let nullable = arg.nullable || may_lose;
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
        let has_units = units.from.or(units.to).is_some();
        let param = format!("{}{}", mode.param(), if has_units { units.param() } else { String::new() });
        kernel_expr(kernel_name, vec![arg.expr], to.clone(), nullable, Volatility::Immutable, env, param, cast_kernel)
    };
    Ok(Typed { metadata, ..Typed::new(expr, label, to.clone(), nullable) })
}

/// How many values a cast that is running has made NULL so far, for people to be told; 0 for any other expression.
pub fn lost(expr: &Arc<dyn PhysicalExpr>) -> u64 {
    kernel::lost_in(expr)
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
    let mode = args.param.split(';').next().unwrap_or_default();
    cast_units(&args.array(0)?, args.return_type, Units::parse(args.param), EvalMode::parse(mode), args.env)
}

/// Casts an array; every pair of types that [`can_cast`] allows.
pub fn cast_array(array: &ArrayRef, to: &DataType, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    cast_units(array, to, Units::default(), mode, env)
}

/// [`cast_array`] for intervals of these units.
fn cast_units(array: &ArrayRef, to: &DataType, units: Units, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
    use DataType::*;
    let from = array.data_type();
    if from == to && units.same() {
        return Ok(Arc::clone(array));
    }
    match (from, to) {
        (Null, _) => Ok(new_null_array(to, array.len())),
        // Outside ANSI mode, too, a VARIANT that does not fit is an error.
        (from, to) if types::is_variant(from) => {
            let mode = if mode == EvalMode::Legacy { EvalMode::Ansi } else { mode };
            variant::from_variant(array, to, mode, env)
        }
        (_, to) if types::is_variant(to) => variant::to_variant(array),
        (from, Struct(fields)) if types::is_shape(from) && types::is_shape(to) => {
            let columns = array.as_struct().columns().to_vec();
            let shapes = StructArray::try_new(fields.clone(), columns, array.nulls().cloned());
            Ok(Arc::new(shapes.map_err(crate::kernel::from_arrow)?))
        }
        (_, Utf8) => text::to_string_units(array, units.from, env),
        (List(own), List(field)) => {
            let list = array.as_list::<i32>();
            let values = cast_units(list.values(), field.data_type(), Units::between(own, field), mode, env)?;
            Ok(Arc::new(
                ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned())
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Map(..), Map(field, sorted)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = cast_units(&entries, field.data_type(), Units::default(), mode, env)?;
            let entries = entries.as_struct().clone();
            Ok(Arc::new(
                MapArray::try_new(Arc::clone(field), map.offsets().clone(), entries, map.nulls().cloned(), *sorted)
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Struct(own), Struct(fields)) => {
            let source = array.as_struct();
            let columns = source.columns().iter().zip(own.iter().zip(fields.iter()));
            let columns: Vec<ArrayRef> = columns
                .map(|(column, (own, field))| {
                    cast_units(column, field.data_type(), Units::between(own, field), mode, env)
                })
                .collect::<Result<_>>()?;
            Ok(Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, source.nulls().cloned(), source.len())
                    .map_err(crate::kernel::from_arrow)?,
            ))
        }
        (Utf8, _) => from_string(array.as_string(), to, units, mode, env),
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
        (Interval(_) | Duration(_), _) | (_, Interval(_) | Duration(_)) => {
            interval::cast_interval(array, to, units, mode)
        }
        _ => Err(SparkError::internal(format!("no cast from {} to {}", name::sql(from), name::sql(to)))),
    }
}

fn from_string(array: &StringArray, to: &DataType, units: Units, mode: EvalMode, env: &Env) -> Result<ArrayRef> {
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
            interval::parse_strings(array, to, units.to, mode)
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
