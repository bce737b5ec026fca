//! The pipe operator: `FROM t |> WHERE a > 1 |> SELECT b`.

use firesteel_protocol::connect::{self as pb, expression::ExprType};
use firesteel_protocol::extension::{ExpressionKind, Ordinal, PipeColumns, RelationKind, StarExcept};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::parser::Parser;
use crate::expression::walk;

impl Parser<'_> {
    /// All `|> operator` that follow a query.
    pub fn pipes(&mut self, start: usize, mut query: pb::Relation) -> Result<pb::Relation> {
        while self.eat_symbol("|>") {
            if !self.ctx.pipes {
                let message = "Operator pipe SQL syntax using |>";
                return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
            }
            let next = self.pipe(start, query)?;
            query = self.placed_relation(start, next);
        }
        Ok(query)
    }

    fn pipe(&mut self, start: usize, input: pb::Relation) -> Result<pb::Relation> {
        if self.is_end() || self.is_symbol(")") || self.is_symbol(";") {
            // No operator is one that changes nothing.
            return Ok(input);
        }
        // What the operator before left out is out of sight.
        let input = PipeColumns { input: Some(Box::new(input)), columns: vec![], set: false };
        let input = RelationKind::PipeColumns(Box::new(input)).into_relation();
        if self.is_word("SELECT") {
            return self.select_in_pipe(input);
        }
        if self.eat_word("EXTEND") {
            let windows = self.scan_windows();
            self.windows.push(windows);
            let added = self.comma_separated(Self::named_expression);
            self.windows.pop();
            let added = added?;
            self.skip_window_clause()?;
            refuse_star(&added)?;
            let pipe = PipeColumns { input: Some(Box::new(input)), columns: added, set: false };
            return Ok(RelationKind::PipeColumns(Box::new(pipe)).into_relation());
        }
        if self.eat_word("SET") {
            let assignments = self.comma_separated(|parser| {
                let start = parser.position();
                let name = parser.name_parts()?;
                parser.expect_symbol("=")?;
                let value = parser.expression()?;
                match <[String; 1]>::try_from(name) {
                    Ok([name]) => Ok((name, value)),
                    Err(_) => {
                        let message = "SQL pipe syntax |> SET operator with multi-part assignment key (only single-part keys are allowed)";
                        Err(parser.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)))
                    }
                }
            })?;
            // A later assignment sees the earlier ones.
            return Ok(assignments.into_iter().fold(input, |input, (name, value)| {
                let alias = pb::expression::Alias { expr: Some(Box::new(value)), name: vec![name], metadata: None };
                let columns = vec![build::expr(ExprType::Alias(Box::new(alias)))];
                let pipe = PipeColumns { input: Some(Box::new(input)), columns, set: true };
                self.placed_relation(start, RelationKind::PipeColumns(Box::new(pipe)).into_relation())
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
            if self.is_word("WINDOW") && self.is_word_at(2, "AS") {
                self.skip_window_clause()?;
                let error = SparkError::new("NOT_ALLOWED_IN_PIPE_OPERATOR_WHERE.WINDOW_CLAUSE");
                return Err(self.error_whole(error));
            }
            return Ok(build::filter(input, condition));
        }
        if self.eat_word("AGGREGATE") {
            return self.pipe_aggregate(input);
        }
        if self.is_any_word(&["UNION", "EXCEPT", "MINUS", "INTERSECT"]) {
            return self.set_operation_over(start, input);
        }
        if self.is_any_word(&["ORDER", "SORT", "CLUSTER", "DISTRIBUTE", "LIMIT", "OFFSET"]) {
            let own = self.position();
            let ordered = !self.is_any_word(&["LIMIT", "OFFSET"]);
            let first = self.peek().text.to_ascii_uppercase();
            let before = self.mark();
            if ordered {
                self.advance();
                self.advance();
                let mut depth = 0_usize;
                while !self.is_end()
                    && !(depth == 0
                        && (self.is_symbol("|>")
                            || self.is_word("LIMIT")
                            || self.is_word("OFFSET")
                            || self.is_symbol(")")))
                {
                    match self.advance().text {
                        "(" => depth += 1,
                        ")" => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                }
                if let Some(mut second) = self.eat_any(&["LIMIT", "OFFSET"]) {
                    self.expression()?;
                    // Of both Spark looks at OFFSET first.
                    if let Some(other) = self.eat_any(&["LIMIT", "OFFSET"]) {
                        self.expression()?;
                        second = if other == "OFFSET" { other } else { second };
                    }
                    let error = SparkError::new("MULTIPLE_QUERY_RESULT_CLAUSES_WITH_PIPE_OPERATORS");
                    let error = error.with("clause1", format!("{first} BY")).with("clause2", second);
                    return Err(self.error_from(own, error));
                }
                self.reset(before);
            }
            return self.organized(start, input);
        }
        if self.is_word("WINDOW") && self.is_word_at(2, "AS") {
            let own = self.position();
            self.skip_window_clause()?;
            let error = SparkError::new("UNSUPPORTED_FEATURE.CLAUSE_WITH_PIPE_OPERATORS");
            return Err(self.error_from(own, error.with("clauses", "the WINDOW clause")));
        }
        if self.is_word("TABLESAMPLE") {
            return self.sample(input);
        }
        let before = self.position();
        let extended = self.relation_extensions(start, input)?;
        if self.position() == before {
            let is_last = self.peek_at(1).kind == Kind::End || self.is_symbol_at(1, ";");
            return Err(if is_last { self.extra() } else { self.unexpected() });
        }
        Ok(extended)
    }

    /// `AGGREGATE aggregates [GROUP BY grouping]`: the output is the grouping expressions, then the aggregates.
    fn pipe_aggregate(&mut self, input: pb::Relation) -> Result<pb::Relation> {
        if self.is_end() || self.is_symbol("|>") || self.is_symbol(")") {
            let message = "The AGGREGATE clause requires a list of aggregate expressions or a list of grouping expressions, or both";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        let aggregates = if self.is_word("GROUP") { vec![] } else { self.comma_separated(Self::named_expression)? };
        refuse_star(&aggregates)?;
        let mut keys = vec![];
        if self.eat_words(&["GROUP", "BY"]) {
            if self.is_word("ALL") && (self.peek_at(1).kind == super::lexer::Kind::End || self.is_symbol_at(1, "|>")) {
                let error = SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE");
                return Err(self.error_whole(error.with("case", "GROUP BY ALL")));
            }
            if self.is_any_word(&["ROLLUP", "CUBE", "GROUPING"])
                && (self.is_symbol_at(1, "(") || self.is_word_at(1, "SETS"))
            {
                let word = if self.is_word("GROUPING") {
                    "GROUPING SETS".to_string()
                } else {
                    format!("GROUP BY {}", self.peek().text.to_uppercase())
                };
                let error =
                    SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE").with("case", word);
                return Err(self.error_whole(error));
            }
            keys = self.comma_separated(Self::named_expression)?;
            if aggregates.iter().any(|one| !walk::find(one, &walk::is_window).is_empty()) {
                let case = "window functions; please update the query to move the window functions to a subsequent \
                            |> SELECT operator instead";
                let error = SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE");
                return Err(self.error_whole(error.with("case", case)));
            }
            if self.is_any_word(&["ROLLUP", "CUBE"]) && self.previous().text.eq_ignore_ascii_case("WITH") {
                let word = format!("GROUP BY {}", self.peek().text.to_uppercase());
                self.advance();
                let error = SparkError::new("UNSUPPORTED_FEATURE.PIPE_OPERATOR_AGGREGATE_UNSUPPORTED_CASE");
                return Err(self.error_whole(error.with("case", word)));
            }
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
            pipe_keys: Some(u32::try_from(keys.len()).unwrap_or_default()),
            select: keys.into_iter().chain(aggregates).collect(),
            having: None,
        };
        Ok(firesteel_protocol::extension::RelationKind::Aggregate(Box::new(aggregate)).into_relation())
    }
}

/// EXTEND and AGGREGATE take no star.
fn refuse_star(list: &[pb::Expression]) -> Result<()> {
    if !list.iter().any(|item| matches!(item.expr_type, Some(ExprType::UnresolvedStar(_)))) {
        return Ok(());
    }
    Err(SparkError::new("INVALID_USAGE_OF_STAR_OR_REGEX")
        .with("elem", "'*'")
        .with("prettyName", "expression `pipeexpression`")
        .placeless())
}
