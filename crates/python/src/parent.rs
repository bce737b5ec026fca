//! The parent of an interpreter's workers: started with the first user code, it imports PySpark once and forks a
//! worker for every connection to its socket. It ends with us, since its standard input is our end of a socket pair.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firesteel_protocol::temporary::Folder;
use firesteel_protocol::{Result, SparkError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use crate::PoolConf;

/// An interpreter that takes longer to start is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an interpreter without PySpark leaves beside the socket: a line with its tag, and why.
const NO_CLIENT_FILE: &str = "no-client";

/// A parent, or what that file says.
type Begun = std::result::Result<Parent, String>;

/// A running parent.
#[derive(Debug)]
pub(crate) struct Parent {
    process: parking_lot::Mutex<Child>,
    /// Holds the socket; only this user may enter.
    directory: Folder,
    control: Mutex<Control>,
}

#[derive(Debug)]
struct Control {
    stream: UnixStream,
    pandas: bool,
}

impl Parent {
    /// Where its socket is, and what its workers leave.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts an interpreter and waits until it takes connections. Where it has no PySpark, that is installed first.
    pub(crate) async fn start(interpreter: &Path, conf: &PoolConf) -> Result<Self> {
        let failed = |error: std::io::Error| {
            SparkError::new("PYTHON_WORKER_START").with_message(format!(
                "cannot start Python workers with {}: {error}. Name another interpreter by PYSPARK_PYTHON or \
                 spark.pyspark.python.",
                interpreter.display()
            ))
        };
        let lacks = match Self::begin(interpreter, conf).await.map_err(failed)? {
            Ok(parent) => return Ok(parent),
            Err(lacks) => lacks,
        };
        let (tag, reason) = lacks.split_once('\n').unwrap_or(("", &lacks));
        let install = conf.client.clone().filter(|_| !tag.is_empty());
        let install = install.ok_or_else(|| failed(std::io::Error::other(reason.to_owned())))?;
        let (path, tag, reason) = (interpreter.to_owned(), tag.to_owned(), reason.to_owned());
        let installed = tokio::task::spawn_blocking(move || install(&path, &tag, &reason));
        let installed = installed.await.map_err(|error| failed(std::io::Error::other(error)))?;
        installed.map_err(|error| failed(std::io::Error::other(error)))?;
        match Self::begin(interpreter, conf).await.map_err(failed)? {
            Ok(parent) => Ok(parent),
            Err(lacks) => Err(failed(std::io::Error::other(lacks))),
        }
    }

    async fn begin(interpreter: &Path, conf: &PoolConf) -> std::io::Result<Begun> {
        let directory = Folder::new("python")?;
        let package = (conf.package)(directory.path())?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let mut command = Command::new(interpreter);
        command
            .arg(package.join("firesteel").join("worker.py"))
            .arg(directory.path().join("socket"))
            .current_dir(&conf.working_dir)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            // As Spark's PythonWorkerFactory sets them: hashes of strings agree between workers.
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONUNBUFFERED", "YES")
            .env("PYTHONPATH", python_path(&package, &conf.modules))
            .env_remove("SPARK_REMOTE")
            .env_remove("SPARK_TESTING")
            // Ctrl-C at the terminal is the program's, not the workers'.
            .process_group(0);
        for (key, value) in &conf.environment {
            command.env(key, value);
        }
        let process = command.spawn()?;
        drop(command);
        ours.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(ours)?;
        let mut ready = [0; 1];
        let answer = tokio::time::timeout(PATIENCE, stream.read_exact(&mut ready)).await;
        let parent = Self {
            process: parking_lot::Mutex::new(process),
            directory,
            control: Mutex::new(Control { stream, pandas: false }),
        };
        match answer {
            Ok(Ok(_)) => Ok(Ok(parent)),
            Ok(Err(_)) => match std::fs::read_to_string(parent.directory().join(NO_CLIENT_FILE)) {
                Ok(lacks) => Ok(Err(lacks)),
                Err(_) => Err(std::io::Error::other("it ended at once; its own words are on standard error")),
            },
            Err(_) => Err(std::io::Error::other("it did not answer in time")),
        }
    }

    /// A connection to a worker that is forked for it.
    pub(crate) async fn fork(&self, pandas: bool) -> std::io::Result<UnixStream> {
        let mut control = self.control.lock().await;
        if pandas && !control.pandas {
            control.pandas = true;
            control.stream.write_all(b"pandas\n").await?;
        }
        drop(control);
        UnixStream::connect(self.directory.path().join("socket")).await
    }

    /// Whether the process still runs.
    pub(crate) fn alive(&self) -> bool {
        matches!(self.process.lock().try_wait(), Ok(None))
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let mut process = self.process.lock();
        // Its workers see their connections close and end by themselves.
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// A file in the folder `python` of a SPARK_HOME of ours: what stands for PySpark there is for a user's own Python.
pub const SPARK_HOME_MARK: &str = ".firesteel-home";

fn python_path(package: &Path, modules: &[std::path::PathBuf]) -> std::ffi::OsString {
    let own = std::env::var_os("PYTHONPATH").filter(|path| !path.is_empty());
    let mut entries = vec![package.to_path_buf()];
    entries.extend_from_slice(modules);
    let own = own.iter().flat_map(std::env::split_paths);
    entries.extend(own.filter(|path| !path.join(SPARK_HOME_MARK).exists()));
    std::env::join_paths(entries).unwrap_or_else(|_| package.as_os_str().to_owned())
}
