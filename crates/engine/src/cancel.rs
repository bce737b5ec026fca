//! Stops an operation from outside: the server interrupts, the query notices.

use std::sync::Arc;

use tokio::sync::watch;

/// A switch that is thrown once. Clones are the same switch.
#[derive(Debug, Clone)]
pub struct CancelToken(Arc<watch::Sender<bool>>);

impl Default for CancelToken {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl CancelToken {
    /// A switch that is not thrown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether the switch is thrown.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the switch is thrown.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        let thrown = receiver.wait_for(|thrown| *thrown).await;
        thrown.expect("the sender lives as long as this token");
    }
}

/// Throws its switch when it is dropped: when a future that waits is dropped, the threads that work for it stop too.
#[derive(Debug, Default)]
pub(crate) struct CancelOnDrop(pub CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
