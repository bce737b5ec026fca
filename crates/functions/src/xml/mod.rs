//! XML in columns of strings: the `xpath` functions, `from_xml`, `to_xml`, `schema_of_xml`. Files of XML are read elsewhere.

mod element;
mod infer;
mod partial;
mod path;
mod path_functions;
mod read;
mod variant;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, ListBuilder, StringArray,
    StringBuilder,
};
use arrow::datatypes::{DataType, Field};
use firesteel_protocol::{Result, SparkError, types};

use crate::kernel::{Kernel, KernelArgs};
use crate::registry::{Entry, Kind};
use crate::rowwise::{string_at, strings};
use crate::{Call, Typed};

pub use element::Shape;
pub use infer::infer;
pub use read::{Records, records, variants};
pub use write::{RecordWriter, escape};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    scalar("from_xml", read::from_xml),
    scalar("schema_of_xml", infer::schema_of_xml),
    scalar("to_xml", write::to_xml),
    scalar("xpath", |call| xpath(call, types::array(DataType::Utf8, true), list)),
    scalar("xpath_boolean", |call| xpath(call, DataType::Boolean, boolean)),
    scalar("xpath_double", |call| xpath(call, DataType::Float64, double)),
    scalar("xpath_number", |call| xpath(call, DataType::Float64, double)),
    scalar("xpath_float", |call| xpath(call, DataType::Float32, float)),
    scalar("xpath_int", |call| xpath(call, DataType::Int32, int)),
    scalar("xpath_long", |call| xpath(call, DataType::Int64, long)),
    scalar("xpath_short", |call| xpath(call, DataType::Int16, short)),
    scalar("xpath_string", |call| xpath(call, DataType::Utf8, text)),
];

fn xpath(call: &Call, output: DataType, kernel: Kernel) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    if crate::constant::evaluate(&inner.args[1].expr).is_none() {
        call.constant(1)?;
    }
    Ok(inner.kernel("ansi_xpath", output, true, kernel).named(call.display()))
}

/// Evaluates the path in each row; None is NULL.
fn each<T>(args: &KernelArgs<'_>, of: fn(&path::Value<'_>) -> Option<T>) -> Result<Vec<Option<T>>> {
    let (documents, paths) = (strings(args, 0)?, strings(args, 1)?);
    let mut known: HashMap<&str, path::Expr> = HashMap::new();
    let mut values = Vec::with_capacity(args.rows);
    for row in 0..args.rows {
        // Spark gives NULL for empty texts.
        let (Some(xml), Some(text)) =
            (string_at(&documents, row).filter(|t| !t.is_empty()), string_at(&paths, row).filter(|t| !t.is_empty()))
        else {
            values.push(None);
            continue;
        };
        if !known.contains_key(text) {
            let parsed = path::parse(text).map_err(|reason| failed(format!("Invalid XPath '{text}'{reason}")))?;
            known.insert(text, parsed);
        }
        let document = roxmltree::Document::parse(xml)
            .map_err(|error| failed(format!("Error loading expression '{text}'")).with_source(error))?;
        let value = match known.get(text) {
            Some(expr) => {
                path::evaluate(expr, &document).map_err(|reason| failed(format!("Invalid XPath '{text}'{reason}")))?
            }
            None => return Err(SparkError::internal("the path was parsed")),
        };
        values.push(of(&value));
    }
    Ok(values)
}

/// Spark raises a bare RuntimeException here.
fn failed(message: String) -> SparkError {
    SparkError::new("_LEGACY_ERROR_XPATH").with_message(message)
}

fn list(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let values = each(args, |value| match value {
        path::Value::Nodes(nodes) => Some(nodes.iter().map(|node| node.value()).collect::<Vec<_>>()),
        other => Some(vec![Some(other.text())]),
    })?;
    let field = Field::new("element", DataType::Utf8, true);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(field);
    for value in values {
        match value {
            Some(texts) => {
                texts.into_iter().for_each(|text| builder.values().append_option(text));
                builder.append(true);
            }
            None => builder.append(false),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn boolean(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(BooleanArray::from(each(args, |value| Some(value.bool()))?)))
}

fn double(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(Float64Array::from(each(args, |value| Some(value.number()))?)))
}

fn float(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(Float32Array::from(each(args, |value| Some(value.number() as f32))?)))
}

fn int(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(Int32Array::from(each(args, |value| Some(value.number() as i32))?)))
}

fn long(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(Int64Array::from(each(args, |value| Some(value.number() as i64))?)))
}

fn short(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    // Java narrows through an INT, which wraps.
    Ok(Arc::new(Int16Array::from(each(args, |value| Some(value.number() as i32 as i16))?)))
}

fn text(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    Ok(Arc::new(StringArray::from(each(args, |value| Some(value.text()))?)))
}
