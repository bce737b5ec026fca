//! Reads JSON text token by token, with the leniencies of the parser that Spark uses (Jackson).
//!
//! The scanner works on valid UTF-8. It knows nothing of schemas; `decode` and `infer` drive it.

/// What deviations from JSON are accepted.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    pub comments: bool,
    pub unquoted_names: bool,
    pub single_quotes: bool,
    pub leading_zeros: bool,
    pub any_escape: bool,
    pub control_chars: bool,
    pub non_numeric: bool,
    /// Levels of arrays and objects at most.
    pub max_depth: usize,
    /// Characters of a number at most.
    pub max_number: usize,
}

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte at which that became clear.
    pub at: usize,
}

/// The beginning of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// The scanner stands behind `{`.
    Object,
    /// The scanner stands behind `[`.
    Array,
    Text(Text<'a>),
    /// A whole number as written.
    Integer(&'a [u8]),
    /// A number with fraction or exponent as written.
    Fraction(&'a [u8]),
    /// `NaN` or an infinity as written.
    NonNumeric(&'a [u8]),
    Boolean(bool),
    Null,
}

/// A string, its quotes left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes between the quotes.
    pub raw: &'a [u8],
    /// Whether there are escapes in it, see [`unescape`].
    pub escaped: bool,
}

/// A position in JSON text.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    grammar: Grammar,
}

type Result<T> = std::result::Result<T, SyntaxError>;

impl<'a> Scanner<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a [u8], grammar: Grammar) -> Self {
        Self { text, at: 0, depth: 0, grammar }
    }

    /// Inside of an array at the root of a text.
    pub fn within_array(text: &'a [u8], at: usize, grammar: Grammar) -> Self {
        Self { text, at, depth: 1, grammar }
    }

    /// Where the scanner is.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text from `start` to here.
    pub fn since(&self, start: usize) -> &'a [u8] {
        &self.text[start..self.at]
    }

    #[cold]
    fn error<T>(&self) -> Result<T> {
        Err(SyntaxError { at: self.at })
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Skips blanks (and comments, where allowed); the next byte, if there is one.
    #[inline]
    pub fn skip_blanks(&mut self) -> Result<Option<u8>> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if self.grammar.comments => self.skip_comment()?,
                other => return Ok(other),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<()> {
        let rest = &self.text[self.at..];
        match rest.get(1) {
            Some(b'/') => {
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                Ok(())
            }
            Some(b'*') => match memchr::memmem::find(&rest[2..], b"*/") {
                Some(length) => {
                    self.at += length + 4;
                    Ok(())
                }
                None => self.error(),
            },
            _ => self.error(),
        }
    }

    /// Reads the beginning of a value; all of it unless it is an object or an array.
    #[inline]
    pub fn value(&mut self) -> Result<Token<'a>> {
        let Some(byte) = self.skip_blanks()? else { return self.error() };
        match byte {
            b'"' => self.string(b'"').map(Token::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' => self.enter().map(|()| Token::Object),
            b'[' => self.enter().map(|()| Token::Array),
            b't' => self.word(b"true", Token::Boolean(true)),
            b'f' => self.word(b"false", Token::Boolean(false)),
            b'n' => self.word(b"null", Token::Null),
            b'\'' if self.grammar.single_quotes => self.string(b'\'').map(Token::Text),
            b'N' if self.grammar.non_numeric => self.word(b"NaN", Token::NonNumeric(b"NaN")),
            b'I' if self.grammar.non_numeric => self.word(b"Infinity", Token::NonNumeric(b"Infinity")),
            b'+' if self.grammar.non_numeric => self
                .word(b"+INF", Token::NonNumeric(b"+INF"))
                .or_else(|_| self.word(b"+Infinity", Token::NonNumeric(b"+Infinity"))),
            _ => self.error(),
        }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > self.grammar.max_depth {
            return self.error();
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &'static [u8], token: Token<'a>) -> Result<Token<'a>> {
        if !self.text[self.at..].starts_with(word) {
            return self.error();
        }
        self.at += word.len();
        match self.peek() {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80 => self.error(),
            _ => Ok(token),
        }
    }

    fn number(&mut self) -> Result<Token<'a>> {
        let start = self.at;
        if self.text[self.at] == b'-' {
            self.at += 1;
            if self.grammar.non_numeric && self.peek() == Some(b'I') {
                let infinity = Token::NonNumeric(b"-Infinity");
                return self.word(b"INF", infinity).or_else(|_| self.word(b"Infinity", infinity));
            }
        }
        let whole = self.digits();
        if whole == 0 {
            return self.error();
        }
        let first = self.at - whole;
        if whole > 1 && self.text[first] == b'0' && !self.grammar.leading_zeros {
            return self.error();
        }
        let mut fraction = false;
        if self.peek() == Some(b'.') {
            fraction = true;
            self.at += 1;
            if self.digits() == 0 {
                return self.error();
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            fraction = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.error();
            }
        }
        match self.peek() {
            // What may follow a number at the root is not looked at further, but it must be set apart.
            Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') | None => {}
            Some(b'/') if self.grammar.comments => {}
            Some(_) => return self.error(),
        }
        let text = &self.text[start..self.at];
        if text.len() > self.grammar.max_number {
            return self.error();
        }
        Ok(if fraction { Token::Fraction(text) } else { Token::Integer(text) })
    }

    #[inline]
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    #[inline]
    fn string(&mut self, quote: u8) -> Result<Text<'a>> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += plain_length(&self.text[self.at..], quote);
            match self.peek() {
                Some(byte) if byte == quote => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(byte) if byte < 0x20 && !self.grammar.control_chars => return self.error(),
                Some(_) => self.at += 1,
                None => return self.error(),
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        let Some(byte) = self.text.get(self.at + 1) else { return self.error() };
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.error();
                }
                self.at += 6;
            }
            b'\'' if self.grammar.single_quotes => self.at += 2,
            _ if self.grammar.any_escape => self.at += 2,
            _ => return self.error(),
        }
        Ok(())
    }

    /// Inside an object: the next field's name, with the scanner in front of its value; `None` behind `}`.
    #[inline]
    pub fn next_name(&mut self, first: bool) -> Result<Option<Text<'a>>> {
        let mut byte = self.skip_blanks()?;
        if byte == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(None);
        }
        if !first {
            if byte != Some(b',') {
                return self.error();
            }
            self.at += 1;
            byte = self.skip_blanks()?;
        }
        let name = match byte {
            Some(b'"') => self.string(b'"')?,
            Some(b'\'') if self.grammar.single_quotes => self.string(b'\'')?,
            Some(byte) if self.grammar.unquoted_names && is_name(byte) => {
                let start = self.at;
                while self.peek().is_some_and(is_name) {
                    self.at += 1;
                }
                Text { raw: &self.text[start..self.at], escaped: false }
            }
            _ => return self.error(),
        };
        if self.peek() != Some(b':') && self.skip_blanks()? != Some(b':') {
            return self.error();
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Inside an array: whether the scanner stands in front of a next element; if not, behind `]`.
    #[inline]
    pub fn next_element(&mut self, first: bool) -> Result<bool> {
        match self.skip_blanks()? {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                // `[1,]` is no array.
                if self.skip_blanks()? == Some(b']') { self.error() } else { Ok(true) }
            }
            Some(_) if first => Ok(true),
            _ => self.error(),
        }
    }

    /// Reads a value to its end.
    pub fn skip_value(&mut self) -> Result<()> {
        let token = self.value()?;
        self.skip_rest(token)
    }

    /// Reads the rest of a value whose beginning has been read.
    pub fn skip_rest(&mut self, token: Token<'a>) -> Result<()> {
        match token {
            Token::Object => self.skip_object(true),
            Token::Array => self.skip_array(true),
            _ => Ok(()),
        }
    }

    /// Reads an object to its end; `first` says that no field has been read.
    pub fn skip_object(&mut self, mut first: bool) -> Result<()> {
        while self.next_name(first)?.is_some() {
            first = false;
            self.skip_value()?;
        }
        Ok(())
    }

    /// Reads an array to its end; `first` says that no element has been read.
    pub fn skip_array(&mut self, mut first: bool) -> Result<()> {
        while self.next_element(first)? {
            first = false;
            self.skip_value()?;
        }
        Ok(())
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-' | b'@' | b'#' | b'*' | b'+') || byte >= 0x80
}

/// Bytes up to the next quote, backslash or control character; eight at a time.
#[inline]
fn plain_length(text: &[u8], quote: u8) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quotes = LOW * u64::from(quote);
    let mut at = 0;
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]);
        let (q, b) = (word ^ quotes, word ^ (LOW * u64::from(b'\\')));
        // A byte's high bit is set where the byte is a quote, a backslash or below 0x20; a borrow can set
        // bits too many, but only behind the first that is right.
        let hits =
            ((q.wrapping_sub(LOW) & !q) | (b.wrapping_sub(LOW) & !b) | (word.wrapping_sub(LOW * 0x20) & !word)) & HIGH;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = &text[at..];
    at + rest.iter().position(|b| *b == quote || *b == b'\\' || *b < 0x20).unwrap_or(rest.len())
}

/// Appends a string with its escapes resolved. Half of a surrogate pair becomes `?`, as in Java.
pub fn unescape(out: &mut Vec<u8>, raw: &[u8]) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(byte) = rest.first() else { return };
        rest = &rest[1..];
        match byte {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = unescape_unicode(out, rest),
            other => out.push(*other),
        }
    }
    out.extend_from_slice(rest);
}

fn unescape_unicode<'a>(out: &mut Vec<u8>, rest: &'a [u8]) -> &'a [u8] {
    let unit = |digits: &[u8]| {
        let text = std::str::from_utf8(digits.get(..4)?).ok()?;
        u32::from_str_radix(text, 16).ok()
    };
    let Some(first) = unit(rest) else { return rest };
    let mut rest = &rest[4..];
    let second = match rest {
        [b'\\', b'u', digits @ ..] if (0xd800..0xdc00).contains(&first) => {
            unit(digits).filter(|second| (0xdc00..0xe000).contains(second))
        }
        _ => None,
    };
    let point = match second {
        Some(second) => {
            rest = &rest[6..];
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        }
        None => first,
    };
    let c = char::from_u32(point).unwrap_or('?');
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_length_stops_at_what_needs_a_look() {
        assert_eq!(plain_length(b"abcdefghijk\"x", b'"'), 11);
        assert_eq!(plain_length(b"abcdef\\hijk\"x", b'"'), 6);
        assert_eq!(plain_length("ääääääää\t".as_bytes(), b'"'), 16);
        assert_eq!(plain_length(b"'''\"", b'"'), 3);
    }

    #[test]
    fn escapes_become_characters() {
        let mut out = vec![];
        unescape(&mut out, br#"x\ty\u00e9\ud83d\ude00\ud800/\/"#);
        assert_eq!(String::from_utf8_lossy(&out), "x\tyé😀?//");
    }
}
