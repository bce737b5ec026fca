//! Where files are: paths and URLs as Spark writes them, and reading a file's bytes decompressed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};

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
        Compression::of(&self.path)?.reader(file)
    }
}

/// How a file is compressed, by its extension as in Hadoop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Deflate,
    Zstd,
}

impl Compression {
    /// The compression that a file name tells.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Ok(Self::Gzip),
            Some("deflate") => Ok(Self::Deflate),
            Some("zst") => Ok(Self::Zstd),
            Some(other @ ("bz2" | "snappy" | "lz4")) => Err(SparkError::unsupported(
                format!("reading {other} compressed text files ({})", path.display()),
                "Recompress the files with gzip or zstd.",
            )),
            _ => Ok(Self::None),
        }
    }

    /// Decompresses a reader.
    pub fn reader(self, input: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => Box::new(BufReader::with_capacity(1 << 18, input)),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, input))),
            Self::Deflate => Box::new(flate2::read::ZlibDecoder::new(BufReader::with_capacity(1 << 16, input))),
            Self::Zstd => Box::new(
                zstd::stream::read::Decoder::new(input)
                    .map_err(|error| SparkError::internal(error.to_string()).with_source(error))?,
            ),
        })
    }
}

/// `FAILED_READ_FILE` with its cause.
pub fn read_error(path: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> SparkError {
    SparkError::new("FAILED_READ_FILE.NO_HINT").with("path", file_url(path)).with_source(cause)
}

/// `file:///a/b%20c`: a URL with everything but plain characters percent-encoded, as Java's `URI` does.
pub fn file_url(path: &Path) -> String {
    let text = path.to_string_lossy();
    let mut url = String::with_capacity(text.len() + 8);
    url.push_str("file://");
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => url.push(byte as char),
            b'/' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => url.push(byte as char),
            b',' | b';' | b':' | b'$' | b'&' | b'+' | b'=' | b'@' => url.push(byte as char),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}
