//! SQL executions: their plans and what their operators measured.

use serde_json::Value;

use super::Store;
use crate::json::{int_or, pairs, text, text_or};
use crate::model::{Execution, Measured, PlanNode};

impl Store {
    pub(super) fn sql(&mut self, name: &str, event: &Value) {
        let id = int_or(event, "executionId", -1);
        match name {
            "SQLExecutionStart" => {
                let own = Execution {
                    id,
                    root: int_or(event, "rootExecutionId", id),
                    description: text_or(event, "description", "").into(),
                    details: text_or(event, "details", "").into(),
                    physical: text_or(event, "physicalPlanDescription", "").into(),
                    plan: plan_node(&event["sparkPlanInfo"], 0),
                    modified_conf: pairs(&event["modifiedConfigs"]),
                    job_tags: event["jobTags"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .map(str::to_string)
                        .collect(),
                    query_id: text(event, "queryId").map(str::to_string),
                    submitted_ms: int_or(event, "time", -1),
                    completed_ms: -1,
                    ..Execution::default()
                };
                self.touch(own.submitted_ms);
                self.executions.insert(id, own);
                self.forget_executions();
            }
            "SQLAdaptiveExecutionUpdate" => {
                if let Some(own) = self.executions.get_mut(&id) {
                    own.physical = text_or(event, "physicalPlanDescription", "").into();
                    own.plan = plan_node(&event["sparkPlanInfo"], 0);
                }
            }
            "DriverAccumUpdates" => {
                let Some(own) = self.executions.get_mut(&id) else { return };
                for pair in event["accumUpdates"].as_array().into_iter().flatten() {
                    if let (Some(id), Some(value)) = (pair[0].as_i64(), pair[1].as_i64()) {
                        // As in Spark, on top of what tasks have brought.
                        let measured = own.values.entry(id).or_default();
                        measured.total = measured.total.saturating_add(value);
                    }
                }
            }
            "SQLExecutionEnd" => {
                let at_ms = int_or(event, "time", -1);
                self.touch(at_ms);
                let Some(own) = self.executions.get_mut(&id) else { return };
                own.completed_ms = at_ms;
                own.error = text(event, "errorMessage").map(str::to_string);
                own.live.clear();
                own.values.values_mut().for_each(Measured::settle);
                let stages = own.stages.clone();
                stages.iter().for_each(|stage| {
                    self.stage_execution.remove(stage);
                });
            }
            _ => {}
        }
    }

    /// Sums that a running execution has reached.
    pub fn live_values(&mut self, execution: i64, values: Vec<(i64, i64)>) {
        let Some(own) = self.executions.get_mut(&execution).filter(|own| own.completed_ms < 0) else { return };
        own.live = values.into_iter().collect();
    }
}

/// The deepest plan that is shown; deeper ones are cut.
const MAX_DEPTH: usize = 500;

fn plan_node(info: &Value, depth: usize) -> PlanNode {
    let children = info["children"].as_array().map(Vec::as_slice).unwrap_or_default();
    PlanNode {
        name: text_or(info, "nodeName", "").into(),
        text: text_or(info, "simpleString", "").into(),
        metadata: pairs(&info["metadata"]),
        metrics: info["metrics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|own| {
                (
                    text_or(own, "name", "").into(),
                    int_or(own, "accumulatorId", -1),
                    text_or(own, "metricType", "sum").into(),
                )
            })
            .collect(),
        children: if depth < MAX_DEPTH {
            children.iter().map(|own| plan_node(own, depth + 1)).collect()
        } else {
            vec![]
        },
    }
}
