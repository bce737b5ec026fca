//! Programs that the tasks run, and where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

pub type Result<T, E = String> = std::result::Result<T, E>;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace").to_path_buf()
}

/// Runs a program to its end; its failure is ours.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} failed: {status}")) }
}

/// Runs a program and gives what it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("cannot run {shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown} failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What cargo tells the program that it runs, which is us, of our package.
const OWN: [&str; 6] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_CFG_", "OUT_DIR"];

/// Cargo in the workspace, as from a shell: with our package's variables, build scripts that look at them (ring's) would
/// run again, and nearly all dependencies would be compiled again, each time that one follows the other.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| OWN.iter().any(|own| name.to_string_lossy().starts_with(own)))
    {
        command.env_remove(name);
    }
    command
}
