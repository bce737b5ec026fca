//! Calls of functions that the user wrote in SQL: the body is resolved over the parameters, then takes the place of the
//! call with the arguments in it. Spark's `ResolveSQLFunctions`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use firesteel_functions::cast::{EvalMode, cast};
use firesteel_functions::{Typed, collation};
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::types::{name, proto};
use firesteel_protocol::{Result, SparkError};

use super::{subquery, unaliased};
use crate::relation::project;
use crate::resolver::Planned;
use crate::routine::{Body, Returns, UserFunction};
use crate::scope::Scope;
use crate::{Attribute, Relation, Resolver};

/// A parameter in the body and what the caller gave for it.
struct Bound {
    attribute: Attribute,
    argument: Expr,
}

/// A call in an expression.
pub fn call(
    resolver: &Resolver,
    function: &UserFunction,
    arguments: &[pb::Expression],
    scope: &Scope,
) -> Result<Typed> {
    if matches!(function.returns, Returns::Rows(_)) {
        return Err(SparkError::new("NOT_A_SCALAR_FUNCTION").with("functionName", quoted(&function.name)));
    }
    if !resolver.lambdas.borrow().is_empty() {
        let error = SparkError::new("UNSUPPORTED_FEATURE.LAMBDA_FUNCTION_WITH_SQL_UDF");
        return Err(error.with("funcName", function.name.as_str()).raised_as("UNRESOLVED_COLUMN"));
    }
    let (bound, shown) = bind(resolver, function, arguments, scope)?;
    let body = value(resolver, function, &bound)?;
    let expr = substituted(body.expr, &bound, scope)?;
    Ok(Typed { expr, unaliased_name: None, ..body }.named(shown))
}

/// A call in FROM.
pub fn rows(
    resolver: &Resolver,
    function: &UserFunction,
    arguments: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Relation> {
    if !matches!(function.returns, Returns::Rows(_)) {
        return Err(SparkError::new("NOT_A_TABLE_FUNCTION").with("functionName", quoted(&function.name)));
    }
    let nothing = project::one_row();
    let inputs = [&nothing];
    let scope = resolver.scope(&inputs, outer);
    let (bound, _) = bind(resolver, function, arguments, &scope)?;
    let relation = table(resolver, function, &bound)?;
    let plan = planted(relation.plan.clone(), &bound, &scope)?;
    let last = function.name.rsplit('.').next().unwrap_or_default().to_string();
    Ok(Relation { plan, ..relation }.qualified(&[last]))
}

/// Resolves the body once, so that a function that cannot work is refused when it is made.
pub fn check(resolver: &Resolver, function: &UserFunction) -> Result<()> {
    let mut bound = vec![];
    for parameter in &function.parameters {
        if let Some(default) = &parameter.default {
            let nothing = project::one_row();
            let inputs = [&nothing];
            let text = parameter.default_text.as_deref().unwrap_or_default();
            resolver.with_sql_text(text, || resolver.expression(default, &resolver.scope(&inputs, None)))?;
        }
        let field = proto::decode_field(&parameter.name, &parameter.data_type, true, HashMap::new())?;
        let attribute = Attribute::new(Arc::new(field));
        let last = function.name.rsplit('.').next().unwrap_or_default().to_string();
        bound.push(Bound { argument: attribute.expr(), attribute: attribute.qualified(vec![last]) });
    }
    match &function.returns {
        Returns::Rows(_) => table(resolver, function, &bound).map(|_| ()),
        _ => {
            let typed = value(resolver, function, &bound)?;
            let complex =
                super::aggregate::contains_aggregate(&typed.expr) || super::aggregate::contains_window(&typed.expr);
            if complex {
                return Err(SparkError::new("USER_DEFINED_FUNCTIONS.CANNOT_CONTAIN_COMPLEX_FUNCTIONS")
                    .with("queryText", function.body_text.as_str())
                    .placeless());
            }
            Ok(())
        }
    }
}

/// The arguments as the parameters' types, and the call as Spark names it.
fn bind(
    resolver: &Resolver,
    function: &UserFunction,
    arguments: &[pb::Expression],
    scope: &Scope,
) -> Result<(Vec<Bound>, String)> {
    let count = function.parameters.len();
    let wrong = || {
        SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", quoted(&function.name))
            .with("expectedNum", count.to_string())
            .with("actualNum", arguments.len().to_string())
            .with("docroot", "https://spark.apache.org/docs/latest")
    };
    if arguments.len() > count {
        return Err(wrong());
    }
    let mut given: Vec<Option<&pb::Expression>> = vec![None; count];
    let (mut positional, mut last_named) = (0, None);
    for (index, argument) in arguments.iter().enumerate() {
        let (at, value) = match &argument.expr_type {
            Some(ExprType::NamedArgumentExpression(named)) => {
                let at = function.parameters.iter().position(|own| own.name.eq_ignore_ascii_case(&named.key));
                let at = at.ok_or_else(|| {
                    let proposal: Vec<String> = function.parameters.iter().map(|own| name::quote(&own.name)).collect();
                    SparkError::new("UNRECOGNIZED_PARAMETER_NAME")
                        .with("routineName", quoted(&function.name))
                        .with("argumentName", name::quote(&named.key))
                        .with("proposal", proposal.join(" "))
                })?;
                last_named = Some(named.key.as_str());
                if given[at].is_some() {
                    return Err(SparkError::new(if at < positional {
                        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.BOTH_POSITIONAL_AND_NAMED"
                    } else {
                        "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE"
                    })
                    .with("routineName", quoted(&function.name))
                    .with("parameterName", name::quote(&named.key)));
                }
                (at, named.value.as_deref().unwrap_or(argument))
            }
            _ => {
                if let Some(named) = last_named {
                    return Err(SparkError::new("UNEXPECTED_POSITIONAL_ARGUMENT")
                        .with("routineName", quoted(&function.name))
                        .with("parameterName", name::quote(named)));
                }
                positional = index + 1;
                (index, argument)
            }
        };
        given[at] = Some(value);
    }
    // Defaults before the last argument are part of the call's name.
    let last_given = given.iter().rposition(Option::is_some);
    let mut bound = vec![];
    let mut shown = vec![];
    for (index, (parameter, given)) in function.parameters.iter().zip(given).enumerate() {
        let argument = match (given, &parameter.default) {
            (Some(argument), _) => {
                let typed = unaliased(resolver.expression(argument, scope)?);
                shown.push(typed.name.clone());
                typed
            }
            (None, Some(default)) => {
                let nothing = project::one_row();
                let inputs = [&nothing];
                let typed = unaliased(resolver.expression(default, &resolver.scope(&inputs, None))?);
                if last_given.is_some_and(|last| index < last) {
                    shown.push(typed.name.clone());
                }
                typed
            }
            (None, None) => return Err(wrong()),
        };
        let field = proto::decode_field(&parameter.name, &parameter.data_type, true, HashMap::new())?;
        let argument = converted(resolver, argument, &field)?;
        let attribute = Attribute::new(Arc::new(field.with_nullable(argument.nullable)));
        let last = function.name.rsplit('.').next().unwrap_or_default().to_string();
        bound.push(Bound { attribute: attribute.qualified(vec![last]), argument: unaliased(argument).expr });
    }
    Ok((bound, format!("{}({})", function.name, shown.join(", "))))
}

/// A value as one of a parameter's type or of the type that is returned.
fn converted(resolver: &Resolver, typed: Typed, to: &Field) -> Result<Typed> {
    let same = typed.data_type == *to.data_type();
    let mut typed = if same { typed } else { cast(typed, to.data_type(), EvalMode::Ansi, &resolver.env_here())? };
    if typed.data_type == DataType::Utf8 {
        typed = collation::with(typed, collation::of_column(to), false);
    }
    Ok(typed)
}

/// A function's name, each part quoted.
fn quoted(own: &str) -> String {
    own.split('.').map(name::quote).collect::<Vec<_>>().join(".")
}

/// Resolves the body where only the parameters are in sight.
fn inside<T>(
    resolver: &Resolver,
    function: &UserFunction,
    bound: &[Bound],
    resolve: impl FnOnce(&Scope) -> Result<T>,
) -> Result<T> {
    let output = bound.iter().map(|bound| bound.attribute.clone()).collect();
    let parameters = Relation { output, ..project::one_row() };
    let inputs = [&parameters];
    let scope = resolver.scope(&inputs, None);
    let lambdas = std::mem::take(&mut *resolver.lambdas.borrow_mut());
    let lateral = std::mem::take(&mut *resolver.lateral.borrow_mut());
    let collation = function.collation.as_deref();
    let result = resolver.with_collation(collation, || resolver.with_sql_text(&function.body_text, || resolve(&scope)));
    *resolver.lambdas.borrow_mut() = lambdas;
    *resolver.lateral.borrow_mut() = lateral;
    result
}

fn value(resolver: &Resolver, function: &UserFunction, bound: &[Bound]) -> Result<Typed> {
    let typed = inside(resolver, function, bound, |scope| match &function.body {
        Body::Value(expression) => resolver.expression(expression, scope).map(unaliased),
        Body::Query(query) => {
            let relation = resolver.subquery(query, scope)?.narrow()?;
            subquery::scalar(resolver, relation)
        }
    })?;
    match &function.returns {
        Returns::Value(data_type) => {
            let own = format!("\"{}\"", typed.name);
            let field = proto::decode_field("", data_type, true, HashMap::new())?;
            let converted = converted(resolver, typed, &field);
            // Spark tells the body, not the cast round it.
            converted.map_err(|error| match error.condition().starts_with("DATATYPE_MISMATCH") {
                true => error.with("sqlExpr", own),
                false => error,
            })
        }
        _ => Ok(typed),
    }
}

fn table(resolver: &Resolver, function: &UserFunction, bound: &[Bound]) -> Result<Relation> {
    let Body::Query(query) = &function.body else {
        return Err(SparkError::internal("a table function without a query"));
    };
    let relation = inside(resolver, function, bound, |scope| resolver.subquery(query, scope)?.narrow())?;
    let Returns::Rows(columns) = &function.returns else { return Ok(relation) };
    if columns.is_empty() {
        return Ok(relation);
    }
    if columns.len() != relation.output.len() {
        return Err(SparkError::new("USER_DEFINED_FUNCTIONS.RETURN_COLUMN_COUNT_MISMATCH")
            .with("outputSize", relation.output.len().to_string())
            .with("returnParamSize", columns.len().to_string())
            .with("name", function.name.as_str()));
    }
    let mut list = vec![];
    for (own, column) in relation.output.iter().zip(columns) {
        let field = proto::decode_field("", &column.data_type, true, HashMap::new())?;
        let typed = converted(resolver, own.typed(), &field)?;
        let expr = unaliased(typed.clone()).expr.alias(&column.name);
        list.push(Typed { expr, ..typed }.named(&column.name));
    }
    let relation = relation.select(list)?;
    Ok(Relation { origin: None, ..relation })
}

/// Puts arguments in the place of parameters, also inside of subqueries, for which they are outer values.
fn substituted(expr: Expr, bound: &[Bound], scope: &Scope) -> Result<Expr> {
    let changed = expr.transform_down(|node| {
        Ok(match node {
            Expr::Column(ref column) => match bound.iter().find(|b| *b.attribute.column == *column.name) {
                Some(bound) => Transformed::new(bound.argument.clone(), true, TreeNodeRecursion::Jump),
                None => Transformed::no(node),
            },
            Expr::ScalarSubquery(inner) => Transformed::yes(Expr::ScalarSubquery(replanted(inner, bound, scope)?)),
            Expr::Exists(exists) => Transformed::yes(Expr::Exists(Exists {
                subquery: replanted(exists.subquery, bound, scope)?,
                negated: exists.negated,
            })),
            Expr::InSubquery(contains) => Transformed::yes(Expr::InSubquery(InSubquery {
                subquery: replanted(contains.subquery, bound, scope)?,
                ..contains
            })),
            other => Transformed::no(other),
        })
    });
    changed.map(|changed| changed.data).planned()
}

fn replanted(inner: Subquery, bound: &[Bound], scope: &Scope) -> datafusion::common::Result<Subquery> {
    let plan =
        planted(inner.subquery.as_ref().clone(), bound, scope).map_err(firesteel_functions::kernel::to_datafusion)?;
    let outer_ref_columns = plan.all_out_ref_exprs();
    Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: inner.spans })
}

/// Puts arguments in the place of outer references to parameters.
fn planted(plan: LogicalPlan, bound: &[Bound], scope: &Scope) -> Result<LogicalPlan> {
    let changed = plan.transform_down_with_subqueries(|node| {
        node.map_expressions(|expr| {
            expr.transform_down(|part| match &part {
                Expr::OuterReferenceColumn(_, column) => {
                    match bound.iter().find(|b| *b.attribute.column == *column.name) {
                        Some(bound) => {
                            let outer = outer_values(bound.argument.clone(), scope)?;
                            Ok(Transformed::new(outer, true, TreeNodeRecursion::Jump))
                        }
                        None => Ok(Transformed::no(part)),
                    }
                }
                _ => Ok(Transformed::no(part)),
            })
        })
    });
    changed.map(|changed| changed.data).planned()
}

/// Columns of the caller's rows, seen from inside of a subquery.
fn outer_values(argument: Expr, scope: &Scope) -> datafusion::common::Result<Expr> {
    let changed = argument.transform_down(|node| match &node {
        Expr::Column(column) => {
            let own = scope.inputs.iter().flat_map(|relation| relation.output.iter().chain(&relation.hidden));
            let known = own.into_iter().find(|attribute| *attribute.column == *column.name);
            let data_type = known.map_or(DataType::Null, |attribute| attribute.data_type().clone());
            let field = Field::new(&column.name, data_type, true);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field.into(), column.clone())))
        }
        _ => Ok(Transformed::no(node)),
    })?;
    Ok(changed.data)
}
