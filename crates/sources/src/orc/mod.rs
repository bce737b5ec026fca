//! ORC files, read and written as the ORC specification (version 1) has them.
//!
//! [`proto`] has the messages of a file's tail, [`compression`] its chunks, [`rle`] its encodings of numbers and [`schema`]
//! its types; [`tail`], [`decode`] and [`read`] read, [`encode`] and [`write`] write, [`fit`] turns what a file has
//! into what a table wants.

mod compression;
mod decode;
mod encode;
mod fit;
mod proto;
mod read;
mod rle;
mod schema;
mod tail;
mod write;

use firesteel_functions::datetime::zone::{self, Zone};
use firesteel_protocol::{Result, SparkError};

pub use read::OrcReader;
pub use tail::columns;
pub use write::{OrcFile, OrcSettings};

use crate::listing::flag_or_conf;
use crate::options::OptionSpec;
use crate::{Options, SourceContext};

const MERGE_SCHEMA: OptionSpec = OptionSpec {
    key: "mergeSchema",
    aliases: &[],
    default: "false",
    doc: "Takes the columns of all files, not of the first one.",
};

/// ORC's options for reading.
#[derive(Debug, Clone, Copy)]
pub struct OrcOptions {
    /// Columns are gathered from all files.
    pub merge_schema: bool,
    /// Names match by case: `spark.sql.caseSensitive`.
    pub case_sensitive: bool,
    /// The zone of the machine: ORC's timestamps are local times.
    pub zone: Zone,
}

impl OrcOptions {
    /// Reads the options.
    pub fn new(options: &Options, ctx: &SourceContext) -> Result<Self> {
        Ok(Self {
            merge_schema: flag_or_conf(options, &MERGE_SCHEMA, ctx, "spark.sql.orc.mergeSchema")?,
            case_sensitive: ctx.env.case_sensitive,
            zone: Zone::of(&zone::machine())?,
        })
    }
}

/// A file that is not as the format says.
fn damaged(what: &str) -> SparkError {
    SparkError::new("FAILED_READ_FILE.NO_HINT").with_source(format!("not a valid ORC file: {what}"))
}
