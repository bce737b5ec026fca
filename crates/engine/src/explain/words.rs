//! Expressions in Spark's words, whichever plan they are of: operators between brackets, functions by Spark's names.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Operator, WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;

/// A column: `name#id`, as Spark does with an `L` behind the id of a long.
pub fn column(own: &str, data_type: Option<&DataType>) -> String {
    let long = data_type == Some(&DataType::Int64) && own.contains('#');
    format!("{own}{}", if long { "L" } else { "" })
}

/// Columns that gather facts of files, which users do not see.
pub fn is_hidden(column: &str) -> bool {
    column.starts_with("__") || column.starts_with("_metadata#")
}

/// A constant.
pub fn literal(value: &ScalarValue) -> String {
    match value {
        value if value.is_null() => "null".into(),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            text.clone()
        }
        ScalarValue::Float64(Some(number)) => format!("{number:?}"),
        ScalarValue::Float32(Some(number)) => format!("{number:?}"),
        ScalarValue::Decimal128(Some(digits), _, scale) => decimal(*digits, *scale),
        ScalarValue::Binary(Some(bytes)) => {
            format!("0x{}", bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
        }
        other => other.to_string(),
    }
}

fn decimal(digits: i128, scale: i8) -> String {
    let Ok(scale @ 1..) = usize::try_from(scale) else { return digits.to_string() };
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, part) = text.split_at(text.len() - scale);
    format!("{}{whole}.{part}", if digits < 0 { "-" } else { "" })
}

/// `left op right`.
pub fn binary(op: Operator, left: &str, right: &str) -> String {
    match op {
        Operator::NotEq => format!("NOT ({left} = {right})"),
        Operator::IsNotDistinctFrom => format!("({left} <=> {right})"),
        Operator::IsDistinctFrom => format!("NOT ({left} <=> {right})"),
        Operator::BitwiseXor => format!("({left} ^ {right})"),
        op => format!("({left} {op} {right})"),
    }
}

pub fn cast(input: &str, to: &DataType) -> String {
    format!("cast({input} as {})", name::simple(to))
}

/// The call of a function by its name in plans, and the setting of its kernel.
pub fn call(own: &str, param: &str, returns: Option<&DataType>, args: &[String]) -> String {
    let first = param.split(' ').next().unwrap_or("");
    let plain = own.trim_start_matches("spark_").trim_start_matches("ansi_").trim_start_matches("placed:");
    match (plain, args, returns) {
        ("arithmetic", [left, right], _) => match first {
            _ if param.contains("try") => format!("try_{}({left}, {right})", tried(first)),
            "pmod" => format!("pmod({left}, {right})"),
            symbol => format!("({left} {symbol} {right})"),
        },
        ("unary", [only], _) if param == "-" || param == "negative" => format!("-{only}"),
        ("unary", [only], _) => format!("{first}({only})"),
        ("cast", [only], Some(to)) => cast(only, to),
        ("normalize" | "guarded" | "like_pattern", [only, ..], _) => only.clone(),
        ("equal", [left, right], _) => format!("({left} = {right})"),
        ("compare", [left, right], _) => format!("({left} {param} {right})"),
        ("extremum", ..) => format!("{first}({})", args.join(", ")),
        ("binary_match" | "starts_with" | "ends_with" | "contains", [left, right], _) => {
            let what = if plain == "binary_match" { param } else { plain };
            match what.replace('_', "").as_str() {
                "startswith" => format!("StartsWith({left}, {right})"),
                "endswith" => format!("EndsWith({left}, {right})"),
                _ => format!("Contains({left}, {right})"),
            }
        }
        ("make_array", ..) => format!("array({})", args.join(", ")),
        _ => format!("{plain}({})", args.join(", ")),
    }
}

fn tried(symbol: &str) -> &'static str {
    match symbol {
        "+" => "add",
        "-" => "subtract",
        "*" => "multiply",
        "%" => "mod",
        _ => "divide",
    }
}

/// `CASE ... END`.
pub fn case(base: Option<String>, branches: &[(String, String)], otherwise: Option<String>) -> String {
    let mut text = String::from("CASE");
    for (condition, value) in branches {
        let condition = match &base {
            Some(base) => format!("({base} = {condition})"),
            None => condition.clone(),
        };
        text.push_str(&format!(" WHEN {condition} THEN {value}"));
    }
    if let Some(value) = otherwise {
        text.push_str(&format!(" ELSE {value}"));
    }
    text + " END"
}

/// `x IN (a,b)`.
pub fn in_list(negated: bool, input: &str, items: &[String]) -> String {
    format!("{}{input} IN ({})", if negated { "NOT " } else { "" }, items.join(","))
}

pub fn like(negated: bool, ignore_case: bool, input: &str, pattern: &str) -> String {
    let test = if ignore_case { format!("ilike({input}, {pattern})") } else { format!("{input} LIKE {pattern}") };
    if negated { format!("NOT {test}") } else { test }
}

/// A key of an order.
pub fn sort(input: &str, ascending: bool, nulls_first: bool) -> String {
    let direction = if ascending { "ASC" } else { "DESC" };
    format!("{input} {direction} NULLS {}", if nulls_first { "FIRST" } else { "LAST" })
}

/// `f(x) windowspecdefinition(..)`.
pub fn window(function: &str, partition: &[String], order: &[String], frame: &WindowFrame) -> String {
    let units = match frame.units {
        WindowFrameUnits::Rows => "RowFrame",
        _ => "RangeFrame",
    };
    let bound = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(value) if value.is_null() => "unboundedpreceding$()".to_string(),
        WindowFrameBound::Following(value) if value.is_null() => "unboundedfollowing$()".to_string(),
        WindowFrameBound::Preceding(value) => format!("-{}", literal(value)),
        WindowFrameBound::Following(value) => literal(value),
        WindowFrameBound::CurrentRow => "currentrow$()".to_string(),
    };
    let frame = format!("specifiedwindowframe({units}, {}, {})", bound(&frame.start_bound), bound(&frame.end_bound));
    let parts: Vec<&str> = partition.iter().chain(order).map(String::as_str).chain([frame.as_str()]).collect();
    format!("{function} windowspecdefinition({})", parts.join(", "))
}

/// A name that may not be one of Spark's: without the prefix that functions of our own have.
pub fn function(own: &str) -> String {
    own.trim_start_matches("spark_").trim_start_matches("ansi_").to_lowercase()
}
