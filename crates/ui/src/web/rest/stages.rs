//! `/stages`, without their tasks.

use serde_json::{Map, Value, json};

use super::tasks::{task_list, task_summary};
use super::{Answer, check_status, found, pieces, query_flag, wanted};
use crate::json::rest_time;
use crate::metric::{self, METRICS, TaskMetrics};
use crate::model::{Stage, Status, Task};
use crate::peaks::{self, Peaks};
use crate::quantile::quantiles;
use crate::web::view::View;

#[derive(Debug, Clone, Copy)]
pub(super) struct Details {
    tasks: bool,
    summaries: bool,
}

pub(super) fn details(view: &View, default: bool) -> Details {
    Details { tasks: query_flag(view, "details", default), summaries: query_flag(view, "withSummaries", false) }
}

pub(super) fn stages(view: &View) -> Answer {
    if let Some(answer) = check_status(view, &["active", "complete", "pending", "failed", "skipped"]) {
        return answer;
    }
    let own = view.store.stages.values().rev().filter(|own| wanted(view, own.status.stage()));
    list(view, &own.collect::<Vec<_>>(), details(view, false))
}

/// Stages as a list.
pub(super) fn list(view: &View, own: &[&Stage], details: Details) -> Answer {
    let value: Value = own.iter().map(|own| stage(view, own, details)).collect();
    if details.tasks { Answer::Stream(pieces::stages(&value, own, view.now_ms)) } else { Answer::Json(value) }
}

pub(super) fn one_stage(view: &View, id: i64, attempt: i64, rest: &[&str]) -> Answer {
    let Some(own) = view.store.stages.get(&(id, attempt)) else {
        let known: Vec<String> = view.store.attempts(id).map(|own| own.attempt.to_string()).collect();
        return Answer::NotFound(if known.is_empty() {
            format!("unknown stage: {id}")
        } else {
            format!("unknown attempt for stage {id}.  Found attempts: [{}]", known.join(","))
        });
    };
    match rest {
        [] => {
            let details = details(view, true);
            let value = stage(view, own, details);
            if details.tasks {
                Answer::Stream(pieces::stages(&value, &[own], view.now_ms))
            } else {
                Answer::Json(value)
            }
        }
        ["taskList"] => task_list(view, own),
        ["taskSummary"] => {
            let text = view.query.get("quantiles").unwrap_or("0.05,0.25,0.5,0.75,0.95");
            match shares(text) {
                Some(shares) => {
                    found(task_summary(own, &shares), || format!("No tasks reported metrics for {id} / {attempt} yet."))
                }
                None => {
                    Answer::Bad(format!("Bad value for parameter \"quantiles\".  Expected a double, got \"{text}\""))
                }
            }
        }
        _ => Answer::NotFound("HTTP 404 Not Found".into()),
    }
}

fn shares(text: &str) -> Option<Vec<f64>> {
    text.split(',').map(|part| part.trim().parse().ok()).collect()
}

/// A stage; where its tasks are wanted, [`pieces`] writes them.
fn stage(view: &View, own: &Stage, details: Details) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.into(), value);
    };
    put("status", own.status.stage().into());
    put("stageId", own.id.into());
    put("attemptId", own.attempt.into());
    put("numTasks", own.num_tasks.into());
    put("numActiveTasks", own.counts.active.into());
    put("numCompleteTasks", own.counts.complete.into());
    put("numFailedTasks", own.counts.failed.into());
    put("numKilledTasks", own.counts.killed.into());
    put("numCompletedIndices", own.counts.indices.into());
    for (key, at) in [
        ("submissionTime", own.submitted_ms),
        ("firstTaskLaunchedTime", own.first_task_ms),
        ("completionTime", own.completed_ms),
    ] {
        if at > 0 {
            put(key, rest_time(at).into());
        }
    }
    if let Some(failure) = &own.failure {
        put("failureReason", failure.as_str().into());
    }
    for (index, metric) in METRICS.iter().enumerate() {
        put(metric.stage, own.metrics.get(index).into());
        if metric.stage == "shuffleLocalBytesRead" {
            put("shuffleReadBytes", own.metrics.shuffle_read_bytes().into());
        }
    }
    put("name", own.name.as_str().into());
    if let Some(description) = &own.description {
        put("description", description.as_str().into());
    }
    put("details", own.details.as_str().into());
    put("schedulingPool", "default".into());
    put("rddIds", own.rdd_ids.clone().into());
    put(
        "accumulatorUpdates",
        own.accumulables.iter().map(|(id, name, value)| json!({"id": id, "name": name, "value": value})).collect(),
    );
    if details.tasks {
        put("tasks", pieces::mark());
        put("executorSummary", executor_summary(view, own));
    }
    let killed: Map<String, Value> =
        own.killed.iter().map(|(reason, count)| (reason.to_string(), (*count).into())).collect();
    put("killedTasksSummary", Value::Object(killed));
    put("resourceProfileId", own.resource_profile.into());
    put("isShufflePushEnabled", false.into());
    put("shuffleMergersCount", 0.into());
    let mut peaks = own.peaks.values().copied();
    if let Some(first) = peaks.next() {
        let all = peaks.fold(first, |mut all, own| {
            all.raise(&own);
            all
        });
        put("peakExecutorMetrics", all.json());
    }
    if details.summaries {
        let asked = view.query.get("quantiles").and_then(shares).unwrap_or_else(|| vec![0.0, 0.25, 0.5, 0.75, 1.0]);
        if let Some(summary) = task_summary(own, &asked) {
            put("taskMetricsDistributions", summary);
        }
        if let Some(summary) = executor_distributions(view, own, &asked) {
            put("executorMetricsDistributions", summary);
        }
    }
    Value::Object(out)
}

fn executor_summary(view: &View, own: &Stage) -> Value {
    let mut all: Map<String, Value> = Map::new();
    let executors: std::collections::BTreeSet<&str> = own.tasks.values().map(|task| task.executor.as_ref()).collect();
    for executor in executors {
        let tasks: Vec<&Task> = own.tasks.values().filter(|task| task.executor.as_ref() == executor).collect();
        let mut sum = TaskMetrics::default();
        tasks.iter().filter_map(|task| task.metrics.as_ref()).for_each(|metrics| sum.add(metrics));
        let count = |status: Status| tasks.iter().filter(|task| task.status == status).count();
        let summary = json!({
            "taskTime": tasks.iter().map(|task| task.duration_ms(view.now_ms)).sum::<i64>(),
            "failedTasks": count(Status::Failed),
            "succeededTasks": count(Status::Succeeded),
            "killedTasks": count(Status::Killed),
            "inputBytes": sum.get(metric::INPUT_BYTES),
            "inputRecords": sum.get(metric::INPUT_RECORDS),
            "outputBytes": sum.get(metric::OUTPUT_BYTES),
            "outputRecords": sum.get(metric::OUTPUT_RECORDS),
            "shuffleRead": sum.shuffle_read_bytes(),
            "shuffleReadRecords": sum.get(metric::SHUFFLE_RECORDS_READ),
            "shuffleWrite": sum.get(metric::SHUFFLE_BYTES_WRITTEN),
            "shuffleWriteRecords": sum.get(metric::SHUFFLE_RECORDS_WRITTEN),
            "memoryBytesSpilled": sum.get(metric::MEMORY_SPILLED),
            "diskBytesSpilled": sum.get(metric::DISK_SPILLED),
            "isBlacklistedForStage": false,
            "peakMemoryMetrics": own.peaks.get(executor).map_or_else(|| json!({}), Peaks::json),
            "isExcludedForStage": false,
        });
        all.insert(executor.to_string(), summary);
    }
    Value::Object(all)
}

/// Quantiles over the executors of a stage.
fn executor_distributions(view: &View, own: &Stage, shares: &[f64]) -> Option<Value> {
    let Value::Object(executors) = executor_summary(view, own) else { return None };
    let first = executors.values().next()?.as_object()?;
    let over = |value: &dyn Fn(&Value) -> i64| -> Value {
        let values = quantiles(executors.values().map(value).collect(), shares);
        values.into_iter().map(|value| value as f64).collect::<Vec<_>>().into()
    };
    let mut out = Map::new();
    out.insert("quantiles".into(), shares.to_vec().into());
    for name in first.iter().filter(|(_, value)| value.is_i64()).map(|(name, _)| name) {
        out.insert(name.clone(), over(&|own| own[name].as_i64().unwrap_or(0)));
    }
    let peak = |name: &str| over(&|own| own["peakMemoryMetrics"][name].as_i64().unwrap_or(0));
    let all: Map<String, Value> = peaks::NAMES.into_iter().map(|name| (name.to_owned(), peak(name))).collect();
    out.insert("peakMemoryMetrics".into(), Value::Object(all));
    Some(Value::Object(out))
}
