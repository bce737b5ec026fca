//! XML files: rows are the elements of a tag. [`split`] finds them; what is in them is read and written by the functions
//! of XML (`from_xml`, `to_xml`).

mod decode;
pub mod options;
mod split;
pub mod texts;
pub mod writer;

use std::io::Read;
use std::sync::Arc;

use arrow::datatypes::{DataType, Fields, IntervalUnit};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use self::options::XmlOptions;
use self::split::{Found, Splitter};
use crate::decode::{DecodeRequest, RecordDecoder, RecordEnd, RecordFormat};
use crate::record::mode::{check_corrupt_column, check_single_variant};
use crate::record::sample::Sampler;
use crate::storage::{InputFile, read_error};
use crate::{Options, SourceContext};

/// The format with its options read.
pub fn format(options: &Options, ctx: &SourceContext) -> Result<Arc<dyn RecordFormat>> {
    Ok(Arc::new(XmlFormat { options: Arc::new(XmlOptions::of(options, ctx)?) }))
}

#[derive(Debug)]
struct XmlFormat {
    options: Arc<XmlOptions>,
}

impl RecordFormat for XmlFormat {
    fn name(&self) -> &'static str {
        "xml"
    }

    fn record_end(&self) -> Option<RecordEnd> {
        None
    }

    fn infer(&self, files: &[InputFile], _parallelism: usize) -> Result<Fields> {
        let options = &self.options;
        let (files, _) = Sampler::new(options.sampling_ratio).order(files, 1);
        let mut sampler = Sampler::new(options.sampling_ratio);
        let mut failure = None;
        let records = files.iter().flat_map(|file| match Records::open(file, options) {
            Ok(records) => records,
            Err(error) => {
                failure = Some(error);
                Records::default()
            }
        });
        let fields = options.infer(records.filter(|_| sampler.takes()))?;
        match failure {
            Some(error) => Err(error),
            None => Ok(fields),
        }
    }

    fn check_schema(&self, fields: &Fields) -> Result<()> {
        check_corrupt_column(fields, &self.options.corrupt_column)?;
        check_single_variant(fields, self.options.single_variant.as_deref(), &self.options.corrupt_column)?;
        for field in fields {
            if matches!(field.data_type(), DataType::Interval(IntervalUnit::MonthDayNano)) {
                return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                    .with("format", "XML")
                    .with("columnName", name::quote(field.name()))
                    .with("columnType", format!("\"{}\"", name::sql(field.data_type()))));
            }
        }
        Ok(())
    }

    fn corrupt_column(&self) -> Option<&str> {
        Some(&self.options.corrupt_column)
    }

    fn decoder(&self, request: &DecodeRequest<'_>) -> Result<Box<dyn RecordDecoder>> {
        Ok(Box::new(decode::XmlDecoder::new(&self.options, request)))
    }
}

/// The records of a file, one after the other, for inference. What is malformed is an empty text.
#[derive(Default)]
struct Records {
    input: Option<Box<dyn Read + Send>>,
    splitter: Splitter,
    ready: std::collections::VecDeque<String>,
}

impl Records {
    fn open(file: &InputFile, options: &XmlOptions) -> Result<Self> {
        let mut input = file.open()?;
        if options.charset != "utf-8" {
            let mut bytes = vec![];
            input.read_to_end(&mut bytes).map_err(|error| read_error(&file.path, error))?;
            let text = options.plain(bytes);
            input = Box::new(std::io::Cursor::new(text));
        }
        Ok(Self { input: Some(input), splitter: Splitter::new(&options.row_tag), ready: Default::default() })
    }
}

impl Iterator for Records {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            if let Some(text) = self.ready.pop_front() {
                return Some(text);
            }
            let mut chunk = vec![0; 1 << 16];
            let length = self.input.as_mut()?.read(&mut chunk).unwrap_or(0);
            if length == 0 {
                self.input = None;
            }
            let ready = &mut self.ready;
            self.splitter.feed(&chunk[..length], &mut |found| {
                ready.push_back(match found {
                    Found::Record(text) => text,
                    Found::Malformed => String::new(),
                });
            });
        }
    }
}
