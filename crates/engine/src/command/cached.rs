//! CACHE TABLE, UNCACHE TABLE, REFRESH.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::{Found, Search, View, quote_parts, resolve};

/// Disk, memory, off heap, deserialized, copies.
type Level = (bool, bool, bool, bool, i32);

/// Spark's names of storage levels.
const LEVELS: [(&str, Level); 13] = [
    ("NONE", (false, false, false, false, 1)),
    ("DISK_ONLY", (true, false, false, false, 1)),
    ("DISK_ONLY_2", (true, false, false, false, 2)),
    ("DISK_ONLY_3", (true, false, false, false, 3)),
    ("MEMORY_ONLY", (false, true, false, true, 1)),
    ("MEMORY_ONLY_2", (false, true, false, true, 2)),
    ("MEMORY_ONLY_SER", (false, true, false, false, 1)),
    ("MEMORY_ONLY_SER_2", (false, true, false, false, 2)),
    ("MEMORY_AND_DISK", (true, true, false, true, 1)),
    ("MEMORY_AND_DISK_2", (true, true, false, true, 2)),
    ("MEMORY_AND_DISK_SER", (true, true, false, false, 1)),
    ("MEMORY_AND_DISK_SER_2", (true, true, false, false, 2)),
    ("OFF_HEAP", (true, true, true, false, 1)),
];

fn level(options: &[(String, String)]) -> Result<pb::StorageLevel> {
    let given = options.iter().find(|(key, _)| key.eq_ignore_ascii_case("storageLevel"));
    let Some((_, wanted)) = given else { return Ok(crate::cache::default_level()) };
    let upper = wanted.to_uppercase();
    let found = LEVELS.iter().find(|(name, _)| *name == upper);
    let (_, (use_disk, use_memory, use_off_heap, deserialized, replication)) = *found.ok_or_else(|| {
        SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!("Invalid StorageLevel: {upper}"))
    })?;
    Ok(pb::StorageLevel { use_disk, use_memory, use_off_heap, deserialized, replication })
}

/// `CACHE [LAZY] TABLE t [OPTIONS (..)] [AS query]`.
pub async fn cache(
    session: &Session,
    table: &[String],
    lazy: bool,
    options: &[(String, String)],
    query: Option<pb::Relation>,
) -> Result<()> {
    let level = level(options)?;
    if let Some(query) = query {
        let columns = session.fields(query.clone()).await?;
        let query = super::view::inlined(session, query);
        let view = View::new(query, columns);
        session.create_temp_view(table.last().map_or("", String::as_str), view, false, false)?;
    }
    let relation = resolve::named(&quote_parts(table));
    session.fields(relation.clone()).await?;
    session.cache.persist(&session.canonical(&relation), level);
    if !lazy {
        session.plan(relation).await?;
    }
    Ok(())
}

/// UNCACHE TABLE.
pub fn uncache(session: &Session, table: &[String], if_exists: bool) -> Result<()> {
    if !if_exists {
        session.find(table, Search::Everywhere)?;
    }
    session.cache.unpersist(&session.canonical(&resolve::named(&quote_parts(table))));
    Ok(())
}

/// REFRESH TABLE: files are listed anew by every query; kept rows are made anew.
pub fn refresh(session: &Session, parts: &[String]) -> Result<()> {
    match session.find(parts, Search::Session)?.1 {
        Found::Table(table) => super::drop::forget(session, &table),
        Found::Temp(_) => session.forget_named(&[quote_parts(parts)]),
    }
    Ok(())
}

/// REFRESH 'path'.
pub fn refresh_path(session: &Session, path: &str) -> Result<()> {
    session.forget_rows(&session.absolute(path)?);
    Ok(())
}
