//! Brings a log to a bucket while it is written: what is in a folder of this machine comes to be there too.
//!
//! A store that fails holds up nobody: the files wait, and it is tried again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::bucket::{Bucket, PIECE};

/// How often what was written is sent; each time costs a request.
const INTERVAL: Duration = Duration::from_secs(10);

/// A folder of this machine that a bucket comes to equal.
pub struct Mirror {
    /// Says that all is written; gone, that the program cannot write any more.
    finish: Sender<()>,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Mirror {
    /// Begins to send what will be written to [`Self::folder`].
    ///
    /// # Errors
    /// This machine has no room for files that wait: text for the user.
    pub fn begin(bucket: Arc<Bucket>, prefix: String, name: &str, overwrite: bool) -> Result<Self, String> {
        let no_room =
            |error: io::Error| format!("no event log: no folder for files on their way to the store: {error}");
        let spool = tempfile::Builder::new().prefix("firesteel-eventlog-").tempdir().map_err(no_room)?;
        let folder = spool.path().to_path_buf();
        let (finish, finished) = channel();
        let name = name.to_owned();
        let run = move || {
            Outbox { bucket, prefix, spool, sent: BTreeMap::new(), told: false }.run(&name, overwrite, &finished)
        };
        let thread = std::thread::Builder::new().name("firesteel-store".into()).spawn(run).map_err(no_room)?;
        Ok(Self { finish, thread: Some(thread), folder })
    }

    /// Where the log is to be written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends the rest, and waits for it.
    pub fn finish(mut self) {
        // A thread that has given up takes no message.
        let _ = self.finish.send(());
        if let Some(thread) = self.thread.take() {
            // What it had to say it has said.
            let _ = thread.join();
        }
    }
}

/// The thread that sends.
struct Outbox {
    bucket: Arc<Bucket>,
    prefix: String,
    spool: TempDir,
    /// How much of each file the bucket has; a file that is done for good is not in the folder any more.
    sent: BTreeMap<String, Sent>,
    /// Whether the user knows that the store fails.
    told: bool,
}

#[derive(Clone, Copy)]
struct Sent {
    size_bytes: u64,
    /// Nothing is added to it any more, and the room it took was given back.
    is_done: bool,
}

impl Outbox {
    fn run(mut self, name: &str, overwrite: bool, finished: &Receiver<()>) {
        let mut begun = false;
        loop {
            let waited = finished.recv_timeout(if begun { INTERVAL } else { Duration::from_millis(200) });
            let is_end = !matches!(waited, Err(RecvTimeoutError::Timeout));
            if !begun && !overwrite {
                match self.is_there(name) {
                    Ok(false) => {}
                    Ok(true) => {
                        tracing::warn!(
                            "no event log: {} exists already",
                            self.bucket.url(&format!("{}*{name}", self.prefix))
                        );
                        return;
                    }
                    Err(error) => {
                        self.tell(&error);
                        if is_end {
                            return self.keep();
                        }
                        continue;
                    }
                }
            }
            begun = true;
            match self.send(is_end) {
                Ok(()) => self.told = false,
                Err(error) => self.tell(&error),
            }
            if is_end {
                if self.told {
                    self.keep();
                }
                return;
            }
        }
    }

    /// Whether the bucket has a log of the name.
    fn is_there(&self, name: &str) -> io::Result<bool> {
        let rolling = self.bucket.list(&format!("{}eventlog_v2_{name}", self.prefix))?;
        let own = |end: &str| self.bucket.find(&format!("{}{name}{end}", self.prefix));
        let ends = ["", ".zstd", ".lz4", ".snappy"].into_iter().map(|end| Ok(own(end)?.is_some()));
        let single = ends.collect::<io::Result<Vec<bool>>>()?.contains(&true);
        Ok(!rolling.is_empty() || single)
    }

    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                "the event log cannot be sent to {}: {error}. It waits in {}, and is tried again",
                self.bucket.url(&self.prefix),
                self.spool.path().display()
            );
        }
    }

    /// What could not be sent stays where it is.
    fn keep(self) {
        let path = self.spool.keep();
        tracing::warn!("the event log did not come to {}: it is in {}", self.bucket.url(&self.prefix), path.display());
    }

    /// Sends what is new, and then deletes what is gone.
    fn send(&mut self, is_end: bool) -> io::Result<()> {
        let files = files(self.spool.path())?;
        // Only the last of a rolling log's files still grows.
        let last = files.keys().filter_map(|name| index(name)).max();
        for (name, size_bytes) in &files {
            let rolled = index(name).is_some_and(|own| Some(own) < last);
            let grows = !rolled && !is_end;
            let known = self.sent.get(name).is_some_and(|own| own.size_bytes == *size_bytes);
            if known && !rolled || grows && *size_bytes > PIECE {
                continue;
            }
            let path = self.spool.path().join(name);
            if !known {
                match self.bucket.write_file(&format!("{}{name}", self.prefix), &path, *size_bytes) {
                    // It has got another name meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => continue,
                    sent => sent?,
                }
            }
            self.sent.insert(name.clone(), Sent { size_bytes: *size_bytes, is_done: rolled });
            if rolled {
                fs::remove_file(&path)?;
            }
        }
        let gone: Vec<String> = self
            .sent
            .iter()
            .filter(|(name, own)| !own.is_done && !files.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.bucket.delete(&format!("{}{name}", self.prefix))?;
            self.sent.remove(&name);
        }
        Ok(())
    }
}

/// The number of a rolling log's file.
fn index(name: &str) -> Option<u64> {
    name.rsplit('/').next()?.strip_prefix("events_")?.split('_').next()?.parse().ok()
}

/// The files of a folder and of those in it, by name, with their sizes.
fn files(folder: &Path) -> io::Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    let mut open = vec![(folder.to_path_buf(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        for entry in fs::read_dir(path)?.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else {
                all.insert(name, meta.len());
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_name() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("eventlog_v2_a")).unwrap();
        fs::write(folder.path().join("eventlog_v2_a/events_12_a.zstd"), "xyz").unwrap();
        let all = files(folder.path()).unwrap();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [("eventlog_v2_a/events_12_a.zstd".to_owned(), 3)]);
        assert_eq!(index("eventlog_v2_a/events_12_a.zstd"), Some(12));
        assert_eq!(index("eventlog_v2_a/appstatus_a"), None);
    }
}
