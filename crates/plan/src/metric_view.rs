//! What a metric view says of itself: a YAML text with a source, a filter, dimensions and measures. How it is read is in
//! `relation/metric_view`. Spark's `org.apache.spark.sql.metricview.serde`, whose words errors have.

use firesteel_protocol::connect::{self as pb, read::ReadType, relation::RelType};
use firesteel_protocol::extension::{RelationKind, SqlAggregate};
use firesteel_protocol::{Result, SparkError};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use crate::sql::{SqlContext, build, parse_expression, parse_query, parse_table_name};

/// The only version that Spark 4.2 knows.
const VERSION: &str = "0.1";

/// As many characters of an expression the catalog takes as metadata of its column.
const LONGEST_EXPRESSION: usize = 1024;

const PACKAGE: &str = "org.apache.spark.sql.metricview.serde";

/// The description of a metric view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricView {
    pub source: Source,
    /// A condition on the source's rows.
    pub filter: Option<String>,
    /// Dimensions, then measures.
    pub columns: Vec<Column>,
}

/// Whose rows a metric view has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A table or a view by its name.
    Asset(String),
    /// A query.
    Sql(String),
}

/// A dimension or a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub expr: String,
    pub is_measure: bool,
}

impl Column {
    /// What the column's metadata tell of it.
    pub fn metadata(&self) -> [(&'static str, &str); 2] {
        let kind = if self.is_measure { "measure" } else { "dimension" };
        [("metric_view.type", kind), ("metric_view.expr", &self.expr)]
    }
}

impl MetricView {
    /// What the view's properties tell of it.
    pub fn properties(&self) -> Vec<(String, String)> {
        let (kind, key, text) = match &self.source {
            Source::Asset(name) => ("ASSET", "name", name),
            Source::Sql(query) => ("SQL", "sql", query),
        };
        let mut properties = vec![
            ("metric_view.from.type".to_string(), kind.to_string()),
            (format!("metric_view.from.{key}"), text.clone()),
        ];
        properties.extend(self.filter.iter().map(|filter| ("metric_view.where".to_string(), filter.clone())));
        properties
    }

    /// The rows that the view is about.
    pub fn rows(&self, ctx: &SqlContext) -> Result<pb::Relation> {
        let source = match &self.source {
            Source::Asset(name) => {
                let table = pb::read::NamedTable { unparsed_identifier: name.clone(), ..Default::default() };
                let read = pb::Read { is_streaming: false, read_type: Some(ReadType::NamedTable(table)) };
                build::rel(RelType::Read(read))
            }
            Source::Sql(query) => parse_query(query, ctx)?,
        };
        match &self.filter {
            Some(filter) => Ok(build::filter(source, parse_expression(filter, ctx)?)),
            None => Ok(source),
        }
    }

    /// The query by which Spark finds the columns' types when the view is made: all measures by all dimensions. None: the
    /// view has no columns.
    pub fn all_by_all(&self, ctx: &SqlContext) -> Result<Option<pb::Relation>> {
        if self.columns.is_empty() {
            return Ok(None);
        }
        let item = |column: &Column| Ok(build::alias(parse_expression(&column.expr, ctx)?, vec![column.name.clone()]));
        let dimensions = self.columns.iter().filter(|column| !column.is_measure);
        let aggregate = SqlAggregate {
            input: Some(Box::new(self.rows(ctx)?)),
            grouping: dimensions.map(|column| build::attribute(std::slice::from_ref(&column.name))).collect(),
            select: self.columns.iter().map(item).collect::<Result<_>>()?,
            ..Default::default()
        };
        Ok(Some(RelationKind::Aggregate(Box::new(aggregate)).into_relation()))
    }
}

/// Reads the text of a metric view; errors are `INVALID_METRIC_VIEW_YAML`.
pub fn parse(text: &str) -> Result<MetricView> {
    let root = tree(text)?;
    let Kind::Mapping(entries) = &root.kind else {
        return Err(invalid(format!("Failed to parse YAML: {}", wrong_root(&root))));
    };
    let version = entries.iter().rev().find(|(key, _)| key == "version").map(|(_, value)| value.text());
    match version.flatten() {
        Some(VERSION) => {}
        other => return Err(invalid(format!("Invalid YAML version: {}", other.unwrap_or("null")))),
    }
    let fields = Fields { class: "MetricViewV01", path: String::new() };
    fields.check(entries, &["version", "source", "dimensions", "filter", "measures"], &["source"], root.end)?;
    let named = |name: &str| entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
    let source = named("source").and_then(Node::text).unwrap_or_default();
    let mut columns = vec![];
    for (key, is_measure) in [("dimensions", false), ("measures", true)] {
        if let Some(list) = named(key) {
            columns.extend(columns_of(list, key, is_measure)?);
        }
    }
    let filter = named("filter").filter(|value| !value.is_null()).and_then(Node::text).map(str::to_string);
    Ok(MetricView { source: source_of(source)?, filter, columns })
}

fn source_of(text: &str) -> Result<Source> {
    if text.is_empty() {
        return Err(invalid("Source cannot be empty".into()));
    }
    if parse_table_name(text).is_ok() {
        return Ok(Source::Asset(text.to_string()));
    }
    match parse_query(text, &SqlContext::default()) {
        Ok(_) => Ok(Source::Sql(text.to_string())),
        Err(_) => Err(invalid(format!("Invalid source: {text}"))),
    }
}

fn columns_of(list: &Node, key: &str, is_measure: bool) -> Result<Vec<Column>> {
    let path = format!("{PACKAGE}.MetricViewV01[\"{key}\"]");
    let items = match &list.kind {
        Kind::Sequence(items) => items,
        Kind::Scalar { .. } if list.is_null() => return Ok(vec![]),
        _ => {
            let wanted = format!("scala.collection.immutable.Seq<{PACKAGE}.ColumnV01>");
            return Err(failed(&list.wrong_kind(&wanted), list.start, &path));
        }
    };
    let mut columns = vec![];
    for (index, item) in items.iter().enumerate() {
        const BUILDER: &str =
            "com.fasterxml.jackson.module.scala.deser.GenericFactoryDeserializerResolver$BuilderWrapper";
        let path = format!("{path}->{BUILDER}[{index}]");
        let Kind::Mapping(entries) = &item.kind else {
            return Err(failed(&item.wrong_kind(&format!("{PACKAGE}.ColumnV01")), item.start, &path));
        };
        let fields = Fields { class: "ColumnV01", path: format!("{path}->") };
        fields.check(entries, &["name", "expr"], &["name", "expr"], item.end)?;
        let text = |name: &str| {
            let found = entries.iter().rev().find(|(key, _)| key == name);
            found.and_then(|(_, value)| value.text()).unwrap_or_default().to_string()
        };
        let column = Column { name: text("name"), expr: text("expr"), is_measure };
        let length = column.expr.chars().count();
        if length > LONGEST_EXPRESSION {
            return Err(invalid(format!(
                "Expression length {length} exceeds maximum allowed size {LONGEST_EXPRESSION} for column '{}'",
                column.name
            )));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn invalid(message: String) -> SparkError {
    SparkError::new("INVALID_METRIC_VIEW_YAML").with("message", message)
}

fn at(place: Marker) -> String {
    format!("\n at [Source: (StringReader); line: {}, column: {}]", place.line(), place.col() + 1)
}

fn failed(what: &str, place: Marker, path: &str) -> SparkError {
    invalid(format!("Failed to parse YAML: {what}{} (through reference chain: {path})", at(place)))
}

fn wrong_root(root: &Node) -> String {
    root.wrong_kind(&format!("{PACKAGE}.YAMLVersion")) + &at(root.start)
}

/// The properties that a mapping may have and must have.
struct Fields {
    class: &'static str,
    /// Where the mapping is, up to its own class.
    path: String,
}

impl Fields {
    fn check(&self, entries: &[(String, Node)], known: &[&str], required: &[&str], end: Marker) -> Result<()> {
        let path = |name: &str| format!("{}{PACKAGE}.{}[\"{name}\"]", self.path, self.class);
        let has = |name: &str, until: usize| entries[..until].iter().any(|(key, _)| key == name);
        if let Some(index) = required.iter().position(|name| !has(name, entries.len())) {
            let name = required[index];
            let index = known.iter().position(|own| *own == name).unwrap_or(index);
            return Err(failed(
                &format!("Missing required creator property '{name}' (index {index})"),
                end,
                &path(name),
            ));
        }
        let Some(at) = entries.iter().position(|(key, _)| !known.contains(&key.as_str())) else { return Ok(()) };
        let (name, value) = &entries[at];
        let words: Vec<String> = known.iter().map(|own| format!("\"{own}\"")).collect();
        let what = format!(
            "Unrecognized field \"{name}\" (class {PACKAGE}.{}), not marked as ignorable ({} known properties: {})",
            self.class,
            known.len(),
            words.join(", ")
        );
        // An object is made as soon as all of its properties are there; until then unknown ones wait for the end.
        let place = if known.iter().all(|own| has(own, at)) { value.end } else { end };
        Err(failed(&what, place, &path(name)))
    }
}

/// A part of the document, with the places of its first character and behind its last.
#[derive(Debug)]
struct Node {
    kind: Kind,
    start: Marker,
    end: Marker,
}

#[derive(Debug)]
enum Kind {
    Scalar { text: String, plain: bool },
    Sequence(Vec<Node>),
    Mapping(Vec<(String, Node)>),
}

impl Node {
    fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "~" | "null" | "Null" | "NULL"))
    }

    /// What Jackson says of a value that is no object or list of the class.
    fn wrong_kind(&self, class: &str) -> String {
        let (what, token) = match &self.kind {
            Kind::Scalar { text, plain } if *plain && text.parse::<i64>().is_ok() => ("Integer", "VALUE_NUMBER_INT"),
            Kind::Scalar { text, plain } if *plain && text.parse::<f64>().is_ok() => {
                ("Floating-point", "VALUE_NUMBER_FLOAT")
            }
            Kind::Scalar { text, .. } if !class.starts_with("scala.") => {
                return format!(
                    "Cannot construct instance of `{class}` (although at least one Creator exists): no String-argument \
                     constructor/factory method to deserialize from String value ('{text}')"
                );
            }
            Kind::Scalar { .. } => ("String", "VALUE_STRING"),
            Kind::Sequence(_) => ("Array", "START_ARRAY"),
            Kind::Mapping(_) => ("Object", "START_OBJECT"),
        };
        format!("Cannot deserialize value of type `{class}` from {what} value (token `JsonToken.{token}`)")
    }
}

/// The text's first document.
fn tree(text: &str) -> Result<Node> {
    let lines = text.split('\n');
    let last = lines.clone().next_back().unwrap_or_default().chars().count();
    let end = Marker::new(text.chars().count(), lines.count(), last);
    let mut events = Events { parser: Parser::new_from_str(text), end };
    loop {
        match events.next()? {
            (Event::Nothing | Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => {
                let what = "Failed to parse YAML: No content to map due to end-of-input";
                return Err(invalid(format!("{what}{}", at(end))));
            }
            (event, span) => return events.node(event, span),
        }
    }
}

struct Events<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Behind the text's last character; the parser ends a text without a line break a line later.
    end: Marker,
}

impl<'t> Events<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span)> {
        let end = self.end;
        let within = |place: Marker| if place.line() > end.line() { end } else { place };
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, Span::new(within(span.start), within(span.end)))),
            Some(Err(error)) => {
                let place = at(within(*error.marker()));
                Err(invalid(format!("Failed to parse YAML: {}{place}", error.info())))
            }
            None => Err(invalid(format!("Failed to parse YAML: unexpected end{}", at(end)))),
        }
    }

    /// The part of the document that an event begins.
    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node> {
        match event {
            Event::Scalar(text, style, ..) => {
                let kind = Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                Ok(Node { kind, start: span.start, end: span.end })
            }
            Event::SequenceStart(..) => {
                let mut items = vec![];
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => {
                            return Ok(Node { kind: Kind::Sequence(items), start: span.start, end: end.end });
                        }
                        (event, own) => items.push(self.node(event, own)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut entries = vec![];
                loop {
                    let (event, own) = self.next()?;
                    if event == Event::MappingEnd {
                        return Ok(Node { kind: Kind::Mapping(entries), start: span.start, end: own.end });
                    }
                    let key = self.node(event, own)?;
                    let (event, own) = self.next()?;
                    let value = self.node(event, own)?;
                    entries.push((key.text().unwrap_or_default().to_string(), value));
                }
            }
            // Anchors are of no use in a description this small.
            _ => Err(invalid(format!("Failed to parse YAML: aliases are not supported{}", at(span.start)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_as_they_are_written() {
        let text = "version: 0.1\nsource: \"a.b\"\nfilter: x > 1 # why\nmeasures:\n  - {name: 5, expr: 'count(1)'}\n";
        let view = parse(text).expect("a view");
        assert_eq!(view.source, Source::Asset("a.b".into()));
        assert_eq!(view.filter.as_deref(), Some("x > 1"));
        assert_eq!(view.columns, [Column { name: "5".into(), expr: "count(1)".into(), is_measure: true }]);
        let error = parse("version: 0.10\nsource: t").expect_err("no such version");
        assert_eq!(error.param("message"), Some("Invalid YAML version: 0.10"));
    }
}
