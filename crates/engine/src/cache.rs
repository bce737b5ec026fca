//! Kept rows: `cache()`, `persist()`, `checkpoint()`, CACHE TABLE. Filled by the first use; where
//! the rows lie is in `kept`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::physical_plan::displayable;
use firesteel_plan::context::Stored;
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};
use prost::Message;

use crate::kept::{self, KeptRows};
use crate::listener::{KeptInfo, KeptNote};
use crate::metrics::EndGuard;
use crate::{CancelToken, OperationHandle, Session};

/// Numbers what is kept.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What a session keeps.
#[derive(Debug, Default)]
pub struct Cache {
    /// By the relation without the ids that clients give its nodes.
    relations: Mutex<HashMap<Vec<u8>, Arc<Entry>>>,
    /// Checkpointed DataFrames, by the id that the client got.
    remote: Mutex<HashMap<String, Arc<Kept>>>,
}

#[derive(Debug)]
struct Entry {
    level: pb::StorageLevel,
    kept: OnceLock<Arc<Kept>>,
    /// Held while the rows are made, so that they are made once.
    filling: Mutex<()>,
}

/// Kept rows and the table that scans them.
#[derive(Debug)]
pub struct Kept {
    stored: Stored,
    /// Counts the memory while anyone may scan it.
    _rows: Option<KeptRows>,
    _note: Option<KeptNote>,
}

/// The relation's bytes without plan ids: the client numbers the same DataFrame's nodes anew.
pub fn key(relation: &pb::Relation) -> Vec<u8> {
    let mut relation = relation.clone();
    crate::catalog::strip_plan_ids(&mut relation);
    relation.encode_to_vec()
}

impl Cache {
    /// Whether anything is cached: most sessions never look further.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Arc<Entry>>> {
        self.relations.lock().expect("no panics while locked")
    }

    /// Marks a relation; its rows are kept from the first use on.
    pub fn persist(&self, relation: &pb::Relation, level: pb::StorageLevel) {
        let entry = Entry { level, kept: OnceLock::new(), filling: Mutex::new(()) };
        self.lock().entry(key(relation)).or_insert_with(|| Arc::new(entry));
    }

    /// Forgets a relation's rows.
    pub fn unpersist(&self, relation: &pb::Relation) -> bool {
        self.lock().remove(&key(relation)).is_some()
    }

    /// How a relation is kept; None when it is not.
    pub fn level(&self, relation: &pb::Relation) -> Option<pb::StorageLevel> {
        self.lock().get(&key(relation)).map(|entry| entry.level)
    }

    /// Drops the rows of relations that `keep` does not want; the relations stay marked and are made anew.
    pub fn retain(&self, keep: impl Fn(&pb::Relation) -> bool) {
        let keys: Vec<Vec<u8>> = self.lock().keys().cloned().collect();
        for key in keys {
            // Every key is an encoded relation.
            let Ok(relation) = pb::Relation::decode(key.as_slice()) else { continue };
            if keep(&relation) {
                continue;
            }
            if let Some(entry) = self.lock().get_mut(&key) {
                let level = entry.level;
                *entry = Arc::new(Entry { level, kept: OnceLock::new(), filling: Mutex::new(()) });
            }
        }
    }

    /// Forgets everything but checkpoints.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The rows of a relation if it is marked. `make` runs it, at most once. Blocks.
    pub fn rows(
        &self,
        relation: &pb::Relation,
        make: impl FnOnce(pb::StorageLevel) -> Result<Kept>,
    ) -> Result<Option<Stored>> {
        if self.is_empty() {
            return Ok(None);
        }
        let Some(entry) = self.lock().get(&key(relation)).cloned() else { return Ok(None) };
        if let Some(kept) = entry.kept.get() {
            return Ok(Some(kept.stored.clone()));
        }
        let Ok(_filling) = entry.filling.try_lock() else {
            // The relation is being made right now, perhaps by this very query: compute it without the cache.
            return Ok(None);
        };
        if let Some(kept) = entry.kept.get() {
            return Ok(Some(kept.stored.clone()));
        }
        let kept = Arc::new(make(entry.level)?);
        let stored = kept.stored.clone();
        // Set only here, under the lock.
        let _ = entry.kept.set(kept);
        Ok(Some(stored))
    }

    /// Keeps rows under an id for the client.
    pub fn keep_remote(&self, id: &str, kept: Kept) {
        self.remote.lock().expect("no panics while locked").insert(id.to_string(), Arc::new(kept));
    }

    pub fn remote(&self, id: &str) -> Option<Arc<Kept>> {
        self.remote.lock().expect("no panics while locked").get(id).cloned()
    }

    /// Takes over what another session keeps for its client.
    pub fn copy_remote_from(&self, other: &Self) {
        let kept = other.remote.lock().expect("no panics while locked").clone();
        *self.remote.lock().expect("no panics while locked") = kept;
    }

    pub fn remove_remote(&self, id: &str) {
        self.remote.lock().expect("no panics while locked").remove(id);
    }
}

impl Session {
    /// Runs a relation and keeps its rows.
    pub(crate) async fn keep(
        &self,
        relation: pb::Relation,
        level: pb::StorageLevel,
        cancel: CancelToken,
    ) -> Result<Kept> {
        let planned = self.plan(relation).await?;
        self.keep_planned(planned, level, cancel).await
    }

    pub(crate) async fn keep_planned(
        &self,
        planned: crate::query::Planned,
        level: pb::StorageLevel,
        cancel: CancelToken,
    ) -> Result<Kept> {
        let fields: SchemaRef = Arc::new(Schema::new(planned.relation.fields()));
        // Inside, the columns need names of their own.
        let inner: Vec<Field> = fields
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| Field::new(format!("c{index}"), field.data_type().clone(), true))
            .collect();
        let storage = self.engine.storage()?;
        let context = Arc::new(datafusion::execution::TaskContext::from(&self.state()?));
        let plan = Arc::clone(&planned.physical);
        let description = match self.engine.listener() {
            Some(_) => displayable(plan.as_ref()).indent(false).to_string(),
            None => String::new(),
        };
        let operation = OperationHandle { description: format!("cache:\n{description}"), ..OperationHandle::default() };
        let mut guard = EndGuard::new(self.queries.start(self, &operation, Arc::clone(&plan)));
        let plan = planned.executable(self)?;
        let rows = kept::fill(plan, context, Arc::new(Schema::new(inner)), level, storage, cancel).await;
        let rows = rows.inspect_err(|error| guard.failed(error))?;
        guard.succeeded();
        let note = self.note_kept(description, level, &rows);
        Ok(Kept { stored: Stored { provider: rows.table()?, fields }, _rows: Some(rows), _note: note })
    }

    /// Tells who listens that rows are kept.
    fn note_kept(&self, name: String, level: pb::StorageLevel, rows: &KeptRows) -> Option<KeptNote> {
        let listener = self.engine.listener()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        listener.rows_kept(self, &KeptInfo { number, name, level, partitions: rows.sizes() });
        Some(KeptNote { listener: Arc::clone(listener), number })
    }

    /// Keeps a table under an id, for relations of the server's own making.
    pub fn keep_table(&self, id: &str, stored: Stored) {
        self.cache.keep_remote(id, Kept { stored, _rows: None, _note: None });
    }

    /// Forgets a table of [`Session::keep_table`].
    pub fn forget_table(&self, id: &str) {
        self.cache.remove_remote(id);
    }

    /// The kept rows of a client's remote relation.
    pub(crate) fn remote(&self, id: &str) -> Result<Stored> {
        self.kept_rows(id)
            .map(|kept| kept.stored.clone())
            .ok_or_else(|| SparkError::new("CONNECT_INVALID_PLAN.DATAFRAME_NOT_FOUND").with("dfId", id))
    }

    /// The kept rows of an id, as long as a client or a temporary view has them.
    pub(crate) fn kept_rows(&self, id: &str) -> Option<Arc<Kept>> {
        self.cache.remote(id).or_else(|| self.kept_by_views(id))
    }
}

/// MEMORY_AND_DISK_DESER, what `cache()` means in PySpark.
pub fn default_level() -> pb::StorageLevel {
    pb::StorageLevel { use_disk: true, use_memory: true, use_off_heap: false, deserialized: true, replication: 1 }
}
