//! A table's columns from the footers of its files: Spark's own schema where Spark wrote the file, else
//! Parquet's types as Spark's `ParquetToSparkSchemaConverter` reads them.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit as ArrowUnit};
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use firesteel_protocol::types::{self, UDT_KEY, json};
use firesteel_protocol::{Result, SparkError};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::Type;

use super::ParquetOptions;
use crate::storage::{InputFile, hadoop_path};

/// Where Spark keeps its schema in a footer.
const SPARK_SCHEMA: &str = "org.apache.spark.sql.parquet.row.metadata";

/// The columns of one file, all nullable.
pub fn columns(file: &InputFile, options: &ParquetOptions) -> Result<Fields> {
    let footer = footer(file)?;
    let metadata = footer.file_metadata();
    let fields = match spark_schema(metadata) {
        Some(text) => match json::parse(text) {
            Ok(DataType::Struct(fields)) => fields,
            Ok(_) => parquet_columns(metadata, options)?,
            Err(error) => {
                return Err(SparkError::unsupported(
                    format!("a column type of {}: {}", hadoop_path(&file.path), error.message()),
                    "Write the files without columns of that type.",
                ));
            }
        },
        None => parquet_columns(metadata, options)?,
    };
    Ok(fields.iter().map(nullable).collect())
}

fn footer(file: &InputFile) -> Result<ParquetMetaData> {
    let unreadable = |cause: Box<dyn std::error::Error + Send + Sync>| {
        SparkError::new("FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER")
            .with("path", hadoop_path(&file.path))
            .with_source(cause)
    };
    let input = File::open(&file.path).map_err(|error| unreadable(error.into()))?;
    ParquetMetaDataReader::new().parse_and_finish(&input).map_err(|error| unreadable(error.into()))
}

/// The schema that Spark left in the footer, as JSON.
fn spark_schema(metadata: &FileMetaData) -> Option<&str> {
    let pairs = metadata.key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == SPARK_SCHEMA)?.value.as_deref()
}

/// A nullable field, with all that is in it nullable too, as in Spark's `StructType.asNullable`.
pub fn nullable(field: &FieldRef) -> FieldRef {
    let data_type = if field.metadata().contains_key(UDT_KEY) {
        field.data_type().clone()
    } else {
        nullable_type(field.data_type())
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(true))
}

fn nullable_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable).collect()),
        DataType::List(element) => DataType::List(nullable(element)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let key = Arc::new(pair[0].as_ref().clone().with_data_type(nullable_type(pair[0].data_type())));
                let pair = DataType::Struct(Fields::from(vec![key, nullable(&pair[1])]));
                DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(pair)), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

/// Parquet's types as Spark's.
fn parquet_columns(metadata: &FileMetaData, options: &ParquetOptions) -> Result<Fields> {
    let descriptor = metadata.schema_descr();
    descriptor.root_schema().get_fields().iter().try_for_each(|column| check(column, options))?;
    // Without key-value metadata: Spark knows nothing of the Arrow schema that other writers leave there.
    let plain = parquet_to_arrow_schema(descriptor, None)
        .map_err(|error| SparkError::new("PARQUET_TYPE_NOT_SUPPORTED").with("parquetType", error.to_string()))?;
    let zoned = Arc::new(plain);
    let zoned: Schema = Int96Coercer::new(descriptor, &zoned, &ArrowUnit::Microsecond)
        .with_timezone(Some(Arc::from("UTC")))
        .coerce()
        .unwrap_or_else(|| zoned.as_ref().clone());
    let root = descriptor.root_schema().get_fields();
    Ok(zoned.fields().iter().zip(root).map(|(field, column)| convert(field, column, options)).collect())
}

fn convert(field: &FieldRef, column: &Type, options: &ParquetOptions) -> FieldRef {
    let data_type = convert_type(field.data_type(), column, options);
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

fn convert_type(data_type: &DataType, column: &Type, options: &ParquetOptions) -> DataType {
    match data_type {
        DataType::Binary if options.binary_as_string && is_plain(column) => DataType::Utf8,
        DataType::Timestamp(ArrowUnit::Nanosecond, _) if options.nanos_as_long => DataType::Int64,
        DataType::Timestamp(_, None) if !options.infer_ntz => types::timestamp(),
        // A column that never had a value keeps its physical type in Spark.
        DataType::Null => match column.is_primitive().then(|| column.get_physical_type()) {
            Some(PhysicalType::INT64) => DataType::Int64,
            Some(PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY) => DataType::Binary,
            _ => DataType::Int32,
        },
        DataType::Struct(fields) if column.is_group() && column.get_fields().len() == fields.len() => {
            let children = fields.iter().zip(column.get_fields());
            DataType::Struct(children.map(|(field, child)| convert(field, child, options)).collect())
        }
        other => types::canonical(other),
    }
}

fn is_plain(column: &Type) -> bool {
    let info = column.get_basic_info();
    info.logical_type_ref().is_none() && info.converted_type() == ConvertedType::NONE
}

/// Types that Spark refuses.
fn check(column: &Type, options: &ParquetOptions) -> Result<()> {
    if column.is_group() {
        return column.get_fields().iter().try_for_each(|child| check(child, options));
    }
    let info = column.get_basic_info();
    let physical = column.get_physical_type();
    let illegal = |annotation: String| {
        Err(SparkError::new("PARQUET_TYPE_ILLEGAL").with("parquetType", format!("{physical} ({annotation})")))
    };
    match info.logical_type_ref() {
        Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS && !options.nanos_as_long => {
            illegal(format!("TIMESTAMP(NANOS,{})", time.is_adjusted_to_u_t_c))
        }
        Some(LogicalType::Time(time)) if time.unit == TimeUnit::MICROS => Ok(()),
        Some(LogicalType::Time(time)) => {
            let unit = if time.unit == TimeUnit::MILLIS { "MILLIS" } else { "NANOS" };
            illegal(format!("TIME({unit},{})", time.is_adjusted_to_u_t_c))
        }
        Some(LogicalType::Float16) => illegal("FLOAT16".into()),
        Some(LogicalType::Decimal(decimal)) if decimal.precision > 38 => {
            Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .with("precision", decimal.precision.to_string())
                .with("maxPrecision", "38"))
        }
        None if info.converted_type() == ConvertedType::INTERVAL => illegal("INTERVAL".into()),
        _ => Ok(()),
    }
}
