//! `to_xml(value[, options])`: a struct as an element.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Date32Type, Field, TimestampMicrosecondType};
use firesteel_protocol::types;
use firesteel_protocol::{Result, SparkError};

use super::element::Shape;
use crate::cast::{to_string_array, to_string_field};
use crate::json::{Formats, Options};
use crate::kernel::KernelArgs;
use crate::variant::Variants;
use crate::{Call, Env, Typed};

/// The keys of options that say how values are written.
pub const OPTIONS: &[&str] = &[
    "rowTag",
    "rootTag",
    "declaration",
    "arrayElementName",
    "indent",
    "dateFormat",
    "timestampFormat",
    "timestampNTZFormat",
    "timeZone",
    "locale",
];

/// `to_xml(struct[, options])`.
pub(super) fn to_xml(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let arg = &call.args[0];
    let display = format!("{}({})", call.name, arg.name);
    if !matches!(arg.data_type, DataType::Struct(_)) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{display}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"STRUCT\"")
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", arg.sql_type())));
    }
    let known: Vec<&str> = [OPTIONS, Shape::OPTIONS].concat();
    let options = Options::of(call, 1, &known)?;
    let inner = call.with_args(vec![arg.clone()]);
    Ok(inner.kernel_with("to_xml", DataType::Utf8, true, options.encode(), kernel).named(display))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let array = args.array(0)?;
    let writer = RecordWriter::new(&array, &Options::decode(args.param), args.env)?;
    let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 64);
    let mut text = String::new();
    for row in 0..args.rows {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        text.clear();
        writer.write(&mut text, row, 0)?;
        builder.append_value(text.strip_prefix('\n').unwrap_or(&text));
    }
    Ok(Arc::new(builder.finish()))
}

/// Writes the rows of an array of structs as elements.
#[derive(Debug)]
pub struct RecordWriter {
    root: Column,
    style: Style,
    row_tag: String,
}

#[derive(Debug)]
struct Style {
    shape: Shape,
    formats: Formats,
    indent: String,
    item: String,
}

impl RecordWriter {
    pub fn new(array: &ArrayRef, options: &Options, env: &Env) -> Result<Self> {
        let style = Style {
            shape: Shape::of(options),
            formats: Formats::writing(options, env)?,
            indent: options.get("indent").unwrap_or("    ").to_string(),
            item: options.get("arrayElementName").unwrap_or("item").to_string(),
        };
        let field = Field::new("", array.data_type().clone(), true);
        let root = Column::of(array, &field, env)?;
        Ok(Self { root, style, row_tag: options.get("rowTag").unwrap_or("ROW").to_string() })
    }

    /// Appends a row at this depth; every element but the outermost of depth 0 begins a line.
    pub fn write(&self, out: &mut String, row: usize, depth: usize) -> Result<()> {
        self.root.element(out, &self.row_tag, row, depth, &self.style)?;
        if self.style.indent.is_empty() {
            out.push('\n');
        }
        Ok(())
    }
}

/// A column with what is needed to write its values.
#[derive(Debug)]
struct Column {
    array: ArrayRef,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Date,
    Timestamp {
        ntz: bool,
    },
    /// Strings already.
    Text,
    Variant(Variants, crate::datetime::Zone),
    Struct(Vec<(String, Column)>),
    List(Box<Column>),
    /// Keys as strings, values.
    Map(ArrayRef, Box<Column>),
}

impl Column {
    fn of(array: &ArrayRef, field: &Field, env: &Env) -> Result<Self> {
        let mut array = Arc::clone(array);
        let kind = match array.data_type() {
            variant if types::is_variant(variant) => {
                Kind::Variant(Variants::new(&array), crate::datetime::Zone::of(&env.time_zone)?)
            }
            DataType::Struct(fields) => Kind::Struct(
                fields
                    .iter()
                    .zip(array.as_struct().columns())
                    .map(|(field, column)| Ok((field.name().clone(), Self::of(column, field, env)?)))
                    .collect::<Result<_>>()?,
            ),
            DataType::List(element) => Kind::List(Box::new(Self::of(array.as_list::<i32>().values(), element, env)?)),
            DataType::Map(..) => {
                let map = array.as_map();
                let keys = to_string_array(map.keys(), env)?;
                Kind::Map(keys, Box::new(Self::of(map.values(), map.entries_fields().1, env)?))
            }
            DataType::Date32 => Kind::Date,
            DataType::Timestamp(_, zone) => Kind::Timestamp { ntz: zone.is_none() },
            DataType::Binary => {
                let shown = array.as_binary::<i32>().iter().map(|bytes| {
                    let words = bytes?.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>();
                    Some(format!("[{}]", words.join(" ")))
                });
                array = Arc::new(shown.collect::<arrow::array::StringArray>());
                Kind::Text
            }
            DataType::Utf8 => Kind::Text,
            DataType::Null => {
                array = arrow::array::new_null_array(&DataType::Utf8, array.len());
                Kind::Text
            }
            _ => {
                array = to_string_field(&array, field, env)?;
                Kind::Text
            }
        };
        Ok(Self { array, kind })
    }

    /// Writes a value as elements of this name: an array as many, NULL as none unless it has a text.
    fn elements(&self, out: &mut String, tag: &str, row: usize, depth: usize, style: &Style) -> Result<()> {
        if self.array.is_null(row) {
            if let Some(text) = &style.shape.null_value {
                open_line(out, depth, style);
                let _ = write!(out, "<{tag}>{text}</{tag}>");
            }
            return Ok(());
        }
        let Kind::List(items) = &self.kind else { return self.element(out, tag, row, depth, style) };
        let offsets = self.array.as_list::<i32>().value_offsets();
        for at in offsets[row]..offsets[row + 1] {
            let at = at as usize;
            match &items.kind {
                // An array in an array is an element of its items.
                Kind::List(_) if items.array.is_valid(at) => {
                    open_line(out, depth, style);
                    let _ = write!(out, "<{tag}>");
                    items.elements(out, &style.item, at, depth + 1, style)?;
                    open_line(out, depth, style);
                    let _ = write!(out, "</{tag}>");
                }
                _ => items.elements(out, tag, at, depth, style)?,
            }
        }
        Ok(())
    }

    /// Writes a value as one element.
    fn element(&self, out: &mut String, tag: &str, row: usize, depth: usize, style: &Style) -> Result<()> {
        open_line(out, depth, style);
        let _ = write!(out, "<{tag}");
        let mut inner = String::new();
        match &self.kind {
            Kind::Struct(members) => {
                for (name, member) in members {
                    match attribute(name, style) {
                        Some(own) if member.array.is_valid(row) || style.shape.null_value.is_some() => {
                            let _ = write!(out, " {own}=\"");
                            member.text(out, row, style, true)?;
                            out.push('"');
                        }
                        Some(_) => {}
                        None if *name == style.shape.value_tag => member.text(&mut inner, row, style, false)?,
                        None => member.elements(&mut inner, name, row, depth + 1, style)?,
                    }
                }
            }
            Kind::Map(keys, values) => {
                let offsets = self.array.as_map().value_offsets();
                let keys = keys.as_string::<i32>();
                for at in offsets[row]..offsets[row + 1] {
                    let at = at as usize;
                    match attribute(keys.value(at), style) {
                        Some(own) => {
                            let _ = write!(out, " {own}=\"");
                            values.text(out, at, style, true)?;
                            out.push('"');
                        }
                        None => values.elements(&mut inner, keys.value(at), at, depth + 1, style)?,
                    }
                }
            }
            _ => self.text(&mut inner, row, style, false)?,
        }
        if inner.is_empty() && !matches!(self.kind, Kind::Struct(_) | Kind::Map(..)) {
            let _ = write!(out, "></{tag}>");
            return Ok(());
        }
        if inner.is_empty() {
            out.push_str("/>");
            return Ok(());
        }
        out.push('>');
        out.push_str(&inner);
        if inner.starts_with('\n') {
            open_line(out, depth, style);
        }
        let _ = write!(out, "</{tag}>");
        Ok(())
    }

    /// Writes a value as text.
    fn text(&self, out: &mut String, row: usize, style: &Style, in_attribute: bool) -> Result<()> {
        if self.array.is_null(row) {
            out.push_str(style.shape.null_value.as_deref().unwrap_or_default());
            return Ok(());
        }
        let text = match &self.kind {
            Kind::Text => self.array.as_string::<i32>().value(row).to_string(),
            Kind::Date => style.formats.format_date(self.array.as_primitive::<Date32Type>().value(row))?,
            Kind::Timestamp { ntz } => {
                let us = self.array.as_primitive::<TimestampMicrosecondType>().value(row);
                if *ntz { style.formats.format_timestamp_ntz(us)? } else { style.formats.format_timestamp(us)? }
            }
            Kind::Variant(variants, zone) => variants.item(row)?.map(|item| item.text(*zone)).unwrap_or_default(),
            Kind::Struct(_) | Kind::List(_) | Kind::Map(..) => {
                return Err(SparkError::unsupported(
                    "an attribute of XML that is a struct, an array or a map",
                    "Write it as an element: give it a name without the prefix of attributes.",
                ));
            }
        };
        escape(out, &text, in_attribute);
        Ok(())
    }
}

/// Appends a text as Woodstox writes it, Spark's library: `>` only where it would end a CDATA section, and what
/// readers would take for spaces as numbers.
pub fn escape(out: &mut String, text: &str, in_attribute: bool) {
    let mut brackets = 0;
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '>' if brackets >= 2 && !in_attribute => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\r' => out.push_str("&#xd;"),
            '\n' if in_attribute => out.push_str("&#xa;"),
            '\t' if in_attribute => out.push_str("&#x9;"),
            other => out.push(other),
        }
        brackets = if character == ']' { brackets + 1 } else { 0 };
    }
}

/// The attribute that a field is.
fn attribute<'a>(name: &'a str, style: &Style) -> Option<&'a str> {
    if name == style.shape.value_tag {
        return None;
    }
    name.strip_prefix(style.shape.attribute_prefix.as_str()).filter(|own| !own.is_empty() && *own != name)
}

fn open_line(out: &mut String, depth: usize, style: &Style) {
    if style.indent.is_empty() {
        return;
    }
    out.push('\n');
    for _ in 0..depth {
        out.push_str(&style.indent);
    }
}
