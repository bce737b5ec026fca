//! Aggregate functions that need all rows of a group at once: lists, sets, percentiles, modes.
//!
//! Rows are kept in the batches in which they came; a group is a list of places. At the end the rows
//! of every group are laid side by side and handed to a [`Finish`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::fold::{Factory, Spec, aggregate};
use crate::kernel::{from_arrow, to_datafusion};
use crate::{Call, Typed};

/// Computes results of groups: `columns` are the arguments, group `g` has rows `offsets[g]..offsets[g + 1]`.
pub type Finish = fn(&Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef>;

/// A call that gathers `args` and ends with `finish`. Rows whose first argument is NULL are left out
/// unless the parameter starts with `keep nulls`.
pub fn gather(
    call: &Call,
    name: &'static str,
    args: Vec<Typed>,
    return_type: DataType,
    nullable: bool,
    param: String,
    finish: fn(&Spec, &[ArrayRef], &[usize]) -> Result<ArrayRef>,
) -> Typed {
    let inputs = args.iter().map(|arg| arg.data_type.clone()).collect();
    let ignore_nulls = !param.starts_with(KEEP_NULLS);
    let spec = Spec { name, inputs, return_type, nullable, ignore_nulls, env: call.env.clone(), param };
    let args = args.into_iter().map(|arg| arg.expr).collect();
    aggregate(call, factory(finish), spec, args, call.display())
}

/// See [`gather`].
pub const KEEP_NULLS: &str = "keep nulls";

/// One factory a finisher: DataFusion compares functions by their spec, whose name tells finishers apart.
fn factory(finish: Finish) -> Factory {
    macro_rules! of {
        ($($finisher:path),* $(,)?) => {
            $(if std::ptr::fn_addr_eq(finish, $finisher as Finish) {
                return Factory {
                    state_types,
                    single: |spec| Ok(Box::new(Gathered::new(spec, $finisher))),
                    groups: |spec| Ok(Box::new(Gathered::new(spec, $finisher))),
                };
            })*
        };
    }
    of!(
        super::collect::list,
        super::collect::set,
        super::percentile::interpolated,
        super::percentile::discrete,
        super::mode::most_frequent,
        super::mode::all_most_frequent,
        super::listagg::joined,
        super::histogram::bins,
        top_max,
        top_min,
    );
    unreachable!("every finisher is listed above")
}

fn element(spec: &Spec) -> FieldRef {
    let field = |(index, data_type): (usize, &DataType)| Field::new(format!("c{index}"), data_type.clone(), true);
    let fields: Fields = spec.inputs.iter().enumerate().map(field).collect();
    Arc::new(Field::new("element", DataType::Struct(fields), true))
}

fn state_types(spec: &Spec) -> Vec<DataType> {
    vec![DataType::List(element(spec))]
}

struct Gathered {
    spec: Spec,
    finish: Finish,
    /// Arguments of each batch that has rows in a group.
    batches: Vec<Vec<ArrayRef>>,
    /// Places (batch, row) of each group.
    groups: Vec<Vec<(u32, u32)>>,
    bytes: usize,
}

impl std::fmt::Debug for Gathered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gathered").field("spec", &self.spec).field("groups", &self.groups.len()).finish()
    }
}

impl Gathered {
    fn new(spec: &Spec, finish: Finish) -> Self {
        Self { spec: spec.clone(), finish, batches: vec![], groups: vec![], bytes: 0 }
    }

    fn push_batch(&mut self, columns: &[ArrayRef]) -> u32 {
        self.bytes += columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        self.batches.push(columns.to_vec());
        (self.batches.len() - 1) as u32
    }

    fn add(&mut self, values: &[ArrayRef], group_of: impl Fn(usize) -> usize, keep: Option<&BooleanArray>) {
        let rows = values.first().map_or(0, |column| column.len());
        if rows == 0 {
            return;
        }
        let nulls = if self.spec.ignore_nulls { values[0].logical_nulls() } else { None };
        let batch = self.push_batch(values);
        let mut kept = 0;
        for row in 0..rows {
            let passes = keep.is_none_or(|keep| keep.is_valid(row) && keep.value(row));
            if passes && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                self.groups[group_of(row)].push((batch, row as u32));
                kept += 1;
            }
        }
        self.bytes += kept * size_of::<(u32, u32)>();
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) {
        let lists = states[0].as_list::<i32>();
        let values = lists.values().as_struct().columns().to_vec();
        let batch = self.push_batch(&values);
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let (start, end) = (lists.value_offsets()[row] as u32, lists.value_offsets()[row + 1] as u32);
            self.groups[group_of(row)].extend((start..end).map(|at| (batch, at)));
            self.bytes += (end - start) as usize * size_of::<(u32, u32)>();
        }
    }

    /// The rows of these groups side by side.
    fn lay_out(&self, groups: &[Vec<(u32, u32)>]) -> Result<(Vec<ArrayRef>, Vec<usize>)> {
        let mut offsets = Vec::with_capacity(groups.len() + 1);
        let mut places = vec![];
        offsets.push(0);
        for group in groups {
            places.extend(group.iter().map(|&(batch, row)| (batch as usize, row as usize)));
            offsets.push(places.len());
        }
        let column = |index: usize| {
            if places.is_empty() {
                return Ok(arrow::array::new_empty_array(&self.spec.inputs[index]));
            }
            let arrays: Vec<&dyn Array> = self.batches.iter().map(|batch| batch[index].as_ref()).collect();
            interleave(&arrays, &places).map_err(from_arrow)
        };
        Ok(((0..self.spec.inputs.len()).map(column).collect::<Result<_>>()?, offsets))
    }

    fn finished(&self, groups: &[Vec<(u32, u32)>]) -> DfResult<ArrayRef> {
        let (columns, offsets) = self.lay_out(groups).map_err(to_datafusion)?;
        (self.finish)(&self.spec, &columns, &offsets).map_err(to_datafusion)
    }

    fn partial(&self, groups: &[Vec<(u32, u32)>]) -> DfResult<ArrayRef> {
        let (columns, offsets) = self.lay_out(groups).map_err(to_datafusion)?;
        let element = element(&self.spec);
        let DataType::Struct(fields) = element.data_type() else { unreachable!("made as a struct") };
        let values = Arc::new(StructArray::new(fields.clone(), columns, None));
        Ok(Arc::new(ListArray::new(element, offset_buffer(&offsets)?, values, None)))
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<(u32, u32)>> {
        emit_to.take_needed(&mut self.groups)
    }

    /// Forgets batches when no group is left.
    fn release(&mut self) {
        if self.groups.is_empty() {
            self.batches.clear();
            self.bytes = 0;
        }
    }
}

impl GroupsAccumulator for Gathered {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        self.add(values, |row| group_indices[row], opt_filter);
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        let groups = self.take(emit_to);
        let result = self.finished(&groups);
        self.release();
        result
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        let groups = self.take(emit_to);
        let partial = self.partial(&groups)?;
        self.release();
        Ok(vec![partial])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> DfResult<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        self.merge(values, |row| group_indices[row]);
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let mut rows = Self::new(&self.spec, self.finish);
        rows.groups.resize_with(values.first().map_or(0, |column| column.len()), Vec::new);
        rows.add(values, |row| row, opt_filter);
        Ok(vec![rows.partial(&rows.groups)?])
    }

    fn size(&self) -> usize {
        self.bytes + self.groups.capacity() * size_of::<Vec<(u32, u32)>>()
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.groups.resize_with(1, Vec::new);
        self.add(values, |_| 0, None);
        Ok(())
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        self.groups.resize_with(1, Vec::new);
        ScalarValue::try_from_array(&self.finished(&self.groups)?, 0)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        self.groups.resize_with(1, Vec::new);
        Ok(vec![ScalarValue::try_from_array(&self.partial(&self.groups)?, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.groups.resize_with(1, Vec::new);
        self.merge(states, |_| 0);
        Ok(())
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// Offsets of a list array.
pub fn offset_buffer(offsets: &[usize]) -> DfResult<OffsetBuffer<i32>> {
    if offsets.last().is_some_and(|last| i32::try_from(*last).is_err()) {
        return Err(to_datafusion(SparkError::unsupported(
            "a batch of arrays with more than 2^31 elements",
            "Collect fewer values a group.",
        )));
    }
    Ok(OffsetBuffer::new(offsets.iter().map(|at| *at as i32).collect()))
}

/// The k values with the greatest keys: arguments are key and value.
pub fn top_max(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    top(spec, columns, offsets, true)
}

/// The k values with the least keys.
pub fn top_min(spec: &Spec, columns: &[ArrayRef], offsets: &[usize]) -> Result<ArrayRef> {
    top(spec, columns, offsets, false)
}

fn top(spec: &Spec, columns: &[ArrayRef], offsets: &[usize], greatest: bool) -> Result<ArrayRef> {
    let limit: usize = spec.param.parse().unwrap_or(0);
    let converter = RowConverter::new(vec![SortField::new(spec.inputs[0].clone())]).map_err(from_arrow)?;
    let keys = converter.convert_columns(&columns[..1]).map_err(from_arrow)?;
    let mut places: Vec<u64> = vec![];
    let mut ends = vec![0];
    let mut valid = vec![];
    for group in offsets.windows(2) {
        let worse = |a: usize, b: usize| match greatest {
            true => keys.row(a) < keys.row(b),
            false => keys.row(a) > keys.row(b),
        };
        let mut best = worst_first(group[0]..group[1], limit, worse);
        best.sort_by(|a, b| worse(*a, *b).cmp(&worse(*b, *a)));
        places.extend(best.iter().map(|row| *row as u64));
        ends.push(places.len());
        valid.push(group[0] < group[1]);
    }
    let values =
        arrow::compute::take(&columns[1], &arrow::array::UInt64Array::from(places), None).map_err(from_arrow)?;
    let DataType::List(element) = &spec.return_type else { return Err(SparkError::internal("top yields a list")) };
    let ends = offset_buffer(&ends).map_err(crate::kernel::from_datafusion)?;
    Ok(Arc::new(ListArray::new(Arc::clone(element), ends, values, Some(valid.into()))))
}

/// The `limit` best rows as the heap that Spark keeps them in: of equal ones the order depends on it.
fn worst_first(rows: std::ops::Range<usize>, limit: usize, worse: impl Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut heap: Vec<usize> = vec![];
    for row in rows {
        if heap.len() < limit {
            heap.push(row);
            let mut at = heap.len() - 1;
            while at > 0 && worse(heap[at], heap[(at - 1) / 2]) {
                heap.swap(at, (at - 1) / 2);
                at = (at - 1) / 2;
            }
        } else if limit > 0 && worse(heap[0], row) {
            heap[0] = row;
            let mut at = 0;
            loop {
                let children = [2 * at + 1, 2 * at + 2].into_iter().filter(|child| *child < limit);
                let least =
                    children.fold(at, |least, child| if worse(heap[child], heap[least]) { child } else { least });
                if least == at {
                    break;
                }
                heap.swap(at, least);
                at = least;
            }
        }
    }
    heap
}
