//! Rows as the lines of Hive's serdes.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes as t;
use arrow::datatypes::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firesteel_functions::datetime::iso;
use firesteel_functions::datetime::zone::{UTC, Zone};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::options::{CsvSigns, HiveOptions, SerDe};
use crate::record::number::{write_decimal, write_double, write_float};

/// Writes lines.
#[derive(Debug, Clone)]
pub struct HiveWriter {
    options: Arc<HiveOptions>,
}

impl HiveWriter {
    /// A writer by a table's properties.
    ///
    /// # Errors
    /// For RegexSerDe, which cannot write.
    pub fn new(options: Arc<HiveOptions>) -> Result<Self> {
        match options.serde {
            SerDe::Regex => Err(SparkError::unsupported(
                "writing by RegexSerDe",
                "It reads only: write into a table with another ROW FORMAT.",
            )),
            SerDe::Lazy | SerDe::OpenCsv => Ok(Self { options }),
        }
    }

    /// Appends the rows of a batch.
    pub fn rows(&self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let mut text = vec![];
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                match self.options.serde {
                    SerDe::OpenCsv => {
                        if index > 0 {
                            write_char(self.options.csv.separator, out);
                        }
                        if column.is_valid(row) {
                            text.clear();
                            scalar(column, row, self.options.zone, &mut text)?;
                            quoted(&text, self.options.csv, out);
                        }
                    }
                    SerDe::Lazy | SerDe::Regex => {
                        if index > 0 {
                            out.push(self.options.separators[0]);
                        }
                        self.nested(column, row, 1, out)?;
                    }
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn separator(&self, level: usize) -> Result<u8> {
        self.options.separators.get(level).copied().ok_or_else(|| {
            SparkError::unsupported(
                "values nested deeper than Hive has separators for",
                "Use a table STORED AS PARQUET or ORC.",
            )
        })
    }

    /// Appends a value whose parts stand between the separators of `level`.
    fn nested(&self, column: &ArrayRef, row: usize, level: usize, out: &mut Vec<u8>) -> Result<()> {
        if column.is_null(row) || column.data_type().is_null() {
            out.extend_from_slice(self.options.null.as_bytes());
            return Ok(());
        }
        match column.data_type() {
            DataType::List(_) => {
                let elements = column.as_list::<i32>().value(row);
                for at in 0..elements.len() {
                    if at > 0 {
                        out.push(self.separator(level)?);
                    }
                    self.nested(&elements, at, level + 1, out)?;
                }
            }
            DataType::Struct(_) => {
                for (at, field) in column.as_struct().columns().iter().enumerate() {
                    if at > 0 {
                        out.push(self.separator(level)?);
                    }
                    self.nested(field, row, level + 1, out)?;
                }
            }
            DataType::Map(..) => {
                let entries = column.as_map().value(row);
                for at in 0..entries.len() {
                    if at > 0 {
                        out.push(self.separator(level)?);
                    }
                    self.nested(entries.column(0), at, level + 2, out)?;
                    out.push(self.separator(level + 1)?);
                    self.nested(entries.column(1), at, level + 2, out)?;
                }
            }
            DataType::Utf8 => self.escaped(column.as_string::<i32>().value(row).as_bytes(), out),
            DataType::Binary => {
                let bytes = column.as_binary::<i32>().value(row);
                out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            }
            _ => scalar(column, row, self.options.zone, out)?,
        }
        Ok(())
    }

    /// Separators within a text are escaped, if the table has a sign for it.
    fn escaped(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(escape) = self.options.escape else { return out.extend_from_slice(text) };
        for &byte in text {
            if byte == escape || self.options.separators.contains(&byte) {
                out.push(escape);
            }
            out.push(byte);
        }
    }
}

/// Appends a value without parts as Java prints it.
fn scalar(column: &ArrayRef, row: usize, zone: Zone, out: &mut Vec<u8>) -> Result<()> {
    // Writing to a Vec does not fail.
    match column.data_type() {
        DataType::Boolean => {
            let _ = write!(out, "{}", column.as_boolean().value(row));
        }
        DataType::Int8 => {
            let _ = write!(out, "{}", column.as_primitive::<t::Int8Type>().value(row));
        }
        DataType::Int16 => {
            let _ = write!(out, "{}", column.as_primitive::<t::Int16Type>().value(row));
        }
        DataType::Int32 => {
            let _ = write!(out, "{}", column.as_primitive::<t::Int32Type>().value(row));
        }
        DataType::Int64 => {
            let _ = write!(out, "{}", column.as_primitive::<t::Int64Type>().value(row));
        }
        DataType::Float32 => write_float(out, column.as_primitive::<t::Float32Type>().value(row)),
        DataType::Float64 => write_double(out, column.as_primitive::<t::Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            write_decimal(out, column.as_primitive::<t::Decimal128Type>().value(row), *scale, true);
        }
        DataType::Date32 => {
            let mut text = String::new();
            iso::write_date(&mut text, i64::from(column.as_primitive::<t::Date32Type>().value(row)));
            out.extend_from_slice(text.as_bytes());
        }
        DataType::Timestamp(TimeUnit::Microsecond, own) => {
            let us = column.as_primitive::<t::TimestampMicrosecondType>().value(row);
            let zone = if own.is_some() { zone } else { UTC };
            out.extend_from_slice(iso::format_timestamp(us, zone).as_bytes());
        }
        DataType::Utf8 => out.extend_from_slice(column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => out.extend_from_slice(column.as_binary::<i32>().value(row)),
        other => {
            return Err(SparkError::unsupported(
                format!("{} in a text file of Hive's", name::sql(other)),
                "Use a table STORED AS PARQUET or ORC.",
            ));
        }
    }
    Ok(())
}

fn write_char(sign: char, out: &mut Vec<u8>) {
    out.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A field in quotes, with an escape before each quote and escape in it.
fn quoted(text: &[u8], signs: CsvSigns, out: &mut Vec<u8>) {
    write_char(signs.quote, out);
    for sign in String::from_utf8_lossy(text).chars() {
        if sign == signs.quote || sign == signs.escape {
            write_char(signs.escape, out);
        }
        write_char(sign, out);
    }
    write_char(signs.quote, out);
}
