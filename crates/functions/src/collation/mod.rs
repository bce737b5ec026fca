//! Collations: which strings are equal, and in which order they stand.
//!
//! There is no second engine for them. Where strings are compared, each stands as its key (see [`mod@key`]), a string whose
//! bytes are equal and ordered as the collation says; functions that cut or replace text have kernels in [`text`]. The
//! rules for which collation several strings have together are Spark's: an explicit one (`COLLATE`), else that of the
//! columns, else that of the session.

mod array;
mod case;
mod find;
pub mod key;
mod rule;
mod rules;
mod search;
mod text;

use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::collation::{self, BINARY, INDETERMINATE, within};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

pub(crate) use array::relabelled;
pub use key::{is_key, key, key_of_column};

use crate::rowwise::text as text_value;
use crate::{Call, Typed};
use rule::{Compares, rule};

/// Metadata of an expression, not of a column: its collation was written by `COLLATE`.
pub const EXPLICIT_KEY: &str = "__FIRESTEEL_COLLATION_EXPLICIT";

/// Functions that see to collations themselves.
const UNTOUCHED: [&str; 17] = [
    "listagg",
    "string_agg",
    "collate",
    "collation",
    "typeof",
    "collect_set",
    "map",
    "map_from_arrays",
    "map_from_entries",
    "map_concat",
    "map_keys",
    "map_values",
    "map_entries",
    "map_contains_key",
    "element_at",
    "try_element_at",
    "mode",
];

/// Functions whose names in Spark keep literals as they were written.
const AS_WRITTEN: [&str; 4] = ["between", "nullif", "nvl2", "btrim"];

/// Builds a call whose arguments may have collations of their own.
///
/// # Errors
/// `COLLATION_MISMATCH.EXPLICIT` and `INDETERMINATE_COLLATION_IN_EXPRESSION` as Spark has them, and what `build` says.
pub fn call<'a>(call: &Call<'a>, build: impl Fn(&Call) -> Result<Typed>) -> Result<Typed> {
    if !call.args.iter().any(has_own) || UNTOUCHED.contains(&call.name) {
        return build(call);
    }
    let rule = rule(call.name);
    let mut shared: Vec<&Typed> = call.args.iter().filter(|arg| of_strings(arg).is_some()).collect();
    if !rule.coerced {
        shared.truncate(1);
    }
    let Some(common) = common(&shared)? else { return build(call) };
    if common.name == INDETERMINATE && rule.compares == Compares::WhenRun {
        return Err(SparkError::new("INDETERMINATE_COLLATION"));
    }
    if common.name == INDETERMINATE && rule.compares == Compares::AsResolved || differ_within(call, rule) {
        let shown = match call.name {
            "nullif" => format!("(commonexpressionref() = {})", call.args[1].name),
            _ => build(call)?.name,
        };
        return Err(SparkError::new("INDETERMINATE_COLLATION_IN_EXPRESSION").with("expr", format!("\"{shown}\"")));
    }
    let renames = rule.coerced && !AS_WRITTEN.contains(&call.name);
    let args = if renames { call.args.iter().map(|arg| shown(arg, &common.name)).collect() } else { call.args.clone() };
    let call = call.with_args(args);
    rule.refuse_collation(&call, &common.name, &build)?;
    let typed = if common.name == BINARY || common.name == INDETERMINATE {
        let args = if rule.compares == Compares::No {
            call.args.iter().map(implicit).collect()
        } else {
            call.args.iter().map(plain).collect()
        };
        build(&call.with_args(args))?
    } else {
        rule.apply(&call, &common.name, &build)?
    };
    Ok(match (rule.carries, call.name) {
        (true, _) => carried(typed, &common, &call),
        (false, "struct" | "named_struct") => typed,
        (false, _) => plain(&typed),
    })
}

/// Whether values are compared whose parts have other collations.
fn differ_within(call: &Call, rule: rule::Rule) -> bool {
    let nested = |arg: &Typed| matches!(arg.data_type, arrow::datatypes::DataType::Struct(_));
    let differ = |pair: &[Typed]| nested(&pair[0]) && nested(&pair[1]) && shape(&pair[0]) != shape(&pair[1]);
    rule.compares == Compares::AsResolved && call.args.windows(2).any(differ)
}

/// The collations of the fields of a struct.
fn shape(arg: &Typed) -> Vec<&str> {
    match &arg.data_type {
        arrow::datatypes::DataType::Struct(fields) => fields.iter().map(|field| of_column(field)).collect(),
        _ => vec![],
    }
}

/// Two strings that are compared elsewhere than in a call, as their keys.
///
/// # Errors
/// As [`call`]; `shown` is the comparison's name.
pub fn compared(left: Typed, right: Typed, shown: &str, env: &crate::Env) -> Result<(Typed, Typed)> {
    if !has_own(&left) && !has_own(&right) {
        return Ok((left, right));
    }
    match common(&[&left, &right])? {
        Some(common) if common.name == INDETERMINATE => {
            Err(SparkError::new("INDETERMINATE_COLLATION_IN_EXPRESSION").with("expr", format!("\"{shown}\"")))
        }
        Some(common) => Ok((key::key_as(&left, &common.name, env), key::key_as(&right, &common.name, env))),
        None => Ok((left, right)),
    }
}

/// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for functions whose first argument is a string of UTF8_BINARY only.
pub(crate) fn refuse_collated(call: &Call, required: &str) -> Result<()> {
    match call.args.first() {
        Some(arg) if collation::of(&arg.metadata) != BINARY => Err(call.unexpected_type(0, required)),
        _ => Ok(()),
    }
}

/// Whether the strings of a call's result are none of its arguments': they have the collation of where the call stands.
pub fn makes_strings(call: &Call) -> bool {
    let nested = call.args.iter().any(|arg| arg.data_type.is_nested());
    let text = call.args.iter().any(|arg| arg.data_type == arrow::datatypes::DataType::Utf8);
    let hands_on = text && (rule(call.name).carries || UNTOUCHED.contains(&call.name)) || nested;
    !hands_on && call.name != "string" || matches!(call.name, "to_json" | "to_csv" | "to_xml" | "typeof")
}

/// Whether an expression is of a collation other than UTF8_BINARY, or of one that was written.
pub fn has_own(arg: &Typed) -> bool {
    arg.metadata.contains_key(collation::COLLATION_KEY)
        || arg.metadata.contains_key(EXPLICIT_KEY)
        || arg.data_type.is_nested() && within(&arg.data_type)
}

/// The collation of a column.
pub fn of_column(field: &arrow::datatypes::Field) -> &str {
    collation::of(field.metadata())
}

/// The collation of several strings together.
#[derive(Debug, Clone)]
struct Common {
    name: String,
    explicit: bool,
}

/// The collation that strings have together; UTF8_BINARY where there are none.
///
/// # Errors
/// As [`call`].
pub fn of_all<'a>(args: impl Iterator<Item = &'a Typed>) -> Result<String> {
    let args: Vec<&Typed> = args.filter(|arg| arg.data_type == arrow::datatypes::DataType::Utf8).collect();
    Ok(common(&args)?.map_or_else(|| BINARY.to_string(), |own| own.name))
}

/// None where there are no strings.
fn common(args: &[&Typed]) -> Result<Option<Common>> {
    let mut explicit: Vec<&str> = vec![];
    let mut implicit: Vec<&str> = vec![];
    let mut defaults: Vec<&str> = vec![];
    let mut strings = false;
    for arg in args {
        let Some(own) = of_strings(arg) else { continue };
        strings = true;
        let known = if arg.metadata.contains_key(EXPLICIT_KEY) {
            &mut explicit
        } else if !is_default(&arg.expr) || arg.name.starts_with("variablereference(") {
            &mut implicit
        } else if own != BINARY {
            // That of the view or function in which it stands.
            &mut defaults
        } else {
            continue;
        };
        if !known.contains(&own) {
            known.push(own);
        }
    }
    if explicit.len() > 1 {
        let types: Vec<String> =
            explicit.iter().map(|own| format!("\"STRING COLLATE {}\"", own.to_uppercase())).collect();
        return Err(SparkError::new("COLLATION_MISMATCH.EXPLICIT").with("explicitTypes", types.join(", ")));
    }
    let name = match (&explicit[..], &implicit[..], &defaults[..]) {
        ([own], ..) | ([], [own], _) | ([], [], [own]) => (*own).to_string(),
        ([], [], []) => BINARY.to_string(),
        _ => INDETERMINATE.to_string(),
    };
    Ok(strings.then_some(Common { name, explicit: !explicit.is_empty() }))
}

/// The collation of a string, or of the strings in an array.
fn of_strings(arg: &Typed) -> Option<&str> {
    match &arg.data_type {
        arrow::datatypes::DataType::Utf8 => Some(collation::of(&arg.metadata)),
        arrow::datatypes::DataType::List(element) if element.data_type() == &arrow::datatypes::DataType::Utf8 => {
            Some(collation::of(element.metadata()))
        }
        arrow::datatypes::DataType::List(_) | arrow::datatypes::DataType::Struct(_) if within(&arg.data_type) => {
            Some("UTF8_LCASE")
        }
        _ => None,
    }
}

/// Literals, and what is computed of them alone, take the collation of what they meet.
fn is_default(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let own = |node: &Expr| {
        matches!(
            node,
            Expr::Column(_) | Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_) | Expr::LambdaVariable(_)
        )
    };
    !expr.exists(|node| Ok(own(node))).unwrap_or(true)
}

/// An argument as Spark shows it once it has the common collation: a literal says so.
pub(crate) fn shown(arg: &Typed, common: &str) -> Typed {
    let own = arg.as_literal().filter(|_| !arg.metadata.contains_key(EXPLICIT_KEY));
    let (Some(ScalarValue::Utf8(Some(value))), false) = (own, common == BINARY || has_own(arg)) else {
        return arg.clone();
    };
    arg.clone().named(format!("'{value}' collate {common}"))
}

/// The expression as a column of its collation.
fn implicit(typed: &Typed) -> Typed {
    let mut typed = typed.clone();
    typed.metadata.remove(EXPLICIT_KEY);
    typed
}

/// The expression as one of UTF8_BINARY.
pub fn plain(typed: &Typed) -> Typed {
    let mut typed = typed.clone();
    typed.metadata.remove(collation::COLLATION_KEY);
    typed.metadata.remove(EXPLICIT_KEY);
    typed
}

/// The result of a call with the collation of its arguments.
fn carried(typed: Typed, common: &Common, call: &Call) -> Typed {
    match &typed.data_type {
        arrow::datatypes::DataType::Utf8 => with(typed, &common.name, common.explicit),
        arrow::datatypes::DataType::List(_) => array::with_collation(typed, &common.name, call.env),
        _ => typed,
    }
}

/// The expression as one of a collation.
pub fn with(mut typed: Typed, name: &str, explicit: bool) -> Typed {
    collation::record(name, &mut typed.metadata);
    if explicit {
        typed.metadata.insert(EXPLICIT_KEY.into(), String::new());
    } else {
        typed.metadata.remove(EXPLICIT_KEY);
    }
    typed
}

/// `array_sort(array)` by the collation of the array's strings; `plain` as it would be without.
pub(crate) fn sorted(call: &Call, plain: Typed) -> Result<Typed> {
    match call.args.first().and_then(of_strings) {
        Some(own) if own != BINARY => {
            let typed = array::apply(call, own, &|_| Ok(plain.clone()))?;
            Ok(array::with_collation(typed, own, call.env))
        }
        _ => Ok(plain),
    }
}

/// `collate(text, name)`.
pub(crate) fn collate(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let wanted = match call.args[1].as_literal() {
        Some(ScalarValue::Utf8(Some(wanted))) => wanted.clone(),
        _ => {
            return Err(SparkError::new("UNEXPECTED_INPUT_TYPE")
                .with("functionName", "`collate`")
                .with("paramIndex", "first")
                .with("inputSql", format!("\"{}\"", call.args[1].name))
                .with("inputType", format!("\"{}\"", call.args[1].sql_type()))
                .with("requiredType", "\"STRING\""));
        }
    };
    let name = collation::parse(&wanted)?;
    let own = &call.args[0];
    match own.data_type {
        arrow::datatypes::DataType::Utf8 => {}
        arrow::datatypes::DataType::Null => {}
        _ => return Err(call.unexpected_type(0, "\"STRING\"")),
    }
    let shown = match wanted.rsplit('.').next() {
        Some(last) => format!("collate({}, {last})", own.name),
        None => call.display(),
    };
    let typed = crate::coerce::cast_silently(own.clone(), &arrow::datatypes::DataType::Utf8, call.env)?;
    let expr = typed.expr.clone().alias(&shown);
    Ok(with(Typed { expr, ..typed }.named(shown), name, true))
}

/// `collation(text)`.
pub(crate) fn collation(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let own = collation::of(&call.args[0].metadata);
    let shown = if own == INDETERMINATE { own.to_string() } else { format!("SYSTEM.BUILTIN.{own}") };
    call.coerce(0, &arrow::datatypes::DataType::Utf8)?;
    Ok(Typed::literal(text_value(&shown), call.display()))
}

/// The type of the columns of a set operation: those of strings must have one collation.
pub fn same(left: &Typed, right: &Typed) -> bool {
    let text = |one: &Typed| one.data_type == arrow::datatypes::DataType::Utf8;
    !text(left) || !text(right) || collation::of(&left.metadata) == collation::of(&right.metadata)
}

/// The type in SQL, of strings with their collation, UTF8_BINARY too.
pub fn full_sql(typed: &Typed) -> String {
    match typed.data_type {
        arrow::datatypes::DataType::Utf8 => match collation::of(&typed.metadata) {
            INDETERMINATE => format!("STRING COLLATE {INDETERMINATE}"),
            own => format!("STRING COLLATE {}", own.to_uppercase()),
        },
        _ => name::sql_of_field(&typed.field()),
    }
}
