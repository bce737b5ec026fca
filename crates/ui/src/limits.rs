//! How much is kept in memory: Spark's `spark.ui.retained*` keys.

/// Reads a setting.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How much the store keeps; the oldest goes first.
#[derive(Debug, Clone)]
pub struct Limits {
    pub jobs: usize,
    pub stages: usize,
    /// Tasks of a stage; all stages together keep twice as many.
    pub tasks: usize,
    pub dead_executors: usize,
    pub executions: usize,
    pub streams: usize,
    pub progress_updates: usize,
    pub connect_sessions: usize,
    pub connect_operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jobs: 1000,
            stages: 1000,
            tasks: 100_000,
            dead_executors: 100,
            executions: 1000,
            streams: 100,
            progress_updates: 100,
            connect_sessions: 200,
            connect_operations: 200,
        }
    }
}

impl Limits {
    /// The limits that the settings give; what is no number counts as not set.
    pub fn of(lookup: Lookup) -> Self {
        let mut own = Self::default();
        for (key, field) in [
            ("spark.ui.retainedJobs", &mut own.jobs),
            ("spark.ui.retainedStages", &mut own.stages),
            ("spark.ui.retainedTasks", &mut own.tasks),
            ("spark.ui.retainedDeadExecutors", &mut own.dead_executors),
            ("spark.sql.ui.retainedExecutions", &mut own.executions),
            ("spark.sql.streaming.ui.retainedQueries", &mut own.streams),
            ("spark.sql.streaming.ui.retainedProgressUpdates", &mut own.progress_updates),
            ("spark.connect.ui.retainedSessions", &mut own.connect_sessions),
            ("spark.connect.ui.retainedStatements", &mut own.connect_operations),
        ] {
            if let Some(count) = lookup(key).and_then(|text| text.trim().parse().ok()) {
                *field = std::cmp::max(count, 1);
            }
        }
        own
    }
}
