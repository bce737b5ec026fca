//! Compression of ORC's streams: chunks, each with a header of three bytes.

use std::io::{Read, Write};

use firesteel_protocol::{Result, SparkError};

use super::damaged;
use crate::codec;

/// How the streams of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Zlib,
    Snappy,
    Lz4,
    Zstd,
}

/// Bytes of a chunk before compression.
pub const BLOCK_BYTES: usize = 256 * 1024;

impl Compression {
    /// The codec of a postscript.
    pub fn of_file(number: u32) -> Result<Self> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Zlib,
            2 => Self::Snappy,
            4 => Self::Lz4,
            5 => Self::Zstd,
            other => {
                let name = match other {
                    3 => "LZO",
                    6 => "Brotli",
                    _ => "unknown",
                };
                return Err(SparkError::unsupported(
                    format!("ORC files with {name} compression"),
                    "Write them with zstd, zlib, snappy or lz4.",
                ));
            }
        })
    }

    /// The codec of the option `compression` or the configuration.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "none" | "uncompressed" => Self::None,
            "zlib" => Self::Zlib,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            "lzo" | "brotli" => {
                return Err(SparkError::unsupported(
                    format!("ORC compression {name}"),
                    "Use zstd, zlib, snappy or lz4.",
                ));
            }
            _ => {
                return Err(codec::unknown(name, "brotli, uncompressed, lz4, lzo, snappy, zlib, none, zstd"));
            }
        })
    }

    /// The number in a postscript.
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Zlib => 1,
            Self::Snappy => 2,
            Self::Lz4 => 4,
            Self::Zstd => 5,
        }
    }

    /// What it adds to a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Zlib => ".zlib",
            Self::Snappy => ".snappy",
            Self::Lz4 => ".lz4",
            Self::Zstd => ".zstd",
        }
    }

    /// The plain bytes of a stream. `block_size` is the postscript's: no chunk is larger.
    pub fn decompress(self, bytes: &[u8], block_size: usize) -> Result<Vec<u8>> {
        if self == Self::None {
            return Ok(bytes.to_vec());
        }
        let mut plain = Vec::with_capacity(bytes.len().saturating_mul(2));
        let mut rest = bytes;
        while !rest.is_empty() {
            let [a, b, c, body @ ..] = rest else { return Err(damaged("a chunk without its header")) };
            let header = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
            let length = header >> 1;
            if length > body.len() {
                return Err(damaged("a chunk longer than its stream"));
            }
            let (chunk, behind) = body.split_at(length);
            if header & 1 == 1 {
                plain.extend_from_slice(chunk);
            } else {
                self.decompress_chunk(chunk, block_size, &mut plain)?;
            }
            rest = behind;
        }
        Ok(plain)
    }

    fn decompress_chunk(self, chunk: &[u8], block_size: usize, out: &mut Vec<u8>) -> Result<()> {
        let broken = |error: &dyn std::fmt::Display| damaged(&format!("a chunk that does not decompress: {error}"));
        let limit = block_size as u64;
        match self {
            Self::None => out.extend_from_slice(chunk),
            Self::Zlib => {
                flate2::read::DeflateDecoder::new(chunk).take(limit).read_to_end(out).map_err(|e| broken(&e))?;
            }
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(chunk).map_err(|e| broken(&e))?;
                decoder.take(limit).read_to_end(out).map_err(|e| broken(&e))?;
            }
            Self::Snappy => {
                let length = snap::raw::decompress_len(chunk).map_err(|e| broken(&e))?;
                if length > block_size {
                    return Err(damaged("a chunk larger than the block size"));
                }
                let plain = snap::raw::Decoder::new().decompress_vec(chunk).map_err(|e| broken(&e))?;
                out.extend_from_slice(&plain);
            }
            Self::Lz4 => {
                let plain = lz4_flex::block::decompress(chunk, block_size).map_err(|e| broken(&e))?;
                out.extend_from_slice(&plain);
            }
        }
        Ok(())
    }

    /// Compresses a stream into chunks; a chunk that grows stays plain.
    pub fn compress(self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        if self == Self::None {
            return Ok(bytes.to_vec());
        }
        let mut out = Vec::with_capacity(bytes.len() / 2 + 16);
        for block in bytes.chunks(BLOCK_BYTES) {
            let packed = self.compress_block(block)?;
            let (body, plain) = if packed.len() < block.len() { (packed.as_slice(), 0) } else { (block, 1) };
            let header = u32::try_from(body.len() << 1).unwrap_or(u32::MAX) | plain;
            out.extend_from_slice(&header.to_le_bytes()[..3]);
            out.extend_from_slice(body);
        }
        Ok(out)
    }

    fn compress_block(self, block: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(block.to_vec()),
            Self::Zlib => {
                let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::default());
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Snappy => snap::raw::Encoder::new().compress_vec(block).map_err(std::io::Error::other),
            Self::Lz4 => Ok(lz4_flex::block::compress(block)),
            Self::Zstd => zstd::bulk::compress(block, 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_come_back() {
        let plain: Vec<u8> = (0..600_000_u32).map(|at| (at / 7 % 251) as u8).collect();
        for codec in [Compression::None, Compression::Zlib, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let packed = codec.compress(&plain).unwrap_or_default();
            assert_eq!(codec.decompress(&packed, BLOCK_BYTES).unwrap_or_default(), plain, "{codec:?}");
        }
        assert!(Compression::Zlib.decompress(&[9, 0], BLOCK_BYTES).is_err());
        assert!(Compression::Snappy.decompress(&[8, 0, 0, 255, 255, 255, 255], BLOCK_BYTES).is_err());
    }
}
