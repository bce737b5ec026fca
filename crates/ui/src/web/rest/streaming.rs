//! Structured Streaming, which Spark's own REST lacks.

use serde_json::{Value, json};

use crate::json::rest_time;

pub(super) fn stream(own: &crate::model::Stream) -> Value {
    json!({
        "id": own.id,
        "runId": own.run_id,
        "name": own.name,
        "isActive": own.ended_ms < 0,
        "startTime": rest_time(own.started_ms),
        "exception": own.exception,
        "numBatches": own.batches,
        "recentProgress": own.progress,
    })
}
