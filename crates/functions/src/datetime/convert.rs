//! Texts and numbers to dates and timestamps and back: `to_date`, `to_timestamp`, `date_format`, `unix_timestamp`,
//! `timestamp_seconds` and their kin.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, PrimitiveArray, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError, types};

use super::civil::{DAY_US, SECOND_US};
use super::fields::zone_of;
use super::pattern::{Pattern, Purpose};
use super::zone::Zone;
use crate::cast::{EvalMode, cast};
use crate::coerce::is_numeric;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

const DEFAULT_PATTERN: &str = "yyyy-MM-dd HH:mm:ss";

/// `to_date(x[, pattern])`.
pub fn to_date(call: &Call) -> Result<Typed> {
    temporal(call, &DataType::Date32, call.env.ansi, "`try_to_date`")
}

/// `try_to_date(x[, pattern])`: NULL where `to_date` fails.
pub fn try_to_date(call: &Call) -> Result<Typed> {
    tolerant(call, &DataType::Date32)
}

/// `to_timestamp(x[, pattern])`.
pub fn to_timestamp(call: &Call) -> Result<Typed> {
    temporal(call, &session_type(call), call.env.ansi, "`try_to_timestamp`")
}

/// `to_timestamp_ltz(x[, pattern])`.
pub fn to_timestamp_ltz(call: &Call) -> Result<Typed> {
    temporal(call, &types::timestamp(), call.env.ansi, "`try_to_timestamp`")
}

/// What the session means by a timestamp.
pub(super) fn session_type(call: &Call) -> DataType {
    if call.env.timestamp_ntz { types::timestamp_ntz() } else { types::timestamp() }
}

/// `try_to_timestamp(x[, pattern])`: NULL where `to_timestamp` fails.
pub fn try_to_timestamp(call: &Call) -> Result<Typed> {
    tolerant(call, &session_type(call))
}

/// `to_timestamp_ntz(x[, pattern])`.
pub fn to_timestamp_ntz(call: &Call) -> Result<Typed> {
    temporal(call, &types::timestamp_ntz(), call.env.ansi, "`try_to_timestamp`")
}

fn tolerant(call: &Call, to: &DataType) -> Result<Typed> {
    let mut result = temporal(call, to, false, "")?;
    result.nullable = true;
    Ok(result)
}

fn temporal(call: &Call, to: &DataType, strict: bool, tolerant_name: &str) -> Result<Typed> {
    call.arity(1..=2)?;
    let display = call.display();
    let arg = &call.args[0];
    let text = matches!(arg.data_type, DataType::Utf8 | DataType::Null);
    if call.args.len() == 1 || !text {
        let mode = match (strict, call.env.ansi) {
            (true, _) => EvalMode::Ansi,
            (false, true) => EvalMode::Try,
            (false, false) => EvalMode::Legacy,
        };
        let temporal = matches!(arg.data_type, DataType::Date32 | DataType::Timestamp(..));
        // Numbers are instants; of other values their text is read.
        let with_numbers = to == &types::timestamp();
        let arg = match &arg.data_type {
            own if text || temporal || with_numbers && is_numeric(own) => arg.clone(),
            _ => call.coerce(0, &DataType::Utf8).map_err(|error| match error.condition() {
                "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE" => {
                    let numbers = if with_numbers { " or \"NUMERIC\"" } else { "" };
                    error.with(
                        "requiredType",
                        format!("(\"STRING\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\"{numbers})"),
                    )
                }
                _ => error,
            })?,
        };
        if arg.data_type != DataType::Utf8 || call.args.len() == 1 {
            return Ok(cast(arg, to, mode, call.env)?.named(display));
        }
    }
    let inner = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    let nullable = !strict || inner.any_nullable();
    let param = if strict { tolerant_name.to_string() } else { String::new() };
    Ok(inner.kernel_with("parse_by_pattern", to.clone(), nullable, param, parse_by_pattern).named(display))
}

/// The pattern of each row, compiled once where it is constant.
struct Patterns {
    constant: Option<Option<Pattern>>,
    /// Its text, where it is constant.
    text: Option<String>,
    each: Option<StringArray>,
    purpose: Purpose,
    /// `spark.sql.legacy.timeParserPolicy`.
    policy: String,
}

impl Patterns {
    fn new(args: &KernelArgs, index: usize, purpose: Purpose) -> Result<Self> {
        let policy = args.env.time_parser_policy.to_string();
        if let Some(text) = args.scalar_str(index) {
            let pattern = text.map(|text| Pattern::under(&policy, text, purpose)).transpose()?;
            let text = text.map(str::to_string);
            return Ok(Self { constant: Some(pattern), text, each: None, purpose, policy });
        }
        let each = args.array(index)?.as_string::<i32>().clone();
        Ok(Self { constant: None, text: None, each: Some(each), purpose, policy })
    }

    /// Runs `with` with the pattern of a row; `None` if the pattern is NULL.
    fn at<T>(&self, row: usize, with: impl FnOnce(&Pattern) -> Result<T>) -> Result<Option<T>> {
        match (&self.constant, &self.each) {
            (Some(pattern), _) => pattern.as_ref().map(with).transpose(),
            (None, Some(each)) if each.is_valid(row) => {
                with(&Pattern::under(&self.policy, each.value(row), self.purpose)?).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Under EXCEPTION, a text that only the parser of Spark 2 reads is an error.
    fn refuse_what_the_old_parser_reads(&self, row: usize, text: &str, zone: Zone) -> Result<()> {
        if !self.policy.eq_ignore_ascii_case("EXCEPTION") {
            return Ok(());
        }
        let each = self.each.as_ref().filter(|each| each.is_valid(row)).map(|each| each.value(row));
        let Some(pattern) = self.text.as_deref().or(each) else { return Ok(()) };
        let old = Pattern::under("LEGACY", pattern, self.purpose);
        if old.is_ok_and(|old| old.parse_timestamp(text, zone).is_ok()) {
            return Err(SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.PARSE_DATETIME_BY_NEW_PARSER")
                .with("datetime", format!("'{text}'"))
                .with("config", "\"spark.sql.legacy.timeParserPolicy\""));
        }
        Ok(())
    }
}

fn parse_by_pattern(args: &KernelArgs) -> Result<ArrayRef> {
    let zone = Zone::of(&args.env.time_zone)?;
    let texts = args.array(0)?;
    let texts = texts.as_string::<i32>();
    // A pattern that does not compile is an error even for try_to_timestamp, unless nothing is to be read.
    if texts.null_count() == texts.len() {
        return Ok(arrow::array::new_null_array(args.return_type, args.rows));
    }
    let patterns = Patterns::new(args, 1, Purpose::Parse)?;
    let local = matches!(args.return_type, DataType::Timestamp(_, None));
    let date = args.return_type == &DataType::Date32;
    let mut values: Vec<Option<i64>> = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        if texts.is_null(row) {
            values.push(None);
            continue;
        }
        let text = texts.value(row);
        let parsed = patterns.at(row, |pattern| {
            Ok(if local {
                pattern.parse_timestamp_ntz(text)
            } else if date {
                pattern.parse_date(text).map(i64::from)
            } else {
                pattern.parse_timestamp(text, zone)
            })
        })?;
        if matches!(parsed, Some(Err(_))) {
            patterns.refuse_what_the_old_parser_reads(row, text, zone)?;
        }
        match parsed {
            Some(Err(failure)) if !args.param.is_empty() => return Err(unparsable(&failure.to_string(), args.param)),
            parsed => values.push(parsed.and_then(Result::ok)),
        }
    }
    Ok(if date {
        Arc::new(values.into_iter().map(|days| days.map(|days| days as i32)).collect::<Date32Array>())
    } else {
        let values: TimestampMicrosecondArray = values.into_iter().collect();
        Arc::new(values.with_data_type(args.return_type.clone()))
    })
}

fn unparsable(message: &str, function: &str) -> SparkError {
    SparkError::new("CANNOT_PARSE_TIMESTAMP").with("message", message).with("func", function)
}

/// `date_format(timestamp, pattern)`.
pub fn date_format(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let time = match call.args[0].data_type {
        // The wall clock of a TIMESTAMP_NTZ is taken for one of the session, whose zone patterns can print.
        DataType::Timestamp(_, None) => cast(call.args[0].clone(), &types::timestamp(), EvalMode::Legacy, call.env)?,
        DataType::Timestamp(..) => call.args[0].clone(),
        _ => call.coerce(0, &types::timestamp())?,
    };
    let inner = call.with_args(vec![time, call.coerce(1, &DataType::Utf8)?]);
    let formatted = inner.kernel("date_format", DataType::Utf8, inner.any_nullable(), |args| {
        let times = args.array(0)?;
        let zone = zone_of(times.data_type(), &args.env.time_zone)?;
        let times = times.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>();
        format_all(args, &times, zone, 1)
    });
    Ok(formatted.named(call.display()))
}

/// `from_unixtime(seconds[, pattern])`.
pub fn from_unixtime(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let inner = with_default_pattern(call, vec![call.coerce(0, &DataType::Int64)?])?;
    Ok(inner.kernel("from_unixtime", DataType::Utf8, true, |args| {
        let zone = Zone::of(&args.env.time_zone)?;
        let seconds = args.array(0)?;
        let micros: Int64Array = seconds.as_primitive::<Int64Type>().unary(|s| s.wrapping_mul(SECOND_US));
        format_all(args, &micros, zone, 1)
    }))
}

fn with_default_pattern<'a>(call: &Call<'a>, mut args: Vec<Typed>) -> Result<Call<'a>> {
    args.push(match call.args.get(1) {
        Some(_) => call.coerce(1, &DataType::Utf8)?,
        None => Typed::literal(ScalarValue::from(DEFAULT_PATTERN), DEFAULT_PATTERN),
    });
    Ok(Call { name: call.name, args, distinct: false, ignore_nulls: false, env: call.env })
}

fn format_all(args: &KernelArgs, micros: &Int64Array, zone: Zone, pattern: usize) -> Result<ArrayRef> {
    let patterns = Patterns::new(args, pattern, Purpose::Format)?;
    let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 20);
    let mut text = String::with_capacity(32);
    for row in 0..args.rows {
        if micros.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        match patterns.at(row, |pattern| pattern.write_timestamp(&mut text, micros.value(row), zone))? {
            Some(()) => builder.append_value(&text),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// `unix_timestamp([x[, pattern]])`, `to_unix_timestamp(x[, pattern])`: seconds since the epoch.
pub fn unix_timestamp(call: &Call) -> Result<Typed> {
    if call.args.is_empty() && call.name.eq_ignore_ascii_case("unix_timestamp") {
        let seconds = ScalarValue::Int64(Some(call.env.now_us.div_euclid(SECOND_US)));
        return Ok(Typed::literal(seconds, format!("unix_timestamp(current_timestamp(), {DEFAULT_PATTERN})")));
    }
    call.arity(1..=2)?;
    let value = match call.args[0].data_type {
        DataType::Utf8 | DataType::Date32 | DataType::Timestamp(..) => call.args[0].clone(),
        DataType::Null => call.coerce(0, &DataType::Utf8)?,
        _ => return Err(call.unexpected_type(0, "(\"STRING\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\")")),
    };
    let text = value.data_type == DataType::Utf8;
    let inner = with_default_pattern(call, vec![value])?;
    let nullable = inner.any_nullable() || (text && !call.env.ansi);
    Ok(inner.kernel("unix_timestamp", DataType::Int64, nullable, seconds_of))
}

fn seconds_of(args: &KernelArgs) -> Result<ArrayRef> {
    let values = args.array(0)?;
    let zone = Zone::of(&args.env.time_zone)?;
    match values.data_type() {
        DataType::Date32 => {
            let seconds = |days: i32| zone.to_utc(i64::from(days) * DAY_US).div_euclid(SECOND_US);
            Ok(Arc::new(values.as_primitive::<Date32Type>().unary::<_, Int64Type>(seconds)))
        }
        DataType::Timestamp(..) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>();
            Ok(Arc::new(micros.unary::<_, Int64Type>(|us| us.div_euclid(SECOND_US))))
        }
        _ => {
            let patterns = Patterns::new(args, 1, Purpose::Parse)?;
            let texts = values.as_string::<i32>();
            let mut result = Vec::with_capacity(args.rows);
            for row in 0..args.rows {
                if texts.is_null(row) {
                    result.push(None);
                    continue;
                }
                let parsed = patterns.at(row, |pattern| Ok(pattern.parse_timestamp(texts.value(row), zone)))?;
                if matches!(parsed, Some(Err(_))) {
                    patterns.refuse_what_the_old_parser_reads(row, texts.value(row), zone)?;
                }
                match parsed {
                    Some(Err(failure)) if args.env.ansi => {
                        return Err(unparsable(&failure.to_string(), "`try_to_timestamp`"));
                    }
                    parsed => result.push(parsed.and_then(Result::ok).map(|us| us.div_euclid(SECOND_US))),
                }
            }
            Ok(Arc::new(result.into_iter().collect::<Int64Array>()))
        }
    }
}

macro_rules! since_epoch {
    ($($function:ident, $divisor:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub fn $function(call: &Call) -> Result<Typed> {
            call.arity(1)?;
            // Only TIMESTAMP is an instant.
            if call.args[0].data_type == types::timestamp_ntz() {
                return Err(call.unexpected_type(0, "\"TIMESTAMP\""));
            }
            let inner = call.coerced(&[types::timestamp()])?;
            Ok(inner.kernel(stringify!($function), DataType::Int64, inner.any_nullable(), |args| {
                let micros = args.array(0)?;
                let micros = micros.as_primitive::<TimestampMicrosecondType>();
                Ok(Arc::new(micros.unary::<_, Int64Type>(|us| us.div_euclid($divisor))))
            }))
        }
    )*};
}

since_epoch! {
    unix_seconds, SECOND_US, "`unix_seconds(timestamp)`.";
    unix_millis, 1_000, "`unix_millis(timestamp)`.";
    unix_micros, 1, "`unix_micros(timestamp)`.";
}

/// `unix_date(date)`: days since the epoch.
pub fn unix_date(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Date32])?;
    Ok(inner.kernel("unix_date", DataType::Int32, inner.any_nullable(), |args| {
        Ok(Arc::new(args.array(0)?.as_primitive::<Date32Type>().reinterpret_cast::<Int32Type>()))
    }))
}

/// `date_from_unix_date(days)`.
pub fn date_from_unix_date(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Int32])?;
    Ok(inner.kernel("date_from_unix_date", DataType::Date32, inner.any_nullable(), |args| {
        Ok(Arc::new(args.array(0)?.as_primitive::<Int32Type>().reinterpret_cast::<Date32Type>()))
    }))
}

/// `timestamp_millis(n)`.
pub fn timestamp_millis(call: &Call) -> Result<Typed> {
    whole(call, "timestamp_millis", |args| scaled(args, 1_000))
}

/// `timestamp_micros(n)`.
pub fn timestamp_micros(call: &Call) -> Result<Typed> {
    whole(call, "timestamp_micros", |args| scaled(args, 1))
}

fn whole(call: &Call, name: &'static str, kernel: crate::kernel::Kernel) -> Result<Typed> {
    call.arity(1)?;
    if !(call.args[0].data_type.is_integer() || call.args[0].data_type == DataType::Null) {
        return Err(call.unexpected_type(0, "\"INTEGRAL\""));
    }
    let inner = call.coerced(&[DataType::Int64])?;
    Ok(inner.kernel(name, types::timestamp(), inner.any_nullable(), kernel))
}

fn scaled(args: &KernelArgs, factor: i64) -> Result<ArrayRef> {
    let numbers = args.array(0)?;
    let numbers = numbers.as_primitive::<Int64Type>();
    let result: PrimitiveArray<TimestampMicrosecondType> =
        numbers.try_unary(|number| number.checked_mul(factor).ok_or_else(long_overflow))?;
    Ok(Arc::new(result.with_data_type(args.return_type.clone())))
}

/// Java's plain ArithmeticException.
fn long_overflow() -> SparkError {
    SparkError::new("_LEGACY_ARITHMETIC").with_message("long overflow")
}

/// `timestamp_seconds(n)`: fractions count.
pub fn timestamp_seconds(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let data_type = call.args[0].data_type.clone();
    match data_type {
        DataType::Float32 | DataType::Float64 => {
            let inner = call.coerced(&[DataType::Float64])?;
            // NaN and infinity have no time.
            Ok(inner.kernel("timestamp_seconds", types::timestamp(), true, |args| {
                let seconds = args.array(0)?;
                let result: TimestampMicrosecondArray = seconds
                    .as_primitive::<Float64Type>()
                    .iter()
                    .map(|s| s.filter(|s| s.is_finite()).map(|s| (s * SECOND_US as f64) as i64))
                    .collect();
                Ok(Arc::new(result.with_data_type(args.return_type.clone())))
            }))
        }
        DataType::Decimal128(..) => {
            Ok(call.kernel("timestamp_seconds", types::timestamp(), call.any_nullable(), |args| {
                let seconds = args.array(0)?;
                let DataType::Decimal128(_, scale) = *seconds.data_type() else {
                    return Err(SparkError::internal("timestamp_seconds of another type"));
                };
                let result: PrimitiveArray<TimestampMicrosecondType> =
                    seconds.as_primitive::<Decimal128Type>().try_unary(|value| decimal_micros(value, scale))?;
                Ok(Arc::new(result.with_data_type(args.return_type.clone())))
            }))
        }
        data_type if data_type.is_integer() || data_type == DataType::Null => {
            whole(call, "timestamp_seconds", |args| scaled(args, SECOND_US))
        }
        _ => Err(call.unexpected_type(0, "\"NUMERIC\"")),
    }
}

fn decimal_micros(value: i128, scale: i8) -> Result<i64> {
    let micros = if scale <= 6 {
        value.checked_mul(10_i128.pow((6 - scale) as u32)).ok_or_else(long_overflow)?
    } else {
        let divisor = 10_i128.pow((scale - 6) as u32);
        if value % divisor != 0 {
            return Err(SparkError::new("_LEGACY_ARITHMETIC").with_message("Rounding necessary"));
        }
        value / divisor
    };
    i64::try_from(micros).map_err(|_| long_overflow())
}
