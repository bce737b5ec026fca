//! `memory`: the rows as a temporary view under the query's name. Spark's `MemorySink`.

use std::sync::{Arc, Mutex, RwLock};

use arrow::datatypes::{Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session as PlanSession, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use firesteel_engine::Session;
use firesteel_engine::catalog::View;
use firesteel_plan::context::Stored;
use firesteel_protocol::Result;
use firesteel_protocol::connect::{self as pb, relation::RelType};

use super::{Batch, Sink, numbered};
use crate::start::OutputMode;

/// The sink.
#[derive(Debug)]
pub struct MemorySink {
    rows: Arc<MemoryRows>,
    /// The last batch that is in.
    latest: Mutex<Option<u64>>,
}

/// Rows that grow while they are read.
#[derive(Debug)]
struct MemoryRows {
    schema: SchemaRef,
    batches: RwLock<Vec<RecordBatch>>,
}

impl MemorySink {
    /// Makes the view, in place of one of that name.
    pub fn new(session: &Arc<Session>, name: &str, fields: &Fields) -> Result<Self> {
        let rows = Arc::new(MemoryRows { schema: numbered(fields), batches: RwLock::default() });
        let id = uuid::Uuid::new_v4().to_string();
        let stored = Stored {
            provider: Arc::clone(&rows) as Arc<dyn TableProvider>,
            fields: Arc::new(Schema::new(fields.clone())),
        };
        session.keep_table(&id, stored);
        let relation = RelType::CachedRemoteRelation(pb::CachedRemoteRelation { relation_id: id.clone() });
        let plan = pb::Relation { common: None, rel_type: Some(relation) };
        session.create_temp_view(name, View::new(plan, fields.clone()), false, true)?;
        // The view has the rows now: they go with it.
        session.forget_table(&id);
        Ok(Self { rows, latest: Mutex::default() })
    }
}

#[async_trait]
impl TableProvider for MemoryRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn PlanSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let batches = self.batches.read().expect("no panics while locked").clone();
        let exec: Arc<dyn ExecutionPlan> =
            MemorySourceConfig::try_new_exec(&[batches], Arc::clone(&self.schema), projection.cloned())?;
        Ok(exec)
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".into()
    }

    async fn add_batch(&self, batch_id: u64, batch: Batch, mode: OutputMode) -> Result<Option<u64>> {
        let new = batch.collect(&self.rows.schema).await?;
        let count = new.iter().map(|batch| batch.num_rows() as u64).sum();
        let mut latest = self.latest.lock().expect("no panics while locked");
        if latest.is_none_or(|latest| batch_id > latest) {
            let mut batches = self.rows.batches.write().expect("no panics while locked");
            if mode == OutputMode::Complete {
                batches.clear();
            }
            batches.extend(new);
            *latest = Some(batch_id);
        }
        Ok(Some(count))
    }

    fn counts_rows(&self) -> bool {
        true
    }

    /// Only a result that is written anew each time survives a restart.
    fn recovers(&self, mode: OutputMode) -> bool {
        mode == OutputMode::Complete
    }
}
