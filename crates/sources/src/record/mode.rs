//! What happens to malformed records, and where their text goes.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef, Fields, Int64Type};
use firesteel_protocol::{Result, SparkError, types};

use super::number;
use crate::options::OptionSpec;
use crate::{Options, SourceContext};

/// `mode`.
pub const MODE: OptionSpec = OptionSpec {
    key: "mode",
    aliases: &[],
    default: "PERMISSIVE",
    doc: "PERMISSIVE keeps malformed records as NULLs, DROPMALFORMED leaves them out, FAILFAST fails.",
};

/// `columnNameOfCorruptRecord`.
pub const CORRUPT_COLUMN: OptionSpec = OptionSpec {
    key: "columnNameOfCorruptRecord",
    aliases: &[],
    default: "",
    doc: "The string column, if the schema has it, that is given the text of malformed records.",
};

/// Spark's `ParseMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseMode {
    Permissive,
    DropMalformed,
    FailFast,
}

impl ParseMode {
    /// Reads option `mode`; as in Spark a word that it does not know means PERMISSIVE.
    pub fn of(options: &Options) -> Self {
        match options.text(&MODE).to_ascii_uppercase().as_str() {
            "DROPMALFORMED" => Self::DropMalformed,
            "FAILFAST" => Self::FailFast,
            "PERMISSIVE" => Self::Permissive,
            other => {
                tracing::warn!(mode = other, "not a parse mode, PERMISSIVE is used");
                Self::Permissive
            }
        }
    }

    /// As Spark's messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permissive => "PERMISSIVE",
            Self::DropMalformed => "DROPMALFORMED",
            Self::FailFast => "FAILFAST",
        }
    }
}

/// The name of the column for malformed records: the option, else `spark.sql.columnNameOfCorruptRecord`.
pub fn corrupt_column(options: &Options, ctx: &SourceContext) -> String {
    match options.given(&CORRUPT_COLUMN) {
        Some(name) => name.to_string(),
        None => ctx.conf("spark.sql.columnNameOfCorruptRecord").unwrap_or_else(|| "_corrupt_record".into()),
    }
}

/// Refuses a column for malformed records that is not a string.
pub fn check_corrupt_column(fields: &Fields, name: &str) -> Result<()> {
    match fields.iter().find(|field| field.name() == name) {
        Some(field) if field.data_type() != &DataType::Utf8 => Err(SparkError::new("INVALID_CORRUPT_RECORD_TYPE")
            .with("columnName", format!("`{name}`"))
            .with("actualType", format!("\"{}\"", firesteel_protocol::types::name::sql(field.data_type())))),
        _ => Ok(()),
    }
}

/// Refuses a schema that option `singleVariantColumn` does not go with.
pub fn check_single_variant(fields: &Fields, variant: Option<&str>, corrupt: &str) -> Result<()> {
    let Some(variant) = variant else { return Ok(()) };
    let is_variant = |own: &FieldRef| own.name() == variant && types::is_variant(own.data_type());
    let is_corrupt = |own: &FieldRef| own.name() == corrupt;
    let fits = match &fields[..] {
        [own] => is_variant(own),
        [one, other] => (is_variant(one) && is_corrupt(other)) || (is_corrupt(one) && is_variant(other)),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let schema = types::name::sql(&DataType::Struct(fields.clone()));
    Err(SparkError::new("INVALID_SINGLE_VARIANT_COLUMN").with("schema", format!("\"{schema}\"")))
}

/// The error of FAILFAST. `row` holds the one row that was read from the record.
pub fn malformed_record(row: &[ArrayRef], cause: SparkError) -> SparkError {
    let values: Vec<String> = row.iter().map(shown).collect();
    SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
        .with("badRecord", format!("[{}]", values.join(",")))
        .with("failFastMode", ParseMode::FailFast.name())
        .with_source(cause)
}

/// A value as Spark's internal rows print it: dates and times as numbers.
fn shown(column: &ArrayRef) -> String {
    if column.is_empty() || column.is_null(0) {
        return "null".into();
    }
    let mut text = vec![];
    match column.data_type() {
        DataType::Utf8 => return column.as_string::<i32>().value(0).to_string(),
        DataType::Boolean => return column.as_boolean().value(0).to_string(),
        DataType::Float32 => {
            number::write_float(&mut text, column.as_primitive::<arrow::datatypes::Float32Type>().value(0))
        }
        DataType::Float64 => {
            number::write_double(&mut text, column.as_primitive::<arrow::datatypes::Float64Type>().value(0))
        }
        DataType::Decimal128(_, scale) => {
            let value = column.as_primitive::<arrow::datatypes::Decimal128Type>().value(0);
            number::write_decimal(&mut text, value, *scale, false);
        }
        DataType::Struct(_) => {
            let fields: Vec<String> = column.as_struct().columns().iter().map(shown).collect();
            return format!("[{}]", fields.join(","));
        }
        DataType::List(_) | DataType::Map(..) | DataType::Binary => {
            let mut text = String::new();
            let _ = write!(text, "{:?}", column.slice(0, 1));
            return text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        _ => {
            return match arrow::compute::cast(column, &DataType::Int64) {
                Ok(whole) => whole.as_primitive::<Int64Type>().value(0).to_string(),
                Err(_) => "?".into(),
            };
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
