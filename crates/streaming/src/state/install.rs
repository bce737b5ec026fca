//! Puts stateful operators into the plan of a batch, with the watermarks that reach each of them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Extension, LogicalPlan};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::Relation;
use firesteel_plan::operator::python::stateful::PythonStateNode;
use firesteel_plan::operator::stream_dedup::StreamDedupNode;
use firesteel_protocol::Result;
use firesteel_sources::stream::table::is_streaming;

use super::aggregate::AggregateState;
use super::dedup::DedupState;
use super::join::JoinState;
use super::join_plan::JoinShape;
use super::limit::LimitState;
use super::node::StatefulNode;
use super::operator::Kind;
use super::python::{Clock, PythonState};
use super::{BatchTime, Operators, Run, Watermarks, event_time};
use crate::start::OutputMode;

/// Puts stateful operators into the plan of a batch.
pub fn install(
    relation: Relation,
    operators: &Operators,
    mode: OutputMode,
    batch_id: u64,
    time: BatchTime,
) -> Result<Relation> {
    let mut index = 0;
    let first_run = operators.is_empty() && batch_id > 0;
    let mut next = |kind: Kind, waits: bool, inputs: &[&LogicalPlan]| {
        let operator = operators.operator(index, kind, waits, batch_id);
        index += 1;
        let watermarks = inputs.iter().filter_map(|input| reaching(input)).reduce(Watermarks::min);
        let watermarks = watermarks.unwrap_or(time.watermarks);
        Run { operator, mode, version: batch_id, watermarks, timestamp_ms: time.timestamp_ms }
    };
    let plan = relation.plan.clone().transform_up(|node| {
        let stateful = match &node {
            LogicalPlan::Aggregate(aggregate) if is_streaming(&aggregate.input) => {
                let state = AggregateState::of(aggregate);
                // What is updated lets a batch without data follow any watermark, as in Spark.
                let any = mode == OutputMode::Update && event_time::of_plan(&aggregate.input).is_some();
                let run = next(state.kind(), any || state.has_event_time(), &[&aggregate.input]);
                state.node(aggregate, run)?
            }
            LogicalPlan::Join(join) if is_streaming(&join.left) && is_streaming(&join.right) => {
                let shape = JoinShape::of(join)?;
                let inputs = [join.left.as_ref(), join.right.as_ref()];
                let run = next(Kind::Join, shape.has_event_time(), &inputs);
                JoinState::node(join, shape, run)?
            }
            LogicalPlan::Limit(limit) if mode == OutputMode::Append && is_streaming(&limit.input) => {
                let run = next(Kind::Limit, false, &[&limit.input]);
                LimitState::node(limit, run)?
            }
            LogicalPlan::Extension(extension) if is_streaming_python(extension).is_some() => {
                let Some(python) = is_streaming_python(extension) else { return Ok(Transformed::no(node)) };
                let state = PythonState::of(python);
                let run = next(state.kind(), state.clock() == Clock::EventTime, &[&python.inputs[0]]);
                if first_run && state.clock() == Clock::ProcessingTime {
                    run.operator.lock().due_ms = Some(i64::MIN);
                }
                state.node(run)
            }
            LogicalPlan::Extension(extension) => {
                let Some(dedup) = extension.node.as_any().downcast_ref::<StreamDedupNode>() else {
                    return Ok(Transformed::no(node));
                };
                let state = DedupState::of(dedup);
                let kind = if dedup.within_watermark { Kind::DedupWithinWatermark } else { Kind::Dedup };
                // Spark looks again once the watermark has moved, whether or not a key can go.
                let dated = event_time::of_plan(&dedup.input).is_some();
                let run = next(kind, dated || state.expires(), &[&dedup.input]);
                state.node(dedup, run)
            }
            _ => return Ok(Transformed::no(node)),
        };
        Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(stateful) })))
    });
    let plan = plan.map_err(from_datafusion)?.data;
    Ok(Relation { plan, ..relation })
}

/// A function over groups of a stream that remembers.
pub fn is_streaming_python(extension: &Extension) -> Option<&PythonStateNode> {
    let node = extension.node.as_any().downcast_ref::<PythonStateNode>()?;
    is_streaming(&node.inputs[0]).then_some(node)
}

/// How many stateful operators a plan needs.
pub fn count(plan: &LogicalPlan) -> usize {
    let own = match plan {
        LogicalPlan::Aggregate(aggregate) => is_streaming(&aggregate.input),
        LogicalPlan::Join(join) => is_streaming(&join.left) && is_streaming(&join.right),
        LogicalPlan::Limit(limit) => is_streaming(&limit.input),
        LogicalPlan::Extension(extension) => {
            extension.node.as_any().is::<StreamDedupNode>() || is_streaming_python(extension).is_some()
        }
        _ => false,
    };
    usize::from(own) + plan.inputs().into_iter().map(count).sum::<usize>()
}

/// The watermarks of the rows of a plan that has a stateful operator.
fn reaching(plan: &LogicalPlan) -> Option<Watermarks> {
    if let LogicalPlan::Extension(extension) = plan {
        if let Some(node) = extension.node.as_any().downcast_ref::<StatefulNode>() {
            return Some(node.output_watermarks());
        }
    }
    plan.inputs().into_iter().filter_map(reaching).reduce(Watermarks::min)
}
