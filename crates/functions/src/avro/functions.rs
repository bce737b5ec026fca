//! `from_avro`, `to_avro`, `schema_of_avro`: single values of Avro, without a file around them.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{concat, filter};
use arrow::datatypes::{DataType, Field, IntervalUnit, Schema};
use arrow_avro::reader::{Decoder, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SCHEMA_METADATA_KEY, SchemaStore};
use arrow_avro::writer::WriterBuilder;
use arrow_avro::writer::format::AvroBinaryFormat;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{is_variant, name};
use firesteel_protocol::{Result, SparkError};
use serde_json::{Value, json};

use super::array::{to_spark, to_written, written_type};
use super::schema::{avro_schema, spark_type};
use super::target::{converted, target};
use crate::collection::list::nullable;
use crate::json::{Options, check_mode};
use crate::kernel::{KernelArgs, from_arrow};
use crate::rowwise::complete;
use crate::{Call, Typed, constant};

/// Options that say how values are read.
const OPTIONS: &[&str] = &["mode", "avroSchema", "datetimeRebaseMode"];

/// What stands before each value, so that the library takes it for a message: a mark and the schema's number.
const PREFIX: [u8; 5] = [0, 0, 0, 0, 1];

/// `from_avro(binary, schema[, options])`. Spark's `FromAvro` and `AvroDataToCatalyst`.
pub fn from_avro(call: &Call) -> Result<Typed> {
    let call = &complete(call, 3, &[(ScalarValue::Null, "NULL")])?;
    let label = call.display();
    let schema = schema_argument(call, 1, "second", "converting the value from AVRO format")?
        .ok_or_else(|| invalid("Cannot parse <null> schema"))?;
    let options = options(call, 2, "third", "converting the value from AVRO format")?;
    check_mode(&options, "`from_avro`")?;
    let rebase = options.get("datetimeRebaseMode");
    if rebase == Some("LEGACY") {
        return Err(SparkError::unsupported(
            "from_avro with the option datetimeRebaseMode=LEGACY",
            "Set it to CORRECTED, or write the values with Spark 3 or later.",
        ));
    }
    if !matches!(call.args[0].data_type, DataType::Binary | DataType::Null) {
        return Err(call.unexpected_type(0, "\"BINARY\""));
    }
    let read = options.get("avroSchema").map_or(schema.as_str(), |own| own);
    let found = spark_type(read)?.0;
    let permissive = !is_fail_fast(&options);
    let data_type = if permissive { nullable(&found) } else { found };
    // Spark finds out when it reads a value that there is no such mode, and takes the value for malformed.
    let broken = rebase.is_some_and(|mode| !matches!(mode, "CORRECTED" | "EXCEPTION"));
    let setting = json!({"schema": schema, "read": read, "permissive": permissive, "broken": broken}).to_string();
    let binary = call.with_args(vec![call.coerce(0, &DataType::Binary)?]);
    Ok(binary.kernel_with("from_avro", data_type, true, setting, read_values).named(label))
}

fn is_fail_fast(options: &Options) -> bool {
    options.get("mode").is_none_or(|mode| mode.eq_ignore_ascii_case("FAILFAST"))
}

/// `to_avro(value[, schema])`. Spark's `ToAvro` and `CatalystDataToAvro`.
pub fn to_avro(call: &Call) -> Result<Typed> {
    let call = &complete(call, 2, &[(ScalarValue::Null, "NULL")])?;
    let label = call.display();
    let value = call.args[0].clone();
    let given = schema_argument(call, 1, "second", "converting the value to AVRO format")?;
    refuse(&value.data_type)?;
    let schema = match given {
        Some(given) => {
            // What the schema has no place for is refused before anything runs.
            spark_type(&given)?;
            target(&value.data_type, value.nullable, &parsed(&given)?)?;
            given
        }
        None => avro_schema(&value.data_type, value.nullable, "topLevelRecord", "").to_string(),
    };
    spark_type(&schema)?;
    let nullable = value.nullable;
    let one = call.with_args(vec![value]);
    Ok(one.kernel_with("to_avro", DataType::Binary, nullable, schema, write_values).named(label))
}

/// `schema_of_avro(schema[, options])`: the type that values of a schema have.
pub fn schema_of_avro(call: &Call) -> Result<Typed> {
    let call = &complete(call, 2, &[(ScalarValue::Null, "NULL")])?;
    let schema = schema_argument(call, 0, "first", "converting the value from AVRO format")?
        .ok_or_else(|| invalid("Cannot parse <null> schema"))?;
    options(call, 1, "second", "converting the value from AVRO format")?;
    let text = name::sql(&spark_type(&schema)?.0);
    Ok(Typed::literal(ScalarValue::Utf8(Some(text)), call.display()))
}

fn invalid(text: impl Into<String>) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(text.into())
}

fn mismatch(call: &Call, text: String) -> SparkError {
    SparkError::new("DATATYPE_MISMATCH.TYPE_CHECK_FAILURE_WITH_HINT")
        .with("sqlExpr", format!("\"{}\"", call.display()))
        .with("msg", text)
        .with("hint", "")
}

/// A constant schema; `None` for NULL.
fn schema_argument(call: &Call, index: usize, ordinal: &str, what: &str) -> Result<Option<String>> {
    match constant::evaluate(&call.args[index].expr) {
        Some(ScalarValue::Utf8(text)) => Ok(text),
        Some(ScalarValue::Null) => Ok(None),
        _ => Err(mismatch(
            call,
            format!(
                "The {ordinal} argument of the {} SQL function must be a constant string containing the JSON \
                 representation of the schema to use for {what}",
                call.name.to_uppercase()
            ),
        )),
    }
}

fn options(call: &Call, index: usize, ordinal: &str, what: &str) -> Result<Options> {
    if call.args[index].data_type.is_null() {
        return Ok(Options::default());
    }
    Options::of(call, index, OPTIONS).map_err(|error| match error.condition() {
        "INVALID_OPTIONS.NON_MAP_FUNCTION" | "INVALID_OPTIONS.NON_STRING_TYPE" => mismatch(
            call,
            format!(
                "The {ordinal} argument of the {} SQL function must be a constant map of strings to strings containing \
                 the options to use for {what}",
                call.name.to_uppercase()
            ),
        ),
        _ => error,
    })
}

/// Avro has no type for these.
fn refuse(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Interval(IntervalUnit::MonthDayNano) => Err(invalid("Unexpected type CalendarIntervalType.")),
        variant if is_variant(variant) => Err(invalid("Unexpected type VariantType.")),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| refuse(field.data_type())),
        DataType::List(inner) | DataType::Map(inner, _) => refuse(inner.data_type()),
        _ => Ok(()),
    }
}

/// A record with the schema's values as its only field: its bytes are theirs.
fn wrapped(schema: &str) -> Result<String> {
    let inner: Value = serde_json::from_str(schema).map_err(|error| invalid(error.to_string()))?;
    Ok(json!({"type": "record", "name": "firesteel_value", "fields": [{"name": "v", "type": inner}]}).to_string())
}

fn parsed(schema: &str) -> Result<Value> {
    serde_json::from_str(schema).map_err(|error| invalid(error.to_string()))
}

/// Whether values are written as Spark writes them by itself.
fn is_own(to: &Field, from: &DataType) -> bool {
    to.data_type() == &written_type(from)
}

fn avro_failed(error: impl std::fmt::Display) -> SparkError {
    invalid(error.to_string())
}

fn decoder(schema: &str, read: &str, rows: usize) -> Result<Decoder> {
    let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
    store.set(Fingerprint::Id(1), AvroSchema::new(wrapped(schema)?)).map_err(avro_failed)?;
    let mut builder = ReaderBuilder::new().with_batch_size(rows.max(1)).with_writer_schema_store(store);
    builder = builder.with_active_fingerprint(Fingerprint::Id(1));
    if read != schema {
        builder = builder.with_reader_schema(AvroSchema::new(wrapped(read)?));
    }
    builder.build_decoder().map_err(avro_failed)
}

fn read_values(args: &KernelArgs) -> Result<ArrayRef> {
    let setting: Value = serde_json::from_str(args.param).map_err(|error| invalid(error.to_string()))?;
    let text = |key: &str| setting[key].as_str().unwrap_or_default().to_string();
    let (schema, read) = (text("schema"), text("read"));
    let values = args.array(0)?;
    let values = values.as_binary::<i32>();
    let broken = setting["broken"].as_bool().unwrap_or(false);
    let all = if broken { None } else { read_all(values, &schema, &read, args.return_type) };
    if let Some(all) = all {
        return Ok(all);
    }
    // Something in this batch is malformed: value by value.
    let permissive = setting["permissive"].as_bool().unwrap_or(false);
    let mut own = decoder(&schema, &read, 1)?;
    let mut rows: Vec<ArrayRef> = vec![];
    for value in values {
        let Some(bytes) = value else {
            rows.push(new_null_array(args.return_type, 1));
            continue;
        };
        let row = match own.decode(&framed(bytes)) {
            _ if broken => None,
            // Of a value that ends too early nothing is taken but the prefix.
            Ok(taken) if taken <= PREFIX.len() => None,
            Ok(_) => own.flush().ok().flatten().and_then(|batch| to_spark(batch.column(0), args.return_type).ok()),
            Err(_) => None,
        };
        match row {
            Some(row) => rows.push(row),
            None if permissive => {
                rows.push(nothing(args.return_type)?);
                own = decoder(&schema, &read, 1)?;
            }
            None => {
                let text = "Malformed records are detected in record parsing. Current parse Mode: FAILFAST. To process \
                            malformed records as null result, try setting the option 'mode' as 'PERMISSIVE'.";
                return Err(SparkError::new("_LEGACY_SPARK").with_message(text));
            }
        }
    }
    let rows: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
    if rows.is_empty() { Ok(new_null_array(args.return_type, 0)) } else { concat(&rows).map_err(from_arrow) }
}

/// What stands for a malformed value: NULL, of a record one whose fields are.
fn nothing(data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        DataType::Struct(fields) if !is_variant(data_type) => {
            let columns = fields.iter().map(|field| new_null_array(field.data_type(), 1)).collect();
            let row = arrow::array::StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
            Ok(Arc::new(row))
        }
        other => Ok(new_null_array(other, 1)),
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&PREFIX, bytes].concat()
}

/// All values at once; `None` where one of them is not exactly of the schema.
fn read_all(values: &arrow::array::BinaryArray, schema: &str, read: &str, to: &DataType) -> Option<ArrayRef> {
    let there = values.len() - values.null_count();
    let mut decoder = decoder(schema, read, there).ok()?;
    for bytes in values.iter().flatten() {
        let message = framed(bytes);
        if decoder.decode(&message).ok()? != message.len() {
            return None;
        }
    }
    let decoded = match decoder.flush().ok()? {
        Some(batch) if batch.num_rows() == there => to_spark(batch.column(0), to).ok()?,
        None if there == 0 => new_null_array(to, 0),
        _ => return None,
    };
    if there == values.len() { Some(decoded) } else { Some(spread(&decoded, values)) }
}

/// The values at the rows that are there, NULL at the others.
fn spread(found: &ArrayRef, like: &dyn Array) -> ArrayRef {
    let mut next = 0_u32;
    let places: arrow::array::UInt32Array = (0..like.len())
        .map(|row| {
            like.is_valid(row).then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    arrow::compute::take(found, &places, None).unwrap_or_else(|_| new_null_array(found.data_type(), like.len()))
}

fn write_values(args: &KernelArgs) -> Result<ArrayRef> {
    let values = args.array(0)?;
    if values.data_type().is_null() {
        return Ok(new_null_array(&DataType::Binary, values.len()));
    }
    let there: BooleanArray = (0..values.len()).map(|row| Some(values.is_valid(row))).collect();
    let own: Cow<'_, ArrayRef> = if values.null_count() == 0 {
        Cow::Borrowed(&values)
    } else {
        Cow::Owned(filter(&values, &there).map_err(from_arrow)?)
    };
    let given = parsed(args.param)?;
    let to = match target(values.data_type(), true, &given) {
        Ok(to) => to,
        // A schema that is Spark's own.
        Err(_) => Field::new("v", written_type(values.data_type()), true),
    };
    let column =
        if is_own(&to, values.data_type()) { to_written(&own, to.data_type())? } else { converted(&own, &to)? };
    let metadata = [(SCHEMA_METADATA_KEY.to_string(), wrapped(args.param)?)];
    let field = Field::new("v", to.data_type().clone(), matches!(given, Value::Array(_)));
    let schema = Schema::new(vec![field]).with_metadata(metadata.into());
    let mut encoder = WriterBuilder::new(schema.clone()).build_encoder::<AvroBinaryFormat>().map_err(avro_failed)?;
    let mut builder = BinaryBuilder::with_capacity(values.len(), values.len() * 16);
    let mut rows = vec![];
    if !column.is_empty() {
        let batch = RecordBatch::try_new(encoder.schema(), vec![column]).map_err(from_arrow)?;
        encoder.encode(&batch).map_err(avro_failed)?;
        let encoded = encoder.flush();
        let (bytes, offsets) = (encoded.bytes().clone(), encoded.offsets().to_vec());
        rows = offsets.windows(2).map(|pair| bytes.slice(pair[0]..pair[1])).collect();
    }
    let mut rows = rows.into_iter();
    for row in 0..values.len() {
        match values.is_valid(row).then(|| rows.next()).flatten() {
            Some(bytes) => builder.append_value(&bytes),
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}
