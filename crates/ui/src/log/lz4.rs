//! The framing in which Spark writes LZ4 (`LZ4BlockOutputStream` of lz4-java): blocks with their sizes and a checksum.

use std::io::{self, Read, Write};

use super::block::{BlockReader, Blocks, MAX_BLOCK, bad, read_head};

const MAGIC: &[u8; 8] = b"LZ4Block";
const BLOCK: usize = 64 << 10;
/// log2 of the block size, less 10.
const LEVEL: u8 = 6;
const RAW: u8 = 0x10;
const LZ4: u8 = 0x20;
const SEED: u32 = 0x9747_b28c;
/// Unpacks blocks.
#[derive(Debug)]
pub struct Lz4Blocks;

/// Reads what [`Lz4Writer`] and lz4-java write.
pub fn reader<R: Read>(input: R) -> BlockReader<R, Lz4Blocks> {
    BlockReader::new(input, Lz4Blocks)
}

impl<R: Read> Blocks<R> for Lz4Blocks {
    fn next(&mut self, input: &mut R, block: &mut Vec<u8>) -> io::Result<bool> {
        let mut header = [0_u8; 21];
        if !read_head(input, &mut header)? {
            return Ok(false);
        }
        if &header[..8] != MAGIC {
            return Err(bad("not an LZ4 block"));
        }
        let number =
            |from: usize| u32::from_le_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]);
        let (packed, size, checksum) = (number(9) as usize, number(13) as usize, number(17));
        if packed > MAX_BLOCK || size > MAX_BLOCK {
            return Err(bad("an LZ4 block of impossible size"));
        }
        // An empty block ends a stream; another one may follow.
        let mut bytes = vec![0_u8; packed];
        input.read_exact(&mut bytes)?;
        *block = match header[8] & 0xf0 {
            RAW => bytes,
            LZ4 => lz4_flex::block::decompress(&bytes, size).map_err(|error| bad(error.to_string()))?,
            _ => return Err(bad("an LZ4 block of unknown method")),
        };
        if block.len() != size || (size > 0 && xxhash32(block) & 0x0fff_ffff != checksum) {
            return Err(bad("an LZ4 block that is damaged"));
        }
        Ok(true)
    }
}

/// Writes blocks.
#[derive(Debug)]
pub struct Lz4Writer<W: Write> {
    output: W,
    block: Vec<u8>,
}

impl<W: Write> Lz4Writer<W> {
    pub fn new(output: W) -> Self {
        Self { output, block: Vec::with_capacity(BLOCK) }
    }

    pub fn get_ref(&self) -> &W {
        &self.output
    }

    fn write_block(&mut self) -> io::Result<()> {
        let packed = lz4_flex::block::compress(&self.block);
        let (method, bytes) =
            if packed.len() < self.block.len() { (LZ4, packed.as_slice()) } else { (RAW, self.block.as_slice()) };
        header(&mut self.output, method, bytes.len(), self.block.len(), xxhash32(&self.block) & 0x0fff_ffff)?;
        self.output.write_all(bytes)?;
        self.block.clear();
        Ok(())
    }

    /// Writes the end, and gives the output back.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        header(&mut self.output, RAW, 0, 0, 0)?;
        Ok(self.output)
    }
}

fn header(output: &mut impl Write, method: u8, packed: usize, size: usize, checksum: u32) -> io::Result<()> {
    let length = |bytes: usize| u32::try_from(bytes).map_err(|_| io::Error::other("a block too large"));
    output.write_all(MAGIC)?;
    output.write_all(&[method | LEVEL])?;
    output.write_all(&length(packed)?.to_le_bytes())?;
    output.write_all(&length(size)?.to_le_bytes())?;
    output.write_all(&checksum.to_le_bytes())
}

impl<W: Write> Write for Lz4Writer<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = buffer.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&buffer[..count]);
        if self.block.len() == BLOCK {
            self.write_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.write_block()?;
        }
        self.output.flush()
    }
}

/// xxHash of 32 bits with lz4-java's seed.
fn xxhash32(bytes: &[u8]) -> u32 {
    xxhash_rust::xxh32::xxh32(bytes, SEED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let text = "a line of a log\n".repeat(20_000);
        let mut writer = Lz4Writer::new(vec![]);
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
        writer.write_all(b"more").unwrap();
        let bytes = writer.finish().unwrap();
        assert!(bytes.len() < text.len() / 10);
        let mut back = String::new();
        reader(bytes.as_slice()).read_to_string(&mut back).unwrap();
        assert_eq!(back, text + "more");
        let mut damaged = bytes.clone();
        damaged[40] ^= 1;
        assert!(reader(damaged.as_slice()).read_to_string(&mut String::new()).is_err());
    }
}
