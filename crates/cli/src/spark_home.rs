//! `firesteel spark-home DIR`: a folder laid out as a Spark installation, for `findspark`, notebooks and whoever asks for SPARK_HOME.
//! Its launchers are links to this binary; `import pyspark` from its `python` starts a server (`python/firesteel/home.py`).

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::Args;

use crate::{CommandResult, LONG_VERSION, shim};

#[derive(Debug, Args)]
pub struct SparkHomeOptions {
    /// The folder to write; set SPARK_HOME to it, or give it to findspark.init
    dir: PathBuf,
}

/// What `findspark` puts on the path beside `python`; this one is empty, since there is no Py4J to be had.
const PY4J: &str = "py4j-0.10.9.9-src.zip";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const PYSPARK: &str = "\
\"\"\"Stands for PySpark on the path: the first import starts Firesteel and gives this name to PySpark's own client.\"\"\"

import os

from firesteel import home

home.become_pyspark(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
";
const LAUNCHERS: [&str; 6] = [
    "bin/firesteel",
    "bin/spark-submit",
    "bin/pyspark",
    "bin/spark-sql",
    "sbin/start-connect-server.sh",
    "sbin/start-history-server.sh",
];

pub fn run(options: &SparkHomeOptions) -> CommandResult {
    let failed = |error: io::Error| format!("cannot write {}: {error}", options.dir.display());
    let dir = std::path::absolute(&options.dir).map_err(failed)?;
    write(&dir).map_err(failed)?;
    println!("{}", dir.display());
    Ok(ExitCode::SUCCESS)
}

fn write(dir: &Path) -> io::Result<()> {
    let binary = std::env::current_exe()?;
    for launcher in LAUNCHERS {
        let link = dir.join(launcher);
        fs::create_dir_all(link.parent().unwrap_or(dir))?;
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => symlink(&binary, &link)?,
        }
    }
    let python = dir.join("python");
    shim::write(&python)?;
    fs::create_dir_all(python.join("pyspark"))?;
    fs::write(python.join("pyspark/__init__.py"), PYSPARK)?;
    // Python that Firesteel itself starts leaves this folder out of its path.
    fs::write(python.join(firesteel_engine::python::SPARK_HOME_MARK), "")?;
    fs::create_dir_all(python.join("lib"))?;
    fs::write(python.join("lib").join(PY4J), EMPTY_ZIP)?;
    fs::write(dir.join("RELEASE"), format!("Firesteel {LONG_VERSION}\n"))
}
