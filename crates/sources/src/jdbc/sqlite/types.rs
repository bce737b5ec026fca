//! Types between SQLite and Spark: what declared types mean to a reader, and what a new table declares.
//!
//! SQLite has no column types but declarations, which the driver and Spark's generic JDBC code read in a
//! way of their own: a computed column, or a declaration that neither knows, is DECIMAL(38,18).

use arrow::datatypes::{DataType, Field};
use firesteel_protocol::types::{self, CHAR_VARCHAR_KEY, METADATA_KEY, name};
use firesteel_protocol::{Result, SparkError};
use serde_json::{Map, Value};

/// The field that Spark reads a column as. `declared` is `None` for an expression.
pub fn field(column: &str, declared: Option<&str>, prefer_ntz: bool) -> Field {
    let declaration = Declaration::parse(declared.unwrap_or_default());
    let (data_type, declared_text) = declaration.spark_type(prefer_ntz);
    let mut own = Map::new();
    if let Some(text) = declared_text {
        own.insert(CHAR_VARCHAR_KEY.into(), Value::String(text));
    }
    own.insert("isSigned".into(), Value::Bool(matches!(declaration.name.as_str(), "NUMERIC" | "INTEGER" | "REAL")));
    own.insert("isTimestampNTZ".into(), Value::Bool(prefer_ntz && declaration.name == "TIMESTAMP"));
    own.insert("jdbcClientType".into(), Value::String(declaration.name));
    own.insert("scale".into(), Value::from(declaration.scale));
    let metadata = [(METADATA_KEY.to_string(), Value::Object(own).to_string())];
    // No column is NOT NULL to Spark: any query may fail to keep the promise.
    Field::new(column, data_type, true).with_metadata(metadata.into_iter().collect())
}

/// `NUMERIC(10,2)`, read as the driver does.
struct Declaration {
    name: String,
    precision: i32,
    scale: i32,
}

impl Declaration {
    fn parse(text: &str) -> Self {
        let upper = text.trim().to_uppercase();
        let (name, size) = match upper.split_once('(') {
            Some((name, size)) => (name.trim().to_string(), size.split(')').next().unwrap_or_default().to_string()),
            None => (upper, String::new()),
        };
        let mut numbers = size.split(',').map(|number| number.trim().parse().unwrap_or(0));
        let name = if name.is_empty() { "NUMERIC".into() } else { name };
        Self { name, precision: numbers.next().unwrap_or(0), scale: numbers.next().unwrap_or(0) }
    }

    /// The type, and the CHAR or VARCHAR that Spark notes beside it.
    fn spark_type(&self, prefer_ntz: bool) -> (DataType, Option<String>) {
        let data_type = match self.name.as_str() {
            "BOOLEAN" => DataType::Boolean,
            "INTEGER" | "TINYINT" | "SMALLINT" | "INT2" => DataType::Int32,
            // The driver calls these unsigned.
            "INT" | "MEDIUMINT" => DataType::Int64,
            "BIGINT" | "INT8" | "UNSIGNED BIG INT" => DataType::Decimal128(20, 0),
            "DATE" | "DATETIME" => DataType::Date32,
            "TIMESTAMP" if prefer_ntz => types::timestamp_ntz(),
            "TIMESTAMP" => types::timestamp(),
            "REAL" | "DOUBLE" | "DOUBLE PRECISION" => DataType::Float64,
            "FLOAT" => DataType::Float32,
            "CHAR" | "CHARACTER" | "NCHAR" | "NATIVE CHARACTER" => {
                return (DataType::Utf8, Some(format!("char({})", self.precision)));
            }
            "TEXT" | "VARCHAR" | "VARYING CHARACTER" | "NVARCHAR" => {
                return (DataType::Utf8, Some(format!("varchar({})", self.precision)));
            }
            "CLOB" => DataType::Utf8,
            "BLOB" | "BINARY" => DataType::Binary,
            _ => self.decimal(),
        };
        (data_type, None)
    }

    fn decimal(&self) -> DataType {
        match (self.precision, self.scale) {
            (0, _) => DataType::Decimal128(38, 18),
            // What does not fit into 38 digits is taken from the scale.
            (precision @ 39.., scale) => DataType::Decimal128(38, (scale - (precision - 38)).clamp(0, 38) as i8),
            (precision, scale) => DataType::Decimal128(precision.clamp(1, 38) as u8, scale.clamp(0, precision) as i8),
        }
    }
}

/// What `CREATE TABLE` declares for a column.
pub fn declaration(field: &Field) -> Result<String> {
    Ok(match field.data_type() {
        DataType::Boolean => "BIT(1)".into(),
        DataType::Int8 => "BYTE".into(),
        DataType::Int16 | DataType::Int32 => "INTEGER".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::Float32 => "REAL".into(),
        DataType::Float64 => "DOUBLE PRECISION".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(..) => "TIMESTAMP".into(),
        DataType::Utf8 => "TEXT".into(),
        DataType::Binary => "BLOB".into(),
        DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_) => {
            return Err(SparkError::new("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
                .with("columnName", name::quote(field.name()))
                .with("columnType", format!("\"{}\"", name::sql(field.data_type())))
                .with("format", "JDBC"));
        }
        other => return Err(SparkError::new("_LEGACY_ERROR_TEMP_2082").with("catalogString", name::simple(other))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // What Spark 4.2.1 with sqlite-jdbc 3.50.3 made of these.
    #[test]
    fn declarations_are_read_as_spark_does() {
        for (declared, expected) in [
            (Some("INTEGER"), "int"),
            (Some("int"), "bigint"),
            (Some("BIGINT"), "decimal(20,0)"),
            (Some("BIGINT UNSIGNED"), "decimal(38,18)"),
            (Some("FLOAT(10)"), "float"),
            (Some("NUMERIC(10)"), "decimal(10,0)"),
            (Some("DECIMAL(20,3)"), "decimal(20,3)"),
            (Some("DECIMAL(50,3)"), "decimal(38,0)"),
            (Some("VARBINARY(3)"), "decimal(3,0)"),
            (Some("STRING"), "decimal(38,18)"),
            (Some("DATETIME"), "date"),
            (Some("TIMESTAMP(3)"), "timestamp"),
            (Some("BIT(1)"), "decimal(1,0)"),
            (None, "decimal(38,18)"),
        ] {
            assert_eq!(name::simple(field("c", declared, false).data_type()), expected, "{declared:?}");
        }
        let metadata = field("c", Some("VARCHAR(10)"), false).metadata()[METADATA_KEY].clone();
        assert_eq!(
            metadata,
            r#"{"__CHAR_VARCHAR_TYPE_STRING":"varchar(10)","isSigned":false,"isTimestampNTZ":false,"jdbcClientType":"VARCHAR","scale":0}"#
        );
    }
}
