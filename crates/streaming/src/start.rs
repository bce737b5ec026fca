//! `writeStream.start()`: what is checked before a query runs, and with what settings it runs.
//! Spark's `DataStreamWriter` and `StreamingQueryManager.createQuery`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow::datatypes::Fields;
use firesteel_engine::Session;
use firesteel_engine::command::create_table::{self, NewTable};
use firesteel_plan::relation::to_schema::all_nullable;
use firesteel_protocol::connect::{self as pb, write_stream_operation_start::SinkDestination};
use firesteel_protocol::temporary::Folder;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::listing::absolute;
use firesteel_sources::options::illegal_argument;
use firesteel_sources::stream::table::StreamTable;
use firesteel_sources::{Format, Options, ReadRequest};

use crate::StreamingQueryManager;
use crate::checkpoint::metadata;
use crate::plan::{Analyzed, analyze, with_plan_ids};
use crate::query::StreamingQuery;
use crate::run::{Execution, Spec};
use crate::sink::python_source::PythonSourceSink;
use crate::sink::{Sink, console::ConsoleSink, file::FileSink, memory::MemorySink, noop::NoopSink, python};
use crate::trigger::Trigger;
use crate::{check, listener, manager, task_failed};

/// What a batch's output is to its sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// Rows that will not change any more.
    Append,
    /// All rows of the result, again and again.
    Complete,
    /// Rows that are new or have changed.
    Update,
}

impl OutputMode {
    fn parse(text: &str) -> Result<Self> {
        match text.to_lowercase().as_str() {
            "" | "append" => Ok(Self::Append),
            "complete" => Ok(Self::Complete),
            "update" => Ok(Self::Update),
            _ => Err(SparkError::new("STREAMING_OUTPUT_MODE.INVALID").with("outputMode", text)),
        }
    }

    /// Spark's name of the mode itself: `Append`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Append => "Append",
            Self::Complete => "Complete",
            Self::Update => "Update",
        }
    }

    /// Spark's name in messages: `append`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Complete => "complete",
            Self::Update => "update",
        }
    }
}

/// A checkpoint, deleted with the query where nobody asked for it.
#[derive(Debug)]
pub struct Checkpoint {
    pub path: PathBuf,
    _temporary: Option<Folder>,
    /// Held as long as the query runs.
    lock: Mutex<Option<File>>,
}

impl Checkpoint {
    fn new(path: PathBuf, temporary: Option<Folder>) -> Self {
        Self { path, _temporary: temporary, lock: Mutex::default() }
    }

    /// Keeps other processes from the checkpoint.
    fn lock(&self, id: &str) -> Result<()> {
        let lock = metadata::lock(&self.path, id)?;
        *self.lock.lock().expect("no panics while locked") = lock;
        Ok(())
    }

    /// The query has ended.
    pub fn unlock(&self) {
        *self.lock.lock().expect("no panics while locked") = None;
    }
}

/// Starts a query. `job_tags` are told to listeners.
pub async fn start(
    manager: &Arc<StreamingQueryManager>,
    message: pb::WriteStreamOperationStart,
    job_tags: &[String],
) -> Result<pb::WriteStreamOperationStartResult> {
    let session = Arc::clone(&manager.session);
    let relation = message.input.clone().ok_or_else(|| SparkError::internal("a stream without relation"))?;
    let name = Some(message.query_name.clone()).filter(|name| !name.is_empty());
    let mode = OutputMode::parse(&message.output_mode)?;
    use pb::write_stream_operation_start::Trigger::ContinuousCheckpointInterval as Continuous;
    if matches!(message.trigger, Some(Continuous(_))) && message.foreach_batch.is_some() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1195").with("source", "foreachBatch"));
    }
    let trigger = Trigger::of(message.trigger.as_ref())?;
    let options: Options = message.options.iter().collect();
    // The query keeps the session's settings and views as they are now.
    let own = session.clone_session(&uuid::Uuid::new_v4().to_string())?;
    let relation = with_plan_ids(firesteel_engine::command::view::inlined(&session, relation));
    let analyzed = {
        let (own, relation) = (Arc::clone(&own), relation.clone());
        tokio::task::spawn_blocking(move || analyze(&own, &relation)).await.map_err(task_failed)??
    };
    if analyzed.slots.is_empty() {
        return Err(SparkError::new("WRITE_STREAM_NOT_ALLOWED"));
    }

    let sink = sink(&session, &message, &options, mode, name.as_deref(), &analyzed).await?;
    let checkpoint = checkpoint(&session, &options, name.as_deref(), sink.temporary_checkpoint())?;
    if !sink.recovers(mode) && checkpoint.path.join("offsets").is_dir() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1299")
            .with("checkpointPath", checkpoint.path.join("offsets").to_string_lossy()));
    }
    check::streaming(&analyzed.relation.plan, mode, check::Checks::of(&session))?;

    firesteel_sources::stream::fault::arm();
    let id = {
        let path = checkpoint.path.clone();
        tokio::task::spawn_blocking(move || metadata::read_or_create(&path)).await.map_err(task_failed)??
    };
    let most_reports = session.conf().checked("spark.sql.streaming.numRecentProgressUpdates")?;
    let most_reports = most_reports.and_then(|text| text.trim().parse().ok()).unwrap_or(100);
    let query = Arc::new(StreamingQuery::new(id, name, most_reports));
    manager.register(&query)?;
    let stop_other = !session
        .conf()
        .lookup("spark.sql.streaming.stopActiveRunOnRestart")
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("false"));
    let free = manager::take_over(&query, stop_other).await;
    if let Err(error) = free.and_then(|()| checkpoint.lock(&query.id)) {
        query.end(None);
        return Err(error);
    }

    let started = crate::iso_time(crate::now_ms());
    let plan_text = plan_text(sink.as_ref(), &analyzed);
    let spec = Spec {
        session: own,
        relation,
        all: analyzed.all,
        slots: analyzed.slots,
        checkpoint,
        sink,
        mode,
        trigger,
        plan_text,
    };
    let result = pb::WriteStreamOperationStartResult {
        query_id: Some(crate::command::instance_id(&query)),
        name: query.name.clone().unwrap_or_default(),
        query_started_event_json: manager.listeners.is_used().then(|| {
            let event = listener::started(&query, &started, job_tags);
            manager.listeners.begun(&event);
            event.to_string()
        }),
    };
    tokio::spawn(Execution::run(spec, query, Arc::clone(manager)));
    Ok(result)
}

/// The plan in a few lines, for failures.
fn plan_text(sink: &dyn Sink, analyzed: &Analyzed) -> String {
    let streams = analyzed.slots.iter().filter_map(|slot| StreamTable::of(&slot.opened.provider));
    let streams = streams.map(|table| format!("\n+- ~StreamingExecutionRelation {}", table.name));
    format!("~WriteToMicroBatchDataSource {}{}", sink.description(), streams.collect::<String>())
}

/// Where the checkpoint is.
fn checkpoint(session: &Session, options: &Options, name: Option<&str>, may_be_temporary: bool) -> Result<Checkpoint> {
    const CONF: &str = "spark.sql.streaming.checkpointLocation";
    let working_dir = &session.engine.conf().working_dir;
    if let Some(path) = options.get("checkpointLocation") {
        return Ok(Checkpoint::new(absolute(path, working_dir)?, None));
    }
    if let Some(root) = session.conf().lookup(CONF) {
        let folder = name.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_string);
        return Ok(Checkpoint::new(absolute(&root, working_dir)?.join(folder), None));
    }
    if !may_be_temporary {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1298").with("config", CONF));
    }
    let temporary = Folder::new("checkpoint").map_err(|error| {
        SparkError::new("_LEGACY_IO_EXCEPTION").with_message(format!("cannot make a temporary checkpoint: {error}"))
    })?;
    Ok(Checkpoint::new(temporary.path().to_path_buf(), Some(temporary)))
}

async fn sink(
    session: &Arc<Session>,
    message: &pb::WriteStreamOperationStart,
    options: &Options,
    mode: OutputMode,
    name: Option<&str>,
    analyzed: &Analyzed,
) -> Result<Box<dyn Sink>> {
    let partition_by = message.partitioning_column_names.clone();
    let no_partitions = |what: &str| match partition_by.is_empty() {
        true => Ok(()),
        false => Err(SparkError::new("_LEGACY_ERROR_TEMP_1197").with("operation", what)),
    };
    if !partition_by.is_empty() && !message.clustering_column_names.is_empty() {
        return Err(SparkError::new("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED"));
    }
    let given_path = match &message.sink_destination {
        Some(SinkDestination::Path(path)) => Some(path.as_str()),
        _ => None,
    };
    const ONE_PATH: &str = "spark.sql.legacy.pathOptionBehavior.enabled";
    let lenient = session.conf().lookup(ONE_PATH).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    if given_path.is_some() && options.contains("path") && !lenient {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1188").with("method", "start").with("config", ONE_PATH));
    }
    let fields = analyzed.relation.fields();
    let default = || session.conf().lookup("spark.sql.sources.default").unwrap_or_else(|| "parquet".into());
    let given = Some(message.format.clone()).filter(|format| !format.is_empty());
    if let Some(SinkDestination::TableName(table)) = &message.sink_destination {
        let cluster_by = message.clustering_column_names.clone();
        let layout = Layout { partition_by, cluster_by };
        return table_sink(session, table, given, options, layout, analyzed, mode).await;
    }
    if let Some(function) = &message.foreach_batch {
        no_partitions("foreachBatch")?;
        return Ok(Box::new(python::ForeachBatchSink::new(session, function)?));
    }
    if let Some(function) = &message.foreach_writer {
        no_partitions("foreach")?;
        return Ok(Box::new(python::ForeachSink::new(session, function)?));
    }
    let format = given.unwrap_or_else(default);
    if let Some(own) = session.resolve_context().catalog.python_data_source(&format) {
        no_partitions(&format)?;
        return Ok(Box::new(PythonSourceSink::new(session, &own, options, given_path, (&fields, mode))));
    }
    match format.to_lowercase().as_str() {
        "memory" => {
            no_partitions("memory")?;
            let name = name.ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_1194"))?;
            Ok(Box::new(MemorySink::new(session, name, &fields)?))
        }
        "console" => Ok(Box::new(ConsoleSink::new(options))),
        "noop" => Ok(Box::new(NoopSink)),
        "hive" => Err(SparkError::new("_LEGACY_ERROR_TEMP_1187").with("operation", "write")),
        "socket" if !options.contains("host") => Err(SparkError::new("_LEGACY_ERROR_TEMP_1295")),
        "statestore" => {
            let paths = given_path.map(str::to_string).into_iter().collect();
            let request =
                ReadRequest { format: Some(format.clone()), options: options.clone(), paths, ..<_>::default() };
            crate::state_source::open(session, &request, &session.resolve_context().source)?;
            Err(not_written(&format))
        }
        "rate" | "rate-micro-batch" | "socket" | "jdbc" | "state-metadata" => Err(not_written(&format)),
        _ => {
            match Format::of(&format)? {
                Format::Jdbc | Format::BinaryFile | Format::Hive(_) => return Err(not_written(&format)),
                Format::Avro
                | Format::Csv
                | Format::Json
                | Format::Orc
                | Format::Parquet
                | Format::Text
                | Format::Xml => {}
            }
            let path =
                given_path.or_else(|| options.get("path")).ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_2047"))?;
            refuse_mode(mode, &format)?;
            check_columns("Partition", &partition_by, &fields)?;
            // Clustering has no effect on files.
            check_columns("Clustering", &message.clustering_column_names, &fields)?;
            let mut options = options.clone();
            options.remove("checkpointLocation");
            Ok(Box::new(FileSink::new(session, path, Some(format), options, partition_by)?))
        }
    }
}

fn check_columns(kind: &str, columns: &[String], fields: &Fields) -> Result<()> {
    for column in columns {
        if !fields.iter().any(|field| field.name().eq_ignore_ascii_case(column)) {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1196")
                .with("columnType", kind)
                .with("columnName", column)
                .with("validColumnNames", names.join(", ")));
        }
    }
    Ok(())
}

fn refuse_mode(mode: OutputMode, format: &str) -> Result<()> {
    if mode == OutputMode::Append {
        return Ok(());
    }
    Err(SparkError::new("STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE")
        .with("outputMode", mode.name())
        .with("className", format))
}

fn not_written(format: &str) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_2049").with("className", format).with("operator", "writing")
}

/// How a new table lays out its files.
struct Layout {
    partition_by: Vec<String>,
    cluster_by: Vec<String>,
}

/// `toTable`: the table is made where there is none; then its files are a sink of files.
async fn table_sink(
    session: &Arc<Session>,
    table: &str,
    format: Option<String>,
    options: &Options,
    layout: Layout,
    analyzed: &Analyzed,
    mode: OutputMode,
) -> Result<Box<dyn Sink>> {
    let Layout { partition_by, cluster_by } = layout;
    let parts = firesteel_plan::sql::parse_table_name(table)?;
    let pairs: Vec<(String, String)> = options
        .iter()
        .filter(|(key, _)| !key.eq_ignore_ascii_case("checkpointLocation"))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let is_partition = |name: &str| partition_by.iter().any(|own| own.eq_ignore_ascii_case(name));
    let fields = analyzed.relation.fields();
    let (last, first): (Vec<_>, Vec<_>) = fields.iter().cloned().partition(|field| is_partition(field.name()));
    let new = NewTable {
        format: format.clone(),
        columns: Some(first.into_iter().chain(last).map(|field| Arc::new(all_nullable(&field))).collect()),
        partition_by: partition_by.clone(),
        cluster_by,
        options: pairs,
        ..NewTable::default()
    };
    let known = create_table::for_stream(session, &parts, new).await?;
    if let Some(format) = format.filter(|format| !format.eq_ignore_ascii_case(&known.format)) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1192")
            .with("source", format)
            .with("tableName", parts.join("."))
            .with("provider", known.format.clone()));
    }
    if !partition_by.is_empty() && partition_by != known.partition_columns {
        return Err(illegal_argument(format!(
            "the table {table} is partitioned by ({}), not by ({})",
            known.partition_columns.join(", "),
            partition_by.join(", ")
        )));
    }
    refuse_mode(mode, &known.format)?;
    let options: Options = known.options.iter().collect();
    let sink =
        FileSink::new(session, &known.location, Some(known.format.clone()), options, known.partition_columns.clone())?;
    Ok(Box::new(sink))
}
