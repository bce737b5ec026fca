//! Virtual environments for tests: the PySpark client, and whole Apache Spark as the oracle.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Result, output, root, run};

/// An environment with what `requirements` lists, made once and kept under `target/`.
pub fn environment(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = root().join("target/python").join(name);
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    let wanted = std::fs::read_to_string(root().join(requirements)).map_err(|e| format!("{requirements}: {e}"))?;
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|own| own == wanted) {
        return Ok(python);
    }
    eprintln!("making the Python environment {} (once)", folder.display());
    let base = base_python()?;
    run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(install).arg(root().join(requirements)))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{}: {e}", stamp.display()))?;
    Ok(python)
}

pub fn base_python() -> Result<&'static str> {
    for candidate in ["python3", "python"] {
        let version = output(Command::new(candidate).args(["-c", "import sys; print(sys.version_info >= (3, 10))"]));
        if version.is_ok_and(|text| text.trim() == "True") {
            return Ok(candidate);
        }
    }
    Err("needs Python 3.10 or later on the PATH".into())
}

/// The client that tests use.
pub fn client() -> Result<PathBuf> {
    environment("client", "tests/requirements.txt")
}

/// Real Apache Spark.
pub fn oracle() -> Result<PathBuf> {
    if Command::new("java").arg("-version").output().is_err() {
        return Err("real Apache Spark needs Java 17 on the PATH".into());
    }
    environment("oracle", "tests/oracle/requirements.txt")
}

/// A script with an interpreter, in the workspace.
pub fn script(python: &Path, path: &str, args: &[String]) -> Command {
    let mut command = Command::new(python);
    command.current_dir(root()).arg(path).args(args);
    command
}
