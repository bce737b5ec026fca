//! The way of each row to its partition: a node below an exchange adds a column, the channel that the row takes (as a value
//! that DataFusion's hash partitioning sends there). Each partition has a channel for every group of input partitions, so
//! that rows of neighbouring input partitions stay together and in order, as Spark's shuffle reader gives them.
//!
//! Numbers of partitions are Spark's: `HashPartitioning`, `RoundRobinPartitioning`, `ShufflePartitionIdPassThrough`. Those
//! by ranges come from `range_bounds`. What moves the rows is in `exchange`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use firesteel_functions::random::XorShiftRandom;
use futures::{StreamExt, TryStreamExt};

use super::channel_memory::outside;
use super::only;
use super::range_bounds::RangeBounds;

/// Which partition a row goes to.
#[derive(Debug, Clone)]
pub enum Place {
    /// One after the other, from a place that the number of the input partition decides.
    RoundRobin,
    /// A number (INT), modulo the number of partitions.
    Number(Arc<dyn PhysicalExpr>),
    /// The range that the row's keys are in.
    Range(Arc<RangeBounds>),
}

impl Place {
    /// The same, for another run.
    pub fn fresh(&self) -> Self {
        match self {
            Self::Range(bounds) => Self::Range(Arc::new(bounds.fresh())),
            other => other.clone(),
        }
    }
}

/// The operator: all columns of its input, then `_to`.
#[derive(Debug)]
pub struct PlaceExec {
    input: Arc<dyn ExecutionPlan>,
    place: Place,
    /// For each channel a value whose hash leads there: those of the first partition, one for each group of input
    /// partitions, then those of the second.
    targets: Arc<[i64]>,
    groups: usize,
    properties: Arc<PlanProperties>,
}

/// Which input partitions are in a group: neighbours, as even as it goes.
pub fn group(number: usize, inputs: usize, groups: usize) -> std::ops::Range<usize> {
    number * inputs / groups..(number + 1) * inputs / groups
}

impl PlaceExec {
    /// Rows of `groups` groups of input partitions go to `partitions` partitions.
    pub fn try_new(
        input: Arc<dyn ExecutionPlan>,
        place: Place,
        partitions: usize,
        groups: usize,
    ) -> datafusion::common::Result<Self> {
        let targets = targets(partitions * groups)?.into();
        Ok(Self::over(input, place, targets, groups))
    }

    fn over(input: Arc<dyn ExecutionPlan>, place: Place, targets: Arc<[i64]>, groups: usize) -> Self {
        let added = Arc::new(Field::new("_to", DataType::Int64, false));
        let fields = input.schema().fields().iter().cloned().chain([added]).collect::<Vec<_>>();
        let equivalence = EquivalenceProperties::new(Arc::new(Schema::new(fields)));
        let own = input.properties();
        let partitioning = Partitioning::UnknownPartitioning(own.partitioning.partition_count());
        let properties = Arc::new(PlanProperties::new(equivalence, partitioning, own.emission_type, own.boundedness));
        Self { input, place, targets, groups, properties }
    }

    /// What the rows are to be hashed by.
    pub fn target(&self) -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new("_to", self.schema().fields().len() - 1))
    }
}

/// Finds for each of `partitions` a number that DataFusion's hash partitioning sends there, by trying.
fn targets(partitions: usize) -> datafusion::common::Result<Vec<i64>> {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let key: Arc<dyn PhysicalExpr> = Arc::new(Column::new("n", 0));
    let mut found: Vec<Option<i64>> = vec![None; partitions];
    let mut missing = partitions;
    let step = (partitions as i64 * 8).max(64);
    let mut first = 0i64;
    while missing > 0 {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + step));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![numbers])?;
        let hash = Partitioning::Hash(vec![Arc::clone(&key)], partitions);
        let mut partitioner = BatchPartitioner::try_new(hash, Time::new(), 0, 1)?;
        partitioner.partition(batch, |partition, rows| {
            if let (None, true) = (found[partition], rows.num_rows() > 0) {
                found[partition] = Some(rows.column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0));
                missing -= 1;
            }
            Ok(())
        })?;
        first += step;
    }
    Ok(found.into_iter().flatten().collect())
}

impl DisplayAs for PlaceExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PlaceExec: {:?}", self.place)
    }
}

impl ExecutionPlan for PlaceExec {
    fn name(&self) -> &str {
        "PlaceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> datafusion::common::Result<TreeNodeRecursion>,
    ) -> datafusion::common::Result<TreeNodeRecursion> {
        match &self.place {
            Place::Number(expr) => f(expr),
            _ => Ok(TreeNodeRecursion::Continue),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::over(only(children)?, self.place.fresh(), Arc::clone(&self.targets), self.groups)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> datafusion::common::Result<SendableRecordBatchStream> {
        let context = outside(&context);
        let schema = self.schema();
        let inputs = count(&self.input);
        let from =
            (0..self.groups).find(|number| group(*number, inputs, self.groups).contains(&partition)).unwrap_or(0);
        let targets: Arc<[i64]> = self.targets.iter().skip(from).step_by(self.groups).copied().collect();
        let partitions = targets.len();
        let placed = |place: Placing| {
            let (schema, targets) = (Arc::clone(&schema), Arc::clone(&targets));
            let input = self.input.execute(partition, Arc::clone(&context))?;
            let mut place = place;
            Ok::<_, datafusion::common::DataFusionError>(input.map(move |batch| {
                let batch = batch?;
                let numbers = place.numbers(&batch, targets.len())?;
                add(&batch, &schema, &numbers, &targets)
            }))
        };
        match &self.place {
            Place::RoundRobin => {
                let next = XorShiftRandom::new(partition as i64).next_below(partitions as i32) as usize;
                let output = placed(Placing::RoundRobin { next })?;
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, output)))
            }
            Place::Number(expr) => {
                let output = placed(Placing::Number(Arc::clone(expr)))?;
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, output)))
            }
            Place::Range(bounds) => {
                let (bounds, input, own) = (Arc::clone(bounds), Arc::clone(&self.input), Arc::clone(&schema));
                let output = async move {
                    let bounds = bounds.compute(&input, partitions, &context).await?;
                    let rows = input.execute(partition, context)?;
                    let output = rows.map(move |batch| {
                        let batch = batch?;
                        let numbers = bounds.numbers(&batch)?;
                        add(&batch, &own, &numbers, &targets)
                    });
                    Ok::<_, datafusion::common::DataFusionError>(output)
                };
                let output = futures::stream::once(output).try_flatten();
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, output)))
            }
        }
    }
}

/// The state of placing one input partition's rows.
enum Placing {
    RoundRobin { next: usize },
    Number(Arc<dyn PhysicalExpr>),
}

impl Placing {
    fn numbers(&mut self, batch: &RecordBatch, partitions: usize) -> datafusion::common::Result<Vec<usize>> {
        match self {
            Self::RoundRobin { next } => {
                let rows = batch.num_rows();
                let first = *next + 1;
                *next = (*next + rows) % partitions;
                Ok((first..first + rows).map(|number| number % partitions).collect())
            }
            Self::Number(expr) => {
                let numbers = expr.evaluate(batch)?.into_array(batch.num_rows())?;
                let numbers = numbers.as_primitive::<Int32Type>();
                let place = |number: Option<i32>| number.unwrap_or(0).rem_euclid(partitions as i32) as usize;
                Ok(numbers.iter().map(place).collect())
            }
        }
    }
}

fn add(
    batch: &RecordBatch,
    schema: &SchemaRef,
    numbers: &[usize],
    targets: &[i64],
) -> datafusion::common::Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(Int64Array::from_iter_values(numbers.iter().map(|number| targets[*number]))));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// Batches without the column.
pub fn unplaced(input: SendableRecordBatchStream, schema: SchemaRef) -> SendableRecordBatchStream {
    let keep: Vec<usize> = (0..schema.fields().len()).collect();
    let own = Arc::clone(&schema);
    let output = input.map(move |batch| {
        let batch = batch?.project(&keep)?;
        let rows = arrow::record_batch::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&own), batch.columns().to_vec(), &rows)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, output))
}

/// How many partitions a plan has.
pub fn count(plan: &Arc<dyn ExecutionPlan>) -> usize {
    plan.output_partitioning().partition_count()
}
