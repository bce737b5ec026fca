//! The PySpark client for a Python that has none: installed once into a directory of the cache,
//! for that Python version, beside and not into the user's own environment.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::shim;

const CLIENT: &str = "pyspark-client==4.2.0";
/// The client with versions of what it needs that are known to fit it.
const REQUIREMENTS: [&str; 8] = [
    CLIENT,
    "pandas>=2.2.0,<3",
    "pyarrow>=18.0.0,<27",
    "numpy>=1.21,<3",
    "grpcio>=1.76.0,<2",
    "grpcio-status>=1.76.0,<2",
    "googleapis-common-protos>=1.71.0,<2",
    "zstandard>=0.25.0,<1",
];

/// Where clients are kept: a path to which the Python program appends `-` and its version's tag.
/// None where there is no cache directory.
pub fn directory_stem() -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    let version = CLIENT.split("==").nth(1).unwrap_or(CLIENT);
    shim::cache_directory().map(|cache| cache.join(format!("client-{version}-{:08x}", hasher.finish() as u32)))
}

/// Install the client for this interpreter, unless another run does it in the meantime.
///
/// # Errors
/// Where nothing can be downloaded, or there is no installer: says what to do.
pub fn install(python: &Path, tag: &str, reason: &str) -> Result<(), String> {
    let stem = directory_stem().ok_or_else(|| no_cache(python))?;
    let mut name = stem.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!("-{tag}"));
    let target = stem.with_file_name(name);
    let cache = stem.parent().ok_or_else(|| no_cache(python))?;

    let at_cache = |error: std::io::Error| format!("cannot use the directory {}: {error}", cache.display());
    fs::create_dir_all(cache).map_err(at_cache)?;
    let lock = fs::File::create(cache.join("client.lock")).map_err(at_cache)?;
    if lock.try_lock().is_err() {
        eprintln!("firesteel: waiting for another run that installs the PySpark client");
        lock.lock().map_err(at_cache)?;
    }
    if target.is_dir() {
        return Ok(());
    }
    eprintln!(
        "firesteel: {} cannot be used as it is ({reason}); installing {CLIENT} for it, once, into {}",
        python.display(),
        target.display()
    );
    let temporary = tempfile::Builder::new().prefix("client-new-").tempdir_in(cache).map_err(at_cache)?;
    let packages = temporary.path().join("packages");
    download(python, temporary.path(), &packages)?;
    fs::rename(&packages, &target).map_err(at_cache)?;
    eprintln!("firesteel: installed");
    Ok(())
}

fn no_cache(python: &Path) -> String {
    format!(
        "{} has no PySpark client, and there is no home directory to keep one in.\n  Way round: set XDG_CACHE_HOME, or {} -m pip install {CLIENT}",
        python.display(),
        python.display()
    )
}

/// pip of the interpreter, else pip of a new virtual environment, else uv.
fn download(python: &Path, scratch: &Path, packages: &Path) -> Result<(), String> {
    let has_pip = succeeds(Command::new(python).args(["-m", "pip", "--version"]));
    if has_pip {
        return pip(python, packages);
    }
    let environment = scratch.join("venv");
    if succeeds(Command::new(python).args(["-m", "venv"]).arg(&environment)) {
        return pip(&environment.join("bin/python"), packages);
    }
    if succeeds(Command::new("uv").arg("--version")) {
        let mut command = Command::new("uv");
        command.args(["pip", "install", "--quiet", "--python"]).arg(python).arg("--target").arg(packages);
        return finish(command.args(REQUIREMENTS));
    }
    Err(format!(
        "{} has neither pip nor venv, so the PySpark client cannot be installed.\n  \
         Way round: install your system's python3-venv or python3-pip package, or name another Python with PYSPARK_PYTHON.",
        python.display()
    ))
}

fn pip(python: &Path, packages: &Path) -> Result<(), String> {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--target"]);
    command.arg(packages).args(REQUIREMENTS);
    // A configuration file that says `user = true` contradicts --target.
    finish(command.env("PIP_USER", "0"))
}

fn finish(command: &mut Command) -> Result<(), String> {
    if std::io::stderr().is_terminal() {
        eprintln!("firesteel: downloading ...");
    }
    let output = run(command).map_err(|error| format!("cannot start the installer: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(4)..].join("\n    ");
    let hint = if looks_offline(&text) { "This machine seems to be offline. " } else { "" };
    Err(format!(
        "the PySpark client could not be installed. {hint}The installer said:\n    {last}\n  \
         Way round: run once with a network, or install {CLIENT} into the Python that you use."
    ))
}

fn looks_offline(text: &str) -> bool {
    [
        "NewConnectionError",
        "Name or service not known",
        "Temporary failure in name resolution",
        "Network is unreachable",
    ]
    .iter()
    .chain(
        [
            "ConnectTimeoutError",
            "Connection refused",
            "ProxyError",
            "dns error",
            "Max retries exceeded",
            "from versions: none",
        ]
        .iter(),
    )
    .any(|sign| text.contains(sign))
}

fn succeeds(command: &mut Command) -> bool {
    run(command).is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).output()
}
