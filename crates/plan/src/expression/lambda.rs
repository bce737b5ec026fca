//! Lambda functions of higher-order functions and their variables.

use std::cell::Cell;
use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::LambdaVariable as LambdaVariableExpr;
use firesteel_functions::{LambdaBody, Lambdas, Typed};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError, types};

use super::{missing, unaliased};
use crate::Resolver;
use crate::attribute::next_id;
use crate::resolver::LambdaVariable;
use crate::scope::{Scope, quote_parts};

/// An argument where a function takes a lambda.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// With the expression that it is.
    Lambda(&'a pb::expression::LambdaFunction, &'a pb::Expression),
    /// Any other expression: a lambda that ignores its parameters.
    Value(&'a pb::Expression),
}

/// The lambda arguments of one call.
#[derive(Debug)]
pub struct CallLambdas<'a, 'r, 's> {
    pub resolver: &'a Resolver<'r>,
    pub scope: &'a Scope<'s>,
    pub lambdas: Vec<Given<'a>>,
    /// Set when a lambda was resolved, to catch builders that forget one.
    pub used: Cell<usize>,
}

impl Lambdas for CallLambdas<'_, '_, '_> {
    fn given(&self, index: usize) -> bool {
        index < self.lambdas.len()
    }

    fn arity(&self, index: usize) -> Option<usize> {
        match self.lambdas.get(index)? {
            Given::Lambda(lambda, _) => Some(lambda.arguments.len()),
            Given::Value(_) => None,
        }
    }

    fn resolve(&self, index: usize, params: &[Field]) -> Result<LambdaBody> {
        let given = self.lambdas.get(index).ok_or_else(|| SparkError::internal("a lambda argument is missing"))?;
        self.used.set(self.used.get() + 1);
        let (lambda, whole) = match given {
            Given::Lambda(lambda, whole) => (lambda, whole),
            Given::Value(value) => {
                let params = params.iter().map(|_| format!("col#{}", next_id())).collect();
                return Ok(LambdaBody { params, body: unaliased(self.resolver.expression(value, self.scope)?) });
            }
        };
        if lambda.arguments.len() != params.len() {
            let error = SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
                .with("expectedNumArgs", lambda.arguments.len().to_string())
                .with("actualNumArgs", params.len().to_string());
            return Err(self.resolver.at_expression(error, whole));
        }
        check_names(self.resolver, lambda).map_err(|error| self.resolver.at_expression(error, whole))?;
        let variables: Vec<LambdaVariable> = lambda
            .arguments
            .iter()
            .zip(params)
            .map(|(argument, param)| {
                let name = argument.name_parts.join(".");
                let unique = format!("{name}#{}", next_id());
                let own = types::carrying(Field::new("own", DataType::Null, true), param.metadata());
                let (data_type, nullable) = (param.data_type().clone(), param.is_nullable());
                LambdaVariable { name, unique, shown: None, data_type, nullable, metadata: own.metadata().clone() }
            })
            .collect();
        let names = variables.iter().map(|variable| variable.unique.clone()).collect();
        let body = within(self.resolver, lambda, variables, self.scope)?;
        Ok(LambdaBody { params: names, body: by_path(body) })
    }
}

/// The body of a lambda with these variables in sight.
fn within(
    resolver: &Resolver,
    lambda: &pb::expression::LambdaFunction,
    variables: Vec<LambdaVariable>,
    scope: &Scope,
) -> Result<Typed> {
    let body = lambda.function.as_deref().ok_or_else(|| missing("function", "LambdaFunction"))?;
    let before = resolver.lambdas.borrow().len();
    resolver.lambdas.borrow_mut().extend(variables);
    let result = resolver.expression(body, scope);
    resolver.lambdas.borrow_mut().truncate(before);
    result
}

/// A nested field by its whole path, which is what it is called inside of calls.
fn by_path(body: Typed) -> Typed {
    match (&body.expr, &body.unaliased_name) {
        (Expr::Alias(_), _) | (_, None) => unaliased(body),
        (_, Some(path)) => {
            let path = path.clone();
            body.named(path)
        }
    }
}

/// The parameters of a lambda have names of their own.
fn check_names(resolver: &Resolver, lambda: &pb::expression::LambdaFunction) -> Result<()> {
    let name = |argument: &pb::expression::UnresolvedNamedLambdaVariable| {
        let name = argument.name_parts.join(".");
        if resolver.env().case_sensitive { name } else { name.to_lowercase() }
    };
    let names: Vec<String> = lambda.arguments.iter().map(name).collect();
    let own: std::collections::HashSet<&String> = names.iter().collect();
    if own.len() == names.len() {
        return Ok(());
    }
    let quoted: Vec<String> = names.iter().map(|name| quote_parts(std::slice::from_ref(name))).collect();
    Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES")
        .with("args", quoted.join(", "))
        .with("caseSensitiveConfig", "\"spark.sql.caseSensitive\""))
}

/// How a lambda is printed whose parameters have no types: `lambdafunction((x + 1), x)`.
pub fn unresolved_name(resolver: &Resolver, lambda: &pb::expression::LambdaFunction, scope: &Scope) -> String {
    let names: Vec<String> = lambda.arguments.iter().map(|argument| argument.name_parts.join(".")).collect();
    let variables = names.iter().map(|name| LambdaVariable {
        name: name.clone(),
        unique: format!("{name}#{}", next_id()),
        shown: Some(name.clone()),
        data_type: DataType::Null,
        nullable: true,
        metadata: HashMap::new(),
    });
    let body = within(resolver, lambda, variables.collect(), scope).map(|body| by_path(body).name);
    let words: Vec<String> = std::iter::once(body.unwrap_or_default()).chain(names).collect();
    format!("lambdafunction({})", words.join(", "))
}

/// A lambda variable by its name parts; Spark falls back to columns.
pub fn variable(resolver: &Resolver, parts: &[String], scope: &Scope) -> Result<Typed> {
    match lookup(resolver, parts)? {
        Some(found) => Ok(found),
        None => resolver.column(parts, scope).map_err(|_| {
            SparkError::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION").with("objectName", quote_parts(parts))
        }),
    }
}

/// The innermost lambda variable of that name; nested fields follow it.
pub fn lookup(resolver: &Resolver, parts: &[String]) -> Result<Option<Typed>> {
    if parts.is_empty() {
        return Ok(None);
    }
    let found = {
        let lambdas = resolver.lambdas.borrow();
        let same = |own: &str| {
            if resolver.env().case_sensitive { own == parts[0] } else { own.eq_ignore_ascii_case(&parts[0]) }
        };
        lambdas.iter().rev().find(|variable| same(&variable.name)).cloned()
    };
    let Some(variable) = found else { return Ok(None) };
    let field = Field::new(&variable.unique, variable.data_type.clone(), variable.nullable);
    let expr = Expr::LambdaVariable(LambdaVariableExpr::new(variable.unique.clone(), Some(field.into())));
    let name = variable.shown.unwrap_or_else(|| "namedlambdavariable()".to_string());
    let mut typed = Typed::new(expr, name, variable.data_type, variable.nullable);
    typed.metadata = variable.metadata;
    resolver.nested(typed, &parts[1..]).map(Some)
}
