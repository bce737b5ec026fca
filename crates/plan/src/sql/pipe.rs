//! The pipe operator: `FROM t |> WHERE a > 1 |> SELECT b`.

use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::extension::{ExpressionKind, Ordinal, StarExcept};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::parser::Parser;

impl Parser<'_> {
    /// All `|> operator` that follow a query.
    pub fn pipes(&mut self, start: usize, mut query: pb::Relation) -> Result<pb::Relation> {
        while self.eat_symbol("|>") {
            let next = self.pipe(start, query)?;
            query = self.placed_relation(start, next);
        }
        Ok(query)
    }

    fn pipe(&mut self, start: usize, input: pb::Relation) -> Result<pb::Relation> {
        if self.is_word("SELECT") {
            return self.select_over(Some(input));
        }
        if self.eat_word("EXTEND") {
            let added = self.comma_separated(Self::named_expression)?;
            let star = pb::expression::UnresolvedStar::default();
            let list = std::iter::once(build::expr(ExprType::UnresolvedStar(star))).chain(added).collect();
            return Ok(build::project(Some(input), list));
        }
        if self.eat_word("SET") {
            let assignments = self.comma_separated(|parser| {
                let name = parser.identifier()?;
                parser.expect_symbol("=")?;
                Ok((name, parser.expression()?))
            })?;
            // A later assignment sees the earlier ones.
            return Ok(assignments.into_iter().fold(input, |input, (name, value)| {
                let alias = pb::expression::Alias { expr: Some(Box::new(value)), name: vec![name], metadata: None };
                build::rel(RelType::WithColumns(Box::new(pb::WithColumns {
                    input: Some(Box::new(input)),
                    aliases: vec![alias],
                })))
            }));
        }
        if self.eat_word("DROP") {
            let names = self.comma_separated(Self::name_parts)?;
            let except = names.iter().map(|parts| super::name::unparse(parts)).collect();
            let star = ExpressionKind::StarExcept(StarExcept { unparsed_target: None, except });
            return Ok(build::project(Some(input), vec![star.into_expression()]));
        }
        if self.eat_word("AS") {
            let alias = self.identifier()?;
            return Ok(build::subquery_alias(input, alias));
        }
        if self.eat_word("WHERE") {
            let condition = self.expression()?;
            return Ok(build::filter(input, condition));
        }
        if self.eat_word("AGGREGATE") {
            return self.pipe_aggregate(input);
        }
        if self.is_any_word(&["UNION", "EXCEPT", "MINUS", "INTERSECT"]) {
            return self.set_operation_over(start, input);
        }
        if self.is_any_word(&["ORDER", "SORT", "CLUSTER", "DISTRIBUTE", "LIMIT", "OFFSET"]) {
            return self.organized(start, input);
        }
        if self.is_word("TABLESAMPLE") {
            return self.sample(input);
        }
        let before = self.position();
        let extended = self.relation_extensions(start, input)?;
        if self.position() == before { Err(self.unexpected()) } else { Ok(extended) }
    }

    /// `AGGREGATE aggregates [GROUP BY grouping]`: the output is the grouping expressions, then the aggregates.
    fn pipe_aggregate(&mut self, input: pb::Relation) -> Result<pb::Relation> {
        let aggregates = if self.is_word("GROUP") { vec![] } else { self.comma_separated(Self::named_expression)? };
        let mut keys = vec![];
        if self.eat_words(&["GROUP", "BY"]) {
            let start = self.position();
            if self.is_any_word(&["ROLLUP", "CUBE", "GROUPING"])
                && (self.is_symbol_at(1, "(") || self.is_word_at(1, "SETS"))
            {
                let word =
                    if self.is_word("GROUPING") { "GROUPING SETS".into() } else { self.peek().text.to_uppercase() };
                let error = SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE")
                    .with("case", format!("GROUP BY {word}"));
                return Err(self.error_from(start, error));
            }
            keys = self.comma_separated(Self::named_expression)?;
            // A position is one of the input's columns.
            keys.iter_mut().for_each(super::query::to_ordinal);
        }
        let unaliased = |key: &pb::Expression| match &key.expr_type {
            Some(ExprType::Alias(alias)) => alias.expr.as_deref().cloned().unwrap_or_default(),
            _ => key.clone(),
        };
        let grouped = |index: usize, key: &pb::Expression| {
            let is_position = matches!(&key.expr_type, Some(ExprType::Extension(any))
                if matches!(ExpressionKind::from_any(any), Some(ExpressionKind::Ordinal(_))));
            if !is_position {
                return unaliased(key);
            }
            // In GROUP BY a position is one of the select list, in which the key stands at the same place.
            let position = i32::try_from(index + 1).unwrap_or(i32::MAX);
            ExpressionKind::Ordinal(Ordinal { position }).into_expression()
        };
        let aggregate = firesteel_protocol::extension::SqlAggregate {
            input: Some(Box::new(input)),
            grouping: keys.iter().enumerate().map(|(index, key)| grouped(index, key)).collect(),
            grouping_sets: vec![],
            group_by_all: false,
            select: keys.into_iter().chain(aggregates).collect(),
            having: None,
        };
        Ok(firesteel_protocol::extension::RelationKind::Aggregate(Box::new(aggregate)).into_relation())
    }
}
