//! Connect: clients' sessions and operations.

use serde_json::Value;

use super::Store;
use crate::json::{int, int_or, text, text_or};
use crate::model::{ConnectOperation, ConnectSession, Status};

impl Store {
    pub(super) fn connect(&mut self, name: &str, event: &Value) {
        let at_ms = int_or(event, "eventTime", -1);
        self.touch(at_ms);
        match name {
            "SessionStarted" => {
                self.sessions.push(ConnectSession {
                    id: text_or(event, "sessionId", "").into(),
                    user: text_or(event, "userId", "").into(),
                    started_ms: at_ms,
                    ended_ms: -1,
                    operations: 0,
                });
                if self.sessions.len() > self.limits.connect_sessions {
                    self.sessions.remove(0);
                }
            }
            "SessionClosed" => {
                let id = text_or(event, "sessionId", "");
                for own in self.sessions.iter_mut().filter(|own| own.id == id && own.ended_ms < 0) {
                    own.ended_ms = at_ms;
                }
            }
            "OperationStarted" => {
                let session = text_or(event, "sessionId", "");
                for own in self.sessions.iter_mut().filter(|own| own.id == session) {
                    own.operations += 1;
                }
                self.operations.push_back(ConnectOperation {
                    id: text_or(event, "operationId", "").into(),
                    session: session.into(),
                    user: text_or(event, "userId", "").into(),
                    job_tag: text_or(event, "jobTag", "").into(),
                    text: text_or(event, "statementText", "").into(),
                    started_ms: at_ms,
                    ended_ms: -1,
                    status: Status::Running,
                    rows: None,
                    error: None,
                });
                if self.operations.len() > self.limits.connect_operations {
                    self.operations.pop_front();
                }
            }
            _ => {
                let id = text_or(event, "operationId", "");
                let Some(own) = self.operations.iter_mut().rev().find(|own| own.id == id) else { return };
                let status = match name {
                    "OperationFinished" => Status::Succeeded,
                    "OperationFailed" => Status::Failed,
                    "OperationCanceled" => Status::Killed,
                    _ => return,
                };
                own.status = status;
                own.ended_ms = at_ms;
                own.rows = int(event, "producedRowCount");
                own.error = text(event, "errorMessage").map(str::to_string);
            }
        }
    }
}
