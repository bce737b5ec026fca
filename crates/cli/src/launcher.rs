//! The names under which the binary answers: a link called `spark-submit` is `firesteel submit`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

const LAUNCHERS: [(&str, &str); 8] = [
    ("spark-submit", "submit"),
    ("pyspark", "shell"),
    ("spark-sql", "sql"),
    ("start-connect-server.sh", "connect"),
    ("start-connect-server", "connect"),
    ("spark-connect-server", "connect"),
    ("start-history-server.sh", "history-server"),
    ("start-history-server", "history-server"),
];

/// The command line with the command's name in it, whichever name the binary was called by.
pub fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    if let Some(command) = arguments.first().and_then(|program| command_of(program)) {
        arguments.insert(1, command.into());
    }
    arguments
}

fn command_of(program: &OsStr) -> Option<&'static str> {
    let name = Path::new(program).file_name()?.to_str()?;
    LAUNCHERS.iter().find(|(launcher, _)| *launcher == name).map(|(_, command)| *command)
}
