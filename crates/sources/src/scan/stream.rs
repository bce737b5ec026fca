//! Reads formats that are a stream of bytes: opens a piece of a file, finds its record boundaries,
//! decompresses, and drives the format's decoder. Also reads anything else that yields batches per file.

use std::fmt::{self, Debug};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use firesteel_protocol::{Result, SparkError};
use futures::{FutureExt, StreamExt};
use memchr::{memchr2, memmem};

use super::guard::{FileGuard, OnBadFile, external};
use crate::codec::TextCodec;
use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat, SplitInfo};
use crate::storage::{InputFile, file_url, read_error};

/// Bytes read at a time.
const CHUNK: usize = 512 * 1024;

/// A piece of a file to read.
#[derive(Debug, Clone)]
pub struct FilePiece {
    pub file: InputFile,
    /// Byte range; `None` for the whole file.
    pub range: Option<(u64, u64)>,
}

/// Batches of a piece of a file.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// What yields the batches of a file. [`DecodeRequest`]'s split is filled in by the reader.
pub trait PieceReader: Debug + Send + Sync {
    /// Short name of the format.
    fn name(&self) -> &str;
    /// The column that malformed records come in; a query may not ask for it alone.
    fn corrupt_column(&self) -> Option<&str> {
        None
    }
    /// Opens a piece; `bytes_read` counts what is read from disk.
    fn open(&self, piece: FilePiece, columns: &Columns, bytes_read: Count) -> Result<Batches>;
}

/// The columns that a reader is to yield.
#[derive(Debug, Clone)]
pub struct Columns {
    /// All data columns.
    pub schema: SchemaRef,
    /// Indices into `schema`.
    pub projection: Vec<usize>,
    /// The projected schema.
    pub projected: SchemaRef,
    pub batch_size: usize,
}

/// Reads a [`RecordFormat`].
#[derive(Debug)]
pub struct RecordReader {
    pub format: Arc<dyn RecordFormat>,
}

impl PieceReader for RecordReader {
    fn name(&self) -> &str {
        self.format.name()
    }

    fn corrupt_column(&self) -> Option<&str> {
        self.format.corrupt_column()
    }

    fn open(&self, piece: FilePiece, columns: &Columns, bytes_read: Count) -> Result<Batches> {
        let path = &piece.file.path;
        let url = file_url(path);
        let (input, starts_at_file_start) = match (piece.range, self.format.record_end()) {
            (Some(range), Some(end)) => {
                let bounds = RecordBounds { file: open_file(path)?, size: piece.file.size_bytes, end, path };
                bounds.cut(range, bytes_read)?
            }
            _ => {
                let counted = Counted { input: open_file(path)?, bytes_read };
                let input = TextCodec::of(path).reader(counted)?;
                (input, true)
            }
        };
        let decoder = self.format.decoder(&DecodeRequest {
            schema: &columns.schema,
            projection: &columns.projection,
            projected: &columns.projected,
            batch_size: columns.batch_size,
            split: SplitInfo { path: &url, starts_at_file_start },
        })?;
        Ok(Box::new(Decoding {
            input,
            decoder,
            path: path.clone(),
            buffer: vec![],
            at: 0,
            ended: false,
            failure: None,
            done: false,
        }))
    }
}

fn open_file(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| read_error(path, error))
}

/// Counts bytes on their way.
struct Counted<R> {
    input: R,
    bytes_read: Count,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.bytes_read.add(length);
        Ok(length)
    }
}

/// Moves the cuts of a file to where records begin, so that each record is read once.
struct RecordBounds<'a> {
    file: File,
    size: u64,
    end: RecordEnd,
    path: &'a Path,
}

impl RecordBounds<'_> {
    /// The bytes of the records that begin in `range`, and whether they begin the file.
    fn cut(mut self, (start, end): (u64, u64), bytes_read: Count) -> Result<(Box<dyn Read + Send>, bool)> {
        let failed = |error| read_error(self.path, error);
        let from = Self::record_start(&mut self.file, &self.end, self.size, start).map_err(failed)?;
        let to = Self::record_start(&mut self.file, &self.end, self.size, end).map_err(failed)?;
        self.file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let input = Counted { input: self.file.take(to.saturating_sub(from)), bytes_read };
        Ok((Box::new(input), from == 0))
    }

    /// Where the first record begins at or after `position`.
    fn record_start(file: &mut File, end: &RecordEnd, size: u64, position: u64) -> io::Result<u64> {
        if position == 0 || position >= size {
            return Ok(position.min(size));
        }
        let width = match end {
            RecordEnd::AnyNewline => 1,
            RecordEnd::Exactly(bytes) => bytes.len(),
        };
        let mut offset = position.saturating_sub(width as u64);
        file.seek(SeekFrom::Start(offset))?;
        let mut window: Vec<u8> = vec![];
        loop {
            let before = window.len();
            file.by_ref().take(16 * 1024).read_to_end(&mut window)?;
            let at_end = window.len() == before;
            if let Some(after) = end_of_record(&window, end, at_end) {
                return Ok(offset + after as u64);
            }
            if at_end {
                return Ok(size);
            }
            // What was searched in vain goes, up to the beginning of a separator.
            let keep = window.len().saturating_sub(width);
            offset += keep as u64;
            window.drain(..keep);
        }
    }
}

/// Where the first record end in `window` is over; `None` if more bytes are needed to say.
fn end_of_record(window: &[u8], end: &RecordEnd, at_end: bool) -> Option<usize> {
    match end {
        RecordEnd::AnyNewline => {
            let at = memchr2(b'\n', b'\r', window)?;
            match (window[at], window.get(at + 1)) {
                (b'\r', Some(b'\n')) => Some(at + 2),
                (b'\r', None) if !at_end => None,
                _ => Some(at + 1),
            }
        }
        RecordEnd::Exactly(bytes) => memmem::find(window, bytes).map(|at| at + bytes.len()),
    }
}

/// Feeds a decoder and takes its batches.
struct Decoding {
    input: Box<dyn Read + Send>,
    decoder: Box<dyn RecordDecoder>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// How much of `buffer` the decoder took.
    at: usize,
    /// The input is used up and the decoder knows.
    ended: bool,
    /// Why the input ended early; raised when the rows before it are out.
    failure: Option<io::Error>,
    done: bool,
}

impl Decoding {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.ended {
                return match (self.decoder.flush()?, self.failure.take()) {
                    (None, Some(failure)) => Err(read_error(&self.path, failure)),
                    (batch, failure) => {
                        self.failure = failure;
                        Ok(batch)
                    }
                };
            }
            if self.at == self.buffer.len() {
                self.refill();
                if self.buffer.is_empty() {
                    // A record that damage cut off is none.
                    if self.failure.is_none() {
                        self.decoder.decode(&[])?;
                    }
                    self.ended = true;
                    continue;
                }
            }
            let taken = self.decoder.decode(&self.buffer[self.at..])?;
            self.at += taken;
            if self.at < self.buffer.len() || self.decoder.is_full() {
                match self.decoder.flush()? {
                    Some(batch) => return Ok(Some(batch)),
                    None if taken == 0 => return Err(SparkError::internal("a decoder makes no progress")),
                    None => {}
                }
            }
        }
    }

    /// Reads until the buffer is full or the input ends or fails.
    fn refill(&mut self) {
        self.at = 0;
        self.buffer.resize(CHUNK, 0);
        let mut length = 0;
        while length < CHUNK && self.failure.is_none() {
            match self.input.read(&mut self.buffer[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
        self.buffer.truncate(length);
    }
}

impl Iterator for Decoding {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let result = self.next_batch().transpose();
        self.done = !matches!(result, Some(Ok(_)));
        result
    }
}

/// A [`PieceReader`] as DataFusion's file source.
#[derive(Clone)]
pub struct StreamSource {
    reader: Arc<dyn PieceReader>,
    splittable: bool,
    on_bad_file: OnBadFile,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl StreamSource {
    /// A source of all columns.
    pub fn new(
        reader: Arc<dyn PieceReader>,
        splittable: bool,
        on_bad_file: OnBadFile,
        table_schema: TableSchema,
    ) -> Self {
        let projection = SplitProjection::unprojected(&table_schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { reader, splittable, on_bad_file, table_schema, projection, batch_size: 8192, metrics }
    }
}

impl FileSource for StreamSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        partition: usize,
    ) -> datafusion::common::Result<Arc<dyn FileOpener>> {
        let schema = Arc::clone(self.table_schema.file_schema());
        let projection = self.projection.file_indices.clone();
        let projected = Arc::new(schema.project(&projection)?);
        let opener = StreamOpener {
            reader: Arc::clone(&self.reader),
            columns: Columns { schema, projection, projected, batch_size: self.batch_size },
            on_bad_file: self.on_bad_file,
            bytes_read: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.reader.name()
    }

    fn supports_repartitioning(&self) -> bool {
        // The table has cut the files already.
        false
    }

    fn fmt_extra(&self, _: datafusion::physical_plan::DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.splittable { Ok(()) } else { write!(f, ", splittable=false") }
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> datafusion::common::Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Opens files for a [`PieceReader`].
struct StreamOpener {
    reader: Arc<dyn PieceReader>,
    columns: Columns,
    on_bad_file: OnBadFile,
    bytes_read: Count,
}

impl FileOpener for StreamOpener {
    fn open(&self, file: PartitionedFile) -> datafusion::common::Result<FileOpenFuture> {
        let path = local_path(&file);
        let guard = FileGuard { on_bad_file: self.on_bad_file, url: file_url(&path).into(), owns_errors: true };
        let range = file.range.as_ref().map(|range| (range.start.unsigned_abs(), range.end.unsigned_abs()));
        let modified_us = file.object_meta.last_modified.timestamp_micros();
        let piece = FilePiece { file: InputFile { path, size_bytes: file.object_meta.size, modified_us }, range };
        let (reader, columns, bytes_read) = (Arc::clone(&self.reader), self.columns.clone(), self.bytes_read.clone());
        Ok(async move {
            let batches: Batches = match reader.open(piece, &columns, bytes_read) {
                Ok(batches) => batches,
                Err(error) => match guard.judge(external(error)) {
                    Some(error) => return Err(error),
                    None => Box::new(std::iter::empty()),
                },
            };
            let guarded = batches.map_while(move |batch| match batch {
                Ok(batch) => Some(Ok(batch)),
                Err(error) => guard.judge(external(error)).map(Err),
            });
            Ok(futures::stream::iter(guarded).boxed())
        }
        .boxed())
    }
}

/// The local path of a planned file.
pub fn local_path(file: &PartitionedFile) -> PathBuf {
    Path::new("/").join(file.object_meta.location.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_move_to_record_starts() -> io::Result<()> {
        let mut file = tempfile::tempfile()?;
        let text = b"ab\r\ncd\re\n\nf";
        io::Write::write_all(&mut file, text)?;
        let mut start =
            |position| RecordBounds::record_start(&mut file, &RecordEnd::AnyNewline, text.len() as u64, position);
        let starts: Vec<u64> = (0..=11).map(|position| start(position).unwrap_or(99)).collect();
        assert_eq!(starts, [0, 4, 4, 4, 4, 7, 7, 7, 9, 9, 10, 11]);
        Ok(())
    }
}
