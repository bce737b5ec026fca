//! A partition of a store: its rows in memory, and where each key's are.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, interleave_record_batch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::file::Block;
use super::store::Layout;

/// A row's key, as bytes.
pub type Key = Box<[u8]>;

/// A batch and a row in it.
pub type Place = (usize, usize);

/// Reads the keys of rows.
#[derive(Debug)]
pub struct Keys {
    columns: Vec<usize>,
    tag: Option<usize>,
    converter: RowConverter,
}

impl Keys {
    pub fn new(layout: &Layout) -> Result<Self> {
        let fields = layout.key.iter().map(|at| SortField::new(layout.types[*at].clone())).collect();
        let converter = RowConverter::new(fields).map_err(from_arrow)?;
        Ok(Self { columns: layout.key.clone(), tag: layout.tag, converter })
    }

    /// The columns of the key.
    pub fn columns(&self, batch: &RecordBatch) -> Vec<ArrayRef> {
        self.columns.iter().map(|at| ArrayRef::clone(batch.column(*at))).collect()
    }

    /// The keys of the rows.
    pub fn of(&self, batch: &RecordBatch) -> Result<Vec<Key>> {
        if self.columns.is_empty() {
            return Ok(vec![Key::default(); batch.num_rows()]);
        }
        let rows = self.converter.convert_columns(&self.columns(batch)).map_err(from_arrow)?;
        let bytes = |row: arrow::row::Row<'_>| -> Key {
            let bytes: &[u8] = row.as_ref();
            bytes.into()
        };
        Ok(rows.iter().map(bytes).collect())
    }

    /// What tells rows of one key apart.
    pub fn tags(&self, batch: &RecordBatch) -> Result<Vec<i64>> {
        let Some(at) = self.tag else { return Ok(vec![0; batch.num_rows()]) };
        let column = match batch.column(at).data_type() {
            DataType::Struct(_) => batch.column(at).as_struct().column(0),
            _ => batch.column(at),
        };
        let column = arrow::compute::cast(column, &DataType::Int64).map_err(from_arrow)?;
        let numbers =
            column.as_primitive_opt::<Int64Type>().ok_or_else(|| SparkError::internal("a tag is no number"))?;
        Ok(numbers.iter().map(Option::unwrap_or_default).collect())
    }
}

/// Where the rows of a key are, with their tags.
#[derive(Debug)]
enum Places {
    One(i64, Place),
    Many(Vec<(i64, Place)>),
}

impl Places {
    fn iter(&self) -> impl Iterator<Item = (i64, Place)> + '_ {
        let (one, many) = match self {
            Self::One(tag, place) => (Some((*tag, *place)), [].as_slice()),
            Self::Many(places) => (None, places.as_slice()),
        };
        one.into_iter().chain(many.iter().copied())
    }
}

/// The partition.
#[derive(Debug)]
pub struct Part {
    schema: SchemaRef,
    rows: HashMap<Key, Places>,
    batches: Vec<RecordBatch>,
    /// Which rows of each batch are still there.
    alive: Vec<Vec<bool>>,
    living: u64,
    dead: u64,
    key_bytes: u64,
    /// When it was last used, by the store's clock.
    pub used: u64,
}

impl Part {
    pub fn new(schema: SchemaRef) -> Self {
        let (batches, alive) = (vec![], vec![]);
        Self { schema, rows: HashMap::new(), batches, alive, living: 0, dead: 0, key_bytes: 0, used: 0 }
    }

    /// Number of rows.
    pub fn row_count(&self) -> u64 {
        self.living
    }

    pub fn memory_bytes(&self) -> u64 {
        let batches: usize = self.batches.iter().map(RecordBatch::get_array_memory_size).sum();
        batches as u64 + self.key_bytes
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.rows.contains_key(key)
    }

    /// The rows of some keys.
    pub fn lookup(&self, keys: &HashSet<Key>) -> Result<Option<RecordBatch>> {
        let mut found: Vec<Place> = vec![];
        for key in keys {
            found.extend(self.rows.get(key).into_iter().flat_map(Places::iter).map(|(_, place)| place));
        }
        found.sort_unstable();
        if found.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &found).map(Some).map_err(from_arrow)
    }

    /// Where the rows of a batch are, as far as they are there.
    pub fn places(&self, batch: &RecordBatch, keys: &Keys) -> Result<Vec<Place>> {
        let mut places = vec![];
        for (key, tag) in keys.of(batch)?.iter().zip(keys.tags(batch)?) {
            let rows = self.rows.get(key).into_iter().flat_map(Places::iter);
            places.extend(rows.filter(|(own, _)| *own == tag).map(|(_, place)| place));
        }
        Ok(places)
    }

    /// The rows that `wanted` picks, but for some places.
    pub fn select(
        &self,
        hidden: &HashSet<Place>,
        wanted: &dyn Fn(&RecordBatch) -> Result<BooleanArray>,
    ) -> Result<Vec<RecordBatch>> {
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

    fn forget(&mut self, key: &Key, tag: i64) {
        let gone = match self.rows.get_mut(key) {
            Some(Places::One(own, place)) if *own == tag => {
                let place = *place;
                self.rows.remove(key);
                self.key_bytes = self.key_bytes.saturating_sub(key.len() as u64 + 64);
                Some(place)
            }
            Some(Places::Many(places)) => {
                let at = places.iter().position(|(own, _)| *own == tag);
                let place = at.map(|at| places.swap_remove(at).1);
                if places.is_empty() {
                    self.rows.remove(key);
                }
                place
            }
            _ => None,
        };
        if let Some((batch, row)) = gone {
            self.alive[batch][row] = false;
            self.living -= 1;
            self.dead += 1;
        }
    }

    fn insert(&mut self, key: Key, tag: i64, place: Place) {
        self.living += 1;
        match self.rows.get_mut(&key) {
            None => {
                self.key_bytes += key.len() as u64 + 64;
                self.rows.insert(key, Places::One(tag, place));
            }
            Some(Places::Many(places)) => places.push((tag, place)),
            Some(one) => {
                let both = one.iter().chain([(tag, place)]).collect();
                *one = Places::Many(both);
            }
        }
    }

    /// Rows go, then others come.
    pub fn apply(&mut self, block: &Block, keys: &Keys) -> Result<()> {
        for batch in &block.removed {
            for (key, tag) in keys.of(batch)?.iter().zip(keys.tags(batch)?) {
                self.forget(key, tag);
            }
        }
        for batch in block.updated.iter().filter(|batch| batch.num_rows() > 0) {
            let at = self.batches.len();
            self.alive.push(vec![true; batch.num_rows()]);
            self.batches.push(batch.clone());
            for (row, (key, tag)) in keys.of(batch)?.into_iter().zip(keys.tags(batch)?).enumerate() {
                self.forget(&key, tag);
                self.insert(key, tag, (at, row));
            }
        }
        // Dead rows may take as much room as living ones, not more. Many small batches become one.
        if self.dead > self.living || self.batches.len() > 64 {
            self.compact(keys)?;
        }
        Ok(())
    }

    fn compact(&mut self, keys: &Keys) -> Result<()> {
        let living = self.select(&HashSet::new(), &|batch| Ok(BooleanArray::from(vec![true; batch.num_rows()])))?;
        let batch = arrow::compute::concat_batches(&self.schema, &living).map_err(from_arrow)?;
        let used = self.used;
        *self = Self::new(SchemaRef::clone(&self.schema));
        self.used = used;
        self.alive = vec![vec![true; batch.num_rows()]];
        for (row, (key, tag)) in keys.of(&batch)?.into_iter().zip(keys.tags(&batch)?).enumerate() {
            self.insert(key, tag, (0, row));
        }
        self.batches = vec![batch];
        Ok(())
    }
}
