//! Files of records in other character sets than UTF-8.

use arrow::array::RecordBatch;
use firesteel_protocol::{Result, SparkError};

use super::encoder::RecordEncoder;
use crate::Options;

/// A character set other than UTF-8 that files are written in, as Java's encoders write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Ascii,
    Latin1,
    /// Big-endian, behind a byte order mark.
    Utf16,
    Utf16Be,
    Utf16Le,
    Utf32,
}

impl Charset {
    /// The option `encoding` or `charset`; None for UTF-8. Errors with `INVALID_PARAMETER_VALUE.CHARSET`.
    pub fn of(options: &Options, function: &str) -> Result<Option<Self>> {
        let given = options.get("encoding").or_else(|| options.get("charset"));
        Ok(Some(match given.unwrap_or("utf-8").to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => return Ok(None),
            "us-ascii" => Self::Ascii,
            "iso-8859-1" => Self::Latin1,
            "utf-16" => Self::Utf16,
            "utf-16be" => Self::Utf16Be,
            "utf-16le" => Self::Utf16Le,
            "utf-32" => Self::Utf32,
            _ => {
                return Err(SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
                    .with("parameter", "`charset`")
                    .with("functionName", format!("`{function}`"))
                    .with("charset", given.unwrap_or_default())
                    .with("charsets", "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8"));
            }
        }))
    }

    /// What stands before the first text.
    fn mark(self) -> &'static [u8] {
        if self == Self::Utf16 { &[0xfe, 0xff] } else { &[] }
    }

    /// Appends a text; what the set lacks is a question mark.
    fn encode(self, text: &str, out: &mut Vec<u8>) {
        let narrow = |limit: u32| text.chars().map(move |c| if (c as u32) < limit { c as u32 as u8 } else { b'?' });
        match self {
            Self::Ascii => out.extend(narrow(0x80)),
            Self::Latin1 => out.extend(narrow(0x100)),
            Self::Utf16 | Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Utf16Le => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            Self::Utf32 => out.extend(text.chars().flat_map(|c| (c as u32).to_be_bytes())),
        }
    }
}

/// An encoder whose UTF-8 becomes another character set.
pub struct Transcoded {
    pub inner: Box<dyn RecordEncoder>,
    pub charset: Charset,
    /// Whether something was written.
    pub begun: bool,
    pub scratch: Vec<u8>,
}

impl Transcoded {
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.scratch.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(self.charset.mark());
        }
        let text = std::str::from_utf8(&self.scratch).map_err(|error| SparkError::internal(error.to_string()))?;
        self.charset.encode(text, out);
        self.scratch.clear();
        Ok(())
    }
}

impl RecordEncoder for Transcoded {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.inner.start(&mut self.scratch)?;
        self.flush(out)
    }

    fn encode(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.inner.encode(batch, &mut self.scratch)?;
        self.flush(out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.inner.end(&mut self.scratch)?;
        self.flush(out)
    }
}
