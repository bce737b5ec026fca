//! Sessions over all batches of a stream: those of equal keys that overlap or touch become one, from the first start to
//! the last end.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StructArray};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use datafusion::logical_expr::Expr;
use firesteel_functions::kernel::from_arrow;
use firesteel_functions::window::SESSION_WINDOW;
use firesteel_protocol::{Result, SparkError};

/// Whether a group is a session of a stream.
pub fn is_session(group: &Expr) -> bool {
    match group {
        Expr::Column(column) => is_session_name(&column.name),
        Expr::Alias(alias) => is_session(&alias.expr),
        _ => false,
    }
}

/// Whether a column's name inside a plan is that of a session.
pub fn is_session_name(name: &str) -> bool {
    name.strip_prefix(SESSION_WINDOW).is_some_and(|rest| rest.starts_with('#'))
}

/// The rows with the sessions that theirs belong to. `keys` are the other groups' columns.
pub fn merged(rows: &[RecordBatch], schema: &SchemaRef, keys: &[usize], session: usize) -> Result<Option<RecordBatch>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let batch = concat_batches(schema, rows).map_err(from_arrow)?;
    let fields = keys.iter().map(|at| SortField::new(schema.field(*at).data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(from_arrow)?;
    let columns: Vec<ArrayRef> = keys.iter().map(|at| Arc::clone(batch.column(*at))).collect();
    let keys = match columns.is_empty() {
        true => None,
        false => Some(converter.convert_columns(&columns).map_err(from_arrow)?),
    };
    let key = |row: u32| keys.as_ref().map(|keys| keys.row(row as usize));
    let (starts, ends) = (times(&batch, session, 0)?, times(&batch, session, 1)?);
    let mut order: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap_or(u32::MAX)).collect();
    order.sort_by(|a, b| {
        let (left, right) = (*a as usize, *b as usize);
        key(*a)
            .cmp(&key(*b))
            .then_with(|| (starts.value(left), ends.value(left)).cmp(&(starts.value(right), ends.value(right))))
    });
    let mut spans: Vec<(i64, i64)> = Vec::with_capacity(order.len());
    let mut first = 0;
    for (at, row) in order.iter().enumerate() {
        let (start, end) = (starts.value(*row as usize), ends.value(*row as usize));
        let meets = at > 0 && key(order[at - 1]) == key(*row) && start <= spans[first].1;
        if meets {
            let reached = spans[first].1.max(end);
            spans[first].1 = reached;
        } else {
            first = at;
        }
        spans.push((start, end));
        // The rows of a session know its first one.
        spans[at] = if meets { (i64::MIN, i64::try_from(first).unwrap_or(0)) } else { (start, end) };
    }
    let of = |at: usize| match spans[at] {
        (i64::MIN, first) => spans[usize::try_from(first).unwrap_or(0)],
        own => own,
    };
    let all: Vec<(i64, i64)> = (0..spans.len()).map(of).collect();
    let sorted = take_record_batch(&batch, &arrow::array::UInt32Array::from(order)).map_err(from_arrow)?;
    let DataType::Struct(fields) = schema.field(session).data_type() else {
        return Err(SparkError::internal("a session is a start and an end"));
    };
    let side = |index: usize, times: Vec<i64>| {
        arrow::compute::cast(&Int64Array::from(times), fields[index].data_type()).map_err(from_arrow)
    };
    let children =
        vec![side(0, all.iter().map(|span| span.0).collect())?, side(1, all.iter().map(|span| span.1).collect())?];
    let mut columns = sorted.columns().to_vec();
    columns[session] = Arc::new(StructArray::try_new(fields.clone(), children, None).map_err(from_arrow)?);
    RecordBatch::try_new(Arc::clone(schema), columns).map(Some).map_err(from_arrow)
}

fn times(batch: &RecordBatch, session: usize, side: usize) -> Result<Int64Array> {
    let column = batch.column(session).as_struct_opt();
    let column = column.filter(|column| column.num_columns() == 2 && column.null_count() == 0);
    let column = column.ok_or_else(|| SparkError::internal("a session is a start and an end"))?;
    let times = arrow::compute::cast(column.column(side), &DataType::Int64).map_err(from_arrow)?;
    Ok(times.as_primitive::<Int64Type>().clone())
}
