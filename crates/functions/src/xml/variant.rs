//! XML as VARIANT: elements with parts are objects, elements of the same name an array.

use arrow::array::ArrayRef;
use firesteel_protocol::Result;

use super::element::{Content, Element, Shape};
use super::infer::{Guess, guess};
use crate::variant;
use crate::variant::item::Item;

/// A column of VARIANT.
pub(super) fn build(values: impl Iterator<Item = Option<Result<Item>>>) -> Result<ArrayRef> {
    variant::build(values.map(Option::transpose))
}

/// A text as the value that it looks like.
pub(super) fn of_text(text: &str, shape: &Shape) -> Result<Item> {
    if shape.is_null(text) || text.is_empty() {
        return Ok(Item::Null);
    }
    if !shape.infers {
        return Ok(Item::Text(text.to_string()));
    }
    Ok(match guess(text) {
        Guess::Boolean(value) => Item::Bool(value),
        Guess::Long(value) => Item::Long(value),
        Guess::Decimal(value, scale) => Item::Decimal(value, scale),
        Guess::Double(value) => Item::Double(value),
        Guess::Text => Item::Text(text.to_string()),
    })
}

/// An element as object, or as its text where it has neither attributes nor children.
pub(super) fn of_element(element: &Element, shape: &Shape) -> Result<Item> {
    if element.fields.is_empty() {
        return of_text(element.text.as_deref().unwrap_or_default(), shape);
    }
    let mut members: Vec<(String, Vec<Item>)> = vec![];
    for (name, content) in &element.fields {
        let item = match content {
            Content::Attribute(text) => of_text(text, shape)?,
            Content::Child(child) => of_element(child, shape)?,
        };
        match members.iter_mut().find(|(own, _)| own == name) {
            Some((_, items)) => items.push(item),
            None => members.push((name.clone(), vec![item])),
        }
    }
    let texts: Vec<Item> = element.texts.iter().map(|(_, text)| of_text(text, shape)).collect::<Result<_>>()?;
    if !texts.is_empty() {
        members.push((shape.value_tag.clone(), texts));
    }
    let single = |(name, mut items): (String, Vec<Item>)| {
        let item = if items.len() == 1 { items.remove(0) } else { Item::Array(items) };
        (name, item)
    };
    Item::object(members.into_iter().map(single).collect())
}
