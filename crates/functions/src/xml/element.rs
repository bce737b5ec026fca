//! An XML document as Spark sees it: elements with attributes, text and children, by their qualified names.

use roxmltree::{Document, Node, ParsingOptions};

use crate::json::Options;

/// Which parts of a document count, and how they are named.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Stands before the names of attributes; `_` unless it is given.
    pub attribute_prefix: String,
    /// The field of an element's own text; `_VALUE` unless it is given.
    pub value_tag: String,
    pub exclude_attributes: bool,
    pub ignore_namespace: bool,
    pub trim: bool,
    pub null_value: Option<String>,
    /// Whether a VARIANT has numbers and truth values, not but texts.
    pub infers: bool,
}

impl Shape {
    /// The keys of [`Shape::of`].
    pub const OPTIONS: &'static [&'static str] =
        &["attributePrefix", "valueTag", "excludeAttribute", "ignoreNamespace", "ignoreSurroundingSpaces", "nullValue"];

    pub fn of(options: &Options) -> Self {
        Self {
            attribute_prefix: options.get("attributePrefix").unwrap_or("_").to_string(),
            value_tag: options.get("valueTag").unwrap_or("_VALUE").to_string(),
            exclude_attributes: options.flag("excludeAttribute", false),
            ignore_namespace: options.flag("ignoreNamespace", false),
            trim: options.flag("ignoreSurroundingSpaces", true),
            null_value: options.get("nullValue").map(str::to_string),
            infers: options.flag("inferSchema", true),
        }
    }

    /// Whether a text stands for NULL.
    pub fn is_null(&self, text: &str) -> bool {
        self.null_value.as_deref() == Some(text)
    }
}

/// Begins what prefixes are bound to that the text does not bind.
const UNBOUND: &str = "urn:firesteel:";

/// Elements that stand in one another, at most.
const MAX_DEPTH: usize = 500;

/// An element.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Fields in the order of the document: attributes, then children.
    pub fields: Vec<(String, Content)>,
    /// The texts of the element itself, put together; None where there are but spaces.
    pub text: Option<String>,
    /// Its texts one by one, without those of but spaces, and how many fields stand before each.
    pub texts: Vec<(usize, String)>,
    /// What stands between the tags, as it is written; of an element with children.
    pub inner: String,
}

/// What a field of an element is.
#[derive(Debug, Clone)]
pub enum Content {
    Attribute(String),
    Child(Element),
}

impl Element {
    /// The root of a document; None for what is no XML.
    pub fn parse(text: &str, shape: &Shape) -> Option<Self> {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        // A prefix that is bound outside of the text is no error to Spark, whose parser knows no namespaces here.
        let document = Document::parse_with_options(text, options);
        match document {
            Ok(document) => Self::of(document.root_element(), text, shape, 0),
            Err(roxmltree::Error::UnknownNamespace(..)) => {
                let bound = with_prefixes(text)?;
                let document = Document::parse_with_options(&bound, ParsingOptions::default()).ok()?;
                Self::of(document.root_element(), &bound, shape, 0)
            }
            Err(_) => None,
        }
    }

    /// None for elements that are nested too deep.
    fn of(node: Node<'_, '_>, source: &str, shape: &Shape, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut element = Self::default();
        if !shape.exclude_attributes {
            for attribute in node.attributes() {
                let name = local(&source[attribute.range_qname()], shape).to_string();
                let value = if shape.trim { attribute.value().trim() } else { attribute.value() };
                let field = format!("{}{name}", shape.attribute_prefix);
                element.fields.push((field, Content::Attribute(value.to_string())));
            }
        }
        if !shape.exclude_attributes {
            // To Spark's parser the bindings of prefixes are attributes like others.
            for (name, value) in bindings(&source[node.range()]) {
                let field = format!("{}{}", shape.attribute_prefix, local(name, shape));
                element.fields.push((field, Content::Attribute(value.to_string())));
            }
        }
        let mut text = String::new();
        for child in node.children() {
            if child.is_element() {
                let name = local(qualified_name(&source[child.range()]), shape).to_string();
                element.fields.push((name, Content::Child(Self::of(child, source, shape, depth + 1)?)));
            } else if child.is_text() {
                let own = child.text().unwrap_or_default();
                text.push_str(own);
                if !own.trim().is_empty() {
                    let kept = if shape.trim { own.trim() } else { own };
                    element.texts.push((element.fields.len(), kept.to_string()));
                }
            }
        }
        let has_children = element.fields.iter().any(|(_, content)| matches!(content, Content::Child(_)));
        let blank = text.trim().is_empty();
        let kept = if shape.trim { text.trim() } else { text.as_str() };
        element.text = (!blank || (!has_children && !kept.is_empty())).then(|| kept.to_string());
        if has_children {
            element.inner = inner(&source[node.range()]).trim().to_string();
        }
        Some(element)
    }

    /// Whether it has children.
    pub fn has_children(&self) -> bool {
        self.fields.iter().any(|(_, content)| matches!(content, Content::Child(_)))
    }

    /// The element as a text: its own, or what stands between the tags where there are children.
    pub fn as_text(&self) -> String {
        if self.has_children() { self.inner.clone() } else { self.text.clone().unwrap_or_default() }
    }
}

/// The name in a start tag.
fn qualified_name(tag: &str) -> &str {
    let name = &tag[1..];
    let end = name.find(|c: char| c.is_whitespace() || c == '/' || c == '>').unwrap_or(name.len());
    &name[..end]
}

/// The attributes of a start tag that bind prefixes, as they are written.
fn bindings(tag: &str) -> Vec<(&str, &str)> {
    let mut found = vec![];
    let mut rest = &tag[1 + qualified_name(tag).len()..];
    loop {
        rest = rest.trim_start();
        let Some((name, behind)) = rest.split_once('=') else { return found };
        let name = name.trim_end();
        let behind = behind.trim_start();
        // The tag ends where no name stands.
        if name.is_empty() || name.contains(['>', '/', '<', '"', '\'']) {
            return found;
        }
        let Some(quote) = behind.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return found };
        let Some((value, behind)) = behind[1..].split_once(quote) else { return found };
        if (name == "xmlns" || name.starts_with("xmlns:")) && !value.starts_with(UNBOUND) {
            found.push((name, value));
        }
        rest = behind;
    }
}

fn local<'a>(name: &'a str, shape: &Shape) -> &'a str {
    match (shape.ignore_namespace, name.rsplit_once(':')) {
        (true, Some((_, local))) => local,
        _ => name,
    }
}

/// What stands between the tags of an element.
fn inner(element: &str) -> &str {
    let mut quote = None;
    let mut start = element.len();
    for (at, character) in element.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(own), _) if own == character => quote = None,
            (None, '>') => {
                start = at + 1;
                break;
            }
            _ => {}
        }
    }
    match element.rfind("</") {
        Some(end) if end >= start => &element[start..end],
        _ => "",
    }
}

/// The text with every prefix in it bound at its root.
fn with_prefixes(text: &str) -> Option<String> {
    let start = text.char_indices().find_map(|(at, c)| {
        let next = text[at + 1..].chars().next();
        (c == '<' && next.is_some_and(|next| next.is_alphabetic() || next == '_')).then_some(at)
    })?;
    let end = start + 1 + qualified_name(&text[start..]).len();
    let mut prefixes = std::collections::BTreeSet::new();
    for part in text.split(['<', ' ', '\t', '\r', '\n', '/']) {
        let name: &str = part.split(['>', '=', '"', '\'']).next().unwrap_or_default();
        if let Some((prefix, _)) = name.split_once(':')
            && !prefix.is_empty()
            && prefix.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && prefix.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && prefix != "xml"
            && prefix != "xmlns"
            && !text.contains(&format!("xmlns:{prefix}="))
        {
            prefixes.insert(prefix);
        }
    }
    let bindings: String = prefixes.iter().map(|prefix| format!(" xmlns:{prefix}=\"{UNBOUND}{prefix}\"")).collect();
    Some(format!("{}{bindings}{}", &text[..end], &text[end..]))
}
