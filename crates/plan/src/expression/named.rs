//! Arguments given by name to functions of the table: `mask(str => 'a', otherChar => 'o')`.

use std::borrow::Cow;

use firesteel_protocol::connect::{self as pb, expression::ExprType, expression::literal::LiteralType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::sql::build;

/// What a parameter is where its argument is left out.
#[derive(Clone, Copy)]
enum Missing {
    Required,
    Text(&'static str),
    Int(i32),
    Null,
}

use Missing::{Int, Null, Required, Text};

type Parameter = (&'static str, Missing);

const COLLECTION: &[Parameter] = &[("collection", Required)];
const INPUT: &[Parameter] = &[("input", Required)];
const MASK: &[Parameter] = &[
    ("str", Required),
    ("upperChar", Text("X")),
    ("lowerChar", Text("x")),
    ("digitChar", Text("n")),
    ("otherChar", Null),
];
const COUNT_MIN: &[Parameter] =
    &[("column", Required), ("epsilon", Required), ("confidence", Required), ("seed", Required)];

const TUPLES: &[Parameter] =
    &[("key", Required), ("summary", Required), ("lgNomEntries", Int(12)), ("mode", Text("sum"))];
const TUPLES_UNITED: &[Parameter] = &[("child", Required), ("lgNomEntries", Int(12)), ("mode", Text("sum"))];
const TWO_TUPLES: &[Parameter] =
    &[("first", Required), ("second", Required), ("lgNomEntries", Int(12)), ("mode", Text("sum"))];

/// Functions of which Spark makes expressions that take a named argument as any other.
const TAKES_ANY: &[&str] = &[
    "struct",
    "when",
    "bigint",
    "binary",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "int",
    "smallint",
    "string",
    "time",
    "timestamp",
    "tinyint",
    "stack",
    "json_tuple",
    "sql_keywords",
    "collations",
];

/// The functions whose arguments may be named, and their parameters.
fn parameters(function: &str) -> Option<&'static [Parameter]> {
    Some(match function {
        "explode" | "explode_outer" | "posexplode" | "posexplode_outer" => COLLECTION,
        "inline" | "inline_outer" | "variant_explode" | "variant_explode_outer" => INPUT,
        "mask" => MASK,
        "count_min_sketch" => COUNT_MIN,
        "tuple_sketch_agg_double" | "tuple_sketch_agg_integer" => TUPLES,
        "tuple_union_agg_double" | "tuple_union_agg_integer" => TUPLES_UNITED,
        "tuple_union_double" | "tuple_union_integer" | "tuple_union_theta_double" | "tuple_union_theta_integer" => {
            TWO_TUPLES
        }
        _ => return None,
    })
}

/// The arguments in the order of the parameters, with defaults for those left out in between. Errors as Spark's if a name is
/// unknown, given twice or before an argument without one, and if a parameter has no argument.
pub fn in_order<'m>(function: &str, arguments: &'m [pb::Expression]) -> Result<Cow<'m, [pb::Expression]>> {
    let named = |one: &pb::Expression| matches!(one.expr_type, Some(ExprType::NamedArgumentExpression(_)));
    let Some(parameters) = parameters(function) else {
        if arguments.iter().any(named) && !TAKES_ANY.contains(&function) {
            return Err(SparkError::new("NAMED_PARAMETERS_NOT_SUPPORTED").with("functionName", name::quote(function)));
        }
        return Ok(Cow::Borrowed(arguments));
    };
    let starred = arguments.iter().any(|one| matches!(one.expr_type, Some(ExprType::UnresolvedStar(_))));
    let first = arguments.iter().position(named).unwrap_or(arguments.len());
    if starred || first > parameters.len() {
        return Ok(Cow::Borrowed(arguments));
    }
    let wrong = |condition: &str, parameter: &str| {
        SparkError::new(condition)
            .with("routineName", name::quote(function))
            .with("parameterName", name::quote(parameter))
    };
    let mut given: Vec<Option<pb::Expression>> = vec![None; parameters.len()];
    for (place, argument) in given.iter_mut().zip(&arguments[..first]) {
        *place = Some(argument.clone());
    }
    let mut last = "";
    for argument in &arguments[first..] {
        let Some(ExprType::NamedArgumentExpression(named)) = &argument.expr_type else {
            return Err(wrong("UNEXPECTED_POSITIONAL_ARGUMENT", last));
        };
        last = &named.key;
        let Some(at) = parameters.iter().position(|(own, _)| own.eq_ignore_ascii_case(last)) else {
            return Err(unrecognized(function, last, parameters));
        };
        if given[at].is_some() {
            let kind = if at < first { "BOTH_POSITIONAL_AND_NAMED" } else { "DOUBLE_NAMED_ARGUMENT_REFERENCE" };
            return Err(wrong(&format!("DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.{kind}"), parameters[at].0));
        }
        given[at] = named.value.as_deref().cloned();
    }
    // Defaults behind the last argument are the function's own matter.
    let end = given.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let mut ordered = Vec::with_capacity(parameters.len());
    for (at, (argument, (parameter, default))) in given.into_iter().zip(parameters).enumerate() {
        match (argument, default) {
            (Some(argument), _) => ordered.push(argument),
            (None, Required) => {
                return Err(wrong("REQUIRED_PARAMETER_NOT_FOUND", parameter).with("index", (at - first).to_string()));
            }
            (None, _) if at >= end => {}
            (None, Text(text)) => ordered.push(build::text(*text)),
            (None, Int(value)) => ordered.push(build::int(*value)),
            (None, Null) => ordered.push(build::literal(LiteralType::Null(pb::DataType::default()))),
        }
    }
    Ok(Cow::Owned(ordered))
}

fn unrecognized(function: &str, argument: &str, parameters: &[Parameter]) -> SparkError {
    let distance = |own: &str| datafusion::common::utils::datafusion_strsim::levenshtein(&name::quote(own), argument);
    let mut known: Vec<&str> = parameters.iter().map(|(own, _)| *own).collect();
    known.sort_by_key(|own| distance(own));
    let proposal: Vec<String> = known.into_iter().take(3).map(name::quote).collect();
    SparkError::new("UNRECOGNIZED_PARAMETER_NAME")
        .with("routineName", name::quote(function))
        .with("argumentName", name::quote(argument))
        .with("proposal", proposal.join(" "))
}
