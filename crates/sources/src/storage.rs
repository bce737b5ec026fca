//! Where files are: paths and URLs as Spark writes them, and reading a file's bytes decompressed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};

use crate::codec::TextCodec;

/// A file found by [`crate::listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Absolute local path.
    pub path: PathBuf,
    /// Bytes on disk.
    pub size_bytes: u64,
    /// Last modification, microseconds since the epoch.
    pub modified_us: i64,
}

impl InputFile {
    /// `file:///a/b%20c`, as `input_file_name()` shows it.
    pub fn url(&self) -> String {
        file_url(&self.path)
    }

    /// The file's bytes, decompressed as its name says.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let file = File::open(&self.path).map_err(|error| read_error(&self.path, error))?;
        TextCodec::of(&self.path).reader(file)
    }
}

/// `FAILED_READ_FILE` with its cause.
pub fn read_error(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> SparkError {
    let condition = match (&cause as &dyn std::any::Any).downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == std::io::ErrorKind::NotFound => "FAILED_READ_FILE.FILE_NOT_EXIST",
        _ => "FAILED_READ_FILE.NO_HINT",
    };
    SparkError::new(condition).with("path", file_url(path)).with_source(cause)
}

/// `file:/a/b c`: a path as Hadoop prints it.
pub fn hadoop_path(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// `file:///a/b%20c`: a URL, encoded as Java's `Path.toUri` does.
pub fn file_url(path: &Path) -> String {
    format!("file://{}", encode(&path.to_string_lossy()))
}

/// Percent-encodes what Java's multi-argument `URI` constructor does in a path; characters beyond ASCII stay.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '/' | '-' | '_' | '.' | '!' | '~' | '*' | '\'' | '(' | ')' => {
                encoded.push(c)
            }
            ',' | ';' | ':' | '$' | '&' | '+' | '=' | '@' => encoded.push(c),
            '\u{80}'.. => encoded.push(c),
            _ => encoded.push_str(&format!("%{:02X}", c as u32)),
        }
    }
    encoded
}

/// The local path of a `file:` URL as [`file_url`] makes it; `None` if it is none.
pub fn decode_url(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let mut plain = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        plain.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(plain).ok().filter(|path| path.starts_with('/')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_encoded_as_java_does() {
        assert_eq!(
            file_url(Path::new("/m/a b%c,#é+&=@;:!'()[]{}^|~`.txt")),
            "file:///m/a%20b%25c,%23é+&=@;:!'()%5B%5D%7B%7D%5E%7C~%60.txt"
        );
        assert_eq!(decode_url("file:///m/a%20b%25c,%23é").as_deref(), Some(Path::new("/m/a b%c,#é")));
        assert_eq!(decode_url("s3a://b/x"), None);
    }
}
