//! Errors of drivers, which have no Spark condition: their text is the driver's.

use firesteel_protocol::SparkError;

/// The driver's exception of this class, as it reaches a client when a query is planned.
pub fn driver_error(class: &str, message: &str) -> SparkError {
    let condition = if class.starts_with("org.sqlite") { "_LEGACY_SQLITE_EXCEPTION" } else { "_LEGACY_SQL_EXCEPTION" };
    SparkError::new(condition).with_message(message)
}

/// An unmet `require` of Spark.
pub fn requirement(message: &str) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!("requirement failed: {message}"))
}

/// A text that Java cannot read as a number.
pub fn not_a_number(text: &str) -> SparkError {
    SparkError::new("_LEGACY_NUMBER_FORMAT").with_message(format!("For input string: \"{text}\""))
}

/// The table is there, and the mode is `ErrorIfExists`.
pub fn already_exists(table: &str) -> SparkError {
    SparkError::new("_LEGACY_ERROR_TEMP_1288").with("name", table)
}
