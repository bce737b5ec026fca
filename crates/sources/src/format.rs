//! Names of data sources: short names and the class names that users of older Sparks write.

use firesteel_protocol::{Result, SparkError};

use crate::hive::SerDe;

/// A source that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Avro,
    Csv,
    Json,
    Orc,
    Parquet,
    Text,
    Xml,
    BinaryFile,
    Jdbc,
    /// Text files as Hive's tables keep them.
    Hive(SerDe),
}

/// Lower-case names of each format; class names also go without Spark's package.
const NAMES: &[(Format, &[&str])] = &[
    (Format::Avro, &["avro", "com.databricks.spark.avro", "org.apache.spark.sql.avro.avrofileformat"]),
    (
        Format::Csv,
        &[
            "csv",
            "com.databricks.spark.csv",
            "org.apache.spark.sql.execution.datasources.csv.csvfileformat",
            "org.apache.spark.sql.execution.datasources.v2.csv.csvdatasourcev2",
        ],
    ),
    (
        Format::Json,
        &[
            "json",
            "org.apache.spark.sql.json",
            "org.apache.spark.sql.execution.datasources.json",
            "org.apache.spark.sql.execution.datasources.json.jsonfileformat",
            "org.apache.spark.sql.execution.datasources.v2.json.jsondatasourcev2",
        ],
    ),
    (
        Format::Orc,
        &[
            "orc",
            "org.apache.spark.sql.hive.orc",
            "org.apache.spark.sql.execution.datasources.orc",
            "org.apache.spark.sql.execution.datasources.orc.orcfileformat",
            "org.apache.spark.sql.execution.datasources.v2.orc.orcdatasourcev2",
        ],
    ),
    (
        Format::Parquet,
        &[
            "parquet",
            "org.apache.spark.sql.parquet",
            "org.apache.spark.sql.execution.datasources.parquet",
            "org.apache.spark.sql.execution.datasources.parquet.parquetfileformat",
            "org.apache.spark.sql.execution.datasources.v2.parquet.parquetdatasourcev2",
        ],
    ),
    (
        Format::Text,
        &[
            "text",
            "org.apache.spark.sql.execution.datasources.text.textfileformat",
            "org.apache.spark.sql.execution.datasources.v2.text.textdatasourcev2",
        ],
    ),
    (
        Format::Xml,
        &[
            "xml",
            "com.databricks.spark.xml",
            "org.apache.spark.sql.execution.datasources.xml",
            "org.apache.spark.sql.execution.datasources.xml.xmlfileformat",
        ],
    ),
    (Format::BinaryFile, &["binaryfile", "org.apache.spark.sql.execution.datasources.binaryfile.binaryfileformat"]),
    (
        Format::Jdbc,
        &[
            "jdbc",
            "org.apache.spark.sql.jdbc",
            "org.apache.spark.sql.execution.datasources.jdbc",
            "org.apache.spark.sql.execution.datasources.jdbc.jdbcrelationprovider",
        ],
    ),
    (Format::Hive(SerDe::Lazy), &["org.apache.hadoop.hive.serde2.lazy.lazysimpleserde"]),
    (Format::Hive(SerDe::OpenCsv), &["org.apache.hadoop.hive.serde2.opencsvserde"]),
    (Format::Hive(SerDe::Regex), &["org.apache.hadoop.hive.serde2.regexserde"]),
];

impl Format {
    /// The format of a name as `spark.read.format(..)` takes it.
    pub fn of(given: &str) -> Result<Self> {
        let lower = given.to_lowercase();
        let name = lower.strip_suffix(".defaultsource").unwrap_or(&lower);
        match NAMES.iter().find(|(_, names)| names.contains(&name)) {
            Some((format, _)) => Ok(*format),
            None => Err(unknown(given, &lower)),
        }
    }

    /// The class of Spark's that some errors name.
    pub fn class(self) -> &'static str {
        match self {
            Self::Avro => "AvroFileFormat",
            Self::Csv => "CSVDataSourceV2",
            Self::Json => "JsonDataSourceV2",
            Self::Orc => "OrcDataSourceV2",
            Self::Parquet => "ParquetDataSourceV2",
            Self::Text => "TextDataSourceV2",
            Self::Xml => "XmlFileFormat",
            Self::BinaryFile => "BinaryFileFormat",
            Self::Jdbc => "JdbcRelationProvider",
            Self::Hive(_) => "HiveFileFormat",
        }
    }

    /// The name in `UNABLE_TO_INFER_SCHEMA` and the like.
    pub fn display(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Orc => "ORC",
            Self::Parquet => "Parquet",
            Self::Text => "Text",
            Self::Xml => "XML",
            Self::BinaryFile => "BinaryFile",
            Self::Jdbc => "JDBC",
            Self::Hive(_) => "Hive",
        }
    }
}

/// What Spark says to names that it does not read, or ours for what it reads and we do not.
fn unknown(given: &str, lower: &str) -> SparkError {
    let to_parquet = "Convert the files to parquet, json or csv first.";
    match lower {
        "image" | "libsvm" => SparkError::unsupported(format!("the {lower} source"), to_parquet),
        "delta" | "iceberg" => SparkError::unsupported(
            format!("the {lower} source"),
            "Read the table's current Parquet files, if it has no deletions.",
        ),
        "hive" => SparkError::new("_LEGACY_ERROR_TEMP_1187").with("operation", "read"),
        "kafka" => SparkError::new("_LEGACY_ERROR_TEMP_1140").with("provider", given),
        "rate" | "rate-micro-batch" | "console" | "noop" | "socket" | "memory" => {
            SparkError::new("_LEGACY_ERROR_TEMP_1135").with("className", given)
        }
        _ => SparkError::new("DATA_SOURCE_NOT_FOUND").with("provider", given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_may_be_classes() {
        for name in ["CSV", "com.databricks.spark.csv", "org.apache.spark.sql.execution.datasources.csv.CSVFileFormat"]
        {
            assert!(matches!(Format::of(name), Ok(Format::Csv)), "{name}");
        }
        let error = Format::of("com.foo.Bar").map_err(|error| error.condition().to_string());
        assert_eq!(error, Err("DATA_SOURCE_NOT_FOUND".to_string()));
    }
}
