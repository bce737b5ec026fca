//! `repartition`, `coalesce`, partitioning hints: how many partitions, which rows together.

use arrow::datatypes::DataType;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::ExprType, expression::literal::LiteralType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required, sort};
use crate::Resolver;
use crate::expression::{function, unaliased};
use crate::operator::exchange;
use crate::scope::Scope;

/// `repartition(n)` shuffles, `coalesce(n)` joins partitions.
pub fn resolve(resolver: &Resolver, message: &pb::Repartition, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Repartition")?, outer)?;
    let count = partitions(message.num_partitions)?;
    if message.shuffle.unwrap_or(false) { dealt(input, count) } else { exchange::coalesce(sort::kept(input)?, count) }
}

/// Rows in turn; one partition keeps them in their order.
fn dealt(input: Relation, count: usize) -> Result<Relation> {
    let input = if count == 1 { sort::kept(input)? } else { input };
    exchange::round_robin(input, count)
}

/// `repartition(n, cols)` and `repartitionByRange`.
pub fn by_expression(
    resolver: &Resolver,
    message: &pb::RepartitionByExpression,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "RepartitionByExpression")?, outer)?;
    let count = match message.num_partitions {
        Some(count) => partitions(count)?,
        None => shuffle_partitions(resolver),
    };
    by(resolver, input, &message.partition_exprs, count, outer)
}

fn by(
    resolver: &Resolver,
    input: Relation,
    keys: &[pb::Expression],
    count: usize,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let by_range = keys.iter().any(|key| matches!(key.expr_type, Some(ExprType::SortOrder(_))));
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    if by_range {
        let mut orders = vec![];
        for key in keys {
            match &key.expr_type {
                Some(ExprType::SortOrder(order)) => orders.push(resolver.sort_order(order, &scope)?),
                _ => orders.push(unaliased(resolver.expression(key, &scope)?).expr.sort(true, true)),
            }
        }
        return exchange::range(input.clone(), orders, count);
    }
    if let [key] = keys
        && let Some(ExprType::DirectShufflePartitionId(direct)) = &key.expr_type
    {
        let child =
            direct.child.as_deref().ok_or_else(|| crate::expression::missing("child", "DirectShufflePartitionID"))?;
        let number = unaliased(resolver.expression(child, &scope)?);
        if number.data_type != DataType::Int32 {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
                .with("sqlExpr", format!("\"direct_shuffle_partition_id({})\"", number.name))
                .with("paramIndex", "first")
                .with("requiredType", "\"INT\"")
                .with("inputSql", format!("\"{}\"", number.name))
                .with("inputType", format!("\"{}\"", name::sql(&number.data_type))));
        }
        return placed(resolver, input.clone(), number, count);
    }
    let keys: Vec<Typed> =
        keys.iter().map(|key| resolver.expression(key, &scope).map(unaliased)).collect::<Result<_>>()?;
    if keys.is_empty() {
        return exchange::round_robin(input.clone(), count);
    }
    placed(resolver, input.clone(), function::scalar(resolver, "hash", keys)?, count)
}

fn placed(resolver: &Resolver, input: Relation, number: Typed, count: usize) -> Result<Relation> {
    let (output, hidden) = (input.output.clone(), input.hidden.clone());
    let (input, mut numbers) = super::supplied(resolver, input, vec![number], super::subquery::Clause::Other)?;
    let relation = exchange::by_number(input, unaliased(numbers.remove(0)).expr, count)?;
    Ok(Relation { output, hidden, ..relation })
}

/// Local runs need no 200 partitions: the default is the parallelism, unless the user set a number.
fn shuffle_partitions(resolver: &Resolver) -> usize {
    let own = resolver.ctx.conf("spark.sql.shuffle.partitions").and_then(|text| text.trim().parse().ok());
    own.unwrap_or(resolver.ctx.source.parallelism)
}

fn partitions(count: i32) -> Result<usize> {
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
        SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
            .with_message(format!("requirement failed: Number of partitions ({count}) must be positive."))
    })
}

/// Partitioning hints do what they say; join hints leave the result as it is.
pub fn hinted(resolver: &Resolver, input: Relation, name: &str, parameters: &[pb::Expression]) -> Result<Relation> {
    let upper = name.to_ascii_uppercase();
    if !matches!(upper.as_str(), "COALESCE" | "REPARTITION" | "REPARTITION_BY_RANGE" | "REBALANCE") {
        return Ok(input);
    }
    let mut count = None;
    let mut keys = vec![];
    for parameter in parameters {
        match &parameter.expr_type {
            Some(ExprType::Literal(pb::expression::Literal {
                literal_type: Some(LiteralType::Integer(n)), ..
            })) => count = Some(partitions(*n)?),
            Some(ExprType::Literal(pb::expression::Literal {
                literal_type: Some(LiteralType::String(name)), ..
            })) => {
                let attribute =
                    pb::expression::UnresolvedAttribute { unparsed_identifier: name.clone(), ..Default::default() };
                keys.push(pb::Expression { common: None, expr_type: Some(ExprType::UnresolvedAttribute(attribute)) });
            }
            _ => keys.push(parameter.clone()),
        }
    }
    match (upper.as_str(), count) {
        ("COALESCE", Some(count)) => exchange::coalesce(sort::kept(input)?, count),
        ("COALESCE", None) => Err(SparkError::new("_LEGACY_ERROR_TEMP_1048").with("hintName", "COALESCE")),
        ("REPARTITION", Some(count)) if keys.is_empty() => dealt(input, count),
        ("REBALANCE", _) => Ok(input),
        (_, count) => by(resolver, input, &keys, count.unwrap_or_else(|| shuffle_partitions(resolver)), None),
    }
}
