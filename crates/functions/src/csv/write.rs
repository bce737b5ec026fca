//! `to_csv(struct[, options])`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Date32Type, Field, TimestampMicrosecondType};
use firesteel_protocol::{Result, SparkError};

use super::split::{self, Format};
use crate::cast::to_string_field;
use crate::json::{Formats, Options};
use crate::kernel::KernelArgs;
use crate::{Call, Env, Typed};

/// `to_csv(struct[, options])`.
pub fn to_csv(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let arg = &call.args[0];
    let display = format!("{}({})", call.name, arg.name);
    // Values with parts are written as a cast to STRING has them.
    if !matches!(arg.data_type, DataType::Struct(_)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE")
            .with("functionName", "`to_csv`")
            .with("dataType", format!("\"{}\"", arg.sql_type()))
            .with("sqlExpr", format!("\"{display}\"")));
    }
    let known: Vec<&str> = split::OPTIONS
        .iter()
        .chain(&["quoteAll", "emptyValue", "dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone"])
        .copied()
        .collect();
    let options = Options::of(call, 1, &known)?;
    Format::of(&options, true)?;
    let inner = call.with_args(vec![arg.clone()]);
    Ok(inner.kernel_with("to_csv", DataType::Utf8, true, options.encode(), kernel).named(display))
}

fn kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let options = Options::decode(args.param);
    let (format, formats) = (Format::of(&options, true)?, Formats::writing(&options, args.env)?);
    let (quote_all, empty) = (options.flag("quoteAll", false), options.get("emptyValue").unwrap_or("\"\""));
    let array = args.array(0)?;
    let structs = array.as_struct();
    let texts = |(column, field): (&ArrayRef, &Arc<Field>)| texts(column, field, &formats, args.env);
    let columns = structs.columns().iter().zip(structs.fields()).map(texts).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::new();
    let mut record = String::new();
    for row in 0..args.rows {
        if structs.is_null(row) {
            builder.append_null();
            continue;
        }
        record.clear();
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                record.push_str(&format.separator);
            }
            if column.is_null(row) {
                record.push_str(&format.null);
                continue;
            }
            let value = format.trimmed(column.value(row));
            if value.is_empty() && !quote_all {
                record.push_str(empty);
            } else if quote_all || needs_quotes(value, &format) {
                quote(&mut record, value, &format);
            } else {
                record.push_str(value);
            }
        }
        builder.append_value(&record);
    }
    Ok(Arc::new(builder.finish()))
}

fn needs_quotes(value: &str, format: &Format) -> bool {
    value.contains(&format.separator) || value.contains([format.quote, '\n', '\r'])
}

fn quote(record: &mut String, value: &str, format: &Format) {
    record.push(format.quote);
    for c in value.chars() {
        if c == format.quote {
            record.push(format.escape);
        }
        record.push(c);
    }
    record.push(format.quote);
}

/// A column's values as texts.
fn texts(column: &ArrayRef, field: &Field, formats: &Formats, env: &Env) -> Result<StringArray> {
    let rows = 0..column.len();
    Ok(match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            rows.map(|row| column.is_valid(row).then(|| formats.format_date(days.value(row))).transpose())
                .collect::<Result<StringArray>>()?
        }
        DataType::Timestamp(_, zone) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            let text = |us: i64| match zone {
                Some(_) => formats.format_timestamp(us),
                None => formats.format_timestamp_ntz(us),
            };
            rows.map(|row| column.is_valid(row).then(|| text(times.value(row))).transpose())
                .collect::<Result<StringArray>>()?
        }
        // Bytes as `show` has them: `[61 62]`.
        DataType::Binary => {
            let bytes = column.as_binary::<i32>();
            let text = |bytes: &[u8]| {
                let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                format!("[{}]", pairs.join(" "))
            };
            bytes.iter().map(|bytes| bytes.map(text)).collect()
        }
        _ => to_string_field(column, field, env)?.as_string::<i32>().clone(),
    })
}
