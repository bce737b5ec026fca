//! Lambda functions of higher-order functions and their variables.

use std::cell::Cell;

use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::LambdaVariable as LambdaVariableExpr;
use firesteel_functions::{LambdaBody, Lambdas, Typed};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::{missing, unaliased};
use crate::Resolver;
use crate::attribute::next_id;
use crate::resolver::LambdaVariable;
use crate::scope::{Scope, quote_parts};

/// The lambda arguments of one call.
#[derive(Debug)]
pub struct CallLambdas<'a, 'r, 's> {
    pub resolver: &'a Resolver<'r>,
    pub scope: &'a Scope<'s>,
    pub lambdas: Vec<&'a pb::expression::LambdaFunction>,
    /// Set when a lambda was resolved, to catch builders that forget one.
    pub used: Cell<usize>,
}

impl Lambdas for CallLambdas<'_, '_, '_> {
    fn arity(&self, index: usize) -> Option<usize> {
        self.lambdas.get(index).map(|lambda| lambda.arguments.len())
    }

    fn resolve(&self, index: usize, params: &[(DataType, bool)]) -> Result<LambdaBody> {
        let lambda = self.lambdas.get(index).ok_or_else(|| SparkError::internal("a lambda argument is missing"))?;
        if lambda.arguments.len() > params.len() {
            return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
                .with("expectedNumArgs", lambda.arguments.len().to_string())
                .with("actualNumArgs", params.len().to_string()));
        }
        self.used.set(self.used.get() + 1);
        let variables: Vec<LambdaVariable> = lambda
            .arguments
            .iter()
            .zip(params)
            .map(|(argument, (data_type, nullable))| {
                let name = argument.name_parts.join(".");
                let unique = format!("{name}#{}", next_id());
                LambdaVariable { name, unique, data_type: data_type.clone(), nullable: *nullable }
            })
            .collect();
        let names = variables.iter().map(|variable| variable.unique.clone()).collect();
        let body = lambda.function.as_deref().ok_or_else(|| missing("function", "LambdaFunction"))?;
        let before = self.resolver.lambdas.borrow().len();
        self.resolver.lambdas.borrow_mut().extend(variables);
        let result = self.resolver.expression(body, self.scope);
        self.resolver.lambdas.borrow_mut().truncate(before);
        Ok(LambdaBody { params: names, body: unaliased(result?) })
    }
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
    let name = "namedlambdavariable()";
    let typed = Typed::new(expr, name, variable.data_type, variable.nullable);
    resolver.nested(typed, &parts[1..]).map(Some)
}
