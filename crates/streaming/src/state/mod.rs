//! What a query keeps from batch to batch: stateful operators and their state.
//!
//! [`install`] puts stateful operators in place of aggregates and deduplications of streams. Each has an
//! [`operator::Operator`] that outlives the batches, with a [`store::Store`] of rows by key, written below the
//! checkpoint's `state/` in versions: batch N reads version N and writes version N + 1. The format is Firesteel's own.
//! [`aggregate`] and [`dedup`] are the operators, [`event_time`] finds the column that the watermark speaks of.

pub mod aggregate;
pub mod dedup;
pub mod event_time;
pub mod operator;
pub mod planner;
pub mod store;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Extension, LogicalPlan};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::Relation;
use firesteel_plan::operator::stream_dedup::StreamDedupNode;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::table::is_streaming;

use crate::progress::StateReport;
use crate::start::OutputMode;
use operator::{Kind, Operator};

/// The watermarks of a batch, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// Rows that are not later than this are dropped.
    pub late_ms: i64,
    /// State that is not later than this goes.
    pub eviction_ms: i64,
}

/// How an operator runs in a batch.
#[derive(Debug, Clone)]
pub struct Run {
    pub operator: Arc<Operator>,
    pub mode: OutputMode,
    /// The version of the state that is read.
    pub version: u64,
    pub watermarks: Watermarks,
}

/// The stateful operators of a query.
#[derive(Debug)]
pub struct Operators {
    dir: PathBuf,
    /// Versions that are kept.
    retained: u64,
    all: Mutex<Vec<Arc<Operator>>>,
}

impl Operators {
    /// State below `dir`.
    ///
    /// # Errors
    /// State that Spark wrote: its format is not read.
    pub fn new(dir: &Path, retained: u64) -> Result<Self> {
        for name in firesteel_sources::stream::log::names(dir)? {
            if dir.join(&name).join("_metadata").is_dir() {
                return Err(SparkError::unsupported(
                    format!("the state that Apache Spark wrote to {}", hadoop_path(dir)),
                    "Let Spark finish this query, or start it anew with another checkpoint.",
                ));
            }
        }
        Ok(Self { dir: dir.to_path_buf(), retained, all: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Operator>>> {
        self.all.lock().expect("no panics while locked")
    }

    fn operator(&self, index: usize, kind: Kind, waits: bool) -> Arc<Operator> {
        let mut all = self.lock();
        while all.len() <= index {
            let dir = self.dir.join(all.len().to_string());
            all.push(Arc::new(Operator::new(&dir, kind, waits, self.retained)));
        }
        Arc::clone(&all[index])
    }

    /// Whether a batch without data may have something to say, once the watermark has moved.
    pub fn wait_for_watermark(&self, mode: OutputMode) -> bool {
        self.lock().iter().any(|operator| operator.waits_for_watermark(mode))
    }

    /// Writes what the batch did to the state. Blocks.
    pub fn commit(&self, batch_id: u64) -> Result<Vec<StateReport>> {
        self.lock().iter().map(|operator| operator.commit(batch_id)).collect()
    }
}

/// Puts stateful operators into the plan of a batch.
pub fn install(
    relation: Relation,
    operators: &Operators,
    mode: OutputMode,
    batch_id: u64,
    watermarks: Watermarks,
) -> Result<Relation> {
    let mut index = 0;
    let mut next = |kind: Kind, waits: bool| {
        let operator = operators.operator(index, kind, waits);
        index += 1;
        Run { operator, mode, version: batch_id, watermarks }
    };
    let plan = relation.plan.clone().transform_up(|node| {
        let stateful: LogicalPlan = match &node {
            LogicalPlan::Aggregate(aggregate) if is_streaming(&aggregate.input) => {
                let event_key = event_time::of_groups(aggregate);
                let run = next(Kind::Aggregate, event_key.is_some());
                extension(aggregate::StatefulAggregateNode::new(aggregate, event_key, run))
            }
            LogicalPlan::Extension(extension_node) => {
                match extension_node.node.as_any().downcast_ref::<StreamDedupNode>() {
                    Some(dedup) => {
                        let spec = dedup::DedupSpec::of(dedup);
                        let kind = if dedup.within_watermark { Kind::DedupWithinWatermark } else { Kind::Dedup };
                        let run = next(kind, spec.expires());
                        extension(dedup::StatefulDedupNode::new(dedup, spec, run))
                    }
                    None => return Ok(Transformed::no(node)),
                }
            }
            _ => return Ok(Transformed::no(node)),
        };
        Ok(Transformed::yes(stateful))
    });
    let plan = plan.map_err(from_datafusion)?.data;
    Ok(Relation { plan, ..relation })
}

fn extension(node: impl datafusion::logical_expr::UserDefinedLogicalNode + 'static) -> LogicalPlan {
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}
