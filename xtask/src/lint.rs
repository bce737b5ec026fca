//! Everything about the source that a machine can check.

use crate::run::{Result, cargo, run as run_program};

/// Formatting, clippy, tidy, documentation; licences and unused dependencies where the tools are installed.
pub fn run() -> Result<()> {
    let mut failed = vec![];
    let mut check = |what: &str, result: Result<()>| {
        match result {
            Ok(()) => eprintln!("{what}: ok"),
            Err(error) => {
                eprintln!("{what}: {error}");
                failed.push(what.to_string());
            }
        };
    };
    check("formatting", run_program(&mut cargo(&["fmt", "--all", "--check"])));
    check("tidy", crate::tidy::run());
    check(
        "clippy",
        run_program(&mut cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    );
    let mut docs = cargo(&["doc", "--locked", "--workspace", "--no-deps", "--quiet"]);
    check("documentation", run_program(docs.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")));
    check("licences", crate::tidy::licences());
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}
