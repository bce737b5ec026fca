//! The framing in which Spark writes Snappy (`SnappyOutputStream` of snappy-java): a head, then blocks with their sizes.

use std::io::{self, Read};

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const MAX_BLOCK: usize = 64 << 20;

/// Reads blocks.
#[derive(Debug)]
pub struct SnappyReader<R> {
    input: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> SnappyReader<R> {
    pub fn new(input: R) -> Self {
        Self { input, block: vec![], at: 0 }
    }

    /// False at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_string());
        let mut size = [0_u8; 4];
        match self.input.read_exact(&mut size) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
        if size == MAGIC[..4] {
            // The rest of the head: four letters and two versions. Streams that were put together have several heads.
            let mut rest = [0_u8; 12];
            self.input.read_exact(&mut rest)?;
            return if rest[..4] == MAGIC[4..] { self.next_block() } else { Err(bad("not a Snappy stream")) };
        }
        let size = u32::from_be_bytes(size) as usize;
        if size > MAX_BLOCK {
            return Err(bad("a Snappy block of impossible size"));
        }
        let mut bytes = vec![0_u8; size];
        self.input.read_exact(&mut bytes)?;
        self.block = snap::raw::Decoder::new().decompress_vec(&bytes).map_err(|error| bad(&error.to_string()))?;
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for SnappyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
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
        SnappyReader::new(stream.as_slice()).read_to_string(&mut back).unwrap();
        assert_eq!(back, "first second");
        assert!(SnappyReader::new(&stream[..20]).read_to_string(&mut String::new()).is_err());
    }
}
