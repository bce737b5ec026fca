//! `spark.history.*`: what the history server is started with.

use std::time::Duration;

use crate::limits::{Limits, Lookup};
use crate::log::compact::Compaction;
use crate::log::folder::Folder;
use crate::log::write::flag;
use crate::web::UiConf;

/// What the history server is started with.
#[derive(Debug, Clone)]
pub struct HistoryConf {
    pub(super) folder: Folder,
    pub(super) ui: UiConf,
    /// Time between looks at the folder.
    pub(super) interval: Duration,
    /// Applications whose pages are kept in memory.
    pub(super) retained: usize,
    /// Applications that the list shows.
    pub(super) listed: usize,
    /// Threads that look into logs.
    pub(super) threads: usize,
    pub(super) limits: Limits,
    pub(super) cleaner: Option<Cleaner>,
    pub(super) compaction: Option<Compaction>,
}

/// Deletes old logs.
#[derive(Debug, Clone)]
pub(super) struct Cleaner {
    pub(super) interval: Duration,
    pub(super) max_age: Duration,
    pub(super) max_count: usize,
}

impl HistoryConf {
    /// What the settings say.
    ///
    /// # Errors
    /// A setting makes no sense, or the folder is not there: text for the user.
    pub fn of(lookup: Lookup) -> Result<Self, String> {
        refuse(lookup)?;
        let text = lookup("spark.history.fs.logDirectory").unwrap_or_else(|| "file:/tmp/spark-events".into());
        let folder = Folder::of(&text, lookup)?;
        if matches!(&folder, Folder::Local(path) if !path.is_dir()) {
            return Err(format!(
                "there is no folder {folder}: name the folder of the logs with spark.history.fs.logDirectory"
            ));
        }
        let time = |key: &str, default: &str| {
            let text = lookup(key).unwrap_or_else(|| default.into());
            seconds(&text).ok_or_else(|| format!("conf `{key}`: expected a duration (example: 10s), got {text:?}"))
        };
        let count = |key: &str, default: usize| match lookup(key) {
            None => Ok(default),
            Some(text) => text.trim().parse().map_err(|_| format!("conf `{key}`: expected a number, got {text:?}")),
        };
        let cleaner = flag(lookup, "spark.history.fs.cleaner.enabled", false).then(|| -> Result<Cleaner, String> {
            Ok(Cleaner {
                interval: time("spark.history.fs.cleaner.interval", "1d")?,
                max_age: time("spark.history.fs.cleaner.maxAge", "7d")?,
                max_count: count("spark.history.fs.cleaner.maxNum", usize::MAX)?,
            })
        });
        let port = count("spark.history.ui.port", 18080)?;
        let port = u16::try_from(port).map_err(|_| format!("conf `spark.history.ui.port`: {port} is no port"))?;
        // As Spark: a quarter of the machine, but one at least.
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(4));
        Ok(Self {
            folder,
            ui: UiConf { port, ..UiConf::of(lookup)? },
            interval: time("spark.history.fs.update.interval", "10s")?,
            retained: count("spark.history.retainedApplications", 50)?.max(1),
            listed: count("spark.history.ui.maxApplications", usize::MAX)?,
            threads: count("spark.history.fs.numReplayThreads", cores)?.clamp(1, 64),
            limits: Limits::of(lookup),
            compaction: compaction(count("spark.history.fs.eventLog.rolling.maxFilesToRetain", usize::MAX)?, lookup)?,
            cleaner: cleaner.transpose()?,
        })
    }
}

/// `10s`, `5min`, `1d`; plain numbers are seconds.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    Some(match text[digits..].trim() {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" | "min" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    })
}

/// Compaction happens where it is said how many files are enough.
fn compaction(keep: usize, lookup: Lookup) -> Result<Option<Compaction>, String> {
    let key = "spark.history.fs.eventLog.rolling.compaction.score.threshold";
    let threshold = match lookup(key) {
        None => 0.7,
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| format!("conf `{key}`: expected a number from 0 to 1, got {text:?}"))?,
    };
    if keep == 0 {
        return Err("conf `spark.history.fs.eventLog.rolling.maxFilesToRetain`: expected 1 or more, got 0".into());
    }
    Ok((keep < usize::MAX).then_some(Compaction { keep, threshold }))
}

/// Refuses settings that would let people see or lose more than they think.
fn refuse(lookup: Lookup) -> Result<(), String> {
    for (key, instead) in [
        ("spark.history.ui.acls.enable", "put a proxy in front that knows users, or leave it on this machine"),
        ("spark.history.kerberos.enabled", "mount the folder of the logs"),
        ("spark.history.fs.driverlog.cleaner.enabled", "drivers write no log files of their own here"),
    ] {
        if flag(lookup, key, false) {
            return Err(format!("conf `{key}` is not supported: {instead}"));
        }
    }
    let provider = "org.apache.spark.deploy.history.FsHistoryProvider";
    match lookup("spark.history.provider") {
        Some(other) if other.trim() != provider => {
            Err(format!("conf `spark.history.provider` is not supported: logs are read from folders ({provider})"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_kept_are_refused() {
        let told = |key: &'static str, value: &'static str| {
            HistoryConf::of(&move |asked| match asked {
                "spark.history.fs.logDirectory" => Some("/".into()),
                other => (other == key).then(|| value.to_string()),
            })
            .err()
            .unwrap_or_default()
        };
        assert_eq!(told("spark.history.ui.port", "18081"), "");
        for (key, value) in [
            ("spark.history.ui.acls.enable", "true"),
            ("spark.history.provider", "com.example.Provider"),
            ("spark.history.ui.port", "99999"),
            ("spark.history.fs.update.interval", "soon"),
            ("spark.history.fs.eventLog.rolling.maxFilesToRetain", "0"),
            ("spark.history.fs.eventLog.rolling.compaction.score.threshold", "2"),
        ] {
            assert!(told(key, value).contains(key), "{key}");
        }
        assert!(told("spark.history.fs.logDirectory", "").is_empty());
    }
}
