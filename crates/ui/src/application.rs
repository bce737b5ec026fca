//! What the event log says of the application before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_engine::Engine;
use serde_json::{Value, json};

use crate::encode::{DRIVER, event};
use crate::json::now_ms;
use crate::limits::Lookup;
use crate::redact::Redaction;

/// An application at its start.
#[derive(Debug)]
pub struct Application {
    pub id: String,
    pub host: String,
    pub events: Vec<Value>,
}

/// Describes the engine's application.
pub fn describe(engine: &Arc<Engine>, lookup: Lookup, redaction: &Redaction) -> Application {
    let started_ms = engine.started_ms();
    let id = lookup("spark.app.id").unwrap_or_else(|| format!("local-{started_ms}"));
    let host = lookup("spark.driver.host").unwrap_or_else(|| "localhost".into());
    let name = lookup("spark.app.name").unwrap_or_else(|| engine.conf().app_name.clone());
    let mut settings: BTreeMap<String, String> = engine.conf().conf.iter().cloned().collect();
    for key in ["spark.app.name", "spark.master", "spark.ui.enabled", "spark.eventLog.enabled", "spark.eventLog.dir"] {
        if let Some(value) = lookup(key) {
            settings.insert(key.into(), value);
        }
    }
    settings.insert("spark.app.id".into(), id.clone());
    settings.insert("spark.app.startTime".into(), started_ms.to_string());
    settings.insert("spark.driver.host".into(), host.clone());
    settings.entry("spark.master".into()).or_insert_with(|| engine.conf().master.clone());
    let settings: BTreeMap<String, String> =
        settings.into_iter().map(|(key, value)| (key.clone(), redaction.setting(&key, value))).collect();
    let user = firesteel_engine::user::name();
    let memory = memory_bytes(lookup);
    let events = vec![
        event(
            "SparkListenerResourceProfileAdded",
            json!({
                "Resource Profile Id": 0,
                "Executor Resource Requests": {},
                "Task Resource Requests": {"cpus": {"Resource Name": "cpus", "Amount": 1.0}},
            }),
        ),
        event(
            "SparkListenerExecutorAdded",
            json!({
                "Timestamp": started_ms,
                "Executor ID": DRIVER,
                "Executor Info": {
                    "Host": host, "Total Cores": engine.parallelism(), "Log Urls": {}, "Attributes": {},
                    "Resources": {}, "Resource Profile Id": 0,
                },
            }),
        ),
        event(
            "SparkListenerBlockManagerAdded",
            json!({
                "Block Manager ID": {"Executor ID": DRIVER, "Host": host, "Port": port(engine)},
                "Maximum Memory": memory,
                "Timestamp": started_ms,
                "Maximum Onheap Memory": memory,
                "Maximum Offheap Memory": 0,
            }),
        ),
        event(
            "SparkListenerEnvironmentUpdate",
            json!({
                "JVM Information": {
                    "Java Home": "none: Firesteel runs without Java",
                    "Java Version": "none",
                    "Scala Version": concat!("none: Firesteel ", env!("CARGO_PKG_VERSION")),
                },
                "Spark Properties": settings,
                "Hadoop Properties": {},
                "System Properties": {
                    "os.name": std::env::consts::OS, "os.arch": std::env::consts::ARCH,
                    "user.dir": engine.conf().working_dir.display().to_string(),
                    "firesteel.version": env!("CARGO_PKG_VERSION"),
                },
                "Metrics Properties": {},
                "Classpath Entries": {},
            }),
        ),
        event(
            "SparkListenerApplicationStart",
            json!({"App Name": name, "App ID": id, "Timestamp": started_ms, "User": user}),
        ),
    ];
    Application { id, host, events }
}

/// The port that clients use; 1 where there is none, for Spark's readers take no 0.
fn port(engine: &Engine) -> u16 {
    let url = engine.endpoint().map(|endpoint| endpoint.url.as_str()).unwrap_or_default();
    url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(1)
}

/// The application is over.
pub fn end_event() -> Value {
    event("SparkListenerApplicationEnd", json!({"Timestamp": now_ms(), "ExitCode": 0}))
}

/// Memory for queries; -1 where it cannot be said.
fn memory_bytes(lookup: Lookup) -> i64 {
    let limit = firesteel_engine::memory::limit(lookup("spark.driver.memory").as_deref());
    limit.ok().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0)
}
