//! `rate`: so many rows a second, numbered from 0. An offset is a number of seconds since the first start.
//! Spark's `RateStreamProvider`.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::{Result, types};

use super::clock::now_ms;
use super::file_options::{duration_ms, unreadable_duration};
use super::log::illegal_state;
use super::{MicroBatchSource, Offset, positive, refuse_schema, remembered};
use crate::options::illegal_argument;
use crate::{ReadRequest, SourceContext};

/// Rows of one batch of Arrow.
const BATCH_ROWS: i64 = 8192;

/// `timestamp`, `value`.
pub fn row_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("timestamp", types::timestamp(), true),
        Field::new("value", DataType::Int64, true),
    ]))
}

/// Checks the options; the schema is always the same.
pub fn schema(request: &ReadRequest) -> Result<SchemaRef> {
    refuse_schema(request, "RateStreamProvider")?;
    Options::new(request)?;
    Ok(row_schema())
}

#[derive(Debug, Clone, Copy)]
struct Options {
    rows_per_second: i64,
    ramp_up_seconds: i64,
    partitions: Option<i64>,
}

impl Options {
    fn new(request: &ReadRequest) -> Result<Self> {
        let ramp_up = request.options.get("rampUpTime").unwrap_or("0");
        // A plain number means seconds here.
        let ramp_up_ms = match ramp_up.trim().parse::<u64>() {
            Ok(seconds) => Some(seconds.saturating_mul(1000)),
            Err(_) => match ramp_up.trim().strip_prefix('-') {
                Some(rest) => {
                    let text = duration_ms(rest).map_or_else(|| ramp_up.to_string(), |ms| format!("-{}", ms / 1000));
                    let text = format!("Invalid value '{text}'. The option 'rampUpTime' must not be negative");
                    return Err(illegal_argument(text));
                }
                None => duration_ms(ramp_up),
            },
        };
        let ramp_up_ms = ramp_up_ms.ok_or_else(|| unreadable_duration(ramp_up))?;
        Ok(Self {
            rows_per_second: positive(request, "rowsPerSecond", 1)?,
            ramp_up_seconds: i64::try_from(ramp_up_ms / 1000).unwrap_or(i64::MAX),
            partitions: match request.options.get("numPartitions") {
                Some(_) => Some(positive(request, "numPartitions", 1)?),
                None => None,
            },
        })
    }

    /// Rows up to a second. The speed grows evenly while it ramps up.
    fn value_at(&self, seconds: i64) -> i64 {
        let step = self.rows_per_second / (self.ramp_up_seconds + 1);
        if seconds > self.ramp_up_seconds {
            let ramp = self.value_at(self.ramp_up_seconds);
            return ramp.saturating_add((seconds - self.ramp_up_seconds).saturating_mul(self.rows_per_second));
        }
        if seconds % 2 == 1 { (seconds + 1) / 2 * step * seconds } else { seconds / 2 * step * (seconds + 1) }
    }
}

/// The source.
#[derive(Debug)]
pub struct RateSource {
    options: Options,
    partitions: i64,
    /// When the query was first started.
    created_ms: i64,
    last_ms: i64,
    available_now: Option<Offset>,
    latest: Option<Offset>,
}

impl RateSource {
    pub fn open(request: &ReadRequest, log_dir: &Path, ctx: &SourceContext) -> Result<Self> {
        let options = Options::new(request)?;
        let now = now_ms();
        let text = remembered(log_dir, || now.to_string())?;
        let created_ms: i64 = text.parse().map_err(|_| illegal_argument(format!("For input string: \"{text}\"")))?;
        let partitions = options.partitions.unwrap_or(i64::try_from(ctx.parallelism.max(1)).unwrap_or(1));
        // A clock that was set back must not take seconds away that were there before.
        Ok(Self { options, partitions, created_ms, last_ms: now.max(created_ms), available_now: None, latest: None })
    }

    fn seconds_now(&mut self) -> i64 {
        self.last_ms = self.last_ms.max(now_ms());
        (self.last_ms - self.created_ms) / 1000
    }
}

impl MicroBatchSource for RateSource {
    fn description(&self) -> String {
        let partitions = self.options.partitions.map_or_else(|| "default".to_string(), |count| count.to_string());
        // Without a closing bracket, as Spark prints it.
        format!(
            "RateStreamV2[rowsPerSecond={}, rampUpTimeSeconds={}, numPartitions={partitions}",
            self.options.rows_per_second, self.options.ramp_up_seconds
        )
    }

    fn latest_offset(&mut self, _start: Option<&Offset>, _limited: bool) -> Result<Option<Offset>> {
        if let Some(fixed) = &self.available_now {
            return Ok(Some(fixed.clone()));
        }
        let latest = Offset::number(self.seconds_now());
        self.latest = Some(latest.clone());
        Ok(Some(latest))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let start = start.map_or(Ok(0), Offset::as_number)?;
        let end = end.as_number()?;
        if end < start {
            return Err(illegal_state(format!(
                "startSeconds({start}) should be less than or equal to endSeconds({end})"
            )));
        }
        let (first, last) = (self.options.value_at(start), self.options.value_at(end));
        let ms_per_row = if last > first { ((end - start) * 1000) as f64 / (last - first) as f64 } else { 0.0 };
        let rows = Rows { first, last, step: self.partitions, start_ms: self.created_ms + start * 1000, ms_per_row };
        rows.table(self.partitions)
    }

    fn prepare_available_now(&mut self, start: Option<&Offset>) -> Result<()> {
        self.available_now = self.latest_offset(start, false)?;
        Ok(())
    }

    fn reported_latest(&self) -> Option<Offset> {
        self.latest.clone()
    }
}

/// Numbered rows: every `step`-th from `first` on, below `last`.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    pub first: i64,
    pub last: i64,
    pub step: i64,
    pub start_ms: i64,
    pub ms_per_row: f64,
}

impl Rows {
    /// The rows as a table; partition n has the n-th, then every `partitions`-th row.
    pub fn table(self, partitions: i64) -> Result<Arc<dyn TableProvider>> {
        let schema = row_schema();
        let part = |number: i64| -> Arc<dyn PartitionStream> {
            Arc::new(Part { schema: Arc::clone(&schema), rows: self, number })
        };
        let parts = (0..partitions.max(1)).map(part).collect();
        Ok(Arc::new(StreamingTable::try_new(Arc::clone(&schema), parts).map_err(from_datafusion)?))
    }
}

#[derive(Debug)]
struct Part {
    schema: SchemaRef,
    rows: Rows,
    number: i64,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows;
        let schema = Arc::clone(&self.schema);
        let batches = futures::stream::unfold(rows.first + self.number, move |next| {
            let schema = Arc::clone(&schema);
            async move {
                if next >= rows.last {
                    return None;
                }
                let end = next.saturating_add(rows.step.saturating_mul(BATCH_ROWS)).min(rows.last);
                let values: Vec<i64> = (next..end).step_by(usize::try_from(rows.step).unwrap_or(1).max(1)).collect();
                let after = values.last().map_or(end, |last| last + rows.step);
                let times = values.iter().map(|value| {
                    // Java rounds halves up.
                    let passed = ((value - rows.first) as f64 * rows.ms_per_row + 0.5).floor() as i64;
                    (rows.start_ms + passed) * 1000
                });
                let times = TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
                let columns: Vec<ArrayRef> = vec![Arc::new(times), Arc::new(Int64Array::from(values))];
                let batch = RecordBatch::try_new(schema, columns).map_err(Into::into);
                Some((batch, after))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_ramps_up() {
        let plain = Options { rows_per_second: 5, ramp_up_seconds: 0, partitions: None };
        assert_eq!([plain.value_at(0), plain.value_at(1), plain.value_at(3)], [0, 5, 15]);
        let ramp = Options { rows_per_second: 12, ramp_up_seconds: 2, partitions: None };
        assert_eq!([ramp.value_at(1), ramp.value_at(2), ramp.value_at(3)], [4, 12, 24]);
    }
}
