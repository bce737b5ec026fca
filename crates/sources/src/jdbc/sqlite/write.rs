//! Rows into a table: one transaction, a prepared statement that inserts many rows at once.
//!
//! The transaction includes the dropping and creating of the table, which SQLite can undo: where Spark
//! loses an overwritten table if the query fails, here the old one is still there. Nothing about how
//! SQLite secures a commit is changed.

use std::ffi::c_int;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, RecordBatch, StringArray, StringBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, TimestampMicrosecondType};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};
use rusqlite::Connection;

use super::raw::{Binder, Failure, Statement};
use super::{Sqlite, error, time};
use crate::jdbc::database::{Database, Input, TableWrite};
use crate::jdbc::error::already_exists;
use crate::jdbc::number::write_decimal;
use crate::sink::SaveMode;

/// Rows of one INSERT. More gain nothing.
const ROWS_AT_ONCE: usize = 64;
/// Parameters that a statement may have.
const MAX_PARAMETERS: usize = 32_766;
/// A larger page cache than SQLite's 2 MB, so that large transactions write each page once.
const CACHE_KIB: i64 = 65_536;

/// Writes what `input` yields; a transaction that is not committed is undone when the connection closes.
pub fn write(
    connection: &Connection,
    database: &Sqlite,
    request: &TableWrite,
    input: &mut dyn FnMut() -> Input,
) -> Result<u64> {
    if !database.pragmas.iter().any(|(key, _)| *key == "cache_size") {
        run(connection, &format!("PRAGMA cache_size = -{CACHE_KIB}")).map_err(error::planning)?;
    }
    run(connection, "BEGIN IMMEDIATE").map_err(error::planning)?;
    let Some(columns) = prepare_table(connection, database, request)? else { return Ok(0) };
    let mut insert = Insert::new(connection, database, &request.table, &columns);
    let mut rows = 0;
    loop {
        match input() {
            Input::Batch(batch) => {
                insert.batch(&batch)?;
                rows += batch.num_rows() as u64;
            }
            Input::Abort => return Ok(0),
            Input::End => break,
        }
    }
    drop(insert);
    run(connection, "COMMIT").map_err(error::running)?;
    Ok(rows)
}

fn run(connection: &Connection, sql: &str) -> Result<(), Failure> {
    Ok(connection.execute_batch(sql)?)
}

/// Makes the table as the mode asks, and names the columns to insert into. `None`: nothing to do.
fn prepare_table(connection: &Connection, database: &Sqlite, request: &TableWrite) -> Result<Option<Vec<String>>> {
    let table = &request.table;
    let exists = match Statement::prepare(connection, &format!("SELECT * FROM {table} WHERE 1=0")) {
        Ok(statement) => Some((0..statement.column_count()).map(|at| statement.column_name(at)).collect::<Vec<_>>()),
        Err(failure) if error::is_missing_table(&failure) => None,
        Err(failure) => return Err(error::planning(failure)),
    };
    match (exists, request.mode) {
        (Some(columns), SaveMode::Append) => return append_columns(request, &columns).map(Some),
        (Some(_), SaveMode::ErrorIfExists) => return Err(already_exists(table)),
        (Some(_), SaveMode::Ignore) => return Ok(None),
        (Some(_), SaveMode::Overwrite) => {
            run(connection, &format!("DROP TABLE {table}")).map_err(error::planning)?;
        }
        (None, _) => {}
    }
    let columns = request.fields.iter().zip(&request.declarations).map(|(field, declaration)| {
        let not_null = if field.is_nullable() { "" } else { "NOT NULL" };
        format!("{} {declaration} {not_null}", database.quote(field.name()))
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    run(connection, &format!("CREATE TABLE {table} ({columns}) {}", request.create_options))
        .map_err(error::planning)?;
    Ok(Some(request.fields.iter().map(|field| field.name().clone()).collect()))
}

/// The table's own names of the columns that are appended to.
fn append_columns(request: &TableWrite, table_columns: &[String]) -> Result<Vec<String>> {
    let find = |wanted: &str| {
        table_columns.iter().find(|have| match request.case_sensitive {
            true => *have == wanted,
            false => have.to_lowercase() == wanted.to_lowercase(),
        })
    };
    let missing = |field: &arrow::datatypes::FieldRef| {
        let given: Vec<String> = request.fields.iter().map(|field| name::quote(field.name())).collect();
        SparkError::new("COLUMN_NOT_DEFINED_IN_TABLE")
            .with("colType", format!("\"{}\"", name::sql(field.data_type())))
            .with("colName", name::quote(field.name()))
            .with("tableName", name::quote(&request.table))
            // Spark names the columns of the data here.
            .with("tableCols", given.join(", "))
    };
    request.fields.iter().map(|field| find(field.name()).cloned().ok_or_else(|| missing(field))).collect()
}

/// The INSERT statements of one write.
struct Insert<'c> {
    connection: &'c Connection,
    /// `INSERT INTO t ("a", "b") VALUES `.
    head: String,
    columns: usize,
    /// Statements by their number of rows: the full one, and those of the ends of batches.
    full: Option<Statement<'c>>,
    single: Option<Statement<'c>>,
}

impl<'c> Insert<'c> {
    fn new(connection: &'c Connection, database: &Sqlite, table: &str, columns: &[String]) -> Self {
        let names: Vec<String> = columns.iter().map(|column| database.quote(column)).collect();
        let head = format!("INSERT INTO {table} ({}) VALUES ", names.join(", "));
        Self { connection, head, columns: columns.len(), full: None, single: None }
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let values = batch.columns().iter().map(Values::new).collect::<Result<Vec<_>>>()?;
        let at_once = (MAX_PARAMETERS / self.columns.max(1)).clamp(1, ROWS_AT_ONCE);
        let mut row = 0;
        while row < batch.num_rows() {
            let count = if batch.num_rows() - row >= at_once { at_once } else { 1 };
            let slot = if count == 1 { &mut self.single } else { &mut self.full };
            let statement = match slot {
                Some(statement) => statement,
                None => {
                    let one = format!("({})", vec!["?"; self.columns].join(", "));
                    let sql = format!("{}{}", self.head, vec![one; count].join(", "));
                    slot.insert(Statement::prepare(self.connection, &sql).map_err(error::planning)?)
                }
            };
            statement
                .execute(|binder| {
                    let mut parameter: c_int = 0;
                    for row in row..row + count {
                        for column in &values {
                            parameter += 1;
                            column.bind(row, parameter, binder)?;
                        }
                    }
                    Ok(())
                })
                .map_err(error::running)?;
            row += count;
        }
        Ok(())
    }
}

/// A column in one of the kinds that SQLite stores.
enum Values {
    Long(Int64Array),
    Double(Float64Array),
    Text(StringArray),
    Blob(BinaryArray),
}

impl Values {
    fn new(column: &ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Boolean | DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                Self::Long(as_long(column)?)
            }
            DataType::Float32 | DataType::Float64 => {
                let doubles = cast(column, &DataType::Float64).map_err(from_arrow)?;
                Self::Double(doubles.as_primitive().clone())
            }
            DataType::Date32 => {
                let dates = column.as_primitive::<Date32Type>();
                // Dates come in runs.
                let mut last = None;
                let midnight = |day: i32| match last {
                    Some((known, ms)) if known == day => ms,
                    _ => {
                        let midnight = time::date(day).and_then(|date| date.and_hms_opt(0, 0, 0));
                        let ms = midnight.map_or(i64::from(day) * 86_400_000, time::instant_ms);
                        last = Some((day, ms));
                        ms
                    }
                };
                Self::Long(unary(dates, midnight))
            }
            DataType::Timestamp(_, zone) => {
                let micros = column.as_primitive::<TimestampMicrosecondType>();
                if zone.is_some() {
                    Self::Long(micros.unary(time::stored_ms))
                } else {
                    Self::Long(unary(micros, |us| {
                        let local = chrono::DateTime::from_timestamp_micros(us).map(|time| time.naive_utc());
                        local.map_or(us.div_euclid(1000), time::instant_ms)
                    }))
                }
            }
            DataType::Decimal128(_, scale) => Self::Text(decimals(column, *scale)),
            DataType::Utf8 => Self::Text(column.as_string::<i32>().clone()),
            DataType::Binary => Self::Blob(column.as_binary::<i32>().clone()),
            other => {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_2082").with("catalogString", name::simple(other)));
            }
        })
    }

    fn bind<'v>(&'v self, row: usize, parameter: c_int, binder: &mut Binder<'_, '_, 'v>) -> Result<(), Failure> {
        // A parameter that is not set is NULL.
        match self {
            Self::Long(values) if values.is_valid(row) => binder.long(parameter, values.value(row)),
            Self::Double(values) if values.is_valid(row) => binder.double(parameter, values.value(row)),
            Self::Text(values) if values.is_valid(row) => binder.text(parameter, values.value(row)),
            Self::Blob(values) if values.is_valid(row) => binder.blob(parameter, values.value(row)),
            _ => Ok(()),
        }
    }
}

fn as_long(column: &ArrayRef) -> Result<Int64Array> {
    let longs = match column.data_type() {
        DataType::Int64 => Arc::clone(column),
        _ => cast(column, &DataType::Int64).map_err(from_arrow)?,
    };
    Ok(longs.as_primitive().clone())
}

/// `unary` of Arrow for functions that remember something.
fn unary<T: arrow::datatypes::ArrowPrimitiveType>(
    array: &arrow::array::PrimitiveArray<T>,
    mut function: impl FnMut(T::Native) -> i64,
) -> Int64Array {
    array.iter().map(|value| value.map(&mut function)).collect()
}

/// Decimals go as text, as they do from the driver; a column's numeric affinity makes numbers of them.
fn decimals(column: &ArrayRef, scale: i8) -> StringArray {
    let values = column.as_primitive::<Decimal128Type>();
    let mut texts = StringBuilder::with_capacity(values.len(), values.len() * 12);
    let mut text = String::new();
    for value in values {
        match value {
            None => texts.append_null(),
            Some(value) => {
                text.clear();
                write_decimal(value, scale, &mut text);
                texts.append_value(&text);
            }
        }
    }
    texts.finish()
}
