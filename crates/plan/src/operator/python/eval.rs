//! Functions of one value a row: their arguments go to a worker, their results come back as columns beside the input's.
//! All functions of one node make one trip. Spark's `ArrowEvalPythonExec` and `BatchEvalPythonExec`.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use firesteel_functions::kernel::{from_datafusion, to_datafusion};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{BatchStream, TaskInfo};
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;

use super::super::rebatch::rebatch;
use super::call::{PythonCall, WorkerSettings, numbered};
use super::convert::{conform, for_worker, worker_fields};
use super::map::{arrow_stream, labelled};
use crate::operator::only;
use crate::operator::partition_exec::{PartitionExec, PartitionWork, Rows};
use crate::resolver::Planned;

/// The logical node: the input's columns, then one for each function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonEvalNode {
    input: Arc<LogicalPlan>,
    call: PythonCall,
    /// What goes to the worker; functions name them by position.
    args: Vec<Expr>,
    /// The new columns, by their names in the plan.
    results: Vec<(String, DataType)>,
    schema: DFSchemaRef,
}

impl PartialOrd for PythonEvalNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PythonEvalNode {
    pub fn new(
        input: Arc<LogicalPlan>,
        call: PythonCall,
        args: Vec<Expr>,
        results: Vec<(String, DataType)>,
    ) -> Result<Self> {
        let added: Vec<Field> = results.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)).collect();
        let added = DFSchema::try_from(Schema::new(added)).planned()?;
        let schema = input.schema().join(&added).planned()?;
        Ok(Self { input, call, args, results, schema: Arc::new(schema) })
    }

    /// What the functions are called over.
    pub fn input(&self) -> &Arc<LogicalPlan> {
        &self.input
    }

    /// The names of the new columns in the plan.
    pub fn result_names(&self) -> impl Iterator<Item = &String> {
        self.results.iter().map(|(name, _)| name)
    }

    /// The operator, with the arguments as physical expressions.
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>, args: Vec<Arc<dyn PhysicalExpr>>) -> Arc<dyn ExecutionPlan> {
        let results = self.results.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)).collect();
        Arc::new(PartitionExec::new(vec![input], Arc::new(PythonEval { call: self.call.clone(), args, results })))
    }
}

impl UserDefinedLogicalNodeCore for PythonEvalNode {
    fn name(&self) -> &str {
        "PythonEval"
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

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.results.iter().map(|(name, _)| name.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonEval: {}", self.call.label)
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Self::new(Arc::new(only(inputs)?), self.call.clone(), exprs, self.results.clone()).map_err(to_datafusion)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let own = schema.fields().len();
        let mut needed: Vec<usize> = output_columns.iter().copied().filter(|column| *column < own).collect();
        for arg in &self.args {
            for column in arg.column_refs() {
                needed.push(schema.maybe_index_of_column(column)?);
            }
        }
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }
}

/// The work. Rows keep their partition and order.
#[derive(Debug)]
struct PythonEval {
    call: PythonCall,
    args: Vec<Arc<dyn PhysicalExpr>>,
    results: Fields,
}

impl PartitionWork for PythonEval {
    fn name(&self) -> &'static str {
        "PythonEvalExec"
    }

    fn describe(&self) -> String {
        self.call.label.clone()
    }

    fn schema(&self, inputs: &[SchemaRef]) -> SchemaRef {
        let fields: Vec<_> = inputs[0].fields().iter().chain(&self.results).cloned().collect();
        Arc::new(Schema::new(fields))
    }

    fn arguments(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.args
    }

    fn extends_input(&self) -> bool {
        true
    }

    fn run(
        &self,
        partition: usize,
        inputs: Vec<SendableRecordBatchStream>,
        schema: &SchemaRef,
        _: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Rows> {
        let settings = self.call.settings.clone();
        // Not bounded: a function over an iterator may read ahead, and any other reads on only when it has answered.
        let waiting = Waiting::default();
        let (batches, sent) = arguments(only(inputs)?, &self.args, &settings, Some(&waiting))?;
        let info = TaskInfo { partition, barrier: None };
        let (program, given, schema) = (Arc::clone(&self.call.program), self.results.clone(), Arc::clone(schema));
        // Without rows there is nothing to call, and no worker to wait for.
        let output = async move {
            let mut batches = batches;
            let Some(first) = batches.next().await else { return futures::stream::empty().boxed() };
            let bytes = arrow_stream(futures::stream::iter([first]).chain(batches), sent);
            let answers = firesteel_python::run(settings.session, program, info, bytes);
            let joined = Joined { answers, waiting, given, schema };
            let rows = futures::stream::unfold(joined, |mut joined| async move {
                let item = joined.next().await?;
                Some((item.map_err(to_datafusion), joined))
            });
            rows.boxed()
        };
        Ok(futures::stream::once(output).flatten().boxed())
    }
}

/// What was sent, row for row beside what comes back.
pub(super) type Waiting = Arc<Mutex<VecDeque<RecordBatch>>>;

/// The batches of arguments that go to a worker, and their schema. The rows that they were computed of are put into `keep`.
pub(super) fn arguments(
    input: SendableRecordBatchStream,
    args: &[Arc<dyn PhysicalExpr>],
    settings: &WorkerSettings,
    keep: Option<&Waiting>,
) -> datafusion::common::Result<(BoxStream<'static, Result<RecordBatch>>, SchemaRef)> {
    let schema = input.schema();
    let types = args.iter().map(|arg| arg.data_type(&schema)).collect::<datafusion::common::Result<Vec<_>>>()?;
    let sent = Arc::new(Schema::new(worker_fields(&numbered(types), &settings.zone)));
    let (args, batch_schema, keep) = (args.to_vec(), Arc::clone(&sent), keep.cloned());
    let batches = rebatch(input, settings.batch_rows).fuse().map(move |batch| {
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
    Ok((batches.boxed(), sent))
}

/// Puts answers beside the rows that they answer.
struct Joined {
    answers: BatchStream,
    waiting: Waiting,
    given: Fields,
    schema: SchemaRef,
}

impl Joined {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            return match self.answers.next().await? {
                Ok(batch) if batch.num_rows() == 0 => continue,
                Ok(batch) => Some(self.join(&batch)),
                Err(error) => Some(Err(error)),
            };
        }
    }

    fn join(&self, answer: &RecordBatch) -> Result<RecordBatch> {
        let rows = answer.num_rows();
        let input = self.take(rows)?;
        let mut columns: Vec<ArrayRef> = input.columns().to_vec();
        columns.extend(conform(answer.columns(), &self.given, "pandas_udf()")?);
        labelled(columns, rows, &self.schema)
    }

    /// The next `rows` rows of what was sent.
    fn take(&self, rows: usize) -> Result<RecordBatch> {
        let mut waiting = self.waiting.lock();
        let mut parts = vec![];
        let mut missing = rows;
        while missing > 0 {
            let batch = waiting
                .pop_front()
                .ok_or_else(|| SparkError::internal("a Python worker answered rows that it was not asked"))?;
            let taken = batch.num_rows().min(missing);
            if taken < batch.num_rows() {
                waiting.push_front(batch.slice(taken, batch.num_rows() - taken));
            }
            parts.push(batch.slice(0, taken));
            missing -= taken;
        }
        match &parts[..] {
            [one] => Ok(one.clone()),
            _ => {
                let schema = parts[0].schema();
                arrow::compute::concat_batches(&schema, &parts).map_err(firesteel_functions::kernel::from_arrow)
            }
        }
    }
}
