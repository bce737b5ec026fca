//! The streaming commands of Spark Connect.

use std::sync::Arc;
use std::time::Duration;

use firesteel_protocol::connect::{
    self as pb, command::CommandType, execute_plan_response::ResponseType, streaming_query_command::Command as Ask,
    streaming_query_command_result as result, streaming_query_listener_bus_command::Command as Listen,
    streaming_query_manager_command::Command as Manage, streaming_query_manager_command_result as managed,
};
use firesteel_protocol::{Result, SparkError};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::StreamingQueryManager;
use crate::listener::Ask as Settle;
use crate::query::StreamingQuery;

/// What a command gives.
#[derive(Debug)]
pub enum Answer {
    /// What to tell the client.
    Responses(Vec<ResponseType>),
    /// A first response, then events until their sender is gone.
    Events(ResponseType, UnboundedReceiver<pb::StreamingQueryListenerEvent>),
}

/// Whether a command is one of those that [`StreamingQueryManager::execute`] runs.
pub fn is_streaming_command(command: &pb::Command) -> bool {
    matches!(
        command.command_type,
        Some(
            CommandType::WriteStreamOperationStart(_)
                | CommandType::StreamingQueryCommand(_)
                | CommandType::StreamingQueryManagerCommand(_)
                | CommandType::StreamingQueryListenerBusCommand(_)
        )
    )
}

/// Events as a response.
pub fn events_response(events: Vec<pb::StreamingQueryListenerEvent>) -> ResponseType {
    let result = pb::StreamingQueryListenerEventsResult { events, listener_bus_listener_added: None };
    ResponseType::StreamingQueryListenerEventsResult(result)
}

impl StreamingQueryManager {
    /// Runs a command. `job_tags` are those of the operation that it came with.
    pub async fn execute(self: &Arc<Self>, command: pb::Command, job_tags: Vec<String>) -> Result<Answer> {
        let responses = match command.command_type {
            Some(CommandType::WriteStreamOperationStart(message)) => {
                let started = crate::start::start(self, message, &job_tags).await?;
                vec![ResponseType::WriteStreamOperationStartResult(started)]
            }
            Some(CommandType::StreamingQueryCommand(message)) => {
                vec![ResponseType::StreamingQueryCommandResult(self.query_command(message).await?)]
            }
            Some(CommandType::StreamingQueryManagerCommand(message)) => {
                vec![ResponseType::StreamingQueryManagerCommandResult(self.manager_command(message).await?)]
            }
            Some(CommandType::StreamingQueryListenerBusCommand(message)) => return self.listener_command(&message),
            _ => return Err(SparkError::internal("no streaming command")),
        };
        Ok(Answer::Responses(responses))
    }

    async fn query_command(&self, message: pb::StreamingQueryCommand) -> Result<pb::StreamingQueryCommandResult> {
        let id = message.query_id.ok_or_else(|| SparkError::internal("a query command without id"))?;
        let query = self.find(&id.id, &id.run_id)?;
        let ask = message.command.ok_or_else(|| SparkError::internal("a query command without kind"))?;
        let result_type = match ask {
            Ask::Status(_) => {
                let status = query.status();
                Some(result::ResultType::Status(result::StatusResult {
                    status_message: status.message,
                    is_data_available: status.is_data_available,
                    is_trigger_active: status.is_trigger_active,
                    is_active: query.is_active(),
                }))
            }
            Ask::LastProgress(_) => {
                let recent_progress_json = query.last_report().iter().map(ToString::to_string).collect();
                Some(result::ResultType::RecentProgress(result::RecentProgressResult { recent_progress_json }))
            }
            Ask::RecentProgress(_) => {
                let recent_progress_json = query.reports().iter().map(ToString::to_string).collect();
                Some(result::ResultType::RecentProgress(result::RecentProgressResult { recent_progress_json }))
            }
            Ask::Stop(_) => {
                query.stop().await;
                self.listeners.settle(Settle::Stop).await;
                None
            }
            Ask::ProcessAllAvailable(_) => {
                let processed = query.process_all_available().await;
                self.listeners.settle(Settle::Wait).await;
                processed?;
                None
            }
            Ask::Explain(explain) => {
                let result = query.explanation(explain.extended);
                Some(result::ResultType::Explain(result::ExplainResult { result }))
            }
            Ask::Exception(_) => Some(result::ResultType::Exception(exception(&query))),
            Ask::AwaitTermination(wait) => {
                let terminated = query.await_termination(timeout(wait.timeout_ms)).await;
                self.listeners.settle(Settle::Wait).await;
                let terminated = terminated?;
                Some(result::ResultType::AwaitTermination(result::AwaitTerminationResult { terminated }))
            }
        };
        Ok(pb::StreamingQueryCommandResult { query_id: Some(id), result_type })
    }

    async fn manager_command(
        &self,
        message: pb::StreamingQueryManagerCommand,
    ) -> Result<pb::StreamingQueryManagerCommandResult> {
        let command = message.command.ok_or_else(|| SparkError::internal("a manager command without kind"))?;
        let result_type = match command {
            Manage::Active(_) => {
                let active_queries = self.active().iter().map(|query| instance(query)).collect();
                Some(managed::ResultType::Active(managed::ActiveResult { active_queries }))
            }
            Manage::GetQuery(id) => self.get(&id)?.map(|query| managed::ResultType::Query(instance(&query))),
            Manage::AwaitAnyTermination(wait) => {
                let terminated = self.await_any(timeout(wait.timeout_ms)).await;
                self.listeners.settle(Settle::Wait).await;
                let terminated = terminated?;
                Some(managed::ResultType::AwaitAnyTermination(managed::AwaitAnyTerminationResult { terminated }))
            }
            Manage::ResetTerminated(_) => {
                self.reset_terminated();
                Some(managed::ResultType::ResetTerminated(true))
            }
            Manage::AddListener(_) | Manage::RemoveListener(_) | Manage::ListListeners(_) => {
                return Err(SparkError::unsupported(
                    "listeners that run in the server",
                    "Add the listener with PySpark 4.0 or later: it runs in the client.",
                ));
            }
        };
        Ok(pb::StreamingQueryManagerCommandResult { result_type })
    }

    fn listener_command(&self, message: &pb::StreamingQueryListenerBusCommand) -> Result<Answer> {
        match message.command {
            Some(Listen::AddListenerBusListener(true)) => {
                let added =
                    pb::StreamingQueryListenerEventsResult { events: vec![], listener_bus_listener_added: Some(true) };
                let first = ResponseType::StreamingQueryListenerEventsResult(added);
                Ok(Answer::Events(first, self.listeners.listen()))
            }
            Some(Listen::RemoveListenerBusListener(true)) => {
                self.listeners.stop();
                Ok(Answer::Responses(vec![]))
            }
            _ => Err(SparkError::internal("a listener command without kind")),
        }
    }
}

fn instance(query: &StreamingQuery) -> managed::StreamingQueryInstance {
    managed::StreamingQueryInstance { id: Some(instance_id(query)), name: query.name.clone() }
}

pub(crate) fn instance_id(query: &StreamingQuery) -> pb::StreamingQueryInstanceId {
    pb::StreamingQueryInstanceId { id: query.id.clone(), run_id: query.run_id.clone() }
}

fn timeout(ms: Option<i64>) -> Option<Duration> {
    ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// The failure as text of Java: the client takes off what stands before the first colon.
fn exception(query: &StreamingQuery) -> result::ExceptionResult {
    let Some(failure) = query.failure() else { return result::ExceptionResult::default() };
    let text =
        format!("org.apache.spark.sql.streaming.StreamingQueryException: {}\n{}", failure.message, failure.debug);
    result::ExceptionResult {
        exception_message: Some(text),
        error_class: Some("STREAM_FAILED".into()),
        stack_trace: None,
    }
}
