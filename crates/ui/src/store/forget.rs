//! What goes where there is too much: the oldest that has ended.

use super::Store;
use crate::model::Status;

impl Store {
    pub(super) fn forget_jobs(&mut self) {
        while self.jobs.len() > self.limits.jobs {
            let ended = self.jobs.iter().find(|(_, job)| job.status != Status::Running).map(|(id, _)| *id);
            let Some(id) = ended else { return };
            self.jobs.remove(&id);
            self.forgotten.0 += 1;
        }
    }

    pub(super) fn forget_stages(&mut self) {
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
    pub(super) fn forget_tasks(&mut self) {
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

    pub(super) fn forget_executions(&mut self) {
        while self.executions.len() > self.limits.executions {
            let ended = self.executions.iter().find(|(_, own)| own.completed_ms > 0).map(|(id, _)| *id);
            let Some(id) = ended else { return };
            self.executions.remove(&id);
            self.forgotten.2 += 1;
        }
    }

    pub(super) fn forget_streams(&mut self) {
        while self.streams.iter().filter(|own| own.ended_ms > 0).count() > self.limits.streams {
            let Some(oldest) = self.streams.iter().position(|own| own.ended_ms > 0) else { return };
            self.streams.remove(oldest);
        }
    }

    pub(super) fn forget_executors(&mut self) {
        while self.executors.values().filter(|own| own.removed.is_some()).count() > self.limits.dead_executors {
            let dead = self.executors.values().filter_map(|own| Some((own.removed.as_ref()?.0, own.id.clone())));
            let Some((_, oldest)) = dead.min() else { return };
            self.executors.remove(&oldest);
        }
    }
}
