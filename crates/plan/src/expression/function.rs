//! Calls of functions by name: arguments, stars among them, lambdas, FILTER and its kin.

use std::cell::Cell;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::scalar::ScalarValue;
use firesteel_functions::aggregate::SortKey;
use firesteel_functions::collection::higher_order::values_before_lambdas;
use firesteel_functions::{Call, Entry, Kind, Typed, check_arity, check_text, collation, in_words, lookup, units};
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::SqlFunction;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::aggregate::contains_aggregate;
use super::lambda::{CallLambdas, Given, unresolved_name};
use super::{missing, named, star, unaliased, walk};
use crate::Resolver;
use crate::operator::python::aggregate::PythonAggregate;
use crate::resolver::Planned;
use crate::scope::Scope;

/// Functions that SQL does not know.
pub const FRAMES_ONLY: &[&str] = &["product"];

/// Generators that stand in FROM only.
const TABLES_ONLY: &[&str] = &["sql_keywords", "collations", "variant_explode", "variant_explode_outer"];

/// Functions that know IGNORE NULLS.
const IGNORES_NULLS: &[&str] = &[
    "first",
    "first_value",
    "last",
    "last_value",
    "any_value",
    "nth_value",
    "lead",
    "lag",
    "array_agg",
    "collect_list",
];

/// A call from the DataFrame API or from SQL without clauses of its own.
pub fn resolve(resolver: &Resolver, message: &pb::expression::UnresolvedFunction, scope: &Scope) -> Result<Typed> {
    let typed = call(resolver, &message.function_name, &message.arguments, message.is_distinct, false, scope)?;
    super::outer_aggregate::found(resolver, typed, scope)
}

/// `call_function(name, ..)`.
pub fn resolve_call(resolver: &Resolver, message: &pb::CallFunction, scope: &Scope) -> Result<Typed> {
    let parts = crate::sql::parse_column_name(&message.function_name)?;
    let name = parts.last().ok_or_else(|| missing("function_name", "CallFunction"))?;
    let name = if lookup(name).is_some() { name } else { &message.function_name };
    call(resolver, name, &message.arguments, false, false, scope)
}

/// A call with FILTER, WITHIN GROUP or IGNORE NULLS.
pub fn resolve_sql(resolver: &Resolver, message: &SqlFunction, scope: &Scope) -> Result<Typed> {
    let function = message.function.as_ref().ok_or_else(|| missing("function", "SqlFunction"))?;
    let ignore_nulls = message.ignore_nulls.unwrap_or(false);
    let mut typed = if message.within_group.is_empty() {
        call(resolver, &function.function_name, &function.arguments, function.is_distinct, ignore_nulls, scope)?
    } else {
        within_group(resolver, function, &message.within_group, scope)?
    };
    if message.ignore_nulls.is_some() {
        // Of the clause Spark makes another function.
        for (word, other) in [("first_value(", "first("), ("last_value(", "last(")] {
            if let Some(rest) = typed.name.strip_prefix(word) {
                typed.name = format!("{other}{rest}");
            }
        }
    }
    if let Some(filter) = message.filter.as_deref() {
        if lookup(unqualified(&function.function_name)).is_none()
            && let Some(written) = resolver.ctx.catalog.routine(&routine_name(&function.function_name))
        {
            return Err(unsupported_syntax(&written.name, "FILTER CLAUSE"));
        }
        if PythonAggregate::of(&typed.expr).is_some() {
            return Err(super::python::unsupported_syntax("FILTER CLAUSE"));
        }
        if lookup(&function.function_name).is_some_and(|entry| !matches!(entry.kind, Kind::Aggregate(_))) {
            return Err(SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
                .with("prettyName", name::quote(&function.function_name))
                .with("syntax", "FILTER CLAUSE"));
        }
        let filter = unaliased(resolver.expression(filter, scope)?);
        let invalid = |condition: &str| SparkError::new(condition).with("filterExpr", format!("\"{}\"", filter.name));
        if super::aggregate::contains_window(&filter.expr) {
            let window = message.filter.as_deref().map(|one| walk::find(one, &walk::is_window)).unwrap_or_default();
            let name = window.first().map(|one| resolver.name_with(walk::Names::Plain, one, scope)).unwrap_or_default();
            return Err(
                invalid("INVALID_AGGREGATE_FILTER.CONTAINS_WINDOW_FUNCTION").with("windowExpr", format!("\"{name}\""))
            );
        }
        if contains_aggregate(&filter.expr) {
            let inner =
                message.filter.as_deref().and_then(|filter| name_of_first(resolver, filter, scope, Kind::is_aggregate));
            return Err(invalid("INVALID_AGGREGATE_FILTER.CONTAINS_AGGREGATE")
                .with("aggExpr", format!("\"{}\"", inner.unwrap_or_default())));
        }
        if filter.data_type != arrow::datatypes::DataType::Boolean {
            return Err(invalid("INVALID_AGGREGATE_FILTER.NOT_BOOLEAN"));
        }
        if super::python::is_nondeterministic(&filter.expr) {
            return Err(invalid("INVALID_AGGREGATE_FILTER.NON_DETERMINISTIC"));
        }
        typed.name = format!("{} FILTER (WHERE {})", typed.name, filter.name);
        typed.expr = map_aggregates(typed.expr, |aggregate| {
            let filter = match aggregate.params.filter.take() {
                Some(own) => own.and(filter.expr.clone()),
                None => filter.expr.clone(),
            };
            aggregate.params.filter = Some(Box::new(filter));
        })?;
    }
    super::outer_aggregate::found(resolver, typed, scope)
}

/// The name of the first call of some kind inside of an expression.
pub(crate) fn name_of_first(
    resolver: &Resolver,
    expression: &pb::Expression,
    scope: &Scope,
    wanted: fn(&Kind) -> bool,
) -> Option<String> {
    let arguments = match expression.expr_type.as_ref()? {
        ExprType::UnresolvedFunction(call) => {
            if lookup(&call.function_name).is_some_and(|entry| wanted(&entry.kind)) {
                return resolver.expression(expression, scope).ok().map(|typed| typed.name);
            }
            call.arguments.iter().collect::<Vec<_>>()
        }
        ExprType::Window(_) => return resolver.expression(expression, scope).ok().map(|typed| typed.name),
        ExprType::Alias(alias) => alias.expr.as_deref().into_iter().collect(),
        ExprType::Cast(cast) => cast.expr.as_deref().into_iter().collect(),
        _ => vec![],
    };
    arguments.into_iter().find_map(|argument| name_of_first(resolver, argument, scope, wanted))
}

/// `f(args) WITHIN GROUP (ORDER BY ...)`.
fn within_group(
    resolver: &Resolver,
    function: &pb::expression::UnresolvedFunction,
    orders: &[pb::expression::SortOrder],
    scope: &Scope,
) -> Result<Typed> {
    use pb::expression::sort_order::{NullOrdering, SortDirection};
    let name = function.function_name.as_str();
    let entry = lookup(name).ok_or_else(|| unresolved_routine(resolver, name))?;
    let (args, _) = arguments_of(resolver, entry, name, &function.arguments, function.is_distinct, scope)?;
    let key = |order: &pb::expression::SortOrder| {
        let child = order.child.as_deref().ok_or_else(|| missing("child", "SortOrder"))?;
        let ascending = order.direction() != SortDirection::Descending;
        let nulls_first = match order.null_ordering() {
            NullOrdering::SortNullsFirst => true,
            NullOrdering::SortNullsLast => false,
            NullOrdering::SortNullsUnspecified => ascending,
        };
        let arg = unaliased(resolver.expression(child, scope)?);
        // The mode is a value, not only what values are ordered by.
        let arg = if entry.name == "mode" { arg } else { collation::key(&arg, &resolver.env_here()) };
        Ok(SortKey { arg, ascending, nulls_first })
    };
    let keys = orders.iter().map(key).collect::<Result<Vec<_>>>()?;
    let env = resolver.env_here();
    let joins = matches!(entry.name, "listagg" | "string_agg");
    if !joins && args.iter().any(collation::has_own) {
        return Err(SparkError::unsupported(
            format!("{} WITHIN GROUP of strings with a collation", entry.name),
            "Use collate(.., 'UTF8_BINARY') for its arguments.",
        ));
    }
    let call = Call { name: entry.name, args, distinct: function.is_distinct, ignore_nulls: false, env: &env };
    firesteel_functions::aggregate::within_group(&call, &keys)
}

/// Changes every aggregate call inside an expression.
pub(crate) fn map_aggregates(expr: Expr, mut change: impl FnMut(&mut AggregateFunction)) -> Result<Expr> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::AggregateFunction(mut aggregate) => {
                change(&mut aggregate);
                Transformed::yes(Expr::AggregateFunction(aggregate))
            }
            other => Transformed::no(other),
        })
    })
    .map(|transformed| transformed.data)
    .planned()
}

/// Checks the number of arguments, as Spark does before it looks at their types. Only SQL's calls are as their writer wrote them;
/// what a star stands for is not known yet.
fn count(resolver: &Resolver, entry: &Entry, arguments: &[pb::Expression]) -> Result<()> {
    let starred = arguments.iter().any(|one| matches!(one.expr_type, Some(ExprType::UnresolvedStar(_))));
    if starred || !resolver.env_here().place.is_sql() {
        return Ok(());
    }
    check_arity(entry.name, arguments.len())
}

fn call(
    resolver: &Resolver,
    function: &str,
    arguments: &[pb::Expression],
    distinct: bool,
    ignore_nulls: bool,
    scope: &Scope,
) -> Result<Typed> {
    let function = unqualified(function);
    if let Some(own) = resolver.ctx.catalog.python_function(function) {
        return super::python::call(resolver, own, arguments, distinct, scope);
    }
    let known =
        lookup(function).filter(|entry| !(FRAMES_ONLY.contains(&entry.name) && resolver.env_here().place.is_sql()));
    let Some(entry) = known else {
        let written = resolver.ctx.catalog.routine(&routine_name(function));
        let written = written.ok_or_else(|| unresolved_routine(resolver, function))?;
        if distinct {
            return Err(unsupported_syntax(&written.name, "DISTINCT"));
        }
        return super::routine::call(resolver, &written, arguments, scope);
    };
    if TABLES_ONLY.contains(&entry.name) {
        return Err(not_scalar(function));
    }
    let arguments = &*named::in_order(entry.name, arguments)?;
    let (args, lambdas) = arguments_of(resolver, entry, function, arguments, distinct, scope)?;
    count(resolver, entry, arguments)?;
    let env = resolver.env_here();
    if entry.name == "measure"
        && let Some(measure) = args.first().and_then(|arg| crate::relation::metric_view::measure(arg, scope))
    {
        let call = Call { name: entry.name, args, distinct, ignore_nulls, env: &env };
        return Ok(Typed { name: call.display(), ..measure });
    }
    let call = Call { name: entry.name, args, distinct, ignore_nulls, env: &env };
    if ignore_nulls && !IGNORES_NULLS.contains(&entry.name) {
        return Err(SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
            .with("prettyName", name::quote(entry.name))
            .with("syntax", "IGNORE NULLS"));
    }
    if distinct && !matches!(entry.kind, Kind::Aggregate(_)) {
        return Err(SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
            .with("prettyName", name::quote(entry.name))
            .with("syntax", "DISTINCT"));
    }
    let typed = match entry.kind {
        Kind::Scalar(build) => check_text(&call)
            .and_then(|()| collation::call(&call, build))
            .map(|typed| if collation::makes_strings(&call) { resolver.by_default(typed) } else { typed }),
        Kind::Aggregate(build) => collation::call(&call, build).and_then(|mut typed| {
            typed.expr = map_aggregates(typed.expr, |aggregate| {
                if ignore_nulls {
                    aggregate.params.null_treatment = Some(NullTreatment::IgnoreNulls);
                }
            })?;
            Ok(typed)
        }),
        Kind::Window(build) => collation::call(&call, build),
        Kind::HigherOrder(build) => {
            let lambdas = CallLambdas { resolver, scope, lambdas, used: Cell::new(0) };
            let built = build(&call, &lambdas).map_err(|error| with_lambdas(&call, &lambdas, error));
            built.and_then(|typed| match crate::relation::subquery::has_subquery(&typed.expr) {
                true => Err(SparkError::new("UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION")),
                false => Ok(typed),
            })
        }
        // A NULL of the type that elements have serves where only a name is asked for.
        Kind::Generator(build) if resolver.generators_shown.get() => {
            let shown = call.display();
            let generator = build(&call)?;
            let data_type = match generator.fields.as_slice() {
                [field] => field.data_type().clone(),
                _ => arrow::datatypes::DataType::Null,
            };
            let value = ScalarValue::try_from(&data_type).unwrap_or(ScalarValue::Null);
            Ok(Typed { data_type, ..Typed::literal(value, shown) })
        }
        Kind::Generator(_) => Err(SparkError::new("UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS")
            .with("expression", format!("\"{}\"", call.display()))),
    };
    typed.map(|typed| units::carry(&call, typed)).map_err(|error| in_words(&call, error))
}

/// An error about the values of a call shows the lambdas too, which have no types yet then.
fn with_lambdas(call: &Call, lambdas: &CallLambdas, error: SparkError) -> SparkError {
    let shown = format!("\"{}\"", call.display());
    if error.param("sqlExpr") != Some(shown.as_str()) {
        return error;
    }
    let mut words: Vec<String> = call.args.iter().map(|arg| arg.name.clone()).collect();
    words.extend(lambdas.lambdas.iter().map(|given| match given {
        Given::Lambda(lambda, _) => unresolved_name(lambdas.resolver, lambda, lambdas.scope),
        Given::Value(value) => {
            let value = lambdas.resolver.expression(value, lambdas.scope).map(|typed| typed.name).unwrap_or_default();
            format!("lambdafunction({value})")
        }
    }));
    if matches!(call.name, "aggregate" | "reduce") && lambdas.lambdas.len() == 1 {
        words.push("lambdafunction(id, id)".to_string());
    }
    error.with("sqlExpr", format!("\"{}({})\"", call.name, words.join(", ")))
}

/// The error of a lambda where a function takes none.
fn takes_no_lambda(entry: &Entry) -> SparkError {
    const PACKAGE: &str = "org.apache.spark.sql.catalyst.expressions";
    let class = if matches!(entry.name, "ceil" | "ceiling" | "floor") {
        format!("{PACKAGE}.{}ExpressionBuilder$", if entry.name == "floor" { "Floor" } else { "Ceil" })
    } else if entry.kind.is_aggregate() {
        format!("{PACKAGE}.aggregate.AggregateExpression")
    } else {
        let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
        let words: String = entry.name.split('_').filter(|word| !word.is_empty()).map(capitalized).collect();
        let created = matches!(entry.name, "array" | "map" | "named_struct");
        format!("{PACKAGE}.{}{words}", if created { "Create" } else { "" })
    };
    SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION").with("class", class)
}

/// A call of a function in SQL with a clause that is for aggregates.
fn unsupported_syntax(function: &str, clause: &str) -> SparkError {
    SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
        .with("prettyName", crate::scope::quote_parts(&routine_name(function)))
        .with("syntax", clause)
}

/// The name of a built-in function without the namespace that all of them are in.
pub(crate) fn unqualified(function: &str) -> &str {
    let Some((qualifier, own)) = function.rsplit_once('.') else { return function };
    let builtin = qualifier.eq_ignore_ascii_case("builtin") || qualifier.eq_ignore_ascii_case("system.builtin");
    if builtin && lookup(own).is_some() { own } else { function }
}

/// A function in SQL that an expression calls.
pub(crate) fn called_routine(
    resolver: &Resolver,
    expression: &pb::Expression,
) -> Option<std::sync::Arc<crate::routine::UserFunction>> {
    let own = walk::function_name(expression)?;
    if lookup(unqualified(&own)).is_some() {
        return None;
    }
    resolver.ctx.catalog.routine(&routine_name(&own))
}

/// Resolved arguments, lambdas apart.
fn arguments_of<'m>(
    resolver: &Resolver,
    entry: &Entry,
    function: &str,
    arguments: &'m [pb::Expression],
    distinct: bool,
    scope: &Scope,
) -> Result<(Vec<Typed>, Vec<Given<'m>>)> {
    let mut args = Vec::with_capacity(arguments.len());
    let mut lambdas = vec![];
    let values = match entry.kind {
        Kind::HigherOrder(_) => values_before_lambdas(entry.name),
        _ => usize::MAX,
    };
    for (index, argument) in arguments.iter().enumerate() {
        if let Some(ExprType::UnresolvedStar(star)) = argument.expr_type.as_ref() {
            refuse_star(resolver, entry, star, arguments.len(), distinct)?;
        }
        match argument.expr_type.as_ref() {
            Some(ExprType::LambdaFunction(_)) if values == usize::MAX => return Err(takes_no_lambda(entry)),
            Some(ExprType::LambdaFunction(_)) if index < values => {
                return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.PARAMETER_DOES_NOT_ACCEPT_LAMBDA_FUNCTION"));
            }
            Some(ExprType::LambdaFunction(lambda)) => lambdas.push(Given::Lambda(lambda.as_ref(), argument)),
            Some(_) if index >= values => lambdas.push(Given::Value(argument)),
            // count(*) counts rows; count(DISTINCT *) distinct combinations of all columns.
            Some(ExprType::UnresolvedStar(star))
                if star.unparsed_target.is_none() && function.eq_ignore_ascii_case("count") && !distinct =>
            {
                args.push(Typed::literal(ScalarValue::Int32(Some(1)), "1"));
            }
            Some(ExprType::ExpressionString(text))
                if text.expression.trim() == "*" && function.eq_ignore_ascii_case("count") && !distinct =>
            {
                args.push(Typed::literal(ScalarValue::Int32(Some(1)), "1"));
            }
            _ => match star::expand(resolver, argument, scope)? {
                Some(columns) => args.extend(columns),
                None => args.push(keep_alias(resolver, entry, resolver.expression(argument, scope)?)),
            },
        }
    }
    Ok((args, lambdas))
}

/// A star stands for arguments of functions, not of operators; of `count(t.*)` Spark asks which of its two meanings is meant.
fn refuse_star(
    resolver: &Resolver,
    entry: &Entry,
    star: &pb::expression::UnresolvedStar,
    count: usize,
    distinct: bool,
) -> Result<()> {
    const OPERATORS: &[(&str, &str)] = &[
        ("+", "add"),
        ("-", "subtract"),
        ("*", "multiply"),
        ("/", "divide"),
        ("%", "remainder"),
        ("=", "equalto"),
        ("==", "equalto"),
        ("<=>", "equalnullsafe"),
        ("<", "lessthan"),
        (">", "greaterthan"),
        ("<=", "lessthanorequal"),
        (">=", "greaterthanorequal"),
        ("and", "and"),
        ("or", "or"),
        ("not", "not"),
    ];
    if let Some((_, class)) = OPERATORS.iter().find(|(own, _)| *own == entry.name) {
        return Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX")
            .with("elem", "'*'")
            .with("prettyName", format!("expression `{class}`"))
            .placeless());
    }
    let allowed = resolver.ctx.conf_bool("spark.sql.legacy.allowStarWithSingleTableIdentifierInCount", false);
    match star.unparsed_target.as_deref() {
        Some(target)
            if entry.name == "count" && count == 1 && !distinct && !allowed && resolver.env_here().place.is_sql() =>
        {
            let parts = crate::sql::parse_column_name(target.trim_end_matches(".*")).unwrap_or_default();
            Err(SparkError::new("INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT")
                .with("tableName", crate::scope::quote_parts(&parts))
                .placeless())
        }
        _ => Ok(()),
    }
}

/// Aliases inside a call name nothing, but for the fields of a struct.
fn keep_alias(resolver: &Resolver, entry: &Entry, mut typed: Typed) -> Typed {
    if matches!(entry.name, "struct" | "arrays_zip" | "to_json" | "to_csv") {
        if let (true, "struct", Expr::Alias(_)) = (resolver.bare_structs.get(), entry.name, &typed.expr)
            && let Some(inner) = typed.unaliased_name.take()
        {
            typed.name = inner;
        }
        // A part of a VARIANT is an alias, too.
        let part = typed.unaliased_name.as_ref().and_then(|path| path.strip_suffix(&format!(" AS {}", typed.name)));
        if let (Some(inner), false) = (part.map(str::to_string), matches!(typed.expr, Expr::Alias(_))) {
            typed.expr = typed.expr.alias(&typed.name);
            typed.unaliased_name = Some(inner);
        }
        return typed;
    }
    if let (false, Some(path)) = (matches!(typed.expr, Expr::Alias(_)), &typed.unaliased_name) {
        let path = path.clone();
        return typed.named(path);
    }
    unaliased(typed)
}

/// A function's name in parts.
pub(crate) fn routine_name(function: &str) -> Vec<String> {
    crate::sql::parse_column_name(function).unwrap_or_else(|_| vec![function.to_string()])
}

fn not_scalar(function: &str) -> SparkError {
    SparkError::new("NOT_A_SCALAR_FUNCTION").with("functionName", name::quote(function))
}

/// `REQUIRES_SINGLE_PART_NAMESPACE` for a name of more parts than a database and a function.
pub(crate) fn in_many_namespaces(parts: &[String]) -> Option<SparkError> {
    let own = match parts {
        [catalog, rest @ ..] if catalog.eq_ignore_ascii_case("spark_catalog") => rest,
        parts => parts,
    };
    (own.len() > 2).then(|| {
        SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
            .with("sessionCatalog", "spark_catalog")
            .with("identifier", crate::scope::quote_parts(own))
            .placeless()
    })
}

fn unresolved_routine(resolver: &Resolver, function: &str) -> SparkError {
    let in_python = || resolver.ctx.catalog.python_table_function(function).is_some();
    if function.eq_ignore_ascii_case("range") || in_python() {
        return not_scalar(function);
    }
    let parts = crate::sql::parse_column_name(function).unwrap_or_else(|_| vec![function.to_string()]);
    if let Some(error) = in_many_namespaces(&parts) {
        return error;
    }
    if let Some((written, class)) = resolver.ctx.catalog.function_class(&parts) {
        return SparkError::new("CANNOT_LOAD_FUNCTION_CLASS").with("className", class).with("functionName", written);
    }
    let database = resolver.env().database.clone();
    SparkError::new("UNRESOLVED_ROUTINE")
        .with("routineName", crate::scope::quote_parts(&parts))
        .with("searchPath", format!("[`system`.`builtin`, `system`.`session`, `spark_catalog`.`{database}`]"))
}

/// Functions that SQL lets one write without parentheses: `current_date`.
pub fn without_parentheses(resolver: &Resolver, name: &str) -> Result<Option<Typed>> {
    const NAMES: &[&str] =
        &["current_date", "current_timestamp", "current_time", "current_user", "user", "session_user", "grouping__id"];
    let lower = name.to_ascii_lowercase();
    if !NAMES.contains(&lower.as_str()) {
        return Ok(None);
    }
    let lower = match lower.as_str() {
        "grouping__id" => "grouping_id".to_string(),
        "user" | "session_user" => "current_user".to_string(),
        _ => lower,
    };
    let Some(Kind::Scalar(build) | Kind::Aggregate(build)) = lookup(&lower).map(|entry| entry.kind) else {
        return Ok(None);
    };
    let typed = build(&Call { name: &lower, args: vec![], distinct: false, ignore_nulls: false, env: resolver.env() })?;
    Ok(Some(if lower == "grouping_id" { typed.named("grouping__id") } else { typed }))
}

/// The generator call at the top of an expression, if it is one.
pub fn generator_call(expression: &pb::Expression) -> Option<(&str, &[pb::Expression])> {
    let (function, arguments) = match expression.expr_type.as_ref()? {
        ExprType::UnresolvedFunction(call) => (call.function_name.as_str(), call.arguments.as_slice()),
        ExprType::CallFunction(call) => (call.function_name.as_str(), call.arguments.as_slice()),
        _ => return None,
    };
    let entry = lookup(function)?;
    let generates = matches!(entry.kind, Kind::Generator(_)) && !TABLES_ONLY.contains(&entry.name);
    generates.then_some((function, arguments))
}

/// Builds the generator of such a call.
pub fn generator(
    resolver: &Resolver,
    function: &str,
    arguments: &[pb::Expression],
    scope: &Scope,
) -> Result<firesteel_functions::Generator> {
    let entry = lookup(function).ok_or_else(|| unresolved_routine(resolver, function))?;
    let Kind::Generator(build) = entry.kind else { return Err(SparkError::internal("not a generator")) };
    let arguments = &*named::in_order(entry.name, arguments)?;
    // Errors in its arguments show the aliases inside of them: Spark leaves those of a generator where they are.
    let args = || {
        let inside = resolver.in_expression.replace(true);
        let args = arguments_of(resolver, entry, function, arguments, false, scope);
        resolver.in_expression.set(inside);
        args.map(|(args, _)| args)
    };
    let env = resolver.env_here();
    let built = |args: Vec<Typed>| {
        let call = Call { name: entry.name, args, distinct: false, ignore_nulls: false, env: &env };
        build(&call).map_err(|error| in_words(&call, error))
    };
    let first = args()?;
    count(resolver, entry, arguments)?;
    resolver.worded(built(first), || built(args()?))
}

/// Calls a scalar function of the table with resolved arguments.
pub fn scalar(resolver: &Resolver, function: &str, args: Vec<Typed>) -> Result<Typed> {
    let entry = lookup(function).ok_or_else(|| unresolved_routine(resolver, function))?;
    let env = resolver.env_here();
    let call = Call { name: entry.name, args, distinct: false, ignore_nulls: false, env: &env };
    match entry.kind {
        Kind::Scalar(build) | Kind::Aggregate(build) | Kind::Window(build) => {
            collation::call(&call, build).map(|typed| units::carry(&call, typed))
        }
        _ => Err(SparkError::internal(format!("{function} is not a scalar function"))),
    }
}
