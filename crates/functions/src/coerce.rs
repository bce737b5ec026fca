//! Spark's implicit type coercion: the common type of operands and implicit casts.
//! Spark's `TypeCoercion` (`spark.sql.ansi.enabled=false`) and `AnsiTypeCoercion`. The casts themselves
//! are in [`crate::cast`].

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::logical_expr::{Cast, Expr};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use crate::cast::{self, force_nullable};
use crate::units::same_time_precision;
use crate::{Call, Env, Typed};

/// A cast that changes the Arrow form only (`Utf8View` to `Utf8`) or widens without loss. Spark's own
/// casts are in `cast`.
pub fn plain_cast(expr: Expr, to: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), to.clone()))
}

/// BYTE, SHORT, INT, BIGINT.
pub fn is_integral(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// FLOAT, DOUBLE.
pub fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float32 | DataType::Float64)
}

/// DECIMAL.
pub fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..))
}

/// Any number.
pub fn is_numeric(data_type: &DataType) -> bool {
    is_integral(data_type) || is_float(data_type) || is_decimal(data_type)
}

/// DATE, TIMESTAMP, TIMESTAMP_NTZ.
pub fn is_datetime(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
}

/// INTERVAL YEAR TO MONTH, INTERVAL DAY TO SECOND: those that can be ordered.
pub fn is_ansi_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(_))
}

/// Neither nested nor NULL nor a calendar interval: Spark's `AtomicType`.
pub fn is_atomic(data_type: &DataType) -> bool {
    !data_type.is_nested() && !matches!(data_type, DataType::Null | DataType::Interval(IntervalUnit::MonthDayNano))
}

/// Whether values of the type have an order.
pub fn is_orderable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) | DataType::Interval(IntervalUnit::MonthDayNano) => false,
        variant if types::is_variant(variant) => false,
        shape if types::is_shape(shape) => false,
        DataType::List(element) => is_orderable(element.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_orderable(field.data_type())),
        _ => true,
    }
}

/// The decimal that holds every value of an integer type.
pub fn decimal_of(data_type: &DataType) -> Option<(u8, i8)> {
    Some(match data_type {
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (20, 0),
        DataType::Float32 => (14, 7),
        DataType::Float64 => (30, 15),
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => return None,
    })
}

/// The decimal that holds an integer literal exactly, as tight as can be. Spark leaves out TINYINT.
pub fn decimal_of_literal(value: &ScalarValue) -> Option<(u8, i8)> {
    let number: i64 = match value {
        ScalarValue::Int16(Some(v)) => i64::from(*v),
        ScalarValue::Int32(Some(v)) => i64::from(*v),
        ScalarValue::Int64(Some(v)) => *v,
        _ => return None,
    };
    Some((number.unsigned_abs().checked_ilog10().map_or(1, |digits| digits as u8 + 1), 0))
}

/// The decimal type that both decimals fit in; whole digits matter more than the fraction.
fn wider_decimal(left: (u8, i8), right: (u8, i8)) -> DataType {
    let scale = left.1.max(right.1);
    let range = (left.0 as i32 - left.1 as i32).max(right.0 as i32 - right.1 as i32);
    let precision = range + scale as i32;
    if precision <= 38 {
        DataType::Decimal128(precision as u8, scale)
    } else {
        let excess = precision - 38;
        DataType::Decimal128(38, (scale as i32 - excess).max(0) as i8)
    }
}

fn numeric_rank(data_type: &DataType) -> Option<usize> {
    const ORDER: [DataType; 6] =
        [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::Float32, DataType::Float64];
    ORDER.iter().position(|candidate| candidate == data_type)
}

/// The type that both can be cast to without loss (Spark's `findTightestCommonType`): no string
/// promotion, no decimals of different scale.
pub fn tightest_common_type(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    use DataType::*;
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (Null, other) | (other, Null) => Some(other.clone()),
        (Date32, Timestamp(..)) => Some(right.clone()),
        (Timestamp(..), Date32) => Some(left.clone()),
        (Timestamp(..), Timestamp(..)) => Some(types::timestamp()),
        (Decimal128(p, s), other) | (other, Decimal128(p, s)) if is_integral(other) => {
            let (precision, _) = decimal_of(other)?;
            (p - *s as u8 >= precision).then_some(Decimal128(*p, *s))
        }
        _ => {
            if let (Some(l), Some(r)) = (numeric_rank(left), numeric_rank(right)) {
                let wider = if l > r { left } else { right };
                // A float cannot hold every integer: ANSI mode takes a double.
                return Some(if env.ansi && wider == &Float32 { Float64 } else { wider.clone() });
            }
            nested_common_type(left, right, env, tightest_common_type)
        }
    }
}

fn nested_common_type(
    left: &DataType,
    right: &DataType,
    env: &Env,
    common: fn(&DataType, &DataType, &Env) -> Option<DataType>,
) -> Option<DataType> {
    let nullable = |l: &Field, r: &Field, to: &DataType| {
        l.is_nullable() || r.is_nullable() || force_nullable(l.data_type(), to) || force_nullable(r.data_type(), to)
    };
    match (left, right) {
        (l, r) if types::is_shape(l) || types::is_shape(r) => {
            types::Shape::of(l)?.common(types::Shape::of(r)?).map(types::Shape::data_type)
        }
        (DataType::List(l), DataType::List(r)) => {
            let element = common(l.data_type(), r.data_type(), env)?;
            let contains_null = nullable(l, r, &element);
            Some(types::array(element, contains_null))
        }
        (DataType::Map(l, _), DataType::Map(r, _)) => {
            let (DataType::Struct(l), DataType::Struct(r)) = (l.data_type(), r.data_type()) else { return None };
            let key = common(l[0].data_type(), r[0].data_type(), env)?;
            if force_nullable(l[0].data_type(), &key) || force_nullable(r[0].data_type(), &key) {
                return None;
            }
            let value = common(l[1].data_type(), r[1].data_type(), env)?;
            let contains_null = nullable(&l[1], &r[1], &value);
            Some(types::map(key, value, contains_null))
        }
        (DataType::Struct(l), DataType::Struct(r)) if l.len() == r.len() => {
            let same_name = |l: &Field, r: &Field| {
                if env.case_sensitive { l.name() == r.name() } else { l.name().eq_ignore_ascii_case(r.name()) }
            };
            let fields = l.iter().zip(r.iter()).map(|(l, r)| {
                if !same_name(l, r) {
                    return None;
                }
                let data_type = common(l.data_type(), r.data_type(), env)?;
                let nullable = nullable(l, r, &data_type);
                Some(Arc::new(Field::new(l.name(), data_type, nullable).with_metadata(l.metadata().clone())))
            });
            Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
        }
        _ => None,
    }
}

/// The common type of two values: set operations, CASE, coalesce, arrays.
pub fn common_type(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    wider_number(left, right, env)
        .or_else(|| string_promotion(left, right, env))
        .or_else(|| nested_common_type(left, right, env, common_type))
}

/// The common type of values of which none becomes a string or is read from one: inline tables, UNPIVOT.
pub fn plain_common_type(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    wider_number(left, right, env).or_else(|| nested_common_type(left, right, env, plain_common_type))
}

fn wider_number(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    if let Some(found) = tightest_common_type(left, right, env) {
        return Some(found);
    }
    if is_decimal(left) || is_decimal(right) {
        let other_float = |a: &DataType, b: &DataType| is_decimal(a) && is_float(b);
        if other_float(left, right) || other_float(right, left) {
            return Some(DataType::Float64);
        }
        let exact = |t: &DataType| if is_integral(t) || is_decimal(t) { decimal_of(t) } else { None };
        if let (Some(l), Some(r)) = (exact(left), exact(right)) {
            return Some(wider_decimal(l, r));
        }
    }
    None
}

/// What a string and another type become together.
fn string_promotion(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    let other = match (left, right) {
        (DataType::Utf8, other) | (other, DataType::Utf8) => other,
        _ => return None,
    };
    if types::is_variant(other) {
        return Some(other.clone());
    }
    if env.ansi {
        match other {
            _ if is_integral(other) => Some(DataType::Int64),
            _ if is_float(other) || is_decimal(other) => Some(DataType::Float64),
            _ if is_ansi_interval(other) => None,
            _ if is_atomic(other) => Some(other.clone()),
            _ => None,
        }
    } else {
        (is_atomic(other) && !matches!(other, DataType::Binary | DataType::Boolean)).then_some(DataType::Utf8)
    }
}

/// The common type of many values; strings are taken first, as Spark does, so that the order of the
/// others does not matter.
pub fn common_type_of(data_types: &[DataType], env: &Env) -> Option<DataType> {
    let fold = |types: Vec<&DataType>| -> Option<DataType> {
        types.into_iter().try_fold(DataType::Null, |common, next| common_type(&common, next, env))
    };
    if env.ansi {
        // A number met before a date would fail only by order, an outcome that Spark shares.
        return fold(data_types.iter().collect());
    }
    let (strings, others): (Vec<&DataType>, Vec<&DataType>) =
        data_types.iter().partition(|data_type| has_string(data_type));
    fold(strings.into_iter().chain(others).collect())
}

fn has_string(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 => true,
        DataType::List(element) => has_string(element.data_type()),
        _ => false,
    }
}

/// The type in which two operands are compared (`=`, `<`, ...).
pub fn comparison_type(left: &DataType, right: &DataType, env: &Env) -> Option<DataType> {
    if left == right {
        return Some(left.clone());
    }
    if left.is_nested() && right.is_nested() {
        return tightest_common_type(left, right, env).or_else(|| same_shape(left, right));
    }
    if env.ansi {
        return common_type(left, right, env);
    }
    match (left, right) {
        (DataType::Utf8, other) | (other, DataType::Utf8) if is_datetime(other) && env.legacy.datetimes_as_texts => {
            Some(DataType::Utf8)
        }
        // Outside ANSI mode a string becomes what it is compared with.
        (DataType::Utf8, other) | (other, DataType::Utf8)
            if is_atomic(other) && !matches!(other, DataType::Binary | DataType::Boolean) =>
        {
            (!is_ansi_interval(other)).then(|| other.clone())
        }
        (DataType::Utf8, DataType::Boolean) | (DataType::Boolean, DataType::Utf8) => Some(DataType::Boolean),
        (DataType::Utf8, DataType::Binary) | (DataType::Binary, DataType::Utf8) => Some(DataType::Binary),
        (DataType::Boolean, other) | (other, DataType::Boolean) if is_numeric(other) => Some(other.clone()),
        _ => common_type(left, right, env),
    }
}

/// Nested types that differ in names and nullability only, under the names of the first.
pub fn same_shape(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        _ if left == right => Some(left.clone()),
        (DataType::List(l), DataType::List(r)) => {
            let element = same_shape(l.data_type(), r.data_type())?;
            Some(types::array(element, l.is_nullable() || r.is_nullable()))
        }
        (DataType::Struct(l), DataType::Struct(r)) if l.len() == r.len() => {
            let fields = l.iter().zip(r.iter()).map(|(l, r)| {
                let data_type = same_shape(l.data_type(), r.data_type())?;
                Some(Arc::new(Field::new(l.name(), data_type, l.is_nullable() || r.is_nullable())))
            });
            Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
        }
        _ => None,
    }
}

/// Whether Spark would put a cast to `to` round a value of type `from` by itself.
pub fn can_coerce(from: &DataType, to: &DataType, env: &Env) -> bool {
    use DataType::*;
    if from == to || from == &Null || to == &Utf8 && types::is_variant(from) {
        return true;
    }
    if env.ansi {
        return match (from, to) {
            (Utf8, to) if is_atomic(to) => true,
            (Utf8, Interval(IntervalUnit::MonthDayNano)) => false,
            _ => can_store_assign(from, to),
        };
    }
    match (from, to) {
        (from, to) if is_numeric(from) && is_numeric(to) => true,
        (from, to) if is_datetime(from) && is_datetime(to) => true,
        (Utf8, to) if is_numeric(to) || is_datetime(to) => true,
        (Utf8, Binary) => true,
        (from, Utf8) if is_atomic(from) || types::is_variant(from) => true,
        (List(from), List(to)) => {
            can_coerce(from.data_type(), to.data_type(), env) && (!from.is_nullable() || to.is_nullable())
        }
        _ => false,
    }
}

/// Spark's `canANSIStoreAssign`: which types a value may be stored as.
pub fn can_store_assign(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let field = |from: &Field, to: &Field| {
        can_store_assign(from.data_type(), to.data_type()) && (!from.is_nullable() || to.is_nullable())
    };
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        _ if types::is_shape(from) || types::is_shape(to) => types::Shape::of(from) == types::Shape::of(to),
        _ if is_numeric(from) && is_numeric(to) => true,
        (from, Utf8) if is_atomic(from) || types::is_variant(from) => true,
        (Interval(IntervalUnit::MonthDayNano), Utf8) => true,
        _ if is_datetime(from) && is_datetime(to) => true,
        (List(from), List(to)) => field(from, to),
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            (Struct(from), Struct(to)) => field(&from[0], &to[0]) && field(&from[1], &to[1]),
            _ => false,
        },
        (Struct(from), Struct(to)) => {
            from.len() == to.len() && from.iter().zip(to.iter()).all(|(from, to)| field(from, to))
        }
        _ => false,
    }
}

/// Spark's `Cast.canUpCast`: nothing is lost.
pub fn can_up_cast(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    let rank = |own: &DataType| [Int8, Int16, Int32, Int64, Float32, Float64].iter().position(|known| known == own);
    let digits = |own: &DataType| match own {
        Int8 => Some((3, 0)),
        Int16 => Some((5, 0)),
        Int32 => Some((10, 0)),
        Int64 => Some((20, 0)),
        Decimal128(precision, scale) => Some((i32::from(*precision), i32::from(*scale))),
        _ => None,
    };
    match (from, to) {
        _ if from == to => true,
        (Null, _) => true,
        (_, Decimal128(..)) => match (digits(from), digits(to)) {
            (Some((p, s)), Some((precision, scale))) => p - s <= precision - scale && s <= scale,
            _ => false,
        },
        (Date32, Timestamp(..)) | (Timestamp(_, None), Timestamp(_, Some(_))) => true,
        (Timestamp(_, Some(_)), Timestamp(_, None)) => true,
        (from, Utf8) => !from.is_nested() && *from != Binary,
        (List(a), List(b)) => can_up_cast(a.data_type(), b.data_type()),
        (Struct(a), Struct(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| can_up_cast(a.data_type(), b.data_type()))
        }
        _ => matches!((rank(from), rank(to)), (Some(from), Some(to)) if from <= to),
    }
}

/// `arg` as `to`, under its own name; `None` where Spark would not cast by itself.
pub fn implicit_cast(arg: Typed, to: &DataType, env: &Env) -> Option<Typed> {
    if &arg.data_type == to {
        return Some(arg);
    }
    if !can_coerce(&arg.data_type, to, env) {
        return None;
    }
    cast_silently(arg, to, env).ok()
}

/// A TIME and a date or timestamp: Spark coerces them by a cast that it does not have.
pub fn is_between_days_and_times(from: &DataType, to: &DataType) -> bool {
    let time = |data_type: &DataType| matches!(data_type, DataType::Time64(_));
    time(from) && is_datetime(to) || is_datetime(from) && time(to)
}

/// The error of a cast that coercion puts in and that there is not.
pub fn no_silent_cast(arg: &Typed, to: &DataType) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION")
        .with("sqlExpr", format!("\"{}\"", arg.name))
        .with("srcType", format!("\"{}\"", arg.sql_type()))
        .with("targetType", format!("\"{}\"", name::sql(to)))
}

/// A cast under the argument's own name: what coercion to a common type puts in.
pub fn cast_silently(arg: Typed, to: &DataType, env: &Env) -> Result<Typed> {
    if &arg.data_type == to {
        return Ok(arg);
    }
    let own_name = arg.name.clone();
    let mode = if env.ansi { cast::EvalMode::Ansi } else { cast::EvalMode::Legacy };
    Ok(cast::cast(arg, to, mode, env)?.named(own_name))
}

impl Call<'_> {
    /// Argument `index` as `to`; `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` where Spark would not cast
    /// by itself.
    pub fn coerce(&self, index: usize, to: &DataType) -> Result<Typed> {
        let arg = &self.args[index];
        implicit_cast(arg.clone(), to, self.env).ok_or_else(|| {
            if is_between_days_and_times(&arg.data_type, to) {
                return no_silent_cast(arg, to);
            }
            let required = if let DataType::Time64(_) = to { "TIME".into() } else { name::sql(to) };
            self.unexpected_type(index, &format!("\"{required}\""))
        })
    }

    /// Argument `index` as the first of `accepted` that it is or can become: Spark's `TypeCollection`.
    pub fn coerce_any(&self, index: usize, accepted: &[DataType]) -> Result<Typed> {
        let arg = &self.args[index];
        if accepted.contains(&arg.data_type) {
            return Ok(arg.clone());
        }
        accepted.iter().find_map(|to| implicit_cast(arg.clone(), to, self.env)).ok_or_else(|| {
            let words: Vec<String> = accepted.iter().map(|to| format!("\"{}\"", name::sql(to))).collect();
            self.unexpected_type(index, &format!("({})", words.join(" or ")))
        })
    }

    /// The call with each argument as the type at its position; arguments beyond `types` stay.
    pub fn coerced(&self, types: &[DataType]) -> Result<Call<'_>> {
        let mut args = self.args.clone();
        for (index, to) in types.iter().enumerate().take(args.len()) {
            args[index] = self.coerce(index, to)?;
        }
        Ok(self.with_args(args))
    }

    /// The same call with other arguments.
    pub fn with_args(&self, args: Vec<Typed>) -> Call<'_> {
        Call { name: self.name, args, distinct: self.distinct, ignore_nulls: self.ignore_nulls, env: self.env }
    }

    /// All arguments as their common type; `DATATYPE_MISMATCH.DATA_DIFF_TYPES` if there is none.
    pub fn coerce_all_to_common(&self) -> Result<Vec<Typed>> {
        self.coerce_to_common(0..self.args.len())
    }

    /// The arguments at `range` as their common type.
    pub fn coerce_to_common(&self, range: std::ops::Range<usize>) -> Result<Vec<Typed>> {
        let args = &self.args[range];
        let data_types: Vec<DataType> = args.iter().map(|arg| arg.data_type.clone()).collect();
        let common = common_type_of(&data_types, self.env)
            .filter(|_| same_time_precision(args))
            .ok_or_else(|| self.data_diff(args))?;
        args.iter().map(|arg| cast_silently(arg.clone(), &common, self.env)).collect()
    }

    /// `DATATYPE_MISMATCH.DATA_DIFF_TYPES`: arguments that must be alike are not.
    pub fn data_diff_types(&self, data_types: &[DataType]) -> SparkError {
        let words: Vec<String> = data_types.iter().map(|t| format!("\"{}\"", name::sql(t))).collect();
        SparkError::new("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
            .with("sqlExpr", format!("\"{}\"", self.display()))
            .with("functionName", name::quote(self.name))
            .with("dataType", format!("({})", words.join(" or ")))
    }

    /// [`Call::data_diff_types`] with the precisions and units that the arguments have.
    fn data_diff(&self, args: &[Typed]) -> SparkError {
        let words: Vec<String> = args.iter().map(|arg| format!("\"{}\"", arg.sql_type())).collect();
        self.data_diff_types(&[]).with("dataType", format!("({})", words.join(" or ")))
    }

    /// All argument expressions.
    pub fn exprs(&self) -> Vec<Expr> {
        self.args.iter().map(|arg| arg.expr.clone()).collect()
    }
}
