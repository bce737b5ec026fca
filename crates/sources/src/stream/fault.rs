//! Places where a test ends the process, as `kill -9` does, or has the disk fail: between any two steps and in the middle
//! of any write. Release builds have none of it.
//!
//! The variable `FIRESTEEL_KILL_FILE` names a file with a number. A query that starts takes the file away, and the process
//! ends at the place of that number, counted from there; the file `<file>.at` then says which place it was. With `full 12`
//! for `12` the process goes on, but what it does at that place fails as on a full disk; lists and reads count then, too.

use std::io;

use firesteel_protocol::{Result, SparkError};

#[cfg(debug_assertions)]
mod armed {
    use std::io;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    /// Places that are passed before the end; 0: no end.
    static LEFT: AtomicI64 = AtomicI64::new(0);
    /// Whether the disk fails there; the process ends otherwise.
    static FAILS: AtomicBool = AtomicBool::new(false);

    fn file() -> Option<PathBuf> {
        std::env::var_os("FIRESTEEL_KILL_FILE").map(PathBuf::from)
    }

    pub fn arm() {
        let Some(file) = file() else { return };
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        let _ = std::fs::remove_file(&file);
        let number = text.trim().strip_prefix("full ");
        FAILS.store(number.is_some(), Ordering::SeqCst);
        LEFT.store(number.unwrap_or(text.trim()).parse().unwrap_or(0), Ordering::SeqCst);
    }

    pub fn point(place: &str, always: bool) -> io::Result<()> {
        let fails = FAILS.load(Ordering::SeqCst);
        if !always && !fails {
            return Ok(());
        }
        if LEFT.load(Ordering::Relaxed) > 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            if let Some(file) = file() {
                let _ = std::fs::write(file.with_extension("at"), place);
            }
            if fails {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            std::process::abort();
        }
        Ok(())
    }
}

/// A query starts.
pub fn arm() {
    #[cfg(debug_assertions)]
    armed::arm();
}

/// A place where a test may end the process or have the disk fail.
///
/// # Errors
/// The failure that a test asked for.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "only debug builds look at it"))]
pub fn point(place: &str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    armed::point(place, true)?;
    Ok(())
}

/// A place where nothing changes on the disk: it may fail, but to end there is to end at the place before.
///
/// # Errors
/// The failure that a test asked for.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "only debug builds look at it"))]
pub fn look(place: &str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    armed::point(place, false)?;
    Ok(())
}

/// A place between two steps.
///
/// # Errors
/// The failure that a test asked for.
pub fn step(place: &str) -> Result<()> {
    point(place).map_err(|error| {
        SparkError::new("_LEGACY_IO_EXCEPTION").with_message(format!("{place}: {error}")).with_source(error)
    })
}
