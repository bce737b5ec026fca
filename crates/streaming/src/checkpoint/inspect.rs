//! `firesteel checkpoint inspect|verify DIR`: what a checkpoint says, and whether a query could go on from it.

use std::fmt::Write;
use std::path::Path;

use firesteel_protocol::{Result, SparkError};
use firesteel_sources::storage::hadoop_path;
use firesteel_sources::stream::compact_log::{CompactConf, CompactLog};
use firesteel_sources::stream::log::names;

use super::commit_log::CommitLog;
use super::metadata;
use super::offset_log::OffsetLog;
use crate::iso_time;
use crate::state::file::Chain;

/// A checkpoint as text.
pub fn inspect(dir: &Path) -> Result<String> {
    let id = metadata::read(dir)?.ok_or_else(|| no_checkpoint(dir))?;
    let (offsets, commits) = (OffsetLog::at(dir), CommitLog::at(dir));
    let mut text = format!("query       {id}\n");
    let ids = offsets.ids()?;
    let done = commits.latest()?;
    let line = |text: &mut String, name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    match (ids.first(), ids.last()) {
        (Some(first), Some(last)) => line(&mut text, "batches", format!("{first} to {last}")),
        _ => line(&mut text, "batches", "none".into()),
    }
    let committed = done.map_or_else(|| "none".to_string(), |done| format!("up to {done}"));
    line(&mut text, "committed", committed);
    if let Some(latest) = ids.last() {
        if let Some(entry) = offsets.get(*latest)? {
            line(&mut text, "time", iso_time(entry.metadata.timestamp_ms));
            line(&mut text, "watermark", iso_time(entry.metadata.watermark_ms));
            for (index, offset) in entry.offsets.iter().enumerate() {
                let offset = offset.as_ref().map_or("-", |offset| offset.0.as_str());
                line(&mut text, &format!("source {index}"), offset.to_string());
            }
        }
    }
    for name in sorted(names(&dir.join("sources"))?) {
        let log = source_log(&dir.join("sources").join(&name))?;
        if let Some(latest) = log.latest()? {
            line(&mut text, &format!("log {name}"), format!("{} lines in entries up to {latest}", log.all()?.len()));
        }
    }
    for name in sorted(names(&dir.join("state"))?) {
        let folder = dir.join("state").join(&name);
        if folder.join("_metadata").is_dir() {
            line(&mut text, &format!("state {name}"), "Apache Spark's format".into());
            continue;
        }
        let version = done.map_or(0, |done| done + 1);
        for store in stores(&folder)?.into_iter().filter(|_| version > 0) {
            let (rows, partitions) = Chain::check(&folder.join(&store), version)?;
            let value = format!("{store}: {rows} rows in {partitions} partitions at version {version}");
            line(&mut text, &format!("state {name}"), value);
        }
    }
    Ok(text)
}

/// The stores of an operator; files beside them tell what their rows are.
fn stores(operator: &Path) -> Result<Vec<String>> {
    let mut stores = sorted(names(operator)?);
    stores.retain(|name| operator.join(name).is_dir());
    Ok(stores)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Reads everything and says what is wrong; nothing, if a query could go on from here.
pub fn verify(dir: &Path) -> Result<Vec<String>> {
    let mut problems = vec![];
    if metadata::read(dir)?.is_none() {
        return Err(no_checkpoint(dir));
    }
    let (offsets, commits) = (OffsetLog::at(dir), CommitLog::at(dir));
    let (planned, done) = (offsets.ids()?, commits.ids()?);
    let mut sources = None;
    for id in &planned {
        match offsets.get(*id) {
            Ok(Some(entry)) => {
                let count = entry.offsets.len();
                if *sources.get_or_insert(count) != count {
                    problems.push(format!("offsets/{id} has {count} sources, earlier batches have others"));
                }
            }
            Ok(None) => problems.push(format!("offsets/{id} vanished")),
            Err(error) => problems.push(format!("offsets/{id}: {error}")),
        }
    }
    for id in &done {
        if let Err(error) = commits.next_watermark_ms(*id) {
            problems.push(format!("commits/{id}: {error}"));
        }
    }
    for (name, ids) in [("offsets", &planned), ("commits", &done)] {
        for pair in ids.windows(2) {
            if pair[1] != pair[0] + 1 {
                problems.push(format!("{name} has no entry between {} and {}", pair[0], pair[1]));
            }
        }
    }
    match (planned.last(), done.last()) {
        (planned, Some(done)) if planned.is_none_or(|planned| done > planned) => {
            problems.push(format!("batch {done} is committed, but offsets/{done} is missing"));
        }
        (Some(planned), Some(done)) if done + 1 < *planned => {
            problems.push(format!("batches after {done} were planned up to {planned}, but never committed"));
        }
        (Some(planned), None) if *planned > 0 => {
            problems.push(format!("batches up to {planned} were planned, but none is committed"));
        }
        _ => {}
    }
    for name in sorted(names(&dir.join("sources"))?) {
        let log = source_log(&dir.join("sources").join(&name));
        if let Err(error) = log.and_then(|log| log.all()) {
            // A source that is no folder of files keeps one plain number.
            let plain = std::fs::read_to_string(dir.join("sources").join(&name).join("0"))
                .is_ok_and(|text| text.strip_prefix("v1\n").is_some_and(|rest| rest.trim().parse::<i64>().is_ok()));
            if !plain {
                problems.push(format!("sources/{name}: {error}"));
            }
        }
    }
    for name in sorted(names(&dir.join("state"))?) {
        let folder = dir.join("state").join(&name);
        let version = done.last().map_or(0, |done| done + 1);
        if version == 0 || folder.join("_metadata").is_dir() {
            continue;
        }
        for store in stores(&folder)? {
            if let Err(error) = Chain::check(&folder.join(&store), version) {
                problems.push(format!("state/{name}/{store}: {error}"));
            }
        }
    }
    Ok(problems)
}

fn source_log(dir: &Path) -> Result<CompactLog> {
    CompactLog::open(dir, CompactConf::reading())
}

fn no_checkpoint(dir: &Path) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
        .with_message(format!("{} is no checkpoint: it has no file `metadata`", hadoop_path(dir)))
}
