//! `firesteel sql`: spark-sql, with the engine in this process and no Python.
//!
//! In reading order: `statement` cuts a text, `variables` fills `${x}` in, `runner` runs a
//! statement and tells its outcome, `special`, `output` and `text` print rows, `prompt` talks to a
//! person.

mod output;
mod prompt;
mod runner;
mod special;
mod statement;
mod text;
mod variables;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::output::Format;
use self::runner::Runner;
use self::variables::Variables;
use crate::CommandResult;
use crate::logging;
use crate::settings::{Settings, SettingsOptions};

/// Options as spark-sql has them.
#[derive(Debug, Args)]
pub struct SqlOptions {
    #[command(flatten)]
    settings: SettingsOptions,
    /// SQL to run; can be given several times
    #[arg(short = 'e', value_name = "SQL", allow_hyphen_values = true)]
    execute: Vec<String>,
    /// A file of SQL to run
    #[arg(short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// A file of SQL to run first; can be given several times
    #[arg(short = 'i', value_name = "FILE")]
    init: Vec<PathBuf>,
    /// The database to start in
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Print rows and errors only
    #[arg(short = 'S', long)]
    silent: bool,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = Format::Tab)]
    format: Format,
    /// A variable: ${key} in the SQL becomes the value
    #[arg(short = 'd', long = "define", value_name = "KEY=VALUE")]
    define: Vec<String>,
    /// A variable, as --define
    #[arg(long, value_name = "KEY=VALUE")]
    hivevar: Vec<String>,
    /// A configuration property, as --conf
    #[arg(long, value_name = "PROP=VALUE")]
    hiveconf: Vec<String>,
    /// SQL to run, as -e
    #[arg(value_name = "SQL")]
    statements: Vec<String>,
}

pub fn run(mut options: SqlOptions) -> CommandResult {
    logging::start();
    let mut variables = Variables::default();
    variables.define("hivevar", &options.define)?;
    variables.define("hivevar", &options.hivevar)?;
    variables.define("hiveconf", &options.hiveconf)?;
    // Spark takes over only its own keys from Hive's.
    options.settings.conf.extend(options.hiveconf.iter().filter(|pair| pair.starts_with("spark.")).cloned());
    let settings = Settings::gather(&options.settings, "SparkSQL")?.with_metastore();
    let headers = ["spark.sql.cli.print.header", "hive.cli.print.header"];
    let header = headers.iter().any(|key| settings.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true")))
        || options.hiveconf.iter().any(|pair| pair == "hive.cli.print.header=true");
    let how = runner::How { format: options.format, header, silent: options.silent, echo: options.settings.verbose };
    let mut runner = Runner::start(&settings, how, variables)?;

    if let Some(database) = &options.database {
        let statement = format!("USE `{}`", database.replace('`', "``"));
        if !runner.run_quietly(&statement) {
            return Ok(status(&runner, false));
        }
    }
    for file in &options.init {
        if !runner.run_script(&read(file)?) {
            return Ok(status(&runner, false));
        }
    }
    let texts = texts(&options)?;
    let succeeded = match texts {
        Some(texts) => texts.iter().all(|text| runner.run_script(text)),
        None if std::io::stdin().is_terminal() => prompt::talk(&mut runner),
        None => prompt::obey(&mut runner, &standard_input()?),
    };
    Ok(status(&runner, succeeded))
}

fn status(runner: &Runner, succeeded: bool) -> ExitCode {
    ExitCode::from(runner.ended().unwrap_or(u8::from(!succeeded)))
}

/// The SQL on the command line; none where it comes from standard input.
fn texts(options: &SqlOptions) -> Result<Option<Vec<String>>, String> {
    let mut texts: Vec<String> = options.execute.iter().chain(&options.statements).cloned().collect();
    if let Some(file) = &options.file {
        texts.push(read(file)?);
    }
    Ok(Some(texts).filter(|texts| !texts.is_empty()))
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn standard_input() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(text)
}
