//! Files as a zip archive, written as it is sent. Entries are stored as they are: most logs are packed already.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::folder::Folder;

/// Takes pieces of the archive; false when nobody wants more.
pub type Send<'a> = &'a mut dyn FnMut(Vec<u8>) -> bool;

/// Sizes follow an entry's data; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const VERSION: u16 = 20;
const CHUNK: usize = 256 << 10;

struct Stored {
    name: String,
    crc: u32,
    size: u32,
    offset: u32,
}

/// Sends files as an archive; those of a rolling log in their folder.
///
/// # Errors
/// A file cannot be read, or is larger than the format's 4 GiB.
pub fn files(folder: &Folder, path: &Path, files: &[PathBuf], send: Send) -> io::Result<()> {
    let mut entries: Vec<Stored> = vec![];
    let mut offset = 0_u64;
    let mut out = |bytes: Vec<u8>, offset: &mut u64| -> io::Result<()> {
        *offset += bytes.len() as u64;
        if send(bytes) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    let small = |value: u64| u32::try_from(value).map_err(|_| io::Error::other("the log is too large for a zip file"));
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for file in files {
        let name =
            if files == [path.to_path_buf()] { name_of(path) } else { format!("{}/{}", name_of(path), name_of(file)) };
        let start = small(offset)?;
        let mut head = b"PK\x03\x04".to_vec();
        fields(&mut head, &[VERSION, FLAGS, 0, 0, 0x21], &[0, 0, 0]);
        fields(&mut head, &[u16::try_from(name.len()).unwrap_or(0), 0], &[]);
        head.extend(name.as_bytes());
        out(head, &mut offset)?;
        let (mut input, mut crc, mut size) = (folder.read(file, 0)?, flate2::Crc::new(), 0_u64);
        loop {
            let mut chunk = vec![0_u8; CHUNK];
            let count = input.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            chunk.truncate(count);
            crc.update(&chunk);
            size += count as u64;
            out(chunk, &mut offset)?;
        }
        let mut tail = b"PK\x07\x08".to_vec();
        fields(&mut tail, &[], &[crc.sum(), small(size)?, small(size)?]);
        out(tail, &mut offset)?;
        entries.push(Stored { name, crc: crc.sum(), size: small(size)?, offset: start });
    }
    let start = small(offset)?;
    for entry in &entries {
        let mut head = b"PK\x01\x02".to_vec();
        fields(&mut head, &[VERSION, VERSION, FLAGS, 0, 0, 0x21], &[entry.crc, entry.size, entry.size]);
        fields(&mut head, &[u16::try_from(entry.name.len()).unwrap_or(0), 0, 0, 0, 0], &[0, entry.offset]);
        head.extend(entry.name.as_bytes());
        out(head, &mut offset)?;
    }
    let count = u16::try_from(entries.len()).map_err(|_| io::Error::other("too many files for a zip file"))?;
    let mut end = b"PK\x05\x06".to_vec();
    fields(&mut end, &[0, 0, count, count], &[small(offset)? - start, start]);
    fields(&mut end, &[0], &[]);
    out(end, &mut offset)
}

/// Numbers of two bytes, then of four.
fn fields(out: &mut Vec<u8>, short: &[u16], long: &[u32]) {
    short.iter().for_each(|value| out.extend(value.to_le_bytes()));
    long.iter().for_each(|value| out.extend(value.to_le_bytes()));
}
