//! The records of a file become batches.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::options::XmlOptions;
use super::split::{Found, Splitter};
use crate::decode::{DecodeRequest, RecordDecoder};
use crate::record::ParseMode;
use crate::record::mode::malformed_record;

/// Decodes one file.
pub struct XmlDecoder {
    options: Arc<XmlOptions>,
    projected: SchemaRef,
    batch_size: usize,
    splitter: Splitter,
    /// The file so far, where its text may be asked for or has to be recoded.
    whole: Option<Vec<u8>>,
    /// The text that a malformed record has: as in Spark that of the file.
    text: String,
    /// Where in the schema it goes.
    corrupt: Option<usize>,
    /// Records to come; `None`: a malformed one.
    records: VecDeque<Option<String>>,
    ended: bool,
}

impl XmlDecoder {
    pub fn new(options: &Arc<XmlOptions>, request: &DecodeRequest<'_>) -> Self {
        let fields = request.projected.fields();
        let corrupt = fields.iter().position(|field| field.name() == &options.corrupt_column);
        let gathers = corrupt.is_some() || options.charset != "utf-8";
        Self {
            options: Arc::clone(options),
            projected: Arc::clone(request.projected),
            batch_size: request.batch_size.max(1),
            splitter: Splitter::new(&options.row_tag),
            whole: gathers.then(Vec::new),
            text: String::new(),
            corrupt,
            records: VecDeque::new(),
            ended: false,
        }
    }

    fn split(&mut self, bytes: &[u8]) {
        let records = &mut self.records;
        self.splitter.feed(bytes, &mut |found| {
            records.push_back(match found {
                Found::Record(text) => Some(text),
                Found::Malformed => None,
            });
        });
    }

    fn batch(&self, records: &[Option<String>]) -> Result<RecordBatch> {
        // A malformed document is a record that does not parse.
        let texts: StringArray = records.iter().map(|record| Some(record.as_deref().unwrap_or_default())).collect();
        let mut read = self.options.read(&texts, self.projected.fields())?;
        if let Some(row) = read.refused {
            let text = records[row].as_deref().unwrap_or_default();
            let why = format!("an attribute or the text of an XML record does not fit the schema: {text}");
            return Err(SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(why));
        }
        if let Some(at) = self.corrupt {
            let texts: StringArray = read.bad.iter().map(|bad| bad.then_some(self.text.as_str())).collect();
            read.columns[at] = Arc::new(texts);
        }
        if self.options.mode == ParseMode::FailFast
            && let Some(row) = read.bad.iter().position(|bad| *bad)
        {
            let values: Vec<ArrayRef> = read.columns.iter().map(|column| column.slice(row, 1)).collect();
            return Err(malformed_record(&values, SparkError::internal("a malformed XML record")));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.projected), read.columns, &options);
        let batch = batch.map_err(from_arrow)?;
        if self.options.mode == ParseMode::DropMalformed && read.bad.contains(&true) {
            let good: BooleanArray = read.bad.iter().map(|bad| Some(!bad)).collect();
            debug_assert_eq!(good.null_count(), 0);
            return filter_record_batch(&batch, &good).map_err(from_arrow);
        }
        Ok(batch)
    }
}

impl RecordDecoder for XmlDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        self.ended |= bytes.is_empty();
        match &mut self.whole {
            Some(whole) if !bytes.is_empty() => whole.extend_from_slice(bytes),
            Some(whole) => {
                let plain = self.options.plain(std::mem::take(whole));
                self.split(&plain);
                self.split(&[]);
                if self.corrupt.is_some() {
                    self.text = String::from_utf8_lossy(&plain).into_owned();
                }
            }
            None => self.split(bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        let count = if self.ended { self.records.len().min(self.batch_size) } else { self.records.len() };
        if count == 0 {
            return Ok(None);
        }
        let records: Vec<Option<String>> = self.records.drain(..count).collect();
        self.batch(&records).map(Some)
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.batch_size
    }
}
