//! `df.write`: files, JDBC, tables.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use firesteel_protocol::connect::{
    self as pb, write_operation::SaveType, write_operation::save_table::TableSaveMethod,
};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::Options;
use firesteel_sources::sink::{self, SaveMode, WriteRequest};

use crate::{OperationHandle, Session, runner};

/// `df.write.save()`, `.saveAsTable()`, `.insertInto()`.
pub async fn run(session: &Session, message: pb::WriteOperation, operation: OperationHandle) -> Result<()> {
    let mode = save_mode(message.mode());
    let relation = message.input.ok_or_else(|| SparkError::internal("a write without relation"))?;
    let mut options = Options::default();
    for (key, value) in &message.options {
        options.set(key, value);
    }
    if !message.clustering_columns.is_empty() {
        return Err(SparkError::unsupported("clusterBy for tables", "Use partitionBy."));
    }
    if let Some(SaveType::Table(table)) = &message.save_type {
        let parts = firesteel_plan::sql::parse_table_name(&table.table_name)?;
        if message.bucket_by.is_some() {
            return Err(SparkError::unsupported(
                "bucketBy",
                "Use partitionBy, or leave it out: it changes no results.",
            ));
        }
        return match table.save_method() {
            TableSaveMethod::InsertInto => {
                if !message.partitioning_columns.is_empty() {
                    return Err(SparkError::new("_LEGACY_ERROR_TEMP_1309").with_message(
                        "insertInto() can't be used together with partitionBy(). Partition columns have already been defined for the table. It is not necessary to use partitionBy().",
                    ));
                }
                super::table::insert(session, &parts, relation, mode == SaveMode::Overwrite, operation).await
            }
            _ => {
                let save = super::table::SaveAs {
                    format: message.source,
                    mode,
                    options: message.options.into_iter().collect(),
                    partition_by: message.partitioning_columns,
                };
                super::table::save_as(session, &parts, relation, save, operation).await
            }
        };
    }
    let path = match message.save_type {
        Some(SaveType::Path(path)) => path,
        _ => String::new(),
    };
    if let Some(source) = message.source.as_deref().and_then(|name| session.functions.source(name)) {
        let mut options: Vec<(String, String)> = message.options.into_iter().collect();
        if !path.is_empty() {
            options.push(("path".into(), path));
        }
        return super::python_source::write(session, &source, mode, options, relation, operation).await;
    }
    let bucket_by = message.bucket_by.map(|bucket| bucket.bucket_column_names).unwrap_or_default();
    let request = WriteRequest {
        format: message.source,
        mode,
        options,
        path,
        partition_by: message.partitioning_columns,
        bucket_by,
        sort_by: message.sort_column_names,
        static_partitions: vec![],
    };
    save(session, request, relation, operation).await
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

/// Runs a relation into files or another database.
pub(crate) async fn save(
    session: &Session,
    request: WriteRequest,
    relation: pb::Relation,
    operation: OperationHandle,
) -> Result<()> {
    let planned = session.plan(relation).await?;
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
    let record = session.queries.start(&operation.id, Arc::clone(&planned.physical));
    let mut guard = crate::metrics::EndGuard::new(record);
    let partitions =
        datafusion::physical_plan::ExecutionPlanProperties::output_partitioning(&planned.physical).partition_count();
    let stage = operation.progress.add_stage(partitions as u64);
    let write = sink::write(&request, planned.physical, &fields, task_ctx, &ctx);
    let result = tokio::select! {
        biased;
        () = operation.cancel.cancelled() => Err(runner::cancelled()),
        written = write => written,
    };
    stage.completed.store(partitions as u64, std::sync::atomic::Ordering::Relaxed);
    stage.done.store(true, std::sync::atomic::Ordering::Relaxed);
    match result {
        Ok(stats) => {
            guard.succeeded();
            tracing::debug!(rows = stats.rows, files = stats.files, "rows written");
            Ok(())
        }
        Err(error) => {
            guard.failed();
            Err(error)
        }
    }
}

/// `df.writeTo(table)`.
pub async fn run_v2(session: &Session, message: pb::WriteOperationV2, operation: OperationHandle) -> Result<()> {
    use pb::write_operation_v2::Mode;
    let parts = firesteel_plan::sql::parse_table_name(&message.table_name)?;
    let mode = message.mode();
    let relation = message.input.ok_or_else(|| SparkError::internal("a write without relation"))?;
    let mut partition_by = vec![];
    for expression in &message.partitioning_columns {
        match &expression.expr_type {
            Some(pb::expression::ExprType::UnresolvedAttribute(attribute)) => {
                partition_by.push(attribute.unparsed_identifier.clone())
            }
            _ => {
                return Err(SparkError::unsupported(
                    "partition transforms",
                    "Add a column with the value and partition by it.",
                ));
            }
        }
    }
    let save_as = |mode: SaveMode| super::table::SaveAs {
        format: message.provider.clone(),
        mode,
        options: message.options.clone().into_iter().collect(),
        partition_by: partition_by.clone(),
    };
    match mode {
        Mode::Create => {
            super::table::save_as(session, &parts, relation, save_as(SaveMode::ErrorIfExists), operation).await
        }
        Mode::CreateOrReplace => {
            super::table::save_as(session, &parts, relation, save_as(SaveMode::Overwrite), operation).await
        }
        Mode::Replace => {
            super::table::existing(session, &parts)?;
            super::table::save_as(session, &parts, relation, save_as(SaveMode::Overwrite), operation).await
        }
        Mode::Append => super::table::insert(session, &parts, relation, false, operation).await,
        Mode::Overwrite | Mode::OverwritePartitions => Err(SparkError::unsupported(
            "overwrite by condition",
            "Use df.write.mode(\"overwrite\") with partitionOverwriteMode=dynamic.",
        )),
        Mode::Unspecified => Err(SparkError::internal("a write of unspecified mode")),
    }
}
