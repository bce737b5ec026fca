//! Other names for a relation and for all of its columns.

use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension::{ColumnAliases, RelationKind};
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required};
use crate::Resolver;
use crate::scope::Scope;

/// `df.alias("t")`, `FROM x AS t`.
pub fn resolve(resolver: &Resolver, message: &pb::SubqueryAlias, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "SubqueryAlias")?, outer)?;
    // What QUALIFY leaves in sight of ORDER BY is that of nobody else.
    let input = if message.input.as_deref().is_some_and(ends_with_qualify) { input.narrow()? } else { input };
    let mut qualifier = message.qualifier.clone();
    qualifier.push(message.alias.clone());
    // Nothing below an alias is in sight of what is above it.
    Ok(Relation { origin: None, ..input.qualified(&qualifier) })
}

fn ends_with_qualify(relation: &pb::Relation) -> bool {
    let below = |input: &Option<Box<pb::Relation>>| input.as_deref().is_some_and(ends_with_qualify);
    match &relation.rel_type {
        Some(RelType::Sort(sort)) => below(&sort.input),
        Some(RelType::Limit(limit)) => below(&limit.input),
        Some(RelType::Offset(offset)) => below(&offset.input),
        Some(RelType::Extension(any)) => match RelationKind::from_any(any) {
            Some(RelationKind::Qualify(_)) => true,
            Some(RelationKind::Limit(limit)) => below(&limit.input),
            Some(RelationKind::OrderByAll(order)) => below(&order.input),
            _ => false,
        },
        _ => false,
    }
}

/// `df.toDF("a", "b")`.
pub fn to_df(resolver: &Resolver, message: &pb::ToDf, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "ToDF")?, outer)?;
    if message.column_names.len() != input.output.len() {
        return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
            .with("numExpr", message.column_names.len().to_string())
            .with("numTarget", input.output.len().to_string()));
    }
    rename(input, &message.column_names)
}

/// `FROM x AS t(a, b)`.
pub fn column_aliases(resolver: &Resolver, message: &ColumnAliases, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "ColumnAliases")?, outer)?;
    let below = message.input.as_deref().and_then(|input| input.rel_type.as_ref());
    let (given, known) = (message.names.len(), input.output.len());
    if let (Some(RelType::UnresolvedTableValuedFunction(function)), true) = (below, given != known) {
        return Err(SparkError::new("NUM_TABLE_VALUE_ALIASES_MISMATCH")
            .with("funcName", firesteel_protocol::types::name::quote(&function.function_name))
            .with("aliasesNum", given.to_string())
            .with("outColsNum", known.to_string()));
    }
    if let (Some(RelType::Extension(any)), true) = (below, given != known)
        && matches!(RelationKind::from_any(any), Some(RelationKind::Values(_)))
    {
        return Err(SparkError::new("INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH")
            .with("rowIndex", "0")
            .with("expectedNumCols", given.to_string())
            .with("actualNumCols", known.to_string()));
    }
    if message.names.len() != input.output.len() {
        return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
            .with("numExpr", message.names.len().to_string())
            .with("numTarget", input.output.len().to_string()));
    }
    rename(input, &message.names)
}

/// All columns under other names; a name that stays keeps its column.
pub(crate) fn rename(input: Relation, names: &[String]) -> Result<Relation> {
    let list = input
        .output
        .iter()
        .zip(names)
        .map(|(attribute, name)| {
            let mut typed = attribute.typed();
            if attribute.name() != name {
                typed.expr = typed.expr.alias(name.clone());
                typed.name.clone_from(name);
            }
            typed
        })
        .collect();
    input.select(list)
}
