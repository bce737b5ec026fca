//! LIMIT takes rows in the order of the partitions, as Spark does. DataFusion takes them from whichever
//! partition is first; this rule, which runs last, puts the partitions one after the other below a limit.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::limit::GlobalLimitExec;

use super::exchange::ExchangeExec;

/// The rule.
#[derive(Debug, Default)]
pub struct OrderedLimit;

impl PhysicalOptimizerRule for OrderedLimit {
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
        "OrderedLimit"
    }

    fn schema_check(&self) -> bool {
        true
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
