//! Rows that are kept between queries.

use serde_json::Value;

use super::Store;
use crate::json::{int_or, text, text_or};
use crate::model::StoredRdd;

impl Store {
    pub(super) fn block_updated(&mut self, event: &Value) {
        let info = &event["Block Updated Info"];
        let block = text_or(info, "Block ID", "");
        if block.starts_with("broadcast_") {
            return self.broadcast_updated(info);
        }
        let Some((rdd, partition)) = block.strip_prefix("rdd_").and_then(|rest| rest.split_once('_')) else { return };
        let (Ok(rdd), Ok(partition)) = (rdd.parse::<i64>(), partition.parse::<i64>()) else { return };
        let own = self.rdds.entry(rdd).or_insert_with(|| StoredRdd { id: rdd, ..StoredRdd::default() });
        if let Some(name) = text(event, "RDD Name") {
            own.name = name.into();
            own.storage_level = storage_level(&event["RDD Storage Level"]);
        }
        let level = &info["Storage Level"];
        let is_kept = ["Use Disk", "Use Memory", "Use Off Heap"].iter().any(|key| level[*key] == true);
        if is_kept {
            let executor = text_or(&info["Block Manager ID"], "Executor ID", "");
            let (memory, disk) = (int_or(info, "Memory Size", 0), int_or(info, "Disk Size", 0));
            own.blocks.insert(partition, (memory, disk, storage_level(level), executor.into()));
            own.num_partitions = own.num_partitions.max(partition + 1);
        } else {
            own.blocks.remove(&partition);
        }
        if own.blocks.is_empty() {
            self.rdds.remove(&rdd);
        }
    }
}

impl Store {
    fn broadcast_updated(&mut self, info: &Value) {
        let executor = text_or(&info["Block Manager ID"], "Executor ID", "");
        let Some(own) = self.executors.get_mut(executor) else { return };
        let level = &info["Storage Level"];
        let signed = |key: &str, size: &str| int_or(info, size, 0) * if level[key] == true { 1 } else { -1 };
        own.broadcast.0 = (own.broadcast.0 + signed("Use Memory", "Memory Size")).max(0);
        own.broadcast.1 = (own.broadcast.1 + signed("Use Disk", "Disk Size")).max(0);
    }
}

/// Spark's words for a storage level; empty where nothing is stored.
pub(super) fn storage_level(level: &Value) -> String {
    let mut parts = vec![];
    for (key, name) in [("Use Disk", "Disk"), ("Use Memory", "Memory"), ("Use Off Heap", "OffHeap")] {
        if level[key] == true {
            parts.push(name);
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.push(if level["Deserialized"] == true { "Deserialized" } else { "Serialized" });
    format!("{} {}x Replicated", parts.join(" "), int_or(level, "Replication", 1))
}
