//! SQLite's errors in the words of the driver that Spark uses (`org.xerial:sqlite-jdbc`).

use firesteel_protocol::SparkError;
use rusqlite::ffi;

use super::raw::Failure;
use crate::jdbc::error::driver_error;

/// Names and meanings of result codes, as the driver prints them; extended codes first.
const CODES: &[(i32, &str, &str)] = &[
    (ffi::SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK", "A CHECK constraint failed"),
    (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY", "A foreign key constraint failed"),
    (ffi::SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL", "A NOT NULL constraint failed"),
    (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY", "A PRIMARY KEY constraint failed"),
    (ffi::SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID", "rowid is not unique"),
    (ffi::SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER", "A RAISE function within a trigger fired"),
    (ffi::SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE", "A UNIQUE constraint failed"),
    (ffi::SQLITE_ERROR, "SQLITE_ERROR", "SQL error or missing database"),
    (ffi::SQLITE_INTERNAL, "SQLITE_INTERNAL", "Internal malfunction"),
    (ffi::SQLITE_PERM, "SQLITE_PERM", "Access permission denied"),
    (ffi::SQLITE_ABORT, "SQLITE_ABORT", "Callback routine requested an abort"),
    (ffi::SQLITE_BUSY, "SQLITE_BUSY", "The database file is locked"),
    (ffi::SQLITE_LOCKED, "SQLITE_LOCKED", "A table in the database is locked"),
    (ffi::SQLITE_NOMEM, "SQLITE_NOMEM", "A malloc() failed"),
    (ffi::SQLITE_READONLY, "SQLITE_READONLY", "Attempt to write a readonly database"),
    (ffi::SQLITE_INTERRUPT, "SQLITE_INTERRUPT", "Operation terminated by sqlite3_interrupt()"),
    (ffi::SQLITE_IOERR, "SQLITE_IOERR", "Some kind of disk I/O error occurred"),
    (ffi::SQLITE_CORRUPT, "SQLITE_CORRUPT", "The database disk image is malformed"),
    (ffi::SQLITE_FULL, "SQLITE_FULL", "Insertion failed because database is full"),
    (ffi::SQLITE_CANTOPEN, "SQLITE_CANTOPEN", "Unable to open the database file"),
    (ffi::SQLITE_SCHEMA, "SQLITE_SCHEMA", "The database schema changed"),
    (ffi::SQLITE_TOOBIG, "SQLITE_TOOBIG", "String or BLOB exceeds size limit"),
    (ffi::SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT", "Abort due to constraint violation"),
    (ffi::SQLITE_MISMATCH, "SQLITE_MISMATCH", "Data type mismatch"),
    (ffi::SQLITE_NOTADB, "SQLITE_NOTADB", "File opened that is not a database file"),
];

const CLASS: &str = "org.sqlite.SQLiteException";

/// `[SQLITE_BUSY] The database file is locked (database is locked)`.
pub fn text(failure: &Failure) -> String {
    let found = CODES.iter().find(|(code, ..)| *code == failure.code);
    let found = found.or_else(|| CODES.iter().find(|(code, ..)| *code == failure.code & 0xff));
    match found {
        Some((_, name, meaning)) => format!("[{name}] {meaning} ({})", failure.message),
        None => format!("[SQLITE_{}] {}", failure.code, failure.message),
    }
}

/// An error while a query is planned: the driver's own exception.
pub fn planning(failure: Failure) -> SparkError {
    driver_error(CLASS, &text(&failure))
}

/// An error while a task runs: Spark's, around the driver's.
pub fn running(failure: Failure) -> SparkError {
    SparkError::job_aborted(CLASS, &text(&failure))
}

/// Whether a table or view is not there.
pub fn is_missing_table(failure: &Failure) -> bool {
    failure.code == ffi::SQLITE_ERROR && failure.message.starts_with("no such table")
}
