//! The session as its Python functions see it: interpreter, uploaded files, limits.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use firesteel_plan::operator::python::{WorkerSettings, extract};
use firesteel_protocol::Result;
pub use firesteel_python::{Pool, PoolConf, PythonSession};

use crate::{Session, memory};

impl Session {
    /// What the session lends to Python workers.
    pub(crate) fn python(&self) -> PythonSession {
        let conf = self.conf();
        let memory = conf.lookup("spark.executor.pyspark.memory").and_then(|text| memory::parse(&text).ok());
        let shared = self.artifacts().python();
        PythonSession {
            pool: Arc::clone(&self.engine.python),
            session_id: self.server_side_id().into(),
            interpreter: conf.lookup("spark.pyspark.python"),
            files: shared.files,
            includes: shared.includes,
            memory_mb: memory.map(|bytes| (bytes >> 20) as u64),
            reuse: conf.lookup("spark.python.worker.reuse").is_none_or(|text| text.trim().eq_ignore_ascii_case("true")),
        }
    }

    /// The plan with nodes in place of the calls of Python functions. Must be called inside the runtime.
    pub(crate) fn without_python_calls(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        if !extract::needed(plan) {
            return Ok(plan.clone());
        }
        extract::extract(plan.clone(), &WorkerSettings::of(&self.resolve_context()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.engine.python.forget(self.server_side_id());
    }
}
