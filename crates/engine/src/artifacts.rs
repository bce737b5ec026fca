//! What clients upload to a session: files, Python files, jars, and the blobs of cached local relations.
//!
//! They lie in a directory that is made with the first of them and removed with the session.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use bytes::Bytes;
use firesteel_protocol::temporary::Folder;
use firesteel_protocol::{Result, SparkError};

/// Name prefix of blobs that are found by their hash.
const CACHE_PREFIX: &str = "cache/";

/// Where files lie under the names by which `SparkFiles` finds them.
const FILES: &str = "files";

/// Uploads as Python functions see them.
#[derive(Debug, Default, Clone)]
pub struct PythonFiles {
    pub files: Option<PathBuf>,
    /// For `sys.path`.
    pub includes: Vec<PathBuf>,
    pub archives: Vec<PathBuf>,
}

/// The uploads of one session.
#[derive(Debug, Default)]
pub struct Artifacts {
    directory: OnceLock<Folder>,
    /// Blobs by their hash; local relations are read often.
    blobs: Mutex<HashMap<String, Bytes>>,
    /// What SQL's ADD has added: kind and address.
    added: Mutex<Vec<(String, String)>>,
}

impl Artifacts {
    /// Stores an upload under its relative name, e.g. `files/a.txt` or `cache/<sha-256>`. The same content may come
    /// again; another one under a known name is refused.
    pub fn put(&self, name: &str, data: Bytes) -> Result<()> {
        let relative = relative_path(name)?;
        if let Some(hash) = name.strip_prefix(CACHE_PREFIX) {
            self.blobs.lock().expect("no panics while locked").insert(hash.to_owned(), data);
            return Ok(());
        }
        let path = self.directory()?.join(relative);
        match fs::read(&path) {
            Ok(known) if known == data => return Ok(()),
            Ok(_) => {
                return Err(SparkError::new("ARTIFACT_ALREADY_EXISTS").with("normalizedRemoteRelativePath", name));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, error)),
        }
        let parent = path.parent().expect("a file in the directory");
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, &data)).map_err(|error| failed(&path, error))
    }

    /// Notes what ADD has added, once.
    pub fn note_added(&self, kind: &str, uri: &str) {
        let mut added = self.added.lock().expect("no panics while locked");
        let own = (kind.to_string(), uri.to_string());
        if !added.contains(&own) {
            added.push(own);
        }
    }

    /// The addresses of what ADD has added of a kind.
    pub fn added(&self, kind: &str) -> Vec<String> {
        let added = self.added.lock().expect("no panics while locked");
        added.iter().filter(|(own, _)| own == kind).map(|(_, uri)| uri.clone()).collect()
    }

    /// The blob of a hash.
    pub fn blob(&self, hash: &str) -> Option<Bytes> {
        self.blobs.lock().expect("no panics while locked").get(hash).cloned()
    }

    /// Whether a blob (`cache/<sha-256>`) is there. As in Spark, other uploads are not looked for.
    pub fn has_blob(&self, name: &str) -> bool {
        name.strip_prefix(CACHE_PREFIX).is_some_and(|hash| self.blob(hash).is_some())
    }

    /// Where an upload lies, e.g. `files/a.txt`.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.directory.get()?.path().join(relative_path(name).ok()?);
        path.exists().then_some(path)
    }

    /// What Python functions find: files by their names, modules on their path.
    pub fn python(&self) -> PythonFiles {
        let Some(directory) = self.directory.get() else { return PythonFiles::default() };
        let modules = directory.path().join("pyfiles");
        let mut includes = vec![];
        if let Ok(entries) = fs::read_dir(&modules) {
            includes.push(modules);
            let archives = entries.flatten().map(|entry| entry.path());
            includes.extend(archives.filter(|path| {
                path.extension().is_some_and(|extension| ["zip", "egg", "jar"].iter().any(|own| extension == *own))
            }));
        }
        let archives = fs::read_dir(directory.path().join("archives"));
        let archives =
            archives.map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
        PythonFiles { files: Some(directory.path().join(FILES)), includes, archives }
    }

    /// A copy for a cloned session.
    pub fn try_clone(&self) -> Result<Self> {
        let clone = Self::default();
        *clone.blobs.lock().expect("no panics while locked") =
            self.blobs.lock().expect("no panics while locked").clone();
        if let Some(directory) = self.directory.get() {
            copy_all(directory.path(), clone.directory()?)?;
        }
        Ok(clone)
    }

    fn directory(&self) -> Result<&Path> {
        if self.directory.get().is_none() {
            let made = Folder::new("artifacts");
            let made = made.map_err(|error| failed(&std::env::temp_dir(), error))?;
            // When another upload was faster, its directory counts and this one is removed.
            let _ = self.directory.set(made);
        }
        Ok(self.directory.get().expect("set above").path())
    }
}

/// The name as a path inside the directory.
fn relative_path(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    match inside && !name.is_empty() {
        true => Ok(path),
        false => Err(SparkError::new("INVALID_ARTIFACT_PATH").with("name", name)),
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let entries = fs::read_dir(from).map_err(|error| failed(from, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed(from, error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            fs::create_dir_all(&target).map_err(|error| failed(&target, error))?;
            copy_all(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| failed(&target, error))?;
        }
    }
    Ok(())
}

fn failed(path: &Path, error: std::io::Error) -> SparkError {
    SparkError::internal(format!("cannot store an artifact at {}: {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let artifacts = Artifacts::default();
        assert!(artifacts.put("/etc/x", Bytes::new()).is_err());
        assert!(artifacts.put("files/../../x", Bytes::new()).is_err());
        artifacts.put("files/a", Bytes::from_static(b"a")).unwrap();
        artifacts.put("files/a", Bytes::from_static(b"a")).unwrap();
        assert!(artifacts.put("files/a", Bytes::from_static(b"b")).is_err());
        assert!(artifacts.try_clone().unwrap().path("files/a").is_some());
    }
}
