//! What of a session's configuration changes the result of an expression.

use std::sync::Arc;

/// Evaluation settings, fixed when a query is resolved. Part of a function's identity, so that two
/// calls under different settings are never taken for the same expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Env {
    /// `spark.sql.ansi.enabled`.
    pub ansi: bool,
    /// `spark.sql.session.timeZone`, as chrono-tz or `+HH:MM` reads it.
    pub time_zone: Arc<str>,
    /// `spark.sql.caseSensitive`.
    pub case_sensitive: bool,
    /// `spark.sql.legacy.timeParserPolicy`: CORRECTED, LEGACY or EXCEPTION.
    pub time_parser_policy: Arc<str>,
    /// `spark.sql.legacy.sizeOfNull`.
    pub size_of_null: bool,
    /// `spark.sql.decimalOperations.allowPrecisionLoss`.
    pub allow_precision_loss: bool,
    /// `spark.sql.mapKeyDedupPolicy`: EXCEPTION or LAST_WIN.
    pub map_key_dedup: Arc<str>,
    /// The start of the query, microseconds since the epoch: `current_timestamp()`.
    pub now_us: i64,
    /// `current_user()`.
    pub user: Arc<str>,
    /// `current_database()`.
    pub database: Arc<str>,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            ansi: true,
            time_zone: "UTC".into(),
            case_sensitive: false,
            time_parser_policy: "CORRECTED".into(),
            size_of_null: true,
            allow_precision_loss: true,
            map_key_dedup: "EXCEPTION".into(),
            now_us: 0,
            user: "user".into(),
            database: "default".into(),
        }
    }
}
