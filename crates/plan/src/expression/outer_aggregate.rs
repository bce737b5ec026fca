//! Aggregates of the query around a subquery, in its HAVING: `HAVING EXISTS (SELECT 1 FROM t WHERE t.a > max(outer.b))`.
//! The aggregation computes them; the subquery reads them as outer columns. Spark's `UpdateOuterReferences`.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use firesteel_functions::Typed;
use firesteel_protocol::Result;

use super::aggregate::contains_aggregate;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// An aggregate as the query around computes it, and the column that the subquery reads.
#[derive(Debug, Clone)]
pub struct OuterAggregate {
    pub call: Typed,
    pub column: Attribute,
}

/// An aggregate over columns of the query around, where that is to compute it; anything else as it is.
pub fn found(resolver: &Resolver, mut typed: Typed, scope: &Scope) -> Result<Typed> {
    if !scope.outer.is_some_and(|outer| outer.computes_aggregates) || !contains_aggregate(&typed.expr) {
        return Ok(typed);
    }
    let reads = |wanted: fn(&Expr) -> bool| typed.expr.exists(|node| Ok(wanted(node))).planned();
    if reads(|node| matches!(node, Expr::Column(_)))? || !reads(|node| matches!(node, Expr::OuterReferenceColumn(..)))?
    {
        return Ok(typed);
    }
    let inner = typed.expr.clone().transform(|node| match node {
        Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
        other => Ok(Transformed::no(other)),
    });
    let column = Attribute::new(typed.field());
    let call = Typed { expr: inner.planned()?.data, ..typed.clone() };
    typed.expr = outer_column(column.column.as_ref(), &column);
    resolver.outer_aggregates.borrow_mut().push(OuterAggregate { call, column });
    Ok(typed)
}

fn outer_column(name: &str, like: &Attribute) -> Expr {
    let field = Field::new(name, like.data_type().clone(), true);
    Expr::OuterReferenceColumn(field.into(), Column::new_unqualified(name))
}

/// Puts what the aggregation computes in the place of the columns that subqueries of `expr` read.
pub fn replace(expr: Expr, computed: &[(OuterAggregate, Expr)]) -> Result<Expr> {
    let changed = expr.transform_down(|node| {
        Ok(match node {
            Expr::ScalarSubquery(inner) => Transformed::yes(Expr::ScalarSubquery(replaced(inner, computed)?)),
            Expr::Exists(exists) => Transformed::yes(Expr::Exists(Exists {
                subquery: replaced(exists.subquery, computed)?,
                negated: exists.negated,
            })),
            Expr::InSubquery(contains) => Transformed::yes(Expr::InSubquery(InSubquery {
                subquery: replaced(contains.subquery, computed)?,
                ..contains
            })),
            other => Transformed::no(other),
        })
    });
    changed.map(|changed| changed.data).planned()
}

fn replaced(inner: Subquery, computed: &[(OuterAggregate, Expr)]) -> datafusion::common::Result<Subquery> {
    let plan = LogicalPlan::clone(&inner.subquery).transform_down_with_subqueries(|node| {
        node.map_expressions(|expr| {
            expr.transform_up(|part| {
                let Expr::OuterReferenceColumn(_, column) = &part else { return Ok(Transformed::no(part)) };
                match computed.iter().find(|(own, _)| own.column.column.as_ref() == column.name) {
                    Some((own, value)) => value.clone().transform(|node| match &node {
                        Expr::Column(column) => Ok(Transformed::yes(outer_column(&column.name, &own.column))),
                        _ => Ok(Transformed::no(node)),
                    }),
                    None => Ok(Transformed::no(part)),
                }
            })
        })
    })?;
    let plan = plan.data;
    let outer_ref_columns = plan.all_out_ref_exprs();
    Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: inner.spans })
}
