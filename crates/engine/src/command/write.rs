//! `df.write`, `df.writeTo`: files, JDBC, tables.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use firesteel_plan::sql::build;
use firesteel_protocol::connect::{
    self as pb, expression::ExprType, relation::RelType, write_operation::SaveType,
    write_operation::save_table::TableSaveMethod,
};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::scan::table::FileTable;
use firesteel_sources::sink::{self, SaveMode, WriteRequest};
use firesteel_sources::{Options, ReadRequest};

use super::create_table::{self, SaveAs};
use super::insert::{self, Columns, Insert};
use crate::catalog::Table;
use crate::catalog::table::Bucketing;
use crate::{OperationHandle, Session, runner};

/// `df.write.save()`, `.saveAsTable()`, `.insertInto()`.
pub async fn run(session: &Session, message: pb::WriteOperation, operation: OperationHandle) -> Result<()> {
    let mode = save_mode(message.mode());
    let relation = message.input.ok_or_else(|| SparkError::internal("a write without relation"))?;
    if let Some(SaveType::Table(table)) = &message.save_type {
        let parts = firesteel_plan::sql::parse_table_name(&table.table_name)?;
        if table.save_method() == TableSaveMethod::InsertInto {
            session.refuse_streams(relation.clone()).await.map_err(not_for_streams)?;
            if message.bucket_by.is_some() {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1312").with("operation", "insertInto"));
            }
            if !message.partitioning_columns.is_empty() {
                return Err(SparkError::new("PARTITION_BY_NOT_ALLOWED_WITH_INSERT_INTO")
                    .with("tableName", crate::catalog::unquoted(&parts)));
            }
            let insert = Insert {
                table: parts,
                overwrite: mode == SaveMode::Overwrite,
                partition: vec![],
                if_partition_not_exists: false,
                columns: Columns::Position,
                // Spark takes no options here: they are the table's.
                options: vec![],
            };
            return insert::run(session, insert, relation, operation).await;
        }
        let save = SaveAs {
            format: message.source,
            mode,
            options: message.options.into_iter().collect(),
            partition_by: message.partitioning_columns,
            bucketing: bucketing(message.bucket_by, message.sort_column_names)?,
            cluster_by: message.clustering_columns,
            ..SaveAs::default()
        };
        return create_table::save_as(session, &parts, relation, save, operation).await.map_err(not_for_streams);
    }
    let mut options = Options::default();
    for (key, value) in &message.options {
        options.set(key, value);
    }
    let path = match message.save_type {
        Some(SaveType::Path(path)) => path,
        _ => String::new(),
    };
    if !path.is_empty() && options.contains("path") {
        let key = "spark.sql.legacy.pathOptionBehavior.enabled";
        if !session.conf().get(key).is_ok_and(|value| value.as_deref() == Some("true")) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1307").with("config", key));
        }
    }
    if let Some(source) = message.source.as_deref().and_then(|name| session.functions.source(name)) {
        refuse_layout(&message.partitioning_columns, message.bucket_by.is_some())?;
        let mut options: Vec<(String, String)> = message.options.into_iter().collect();
        if !path.is_empty() {
            options.push(("path".into(), path));
        }
        return super::python_source::write(session, &source, mode, options, relation, operation).await;
    }
    if message.source.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("console")) {
        return super::console::run(session, &options, relation, operation).await;
    }
    if let Some(error) = message.source.as_deref().and_then(|format| read_only(session, format, &options, &path)) {
        return Err(error);
    }
    let request = WriteRequest {
        format: message.source,
        mode,
        options,
        path,
        partition_by: message.partitioning_columns,
        bucket_by: message.bucket_by.map(|bucket| bucket.bucket_column_names).unwrap_or_default(),
        sort_by: message.sort_column_names,
        ..Default::default()
    };
    save(session, request, relation, Store::Path, operation).await
}

/// What Spark says to writes to its sources that can only be read. The state of streams is opened before.
fn read_only(session: &Session, format: &str, options: &Options, path: &str) -> Option<SparkError> {
    let class = match format.to_lowercase().as_str() {
        "rate" => "execution.streaming.sources.RateStreamProvider",
        "statestore" => "execution.datasources.v2.state.StateDataSource",
        "state-metadata" => "execution.datasources.v2.state.metadata.StateMetadataSource",
        _ => return None,
    };
    let request = ReadRequest {
        format: Some(format.to_string()),
        options: options.clone(),
        paths: Some(path.to_string()).filter(|path| !path.is_empty()).into_iter().collect(),
        ..ReadRequest::default()
    };
    let open = session.engine.reader();
    let opened = open.map(|open| open(&session.arc(), &request, &session.resolve_context().source));
    let message = format!("org.apache.spark.sql.{class} does not allow create table as select.");
    Some(match opened {
        Some(Err(error)) => error,
        _ => SparkError::internal(message),
    })
}

fn bucketing(bucket_by: Option<pb::write_operation::BucketBy>, sort_columns: Vec<String>) -> Result<Option<Bucketing>> {
    let Some(bucket) = bucket_by else {
        return if sort_columns.is_empty() { Ok(None) } else { Err(SparkError::new("SORT_BY_WITHOUT_BUCKETING")) };
    };
    if bucket.num_buckets == 0 {
        return Ok(None);
    }
    let buckets = create_table::bucket_count(bucket.num_buckets)?;
    Ok(Some(Bucketing { columns: bucket.bucket_column_names, sort_columns, buckets }))
}

fn save_mode(mode: pb::write_operation::SaveMode) -> SaveMode {
    use pb::write_operation::SaveMode as Mode;
    match mode {
        Mode::Append => SaveMode::Append,
        Mode::Overwrite => SaveMode::Overwrite,
        Mode::Ignore => SaveMode::Ignore,
        Mode::ErrorIfExists | Mode::Unspecified => SaveMode::ErrorIfExists,
    }
}

/// What the rows are written into, besides files.
#[derive(Debug, Clone)]
pub enum Store {
    /// Files at a path, or another database.
    Path,
    /// A table of the catalog, which learns of its partitions.
    Table(Arc<Table>),
    /// A table that the catalog gets once its files are there.
    New(Arc<Table>),
}

/// Runs a relation into files or another database; the partitions that were written.
pub(crate) async fn save(
    session: &Session,
    mut request: WriteRequest,
    mut relation: pb::Relation,
    store: Store,
    operation: OperationHandle,
) -> Result<()> {
    if let Store::Table(table) | Store::New(table) = &store {
        if let Some(bucketing) = &table.bucketing {
            relation = bucketed(relation, bucketing, &request.partition_by);
            request.bucket_column = Some(BUCKET_COLUMN.into());
        }
    }
    let planned = session.plan(relation).await.map_err(not_for_streams)?;
    let overwrites = request.mode == SaveMode::Overwrite;
    if let (true, Store::Table(table) | Store::New(table)) = (overwrites, &store) {
        // Hive reads to the end before it replaces anything, and so does every commit here; Spark's own tables refuse.
        if !table.is_written_by_hive() && reads_below(&planned.relation.plan, &table.location) {
            return Err(SparkError::new("UNSUPPORTED_OVERWRITE.TABLE").with("table", table.quoted()));
        }
    }
    let fields = planned.relation.fields();
    let ctx = session.source_context(session.env());
    let prepared = {
        let (request, fields, ctx) = (request.clone(), fields.clone(), ctx.clone());
        let task = tokio::task::spawn_blocking(move || sink::prepare(&request, &fields, &ctx));
        task.await.map_err(|error| SparkError::internal(error.to_string()))??
    };
    if !prepared {
        return Ok(());
    }
    let task_ctx = Arc::new(TaskContext::from(&session.state()?));
    let record = session.queries.start(session, &operation, Arc::clone(&planned.physical));
    let mut guard = crate::metrics::EndGuard::new(Arc::clone(&record));
    let partitions =
        datafusion::physical_plan::ExecutionPlanProperties::output_partitioning(&planned.physical).partition_count();
    let stage = operation.progress.add_stage(partitions as u64);
    // The catalog knows new partitions before their files are in place: a kill in between leaves partitions without
    // files, which read as empty, and never files that nobody sees.
    let catalog = session.store();
    let told = match &store {
        Store::Table(table) if !request.partition_by.is_empty() => Some((catalog?, Arc::clone(table))),
        _ => None,
    };
    let announce = move |written: &[String]| match &told {
        Some((catalog, table)) => catalog.add_partitions(table, written),
        None => Ok(()),
    };
    let write = sink::write(&request, planned.executable(session)?, &fields, task_ctx, &ctx, Box::new(announce));
    let result = tokio::select! {
        biased;
        () = operation.cancel.cancelled() => Err(runner::cancelled()),
        written = write => written,
    };
    stage.completed.store(partitions as u64, std::sync::atomic::Ordering::Relaxed);
    stage.done.store(true, std::sync::atomic::Ordering::Relaxed);
    let stats = result.inspect_err(|error| guard.failed(error))?;
    record.set_written(crate::metrics::Written {
        rows: stats.rows,
        size_bytes: stats.size_bytes,
        files: stats.files,
        folders: stats.partitions.len() as u64,
    });
    crate::query::observe_all(&session.arc(), planned.observed, &operation.observed)
        .await
        .inspect_err(|error| guard.failed(error))?;
    guard.succeeded();
    tracing::debug!(rows = stats.rows, files = stats.files, "rows written");
    finish(session, &request, &store, &stats)
}

/// Tells the catalog and the cache what was written.
fn finish(session: &Session, request: &WriteRequest, store: &Store, stats: &sink::WriteStats) -> Result<()> {
    if !request.path.is_empty() {
        session.forget_rows(&session.absolute(&request.path).unwrap_or_else(|_| request.path.clone()));
    }
    match store {
        Store::Path => Ok(()),
        Store::Table(table) => {
            let catalog = session.store()?;
            let dynamic = request.options.get("partitionOverwriteMode").map(str::to_string);
            let dynamic = dynamic.or_else(|| session.conf().lookup("spark.sql.sources.partitionOverwriteMode"));
            let is_static = !dynamic.is_some_and(|mode| mode.eq_ignore_ascii_case("dynamic"));
            if request.mode == SaveMode::Overwrite && is_static && !request.partition_by.is_empty() {
                let known = catalog.partitions(table)?;
                let gone =
                    super::partition::after_overwrite(table, &known, &request.static_partitions, &stats.partitions);
                catalog.drop_partitions(table, &gone)?;
            }
            if !request.static_partitions.is_empty() && request.static_partitions.len() == table.partition_columns.len()
            {
                // An overwrite without rows makes the partition all the same.
                let values: super::partition::Values = request
                    .static_partitions
                    .iter()
                    .map(|(column, value)| (column.clone(), Some(value.clone())))
                    .collect();
                catalog.add_partitions(table, &[super::partition::folder(table, &values)])?;
            }
            if table.statistics.is_some() {
                catalog.update_table(&Table { statistics: None, ..table.as_ref().clone() })?;
            }
            Ok(())
        }
        Store::New(table) => session.store()?.replace_table(table, &stats.partitions),
    }
}

/// The column that says which bucket a row goes to; it is not written.
const BUCKET_COLUMN: &str = "__bucket";

/// Rows with their buckets, each bucket in order if that is asked for.
fn bucketed(relation: pb::Relation, bucketing: &Bucketing, partition_by: &[String]) -> pb::Relation {
    let column = |name: &String| build::attribute(std::slice::from_ref(name));
    let hash = build::call("hash", bucketing.columns.iter().map(column).collect());
    let count = i32::try_from(bucketing.buckets).unwrap_or(i32::MAX);
    let bucket = build::call("pmod", vec![hash, build::int(count)]);
    let star = build::expr(ExprType::UnresolvedStar(pb::expression::UnresolvedStar::default()));
    let expressions = vec![star, build::alias(bucket, vec![BUCKET_COLUMN.into()])];
    let project = pb::Project { input: Some(Box::new(relation)), expressions };
    let project = build::rel(RelType::Project(Box::new(project)));
    if bucketing.sort_columns.is_empty() {
        return project;
    }
    let keys = partition_by
        .iter()
        .chain([&BUCKET_COLUMN.to_string()])
        .chain(&bucketing.sort_columns)
        .map(column)
        .collect::<Vec<_>>();
    let order = keys
        .into_iter()
        .map(|child| pb::expression::SortOrder {
            child: Some(Box::new(child)),
            direction: pb::expression::sort_order::SortDirection::Ascending.into(),
            null_ordering: pb::expression::sort_order::NullOrdering::SortNullsFirst.into(),
        })
        .collect();
    let sort = pb::Sort { input: Some(Box::new(project)), order, is_global: Some(false) };
    build::rel(RelType::Sort(Box::new(sort)))
}

/// Whether a plan scans files below a folder.
fn reads_below(plan: &LogicalPlan, location: &str) -> bool {
    let mut found = false;
    // The visitor never fails.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider: Option<Arc<dyn TableProvider>> =
                datafusion::datasource::source_as_provider(&scan.source).ok();
            let files = provider.as_deref().and_then(|own| (own as &dyn Any).downcast_ref::<FileTable>());
            found = found || files.is_some_and(|files| files.reads_below(Path::new(location)));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// `df.write` of a stream.
pub(super) fn not_for_streams(error: SparkError) -> SparkError {
    not_called_on_streams("`write`", error)
}

fn not_called_on_streams(method: &str, error: SparkError) -> SparkError {
    match error.condition() {
        "_LEGACY_ERROR_TEMP_3102" | "CALL_ON_STREAMING_DATASET_UNSUPPORTED" => {
            SparkError::new("CALL_ON_STREAMING_DATASET_UNSUPPORTED").with("methodName", method)
        }
        _ => error,
    }
}

/// `partitioning.bucket(n, column)`, the only transform that the session's catalog knows.
fn transform(call: &pb::expression::UnresolvedFunction) -> Result<Bucketing> {
    use pb::expression::{ExprType, literal::LiteralType};
    let names = call.arguments.iter().filter_map(|argument| match &argument.expr_type {
        Some(ExprType::UnresolvedAttribute(attribute)) => Some(attribute.unparsed_identifier.clone()),
        _ => None,
    });
    let columns: Vec<String> = names.collect();
    let first = call.arguments.first().and_then(|argument| argument.expr_type.as_ref());
    match (call.function_name.to_ascii_lowercase().as_str(), first) {
        ("bucket", Some(ExprType::Literal(count))) => match count.literal_type {
            Some(LiteralType::Integer(count)) => {
                Ok(Bucketing { columns, sort_columns: vec![], buckets: create_table::bucket_count(count)? })
            }
            _ => Err(SparkError::new("INVALID_BUCKET_COUNT").with("bucketingMaxBuckets", "100000")),
        },
        (name @ ("years" | "months" | "days" | "hours"), _) => Err(SparkError::new("UNSUPPORTED_PARTITION_TRANSFORM")
            .with("transform", format!("`{name}({})`", columns.join(", ")))),
        (name, _) => Err(SparkError::unsupported(
            format!("partitioning by {name}(..)"),
            "Add a column with the value and partition by it.",
        )),
    }
}

/// `df.writeTo(table)`.
pub async fn run_v2(session: &Session, message: pb::WriteOperationV2, operation: OperationHandle) -> Result<()> {
    use pb::write_operation_v2::Mode;
    let parts = firesteel_plan::sql::parse_table_name(&message.table_name)?;
    let mode = message.mode();
    let relation = message.input.ok_or_else(|| SparkError::internal("a write without relation"))?;
    let mut partition_by = vec![];
    let mut bucketing = None;
    for expression in &message.partitioning_columns {
        match &expression.expr_type {
            Some(pb::expression::ExprType::UnresolvedAttribute(attribute)) => {
                partition_by.push(attribute.unparsed_identifier.clone())
            }
            Some(pb::expression::ExprType::UnresolvedFunction(call)) => {
                if bucketing.replace(transform(call)?).is_some() {
                    return Err(SparkError::new("UNSUPPORTED_FEATURE.MULTIPLE_BUCKET_TRANSFORMS"));
                }
            }
            _ => {
                return Err(SparkError::unsupported(
                    "partition transforms",
                    "Add a column with the value and partition by it.",
                ));
            }
        }
    }
    let save_as = |mode: SaveMode| SaveAs {
        format: message.provider.clone(),
        mode,
        options: message.options.clone().into_iter().collect(),
        properties: message.table_properties.clone().into_iter().collect(),
        partition_by: partition_by.clone(),
        bucketing: bucketing.clone(),
        cluster_by: message.clustering_columns.clone(),
        ..SaveAs::default()
    };
    let refused = |operation: &str| create_table::refused(session, &parts, operation);
    match mode {
        Mode::Create => {
            let made = create_table::save_as(session, &parts, relation, save_as(SaveMode::ErrorIfExists), operation);
            made.await.map_err(|error| not_called_on_streams("`writeTo`", error))
        }
        // Spark's session catalog cannot replace a table in one step.
        Mode::CreateOrReplace | Mode::Replace => Err(refused("REPLACE TABLE AS SELECT")?),
        Mode::Append | Mode::Overwrite | Mode::OverwritePartitions => Err(create_table::not_v2(session, &parts)),
        Mode::Unspecified => Err(SparkError::internal("a write of unspecified mode")),
    }
}

/// A source in Python is a table without partitions and buckets.
fn refuse_layout(partitioning: &[String], buckets: bool) -> Result<()> {
    if buckets {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1312").with("operation", "save"));
    }
    if partitioning.is_empty() {
        return Ok(());
    }
    let given: Vec<String> = partitioning.iter().map(|column| format!("identity({column})")).collect();
    Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!(
        "requirement failed: The provided partitioning or clustering columns do not match the existing table's.\n - \
         provided: {}\n - table: ",
        given.join(", ")
    )))
}
