//! Makes rolling logs smaller: of their older files only what still matters is kept, in one file.
//!
//! As Spark's `EventLogFileCompactor`: events of jobs, queries and executors that have ended go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::find::Log;
use super::folder::Folder;
use super::pack::{self, Codec, Packed};
use crate::event::name_of;

/// When logs are compacted.
#[derive(Debug, Clone, Copy)]
pub struct Compaction {
    /// Files that stay as they are: `spark.history.fs.eventLog.rolling.maxFilesToRetain`.
    pub keep: usize,
    /// The share of events that must go for it to be worth the work: `...compaction.score.threshold`.
    pub threshold: f64,
}

/// Compacts a log where it has enough files and enough of what has ended; whether it did.
///
/// # Errors
/// The log cannot be read, or its folder not be written to.
pub fn compact(folder: &Folder, log: &Log, how: Compaction) -> io::Result<bool> {
    let count = log.files.len().saturating_sub(how.keep.max(1));
    // One file that is compacted already gives nothing more by itself.
    let (old, Some(last)) = (&log.files[..count], log.files[..count].last()) else { return Ok(false) };
    if count == 1 && is_compacted(last) {
        return Ok(false);
    }
    let mut ended = Ended::default();
    let mut events = 0_u64;
    for_lines(folder, old, |line| {
        events += 1;
        ended.note(line);
        Ok(())
    })?;
    let mut gone = 0_u64;
    for_lines(folder, old, |line| {
        gone += u64::from(ended.covers(line));
        Ok(())
    })?;
    if gone == 0 || (gone as f64) < how.threshold * events as f64 {
        return Ok(false);
    }
    write(folder, old, last, &ended)?;
    // Readers take the compacted file for all up to its number: what is left behind harms nobody.
    for path in old.iter().filter(|path| !is_compacted(path) || *path != last) {
        folder.remove_file(path)?;
    }
    Ok(true)
}

fn is_compacted(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "compact")
}

/// Writes what stays beside its target first, so that a kill leaves no half of it.
fn write(folder: &Folder, old: &[PathBuf], last: &Path, ended: &Ended) -> io::Result<()> {
    let name = last.file_name().unwrap_or_default().to_string_lossy();
    let beside = last.parent().unwrap_or(Path::new("."));
    // What goes to a bucket is made on this machine.
    let spool = if matches!(folder, Folder::Local(_)) { None } else { Some(tempfile::tempdir()?) };
    let unfinished = spool.as_ref().map_or(beside, |spool| spool.path()).join(format!(".{name}.unfinished"));
    let codec = Codec::of(last).map(|codec| if codec == Codec::Lzf { Codec::Lz4 } else { codec });
    let mut out = Packed::create(&unfinished, codec, 1 << 16)?;
    let written = for_lines(folder, old, |line| {
        if ended.covers(line) { Ok(()) } else { out.write_all(line).and_then(|()| out.write_all(b"\n")) }
    });
    let written = written.and_then(|()| out.finish());
    if let Err(error) = written {
        // The error that came first is the one to tell.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    let name = name.strip_suffix(".compact").unwrap_or(&name);
    let name = name.strip_suffix(".lzf").map(|name| format!("{name}.lz4")).unwrap_or_else(|| name.to_string());
    folder.place(&unfinished, &beside.join(format!("{name}.compact")))
}

fn for_lines(folder: &Folder, files: &[PathBuf], mut act: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut line = vec![];
    for path in files {
        let mut reader = BufReader::with_capacity(1 << 20, pack::open(folder, path, 0)?);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let own = line.trim_ascii();
            if !own.is_empty() {
                act(own)?;
            }
        }
    }
    Ok(())
}

/// What an event is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct About {
    #[serde(rename = "Job ID")]
    job: Option<i64>,
    #[serde(rename = "Stage IDs")]
    stages: Vec<i64>,
    #[serde(rename = "Stage ID")]
    stage: Option<i64>,
    #[serde(rename = "Stage Info")]
    info: Option<AboutStage>,
    #[serde(rename = "executionId")]
    execution: Option<i64>,
    #[serde(rename = "Properties")]
    properties: Option<AboutJob>,
    #[serde(rename = "Executor ID")]
    executor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AboutStage {
    #[serde(rename = "Stage ID")]
    id: i64,
}

#[derive(Debug, Deserialize)]
struct AboutJob {
    #[serde(rename = "spark.sql.execution.id")]
    execution: Option<String>,
}

/// The kinds of events of which some go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    JobStart,
    JobEnd,
    Stage,
    SqlStart,
    SqlEnd,
    Sql,
    ExecutorRemoved,
    Executor,
}

fn kind(line: &[u8]) -> Option<Kind> {
    let name = name_of(line)?;
    Some(match name.rsplit(|byte| *byte == b'.').next()?.strip_prefix(b"SparkListener")? {
        b"JobStart" => Kind::JobStart,
        b"JobEnd" => Kind::JobEnd,
        b"StageSubmitted" | b"StageCompleted" | b"TaskStart" | b"TaskEnd" | b"TaskGettingResult" => Kind::Stage,
        b"StageExecutorMetrics" | b"SpeculativeTaskSubmitted" => Kind::Stage,
        b"SQLExecutionStart" => Kind::SqlStart,
        b"SQLExecutionEnd" => Kind::SqlEnd,
        b"SQLAdaptiveExecutionUpdate" | b"SQLAdaptiveSQLMetricUpdates" | b"DriverAccumUpdates" => Kind::Sql,
        b"ExecutorRemoved" => Kind::ExecutorRemoved,
        b"ExecutorAdded" | b"ExecutorMetricsUpdate" => Kind::Executor,
        _ => return None,
    })
}

fn about(line: &[u8]) -> Option<(Kind, About)> {
    let kind = kind(line)?;
    Some((kind, serde_json::from_slice(line).ok()?))
}

/// What has ended: its events tell nothing of what comes after.
#[derive(Debug, Default)]
struct Ended {
    /// The query of each job.
    jobs: BTreeMap<i64, Option<i64>>,
    /// The jobs that each stage is for.
    stages: BTreeMap<i64, Vec<i64>>,
    running_jobs: BTreeSet<i64>,
    executions: BTreeSet<i64>,
    running_executions: BTreeSet<i64>,
    executors: BTreeSet<String>,
}

impl Ended {
    fn note(&mut self, line: &[u8]) {
        let Some((kind, own)) = about(line) else { return };
        match (kind, own.job, own.execution) {
            (Kind::JobStart, Some(job), _) => {
                let execution = own.properties.and_then(|own| own.execution?.parse().ok());
                self.jobs.insert(job, execution);
                own.stages.iter().for_each(|stage| self.stages.entry(*stage).or_default().push(job));
                self.running_jobs.insert(job);
            }
            (Kind::JobEnd, Some(job), _) => {
                self.running_jobs.remove(&job);
            }
            (Kind::SqlStart, _, Some(execution)) => {
                self.executions.insert(execution);
                self.running_executions.insert(execution);
            }
            (Kind::SqlEnd, _, Some(execution)) => {
                self.running_executions.remove(&execution);
            }
            (Kind::ExecutorRemoved, ..) => self.executors.extend(own.executor),
            _ => {}
        }
    }

    /// Whether the event goes.
    fn covers(&self, line: &[u8]) -> bool {
        let Some((kind, own)) = about(line) else { return false };
        match kind {
            Kind::JobStart | Kind::JobEnd => own.job.is_some_and(|job| self.job_ended(job)),
            Kind::Stage => {
                let stage = own.stage.or(own.info.map(|info| info.id));
                stage.is_some_and(|stage| self.stage_ended(stage))
            }
            Kind::SqlStart | Kind::SqlEnd | Kind::Sql => own.execution.is_some_and(|id| self.execution_ended(id)),
            Kind::Executor | Kind::ExecutorRemoved => own.executor.is_some_and(|id| self.executors.contains(&id)),
        }
    }

    fn execution_ended(&self, id: i64) -> bool {
        self.executions.contains(&id) && !self.running_executions.contains(&id)
    }

    /// A job of a query that still runs is still looked at.
    fn job_ended(&self, id: i64) -> bool {
        let Some(execution) = self.jobs.get(&id) else { return false };
        !self.running_jobs.contains(&id) && execution.is_none_or(|id| !self.running_executions.contains(&id))
    }

    fn stage_ended(&self, stage: i64) -> bool {
        self.stages.get(&stage).is_some_and(|jobs| jobs.iter().all(|job| self.job_ended(*job)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_goes() {
        let mut ended = Ended::default();
        let sql = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecution";
        let job = |id: i64| {
            format!(
                "{{\"Event\":\"SparkListenerJobStart\",\"Job ID\":{id},\"Stage IDs\":[{id}],\"Properties\":{{\"spark.sql.execution.id\":\"{id}\"}}}}"
            )
        };
        for id in 0..2 {
            ended.note(format!("{{\"Event\":\"{sql}Start\",\"executionId\":{id}}}").as_bytes());
            ended.note(job(id).as_bytes());
            ended.note(format!("{{\"Event\":\"SparkListenerJobEnd\",\"Job ID\":{id}}}").as_bytes());
        }
        ended.note(format!("{{\"Event\":\"{sql}End\",\"executionId\":0}}").as_bytes());
        let task = |id: i64| format!("{{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":{id}}}");
        let gone = |line: String| ended.covers(line.as_bytes());
        // The job of the query that still runs is kept with it.
        assert_eq!(
            [gone(job(0)), gone(task(0)), gone(job(1)), gone(task(1)), gone(task(7))],
            [true, true, false, false, false]
        );
        assert!(!gone("{\"Event\":\"SparkListenerApplicationStart\"}".into()));
    }
}
