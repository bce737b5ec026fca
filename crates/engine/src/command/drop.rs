//! DROP TABLE, DROP VIEW.

use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::table::{Kind, Table};
use crate::catalog::{Found, Place, Search, remove_folder};

/// DROP TABLE: a view of that name goes too.
pub fn table(session: &Session, parts: &[String], if_exists: bool) -> Result<()> {
    let place = session.place(parts)?;
    match session.at(&place)? {
        Some(Found::Temp(_)) => {
            temp_view(session, &place);
            Ok(())
        }
        Some(Found::Table(table)) => permanent(session, &table),
        None if if_exists => Ok(()),
        None => Err(session.not_found(parts, Search::Catalog)),
    }
}

/// DROP VIEW: a table is refused.
pub fn view(session: &Session, parts: &[String], if_exists: bool) -> Result<()> {
    let place = session.place(parts)?;
    match session.at(&place)? {
        Some(Found::Temp(_)) => {
            temp_view(session, &place);
            Ok(())
        }
        Some(Found::Table(view)) if view.is_view() => permanent(session, &view),
        Some(Found::Table(table)) => Err(SparkError::new("WRONG_COMMAND_FOR_OBJECT_TYPE")
            .with("operation", "DROP VIEW")
            .with("requiredType", "VIEW or METRIC_VIEW")
            .with("objectName", format!("spark_catalog.{}.{}", table.database, table.name))
            .with("foundType", table.kind.word())
            .with("alternative", "DROP TABLE")),
        None if if_exists => Ok(()),
        None => Err(session.not_found(parts, Search::Catalog)),
    }
}

/// Removes the temporary view at a place; whether there was one.
pub fn temp_view(session: &Session, place: &Place) -> bool {
    let (name, global) = match place {
        Place::Temp(name) => (name, false),
        Place::Global(name) => (name, true),
        Place::Table(..) => return false,
    };
    let gone = session.drop_temp_view(name, global).is_some();
    if gone {
        let shown = if global { format!("{}.{name}", crate::catalog::GLOBAL_TEMP) } else { name.clone() };
        session.forget_named(&[shown]);
    }
    gone
}

/// Removes a table or permanent view and, when they are the catalog's, its files.
pub fn permanent(session: &Session, table: &Table) -> Result<()> {
    let store = session.store()?;
    store.drop_table(table)?;
    forget(session, table);
    if table.kind == Kind::Managed {
        remove_folder(&table.location)?;
        store.unmark_leftover(&table.location)?;
    }
    Ok(())
}

/// Forgets rows that were kept of a table.
pub fn forget(session: &Session, table: &Table) {
    session.forget_named(&[table.name.clone(), format!("{}.{}", table.database, table.name)]);
    if !table.location.is_empty() {
        session.forget_rows(&table.location);
    }
}
