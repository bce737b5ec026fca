//! Commands: what a client executes that is no query. One `match`; one file a family.

pub mod alter;
pub mod cached;
pub mod column;
pub mod create_table;
pub mod database;
pub mod describe;
pub mod drop;
pub mod insert;
pub mod partition;
pub mod setting;
pub mod show;
pub mod sql;
pub mod statistics;
pub mod view;
pub mod write;

use firesteel_protocol::connect::{self as pb, command::CommandType, execute_plan_response::ResponseType};
use firesteel_protocol::{Result, SparkError};

use crate::{OperationHandle, Session};

/// Runs a command; what it gives goes to the client.
pub async fn run(session: &Session, command: pb::Command, operation: OperationHandle) -> Result<Vec<ResponseType>> {
    let kind = command.command_type.ok_or_else(|| SparkError::internal("a command without kind"))?;
    match kind {
        CommandType::SqlCommand(message) => sql::run(session, message, operation).await,
        CommandType::WriteOperation(message) => write::run(session, message, operation).await.map(|()| vec![]),
        CommandType::WriteOperationV2(message) => write::run_v2(session, message, operation).await.map(|()| vec![]),
        CommandType::CreateDataframeView(message) => view::create(session, message).await.map(|()| vec![]),
        CommandType::CheckpointCommand(message) => checkpoint(session, message).await,
        CommandType::RemoveCachedRemoteRelationCommand(message) => {
            if let Some(relation) = message.relation {
                session.cache.remove_remote(&relation.relation_id);
            }
            Ok(vec![])
        }
        CommandType::GetResourcesCommand(_) => {
            Ok(vec![ResponseType::GetResourcesCommandResult(pb::GetResourcesCommandResult::default())])
        }
        CommandType::RegisterFunction(udf) => Err(SparkError::unsupported(
            format!("the user-defined function `{}`", udf.function_name),
            "Write it with the functions of pyspark.sql.functions for now.",
        )),
        CommandType::RegisterTableFunction(_) => {
            Err(SparkError::unsupported("Python table functions", "Use explode over an array for now."))
        }
        CommandType::RegisterDataSource(_) => Err(SparkError::unsupported(
            "Python data sources",
            "Read the rows in Python and pass them to createDataFrame.",
        )),
        CommandType::WriteStreamOperationStart(_)
        | CommandType::StreamingQueryCommand(_)
        | CommandType::StreamingQueryManagerCommand(_)
        | CommandType::StreamingQueryListenerBusCommand(_) => {
            Err(SparkError::unsupported("Structured Streaming", "Run the query as a batch."))
        }
        CommandType::MlCommand(_) => {
            Err(SparkError::unsupported("pyspark.ml", "Use scikit-learn on toPandas() for now."))
        }
        CommandType::MergeIntoTableCommand(_) => {
            Err(SparkError::unsupported("MERGE INTO", "Write the merged rows with overwrite."))
        }
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

/// `checkpoint` and `localCheckpoint`: the rows are computed now and kept for the session.
async fn checkpoint(session: &Session, message: pb::CheckpointCommand) -> Result<Vec<ResponseType>> {
    let relation = message.relation.ok_or_else(|| SparkError::internal("a checkpoint without relation"))?;
    let id = uuid::Uuid::new_v4().to_string();
    let kept = session.keep(relation).await?;
    session.cache.keep_remote(&id, kept);
    let relation = Some(pb::CachedRemoteRelation { relation_id: id });
    Ok(vec![ResponseType::CheckpointCommandResult(pb::CheckpointCommandResult { relation })])
}
