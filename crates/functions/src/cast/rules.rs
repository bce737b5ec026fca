//! Which casts exist, and which may give NULL for a value: Spark's `Cast.canCast`, `canAnsiCast` and
//! `forceNullable`.

use arrow::datatypes::{DataType, Field, IntervalUnit};

use firesteel_protocol::types::{self, Shape};

use super::EvalMode;
use crate::coerce::{decimal_of, is_decimal, is_float, is_integral, is_numeric};

/// Whether Spark has a cast between these types in this mode.
pub fn can_cast(from: &DataType, to: &DataType, mode: EvalMode) -> bool {
    use DataType::*;
    let ansi = mode.is_ansi_or_try();
    // Only where a misfit fails it gives no NULL, which a key of a map cannot be.
    let fails = mode == EvalMode::Ansi;
    let field = |from: &Field, to: &Field| {
        can_cast(from.data_type(), to.data_type(), mode)
            && (!(from.is_nullable() || !fails && force_nullable(from.data_type(), to.data_type())) || to.is_nullable())
    };
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (from, to) if types::is_variant(from) => variant_holds(to),
        (from, to) if types::is_variant(to) => variant_holds(from) && !matches!(from, Struct(_) | Map(..)),
        (from, to) if types::is_shape(from) || types::is_shape(to) => shape_becomes(from, to),
        (_, Utf8) => true,
        (Utf8, Binary | Boolean | Date32 | Timestamp(..) | Time64(_) | Interval(_) | Duration(_)) => true,
        (Utf8 | Boolean, to) if is_numeric(to) => true,
        (from, Boolean) if is_numeric(from) => true,
        (from, to) if is_numeric(from) && is_numeric(to) => true,
        (from, Binary) if is_integral(from) => !ansi,
        (Date32 | Timestamp(..), Date32 | Timestamp(..)) => true,
        (from, Timestamp(_, Some(_))) if is_numeric(from) => true,
        (Boolean, Timestamp(_, Some(_))) => !ansi,
        (Timestamp(_, Some(_)), to) if is_numeric(to) => true,
        (Timestamp(_, Some(_)) | Date32, Boolean) => !ansi,
        (Date32, to) if is_numeric(to) => !ansi,
        (Interval(IntervalUnit::YearMonth) | Duration(_), to) if is_integral(to) || is_decimal(to) => true,
        (from, Interval(IntervalUnit::YearMonth) | Duration(_)) if is_integral(from) || is_decimal(from) => true,
        (Time64(_), to) if is_integral(to) || is_decimal(to) => true,
        (List(from), List(to)) => field(from, to),
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            (Struct(from), Struct(to)) => {
                can_cast(from[0].data_type(), to[0].data_type(), mode)
                    && (fails || !force_nullable(from[0].data_type(), to[0].data_type()))
                    && field(&from[1], &to[1])
            }
            _ => false,
        },
        (Struct(from), Struct(to)) => {
            from.len() == to.len() && from.iter().zip(to.iter()).all(|(from, to)| field(from, to))
        }
        _ => false,
    }
}

/// Whether values of GEOMETRY or GEOGRAPHY are of another such type too.
fn shape_becomes(from: &DataType, to: &DataType) -> bool {
    match (Shape::of(from), Shape::of(to)) {
        (Some(from), Some(to)) => {
            (from.srid == to.srid || to.srid.is_none())
                && (from.geography || !to.geography)
                && (from.geography == to.geography || from.srid == to.srid)
        }
        _ => false,
    }
}

/// Whether a VARIANT can become a value of the type.
pub fn variant_holds(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Interval(_) | Duration(_) | Null => false,
        variant if types::is_variant(variant) => true,
        List(element) => variant_holds(element.data_type()),
        Struct(fields) => fields.iter().all(|field| variant_holds(field.data_type())),
        Map(entries, _) => match entries.data_type() {
            Struct(kv) => kv[0].data_type() == &Utf8 && variant_holds(kv[1].data_type()),
            _ => false,
        },
        _ => true,
    }
}

/// Whether the cast can give NULL for a value that is not NULL, as Spark's schemas have it.
pub fn force_nullable(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (Null, _) => false,
        _ if from == to => false,
        (from, _) if types::is_variant(from) => true,
        (from, to) if types::is_variant(to) => matches!(from, Utf8 | Date32),
        (Utf8, Binary) => false,
        (Utf8, _) => true,
        (_, Utf8) => false,
        (Timestamp(_, Some(_)), Int8 | Int16 | Int32) => true,
        (Time64(_), Int8 | Int16 | Decimal128(..)) => true,
        (from, Timestamp(_, Some(_))) if is_float(from) => true,
        (Timestamp(_, Some(_)), Date32) => false,
        (_, Date32) => true,
        (Date32, Timestamp(_, Some(_))) => false,
        (Date32, _) => true,
        (_, Interval(IntervalUnit::MonthDayNano)) => true,
        (from, Decimal128(precision, scale)) => {
            !fits_decimal(from, *precision, *scale) && !rounds_into_decimal(from, *precision, *scale)
        }
        (from, to) if (is_float(from) || is_decimal(from)) && is_integral(to) => true,
        _ => false,
    }
}

fn fits_decimal(from: &DataType, precision: u8, scale: i8) -> bool {
    let whole = |p: u8, s: i8| i32::from(p) - i32::from(s);
    match from {
        DataType::Boolean => whole(precision, scale) >= 1,
        from if is_integral(from) || is_decimal(from) => {
            decimal_of(from).is_some_and(|(p, s)| whole(precision, scale) >= whole(p, s) && scale >= s)
        }
        _ => false,
    }
}

/// Rounding to fewer digits behind the point adds one before it at most.
fn rounds_into_decimal(from: &DataType, precision: u8, scale: i8) -> bool {
    let whole = |p: u8, s: i8| i32::from(p) - i32::from(s);
    is_decimal(from) && decimal_of(from).is_some_and(|(p, s)| whole(p, s) < whole(precision, scale))
}

/// Whether every value of `from` is one of `to`, so that `try_cast` cannot give NULL: Spark's `Cast.canUpCast`.
pub(super) fn can_up_cast(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let field = |from: &Field, to: &Field| {
        (!from.is_nullable() || to.is_nullable()) && can_up_cast(from.data_type(), to.data_type())
    };
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (from, _) if types::is_variant(from) => false,
        (from, Decimal128(p, s)) if is_integral(from) || is_decimal(from) => fits_decimal(from, *p, *s),
        (Decimal128(p, 0), Int8 | Int16 | Int32 | Int64) => {
            decimal_of(to).is_some_and(|(digits, _)| *p < if to == &Int64 { digits - 1 } else { digits })
        }
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float32 | Float64)
        | (Int64, Float32 | Float64)
        | (Float32, Float64) => true,
        (Date32, Timestamp(..)) | (Timestamp(..), Timestamp(..)) => true,
        (Timestamp(_, Some(_)), Int64) | (Int64, Timestamp(_, Some(_))) => true,
        (from, Utf8) => !from.is_nested(),
        (Utf8, Binary) => true,
        (List(from), List(to)) => field(from, to),
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            (Struct(from), Struct(to)) => field(&from[0], &to[0]) && field(&from[1], &to[1]),
            _ => false,
        },
        (Struct(from), Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to.iter()).all(|(from, to)| from.name() == to.name() && field(from, to))
        }
        _ => false,
    }
}

/// No value of `from` fails to be a `to`, so the cast is the same in all modes.
pub(super) fn never_fails(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        _ if from == to => true,
        (from, to) if types::is_variant(from) || types::is_variant(to) => !types::is_variant(from),
        (_, Utf8) | (Null, _) => true,
        (Utf8, to) => to == &Binary,
        (Boolean, to) => !is_decimal(to) || fits_decimal(from, decimal(to).0, decimal(to).1),
        (from, Boolean) if is_numeric(from) => true,
        (from, Float32 | Float64) if is_numeric(from) => true,
        (from, Decimal128(p, s)) => fits_decimal(from, *p, *s),
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (Date32 | Timestamp(..), Date32 | Timestamp(..)) => true,
        _ => false,
    }
}

fn decimal(data_type: &DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => (38, 0),
    }
}
