//! `reflect`, `java_method`, `try_reflect`: static methods of Java classes. There is no JVM here; those that scripts
//! use are written anew, any other is refused by name.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, kernel_expr};
use crate::rowwise::{string_at, strings, write_strings};
use crate::{Call, Typed, constant};

/// A method: its arguments as texts; None is an exception or a result of NULL.
type Method = fn(&[&str]) -> Option<String>;

/// Class, method, number of arguments.
const METHODS: &[(&str, &str, usize, Method)] = &[
    ("java.util.UUID", "fromString", 1, |a| uuid::Uuid::parse_str(a[0]).ok().map(|id| id.to_string())),
    ("java.util.UUID", "randomUUID", 0, |_| Some(uuid::Uuid::new_v4().to_string())),
    ("java.lang.Math", "abs", 1, |a| {
        a[0].parse::<i64>().map(|v| v.wrapping_abs().to_string()).ok().or_else(|| float(a[0], f64::abs))
    }),
    ("java.lang.Math", "sqrt", 1, |a| float(a[0], f64::sqrt)),
    ("java.lang.Math", "cbrt", 1, |a| float(a[0], f64::cbrt)),
    ("java.lang.Math", "ceil", 1, |a| float(a[0], f64::ceil)),
    ("java.lang.Math", "floor", 1, |a| float(a[0], f64::floor)),
    ("java.lang.Math", "max", 2, |a| compared(a, |x, y| x.max(y), f64::max)),
    ("java.lang.Math", "min", 2, |a| compared(a, |x, y| x.min(y), f64::min)),
    ("java.lang.String", "valueOf", 1, |a| Some(a[0].to_string())),
    ("java.lang.Integer", "parseInt", 1, |a| a[0].parse::<i32>().ok().map(|v| v.to_string())),
    ("java.lang.Integer", "toHexString", 1, |a| a[0].parse::<i32>().ok().map(|v| format!("{v:x}"))),
    ("java.lang.Integer", "toBinaryString", 1, |a| a[0].parse::<i32>().ok().map(|v| format!("{v:b}"))),
    ("java.lang.Long", "parseLong", 1, |a| a[0].parse::<i64>().ok().map(|v| v.to_string())),
    ("java.lang.Long", "toHexString", 1, |a| a[0].parse::<i64>().ok().map(|v| format!("{v:x}"))),
    ("java.net.URLEncoder", "encode", 1, |a| Some(super::url::encode(a[0]))),
    ("java.net.URLEncoder", "encode", 2, |a| Some(super::url::encode(a[0]))),
    ("java.net.URLDecoder", "decode", 1, |a| super::url::decode(a[0])),
    ("java.net.URLDecoder", "decode", 2, |a| super::url::decode(a[0])),
    // Raises an exception for false, else has no result.
    ("scala.Predef", "require", 1, |_| None),
];

/// Where Spark and what it brings along have their classes.
const PACKAGES: &[&str] = &["java", "javax", "jdk", "sun", "scala", "org", "com", "io", "net"];

fn float(text: &str, of: fn(f64) -> f64) -> Option<String> {
    text.parse::<f64>().ok().map(|value| crate::cast::text::format_f64(of(value)))
}

fn compared(texts: &[&str], whole: fn(i64, i64) -> i64, fraction: fn(f64, f64) -> f64) -> Option<String> {
    if let (Ok(a), Ok(b)) = (texts[0].parse(), texts[1].parse()) {
        return Some(whole(a, b).to_string());
    }
    let (a, b) = (texts[0].parse().ok()?, texts[1].parse().ok()?);
    Some(crate::cast::text::format_f64(fraction(a, b)))
}

/// `reflect(class, method[, argument, ...])`, `java_method(...)`.
pub(super) fn reflect(call: &Call) -> Result<Typed> {
    build(call, "")
}

/// `try_reflect(class, method[, argument, ...])`: NULL where the method throws.
pub(super) fn try_reflect(call: &Call) -> Result<Typed> {
    build(call, "try;")
}

fn build(call: &Call, tried: &str) -> Result<Typed> {
    call.arity(2..)?;
    let word = |index: usize| match constant::evaluate(&call.args[index].expr) {
        Some(ScalarValue::Utf8(Some(word))) => Ok(word),
        _ => {
            call.constant(index)?;
            Err(call.unexpected_type(index, "\"STRING\""))
        }
    };
    let (class, method) = (word(0)?, word(1)?);
    // Of packages that a JVM with Spark has nobody knows here what they hold; others it has not either.
    if !PACKAGES.contains(&class.split('.').next().unwrap_or_default()) || !class.contains('.') {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_CLASS_TYPE")
            .with("className", class)
            .with("sqlExpr", format!("\"{}\"", call.display())));
    }
    let mut args = vec![];
    for index in 2..call.args.len() {
        args.push(call.coerce(index, &DataType::Utf8)?.expr);
    }
    let Some(known) = METHODS.iter().position(|known| known.0 == class && known.1 == method && known.2 == args.len())
    else {
        return Err(SparkError::unsupported(
            format!("the Java method {class}.{method} with {} arguments", args.len()),
            "There is no JVM here: use a function of SQL or of Python.",
        ));
    };
    let param = format!("{tried}{known}");
    let expr = kernel_expr("ansi_reflect", args, DataType::Utf8, true, Volatility::Volatile, call.env, param, kernel);
    Ok(Typed::new(expr, call.display(), DataType::Utf8, true))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (tried, number) = match args.param.strip_prefix("try;") {
        Some(number) => (true, number),
        None => (false, args.param),
    };
    let known = number.parse::<usize>().ok().and_then(|number| METHODS.get(number));
    let (class, name, _, method) = known.ok_or_else(|| SparkError::internal("the number of a method"))?;
    let columns = (0..args.args.len()).map(|index| strings(args, index)).collect::<Result<Vec<_>>>()?;
    write_strings(args.rows, |row, out| {
        let values: Option<Vec<&str>> = columns.iter().map(|column| string_at(column, row)).collect();
        match values.and_then(|values| method(&values)) {
            Some(text) => {
                out.push_str(&text);
                Ok(true)
            }
            None if tried || columns.iter().any(|column| string_at(column, row).is_none()) => Ok(false),
            None => Err(SparkError::unsupported(format!("an exception in {class}.{name}"), "Use try_reflect.")),
        }
    })
}
