//! JSON texts as trees, read as Spark's reader does: single quotes, NaN and infinities are allowed, numbers keep
//! their digits, what follows the first value does not matter.

use std::borrow::Cow;

use crate::cast::text::format_f64;

/// Liberties that texts may take; Spark's options have the same names.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    /// `allowComments`
    pub comments: bool,
    /// `allowUnquotedFieldNames`
    pub unquoted_names: bool,
    /// `allowSingleQuotes`
    pub single_quotes: bool,
    /// `allowNumericLeadingZeros`
    pub leading_zeros: bool,
    /// `allowNonNumericNumbers`
    pub non_numeric: bool,
    /// `allowBackslashEscapingAnyCharacter`
    pub any_escape: bool,
    /// `allowUnquotedControlChars`
    pub control_chars: bool,
}

impl Default for Grammar {
    fn default() -> Self {
        Self {
            comments: false,
            unquoted_names: false,
            single_quotes: true,
            leading_zeros: false,
            non_numeric: true,
            any_escape: false,
            control_chars: false,
        }
    }
}

/// A JSON value. Texts point into the source where they have no escapes.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// The digits of an integer.
    Int(&'a str),
    /// The text of any other number, `NaN` and infinities among them.
    Float(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// The first value of a text; `None` if it is malformed or there is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        Self::parse_with(text, Grammar::default())
    }

    /// [`Json::parse`] with other liberties.
    pub fn parse_with(text: &'a str, grammar: Grammar) -> Option<Self> {
        Parser { text, at: 0, depth: 0, grammar }.value()
    }

    /// The first member of that name.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(own, _)| own == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A float's value.
    pub fn float(text: &str) -> Option<f64> {
        match text.trim_start_matches('+') {
            "NaN" => Some(f64::NAN),
            "Infinity" | "INF" => Some(f64::INFINITY),
            "-Infinity" | "-INF" => Some(f64::NEG_INFINITY),
            number => number.parse().ok(),
        }
    }

    /// Appends the value as compact JSON.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(digits) => out.push_str(digits),
            Self::Float(text) => match Self::float(text) {
                Some(value) if value.is_finite() => out.push_str(&format_f64(value)),
                Some(value) => write_text(out, &format_f64(value)),
                None => out.push_str(text),
            },
            Self::Text(text) => write_text(out, text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The value as a column of strings has it: texts without quotes, anything else as JSON.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone().into_owned(),
            other => {
                let mut out = String::new();
                other.write(&mut out);
                out
            }
        }
    }
}

/// Appends a string in quotes.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Values nested deeper than this are refused, as Spark's reader does.
const MAX_DEPTH: usize = 1_000;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    grammar: Grammar,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if !self.grammar.comments || bytes.get(self.at) != Some(&b'/') {
                return bytes.get(self.at).copied();
            }
            let rest = &self.text[self.at..];
            self.at += match rest.as_bytes().get(1) {
                Some(b'/') => rest.find('\n').map_or(rest.len(), |end| end + 1),
                Some(b'*') => rest.find("*/").map(|end| end + 2)?,
                _ => return Some(b'/'),
            };
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<Json<'a>> {
        match self.peek()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Json::Text),
            b'\'' if self.grammar.single_quotes => self.string().map(Json::Text),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Json<'a>>) -> Option<Json<'a>> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = read(self)?;
        self.depth -= 1;
        Some(value)
    }

    fn object(&mut self) -> Option<Json<'a>> {
        let mut members = vec![];
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Json::Object(members));
        }
        loop {
            let name = match self.peek()? {
                b'"' => self.string()?,
                b'\'' if self.grammar.single_quotes => self.string()?,
                _ if self.grammar.unquoted_names => self.bare_name()?,
                _ => return None,
            };
            self.expect(b':')?;
            members.push((name, self.value()?));
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(Json::Object(members));
                }
                _ => return None,
            }
        }
    }

    fn array(&mut self) -> Option<Json<'a>> {
        let mut items = vec![];
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(Json::Array(items));
                }
                _ => return None,
            }
        }
    }

    /// A name without quotes: letters, digits and a few signs.
    fn bare_name(&mut self) -> Option<Cow<'a, str>> {
        let rest = &self.text[self.at..];
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '#' | '@' | '*' | '+');
        let end = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        self.at += end;
        Some(Cow::Borrowed(&rest[..end]))
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        let quote = bytes[self.at];
        self.at += 1;
        let start = self.at;
        loop {
            match *bytes.get(self.at)? {
                byte if byte == quote => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Some(Cow::Borrowed(text));
                }
                b'\\' => return self.escaped(start, quote).map(Cow::Owned),
                // Control characters have to be escaped.
                byte if byte < b' ' && !self.grammar.control_chars => return None,
                _ => self.at += 1,
            }
        }
    }

    fn escaped(&mut self, start: usize, quote: u8) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut text = self.text[start..self.at].to_string();
        let mut from = self.at;
        loop {
            match *bytes.get(self.at)? {
                byte if byte == quote => {
                    text.push_str(&self.text[from..self.at]);
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => {
                    text.push_str(&self.text[from..self.at]);
                    self.at += 1;
                    let escape = *bytes.get(self.at)?;
                    self.at += 1;
                    match escape {
                        b'n' => text.push('\n'),
                        b't' => text.push('\t'),
                        b'r' => text.push('\r'),
                        b'b' => text.push('\u{8}'),
                        b'f' => text.push('\u{c}'),
                        b'"' | b'\\' | b'/' | b'\'' => text.push(escape as char),
                        b'u' => text.push(self.unicode()?),
                        _ if self.grammar.any_escape => {
                            // A character of several bytes is taken as a whole.
                            let whole = self.text.get(self.at - 1..)?.chars().next()?;
                            text.push(whole);
                            self.at += whole.len_utf8() - 1;
                        }
                        _ => return None,
                    }
                    from = self.at;
                }
                byte if byte < b' ' && !self.grammar.control_chars => return None,
                _ => self.at += 1,
            }
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if self.text.as_bytes().get(self.at..self.at + 2) != Some(b"\\u".as_slice()) {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        self.at += 2;
        let low = self.hex()?;
        let code = 0x10000 + ((high - 0xd800) << 10) + low.wrapping_sub(0xdc00);
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    fn word(&mut self) -> Option<Json<'a>> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        match word {
            "null" => Some(Json::Null),
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "NaN" | "Infinity" | "+Infinity" | "-Infinity" | "INF" | "+INF" | "-INF" => {
                self.grammar.non_numeric.then_some(Json::Float(word))
            }
            _ => number(word, self.grammar.leading_zeros),
        }
    }
}

fn number(word: &str, leading_zeros: bool) -> Option<Json<'_>> {
    if leading_zeros && !word.starts_with('-') {
        let plain = word.trim_start_matches('0');
        if plain.len() < word.len() && plain.starts_with(|c: char| c.is_ascii_digit()) {
            return number(plain, false);
        }
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    let whole = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if whole == 0 || (whole > 1 && digits.starts_with('0')) {
        return None;
    }
    if whole == digits.len() {
        return Some(Json::Int(word));
    }
    let mut rest = &digits[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !exponent.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        rest = "";
    }
    rest.is_empty().then_some(Json::Float(word))
}

#[cfg(test)]
mod tests {
    use super::{Grammar, Json};

    #[test]
    fn reads_and_writes() {
        let show = |text: &str| Json::parse(text).map(|value| value.to_text());
        assert_eq!(show("{'a': [1, 2.50, \"x\\u00e9\\n\"]} rest").as_deref(), Some("{\"a\":[1,2.5,\"xé\\n\"]}"));
        assert_eq!(show("1e3").as_deref(), Some("1000.0"));
        assert_eq!(show("12345678901234567890123").as_deref(), Some("12345678901234567890123"));
        assert_eq!(show("{\"a\":1"), None);
        assert_eq!(show("01"), None);
        let liberal = Grammar { unquoted_names: true, leading_zeros: true, comments: true, ..Grammar::default() };
        let value = Json::parse_with("{a: /* x */ 01}", liberal).map(|value| value.to_text());
        assert_eq!(value.as_deref(), Some("{\"a\":1}"));
        assert_eq!(show(""), None);
    }
}
