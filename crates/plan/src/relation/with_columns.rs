//! `withColumn(s)`, `withColumnRenamed`, `drop`.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::extension::PipeColumns;
use firesteel_protocol::types::METADATA_KEY;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, project, required};
use crate::expression::aggregate::contains_window;
use crate::expression::select::{Selected, select_all};
use crate::expression::walk;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// New columns replace those of their name, in place. Chains of these are long: see [`Chain`].
pub fn resolve(resolver: &Resolver, message: &pb::WithColumns, outer: Option<&Scope>) -> Result<Relation> {
    let mut inner = vec![];
    let mut bottom = required(message.input.as_deref(), "WithColumns")?;
    while let Some(RelType::WithColumns(below)) = &bottom.rel_type
        && !resolver.is_resolved_apart(bottom)
    {
        inner.push((bottom, below.as_ref()));
        bottom = required(below.input.as_deref(), "WithColumns")?;
    }
    let outermost = resolver.depth.get();
    resolver.depth.set(outermost + inner.len());
    let mut chain = Chain::new(resolver.relation_in(bottom, outer)?);
    while let Some((relation, below)) = inner.pop() {
        resolver.depth.set(outermost + inner.len() + 1);
        let origin = relation.common.as_ref().and_then(|common| common.origin.as_ref());
        chain.add(resolver, below, outer).map_err(|error| resolver.at(error, origin))?;
        resolver.depth.set(outermost + inner.len());
        resolver.remember(relation, &chain.relation.output);
    }
    resolver.depth.set(outermost);
    chain.add(resolver, message, outer)?;
    chain.finish()
}

/// A relation, and columns over it that are not in its plan yet: one projection takes many of them.
struct Chain {
    /// With the output that it will have.
    relation: Relation,
    waiting: Option<Waiting>,
}

/// A projection to be made.
struct Waiting {
    input: Relation,
    list: Vec<Selected>,
    /// Names in the plan of what it computes.
    computed: HashSet<Arc<str>>,
}

impl Chain {
    fn new(relation: Relation) -> Self {
        Self { relation, waiting: None }
    }

    fn add(&mut self, resolver: &Resolver, message: &pb::WithColumns, outer: Option<&Scope>) -> Result<()> {
        let inputs = [&self.relation];
        let scope = resolver.scope(&inputs, outer);
        let case_sensitive = scope.case_sensitive;
        let same = |a: &str, b: &str| if case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
        let mut new: Vec<Typed> = vec![];
        for alias in &message.aliases {
            let [name] = alias.name.as_slice() else {
                return Err(SparkError::internal("withColumns needs one name a column"));
            };
            if new.iter().any(|own| same(&own.name, name)) {
                return Err(SparkError::new("COLUMN_ALREADY_EXISTS")
                    .with("columnName", firesteel_protocol::types::name::quote(&name.to_lowercase())));
            }
            let expression = pb::Expression { common: None, expr_type: Some(ExprType::Alias(Box::new(alias.clone()))) };
            // A generator as a new column makes rows: that is a select list's business.
            if alias.expr.as_deref().is_some_and(|e| super::generate::is_generator(resolver, e)) {
                self.relation = with_generator(resolver, self.flushed()?, message, outer)?;
                return Ok(());
            }
            let mut resolved = match resolver.expression(&expression, &scope) {
                // A column may name one that comes before it in the same call.
                Err(error) if !new.is_empty() && error.condition().starts_with("UNRESOLVED_COLUMN") => {
                    let around = self.flushed()?;
                    self.relation = with_generator(resolver, around, message, outer)?;
                    return Ok(());
                }
                resolved => resolved?,
            };
            // Metadata of a column do not go over to what is computed of it.
            if alias.metadata.is_none() {
                resolved.metadata.remove(METADATA_KEY);
            }
            new.push(resolved);
        }
        let names: Vec<String> = new.iter().map(|typed| typed.name.clone()).collect();
        if !new.iter().all(|column| self.can_wait(&column.expr)) {
            let input = self.flushed()?;
            if !new.iter().all(|column| is_plain(&column.expr)) {
                self.relation = over(resolver, input, &names, new, same)?;
                return Ok(());
            }
            self.relation = input;
        }
        // What stays is neither looked at nor copied: a chain of these may be long and wide.
        let new = select_all(new, &self.relation);
        let Waiting { list, computed, .. } = self.waiting.get_or_insert_with(|| {
            let kept = |attribute: &Attribute| Selected { expr: attribute.expr(), attribute: attribute.clone() };
            let list = self.relation.output.iter().map(kept).collect();
            Waiting { input: self.relation.clone(), list, computed: HashSet::new() }
        });
        let stays =
            |new: &Selected| matches!(&new.expr, Expr::Column(own) if own.name == new.attribute.column.as_ref());
        computed.extend(new.iter().filter(|new| !stays(new)).map(|new| Arc::clone(&new.attribute.column)));
        let mut placed = vec![false; new.len()];
        for (at, attribute) in self.relation.output.iter_mut().enumerate() {
            if let Some(which) = names.iter().position(|name| same(name, attribute.name())) {
                placed[which] = true;
                *attribute = new[which].attribute.clone();
                list[at] = new[which].clone();
            }
        }
        for (column, _) in new.into_iter().zip(placed).filter(|(_, placed)| !placed) {
            self.relation.output.push(column.attribute.clone());
            list.push(column);
        }
        Ok(())
    }

    /// Whether an expression can be computed beside the columns that wait: it uses none of them.
    fn can_wait(&self, expr: &Expr) -> bool {
        let uses = |computed: &HashSet<Arc<str>>| {
            expr.exists(|node| Ok(matches!(node, Expr::Column(column) if computed.contains(column.name.as_str()))))
                .unwrap_or(true)
        };
        is_plain(expr) && !self.waiting.as_ref().is_some_and(|waiting| uses(&waiting.computed))
    }

    /// The relation with all columns in its plan.
    fn flushed(&mut self) -> Result<Relation> {
        match self.waiting.take() {
            None => Ok(self.relation.clone()),
            Some(waiting) => waiting.input.project(waiting.list),
        }
    }

    fn finish(mut self) -> Result<Relation> {
        self.flushed()
    }
}

/// Whether nothing has to be done to the input before an expression can be computed over it.
fn is_plain(expr: &Expr) -> bool {
    super::node::is_plain_work(expr) && !super::needs_supply(expr)
}

/// New columns that may be aggregates, windows, subqueries.
fn over(
    resolver: &Resolver,
    input: Relation,
    names: &[String],
    new: Vec<Typed>,
    same: impl Fn(&str, &str) -> bool,
) -> Result<Relation> {
    if new.iter().any(|column| crate::expression::aggregate::contains_aggregate(&column.expr)) {
        let columns = in_place(&input.output, names, new, same, Attribute::typed);
        return super::aggregate::global(resolver, input, columns);
    }
    let (input, new) = super::supplied(resolver, input, new, super::subquery::Clause::Select)?;
    let has_windows = new.iter().any(|column| contains_window(&column.expr));
    let kept = |attribute: &Attribute| Selected { expr: attribute.expr(), attribute: attribute.clone() };
    let selected = in_place(&input.output, names, select_all(new, &input), same, kept);
    if !has_windows {
        return input.project(selected);
    }
    let (plan, selected) = project::windows(input.plan.clone(), selected)?;
    Relation { plan, ..input }.project(selected)
}

/// `|> EXTEND` and `|> SET`: neither aggregates, and SET knows its columns.
pub fn pipe(resolver: &Resolver, message: &PipeColumns, outer: Option<&Scope>) -> Result<Relation> {
    let input = required(message.input.as_deref(), "PipeColumns")?;
    let resolved = resolver.relation_in(input, outer)?;
    if message.columns.is_empty() {
        return Ok(Relation { origin: None, hidden: vec![], ..resolved });
    }
    let inputs = [&resolved];
    let scope = resolver.scope(&inputs, outer);
    for column in &message.columns {
        let calls = walk::find(column, &walk::is_aggregate);
        if let (Some(call), Some(inner)) = (calls.first(), calls.first())
            && !walk::is_window(inner)
        {
            let clause = if message.set { "SET" } else { "EXTEND" };
            let shown = resolver.name_with(walk::Names::WithIds, call, &scope);
            let error = SparkError::new("PIPE_OPERATOR_CONTAINS_AGGREGATE_FUNCTION");
            return Err(resolver.at_expression(error.with("expr", shown).with("clause", clause), call));
        }
    }
    if !message.set {
        let star = pb::expression::UnresolvedStar::default();
        let star = pb::Expression { common: None, expr_type: Some(ExprType::UnresolvedStar(star)) };
        let list: Vec<pb::Expression> = std::iter::once(star).chain(message.columns.iter().cloned()).collect();
        return project::select_list(resolver, resolved, &list, outer);
    }
    let mut aliases = vec![];
    for column in &message.columns {
        let Some(ExprType::Alias(alias)) = &column.expr_type else { continue };
        let same = |a: &str, b: &str| if scope.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
        if let [name] = alias.name.as_slice()
            && !resolved.output.iter().any(|own| same(own.name(), name))
        {
            return Err(crate::scope::unresolved_in_order(&alias.name, scope.output()));
        }
        aliases.push(alias.as_ref().clone());
    }
    let message = pb::WithColumns { input: Some(Box::new(input.clone())), aliases };
    resolve(resolver, &message, outer)
}

/// New columns in the places of those of their names, the others behind.
fn in_place<T>(
    output: &[Attribute],
    names: &[String],
    new: Vec<T>,
    same: impl Fn(&str, &str) -> bool,
    kept: impl Fn(&Attribute) -> T,
) -> Vec<T>
where
    T: Clone,
{
    let mut placed = vec![false; new.len()];
    let mut columns = Vec::with_capacity(output.len() + new.len());
    for attribute in output {
        match names.iter().position(|name| same(name, attribute.name())) {
            Some(at) => {
                placed[at] = true;
                columns.push(new[at].clone());
            }
            None => columns.push(kept(attribute)),
        }
    }
    columns.extend(new.into_iter().zip(placed).filter(|(_, placed)| !placed).map(|(column, _)| column));
    columns
}

fn with_generator(
    resolver: &Resolver,
    input: Relation,
    message: &pb::WithColumns,
    outer: Option<&Scope>,
) -> Result<Relation> {
    let same = |a: &str, b: &str| if resolver.env().case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let mut list = vec![];
    let named = |alias: &pb::expression::Alias| pb::Expression {
        common: None,
        expr_type: Some(ExprType::Alias(Box::new(alias.clone()))),
    };
    let mut placed = vec![false; message.aliases.len()];
    for attribute in &input.output {
        match message
            .aliases
            .iter()
            .position(|alias| alias.name.first().is_some_and(|name| same(name, attribute.name())))
        {
            Some(at) => {
                placed[at] = true;
                list.push(named(&message.aliases[at]));
            }
            None => list.push(super::sort::by_id(attribute.id)),
        }
    }
    list.extend(message.aliases.iter().zip(placed).filter(|(_, placed)| !placed).map(|(alias, _)| named(alias)));
    project::select_list(resolver, input, &list, outer)
}

/// Names that the relation does not have are left alone.
pub fn renamed(resolver: &Resolver, message: &pb::WithColumnsRenamed, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "WithColumnsRenamed")?, outer)?;
    let same = |a: &str, b: &str| if resolver.env().case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let mut renames: Vec<(String, String)> = vec![];
    for rename in &message.renames {
        if let [name] = rename.new_col_name.as_str().lines().collect::<Vec<_>>().as_slice() {
            renames.push((rename.col_name.clone(), (*name).to_string()));
        } else {
            renames.push((rename.col_name.clone(), rename.new_col_name.clone()));
        }
    }
    renames.extend(message.rename_columns_map.iter().map(|(old, new)| (old.clone(), new.clone())));
    let names: Vec<String> = input
        .output
        .iter()
        .map(|attribute| {
            let mut name = attribute.name().to_string();
            for (old, new) in &renames {
                if same(&name, old) {
                    name.clone_from(new);
                }
            }
            name
        })
        .collect();
    let list = input
        .output
        .iter()
        .zip(&names)
        .map(|(attribute, name)| {
            let mut typed = attribute.typed();
            if attribute.name() != name {
                typed.expr = typed.expr.alias(name.clone());
                typed.name.clone_from(name);
            }
            typed
        })
        .collect();
    input.select(list)
}

/// Columns by name or by expression; what is not there is not dropped.
pub fn drop(resolver: &Resolver, message: &pb::Drop, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Drop")?, outer)?;
    let same = |a: &str, b: &str| if resolver.env().case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let mut dropped: Vec<u64> = vec![];
    for name in &message.column_names {
        dropped
            .extend(input.output.iter().filter(|attribute| same(attribute.name(), name)).map(|attribute| attribute.id));
    }
    for expression in &message.columns {
        match resolver.expression(expression, &scope) {
            Ok(typed) => {
                let expr = crate::expression::unaliased(typed).expr;
                dropped.extend(
                    input.output.iter().filter(|attribute| attribute.expr() == expr).map(|attribute| attribute.id),
                );
            }
            Err(error) if error.condition() == "AMBIGUOUS_REFERENCE" => return Err(error),
            // Spark drops what it finds and leaves the rest.
            Err(_) => {}
        }
    }
    let kept: Vec<Attribute> =
        input.output.iter().filter(|attribute| !dropped.contains(&attribute.id)).cloned().collect();
    if kept.len() == input.output.len() {
        return Ok(input.clone());
    }
    let columns = kept.iter().map(Attribute::typed).collect();
    input.clone().select(columns)
}
