//! Hides secrets before the event log and the web UI see them: `spark.redaction.regex` and its neighbours.

use regex::Regex;
use serde_json::Value;

use crate::limits::Lookup;

/// Spark's word for what it hides.
const HIDDEN: &str = "*********(redacted)";
/// Spark's default of `spark.redaction.regex`.
const KEYS: &str = "(?i)secret|password|token|access[.]?key";

/// What is hidden.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// Settings whose key or value this matches.
    settings: Regex,
    /// What is hidden where this matches: `spark.sql.redaction.string.regex`.
    texts: Option<Regex>,
}

impl Redaction {
    /// What the settings say.
    ///
    /// # Errors
    /// An expression makes no sense: text for the user.
    pub fn of(lookup: Lookup) -> Result<Self, String> {
        let expression = |key: &str| {
            let text = lookup(key).filter(|text| !text.is_empty());
            let made = text.map(|text| Regex::new(&text).map_err(|error| format!("conf `{key}`: {error}")));
            made.transpose()
        };
        let settings = match expression("spark.redaction.regex")? {
            Some(own) => own,
            None => Regex::new(KEYS).map_err(|error| error.to_string())?,
        };
        let texts = expression("spark.sql.redaction.string.regex")?;
        Ok(Self {
            settings,
            texts: texts.map_or_else(|| expression("spark.redaction.string.regex"), |own| Ok(Some(own)))?,
        })
    }

    /// The value of a setting as others may see it.
    pub fn setting(&self, key: &str, value: String) -> String {
        let lower = key.to_lowercase();
        let is_secret = self.settings.is_match(key)
            || self.settings.is_match(&value)
            || lower.contains("access_key")
            || lower.contains("access-key");
        if is_secret { HIDDEN.into() } else { value }
    }

    /// Hides what must not be seen in the texts of an event.
    pub fn event(&self, event: &mut Value) {
        // What users set with `setLocalProperty`, and not what jobs are called.
        if let Some(Value::Object(properties)) = event.get_mut("Properties") {
            let own = |key: &str| !key.starts_with("spark.job") && !key.starts_with("spark.sql.execution.");
            for (key, value) in properties.iter_mut().filter(|(key, _)| own(key)) {
                if let Value::String(text) = value {
                    *text = self.setting(key, std::mem::take(text));
                }
            }
        }
        let Some(texts) = &self.texts else { return };
        hide(texts, event);
    }
}

fn hide(texts: &Regex, value: &mut Value) {
    match value {
        Value::String(text) if texts.is_match(text) => *text = texts.replace_all(text, HIDDEN).into_owned(),
        Value::Array(all) => all.iter_mut().for_each(|own| hide(texts, own)),
        Value::Object(all) => all.values_mut().for_each(|own| hide(texts, own)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_hidden() {
        let own =
            Redaction::of(&|key| (key == "spark.sql.redaction.string.regex").then(|| "id-[0-9]+".into())).unwrap();
        assert_eq!(own.setting("spark.hadoop.fs.s3a.secret.key", "x".into()), HIDDEN);
        assert_eq!(own.setting("spark.app.name", "x".into()), "x");
        let mut event = json!({"physicalPlanDescription": "Filter id-17", "sparkPlanInfo": {"simpleString": "a", "children": [{"simpleString": "id-3 b"}]}});
        own.event(&mut event);
        assert_eq!(event["physicalPlanDescription"], format!("Filter {HIDDEN}"));
        assert_eq!(event["sparkPlanInfo"]["children"][0]["simpleString"], format!("{HIDDEN} b"));
        assert!(Redaction::of(&|_| Some("(".into())).is_err());
    }
}
