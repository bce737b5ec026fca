//! What a database must do to be read and written. Each has a folder of its own.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Fields, SchemaRef};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use super::error::driver_error;
use super::sqlite::Sqlite;
use crate::Options;
use crate::sink::SaveMode;

/// A database and where it is. All calls block.
pub trait Database: fmt::Debug + Send + Sync {
    /// What Spark calls its dialect of this database.
    fn dialect(&self) -> &'static str;

    /// The columns of a query, as Spark reads them. Runs nothing.
    fn columns(&self, query: &str, prefer_ntz: bool) -> Result<Fields>;

    /// A column or table name in this database's quotes.
    fn quote(&self, name: &str) -> String;

    /// A value in this database's SQL; `None` where a comparison with it would not mean the same.
    fn literal(&self, value: &ScalarValue) -> Option<String>;

    /// Runs a query and hands out its rows until `emit` says `false` or `stop` is set.
    fn read(&self, query: &Query, stop: &Stop, emit: &mut dyn FnMut(RecordBatch) -> bool) -> Result<()>;

    /// Says whether a table (or whatever can be selected from) exists.
    fn table_exists(&self, table: &str) -> Result<bool>;

    /// What `CREATE TABLE` declares for a column.
    fn declaration(&self, field: &Field) -> Result<String>;

    /// Writes what `input` yields, in one transaction; `Input::Abort` or an error undoes all of it.
    fn write(&self, request: &TableWrite, input: &mut dyn FnMut() -> Input) -> Result<u64>;
}

/// A query of one partition.
#[derive(Debug, Clone)]
pub struct Query {
    pub sql: String,
    /// Run on the connection before the query.
    pub session_init: Option<String>,
    /// What batches look like.
    pub schema: SchemaRef,
    pub batch_size: usize,
}

/// A write to a table.
#[derive(Debug, Clone)]
pub struct TableWrite {
    /// As the user wrote it, quotes included.
    pub table: String,
    pub mode: SaveMode,
    /// Columns of the input, Spark's names.
    pub fields: Fields,
    /// Declarations of a new table's columns, in their order.
    pub declarations: Vec<String>,
    /// Text behind `CREATE TABLE (..)`.
    pub create_options: String,
    pub case_sensitive: bool,
}

/// The next piece of a write.
#[derive(Debug)]
pub enum Input {
    Batch(RecordBatch),
    /// All rows were given: commit.
    End,
    /// The query failed: undo.
    Abort,
}

/// Ends a read from outside.
#[derive(Default)]
pub struct Stop {
    set: AtomicBool,
    interrupt: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Stop {
    /// Says how to interrupt what runs now.
    pub fn on_set(&self, interrupt: impl Fn() + Send + 'static) {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
    }

    /// Forgets how to interrupt: it is over.
    pub fn forget(&self) {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Ends the read.
    pub fn set(&self) {
        self.set.store(true, Ordering::Relaxed);
        if let Some(interrupt) = &*self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) {
            interrupt();
        }
    }

    /// Whether the read is to end.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("set", &self.set).finish_non_exhaustive()
    }
}

/// Finds the database of a URL.
pub fn of_url(url: &str, options: &Options, working_dir: &Path) -> Result<Arc<dyn Database>> {
    let known = [
        ("postgresql", "PostgreSQL"),
        ("mysql", "MySQL"),
        ("mariadb", "MariaDB"),
        ("sqlserver", "SQL Server"),
        ("oracle", "Oracle"),
        ("db2", "DB2"),
        ("derby", "Derby"),
        ("h2", "H2"),
        ("snowflake", "Snowflake"),
    ];
    let kind = url.strip_prefix("jdbc:").and_then(|rest| rest.split_once(':'));
    let Some((kind, place)) = kind else { return Err(driver_error("java.sql.SQLException", "No suitable driver")) };
    check_driver(options)?;
    if kind == "sqlite" {
        return Ok(Arc::new(Sqlite::new(place, options, working_dir)?));
    }
    match known.iter().find(|(name, _)| *name == kind) {
        Some((_, title)) => Err(SparkError::unsupported(
            format!("{title} over JDBC ({url})"),
            "SQLite works (jdbc:sqlite:/path/to/file.db); export other tables to files.",
        )),
        None => Err(driver_error("java.sql.SQLException", "No suitable driver")),
    }
}

/// A driver class is not loaded, but a wrong one is an error as it is in Spark.
fn check_driver(options: &Options) -> Result<()> {
    let known = [
        "org.sqlite.JDBC",
        "org.postgresql.Driver",
        "com.mysql.jdbc.Driver",
        "com.mysql.cj.jdbc.Driver",
        "org.mariadb.jdbc.Driver",
        "com.microsoft.sqlserver.jdbc.SQLServerDriver",
        "oracle.jdbc.OracleDriver",
        "oracle.jdbc.driver.OracleDriver",
        "org.h2.Driver",
        "com.ibm.db2.jcc.DB2Driver",
    ];
    match options.get("driver") {
        Some(class) if !known.contains(&class) => Err(SparkError::new("_LEGACY_CLASS_NOT_FOUND").with_message(class)),
        _ => Ok(()),
    }
}
