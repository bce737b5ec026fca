//! Which Python runs the user's program: the one spark-submit would take, or that of the virtual
//! environment this binary is installed in.

use std::env;
use std::path::{Path, PathBuf};

use crate::settings::Settings;

/// Versions that PySpark 4.2 runs on, newest first.
const VERSIONS: [&str; 5] = ["python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// The interpreter for the user's program. A name without a directory is looked up on PATH.
///
/// # Errors
/// Where the interpreter that was asked for is not there, or none is.
pub fn find(settings: &Settings) -> Result<PathBuf, String> {
    let asked = ["spark.pyspark.driver.python", "spark.pyspark.python"]
        .iter()
        .find_map(|key| settings.get(key).map(|value| (*key, value.to_owned())))
        .or_else(|| {
            ["PYSPARK_DRIVER_PYTHON", "PYSPARK_PYTHON"]
                .iter()
                .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()).map(|value| (*name, value)))
        });
    if let Some((origin, program)) = asked {
        return locate(&program).ok_or_else(|| format!("there is no Python at {program:?}, which {origin} names"));
    }
    virtual_environment().or_else(|| locate("python3")).or_else(|| locate("python")).ok_or_else(|| {
        "there is no python3 on the PATH.\n  Way round: install Python 3.10 or newer, or name it with PYSPARK_PYTHON."
            .to_owned()
    })
}

/// The arguments of the program that is to show the prompt, where that is not Python itself: `PYSPARK_DRIVER_PYTHON=jupyter`
/// with `PYSPARK_DRIVER_PYTHON_OPTS=notebook`, or IPython.
pub fn shell_program(program: &Path) -> Option<Vec<String>> {
    let options = env::var("PYSPARK_DRIVER_PYTHON_OPTS").unwrap_or_default();
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let starts_python = ["jupyter", "ipython"].iter().any(|other| name.starts_with(other));
    (starts_python || !options.trim().is_empty()).then(|| options.split_whitespace().map(ToOwned::to_owned).collect())
}

/// Another Python on the PATH that is new enough, for when the first one is not.
pub fn newer() -> Option<PathBuf> {
    VERSIONS.iter().find_map(|name| locate(name))
}

/// The active virtual environment's Python, or that of the one that this binary lies in.
fn virtual_environment() -> Option<PathBuf> {
    let active = env::var_os("VIRTUAL_ENV").filter(|path| !path.is_empty()).map(PathBuf::from);
    let ours = || {
        let binary = env::current_exe().ok()?;
        let root = binary.parent()?.parent()?;
        root.join("pyvenv.cfg").is_file().then(|| root.to_owned())
    };
    active.or_else(ours).map(|root| root.join("bin/python")).filter(|python| is_executable(python))
}

/// A program by its path or name.
pub fn locate(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| is_executable(path));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
