//! `df.write` to a data source written in Python: its writer takes each partition in a worker; what the writers say is
//! committed by the source, or aborted when one of them failed.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields};
use bytes::Bytes;
use firesteel_plan::operator::python::function::{PythonDataSource, PythonFunction, eval_type};
use firesteel_plan::operator::python::{PythonCall, WorkerSettings, map};
use firesteel_plan::relation::python_source::failed;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use firesteel_python::planner::Question;
use firesteel_python::{Argument, Function};
use firesteel_sources::sink::SaveMode;

use crate::{OperationHandle, Session};

/// A pickled None: what a partition that failed has to say.
pub const NONE: &[u8] = b"N.";

/// Writes the relation.
pub(crate) async fn write(
    session: &Session,
    source: &PythonDataSource,
    mode: SaveMode,
    options: Vec<(String, String)>,
    relation: pb::Relation,
    operation: OperationHandle,
) -> Result<()> {
    let overwrite = match mode {
        SaveMode::Append => false,
        SaveMode::Overwrite => true,
        SaveMode::ErrorIfExists | SaveMode::Ignore => {
            let mode = if mode == SaveMode::Ignore { "Ignore" } else { "ErrorIfExists" };
            return Err(SparkError::new("UNSUPPORTED_DATA_SOURCE_SAVE_MODE")
                .with("source", &source.name)
                .with("createMode", format!("\"{mode}\"")));
        }
    };
    let input = session.resolving(move |_, resolver| resolver.query(&relation)).await?;
    let partitions = 1;
    let settings = WorkerSettings::of(&session.resolve_context());
    let writing = plan(&settings, source, &options, (&input.fields(), overwrite), false).await;
    let Writing { call, writer } = writing.map_err(|error| failed("initialize", "writer", error))?;
    let mapped = map::plan(input, call, vec![message_field()].into(), "write()", false)?;
    let own = session.arc();
    let planned = tokio::task::spawn_blocking(move || own.physical(mapped, vec![])).await;
    let planned = planned.map_err(|error| SparkError::internal(error.to_string()))??;
    match session.collect(planned, operation).await {
        Ok((_, batches)) => end(&settings, source, &writer, &messages(&batches), false).await,
        Err(error) => {
            let nothing = vec![Bytes::from_static(NONE); partitions];
            // The write's own error says more than that of the clean-up.
            let _ = end(&settings, source, &writer, &nothing, true).await;
            Err(error)
        }
    }
}

/// How rows are written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// Takes the rows of a partition in a worker; its one row is what the writer says, pickled.
    pub call: PythonCall,
    /// The pickled writer.
    pub writer: Bytes,
}

/// Has the source say how rows of these fields are written, anew or behind what is there.
pub async fn plan(
    settings: &WorkerSettings,
    source: &PythonDataSource,
    options: &[(String, String)],
    (fields, overwrite): (&Fields, bool),
    streaming: bool,
) -> Result<Writing> {
    let given = DataType::Struct(vec![message_field()].into());
    let question = Question::default()
        .with(&source.command)
        .with(&source.name)
        .with(json::to_json(&DataType::Struct(fields.clone())).to_string())
        .with(json::to_json(&given).to_string())
        .options(options)
        .flag(overwrite)
        .flag(streaming)
        .flag(true);
    let mut planned = question.ask(&settings.session, "write_into_data_source", &source.python).await?;
    let (command, writer) = (planned.bytes()?, planned.bytes()?);
    let function = Arc::new(PythonFunction {
        name: format!("write {}", source.name),
        eval_type: eval_type::MAP_ARROW_ITER,
        command: command.clone(),
        python: source.python.clone(),
        data_type: given,
        deterministic: true,
    });
    let whole = Function { commands: vec![command], arguments: vec![Argument { offset: 0, name: None }] };
    Ok(Writing { call: PythonCall::udf(settings, &[(function, whole)], None)?, writer })
}

/// The column of what a writer says of its partition.
pub fn message_field() -> Field {
    Field::new("message", DataType::Binary, true)
}

/// The messages in what the writers said.
pub fn messages(batches: &[RecordBatch]) -> Vec<Bytes> {
    let columns = batches.iter().map(|batch| batch.column(0).as_binary::<i32>());
    columns.flat_map(|column| column.iter().flatten().map(Bytes::copy_from_slice)).collect()
}

/// Commits the write, or takes it back.
async fn end(
    settings: &WorkerSettings,
    source: &PythonDataSource,
    writer: &Bytes,
    messages: &[Bytes],
    abort: bool,
) -> Result<()> {
    let question =
        messages.iter().fold(Question::default().with(writer).int(messages.len()), Question::with).flag(abort);
    let answer = question.ask(&settings.session, "commit_data_source_write", &source.python).await;
    answer.map(|_| ()).map_err(|error| failed("commit or abort", "write", error))
}

/// Commits a batch of a stream, or takes it back. `instance` is the pickled source.
pub async fn end_batch(
    settings: &WorkerSettings,
    (source, instance): (&PythonDataSource, &Bytes),
    (fields, overwrite): (&Fields, bool),
    messages: &[Bytes],
    batch_id: u64,
    abort: bool,
) -> Result<()> {
    let schema = json::to_json(&DataType::Struct(fields.clone())).to_string();
    let question = Question::default().with(instance).with(schema).flag(overwrite).int(messages.len());
    let question = messages.iter().fold(question, Question::with);
    let question = question.long(i64::try_from(batch_id).unwrap_or(i64::MAX)).flag(abort);
    question.ask(&settings.session, "python_streaming_sink_runner", &source.python).await.map(drop)
}
