//! LIMIT takes rows in the order of the partitions, as Spark does, and an aggregate of all rows what it has of each partition:
//! `first`, `collect_list`. DataFusion takes them from whichever partition is first; this rule, which runs last, puts the
//! partitions in order below both.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};

use super::exchange::ExchangeExec;

/// The rule.
#[derive(Debug, Default)]
pub struct PartitionOrder;

impl PhysicalOptimizerRule for PartitionOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if let Some(merged) = coalesced(&node) {
                if let Some(fetch) = merged.fetch() {
                    let input = one_after_the_other(merged.input());
                    return Ok(Transformed::yes(
                        Arc::new(GlobalLimitExec::new(input, 0, Some(fetch))) as Arc<dyn ExecutionPlan>
                    ));
                }
            }
            if let Some(changed) = total(&node)? {
                return Ok(Transformed::yes(changed));
            }
            let Some(limit) = (node.as_ref() as &dyn std::any::Any).downcast_ref::<GlobalLimitExec>() else {
                return Ok(Transformed::no(node));
            };
            let Some(merged) = coalesced(limit.input()) else { return Ok(Transformed::no(node)) };
            let input = one_after_the_other(merged.input());
            Ok(Transformed::yes(
                Arc::new(GlobalLimitExec::new(input, limit.skip(), limit.fetch())) as Arc<dyn ExecutionPlan>
            ))
        })
        .data()
    }

    fn name(&self) -> &str {
        "PartitionOrder"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An aggregate without groups over what there is of each partition.
fn total(node: &Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregate) = (node.as_ref() as &dyn std::any::Any).downcast_ref::<AggregateExec>() else {
        return Ok(None);
    };
    let is_total = *aggregate.mode() == AggregateMode::Final && aggregate.group_expr().is_empty();
    match coalesced(aggregate.input()) {
        Some(merged) if is_total => {
            let input = ExchangeExec::in_order(Arc::clone(merged.input()));
            replace_children_if_necessary(Arc::clone(node), vec![input]).map(Some)
        }
        _ => Ok(None),
    }
}

/// Partitions of a join wait for each other: they must all have started.
fn one_after_the_other(input: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let joins = input.exists(|node| Ok((node.as_ref() as &dyn std::any::Any).is::<HashJoinExec>())).unwrap_or(true);
    if joins {
        ExchangeExec::in_order(Arc::clone(input))
    } else {
        Arc::new(ExchangeExec::concatenate(Arc::clone(input)))
    }
}

fn coalesced(plan: &Arc<dyn ExecutionPlan>) -> Option<&CoalescePartitionsExec> {
    (plan.as_ref() as &dyn std::any::Any).downcast_ref::<CoalescePartitionsExec>()
}
