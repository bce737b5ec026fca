//! PySpark's own docstring examples against Firesteel; the table goes to `docs/conformance.md`.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Result, cargo, root, run as run_program};

/// `conformance SUITE OUT`: the suite's folder, and a folder for its results.
pub fn run(args: &[String]) -> Result<()> {
    let [suite, out, ..] = args else {
        return Err("conformance SUITE OUT [--modules a,b]: SUITE holds run_doctests.py, OUT takes the results".into());
    };
    let suite = PathBuf::from(suite);
    run_program(&mut cargo(&["build", "--locked", "--package", "firesteel"]))?;
    let python = crate::python::environment("conformance", "tests/oracle/requirements-conformance.txt")?;
    let server = format!("cmd:{} connect --port {{port}}", root().join("target/debug/firesteel").display());
    let mut command = Command::new(&python);
    command.arg(suite.join("run_doctests.py")).args([
        "--server",
        &server,
        "--out",
        out,
        "--groups",
        "connect,sql,pandas",
    ]);
    command.args(&args[2..]);
    run_program(&mut command)?;
    let mut table = Command::new(&python);
    table.current_dir(root()).arg("tests/oracle/conformance_table.py").arg(suite.join("ceiling.json")).arg(out);
    run_program(&mut table)
}
