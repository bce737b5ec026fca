//! Tasks, and what they add to their stage, executor and query.

use super::Store;
use crate::event::TaskNote;
use crate::metric;
use crate::model::{Status, Task};
use crate::peaks::Peaks;

impl Store {
    pub(super) fn task(&mut self, TaskNote { stage: key, task, updates, peaks }: TaskNote) {
        self.touch(task.finished_ms.max(task.launched_ms));
        self.count_for_executor(&task);
        if let Some(peaks) = &peaks {
            self.peaks(key, &task.executor, peaks);
        }
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
                    Status::Killed => {
                        stage.counts.killed += 1;
                        *stage.killed.entry(task.error.clone().unwrap_or_default()).or_default() += 1;
                    }
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

    /// An executor used so much while a stage ran.
    pub(super) fn peaks(&mut self, stage: (i64, i64), executor: &str, peaks: &Peaks) {
        if let Some(stage) = self.stages.get_mut(&stage) {
            match stage.peaks.get_mut(executor) {
                Some(own) => own.raise(peaks),
                None => drop(stage.peaks.insert(executor.into(), *peaks)),
            }
        }
        if let Some(own) = self.executors.get_mut(executor) {
            own.peaks.get_or_insert_default().raise(peaks);
        }
    }

    pub(super) fn measure(&mut self, stage: i64, task: i64, updates: &[(i64, i64)]) {
        let Some(execution) = self.stage_execution.get(&stage).and_then(|id| self.executions.get_mut(id)) else {
            return;
        };
        let tasks = self.stages.range((stage, 0)..=(stage, i64::MAX)).next_back().map_or(0, |(_, own)| own.num_tasks);
        for (id, value) in updates {
            let own = execution.values.entry(*id).or_default();
            if own.count == 0 || *value > own.max {
                own.max = *value;
                own.max_at = Some((stage, task));
            }
            if !own.stages.contains(&stage) {
                own.stages.push(stage);
                own.tasks += tasks;
            }
            own.min = if own.count == 0 { *value } else { own.min.min(*value) };
            own.total = own.total.saturating_add(*value);
            own.count += 1;
            own.values.push(*value);
        }
    }

    pub(super) fn count_for_executor(&mut self, task: &Task) {
        let Some(own) = self.executors.get_mut(task.executor.as_ref()) else { return };
        match task.status {
            Status::Running => own.counts.active += 1,
            status => {
                own.counts.active = (own.counts.active - 1).max(0);
                match status {
                    Status::Succeeded => own.counts.complete += 1,
                    Status::Killed => own.counts.killed += 1,
                    _ => own.counts.failed += 1,
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
}
