//! The rows of a partition of the state, as the table shows them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    StructArray, UInt32Array, new_null_array,
};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Fields, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::operator::python::WorkerSettings;
use firesteel_plan::operator::python::pickles::unpickled;
use firesteel_protocol::{Result, SparkError};

use super::options::{Feed, StateOptions};
use super::table::{Rows, fields_of};
use super::variables::{View, taken};
use crate::state::file::{Block, Chain};
use crate::state::part::{Keys, Part};
use crate::state::shape::{At, Shown, StoreShape};
use crate::state::store::Layout;

/// Reads partitions.
#[derive(Debug)]
pub struct Reader {
    pub dir: PathBuf,
    pub partitions: usize,
    pub store: StoreShape,
    pub rows: Rows,
    pub options: StateOptions,
    pub schema: SchemaRef,
    pub settings: WorkerSettings,
}

impl Reader {
    /// The partitions that are read.
    pub fn partition_ids(&self) -> Vec<usize> {
        match self.options.snapshot {
            Some(snapshot) => vec![snapshot.partition],
            None => (0..self.partitions).collect(),
        }
    }

    /// The rows of a partition.
    pub async fn read(&self, partition: usize) -> Result<Vec<RecordBatch>> {
        match self.options.feed {
            Some(feed) => self.changes(partition, feed).await,
            None => {
                let (rows, keys) = self.stored(partition)?;
                Ok(vec![self.shown(&rows, &keys, partition, vec![], false).await?])
            }
        }
    }

    /// What the store has.
    fn stored(&self, partition: usize) -> Result<(RecordBatch, Keys)> {
        let version = self.options.batch_id + 1;
        let base = self.options.snapshot.map(|snapshot| snapshot.batch_id + 1);
        let mut chain = Chain::read(&self.dir, version, base)?;
        let schema = Arc::clone(chain.schema());
        let keys = self.keys(&schema)?;
        let mut part = Part::new(Arc::clone(&schema));
        for block in chain.blocks(partition)? {
            part.apply(&block, &keys)?;
        }
        let every = |batch: &RecordBatch| Ok(BooleanArray::from(vec![true; batch.num_rows()]));
        let rows = part.select(&HashSet::new(), &every)?;
        Ok((concat_batches(&schema, &rows).map_err(from_arrow)?, keys))
    }

    fn keys(&self, schema: &SchemaRef) -> Result<Keys> {
        let types = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        Keys::new(&Layout { types, ..self.store.layout.clone() })
    }

    /// What each batch did.
    async fn changes(&self, partition: usize, feed: Feed) -> Result<Vec<RecordBatch>> {
        let mut all = vec![];
        for batch_id in feed.first..=feed.last {
            let (schema, block) = Chain::delta(&self.dir, batch_id + 1, partition)?;
            let keys = self.keys(&schema)?;
            let id = |batch: &RecordBatch| -> Result<Vec<_>> {
                Ok(keys.of(batch)?.into_iter().zip(keys.tags(batch)?).collect())
            };
            let Block { updated, removed } = block;
            let mut come = HashSet::new();
            for batch in &updated {
                come.extend(id(batch)?);
            }
            for (batches, removes) in [(updated, false), (removed, true)] {
                for batch in batches {
                    // What goes and comes again was changed.
                    let own: BooleanArray = id(&batch)?.iter().map(|id| Some(!removes || !come.contains(id))).collect();
                    let batch = filter_record_batch(&batch, &own).map_err(from_arrow)?;
                    let number = i64::try_from(batch_id).unwrap_or(i64::MAX);
                    let is_list = matches!(&self.rows, Rows::Variable(own) if own.view == View::List);
                    let word = match (removes, is_list) {
                        (true, _) => "delete",
                        // What is put in place of a list is told in the same way; Spark tells its first element apart.
                        (false, true) => "append",
                        (false, false) => "update",
                    };
                    all.push(self.shown(&batch, &keys, partition, vec![(number, word)], removes).await?);
                }
            }
        }
        Ok(all)
    }

    /// Stored rows as the table has them.
    async fn shown(
        &self,
        rows: &RecordBatch,
        keys: &Keys,
        partition: usize,
        change: Vec<(i64, &str)>,
        removed: bool,
    ) -> Result<RecordBatch> {
        let width = self.store.layout.key.len();
        let (key, values) = match &self.rows {
            Rows::Variable(variable) => {
                let rows = variable.pick(rows, keys, width)?;
                let (places, columns) = variable.columns(&rows, keys, width, &self.settings).await?;
                let key = self.columns(&rows, &self.store.key).await?;
                (taken(&key, &places)?, columns)
            }
            Rows::Counted => {
                let (firsts, counts) = counted(rows, keys)?;
                let key = taken(&self.columns(rows, &self.store.key).await?, &firsts)?;
                (key, vec![in_struct(self.fields("value")?, vec![Arc::new(counts)], firsts.len())?])
            }
            Rows::Indexed => {
                let mut key = self.columns(rows, &self.store.key).await?;
                key.push(Arc::new(numbered(rows, keys)?));
                let mut value = self.columns(rows, &self.store.value).await?;
                value.push(Arc::clone(rows.column(rows.num_columns() - 1)));
                (key, vec![in_struct(self.fields("value")?, value, rows.num_rows())?])
            }
            Rows::Plain => {
                let value = self.columns(rows, &self.store.value).await?;
                let value = in_struct(fields_of(&self.store.value), value, rows.num_rows())?;
                (self.columns(rows, &self.store.key).await?, vec![value])
            }
        };
        let count = values.first().map_or(rows.num_rows(), Array::len);
        let mut columns: Vec<ArrayRef> = vec![];
        for (batch_id, word) in change {
            columns.push(Arc::new(Int64Array::from(vec![batch_id; count])));
            columns.push(Arc::new(StringArray::from(vec![word; count])));
        }
        columns.push(in_struct(self.fields("key")?, key, count)?);
        for value in values {
            columns.push(if removed { new_null_array(value.data_type(), count) } else { value });
        }
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        columns.push(Arc::new(Int32Array::from(vec![partition; count])));
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(from_arrow)
    }

    fn fields(&self, column: &str) -> Result<Fields> {
        match self.schema.field_with_name(column).map(|field| field.data_type().clone()) {
            Ok(DataType::Struct(fields)) => Ok(fields),
            _ => Err(SparkError::internal(format!("the state has no column {column}"))),
        }
    }

    async fn columns(&self, rows: &RecordBatch, columns: &[Shown]) -> Result<Vec<ArrayRef>> {
        let mut shown = vec![];
        for own in columns {
            let data_type = own.field.data_type();
            let column = match own.at {
                At::Nowhere => new_null_array(data_type, rows.num_rows()),
                At::Pickled(at) => unpickled(&self.settings, rows.column(at), data_type).await?,
                At::Column(at) => Arc::clone(rows.column(at)),
                At::Inner(at, inner) => Arc::clone(rows.column(at).as_struct().column(inner)),
            };
            shown.push(match column.data_type() == data_type {
                true => column,
                false => arrow::compute::cast(&column, data_type).map_err(from_arrow)?,
            });
        }
        Ok(shown)
    }
}

fn in_struct(fields: Fields, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows, None)));
    }
    Ok(Arc::new(StructArray::try_new(fields, columns, None).map_err(from_arrow)?))
}

/// The first row of each key, and how many there are.
fn counted(rows: &RecordBatch, keys: &Keys) -> Result<(UInt32Array, Int64Array)> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut counts: Vec<(u32, i64)> = vec![];
    for (row, key) in keys.of(rows)?.into_iter().enumerate() {
        let at = *places.entry(key).or_insert(counts.len());
        if at == counts.len() {
            counts.push((u32::try_from(row).unwrap_or(u32::MAX), 0));
        }
        counts[at].1 += 1;
    }
    Ok((counts.iter().map(|own| own.0).collect(), counts.iter().map(|own| own.1).collect()))
}

/// The number of each row among those of its key.
fn numbered(rows: &RecordBatch, keys: &Keys) -> Result<Int64Array> {
    let mut next: HashMap<_, i64> = HashMap::new();
    let number = |key| {
        let own = next.entry(key).or_insert(0);
        *own += 1;
        *own - 1
    };
    Ok(keys.of(rows)?.into_iter().map(number).collect())
}
