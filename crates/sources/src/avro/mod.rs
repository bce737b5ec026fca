//! Avro's object container files, by `arrow-avro`; types and names are those of Spark's Avro source.

mod read;
mod write;

use arrow_avro::reader::ReaderBuilder;
use arrow_avro::schema::{AvroSchema, SCHEMA_METADATA_KEY};
use std::fs::File;
use std::io::BufReader;

use arrow::datatypes::{Fields, SchemaRef};
use firesteel_functions::avro::schema;
use firesteel_protocol::{Result, SparkError};

pub use read::AvroReader;
pub use write::{AvroFile, AvroSettings};

use crate::options::OptionSpec;
use crate::storage::{InputFile, hadoop_path};
use crate::{Options, SourceContext};

const fn spec(key: &'static str, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { key, aliases: &[], default, doc }
}

const AVRO_SCHEMA: OptionSpec = spec("avroSchema", "", "The schema, as JSON, that files are read or written with.");
const POSITIONAL: OptionSpec =
    spec("positionalFieldMatching", "false", "Columns of a schema are those of the file by their places.");
const IGNORE_EXTENSION: OptionSpec =
    spec("ignoreExtension", "true", "Files are read whatever their names end with; false: those with .avro only.");
const REBASE: OptionSpec = spec("datetimeRebaseMode", "", "How dates before 1582 of files by Spark 2 are read.");

/// How Avro files are read.
#[derive(Debug, Clone)]
pub struct AvroOptions {
    /// `avroSchema`.
    pub schema: Option<String>,
    pub positional: bool,
    /// Files whose names end otherwise are left out.
    pub only_avro: bool,
    pub case_sensitive: bool,
}

impl AvroOptions {
    /// Reads the options.
    pub fn new(options: &Options, ctx: &SourceContext) -> Result<Self> {
        let given = options.given(&REBASE).map(str::to_string);
        let mode = given.or_else(|| ctx.conf("spark.sql.avro.datetimeRebaseModeInRead"));
        if mode.is_some_and(|mode| mode.eq_ignore_ascii_case("LEGACY")) {
            return Err(SparkError::unsupported(
                "the Avro option datetimeRebaseMode=LEGACY",
                "Set it to CORRECTED, or rewrite the files with Spark 3 or later.",
            ));
        }
        for key in ["avroSchemaUrl", "recursiveFieldMaxDepth", "enableStableIdentifiersForUnionType"] {
            if options.get(key).is_some_and(|value| !matches!(value.to_lowercase().as_str(), "" | "false" | "-1")) {
                return Err(SparkError::unsupported(
                    format!("the Avro option {key}"),
                    "Leave it out; avroSchema takes a schema as text.",
                ));
            }
        }
        Ok(Self {
            schema: options.given(&AVRO_SCHEMA).map(str::to_string),
            positional: options.flag(&POSITIONAL)?,
            only_avro: !options.flag(&IGNORE_EXTENSION)?,
            case_sensitive: ctx.env.case_sensitive,
        })
    }

    /// The columns of a file; `None` if it is to be left out.
    pub fn columns(&self, file: &InputFile) -> Result<Option<Fields>> {
        if self.leaves(file) {
            return Ok(None);
        }
        if let Some(schema) = &self.schema {
            return fields(schema).map(Some);
        }
        let unreadable = |cause: String| {
            SparkError::new("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER")
                .with("path", hadoop_path(&file.path))
                .with_source(cause)
        };
        let input = File::open(&file.path).map_err(|error| unreadable(error.to_string()))?;
        let reader =
            ReaderBuilder::new().build(BufReader::new(input)).map_err(|error| unreadable(error.to_string()))?;
        fields(&schema_text(&reader)?).map(Some)
    }

    /// Whether a file is no Avro by its name.
    pub fn leaves(&self, file: &InputFile) -> bool {
        self.only_avro && file.path.extension().is_none_or(|extension| extension != "avro")
    }
}

/// The schema that a file was written with.
fn schema_text<R: std::io::BufRead>(reader: &arrow_avro::reader::Reader<R>) -> Result<String> {
    let schema: Option<&[u8]> = reader.avro_header().get(SCHEMA_METADATA_KEY);
    let text = schema.and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.map(str::to_string).ok_or_else(|| damaged("a file without its schema"))
}

fn fields(schema: &str) -> Result<Fields> {
    schema::spark_fields(schema)?.ok_or_else(|| {
        SparkError::unsupported("Avro files whose values are no records", "Write them as records with one field.")
    })
}

/// A file that is not as the format says.
fn damaged(what: impl std::fmt::Display) -> SparkError {
    SparkError::new("FAILED_READ_FILE.NO_HINT").with_source(format!("not a valid Avro file: {what}"))
}

/// A schema of `arrow-avro`.
fn parsed(schema: &str) -> AvroSchema {
    AvroSchema::new(schema.to_string())
}

/// The columns as they are written.
fn written(schema: &SchemaRef) -> Fields {
    use firesteel_functions::avro::array::written_type;
    let own = |field: &arrow::datatypes::FieldRef| {
        arrow::datatypes::Field::new(field.name(), written_type(field.data_type()), field.is_nullable())
    };
    schema.fields().iter().map(own).collect()
}
