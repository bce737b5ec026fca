//! Options of a reader or writer: a map whose keys ignore case, and typed access to them.
//!
//! What options a format has is a table of [`OptionSpec`] in that format's folder. As in Spark a key
//! that a format does not know is ignored; a value that it cannot read is an error.

use indexmap::IndexMap;

use firesteel_protocol::{Result, SparkError};

/// One option of a format: where its keys, its default and its documentation are spelled.
#[derive(Debug)]
pub struct OptionSpec {
    /// The documented key.
    pub key: &'static str,
    /// Other keys that mean the same; the documented key wins.
    pub aliases: &'static [&'static str],
    /// The default as a user would write it; empty where absence is a meaning of its own.
    pub default: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
}

/// Reader or writer options. Keys ignore case and keep the user's spelling; the last value of a key wins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Lower-case key to the key as given and its value.
    entries: IndexMap<String, (String, String)>,
}

impl Options {
    /// No options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an option.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let key = key.into();
        self.entries.insert(key.to_lowercase(), (key, value.into()));
    }

    /// Removes an option and gives its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.entries.shift_remove(&key.to_lowercase()).map(|(_, value)| value)
    }

    /// The value of a key, whatever its case.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key.to_lowercase().as_str()).map(|(_, value)| value.as_str())
    }

    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// `(key as given, value)` in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.values().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value that a user gave for an option, by its key or an alias.
    pub fn given(&self, spec: &OptionSpec) -> Option<&str> {
        self.get(spec.key).or_else(|| spec.aliases.iter().find_map(|alias| self.get(alias)))
    }

    /// The value of an option or its default.
    pub fn text<'a>(&'a self, spec: &'a OptionSpec) -> &'a str {
        self.given(spec).unwrap_or(spec.default)
    }

    /// A flag; Spark's error if it is neither `true` nor `false`.
    pub fn flag(&self, spec: &OptionSpec) -> Result<bool> {
        let text = self.text(spec);
        if text.eq_ignore_ascii_case("true") {
            Ok(true)
        } else if text.eq_ignore_ascii_case("false") || text.is_empty() {
            Ok(false)
        } else {
            Err(SparkError::new("_LEGACY_ERROR_TEMP_2147").with("paramName", spec.key))
        }
    }

    /// A flag as Scala's `toBoolean` reads it, for options whose error Spark leaves to it.
    pub fn strict_flag(&self, spec: &OptionSpec) -> Result<bool> {
        let text = self.text(spec);
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(illegal_argument(format!("For input string: \"{text}\""))),
        }
    }

    /// An integer; Spark's error if it is none.
    pub fn integer(&self, spec: &OptionSpec) -> Result<i64> {
        let text = self.text(spec);
        text.trim().parse().map_err(|_| {
            SparkError::new("_LEGACY_ERROR_TEMP_2146").with("paramName", spec.key).with("value", text.to_string())
        })
    }

    /// A number; Spark words its absence of one as Java does.
    pub fn number(&self, spec: &OptionSpec) -> Result<f64> {
        let text = self.text(spec);
        text.trim().parse().map_err(|_| {
            SparkError::new("INVALID_PARAMETER_VALUE")
                .with_message(format!("For input string: \"{text}\" (option `{}`)", spec.key))
        })
    }

    /// At most one character; `None` for the empty text, which Spark reads as U+0000: "switched off".
    pub fn character(&self, spec: &OptionSpec) -> Result<Option<char>> {
        let text = self.text(spec);
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (None, _) => Ok(None),
            (Some('\0'), None) => Ok(None),
            (Some(first), None) => Ok(Some(first)),
            _ => Err(SparkError::new("OPTION_VALUE_EXCEEDS_ONE_CHARACTER")
                .with("paramName", spec.key)
                .with("actualValue", text.to_string())),
        }
    }
}

/// What Spark throws as a bare `IllegalArgumentException`: it has a text and no condition.
pub fn illegal_argument(message: impl Into<String>) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(message)
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Options {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut options = Self::new();
        for (key, value) in pairs {
            options.set(key, value);
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: OptionSpec = OptionSpec { key: "header", aliases: &["hdr"], default: "false", doc: "" };

    #[test]
    fn keys_ignore_case_and_aliases_come_second() {
        let options: Options = [("HDR", "true"), ("Sep", ";")].into_iter().collect();
        assert_eq!(options.get("sep"), Some(";"));
        assert!(options.flag(&HEADER).is_ok_and(|on| on));
        assert_eq!(options.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["HDR", "Sep"]);
    }
}
