//! `dropDuplicates` on a stream: which rows were there before is state, so its operator is the streaming engine's.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{Column, DFSchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::{Planned, only, over, schema_of};
use crate::{Attribute, Relation};

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct StreamDedupNode {
    pub input: Arc<LogicalPlan>,
    /// Columns whose values a row shares with its duplicates.
    pub keys: Vec<String>,
    /// Duplicates are known as long as the watermark's delay.
    pub within_watermark: bool,
}

/// Keeps the first row of each combination of `keys`, over all batches.
pub fn plan(input: Relation, keys: &[Attribute], within_watermark: bool) -> Planned {
    let input = input.narrow()?;
    let keys = keys.iter().map(|key| key.column.to_string()).collect();
    let node = StreamDedupNode { input: Arc::new(input.plan.clone()), keys, within_watermark };
    Ok(over(input, node))
}

impl UserDefinedLogicalNodeCore for StreamDedupNode {
    fn name(&self) -> &str {
        if self.within_watermark { "DeduplicateWithinWatermark" } else { "Deduplicate" }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.iter().map(|key| Expr::Column(Column::new_unqualified(key))).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        Ok(Self { input: Arc::new(only(inputs)?), ..self.clone() })
    }
}
