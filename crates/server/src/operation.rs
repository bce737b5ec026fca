//! One execution of a plan: who may stop it, who reads it, how it ended.
//!
//! What it does is in [`crate::execute`]; its responses are in [`crate::buffer`].

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firesteel_engine::{CancelToken, Progress};
use firesteel_protocol::connect as pb;
use pb::get_status_response::operation_status::OperationState;
use tonic::Status;

use crate::buffer::ResponseBuffer;
use crate::error::Failure;
use crate::session::SessionHolder;

/// An execution that a session knows by its id.
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) tags: Vec<String>,
    /// Whether the client may come back for the responses.
    pub(crate) reattachable: bool,
    /// To know a repeated request again; only where the client may come back.
    pub(crate) plan: Option<Arc<pb::Plan>>,
    pub(crate) buffer: ResponseBuffer,
    pub(crate) cancel: CancelToken,
    pub(crate) progress: Arc<Progress>,
    /// Rows that the client got.
    pub(crate) rows: AtomicU64,
    /// Since when nobody reads.
    detached_since: Mutex<Option<Instant>>,
}

impl Operation {
    pub(crate) fn new(id: String, tags: Vec<String>, plan: Option<Arc<pb::Plan>>, retry_bytes: usize) -> Self {
        let reattachable = plan.is_some();
        Self {
            id,
            tags,
            reattachable,
            plan,
            buffer: ResponseBuffer::new(if reattachable { retry_bytes } else { 0 }),
            cancel: CancelToken::new(),
            progress: Arc::new(Progress::default()),
            rows: AtomicU64::new(0),
            detached_since: Mutex::new(Some(Instant::now())),
        }
    }

    /// Stops the query; its reader gets `OPERATION_CANCELED`. False when the query had ended before.
    pub(crate) fn interrupt(&self) -> bool {
        let running = self.buffer.ended().is_none();
        if running {
            self.buffer.end(Err(Failure::canceled()));
            self.cancel.cancel();
        }
        running
    }

    /// Stops the query and cuts its reader off: nobody wants the responses any more.
    pub(crate) fn close(&self) {
        self.buffer.attach();
        self.buffer.end(Err(Failure::canceled()));
        self.cancel.cancel();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.buffer.ended().is_none()
    }

    /// Whether the client stayed away for longer than `timeout`.
    pub(crate) fn is_abandoned(&self, timeout: Duration) -> bool {
        let since = *self.detached_since.lock().expect("never held while panicking");
        since.is_some_and(|since| since.elapsed() > timeout)
    }

    /// What `GetStatus` says while the session still holds the operation.
    pub(crate) fn state(&self) -> OperationState {
        match self.buffer.ended() {
            None => OperationState::Running,
            Some(Err(failure)) if failure.is_canceled() => OperationState::Cancelled,
            // Ended, but the client has not released it yet.
            Some(_) => OperationState::Terminating,
        }
    }

    /// What `GetStatus` says when the session has let the operation go.
    pub(crate) fn final_state(&self) -> OperationState {
        match self.buffer.ended() {
            Some(Ok(())) => OperationState::Succeeded,
            Some(Err(failure)) if !failure.is_canceled() => OperationState::Failed,
            _ => OperationState::Cancelled,
        }
    }

    fn set_detached_since(&self, since: Option<Instant>) {
        *self.detached_since.lock().expect("never held while panicking") = since;
    }
}

/// A client's stream of responses from an index on. The latest reader of an operation cuts earlier ones off.
pub(crate) struct Reader {
    session: Arc<SessionHolder>,
    operation: Arc<Operation>,
    number: u64,
    index: u64,
    done: bool,
}

impl Reader {
    pub(crate) fn attach(session: Arc<SessionHolder>, operation: Arc<Operation>, index: u64) -> Self {
        let number = operation.buffer.attach();
        operation.set_detached_since(None);
        Self { session, operation, number, index, done: false }
    }

    /// The stream that tonic sends.
    pub(crate) fn into_stream(
        self,
    ) -> impl futures::Stream<Item = Result<pb::ExecutePlanResponse, Status>> + Send + 'static {
        futures::stream::unfold(self, |mut reader| async move { Some((reader.next().await?, reader)) })
    }

    async fn next(&mut self) -> Option<Result<pb::ExecutePlanResponse, Status>> {
        if self.done {
            return None;
        }
        match self.operation.buffer.read(self.number, self.index).await {
            Ok(Some(response)) => {
                self.index += 1;
                Some(Ok(response))
            }
            Ok(None) => {
                self.done = true;
                None
            }
            Err(failure) => {
                self.done = true;
                Some(Err(self.session.status(&failure)))
            }
        }
    }
}

impl Drop for Reader {
    /// The stream ended or the client went away.
    fn drop(&mut self) {
        if !self.operation.reattachable {
            self.session.release(&self.operation.id);
        } else if self.operation.buffer.is_attached(self.number) {
            self.operation.set_detached_since(Some(Instant::now()));
        }
        self.session.touch();
    }
}
