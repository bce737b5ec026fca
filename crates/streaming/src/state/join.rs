//! Joins of two streams as plans see them; what they do is in [`super::join_work`].
//! Spark's `StreamingSymmetricHashJoinExec`.

use std::sync::Arc;

use datafusion::common::{DFSchemaRef, JoinSide, JoinType, Result as DfResult};
use datafusion::logical_expr::logical_plan::builder::build_join_schema;
use datafusion::logical_expr::{Expr, Join, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use serde_json::Value;

use super::exec::StatefulExec;
use super::join_plan::JoinShape;
use super::join_work::{JoinWork, STORES, Side};
use super::node::{Planning, Stateful, StatefulNode, places};
use super::shape::OperatorShape;
use super::{Run, Watermarks, event_time};

/// The operator.
#[derive(Debug)]
pub struct JoinState {
    join_type: JoinType,
    keys: usize,
    /// Whether there is a condition on rows of the left side, of the right side, on pairs.
    conditions: [bool; 3],
    /// The columns with event time.
    events: [Option<String>; 2],
    event_key: Option<usize>,
    /// Up to when a side's rows can match nothing any more: for rows that come, and for rows that stay.
    bounds_ms: [Option<i64>; 2],
    output: Watermarks,
}

impl JoinState {
    /// Takes the place of a join.
    pub fn node(join: &Join, shape: JoinShape, run: Run) -> DfResult<StatefulNode> {
        let bound = |ms: i64| [shape.oldest_needed_ms(true, ms), shape.oldest_needed_ms(false, ms)];
        let bounds_ms = bound(run.watermarks.eviction_ms);
        // What waits for its match comes out later than it came in.
        let slowest = |bounds: [Option<i64>; 2], ms: i64| match shape.event_key {
            Some(_) => ms,
            None => bounds.into_iter().flatten().min().map_or(ms, |bound| bound.min(ms)),
        };
        let output = Watermarks {
            late_ms: slowest(bound(run.watermarks.late_ms), run.watermarks.late_ms).max(0),
            eviction_ms: slowest(bounds_ms, run.watermarks.eviction_ms).max(0),
        };
        let state = Self {
            join_type: shape.join_type,
            keys: shape.keys.len(),
            conditions: [shape.left.condition.is_some(), shape.right.condition.is_some(), shape.condition.is_some()],
            events: [&shape.left, &shape.right].map(|side| side.event.as_ref().map(|column| column.name.clone())),
            event_key: shape.event_key,
            bounds_ms,
            output,
        };
        let inputs = shape.matching_inputs()?.to_vec();
        let (lefts, rights): (Vec<Expr>, Vec<Expr>) = shape.keys.into_iter().unzip();
        let conditions = [shape.left.condition, shape.right.condition, shape.condition];
        Ok(StatefulNode {
            inputs,
            exprs: lefts.into_iter().chain(rights).chain(conditions.into_iter().flatten()).collect(),
            schema: Arc::clone(&join.schema),
            run,
            stateful: Arc::new(state),
        })
    }

    /// The conditions among the node's expressions.
    fn conditions<'n>(&self, node: &'n StatefulNode) -> [Option<&'n Expr>; 3] {
        let mut rest = node.exprs[2 * self.keys..].iter();
        self.conditions.map(|there| if there { rest.next() } else { None })
    }
}

impl Stateful for JoinState {
    fn name(&self) -> &'static str {
        "StreamingSymmetricHashJoin"
    }

    fn needed(&self, node: &StatefulNode, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        let widths = [node.inputs[0].schema().fields().len(), node.inputs[1].schema().fields().len()];
        let mut needed = vec![];
        for side in 0..2 {
            let schema = node.inputs[side].schema();
            let mut own: Vec<usize> = match side {
                0 => output.iter().copied().filter(|at| *at < widths[0]).collect(),
                _ => output.iter().filter_map(|at| at.checked_sub(widths[0])).collect(),
            };
            if let Some(event) = &self.events[side] {
                own.push(schema.index_of_column_by_name(None, event)?);
            }
            for expr in &node.exprs {
                let columns = expr.column_refs().into_iter().filter(|column| schema.has_column(column));
                own.extend(columns.filter_map(|column| schema.index_of_column(column).ok()));
            }
            needed.push(places(&node.inputs[side], &[], own)?);
        }
        Some(needed)
    }

    fn schema(&self, inputs: &[Arc<LogicalPlan>], _: &DFSchemaRef) -> DfResult<DFSchemaRef> {
        build_join_schema(inputs[0].schema(), inputs[1].schema(), &self.join_type).map(Arc::new)
    }

    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let conditions = self.conditions(node);
        let both = Arc::new(build_join_schema(planning.schema(0), planning.schema(1), &JoinType::Inner)?);
        let filter = match conditions[2] {
            None => None,
            Some(condition) => {
                let expr = planning.expr_over(condition, &both)?;
                let width = planning.schema(0).fields().len();
                let place = |at: usize| match at.checked_sub(width) {
                    None => ColumnIndex { index: at, side: JoinSide::Left },
                    Some(index) => ColumnIndex { index, side: JoinSide::Right },
                };
                let count = both.fields().len();
                Some(JoinFilter::new(expr, (0..count).map(place).collect(), Arc::new(both.as_arrow().clone())))
            }
        };
        let mut sides = vec![];
        for (at, condition) in conditions[..2].iter().enumerate() {
            let schema = planning.inputs[at].schema();
            let keys = &node.exprs[at * self.keys..(at + 1) * self.keys];
            let keys = keys.iter().map(|key| planning.expr(key, at)).collect::<DfResult<Vec<_>>>()?;
            let event = self.events[at].as_ref().map(|name| schema.index_of(name)).transpose()?;
            let condition = condition.map(|condition| planning.expr(condition, at)).transpose()?;
            sides.push(Side::new(&schema, keys, event, condition)?);
        }
        node.run.operator.describe(|| {
            let shape = |(at, side): (usize, &Side)| {
                let input = &node.inputs[at];
                let columns = input.schema().columns();
                let delay = |name: &str| {
                    let column = columns.iter().find(|column| column.name == name)?;
                    event_time::of_column(input, column)
                };
                side.shape(STORES[at], &planning.inputs[at].schema(), delay)
            };
            OperatorShape { stores: sides.iter().enumerate().map(shape).collect(), properties: Value::Null }
        });
        let work = JoinWork {
            join_type: self.join_type,
            sides,
            filter,
            event_key: self.event_key,
            bounds_ms: self.bounds_ms,
            run: node.run.clone(),
        };
        let schema = Arc::new(node.schema.as_arrow().clone());
        Ok(Arc::new(StatefulExec::new(planning.inputs.to_vec(), Arc::new(work), schema)))
    }

    fn output_watermarks(&self, _: &StatefulNode) -> Watermarks {
        self.output
    }
}
