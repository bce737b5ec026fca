//! Options of `from_json`, `to_json` and their CSV kin: a constant map of strings.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::value::Grammar;
use crate::datetime::pattern::{Pattern, Purpose};
use crate::datetime::{Zone, iso};
use crate::kernel::from_arrow;
use crate::{Call, Env, constant};

/// Options by lower-case key. Kept in a kernel's parameter, one `key=value` a line.
#[derive(Debug, Clone, Default)]
pub struct Options(BTreeMap<String, String>);

/// Whether a map's entries are of strings.
fn holds_texts(entries: &DataType) -> bool {
    match entries {
        DataType::Struct(fields) => {
            fields.iter().all(|field| matches!(field.data_type(), DataType::Utf8 | DataType::Null))
        }
        _ => true,
    }
}

impl Options {
    /// Reads argument `index` of a call, if it is there; keys that are not `known` are refused.
    pub fn of(call: &Call, index: usize, known: &[&str]) -> Result<Self> {
        let Some(arg) = call.args.get(index) else { return Ok(Self::default()) };
        let invalid = || SparkError::new("INVALID_OPTIONS.NON_MAP_FUNCTION");
        if let DataType::Map(entries, _) = &arg.data_type
            && !holds_texts(entries.data_type())
        {
            return Err(
                SparkError::new("INVALID_OPTIONS.NON_STRING_TYPE").with("mapType", format!("\"{}\"", arg.sql_type()))
            );
        }
        let Some(ScalarValue::Map(map)) = constant::evaluate(&arg.expr) else { return Err(invalid()) };
        let [keys, values] = [map.keys(), map.values()].map(|side| cast(side, &DataType::Utf8));
        let (keys, values) = (keys.map_err(from_arrow)?, values.map_err(from_arrow)?);
        let (keys, values) = (keys.as_string::<i32>(), values.as_string::<i32>());
        let mut options = BTreeMap::new();
        for at in 0..keys.len() {
            let key = keys.value(at).to_lowercase();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                return Err(SparkError::unsupported(
                    format!("the option `{}` of {}", keys.value(at), call.name),
                    format!("Options that are known: {}.", known.join(", ")),
                ));
            }
            options.insert(key, values.value(at).to_string());
        }
        Ok(Self(options))
    }

    /// Options of a reader or writer.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.map(|(key, value)| (key.to_lowercase(), value.to_string())).collect())
    }

    /// Sets an option.
    pub fn set(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_lowercase(), value.to_string());
    }

    /// For a kernel's parameter.
    pub fn encode(&self) -> String {
        self.0
            .iter()
            .map(|(key, value)| format!("{key}={}\n", value.replace('\\', "\\\\").replace('\n', "\\n")))
            .collect()
    }

    /// Out of a kernel's parameter.
    pub fn decode(param: &str) -> Self {
        let pair = |line: &str| {
            let (key, value) = line.split_once('=')?;
            let mut text = String::new();
            let mut chars = value.chars();
            while let Some(c) = chars.next() {
                match (c, c == '\\') {
                    (_, true) => text.push(if chars.next() == Some('n') { '\n' } else { '\\' }),
                    (c, false) => text.push(c),
                }
            }
            Some((key.to_string(), text))
        };
        Self(param.lines().filter_map(pair).collect())
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_lowercase()).map(String::as_str)
    }

    /// The liberties that texts may take.
    pub fn grammar(&self) -> Grammar {
        let default = Grammar::default();
        Grammar {
            comments: self.flag("allowComments", default.comments),
            unquoted_names: self.flag("allowUnquotedFieldNames", default.unquoted_names),
            single_quotes: self.flag("allowSingleQuotes", default.single_quotes),
            leading_zeros: self.flag("allowNumericLeadingZeros", default.leading_zeros),
            non_numeric: self.flag("allowNonNumericNumbers", default.non_numeric),
            any_escape: self.flag("allowBackslashEscapingAnyCharacter", default.any_escape),
            control_chars: self.flag("allowUnquotedControlChars", default.control_chars),
        }
    }

    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

/// The keys of [`Options::grammar`].
pub const GRAMMAR: &[&str] = &[
    "allowComments",
    "allowUnquotedFieldNames",
    "allowSingleQuotes",
    "allowNumericLeadingZeros",
    "allowNonNumericNumbers",
    "allowBackslashEscapingAnyCharacter",
    "allowUnquotedControlChars",
];

/// How dates and times stand in texts.
#[derive(Debug)]
pub struct Formats {
    zone: Zone,
    date: Option<Pattern>,
    timestamp: Option<Pattern>,
    timestamp_ntz: Option<Pattern>,
}

impl Formats {
    /// Patterns for reading; without one a text is read as a cast reads it.
    pub fn reading(options: &Options, env: &Env) -> Result<Self> {
        let compile = |text| Pattern::under(&env.time_parser_policy, text, Purpose::Parse);
        let pattern = |key: &str| options.get(key).map(compile).transpose();
        Ok(Self {
            zone: Zone::of(options.get("timeZone").unwrap_or(&env.time_zone))?,
            date: pattern("dateFormat")?,
            timestamp: pattern("timestampFormat")?,
            timestamp_ntz: pattern("timestampNTZFormat")?,
        })
    }

    /// Patterns for writing.
    pub fn writing(options: &Options, env: &Env) -> Result<Self> {
        let pattern = |key: &str, default: &str| match options.get(key) {
            Some(given) => Pattern::under(&env.time_parser_policy, given, Purpose::Format).map(Some),
            None => Pattern::compile_for(default, Purpose::Format).map(Some),
        };
        Ok(Self {
            zone: Zone::of(options.get("timeZone").unwrap_or(&env.time_zone))?,
            date: pattern("dateFormat", "yyyy-MM-dd")?,
            timestamp: pattern("timestampFormat", "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]")?,
            timestamp_ntz: pattern("timestampNTZFormat", "yyyy-MM-dd'T'HH:mm:ss[.SSS]")?,
        })
    }

    pub fn parse_date(&self, text: &str) -> Option<i32> {
        match &self.date {
            Some(pattern) => pattern.parse_date(text).ok(),
            None => iso::parse_date(text),
        }
    }

    pub fn parse_timestamp(&self, text: &str) -> Option<i64> {
        match &self.timestamp {
            Some(pattern) => pattern.parse_timestamp(text, self.zone).ok(),
            None => iso::parse_timestamp(text, self.zone),
        }
    }

    pub fn parse_timestamp_ntz(&self, text: &str) -> Option<i64> {
        match &self.timestamp_ntz {
            Some(pattern) => pattern.parse_timestamp_ntz(text).ok(),
            None => iso::parse_timestamp_ntz(text).filter(|_| !iso::has_zone(text)),
        }
    }

    pub fn format_date(&self, days: i32) -> Result<String> {
        self.date.as_ref().map_or_else(|| Ok(iso::format_date(days)), |pattern| pattern.format_date(days))
    }

    pub fn format_timestamp(&self, us: i64) -> Result<String> {
        match &self.timestamp {
            Some(pattern) => pattern.format_timestamp(us, self.zone),
            None => Ok(iso::format_timestamp(us, self.zone)),
        }
    }

    pub fn format_timestamp_ntz(&self, us: i64) -> Result<String> {
        match &self.timestamp_ntz {
            Some(pattern) => pattern.format_timestamp(us, crate::datetime::zone::UTC),
            None => Ok(iso::format_timestamp_ntz(us)),
        }
    }
}
