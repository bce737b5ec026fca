//! Cutting SQL text into statements at `;`, outside quotes and comments.

/// The statements of a text, as they stand between the semicolons. Blank ones are left out.
pub fn split(text: &str) -> Vec<&str> {
    let (mut statements, rest) = split_complete(text);
    if !is_blank(rest) {
        statements.push(rest);
    }
    statements
}

/// The statements that a semicolon ends, and the text after the last one. A prompt asks for more
/// while that text is not blank.
pub fn split_complete(text: &str) -> (Vec<&str>, &str) {
    let mut statements = Vec::new();
    let mut start = 0;
    for end in Scanner::new(text) {
        let statement = &text[start..end];
        if !is_blank(statement) {
            statements.push(statement);
        }
        start = end + 1;
    }
    (statements, &text[start..])
}

/// Whether there is nothing in the text but white space and comments.
pub fn is_blank(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    // Semicolons do not count as content either.
    while scanner.next().is_some() {}
    !scanner.has_content
}

/// Finds the semicolons that end statements.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether anything but white space and comments was passed.
    has_content: bool,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, has_content: false }
    }

    fn looking_at(&self, token: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(token)
    }

    /// Go behind the closing quote. Only string quotes know the backslash.
    fn skip_quoted(&mut self, quote: u8) {
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            if *byte == b'\\' && quote != b'`' {
                self.at += 1;
            } else if *byte == quote {
                return;
            }
        }
    }

    fn skip_line(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| *byte != b'\n') {
            self.at += 1;
        }
    }

    /// Spark's bracketed comments nest.
    fn skip_bracketed(&mut self) {
        let mut depth = 0;
        while self.at < self.bytes.len() {
            if self.looking_at(b"/*") {
                depth += 1;
                self.at += 2;
            } else if self.looking_at(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
    }
}

impl Iterator for Scanner<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b';' => {
                    self.at += 1;
                    return Some(self.at - 1);
                }
                b'-' if self.looking_at(b"--") => self.skip_line(),
                // A hint is part of the statement that it stands in.
                b'/' if self.looking_at(b"/*") => self.skip_bracketed(),
                b'\'' | b'"' | b'`' => {
                    self.has_content = true;
                    self.skip_quoted(*byte);
                }
                _ => {
                    self.has_content |= !byte.is_ascii_whitespace();
                    self.at += 1;
                }
            }
        }
        self.at = self.bytes.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{split, split_complete};

    #[test]
    fn semicolons_that_count() {
        assert_eq!(
            split("select 1; select ';', \"a\\\";\", `;` -- x;\n, 2;;"),
            ["select 1", " select ';', \"a\\\";\", `;` -- x;\n, 2"]
        );
        assert_eq!(split("/* a; /* b; */ c; */ select 1"), ["/* a; /* b; */ c; */ select 1"]);
        assert!(split(" -- only; a comment\n ; /* ; */ ").is_empty());
        assert_eq!(split_complete("select 1; select '"), (vec!["select 1"], " select '"));
    }
}
