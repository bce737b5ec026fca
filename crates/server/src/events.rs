//! What the event log and the web UI hear of sessions and operations: Spark Connect's listener events.

use std::sync::Arc;

use firesteel_engine::Session;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::operation::Operation;

/// Groups of jobs are cancelled by tags of our own.
const GROUP_TAG: &str = "firesteel-group-";

const PACKAGE: &str = "org.apache.spark.sql.connect.service";

/// A session begins.
pub(crate) fn session_started(session: &Arc<Session>) {
    if let Some(listener) = session.engine.listener() {
        listener.session_started(session);
        post(session, "SessionStarted", session_fields(session));
    }
}

/// A session ends.
pub(crate) fn session_closed(session: &Session) {
    if let Some(listener) = session.engine.listener() {
        post(session, "SessionClosed", session_fields(session));
        listener.session_ended(session);
    }
}

/// An operation begins.
pub(crate) fn operation_started(session: &Session, operation: &Operation, text: &str) {
    if session.engine.listener().is_none() {
        return;
    }
    let mut event = operation_fields(session, operation);
    let user = session.user_id();
    event["userId"] = user.into();
    event["userName"] = user.into();
    event["sessionId"] = session.id().into();
    event["statementText"] = text.into();
    let tags = operation.tags.iter().filter(|tag| !tag.starts_with(GROUP_TAG));
    event["sparkSessionTags"] = tags.cloned().collect::<Vec<_>>().into();
    post(session, "OperationStarted", event);
}

/// An operation has ended; `rows` are those that its client got.
pub(crate) fn operation_ended(session: &Session, operation: &Operation, rows: u64, end: &Result<(), Failure>) {
    if session.engine.listener().is_none() {
        return;
    }
    let mut event = operation_fields(session, operation);
    match end {
        Ok(()) => {
            event["producedRowCount"] = rows.into();
            post(session, "OperationFinished", event);
        }
        Err(failure) if failure.is_canceled() => post(session, "OperationCanceled", event),
        Err(failure) => {
            event["errorMessage"] = failure.message().into();
            post(session, "OperationFailed", event);
        }
    }
}

/// The tag by which Spark knows an operation's jobs.
pub(crate) fn job_tag(session: &Session, operation_id: &str) -> String {
    format!("SparkConnect_OperationTag_User_{}_Session_{}_Operation_{operation_id}", session.user_id(), session.id())
}

/// All tags by which Spark knows an operation's jobs: its own, and those that the user gave.
pub(crate) fn job_tags(session: &Session, operation: &Operation) -> Vec<String> {
    let (user, id) = (session.user_id(), session.id());
    let given = operation.tags.iter().filter(|tag| !tag.starts_with(GROUP_TAG));
    let given = given.map(|tag| format!("SparkConnect_SessionTag_User_{user}_Session_{id}_Tag_{tag}"));
    std::iter::once(job_tag(session, &operation.id)).chain(given).collect()
}

fn session_fields(session: &Session) -> Value {
    let user = session.user_id();
    json!({"sessionId": session.id(), "userId": user, "userName": user, "eventTime": now(), "extraTags": {}})
}

fn operation_fields(session: &Session, operation: &Operation) -> Value {
    json!({
        "jobTag": job_tag(session, &operation.id),
        "operationId": operation.id,
        "eventTime": now(),
        "extraTags": {},
    })
}

fn post(session: &Session, name: &str, fields: Value) {
    let Some(listener) = session.engine.listener() else { return };
    let Value::Object(fields) = fields else { return };
    let mut event = serde_json::Map::new();
    event.insert("Event".into(), format!("{PACKAGE}.SparkListenerConnect{name}").into());
    event.extend(fields);
    listener.event(session, Value::Object(event));
}

#[expect(clippy::disallowed_methods, reason = "when something happened, not a query's time")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
