//! ORC files as Spark's own: the same types, names and metadata; rows are kept until a stripe is full.

use std::fs::File;
use std::io::Write;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use arrow::datatypes::{DataType, SchemaRef};
use firesteel_functions::datetime::zone::{self, Zone};
use firesteel_protocol::{Result, SparkError};
use prost::Message;
use std::sync::Arc;

use super::compression::{BLOCK_BYTES, Compression};
use super::encode::Encoder;
use super::proto::{
    Footer, Metadata, PostScript, Stream, StripeFooter, StripeInformation, StripeStatistics, UserMetadataItem,
};
use super::schema;
use crate::sink::{FileWriter, Target};
use crate::{Options, SourceContext};

/// The Spark release whose files these are like.
const SPARK_VERSION: &str = "4.2.1";
/// ORC's `orc.stripe.size`.
const STRIPE_BYTES: usize = 64 << 20;
const MAGIC: &[u8] = b"ORC";
/// Of ORC's own writer, release 1.4: what readers may rely on.
const WRITER_VERSION: u32 = 9;
/// Dates before 1582 are of the Julian calendar, as in Spark's files.
const JULIAN: u32 = 1;

/// Options read.
#[derive(Debug)]
pub struct OrcSettings {
    compression: Compression,
    stripe_bytes: usize,
    schema: SchemaRef,
    zone: Zone,
    zone_name: String,
}

impl OrcSettings {
    /// Reads the options.
    pub fn new(options: &Options, schema: &SchemaRef, ctx: &SourceContext) -> Result<Self> {
        for key in ["orc.encrypt", "orc.mask", "orc.key.provider"] {
            if options.contains(key) {
                return Err(SparkError::unsupported(format!("the ORC option {key}"), "Leave it out."));
            }
        }
        let given = options.get("compression").or_else(|| options.get("orc.compress")).map(str::to_string);
        let name = given.or_else(|| ctx.conf("spark.sql.orc.compression.codec")).unwrap_or_else(|| "zstd".into());
        let stripe_bytes = match options.get("orc.stripe.size") {
            None => STRIPE_BYTES,
            Some(text) => text.trim().parse().map_err(|_| {
                SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
            })?,
        };
        let zone_name = zone::machine();
        Ok(Self {
            compression: Compression::parse(&name)?,
            stripe_bytes: stripe_bytes.max(1024),
            schema: Arc::clone(schema),
            zone: Zone::of(&zone_name)?,
            zone_name,
        })
    }

    /// `.zstd.orc`.
    pub fn extension(&self) -> String {
        format!("{}.orc", self.compression.extension())
    }
}

/// An ORC file that is being written.
#[derive(Debug)]
pub struct OrcFile {
    out: File,
    target: Target,
    compression: Compression,
    stripe_bytes: usize,
    schema: SchemaRef,
    zone_name: String,
    root: Encoder,
    /// Rows that are not written yet.
    rows: u64,
    /// Bytes written.
    at: u64,
    stripes: Vec<StripeInformation>,
    statistics: Vec<StripeStatistics>,
}

impl OrcFile {
    /// Begins a file.
    pub fn begin(settings: &OrcSettings, mut out: File, target: &Target) -> Result<Self> {
        out.write_all(MAGIC).map_err(|cause| target.write_failed(cause))?;
        let rows = DataType::Struct(settings.schema.fields().clone());
        Ok(Self {
            out,
            target: target.clone(),
            compression: settings.compression,
            stripe_bytes: settings.stripe_bytes,
            schema: Arc::clone(&settings.schema),
            zone_name: settings.zone_name.clone(),
            root: Encoder::new(&rows, settings.zone),
            rows: 0,
            at: MAGIC.len() as u64,
            stripes: vec![],
            statistics: vec![],
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<u64> {
        self.out.write_all(bytes).map_err(|cause| self.target.write_failed(cause))?;
        self.at += bytes.len() as u64;
        Ok(bytes.len() as u64)
    }

    fn put_packed(&mut self, bytes: &[u8]) -> Result<u64> {
        let packed = self.compression.compress(bytes).map_err(|cause| self.target.write_failed(cause))?;
        self.put(&packed)
    }

    fn write_stripe(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let offset = self.at;
        let (mut encoded, mut streams, mut columns) = (vec![], vec![], vec![]);
        self.root.finish(&mut encoded);
        for (column, (encoding, own)) in (0..).zip(encoded) {
            columns.push(encoding);
            for (kind, bytes) in own {
                let length = self.put_packed(&bytes)?;
                streams.push(Stream { kind: Some(kind), column: Some(column), length: Some(length) });
            }
        }
        let data_length = self.at - offset;
        let footer = StripeFooter { streams, columns, writer_timezone: Some(self.zone_name.clone()) };
        let footer_length = self.put_packed(&footer.encode_to_vec())?;
        self.stripes.push(StripeInformation {
            offset: Some(offset),
            index_length: Some(0),
            data_length: Some(data_length),
            footer_length: Some(footer_length),
            number_of_rows: Some(std::mem::take(&mut self.rows)),
        });
        let mut columns = vec![];
        self.root.statistics(&mut columns);
        // Counts of the file so far bound those of the stripe.
        self.statistics.push(StripeStatistics { columns });
        Ok(())
    }
}

impl FileWriter for OrcFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = StructArray::try_new_with_length(
            self.schema.fields().clone(),
            batch.columns().to_vec(),
            None,
            batch.num_rows(),
        );
        let rows: ArrayRef = Arc::new(rows.map_err(|error| SparkError::internal(error.to_string()))?);
        self.root.push(&rows)?;
        self.rows += batch.num_rows() as u64;
        if self.root.size() >= self.stripe_bytes { self.write_stripe() } else { Ok(()) }
    }

    fn memory_size(&self) -> usize {
        self.root.size()
    }

    fn flush(&mut self) -> Result<()> {
        self.write_stripe()
    }

    fn finish(mut self: Box<Self>) -> Result<u64> {
        self.write_stripe()?;
        let content_length = self.at - MAGIC.len() as u64;
        let metadata = Metadata { stripes: std::mem::take(&mut self.statistics) };
        let metadata_length = self.put_packed(&metadata.encode_to_vec())?;
        let mut statistics = vec![];
        self.root.statistics(&mut statistics);
        let version =
            UserMetadataItem { name: Some("org.apache.spark.version".into()), value: Some(SPARK_VERSION.into()) };
        let footer = Footer {
            header_length: Some(MAGIC.len() as u64),
            content_length: Some(content_length),
            number_of_rows: Some(self.stripes.iter().filter_map(|stripe| stripe.number_of_rows).sum()),
            stripes: std::mem::take(&mut self.stripes),
            types: schema::orc_types(self.schema.fields()),
            metadata: vec![version],
            statistics,
            row_index_stride: Some(0),
            writer: Some(0),
            encryption: None,
            calendar: Some(JULIAN),
        };
        let footer_length = self.put_packed(&footer.encode_to_vec())?;
        let post = PostScript {
            footer_length: Some(footer_length),
            compression: Some(self.compression.number()),
            compression_block_size: Some(BLOCK_BYTES as u64),
            version: vec![0, 12],
            metadata_length: Some(metadata_length),
            writer_version: Some(WRITER_VERSION),
            magic: Some("ORC".into()),
        };
        let post = post.encode_to_vec();
        self.put(&post)?;
        self.put(&[u8::try_from(post.len()).unwrap_or(u8::MAX)])?;
        Ok(self.at)
    }
}
