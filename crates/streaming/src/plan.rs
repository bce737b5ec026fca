//! The plan of a batch: the query is resolved anew with the batch's time, and its streams stand for the batch's rows.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use firesteel_engine::Session;
use firesteel_plan::context::{Catalog, Stored, TableEntry, Variable};
use firesteel_plan::operator::python::function::{PythonDataSource, PythonFunction, PythonTableFunction};
use firesteel_plan::operator::stream_mark;
use firesteel_plan::routine::UserFunction;
use firesteel_plan::{Relation, ResolveContext, Resolver};
use firesteel_protocol::{Result, SparkError, connect as pb};
use firesteel_sources::stream::table::{StreamTable, streams};
use firesteel_sources::{OpenedSource, ReadRequest, SourceContext};

/// The option by which a stream remembers the client's id of its DataFrame.
const PLAN_ID: &str = "__plan_id";

/// Has the streams of a relation remember the ids of their DataFrames.
pub fn with_plan_ids(mut relation: pb::Relation) -> pb::Relation {
    use pb::{read::ReadType, relation::RelType};
    firesteel_engine::catalog::walk(&mut relation, &mut |own| {
        let plan_id = own.common.as_ref().and_then(|common| common.plan_id);
        let (Some(plan_id), Some(RelType::Read(read))) = (plan_id, own.rel_type.as_mut()) else { return };
        if let (true, Some(ReadType::DataSource(source))) = (read.is_streaming, read.read_type.as_mut()) {
            source.options.insert(PLAN_ID.into(), plan_id.to_string());
        }
    });
    relation
}

/// A stream that a query reads.
#[derive(Debug, Clone)]
pub struct StreamSlot {
    /// Which of the query's streams it is, in the order in which they are resolved.
    pub index: usize,
    pub request: ReadRequest,
    /// The client's id of the DataFrame: one DataFrame is one source, however often it is used.
    pub plan_id: Option<String>,
    /// Its schema as a table without rows.
    pub opened: OpenedSource,
}

/// A query as it is before its first batch.
#[derive(Debug)]
pub struct Analyzed {
    pub relation: Relation,
    /// The streams in its plan, from left to right.
    pub slots: Vec<StreamSlot>,
    /// All streams that are resolved on the way to it.
    pub all: Vec<StreamSlot>,
}

/// The session's catalog, but for streams.
#[derive(Debug)]
struct StreamCatalog {
    inner: Arc<dyn Catalog>,
    next: AtomicUsize,
    streams: Streams,
}

#[derive(Debug)]
enum Streams {
    /// Every stream that is asked for is noted.
    Noted(Arc<Mutex<Vec<StreamSlot>>>),
    /// By index: what stands for it in this batch.
    Batch(Vec<Option<OpenedSource>>),
}

impl Catalog for StreamCatalog {
    fn table(&self, parts: &[String]) -> Result<Option<TableEntry>> {
        self.inner.table(parts)
    }

    fn cached_blob(&self, hash: &str) -> Result<Bytes> {
        self.inner.cached_blob(hash)
    }

    fn remote_relation(&self, id: &str) -> Result<Stored> {
        self.inner.remote_relation(id)
    }

    fn variable(&self, parts: &[String]) -> Option<Variable> {
        self.inner.variable(parts)
    }

    fn routine(&self, parts: &[String]) -> Option<Arc<UserFunction>> {
        self.inner.routine(parts)
    }

    fn keeps_relations(&self) -> bool {
        self.inner.keeps_relations()
    }

    fn cached(&self, relation: &pb::Relation) -> Result<Option<Stored>> {
        self.inner.cached(relation)
    }

    fn python_function(&self, name: &str) -> Option<Arc<PythonFunction>> {
        self.inner.python_function(name)
    }

    fn python_table_function(&self, name: &str) -> Option<Arc<PythonTableFunction>> {
        self.inner.python_table_function(name)
    }

    fn python_data_source(&self, name: &str) -> Option<Arc<PythonDataSource>> {
        self.inner.python_data_source(name)
    }

    fn catalog_relation(&self, call: &pb::Catalog) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        self.inner.catalog_relation(call)
    }

    fn source(&self, request: &ReadRequest, source: &SourceContext) -> Result<Option<OpenedSource>> {
        self.inner.source(request, source)
    }

    fn stream(&self, request: &ReadRequest, source: &SourceContext) -> Result<OpenedSource> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        match &self.streams {
            Streams::Noted(slots) => {
                let opened = self.inner.stream(request, source)?;
                let table = StreamTable::of(&opened.provider)
                    .ok_or_else(|| SparkError::internal("a stream that is no table of streams"))?;
                let opened = OpenedSource { provider: Arc::new(table.at(index)), ..opened };
                let mut request = request.clone();
                let plan_id = request.options.remove(PLAN_ID);
                let slot = StreamSlot { index, request, plan_id, opened: opened.clone() };
                slots.lock().expect("no panics while locked").push(slot);
                Ok(opened)
            }
            Streams::Batch(opened) => opened
                .get(index)
                .and_then(Clone::clone)
                .ok_or_else(|| SparkError::internal("a query has other streams than when it was started")),
        }
    }

    fn collect(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        self.inner.collect(plan)
    }
}

fn context(session: &Session, timestamp_ms: i64, streams: Streams) -> ResolveContext {
    let mut ctx = session.resolve_context();
    ctx.env.now_us = timestamp_ms.saturating_mul(1000);
    ctx.source.env.now_us = ctx.env.now_us;
    ctx.catalog = Arc::new(StreamCatalog { inner: ctx.catalog, next: AtomicUsize::new(0), streams });
    ctx
}

/// A resolved query.
#[derive(Debug)]
pub struct Resolved {
    pub relation: Relation,
    /// `observe()`: names and the plans of their one row.
    pub observed: Vec<(String, Relation)>,
}

fn resolve(ctx: &ResolveContext, relation: &pb::Relation) -> Result<Resolved> {
    let resolver = Resolver::new(ctx);
    let relation = resolver.query(relation)?;
    let observed: Vec<_> = resolver.observed.borrow_mut().drain(..).collect();
    for (name, metrics) in &observed {
        // The metrics' own aggregation is one.
        if crate::state::count(&metrics.plan) > 1 {
            return Err(SparkError::unsupported(
                format!("observe({name}) behind an aggregation, a join or a deduplication of a stream"),
                "Observe the rows before it, or compute the numbers in foreachBatch.",
            ));
        }
    }
    Ok(Resolved { relation, observed })
}

/// Resolves a query and finds its streams. Blocks; must be called inside the runtime.
pub fn analyze(session: &Session, relation: &pb::Relation) -> Result<Analyzed> {
    let noted: Arc<Mutex<Vec<StreamSlot>>> = Arc::default();
    let ctx = context(session, crate::now_ms(), Streams::Noted(Arc::clone(&noted)));
    let relation = resolve(&ctx, relation)?.relation;
    let all = noted.lock().expect("no panics while locked").clone();
    // What was resolved and then left out of the plan is no source of the query.
    let used = streams(&relation.plan);
    let slots = used.iter().filter_map(|(index, _)| all.iter().find(|slot| slot.index == *index).cloned()).collect();
    Ok(Analyzed { relation, slots, all })
}

/// The rows that stand for a stream in a batch, and where they are counted.
#[derive(Debug, Clone)]
pub struct StreamBatch {
    pub index: usize,
    pub rows: Arc<dyn TableProvider>,
    pub count: Arc<AtomicU64>,
}

/// Resolves a query for a batch. Blocks; must be called inside the runtime.
pub fn resolve_batch(
    session: &Session,
    relation: &pb::Relation,
    timestamp_ms: i64,
    all: &[StreamSlot],
    batches: &[StreamBatch],
) -> Result<Resolved> {
    let mut opened = vec![None; all.iter().map(|slot| slot.index + 1).max().unwrap_or(0)];
    for slot in all {
        let table = StreamTable::of(&slot.opened.provider)
            .ok_or_else(|| SparkError::internal("a stream that is no table of streams"))?;
        let provider: Arc<dyn TableProvider> = match batches.iter().find(|batch| batch.index == slot.index) {
            Some(batch) => Arc::new(table.with_batch(Arc::clone(&batch.rows), Arc::clone(&batch.count))),
            None => Arc::clone(&slot.opened.provider),
        };
        opened[slot.index] = Some(OpenedSource { provider, ..slot.opened.clone() });
    }
    let resolved = resolve(&context(session, timestamp_ms, Streams::Batch(opened)), relation)?;
    let observed = resolved.observed.into_iter().map(|(name, rows)| Ok((name, stream_mark::removed(rows)?)));
    let observed = observed.collect::<Result<_>>()?;
    Ok(Resolved { relation: stream_mark::removed(resolved.relation)?, observed })
}
