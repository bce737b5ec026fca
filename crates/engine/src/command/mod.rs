//! Commands: what a client executes that is no query. One `match`; one file a family.

pub mod alter;
pub mod cached;
pub mod column;
pub mod console;
pub mod create_table;
pub mod database;
pub mod describe;
pub mod drop;
pub mod function;
pub mod insert;
pub mod load;
pub mod metric_view;
pub mod partition;
pub mod python_source;
pub mod resource;
pub mod routine;
pub mod script;
pub mod setting;
pub mod show;
pub mod sql;
pub mod statistics;
pub mod variable;
pub mod view;
pub mod write;

use firesteel_protocol::connect::{self as pb, command::CommandType, execute_plan_response::ResponseType};
use firesteel_protocol::{Result, SparkError};

use crate::{CancelToken, OperationHandle, Session};

/// Runs a command; what it gives goes to the client.
pub async fn run(session: &Session, command: pb::Command, operation: OperationHandle) -> Result<Vec<ResponseType>> {
    let kind = command.command_type.ok_or_else(|| SparkError::internal("a command without kind"))?;
    match kind {
        CommandType::SqlCommand(message) => sql::run(session, message, operation).await,
        CommandType::WriteOperation(message) => write::run(session, message, operation).await.map(|()| vec![]),
        CommandType::WriteOperationV2(message) => write::run_v2(session, message, operation).await.map(|()| vec![]),
        CommandType::CreateDataframeView(message) => view::create(session, message).await.map(|()| vec![]),
        CommandType::CheckpointCommand(message) => checkpoint(session, message, operation.cancel).await,
        CommandType::RemoveCachedRemoteRelationCommand(message) => {
            if let Some(relation) = message.relation {
                session.cache.remove_remote(&relation.relation_id);
            }
            Ok(vec![])
        }
        CommandType::GetResourcesCommand(_) => {
            Ok(vec![ResponseType::GetResourcesCommandResult(pb::GetResourcesCommandResult::default())])
        }
        CommandType::RegisterFunction(udf) => session.register_function(&udf).map(|()| vec![]),
        CommandType::RegisterTableFunction(udtf) => session.register_table_function(&udtf).map(|()| vec![]),
        CommandType::RegisterDataSource(source) => session.register_data_source(&source).map(|()| vec![]),
        CommandType::WriteStreamOperationStart(_)
        | CommandType::StreamingQueryCommand(_)
        | CommandType::StreamingQueryManagerCommand(_)
        | CommandType::StreamingQueryListenerBusCommand(_) => {
            // The streaming engine above this crate takes them before they come here.
            Err(SparkError::internal("a streaming command reached the engine"))
        }
        CommandType::MlCommand(_) => {
            Err(SparkError::unsupported("pyspark.ml", "Use scikit-learn on toPandas() for now."))
        }
        CommandType::MergeIntoTableCommand(merge) => Err(sql::refused_merge(session, &merge)?),
        CommandType::CreateResourceProfileCommand(_) => {
            Err(SparkError::unsupported("resource profiles", "Set spark.driver.memory and the master's cores."))
        }
        CommandType::ExecuteExternalCommand(message) => {
            Err(SparkError::new("DATA_SOURCE_NOT_FOUND").with("provider", message.runner))
        }
        CommandType::PipelineCommand(_) => {
            Err(SparkError::unsupported("declarative pipelines", "Run the steps as a script."))
        }
        CommandType::Extension(any) => {
            Err(SparkError::unsupported(format!("the command extension {}", any.type_url), "Use Spark's own commands."))
        }
    }
}

/// Where `SparkContext.setCheckpointDir` says that checkpoints go.
const CHECKPOINT_DIR: &str = "spark.checkpoint.dir";

/// `checkpoint` and `localCheckpoint`: the rows are computed now and kept for the session.
async fn checkpoint(
    session: &Session,
    message: pb::CheckpointCommand,
    cancel: CancelToken,
) -> Result<Vec<ResponseType>> {
    let relation = message.relation.ok_or_else(|| SparkError::internal("a checkpoint without relation"))?;
    session.refuse_streams(relation.clone()).await?;
    if !message.local && session.conf().lookup(CHECKPOINT_DIR).is_none() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_3016")
            .with_message("Checkpoint directory has not been set in the SparkContext"));
    }
    let level = message.storage_level.unwrap_or_else(crate::cache::default_level);
    let id = uuid::Uuid::new_v4().to_string();
    let kept = session.keep(relation, level, cancel).await?;
    session.cache.keep_remote(&id, kept);
    let relation = Some(pb::CachedRemoteRelation { relation_id: id });
    Ok(vec![ResponseType::CheckpointCommandResult(pb::CheckpointCommandResult { relation })])
}
