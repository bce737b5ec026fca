//! A LIMIT of rows in no order stands while sorts are put where they are cheapest: DataFusion would push a sort above it
//! below it, so that `SELECT * FROM (SELECT .. LIMIT 2) ORDER BY a` gave the two least rows instead of any two in order.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::partition_map::{self, PartitionMap};

/// The rule before which the barriers are put up, and behind which they are taken away.
pub const PLACES_SORTS: &str = "EnsureRequirements";

/// Puts barriers above limits, or takes them away again.
#[derive(Debug)]
pub struct LimitBarrier {
    pub put_up: bool,
}

const NAME: &str = "LimitBarrier";

#[derive(Debug)]
struct Through;

impl PartitionMap for Through {
    fn name(&self) -> &'static str {
        NAME
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        input
    }
}

impl PhysicalOptimizerRule for LimitBarrier {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if self.put_up {
                let unordered =
                    node.as_ref().downcast_ref::<GlobalLimitExec>().is_some() && node.output_ordering().is_none();
                return Ok(match unordered {
                    true => Transformed::yes(partition_map::exec(node, Arc::new(Through))),
                    false => Transformed::no(node),
                });
            }
            let input = (node.name() == NAME).then(|| node.children().first().map(|input| Arc::clone(input))).flatten();
            Ok(match input {
                Some(input) => Transformed::yes(input),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}
