//! The tail of an ORC file: how it is compressed, its types and its stripes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use arrow::datatypes::Fields;
use firesteel_protocol::{Result, SparkError};
use prost::Message;

use super::compression::Compression;
use super::proto::{Footer, PostScript};
use super::{damaged, schema};
use crate::storage::{InputFile, hadoop_path};

/// Bytes read at once from the end of a file.
const GUESS: u64 = 16 * 1024;
/// No writer makes chunks larger.
const MAX_BLOCK: u64 = 1 << 26;

/// What the tail says.
#[derive(Debug)]
pub struct Tail {
    pub compression: Compression,
    pub block_size: usize,
    pub footer: Footer,
}

impl Tail {
    /// Reads it; `None` for a file of no bytes, which has no rows.
    pub fn read(file: &mut File) -> Result<Option<Self>> {
        let size = file.metadata().map_err(io)?.len();
        if size == 0 {
            return Ok(None);
        }
        let end = read_at(file, size.saturating_sub(GUESS), size.min(GUESS))?;
        let Some((&length, before)) = end.split_last() else { return Err(damaged("no bytes")) };
        let Some(start) = before.len().checked_sub(usize::from(length)) else {
            return Err(damaged("a postscript longer than the file"));
        };
        let post = PostScript::decode(&before[start..]).map_err(|_| damaged("a postscript that does not decode"))?;
        if post.magic.as_deref().is_some_and(|magic| magic != "ORC") || post.footer_length.is_none() {
            return Err(damaged("a postscript of another format"));
        }
        let compression = Compression::of_file(post.compression.unwrap_or(0))?;
        let block_size = post.compression_block_size.unwrap_or(256 * 1024).min(MAX_BLOCK);
        let block_size = usize::try_from(block_size).unwrap_or(usize::MAX);
        let footer_length = post.footer_length.unwrap_or(0);
        let footer_end = size - 1 - u64::from(length);
        let footer_start =
            footer_end.checked_sub(footer_length).ok_or_else(|| damaged("a footer longer than the file"))?;
        let packed = read_at(file, footer_start, footer_length)?;
        let plain = compression.decompress(&packed, block_size)?;
        let footer = Footer::decode(plain.as_slice()).map_err(|_| damaged("a footer that does not decode"))?;
        if footer.encryption.is_some() {
            return Err(SparkError::unsupported("encrypted ORC files", "Write them without encryption."));
        }
        Ok(Some(Self { compression, block_size, footer }))
    }
}

/// A range of a file.
pub fn read_at(file: &mut File, offset: u64, length: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut bytes = vec![];
    file.take(length).read_to_end(&mut bytes).map_err(io)?;
    if (bytes.len() as u64) < length {
        return Err(damaged("a file that ends too early"));
    }
    Ok(bytes)
}

fn io(error: std::io::Error) -> SparkError {
    SparkError::new("FAILED_READ_FILE.NO_HINT").with_source(error)
}

/// The columns of a file for schema inference; `None` if it has none.
pub fn columns(file: &InputFile) -> Result<Option<Fields>> {
    let unreadable = |cause: String| {
        SparkError::new("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER")
            .with("path", hadoop_path(&file.path))
            .with_source(cause)
    };
    let mut input = File::open(&file.path).map_err(|error| unreadable(error.to_string()))?;
    let found =
        Tail::read(&mut input).and_then(|tail| tail.map(|tail| schema::spark_fields(&tail.footer.types)).transpose());
    match found {
        Ok(fields) => Ok(fields.filter(|fields| !fields.is_empty())),
        Err(error) if error.condition().starts_with("FAILED_READ_FILE") => Err(unreadable(error.to_string())),
        Err(error) => Err(error),
    }
}
