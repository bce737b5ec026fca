//! Names in sight of an expression, and how Spark finds a column by its name.
//! Spark's `AttributeSeq.resolve` and `ColumnResolutionHelper`.

use arrow::datatypes::DataType;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::{Attribute, Relation};

/// The relations whose columns an expression may name, and the enclosing query's scope.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// One relation; both sides in a join condition.
    pub inputs: &'a [&'a Relation],
    /// The query around a subquery: its columns are outer references.
    pub outer: Option<&'a Scope<'a>>,
    pub case_sensitive: bool,
    /// HAVING: aggregates of these columns inside of a subquery are computed here.
    pub computes_aggregates: bool,
}

/// A found column, and the nested fields still to be extracted from it.
#[derive(Debug)]
pub struct Found<'n> {
    pub attribute: Attribute,
    pub rest: &'n [String],
}

impl<'a> Scope<'a> {
    /// Visible columns, in order.
    pub fn output(&self) -> impl Iterator<Item = &'a Attribute> + use<'a> {
        self.inputs.iter().flat_map(|relation| relation.output.iter())
    }

    /// Finds `parts` among the visible columns, else among the hidden ones. None: no such column.
    pub fn find<'n>(&self, parts: &'n [String]) -> Result<Option<Found<'n>>> {
        let visible: Vec<&Attribute> = self.output().collect();
        if let Some(found) = find_in(&visible, parts, self.case_sensitive)? {
            return Ok(Some(found));
        }
        let hidden: Vec<&Attribute> = self.inputs.iter().flat_map(|relation| relation.hidden.iter()).collect();
        find_in(&hidden, parts, self.case_sensitive)
    }

    /// `UNRESOLVED_COLUMN` with the most similar names.
    pub fn unresolved_column(&self, parts: &[String]) -> SparkError {
        unresolved(parts, self.output())
    }
}

/// Words `UNRESOLVED_COLUMN.*` with the five most similar names. Spark's analyzer knows the candidates in the order of their
/// names, those of equal names as they came, and among equally similar ones that order stays.
pub fn unresolved<'a>(parts: &[String], candidates: impl Iterator<Item = &'a Attribute>) -> SparkError {
    let mut candidates: Vec<&Attribute> = candidates.collect();
    candidates.sort_by_key(|attribute| (attribute.name().to_string(), attribute.id));
    unresolved_in_order(parts, candidates.into_iter())
}

/// [`unresolved`] with the first five columns, however similar, as `Dataset.resolve` words it (`df.na`).
pub fn unresolved_as_listed<'a>(parts: &[String], columns: impl Iterator<Item = &'a Attribute>) -> SparkError {
    let proposal: Vec<String> = columns.take(5).map(|column| name::quote(column.name())).collect();
    SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION")
        .with("objectName", quote_parts(parts))
        .with("proposal", proposal.join(", "))
}

/// [`unresolved`] with the candidates in the order of the schema.
pub fn unresolved_in_order<'a>(parts: &[String], candidates: impl Iterator<Item = &'a Attribute>) -> SparkError {
    let name = quote_parts(parts);
    let candidates: Vec<Vec<&str>> = candidates
        .map(|attribute| attribute.qualifier.iter().map(String::as_str).chain([attribute.name()]).collect())
        .collect();
    let proposal = suggestions(parts, &candidates);
    if proposal.is_empty() {
        return SparkError::new("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION").with("objectName", name);
    }
    SparkError::new("UNRESOLVED_COLUMN.WITH_SUGGESTION").with("objectName", name).with("proposal", proposal)
}

/// `` `a`.`b` ``.
pub fn quote_parts(parts: &[String]) -> String {
    parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".")
}

/// Spark's `StringUtils.orderSuggestedIdentifiersBySimilarity`: common qualifiers are left out.
fn suggestions(parts: &[String], candidates: &[Vec<&str>]) -> String {
    let same_prefix = |keep: usize| {
        let mut prefixes = candidates.iter().map(|c| &c[..c.len().saturating_sub(keep)]);
        prefixes.next().is_none_or(|first| prefixes.all(|prefix| prefix == first))
    };
    let keep = match parts.len() {
        1 if same_prefix(1) => 1,
        1 | 2 if same_prefix(2) => 2,
        _ => usize::MAX,
    };
    let base = parts.join(".");
    let mut names: Vec<(usize, String)> = candidates
        .iter()
        .map(|c| {
            let kept = &c[c.len().saturating_sub(keep)..];
            let text = kept.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".");
            (datafusion::common::utils::datafusion_strsim::levenshtein(&text, &base), text)
        })
        .collect();
    names.sort_by_key(|(distance, _)| *distance);
    names.into_iter().take(5).map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

/// Whether two names are one.
pub(crate) fn same(a: &str, b: &str, case_sensitive: bool) -> bool {
    if case_sensitive {
        return a == b;
    }
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

/// Qualified matches win over a column name followed by nested fields; the longest qualifier wins.
pub fn find_in<'n>(attributes: &[&Attribute], parts: &'n [String], case_sensitive: bool) -> Result<Option<Found<'n>>> {
    for qualifier_len in (0..parts.len()).rev() {
        let (qualifier, rest) = parts.split_at(qualifier_len);
        let matches = |attribute: &&&Attribute| {
            same(attribute.name(), &rest[0], case_sensitive) && has_qualifier(attribute, qualifier, case_sensitive)
        };
        let mut found: Vec<&Attribute> = attributes.iter().filter(matches).copied().collect();
        found.dedup_by_key(|attribute| attribute.id);
        if rest.len() > 1 && !found.iter().all(|attribute| has_fields(attribute.data_type())) && found.len() > 1 {
            found.retain(|attribute| has_fields(attribute.data_type()));
        }
        match found[..] {
            [] => {}
            [attribute] => return Ok(Some(Found { attribute: attribute.clone(), rest: &rest[1..] })),
            [first, ref others @ ..] if others.iter().all(|other| other.id == first.id) => {
                return Ok(Some(Found { attribute: first.clone(), rest: &rest[1..] }));
            }
            _ => return Err(ambiguous(parts, &found)),
        }
    }
    Ok(None)
}

fn has_qualifier(attribute: &Attribute, qualifier: &[String], case_sensitive: bool) -> bool {
    let own = &attribute.qualifier;
    qualifier.len() <= own.len()
        && own[own.len() - qualifier.len()..].iter().zip(qualifier).all(|(a, b)| same(a, b, case_sensitive))
}

fn has_fields(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(_) | DataType::Map(..) | DataType::List(_))
}

/// Columns are named as the user wrote it; a subquery without alias has no name.
fn ambiguous(parts: &[String], found: &[&Attribute]) -> SparkError {
    let own = parts.last().map(|part| name::quote(part)).unwrap_or_default();
    let label = |attribute: &&Attribute| {
        let qualifier = attribute.qualifier.iter().filter(|part| *part != "__auto_generated_subquery_name");
        let parts = qualifier.map(|part| name::quote(part)).chain([own.clone()]);
        parts.collect::<Vec<_>>().join(".")
    };
    let mut names: Vec<String> = found.iter().map(label).collect();
    names.sort();
    SparkError::new("AMBIGUOUS_REFERENCE")
        .with("name", quote_parts(parts))
        .with("referenceNames", format!("[{}]", names.join(", ")))
}
