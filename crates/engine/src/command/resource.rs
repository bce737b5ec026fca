//! ADD and LIST of files, JARs and archives. Files are found by `SparkFiles`, archives by functions in Python; JARs are listed
//! only: no JVM is there that would load their classes.

use std::path::PathBuf;

use bytes::Bytes;
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::rows::{self, Rows};

/// `ADD kind path ..`: what is there already stays.
pub fn add(session: &Session, kind: &str, paths: &[String]) -> Result<()> {
    for path in paths {
        let (plain, name) = path.split_once('#').map_or((path.as_str(), None), |(path, name)| (path, Some(name)));
        let file = local(plain)?;
        let own = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let uri = format!("file:{}", file.display());
        let folder = match kind {
            "FILE" => "files",
            "ARCHIVE" => "archives",
            _ => "jars",
        };
        match std::fs::read(&file) {
            Ok(data) => {
                session.artifacts().put(&format!("{folder}/{}", name.unwrap_or(&own)), Bytes::from(data))?;
                session.artifacts().note_added(kind, &uri);
            }
            // Spark logs that there is no such JAR and goes on.
            Err(_) if kind == "JAR" => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(match kind {
                    "FILE" => {
                        SparkError::new("_LEGACY_FILE_NOT_FOUND").with_message(format!("File {uri} does not exist"))
                    }
                    _ => SparkError::new("_LEGACY_NO_SUCH_FILE").with_message(file.display().to_string()),
                });
            }
            Err(error) => return Err(SparkError::internal(format!("cannot read {uri}: {error}")).with_source(error)),
        }
    }
    Ok(())
}

/// `LIST kind [path ..]`: what was added, of these names only where some are given.
pub fn list(session: &Session, kind: &str, paths: &[String]) -> Result<Rows> {
    let wanted: Vec<String> = paths.iter().filter_map(|path| path.rsplit('/').next()).map(str::to_string).collect();
    let is_wanted = |uri: &String| {
        wanted.is_empty() || uri.rsplit('/').next().is_some_and(|name| wanted.iter().any(|own| own == name))
    };
    rows::names("Results", session.artifacts().added(kind).into_iter().filter(is_wanted).collect::<Vec<_>>())
}

/// A file of this machine; relative paths begin where the program was started.
fn local(path: &str) -> Result<PathBuf> {
    let plain = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path);
    if plain.contains("://") {
        return Err(SparkError::unsupported(
            format!("ADD of {path}, which is no file of this machine"),
            "Copy it here first, and add the copy.",
        ));
    }
    std::path::absolute(plain).map_err(|error| SparkError::internal(error.to_string()).with_source(error))
}
