//! Scalar, EXISTS and IN subqueries; columns of the query around them are outer references.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery, Volatility, lit, when};
use datafusion::scalar::ScalarValue;
use firesteel_functions::coerce::{cast_silently, common_type};
use firesteel_functions::kernel::{KernelArgs, kernel_expr};
use firesteel_functions::{Typed, collation};
use firesteel_protocol::connect::{self as pb, expression::ExprType, subquery_expression::SubqueryType};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::table::is_streaming;

use super::unaliased;
use crate::relation::{Origin, aggregate, node};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Relation, Resolver, sql};

pub fn resolve(resolver: &Resolver, message: &pb::SubqueryExpression, scope: &Scope) -> Result<Typed> {
    let words = words(resolver, message, scope)?;
    let known = |shared: &HashMap<String, Typed>| words.as_ref().and_then(|words| shared.get(words)).cloned();
    if let Some(known) = resolver.shared_subqueries.borrow().as_ref().and_then(known) {
        return Ok(known);
    }
    let typed = resolve_anew(resolver, message, scope)?;
    if let (Some(shared), Some(words)) = (resolver.shared_subqueries.borrow_mut().as_mut(), words) {
        shared.insert(words, typed.clone());
    }
    Ok(typed)
}

/// What tells a subquery from the others of an aggregation; None where none are shared.
fn words(resolver: &Resolver, message: &pb::SubqueryExpression, scope: &Scope) -> Result<Option<String>> {
    if resolver.shared_subqueries.borrow().is_none() {
        return Ok(None);
    }
    let Some(text) = resolver.place.borrow().text() else { return Ok(None) };
    let own = sql::tokens_of(&text)?;
    let mut words = own[own.find('(').unwrap_or(0)..].to_string();
    for value in &message.in_subquery_values {
        words.push_str(&format!(" {}", unaliased(resolver.expression(value, scope)?).expr));
    }
    Ok(Some(format!("{:?} {words}", message.subquery_type())))
}

fn resolve_anew(resolver: &Resolver, message: &pb::SubqueryExpression, scope: &Scope) -> Result<Typed> {
    let plan = resolver.references.borrow().get(&message.plan_id).cloned();
    let plan = plan.ok_or_else(|| SparkError::internal(format!("no plan {} for a subquery", message.plan_id)))?;
    let relation = resolver.subquery(&plan, scope)?.narrow()?;
    if is_streaming(&relation.plan) {
        return Err(SparkError::new("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY"));
    }
    match message.subquery_type() {
        SubqueryType::Scalar => scalar(resolver, relation),
        SubqueryType::Exists => {
            let shown = format!("exists({})", outer_names(&relation.plan));
            let exists = Exists::new(subquery(relation.plan), false);
            Ok(Typed::new(Expr::Exists(exists), shown, DataType::Boolean, false))
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

pub(crate) fn scalar(resolver: &Resolver, relation: Relation) -> Result<Typed> {
    let relation = at_most_one_row(resolver, relation)?;
    let [attribute] = relation.output.as_slice() else {
        return Err(SparkError::new("INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN")
            .with("number", relation.output.len().to_string()));
    };
    let (data_type, own) = (attribute.data_type().clone(), attribute.name().to_string());
    let shown = format!("scalarsubquery({})", outer_names(&relation.plan));
    let collated = collation::of_column(&attribute.field).to_string();
    let relation = if attribute.field.is_nullable() { relation } else { nullable(resolver, relation)? };
    let typed =
        Typed::new(Expr::ScalarSubquery(subquery(relation.plan)), format!("scalarsubquery({own})"), data_type, true);
    Ok(collation::with(typed, &collated, false).named(shown))
}

/// Names of the columns of the query around it that a subquery reads.
fn outer_names(plan: &LogicalPlan) -> String {
    let mut names: Vec<String> = vec![];
    for reference in crate::relation::dependent::all_references(plan) {
        let name = reference.rsplit_once('#').map_or(reference.as_str(), |(name, _)| name).to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// No row is NULL, whatever the column says of itself.
fn nullable(resolver: &Resolver, relation: Relation) -> Result<Relation> {
    let own = relation.output[0].typed();
    let expr = kernel_expr(
        "nullable",
        vec![own.expr],
        own.data_type.clone(),
        true,
        Volatility::Immutable,
        resolver.env(),
        String::new(),
        |args| args.array(0),
    );
    let column = Typed::new(expr, own.name, own.data_type, true);
    let origin = relation.origin.clone();
    Ok(Relation { origin, ..relation.select(vec![column])?.narrow()? })
}

/// A correlated subquery becomes a join, which needs one row for each row outside: where no aggregation promises that,
/// one is put around it that fails for more.
fn at_most_one_row(resolver: &Resolver, relation: Relation) -> Result<Relation> {
    let correlated = !crate::relation::dependent::all_references(&relation.plan).is_empty();
    let promised = matches!(relation.origin.as_deref(), Some(Origin::Aggregate(aggregated)) if aggregated.is_global());
    let placed = resolver.place.borrow().is_sql();
    if promised || !correlated && !placed || relation.output.len() != 1 {
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
        // Spark tells the place of subqueries that do not depend on the row.
        &if correlated { resolver.env().clone() } else { resolver.env_here() },
        String::new(),
        if correlated { one_row } else { one_row_of_all },
    );
    let metadata = own.field.metadata().clone();
    let typed = Typed { metadata, ..Typed::new(checked, own.name(), first.data_type, true) };
    computed.select(vec![typed])?.narrow()
}

fn one_row_of_all(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    one_row(args).map_err(|error| match error.condition() {
        "SCALAR_SUBQUERY_TOO_MANY_ROWS" => SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS"),
        _ => error,
    })
}

fn one_row(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let counts = args.array(1)?;
    let counts = counts.as_primitive::<Int64Type>();
    if counts.iter().flatten().any(|count| count > 1) {
        return Err(SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS").raised_as("USER_RAISED_EXCEPTION"));
    }
    args.array(0)
}

/// `(a, b) IN (SELECT ..)`.
fn contains(resolver: &Resolver, values: &[pb::Expression], relation: Relation, scope: &Scope) -> Result<Typed> {
    // A struct that is made right here is a row of values.
    let fields = match values {
        [value] => match &value.expr_type {
            Some(ExprType::UnresolvedFunction(call))
                if call.function_name.eq_ignore_ascii_case("struct")
                    && !call.arguments.iter().any(|one| matches!(one.expr_type, Some(ExprType::UnresolvedStar(_)))) =>
            {
                Some(call.arguments.clone())
            }
            _ => None,
        },
        _ => None,
    };
    let given = fields.as_deref().unwrap_or(values);
    let values: Vec<Typed> = given
        .iter()
        .map(|value| {
            let mut typed = resolver.expression(value, scope)?;
            if let Some(shown) = typed.unaliased_name.take_if(|shown| shown.starts_with("lateralAliasReference(")) {
                typed.name = shown;
            }
            Ok(unaliased(typed))
        })
        .collect::<Result<_>>()?;
    let values = match values.as_slice() {
        // A struct before IN stands for its fields where the subquery has so many columns.
        [value] if relation.output.len() > 1 => match &value.data_type {
            DataType::Struct(fields) if fields.len() == relation.output.len() => fields
                .iter()
                .map(|field| resolver.nested(value.clone(), std::slice::from_ref(field.name())))
                .collect::<Result<_>>()?,
            _ => values,
        },
        _ => values,
    };
    let row = match values.as_slice() {
        [value] => value.name.clone(),
        _ => {
            let fields: Vec<String> = values.iter().map(|v| format!("'{}', {}", v.name, v.name)).collect();
            format!("named_struct({})", fields.join(", "))
        }
    };
    let shown = format!("({row} IN (listquery({})))", outer_names(&relation.plan));
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    if values.len() != relation.output.len() {
        return Err(SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH")
            .with("sqlExpr", format!("\"{shown}\""))
            .with("leftLength", values.len().to_string())
            .with("rightLength", relation.output.len().to_string())
            .with("leftColumns", quoted(values.iter().map(|v| v.name.as_str()).collect()))
            .with("rightColumns", quoted(relation.output.iter().map(|a| a.name()).collect())));
    }
    let common: Option<Vec<DataType>> = values
        .iter()
        .zip(&relation.output)
        .map(|(value, attribute)| common_type(&value.data_type, attribute.data_type(), resolver.env()))
        .collect();
    let Some(common) = common else {
        let types = |types: Vec<&DataType>| types.iter().map(|t| name::sql(t)).collect::<Vec<_>>().join(", ");
        let differ = values.iter().enumerate().zip(&relation.output).filter(|((_, value), attribute)| {
            common_type(&value.data_type, attribute.data_type(), resolver.env()).is_none()
        });
        let differ = differ.map(|((index, value), attribute)| {
            let shown = match given.get(index).filter(|_| given.len() == values.len()) {
                Some(given) => resolver.name_with(super::walk::Names::Qualified, given, scope),
                None => value.name.clone(),
            };
            let left = format!("{shown}:{}", name::simple(&value.data_type));
            format!("({left}, {}:{})", name::quote_if_needed(attribute.name()), name::simple(attribute.data_type()))
        });
        let left = types(values.iter().map(|v| &v.data_type).collect());
        let right = types(relation.output.iter().map(|a| a.data_type()).collect());
        return Err(SparkError::new("DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH")
            .with("sqlExpr", format!("\"{shown}\""))
            .with("mismatchedColumns", differ.collect::<Vec<_>>().join(", "))
            .with("leftType", format!("\"{left}\""))
            .with("rightType", format!("\"{right}\"")));
    };
    let cast = |typed: Typed, to: &DataType| cast_silently(typed, to, &resolver.env_here());
    let nullable = values.iter().any(|value| value.nullable) || relation.output.iter().any(|a| a.field.is_nullable());
    let values: Vec<Typed> =
        values.into_iter().zip(&common).map(|(value, to)| cast(value, to)).collect::<Result<_>>()?;
    let inner: Vec<Typed> =
        relation.output.iter().zip(&common).map(|(own, to)| cast(own.typed(), to)).collect::<Result<_>>()?;
    if let [value] = values.as_slice()
        && crate::relation::dependent::all_references(&relation.plan).is_empty()
        && matches!(super::select::evaluate_constant(&value.expr), Ok(Some(value)) if value.is_null())
    {
        return null_in(relation, shown);
    }
    let pairs = values.into_iter().zip(inner);
    let pairs = pairs.map(|(value, own)| collation::compared(value, own, &shown, &resolver.env_here()));
    let (values, inner): (Vec<Typed>, Vec<Typed>) = pairs.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    let same = inner.iter().zip(&relation.output).all(|(inner, own)| inner.expr == own.expr());
    let relation = if same { relation } else { relation.select(inner)?.narrow()? };
    let relation = with_head(relation)?;
    let value = row_expr(resolver, values);
    let expr = Expr::InSubquery(InSubquery::new(Box::new(value), subquery(relation.plan), false));
    Ok(Typed::new(expr, shown, DataType::Boolean, nullable))
}

/// DataFusion asks the plan of IN for its column, which a node of ours does not tell.
fn with_head(relation: Relation) -> Result<Relation> {
    if relation.plan.head_output_expr().planned()?.is_some() {
        return Ok(relation);
    }
    let columns = relation.plan.schema().columns().into_iter().map(Expr::Column).collect();
    let plan = node::project(relation.plan.clone(), columns)?;
    Ok(relation.with_plan(plan))
}

/// `NULL IN (SELECT ..)` without outer columns: unknown unless the subquery has no row. Spark's `NullPropagation`.
fn null_in(relation: Relation, shown: String) -> Result<Typed> {
    let some = Expr::Exists(Exists::new(subquery(relation.plan), false));
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    let expr = when(some, null).otherwise(lit(false)).planned()?;
    Ok(Typed::new(expr, shown, DataType::Boolean, true))
}

/// Name of the marker that holds several values before IN.
const ROW: &str = "row_of_in";

/// One value, or a marker with all of them: `relation::subquery` takes it apart.
fn row_expr(resolver: &Resolver, mut values: Vec<Typed>) -> Expr {
    if values.len() == 1 {
        return values.remove(0).expr;
    }
    let args = values.into_iter().map(|value| value.expr).collect();
    let unplanned = |_: &KernelArgs<'_>| Err(SparkError::unsupported("IN over several columns here", "Use EXISTS."));
    kernel_expr(ROW, args, DataType::Boolean, true, Volatility::Immutable, resolver.env(), String::new(), unplanned)
}

/// The values before IN.
pub(crate) fn row_of(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == ROW => call.args.clone(),
        other => vec![other.clone()],
    }
}
