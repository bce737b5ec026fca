//! What a relation over a stream was before it was resolved. Spark checks a query that is started, not one that is
//! looked at: the streaming engine reads the marks then, and takes them out before a batch is planned.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use firesteel_functions::kernel::from_datafusion;

use crate::Relation;

/// The relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd)]
pub enum Mark {
    Intersect,
    Except,
    ExceptAll,
    /// A sort of each partition by itself.
    SortWithin,
    /// Spark plans it as an aggregation of an aggregation.
    Pivot,
}

/// The logical node; it never reaches a physical plan.
#[derive(Debug, Clone)]
pub struct StreamMarkNode {
    pub mark: Mark,
    /// The relation's own inputs.
    pub inputs: Vec<Arc<LogicalPlan>>,
    /// What it became.
    pub resolved: Arc<LogicalPlan>,
}

/// Marks a relation over inputs.
pub fn plan(mark: Mark, inputs: Vec<LogicalPlan>, resolved: Relation) -> Relation {
    let node = StreamMarkNode {
        mark,
        inputs: inputs.into_iter().map(Arc::new).collect(),
        resolved: Arc::new(resolved.plan.clone()),
    };
    super::over(resolved, node)
}

/// The mark of a node.
pub fn of(plan: &LogicalPlan) -> Option<&StreamMarkNode> {
    match plan {
        LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
        _ => None,
    }
}

/// The relation without marks.
///
/// # Errors
/// None: the plan stays as it is but for the marks.
pub fn removed(relation: Relation) -> firesteel_protocol::Result<Relation> {
    let plan = relation.plan.clone().transform_down(|node| {
        Ok(match of(&node) {
            Some(mark) => Transformed::yes(mark.resolved.as_ref().clone()),
            None => Transformed::no(node),
        })
    });
    Ok(relation.with_plan(plan.map_err(from_datafusion)?.data))
}

impl PartialEq for StreamMarkNode {
    fn eq(&self, other: &Self) -> bool {
        self.mark == other.mark && self.resolved == other.resolved
    }
}

impl Eq for StreamMarkNode {}

impl Hash for StreamMarkNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.mark.hash(state);
        self.resolved.hash(state);
    }
}

impl PartialOrd for StreamMarkNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for StreamMarkNode {
    fn name(&self) -> &'static str {
        match self.mark {
            Mark::Intersect => "Intersect",
            Mark::Except => "Except",
            Mark::ExceptAll => "Except All",
            Mark::SortWithin => "Sort",
            Mark::Pivot => "Pivot",
        }
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().map(Arc::as_ref).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        self.resolved.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let inputs = inputs.into_iter().map(Arc::new).collect();
        Ok(Self { inputs, ..self.clone() })
    }
}
