//! Tasks of stages, and quantiles of what they measured.

use serde_json::{Map, Value, json};

use super::{Answer, pieces, wanted};
use crate::json::rest_time;
use crate::metric::{self, METRICS, TaskMetrics};
use crate::model::{Stage, Status, Task};
use crate::quantile::{quantiles, quantiles_among};
use crate::web::view::View;

pub(super) fn task_list(view: &View, own: &Stage) -> Answer {
    let (offset, length) = (view.query.int("offset").unwrap_or(0), view.query.int("length").unwrap_or(20));
    if offset < 0 || length < 0 {
        return Answer::Bad("offset and length must not be negative".into());
    }
    let mut tasks: Vec<&Task> = own.tasks.values().filter(|own| wanted(view, own.status.task())).collect();
    let now_ms = view.now_ms;
    match view.query.get("sortBy").unwrap_or("ID").to_lowercase().as_str() {
        "id" => {}
        "-runtime" | "decreasing_runtime" => tasks.sort_by_key(|own| std::cmp::Reverse(run_time(own))),
        "runtime" | "increasing_runtime" => tasks.sort_by_key(|own| run_time(own)),
        other => {
            return Answer::NotFound(format!("unknown sortBy: {other}; known are ID, runtime, -runtime"));
        }
    }
    let skip = usize::try_from(offset).unwrap_or(0);
    let take = usize::try_from(length).unwrap_or(0);
    Answer::Stream(pieces::list(tasks.into_iter().skip(skip).take(take).cloned().collect(), now_ms))
}

/// By which Spark sorts: tasks without success come first.
fn run_time(own: &Task) -> (i64, i64) {
    let time = own.metrics.as_ref().map_or(0, |metrics| metrics.get(metric::RUN_TIME));
    (if own.status == Status::Succeeded { time } else { -1 - time }, own.id)
}

fn scheduler_delay(own: &Task) -> i64 {
    let Some(metrics) = own.metrics.as_ref().filter(|_| own.finished_ms > 0) else { return 0 };
    let busy = metrics.get(metric::RUN_TIME)
        + metrics.get(metric::DESERIALIZE_TIME)
        + metrics.get(metric::RESULT_SERIALIZATION_TIME)
        + getting_result(own);
    (own.duration_ms(own.finished_ms) - busy).max(0)
}

fn getting_result(own: &Task) -> i64 {
    if own.getting_result_ms > 0 { (own.finished_ms - own.getting_result_ms).max(0) } else { 0 }
}

pub(super) fn task(now_ms: i64, own: &Task) -> Value {
    let mut out = json!({
        "taskId": own.id,
        "index": own.index,
        "attempt": own.attempt,
        "partitionId": own.partition,
        "launchTime": rest_time(own.launched_ms),
        "duration": own.duration_ms(now_ms),
        "executorId": own.executor,
        "host": own.host,
        "status": own.status.task(),
        "taskLocality": own.locality,
        "speculative": own.speculative,
        "accumulatorUpdates": [],
    });
    if own.duration_ms(now_ms) == 0 {
        // As Spark, which takes none for unknown.
        out.as_object_mut().and_then(|own| own.shift_remove("duration"));
    }
    if let Some(error) = &own.error {
        out["errorMessage"] = error.as_ref().into();
    }
    if let Some(metrics) = &own.metrics {
        out["taskMetrics"] = task_metrics(metrics);
    }
    out["executorLogs"] = json!({});
    out["schedulerDelay"] = scheduler_delay(own).into();
    out["gettingResultTime"] = getting_result(own).into();
    out
}

fn task_metrics(metrics: &TaskMetrics) -> Value {
    let mut out = Map::new();
    let mut read = Map::new();
    let mut push = Map::new();
    for (index, metric) in METRICS.iter().enumerate() {
        let value: Value = metrics.get(index).into();
        match metric.group {
            "" => {
                out.insert(metric.task.into(), value);
            }
            "shuffleReadMetrics" => {
                read.insert(metric.task.into(), value);
            }
            "shufflePushReadMetrics" => {
                push.insert(metric.task.into(), value);
            }
            "shuffleWriteMetrics" if !read.is_empty() => {
                read.insert("shufflePushReadMetrics".into(), Value::Object(std::mem::take(&mut push)));
                out.insert("shuffleReadMetrics".into(), Value::Object(std::mem::take(&mut read)));
                out.insert("shuffleWriteMetrics".into(), json!({metric.task: value}));
            }
            group => {
                out.entry(group).or_insert_with(|| json!({}))[metric.task] = value;
            }
        }
    }
    Value::Object(out)
}

/// Quantiles over the tasks that succeeded.
pub(super) fn task_summary(own: &Stage, shares: &[f64]) -> Option<Value> {
    let tasks: Vec<(&Task, &TaskMetrics)> = own
        .tasks
        .values()
        .filter(|task| task.status == Status::Succeeded)
        .filter_map(|task| Some((task, task.metrics.as_deref()?)))
        .collect();
    if tasks.is_empty() {
        return None;
    }
    let over = |value: &dyn Fn(&Task, &TaskMetrics) -> i64| -> Value {
        let values = quantiles(tasks.iter().map(|(task, metrics)| value(task, metrics)).collect(), shares);
        values.into_iter().map(|value| value as f64).collect::<Vec<_>>().into()
    };
    // As in Spark, these are taken from all tasks that have ended, at the places that those with success have.
    let ended: Vec<&Task> = own.tasks.values().filter(|task| task.status != Status::Running).collect();
    let over_all = |value: &dyn Fn(&Task) -> i64| -> Value {
        let values = quantiles_among(ended.iter().map(|task| value(task)).collect(), tasks.len(), shares);
        values.into_iter().map(|value| value as f64).collect::<Vec<_>>().into()
    };
    let of = |metric: usize| over(&|_, metrics| metrics.get(metric));
    let named = |group: &str| -> Map<String, Value> {
        let own = METRICS.iter().enumerate().filter(|(_, metric)| metric.group == group);
        own.map(|(index, metric)| (metric.task.to_string(), of(index))).collect()
    };
    let mut out = Map::new();
    out.insert("quantiles".into(), shares.to_vec().into());
    out.insert("duration".into(), over_all(&|task| task.duration_ms(task.finished_ms)));
    for (index, metric) in METRICS.iter().enumerate().take(metric::MEMORY_SPILLED) {
        out.insert(metric.task.into(), of(index));
    }
    out.insert("gettingResultTime".into(), over_all(&getting_result));
    out.insert("schedulerDelay".into(), over_all(&scheduler_delay));
    for index in [metric::PEAK_MEMORY, metric::MEMORY_SPILLED, metric::DISK_SPILLED] {
        out.insert(METRICS[index].task.into(), of(index));
    }
    out.insert("inputMetrics".into(), Value::Object(named("inputMetrics")));
    out.insert("outputMetrics".into(), Value::Object(named("outputMetrics")));
    let read = named("shuffleReadMetrics");
    let part = |key: &str| read.get(key).cloned().unwrap_or_default();
    out.insert(
        "shuffleReadMetrics".into(),
        json!({
            "readBytes": over(&|_, metrics| metrics.shuffle_read_bytes()),
            "readRecords": part("recordsRead"),
            "remoteBlocksFetched": part("remoteBlocksFetched"),
            "localBlocksFetched": part("localBlocksFetched"),
            "fetchWaitTime": part("fetchWaitTime"),
            "remoteBytesRead": part("remoteBytesRead"),
            "remoteBytesReadToDisk": part("remoteBytesReadToDisk"),
            "totalBlocksFetched": over(&|_, metrics| metrics.get(metric::LOCAL_BLOCKS) + metrics.get(metric::REMOTE_BLOCKS)),
            "remoteReqsDuration": part("remoteReqsDuration"),
            "shufflePushReadMetricsDist": Value::Object(named("shufflePushReadMetrics")),
        }),
    );
    out.insert(
        "shuffleWriteMetrics".into(),
        json!({
            "writeBytes": of(metric::SHUFFLE_BYTES_WRITTEN),
            "writeRecords": of(metric::SHUFFLE_RECORDS_WRITTEN),
            "writeTime": of(metric::SHUFFLE_WRITE_TIME),
        }),
    );
    Some(Value::Object(out))
}
