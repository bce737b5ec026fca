//! LOAD DATA: files that are there become those of one of Hive's tables, or of one of its partitions.

use std::path::{Path, PathBuf};

use firesteel_plan::sql::command::PartitionSpec;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::listing::glob::{expand, is_pattern};
use firesteel_sources::sink;

use super::partition;
use crate::Session;
use crate::catalog::table::{Partition, Table};
use crate::catalog::{Search, expect_table};

/// The statement besides its table.
#[derive(Debug, Clone)]
pub struct Load {
    pub path: String,
    /// The files are copied, else moved.
    pub local: bool,
    pub overwrite: bool,
    pub partition: PartitionSpec,
}

/// Runs LOAD DATA.
pub async fn run(session: &Session, parts: &[String], load: Load) -> Result<()> {
    let table = session.find_table(parts, Search::Session, "LOAD DATA")?;
    if table.is_view() {
        return Err(expect_table("LOAD DATA", &table.quoted()));
    }
    let named = |condition: &str| SparkError::new(condition).with("tableIdentWithDB", table.quoted());
    if table.storage.is_none() {
        return Err(named("_LEGACY_ERROR_TEMP_1261"));
    }
    let values = partition::values(session, &table, &load.partition).await?;
    if !table.partition_columns.is_empty() {
        if values.is_empty() {
            return Err(named("_LEGACY_ERROR_TEMP_1262").with("tableName", table.quoted()));
        }
        if values.len() != table.partition_columns.len() {
            return Err(named("_LEGACY_ERROR_TEMP_1263")
                .with("partitionSize", values.len().to_string())
                .with("targetTableSize", table.partition_columns.len().to_string()));
        }
    }
    let files = files(&session.absolute(&load.path)?, &load.path)?;
    session.settle(&table)?;
    let (folder, told) = target(session, &table, &values)?;
    let catalog = session.store()?;
    let own = table.clone();
    let work = move || {
        sink::load(&files, &folder, load.overwrite, !load.local, || {
            told.map_or(Ok(()), |spec| catalog.add_partitions(&own, &[spec]))
        })
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| SparkError::internal(error.to_string()))??;
    session.forget_rows(&table.location);
    if table.statistics.is_some() {
        session.store()?.update_table(&Table { statistics: None, ..table.as_ref().clone() })?;
    }
    Ok(())
}

/// The folder, and the partition that the catalog is to learn of.
fn target(session: &Session, table: &Table, values: &partition::Values) -> Result<(PathBuf, Option<String>)> {
    if table.partition_columns.is_empty() {
        return Ok((PathBuf::from(&table.location), None));
    }
    let spec = partition::folder(table, values);
    let partitions = session.store()?.partitions(table)?;
    let known: Option<&Partition> = partitions.iter().find(|own| own.spec == spec);
    let folder = known.map_or_else(|| Path::new(&table.location).join(&spec), |own| own.folder(&table.location).into());
    Ok((folder, known.is_none().then_some(spec)))
}

/// The files of a path: one, those of a folder, or those that a pattern in the last part of the path finds.
fn files(path: &str, given: &str) -> Result<Vec<PathBuf>> {
    let missing = || SparkError::new("LOAD_DATA_PATH_NOT_EXISTS").with("path", given);
    let mut found: Vec<PathBuf> = match Path::new(path).exists() {
        true => vec![PathBuf::from(path)],
        false if is_pattern(path) => expand(path)?,
        false => vec![],
    };
    found.sort();
    if found.is_empty() {
        return Err(missing());
    }
    let mut files = vec![];
    for place in found {
        if !place.is_dir() {
            files.push(place);
            continue;
        }
        let entries = std::fs::read_dir(&place).map_err(|_| missing())?;
        let mut own: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        own.sort();
        if let Some(folder) = own.iter().find(|entry| entry.is_dir()) {
            return Err(SparkError::unsupported(
                format!("LOAD DATA of a folder with the folder {} in it", folder.display()),
                "Hive's tables have no folders but partitions: load the files of each one.",
            ));
        }
        files.extend(own);
    }
    Ok(files.into_iter().filter(|file| !is_checksum(file)).collect())
}

/// Hadoop's checksum beside a file.
fn is_checksum(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".crc")
}
