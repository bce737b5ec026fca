//! `format("console")`: rows as a table on standard output. Spark's `ConsoleSinkProvider`.

use std::io::Write;

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::Options;
use firesteel_sources::options::illegal_argument;

use crate::{OperationHandle, Session, show};

/// How much of the rows is printed.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    pub rows: usize,
    /// Characters of a cell; 0 for whole ones.
    pub truncate: usize,
}

impl Console {
    /// The options `numRows` (20) and `truncate` (true).
    pub fn new(options: &Options) -> Result<Self> {
        let rows = match options.get("numRows") {
            None => 20,
            Some(text) => text.trim().parse::<i64>().map(|rows| usize::try_from(rows).unwrap_or(0)).map_err(|_| {
                SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
            })?,
        };
        let truncate = match options.get("truncate").unwrap_or("true").to_lowercase().as_str() {
            "true" => 20,
            "false" => 0,
            other => return Err(illegal_argument(format!("{other} is not a boolean string."))),
        };
        Ok(Self { rows, truncate })
    }
}

/// Writes a text to standard output. A reader that does not read holds up the query that prints only.
pub async fn print(text: String) -> Result<()> {
    let write = move || {
        let mut out = std::io::stdout().lock();
        // A terminal that is gone stops no query.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    tokio::task::spawn_blocking(write).await.map_err(|error| SparkError::internal(error.to_string()))
}

/// `df.write.format("console").save()`, whatever the save mode.
pub(super) async fn run(
    session: &Session,
    options: &Options,
    relation: pb::Relation,
    operation: OperationHandle,
) -> Result<()> {
    let console = Console::new(options)?;
    let text = show::text(session, &relation, console.rows, console.truncate, operation).await;
    print(text.map_err(super::write::not_for_streams)? + "\n").await
}
