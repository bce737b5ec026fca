//! The clock of streams: triggers, the times of batches, timers, the time to live, rates and what logs note go by it.
//!
//! A test may turn it: in debug builds the variable `FIRESTEEL_CLOCK_FILE` names a file with milliseconds since the epoch,
//! and it is that time until the file says another. Files that come and go are as old as the file system says.

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    turned_ms().unwrap_or_else(|| chrono::Utc::now().timestamp_millis())
}

/// The time that a test has set.
#[cfg(debug_assertions)]
pub fn turned_ms() -> Option<i64> {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("FIRESTEEL_CLOCK_FILE").map(PathBuf::from));
    std::fs::read_to_string(file.as_ref()?).ok()?.trim().parse().ok()
}

/// Release builds have one clock.
#[cfg(not(debug_assertions))]
pub fn turned_ms() -> Option<i64> {
    None
}
