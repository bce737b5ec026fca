//! `from_xml(xml, schema[, options])`. What is kept of a record with a value that does not fit is in [`super::partial`].

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, ListArray, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type};
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::element::{Content, Element, Shape};
use super::partial::Salvage;
use super::variant;
use crate::cast::{EvalMode, cast_array};
use crate::collection::list::nullable;
use crate::collection::new_map;
use crate::json::{Formats, Options, check_mode, schema};
use crate::kernel::{KernelArgs, from_arrow};
use crate::{Call, Env, Typed};

/// The keys of options that say how values are read.
pub const OPTIONS: &[&str] = &[
    "mode",
    "dateFormat",
    "timestampFormat",
    "timestampNTZFormat",
    "timeZone",
    "columnNameOfCorruptRecord",
    "locale",
    "rowTag",
];

/// `from_xml(xml, schema[, options])`.
pub(super) fn from_xml(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let display = format!("{}({})", call.name, call.args[0].name);
    let data_type = nullable(&schema(call, 1)?);
    if !matches!(data_type, DataType::Struct(_)) {
        return Err(SparkError::new("INVALID_SCHEMA.NON_STRUCT_TYPE")
            .with("inputSchema", format!("\"{}\"", call.args[1].name))
            .with("dataType", format!("\"{}\"", name::sql(&data_type))));
    }
    if !matches!(call.args[0].data_type, DataType::Utf8 | DataType::Null) {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{display}\""))
            .with("paramIndex", "first")
            .with("requiredType", "\"STRING\"")
            .with("inputSql", format!("\"{}\"", call.args[0].name))
            .with("inputType", format!("\"{}\"", name::sql(&call.args[0].data_type))));
    }
    let known: Vec<&str> = [OPTIONS, Shape::OPTIONS].concat();
    let options = Options::of(call, 2, &known)?;
    check_mode(&options, "`from_xml`")?;
    let inner = call.with_args(vec![call.coerce(0, &DataType::Utf8)?]);
    Ok(inner.kernel_with("from_xml", data_type, true, options.encode(), kernel).named(display))
}

fn kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let DataType::Struct(fields) = args.return_type else {
        return Err(SparkError::internal("from_xml yields structs"));
    };
    let options = Options::decode(args.param);
    let texts = args.array(0)?;
    let texts = texts.as_string::<i32>();
    let records = records(texts, fields, &options, args.env)?;
    if options.get("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("FAILFAST"))
        && let Some(row) = records.bad.iter().position(|bad| *bad)
    {
        debug_assert!(texts.is_valid(row));
        let values = records.columns.iter().map(|column| shown(column, row, args.env));
        return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
            .with("badRecord", format!("[{}]", values.collect::<Result<Vec<_>>>()?.join(",")))
            .with("failFastMode", "FAILFAST"));
    }
    let array = StructArray::try_new_with_length(fields.clone(), records.columns, texts.logical_nulls(), args.rows);
    Ok(Arc::new(array.map_err(from_arrow)?))
}

/// A value as Spark's internal rows print it: dates and times as numbers.
fn shown(column: &ArrayRef, row: usize, env: &Env) -> Result<String> {
    let all = |column: &ArrayRef| -> Result<String> {
        let values = (0..column.len()).map(|row| shown(column, row, env));
        Ok(format!("[{}]", values.collect::<Result<Vec<_>>>()?.join(",")))
    };
    if column.is_null(row) {
        return Ok("null".into());
    }
    match column.data_type() {
        DataType::Struct(_) => {
            let values = column.as_struct().columns().iter().map(|own| shown(own, row, env));
            Ok(format!("[{}]", values.collect::<Result<Vec<_>>>()?.join(",")))
        }
        DataType::List(_) => all(&column.as_list::<i32>().value(row)),
        DataType::Map(..) => {
            let entries = column.as_map().value(row);
            Ok(format!("keys: {}, values: {}", all(entries.column(0))?, all(entries.column(1))?))
        }
        DataType::Date32 | DataType::Timestamp(..) => {
            let number = cast(&column.slice(row, 1), &DataType::Int64).map_err(from_arrow)?;
            Ok(number.as_primitive::<Int64Type>().value(0).to_string())
        }
        _ => {
            let text = cast_array(&column.slice(row, 1), &DataType::Utf8, EvalMode::Legacy, env)?;
            Ok(text.as_string::<i32>().value(0).to_string())
        }
    }
}

/// Texts as columns.
#[derive(Debug)]
pub struct Records {
    pub columns: Vec<ArrayRef>,
    /// Which texts are malformed: their columns have what could be read.
    pub bad: Vec<bool>,
    /// The first one whose own attributes or text do not fit, of which nothing is read. No mode makes a row of it where
    /// files are read.
    pub refused: Option<usize>,
}

/// Reads each text as a record of these fields. The column of corrupt records, if it is among them, gets their texts.
pub fn records(texts: &StringArray, fields: &Fields, options: &Options, env: &Env) -> Result<Records> {
    let reader = Reader {
        shape: Shape::of(options),
        formats: Formats::reading(options, env)?,
        strict_days: options.get("dateFormat").is_none(),
        env,
    };
    let corrupt_name = options.get("columnNameOfCorruptRecord").unwrap_or(&env.corrupt_column);
    let corrupt = fields.iter().position(|field| field.name() == corrupt_name && field.data_type() == &DataType::Utf8);
    let wanted: Fields =
        fields.iter().enumerate().filter(|(at, _)| Some(*at) != corrupt).map(|(_, own)| own.clone()).collect();
    let parsed: Vec<Option<Element>> =
        texts.iter().map(|text| text.and_then(|text| Element::parse(text, &reader.shape))).collect();
    let mut bad: Vec<bool> = (0..texts.len()).map(|row| texts.is_valid(row) && parsed[row].is_none()).collect();
    let roots: Vec<Option<&Element>> = parsed.iter().map(Option::as_ref).collect();
    let mut refused = None;
    let (mut columns, misfits) = reader.fields(&roots, fields)?;
    bad.iter_mut().zip(misfits).for_each(|(bad, misfit)| *bad |= misfit);
    if bad.contains(&true) {
        let fits = |text: &str, data_type: &DataType| reader.fits(text, data_type);
        let salvage = Salvage { fits: &fits, value_tag: &reader.shape.value_tag };
        let of =
            |(root, bad): (&Option<&Element>, &bool)| root.filter(|_| *bad).map(|root| salvage.record(root, &wanted));
        let kept: Vec<Option<Option<Element>>> = roots.iter().zip(&bad).map(of).collect();
        refused = kept.iter().position(|kept| matches!(kept, Some(None)));
        let kept: Vec<Option<Element>> = kept.into_iter().map(Option::flatten).collect();
        let each = roots.iter().zip(&kept).zip(&bad);
        let good: Vec<Option<&Element>> =
            each.map(|((root, kept), bad)| if *bad { kept.as_ref() } else { *root }).collect();
        columns = reader.fields(&good, fields)?.0;
    }
    if let Some(at) = corrupt {
        columns[at] = Arc::new((0..texts.len()).map(|row| bad[row].then(|| texts.value(row))).collect::<StringArray>());
    }
    Ok(Records { columns, bad, refused })
}

/// Reads each text as a VARIANT, the only column; the column of corrupt records, if it is wanted, stays NULL.
pub fn variants(texts: &StringArray, fields: &Fields, options: &Options) -> Result<Records> {
    let shape = Shape::of(options);
    let parsed: Vec<Option<Element>> =
        texts.iter().map(|text| text.and_then(|text| Element::parse(text, &shape))).collect();
    let bad = parsed.iter().zip(texts).map(|(own, text)| own.is_none() && text.is_some()).collect();
    let column = |field: &FieldRef| match types::is_variant(field.data_type()) {
        true => {
            let items = parsed.iter().map(|own| own.as_ref().map(|own| variant::of_element(own, &shape)));
            cast(&variant::build(items)?, field.data_type()).map_err(from_arrow)
        }
        false => Ok(new_null_array(field.data_type(), texts.len())),
    };
    Ok(Records { columns: fields.iter().map(column).collect::<Result<_>>()?, bad, refused: None })
}

/// Whether a text is a day by the pattern `yyyy-MM-dd`, which is the default of XML: other formats of data read more.
pub(super) fn is_day(text: &str) -> bool {
    let (sign, rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    let parts: Vec<&str> = rest.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match sign {
        "+" => year.len() > 4,
        "-" => year.len() >= 4,
        _ => year.len() == 4,
    };
    fits && month.len() == 2 && day.len() == 2 && [year, month, day].into_iter().all(digits)
}

/// A value to be converted.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Text(&'a str),
    Element(&'a Element),
}

struct Reader<'a> {
    shape: Shape,
    formats: Formats,
    /// Whether days are written as [`is_day`] has it.
    strict_days: bool,
    env: &'a Env,
}

/// An array and the rows in which something did not fit.
type Converted = (ArrayRef, Vec<bool>);

impl Reader<'_> {
    /// The columns of a struct out of elements.
    fn fields(&self, elements: &[Option<&Element>], fields: &Fields) -> Result<(Vec<ArrayRef>, Vec<bool>)> {
        let mut misfits = vec![false; elements.len()];
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let values: Vec<Vec<Value<'_>>> =
                elements.iter().map(|element| element.map_or(vec![], |own| self.values(own, field.name()))).collect();
            let (column, bad) = match field.data_type() {
                DataType::List(element) if !types::is_variant(field.data_type()) => {
                    self.list(&values, element, elements.len())?
                }
                data_type => {
                    // Of elements with the same name the last counts, but all of them have to fit.
                    let last: Vec<Option<Value<'_>>> = values.iter().map(|values| values.last().copied()).collect();
                    let (column, mut bad) = self.convert(&last, data_type)?;
                    for (values, bad) in values.iter().zip(&mut bad).filter(|(values, _)| values.len() > 1) {
                        let others: Vec<_> = values[..values.len() - 1].iter().copied().map(Some).collect();
                        *bad |= self.convert(&others, data_type)?.1.contains(&true);
                    }
                    (column, bad)
                }
            };
            misfits.iter_mut().zip(bad).for_each(|(all, one)| *all |= one);
            columns.push(column);
        }
        Ok((columns, misfits))
    }

    /// What an element has under a name.
    fn values<'e>(&self, element: &'e Element, name: &str) -> Vec<Value<'e>> {
        if name == self.shape.value_tag {
            return element.texts.iter().map(|(_, text)| Value::Text(text)).collect();
        }
        let own = element.fields.iter().filter(|(own, _)| own == name);
        own.map(|(_, content)| match content {
            Content::Attribute(text) => Value::Text(text),
            Content::Child(child) => Value::Element(child),
        })
        .collect()
    }

    fn list(&self, values: &[Vec<Value<'_>>], element: &Arc<Field>, rows: usize) -> Result<Converted> {
        let items: Vec<Option<Value<'_>>> = values.iter().flatten().map(|value| Some(*value)).collect();
        let (items, bad_items) = self.convert(&items, element.data_type())?;
        let lengths: Vec<usize> = values.iter().map(Vec::len).collect();
        let valid: Vec<bool> = lengths.iter().map(|length| *length > 0).collect();
        let mut bad = vec![false; rows];
        let mut at = 0;
        for (row, length) in lengths.iter().enumerate() {
            bad[row] = bad_items[at..at + length].contains(&true);
            at += length;
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        let list = ListArray::try_new(Arc::clone(element), offsets, items, Some(valid.into()));
        Ok((Arc::new(list.map_err(from_arrow)?), bad))
    }

    fn convert(&self, values: &[Option<Value<'_>>], data_type: &DataType) -> Result<Converted> {
        let none = vec![false; values.len()];
        match data_type {
            variant if types::is_variant(variant) => {
                let built = variant::build(values.iter().map(|value| {
                    value.map(|value| match value {
                        Value::Text(text) => variant::of_text(text, &self.shape),
                        Value::Element(element) => variant::of_element(element, &self.shape),
                    })
                }))?;
                Ok((cast(&built, variant).map_err(from_arrow)?, none))
            }
            DataType::Struct(fields) => self.structs(values, fields),
            DataType::Map(entries, _) => self.maps(values, data_type, entries),
            DataType::List(element) => {
                // An array in an array: the items of an element.
                let items: Vec<Vec<Value<'_>>> = values
                    .iter()
                    .map(|value| match value {
                        Some(Value::Element(own)) if own.has_children() => own
                            .fields
                            .iter()
                            .filter_map(|(_, content)| match content {
                                Content::Child(child) => Some(Value::Element(child)),
                                Content::Attribute(_) => None,
                            })
                            .collect(),
                        Some(value) => vec![*value],
                        None => vec![],
                    })
                    .collect();
                self.list(&items, element, values.len())
            }
            _ => self.leaves(values, data_type),
        }
    }

    fn structs(&self, values: &[Option<Value<'_>>], fields: &Fields) -> Result<Converted> {
        // A text where a struct is wanted is its value.
        let texts: Vec<Element> = values
            .iter()
            .map(|value| match value {
                Some(Value::Text(text)) => {
                    let texts = vec![(0, (*text).to_string())];
                    Element { text: Some((*text).to_string()), texts, ..Element::default() }
                }
                _ => Element::default(),
            })
            .collect();
        let elements: Vec<Option<&Element>> = values
            .iter()
            .zip(&texts)
            .map(|(value, text)| match value {
                Some(Value::Element(element)) => Some(*element),
                Some(Value::Text(_)) => Some(text),
                None => None,
            })
            .collect();
        let (columns, bad) = self.fields(&elements, fields)?;
        let valid: Vec<bool> = elements.iter().map(Option::is_some).collect();
        let array = StructArray::try_new_with_length(fields.clone(), columns, Some(valid.into()), values.len());
        Ok((Arc::new(array.map_err(from_arrow)?), bad))
    }

    fn maps(&self, values: &[Option<Value<'_>>], data_type: &DataType, entries: &Field) -> Result<Converted> {
        let DataType::Struct(own) = entries.data_type() else {
            return Err(SparkError::internal("map entries are a struct"));
        };
        let (mut keys, mut items, mut lengths, mut valid) = (vec![], vec![], vec![], vec![]);
        for value in values {
            let mut count = 0;
            if let Some(Value::Element(element)) = value {
                for (name, content) in &element.fields {
                    keys.push(Some(Value::Text(name)));
                    items.push(Some(match content {
                        Content::Attribute(text) => Value::Text(text),
                        Content::Child(child) => Value::Element(child),
                    }));
                    count += 1;
                }
            }
            lengths.push(count);
            valid.push(value.is_some());
        }
        let (keys, _) = self.convert(&keys, own[0].data_type())?;
        let (items, bad_items) = self.convert(&items, own[1].data_type())?;
        let mut at = 0;
        let bad = lengths
            .iter()
            .map(|length| {
                let any = bad_items[at..at + length].contains(&true);
                at += length;
                any
            })
            .collect();
        Ok((new_map(data_type, OffsetBuffer::from_lengths(lengths), keys, items, Some(valid.into()))?, bad))
    }

    /// Whether a text is a value of a type, or none.
    fn fits(&self, text: &str, data_type: &DataType) -> bool {
        self.convert(&[Some(Value::Text(text))], data_type).is_ok_and(|(_, bad)| bad != [true])
    }

    fn leaves(&self, values: &[Option<Value<'_>>], data_type: &DataType) -> Result<Converted> {
        let texts: Vec<Option<String>> = values
            .iter()
            .map(|value| {
                let text = match value {
                    Some(Value::Text(text)) => (*text).to_string(),
                    Some(Value::Element(element)) => element.as_text(),
                    None => return None,
                };
                // Nothing is a text of no length, and no value of any other type; of attributes it is no value at all.
                let is_element = matches!(value, Some(Value::Element(_)));
                let nothing =
                    self.shape.is_null(&text) || (is_element && text.is_empty() && data_type != &DataType::Utf8);
                (!nothing).then_some(text)
            })
            .collect();
        let texts = StringArray::from(texts);
        let array: ArrayRef = match data_type {
            DataType::Utf8 => Arc::new(texts.clone()),
            DataType::Null => new_null_array(data_type, values.len()),
            DataType::Boolean => {
                let read = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
                    "true" | "1" => Some(true),
                    "false" | "0" => Some(false),
                    _ => None,
                };
                Arc::new(texts.iter().map(|text| text.and_then(read)).collect::<BooleanArray>())
            }
            DataType::Date32 => {
                let read = |text: &str| {
                    let text = (!self.strict_days || is_day(text)).then_some(text);
                    text.and_then(|text| self.formats.parse_date(text))
                };
                Arc::new(texts.iter().map(|text| text.and_then(read)).collect::<Date32Array>())
            }
            DataType::Timestamp(_, zone) => {
                let read = |text: &str| match zone {
                    Some(_) => self.formats.parse_timestamp(text),
                    None => self.formats.parse_timestamp_ntz(text),
                };
                let times: TimestampMicrosecondArray = texts.iter().map(|text| text.and_then(read)).collect();
                Arc::new(times.with_data_type(data_type.clone()))
            }
            DataType::Binary => Arc::new(texts.iter().map(|text| text.map(str::as_bytes)).collect::<BinaryArray>()),
            _ => cast_array(&(Arc::new(texts.clone()) as ArrayRef), data_type, EvalMode::Try, self.env)?,
        };
        let bad = (0..values.len()).map(|row| texts.is_valid(row) && array.is_null(row)).collect();
        Ok((array, if data_type == &DataType::Null { vec![false; values.len()] } else { bad }))
    }
}
