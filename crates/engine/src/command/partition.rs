//! Partitions: their values, ADD, DROP, RENAME, SET LOCATION, MSCK REPAIR, SHOW PARTITIONS, TRUNCATE.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use firesteel_plan::sql::build;
use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::types::{name, proto};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::sink::partition_folder;

use crate::catalog::rows::{self, Rows};
use crate::catalog::table::{Kind, Partition, Table};
use crate::catalog::{Search, hive, make_folder, remove_folder};
use crate::{OperationHandle, Session};

/// A partition as PARTITION names it: columns in the table's order, each with its value as text. `None`: the query
/// decides; `Some(None)`: NULL.
pub type Values = Vec<(String, Option<Option<String>>)>;

/// The value that stands for NULL and the empty text in names of folders.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// Computes the values of a PARTITION clause, each cast to its column's type.
pub async fn values(session: &Session, table: &Table, spec: &PartitionSpec) -> Result<Values> {
    if spec.is_empty() {
        return Ok(vec![]);
    }
    let unknown: Vec<String> = spec
        .iter()
        .filter(|(column, _)| !table.is_partition_column(column))
        .map(|(column, _)| name::quote(column))
        .collect();
    if !unknown.is_empty() {
        return Err(SparkError::new("PARTITIONS_NOT_FOUND")
            .with("partitionList", unknown.join(", "))
            .with("tableName", table.quoted()));
    }
    let mut found: Values = vec![];
    let mut expressions = vec![];
    for column in &table.partition_columns {
        let mut given = spec.iter().filter(|(own, _)| own.eq_ignore_ascii_case(column));
        let Some((_, value)) = given.next() else { continue };
        if given.next().is_some() {
            return Err(SparkError::new("DUPLICATE_KEY").with("keyColumn", name::quote(column)));
        }
        let field = table.columns.iter().find(|field| field.name().eq_ignore_ascii_case(column));
        if let (Some(value), Some(field)) = (value, field) {
            let stored = super::column::stored(session, value.clone(), field);
            expressions.push(build::cast(stored, proto::encode(&DataType::Utf8), false));
        }
        found.push((column.clone(), value.as_ref().map(|_| None)));
    }
    if expressions.is_empty() {
        return Ok(found);
    }
    let project = pb::Project { input: None, expressions };
    let planned = session.plan(build::rel(RelType::Project(Box::new(project)))).await?;
    let (_, batches) = session.collect(planned, OperationHandle::default()).await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Err(SparkError::internal("the values of a partition gave no row"));
    };
    for (array, (_, value)) in batch.columns().iter().zip(found.iter_mut().filter(|(_, value)| value.is_some())) {
        let texts = array.as_string_opt::<i32>();
        *value = Some(texts.filter(|texts| !texts.is_null(0)).map(|texts| texts.value(0).to_string()));
    }
    Ok(found)
}

/// `a=1/b=x` of fixed values.
pub fn folder(table: &Table, values: &[(String, Option<Option<String>>)]) -> String {
    let part = |column: &String| {
        let (_, value) = values.iter().find(|(own, _)| own == column)?;
        Some(partition_folder(column, value.as_ref()?.as_deref()))
    };
    table.partition_columns.iter().filter_map(part).collect::<Vec<_>>().join("/")
}

/// Whether a partition has the fixed values.
pub fn fits(partition: &Partition, values: &[(String, Option<Option<String>>)]) -> bool {
    let own = partition.values();
    values.iter().all(|(column, value)| {
        let Some(value) = value else { return true };
        let wanted = partition_folder(column, value.as_deref());
        own.iter().any(|(name, raw)| {
            name.eq_ignore_ascii_case(column) && wanted.split_once('=').is_some_and(|(_, wanted)| wanted == raw)
        })
    })
}

/// ``PARTITION (`day` = 2024-01-01, `region` = eu)``.
fn shown(values: &[(String, Option<Option<String>>)]) -> String {
    let pair = |(column, value): &(String, Option<Option<String>>)| {
        let value = value.clone().flatten().unwrap_or_else(|| "null".into());
        format!("{} = {value}", name::quote(column))
    };
    format!("PARTITION ({})", values.iter().map(pair).collect::<Vec<_>>().join(", "))
}

fn not_there(table: &Table, values: &[(String, Option<Option<String>>)]) -> SparkError {
    SparkError::new("PARTITIONS_NOT_FOUND").with("partitionList", shown(values)).with("tableName", table.quoted_short())
}

fn already_there(table: &Table, values: &[(String, Option<Option<String>>)]) -> SparkError {
    SparkError::new("PARTITIONS_ALREADY_EXIST")
        .with("partitionList", shown(values))
        .with("tableName", table.quoted_short())
}

/// All partition columns must be named.
fn check_complete(table: &Table, values: &[(String, Option<Option<String>>)]) -> Result<()> {
    if values.len() == table.partition_columns.len() && values.iter().all(|(_, value)| value.is_some()) {
        return Ok(());
    }
    let keys: Vec<&str> = values.iter().map(|(column, _)| column.as_str()).collect();
    Err(SparkError::new("_LEGACY_ERROR_TEMP_1232")
        .with("specKeys", keys.join(", "))
        .with("partitionColumnNames", table.partition_columns.join(", "))
        .with("tableName", table.quoted()))
}

/// The table that a statement on partitions names.
fn target(session: &Session, parts: &[String], operation: &str) -> Result<Arc<Table>> {
    session.find_table(parts, Search::Session, operation)
}

/// A table without partitions refuses what changes them.
pub fn check_partitioned(table: &Table, action: &str) -> Result<()> {
    if !table.partition_columns.is_empty() {
        return Ok(());
    }
    Err(SparkError::new("_LEGACY_ERROR_TEMP_1251").with("action", action).with("tableName", table.name.clone()))
}

/// One partition by its full name.
pub async fn find(session: &Session, table: &Table, spec: &PartitionSpec) -> Result<Partition> {
    let values = values(session, table, spec).await?;
    check_complete(table, &values)?;
    let folder = folder(table, &values);
    let partitions = session.store()?.partitions(table)?;
    partitions.iter().find(|own| own.spec == folder).cloned().ok_or_else(|| not_there(table, &values))
}

/// `ALTER TABLE t ADD [IF NOT EXISTS] PARTITION (..) [LOCATION ..] ..`.
pub async fn add(
    session: &Session,
    parts: &[String],
    partitions: Vec<(PartitionSpec, Option<String>)>,
    if_not_exists: bool,
) -> Result<()> {
    let table = target(session, parts, "ALTER TABLE ... ADD PARTITION ...")?;
    check_partitioned(&table, "ALTER TABLE ADD PARTITION")?;
    let store = session.store()?;
    let known = store.partitions(&table)?;
    let mut new = vec![];
    for (spec, location) in partitions {
        let values = values(session, &table, &spec).await?;
        check_complete(&table, &values)?;
        if values.iter().any(|(_, value)| matches!(value, Some(Some(text)) if text.is_empty())) {
            let shown = |(column, value): &(String, Option<Option<String>>)| {
                format!("{column}={}", value.clone().flatten().unwrap_or_else(|| "null".into()))
            };
            let shown: Vec<String> = values.iter().map(shown).collect();
            let details = format!("The spec ([{}]) contains an empty partition column value", shown.join(", "));
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1076").with("details", details));
        }
        let spec = folder(&table, &values);
        if known.iter().any(|own| own.spec == spec) {
            if if_not_exists {
                continue;
            }
            return Err(already_there(&table, &values));
        }
        let location = location.map(|path| session.absolute(&path)).transpose()?;
        let partition =
            Partition { spec, location, created_ms: chrono::Utc::now().timestamp_millis(), statistics: None };
        make_folder(&partition.folder(&table.location))?;
        new.push(partition);
    }
    store.put_partitions(&table, &new)?;
    written(session, &table);
    Ok(())
}

/// `ALTER TABLE t DROP [IF EXISTS] PARTITION (..), ..`.
pub async fn drop(session: &Session, parts: &[String], partitions: Vec<PartitionSpec>, if_exists: bool) -> Result<()> {
    let table = target(session, parts, "ALTER TABLE ... DROP PARTITION ...")?;
    check_partitioned(&table, "ALTER TABLE DROP PARTITION")?;
    let store = session.store()?;
    let known = store.partitions(&table)?;
    let mut gone: Vec<Partition> = vec![];
    for spec in &partitions {
        let values = values(session, &table, spec).await?;
        let folder = folder(&table, &values);
        let complete = values.len() == table.partition_columns.len();
        if !complete && hive::enabled(session) {
            // Hive's catalog drops all that the values fit.
            let fitting: Vec<&Partition> = known.iter().filter(|own| fits(own, &values)).collect();
            if fitting.is_empty() && !if_exists {
                return Err(not_there(&table, &values));
            }
            gone.extend(fitting.into_iter().cloned());
            continue;
        }
        match known.iter().find(|own| complete && own.spec == folder) {
            Some(partition) => gone.push(partition.clone()),
            None if if_exists => {}
            None => return Err(not_there(&table, &values)),
        }
    }
    let specs: Vec<String> = gone.iter().map(|partition| partition.spec.clone()).collect();
    store.drop_partitions(&table, &specs)?;
    if table.kind == Kind::Managed {
        for partition in &gone {
            remove_folder(&partition.folder(&table.location))?;
            remove_empty_parents(&partition.folder(&table.location), &table.location);
        }
    }
    written(session, &table);
    Ok(())
}

/// `a=1` is of no use once `a=1/b=2` is gone.
fn remove_empty_parents(folder: &str, table: &str) {
    let mut current = Path::new(folder).parent();
    while let Some(parent) = current.filter(|parent| parent.starts_with(table) && *parent != Path::new(table)) {
        // A folder that is not empty stays.
        if std::fs::remove_dir(parent).is_err() {
            return;
        }
        current = parent.parent();
    }
}

/// `ALTER TABLE t PARTITION (..) RENAME TO PARTITION (..)`.
pub async fn rename(session: &Session, parts: &[String], from: &PartitionSpec, to: &PartitionSpec) -> Result<()> {
    let table = target(session, parts, "ALTER TABLE ... RENAME TO PARTITION")?;
    check_partitioned(&table, "ALTER TABLE RENAME PARTITION")?;
    let old = find(session, &table, from).await?;
    let values = values(session, &table, to).await?;
    check_complete(&table, &values)?;
    let store = session.store()?;
    let spec = folder(&table, &values);
    if store.partitions(&table)?.iter().any(|own| own.spec == spec) {
        return Err(already_there(&table, &values));
    }
    let new = Partition { spec, ..old.clone() };
    // The new name comes first: at no moment are the files in no partition.
    if old.location.is_none() && table.kind == Kind::Managed {
        let (source, target) = (old.folder(&table.location), new.folder(&table.location));
        store.put_partitions(&table, std::slice::from_ref(&new))?;
        move_folder(&source, &target)?;
        remove_empty_parents(&source, &table.location);
    } else {
        let location = Some(old.folder(&table.location));
        store.put_partitions(&table, &[Partition { location, ..new }])?;
    }
    store.drop_partitions(&table, &[old.spec])?;
    written(session, &table);
    Ok(())
}

/// Moves a folder, if it is there.
pub fn move_folder(from: &str, to: &str) -> Result<()> {
    if !Path::new(from).exists() {
        return Ok(());
    }
    if let Some(parent) = Path::new(to).parent() {
        make_folder(&parent.to_string_lossy())?;
    }
    std::fs::rename(from, to).map_err(|error| crate::catalog::folder_error("move", from, error))
}

/// `ALTER TABLE t PARTITION (..) SET LOCATION path`.
pub async fn set_location(session: &Session, parts: &[String], spec: &PartitionSpec, location: &str) -> Result<()> {
    let table = target(session, parts, "ALTER TABLE ... SET LOCATION ...")?;
    check_partitioned(&table, "ALTER TABLE PARTITION SET LOCATION")?;
    let own = find(session, &table, spec).await?;
    let location = Some(session.absolute(location)?);
    session.store()?.put_partitions(&table, &[Partition { location, statistics: None, ..own }])?;
    written(session, &table);
    Ok(())
}

/// MSCK REPAIR TABLE, ALTER TABLE RECOVER PARTITIONS: what the folders say.
pub fn repair(session: &Session, parts: &[String], operation: &str, add: bool, drop: bool) -> Result<()> {
    let table = target(session, parts, operation)?;
    if table.partition_columns.is_empty() {
        return Err(SparkError::new("NOT_A_PARTITIONED_TABLE")
            .with("operation", operation)
            .with("tableIdentWithDB", table.quoted()));
    }
    recover(session, &table, add, drop)?;
    written(session, &table);
    Ok(())
}

/// Tells the catalog of partitions that are there and not, as asked.
pub fn recover(session: &Session, table: &Table, add: bool, drop: bool) -> Result<()> {
    let store = session.store()?;
    let mut found = vec![];
    discover(Path::new(&table.location), &table.partition_columns, &mut vec![], &mut found);
    let known = store.partitions(table)?;
    if drop {
        let gone: Vec<String> = known
            .iter()
            .filter(|own| !Path::new(&own.folder(&table.location)).exists())
            .map(|own| own.spec.clone())
            .collect();
        store.drop_partitions(table, &gone)?;
    }
    if add {
        store.add_partitions(table, &found)?;
    }
    Ok(())
}

/// Folders named after the partition columns, level by level.
fn discover(folder: &Path, columns: &[String], above: &mut Vec<String>, found: &mut Vec<String>) {
    let Some((column, rest)) = columns.split_first() else {
        found.push(above.join("/"));
        return;
    };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((own, value)) = name.split_once('=') else { continue };
        if !own.eq_ignore_ascii_case(column) || value.is_empty() || !entry.path().is_dir() {
            continue;
        }
        above.push(name.clone());
        discover(&entry.path(), rest, above, found);
        above.pop();
    }
}

/// SHOW PARTITIONS.
pub async fn show(session: &Session, parts: &[String], spec: Option<&PartitionSpec>) -> Result<Rows> {
    let table = target(session, parts, "SHOW PARTITIONS")?;
    if table.partition_columns.is_empty() {
        return Err(
            SparkError::new("INVALID_PARTITION_OPERATION.PARTITION_SCHEMA_IS_EMPTY").with("name", table.quoted())
        );
    }
    let wanted = match spec {
        Some(spec) => values(session, &table, spec).await?,
        None => vec![],
    };
    let partitions = session.store()?.partitions(&table)?;
    rows::names("partition", partitions.iter().filter(|own| fits(own, &wanted)).map(|own| own.spec.clone()))
}

/// TRUNCATE TABLE t [PARTITION (..)].
pub async fn truncate(session: &Session, parts: &[String], spec: &PartitionSpec) -> Result<()> {
    let table = session.find_table(parts, Search::Session, "TRUNCATE TABLE")?;
    if table.kind == Kind::External {
        return Err(SparkError::new("CANNOT_TRUNCATE_EXTERNAL_TABLE").with("tableName", table.quoted()));
    }
    if table.partition_columns.is_empty() && !spec.is_empty() {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1267").with("tableIdentWithDB", table.quoted()));
    }
    let wanted = values(session, &table, spec).await?;
    if table.partition_columns.is_empty() {
        empty_folder(&table.location)?;
    } else {
        let partitions = session.store()?.partitions(&table)?;
        let chosen: Vec<&Partition> = partitions.iter().filter(|own| fits(own, &wanted)).collect();
        if chosen.is_empty() && !wanted.is_empty() {
            return Err(not_there(&table, &wanted));
        }
        for partition in chosen {
            empty_folder(&partition.folder(&table.location))?;
        }
    }
    if table.statistics.is_some() {
        session.store()?.update_table(&Table { statistics: None, ..table.as_ref().clone() })?;
    }
    written(session, &table);
    Ok(())
}

/// Removes what a folder holds.
fn empty_folder(folder: &str) -> Result<()> {
    remove_folder(folder)?;
    make_folder(folder)
}

/// Rows of a table changed: what was kept of them is stale.
pub fn written(session: &Session, table: &Table) {
    session.forget_rows(&table.location);
}

/// The partitions that a finished write told, and those that an overwrite left empty.
pub fn after_overwrite(
    table: &Table,
    known: &[Partition],
    fixed: &[(String, Option<String>)],
    written: &[String],
) -> Vec<String> {
    let values: Values = table
        .partition_columns
        .iter()
        .filter_map(|column| {
            let (_, value) = fixed.iter().find(|(own, _)| own.eq_ignore_ascii_case(column))?;
            Some((column.clone(), Some(value.clone())))
        })
        .collect();
    known.iter().filter(|own| fits(own, &values) && !written.contains(&own.spec)).map(|own| own.spec.clone()).collect()
}

/// A partition's values as DESCRIBE shows them: `[a=1, b=x]`.
pub fn described(partition: &Partition) -> String {
    let pair = |(column, raw): (String, String)| {
        let value = if raw == NULL_PARTITION { raw } else { firesteel_sources::listing::partition::unescape(&raw) };
        format!("{column}={value}")
    };
    format!("[{}]", partition.values().into_iter().map(pair).collect::<Vec<_>>().join(", "))
}
