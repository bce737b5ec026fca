//! Writing files: `df.write.format(..).mode(..).partitionBy(..).save(path)`.
//!
//! [`write()`] runs every partition of a plan as a task of its own ([`task`]), each task writes files of
//! one [`format`] below a staging folder, and [`commit`] renames them into place. [`plan`] checks a
//! request before anything runs. Tables of other databases are written by [`crate::jdbc`].

mod charset;
mod check;
mod commit;
mod encoder;
mod format;
mod load;
mod name;
mod parquet;
mod plan;
mod split;
mod target;
mod task;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::Fields;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::{Result, SparkError};

use crate::slots::Slots;
use crate::storage::InputFile;
use crate::{Options, SourceContext};
pub use check::check_types;
use commit::{Job, Replace};
pub use format::FileWriter;
pub use load::load;
pub use name::partition_folder;
use plan::WritePlan;
pub use target::Target;

/// What a write does with what is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SaveMode {
    Append,
    Overwrite,
    #[default]
    ErrorIfExists,
    Ignore,
}

impl SaveMode {
    /// Spark's name: `ErrorIfExists`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Append => "Append",
            Self::Overwrite => "Overwrite",
            Self::ErrorIfExists => "ErrorIfExists",
            Self::Ignore => "Ignore",
        }
    }
}

/// What a writer was told.
#[derive(Debug, Clone, Default)]
pub struct WriteRequest {
    /// Short name or class name; `None` means `spark.sql.sources.default`.
    pub format: Option<String>,
    pub mode: SaveMode,
    pub options: Options,
    /// As the user wrote it; empty where a format needs none, or when the option `path` says it.
    pub path: String,
    /// Columns whose values become folders.
    pub partition_by: Vec<String>,
    /// Columns of `bucketBy`, which Spark refuses for a path.
    pub bucket_by: Vec<String>,
    /// Columns of `sortBy`, likewise.
    pub sort_by: Vec<String>,
    /// Values of partition columns that `INSERT OVERWRITE ... PARTITION (k = v)` fixes: a static
    /// overwrite then replaces only what lies below them. Empty for a DataFrame writer.
    pub static_partitions: Vec<(String, Option<String>)>,
    /// A column of the input, an integer, that says which bucket a row belongs to. It is not written; the files of a
    /// bucket have its number in their names.
    pub bucket_column: Option<String>,
}

/// Called with the partitions that were written, before any of it is visible; an error undoes the write.
pub type BeforeCommit = Box<dyn FnOnce(&[String]) -> Result<()> + Send>;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteStats {
    pub rows: u64,
    /// Bytes on disk; 0 for databases.
    pub size_bytes: u64,
    pub files: u64,
    /// Partition folders written, relative to the path, sorted.
    pub partitions: Vec<String>,
    /// The files, where they were written: below the staging folder of a job.
    pub paths: Vec<PathBuf>,
}

/// Checks a request as [`write()`] will, without running anything. `false`: there is nothing to do
/// (mode `Ignore` and the target exists).
///
/// # Errors
/// Spark's conditions for an existing path, partition columns, types that the format cannot hold,
/// unknown codecs.
pub fn prepare(request: &WriteRequest, fields: &Fields, ctx: &SourceContext) -> Result<bool> {
    if is_jdbc(request) {
        return crate::jdbc::prepare(request, fields, ctx);
    }
    Ok(WritePlan::new(request, fields, None, ctx)?.is_some())
}

/// Writes the rows of `input`. `fields` gives the plan's columns their Spark names and canonical types.
///
/// As many partitions as there are slots run at once, each streaming into files of its own. Nothing is visible before all of
/// them are complete; if one fails, or this future is dropped, all that was written is removed and the
/// target is as it was. See [`commit`] for what a killed process leaves.
pub async fn write(
    request: &WriteRequest,
    input: Arc<dyn ExecutionPlan>,
    fields: &Fields,
    task_ctx: Arc<TaskContext>,
    ctx: &SourceContext,
    before_commit: BeforeCommit,
) -> Result<WriteStats> {
    if is_jdbc(request) {
        return crate::jdbc::write(request, input, fields, task_ctx, ctx).await;
    }
    let Some(plan) = WritePlan::new(request, fields, Some(&input.schema()), ctx)? else {
        return Ok(WriteStats::default());
    };
    let plan = Arc::new(plan);
    if plan.format.is_noop() {
        return drain(&plan, input, task_ctx).await;
    }
    // Declared first, dropped last: tasks stop before what they wrote is cleared away.
    let job = Job::start(&plan.target.path, plan.replace.clone()).map_err(|cause| plan.target.write_failed(cause))?;
    let job = job.marked(marks_success(request, ctx));
    let stats = run(&plan, job.root(), input, task_ctx).await?;
    let partitions: Vec<String> = stats.partitions.clone();
    let target = plan.target.clone();
    let commit = move || {
        before_commit(&partitions)?;
        job.commit(&partitions).map_err(|cause| target.write_failed(cause))
    };
    tokio::task::spawn_blocking(commit).await.map_err(|error| SparkError::internal(error.to_string()))??;
    Ok(stats)
}

/// Writes the rows of `input` beside what is there, without a commit: a log that names the files makes them visible.
/// The files are on the disk when this returns.
pub async fn write_listed(
    request: &WriteRequest,
    input: Arc<dyn ExecutionPlan>,
    fields: &Fields,
    task_ctx: Arc<TaskContext>,
    ctx: &SourceContext,
) -> Result<(WriteStats, Vec<InputFile>)> {
    let Some(plan) = WritePlan::new(request, fields, Some(&input.schema()), ctx)? else {
        return Err(SparkError::internal("a stream writes in mode append"));
    };
    let plan = Arc::new(plan);
    let root = plan.target.path.clone();
    std::fs::create_dir_all(&root).map_err(|cause| plan.target.write_failed(cause))?;
    let stats = run(&plan, &root, input, task_ctx).await?;
    let paths = stats.paths.clone();
    let synced = tokio::task::spawn_blocking(move || paths.iter().map(|path| synced(path)).collect::<Result<Vec<_>>>());
    let files = synced.await.map_err(|error| SparkError::internal(error.to_string()))??;
    crate::stream::fault::step("the files are written")?;
    Ok((stats, files))
}

/// Has a written file on the disk, and says what it is.
fn synced(path: &std::path::Path) -> Result<InputFile> {
    let failed = |error| crate::stream::log::failed("cannot write", path, error);
    crate::stream::fault::point("a file is not on the disk").map_err(failed)?;
    std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    if let Some(folder) = path.parent() {
        crate::stream::log::sync_dir(folder).map_err(failed)?;
    }
    crate::listing::find_file(path)?.ok_or_else(|| SparkError::internal("a file vanished while it was written"))
}

fn is_jdbc(request: &WriteRequest) -> bool {
    request.format.as_deref().is_some_and(|format| {
        format.eq_ignore_ascii_case("jdbc") || format.starts_with("org.apache.spark.sql.execution.datasources.jdbc")
    })
}

/// Runs all partitions and drops the rows: format `noop`.
async fn drain(plan: &Arc<WritePlan>, input: Arc<dyn ExecutionPlan>, task_ctx: Arc<TaskContext>) -> Result<WriteStats> {
    let partitions = input.properties().output_partitioning().partition_count();
    let slots = task_ctx.session_config().target_partitions();
    let plan = Arc::clone(plan);
    join(Slots::new(
        slots,
        (0..partitions).map(move |partition| {
            let (plan, input, task_ctx) = (Arc::clone(&plan), Arc::clone(&input), Arc::clone(&task_ctx));
            async move { task::drain(plan, input.execute(partition, task_ctx).map_err(from_datafusion)?).await }
        }),
    ))
    .await
}

/// Whether a complete write is marked by a file: as the writer's options or Hadoop's configuration say.
fn marks_success(request: &WriteRequest, ctx: &SourceContext) -> bool {
    const KEY: &str = "mapreduce.fileoutputcommitter.marksuccessfuljobs";
    let value = request.options.get(KEY).map(str::to_string).or_else(|| ctx.conf(&format!("spark.hadoop.{KEY}")));
    value.is_none_or(|value| !value.trim().eq_ignore_ascii_case("false"))
}

/// Writes all partitions below `root`; a plan without partitions is a file without rows.
async fn run(
    plan: &Arc<WritePlan>,
    root: &std::path::Path,
    input: Arc<dyn ExecutionPlan>,
    task_ctx: Arc<TaskContext>,
) -> Result<WriteStats> {
    let partitions = input.properties().output_partitioning().partition_count();
    if partitions == 0 {
        let (plan, root) = (Arc::clone(plan), root.to_path_buf());
        return join(Slots::new(1, std::iter::once(async move { task::run_empty(&plan, &root) }))).await;
    }
    let slots = task_ctx.session_config().target_partitions();
    let (plan, root) = (Arc::clone(plan), root.to_path_buf());
    join(Slots::new(
        slots,
        (0..partitions).map(move |partition| {
            let input = Arc::clone(&input);
            let task = task::Task {
                plan: Arc::clone(&plan),
                partition,
                concurrent: partitions.min(slots),
                root: root.clone(),
                task_ctx: Arc::clone(&task_ctx),
            };
            async move {
                let stream = input.execute(partition, Arc::clone(&task.task_ctx)).map_err(from_datafusion)?;
                task.run(stream).await
            }
        }),
    ))
    .await
}

/// Waits for all tasks; the first failure ends the others.
async fn join<F, W>(mut tasks: Slots<Result<WriteStats>, W>) -> Result<WriteStats>
where
    F: Future<Output = Result<WriteStats>> + Send + 'static,
    W: Iterator<Item = F>,
{
    let mut total = WriteStats::default();
    let mut failure = None;
    while let Some(done) = tasks.next().await {
        let outcome = match done {
            Ok(outcome) => outcome,
            Err(error) if error.is_cancelled() => continue,
            Err(error) => Err(SparkError::internal(format!("a write task died: {error}"))),
        };
        match outcome {
            Ok(stats) => {
                total.rows += stats.rows;
                total.size_bytes += stats.size_bytes;
                total.files += stats.files;
                total.partitions.extend(stats.partitions);
                total.paths.extend(stats.paths);
            }
            Err(error) => {
                // The others are waited for, so that nobody still writes when the job is cleared away.
                tasks.stop();
                failure.get_or_insert(error);
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None => {
            total.partitions.sort_unstable();
            total.partitions.dedup();
            Ok(total)
        }
    }
}

/// What a finished job does to files that were there before.
fn replace_of(mode: SaveMode, dynamic: bool, static_folder: Option<String>) -> Replace {
    match (mode, dynamic, static_folder) {
        (SaveMode::Overwrite, true, _) => Replace::WrittenPartitions,
        (SaveMode::Overwrite, false, Some(folder)) => Replace::Below(folder),
        (SaveMode::Overwrite, false, None) => Replace::All,
        _ => Replace::Nothing,
    }
}
