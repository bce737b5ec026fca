//! Options of the jdbc format, read and checked as Spark's `JDBCOptions` does.

use firesteel_protocol::{Result, SparkError};

use super::error::{not_a_number, requirement};
use crate::Options;

/// What is read: `dbtable` or `query`.
#[derive(Debug, Clone)]
pub struct Source {
    /// What stands behind FROM.
    pub from: String,
    /// What stands before SELECT.
    pub prepare: String,
    /// As the relation calls itself in messages.
    pub name: String,
}

/// The URL.
pub fn url(options: &Options) -> Result<&str> {
    options.get("url").ok_or_else(|| requirement("Option 'url' is required."))
}

/// Table or query to read.
pub fn source(options: &Options) -> Result<Source> {
    let prepare = options.get("prepareQuery").map(|text| format!("{text} ")).unwrap_or_default();
    let both =
        |condition: &str| SparkError::new(condition).with("jdbcTableName", "dbtable").with("jdbcQueryString", "query");
    let empty = |name: &str| SparkError::new("_LEGACY_ERROR_TEMP_2080").with("optionName", name);
    match (options.get("dbtable"), options.get("query")) {
        (Some(_), Some(_)) => Err(both("_LEGACY_ERROR_TEMP_2078")),
        (None, None) => Err(both("_LEGACY_ERROR_TEMP_2079")),
        (Some(table), None) if table.trim().is_empty() => Err(empty("dbtable")),
        (None, Some(query)) if query.trim().is_empty() => Err(empty("query")),
        (Some(table), None) => Ok(Source { from: table.trim().to_string(), prepare, name: table.trim().to_string() }),
        (None, Some(query)) => {
            let query = query.trim().trim_end_matches(';');
            let from = format!("({query}) SPARK_GEN_SUBQ_0");
            Ok(Source { name: from.clone(), from, prepare })
        }
    }
}

/// The table to write.
pub fn table(options: &Options) -> Result<String> {
    match (options.get("dbtable"), options.get("query")) {
        (Some(table), None) if !table.trim().is_empty() => Ok(table.trim().to_string()),
        (None, Some(_)) => {
            Err(requirement("Option 'dbtable' is required. Option 'query' is not applicable while writing."))
        }
        _ => source(options).map(|source| source.name),
    }
}

/// How a read is cut: `partitionColumn`, `lowerBound`, `upperBound`, `numPartitions`.
#[derive(Debug, Clone)]
pub struct Stride {
    pub column: String,
    pub lower: String,
    pub upper: String,
    pub partitions: i64,
}

/// The options of [`Stride`]: all of them or none.
pub fn stride(options: &Options) -> Result<Option<Stride>> {
    let partitions = options.get("numPartitions").map(|text| text.trim().parse().map_err(|_| not_a_number(text)));
    let partitions: Option<i64> = partitions.transpose()?;
    let all_or_none = "When reading JDBC data sources, users need to specify all or none for the following options: \
                       'partitionColumn', 'lowerBound', 'upperBound', and 'numPartitions'";
    let (lower, upper) = (options.get("lowerBound"), options.get("upperBound"));
    match options.get("partitionColumn") {
        None if lower.is_some() || upper.is_some() => Err(requirement(all_or_none)),
        None => Ok(None),
        Some(_) if options.contains("query") => Err(requirement(QUERY_WITH_PARTITION_COLUMN)),
        Some(column) => match (lower, upper, partitions) {
            (Some(lower), Some(upper), Some(partitions)) => {
                let (column, lower, upper) = (column.to_string(), lower.to_string(), upper.to_string());
                Ok(Some(Stride { column, lower, upper, partitions }))
            }
            _ => Err(requirement(all_or_none)),
        },
    }
}

const QUERY_WITH_PARTITION_COLUMN: &str = "
Options 'query' and 'partitionColumn' can not be specified together.
Please define the query using `dbtable` option instead and make sure to qualify
the partition columns using the supplied subquery alias to resolve any ambiguity.
Example :
spark.read.format(\"jdbc\")
  .option(\"url\", jdbcUrl)
  .option(\"dbtable\", \"(select c1, c2 from t1) as subq\")
  .option(\"partitionColumn\", \"c1\")
  .option(\"lowerBound\", \"1\")
  .option(\"upperBound\", \"100\")
  .option(\"numPartitions\", \"3\")
  .load()";

/// A flag, read as Scala's `toBoolean`.
pub fn flag(options: &Options, key: &str, default: bool) -> Result<bool> {
    match options.get(key) {
        None => Ok(default),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => {
            Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!("For input string: \"{text}\"")))
        }
    }
}

/// Flags of the source that a database may not look at. All are read whatever the direction.
const FLAGS: [&str; 10] = [
    "truncate",
    "cascadeTruncate",
    "pushDownPredicate",
    "pushDownAggregate",
    "pushDownLimit",
    "pushDownOffset",
    "pushDownTableSample",
    "pushDownJoin",
    "refreshKrb5Config",
    "preferTimestampNTZ",
];

/// Checks what a read and a write both check. None of these changes the result here: SQLite runs in this process, so that
/// `fetchsize` has nothing to fetch; all rows are written in one transaction, which is as isolated as SQLite's are
/// (serializable).
pub fn check(options: &Options) -> Result<()> {
    for key in ["fetchsize", "numPartitions", "queryTimeout"] {
        if let Some(text) = options.get(key) {
            text.trim().parse::<i32>().map_err(|_| not_a_number(text))?;
        }
    }
    if let Some(text) = options.get("batchsize") {
        let size: i32 = text.trim().parse().map_err(|_| not_a_number(text))?;
        if size < 1 {
            let message = format!("Invalid value `{size}` for parameter `batchsize`. The minimum value is 1.");
            return Err(requirement(&message));
        }
    }
    let levels = ["NONE", "READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"];
    if let Some(level) = options.get("isolationLevel").filter(|level| !levels.contains(level)) {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_2081")
            .with("value", level)
            .with("jdbcTxnIsolationLevel", "isolationLevel"));
    }
    if let Some(provider) = options.get("connectionProvider") {
        return Err(SparkError::unsupported(
            format!("the JDBC option connectionProvider={provider}"),
            "Leave the option out: the URL alone says how to connect.",
        ));
    }
    if let Some(hint) = options.get("hint").filter(|hint| !(hint.starts_with("/*+ ") && hint.ends_with(" */"))) {
        return Err(requirement(&format!(
            "Invalid value `{hint}` for option `hint`. It should start with `/*+ ` and end with ` */`."
        )));
    }
    FLAGS.iter().try_for_each(|key| flag(options, key, false).map(|_| ()))
}

/// Checks the number of partitions of a write.
pub fn check_write(options: &Options) -> Result<()> {
    check(options)?;
    match options.get("numPartitions").and_then(|text| text.trim().parse::<i64>().ok()) {
        Some(partitions) if partitions < 1 => Err(SparkError::new("_LEGACY_ERROR_TEMP_2087")
            .with("n", partitions.to_string())
            .with("jdbcNumPartitions", "numPartitions")),
        _ => Ok(()),
    }
}
