//! Parents by interpreter and idle workers by session. A worker that is not given back is killed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use firesteel_protocol::{Result, SparkError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use crate::PythonSession;
use crate::parent::Parent;

/// Idle workers end after this time, as Spark's do.
const IDLE: Duration = Duration::from_secs(60);

/// No word from any worker for this long: tasks may be waiting for each other.
const STALLED: Duration = Duration::from_millis(300);

/// Where the Python package `firesteel` lies; given a directory to write it to if it is nowhere yet.
pub type PackageDirectory = Arc<dyn Fn(&Path) -> std::io::Result<PathBuf> + Send + Sync>;

/// Installs PySpark for an interpreter that has none: its path, the tag of its version and why. Takes a while.
pub type InstallClient = Arc<dyn Fn(&Path, &str, &str) -> std::result::Result<(), String> + Send + Sync>;

/// How an application's workers are started.
#[derive(Clone)]
pub struct PoolConf {
    /// The interpreter that runs the program; none looks for one.
    pub interpreter: Option<PathBuf>,
    pub package: PackageDirectory,
    pub client: Option<InstallClient>,
    /// For every worker.
    pub environment: Vec<(String, String)>,
    /// Directories and archives on the module path, `--py-files`.
    pub modules: Vec<PathBuf>,
    pub working_dir: PathBuf,
    /// The program has Python functions by the look of it: start before they come.
    pub expected: bool,
}

impl Default for PoolConf {
    fn default() -> Self {
        let nowhere = |_: &Path| Err(std::io::Error::other("the Python package of Firesteel is not here"));
        Self {
            interpreter: None,
            package: Arc::new(nowhere),
            client: None,
            environment: vec![],
            modules: vec![],
            working_dir: PathBuf::from("."),
            expected: false,
        }
    }
}

impl std::fmt::Debug for PoolConf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolConf").field("interpreter", &self.interpreter).finish_non_exhaustive()
    }
}

/// All Python processes of an application.
#[derive(Debug)]
pub struct Pool {
    conf: PoolConf,
    parents: Mutex<HashMap<PathBuf, Arc<Parent>>>,
    idle: parking_lot::Mutex<Vec<Idle>>,
    /// Tasks that run at once.
    slots: Arc<Semaphore>,
    /// Counts what comes from workers: a number that stands still may mean that tasks wait for each other.
    progress: AtomicU64,
    /// When a task last went on without a slot.
    exception: parking_lot::Mutex<Instant>,
    this: Weak<Pool>,
}

#[derive(Debug)]
struct Idle {
    worker: Worker,
    since: Instant,
}

/// What tells the workers of one kind from others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    interpreter: PathBuf,
    session_id: Arc<str>,
    memory_mb: Option<u64>,
}

/// A worker process, which this end of the connection owns.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) stream: Option<UnixStream>,
    /// Ends with this.
    process: Process,
    /// The parent's, in which a worker that crashes leaves a note.
    directory: PathBuf,
    key: Key,
}

/// Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    /// When it started, as the system tells it: its parent buries it as soon as it ends, and numbers come again.
    started: Option<String>,
}

impl Process {
    fn new(pid: i32) -> Self {
        Self { pid, started: start_time(pid) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if start_time(self.pid) == self.started {
            // It fails only where the worker has ended already.
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// A process's start in ticks since the machine's, field 22 of `/proc/PID/stat`; None where there is no such file.
fn start_time(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

impl Pool {
    /// A pool that starts nothing until it is asked.
    pub fn new(conf: PoolConf) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            conf,
            parents: Mutex::default(),
            idle: parking_lot::Mutex::default(),
            slots: Arc::new(Semaphore::new(slots())),
            progress: AtomicU64::new(0),
            exception: parking_lot::Mutex::new(Instant::now()),
            this: this.clone(),
        })
    }

    /// A worker of the session: an idle one, or one that is forked now.
    pub(crate) async fn worker(&self, session: &PythonSession, pandas: bool) -> Result<Worker> {
        if let Some(setting) = session.refused {
            let way = "Leave it out; code that all workers need can be a module that the functions import.";
            return Err(SparkError::unsupported(format!("the setting {setting}"), way));
        }
        let key = Key {
            interpreter: self.interpreter(session)?,
            session_id: Arc::clone(&session.session_id),
            memory_mb: session
                .memory_mb
                .clone()
                .map_err(|message| SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(message))?,
        };
        while let Some(mut worker) = self.take(&key) {
            if worker.still_there() {
                return Ok(worker);
            }
        }
        let parent = self.parent(&key.interpreter).await?;
        let failed = |error: std::io::Error| SparkError::internal(format!("no Python worker: {error}"));
        let mut stream = parent.fork(pandas).await.map_err(failed)?;
        let pid = stream.read_i32().await.map_err(failed)?;
        Ok(Worker {
            stream: Some(stream),
            process: Process::new(pid),
            directory: parent.directory().to_path_buf(),
            key,
        })
    }

    /// A place for one more task. Partitions may be many, and each takes a process; but tasks may wait for each other,
    /// so where nothing moves, one by one they go on without.
    pub(crate) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        let mut seen = self.progress.load(Ordering::Relaxed);
        loop {
            if let Ok(permit) = tokio::time::timeout(STALLED, Arc::clone(&self.slots).acquire_owned()).await {
                return permit.ok();
            }
            let now = self.progress.load(Ordering::Relaxed);
            let mut last = self.exception.lock();
            if now == seen && last.elapsed() >= STALLED {
                *last = Instant::now();
                return None;
            }
            seen = now;
        }
    }

    /// A worker has said something.
    pub(crate) fn moved(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps a worker that has done its task for the next one.
    pub(crate) fn give_back(&self, worker: Worker) {
        self.idle.lock().push(Idle { worker, since: Instant::now() });
        let this = self.this.clone();
        tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            if let Some(pool) = this.upgrade() {
                pool.idle.lock().retain(|idle| idle.since.elapsed() < IDLE);
            }
        });
    }

    /// Ends the idle workers of a session that is over.
    pub fn forget(&self, session_id: &str) {
        self.idle.lock().retain(|idle| &*idle.worker.key.session_id != session_id);
    }

    fn take(&self, key: &Key) -> Option<Worker> {
        let mut idle = self.idle.lock();
        let at = idle.iter().rposition(|idle| idle.worker.key == *key)?;
        Some(idle.remove(at).worker)
    }

    async fn parent(&self, interpreter: &Path) -> Result<Arc<Parent>> {
        let mut parents = self.parents.lock().await;
        if let Some(parent) = parents.get(interpreter).filter(|parent| parent.alive()) {
            return Ok(Arc::clone(parent));
        }
        let parent = Arc::new(Parent::start(interpreter, &self.conf).await?);
        parents.insert(interpreter.to_path_buf(), Arc::clone(&parent));
        Ok(parent)
    }

    /// Starts the program's parent, where its functions are expected. Must be called inside the runtime.
    pub fn warm_expected(&self) {
        let (Some(pool), Some(interpreter), true) =
            (self.this.upgrade(), self.conf.interpreter.clone(), self.conf.expected)
        else {
            return;
        };
        tokio::spawn(async move {
            // An error shows with the first function.
            let _ = pool.parent(&interpreter).await;
        });
    }

    /// Starts the session's parent ahead of the first task; an error shows with that task.
    pub fn warm(&self, session: &PythonSession) {
        let Some(pool) = self.this.upgrade() else { return };
        let Ok(interpreter) = self.interpreter(session) else { return };
        tokio::spawn(async move {
            let _ = pool.parent(&interpreter).await;
        });
    }

    fn interpreter(&self, session: &PythonSession) -> Result<PathBuf> {
        let named = |name: &str| {
            find(name).ok_or_else(|| {
                SparkError::new("PYTHON_WORKER_START").with_message(format!("there is no Python interpreter at {name}"))
            })
        };
        if let Some(name) = &session.interpreter {
            return named(name);
        }
        if let Some(path) = &self.conf.interpreter {
            return Ok(path.clone());
        }
        match std::env::var("PYSPARK_PYTHON").ok().filter(|name| !name.is_empty()) {
            Some(name) => named(&name),
            None => named("python3"),
        }
    }
}

impl Worker {
    /// The error of a worker that is gone, with what Python's `faulthandler` wrote.
    pub(crate) fn explained(&self, error: SparkError, noted: bool) -> SparkError {
        if !noted || error.condition() != "_LEGACY_PYTHON_WORKER_EXITED" {
            return error;
        }
        let path = self.directory.join(format!("fault-{}", self.process.pid));
        match std::fs::read_to_string(path) {
            Ok(note) if !note.is_empty() => SparkError::new("_LEGACY_PYTHON_WORKER_EXITED")
                .with_message(format!("Python worker exited unexpectedly (crashed): {note}")),
            _ => error,
        }
    }

    /// An idle worker says nothing; one that can be read has ended.
    fn still_there(&mut self) -> bool {
        let mut byte = [0; 1];
        match &self.stream {
            Some(stream) => {
                matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
            }
            None => false,
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.idle.lock().clear();
    }
}

/// Several a core, since operators over each other take one each.
fn slots() -> usize {
    4 * std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get).max(2)
}

fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|candidate| candidate.is_file())
}
