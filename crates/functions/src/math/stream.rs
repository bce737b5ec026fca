//! Sequences of random numbers that go on from batch to batch: of `uniform`, `randstr`, `uuid` and `shuffle`.
//!
//! Spark seeds the generator of a task with the seed plus the number of its partition. A kernel does not know
//! partitions; it is given the number as its last argument ([`Stream::partition`]), and 0 where no relation can tell it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use datafusion::logical_expr::Expr;
use firesteel_protocol::Result;

use crate::kernel::KernelArgs;
use crate::misc::placement;
use crate::random::{MersenneTwister, XorShiftRandom};
use crate::{Call, math::random::seed_of};

/// A generator of random numbers that a seed starts.
pub trait Generator: Any + Send {
    fn seeded(seed: i64) -> Self;
}

impl Generator for XorShiftRandom {
    fn seeded(seed: i64) -> Self {
        Self::new(seed)
    }
}

impl Generator for MersenneTwister {
    fn seeded(seed: i64) -> Self {
        Self::new(seed)
    }
}

type Shared = Arc<Mutex<Box<dyn Any + Send>>>;

/// Generators in use by call and partition, the latest call last.
static GENERATORS: LazyLock<Mutex<BTreeMap<(u64, i32), Shared>>> = LazyLock::new(Mutex::default);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// How many generators are kept; one more makes the oldest start anew.
const KEPT: usize = 8192;

/// One call's sequences, one a partition.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    seed: i64,
    call: u64,
}

impl Stream {
    /// Of a call whose argument `index` is the seed; any seed if it is missing.
    pub fn new(call: &Call, index: usize) -> Result<Self> {
        Ok(Self::seeded(seed_of(call, index)?))
    }

    /// Of a call with this seed.
    pub fn seeded(seed: i64) -> Self {
        Self { seed, call: CALLS.fetch_add(1, Ordering::Relaxed) }
    }

    /// As a kernel's setting.
    pub fn param(self) -> String {
        format!("{} {}", self.seed, self.call)
    }

    /// What such a kernel's last argument must be.
    pub fn partition(call: &Call) -> Expr {
        placement::partition_if_known(call)
    }

    /// Goes on with the sequence of the partition that `args` are of.
    pub fn go_on<G: Generator, T>(args: &KernelArgs<'_>, take: impl FnOnce(&mut G) -> Result<T>) -> Result<T> {
        let Some(own) = Self::of(args.param) else { return take(&mut G::seeded(rand::random())) };
        let partition = match args.rows {
            0 => 0,
            _ => args.array(args.args.len() - 1)?.as_primitive::<Int32Type>().value(0),
        };
        let shared = own.generator::<G>(partition);
        let mut generator = shared.lock().unwrap_or_else(PoisonError::into_inner);
        match generator.downcast_mut() {
            Some(generator) => take(generator),
            None => take(&mut G::seeded(own.seed)),
        }
    }

    fn of(param: &str) -> Option<Self> {
        let (seed, call) = param.split_once(' ')?;
        Some(Self { seed: seed.parse().ok()?, call: call.parse().ok()? })
    }

    fn generator<G: Generator>(self, partition: i32) -> Shared {
        let mut all = GENERATORS.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || {
            let generator: Box<dyn Any + Send> = Box::new(G::seeded(self.seed.wrapping_add(i64::from(partition))));
            Arc::new(Mutex::new(generator))
        };
        let generator = Arc::clone(all.entry((self.call, partition)).or_insert_with(start));
        if all.len() > KEPT {
            all.pop_first();
        }
        generator
    }
}
