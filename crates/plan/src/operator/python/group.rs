//! Functions over groups: `applyInPandas` and `applyInArrow`, and aggregates of one value a group.
//! Spark's `FlatMapGroupsInPandasExec`, `ArrowAggregatePythonExec` and their kin.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::common::DFSchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{BatchStream, ByteStream, TaskInfo, encode};
use futures::StreamExt;
use parking_lot::Mutex;

use super::call::PythonCall;
use super::convert::{conform, for_worker, in_struct, out_of_struct, struct_schema};
use super::grouping::{Group, Groups};
use super::map::labelled;
use super::window::{Bounds, with_bounds};
use crate::operator::only;
use crate::operator::partition_map::{self, PartitionMap};

/// What comes of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Yield {
    /// Any rows, of these columns.
    Rows { given: Fields, operation: &'static str },
    /// One row: the keys, then one value a function.
    Value { given: Fields },
    /// The rows themselves, with one value more a function. Frames that end before the group does send their bounds.
    Beside { given: Fields, bounds: Vec<Option<Bounds>> },
}

/// The logical node. Its input is arranged by `keys`, see [`super::grouping::arranged`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonGroupNode {
    pub input: Arc<LogicalPlan>,
    pub call: PythonCall,
    /// Columns of the input whose equal values make a group.
    pub keys: Vec<String>,
    /// Columns of the input that are sent, and as what the function sees them.
    pub sent: Vec<String>,
    pub taken: Fields,
    /// Rows are sent as one struct column.
    pub in_struct: bool,
    pub yields: Yield,
    pub schema: DFSchemaRef,
}

impl PartialOrd for PythonGroupNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PythonGroupNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        partition_map::exec(input, Arc::new(PythonGroup { node: self.clone() }))
    }
}

impl UserDefinedLogicalNodeCore for PythonGroupNode {
    fn name(&self) -> &str {
        "PythonGroup"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PythonGroup: {}, keys=[{}]", self.call.label, self.keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}

#[derive(Debug)]
struct PythonGroup {
    node: PythonGroupNode,
}

/// Positions of columns in a physical schema.
pub(crate) fn positions(schema: &Schema, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| schema.index_of(name).map_err(from_arrow)).collect()
}

impl PartitionMap for PythonGroup {
    fn name(&self) -> &'static str {
        "PythonGroupExec"
    }

    fn describe(&self) -> String {
        self.node.call.label.clone()
    }

    fn schema(&self, _: &SchemaRef) -> SchemaRef {
        Arc::clone(self.node.schema.inner())
    }

    fn apply(&self, _: usize, _: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = Arc::clone(self.node.schema.inner());
        let failed = datafusion::common::internal_err!("groups for Python functions need a task");
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(async move { failed })))
    }

    fn apply_in(
        &self,
        partition: usize,
        input: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        let schema = Arc::clone(self.node.schema.inner());
        match self.start(partition, input, context) {
            Ok(stream) => stream,
            Err(error) => {
                let failed = futures::stream::once(async move { Err(to_datafusion(error)) });
                Box::pin(RecordBatchStreamAdapter::new(schema, failed))
            }
        }
    }
}

impl PythonGroup {
    fn start(
        &self,
        partition: usize,
        input: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let node = &self.node;
        let input_schema = input.schema();
        let keys = positions(&input_schema, &node.keys)?;
        let sent = positions(&input_schema, &node.sent)?;
        let groups = Groups::new(input, keys.clone())?.accounted(context.memory_pool());
        let waiting: Arc<Mutex<VecDeque<RecordBatch>>> = Arc::default();
        let sender = Sender {
            sent,
            keys: keys.clone(),
            in_struct: node.in_struct,
            taken: sent_schema(node),
            rows: node.call.settings.batch_rows,
            yields: node.yields.clone(),
            waiting: Arc::clone(&waiting),
        };
        let info = TaskInfo { partition, barrier: None };
        let session = node.call.settings.session.clone();
        let program = Arc::clone(&node.call.program);
        let schema = Arc::clone(node.schema.inner());
        let (out, yields) = (Arc::clone(&schema), node.yields.clone());
        // Without groups there is nothing to call, and no worker to wait for.
        let output = async move {
            let mut bytes = match &sender.yields {
                Yield::Beside { .. } => group_stream(groups, sender),
                Yield::Rows { .. } | Yield::Value { .. } => piece_stream(groups, sender),
            };
            let first = bytes.next().await;
            let Some(first) = first else { return futures::stream::empty().boxed() };
            let second = bytes.next().await;
            if second.is_none() && first.is_ok() {
                return futures::stream::empty().boxed();
            }
            let all = futures::stream::iter([first]).chain(futures::stream::iter(second)).chain(bytes);
            let answers = firesteel_python::run(session, program, info, Box::pin(all));
            let receiver = Receiver { answers, waiting, keys, yields, schema: out };
            let rows = futures::stream::unfold(receiver, |mut receiver| async move {
                let item = receiver.next().await?;
                Some((item.map_err(to_datafusion), receiver))
            });
            rows.boxed()
        };
        let output = futures::stream::once(output).flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, output)))
    }
}

/// The schema of what is sent: the columns, before them those of window bounds.
fn sent_schema(node: &PythonGroupNode) -> SchemaRef {
    if node.in_struct {
        return struct_schema(node.taken.clone());
    }
    let bounds = match &node.yields {
        Yield::Beside { bounds, .. } => bounds.iter().flatten().count() * 2,
        _ => 0,
    };
    let own = node.taken.iter().cloned();
    let added = (0..bounds).map(|at| Arc::new(Field::new(format!("_bound{at}"), DataType::Int32, false)));
    Arc::new(Schema::new(own.chain(added).collect::<Vec<_>>()))
}

/// Groups to bytes.
struct Sender {
    sent: Vec<usize>,
    keys: Vec<usize>,
    in_struct: bool,
    taken: SchemaRef,
    rows: usize,
    yields: Yield,
    /// What goes beside the answers: keys or whole rows.
    waiting: Arc<Mutex<VecDeque<RecordBatch>>>,
}

impl Sender {
    /// A whole group, whose rows wait for the values beside them.
    fn bytes(&self, group: &Group, bounds: &[Option<Bounds>]) -> Result<Vec<Buffer>> {
        let whole = group.whole()?;
        let batch = whole.project(&self.sent).map_err(from_arrow)?;
        let mut columns = batch.columns().to_vec();
        columns.extend(with_bounds(&whole, bounds)?);
        let batch = for_worker(&columns, whole.num_rows(), &self.taken)?;
        self.waiting.lock().push_back(whole);
        encode::group(&[(&self.taken, &[batch])]).map_err(from_arrow)
    }

    /// The beginning of a group of which this is the first piece.
    fn begin(&self, first: &RecordBatch, bytes: &mut Vec<Buffer>) -> Result<OpenGroup> {
        if let Yield::Value { .. } = self.yields {
            let keys = first.slice(0, 1).project(&self.keys).map_err(from_arrow)?;
            self.waiting.lock().push_back(keys);
        }
        bytes.push(encode::tables(1));
        let stream = encode::Batches::new(&self.taken).map_err(from_arrow)?;
        Ok(OpenGroup { stream, pieces: vec![], rows: 0 })
    }

    fn batch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let batch = batch.project(&self.sent).map_err(from_arrow)?;
        if self.in_struct {
            in_struct(&batch, &self.taken)
        } else {
            for_worker(batch.columns(), batch.num_rows(), &self.taken)
        }
    }
}

/// A group on its way to the worker: rows that do not fill a batch yet.
struct OpenGroup {
    stream: encode::Batches,
    pieces: Vec<RecordBatch>,
    rows: usize,
}

impl OpenGroup {
    /// Takes rows, and sends what fills batches.
    fn add(&mut self, piece: RecordBatch, sender: &Sender, bytes: &mut Vec<Buffer>) -> Result<()> {
        self.rows += piece.num_rows();
        self.pieces.push(piece);
        if self.rows < sender.rows {
            return Ok(());
        }
        let (whole, mut from) = (self.take()?, 0);
        while whole.num_rows() - from >= sender.rows {
            self.send(&whole.slice(from, sender.rows), sender, bytes)?;
            from += sender.rows;
        }
        if from < whole.num_rows() {
            self.rows = whole.num_rows() - from;
            self.pieces.push(whole.slice(from, self.rows));
        }
        Ok(())
    }

    /// Sends the rest, and the end.
    fn close(mut self, sender: &Sender, bytes: &mut Vec<Buffer>) -> Result<()> {
        if self.rows > 0 {
            let rest = self.take()?;
            self.send(&rest, sender, bytes)?;
        }
        bytes.extend(self.stream.finish().map_err(from_arrow)?);
        Ok(())
    }

    fn take(&mut self) -> Result<RecordBatch> {
        self.rows = 0;
        let pieces = std::mem::take(&mut self.pieces);
        match &pieces[..] {
            [one] => Ok(one.clone()),
            several => arrow::compute::concat_batches(&several[0].schema(), several).map_err(from_arrow),
        }
    }

    fn send(&mut self, batch: &RecordBatch, sender: &Sender, bytes: &mut Vec<Buffer>) -> Result<()> {
        bytes.extend(self.stream.batch(&sender.batch(batch)?).map_err(from_arrow)?);
        Ok(())
    }
}

/// Groups in batches as they are read: however large, a group is held by the worker alone.
fn piece_stream(groups: Groups, sender: Sender) -> ByteStream {
    let state = Some((groups, sender, None::<OpenGroup>));
    Box::pin(futures::stream::unfold(state, |state| async move {
        let (mut groups, sender, mut open) = state?;
        match next_bytes(&mut groups, &sender, &mut open).await {
            Ok((bytes, true)) => Some((Ok(bytes), Some((groups, sender, open)))),
            Ok((bytes, false)) => Some((Ok(bytes), None)),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// The bytes of at least one batch or group, and whether more follow.
async fn next_bytes(groups: &mut Groups, sender: &Sender, open: &mut Option<OpenGroup>) -> Result<(Vec<Buffer>, bool)> {
    let mut bytes = vec![];
    loop {
        let Some(piece) = groups.next_piece().await? else {
            if let Some(last) = open.take() {
                last.close(sender, &mut bytes)?;
                return Ok((bytes, true));
            }
            return Ok((encode::end_of_groups(), false));
        };
        if piece.is_first {
            if let Some(before) = open.take() {
                before.close(sender, &mut bytes)?;
            }
            *open = Some(sender.begin(&piece.batch, &mut bytes)?);
        }
        if let Some(group) = open {
            group.add(piece.batch, sender, &mut bytes)?;
        }
        if bytes.len() > 1 {
            return Ok((bytes, true));
        }
    }
}

fn group_stream(groups: Groups, sender: Sender) -> ByteStream {
    Box::pin(futures::stream::unfold(Some((groups, sender)), |state| async move {
        let (mut groups, sender) = state?;
        let bounds: &[Option<Bounds>] = match &sender.yields {
            Yield::Beside { bounds, .. } => bounds,
            _ => &[],
        };
        match groups.next().await {
            Ok(Some(group)) => match sender.bytes(&group, bounds) {
                Ok(bytes) => Some((Ok(bytes), Some((groups, sender)))),
                Err(error) => Some((Err(error), None)),
            },
            Ok(None) => Some((Ok(encode::end_of_groups()), None)),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

/// Answers to rows of the output.
struct Receiver {
    answers: BatchStream,
    waiting: Arc<Mutex<VecDeque<RecordBatch>>>,
    keys: Vec<usize>,
    yields: Yield,
    schema: SchemaRef,
}

impl Receiver {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            return match self.answers.next().await? {
                Ok(batch) if batch.num_rows() == 0 => continue,
                Ok(batch) => Some(self.row(&batch)),
                Err(error) => Some(Err(error)),
            };
        }
    }

    fn row(&self, answer: &RecordBatch) -> Result<RecordBatch> {
        let rows = answer.num_rows();
        match &self.yields {
            Yield::Rows { given, operation } => {
                labelled(conform(&out_of_struct(answer), given, operation)?, rows, &self.schema)
            }
            Yield::Value { given } => {
                let mut columns = self.take(rows, self.keys.len())?;
                columns.extend(conform(answer.columns(), given, "pandas_udf()")?);
                labelled(columns, rows, &self.schema)
            }
            Yield::Beside { given, .. } => {
                let width = self.schema.fields().len() - given.len();
                let mut columns = self.take(rows, width)?;
                columns.extend(conform(answer.columns(), given, "pandas_udf()")?);
                labelled(columns, rows, &self.schema)
            }
        }
    }

    /// The first `width` columns of the next `rows` rows that wait for an answer.
    fn take(&self, rows: usize, width: usize) -> Result<Vec<ArrayRef>> {
        let mut waiting = self.waiting.lock();
        let mut parts = vec![];
        let mut missing = rows;
        while missing > 0 {
            let batch = waiting
                .pop_front()
                .ok_or_else(|| SparkError::internal("a Python worker answered groups that it was not given"))?;
            let taken = batch.num_rows().min(missing);
            if taken < batch.num_rows() {
                waiting.push_front(batch.slice(taken, batch.num_rows() - taken));
            }
            parts.push(batch.slice(0, taken));
            missing -= taken;
        }
        (0..width)
            .map(|column| {
                let arrays: Vec<&dyn arrow::array::Array> =
                    parts.iter().map(|part| part.column(column).as_ref()).collect();
                arrow::compute::concat(&arrays).map_err(from_arrow)
            })
            .collect()
    }
}
