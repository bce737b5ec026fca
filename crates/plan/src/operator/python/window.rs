//! Aggregates over windows: which rows each row's frame holds. Spark's `ArrowWindowPythonExec`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::compute::SortOptions;
use datafusion::logical_expr::WindowFrame;
use datafusion::logical_expr::window_state::WindowFrameContext;
use firesteel_functions::kernel::from_datafusion;
use firesteel_protocol::Result;

/// A frame that does not always hold the whole partition, and the order that it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    pub frame: WindowFrame,
    /// Columns of the order with its directions: ascending, NULLs first.
    pub order: Vec<(String, bool, bool)>,
}

impl Hash for Bounds {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.order.hash(state);
    }
}

/// For each of `bounds` the first row of every row's frame and the row after the last one.
pub fn with_bounds(group: &RecordBatch, bounds: &[Option<Bounds>]) -> Result<Vec<ArrayRef>> {
    let mut columns: Vec<ArrayRef> = vec![];
    let rows = group.num_rows();
    for bounds in bounds.iter().flatten() {
        let order: Vec<ArrayRef> = bounds
            .order
            .iter()
            .map(|(name, _, _)| {
                group.column_by_name(name).cloned().ok_or_else(|| {
                    firesteel_protocol::SparkError::internal(format!("the order of a window lacks {name}"))
                })
            })
            .collect::<Result<_>>()?;
        let options: Vec<SortOptions> = bounds
            .order
            .iter()
            .map(|(_, ascending, nulls_first)| SortOptions { descending: !ascending, nulls_first: *nulls_first })
            .collect();
        let mut context = WindowFrameContext::new(Arc::new(bounds.frame.clone()), options);
        let (mut begin, mut end) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        let mut last = 0..0;
        for row in 0..rows {
            last = context.calculate_range(&order, &last, rows, row).map_err(from_datafusion)?;
            begin.push(last.start as i32);
            end.push(last.end as i32);
        }
        columns.push(Arc::new(Int32Array::from(begin)));
        columns.push(Arc::new(Int32Array::from(end)));
    }
    Ok(columns)
}
