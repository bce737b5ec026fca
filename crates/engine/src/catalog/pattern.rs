//! Spark's patterns of SHOW and `spark.catalog.list..`: regular expressions, but for `*` for any characters and `|` for
//! alternatives, whatever the case.

use regex::RegexBuilder;

/// Whether a name fits; every name fits no pattern, none one that is no regular expression.
pub(crate) fn matches(name: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    pattern.trim().split('|').any(|part| fits(name, part.trim()))
}

fn fits(name: &str, pattern: &str) -> bool {
    let plain = |own: &str| own.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain(pattern) {
        return name.to_lowercase() == pattern.to_lowercase();
    }
    let pattern = format!("^(?:{})$", pattern.replace('*', ".*"));
    RegexBuilder::new(&pattern).case_insensitive(true).build().is_ok_and(|own| own.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches("people", Some("p*")));
        assert!(matches("people", Some("*ople|x")));
        assert!(matches("people", Some("*")));
        assert!(matches("people", Some("p*p*e")));
        assert!(!matches("people", Some("peo")));
        assert!(!matches("people", Some("p*x*")));
        assert!(matches("PEOPLE", Some("people")));
        assert!(matches("people", Some("p.ople")));
        assert!(matches("time", Some("c??t*")));
        assert!(!matches("people", Some("(")));
    }
}
