//! `firesteel history-server`: shows what ran, out of event logs, as start-history-server.sh does.

use std::cell::RefCell;
use std::collections::HashSet;
use std::process::ExitCode;

use clap::Args;
use firesteel_ui::history::{self, HistoryConf};

use crate::CommandResult;
use crate::logging;
use crate::settings::{Settings, SettingsOptions};

#[derive(Debug, Args)]
pub struct HistoryOptions {
    #[command(flatten)]
    settings: SettingsOptions,
    /// The folder of the event logs (also spark.history.fs.logDirectory)
    #[arg(long, short = 'd', value_name = "FOLDER")]
    dir: Option<String>,
    /// The port to listen on (also spark.history.ui.port)
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

pub fn run(options: HistoryOptions) -> CommandResult {
    logging::start();
    let mut settings = Settings::gather(&options.settings, "History server")?;
    settings.conf.extend(java_options());
    if let Some(dir) = options.dir {
        settings.conf.insert("spark.history.fs.logDirectory".into(), dir);
    }
    if let Some(port) = options.port {
        settings.conf.insert("spark.history.ui.port".into(), port.to_string());
    }
    let asked = RefCell::new(HashSet::new());
    let conf = HistoryConf::of(&|key| {
        asked.borrow_mut().insert(key.to_owned());
        settings.get(key).map(str::to_owned)
    })?;
    for key in settings.conf.keys().filter(|key| key.starts_with("spark.history.") && !asked.borrow().contains(*key)) {
        eprintln!("firesteel: ignoring {key}, which has no effect on this history server");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        tokio::select! {
            ended = history::run(conf, |url| println!("The history server is on {url}")) => ended,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The settings of `SPARK_HISTORY_OPTS`, where users of Spark write them: `-Dkey=value`.
fn java_options() -> Vec<(String, String)> {
    let text = std::env::var("SPARK_HISTORY_OPTS").unwrap_or_default();
    let pairs = text.split_whitespace().filter_map(|word| word.strip_prefix("-D")?.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
