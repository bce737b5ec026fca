//! `rate-micro-batch`: so many rows a batch, always the same ones. Spark's `RatePerMicroBatchProvider`.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use firesteel_protocol::Result;
use serde_json::Value;

use super::rate::{Rows, row_schema};
use super::{MicroBatchSource, Offset, not_a_number, positive, refuse_schema};
use crate::options::illegal_argument;
use crate::{ReadRequest, SourceContext};

/// Checks the options; the schema is always the same.
pub fn schema(request: &ReadRequest) -> Result<SchemaRef> {
    refuse_schema(request, "RatePerMicroBatchProvider")?;
    options(request)?;
    Ok(row_schema())
}

#[derive(Debug, Clone, Copy)]
struct Options {
    rows: i64,
    partitions: Option<i64>,
    start_ms: i64,
    advance_ms: i64,
}

fn options(request: &ReadRequest) -> Result<Options> {
    if request.options.get("rowsPerBatch").is_none() {
        return Err(illegal_argument("Invalid value '0'. The option 'rowsPerBatch' must be positive"));
    }
    let not_negative = |key: &str, default: i64| -> Result<i64> {
        let Some(text) = request.options.get(key) else { return Ok(default) };
        let number = text.trim().parse::<i64>().map_err(|_| not_a_number(text))?;
        if number < 0 {
            let told = format!("Invalid value '{text}'. The option '{key}' must be non-negative");
            return Err(illegal_argument(told));
        }
        Ok(number)
    };
    Ok(Options {
        rows: positive(request, "rowsPerBatch", 1)?,
        partitions: match request.options.get("numPartitions") {
            Some(_) => Some(positive(request, "numPartitions", 1)?),
            None => None,
        },
        start_ms: not_negative("startTimestamp", 0)?,
        advance_ms: not_negative("advanceMillisPerBatch", 1000)?,
    })
}

/// The source.
#[derive(Debug)]
pub struct RateMicroBatchSource {
    options: Options,
    partitions: i64,
    available_now: Option<Offset>,
}

impl RateMicroBatchSource {
    pub fn open(request: &ReadRequest, _log_dir: &Path, ctx: &SourceContext) -> Result<Self> {
        let options = options(request)?;
        let partitions = options.partitions.unwrap_or(i64::try_from(ctx.parallelism.max(1)).unwrap_or(1));
        Ok(Self { options, partitions, available_now: None })
    }

    /// Rows so far, and the time of the next ones.
    fn decode(&self, offset: Option<&Offset>) -> Result<(i64, i64)> {
        let Some(offset) = offset else { return Ok((0, self.options.start_ms)) };
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_i64);
        let read = || {
            let value: Value = serde_json::from_str(&offset.0).ok()?;
            Some((number(&value, "offset")?, number(&value, "timestamp")?))
        };
        read().ok_or_else(|| illegal_argument(format!("{} is no offset of rate-micro-batch", offset.0)))
    }
}

impl MicroBatchSource for RateMicroBatchSource {
    fn description(&self) -> String {
        format!(
            "RatePerMicroBatchStream[rowsPerBatch={}, numPartitions={}, startTimestamp={}, advanceMsPerBatch={}]",
            self.options.rows, self.partitions, self.options.start_ms, self.options.advance_ms
        )
    }

    fn latest_offset(&mut self, start: Option<&Offset>, _limited: bool) -> Result<Option<Offset>> {
        if let Some(fixed) = &self.available_now {
            return Ok(Some(fixed.clone()));
        }
        let (rows, time) = self.decode(start)?;
        let (rows, time) = (rows + self.options.rows, time + self.options.advance_ms);
        Ok(Some(Offset(format!("{{\"offset\":{rows},\"timestamp\":{time}}}"))))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let (first, start_ms) = self.decode(start)?;
        let (last, _) = self.decode(Some(end))?;
        Rows { first, last, step: self.partitions, start_ms, ms_per_row: 0.0 }.table(self.partitions)
    }

    fn prepare_available_now(&mut self, start: Option<&Offset>) -> Result<()> {
        self.available_now = self.latest_offset(start, false)?;
        Ok(())
    }

    fn is_endless(&self) -> bool {
        true
    }
}
