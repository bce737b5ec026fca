//! `sortWithinPartitions`: each partition in order, no exchange. Runs as DataFusion's `SortExec`.

use std::fmt;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, UserDefinedLogicalNodeCore};

use super::{Planned, only, over, schema_of};
use crate::Relation;

/// The logical node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct LocalSortNode {
    pub input: Arc<LogicalPlan>,
    pub keys: Vec<SortExpr>,
}

/// Sorts each partition of `input`.
pub fn plan(input: Relation, keys: Vec<SortExpr>) -> Planned {
    let node = LocalSortNode { input: Arc::new(input.plan.clone()), keys };
    Ok(over(input, node))
}

impl UserDefinedLogicalNodeCore for LocalSortNode {
    fn name(&self) -> &str {
        "LocalSort"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        schema_of(&self.input)
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.iter().map(|key| key.expr.clone()).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> std::collections::HashSet<String> {
        Default::default()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        write!(f, "LocalSort: {}", keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        let keys = exprs
            .into_iter()
            .zip(&self.keys)
            .map(|(expr, own)| SortExpr::new(expr, own.asc, own.nulls_first))
            .collect();
        Ok(Self { input: Arc::new(only(inputs)?), keys })
    }
}
