//! Physical operators for the logical nodes of this folder.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};

use super::exchange::{ExchangeExec, ExchangeNode, Spread};
use super::frequent::FrequentNode;
use super::local_sort::LocalSortNode;
use super::metric_view::{self, MetricViewNode};
use super::parse_records::ParseRecordsNode;
use super::partition_columns::PartitionColumnsNode;
use super::place::Place;
use super::python::bucket::BucketNode;
use super::python::cogroup::PythonCogroupNode;
use super::python::eval::PythonEvalNode;
use super::python::group::PythonGroupNode;
use super::python::map::PythonMapNode;
use super::python::stateful::PythonStateNode;
use super::python::table::PythonTableNode;
use super::range_bounds::RangeBounds;
use super::recursion::RecursionNode;
use super::repeated::RepeatedNode;
use super::sample::SampleNode;
use super::script::ScriptNode;
use super::tail::TailNode;
use super::watermark::WatermarkNode;

/// Plans every node of `operator`.
#[derive(Debug, Default)]
pub struct OperatorPlanner;

#[async_trait]
impl ExtensionPlanner for OperatorPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(input) = physical_inputs.first().map(Arc::clone) else { return Ok(None) };
        let schema = logical_inputs[0].schema();
        let physical = |expr: &Expr, schema: &DFSchema| planner.create_physical_expr(expr, schema, session, context);
        let ordering = |keys: &[SortExpr], schema: &DFSchema| -> Result<Option<LexOrdering>> {
            let mut physical_keys = vec![];
            for key in keys {
                let options = arrow::compute::SortOptions { descending: !key.asc, nulls_first: key.nulls_first };
                physical_keys.push(PhysicalSortExpr::new(physical(&key.expr, schema)?, options));
            }
            Ok(LexOrdering::new(physical_keys))
        };
        let node = node.as_any();
        if let Some(exchange) = node.downcast_ref::<ExchangeNode>() {
            let count = exchange.partitions;
            let place = match &exchange.spread {
                Spread::Coalesce => return Ok(Some(Arc::new(ExchangeExec::coalesce(input, count)))),
                Spread::Sorted(keys) => match ordering(keys, schema)? {
                    Some(order) => return Ok(Some(Arc::new(ExchangeExec::sorted(input, order, count)))),
                    None => return Ok(Some(input)),
                },
                Spread::RoundRobin => Place::RoundRobin,
                Spread::Number(number) => Place::Number(physical(number, schema)?),
                Spread::Range(keys) => match ordering(keys, schema)? {
                    Some(keys) => Place::Range(Arc::new(RangeBounds::new(keys))),
                    None => Place::RoundRobin,
                },
            };
            let dealt = count > 1 && matches!(exchange.spread, Spread::RoundRobin);
            let input = if dealt { super::deal_order::by_hash(input) } else { input };
            let tasks = session.config().target_partitions();
            return Ok(Some(Arc::new(ExchangeExec::shuffle(input, place, count, tasks)?)));
        }
        if let Some(sort) = node.downcast_ref::<LocalSortNode>() {
            let Some(ordering) = ordering(&sort.keys, schema)? else { return Ok(Some(input)) };
            return Ok(Some(Arc::new(SortExec::new(ordering, input).with_preserve_partitioning(true))));
        }
        if node.is::<MetricViewNode>() {
            return Err(metric_view::unplanned());
        }
        if node.is::<RepeatedNode>() {
            return Ok(Some(input));
        }
        if let Some(node) = node.downcast_ref::<SampleNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<WatermarkNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<FrequentNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<RecursionNode>() {
            return Ok(Some(node.exec(input)));
        }
        if let Some(node) = node.downcast_ref::<TailNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<ParseRecordsNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<ScriptNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<PartitionColumnsNode>() {
            return node.exec(input).map(Some);
        }
        if let Some(node) = node.downcast_ref::<PythonMapNode>() {
            return node.exec(input, session.config().target_partitions()).map(Some);
        }
        if let Some(node) = node.downcast_ref::<BucketNode>() {
            return Ok(Some(node.exec(input)));
        }
        if let Some(node) = node.downcast_ref::<PythonStateNode>() {
            return node.exec(physical_inputs).map(Some);
        }
        if let Some(node) = node.downcast_ref::<PythonGroupNode>() {
            return Ok(Some(node.exec(input)));
        }
        if let (Some(node), [left, right]) = (node.downcast_ref::<PythonCogroupNode>(), physical_inputs) {
            return Ok(Some(node.exec(Arc::clone(left), Arc::clone(right))));
        }
        if let Some(table) = node.downcast_ref::<PythonTableNode>() {
            let args = UserDefinedLogicalNodeCore::expressions(table);
            let args = args.iter().map(|arg| physical(arg, schema)).collect::<Result<Vec<_>>>()?;
            return Ok(Some(table.exec(input, args)));
        }
        if let Some(eval) = node.downcast_ref::<PythonEvalNode>() {
            let args = UserDefinedLogicalNodeCore::expressions(eval)
                .iter()
                .map(|arg| physical(arg, schema))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Some(eval.exec(input, args)));
        }
        Ok(None)
    }
}
