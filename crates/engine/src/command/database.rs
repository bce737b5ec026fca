//! CREATE, DROP, ALTER, DESCRIBE DATABASE; USE.

use std::collections::BTreeMap;

use firesteel_protocol::types::{collation, name};
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::rows::{self, Rows, cells, maybe, text};
use crate::catalog::table::Kind;
use crate::catalog::{self, CATALOG, DEFAULT_DATABASE, Database, GLOBAL_TEMP, remove_folder};

/// The name of a database that need not be there.
fn new_name(parts: &[String]) -> Result<&String> {
    match parts {
        [name] => Ok(name),
        [own, name] if own.eq_ignore_ascii_case(CATALOG) => Ok(name),
        _ => Err(SparkError::new("REQUIRES_SINGLE_PART_NAMESPACE")
            .with("sessionCatalog", CATALOG)
            .with("identifier", catalog::quote_parts(parts))),
    }
}

/// CREATE DATABASE.
pub fn create(
    session: &Session,
    parts: &[String],
    comment: Option<String>,
    location: Option<String>,
    properties: Vec<(String, String)>,
    if_not_exists: bool,
) -> Result<()> {
    let name = new_name(parts)?;
    let lower = name.to_lowercase();
    crate::catalog::check_name(&lower)?;
    if lower == GLOBAL_TEMP {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1066").with("database", GLOBAL_TEMP));
    }
    let store = session.store()?;
    let exists = || SparkError::new("SCHEMA_ALREADY_EXISTS").with("schemaName", name::quote(name));
    if store.database(&lower)?.is_some() {
        return if if_not_exists { Ok(()) } else { Err(exists()) };
    }
    let location = match location {
        Some(path) => session.absolute(&path)?,
        None => session.warehouse().join(format!("{lower}.db")).to_string_lossy().into_owned(),
    };
    catalog::make_folder(&location)?;
    let database = Database {
        name: lower,
        comment: comment.unwrap_or_default(),
        location,
        properties: properties.into_iter().collect(),
    };
    if !store.create_database(&database)? && !if_not_exists {
        return Err(exists());
    }
    Ok(())
}

/// DROP DATABASE.
pub fn drop(session: &Session, parts: &[String], if_exists: bool, cascade: bool) -> Result<()> {
    let name = new_name(parts)?;
    let lower = name.to_lowercase();
    if lower == DEFAULT_DATABASE {
        let database = format!("`{CATALOG}`.{}", name::quote(name));
        return Err(SparkError::new("UNSUPPORTED_FEATURE.DROP_DATABASE").with("database", database));
    }
    let store = session.store()?;
    let Some(database) = store.database(&lower)? else {
        return if if_exists { Ok(()) } else { Err(catalog::schema_not_found(parts)) };
    };
    let tables = store.tables(&lower)?;
    if !cascade && !tables.is_empty() {
        return Err(SparkError::new("SCHEMA_NOT_EMPTY").with("schemaName", name::quote(name)));
    }
    let mut folders: Vec<String> =
        tables.iter().filter(|table| table.kind == Kind::Managed).map(|table| table.location.clone()).collect();
    // The folder of the database goes too, if nothing of others is in it.
    let own = database.location;
    store.drop_database(&lower, &folders)?;
    for table in &tables {
        super::drop::forget(session, table);
    }
    for folder in folders.drain(..) {
        remove_folder(&folder)?;
        store.unmark_leftover(&folder)?;
    }
    // A folder that is not empty stays.
    let _ = std::fs::remove_dir(own);
    Ok(())
}

/// ALTER DATABASE .. SET DBPROPERTIES.
pub fn set_properties(session: &Session, parts: &[String], properties: Vec<(String, String)>) -> Result<()> {
    let mut database = session.database_of(parts)?;
    database.properties.extend(properties);
    session.store()?.update_database(&database)
}

/// ALTER DATABASE .. UNSET DBPROPERTIES.
pub fn unset_properties(session: &Session, parts: &[String], keys: &[String]) -> Result<()> {
    let mut database = session.database_of(parts)?;
    database.properties.retain(|key, _| !keys.contains(key));
    session.store()?.update_database(&database)
}

/// ALTER DATABASE .. SET LOCATION, which Spark's in-memory catalog takes for tables to come.
pub fn set_location(session: &Session, parts: &[String], location: &str) -> Result<()> {
    let mut database = session.database_of(parts)?;
    database.location = session.absolute(location)?;
    session.store()?.update_database(&database)
}

/// COMMENT ON DATABASE.
pub fn comment(session: &Session, parts: &[String], comment: Option<String>) -> Result<()> {
    let mut database = session.database_of(parts)?;
    database.comment = comment.unwrap_or_default();
    session.store()?.update_database(&database)
}

/// USE.
pub fn use_database(session: &Session, parts: &[String]) -> Result<()> {
    if let [only] = parts {
        if only.eq_ignore_ascii_case(CATALOG) && session.store()?.database(CATALOG)?.is_none() {
            session.views.set_current_database(DEFAULT_DATABASE);
            return Ok(());
        }
    }
    let database = session.database_of(parts)?;
    session.views.set_current_database(&database.name);
    Ok(())
}

/// DESCRIBE DATABASE.
pub fn describe(session: &Session, parts: &[String], extended: bool) -> Result<Rows> {
    let database = session.database_of(parts)?;
    let mut found = vec![
        cells!["Catalog Name", CATALOG],
        cells!["Namespace Name", &database.name],
        cells!["Comment", &database.comment],
    ];
    found.extend(database.collation().map(|own| cells!["Collation", own]));
    found.extend([cells!["Location", catalog::uri(&database.location)], cells!["Owner", session.user()]]);
    if extended {
        let mut properties = database.properties.clone();
        properties.remove(collation::DEFAULT_PROPERTY);
        found.push(cells!["Properties", properties_text(&properties)]);
    }
    rows::rows(&[text("info_name"), maybe("info_value")], found)
}

/// `((k,v), (k2,v2))`; nothing for none.
fn properties_text(properties: &BTreeMap<String, String>) -> String {
    if properties.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = properties.iter().map(|(key, value)| format!("({key},{value})")).collect();
    format!("({})", pairs.join(", "))
}
