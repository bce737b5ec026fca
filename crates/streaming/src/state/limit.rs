//! `limit` over all batches of a stream: the state is the number of rows that were let through.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchemaRef, DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{FetchType, Limit, LogicalPlan, SkipType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};
use futures::StreamExt;
use serde_json::Value;

use super::Run;
use super::exec::{StatefulExec, Work};
use super::node::{Planning, Stateful, StatefulNode};
use super::operator::Operator;
use super::shape::{At, OperatorShape, Shown, StoreShape};
use super::store::{Changes, Layout};
use crate::progress::StateReport;

const STORE: &str = "default";

/// The operator.
#[derive(Debug)]
pub struct LimitState {
    most: usize,
}

impl LimitState {
    /// Takes the place of a limit.
    pub fn node(limit: &Limit, run: Run) -> DfResult<StatefulNode> {
        let (SkipType::Literal(0), FetchType::Literal(Some(most))) = (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            let error = SparkError::unsupported("offset() on a stream", "Leave it out, or use foreachBatch.");
            return Err(DataFusionError::External(Box::new(error)));
        };
        Ok(StatefulNode {
            inputs: vec![Arc::clone(&limit.input)],
            exprs: vec![],
            schema: Arc::clone(limit.input.schema()),
            run,
            stateful: Arc::new(Self { most }),
        })
    }
}

impl Stateful for LimitState {
    fn name(&self) -> &'static str {
        "StreamingGlobalLimit"
    }

    fn needed(&self, _: &StatefulNode, output: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output.to_vec()])
    }

    fn schema(&self, inputs: &[Arc<LogicalPlan>], _: &DFSchemaRef) -> DfResult<DFSchemaRef> {
        Ok(Arc::clone(inputs[0].schema()))
    }

    fn exec(&self, node: &StatefulNode, planning: &Planning<'_>) -> DfResult<Arc<dyn ExecutionPlan>> {
        node.run.operator.describe(|| {
            let key = vec![Shown::new("key", DataType::Null, true, At::Nowhere)];
            let value = vec![Shown::new("value", DataType::Int64, true, At::Column(0))];
            let store = StoreShape { name: STORE.into(), layout: LimitWork::layout(), key, value };
            OperatorShape { stores: vec![store], properties: Value::Null }
        });
        let work = Arc::new(LimitWork { most: self.most, run: node.run.clone() });
        Ok(Arc::new(StatefulExec::new(planning.inputs.to_vec(), work, planning.inputs[0].schema())))
    }
}

#[derive(Debug)]
struct LimitWork {
    most: usize,
    run: Run,
}

impl Work for LimitWork {
    fn name(&self) -> &'static str {
        "StreamingGlobalLimitExec"
    }

    fn describe(&self) -> String {
        format!("limit={}, version={}", self.most, self.run.version)
    }

    fn operator(&self) -> &Operator {
        &self.run.operator
    }

    fn run(
        self: Arc<Self>,
        mut inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        _: Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        struct Progress {
            work: Arc<LimitWork>,
            input: Option<SendableRecordBatchStream>,
            before: Option<usize>,
            passed: usize,
        }
        let progress = Progress { work: self, input: inputs.pop(), before: None, passed: 0 };
        let stream = futures::stream::unfold(progress, |mut own| async move {
            let before = match own.before {
                Some(before) => before,
                None => match own.work.before() {
                    Ok(before) => *own.before.insert(before),
                    Err(error) => {
                        return own.input.take().map(|_| (Err(DataFusionError::External(Box::new(error))), own));
                    }
                },
            };
            let left = own.work.most.saturating_sub(before + own.passed);
            let next = match own.input.as_mut() {
                Some(input) if left > 0 => input.next().await,
                Some(_) => None,
                None => return None,
            };
            match next {
                Some(Ok(batch)) => {
                    let batch = batch.slice(0, batch.num_rows().min(left));
                    own.passed += batch.num_rows();
                    Some((Ok(batch), own))
                }
                Some(Err(error)) => {
                    own.input = None;
                    Some((Err(error), own))
                }
                None => {
                    own.input = None;
                    let outcome = own.work.finish(before, own.passed);
                    outcome.err().map(|error| (Err(DataFusionError::External(Box::new(error))), own))
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, stream))
    }
}

impl LimitWork {
    fn layout() -> Layout {
        Layout::first(vec![DataType::Int64], 0)
    }

    /// Rows that earlier batches let through.
    fn before(&self) -> Result<usize> {
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        let rows = state.store(&operator, STORE, &Self::layout(), self.run.version)?.all(&[])?;
        let count = rows.first().map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0));
        Ok(usize::try_from(count).unwrap_or(0))
    }

    fn finish(&self, before: usize, passed: usize) -> Result<()> {
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        let mut changes = Changes::default();
        if passed > 0 {
            let schema = Arc::new(Schema::new(vec![Field::new("c0", DataType::Int64, true)]));
            let count = i64::try_from(before + passed).unwrap_or(i64::MAX);
            let row = RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(vec![count]))]);
            changes.updated.push(row.map_err(from_arrow)?);
        }
        let report = StateReport { updated: changes.updated.len() as u64, ..StateReport::default() };
        state.finish(self.run.version, vec![(STORE, changes)], report);
        Ok(())
    }
}
