//! `from_csv(csv, schema[, options])`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, StringArray, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::split::{self, Format};
use crate::cast::{EvalMode, cast_array};
use crate::collection::list::nullable;
use crate::json::{Formats, Options, check_mode, schema};
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Env, Typed};

/// `from_csv(csv, schema[, options])`: what does not fit its type is NULL.
pub fn from_csv(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let display = format!("{}({})", call.name, call.args[0].name);
    if !matches!(call.args[0].data_type, DataType::Utf8 | DataType::Null) {
        let error = call.unexpected_type(0, "\"STRING\"");
        return Err(error.with("sqlExpr", format!("\"{display}\"")));
    }
    let data_type = nullable(&schema(call, 1)?);
    let DataType::Struct(fields) = &data_type else {
        return Err(SparkError::new("INVALID_SCHEMA.NON_STRUCT_TYPE")
            .with("inputSchema", format!("\"{}\"", call.args[1].name))
            .with("dataType", format!("\"{}\"", name::sql(&data_type))));
    };
    if let Some(field) = fields.iter().find(|field| field.data_type().is_nested()) {
        if matches!(field.data_type(), DataType::Map(..)) {
            return Err(SparkError::new("UNSUPPORTED_DATATYPE")
                .with("typeName", format!("\"{}\"", name::sql(field.data_type()))));
        }
        return Err(SparkError::unsupported(
            format!("from_csv to a column of {}", name::sql(field.data_type())),
            "Read the column as STRING.",
        ));
    }
    let known: Vec<&str> = split::OPTIONS
        .iter()
        .chain(&[
            "mode",
            "dateFormat",
            "timestampFormat",
            "timestampNTZFormat",
            "timeZone",
            "columnNameOfCorruptRecord",
            // There is one line, and its schema is given.
            "header",
            "inferSchema",
            "prefersDate",
            "samplingRatio",
        ])
        .copied()
        .collect();
    let options = Options::of(call, 2, &known)?;
    check_mode(&options, "`from_csv`")?;
    Format::of(&options, false)?;
    let inner = call.with_args(vec![call.coerce(0, &DataType::Utf8)?]);
    let may_be_null = inner.any_nullable();
    Ok(inner.kernel_with("from_csv", data_type, may_be_null, options.encode(), kernel).named(display))
}

fn kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let DataType::Struct(fields) = args.return_type else {
        return Err(SparkError::internal("from_csv yields structs"));
    };
    let options = Options::decode(args.param);
    let (format, formats) = (Format::of(&options, false)?, Formats::reading(&options, args.env)?);
    let fail_fast = options.get("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("FAILFAST"));
    let corrupt_name = options.get("columnNameOfCorruptRecord").unwrap_or(&args.env.corrupt_column);
    let texts = args.array(0)?;
    let texts = texts.as_string::<i32>();
    let records: Vec<Vec<Option<String>>> =
        texts.iter().map(|text| text.map(|text| format.split(text)).unwrap_or_default()).collect();
    let corrupt = fields.iter().position(|field| field.name() == corrupt_name);
    let width = fields.len() - usize::from(corrupt.is_some());
    let mut bad: Vec<bool> =
        records.iter().enumerate().map(|(row, record)| texts.is_valid(row) && record.len() != width).collect();
    let mut columns = Vec::with_capacity(fields.len());
    let mut place = 0;
    for (index, field) in fields.iter().enumerate() {
        if Some(index) == corrupt {
            columns.push(arrow::array::new_null_array(&DataType::Utf8, args.rows));
            continue;
        }
        let values: StringArray = records.iter().map(|record| record.get(place).cloned().flatten()).collect();
        place += 1;
        let column = convert(&values, field.data_type(), &formats, args.env)?;
        for (row, bad) in bad.iter_mut().enumerate() {
            *bad |= values.is_valid(row) && column.is_null(row);
        }
        columns.push(column);
    }
    if fail_fast && let Some(row) = bad.iter().position(|bad| *bad) {
        return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
            .with("badRecord", crate::json::bad_record(texts.value(row), args.return_type))
            .with("failFastMode", "FAILFAST"));
    }
    if let Some(at) = corrupt {
        columns[at] = Arc::new((0..args.rows).map(|row| bad[row].then(|| texts.value(row))).collect::<StringArray>());
    }
    let nulls = texts.nulls().cloned();
    let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, args.rows).map_err(from_arrow)?;
    Ok(Arc::new(array))
}

fn convert(values: &StringArray, data_type: &DataType, formats: &Formats, env: &Env) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Utf8 => Arc::new(values.clone()),
        DataType::Date32 => {
            let days = values.iter().map(|text| text.and_then(|text| formats.parse_date(text)));
            Arc::new(days.collect::<Date32Array>())
        }
        DataType::Timestamp(_, zone) => {
            let read = |text: &str| match zone {
                Some(_) => formats.parse_timestamp(text),
                None => formats.parse_timestamp_ntz(text),
            };
            let times: TimestampMicrosecondArray = values.iter().map(|text| text.and_then(read)).collect();
            Arc::new(times.with_data_type(data_type.clone()))
        }
        _ => cast_array(&(Arc::new(values.clone()) as ArrayRef), data_type, EvalMode::Try, env)?,
    })
}
