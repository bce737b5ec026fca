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
                if end == input.len() && self.dialect.delimiter.len() > 1 && Some(input[end - 1]) == self.dialect.quote
                {
                    // With delimiters of several characters the parser doubles a quote at the very end.
                    let from = self.scratch.len();
                    self.scratch.extend_from_slice(&input[at..end]);
                    self.scratch.push(input[end - 1]);
                    self.push(Place::Scratch, from, self.scratch.len())?;
                } else {
                    self.push(if last > at { Place::Record } else { Place::Missing }, at, last)?;
                }
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
            let ends = if close + 1 == input.len() {
                length > 0
                    && self
                        .dialect
                        .escape_escape
                        .is_none_or(|e| e == escape || memchr(e, &input[start..close]).is_none())
            } else {
                input[close] == quote && self.is_stop(input, close + 1)
            };
            if input[close] == quote && ends {
                let place = if length == 0 { Place::Empty } else { Place::Record };
                self.push(place, start, close)?;
                return Ok(close + 1);
            }
        }
        let from = self.scratch.len();
        let mut state = Quoted {
            input,
            at: start,
            byte: quote,
            prev: 0,
            stray: false,
            trim: false,
            skipped: false,
            from,
            depth: 0,
        };
        let (end, filled) = match self.unescape(&mut state) {
            Ok(()) => (state.at - 1, true),
            Err(Stop::Stray) => return Err(Failure::UnescapedQuote),
            Err(Stop::End) => (input.len(), self.end_of_input(&state, quote)),
        };
        if state.trim {
            while self.scratch.len() > from && self.scratch[self.scratch.len() - 1] <= b' ' {
                self.scratch.pop();
            }
        }
        let place = match self.scratch.len() > from {
            _ if state.skipped => Place::Missing,
            true => Place::Scratch,
            false if filled => Place::Empty,
            false => Place::Missing,
        };
        self.push(place, from, self.scratch.len())?;
        Ok(end)
    }

    /// Reads a quoted field with escapes or stray quotes into scratch, up to the delimiter.
    fn unescape(&mut self, state: &mut Quoted<'_>) -> Result<(), Stop> {
        let quote = self.dialect.quote.unwrap_or(0);
        let escape = self.dialect.escape.unwrap_or(0);
        let whole_rest = self.dialect.unescaped.takes_whole_rest();
        'field: loop {
            if state.prev != 0 && whole_rest {
                return self.raw_rest(state, quote);
            }
            state.next()?;
            loop {
                let closed = state.prev == quote;
                if closed && (state.byte <= b' ' || self.stops(state)) {
                    break;
                }
                if state.byte == quote || state.byte == escape {
                    self.quote_or_escape(state)?;
                    state.prev = state.byte;
                    state.next()?;
                    if state.stray && self.stops(state) {
                        return Ok(());
                    }
                    continue;
                }
                if closed {
                    state.stray = true;
                    match self.dialect.unescaped {
                        UnescapedQuotes::RaiseError => return Err(Stop::Stray),
                        UnescapedQuotes::SkipValue => return self.skip_rest(state),
                        UnescapedQuotes::StopAtDelimiter | UnescapedQuotes::StopAtClosingQuote => {}
                    }
                    self.scratch.extend_from_slice(&[quote, state.byte]);
                    state.prev = state.byte;
                    continue 'field;
                }
                if state.prev == escape && escape != 0 {
                    self.scratch.push(escape);
                }
                self.copy_plain(state, quote, escape)?;
                state.prev = state.byte;
                state.next()?;
            }
            if self.stops(state) {
                return Ok(());
            }
            // Blanks between the closing quote and the delimiter do not count; before anything else they do,
            // and so does the quote.
            let blanks = state.at - 1;
            while state.byte <= b' ' && !self.is_delimiter(state.input, state.at - 1) {
                state.next()?;
                if self.is_newline(state.byte) {
                    return Ok(());
                }
            }
            if self.stops(state) {
                return Ok(());
            }
            if self.dialect.unescaped == UnescapedQuotes::RaiseError {
                return Err(Stop::Stray);
            }
            self.scratch.push(quote);
            self.scratch.extend_from_slice(&state.input[blanks..state.at - 1]);
            if whole_rest || (state.byte != quote && state.byte != escape) {
                self.scratch.push(state.byte);
            }
            state.prev = state.byte;
        }
    }

    fn stops(&self, state: &Quoted<'_>) -> bool {
        self.is_stop(state.input, state.at - 1)
    }

    /// A quote or an escape character inside a quoted field: what it means depends on the one before.
    fn quote_or_escape(&mut self, state: &mut Quoted<'_>) -> Result<(), Stop> {
        let quote = self.dialect.quote.unwrap_or(0);
        let escape = self.dialect.escape.unwrap_or(0);
        let escape_escape = self.dialect.escape_escape.unwrap_or(0);
        if state.byte == escape && state.prev == escape_escape && escape_escape != 0 {
            self.scratch.push(escape);
            state.byte = 0;
        } else if state.prev == escape {
            if state.byte == quote {
                self.scratch.push(quote);
                state.byte = 0;
            } else {
                self.scratch.push(state.prev);
            }
        } else if state.prev == quote && state.byte == quote {
            self.scratch.push(quote);
        } else if state.prev == quote {
            return self.stray_before_escape(state);
        }
        Ok(())
    }

    /// A closing quote is followed by an escape character: the field goes on without quotes.
    fn stray_before_escape(&mut self, state: &mut Quoted<'_>) -> Result<(), Stop> {
        let quote = self.dialect.quote.unwrap_or(0);
        let escape = self.dialect.escape.unwrap_or(0);
        match self.dialect.unescaped {
            UnescapedQuotes::RaiseError => return Ok(()),
            UnescapedQuotes::SkipValue => return self.skip_rest(state),
            UnescapedQuotes::StopAtDelimiter | UnescapedQuotes::StopAtClosingQuote => {}
        }
        state.depth += 1;
        if state.depth > MAX_STRAY_DEPTH {
            return Err(Stop::Stray);
        }
        self.scratch.push(quote);
        state.prev = state.byte;
        while !self.stops(state) {
            if state.byte == quote || state.byte == escape {
                self.quote_or_escape(state)?;
            } else if state.prev == quote {
                return self.stray_before_escape(state);
            } else {
                self.scratch.push(state.byte);
            }
            state.prev = state.byte;
            state.next()?;
        }
        Ok(())
    }

    /// Copies up to the next character that may have a meaning.
    fn copy_plain(&mut self, state: &mut Quoted<'_>, quote: u8, escape: u8) -> Result<(), Stop> {
        let escape = if escape == 0 { quote } else { escape };
        let rest = &state.input[state.at - 1..];
        let found = memchr3(quote, escape, self.dialect.escape_escape.unwrap_or(quote), rest);
        self.scratch.extend_from_slice(&rest[..found.unwrap_or(rest.len())]);
        state.jump(found)
    }

    /// Puts the opening quote back and takes everything up to the delimiter as it stands.
    fn raw_rest(&mut self, state: &mut Quoted<'_>, quote: u8) -> Result<(), Stop> {
        if self.dialect.unescaped == UnescapedQuotes::SkipValue {
            return self.skip_rest(state);
        }
        self.scratch.insert(state.from, quote);
        state.next()?;
        state.trim = self.dialect.ignore_trailing;
        let start = state.at - 1;
        let end = self.field_end(state.input, start);
        self.scratch.extend_from_slice(&state.input[start..end]);
        state.jump((end < state.input.len()).then_some(end - start))
    }

    /// Makes the field NULL and goes on to the delimiter.
    fn skip_rest(&mut self, state: &mut Quoted<'_>) -> Result<(), Stop> {
        state.skipped = true;
        let start = state.at - 1;
        let end = self.field_end(state.input, start);
        state.jump((end < state.input.len()).then_some(end - start))
    }

    /// The input ends within a quoted field; says whether the field has a text, an empty one perhaps.
    fn end_of_input(&mut self, state: &Quoted<'_>, quote: u8) -> bool {
        if state.byte == quote {
            if state.prev == quote {
                return true;
            }
            if !state.stray {
                self.scratch.push(quote);
            }
        }
        state.prev != 0
    }
}

/// Stray quotes with escapes behind them, one inside the other, at most.
const MAX_STRAY_DEPTH: usize = 1000;

impl UnescapedQuotes {
    /// Whether a stray quote makes the rest of the field plain text.
    fn takes_whole_rest(self) -> bool {
        matches!(self, Self::StopAtDelimiter | Self::SkipValue)
    }
}

/// The state of reading a quoted field that is not a simple one.
struct Quoted<'a> {
    input: &'a [u8],
    /// Behind the current character.
    at: usize,
    /// The current character; 0 when an escape has used it up.
    byte: u8,
    /// The character before with a meaning.
    prev: u8,
    /// A quote that is not escaped was seen.
    stray: bool,
    /// Blanks at the end do not count.
    trim: bool,
    skipped: bool,
    /// Where the field begins in scratch.
    from: usize,
    depth: usize,
}

/// Why reading a quoted field ends before its delimiter.
enum Stop {
    End,
    Stray,
}

impl Quoted<'_> {
    fn next(&mut self) -> Result<(), Stop> {
        self.byte = *self.input.get(self.at).ok_or(Stop::End)?;
        self.at += 1;
        Ok(())
    }

    /// Moves the current character `by` characters on, if there is such a place.
    fn jump(&mut self, by: Option<usize>) -> Result<(), Stop> {
        match by {
            Some(by) => {
                self.at += by;
                self.byte = self.input[self.at - 1];
                Ok(())
            }
            None => {
                self.at = self.input.len();
                Err(Stop::End)
            }
        }
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
