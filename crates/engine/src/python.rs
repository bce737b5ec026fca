//! The session as its Python functions see it: interpreter, uploaded files, limits.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use firesteel_plan::operator::python::function::{PythonDataSource, PythonFunction, PythonTableFunction};
use firesteel_plan::operator::python::{WorkerSettings, extract};
use firesteel_protocol::{Result, SparkError, connect as pb};
use firesteel_python::{Accumulated, Traceback};
pub use firesteel_python::{Pool, PoolConf, PythonSession, SPARK_HOME_MARK};
use firesteel_sources::stream::file_options::duration_ms;

use crate::{Session, SessionConf, memory};

/// Limits the memory of each Python worker.
const MEMORY: &str = "spark.executor.pyspark.memory";

tokio::task_local! {
    /// The operation that the running task works for.
    static OPERATION: PythonOperation;
}

/// An operation as the functions of its queries see it.
#[derive(Debug, Clone, Default)]
pub struct PythonOperation {
    /// `SparkContext.setLocalProperty` of the thread that sent it; what `TaskContext.getLocalProperty` tells.
    properties: Arc<BTreeMap<String, String>>,
    accumulated: Accumulated,
}

impl PythonOperation {
    pub fn new(properties: BTreeMap<String, String>) -> Self {
        Self { properties: Arc::new(properties), accumulated: Accumulated::default() }
    }

    /// `SparkContext.setLocalProperty` of the thread that asked.
    pub fn properties(&self) -> &Arc<BTreeMap<String, String>> {
        &self.properties
    }

    /// Does `work`, whose queries are this operation's.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        OPERATION.scope(self, work).await
    }

    /// The operation that the caller works for.
    pub(crate) fn current() -> Option<Self> {
        OPERATION.try_with(Clone::clone).ok()
    }

    /// Does `work` for that operation on this thread.
    pub(crate) fn enter<T>(operation: Option<Self>, work: impl FnOnce() -> T) -> T {
        match operation {
            Some(operation) => OPERATION.sync_scope(operation, work),
            None => work(),
        }
    }

    /// Forgets what the tasks of a plan added that begins anew.
    pub(crate) fn begin_anew(&self) {
        self.accumulated.begin_anew();
    }
}

/// What Spark's workers are started by: ours are started by our own program.
const OWN_MODULES: [(&str, &str); 2] =
    [("spark.python.daemon.module", "pyspark.daemon"), ("spark.python.worker.module", "pyspark.worker")];

/// Functions that a session registered, by lower-case name.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    scalar: RwLock<HashMap<String, Arc<PythonFunction>>>,
    table: RwLock<HashMap<String, Arc<PythonTableFunction>>>,
    sources: RwLock<HashMap<String, Arc<PythonDataSource>>>,
    /// What Python accumulators were given by queries that no operation waits for.
    accumulated: Accumulated,
}

impl Functions {
    pub(crate) fn scalar(&self, name: &str) -> Option<Arc<PythonFunction>> {
        self.scalar.read().expect("no panics while locked").get(&key(name)).cloned()
    }

    pub(crate) fn table(&self, name: &str) -> Option<Arc<PythonTableFunction>> {
        self.table.read().expect("no panics while locked").get(&key(name)).cloned()
    }

    pub(crate) fn source(&self, name: &str) -> Option<Arc<PythonDataSource>> {
        self.sources.read().expect("no panics while locked").get(&name.to_lowercase()).cloned()
    }

    /// Whether a function of either kind has that name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.scalar(name).is_some() || self.table(name).is_some()
    }

    /// Drops a function of either kind; whether there was one.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let scalar = self.scalar.write().expect("no panics while locked").remove(&key(name)).is_some();
        let table = self.table.write().expect("no panics while locked").remove(&key(name)).is_some();
        scalar || table
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let scalar = self.scalar.read().expect("no panics while locked");
        let table = self.table.read().expect("no panics while locked");
        let mut names: Vec<String> = scalar.keys().chain(table.keys()).cloned().collect();
        names.sort();
        names
    }

    pub(crate) fn copy_from(&self, other: &Self) {
        copy(&self.scalar, &other.scalar);
        copy(&self.table, &other.table);
        copy(&self.sources, &other.sources);
    }
}

/// A setting of workers, under its name for SQL or its name for the application.
fn worker_setting(conf: &SessionConf, name: &str) -> Option<String> {
    conf.lookup(&format!("spark.sql.execution.pyspark.udf.{name}"))
        .or_else(|| conf.lookup(&format!("spark.python.worker.{name}")))
}

fn either_is(conf: &SessionConf, name: &str, word: &str) -> bool {
    worker_setting(conf, name).is_some_and(|text| text.trim().eq_ignore_ascii_case(word))
}

fn either(conf: &SessionConf, name: &str) -> bool {
    either_is(conf, name, "true")
}

/// A time above zero; a number without unit is seconds.
fn seconds(conf: &SessionConf, name: &str) -> Option<Duration> {
    let text = worker_setting(conf, name)?;
    let text = text.trim();
    let ms = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => duration_ms(text)?,
    };
    (ms > 0).then(|| Duration::from_millis(ms))
}

fn copy<T: Clone>(to: &RwLock<T>, from: &RwLock<T>) {
    to.write().expect("no panics while locked").clone_from(&from.read().expect("no panics while locked"));
}

fn key(name: &str) -> String {
    name.replace('`', "").to_lowercase()
}

/// Names of sources that nobody may register: those of Spark's own.
const OWN_SOURCES: [&str; 15] = [
    "binaryfile",
    "console",
    "csv",
    "jdbc",
    "json",
    "noop",
    "orc",
    "parquet",
    "rate",
    "rate-micro-batch",
    "socket",
    "state-metadata",
    "statestore",
    "text",
    "xml",
];

impl Session {
    /// `spark.udf.register`.
    pub(crate) fn register_function(&self, message: &pb::CommonInlineUserDefinedFunction) -> Result<()> {
        let function = firesteel_plan::expression::python::python_function(message)?;
        self.functions.scalar.write().expect("no panics while locked").insert(key(&message.function_name), function);
        Ok(())
    }

    /// `spark.udtf.register`.
    pub(crate) fn register_table_function(&self, message: &pb::CommonInlineUserDefinedTableFunction) -> Result<()> {
        let function = firesteel_plan::relation::python_table::table_function(message)?;
        self.functions.table.write().expect("no panics while locked").insert(key(&message.function_name), function);
        Ok(())
    }

    /// What the session lends to Python workers.
    pub(crate) fn python(&self) -> PythonSession {
        let conf = self.conf();
        let memory = conf.lookup(MEMORY).map(|text| memory::parse(MEMORY, &text)).transpose();
        let shared = self.artifacts().python();
        let operation = PythonOperation::current().unwrap_or_else(|| PythonOperation {
            accumulated: self.functions.accumulated.clone(),
            ..PythonOperation::default()
        });
        PythonSession {
            pool: Arc::clone(&self.engine.python),
            session_id: self.server_side_id().into(),
            interpreter: conf.lookup("spark.pyspark.python"),
            files: shared.files,
            accumulated: operation.accumulated,
            refused: OWN_MODULES
                .into_iter()
                .find(|(key, usual)| conf.lookup(key).is_some_and(|module| module.trim() != *usual))
                .map(|(key, _)| key),
            includes: shared.includes,
            archives: shared.archives,
            memory_mb: memory.map(|bytes| bytes.map(|bytes| (bytes >> 20) as u64)).map_err(|error| error.to_string()),
            reuse: conf.lookup("spark.python.worker.reuse").is_none_or(|text| text.trim().eq_ignore_ascii_case("true")),
            idle: either(conf, "killOnIdleTimeout").then(|| seconds(conf, "idleTimeoutSeconds")).flatten(),
            faulthandler: either(conf, "faulthandler.enabled"),
            dump_every: seconds(conf, "tracebackDumpIntervalSeconds"),
            traceback: match conf.flag("spark.sql.execution.pyspark.udf.hideTraceback.enabled") {
                true => Traceback::Hidden,
                false if either_is(conf, "simplifiedTraceback.enabled", "false") => Traceback::Full,
                false => Traceback::Simplified,
            },
            properties: operation.properties,
        }
    }

    /// What Python accumulators were given by an operation that is done, and by what ran before it without any, as
    /// clients read it.
    pub fn accumulated(&self, operation: &PythonOperation) -> Option<pb::execute_plan_response::ObservedMetrics> {
        use pb::expression::literal::LiteralType;
        let mut updates = self.functions.accumulated.take();
        updates.append(&mut operation.accumulated.take());
        if updates.is_empty() {
            return None;
        }
        let literal =
            |update| pb::expression::Literal { literal_type: Some(LiteralType::Binary(update)), data_type: None };
        Some(pb::execute_plan_response::ObservedMetrics {
            name: "__python_accumulator__".into(),
            values: updates.into_iter().map(|update| literal(update.into())).collect(),
            ..Default::default()
        })
    }

    /// Starts the Python workers' parent, for a client that is about to send functions. Must be called inside the
    /// runtime.
    pub fn warm_python(&self) {
        self.engine.python.warm(&self.python());
    }

    /// `spark.dataSource.register`.
    pub(crate) fn register_data_source(&self, message: &pb::CommonInlineUserDefinedDataSource) -> Result<()> {
        use pb::common_inline_user_defined_data_source::DataSource;
        let Some(DataSource::PythonDataSource(source)) = &message.data_source else {
            return Err(SparkError::internal("a data source without code"));
        };
        let source = PythonDataSource {
            name: message.name.clone(),
            command: source.command.clone(),
            python: source.python_ver.clone(),
        };
        if OWN_SOURCES.contains(&message.name.to_lowercase().as_str()) {
            return Err(SparkError::new("DATA_SOURCE_ALREADY_EXISTS").with("provider", &message.name));
        }
        let mut sources = self.functions.sources.write().expect("no panics while locked");
        sources.insert(message.name.to_lowercase(), Arc::new(source));
        Ok(())
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
