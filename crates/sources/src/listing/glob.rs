//! Hadoop's path patterns: `*`, `?`, `[a-z]`, `[^a]`, `{a,b}` and `\` before a plain character.

use std::path::{Path, PathBuf};

use regex::Regex;

use firesteel_protocol::{Result, SparkError};

/// Whether a path has characters of a pattern.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['{', '}', '[', ']', '*', '?', '\\'])
}

/// The existing paths that an absolute pattern matches, in alphabetic order.
pub fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    let mut found = vec![];
    for alternative in expand_braces_over_slashes(pattern) {
        let mut paths = vec![PathBuf::from("/")];
        for component in alternative.split('/').filter(|component| !component.is_empty()) {
            paths = if is_pattern(component) {
                let matcher = Matcher::new(component)?;
                paths.iter().flat_map(|parent| children(parent, &matcher)).collect()
            } else {
                paths.into_iter().map(|parent| parent.join(component)).collect()
            };
        }
        found.extend(paths.into_iter().filter(|path| path.exists()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn children(parent: &Path, matcher: &Matcher) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return vec![] };
    entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| matcher.matches(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

/// Braces that hold a slash span components and are written out; others stay for [`Matcher`].
fn expand_braces_over_slashes(pattern: &str) -> Vec<String> {
    let Some((start, end)) = brace_with_slash(pattern) else { return vec![pattern.to_string()] };
    let (before, after) = (&pattern[..start], &pattern[end + 1..]);
    alternatives(&pattern[start + 1..end])
        .iter()
        .flat_map(|middle| expand_braces_over_slashes(&format!("{before}{middle}{after}")))
        .collect()
}

/// The outermost braces that hold a slash.
fn brace_with_slash(pattern: &str) -> Option<(usize, usize)> {
    let (mut depth, mut start) = (0, 0);
    for (at, c) in pattern.char_indices() {
        match c {
            '{' => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 && pattern[start..at].contains('/') {
                    return Some((start, at));
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits at the commas outside inner braces.
fn alternatives(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for c in text.chars() {
        match c {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        parts.last_mut().expect("starts with one part").push(c);
    }
    parts
}

/// A pattern for one name, also for `pathGlobFilter`.
#[derive(Debug, Clone)]
pub struct Matcher(Regex);

impl Matcher {
    /// Reads a pattern; Spark's error if it is none.
    pub fn new(pattern: &str) -> Result<Self> {
        let malformed =
            || SparkError::new("INVALID_PARAMETER_VALUE").with_message(format!("Illegal file pattern: {pattern}"));
        Regex::new(&to_regex(pattern).ok_or_else(malformed)?).map(Self).map_err(|_| malformed())
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

fn to_regex(pattern: &str) -> Option<String> {
    let mut regex = String::from("(?s)^");
    let mut depth = 0;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => regex.push_str(&regex::escape(&chars.next()?.to_string())),
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '{' => {
                depth += 1;
                regex.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                regex.push(')');
            }
            ',' if depth > 0 => regex.push('|'),
            '[' => regex.push_str(&class(&mut chars)?),
            c => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    regex.push('$');
    (depth == 0).then_some(regex)
}

/// A character class; the opening bracket is read.
fn class(chars: &mut std::str::Chars<'_>) -> Option<String> {
    let mut class = String::from("[");
    let mut first = true;
    loop {
        match chars.next()? {
            ']' if !first => {
                class.push(']');
                return Some(class);
            }
            '^' | '!' if first && class == "[" => {
                class.push('^');
                continue;
            }
            '-' => class.push('-'),
            '\\' => class.push_str(&regex::escape(&chars.next()?.to_string())),
            c => class.push_str(&regex::escape(&c.to_string())),
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_hadoop() {
        let matches = |pattern: &str, name: &str| Matcher::new(pattern).is_ok_and(|matcher| matcher.matches(name));
        assert!(matches("*.csv", "a.csv") && !matches("*.csv", "acsv"));
        assert!(matches("{a,b{c,d}}?", "bdx") && !matches("{a,b}?", "cx"));
        assert!(matches("[a-c]1", "b1") && matches("[^a]1", "b1") && !matches("[^a]1", "a1"));
        assert!(Matcher::new("{a").is_err());
    }

    #[test]
    fn braces_over_slashes_are_written_out() {
        assert_eq!(expand_braces_over_slashes("/t/{a/b,c}/*"), ["/t/a/b/*", "/t/c/*"]);
        assert_eq!(expand_braces_over_slashes("/t/{a,b}"), ["/t/{a,b}"]);
    }
}
