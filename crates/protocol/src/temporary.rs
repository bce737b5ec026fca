//! Folders that end with the process. Each goes when it is dropped; at the process's end nobody waits for all drops, so
//! `remove_all` takes away those that are left. What a killed process left, the next one removes: `remove_abandoned`.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use tempfile::TempDir;

/// What the names of all folders begin with.
const PREFIX: &str = "firesteel-";
/// A file in each folder, locked as long as the folder's process lives. It lasts for as long as the system holds it open, whatever
/// number a later process has.
const OWNER: &str = ".owner";
const OWNER_UNLOCKED: &str = ".owner.new";

static LEFT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn left() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new folder in the system's folder for temporary files, which only this user may enter.
#[derive(Debug)]
pub struct Folder {
    directory: TempDir,
    /// Locked, and unlocked when the process ends, however it does.
    _owner: File,
}

impl Folder {
    /// Makes a folder `firesteel-<kind>-..`.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn new(kind: &str) -> io::Result<Self> {
        Self::within(&std::env::temp_dir(), kind)
    }

    /// Makes such a folder in another one than the system's.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn within(parent: &Path, kind: &str) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(&format!("{PREFIX}{kind}-")).tempdir_in(parent)?;
        // Locked before it has its name: whoever finds it under that name unlocked finds an abandoned folder.
        let unlocked = directory.path().join(OWNER_UNLOCKED);
        let owner = File::create_new(&unlocked)?;
        owner.lock()?;
        fs::rename(&unlocked, directory.path().join(OWNER))?;
        left().insert(directory.path().to_owned());
        Ok(Self { directory, _owner: owner })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // First the folder, then its entry: the process may end between the two.
        let _ = fs::remove_dir_all(self.path());
        left().remove(self.path());
    }
}

/// Takes away all folders that are left. The process must end now: who uses one finds nothing.
pub fn remove_all() {
    for path in std::mem::take(&mut *left()) {
        // What cannot be removed stays, as after a kill.
        let _ = fs::remove_dir_all(path);
    }
}

/// Takes away the folders in the system's folder for temporary files whose process is gone without having done so.
pub fn remove_abandoned() {
    remove_abandoned_within(&std::env::temp_dir());
}

/// Takes away such folders in another one.
pub fn remove_abandoned_within(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in named.map(|entry| entry.path()) {
        if is_abandoned(&folder) {
            // What belongs to another user stays.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Whether nobody holds the folder's lock. A folder without one is being made just now, or is not ours.
fn is_abandoned(folder: &Path) -> bool {
    let Ok(owner) = File::open(folder.join(OWNER)) else { return false };
    !matches!(owner.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_ended_processes_go_and_others_stay() {
        let parent = tempfile::tempdir().unwrap();
        let held = Folder::within(parent.path(), "held").unwrap();
        let abandoned = parent.path().join("firesteel-gone-x");
        let (unfinished, foreign) = (parent.path().join("firesteel-new-x"), parent.path().join("other"));
        for folder in [&abandoned, &unfinished, &foreign] {
            fs::create_dir(folder).unwrap();
        }
        for folder in [&abandoned, &foreign] {
            File::create(folder.join(OWNER)).unwrap();
        }
        remove_abandoned_within(parent.path());
        assert!(held.path().exists() && unfinished.exists() && foreign.exists());
        assert!(!abandoned.exists());
    }
}
