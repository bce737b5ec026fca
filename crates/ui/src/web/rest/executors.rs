//! `/executors`, and what their threads do.

use serde_json::{Map, Value, json};

use super::Answer;
use crate::encode::DRIVER;
use crate::json::rest_time;
use crate::model::Executor;
use crate::threads;
use crate::web::view::View;

/// An executor as `/executors` lists it.
pub fn executor(view: &View, own: &Executor) -> Value {
    let kept = view.store.rdds.values().flat_map(|rdd| rdd.blocks.values()).filter(|block| block.3 == own.id);
    let (blocks, memory, disk) =
        kept.fold((0, own.broadcast.0, own.broadcast.1), |sum, block| (sum.0 + 1, sum.1 + block.0, sum.2 + block.1));
    let logs: Map<String, Value> = own.logs.iter().map(|(name, url)| (name.clone(), url.as_str().into())).collect();
    let mut out = json!({
        "id": own.id,
        "hostPort": own.host_port,
        "isActive": own.removed.is_none(),
        "rddBlocks": blocks,
        "memoryUsed": memory,
        "diskUsed": disk,
        "totalCores": own.cores,
        "maxTasks": own.cores,
        "activeTasks": own.counts.active,
        "failedTasks": own.counts.failed,
        "completedTasks": own.counts.complete,
        "totalTasks": own.counts.active + own.counts.failed + own.counts.killed + own.counts.complete,
        "totalDuration": own.duration_ms,
        "totalGCTime": own.gc_ms,
        "totalInputBytes": own.input_bytes,
        "totalShuffleRead": own.shuffle_read,
        "totalShuffleWrite": own.shuffle_write,
        "isBlacklisted": false,
        "maxMemory": own.max_memory,
        "addTime": rest_time(own.added_ms),
        "executorLogs": logs,
        "memoryMetrics": {
            "usedOnHeapStorageMemory": memory,
            "usedOffHeapStorageMemory": 0,
            "totalOnHeapStorageMemory": own.max_on_heap,
            "totalOffHeapStorageMemory": own.max_off_heap,
        },
        "blacklistedInStages": [],
        "attributes": {},
        "resources": {},
        "resourceProfileId": 0,
        "isExcluded": false,
        "excludedInStages": [],
    });
    if own.id == DRIVER {
        // As Spark: the driver's time is the application's.
        let app = &view.store.app;
        let until = if app.end_ms > 0 { app.end_ms } else { view.now_ms };
        out["totalDuration"] = (until - app.start_ms).max(0).into();
        if let Some(peaks) = &own.peaks {
            out["totalGCTime"] = peaks.total_gc_ms().into();
        }
    }
    if let Some(peaks) = &own.peaks {
        out["peakMemoryMetrics"] = peaks.json();
    }
    if let Some((at, reason)) = &own.removed {
        out["removeTime"] = rest_time(*at).into();
        out["removeReason"] = reason.as_str().into();
    }
    out
}

/// What the threads of the process do; there are no stacks, for nothing here is interpreted.
pub(super) fn threads(view: &View, id: &str) -> Answer {
    if id != "driver" && id.parse::<i64>().is_err() {
        return Answer::Bad("Invalid executorId: neither 'driver' nor number.".into());
    }
    match view.store.executors.get(id) {
        None => return Answer::NotFound("Executor does not exist.".into()),
        Some(own) if own.removed.is_some() => return Answer::NotFound("Executor is not active.".into()),
        Some(_) => {}
    }
    if !view.conf.threads || view.live.is_none() {
        return Answer::Unavailable("Thread dumps not available through the history server.".into());
    }
    let all = threads::threads().into_iter().map(|own| {
        json!({
            "threadId": own.id,
            "threadName": own.name,
            "threadState": own.state,
            "stackTrace": {"elems": []},
            "lockName": "",
            "blockedByLock": "",
            "holdingLocks": [],
            "synchronizers": [],
            "monitors": [],
            "suspended": false,
            "inNative": true,
            "isDaemon": true,
            "priority": 5,
            "cpuTime": own.cpu_ms,
            "waitsIn": own.waits_in,
        })
    });
    Answer::Json(all.collect())
}
