//! WITH: common table expressions, recursive ones by DataFusion's recursive query.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use firesteel_functions::coerce::cast_silently;
use firesteel_functions::collation;
use firesteel_functions::collection::list;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension::{Cte, CteRef, RelationKind, WithCte};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, alias, node, project, required, set_operation, to_schema};
use crate::operator::recursion::{self, Levels};
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// What a [`CteRef`] stands for.
#[derive(Debug, Clone)]
pub(crate) enum CteEntry {
    /// Resolved anew at each use.
    Plan(Arc<Cte>),
    /// The table that the recursive term reads: name and columns.
    Working { table: String, output: Vec<Attribute>, levels: Arc<Levels> },
}

/// `WITH .. SELECT`.
pub fn with(resolver: &Resolver, message: &WithCte, outer: Option<&Scope>) -> Result<Relation> {
    for cte in &message.ctes {
        let union = cte.plan.as_ref().filter(|_| cte.recursive).and_then(|plan| union_of(resolver, plan));
        if matches!(&union, Some((anchor, _, false)) if !refers_to(anchor, cte.id)) {
            return Err(SparkError::new("UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE"));
        }
        resolver.ctes.borrow_mut().insert(cte.id, CteEntry::Plan(Arc::new(cte.clone())));
    }
    let input = required(message.input.as_deref(), "WithCte")?;
    let resolved = resolver.relation_in(input, outer)?;
    // What no one uses is checked, too.
    for cte in message.ctes.iter().filter(|cte| !cte.recursive) {
        let others = message.ctes.iter().filter(|other| other.id != cte.id).filter_map(|other| other.plan.as_ref());
        let used = refers_to(input, cte.id) || others.into_iter().any(|other| refers_to(other, cte.id));
        if let (false, Some(plan)) = (used, &cte.plan) {
            resolver.relation_in(plan, outer)?;
        }
    }
    Ok(resolved)
}

/// A CTE's rows.
pub fn reference(resolver: &Resolver, message: &CteRef, outer: Option<&Scope>) -> Result<Relation> {
    let entry = resolver.ctes.borrow().get(&message.id).cloned();
    match entry.ok_or_else(|| SparkError::internal(format!("no definition for the CTE {}", message.name)))? {
        CteEntry::Plan(cte) => {
            let plan = cte.plan.as_ref().ok_or_else(|| crate::expression::missing("plan", "Cte"))?;
            let relation =
                if cte.recursive { recursive(resolver, &cte, plan)? } else { resolver.relation_in(plan, outer)? };
            let relation = relation.narrow()?;
            named(relation, &cte.column_names).map_err(|error| resolver.at(error, cte.origin.as_ref()))
        }
        CteEntry::Working { table, output, levels } => working_table(&table, &output, levels),
    }
}

fn named(relation: Relation, names: &[String]) -> Result<Relation> {
    if names.is_empty() {
        return Ok(relation);
    }
    if names.len() != relation.output.len() {
        return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
            .with("numExpr", names.len().to_string())
            .with("numTarget", relation.output.len().to_string()));
    }
    alias::rename(relation, names)
}

/// The anchor UNION the recursive term.
fn recursive(resolver: &Resolver, cte: &Cte, plan: &pb::Relation) -> Result<Relation> {
    let Some((anchor, step, _)) = union_of(resolver, plan) else {
        return Err(SparkError::new("INVALID_RECURSIVE_CTE"));
    };
    if refers_to(&anchor, cte.id) {
        return Err(SparkError::new("INVALID_RECURSIVE_CTE"));
    }
    let anchor = named(resolver.query(&anchor)?, &cte.column_names)?.narrow()?;
    // Plain names of its own: both terms and the working table agree on them.
    let output: Vec<Attribute> =
        anchor.output.iter().map(|a| Attribute::new(Arc::new(to_schema::all_nullable(&a.field)))).collect();
    let anchor_nullable: Vec<bool> = anchor.output.iter().map(|a| a.field.is_nullable()).collect();
    let cast = |own: &Attribute, new: &Attribute| -> Result<Expr> {
        Ok(cast_silently(own.typed(), new.data_type(), &resolver.env_here())?.expr.alias(new.column.as_ref()))
    };
    let names = anchor.output.iter().zip(&output).map(|(own, new)| cast(own, new)).collect::<Result<Vec<_>>>()?;
    let anchor_plan = node::project(anchor.plan, names)?;
    let table = format!("{}#{}", cte.name, crate::attribute::next_id());
    let levels = match cte.max_recursion_level {
        Some(levels) => limit(Some(levels.to_string()), 100),
        None => limit(resolver.ctx.conf("spark.sql.cteRecursionLevelLimit"), 100),
    };
    let rows = limit(resolver.ctx.conf("spark.sql.cteRecursionRowLimit"), 1_000_000);
    let levels = Levels::new(levels, rows);
    let working = CteEntry::Working { table: table.clone(), output: output.clone(), levels: Arc::clone(&levels) };
    resolver.ctes.borrow_mut().insert(cte.id, working);
    let step = resolver.query(&step);
    resolver.ctes.borrow_mut().insert(cte.id, CteEntry::Plan(Arc::new(cte.clone())));
    let step = step?;
    if step.output.len() != output.len() {
        return Err(SparkError::new("NUM_COLUMNS_MISMATCH")
            .with("operator", "UNION")
            .with("firstNumColumns", output.len().to_string())
            .with("invalidOrdinalNum", "second")
            .with("invalidNumColumns", step.output.len().to_string()));
    }
    for (own, new) in step.output.iter().zip(&output) {
        // What Spark's coercion of set operations would make another type than the first one's is refused.
        let common = set_operation::set_type(new.data_type(), own.data_type(), resolver.env());
        let is_same = |common: &arrow::datatypes::DataType| list::nullable(common) == *new.data_type();
        let units = (own.typed().units(), new.typed().units());
        if !common.is_some_and(|common| is_same(&common))
            || units.0 != units.1
            || collation::of_column(&own.field) != collation::of_column(&new.field)
        {
            return Err(SparkError::new("CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE")
                .with("left", format!("\"{}\"", name::sql_of_field(&new.field)))
                .with("right", format!("\"{}\"", name::sql_of_field(&own.field))));
        }
    }
    refuse_places(&step.plan, &table)?;
    let nullable: Vec<bool> =
        anchor_nullable.iter().zip(&step.output).map(|(anchor, step)| *anchor || step.field.is_nullable()).collect();
    let exprs = step.output.iter().zip(&output).map(|(own, new)| cast(own, new)).collect::<Result<Vec<_>>>()?;
    let step_plan = recursion::plan(node::project(step.plan, exprs)?, &levels, true);
    let plan = LogicalPlanBuilder::from(recursion::plan(anchor_plan, &levels, false))
        .to_recursive_query(table, step_plan, false)
        .planned()?
        .build()
        .planned()?;
    // A fresh use of the CTE has columns of its own, NULL where either term may be.
    let fresh: Vec<Attribute> = output
        .iter()
        .zip(nullable)
        .map(|(a, nullable)| Attribute::new(Arc::new(a.field.as_ref().clone().with_nullable(nullable))))
        .collect();
    let exprs: Vec<_> = output.iter().zip(&fresh).map(|(own, new)| own.expr().alias(new.column.as_ref())).collect();
    let plan = node::project(unqualified(plan)?, exprs)?;
    Ok(Relation::new(plan, fresh))
}

/// `INVALID_RECURSIVE_REFERENCE.PLACE`: a step sees the rows of the last one only, so it may neither gather them nor look for
/// what is not among them. Whether the plan reads the working table.
fn refuse_places(plan: &LogicalPlan, table: &str) -> Result<bool> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    let mut reads = vec![];
    for input in plan.inputs() {
        reads.push(refuse_places(input, table)?);
    }
    // A subquery may look for a row of the last step, but not gather them.
    let mut wrong = None;
    let visited = plan.apply_expressions(|expression| {
        expression.apply(|inner| {
            let subquery = match inner {
                Expr::ScalarSubquery(subquery) => subquery,
                Expr::Exists(exists) => &exists.subquery,
                Expr::InSubquery(subquery) => &subquery.subquery,
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            match refuse_places(&subquery.subquery, table) {
                Ok(read) if read && matches!(inner, Expr::ScalarSubquery(_)) => {
                    wrong = Some(SparkError::new("INVALID_RECURSIVE_REFERENCE.PLACE").placeless());
                }
                Ok(_) => {}
                Err(error) => wrong = Some(error),
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    visited.planned()?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let refused = match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Sort(_) => reads.contains(&true),
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => reads[1],
            JoinType::Right => reads[0],
            JoinType::Full => reads.contains(&true),
            _ => false,
        },
        _ => false,
    };
    if refused {
        return Err(SparkError::new("INVALID_RECURSIVE_REFERENCE.PLACE").placeless());
    }
    let own = matches!(plan, LogicalPlan::TableScan(scan) if scan.table_name.table() == table);
    Ok(own || reads.contains(&true))
}

/// Whether a plan names the CTE: the reference stands in it, encoded.
fn refers_to(plan: &pb::Relation, id: i64) -> bool {
    crate::sql::query::mentions(plan, id)
}

/// A limit as set, -1 for none.
fn limit(set: Option<String>, default: usize) -> Option<usize> {
    match set.and_then(|text| text.trim().parse::<i64>().ok()) {
        None => Some(default),
        Some(limit) => usize::try_from(limit).ok(),
    }
}

fn unqualified(plan: LogicalPlan) -> Result<LogicalPlan> {
    let exprs: Vec<_> = plan
        .schema()
        .columns()
        .into_iter()
        .map(|column| {
            let name = column.name.clone();
            datafusion::logical_expr::Expr::Column(column).alias(name)
        })
        .collect();
    if plan.schema().columns().iter().all(|column| column.relation.is_none()) {
        return Ok(plan);
    }
    node::project(plan, exprs)
}

/// The table that holds the rows of the last step.
fn working_table(table: &str, output: &[Attribute], levels: Arc<Levels>) -> Result<Relation> {
    let fields: Vec<_> = output.iter().map(|a| a.field.as_ref().clone().with_name(a.column.as_ref())).collect();
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let provider = recursion::working_table(levels, schema)?;
    let source = datafusion::datasource::provider_as_source(Arc::new(provider));
    let plan = LogicalPlanBuilder::scan(datafusion::common::TableReference::bare(table), source, None)
        .planned()?
        .build()
        .planned()?;
    // Each use has columns of its own.
    let fresh = project::attributes(&output.iter().map(|a| Arc::clone(&a.field)).collect());
    let exprs: Vec<_> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(&fresh)
        .map(|(own, new)| datafusion::logical_expr::Expr::Column(own).alias(new.column.as_ref()))
        .collect();
    let plan = node::project(plan, exprs)?;
    Ok(Relation::new(plan, fresh))
}

/// Finds the UNION at the top: anchor, recursive term, ALL.
fn union_of(resolver: &Resolver, plan: &pb::Relation) -> Option<(pb::Relation, pb::Relation, bool)> {
    match plan.rel_type.as_ref()? {
        RelType::SetOp(op) if op.set_op_type() == pb::set_operation::SetOpType::Union => {
            let (left, right) = (op.left_input.as_deref()?, op.right_input.as_deref()?);
            Some((left.clone(), right.clone(), op.is_all.unwrap_or(true)))
        }
        RelType::WithRelations(with) => {
            resolver.register_references(&with.references);
            union_of(resolver, with.root.as_deref()?)
        }
        RelType::Deduplicate(distinct) => {
            let (left, right, _) = union_of(resolver, distinct.input.as_deref()?)?;
            Some((left, right, false))
        }
        RelType::Extension(any) => match RelationKind::from_any(any)? {
            RelationKind::WithCte(with) => {
                for cte in &with.ctes {
                    resolver.ctes.borrow_mut().insert(cte.id, CteEntry::Plan(Arc::new(cte.clone())));
                }
                union_of(resolver, with.input.as_deref()?)
            }
            _ => None,
        },
        _ => None,
    }
}
