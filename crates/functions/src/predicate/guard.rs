//! Guards: parts of AND and OR that can fail are evaluated only on rows where the parts before them do not decide.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Int8Type};
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, Operator, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;
use indexmap::IndexSet;

use super::comparison::NESTED_EQUAL;
use crate::Env;
use crate::coerce::plain_cast;
use crate::kernel::{KernelArgs, kernel_expr};

/// The kernel around a guarded part.
const GUARD: &str = "ansi_guarded";

/// Whether evaluating the expression can raise an error for some rows: a kernel of ANSI mode says so in its name.
/// Over constants it fails for all rows or for none.
fn can_fail(expr: &Expr) -> bool {
    let failing = |node: &Expr| {
        matches!(node, Expr::ScalarFunction(function)
            if function.func.name().starts_with("ansi_") && !node.column_refs().is_empty())
    };
    expr.exists(|node| Ok(failing(node))).unwrap_or(true)
}

/// Whether the expression may stand in a plan twice.
fn repeatable(expr: &Expr) -> bool {
    let single = |node: &Expr| {
        matches!(
            node,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::ScalarSubquery(_)
                | Expr::SetComparison(_)
                | Expr::WindowFunction(_)
                // The optimizer finds correlations in plain conjunctions only.
                | Expr::OuterReferenceColumn(..)
        )
    };
    !expr.is_volatile() && !expr.exists(|node| Ok(single(node))).unwrap_or(true)
}

/// `left AND right`.
pub(super) fn and(left: Expr, right: Expr, env: &Env) -> Expr {
    if !(can_fail(&right) && repeatable(&left) && repeatable(&right)) {
        return left.and(right);
    }
    let mut parts = Parts::default();
    parts.take(&left);
    parts.take(&right);
    let plain = parts.0.iter().filter(|part| !can_fail(part)).cloned();
    let chain = chain(&parts.0.iter().collect::<Vec<_>>(), env);
    let all = conjunction(plain.chain(chain));
    all.unwrap_or_else(|| left.and(right))
}

/// `left OR right`.
pub(super) fn or(left: Expr, right: Expr, env: &Env) -> Expr {
    if !(can_fail(&right) && repeatable(&left) && repeatable(&right)) {
        return left.or(right);
    }
    let right = guarded(&left, Operator::Or, right, env);
    left.or(right)
}

/// `right`, evaluated only on rows where `left` does not decide alone. In `x <> 0 AND 1 / x > 2` Spark
/// never divides by zero; DataFusion evaluates both sides for the whole batch. The CASE goes through
/// bytes and back, since the optimizer would rewrite a CASE of booleans into AND and OR.
fn guarded(left: &Expr, op: Operator, right: Expr, env: &Env) -> Expr {
    let (decided, value) = match op {
        Operator::And => (Expr::IsFalse(Box::new(left.clone())), 0_i8),
        _ => (Expr::IsTrue(Box::new(left.clone())), 1_i8),
    };
    let literal = Expr::Literal(ScalarValue::Int8(Some(value)), None);
    let case = Case::new(
        None,
        vec![(Box::new(decided), Box::new(literal))],
        Some(Box::new(plain_cast(right, &DataType::Int8))),
    );
    let as_boolean = |args: &KernelArgs<'_>| -> Result<ArrayRef> {
        let bytes = args.array(0)?;
        Ok(Arc::new(BooleanArray::from_unary(bytes.as_primitive::<Int8Type>(), |byte| byte != 0)))
    };
    kernel_expr(
        GUARD,
        vec![Expr::Case(case)],
        DataType::Boolean,
        true,
        Volatility::Immutable,
        env,
        String::new(),
        as_boolean,
    )
}

/// What a guard keeps apart, `B` of `A AND guarded(B)`; none where an expression is no guard.
#[must_use]
pub fn guarded_part(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    if call.func.name() != GUARD {
        return None;
    }
    let Expr::Case(case) = call.args.first()? else { return None };
    match case.else_expr.as_deref()? {
        Expr::Cast(cast) => Some(&cast.expr),
        _ => None,
    }
}

/// Both sides of an equality.
#[must_use]
pub fn equal_sides(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => Some((left, right)),
        Expr::ScalarFunction(call) if call.func.name() == NESTED_EQUAL => Some((call.args.first()?, call.args.get(1)?)),
        _ => None,
    }
}

/// The parts of a conjunction in their order, each once, without guards.
#[derive(Default)]
struct Parts(IndexSet<Expr>);

impl Parts {
    fn take(&mut self, expr: &Expr) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = expr {
            self.take(left);
            self.take(right);
        } else if let Some(inner) = guarded_part(expr) {
            self.take(inner);
        } else {
            self.0.insert(expr.clone());
        }
    }
}

/// Parts up to the last that can fail, each evaluated only where those before it hold: `A AND guard(A, B AND guard(B, C))`,
/// so that no part stands there more than twice. What stands before the first that can fail is only in its guard.
/// None where nothing can fail.
fn chain(parts: &[&Expr], env: &Env) -> Option<Expr> {
    let parts: Vec<&Expr> = parts.iter().copied().filter(|part| repeatable(part)).collect();
    let first = parts.iter().position(|part| can_fail(part))?;
    let last = parts.iter().rposition(|part| can_fail(part))?;
    let mut after = parts[last].clone();
    for part in parts[first..last].iter().rev() {
        after = (*part).clone().and(guarded(part, Operator::And, after, env));
    }
    Some(match conjunction(parts[..first].iter().map(|part| (*part).clone())) {
        Some(before) => guarded(&before, Operator::And, after, env),
        None => after,
    })
}

/// Loosens the guards of a condition over a join of `inputs`, each given by its columns (asked where there is a guard), as
/// Spark evaluates it: an equality between inputs is a key of the join and computed for all their rows. Any other part is
/// computed where the rows of the inputs that it names meet: after the parts before it that name the same inputs, and in an
/// outer join also after those that name some of them (in an inner one these are evaluated below).
#[must_use]
pub fn loosen(condition: Expr, inputs: impl FnOnce() -> Vec<HashSet<Column>>, inner: bool, env: &Env) -> Expr {
    if !has_guard(&condition) {
        return condition;
    }
    let inputs = inputs();
    if inputs.len() < 2 {
        return condition;
    }
    let mut parts = Parts::default();
    parts.take(&condition);
    let parts: Vec<(Expr, HashSet<usize>)> = parts
        .0
        .into_iter()
        .map(|part| {
            let named = named(&part, &inputs);
            (part, named)
        })
        .collect();
    let mut all = vec![];
    let mut done: Vec<&HashSet<usize>> = vec![];
    for (part, own) in &parts {
        if !can_fail(part) || !repeatable(part) || is_key(part, &inputs) {
            all.push(part.clone());
        } else if !done.contains(&own) {
            done.push(own);
            let near = |other: &HashSet<usize>| other == own || !inner && other.is_subset(own);
            let group: Vec<&Expr> = parts
                .iter()
                .filter(|(other, named)| near(named) && !is_key(other, &inputs))
                .map(|(other, _)| other)
                .collect();
            all.extend(chain(&group, env));
        }
    }
    conjunction(all).unwrap_or(condition)
}

fn has_guard(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => has_guard(left) || has_guard(right),
        other => guarded_part(other).is_some(),
    }
}

/// Which of the inputs an expression names. A column of none of them counts as one more input.
fn named(expr: &Expr, inputs: &[HashSet<Column>]) -> HashSet<usize> {
    let at = |column: &Column| inputs.iter().position(|own| own.contains(column)).unwrap_or(inputs.len());
    expr.column_refs().into_iter().map(at).collect()
}

/// Whether a part is an equality between different inputs.
fn is_key(expr: &Expr, inputs: &[HashSet<Column>]) -> bool {
    let Some((left, right)) = equal_sides(expr) else { return false };
    let (left, right) = (named(left, inputs), named(right, inputs));
    !left.is_empty() && !right.is_empty() && left.is_disjoint(&right)
}
