//! What a join of two streams does with a batch. The state is the rows of both sides that may still find a match, with a
//! mark of those that have found one.
//!
//! A batch's left rows meet the stored right ones, then its right rows meet all left ones; DataFusion's hash join finds
//! the pairs. Rows that the watermark says can match nothing any more leave the state; those of an outer side that never
//! matched come out with NULLs then.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, new_null_array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{JoinType, NullEquality, Result as DfResult};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::Result;
use serde_json::json;

use super::aggregate::millis;
use super::event_time::not_after;
use super::exec::{Work, all, later};
use super::operator::Operator;
use super::shape::{At, Shown, StoreShape};
use super::store::{Changes, Layout};
use super::{Run, lanes};
use crate::progress::StateReport;

/// The stores of the two sides.
pub const STORES: [&str; 2] = ["left", "right"];

/// What is known of the rows of a side.
#[derive(Debug)]
pub struct Side {
    width: usize,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    event: Option<usize>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    layout: Layout,
    /// The side's columns, then its keys, the row's number, and whether it has matched.
    stored: SchemaRef,
}

impl Side {
    pub fn new(
        schema: &SchemaRef,
        keys: Vec<Arc<dyn PhysicalExpr>>,
        event: Option<usize>,
        condition: Option<Arc<dyn PhysicalExpr>>,
    ) -> DfResult<Self> {
        let width = schema.fields().len();
        let mut types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
        for key in &keys {
            types.push(key.data_type(schema)?);
        }
        types.extend([DataType::Int64, DataType::Boolean]);
        let field = |(at, data_type): (usize, &DataType)| Field::new(format!("c{at}"), data_type.clone(), true);
        let stored = Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()));
        let layout = Layout { types, key: (width..width + keys.len()).collect(), tag: Some(width + keys.len()) };
        Ok(Self { width, keys, event, condition, layout, stored })
    }

    /// What the rows are called; `delay` tells of columns with event time.
    pub fn shape(&self, name: &str, schema: &SchemaRef, delay: impl Fn(&str) -> Option<i64>) -> StoreShape {
        let field = |at: usize| {
            Shown::new(
                &format!("field{at}"),
                self.layout.types[self.width + at].clone(),
                true,
                At::Column(self.width + at),
            )
        };
        let column = |at: usize| {
            let own = schema.field(at);
            let metadata = delay(own.name()).map_or(json!({}), |ms| json!({ "spark.watermarkDelayMs": ms }));
            let shown = Shown::new(own.name(), own.data_type().clone(), own.is_nullable(), At::Column(at));
            shown.with_metadata(&metadata)
        };
        StoreShape {
            name: name.into(),
            layout: self.layout.clone(),
            key: (0..self.keys.len()).map(field).collect(),
            value: (0..self.width).map(column).collect(),
        }
    }

    fn tag(&self) -> usize {
        self.width + self.keys.len()
    }

    fn tags<'b>(&self, batch: &'b RecordBatch) -> &'b Int64Array {
        batch.column(self.tag()).as_primitive::<Int64Type>()
    }

    fn matched<'b>(&self, batch: &'b RecordBatch) -> &'b BooleanArray {
        batch.column(self.tag() + 1).as_boolean()
    }

    /// The rows as they are stored, numbered from `first` on.
    fn numbered(&self, batch: &RecordBatch, first: i64) -> Result<RecordBatch> {
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        for key in &self.keys {
            let value = key.evaluate(batch).map_err(from_datafusion)?;
            columns.push(value.into_array(batch.num_rows()).map_err(from_datafusion)?);
        }
        let count = i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
        columns.push(Arc::new((first..first + count).collect::<Int64Array>()));
        columns.push(Arc::new(BooleanArray::from(vec![false; batch.num_rows()])));
        RecordBatch::try_new(Arc::clone(&self.stored), columns).map_err(from_arrow)
    }

    /// The rows with marks on those whose numbers are in `matched`.
    fn marked(&self, batch: &RecordBatch, matched: &HashSet<i64>) -> Result<RecordBatch> {
        let tags = self.tags(batch);
        let marks = self.matched(batch).iter().zip(tags.values());
        let marks: BooleanArray = marks.map(|(own, tag)| Some(own == Some(true) || matched.contains(tag))).collect();
        let mut columns = batch.columns().to_vec();
        columns[self.tag() + 1] = Arc::new(marks);
        RecordBatch::try_new(Arc::clone(&self.stored), columns).map_err(from_arrow)
    }
}

/// The work.
#[derive(Debug)]
pub struct JoinWork {
    pub join_type: JoinType,
    pub sides: Vec<Side>,
    /// What is asked of pairs beside their keys.
    pub filter: Option<JoinFilter>,
    /// The key with event time.
    pub event_key: Option<usize>,
    /// Up to when a side's rows can match nothing any more.
    pub bounds_ms: [Option<i64>; 2],
    pub run: Run,
}

impl Work for JoinWork {
    fn name(&self) -> &'static str {
        "StreamingSymmetricHashJoinExec"
    }

    fn describe(&self) -> String {
        format!("type={}, version={}", self.join_type, self.run.version)
    }

    fn operator(&self) -> &Operator {
        &self.run.operator
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> SendableRecordBatchStream {
        let own = Arc::clone(&schema);
        later(schema, async move { self.join(inputs, own, context).await })
    }
}

/// The rows of a side in a batch.
#[derive(Default)]
struct Rows {
    /// New ones that may match.
    new: Vec<RecordBatch>,
    /// New ones that match nothing.
    alone: Vec<RecordBatch>,
    /// Stored ones with the keys of the other side's new rows.
    touched: Vec<RecordBatch>,
    /// The numbers of those that have matched in this batch.
    matched: HashSet<i64>,
}

impl JoinWork {
    fn is_outer(&self, side: usize) -> bool {
        match self.join_type {
            JoinType::Left => side == 0,
            JoinType::Right => side == 1,
            JoinType::Full => true,
            _ => false,
        }
    }

    fn is_semi(&self) -> bool {
        self.join_type == JoinType::LeftSemi
    }

    /// Whether a side's rows remember that they have matched.
    fn marks(&self, side: usize) -> bool {
        self.is_outer(side) || (self.is_semi() && side == 0)
    }

    async fn join(
        self: Arc<Self>,
        inputs: Vec<SendableRecordBatchStream>,
        schema: SchemaRef,
        context: Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        let began = Instant::now();
        let mut report = StateReport::default();
        let mut rows = [Rows::default(), Rows::default()];
        // The batch's number makes the rows' numbers new.
        let mut number = i64::try_from(self.run.version).unwrap_or(i64::MAX >> 32) << 32;
        for (side, input) in inputs.into_iter().enumerate() {
            for batch in all(input).await? {
                self.arrive(side, &batch, &mut number, &mut rows[side], &mut report)?;
            }
        }
        let lanes = self.lanes([&rows[0].new, &rows[1].new], &context)?;
        let meet = |new| Arc::clone(&self).meet(new, Arc::clone(&context));
        let mut pairs = vec![];
        for (touched, found) in lanes::side_by_side(lanes.into_iter().map(meet)).await? {
            for (own, known) in rows.iter_mut().zip(touched) {
                own.touched.extend(known);
            }
            pairs.extend(found);
        }
        let mut output = vec![];
        let [left_tag, right_tag] = [self.sides[0].tag(), self.sides[0].stored.fields().len() + self.sides[1].tag()];
        for pair in &pairs {
            for (side, at) in [(0, left_tag), (1, right_tag)] {
                if self.marks(side) {
                    rows[side].matched.extend(pair.column(at).as_primitive::<Int64Type>().values());
                }
            }
            if !self.is_semi() {
                output.push(self.shown(pair, &schema)?);
            }
        }
        if self.is_semi() {
            output.extend(self.first_matches(&rows[0], &schema)?);
        }
        for (side, own) in rows.iter().enumerate().filter(|(side, _)| self.is_outer(*side)) {
            for batch in &own.alone {
                output.push(self.alone(side, batch, &schema)?);
            }
        }
        report.update_ms = millis(began);
        let began = Instant::now();
        let mut pending = vec![];
        for (side, own) in rows.into_iter().enumerate() {
            let (changes, lonely) = self.store(side, own, &mut report)?;
            for batch in &lonely {
                output.push(self.alone(side, batch, &schema)?);
            }
            pending.push((STORES[side], changes));
        }
        report.removal_ms = millis(began);
        output.retain(|batch| batch.num_rows() > 0);
        self.run.operator.lock().finish(self.run.version, pending, report);
        Ok(output)
    }

    /// The new rows of both sides by the partitions of their keys.
    fn lanes(&self, new: [&Vec<RecordBatch>; 2], context: &Arc<TaskContext>) -> Result<Vec<[Vec<RecordBatch>; 2]>> {
        let operator = &self.run.operator;
        let mut state = operator.lock();
        let mut count = 1;
        for (side, rows) in new.into_iter().enumerate() {
            let store = state.store(operator, STORES[side], &self.sides[side].layout, self.run.version)?;
            count = count.max(lanes::count(rows, store.partitions(), context));
        }
        let mut lanes = vec![[vec![], vec![]]; count];
        for (side, rows) in new.into_iter().enumerate() {
            let store = state.store(operator, STORES[side], &self.sides[side].layout, self.run.version)?;
            for (lane, own) in lanes::split_into(store, rows.clone(), count)?.into_iter().enumerate() {
                lanes[lane][side] = own;
            }
        }
        Ok(lanes)
    }

    /// Some new rows of both sides meet: the stored rows with their keys, and the pairs.
    async fn meet(
        self: Arc<Self>,
        new: [Vec<RecordBatch>; 2],
        context: Arc<TaskContext>,
    ) -> Result<([Vec<RecordBatch>; 2], Vec<RecordBatch>)> {
        let touched = [self.lookup(0, &new[1])?, self.lookup(1, &new[0])?];
        let lefts: Vec<RecordBatch> = touched[0].iter().chain(&new[0]).cloned().collect();
        let mut pairs = self.pairs(&new[0], &touched[1], &context).await?;
        pairs.extend(self.pairs(&lefts, &new[1], &context).await?);
        Ok((touched, pairs))
    }

    /// Drops what is late, and sets apart what matches nothing.
    fn arrive(
        &self,
        side: usize,
        batch: &RecordBatch,
        number: &mut i64,
        rows: &mut Rows,
        report: &mut StateReport,
    ) -> Result<()> {
        let own = &self.sides[side];
        let mut batch = batch.clone();
        let late_ms = self.run.watermarks.late_ms;
        if let Some(event) = own.event.filter(|_| late_ms > 0) {
            let late = not_after(batch.column(event), late_ms)?;
            report.dropped_by_watermark += late.true_count() as u64;
            let fresh = arrow::compute::not(&late).map_err(from_arrow)?;
            batch = filter_record_batch(&batch, &fresh).map_err(from_arrow)?;
        }
        if let Some(condition) = &own.condition {
            let holds = condition.evaluate(&batch).and_then(|value| value.into_array(batch.num_rows()));
            let holds = holds.map_err(from_datafusion)?;
            let holds: BooleanArray = holds.as_boolean().iter().map(|own| Some(own == Some(true))).collect();
            let fails = arrow::compute::not(&holds).map_err(from_arrow)?;
            if fails.true_count() > 0 {
                let alone = filter_record_batch(&batch, &fails).map_err(from_arrow)?;
                rows.alone.push(own.numbered(&alone, *number)?);
            }
            batch = filter_record_batch(&batch, &holds).map_err(from_arrow)?;
        }
        if batch.num_rows() > 0 {
            rows.new.push(own.numbered(&batch, *number)?);
            *number += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    /// The stored rows of a side with the keys of the other side's rows.
    fn lookup(&self, side: usize, others: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let (own, other) = (&self.sides[side], &self.sides[1 - side]);
        // The other side's keys, where the own ones are.
        let asked = others.iter().map(|batch| {
            let columns: Vec<ArrayRef> = own
                .stored
                .fields()
                .iter()
                .enumerate()
                .map(|(at, field)| match at.checked_sub(own.width).filter(|key| *key < own.keys.len()) {
                    Some(key) => Arc::clone(batch.column(other.width + key)),
                    None => new_null_array(field.data_type(), batch.num_rows()),
                })
                .collect();
            RecordBatch::try_new(Arc::clone(&own.stored), columns).map_err(from_arrow)
        });
        let asked = asked.collect::<Result<Vec<_>>>()?;
        let operator = Arc::clone(&self.run.operator);
        let mut state = operator.lock();
        let store = state.store(&operator, STORES[side], &own.layout, self.run.version)?;
        store.lookup(&asked)
    }

    /// The pairs of rows: all stored columns of both.
    async fn pairs(
        &self,
        lefts: &[RecordBatch],
        rights: &[RecordBatch],
        context: &Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        if lefts.is_empty() || rights.is_empty() {
            return Ok(vec![]);
        }
        let source = |side: usize, rows: &[RecordBatch]| {
            MemorySourceConfig::try_new_exec(&[rows.to_vec()], Arc::clone(&self.sides[side].stored), None)
                .map_err(from_datafusion)
        };
        let key = |side: usize, at: usize| -> Arc<dyn PhysicalExpr> {
            let index = self.sides[side].width + at;
            Arc::new(datafusion::physical_expr::expressions::Column::new(&format!("c{index}"), index))
        };
        let on = (0..self.sides[0].keys.len()).map(|at| (key(0, at), key(1, at))).collect();
        let join = HashJoinExec::try_new(
            source(0, lefts)?,
            source(1, rights)?,
            on,
            self.filter.clone(),
            &JoinType::Inner,
            None,
            PartitionMode::CollectLeft,
            NullEquality::NullEqualsNothing,
            false,
        )
        .map_err(from_datafusion)?;
        let mut pairs = all(join.execute(0, Arc::clone(context)).map_err(from_datafusion)?).await?;
        pairs.retain(|batch| batch.num_rows() > 0);
        Ok(pairs)
    }

    /// A pair's columns as the query has them.
    fn shown(&self, pair: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        let second = self.sides[0].stored.fields().len();
        let left = pair.columns()[..self.sides[0].width].iter();
        let right = pair.columns()[second..second + self.sides[1].width].iter();
        let options = RecordBatchOptions::new().with_row_count(Some(pair.num_rows()));
        let columns = left.chain(right).cloned().collect();
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(from_arrow)
    }

    /// A row that has no match, with NULLs for the other side.
    fn alone(&self, side: usize, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        let width = self.sides[side].width;
        let offset = if side == 0 { 0 } else { self.sides[0].width };
        let columns = schema.fields().iter().enumerate().map(|(at, field)| {
            match at.checked_sub(offset).filter(|own| *own < width) {
                Some(own) => Arc::clone(batch.column(own)),
                None => new_null_array(field.data_type(), batch.num_rows()),
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options).map_err(from_arrow)
    }

    /// The left rows that have matched now for the first time.
    fn first_matches(&self, rows: &Rows, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let side = &self.sides[0];
        let mut output = vec![];
        for batch in rows.touched.iter().chain(&rows.new) {
            let before = side.matched(batch).iter().zip(side.tags(batch).values());
            let mask: BooleanArray =
                before.map(|(before, tag)| Some(before != Some(true) && rows.matched.contains(tag))).collect();
            let now = filter_record_batch(batch, &mask).map_err(from_arrow)?;
            let options = RecordBatchOptions::new().with_row_count(Some(now.num_rows()));
            let columns = now.columns()[..side.width].to_vec();
            let now = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options);
            output.push(now.map_err(from_arrow)?);
        }
        Ok(output)
    }

    /// Which rows can match nothing any more.
    fn past(&self, side: usize, batch: &RecordBatch) -> Result<BooleanArray> {
        let own = &self.sides[side];
        let eviction_ms = self.run.watermarks.eviction_ms;
        match (self.event_key, own.event, self.bounds_ms[side]) {
            (Some(key), ..) => not_after(batch.column(own.width + key), eviction_ms),
            (None, Some(event), Some(bound_ms)) => not_after(batch.column(event), bound_ms),
            _ => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
        }
    }

    /// What the batch does to a side's store, and the rows of an outer side that leave without a match.
    fn store(&self, side: usize, rows: Rows, report: &mut StateReport) -> Result<(Changes, Vec<RecordBatch>)> {
        let own = &self.sides[side];
        let past = |batch: &RecordBatch| self.past(side, batch);
        let mut marked = vec![];
        for batch in &rows.touched {
            let tags = own.tags(batch).values().iter().zip(own.matched(batch).iter());
            let mask: BooleanArray =
                tags.map(|(tag, before)| Some(before != Some(true) && rows.matched.contains(tag))).collect();
            if self.marks(side) && mask.true_count() > 0 {
                let changed = filter_record_batch(batch, &mask).map_err(from_arrow)?;
                marked.push(own.marked(&changed, &rows.matched)?);
            }
        }
        let stored = {
            let operator = Arc::clone(&self.run.operator);
            let mut state = operator.lock();
            state.store(&operator, STORES[side], &own.layout, self.run.version)?.select(&marked, &past)?
        };
        // A left row of a semi join has nothing more to say once it has matched.
        let (mut coming, done) = if self.is_semi() { (vec![], marked) } else { (marked, vec![]) };
        let mut fresh = vec![];
        for batch in &rows.new {
            let mut batch = own.marked(batch, &rows.matched)?;
            if self.is_semi() && side == 0 {
                let open = arrow::compute::not(own.matched(&batch)).map_err(from_arrow)?;
                batch = filter_record_batch(&batch, &open).map_err(from_arrow)?;
            }
            fresh.push(batch);
        }
        // What would leave at once is not stored at all; on the left it is, for the right comes after it.
        let mut unstored = vec![];
        let mut later = vec![];
        if side == 0 {
            report.updated += rows_of(&fresh);
            coming.extend(fresh);
        } else {
            let Changes { updated, removed } = Changes::split(fresh, &past)?;
            report.updated += rows_of(&updated);
            (later, unstored) = (updated, removed);
        }
        let mut changes = Changes::split(coming, &past)?;
        changes.updated.extend(later);
        let mut gone = stored;
        gone.append(&mut changes.removed);
        gone.extend(done);
        let mut lonely = vec![];
        if self.is_outer(side) {
            for batch in gone.iter().chain(&unstored) {
                let open = arrow::compute::not(own.matched(batch)).map_err(from_arrow)?;
                lonely.push(filter_record_batch(batch, &open).map_err(from_arrow)?);
            }
        }
        // Spark counts only what nobody gets to see.
        if !self.is_outer(side) {
            report.removed += gone.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
        }
        changes.removed = gone;
        Ok((changes, lonely))
    }
}

fn rows_of(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}
