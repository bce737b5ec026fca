//! What packed formats made of blocks share: a reader that unpacks one block after the other.

use std::io::{self, Read};

/// No block is larger than this: Java's writers allow no more.
pub const MAX_BLOCK: usize = 64 << 20;

/// How a format's next block is unpacked.
pub trait Blocks<R> {
    /// Reads the next block into `block`; false at the end.
    ///
    /// # Errors
    /// The input ends within a block, or is damaged.
    fn next(&mut self, input: &mut R, block: &mut Vec<u8>) -> io::Result<bool>;
}

/// Reads a stream of blocks as plain bytes.
#[derive(Debug)]
pub struct BlockReader<R, B> {
    input: R,
    blocks: B,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read, B: Blocks<R>> BlockReader<R, B> {
    pub fn new(input: R, blocks: B) -> Self {
        Self { input, blocks, block: vec![], at: 0 }
    }
}

impl<R: Read, B: Blocks<R>> Read for BlockReader<R, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            self.at = 0;
            self.block.clear();
            if !self.blocks.next(&mut self.input, &mut self.block)? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Fills `buffer`; false where the input has ended before it.
///
/// # Errors
/// The input ends in the middle.
pub fn read_head(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut read = 0;
    while read < buffer.len() {
        match input.read(&mut buffer[read..]) {
            Ok(0) if read == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Data that no writer has made.
pub fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}
