//! Tests and the recording of what they expect.

use crate::python::{client, environment, oracle, script};
use crate::run::{Result, cargo, root, run as run_program};

/// Rust tests, then the PySpark ones against the binary of the same profile.
pub fn run(args: &[String]) -> Result<()> {
    run_program(&mut cargo(&["build", "--locked", "--package", "firesteel"]))?;
    let mut failed = vec![];
    if args.is_empty() {
        // One run for all crates: each test program links DataFusion, so there are few of them.
        if let Err(error) = run_tests() {
            failed.push(error);
        }
    }
    let python = client()?;
    if std::env::var_os("CI").is_some() {
        // Spark's own example programs come with the whole package; without it their test is skipped.
        environment("oracle", "tests/oracle/requirements.txt")?;
        environment("old-client", "tests/requirements-old-client.txt")?;
        environment("store", "tests/requirements-store.txt")?;
        environment("notebook", "tests/requirements-notebook.txt")?;
    }
    // A test that hangs fails, with the stack of where it hangs.
    let mut pytest: Vec<String> =
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=300"].map(String::from).into();
    pytest.extend(["tests/".to_string()]);
    if let Some(filter) = args.first() {
        pytest.extend(["-k".into(), filter.clone()]);
    }
    let mut command = std::process::Command::new(python);
    command.current_dir(root()).args(pytest).env("FIRESTEEL", root().join("target/debug/firesteel"));
    if let Err(error) = run_program(&mut command) {
        failed.push(error);
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn run_tests() -> Result<()> {
    run_program(&mut cargo(&["test", "--locked", "--workspace", "--lib", "--bins", "--no-fail-fast"]))
}

/// Records expectations from real Spark.
pub fn bless(args: &[String]) -> Result<()> {
    let python = oracle()?;
    run_script(&python, "tests/oracle/record_conditions.py", &[])?;
    run_script(&python, "tests/oracle/record.py", args)
}

/// Benchmarks.
pub fn bench(args: &[String]) -> Result<()> {
    let python = if args.iter().any(|arg| arg == "--spark") { oracle()? } else { client()? };
    run_script(&python, "bench/run.py", args)
}

fn run_script(python: &std::path::Path, path: &str, args: &[String]) -> Result<()> {
    run_program(&mut script(python, path, args))
}
