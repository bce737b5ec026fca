//! Folders that no table owns: of a table that is being made or was just dropped.
//!
//! CREATE TABLE AS writes its files before the catalog knows the table, DROP TABLE deletes them after the catalog has
//! forgotten it. A process killed in between leaves a folder behind; the store has it on a list with the process that
//! owns it, and whoever wants to make a table there clears it away once that process is gone.

use std::sync::OnceLock;

use firesteel_protocol::Result;

use super::store::Store;

/// This process: its number, when it started, and in which container. Without `/proc` nobody can tell whether it is
/// alive, and nothing is cleared away.
pub fn owner() -> &'static str {
    static OWNER: OnceLock<String> = OnceLock::new();
    OWNER.get_or_init(|| {
        let pid = std::process::id();
        match (started(pid), space()) {
            (Some(started), Some(space)) => format!("{pid}@{started}@{space}"),
            _ => format!("{pid}@unknown"),
        }
    })
}

/// When a process started, in ticks since the machine did.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_string)
}

/// The space in which process numbers have a meaning.
fn space() -> Option<String> {
    std::fs::read_link("/proc/self/ns/pid").ok().map(|link| link.to_string_lossy().into_owned())
}

/// Whether the process that left a folder behind is surely gone.
fn is_dead(owner: &str) -> bool {
    let mut parts = owner.split('@');
    let (Some(pid), Some(since), Some(own_space)) = (parts.next(), parts.next(), parts.next()) else { return false };
    match (pid.parse(), space()) {
        (Ok(pid), Some(space)) if space == own_space => started(pid).is_none_or(|now| now != since),
        _ => false,
    }
}

/// Instead of an owner: the folder is moved here from there, as its table was renamed.
pub fn moved_from(location: &str) -> String {
    format!("{MOVED}{location}")
}

const MOVED: &str = "moved from ";

/// Ends a move that a killed process began. To be called where a table's folder is not there.
pub fn finish_move(store: &Store, location: &str) -> Result<()> {
    let Some(from) = store.leftover(location)?.and_then(|owner| owner.strip_prefix(MOVED).map(str::to_string)) else {
        return Ok(());
    };
    match std::fs::rename(&from, location) {
        // Somebody else was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        result => result.map_err(|error| super::folder_error("move", &from, error))?,
    }
    store.unmark_leftover(location)
}

/// Clears away what a killed process left in a folder where a table is to be made.
pub fn clear(store: &Store, location: &str) -> Result<()> {
    match store.leftover(location)? {
        Some(owner) if is_dead(&owner) => {
            super::remove_folder(location)?;
            store.unmark_leftover(location)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_lives_and_others_may_not() {
        assert!(!super::is_dead(super::owner()));
        let parts: Vec<&str> = super::owner().split('@').collect();
        if let [pid, _, space] = parts[..] {
            assert!(super::is_dead(&format!("{pid}@1@{space}")));
            assert!(!super::is_dead(&format!("{pid}@1@elsewhere")));
        }
    }
}
