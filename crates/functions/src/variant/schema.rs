//! `schema_of_variant(v)` and `schema_of_variant_agg(v)`: what values look like, in the words of DDL.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::datatypes::DataType;
use firesteel_protocol::Result;
use firesteel_protocol::types::name::quote_if_needed;

use super::item::{Item, stripped};
use super::{Variants, variant_arg};
use crate::aggregate::fold::{Fold, Spec, fold};
use crate::{Call, Typed};

/// `schema_of_variant(v)`.
pub(super) fn schema_of_variant(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![variant_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("schema_of_variant", DataType::Utf8, nullable, |args| {
        let variants = Variants::new(&args.array(0)?);
        let texts = (0..args.rows).map(|row| Ok(variants.item(row)?.map(|item| Shape::of(&item).text())));
        Ok(Arc::new(texts.collect::<Result<StringArray>>()?))
    }))
}

/// `schema_of_variant_agg(v)`: what all values have in common.
pub(super) fn schema_of_variant_agg(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let arg = variant_arg(call, 0)?;
    Ok(fold::<Common>(call, "schema_of_variant_agg", vec![arg], DataType::Utf8, false))
}

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Default)]
enum Shape {
    #[default]
    Void,
    /// A type without parts, but numbers.
    Word(&'static str),
    Long,
    Decimal(u8, i8),
    Double,
    Array(Box<Shape>),
    Object(Vec<(String, Shape)>),
    Variant,
}

const WORDS: &[&str] =
    &["BOOLEAN", "FLOAT", "STRING", "BINARY", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "TIME(6)", "UUID"];

impl Shape {
    fn of(item: &Item) -> Self {
        match item {
            Item::Null => Self::Void,
            Item::Bool(_) => Self::Word("BOOLEAN"),
            Item::Long(_) => Self::Long,
            Item::Float(_) => Self::Word("FLOAT"),
            Item::Double(_) => Self::Double,
            Item::Decimal(value, scale) => {
                let (value, scale) = stripped(*value, *scale);
                let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as u8 + 1);
                Self::Decimal(digits.max(scale.unsigned_abs()), scale)
            }
            Item::Text(_) => Self::Word("STRING"),
            Item::Binary(_) => Self::Word("BINARY"),
            Item::Date(_) => Self::Word("DATE"),
            Item::Timestamp(_) => Self::Word("TIMESTAMP"),
            Item::TimestampNtz(_) => Self::Word("TIMESTAMP_NTZ"),
            Item::Time(_) => Self::Word("TIME(6)"),
            Item::Uuid(_) => Self::Word("UUID"),
            Item::Array(items) => Self::Array(Box::new(items.iter().map(Self::of).fold(Self::Void, Self::merge))),
            Item::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
        }
    }

    /// What values of both have in common.
    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Void, other) | (other, Self::Void) => other,
            (Self::Double, Self::Long | Self::Decimal(..)) | (Self::Long | Self::Decimal(..), Self::Double) => {
                Self::Double
            }
            (Self::Long, Self::Decimal(p, s)) | (Self::Decimal(p, s), Self::Long) => wider((20, 0), (p, s)),
            (Self::Decimal(p1, s1), Self::Decimal(p2, s2)) => wider((p1, s1), (p2, s2)),
            (Self::Array(a), Self::Array(b)) => Self::Array(Box::new(a.merge(*b))),
            (Self::Object(mut a), Self::Object(b)) => {
                for (name, shape) in b {
                    match a.iter_mut().find(|(own, _)| *own == name) {
                        Some((_, own)) => *own = std::mem::take(own).merge(shape),
                        None => a.push((name, shape)),
                    }
                }
                a.sort_by(|x, y| x.0.cmp(&y.0));
                Self::Object(a)
            }
            _ => Self::Variant,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Void => "VOID".into(),
            Self::Word(word) => (*word).into(),
            Self::Long => "BIGINT".into(),
            Self::Decimal(precision, scale) => format!("DECIMAL({precision},{scale})"),
            Self::Double => "DOUBLE".into(),
            Self::Variant => "VARIANT".into(),
            Self::Array(element) => format!("ARRAY<{}>", element.text()),
            Self::Object(members) => {
                let mut out = String::from("OBJECT<");
                for (index, (name, shape)) in members.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    let _ = write!(out, "{comma}{}: {}", quote_if_needed(name), shape.text());
                }
                out.push('>');
                out
            }
        }
    }

    /// As a value of VARIANT, in which partial results travel.
    fn to_item(&self) -> Item {
        match self {
            Self::Array(element) => Item::Array(vec![element.to_item()]),
            Self::Object(members) => {
                Item::Object(members.iter().map(|(name, shape)| (name.clone(), shape.to_item())).collect())
            }
            Self::Decimal(precision, scale) => {
                Item::Array(vec![Item::Long((*precision).into()), Item::Long((*scale).into())])
            }
            other => Item::Text(other.text()),
        }
    }

    fn of_item(item: &Item) -> Self {
        match item {
            Item::Array(parts) => match parts.as_slice() {
                [Item::Long(precision), Item::Long(scale)] => Self::Decimal(*precision as u8, *scale as i8),
                [element] => Self::Array(Box::new(Self::of_item(element))),
                _ => Self::Void,
            },
            Item::Object(members) => {
                Self::Object(members.iter().map(|(name, shape)| (name.clone(), Self::of_item(shape))).collect())
            }
            Item::Text(word) => match word.as_str() {
                "VOID" => Self::Void,
                "BIGINT" => Self::Long,
                "DOUBLE" => Self::Double,
                word => WORDS.iter().find(|known| **known == word).map_or(Self::Variant, |word| Self::Word(word)),
            },
            _ => Self::Void,
        }
    }
}

fn wider((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Shape {
    let scale = s1.max(s2);
    let whole = (i32::from(p1) - i32::from(s1)).max(i32::from(p2) - i32::from(s2));
    match u8::try_from(whole + i32::from(scale)) {
        Ok(precision) if precision <= 38 => Shape::Decimal(precision, scale),
        _ => Shape::Double,
    }
}

#[derive(Debug)]
struct Common;

impl Fold for Common {
    type State = Shape;
    type Input = Variants;
    type Partial = BinaryArray;

    const GROWTH: usize = 16;

    fn new(_: &Spec) -> Result<Self> {
        Ok(Self)
    }

    fn state_types(_: &Spec) -> Vec<DataType> {
        vec![DataType::Binary, DataType::Binary]
    }

    fn input(&self, values: &[ArrayRef]) -> Result<Self::Input> {
        Ok(Variants::new(&values[0]))
    }

    fn update(&self, state: &mut Shape, input: &Variants, row: usize) -> Result<()> {
        if let Some(item) = input.item(row)? {
            *state = std::mem::take(state).merge(Shape::of(&item));
        }
        Ok(())
    }

    fn to_partial(&self, states: &[Shape]) -> Result<Vec<ArrayRef>> {
        let bytes = states.iter().map(|state| state.to_item().encode()).collect::<Result<Vec<_>>>()?;
        let values = BinaryArray::from_iter_values(bytes.iter().map(|(value, _)| value));
        let metadata = BinaryArray::from_iter_values(bytes.iter().map(|(_, metadata)| metadata));
        Ok(vec![Arc::new(values), Arc::new(metadata)])
    }

    fn partial(&self, columns: &[ArrayRef]) -> Result<BinaryArray> {
        // Both columns side by side: values first, then the metadata of each.
        let both = arrow::compute::concat(&[columns[0].as_ref(), columns[1].as_ref()]);
        Ok(both.map_err(crate::kernel::from_arrow)?.as_binary::<i32>().clone())
    }

    fn merge(&self, state: &mut Shape, partial: &BinaryArray, row: usize) -> Result<()> {
        let item = Item::decode(partial.value(row), partial.value(partial.len() / 2 + row))?;
        *state = std::mem::take(state).merge(Shape::of_item(&item));
        Ok(())
    }

    fn finish(&self, states: &[Shape]) -> Result<ArrayRef> {
        Ok(Arc::new(StringArray::from_iter_values(states.iter().map(Shape::text))))
    }
}
