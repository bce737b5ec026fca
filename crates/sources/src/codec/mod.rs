//! Compression of text files (CSV, JSON, text, XML): codec names, file extensions, readers and writers.

mod blocks;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use firesteel_protocol::{Result, SparkError};

use self::blocks::{BlockReader, BlockWriter, Lz4, Snappy};

/// How a text file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCodec {
    None,
    Gzip,
    Deflate,
    Bzip2,
    Lz4,
    Snappy,
    /// Read only: Spark does not write it either unless Hadoop's native library is there.
    Zstd,
}

/// In the order in which Spark lists them.
const AVAILABLE: &str = "bzip2, deflate, uncompressed, snappy, none, lz4, gzip";

impl TextCodec {
    /// Reads a codec's short name or Hadoop's class name. Errors with `CODEC_NOT_AVAILABLE`.
    pub fn parse(name: &str) -> Result<Self> {
        let lower = name.to_ascii_lowercase();
        match lower.strip_prefix("org.apache.hadoop.io.compress.").unwrap_or(&lower) {
            "none" | "uncompressed" | "" => Ok(Self::None),
            "gzip" | "gzipcodec" => Ok(Self::Gzip),
            "deflate" | "deflatecodec" | "defaultcodec" => Ok(Self::Deflate),
            "bzip2" | "bzip2codec" => Ok(Self::Bzip2),
            "lz4" | "lz4codec" => Ok(Self::Lz4),
            "snappy" | "snappycodec" => Ok(Self::Snappy),
            _ => Err(unknown(name, AVAILABLE)),
        }
    }

    /// The codec that a file's name tells, as Hadoop takes it.
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip,
            Some("deflate") => Self::Deflate,
            Some("bz2") => Self::Bzip2,
            Some("lz4") => Self::Lz4,
            Some("snappy") => Self::Snappy,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }

    /// What the codec adds to a file name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Deflate => ".deflate",
            Self::Bzip2 => ".bz2",
            Self::Lz4 => ".lz4",
            Self::Snappy => ".snappy",
            Self::Zstd => ".zst",
        }
    }

    /// Decompresses a reader.
    pub fn reader(self, input: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>> {
        let buffered = |input| BufReader::with_capacity(1 << 16, input);
        Ok(match self {
            Self::None => Box::new(BufReader::with_capacity(1 << 18, input)),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(buffered(input))),
            Self::Deflate => Box::new(flate2::read::ZlibDecoder::new(buffered(input))),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(buffered(input))),
            Self::Lz4 => Box::new(BlockReader::new(buffered(input), Lz4)),
            Self::Snappy => Box::new(BlockReader::new(buffered(input), Snappy)),
            Self::Zstd => Box::new(
                zstd::stream::read::Decoder::new(input)
                    .map_err(|error| SparkError::internal(error.to_string()).with_source(error))?,
            ),
        })
    }

    /// Compresses into a file. Errors for a codec that is only read.
    pub fn writer(self, file: File) -> io::Result<Box<dyn CodecWriter>> {
        let buffered = |file| BufWriter::with_capacity(1 << 17, file);
        Ok(match self {
            Self::None => Box::new(file),
            Self::Zstd => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "text files are not written with zstd"));
            }
            Self::Gzip => Box::new(flate2::write::GzEncoder::new(buffered(file), flate2::Compression::default())),
            Self::Deflate => Box::new(flate2::write::ZlibEncoder::new(buffered(file), flate2::Compression::default())),
            Self::Bzip2 => Box::new(bzip2::write::BzEncoder::new(buffered(file), bzip2::Compression::best())),
            Self::Lz4 => Box::new(BlockWriter::new(buffered(file), Lz4)),
            Self::Snappy => Box::new(BlockWriter::new(buffered(file), Snappy)),
        })
    }
}

/// `CODEC_NOT_AVAILABLE` with the codecs that there are.
pub fn unknown(name: &str, available: &str) -> SparkError {
    SparkError::new("CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION")
        .with("codecName", name)
        .with("availableCodecs", available)
}

/// A file that is compressed while it is written.
pub trait CodecWriter: Write + Send {
    /// Completes the file and gives it back.
    fn complete(self: Box<Self>) -> io::Result<File>;
}

impl CodecWriter for File {
    fn complete(self: Box<Self>) -> io::Result<File> {
        Ok(*self)
    }
}

impl CodecWriter for flate2::write::GzEncoder<BufWriter<File>> {
    fn complete(self: Box<Self>) -> io::Result<File> {
        unbuffered((*self).finish()?)
    }
}

impl CodecWriter for flate2::write::ZlibEncoder<BufWriter<File>> {
    fn complete(self: Box<Self>) -> io::Result<File> {
        unbuffered((*self).finish()?)
    }
}

impl CodecWriter for bzip2::write::BzEncoder<BufWriter<File>> {
    fn complete(self: Box<Self>) -> io::Result<File> {
        unbuffered((*self).finish()?)
    }
}

fn unbuffered(writer: BufWriter<File>) -> io::Result<File> {
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let text: Vec<u8> = (0..200_000).flat_map(|n| format!("{},{}\n", n, n * 7919 % 1000).into_bytes()).collect();
        for codec in ["none", "gzip", "deflate", "bzip2", "lz4", "snappy"] {
            let codec = TextCodec::parse(codec).expect("a codec");
            let path = folder.path().join(format!("a.csv{}", codec.extension()));
            let mut writer = codec.writer(File::create(&path).expect("a file")).expect("a writer");
            for piece in text.chunks(100_000) {
                writer.write_all(piece).expect("written");
            }
            writer.complete().expect("completed");
            let mut read = vec![];
            let file = File::open(&path).expect("the file");
            TextCodec::of(&path).reader(file).expect("a reader").read_to_end(&mut read).expect("read");
            assert_eq!(TextCodec::of(&path), codec);
            assert!(read == text, "{codec:?}");
        }
    }

    #[test]
    fn a_cut_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        for codec in [TextCodec::Lz4, TextCodec::Snappy, TextCodec::Bzip2] {
            let path = folder.path().join("cut");
            let mut writer = codec.writer(File::create(&path).expect("a file")).expect("a writer");
            writer.write_all(&[7; 1000]).expect("written");
            let file = writer.complete().expect("completed");
            file.set_len(file.metadata().expect("metadata").len() - 3).expect("cut");
            let mut read = vec![];
            let file = File::open(&path).expect("the file");
            codec.reader(file).expect("a reader").read_to_end(&mut read).expect_err("an error");
        }
    }
}
