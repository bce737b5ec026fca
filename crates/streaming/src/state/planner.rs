//! Physical operators for the stateful nodes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::aggregate::StatefulAggregateNode;
use super::dedup::StatefulDedupNode;

/// Plans every node of `state`.
#[derive(Debug)]
pub struct StatefulPlanner;

#[async_trait]
impl ExtensionPlanner for StatefulPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(input), Some(logical)) = (physical_inputs.first(), logical_inputs.first()) else { return Ok(None) };
        if let Some(node) = node.as_any().downcast_ref::<StatefulAggregateNode>() {
            return node.exec(planner, logical.schema(), Arc::clone(input), session, context).map(Some);
        }
        if let Some(node) = node.as_any().downcast_ref::<StatefulDedupNode>() {
            return node.exec(Arc::clone(input)).map(Some);
        }
        Ok(None)
    }
}
