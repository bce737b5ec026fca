//! PIVOT: a column's values become columns. Each is the aggregate with a filter on that value.

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, lit, when};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::coerce::cast_silently;
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::SqlPivot;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::table::is_streaming;

use super::{Relation, aggregate, required};
use crate::expression::function::map_aggregates;
use crate::expression::select::evaluate_constant;
use crate::expression::walk;
use crate::expression::{literal, unaliased};
use crate::operator::python::aggregate::PythonAggregate;
use crate::operator::stream_mark::{self, Mark};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// `groupBy(..).pivot(column, values).agg(..)`.
pub fn resolve(
    resolver: &Resolver,
    input: &Relation,
    grouping: Vec<Typed>,
    pivot: &pb::aggregate::Pivot,
    aggregates: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Relation> {
    let inputs = [input];
    let scope = resolver.scope(&inputs, outer);
    let column = pivot.col.as_ref().ok_or_else(|| crate::expression::missing("col", "Pivot"))?;
    let column = unaliased(resolver.expression(column, &scope)?);
    let values: Vec<Typed> = if pivot.values.is_empty() {
        if is_streaming(&input.plan) {
            let text = "pivot is not supported on a streaming DataFrames/Datasets";
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_3063").with_message(text));
        }
        distinct_values(resolver, input, &column)?
    } else {
        pivot.values.iter().map(|value| literal::resolve(value, resolver.env())).collect::<Result<_>>()?
    };
    let values = values.into_iter().map(|value| {
        let name = value_name(&value, resolver)?;
        Ok((value, name))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let aggregates = resolver.expressions(aggregates, &scope)?;
    build(resolver, input, grouping, column, values, aggregates)
}

/// `FROM x PIVOT (..)`.
pub fn sql(resolver: &Resolver, message: &SqlPivot, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "SqlPivot")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    if let Some(inner) = message.aggregates.iter().find_map(walk::nested_aggregate) {
        return Err(resolver.at_expression(SparkError::new("NESTED_AGGREGATE_FUNCTION"), &inner));
    }
    let aggregates = resolver.expressions(&message.aggregates, &scope)?;
    for (item, typed) in message.aggregates.iter().zip(&aggregates) {
        if !crate::expression::aggregate::contains_aggregate(&typed.expr) {
            let names = walk::find(item, &|part| matches!(part.expr_type, Some(ExprType::UnresolvedAttribute(_))));
            let first = names.first().unwrap_or(item);
            let shown = resolver.name_with(walk::Names::Qualified, first, &scope);
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1006").with("sql", shown).placeless());
        }
    }
    let mut columns: Vec<Typed> = message
        .columns
        .iter()
        // The place of the whole is told.
        .map(|c| pb::Expression { common: None, ..c.clone() })
        .map(|c| resolver.expression(&c, &scope).map(unaliased))
        .collect::<Result<_>>()?;
    if let Some(map) = columns.iter().find(|column| matches!(column.data_type, DataType::Map(..))) {
        let own = firesteel_protocol::types::name::quote(&map.name);
        return Err(SparkError::new("INCOMPARABLE_PIVOT_COLUMN").with("columnName", own).placeless());
    }
    let used: Vec<String> = aggregates
        .iter()
        .chain(&columns)
        .flat_map(|typed| typed.expr.column_refs().into_iter().map(|column| column.name.clone()).collect::<Vec<_>>())
        .collect();
    let grouping = input
        .output
        .iter()
        .filter(|a| !used.iter().any(|own| own == a.column.as_ref()))
        .map(Attribute::typed)
        .collect();
    let column = match columns.len() {
        1 => columns.remove(0),
        _ => crate::expression::function::scalar(resolver, "struct", columns)?,
    };
    let mut values = vec![];
    for value in &message.values {
        let typed = resolver.expression(value, &scope)?;
        if !typed.expr.column_refs().is_empty() {
            return Err(SparkError::new("NON_LITERAL_PIVOT_VALUES")
                .with("expression", format!("\"{}\"", unaliased(typed).name)));
        }
        let name =
            if matches!(typed.expr, Expr::Alias(_)) { typed.name.clone() } else { value_name(&typed, resolver)? };
        values.push((cast_silently(unaliased(typed), &column.data_type, &resolver.env_here())?, name));
    }
    build(resolver, &input, grouping, column, values, aggregates)
}

/// The name of a value's column: the value as text.
fn value_name(value: &Typed, resolver: &Resolver) -> Result<String> {
    let Some(constant) = evaluate_constant(&value.expr)? else { return Ok(value.name.clone()) };
    if constant.is_null() {
        return Ok("null".into());
    }
    let array = constant.to_array().planned()?;
    let text = firesteel_functions::cast::to_string_array(&array, resolver.env())?;
    Ok(arrow::array::cast::AsArray::as_string::<i32>(&text).value(0).to_string())
}

/// Without given values Spark runs a query for them, in order, and refuses more than it can show.
fn distinct_values(resolver: &Resolver, input: &Relation, column: &Typed) -> Result<Vec<Typed>> {
    let limit = resolver.ctx.conf("spark.sql.pivotMaxValues").and_then(|text| text.parse().ok()).unwrap_or(10_000usize);
    let plan = LogicalPlanBuilder::from(input.plan.clone())
        .project(vec![column.expr.clone().alias("value")])
        .planned()?
        .distinct()
        .planned()?
        .sort(vec![datafusion::prelude::col("value").sort(true, true)])
        .planned()?
        .limit(0, Some(limit + 1))
        .planned()?
        .build()
        .planned()?;
    let mut values = vec![];
    for batch in resolver.ctx.catalog.collect(plan)? {
        let array = batch.column(0);
        for row in 0..array.len() {
            let value = ScalarValue::try_from_array(array, row).planned()?;
            values.push(Typed::literal(value, ""));
        }
    }
    if values.len() > limit {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1324").with_message(format!(
            "The pivot column {} has more than {limit} distinct values, this could indicate an error. If this was intended, set spark.sql.pivotMaxValues to at least the number of distinct values of the pivot column.",
            column.name
        )));
    }
    Ok(values)
}

fn build(
    resolver: &Resolver,
    input: &Relation,
    grouping: Vec<Typed>,
    column: Typed,
    values: Vec<(Typed, String)>,
    aggregates: Vec<Typed>,
) -> Result<Relation> {
    if aggregates.iter().any(|typed| PythonAggregate::of(&typed.expr).is_some()) {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.PANDAS_UDAF_IN_PIVOT"));
    }
    let types: Vec<DataType> = aggregates.iter().map(|typed| typed.data_type.clone()).collect();
    let picked = types.iter().all(is_picked);
    let mut list = grouping.clone();
    for (value, value_name) in values {
        let same = crate::expression::function::scalar(resolver, "<=>", vec![column.clone(), value])?.expr;
        for typed in &aggregates {
            let name = if aggregates.len() == 1 { value_name.clone() } else { format!("{value_name}_{}", typed.name) };
            let own = unaliased(typed.clone());
            // An aggregate that may be NULL is it of no rows; what is made of aggregates, or of none, need not be.
            let is_null_of_none = own.nullable && matches!(own.expr, Expr::AggregateFunction(_));
            let rows = (picked && !is_null_of_none).then(|| rows_of(&same)).transpose()?;
            let expr = map_aggregates(own.expr, |call| {
                let filter = match call.params.filter.take() {
                    Some(filter) => filter.and(same.clone()),
                    None => same.clone(),
                };
                call.params.filter = Some(Box::new(filter));
            })?;
            // Spark leaves a cell without rows NULL, even for counts.
            let expr = match rows {
                Some(rows) => when(rows.gt(lit(0i64)), expr).end().planned()?,
                None => expr,
            };
            let mut column = Typed::new(expr.alias(&name), name, own.data_type, true);
            column.metadata = own.metadata;
            list.push(column);
        }
    }
    let pivoted = aggregate::build(input.clone(), grouping, None, list)?.plan()?;
    Ok(match is_streaming(&input.plan) && picked {
        true => stream_mark::plan(Mark::Pivot, vec![pivoted.plan.clone()], pivoted),
        false => pivoted,
    })
}

/// The number of rows of a cell.
fn rows_of(same: &Expr) -> Result<Expr> {
    datafusion::functions_aggregate::expr_fn::count(lit(1)).filter(same.clone()).build().planned()
}

/// Types whose values Spark picks from an aggregation by groups and values, in a second one. Spark's `PivotFirst`.
fn is_picked(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Decimal128(..)) || data_type.is_numeric()
}

/// How often each value of `column` occurs for each value of `key`.
pub(crate) fn counts(resolver: &Resolver, input: &Relation, key: Typed, column: Typed) -> Result<Relation> {
    let values = distinct_values(resolver, input, &column)?;
    let values = values
        .into_iter()
        .map(|value| value_name(&value, resolver).map(|name| (value, name)))
        .collect::<Result<Vec<_>>>()?;
    let one = Typed::literal(ScalarValue::Int32(Some(1)), "1");
    let count = crate::expression::function::scalar(resolver, "count", vec![one])?;
    build(resolver, input, vec![key], column, values, vec![count])
}
