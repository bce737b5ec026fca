//! SET, RESET, SET TIME ZONE.

use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::rows::{self, Rows, cells, text};
use crate::conf::SETTINGS;

const TIME_ZONE: &str = "spark.sql.session.timeZone";

/// SET: what was set. SET -v: what there is to set.
pub fn all(session: &Session, verbose: bool) -> Result<Rows> {
    if !verbose {
        let pairs = session.conf().get_all(None).into_iter().map(|(key, value)| cells![key, value]);
        return rows::rows(&[text("key"), text("value")], pairs);
    }
    let known = SETTINGS.iter().filter(|setting| setting.key.starts_with("spark.sql."));
    let lines = known.map(|setting| {
        let value = session.conf().lookup(setting.key).unwrap_or_else(|| "<undefined>".into());
        cells![setting.key, value, setting.doc, ""]
    });
    rows::rows(&[text("key"), text("value"), text("meaning"), text("Since version")], lines)
}

fn pair(key: &str, value: String) -> Result<Rows> {
    rows::rows(&[text("key"), text("value")], [cells![key, value]])
}

/// `SET key`.
pub fn show(session: &Session, key: &str) -> Result<Rows> {
    pair(key, session.conf().lookup(key).unwrap_or_else(|| "<undefined>".into()))
}

/// `SET key = value`.
pub fn set(session: &Session, key: &str, value: String) -> Result<Rows> {
    if session.variables.get(&key.to_lowercase()).is_some() {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.SET_VARIABLE_USING_SET")
            .with("variableName", name::quote(key))
            .raised_as("UNRESOLVED_COLUMN"));
    }
    // Hadoop's names for the number of partitions.
    let key = match key {
        "mapred.reduce.tasks" | "mapreduce.job.reduces" => "spark.sql.shuffle.partitions",
        key => key,
    };
    session.conf().set(key, &value)?;
    pair(key, value)
}

/// SET TIME ZONE; None: the machine's.
pub fn time_zone(session: &Session, zone: Option<String>) -> Result<Rows> {
    match zone {
        Some(zone) => session.conf().set(TIME_ZONE, &zone).map(|_| ())?,
        None => session.conf().unset(TIME_ZONE)?,
    }
    pair(TIME_ZONE, session.conf().lookup(TIME_ZONE).unwrap_or_default())
}

/// RESET: back to what the application was started with.
pub fn reset(session: &Session, key: Option<&str>) -> Result<()> {
    let started_with = |key: &str| {
        let initial = &session.engine.conf().conf;
        initial.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.clone())
    };
    let restore = |key: &str| match started_with(key) {
        Some(value) => session.conf().set(key, &value).map(|_| ()),
        None => session.conf().unset(key),
    };
    match key {
        Some(key) => restore(key),
        None => {
            for (key, _) in session.conf().get_all(None) {
                if session.conf().is_modifiable(&key) || !key.starts_with("spark.") {
                    restore(&key)?;
                }
            }
            Ok(())
        }
    }
}
