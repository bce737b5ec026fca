//! Rows by key, in memory, with their versions on disk. A version is a file of changes (`N.delta.arrow`) or of all
//! rows (`N.snapshot.arrow`), each an Arrow stream with a last column that marks removed rows.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, interleave_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::{RowConverter, SortField};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::log::{self, illegal_state, names};

/// Every so many versions all rows are written.
const SNAPSHOT_EVERY: u64 = 10;
const DELTA: &str = ".delta.arrow";
const SNAPSHOT: &str = ".snapshot.arrow";
const REMOVED: &str = "removed";

/// A row's key, as bytes.
pub type Key = Box<[u8]>;

/// What a batch does to a store.
#[derive(Debug, Default)]
pub struct Changes {
    /// Rows that come or replace those of their key.
    pub updated: Vec<RecordBatch>,
    /// Rows that go; only their keys count.
    pub removed: Vec<RecordBatch>,
}

/// The store. Its first columns are the key.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    schema: SchemaRef,
    key_columns: usize,
    converter: RowConverter,
    rows: HashMap<Key, (usize, usize)>,
    batches: Vec<RecordBatch>,
    /// Which rows of each batch are still there.
    alive: Vec<Vec<bool>>,
    dead: usize,
}

impl Store {
    /// An empty store for rows of these types.
    pub fn new(dir: &Path, types: &[DataType], key_columns: usize) -> Result<Self> {
        let fields: Vec<Field> = types
            .iter()
            .enumerate()
            .map(|(index, data_type)| Field::new(format!("c{index}"), data_type.clone(), true))
            .collect();
        let keys = types[..key_columns].iter().map(|data_type| SortField::new(data_type.clone())).collect();
        Ok(Self {
            dir: dir.to_path_buf(),
            schema: Arc::new(Schema::new(fields)),
            key_columns,
            converter: RowConverter::new(keys).map_err(from_arrow)?,
            rows: HashMap::new(),
            batches: vec![],
            alive: vec![],
            dead: 0,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn memory_bytes(&self) -> u64 {
        let batches: usize = self.batches.iter().map(RecordBatch::get_array_memory_size).sum();
        let keys: usize = self.rows.keys().map(|key| key.len() + 48).sum();
        (batches + keys) as u64
    }

    /// The types of a row, for comparison.
    pub fn types(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.data_type().to_string()).collect()
    }

    /// The keys of rows whose first columns are the key.
    pub fn keys(&self, columns: &[ArrayRef], count: usize) -> Result<Vec<Key>> {
        if self.key_columns == 0 {
            return Ok(vec![Key::default(); count]);
        }
        let rows = self.converter.convert_columns(&columns[..self.key_columns]).map_err(from_arrow)?;
        let bytes = |row: arrow::row::Row<'_>| -> Key {
            let bytes: &[u8] = row.as_ref();
            bytes.into()
        };
        Ok(rows.iter().map(bytes).collect())
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.rows.contains_key(key)
    }

    /// The stored rows of the keys of a batch, in any order.
    pub fn lookup(&self, batch: &RecordBatch) -> Result<Option<RecordBatch>> {
        let mut found = vec![];
        for key in self.keys(batch.columns(), batch.num_rows())? {
            if let Some(place) = self.rows.get(&key) {
                found.push(*place);
            }
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &found).map(Some).map_err(from_arrow)
    }

    /// All rows but those of some keys, as far as `wanted` picks them.
    pub fn select(
        &self,
        without: &[RecordBatch],
        wanted: &dyn Fn(&RecordBatch) -> Result<BooleanArray>,
    ) -> Result<Vec<RecordBatch>> {
        let mut hidden: std::collections::HashSet<(usize, usize)> = std::collections::HashSet::new();
        for batch in without {
            for key in self.keys(batch.columns(), batch.num_rows())? {
                hidden.extend(self.rows.get(&key));
            }
        }
        let mut selected = vec![];
        for (at, batch) in self.batches.iter().enumerate() {
            let picked = wanted(batch)?;
            let mask: BooleanArray = (0..batch.num_rows())
                .map(|row| {
                    let there = self.alive[at][row] && picked.is_valid(row) && picked.value(row);
                    Some(there && (hidden.is_empty() || !hidden.contains(&(at, row))))
                })
                .collect();
            if mask.true_count() > 0 {
                selected.push(filter_record_batch(batch, &mask).map_err(from_arrow)?);
            }
        }
        Ok(selected)
    }

    /// All rows but those of some keys.
    pub fn all(&self, without: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        self.select(without, &|batch| Ok(BooleanArray::from(vec![true; batch.num_rows()])))
    }

    /// A batch under the store's own labels.
    fn own(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)
            .map_err(from_arrow)
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some((batch, row)) = self.rows.remove(key) {
            self.alive[batch][row] = false;
            self.dead += 1;
        }
    }

    fn apply(&mut self, changes: &Changes) -> Result<()> {
        for batch in &changes.removed {
            for key in self.keys(batch.columns(), batch.num_rows())? {
                self.forget(&key);
            }
        }
        for batch in changes.updated.iter().filter(|batch| batch.num_rows() > 0) {
            let own = self.own(batch)?;
            let at = self.batches.len();
            for (row, key) in self.keys(own.columns(), own.num_rows())?.into_iter().enumerate() {
                self.forget(&key);
                self.rows.insert(key, (at, row));
            }
            self.alive.push(vec![true; own.num_rows()]);
            self.batches.push(own);
        }
        // Dead rows may take as much room as living ones, not more. Many small batches become one.
        if self.dead > self.rows.len() || self.batches.len() > 64 {
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        let living = self.all(&[])?;
        let batch = arrow::compute::concat_batches(&self.schema, &living).map_err(from_arrow)?;
        let keys = self.keys(batch.columns(), batch.num_rows())?;
        self.rows = keys.into_iter().enumerate().map(|(row, key)| (key, (0, row))).collect();
        self.alive = vec![vec![true; batch.num_rows()]];
        self.batches = vec![batch];
        self.dead = 0;
        Ok(())
    }

    /// Takes changes in and writes them as a version.
    pub fn commit(&mut self, changes: &Changes, version: u64, retained: u64) -> Result<()> {
        self.apply(changes)?;
        std::fs::create_dir_all(&self.dir).map_err(|error| log::failed("cannot make the folder", &self.dir, error))?;
        if version.is_multiple_of(SNAPSHOT_EVERY) {
            let all = Changes { updated: self.all(&[])?, removed: vec![] };
            self.write(&format!("{version}{SNAPSHOT}"), &all)?;
        }
        self.write(&format!("{version}{DELTA}"), changes)?;
        self.clean_up(version.saturating_sub(retained))
    }

    fn write(&self, name: &str, changes: &Changes) -> Result<()> {
        let path = self.dir.join(name);
        let failed = |error| log::failed("cannot write", &path, error);
        let temporary = self.dir.join(format!(".{name}.{}.tmp", uuid::Uuid::new_v4()));
        let mut fields: Vec<Field> = self.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
        fields.push(Field::new(REMOVED, DataType::Boolean, false));
        let schema = Arc::new(Schema::new(fields));
        let file = File::create(&temporary).map_err(failed)?;
        let mut writer = StreamWriter::try_new_buffered(file, &schema).map_err(from_arrow)?;
        let marked = changes.removed.iter().map(|batch| (batch, true));
        for (batch, removed) in marked.chain(changes.updated.iter().map(|batch| (batch, false))) {
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(BooleanArray::from(vec![removed; batch.num_rows()])));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
            writer.write(&batch).map_err(from_arrow)?;
        }
        writer.finish().map_err(from_arrow)?;
        let file = writer.into_inner().map_err(from_arrow)?.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        // A batch that runs again writes its version again.
        std::fs::rename(&temporary, &path).map_err(failed)?;
        log::sync_dir(&self.dir).map_err(failed)
    }

    /// Reads a version; version 0 is empty.
    pub fn load(&mut self, version: u64) -> Result<()> {
        let snapshots = self.versions(SNAPSHOT)?;
        let base = snapshots.into_iter().filter(|own| *own <= version).max();
        if let Some(base) = base {
            let changes = self.read(&format!("{base}{SNAPSHOT}"))?;
            self.apply(&changes)?;
        }
        for delta in base.unwrap_or(0) + 1..=version {
            let changes = self.read(&format!("{delta}{DELTA}"))?;
            self.apply(&changes)?;
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Result<Changes> {
        let path = self.dir.join(name);
        let file = File::open(&path)
            .map_err(|error| illegal_state(format!("the state {} cannot be read: {error}", hadoop_path(&path))))?;
        let broken = |error: arrow::error::ArrowError| {
            illegal_state(format!("the state {} is damaged: {error}", hadoop_path(&path)))
        };
        let mut changes = Changes::default();
        for batch in StreamReader::try_new(BufReader::new(file), None).map_err(broken)? {
            let batch = batch.map_err(broken)?;
            let own: Vec<&DataType> = self.schema.fields().iter().map(|field| field.data_type()).collect();
            let read = batch.schema();
            let there: Vec<&DataType> = read.fields().iter().map(|field| field.data_type()).collect();
            if there.len() != own.len() + 1 || there[..own.len()] != own[..] {
                return Err(other_schema(&own, &there));
            }
            let marks = batch.column(own.len()).as_boolean().clone();
            let rows = batch.project(&(0..own.len()).collect::<Vec<_>>()).map_err(broken)?;
            if marks.true_count() > 0 {
                changes.removed.push(self.own(&filter_record_batch(&rows, &marks).map_err(broken)?)?);
            }
            let kept = arrow::compute::not(&marks).map_err(broken)?;
            if kept.true_count() > 0 {
                changes.updated.push(self.own(&filter_record_batch(&rows, &kept).map_err(broken)?)?);
            }
        }
        Ok(changes)
    }

    fn versions(&self, suffix: &str) -> Result<Vec<u64>> {
        Ok(names(&self.dir)?.iter().filter_map(|name| name.strip_suffix(suffix)?.parse().ok()).collect())
    }

    /// Removes what no version from `keep` on needs.
    fn clean_up(&self, keep: u64) -> Result<()> {
        let Some(base) = self.versions(SNAPSHOT)?.into_iter().filter(|own| *own <= keep).max() else { return Ok(()) };
        for suffix in [SNAPSHOT, DELTA] {
            for old in self.versions(suffix)?.into_iter().filter(|own| *own < base) {
                let _ = std::fs::remove_file(self.dir.join(format!("{old}{suffix}")));
            }
        }
        Ok(())
    }
}

fn other_schema(own: &[&DataType], there: &[&DataType]) -> SparkError {
    let text = |types: &[&DataType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    illegal_state(format!(
        "the query has changed: its state has rows of ({}), the checkpoint has ({}). Use another checkpoint.",
        text(own),
        text(&there[..there.len().saturating_sub(1)])
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};

    fn batch(keys: &[&str], values: &[i64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Int64, true)]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(keys.to_vec())), Arc::new(Int64Array::from(values.to_vec()))];
        RecordBatch::try_new(Arc::new(schema), columns).expect("a batch")
    }

    fn store(dir: &Path) -> Store {
        Store::new(dir, &[DataType::Utf8, DataType::Int64], 1).expect("a store")
    }

    #[test]
    fn versions_can_be_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut own = store(dir.path());
        for version in 1..=23_u64 {
            let key = format!("k{}", version % 5);
            let removed = if version == 23 { vec![batch(&["k1"], &[0])] } else { vec![] };
            let changes = Changes { updated: vec![batch(&[&key], &[version as i64])], removed };
            own.commit(&changes, version, 5).expect("written");
        }
        assert_eq!(own.len(), 4);
        let mut again = store(dir.path());
        again.load(22).expect("read");
        assert_eq!(again.len(), 5);
        let found = again.lookup(&batch(&["k2", "zz"], &[0, 0])).expect("looked up").expect("found");
        assert_eq!(found.column(1).as_primitive::<arrow::datatypes::Int64Type>().value(0), 22);
        // Versions before the snapshot that the oldest kept version needs are gone.
        assert!(store(dir.path()).load(9).is_err());
    }
}
