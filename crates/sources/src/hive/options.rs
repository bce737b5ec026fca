//! What a table's properties say of its lines, under the names that Hive's serdes have for it.

use firesteel_functions::datetime::zone::{self, Zone};
use firesteel_functions::string::regex::{self, Regex};
use firesteel_protocol::{Result, SparkError};

use crate::Options;

/// A serde whose files are lines of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SerDe {
    /// `LazySimpleSerDe`: fields between separators, nested values between others.
    Lazy,
    /// `OpenCSVSerde`: fields in quotes, all of them texts.
    OpenCsv,
    /// `RegexSerDe`: fields are the groups of a pattern; it does not write.
    Regex,
}

/// A separator, a quote or an escape is one byte.
const SEPARATORS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// How lines are read and written.
#[derive(Debug)]
pub struct HiveOptions {
    pub serde: SerDe,
    /// What stands between fields, between elements, between keys and values, and so on inward.
    pub separators: [u8; 8],
    pub escape: Option<u8>,
    /// The text that is NULL.
    pub null: String,
    /// Whether the last column takes the rest of a line.
    pub last_takes_rest: bool,
    /// Of OpenCSVSerde.
    pub csv: CsvSigns,
    /// Of RegexSerDe.
    pub pattern: Option<Regex>,
    /// Texts of timestamps are in the machine's time zone, as in Hive, whatever the session's is.
    pub zone: Zone,
}

/// What OpenCSVSerde reads and writes between texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvSigns {
    pub separator: char,
    pub quote: char,
    pub escape: char,
}

impl HiveOptions {
    /// Reads a table's properties.
    pub fn of(serde: SerDe, options: &Options) -> Result<Self> {
        let mut separators = SEPARATORS;
        let first = |keys: &[&str]| keys.iter().find_map(|key| options.get(key));
        // The name that Hive itself misspelled comes first.
        let given = [
            first(&["field.delim", "serialization.format"]),
            first(&["colelction.delim", "collection.delim"]),
            first(&["mapkey.delim"]),
        ];
        for (own, text) in separators.iter_mut().zip(given) {
            if let Some(byte) = text.and_then(byte) {
                *own = byte;
            }
        }
        if let Some(charset) = options.get("serialization.encoding").filter(|own| !own.eq_ignore_ascii_case("utf-8")) {
            let feature = format!("Hive's text files in {charset}");
            return Err(SparkError::unsupported(feature, "Convert them to UTF-8."));
        }
        let pattern = match (serde, options.get("input.regex")) {
            (SerDe::Regex, Some(pattern)) => Some(whole_line(pattern, options)?),
            (SerDe::Regex, None) => {
                return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
                    .with_message("This table does not have serde property \"input.regex\"!"));
            }
            _ => None,
        };
        let sign = |key: &str, default: char| options.get(key).and_then(|text| text.chars().next()).unwrap_or(default);
        let csv = CsvSigns {
            separator: sign("separatorChar", ','),
            quote: sign("quoteChar", '"'),
            escape: sign("escapeChar", '"'),
        };
        Ok(Self {
            serde,
            separators,
            escape: options.get("escape.delim").and_then(byte),
            null: options.get("serialization.null.format").unwrap_or("\\N").to_string(),
            last_takes_rest: options.get("serialization.last.column.takes.rest").is_some_and(|text| text == "true"),
            csv,
            pattern,
            zone: Zone::of(&zone::machine())?,
        })
    }
}

/// A separator as Hive reads it: the number of a byte, or the first character.
fn byte(text: &str) -> Option<u8> {
    text.parse::<i8>().map(i8::cast_unsigned).ok().or_else(|| text.bytes().next())
}

fn whole_line(pattern: &str, options: &Options) -> Result<Regex> {
    let ignores_case = options.get("input.regex.case.insensitive").is_some_and(|text| text == "true");
    let flags = if ignores_case { "(?is)" } else { "(?s)" };
    regex::compile(&format!("{flags}^(?:{pattern})$"), "RegexSerDe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_numbers_or_characters() {
        for (text, expected) in [("1", Some(1)), ("124", Some(b'|')), ("||", Some(b'|')), ("\t", Some(9)), ("", None)] {
            assert_eq!(byte(text), expected, "{text}");
        }
    }
}
