//! The rows that a cached relation keeps: partition by partition as the query made them, in memory while the share of
//! `spark.memory.storageFraction` lasts, then on disk. Which relations are kept is in `cache`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, SpillManager};
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::slots::Slots;
use futures::StreamExt;

use crate::{CancelToken, relabel, runner};

/// Memory that cached rows may take, over all sessions: the rest stays for queries.
#[derive(Debug)]
pub struct Storage {
    env: Arc<RuntimeEnv>,
    limit: usize,
    used: AtomicUsize,
}

impl Storage {
    /// `limit` in bytes.
    pub fn new(env: Arc<RuntimeEnv>, limit: usize) -> Self {
        Self { env, limit, used: AtomicUsize::new(0) }
    }

    /// Takes bytes if both the share and the pool have them.
    fn take(self: &Arc<Self>, reservation: &MemoryReservation, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            return false;
        }
        if reservation.try_grow(bytes).is_err() {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// A partition's rows: first those in memory, then those on disk.
struct KeptPartition {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    spilled: Option<Arc<dyn SpillFile>>,
    spills: SpillManager,
    storage: Arc<Storage>,
    reservation: MemoryReservation,
}

impl std::fmt::Debug for KeptPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let disk = self.spilled.is_some();
        f.debug_struct("KeptPartition").field("batches", &self.batches.len()).field("disk", &disk).finish()
    }
}

impl Drop for KeptPartition {
    fn drop(&mut self) {
        self.storage.used.fetch_sub(self.reservation.size(), Ordering::Relaxed);
    }
}

impl PartitionStream for KeptPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let memory = futures::stream::iter(self.batches.clone().into_iter().map(Ok));
        let disk = match &self.spilled {
            None => futures::stream::empty().boxed(),
            Some(file) => match self.spills.read_spill_as_stream(Arc::clone(file), None) {
                Ok(stream) => stream.boxed(),
                Err(error) => futures::stream::iter([Err(error)]).boxed(),
            },
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), memory.chain(disk)))
    }
}

/// Kept rows. Dropping the last clone frees memory and disk.
#[derive(Debug)]
pub struct KeptRows {
    partitions: Vec<Arc<KeptPartition>>,
    schema: SchemaRef,
}

impl KeptRows {
    /// Bytes in memory and on disk, by partition.
    pub fn sizes(&self) -> Vec<(u64, u64)> {
        let disk = |own: &KeptPartition| own.spilled.as_ref().and_then(|file| file.size()).unwrap_or(0);
        self.partitions.iter().map(|own| (own.reservation.size() as u64, disk(own))).collect()
    }

    /// A table that scans the rows, in as many partitions as the query had.
    pub fn table(&self) -> Result<Arc<dyn TableProvider>> {
        if self.partitions.iter().all(|partition| partition.spilled.is_none()) {
            // DataFusion's own table knows its size, which helps to order joins.
            let batches = self.partitions.iter().map(|partition| partition.batches.clone()).collect();
            let table = MemTable::try_new(Arc::clone(&self.schema), batches).map_err(from_datafusion)?;
            return Ok(Arc::new(table));
        }
        let partitions = self.partitions.iter().map(|own| Arc::clone(own) as Arc<dyn PartitionStream>).collect();
        let table = StreamingTable::try_new(Arc::clone(&self.schema), partitions).map_err(from_datafusion)?;
        Ok(Arc::new(table))
    }
}

/// Runs all partitions of `plan` and keeps their rows under the names of `schema`. A level without memory keeps them
/// on disk; one without disk still goes there when memory ends, where Spark would compute the rows again.
pub async fn fill(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    level: pb::StorageLevel,
    storage: Arc<Storage>,
    cancel: CancelToken,
) -> Result<KeptRows> {
    let count = plan.output_partitioning().partition_count();
    let slots = context.session_config().target_partitions();
    let names = Arc::clone(&schema);
    let mut tasks = Slots::new(
        slots,
        (0..count).map(move |index| {
            let (plan, context) = (Arc::clone(&plan), Arc::clone(&context));
            let partition = Filling::new(index, Arc::clone(&names), Arc::clone(&storage), level.use_memory);
            async move { partition.run(plan, context).await.map(|kept| (index, kept)) }
        }),
    );
    let mut partitions: Vec<Option<Arc<KeptPartition>>> = vec![None; count];
    loop {
        // Leaving drops the tasks, which stops them.
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(runner::cancelled()),
            ended = tasks.next() => ended,
        };
        let Some(ended) = ended else { break };
        let (index, kept) = ended.map_err(|error| SparkError::internal(format!("a task panicked: {error}")))??;
        partitions[index] = Some(Arc::new(kept));
    }
    Ok(KeptRows { partitions: partitions.into_iter().flatten().collect(), schema })
}

/// A partition while its rows come in.
struct Filling {
    index: usize,
    memory: bool,
    kept: KeptPartition,
}

impl Filling {
    fn new(index: usize, schema: SchemaRef, storage: Arc<Storage>, memory: bool) -> Self {
        let reservation = MemoryConsumer::new("cached relation").register(&storage.env.memory_pool);
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), index);
        let spills = SpillManager::new(Arc::clone(&storage.env), metrics, Arc::clone(&schema));
        Self {
            index,
            memory,
            kept: KeptPartition { schema, batches: vec![], spilled: None, spills, storage, reservation },
        }
    }

    async fn run(self, plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<KeptPartition> {
        let Self { index, memory, mut kept } = self;
        let mut stream = plan.execute(index, context).map_err(from_datafusion)?;
        let mut file = None;
        while let Some(batch) = stream.next().await {
            let batch = relabel::batch(&batch.map_err(from_datafusion)?, &kept.schema)?;
            if batch.num_rows() == 0 {
                continue;
            }
            // Once on disk the partition stays there: its rows keep their order.
            let bytes = batch.get_array_memory_size();
            if memory && file.is_none() && kept.storage.take(&kept.reservation, bytes) {
                kept.batches.push(batch);
                continue;
            }
            if file.is_none() {
                file = Some(kept.spills.create_in_progress_file("cached relation").map_err(from_datafusion)?);
            }
            if let Some(file) = &mut file {
                file.append_batch(&batch).map_err(from_datafusion)?;
            }
        }
        if let Some(file) = &mut file {
            kept.spilled = file.finish().map_err(from_datafusion)?;
        }
        Ok(kept)
    }
}
