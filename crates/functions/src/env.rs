//! What of a session's configuration changes the result of an expression, and where in a query it stands.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use firesteel_protocol::{QueryContext, SparkError};

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
    /// `spark.sql.timestampType` is TIMESTAMP_NTZ: what functions without a time zone in their name make.
    pub timestamp_ntz: bool,
    /// `spark.sql.function.concatBinaryAsString`: `concat` of bytes makes a text.
    pub concat_as_text: bool,
    /// `spark.sql.function.eltOutputAsString`: `elt` of bytes makes a text.
    pub elt_as_text: bool,
    /// `spark.sql.timeType.enabled`: whether the type TIME may be used.
    pub time_type: bool,
    /// Not `spark.sql.jsonGenerator.ignoreNullFields`: `to_json` writes fields that are NULL.
    pub json_nulls: bool,
    /// `spark.sql.columnNameOfCorruptRecord`.
    pub corrupt_column: Arc<str>,
    /// Settings that bring back what Spark did before.
    pub legacy: Legacy,
    /// The start of the query, microseconds since the epoch: `current_timestamp()`.
    pub now_us: i64,
    /// `current_user()`.
    pub user: Arc<str>,
    /// `current_database()`.
    pub database: Arc<str>,
    /// The part of the query that is being resolved.
    pub place: Place,
}

/// Settings that bring back what Spark did before; all are off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Legacy {
    /// `spark.sql.legacy.negativeIndexInArrayInsert`: -1 is before the last element.
    pub array_insert: bool,
    /// Not `spark.sql.legacy.followThreeValuedLogicInArrayExists`: `exists` is never NULL for elements that are.
    pub exists_without_null: bool,
    /// Not `spark.sql.legacy.literal.pickMinimumPrecision`: integer literals beside decimals are as wide as their types.
    pub wide_literals: bool,
    /// `spark.sql.legacy.castComplexTypesToString.enabled`: texts of maps and structs are in brackets, NULLs are nothing.
    pub bracketed_texts: bool,
    /// `spark.sql.legacy.typeCoercion.datetimeToString.enabled`: dates and times beside strings are compared as strings.
    pub datetimes_as_texts: bool,
    /// `spark.sql.legacy.allowParameterlessCount`.
    pub empty_count: bool,
    /// `spark.sql.legacy.lpadRpadAlwaysReturnString`.
    pub padded_texts: bool,
}

/// Where in the query a call stands. Errors that it raises tell it; it is no part of the call's identity, so that
/// the same expression in two places stays one.
#[derive(Debug, Clone, Default)]
pub struct Place(Option<Arc<QueryContext>>);

/// The conditions that Spark raises with the place of the expression.
const WITH_PLACE: &[&str] = &[
    "ARITHMETIC_OVERFLOW",
    "CAST_INVALID_INPUT",
    "DIVIDE_BY_ZERO",
    "INTERVAL_DIVIDED_BY_ZERO",
    "INVALID_ARRAY_INDEX",
    "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
    "INVALID_INDEX_OF_ZERO",
    "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
    "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
    "REMAINDER_BY_ZERO",
    "SCALAR_SUBQUERY_TOO_MANY_ROWS",
];

impl Place {
    pub fn new(context: QueryContext) -> Self {
        Self(Some(Arc::new(context)))
    }

    /// Whether it is a part of a SQL text.
    pub fn is_sql(&self) -> bool {
        matches!(self.0.as_deref(), Some(QueryContext::Sql { .. }))
    }

    /// The characters of that part.
    pub fn text(&self) -> Option<String> {
        let Some(QueryContext::Sql { text, start, stop, .. }) = self.0.as_deref() else { return None };
        Some(text.chars().skip(*start).take((stop + 1).saturating_sub(*start)).collect())
    }

    /// An error of a condition that Spark tells without a place elsewhere, but here with it.
    #[must_use]
    pub fn told(&self, error: SparkError) -> SparkError {
        match &self.0 {
            Some(context) => error.with_context(QueryContext::clone(context)),
            None => error,
        }
    }

    /// An error that was raised here, with the place where Spark tells it.
    pub fn raised(&self, error: SparkError) -> SparkError {
        match &self.0 {
            Some(context) if WITH_PLACE.contains(&error.condition()) => {
                error.with_context(QueryContext::clone(context))
            }
            _ => error,
        }
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
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
            timestamp_ntz: false,
            concat_as_text: false,
            elt_as_text: false,
            time_type: false,
            json_nulls: false,
            corrupt_column: "_corrupt_record".into(),
            legacy: Legacy::default(),
            now_us: 0,
            user: "user".into(),
            database: "default".into(),
            place: Place::default(),
        }
    }
}
