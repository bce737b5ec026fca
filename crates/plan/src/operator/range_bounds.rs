//! The bounds of `repartitionByRange`, from a sample of the keys: Spark's `RangePartitioner`.
//!
//! The input runs once for the sample and once for the rows, as in Spark. Small inputs are sampled whole, so that their
//! bounds are Spark's; of larger ones the sample is as large as Spark's, but not the same rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::runtime::JoinSet;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use firesteel_functions::random::XorShiftRandom;
use futures::StreamExt;

use super::place::count;

/// `spark.sql.execution.rangeExchange.sampleSizePerPartition`.
const SAMPLE_PER_PARTITION: f64 = 100.0;

/// Keys and the bounds that their ranges have, found once for all input partitions.
#[derive(Debug)]
pub struct RangeBounds {
    keys: LexOrdering,
    found: futures::lock::Mutex<Option<Arc<Bounds>>>,
}

/// Upper bounds of all partitions but the last.
#[derive(Debug)]
pub struct Bounds {
    keys: LexOrdering,
    converter: RowConverter,
    upper: Vec<OwnedRow>,
}

/// Keys drawn from one partition, and how many rows it has.
struct Sample {
    keys: Vec<OwnedRow>,
    rows: u64,
}

impl RangeBounds {
    pub fn new(keys: LexOrdering) -> Self {
        Self { keys, found: futures::lock::Mutex::new(None) }
    }

    /// The same keys, nothing found yet.
    pub fn fresh(&self) -> Self {
        Self::new(self.keys.clone())
    }

    /// The bounds; the first of the partitions to come samples the input.
    pub async fn compute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partitions: usize,
        context: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Arc<Bounds>> {
        let mut found = self.found.lock().await;
        if let Some(bounds) = found.as_ref() {
            return Ok(Arc::clone(bounds));
        }
        let bounds = Arc::new(self.sampled(input, partitions, context).await?);
        *found = Some(Arc::clone(&bounds));
        Ok(bounds)
    }

    async fn sampled(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partitions: usize,
        context: &Arc<TaskContext>,
    ) -> datafusion::common::Result<Bounds> {
        let schema = input.schema();
        let fields = self
            .keys
            .iter()
            .map(|key| Ok(SortField::new_with_options(key.expr.data_type(&schema)?, key.options)))
            .collect::<datafusion::common::Result<Vec<_>>>()?;
        let converter = Arc::new(RowConverter::new(fields)?);
        let inputs = count(input);
        let size = (SAMPLE_PER_PARTITION * partitions as f64).min(1e6);
        let per_partition = (3.0 * size / inputs as f64).ceil() as usize;
        // A plan that ran once cannot run again: the sample runs on a copy.
        let copy = reset_plan_states(Arc::clone(input))?;
        let mut tasks = JoinSet::new();
        for partition in 0..inputs {
            let (plan, context) = (Arc::clone(&copy), Arc::clone(context));
            let (keys, converter) = (self.keys.clone(), Arc::clone(&converter));
            tasks.spawn(async move {
                let sample = sample(&plan, partition, &context, &keys, &converter, per_partition).await?;
                Ok::<_, datafusion::common::DataFusionError>(sample)
            });
        }
        let mut samples = vec![];
        while let Some(joined) = tasks.join_next().await {
            let joined = joined.map_err(|error| datafusion::common::DataFusionError::External(Box::new(error)))?;
            samples.push(joined?);
        }
        let upper = bounds(samples, partitions);
        let converter = Arc::into_inner(converter);
        let converter = converter
            .ok_or_else(|| datafusion::common::DataFusionError::Internal("a sample is still running".into()))?;
        Ok(Bounds { keys: self.keys.clone(), converter, upper })
    }
}

impl Bounds {
    /// The partition of each row: the first whose bound is not below the row's key.
    pub fn numbers(&self, batch: &RecordBatch) -> datafusion::common::Result<Vec<usize>> {
        let rows = self.converter.convert_columns(&key_columns(&self.keys, batch)?)?;
        Ok(rows.iter().map(|row| self.upper.partition_point(|bound| bound.row() < row)).collect())
    }
}

fn key_columns(keys: &LexOrdering, batch: &RecordBatch) -> datafusion::common::Result<Vec<ArrayRef>> {
    keys.iter().map(|key| key.expr.evaluate(batch)?.into_array(batch.num_rows())).collect()
}

/// Draws at most `size` keys of a partition, each with the same chance (reservoir sampling).
async fn sample(
    plan: &Arc<dyn ExecutionPlan>,
    partition: usize,
    context: &Arc<TaskContext>,
    keys: &LexOrdering,
    converter: &RowConverter,
    size: usize,
) -> datafusion::common::Result<Sample> {
    let mut random = XorShiftRandom::new(partition as i64);
    let mut sample = Sample { keys: vec![], rows: 0 };
    let mut stream = plan.execute(partition, Arc::clone(context))?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        // Which rows of the batch come in, and where.
        let mut chosen: Vec<(u32, Option<usize>)> = vec![];
        for row in 0..batch.num_rows() as u32 {
            sample.rows += 1;
            if sample.rows <= size as u64 {
                chosen.push((row, None));
            } else {
                let place = (random.next_double() * sample.rows as f64) as usize;
                if place < size {
                    chosen.push((row, Some(place)));
                }
            }
        }
        if chosen.is_empty() {
            continue;
        }
        let rows = UInt32Array::from_iter_values(chosen.iter().map(|(row, _)| *row));
        let taken = arrow::compute::take_record_batch(&batch, &rows)?;
        let converted = converter.convert_columns(&key_columns(keys, &taken)?)?;
        for ((_, place), row) in chosen.iter().zip(converted.iter()) {
            match place {
                Some(place) => sample.keys[*place] = row.owned(),
                None => sample.keys.push(row.owned()),
            }
        }
    }
    Ok(sample)
}

/// Cuts the sampled keys, weighted by the rows that each stands for, into parts of equal weight. Equal keys stay together,
/// so that there may be fewer bounds than asked for.
fn bounds(samples: Vec<Sample>, partitions: usize) -> Vec<OwnedRow> {
    let mut weighted: Vec<(OwnedRow, f64)> = vec![];
    for sample in samples {
        let weight = sample.rows as f64 / sample.keys.len().max(1) as f64;
        weighted.extend(sample.keys.into_iter().map(|key| (key, weight)));
    }
    let parts = partitions.min(weighted.len());
    weighted.sort_by(|(a, _), (b, _)| a.row().cmp(&b.row()));
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let step = total / parts.max(1) as f64;
    let (mut reached, mut next) = (0.0, step);
    let mut upper: Vec<OwnedRow> = vec![];
    for (key, weight) in weighted {
        if upper.len() + 1 >= parts {
            break;
        }
        reached += weight;
        if reached >= next && upper.last().is_none_or(|last| last.row() < key.row()) {
            upper.push(key);
            next += step;
        }
    }
    upper
}
