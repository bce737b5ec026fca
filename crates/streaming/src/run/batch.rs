//! A batch runs: its plan, the sink, the state, the commit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use firesteel_engine::metrics::EndGuard;
use firesteel_engine::{OperationHandle, explain};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::operator::watermark::{EventTimeTracker, EventTimes, WatermarkNode};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::fault;

use super::{Execution, Outcome};
use crate::check;
use crate::observe;
use crate::plan::{StreamBatch, StreamSlot, resolve_batch};
use crate::progress::Durations;
use crate::sink::Batch;
use crate::state::{self, BatchTime, Watermarks, exec};

impl Execution {
    /// Runs the batch and commits it.
    pub(super) async fn batch(&mut self, durations: &mut Durations) -> Result<Outcome> {
        let since = Instant::now();
        let (mut batches, mut counts) = (vec![], vec![]);
        for index in 0..self.sources.len() {
            let (start, end) = (self.committed[index].clone(), self.available[index].clone());
            let rows: Arc<dyn TableProvider> = match end {
                Some(end) if start.as_ref() != Some(&end) => {
                    self.ask(index, move |source| source.batch(start.as_ref(), &end)).await?
                }
                _ => empty(&self.sources[index].slots[0])?,
            };
            let count = Arc::new(AtomicU64::new(0));
            counts.push(Arc::clone(&count));
            for slot in &self.sources[index].slots {
                batches.push(StreamBatch { index: slot.index, rows: Arc::clone(&rows), count: Arc::clone(&count) });
            }
        }
        durations.add("getBatch", since);

        let since = Instant::now();
        let watermarks = Watermarks { late_ms: self.previous_watermark_ms, eviction_ms: self.metadata.watermark_ms };
        let planned = self.plan(&batches, watermarks).await?;
        (self.operators_known, self.operators_checked) = (true, true);
        durations.add("queryPlanning", since);

        let since = Instant::now();
        fault::step("the batch is planned")?;
        let (session, operation) = (&self.manager.session, &planned.batch.operation);
        let record = session.queries.start(session, operation, Arc::clone(&planned.batch.plan));
        let mut guard = EndGuard::new(record);
        let added = self.spec.sink.add_batch(self.batch_id, planned.batch.clone(), self.spec.mode).await;
        let added = added.inspect_err(|error| guard.failed(error))?;
        fault::step("the sink has the batch")?;
        // A sink that has the batch already, or looks at some rows only, leaves state behind.
        if !self.operators.have_seen_all() {
            let finished = exec::finish(&planned.batch.plan, &planned.batch.task_ctx).await;
            finished.inspect_err(|error| guard.failed(error))?;
        }
        guard.succeeded();
        let rows: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let observed = observe::metrics(&planned.observed).await?;
        let operators = Arc::clone(&self.operators);
        let batch_id = self.batch_id;
        let state = self.query.blocking(move || operators.commit(batch_id)).await?;
        durations.add("addBatch", since);
        fault::step("the state is written")?;

        let measured: Vec<(Option<EventTimes>, i64)> =
            planned.trackers.iter().map(|(tracker, delay)| (tracker.times(), *delay)).collect();
        self.watermark.update(&measured);

        let since = Instant::now();
        let (log, next) = (self.commit_log.clone(), self.watermark.current_ms());
        let written = self.query.blocking(move || log.add(batch_id, next)).await?;
        if !written {
            return Err(SparkError::new("CONCURRENT_STREAM_LOG_UPDATE").with("batchId", batch_id.to_string()));
        }
        self.committed.clone_from(&self.available);
        durations.add("commitOffsets", since);
        fault::step("the batch is committed")?;
        Ok(Outcome {
            rows,
            observed,
            output_rows: added.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX)),
            event_time: measured.first().map(|(times, _)| (*times, self.metadata.watermark_ms)),
            state,
        })
    }

    /// Resolves and plans the batch.
    async fn plan(&self, batches: &[StreamBatch], watermarks: Watermarks) -> Result<PlannedBatch> {
        let (spec, operators, query) = (Arc::clone(&self.spec), Arc::clone(&self.operators), Arc::clone(&self.query));
        let (timestamp_ms, batch_id, batches) = (self.metadata.timestamp_ms, self.batch_id, batches.to_vec());
        let is_first = !self.operators_checked;
        let checks = spec.session.conf().lookup("spark.sql.streaming.stateStore.stateSchemaCheck");
        let checks_schemas = checks.is_none_or(|text| text.trim().eq_ignore_ascii_case("true"));
        let work = move || -> Result<PlannedBatch> {
            let session = &spec.session;
            let resolved = resolve_batch(session, &spec.relation, timestamp_ms, &spec.all, &batches)?;
            let relation = resolved.relation;
            check::redefined_watermark(&relation.plan)?;
            check::batch(&relation.plan, spec.mode)?;
            let fields = relation.fields();
            let trackers = trackers(&relation.plan);
            let logical = explain::logical_plan(&relation.plan);
            let time = BatchTime { watermarks, timestamp_ms };
            let relation = state::install(relation, &operators, spec.mode, batch_id, time)?;
            let planned = session.physical_with(relation, vec![], vec![Arc::new(state::node::StatefulPlanner)])?;
            if is_first {
                operators.check(batch_id, checks_schemas)?;
            }
            let physical = explain::physical_plan(&planned.physical, &planned.optimized);
            let optimized = explain::logical_plan(&planned.optimized);
            query.explain_as(
                format!("== Physical Plan ==\n{physical}"),
                format!(
                    "== Parsed Logical Plan ==\n{logical}\n== Analyzed Logical Plan ==\n{logical}\n\
                     == Optimized Logical Plan ==\n{optimized}\n== Physical Plan ==\n{physical}"
                ),
            );
            let task_ctx = Arc::new(TaskContext::from(&session.state()?));
            let operation = OperationHandle {
                id: format!("{}-{batch_id}", query.run_id),
                cancel: query.cancel.clone(),
                description: format!(
                    "{}id = {}\nrunId = {}\nbatch = {batch_id}",
                    query.name.as_ref().map(|name| format!("{name}\n")).unwrap_or_default(),
                    query.id,
                    query.run_id
                ),
                ..OperationHandle::default()
            };
            let batch = Batch { plan: planned.physical, fields, task_ctx, session: Arc::clone(session), operation };
            let mut observed = vec![];
            for (name, metrics) in resolved.observed {
                let fields = metrics.fields();
                let plan = session.physical(metrics, vec![])?.physical;
                observed.push((name, Batch { plan, fields, ..batch.clone() }));
            }
            Ok(PlannedBatch { batch, trackers, observed })
        };
        self.query.blocking(work).await
    }
}

struct PlannedBatch {
    batch: Batch,
    /// What measures event time, with the delay of each.
    trackers: Vec<(Arc<EventTimeTracker>, i64)>,
    /// What `observe()` computes of the same rows.
    observed: Vec<(String, Batch)>,
}

/// A stream without rows.
fn empty(slot: &StreamSlot) -> Result<Arc<dyn TableProvider>> {
    let schema = slot.opened.provider.schema();
    let fields: Vec<arrow::datatypes::Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    let schema = Arc::new(Schema::new(fields));
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![]]).map_err(from_datafusion)?))
}

fn trackers(plan: &LogicalPlan) -> Vec<(Arc<EventTimeTracker>, i64)> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut found = vec![];
    let visited = plan.apply(|node| {
        if let LogicalPlan::Extension(extension) = node {
            if let Some(node) = extension.node.as_any().downcast_ref::<WatermarkNode>() {
                found.push((Arc::clone(&node.tracker), node.delay_ms));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(visited.is_ok(), "the visitor never fails");
    found
}
