//! `firesteel submit`: spark-submit for PySpark scripts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::program::{self, Mode, Program};
use crate::settings::{Settings, SettingsOptions};
use crate::{CommandResult, LONG_VERSION};

/// Options as spark-submit has them; everything after the script is the script's own.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct SubmitOptions {
    #[command(flatten)]
    settings: SettingsOptions,
    /// A Spark Connect server to run the script against, instead of this machine
    #[arg(long, value_name = "CONNECT_URL", conflicts_with = "master", conflicts_with = "deploy_mode")]
    remote: Option<String>,
    /// The main class of a Java or Scala program; Python scripts have none
    #[arg(long, value_name = "CLASS_NAME")]
    class: Option<String>,
    /// The user to impersonate; not supported
    #[arg(long, value_name = "NAME")]
    proxy_user: Option<String>,
    /// Kerberos principal; not supported
    #[arg(long, value_name = "PRINCIPAL")]
    principal: Option<String>,
    /// Kerberos keytab; not supported
    #[arg(long, value_name = "KEYTAB")]
    keytab: Option<String>,
    /// Restart the driver on failure; on clusters only
    #[arg(long)]
    supervise: bool,
    /// Kill a submission; on clusters only
    #[arg(long, value_name = "SUBMISSION_ID")]
    kill: Option<String>,
    /// Ask for the status of a submission; on clusters only
    #[arg(long, value_name = "SUBMISSION_ID")]
    status: Option<String>,
    /// Print the version
    #[arg(long)]
    version: bool,
    /// The script and its arguments
    #[arg(value_name = "SCRIPT [ARGS]", trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<String>,
}

pub fn run(options: SubmitOptions) -> CommandResult {
    if options.version {
        eprintln!("firesteel {LONG_VERSION}");
        return Ok(ExitCode::SUCCESS);
    }
    refuse_what_needs_more(&options)?;
    let (script, arguments) =
        options.program.split_first().ok_or("which script? Usage: firesteel submit [options] SCRIPT [args]")?;
    let script = locate_script(script)?;
    let name = script.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut settings = Settings::gather(&options.settings, &name)?;
    settings.python_functions = has_python_functions(&script);
    if options.settings.verbose {
        eprintln!("Main script: {}", script.display());
        eprintln!("Arguments: {}", arguments.join(" "));
        eprintln!("Spark config:\n{}", settings.describe());
    }
    program::run(Program {
        settings,
        mode: Mode::Script { script, arguments: arguments.to_vec() },
        remote: options.remote,
    })
}

/// Whether the script seems to send functions to workers. A wrong guess costs a process or a moment.
fn has_python_functions(script: &Path) -> bool {
    const WORDS: [&str; 6] = ["udf", "mapIn", "applyIn", ".rdd", "parallelize", "foreach"];
    std::fs::read_to_string(script).is_ok_and(|text| WORDS.iter().any(|word| text.contains(word)))
}

fn refuse_what_needs_more(options: &SubmitOptions) -> Result<(), String> {
    for (flag, given) in
        [("--kill", options.kill.is_some()), ("--status", options.status.is_some()), ("--supervise", options.supervise)]
    {
        if given {
            return Err(format!("{flag} needs a cluster, and Firesteel runs on one machine only so far"));
        }
    }
    for (flag, given) in [
        ("--proxy-user", options.proxy_user.is_some()),
        ("--principal", options.principal.is_some()),
        ("--keytab", options.keytab.is_some()),
    ] {
        if given {
            return Err(format!("{flag} is not supported.\n  Way round: run as the user whose rights are needed."));
        }
    }
    if options.class.is_some() && options.program.first().is_none_or(|script| !script.ends_with(".py")) {
        return Err("--class names a Java or Scala program, and JVM code cannot run here".to_owned());
    }
    Ok(())
}

/// The script's absolute path. Spark's `file:` and `local:` schemes are understood.
fn locate_script(given: &str) -> Result<PathBuf, String> {
    if given.starts_with('-') {
        return Err(format!("unrecognized option '{given}'. See firesteel submit --help"));
    }
    let local = ["file://", "file:", "local://", "local:"].iter().find_map(|scheme| given.strip_prefix(scheme));
    if local.is_none() && given.contains("://") {
        return Err(format!("{given} is not a local file.\n  Way round: download the script first."));
    }
    let path = Path::new(local.unwrap_or(given));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jar") => {
            return Err(format!("{given} is JVM code, which cannot run here: Firesteel runs Python and SQL"));
        }
        Some("R" | "r") => return Err(format!("{given} is an R script: Firesteel runs Python and SQL")),
        _ => {}
    }
    if !path.is_file() {
        return Err(format!("there is no script {}", path.display()));
    }
    std::path::absolute(path).map_err(|error| format!("cannot use {}: {error}", path.display()))
}
