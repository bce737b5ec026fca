//! Finds the elements of a tag in a stream of bytes, in UTF-8, and where the document stops being one.

use memchr::memmem;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// An element with its tags.
    Record(String),
    /// The document is malformed: nothing more is found in it.
    Malformed,
}

/// Follows the tags of a document that comes in pieces.
#[derive(Debug, Default)]
pub struct Splitter {
    row_tag: Vec<u8>,
    /// Bytes that were not followed yet, or belong to the current record.
    buffer: Vec<u8>,
    /// How far `buffer` was followed.
    at: usize,
    /// The names of the open elements.
    open: Vec<Vec<u8>>,
    /// Where in `buffer` the current record begins, and how many elements are open around it.
    record: Option<(usize, usize)>,
    /// The root was closed.
    closed: bool,
    /// Nothing is expected any more.
    over: bool,
    begun: bool,
}

/// What stands at a place.
enum Markup {
    /// Text or what says nothing of elements, up to here.
    Skip(usize),
    Start {
        name: (usize, usize),
        end: usize,
        empty: bool,
    },
    End {
        name: (usize, usize),
        end: usize,
    },
    /// More bytes are needed to say.
    Cut,
    Malformed,
}

impl Splitter {
    pub fn new(row_tag: &str) -> Self {
        Self { row_tag: row_tag.as_bytes().to_vec(), ..Self::default() }
    }

    /// Follows more bytes; none mean the end.
    pub fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(Found)) {
        if self.over {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        let last = bytes.is_empty();
        if !self.begun && (self.buffer.len() >= 3 || last) {
            self.begun = true;
            if self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.at = 3;
            }
        }
        while self.begun && !self.over {
            match self.markup(last) {
                Markup::Skip(end) => {
                    if end == self.at {
                        break;
                    }
                    self.at = end;
                }
                Markup::Cut => {
                    if last {
                        self.end(each);
                    }
                    break;
                }
                Markup::Malformed => self.fail(each),
                Markup::Start { name, end, empty } => self.start(name, end, empty, each),
                Markup::End { name, end } => self.close(name, end, each),
            }
        }
        if last {
            self.end(each);
        }
        let keep = self.record.map_or(self.at, |(start, _)| start);
        self.buffer.drain(..keep);
        self.at -= keep;
        if let Some((start, _)) = &mut self.record {
            *start = 0;
        }
    }

    fn fail(&mut self, each: &mut dyn FnMut(Found)) {
        self.over = true;
        self.record = None;
        self.at = self.buffer.len();
        each(Found::Malformed);
    }

    /// The bytes are over: a record that is not is malformed, and so is a text without any element.
    fn end(&mut self, each: &mut dyn FnMut(Found)) {
        if self.over {
            return;
        }
        let no_document = !self.closed && self.open.is_empty() && !self.buffer.trim_ascii().is_empty();
        if self.record.is_some() || no_document {
            self.fail(each);
        }
        self.over = true;
    }

    fn markup(&self, last: bool) -> Markup {
        let rest = &self.buffer[self.at..];
        let Some(offset) = memchr::memchr(b'<', rest) else {
            let outside = self.open.is_empty() && !rest.trim_ascii().is_empty();
            return match (outside, last) {
                (true, true) => Markup::Malformed,
                (true, false) => Markup::Cut,
                (false, _) => Markup::Skip(self.buffer.len()),
            };
        };
        if self.open.is_empty() && !rest[..offset].trim_ascii().is_empty() {
            return Markup::Malformed;
        }
        let start = self.at + offset;
        let tag = &self.buffer[start..];
        let until = |mark: &[u8]| match memmem::find(tag, mark) {
            Some(at) => Markup::Skip(start + at + mark.len()),
            None => Markup::Cut,
        };
        match tag {
            [b'<', b'!', b'-', b'-', ..] => until(b"-->"),
            [b'<', b'!', b'[', ..] => until(b"]]>"),
            [b'<', b'!', b'-'] | [b'<', b'!'] | [b'<'] => Markup::Cut,
            [b'<', b'!', ..] => doctype(tag).map_or(Markup::Cut, |length| Markup::Skip(start + length)),
            [b'<', b'?', ..] => until(b"?>"),
            [b'<', b'/', ..] => match memchr::memchr(b'>', tag) {
                Some(end) => {
                    let name = tag[2..end].trim_ascii_end();
                    Markup::End { name: (start + 2, start + 2 + name.len()), end: start + end + 1 }
                }
                None => Markup::Cut,
            },
            [_, first, ..] if first.is_ascii_alphabetic() || *first == b'_' || *first == b':' || *first >= 0x80 => {
                match tag_end(tag) {
                    Some(end) => {
                        let stops = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
                        let length = tag[1..end].iter().position(stops).unwrap_or(end - 1);
                        let empty = tag[end - 1] == b'/';
                        Markup::Start { name: (start + 1, start + 1 + length), end: start + end + 1, empty }
                    }
                    None => Markup::Cut,
                }
            }
            _ => Markup::Malformed,
        }
    }

    fn start(&mut self, name: (usize, usize), end: usize, empty: bool, each: &mut dyn FnMut(Found)) {
        if self.closed {
            return self.fail(each);
        }
        let tag = &self.buffer[name.0..name.1];
        let row = self.record.is_none() && tag == self.row_tag;
        if row {
            self.record = Some((name.0 - 1, self.open.len()));
        }
        if empty {
            self.at = end;
            if row {
                self.emit(end, each);
            }
        } else {
            self.open.push(tag.to_vec());
            self.at = end;
        }
        self.closed |= self.open.is_empty();
    }

    fn close(&mut self, name: (usize, usize), end: usize, each: &mut dyn FnMut(Found)) {
        let same = self.open.pop().is_some_and(|open| open == self.buffer[name.0..name.1]);
        if !same {
            return self.fail(each);
        }
        self.at = end;
        if self.record.is_some_and(|(_, depth)| depth == self.open.len()) {
            self.emit(end, each);
        }
        self.closed |= self.open.is_empty();
    }

    fn emit(&mut self, end: usize, each: &mut dyn FnMut(Found)) {
        if let Some((start, _)) = self.record.take() {
            each(Found::Record(String::from_utf8_lossy(&self.buffer[start..end]).into_owned()));
        }
    }
}

/// Where a start tag ends: its `>`, outside of quotes.
fn tag_end(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The length of a document type declaration, its inner part included.
fn doctype(tag: &[u8]) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in tag.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, width: usize) -> Vec<String> {
        let mut found = vec![];
        let mut splitter = Splitter::new("r");
        for piece in text.as_bytes().chunks(width).chain([&[][..]]) {
            splitter.feed(piece, &mut |one| match one {
                Found::Record(text) => found.push(text),
                Found::Malformed => found.push("!".into()),
            });
        }
        found
    }

    #[test]
    fn records_do_not_depend_on_pieces() {
        let text = "<?xml?><!-- <r/> --><l a='>'><r b=\"</r>\"><r>1</r><![CDATA[</r>]]></r>\n<rr/><r/></l> ";
        for width in 1..30 {
            assert_eq!(split(text, width), ["<r b=\"</r>\"><r>1</r><![CDATA[</r>]]></r>", "<r/>"], "{width}");
            assert_eq!(split("<l><r>1</r><r>2</l>", width), ["<r>1</r>", "!"], "{width}");
            assert_eq!(split("<r>1</r><r>2</r>", width), ["<r>1</r>", "!"], "{width}");
            assert_eq!(split("<l><r>1</r>", width), ["<r>1</r>"], "{width}");
            assert_eq!(split("plain", width), ["!"], "{width}");
            assert!(split("", width).is_empty());
        }
    }
}
