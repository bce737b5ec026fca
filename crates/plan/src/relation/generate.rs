//! Generators: `select(explode(..))`, LATERAL VIEW. Spark's `Generate`.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::common::{Column, NullHandling, UnnestOptions};
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use firesteel_functions::Generator;
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::LateralView;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, node, project};
use crate::attribute::next_id;
use crate::expression::aggregate::contains_aggregate;
use crate::expression::function::{generator, generator_call};
use crate::expression::walk;
use crate::operator::repeated::repeated;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver, sql};

/// A select list with a generator in it; None without one.
pub fn select_list(
    resolver: &Resolver,
    input: &Relation,
    list: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Option<Relation>> {
    let parsed = list.iter().map(|one| parsed(resolver, one)).collect::<Vec<_>>();
    let calls: Vec<(usize, Call)> = parsed.iter().enumerate().filter_map(|(i, e)| Some((i, call_of(e)?))).collect();
    let inputs = [input];
    let scope = resolver.scope(&inputs, outer);
    refuse_nested(resolver, list, &scope)?;
    if calls.is_empty() {
        return Ok(None);
    }
    let aggregates = |argument: &pb::Expression| {
        resolver.expression(argument, &scope).is_ok_and(|typed| contains_aggregate(&typed.expr))
    };
    if calls.iter().any(|(_, call)| call.arguments.iter().any(aggregates)) {
        return over_aggregate(resolver, list, |list| {
            let columns = project::resolve_list(resolver, list, &scope)?;
            super::aggregate::global(resolver, input.clone(), columns)
        });
    }
    // One after the other: each makes rows of the rows before.
    let mut expanded = input.clone();
    let mut made: Vec<(usize, Vec<Attribute>)> = vec![];
    for (at, call) in &calls {
        let generator = generator(resolver, call.function, call.arguments, &scope)
            .map_err(|error| resolver.at_expression(error, &list[*at]))?;
        let names = output_names(&generator, &call.names).map_err(SparkError::placeless)?;
        let known = expanded.output.len();
        expanded = generate(expanded, generator, &names)?;
        made.push((*at, expanded.output[known..].to_vec()));
    }
    // The rest of the list is resolved over the input's columns only.
    let mut columns = vec![];
    for (index, expression) in list.iter().enumerate() {
        match made.iter().find(|(at, _)| *at == index) {
            Some((_, new)) => columns.extend(new.iter().map(Attribute::typed)),
            None => columns.extend(resolver.expressions(std::slice::from_ref(expression), &scope)?),
        }
    }
    project::project(resolver, expanded, columns).map(Some)
}

/// Generators stand at the top of an item of the list.
pub(crate) fn refuse_nested(resolver: &Resolver, list: &[pb::Expression], scope: &Scope) -> Result<()> {
    for item in list {
        let item = match &item.expr_type {
            Some(ExprType::Alias(alias)) => alias.expr.as_deref().unwrap_or(item),
            _ => item,
        };
        let nested = if walk::is_generator(item) {
            let arguments = generator_call(item).map(|(_, arguments)| arguments).unwrap_or_default();
            arguments.iter().any(|argument| !walk::find(argument, &walk::is_generator).is_empty())
        } else {
            !walk::find(item, &walk::is_generator).is_empty()
        };
        if !nested {
            continue;
        }
        let around = resolver.generators_shown.replace(true);
        let name = resolver.name_with(walk::Names::Plain, item, scope);
        resolver.generators_shown.set(around);
        if !name.is_empty() {
            return Err(SparkError::new("UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS")
                .with("expression", format!("\"{name}\"")));
        }
    }
    Ok(())
}

/// An expression that is text, read, where it is the call of a generator: `selectExpr("explode(a)")`.
fn parsed<'m>(resolver: &Resolver, expression: &'m pb::Expression) -> Cow<'m, pb::Expression> {
    match expression.expr_type.as_ref() {
        Some(ExprType::ExpressionString(text)) if text.expression.contains('(') => {
            let text = resolver.substituted(&text.expression);
            match sql::parse_expression(&text, &resolver.sql_context()) {
                Ok(read) if call_of(&read).is_some() => Cow::Owned(read),
                // What is wrong with it is told where it is resolved.
                _ => Cow::Borrowed(expression),
            }
        }
        Some(ExprType::Alias(alias)) => match alias.expr.as_deref().map(|inner| parsed(resolver, inner)) {
            Some(Cow::Owned(read)) => {
                let alias = pb::expression::Alias { expr: Some(Box::new(read)), ..alias.as_ref().clone() };
                Cow::Owned(pb::Expression { expr_type: Some(ExprType::Alias(Box::new(alias))), ..expression.clone() })
            }
            _ => Cow::Borrowed(expression),
        },
        _ => Cow::Borrowed(expression),
    }
}

/// Whether the call of a generator stands at the top of an expression, as text or not.
pub fn is_generator(resolver: &Resolver, expression: &pb::Expression) -> bool {
    call_of(&parsed(resolver, expression)).is_some()
}

/// Generators over the results of an aggregation: what they take is computed first, at their places in the list.
/// None for a list without generators.
pub(crate) fn over_aggregate(
    resolver: &Resolver,
    list: &[pb::Expression],
    aggregate: impl FnOnce(&[pb::Expression]) -> Result<Relation>,
) -> Result<Option<Relation>> {
    let list = list.iter().map(|one| parsed(resolver, one)).collect::<Vec<_>>();
    let calls: Vec<Option<Call>> = list.iter().map(|one| call_of(one)).collect();
    if calls.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut computed = vec![];
    for (expression, call) in list.iter().zip(&calls) {
        let Some(call) = call else {
            computed.push(expression.as_ref().clone());
            continue;
        };
        for argument in call.arguments {
            let name = vec![format!("_argument#{}", next_id())];
            let alias = pb::expression::Alias { expr: Some(Box::new(argument.clone())), name, metadata: None };
            computed.push(pb::Expression { common: None, expr_type: Some(ExprType::Alias(Box::new(alias))) });
        }
    }
    let below = Relation { origin: None, ..aggregate(&computed)? };
    if below.output.len() != computed.len() {
        return Err(SparkError::unsupported("a star beside a generator over aggregates", "Name the columns."));
    }
    let inputs = [&below];
    let scope = resolver.scope(&inputs, None);
    let (mut expanded, mut at, mut columns) = (below.clone(), 0, vec![]);
    for (expression, call) in list.iter().zip(&calls) {
        let Some(call) = call else {
            columns.push(below.output[at].typed());
            at += 1;
            continue;
        };
        let taken = &below.output[at..at + call.arguments.len()];
        at += call.arguments.len();
        let arguments: Vec<pb::Expression> = taken.iter().map(|own| super::sort::by_id(own.id)).collect();
        let generator = generator(resolver, call.function, &arguments, &scope)
            .map_err(|error| resolver.at_expression(error, expression))?;
        let names = output_names(&generator, &call.names).map_err(SparkError::placeless)?;
        let known = expanded.output.len();
        expanded = generate(expanded, generator, &names)?;
        columns.extend(expanded.output[known..].iter().map(Attribute::typed));
    }
    project::project(resolver, expanded, columns).map(Some)
}

struct Call<'m> {
    function: &'m str,
    arguments: &'m [pb::Expression],
    /// Names of an alias around it.
    names: Vec<String>,
}

fn call_of(expression: &pb::Expression) -> Option<Call<'_>> {
    if let Some((function, arguments)) = generator_call(expression) {
        return Some(Call { function, arguments, names: vec![] });
    }
    match expression.expr_type.as_ref()? {
        ExprType::Alias(alias) => {
            let inner = call_of(alias.expr.as_deref()?)?;
            Some(Call { names: alias.name.clone(), ..inner })
        }
        _ => None,
    }
}

fn output_names(generator: &Generator, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(generator.fields.iter().map(|field| field.name().clone()).collect());
    }
    if names.len() != generator.fields.len() {
        return Err(SparkError::new("UDTF_ALIAS_NUMBER_MISMATCH")
            .with("aliasesSize", generator.fields.len().to_string())
            .with("aliasesNames", names.join(",")));
    }
    Ok(names.to_vec())
}

/// `input LATERAL VIEW [OUTER] generator(..) t AS names`.
pub fn lateral_view(resolver: &Resolver, message: &LateralView, outer: Option<&Scope>) -> Result<Relation> {
    let input = match message.input.as_deref() {
        Some(input) => resolver.relation_in(input, outer)?,
        None => project::one_row(),
    };
    let call = message.generator.as_ref().ok_or_else(|| crate::expression::missing("generator", "LateralView"))?;
    let Some((function, arguments)) = generator_call(call) else {
        let own = walk::function_name(call).unwrap_or_default();
        if firesteel_functions::lookup(&own).is_none() && !own.contains('.') {
            let database = firesteel_protocol::types::name::quote(&resolver.env().database);
            let quoted = firesteel_protocol::types::name::quote(&own);
            return Err(SparkError::new("ROUTINE_NOT_FOUND").with("routineName", format!("{database}.{quoted}")));
        }
        return Err(SparkError::new("UNSUPPORTED_GENERATOR.NOT_GENERATOR")
            .with("functionName", firesteel_protocol::types::name::quote(&own))
            .with("classCanonicalName", "expression"));
    };
    let inputs = [&input];
    let mut generator = generator(resolver, function, arguments, &resolver.scope(&inputs, outer))?;
    generator.outer |= message.outer;
    let names = output_names(&generator, &message.column_names)?;
    let known = input.output.len();
    let hidden = input.hidden.clone();
    let mut relation = generate(input, generator, &names)?;
    for attribute in &mut relation.output[known..] {
        attribute.qualifier = vec![message.qualifier.clone()];
    }
    Ok(Relation { hidden, ..relation })
}

/// All columns of `input`, then those of the generator, one row an element.
pub(crate) fn generate(input: Relation, generator: Generator, names: &[String]) -> Result<Relation> {
    let list = format!("_generated#{}", next_id());
    let mut exprs: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
    exprs.push(generator.list.alias(list.as_str()));
    let null_handling = if generator.outer { NullHandling::PreserveAndExpandEmpty } else { NullHandling::Drop };
    let options = UnnestOptions { null_handling, ..UnnestOptions::default() };
    let plan = LogicalPlanBuilder::from(repeated(input.plan.clone()))
        .project(exprs)
        .planned()?
        .unnest_columns_with_options(vec![Column::new_unqualified(list.as_str())], options)
        .planned()?
        .build()
        .planned()?;
    let element = Expr::Column(Column::new_unqualified(list));
    let mut columns: Vec<Expr> = input.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let mut output = input.output.clone();
    for (field, name) in generator.fields.iter().zip(names) {
        let nullable = field.is_nullable() || generator.outer;
        let attribute = Attribute::new(Arc::new(field.as_ref().clone().with_name(name).with_nullable(nullable)));
        columns.push(element.clone().field(field.name().as_str()).alias(attribute.column.as_ref()));
        output.push(attribute);
    }
    let plan = node::project(plan, columns)?;
    Ok(Relation { plan, output, hidden: input.hidden, origin: None })
}
