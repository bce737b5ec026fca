//! A metric view before an aggregation takes it apart: its measures are columns in name only, and it has no rows.
//! Spark's `MetricViewPlaceholder`. What aggregations make of it is in `relation/metric_view`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use firesteel_functions::Typed;
use firesteel_functions::kernel::to_datafusion;
use firesteel_protocol::SparkError;

use super::only;
use crate::Attribute;
use crate::attribute::next_id;
use crate::resolver::Planned;

/// The logical node. It has no physical one: Spark plans no metric view outside of an aggregation either.
#[derive(Debug, Clone)]
pub struct MetricViewNode {
    id: u64,
    /// The source's columns and the dimensions.
    pub input: Arc<LogicalPlan>,
    /// The columns of `input` and the measures.
    schema: DFSchemaRef,
    pub columns: Arc<MetricColumns>,
}

/// What is known of a metric view's columns.
#[derive(Debug)]
pub struct MetricColumns {
    /// Columns of the rows below: those of the source that no dimension hides, then the dimensions.
    pub rows: Vec<Attribute>,
    /// What stands for each measure, and the aggregate over `rows` that it is.
    pub measures: Vec<(Attribute, Typed)>,
}

impl MetricViewNode {
    pub fn new(input: LogicalPlan, columns: MetricColumns) -> firesteel_protocol::Result<Self> {
        let measures = columns.measures.iter().map(|(attribute, _)| {
            (None, Arc::new(attribute.field.as_ref().clone().with_name(attribute.column.as_ref())))
        });
        let own = input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
        let schema = DFSchema::new_with_metadata(own.chain(measures).collect(), input.schema().metadata().clone());
        let schema = Arc::new(schema.planned()?);
        Ok(Self { id: next_id(), input: Arc::new(input), schema, columns: Arc::new(columns) })
    }
}

impl PartialEq for MetricViewNode {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.input == other.input
    }
}

impl Eq for MetricViewNode {}

impl PartialOrd for MetricViewNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal).or_else(|| Some(self.id.cmp(&other.id)))
    }
}

impl Hash for MetricViewNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for MetricViewNode {
    fn name(&self) -> &str {
        "MetricViewPlaceholder"
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
        write!(f, "MetricViewPlaceholder")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}

/// The error of a query that reads a metric view without aggregating it.
pub fn unplanned() -> datafusion::common::DataFusionError {
    let error = SparkError::internal(
        "The Spark SQL phase planning failed with an internal error. You hit a bug in Spark or the Spark plugins you use. \
         Please, report this bug to the corresponding communities or vendors, and provide the full stack trace.",
    );
    to_datafusion(
        error.with_details("A metric view has rows in aggregations only: SELECT d, measure(m) FROM v GROUP BY d."),
    )
}
