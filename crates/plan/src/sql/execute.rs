//! `EXECUTE IMMEDIATE text [INTO variables] [USING arguments]`.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::command::SqlCommand;
use super::parser::Parser;

impl Parser<'_> {
    pub fn execute_immediate(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["EXECUTE", "IMMEDIATE"])?;
        let text = Box::new(self.standalone_expression()?);
        let into = if self.eat_word("INTO") { self.comma_separated(Self::name_parts)? } else { vec![] };
        let clause = self.position();
        let using = if self.eat_word("USING") { self.using_arguments()? } else { vec![] };
        let mut twice: Vec<String> = vec![];
        for (index, (name, _)) in using.iter().enumerate() {
            let known = using[..index].iter().any(|(own, _)| own.is_some() && own == name);
            if let (true, Some(name)) = (known, name) {
                twice.push(super::name::quote_parts(std::slice::from_ref(name)));
            }
        }
        if !twice.is_empty() {
            let error = SparkError::new("EXEC_IMMEDIATE_DUPLICATE_ARGUMENT_ALIASES");
            return Err(self.error_from(clause, error.with("aliases", twice.join(", "))));
        }
        Ok(SqlCommand::ExecuteImmediate { text, into, using })
    }

    /// `value [[AS] name], ..`, perhaps in parentheses.
    fn using_arguments(&mut self) -> Result<Vec<(Option<String>, pb::Expression)>> {
        if self.is_symbol("(") {
            let all = self.attempt(|parser| {
                let all = parser.parenthesized(Self::using_argument)?;
                if parser.is_end() || parser.is_symbol(";") { Ok(all) } else { Err(parser.unexpected()) }
            });
            if let Some(all) = all {
                return Ok(all);
            }
        }
        self.comma_separated(Self::using_argument)
    }

    fn using_argument(&mut self) -> Result<(Option<String>, pb::Expression)> {
        let value = self.standalone_expression()?;
        let named = self.eat_word("AS") || self.is_identifier_at(0);
        let name = if named { Some(self.identifier()?) } else { None };
        Ok((name, value))
    }
}
