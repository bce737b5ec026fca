//! The commit protocol: a job writes below `<path>/_temporary/<job>/new`, which readers skip, and
//! renames into place when everything is complete.
//!
//! What is guaranteed on a file system with atomic renames:
//! - Before the commit begins, nothing is visible and nothing old is touched; a failed, cancelled or
//!   killed job changes nothing (a killed one leaves a folder below `_temporary`).
//! - The commit first moves old entries away (`old/`), then new ones in: two renames per file or folder
//!   at the top of what is replaced. Readers never see old and new rows together. It deletes old files
//!   only afterwards.
//! - A journal says which renames are under way; its removal is the commit point. A process killed
//!   between two renames leaves the journal, and the next write to the path undoes that commit: all old
//!   files come back, none of the new stay. Until then readers may miss rows, but never see them twice.
//! - `_SUCCESS` is written last.
//!
//! A lock on a file of the job tells jobs that are alive from those that were killed; it vanishes with
//! the process. Two jobs that append to one path at once do not disturb each other: what each does at its start and
//! in its commit it does alone, holding a lock on the path's folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder that holds unfinished jobs; as in Hadoop, and hidden by its underscore.
const TEMPORARY: &str = "_temporary";
const JOURNAL: &str = "journal";
const LOCK: &str = "lock";
const SUCCESS: &str = "_SUCCESS";

/// Which old files go when a job commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    Nothing,
    /// Everything below the path.
    All,
    /// Everything below this folder of the path.
    Below(String),
    /// The partition folders that the job wrote.
    WrittenPartitions,
}

/// A point in the commit at which a test may fail or kill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Journal,
    MoveOld,
    MoveNew,
    CommitPoint,
    Success,
    Clear,
}

/// Called before every step; an error stops the commit there.
type Probe<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

/// A running job. Dropped without a commit, it removes all that it wrote.
#[derive(Debug)]
pub struct Job {
    target: PathBuf,
    /// `<path>/_temporary/<job>`, or beside the path where a file is to be replaced by a folder.
    staging: PathBuf,
    /// `<staging>/new`.
    root: PathBuf,
    replace: Replace,
    /// The path did not exist.
    created: bool,
    done: bool,
    /// A file `_SUCCESS` says that the job is complete.
    marks: bool,
    /// Held while the job lives.
    _lock: File,
}

impl Job {
    /// Makes room for a job, after undoing what killed jobs left half-committed.
    pub fn start(target: &Path, replace: Replace) -> io::Result<Self> {
        let is_file = target.is_file();
        let created = !is_file && !target.exists();
        let id = uuid::Uuid::new_v4().to_string();
        let staging = if is_file {
            let name = target.file_name().unwrap_or_default().to_string_lossy();
            target.with_file_name(format!(".{name}.{TEMPORARY}-{id}"))
        } else {
            fs::create_dir_all(target)?;
            target.join(TEMPORARY).join(&id)
        };
        // Until the job's own lock is taken, another job's start would take it for one that was killed.
        let _held = hold(target);
        if !is_file {
            recover(target)?;
            if replace == Replace::All {
                // What a killed Spark job left.
                let _ = fs::remove_dir_all(target.join(TEMPORARY).join("0"));
            }
        }
        let root = staging.join("new");
        let lock = make_staging(&staging, &root).inspect_err(|_| {
            clear(&staging);
            if created {
                let _ = fs::remove_dir(target);
            }
        })?;
        Ok(Self {
            target: target.to_path_buf(),
            staging,
            root,
            replace,
            created,
            done: false,
            marks: true,
            _lock: lock,
        })
    }

    /// Whether `_SUCCESS` is written: Hadoop's `mapreduce.fileoutputcommitter.marksuccessfuljobs`.
    #[must_use]
    pub fn marked(mut self, marks: bool) -> Self {
        self.marks = marks;
        self
    }

    /// Where tasks put their files, under the names and folders that they shall have.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes all files visible. `partitions`: the partition folders written, relative.
    pub fn commit(self, partitions: &[String]) -> io::Result<()> {
        self.commit_with(partitions, &mut |_| Ok(()))
    }

    fn commit_with(mut self, partitions: &[String], probe: Probe<'_>) -> io::Result<()> {
        let replaced_file = self.move_file_away()?;
        // Two jobs that write to one path commit one after the other.
        let _held = hold(&self.target);
        match self.move_in(partitions, probe) {
            Ok(()) => self.done = true,
            // Only a test interrupts: it stands for a kill, so nothing is tidied up.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.done = true;
                return Err(error);
            }
            Err(error) => {
                if let Some(file) = replaced_file {
                    let _ = fs::remove_dir(&self.target);
                    fs::rename(file, &self.target)?;
                }
                return Err(error);
            }
        }
        probe(Step::Success)?;
        if self.marks {
            File::create(self.target.join(SUCCESS))?;
        }
        probe(Step::Clear)?;
        self.clear();
        Ok(())
    }

    /// All renames, up to the commit point; undone if one fails.
    fn move_in(&self, partitions: &[String], probe: Probe<'_>) -> io::Result<()> {
        let journal = self.journal(partitions)?;
        let written = self.staging.join(JOURNAL);
        probe(Step::Journal)?;
        write_atomically(&written, &journal.encode())?;
        let moved = journal.roll_forward(&self.target, &self.staging, probe).and_then(|()| {
            probe(Step::CommitPoint)?;
            fs::remove_file(&written)
        });
        match moved {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                journal.undo(&self.target, &self.staging)?;
                Err(error)
            }
            moved => moved,
        }
    }

    /// An overwritten path that is a file makes way for a folder.
    fn move_file_away(&self) -> io::Result<Option<PathBuf>> {
        if !self.target.is_file() {
            return Ok(None);
        }
        let away = self.staging.join("file");
        fs::rename(&self.target, &away)?;
        fs::create_dir(&self.target)?;
        Ok(Some(away))
    }

    fn journal(&self, partitions: &[String]) -> io::Result<Journal> {
        let mark = if self.marks { existing(&self.target, &[SUCCESS.to_string()]) } else { vec![] };
        let old = match &self.replace {
            Replace::Nothing => mark,
            Replace::All => entries(&self.target, "")?.into_iter().filter(|entry| entry != TEMPORARY).collect(),
            Replace::Below(folder) => [existing(&self.target, std::slice::from_ref(folder)), mark].concat(),
            Replace::WrittenPartitions => [existing(&self.target, partitions), mark].concat(),
        };
        let mut new = vec![];
        self.collect_new("", &old, &mut new)?;
        Ok(Journal { old, new })
    }

    /// The highest files and folders that can be renamed as a whole: those whose place is free.
    fn collect_new(&self, folder: &str, old: &[String], new: &mut Vec<String>) -> io::Result<()> {
        for entry in entries(&self.root, folder)? {
            let free = old.contains(&entry) || !self.target.join(&entry).exists();
            if free || !self.root.join(&entry).is_dir() {
                new.push(entry);
            } else {
                self.collect_new(&entry, old, new)?;
            }
        }
        Ok(())
    }

    /// Removes the job's folder, and `_temporary` if it was the last.
    fn clear(&self) {
        clear(&self.staging);
        if self.created && !self.done {
            let _ = fs::remove_dir(&self.target);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.done {
            let _held = hold(&self.target);
            self.clear();
        }
    }
}

/// Holds a folder against other jobs, of this process and others, while the value lives. Where folders cannot be
/// locked jobs do without.
fn hold(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    file.lock().ok().map(|()| file)
}

/// Makes a job's folders and takes its lock.
fn make_staging(staging: &Path, root: &Path) -> io::Result<File> {
    fs::create_dir_all(root)?;
    let lock = File::create(staging.join(LOCK))?;
    // On a file system without locks a job is never taken for a killed one.
    match lock.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(io::Error::other("the lock of a new job is taken")),
        _ => Ok(lock),
    }
}

/// Removes a job's folder. A task that was just cancelled may still be creating a file in it.
fn clear(staging: &Path) {
    for _ in 0..5 {
        match fs::remove_dir_all(staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            _ => break,
        }
    }
    if let Some(parent) = staging.parent().filter(|parent| parent.ends_with(TEMPORARY)) {
        let _ = fs::remove_dir(parent);
    }
}

/// Undoes and removes what killed jobs left below a path.
pub fn recover(target: &Path) -> io::Result<()> {
    let Ok(jobs) = fs::read_dir(target.join(TEMPORARY)) else { return Ok(()) };
    for job in jobs {
        let staging = job?.path();
        let Ok(lock) = File::open(staging.join(LOCK)) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        if let Ok(text) = fs::read_to_string(staging.join(JOURNAL)) {
            tracing::warn!(path = %target.display(), "undoing a commit that was killed");
            Journal::decode(&text).undo(target, &staging)?;
            fs::remove_file(staging.join(JOURNAL))?;
        }
        clear(&staging);
    }
    Ok(())
}

/// The renames of a commit, by paths relative to the target. Folder names escape line ends.
#[derive(Debug, PartialEq, Eq)]
struct Journal {
    /// Moved away, in this order, before anything new comes in.
    old: Vec<String>,
    /// Moved in.
    new: Vec<String>,
}

impl Journal {
    fn encode(&self) -> String {
        let mut text = String::new();
        for (mark, entries) in [('-', &self.old), ('+', &self.new)] {
            for entry in entries {
                text.push(mark);
                text.push_str(&entry.replace('\\', "\\\\").replace('\n', "\\n"));
                text.push('\n');
            }
        }
        text
    }

    fn decode(text: &str) -> Self {
        let mut journal = Self { old: vec![], new: vec![] };
        for line in text.lines() {
            let mut entry = String::with_capacity(line.len());
            let mut chars = line.chars();
            let mark = chars.next();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => entry.push(if chars.next() == Some('n') { '\n' } else { '\\' }),
                    c => entry.push(c),
                }
            }
            match mark {
                Some('-') => journal.old.push(entry),
                Some('+') => journal.new.push(entry),
                _ => {}
            }
        }
        journal
    }

    fn roll_forward(&self, target: &Path, staging: &Path, probe: Probe<'_>) -> io::Result<()> {
        for entry in &self.old {
            probe(Step::MoveOld)?;
            move_entry(&target.join(entry), &staging.join("old").join(entry))?;
        }
        for entry in &self.new {
            probe(Step::MoveNew)?;
            move_entry(&staging.join("new").join(entry), &target.join(entry))?;
        }
        Ok(())
    }

    /// Puts everything back, whatever of it was done.
    fn undo(&self, target: &Path, staging: &Path) -> io::Result<()> {
        let (old, new) = (staging.join("old"), staging.join("new"));
        for entry in self.new.iter().rev() {
            if !new.join(entry).exists() && target.join(entry).exists() {
                move_entry(&target.join(entry), &new.join(entry))?;
            }
        }
        for entry in self.old.iter().rev() {
            if old.join(entry).exists() {
                move_entry(&old.join(entry), &target.join(entry))?;
            }
        }
        Ok(())
    }
}

fn move_entry(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(from, to)
        }
        done => done,
    }
}

/// A crash must not leave half a journal.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    let mut file = File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(unfinished, path)
}

/// The names in a folder of `base`, relative to `base`, sorted.
fn entries(base: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut found = vec![];
    for entry in fs::read_dir(base.join(folder))? {
        let entry = entry?.file_name().to_string_lossy().into_owned();
        found.push(if folder.is_empty() { entry } else { format!("{folder}/{entry}") });
    }
    found.sort_unstable();
    Ok(found)
}

/// Those of these relative paths that exist.
fn existing(target: &Path, relative: &[String]) -> Vec<String> {
    relative.iter().filter(|entry| target.join(entry).exists()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &Path) -> Vec<String> {
        let mut found = vec![];
        let mut open = vec![path.to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the test") {
                let entry = entry.expect("an entry of the test").path();
                if entry.is_dir() {
                    if !entry.ends_with(TEMPORARY) {
                        open.push(entry);
                    }
                } else {
                    found.push(entry.strip_prefix(path).expect("below").to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }

    fn put(root: &Path, files: &[&str]) {
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("created");
            fs::write(path, file).expect("written");
        }
    }

    fn job(target: &Path, replace: Replace, files: &[&str]) -> Job {
        let job = Job::start(target, replace).expect("started");
        put(job.root(), files);
        job
    }

    #[test]
    fn an_overwrite_replaces_all_and_an_append_adds() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("out");
        job(&target, Replace::All, &["k=1/a", "k=2/a"]).commit(&[]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "k=1/a", "k=2/a"]);
        job(&target, Replace::Nothing, &["k=1/b", "k=3/b"]).commit(&[]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "k=1/a", "k=1/b", "k=2/a", "k=3/b"]);
        job(&target, Replace::WrittenPartitions, &["k=1/c"]).commit(&["k=1".into()]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "k=1/c", "k=2/a", "k=3/b"]);
        job(&target, Replace::Below("k=2".into()), &["k=2/d"]).commit(&[]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "k=1/c", "k=2/d", "k=3/b"]);
        job(&target, Replace::All, &["x"]).commit(&[]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "x"]);
        assert!(!target.join(TEMPORARY).exists());
    }

    #[test]
    fn a_dropped_job_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("out");
        drop(job(&target, Replace::All, &["a"]));
        assert!(!target.exists());
    }

    #[test]
    fn a_file_is_replaced_by_a_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("out");
        fs::write(&target, "x").expect("written");
        job(&target, Replace::All, &["a"]).commit(&[]).expect("committed");
        assert_eq!(tree(dir.path()), ["out/_SUCCESS", "out/a"]);
    }

    /// Every step fails, and every step is killed, for each way of replacing.
    #[test]
    fn failures_and_kills_lose_nothing() {
        for replace in [Replace::Nothing, Replace::All, Replace::WrittenPartitions] {
            for kill in [false, true] {
                for stop_at in 0.. {
                    let dir = tempfile::tempdir().expect("a folder");
                    let target = dir.path().join("out");
                    job(&target, Replace::All, &["k=0/a", "k=1/a", "k=2/a"]).commit(&[]).expect("committed");
                    let before = tree(&target);
                    let job = job(&target, replace.clone(), &["k=1/b", "k=3/b"]);
                    let mut steps = 0;
                    let mut last = None;
                    let outcome = job.commit_with(&["k=1".into(), "k=3".into()], &mut |step| {
                        steps += 1;
                        last = Some(step);
                        match (steps > stop_at, kill) {
                            (true, true) => Err(io::ErrorKind::Interrupted.into()),
                            (true, false) => Err(io::Error::other("injected")),
                            _ => Ok(()),
                        }
                    });
                    let Err(_) = outcome else { break };
                    let committed = matches!(last, Some(Step::Success | Step::Clear));
                    // Never old and new rows of an overwritten partition together.
                    if replace != Replace::Nothing {
                        let now = tree(&target);
                        assert!(!(now.contains(&"k=1/a".to_string()) && now.contains(&"k=1/b".to_string())), "{now:?}");
                    }
                    recover(&target).expect("recovered");
                    let after = tree(&target);
                    if committed {
                        assert!(
                            after.contains(&"k=1/b".to_string()) && after.contains(&"k=3/b".to_string()),
                            "{after:?}"
                        );
                    } else {
                        assert_eq!(after, before, "{replace:?} {kill} {last:?}");
                    }
                    assert!(!target.join(TEMPORARY).exists(), "{replace:?} {kill} {last:?}");
                }
            }
        }
    }

    #[test]
    fn a_living_job_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let target = dir.path().join("out");
        let first = job(&target, Replace::Nothing, &["a"]);
        job(&target, Replace::Nothing, &["b"]).commit(&[]).expect("committed");
        first.commit(&[]).expect("committed");
        assert_eq!(tree(&target), ["_SUCCESS", "a", "b"]);
    }

    #[test]
    fn journals_are_read_back() {
        let journal = Journal { old: vec!["a\\nb".into(), "c\nd".into()], new: vec!["+x".into()] };
        assert_eq!(Journal::decode(&journal.encode()), journal);
    }
}
