//! `applyInPandasWithState` and `transformWithState`: Python functions over groups that remember.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, SortExpr, try_cast};
use datafusion::prelude::lit;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{self, ddl, json};
use firesteel_protocol::{Result, SparkError};

use super::project::attributes;
use super::python::{Keyed, keyed, struct_of, unknown_kind};
use super::{Relation, node, required};
use crate::Resolver;
use crate::attribute::{Attribute, next_id};
use crate::expression::python::python_function;
use crate::operator::python::convert::worker_fields;
use crate::operator::python::function::eval_type;
use crate::operator::python::group_state::Timeout;
use crate::operator::python::grouping::arranged;
use crate::operator::python::processor::TimeMode;
use crate::operator::python::stateful::{EventColumn, PythonStateNode, Remembering, SameSettings, StateSide};
use crate::operator::python::{WorkerSettings, map};
use crate::operator::watermark::{first_delay_ms, with_delay};
use crate::scope::{Scope, find_in, unresolved};

/// `groupBy(..).applyInPandasWithState`.
pub fn with_state(
    resolver: &Resolver,
    message: &pb::ApplyInPandasWithState,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "ApplyInPandasWithState")?, outer)?;
    let timeout = Timeout::of(&message.timeout_conf).ok_or_else(|| {
        let text = format!("Invalid string for GroupStateTimeout: {}", message.timeout_conf);
        SparkError::new("_LEGACY_ILLEGAL_STATE").with_message(text)
    })?;
    if mode_of(&message.output_mode)? == "complete" {
        let text = "The output mode of function should be append or update";
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(text));
    }
    let state = schema_of(&message.state_schema)?;
    let function = message.func.as_ref();
    let function = function.ok_or_else(|| crate::expression::missing("func", "ApplyInPandasWithState"))?;
    let kind = Remembering::GroupState { timeout, state };
    let given = Given { function, mode: &message.output_mode, kind, event_time: None };
    plan(resolver, vec![(input, &message.grouping_expressions)], given, outer)
}

/// `groupBy(..).transformWithState` and `transformWithStateInPandas`.
pub fn transform_with_state(resolver: &Resolver, message: &pb::GroupMap, outer: Option<&Scope>) -> Result<Relation> {
    let info = message.transform_with_state_info.clone().unwrap_or_default();
    let time = TimeMode::of(&info.time_mode)
        .ok_or_else(|| SparkError::new("STATEFUL_PROCESSOR_UNKNOWN_TIME_MODE").with("timeMode", &info.time_mode))?;
    let input = resolver.relation_in(required(message.input.as_deref(), "GroupMap")?, outer)?;
    let mut inputs = vec![(input, &message.grouping_expressions)];
    if let Some(initial) = &message.initial_input {
        inputs.push((resolver.relation_in(initial, outer)?, &message.initial_grouping_expressions));
    }
    let function = message.func.as_ref().ok_or_else(|| crate::expression::missing("func", "GroupMap"))?;
    let mode = message.output_mode.as_deref().unwrap_or_default();
    let event_time = info.event_time_column_name.filter(|name| !name.is_empty());
    let given = Given { function, mode, kind: Remembering::Processor { time, event_time: None }, event_time };
    plan(resolver, inputs, given, outer)
}

/// What a message says besides its relations.
struct Given<'m> {
    function: &'m pb::CommonInlineUserDefinedFunction,
    mode: &'m str,
    kind: Remembering,
    /// The column of the answer that is said to carry event time.
    event_time: Option<String>,
}

/// Spark's `InternalOutputModes`.
fn mode_of(text: &str) -> Result<String> {
    let word = text.to_lowercase();
    match word.as_str() {
        "append" | "update" | "complete" => Ok(word),
        _ => Err(SparkError::new("STREAMING_OUTPUT_MODE.INVALID").with("outputMode", text)),
    }
}

fn schema_of(text: &str) -> Result<Fields> {
    if !text.trim_start().starts_with('{') {
        return ddl::parse_schema(text);
    }
    match json::parse(text)? {
        DataType::Struct(fields) => Ok(fields),
        other => Err(SparkError::internal(format!("the schema of a state is {other}"))),
    }
}

fn plan(
    resolver: &Resolver,
    relations: Vec<(Relation, &Vec<pb::Expression>)>,
    given: Given<'_>,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let function = python_function(given.function)?;
    let is_known = match given.kind {
        Remembering::GroupState { .. } => function.eval_type == eval_type::GROUPED_MAP_PANDAS_WITH_STATE,
        Remembering::Processor { .. } => eval_type::is_processor(function.eval_type),
    };
    if !is_known {
        return Err(unknown_kind(function.eval_type));
    }
    let settings = WorkerSettings::of(resolver.ctx);
    let (mut inputs, mut sides) = (vec![], vec![]);
    for (relation, grouping) in relations {
        let mut keyed = keyed(resolver, relation, grouping, outer)?;
        if let (Some(rows), Some(side)) = (inputs.first(), sides.first()) {
            keyed = with_keys_of(keyed, rows, side)?;
        }
        let Keyed { plan, keys, sent, fields, arguments } = keyed;
        let order = keys.iter().map(|key| SortExpr::new(Expr::Column(Column::new_unqualified(key)), true, true));
        // One worker meets all groups: a partition of its own for each would be more than there are rows for most.
        let plan = arranged(plan, &[], &order.collect::<Vec<_>>(), 1)?;
        let taken = worker_fields(&fields, &settings.zone);
        inputs.push(Arc::new(plan));
        sides.push(StateSide { keys, sent, taken, arguments });
    }
    let fields = struct_of(&function)?;
    let mut output = attributes(&fields);
    let mut kind = given.kind;
    if let (Some(name), Remembering::Processor { event_time, .. }) = (&given.event_time, &mut kind) {
        *event_time = Some(assigned(resolver, name, &inputs[0], &mut output)?);
    }
    let schema = map::schema_of(&output)?;
    let node = PythonStateNode {
        inputs,
        sides,
        function,
        settings: SameSettings(settings),
        given: fields,
        kind,
        mode: mode_of(given.mode)?,
        schema,
    };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), output))
}

/// An initial state whose keys meet those of the rows. Spark compares the bytes of keys and not their types: whole numbers
/// of all sizes are the same to it, and no group is found by a key of another type.
fn with_keys_of(mut keyed: Keyed, rows: &Arc<LogicalPlan>, side: &StateSide) -> Result<Keyed> {
    let types = |plan: &LogicalPlan, keys: &[String]| -> Vec<DataType> {
        let of = |key: &String| plan.schema().field_with_unqualified_name(key).map(|field| field.data_type().clone());
        keys.iter().filter_map(|key| of(key).ok()).collect()
    };
    let (own, wanted) = (types(&keyed.plan, &keyed.keys), types(rows, &side.keys));
    if own == wanted || own.len() != wanted.len() {
        return Ok(keyed);
    }
    if own.iter().zip(&wanted).any(|(own, wanted)| own != wanted && !(own.is_integer() && wanted.is_integer())) {
        keyed.plan = node::filter(keyed.plan, lit(false))?;
    }
    let columns = keyed.plan.schema().columns();
    let mut exprs: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
    for ((key, own), wanted) in keyed.keys.iter_mut().zip(&own).zip(&wanted) {
        if own != wanted {
            let name = format!("_k#{}", next_id());
            let column = Expr::Column(Column::new_unqualified(key.as_str()));
            exprs.push(try_cast(column, wanted.clone()).alias(name.as_str()));
            *key = name;
        }
    }
    keyed.plan = node::project(keyed.plan, exprs)?;
    Ok(keyed)
}

/// The column of the answer that takes the event time's place, with the delay of the first watermark below.
fn assigned(resolver: &Resolver, name: &str, input: &LogicalPlan, output: &mut [Attribute]) -> Result<EventColumn> {
    let parts = crate::sql::parse_table_name(name)?;
    // The rows of a batch query have no watermark.
    let delay_ms = first_delay_ms(input);
    let delay_ms = delay_ms.ok_or_else(|| SparkError::new("CANNOT_ASSIGN_EVENT_TIME_COLUMN_WITHOUT_WATERMARK"))?;
    let found = find_in(&output.iter().collect::<Vec<_>>(), &parts, resolver.env().case_sensitive)?;
    let found = found.ok_or_else(|| unresolved(&parts, output.iter()))?;
    if !found.rest.is_empty() {
        return Err(match found.attribute.data_type() {
            DataType::Struct(_) => SparkError::new("EVENT_TIME_MUST_BE_TOP_LEVEL_COLUMN").with("eventExpr", name),
            other => SparkError::new("INVALID_EXTRACT_BASE_FIELD_TYPE")
                .with("base", format!("\"{}\"", found.attribute.name()))
                .with("other", format!("\"{}\"", types::name::sql(other))),
        });
    }
    for own in output.iter_mut().filter(|own| own.id == found.attribute.id) {
        own.field = Arc::new(with_delay(&own.field, delay_ms));
    }
    Ok(EventColumn { column: found.attribute.column.to_string(), delay_ms })
}
