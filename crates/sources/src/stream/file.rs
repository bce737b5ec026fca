//! A folder into which files are dropped: each file is read once. Spark's `FileStreamSource`.
//!
//! An offset is a number in the source's own log, whose entries name the files of a batch. The log is written before
//! the offset log, so a batch that was planned has the same files whenever it runs again.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use firesteel_protocol::types::ddl;
use firesteel_protocol::types::name::quote;
use firesteel_protocol::{Result, SparkError};
use serde_json::{Value, json};

use super::compact_log::{CompactConf, CompactLog};
use super::file_options::{Clean, FileStreamOptions, Limit, cannot_clean_sink};
use super::log::illegal_state;
use super::sink_log::SinkLog;
use super::{MicroBatchSource, Offset};
use crate::listing::{self, Listing, absolute, find_file, glob};
use crate::open::{check_common, open_files, open_listing, unread};
use crate::options::illegal_argument;
use crate::storage::{InputFile, decode_url, file_url, hadoop_path};
use crate::{Format, OpenedSource, ReadRequest, SourceContext};

/// The path that a stream reads, as the user wrote it.
pub fn path_of<'r>(request: &'r ReadRequest, ctx: &SourceContext) -> Result<&'r str> {
    const ONE_PATH: &str = "spark.sql.legacy.pathOptionBehavior.enabled";
    if !request.paths.is_empty() && request.options.contains("path") && !ctx.conf_flag(ONE_PATH, false) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1188").with("method", "load").with("config", ONE_PATH));
    }
    let path = request.paths.first().map(String::as_str).or_else(|| request.options.get("path"));
    path.ok_or_else(|| SparkError::new("_LEGACY_ERROR_TEMP_2047"))
}

fn format_of(request: &ReadRequest, ctx: &SourceContext) -> Result<Format> {
    let default = || ctx.conf("spark.sql.sources.default").unwrap_or_else(|| "parquet".into());
    Format::of(&request.format.clone().unwrap_or_else(default))
}

/// The files that are there now; none where a pattern matches nothing.
fn list(request: &ReadRequest, ctx: &SourceContext) -> Result<Listing> {
    match listing::list(request, ctx) {
        Err(error) if error.condition() == "PATH_NOT_FOUND" => Ok(Listing::default()),
        listing => listing,
    }
}

/// The stream's table without any file: its schema is that of all batches.
pub fn empty(request: &ReadRequest, ctx: &SourceContext) -> Result<OpenedSource> {
    let format = format_of(request, ctx)?;
    let path = path_of(request, ctx)?;
    let absolute = absolute(path, &ctx.working_dir)?;
    if !glob::is_pattern(path) && !absolute.exists() {
        return Err(SparkError::new("PATH_NOT_FOUND").with("path", path));
    }
    let mut request = request.clone();
    let mut listing = list(&request, ctx)?;
    check_common(&request, ctx)?;
    if request.schema.is_none()
        && matches!(format, Format::Csv | Format::Json)
        && let Some(name) = request.options.get("singleVariantColumn")
    {
        request.schema = Some(Arc::new(Schema::new(ddl::parse_schema(&format!("{} VARIANT", quote(name)))?)));
    }
    if request.schema.is_none() && format != Format::Text {
        if !ctx.conf_flag("spark.sql.streaming.schemaInference", false) {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_2048"));
        }
        request.schema = Some(open_files(format, &request, ctx)?.schema);
    }
    listing.by_stream = false;
    listing.files.clear();
    listing.partition_values.clear();
    match open_listing(format, &request, listing, ctx) {
        Ok(opened) => Ok(opened),
        // No plan has two columns of exactly one name.
        Err(error) if error.condition() == "COLUMN_ALREADY_EXISTS" && repeats_a_name(&request) => Err(error),
        // As in Spark, the first batch says what is wrong with the format's options.
        Err(_) => {
            let text = || Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, true)]));
            request.schema = Some(request.schema.unwrap_or_else(text));
            unread(&request, &list(&request, ctx)?, ctx)
        }
    }
}

fn repeats_a_name(request: &ReadRequest) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut fields = request.schema.iter().flat_map(|schema| schema.fields().iter());
    fields.any(|field| !seen.insert(field.name().clone()))
}

/// The source.
#[derive(Debug)]
pub struct FileSource {
    request: ReadRequest,
    format: Format,
    ctx: SourceContext,
    options: FileStreamOptions,
    /// Absolute, perhaps a pattern.
    path: PathBuf,
    log: CompactLog,
    /// The last entry of the log.
    current: Option<u64>,
    seen: SeenFiles,
    /// New files that were found but did not fit into the last batch.
    unread: VecDeque<InputFile>,
    /// The files of a run that reads only what was there at its start.
    available_now: Option<VecDeque<InputFile>>,
    /// The last entry that was written: it need not be read.
    fresh: Option<(u64, Vec<FileEntry>)>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileEntry {
    path: PathBuf,
    timestamp_ms: i64,
    batch_id: u64,
}

impl FileEntry {
    fn line(&self) -> String {
        json!({"path": file_url(&self.path), "timestamp": self.timestamp_ms, "batchId": self.batch_id}).to_string()
    }

    fn parse(line: &str) -> Result<Self> {
        let malformed = || illegal_state(format!("Malformed entry in the log of a file source: {line}"));
        let value: Value = serde_json::from_str(line).map_err(|_| malformed())?;
        Ok(Self {
            path: value.get("path").and_then(Value::as_str).and_then(decode_url).ok_or_else(malformed)?,
            timestamp_ms: value.get("timestamp").and_then(Value::as_i64).ok_or_else(malformed)?,
            batch_id: value.get("batchId").and_then(Value::as_u64).ok_or_else(malformed)?,
        })
    }
}

/// The files of earlier batches, as far as they are young enough to be found again.
#[derive(Debug)]
struct SeenFiles {
    max_age_ms: i64,
    name_only: bool,
    times: HashMap<String, i64>,
    latest_ms: i64,
    oldest_ms: i64,
    purged_before_ms: i64,
}

impl SeenFiles {
    fn key(&self, path: &Path) -> String {
        match (self.name_only, path.file_name()) {
            (true, Some(name)) => name.to_string_lossy().into_owned(),
            _ => path.to_string_lossy().into_owned(),
        }
    }

    fn add(&mut self, path: &Path, timestamp_ms: i64) {
        let key = self.key(path);
        self.times.insert(key, timestamp_ms);
        self.latest_ms = self.latest_ms.max(timestamp_ms);
        self.oldest_ms = self.oldest_ms.min(timestamp_ms);
    }

    fn is_new(&self, file: &InputFile) -> bool {
        file.modified_us / 1000 >= self.purged_before_ms && !self.times.contains_key(&self.key(&file.path))
    }

    fn purge(&mut self) {
        self.purged_before_ms = self.latest_ms.saturating_sub(self.max_age_ms).max(0);
        let before = self.purged_before_ms;
        if self.oldest_ms < before {
            self.times.retain(|_, time| *time >= before);
            self.oldest_ms = self.times.values().copied().min().unwrap_or(i64::MAX);
        }
    }
}

impl FileSource {
    /// Opens the source with its log.
    pub fn open(request: &ReadRequest, log_dir: &Path, ctx: &SourceContext) -> Result<Self> {
        let options = FileStreamOptions::new(&request.options, ctx)?;
        let format = format_of(request, ctx)?;
        let given = path_of(request, ctx)?.to_string();
        let path = absolute(&given, &ctx.working_dir)?;
        if let Clean::Archive(archive) = &options.clean {
            refuse_archive_in_source(archive, &path)?;
        }
        if options.clean != Clean::Off && SinkLog::is_in(&path) {
            return Err(cannot_clean_sink());
        }
        let mut request = request.clone();
        request.schema = Some(empty(&request, ctx)?.schema);
        let log = CompactLog::open(log_dir, CompactConf::new("fileSource", ctx))?;
        // Spark ignores the age where the newest files come first: older ones would never get their turn.
        let ages = !(options.latest_first && options.limit != Limit::None);
        let mut seen = SeenFiles {
            max_age_ms: if ages { options.max_age_ms } else { i64::MAX },
            name_only: options.name_only,
            times: HashMap::new(),
            latest_ms: 0,
            oldest_ms: i64::MAX,
            purged_before_ms: 0,
        };
        for line in log.all()? {
            let entry = FileEntry::parse(&line)?;
            seen.add(&entry.path, entry.timestamp_ms);
        }
        seen.purge();
        let current = log.latest()?;
        let (ctx, unread) = (ctx.clone(), VecDeque::new());
        Ok(Self { request, format, ctx, options, path, log, current, seen, unread, available_now: None, fresh: None })
    }

    /// Files that were new when they were listed, in the order in which they are to be read.
    fn waiting(&mut self) -> Result<VecDeque<InputFile>> {
        match &mut self.available_now {
            Some(fixed) => Ok(std::mem::take(fixed)),
            None if !self.unread.is_empty() => Ok(std::mem::take(&mut self.unread)),
            None => self.new_files(),
        }
    }

    /// Lists the new files.
    fn new_files(&self) -> Result<VecDeque<InputFile>> {
        Ok(self.all_files()?.into_iter().filter(|file| self.seen.is_new(file)).collect())
    }

    fn all_files(&self) -> Result<Vec<InputFile>> {
        let mut files: Vec<InputFile> =
            list(&self.request, &self.ctx)?.files.into_iter().map(|listed| listed.file).collect();
        if self.options.latest_first {
            files.sort_by_key(|file| std::cmp::Reverse(file.modified_us));
        } else {
            files.sort_by_key(|file| file.modified_us);
        }
        Ok(files)
    }

    /// Takes the files of one batch: what it costs depends on them, not on how many wait.
    fn take(&self, waiting: &mut VecDeque<InputFile>, limited: bool) -> Vec<InputFile> {
        let (most_files, most_bytes) = match self.options.limit {
            Limit::Files(most) if limited => (most, u64::MAX),
            Limit::Bytes(most) if limited => (usize::MAX, most),
            _ => (usize::MAX, u64::MAX),
        };
        let (mut files, mut bytes) = (vec![], 0_u64);
        while files.len() < most_files {
            let Some(file) = waiting.pop_front() else { break };
            // Another of its name may have been read since.
            if !self.seen.is_new(&file) {
                continue;
            }
            bytes = bytes.saturating_add(file.size_bytes);
            // A file that is too large for a batch is a batch by itself.
            if bytes > most_bytes && !files.is_empty() {
                waiting.push_front(file);
                break;
            }
            files.push(file);
        }
        files
    }

    /// The rest is kept in mind where listing anew would cost more than it brings.
    fn keep_unread(&mut self, mut rest: VecDeque<InputFile>) {
        self.unread.clear();
        if let Some(fixed) = &mut self.available_now {
            *fixed = rest;
            return;
        }
        if self.options.latest_first {
            return;
        }
        let enough = match self.options.limit {
            Limit::Files(most) => rest.len() as f64 >= most as f64 * self.options.discard_ratio,
            Limit::Bytes(most) => {
                rest.iter().map(|file| file.size_bytes).sum::<u64>() as f64 >= most as f64 * self.options.discard_ratio
            }
            Limit::None => false,
        };
        if enough {
            rest.truncate(self.options.max_cached);
            self.unread = rest;
        }
    }

    /// The files of the entries behind `start` up to `end`.
    fn entries(&self, start: Option<u64>, end: u64) -> Result<Vec<FileEntry>> {
        let mut entries = vec![];
        for id in start.map_or(0, |start| start + 1)..=end {
            if let Some((_, fresh)) = self.fresh.as_ref().filter(|(own, _)| *own == id) {
                entries.extend(fresh.iter().cloned());
                continue;
            }
            let lines = self.log.get(id)?.ok_or_else(|| {
                illegal_state(format!("the files of entry {id} are missing in the log of {}", self.description()))
            })?;
            for line in lines {
                let entry = FileEntry::parse(&line)?;
                if entry.batch_id == id {
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }
}

impl MicroBatchSource for FileSource {
    fn description(&self) -> String {
        format!("FileStreamSource[{}]", hadoop_path(&self.path))
    }

    fn latest_offset(&mut self, _start: Option<&Offset>, limited: bool) -> Result<Option<Offset>> {
        let mut waiting = self.waiting()?;
        let files = self.take(&mut waiting, limited);
        self.keep_unread(waiting);
        if !files.is_empty() {
            let id = self.current.map_or(0, |current| current + 1);
            let entry = |file: &InputFile| FileEntry {
                path: file.path.clone(),
                timestamp_ms: file.modified_us / 1000,
                batch_id: id,
            };
            let entries: Vec<FileEntry> = files.iter().map(entry).collect();
            let lines: Vec<String> = entries.iter().map(FileEntry::line).collect();
            if !self.log.add(id, &lines)? {
                return Err(SparkError::new("CONCURRENT_STREAM_LOG_UPDATE").with("batchId", id.to_string()));
            }
            for file in &files {
                self.seen.add(&file.path, file.modified_us / 1000);
            }
            self.seen.purge();
            self.current = Some(id);
            self.fresh = Some((id, entries));
        }
        Ok(self.current.map(encode))
    }

    fn batch(&mut self, start: Option<&Offset>, end: &Offset) -> Result<Arc<dyn TableProvider>> {
        let entries = self.entries(start.map(decode).transpose()?, decode(end)?)?;
        let mut files = vec![];
        for entry in entries {
            match find_file(&entry.path)? {
                Some(file) => files.push(file),
                None => tracing::warn!(path = %entry.path.display(), "a file of a stream is gone before it was read"),
            }
        }
        let mut request = self.request.clone();
        request.paths.clear();
        request.options.remove("path");
        if !glob::is_pattern(&self.path.to_string_lossy())
            && self.path.is_dir()
            && !request.options.contains("basePath")
        {
            request.options.set("basePath", self.path.to_string_lossy());
        }
        let schema = request.schema.clone().ok_or_else(|| SparkError::internal("a stream without schema"))?;
        let mut listing = listing::of_files(files, &request, &self.ctx)?;
        drop_unknown_partitions(&mut listing, &schema, self.ctx.env.case_sensitive);
        Ok(open_listing(self.format, &request, listing, &self.ctx)?.provider)
    }

    fn commit(&mut self, end: &Offset) -> Result<()> {
        if self.options.clean == Clean::Off {
            return Ok(());
        }
        let id = decode(end)?;
        for entry in self.entries(id.checked_sub(1), id)? {
            clean(&self.options.clean, &entry.path);
        }
        Ok(())
    }

    fn prepare_available_now(&mut self, _start: Option<&Offset>) -> Result<()> {
        self.available_now = Some(self.new_files()?);
        Ok(())
    }
}

/// Folders that look like a partition that the stream does not have.
fn drop_unknown_partitions(listing: &mut Listing, schema: &arrow::datatypes::Schema, case_sensitive: bool) {
    let known = |name: &str| {
        schema
            .fields()
            .iter()
            .any(|field| if case_sensitive { field.name() == name } else { field.name().eq_ignore_ascii_case(name) })
    };
    let keep: Vec<bool> = listing.partition_fields.iter().map(|field| known(field.name())).collect();
    if keep.iter().all(|keep| *keep) {
        return;
    }
    let mut at = keep.iter();
    listing.partition_fields.retain(|_| *at.next().unwrap_or(&true));
    for values in &mut listing.partition_values {
        let mut at = keep.iter();
        values.retain(|_| *at.next().unwrap_or(&true));
    }
}

fn encode(id: u64) -> Offset {
    Offset(format!("{{\"logOffset\":{id}}}"))
}

/// `{"logOffset":3}`, or the plain number of old versions.
fn decode(offset: &Offset) -> Result<u64> {
    let plain = offset.0.trim().parse().ok();
    let object = || serde_json::from_str::<Value>(&offset.0).ok()?.get("logOffset")?.as_u64();
    plain.or_else(object).ok_or_else(|| illegal_argument(format!("{} is no offset of a file source", offset.0)))
}

/// Deletes or moves a file. What fails is tried at no other time, as in Spark: the rows are safe.
fn clean(how: &Clean, path: &Path) {
    let outcome = match how {
        Clean::Off => Ok(()),
        Clean::Delete => std::fs::remove_file(path),
        Clean::Archive(archive) => {
            let target = archive.join(path.strip_prefix("/").unwrap_or(path));
            let parent = target.parent().map_or(Ok(()), std::fs::create_dir_all);
            parent.and_then(|()| std::fs::rename(path, &target))
        }
    };
    if let Err(error) = outcome {
        tracing::warn!(path = %path.display(), %error, "a processed file could not be cleaned up");
    }
}

/// Archived files must not be found again.
fn refuse_archive_in_source(archive: &Path, source: &Path) -> Result<()> {
    let parts = |path: &Path| -> Vec<String> {
        path.to_string_lossy().split('/').filter(|part| !part.is_empty()).map(str::to_string).collect()
    };
    let mut matched = true;
    for (own, pattern) in parts(archive).iter().zip(&parts(source)) {
        matched &= glob::Matcher::new(pattern)?.matches(own);
    }
    if matched {
        return Err(illegal_argument(
            "requirement failed: Base archive path cannot be set to the path where archived path can possibly match \
             with source pattern. Ensure the base archive path doesn't match with source pattern in depth, where the \
             depth is minimum of depth on both paths.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lines_are_those_of_spark() {
        assert_eq!(encode(3).0, r#"{"logOffset":3}"#);
        assert_eq!(decode(&encode(3)).ok(), Some(3));
        assert_eq!(decode(&Offset("7".into())).ok(), Some(7));
        let line = r#"{"path":"file:///w/in8%20x/f0.json","timestamp":1700000000000,"batchId":0}"#;
        assert_eq!(FileEntry::parse(line).map(|entry| entry.line()).ok().as_deref(), Some(line));
    }

    #[test]
    fn archives_lie_outside_of_the_source() {
        let refused =
            |archive: &str, source: &str| refuse_archive_in_source(Path::new(archive), Path::new(source)).is_err();
        assert!(refused("/in/x", "/in") && refused("/in/a/b", "/in/*") && refused("/in", "/in/x"));
        assert!(!refused("/archive/x", "/in"));
    }
}
