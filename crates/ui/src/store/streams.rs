//! Structured Streaming: queries and the reports of their batches.

use serde_json::Value;

use super::Store;
use crate::json::{int, int_or, text, text_or};
use crate::model::Stream;

impl Store {
    pub(super) fn streaming(&mut self, name: &str, event: &Value) {
        match name {
            "QueryStartedEvent" => self.streams.push(Stream {
                id: text_or(event, "id", "").into(),
                run_id: text_or(event, "runId", "").into(),
                name: text(event, "name").map(str::to_string),
                started_ms: text(event, "timestamp").and_then(crate::json::parse_time).unwrap_or(-1),
                ended_ms: -1,
                ..Stream::default()
            }),
            "QueryProgressEvent" => {
                let progress = &event["progress"];
                let limit = self.limits.progress_updates;
                let run = text_or(progress, "runId", "");
                let Some(own) = self.streams.iter_mut().find(|own| own.run_id == run) else { return };
                own.batches += 1;
                own.rows += progress["sources"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|s| int_or(s, "numInputRows", 0))
                    .sum::<i64>();
                own.progress.push_back(progress.clone());
                if own.progress.len() > limit {
                    own.progress.pop_front();
                }
                if let Some(at) = text(progress, "timestamp").and_then(crate::json::parse_time) {
                    self.touch(at);
                }
            }
            "QueryTerminatedEvent" => {
                let at_ms = int(event, "firesteelTime").unwrap_or(self.app.last_updated_ms);
                let run = text_or(event, "runId", "");
                let Some(own) = self.streams.iter_mut().find(|own| own.run_id == run) else { return };
                own.ended_ms = at_ms;
                own.exception = text(event, "exception").map(str::to_string);
                self.forget_streams();
            }
            _ => {}
        }
    }
}
