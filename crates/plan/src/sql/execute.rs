//! `EXECUTE IMMEDIATE text [INTO variables] [USING arguments]`.

use firesteel_protocol::Result;
use firesteel_protocol::connect as pb;

use super::command::SqlCommand;
use super::parser::Parser;

impl Parser<'_> {
    pub fn execute_immediate(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["EXECUTE", "IMMEDIATE"])?;
        let text = Box::new(self.standalone_expression()?);
        let into = if self.eat_word("INTO") { self.comma_separated(Self::name_parts)? } else { vec![] };
        let using = if self.eat_word("USING") { self.using_arguments()? } else { vec![] };
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
