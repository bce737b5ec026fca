//! Files whose records may span lines, as one stream: line ends are found out and normalized, other
//! character sets become UTF-8, and bytes wait until their record is complete.

use firesteel_protocol::Result;

use super::options::CsvOptions;
use crate::record::lines::transcode;

/// What reads the records of a stream.
pub trait Sink {
    /// Reads the records from `at` on and says up to where bytes were used. A record whose end is not
    /// there is left, unless the input is `complete`.
    fn stream(&mut self, input: &[u8], at: usize, newline: u8, complete: bool) -> Result<usize>;
}

/// Bytes of a file that is read as one stream of records.
#[derive(Debug)]
pub struct Stream {
    pending: Vec<u8>,
    /// Character set if the bytes must wait for the end of the file to be transcoded.
    charset: Option<String>,
    /// How the file's lines end, as soon as that is known.
    newline: Newline,
    at_file_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newline {
    Unknown,
    /// A single byte.
    Byte(u8),
    /// `\r\n`, which becomes `\n` inside of quotes too.
    CarriageReturnLineFeed,
}

impl Stream {
    /// The bytes of a file, from its first byte on if `at_file_start` says so.
    pub fn new(options: &CsvOptions, at_file_start: bool) -> Self {
        let newline = match &options.line_sep {
            Some(bytes) => Newline::Byte(bytes[0]),
            None => Newline::Unknown,
        };
        let charset = Some(options.charset.clone()).filter(|charset| charset != "utf-8");
        Self { pending: vec![], charset, newline, at_file_start }
    }

    /// Takes more bytes; none mean the end of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        let start = self.pending.len();
        self.pending.extend_from_slice(bytes);
        if self.charset.is_some() {
            return;
        }
        self.normalize(start.saturating_sub(1), bytes.is_empty());
    }

    /// Finds out how lines end and, for `\r\n`, makes it `\n`.
    fn normalize(&mut self, from: usize, complete: bool) {
        if self.newline == Newline::Unknown {
            self.newline = match self.pending.iter().position(|b| matches!(b, b'\r' | b'\n')) {
                Some(at) if self.pending[at] == b'\n' => Newline::Byte(b'\n'),
                Some(at) if self.pending.get(at + 1) == Some(&b'\n') => Newline::CarriageReturnLineFeed,
                Some(at) if at + 1 < self.pending.len() || complete => Newline::Byte(b'\r'),
                _ => return,
            };
            return self.normalize(0, complete);
        }
        match self.newline {
            Newline::CarriageReturnLineFeed => {
                let mut kept = from;
                for at in from..self.pending.len() {
                    let byte = self.pending[at];
                    if byte == b'\n' && kept > 0 && self.pending[kept - 1] == b'\r' {
                        self.pending[kept - 1] = b'\n';
                        continue;
                    }
                    self.pending[kept] = byte;
                    kept += 1;
                }
                self.pending.truncate(kept);
            }
            Newline::Byte(b'\r') => {
                // Spark normalizes to `\n`, in quotes as well.
                for byte in &mut self.pending[from..] {
                    if *byte == b'\r' {
                        *byte = b'\n';
                    }
                }
            }
            _ => {}
        }
    }

    /// Reads the records that are complete.
    pub fn drain(&mut self, records: &mut impl Sink, complete: bool) -> Result<()> {
        if let Some(charset) = &self.charset {
            if !complete {
                return Ok(());
            }
            self.pending = transcode(&self.pending, charset).unwrap_or_default();
            self.charset = None;
            self.normalize(0, true);
        }
        let newline = match self.newline {
            Newline::Byte(b'\r') | Newline::CarriageReturnLineFeed => b'\n',
            Newline::Byte(byte) => byte,
            Newline::Unknown if complete => b'\n',
            Newline::Unknown => return Ok(()),
        };
        let mut at = 0;
        if self.at_file_start && (complete || self.pending.len() >= 3) {
            self.at_file_start = false;
            at = if self.pending.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        }
        let taken = match std::str::from_utf8(&self.pending) {
            Ok(_) => records.stream(&self.pending, at, newline, complete)?,
            // A character that the last piece has cut is left for the next one.
            Err(error) if error.error_len().is_none() && !complete => {
                let valid = error.valid_up_to();
                records.stream(&self.pending[..valid], at, newline, false)?
            }
            Err(_) => {
                self.pending = String::from_utf8_lossy(&self.pending).into_owned().into_bytes();
                records.stream(&self.pending, at, newline, complete)?
            }
        };
        at = taken;
        self.pending.drain(..at);
        Ok(())
    }
}
