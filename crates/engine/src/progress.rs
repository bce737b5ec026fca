//! How far an operation is: counters that the running tasks move and that the server reports.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The stages of one operation.
#[derive(Debug, Default)]
pub struct Progress {
    stages: Mutex<Vec<Arc<StageProgress>>>,
}

/// One stage: tasks that do the same on different partitions.
#[derive(Debug, Default)]
pub struct StageProgress {
    id: u64,
    /// Tasks in all; may grow.
    pub tasks: AtomicU64,
    /// Tasks that have begun and not ended.
    pub running: AtomicU64,
    /// Tasks that have ended.
    pub completed: AtomicU64,
    /// Bytes read from outside.
    pub bytes_read: AtomicU64,
    /// Nothing comes any more.
    pub done: AtomicBool,
}

/// The counters of a stage at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageSnapshot {
    pub id: u64,
    pub tasks: u64,
    pub running: u64,
    pub completed: u64,
    pub bytes_read: u64,
    pub done: bool,
}

impl Progress {
    /// Begins a stage of so many tasks.
    pub fn add_stage(&self, tasks: u64) -> Arc<StageProgress> {
        let mut stages = self.stages.lock().expect("no panics while locked");
        let stage =
            Arc::new(StageProgress { id: stages.len() as u64, tasks: AtomicU64::new(tasks), ..Default::default() });
        stages.push(stage.clone());
        stage
    }

    /// The counters of all stages.
    pub fn snapshot(&self) -> Vec<StageSnapshot> {
        let stages = self.stages.lock().expect("no panics while locked");
        stages.iter().map(|stage| stage.snapshot()).collect()
    }
}

impl StageProgress {
    fn snapshot(&self) -> StageSnapshot {
        StageSnapshot {
            id: self.id,
            tasks: self.tasks.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            completed: self.completed.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            done: self.done.load(Ordering::Relaxed),
        }
    }
}
