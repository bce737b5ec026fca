//! Places where a test ends the process, as `kill -9` does: between any two steps and in the middle of any write.
//! Release builds have none of it.
//!
//! The variable `FIRESTEEL_KILL_FILE` names a file with a number. A query that starts takes the file away, and the process
//! ends at the place of that number, counted from there; the file `<file>.at` then says which place it was.

#[cfg(debug_assertions)]
mod armed {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Places that are passed before the end; 0: no end.
    static LEFT: AtomicI64 = AtomicI64::new(0);

    fn file() -> Option<PathBuf> {
        std::env::var_os("FIRESTEEL_KILL_FILE").map(PathBuf::from)
    }

    pub fn arm() {
        let Some(file) = file() else { return };
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        let _ = std::fs::remove_file(&file);
        LEFT.store(text.trim().parse().unwrap_or(0), Ordering::SeqCst);
    }

    pub fn point(place: &str) {
        if LEFT.load(Ordering::Relaxed) > 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            if let Some(file) = file() {
                let _ = std::fs::write(file.with_extension("at"), place);
            }
            std::process::abort();
        }
    }
}

/// A query starts.
pub fn arm() {
    #[cfg(debug_assertions)]
    armed::arm();
}

/// A place where a test may end the process.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "only debug builds look at it"))]
pub fn point(place: &str) {
    #[cfg(debug_assertions)]
    armed::point(place);
}
