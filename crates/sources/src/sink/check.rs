//! Refuses schemas that a format cannot hold, in Spark's words.

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit};
use firesteel_protocol::types::{self, name, twins};
use firesteel_protocol::{Result, SparkError};

use super::format::FormatKind;
use crate::SourceContext;

/// Checks the data columns of a write.
pub fn check_columns(kind: FormatKind, data: &[&Field], case_sensitive: bool) -> Result<()> {
    if kind == FormatKind::Noop {
        return Ok(());
    }
    if kind != FormatKind::Csv {
        check_duplicates(data.iter().map(|field| field.name().as_str()), case_sensitive)?;
    }
    if data.is_empty() || data.iter().any(|field| has_empty_struct(field.data_type())) {
        return Err(SparkError::new("EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE").with("format", kind.title()));
    }
    for field in data {
        if kind == FormatKind::Parquet
            && contains(field.data_type(), &|own| types::Shape::of(own).is_some_and(|shape| shape.srid.is_some()))
        {
            let way_round = "Write st_asbinary of them, and st_srid.";
            return Err(SparkError::unsupported("GEOMETRY and GEOGRAPHY in files of Parquet", way_round));
        }
        if !holds(kind, field.data_type()) {
            return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                .with("columnName", name::quote(field.name()))
                .with("columnType", format!("\"{}\"", name::sql(field.data_type())))
                .with("format", kind.title()));
        }
    }
    Ok(())
}

/// `UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE` for columns of a new table that its format, by its name, has no form for.
///
/// # Errors
/// That, and what [`FormatKind::of`] says of a format that is not known.
pub fn check_types(format: &str, fields: &Fields, ctx: &SourceContext) -> Result<()> {
    let Ok(kind) = FormatKind::of(Some(format), ctx) else { return Ok(()) };
    let foreign = |field: &&FieldRef| {
        let own = field.data_type();
        let shape = types::Shape::of(own).is_some_and(|shape| kind == FormatKind::Parquet && shape.srid.is_some());
        kind != FormatKind::Noop && !own.is_null() && !shape && !holds(kind, own)
    };
    match fields.iter().find(foreign) {
        Some(field) => Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
            .with("columnName", name::quote(field.name()))
            .with("columnType", format!("\"{}\"", name::sql(field.data_type())))
            .with("format", kind.title())),
        None => Ok(()),
    }
}

/// `COLUMN_ALREADY_EXISTS` for a name that is there twice.
pub fn check_duplicates<'a>(names: impl Iterator<Item = &'a str>, case_sensitive: bool) -> Result<()> {
    twins::refuse(names, case_sensitive)
}

fn holds(kind: FormatKind, data_type: &DataType) -> bool {
    let calendar = |t: &DataType| matches!(t, DataType::Interval(IntervalUnit::MonthDayNano));
    match kind {
        _ if contains(data_type, &types::is_shape) => false,
        FormatKind::Text => data_type == &DataType::Utf8,
        FormatKind::Csv => !data_type.is_nested() && !data_type.is_null() && !calendar(data_type),
        FormatKind::Avro => !contains(data_type, &|t| calendar(t) || types::is_variant(t)),
        FormatKind::Orc => {
            let foreign = |t: &DataType| calendar(t) || t.is_null() || types::is_variant(t);
            !contains(data_type, &foreign)
        }
        FormatKind::Hive(_) => !contains(data_type, &|t| {
            matches!(
                t,
                DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_) | DataType::Timestamp(_, None)
            ) || types::is_variant(t)
        }),
        _ => !contains(data_type, &calendar),
    }
}

fn has_empty_struct(data_type: &DataType) -> bool {
    contains(data_type, &|t| matches!(t, DataType::Struct(fields) if fields.is_empty()))
}

/// Whether a type or one inside it is as asked.
fn contains(data_type: &DataType, test: &dyn Fn(&DataType) -> bool) -> bool {
    test(data_type)
        || match data_type {
            DataType::List(inner) | DataType::Map(inner, _) => contains(inner.data_type(), test),
            DataType::Struct(fields) => fields.iter().any(|field| contains(field.data_type(), test)),
            _ => false,
        }
}

/// A partition column of a write: its name as `partitionBy` spells it and its place in the plan.
#[derive(Debug, Clone)]
pub struct PartitionColumn {
    pub name: String,
    pub index: usize,
}

/// Finds the partition columns among the plan's.
pub fn partition_columns(names: &[String], fields: &Fields, case_sensitive: bool) -> Result<Vec<PartitionColumn>> {
    check_duplicates(names.iter().map(String::as_str), case_sensitive)?;
    let same = |a: &str, b: &str| if case_sensitive { a == b } else { a.to_lowercase() == b.to_lowercase() };
    let mut columns = Vec::with_capacity(names.len());
    for wanted in names {
        let found: Vec<usize> = (0..fields.len()).filter(|&at| same(fields[at].name(), wanted)).collect();
        let index = match found[..] {
            [index] => index,
            [] => {
                let schema = DataType::Struct(fields.clone());
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1155")
                    .with("col", wanted)
                    .with("schemaCatalog", name::simple(&schema)));
            }
            _ => {
                let references: Vec<String> = found.iter().map(|&at| name::quote(fields[at].name())).collect();
                return Err(SparkError::new("AMBIGUOUS_REFERENCE")
                    .with("name", name::quote(wanted))
                    .with("referenceNames", format!("[{}]", references.join(", "))));
            }
        };
        columns.push(PartitionColumn { name: wanted.clone(), index });
    }
    if !columns.is_empty() && columns.len() == fields.len() {
        return Err(SparkError::new("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
    }
    for column in &columns {
        let data_type = fields[column.index].data_type();
        if data_type.is_nested() {
            return Err(SparkError::new("INVALID_PARTITION_COLUMN_DATA_TYPE")
                .with("type", format!("\"{}\"", name::sql(data_type))));
        }
        if matches!(data_type, DataType::Interval(_) | DataType::Duration(_)) {
            return Err(SparkError::unsupported(
                "partitioning files by an interval column",
                "Cast the column to a string first.",
            ));
        }
    }
    Ok(columns)
}
