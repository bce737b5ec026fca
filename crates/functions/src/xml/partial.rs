//! What is kept of a record with a value that does not fit: what Spark's `StaxXmlParser` has read by then. It goes on
//! with the events behind the bad value as if they were the record's own, and so comes to the record's end where the
//! element with the bad value ends.

use arrow::datatypes::{DataType, Fields};
use firesteel_protocol::types;

use super::element::{Content, Element};

/// What a parser of events would say of an element.
enum Event<'e> {
    Start(&'e str, &'e Element),
    Text(&'e str),
    End,
}

/// Why there is no value.
enum Misfit {
    /// A value does not fit.
    Value,
    /// The elements of an object were read, though not all of them fit. This is what is there.
    Object(Element),
}

/// Reads records that are malformed.
pub(super) struct Salvage<'a> {
    /// Whether a text is a value of a type.
    pub fits: &'a dyn Fn(&str, &DataType) -> bool,
    pub value_tag: &'a str,
}

impl Salvage<'_> {
    /// The part of a record that is kept; None: nothing of it.
    pub fn record(&self, root: &Element, fields: &Fields) -> Option<Element> {
        let mut events = vec![];
        inside(root, &mut events);
        let mut kept = self.attributes(root, fields)?;
        match self.object(&mut Events { all: events, at: 0 }, fields) {
            Ok(own) | Err(Misfit::Object(own)) => {
                kept.fields.extend(own.fields);
                kept.texts = own.texts;
                Some(kept)
            }
            Err(Misfit::Value) => None,
        }
    }

    /// The attributes of an element that are wanted; None where one does not fit.
    fn attributes(&self, element: &Element, fields: &Fields) -> Option<Element> {
        let mut kept = Element::default();
        for (name, content) in &element.fields {
            let Content::Attribute(text) = content else { continue };
            let Some(field) = fields.iter().find(|field| field.name() == name) else { continue };
            if !(self.fits)(text, field.data_type()) {
                return None;
            }
            kept.fields.push((name.clone(), content.clone()));
        }
        Some(kept)
    }

    /// The elements and the text up to the next end.
    fn object(&self, events: &mut Events<'_>, fields: &Fields) -> Result<Element, Misfit> {
        let (mut kept, mut misfit) = (Element::default(), false);
        loop {
            match events.next() {
                None | Some(Event::End) => break,
                Some(Event::Text(text)) => {
                    let Some(field) = fields.iter().find(|field| field.name() == self.value_tag) else { continue };
                    let data_type = match field.data_type() {
                        DataType::List(element) => element.data_type(),
                        own => own,
                    };
                    if !(self.fits)(text, data_type) {
                        return Err(Misfit::Value);
                    }
                    kept.texts.push((0, text.to_string()));
                }
                Some(Event::Start(name, element)) => {
                    let Some(field) = fields.iter().find(|field| field.name() == name) else {
                        events.leave();
                        continue;
                    };
                    let item = match field.data_type() {
                        DataType::List(item) if !types::is_variant(field.data_type()) => item.data_type(),
                        own => own,
                    };
                    match self.child(events, element, item) {
                        Ok(child) => kept.fields.push((name.to_string(), Content::Child(child))),
                        Err(_) => misfit = true,
                    }
                }
            }
        }
        if misfit { Err(Misfit::Object(kept)) } else { Ok(kept) }
    }

    /// A child that has begun, up to its end. Where it does not fit, the events stay where it was found out.
    fn child(&self, events: &mut Events<'_>, element: &Element, data_type: &DataType) -> Result<Element, Misfit> {
        match data_type {
            own if types::is_variant(own) || own == &DataType::Utf8 => {
                events.leave();
                Ok(element.clone())
            }
            DataType::Struct(fields) => {
                let mut kept = self.attributes(element, fields).ok_or(Misfit::Value)?;
                let own = self.object(events, fields)?;
                kept.fields.extend(own.fields);
                kept.text = own.texts.last().map(|(_, text)| text.clone());
                kept.texts = own.texts;
                kept.inner.clone_from(&element.inner);
                Ok(kept)
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(entries) = entries.data_type() else { return Err(Misfit::Value) };
                self.map(events, element, entries[1].data_type())?;
                Ok(element.clone())
            }
            DataType::List(item) => self.child(events, element, item.data_type()),
            own => {
                match events.peek() {
                    Some(Event::Text(text)) if (self.fits)(text, own) => {
                        events.next();
                    }
                    Some(Event::End) | None => {}
                    Some(Event::Text(_) | Event::Start(..)) => return Err(Misfit::Value),
                }
                // What stands where the end should be is gone.
                match events.next() {
                    Some(Event::End) | None => Ok(element.clone()),
                    _ => Err(Misfit::Value),
                }
            }
        }
    }

    fn map(&self, events: &mut Events<'_>, element: &Element, data_type: &DataType) -> Result<(), Misfit> {
        let attributes = element.fields.iter().filter_map(|(_, content)| match content {
            Content::Attribute(text) => Some(text),
            Content::Child(_) => None,
        });
        for text in attributes {
            if !(self.fits)(text, data_type) {
                return Err(Misfit::Value);
            }
        }
        loop {
            match events.next() {
                None | Some(Event::End) => return Ok(()),
                Some(Event::Text(text)) if !(self.fits)(text, data_type) => return Err(Misfit::Value),
                Some(Event::Text(_)) => {}
                Some(Event::Start(_, child)) => {
                    self.child(events, child, data_type)?;
                }
            }
        }
    }
}

/// Where a reader is among the events of a record.
struct Events<'e> {
    all: Vec<Event<'e>>,
    at: usize,
}

impl<'e> Events<'e> {
    fn peek(&self) -> Option<&Event<'e>> {
        self.all.get(self.at)
    }

    fn next(&mut self) -> Option<Event<'e>> {
        let own = self.all.get(self.at).map(|event| match event {
            Event::Start(name, element) => Event::Start(name, element),
            Event::Text(text) => Event::Text(text),
            Event::End => Event::End,
        });
        self.at += 1;
        own
    }

    /// Goes behind the end of the element that has begun.
    fn leave(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some(Event::Start(..)) => depth += 1,
                Some(Event::End) => depth -= 1,
                Some(Event::Text(_)) => {}
                None => return,
            }
        }
    }
}

/// The events behind an element's start, with its end.
fn inside<'e>(element: &'e Element, events: &mut Vec<Event<'e>>) {
    let mut texts = element.texts.iter().peekable();
    for (at, (name, content)) in element.fields.iter().enumerate() {
        while let Some((_, text)) = texts.next_if(|(before, _)| *before <= at) {
            events.push(Event::Text(text));
        }
        if let Content::Child(child) = content {
            events.push(Event::Start(name, child));
            inside(child, events);
        }
    }
    events.extend(texts.map(|(_, text)| Event::Text(text)));
    events.push(Event::End);
}
