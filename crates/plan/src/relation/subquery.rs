//! Subqueries in expressions that DataFusion plans nowhere, or not there, become joins below: correlated ones of any
//! shape, EXISTS and IN outside of WHERE, IN over several columns. The rest stays for DataFusion, which joins it as well.
//!
//! Spark's `RewritePredicateSubquery` (EXISTS and IN are never NULL where they are joined) and `RewriteCorrelatedScalarSubquery`.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit};
use firesteel_functions::Typed;
use firesteel_protocol::Result;

use super::dependent::{Domain, all_references, column, equal, outer_columns};
use super::{Relation, node};
use crate::attribute::next_id;
use crate::expression::subquery::row_of;
use crate::resolver::Planned;

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// A projection, where DataFusion plans simple scalar subqueries.
    Select,
    /// A filter, where it plans simple ones of all kinds.
    Where,
    Other,
}

/// Joins what the subqueries in `columns` need.
pub fn supply(input: Relation, columns: Vec<Typed>, clause: Clause) -> Result<(Relation, Vec<Typed>)> {
    if !columns.iter().any(|column| has_subquery(&column.expr)) {
        return Ok((input, columns));
    }
    let exprs = columns.iter().map(|column| column.expr.clone()).collect();
    let (plan, exprs) = joined(input.plan.clone(), exprs, clause)?;
    let columns = columns.into_iter().zip(exprs).map(|(typed, expr)| {
        // The alias tells the result from the column that stands for the subquery.
        let expr = if matches!(expr, Expr::Column(_)) && expr != typed.expr { expr.alias(&typed.name) } else { expr };
        Typed { expr, ..typed }
    });
    let columns = columns.collect();
    let (output, hidden) = (input.output.clone(), input.hidden.clone());
    Ok((Relation { plan, output, hidden, origin: input.origin }, columns))
}

/// The plan with the joins, the expressions over it.
pub fn joined(plan: LogicalPlan, exprs: Vec<Expr>, clause: Clause) -> Result<(LogicalPlan, Vec<Expr>)> {
    let mut joins = Joins { plan, known: vec![] };
    let mut changed = vec![];
    for expr in exprs {
        changed.push(if has_subquery(&expr) { joins.replace(expr, clause)? } else { expr });
    }
    Ok((joins.plan, changed))
}

/// A subquery stands in the expression.
pub fn has_subquery(expr: &Expr) -> bool {
    let is = |node: &Expr| matches!(node, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_));
    expr.exists(|node| Ok(is(node))).unwrap_or(false)
}

struct Joins {
    plan: LogicalPlan,
    /// Subqueries and the columns that they became.
    known: Vec<(Expr, Expr)>,
}

impl Joins {
    fn replace(&mut self, expr: Expr, clause: Clause) -> Result<Expr> {
        let expr = negated_inside(expr)?;
        if clause == Clause::Where {
            // Whole conditions are what DataFusion makes semi and anti joins of.
            if let Expr::BinaryExpr(both) = &expr
                && both.op == Operator::And
            {
                let left = self.replace(both.left.as_ref().clone(), clause)?;
                return Ok(left.and(self.replace(both.right.as_ref().clone(), clause)?));
            }
            if self.is_plain_condition(&expr) {
                return Ok(expr);
            }
        }
        let mut failure = None;
        let result = expr.transform_down(|node| match self.part(&node, clause) {
            Ok(Some(new)) => Ok(Transformed::new(new, true, TreeNodeRecursion::Jump)),
            Ok(None) => Ok(Transformed::no(node)),
            Err(error) => {
                failure.get_or_insert(error);
                Ok(Transformed::new(node, false, TreeNodeRecursion::Stop))
            }
        });
        match failure {
            Some(error) => Err(error),
            None => result.map(|changed| changed.data).planned(),
        }
    }

    /// `[NOT] EXISTS (..)` or `x [NOT] IN (..)` as DataFusion joins it.
    fn is_plain_condition(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Exists(exists) => !exists.negated && self.is_simple(&exists.subquery, false),
                Expr::InSubquery(contains) => {
                    !contains.negated && single(contains) && all_references(&contains.subquery.subquery).is_empty()
                }
                _ => false,
            },
            Expr::Exists(exists) => self.is_simple(&exists.subquery, false),
            Expr::InSubquery(contains) => {
                let plan = &contains.subquery.subquery;
                single(contains)
                    && if contains.negated {
                        all_references(plan).is_empty()
                    } else {
                        all_references(plan).is_empty() || self.is_simple(&contains.subquery, false)
                    }
            }
            _ => false,
        }
    }

    /// Whether DataFusion can join a correlated subquery: its outer columns are of the query next to it and stand in
    /// filters above which nothing counts rows.
    fn is_simple(&self, subquery: &Subquery, scalar: bool) -> bool {
        let own = outer_columns(&subquery.subquery, &self.plan);
        all_references(&subquery.subquery).iter().all(|name| own.contains(name)) && simple(&subquery.subquery, scalar)
    }

    fn part(&mut self, node: &Expr, clause: Clause) -> Result<Option<Expr>> {
        if let Some((_, column)) = self.known.iter().find(|(own, _)| own == node) {
            return Ok(Some(column.clone()));
        }
        let new = match node {
            Expr::ScalarSubquery(subquery) => {
                if all_references(&subquery.subquery).is_empty()
                    || (clause != Clause::Other && self.is_simple(subquery, true))
                {
                    return Ok(None);
                }
                self.scalar(&subquery.subquery)?
            }
            Expr::Exists(exists) => {
                let plan = &exists.subquery.subquery;
                let found = if all_references(plan).is_empty() { any_row(plan)? } else { self.mark(plan, &[], false)? };
                if exists.negated { Expr::Not(Box::new(found)) } else { found }
            }
            Expr::Not(inner) => match inner.as_ref() {
                Expr::InSubquery(contains) if !contains.negated => {
                    let values = row_of(&contains.expr);
                    let found = self.mark(&contains.subquery.subquery, &values, true)?;
                    Expr::Not(Box::new(found))
                }
                _ => return Ok(None),
            },
            Expr::InSubquery(contains) => {
                let values = row_of(&contains.expr);
                let found = self.mark(&contains.subquery.subquery, &values, contains.negated)?;
                if contains.negated { Expr::Not(Box::new(found)) } else { found }
            }
            _ => return Ok(None),
        };
        self.known.push((node.clone(), new.clone()));
        Ok(Some(new))
    }

    /// The one value of a correlated subquery for each row.
    fn scalar(&mut self, subquery: &LogicalPlan) -> Result<Expr> {
        let names = outer_columns(subquery, &self.plan);
        let domain = Domain::of(&self.plan, names)?;
        let value = format!("_value#{}", next_id());
        let renamed = named_columns(subquery, std::slice::from_ref(&value))?;
        let inner = domain.push(&renamed)?;
        let own: Vec<Expr> = self.plan.schema().columns().into_iter().map(Expr::Column).collect();
        let plan = equal(self.plan.clone(), inner.plan, JoinType::Left, &domain.columns, &inner.keys, None)?;
        let exprs = own.into_iter().chain([column(&value)]);
        self.plan = node::project(plan, exprs.collect())?;
        Ok(column(&value))
    }

    /// Whether the subquery has a row, for which the values are equal to its columns, or, with `or_null`, not surely
    /// different from them.
    fn mark(&mut self, subquery: &LogicalPlan, values: &[Expr], or_null: bool) -> Result<Expr> {
        let own: Vec<Column> = self.plan.schema().columns();
        let names: Vec<String> = values.iter().map(|_| format!("_sought#{}", next_id())).collect();
        if !values.is_empty() {
            let new = values.iter().zip(&names).map(|(value, name)| value.clone().alias(name.as_str()));
            let exprs = own.iter().cloned().map(Expr::Column).chain(new);
            self.plan = node::project(self.plan.clone(), exprs.collect())?;
        }
        let found: Vec<String> = values.iter().map(|_| format!("_found#{}", next_id())).collect();
        let subquery = if values.is_empty() { subquery.clone() } else { named_columns(subquery, &found)? };
        let equals = names.iter().zip(&found).map(|(a, b)| column(a).eq(column(b)));
        let mut condition = equals.reduce(Expr::and);
        if or_null {
            condition = condition.map(|condition| Expr::IsNotFalse(Box::new(condition)));
        }
        let outer = outer_columns(&subquery, &self.plan);
        let plan = if outer.is_empty() {
            equal(self.plan.clone(), subquery, JoinType::LeftMark, &[], &[], condition)?
        } else {
            let domain = Domain::of(&self.plan, outer)?;
            let inner = domain.push(&subquery)?;
            equal(self.plan.clone(), inner.plan, JoinType::LeftMark, &domain.columns, &inner.keys, condition)?
        };
        let mark = plan.schema().columns().pop().map(Expr::Column).unwrap_or_else(|| lit(false));
        let name = format!("_exists#{}", next_id());
        let exprs = own.into_iter().map(Expr::Column).chain([mark.alias(name.as_str())]);
        self.plan = node::project(plan, exprs.collect())?;
        Ok(column(&name))
    }
}

/// NOT stands at the parts of AND and OR: a negated IN is another question, that knows NULLs.
fn negated_inside(expr: Expr) -> Result<Expr> {
    let not = |part: &Expr| Box::new(Expr::Not(Box::new(part.clone())));
    let changed = expr.transform_down(|node| {
        let Expr::Not(inner) = &node else { return Ok(Transformed::no(node)) };
        let new = match inner.as_ref() {
            Expr::Not(inner) => inner.as_ref().clone(),
            Expr::BinaryExpr(both) if matches!(both.op, Operator::And | Operator::Or) && has_subquery(inner) => {
                let op = if both.op == Operator::And { Operator::Or } else { Operator::And };
                Expr::BinaryExpr(BinaryExpr::new(not(&both.left), op, not(&both.right)))
            }
            _ => return Ok(Transformed::no(node)),
        };
        Ok(Transformed::yes(new))
    });
    changed.map(|changed| changed.data).planned()
}

fn single(contains: &InSubquery) -> bool {
    contains.subquery.subquery.schema().fields().len() == 1
}

fn named_columns(plan: &LogicalPlan, names: &[String]) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(names)
        .map(|(own, new)| Expr::Column(own).alias(new.as_str()))
        .collect();
    node::project(plan.clone(), exprs)
}

/// Whether a plan has a row, as a scalar subquery.
fn any_row(plan: &LogicalPlan) -> Result<Expr> {
    let name = format!("_rows#{}", next_id());
    let plan = LogicalPlanBuilder::from(plan.clone())
        .limit(0, Some(1))
        .planned()?
        .aggregate(Vec::<Expr>::new(), vec![count(lit(1i64)).alias(name.as_str())])
        .planned()?
        .build()
        .planned()?;
    let rows = Subquery { subquery: Arc::new(plan), outer_ref_columns: vec![], spans: Default::default() };
    Ok(Expr::ScalarSubquery(rows).gt(lit(0i64)))
}

fn simple(plan: &LogicalPlan, scalar: bool) -> bool {
    let outer = |expr: &Expr| expr.exists(|node| Ok(matches!(node, Expr::OuterReferenceColumn(..)))).unwrap_or(true);
    if all_references(plan).is_empty() {
        return true;
    }
    match plan {
        LogicalPlan::Projection(projection) => {
            !projection.expr.iter().any(|expr| outer(expr) || has_subquery(expr)) && simple(&projection.input, scalar)
        }
        LogicalPlan::Filter(filter) => {
            let conditions = datafusion::logical_expr::utils::split_conjunction(&filter.predicate);
            let fits = |condition: &&Expr| {
                if has_subquery(condition) {
                    return false;
                }
                if !outer(condition) || !scalar {
                    return true;
                }
                let Expr::BinaryExpr(equal) = condition else { return false };
                // One side names outer columns only, the other none.
                equal.op == Operator::Eq
                    && ((outer(&equal.left) && equal.left.column_refs().is_empty() && !outer(&equal.right))
                        || (outer(&equal.right) && equal.right.column_refs().is_empty() && !outer(&equal.left)))
            };
            conditions.iter().all(fits) && simple(&filter.input, scalar)
        }
        LogicalPlan::Aggregate(aggregate) => {
            scalar
                && aggregate.group_expr.is_empty()
                && !aggregate.aggr_expr.iter().any(outer)
                && simple(&aggregate.input, scalar)
        }
        LogicalPlan::SubqueryAlias(alias) => simple(&alias.input, scalar),
        LogicalPlan::Join(join) => {
            join.join_type == JoinType::Inner
                && !join.filter.as_ref().is_some_and(outer)
                && !join.on.iter().any(|(a, b)| outer(a) || outer(b))
                && simple(&join.left, scalar)
                && simple(&join.right, scalar)
        }
        _ => false,
    }
}
