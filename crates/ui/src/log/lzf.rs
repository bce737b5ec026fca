//! The framing in which Spark writes LZF (`LZFOutputStream` of compress-lzf): blocks with their sizes.

use std::io::{self, Read};

use super::block::{BlockReader, Blocks, bad, read_head};

/// Unpacks blocks.
#[derive(Debug)]
pub struct LzfBlocks;

/// Reads what compress-lzf writes.
pub fn reader<R: Read>(input: R) -> BlockReader<R, LzfBlocks> {
    BlockReader::new(input, LzfBlocks)
}

impl<R: Read> Blocks<R> for LzfBlocks {
    fn next(&mut self, input: &mut R, block: &mut Vec<u8>) -> io::Result<bool> {
        // Two letters, whether it is packed, the size that follows.
        let mut head = [0_u8; 5];
        if !read_head(input, &mut head)? {
            return Ok(false);
        }
        if &head[..2] != b"ZV" || head[2] > 1 {
            return Err(bad("not an LZF block"));
        }
        let mut bytes = vec![0_u8; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        if head[2] == 0 {
            input.read_exact(&mut bytes)?;
            *block = bytes;
            return Ok(true);
        }
        let mut size = [0_u8; 2];
        input.read_exact(&mut size)?;
        input.read_exact(&mut bytes)?;
        let size = usize::from(u16::from_be_bytes(size));
        unpack(&bytes, block).filter(|()| block.len() == size).ok_or_else(|| bad("an LZF block that is damaged"))?;
        Ok(true)
    }
}

/// Literals, and copies of what came before; `None` where the bytes say nothing.
fn unpack(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut at = 0;
    while let Some(control) = bytes.get(at).map(|control| usize::from(*control)) {
        at += 1;
        if control < 32 {
            out.extend(bytes.get(at..=at + control)?);
            at += control + 1;
            continue;
        }
        let mut count = control >> 5;
        if count == 7 {
            count += usize::from(*bytes.get(at)?);
            at += 1;
        }
        let back = ((control & 31) << 8 | usize::from(*bytes.get(at)?)) + 1;
        at += 1;
        let from = out.len().checked_sub(back)?;
        for index in from..from + count + 2 {
            out.push(out[index]);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies() {
        // "abc", then six bytes from three back; a block that is not packed.
        let stream = [b"ZV\x01\x00\x06\x00\x09\x02abc\x80\x02".as_slice(), b"ZV\x00\x00\x02!\n"].concat();
        let mut text = String::new();
        reader(stream.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "abcabcabc!\n");
        assert!(reader(&stream[..9]).read_to_string(&mut text).is_err());
        assert!(reader(b"ZV\x01\x00\x02\x00\x09\x80\x02".as_slice()).read_to_string(&mut text).is_err());
    }
}
