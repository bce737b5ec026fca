//! `to_json(value[, options])`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use base64::Engine;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::options::{Formats, Options};
use super::value::write_text;
use crate::cast::text::{format_decimal, format_f32, format_f64};
use crate::cast::{to_string_array, to_string_field};
use crate::datetime::Zone;
use crate::kernel::KernelArgs;
use crate::variant::Variants;
use crate::{Call, Env, Typed};

const OPTIONS: &[&str] =
    &["ignoreNullFields", "dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone", "sortKeys", "pretty"];

/// `to_json(struct, array or map[, options])`.
pub fn to_json(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let arg = &call.args[0];
    let display = format!("{}({})", call.name, arg.name);
    if arg.data_type == DataType::Null {
        return Ok(Typed::literal(datafusion::scalar::ScalarValue::Utf8(None), display));
    }
    if !matches!(arg.data_type, DataType::Struct(_) | DataType::List(_) | DataType::Map(..)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA")
            .with("schema", format!("\"{}\"", name::sql(&arg.data_type)))
            .with("sqlExpr", format!("\"{display}\"")));
    }
    let options = Options::of(call, 1, OPTIONS)?;
    let inner = call.with_args(vec![arg.clone()]);
    Ok(inner.kernel_with("to_json", DataType::Utf8, true, options.encode(), kernel).named(display))
}

fn kernel(args: &KernelArgs) -> Result<ArrayRef> {
    let array = args.array(0)?;
    let options = Options::decode(args.param);
    let writer = Writer::new(&array, &options, args.env)?;
    let pretty = options.flag("pretty", false);
    let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 32);
    let mut text = String::new();
    for row in 0..args.rows {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        writer.write(&mut text, row)?;
        if pretty {
            builder.append_value(indented(&text));
        } else {
            builder.append_value(&text);
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// A JSON text with its objects' members on lines of their own, as Jackson's default pretty printer lays it out.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    // Whether each bracket that is open is an object's, and whether something came after the last one.
    let mut open: Vec<bool> = vec![];
    let mut empty = false;
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for letter in text.chars() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        let closes = matches!(letter, '}' | ']');
        if empty && !closes {
            if open.last() == Some(&true) { line(&mut out, depth) } else { out.push(' ') }
        }
        match letter {
            '{' | '[' => {
                open.push(letter == '{');
                depth += usize::from(letter == '{');
                out.push(letter);
            }
            '}' | ']' => {
                let object = open.pop() == Some(true);
                depth -= usize::from(object && depth > 0);
                if object && !empty {
                    line(&mut out, depth)
                } else {
                    out.push(' ')
                }
                out.push(letter);
            }
            ':' => out.push_str(" : "),
            ',' if open.last() == Some(&true) => {
                out.push(',');
                line(&mut out, depth);
            }
            ',' => out.push_str(", "),
            other => {
                quoted = other == '"';
                out.push(other);
            }
        }
        empty = matches!(letter, '{' | '[');
    }
    out
}

/// A column with what is needed to write its values.
struct Writer {
    array: ArrayRef,
    kind: Kind,
    formats: Arc<Formats>,
    keep_nulls: bool,
}

enum Kind {
    /// Written by its own type.
    Leaf,
    /// A string already, to be quoted.
    Text,
    Variant(Variants, Zone),
    Struct(Vec<(String, Writer)>),
    List(Box<Writer>),
    /// Keys as strings, values.
    Map(ArrayRef, Box<Writer>),
}

impl Writer {
    fn new(array: &ArrayRef, options: &Options, env: &Env) -> Result<Self> {
        let formats = Arc::new(Formats::writing(options, env)?);
        let keep_nulls = !options.flag("ignoreNullFields", !env.json_nulls);
        let field = Field::new("", array.data_type().clone(), true);
        Self::of(array, &field, &formats, keep_nulls, options.flag("sortKeys", false), env)
    }

    fn of(
        array: &ArrayRef,
        field: &Field,
        formats: &Arc<Formats>,
        keep_nulls: bool,
        sorted: bool,
        env: &Env,
    ) -> Result<Self> {
        let child = |array: &ArrayRef, field: &Field| Self::of(array, field, formats, keep_nulls, sorted, env);
        let mut array = Arc::clone(array);
        let kind = match array.data_type() {
            variant if types::is_variant(variant) => Kind::Variant(Variants::new(&array), Zone::of(&env.time_zone)?),
            DataType::Struct(fields) => {
                let structs = array.as_struct();
                let mut members = fields
                    .iter()
                    .zip(structs.columns())
                    .map(|(field, column)| Ok((field.name().clone(), child(column, field)?)))
                    .collect::<Result<Vec<_>>>()?;
                if sorted {
                    members.sort_by(|a, b| a.0.cmp(&b.0));
                }
                Kind::Struct(members)
            }
            DataType::List(element) => Kind::List(Box::new(child(array.as_list::<i32>().values(), element)?)),
            DataType::Map(..) => {
                let map = array.as_map();
                Kind::Map(keys(map.keys(), env)?, Box::new(child(map.values(), map.entries_fields().1)?))
            }
            DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_) => {
                array = to_string_field(&array, field, env)?;
                Kind::Text
            }
            _ => Kind::Leaf,
        };
        Ok(Self { array, kind, formats: Arc::clone(formats), keep_nulls })
    }

    fn write(&self, out: &mut String, row: usize) -> Result<()> {
        if self.array.is_null(row) || self.array.data_type() == &DataType::Null {
            out.push_str("null");
            return Ok(());
        }
        match &self.kind {
            Kind::Leaf => self.leaf(out, row),
            Kind::Variant(variants, zone) => {
                if let Some(item) = variants.item(row)? {
                    item.write(out, *zone);
                }
                Ok(())
            }
            Kind::Text => {
                write_text(out, self.array.as_string::<i32>().value(row));
                Ok(())
            }
            Kind::Struct(members) => {
                out.push('{');
                let mut first = true;
                for (name, member) in members {
                    let null = member.array.is_null(row) || member.array.data_type() == &DataType::Null;
                    if null && !self.keep_nulls {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    member.write(out, row)?;
                }
                out.push('}');
                Ok(())
            }
            Kind::List(items) => {
                let offsets = self.array.as_list::<i32>().value_offsets();
                out.push('[');
                for at in offsets[row]..offsets[row + 1] {
                    if at > offsets[row] {
                        out.push(',');
                    }
                    items.write(out, at as usize)?;
                }
                out.push(']');
                Ok(())
            }
            Kind::Map(keys, values) => {
                let offsets = self.array.as_map().value_offsets();
                let keys = keys.as_string::<i32>();
                out.push('{');
                for at in offsets[row]..offsets[row + 1] {
                    if at > offsets[row] {
                        out.push(',');
                    }
                    write_text(out, keys.value(at as usize));
                    out.push(':');
                    values.write(out, at as usize)?;
                }
                out.push('}');
                Ok(())
            }
        }
    }

    fn leaf(&self, out: &mut String, row: usize) -> Result<()> {
        let array = &self.array;
        let number = |out: &mut String, value: i64| out.push_str(&value.to_string());
        match array.data_type() {
            DataType::Utf8 => write_text(out, array.as_string::<i32>().value(row)),
            DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
            DataType::Int8 => number(out, i64::from(array.as_primitive::<Int8Type>().value(row))),
            DataType::Int16 => number(out, i64::from(array.as_primitive::<Int16Type>().value(row))),
            DataType::Int32 => number(out, i64::from(array.as_primitive::<Int32Type>().value(row))),
            DataType::Int64 => number(out, array.as_primitive::<Int64Type>().value(row)),
            DataType::Float32 => {
                let value = array.as_primitive::<Float32Type>().value(row);
                float(out, &format_f32(value), value.is_finite());
            }
            DataType::Float64 => {
                let value = array.as_primitive::<Float64Type>().value(row);
                float(out, &format_f64(value), value.is_finite());
            }
            DataType::Decimal128(_, scale) => {
                out.push_str(&format_decimal(array.as_primitive::<Decimal128Type>().value(row), *scale));
            }
            DataType::Date32 => {
                write_text(out, &self.formats.format_date(array.as_primitive::<Date32Type>().value(row))?);
            }
            DataType::Timestamp(_, zone) => {
                let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
                let text = match zone {
                    Some(_) => self.formats.format_timestamp(us)?,
                    None => self.formats.format_timestamp_ntz(us)?,
                };
                write_text(out, &text);
            }
            DataType::Binary => {
                let bytes = array.as_binary::<i32>().value(row);
                write_text(out, &base64::engine::general_purpose::STANDARD.encode(bytes));
            }
            other => return Err(SparkError::internal(format!("to_json of {other}"))),
        }
        Ok(())
    }
}

/// NaN and infinities are strings.
fn float(out: &mut String, text: &str, finite: bool) {
    if finite { out.push_str(text) } else { write_text(out, text) }
}

/// Map keys as Spark prints them: dates and timestamps by their number, structs in brackets.
fn keys(array: &ArrayRef, env: &Env) -> Result<ArrayRef> {
    use arrow::compute::cast;
    let number = match array.data_type() {
        DataType::Date32 => cast(array, &DataType::Int32),
        DataType::Timestamp(..) => cast(array, &DataType::Int64),
        DataType::Struct(_) => return struct_keys(array, env),
        _ => return to_string_array(array, env),
    };
    to_string_array(&number.map_err(crate::kernel::from_arrow)?, env)
}

fn struct_keys(array: &ArrayRef, env: &Env) -> Result<ArrayRef> {
    let structs = array.as_struct();
    let columns = structs.columns().iter().map(|column| keys(column, env)).collect::<Result<Vec<_>>>()?;
    let mut builder = StringBuilder::new();
    for row in 0..structs.len() {
        let part = |column: &ArrayRef| {
            if column.is_null(row) { "null".to_string() } else { column.as_string::<i32>().value(row).to_string() }
        };
        builder.append_value(format!("[{}]", columns.iter().map(part).collect::<Vec<_>>().join(",")));
    }
    Ok(Arc::new(builder.finish()))
}
