//! Functions in FROM: `range(..)`, `explode(..)`.

use datafusion::scalar::ScalarValue;
use firesteel_functions::{Kind, lookup};
use firesteel_protocol::connect::{self as pb, join::JoinType, relation::RelType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, generate, project, python_table, range};
use crate::Resolver;
use crate::expression::function::generator;
use crate::expression::select::evaluate_constant;
use crate::expression::unaliased;
use crate::scope::Scope;

pub fn resolve(
    resolver: &Resolver,
    call: &pb::UnresolvedTableValuedFunction,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let function = call.function_name.to_ascii_lowercase();
    let function = match function.rsplit_once('.') {
        Some(("builtin" | "system.builtin", own)) => own.to_string(),
        _ => function,
    };
    if function == "range" {
        return range_call(resolver, call, outer);
    }
    if matches!(lookup(&function).map(|entry| entry.kind), Some(Kind::Generator(_))) {
        let input = project::one_row();
        let inputs = [&input];
        let generator = generator(resolver, &function, &call.arguments, &resolver.scope(&inputs, outer))?;
        let names: Vec<String> = generator.fields.iter().map(|field| field.name().clone()).collect();
        return generate::generate(input, generator, &names);
    }
    if let Some(own) = resolver.ctx.catalog.python_table_function(&call.function_name) {
        return python_table::plan(resolver, &own, &call.arguments, None, outer);
    }
    if let Some(written) = resolver.ctx.catalog.routine(&crate::expression::function::routine_name(&call.function_name))
    {
        return crate::expression::routine::rows(resolver, &written, &call.arguments, outer);
    }
    if lookup(&function).is_some() {
        return Err(SparkError::new("NOT_A_TABLE_FUNCTION").with("functionName", name::quote(&call.function_name)));
    }
    let parts = crate::expression::function::routine_name(&call.function_name);
    let is_system = parts.first().is_some_and(|first| first.eq_ignore_ascii_case("system"));
    if let (false, Some(error)) = (is_system, crate::expression::function::in_many_namespaces(&parts)) {
        return Err(error);
    }
    Err(SparkError::new("UNRESOLVABLE_TABLE_VALUED_FUNCTION").with("name", crate::scope::quote_parts(&parts)))
}

/// `range(..)`: its arguments are constants.
fn range_call(
    resolver: &Resolver,
    call: &pb::UnresolvedTableValuedFunction,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let nothing = project::one_row();
    let inputs = [&nothing];
    let scope = resolver.scope(&inputs, None);
    let mut values = vec![];
    for (index, argument) in call.arguments.iter().enumerate() {
        let names: &[&str] =
            if call.arguments.len() == 1 { &["end"] } else { &["start", "end", "step", "numPartitions"] };
        let varies = || {
            SparkError::new("NON_FOLDABLE_ARGUMENT")
                .with("funcName", "`range`")
                .with("paramName", name::quote(names.get(index).copied().unwrap_or_default()))
                .with("paramType", if index == 3 { "\"INT\"" } else { "\"BIGINT\"" })
        };
        if matches!(argument.expr_type, Some(pb::expression::ExprType::NamedArgumentExpression(_))) {
            return Err(varies());
        }
        let typed = match resolver.expression(argument, &scope) {
            Err(error) if error.condition().starts_with("UNRESOLVED_COLUMN") => {
                let around = outer.map(|outer| resolver.expression(argument, outer));
                return Err(if matches!(around, Some(Ok(_))) { varies() } else { error });
            }
            typed => unaliased(typed?),
        };
        if super::subquery::has_subquery(&typed.expr) {
            return Err(varies());
        }
        let mut value = evaluate_constant(&typed.expr)?.unwrap_or(ScalarValue::Null);
        if typed.data_type == arrow::datatypes::DataType::Utf8 && !value.is_null() {
            let to = arrow::datatypes::DataType::Int64;
            let number = firesteel_functions::cast::cast(
                typed.clone(),
                &to,
                firesteel_functions::cast::EvalMode::Ansi,
                &resolver.env_here(),
            )?;
            value = evaluate_constant(&unaliased(number).expr)?.unwrap_or(ScalarValue::Null);
        }
        match value.cast_to(&arrow::datatypes::DataType::Int64) {
            Ok(ScalarValue::Int64(Some(value))) => values.push(value),
            _ => {
                return Err(SparkError::new("UNEXPECTED_INPUT_TYPE")
                    .with("functionName", "`range`")
                    .with(
                        "paramIndex",
                        firesteel_functions::call::ordinal(values.len() + usize::from(call.arguments.len() == 1)),
                    )
                    .with("requiredType", "\"BIGINT\"")
                    .with("inputSql", format!("\"{}\"", typed.name))
                    .with("inputType", format!("\"{}\"", name::sql(&typed.data_type))));
            }
        }
    }
    let partitions = resolver.ctx.source.parallelism;
    if let [_, _, 0, ..] = values[..] {
        return Err(SparkError::new("FAILED_FUNCTION_CALL").with("funcName", "`range`"));
    }
    match values[..] {
        [end] => range::relation(0, end, 1, partitions),
        [start, end] => range::relation(start, end, 1, partitions),
        [start, end, step] => range::relation(start, end, step, partitions),
        [start, end, step, count] => range::relation(start, end, step, usize::try_from(count).unwrap_or(0)),
        _ => Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", "`range`")
            .with("expectedNum", "[1, 2, 3, 4]")
            .with("actualNum", values.len().to_string())
            .with("docroot", "https://spark.apache.org/docs/latest")),
    }
}

/// A generator at the right side of a lateral join, over columns of the left side. None for anything else.
pub(crate) fn lateral(
    resolver: &Resolver,
    left: &Relation,
    right: &pb::Relation,
    kind: JoinType,
    condition_decides: bool,
    outer: Option<&Scope>,
) -> Result<Option<Relation>> {
    // Which rows have no match is a join's business, after the function.
    if condition_decides {
        return Ok(None);
    }
    if let Some(relation) = lateral_python(resolver, left, right, outer)? {
        return Ok(Some(relation));
    }
    let (call, alias) = match right.rel_type.as_ref() {
        Some(RelType::UnresolvedTableValuedFunction(call)) => (call, None),
        Some(RelType::SubqueryAlias(alias)) => match alias.input.as_deref().and_then(|input| input.rel_type.as_ref()) {
            Some(RelType::UnresolvedTableValuedFunction(call)) => (call, Some(alias.alias.clone())),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    if !matches!(lookup(&call.function_name).map(|entry| entry.kind), Some(Kind::Generator(_))) {
        return Ok(None);
    }
    let inputs = [left];
    let generator = generator(resolver, &call.function_name, &call.arguments, &resolver.scope(&inputs, outer))?;
    let nullable = kind == JoinType::LeftOuter;
    let names: Vec<String> = generator.fields.iter().map(|field| field.name().clone()).collect();
    let known = left.output.len();
    let mut relation = generate::generate(left.clone(), generator, &names)?;
    // As in Spark, a row without elements is lost also by LEFT JOIN.
    for attribute in &mut relation.output[known..] {
        if nullable {
            *attribute = attribute.clone().with_nullable(true);
        }
    }
    if let Some(alias) = alias {
        for attribute in &mut relation.output[known..] {
            attribute.qualifier = vec![alias.clone()];
        }
    }
    Ok(Some(relation))
}

/// A Python table function at the right side of a lateral join.
fn lateral_python(
    resolver: &Resolver,
    left: &Relation,
    right: &pb::Relation,
    outer: Option<&Scope>,
) -> Result<Option<Relation>> {
    use firesteel_protocol::extension::RelationKind;
    match right.rel_type.as_ref() {
        Some(RelType::SubqueryAlias(alias)) => {
            let Some(inner) = alias.input.as_deref() else { return Ok(None) };
            let relation = lateral_python(resolver, left, inner, outer)?;
            Ok(relation.map(|mut relation| {
                for attribute in &mut relation.output[left.output.len()..] {
                    attribute.qualifier = vec![alias.alias.clone()];
                }
                relation
            }))
        }
        Some(RelType::Extension(any)) => {
            let Some(RelationKind::ColumnAliases(aliases)) = RelationKind::from_any(any) else { return Ok(None) };
            let Some(inner) = aliases.input.as_deref() else { return Ok(None) };
            let Some(mut relation) = lateral_python(resolver, left, inner, outer)? else { return Ok(None) };
            let known = left.output.len();
            if relation.output.len() - known != aliases.names.len() {
                return Err(SparkError::new("UDTF_ALIAS_NUMBER_MISMATCH")
                    .with("aliasesSize", (relation.output.len() - known).to_string())
                    .with("aliasesNames", aliases.names.join(",")));
            }
            for (attribute, name) in relation.output[known..].iter_mut().zip(&aliases.names) {
                attribute.field = std::sync::Arc::new(attribute.field.as_ref().clone().with_name(name));
            }
            Ok(Some(relation))
        }
        Some(RelType::UnresolvedTableValuedFunction(call)) => {
            let Some(own) = resolver.ctx.catalog.python_table_function(&call.function_name) else { return Ok(None) };
            python_table::plan(resolver, &own, &call.arguments, Some(left.clone()), outer).map(Some)
        }
        Some(RelType::CommonInlineUserDefinedTableFunction(message)) => {
            let own = python_table::table_function(message)?;
            python_table::plan(resolver, &own, &message.arguments, Some(left.clone()), outer).map(Some)
        }
        _ => Ok(None),
    }
}
