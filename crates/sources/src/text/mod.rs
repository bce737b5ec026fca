//! Text files: every line is a row of one string column.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use memchr::{memchr2, memmem};

use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat};
use crate::options::{OptionSpec, illegal_argument};
use crate::storage::InputFile;
use crate::{Options, SourceContext};

const WHOLE_TEXT: OptionSpec =
    OptionSpec { key: "wholetext", aliases: &[], default: "false", doc: "Each file is one row." };
const LINE_SEP: OptionSpec =
    OptionSpec { key: "lineSep", aliases: &[], default: "", doc: "What ends a line instead of \\n, \\r\\n or \\r." };

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A batch is full with this much text, whatever its rows.
const FULL_BYTES: usize = 32 << 20;

/// The format with its options read. The option `encoding` speaks of writing, as in Spark.
pub fn format(options: &Options, _ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    let record_end = match options.given(&LINE_SEP) {
        Some("") => return Err(illegal_argument("requirement failed: 'lineSep' cannot be an empty string.")),
        Some(separator) => RecordEnd::Exactly(separator.as_bytes().to_vec()),
        None => RecordEnd::AnyNewline,
    };
    Ok(Arc::new(TextFormat { whole: options.strict_flag(&WHOLE_TEXT)?, record_end }))
}

#[derive(Debug)]
struct TextFormat {
    whole: bool,
    record_end: RecordEnd,
}

impl RecordFormat for TextFormat {
    fn name(&self) -> &'static str {
        "text"
    }

    fn record_end(&self) -> Option<RecordEnd> {
        match &self.record_end {
            // Cuts could fall differently from a reading from the start, as in `aaa` with `aa`.
            RecordEnd::Exactly(bytes) if overlaps_itself(bytes) => None,
            end => (!self.whole).then(|| end.clone()),
        }
    }

    fn infer(&self, _files: &[InputFile], _parallelism: usize) -> Result<Fields> {
        Ok(Fields::from(vec![Field::new("value", DataType::Utf8, true)]))
    }

    fn check_schema(&self, fields: &Fields) -> Result<()> {
        if fields.len() > 1 {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1290").with("schemaSize", fields.len().to_string()));
        }
        match fields.iter().find(|field| field.data_type() != &DataType::Utf8) {
            Some(field) => Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                .with("format", "Text")
                .with("columnName", name::quote(field.name()))
                .with("columnType", format!("\"{}\"", name::sql(field.data_type())))),
            None => Ok(()),
        }
    }

    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>> {
        Ok(Box::new(TextDecoder {
            separator: (!self.whole).then(|| self.record_end.clone()),
            rows: Rows::new(request),
            partial: vec![],
            after_carriage_return: false,
            at_start: request.split.starts_at_file_start && !self.whole,
        }))
    }
}

fn overlaps_itself(bytes: &[u8]) -> bool {
    (1..bytes.len()).any(|length| bytes[..length] == bytes[bytes.len() - length..])
}

/// Cuts bytes into rows.
struct TextDecoder {
    /// `None`: all bytes are one row.
    separator: Option<RecordEnd>,
    rows: Rows,
    /// The beginning of a row that goes on in the next bytes.
    partial: Vec<u8>,
    /// The last row ended in `\r`: a `\n` that follows belongs to it.
    after_carriage_return: bool,
    /// A byte order mark may come.
    at_start: bool,
}

impl RecordDecoder for TextDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        let Some(separator) = self.separator.clone() else {
            self.partial.extend_from_slice(bytes);
            if bytes.is_empty() && !self.partial.is_empty() {
                self.rows.push(&std::mem::take(&mut self.partial))?;
            }
            return Ok(bytes.len());
        };
        if bytes.is_empty() {
            if !self.partial.is_empty() {
                self.rows.push(&std::mem::take(&mut self.partial))?;
            }
            return Ok(0);
        }
        let mut at = 0;
        if std::mem::take(&mut self.at_start) && bytes.starts_with(BYTE_ORDER_MARK) {
            at = BYTE_ORDER_MARK.len();
        }
        if std::mem::take(&mut self.after_carriage_return) && bytes[at..].first() == Some(&b'\n') {
            at += 1;
        }
        while !self.rows.is_full() {
            let Some((end, next)) = self.find(&separator, &bytes[at..]) else {
                self.partial.extend_from_slice(&bytes[at..]);
                return Ok(bytes.len());
            };
            if self.partial.is_empty() {
                self.rows.push(&bytes[at..at + end])?;
            } else {
                self.partial.extend_from_slice(&bytes[at..at + end]);
                self.finish_partial(&separator)?;
            }
            at += next;
        }
        Ok(at)
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        self.rows.take()
    }

    fn is_full(&self) -> bool {
        self.rows.is_full()
    }
}

impl TextDecoder {
    /// Where the row ends and where the next begins.
    fn find(&mut self, separator: &RecordEnd, bytes: &[u8]) -> Option<(usize, usize)> {
        match separator {
            RecordEnd::AnyNewline => {
                let end = memchr2(b'\n', b'\r', bytes)?;
                let carriage_return = bytes[end] == b'\r';
                self.after_carriage_return = carriage_return && end + 1 == bytes.len();
                let width = if carriage_return && bytes.get(end + 1) == Some(&b'\n') { 2 } else { 1 };
                Some((end, end + width))
            }
            RecordEnd::Exactly(separator) => {
                // The separator may have begun in the bytes before.
                for begun in (1..separator.len().min(self.partial.len() + 1)).rev() {
                    if self.partial.ends_with(&separator[..begun]) && bytes.starts_with(&separator[begun..]) {
                        self.partial.truncate(self.partial.len() - begun);
                        self.partial.extend_from_slice(separator);
                        return Some((0, separator.len() - begun));
                    }
                }
                memmem::find(bytes, separator).map(|end| (end, end + separator.len()))
            }
        }
    }

    /// Pushes the row that was put together; a separator that spans pieces stands at its end.
    fn finish_partial(&mut self, separator: &RecordEnd) -> Result<()> {
        let partial = std::mem::take(&mut self.partial);
        let row = match separator {
            RecordEnd::Exactly(separator) => partial.strip_suffix(separator.as_slice()).unwrap_or(&partial),
            RecordEnd::AnyNewline => &partial,
        };
        self.rows.push(row)
    }
}

/// Rows collected for a batch; without columns only their number.
struct Rows {
    projected: SchemaRef,
    batch_size: usize,
    rows: usize,
    offsets: Vec<i32>,
    text: Vec<u8>,
}

impl Rows {
    fn new(request: &DecodeRequest<'_>) -> Self {
        Self {
            projected: Arc::clone(request.projected),
            batch_size: request.batch_size,
            rows: 0,
            offsets: vec![0],
            text: vec![],
        }
    }

    fn push(&mut self, row: &[u8]) -> Result<()> {
        self.rows += 1;
        if !self.projected.fields().is_empty() {
            self.text.extend_from_slice(row);
            let end = i32::try_from(self.text.len()).map_err(|_| {
                SparkError::unsupported(
                    "a line of text longer than 2 GB",
                    "Set the option lineSep to what ends a record.",
                )
            })?;
            self.offsets.push(end);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.rows >= self.batch_size || self.text.len() >= FULL_BYTES
    }

    fn take(&mut self) -> Result<Option<RecordBatch>> {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(None);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let columns = if self.projected.fields().is_empty() {
            vec![]
        } else {
            let capacity = self.text.len();
            let offsets = std::mem::replace(&mut self.offsets, Vec::with_capacity(rows + 1));
            let text = std::mem::replace(&mut self.text, Vec::with_capacity(capacity));
            self.offsets.push(0);
            vec![Arc::new(strings(offsets, text)) as _]
        };
        RecordBatch::try_new_with_options(Arc::clone(&self.projected), columns, &options)
            .map(Some)
            .map_err(firesteel_functions::kernel::from_arrow)
    }
}

/// Strings from their offsets; bytes that are no UTF-8 become U+FFFD.
fn strings(offsets: Vec<i32>, text: Vec<u8>) -> StringArray {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let text = Buffer::from_vec(text);
    StringArray::try_new(offsets.clone(), text.clone(), None).unwrap_or_else(|_| lossy(&offsets, &text))
}

fn lossy(offsets: &[i32], text: &[u8]) -> StringArray {
    offsets.windows(2).map(|pair| Some(String::from_utf8_lossy(&text[pair[0] as usize..pair[1] as usize]))).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Schema;

    use super::*;
    use crate::decode::SplitInfo;

    /// Rows when the text comes in pieces of `width` bytes.
    fn rows(format: &TextFormat, text: &str, width: usize) -> Result<Vec<String>> {
        let schema: SchemaRef = Arc::new(Schema::new(format.infer(&[], 1)?));
        let split = SplitInfo { path: "file:///x", starts_at_file_start: true };
        let request = DecodeRequest { schema: &schema, projection: &[0], projected: &schema, batch_size: 2, split };
        let mut decoder = format.decoder(&request)?;
        let mut rows = vec![];
        for mut piece in text.as_bytes().chunks(width).chain([&[][..]]) {
            loop {
                let taken = decoder.decode(piece)?;
                piece = &piece[taken..];
                while let Some(batch) = decoder.flush()? {
                    rows.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_string));
                }
                if piece.is_empty() {
                    break;
                }
            }
        }
        Ok(rows)
    }

    #[test]
    fn lines_do_not_depend_on_pieces() -> Result<()> {
        let lines = TextFormat { whole: false, record_end: RecordEnd::AnyNewline };
        let custom = TextFormat { whole: false, record_end: RecordEnd::Exactly(b"l2x".to_vec()) };
        for width in 1..20 {
            assert_eq!(rows(&lines, "l1\r\nl2\rl3\n\nlast", width)?, ["l1", "l2", "l3", "", "last"], "{width}");
            assert_eq!(rows(&custom, "l1l2xl2l2xel2", width)?, ["l1", "l2", "el2"], "{width}");
        }
        Ok(())
    }
}
