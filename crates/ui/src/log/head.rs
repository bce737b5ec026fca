//! Reads as much of a log as a list of applications needs.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::find::Log;
use super::folder::Folder;
use super::pack::{self, Codec};
use crate::event::{self, Line, Names};
use crate::store::Store;

/// What a list says of a log.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub id: String,
    pub attempt: Option<String>,
    pub name: String,
    pub user: String,
    pub spark_version: String,
    pub start_ms: i64,
    pub end_ms: i64,
}

/// Bytes at the end of a plain log in which the end of the application is looked for.
const TAIL: u64 = 1 << 20;
/// Lines in which the application's start is looked for.
const HEAD_LINES: usize = 2000;

/// Reads as much of a log as a list needs; None where no application begins in it.
///
/// # Errors
/// The log cannot be read.
pub fn head(folder: &Folder, log: &Log) -> io::Result<Option<Head>> {
    let mut store = Store::default();
    store.app.start_ms = -1;
    store.app.end_ms = -1;
    let Some(first) = log.files.first() else { return Ok(None) };
    let mut reader = BufReader::new(pack::open(folder, first, 0)?);
    let (mut line, mut names) = (String::new(), Names::default());
    for _ in 0..HEAD_LINES {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                // What else stands there, the list does not need.
                let wanted = ["SparkListenerLogStart", "SparkListenerApplicationStart"];
                if wanted.iter().any(|name| line.contains(name)) {
                    match event::read(line.trim_end().as_bytes(), &mut names) {
                        Line::Bad(_) => break,
                        event => store.take(event),
                    }
                }
            }
        }
        if store.app.start_ms > 0 {
            break;
        }
    }
    if store.app.start_ms < 0 {
        return Ok(None);
    }
    if let Some(last) = log.files.last().filter(|_| !log.in_progress) {
        find_end(folder, last, log.last_bytes, &mut store)?;
    }
    let app = store.app;
    let version = app.spark_version;
    Ok(Some(Head {
        id: app.id,
        attempt: app.attempt,
        name: app.name,
        user: app.user,
        spark_version: version,
        start_ms: app.start_ms,
        end_ms: app.end_ms,
    }))
}

fn find_end(folder: &Folder, path: &Path, size_bytes: u64, store: &mut Store) -> io::Result<()> {
    let from = if Codec::of(path).is_none() { size_bytes.saturating_sub(TAIL) } else { 0 };
    let mut reader = BufReader::with_capacity(1 << 20, pack::open(folder, path, from)?);
    let mut line = vec![];
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(_) if line.starts_with(b"{\"Event\":\"SparkListenerApplicationEnd\"") => {
                // A line that is no event ends nothing.
                store.take(event::read(line.trim_ascii(), &mut Names::default()));
            }
            Ok(_) => {}
        }
    }
}
