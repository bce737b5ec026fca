//! What follows the name in CREATE FUNCTION: parameters, RETURNS, characteristics, the body behind RETURN.

use firesteel_protocol::{Result, SparkError};

use super::command::ColumnDefinition;
use super::parser::Parser;
use crate::routine::{Body, Parameter, Returns, UserFunction};

impl Parser<'_> {
    /// `(parameters) [RETURNS ..] [characteristics] RETURN body`.
    pub fn function_body(&mut self, name: &[String]) -> Result<UserFunction> {
        let start = (0..self.position()).rev().find(|at| self.token(*at).text.eq_ignore_ascii_case("CREATE"));
        let start = self.token(start.unwrap_or(0)).start;
        self.expect_symbol("(")?;
        let parameters = if self.is_symbol(")") { vec![] } else { self.comma_separated(Self::function_parameter)? };
        self.expect_symbol(")")?;
        let mut returns = Returns::Any;
        let mut comment = None;
        let mut foreign = None;
        let mut collation = None;
        loop {
            if self.eat_word("RETURNS") {
                returns = self.function_returns()?;
            } else if self.is_word("LANGUAGE") {
                let start = self.position();
                self.advance();
                let language = self.identifier()?;
                if !language.eq_ignore_ascii_case("SQL") {
                    let message = format!("Unsupported language for user defined functions: {language}");
                    let error = SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message);
                    foreign = Some(self.error_from(start, error));
                }
            } else if self.eat_word("COMMENT") {
                comment = Some(self.string()?);
            } else if self.eat_words(&["DEFAULT", "COLLATION"]) {
                collation = Some(self.collation_name()?.to_string());
            } else if self.eat_words(&["SQL", "SECURITY"]) {
                if self.eat_word("INVOKER") {
                    let message = "SQL function with SQL SECURITY INVOKER is not supported";
                    return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
                }
                self.identifier()?;
            } else if !(self.eat_word("DETERMINISTIC")
                || self.eat_words(&["NOT", "DETERMINISTIC"])
                || self.eat_words(&["CONTAINS", "SQL"])
                || self.eat_words(&["READS", "SQL", "DATA"])
                || self.eat_words(&["RETURN", "NULL", "ON", "NULL", "INPUT"])
                || self.eat_words(&["CALLED", "ON", "NULL", "INPUT"]))
            {
                break;
            }
        }
        if !self.eat_word("RETURN") {
            let quoted = self.is_word("AS") && (self.is_text_at(1) || self.is_word_at(1, "BEGIN"));
            return Err(if quoted { self.unexpected() } else { self.lacking("RETURN") });
        }
        let body_start = self.token(self.position()).start;
        let rows = matches!(returns, Returns::Rows(_));
        let body = if self.is_query_at(0) || rows && self.is_symbol("(") {
            Body::Query(Box::new(self.query()?))
        } else {
            Body::Value(Box::new(self.standalone_expression()?))
        };
        let name = name.last().cloned().unwrap_or_default();
        let (text, statement) = (self.text.to_string(), self.text[start..self.previous().end].to_string());
        let body_text: String = self.text.chars().take(self.previous().end).skip(body_start).collect();
        if let Some(error) = foreign {
            return Err(error);
        }
        // Places are those in the body.
        let body = match body {
            Body::Query(_) => Body::Query(Box::new(super::parse_query(&body_text, self.ctx)?)),
            Body::Value(_) => Body::Value(Box::new(super::parse_expression(&body_text, self.ctx)?)),
        };
        let mut function = UserFunction {
            name,
            parameters,
            returns,
            body,
            text,
            statement,
            comment,
            body_start,
            body_text,
            collation: None,
        };
        if let Some(own) = collation {
            function.collate(&own);
        }
        Ok(function)
    }

    fn function_parameter(&mut self) -> Result<Parameter> {
        let start = self.position();
        let name = self.identifier()?;
        let data_type = self.data_type()?;
        if self.eat_words(&["NOT", "NULL"]) {
            return Err(SparkError::new("USER_DEFINED_FUNCTIONS.NOT_NULL_ON_FUNCTION_PARAMETERS")
                .with("input", self.source(start)));
        }
        let (mut default, mut default_text) = (None, None);
        if self.eat_word("DEFAULT") {
            let start = self.position();
            self.standalone_expression()?;
            let text = self.source(start).to_string();
            default = Some(super::parse_expression(&text, self.ctx)?);
            default_text = Some(text);
        }
        if self.eat_word("COMMENT") {
            self.string()?;
        }
        Ok(Parameter { name, data_type, default, default_text })
    }

    fn function_returns(&mut self) -> Result<Returns> {
        if !self.eat_word("TABLE") {
            return Ok(Returns::Value(self.data_type()?));
        }
        if !self.is_symbol("(") {
            return Ok(Returns::Rows(vec![]));
        }
        let columns = self.parenthesized(|parser| {
            let name = parser.identifier()?;
            let data_type = parser.data_type()?;
            let comment = if parser.eat_word("COMMENT") { Some(parser.string()?) } else { None };
            Ok(ColumnDefinition { name, data_type, nullable: true, comment, default: None, refused: None })
        })?;
        Ok(Returns::Rows(columns))
    }
}
