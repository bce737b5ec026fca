//! `CREATE VIEW .. WITH METRICS LANGUAGE YAML AS $$ .. $$`, from AS on.

use firesteel_protocol::{Result, SparkError};

use super::command::SqlCommand;
use super::lexer::{Kind, dollar_mark};
use super::parser::Parser;

/// The clauses before AS.
#[derive(Debug, Default)]
pub struct MetricClauses {
    /// `WITH METRICS` stands there.
    pub metrics: bool,
    /// `LANGUAGE name`.
    pub language: Option<String>,
}

/// What is made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMetricView {
    pub name: Vec<String>,
    /// Names and comments; empty when the text's names are taken.
    pub columns: Vec<(String, Option<String>)>,
    /// The YAML text.
    pub text: String,
    pub replace: bool,
    pub if_not_exists: bool,
    pub comment: Option<String>,
    pub properties: Vec<(String, String)>,
}

impl Parser<'_> {
    /// `WITH METRICS`, `LANGUAGE name`; false where something else follows.
    pub fn metric_clause(&mut self, clauses: &mut MetricClauses) -> Result<bool> {
        let twice = |parser: &Self, clause: &str| {
            parser.error_whole(SparkError::new("DUPLICATE_CLAUSES").with("clauseName", clause))
        };
        if self.eat_words(&["WITH", "METRICS"]) {
            if clauses.metrics {
                return Err(twice(self, "WITH METRICS"));
            }
            clauses.metrics = true;
        } else if self.eat_word("LANGUAGE") {
            if clauses.language.replace(self.identifier()?).is_some() {
                return Err(twice(self, "LANGUAGE"));
            }
        } else if clauses.metrics && self.is_words(&["WITH", "SCHEMA"]) {
            self.advance();
            return Err(self.unexpected());
        } else if clauses.metrics && self.is_any_word(&["DEFAULT", "PARTITIONED"]) {
            return Err(self.extra());
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The text behind AS.
    pub fn metric_view(&mut self, clauses: &MetricClauses, new: NewMetricView) -> Result<SqlCommand> {
        let token = self.peek();
        let mark = dollar_mark(token.text).filter(|_| token.kind == Kind::Dollar).ok_or_else(|| self.unexpected())?;
        let text = token.text[mark..token.text.len() - mark].to_string();
        self.advance();
        let Some(language) = clauses.language.as_deref().filter(|_| clauses.metrics) else {
            // Spark's grammar wants both clauses, and its words for that are not there.
            return Err(SparkError::internal("Cannot find main error class 'MISSING_CLAUSES_FOR_OPERATION'"));
        };
        if !language.eq_ignore_ascii_case("YAML") {
            let message = format!("Unsupported language for metric view: {language}");
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        let view = crate::metric_view::parse(&text)?;
        // The place of an error in the text is that of the whole statement.
        let parts = view.columns.iter().map(|column| &column.expr).chain(&view.filter);
        for part in parts {
            super::parse_expression(part, self.ctx).map_err(|error| self.of_part(error, part))?;
        }
        Ok(SqlCommand::CreateMetricView(NewMetricView { text, ..new }))
    }

    fn of_part(&self, error: SparkError, part: &str) -> SparkError {
        let condition = if part.trim().is_empty() { "PARSE_EMPTY_STATEMENT" } else { error.condition() };
        if !condition.starts_with("PARSE_") {
            return error;
        }
        let params = error.params().iter().cloned();
        self.error_whole(params.fold(SparkError::new(condition.to_string()), |own, (key, value)| own.with(&key, value)))
    }
}
