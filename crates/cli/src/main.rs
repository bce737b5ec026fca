//! The `firesteel` binary: which command is meant, and what every command shares at its start.
//!
//! In reading order: `launcher` knows the names of Spark's own launchers, each command is a module
//! (`submit`, `shell`, `sql`, `connect`), `settings` gathers configuration, `program` runs a Python
//! program beside a server with the help of `python`, `client` and `shim`.

mod checkpoint;
mod client;
mod connect;
mod history;
mod host;
mod launcher;
mod logging;
mod packages;
mod program;
mod properties;
mod python;
mod settings;
mod shell;
mod shim;
mod spark_home;
mod sql;
mod submit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// This version, and the version of Apache Spark whose answers it gives.
pub const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (for programs of Apache Spark 4.2)");

/// What a command ends with when it fails: text for the user, printed as it is.
pub type CommandResult = Result<ExitCode, String>;

/// Runs Apache Spark programs without Spark.
#[derive(Debug, Parser)]
#[command(name = "firesteel", version, long_version = LONG_VERSION, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a PySpark script, like spark-submit
    Submit(submit::SubmitOptions),
    /// Open a Python prompt with `spark` ready, like pyspark
    Shell(shell::ShellOptions),
    /// Run Spark SQL: a prompt, a file or a string, like spark-sql
    Sql(sql::SqlOptions),
    /// Listen for Spark Connect clients, like start-connect-server.sh
    Connect(connect::ConnectOptions),
    /// Show what ran, out of event logs, like start-history-server.sh
    HistoryServer(history::HistoryOptions),
    /// Show or check the checkpoint of a streaming query
    Checkpoint(checkpoint::CheckpointOptions),
    /// Write a folder that tools take for a Spark installation, for findspark and SPARK_HOME
    SparkHome(spark_home::SparkHomeOptions),
    /// Print the version
    Version,
}

impl Command {
    /// Whether it may leave temporary folders behind, and so looks for those that others left.
    fn runs_queries(&self) -> bool {
        matches!(self, Self::Submit(_) | Self::Shell(_) | Self::Sql(_) | Self::Connect(_))
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(launcher::arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error),
    };
    let cleaning =
        cli.command.runs_queries().then(|| std::thread::spawn(firesteel_protocol::temporary::remove_abandoned));
    let outcome = match cli.command {
        Command::Submit(options) => submit::run(options),
        Command::Shell(options) => shell::run(options),
        Command::Sql(options) => sql::run(options),
        Command::Connect(options) => connect::run(options),
        Command::HistoryServer(options) => history::run(options),
        Command::Checkpoint(options) => checkpoint::run(&options),
        Command::SparkHome(options) => spark_home::run(&options),
        Command::Version => {
            println!("firesteel {LONG_VERSION}");
            Ok(ExitCode::SUCCESS)
        }
    };
    firesteel_protocol::temporary::remove_all();
    // It has ended long ago, but for the shortest programs.
    let _ = cleaning.map(std::thread::JoinHandle::join);
    outcome.unwrap_or_else(|message| {
        eprintln!("firesteel: {message}");
        ExitCode::FAILURE
    })
}

/// Spark's launchers exit with 1 on a wrong option, and with 0 after help.
fn report_usage(error: &clap::Error) -> ExitCode {
    // Nothing can be said to a user whose terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
