//! The names of collations: `UTF8_LCASE_RTRIM`, `UNICODE_CI`, `sr_Cyrl_SRB_CI_AI`, what they consist of, and what is proposed
//! for a name that none has.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::{Result, SparkError};

/// The locales of Spark's collations: name, BCP 47 tag, language, country.
const LOCALES: &str = include_str!("collation_locales.txt");

/// The most names that are proposed.
const PROPOSALS: usize = 3;

/// By whose rules a collation compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// By bytes.
    Binary,
    /// By bytes of the text in lower case.
    Lcase,
    /// By the Unicode Collation Algorithm, with the rules of a locale.
    Unicode,
}

/// A collation, as its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collation {
    /// The name in Spark's spelling.
    pub name: String,
    pub family: Family,
    /// BCP 47 tag of the locale; `und` without one.
    pub tag: &'static str,
    /// English name of the language, if it is one's.
    pub language: Option<&'static str>,
    /// English name of the country, if it is one's.
    pub country: Option<&'static str>,
    /// Whether `a` is another text than `A`.
    pub case_sensitive: bool,
    /// Whether `a` is another text than `á`.
    pub accent_sensitive: bool,
    /// Whether spaces at the end do not count.
    pub trims: bool,
}

/// All collations, in Spark's order, and where they are by their names in capitals.
struct Table {
    all: Vec<Collation>,
    by_name: HashMap<String, usize>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut all = vec![];
    for trims in [false, true] {
        for (name, family) in [("UTF8_BINARY", Family::Binary), ("UTF8_LCASE", Family::Lcase)] {
            let case_sensitive = family == Family::Binary;
            let name = if trims { format!("{name}_RTRIM") } else { name.to_string() };
            let (tag, accent_sensitive) = ("und", true);
            all.push(Collation {
                name,
                family,
                tag,
                language: None,
                country: None,
                case_sensitive,
                accent_sensitive,
                trims,
            });
        }
    }
    for (root, tag, language, country) in locales() {
        for suffix in ["", "_AI", "_AI_RTRIM", "_CI", "_CI_AI", "_CI_AI_RTRIM", "_CI_RTRIM", "_RTRIM"] {
            all.push(Collation {
                name: format!("{root}{suffix}"),
                family: Family::Unicode,
                tag,
                language,
                country,
                case_sensitive: !suffix.contains("_CI"),
                accent_sensitive: !suffix.contains("_AI"),
                trims: suffix.contains("_RTRIM"),
            });
        }
    }
    let by_name = all.iter().enumerate().map(|(index, own)| (own.name.to_ascii_uppercase(), index)).collect();
    Table { all, by_name }
});

/// The roots of names of Unicode collations: name, tag, language, country.
fn locales() -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>, Option<&'static str>)> {
    let known = LOCALES.lines().filter_map(|line| {
        let mut parts = line.split('\t');
        let (name, tag) = (parts.next()?, parts.next()?);
        let mut text = || parts.next().filter(|own| !own.is_empty());
        Some((name, tag, text(), text()))
    });
    std::iter::once(("UNICODE", "und", None, None)).chain(known)
}

/// All collations in Spark's order.
pub fn all() -> &'static [Collation] {
    &TABLE.all
}

/// The collation of a name in Spark's spelling.
pub fn by_name(name: &str) -> Option<&'static Collation> {
    TABLE.by_name.get(&name.to_ascii_uppercase()).map(|index| &TABLE.all[*index])
}

/// The collation of a name in any case, its specifiers in any order, `SYSTEM.BUILTIN.` before it or not.
///
/// # Errors
/// `COLLATION_INVALID_NAME` with the names that are most like it.
pub fn parse(name: &str) -> Result<&'static str> {
    let upper = name.to_ascii_uppercase();
    let own = upper.strip_prefix("SYSTEM.BUILTIN.").unwrap_or(&upper);
    // Sessions that never leave these two do not fill the table.
    match own {
        "UTF8_BINARY" => return Ok("UTF8_BINARY"),
        "UTF8_LCASE" => return Ok("UTF8_LCASE"),
        _ => {}
    }
    if let Some(known) = normal(own).and_then(|own| by_name(&own)) {
        return Ok(&known.name);
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    Err(SparkError::new("COLLATION_INVALID_NAME").with("collationName", last).with("proposals", nearest(last)))
}

/// A name in capitals with its specifiers in Spark's order; None where there are two of a kind or others.
fn normal(name: &str) -> Option<String> {
    let prefix = |root: &str| {
        name.get(..root.len()).is_some_and(|own| own.eq_ignore_ascii_case(root))
            && matches!(name.as_bytes().get(root.len()), None | Some(b'_'))
    };
    let fixed = ["UTF8_BINARY", "UTF8_LCASE"].into_iter();
    let root =
        fixed.chain(locales().map(|(root, ..)| root)).filter(|root| prefix(root)).max_by_key(|root| root.len())?;
    let (mut case, mut accent, mut pad) = (None, None, None);
    for specifier in name[root.len()..].split('_').skip(1) {
        let (kind, text) = match specifier {
            "CI" => (&mut case, "_CI"),
            "CS" => (&mut case, ""),
            "AI" => (&mut accent, "_AI"),
            "AS" => (&mut accent, ""),
            "RTRIM" => (&mut pad, "_RTRIM"),
            _ => return None,
        };
        if kind.replace(text).is_some() {
            return None;
        }
    }
    if root.starts_with("UTF8_") && (case.is_some() || accent.is_some()) {
        return None;
    }
    let text = |own: Option<&'static str>| own.unwrap_or_default();
    Some(format!("{root}{}{}{}", text(case), text(accent), text(pad)))
}

/// The known names that a wrong one is most like.
fn nearest(name: &str) -> String {
    let utf8 = name.starts_with("UTF8_");
    let specifiers: &[&'static str] = if utf8 { &["_RTRIM"] } else { &["_CI", "_AI", "_CS", "_AS", "_RTRIM"] };
    let upper = name.to_uppercase();
    let (mut root, mut own) = (upper.as_str(), vec![]);
    while let Some((rest, found)) = specifiers.iter().find_map(|one| Some((root.strip_suffix(one)?, *one))) {
        root = rest;
        own.insert(0, found);
    }
    let mut kept: Vec<&str> = vec![];
    for one in own {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    for (lesser, other) in [("_CI", "_CS"), ("_AI", "_AS")] {
        if kept.contains(&other) {
            kept.retain(|one| *one != lesser);
        }
    }
    let mut roots: Vec<&str> =
        if utf8 { vec!["UTF8_BINARY", "UTF8_LCASE"] } else { locales().map(|(root, ..)| root).collect() };
    roots.sort_by_cached_key(|own| distance(&own.to_uppercase(), root));
    let mut proposals: Vec<String> = vec![];
    for own in roots.iter().take(PROPOSALS) {
        let proposal = format!("{own}{}", kept.concat());
        // Others than the first must be near.
        if !proposals.is_empty() && distance(&proposal.to_uppercase(), &upper) >= PROPOSALS {
            break;
        }
        proposals.push(proposal);
    }
    proposals.join(", ")
}

/// How many characters two texts lie apart.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, c) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(c != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_order_and_case() {
        assert_eq!(parse("unicode_ai_ci").unwrap(), "UNICODE_CI_AI");
        assert_eq!(parse("SR_cyrl_srb_rtrim_CS_ai").unwrap(), "sr_Cyrl_SRB_AI_RTRIM");
        assert_eq!(parse("system.builtin.de").unwrap(), "de");
        for wrong in ["de_CI_CI", "en_US", "UTF8_BINARY_CI", "UNICODE_", "de_CI_CS", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(all().len(), 1164);
    }
}
