//! Random samples, row for row those of Spark for the same seed and partitions. Spark's `SampleExec`.

use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, UInt32Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::random::XorShiftRandom;
use futures::StreamExt;

use super::partition_map::{self, PartitionMap};
use super::poisson::Poisson;
use super::repeated::repeated;
use super::{Planned, only, over, schema_of};
use crate::Relation;

/// The logical node; bounds as bits, so that it can be hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct SampleNode {
    input: Arc<LogicalPlan>,
    lower: u64,
    upper: u64,
    replacement: bool,
    seed: i64,
}

/// Keeps the rows whose random number lies from `lower` to `upper`, or draws with replacement.
pub fn plan(input: Relation, lower: f64, upper: f64, replacement: bool, seed: i64) -> Planned {
    let input_plan = Arc::new(if replacement { repeated(input.plan.clone()) } else { input.plan.clone() });
    let node = SampleNode { input: input_plan, lower: lower.to_bits(), upper: upper.to_bits(), replacement, seed };
    Ok(over(input, node))
}

impl SampleNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let sample = Sample {
            lower: f64::from_bits(self.lower),
            upper: f64::from_bits(self.upper),
            replacement: self.replacement,
            seed: self.seed,
        };
        Ok(partition_map::exec(input, Arc::new(sample)))
    }
}

impl UserDefinedLogicalNodeCore for SampleNode {
    fn name(&self) -> &str {
        "Sample"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (lower, upper) = (f64::from_bits(self.lower), f64::from_bits(self.upper));
        write!(f, "Sample: {lower}, {upper}, {}, {}", self.replacement, self.seed)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    lower: f64,
    upper: f64,
    replacement: bool,
    seed: i64,
}

impl PartitionMap for Sample {
    fn name(&self) -> &'static str {
        "SampleExec"
    }

    fn describe(&self) -> String {
        format!("lower={}, upper={}, replacement={}, seed={}", self.lower, self.upper, self.replacement, self.seed)
    }

    fn schema(&self, input: &SchemaRef) -> SchemaRef {
        Arc::clone(input)
    }

    fn apply(&self, partition: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let sample = *self;
        let schema = input.schema();
        let mut random = XorShiftRandom::new(self.seed.wrapping_add(partition as i64));
        let mut poisson =
            self.replacement.then(|| Poisson::of_partition(self.upper - self.lower, self.seed, partition));
        let output = input.map(move |batch| {
            let batch = batch?;
            if let Some(poisson) = &mut poisson {
                let mut rows: Vec<u32> = vec![];
                for row in 0..batch.num_rows() as u32 {
                    rows.extend(std::iter::repeat_n(row, poisson.draw()));
                }
                return Ok(arrow::compute::take_record_batch(&batch, &UInt32Array::from(rows))?);
            }
            let keep: BooleanArray = (0..batch.num_rows())
                .map(|_| {
                    let x = random.next_double();
                    Some(x >= sample.lower && x < sample.upper)
                })
                .collect();
            Ok(arrow::compute::filter_record_batch(&batch, &keep)?)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output))
    }
}
