//! `/metrics/executors/prometheus`: numbers of executors for Prometheus, by Spark's names.

use std::fmt::Write;

use super::rest;
use super::route::Reply;
use super::view::View;

/// Numbers of REST, with the ends of their names at Prometheus; None where time is told in seconds.
const NUMBERS: [(&str, Option<&str>); 18] = [
    ("rddBlocks", Some("rddBlocks")),
    ("memoryUsed", Some("memoryUsed_bytes")),
    ("diskUsed", Some("diskUsed_bytes")),
    ("totalCores", Some("totalCores")),
    ("maxTasks", Some("maxTasks")),
    ("activeTasks", Some("activeTasks")),
    ("failedTasks", Some("failedTasks_total")),
    ("completedTasks", Some("completedTasks_total")),
    ("totalTasks", Some("totalTasks_total")),
    ("totalDuration", None),
    ("totalGCTime", None),
    ("totalInputBytes", Some("totalInputBytes_bytes_total")),
    ("totalShuffleRead", Some("totalShuffleRead_bytes_total")),
    ("totalShuffleWrite", Some("totalShuffleWrite_bytes_total")),
    ("maxMemory", Some("maxMemory_bytes")),
    ("usedOnHeapStorageMemory", Some("usedOnHeapStorageMemory_bytes")),
    ("totalOnHeapStorageMemory", Some("totalOnHeapStorageMemory_bytes")),
    ("totalOffHeapStorageMemory", Some("totalOffHeapStorageMemory_bytes")),
];

/// All executors that are alive.
pub fn executors(view: &View) -> Reply {
    let app = &view.store.app;
    let mut out = format!(
        "spark_info{{version=\"{}\", revision=\"{}\"}} 1.0\n",
        quoted(&app.spark_version),
        quoted(env!("CARGO_PKG_VERSION"))
    );
    for executor in view.store.executors.values().filter(|own| own.removed.is_none()) {
        let own = rest::executor(view, executor);
        let labels = format!(
            "{{application_id=\"{}\", application_name=\"{}\", executor_id=\"{}\"}}",
            quoted(&app.id),
            quoted(&app.name),
            quoted(&executor.id)
        );
        for (name, metric) in NUMBERS {
            let value = own[name].as_i64().or_else(|| own["memoryMetrics"][name].as_i64()).unwrap_or(0);
            // Writing to a String cannot fail.
            let _ = match metric {
                Some(metric) => writeln!(out, "metrics_executor_{metric}{labels} {value}"),
                None => writeln!(out, "metrics_executor_{name}_seconds_total{labels} {}", value as f64 / 1000.0),
            };
        }
    }
    Reply::new(200, "text/plain; charset=utf-8", out.into_bytes())
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
