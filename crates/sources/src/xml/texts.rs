//! XML texts in a column, each a record: `spark.read.xml(df)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Fields, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, SparkError};

use super::XmlFormat;
use super::options::XmlOptions;
use crate::decode::RecordFormat;
use crate::record::ParseMode;
use crate::record::mode::malformed_record;
use crate::{Options, SourceContext};

/// How such texts are read.
#[derive(Debug, Clone)]
pub struct XmlTexts {
    options: Arc<XmlOptions>,
}

impl XmlTexts {
    /// Reads the options; no tag has to be named, for each text is a row.
    pub fn open(options: &Options, ctx: &SourceContext) -> Result<Self> {
        let mut own = options.clone();
        if own.get("rowTag").is_none_or(str::is_empty) {
            own.set("rowTag", "ROW");
        }
        Ok(Self { options: Arc::new(XmlOptions::of(&own, ctx)?) })
    }

    /// The columns of texts.
    pub fn infer(&self, texts: &[StringArray]) -> Result<Fields> {
        self.options.infer(texts.iter().flat_map(|array| array.iter().flatten()))
    }

    /// Refuses columns that XML cannot hold.
    pub fn check_schema(&self, fields: &Fields) -> Result<()> {
        XmlFormat { options: Arc::clone(&self.options) }.check_schema(fields)
    }

    /// Texts as rows of a schema.
    pub fn read(&self, texts: &StringArray, schema: &SchemaRef) -> Result<RecordBatch> {
        let texts: StringArray = texts.iter().flatten().map(Some).collect();
        let read = self.options.read(&texts, schema.fields())?;
        if self.options.mode == ParseMode::FailFast
            && let Some(row) = read.bad.iter().position(|bad| *bad)
        {
            let values: Vec<ArrayRef> = read.columns.iter().map(|column| column.slice(row, 1)).collect();
            return Err(malformed_record(&values, SparkError::internal("a malformed XML record")));
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(read.bad.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(schema), read.columns, &rows).map_err(from_arrow)?;
        if self.options.mode == ParseMode::DropMalformed && read.bad.contains(&true) {
            let good: BooleanArray = read.bad.iter().map(|bad| Some(!bad)).collect();
            return filter_record_batch(&batch, &good).map_err(from_arrow);
        }
        Ok(batch)
    }
}
