//! Metric views: `measure(m)` in an aggregation over one is the aggregate that its text gives for `m`. Everywhere else a
//! measure is a column without values. Spark's `ResolveMetricView`; the text is read in `metric_view`.

use std::sync::Arc;

use arrow::datatypes::Fields;
use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use firesteel_functions::Typed;
use firesteel_functions::cast::{self, EvalMode};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, node};
use crate::expression::aggregate::contains_aggregate;
use crate::expression::unaliased;
use crate::metric_view::MetricView;
use crate::operator::metric_view::{MetricColumns, MetricViewNode};
use crate::resolver::Planned;
use crate::scope::{Scope, same};
use crate::{Attribute, Resolver};

/// The view as a relation of its dimensions and measures; `columns` are what the catalog knows of them.
pub fn resolve(resolver: &Resolver, view: &MetricView, columns: &Fields) -> Result<Relation> {
    let ctx = resolver.sql_context();
    let source = resolver.relation(&view.rows(&ctx)?)?;
    let expressions = view.columns.iter().map(|column| crate::sql::parse_expression(&column.expr, &ctx));
    let expressions = expressions.collect::<Result<Vec<_>>>()?;
    let fields = || view.columns.iter().zip(columns).zip(&expressions);
    let mut list: Vec<Expr> = vec![];
    let mut rows: Vec<Attribute> = vec![];
    let case_sensitive = resolver.env().case_sensitive;
    let mut dimensions = vec![];
    for ((_, field), expression) in fields().filter(|((column, _), _)| !column.is_measure) {
        let inputs = [&source];
        let typed = unaliased(resolver.expression(expression, &resolver.scope(&inputs, None))?);
        let cast = cast::cast_to(typed, field, EvalMode::Ansi, resolver.env())?;
        let attribute = Attribute::new(Arc::new(field.as_ref().clone().with_nullable(cast.nullable)));
        dimensions.push((cast.expr.alias(attribute.column.as_ref()), attribute));
    }
    for own in &source.output {
        if !dimensions.iter().any(|(_, dimension)| same(dimension.name(), own.name(), case_sensitive)) {
            list.push(own.expr());
            rows.push(Attribute { qualifier: vec![], ..own.clone() });
        }
    }
    for (expr, attribute) in dimensions {
        list.push(expr);
        rows.push(attribute);
    }
    let plan = node::project(source.plan, list)?;
    let rows = Relation::new(plan, rows);
    let mut measures = vec![];
    for ((_, field), expression) in fields().filter(|((column, _), _)| column.is_measure) {
        let inputs = [&rows];
        let typed = unaliased(resolver.expression(expression, &resolver.scope(&inputs, None))?);
        measures.push((Attribute::new(Arc::clone(field)), typed));
    }
    let count = view.columns.len() - measures.len();
    let shown = rows.output[rows.output.len() - count..].iter();
    let output = shown.chain(measures.iter().map(|(attribute, _)| attribute)).cloned().collect();
    let own = MetricViewNode::new(rows.plan, MetricColumns { rows: rows.output, measures })?;
    Ok(Relation::new(LogicalPlan::Extension(Extension { node: Arc::new(own) }), output))
}

/// What `measure(argument)` stands for over a metric view; None: the argument is no measure of one.
pub(crate) fn measure(argument: &Typed, scope: &Scope) -> Option<Typed> {
    let Expr::Column(column) = &argument.expr else { return None };
    let [input] = scope.inputs else { return None };
    let columns = below(&input.plan)?;
    let (_, measure) = columns.measures.iter().find(|(own, _)| own.column.as_ref() == column.name)?;
    Some(measure.clone())
}

/// The metric view of a plan, with nothing but filters over it.
fn below(plan: &LogicalPlan) -> Option<&MetricColumns> {
    match plan {
        LogicalPlan::Filter(filter) => below(&filter.input),
        LogicalPlan::Join(join) if is_condition(join.join_type) => below(&join.left),
        LogicalPlan::Extension(extension) => node_of(extension).map(|node| node.columns.as_ref()),
        _ => None,
    }
}

fn node_of(extension: &Extension) -> Option<&MetricViewNode> {
    extension.node.as_any().downcast_ref::<MetricViewNode>()
}

/// Joins that conditions with subqueries become.
fn is_condition(join_type: JoinType) -> bool {
    matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark)
}

/// The input of an aggregation, its metric view taken apart: the rows below it, without measures.
pub(crate) fn taken_apart(input: Relation, grouping: &[Typed], list: &[Typed]) -> Result<Relation> {
    let mut found = None;
    let plan = without_node(&input.plan, &mut found)?;
    let (Some(columns), Some(plan)) = (found, plan) else { return Ok(input) };
    // A bare measure in the list is missing in GROUP BY, which is told elsewhere.
    for typed in grouping.iter().chain(list.iter().filter(|typed| contains_aggregate(&typed.expr))) {
        refuse_measures(&typed.expr, &columns, &typed.name)?;
    }
    let known = |own: &Attribute| input.output.iter().find(|other| other.id == own.id);
    let is_view =
        columns.rows.iter().chain(columns.measures.iter().map(|(own, _)| own)).any(|own| known(own).is_some());
    if !is_view || below(&input.plan).is_none() {
        return Ok(input.with_plan(plan));
    }
    // As in Spark the source's columns are in sight of HAVING and ORDER BY, and measures are not.
    let output = columns.rows.iter().map(|own| known(own).unwrap_or(own).clone()).collect();
    Ok(Relation { output, ..input.with_plan(plan) })
}

/// The plan without its metric view's node; None: there is none, or Spark does not find it there.
fn without_node(plan: &LogicalPlan, found: &mut Option<Arc<MetricColumns>>) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Extension(extension) => {
            let Some(own) = node_of(extension) else { return Ok(None) };
            *found = Some(Arc::clone(&own.columns));
            Ok(Some(own.input.as_ref().clone()))
        }
        LogicalPlan::Filter(filter) => {
            let Some(input) = without_node(&filter.input, found)? else { return Ok(None) };
            if let Some(columns) = found {
                refuse_measures(&filter.predicate, columns, "Filter")?;
            }
            node::filter(input, filter.predicate.clone()).map(Some)
        }
        LogicalPlan::Projection(projection) => {
            let Some(input) = without_node(&projection.input, found)? else { return Ok(None) };
            if let Some(columns) = found {
                projection.expr.iter().try_for_each(|expr| refuse_measures(expr, columns, "Project"))?;
            }
            node::project(input, projection.expr.clone()).map(Some)
        }
        LogicalPlan::Join(join) if is_condition(join.join_type) => {
            let Some(input) = without_node(&join.left, found)? else { return Ok(None) };
            let inputs = vec![input, join.right.as_ref().clone()];
            plan.with_new_exprs(plan.expressions(), inputs).map(Some).planned()
        }
        _ => Ok(None),
    }
}

/// Below an aggregation a measure that is not inside of `measure()` is not there any more.
fn refuse_measures(expr: &Expr, columns: &MetricColumns, operator: &str) -> Result<()> {
    let used = expr.column_refs();
    let is_used = |own: &&Attribute| used.iter().any(|column| column.name == own.column.as_ref());
    let quoted = |own: &Attribute| format!("\"{}\"", name::quote_if_needed(own.name()));
    let missing: Vec<String> = columns.measures.iter().map(|(own, _)| own).filter(is_used).map(quoted).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(SparkError::new("MISSING_ATTRIBUTES.RESOLVED_ATTRIBUTE_MISSING_FROM_INPUT")
        .with("missingAttributes", missing.join(", "))
        .with("input", columns.rows.iter().map(quoted).collect::<Vec<_>>().join(", "))
        .with("operator", operator))
}
