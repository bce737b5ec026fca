//! Rows that the node above repeats (a generator, a sample with replacement, the levels of a recursion).
//!
//! DataFusion knows of an aggregate's rows that each key is there once, and takes what stands above it for the same: of the keys
//! of a sort, a grouping or a DISTINCT it keeps those alone. That is wrong above a node that repeats rows, and its `Unnest` does
//! not say so (to be told upstream). This node passes its rows on and forgets what is known of their keys.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef, FunctionalDependencies};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::only;

/// The logical node; it has no operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedNode {
    input: Arc<LogicalPlan>,
    schema: DFSchemaRef,
}

/// `plan` for a node that repeats its rows.
pub fn repeated(plan: LogicalPlan) -> LogicalPlan {
    match may_have_keys(&plan) {
        true => LogicalPlan::Extension(Extension { node: Arc::new(RepeatedNode::new(plan)) }),
        false => plan,
    }
}

/// Whether the optimizer may know of columns that no two rows share. It makes aggregates of more than aggregates: of DISTINCT and
/// of subqueries.
fn may_have_keys(plan: &LogicalPlan) -> bool {
    let plain = |node: &LogicalPlan| {
        matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::TableScan(_)
                | LogicalPlan::Values(_)
                | LogicalPlan::EmptyRelation(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Unnest(_)
        )
    };
    !plain(plan) || plan.inputs().into_iter().any(may_have_keys)
}

impl RepeatedNode {
    fn new(input: LogicalPlan) -> Self {
        let schema: DFSchema = input.schema().as_ref().clone();
        let schema = schema.with_functional_dependencies(FunctionalDependencies::empty());
        Self { input: Arc::new(input), schema: Arc::new(schema.expect("none names a column that is not there")) }
    }
}

impl Hash for RepeatedNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.input.hash(state);
    }
}

impl PartialOrd for RepeatedNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for RepeatedNode {
    fn name(&self) -> &str {
        "Repeated"
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

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Repeated")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> datafusion::common::Result<Self> {
        only(inputs).map(Self::new)
    }
}
