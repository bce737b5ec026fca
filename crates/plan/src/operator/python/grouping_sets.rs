//! GROUPING SETS, ROLLUP and CUBE for functions in Python: a copy of the rows for each set, in which the columns that the
//! set leaves out are NULL, and the set's number as one more key. Spark's `Expand`.

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, GroupingSet, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::attribute::next_id;
use crate::resolver::Planned;

/// An expression without the aliases around it.
pub fn unaliased(mut expr: &Expr) -> &Expr {
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    expr
}

/// The keys of all sets, each once, in the order of the node's schema.
pub fn distinct_keys(node: &Aggregate) -> Result<Vec<&Expr>> {
    grouping_set_to_exprlist(&node.group_expr).planned()
}

/// Positions among the distinct keys of those of each set.
pub fn grouping_sets(node: &Aggregate) -> Result<Vec<Vec<usize>>> {
    let [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] = &node.group_expr[..] else {
        return Err(SparkError::internal("an aggregate without grouping sets"));
    };
    let keys = distinct_keys(node)?;
    let place = |expr: &Expr| {
        keys.iter().position(|key| *key == expr).ok_or_else(|| SparkError::internal("a key of no grouping set"))
    };
    let sets: Vec<Vec<usize>> =
        sets.iter().map(|set| set.iter().map(place).collect::<Result<_>>()).collect::<Result<_>>()?;
    let mut known = std::collections::HashSet::new();
    for set in &sets {
        let mut sorted = set.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if !known.insert(sorted) {
            return Err(SparkError::unsupported(
                "A Python aggregate over a grouping set that is there twice",
                "Union the results of two groupings.",
            ));
        }
    }
    Ok(sets)
}

/// The rows of `input` once for each set, and the columns to group them by: the keys, then the set's number, as the
/// schema of the aggregate has them.
pub fn expanded(
    input: &LogicalPlan,
    keys: &[Expr],
    sets: &[Vec<usize>],
    schema: &DFSchema,
) -> Result<(LogicalPlan, Vec<Expr>)> {
    let names: Vec<String> = keys.iter().map(|_| format!("_key#{}", next_id())).collect();
    let number = format!("_set#{}", next_id());
    let kind = schema.field(keys.len()).data_type().clone();
    let mut whole: Option<LogicalPlanBuilder> = None;
    for set in sets {
        let mut exprs: Vec<Expr> = input.schema().columns().into_iter().map(Expr::Column).collect();
        for (at, (key, name)) in keys.iter().zip(&names).enumerate() {
            let expr = if set.contains(&at) {
                key.clone()
            } else {
                let null = ScalarValue::try_from(&key.get_type(input.schema().as_ref()).planned()?).planned()?;
                Expr::Literal(null, None)
            };
            exprs.push(expr.alias(name));
        }
        exprs.push(Expr::Literal(set_number(set, keys.len(), &kind)?, None).alias(&number));
        let rows = LogicalPlanBuilder::from(input.clone()).project(exprs).planned()?;
        whole = Some(match whole {
            None => rows,
            Some(known) => known.union(rows.build().planned()?).planned()?,
        });
    }
    let whole = whole.ok_or_else(|| SparkError::internal("no grouping sets"))?.build().planned()?;
    let columns = names.into_iter().chain([number]).map(|name| Expr::Column(Column::new_unqualified(name))).collect();
    Ok((whole, columns))
}

/// As DataFusion numbers sets: a bit for each key that is left out, the first key's the highest.
fn set_number(set: &[usize], keys: usize, kind: &DataType) -> Result<ScalarValue> {
    let bits = (0..keys).fold(0u64, |bits, at| bits << 1 | u64::from(!set.contains(&at)));
    ScalarValue::UInt64(Some(bits)).cast_to(kind).planned()
}
