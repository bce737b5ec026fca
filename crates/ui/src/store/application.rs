//! Who runs, with which settings, on which executors.

use serde_json::Value;

use super::Store;
use crate::json::{int_or, pairs, text, text_or};

impl Store {
    pub(super) fn application_start(&mut self, event: &Value) {
        self.app.name = text_or(event, "App Name", "").into();
        self.app.id = text_or(event, "App ID", "").into();
        self.app.attempt = text(event, "App Attempt ID").map(str::to_string);
        self.app.user = text_or(event, "User", "").into();
        self.app.start_ms = int_or(event, "Timestamp", -1);
        self.app.last_updated_ms = self.app.start_ms;
    }

    /// The application is over: nothing runs any more.
    pub(super) fn application_end(&mut self, at_ms: i64) {
        self.app.end_ms = at_ms;
        self.app.last_updated_ms = at_ms;
    }

    pub(super) fn environment(&mut self, event: &Value) {
        let own = &mut self.environment;
        own.runtime = pairs(&event["JVM Information"]);
        own.spark = pairs(&event["Spark Properties"]);
        own.hadoop = pairs(&event["Hadoop Properties"]);
        own.system = pairs(&event["System Properties"]);
        own.metrics = pairs(&event["Metrics Properties"]);
        own.classpath = pairs(&event["Classpath Entries"]);
        for list in [&mut own.spark, &mut own.hadoop, &mut own.system, &mut own.metrics, &mut own.classpath] {
            list.sort();
        }
    }

    pub(super) fn executor_added(&mut self, event: &Value) {
        let id = text_or(event, "Executor ID", "");
        let info = &event["Executor Info"];
        let own = self.executors.entry(id.into()).or_default();
        own.id = id.into();
        own.added_ms = int_or(event, "Timestamp", -1);
        own.cores = int_or(info, "Total Cores", 0);
        own.logs = pairs(&info["Log Urls"]);
        if own.host_port.is_empty() {
            own.host_port = text_or(info, "Host", "").into();
        }
    }

    pub(super) fn block_manager_added(&mut self, event: &Value) {
        let manager = &event["Block Manager ID"];
        let id = text_or(manager, "Executor ID", "");
        let own = self.executors.entry(id.into()).or_default();
        own.id = id.into();
        own.host_port = format!("{}:{}", text_or(manager, "Host", ""), int_or(manager, "Port", 0));
        own.max_memory = int_or(event, "Maximum Memory", 0);
        own.max_on_heap = int_or(event, "Maximum Onheap Memory", own.max_memory);
        own.max_off_heap = int_or(event, "Maximum Offheap Memory", 0);
        if own.added_ms <= 0 {
            own.added_ms = int_or(event, "Timestamp", -1);
        }
    }

    pub(super) fn executor_removed(&mut self, event: &Value) {
        let own = self.executors.entry(text_or(event, "Executor ID", "").into()).or_default();
        own.removed = Some((int_or(event, "Timestamp", -1), text_or(event, "Removed Reason", "").into()));
        self.forget_executors();
    }
}
