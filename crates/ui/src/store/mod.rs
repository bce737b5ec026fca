//! The status store: what Spark's events, live or replayed, say of an application; bounded in memory.

mod application;
mod blocks;
mod connect;
mod forget;
mod jobs;
mod sql;
mod streams;
mod tasks;

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::Value;

use crate::event::{self, Line};
use crate::json::{int_or, text, text_or};
use crate::limits::Limits;
use crate::model::{
    App, ConnectOperation, ConnectSession, Environment, Execution, Executor, Job, Stage, Status, StoredRdd, Stream,
};
use crate::peaks::Peaks;

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

const SQL: &str = "org.apache.spark.sql.execution.ui.SparkListener";
const STREAMING: &str = "org.apache.spark.sql.streaming.StreamingQueryListener$";
const CONNECT: &str = "org.apache.spark.sql.connect.service.SparkListenerConnect";

impl Store {
    pub fn new(limits: Limits) -> Self {
        let app = App { start_ms: -1, end_ms: -1, ..App::default() };
        Self { limits, app, ..Self::default() }
    }

    /// Takes a line of a log; those that are no events say nothing.
    pub fn take(&mut self, line: Line) {
        match line {
            Line::Task(own) => self.task(own),
            Line::Other(event) => self.apply(&event),
            Line::Nothing | Line::Bad(_) => {}
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
            "SparkListenerExecutorRemoved" => self.executor_removed(event),
            "SparkListenerBlockManagerAdded" => self.block_manager_added(event),
            "SparkListenerBlockUpdated" => self.block_updated(event),
            "SparkListenerStageExecutorMetrics" => {
                let key = (int_or(event, "Stage ID", -1), int_or(event, "Stage Attempt ID", 0));
                self.peaks(key, text_or(event, "Executor ID", ""), &Peaks::of(&event["Executor Metrics"]));
            }
            "SparkListenerUnpersistRDD" => {
                self.rdds.remove(&int_or(event, "RDD ID", -1));
            }
            "SparkListenerExecutorMetricsUpdate" => {
                let all = event["Executor Metrics Updated"].as_array().into_iter().flatten();
                let Some(own) = self.executors.get_mut(text_or(event, "Executor ID", "")) else { return };
                let peaks = own.peaks.get_or_insert_default();
                all.for_each(|update| peaks.raise(&Peaks::of(&update["Executor Metrics"])));
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
                if let Some(own) = event::task(event) {
                    self.task(own);
                }
            }
            _ => {}
        }
    }

    fn touch(&mut self, at_ms: i64) {
        self.app.last_updated_ms = self.app.last_updated_ms.max(at_ms);
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
}
