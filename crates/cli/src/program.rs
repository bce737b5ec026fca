//! A Python program and the server it talks to: both start at the same time in one process tree,
//! and the program's end is the end of everything.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

use firesteel_protocol::temporary::Folder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use crate::CommandResult;
use crate::client;
use crate::host::{Connection, Host};
use crate::logging;
use crate::python;
use crate::settings::Settings;
use crate::shim;

/// What `run.py` exits with when its Python has no PySpark client; the file says why.
const NO_CLIENT_STATUS: i32 = 79;
const NO_CLIENT_FILE: &str = "no-client";
/// Interrupts that a program may ignore before it is killed.
const PATIENCE: usize = 3;

/// What to run.
#[derive(Debug)]
pub struct Program {
    pub settings: Settings,
    pub mode: Mode,
    /// A server elsewhere; none means one in this process.
    pub remote: Option<String>,
}

#[derive(Debug)]
pub enum Mode {
    /// A script, by its absolute path, with its arguments.
    Script { script: PathBuf, arguments: Vec<String> },
    /// The interactive prompt.
    Shell,
}

/// Run the program to its end.
///
/// # Errors
/// Where the program cannot start, or the server ends before it does. What the program itself
/// fails with is in its exit status, which becomes ours.
pub fn run(mut program: Program) -> CommandResult {
    logging::start();
    let python = python::find(&program.settings)?;
    let run_dir = prepare(&program.settings)?;
    program.settings.run_dir = Some(run_dir.path().to_owned());
    let launch = Launch { shim: write_shim(run_dir.path())?, run_dir: run_dir.path(), program: &program };
    let runtime = firesteel_server::runtime().map_err(|error| format!("cannot start: {error}"))?;
    let status = runtime.block_on(launch.run(&python));
    // The program is gone: what the server still does for it has nobody to answer to.
    runtime.shutdown_background();
    status.map(exit_code)
}

/// The directory of this run: the configuration and files that the program asks for.
fn prepare(settings: &Settings) -> Result<Folder, String> {
    let at_directory = |error: io::Error| format!("cannot prepare a temporary directory: {error}");
    let directory = Folder::new("run").map_err(at_directory)?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).map_err(at_directory)?;
    let conf: serde_json::Map<_, _> =
        settings.conf.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    fs::write(directory.path().join("conf.json"), serde_json::Value::from(conf).to_string()).map_err(at_directory)?;
    link_files(settings.list("spark.files"), &directory.path().join("files"))?;
    Ok(directory)
}

/// Put links to these files into a directory.
fn link_files(files: Vec<&str>, directory: &Path) -> Result<(), String> {
    for file in files {
        let source = existing(file)?;
        let name = source.file_name().ok_or_else(|| format!("{file} has no file name"))?;
        fs::create_dir_all(directory)
            .and_then(|()| symlink(&source, directory.join(name)))
            .map_err(|error| format!("cannot provide the file {file}: {error}"))?;
    }
    Ok(())
}

fn existing(file: &str) -> Result<PathBuf, String> {
    if file.contains("://") && !file.starts_with("file://") {
        return Err(format!("{file} is not a local file.\n  Way round: download it first."));
    }
    let path = file.strip_prefix("file://").or_else(|| file.strip_prefix("file:")).unwrap_or(file);
    let path = std::path::absolute(path).map_err(|error| format!("cannot use {file}: {error}"))?;
    if path.exists() { Ok(path) } else { Err(format!("there is no file {file}")) }
}

fn write_shim(run_dir: &Path) -> Result<PathBuf, String> {
    shim::directory(run_dir).map_err(|error| format!("cannot write the Python package: {error}"))
}

struct Launch<'a> {
    program: &'a Program,
    run_dir: &'a Path,
    /// The directory to put on the Python path for the package `firesteel`.
    shim: PathBuf,
}

impl Launch<'_> {
    async fn run(&self, python: &Path) -> Result<ExitStatus, String> {
        let mut signals = Signals::listen().map_err(|error| format!("cannot listen to signals: {error}"))?;
        let connection = match &self.program.remote {
            Some(url) => Connection::elsewhere(url),
            None => Connection::here(&self.program.settings).await?,
        };
        // Python first: importing the client takes longer than everything that the server does.
        let child = self.spawn(python, &connection)?;
        let mut host = connection.host(&self.program.settings);
        let status = watch(child, &mut host, &mut signals).await?;
        let Some((tag, reason)) = self.missing_client(status) else {
            host.finish();
            return Ok(status);
        };
        let python = self.repair(python, &tag, &reason)?;
        let child = self.spawn(&python, &host.connection)?;
        let status = watch(child, &mut host, &mut signals).await?;
        host.finish();
        match self.missing_client(status) {
            Some((_, reason)) => Err(format!("{} cannot run PySpark programs: {reason}", python.display())),
            None => Ok(status),
        }
    }

    /// Python's version tag and what its client lacks, if that is why the program did not run.
    fn missing_client(&self, status: ExitStatus) -> Option<(String, String)> {
        if status.code() != Some(NO_CLIENT_STATUS) {
            return None;
        }
        let file = self.run_dir.join(NO_CLIENT_FILE);
        let text = fs::read_to_string(&file).ok()?;
        fs::remove_file(&file).ok()?;
        let (tag, reason) = text.split_once('\n')?;
        Some((tag.to_owned(), reason.to_owned()))
    }

    /// Get a client for this Python, or find a Python that can have one. An empty tag means that
    /// this one is too old.
    fn repair(&self, python: &Path, tag: &str, reason: &str) -> Result<PathBuf, String> {
        if !tag.is_empty() {
            client::install(python, tag, reason)?;
            return Ok(python.to_owned());
        }
        let newer = python::newer().ok_or_else(|| {
            format!(
                "{} cannot run PySpark programs: {reason}.\n  Way round: name a newer Python with PYSPARK_PYTHON.",
                python.display()
            )
        })?;
        eprintln!("firesteel: {reason}; using {}", newer.display());
        Ok(newer)
    }

    fn spawn(&self, python: &Path, connection: &Connection) -> Result<Child, String> {
        let mut command = Command::new(python);
        let runner = self.shim.join("firesteel/run.py");
        match &self.program.mode {
            Mode::Script { script, arguments } => {
                command.arg(runner).arg("submit").arg(script).args(arguments);
            }
            Mode::Shell => match python::shell_program(python) {
                // As bin/pyspark: Jupyter or IPython, which start Python themselves and find `spark` ready in it.
                Some(options) => {
                    command.args(options).env("PYTHONSTARTUP", self.shim.join("firesteel/startup.py"));
                }
                None => {
                    command.arg("-i").arg(runner).arg("shell");
                }
            },
        }
        command
            .env("PYTHONPATH", self.python_path()?)
            .env("FIRESTEEL_RUN_DIR", self.run_dir)
            .env("FIRESTEEL_PID", std::process::id().to_string())
            .env("FIRESTEEL_VERSION", env!("CARGO_PKG_VERSION"))
            // As bin/spark-submit and Spark's PythonRunner set them.
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONUNBUFFERED", "YES")
            .env_remove("MASTER")
            .env_remove("SPARK_LOCAL_REMOTE");
        if let Some(stem) = client::directory_stem() {
            command.env("FIRESTEEL_CLIENT_DIR", stem);
        }
        connection.describe_to(&mut command);
        command.spawn().map_err(|error| format!("cannot start {}: {error}", python.display()))
    }

    /// Our package, the files of `--py-files`, then the user's own path.
    fn python_path(&self) -> Result<OsString, String> {
        let mut entries = vec![self.shim.clone()];
        let modules = self.run_dir.join("py-files");
        for file in self.program.settings.list("spark.submit.pyFiles") {
            let path = existing(file)?;
            if path.extension().is_some_and(|extension| extension == "py") {
                // Only this module is meant, not its neighbours.
                if !modules.join(path.file_name().unwrap_or_default()).exists() {
                    link_files(vec![file], &modules)?;
                }
                entries.push(modules.clone());
            } else {
                entries.push(path);
            }
        }
        entries.dedup();
        let own = std::env::var_os("PYTHONPATH").filter(|path| !path.is_empty());
        let own = own.iter().flat_map(std::env::split_paths);
        entries.extend(own.filter(|path| !path.join(firesteel_engine::python::SPARK_HOME_MARK).exists()));
        std::env::join_paths(entries).map_err(|error| format!("cannot build PYTHONPATH: {error}"))
    }
}

/// The signals that end a program.
struct Signals {
    interrupt: SignalStream,
    terminate: SignalStream,
    hang_up: SignalStream,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Wait for the program. Ctrl-C reaches it without us, from the terminal; the other signals are
/// passed on. If the server ends first, so does the program.
async fn watch(mut child: Child, host: &mut Host, signals: &mut Signals) -> Result<ExitStatus, String> {
    let mut interrupts = 0;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(|error| format!("lost the Python program: {error}")),
            failure = host.failed() => {
                // It may have ended by itself in the same moment, and then nothing is to be killed.
                let _ = child.kill().await;
                return Err(failure);
            }
            _ = signals.interrupt.recv() => {
                interrupts += 1;
                if interrupts == PATIENCE {
                    let _ = child.start_kill();
                }
            }
            _ = signals.terminate.recv() => pass_on(&child, Signal::SIGTERM),
            _ = signals.hang_up.recv() => pass_on(&child, Signal::SIGHUP),
        }
    }
}

fn pass_on(child: &Child, signal: Signal) {
    if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It fails only where the program has ended already.
        let _ = kill(Pid::from_raw(id), signal);
    }
}

/// As a shell gives it: 128 and the signal's number for a program that a signal ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}
