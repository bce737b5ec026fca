//! The catalog of a session: databases, tables, permanent and temporary views, `spark.catalog.*`.
//!
//! [`table`] is what is kept, [`store`] where, [`leftover`] what a killed process leaves of it; [`temp_view`] the names
//! that end with the session; [`dependents`] forgets kept rows that are stale; [`resolve`] is the catalog as plans see it, [`call`] as `spark.catalog` does. [`rows`] and
//! [`pattern`] are for answers, `walk` for messages. Statements that change the catalog are in [`crate::command`].

pub mod call;
mod dependents;
pub mod hive;
pub mod leftover;
pub(crate) mod pattern;
pub mod resolve;
pub(crate) mod rows;
pub mod store;
pub mod table;
pub mod temp_view;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

pub(crate) use pattern::matches;
pub use resolve::SessionCatalog;
pub use store::{Database, Store};
pub use table::Table;
pub use temp_view::{GlobalViews, TempViews, View, Written};
pub use walk::walk;
pub(crate) use walk::{strip_plan_ids, visit_reads};

use crate::Session;

/// The one catalog.
pub const CATALOG: &str = "spark_catalog";
/// The database that is always there.
pub const DEFAULT_DATABASE: &str = "default";
/// The database of global temporary views.
pub const GLOBAL_TEMP: &str = "global_temp";

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A temporary view's name.
    Temp(String),
    /// A global temporary view's name.
    Global(String),
    /// Database and table, in lower case.
    Table(String, String),
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Found {
    Temp(View),
    Table(Arc<Table>),
}

/// Where Spark says that it searched in vain; each kind of statement has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// Queries, INSERT, DESCRIBE, CACHE.
    Everywhere,
    /// ALTER, SHOW, ANALYZE and the like.
    Session,
    /// DROP.
    Catalog,
}

impl Session {
    /// The tables and databases of this session; `hive` ones outlive the process.
    pub(crate) fn store(&self) -> Result<Arc<Store>> {
        if let Some(store) = self.store.get() {
            return Ok(Arc::clone(store));
        }
        self.conf().start();
        let store = match self.conf().lookup("spark.sql.catalogImplementation").as_deref() {
            Some("hive") => {
                let path = self.metastore()?;
                self.engine.store(Some(path), self.warehouse())
            }
            _ => self.engine.store(None, self.warehouse()),
        };
        Ok(Arc::clone(self.store.get_or_init(|| store)))
    }

    /// The metastore's file: beside the warehouse, so that all who share the one share the other.
    fn metastore(&self) -> Result<PathBuf> {
        let conf = |key: &str| {
            self.conf()
                .lookup(&format!("spark.hadoop.{key}"))
                .or_else(|| self.conf().lookup(key))
                .filter(|v| !v.is_empty())
        };
        if let Some(uri) = conf("hive.metastore.uris") {
            return Err(SparkError::unsupported(
                format!("the Hive metastore at {uri}"),
                "Leave hive.metastore.uris out: tables are then kept beside spark.sql.warehouse.dir.",
            ));
        }
        let mut path = match conf("javax.jdo.option.ConnectionURL") {
            Some(url) => {
                // Users move Spark's embedded metastore by the URL of its database; ours lies beside that.
                let folder = url.strip_prefix("jdbc:derby:").and_then(|rest| {
                    let named = rest.split(';').find_map(|part| part.strip_prefix("databaseName="));
                    named.or_else(|| rest.split(';').next()).filter(|folder| !folder.is_empty())
                });
                let Some(folder) = folder.filter(|folder| !folder.starts_with("memory:")) else {
                    return Err(SparkError::unsupported(
                        format!("the metastore database {url}"),
                        "Leave javax.jdo.option.ConnectionURL out: tables are then kept beside spark.sql.warehouse.dir.",
                    ));
                };
                self.engine.conf().working_dir.join(folder).into_os_string()
            }
            None => self.warehouse().into_os_string(),
        };
        path.push(".metastore.sqlite");
        Ok(PathBuf::from(path))
    }

    /// `spark.sql.warehouse.dir`, absolute.
    pub(crate) fn warehouse(&self) -> PathBuf {
        let dir = self.conf().lookup("spark.sql.warehouse.dir").unwrap_or_else(|| "spark-warehouse".into());
        PathBuf::from(self.absolute(&dir).unwrap_or(dir))
    }

    /// A user's path as an absolute local one.
    pub(crate) fn absolute(&self, path: &str) -> Result<String> {
        let path = firesteel_sources::listing::absolute(path, &self.engine.conf().working_dir)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Resolves a name of one to three parts.
    pub(crate) fn place(&self, parts: &[String]) -> Result<Place> {
        if let [view] = parts {
            if self.temp_view(view, false).is_some() {
                return Ok(Place::Temp(view.to_lowercase()));
            }
        }
        self.permanent_place(parts, &self.views.current_database())
    }

    /// As [`Session::place`], past temporary views of one part.
    pub(crate) fn permanent_place(&self, parts: &[String], current: &str) -> Result<Place> {
        let lower = |text: &String| text.to_lowercase();
        match parts {
            [table] => Ok(Place::Table(current.to_string(), lower(table))),
            [database, table] if database.eq_ignore_ascii_case(GLOBAL_TEMP) => Ok(Place::Global(lower(table))),
            [database, table] => Ok(Place::Table(lower(database), lower(table))),
            [catalog, database, table] if catalog.eq_ignore_ascii_case(CATALOG) => {
                Ok(Place::Table(lower(database), lower(table)))
            }
            [] => Err(SparkError::internal("an empty table name")),
            _ => Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
                .with("sessionCatalog", CATALOG)
                .with("identifier", quote_parts(parts))),
        }
    }

    /// What is at a place.
    pub(crate) fn at(&self, place: &Place) -> Result<Option<Found>> {
        Ok(match place {
            Place::Temp(view) => self.temp_view(view, false).map(Found::Temp),
            Place::Global(view) => self.temp_view(view, true).map(Found::Temp),
            Place::Table(database, table) => self.store()?.table(database, table)?.map(Found::Table),
        })
    }

    /// What a name stands for.
    pub(crate) fn find(&self, parts: &[String], search: Search) -> Result<(Place, Found)> {
        let place = self.place(parts)?;
        match self.at(&place)? {
            Some(found) => Ok((place, found)),
            None => Err(self.not_found(parts, search)),
        }
    }

    /// The table that a statement is about; a view is refused in the statement's words.
    pub(crate) fn find_table(&self, parts: &[String], search: Search, operation: &str) -> Result<Arc<Table>> {
        let shown = match self.find(parts, search)?.1 {
            Found::Table(table) if !table.is_view() => return Ok(table),
            Found::Table(view) => view.quoted(),
            Found::Temp(_) => quote_parts(parts),
        };
        Err(expect_table(operation, &shown))
    }

    /// `TABLE_OR_VIEW_NOT_FOUND` in the words of a kind of statement.
    pub(crate) fn not_found(&self, parts: &[String], search: Search) -> SparkError {
        let current = format!("`{CATALOG}`.{}", name::quote(&self.views.current_database()));
        let (relation, path) = match search {
            Search::Everywhere => (quote_parts(parts), format!("[`system`.`builtin`, `system`.`session`, {current}]")),
            Search::Session => (quote_parts(parts), format!("[`system`.`session`, {current}]")),
            Search::Catalog => {
                let current = self.views.current_database();
                let (database, table) = match parts {
                    [table] => (&current, table),
                    [.., database, table] => (database, table),
                    [] => (&current, &current),
                };
                (table::quoted(database, table), format!("[`{CATALOG}`.{}]", name::quote(database)))
            }
        };
        SparkError::new("TABLE_OR_VIEW_NOT_FOUND").with("relationName", relation).with("searchPath", path)
    }

    /// The database of that name, which must be there.
    pub(crate) fn database(&self, name: &str) -> Result<Database> {
        self.store()?.database(&name.to_lowercase())?.ok_or_else(|| schema_not_found(&[name.to_string()]))
    }

    /// A database given in one or two parts.
    pub(crate) fn database_of(&self, parts: &[String]) -> Result<Database> {
        match parts {
            [name] => self.database(name),
            [catalog, name] if catalog.eq_ignore_ascii_case(CATALOG) => self.database(name),
            _ => Err(schema_not_found(parts)),
        }
    }

    /// The folder of a managed table.
    pub(crate) fn table_folder(&self, database: &Database, table: &str) -> String {
        Path::new(&database.location).join(table).to_string_lossy().into_owned()
    }
}

/// `` `a`.`b` ``.
/// Tables and databases are named by letters, digits and underscores.
pub(crate) fn check_name(own: &str) -> Result<()> {
    if !own.is_empty() && own.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let parts: Vec<String> = own.split('.').map(str::to_string).collect();
    Err(SparkError::new("INVALID_SCHEMA_OR_RELATION_NAME").with("name", quote_parts(&parts)))
}

pub(crate) fn quote_parts(parts: &[String]) -> String {
    parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".")
}

/// `a.b`, quoted only where it must be.
pub(crate) fn unquoted(parts: &[String]) -> String {
    parts.iter().map(|part| name::quote_if_needed(part)).collect::<Vec<_>>().join(".")
}

/// `SCHEMA_NOT_FOUND`.
pub(crate) fn schema_not_found(parts: &[String]) -> SparkError {
    let named = parts.first().is_some_and(|first| parts.len() > 1 && first.eq_ignore_ascii_case(CATALOG));
    let parts = quote_parts(if named { &parts[1..] } else { parts });
    SparkError::new("SCHEMA_NOT_FOUND").with("schemaName", format!("`{CATALOG}`.{parts}"))
}

/// `EXPECT_TABLE_NOT_VIEW`.
pub(crate) fn expect_table(operation: &str, view: &str) -> SparkError {
    // ALTER VIEW can do these.
    let condition = if operation == "ALTER TABLE" || operation.ends_with("SET TBLPROPERTIES") {
        "EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW"
    } else {
        "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE"
    };
    SparkError::new(condition).with("viewName", view).with("operation", operation)
}

/// `TABLE_OR_VIEW_ALREADY_EXISTS` of a name as the user wrote its last part.
pub(crate) fn already_exists(quoted: String) -> SparkError {
    SparkError::new("TABLE_OR_VIEW_ALREADY_EXISTS").with("relationName", quoted)
}

/// Deletes a folder, if it is there.
pub(crate) fn remove_folder(location: &str) -> Result<()> {
    match std::fs::remove_dir_all(location) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(folder_error("delete", location, error)),
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(location: &str) -> Result<()> {
    std::fs::create_dir_all(location).map_err(|error| folder_error("make", location, error))
}

/// A folder that the file system refuses to change.
pub(crate) fn folder_error(what: &str, location: &str, error: std::io::Error) -> SparkError {
    SparkError::new("_LEGACY_CATALOG_FOLDER")
        .with_message(format!("cannot {what} the folder {location}: {error}"))
        .with_source(error)
}

/// A location as Hadoop prints it.
pub(crate) fn uri(location: &str) -> String {
    format!("file:{location}")
}
