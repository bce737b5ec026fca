//! `firesteel shell`: a Python prompt with `spark` ready, as pyspark gives it.

use clap::Args;

use crate::CommandResult;
use crate::program::{self, Mode, Program};
use crate::settings::{Settings, SettingsOptions};

#[derive(Debug, Args)]
pub struct ShellOptions {
    #[command(flatten)]
    settings: SettingsOptions,
    /// A Spark Connect server to connect to, instead of this machine
    #[arg(long, value_name = "CONNECT_URL", conflicts_with = "master")]
    remote: Option<String>,
}

pub fn run(options: ShellOptions) -> CommandResult {
    let settings = Settings::gather(&options.settings, "PySparkShell")?.with_metastore();
    program::run(Program { settings, mode: Mode::Shell, remote: options.remote })
}
