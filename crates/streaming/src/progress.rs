//! Reports of batches: Spark's `StreamingQueryProgress` as JSON, every number measured.

use std::collections::BTreeMap;
use std::time::Instant;

use firesteel_plan::operator::watermark::EventTimes;
use firesteel_sources::stream::Offset;
use serde_json::{Map, Value, json};

use crate::iso_time;
use crate::observe::Observed;

/// Times of the steps of a trigger.
#[derive(Debug, Default)]
pub struct Durations(BTreeMap<&'static str, u128>);

impl Durations {
    /// Adds the time since `since` to a step.
    pub fn add(&mut self, step: &'static str, since: Instant) {
        *self.0.entry(step).or_default() += since.elapsed().as_millis();
    }

    fn json(&self) -> Value {
        let number = |ms: &u128| Value::from(u64::try_from(*ms).unwrap_or(u64::MAX));
        Value::Object(self.0.iter().map(|(step, ms)| ((*step).to_string(), number(ms))).collect())
    }

    fn of(&self, step: &str) -> u128 {
        self.0.get(step).copied().unwrap_or(0)
    }
}

/// A source in a report.
#[derive(Debug, Clone)]
pub struct SourceReport {
    pub description: String,
    pub start: Option<Offset>,
    pub end: Option<Offset>,
    pub latest: Option<Offset>,
    pub rows: u64,
}

/// A stateful operator in a report.
#[derive(Debug, Clone, Default)]
pub struct StateReport {
    pub operator: &'static str,
    pub total: u64,
    pub updated: u64,
    pub removed: u64,
    pub dropped_by_watermark: u64,
    pub memory_bytes: u64,
    pub partitions: u64,
    /// State stores of all partitions.
    pub instances: u64,
    pub update_ms: u64,
    pub removal_ms: u64,
    pub commit_ms: u64,
    pub custom: Vec<(String, i64)>,
}

/// Everything that a report says.
#[derive(Debug)]
pub struct Report<'a> {
    pub id: &'a str,
    pub run_id: &'a str,
    pub name: Option<&'a str>,
    /// When the trigger began.
    pub started_ms: i64,
    /// When the trigger before it began.
    pub previous_ms: Option<i64>,
    pub batch_id: u64,
    pub durations: &'a Durations,
    /// Event times of a batch with a watermark, and that watermark.
    pub event_time: Option<(Option<EventTimes>, i64)>,
    pub state: &'a [StateReport],
    /// What `observe()` gave.
    pub observed: &'a Observed,
    pub sources: &'a [SourceReport],
    pub sink: &'a str,
    /// -1 where the sink does not count.
    pub output_rows: i64,
}

impl Report<'_> {
    /// The report as listeners get it.
    pub fn event(&self) -> Value {
        self.json(false)
    }

    /// The report as `recentProgress` gives it: everything is there, offsets are text, rates are exact.
    pub fn recent(&self) -> Value {
        self.json(true)
    }

    fn json(&self, recent: bool) -> Value {
        let input_seconds = self.previous_ms.map(|previous| (self.started_ms - previous) as f64 / 1000.0);
        let took = self.durations.of("triggerExecution");
        let input_rate = |rows: u64| match input_seconds {
            Some(seconds) if seconds > 0.0 => rounded(rows as f64 / seconds, recent),
            _ => 0.0,
        };
        let processed_rate =
            |rows: u64| if took == 0 { 0.0 } else { rounded(rows as f64 * 1000.0 / took as f64, recent) };
        let rows: u64 = self.sources.iter().map(|source| source.rows).sum();
        let sources: Vec<Value> = self
            .sources
            .iter()
            .map(|source| {
                let offset = |offset: Option<&Offset>| if recent { text(offset) } else { value(offset) };
                let mut report = json!({
                    "description": source.description,
                    "startOffset": offset(source.start.as_ref()),
                    "endOffset": offset(source.end.as_ref()),
                    "latestOffset": offset(source.latest.as_ref()),
                    "numInputRows": source.rows,
                    "inputRowsPerSecond": input_rate(source.rows),
                    "processedRowsPerSecond": processed_rate(source.rows),
                });
                if recent {
                    report["metrics"] = json!({});
                }
                report
            })
            .collect();
        let mut report = Map::new();
        let mut put = |key: &str, value: Value| report.insert(key.to_string(), value);
        put("id", self.id.into());
        put("runId", self.run_id.into());
        put("name", self.name.into());
        put("timestamp", iso_time(self.started_ms).into());
        put("batchId", self.batch_id.into());
        put("batchDuration", u64::try_from(took).unwrap_or(u64::MAX).into());
        if !recent {
            put("numInputRows", rows.into());
            put("inputRowsPerSecond", input_rate(rows).into());
            put("processedRowsPerSecond", processed_rate(rows).into());
        }
        put("durationMs", self.durations.json());
        match self.event_time {
            Some((times, watermark_ms)) => {
                put("eventTime", event_time(times, watermark_ms));
            }
            None if recent => {
                put("eventTime", json!({}));
            }
            None => {}
        }
        put("stateOperators", self.state.iter().map(StateReport::json).collect());
        put("sources", Value::Array(sources));
        let mut sink = json!({"description": self.sink, "numOutputRows": self.output_rows});
        if recent {
            sink["metrics"] = json!({});
        }
        put("sink", sink);
        let observed = if recent { &self.observed.described } else { &self.observed.rows };
        if recent || !observed.is_empty() {
            put("observedMetrics", Value::Object(observed.clone()));
        }
        Value::Object(report)
    }
}

impl StateReport {
    fn json(&self) -> Value {
        let custom: Map<String, Value> =
            self.custom.iter().map(|(key, number)| (key.clone(), Value::from(*number))).collect();
        json!({
            "operatorName": self.operator,
            "numRowsTotal": self.total,
            "numRowsUpdated": self.updated,
            "allUpdatesTimeMs": self.update_ms,
            "numRowsRemoved": self.removed,
            "allRemovalsTimeMs": self.removal_ms,
            "commitTimeMs": self.commit_ms,
            "memoryUsedBytes": self.memory_bytes,
            "numRowsDroppedByWatermark": self.dropped_by_watermark,
            "numShufflePartitions": self.partitions,
            "numStateStoreInstances": self.instances,
            "customMetrics": custom,
        })
    }
}

fn event_time(times: Option<EventTimes>, watermark_ms: i64) -> Value {
    let mut map = Map::new();
    if let Some(times) = times {
        let average = times.sum / i128::from(times.count.max(1));
        map.insert("avg".into(), iso_time(i64::try_from(average).unwrap_or(i64::MAX)).into());
        map.insert("max".into(), iso_time(times.max).into());
        map.insert("min".into(), iso_time(times.min).into());
    }
    map.insert("watermark".into(), iso_time(watermark_ms).into());
    Value::Object(map)
}

/// Offsets are JSON themselves.
fn value(offset: Option<&Offset>) -> Value {
    match offset {
        None => Value::Null,
        Some(offset) => serde_json::from_str(&offset.0).unwrap_or_else(|_| Value::String(offset.0.clone())),
    }
}

fn text(offset: Option<&Offset>) -> Value {
    offset.map_or(Value::Null, |offset| Value::String(offset.0.clone()))
}

/// Rates of events have one digit behind the point.
fn rounded(rate: f64, exact: bool) -> f64 {
    if exact { rate } else { (rate * 10.0).round() / 10.0 }
}
