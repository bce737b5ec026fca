//! What the tasks of an operation gave to Python accumulators.

use std::sync::Arc;

use parking_lot::Mutex;

/// Updates that workers sent and no query has handed to the client yet: pickled `(id, update)`.
#[derive(Debug, Clone, Default)]
pub struct Accumulated(Arc<Mutex<Updates>>);

#[derive(Debug, Default)]
struct Updates {
    /// How often the plan has begun anew.
    attempt: u64,
    given: Vec<Vec<u8>>,
}

impl Accumulated {
    /// The attempt that a task belongs to which begins now.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.0.lock().attempt
    }

    /// Adds what a task gave that is done, unless the plan has begun anew since the task did.
    pub fn add(&self, attempt: u64, given: impl IntoIterator<Item = Vec<u8>>) {
        let mut own = self.0.lock();
        if own.attempt == attempt {
            own.given.extend(given);
        }
    }

    /// Forgets what the tasks of a plan gave that begins anew, also those that are not done yet.
    pub fn begin_anew(&self) {
        let mut own = self.0.lock();
        own.attempt += 1;
        own.given.clear();
    }

    /// What was given since it was last asked.
    #[must_use]
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.0.lock().given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_an_attempt_that_is_over_give_nothing() {
        let accumulated = Accumulated::default();
        let first = accumulated.attempt();
        accumulated.add(first, [vec![1]]);
        accumulated.begin_anew();
        accumulated.add(first, [vec![2]]);
        accumulated.add(accumulated.attempt(), [vec![3]]);
        assert_eq!(accumulated.take(), [vec![3]]);
        assert!(accumulated.take().is_empty());
    }
}
