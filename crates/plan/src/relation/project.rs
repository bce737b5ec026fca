//! SELECT: projection, with generators, windows and global aggregates in its list.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder};
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::{Result, SparkError};

use super::{Relation, aggregate, generate, node};
use crate::attribute::next_id;
use crate::expression::aggregate::{contains_aggregate, contains_window, replace};
use crate::expression::select::{Selected, select_all};
use crate::expression::walk;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

pub fn resolve(resolver: &Resolver, project: &pb::Project, outer: Option<&Scope>) -> Result<Relation> {
    let input = match project.input.as_deref() {
        Some(input) => resolver.relation_in(input, outer)?,
        None => one_row(),
    };
    select_list(resolver, input, &project.expressions, outer)
}

/// One row without columns: SELECT without FROM.
pub fn one_row() -> Relation {
    let empty = EmptyRelation { produce_one_row: true, schema: Arc::new(datafusion::common::DFSchema::empty()) };
    Relation::new(LogicalPlan::EmptyRelation(empty), vec![])
}

/// Resolves a select list over `input`.
pub fn select_list(
    resolver: &Resolver,
    input: Relation,
    list: &[pb::Expression],
    outer: Option<&Scope>,
) -> Result<Relation> {
    if list.is_empty() {
        return Ok(Relation { output: vec![], ..input });
    }
    if let Some(generated) = generate::select_list(resolver, &input, list, outer)? {
        return Ok(generated);
    }
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let columns = resolve_list(resolver, list, &scope)?;
    if let Some(bare) = columns.iter().find(|typed| crate::expression::aggregate::is_bare_window(&typed.expr)) {
        return Err(
            SparkError::new("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE").with("funcName", format!("\"{}\"", bare.name))
        );
    }
    if columns.iter().any(|column| contains_aggregate(&column.expr)) {
        aggregate::refuse_outer(resolver, &[], &[], &columns, list, &scope)?;
        aggregate::refuse_correlated(resolver, &[], &columns, list, &scope)?;
        return aggregate::global(resolver, input, columns).map_err(|error| aggregate::at_part(resolver, error, list));
    }
    project(resolver, input, columns)
}

/// Resolves a list; a name that no column has may be an alias further left in the list (lateral column alias).
pub(crate) fn resolve_list(resolver: &Resolver, list: &[pb::Expression], scope: &Scope) -> Result<Vec<Typed>> {
    let mut columns: Vec<Typed> = Vec::with_capacity(list.len());
    let mut aliases: Vec<Typed> = vec![];
    for expression in list {
        match resolver.expressions(std::slice::from_ref(expression), scope) {
            Ok(resolved) => columns.extend(resolved),
            Err(error)
                if error.condition().starts_with("UNRESOLVED_COLUMN")
                    && !aliases.is_empty()
                    && resolver.ctx.conf_bool("spark.sql.lateralColumnAlias.enableImplicitResolution", true) =>
            {
                match resolver
                    .with_lateral_aliases(&aliases, || resolver.expressions(std::slice::from_ref(expression), scope))
                {
                    Ok(resolved) => {
                        resolver.with_lateral_aliases(&aliases, || refuse_lateral(resolver, expression, scope))?;
                        columns.extend(resolved);
                    }
                    Err(other) if other.condition().contains("LATERAL_COLUMN_ALIAS") => return Err(other),
                    Err(_) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
        if let (Some(ExprType::Alias(_)), Some(last)) = (&expression.expr_type, columns.last()) {
            aliases.push(last.clone());
        }
    }
    Ok(columns)
}

/// An aggregate function may not take an alias of its own list.
fn refuse_lateral(resolver: &Resolver, expression: &pb::Expression, scope: &Scope) -> Result<()> {
    for call in walk::find(expression, &walk::is_aggregate) {
        let shown = resolver.expression(&call, scope)?.name;
        if let Some((_, rest)) = shown.split_once("lateralAliasReference(") {
            let alias = rest.split_once(')').map_or(rest, |(alias, _)| alias);
            return Err(SparkError::new("UNSUPPORTED_FEATURE.LATERAL_COLUMN_ALIAS_IN_AGGREGATE_FUNC")
                .with("lca", firesteel_protocol::types::name::quote(alias))
                .with("aggFunc", format!("\"{shown}\""))
                .raised_as("UNRESOLVED_COLUMN")
                .placeless());
        }
    }
    Ok(())
}

/// Projects resolved columns, computing window functions first.
pub fn project(resolver: &Resolver, input: Relation, columns: Vec<Typed>) -> Result<Relation> {
    let (input, columns) = super::supplied(resolver, input, columns, super::subquery::Clause::Select)?;
    let selected = select_all(columns, &input);
    let (plan, selected) = windows(input.plan.clone(), selected)?;
    let base = Relation { plan, ..input };
    base.project(selected)
}

/// Adds plan nodes for window functions and replaces them by their columns.
pub fn windows(plan: LogicalPlan, mut selected: Vec<Selected>) -> Result<(LogicalPlan, Vec<Selected>)> {
    let mut plan = plan;
    // A window function over another one's result is computed after it.
    while selected.iter().any(|column| contains_window(&column.expr)) {
        let mut found: Vec<Expr> = vec![];
        for column in &selected {
            innermost_windows(&column.expr, &mut found)?;
        }
        // Arguments, partition and order keys become columns first, so that no two windows share a name.
        let mut computed: Vec<(Expr, Expr)> = vec![];
        let mut prepared = vec![];
        for window in &found {
            prepared.push(prepare(window, &mut computed)?);
        }
        if !computed.is_empty() {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            exprs.extend(computed.iter().map(|(expr, column)| expr.clone().alias(column_name(column))));
            plan = node::project(plan, exprs)?;
        }
        // Windows that differ, but not in DataFusion's name of them, are computed one after the other.
        let mut taken: Vec<(Expr, String)> = vec![];
        let mut distinct: Vec<Expr> = vec![];
        for (own, window) in found.iter().zip(&prepared) {
            let name = window.schema_name().to_string();
            match taken.iter().zip(&distinct).find(|((_, known), _)| *known == name) {
                Some((_, known)) if known != window => {}
                Some(_) => taken.push((own.clone(), name)),
                None => {
                    taken.push((own.clone(), name));
                    distinct.push(window.clone());
                }
            }
        }
        let postponed = taken.len() < found.len();
        plan = LogicalPlanBuilder::window_plan(plan, distinct).planned()?;
        if postponed {
            let fresh = |name: &str| format!("{name}#{}", next_id());
            let mut exprs: Vec<Expr> = vec![];
            for own in plan.schema().columns() {
                let new = taken.iter().any(|(_, name)| *name == own.name).then(|| fresh(&own.name));
                match new {
                    Some(new) => {
                        let same = taken.iter_mut().filter(|(_, name)| *name == own.name);
                        same.for_each(|(_, name)| name.clone_from(&new));
                        exprs.push(Expr::Column(own).alias(new));
                    }
                    None => exprs.push(Expr::Column(own)),
                }
            }
            plan = node::project(plan, exprs)?;
        }
        for column in &mut selected {
            column.expr = replace(column.expr.clone(), |node| {
                let known = taken.iter().find(|(window, _)| window == node);
                Ok(known.map(|(_, name)| Expr::Column(Column::new_unqualified(name))))
            })?;
        }
    }
    Ok((plan, selected))
}

fn innermost_windows(expr: &Expr, found: &mut Vec<Expr>) -> Result<()> {
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    expr.apply(|node| {
        if let Expr::WindowFunction(window) = node {
            let params = &window.params;
            let inner = params.args.iter().chain(&params.partition_by).chain(params.order_by.iter().map(|o| &o.expr));
            if !inner.into_iter().any(contains_window) {
                if !found.contains(node) {
                    found.push(node.clone());
                }
                return Ok(TreeNodeRecursion::Jump);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .planned()?;
    Ok(())
}

fn prepare(window: &Expr, computed: &mut Vec<(Expr, Expr)>) -> Result<Expr> {
    let Expr::WindowFunction(window) = window else { return Ok(window.clone()) };
    let mut window = window.clone();
    let mut column = |expr: &mut Expr| {
        if matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
            return;
        }
        let known = computed.iter().find(|(own, _)| own == expr).map(|(_, column)| column.clone());
        let new = known.unwrap_or_else(|| {
            let new = Expr::Column(Column::new_unqualified(format!("_w#{}", next_id())));
            computed.push((expr.clone(), new.clone()));
            new
        });
        *expr = new;
    };
    window.params.args.iter_mut().for_each(&mut column);
    window.params.partition_by.iter_mut().for_each(&mut column);
    window.params.order_by.iter_mut().map(|order| &mut order.expr).for_each(&mut column);
    Ok(Expr::WindowFunction(window))
}

pub(crate) fn column_name(column: &Expr) -> String {
    match column {
        Expr::Column(column) => column.name.clone(),
        other => other.schema_name().to_string(),
    }
}

impl Resolver<'_> {
    /// Makes aliases of a list nameable while `resolve` runs.
    pub(crate) fn with_lateral_aliases<T>(&self, columns: &[Typed], resolve: impl FnOnce() -> Result<T>) -> Result<T> {
        let before = self.lateral.borrow().len();
        self.lateral.borrow_mut().extend(columns.iter().filter(|c| matches!(c.expr, Expr::Alias(_))).cloned());
        let result = resolve();
        self.lateral.borrow_mut().truncate(before);
        result
    }
}

/// Attributes for new columns of these fields.
pub(crate) fn attributes(fields: &arrow::datatypes::Fields) -> Vec<Attribute> {
    fields.iter().map(|field| Attribute::new(Arc::clone(field))).collect()
}
