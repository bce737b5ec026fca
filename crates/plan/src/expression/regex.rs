//! Columns whose names match a regular expression: `df.colRegex("`a.*`")`.

use firesteel_functions::Typed;
use firesteel_functions::string::regex::compile;
use firesteel_protocol::{Result, connect as pb};

use crate::Resolver;
use crate::scope::Scope;

/// All visible columns whose whole name matches, whatever the case.
pub fn expand(resolver: &Resolver, message: &pb::expression::UnresolvedRegex, scope: &Scope) -> Result<Vec<Typed>> {
    let text = message.col_name.trim();
    let (qualifier, pattern) = match text.rsplit_once(".`") {
        Some((qualifier, pattern)) => (Some(qualifier.trim_matches('`')), pattern.trim_end_matches('`')),
        None => (None, text.trim_matches('`')),
    };
    if pattern.contains(['*', '.', '(', '|', '[', '+', '?']) && !text.ends_with('`') {
        // Only what stands in backticks is a pattern; the rest is a name.
        crate::sql::parse_column_name(text)?;
    }
    let flags = if resolver.env().case_sensitive { "" } else { "(?i)" };
    let matcher = compile(&format!("{flags}^(?:{pattern})$"), "colRegex")?;
    let outputs = resolver.outputs.borrow();
    let ids: Option<Vec<u64>> = message
        .plan_id
        .and_then(|id| outputs.get(&id))
        .map(|all| all.iter().flat_map(|o| &o.output).map(|attribute| attribute.id).collect());
    let columns: Vec<&crate::Attribute> = scope
        .output()
        .filter(|attribute| ids.as_ref().is_none_or(|ids| ids.contains(&attribute.id)))
        .filter(|attribute| {
            qualifier.is_none_or(|q| attribute.qualifier.last().is_some_and(|own| own.eq_ignore_ascii_case(q)))
        })
        .collect();
    let mut found = vec![];
    for attribute in columns {
        if matcher.is_match(attribute.name())? {
            found.push(attribute.typed());
        }
    }
    Ok(found)
}
