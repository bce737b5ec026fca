//! What the process's threads do, and the Python processes below it, as Linux tells. Elsewhere nobody tells.

use std::fs;

/// A thread of this process.
#[derive(Debug)]
pub struct Thread {
    pub id: i64,
    pub name: String,
    /// As Java names what a thread does: `RUNNABLE`, `WAITING`, `BLOCKED`, `TERMINATED`.
    pub state: &'static str,
    /// Milliseconds that it has computed.
    pub cpu_ms: i64,
    /// Where in the kernel it waits; empty where it does not.
    pub waits_in: String,
}

/// A process that was started here.
#[derive(Debug)]
pub struct Child {
    pub id: i64,
    pub command: String,
    pub state: &'static str,
    pub cpu_ms: i64,
    pub memory_bytes: i64,
}

/// Linux counts processor time in hundredths of a second.
const TICK_MS: i64 = 10;
const PAGE_BYTES: i64 = 4096;

/// The threads of this process, by id.
pub fn threads() -> Vec<Thread> {
    let Ok(entries) = fs::read_dir("/proc/self/task") else { return vec![] };
    let mut all: Vec<Thread> = entries
        .flatten()
        .filter_map(|entry| {
            let stat = Stat::read(&entry.path().join("stat").to_string_lossy())?;
            let waits_in = fs::read_to_string(entry.path().join("wchan")).unwrap_or_default();
            Some(Thread {
                id: entry.file_name().to_str()?.parse().ok()?,
                state: stat.state(),
                cpu_ms: stat.cpu_ms(),
                waits_in: if waits_in == "0" { String::new() } else { waits_in },
                name: stat.name,
            })
        })
        .collect();
    all.sort_by_key(|own| own.id);
    all
}

/// Processes below this one, by id.
pub fn children() -> Vec<Child> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
    let all: Vec<(i64, Stat)> = ids.filter_map(|id| Some((id, Stat::read(&format!("/proc/{id}/stat"))?))).collect();
    let mut family = vec![i64::from(std::process::id())];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(all.iter().filter(|(_, own)| own.number(1) == parent).map(|(id, _)| *id));
        at += 1;
    }
    let of_family = all.into_iter().filter(|(id, _)| family[1..].contains(id));
    of_family
        .map(|(id, stat)| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(String::from_utf8_lossy);
            let command = words.collect::<Vec<_>>().join(" ");
            Child {
                id,
                state: stat.state(),
                cpu_ms: stat.cpu_ms(),
                memory_bytes: stat.number(21).saturating_mul(PAGE_BYTES),
                command: if command.is_empty() { stat.name } else { command },
            }
        })
        .collect()
}

/// `/proc/<pid>/stat`: the name, then fields from the state on.
struct Stat {
    name: String,
    fields: Vec<String>,
}

impl Stat {
    fn read(path: &str) -> Option<Self> {
        let text = fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&text);
        // The name may hold anything, brackets too.
        let (front, fields) = text.rsplit_once(')')?;
        let (_, name) = front.split_once('(')?;
        Some(Self { name: name.to_string(), fields: fields.split_whitespace().map(str::to_string).collect() })
    }

    fn number(&self, field: usize) -> i64 {
        self.fields.get(field).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn cpu_ms(&self) -> i64 {
        self.number(11).saturating_add(self.number(12)).saturating_mul(TICK_MS)
    }

    fn state(&self) -> &'static str {
        match self.fields.first().map(String::as_str) {
            Some("R") => "RUNNABLE",
            Some("D") => "BLOCKED",
            Some("Z" | "X" | "x") => "TERMINATED",
            _ => "WAITING",
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #[test]
    fn this_thread_runs() {
        let all = super::threads();
        assert!(all.iter().any(|own| own.state == "RUNNABLE"), "{all:?}");
        assert!(all.iter().all(|own| !own.name.is_empty()));
    }
}
