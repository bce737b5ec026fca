//! A log of files whose every n-th entry repeats all before it (`N.compact`), so that few entries need to be read.
//! Spark's `CompactibleFileStreamLog`: the file source's list of processed files and the file sink's list of
//! written files. An entry is lines of JSON after the version.

use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_protocol::Result;

use super::log::{self, illegal_state, names, write_new};
use crate::SourceContext;

const COMPACT: &str = ".compact";

/// The settings of a log.
#[derive(Debug, Clone, Copy)]
pub struct CompactConf {
    /// Entries from one compacted one to the next.
    pub interval: u64,
    /// Compacted entries make the older ones superfluous.
    pub delete: bool,
    /// Superfluous entries stay this long, for readers that are under way.
    pub cleanup_delay: Duration,
    /// Batches whose entries always stay.
    pub min_batches: u64,
}

impl CompactConf {
    /// For who only reads.
    pub fn reading() -> Self {
        Self { interval: 10, delete: false, cleanup_delay: Duration::from_secs(600), min_batches: u64::MAX }
    }

    /// Reads `spark.sql.streaming.<kind>.log.*`; the kinds are `fileSource` and `fileSink`.
    pub fn new(kind: &str, ctx: &SourceContext) -> Self {
        let text = |name: &str| ctx.conf(&format!("spark.sql.streaming.{kind}.log.{name}"));
        let number = |text: Option<String>, default: u64| text.and_then(|t| t.trim().parse().ok()).unwrap_or(default);
        let delay = text("cleanupDelay").and_then(|text| super::file_options::duration_ms(&text));
        Self {
            interval: number(text("compactInterval"), 10).max(1),
            delete: text("deletion").is_none_or(|text| text.trim().eq_ignore_ascii_case("true")),
            cleanup_delay: Duration::from_millis(delay.unwrap_or(600_000)),
            min_batches: number(ctx.conf("spark.sql.streaming.minBatchesToRetain"), 100),
        }
    }
}

/// The log.
#[derive(Debug)]
pub struct CompactLog {
    dir: PathBuf,
    conf: CompactConf,
    interval: u64,
}

/// An entry's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: u64,
    compact: bool,
}

impl CompactLog {
    /// Opens a log; its folder is made by the first entry.
    pub fn open(dir: &Path, conf: CompactConf) -> Result<Self> {
        let mut log = Self { dir: dir.to_path_buf(), conf, interval: conf.interval };
        log.interval = log.known_interval()?;
        Ok(log)
    }

    /// The interval that the log was written with wins over the setting.
    fn known_interval(&self) -> Result<u64> {
        let mut compact: Vec<u64> =
            self.entries()?.into_iter().filter(|entry| entry.compact).map(|entry| entry.id).collect();
        compact.sort_unstable_by(|a, b| b.cmp(a));
        Ok(match compact.as_slice() {
            [latest, previous, ..] => latest - previous,
            [latest] => derived_interval(self.conf.interval, latest + 1),
            [] => self.conf.interval,
        })
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let parse = |name: &String| {
            let (number, compact) = match name.strip_suffix(COMPACT) {
                Some(number) => (number, true),
                None => (name.as_str(), false),
            };
            Some(Entry { id: number.parse().ok()?, compact })
        };
        let mut entries: Vec<Entry> = names(&self.dir)?.iter().filter_map(parse).collect();
        entries.sort_unstable();
        Ok(entries)
    }

    fn path(&self, entry: Entry) -> PathBuf {
        self.dir.join(format!("{}{}", entry.id, if entry.compact { COMPACT } else { "" }))
    }

    fn is_compaction(&self, id: u64) -> bool {
        (id + 1).is_multiple_of(self.interval)
    }

    /// The highest number.
    pub fn latest(&self) -> Result<Option<u64>> {
        Ok(self.entries()?.last().map(|entry| entry.id))
    }

    /// The lines of an entry's file; none where there is no file.
    fn lines(&self, entry: Entry) -> Result<Option<Vec<String>>> {
        let path = self.path(entry);
        let Some(text) = log::read(&path)? else { return Ok(None) };
        let body = log::body(&text, 1, &path)?;
        let lines: Vec<String> = body.lines().filter(|line| !line.is_empty()).map(str::to_string).collect();
        if let Some(bad) = lines.iter().find(|line| serde_json::from_str::<serde_json::Value>(line).is_err()) {
            return Err(illegal_state(format!(
                "Malformed entry in the log file {}: {bad}",
                crate::storage::hadoop_path(&path)
            )));
        }
        Ok(Some(lines))
    }

    /// The lines of a number, those of compacted entries included: they must tell their number themselves.
    pub fn get(&self, id: u64) -> Result<Option<Vec<String>>> {
        if let Some(lines) = self.lines(Entry { id, compact: false })? {
            return Ok(Some(lines));
        }
        // The entry itself may be gone since it was compacted.
        let later = self.entries()?.into_iter().find(|entry| entry.compact && entry.id >= id);
        match later {
            Some(entry) => self.lines(entry),
            None => Ok(None),
        }
    }

    /// All lines, the oldest first.
    pub fn all(&self) -> Result<Vec<String>> {
        Ok(self.each(|entry| self.lines(entry))?.into_iter().flatten().collect())
    }

    /// The same as they are, without a look at what they say: who adds to a log has read it before.
    fn all_text(&self) -> Result<Vec<String>> {
        self.each(|entry| {
            let path = self.path(entry);
            let Some(text) = log::read(&path)? else { return Ok(None) };
            log::body(&text, 1, &path).map(|body| Some(body.to_string()))
        })
    }

    /// What `read` gives of each entry since the last compacted one.
    fn each<T>(&self, read: impl Fn(Entry) -> Result<Option<T>>) -> Result<Vec<T>> {
        let mut attempts = 0;
        loop {
            match self.try_each(&read)? {
                Some(entries) => return Ok(entries),
                // A writer compacted and cleaned up between the listing and the reading.
                None if attempts < 10 => attempts += 1,
                None => return Err(illegal_state(format!("entries vanish from {}", self.dir.display()))),
            }
        }
    }

    fn try_each<T>(&self, read: &impl Fn(Entry) -> Result<Option<T>>) -> Result<Option<Vec<T>>> {
        let entries = self.entries()?;
        let first = entries.iter().rposition(|entry| entry.compact).unwrap_or(0);
        entries.get(first..).unwrap_or_default().iter().map(|entry| read(*entry)).collect()
    }

    /// Writes an entry; `false` if there is one already.
    pub fn add(&self, id: u64, lines: &[String]) -> Result<bool> {
        self.add_retained(id, lines, &|_| true)
    }

    /// Writes an entry; a compacted one has only the lines that are retained.
    pub fn add_retained(&self, id: u64, lines: &[String], retained: &dyn Fn(&str) -> bool) -> Result<bool> {
        std::fs::create_dir_all(&self.dir).map_err(|error| log::failed("cannot make the folder", &self.dir, error))?;
        let mut text = String::from("v1");
        let compact = self.is_compaction(id);
        if compact {
            if self.entries()?.iter().any(|entry| entry.id >= id) {
                return Ok(false);
            }
            let all = self.all_text()?;
            for line in all.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty() && retained(line)) {
                text.push('\n');
                text.push_str(line);
            }
        }
        for line in lines.iter().filter(|line| !compact || retained(line)) {
            text.push('\n');
            text.push_str(line);
        }
        let written = write_new(&self.path(Entry { id, compact }), text.as_bytes())?;
        if written && self.conf.delete {
            self.delete_expired(id)?;
        }
        Ok(written)
    }

    fn delete_expired(&self, id: u64) -> Result<()> {
        let Some(keep) = id.checked_sub(self.conf.min_batches).filter(|keep| *keep > 0) else { return Ok(()) };
        let Some(compacted) = (keep - keep % self.interval).checked_sub(1) else { return Ok(()) };
        for entry in self.entries()?.into_iter().filter(|entry| entry.id < compacted) {
            let path = self.path(entry);
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            let now = std::time::UNIX_EPOCH
                + Duration::from_millis(chrono::Utc::now().timestamp_millis().max(0).unsigned_abs());
            let age = modified.map(|modified| now.duration_since(modified).unwrap_or_default());
            if age.is_some_and(|age| age >= self.conf.cleanup_delay) {
                log::remove(&path);
            }
        }
        Ok(())
    }
}

/// The interval of a log with one compacted entry, the `count`-th: a divisor of `count` near the setting.
fn derived_interval(default: u64, count: u64) -> u64 {
    if count <= default || default >= count / 2 {
        return count;
    }
    (default..=count / 2).find(|interval| count.is_multiple_of(*interval)).unwrap_or(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(interval: u64) -> CompactConf {
        CompactConf { interval, delete: true, cleanup_delay: Duration::ZERO, min_batches: 2 }
    }

    #[test]
    fn every_third_entry_repeats_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = CompactLog::open(dir.path(), conf(3)).expect("a log");
        for id in 0..8 {
            assert!(log.add(id, &[format!("{{\"id\":{id}}}")]).expect("written"));
        }
        assert!(!log.add(5, &[]).expect("refused"));
        assert_eq!(log.all().expect("read").len(), 8);
        assert_eq!(log.get(5).expect("read").map(|lines| lines.len()), Some(6));
        let mut left = names(dir.path()).expect("listed");
        left.sort();
        assert_eq!(left, ["2.compact", "3", "4", "5.compact", "6", "7"]);
        assert_eq!(CompactLog::open(dir.path(), conf(10)).expect("a log").interval, 3);
    }

    #[test]
    fn intervals_are_derived_as_in_spark() {
        assert_eq!(derived_interval(10, 5), 5);
        assert_eq!(derived_interval(3, 12), 3);
        assert_eq!(derived_interval(5, 12), 6);
        assert_eq!(derived_interval(4, 13), 13);
    }
}
