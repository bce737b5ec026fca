//! Splits a SQL text into tokens, by the rules of Spark's `SqlBaseLexer`.
//! What a string or number means is in `literal`.

use firesteel_protocol::SparkError;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or an unquoted identifier.
    Word,
    /// `` `name` ``, quotes included in the text.
    Quoted,
    /// `'..'`, `".."`, `r'..'`, quotes included in the text.
    Text,
    /// `$$..$$` or `$TAG$..$TAG$`, marks included in the text.
    Dollar,
    /// A number, suffix included in the text.
    Number(NumberKind),
    /// An operator or a punctuation mark.
    Symbol,
    /// `/*+`, the start of a hint.
    HintStart,
    /// A character that starts no token.
    Unknown,
    /// Behind the last token.
    End,
}

/// The form of a number, told by its suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    Integer,
    Decimal,
    Exponent,
    Tinyint,
    Smallint,
    Bigint,
    Float,
    Double,
    BigDecimal,
}

/// A piece of the text with its place. Indexes count characters.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// First character.
    pub start: usize,
    /// Behind the last character.
    pub end: usize,
    /// Line from 1.
    pub line: usize,
    /// Column from 0.
    pub column: usize,
}

const SYMBOLS: [&str; 14] = ["<=>", "|>", "||", "->", "=>", "::", ":=", "==", "<>", "!=", "<=", ">=", "!<", "!>"];

/// All tokens; the last one is [`Kind::End`].
pub fn tokenize(text: &str) -> Result<Vec<Token<'_>>, SparkError> {
    let mut lexer = Lexer { text, byte: 0, index: 0, line: 1, column: 0, tokens: vec![] };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    byte: usize,
    index: usize,
    line: usize,
    column: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.byte..]
    }

    /// Moves over `bytes` bytes.
    fn advance(&mut self, bytes: usize) {
        for c in self.text[self.byte..self.byte + bytes].chars() {
            self.index += 1;
            if c == '\n' {
                self.line += 1;
                self.column = 0;
            } else {
                self.column += 1;
            }
        }
        self.byte += bytes;
    }

    fn push(&mut self, kind: Kind, bytes: usize) {
        let (start, line, column) = (self.index, self.line, self.column);
        let text = &self.rest()[..bytes];
        self.advance(bytes);
        self.tokens.push(Token { kind, text, start, end: self.index, line, column });
    }

    fn run(&mut self) -> Result<(), SparkError> {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if c.is_whitespace() || c == '\u{feff}' {
                self.advance(c.len_utf8());
            } else if rest.starts_with("--") {
                self.advance(line_comment(rest));
            } else if rest.starts_with("/*+") {
                self.push(Kind::HintStart, 3);
            } else if rest.starts_with("/*") {
                self.bracketed_comment()?;
            } else if rest.starts_with("*/") && self.tokens.iter().any(|token| token.kind == Kind::HintStart) {
                self.push(Kind::Symbol, 2);
            } else if matches!(c, '\'' | '"') {
                match quoted_text(rest, c) {
                    Some(bytes) => self.push(Kind::Text, bytes),
                    None => self.push(Kind::Unknown, 1),
                }
            } else if matches!(c, 'r' | 'R') && matches!(rest.as_bytes().get(1), Some(b'\'' | b'"')) {
                let quote = char::from(rest.as_bytes()[1]);
                match rest[2..].find(quote) {
                    Some(at) => self.push(Kind::Text, at + 3),
                    None => self.push(Kind::Word, 1),
                }
            } else if c == '`' {
                match back_quoted(rest) {
                    Some(bytes) => self.push(Kind::Quoted, bytes),
                    None => self.push(Kind::Unknown, 1),
                }
            } else if let Some(mark) = dollar_mark(rest) {
                match rest[mark..].find(&rest[..mark]) {
                    Some(body) if body > 0 => self.push(Kind::Dollar, body + 2 * mark),
                    _ => self.push(Kind::Unknown, mark),
                }
            } else if let Some((kind, bytes)) = number_or_word(rest) {
                self.push(kind, bytes);
            } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                self.push(Kind::Symbol, symbol.len());
            } else if "()[]{},.;:+-*/%&|^~<>=!?".contains(c) && !matches!(c, '{' | '}') {
                self.push(Kind::Symbol, 1);
            } else {
                self.push(Kind::Unknown, c.len_utf8());
            }
        }
        self.push(Kind::End, 0);
        Ok(())
    }

    /// Comments nest.
    fn bracketed_comment(&mut self) -> Result<(), SparkError> {
        let rest = self.rest();
        let (mut depth, mut at) = (0, 0);
        while at < rest.len() {
            if rest[at..].starts_with("/*") {
                depth += 1;
                at += 2;
            } else if rest[at..].starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    self.advance(at);
                    return Ok(());
                }
            } else {
                at += rest[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        Err(SparkError::new("UNCLOSED_BRACKETED_COMMENT").with_context(super::parser::context(
            self.text,
            self.index,
            self.index,
            self.line,
            self.column,
        )))
    }
}

/// A line comment goes on behind a backslash at the end of its line.
fn line_comment(rest: &str) -> usize {
    let mut at = 0;
    loop {
        match rest[at..].find('\n') {
            None => return rest.len(),
            Some(line) if rest[at..at + line].ends_with('\\') => at += line + 1,
            Some(line) => return at + line,
        }
    }
}

/// The length of a string in quotes; a quote in it is doubled or behind a backslash.
fn quoted_text(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next()?;
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

fn back_quoted(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'`' {
            if bytes.get(at + 1) != Some(&b'`') {
                return Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

/// The length of the mark that starts a text in dollars: `$$`, `$TAG$`.
pub fn dollar_mark(rest: &str) -> Option<usize> {
    let tag = rest.strip_prefix('$')?;
    let length = tag.find('$')?;
    let is_tag = |c: char| c.is_ascii_alphabetic() || c == '_';
    tag[..length].chars().all(is_tag).then_some(length + 2)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word_length(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

/// A number or a word, whichever is longer; a tie is a number.
fn number_or_word(rest: &str) -> Option<(Kind, usize)> {
    let word = word_length(rest);
    let number = number(rest).filter(|(_, length)| *length >= word);
    number.map(|(kind, length)| (Kind::Number(kind), length)).or_else(|| (word > 0).then_some((Kind::Word, word)))
}

fn digits(rest: &str) -> usize {
    rest.bytes().take_while(u8::is_ascii_digit).count()
}

/// The longest number at the start. No letter or digit may follow a number with a point or a suffix.
fn number(rest: &str) -> Option<(NumberKind, usize)> {
    let whole = digits(rest);
    let point = rest[whole..].starts_with('.');
    let fraction = if point { digits(&rest[whole + 1..]) } else { 0 };
    if whole == 0 && fraction == 0 {
        return None;
    }
    let with_point = if point { whole + 1 + fraction } else { whole };
    let candidate = |mantissa: usize, has_point: bool| -> Option<(NumberKind, usize)> {
        let tail = &rest[mantissa..];
        let exponent = exponent_length(tail);
        let end = mantissa + exponent;
        let suffix = word_length(&rest[end..]);
        let kind = match rest[end..end + suffix].to_ascii_uppercase().as_str() {
            "" if exponent > 0 => NumberKind::Exponent,
            "" if has_point => NumberKind::Decimal,
            "" => NumberKind::Integer,
            "L" if exponent == 0 && !has_point => NumberKind::Bigint,
            "S" if exponent == 0 && !has_point => NumberKind::Smallint,
            "Y" if exponent == 0 && !has_point => NumberKind::Tinyint,
            "F" => NumberKind::Float,
            "D" => NumberKind::Double,
            "BD" => NumberKind::BigDecimal,
            _ => return None,
        };
        Some((kind, end + suffix))
    };
    let longest = if point { candidate(with_point, true) } else { None };
    longest.or_else(|| if whole > 0 { candidate(whole, false) } else { None })
}

fn exponent_length(tail: &str) -> usize {
    let bytes = tail.as_bytes();
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    match digits(&tail[1 + sign..]) {
        0 => 0,
        n => 1 + sign + n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        let mut tokens = tokenize(sql).expect("tokens");
        tokens.pop();
        tokens.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn numbers_and_words() {
        assert_eq!(
            texts("1a 1L 1e3 1.5BD t.1a a.b 5. 1..b .5F"),
            ["1a", "1L", "1e3", "1.5BD", "t", ".", "1a", "a", ".", "b", "5.", "1.", ".", "b", ".5F"]
        );
    }

    #[test]
    fn quotes_and_comments() {
        assert_eq!(
            texts("'it\\'s' 'a''b' `a``b` /* x /* y */ z */ -- c\n r'\\d' 'open"),
            ["'it\\'s'", "'a''b'", "`a``b`", "r'\\d'", "'", "open"]
        );
    }
}
