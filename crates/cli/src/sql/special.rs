//! The statements whose rows spark-sql prints in a form of their own (Spark's `HiveResult`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema};

use super::output::Format;

/// The least width of a column of DESCRIBE.
const DESCRIBE_WIDTH: usize = 20;

/// How the rows of a statement are changed before they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Not at all.
    None,
    /// SHOW TABLES and SHOW VIEWS: the name alone.
    NameOnly,
    /// DESCRIBE: each column filled up with spaces, NULL left empty.
    Padded,
}

impl Special {
    /// What this statement's rows need. Only spark-sql's own form has such rules.
    pub fn of(statement: &str, format: Format, schema: &Schema) -> Self {
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let words: Vec<String> = statement.split_whitespace().take(2).map(str::to_lowercase).collect();
        let first = words.first().map_or("", String::as_str);
        match names[..] {
            _ if format != Format::Tab => Self::None,
            ["namespace", "tableName" | "viewName", "isTemporary"] if first == "show" => Self::NameOnly,
            ["col_name", "data_type", "comment"] if first == "describe" || first == "desc" => Self::Padded,
            _ => Self::None,
        }
    }

    /// The names of the columns that are left.
    pub fn names(self, schema: &Schema) -> Vec<String> {
        let names = schema.fields().iter().map(|field| field.name().clone());
        match self {
            Self::NameOnly => names.skip(1).take(1).collect(),
            Self::None | Self::Padded => names.collect(),
        }
    }

    /// The columns to print.
    pub fn columns(self, batch: &RecordBatch) -> Vec<ArrayRef> {
        match self {
            Self::None => batch.columns().to_vec(),
            Self::NameOnly => batch.columns().iter().skip(1).take(1).cloned().collect(),
            Self::Padded => batch.columns().iter().map(padded).collect(),
        }
    }
}

fn padded(column: &ArrayRef) -> ArrayRef {
    if column.data_type() != &DataType::Utf8 {
        return Arc::clone(column);
    }
    let texts = column.as_string::<i32>();
    let pad = |row: usize| {
        let text = if texts.is_null(row) { "" } else { texts.value(row) };
        format!("{text:DESCRIBE_WIDTH$}")
    };
    Arc::new(StringArray::from_iter_values((0..texts.len()).map(pad)))
}
