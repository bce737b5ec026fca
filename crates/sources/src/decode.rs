//! The contract between the scan and the formats that are read as a stream of bytes (CSV, JSON, text).
//!
//! A format's folder has `pub fn format(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>>`.
//! The scan opens files, decompresses them, cuts them at record boundaries, prunes columns and words
//! errors with the file's path; the format turns bytes into record batches.

use std::fmt;
use std::io::Read;

use arrow::array::RecordBatch;
use arrow::datatypes::{Fields, SchemaRef};
use firesteel_protocol::Result;

use crate::storage::InputFile;

/// A format whose files are a stream of records, with its options read.
pub trait RecordFormat: fmt::Debug + Send + Sync {
    /// Short name: `csv`, `json`, `text`.
    fn name(&self) -> &'static str;

    /// How records end, if files can be cut at such places; `None` when a file must be read as a whole
    /// (`multiLine`, `wholetext`, an encoding other than UTF-8, ...).
    fn record_end(&self) -> Option<RecordEnd>;

    /// The data columns found in the files, of which there is at least one, in canonical types, all nullable.
    fn infer(&self, files: &[InputFile], parallelism: usize) -> Result<Fields>;

    /// Refuses schemas that the format cannot read (Spark's `UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE`), and
    /// adjusts a user's schema where Spark does (CSV and JSON: every column nullable).
    fn check_schema(&self, fields: &Fields) -> Result<()>;

    /// The column that malformed records come in, if the format has such.
    fn corrupt_column(&self) -> Option<&str> {
        None
    }

    /// A decoder for one piece of one file.
    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>>;
}

/// Where a record ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordEnd {
    /// `\n`, `\r\n` or `\r`, Spark's default.
    AnyNewline,
    /// Exactly these bytes (option `lineSep`, encoded); never empty.
    Exactly(Vec<u8>),
}

/// What a decoder is to yield.
#[derive(Debug, Clone, Copy)]
pub struct DecodeRequest<'a> {
    /// All data columns of the table (not its partition columns).
    pub schema: &'a SchemaRef,
    /// Indices into `schema`: the columns to yield, in this order. May be empty: batches then have rows
    /// and no columns.
    pub projection: &'a [usize],
    /// The projected schema; every batch has exactly this one.
    pub projected: &'a SchemaRef,
    /// Rows of a full batch.
    pub batch_size: usize,
    /// Which piece of the file follows.
    pub split: SplitInfo<'a>,
}

/// A piece of a file. It begins and ends at record boundaries.
#[derive(Debug, Clone, Copy)]
pub struct SplitInfo<'a> {
    /// The file's URL, `file:///a/b%20c.csv`.
    pub path: &'a str,
    /// Whether the piece has the file's first byte (a byte order mark and a CSV header stand there).
    pub starts_at_file_start: bool,
}

/// Turns bytes into record batches: push bytes, take batches.
///
/// Pieces arrive cut anywhere, in the middle of a character too. `\r\n` may be cut as well.
pub trait RecordDecoder: Send {
    /// Consumes bytes until they are used up or a batch is full, and says how many it took. Empty input
    /// means the end of the piece: the last record, which may lack its line end, is complete.
    /// Taking fewer bytes than given means that a batch is full.
    fn decode(&mut self, bytes: &[u8]) -> Result<usize>;

    /// The rows collected so far; `None` if there are none. Called when a batch is full and at the end.
    fn flush(&mut self) -> Result<Option<RecordBatch>>;

    /// Whether a full batch waits for [`RecordDecoder::flush`] although all bytes were taken.
    fn is_full(&self) -> bool;
}

/// Runs a decoder over a reader to its end; what schema inference and tests need.
pub fn decode_all(decoder: &mut dyn RecordDecoder, mut input: impl Read) -> Result<Vec<RecordBatch>> {
    let mut batches = vec![];
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = input
            .read(&mut buffer)
            .map_err(|error| firesteel_protocol::SparkError::internal(error.to_string()).with_source(error))?;
        let mut rest = &buffer[..length];
        loop {
            let taken = decoder.decode(rest)?;
            rest = &rest[taken..];
            if !rest.is_empty() || decoder.is_full() || length == 0 {
                match decoder.flush()? {
                    Some(batch) => batches.push(batch),
                    None if length == 0 => return Ok(batches),
                    None => {}
                }
            }
            // Empty input would mean the end.
            if rest.is_empty() && length > 0 {
                break;
            }
        }
    }
}
