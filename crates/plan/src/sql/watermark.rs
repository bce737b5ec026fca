//! `WATERMARK time DELAY OF INTERVAL 1 HOUR` behind a table or a query in FROM.

use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, UnresolvedStar, literal::LiteralType},
    relation::RelType,
};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::parser::Parser;

/// A clause as it was read.
#[derive(Debug)]
pub struct WatermarkClause {
    /// A column, or an expression with a name, which becomes the first column.
    event_time: pb::Expression,
    /// What `withWatermark` takes.
    delay: String,
}

impl Parser<'_> {
    /// The clause, if it is next; a table may be called `watermark`, too.
    pub fn watermark_clause(&mut self) -> Result<Option<WatermarkClause>> {
        if !self.is_word("WATERMARK") {
            return Ok(None);
        }
        let start = self.position() + 1;
        let read = self.attempt(|parser| {
            parser.advance();
            let mut event_time = parser.expression()?;
            if parser.eat_word("AS") || !parser.is_words(&["DELAY", "OF"]) {
                event_time = build::alias(event_time, vec![parser.identifier()?]);
            }
            parser.expect_words(&["DELAY", "OF"])?;
            if !parser.is_word("INTERVAL") {
                return Err(parser.lacking("INTERVAL"));
            }
            Ok((event_time, delay_of(&parser.interval()?)))
        });
        let Some((event_time, delay)) = read else { return Ok(None) };
        let delay = delay.ok_or_else(|| self.unexpected())?;
        match &event_time.expr_type {
            Some(ExprType::UnresolvedAttribute(_) | ExprType::Alias(_)) => {}
            _ => {
                let error = SparkError::new("REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE");
                return Err(self.error_from(start, error.with("sqlExpr", self.source(start))));
            }
        }
        Ok(Some(WatermarkClause { event_time, delay }))
    }

    /// The relation with the clause, if there was one.
    pub fn watermarked(&self, start: usize, relation: pb::Relation, clause: Option<WatermarkClause>) -> pb::Relation {
        let Some(WatermarkClause { event_time, delay }) = clause else { return relation };
        let (relation, event_time) = match event_time.expr_type {
            Some(ExprType::UnresolvedAttribute(column)) => (relation, column.unparsed_identifier),
            other => {
                let name = match &other {
                    Some(ExprType::Alias(alias)) => alias.name.join("."),
                    _ => String::new(),
                };
                let named = pb::Expression { expr_type: other, ..event_time };
                let all = build::expr(ExprType::UnresolvedStar(UnresolvedStar::default()));
                (build::project(Some(relation), vec![named, all]), format!("`{}`", name.replace('`', "``")))
            }
        };
        let watermark = pb::WithWatermark { input: Some(Box::new(relation)), event_time, delay_threshold: delay };
        self.placed_relation(start, build::rel(RelType::WithWatermark(Box::new(watermark))))
    }
}

/// An interval literal as text.
fn delay_of(interval: &pb::Expression) -> Option<String> {
    let Some(ExprType::Literal(literal)) = &interval.expr_type else { return None };
    match literal.literal_type.as_ref()? {
        LiteralType::DayTimeInterval(us) => Some(format!("{us} microseconds")),
        LiteralType::YearMonthInterval(months) => Some(format!("{months} months")),
        LiteralType::CalendarInterval(own) => {
            Some(format!("{} months {} days {} microseconds", own.months, own.days, own.microseconds))
        }
        _ => None,
    }
}
