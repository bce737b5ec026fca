//! The `Config` call: reads and writes the session's configuration.
//!
//! Which keys there are and what they mean is the engine's business.

use firesteel_engine::SessionConf;
use firesteel_protocol::connect as pb;
use pb::config_request::operation::OpType;

use crate::error::{Failure, Result};

/// Keys that Spark Connect accepts and never looks at; it says so.
const NOT_SUPPORTED: &[&str] = &[
    "spark.sql.execution.arrow.enabled",
    "spark.sql.execution.arrow.fallback.enabled",
    "spark.sql.execution.arrow.pyspark.fallback.enabled",
];

/// What a call returns.
#[derive(Default)]
pub(crate) struct ConfigResult {
    pub(crate) pairs: Vec<pb::KeyValue>,
    pub(crate) warnings: Vec<String>,
}

impl ConfigResult {
    fn push(&mut self, key: String, value: Option<String>) {
        self.pairs.push(pb::KeyValue { key, value });
    }

    fn warn(&mut self, key: &str) {
        if NOT_SUPPORTED.contains(&key) {
            self.warnings.push(format!("The SQL config '{key}' is NOT supported in Spark Connect"));
        }
    }
}

/// What clients ask when they make a Python function, and only then.
pub(crate) const ASKED_FOR_PYTHON: &[&str] =
    &["spark.sql.execution.pythonUDF.arrow.enabled", "spark.sql.execution.pythonUDTF.arrow.enabled"];

/// Answers with the address of the web UI: `sc.uiWebUrl`.
pub(crate) const UI_URL: &str = "firesteel.ui.url";

/// Runs one operation.
pub(crate) fn run(conf: &SessionConf, operation: Option<pb::config_request::Operation>) -> Result<ConfigResult> {
    let mut result = ConfigResult::default();
    match operation.and_then(|operation| operation.op_type) {
        Some(OpType::Set(request)) => set(conf, request, &mut result)?,
        Some(OpType::Get(request)) => {
            for key in request.keys {
                result.warn(&key);
                // A missing key without default is an error here.
                let value = conf.get(&key)?;
                result.push(key, value);
            }
        }
        Some(OpType::GetWithDefault(request)) => {
            for pair in request.pairs {
                result.warn(&pair.key);
                let value = conf.get_with_default(&pair.key, pair.value.as_deref())?;
                result.push(pair.key, value);
            }
        }
        Some(OpType::GetOption(request)) => {
            for key in request.keys {
                result.warn(&key);
                let value = option(conf, &key)?;
                result.push(key, value);
            }
        }
        Some(OpType::GetAll(request)) => {
            let prefix = request.prefix.unwrap_or_default();
            for (key, value) in conf.get_all(None) {
                // Spark returns the keys without the prefix.
                if let Some(rest) = key.strip_prefix(&prefix) {
                    result.warn(&key);
                    result.push(rest.to_owned(), Some(value));
                }
            }
        }
        Some(OpType::Unset(request)) => {
            for key in request.keys {
                conf.unset(&key)?;
                result.warn(&key);
            }
        }
        Some(OpType::IsModifiable(request)) => {
            for key in request.keys {
                let value = conf.is_modifiable(&key).to_string();
                result.push(key, Some(value));
            }
        }
        None => return Err(Failure::unsupported_operation(" not supported.")),
    }
    Ok(result)
}

/// The value of a key; nothing for a key that is neither set nor known.
pub(crate) fn option(conf: &SessionConf, key: &str) -> Result<Option<String>> {
    match conf.get(key) {
        Err(error) if error.condition() == "SQL_CONF_NOT_FOUND" => Ok(None),
        value => Ok(value?),
    }
}

/// Sets pair by pair; with `silent`, failures become warnings.
fn set(conf: &SessionConf, request: pb::config_request::Set, result: &mut ConfigResult) -> Result<()> {
    let silent = request.silent.unwrap_or(false);
    for pb::KeyValue { key, value } in request.pairs {
        let Some(value) = value else {
            return Err(Failure::illegal_argument(format!("requirement failed: value cannot be null for key: {key}")));
        };
        // Builders set their options in silence, before anything else.
        let done = if silent { conf.set_at_start(&key, &value) } else { conf.set(&key, &value) };
        match done {
            Ok(warnings) => {
                result.warnings.extend(warnings);
                result.warn(&key);
            }
            Err(error) if silent => {
                result.warnings.push(format!("Failed to set {key} to Some({value}) due to {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
