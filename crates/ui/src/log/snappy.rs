//! The framing in which Spark writes Snappy (`SnappyOutputStream` of snappy-java): a head, then blocks with their sizes.

use std::io::{self, Read, Write};

use super::block::{BlockReader, Blocks, MAX_BLOCK, bad, read_head};

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";

/// Unpacks blocks.
#[derive(Debug)]
pub struct SnappyBlocks;

/// Reads what snappy-java writes.
pub fn reader<R: Read>(input: R) -> BlockReader<R, SnappyBlocks> {
    BlockReader::new(input, SnappyBlocks)
}

impl<R: Read> Blocks<R> for SnappyBlocks {
    fn next(&mut self, input: &mut R, block: &mut Vec<u8>) -> io::Result<bool> {
        let mut size = [0_u8; 4];
        // Streams that were put together have several heads.
        loop {
            if !read_head(input, &mut size)? {
                return Ok(false);
            }
            if size != MAGIC[..4] {
                break;
            }
            // The rest of the head: four letters and two versions.
            let mut rest = [0_u8; 12];
            input.read_exact(&mut rest)?;
            if rest[..4] != MAGIC[4..] {
                return Err(bad("not a Snappy stream"));
            }
        }
        let size = u32::from_be_bytes(size) as usize;
        if size > MAX_BLOCK {
            return Err(bad("a Snappy block of impossible size"));
        }
        let mut bytes = vec![0_u8; size];
        input.read_exact(&mut bytes)?;
        if snap::raw::decompress_len(&bytes).is_ok_and(|size| size > MAX_BLOCK) {
            return Err(bad("a Snappy block of impossible size"));
        }
        *block = snap::raw::Decoder::new().decompress_vec(&bytes).map_err(|error| bad(error.to_string()))?;
        Ok(true)
    }
}

/// Bytes of a block that is written.
const BLOCK: usize = 32 << 10;

/// Writes blocks.
#[derive(Debug)]
pub struct SnappyWriter<W: Write> {
    output: W,
    block: Vec<u8>,
    has_head: bool,
}

impl<W: Write> SnappyWriter<W> {
    pub fn new(output: W) -> Self {
        Self { output, block: Vec::with_capacity(BLOCK), has_head: false }
    }

    pub fn get_ref(&self) -> &W {
        &self.output
    }

    fn write_block(&mut self) -> io::Result<()> {
        if !self.has_head {
            self.output.write_all(MAGIC)?;
            // Its version, and the oldest that can read it.
            self.output.write_all(&[0, 0, 0, 1, 0, 0, 0, 1])?;
            self.has_head = true;
        }
        if !self.block.is_empty() {
            let packed = snap::raw::Encoder::new().compress_vec(&self.block).map_err(|error| bad(error.to_string()))?;
            let size = u32::try_from(packed.len()).map_err(|_| bad("a block too large"))?;
            self.output.write_all(&size.to_be_bytes())?;
            self.output.write_all(&packed)?;
            self.block.clear();
        }
        Ok(())
    }

    /// Writes what is kept back, and gives the output.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_block()?;
        Ok(self.output)
    }
}

impl<W: Write> Write for SnappyWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = buffer.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&buffer[..count]);
        if self.block.len() == BLOCK {
            self.write_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_block()?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_behind_a_head() {
        let mut stream = MAGIC.to_vec();
        stream.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        for text in ["first ", "second"] {
            let packed = snap::raw::Encoder::new().compress_vec(text.as_bytes()).unwrap();
            stream.extend(u32::try_from(packed.len()).unwrap().to_be_bytes());
            stream.extend(packed);
        }
        let mut back = String::new();
        reader(stream.as_slice()).read_to_string(&mut back).unwrap();
        assert_eq!(back, "first second");
        assert!(reader(&stream[..20]).read_to_string(&mut String::new()).is_err());
    }

    #[test]
    fn there_and_back() {
        let text = "a line of a log\n".repeat(20_000);
        let mut writer = SnappyWriter::new(vec![]);
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
        writer.write_all(b"more").unwrap();
        let bytes = writer.finish().unwrap();
        assert!(bytes.len() < text.len() / 10);
        let mut back = String::new();
        reader(bytes.as_slice()).read_to_string(&mut back).unwrap();
        assert_eq!(back, text + "more");
    }
}
