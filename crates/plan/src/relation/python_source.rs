//! `spark.read` from a data source written in Python: the source plans its partitions in a worker, which then read them
//! side by side.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{BinaryArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use datafusion::datasource::MemTable;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{ddl, json};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::planner::Question;
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

    let partition: Fields = vec![Field::new("partition", DataType::Binary, true)].into();
    let asked = DataType::Struct(fields.clone());
    let rows = settings.batch_rows.min(i32::MAX as usize);
    let question = Question::default()
        .with(&instance)
        .with(json::to_json(&DataType::Struct(partition.clone())).to_string())
        .with(json::to_json(&asked).to_string())
        .int(rows)
        .flag(false)
        .flag(false)
        .flag(true);
    let session = settings.session.clone();
    let python = source.python.clone();
    let planned = runtime.block_on(async move { question.ask(&session, "plan_data_source_read", &python).await });
    let mut planned = planned.map_err(|error| failed("plan", source, error))?;
    let command = planned.bytes()?;
    let count = planned.int()?;
    let mut partitions = vec![];
    for _ in 0..count {
        partitions.push(planned.bytes()?);
    }
    let input = partition_rows(&partitions, &partition)?;
    let function = Arc::new(PythonFunction {
        name: format!("read {}", source.name),
        eval_type: eval_type::MAP_ARROW_ITER,
        command: command.clone(),
        python: source.python.clone(),
        data_type: asked,
        deterministic: true,
    });
    let whole = Function { commands: vec![command], arguments: vec![Argument { offset: 0, name: None }] };
    let call = PythonCall::udf(&settings, &[(function, whole)], None)?;
    map::plan(input, call, fields, "read()", false)
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
    let mut question = Question::default().with(&source.command).with(&source.name).flag(declared.is_some());
    if let Some(fields) = &declared {
        question = question.with(json::to_json(&DataType::Struct(fields.clone())).to_string());
    }
    let question = question.options(&options_of(&message.options, &message.paths));
    let session = settings.session.clone();
    let python = source.python.clone();
    let created = runtime.block_on(async move { question.ask(&session, "create_data_source", &python).await });
    let mut created = created.map_err(|error| failed("create", source, error))?;
    let instance = created.bytes()?;
    let is_ddl = created.int()? == 1;
    let text = created.text()?;
    let fields = if is_ddl { ddl::parse_schema(&text)? } else { schema_of(&text)? };
    Ok((instance, fields))
}

fn schema_of(text: &str) -> Result<Fields> {
    if !text.trim_start().starts_with('{') {
        return ddl::parse_schema(text);
    }
    match json::parse(text)? {
        DataType::Struct(fields) => Ok(fields),
        other => Err(SparkError::internal(format!("a schema that is no struct but {other}"))),
    }
}

/// One path goes by the option `path`, several as a JSON list by `paths`.
fn options_of(options: &HashMap<String, String>, paths: &[String]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = options.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    all.sort();
    match paths {
        [] => {}
        [one] => all.push(("path".into(), one.clone())),
        several => all.push(("paths".into(), serde_json::Value::from(several.to_vec()).to_string())),
    }
    all
}

/// A relation of one row a partition.
fn partition_rows(partitions: &[Bytes], fields: &Fields) -> Result<Relation> {
    let schema = Arc::new(Schema::new(fields.clone()));
    let mut batches = vec![];
    for partition in partitions {
        let column = BinaryArray::from_vec(vec![partition.as_ref()]);
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]).map_err(from_arrow)?;
        batches.push(vec![batch]);
    }
    let table = MemTable::try_new(Arc::clone(&schema), batches).planned()?;
    local_relation::stored(Stored { provider: Arc::new(table), fields: schema })
}

/// The user's words for a failure of the source.
pub fn failed(action: &str, source: &PythonDataSource, error: SparkError) -> SparkError {
    match error.param("traceback") {
        Some(traceback) if error.condition() == "PYTHON_EXCEPTION" => SparkError::new("PYTHON_DATA_SOURCE_ERROR")
            .with("action", action)
            .with("type", &source.name)
            .with("msg", traceback),
        _ => error,
    }
}
