//! Rows of equal keys together: how partitions are arranged for functions over groups, and how the groups are cut.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, ExprSchemable, Extension, LogicalPlan, SortExpr, lit};
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::Result;
use futures::StreamExt;

use super::bucket::{BucketNode, Decision};
use crate::attribute::next_id;
use crate::operator::exchange::{ExchangeNode, Spread};
use crate::operator::local_sort::LocalSortNode;
use crate::operator::partition_columns::{PartitionColumnsNode, Source};

/// Rows with equal `keys`, which are columns, in one partition, one after the other, by `order` and then as they came.
pub fn arranged(input: LogicalPlan, keys: &[Expr], order: &[SortExpr], partitions: usize) -> Result<LogicalPlan> {
    arranged_alike(input, keys, order, partitions, Decision::new(1), 0)
}

/// [`arranged`] for one of several relations with the same keys: equal keys meet in partitions of the same number.
pub fn arranged_alike(
    input: LogicalPlan,
    keys: &[Expr],
    order: &[SortExpr],
    partitions: usize,
    decision: Arc<Decision>,
    relation: usize,
) -> Result<LogicalPlan> {
    // A sort may swap rows of equal keys; users see the rows of a group in the order in which they came.
    let place = format!("_place#{}", next_id());
    let node = PartitionColumnsNode::new(Arc::new(input), vec![(Source::MonotonicId, place.clone())])?;
    let mut plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    let mut spread = Spread::Coalesce;
    if !keys.is_empty() {
        let bucket = format!("_bucket#{}", next_id());
        let names = keys.iter().map(|key| key.schema_name().to_string()).collect();
        let node = BucketNode::new(Arc::new(plan), names, bucket.clone(), decision, relation)?;
        plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        // The bits that an INT above zero has.
        let bucket = Expr::Column(Column::new_unqualified(bucket));
        let number = datafusion::logical_expr::bitwise_and(bucket, lit(0x7fff_ffff_i64));
        spread = Spread::Number(datafusion::logical_expr::cast(number, DataType::Int32));
    }
    let partitions = if keys.is_empty() { 1 } else { partitions };
    let node = ExchangeNode { input: Arc::new(plan), spread, partitions };
    let together = LogicalPlan::Extension(Extension { node: Arc::new(node) });
    let schema = Arc::clone(together.schema());
    let mut sort: Vec<SortExpr> = keys.iter().map(|key| SortExpr::new(normal_key(key, &schema), true, true)).collect();
    sort.extend_from_slice(order);
    sort.push(SortExpr::new(Expr::Column(Column::new_unqualified(place)), true, true));
    let node = LocalSortNode { input: Arc::new(together), keys: sort };
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

/// The zeros of floating-point numbers are one key, and so are all that is not a number.
pub fn normal(keys: &ArrayRef) -> ArrayRef {
    match keys.data_type() {
        DataType::Float32 => {
            let one = |key: f32| if key.is_nan() { f32::NAN } else { key + 0.0 };
            Arc::new(keys.as_primitive::<Float32Type>().unary::<_, Float32Type>(one))
        }
        DataType::Float64 => {
            let one = |key: f64| if key.is_nan() { f64::NAN } else { key + 0.0 };
            Arc::new(keys.as_primitive::<Float64Type>().unary::<_, Float64Type>(one))
        }
        _ => Arc::clone(keys),
    }
}

/// A key as rows are sorted by it: the two zeros stand in the order in which they came.
fn normal_key(key: &Expr, schema: &DFSchema) -> Expr {
    match key.get_type(schema) {
        Ok(DataType::Float32) => key.clone() + lit(0.0_f32),
        Ok(DataType::Float64) => key.clone() + lit(0.0_f64),
        _ => key.clone(),
    }
}

/// The rows of one group, in pieces of the batches in which they came.
#[derive(Debug)]
pub struct Group {
    /// Its keys, comparable with those of another [`Groups`] of the same types.
    pub key: OwnedRow,
    pub batches: Vec<RecordBatch>,
}

impl Group {
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn size_bytes(&self) -> usize {
        let columns = self.batches.iter().flat_map(RecordBatch::columns);
        columns.filter_map(|column| column.to_data().get_slice_memory_size().ok()).sum()
    }

    /// All rows as one batch.
    pub fn whole(&self) -> Result<RecordBatch> {
        match &self.batches[..] {
            [one] => Ok(one.clone()),
            several => arrow::compute::concat_batches(&several[0].schema(), several).map_err(from_arrow),
        }
    }

    /// Batches of at most `rows` rows.
    pub fn batches_of(&self, rows: usize) -> Result<Vec<RecordBatch>> {
        let whole = self.whole()?;
        let total = whole.num_rows();
        Ok((0..total.max(1))
            .step_by(rows.min(total.max(1)))
            .map(|from| whole.slice(from, rows.min(total - from)))
            .collect())
    }
}

/// Some rows of a group.
#[derive(Debug)]
pub struct Piece {
    /// No piece of the group came before.
    pub is_first: bool,
    pub batch: RecordBatch,
}

/// Cuts a stream that is sorted by `keys` into groups.
pub struct Groups {
    input: SendableRecordBatchStream,
    keys: Vec<usize>,
    converter: RowConverter,
    /// Whole groups not given out yet; the last one may go on.
    found: VecDeque<Group>,
    /// Pieces of the first of them were given out.
    begun: bool,
    ended: bool,
    /// What the groups found take of the memory of queries, where they are held whole.
    reservation: Option<MemoryReservation>,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Groups {
    /// `keys` are positions in the stream's schema.
    pub fn new(input: SendableRecordBatchStream, keys: Vec<usize>) -> Result<Self> {
        let schema = input.schema();
        let fields = keys.iter().map(|key| SortField::new(schema.field(*key).data_type().clone())).collect();
        let converter = RowConverter::new(fields).map_err(from_arrow)?;
        let found = VecDeque::new();
        Ok(Self { input, keys, converter, found, begun: false, ended: false, reservation: None })
    }

    /// Groups that are held whole take their memory from `pool`, twice their size: a group is copied once on its way.
    pub fn accounted(mut self, pool: &Arc<dyn MemoryPool>) -> Self {
        self.reservation = Some(MemoryConsumer::new("the rows of a group for a Python function").register(pool));
        self
    }

    /// The next rows, in the order of the groups; None after the last ones. Groups are not held whole.
    pub async fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            let others = self.found.len() > 1;
            if let Some(group) = self.found.front_mut() {
                if !group.batches.is_empty() {
                    let is_first = !std::mem::replace(&mut self.begun, true);
                    return Ok(Some(Piece { is_first, batch: group.batches.remove(0) }));
                }
                if others || self.ended {
                    self.found.pop_front();
                    self.begun = false;
                    continue;
                }
            }
            if self.ended {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    /// The next group; None after the last one.
    pub async fn next(&mut self) -> Result<Option<Group>> {
        loop {
            if self.found.len() > 1 || self.ended {
                return Ok(self.found.pop_front());
            }
            self.read().await?;
            if let Some(reservation) = &self.reservation {
                let held: usize = self.found.iter().map(Group::size_bytes).sum();
                reservation.try_resize(2 * held).map_err(from_datafusion)?;
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        match self.input.next().await {
            Some(batch) => self.cut(&batch.map_err(from_datafusion)?)?,
            None => self.ended = true,
        }
        Ok(())
    }

    fn cut(&mut self, batch: &RecordBatch) -> Result<()> {
        let count = batch.num_rows();
        if count == 0 {
            return Ok(());
        }
        if self.keys.is_empty() {
            // Without keys all rows are one group.
            let key = RowConverter::new(vec![SortField::new(DataType::Boolean)])
                .and_then(|converter| {
                    let one: ArrayRef = Arc::new(arrow::array::BooleanArray::from(vec![true]));
                    Ok(converter.convert_columns(&[one])?.row(0).owned())
                })
                .map_err(from_arrow)?;
            match self.found.back_mut() {
                Some(group) => group.batches.push(batch.clone()),
                None => self.found.push_back(Group { key, batches: vec![batch.clone()] }),
            }
            return Ok(());
        }
        let columns: Vec<ArrayRef> = self.keys.iter().map(|key| normal(batch.column(*key))).collect();
        let rows = self.converter.convert_columns(&columns).map_err(from_arrow)?;
        let mut from = 0;
        while from < count {
            let key = rows.row(from);
            let mut until = from + 1;
            while until < count && rows.row(until) == key {
                until += 1;
            }
            let piece = batch.slice(from, until - from);
            match self.found.back_mut() {
                Some(group) if group.key.row() == key => group.batches.push(piece),
                _ => self.found.push_back(Group { key: key.owned(), batches: vec![piece] }),
            }
            from = until;
        }
        Ok(())
    }
}
