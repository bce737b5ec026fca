//! Task slots: the partitions of a plan run in their order, as many at once as Spark has cores. A thousand partitions
//! hold no more memory and open files than that many.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
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

/// How long an error waits for those of partitions before its own, so that a program that fails everywhere fails with
/// the same words each time.
const TURN: Duration = Duration::from_millis(200);

/// Of the partitions that fail at about the same time, the error of the first. `first`: partition and error that came first.
///
/// Errors do not wait for their turn among rows: a partition may wait for the one that failed.
pub async fn first_failure<E>(mut first: (usize, E), errors: &mut UnboundedReceiver<(usize, E)>) -> E {
    if first.0 > 0 {
        let _ = tokio::time::timeout(TURN, async {
            while let Some(other) = errors.recv().await {
                if other.0 < first.0 {
                    first = other;
                }
                if first.0 == 0 {
                    break;
                }
            }
        })
        .await;
    }
    first.1
}
