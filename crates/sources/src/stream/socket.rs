//! `socket`: lines of UTF-8 from a server, for trying things out. What was read before a restart is gone.
//! Spark's `TextSocketSourceProvider`.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::{Result, SparkError, types};

use super::log::illegal_state;
use super::{MicroBatchSource, Offset};
use crate::ReadRequest;
use crate::options::illegal_argument;

#[derive(Debug, Clone)]
struct Options {
    host: String,
    port: u16,
    with_time: bool,
}

fn options(request: &ReadRequest) -> Result<Options> {
    let host = request.options.get("host").ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_1295"))?;
    let port = request.options.get("port").ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_1296"))?;
    let with_time = match request.options.get("includeTimestamp").unwrap_or("false").to_lowercase().as_str() {
        "true" => true,
        "false" => false,
        _ => return Err(SparkError::new("_LEGACY_ERROR_TEMP_1297")),
    };
    let port = port
        .trim()
        .parse()
        .map_err(|_| SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{port}\"")))?;
    Ok(Options { host: host.to_string(), port, with_time })
}

/// `value`, and `timestamp` where it is asked for.
pub fn schema(request: &ReadRequest) -> Result<SchemaRef> {
    super::refuse_schema(request, "TextSocketSourceProvider")?;
    Ok(row_schema(&options(request)?))
}

fn row_schema(options: &Options) -> SchemaRef {
    let mut fields = vec![Field::new("value", DataType::Utf8, true)];
    if options.with_time {
        fields.push(Field::new("timestamp", types::timestamp(), true));
    }
    Arc::new(Schema::new(fields))
}

/// Lines that were read and not yet committed.
#[derive(Debug, Default)]
struct Lines {
    /// The offset before the first of them; -1 at the start.
    before: i64,
    lines: VecDeque<(String, i64)>,
}

/// The source. A thread reads.
#[derive(Debug)]
pub struct SocketSource {
    options: Options,
    lines: Arc<Mutex<Lines>>,
    connection: TcpStream,
    available_now: Option<Offset>,
}

impl SocketSource {
    pub fn open(request: &ReadRequest) -> Result<Self> {
        let options = options(request)?;
        let connection = TcpStream::connect((options.host.as_str(), options.port)).map_err(|error| {
            SparkError::new("_LEGACY_IO_EXCEPTION").with_message(match error.kind() {
                // As Java's `ConnectException` has it.
                std::io::ErrorKind::ConnectionRefused => "Connection refused".to_string(),
                _ => format!("cannot read from {}:{}: {error}", options.host, options.port),
            })
        })?;
        let failed = |error: std::io::Error| SparkError::internal(error.to_string());
        let reading = BufReader::new(connection.try_clone().map_err(failed)?);
        let lines = Arc::new(Mutex::new(Lines { before: -1, lines: VecDeque::new() }));
        let sink = Arc::clone(&lines);
        std::thread::Builder::new()
            .name("socket source".into())
            .spawn(move || {
                for line in reading.split(b'\n') {
                    let Ok(mut line) = line else { break };
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    let text = String::from_utf8_lossy(&line).into_owned();
                    let Ok(mut lines) = sink.lock() else { break };
                    lines.lines.push_back((text, super::clock::now_ms() * 1000));
                }
            })
            .map_err(failed)?;
        Ok(Self { options, lines, connection, available_now: None })
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().expect("no panics while locked")
    }
}

impl MicroBatchSource for SocketSource {
    fn description(&self) -> String {
        format!("TextSocketV2[host: {}, port: {}]", self.options.host, self.options.port)
    }

    fn latest_offset(&mut self, _start: Option<&Offset>, _limited: bool) -> Result<Option<Offset>> {
        if let Some(fixed) = &self.available_now {
            return Ok(Some(fixed.clone()));
        }
        let lines = self.lock();
        Ok(Some(Offset::number(lines.before + i64::try_from(lines.lines.len()).unwrap_or(i64::MAX))))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let start = start.map_or(Ok(-1), Offset::as_number)?;
        let end = end.as_number()?;
        let schema = row_schema(&self.options);
        let lines = self.lock();
        let skip = usize::try_from(start - lines.before)
            .map_err(|_| illegal_state("lines of a socket that were read before a restart are gone"))?;
        let count = usize::try_from(end - start).map_err(|_| illegal_argument("an end before its start"))?;
        if skip + count > lines.lines.len() {
            return Err(illegal_state("lines of a socket that were read before a restart are gone"));
        }
        let rows = || lines.lines.iter().skip(skip).take(count);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(rows().map(|(line, _)| line)))];
        if self.options.with_time {
            let times = TimestampMicrosecondArray::from_iter_values(rows().map(|(_, time)| *time));
            columns.push(Arc::new(times.with_timezone("UTC")));
        }
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]]).map_err(from_datafusion)?))
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        let end = end.as_number()?;
        let mut lines = self.lock();
        while lines.before < end && lines.lines.pop_front().is_some() {
            lines.before += 1;
        }
        Ok(())
    }

    fn prepare_available_now(&mut self, start: Option<&Offset>) -> Result<()> {
        self.available_now = self.latest_offset(start, false)?;
        Ok(())
    }

    fn stop(&mut self) {
        // The reading thread ends with its connection.
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

impl Drop for SocketSource {
    fn drop(&mut self) {
        self.stop();
    }
}
