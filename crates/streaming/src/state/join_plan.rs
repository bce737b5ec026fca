//! What a join of two streams is made of: keys, conditions on one side, conditions on both, and the columns with event
//! time. Spark's `StreamingSymmetricHashJoinHelper` and `StreamingJoinHelper`.

use std::sync::Arc;

use datafusion::common::{Column, DataFusionError, JoinType, Result};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::utils::find_valid_equijoin_key_pair;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, Operator, lit, when};
use firesteel_functions::predicate::guard::{equal_sides, guarded_part};
use firesteel_protocol::SparkError;

use super::{event_time, range};

/// One of the two streams.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// The first column with event time.
    pub event: Option<Column>,
    /// What a row must fulfil to match any other; none where nothing is asked.
    pub condition: Option<Expr>,
}

/// The join.
#[derive(Debug, Clone)]
pub struct JoinShape {
    pub join_type: JoinType,
    /// Pairs of expressions over the left and the right side.
    pub keys: Vec<(Expr, Expr)>,
    pub left: Side,
    pub right: Side,
    /// The whole condition, where it says more of pairs than their keys.
    pub condition: Option<Expr>,
    /// The key with event time.
    pub event_key: Option<usize>,
    /// What is said of both sides beside the keys, one by one.
    ranges: Vec<Expr>,
    inputs: [Arc<LogicalPlan>; 2],
}

impl JoinShape {
    /// Takes a join apart.
    ///
    /// # Errors
    /// No equality between the sides.
    pub fn of(join: &Join) -> Result<Self> {
        let (left, right) = (join.left.schema(), join.right.schema());
        let mut keys: Vec<(Expr, Expr)> = join.on.clone();
        let (mut of_left, mut of_right, mut ranges) = (vec![], vec![], vec![]);
        for conjunct in join.filter.iter().flat_map(conjuncts) {
            if let Some((one, other)) = equal_sides(&conjunct) {
                if let Some(pair) = find_valid_equijoin_key_pair(one, other, left, right)? {
                    keys.push(pair);
                    continue;
                }
            }
            let columns = conjunct.column_refs();
            let all_in = |schema: &datafusion::common::DFSchema| columns.iter().all(|own| schema.has_column(own));
            if !columns.is_empty() && all_in(left) {
                of_left.push(conjunct);
            } else if !columns.is_empty() && all_in(right) {
                of_right.push(conjunct);
            } else {
                ranges.push(conjunct);
            }
        }
        if keys.is_empty() {
            let text = "Stream-stream join without equality predicate is not supported.;";
            let error = SparkError::new("_LEGACY_ERROR_TEMP_1181").with_message(text);
            return Err(DataFusionError::External(Box::new(error)));
        }
        let event = |plan: &LogicalPlan| {
            event_time::of_plan(plan).map(|(index, _)| Column::from(plan.schema().qualified_field(index)))
        };
        let dated = |plan: &LogicalPlan, key: &Expr| event_time::of_expr(plan, key).is_some();
        let event_key = keys
            .iter()
            .position(|(key, _)| dated(&join.left, key))
            .or_else(|| keys.iter().position(|(_, key)| dated(&join.right, key)));
        Ok(Self {
            join_type: join.join_type,
            keys,
            left: Side { event: event(&join.left), condition: guarded(of_left)? },
            right: Side { event: event(&join.right), condition: guarded(of_right)? },
            condition: join.filter.clone().filter(|_| !ranges.is_empty()),
            event_key,
            ranges,
            inputs: [Arc::clone(&join.left), Arc::clone(&join.right)],
        })
    }

    /// The sides without the rows whose keys are NULL, where nobody misses them.
    pub fn matching_inputs(&self) -> Result<[Arc<LogicalPlan>; 2]> {
        let kept = match self.join_type {
            JoinType::Left => [true, false],
            JoinType::Right => [false, true],
            JoinType::Full => [true, true],
            _ => [false, false],
        };
        let (lefts, rights): (Vec<&Expr>, Vec<&Expr>) = self.keys.iter().map(|(left, right)| (left, right)).unzip();
        let side = |at: usize, keys: Vec<&Expr>| -> Result<Arc<LogicalPlan>> {
            let there = keys.into_iter().map(|key| key.clone().is_not_null()).reduce(Expr::and);
            match there.filter(|_| !kept[at]) {
                None => Ok(Arc::clone(&self.inputs[at])),
                Some(there) => {
                    LogicalPlanBuilder::from(self.inputs[at].as_ref().clone()).filter(there)?.build().map(Arc::new)
                }
            }
        };
        Ok([side(0, lefts)?, side(1, rights)?])
    }

    /// Whether rows grow old.
    pub fn has_event_time(&self) -> bool {
        self.event_key.is_some() || self.left.event.is_some() || self.right.event.is_some()
    }

    /// The time up to which rows of a side can match nothing that is still to come, when the other side's watermark is
    /// `watermark_ms`; none where the conditions do not say it.
    pub fn oldest_needed_ms(&self, of_left: bool, watermark_ms: i64) -> Option<i64> {
        let (own, other) = if of_left { (&self.left, &self.right) } else { (&self.right, &self.left) };
        let (own, other) = (own.event.as_ref()?, other.event.as_ref()?);
        let [left, right] = &self.inputs;
        let (own_plan, other_plan) = if of_left { (left, right) } else { (right, left) };
        let bounds = self.ranges.iter().filter_map(|range| {
            range::bound_ms(range, (own_plan.schema(), own), (other_plan.schema(), other), watermark_ms)
        });
        bounds.min()
    }

    /// Whether the conditions bound a time of one side by the event time of the other: all that Spark asks of an outer
    /// join, though rows leave the state only where that time has a watermark, too.
    pub fn is_bounded(&self, of_left: bool) -> bool {
        const ANY_MS: i64 = 1_000_000;
        let other = if of_left { &self.right } else { &self.left };
        let Some(other) = other.event.as_ref() else { return false };
        let [left, right] = &self.inputs;
        let (own_plan, other_plan) = if of_left { (left, right) } else { (right, left) };
        self.ranges.iter().any(|range| {
            let mut times = range.column_refs().into_iter().filter(|column| own_plan.schema().has_column(column));
            let (Some(own), None) = (times.next(), times.next()) else { return false };
            range::bound_ms(range, (own_plan.schema(), own), (other_plan.schema(), other), ANY_MS).is_some()
        })
    }
}

/// The parts of a condition that must all hold. Also those that the guard of ANSI arithmetic keeps apart.
pub fn conjuncts(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(guarded_part(right).unwrap_or(right)));
            all
        }
        Expr::Between(between) if !between.negated => {
            let low = Expr::BinaryExpr(BinaryExpr::new(between.expr.clone(), Operator::GtEq, between.low.clone()));
            let high = Expr::BinaryExpr(BinaryExpr::new(between.expr.clone(), Operator::LtEq, between.high.clone()));
            vec![low, high]
        }
        Expr::Alias(alias) => conjuncts(&alias.expr),
        other => vec![other.clone()],
    }
}

/// All of some conditions; each is looked at only where those before it hold.
fn guarded(conditions: Vec<Expr>) -> Result<Option<Expr>> {
    let mut all: Option<Expr> = None;
    for condition in conditions.into_iter().rev() {
        all = Some(match all {
            None => condition,
            Some(rest) => when(condition.is_true(), rest).otherwise(lit(false))?,
        });
    }
    Ok(all)
}
