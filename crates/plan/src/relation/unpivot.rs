//! UNPIVOT (`melt`): columns become rows; `transpose`: rows become columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::scalar::ScalarValue;
use firesteel_functions::coerce::{implicit_cast, plain_common_type};
use firesteel_functions::{Generator, Typed};
use firesteel_protocol::connect as pb;
use firesteel_protocol::extension::SqlUnpivot;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, filter, generate, local_relation, required};
use crate::expression::{function, unaliased};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::sql::build;
use crate::{Attribute, Resolver};

/// One row of the result for each of these: the name and the values.
struct Entry {
    name: String,
    values: Vec<Typed>,
}

/// `df.unpivot(ids, values, variable, value)`.
pub fn resolve(resolver: &Resolver, message: &pb::Unpivot, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Unpivot")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let ids = resolver.expressions(&message.ids, &scope)?;
    let values = match &message.values {
        Some(values) => resolver.expressions(&values.values, &scope)?,
        None => input
            .output
            .iter()
            .map(Attribute::typed)
            .filter(|typed| !ids.iter().any(|id| unaliased(id.clone()).expr == typed.expr))
            .collect(),
    };
    if values.is_empty() {
        return Err(SparkError::new("UNPIVOT_REQUIRES_VALUE_COLUMNS"));
    }
    let entries =
        values.into_iter().map(|typed| Entry { name: typed.name.clone(), values: vec![unaliased(typed)] }).collect();
    unpivot(
        resolver,
        &input,
        ids,
        entries,
        &message.variable_column_name,
        std::slice::from_ref(&message.value_column_name),
    )
}

/// `FROM x UNPIVOT (..)`.
pub fn sql(resolver: &Resolver, message: &SqlUnpivot, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "SqlUnpivot")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let mut entries = vec![];
    for column in &message.columns {
        let values: Vec<Typed> =
            column.expressions.iter().map(|e| resolver.expression(e, &scope).map(unaliased)).collect::<Result<_>>()?;
        let names: Vec<&str> = values.iter().map(|typed| typed.name.as_str()).collect();
        entries.push(Entry { name: column.alias.clone().unwrap_or_else(|| names.join("_")), values });
    }
    let used = |attribute: &&Attribute| {
        entries.iter().flat_map(|entry| &entry.values).any(|typed| typed.expr == attribute.expr())
    };
    let ids = input.output.iter().filter(|attribute| !used(attribute)).map(Attribute::typed).collect();
    let relation = unpivot(resolver, &input, ids, entries, &message.variable_column, &message.value_columns)?;
    if message.include_nulls {
        return Ok(relation);
    }
    // Spark looks for the columns that may be NULL by name.
    let inputs = [&relation];
    let scope = resolver.scope(&inputs, outer);
    for name in &message.value_columns {
        resolver.expression(&build::attribute(std::slice::from_ref(name)), &scope).map_err(SparkError::placeless)?;
    }
    let known = relation.output.len() - message.value_columns.len();
    let mut condition: Option<Typed> = None;
    for attribute in &relation.output[known..] {
        let there = function::scalar(resolver, "isnotnull", vec![attribute.typed()])?;
        condition = Some(match condition {
            Some(other) => function::scalar(resolver, "or", vec![other, there])?,
            None => there,
        });
    }
    match condition {
        Some(condition) => filter::apply(resolver, relation, condition),
        None => Ok(relation),
    }
}

fn unpivot(
    resolver: &Resolver,
    input: &Relation,
    ids: Vec<Typed>,
    entries: Vec<Entry>,
    variable: &str,
    value_names: &[String],
) -> Result<Relation> {
    if entries.iter().any(|entry| entry.values.len() != value_names.len()) {
        return Err(SparkError::new("UNPIVOT_VALUE_SIZE_MISMATCH").with("names", value_names.len().to_string()));
    }
    let mut types: Vec<DataType> = vec![];
    for index in 0..value_names.len() {
        let mut data_type = entries[0].values[index].data_type.clone();
        for entry in &entries[1..] {
            data_type =
                plain_common_type(&data_type, &entry.values[index].data_type, resolver.env()).ok_or_else(|| {
                    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
                    for value in entries.iter().map(|entry| &entry.values[index]) {
                        types.entry(format!("\"{}\"", value.sql_type())).or_default().push(name::quote(&value.name));
                    }
                    let shown: Vec<String> = types.into_iter().map(columns_of_type).collect();
                    SparkError::new("UNPIVOT_VALUE_DATA_TYPE_MISMATCH").with("types", shown.join(", "))
                })?;
        }
        types.push(data_type);
    }
    let nullable: Vec<bool> =
        (0..types.len()).map(|index| entries.iter().any(|entry| entry.values[index].nullable)).collect();
    let mut rows = vec![];
    for entry in entries {
        let text = |text: &str| Typed::literal(ScalarValue::Utf8(Some(text.to_string())), text);
        let mut args = vec![text("variable"), text(&entry.name)];
        for (index, (value, data_type)) in entry.values.into_iter().zip(&types).enumerate() {
            let value = implicit_cast(value, data_type, resolver.env())
                .ok_or_else(|| SparkError::internal("a common type that cannot be cast to"))?;
            args.extend([text(&format!("value{index}")), value]);
        }
        rows.push(function::scalar(resolver, "named_struct", args)?);
    }
    let list = function::scalar(resolver, "array", rows)?;
    let mut fields = vec![Arc::new(Field::new("variable", DataType::Utf8, false))];
    for (index, data_type) in types.iter().enumerate() {
        fields.push(Arc::new(Field::new(format!("value{index}"), data_type.clone(), nullable[index])));
    }
    let names: Vec<String> = std::iter::once(variable.to_string()).chain(value_names.iter().cloned()).collect();
    let generated = generate::generate(input.clone(), Generator { list: list.expr, fields, outer: false }, &names)?;
    let known = input.output.len();
    let list = ids.into_iter().chain(generated.output[known..].iter().map(Attribute::typed)).collect();
    generated.clone().select(list)
}

/// `"INT" (`a`, `b`)`: at most three of the columns.
fn columns_of_type((data_type, mut columns): (String, Vec<String>)) -> String {
    columns.sort();
    if columns.len() > 3 {
        columns.truncate(3);
        columns.push("...".into());
    }
    format!("{data_type} ({})", columns.join(", "))
}

/// `df.transpose(index)`: values of the index column become column names, in order. Runs the input.
pub fn transpose(resolver: &Resolver, message: &pb::Transpose, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Transpose")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let index = match message.index_columns.first() {
        Some(column) => unaliased(resolver.expression(column, &scope)?),
        None => input
            .output
            .first()
            .map(Attribute::typed)
            .ok_or_else(|| SparkError::internal("a transpose without columns"))?,
    };
    if index.data_type.is_nested() {
        let found = name::class(&index.data_type);
        return Err(SparkError::new("TRANSPOSE_INVALID_INDEX_COLUMN")
            .with("reason", format!("Index column must be of atomic type, but found: {found}")));
    }
    let values: Vec<Typed> =
        input.output.iter().map(Attribute::typed).filter(|typed| typed.expr != index.expr).collect();
    // Without columns it is the type that Spark starts from.
    let mut shared = if values.is_empty() { DataType::Utf8 } else { DataType::Null };
    for typed in &values {
        shared = plain_common_type(&shared, &typed.data_type, resolver.env()).ok_or_else(|| {
            SparkError::new("TRANSPOSE_NO_LEAST_COMMON_TYPE")
                .with("dt1", format!("\"{}\"", name::sql(&shared)))
                .with("dt2", format!("\"{}\"", typed.sql_type()))
        })?;
    }
    let limit =
        resolver.ctx.conf("spark.sql.transposeMaxValues").and_then(|text| text.parse().ok()).unwrap_or(500usize);
    let key = firesteel_functions::cast::cast(
        index.clone(),
        &DataType::Utf8,
        firesteel_functions::cast::EvalMode::Ansi,
        resolver.env(),
    )?;
    let mut exprs = vec![index.expr.clone().alias("index"), key.expr.alias("key")];
    for (at, typed) in values.iter().enumerate() {
        let typed = implicit_cast(typed.clone(), &shared, resolver.env())
            .ok_or_else(|| SparkError::internal("a common type that cannot be cast to"))?;
        exprs.push(typed.expr.alias(format!("v{at}")));
    }
    let plan = LogicalPlanBuilder::from(input.plan.clone())
        .project(exprs)
        .planned()?
        .filter(datafusion::prelude::col("index").is_not_null())
        .planned()?
        .sort(vec![datafusion::prelude::col("index").sort(true, true)])
        .planned()?
        .limit(0, Some(limit + 1))
        .planned()?
        .build()
        .planned()?;
    let batches = resolver.ctx.catalog.collect(plan)?;
    let count: usize = batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
    if count > limit {
        return Err(SparkError::new("TRANSPOSE_EXCEED_ROW_LIMIT")
            .with("maxValues", limit.to_string())
            .with("config", "spark.sql.transposeMaxValues"));
    }
    let mut fields = vec![Field::new("key", DataType::Utf8, false)];
    let mut columns: Vec<Vec<ScalarValue>> =
        vec![values.iter().map(|typed| ScalarValue::Utf8(Some(typed.name.clone()))).collect()];
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let text = arrow::array::cast::AsArray::as_string::<i32>(batch.column(1)).value(row).to_string();
            fields.push(Field::new(text, shared.clone(), true));
            let column = (0..values.len())
                .map(|at| ScalarValue::try_from_array(batch.column(at + 2), row))
                .collect::<datafusion::common::Result<_>>()
                .planned()?;
            columns.push(column);
        }
    }
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let arrays = columns
        .into_iter()
        .zip(schema.fields())
        .map(|(values, field)| {
            if values.is_empty() {
                Ok(arrow::array::new_empty_array(field.data_type()))
            } else {
                ScalarValue::iter_to_array(values)
            }
        })
        .collect::<datafusion::common::Result<Vec<_>>>()
        .planned()?;
    debug_assert!(arrays.iter().all(|array| array.len() == values.len()));
    let batch = arrow::record_batch::RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(firesteel_functions::kernel::from_arrow)?;
    local_relation::batches(schema, vec![batch])
}
