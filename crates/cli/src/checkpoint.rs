//! `firesteel checkpoint inspect|verify DIR`: what the checkpoint of a streaming query says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use firesteel_streaming::checkpoint::inspect;

use crate::CommandResult;

#[derive(Debug, Args)]
pub struct CheckpointOptions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the query's id, its batches, offsets, watermark and state
    Inspect {
        /// The directory that the query was given as checkpointLocation
        dir: PathBuf,
    },
    /// Read all of it; exit with 1 if a query could not go on from it
    Verify {
        /// The directory that the query was given as checkpointLocation
        dir: PathBuf,
    },
}

pub fn run(options: &CheckpointOptions) -> CommandResult {
    match &options.action {
        Action::Inspect { dir } => {
            print!("{}", inspect::inspect(&absolute(dir)?).map_err(|error| error.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
        Action::Verify { dir } => {
            let problems = inspect::verify(&absolute(dir)?).map_err(|error| error.to_string())?;
            if problems.is_empty() {
                println!("the checkpoint is in order");
                return Ok(ExitCode::SUCCESS);
            }
            problems.iter().for_each(|problem| println!("{problem}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn absolute(dir: &Path) -> Result<PathBuf, String> {
    std::path::absolute(dir).map_err(|error| format!("cannot use {}: {error}", dir.display()))
}
