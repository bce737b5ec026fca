//! Settings of a session: what was set, over Spark's defaults.

use std::collections::BTreeMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::conf_table::{CORE, RECORDED};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::file_options::duration_ms;

/// A setting that Firesteel knows.
#[derive(Debug)]
pub struct Setting {
    pub key: &'static str,
    /// None: not set by default.
    pub default: Option<&'static str>,
    /// Fixed once the application runs.
    pub fixed: bool,
    /// For `SET -v` and the reference.
    pub doc: &'static str,
}

const fn setting(key: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { key, default: Some(default), fixed: false, doc }
}

const fn fixed(key: &'static str, default: Option<&'static str>, doc: &'static str) -> Setting {
    Setting { key, default, fixed: true, doc }
}

/// Every setting with a meaning or a default that clients ask for; sorted by key.
pub const SETTINGS: &[Setting] = &[
    setting("spark.connect.execute.chunkArrowBatch.enabled", "true", "Clients may take a large Arrow batch in pieces."),
    setting("spark.connect.grpc.arrow.maxBatchSize", "4m", "Size of one Arrow batch in a response."),
    setting("spark.connect.progress.reportInterval", "2s", "How often a running query tells the client its progress."),
    setting("spark.connect.session.planCompression.defaultAlgorithm", "ZSTD", "How clients compress large plans."),
    setting("spark.connect.session.planCompression.threshold", "10485760", "Plans from this size on are compressed."),
    fixed("spark.driver.memory", None, "Memory that queries may take before they spill."),
    fixed("spark.local.dir", None, "Folders for spilled data."),
    fixed(
        "spark.memory.storageFraction",
        None,
        "Share of the memory that cached rows may take before they go to disk; a half by default.",
    ),
    setting("spark.sql.adaptive.enabled", "true", "Known to clients; DataFusion adapts by its own means."),
    setting("spark.sql.ansi.doubleQuotedIdentifiers", "false", "Under ANSI, text in double quotes is a name."),
    setting("spark.sql.ansi.enabled", "true", "Overflow, bad casts and the like are errors."),
    setting(
        "spark.sql.artifact.copyFromLocalToFs.allowDestLocal",
        "false",
        "Artifacts may be copied to the local file system.",
    ),
    setting("spark.sql.caseSensitive", "false", "Names differ by case."),
    fixed("spark.sql.catalogImplementation", Some("in-memory"), "Where tables are kept."),
    setting("spark.sql.columnNameOfCorruptRecord", "_corrupt_record", "Column for records that cannot be read."),
    setting(
        "spark.sql.connect.serverStacktrace.enabled",
        "false",
        "Clients print the Java stack of an error; there is none.",
    ),
    setting("spark.sql.csv.parser.columnPruning.enabled", "true", "Only the columns asked for are parsed."),
    setting(
        "spark.sql.decimalOperations.allowPrecisionLoss",
        "true",
        "Decimal results may lose digits after the point.",
    ),
    setting("spark.sql.execution.arrow.maxRecordsPerBatch", "10000", "Rows of an Arrow batch handed to Python."),
    setting("spark.sql.execution.arrow.pyspark.enabled", "false", "Known to clients."),
    setting("spark.sql.execution.arrow.pyspark.fallback.enabled", "true", "Known to clients."),
    setting("spark.sql.execution.arrow.pyspark.selfDestruct.enabled", "false", "Known to clients."),
    setting("spark.sql.execution.arrow.useLargeVarTypes", "false", "Known to clients."),
    setting("spark.sql.execution.arrow.pyspark.validateSchema.enabled", "true", "Known to clients."),
    setting(
        "spark.sql.execution.pandas.convertToArrowArraySafely",
        "true",
        "Values that a type cannot hold are errors in Python.",
    ),
    setting("spark.sql.execution.pandas.inferPandasDictAsMap", "false", "Known to clients."),
    setting("spark.sql.execution.pandas.structHandlingMode", "legacy", "How toPandas shows structs."),
    Setting {
        key: "spark.sql.execution.pythonUDF.arrow.concurrency.level",
        default: None,
        fixed: false,
        doc: "Threads that a Python function runs in.",
    },
    setting("spark.sql.execution.pythonUDF.arrow.enabled", "true", "Python functions get their rows by Arrow."),
    setting("spark.sql.execution.pythonUDTF.arrow.enabled", "true", "Python table functions get their rows by Arrow."),
    setting("spark.sql.files.ignoreCorruptFiles", "false", "Files that cannot be read are skipped."),
    setting("spark.sql.files.ignoreMissingFiles", "false", "Files that vanish are skipped."),
    setting("spark.sql.files.maxPartitionBytes", "134217728b", "Largest piece of a file in one partition."),
    setting("spark.sql.files.maxRecordsPerFile", "0", "Rows of one written file; 0 is no limit."),
    setting("spark.sql.groupByOrdinal", "true", "Numbers in GROUP BY are positions."),
    setting("spark.sql.json.enablePartialResults", "true", "A bad field spoils only itself."),
    setting("spark.sql.jsonGenerator.ignoreNullFields", "true", "Fields that are NULL are left out of JSON."),
    setting("spark.sql.legacy.allowParameterlessCount", "false", "count() is allowed."),
    setting("spark.sql.legacy.lpadRpadAlwaysReturnString", "false", "lpad() and rpad() of bytes make a text."),
    setting(
        "spark.sql.legacy.typeCoercion.datetimeToString.enabled",
        "false",
        "Outside ANSI mode dates and times are compared with strings as strings.",
    ),
    setting(
        "spark.sql.legacy.castComplexTypesToString.enabled",
        "false",
        "Texts of maps and structs are in brackets, NULLs in them are nothing.",
    ),
    setting("spark.sql.legacy.followThreeValuedLogicInArrayExists", "true", "exists() may be NULL."),
    setting(
        "spark.sql.legacy.keepCommandOutputSchema",
        "false",
        "SHOW TABLES and SHOW DATABASES name columns as before.",
    ),
    setting(
        "spark.sql.legacy.literal.pickMinimumPrecision",
        "true",
        "Literals beside decimals are as tight as they are.",
    ),
    setting(
        "spark.sql.legacy.negativeIndexInArrayInsert",
        "false",
        "-1 is before the last element for array_insert().",
    ),
    setting("spark.sql.legacy.sizeOfNull", "false", "size(NULL) is -1."),
    setting("spark.sql.legacy.timeParserPolicy", "CORRECTED", "How datetime patterns are read."),
    setting("spark.sql.mapKeyDedupPolicy", "EXCEPTION", "Duplicate keys of a map."),
    setting("spark.sql.optimizer.maxIterations", "100", "Known to clients."),
    setting("spark.sql.orderByOrdinal", "true", "Numbers in ORDER BY are positions."),
    setting("spark.sql.parquet.mergeSchema", "false", "Parquet files of different schemas are merged."),
    setting("spark.sql.pivotMaxValues", "10000", "Most values that a pivot finds by itself."),
    setting("spark.sql.pyspark.inferNestedDictAsStruct.enabled", "false", "Known to clients."),
    setting("spark.sql.pyspark.jvmStacktrace.enabled", "false", "Known to clients."),
    setting("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", "false", "Known to clients."),
    setting("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", "false", "Known to clients."),
    setting("spark.sql.pyspark.plotting.max_rows", "1000", "Known to clients."),
    setting("spark.sql.pyspark.toJSON.returnDataFrame", "false", "toJSON gives a DataFrame, not an RDD."),
    setting("spark.sql.pyspark.worker.logging.enabled", "false", "Known to clients."),
    setting("spark.sql.readSideCharPadding", "true", "CHAR columns are padded when read."),
    setting("spark.sql.repl.eagerEval.enabled", "false", "Notebooks show DataFrames at once."),
    setting("spark.sql.repl.eagerEval.maxNumRows", "20", "Rows shown at once."),
    setting("spark.sql.repl.eagerEval.truncate", "20", "Characters of a cell shown at once."),
    setting("spark.sql.session.localRelationBatchOfChunksSizeBytes", "1073741824", "Local rows uploaded in one go."),
    setting("spark.sql.session.localRelationCacheThreshold", "1048576", "Local rows from this size on are uploaded."),
    setting("spark.sql.session.localRelationChunkSizeBytes", "16777216", "Size of one piece of uploaded rows."),
    setting("spark.sql.session.localRelationChunkSizeRows", "10000", "Rows of one piece of uploaded rows."),
    setting("spark.sql.session.localRelationSizeLimit", "3221225472", "Most local rows."),
    Setting {
        key: "spark.sql.session.timeZone",
        default: None,
        fixed: false,
        doc: "Time zone of timestamps; the machine's by default.",
    },
    setting("spark.sql.shuffle.partitions", "200", "Partitions after a shuffle, where the user asked for one."),
    setting("spark.sql.sources.default", "parquet", "Format when none is named."),
    setting(
        "spark.sql.sources.partitionColumnTypeInference.enabled",
        "true",
        "Types of partition columns are inferred.",
    ),
    setting("spark.sql.sources.partitionOverwriteMode", "STATIC", "Overwrite all partitions or those written."),
    setting("spark.sql.sql.maxPlanStringLength", "2147483632", "Known to clients."),
    Setting {
        key: "spark.sql.streaming.checkpointLocation",
        default: None,
        fixed: false,
        doc: "Folder for the checkpoints of streaming queries that name none.",
    },
    setting("spark.sql.streaming.minBatchesToRetain", "100", "Batches whose logs and state are kept."),
    setting("spark.sql.streaming.multipleWatermarkPolicy", "min", "Which of several watermarks counts: min or max."),
    setting("spark.sql.streaming.noDataMicroBatches.enabled", "true", "Batches without rows let state expire."),
    setting("spark.sql.streaming.numRecentProgressUpdates", "100", "Reports of a query that recentProgress keeps."),
    setting("spark.sql.streaming.pollingDelay", "10ms", "How often sources are asked for rows."),
    setting("spark.sql.streaming.schemaInference", "false", "Streams of files may infer their schema."),
    setting(
        "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB",
        "500",
        "Memory for the state of an operator between batches; the rest is read again.",
    ),
    setting("spark.sql.streaming.stopActiveRunOnRestart", "true", "A query that starts anew stops its other run."),
    setting("spark.sql.timeType.enabled", "false", "The TIME type may be used."),
    setting("spark.sql.timestampType", "TIMESTAMP_LTZ", "What TIMESTAMP means."),
    setting("spark.sql.variable.substitute", "true", "Settings in SQL texts are replaced."),
    fixed("spark.sql.warehouse.dir", Some("spark-warehouse"), "Folder of managed tables."),
];

/// Spark's settings that cannot be changed while it runs, by prefix.
const STATIC: &[&str] = &[
    "spark.sql.warehouse.dir",
    "spark.sql.catalogImplementation",
    "spark.sql.extensions",
    "spark.sql.globalTempDatabase",
    "spark.sql.cache.serializer",
    "spark.sql.filesourceTableRelationCacheSize",
    "spark.sql.queryExecutionListeners",
    "spark.sql.sources.schemaStringLengthThreshold",
    "spark.sql.streaming.streamingQueryListeners",
    "spark.sql.ui.retainedExecutions",
];

/// A setting of Spark's that has no meaning here, or a default of its own where it is used.
fn of_spark(key: &str) -> Option<&'static (&'static str, Option<&'static str>, bool)> {
    RECORDED.binary_search_by(|row| row.0.cmp(key)).ok().map(|at| &RECORDED[at])
}

fn known(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The settings of one session. Keys in the wild are kept too: programs set and read back their own.
#[derive(Debug, Default)]
pub struct SessionConf {
    own: RwLock<BTreeMap<String, String>>,
    /// The session uses its catalog: where that is cannot be said any more.
    started: AtomicBool,
}

/// Folder of managed tables.
const WAREHOUSE: &str = "spark.sql.warehouse.dir";

/// A folder as Spark tells where it is: `file:/a/b`; what names another file system is as it was given.
fn warehouse_uri(folder: &str) -> String {
    let path = match folder.strip_prefix("file:") {
        Some(path) => format!("/{}", path.trim_start_matches('/')),
        None if folder.contains("://") => return folder.into(),
        None => folder.into(),
    };
    let absolute = std::path::absolute(&path).map(|path| path.to_string_lossy().into_owned());
    format!("file:{}", absolute.unwrap_or(path))
}

/// What a program may say of its session although it is the application's: until the catalog is used.
const AT_START: &[&str] = &[WAREHOUSE, "spark.sql.catalogImplementation"];

impl SessionConf {
    /// Settings that the application starts with.
    pub fn new(initial: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut own: BTreeMap<String, String> = initial.into_iter().collect();
        let warehouse = own.get(WAREHOUSE).cloned().or_else(|| Self::default_of(WAREHOUSE)).unwrap_or_default();
        own.insert(WAREHOUSE.into(), warehouse_uri(&warehouse));
        Self { own: RwLock::new(own), started: AtomicBool::new(false) }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, String>> {
        self.own.read().expect("no panics while locked")
    }

    /// The value or default; None for a known setting without one. `SQL_CONF_NOT_FOUND` for an unknown key.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        if let Some(value) = self.lookup(key) {
            return Ok(Some(value));
        }
        if known(key).is_some() {
            return Ok(None);
        }
        match of_spark(key) {
            Some((_, default, _)) => Ok(default.map(str::to_string)),
            None => Err(SparkError::new("SQL_CONF_NOT_FOUND").with("sqlConf", format!("\"{key}\""))),
        }
    }

    /// The value or default, if there is one.
    pub fn lookup(&self, key: &str) -> Option<String> {
        if let Some(value) = self.read().get(key) {
            return Some(value.clone());
        }
        Self::default_of(key)
    }

    /// The value if it was set, else `default`.
    pub fn get_with_default(&self, key: &str, default: Option<&str>) -> Result<Option<String>> {
        if let Some(value) = self.read().get(key) {
            return Ok(Some(value.clone()));
        }
        Ok(default.map(str::to_string))
    }

    /// The value or default; an error where it was given at the start and means nothing.
    pub fn checked(&self, key: &str) -> Result<Option<String>> {
        let value = self.lookup(key);
        value.as_deref().map_or(Ok(()), |value| check(key, value))?;
        Ok(value)
    }

    /// Whether the key was set.
    pub fn is_set(&self, key: &str) -> bool {
        self.read().contains_key(key)
    }

    /// Sets a key; warnings for the user. `CANNOT_MODIFY_STATIC_CONFIG` for what is fixed, `CANNOT_MODIFY_CONFIG` for
    /// what belongs to the application.
    pub fn set(&self, key: &str, value: &str) -> Result<Vec<String>> {
        self.check_modifiable(key)?;
        self.put(key, value)
    }

    fn check_modifiable(&self, key: &str) -> Result<()> {
        if is_static(key) {
            return Err(SparkError::new("CANNOT_MODIFY_STATIC_CONFIG").with("key", format!("\"{key}\"")));
        }
        let allowed =
            self.lookup("spark.sql.legacy.setCommandRejectsSparkCoreConfs").is_some_and(|text| text == "false");
        if !allowed && CORE.binary_search(&key).is_ok() {
            return Err(SparkError::new("CANNOT_MODIFY_CONFIG")
                .with("key", format!("\"{key}\""))
                .with("docroot", "https://spark.apache.org/docs/latest"));
        }
        Ok(())
    }

    fn put(&self, key: &str, value: &str) -> Result<Vec<String>> {
        check(key, value)?;
        let mut warnings = vec![];
        if !self.is_modifiable(key)
            && !key.starts_with("spark.sql.")
            && key.starts_with("spark.")
            && known(key).is_some()
        {
            warnings.push(format!("The SQL config '{key}' is fixed for the running application; the value has no effect until it starts anew."));
        }
        if let Some((_, Some(default), _)) = of_spark(key)
            && known(key).is_none()
            && key.starts_with("spark.sql.legacy.")
            && !value.trim().eq_ignore_ascii_case(default)
        {
            warnings
                .push(format!("The SQL config '{key}' has no effect in Firesteel, which behaves as with {default}."));
        }
        self.own.write().expect("no panics while locked").insert(key.to_string(), value.to_string());
        Ok(warnings)
    }

    /// As [`SessionConf::set`] for `SparkSession.builder.config(..)`, which also says where tables are, and what the
    /// application is.
    pub fn set_at_start(&self, key: &str, value: &str) -> Result<Vec<String>> {
        if CORE.binary_search(&key).is_ok() {
            return self.put(key, value);
        }
        if !AT_START.contains(&key) || self.started.load(Ordering::Acquire) {
            return self.set(key, value);
        }
        let value = if key == WAREHOUSE { warehouse_uri(value) } else { value.to_string() };
        self.own.write().expect("no panics while locked").insert(key.to_string(), value);
        Ok(vec![])
    }

    /// The catalog is used from now on.
    pub(crate) fn start(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// The value of a key that nobody set.
    pub(crate) fn default_of(key: &str) -> Option<String> {
        if key == "spark.sql.session.timeZone" {
            return Some(firesteel_functions::datetime::zone::machine());
        }
        known(key).and_then(|setting| setting.default).map(str::to_string)
    }

    /// Back to the default.
    pub fn unset(&self, key: &str) -> Result<()> {
        self.check_modifiable(key)?;
        self.own.write().expect("no panics while locked").remove(key);
        Ok(())
    }

    /// What was set, by prefix; the prefix is cut off.
    pub fn get_all(&self, prefix: Option<&str>) -> Vec<(String, String)> {
        let prefix = prefix.unwrap_or_default();
        let own = self.read();
        own.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_string(), value.clone()))).collect()
    }

    /// Whether a running session may change it: known SQL settings that are not static.
    pub fn is_modifiable(&self, key: &str) -> bool {
        let known = known(key).map(|setting| !setting.fixed).or(of_spark(key).map(|(_, _, modifiable)| *modifiable));
        known == Some(true) && !STATIC.contains(&key)
    }

    /// A boolean setting.
    pub fn flag(&self, key: &str) -> bool {
        self.lookup(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// A copy for a cloned session.
    pub fn copy(&self) -> Self {
        Self { own: RwLock::new(self.read().clone()), started: AtomicBool::new(false) }
    }
}

fn is_static(key: &str) -> bool {
    STATIC.contains(&key)
}

/// Values that change results must be ones that we understand.
fn check(key: &str, value: &str) -> Result<()> {
    let options = |words: &str| {
        Err(SparkError::new("INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS")
            .with("confName", key)
            .with("confValue", value)
            .with("confOptions", words))
    };
    let invalid = |requirement: &str| {
        Err(SparkError::new("INVALID_CONF_VALUE.REQUIREMENT")
            .with("confName", key)
            .with("confValue", value)
            .with("confRequirement", requirement))
    };
    let default = known(key).and_then(|setting| setting.default);
    let recorded = of_spark(key).and_then(|(_, default, _)| *default);
    if matches!(default.or(recorded), Some("true" | "false"))
        && !["true", "false"].contains(&value.trim().to_ascii_lowercase().as_str())
    {
        return Err(mismatch(key, value, "boolean"));
    }
    let number = default.is_some_and(|default| default.parse::<i64>().is_ok());
    if number && value.trim().parse::<i64>().is_err() {
        return Err(mismatch(key, value, "int"));
    }
    match key {
        "spark.sql.session.timeZone" if firesteel_functions::datetime::zone::Zone::parse(value).is_none() => {
            Err(SparkError::new("INVALID_CONF_VALUE.TIME_ZONE").with("confName", key).with("confValue", value))
        }
        "spark.sql.pyspark.udf.profiler" | "spark.sql.pyspark.dataSource.profiler"
            if !["perf", "memory"].contains(&value) =>
        {
            options("perf, memory")
        }
        "spark.sql.shuffle.partitions" if !value.trim().parse::<i32>().is_ok_and(|n| n > 0) => {
            invalid("The value of spark.sql.shuffle.partitions must be positive")
        }
        "spark.sql.sources.partitionOverwriteMode" if !one_of(value, &["STATIC", "DYNAMIC"]) => {
            options("STATIC, DYNAMIC")
        }
        "spark.sql.storeAssignmentPolicy" if !one_of(value, &["ANSI", "LEGACY", "STRICT"]) => {
            options("ANSI, LEGACY, STRICT")
        }
        "spark.sql.legacy.ctePrecedencePolicy" if !one_of(value, &["EXCEPTION", "LEGACY", "CORRECTED"]) => {
            options("EXCEPTION, LEGACY, CORRECTED")
        }
        "spark.sql.legacy.timeParserPolicy" if !one_of(value, &["LEGACY", "CORRECTED", "EXCEPTION"]) => {
            options("EXCEPTION, LEGACY, CORRECTED")
        }
        "spark.sql.mapKeyDedupPolicy" if !one_of(value, &["EXCEPTION", "LAST_WIN"]) => options("EXCEPTION, LAST_WIN"),
        "spark.sql.timestampType" if !one_of(value, &["TIMESTAMP_NTZ", "TIMESTAMP_LTZ"]) => {
            options("TIMESTAMP_NTZ, TIMESTAMP_LTZ")
        }
        "spark.sql.parquet.compression.codec" if !one_of(value, &CODECS) => options(&CODECS.join(", ")),
        "spark.sql.files.maxPartitionBytes"
        | "spark.sql.autoBroadcastJoinThreshold"
        | "spark.sql.files.openCostInBytes"
        | "spark.sql.defaultSizeInBytes"
        | "spark.sql.adaptive.advisoryPartitionSizeInBytes"
            if !is_size(value) =>
        {
            Err(mismatch(key, value, "bytes in BYTE"))
        }
        "spark.sql.streaming.multipleWatermarkPolicy" if !one_of(value, &["min", "max"]) => {
            invalid("Invalid value for 'spark.sql.streaming.multipleWatermarkPolicy'. Valid values are 'min' and 'max'")
        }
        "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB" if value.trim().parse::<u32>().is_err() => {
            Err(mismatch(key, value, "long"))
        }
        "spark.sql.streaming.pollingDelay" | "spark.connect.progress.reportInterval"
            if duration_ms(value.trim().trim_start_matches('-')).is_none() =>
        {
            Err(mismatch(key, value, "time in MILLISECONDS"))
        }
        _ => Ok(()),
    }
}

fn mismatch(key: &str, value: &str, kind: &str) -> SparkError {
    SparkError::new("INVALID_CONF_VALUE.TYPE_MISMATCH")
        .with("confName", key)
        .with("confValue", value)
        .with("confType", kind)
}

/// Those of Parquet files, in the order in which Spark lists them.
const CODECS: [&str; 9] = ["brotli", "uncompressed", "lzo", "snappy", "lz4_raw", "none", "zstd", "lz4", "gzip"];

/// Whether a text is a number of bytes: `1024`, `64m`, `1gb`.
fn is_size(value: &str) -> bool {
    let lower = value.trim().to_ascii_lowercase();
    let digits = lower.trim_start_matches('-').trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &lower[lower.len() - (lower.trim_start_matches('-').len() - digits.len())..];
    digits.parse::<u64>().is_ok() && ["", "b", "k", "kb", "m", "mb", "g", "gb", "t", "tb", "p", "pb"].contains(&unit)
}

fn one_of(value: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(value.trim()))
}
