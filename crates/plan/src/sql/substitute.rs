//! `${key}` in a SQL text: values of settings, of the environment, of Hive's kinds of variables. Spark's
//! `VariableSubstitution`.

/// How often values may hold `${..}` again.
const MAX_DEPTH: usize = 50;

/// The text with values in it; a key without value stays as it is.
pub fn settings(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    replaced(text, &lookup, 0)
}

fn replaced(text: &str, lookup: &dyn Fn(&str) -> Option<String>, depth: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        let reference = &rest[start + 2..start + length];
        out.push_str(&rest[..start]);
        match value(reference, lookup) {
            Some(value) if depth < MAX_DEPTH => out.push_str(&replaced(&value, lookup, depth + 1)),
            _ => out.push_str(&rest[start..=start + length]),
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

fn value(reference: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (kind, key) = reference.split_once(':').unwrap_or(("", reference));
    match kind {
        "" | "spark" | "sparkconf" | "hivevar" | "hiveconf" => {
            let own = lookup(key).or_else(|| lookup(reference));
            own.or_else(|| ["hivevar", "hiveconf"].iter().find_map(|kind| lookup(&format!("{kind}:{key}"))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_with_and_without_value() {
        let lookup = |key: &str| (key == "a.b").then(|| "1".to_string());
        assert_eq!(super::settings("select ${a.b}, ${spark:a.b}, ${c}, ${", lookup), "select 1, 1, ${c}, ${");
    }
}
