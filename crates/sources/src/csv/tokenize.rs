//! Cuts a record of a CSV file into its fields, by the rules of the parser that Spark uses
//! (univocity): lenient with quotes that are not escaped, `\` escapes a quote, `\\` is `\`.

use memchr::{memchr, memchr2, memchr3, memmem};

/// What to do with a quote inside a quoted field that neither ends it nor is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnescapedQuotes {
    /// The field is taken as it stands, quotes included, up to the next delimiter.
    StopAtDelimiter,
    /// The quote is part of the field, which goes on to its closing quote.
    StopAtClosingQuote,
    /// The field is NULL.
    SkipValue,
    RaiseError,
}

/// What divides and quotes fields. All characters but the delimiter's are ASCII.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub delimiter: Vec<u8>,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// Escapes the escape character in front of a quote.
    pub escape_escape: Option<u8>,
    pub ignore_leading: bool,
    pub ignore_trailing: bool,
    pub unescaped: UnescapedQuotes,
    pub max_columns: usize,
    /// Characters of a field at most.
    pub max_chars: Option<usize>,
}

/// Where the text of a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// No text at all: NULL.
    Missing,
    /// `""`.
    Empty,
    /// In the record as it stands.
    Record,
    /// In [`Tokenizer::scratch`], because escapes had to be taken out.
    Scratch,
}

/// A field of a record.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub place: Place,
    pub start: usize,
    pub end: usize,
}

/// Why a record cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The record goes on behind the bytes at hand.
    Incomplete,
    TooManyColumns,
    TooLong,
    UnescapedQuote,
}

/// Cuts records, one at a time.
#[derive(Debug)]
pub struct Tokenizer {
    dialect: Dialect,
    /// Ends a record outside of quotes; `None` if the input is one record.
    newline: Option<u8>,
    /// Fields from this one on are not looked at.
    limit: usize,
    tokens: Vec<Token>,
    scratch: Vec<u8>,
}

impl Tokenizer {
    /// A tokenizer of single lines (`newline` is `None`) or of a stream of records.
    pub fn new(dialect: Dialect, newline: Option<u8>) -> Self {
        Self { dialect, newline, limit: usize::MAX, tokens: vec![], scratch: vec![] }
    }

    /// Records end at this byte.
    pub fn set_newline(&mut self, newline: u8) {
        self.newline = Some(newline);
    }

    /// Only the first `limit` fields matter.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The fields of the last record.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text of a field of the last record, which was read from `input`; `None` if it is missing.
    #[inline]
    pub fn text<'a>(&'a self, input: &'a [u8], token: Token) -> Option<&'a [u8]> {
        match token.place {
            Place::Missing => None,
            Place::Empty => Some(b""),
            Place::Record => Some(&input[token.start..token.end]),
            Place::Scratch => Some(&self.scratch[token.start..token.end]),
        }
    }

    /// Reads the record that starts at `start`; says where its end is (the newline's place, or the end of
    /// the input). `complete` says that nothing follows the input.
    pub fn record(&mut self, input: &[u8], start: usize, complete: bool) -> Result<usize, Failure> {
        self.tokens.clear();
        self.scratch.clear();
        let mut at = start;
        loop {
            if self.dialect.ignore_leading {
                at = self.skip_blanks(input, at);
            }
            if at == input.len() || self.is_newline(input[at]) {
                self.push(Place::Missing, at, at)?;
            } else if self.dialect.quote == Some(input[at]) {
                at = self.quoted(input, at)?;
            } else {
                let end = self.field_end(input, at);
                let last = if self.dialect.ignore_trailing { trim_end(input, at, end) } else { end };
                self.push(if last > at { Place::Record } else { Place::Missing }, at, last)?;
                at = end;
            }
            if at == input.len() {
                return if complete { Ok(at) } else { Err(Failure::Incomplete) };
            }
            if self.is_newline(input[at]) {
                return Ok(at);
            }
            at += self.dialect.delimiter.len();
            if self.tokens.len() >= self.limit && self.newline.is_none() {
                return Ok(input.len());
            }
        }
    }

    #[inline]
    fn push(&mut self, place: Place, start: usize, end: usize) -> Result<(), Failure> {
        if self.tokens.len() >= self.dialect.max_columns {
            return Err(Failure::TooManyColumns);
        }
        if self.dialect.max_chars.is_some_and(|max| end - start > max) {
            return Err(Failure::TooLong);
        }
        self.tokens.push(Token { place, start, end });
        Ok(())
    }

    #[inline]
    fn is_newline(&self, byte: u8) -> bool {
        self.newline == Some(byte)
    }

    #[inline]
    fn is_delimiter(&self, input: &[u8], at: usize) -> bool {
        match self.dialect.delimiter.as_slice() {
            [single] => input[at] == *single,
            several => input[at..].starts_with(several),
        }
    }

    /// Whether a field ends here.
    fn is_stop(&self, input: &[u8], at: usize) -> bool {
        self.is_newline(input[at]) || self.is_delimiter(input, at)
    }

    /// The place of the next delimiter or newline, or the end.
    #[inline]
    fn field_end(&self, input: &[u8], at: usize) -> usize {
        let rest = &input[at..];
        let found = match (self.dialect.delimiter.as_slice(), self.newline) {
            ([single], None) => memchr(*single, rest),
            ([single], Some(newline)) => memchr2(*single, newline, rest),
            (several, None) => memmem::find(rest, several),
            (several, Some(newline)) => {
                let line = memchr(newline, rest).unwrap_or(rest.len());
                return at + memmem::find(&rest[..line], several).unwrap_or(line);
            }
        };
        found.map_or(input.len(), |found| at + found)
    }

    fn skip_blanks(&self, input: &[u8], mut at: usize) -> usize {
        while at < input.len() && input[at] <= b' ' && !self.is_stop(input, at) {
            at += 1;
        }
        at
    }

    /// Reads the quoted field at `open`; says where it ends.
    fn quoted(&mut self, input: &[u8], open: usize) -> Result<usize, Failure> {
        let quote = input[open];
        let start = open + 1;
        // Most fields have no escapes and end with quote and delimiter.
        let escape = self.dialect.escape.unwrap_or(quote);
        if let Some(length) = memchr2(quote, escape, &input[start..]) {
            let close = start + length;
            if input[close] == quote && (close + 1 == input.len() || self.is_stop(input, close + 1)) {
                let place = if length == 0 { Place::Empty } else { Place::Record };
                self.push(place, start, close)?;
                return Ok(close + 1);
            }
        }
        let from = self.scratch.len();
        let (place, end) = self.unescape(input, start, quote, from)?;
        let to = self.scratch.len();
        let place = if place == Place::Scratch && to == from { Place::Empty } else { place };
        self.push(place, from, to)?;
        Ok(end)
    }

    /// Reads a quoted field with escapes or stray quotes into scratch.
    ///
    /// `prev` is the last character with a meaning; 0 after one that an escape has used up.
    fn unescape(&mut self, input: &[u8], start: usize, quote: u8, from: usize) -> Result<(Place, usize), Failure> {
        let escape = self.dialect.escape.unwrap_or(0);
        let escape_escape = self.dialect.escape_escape.unwrap_or(0);
        let (mut prev, mut stray) = (0_u8, false);
        let mut at = start;
        loop {
            if at == input.len() {
                return Ok(self.unclosed(prev, quote, stray, start == at, at));
            }
            let byte = input[at];
            if prev == quote && (byte <= b' ' || self.is_stop(input, at)) {
                break;
            }
            if byte == quote || (byte == escape && escape != 0) {
                prev = match byte {
                    _ if byte == escape && prev == escape_escape && escape_escape != 0 => {
                        self.scratch.push(escape);
                        0
                    }
                    _ if prev == escape && escape != 0 => {
                        self.scratch.push(if byte == quote { quote } else { prev });
                        if byte == quote { 0 } else { byte }
                    }
                    _ if prev == quote && byte == quote => {
                        self.scratch.push(quote);
                        byte
                    }
                    _ if prev == quote => return self.stray_quote(input, at, quote, from),
                    _ => byte,
                };
                at += 1;
                if stray && at < input.len() && self.is_stop(input, at) {
                    return Ok((Place::Scratch, at));
                }
                continue;
            }
            if prev == quote {
                match self.dialect.unescaped {
                    UnescapedQuotes::StopAtClosingQuote => {
                        self.scratch.push(quote);
                        self.scratch.push(byte);
                        stray = true;
                        prev = byte;
                        at += 1;
                        continue;
                    }
                    _ => return self.stray_quote(input, at, quote, from),
                }
            }
            if prev == escape && escape != 0 {
                self.scratch.push(escape);
            }
            let rest = &input[at..];
            let length = memchr3(quote, if escape == 0 { quote } else { escape }, if escape_escape == 0 { quote } else { escape_escape }, rest);
            let Some(length) = length else {
                self.scratch.extend_from_slice(rest);
                return Ok((Place::Scratch, input.len()));
            };
            self.scratch.extend_from_slice(&rest[..length]);
            prev = rest[length];
            at += length + 1;
        }
        self.after_quote(input, at, quote, from)
    }

    /// Behind a closing quote: blanks up to the delimiter do not count, anything else makes the quote a stray one.
    fn after_quote(&mut self, input: &[u8], at: usize, quote: u8, from: usize) -> Result<(Place, usize), Failure> {
        let mut end = at;
        while end < input.len() && !self.is_stop(input, end) && input[end] <= b' ' {
            end += 1;
        }
        if end == input.len() || self.is_stop(input, end) {
            return Ok((Place::Scratch, end));
        }
        if self.dialect.unescaped == UnescapedQuotes::StopAtClosingQuote {
            self.scratch.push(quote);
            self.scratch.extend_from_slice(&input[at..end]);
            if input[end] != quote && Some(input[end]) != self.dialect.escape {
                self.scratch.push(input[end]);
            }
            return self.unescape(input, end + 1, quote, from);
        }
        self.scratch.push(quote);
        self.scratch.extend_from_slice(&input[at..end]);
        self.raw_rest(input, end, quote, from)
    }

    /// A quote before `at` neither closes the field nor is escaped.
    fn stray_quote(&mut self, input: &[u8], at: usize, quote: u8, from: usize) -> Result<(Place, usize), Failure> {
        self.scratch.push(quote);
        self.raw_rest(input, at, quote, from)
    }

    /// Takes everything up to the delimiter as it stands, and puts the opening quote back.
    fn raw_rest(&mut self, input: &[u8], at: usize, quote: u8, from: usize) -> Result<(Place, usize), Failure> {
        // The character behind the stray quote is part of the field even if it is a delimiter.
        let next = (at + 1).min(input.len());
        let end = self.field_end(input, next);
        match self.dialect.unescaped {
            UnescapedQuotes::RaiseError => return Err(Failure::UnescapedQuote),
            UnescapedQuotes::SkipValue => {
                self.scratch.truncate(from);
                return Ok((Place::Missing, end));
            }
            UnescapedQuotes::StopAtDelimiter | UnescapedQuotes::StopAtClosingQuote => {}
        }
        let last = if self.dialect.ignore_trailing { trim_end(input, next, end) } else { end };
        self.scratch.extend_from_slice(&input[at..last.max(next)]);
        self.scratch.insert(from, quote);
        Ok((Place::Scratch, end))
    }

    /// The input ends within a quoted field.
    fn unclosed(&mut self, prev: u8, quote: u8, stray: bool, empty: bool, at: usize) -> (Place, usize) {
        if empty && prev == 0 && !stray {
            // A quote alone is a text.
            self.scratch.push(quote);
        }
        (Place::Scratch, at)
    }
}

fn trim_end(input: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && input[end - 1] <= b' ' {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Vec<Option<String>> {
        let dialect = Dialect {
            delimiter: b",".to_vec(),
            quote: Some(b'"'),
            escape: Some(b'\\'),
            escape_escape: Some(b'\\'),
            ignore_leading: false,
            ignore_trailing: false,
            unescaped: UnescapedQuotes::StopAtDelimiter,
            max_columns: 100,
            max_chars: None,
        };
        let mut tokenizer = Tokenizer::new(dialect, None);
        assert!(tokenizer.record(line.as_bytes(), 0, true).is_ok());
        let text = |token: &Token| {
            tokenizer.text(line.as_bytes(), *token).map(|text| String::from_utf8_lossy(text).into_owned())
        };
        tokenizer.tokens().iter().map(text).collect()
    }

    #[test]
    fn quotes_are_read_as_leniently_as_in_spark() {
        // Recorded from Spark 4.2.
        let cases: &[(&str, &[&str])] = &[
            (r#""a",b"#, &["a", "b"]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#"a"b,c"#, &["a\"b", "c"]),
            (r#""a""b",c"#, &[r#""a""b""#, "c"]),
            (r#""a\"b",c"#, &["a\"b", "c"]),
            (r#""a\\",c"#, &["a\\", "c"]),
            (r#" "a",b"#, &[" \"a\"", "b"]),
            (r#""a" ,b"#, &["a", "b"]),
            (r#""a"x,b"#, &["\"a\"x", "b"]),
            (r#""a,b"#, &["a,b"]),
            ("\"", &["\""]),
            (r#""a"b"c,d"#, &[r#""a"b"c"#, "d"]),
            (r#""a" "b",c"#, &[r#""a" "b""#, "c"]),
            (r#""a""",b"#, &["a\"\"", "b"]),
            (r#""""a""",b"#, &[r#""""a""""#, "b"]),
            (r#""a"",b",c"#, &["a\"", "b\"", "c"]),
        ];
        for (line, fields) in cases {
            let expected: Vec<Option<String>> = fields.iter().map(|f| Some(f.to_string())).collect();
            assert_eq!(&cut(line), &expected, "{line}");
        }
        assert_eq!(cut(r#""",b,"#), [Some(String::new()), Some("b".into()), None]);
    }
}
