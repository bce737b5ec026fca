//! Java's regular expressions, translated for the `regex` crate; what only Java has (lookaround, backreferences,
//! possessive quantifiers) for `fancy-regex`, which backtracks.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;

/// A Java pattern as compiled expression. `function` is named where the pattern is malformed.
pub fn compile(pattern: &str, function: &str) -> Result<Regex> {
    let invalid = |source: Box<dyn std::error::Error + Send + Sync>| {
        SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
            .with("parameter", name::quote("regexp"))
            .with("functionName", name::quote(function))
            .with("value", format!("'{pattern}'"))
            .with_source(source)
    };
    let translator = Translator::new(pattern);
    let (translated, backtracks) = translator.run()?;
    let engine = if backtracks {
        Engine::Backtracking(fancy_regex::Regex::new(&translated).map_err(|error| invalid(error.into()))?)
    } else {
        Engine::Linear(regex::Regex::new(&translated).map_err(|error| invalid(error.into()))?)
    };
    Ok(Regex { engine, is_empty: pattern.is_empty() })
}

/// A compiled Java pattern. Patterns with lookaround, backreferences, atomic groups or possessive quantifiers run on
/// an engine that backtracks as Java's does; all others in linear time.
#[derive(Debug, Clone)]
pub struct Regex {
    engine: Engine,
    is_empty: bool,
}

#[derive(Debug, Clone)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
}

/// Too many steps for a backtracking pattern.
fn too_complex(error: fancy_regex::Error) -> SparkError {
    SparkError::unsupported(format!("a regular expression that backtracks without end ({error})"), "Simplify it.")
}

impl Regex {
    /// Whether the pattern is the empty text.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub fn is_match(&self, text: &str) -> Result<bool> {
        match &self.engine {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Backtracking(regex) => regex.is_match(text).map_err(too_complex),
        }
    }

    /// Bytes of the first match.
    pub fn find(&self, text: &str) -> Result<Option<Range<usize>>> {
        match &self.engine {
            Engine::Linear(regex) => Ok(regex.find(text).map(|found| found.range())),
            Engine::Backtracking(regex) => Ok(regex.find(text).map_err(too_complex)?.map(|found| found.range())),
        }
    }

    /// The first match from a byte on, with its groups.
    pub fn captures_at<'t>(&self, text: &'t str, start: usize) -> Result<Option<Groups<'t>>> {
        let found = match &self.engine {
            Engine::Linear(regex) => regex.captures_at(text, start).map(Captures::Linear),
            Engine::Backtracking(regex) => {
                regex.captures_from_pos(text, start).map_err(too_complex)?.map(Captures::Backtracking)
            }
        };
        Ok(found.map(|captures| Groups { text, captures }))
    }

    /// How many groups the pattern has, without the match as a whole.
    pub fn group_count(&self) -> usize {
        match &self.engine {
            Engine::Linear(regex) => regex.captures_len() - 1,
            Engine::Backtracking(regex) => regex.captures_len() - 1,
        }
    }
}

/// A match with its groups.
#[derive(Debug)]
pub struct Groups<'t> {
    text: &'t str,
    captures: Captures<'t>,
}

#[derive(Debug)]
enum Captures<'t> {
    Linear(regex::Captures<'t>),
    Backtracking(fancy_regex::Captures<'t, str>),
}

impl<'t> Groups<'t> {
    /// Bytes of the match as a whole.
    pub fn whole(&self) -> Range<usize> {
        self.range(0).unwrap_or(0..0)
    }

    /// The text of a group; None if it took no part in the match.
    pub fn get(&self, index: usize) -> Option<&'t str> {
        self.range(index).map(|range| &self.text[range])
    }

    fn range(&self, index: usize) -> Option<Range<usize>> {
        match &self.captures {
            Captures::Linear(captures) => captures.get(index).map(|found| found.range()),
            Captures::Backtracking(captures) => captures.get(index).map(|found| found.range()),
        }
    }

    fn named(&self, name: &str) -> Option<&'t str> {
        let range = match &self.captures {
            Captures::Linear(captures) => captures.name(name).map(|found| found.range()),
            Captures::Backtracking(captures) => captures.name(name).map(|found| found.range()),
        };
        range.map(|range| &self.text[range])
    }

    fn len(&self) -> usize {
        match &self.captures {
            Captures::Linear(captures) => captures.len(),
            Captures::Backtracking(captures) => captures.len(),
        }
    }
}

/// The patterns of an argument: compiled once if constant, else once for each different pattern.
#[derive(Debug)]
pub struct Patterns {
    constant: Option<Option<Regex>>,
    column: Option<ArrayRef>,
    known: HashMap<String, Regex>,
    function: &'static str,
}

impl Patterns {
    /// The patterns of argument `index`.
    pub fn new(args: &KernelArgs<'_>, index: usize, function: &'static str) -> Result<Self> {
        let (constant, column) = match args.scalar_str(index) {
            Some(pattern) => (Some(pattern.map(|pattern| compile(pattern, function)).transpose()?), None),
            None => (None, Some(args.array(index)?)),
        };
        Ok(Self { constant, column, known: HashMap::new(), function })
    }

    /// The pattern of a row; `None` is NULL.
    pub fn get(&mut self, row: usize) -> Result<Option<&Regex>> {
        if let Some(constant) = &self.constant {
            return Ok(constant.as_ref());
        }
        let Some(column) = &self.column else { return Ok(None) };
        let strings = column.as_string::<i32>();
        if strings.is_null(row) {
            return Ok(None);
        }
        let pattern = strings.value(row);
        if !self.known.contains_key(pattern) {
            let compiled = compile(pattern, self.function)?;
            self.known.insert(pattern.to_string(), compiled);
        }
        Ok(self.known.get(pattern))
    }
}

/// All matches as Java finds them: an empty match may stand right behind another match.
pub fn matches<'p, 't: 'p>(pattern: &'p Regex, text: &'t str) -> impl Iterator<Item = Result<Groups<'t>>> + 'p {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let found = match pattern.captures_at(text, at?) {
            Ok(found) => found?,
            Err(error) => {
                at = None;
                return Some(Err(error));
            }
        };
        let whole = found.whole();
        at = if whole.is_empty() {
            text[whole.end..].chars().next().map(|c| whole.end + c.len_utf8())
        } else {
            Some(whole.end)
        };
        Some(Ok(found))
    })
}

/// A Java replacement: texts, `$1`, `${name}`; a backslash takes the meaning from what follows it.
#[derive(Debug)]
pub struct Replacement(Vec<Piece>);

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    /// The digits behind `$`, of which Java takes as many as make the number of a group.
    Number(String),
    Name(String),
}

impl Replacement {
    /// Reads a replacement; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = vec![];
        let mut plain = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' => plain.push(characters.next()?),
                '$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    let mut word = String::new();
                    if characters.next_if_eq(&'{').is_some() {
                        loop {
                            match characters.next()? {
                                '}' => break,
                                c if c.is_ascii_alphanumeric() => word.push(c),
                                _ => return None,
                            }
                        }
                        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
                            return None;
                        }
                        pieces.push(Piece::Name(word));
                    } else {
                        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                            word.push(digit);
                        }
                        if word.is_empty() {
                            return None;
                        }
                        pieces.push(Piece::Number(word));
                    }
                }
                other => plain.push(other),
            }
        }
        pieces.push(Piece::Text(plain));
        Some(Self(pieces))
    }

    /// Appends what stands for a match; `None` if the pattern has no such group.
    pub fn expand(&self, found: &Groups<'_>, out: &mut String) -> Option<()> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => out.push_str(found.named(name).unwrap_or_default()),
                Piece::Number(digits) => {
                    let mut used = 1;
                    while digits.get(..used + 1).and_then(|d| d.parse().ok()).is_some_and(|n: usize| n < found.len()) {
                        used += 1;
                    }
                    let group: usize = digits[..used].parse().ok().filter(|group| *group < found.len())?;
                    out.push_str(found.get(group).unwrap_or_default());
                    out.push_str(&digits[used..]);
                }
            }
        }
        Some(())
    }
}

struct Translator<'a> {
    pattern: &'a str,
    chars: Vec<char>,
    at: usize,
    out: String,
    /// `.` matches line ends as well: `(?s)` was said.
    dot_all: bool,
    /// The pattern has parts that only an engine that backtracks can match.
    backtracks: bool,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            chars: pattern.chars().collect(),
            at: 0,
            out: String::with_capacity(pattern.len() + 16),
            dot_all: false,
            backtracks: false,
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn refuse(&self, what: &str) -> SparkError {
        SparkError::unsupported(
            format!("{what} in regular expressions ('{}')", self.pattern),
            "Rewrite the pattern without it, with a capturing group say, or use a Python function.",
        )
    }

    fn run(mut self) -> Result<(String, bool)> {
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                '.' if !self.dot_all => {
                    self.out.push_str("[^\\n\\r\\x{85}\\x{2028}\\x{2029}]");
                    self.at += 1;
                }
                '*' | '+' | '?' | '}' if self.peek(1) == Some('+') && self.is_quantifier(c) => {
                    self.backtracks = true;
                    self.out.push(c);
                    self.out.push('+');
                    self.at += 2;
                }
                other => {
                    self.out.push(other);
                    self.at += 1;
                }
            }
        }
        Ok((self.out, self.backtracks))
    }

    /// `}` may close a quantifier or be itself.
    fn is_quantifier(&self, c: char) -> bool {
        c != '}'
            || self.chars[..self.at].iter().rev().take_while(|c| **c != '{').all(|c| c.is_ascii_digit() || *c == ',')
    }

    fn group(&mut self) -> Result<()> {
        if self.peek(1) == Some('?') {
            match (self.peek(2), self.peek(3)) {
                (Some('=' | '!' | '>'), _) | (Some('<'), Some('=' | '!')) => self.backtracks = true,
                (Some('<' | ':' | 'P'), _) => {}
                _ => {
                    let flags: String =
                        self.chars[self.at + 2..].iter().take_while(|c| c.is_ascii_alphabetic()).collect();
                    self.dot_all |= flags.contains('s');
                }
            }
        }
        self.out.push('(');
        self.at += 1;
        Ok(())
    }

    /// A character class: as it is, but for Java's own escapes and Rust's own set operators.
    fn class(&mut self) -> Result<()> {
        let mut depth = 0;
        loop {
            match self.peek(0) {
                // Left to the compiler to complain of.
                None => return Ok(()),
                Some('[') => {
                    depth += 1;
                    self.out.push('[');
                    self.at += 1;
                    if self.peek(0) == Some('^') {
                        self.out.push('^');
                        self.at += 1;
                    }
                    if self.peek(0) == Some(']') {
                        self.out.push_str("\\]");
                        self.at += 1;
                    }
                }
                Some(']') => {
                    depth -= 1;
                    self.out.push(']');
                    self.at += 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some('\\') => self.escape(true)?,
                Some(c @ ('-' | '~')) if self.peek(1) == Some(c) => {
                    self.out.push('\\');
                    self.out.push(c);
                    self.at += 1;
                }
                Some(c) => {
                    self.out.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, in_class: bool) -> Result<()> {
        let Some(c) = self.peek(1) else {
            self.out.push('\\');
            self.at += 1;
            return Ok(());
        };
        self.at += 2;
        let set = |inner: &str, negated: bool| match (in_class, negated) {
            (true, false) => inner.to_string(),
            (_, true) => format!("[^{inner}]"),
            (false, false) => format!("[{inner}]"),
        };
        const SPACE: &str = " \\t\\n\\x0B\\x0C\\r";
        const WORD: &str = "A-Za-z0-9_";
        const HORIZONTAL: &str = " \\t\\x{A0}\\x{1680}\\x{180e}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}";
        const VERTICAL: &str = "\\n\\x0B\\x0C\\r\\x{85}\\x{2028}\\x{2029}";
        let text = match c {
            'd' => set("0-9", false),
            'D' => set("0-9", true),
            'w' => set(WORD, false),
            'W' => set(WORD, true),
            's' => set(SPACE, false),
            'S' => set(SPACE, true),
            'h' => set(HORIZONTAL, false),
            'H' => set(HORIZONTAL, true),
            'v' => set(VERTICAL, false),
            'V' => set(VERTICAL, true),
            'R' => "(?:\\r\\n|[\\n\\x0B\\x0C\\r\\x{85}\\x{2028}\\x{2029}])".to_string(),
            'Z' => "(?:\\r\\n|[\\n\\r\\x{85}\\x{2028}\\x{2029}])?\\z".to_string(),
            'A' | 'z' | 'b' | 'B' | 't' | 'n' | 'r' | 'f' | 'a' => format!("\\{c}"),
            'e' => "\\x1B".to_string(),
            'c' => {
                let control = self.peek(0).map_or(0, |c| (c as u32) ^ 64);
                self.at += 1;
                format!("\\x{{{control:x}}}")
            }
            '0' => {
                let digits: String =
                    self.chars[self.at..].iter().take(3).take_while(|c| matches!(c, '0'..='7')).collect();
                self.at += digits.len();
                format!("\\x{{{:x}}}", u32::from_str_radix(&digits, 8).unwrap_or(0))
            }
            'u' | 'x' => format!("\\{c}"),
            'p' | 'P' => self.property(c == 'P'),
            'Q' => {
                let rest: String = self.chars[self.at..].iter().collect();
                let quoted = rest.split("\\E").next().unwrap_or("");
                let length = quoted.chars().count();
                self.at = (self.at + length + 2).min(self.chars.len());
                regex::escape(quoted)
            }
            'E' => String::new(),
            '1'..='9' => {
                self.backtracks = true;
                // A digit right behind the reference is one of its own, which braces would not tell.
                format!("(?:\\{c})")
            }
            'k' => {
                self.backtracks = true;
                "\\k".to_string()
            }
            'G' => return Err(self.refuse("\\G")),
            other if other.is_ascii_alphanumeric() => format!("\\{other}"),
            other => regex_escape(other),
        };
        self.out.push_str(&text);
        Ok(())
    }

    /// `\p{Alpha}` and its kin are ASCII in Java; `\p{IsLatin}` and `\p{L}` are Unicode in both.
    fn property(&mut self, negated: bool) -> String {
        let rest: String = self.chars[self.at..].iter().collect();
        let (name, length) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, _)) => (name.to_string(), name.chars().count() + 2),
            None => (rest.chars().take(1).collect(), 1),
        };
        self.at += length;
        let ascii = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => "\\x00-\\x7F",
            "Alpha" => "A-Za-z",
            "Digit" => "0-9",
            "Alnum" => "A-Za-z0-9",
            "Punct" => "!-/:-@\\[-`{-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => " \\t",
            "Cntrl" => "\\x00-\\x1F\\x7F",
            "XDigit" => "0-9A-Fa-f",
            "Space" => " \\t\\n\\x0B\\x0C\\r",
            _ => "",
        };
        if !ascii.is_empty() {
            return format!("[{}{ascii}]", if negated { "^" } else { "" });
        }
        let letter = if negated { 'P' } else { 'p' };
        let name = name.strip_prefix("Is").unwrap_or(&name);
        let name = match name {
            "javaLowerCase" => "Lowercase",
            "javaUpperCase" => "Uppercase",
            "javaWhitespace" => "White_Space",
            other => other,
        };
        format!("\\{letter}{{{name}}}")
    }
}

fn regex_escape(c: char) -> String {
    regex::escape(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_classes_are_ascii() {
        assert!(!compile("^\\d$", "rlike").unwrap().is_match("٣").unwrap());
        assert!(compile("^[\\w.]+\\p{Punct}$", "rlike").unwrap().is_match("a.b!").unwrap());
        assert!(compile("\\Qa.b\\E", "rlike").unwrap().is_match("xa.by").unwrap());
    }

    #[test]
    fn what_java_alone_has_backtracks() {
        let cases =
            [("a(?=b)", "ab", "ac"), ("^(a)\\1$", "aa", "ab"), ("(?>a*)b", "aab", "aa"), ("(?<!x)a", "ya", "xa")];
        for (pattern, yes, no) in cases {
            let regex = compile(pattern, "rlike").unwrap();
            assert!(regex.is_match(yes).unwrap() && !regex.is_match(no).unwrap(), "{pattern}");
        }
        assert!(!compile("a*+a", "rlike").unwrap().is_match("aaa").unwrap());
        assert_eq!(compile("(", "rlike").unwrap_err().condition(), "INVALID_PARAMETER_VALUE.PATTERN");
        assert_eq!(compile("(?<=a", "rlike").unwrap_err().condition(), "INVALID_PARAMETER_VALUE.PATTERN");
    }

    #[test]
    fn replacements() {
        let regex = compile("(a)(?<n>b)", "rlike").unwrap();
        let found = regex.captures_at("ab", 0).unwrap().unwrap();
        let expand = |text: &str| {
            let mut out = String::new();
            Replacement::parse(text)?.expand(&found, &mut out)?;
            Some(out)
        };
        assert_eq!(expand("$2-\\$x${n}$10").as_deref(), Some("b-$xba0"));
        assert_eq!(expand("$3"), None);
        assert_eq!(expand("$"), None);
    }
}
