//! MERGE, DELETE and UPDATE: tables in files refuse them, after a look at the columns that they name.

use std::collections::BTreeMap;

use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::command::SqlCommand;
use super::parser::Parser;

/// What the clauses of MERGE name: columns of both sides, of the target, of the source.
#[derive(Default)]
struct Named {
    both: Vec<pb::Expression>,
    target: Vec<pb::Expression>,
    source: Vec<pb::Expression>,
}

impl Parser<'_> {
    /// A statement that begins with `word`.
    pub(super) fn row_change(&mut self, word: &str) -> Result<SqlCommand> {
        self.advance();
        let operation = match word {
            "MERGE" => {
                self.eat_words(&["WITH", "SCHEMA", "EVOLUTION"]);
                self.expect_word("INTO")?;
                "MERGE INTO TABLE"
            }
            "DELETE" => {
                if !self.is_word("FROM") && self.is_identifier_at(0) {
                    return Err(self.lacking("FROM"));
                }
                self.expect_word("FROM")?;
                "DELETE"
            }
            _ => "UPDATE TABLE",
        };
        let start = self.position();
        let table = self.name_parts()?;
        if self.is_end() && word != "DELETE" {
            return Err(self.unexpected());
        }
        let target = self.named_table(start, &table, BTreeMap::new());
        let checks = match word {
            "UPDATE" => self.update(target)?,
            "MERGE" => self.merge(target)?,
            _ => self.delete(target)?,
        };
        Ok(SqlCommand::RowChange { table, operation, checks })
    }

    fn skip_row_change(&mut self) {
        while !self.is_end() && !self.is_symbol(";") {
            self.advance();
        }
    }

    /// `[[AS] alias]` of a table before one of `words`.
    fn changed_alias(&mut self, table: pb::Relation, words: &[&str]) -> Result<pb::Relation> {
        if self.is_end() || self.is_symbol(";") || self.is_any_word(words) {
            return Ok(table);
        }
        self.eat_word("AS");
        Ok(build::subquery_alias(table, self.identifier()?))
    }

    /// `[[AS] alias] [WHERE condition]`.
    fn delete(&mut self, target: pb::Relation) -> Result<Vec<pb::Relation>> {
        let target = self.changed_alias(target, &["WHERE"])?;
        let checked = self.filtered(target)?;
        self.skip_row_change();
        Ok(vec![checked])
    }

    /// `[WHERE condition]` over a table.
    fn filtered(&mut self, table: pb::Relation) -> Result<pb::Relation> {
        match self.eat_word("WHERE") {
            true => Ok(build::filter(table, self.standalone_expression()?)),
            false => Ok(table),
        }
    }

    /// `[[AS] alias] SET a = value, .. [WHERE condition]`.
    fn update(&mut self, target: pb::Relation) -> Result<Vec<pb::Relation>> {
        let target = self.changed_alias(target, &["SET"])?;
        self.expect_word("SET")?;
        let (mut columns, values) = self.changed_values()?;
        let checked = self.filtered(target)?;
        columns.extend(values);
        Ok(vec![build::project(Some(checked), columns)])
    }

    /// `a = value, ..`: the columns, and the values but DEFAULT.
    fn changed_values(&mut self) -> Result<(Vec<pb::Expression>, Vec<pb::Expression>)> {
        let pairs = self.comma_separated(|parser| {
            let column = parser.changed_column()?;
            parser.expect_symbol("=")?;
            Ok((column, parser.standalone_expression()?))
        })?;
        let (columns, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        Ok((columns, values.into_iter().filter(|value| !is_default(value)).collect()))
    }

    fn changed_column(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let name = self.name_parts()?;
        Ok(self.placed(start, build::attribute(&name)))
    }

    /// `[[AS] alias] USING source [[AS] alias] ON condition WHEN ..`.
    fn merge(&mut self, target: pb::Relation) -> Result<Vec<pb::Relation>> {
        let target = self.changed_alias(target, &["USING"])?;
        self.expect_word("USING")?;
        let source = if self.is_symbol("(") {
            self.advance();
            let query = self.query()?;
            self.expect_symbol(")")?;
            query
        } else {
            let start = self.position();
            let name = self.name_parts()?;
            self.named_table(start, &name, BTreeMap::new())
        };
        let source = self.changed_alias(source, &["ON"])?;
        self.expect_word("ON")?;
        let condition = self.standalone_expression()?;
        if self.is_end() || self.is_symbol(";") {
            return Err(self.error_whole(SparkError::new("MERGE_WITHOUT_WHEN")));
        }
        if !self.is_word("WHEN") {
            return Err(self.unexpected());
        }
        let named = self.merge_clauses()?;
        self.skip_row_change();
        let join = pb::Join {
            left: Some(Box::new(target.clone())),
            right: Some(Box::new(source.clone())),
            join_condition: Some(condition),
            join_type: pb::join::JoinType::Inner.into(),
            ..Default::default()
        };
        let join = build::rel(RelType::Join(Box::new(join)));
        let mut checks = vec![if named.both.is_empty() { join } else { build::project(Some(join), named.both) }];
        let sides = [(target, named.target), (source, named.source)];
        let sides = sides.into_iter().filter(|(_, columns)| !columns.is_empty());
        checks.extend(sides.map(|(rows, columns)| build::project(Some(rows), columns)));
        Ok(checks)
    }

    /// `WHEN [NOT] MATCHED [BY SOURCE | BY TARGET] [AND condition] THEN action`, any number of times.
    fn merge_clauses(&mut self) -> Result<Named> {
        const CONDITIONS: [&str; 3] = [
            "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION",
            "NON_LAST_NOT_MATCHED_CLAUSE_OMIT_CONDITION",
            "NON_LAST_NOT_MATCHED_BY_SOURCE_CLAUSE_OMIT_CONDITION",
        ];
        // For each kind of clause whether one without a condition was read, and whether another came behind it.
        let (mut unconditional, mut shadowed) = ([false; 3], [false; 3]);
        let mut named = Named::default();
        while self.eat_word("WHEN") {
            let not = self.eat_word("NOT");
            self.expect_word("MATCHED")?;
            let by_source = not && self.eat_words(&["BY", "SOURCE"]);
            if not && !by_source {
                self.eat_words(&["BY", "TARGET"]);
            }
            let kind = if by_source { 2 } else { usize::from(not) };
            let conditional = self.eat_word("AND");
            if conditional {
                let condition = self.standalone_expression()?;
                named.values_of(kind).push(condition);
            }
            self.expect_word("THEN")?;
            if kind == 1 {
                if !self.is_word("INSERT") {
                    return Err(self.unexpected());
                }
            } else if !self.is_any_word(&["DELETE", "UPDATE"]) {
                return Err(self.unexpected());
            }
            shadowed[kind] |= unconditional[kind];
            unconditional[kind] |= !conditional;
            self.merge_action(kind, &mut named)?;
        }
        let wrong = CONDITIONS.iter().zip(shadowed).find(|(_, shadowed)| *shadowed);
        wrong.map_or(Ok(named), |(condition, _)| Err(self.error_whole(SparkError::new(*condition))))
    }

    /// `DELETE`, `UPDATE SET a = value, ..`, `INSERT (a, ..) VALUES (value, ..)`; `*` stands for all columns.
    fn merge_action(&mut self, kind: usize, named: &mut Named) -> Result<()> {
        if self.eat_words(&["UPDATE", "SET"]) && !self.is_symbol("*") {
            let (columns, values) = self.changed_values()?;
            named.target.extend(columns);
            named.values_of(kind).extend(values);
        } else if self.eat_word("INSERT") && self.is_symbol("(") {
            named.target.extend(self.parenthesized(Self::changed_column)?);
            self.expect_word("VALUES")?;
            let values = self.parenthesized(Self::standalone_expression)?;
            named.source.extend(values.into_iter().filter(|value| !is_default(value)));
        }
        let ends = |parser: &Self| {
            parser.is_end()
                || parser.is_symbol(";")
                || parser.is_word("WHEN") && parser.is_any_word_at(1, &["MATCHED", "NOT"])
        };
        while !ends(self) {
            self.advance();
        }
        Ok(())
    }
}

impl Named {
    /// Where the values of a kind of clause look for their columns.
    fn values_of(&mut self, kind: usize) -> &mut Vec<pb::Expression> {
        match kind {
            0 => &mut self.both,
            1 => &mut self.source,
            _ => &mut self.target,
        }
    }
}

fn is_default(value: &pb::Expression) -> bool {
    let Some(ExprType::UnresolvedAttribute(own)) = &value.expr_type else { return false };
    own.unparsed_identifier.eq_ignore_ascii_case("DEFAULT")
}
