//! The one error type of Firesteel: a Spark error condition with its parameters.
//!
//! Conditions, message templates and SQLSTATEs are Spark's; the table is in [`crate::condition`].
//! How an error travels to a client is the server's business.

use std::fmt;
use std::sync::Arc;

use crate::condition::{self, Condition};

/// The result of everything that can fail in Spark's terms.
pub type Result<T, E = SparkError> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A Spark error condition, e.g. `UNRESOLVED_COLUMN.WITH_SUGGESTION`, with its message parameters.
#[derive(Debug)]
pub struct SparkError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    /// Full condition name, sub-condition included.
    condition: String,
    /// Message parameters in the order in which they were given.
    params: Vec<(String, String)>,
    /// Text that replaces the template of the table, without condition and SQLSTATE.
    message: Option<String>,
    /// Where in a query text the error lies.
    context: Option<QueryContext>,
    /// What caused it, for logs.
    source: Option<Source>,
    /// The parser raised it: Spark's `ParseException`, whatever the condition.
    parser: bool,
    /// What clients read after the text and its SQLSTATE.
    details: Option<String>,
    /// Spark tells no place, although there is one.
    placeless: bool,
    /// The condition whose exception class this error has, where it is not its own.
    raised_as: Option<&'static str>,
    /// An error of syntax in a text inside of the statement: it has a place like others.
    embedded: bool,
}

/// The part of a SQL text or DataFrame call that an error speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryContext {
    /// A fragment of a SQL text; positions count characters from 0, line counts from 1.
    Sql {
        text: Arc<str>,
        start: usize,
        stop: usize,
        line: usize,
        column: usize,
        object_type: String,
        object_name: String,
    },
    /// A DataFrame call: the fragment (e.g. `col`) and the caller's line.
    DataFrame { fragment: String, call_site: String },
}

impl SparkError {
    /// An error of a condition in the table. Parameters follow by [`SparkError::with`].
    pub fn new(condition: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            condition: condition.into(),
            params: vec![],
            message: None,
            context: None,
            source: None,
            parser: false,
            details: None,
            placeless: false,
            raised_as: None,
            embedded: false,
        }))
    }

    /// `INTERNAL_ERROR`: a bug of ours, never the user's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("INTERNAL_ERROR").with("message", message)
    }

    /// Something that Spark has and Firesteel does not (yet). `way_round` says what a user can do instead.
    pub fn unsupported(feature: impl Into<String>, way_round: impl Into<String>) -> Self {
        Self::new("UNSUPPORTED_FEATURE.FIRESTEEL").with("feature", feature).with("wayRound", way_round)
    }

    /// What a client reads of a task that failed in Java: an exception's class and message, no condition.
    pub fn job_aborted(class: &str, message: &str) -> Self {
        Self::new("_LEGACY_JOB_ABORTED").with_message(format!(
            "Job aborted due to stage failure: Task failed 1 times, most recent failure: {class}: {message}"
        ))
    }

    /// Adds a message parameter, or gives one that is there another value.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        match self.0.params.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = value,
            None => self.0.params.push((key, value)),
        }
        self
    }

    /// Replaces the text of the table.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// Says where the error lies, unless that is known already.
    #[must_use]
    pub fn with_context(mut self, context: QueryContext) -> Self {
        let late = self.condition().starts_with("WRONG_NUM_ARGS")
            && self.param("functionName").is_some_and(condition::is_checked_late);
        if !late && !self.0.placeless && !condition::is_placeless(&self.0.condition) {
            self.0.context.get_or_insert(context);
        }
        self
    }

    /// Adds lines that follow the text and its SQLSTATE.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.0.details = Some(details.into());
        self
    }

    /// Keeps it without a place, whatever is around it.
    #[must_use]
    pub fn placeless(mut self) -> Self {
        self.0.placeless = true;
        self
    }

    /// Gives it the exception class of another condition.
    #[must_use]
    pub fn raised_as(mut self, condition: &'static str) -> Self {
        self.0.raised_as = Some(condition);
        self
    }

    /// The same error again, without what caused it.
    #[must_use]
    pub fn copied(&self) -> Self {
        let mut copy = Self::new(self.condition()).with_message(self.message());
        copy.0.params.clone_from(&self.0.params);
        copy.0.context.clone_from(&self.0.context);
        copy.0.raised_as = self.0.raised_as;
        copy.0.placeless = self.0.placeless;
        copy
    }

    /// Whether its exception class is not the one of its condition.
    pub fn has_own_class(&self) -> bool {
        self.0.raised_as.is_some()
    }

    /// Says that it lies in a text inside of the statement, whose place is `context`.
    #[must_use]
    pub fn embedded(mut self, context: QueryContext) -> Self {
        self.0.embedded = true;
        self.0.context = Some(context);
        self
    }

    /// Says that its text is that of some object: `EXECUTE IMMEDIATE`, a view.
    #[must_use]
    pub fn of_object(mut self, kind: &str, name: &str) -> Self {
        if let Some(QueryContext::Sql { object_type, object_name, .. }) = &mut self.0.context
            && object_type.is_empty()
        {
            kind.clone_into(object_type);
            name.clone_into(object_name);
        }
        self
    }

    /// Moves its place into a text that has the same fragment at the same position.
    #[must_use]
    pub fn in_text(mut self, whole: &str) -> Self {
        let fragment = self.context().map(QueryContext::fragment);
        if let (Some(QueryContext::Sql { text, start, stop, .. }), Some(fragment)) = (&mut self.0.context, fragment) {
            let same: String = whole.chars().take(*stop + 1).skip(*start).collect();
            if same == fragment {
                *text = Arc::from(whole);
            }
        }
        self
    }

    /// Counts its place from `offset` characters of the text on, which is then `text`.
    #[must_use]
    pub fn within(mut self, part: &str, offset: usize) -> Self {
        if let Some(QueryContext::Sql { text, start, stop, line, column, .. }) = &mut self.0.context
            && *start >= offset
        {
            *text = Arc::from(part);
            *start -= offset;
            *stop -= offset;
            let before: String = part.chars().take(*start).collect();
            *line = before.matches('\n').count() + 1;
            *column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
        }
        self
    }

    /// Says that the parser raised it.
    #[must_use]
    pub fn in_parser(mut self) -> Self {
        self.0.parser = true;
        self
    }

    /// Whether the parser raised it.
    pub fn is_of_parser(&self) -> bool {
        self.0.parser
    }

    /// The text ends or goes on as no rule of the grammar allows: such errors tell their place in their own form.
    pub fn is_syntax(&self) -> bool {
        !self.0.embedded
            && matches!(self.condition(), "PARSE_SYNTAX_ERROR" | "PARSE_EMPTY_STATEMENT" | "UNCLOSED_BRACKETED_COMMENT")
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The condition's full name.
    pub fn condition(&self) -> &str {
        &self.0.condition
    }

    /// Message parameters, `(name, value)`.
    pub fn params(&self) -> &[(String, String)] {
        &self.0.params
    }

    /// One message parameter.
    pub fn param(&self, key: &str) -> Option<&str> {
        self.0.params.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Where in the query the error lies.
    pub fn context(&self) -> Option<&QueryContext> {
        self.0.context.as_ref()
    }

    /// The row of the table for this condition.
    pub fn row(&self) -> Option<&'static Condition> {
        condition::lookup(&self.0.condition)
    }

    /// Java's exception classes, most special first; that of a failed cast depends on the type.
    pub fn classes(&self) -> &'static [&'static str] {
        if let Some(other) = self.0.raised_as {
            return condition::exception_classes(other);
        }
        let classes = condition::exception_classes(self.condition());
        if self.0.parser && is_parse_error(self.condition(), classes) {
            return condition::exception_classes("PARSE_SYNTAX_ERROR");
        }
        let target = self.param("targetType").map(|target| target.trim_matches('"')).unwrap_or_default();
        match (self.condition(), target) {
            ("CAST_INVALID_INPUT", "BOOLEAN") => condition::exception_classes("USER_RAISED_EXCEPTION"),
            ("CAST_INVALID_INPUT", "DATE" | "TIMESTAMP" | "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIME(6)") => {
                condition::exception_classes("CANNOT_PARSE_TIMESTAMP")
            }
            // Spark refuses these when it runs them, the others when it resolves them.
            ("UNSUPPORTED_FEATURE.TABLE_OPERATION", _)
                if matches!(self.param("operation"), Some("UPDATE TABLE" | "MERGE INTO TABLE")) =>
            {
                condition::exception_classes("UNSUPPORTED_FEATURE")
            }
            // In a text the parser raises it, in a value a cast.
            (condition, _) if condition.starts_with("INVALID_INTERVAL_FORMAT") => {
                let raised = if self.context().is_some() { "PARSE_SYNTAX_ERROR" } else { "INVALID_FORMAT" };
                condition::exception_classes(raised)
            }
            (condition, _) => condition::exception_classes(condition),
        }
    }

    /// SQLSTATE, five characters.
    pub fn sql_state(&self) -> Option<&'static str> {
        self.row().map(|row| row.sql_state)
    }

    /// The template filled with the parameters, without condition and SQLSTATE.
    pub fn message(&self) -> String {
        match (&self.0.message, self.row()) {
            (Some(message), _) => message.clone(),
            (None, Some(row)) => fill(row.template, &self.0.params),
            (None, None) => {
                let params: Vec<String> = self.0.params.iter().map(|(k, v)| format!("{k}: {v}")).collect();
                params.join(", ")
            }
        }
    }
}

/// Replaces `<name>` by the parameter of that name.
fn fill(template: &str, params: &[(String, String)]) -> String {
    let mut text = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(open) = rest.find('<') {
        let (before, from) = rest.split_at(open);
        text.push_str(before);
        let known = from.find('>').and_then(|close| {
            let value = params.iter().find(|(name, _)| *name == from[1..close]).map(|(_, value)| value)?;
            Some((value, close))
        });
        match known {
            Some((value, close)) => {
                text.push_str(value);
                rest = &from[close + 1..];
            }
            None => {
                text.push('<');
                rest = &from[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// Whether an error that the parser raised is a `ParseException`; `classes` is what the condition is elsewhere.
fn is_parse_error(condition: &str, classes: &[&str]) -> bool {
    match condition {
        "UNSUPPORTED_FEATURE.FIRESTEEL" | "UNSUPPORTED_FEATURE.CONTINUE_EXCEPTION_HANDLER" => false,
        // Spark looks for the values of parameters when it resolves the query.
        "UNBOUND_SQL_PARAMETER" => false,
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION" => true,
        _ => {
            let family = condition.split('.').next().unwrap_or_default();
            matches!(family, "UNSUPPORTED_FEATURE" | "INVALID_INTERVAL_FORMAT" | "INVALID_PARAMETER_VALUE")
                || classes == crate::condition::exception_classes("")
        }
    }
}

impl fmt::Display for SparkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A condition that starts with `_LEGACY` has no name that users know.
        let is_named = !self.condition().starts_with("_LEGACY");
        if !is_named && !self.condition().starts_with("_LEGACY_ERROR_TEMP") {
            return f.write_str(&self.message());
        }
        let class = self.classes().first().copied().unwrap_or_default();
        let is_parse = class.ends_with(".ParseException");
        if is_parse {
            writeln!(f)?;
        }
        if is_named {
            write!(f, "[{}] ", self.condition())?;
        }
        f.write_str(&self.message())?;
        if let Some(state) = self.sql_state().filter(|state| is_named && !state.is_empty()) {
            write!(f, " SQLSTATE: {state}")?;
        }
        if let Some(details) = &self.0.details {
            write!(f, "\n{details}")?;
        }
        match self.context() {
            Some(QueryContext::Sql { text, line, column, .. }) if is_parse && self.is_syntax() => {
                write_parse_place(f, text, *line, *column)
            }
            // Spark adds the plan here, too.
            Some(QueryContext::Sql { line, column, .. }) if class.ends_with(".AnalysisException") => {
                write!(f, "; line {line} pos {column}")
            }
            Some(QueryContext::DataFrame { .. }) if class.ends_with(".AnalysisException") => Ok(()),
            Some(context) => write!(f, "\n{}", context.summary()),
            None => Ok(()),
        }
    }
}

/// Shows where the parser stopped: the text, with an arrow below the line.
fn write_parse_place(f: &mut fmt::Formatter<'_>, text: &str, line: usize, column: usize) -> fmt::Result {
    writeln!(f, " (line {line}, pos {column})\n\n== SQL ==")?;
    for (number, text_line) in text.lines().enumerate() {
        writeln!(f, "{text_line}")?;
        if number + 1 == line {
            writeln!(f, "{}^^^", "-".repeat(column))?;
        }
    }
    Ok(())
}

impl std::error::Error for SparkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_filled_and_unknown_names_stay() {
        let params = vec![("a".to_string(), "1".to_string())];
        assert_eq!(fill("<a> < <b>", &params), "1 < <b>");
    }

    #[test]
    fn display_names_condition_and_state() {
        let error = SparkError::new("PATH_NOT_FOUND").with("path", "file:/nowhere");
        assert_eq!(error.to_string(), "[PATH_NOT_FOUND] Path does not exist: file:/nowhere. SQLSTATE: 42K03");
    }
}
