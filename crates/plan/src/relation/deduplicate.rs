//! DISTINCT and `dropDuplicates`.

use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, message: &pb::Deduplicate, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Deduplicate")?, outer)?;
    let streaming = firesteel_sources::stream::table::is_streaming(&input.plan);
    if message.column_names.is_empty()
        && !message.all_columns_as_keys.unwrap_or(false)
        && message.within_watermark == Some(false)
    {
        return Err(SparkError::new("CONNECT_INVALID_PLAN.DEDUPLICATE_REQUIRES_COLUMNS_OR_ALL"));
    }
    let within_watermark = message.within_watermark.unwrap_or(false);
    if within_watermark && !streaming {
        let text = "dropDuplicatesWithinWatermark is not supported with batch DataFrames/DataSets";
        let error = SparkError::new("_LEGACY_ERROR_TEMP_3102").with("msg", text);
        return Err(error.with_message(format!("{text};")));
    }
    // SELECT DISTINCT says nothing of watermarks, as `dropDuplicates` always does.
    let is_sql = message.within_watermark.is_none();
    if streaming && !is_sql && (message.all_columns_as_keys.unwrap_or(false) || message.column_names.is_empty()) {
        let keys = input.output.clone();
        check(&input)?;
        return crate::operator::stream_dedup::plan(input, &keys, within_watermark);
    }
    if message.all_columns_as_keys.unwrap_or(false) || message.column_names.is_empty() {
        return distinct(input);
    }
    let mut keys: Vec<Attribute> = vec![];
    for name in &message.column_names {
        let same = |a: &&Attribute| {
            if resolver.env().case_sensitive { a.name() == name } else { a.name().eq_ignore_ascii_case(name) }
        };
        let found: Vec<&Attribute> = input.output.iter().filter(same).collect();
        if found.is_empty() {
            let columns: Vec<&str> = input.output.iter().map(Attribute::name).collect();
            return Err(SparkError::new("CONNECT_INVALID_PLAN.UNRESOLVED_COLUMN_AMONG_FIELD_NAMES")
                .with("colName", name)
                .with("fieldNames", columns.join(", ")));
        }
        keys.extend(found.into_iter().cloned());
    }
    if streaming {
        return crate::operator::stream_dedup::plan(input, &keys, within_watermark);
    }
    if !is_sql {
        check_columns(&keys)?;
    }
    by_keys(input, &keys)
}

/// One row of each combination of all columns; of a stream it is an aggregation, as in Spark.
pub(crate) fn distinct(input: Relation) -> Result<Relation> {
    let input = input.narrow()?;
    check(&input)?;
    if firesteel_sources::stream::table::is_streaming(&input.plan) {
        let keys: Vec<Expr> = input.output.iter().map(Attribute::expr).collect();
        let builder = LogicalPlanBuilder::from(input.plan.clone());
        let plan = builder.aggregate(keys, Vec::<Expr>::new()).planned()?.build().planned()?;
        return Ok(input.with_plan(plan));
    }
    if input.output.iter().any(|column| collated_key(column).is_some()) {
        let keys = input.output.clone();
        return by_keys(input, &keys);
    }
    let plan = LogicalPlanBuilder::from(input.plan.clone()).distinct().planned()?.build().planned()?;
    Ok(input.with_plan(plan))
}

pub(crate) fn check(input: &Relation) -> Result<()> {
    check_columns(&input.output)
}

fn check_columns(columns: &[Attribute]) -> Result<()> {
    let has_map = |a: &Attribute| firesteel_functions::collection::has_map(a.data_type());
    let refused = |a: &&Attribute| has_map(a) || holds_variant(a.data_type());
    let condition = |column: &Attribute| match has_map(column) {
        false => "UNSUPPORTED_FEATURE.SET_OPERATION_ON_VARIANT_TYPE",
        true => "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE",
    };
    match columns.iter().find(refused) {
        Some(column) => Err(SparkError::new(condition(column))
            .with("colName", firesteel_protocol::types::name::quote(column.name()))
            .with("dataType", format!("\"{}\"", firesteel_protocol::types::name::sql(column.data_type())))),
        None => Ok(()),
    }
}

fn holds_variant(data_type: &arrow::datatypes::DataType) -> bool {
    use arrow::datatypes::DataType;
    match data_type {
        own if firesteel_protocol::types::is_variant(own) => true,
        DataType::List(field) => holds_variant(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_variant(field.data_type())),
        _ => false,
    }
}

/// The first value of a group.
pub(crate) fn first(expr: Expr) -> Expr {
    Expr::AggregateFunction(AggregateFunction::new_udf(first_value_udaf(), vec![expr], false, None, vec![], None))
}

/// What stands for a column's strings where they are compared, if their collation wants it.
pub(crate) fn collated_key(column: &Attribute) -> Option<Expr> {
    firesteel_functions::collation::key_of_column(column.expr(), &column.field, &firesteel_functions::Env::default())
}

/// The first row of each combination of `keys`.
pub(crate) fn by_keys(input: Relation, keys: &[Attribute]) -> Result<Relation> {
    let input = input.narrow()?;
    // Of strings that a collation holds equal, the first comes out.
    let is_key =
        |attribute: &Attribute| collated_key(attribute).is_none() && keys.iter().any(|key| key.id == attribute.id);
    let group: Vec<Expr> = keys
        .iter()
        .map(|key| match collated_key(key) {
            Some(own) => own.alias(format!("key {}", key.column)),
            None => key.expr(),
        })
        .collect();
    // Aggregates need names that differ from their input's columns until the last projection.
    let firsts: Vec<Expr> = input
        .output
        .iter()
        .filter(|attribute| !is_key(attribute))
        .map(|attribute| first(attribute.expr()).alias(format!("first {}", attribute.column)))
        .collect();
    let columns: Vec<Expr> = input
        .output
        .iter()
        .map(|attribute| {
            if is_key(attribute) {
                attribute.expr()
            } else {
                let first = datafusion::common::Column::new_unqualified(format!("first {}", attribute.column));
                Expr::Column(first).alias(attribute.column.as_ref())
            }
        })
        .collect();
    let plan = LogicalPlanBuilder::from(input.plan.clone())
        .aggregate(group, firsts)
        .planned()?
        .project(columns)
        .planned()?
        .build()
        .planned()?;
    Ok(input.with_plan(plan))
}
