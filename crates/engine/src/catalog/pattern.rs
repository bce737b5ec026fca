//! Spark's patterns of SHOW and `spark.catalog.list..`: `*` for any characters, `|` for alternatives, whatever the case.

/// Whether a name fits; every name fits no pattern.
pub(crate) fn matches(name: &str, pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return true };
    let name = name.to_lowercase();
    pattern.trim().split('|').any(|part| fits(&name, &part.trim().to_lowercase()))
}

fn fits(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
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
    }
}
