//! A Python table function over the rows of its input: any rows for each of them, and some more at the end.
//! Spark's `ArrowEvalPythonUDTFExec`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::Result;
use firesteel_python::{BatchStream, TaskInfo};
use futures::StreamExt;

use super::call::PythonCall;
use super::convert::{conform, out_of_struct};
use super::eval::{Waiting, arguments};
use super::map::{arrow_stream, labelled};
use crate::Attribute;
use crate::operator::only;
use crate::operator::partition_exec::{PartitionExec, PartitionWork, Rows};
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

    /// The same call for each row of `input`, whose columns stay before those of the function.
    pub fn for_each(&self, input: LogicalPlan, args: Vec<Expr>) -> Result<Self> {
        Self::with(Arc::new(input), self.call.clone(), args, Arc::clone(&self.added), self.given.clone(), true)
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>, args: Vec<Arc<dyn PhysicalExpr>>) -> Arc<dyn ExecutionPlan> {
        Arc::new(PartitionExec::new(vec![input], Arc::new(PythonTable { node: self.clone(), args })))
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
struct PythonTable {
    node: PythonTableNode,
    args: Vec<Arc<dyn PhysicalExpr>>,
}

impl PartitionWork for PythonTable {
    fn name(&self) -> &'static str {
        "PythonTableExec"
    }

    fn describe(&self) -> String {
        self.node.call.label.clone()
    }

    fn schema(&self, inputs: &[SchemaRef]) -> SchemaRef {
        let own = if self.node.lateral { inputs[0].fields().iter().cloned().collect() } else { vec![] };
        let fields: Vec<_> = own.into_iter().chain(self.node.added.fields().iter().cloned()).collect();
        Arc::new(Schema::new(fields))
    }

    fn arguments(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.args
    }

    fn run(
        &self,
        partition: usize,
        inputs: Vec<SendableRecordBatchStream>,
        schema: &SchemaRef,
        _: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Rows> {
        let settings = self.node.call.settings.clone();
        let (lateral, skips_empty) = (self.node.lateral, self.node.partitioned);
        let waiting = Waiting::default();
        let (batches, sent) = arguments(only(inputs)?, &self.args, &settings, lateral.then_some(&waiting))?;
        let info = TaskInfo { partition, barrier: None };
        let program = Arc::clone(&self.node.call.program);
        let (given, schema) = (self.node.given.clone(), Arc::clone(schema));
        let output = async move {
            let mut batches = batches;
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
        Ok(futures::stream::once(output).flatten().boxed())
    }
}

/// Puts what the function gave beside the row that it was called for: there is one batch for each row, and what comes
/// after the last row belongs to that one.
struct Beside {
    answers: BatchStream,
    waiting: Waiting,
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
