//! Hadoop's framing of codecs that know blocks only (LZ4, Snappy): a block is the length of its plain bytes, then chunks,
//! each a length and its compressed bytes, until the plain bytes are complete. Lengths are 32 bits, most significant first.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};

use super::{CodecWriter, unbuffered};

/// Plain bytes of a block that is written; Hadoop's default buffer less room for what does not compress.
const BLOCK_BYTES: usize = 200 << 10;
/// No writer makes larger blocks; more is a damaged file.
const LARGEST: usize = 256 << 20;

/// Compresses and decompresses single chunks.
pub trait Chunks: Send {
    fn compress(&self, plain: &[u8]) -> io::Result<Vec<u8>>;

    /// Decompresses into a space of at most `room` bytes.
    fn decompress(&self, chunk: &[u8], room: usize) -> io::Result<Vec<u8>>;
}

pub struct Lz4;

impl Chunks for Lz4 {
    fn compress(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        Ok(lz4_flex::block::compress(plain))
    }

    fn decompress(&self, chunk: &[u8], room: usize) -> io::Result<Vec<u8>> {
        lz4_flex::block::decompress(chunk, room).map_err(damaged)
    }
}

pub struct Snappy;

impl Chunks for Snappy {
    fn compress(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        snap::raw::Encoder::new().compress_vec(plain).map_err(damaged)
    }

    fn decompress(&self, chunk: &[u8], room: usize) -> io::Result<Vec<u8>> {
        if snap::raw::decompress_len(chunk).map_err(damaged)? > room {
            return Err(damaged("a chunk is longer than its block"));
        }
        snap::raw::Decoder::new().decompress_vec(chunk).map_err(damaged)
    }
}

fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

/// Reads blocks.
pub struct BlockReader<R, C> {
    input: R,
    chunks: C,
    plain: Vec<u8>,
    at: usize,
    /// Plain bytes that the block still owes.
    owed: usize,
}

impl<R: Read, C: Chunks> BlockReader<R, C> {
    pub fn new(input: R, chunks: C) -> Self {
        Self { input, chunks, plain: vec![], at: 0, owed: 0 }
    }

    /// The next chunk's plain bytes; false at the end of the file.
    fn next_chunk(&mut self) -> io::Result<bool> {
        while self.owed == 0 {
            match self.length()? {
                Some(length) => self.owed = length,
                None => return Ok(false),
            }
        }
        let length = self.length()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let mut chunk = vec![0; length];
        self.input.read_exact(&mut chunk)?;
        self.plain = self.chunks.decompress(&chunk, self.owed)?;
        self.at = 0;
        self.owed = self.owed.checked_sub(self.plain.len()).ok_or_else(|| damaged("a chunk is too long"))?;
        Ok(true)
    }

    fn length(&mut self) -> io::Result<Option<usize>> {
        let mut bytes = [0; 4];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.input.read(&mut bytes[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => filled += more,
            }
        }
        let length = u32::from_be_bytes(bytes) as usize;
        if length > LARGEST { Err(damaged(format!("a block of {length} bytes"))) } else { Ok(Some(length)) }
    }
}

impl<R: Read, C: Chunks> Read for BlockReader<R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if !self.next_chunk()? {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.plain.len() - self.at);
        buffer[..length].copy_from_slice(&self.plain[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

/// Writes blocks of one chunk each.
pub struct BlockWriter<C> {
    out: BufWriter<File>,
    chunks: C,
    plain: Vec<u8>,
}

impl<C: Chunks> BlockWriter<C> {
    pub fn new(out: BufWriter<File>, chunks: C) -> Self {
        Self { out, chunks, plain: Vec::with_capacity(BLOCK_BYTES) }
    }

    fn block(&mut self) -> io::Result<()> {
        if self.plain.is_empty() {
            return Ok(());
        }
        let chunk = self.chunks.compress(&self.plain)?;
        for length in [self.plain.len(), chunk.len()] {
            self.out.write_all(&(u32::try_from(length).map_err(damaged)?).to_be_bytes())?;
        }
        self.plain.clear();
        self.out.write_all(&chunk)
    }
}

impl<C: Chunks> Write for BlockWriter<C> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(BLOCK_BYTES - self.plain.len());
        self.plain.extend_from_slice(&bytes[..length]);
        if self.plain.len() == BLOCK_BYTES {
            self.block()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.block()?;
        self.out.flush()
    }
}

impl<C: Chunks> CodecWriter for BlockWriter<C> {
    fn complete(mut self: Box<Self>) -> io::Result<File> {
        self.block()?;
        unbuffered(self.out)
    }
}
