//! Jobs and their stages.

use serde_json::Value;

use super::Store;
use super::blocks::storage_level;
use crate::json::{int, int_or, ints, text, text_or};
use crate::model::{Job, Stage, StageRdd, Status};

impl Store {
    pub(super) fn job_start(&mut self, event: &Value) {
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
            let known = self.stage_info(info, Status::Pending, None);
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

    pub(super) fn job_end(&mut self, event: &Value) {
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
    pub(super) fn stage_info(&mut self, info: &Value, status: Status, description: Option<String>) -> (i64, i64) {
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
        // Spark's later events of a stage may have none of its RDDs: REST has the ids of the last, graphs need the first.
        stage.rdd_ids =
            info["RDD Info"].as_array().into_iter().flatten().map(|rdd| int_or(rdd, "RDD ID", -1)).collect();
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
