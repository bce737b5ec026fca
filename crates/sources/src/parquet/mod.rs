//! Parquet files: DataFusion scans them; schemas, type widening and errors are Spark's.
//!
//! [`schema`] finds a table's columns in footers, [`adapter`] (and `nested`) fits a file's columns to the table's,
//! [`source`] words errors, [`statistics`] reads what footers tell of a file's values.

pub mod adapter;
pub mod default;
pub mod nested;
pub mod schema;
pub mod source;
pub mod statistics;

use firesteel_protocol::{Result, SparkError};

use crate::listing::flag_or_conf;
use crate::options::OptionSpec;
use crate::{Options, SourceContext};

const MERGE_SCHEMA: OptionSpec = OptionSpec {
    key: "mergeSchema",
    aliases: &[],
    default: "false",
    doc: "Takes the columns of all files, not of the first one.",
};
const DATETIME_REBASE: OptionSpec = OptionSpec {
    key: "datetimeRebaseMode",
    aliases: &[],
    default: "",
    doc: "How dates before 1582 of files by Spark 2 are read; CORRECTED takes them as they are.",
};
const INT96_REBASE: OptionSpec = OptionSpec {
    key: "int96RebaseMode",
    aliases: &[],
    default: "",
    doc: "How INT96 times before 1900 of files by Spark 2 are read; CORRECTED takes them as they are.",
};

/// Parquet's options and configuration.
#[derive(Debug, Clone, Copy)]
pub struct ParquetOptions {
    /// Columns are gathered from all files.
    pub merge_schema: bool,
    /// BINARY without annotation is a string: `spark.sql.parquet.binaryAsString`.
    pub binary_as_string: bool,
    /// Times without zone are TIMESTAMP_NTZ: `spark.sql.parquet.inferTimestampNTZ.enabled`.
    pub infer_ntz: bool,
    /// Nanoseconds are BIGINT: `spark.sql.legacy.parquet.nanosAsLong`.
    pub nanos_as_long: bool,
    /// Names match by case: `spark.sql.caseSensitive`.
    pub case_sensitive: bool,
}

impl ParquetOptions {
    /// Reads the options; fails for settings that change results and are not there.
    pub fn new(options: &Options, ctx: &SourceContext) -> Result<Self> {
        for (spec, conf) in [
            (&DATETIME_REBASE, "spark.sql.parquet.datetimeRebaseModeInRead"),
            (&INT96_REBASE, "spark.sql.parquet.int96RebaseModeInRead"),
        ] {
            let mode = options.given(spec).map(str::to_string).or_else(|| ctx.conf(conf));
            if mode.is_some_and(|mode| mode.eq_ignore_ascii_case("LEGACY")) {
                return Err(SparkError::unsupported(
                    format!("the Parquet option {}=LEGACY", spec.key),
                    "Set it to CORRECTED, or rewrite the files with Spark 3 or later.",
                ));
            }
        }
        for conf in ["spark.sql.parquet.int96TimestampConversion", "spark.sql.parquet.fieldId.read.enabled"] {
            if ctx.conf_flag(conf, false) {
                return Err(SparkError::unsupported(format!("{conf}=true"), format!("Set {conf} to false.")));
            }
        }
        Ok(Self {
            merge_schema: flag_or_conf(options, &MERGE_SCHEMA, ctx, "spark.sql.parquet.mergeSchema")?,
            binary_as_string: ctx.conf_flag("spark.sql.parquet.binaryAsString", false),
            infer_ntz: ctx.conf_flag("spark.sql.parquet.inferTimestampNTZ.enabled", true),
            nanos_as_long: ctx.conf_flag("spark.sql.legacy.parquet.nanosAsLong", false),
            case_sensitive: ctx.env.case_sensitive,
        })
    }
}
