//! A prepared statement of SQLite, as thin as it gets: values are read with SQLite's own conversions,
//! which are what Spark's driver sees, and bound without copying them.
//!
//! The only unsafe code of this crate. `rusqlite` copies every bound text, and gives neither the declared
//! type of a column nor a number as SQLite itself prints it.

#![expect(
    unsafe_code,
    reason = "SQLite's C interface: declared column types and numbers as SQLite prints them, which the wrapper does not give"
)]

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::os::raw::c_char;

use rusqlite::Connection;
use rusqlite::ffi;

/// What SQLite said of a call that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Extended result code.
    pub code: c_int,
    pub message: String,
}

impl Failure {
    /// The last error of a connection.
    fn last(connection: *mut ffi::sqlite3) -> Self {
        // SAFETY: the connection is open; the message is copied before any further call on it.
        unsafe {
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(connection)).to_string_lossy().into_owned();
            Self { code: ffi::sqlite3_extended_errcode(connection), message }
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let message = message.unwrap_or_else(|| failure.to_string());
                Self { code: failure.extended_code, message }
            }
            other => Self { code: ffi::SQLITE_ERROR, message: other.to_string() },
        }
    }
}

/// The kind of a value in the current row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Integer,
    Real,
    Text,
    Blob,
}

/// A prepared statement.
pub struct Statement<'c> {
    connection: *mut ffi::sqlite3,
    statement: *mut ffi::sqlite3_stmt,
    /// The connection is open for as long.
    owner: PhantomData<&'c Connection>,
}

impl<'c> Statement<'c> {
    /// Prepares one statement.
    pub fn prepare(connection: &'c Connection, sql: &str) -> Result<Self, Failure> {
        let length = c_int::try_from(sql.len())
            .map_err(|_| Failure { code: ffi::SQLITE_TOOBIG, message: "statement too long".into() })?;
        let mut statement = std::ptr::null_mut();
        // SAFETY: the handle is that of an open connection, `sql` has `length` bytes, the end of the
        // statement is not asked for.
        let connection = unsafe { connection.handle() };
        let code = unsafe {
            let text = sql.as_ptr().cast::<c_char>();
            ffi::sqlite3_prepare_v2(connection, text, length, &mut statement, std::ptr::null_mut())
        };
        if code != ffi::SQLITE_OK {
            return Err(Failure::last(connection));
        }
        if statement.is_null() {
            return Err(Failure { code: ffi::SQLITE_MISUSE, message: "not an error".into() });
        }
        Ok(Self { connection, statement, owner: PhantomData })
    }

    /// Number of result columns.
    pub fn column_count(&self) -> usize {
        // SAFETY: the statement is alive, here and below.
        usize::try_from(unsafe { ffi::sqlite3_column_count(self.statement) }).unwrap_or(0)
    }

    /// Name of a result column.
    pub fn column_name(&self, column: usize) -> String {
        // SAFETY: the text lives until the statement is prepared anew; it is copied at once.
        unsafe { text_of(ffi::sqlite3_column_name(self.statement, column as c_int)) }.unwrap_or_default()
    }

    /// The type that the table declares for a result column; `None` for an expression.
    pub fn declared_type(&self, column: usize) -> Option<String> {
        // SAFETY: as for the name.
        unsafe { text_of(ffi::sqlite3_column_decltype(self.statement, column as c_int)) }
    }

    /// Goes to the next row; `false` at the end.
    pub fn step(&mut self) -> Result<bool, Failure> {
        // SAFETY: the statement is alive; values of the previous row cannot be borrowed any more, as
        // this takes `self` mutably.
        match unsafe { ffi::sqlite3_step(self.statement) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            _ => Err(Failure::last(self.connection)),
        }
    }

    /// The kind of a value in the current row.
    pub fn kind(&self, column: usize) -> Kind {
        // SAFETY: an index out of range yields NULL, for this and the calls below.
        match unsafe { ffi::sqlite3_column_type(self.statement, column as c_int) } {
            ffi::SQLITE_INTEGER => Kind::Integer,
            ffi::SQLITE_FLOAT => Kind::Real,
            ffi::SQLITE_TEXT => Kind::Text,
            ffi::SQLITE_BLOB => Kind::Blob,
            _ => Kind::Null,
        }
    }

    /// A value as integer, cut to 32 bits.
    pub fn int(&self, column: usize) -> i32 {
        // SAFETY: see `kind`.
        unsafe { ffi::sqlite3_column_int(self.statement, column as c_int) }
    }

    /// A value as integer.
    pub fn long(&self, column: usize) -> i64 {
        // SAFETY: see `kind`.
        unsafe { ffi::sqlite3_column_int64(self.statement, column as c_int) }
    }

    /// A value as floating point number.
    pub fn double(&self, column: usize) -> f64 {
        // SAFETY: see `kind`.
        unsafe { ffi::sqlite3_column_double(self.statement, column as c_int) }
    }

    /// A value as text, numbers printed as SQLite does. The bytes need not be UTF-8.
    pub fn text(&self, column: usize) -> &[u8] {
        // SAFETY: the bytes stay until the next step, which needs `self` mutably, or the next
        // conversion of the same column, which yields the same bytes.
        unsafe {
            let text = ffi::sqlite3_column_text(self.statement, column as c_int);
            let length = ffi::sqlite3_column_bytes(self.statement, column as c_int);
            bytes_of(text.cast(), length)
        }
    }

    /// A value as bytes.
    pub fn blob(&self, column: usize) -> &[u8] {
        // SAFETY: as for `text`.
        unsafe {
            let blob = ffi::sqlite3_column_blob(self.statement, column as c_int);
            let length = ffi::sqlite3_column_bytes(self.statement, column as c_int);
            bytes_of(blob.cast(), length)
        }
    }

    /// Runs a statement that yields no rows, with the parameters that `bind` sets. Their values are
    /// borrowed for `'v`, which outlives the call, and no longer bound when it ends.
    pub fn execute<'v>(
        &mut self,
        bind: impl FnOnce(&mut Binder<'_, 'c, 'v>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let bound = bind(&mut Binder { statement: self, values: PhantomData });
        let outcome = bound.and_then(|()| self.step().map(|_| ()));
        // SAFETY: the statement is alive. The result of a reset repeats that of the step.
        unsafe {
            ffi::sqlite3_reset(self.statement);
            ffi::sqlite3_clear_bindings(self.statement);
        }
        outcome
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: prepared once, finalized once.
        unsafe {
            ffi::sqlite3_finalize(self.statement);
        }
    }
}

/// Sets the parameters of one execution; they count from 1.
pub struct Binder<'s, 'c, 'v> {
    statement: &'s mut Statement<'c>,
    values: PhantomData<&'v [u8]>,
}

impl<'v> Binder<'_, '_, 'v> {
    /// An integer.
    pub fn long(&mut self, parameter: c_int, value: i64) -> Result<(), Failure> {
        // SAFETY: the statement is alive, here and below; a wrong index is an error code.
        self.check(unsafe { ffi::sqlite3_bind_int64(self.statement.statement, parameter, value) })
    }

    /// A floating point number; NaN becomes NULL.
    pub fn double(&mut self, parameter: c_int, value: f64) -> Result<(), Failure> {
        // SAFETY: see `long`.
        self.check(unsafe { ffi::sqlite3_bind_double(self.statement.statement, parameter, value) })
    }

    /// Text, not copied.
    pub fn text(&mut self, parameter: c_int, value: &'v str) -> Result<(), Failure> {
        // SAFETY: `value` lives for `'v`, which outlives the execution, after which it is unbound.
        self.check(unsafe {
            let length = value.len() as ffi::sqlite3_uint64;
            let (text, utf8) = (value.as_ptr().cast(), ffi::SQLITE_UTF8 as u8);
            ffi::sqlite3_bind_text64(self.statement.statement, parameter, text, length, ffi::SQLITE_STATIC(), utf8)
        })
    }

    /// Bytes, not copied.
    pub fn blob(&mut self, parameter: c_int, value: &'v [u8]) -> Result<(), Failure> {
        // SAFETY: as for `text`.
        self.check(unsafe {
            let length = value.len() as ffi::sqlite3_uint64;
            let blob = value.as_ptr().cast();
            ffi::sqlite3_bind_blob64(self.statement.statement, parameter, blob, length, ffi::SQLITE_STATIC())
        })
    }

    fn check(&self, code: c_int) -> Result<(), Failure> {
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(Failure::last(self.statement.connection)) }
    }
}

/// # Safety
/// `text` is null or ends with a zero byte.
unsafe fn text_of(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// # Safety
/// `bytes` is null or points to `length` bytes that live for `'b`.
unsafe fn bytes_of<'b>(bytes: *const u8, length: c_int) -> &'b [u8] {
    match usize::try_from(length) {
        // SAFETY: the caller's promise.
        Ok(length) if !bytes.is_null() => unsafe { std::slice::from_raw_parts(bytes, length) },
        _ => &[],
    }
}
