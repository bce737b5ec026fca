//! `mapInArrow` and `mapInPandas`: a function from an iterator of batches to an iterator of batches, called once for
//! each partition. Spark's `MapInBatchExec`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, from_datafusion, to_datafusion};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{ByteStream, TaskInfo, encode};
use futures::{Stream, StreamExt};

use super::super::rebatch::rebatch;
use super::call::PythonCall;
use super::convert::{conform, in_struct, out_of_struct, struct_schema, worker_fields};
use crate::Relation;
use crate::operator::only;
use crate::operator::partition_map::{self, PartitionMap};
use crate::relation::project::attributes;
use crate::resolver::Planned;

/// The logical node. Its input has exactly the columns that the function takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonMapNode {
    input: Arc<LogicalPlan>,
    call: PythonCall,
    /// Columns as the function sees them.
    taken: Fields,
    /// Columns that it gives.
    given: Fields,
    /// `mapInArrow()`, for errors.
    operation: String,
    barrier: bool,
    schema: DFSchemaRef,
}

impl PartialOrd for PythonMapNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

/// The function over `input`, whose columns it takes all.
pub fn plan(input: Relation, call: PythonCall, given: Fields, operation: &str, barrier: bool) -> Result<Relation> {
    let input = input.narrow()?;
    let taken = worker_fields(&input.fields(), &call.settings.zone);
    let output = attributes(&given);
    let schema = schema_of(&output)?;
    let node = PythonMapNode {
        input: Arc::new(input.plan),
        call,
        taken,
        given,
        operation: operation.to_string(),
        barrier,
        schema,
    };
    let plan = LogicalPlan::Extension(datafusion::logical_expr::Extension { node: Arc::new(node) });
    Ok(Relation::new(plan, output))
}

/// The function over the partitions of an operator, outside a logical plan. `fields` are the types of its columns; what
/// comes out has the names of `given`.
pub fn exec(
    input: Arc<dyn ExecutionPlan>,
    call: PythonCall,
    fields: &Fields,
    given: Fields,
    operation: &str,
) -> Arc<dyn ExecutionPlan> {
    let map = PythonMap {
        taken: worker_fields(fields, &call.settings.zone),
        call,
        schema: Arc::new(Schema::new(given.clone())),
        given,
        operation: operation.to_string(),
        barrier: None,
    };
    partition_map::exec(input, Arc::new(map))
}

/// The plan's schema for these columns.
pub(crate) fn schema_of(output: &[crate::Attribute]) -> Result<DFSchemaRef> {
    let fields: Vec<_> = output.iter().map(|a| a.field.as_ref().clone().with_name(a.column.as_ref())).collect();
    Ok(Arc::new(DFSchema::try_from(arrow::datatypes::Schema::new(fields)).planned()?))
}

impl PythonMapNode {
    /// # Errors
    /// Tasks of a barrier stage wait for each other: Spark's error where there are more of them than `slots`.
    pub fn exec(
        &self,
        input: Arc<dyn ExecutionPlan>,
        slots: usize,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let partitions = input.properties().partitioning.partition_count();
        if self.barrier && partitions > slots {
            return Err(to_datafusion(SparkError::new("_LEGACY_JOB_ABORTED").with_message(
                "[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that requires more slots than \
                 the total number of slots in the cluster currently. repartition() the data to fewer partitions, or \
                 give local[N] more slots.",
            )));
        }
        let map = PythonMap {
            call: self.call.clone(),
            taken: self.taken.clone(),
            given: self.given.clone(),
            operation: self.operation.clone(),
            barrier: self.barrier.then_some(partitions),
            schema: Arc::clone(self.schema.inner()),
        };
        Ok(partition_map::exec(input, Arc::new(map)))
    }
}

impl UserDefinedLogicalNodeCore for PythonMapNode {
    fn name(&self) -> &str {
        "PythonMap"
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
        write!(f, "PythonMap: {}", self.call.label)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}

#[derive(Debug)]
struct PythonMap {
    call: PythonCall,
    taken: Fields,
    given: Fields,
    operation: String,
    barrier: Option<usize>,
    schema: SchemaRef,
}

impl PartitionMap for PythonMap {
    fn name(&self) -> &'static str {
        "PythonMapExec"
    }

    fn describe(&self) -> String {
        self.call.label.clone()
    }

    fn schema(&self, _: &SchemaRef) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn apply(&self, partition: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let settings = &self.call.settings;
        let batches = rebatch(input, settings.batch_rows).map(|batch| batch.map_err(from_datafusion));
        let bytes = struct_stream(batches, struct_schema(self.taken.clone()));
        let info = TaskInfo { partition, barrier: self.barrier };
        let results = firesteel_python::run(settings.session.clone(), Arc::clone(&self.call.program), info, bytes);
        let (schema, given, operation) = (Arc::clone(&self.schema), self.given.clone(), self.operation.clone());
        let out = Arc::clone(&schema);
        let results = results.map(move |batch| {
            batch.and_then(|batch| columns_of(&batch, &given, &operation, &out)).map_err(to_datafusion)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, results))
    }
}

/// A worker's struct column as a batch of `schema`.
pub(crate) fn columns_of(
    batch: &RecordBatch,
    given: &Fields,
    operation: &str,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let given_back = out_of_struct(batch);
    let columns = conform(&given_back, given, operation).map_err(|error| match operation {
        "mapInArrow()" => unread(&given_back, given).unwrap_or(error),
        _ => error,
    })?;
    labelled(columns, batch.num_rows(), schema)
}

/// Where Spark checks no types but reads the columns as they are declared, what its `ArrowColumnVector` then says of the first that
/// is missing or of another type.
fn unread(columns: &[ArrayRef], given: &Fields) -> Option<SparkError> {
    if columns.len() < given.len() {
        let text = format!("Index {0} out of bounds for length {0}", columns.len());
        return Some(SparkError::job_aborted("java.lang.ArrayIndexOutOfBoundsException", &text));
    }
    let other = given.iter().zip(columns).find(|(field, column)| {
        conform(std::slice::from_ref(column), &std::iter::once(Arc::clone(field)).collect(), "").is_err()
    });
    let method = match other?.0.data_type() {
        DataType::Boolean => "getBoolean",
        DataType::Int8 => "getByte",
        DataType::Int16 => "getShort",
        DataType::Int32 | DataType::Date32 => "getInt",
        DataType::Float32 => "getFloat",
        DataType::Float64 => "getDouble",
        DataType::Decimal128(..) => "getDecimal",
        DataType::Utf8 => "getUTF8String",
        DataType::Binary => "getBinary",
        DataType::List(_) => "getArray",
        DataType::Map(..) => "getMap",
        DataType::Struct(_) => return None,
        _ => "getLong",
    };
    Some(
        SparkError::new("UNSUPPORTED_CALL.WITHOUT_SUGGESTION")
            .with("className", "org.apache.spark.sql.vectorized.ArrowColumnVector$ArrowVectorAccessor")
            .with("methodName", method),
    )
}

/// Columns under the plan's schema; a NULL where none was promised is told as Spark tells it.
pub(crate) fn labelled(columns: Vec<ArrayRef>, rows: usize, schema: &SchemaRef) -> Result<RecordBatch> {
    let refuses_null = |(field, column): (&FieldRef, &ArrayRef)| !field.is_nullable() && column.null_count() > 0;
    if schema.fields().iter().zip(&columns).any(refuses_null) {
        // Spark's reader does not look for NULLs where none is declared; Arrow does.
        return Err(SparkError::job_aborted("java.lang.IllegalStateException", "Value at index is null"));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
}

/// Batches as one Arrow stream of a struct column.
pub(crate) fn struct_stream(
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    schema: SchemaRef,
) -> ByteStream {
    let own = Arc::clone(&schema);
    arrow_stream(batches.map(move |batch| batch.and_then(|batch| in_struct(&batch, &own))), schema)
}

/// Batches as one Arrow stream; `schema` is needed where there are none.
pub(crate) fn arrow_stream(
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    schema: SchemaRef,
) -> ByteStream {
    let state = (Box::pin(batches), None::<encode::Batches>, schema, false);
    Box::pin(futures::stream::unfold(state, |(mut batches, encoder, schema, done)| async move {
        if done {
            return None;
        }
        match batches.next().await {
            Some(Ok(batch)) => {
                let encoded = (|| {
                    let mut encoder = match encoder {
                        Some(encoder) => encoder,
                        None => encode::Batches::new(&batch.schema())?,
                    };
                    Ok((encoder.batch(&batch)?, encoder))
                })();
                match encoded {
                    Ok((bytes, encoder)) => Some((Ok(bytes), (batches, Some(encoder), schema, false))),
                    Err(error) => Some((Err(from_arrow(error)), (batches, None, schema, true))),
                }
            }
            Some(Err(error)) => Some((Err(error), (batches, encoder, schema, true))),
            None => {
                let end = match encoder {
                    Some(encoder) => encoder.finish(),
                    None => encode::Batches::new(&schema).and_then(encode::Batches::finish),
                };
                Some((end.map_err(from_arrow), (batches, None, schema, true)))
            }
        }
    }))
}
