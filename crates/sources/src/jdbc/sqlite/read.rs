//! Rows of a query as batches: one builder a column, values taken with SQLite's own conversions.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, PrimitiveBuilder, RecordBatch,
    RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef};
use firesteel_protocol::{Result, SparkError};
use rusqlite::Connection;

use super::error;
use super::raw::{Kind, Statement};
use super::time;
use crate::jdbc::number::{self, Bad};

/// Runs a query and hands out its rows until `emit` says `false`.
pub fn read(
    connection: &Connection,
    sql: &str,
    schema: &SchemaRef,
    batch_size: usize,
    emit: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<()> {
    let mut statement = Statement::prepare(connection, sql).map_err(error::running)?;
    let mut columns = columns(schema, batch_size)?;
    let mut rows = 0;
    while statement.step().map_err(error::running)? {
        for (index, column) in columns.iter_mut().enumerate() {
            column.push(&statement, index)?;
        }
        rows += 1;
        if rows == batch_size {
            if !emit(finish(schema, &mut columns, rows)?) {
                return Ok(());
            }
            rows = 0;
        }
    }
    if rows > 0 {
        emit(finish(schema, &mut columns, rows)?);
    }
    Ok(())
}

fn finish(schema: &SchemaRef, columns: &mut [Column], rows: usize) -> Result<RecordBatch> {
    let arrays = columns.iter_mut().map(Column::finish).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
        .map_err(|error| SparkError::internal(error.to_string()))
}

fn columns(schema: &SchemaRef, capacity: usize) -> Result<Vec<Column>> {
    schema.fields().iter().map(|field| Column::new(field.data_type(), capacity)).collect()
}

/// The builder of a column.
enum Column {
    Boolean(BooleanBuilder),
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    Date(Date32Builder),
    /// `true`: without time zone.
    Timestamp(TimestampMicrosecondBuilder, bool),
}

impl Column {
    fn new(data_type: &DataType, capacity: usize) -> Result<Self> {
        Ok(match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(capacity)),
            DataType::Int8 => Self::Int8(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Int16 => Self::Int16(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Int32 => Self::Int32(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Int64 => Self::Int64(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Float32 => Self::Float32(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Float64 => Self::Float64(PrimitiveBuilder::with_capacity(capacity)),
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::with_capacity(capacity).with_data_type(data_type.clone());
                Self::Decimal(builder, *precision, *scale)
            }
            DataType::Utf8 => Self::Text(StringBuilder::with_capacity(capacity, capacity * 16)),
            DataType::Binary => Self::Blob(BinaryBuilder::with_capacity(capacity, capacity * 16)),
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(capacity)),
            DataType::Timestamp(_, zone) => {
                let builder = TimestampMicrosecondBuilder::with_capacity(capacity).with_data_type(data_type.clone());
                Self::Timestamp(builder, zone.is_none())
            }
            other => {
                return Err(SparkError::unsupported(
                    format!("reading the type {} from SQLite", firesteel_protocol::types::name::simple(other)),
                    "Name another type in customSchema.",
                ));
            }
        })
    }

    fn push(&mut self, row: &Statement<'_>, index: usize) -> Result<()> {
        let kind = row.kind(index);
        let null = kind == Kind::Null;
        match self {
            Self::Boolean(builder) => builder.append_option((!null).then(|| row.int(index) != 0)),
            // As Java narrows: the low bits.
            Self::Int8(builder) => builder.append_option((!null).then(|| row.int(index) as i8)),
            Self::Int16(builder) => builder.append_option((!null).then(|| row.int(index) as i16)),
            Self::Int32(builder) => builder.append_option((!null).then(|| row.int(index))),
            Self::Int64(builder) => builder.append_option((!null).then(|| row.long(index))),
            Self::Float32(builder) => builder.append_option((!null).then(|| row.double(index) as f32)),
            Self::Float64(builder) => builder.append_option((!null).then(|| row.double(index))),
            Self::Decimal(builder, precision, scale) if !null => {
                builder.append_value(decimal(row, index, kind, *precision, *scale)?);
            }
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Text(builder) if null => builder.append_null(),
            Self::Text(builder) => match std::str::from_utf8(row.text(index)) {
                Ok(text) => builder.append_value(text),
                Err(_) => builder.append_value(String::from_utf8_lossy(row.text(index))),
            },
            Self::Blob(builder) if null => builder.append_null(),
            Self::Blob(builder) => builder.append_value(row.blob(index)),
            Self::Date(builder) if null => builder.append_null(),
            Self::Date(builder) => {
                let local = instant(row, index, kind, "date")?;
                builder.append_value(time::days(time::local(local).ok_or_else(|| bad_time("date"))?.date()));
            }
            Self::Timestamp(builder, _) if null => builder.append_null(),
            Self::Timestamp(builder, without_zone) => {
                let ms = instant(row, index, kind, "time stamp")?;
                let us = match without_zone {
                    true => time::local(ms).map(|local| local.and_utc().timestamp_micros()),
                    false => time::read_us(ms),
                };
                builder.append_value(us.ok_or_else(|| bad_time("time stamp"))?);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Blob(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder, _) => Arc::new(builder.finish()),
        }
    }
}

fn decimal(row: &Statement<'_>, index: usize, kind: Kind, precision: u8, scale: i8) -> Result<i128> {
    if kind == Kind::Integer {
        let value = i128::from(row.long(index));
        let scaled = value.checked_mul(10_i128.pow(u32::from(scale.unsigned_abs())));
        return scaled
            .filter(|scaled| scaled.unsigned_abs() < 10_u128.pow(u32::from(precision)))
            .ok_or_else(|| number::overflow(&value.to_string(), precision, scale));
    }
    // The driver makes its BigDecimal from the text, also of a floating point number: 15 digits.
    let text = String::from_utf8_lossy(row.text(index));
    number::decimal(&text, precision, scale).map_err(|bad| match bad {
        Bad::Syntax => {
            SparkError::job_aborted("java.sql.SQLException", &format!("Bad value for type BigDecimal : {text}"))
        }
        Bad::Overflow => number::overflow(&text.replace("e+", "E+"), precision, scale),
    })
}

/// Milliseconds since the epoch.
fn instant(row: &Statement<'_>, index: usize, kind: Kind, what: &str) -> Result<i64> {
    let ms = match kind {
        Kind::Text => std::str::from_utf8(row.text(index)).ok().and_then(time::parse).map(time::instant_ms),
        Kind::Real => time::julian_ms(row.double(index)),
        _ => Some(row.long(index)),
    };
    ms.ok_or_else(|| bad_time(what))
}

fn bad_time(what: &str) -> SparkError {
    SparkError::job_aborted("java.sql.SQLException", &format!("Error parsing {what}"))
}
