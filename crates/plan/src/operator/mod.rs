//! Plan nodes of our own: each a logical node and its physical operator in one file.
//! [`planner`] turns the logical ones into physical ones.

mod channel_memory;
pub mod deal_order;
pub mod exchange;
pub mod frequent;
pub mod join_order;
mod limit_barrier;
pub mod local_sort;
pub mod metric_view;
pub mod observe;
pub mod parse_records;
pub mod partition_columns;
pub mod partition_exec;
pub mod partition_map;
pub mod partition_order;
pub mod place;
pub mod planner;
mod poisson;
pub mod python;
pub mod range_bounds;
mod rebatch;
pub mod recursion;
pub mod repeated;
pub mod sample;
pub mod script;
pub mod shuffle;
pub mod stream_dedup;
pub mod stream_mark;
pub mod tail;
pub mod watermark;

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Extension, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::{ExecutionPlan, Partitioning, PlanProperties};
use firesteel_protocol::Result;

use crate::Relation;

/// Puts a node of ours over a relation; the columns stay.
fn over(input: Relation, node: impl UserDefinedLogicalNode + 'static) -> Relation {
    let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    input.with_plan(plan)
}

/// Schema of a node that leaves its input's columns as they are.
fn schema_of(input: &LogicalPlan) -> &DFSchemaRef {
    input.schema()
}

/// Properties of an operator that keeps its input's partitions, but promises no order.
fn unordered(input: &Arc<dyn ExecutionPlan>, partitioning: Partitioning) -> Arc<PlanProperties> {
    let properties = input.properties();
    Arc::new(PlanProperties::new(
        datafusion::physical_expr::EquivalenceProperties::new(input.schema()),
        partitioning,
        properties.emission_type,
        properties.boundedness,
    ))
}

/// One of `children`, where exactly one is due.
fn only<T>(mut children: Vec<T>) -> datafusion::common::Result<T> {
    match (children.pop(), children.is_empty()) {
        (Some(child), true) => Ok(child),
        _ => datafusion::common::internal_err!("an operator with one input was given another number"),
    }
}

/// Shorthand for results that the resolver gives.
type Planned = Result<Relation>;
