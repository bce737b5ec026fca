//! Small results as a table of cells: what SHOW, DESCRIBE and `spark.catalog` answer.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::{Result, types};

/// A schema and its rows.
pub(crate) type Rows = (SchemaRef, Vec<RecordBatch>);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Flag,
    Texts,
}

/// A column of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    kind: Kind,
    nullable: bool,
}

/// A text that is always there.
pub(crate) const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, nullable: false }
}

/// A text or NULL.
pub(crate) const fn maybe(name: &'static str) -> Column {
    Column { name, kind: Kind::Text, nullable: true }
}

/// A boolean that is always there.
pub(crate) const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Flag, nullable: false }
}

/// A list of texts or NULL.
pub(crate) const fn texts(name: &'static str) -> Column {
    Column { name, kind: Kind::Texts, nullable: true }
}

/// One value.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Flag(bool),
    Texts(Vec<String>),
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<Vec<String>> for Cell {
    fn from(value: Vec<String>) -> Self {
        Self::Texts(value)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Cells of one row.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { [$($crate::catalog::rows::Cell::from($value)),*] };
}
pub(crate) use cells;

/// The answer with these columns and rows.
pub(crate) fn rows<const N: usize>(columns: &[Column; N], rows: impl IntoIterator<Item = [Cell; N]>) -> Result<Rows> {
    let rows: Vec<[Cell; N]> = rows.into_iter().collect();
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(column.name, data_type(column.kind), column.nullable)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().enumerate().map(|(at, column)| array(column.kind, rows.iter().map(|row| &row[at])));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).map_err(from_arrow)?;
    Ok((schema, vec![batch]))
}

/// No columns and no rows: what most statements answer.
pub(crate) fn nothing() -> Result<Rows> {
    Ok((Arc::new(Schema::empty()), vec![]))
}

/// Names in one column.
pub(crate) fn names(column: &'static str, names: impl IntoIterator<Item = String>) -> Result<Rows> {
    rows(&[text(column)], names.into_iter().map(|name| cells![name]))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text => DataType::Utf8,
        Kind::Flag => DataType::Boolean,
        Kind::Texts => types::array(DataType::Utf8, true),
    }
}

fn array<'a>(kind: Kind, cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    match kind {
        Kind::Text => Arc::new(
            cells.map(|cell| if let Cell::Text(text) = cell { Some(text) } else { None }).collect::<StringArray>(),
        ),
        Kind::Flag => Arc::new(
            cells.map(|cell| if let Cell::Flag(flag) = cell { Some(*flag) } else { None }).collect::<BooleanArray>(),
        ),
        Kind::Texts => {
            let element = Field::new("element", DataType::Utf8, true);
            let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element);
            for cell in cells {
                if let Cell::Texts(texts) = cell {
                    texts.iter().for_each(|text| builder.values().append_value(text));
                }
                builder.append(matches!(cell, Cell::Texts(_)));
            }
            Arc::new(builder.finish())
        }
    }
}
