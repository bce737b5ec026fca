//! `/storage`: rows that are kept.

use serde_json::{Value, json};

use crate::model::StoredRdd;
use crate::web::view::View;

pub(super) fn rdd(view: &View, own: &StoredRdd) -> Value {
    let memory: i64 = own.blocks.values().map(|block| block.0).sum();
    let disk: i64 = own.blocks.values().map(|block| block.1).sum();
    let distribution: Vec<Value> = view
        .store
        .executors
        .values()
        .filter(|executor| own.blocks.values().any(|block| block.3 == executor.id))
        .map(|executor| {
            let blocks = own.blocks.values().filter(|block| block.3 == executor.id);
            let (memory, disk) = blocks.fold((0, 0), |sum, block| (sum.0 + block.0, sum.1 + block.1));
            json!({
                "address": executor.host_port,
                "memoryUsed": memory,
                "memoryRemaining": (executor.max_memory - memory - executor.broadcast.0).max(0),
                "diskUsed": disk,
                "onHeapMemoryUsed": memory,
                "offHeapMemoryUsed": 0,
                "onHeapMemoryRemaining": (executor.max_on_heap - memory - executor.broadcast.0).max(0),
                "offHeapMemoryRemaining": 0,
            })
        })
        .collect();
    let partitions: Vec<Value> = own
        .blocks
        .iter()
        .map(|(partition, (memory, disk, level, executor))| {
            json!({
                "blockName": format!("rdd_{}_{partition}", own.id),
                "storageLevel": level,
                "memoryUsed": memory,
                "diskUsed": disk,
                "executors": [executor],
            })
        })
        .collect();
    json!({
        "id": own.id,
        "name": own.name,
        "numPartitions": own.num_partitions,
        "numCachedPartitions": own.blocks.len(),
        "storageLevel": own.storage_level,
        "memoryUsed": memory,
        "diskUsed": disk,
        "dataDistribution": distribution,
        "partitions": partitions,
    })
}
