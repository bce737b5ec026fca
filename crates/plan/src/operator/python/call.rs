//! User functions with the session's settings as a worker's program.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use bytes::Bytes;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Function, Program, PythonSession};
use serde_json::{Value, json};

use super::function::{PythonFunction, eval_type as number};
use crate::ResolveContext;

/// Settings that PySpark's worker reads, and Firesteel's own for the way there.
const FOR_WORKERS: &[&str] = &[
    "spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName",
    "spark.sql.execution.arrow.useLargeVarTypes",
    "spark.sql.legacy.execution.pythonUDF.pandas.conversion.enabled",
    "spark.sql.legacy.execution.pythonUDTF.pandas.conversion.enabled",
    "spark.sql.execution.pyspark.binaryAsBytes",
    "spark.sql.execution.pandas.convertToArrowArraySafely",
    "spark.sql.execution.pythonUDF.pandas.intToDecimalCoercionEnabled",
    "spark.sql.execution.pythonUDF.pandas.preferIntExtensionDtype",
    "spark.sql.session.timeZone",
    "spark.sql.execution.arrow.maxRecordsPerBatch",
    "spark.sql.execution.pythonUDF.arrow.concurrency.level",
    "spark.sql.pyspark.udf.profiler",
    "spark.sql.pyspark.dataSource.profiler",
];

/// What all calls of a query share.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    pub session: PythonSession,
    conf: Value,
    /// The session's time zone: PySpark's timestamps carry it.
    pub zone: Arc<str>,
    /// Rows of a batch that user code sees.
    pub batch_rows: usize,
    /// Partitions after rows were put together by keys.
    pub partitions: usize,
}

impl WorkerSettings {
    /// Settings for a worker, as JSON.
    pub fn conf(&self) -> &Value {
        &self.conf
    }

    pub fn of(ctx: &ResolveContext) -> Self {
        let mut conf = serde_json::Map::new();
        for key in FOR_WORKERS {
            if let Some(value) = ctx.conf(key) {
                conf.insert((*key).to_string(), Value::String(value));
            }
        }
        let rows = ctx.conf("spark.sql.execution.arrow.maxRecordsPerBatch").and_then(|rows| rows.trim().parse().ok());
        // Zero and less mean no limit.
        let batch_rows =
            rows.map_or(10_000, |rows: i64| usize::try_from(rows).ok().filter(|n| *n > 0).unwrap_or(usize::MAX));
        Self {
            session: ctx.python.clone(),
            conf: Value::Object(conf),
            zone: ctx.env.time_zone.to_string().into(),
            batch_rows,
            partitions: ctx.source.parallelism.max(1),
        }
    }
}

/// A worker's program, where it runs and what its rows look like.
#[derive(Debug, Clone)]
pub struct PythonCall {
    pub settings: WorkerSettings,
    pub program: Arc<Program>,
    /// Names of its functions, for EXPLAIN.
    pub label: String,
}

impl PythonCall {
    /// A program of functions over columns.
    pub fn udf(
        settings: &WorkerSettings,
        functions: &[(Arc<PythonFunction>, Function)],
        input: Option<&Fields>,
    ) -> Result<Self> {
        let eval_type = functions.first().map_or(0, |(function, _)| function.eval_type);
        Self::of(settings, eval_type, functions, input, &[])
    }

    /// [`PythonCall::udf`] with settings of this call alone.
    pub fn with_settings(
        settings: &WorkerSettings,
        functions: &[(Arc<PythonFunction>, Function)],
        eval: Value,
    ) -> Result<Self> {
        let eval_type = functions.first().map_or(0, |(function, _)| function.eval_type);
        Self::made(settings, eval_type, functions, (None, Some(eval)), &[])
    }

    /// [`PythonCall::udf`] where the functions are run in another way than they were made for, with more settings.
    pub fn of(
        settings: &WorkerSettings,
        eval_type: i32,
        functions: &[(Arc<PythonFunction>, Function)],
        input: Option<&Fields>,
        more: &[(&str, String)],
    ) -> Result<Self> {
        Self::made(settings, eval_type, functions, (input, None), more)
    }

    fn made(
        settings: &WorkerSettings,
        eval_type: i32,
        functions: &[(Arc<PythonFunction>, Function)],
        (input, eval): (Option<&Fields>, Option<Value>),
        more: &[(&str, String)],
    ) -> Result<Self> {
        let mut conf = settings.conf.clone();
        for (key, value) in more {
            conf[*key] = json!(value);
        }
        let (first, _) = functions.first().ok_or_else(|| SparkError::internal("a Python program without function"))?;
        let mut blobs: Vec<Bytes> = vec![];
        let mut listed = vec![];
        for (_, function) in functions {
            let mut commands = vec![];
            for command in &function.commands {
                commands.push(blobs.len());
                blobs.push(command.clone());
            }
            let arguments: Vec<Value> =
                function.arguments.iter().map(|argument| json!([argument.offset, argument.name])).collect();
            // The number under which profilers tell of the function.
            let id = crate::attribute::next_id();
            listed.push(json!({ "commands": commands, "arguments": arguments, "id": id }));
        }
        let mut details = json!({
            "eval_type": eval_type,
            "python": first.python,
            "conf": conf,
            "functions": listed,
        });
        if let Some(fields) = input {
            details["eval_conf"] =
                json!({ "input_type": json::to_json(&DataType::Struct(fields.clone())).to_string() });
        }
        if let Some(eval) = eval {
            details["eval_conf"] = eval;
        }
        let kind = match eval_type {
            number::BATCHED => "rows",
            other if number::is_processor(other) => "processor",
            _ => "udf",
        };
        let program = Program::new(kind, details, &blobs, number::is_pandas(eval_type));
        let names: Vec<&str> = functions.iter().map(|(function, _)| function.name.as_str()).collect();
        Ok(Self { settings: settings.clone(), program: Arc::new(program), label: names.join(", ") })
    }
}

impl PartialEq for PythonCall {
    fn eq(&self, other: &Self) -> bool {
        self.program == other.program
    }
}

impl Eq for PythonCall {}

impl std::hash::Hash for PythonCall {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.program.hash(state);
    }
}

/// Fields `_0`, `_1`, .. as PySpark's runners call the columns that they send.
pub fn numbered(types: impl IntoIterator<Item = DataType>) -> Fields {
    types
        .into_iter()
        .enumerate()
        .map(|(at, data_type)| Arc::new(Field::new(format!("_{at}"), data_type, true)))
        .collect()
}
