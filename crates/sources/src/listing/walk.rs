//! Finds files under folders: every file of every folder that is not hidden, in alphabetic order.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use firesteel_protocol::Result;

use crate::storage::{InputFile, read_error};

/// A folder that directly holds files.
#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    /// In alphabetic order.
    pub files: Vec<InputFile>,
}

/// The folders with files under `roots`; a root that is a file counts for its folder.
pub fn walk(roots: &[PathBuf], ignore_missing: bool) -> Result<Vec<Folder>> {
    let mut folders: Vec<Folder> = vec![];
    let mut seen = HashSet::new();
    for root in roots {
        let metadata = match fs::metadata(root) {
            Ok(metadata) => metadata,
            Err(error) if ignore_missing && error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(read_error(root, error)),
        };
        if metadata.is_dir() {
            walk_folder(root, ignore_missing, &mut seen, &mut folders)?;
        } else if !is_hidden(&file_name(root)) {
            let parent = root.parent().unwrap_or(Path::new("/"));
            let file = input_file(root.clone(), &metadata);
            match folders.iter_mut().rev().find(|folder| folder.path == parent) {
                Some(folder) => folder.files.push(file),
                None => folders.push(Folder { path: parent.to_path_buf(), files: vec![file] }),
            }
        }
    }
    Ok(folders)
}

/// Known files by their folders, in the order in which they come.
pub fn by_folder(files: Vec<InputFile>) -> Vec<Folder> {
    let mut folders: Vec<Folder> = vec![];
    let mut places: std::collections::HashMap<PathBuf, usize> = std::collections::HashMap::new();
    for file in files {
        let parent = file.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let at = *places.entry(parent).or_insert_with_key(|path| {
            folders.push(Folder { path: path.clone(), files: vec![] });
            folders.len() - 1
        });
        folders[at].files.push(file);
    }
    folders
}

/// A file as it is now; `None` if it is gone.
pub fn find_file(path: &Path) -> Result<Option<InputFile>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(input_file(path.to_path_buf(), &metadata))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(read_error(path, error)),
    }
}

fn walk_folder(
    path: &Path,
    ignore_missing: bool,
    seen: &mut HashSet<PathBuf>,
    folders: &mut Vec<Folder>,
) -> Result<()> {
    if !seen.insert(path.to_path_buf()) {
        return Ok(());
    }
    let mut files = vec![];
    let mut children = vec![];
    for entry in fs::read_dir(path).map_err(|error| read_error(path, error))? {
        let entry = entry.map_err(|error| read_error(path, error))?;
        if is_hidden(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // `DirEntry` does not follow links; Hadoop does.
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        match if link { fs::metadata(entry.path()) } else { entry.metadata() } {
            Ok(metadata) if metadata.is_dir() => children.push(entry.path()),
            Ok(metadata) => files.push(input_file(entry.path(), &metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound && (ignore_missing || link) => {}
            Err(error) => return Err(read_error(&entry.path(), error)),
        }
    }
    if !files.is_empty() {
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        folders.push(Folder { path: path.to_path_buf(), files });
    }
    children.sort_unstable();
    children.iter().try_for_each(|child| walk_folder(child, ignore_missing, seen, folders))
}

/// Names that Spark passes over: `_x` and `.x`, but not `_x=1`, which may be a partition.
pub fn is_hidden(name: &str) -> bool {
    (name.starts_with('_') && !name.contains('=')) || name.starts_with('.') || name.ends_with("._COPYING_")
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn input_file(path: PathBuf, metadata: &Metadata) -> InputFile {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    // Hadoop knows milliseconds.
    let modified_us = i64::try_from(modified.as_millis()).map_or(0, |ms| ms.saturating_mul(1000));
    InputFile { path, size_bytes: metadata.len(), modified_us }
}
