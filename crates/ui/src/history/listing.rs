//! The logs of the folder: which there are, which are none, which are old.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{AppKey, History, locked};
use crate::json::now_ms;
use crate::log::compact::compact;
use crate::log::find::{self, Log};
use crate::log::folder::Folder;
use crate::log::head::{self, Head};

/// A log in the list.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) log: Log,
    pub(super) head: Head,
}

/// Logs by the application that they tell of.
pub(super) type Entries = BTreeMap<AppKey, Entry>;

/// Files without an application, and why.
pub(super) type Broken = BTreeMap<PathBuf, (Log, String)>;

impl History {
    /// Looks for new and changed logs.
    pub(super) fn scan(&self) {
        let found = match find::scan(&self.conf.folder) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("{}: {error}", self.conf.folder);
                return;
            }
        };
        let known: BTreeMap<PathBuf, Entry> =
            locked(&self.entries).values().map(|entry| (entry.log.path.clone(), entry.clone())).collect();
        let known_broken = locked(&self.broken).clone();
        let (mut entries, mut broken, mut fresh) = (Entries::new(), Broken::new(), vec![]);
        for log in found {
            if let Some(entry) = known.get(&log.path).filter(|entry| entry.log == log) {
                insert(&mut entries, entry.clone());
            } else if let Some(own) = known_broken.get(&log.path).filter(|(own, _)| *own == log) {
                broken.insert(log.path, own.clone());
            } else {
                fresh.push(log);
            }
        }
        let heads = self.heads(&fresh);
        for (log, head) in fresh.into_iter().zip(heads) {
            match head {
                Ok(head) => insert(&mut entries, Entry { log, head }),
                // A log that has just begun has no application yet.
                Err(_) if log.size_bytes == 0 => {}
                Err(why) => drop(broken.insert(log.path.clone(), (log, why))),
            }
        }
        locked(&self.loaded).retain(&entries);
        *locked(&self.entries) = entries;
        *locked(&self.broken) = broken;
    }

    /// The beginning and the end of each log, read side by side.
    fn heads(&self, logs: &[Log]) -> Vec<Result<Head, String>> {
        let next = AtomicUsize::new(0);
        let read = || {
            let mut own = vec![];
            while let Some(log) = logs.get(next.fetch_add(1, Ordering::Relaxed)) {
                own.push((log.path.clone(), head_of(&self.conf.folder, log)));
            }
            own
        };
        let mut all: BTreeMap<PathBuf, Result<Head, String>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..self.conf.threads.min(logs.len())).map(|_| scope.spawn(read)).collect();
            let own = read();
            // A thread that broke leaves its logs to the next look.
            own.into_iter().chain(threads.into_iter().filter_map(|own| own.join().ok()).flatten()).collect()
        });
        logs.iter().map(|log| all.remove(&log.path).unwrap_or_else(|| Err("it could not be read".into()))).collect()
    }

    /// Deletes logs that are too old or too many; other files of the folder are nobody's business.
    pub(super) fn clean(&self) {
        let Some(cleaner) = &self.conf.cleaner else { return };
        let mut logs: Vec<Log> =
            locked(&self.entries).values().map(|entry| find::current(&self.conf.folder, &entry.log)).collect();
        logs.sort_by_key(|log| std::cmp::Reverse(log.modified_ms));
        let oldest = now_ms() - i64::try_from(cleaner.max_age.as_millis()).unwrap_or(i64::MAX);
        for (index, log) in logs.iter().enumerate() {
            let too_many = index >= cleaner.max_count && !log.in_progress;
            if log.modified_ms < oldest || too_many {
                if let Err(error) = self.conf.folder.remove(log) {
                    tracing::warn!("cannot delete the old log {}: {error}", log.path.display());
                }
            }
        }
        self.scan();
    }

    /// Makes rolling logs smaller that have many files.
    pub(super) fn compact(&self) {
        let Some(how) = self.conf.compaction else { return };
        let logs: Vec<Log> = locked(&self.entries).values().map(|entry| entry.log.clone()).collect();
        for log in logs.iter().filter(|log| log.files.len() > how.keep) {
            match compact(&self.conf.folder, log, how) {
                Ok(true) => tracing::info!("compacted {}", log.path.display()),
                Ok(false) => {}
                Err(error) => tracing::warn!("cannot compact the log {}: {error}", log.path.display()),
            }
        }
    }
}

fn head_of(folder: &Folder, log: &Log) -> Result<Head, String> {
    match head::head(folder, log) {
        Ok(Some(head)) => Ok(head),
        Ok(None) => Err("no application begins in it".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn insert(entries: &mut Entries, entry: Entry) {
    let key = (entry.head.id.clone(), entry.head.attempt.clone());
    // The same application twice: a copy, or a log that was finished while we looked. The finished one counts.
    let other = entries.get(&key);
    if other.is_none_or(|other| other.log.in_progress || !entry.log.in_progress) {
        entries.insert(key, entry);
    }
}
