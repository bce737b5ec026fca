//! `${name}` in SQL text: values given by `--hivevar`, `--define` and `--hiveconf`.

use std::collections::HashMap;

/// Values by their full names, `hivevar:x` and `hiveconf:y`.
#[derive(Debug, Default)]
pub struct Variables(HashMap<String, String>);

impl Variables {
    /// Add `key=value` pairs of one kind.
    ///
    /// # Errors
    /// A pair without `=`.
    pub fn define(&mut self, kind: &str, pairs: &[String]) -> Result<(), String> {
        for pair in pairs {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("expected key=value, got {pair:?}"))?;
            self.0.insert(format!("{kind}:{key}"), value.to_owned());
        }
        Ok(())
    }

    /// The text with every `${name}` replaced that has a value here. The others stay: the session
    /// knows the names of its configuration.
    pub fn substitute(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find("${") {
            let Some(length) = rest[open..].find('}') else { break };
            let (name, end) = (&rest[open + 2..open + length], open + length + 1);
            out.push_str(&rest[..open]);
            match self.value(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&rest[open..end]),
            }
            rest = &rest[end..];
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some(variable) = name.strip_prefix("env:") {
            return std::env::var(variable).ok();
        }
        self.0.get(name).or_else(|| self.0.get(&format!("hivevar:{name}"))).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn known_names_only() {
        let mut variables = Variables::default();
        variables.define("hivevar", &["t=people".to_owned()]).expect("a pair");
        assert_eq!(variables.substitute("from ${t}, ${hivevar:t}, ${u} ${"), "from people, people, ${u} ${");
    }
}
