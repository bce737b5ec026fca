//! The status store: what Spark's events, live or replayed, say of an application; bounded in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Deserialize;
use serde_json::Value;

use crate::event::TaskEvent;
use crate::json::{int, int_or, ints, pairs, text, text_or};
use crate::limits::Limits;
use crate::metric;
use crate::model::{
    App, ConnectOperation, ConnectSession, Environment, Execution, Executor, Job, Measured, PlanNode, Stage, StageRdd,
    Status, StoredRdd, Stream, Task,
};

/// One application.
#[derive(Debug, Default)]
pub struct Store {
    pub limits: Limits,
    pub app: App,
    pub jobs: BTreeMap<i64, Job>,
    /// By stage and attempt.
    pub stages: BTreeMap<(i64, i64), Stage>,
    pub executors: BTreeMap<String, Executor>,
    pub executions: BTreeMap<i64, Execution>,
    /// By run id, in order of their start.
    pub streams: Vec<Stream>,
    pub sessions: Vec<ConnectSession>,
    pub operations: VecDeque<ConnectOperation>,
    pub rdds: BTreeMap<i64, StoredRdd>,
    pub environment: Environment,
    /// What could not be read or kept, for the user to see.
    pub notes: Vec<String>,
    /// Jobs, stages and executions that were forgotten.
    pub forgotten: (u64, u64, u64),
    stage_execution: HashMap<i64, i64>,
    /// Where SQL metrics belong.
    tasks_kept: usize,
}

/// Events that are read and say nothing that is kept: most of a log besides the tasks.
const IGNORED: [&str; 4] = [
    "SparkListenerExecutorMetricsUpdate",
    "SparkListenerStageExecutorMetrics",
    "SparkListenerTaskGettingResult",
    "SparkListenerSpeculativeTaskSubmitted",
];

const SQL: &str = "org.apache.spark.sql.execution.ui.SparkListener";
const STREAMING: &str = "org.apache.spark.sql.streaming.StreamingQueryListener$";
const CONNECT: &str = "org.apache.spark.sql.connect.service.SparkListenerConnect";

/// Why a line of a log does not count.
#[derive(Debug)]
pub struct BadEvent(pub String);

impl Store {
    pub fn new(limits: Limits) -> Self {
        let app = App { start_ms: -1, end_ms: -1, ..App::default() };
        Self { limits, app, ..Self::default() }
    }

    /// Reads a line of a log.
    pub fn apply_line(&mut self, line: &str) -> Result<(), BadEvent> {
        let bad = |error: serde_json::Error| BadEvent(error.to_string());
        // Spark writes the name first. Where it does not stand there, the whole line is read.
        let name = line.strip_prefix("{\"Event\":\"").and_then(|rest| rest.split_once('"')).map(|(name, _)| name);
        match name {
            Some(name) if IGNORED.contains(&name) => Ok(()),
            Some("SparkListenerTaskStart" | "SparkListenerTaskEnd") => {
                self.task(serde_json::from_str(line).map_err(bad)?);
                Ok(())
            }
            _ => {
                self.apply(&serde_json::from_str(line).map_err(bad)?);
                Ok(())
            }
        }
    }

    /// Takes an event. Unknown ones are for other readers.
    pub fn apply(&mut self, event: &Value) {
        let name = text_or(event, "Event", "");
        if let Some(name) = name.strip_prefix(SQL) {
            return self.sql(name, event);
        }
        if let Some(name) = name.strip_prefix(STREAMING) {
            return self.streaming(name, event);
        }
        if let Some(name) = name.strip_prefix(CONNECT) {
            return self.connect(name, event);
        }
        match name {
            "SparkListenerLogStart" => self.app.spark_version = text_or(event, "Spark Version", "").into(),
            "SparkListenerApplicationStart" => self.application_start(event),
            "SparkListenerApplicationEnd" => self.application_end(int_or(event, "Timestamp", -1)),
            "SparkListenerEnvironmentUpdate" => self.environment(event),
            "SparkListenerResourceProfileAdded" => self.environment.resource_profiles.push(event.clone()),
            "SparkListenerExecutorAdded" => self.executor_added(event),
            "SparkListenerExecutorRemoved" => {
                let own = self.executors.entry(text_or(event, "Executor ID", "").into()).or_default();
                own.removed = Some((int_or(event, "Timestamp", -1), text_or(event, "Removed Reason", "").into()));
            }
            "SparkListenerBlockManagerAdded" => self.block_manager_added(event),
            "SparkListenerBlockUpdated" => self.block_updated(event),
            "SparkListenerUnpersistRDD" => {
                self.rdds.remove(&int_or(event, "RDD ID", -1));
            }
            "SparkListenerJobStart" => self.job_start(event),
            "SparkListenerJobEnd" => self.job_end(event),
            "SparkListenerStageSubmitted" => {
                let description = text(&event["Properties"], "spark.job.description").map(str::to_string);
                self.stage_info(&event["Stage Info"], Status::Running, description);
            }
            "SparkListenerStageCompleted" => {
                let failed = event["Stage Info"].get("Failure Reason").is_some();
                let status = if failed { Status::Failed } else { Status::Succeeded };
                self.stage_info(&event["Stage Info"], status, None);
            }
            "SparkListenerTaskStart" | "SparkListenerTaskEnd" => {
                if let Ok(own) = TaskEvent::deserialize(event) {
                    self.task(own);
                }
            }
            _ => {}
        }
    }

    fn application_start(&mut self, event: &Value) {
        self.app.name = text_or(event, "App Name", "").into();
        self.app.id = text_or(event, "App ID", "").into();
        self.app.attempt = text(event, "App Attempt ID").map(str::to_string);
        self.app.user = text_or(event, "User", "").into();
        self.app.start_ms = int_or(event, "Timestamp", -1);
        self.app.last_updated_ms = self.app.start_ms;
    }

    /// The application is over: nothing runs any more.
    fn application_end(&mut self, at_ms: i64) {
        self.app.end_ms = at_ms;
        self.app.last_updated_ms = at_ms;
    }

    fn environment(&mut self, event: &Value) {
        let own = &mut self.environment;
        own.runtime = pairs(&event["JVM Information"]);
        own.spark = pairs(&event["Spark Properties"]);
        own.hadoop = pairs(&event["Hadoop Properties"]);
        own.system = pairs(&event["System Properties"]);
        own.metrics = pairs(&event["Metrics Properties"]);
        own.classpath = pairs(&event["Classpath Entries"]);
        for list in [&mut own.spark, &mut own.hadoop, &mut own.system, &mut own.metrics, &mut own.classpath] {
            list.sort();
        }
    }

    fn executor_added(&mut self, event: &Value) {
        let id = text_or(event, "Executor ID", "");
        let info = &event["Executor Info"];
        let own = self.executors.entry(id.into()).or_default();
        own.id = id.into();
        own.added_ms = int_or(event, "Timestamp", -1);
        own.cores = int_or(info, "Total Cores", 0);
        own.logs = pairs(&info["Log Urls"]);
        if own.host_port.is_empty() {
            own.host_port = text_or(info, "Host", "").into();
        }
    }

    fn block_manager_added(&mut self, event: &Value) {
        let manager = &event["Block Manager ID"];
        let id = text_or(manager, "Executor ID", "");
        let own = self.executors.entry(id.into()).or_default();
        own.id = id.into();
        own.host_port = format!("{}:{}", text_or(manager, "Host", ""), int_or(manager, "Port", 0));
        own.max_memory = int_or(event, "Maximum Memory", 0);
        own.max_on_heap = int_or(event, "Maximum Onheap Memory", own.max_memory);
        own.max_off_heap = int_or(event, "Maximum Offheap Memory", 0);
        if own.added_ms <= 0 {
            own.added_ms = int_or(event, "Timestamp", -1);
        }
    }

    fn block_updated(&mut self, event: &Value) {
        let info = &event["Block Updated Info"];
        let block = text_or(info, "Block ID", "");
        let Some((rdd, partition)) = block.strip_prefix("rdd_").and_then(|rest| rest.split_once('_')) else { return };
        let (Ok(rdd), Ok(partition)) = (rdd.parse::<i64>(), partition.parse::<i64>()) else { return };
        let own = self.rdds.entry(rdd).or_insert_with(|| StoredRdd { id: rdd, ..StoredRdd::default() });
        if let Some(name) = text(event, "RDD Name") {
            own.name = name.into();
            own.storage_level = storage_level(&event["RDD Storage Level"]);
        }
        let level = &info["Storage Level"];
        let is_kept = ["Use Disk", "Use Memory", "Use Off Heap"].iter().any(|key| level[*key] == true);
        if is_kept {
            let executor = text_or(&info["Block Manager ID"], "Executor ID", "");
            let (memory, disk) = (int_or(info, "Memory Size", 0), int_or(info, "Disk Size", 0));
            own.blocks.insert(partition, (memory, disk, storage_level(level), executor.into()));
            own.num_partitions = own.num_partitions.max(partition + 1);
        } else {
            own.blocks.remove(&partition);
        }
        if own.blocks.is_empty() {
            self.rdds.remove(&rdd);
        }
    }

    fn job_start(&mut self, event: &Value) {
        let properties = &event["Properties"];
        let id = int_or(event, "Job ID", -1);
        let submitted_ms = int_or(event, "Submission Time", -1);
        let mut job = Job {
            id,
            description: text(properties, "spark.job.description").map(str::to_string),
            group: text(properties, "spark.jobGroup.id").map(str::to_string),
            tags: text_or(properties, "spark.job.tags", "")
                .split(',')
                .filter(|tag| !tag.is_empty())
                .map(str::to_string)
                .collect(),
            submitted_ms,
            completed_ms: -1,
            status: Status::Running,
            stage_ids: ints(&event["Stage IDs"]),
            execution: text(properties, "spark.sql.execution.id").and_then(|id| id.parse().ok()),
            ..Job::default()
        };
        let infos = event["Stage Infos"].as_array().map(Vec::as_slice).unwrap_or_default();
        // The last stage is the one that the action asked for, and names the job.
        let last = infos.iter().max_by_key(|info| int_or(info, "Stage ID", -1));
        job.name = last.map_or("", |info| text_or(info, "Stage Name", "")).into();
        for info in infos {
            let known = self.stage_info(info, Status::Pending, job.description.clone());
            if let Some(stage) = self.stages.get_mut(&known) {
                stage.job_ids.push(id);
            }
            if let Some(execution) = job.execution {
                self.stage_execution.insert(known.0, execution);
            }
        }
        if let Some(execution) = job.execution.and_then(|id| self.executions.get_mut(&id)) {
            execution.jobs.push(id);
            execution.stages.extend(&job.stage_ids);
        }
        self.jobs.insert(id, job);
        self.touch(submitted_ms);
        self.forget_jobs();
    }

    fn job_end(&mut self, event: &Value) {
        let at_ms = int_or(event, "Completion Time", -1);
        self.touch(at_ms);
        let Some(job) = self.jobs.get_mut(&int_or(event, "Job ID", -1)) else { return };
        job.completed_ms = at_ms;
        let result = &event["Job Result"];
        job.status = if text(result, "Result") == Some("JobSucceeded") { Status::Succeeded } else { Status::Failed };
        job.error = text(&result["Exception"], "Message").map(str::to_string);
        let (ids, id) = (job.stage_ids.clone(), job.id);
        for (_, stage) in self.stages.iter_mut().filter(|(key, _)| ids.contains(&key.0)) {
            if stage.status == Status::Pending && stage.job_ids.contains(&id) {
                stage.status = Status::Skipped;
            }
        }
        self.forget_stages();
    }

    /// Takes what is said of a stage; its key.
    fn stage_info(&mut self, info: &Value, status: Status, description: Option<String>) -> (i64, i64) {
        let key = (int_or(info, "Stage ID", -1), int_or(info, "Stage Attempt ID", 0));
        let stage = self.stages.entry(key).or_insert_with(|| Stage {
            id: key.0,
            attempt: key.1,
            submitted_ms: -1,
            first_task_ms: -1,
            completed_ms: -1,
            ..Stage::default()
        });
        stage.name = text_or(info, "Stage Name", "").into();
        stage.details = text_or(info, "Details", "").into();
        stage.num_tasks = int_or(info, "Number of Tasks", 0);
        stage.parent_ids = ints(&info["Parent IDs"]);
        stage.resource_profile = int_or(info, "Resource Profile Id", 0);
        if description.is_some() {
            stage.description = description;
        }
        if stage.status == Status::Pending || status != Status::Pending {
            stage.status = status;
        }
        if let Some(at) = int(info, "Submission Time") {
            stage.submitted_ms = at;
        }
        if let Some(at) = int(info, "Completion Time") {
            stage.completed_ms = at;
            stage.failure = text(info, "Failure Reason").map(str::to_string);
        }
        if stage.rdds.is_empty() {
            stage.rdds = info["RDD Info"].as_array().into_iter().flatten().map(stage_rdd).collect();
        }
        if let Some(own) = info["Accumulables"].as_array().filter(|own| !own.is_empty()) {
            stage.accumulables = own.iter().filter(|own| own["Metadata"] != "sql").filter_map(accumulable).collect();
        }
        if status == Status::Running {
            for rdd in stage.rdds.iter().filter(|rdd| !rdd.storage_level.is_empty()) {
                let own = self.rdds.entry(rdd.id).or_default();
                own.id = rdd.id;
                own.name.clone_from(&rdd.name);
                own.storage_level.clone_from(&rdd.storage_level);
                own.num_partitions = rdd.partitions;
            }
        }
        if let Some(at) = int(info, "Completion Time").or(int(info, "Submission Time")) {
            self.touch(at);
        }
        key
    }

    fn task(&mut self, event: TaskEvent) {
        let key = (event.stage, event.stage_attempt);
        let (task, updates) = event.into_task();
        self.touch(task.finished_ms.max(task.launched_ms));
        self.count_for_executor(&task);
        let limit = self.limits.tasks;
        let Some(stage) = self.stages.get_mut(&key) else { return };
        if stage.first_task_ms < 0 || task.launched_ms < stage.first_task_ms {
            stage.first_task_ms = task.launched_ms;
        }
        match task.status {
            Status::Running => stage.counts.active += 1,
            status => {
                stage.counts.active = (stage.counts.active - 1).max(0);
                match status {
                    Status::Succeeded => {
                        stage.counts.complete += 1;
                        stage.counts.indices = (stage.counts.indices + 1).min(stage.num_tasks);
                    }
                    Status::Killed => stage.counts.killed += 1,
                    _ => stage.counts.failed += 1,
                }
                if let Some(metrics) = &task.metrics {
                    stage.metrics.add(metrics);
                }
            }
        }
        let (id, succeeded) = (task.id, task.status == Status::Succeeded);
        if stage.tasks.insert(id, task).is_none() {
            self.tasks_kept += 1;
        }
        while stage.tasks.len() > limit {
            stage.tasks.pop_first();
            stage.tasks_dropped += 1;
            self.tasks_kept -= 1;
        }
        if succeeded && !updates.is_empty() {
            self.measure(key.0, id, &updates);
        }
        self.forget_tasks();
    }

    fn measure(&mut self, stage: i64, task: i64, updates: &[(i64, i64)]) {
        let Some(execution) = self.stage_execution.get(&stage).and_then(|id| self.executions.get_mut(id)) else {
            return;
        };
        for (id, value) in updates {
            let own = execution.values.entry(*id).or_default();
            if own.count == 0 || *value > own.max {
                own.max = *value;
                own.max_at = Some((stage, task));
            }
            own.min = if own.count == 0 { *value } else { own.min.min(*value) };
            own.total = own.total.saturating_add(*value);
            own.count += 1;
            own.values.push(*value);
        }
    }

    fn count_for_executor(&mut self, task: &Task) {
        let Some(own) = self.executors.get_mut(task.executor.as_ref()) else { return };
        match task.status {
            Status::Running => own.counts.active += 1,
            status => {
                own.counts.active = (own.counts.active - 1).max(0);
                if status == Status::Succeeded {
                    own.counts.complete += 1;
                } else {
                    own.counts.failed += 1;
                }
                own.duration_ms += task.duration_ms(task.finished_ms);
                if let Some(metrics) = &task.metrics {
                    own.gc_ms += metrics.get(metric::GC_TIME);
                    own.input_bytes += metrics.get(metric::INPUT_BYTES);
                    own.shuffle_read += metrics.shuffle_read_bytes();
                    own.shuffle_write += metrics.get(metric::SHUFFLE_BYTES_WRITTEN);
                }
            }
        }
    }

    fn sql(&mut self, name: &str, event: &Value) {
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
                own.values.values_mut().for_each(settle);
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

    fn streaming(&mut self, name: &str, event: &Value) {
        match name {
            "QueryStartedEvent" => self.streams.push(Stream {
                id: text_or(event, "id", "").into(),
                run_id: text_or(event, "runId", "").into(),
                name: text(event, "name").map(str::to_string),
                started_ms: text(event, "timestamp").and_then(crate::json::parse_time).unwrap_or(-1),
                ended_ms: -1,
                ..Stream::default()
            }),
            "QueryProgressEvent" => {
                let progress = &event["progress"];
                let limit = self.limits.progress_updates;
                let run = text_or(progress, "runId", "");
                let Some(own) = self.streams.iter_mut().find(|own| own.run_id == run) else { return };
                own.batches += 1;
                own.rows += progress["sources"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|s| int_or(s, "numInputRows", 0))
                    .sum::<i64>();
                own.progress.push_back(progress.clone());
                if own.progress.len() > limit {
                    own.progress.pop_front();
                }
                if let Some(at) = text(progress, "timestamp").and_then(crate::json::parse_time) {
                    self.touch(at);
                }
            }
            "QueryTerminatedEvent" => {
                let at_ms = int(event, "firesteelTime").unwrap_or(self.app.last_updated_ms);
                let run = text_or(event, "runId", "");
                let Some(own) = self.streams.iter_mut().find(|own| own.run_id == run) else { return };
                own.ended_ms = at_ms;
                own.exception = text(event, "exception").map(str::to_string);
                self.forget_streams();
            }
            _ => {}
        }
    }

    fn connect(&mut self, name: &str, event: &Value) {
        let at_ms = int_or(event, "eventTime", -1);
        self.touch(at_ms);
        match name {
            "SessionStarted" => {
                self.sessions.push(ConnectSession {
                    id: text_or(event, "sessionId", "").into(),
                    user: text_or(event, "userId", "").into(),
                    started_ms: at_ms,
                    ended_ms: -1,
                    operations: 0,
                });
                if self.sessions.len() > self.limits.connect_sessions {
                    self.sessions.remove(0);
                }
            }
            "SessionClosed" => {
                let id = text_or(event, "sessionId", "");
                for own in self.sessions.iter_mut().filter(|own| own.id == id && own.ended_ms < 0) {
                    own.ended_ms = at_ms;
                }
            }
            "OperationStarted" => {
                let session = text_or(event, "sessionId", "");
                for own in self.sessions.iter_mut().filter(|own| own.id == session) {
                    own.operations += 1;
                }
                self.operations.push_back(ConnectOperation {
                    id: text_or(event, "operationId", "").into(),
                    session: session.into(),
                    user: text_or(event, "userId", "").into(),
                    job_tag: text_or(event, "jobTag", "").into(),
                    text: text_or(event, "statementText", "").into(),
                    started_ms: at_ms,
                    ended_ms: -1,
                    status: Status::Running,
                    rows: None,
                    error: None,
                });
                if self.operations.len() > self.limits.connect_operations {
                    self.operations.pop_front();
                }
            }
            _ => {
                let id = text_or(event, "operationId", "");
                let Some(own) = self.operations.iter_mut().rev().find(|own| own.id == id) else { return };
                let status = match name {
                    "OperationFinished" => Status::Succeeded,
                    "OperationFailed" => Status::Failed,
                    "OperationCanceled" => Status::Killed,
                    _ => return,
                };
                own.status = status;
                own.ended_ms = at_ms;
                own.rows = int(event, "producedRowCount");
                own.error = text(event, "errorMessage").map(str::to_string);
            }
        }
    }

    fn touch(&mut self, at_ms: i64) {
        self.app.last_updated_ms = self.app.last_updated_ms.max(at_ms);
    }

    fn forget_jobs(&mut self) {
        while self.jobs.len() > self.limits.jobs {
            let ended = self.jobs.iter().find(|(_, job)| job.status != Status::Running).map(|(id, _)| *id);
            let Some(id) = ended else { return };
            self.jobs.remove(&id);
            self.forgotten.0 += 1;
        }
    }

    fn forget_stages(&mut self) {
        while self.stages.len() > self.limits.stages {
            let running = [Status::Running, Status::Pending];
            let ended = self.stages.iter().find(|(_, own)| !running.contains(&own.status)).map(|(key, _)| *key);
            let Some(key) = ended else { return };
            if let Some(own) = self.stages.remove(&key) {
                self.tasks_kept -= own.tasks.len();
            }
            self.forgotten.1 += 1;
        }
    }

    /// Tasks of the oldest stages go first where all stages together have too many.
    fn forget_tasks(&mut self) {
        if self.tasks_kept <= self.limits.tasks.saturating_mul(2) {
            return;
        }
        let Some(own) = self.stages.values_mut().find(|own| own.status != Status::Running && !own.tasks.is_empty())
        else {
            return;
        };
        self.tasks_kept -= own.tasks.len();
        own.tasks_dropped += i64::try_from(own.tasks.len()).unwrap_or(i64::MAX);
        own.tasks.clear();
    }

    fn forget_executions(&mut self) {
        while self.executions.len() > self.limits.executions {
            let ended = self.executions.iter().find(|(_, own)| own.completed_ms > 0).map(|(id, _)| *id);
            let Some(id) = ended else { return };
            self.executions.remove(&id);
            self.forgotten.2 += 1;
        }
    }

    fn forget_streams(&mut self) {
        while self.streams.iter().filter(|own| own.ended_ms > 0).count() > self.limits.streams {
            let Some(oldest) = self.streams.iter().position(|own| own.ended_ms > 0) else { return };
            self.streams.remove(oldest);
        }
    }

    /// The attempts of a stage, the latest first.
    pub fn attempts(&self, stage: i64) -> impl Iterator<Item = &Stage> {
        self.stages.range((stage, i64::MIN)..=(stage, i64::MAX)).rev().map(|(_, own)| own)
    }

    /// Stages of a job that are still known, each in its last attempt.
    pub fn stages_of<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a Stage> {
        job.stage_ids.iter().filter_map(|id| self.attempts(*id).next())
    }
}

/// Nothing more comes: the median is known, single values are not needed any more.
fn settle(own: &mut Measured) {
    own.median = median(&own.values);
    own.values = vec![];
}

/// The middle of values; 0 for none.
pub fn median(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
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

fn stage_rdd(info: &Value) -> StageRdd {
    let scope = text(info, "Scope").and_then(|scope| serde_json::from_str::<Value>(scope).ok());
    let level = &info["Storage Level"];
    StageRdd {
        id: int_or(info, "RDD ID", -1),
        name: text_or(info, "Name", "").into(),
        scope: scope.as_ref().map_or("", |scope| text_or(scope, "name", "")).into(),
        parents: ints(&info["Parent IDs"]),
        partitions: int_or(info, "Number of Partitions", 0),
        storage_level: storage_level(level),
        cached_partitions: int_or(info, "Number of Cached Partitions", 0),
        memory_bytes: int_or(info, "Memory Size", 0),
        disk_bytes: int_or(info, "Disk Size", 0),
    }
}

fn accumulable(own: &Value) -> Option<(i64, String, String)> {
    if own["Internal"] == true {
        return None;
    }
    let value = own["Value"].as_str().map_or_else(|| own["Value"].to_string(), str::to_string);
    Some((int(own, "ID")?, text_or(own, "Name", "").into(), value))
}

/// Spark's words for a storage level; empty where nothing is stored.
fn storage_level(level: &Value) -> String {
    let mut parts = vec![];
    for (key, name) in [("Use Disk", "Disk"), ("Use Memory", "Memory"), ("Use Off Heap", "OffHeap")] {
        if level[key] == true {
            parts.push(name);
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.push(if level["Deserialized"] == true { "Deserialized" } else { "Serialized" });
    format!("{} {}x Replicated", parts.join(" "), int_or(level, "Replication", 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(id: i64) -> [Value; 2] {
        let info = json!({"Stage ID": id, "Stage Attempt ID": 0, "Stage Name": "a stage", "Number of Tasks": 1});
        let properties = json!({"spark.sql.execution.id": id.to_string()});
        [
            json!({"Event": "SparkListenerJobStart", "Job ID": id, "Submission Time": id + 1, "Stage IDs": [id],
                   "Stage Infos": [info], "Properties": properties}),
            json!({"Event": "SparkListenerJobEnd", "Job ID": id, "Completion Time": id + 2,
                   "Job Result": {"Result": "JobSucceeded"}}),
        ]
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut store = Store::new(Limits { jobs: 3, stages: 2, ..Limits::default() });
        for id in 0..10 {
            job(id).iter().for_each(|event| store.apply(event));
        }
        assert_eq!(store.jobs.keys().copied().collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(store.stages.len(), 2);
        assert_eq!(store.forgotten.0, 7);
    }

    #[test]
    fn lines_that_are_no_events_are_told() {
        let mut store = Store::new(Limits::default());
        assert!(store.apply_line("{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":").is_err());
        assert!(store.apply_line("null").is_ok());
        assert!(store.apply_line("{\"Event\":\"com.example.Unknown\",\"x\":1}").is_ok());
    }
}
