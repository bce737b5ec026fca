//! Which streams functions over groups that remember can stand in. Spark's `UnsupportedOperationChecker`.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Aggregate, LogicalPlan};
use firesteel_plan::operator::python::group_state::Timeout;
use firesteel_plan::operator::python::stateful::{PythonStateNode, Remembering};
use firesteel_protocol::Result;
use firesteel_sources::stream::table::is_streaming;

use crate::check::refused;
use crate::start::OutputMode;
use crate::state::event_time;

/// Checks how many there are.
pub fn check_number(nodes: &[&PythonStateNode]) -> Result<()> {
    match nodes.iter().filter(|node| matches!(node.kind, Remembering::GroupState { .. })).count() {
        0 | 1 => Ok(()),
        _ => Err(refused("Multiple applyInPandasWithStates are not supported on a streaming DataFrames/Datasets")),
    }
}

/// Checks a function among the aggregates of its query.
pub fn check(node: &PythonStateNode, aggregates: &[&Aggregate], mode: OutputMode) -> Result<()> {
    // Spark lets a processor stand anywhere.
    let Remembering::GroupState { timeout, .. } = &node.kind else { return Ok(()) };
    modes(node, aggregates, mode)?;
    if *timeout == Timeout::EventTime && event_time::of_plan(&node.inputs[0]).is_none() {
        return Err(refused(
            "Watermark must be specified in the query using '[Dataset/DataFrame].withWatermark()' for using event-time \
             timeout in a applyInPandasWithState. Event-time timeout not supported without watermark.",
        ));
    }
    Ok(())
}

fn modes(node: &PythonStateNode, aggregates: &[&Aggregate], mode: OutputMode) -> Result<()> {
    let own = node.mode.as_str();
    if aggregates.is_empty() {
        return match mode.name().eq_ignore_ascii_case(own) {
            true => Ok(()),
            false => Err(refused(&format!(
                "applyInPandasWithState in {own} mode is not supported with {} output mode on a streaming DataFrame/Dataset",
                mode.word()
            ))),
        };
    }
    if own == "update" {
        return Err(refused(
            "applyInPandasWithState in update mode is not supported with aggregation on a streaming DataFrame/Dataset",
        ));
    }
    let below = aggregates.iter().any(|aggregate| {
        node.inputs.iter().any(|input| {
            input
                .exists(|plan| {
                    Ok(matches!(plan, LogicalPlan::Aggregate(own)
                    if own == *aggregate && is_streaming(&own.input)))
                })
                .unwrap_or(false)
        })
    });
    if below {
        return Err(refused(
            "applyInPandasWithState in append mode is not supported after aggregation on a streaming DataFrame/Dataset",
        ));
    }
    Ok(())
}
