//! Errors as Spark Connect clients read them: a gRPC status with `google.rpc.ErrorInfo` in its details,
//! and the answer to `FetchErrorDetails`.
//!
//! Which condition an error has is said where it happens; the text is [`SparkError`]'s.

use std::sync::Arc;

use bytes::Bytes;
use firesteel_protocol::connect as pb;
use firesteel_protocol::{QueryContext, SparkError, condition};
use pb::fetch_error_details_response as details;
use prost::Message;
use tonic::{Code, Status};

/// What fits into the HTTP/2 headers that carry a status: clients refuse more than 8 KiB of them.
const MAX_STATUS_MESSAGE_BYTES: usize = 2048;
/// Parameters that are longer travel by `FetchErrorDetails` only, as `spark.connect.grpc.maxMetadataSize` has it.
const MAX_PARAMETERS_BYTES: usize = 1024;

const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
const UNSUPPORTED_OPERATION: &str = "java.lang.UnsupportedOperationException";
const RUNTIME: &str = "java.lang.RuntimeException";
const SPARK_SQL: &str = "org.apache.spark.SparkSQLException";

/// An error in the shape in which clients see it. Cheap to clone: the same failure may be sent many times.
#[derive(Debug, Clone)]
pub(crate) struct Failure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Java class names, the exception's own first, `java.lang.Object` last.
    classes: Vec<String>,
    message: String,
    /// Absent for exceptions of Java that have no condition.
    throwable: Option<Throwable>,
}

#[derive(Debug)]
struct Throwable {
    condition: String,
    params: Vec<(String, String)>,
    sql_state: Option<&'static str>,
    contexts: Vec<details::QueryContext>,
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<SparkError> for Failure {
    fn from(error: SparkError) -> Self {
        if matches!(error.condition(), "INTERNAL_ERROR") {
            tracing::error!(error = %error, source = ?std::error::Error::source(&error), "internal error");
        }
        let classes = match error.condition() {
            "CAST_INVALID_INPUT" | "UNSUPPORTED_FEATURE.TABLE_OPERATION" => error.classes(),
            _ if error.is_of_parser() || error.has_own_class() => error.classes(),
            condition => own_classes(condition),
        };
        let classes = hierarchy(classes);
        // Errors of syntax say their place in the text of the message and have no context.
        let contexts = error.context().filter(|_| !error.is_syntax()).map(query_context).into_iter().collect();
        let throwable = Throwable {
            condition: error.condition().to_owned(),
            params: error.params().to_vec(),
            sql_state: error.sql_state().filter(|state| !state.is_empty()),
            contexts,
        };
        let has_condition = !is_plain_java(error.condition());
        Self(Arc::new(Inner { classes, message: error.to_string(), throwable: has_condition.then_some(throwable) }))
    }
}

/// Names that the protocol crate has given to exceptions of Java, which have no condition in Spark. Those that
/// Spark itself calls `_LEGACY_ERROR_TEMP_...` are told to clients.
fn is_plain_java(condition: &str) -> bool {
    condition.starts_with("_LEGACY") && !condition.starts_with("_LEGACY_ERROR_TEMP")
}

impl Failure {
    /// A Java exception without a condition.
    fn java(class: &'static str, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { classes: hierarchy(&[class]), message: message.into(), throwable: None }))
    }

    /// `java.lang.IllegalArgumentException`.
    pub(crate) fn illegal_argument(message: impl Into<String>) -> Self {
        Self::java(ILLEGAL_ARGUMENT, message)
    }

    /// `java.lang.UnsupportedOperationException`.
    pub(crate) fn unsupported_operation(message: impl Into<String>) -> Self {
        Self::java(UNSUPPORTED_OPERATION, message)
    }

    /// `java.lang.RuntimeException`.
    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self::java(RUNTIME, message)
    }

    /// `INVALID_HANDLE.*`: what is wrong with a session's or an operation's id.
    pub(crate) fn invalid_handle(condition: &'static str, handle: &str) -> Self {
        SparkError::new(condition).with("handle", handle).into()
    }

    /// The reader was replaced by another one, or what it reads was released.
    pub(crate) fn disconnected() -> Self {
        SparkError::new("INVALID_CURSOR.DISCONNECTED").into()
    }

    /// An interrupt stopped the operation.
    pub(crate) fn canceled() -> Self {
        SparkError::new("OPERATION_CANCELED").into()
    }

    /// The text of the error.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the operation was interrupted.
    pub(crate) fn is_canceled(&self) -> bool {
        self.0.throwable.as_ref().is_some_and(|throwable| throwable.condition == "OPERATION_CANCELED")
    }

    /// The gRPC status. With an `error_id`, the client fetches the full text and the contexts by it.
    pub(crate) fn to_status(&self, error_id: Option<&str>) -> Status {
        let inner = &*self.0;
        let mut info = ErrorInfo {
            reason: inner.classes.first().cloned().unwrap_or_default(),
            domain: "org.apache.spark".to_owned(),
            metadata: Default::default(),
        };
        let mut put = |key: &str, value: String| info.metadata.insert(key.to_owned(), value);
        put("classes", json_array(&inner.classes));
        if let Some(error_id) = error_id {
            put("errorId", error_id.to_owned());
        }
        if let Some(throwable) = &inner.throwable {
            if let Some(state) = throwable.sql_state {
                put("sqlState", state.to_owned());
            }
            let params = json_object(&throwable.params);
            if params.len() <= MAX_PARAMETERS_BYTES {
                put("errorClass", throwable.condition.clone());
                put("messageParameters", params);
            }
        }
        let message = abbreviate(&inner.message);
        let any = prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
            value: info.encode_to_vec(),
        };
        let status = RpcStatus { code: Code::Internal as i32, message: message.clone(), details: vec![any] };
        Status::with_details(Code::Internal, message, Bytes::from(status.encode_to_vec()))
    }

    /// The answer to `FetchErrorDetails`, without a stack trace: there is no Java stack.
    pub(crate) fn to_details(&self) -> details::Error {
        let inner = &*self.0;
        let spark_throwable = inner.throwable.as_ref().map(|throwable| details::SparkThrowable {
            error_class: Some(throwable.condition.clone()),
            message_parameters: throwable.params.iter().cloned().collect(),
            query_contexts: throwable.contexts.clone(),
            sql_state: throwable.sql_state.map(str::to_owned),
            breaking_change_info: None,
        });
        details::Error {
            error_type_hierarchy: inner.classes.clone(),
            message: inner.message.clone(),
            stack_trace: vec![],
            cause_idx: None,
            spark_throwable,
        }
    }
}

/// The exception's classes. The service's own conditions come first: the table of the protocol crate
/// speaks of queries.
fn own_classes(condition: &str) -> &'static [&'static str] {
    const SQL: &[&str] = &[SPARK_SQL, "java.sql.SQLException"];
    const INVALID_PLAN: &[&str] = &["org.apache.spark.sql.connect.common.InvalidPlanInput"];
    const RUNTIME_CLASSES: &[&str] = &["org.apache.spark.SparkRuntimeException", RUNTIME];
    const NO_SUCH_ELEMENT: &[&str] =
        &["org.apache.spark.SparkNoSuchElementException", "java.util.NoSuchElementException"];
    const UNSUPPORTED: &[&str] = &["org.apache.spark.SparkUnsupportedOperationException", UNSUPPORTED_OPERATION];
    match condition {
        "CONNECT_INVALID_PLAN.CANNOT_PARSE"
        | "OPERATION_CANCELED"
        | "UNSUPPORTED_FEATURE.INTERRUPT_TYPE"
        | "INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_TAG_REQUIRES_TAG"
        | "INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_OPERATION_ID_REQUIRES_ID" => SQL,
        "SQL_CONF_NOT_FOUND" => NO_SUCH_ELEMENT,
        "ARTIFACT_ALREADY_EXISTS" | "INVALID_ARTIFACT_PATH" => RUNTIME_CLASSES,
        "_LEGACY_ERROR_TEMP_3161" => UNSUPPORTED,
        _ => match condition.split('.').next().unwrap_or(condition) {
            "INVALID_HANDLE" | "INVALID_CURSOR" | "INVALID_CLONE_SESSION_REQUEST" => SQL,
            "CONNECT_INVALID_PLAN" | "INVALID_SCHEMA_TYPE_NON_STRUCT" => INVALID_PLAN,
            _ => condition::exception_classes(condition),
        },
    }
}

/// Completes a chain of classes up to `java.lang.Object`.
fn hierarchy(classes: &[&str]) -> Vec<String> {
    let mut chain: Vec<&str> = classes.to_vec();
    while let Some(parent) = chain.last().and_then(|class| superclass(class)) {
        chain.push(parent);
    }
    chain.into_iter().map(str::to_owned).collect()
}

/// The class above a class of Java or Spark.
fn superclass(class: &str) -> Option<&'static str> {
    Some(match class {
        "java.lang.Object" => return None,
        "java.lang.Throwable" => "java.lang.Object",
        "java.lang.Exception" => "java.lang.Throwable",
        "java.lang.NumberFormatException" => ILLEGAL_ARGUMENT,
        "java.lang.ClassNotFoundException" => "java.lang.ReflectiveOperationException",
        "java.lang.ArrayIndexOutOfBoundsException" => "java.lang.IndexOutOfBoundsException",
        "java.lang.ArithmeticException"
        | ILLEGAL_ARGUMENT
        | UNSUPPORTED_OPERATION
        | "java.lang.IndexOutOfBoundsException"
        | "java.time.DateTimeException"
        | "java.util.NoSuchElementException" => RUNTIME,
        _ => "java.lang.Exception",
    })
}

fn query_context(context: &QueryContext) -> details::QueryContext {
    let summary = context.summary();
    match context {
        QueryContext::Sql { start, stop, object_type, object_name, .. } => details::QueryContext {
            context_type: details::query_context::ContextType::Sql as i32,
            object_type: object_type.clone(),
            object_name: object_name.clone(),
            start_index: i32::try_from(*start).unwrap_or(i32::MAX),
            stop_index: i32::try_from(*stop).unwrap_or(i32::MAX),
            fragment: context.fragment(),
            call_site: String::new(),
            summary,
        },
        QueryContext::DataFrame { call_site, .. } => details::QueryContext {
            context_type: details::query_context::ContextType::Dataframe as i32,
            fragment: context.fragment(),
            call_site: call_site.clone(),
            summary,
            ..Default::default()
        },
    }
}

/// Cuts a text to what a header can carry. A header writes each byte outside printable ASCII as three.
fn abbreviate(message: &str) -> String {
    let mut size = 0;
    for (at, character) in message.char_indices() {
        let printable = character.is_ascii_graphic() || character == ' ';
        size += if printable { 1 } else { 3 * character.len_utf8() };
        if size > MAX_STATUS_MESSAGE_BYTES {
            return format!("{}...", &message[..at]);
        }
    }
    message.to_owned()
}

fn json_array(items: &[String]) -> String {
    serde_json::Value::from(items.to_vec()).to_string()
}

fn json_object(pairs: &[(String, String)]) -> String {
    let map: serde_json::Map<String, serde_json::Value> =
        pairs.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    serde_json::Value::Object(map).to_string()
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    /// Name of the exception's class.
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(map = "string, string", tag = "3")]
    metadata: std::collections::HashMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_at_object() {
        let chain = hierarchy(own_classes("CAST_INVALID_INPUT"));
        assert_eq!(
            chain,
            [
                "org.apache.spark.SparkNumberFormatException",
                "java.lang.NumberFormatException",
                "java.lang.IllegalArgumentException",
                "java.lang.RuntimeException",
                "java.lang.Exception",
                "java.lang.Throwable",
                "java.lang.Object"
            ]
        );
    }

    #[test]
    fn long_messages_are_cut_by_their_encoded_size() {
        let cut = abbreviate(&"漢".repeat(3000));
        assert!(cut.chars().count() < 300 && cut.ends_with("..."));
        assert_eq!(abbreviate("short"), "short");
    }
}
