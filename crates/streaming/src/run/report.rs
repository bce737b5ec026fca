//! How a trigger went, for clients.

use std::sync::Arc;

use firesteel_sources::stream::Offset;

use super::{Execution, IDLE_REPORT_MS, Outcome};
use crate::observe::Observed;
use crate::progress::{Durations, Report, SourceReport};
use crate::{iso_time, now_ms};

impl Execution {
    /// Tells the clients how the trigger went.
    pub(super) fn report(
        &mut self,
        started_ms: i64,
        batch_id: u64,
        durations: &Durations,
        outcome: Option<Outcome>,
        start: &[Option<Offset>],
        end: &[Option<Offset>],
    ) {
        let idle = outcome.is_none();
        let now = now_ms();
        if idle && now.saturating_sub(IDLE_REPORT_MS) < self.last_idle_report_ms {
            return;
        }
        self.last_idle_report_ms = now;
        let mut sources = vec![];
        for (index, source) in self.sources.iter().enumerate() {
            let shared = Arc::clone(&source.source);
            let latest = shared.lock().expect("no panics while locked").reported_latest();
            sources.push(SourceReport {
                description: source.description.clone(),
                start: start[index].clone(),
                end: end[index].clone(),
                latest,
                rows: outcome.as_ref().map_or(0, |outcome| outcome.rows[index]),
            });
        }
        let none = Observed::default();
        let report = Report {
            id: &self.query.id,
            run_id: &self.query.run_id,
            name: self.query.name.as_deref(),
            started_ms,
            previous_ms: self.last_trigger_ms,
            batch_id,
            durations,
            event_time: outcome.as_ref().and_then(|outcome| outcome.event_time),
            state: outcome.as_ref().map_or(&[], |outcome| &outcome.state),
            observed: outcome.as_ref().map_or(&none, |outcome| &outcome.observed),
            sources: &sources,
            sink: &self.spec.sink.description(),
            output_rows: match &outcome {
                Some(outcome) => outcome.output_rows,
                None if self.spec.sink.counts_rows() => 0,
                None => -1,
            },
        };
        if idle {
            self.manager.listeners.idle(&self.query.id, &self.query.run_id, &iso_time(started_ms));
        } else if self.manager.listeners.is_used() {
            self.manager.listeners.progress(&report.event());
        }
        self.query.add_report(report.recent());
    }
}
