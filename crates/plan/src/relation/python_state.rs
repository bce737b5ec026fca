//! `applyInPandasWithState` and `transformWithState`: Python functions over groups that remember.

use std::sync::Arc;

use arrow::datatypes::{DataType, Fields};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, SortExpr};
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{ddl, json};
use firesteel_protocol::{Result, SparkError};

use super::project::attributes;
use super::python::{Keyed, keyed, struct_of, unknown_kind};
use super::{Relation, required};
use crate::Resolver;
use crate::expression::python::python_function;
use crate::operator::python::convert::worker_fields;
use crate::operator::python::function::eval_type;
use crate::operator::python::group_state::Timeout;
use crate::operator::python::grouping::arranged;
use crate::operator::python::processor::TimeMode;
use crate::operator::python::stateful::{PythonStateNode, Remembering, SameSettings, StateSide};
use crate::operator::python::{WorkerSettings, map};
use crate::scope::Scope;

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
    let given = Given { function, mode: &message.output_mode, kind };
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
    let event_time = info.event_time_column_name.filter(|name| !name.is_empty());
    let function = message.func.as_ref().ok_or_else(|| crate::expression::missing("func", "GroupMap"))?;
    let mode = message.output_mode.as_deref().unwrap_or_default();
    let given = Given { function, mode, kind: Remembering::Processor { time, event_time } };
    plan(resolver, inputs, given, outer)
}

/// What a message says besides its relations.
struct Given<'m> {
    function: &'m pb::CommonInlineUserDefinedFunction,
    mode: &'m str,
    kind: Remembering,
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
        let Keyed { plan, keys, sent, fields, arguments } = keyed(resolver, relation, grouping, outer)?;
        let order = keys.iter().map(|key| SortExpr::new(Expr::Column(Column::new_unqualified(key)), true, true));
        // One worker meets all groups: a partition of its own for each would be more than there are rows for most.
        let plan = arranged(plan, &[], &order.collect::<Vec<_>>(), 1)?;
        let taken = worker_fields(&fields, &settings.zone);
        inputs.push(Arc::new(plan));
        sides.push(StateSide { keys, sent, taken, arguments });
    }
    let fields = struct_of(&function)?;
    let output = attributes(&fields);
    let schema = map::schema_of(&output)?;
    let node = PythonStateNode {
        inputs,
        sides,
        function,
        settings: SameSettings(settings),
        given: fields,
        kind: given.kind,
        mode: mode_of(given.mode)?,
        schema,
    };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), output))
}
