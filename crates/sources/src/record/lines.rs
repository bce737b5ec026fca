//! Cuts a byte stream into lines. Lines that are cut by the stream's pieces are put together.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use crate::decode::RecordEnd;

/// Where lines end.
#[derive(Debug, Clone)]
enum Separator {
    /// `\n` or `\r`. `\r\n` gives an empty line more, which both CSV and JSON skip.
    AnyNewline,
    Byte(u8),
    Bytes(Vec<u8>),
}

/// Lines of a byte stream.
#[derive(Debug)]
pub struct Lines {
    separator: Separator,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Whether a byte order mark may come.
    at_file_start: bool,
}

/// What a reader of lines wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    More,
    /// Enough for now.
    Stop,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Lines {
    /// Lines of a piece of a file.
    pub fn new(end: &RecordEnd, at_file_start: bool) -> Self {
        let separator = match end {
            RecordEnd::AnyNewline => Separator::AnyNewline,
            RecordEnd::Exactly(bytes) if bytes.len() == 1 => Separator::Byte(bytes[0]),
            RecordEnd::Exactly(bytes) => Separator::Bytes(bytes.clone()),
        };
        Self { separator, carry: vec![], at_file_start }
    }

    /// Hands the lines that `bytes` completes to `each` until it wants no more; says how many bytes were
    /// used. Empty `bytes` mean the end: the last line is complete.
    pub fn feed<E>(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8]) -> Result<Next, E>) -> Result<usize, E> {
        if bytes.is_empty() {
            let last = std::mem::take(&mut self.carry);
            if !last.is_empty() {
                each(self.without_mark(&last))?;
            }
            return Ok(0);
        }
        let mut at = 0;
        if !self.carry.is_empty() {
            at = self.complete_carry(bytes);
            let Some(length) = self.carried_line() else { return Ok(at) };
            let line = std::mem::take(&mut self.carry);
            let next = each(self.without_mark(&line[..length]))?;
            self.carry = line;
            self.carry.clear();
            if next == Next::Stop {
                return Ok(at);
            }
        }
        while let Some(end) = self.find(&bytes[at..]) {
            let line = &bytes[at..at + end.start];
            at += end.end;
            if each(self.without_mark(line))? == Next::Stop {
                return Ok(at);
            }
        }
        self.carry.extend_from_slice(&bytes[at..]);
        Ok(bytes.len())
    }

    /// Moves bytes to the carried line, up to and with its end; says how many.
    fn complete_carry(&mut self, bytes: &[u8]) -> usize {
        if let Separator::Bytes(separator) = &self.separator {
            // The separator itself may be cut: bytes go over one by one near the cut.
            for (at, byte) in bytes.iter().enumerate() {
                self.carry.push(*byte);
                if self.carry.ends_with(separator) {
                    return at + 1;
                }
            }
            return bytes.len();
        }
        let taken = self.find(bytes).map_or(bytes.len(), |end| end.end);
        self.carry.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// The length of the carried line without its end, if that has come.
    fn carried_line(&self) -> Option<usize> {
        match &self.separator {
            Separator::AnyNewline => {
                self.carry.last().filter(|b| matches!(b, b'\n' | b'\r')).map(|_| self.carry.len() - 1)
            }
            Separator::Byte(byte) => self.carry.last().filter(|b| *b == byte).map(|_| self.carry.len() - 1),
            Separator::Bytes(bytes) => self.carry.ends_with(bytes).then(|| self.carry.len() - bytes.len()),
        }
    }

    #[inline]
    fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        match &self.separator {
            Separator::AnyNewline => memchr2(b'\n', b'\r', bytes).map(|at| at..at + 1),
            Separator::Byte(byte) => memchr(*byte, bytes).map(|at| at..at + 1),
            Separator::Bytes(separator) => memmem::find(bytes, separator).map(|at| at..at + separator.len()),
        }
    }

    #[inline]
    fn without_mark<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if self.at_file_start {
            self.at_file_start = false;
            return line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        line
    }
}

/// Reads bytes in an encoding other than UTF-8 as UTF-8; `None` for an encoding that is not known.
/// Names are Java's, in lower case.
pub fn transcode(bytes: &[u8], charset: &str) -> Option<Vec<u8>> {
    let units = |big: bool, bytes: &[u8]| {
        let pairs = bytes
            .chunks_exact(2)
            .map(|c| if big { u16::from_be_bytes([c[0], c[1]]) } else { u16::from_le_bytes([c[0], c[1]]) });
        let text: String = char::decode_utf16(pairs).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        text.into_bytes()
    };
    let points = |big: bool, bytes: &[u8]| {
        let words = bytes.chunks_exact(4).map(|c| {
            let word = [c[0], c[1], c[2], c[3]];
            if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        });
        words.map(|w| char::from_u32(w).unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
    };
    Some(match charset {
        "utf-8" | "utf8" => bytes.to_vec(),
        "iso-8859-1" | "latin1" | "iso8859-1" => bytes.iter().map(|b| char::from(*b)).collect::<String>().into_bytes(),
        "us-ascii" | "ascii" => {
            let char_of = |b: &u8| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER };
            bytes.iter().map(char_of).collect::<String>().into_bytes()
        }
        "utf-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => units(false, rest),
            [0xfe, 0xff, rest @ ..] => units(true, rest),
            _ => units(true, bytes),
        },
        "utf-16be" => units(true, bytes),
        "utf-16le" => units(false, bytes),
        "utf-32" => match bytes {
            [0xff, 0xfe, 0, 0, rest @ ..] => points(false, rest),
            [0, 0, 0xfe, 0xff, rest @ ..] => points(true, rest),
            _ => points(true, bytes),
        },
        "utf-32be" => points(true, bytes),
        "utf-32le" => points(false, bytes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let text = b"\xef\xbb\xbfab,c\r\n\nd;;e\rlast";
        for end in [RecordEnd::AnyNewline, RecordEnd::Exactly(b";;".to_vec()), RecordEnd::Exactly(b"\n".to_vec())] {
            let whole = cut(&end, text, text.len());
            for size in 1..text.len() {
                assert_eq!(cut(&end, text, size), whole, "{end:?} in pieces of {size}");
            }
        }
    }

    fn cut(end: &RecordEnd, text: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(end, true);
        let mut found = vec![];
        let mut each = |line: &[u8]| {
            found.push(line.to_vec());
            Ok::<_, ()>(Next::More)
        };
        for piece in text.chunks(size) {
            assert_eq!(lines.feed(piece, &mut each), Ok(piece.len()));
        }
        assert_eq!(lines.feed(b"", &mut each), Ok(0));
        found
    }
}
