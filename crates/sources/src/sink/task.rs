//! Writes one partition of a plan: a stream of batches into files.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::EmptyRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::Result;
use futures::StreamExt;

use super::format::FileWriter;
use super::plan::WritePlan;
use super::split::{BUCKET_MARK, Splitter};
use super::{WriteStats, name};

/// Batches that are computed ahead of the writer.
const BATCHES_AHEAD: usize = 2;
/// Files that all tasks of a write keep open at once, about.
const OPEN_FILES: usize = 512;
/// Bytes that all tasks of a write buffer at once, about.
const BUFFERED_BYTES: usize = 512 << 20;

/// The writer of one partition.
pub struct Task {
    pub plan: Arc<WritePlan>,
    pub partition: usize,
    /// How many tasks run at once.
    pub concurrent: usize,
    /// Where files go until the job commits.
    pub root: PathBuf,
    pub task_ctx: Arc<TaskContext>,
}

impl Task {
    /// Writes all rows of a stream.
    pub async fn run(self, stream: SendableRecordBatchStream) -> Result<WriteStats> {
        let stream = spawn_buffered(stream, BATCHES_AHEAD);
        let plain = self.plan.partition_by.is_empty() && self.plan.bucket.is_none();
        if plain { self.run_plain(stream).await } else { self.run_folders(stream).await }
    }

    async fn run_plain(self, mut stream: SendableRecordBatchStream) -> Result<WriteStats> {
        let mut stats = WriteStats::default();
        let mut output = Output::new(None, 0);
        let mut budget = self.budget();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(from_datafusion)?;
            output.write(&self, &self.plan.data_batch(&batch)?, &mut stats)?;
            budget.keep(std::iter::once(&mut output))?;
        }
        // A result without rows still has a schema: the first partition writes a file whatever comes.
        if self.partition == 0 && output.counter == 0 && output.writer.is_none() {
            output.open(&self)?;
        }
        output.close(&mut stats)?;
        Ok(stats)
    }

    /// Keeps a file open for each of the folders that were written to most recently. Data in the order of
    /// its folders needs few of them; where folders come back too often after their file was closed, the
    /// rest of the data is sorted by folder, which may spill.
    async fn run_folders(self, mut stream: SendableRecordBatchStream) -> Result<WriteStats> {
        let mut folders = Folders::new((OPEN_FILES / self.concurrent.max(1)).clamp(8, 100));
        let mut budget = self.budget();
        let mut splitter = None;
        let mut sorted = false;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(from_datafusion)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let splitter = match &mut splitter {
                Some(splitter) => splitter,
                None => {
                    let plan = &self.plan;
                    splitter.insert(Splitter::new(&plan.partition_by, plan.bucket, &batch, plan.time_zone)?)
                }
            };
            let pieces = splitter.split(&batch)?;
            if !sorted && (pieces.len() > folders.limit || folders.reopened > folders.limit) {
                stream = self.sort(batch, stream)?;
                folders.limit = 1;
                sorted = true;
                continue;
            }
            let data = self.plan.data_batch(&batch)?;
            for piece in pieces {
                folders.write(&self, &piece.folder, &piece.of(&data)?)?;
            }
            budget.keep(folders.open.values_mut())?;
        }
        folders.finish()
    }

    fn budget(&self) -> Budget {
        let consumer = MemoryConsumer::new(format!("FileSink[{}]", self.partition));
        Budget {
            reservation: consumer.register(self.task_ctx.memory_pool()),
            limit: (BUFFERED_BYTES / self.concurrent.max(1)).max(16 << 20),
        }
    }

    /// A batch and what follows it, sorted by folder.
    fn sort(&self, first: RecordBatch, rest: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let schema = rest.schema();
        let first = futures::stream::once(std::future::ready(Ok(first)));
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), first.chain(rest)));
        let order = self.plan.partition_by.iter().map(|column| column.index).chain(self.plan.bucket).map(|at| {
            let name = schema.field(at).name();
            PhysicalSortExpr::new_default(Arc::new(Column::new(name, at)))
        });
        let Some(order) = LexOrdering::new(order) else { return Ok(stream) };
        let rest: Arc<dyn PartitionStream> =
            Arc::new(Rest { schema: Arc::clone(&schema), stream: Mutex::new(Some(stream)) });
        let source = StreamingTableExec::try_new(schema, vec![rest], None, [], false, None).map_err(from_datafusion)?;
        SortExec::new(order, Arc::new(source)).execute(0, Arc::clone(&self.task_ctx)).map_err(from_datafusion)
    }
}

/// Runs a partition and drops its rows.
pub async fn drain(plan: Arc<WritePlan>, mut stream: SendableRecordBatchStream) -> Result<WriteStats> {
    let mut stats = WriteStats::default();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(from_datafusion)?;
        debug_assert_eq!(batch.num_columns(), plan.data.len());
        stats.rows += batch.num_rows() as u64;
    }
    Ok(stats)
}

/// Writes the file of a plan that has no partitions at all.
pub fn run_empty(plan: &Arc<WritePlan>, root: &Path) -> Result<WriteStats> {
    let mut stats = WriteStats::default();
    if plan.partition_by.is_empty() && plan.bucket.is_none() {
        let mut output = Output::new(None, 0);
        output.open_in(plan, 0, root)?;
        output.close(&mut stats)?;
    }
    Ok(stats)
}

/// The files of one folder, one after the other.
struct Output {
    folder: Option<Arc<str>>,
    /// Number of the next file.
    counter: usize,
    rows: u64,
    /// Where the open file is.
    path: PathBuf,
    writer: Option<Box<dyn FileWriter>>,
    /// When it was last written to.
    used_at: u64,
}

impl Output {
    fn new(folder: Option<Arc<str>>, counter: usize) -> Self {
        Self { folder, counter, rows: 0, path: PathBuf::new(), writer: None, used_at: 0 }
    }

    fn open(&mut self, task: &Task) -> Result<()> {
        self.open_in(&task.plan, task.partition, &task.root)
    }

    fn open_in(&mut self, plan: &WritePlan, partition: usize, root: &Path) -> Result<()> {
        let extension = plan.format.extension();
        let (folder, bucket) = match self.folder.as_deref().map(|folder| folder.split_once(BUCKET_MARK).ok_or(folder)) {
            Some(Ok((folder, bucket))) => (Some(folder), Some(bucket)),
            Some(Err(folder)) => (Some(folder), None),
            None => (None, None),
        };
        let file = match bucket {
            Some(bucket) => name::bucket_file(partition, &plan.job, bucket, self.counter, &extension),
            None => name::part_file(partition, &plan.job, folder.is_some(), self.counter, &extension),
        };
        let path = match folder {
            None => root.join(file),
            Some(folder) => {
                let folder = root.join(folder);
                std::fs::create_dir_all(&folder).map_err(|cause| plan.target.write_failed(cause))?;
                folder.join(file)
            }
        };
        self.writer = Some(plan.format.create(&path, &plan.target)?);
        self.path = path;
        self.counter += 1;
        self.rows = 0;
        Ok(())
    }

    fn write(&mut self, task: &Task, batch: &RecordBatch, stats: &mut WriteStats) -> Result<()> {
        let limit = task.plan.max_records_per_file;
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            if self.writer.is_some() && self.rows >= limit {
                self.close(stats)?;
            }
            if self.writer.is_none() {
                self.open(task)?;
            }
            let fits = usize::try_from(limit - self.rows).unwrap_or(usize::MAX).min(rest.num_rows());
            if let Some(writer) = &mut self.writer {
                writer.write(&rest.slice(0, fits))?;
            }
            self.rows += fits as u64;
            stats.rows += fits as u64;
            rest = rest.slice(fits, rest.num_rows() - fits);
        }
        Ok(())
    }

    fn close(&mut self, stats: &mut WriteStats) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            stats.size_bytes += writer.finish()?;
            stats.files += 1;
            stats.paths.push(std::mem::take(&mut self.path));
        }
        Ok(())
    }

    fn memory_size(&self) -> usize {
        self.writer.as_ref().map_or(0, |writer| writer.memory_size())
    }
}

/// The folders of one task.
struct Folders {
    open: HashMap<Arc<str>, Output>,
    /// Folders whose file was closed, and the number of their next file.
    closed: HashMap<Arc<str>, usize>,
    /// Files open at once.
    limit: usize,
    /// How often a folder came back after its file was closed.
    reopened: usize,
    clock: u64,
    stats: WriteStats,
}

impl Folders {
    fn new(limit: usize) -> Self {
        let stats = WriteStats::default();
        Self { open: HashMap::new(), closed: HashMap::new(), limit, reopened: 0, clock: 0, stats }
    }

    fn write(&mut self, task: &Task, folder: &Arc<str>, batch: &RecordBatch) -> Result<()> {
        self.clock += 1;
        if !self.open.contains_key(folder) {
            while self.open.len() >= self.limit {
                self.close_oldest()?;
            }
            let counter = self.closed.remove(folder);
            self.reopened += usize::from(counter.is_some());
            self.open.insert(Arc::clone(folder), Output::new(Some(Arc::clone(folder)), counter.unwrap_or(0)));
        }
        match self.open.get_mut(folder) {
            Some(output) => {
                output.used_at = self.clock;
                output.write(task, batch, &mut self.stats)
            }
            None => Ok(()),
        }
    }

    fn close_oldest(&mut self) -> Result<()> {
        let oldest = self.open.iter().min_by_key(|(_, output)| output.used_at).map(|(folder, _)| Arc::clone(folder));
        let Some((folder, mut output)) = oldest.and_then(|folder| self.open.remove_entry(&folder)) else {
            return Ok(());
        };
        output.close(&mut self.stats)?;
        self.closed.insert(folder, output.counter);
        Ok(())
    }

    fn finish(mut self) -> Result<WriteStats> {
        while !self.open.is_empty() {
            self.close_oldest()?;
        }
        let folders = self.closed.keys().map(|folder| folder.split(BUCKET_MARK).next().unwrap_or_default());
        self.stats.partitions = folders.filter(|folder| !folder.is_empty()).map(str::to_string).collect();
        Ok(self.stats)
    }
}

/// What files may buffer: within the query's memory pool, and within a limit of its own.
struct Budget {
    reservation: MemoryReservation,
    limit: usize,
}

impl Budget {
    /// Has the largest buffers written out until the rest fits.
    fn keep<'a>(&mut self, outputs: impl Iterator<Item = &'a mut Output>) -> Result<()> {
        let mut outputs: Vec<&mut Output> = outputs.collect();
        loop {
            let total: usize = outputs.iter().map(|output| output.memory_size()).sum();
            if total <= self.limit && self.reservation.try_resize(total).is_ok() {
                return Ok(());
            }
            let largest = outputs.iter_mut().max_by_key(|output| output.memory_size());
            let Some(writer) = largest.and_then(|output| output.writer.as_mut()) else { return Ok(()) };
            let before = writer.memory_size();
            writer.flush()?;
            if writer.memory_size() >= before {
                // Nothing is left to write out: what remains is small.
                self.reservation.resize(total);
                return Ok(());
            }
        }
    }
}

/// The rest of a stream as a source of a plan.
struct Rest {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl PartitionStream for Rest {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self.stream.lock().ok().and_then(|mut stream| stream.take());
        taken.unwrap_or_else(|| Box::pin(EmptyRecordBatchStream::new(Arc::clone(&self.schema))))
    }
}
