//! `get_json_object(json, path)`, `json_array_length`, `json_object_keys`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field};
use firesteel_protocol::{Result, types};

use super::value::Json;
use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    /// `[*]`.
    Elements,
    /// `.*`, which Spark reads but never finds anything by.
    Members,
}

/// `$.a['b'][0][*]`; `None` if it is not a path.
fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = vec![];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(".*") {
            steps.push(Step::Members);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return None;
            }
            steps.push(Step::Name(after[..end].to_string()));
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix("[*]") {
            steps.push(Step::Elements);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("['") {
            let end = after.find("']")?;
            if end == 0 || after[..end].contains('?') {
                return None;
            }
            steps.push(if &after[..end] == "*" { Step::Members } else { Step::Name(after[..end].to_string()) });
            rest = &after[end + 2..];
        } else {
            let after = rest.strip_prefix('[')?;
            let end = after.find(']')?;
            steps.push(Step::Index(after[..end].parse().ok()?));
            rest = &after[end + 1..];
        }
    }
    Some(steps)
}

fn find<'j, 'a>(value: &'j Json<'a>, steps: &[Step], found: &mut Vec<&'j Json<'a>>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Name(name), Json::Object(_)) => {
            if let Some(member) = value.member(name) {
                find(member, rest, found);
            }
        }
        (Step::Index(index), Json::Array(items)) => {
            if let Some(item) = items.get(*index) {
                find(item, rest, found);
            }
        }
        (Step::Elements, Json::Array(items)) => items.iter().for_each(|item| find(item, rest, found)),
        _ => {}
    }
}

/// What a path finds: one value as text; of several, found by `[*]`, an array.
fn at_path(json: &str, steps: &[Step]) -> Option<String> {
    let value = Json::parse(json)?;
    let mut found = vec![];
    find(&value, steps, &mut found);
    let several = steps.contains(&Step::Elements);
    match found.as_slice() {
        [] => None,
        [Json::Null] if !several => None,
        [one] if !several => Some(one.to_text()),
        [one] => {
            let mut out = String::new();
            one.write(&mut out);
            Some(out)
        }
        all => {
            let mut out = String::from("[");
            for (index, value) in all.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                value.write(&mut out);
            }
            out.push(']');
            Some(out)
        }
    }
}

/// `get_json_object(json, path)`.
pub fn get_json_object(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let inner = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    Ok(inner.kernel("get_json_object", DataType::Utf8, true, |args| {
        let texts = args.array(0)?;
        let texts = texts.as_string::<i32>();
        let mut builder = StringBuilder::new();
        if let Some(path) = args.scalar_str(1) {
            let steps = path.and_then(parse_path);
            for text in texts {
                builder.append_option(text.zip(steps.as_deref()).and_then(|(text, steps)| at_path(text, steps)));
            }
            return Ok(Arc::new(builder.finish()));
        }
        let paths = args.array(1)?;
        for (text, path) in texts.iter().zip(paths.as_string::<i32>()) {
            let found = text.zip(path.and_then(parse_path)).and_then(|(text, steps)| at_path(text, &steps));
            builder.append_option(found);
        }
        Ok(Arc::new(builder.finish()))
    }))
}

fn strings(args: &KernelArgs) -> Result<StringArray> {
    Ok(args.array(0)?.as_string::<i32>().clone())
}

/// `json_array_length(json)`: NULL if it is no array.
pub fn json_array_length(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Utf8])?;
    Ok(inner.kernel("json_array_length", DataType::Int32, true, |args| {
        let length = |text: Option<&str>| match Json::parse(text?)? {
            Json::Array(items) => i32::try_from(items.len()).ok(),
            _ => None,
        };
        Ok(Arc::new(strings(args)?.iter().map(length).collect::<Int32Array>()))
    }))
}

/// `json_object_keys(json)`: NULL if it is no object.
pub fn json_object_keys(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Utf8])?;
    Ok(inner.kernel("json_object_keys", types::array(DataType::Utf8, true), true, |args| {
        let field = Arc::new(Field::new("element", DataType::Utf8, true));
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(field);
        for text in &strings(args)? {
            let Some(Json::Object(members)) = text.and_then(Json::parse) else {
                builder.append(false);
                continue;
            };
            members.iter().for_each(|(name, _)| builder.values().append_value(name));
            builder.append(true);
        }
        let keys: ArrayRef = Arc::new(builder.finish());
        debug_assert_eq!(keys.len(), args.rows);
        Ok(keys)
    }))
}
