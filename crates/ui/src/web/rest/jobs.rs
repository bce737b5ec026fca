//! `/jobs`.

use serde_json::{Map, Value};

use super::{Answer, check_status, wanted};
use crate::json::rest_time;
use crate::model::{Job, Stage, Status};
use crate::web::view::View;

pub(super) fn jobs(view: &View) -> Answer {
    if let Some(answer) = check_status(view, &["running", "succeeded", "failed", "unknown"]) {
        return answer;
    }
    let own = view.store.jobs.values().rev().filter(|own| wanted(view, own.status.job()));
    Answer::Json(own.map(|own| job(view, own)).collect())
}

pub(super) fn job(view: &View, own: &Job) -> Value {
    let stages: Vec<&Stage> = view.store.stages_of(own).collect();
    let count = |status: Status| stages.iter().filter(|stage| stage.status == status).count();
    let sum = |value: &dyn Fn(&Stage) -> i64| stages.iter().map(|stage| value(stage)).sum::<i64>();
    let skipped: i64 = stages.iter().filter(|own| own.status == Status::Skipped).map(|own| own.num_tasks).sum();
    let mut out = Map::new();
    out.insert("jobId".into(), own.id.into());
    out.insert("name".into(), own.name.as_str().into());
    if let Some(description) = &own.description {
        out.insert("description".into(), description.as_str().into());
    }
    out.insert("submissionTime".into(), rest_time(own.submitted_ms).into());
    if own.completed_ms > 0 {
        out.insert("completionTime".into(), rest_time(own.completed_ms).into());
    }
    out.insert("stageIds".into(), own.stage_ids.clone().into());
    if let Some(group) = &own.group {
        out.insert("jobGroup".into(), group.as_str().into());
    }
    out.insert("jobTags".into(), own.tags.clone().into());
    out.insert("status".into(), own.status.job().into());
    for (key, value) in [
        ("numTasks", sum(&|stage| stage.num_tasks)),
        ("numActiveTasks", sum(&|stage| stage.counts.active)),
        ("numCompletedTasks", sum(&|stage| stage.counts.complete)),
        ("numSkippedTasks", skipped),
        ("numFailedTasks", sum(&|stage| stage.counts.failed)),
        ("numKilledTasks", sum(&|stage| stage.counts.killed)),
        ("numCompletedIndices", sum(&|stage| stage.counts.indices)),
        ("numActiveStages", count(Status::Running) as i64),
        ("numCompletedStages", count(Status::Succeeded) as i64),
        ("numSkippedStages", count(Status::Skipped) as i64),
        ("numFailedStages", count(Status::Failed) as i64),
    ] {
        out.insert(key.into(), value.into());
    }
    let mut killed: Map<String, Value> = Map::new();
    for (reason, count) in stages.iter().flat_map(|stage| &stage.killed) {
        let sum = killed.get(reason.as_ref()).and_then(Value::as_i64).unwrap_or(0) + count;
        killed.insert(reason.to_string(), sum.into());
    }
    out.insert("killedTasksSummary".into(), Value::Object(killed));
    Value::Object(out)
}
