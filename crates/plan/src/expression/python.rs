//! Calls of Python functions in expressions.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use firesteel_functions::Typed;
use firesteel_functions::misc::placement;
use firesteel_protocol::connect::{self as pb, common_inline_user_defined_function::Function, expression::ExprType};
use firesteel_protocol::types::{collation, name, proto};
use firesteel_protocol::{Result, SparkError};

use super::{missing, star, unaliased};
use crate::Resolver;
use crate::operator::python::aggregate::PythonAggregate;
use crate::operator::python::function::{PythonFunction, PythonUdf, eval_type};
use crate::scope::Scope;

/// A function that the client sent with the call.
pub fn resolve(resolver: &Resolver, message: &pb::CommonInlineUserDefinedFunction, scope: &Scope) -> Result<Typed> {
    let function = python_function(message)?;
    let typed = call(resolver, function, &message.arguments, message.is_distinct, scope)?;
    match message.function.as_ref() {
        Some(Function::PythonUdf(udf)) => collated(typed, udf.output_type.as_ref()),
        _ => Ok(typed),
    }
}

/// The result with the collation of the declared type.
fn collated(typed: Typed, output: Option<&pb::DataType>) -> Result<Typed> {
    let Some(output) = output else { return Ok(typed) };
    let field = proto::decode_field("", output, true, std::collections::HashMap::new())?;
    let own = collation::of(field.metadata());
    Ok(if own == collation::BINARY { typed } else { firesteel_functions::collation::with(typed, own, false) })
}

/// The Python function of a message.
pub fn python_function(message: &pb::CommonInlineUserDefinedFunction) -> Result<Arc<PythonFunction>> {
    match message.function.as_ref().ok_or_else(|| missing("function", "CommonInlineUserDefinedFunction"))? {
        Function::PythonUdf(udf) => {
            let output = udf.output_type.as_ref().ok_or_else(|| missing("output_type", "PythonUDF"))?;
            Ok(Arc::new(PythonFunction {
                name: message.function_name.clone(),
                eval_type: udf.eval_type,
                command: udf.command.clone(),
                python: udf.python_ver.clone(),
                data_type: proto::decode(output)?,
                deterministic: message.deterministic,
            }))
        }
        // No class is on the classpath.
        Function::JavaUdf(java) => {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_1329").with("className", java.class_name.as_str()))
        }
        Function::ScalarScalaUdf(_) => Err(SparkError::unsupported(
            format!("the JVM function `{}`", message.function_name),
            "Write it in Python, or with the functions of Spark.",
        )),
    }
}

/// A call of a function with the arguments of a message.
pub fn call(
    resolver: &Resolver,
    function: Arc<PythonFunction>,
    arguments: &[pb::Expression],
    distinct: bool,
    scope: &Scope,
) -> Result<Typed> {
    let mut keywords: Vec<Option<String>> = vec![];
    let mut args: Vec<Typed> = vec![];
    for argument in arguments {
        if let Some(ExprType::NamedArgumentExpression(named)) = &argument.expr_type {
            let value = named.value.as_deref().ok_or_else(|| missing("value", "NamedArgumentExpression"))?;
            if keywords.iter().flatten().any(|known| *known == named.key) {
                return Err(SparkError::new("DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE")
                    .with("routineName", name::quote(&function.name))
                    .with("parameterName", name::quote(&named.key)));
            }
            keywords.push(Some(named.key.clone()));
            args.push(argument_of(resolver.expression(value, scope)?));
            continue;
        }
        if let Some(known) = keywords.iter().flatten().next_back() {
            return Err(SparkError::new("UNEXPECTED_POSITIONAL_ARGUMENT")
                .with("routineName", name::quote(&function.name))
                .with("parameterName", name::quote(known)));
        }
        match star::expand(resolver, argument, scope)? {
            Some(columns) => {
                for column in columns {
                    keywords.push(None);
                    args.push(unaliased(column));
                }
            }
            None => {
                keywords.push(None);
                let mut typed = argument_of(resolver.expression(argument, scope)?);
                if let Some(name) = struct_name(resolver, argument, scope)? {
                    typed.name = name;
                }
                args.push(typed);
            }
        }
    }
    if !resolver.lambdas.borrow().is_empty() {
        let variable = resolver.lambdas.borrow().last().map(|own| own.name.clone()).unwrap_or_default();
        let shown = display(&function, &keywords, &args);
        let shown =
            shown.replace("namedlambdavariable()", &format!("lambda {variable}#{}", crate::attribute::next_id()));
        return Err(SparkError::new("UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_PYTHON_UDF")
            .with("funcName", format!("\"{shown}\"")));
    }
    let shown = display(&function, &keywords, &args);
    let data_type = function.data_type.clone();
    let exprs = args.into_iter().map(|arg| arg.expr).collect();
    if eval_type::is_scalar(function.eval_type) {
        return Ok(Typed::new(PythonUdf::call(function, keywords, exprs), shown, data_type, true));
    }
    if eval_type::is_aggregate(function.eval_type) {
        if distinct {
            return Err(unsupported_syntax("DISTINCT"));
        }
        return Ok(Typed::new(PythonAggregate::call(function, keywords, exprs, distinct), shown, data_type, true));
    }
    Err(crate::relation::python::unknown_kind(function.eval_type))
}

/// An argument under the name by which calls show it: a field goes by its whole path, an alias keeps what it stands for.
fn argument_of(typed: Typed) -> Typed {
    let shown = match (&typed.expr, &typed.unaliased_name) {
        (_, None) => return unaliased(typed),
        (Expr::Alias(_), Some(own)) => format!("{own} AS {}", typed.name),
        (_, Some(path)) => path.clone(),
    };
    unaliased(typed).named(shown)
}

/// The analyzer prints a struct with the names of its fields.
fn struct_name(resolver: &Resolver, argument: &pb::Expression, scope: &Scope) -> Result<Option<String>> {
    match &argument.expr_type {
        Some(ExprType::UnresolvedFunction(call)) if call.function_name.eq_ignore_ascii_case("struct") => {
            let mut parts = vec![];
            for field in resolver.expressions(&call.arguments, scope)? {
                parts.push(field.name.clone());
                parts.push(field.name);
            }
            Ok(Some(format!("struct({})", parts.join(", "))))
        }
        _ => Ok(None),
    }
}

/// Spark's name of the call. It shows its arguments as the analyzer prints them, not as SQL would.
fn display(function: &PythonFunction, keywords: &[Option<String>], args: &[Typed]) -> String {
    let shown: Vec<String> = args
        .iter()
        .zip(keywords)
        .map(|(arg, keyword)| {
            let name = lower_casts(&arg.name);
            match keyword {
                Some(keyword) => format!("{keyword} => {name}"),
                None => name,
            }
        })
        .collect();
    format!("{}({})", function.name, shown.join(", "))
}

/// `CAST(a AS BIGINT)` as `cast(a as bigint)`.
fn lower_casts(name: &str) -> String {
    static TYPE: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
        regex::Regex::new(r" AS ([A-Z][A-Z0-9_<>,: ]*(?:\([0-9, ]+\))?)\)").expect("a pattern")
    });
    if !name.contains("CAST(") {
        return name.to_string();
    }
    let lower = |found: &regex::Captures| format!(" as {})", found[1].to_lowercase());
    TYPE.replace_all(&name.replace("CAST(", "cast("), lower).into_owned()
}

/// Whether an expression may differ from call to call: `rand()` and its kin, functions in Python that say so.
pub(crate) fn is_nondeterministic(expr: &Expr) -> bool {
    let own = |node: &Expr| match (PythonUdf::of(node), node) {
        (Some((udf, _)), _) => !udf.function.deterministic,
        (None, Expr::ScalarFunction(call)) => {
            call.func.name().starts_with(placement::PREFIX) || matches!(call.func.name(), "spark_uuid" | "shuffle")
        }
        _ => false,
    };
    expr.exists(|node| Ok(own(node))).unwrap_or(false)
}

/// What no function in Python can be called with.
pub(super) fn unsupported_syntax(syntax: &str) -> SparkError {
    SparkError::new("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
        .with("prettyName", "`pythonudaf`")
        .with("syntax", syntax)
}
