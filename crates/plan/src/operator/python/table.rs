//! A Python table function over the rows of its input: any rows for each of them, and some more at the end.
//! Spark's `ArrowEvalPythonUDTFExec`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use firesteel_functions::kernel::{from_arrow, from_datafusion, to_datafusion};
use firesteel_protocol::Result;
use firesteel_python::{BatchStream, TaskInfo};
use futures::StreamExt;
use parking_lot::Mutex;

use super::super::rebatch::rebatch;
use super::call::{PythonCall, numbered};
use super::convert::{conform, for_worker, out_of_struct, worker_fields};
use super::map::{arrow_stream, labelled};
use crate::Attribute;
use crate::operator::only;
use crate::operator::partition_map::order_of;
use crate::resolver::Planned;

/// The logical node: the function's columns, in a lateral join after those of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonTableNode {
    input: Arc<LogicalPlan>,
    call: PythonCall,
    args: Vec<Expr>,
    /// The function's columns by their names in the plan, and as it declares them.
    added: Arc<Schema>,
    given: Fields,
    lateral: bool,
    /// Rows were put together by keys: partitions of none are our own doing, and nothing is called for them.
    partitioned: bool,
    schema: DFSchemaRef,
}

impl PartialOrd for PythonTableNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PythonTableNode {
    pub fn new(
        input: Arc<LogicalPlan>,
        call: PythonCall,
        args: Vec<Expr>,
        output: &[Attribute],
        given: Fields,
        lateral: bool,
        partitioned: bool,
    ) -> Result<Self> {
        let fields: Vec<_> = output.iter().map(|a| a.field.as_ref().clone().with_name(a.column.as_ref())).collect();
        let node = Self::with(input, call, args, Arc::new(Schema::new(fields)), given, lateral)?;
        Ok(Self { partitioned, ..node })
    }

    fn with(
        input: Arc<LogicalPlan>,
        call: PythonCall,
        args: Vec<Expr>,
        added: Arc<Schema>,
        given: Fields,
        lateral: bool,
    ) -> Result<Self> {
        let own = DFSchema::try_from(added.as_ref().clone()).planned()?;
        let schema = if lateral { input.schema().join(&own).planned()? } else { own };
        Ok(Self { input, call, args, added, given, lateral, partitioned: false, schema: Arc::new(schema) })
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>, args: Vec<Arc<dyn PhysicalExpr>>) -> Arc<dyn ExecutionPlan> {
        Arc::new(PythonTableExec::new(input, args, self.clone()))
    }
}

impl UserDefinedLogicalNodeCore for PythonTableNode {
    fn name(&self) -> &str {
        "PythonTable"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.args.clone()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonTable: {}", self.call.label)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let input = Arc::new(only(inputs)?);
        let added = Arc::clone(&self.added);
        let node = Self::with(input, self.call.clone(), exprs, added, self.given.clone(), self.lateral);
        Ok(Self { partitioned: self.partitioned, ..node.map_err(to_datafusion)? })
    }
}

#[derive(Debug)]
struct PythonTableExec {
    input: Arc<dyn ExecutionPlan>,
    args: Vec<Arc<dyn PhysicalExpr>>,
    node: PythonTableNode,
    /// The order in which the rows came when the query was planned.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
}

impl PythonTableExec {
    fn new(input: Arc<dyn ExecutionPlan>, args: Vec<Arc<dyn PhysicalExpr>>, node: PythonTableNode) -> Self {
        let own = input.properties();
        let added = node.added.fields().iter().cloned();
        let fields: Vec<_> =
            if node.lateral { input.schema().fields().iter().cloned().chain(added).collect() } else { added.collect() };
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::new(Schema::new(fields))),
            Partitioning::UnknownPartitioning(own.partitioning.partition_count()),
            own.emission_type,
            own.boundedness,
        ));
        let order = order_of(&input);
        Self { input, args, node, order, properties }
    }
}

impl DisplayAs for PythonTableExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonTableExec: {}", self.node.call.label)
    }
}

impl ExecutionPlan for PythonTableExec {
    fn name(&self) -> &str {
        "PythonTableExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        for arg in &self.args {
            if visit(arg)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let new = Self::new(only(children)?, self.args.clone(), self.node.clone());
        Ok(Arc::new(Self { order: self.order.clone(), ..new }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let settings = self.node.call.settings.clone();
        let input_schema = self.input.schema();
        let types: Vec<DataType> =
            self.args.iter().map(|arg| arg.data_type(&input_schema)).collect::<datafusion::common::Result<_>>()?;
        let sent = Arc::new(Schema::new(worker_fields(&numbered(types), &settings.zone)));
        let waiting: Arc<Mutex<VecDeque<RecordBatch>>> = Arc::default();
        let keep = self.node.lateral.then(|| Arc::clone(&waiting));
        let args = self.args.clone();
        let batch_schema = Arc::clone(&sent);
        let batches = rebatch(self.input.execute(partition, context)?, settings.batch_rows).map(move |batch| {
            let batch = batch.map_err(from_datafusion)?;
            let evaluated = args
                .iter()
                .map(|arg| arg.evaluate(&batch).and_then(|value| value.into_array(batch.num_rows())))
                .collect::<datafusion::common::Result<Vec<_>>>()
                .map_err(from_datafusion)?;
            let outgoing = for_worker(&evaluated, batch.num_rows(), &batch_schema);
            if let Some(keep) = &keep {
                keep.lock().push_back(batch);
            }
            outgoing
        });
        let info = TaskInfo { partition, barrier: None };
        let program = Arc::clone(&self.node.call.program);
        let (given, lateral, schema) = (self.node.given.clone(), self.node.lateral, self.schema());
        let skips_empty = self.node.partitioned;
        let output = async move {
            let mut batches = Box::pin(batches);
            let first = batches.next().await;
            if first.is_none() && skips_empty {
                return futures::stream::empty().boxed();
            }
            let bytes = arrow_stream(futures::stream::iter(first).chain(batches), sent);
            let answers = firesteel_python::run(settings.session, program, info, bytes);
            let beside = Beside { answers, waiting, last: None, given, lateral, schema };
            let rows = futures::stream::unfold(beside, |mut beside| async move {
                let item = beside.next().await?;
                Some((item.map_err(to_datafusion), beside))
            });
            rows.boxed()
        };
        let output = futures::stream::once(output).flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), output)))
    }
}

/// Puts what the function gave beside the row that it was called for: there is one batch for each row, and what comes
/// after the last row belongs to that one.
struct Beside {
    answers: BatchStream,
    waiting: Arc<Mutex<VecDeque<RecordBatch>>>,
    /// The row of the last answer.
    last: Option<RecordBatch>,
    given: Fields,
    lateral: bool,
    schema: SchemaRef,
}

impl Beside {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            return match self.answers.next().await? {
                Ok(batch) if batch.num_rows() == 0 && !self.lateral => continue,
                Ok(batch) => match self.rows(&batch) {
                    Ok(None) => continue,
                    Ok(Some(batch)) => Some(Ok(batch)),
                    Err(error) => Some(Err(error)),
                },
                Err(error) => Some(Err(error)),
            };
        }
    }

    fn rows(&mut self, answer: &RecordBatch) -> Result<Option<RecordBatch>> {
        let rows = answer.num_rows();
        let columns = conform(&out_of_struct(answer), &self.given, "the table function")?;
        if !self.lateral {
            return labelled(columns, rows, &self.schema).map(Some);
        }
        // A row without answers is gone, even in a left join: so it is in Spark.
        let (Some(row), true) = (self.take(), rows > 0) else { return Ok(None) };
        let places = UInt32Array::from(vec![0u32; rows]);
        let mut all: Vec<ArrayRef> = vec![];
        for column in row.columns() {
            all.push(arrow::compute::take(column, &places, None).map_err(from_arrow)?);
        }
        all.extend(columns);
        labelled(all, rows, &self.schema).map(Some)
    }

    /// The next row that waits, else the last one again.
    fn take(&mut self) -> Option<RecordBatch> {
        let mut waiting = self.waiting.lock();
        if let Some(batch) = waiting.pop_front() {
            if batch.num_rows() > 1 {
                waiting.push_front(batch.slice(1, batch.num_rows() - 1));
            }
            self.last = Some(batch.slice(0, 1));
        }
        self.last.clone()
    }
}
