//! Names: quoting, and reading `` a.b.`c d` ``.

use firesteel_protocol::{Result, SparkError};

use super::SqlContext;
use super::parser::Parser;

/// The name without its quotes.
pub fn unquote_identifier(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'`') => text[1..text.len() - 1].replace("``", "`"),
        Some(b'"') if text.len() > 1 => text[1..text.len() - 1].replace("\"\"", "\""),
        _ => text.to_string(),
    }
}

/// `a.b`, each part in back quotes where it is no plain word.
pub fn unparse(parts: &[String]) -> String {
    parts.iter().map(|part| quote_if_needed(part)).collect::<Vec<_>>().join(".")
}

/// `` `a`.`b` ``.
pub fn quote_parts(parts: &[String]) -> String {
    parts.iter().map(|part| quote(part)).collect::<Vec<_>>().join(".")
}

fn quote(part: &str) -> String {
    format!("`{}`", part.replace('`', "``"))
}

fn quote_if_needed(part: &str) -> String {
    let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !part.is_empty()
        && !part.bytes().all(|b| b.is_ascii_digit());
    if plain { part.to_string() } else { quote(part) }
}

/// A name of a table in one or more parts, as `spark.table` takes it.
pub fn parse_parts(text: &str) -> Result<Vec<String>> {
    let ctx = SqlContext::default();
    let mut parser = Parser::new(text, &ctx)?;
    let parts = parser.name_parts()?;
    parser.expect_end()?;
    Ok(parts)
}

/// A column's name as `col` takes it: parts between dots, in back quotes where they hold dots
/// (Spark's `UnresolvedAttribute.parseAttributeName`).
pub fn parse_column(text: &str) -> Result<Vec<String>> {
    let invalid = || SparkError::new("INVALID_ATTRIBUTE_NAME_SYNTAX").with("name", text);
    let chars: Vec<char> = text.chars().collect();
    let (mut parts, mut part, mut quoted) = (vec![], String::new(), false);
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if quoted {
            if c != '`' {
                part.push(c);
            } else if chars.get(at + 1) == Some(&'`') {
                part.push('`');
                at += 1;
            } else {
                quoted = false;
                if chars.get(at + 1).is_some_and(|next| *next != '.') {
                    return Err(invalid());
                }
            }
        } else if c == '`' {
            if !part.is_empty() {
                return Err(invalid());
            }
            quoted = true;
        } else if c == '.' {
            if at == 0 || chars[at - 1] == '.' || at + 1 == chars.len() {
                return Err(invalid());
            }
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
        at += 1;
    }
    if quoted {
        return Err(invalid());
    }
    parts.push(part);
    Ok(parts)
}
