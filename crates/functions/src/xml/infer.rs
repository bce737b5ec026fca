//! `schema_of_xml(xml[, options])`: the type of a constant XML text, as DDL.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::element::{Content, Element, Shape};
use super::read;
use crate::json::{Formats, Options};
use crate::{Call, Env, Typed, constant};

/// `schema_of_xml(xml[, options])`.
pub(super) fn schema_of_xml(call: &Call) -> Result<Typed> {
    call.arity(1..=2)?;
    let known: Vec<&str> = [read::OPTIONS, Shape::OPTIONS, OPTIONS].concat();
    let options = Options::of(call, 1, &known)?;
    crate::collation::refuse_collated(call, "\"STRING\"")?;
    let display = format!("{}({})", call.name, call.args[0].name);
    let text = match constant::evaluate(&call.args[0].expr) {
        Some(ScalarValue::Utf8(Some(text))) => text,
        Some(value) if value.is_null() => {
            return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_NULL")
                .with("exprName", "xml")
                .with("sqlExpr", format!("\"{display}\"")));
        }
        Some(_) => return Err(call.unexpected_type(0, "\"STRING\"")),
        None => {
            let arg = &call.args[0];
            return Err(SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
                .with("sqlExpr", format!("\"{display}\""))
                .with("inputName", "`xml`")
                .with("inputType", format!("\"{}\"", arg.sql_type()))
                .with("inputExpr", format!("\"{}\"", arg.name)));
        }
    };
    let inferred = infer(std::iter::once(text.as_str()), &options, call.env)?;
    Ok(Typed::literal(ScalarValue::Utf8(Some(name::sql(&DataType::Struct(inferred)))), display))
}

/// The keys of options that only inference reads.
pub const OPTIONS: &[&str] = &["inferSchema", "prefersDecimal", "samplingRatio", "preferDate"];

/// The fields of records, in the order of their names; a record that is no XML gives the column of corrupt records.
pub fn infer(records: impl Iterator<Item = impl AsRef<str>>, options: &Options, env: &Env) -> Result<Fields> {
    let guesser = Guesser {
        shape: Shape::of(options),
        formats: Formats::reading(options, env)?,
        types: options.flag("inferSchema", true),
        decimals: options.flag("prefersDecimal", false),
        dates: options.flag("preferDate", true),
        strict_days: options.get("dateFormat").is_none(),
    };
    let mut merged = DataType::Null;
    let mut corrupt = false;
    for record in records {
        match Element::parse(record.as_ref(), &guesser.shape) {
            Some(root) => {
                let own = match guesser.element(&root) {
                    DataType::Struct(fields) => DataType::Struct(fields),
                    // A root without parts has no fields but its value.
                    DataType::Null => DataType::Struct(Fields::empty()),
                    plain => DataType::Struct(vec![Field::new(&guesser.shape.value_tag, plain, true)].into()),
                };
                merged = guesser.merge(&merged, &own);
            }
            None => corrupt = true,
        }
    }
    let mut fields: Vec<Field> = match finished(merged) {
        DataType::Struct(fields) => fields.iter().map(|field| field.as_ref().clone()).collect(),
        _ => vec![],
    };
    if corrupt {
        let name = options.get("columnNameOfCorruptRecord").unwrap_or("_corrupt_record");
        fields.push(Field::new(name, DataType::Utf8, true));
        fields.sort_by(|a, b| a.name().cmp(b.name()));
    }
    Ok(Fields::from(fields))
}

/// What a text looks like, dates aside.
pub(super) enum Guess {
    Boolean(bool),
    Long(i64),
    /// Unscaled value and scale.
    Decimal(i128, i8),
    Double(f64),
    Text,
}

pub(super) fn guess(text: &str) -> Guess {
    let text = text.trim();
    match text.to_ascii_lowercase().as_str() {
        "true" => return Guess::Boolean(true),
        "false" => return Guess::Boolean(false),
        _ => {}
    }
    if let Ok(value) = text.parse::<i64>() {
        return Guess::Long(value);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain && digits.bytes().filter(|byte| *byte == b'.').count() == 1 {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() <= 38
            && let Ok(value) = format!("{whole}{fraction}").parse::<i128>()
        {
            return Guess::Decimal(value, fraction.len() as i8);
        }
    }
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>() {
        Ok(value) if numeric => Guess::Double(value),
        _ => Guess::Text,
    }
}

struct Guesser {
    shape: Shape,
    formats: Formats,
    types: bool,
    decimals: bool,
    dates: bool,
    strict_days: bool,
}

impl Guesser {
    fn text(&self, text: &str) -> DataType {
        if text.is_empty() {
            return DataType::Null;
        }
        if !self.types {
            return DataType::Utf8;
        }
        match guess(text) {
            Guess::Boolean(_) => DataType::Boolean,
            Guess::Long(_) => DataType::Int64,
            Guess::Decimal(value, scale) if self.decimals => {
                let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as u8 + 1);
                DataType::Decimal128(digits.max(scale.unsigned_abs()), scale)
            }
            Guess::Decimal(..) | Guess::Double(_) => DataType::Float64,
            Guess::Text if self.dates && self.is_date(text) => DataType::Date32,
            Guess::Text if text.len() >= 8 && self.formats.parse_timestamp(text).is_some() => types::timestamp(),
            Guess::Text => DataType::Utf8,
        }
    }

    fn is_date(&self, text: &str) -> bool {
        let is_day = if self.strict_days { read::is_day(text) } else { !text.contains([':', 'T']) };
        is_day && self.formats.parse_date(text).is_some()
    }

    fn element(&self, element: &Element) -> DataType {
        if element.fields.is_empty() {
            return self.text(element.text.as_deref().unwrap_or_default());
        }
        let mut fields: Vec<(String, DataType)> = vec![];
        let mut add =
            |name: &str, data_type: DataType, repeats: bool| match fields.iter_mut().find(|(own, _)| own == name) {
                Some((_, known)) if repeats => {
                    let before = match &*known {
                        DataType::List(element) => element.data_type().clone(),
                        _ => known.clone(),
                    };
                    *known = types::array(self.merge(&before, &data_type), true);
                }
                Some(_) => {}
                None => fields.push((name.to_string(), data_type)),
            };
        for (name, content) in &element.fields {
            match content {
                Content::Attribute(text) => add(name, self.text(text), false),
                Content::Child(child) => add(name, self.element(child), true),
            }
        }
        for (_, text) in &element.texts {
            add(&self.shape.value_tag, self.text(text), true);
        }
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        DataType::Struct(fields.into_iter().map(|(name, own)| Field::new(name, own, true)).collect())
    }

    /// The type that holds values of both.
    fn merge(&self, a: &DataType, b: &DataType) -> DataType {
        use DataType::*;
        match (a, b) {
            (a, b) if a == b => a.clone(),
            (Null, other) | (other, Null) => other.clone(),
            (Int64, Float64) | (Float64, Int64) => Float64,
            (Decimal128(..), Float64) | (Float64, Decimal128(..)) => Float64,
            (Decimal128(..) | Int64, Decimal128(..) | Int64) => {
                let parts = |data_type: &DataType| match data_type {
                    Decimal128(precision, scale) => (i32::from(*precision), i32::from(*scale)),
                    _ => (20, 0),
                };
                let ((p1, s1), (p2, s2)) = (parts(a), parts(b));
                let scale = s1.max(s2);
                let range = (p1 - s1).max(p2 - s2);
                if range + scale > 38 { Float64 } else { Decimal128((range + scale) as u8, scale as i8) }
            }
            (Date32, Timestamp(..)) => b.clone(),
            (Timestamp(..), Date32) => a.clone(),
            (Struct(x), Struct(y)) => {
                let mut fields: Vec<Field> = x.iter().map(|field| field.as_ref().clone()).collect();
                for field in y {
                    match fields.iter_mut().find(|own| own.name() == field.name()) {
                        Some(own) => {
                            let merged = self.merge(own.data_type(), field.data_type());
                            own.set_data_type(merged);
                        }
                        None => fields.push(field.as_ref().clone()),
                    }
                }
                fields.sort_by(|a, b| a.name().cmp(b.name()));
                Struct(Fields::from(fields))
            }
            (List(x), List(y)) => types::array(self.merge(x.data_type(), y.data_type()), true),
            (List(element), other) | (other, List(element)) => {
                types::array(self.merge(element.data_type(), other), true)
            }
            // A text beside an element with a value is its value.
            (Struct(fields), plain) if self.has_value(fields) => self.merge(a, &self.valued(plain)),
            (plain, Struct(fields)) if self.has_value(fields) => self.merge(&self.valued(plain), b),
            _ => Utf8,
        }
    }

    fn has_value(&self, fields: &Fields) -> bool {
        fields.iter().any(|field| field.name() == &self.shape.value_tag)
    }

    fn valued(&self, plain: &DataType) -> DataType {
        DataType::Struct(vec![Field::new(&self.shape.value_tag, plain.clone(), true)].into())
    }
}

/// What is only ever empty is a string.
fn finished(data_type: DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Utf8,
        DataType::List(element) => types::array(finished(element.data_type().clone()), true),
        DataType::Struct(fields) => {
            let field = |field: &arrow::datatypes::FieldRef| {
                field.as_ref().clone().with_data_type(finished(field.data_type().clone()))
            };
            DataType::Struct(fields.iter().map(field).collect())
        }
        other => other,
    }
}
