//! Java's regular expressions on the `regex` crate: what both have is translated, what only Java has
//! (lookaround, backreferences, possessive quantifiers) is refused by name.

use std::collections::HashMap;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use regex::{Captures, Regex};

use crate::kernel::KernelArgs;

/// A Java pattern as compiled expression. `function` is named where the pattern is malformed.
pub fn compile(pattern: &str, function: &str) -> Result<Regex> {
    let translated = Translator::new(pattern).run()?;
    Regex::new(&translated).map_err(|error| {
        SparkError::new("INVALID_PARAMETER_VALUE.PATTERN")
            .with("parameter", name::quote("regexp"))
            .with("functionName", name::quote(function))
            .with("value", format!("'{pattern}'"))
            .with_source(error)
    })
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
pub fn matches<'t>(pattern: &'t Regex, text: &'t str) -> impl Iterator<Item = Captures<'t>> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let start = at?;
        let found = pattern.captures_at(text, start)?;
        let whole = found.get(0)?;
        at = if whole.is_empty() {
            text[whole.end()..].chars().next().map(|c| whole.end() + c.len_utf8())
        } else {
            Some(whole.end())
        };
        Some(found)
    })
}

/// A Java replacement (`$1`, `${name}`, `\$`) in the syntax of the `regex` crate; `None` if it is malformed.
pub fn replacement(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => out.push_str("$$"),
                Some(other) => out.push(other),
                None => return None,
            },
            '$' => match characters.peek() {
                Some('{') => {
                    out.push('$');
                    for next in characters.by_ref() {
                        out.push(next);
                        if next == '}' {
                            break;
                        }
                    }
                }
                Some(digit) if digit.is_ascii_digit() => {
                    let _ = write!(out, "${{{digit}}}");
                    characters.next();
                }
                _ => return None,
            },
            other => out.push(other),
        }
    }
    Some(out)
}

struct Translator<'a> {
    pattern: &'a str,
    chars: Vec<char>,
    at: usize,
    out: String,
    /// `.` matches line ends as well: `(?s)` was said.
    dot_all: bool,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        Self {
            pattern,
            chars: pattern.chars().collect(),
            at: 0,
            out: String::with_capacity(pattern.len() + 16),
            dot_all: false,
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

    fn run(mut self) -> Result<String> {
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
                    return Err(self.refuse("possessive quantifiers"));
                }
                other => {
                    self.out.push(other);
                    self.at += 1;
                }
            }
        }
        Ok(self.out)
    }

    /// `}` may close a quantifier or be itself.
    fn is_quantifier(&self, c: char) -> bool {
        c != '}'
            || self.chars[..self.at].iter().rev().take_while(|c| **c != '{').all(|c| c.is_ascii_digit() || *c == ',')
    }

    fn group(&mut self) -> Result<()> {
        if self.peek(1) == Some('?') {
            match (self.peek(2), self.peek(3)) {
                (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => return Err(self.refuse("lookaround")),
                (Some('>'), _) => return Err(self.refuse("atomic groups")),
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
            '1'..='9' | 'k' => return Err(self.refuse("backreferences")),
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
        assert!(!compile("^\\d$", "rlike").unwrap().is_match("٣"));
        assert!(compile("^[\\w.]+\\p{Punct}$", "rlike").unwrap().is_match("a.b!"));
        assert!(compile("\\Qa.b\\E", "rlike").unwrap().is_match("xa.by"));
    }

    #[test]
    fn what_java_alone_has_is_refused() {
        for pattern in ["a(?=b)", "(a)\\1", "a*+", "(?>a)"] {
            assert_eq!(compile(pattern, "rlike").unwrap_err().condition(), "UNSUPPORTED_FEATURE.FIRESTEEL");
        }
        assert_eq!(compile("(", "rlike").unwrap_err().condition(), "INVALID_PARAMETER_VALUE.PATTERN");
    }

    #[test]
    fn replacements() {
        assert_eq!(replacement("$1-\\$x").unwrap(), "${1}-$$x");
    }
}
