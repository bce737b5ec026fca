//! Compression of text files: codec names, file extensions and the compressing writers.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use firesteel_protocol::{Result, SparkError};

/// How a text file (CSV, JSON, text) is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCodec {
    None,
    Gzip,
    Deflate,
}

/// In the order in which Spark lists them.
const AVAILABLE: &str = "bzip2, deflate, uncompressed, snappy, none, lz4, gzip";

impl TextCodec {
    /// Reads a codec's short name or Hadoop's class name.
    pub fn parse(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "none" | "uncompressed" | "" => Ok(Self::None),
            "gzip" | "org.apache.hadoop.io.compress.gzipcodec" => Ok(Self::Gzip),
            "deflate" | "org.apache.hadoop.io.compress.deflatecodec" => Ok(Self::Deflate),
            "bzip2" | "snappy" | "lz4" => Err(SparkError::unsupported(
                format!("writing {name} compressed text files"),
                "Use compression \"gzip\", \"deflate\" or \"none\".",
            )),
            _ => Err(unknown(name, AVAILABLE)),
        }
    }

    /// What the codec adds to a file name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Deflate => ".deflate",
        }
    }

    /// Compresses into a file.
    pub fn writer(self, file: File) -> CodecWriter {
        match self {
            Self::None => CodecWriter::Plain(file),
            Self::Gzip => {
                CodecWriter::Gzip(flate2::write::GzEncoder::new(buffered(file), flate2::Compression::default()))
            }
            Self::Deflate => {
                CodecWriter::Deflate(flate2::write::ZlibEncoder::new(buffered(file), flate2::Compression::default()))
            }
        }
    }
}

/// `CODEC_NOT_AVAILABLE` with the codecs that there are.
pub fn unknown(name: &str, available: &str) -> SparkError {
    SparkError::new("CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION")
        .with("codecName", name)
        .with("availableCodecs", available)
}

fn buffered(file: File) -> BufWriter<File> {
    BufWriter::with_capacity(1 << 17, file)
}

/// A file that is compressed while it is written.
pub enum CodecWriter {
    Plain(File),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Deflate(flate2::write::ZlibEncoder<BufWriter<File>>),
}

impl CodecWriter {
    /// Writes a whole piece.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(writer) => writer.write_all(bytes),
            Self::Gzip(writer) => writer.write_all(bytes),
            Self::Deflate(writer) => writer.write_all(bytes),
        }
    }

    /// Completes the file and says how large it is.
    pub fn finish(self) -> io::Result<u64> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Gzip(writer) => writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Deflate(writer) => writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?,
        };
        Ok(file.metadata()?.len())
    }
}
