//! `withWatermark`: the node that says which column of a stream is its event time, and how late rows may be.
//! Its operator lets all rows pass and measures their times. What the engine makes of them is not decided here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{METADATA_KEY, name};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::options::illegal_argument;
use firesteel_sources::stream::table::is_streaming;
use futures::StreamExt;
use serde_json::{Map, Value};

use super::partition_map::{self, PartitionMap};
use super::{only, over, schema_of};
use crate::attribute::next_id;
use crate::relation::required;
use crate::scope::Scope;
use crate::{Relation, Resolver};

/// Spark's key in the metadata of a column.
pub const DELAY_KEY: &str = "spark.watermarkDelayMs";

/// The event times of a batch, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTimes {
    pub min: i64,
    pub max: i64,
    pub sum: i128,
    pub count: u64,
}

/// Gathers the event times of a batch from all its partitions.
#[derive(Debug, Default)]
pub struct EventTimeTracker(Mutex<Option<EventTimes>>);

impl EventTimeTracker {
    /// What was measured; nothing where no row had a time.
    pub fn times(&self) -> Option<EventTimes> {
        *self.0.lock().expect("no panics while locked")
    }

    fn add(&self, times: EventTimes) {
        let mut own = self.0.lock().expect("no panics while locked");
        *own = Some(match *own {
            None => times,
            Some(own) => EventTimes {
                min: own.min.min(times.min),
                max: own.max.max(times.max),
                sum: own.sum + times.sum,
                count: own.count + times.count,
            },
        });
    }
}

/// The logical node.
#[derive(Debug, Clone)]
pub struct WatermarkNode {
    input: Arc<LogicalPlan>,
    /// The event time's column inside the plan.
    pub column: String,
    pub delay_ms: i64,
    /// Tells the nodes of a plan apart.
    id: u64,
    pub tracker: Arc<EventTimeTracker>,
}

/// Resolves `withWatermark`. Batch queries have no watermark: there the input is all there is.
pub fn resolve(resolver: &Resolver, message: &pb::WithWatermark, outer: Option<&Scope>) -> Result<Relation> {
    let mut input = resolver.relation_in(required(message.input.as_deref(), "WithWatermark")?, outer)?;
    let delay_ms = delay_ms(&message.delay_threshold)?;
    let parts = crate::sql::parse_column_name(&message.event_time)?;
    let attribute = {
        let inputs = [&input];
        let scope = resolver.scope(&inputs, outer);
        let found = scope.find(&parts)?.ok_or_else(|| scope.unresolved_column(&parts))?;
        if !found.rest.is_empty() {
            return Err(SparkError::new("EVENT_TIME_MUST_BE_TOP_LEVEL_COLUMN").with("eventExpr", &message.event_time));
        }
        found.attribute
    };
    if !is_streaming(&input.plan) {
        return Ok(input);
    }
    if !is_event_time(attribute.data_type()) {
        return Err(SparkError::new("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE")
            .with("eventName", name::quote(attribute.name()))
            .with("eventType", format!("\"{}\"", name::sql(attribute.data_type()))));
    }
    for own in input.output.iter_mut().filter(|own| own.id == attribute.id) {
        own.field = Arc::new(with_delay(&own.field, delay_ms));
    }
    let node = WatermarkNode {
        input: Arc::new(input.plan.clone()),
        column: attribute.column.to_string(),
        delay_ms,
        id: next_id(),
        tracker: Arc::default(),
    };
    Ok(over(input, node))
}

/// The field with the delay of its watermark in its metadata.
pub fn with_delay(field: &Field, delay_ms: i64) -> Field {
    let mut metadata = field.metadata().clone();
    let known = metadata.get(METADATA_KEY).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let mut known = known.unwrap_or_default();
    known.insert(DELAY_KEY.into(), delay_ms.into());
    metadata.insert(METADATA_KEY.into(), Value::Object(known).to_string());
    field.clone().with_metadata(metadata)
}

/// The delay of the first watermark of a plan, from above.
pub fn first_delay_ms(plan: &LogicalPlan) -> Option<i64> {
    let own = match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref::<WatermarkNode>(),
        _ => None,
    };
    own.map(|own| own.delay_ms).or_else(|| plan.inputs().into_iter().find_map(first_delay_ms))
}

/// `10 minutes`; months count 31 days, as in Spark.
fn delay_ms(text: &str) -> Result<i64> {
    let Some((months, days, us)) = firesteel_functions::datetime::parse_interval(text) else {
        return Err(SparkError::new("CANNOT_PARSE_INTERVAL").with("intervalString", format!("'{text}'")));
    };
    let delay = (i64::from(months) * 31 + i64::from(days)) * 86_400_000 + us / 1000;
    if delay < 0 {
        return Err(illegal_argument(format!("requirement failed: delay threshold ({text}) should not be negative.")));
    }
    Ok(delay)
}

/// A time, or a window of times.
fn is_event_time(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => true,
        DataType::Struct(fields) => {
            fields.len() == 2 && fields.iter().all(|field| matches!(field.data_type(), DataType::Timestamp(_, Some(_))))
        }
        _ => false,
    }
}

impl WatermarkNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let index = input.schema().index_of(&self.column)?;
        let measure = Measure { index, tracker: Arc::clone(&self.tracker) };
        Ok(partition_map::exec(input, Arc::new(measure)))
    }
}

impl PartialEq for WatermarkNode {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.input == other.input
    }
}

impl Eq for WatermarkNode {}

impl Hash for WatermarkNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for WatermarkNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        if self == other { Some(Ordering::Equal) } else { self.id.partial_cmp(&other.id) }
    }
}

impl UserDefinedLogicalNodeCore for WatermarkNode {
    fn name(&self) -> &str {
        "EventTimeWatermark"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    /// Rows that are filtered out are not measured, as in Spark.
    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        [self.column.clone()].into()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "EventTimeWatermark: {}, {} ms", self.column, self.delay_ms)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }

    /// The columns that are asked for, and the time.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let own = self.input.schema().index_of_column_by_name(None, &self.column)?;
        let mut needed = output_columns.to_vec();
        if !needed.contains(&own) {
            needed.push(own);
            needed.sort_unstable();
        }
        Some(vec![needed])
    }
}

#[derive(Debug)]
struct Measure {
    index: usize,
    tracker: Arc<EventTimeTracker>,
}

impl PartitionMap for Measure {
    fn name(&self) -> &'static str {
        "EventTimeWatermarkExec"
    }

    fn describe(&self) -> String {
        format!("column={}", self.index)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let (index, tracker) = (self.index, Arc::clone(&self.tracker));
        let schema = input.schema();
        let measured = input.map(move |batch| {
            if let Some(times) = batch.as_ref().ok().and_then(|batch| measure(batch, index)) {
                tracker.add(times);
            }
            batch
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, measured))
    }
}

fn measure(batch: &RecordBatch, index: usize) -> Option<EventTimes> {
    let column = event_times(batch.column(index))?;
    let times = column.as_primitive_opt::<TimestampMicrosecondType>()?;
    let mut measured: Option<EventTimes> = None;
    for us in times.iter().flatten() {
        let ms = us.div_euclid(1000);
        let own = measured.get_or_insert(EventTimes { min: ms, max: ms, sum: 0, count: 0 });
        own.min = own.min.min(ms);
        own.max = own.max.max(ms);
        own.sum += i128::from(ms);
        own.count += 1;
    }
    measured
}

/// The times of a column: itself, or the ends of windows.
pub fn event_times(column: &ArrayRef) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some(Arc::clone(column)),
        DataType::Struct(_) => {
            let end = Arc::clone(column.as_struct().columns().get(1)?);
            if column.null_count() == 0 {
                return Some(end);
            }
            let missing = arrow::compute::is_null(column).ok()?;
            arrow::compute::nullif(&end, &missing).ok()
        }
        _ => None,
    }
}
