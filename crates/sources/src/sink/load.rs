//! LOAD DATA: files that are there already become those of a table's folder, by the commit of every write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firesteel_protocol::{Result, SparkError};

use super::commit::{Job, Replace};

/// Puts files into a folder, under their own names or, where these are taken, as `name_copy_1.txt`. `moves`: they are
/// gone from where they were once they are in the folder; a kill in between leaves them in both places.
/// `before_commit` runs before any of it is visible.
pub fn load(
    files: &[PathBuf],
    folder: &Path,
    overwrite: bool,
    moves: bool,
    before_commit: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let failed = |cause: io::Error| {
        SparkError::new("_LEGACY_IO_EXCEPTION")
            .with_message(format!("files could not be loaded into {}: {cause}", folder.display()))
            .with_source(cause)
    };
    let replace = if overwrite { Replace::All } else { Replace::Nothing };
    let job = Job::start(folder, replace).map_err(failed)?.marked(false);
    for file in files {
        let taken = |name: &str| job.root().join(name).exists() || (!overwrite && folder.join(name).exists());
        let staged = job.root().join(free_name(file, taken));
        // A second name for the file costs nothing; another disk needs a copy.
        let linked = if moves { fs::hard_link(file, &staged).is_ok() } else { false };
        if !linked {
            fs::copy(file, &staged).map_err(failed)?;
        }
    }
    before_commit()?;
    job.commit(&[]).map_err(failed)?;
    if moves {
        for file in files {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// `a.txt`, or `a_copy_1.txt` if that is taken, and so on.
fn free_name(file: &Path, taken: impl Fn(&str) -> bool) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name.as_str(), ""),
    };
    let copies = (1..).map(|copy| format!("{stem}_copy_{copy}{extension}"));
    std::iter::once(name.clone()).chain(copies).find(|name| !taken(name)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_are_counted() {
        let taken = ["a.txt", "a_copy_1.txt", "b"];
        let free = |name: &str| free_name(Path::new(name), |name| taken.contains(&name));
        assert_eq!([free("/x/a.txt"), free("b"), free("c.txt")], ["a_copy_2.txt", "b_copy_1", "c.txt"]);
    }
}
