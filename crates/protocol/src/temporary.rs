//! Folders that end with the process. Each goes when it is dropped; at the process's end nobody waits for all drops, so
//! `remove_all` takes away those that are left.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use tempfile::TempDir;

type Paths = Box<dyn Fn() -> Vec<PathBuf> + Send>;

#[derive(Default)]
struct Left {
    own: BTreeSet<PathBuf>,
    others: Vec<Paths>,
}

static LEFT: Mutex<Left> = Mutex::new(Left { own: BTreeSet::new(), others: Vec::new() });

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new folder in the system's folder for temporary files, which only this user may enter.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// Makes a folder whose name begins so.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        left().own.insert(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // First the folder, then its entry: the process may end between the two.
        let _ = fs::remove_dir_all(self.path());
        left().own.remove(self.path());
    }
}

/// Folders that a library makes are taken away too: `paths` tells which, when it comes to that.
pub fn also(paths: impl Fn() -> Vec<PathBuf> + Send + 'static) {
    left().others.push(Box::new(paths));
}

/// Takes away all folders that are left. The process must end now: who uses one finds nothing.
pub fn remove_all() {
    let Left { own, others } = std::mem::take(&mut *left());
    for path in own.into_iter().chain(others.iter().flat_map(|paths| paths())) {
        // What cannot be removed stays, as after a kill.
        let _ = fs::remove_dir_all(path);
    }
}
