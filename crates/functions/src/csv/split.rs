//! One CSV record to its values.

use firesteel_protocol::{Result, SparkError};

use crate::json::Options;

/// Characters that have a meaning, and what stands for NULL and for an empty string.
#[derive(Debug)]
pub struct Format {
    pub separator: String,
    pub quote: char,
    pub escape: char,
    pub null: String,
    trim_start: bool,
    trim_end: bool,
}

/// Options that [`Format`] reads.
pub const OPTIONS: &[&str] =
    &["sep", "delimiter", "quote", "escape", "nullValue", "ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace"];

impl Format {
    /// `trims` is what writing does by default and reading does not.
    pub fn of(options: &Options, trims: bool) -> Result<Self> {
        let one = |key: &str, default: char| match options.get(key) {
            None => Ok(default),
            Some(text) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(only), None) => Ok(only),
                    (None, _) => Ok('\0'),
                    _ => Err(SparkError::new("_LEGACY_ERROR_TEMP_2239")
                        .with_message(format!("{key} cannot be more than one character."))),
                }
            }
        };
        let separator = options.get("sep").or_else(|| options.get("delimiter")).unwrap_or(",");
        Ok(Self {
            separator: separator.replace("\\t", "\t"),
            quote: one("quote", '"')?,
            escape: one("escape", '\\')?,
            null: options.get("nullValue").unwrap_or_default().to_string(),
            trim_start: options.flag("ignoreLeadingWhiteSpace", trims),
            trim_end: options.flag("ignoreTrailingWhiteSpace", trims),
        })
    }

    /// A value without the blanks that do not count.
    pub fn trimmed<'t>(&self, text: &'t str) -> &'t str {
        let text = if self.trim_start { text.trim_start_matches([' ', '\t']) } else { text };
        if self.trim_end { text.trim_end_matches([' ', '\t']) } else { text }
    }

    /// The values of a record; `None` is NULL.
    pub fn split(&self, record: &str) -> Vec<Option<String>> {
        let mut values = vec![];
        let mut rest = record;
        loop {
            let (value, after) = self.value(rest);
            values.push(value);
            match after {
                Some(after) => rest = after,
                None => return values,
            }
        }
    }

    fn value<'t>(&self, text: &'t str) -> (Option<String>, Option<&'t str>) {
        if self.quote != '\0' && text.starts_with(self.quote) {
            return self.quoted(&text[self.quote.len_utf8()..]);
        }
        let (value, after) = match text.split_once(&self.separator) {
            Some((value, after)) => (value, Some(after)),
            None => (text, None),
        };
        let value = self.trimmed(value);
        ((value != self.null).then(|| value.to_string()), after)
    }

    fn quoted<'t>(&self, text: &'t str) -> (Option<String>, Option<&'t str>) {
        let mut value = String::new();
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == self.escape && self.escape != self.quote {
                match chars.clone().next() {
                    Some((_, next)) if next == self.quote || next == self.escape => {
                        value.push(next);
                        chars.next();
                    }
                    _ => value.push(c),
                }
            } else if c == self.quote {
                let rest = &text[at + c.len_utf8()..];
                if let Some(after) = rest.strip_prefix(&self.separator) {
                    return (Some(value), Some(after));
                }
                if rest.is_empty() {
                    return (Some(value), None);
                }
                value.push(c);
            } else {
                value.push(c);
            }
        }
        (Some(value), None)
    }
}
