//! Follows queries: from their plans and what the operators measured to Spark's events of jobs, stages and tasks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::physical_plan::{ExecutionPlan, displayable};
use firesteel_engine::metrics::{QueryRecord, QueryState};
use serde_json::{Value, json};

use crate::encode::{self, StageInfo, event, sql_event};
use crate::json::now_ms;
use crate::metric;
use crate::stages::{Cut, Measured, MetricName, Numbers, expected};

/// Characters of the text of a whole plan.
const MAX_PLAN: usize = 200_000;
/// Characters of a stage's name.
const MAX_NAME: usize = 120;

/// Numbers queries, jobs, stages and tasks, and follows those that run.
#[derive(Debug)]
pub struct Tracker {
    host: String,
    running: BTreeMap<u64, Running>,
    next: Next,
}

#[derive(Debug, Default)]
struct Next {
    execution: i64,
    stage: i64,
    task: i64,
    rdd: i64,
    accumulator: i64,
}

impl Next {
    fn take(counter: &mut i64, count: usize) -> i64 {
        let first = *counter;
        *counter += i64::try_from(count).unwrap_or(0);
        first
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Ended,
}

#[derive(Debug)]
struct Running {
    record: Arc<QueryRecord>,
    cut: Cut,
    execution: i64,
    stage_base: i64,
    rdd_base: i64,
    name: String,
    details: String,
    properties: Value,
    /// Accumulators by operator.
    metrics: Vec<Vec<(MetricName, i64)>>,
    /// Metrics that were told before the tasks began, and so come with tasks.
    told: Vec<usize>,
    totals: HashMap<i64, i64>,
    /// By stage and task: its number once it has begun.
    tasks: Vec<Vec<(Phase, i64)>>,
    stages: Vec<(Phase, i64)>,
}

impl Tracker {
    pub fn new(host: String) -> Self {
        Self { host, running: BTreeMap::new(), next: Next::default() }
    }

    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// A query begins.
    pub fn started(
        &mut self,
        record: Arc<QueryRecord>,
        plan: &Arc<dyn ExecutionPlan>,
        lost_before: &[u64],
    ) -> Vec<Value> {
        let cut = Cut::of(plan, lost_before);
        let next = &mut self.next;
        let execution = Next::take(&mut next.execution, 1);
        let metrics: Vec<Vec<(MetricName, i64)>> = cut
            .nodes
            .iter()
            .map(|node| {
                let names = expected(&node.name).into_iter();
                names.map(|name| (name, Next::take(&mut next.accumulator, 1))).collect()
            })
            .collect();
        let mut text = displayable(plan.as_ref()).indent(false).to_string();
        truncate(&mut text, MAX_PLAN);
        let mut name = record.description.lines().next().unwrap_or("").trim().to_string();
        if name.is_empty() {
            name = "query".into();
        }
        truncate(&mut name, MAX_NAME);
        let mut own = Running {
            execution,
            stage_base: Next::take(&mut next.stage, cut.stages.len()),
            rdd_base: Next::take(&mut next.rdd, cut.nodes.len()),
            name,
            details: text,
            properties: Value::Null,
            told: metrics.iter().map(Vec::len).collect(),
            metrics,
            totals: HashMap::new(),
            tasks: cut.stages.iter().map(|stage| vec![(Phase::Waiting, 0); stage.tasks]).collect(),
            stages: vec![(Phase::Waiting, 0); cut.stages.len()],
            record,
            cut,
        };
        own.properties = own.properties();
        let events = own.start_events();
        self.running.insert(own.record.number, own);
        events
    }

    /// What running queries have done since the last look.
    pub fn look(&mut self) -> Vec<Value> {
        let mut events = vec![];
        for own in self.running.values_mut() {
            let numbers = own.cut.numbers();
            own.progress(&numbers, &self.host, &mut self.next, &mut events);
        }
        events
    }

    /// Sums of the metrics of running queries, by execution and accumulator.
    pub fn live_values(&self) -> Vec<(i64, Vec<(i64, i64)>)> {
        self.running.values().map(|own| (own.execution, own.sums())).collect()
    }

    /// A query has ended.
    pub fn ended(&mut self, record: &QueryRecord, plan: &Arc<dyn ExecutionPlan>) -> Vec<Value> {
        // Adaptive sources may have replaced the plan's operators: the numbers are in those that ran.
        let _ = plan;
        let Some(mut own) = self.running.remove(&record.number) else { return vec![] };
        let mut events = vec![];
        own.end(&self.host, &mut self.next, &mut events);
        events
    }
}

impl Running {
    fn properties(&self) -> Value {
        let mut own = json!({
            "spark.sql.execution.id": self.execution.to_string(),
            "spark.sql.execution.root.id": self.execution.to_string(),
            "spark.job.description": self.record.description,
        });
        for (key, value) in self.record.properties.iter() {
            own[key] = value.as_str().into();
        }
        let tags = self.tags();
        if !tags.is_empty() {
            own["spark.job.tags"] = tags.join(",").into();
        }
        own
    }

    /// The tags that users and Spark give: by others, groups are cancelled.
    fn tags(&self) -> Vec<&str> {
        let all = self.record.tags.iter().map(String::as_str);
        all.filter(|tag| !tag.starts_with("firesteel-group-")).collect()
    }

    /// What `setJobDescription` said.
    fn given_description(&self) -> Option<&str> {
        self.record.properties.get("spark.job.description").map(String::as_str)
    }

    fn start_events(&self) -> Vec<Value> {
        let at_ms = self.record.started_ms;
        let mut start = json!({
            "executionId": self.execution,
            "rootExecutionId": self.execution,
            "description": self.given_description().unwrap_or(
                if self.record.description.is_empty() { &self.name } else { &self.record.description },
            ),
            // Where people describe their jobs, what they ran is still to be seen.
            "details": self.given_description().map_or("", |_| &self.record.description),
            "physicalPlanDescription": format!("== Physical Plan ==\n{}", self.details),
            "sparkPlanInfo": encode::plan_info(&self.cut, 0, &self.metrics),
            "time": at_ms,
            "modifiedConfigs": {},
            "jobTags": self.tags(),
        });
        if let Some(group) = self.properties.get("spark.jobGroup.id") {
            start["jobGroupId"] = group.clone();
        }
        let infos: Vec<Value> =
            (0..self.cut.stages.len()).map(|stage| self.stage_info(stage, None, None, None)).collect();
        let ids: Vec<i64> = (0..self.cut.stages.len()).map(|stage| self.stage_id(stage)).collect();
        let job = json!({
            "Job ID": self.execution,
            "Submission Time": at_ms,
            "Stage Infos": infos,
            "Stage IDs": ids,
            "Properties": self.properties,
        });
        vec![sql_event("SQLExecutionStart", start), event("SparkListenerJobStart", job)]
    }

    fn stage_id(&self, stage: usize) -> i64 {
        self.stage_base + i64::try_from(stage).unwrap_or(0)
    }

    fn stage_info(&self, stage: usize, submitted: Option<i64>, completed: Option<i64>, failure: Option<&str>) -> Value {
        let own = &self.cut.stages[stage];
        let rdds = own
            .nodes
            .iter()
            .map(|node| encode::rdd_info(&self.cut, *node, self.rdd_base, own.tasks, &self.name))
            .collect();
        StageInfo {
            id: self.stage_id(stage),
            name: &self.name,
            tasks: own.tasks,
            parents: own.parents.iter().map(|parent| self.stage_id(*parent)).collect(),
            rdds,
            details: &self.record.description,
            submitted_ms: submitted,
            completed_ms: completed,
            failure,
        }
        .json()
    }

    /// Tells what has begun and ended since the last time.
    fn progress(&mut self, numbers: &Numbers, host: &str, next: &mut Next, events: &mut Vec<Value>) {
        for stage in 0..self.tasks.len() {
            for task in 0..self.tasks[stage].len() {
                let measured = &numbers.tasks[stage][task];
                if measured.started_ms > 0 && self.tasks[stage][task].0 == Phase::Waiting {
                    self.begin_task(stage, task, measured.started_ms, host, next, events);
                }
                if measured.is_ended() && self.tasks[stage][task].0 == Phase::Running {
                    self.end_task(stage, task, measured, None, host, events);
                }
            }
            let all_ended = self.tasks[stage].iter().all(|(phase, _)| *phase == Phase::Ended);
            if all_ended && self.stages[stage].0 == Phase::Running {
                let ended_ms = numbers.tasks[stage].iter().map(|task| task.ended_ms).max().unwrap_or_else(now_ms);
                self.end_stage(stage, ended_ms, None, events);
            }
        }
    }

    fn begin_stage(&mut self, stage: usize, at_ms: i64, events: &mut Vec<Value>) {
        self.stages[stage] = (Phase::Running, at_ms);
        let info = self.stage_info(stage, Some(at_ms), None, None);
        events.push(event("SparkListenerStageSubmitted", json!({"Stage Info": info, "Properties": self.properties})));
    }

    fn end_stage(&mut self, stage: usize, at_ms: i64, failure: Option<&str>, events: &mut Vec<Value>) {
        let submitted = self.stages[stage].1;
        self.stages[stage] = (Phase::Ended, submitted);
        let info = self.stage_info(stage, Some(submitted), Some(at_ms.max(submitted)), failure);
        events.push(event("SparkListenerStageCompleted", json!({"Stage Info": info})));
    }

    fn begin_task(
        &mut self,
        stage: usize,
        task: usize,
        at_ms: i64,
        host: &str,
        next: &mut Next,
        events: &mut Vec<Value>,
    ) {
        if self.stages[stage].0 == Phase::Waiting {
            self.begin_stage(stage, at_ms, events);
        }
        let id = Next::take(&mut next.task, 1);
        self.tasks[stage][task] = (Phase::Running, id);
        let info = encode::task_info(id, task, host, (at_ms, 0), false, &[]);
        events.push(event(
            "SparkListenerTaskStart",
            json!({"Stage ID": self.stage_id(stage), "Stage Attempt ID": 0, "Task Info": info}),
        ));
    }

    fn end_task(
        &mut self,
        stage: usize,
        task: usize,
        measured: &Measured,
        failure: Option<(&str, bool)>,
        host: &str,
        events: &mut Vec<Value>,
    ) {
        let id = self.tasks[stage][task].1;
        self.tasks[stage][task].0 = Phase::Ended;
        let mut accumulables = vec![];
        for (node, name, value) in &measured.values {
            let told = &self.metrics[*node][..self.told[*node]];
            // Readers count tasks that succeeded; what the others measured is told at the end.
            if let Some((_, id)) = told.iter().find(|(own, _)| own == name && failure.is_none()) {
                let total = self.totals.entry(*id).or_default();
                *total = total.saturating_add(*value);
                accumulables.push((name, *id, *value, *total));
            }
        }
        let is_result = stage + 1 == self.tasks.len();
        let reason = match failure {
            None => json!({"Reason": "Success"}),
            Some((text, true)) => json!({"Reason": "TaskKilled", "Kill Reason": text, "Accumulator Updates": []}),
            Some((text, false)) => json!({
                "Reason": "ExceptionFailure",
                "Class Name": "org.apache.spark.SparkException",
                "Description": text,
                "Stack Trace": [],
                "Full Stack Trace": text,
                "Accumulator Updates": [],
            }),
        };
        let times = (measured.started_ms, measured.ended_ms.max(measured.started_ms));
        let info = encode::task_info(id, task, host, times, failure.is_some_and(|(_, killed)| !killed), &accumulables);
        let mut measured = measured.clone();
        if is_result && self.record.written().is_some() {
            // A task writes the rows that the plan's last operator gives it.
            let rows =
                measured.values.iter().find(|(node, name, _)| *node == 0 && name.name == "number of output rows");
            measured.metrics.0[metric::OUTPUT_RECORDS] = rows.map_or(0, |(_, _, rows)| *rows);
        }
        events.push(event(
            "SparkListenerTaskEnd",
            json!({
                "Stage ID": self.stage_id(stage),
                "Stage Attempt ID": 0,
                "Task Type": if is_result { "ResultTask" } else { "ShuffleMapTask" },
                "Task End Reason": reason,
                "Task Info": info,
                "Task Executor Metrics": {},
                "Task Metrics": encode::task_metrics(&measured, times.1 - times.0),
            }),
        ));
    }

    fn end(&mut self, host: &str, next: &mut Next, events: &mut Vec<Value>) {
        let mut numbers = self.cut.numbers();
        let ended_ms = self.record.started_ms + i64::try_from(self.record.duration_ms()).unwrap_or(0);
        let state = self.record.state();
        let failure = match state {
            QueryState::Failed => Some((self.record.error().unwrap_or("the query failed").to_string(), false)),
            QueryState::Stopped => Some((self.record.error().unwrap_or("The query was cancelled.").to_string(), true)),
            _ => None,
        };
        // A reader that took all it wanted lets tasks go: they have done what was asked of them.
        for task in numbers.tasks.iter_mut().flatten() {
            if task.started_ms == 0 && failure.is_none() {
                task.started_ms = self.record.started_ms;
            }
            if task.started_ms > 0 && task.ended_ms < task.started_ms {
                task.ended_ms = ended_ms;
            }
        }
        self.progress_to_end(
            &numbers,
            failure.as_ref().map(|(text, killed)| (text.as_str(), *killed)),
            host,
            next,
            events,
        );
        let last = self.tasks.len() - 1;
        for stage in 0..self.tasks.len() {
            if self.stages[stage].0 != Phase::Running {
                continue;
            }
            let at_ms =
                numbers.tasks[stage].iter().map(|task| task.ended_ms).max().unwrap_or(ended_ms).min(ended_ms.max(1));
            let at_ms = if stage == last { ended_ms } else { at_ms };
            self.end_stage(stage, at_ms, failure.as_ref().map(|(text, _)| text.as_str()), events);
        }
        self.tell_late_metrics(&numbers, next, events);
        let result = match &failure {
            None => json!({"Result": "JobSucceeded"}),
            Some((text, _)) => json!({"Result": "JobFailed", "Exception": {"Message": text, "Stack Trace": []}}),
        };
        events.push(event(
            "SparkListenerJobEnd",
            json!({"Job ID": self.execution, "Completion Time": ended_ms, "Job Result": result}),
        ));
        let text = failure.map(|(text, _)| text).unwrap_or_default();
        events.push(sql_event(
            "SQLExecutionEnd",
            json!({"executionId": self.execution, "time": ended_ms, "errorMessage": text}),
        ));
    }

    fn progress_to_end(
        &mut self,
        numbers: &Numbers,
        failure: Option<(&str, bool)>,
        host: &str,
        next: &mut Next,
        events: &mut Vec<Value>,
    ) {
        for stage in 0..self.tasks.len() {
            for task in 0..self.tasks[stage].len() {
                let measured = &numbers.tasks[stage][task];
                if measured.started_ms > 0 && self.tasks[stage][task].0 == Phase::Waiting {
                    self.begin_task(stage, task, measured.started_ms, host, next, events);
                }
                if self.tasks[stage][task].0 == Phase::Running {
                    let failure = failure.filter(|_| !measured.is_ended());
                    self.end_task(stage, task, measured, failure, host, events);
                }
            }
        }
    }

    /// Metrics that nobody foresaw, and those that belong to no task.
    fn tell_late_metrics(&mut self, numbers: &Numbers, next: &mut Next, events: &mut Vec<Value>) {
        let mut late: HashMap<(usize, MetricName), i64> = HashMap::new();
        for (node, name, value) in numbers.tasks.iter().flatten().flat_map(|task| &task.values).chain(&numbers.other) {
            let sum = late.entry((*node, name.clone())).or_default();
            *sum = sum.saturating_add(*value);
        }
        let mut late: Vec<_> = late.into_iter().collect();
        late.sort_by(|left, right| (left.0.0, &left.0.1.name).cmp(&(right.0.0, &right.0.1.name)));
        let mut updates = vec![];
        let mut has_new = false;
        for ((node, name), value) in late {
            let known = self.metrics[node].iter().find(|(own, _)| *own == name).map(|(_, id)| *id);
            let id = match known {
                // What tasks have brought is there already.
                Some(id) if self.totals.get(&id) == Some(&value) => continue,
                Some(id) => id,
                None if value == 0 => continue,
                None => {
                    let fresh = Next::take(&mut next.accumulator, 1);
                    has_new = true;
                    self.metrics[node].push((name, fresh));
                    fresh
                }
            };
            updates.push(json!([id, value.saturating_sub(self.totals.get(&id).copied().unwrap_or(0))]));
        }
        if let Some(written) = self.record.written() {
            has_new = true;
            for (name, kind, value) in [
                ("number of written files", "sum", written.files),
                ("written output", "size", written.size_bytes),
                ("number of written rows", "sum", written.rows),
                ("number of dynamic part", "sum", written.folders),
            ] {
                if value == 0 && kind == "sum" && name.contains("dynamic") {
                    continue;
                }
                let fresh = Next::take(&mut next.accumulator, 1);
                self.metrics[0].push((MetricName { name: name.into(), kind }, fresh));
                updates.push(json!([fresh, value]));
            }
        }
        if has_new {
            events.push(sql_event(
                "SQLAdaptiveExecutionUpdate",
                json!({
                    "executionId": self.execution,
                    "physicalPlanDescription": format!("== Physical Plan ==\n{}", self.details),
                    "sparkPlanInfo": encode::plan_info(&self.cut, 0, &self.metrics),
                }),
            ));
        }
        if !updates.is_empty() {
            let update = json!({"executionId": self.execution, "accumUpdates": updates});
            events.push(sql_event("DriverAccumUpdates", update));
        }
    }

    /// Sums of what tasks that still run have measured, on top of those that have ended.
    fn sums(&self) -> Vec<(i64, i64)> {
        let numbers = self.cut.numbers();
        let mut sums: HashMap<i64, i64> = HashMap::new();
        for (node, name, value) in numbers.tasks.iter().flatten().flat_map(|task| &task.values).chain(&numbers.other) {
            if let Some((_, id)) = self.metrics[*node].iter().find(|(own, _)| own == name) {
                let sum = sums.entry(*id).or_default();
                *sum = sum.saturating_add(*value);
            }
        }
        sums.into_iter().collect()
    }
}

fn truncate(text: &mut String, chars: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
        text.push_str("...");
    }
}
