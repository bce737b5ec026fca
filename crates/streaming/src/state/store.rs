//! Rows by key: partitions in memory as far as they are needed, versions on disk ([`super::file`]).
//!
//! A partition is read when the first of its keys is asked for, and leaves the memory again, the least recently used
//! first, when all of them together take too much: between two commits they are what the files say.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use firesteel_functions::hash::row::murmur3;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::Result;

use super::file::{Block, Chain};
use super::lanes;
use super::part::{Key, Keys, Part, Place};

/// What the rows of a store are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub types: Vec<DataType>,
    /// Columns that a row is looked up by; they say its partition, too.
    pub key: Vec<usize>,
    /// A column that tells the rows of a key apart, BIGINT or a struct that begins with a time; none: a key has one row.
    pub tag: Option<usize>,
}

impl Layout {
    /// Rows whose first columns are the key.
    pub fn first(types: Vec<DataType>, keys: usize) -> Self {
        Self { types, key: (0..keys).collect(), tag: None }
    }
}

/// What a batch does to a store: rows go, then others come.
#[derive(Debug, Default)]
pub struct Changes {
    /// Rows that come or replace those of their key.
    pub updated: Vec<RecordBatch>,
    /// Rows that go; only their keys count.
    pub removed: Vec<RecordBatch>,
}

impl Changes {
    /// Keeps or removes rows by what a predicate says of them.
    pub fn split(updated: Vec<RecordBatch>, past: &dyn Fn(&RecordBatch) -> Result<BooleanArray>) -> Result<Self> {
        let mut changes = Self::default();
        for batch in updated {
            let past = past(&batch)?;
            let stays = arrow::compute::not(&past).map_err(from_arrow)?;
            if past.true_count() > 0 {
                changes.removed.push(filter_record_batch(&batch, &past).map_err(from_arrow)?);
            }
            if stays.true_count() > 0 {
                changes.updated.push(filter_record_batch(&batch, &stays).map_err(from_arrow)?);
            }
        }
        Ok(changes)
    }
}

/// How a store is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    pub partitions: usize,
    /// Versions that stay.
    pub retained: u64,
    /// Bytes that partitions may take in memory.
    pub budget_bytes: u64,
}

/// Rows of a batch, by their place in it, with their keys.
type Placed = Vec<(usize, Key)>;

/// Keys that are new in a batch, by partition.
#[derive(Debug)]
pub struct Seen(Vec<HashSet<Key>>);

impl Seen {
    /// None yet.
    pub fn new(partitions: usize) -> Self {
        Self(vec![HashSet::new(); partitions])
    }

    /// Number of keys.
    pub fn count(&self) -> usize {
        self.0.iter().map(HashSet::len).sum()
    }
}

/// The store.
#[derive(Debug)]
pub struct Store {
    schema: SchemaRef,
    keys: Keys,
    keeping: Keeping,
    chain: Chain,
    parts: Vec<Option<Part>>,
    /// Counts uses, so that the oldest is known.
    clock: u64,
    total: u64,
    /// How often a partition was in memory when it was asked for.
    pub hits: u64,
    /// How often it had to be read.
    pub misses: u64,
}

impl Store {
    /// The store in a folder at a version; version 0 is empty.
    pub fn open(dir: &Path, layout: &Layout, keeping: Keeping, version: u64) -> Result<Self> {
        let field = |(index, data_type): (usize, &DataType)| Field::new(format!("c{index}"), data_type.clone(), true);
        let schema = Arc::new(Schema::new(layout.types.iter().enumerate().map(field).collect::<Vec<_>>()));
        let chain = Chain::open(dir, Arc::clone(&schema), keeping.partitions, version)?;
        let parts = (0..keeping.partitions).map(|_| None).collect();
        let total = chain.total();
        Ok(Self { keys: Keys::new(layout)?, schema, keeping, chain, parts, clock: 0, total, hits: 0, misses: 0 })
    }

    /// The version that is there now.
    pub fn version(&self) -> u64 {
        self.chain.version()
    }

    /// The version of the last file of all rows.
    pub fn snapshot(&self) -> Option<u64> {
        self.chain.snapshot()
    }

    /// Number of rows.
    pub fn row_count(&self) -> u64 {
        self.total
    }

    pub fn memory_bytes(&self) -> u64 {
        self.parts.iter().flatten().map(Part::memory_bytes).sum()
    }

    /// The rows of a batch by partition.
    fn by_partition(&self, batch: &RecordBatch) -> Result<BTreeMap<usize, Vec<u32>>> {
        let mut places: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        let mut columns = self.keys.columns(batch);
        // The number of a grouping set has no type of Spark's.
        for column in columns.iter_mut().filter(|column| column.data_type().is_unsigned_integer()) {
            *column = arrow::compute::cast(column, &DataType::Int64).map_err(from_arrow)?;
        }
        let hashes = murmur3(&columns, batch.num_rows())?;
        let count = i32::try_from(self.keeping.partitions).unwrap_or(i32::MAX);
        for (row, hash) in hashes.values().iter().enumerate() {
            let partition = usize::try_from(hash.rem_euclid(count)).unwrap_or(0);
            places.entry(partition).or_default().push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        Ok(places)
    }

    pub fn partitions(&self) -> usize {
        self.keeping.partitions
    }

    /// The rows of a batch by lane, where partitions are dealt to so many of them.
    pub fn split(&self, batch: &RecordBatch, lanes: usize) -> Result<Vec<Option<RecordBatch>>> {
        let mut places: Vec<Vec<u32>> = vec![vec![]; lanes];
        for (partition, rows) in self.by_partition(batch)? {
            places[partition % lanes].extend(rows);
        }
        let lane = |mut rows: Vec<u32>| {
            rows.sort_unstable();
            if rows.is_empty() { Ok(None) } else { taken(batch, rows).map(Some) }
        };
        places.into_iter().map(lane).collect()
    }

    /// A partition, read if it is not in memory.
    fn part(&mut self, partition: usize) -> Result<&mut Part> {
        self.clock += 1;
        if self.parts[partition].is_none() {
            self.forget_unused(Some(partition));
            let mut part = Part::new(Arc::clone(&self.schema));
            for block in self.chain.blocks(partition)? {
                part.apply(&block, &self.keys)?;
            }
            self.parts[partition] = Some(part);
            self.misses += 1;
        } else {
            self.hits += 1;
        }
        let clock = self.clock;
        match &mut self.parts[partition] {
            Some(part) => {
                part.used = clock;
                Ok(part)
            }
            None => Err(firesteel_protocol::SparkError::internal("a partition that was just read is gone")),
        }
    }

    /// Drops partitions until the rest is small enough. `but` stays.
    fn forget_unused(&mut self, but: Option<usize>) {
        let mut bytes = self.memory_bytes();
        while bytes > self.keeping.budget_bytes {
            let loaded = self.parts.iter().enumerate().filter(|(at, _)| Some(*at) != but);
            let oldest = loaded.filter_map(|(at, part)| Some((part.as_ref()?.used, at))).min();
            let Some((_, at)) = oldest else { return };
            bytes -= self.parts[at].take().map_or(0, |part| part.memory_bytes());
        }
    }

    /// Which rows of some batches have a key that is neither there nor `seen`, as far as `wanted` has them; their keys
    /// are seen then. Of rows with the same key the first is new. Partitions are looked up side by side.
    pub fn fresh(
        &mut self,
        batches: &[RecordBatch],
        wanted: &[BooleanBuffer],
        seen: &mut Seen,
    ) -> Result<Vec<BooleanArray>> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>() as u64;
        let own: &Self = self;
        let read =
            lanes::each(batches.iter().zip(wanted).collect(), rows, |(batch, wanted)| own.placed(batch, wanted))?;
        let mut by: BTreeMap<usize, Vec<(usize, Placed)>> = BTreeMap::new();
        for (batch, partitions) in read.into_iter().enumerate() {
            for (partition, keys) in partitions {
                by.entry(partition).or_default().push((batch, keys));
            }
        }
        let partitions: Vec<usize> = by.keys().copied().collect();
        let mut step: Vec<_> =
            by.into_iter().map(|(partition, keys)| (partition, keys, std::mem::take(&mut seen.0[partition]))).collect();
        // What is read for one partition may push another out: then one after the other, those in memory first.
        let steps = if self.load_all(&partitions)? {
            vec![step]
        } else {
            step.sort_by_key(|(partition, ..)| self.parts[*partition].is_none());
            step.into_iter().map(|one| vec![one]).collect()
        };
        let mut new: Vec<BooleanBufferBuilder> = vec![];
        for batch in batches {
            let mut bits = BooleanBufferBuilder::new(batch.num_rows());
            bits.append_n(batch.num_rows(), false);
            new.push(bits);
        }
        for step in steps {
            if let [(partition, ..)] = &step[..]
                && self.parts[*partition].is_none()
            {
                self.part(*partition)?;
            }
            let parts = &self.parts;
            let looked_up = lanes::each(step, rows, |(partition, batches, mut seen)| {
                let mut new = vec![];
                for (batch, keys) in batches {
                    for (row, key) in keys {
                        let there = parts[partition].as_ref().is_some_and(|part| part.contains(&key));
                        if !there && seen.insert(key) {
                            new.push((batch, row));
                        }
                    }
                }
                Ok((partition, seen, new))
            })?;
            for (partition, keys, places) in looked_up {
                seen.0[partition] = keys;
                for (batch, row) in places {
                    new[batch].set_bit(row, true);
                }
            }
        }
        Ok(new.into_iter().map(|mut bits| BooleanArray::new(bits.finish(), None)).collect())
    }

    /// The rows of a batch that are wanted, with their keys, by partition.
    fn placed(&self, batch: &RecordBatch, wanted: &BooleanBuffer) -> Result<Vec<(usize, Placed)>> {
        let mut keys: Vec<Option<Key>> = self.keys.of(batch)?.into_iter().map(Some).collect();
        let mut placed = vec![];
        for (partition, rows) in self.by_partition(batch)? {
            let rows = rows.into_iter().map(|row| row as usize).filter(|row| wanted.value(*row));
            let own: Placed = rows.filter_map(|row| Some((row, keys[row].take()?))).collect();
            placed.push((partition, own));
        }
        Ok(placed)
    }

    /// Reads partitions; whether all of them are in memory then.
    fn load_all(&mut self, partitions: &[usize]) -> Result<bool> {
        for (at, partition) in partitions.iter().enumerate() {
            self.part(*partition)?;
            if partitions[..at].iter().any(|before| self.parts[*before].is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What tells each row of a batch from all others.
    pub fn ids(&self, batch: &RecordBatch) -> Result<Vec<(Key, i64)>> {
        Ok(self.keys.of(batch)?.into_iter().zip(self.keys.tags(batch)?).collect())
    }

    /// The stored rows of the keys of some batches, each once.
    pub fn lookup(&mut self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let mut wanted: BTreeMap<usize, HashSet<Key>> = BTreeMap::new();
        for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
            let keys = self.keys.of(batch)?;
            for (partition, rows) in self.by_partition(batch)? {
                wanted.entry(partition).or_default().extend(rows.iter().map(|row| keys[*row as usize].clone()));
            }
        }
        let mut found = vec![];
        for (partition, keys) in wanted {
            found.extend(self.part(partition)?.lookup(&keys)?);
        }
        Ok(found)
    }

    /// All rows but those of some batches, as far as `wanted` picks them.
    pub fn select(
        &mut self,
        without: &[RecordBatch],
        wanted: &(dyn Fn(&RecordBatch) -> Result<BooleanArray> + Sync),
    ) -> Result<Vec<RecordBatch>> {
        let mut hidden: BTreeMap<usize, Vec<RecordBatch>> = BTreeMap::new();
        for batch in without.iter().filter(|batch| batch.num_rows() > 0) {
            for (partition, rows) in self.by_partition(batch)? {
                hidden.entry(partition).or_default().push(taken(batch, rows)?);
            }
        }
        let all = 0..self.keeping.partitions;
        let there: Vec<usize> = all.filter(|at| self.parts[*at].is_some() || self.chain.has(*at)).collect();
        let is_loaded = there.iter().all(|at| self.parts[*at].is_some());
        let mut selected = vec![];
        if is_loaded {
            for partition in &there {
                self.part(*partition)?;
            }
            let picked = lanes::each(there, self.total, |partition| self.picked(partition, &hidden, wanted))?;
            selected.extend(picked.into_iter().flatten());
        } else {
            // What is read for one partition may push another out.
            for partition in there {
                self.part(partition)?;
                selected.extend(self.picked(partition, &hidden, wanted)?);
            }
        }
        Ok(selected)
    }

    /// The rows of a loaded partition that `wanted` picks, but those of `hidden`.
    fn picked(
        &self,
        partition: usize,
        hidden: &BTreeMap<usize, Vec<RecordBatch>>,
        wanted: &(dyn Fn(&RecordBatch) -> Result<BooleanArray> + Sync),
    ) -> Result<Vec<RecordBatch>> {
        let Some(part) = &self.parts[partition] else { return Ok(vec![]) };
        let mut places: HashSet<Place> = HashSet::new();
        for batch in hidden.get(&partition).into_iter().flatten() {
            places.extend(part.places(batch, &self.keys)?);
        }
        part.select(&places, wanted)
    }

    /// All rows but those of some batches.
    pub fn all(&mut self, without: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        self.select(without, &|batch| Ok(BooleanArray::from(vec![true; batch.num_rows()])))
    }

    /// Takes changes in, each partition by itself.
    fn apply(&mut self, blocks: &BTreeMap<usize, Block>) -> Result<()> {
        let rows: usize = blocks.values().flat_map(|block| &block.updated).map(RecordBatch::num_rows).sum();
        let is_loaded = blocks.keys().all(|at| self.parts[*at].is_some());
        let all: Vec<usize> = blocks.keys().copied().collect();
        // What is read for one partition may push another out: then one after the other.
        let steps = if is_loaded { vec![all] } else { all.into_iter().map(|at| vec![at]).collect() };
        for step in steps {
            let mut taken = vec![];
            for partition in step {
                self.part(partition)?;
                taken.extend(self.parts[partition].take().map(|part| (partition, part)));
            }
            let before: u64 = taken.iter().map(|(_, part)| part.row_count()).sum();
            let keys = &self.keys;
            let applied = lanes::each(taken, rows as u64, |(partition, mut part)| {
                if let Some(block) = blocks.get(&partition) {
                    part.apply(block, keys)?;
                }
                Ok((partition, part))
            })?;
            let after: u64 = applied.iter().map(|(_, part)| part.row_count()).sum();
            for (partition, part) in applied {
                self.parts[partition] = Some(part);
            }
            self.total = self.total.saturating_sub(before) + after;
        }
        Ok(())
    }

    /// A batch under the store's own labels.
    fn own(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)
            .map_err(from_arrow)
    }

    /// Takes changes in and writes them as a version.
    pub fn commit(&mut self, changes: &Changes, version: u64) -> Result<()> {
        let mut blocks: BTreeMap<usize, Block> = BTreeMap::new();
        for (batches, removed) in [(&changes.removed, true), (&changes.updated, false)] {
            for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
                let batch = self.own(batch)?;
                for (partition, rows) in self.by_partition(&batch)? {
                    let block = blocks.entry(partition).or_default();
                    let side = if removed { &mut block.removed } else { &mut block.updated };
                    side.push(taken(&batch, rows)?);
                }
            }
        }
        self.apply(&blocks)?;
        let total = self.total;
        self.chain.write_delta(version, &blocks, total)?;
        if Chain::is_snapshot(version) {
            let mut snapshot = self.chain.begin_snapshot(version, total)?;
            for partition in 0..self.keeping.partitions {
                if self.parts[partition].is_none() && !self.chain.has(partition) {
                    continue;
                }
                let rows = self
                    .part(partition)?
                    .select(&HashSet::new(), &|batch| Ok(BooleanArray::from(vec![true; batch.num_rows()])))?;
                snapshot.write(partition, &Block { updated: rows, removed: vec![] })?;
            }
            self.chain.end_snapshot(snapshot)?;
        }
        self.forget_unused(None);
        self.chain.clean_up(version.saturating_sub(self.keeping.retained))
    }
}

fn taken(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch> {
    if rows.len() == batch.num_rows() {
        return Ok(batch.clone());
    }
    take_record_batch(batch, &arrow::array::UInt32Array::from(rows)).map_err(from_arrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    fn batch(keys: &[&str], values: &[i64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("k", DataType::Utf8, true), Field::new("v", DataType::Int64, true)]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(keys.to_vec())), Arc::new(Int64Array::from(values.to_vec()))];
        RecordBatch::try_new(Arc::new(schema), columns).expect("a batch")
    }

    fn store(dir: &Path, version: u64, budget_bytes: u64, tag: Option<usize>) -> Result<Store> {
        let layout = Layout { types: vec![DataType::Utf8, DataType::Int64], key: vec![0], tag };
        Store::open(dir, &layout, Keeping { partitions: 4, retained: 5, budget_bytes }, version)
    }

    #[test]
    fn versions_can_be_read_again() {
        // The second time nothing fits into memory.
        for budget_bytes in [1 << 20, 0] {
            let dir = tempfile::tempdir().expect("a folder");
            let mut own = store(dir.path(), 0, budget_bytes, None).expect("a store");
            for version in 1..=23_u64 {
                let key = format!("k{}", version % 5);
                let removed = if version == 23 { vec![batch(&["k1"], &[0])] } else { vec![] };
                let changes = Changes { updated: vec![batch(&[&key], &[version as i64])], removed };
                own.commit(&changes, version).expect("written");
            }
            assert_eq!(own.row_count(), 4);
            let mut again = store(dir.path(), 22, budget_bytes, None).expect("read");
            assert_eq!(again.row_count(), 5);
            let found = again.lookup(&[batch(&["k2", "zz"], &[0, 0])]).expect("looked up");
            assert_eq!(found[0].column(1).as_primitive::<Int64Type>().value(0), 22);
            assert_eq!(again.all(&found).expect("read").iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
            // Versions before the snapshot that the oldest kept version needs are gone.
            assert!(store(dir.path(), 9, budget_bytes, None).is_err());
        }
    }

    #[test]
    fn a_key_may_have_several_rows() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut own = store(dir.path(), 0, 1 << 20, Some(1)).expect("a store");
        own.commit(&Changes { updated: vec![batch(&["a", "a", "b"], &[1, 2, 3])], removed: vec![] }, 1)
            .expect("written");
        own.commit(&Changes { updated: vec![], removed: vec![batch(&["a"], &[1])] }, 2).expect("written");
        assert_eq!(own.row_count(), 2);
        let found = store(dir.path(), 1, 0, Some(1)).and_then(|mut old| old.lookup(&[batch(&["a"], &[0])]));
        assert_eq!(found.expect("looked up").iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    }

    #[test]
    fn keys_are_fresh_once() {
        // The second time nothing fits into memory.
        for budget_bytes in [1 << 20, 0] {
            let dir = tempfile::tempdir().expect("a folder");
            let mut own = store(dir.path(), 0, budget_bytes, None).expect("a store");
            let stored = batch(&["a", "b", "c", "d", "e", "f"], &[0; 6]);
            own.commit(&Changes { updated: vec![stored], removed: vec![] }, 1).expect("written");
            let batches = [batch(&["a", "x", "y", "x"], &[0; 4]), batch(&["y", "z", "f"], &[0; 3])];
            let wanted = [BooleanBuffer::from(vec![true, true, false, true]), BooleanBuffer::new_set(3)];
            let mut seen = Seen::new(own.partitions());
            let mut fresh = || own.fresh(&batches, &wanted, &mut seen).expect("looked up");
            let first = fresh();
            assert_eq!(first[0], BooleanArray::from(vec![false, true, false, false]));
            assert_eq!(first[1], BooleanArray::from(vec![true, true, false]));
            assert!(fresh().iter().all(|again| again.true_count() == 0));
            assert_eq!(seen.count(), 3);
        }
    }
}
