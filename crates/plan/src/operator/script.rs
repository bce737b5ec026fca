//! Lines through a process: each partition's rows go to the standard input of a shell's script, and the lines that it
//! writes are rows again, all of texts. Spark's `SparkScriptTransformationExec`.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, from_datafusion, to_datafusion};
use firesteel_functions::string::regex;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use tokio::sync::mpsc;

use super::only;
use super::partition_map::{self, PartitionMap};
use super::python::map::schema_of;
use crate::Relation;
use crate::relation::project::attributes;

const BATCH_ROWS: usize = 8192;
/// How much of what a script says of its errors is told.
const ERROR_BYTES: usize = 2048;

/// How rows are lines, in and out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lines {
    /// What `/bin/bash -c` runs.
    pub script: String,
    pub read_fields: String,
    pub read_null: String,
    /// A regular expression of Java's.
    pub written_fields: String,
    /// The text that is NULL; none: no text is.
    pub written_null: Option<String>,
    /// The types that texts are for: a text that Java does not read as such is NULL.
    pub types: Vec<DataType>,
}

/// The logical node. All columns of its input are texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScriptNode {
    input: Arc<LogicalPlan>,
    lines: Arc<Lines>,
    schema: DFSchemaRef,
}

impl PartialOrd for ScriptNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

/// The rows that the script writes, as texts: a column for each of `lines.types`.
pub fn plan(input: Relation, lines: Lines) -> Result<Relation> {
    let text = |index: usize| Field::new(format!("_{index}"), DataType::Utf8, true);
    let output = attributes(&(0..lines.types.len()).map(text).collect());
    let schema = schema_of(&output)?;
    let node = ScriptNode { input: Arc::new(input.plan), lines: Arc::new(lines), schema };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), output))
}

impl ScriptNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let map = Script { lines: Arc::clone(&self.lines), schema: Arc::clone(self.schema.inner()) };
        Ok(partition_map::exec(input, Arc::new(map)))
    }
}

impl UserDefinedLogicalNodeCore for ScriptNode {
    fn name(&self) -> &str {
        "Script"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Script: {}", self.lines.script)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }

    /// The script reads every column.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
}

#[derive(Debug)]
struct Script {
    lines: Arc<Lines>,
    schema: SchemaRef,
}

impl PartitionMap for Script {
    fn name(&self) -> &'static str {
        "ScriptExec"
    }

    fn describe(&self) -> String {
        self.lines.script.clone()
    }

    fn schema(&self, _: &SchemaRef) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let (lines, schema) = (Arc::clone(&self.lines), Arc::clone(&self.schema));
        let (sender, receiver) = mpsc::channel(2);
        let task = tokio::spawn(async move {
            if let Err(error) = feed(input, &lines, schema, &sender).await {
                // Whoever reads no more wants no error either.
                let _ = sender.send(Err(error)).await;
            }
        });
        let guard = Abort(task);
        let results = futures::stream::unfold((receiver, guard), |(mut receiver, guard)| async move {
            receiver.recv().await.map(|batch| (batch.map_err(to_datafusion), (receiver, guard)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), results))
    }
}

/// Ends the task with the stream that it fills.
struct Abort(tokio::task::JoinHandle<()>);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Batches = mpsc::Sender<Result<RecordBatch>>;

/// Runs the script over one partition; a partition without rows runs none.
async fn feed(
    mut input: SendableRecordBatchStream,
    lines: &Arc<Lines>,
    schema: SchemaRef,
    output: &Batches,
) -> Result<()> {
    let mut first = None;
    while let Some(batch) = input.next().await {
        let batch = batch.map_err(from_datafusion)?;
        if batch.num_rows() > 0 {
            first = Some(batch);
            break;
        }
    }
    let Some(first) = first else { return Ok(()) };
    let mut child = Process::start(&lines.script)?;
    let (texts, receiver) = mpsc::channel::<Vec<u8>>(2);
    let mut stdin = child.0.stdin.take();
    let mut to_script = receiver;
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(text) = to_script.blocking_recv() {
            // A script that reads no more has had enough.
            if stdin.as_mut().is_none_or(|stdin| stdin.write_all(&text).is_err()) {
                return;
            }
        }
    });
    let stderr = child.0.stderr.take();
    let errors = tokio::task::spawn_blocking(move || last_bytes(stderr));
    let (stdout, sender, format) = (child.0.stdout.take(), output.clone(), Arc::clone(lines));
    let reader = tokio::task::spawn_blocking(move || read(stdout, &format, &schema, &sender));
    let mut next = Some(first);
    while let Some(batch) = next.take() {
        if texts.send(encode(&batch, lines)?).await.is_err() {
            break;
        }
        next = input.next().await.transpose().map_err(from_datafusion)?;
    }
    drop(texts);
    let lost = |error: tokio::task::JoinError| SparkError::internal(error.to_string());
    writer.await.map_err(lost)?;
    reader.await.map_err(lost)??;
    let said = errors.await.map_err(lost)?;
    let status = child.ended().await?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Err(SparkError::new("_LEGACY_ERROR_TEMP_2264").with("exitCode", code.to_string()).with("stderrBuffer", said))
}

/// A script that runs, with whatever it started: all of it ends with this.
struct Process(Child);

impl Process {
    fn start(script: &str) -> Result<Self> {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that the commands of a pipeline can be ended with the shell.
        let child = command.process_group(0).spawn();
        child.map(Self).map_err(|error| SparkError::internal(format!("/bin/bash did not start: {error}")))
    }

    /// Waits for the end of the shell. Its outputs were closed before, so that this takes no time as a rule; a script that
    /// closed them itself and goes on can still be cancelled here.
    async fn ended(&mut self) -> Result<ExitStatus> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => return Err(SparkError::internal(error.to_string())),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The number of a shell that was waited for may be another's by now.
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        let group = i32::try_from(self.0.id()).map(nix::unistd::Pid::from_raw);
        // It may end by itself at this moment.
        let _ = group.map(|group| nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL));
        let _ = self.0.wait();
    }
}

/// Rows as lines.
fn encode(batch: &RecordBatch, lines: &Lines) -> Result<Vec<u8>> {
    let texts = batch.columns().iter().map(|column| arrow::compute::cast(column, &DataType::Utf8).map_err(from_arrow));
    let columns = texts.collect::<Result<Vec<ArrayRef>>>()?;
    let columns: Vec<&StringArray> = columns.iter().map(|column| column.as_string::<i32>()).collect();
    let mut out = vec![];
    for row in 0..batch.num_rows() {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(lines.read_fields.as_bytes());
            }
            let text = if column.is_null(row) { &lines.read_null } else { column.value(row) };
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// What a script wrote last.
fn last_bytes(stream: Option<impl Read>) -> String {
    let mut kept = vec![];
    let mut buffer = [0; 4096];
    let Some(mut stream) = stream else { return String::new() };
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(ERROR_BYTES));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Lines as rows, until the script ends or no one takes them.
fn read(stream: Option<impl Read>, lines: &Lines, schema: &SchemaRef, output: &Batches) -> Result<()> {
    let Some(stream) = stream else { return Ok(()) };
    let split = Split::new(&lines.written_fields)?;
    let mut reader = BufReader::new(stream);
    let mut columns: Vec<StringBuilder> = lines.types.iter().map(|_| StringBuilder::new()).collect();
    let (mut rows, mut line) = (0, vec![]);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| SparkError::internal(error.to_string()))?;
        if read > 0 {
            let text = String::from_utf8_lossy(&line);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            let mut values = split.fields(text)?.into_iter();
            for (column, data_type) in columns.iter_mut().zip(&lines.types) {
                let value = values.next().filter(|value| Some(*value) != lines.written_null.as_deref());
                column.append_option(value.and_then(|value| as_java_reads(value, data_type)));
            }
            rows += 1;
        }
        if rows == BATCH_ROWS || (read == 0 && rows > 0) {
            let arrays = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options).map_err(from_arrow)?;
            if output.blocking_send(Ok(batch)).is_err() {
                return Ok(());
            }
            rows = 0;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Java's `String.split` without a limit.
enum Split {
    Text(String),
    Pattern(regex::Regex),
}

impl Split {
    fn new(pattern: &str) -> Result<Self> {
        const SIGNS: &str = "\\.[]{}()*+-?^$|";
        if !pattern.is_empty() && !pattern.contains(|sign| SIGNS.contains(sign)) {
            return Ok(Self::Text(pattern.to_string()));
        }
        regex::compile(pattern, "TRANSFORM").map(Self::Pattern)
    }

    fn fields<'t>(&self, text: &'t str) -> Result<Vec<&'t str>> {
        Ok(match self {
            Self::Text(between) => text.split(between.as_str()).collect(),
            Self::Pattern(pattern) => {
                let (mut fields, mut start) = (vec![], 0);
                for found in regex::matches(pattern, text) {
                    let found = found?.whole();
                    // An empty match in front separates nothing.
                    if found.end == 0 {
                        continue;
                    }
                    fields.push(&text[start..found.start]);
                    start = found.end;
                }
                fields.push(&text[start..]);
                fields
            }
        })
    }
}

/// A text that Java's own readers of that type take, as a cast takes it.
fn as_java_reads<'t>(text: &'t str, data_type: &DataType) -> Option<&'t str> {
    match data_type {
        DataType::Boolean => (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")).then_some(text),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
        }
        DataType::Float32 | DataType::Float64 => {
            let trimmed = text.trim();
            let number = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
            if number == "NaN" || number == "Infinity" {
                return Some(trimmed);
            }
            let plain = trimmed.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(trimmed);
            (number.starts_with(|sign: char| sign.is_ascii_digit() || sign == '.') && plain.parse::<f64>().is_ok())
                .then_some(plain)
        }
        DataType::Decimal128(..) => {
            let signs = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            (text.bytes().all(signs) && text.parse::<f64>().is_ok()).then_some(text)
        }
        _ => Some(text),
    }
}
