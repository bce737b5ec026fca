//! `spark.read` from a data source written in Python: the source plans its partitions in a worker, which then read them
//! side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{ddl, json, name};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::planner::{Answer, Question};
use firesteel_python::{Argument, Function};
use firesteel_sources::stream::{PYTHON, PYTHON_OPTIONS};

use super::{Relation, local_relation};
use crate::Resolver;
use crate::context::Stored;
use crate::operator::python::function::{PythonDataSource, PythonFunction, eval_type};
use crate::operator::python::{PythonCall, WorkerSettings, map};
use crate::resolver::Planned;

/// The rows of the source, with the schema that the user gave or its own.
pub fn read(resolver: &Resolver, source: &PythonDataSource, message: &pb::read::DataSource) -> Result<Relation> {
    let settings = WorkerSettings::of(resolver.ctx);
    let runtime = resolver.ctx.source.runtime.clone();
    let (instance, fields) = created(resolver, &settings, source, message)?;

    let may_push = resolver.ctx.conf_bool("spark.sql.python.filterPushdown.enabled", false);
    let reader = Reader { settings: &settings, source: &source.name, python: &source.python, may_push };
    let planned = runtime.block_on(reader.plan(&instance, &fields, false));
    let (call, partitions) = planned.map_err(|error| match error.param("phase") {
        Some("partitions") => failed("generate", "read partitions", error),
        _ => failed("initialize", "reader", error),
    })?;
    let schema = Arc::new(Schema::new(vec![partition_field()]));
    let input = local_relation::stored(Stored { provider: partition_rows(&partitions)?, fields: schema })?;
    map::plan(input, call, fields, "read()", false)
}

/// Who reads a source.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    pub settings: &'a WorkerSettings,
    /// The user's name of the source.
    pub source: &'a str,
    /// The Python that pickled it.
    pub python: &'a str,
    /// `spark.sql.python.filterPushdown.enabled`: a reader may take filters. None is offered: all are applied here.
    pub may_push: bool,
}

impl Reader<'_> {
    /// What reads the rows of a partition in a worker, and the partitions of a batch query, pickled.
    pub async fn plan(&self, instance: &Bytes, fields: &Fields, streaming: bool) -> Result<(PythonCall, Vec<Bytes>)> {
        let settings = self.settings;
        let partition = DataType::Struct(vec![partition_field()].into());
        let asked = DataType::Struct(fields.clone());
        let question = Question::default()
            .with(instance)
            .with(json::to_json(&partition).to_string())
            .with(json::to_json(&asked).to_string())
            .int(settings.batch_rows.min(i32::MAX as usize))
            .flag(self.may_push)
            .flag(streaming)
            .flag(true);
        let mut planned = question.ask(&settings.session, "plan_data_source_read", self.python).await?;
        let command = planned.bytes()?;
        let count = planned.int()?;
        let mut partitions = vec![];
        for _ in 0..count {
            partitions.push(planned.bytes()?);
        }
        let function = Arc::new(PythonFunction {
            name: format!("read {}", self.source),
            eval_type: eval_type::MAP_ARROW_ITER,
            command: command.clone(),
            python: self.python.to_string(),
            data_type: asked,
            deterministic: true,
        });
        let whole = Function { commands: vec![command], arguments: vec![Argument { offset: 0, name: None }] };
        Ok((PythonCall::udf(settings, &[(function, whole)], None)?, partitions))
    }
}

/// The column by which a worker is told its partition.
pub fn partition_field() -> Field {
    Field::new("partition", DataType::Binary, true)
}

/// A stream of the source: what to read it with travels among the options of the request.
pub fn stream(
    resolver: &Resolver,
    source: &PythonDataSource,
    message: &pb::read::DataSource,
) -> Result<firesteel_sources::ReadRequest> {
    use std::fmt::Write as _;
    let settings = WorkerSettings::of(resolver.ctx);
    let (instance, fields) = created(resolver, &settings, source, message)?;
    let mut text = String::with_capacity(instance.len() * 2);
    for byte in &instance {
        let _ = write!(text, "{byte:02x}");
    }
    let mut request = super::read::request_of(message)?;
    request.format = Some(PYTHON.to_string());
    request.schema = Some(Arc::new(Schema::new(fields)));
    for (key, value) in PYTHON_OPTIONS.iter().zip([text, source.name.clone(), source.python.clone()]) {
        request.options.set(*key, value);
    }
    Ok(request)
}

/// The source as Python makes it: pickled, and its columns.
fn created(
    resolver: &Resolver,
    settings: &WorkerSettings,
    source: &PythonDataSource,
    message: &pb::read::DataSource,
) -> Result<(Bytes, Fields)> {
    let runtime = resolver.ctx.source.runtime.clone();
    let declared = match message.schema.as_deref().filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(schema_of(text)?),
        None => None,
    };
    let options = options_of(&message.options, &message.paths);
    let created = runtime.block_on(create(settings, source, declared.as_ref(), &options));
    let mut created = created.map_err(|error| failed("create", "instance", error))?;
    let instance = created.bytes()?;
    let is_ddl = created.int()? == 1;
    let text = created.text()?;
    let fields = if is_ddl { declared_columns(&text)? } else { schema_of(&text)? };
    Ok((instance, fields))
}

/// The columns of a schema that a source gives as text.
fn declared_columns(text: &str) -> Result<Fields> {
    ddl::parse_schema(text).or_else(|error| match ddl::parse_type(text).map(|field| field.data_type().clone()) {
        Ok(DataType::Struct(fields)) => Ok(fields),
        Ok(other) => Err(not_struct(text, &other)),
        Err(_) => Err(error),
    })
}

/// Has Python make the source: its answer is the pickled source, then its schema.
pub async fn create(
    settings: &WorkerSettings,
    source: &PythonDataSource,
    declared: Option<&Fields>,
    options: &[(String, String)],
) -> Result<Answer> {
    let mut question = Question::default().with(&source.command).with(&source.name).flag(declared.is_some());
    if let Some(fields) = declared {
        question = question.with(json::to_json(&DataType::Struct(fields.clone())).to_string());
    }
    question.options(options).ask(&settings.session, "create_data_source", &source.python).await
}

fn schema_of(text: &str) -> Result<Fields> {
    if !text.trim_start().starts_with(['{', '"']) {
        return ddl::parse_schema(text);
    }
    match json::parse(text)? {
        DataType::Struct(fields) => Ok(fields),
        other => Err(not_struct(text, &other)),
    }
}

fn not_struct(text: &str, data_type: &DataType) -> SparkError {
    SparkError::new("INVALID_SCHEMA.NON_STRUCT_TYPE")
        .with("inputSchema", format!("\"{}\"", text.trim_matches('"')))
        .with("dataType", format!("\"{}\"", name::sql(data_type)))
}

/// One path goes by the option `path`, several as a JSON list by `paths`.
fn options_of(options: &BTreeMap<String, String>, paths: &[String]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = options.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    all.sort();
    match paths {
        [] => {}
        [one] => all.push(("path".into(), one.clone())),
        several => all.push(("paths".into(), serde_json::Value::from(several.to_vec()).to_string())),
    }
    all
}

/// A table of one row a partition.
pub fn partition_rows(partitions: &[Bytes]) -> Result<Arc<dyn TableProvider>> {
    let schema = Arc::new(Schema::new(vec![partition_field()]));
    let mut batches = vec![];
    for partition in partitions {
        let column = BinaryArray::from_vec(vec![partition.as_ref()]);
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]).map_err(from_arrow)?;
        batches.push(vec![batch]);
    }
    Ok(Arc::new(MemTable::try_new(schema, batches).planned()?))
}

/// The user's words for a failure of the source.
pub fn failed(action: &str, source: &str, error: SparkError) -> SparkError {
    match error.param("traceback") {
        Some(traceback) if error.condition() == "PYTHON_EXCEPTION" => SparkError::new("PYTHON_DATA_SOURCE_ERROR")
            .with("action", action)
            .with("type", source)
            .with("msg", traceback),
        _ => error,
    }
}
