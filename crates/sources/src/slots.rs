//! Task slots: the partitions of a plan run in their order, as many at once as Spark has cores. A thousand partitions
//! hold no more memory and open files than that many.

use std::future::Future;

use tokio::task::{JoinError, JoinSet};

/// The tasks of one stage; dropping it stops them.
#[derive(Debug)]
pub struct Slots<T: 'static, W> {
    running: JoinSet<T>,
    waiting: Option<W>,
    slots: usize,
}

impl<T, F, W> Slots<T, W>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
    W: Iterator<Item = F>,
{
    /// At most `slots` of the tasks run at once. They begin when [`Self::next`] is first called.
    pub fn new(slots: usize, tasks: W) -> Self {
        Self { running: JoinSet::new(), waiting: Some(tasks), slots: slots.max(1) }
    }

    /// What the next task to end gave; None after the last.
    ///
    /// # Errors
    /// A task that panicked or was stopped.
    pub async fn next(&mut self) -> Option<Result<T, JoinError>> {
        while self.running.len() < self.slots {
            let Some(task) = self.waiting.as_mut().and_then(Iterator::next) else { break };
            self.running.spawn(task);
        }
        self.running.join_next().await
    }

    /// Stops those that run and begins no others; `next` still waits for those that run.
    pub fn stop(&mut self) {
        self.waiting = None;
        self.running.abort_all();
    }
}
