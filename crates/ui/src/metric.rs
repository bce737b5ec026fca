//! What tasks measure: one table that names each number in the event log, in REST and on pages.

/// Where a number is in `Task Metrics` of the event log, and what it is called elsewhere.
#[derive(Debug)]
pub struct Metric {
    /// Name of a stage's total in REST.
    pub stage: &'static str,
    /// Group and name in `taskMetrics` of REST; an empty group is the top.
    pub group: &'static str,
    pub task: &'static str,
}

const fn metric(stage: &'static str, group: &'static str, task: &'static str) -> Metric {
    Metric { stage, group, task }
}

const SHUFFLE_READ: &str = "shuffleReadMetrics";
const PUSH: &str = "shufflePushReadMetrics";

/// All metrics, in REST's order.
pub const METRICS: [Metric; COUNT] = [
    metric("executorDeserializeTime", "", "executorDeserializeTime"),
    metric("executorDeserializeCpuTime", "", "executorDeserializeCpuTime"),
    metric("executorRunTime", "", "executorRunTime"),
    metric("executorCpuTime", "", "executorCpuTime"),
    metric("resultSize", "", "resultSize"),
    metric("jvmGcTime", "", "jvmGcTime"),
    metric("resultSerializationTime", "", "resultSerializationTime"),
    metric("memoryBytesSpilled", "", "memoryBytesSpilled"),
    metric("diskBytesSpilled", "", "diskBytesSpilled"),
    metric("peakExecutionMemory", "", "peakExecutionMemory"),
    metric("inputBytes", "inputMetrics", "bytesRead"),
    metric("inputRecords", "inputMetrics", "recordsRead"),
    metric("outputBytes", "outputMetrics", "bytesWritten"),
    metric("outputRecords", "outputMetrics", "recordsWritten"),
    metric("shuffleRemoteBlocksFetched", SHUFFLE_READ, "remoteBlocksFetched"),
    metric("shuffleLocalBlocksFetched", SHUFFLE_READ, "localBlocksFetched"),
    metric("shuffleFetchWaitTime", SHUFFLE_READ, "fetchWaitTime"),
    metric("shuffleRemoteBytesRead", SHUFFLE_READ, "remoteBytesRead"),
    metric("shuffleRemoteBytesReadToDisk", SHUFFLE_READ, "remoteBytesReadToDisk"),
    metric("shuffleLocalBytesRead", SHUFFLE_READ, "localBytesRead"),
    metric("shuffleReadRecords", SHUFFLE_READ, "recordsRead"),
    metric("shuffleRemoteReqsDuration", SHUFFLE_READ, "remoteReqsDuration"),
    metric("shuffleCorruptMergedBlockChunks", PUSH, "corruptMergedBlockChunks"),
    metric("shuffleMergedFetchFallbackCount", PUSH, "mergedFetchFallbackCount"),
    metric("shuffleMergedRemoteBlocksFetched", PUSH, "remoteMergedBlocksFetched"),
    metric("shuffleMergedLocalBlocksFetched", PUSH, "localMergedBlocksFetched"),
    metric("shuffleMergedRemoteChunksFetched", PUSH, "remoteMergedChunksFetched"),
    metric("shuffleMergedLocalChunksFetched", PUSH, "localMergedChunksFetched"),
    metric("shuffleMergedRemoteBytesRead", PUSH, "remoteMergedBytesRead"),
    metric("shuffleMergedLocalBytesRead", PUSH, "localMergedBytesRead"),
    metric("shuffleMergedRemoteReqsDuration", PUSH, "remoteMergedReqsDuration"),
    metric("shuffleWriteBytes", "shuffleWriteMetrics", "bytesWritten"),
    metric("shuffleWriteTime", "shuffleWriteMetrics", "writeTime"),
    metric("shuffleWriteRecords", "shuffleWriteMetrics", "recordsWritten"),
];

pub const COUNT: usize = 34;

pub const DESERIALIZE_TIME: usize = 0;
pub const RUN_TIME: usize = 2;
pub const CPU_TIME: usize = 3;
pub const GC_TIME: usize = 5;
pub const RESULT_SERIALIZATION_TIME: usize = 6;
pub const MEMORY_SPILLED: usize = 7;
pub const DISK_SPILLED: usize = 8;
pub const PEAK_MEMORY: usize = 9;
pub const INPUT_BYTES: usize = 10;
pub const INPUT_RECORDS: usize = 11;
pub const OUTPUT_BYTES: usize = 12;
pub const OUTPUT_RECORDS: usize = 13;
pub const REMOTE_BLOCKS: usize = 14;
pub const LOCAL_BLOCKS: usize = 15;
pub const REMOTE_BYTES_READ: usize = 17;
pub const LOCAL_BYTES_READ: usize = 19;
pub const SHUFFLE_RECORDS_READ: usize = 20;
pub const SHUFFLE_BYTES_WRITTEN: usize = 31;
pub const SHUFFLE_WRITE_TIME: usize = 32;
pub const SHUFFLE_RECORDS_WRITTEN: usize = 33;

/// The numbers of a task, or sums over tasks.
#[derive(Debug, Clone, Copy)]
pub struct TaskMetrics(pub [i64; COUNT]);

impl Default for TaskMetrics {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl TaskMetrics {
    pub fn get(&self, metric: usize) -> i64 {
        self.0[metric]
    }

    pub fn shuffle_read_bytes(&self) -> i64 {
        self.0[REMOTE_BYTES_READ] + self.0[LOCAL_BYTES_READ]
    }

    /// Adds a task's numbers.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(more);
        }
    }
}
