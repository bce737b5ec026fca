//! One task: a partition's rows go to a worker and what it makes of them comes back, at the same time.
//!
//! To the worker: the program, the task's own JSON, the operator's bytes, the end marker. Back come frames: a positive
//! length and that many bytes of an Arrow stream; [`ASIDE`] with an Arrow stream of its own; [`ERROR`] and [`END`], each
//! with JSON. Dropping the stream kills the worker.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use base64::Engine as _;
use bytes::Bytes;
use firesteel_protocol::{Result, SparkError};
use futures::{Stream, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::program::put;
use crate::{Program, PythonSession};

/// Batches as a worker made them.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;
/// What a worker is to read, in order.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Vec<Buffer>>> + Send>>;

/// A frame that says how user code failed.
const ERROR: i32 = -2;
/// The last frame of a task.
const END: i32 = -1;
/// A frame beside the rows: a whole Arrow stream.
const ASIDE: i32 = -3;
/// After the last byte of input: Spark's `SpecialLengths.END_OF_STREAM`.
const END_OF_INPUT: i32 = -4;
/// Batches that a worker may be ahead of their reader.
const AHEAD: usize = 4;
/// Bytes kept back until there is company for them.
const BUFFER: usize = 128 << 10;

/// What a task knows about itself: `TaskContext` in the worker.
#[derive(Debug, Clone, Default)]
pub struct TaskInfo {
    pub partition: usize,
    /// Partitions that run side by side, known to each other in barrier mode.
    pub barrier: Option<usize>,
}

impl TaskInfo {
    fn json(&self, session: &PythonSession) -> Value {
        let files = session.files.as_ref().map(|path| path.to_string_lossy().into_owned());
        let archives: Vec<String> = session.archives.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let includes: Vec<String> = session.includes.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        json!({
            "partition": self.partition,
            "barrier": self.barrier,
            "attempt": next_attempt(),
            "files": files,
            "includes": includes,
            "archives": archives,
            "memory_mb": session.memory_mb.as_ref().ok(),
            "faulthandler": session.faulthandler,
            "dump_seconds": session.dump_every.map(|every| every.as_secs_f64()),
            "traceback": session.traceback.word(),
            "properties": *session.properties,
        })
    }
}

/// Number of a task, unique in this process.
fn next_attempt() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a worker gives.
#[derive(Debug)]
pub enum Answer {
    /// Rows of its result.
    Rows(RecordBatch),
    /// Rows of another kind.
    Aside(RecordBatch),
}

/// What a worker gives, in its order.
pub type AnswerStream = Pin<Box<dyn Stream<Item = Result<Answer>> + Send>>;

/// Starts a task whose worker gives rows of one kind.
pub fn run(session: PythonSession, program: Arc<Program>, info: TaskInfo, input: ByteStream) -> BatchStream {
    Box::pin(answers(session, program, info, input).map(|answer| match answer? {
        Answer::Rows(batch) => Ok(batch),
        Answer::Aside(_) => Err(SparkError::internal("a Python worker gave rows that nobody asked for")),
    }))
}

/// Starts a task.
pub fn answers(session: PythonSession, program: Arc<Program>, info: TaskInfo, input: ByteStream) -> AnswerStream {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let task = Aborted(tokio::spawn(async move {
        if let Err(error) = drive(&session, &program, &info, input, &sender).await {
            // A reader that is gone needs no error.
            let _ = sender.send(Err(error)).await;
        }
    }));
    let output = futures::stream::unfold((receiver, task), |(mut receiver, mut task)| async move {
        match receiver.recv().await {
            Some(item) => Some((item, (receiver, task))),
            None => match (&mut task.0).await {
                Err(error) if error.is_panic() => {
                    Some((Err(SparkError::internal(format!("a Python task panicked: {error}"))), (receiver, done())))
                }
                _ => None,
            },
        }
    });
    Box::pin(output)
}

/// Runs a program that has no rows and gives its answer: the JSON of its last frame, and the bytes before it.
pub async fn call(session: &PythonSession, program: &Program) -> Result<(Value, Bytes)> {
    let mut worker = session.pool.worker(session, program.pandas).await?;
    let stream = worker.stream.take().expect("a worker at rest has its connection");
    let (read, write) = stream.into_split();
    let mut start = program.header().to_vec();
    put(&mut start, TaskInfo::default().json(session).to_string().as_bytes());
    let write = send(write, start, Box::pin(futures::stream::empty())).await?;
    let mut reader = Reader { read: BufReader::with_capacity(BUFFER, read), decoder: StreamDecoder::new() };
    let mut told = vec![];
    let end = loop {
        match reader.read.read_i32().await.map_err(|_| crashed())? {
            ERROR => return Err(user_error(&reader.json().await?)),
            END => break reader.json().await?,
            length => {
                let size = usize::try_from(length).map_err(|_| SparkError::internal("a frame without a size"))?;
                told.extend(reader.bytes(size).await?);
            }
        }
    };
    if let (true, Some(write)) = (session.reuse && end["reuse"] == json!(true), write) {
        if let Ok(stream) = reader.read.into_inner().reunite(write) {
            worker.stream = Some(stream);
            session.pool.give_back(worker);
        }
    }
    Ok((end, told.into()))
}

fn done() -> Aborted<()> {
    Aborted(tokio::spawn(async {}))
}

/// A tokio task that ends with its owner.
#[derive(Debug)]
struct Aborted<T>(JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn drive(
    session: &PythonSession,
    program: &Program,
    info: &TaskInfo,
    input: ByteStream,
    sender: &mpsc::Sender<Result<Answer>>,
) -> Result<Value> {
    let attempt = session.accumulated.attempt();
    let _slot = session.pool.slot().await;
    let mut worker = session.pool.worker(session, program.pandas).await?;
    let stream = worker.stream.take().expect("a worker at rest has its connection");
    let (read, write) = stream.into_split();
    let mut start = program.header().to_vec();
    put(&mut start, info.json(session).to_string().as_bytes());
    let (failed, mut input_failed) = oneshot::channel();
    let mut writer = Aborted(tokio::spawn(async move {
        match send(write, start, input).await {
            // The sender goes along: were it dropped, the wait for a failure would end and cut a read short.
            Ok(write) => (write, Some(failed)),
            Err(error) => {
                let _ = failed.send(error);
                (None, None)
            }
        }
    }));
    let mut reader = Reader { read: BufReader::with_capacity(BUFFER, read), decoder: StreamDecoder::new() };
    let idle = session.idle.unwrap_or(Duration::MAX);
    let end = loop {
        tokio::select! {
            () = tokio::time::sleep(idle), if session.idle.is_some() => {
                return Err(SparkError::new("_LEGACY_PYTHON_WORKER_EXITED").with_message(format!(
                    "Python worker process terminated due to idle timeout (timeout: {} seconds)",
                    idle.as_secs()
                )));
            }
            // What went wrong with the input is the reason, whatever the worker says then.
            failure = &mut input_failed => {
                return Err(failure.unwrap_or_else(|_| SparkError::internal("a Python task lost its input")));
            }
            frame = reader.next() => {
                session.pool.moved();
                match frame.map_err(|error| worker.explained(error, session.faulthandler))? {
                    Frame::Answers(answers) => {
                        for answer in answers {
                            if sender.send(Ok(answer)).await.is_err() {
                                return Ok(Value::Null);
                            }
                        }
                    }
                    Frame::End(end) => break end,
                }
            }
        }
    };
    let updates = end["accumulators"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let updates = updates.filter_map(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
    session.accumulated.add(attempt, updates);
    if session.reuse && end["reuse"] == json!(true) {
        // The worker has read the end marker, so the writer has nothing left to do.
        if let Ok((Some(write), _)) = (&mut writer.0).await {
            if let Ok(stream) = reader.read.into_inner().reunite(write) {
                worker.stream = Some(stream);
                session.pool.give_back(worker);
            }
        }
    }
    Ok(end)
}

/// Writes everything that the worker is to read. None when it reads no more.
async fn send(write: OwnedWriteHalf, start: Vec<u8>, mut input: ByteStream) -> Result<Option<OwnedWriteHalf>> {
    let mut write = BufWriter::with_capacity(BUFFER, write);
    if write.write_all(&start).await.is_err() {
        return Ok(None);
    }
    while let Some(buffers) = input.next().await {
        for buffer in buffers? {
            if write.write_all(buffer.as_slice()).await.is_err() {
                return Ok(None);
            }
        }
        if write.flush().await.is_err() {
            return Ok(None);
        }
    }
    let ended = write.write_i32(END_OF_INPUT).await.is_ok() && write.flush().await.is_ok();
    Ok(ended.then(|| write.into_inner()))
}

enum Frame {
    Answers(Vec<Answer>),
    End(Value),
}

struct Reader {
    read: BufReader<OwnedReadHalf>,
    decoder: StreamDecoder,
}

impl Reader {
    /// The next frame. Not cancel safe between its bytes: a caller that gives up must not come back.
    async fn next(&mut self) -> Result<Frame> {
        let length = self.read.read_i32().await.map_err(|_| crashed())?;
        match length {
            ERROR => Err(user_error(&self.json().await?)),
            END => self.json().await.map(Frame::End),
            ASIDE => {
                let size = self.read.read_u32().await.map_err(|_| crashed())?;
                let bytes = self.bytes(size as usize).await?;
                let batches = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).map_err(unreadable)?;
                let batches = batches.collect::<std::result::Result<Vec<_>, _>>().map_err(unreadable)?;
                Ok(Frame::Answers(batches.into_iter().map(Answer::Aside).collect()))
            }
            length => {
                let size = usize::try_from(length).map_err(|_| SparkError::internal("a frame without a size"))?;
                let mut buffer = Buffer::from_vec(self.bytes(size).await?);
                let mut batches = vec![];
                while !buffer.is_empty() {
                    batches.extend(self.decoder.decode(&mut buffer).map_err(unreadable)?.map(Answer::Rows));
                }
                Ok(Frame::Answers(batches))
            }
        }
    }

    async fn bytes(&mut self, size: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        self.read.read_exact(&mut bytes).await.map_err(|_| crashed())?;
        Ok(bytes)
    }

    async fn json(&mut self) -> Result<Value> {
        let size = self.read.read_u32().await.map_err(|_| crashed())?;
        let bytes = self.bytes(size as usize).await?;
        serde_json::from_slice(&bytes).map_err(|error| SparkError::internal(format!("a worker's last words: {error}")))
    }
}

/// Spark's words for a worker that is gone.
fn crashed() -> SparkError {
    SparkError::new("_LEGACY_PYTHON_WORKER_EXITED")
        .with_message("Python worker exited unexpectedly (crashed). Consider setting 'spark.sql.execution.pyspark.udf.faulthandler.enabled' or 'spark.python.worker.faulthandler.enabled' configuration to 'true' for the better Python traceback.")
}

/// What user code raised, in the words of Spark's `PythonException`.
fn user_error(value: &Value) -> SparkError {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
    // What fails in Spark's JVM, after the function.
    match value["java"].as_str() {
        Some("PickleException") => {
            let message = format!("net.razorvine.pickle.PickleException: {}", text("message"));
            return SparkError::new("_LEGACY_PICKLE").with_message(message);
        }
        Some(_) => {
            let number = |key: &str| value["parameters"][key].as_str().unwrap_or_default().to_string();
            return SparkError::new("STRUCT_ARRAY_LENGTH_MISMATCH")
                .with("expected", number("expected"))
                .with("actual", number("actual"));
        }
        None => {}
    }
    let error = SparkError::new("PYTHON_EXCEPTION")
        .with("msg", "An exception was thrown from the Python worker")
        .with("traceback", text("traceback"))
        .with("message", text("message"));
    match value["phase"].as_str() {
        Some(phase) => error.with("phase", phase),
        None => error,
    }
}

fn unreadable(error: arrow::error::ArrowError) -> SparkError {
    // Spark's reader finds a NULL inside of a value where none is declared; Arrow does when it makes the array.
    if error.to_string().contains("non-nullable") {
        return SparkError::job_aborted("java.lang.IllegalStateException", "Value at index is null").with_source(error);
    }
    SparkError::internal(format!("a Python worker sent what cannot be read: {error}")).with_source(error)
}
