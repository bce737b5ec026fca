//! How the files of logs are packed, which their names say.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::folder::Folder;
use super::lz4::{self, Lz4Writer};
use super::snappy::{self, SnappyWriter};
use super::{LOG_MODE, lzf};

/// Spark's `spark.eventLog.compression.codec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Zstd,
    Lz4,
    Snappy,
    /// Only read.
    Lzf,
}

/// All, by the ends of files' names.
const CODECS: [(&str, Codec); 4] =
    [("zstd", Codec::Zstd), ("lz4", Codec::Lz4), ("snappy", Codec::Snappy), ("lzf", Codec::Lzf)];

impl Codec {
    /// By Spark's name.
    pub fn named(name: &str) -> Option<Self> {
        CODECS.iter().find(|(own, _)| *own == name).map(|(_, codec)| *codec)
    }

    pub fn name(self) -> &'static str {
        CODECS.iter().find(|(_, codec)| *codec == self).map_or("", |(name, _)| name)
    }

    /// What packed a file: the end of its name, before Spark's own ends.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".inprogress").unwrap_or(name);
        let name = name.strip_suffix(".compact").unwrap_or(name);
        Self::named(name.rsplit_once('.')?.1)
    }
}

/// The text of a log's file from a place on, which is counted in bytes of the text.
///
/// # Errors
/// The file cannot be opened or read.
pub fn open(folder: &Folder, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
    let codec = Codec::of(path);
    let file = folder.read(path, if codec.is_none() { from } else { 0 })?;
    let mut unpacked: Box<dyn Read + Send> = match codec {
        None => return Ok(file),
        Some(Codec::Zstd) => Box::new(zstd::Decoder::new(file)?),
        Some(Codec::Lz4) => Box::new(lz4::reader(BufReader::new(file))),
        Some(Codec::Snappy) => Box::new(snappy::reader(BufReader::new(file))),
        Some(Codec::Lzf) => Box::new(lzf::reader(BufReader::new(file))),
    };
    io::copy(&mut unpacked.by_ref().take(from), &mut io::sink())?;
    Ok(unpacked)
}

/// A file that is written, packed or not.
pub enum Packed {
    Plain(Counted),
    Zstd(Box<zstd::Encoder<'static, Counted>>),
    Lz4(Lz4Writer<Counted>),
    Snappy(SnappyWriter<Counted>),
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packed").field("written", &self.written()).finish_non_exhaustive()
    }
}

/// A file that knows how much was written.
#[derive(Debug)]
pub struct Counted {
    file: BufWriter<File>,
    written: u64,
}

impl Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Packed {
    /// Begins a file; `buffer_bytes` are kept back before the disk sees them.
    ///
    /// # Errors
    /// The file cannot be made, or its codec only read.
    pub fn create(path: &Path, codec: Option<Codec>, buffer_bytes: usize) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(LOG_MODE).open(path)?;
        let file = Counted { file: BufWriter::with_capacity(buffer_bytes, file), written: 0 };
        Ok(match codec {
            None => Self::Plain(file),
            Some(Codec::Zstd) => Self::Zstd(Box::new(zstd::Encoder::new(file, 1)?)),
            Some(Codec::Lz4) => Self::Lz4(Lz4Writer::new(file)),
            Some(Codec::Snappy) => Self::Snappy(SnappyWriter::new(file)),
            Some(Codec::Lzf) => return Err(io::Error::other("logs are not packed with lzf: use zstd, lz4 or snappy")),
        })
    }

    /// Bytes in the file so far.
    pub fn written(&self) -> u64 {
        match self {
            Self::Plain(file) => file.written,
            Self::Zstd(file) => file.get_ref().written,
            Self::Lz4(file) => file.get_ref().written,
            Self::Snappy(file) => file.get_ref().written,
        }
    }

    /// Writes what is kept back, and the end.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Zstd(file) => file.finish()?.flush(),
            Self::Lz4(file) => file.finish()?.flush(),
            Self::Snappy(file) => file.finish()?.flush(),
        }
    }

    fn inner(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(file) => file,
            Self::Zstd(file) => file,
            Self::Lz4(file) => file,
            Self::Snappy(file) => file,
        }
    }
}

impl Write for Packed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}
