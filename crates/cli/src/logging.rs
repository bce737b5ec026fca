//! Where the program's own messages go: warnings on standard error, more with `FIRESTEEL_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Start logging. `FIRESTEEL_LOG` takes a level or a filter such as `firesteel_server=debug`.
pub fn start() {
    let filter = EnvFilter::try_from_env("FIRESTEEL_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    // Fails only where a logger is set already, which is then the one to use.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .compact()
        .try_init();
}
