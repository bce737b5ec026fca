//! Reads a column of texts as records of a format: `spark.read.json(df)`, `spark.read.csv(df)`. A text may give no
//! row or several.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use firesteel_functions::kernel::{from_arrow, to_datafusion};
use firesteel_protocol::Result;
use firesteel_sources::TextRecords;
use futures::StreamExt;

use super::only;
use super::partition_map::{self, PartitionMap};
use crate::relation::project;
use crate::resolver::Planned;
use crate::{Attribute, Relation};

const BATCH_ROWS: usize = 8192;

/// The logical node. Its input's first column has the texts.
#[derive(Debug, Clone)]
pub struct ParseRecordsNode {
    input: Arc<LogicalPlan>,
    records: Arc<TextRecords>,
    schema: DFSchemaRef,
}

/// The relation of the records in a column of texts, which is the input's only one.
pub fn plan(input: &Relation, records: TextRecords) -> Result<Relation> {
    let attributes = project::attributes(records.schema().fields());
    let named = |attribute: &Attribute| {
        Field::new(attribute.column.as_ref(), attribute.data_type().clone(), attribute.field.is_nullable())
    };
    let schema = Schema::new(attributes.iter().map(named).collect::<Vec<_>>());
    let schema = Arc::new(DFSchema::try_from(schema).planned()?);
    let node = ParseRecordsNode { input: Arc::new(input.plan.clone()), records: Arc::new(records), schema };
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(node) }), attributes))
}

impl ParseRecordsNode {
    pub fn exec(&self, input: Arc<dyn ExecutionPlan>) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let schema: SchemaRef = Arc::new(self.schema.as_arrow().clone());
        let parse = ParseRecords { records: Arc::clone(&self.records), schema };
        Ok(partition_map::exec(input, Arc::new(parse)))
    }

    fn identity(&self) -> (&LogicalPlan, &DFSchema) {
        // Each plan's columns have ids of their own, which tell nodes apart.
        (&self.input, &self.schema)
    }
}

impl PartialEq for ParseRecordsNode {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ParseRecordsNode {}

impl Hash for ParseRecordsNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
    }
}

impl PartialOrd for ParseRecordsNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for ParseRecordsNode {
    fn name(&self) -> &str {
        "ParseRecords"
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
        write!(f, "ParseRecords")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }

    /// Every record needs its whole text.
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![vec![0]])
    }
}

#[derive(Debug)]
struct ParseRecords {
    records: Arc<TextRecords>,
    schema: SchemaRef,
}

impl PartitionMap for ParseRecords {
    fn name(&self) -> &'static str {
        "ParseRecordsExec"
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn schema(&self, _: &SchemaRef) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn apply(&self, _: usize, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let decoder = match self.records.decoder(BATCH_ROWS) {
            Ok(decoder) => decoder,
            Err(error) => {
                let failed = futures::stream::once(std::future::ready(Err(to_datafusion(error))));
                return Box::pin(RecordBatchStreamAdapter::new(schema, failed));
            }
        };
        let state = (input, Some(decoder), VecDeque::<RecordBatch>::new());
        let names = Arc::clone(&schema);
        let output = futures::stream::try_unfold(state, move |(mut input, mut decoder, mut ready)| {
            let schema = Arc::clone(&names);
            async move {
                loop {
                    if let Some(batch) = ready.pop_front() {
                        let batch = RecordBatch::try_new(schema, batch.columns().to_vec())?;
                        return Ok(Some((batch, (input, decoder, ready))));
                    }
                    let Some(active) = &mut decoder else { return Ok(None) };
                    match input.next().await {
                        Some(texts) => {
                            let texts = arrow::compute::cast(texts?.column(0), &arrow::datatypes::DataType::Utf8);
                            let texts = texts.map_err(|error| to_datafusion(from_arrow(error)))?;
                            ready.extend(active.read(texts.as_string::<i32>()).map_err(to_datafusion)?);
                        }
                        None => {
                            ready.extend(active.finish().map_err(to_datafusion)?);
                            decoder = None;
                        }
                    }
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, output))
    }
}
