//! REST `/api/v1` with Spark's paths and names.

use serde_json::{Map, Value, json};

use super::advice::Values;
use super::page_sql_value;
use super::view::View;
use crate::json::rest_time;
use crate::metric::{self, METRICS, TaskMetrics};
use crate::model::{Execution, Executor, Job, PlanNode, Stage, Status, StoredRdd, Task};
use crate::quantile::quantiles;

/// What a request gets.
#[derive(Debug)]
pub enum Answer {
    Json(Value),
    /// There is no such thing: Spark's text.
    NotFound(String),
    /// The request makes no sense: Spark's text.
    Bad(String),
}

/// `/version`.
pub fn version() -> Value {
    json!({"spark": firesteel_engine::SPARK_VERSION})
}

/// An application as `/applications` lists it.
pub fn application(view: &View) -> Value {
    let app = &view.store.app;
    json!({"id": app.id, "name": app.name, "attempts": [attempt(view)]})
}

fn attempt(view: &View) -> Value {
    let app = &view.store.app;
    let completed = app.end_ms > 0;
    let end_ms = if completed { app.end_ms } else { -1 };
    let mut own = Map::new();
    if let Some(id) = &app.attempt {
        own.insert("attemptId".into(), id.as_str().into());
    }
    own.insert("startTime".into(), rest_time(app.start_ms).into());
    own.insert("endTime".into(), rest_time(end_ms).into());
    own.insert("lastUpdated".into(), rest_time(app.last_updated_ms).into());
    own.insert("duration".into(), (if completed { end_ms } else { view.now_ms } - app.start_ms).into());
    own.insert("sparkUser".into(), app.user.as_str().into());
    own.insert("completed".into(), completed.into());
    own.insert("appSparkVersion".into(), app.spark_version.as_str().into());
    own.insert("startTimeEpoch".into(), app.start_ms.into());
    own.insert("endTimeEpoch".into(), end_ms.into());
    own.insert("lastUpdatedEpoch".into(), app.last_updated_ms.into());
    Value::Object(own)
}

/// What is below `/applications/<id>`.
pub fn route(view: &View, path: &[&str]) -> Answer {
    let store = view.store;
    match path {
        [] => Answer::Json(application(view)),
        ["jobs"] => jobs(view),
        ["jobs", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => found(store.jobs.get(&id).map(|own| job(view, own)), || format!("unknown job: {id}")),
        },
        ["stages"] => stages(view),
        ["stages", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => {
                let all: Vec<Value> = store.attempts(id).map(|own| stage(view, own, details(view, true))).collect();
                if all.is_empty() { Answer::NotFound(format!("unknown stage: {id}")) } else { Answer::Json(all.into()) }
            }
        },
        ["stages", id, attempt, rest @ ..] => match (number(id), number(attempt)) {
            (Ok(id), Ok(attempt)) => one_stage(view, id, attempt, rest),
            (Err(answer), _) | (_, Err(answer)) => answer,
        },
        ["executors"] => Answer::Json(
            store.executors.values().filter(|own| own.removed.is_none()).map(|own| executor(view, own)).collect(),
        ),
        ["allexecutors"] => Answer::Json(store.executors.values().map(|own| executor(view, own)).collect()),
        ["storage", "rdd"] => {
            Answer::Json(store.rdds.values().filter(|own| !own.blocks.is_empty()).map(|own| rdd(view, own)).collect())
        }
        ["storage", "rdd", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => found(store.rdds.get(&id).map(|own| rdd(view, own)), || format!("no rdd found w/ id {id}")),
        },
        ["environment"] => Answer::Json(environment(view)),
        ["sql"] => sql(view),
        ["sql", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => {
                let details = query_flag(view, "details", true);
                let plan = query_flag(view, "planDescription", true);
                let own = store.executions.get(&id).map(|own| execution(view, own, details, plan));
                found(own, || format!("unknown query execution id: {id}"))
            }
        },
        // Statistics of DStreams, which nobody runs.
        ["streaming", ..] => Answer::NotFound(format!("no streaming listener attached to {}", store.app.name)),
        ["structuredstreaming"] => Answer::Json(store.streams.iter().map(stream).collect()),
        ["structuredstreaming", id] => {
            let own = store.streams.iter().rev().find(|own| own.run_id == *id || own.id == *id);
            found(own.map(stream), || format!("unknown streaming query: {id}"))
        }
        [other, ..] => Answer::NotFound(format!("unknown app {}, attempt {other}", store.app.id)),
    }
}

fn number(text: &str) -> Result<i64, Answer> {
    text.parse().map_err(|_| Answer::NotFound("HTTP 404 Not Found".into()))
}

fn found(value: Option<Value>, text: impl FnOnce() -> String) -> Answer {
    value.map_or_else(|| Answer::NotFound(text()), Answer::Json)
}

fn query_flag(view: &View, key: &str, default: bool) -> bool {
    view.query.get(key).map_or(default, |text| text.eq_ignore_ascii_case("true"))
}

fn wanted(view: &View, status: &str) -> bool {
    let mut asked = view.query.0.iter().filter(|(key, _)| key == "status").peekable();
    asked.peek().is_none() || asked.any(|(_, value)| value.eq_ignore_ascii_case(status))
}

fn check_status(view: &View, known: &[&str]) -> Option<Answer> {
    let asked = view.query.0.iter().filter(|(key, _)| key == "status");
    let mut wrong = asked.filter(|(_, value)| !known.iter().any(|own| own.eq_ignore_ascii_case(value)));
    wrong.next().map(|(_, value)| Answer::Bad(format!("unknown status: {value}; known are {}", known.join(", "))))
}

fn jobs(view: &View) -> Answer {
    if let Some(answer) = check_status(view, &["running", "succeeded", "failed", "unknown"]) {
        return answer;
    }
    let own = view.store.jobs.values().rev().filter(|own| wanted(view, own.status.job()));
    Answer::Json(own.map(|own| job(view, own)).collect())
}

fn job(view: &View, own: &Job) -> Value {
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
    out.insert("killedTasksSummary".into(), json!({}));
    Value::Object(out)
}

#[derive(Debug, Clone, Copy)]
struct Details {
    tasks: bool,
    summaries: bool,
}

fn details(view: &View, default: bool) -> Details {
    Details { tasks: query_flag(view, "details", default), summaries: query_flag(view, "withSummaries", false) }
}

fn stages(view: &View) -> Answer {
    if let Some(answer) = check_status(view, &["active", "complete", "pending", "failed", "skipped"]) {
        return answer;
    }
    let own = view.store.stages.values().rev().filter(|own| wanted(view, own.status.stage()));
    Answer::Json(own.map(|own| stage(view, own, details(view, false))).collect())
}

fn one_stage(view: &View, id: i64, attempt: i64, rest: &[&str]) -> Answer {
    let Some(own) = view.store.stages.get(&(id, attempt)) else {
        let known: Vec<String> = view.store.attempts(id).map(|own| own.attempt.to_string()).collect();
        return Answer::NotFound(if known.is_empty() {
            format!("unknown stage: {id}")
        } else {
            format!("unknown attempt for stage {id}.  Found attempts: [{}]", known.join(","))
        });
    };
    match rest {
        [] => Answer::Json(stage(view, own, details(view, true))),
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
    text.split(',').map(|part| part.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share))).collect()
}

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
    put("rddIds", own.rdds.iter().map(|rdd| rdd.id).collect::<Vec<_>>().into());
    put(
        "accumulatorUpdates",
        own.accumulables.iter().map(|(id, name, value)| json!({"id": id, "name": name, "value": value})).collect(),
    );
    if details.tasks {
        let tasks: Map<String, Value> = own.tasks.values().map(|own| (own.id.to_string(), task(view, own))).collect();
        put("tasks", Value::Object(tasks));
        put("executorSummary", executor_summary(view, own));
    }
    put("killedTasksSummary", json!({}));
    put("resourceProfileId", own.resource_profile.into());
    put("isShufflePushEnabled", false.into());
    put("shuffleMergersCount", 0.into());
    put("peakExecutorMetrics", json!({}));
    if details.summaries {
        let asked = view.query.get("quantiles").and_then(shares).unwrap_or_else(|| vec![0.0, 0.25, 0.5, 0.75, 1.0]);
        if let Some(summary) = task_summary(own, &asked) {
            put("taskMetricsDistributions", summary);
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
            "peakMemoryMetrics": {},
            "isExcludedForStage": false,
        });
        all.insert(executor.to_string(), summary);
    }
    Value::Object(all)
}

fn task_list(view: &View, own: &Stage) -> Answer {
    let (offset, length) = (view.query.int("offset").unwrap_or(0), view.query.int("length").unwrap_or(20));
    if offset < 0 || length < 0 {
        return Answer::Bad("offset and length must not be negative".into());
    }
    let mut tasks: Vec<&Task> = own.tasks.values().filter(|own| wanted(view, own.status.task())).collect();
    let now_ms = view.now_ms;
    match view.query.get("sortBy").unwrap_or("ID").to_lowercase().as_str() {
        "id" => {}
        "runtime" | "-runtime" => tasks.sort_by_key(|own| std::cmp::Reverse(own.duration_ms(now_ms))),
        "+runtime" => tasks.sort_by_key(|own| own.duration_ms(now_ms)),
        other => {
            return Answer::Bad(format!(
                "unknown sortBy: {other}; known are ID, INCREASING_RUNTIME, DECREASING_RUNTIME"
            ));
        }
    }
    let skip = usize::try_from(offset).unwrap_or(0);
    let take = usize::try_from(length).unwrap_or(0);
    Answer::Json(tasks.into_iter().skip(skip).take(take).map(|own| task(view, own)).collect())
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

fn task(view: &View, own: &Task) -> Value {
    let mut out = json!({
        "taskId": own.id,
        "index": own.index,
        "attempt": own.attempt,
        "partitionId": own.partition,
        "launchTime": rest_time(own.launched_ms),
        "duration": own.duration_ms(view.now_ms),
        "executorId": own.executor,
        "host": own.host,
        "status": own.status.task(),
        "taskLocality": own.locality,
        "speculative": own.speculative,
        "accumulatorUpdates": [],
    });
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
fn task_summary(own: &Stage, shares: &[f64]) -> Option<Value> {
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
    let of = |metric: usize| over(&|_, metrics| metrics.get(metric));
    let named = |group: &str| -> Map<String, Value> {
        let own = METRICS.iter().enumerate().filter(|(_, metric)| metric.group == group);
        own.map(|(index, metric)| (metric.task.to_string(), of(index))).collect()
    };
    let mut out = Map::new();
    out.insert("quantiles".into(), shares.to_vec().into());
    out.insert("duration".into(), over(&|task, _| task.duration_ms(task.finished_ms)));
    for (index, metric) in METRICS.iter().enumerate().take(metric::MEMORY_SPILLED) {
        out.insert(metric.task.into(), of(index));
    }
    out.insert("gettingResultTime".into(), over(&|task, _| getting_result(task)));
    out.insert("schedulerDelay".into(), over(&|task, _| scheduler_delay(task)));
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

fn executor(view: &View, own: &Executor) -> Value {
    let kept = view.store.rdds.values().flat_map(|rdd| rdd.blocks.values()).filter(|block| block.3 == own.id);
    let (blocks, memory, disk) = kept.fold((0, 0, 0), |sum, block| (sum.0 + 1, sum.1 + block.0, sum.2 + block.1));
    let logs: Map<String, Value> = own.logs.iter().map(|(name, url)| (name.clone(), url.as_str().into())).collect();
    let mut out = json!({
        "id": own.id,
        "hostPort": own.host_port,
        "isActive": own.removed.is_none(),
        "rddBlocks": blocks,
        "memoryUsed": memory,
        "diskUsed": disk,
        "totalCores": own.cores,
        "maxTasks": own.cores,
        "activeTasks": own.counts.active,
        "failedTasks": own.counts.failed,
        "completedTasks": own.counts.complete,
        "totalTasks": own.counts.active + own.counts.failed + own.counts.complete,
        "totalDuration": own.duration_ms,
        "totalGCTime": own.gc_ms,
        "totalInputBytes": own.input_bytes,
        "totalShuffleRead": own.shuffle_read,
        "totalShuffleWrite": own.shuffle_write,
        "isBlacklisted": false,
        "maxMemory": own.max_memory,
        "addTime": rest_time(own.added_ms),
        "executorLogs": logs,
        "memoryMetrics": {
            "usedOnHeapStorageMemory": memory,
            "usedOffHeapStorageMemory": 0,
            "totalOnHeapStorageMemory": own.max_on_heap,
            "totalOffHeapStorageMemory": own.max_off_heap,
        },
        "blacklistedInStages": [],
        "attributes": {},
        "resources": {},
        "resourceProfileId": 0,
        "isExcluded": false,
        "excludedInStages": [],
    });
    if let Some((at, reason)) = &own.removed {
        out["removeTime"] = rest_time(*at).into();
        out["removeReason"] = reason.as_str().into();
    }
    out
}

fn rdd(view: &View, own: &StoredRdd) -> Value {
    let memory: i64 = own.blocks.values().map(|block| block.0).sum();
    let disk: i64 = own.blocks.values().map(|block| block.1).sum();
    let distribution: Vec<Value> = view
        .store
        .executors
        .values()
        .filter(|executor| own.blocks.values().any(|block| block.3 == executor.id))
        .map(|executor| {
            let blocks = own.blocks.values().filter(|block| block.3 == executor.id);
            let (memory, disk) = blocks.fold((0, 0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
            json!({
                "address": executor.host_port,
                "memoryUsed": memory,
                "memoryRemaining": (executor.max_memory - memory).max(0),
                "diskUsed": disk,
                "onHeapMemoryUsed": memory,
                "offHeapMemoryUsed": 0,
                "onHeapMemoryRemaining": (executor.max_on_heap - memory).max(0),
                "offHeapMemoryRemaining": 0,
            })
        })
        .collect();
    let partitions: Vec<Value> = own
        .blocks
        .iter()
        .map(|(partition, (memory, disk, level, executor))| {
            json!({
                "blockName": format!("rdd_{}_{partition}", own.id),
                "storageLevel": level,
                "memoryUsed": memory,
                "diskUsed": disk,
                "executors": [executor],
            })
        })
        .collect();
    json!({
        "id": own.id,
        "name": own.name,
        "numPartitions": own.num_partitions,
        "numCachedPartitions": own.blocks.len(),
        "storageLevel": own.storage_level,
        "memoryUsed": memory,
        "diskUsed": disk,
        "dataDistribution": distribution,
        "partitions": partitions,
    })
}

fn environment(view: &View) -> Value {
    let own = &view.store.environment;
    let runtime = |key: &str| own.runtime.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str());
    let profiles: Vec<Value> = own
        .resource_profiles
        .iter()
        .map(|profile| {
            json!({
                "id": profile["Resource Profile Id"],
                "executorResources": requests(&profile["Executor Resource Requests"]),
                "taskResources": requests(&profile["Task Resource Requests"]),
            })
        })
        .collect();
    json!({
        "runtime": {
            "javaVersion": runtime("Java Version"),
            "javaHome": runtime("Java Home"),
            "scalaVersion": runtime("Scala Version"),
        },
        "sparkProperties": own.spark,
        "hadoopProperties": own.hadoop,
        "systemProperties": own.system,
        "metricsProperties": own.metrics,
        "classpathEntries": own.classpath,
        "resourceProfiles": profiles,
    })
}

/// `Resource Name` becomes `resourceName`.
fn requests(value: &Value) -> Value {
    let camel = |key: &str| {
        let mut words = key.split(' ');
        let first = words.next().unwrap_or("").to_lowercase();
        words.fold(first, |sum, word| sum + word)
    };
    let all = value.as_object().into_iter().flatten().map(|(name, request)| {
        let request = request.as_object().into_iter().flatten().map(|(key, value)| (camel(key), value.clone()));
        (name.clone(), Value::Object(request.collect()))
    });
    Value::Object(all.collect())
}

fn sql(view: &View) -> Answer {
    let details = query_flag(view, "details", true);
    let plan = query_flag(view, "planDescription", true);
    let (offset, length) = (view.query.int("offset").unwrap_or(0), view.query.int("length").unwrap_or(20));
    if offset < 0 || length < 0 {
        return Answer::Bad("offset and length must not be negative".into());
    }
    let (skip, take) = (usize::try_from(offset).unwrap_or(0), usize::try_from(length).unwrap_or(0));
    let own = view.store.executions.values().skip(skip).take(take);
    Answer::Json(own.map(|own| execution(view, own, details, plan)).collect())
}

fn execution(view: &View, own: &Execution, details: bool, plan: bool) -> Value {
    let jobs = |wanted: Status| -> Vec<i64> {
        own.jobs.iter().copied().filter(|id| view.store.jobs.get(id).is_some_and(|job| job.status == wanted)).collect()
    };
    let until = if own.completed_ms > 0 { own.completed_ms } else { view.now_ms };
    let mut out = json!({
        "id": own.id,
        "status": own.status().execution(),
        "description": own.description,
        "planDescription": if plan { own.physical.as_str() } else { "" },
        "submissionTime": rest_time(own.submitted_ms),
        "duration": until - own.submitted_ms,
        "runningJobIds": jobs(Status::Running),
        "successJobIds": jobs(Status::Succeeded),
        "failedJobIds": jobs(Status::Failed),
    });
    if details {
        let (mut nodes, mut edges, mut next) = (vec![], vec![], 0);
        graph(&own.plan, None, &Values::of(own), &mut next, &mut nodes, &mut edges);
        nodes.sort_by_key(|node: &Value| std::cmp::Reverse(node["nodeId"].as_i64()));
        out["nodes"] = nodes.into();
        out["edges"] = edges.into();
    }
    if let Some(id) = &own.query_id {
        out["queryId"] = id.as_str().into();
    }
    if let Some(error) = &own.error {
        out["errorMessage"] = error.as_str().into();
    }
    out["rootExecutionId"] = own.root.into();
    out
}

/// Operators numbered from the root on, with the edges along which rows go.
fn graph(
    node: &PlanNode,
    to: Option<i64>,
    values: &Values,
    next: &mut i64,
    nodes: &mut Vec<Value>,
    edges: &mut Vec<Value>,
) {
    if node.name == "InputAdapter" {
        node.children.iter().for_each(|child| graph(child, to, values, next, nodes, edges));
        return;
    }
    let id = *next;
    *next += 1;
    let metrics: Vec<Value> = node
        .metrics
        .iter()
        .filter_map(|(name, id, kind)| {
            let total = values.total(*id)?;
            Some(json!({"name": name, "value": page_sql_value(kind, total, values.measured(*id))}))
        })
        .collect();
    nodes.push(json!({"nodeId": id, "nodeName": node.name, "metrics": metrics}));
    if let Some(to) = to {
        edges.push(json!({"fromId": id, "toId": to}));
    }
    node.children.iter().for_each(|child| graph(child, Some(id), values, next, nodes, edges));
}

fn stream(own: &crate::model::Stream) -> Value {
    json!({
        "id": own.id,
        "runId": own.run_id,
        "name": own.name,
        "isActive": own.ended_ms < 0,
        "startTime": rest_time(own.started_ms),
        "exception": own.exception,
        "numBatches": own.batches,
        "recentProgress": own.progress,
    })
}
