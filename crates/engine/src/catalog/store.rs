//! The catalog's database: SQLite, in memory for `spark.sql.catalogImplementation=in-memory`, in a file for `hive`.
//!
//! Opened by the first statement that needs it. The file is in WAL mode: any number of processes read while one
//! writes, and each sees what others committed. What was read last is kept until somebody writes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arrow::datatypes::{DataType, Fields};
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};

use super::hive::Storage;
use super::leftover;
use super::table::{Bucketing, Kind, Partition, Statistics, Table, ViewText};

/// Version of the tables below; a file of a later one is refused.
const VERSION: i64 = 2;

/// How long a statement waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(60);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS databases (
    name TEXT PRIMARY KEY, comment TEXT NOT NULL, location TEXT NOT NULL, properties TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tables (
    database TEXT NOT NULL REFERENCES databases (name) ON DELETE CASCADE, name TEXT NOT NULL, kind TEXT NOT NULL,
    provider TEXT NOT NULL, columns TEXT NOT NULL, partition_columns TEXT NOT NULL, bucketing TEXT,
    location TEXT NOT NULL, options TEXT NOT NULL, properties TEXT NOT NULL, comment TEXT, created_ms INTEGER NOT NULL,
    view TEXT, statistics TEXT, storage TEXT, PRIMARY KEY (database, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
    database TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL, location TEXT, created_ms INTEGER NOT NULL,
    statistics TEXT, PRIMARY KEY (database, name, spec),
    FOREIGN KEY (database, name) REFERENCES tables (database, name) ON DELETE CASCADE ON UPDATE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS functions (
    database TEXT NOT NULL REFERENCES databases (name) ON DELETE CASCADE, name TEXT NOT NULL, class TEXT NOT NULL,
    PRIMARY KEY (database, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leftovers (location TEXT PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
";

/// A database of tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    pub comment: String,
    /// An absolute path.
    pub location: String,
    pub properties: BTreeMap<String, String>,
}

impl Database {
    /// The collation that tables, views and functions in it take, if one was given.
    pub fn collation(&self) -> Option<&str> {
        self.properties.get(firesteel_protocol::types::collation::DEFAULT_PROPERTY).map(String::as_str)
    }
}

/// Where the catalog is kept.
#[derive(Debug)]
pub struct Store {
    /// None: in memory.
    path: Option<PathBuf>,
    /// Location of the database `default`, if it is new.
    warehouse: PathBuf,
    state: Mutex<State>,
}

/// The connection and what it gave.
#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    /// What is read while the file is not there: nobody has made a table yet, and reading makes no file.
    blank: Option<Connection>,
    /// SQLite's number of other processes' last write.
    seen: i64,
    tables: HashMap<(String, String), Option<Arc<Table>>>,
    partitions: HashMap<(String, String), Arc<Vec<Partition>>>,
}

impl State {
    fn forget(&mut self) {
        self.tables.clear();
        self.partitions.clear();
    }
}

impl Store {
    /// A catalog that ends with the process.
    pub fn in_memory(warehouse: PathBuf) -> Self {
        Self { path: None, warehouse, state: Mutex::default() }
    }

    /// A catalog in a file; nothing is opened yet.
    pub fn in_file(path: PathBuf, warehouse: PathBuf) -> Self {
        Self { path: Some(path), warehouse, state: Mutex::default() }
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn failed(&self, error: rusqlite::Error) -> SparkError {
        let place = self.path.as_ref().map_or("the catalog".into(), |path| format!("the metastore {}", path.display()));
        SparkError::new("_LEGACY_METASTORE").with_message(format!("{place}: {error}")).with_source(error)
    }

    fn open(&self, path: Option<&Path>) -> Result<Connection> {
        let connection = match path {
            None => Connection::open_in_memory(),
            Some(path) => {
                if let Some(folder) = path.parent() {
                    super::make_folder(&folder.to_string_lossy())?;
                }
                Connection::open(path)
            }
        };
        let mut connection = connection.map_err(|error| self.failed(error))?;
        self.prepare(&mut connection, path.is_some()).map_err(|error| self.failed(error))?;
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        if version > VERSION {
            let path = self.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(SparkError::new("_LEGACY_METASTORE").with_message(format!(
                "the metastore {path} was made by a later version of Firesteel (format {version}, this one knows {VERSION})"
            )));
        }
        Ok(connection)
    }

    fn prepare(&self, connection: &mut Connection, in_file: bool) -> rusqlite::Result<()> {
        connection.busy_timeout(PATIENCE)?;
        if in_file {
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        connection.pragma_update(None, "foreign_keys", "ON")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version >= VERSION {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 1 {
            transaction.execute_batch("ALTER TABLE tables ADD COLUMN storage TEXT")?;
        }
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "INSERT OR IGNORE INTO databases VALUES ('default', 'default database', ?1, '{}')",
            params![self.warehouse.to_string_lossy()],
        )?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    }

    fn lock(&self, writes: bool) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().expect("no panics while locked");
        if state.connection.is_none() {
            if writes || self.path.as_ref().is_none_or(|path| path.exists()) {
                state.connection = Some(self.open(self.path.as_deref())?);
                state.blank = None;
                state.forget();
            } else if state.blank.is_none() {
                state.blank = Some(self.open(None)?);
            }
        }
        Ok(state)
    }

    /// Reads; what was kept is dropped first if another process wrote.
    fn read<T>(&self, work: impl FnOnce(&mut State, &Self) -> rusqlite::Result<T>) -> Result<T> {
        let mut state = self.lock(false)?;
        if self.path.is_some() {
            let version: rusqlite::Result<i64> =
                connection(&state).pragma_query_value(None, "data_version", |row| row.get(0));
            let version = version.map_err(|error| self.failed(error))?;
            if state.seen != version {
                state.forget();
                state.seen = version;
            }
        }
        work(&mut state, self).map_err(|error| self.failed(error))
    }

    /// Writes in one transaction.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut state = self.lock(true)?;
        state.forget();
        let Some(own) = state.connection.as_mut() else { return Err(SparkError::internal("no connection")) };
        let run = || -> rusqlite::Result<T> {
            let transaction = own.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| self.failed(error))
    }

    // Databases.

    pub fn databases(&self) -> Result<Vec<Database>> {
        self.read(|state, _| {
            let mut query = connection(state).prepare_cached("SELECT * FROM databases ORDER BY name")?;
            query.query_map([], database_of)?.collect()
        })
    }

    /// The database of that name in lower case.
    pub fn database(&self, name: &str) -> Result<Option<Database>> {
        self.read(|state, _| {
            let mut query = connection(state).prepare_cached("SELECT * FROM databases WHERE name = ?1")?;
            query.query_row([name], database_of).optional()
        })
    }

    /// Makes a database; false if there is one already.
    pub fn create_database(&self, database: &Database) -> Result<bool> {
        self.write(|transaction| {
            let values = params![database.name, database.comment, database.location, map_text(&database.properties)];
            Ok(transaction.execute("INSERT OR IGNORE INTO databases VALUES (?1, ?2, ?3, ?4)", values)? > 0)
        })
    }

    /// Writes a database's comment, location and properties anew.
    pub fn update_database(&self, database: &Database) -> Result<()> {
        self.write(|transaction| {
            let values = params![database.name, database.comment, database.location, map_text(&database.properties)];
            transaction
                .execute("UPDATE databases SET comment = ?2, location = ?3, properties = ?4 WHERE name = ?1", values)?;
            Ok(())
        })
    }

    /// Removes a database and its tables; their folders become leftovers.
    pub fn drop_database(&self, name: &str, folders: &[String]) -> Result<()> {
        let owner = leftover::owner();
        self.write(|transaction| {
            for folder in folders {
                transaction.execute("INSERT OR REPLACE INTO leftovers VALUES (?1, ?2)", params![folder, owner])?;
            }
            transaction.execute("DELETE FROM databases WHERE name = ?1", [name])?;
            Ok(())
        })
    }

    // Tables and views.

    /// The table or view of these names in lower case.
    pub fn table(&self, database: &str, name: &str) -> Result<Option<Arc<Table>>> {
        let key = (database.to_string(), name.to_string());
        self.read(|state, _| {
            if let Some(known) = state.tables.get(&key) {
                return Ok(known.clone());
            }
            let found = {
                let own = connection(state);
                let mut query = own.prepare_cached("SELECT * FROM tables WHERE database = ?1 AND name = ?2")?;
                query.query_row(params![database, name], table_of).optional()?.map(Arc::new)
            };
            state.tables.insert(key, found.clone());
            Ok(found)
        })
    }

    /// All tables and views of a database by name.
    pub fn tables(&self, database: &str) -> Result<Vec<Arc<Table>>> {
        self.read(|state, _| {
            let own = connection(state);
            let mut query = own.prepare_cached("SELECT * FROM tables WHERE database = ?1 ORDER BY name")?;
            query.query_map([database], table_of)?.map(|table| table.map(Arc::new)).collect()
        })
    }

    /// Puts a new table; false if there is one of that name already. Its folder is no leftover any more.
    pub fn create_table(&self, table: &Table, partitions: &[String]) -> Result<bool> {
        self.write(|transaction| {
            if insert_table(transaction, table, "INSERT OR IGNORE")? == 0 {
                return Ok(false);
            }
            insert_partitions(transaction, table, partitions)?;
            transaction.execute("DELETE FROM leftovers WHERE location = ?1", [&table.location])?;
            Ok(true)
        })
    }

    /// Puts a table in the place of what is there.
    pub fn replace_table(&self, table: &Table, partitions: &[String]) -> Result<()> {
        self.write(|transaction| {
            transaction
                .execute("DELETE FROM tables WHERE database = ?1 AND name = ?2", params![table.database, table.name])?;
            insert_table(transaction, table, "INSERT")?;
            insert_partitions(transaction, table, partitions)?;
            transaction.execute("DELETE FROM leftovers WHERE location = ?1", [&table.location])?;
            Ok(())
        })
    }

    /// Writes a table's definition anew; its partitions stay.
    pub fn update_table(&self, table: &Table) -> Result<()> {
        self.write(|transaction| {
            let changed = "UPDATE tables SET kind = ?3, provider = ?4, columns = ?5, partition_columns = ?6, bucketing = ?7,
                location = ?8, options = ?9, properties = ?10, comment = ?11, created_ms = ?12, view = ?13, statistics = ?14,
                storage = ?15
                WHERE database = ?1 AND name = ?2";
            let values = table_values(table);
            transaction.execute(changed, rusqlite::params_from_iter(values))?;
            Ok(())
        })
    }

    /// Renames a table and says where its files are from now on; false if the new name is taken. The files are moved
    /// afterwards; until then the store knows where from.
    pub fn rename_table(&self, table: &Table, to: &str, location: &str) -> Result<bool> {
        self.write(|transaction| {
            let renamed = transaction.execute(
                "UPDATE OR IGNORE tables SET name = ?3, location = ?4 WHERE database = ?1 AND name = ?2",
                params![table.database, table.name, to, location],
            )?;
            if renamed > 0 && location != table.location {
                let values = params![location, leftover::moved_from(&table.location)];
                transaction.execute("INSERT OR REPLACE INTO leftovers VALUES (?1, ?2)", values)?;
            }
            Ok(renamed > 0)
        })
    }

    /// Removes a table or view; the folder of a managed one becomes a leftover.
    pub fn drop_table(&self, table: &Table) -> Result<()> {
        let owner = leftover::owner();
        self.write(|transaction| {
            if table.kind == Kind::Managed {
                let values = params![table.location, owner];
                transaction.execute("INSERT OR REPLACE INTO leftovers VALUES (?1, ?2)", values)?;
            }
            transaction
                .execute("DELETE FROM tables WHERE database = ?1 AND name = ?2", params![table.database, table.name])?;
            Ok(())
        })
    }

    // Partitions.

    /// The partitions of a table by their folders' names.
    pub fn partitions(&self, table: &Table) -> Result<Arc<Vec<Partition>>> {
        let key = (table.database.clone(), table.name.clone());
        self.read(|state, _| {
            if let Some(known) = state.partitions.get(&key) {
                return Ok(Arc::clone(known));
            }
            let found: Vec<Partition> = {
                let mut query = connection(state).prepare_cached(
                    "SELECT spec, location, created_ms, statistics FROM partitions
                     WHERE database = ?1 AND name = ?2 ORDER BY spec",
                )?;
                query.query_map(params![table.database, table.name], partition_of)?.collect::<Result<_, _>>()?
            };
            let found = Arc::new(found);
            state.partitions.insert(key, Arc::clone(&found));
            Ok(found)
        })
    }

    /// Adds partitions that are not there yet.
    pub fn add_partitions(&self, table: &Table, specs: &[String]) -> Result<()> {
        if specs.is_empty() {
            return Ok(());
        }
        self.write(|transaction| insert_partitions(transaction, table, specs))
    }

    /// Puts partitions with what is known of them.
    pub fn put_partitions(&self, table: &Table, partitions: &[Partition]) -> Result<()> {
        self.write(|transaction| {
            for partition in partitions {
                let statistics = partition.statistics.as_ref().map(statistics_text);
                transaction.execute(
                    "INSERT OR REPLACE INTO partitions VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        table.database,
                        table.name,
                        partition.spec,
                        partition.location,
                        partition.created_ms,
                        statistics
                    ],
                )?;
            }
            Ok(())
        })
    }

    pub fn drop_partitions(&self, table: &Table, specs: &[String]) -> Result<()> {
        self.write(|transaction| {
            for spec in specs {
                transaction.execute(
                    "DELETE FROM partitions WHERE database = ?1 AND name = ?2 AND spec = ?3",
                    params![table.database, table.name, spec],
                )?;
            }
            Ok(())
        })
    }

    // Functions of Java classes.

    /// The class of a function.
    pub fn function(&self, database: &str, name: &str) -> Result<Option<String>> {
        self.read(|state, _| {
            let own = connection(state);
            let mut query = own.prepare_cached("SELECT class FROM functions WHERE database = ?1 AND name = ?2")?;
            query.query_row(params![database, name], |row| row.get(0)).optional()
        })
    }

    /// Names and classes of a database's functions.
    pub fn functions(&self, database: &str) -> Result<Vec<(String, String)>> {
        self.read(|state, _| {
            let own = connection(state);
            let mut query =
                own.prepare_cached("SELECT name, class FROM functions WHERE database = ?1 ORDER BY name")?;
            query.query_map([database], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Puts a function; false if there is one and it may not be replaced.
    pub fn put_function(&self, database: &str, name: &str, class: &str, replace: bool) -> Result<bool> {
        let verb = if replace { "INSERT OR REPLACE" } else { "INSERT OR IGNORE" };
        self.write(|transaction| {
            let statement = format!("{verb} INTO functions VALUES (?1, ?2, ?3)");
            Ok(transaction.execute(&statement, params![database, name, class])? > 0)
        })
    }

    /// Whether there was one.
    pub fn drop_function(&self, database: &str, name: &str) -> Result<bool> {
        self.write(|transaction| {
            let statement = "DELETE FROM functions WHERE database = ?1 AND name = ?2";
            Ok(transaction.execute(statement, params![database, name])? > 0)
        })
    }

    // Folders that no table owns.

    /// Says that a folder is being filled or deleted by this process.
    pub fn mark_leftover(&self, location: &str) -> Result<()> {
        let owner = leftover::owner();
        self.write(|transaction| {
            transaction.execute("INSERT OR REPLACE INTO leftovers VALUES (?1, ?2)", params![location, owner])?;
            Ok(())
        })
    }

    /// The process that left a folder behind.
    pub fn leftover(&self, location: &str) -> Result<Option<String>> {
        self.read(|state, _| {
            let mut query = connection(state).prepare_cached("SELECT owner FROM leftovers WHERE location = ?1")?;
            query.query_row([location], |row| row.get(0)).optional()
        })
    }

    pub fn unmark_leftover(&self, location: &str) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM leftovers WHERE location = ?1", [location])?;
            Ok(())
        })
    }
}

fn connection(state: &State) -> &Connection {
    state.connection.as_ref().or(state.blank.as_ref()).expect("opened when it was locked")
}

fn database_of(row: &Row<'_>) -> rusqlite::Result<Database> {
    Ok(Database {
        name: row.get(0)?,
        comment: row.get(1)?,
        location: row.get(2)?,
        properties: map_of(&row.get::<_, String>(3)?),
    })
}

fn table_values(table: &Table) -> Vec<rusqlite::types::Value> {
    use rusqlite::types::Value as Sql;
    let text = |text: &str| Sql::Text(text.to_string());
    let maybe = |text: Option<String>| text.map_or(Sql::Null, Sql::Text);
    vec![
        text(&table.database),
        text(&table.name),
        text(table.kind.word()),
        text(&table.format),
        Sql::Text(json::to_json(&DataType::Struct(table.columns.clone())).to_string()),
        Sql::Text(json!(table.partition_columns).to_string()),
        maybe(table.bucketing.as_ref().map(bucketing_text)),
        text(&table.location),
        Sql::Text(map_text(&table.options)),
        Sql::Text(map_text(&table.properties)),
        maybe(table.comment.clone()),
        Sql::Integer(table.created_ms),
        maybe(table.view.as_ref().map(view_text)),
        maybe(table.statistics.as_ref().map(statistics_text)),
        maybe(table.storage.as_ref().map(storage_text)),
    ]
}

fn insert_table(transaction: &Transaction<'_>, table: &Table, verb: &str) -> rusqlite::Result<usize> {
    let statement =
        format!("{verb} INTO tables VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
    transaction.execute(&statement, rusqlite::params_from_iter(table_values(table)))
}

fn insert_partitions(transaction: &Transaction<'_>, table: &Table, specs: &[String]) -> rusqlite::Result<()> {
    let now = chrono::Utc::now().timestamp_millis();
    let mut insert =
        transaction.prepare_cached("INSERT OR IGNORE INTO partitions VALUES (?1, ?2, ?3, NULL, ?4, NULL)")?;
    for spec in specs {
        insert.execute(params![table.database, table.name, spec, now])?;
    }
    Ok(())
}

fn table_of(row: &Row<'_>) -> rusqlite::Result<Table> {
    let text = |at: usize| row.get::<_, String>(at);
    let maybe = |at: usize| row.get::<_, Option<String>>(at);
    Ok(Table {
        database: text(0)?,
        name: text(1)?,
        kind: Kind::of(&text(2)?),
        format: text(3)?,
        columns: columns_of(&text(4)?),
        partition_columns: list_of(&parsed(&text(5)?)),
        bucketing: maybe(6)?.map(|text| bucketing_of(&parsed(&text))),
        location: text(7)?,
        options: map_of(&text(8)?),
        properties: map_of(&text(9)?),
        comment: maybe(10)?,
        created_ms: row.get(11)?,
        view: maybe(12)?.map(|text| view_of(&parsed(&text))),
        statistics: maybe(13)?.map(|text| statistics_of(&parsed(&text))),
        storage: maybe(14)?.map(|text| storage_of(&parsed(&text))),
    })
}

fn partition_of(row: &Row<'_>) -> rusqlite::Result<Partition> {
    let statistics: Option<String> = row.get(3)?;
    Ok(Partition {
        spec: row.get(0)?,
        location: row.get(1)?,
        created_ms: row.get(2)?,
        statistics: statistics.map(|text| statistics_of(&parsed(&text))),
    })
}

// Values inside of a column are JSON. What cannot be read was not written by us; it reads as nothing.

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn columns_of(text: &str) -> Fields {
    match json::parse(text) {
        Ok(DataType::Struct(fields)) => fields,
        _ => Fields::empty(),
    }
}

fn map_text(map: &BTreeMap<String, String>) -> String {
    json!(map).to_string()
}

fn map_of(text: &str) -> BTreeMap<String, String> {
    strings_of(&parsed(text))
}

fn strings_of(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_string()))).collect()
}

fn list_of(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_string)).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn bucketing_text(own: &Bucketing) -> String {
    json!({"columns": own.columns, "sortColumns": own.sort_columns, "buckets": own.buckets}).to_string()
}

fn bucketing_of(value: &Value) -> Bucketing {
    Bucketing {
        columns: list_of(&value["columns"]),
        sort_columns: list_of(&value["sortColumns"]),
        buckets: value["buckets"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
    }
}

fn view_text(own: &ViewText) -> String {
    json!({
        "text": own.text, "database": own.database, "queryColumns": own.query_columns, "conf": own.conf,
        "schemaMode": own.schema_mode
    })
    .to_string()
}

fn view_of(value: &Value) -> ViewText {
    ViewText {
        text: text_of(&value["text"]),
        database: text_of(&value["database"]),
        query_columns: list_of(&value["queryColumns"]),
        conf: strings_of(&value["conf"]),
        schema_mode: value["schemaMode"].as_str().unwrap_or("COMPENSATION").to_string(),
    }
}

fn storage_text(own: &Storage) -> String {
    json!({"serde": own.serde, "inputFormat": own.input_format, "outputFormat": own.output_format}).to_string()
}

fn storage_of(value: &Value) -> Storage {
    Storage {
        serde: text_of(&value["serde"]),
        input_format: text_of(&value["inputFormat"]),
        output_format: text_of(&value["outputFormat"]),
    }
}

fn statistics_text(own: &Statistics) -> String {
    json!({"sizeBytes": own.size_bytes, "rows": own.rows, "columns": own.columns}).to_string()
}

fn statistics_of(value: &Value) -> Statistics {
    let columns = value["columns"].as_object().into_iter().flatten();
    Statistics {
        size_bytes: value["sizeBytes"].as_u64().unwrap_or_default(),
        rows: value["rows"].as_u64(),
        columns: columns.map(|(name, facts)| (name.clone(), strings_of(facts))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_version_is_read_and_written() -> Result<()> {
        let folder = firesteel_protocol::temporary::Folder::new("store")
            .map_err(|error| SparkError::internal(error.to_string()))?;
        let path = folder.path().join("metastore.sqlite");
        let table = Table {
            database: "default".into(),
            name: "old".into(),
            kind: Kind::Managed,
            format: "parquet".into(),
            columns: Fields::empty(),
            partition_columns: vec![],
            bucketing: None,
            location: "/x".into(),
            options: BTreeMap::new(),
            properties: BTreeMap::new(),
            comment: None,
            created_ms: 0,
            view: None,
            statistics: None,
            storage: None,
        };
        let first = Store::in_file(path.clone(), "/w".into());
        first.create_table(&table, &[])?;
        drop(first);
        let old = Connection::open(&path).and_then(|own| {
            own.execute_batch("ALTER TABLE tables DROP COLUMN storage")?;
            own.pragma_update(None, "user_version", 1)
        });
        assert!(old.is_ok(), "{old:?}");
        let again = Store::in_file(path, "/w".into());
        let found = again.table("default", "old")?;
        assert_eq!(found.map(|found| (found.location.clone(), found.storage.clone())), Some(("/x".into(), None)));
        let storage = Storage { serde: "s".into(), input_format: "i".into(), output_format: "o".into() };
        again.create_table(&Table { name: "new".into(), storage: Some(storage.clone()), ..table }, &[])?;
        let found = again.table("default", "new")?;
        assert_eq!(found.and_then(|found| found.storage.clone()), Some(storage));
        Ok(())
    }
}
