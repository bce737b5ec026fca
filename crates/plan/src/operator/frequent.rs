//! Frequent items of columns, `stat.freqItems`: one pass with a bounded number of counters a column, by the algorithm of
//! Karp, Papadimitriou and Shenker. Spark's `CollectFrequentItems`; false positives are possible there, too.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::hash::tables::scala_hashes;
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::Result;
use firesteel_protocol::types;
use futures::StreamExt;

use super::exchange::ExchangeExec;
use super::only;
use super::partition_map::{self, PartitionMap};
use crate::resolver::Planned;

/// The logical node: one row, with a list for each column of the input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrequentNode {
    input: Arc<LogicalPlan>,
    /// Counters a column.
    size: usize,
    /// Names of the lists.
    names: Vec<String>,
    schema: DFSchemaRef,
}

impl PartialOrd for FrequentNode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl FrequentNode {
    pub fn try_new(input: Arc<LogicalPlan>, size: usize, names: Vec<String>) -> Result<Self> {
        let schema = lists(input.schema().as_arrow(), &names);
        let schema = Arc::new(DFSchema::try_from(schema).planned()?);
        Ok(Self { input, size, names, schema })
    }

    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let map = Frequent { size: self.size, names: self.names.clone() };
        Ok(partition_map::exec(ExchangeExec::in_order(input), Arc::new(map)))
    }
}

fn lists(input: &Schema, names: &[String]) -> Schema {
    let list =
        |(field, name): (&Arc<Field>, &String)| Field::new(name, types::array(field.data_type().clone(), true), false);
    Schema::new(input.fields().iter().zip(names).map(list).collect::<Vec<_>>())
}

impl UserDefinedLogicalNodeCore for FrequentNode {
    fn name(&self) -> &str {
        "FrequentItems"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FrequentItems: size={}", self.size)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Self::try_new(Arc::new(only(inputs)?), self.size, self.names.clone()).map_err(to_datafusion)
    }
}

#[derive(Debug)]
struct Frequent {
    size: usize,
    names: Vec<String>,
}

impl PartitionMap for Frequent {
    fn name(&self) -> &'static str {
        "FrequentItemsExec"
    }

    fn describe(&self) -> String {
        format!("size={}", self.size)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::new(lists(input, &self.names))
    }

    fn apply(&self, _: usize, mut input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = self.schema(&input.schema());
        let (size, out, fields) = (self.size, Arc::clone(&schema), input.schema());
        let counted = async move {
            let mut columns = vec![];
            for field in fields.fields() {
                columns.push(Counters::try_new(SortField::new(field.data_type().clone()), size)?);
            }
            while let Some(batch) = input.next().await {
                let batch = batch?;
                for (counters, column) in columns.iter_mut().zip(batch.columns()) {
                    counters.add(column)?;
                }
            }
            let lists = columns.into_iter().map(Counters::list).collect::<datafusion::common::Result<Vec<_>>>()?;
            Ok(RecordBatch::try_new(out, lists)?)
        };
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(counted)))
    }
}

/// The counters of one column.
struct Counters {
    converter: RowConverter,
    counts: HashMap<OwnedRow, u64>,
    size: usize,
}

impl Counters {
    fn try_new(field: SortField, size: usize) -> datafusion::common::Result<Self> {
        Ok(Self { converter: RowConverter::new(vec![field])?, counts: HashMap::new(), size })
    }

    fn add(&mut self, column: &ArrayRef) -> datafusion::common::Result<()> {
        let rows = self.converter.convert_columns(std::slice::from_ref(column))?;
        for row in &rows {
            let row = row.owned();
            if let Some(count) = self.counts.get_mut(&row) {
                *count += 1;
            } else if self.counts.len() < self.size {
                self.counts.insert(row, 1);
            } else {
                // A new value takes one from all counters; what reaches zero goes, the value itself, too.
                self.counts.retain(|_, count| {
                    *count -= 1;
                    *count > 0
                });
            }
        }
        Ok(())
    }

    /// The values that are left, in the order in which Spark's hash table holds them.
    fn list(self) -> datafusion::common::Result<ArrayRef> {
        let mut rows: Vec<OwnedRow> = self.counts.into_keys().collect();
        rows.sort();
        let values = self.converter.convert_rows(rows.iter().map(|row| row.row()))?.remove(0);
        let capacity = (16.0f64).max((rows.len() as f64 / 0.75 + 1.0).ceil()) as u64;
        let buckets = capacity.next_power_of_two() as u32;
        let mut order: Vec<(u32, i32, u32)> = vec![];
        for (at, hash) in scala_hashes(&values).map_err(to_datafusion)?.into_iter().enumerate() {
            let spread = hash as u32 ^ (hash as u32 >> 16);
            order.push((spread & (buckets - 1), spread as i32, at as u32));
        }
        order.sort_unstable();
        let order = UInt32Array::from_iter_values(order.into_iter().map(|(_, _, at)| at));
        let values = arrow::compute::take(&values, &order, None)?;
        let field = match types::array(values.data_type().clone(), true) {
            arrow::datatypes::DataType::List(field) => field,
            other => return datafusion::common::internal_err!("an array of type {other}"),
        };
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        Ok(Arc::new(ListArray::new(field, offsets, values, None)))
    }
}
