//! Query execution: a relation is resolved, optimized, planned and run. Spark's `QueryExecution`.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use arrow::array::Array;
use arrow::datatypes::{DecimalType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::{Relation, Resolver};
use firesteel_protocol::connect::{self as pb, execute_plan_response::ResponseType, plan::OpType, relation::RelType};
use firesteel_protocol::types::proto;
use firesteel_protocol::{Result, SparkError};
use futures::{Stream, StreamExt};

use crate::metrics::{self, QueryRecord};
use crate::python::PythonOperation;
use crate::{CancelToken, Progress, Session, command, relabel, runner, show};

/// Batches with Spark's names and types.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>;

/// What an operation lends to its execution.
#[derive(Debug, Clone, Default)]
pub struct OperationHandle {
    pub id: String,
    pub tags: Vec<String>,
    pub cancel: CancelToken,
    pub progress: Arc<Progress>,
    /// What the user wrote or did, for the event log and the web UI.
    pub description: String,
    /// `SparkContext.setLocalProperty` of the thread that asked: a job group and its description, say.
    pub properties: Arc<BTreeMap<String, String>>,
    /// What `df.observe` found in the operation's queries, for the client.
    pub observed: Observed,
}

/// Observed metrics, as they come.
pub type Observed = Arc<Mutex<Vec<pb::execute_plan_response::ObservedMetrics>>>;

/// What an executed plan gives.
#[derive(Debug)]
pub enum Execution {
    /// A query: rows.
    Rows(Rows),
    /// A command: what to tell the client.
    Response(Vec<ResponseType>),
}

/// The rows of a query; dropping them stops the work.
pub struct Rows {
    pub schema: pb::DataType,
    pub arrow_schema: SchemaRef,
    pub batches: BatchStream,
    pub summary: RowsSummary,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("arrow_schema", &self.arrow_schema).finish_non_exhaustive()
    }
}

/// What is known once all rows are there.
#[derive(Debug, Default)]
pub struct RowsSummary {
    plan: Option<Arc<dyn ExecutionPlan>>,
    pub(crate) observed: Observed,
}

/// Metrics of a finished query.
#[derive(Debug, Default)]
pub struct Summary {
    pub metrics: Option<pb::execute_plan_response::Metrics>,
    pub observed: Vec<pb::execute_plan_response::ObservedMetrics>,
}

impl RowsSummary {
    /// The metrics; to be asked for after the last batch.
    pub fn take(&mut self) -> Summary {
        let observed = std::mem::take(&mut *self.observed.lock().expect("no panics while locked"));
        Summary { metrics: self.plan.take().map(|plan| metrics::message(&plan)), observed }
    }
}

/// A relation ready to run.
#[derive(Debug)]
pub struct Planned {
    pub relation: Relation,
    pub optimized: LogicalPlan,
    pub physical: Arc<dyn ExecutionPlan>,
    /// Plans of observed metrics.
    pub observed: Vec<(String, Relation)>,
}

impl Session {
    /// Executes what a client sent.
    pub async fn execute(&self, plan: pb::Plan, operation: OperationHandle) -> Result<Execution> {
        match plan.op_type {
            Some(OpType::Root(relation)) => self.rows(relation, operation).await.map(Execution::Rows),
            Some(OpType::Command(command)) => command::run(self, command, operation).await.map(Execution::Response),
            Some(OpType::CompressedOperation(_)) => Err(SparkError::internal("a compressed plan reached the engine")),
            None => Err(SparkError::internal("a plan without operation")),
        }
    }

    /// Executes a SQL text: rows of a query, or of a command that shows something.
    pub async fn sql_text(&self, text: &str) -> Result<Execution> {
        let sql = pb::Sql { query: text.to_string(), ..Default::default() };
        let input = pb::Relation { common: None, rel_type: Some(RelType::Sql(sql)) };
        let command = pb::SqlCommand { input: Some(input), ..Default::default() };
        let command = pb::Command { command_type: Some(pb::command::CommandType::SqlCommand(command)) };
        let described = || OperationHandle { description: text.to_string(), ..OperationHandle::default() };
        let responses = command::run(self, command, described()).await?;
        for response in &responses {
            if let ResponseType::SqlCommandResult(result) = response {
                if let Some(relation) = &result.relation {
                    return self.rows(relation.clone(), described()).await.map(Execution::Rows);
                }
            }
        }
        Ok(Execution::Response(responses))
    }

    /// The rows of a relation.
    pub(crate) async fn rows(&self, relation: pb::Relation, operation: OperationHandle) -> Result<Rows> {
        match &relation.rel_type {
            Some(RelType::ShowString(message)) => show::show_string(self, message, operation).await,
            Some(RelType::HtmlString(message)) => show::html_string(self, message, operation).await,
            _ => {
                let planned = self.plan(relation).await?;
                self.run(planned, operation)
            }
        }
    }

    /// Resolves and plans on a thread whose stack bears deep plans.
    pub async fn plan(&self, relation: pb::Relation) -> Result<Planned> {
        self.resolving(move |session, resolver| {
            let relation = resolver.query(&relation)?;
            let observed = resolver.observed.borrow_mut().drain(..).collect();
            session.physical(relation, observed)
        })
        .await
    }

    /// Runs `work` with a resolver, where it may block.
    pub async fn resolving<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session, &Resolver) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let session = self.arc();
        let guard = crate::cancel::CancelOnDrop::default();
        let ctx = self.resolve_context_until(&guard.0);
        let operation = PythonOperation::current();
        let task = tokio::task::spawn_blocking(move || {
            PythonOperation::enter(operation, || {
                let resolver = Resolver::new(&ctx);
                work(&session, &resolver)
            })
        });
        let ended = task.await;
        drop(guard);
        ended.unwrap_or_else(|error| Err(SparkError::internal(format!("resolving the plan failed: {error}"))))
    }

    /// Optimizes and plans a resolved relation. Blocks.
    pub fn physical(&self, relation: Relation, observed: Vec<(String, Relation)>) -> Result<Planned> {
        self.physical_with(relation, observed, vec![])
    }

    /// The same for a plan with operators that only `planners` know. Blocks.
    pub fn physical_with(
        &self,
        relation: Relation,
        observed: Vec<(String, Relation)>,
        planners: Vec<crate::ExtraPlanner>,
    ) -> Result<Planned> {
        let state = self.state_with(planners)?;
        let plan = self.without_python_calls(&relation.plan)?;
        let optimized = state.optimize(&plan).map_err(from_datafusion)?;
        let handle = tokio::runtime::Handle::current();
        let planning = async { state.query_planner().create_physical_plan(&optimized, &state).await };
        let physical = handle.block_on(planning).map_err(from_datafusion)?;
        Ok(Planned { relation, optimized, physical, observed })
    }

    /// Starts a planned query.
    pub fn run(&self, planned: Planned, operation: OperationHandle) -> Result<Rows> {
        let fields = planned.relation.fields();
        let zone = self.conf().lookup("spark.sql.session.timeZone").unwrap_or_else(|| "UTC".into());
        let arrow_schema = Arc::new(Schema::new(relabel::client_fields(&fields, &zone)));
        let record = self.queries.start(self, &operation, Arc::clone(&planned.physical));
        let context = Arc::new(datafusion::execution::TaskContext::from(&self.state()?));
        let stream = runner::run(planned.executable(self)?, context, &operation)?;
        let observed = Arc::clone(&operation.observed);
        let plan = Arc::clone(&planned.physical);
        let batches = finish(self.arc(), stream, record, planned.observed, Arc::clone(&observed));
        let out = Arc::clone(&arrow_schema);
        let batches = batches.map(move |batch| batch.and_then(|batch| relabel::batch(&batch, &out)));
        Ok(Rows {
            schema: proto::encode_schema(&fields),
            arrow_schema,
            batches: Box::pin(batches),
            summary: RowsSummary { plan: Some(plan), observed },
        })
    }

    /// All rows of a resolved relation; for small results.
    pub(crate) async fn collect(
        &self,
        planned: Planned,
        operation: OperationHandle,
    ) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let mut rows = self.run(planned, operation)?;
        let mut batches = vec![];
        while let Some(batch) = rows.batches.next().await {
            batches.push(batch?);
        }
        Ok((rows.arrow_schema, batches))
    }
}

/// Notes the end of a query, and computes observed metrics after its last batch.
fn finish(
    session: Arc<Session>,
    mut stream: BatchStream,
    record: Arc<QueryRecord>,
    observed: Vec<(String, Relation)>,
    into: Observed,
) -> BatchStream {
    let guard = metrics::EndGuard::new(record);
    let output = async_stream(move |sender| async move {
        let mut guard = guard;
        while let Some(batch) = stream.next().await {
            let failed = batch.is_err();
            if let Err(error) = &batch {
                guard.failed(error);
            }
            if sender.send(batch).await.is_err() || failed {
                return;
            }
        }
        if let Err(error) = observe_all(&session, observed, &into).await {
            guard.failed(&error);
            // A receiver that is gone needs no error.
            let _ = sender.send(Err(error)).await;
            return;
        }
        guard.succeeded();
    });
    Box::pin(output)
}

/// A stream out of a task that sends; the task ends when the stream is dropped.
fn async_stream<F, T>(make: F) -> impl Stream<Item = Result<RecordBatch>> + Send
where
    F: FnOnce(tokio::sync::mpsc::Sender<Result<RecordBatch>>) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(make(sender));
    futures::stream::unfold((receiver, tasks), |(mut receiver, mut tasks)| async move {
        match receiver.recv().await {
            Some(item) => Some((item, (receiver, tasks))),
            None => {
                // A task that panicked says so here instead of ending the stream in silence.
                let ended = tasks.join_next().await?;
                let error = ended.err().filter(tokio::task::JoinError::is_panic)?;
                Some((Err(SparkError::internal(error.to_string())), (receiver, tasks)))
            }
        }
    })
}

/// Computes observed metrics for the client.
pub(crate) async fn observe_all(
    session: &Arc<Session>,
    observed: Vec<(String, Relation)>,
    into: &Observed,
) -> Result<()> {
    for (name, relation) in observed {
        let message = observe(session, &name, relation).await?;
        into.lock().expect("no panics while locked").push(message);
    }
    Ok(())
}

async fn observe(
    session: &Arc<Session>,
    name: &str,
    relation: Relation,
) -> Result<pb::execute_plan_response::ObservedMetrics> {
    let own = Arc::clone(session);
    let fields = relation.fields();
    let planned = tokio::task::spawn_blocking(move || own.physical(relation, vec![]))
        .await
        .map_err(|error| SparkError::internal(error.to_string()))??;
    let (_, batches) = Box::pin(session.collect(planned, OperationHandle::default())).await?;
    let row = batches.iter().find(|batch| batch.num_rows() > 0);
    let mut values = vec![];
    for column in 0..fields.len() {
        let value = match row {
            Some(batch) => ScalarValue::try_from_array(batch.column(column), 0).map_err(from_datafusion)?,
            None => ScalarValue::Null,
        };
        values.push(literal(&value)?);
    }
    let keys = fields.iter().map(|field| field.name().clone()).collect();
    Ok(pb::execute_plan_response::ObservedMetrics { name: name.to_string(), values, keys, ..Default::default() })
}

/// A value as literal message.
pub(crate) fn literal(value: &ScalarValue) -> Result<pb::expression::Literal> {
    use pb::expression::literal::{self, LiteralType};
    let data_type = value.data_type();
    let kind = match value {
        other if other.is_null() => LiteralType::Null(proto::encode(&data_type)),
        ScalarValue::Boolean(Some(v)) => LiteralType::Boolean(*v),
        ScalarValue::Int8(Some(v)) => LiteralType::Byte(i32::from(*v)),
        ScalarValue::Int16(Some(v)) => LiteralType::Short(i32::from(*v)),
        ScalarValue::Int32(Some(v)) => LiteralType::Integer(*v),
        ScalarValue::Int64(Some(v)) => LiteralType::Long(*v),
        ScalarValue::Float32(Some(v)) => LiteralType::Float(*v),
        ScalarValue::Float64(Some(v)) => LiteralType::Double(*v),
        ScalarValue::Utf8(Some(v)) => LiteralType::String(v.clone()),
        ScalarValue::Binary(Some(v)) => LiteralType::Binary(v.clone().into()),
        ScalarValue::Date32(Some(v)) => LiteralType::Date(*v),
        ScalarValue::TimestampMicrosecond(Some(v), Some(_)) => LiteralType::Timestamp(*v),
        ScalarValue::TimestampMicrosecond(Some(v), None) => LiteralType::TimestampNtz(*v),
        ScalarValue::DurationMicrosecond(Some(v)) => LiteralType::DayTimeInterval(*v),
        ScalarValue::IntervalYearMonth(Some(v)) => LiteralType::YearMonthInterval(*v),
        ScalarValue::Decimal128(Some(_), precision, scale) => LiteralType::Decimal(literal::Decimal {
            value: decimal_text(value),
            precision: Some(i32::from(*precision)),
            scale: Some(i32::from(*scale)),
        }),
        ScalarValue::List(list) => {
            let elements = list.value(0);
            let mut values = vec![];
            for index in 0..elements.len() {
                values.push(literal(&ScalarValue::try_from_array(&elements, index).map_err(from_datafusion)?)?);
            }
            #[expect(deprecated, reason = "the client reads the type here")]
            let array = literal::Array { elements: values, element_type: Some(proto::encode(elements.data_type())) };
            LiteralType::Array(array)
        }
        ScalarValue::Struct(fields) => {
            let mut values = vec![];
            for column in fields.columns() {
                values.push(literal(&ScalarValue::try_from_array(column, 0).map_err(from_datafusion)?)?);
            }
            #[expect(deprecated, reason = "the client reads the type here")]
            let own = literal::Struct { elements: values, struct_type: Some(proto::encode(&data_type)) };
            LiteralType::Struct(own)
        }
        other => {
            return Err(SparkError::unsupported(
                format!("an observed metric of type {}", other.data_type()),
                "Cast it to a string.",
            ));
        }
    };
    Ok(pb::expression::Literal { literal_type: Some(kind), data_type: Some(proto::encode(&data_type)) })
}

fn decimal_text(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Decimal128(Some(v), precision, scale) => {
            arrow::datatypes::Decimal128Type::format_decimal(*v, *precision, *scale)
        }
        _ => String::new(),
    }
}
