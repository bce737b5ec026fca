//! `*`, `t.*`, `struct.*`, `df.*`, `* EXCEPT (..)` and columns chosen by a regular expression.

use arrow::datatypes::DataType;
use firesteel_functions::Typed;
use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::{ExpressionKind, StarExcept};
use firesteel_protocol::{Result, SparkError};

use crate::scope::{Scope, quote_parts};
use crate::{Attribute, Resolver, sql};

/// The columns that a star or regular expression stands for; None for any other expression.
pub fn expand(resolver: &Resolver, expression: &pb::Expression, scope: &Scope) -> Result<Option<Vec<Typed>>> {
    match expression.expr_type.as_ref() {
        Some(ExprType::UnresolvedStar(star)) => match (&star.unparsed_target, star.plan_id) {
            (None, Some(plan_id)) => of_plan(resolver, plan_id, scope).map(Some),
            (None, None) => all(scope).map(Some),
            (Some(target), _) => {
                let target = target.strip_suffix(".*").unwrap_or(target);
                of_target(resolver, &sql::parse_column_name(target)?, scope).map(Some)
            }
        },
        Some(ExprType::ExpressionString(text)) if text.expression.trim_end().ends_with('*') => {
            let parsed = sql::parse_expression(&text.expression, &resolver.sql_context())?;
            expand(resolver, &parsed, scope)
        }
        Some(ExprType::UnresolvedRegex(regex)) => super::regex::expand(resolver, regex, scope).map(Some),
        Some(ExprType::Extension(any)) => match ExpressionKind::from_any(any) {
            Some(ExpressionKind::StarExcept(star)) => except(resolver, &star, scope).map(Some),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn all(scope: &Scope) -> Result<Vec<Typed>> {
    Ok(scope.output().map(Attribute::typed).collect())
}

fn of_plan(resolver: &Resolver, plan_id: i64, scope: &Scope) -> Result<Vec<Typed>> {
    let outputs = resolver.outputs.borrow();
    let ids: Vec<u64> =
        outputs.get(&plan_id).into_iter().flatten().flat_map(|o| &o.output).map(|attribute| attribute.id).collect();
    let columns: Vec<Typed> =
        scope.output().filter(|attribute| ids.contains(&attribute.id)).map(Attribute::typed).collect();
    if columns.is_empty() {
        return Err(SparkError::new("CANNOT_RESOLVE_DATAFRAME_COLUMN").with("name", "`*`"));
    }
    Ok(columns)
}

/// Columns of a qualifier, else fields of a struct column.
fn of_target(resolver: &Resolver, target: &[String], scope: &Scope) -> Result<Vec<Typed>> {
    let same = |a: &String, b: &String| if scope.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let qualified = |attribute: &&Attribute| {
        let own = &attribute.qualifier;
        target.len() <= own.len() && own[own.len() - target.len()..].iter().zip(target).all(|(a, b)| same(a, b))
    };
    // Columns hidden by USING are still columns of their own table, and come first.
    let of_file = |own: &&Attribute| own.name() == "_metadata" || own.name().starts_with("__input_file");
    let hidden = scope.inputs.iter().flat_map(|r| r.hidden.iter()).filter(|own| !of_file(own));
    let columns: Vec<Typed> = hidden.chain(scope.output()).filter(qualified).map(Attribute::typed).collect();
    if !columns.is_empty() {
        return Ok(columns);
    }
    if let Some(found) = scope.find(target)? {
        let column = resolver.nested(found.attribute.typed(), found.rest)?;
        if let DataType::Struct(fields) = &column.data_type {
            let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
            return names.iter().map(|name| resolver.nested(column.clone(), std::slice::from_ref(name))).collect();
        }
        return Err(
            SparkError::new("_LEGACY_ERROR_TEMP_1050").with("attributes", format!("List({})", target.join(", ")))
        );
    }
    let mut columns: Vec<String> =
        scope.output().map(|attribute| firesteel_protocol::types::name::quote(attribute.name())).collect();
    columns.sort();
    Err(SparkError::new("CANNOT_RESOLVE_STAR_EXPAND")
        .with("targetString", quote_parts(target))
        .with("columns", columns.join(", ")))
}

fn except(resolver: &Resolver, star: &StarExcept, scope: &Scope) -> Result<Vec<Typed>> {
    let mut columns = match &star.unparsed_target {
        Some(target) => of_target(resolver, &sql::parse_column_name(target)?, scope)?,
        None => all(scope)?,
    };
    let mut written: Vec<String> = star.except.iter().map(|name| name.to_lowercase()).collect();
    written.sort();
    if written.windows(2).any(|two| two[0] == two[1]) {
        return Err(SparkError::new("EXCEPT_OVERLAPPING_COLUMNS").with("columns", star.except.join(", ")));
    }
    let same = |a: &str, b: &str| if scope.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    for name in &star.except {
        let parts = sql::parse_column_name(name)?;
        // Behind `t.*` names are first those of its columns.
        let own = columns.iter().position(|column| star.unparsed_target.is_some() && same(&column.name, &parts[0]));
        let (at, path) = match own {
            Some(at) => (Some(at), parts[1..].to_vec()),
            None => {
                let Some(found) = scope.find(&parts)? else {
                    return Err(crate::scope::unresolved_in_order(&parts, scope.output()));
                };
                let expr = found.attribute.expr();
                (columns.iter().position(|column| column.expr == expr), found.rest.to_vec())
            }
        };
        match at {
            Some(at) if path.is_empty() => {
                columns.remove(at);
            }
            Some(at) => columns[at] = super::update_fields::without(resolver, columns[at].clone(), &path)?,
            None => {}
        }
    }
    Ok(columns)
}
