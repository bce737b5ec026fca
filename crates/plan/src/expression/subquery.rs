//! Scalar, EXISTS and IN subqueries; columns of the query around them are outer references.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery, Volatility};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::coerce::{common_type, implicit_cast};
use firesteel_functions::kernel::{KernelArgs, kernel_expr};
use firesteel_protocol::connect::{self as pb, subquery_expression::SubqueryType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::unaliased;
use crate::relation::{Origin, aggregate};
use crate::scope::Scope;
use crate::{Relation, Resolver};

pub fn resolve(resolver: &Resolver, message: &pb::SubqueryExpression, scope: &Scope) -> Result<Typed> {
    let plan = resolver.references.borrow().get(&message.plan_id).cloned();
    let plan = plan.ok_or_else(|| SparkError::internal(format!("no plan {} for a subquery", message.plan_id)))?;
    let relation = resolver.subquery(&plan, scope)?.narrow()?;
    match message.subquery_type() {
        SubqueryType::Scalar => scalar(resolver, relation),
        SubqueryType::Exists => {
            let exists = Exists::new(subquery(relation.plan), false);
            Ok(Typed::new(Expr::Exists(exists), "exists(...)", arrow::datatypes::DataType::Boolean, false))
        }
        SubqueryType::In => contains(resolver, &message.in_subquery_values, relation, scope),
        SubqueryType::TableArg => {
            Err(SparkError::unsupported("table arguments of functions", "Register the rows as a temporary view."))
        }
        SubqueryType::Unknown => Err(SparkError::internal("a subquery of unknown type")),
    }
}

fn subquery(plan: LogicalPlan) -> Subquery {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Default::default() }
}

fn scalar(resolver: &Resolver, relation: Relation) -> Result<Typed> {
    let relation = at_most_one_row(resolver, relation)?;
    let [attribute] = relation.output.as_slice() else {
        return Err(SparkError::new("INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN")
            .with("number", relation.output.len().to_string()));
    };
    let (data_type, own) = (attribute.data_type().clone(), attribute.name().to_string());
    Ok(Typed::new(Expr::ScalarSubquery(subquery(relation.plan)), format!("scalarsubquery({own})"), data_type, true)
        .named("scalarsubquery()"))
}

/// A correlated subquery becomes a join, which needs one row for each row outside: where no aggregation promises that,
/// one is put around it that fails for more.
fn at_most_one_row(resolver: &Resolver, relation: Relation) -> Result<Relation> {
    let promised = matches!(relation.origin.as_deref(), Some(Origin::Aggregate(aggregated)) if aggregated.is_global());
    if promised || relation.plan.all_out_ref_exprs().is_empty() || relation.output.len() != 1 {
        return Ok(relation);
    }
    let own = relation.output[0].clone();
    let one = Typed::literal(ScalarValue::Int32(Some(1)), "1");
    let count = super::function::scalar(resolver, "count", vec![one])?.named("count");
    let first = super::function::scalar(resolver, "first", vec![own.typed()])?.named(own.name());
    let computed = aggregate::global(resolver, relation, vec![first, count])?;
    let (first, count) = (computed.output[0].typed(), computed.output[1].typed());
    let checked = kernel_expr(
        "ansi_one_row",
        vec![first.expr, count.expr],
        first.data_type.clone(),
        true,
        Volatility::Immutable,
        resolver.env(),
        String::new(),
        one_row,
    );
    let typed = Typed::new(checked, own.name(), first.data_type, true);
    computed.select(vec![typed])?.narrow()
}

fn one_row(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let counts = args.array(1)?;
    let counts = counts.as_primitive::<Int64Type>();
    if counts.iter().flatten().any(|count| count > 1) {
        return Err(SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS"));
    }
    args.array(0)
}

/// `(a, b) IN (SELECT ..)`.
fn contains(resolver: &Resolver, values: &[pb::Expression], relation: Relation, scope: &Scope) -> Result<Typed> {
    let mut values: Vec<Typed> =
        values.iter().map(|value| resolver.expression(value, scope).map(unaliased)).collect::<Result<_>>()?;
    if values.len() != relation.output.len() {
        return Err(SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH")
            .with("sqlExpr", "\"(in subquery)\"")
            .with("leftLength", values.len().to_string())
            .with("rightLength", relation.output.len().to_string())
            .with("leftColumns", values.iter().map(|v| format!("\"{}\"", v.name)).collect::<Vec<_>>().join(", "))
            .with(
                "rightColumns",
                relation.output.iter().map(|a| format!("\"{}\"", a.name())).collect::<Vec<_>>().join(", "),
            ));
    }
    let [value] = values.as_mut_slice() else {
        return Err(SparkError::unsupported(
            "IN subqueries of several columns",
            "Write it with EXISTS and one equality a column.",
        ));
    };
    let attribute = relation.output[0].clone();
    let common = common_type(&value.data_type, attribute.data_type(), resolver.env()).ok_or_else(|| {
        SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH")
            .with("sqlExpr", format!("\"({} IN (listquery()))\"", value.name))
            .with("mismatchedColumns", format!("\"{}:{}\"", value.name, name::sql(&value.data_type)))
            .with("leftType", format!("\"{}\"", name::sql(&value.data_type)))
            .with("rightType", format!("\"{}\"", name::sql(attribute.data_type())))
    })?;
    let cast = |typed: Typed| {
        implicit_cast(typed, &common, resolver.env())
            .ok_or_else(|| SparkError::internal("a common type that cannot be cast to"))
    };
    let shown = format!("({} IN (listquery()))", value.name);
    let value = cast(value.clone())?;
    let inner = cast(attribute.typed())?;
    let relation = if inner.expr == attribute.expr() { relation } else { relation.select(vec![inner])? };
    let nullable = value.nullable || attribute.field.is_nullable();
    let expr = Expr::InSubquery(InSubquery::new(Box::new(value.expr), subquery(relation.plan), false));
    Ok(Typed::new(expr, shown, arrow::datatypes::DataType::Boolean, nullable))
}
