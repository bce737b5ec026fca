//! Memory of the channels of one exchange. DataFusion's `RepartitionExec` registers a consumer for every channel, and the
//! pool gives each the same share: with hundreds of channels nobody in the query has a share worth having. Here all
//! channels of an exchange are one consumer; what they cannot keep goes to disk.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

/// The reservation of an exchange while one of its streams lives.
#[derive(Debug, Default)]
pub struct ChannelMemory {
    pool: Mutex<Weak<ChannelPool>>,
}

impl ChannelMemory {
    /// The context for the exchange: its reservations come out of one, its batches have at most `rows` rows. What is below
    /// the exchange asks [`outside`] for its own context.
    pub fn inside(&self, context: &Arc<TaskContext>, rows: usize) -> Result<Arc<TaskContext>> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = pool.upgrade().unwrap_or_else(|| {
            let consumer = MemoryConsumer::new("exchange").with_can_spill(true);
            Arc::new(ChannelPool {
                reservation: consumer.register(context.memory_pool()),
                all: Arc::clone(context.memory_pool()),
            })
        });
        *pool = Arc::downgrade(&shared);
        let runtime =
            RuntimeEnvBuilder::from_runtime_env(&context.runtime_env()).with_memory_pool(shared).build_arc()?;
        let config = context.session_config().clone();
        let config = config.with_batch_size(rows).with_extension(Arc::new(Outside(Arc::clone(context))));
        Ok(Arc::new(TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            // What is below asks for its own context; an exchange calls no functions by name.
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            runtime,
        )))
    }
}

/// The context that an exchange itself was given.
struct Outside(Arc<TaskContext>);

/// The context of what is below an exchange.
pub fn outside(context: &Arc<TaskContext>) -> Arc<TaskContext> {
    match context.session_config().get_extension::<Outside>() {
        Some(outside) => Arc::clone(&outside.0),
        None => Arc::clone(context),
    }
}

/// A pool whose memory is one reservation of another pool.
#[derive(Debug)]
struct ChannelPool {
    reservation: MemoryReservation,
    all: Arc<dyn MemoryPool>,
}

impl fmt::Display for ChannelPool {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.all.fmt(f)
    }
}

impl MemoryPool for ChannelPool {
    fn name(&self) -> &str {
        "exchange"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.reservation.grow(additional);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.reservation.shrink(shrink);
    }

    fn try_grow(&self, _: &MemoryReservation, additional: usize) -> Result<()> {
        self.reservation.try_grow(additional)
    }

    fn reserved(&self) -> usize {
        self.reservation.size()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.all.memory_limit()
    }
}
