//! SQLite, in this process.

mod error;
mod raw;
mod read;
mod time;
mod types;
mod write;

use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Fields, SchemaRef};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};
use rusqlite::{Connection, OpenFlags};

use super::database::{Database, Input, Query, Stop, TableWrite};
use super::error::not_a_number;
use super::filter::standard_literal;
use crate::Options;
use raw::{Failure, Statement};

/// How long the driver waits for a lock, by default.
const BUSY_TIMEOUT: Duration = Duration::from_millis(3000);

/// Driver properties that are PRAGMAs of the same name.
const PRAGMAS: [&str; 6] = ["journal_mode", "synchronous", "cache_size", "foreign_keys", "temp_store", "mmap_size"];

/// Driver properties that would change how dates are kept, with the value that is implemented.
const DATE_PROPERTIES: [(&str, &str); 3] =
    [("date_class", "integer"), ("date_precision", "milliseconds"), ("date_string_format", "yyyy-MM-dd HH:mm:ss.SSS")];

/// A database file.
#[derive(Debug)]
pub struct Sqlite {
    /// `None`: a database in memory, as empty as any new one.
    path: Option<PathBuf>,
    /// `?mode=ro` of a `file:` URI, or the driver's `open_mode=1`: nothing is written.
    read_only: bool,
    busy_timeout: Duration,
    pragmas: Vec<(&'static str, String)>,
}

impl Sqlite {
    /// Reads what follows `jdbc:sqlite:` in a URL: a path, `file:` before it, `?property=value&..` behind.
    pub fn new(place: &str, options: &Options, working_dir: &Path) -> Result<Self> {
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let mut properties: Options = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        for key in PRAGMAS.iter().chain(DATE_PROPERTIES.iter().map(|(key, _)| key)).chain(&["busy_timeout"]) {
            if let Some(value) = options.get(key) {
                properties.set(*key, value);
            }
        }
        for (key, implemented) in DATE_PROPERTIES {
            if properties.get(key).is_some_and(|value| !value.eq_ignore_ascii_case(implemented)) {
                return Err(SparkError::unsupported(
                    format!("the SQLite property {key}={}", properties.get(key).unwrap_or_default()),
                    "Cast dates and timestamps to strings or numbers before writing, and after reading.",
                ));
            }
        }
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| not_a_number(text));
        // The driver's query timeout sets how long it waits for a lock.
        let mut busy_timeout = BUSY_TIMEOUT;
        if let Some(text) = properties.get("busy_timeout") {
            busy_timeout = Duration::from_millis(number(text)?);
        } else if let Some(text) = options.get("queryTimeout") {
            let seconds = number(text)?;
            if seconds > 0 {
                busy_timeout = Duration::from_secs(seconds);
            }
        }
        let pragmas = PRAGMAS.into_iter().filter_map(|key| Some((key, properties.get(key)?.to_string()))).collect();
        let file = place.strip_prefix("file:").unwrap_or(place);
        let path = (!matches!(file, "" | ":memory:")).then(|| working_dir.join(file));
        let open_mode = properties.get("open_mode").or_else(|| options.get("open_mode"));
        let read_only = properties.get("mode") == Some("ro") || open_mode == Some("1");
        Ok(Self { path, read_only, busy_timeout, pragmas })
    }

    /// Opens the database. A file that does not exist is made only to be written: to a reader it is an
    /// empty database.
    fn open(&self, create: bool) -> Result<Connection, Failure> {
        let connection = match &self.path {
            Some(path) if create || path.exists() => {
                let access = match self.read_only {
                    true => OpenFlags::SQLITE_OPEN_READ_ONLY,
                    false => OpenFlags::SQLITE_OPEN_READ_WRITE,
                };
                let mut flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                flags.set(OpenFlags::SQLITE_OPEN_CREATE, create && !self.read_only);
                Connection::open_with_flags(path, flags)?
            }
            _ => Connection::open_in_memory()?,
        };
        connection.busy_timeout(self.busy_timeout)?;
        for (key, value) in &self.pragmas {
            connection.pragma_update(None, key, value)?;
        }
        Ok(connection)
    }

    fn open_to_read(&self) -> Result<Connection> {
        let folder = self.path.as_deref().and_then(Path::parent);
        if folder.is_some_and(|folder| !folder.exists()) {
            return Err(SparkError::new("FAILED_JDBC.UNCLASSIFIED")
                .with("url", "jdbc:")
                .with("message", "Failed to connect"));
        }
        self.open(false).map_err(error::planning)
    }

    /// A table must outlive the connection that makes it.
    fn refuse_memory(&self) -> Result<()> {
        if self.path.is_some() {
            return Ok(());
        }
        Err(SparkError::unsupported(
            "writing to a SQLite database in memory",
            "Name a file: jdbc:sqlite:/path/to/file.db.",
        ))
    }
}

impl Database for Sqlite {
    fn dialect(&self) -> &'static str {
        "NoopDialect$"
    }

    fn columns(&self, query: &str, prefer_ntz: bool) -> Result<Fields> {
        let connection = self.open_to_read()?;
        let statement = Statement::prepare(&connection, query).map_err(error::planning)?;
        let column = |index: usize| {
            let declared = statement.declared_type(index);
            types::field(&statement.column_name(index), declared.as_deref(), prefer_ntz)
        };
        Ok((0..statement.column_count()).map(column).collect())
    }

    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    fn literal(&self, value: &ScalarValue) -> Option<String> {
        standard_literal(value)
    }

    fn read(&self, query: &Query, stop: &Stop, emit: &mut dyn FnMut(RecordBatch) -> bool) -> Result<()> {
        let connection = self.open_to_read()?;
        let handle = connection.get_interrupt_handle();
        stop.on_set(move || handle.interrupt());
        if stop.is_set() {
            return Ok(());
        }
        let outcome = match &query.session_init {
            Some(sql) => connection.execute_batch(sql).map_err(|failure| error::running(failure.into())),
            None => Ok(()),
        };
        let schema: &SchemaRef = &query.schema;
        let outcome = outcome.and_then(|()| read::read(&connection, &query.sql, schema, query.batch_size, emit));
        stop.forget();
        outcome
    }

    fn table_exists(&self, table: &str) -> Result<bool> {
        self.refuse_memory()?;
        let connection = self.open(false).map_err(error::planning)?;
        match Statement::prepare(&connection, &format!("SELECT 1 FROM {table} WHERE 1=0")) {
            Ok(_) => Ok(true),
            Err(failure) if error::is_missing_table(&failure) => Ok(false),
            Err(failure) => Err(error::planning(failure)),
        }
    }

    fn declaration(&self, field: &Field) -> Result<String> {
        types::declaration(field)
    }

    fn write(&self, request: &TableWrite, input: &mut dyn FnMut() -> Input) -> Result<u64> {
        self.refuse_memory()?;
        let connection = self.open(true).map_err(error::planning)?;
        write::write(&connection, self, request, input)
    }
}
