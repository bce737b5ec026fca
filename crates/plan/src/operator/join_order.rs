//! Rows of small joins in Spark's order. Spark broadcasts one side of a small join and streams the other: rows come in the
//! order of the streamed side, and for each of them its matches, the last one of the other side first. DataFusion
//! collects the left side of a join and streams the right one; these rules, before and after its own choice
//! of sides, have it stream what Spark streams. Users see that order in `show()`.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, JoinType};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use futures::{StreamExt, TryStreamExt};

use super::limit_barrier::{self, LimitBarrier};
use super::partition_map::{self, PartitionMap};

/// Sides of which both are known to be smaller are put in order; larger ones are joined as is fastest.
const SMALL_BYTES: usize = 1 << 20;
/// What is held back at most to put a side in order, whatever was estimated.
const MOST_BYTES: usize = 16 << 20;
/// So many rows of a side can be joined one by one.
const FEW_ROWS: usize = 1000;

type Plan = Arc<dyn ExecutionPlan>;
type Result<T> = datafusion::common::Result<T>;

/// DataFusion's rules with those of this file round its choice of sides, and the barriers of limits round where it places
/// sorts.
pub fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = vec![];
    for rule in PhysicalOptimizer::new().rules {
        let chooses = rule.name() == "join_selection";
        if chooses {
            rules.push(Arc::new(JoinOrder { chosen: false }) as Arc<dyn PhysicalOptimizerRule + Send + Sync>);
        }
        let places = rule.name() == limit_barrier::PLACES_SORTS;
        if places {
            rules.push(Arc::new(LimitBarrier { put_up: true }));
        }
        rules.push(rule);
        if places {
            rules.push(Arc::new(LimitBarrier { put_up: false }));
        }
        if chooses {
            rules.push(Arc::new(JoinOrder { chosen: true }));
        }
    }
    rules
}

/// The rule.
#[derive(Debug)]
struct JoinOrder {
    /// DataFusion has chosen its sides.
    chosen: bool,
}

impl PhysicalOptimizerRule for JoinOrder {
    fn optimize(&self, plan: Plan, _: &ConfigOptions) -> Result<Plan> {
        let ordered = |node: Plan| match if self.chosen { after(&node)? } else { before(&node)? } {
            Some(changed) => Ok(Transformed::yes(changed)),
            None => Ok(Transformed::no(node)),
        };
        plan.transform_up(ordered).data()
    }

    fn name(&self) -> &str {
        "JoinOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn cast<T: 'static>(plan: &Plan) -> Option<&T> {
    (plan.as_ref() as &dyn std::any::Any).downcast_ref()
}

fn rows(plan: &Plan) -> Option<usize> {
    let known = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok()?;
    known.num_rows.get_value().copied()
}

/// The size that Spark would estimate: rows by the usual sizes of their columns. None if it is unknown or large.
fn bytes(plan: &Plan) -> Option<usize> {
    let rows = rows(plan)?;
    let width: usize = plan.schema().fields().iter().map(|field| column_bytes(field.data_type())).sum();
    let size = rows.checked_mul(width + 8)?;
    (size <= SMALL_BYTES).then_some(size)
}

/// Spark's `DataType.defaultSize`.
fn column_bytes(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 => 20,
        DataType::Binary => 100,
        DataType::List(element) | DataType::Map(element, _) => column_bytes(element.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| column_bytes(field.data_type())).sum(),
        other => other.primitive_width().unwrap_or(1),
    }
}

/// Sizes of both sides, if both are known and small.
fn sizes(left: &Plan, right: &Plan) -> Option<(usize, usize)> {
    Some((bytes(left)?, bytes(right)?))
}

/// Joins that may collect either side: Spark collects the smaller one, and of equal ones the right.
fn before(plan: &Plan) -> Result<Option<Plan>> {
    let collects_right = |left: &Plan, right: &Plan| sizes(left, right).is_some_and(|(left, right)| right <= left);
    if let Some(join) = cast::<HashJoinExec>(plan) {
        if *join.join_type() == JoinType::Inner && collects_right(join.left(), join.right()) {
            return join.swap_inputs(*join.partition_mode()).map(Some);
        }
    } else if let Some(join) = cast::<NestedLoopJoinExec>(plan) {
        if *join.join_type() == JoinType::Inner && collects_right(join.left(), join.right()) {
            return join.swap_inputs().map(Some);
        }
    } else if let Some(join) = cast::<CrossJoinExec>(plan)
        && collects_right(join.left(), join.right())
    {
        // Each batch of the streamed side is joined row by row of the other.
        if rows(join.left()).is_some_and(|rows| rows <= FEW_ROWS) {
            let streamed = partition_map::exec(Arc::clone(join.left()), Arc::new(OneByOne));
            return CrossJoinExec::new(streamed, Arc::clone(join.right())).swap_inputs().map(Some);
        }
    }
    Ok(None)
}

/// Joins that keep the rows of one side: Spark streams that side.
fn after(plan: &Plan) -> Result<Option<Plan>> {
    let keeps_left =
        |kind: &JoinType| matches!(kind, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
    if let Some(join) = cast::<HashJoinExec>(plan) {
        if *join.partition_mode() != PartitionMode::CollectLeft
            || join.null_aware
            || sizes(join.left(), join.right()).is_none()
        {
            return Ok(None);
        }
        if keeps_left(join.join_type()) {
            let swapped = join.swap_inputs(PartitionMode::CollectLeft)?;
            return swapped.transform_up(collected_in_reverse).data().map(Some);
        }
        return collected_in_reverse(Arc::clone(plan)).map(|changed| changed.transformed.then_some(changed.data));
    }
    if let Some(join) = cast::<NestedLoopJoinExec>(plan)
        && keeps_left(join.join_type())
        && sizes(join.left(), join.right()).is_some()
    {
        return join.swap_inputs().map(Some);
    }
    Ok(None)
}

/// Spark's table of a broadcast side finds the last of equal keys first.
fn collected_in_reverse(plan: Plan) -> Result<Transformed<Plan>> {
    let Some(join) = cast::<HashJoinExec>(&plan) else { return Ok(Transformed::no(plan)) };
    let several = matches!(join.join_type(), JoinType::Inner | JoinType::Right);
    if !several || partition_map::is_named(join.left(), Reverse.name()) || bytes(join.left()).is_none() {
        return Ok(Transformed::no(plan));
    }
    let reversed = partition_map::exec(Arc::clone(join.left()), Arc::new(Reverse));
    let mut streamed = Arc::clone(join.right());
    if *join.join_type() == JoinType::Right && rows(&streamed).is_some_and(|rows| rows <= FEW_ROWS) {
        streamed = partition_map::exec(streamed, Arc::new(OneByOne));
    }
    let children: Vec<Plan> = vec![reversed, streamed];
    replace_children_if_necessary(plan, children).map(Transformed::yes)
}

/// A partition's rows, each a batch: DataFusion orders the results of a batch by other means than its rows.
#[derive(Debug)]
struct OneByOne;

impl PartitionMap for OneByOne {
    fn name(&self) -> &'static str {
        "OneByOneExec"
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let rows =
            |batch: RecordBatch| futures::stream::iter((0..batch.num_rows()).map(move |row| Ok(batch.slice(row, 1))));
        Box::pin(RecordBatchStreamAdapter::new(schema, input.map_ok(rows).try_flatten()))
    }
}

/// A partition's rows, the last one first, unless they are far more than was estimated: those go on as they come.
#[derive(Debug)]
struct Reverse;

impl PartitionMap for Reverse {
    fn name(&self) -> &'static str {
        "ReverseExec"
    }

    fn apply(&self, _: usize, mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let own = Arc::clone(&schema);
        let reversed = async move {
            let (mut batches, mut bytes) = (vec![], 0);
            while bytes <= MOST_BYTES {
                let Some(batch) = input.try_next().await? else {
                    let all = concat_batches(&own, &batches)?;
                    let backwards: UInt32Array = (0..all.num_rows() as u32).rev().collect();
                    batches = vec![take_record_batch(&all, &backwards)?];
                    break;
                };
                bytes += batch.get_array_memory_size();
                batches.push(batch);
            }
            Ok::<_, DataFusionError>(futures::stream::iter(batches.into_iter().map(Ok)).chain(input))
        };
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(reversed).try_flatten()))
    }
}
