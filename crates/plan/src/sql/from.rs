//! FROM: tables, subqueries, inline tables, table functions, joins, LATERAL, PIVOT, UNPIVOT, TABLESAMPLE.

use std::collections::BTreeMap;

use firesteel_protocol::connect::{self as pb, expression::ExprType, join::JoinType, read, relation::RelType};
use firesteel_protocol::extension::{
    ColumnAliases, LateralView, NaturalJoin, RelationKind, SqlPivot, SqlUnpivot, UnpivotColumn, Values, ValuesRow,
};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::lexer::Kind;
use super::name::unparse;
use super::parser::Parser;

impl Parser<'_> {
    /// What follows FROM: relations between commas, LATERAL VIEWs and a PIVOT over all of them.
    pub fn relation_list(&mut self) -> Result<pb::Relation> {
        let start = self.position();
        let mut left = self.relation()?;
        let joins_first = self.ctx.ansi && self.is_set("spark.sql.ansi.relationPrecedence", false);
        while self.eat_symbol(",") {
            if joins_first && !self.is_lateral() {
                let right = self.relation()?;
                left = self.placed_relation(start, join(left, right, JoinType::Inner, None, vec![]));
                continue;
            }
            // Joins behind a comma join all that is before them: in `a, b JOIN c ON a.x = c.x` the condition sees `a`.
            let joined = if self.is_lateral() {
                self.advance();
                lateral_join(left, self.relation_primary()?, JoinType::Inner, None)
            } else {
                join(left, self.relation_primary()?, JoinType::Inner, None, vec![])
            };
            let joined = self.placed_relation(start, joined);
            left = self.relation_extensions(start, joined)?;
        }
        while self.is_words(&["LATERAL", "VIEW"]) {
            left = self.lateral_view(left)?;
        }
        if self.is_word("PIVOT") && self.is_symbol_at(1, "(") {
            left = self.pivot(start, left)?;
        }
        if self.is_unpivot() {
            left = self.unpivot(start, left)?;
        }
        Ok(left)
    }

    fn is_lateral(&self) -> bool {
        self.is_word("LATERAL") && (self.is_symbol_at(1, "(") || (self.is_identifier_at(1) && self.is_call_at(1)))
    }

    /// `a.b.c(` from token `ahead` on.
    fn is_call_at(&self, ahead: usize) -> bool {
        let mut ahead = ahead;
        while self.is_identifier_at(ahead) && self.is_symbol_at(ahead + 1, ".") {
            ahead += 2;
        }
        self.is_identifier_at(ahead) && self.is_symbol_at(ahead + 1, "(")
    }

    /// A relation and its joins.
    pub fn relation(&mut self) -> Result<pb::Relation> {
        self.nested(|parser| {
            let start = parser.position();
            if parser.is_lateral() {
                parser.advance();
                let right = parser.relation_primary()?;
                let joined = lateral_join(build::one_row(), right, JoinType::Inner, None);
                return parser.relation_extensions(start, joined);
            }
            let primary = parser.relation_primary()?;
            parser.relation_extensions(start, primary)
        })
    }

    /// Joins, PIVOT and UNPIVOT behind a relation.
    pub fn relation_extensions(&mut self, start: usize, mut left: pb::Relation) -> Result<pb::Relation> {
        loop {
            if self.is_word("PIVOT") && self.is_symbol_at(1, "(") {
                left = self.pivot(start, left)?;
            } else if self.is_unpivot() {
                left = self.unpivot(start, left)?;
            } else if let Some((at, natural, join_type)) = self.join_start() {
                left = self.joined(at, left, natural, join_type)?;
            } else {
                return Ok(left);
            }
        }
    }

    /// `[NATURAL] [LEFT OUTER ..] JOIN`, taken; None when no join is next.
    fn join_start(&mut self) -> Option<(usize, bool, JoinType)> {
        const KINDS: [(&[&str], JoinType); 13] = [
            (&["JOIN"], JoinType::Inner),
            (&["INNER", "JOIN"], JoinType::Inner),
            (&["CROSS", "JOIN"], JoinType::Cross),
            (&["LEFT", "OUTER", "JOIN"], JoinType::LeftOuter),
            (&["LEFT", "SEMI", "JOIN"], JoinType::LeftSemi),
            (&["SEMI", "JOIN"], JoinType::LeftSemi),
            (&["LEFT", "ANTI", "JOIN"], JoinType::LeftAnti),
            (&["ANTI", "JOIN"], JoinType::LeftAnti),
            (&["LEFT", "JOIN"], JoinType::LeftOuter),
            (&["RIGHT", "OUTER", "JOIN"], JoinType::RightOuter),
            (&["RIGHT", "JOIN"], JoinType::RightOuter),
            (&["FULL", "OUTER", "JOIN"], JoinType::FullOuter),
            (&["FULL", "JOIN"], JoinType::FullOuter),
        ];
        let natural = self.is_word("NATURAL");
        let skip = usize::from(natural);
        let (words, join_type) = KINDS
            .into_iter()
            .find(|(words, _)| words.iter().enumerate().all(|(at, word)| self.is_word_at(skip + at, word)))?;
        let start = self.position();
        self.jump(start + skip + words.len());
        Some((start, natural, join_type))
    }

    fn joined(&mut self, start: usize, left: pb::Relation, natural: bool, join_type: JoinType) -> Result<pb::Relation> {
        if self.is_lateral() {
            self.advance();
            let right = self.relation_primary()?;
            let condition = if self.eat_word("ON") { Some(self.expression()?) } else { None };
            let using = self.eat_word("USING");
            if using {
                self.parenthesized(Self::identifier)?;
            }
            if !matches!(join_type, JoinType::Inner | JoinType::Cross | JoinType::LeftOuter) {
                let name = join_type.as_str_name().trim_start_matches("JOIN_TYPE_").replace('_', " ");
                let error = SparkError::new("INVALID_LATERAL_JOIN_TYPE").with("joinType", name);
                return Err(self.error_from(start, error));
            }
            if natural {
                let error = SparkError::new("INCOMPATIBLE_JOIN_TYPES");
                return Err(self.error_from(start, error.with("joinType1", "LATERAL").with("joinType2", "NATURAL")));
            }
            if using {
                return Err(self.error_from(start, SparkError::new("UNSUPPORTED_FEATURE.LATERAL_JOIN_USING")));
            }
            return Ok(self.placed_relation(start, lateral_join(left, right, join_type, condition)));
        }
        let right = self.relation_primary()?;
        if natural && join_type == JoinType::Cross {
            let error = SparkError::new("INCOMPATIBLE_JOIN_TYPES");
            return Err(self.error_from(start, error.with("joinType1", "NATURAL").with("joinType2", "CROSS")));
        }
        if natural {
            let natural =
                NaturalJoin { left: Some(Box::new(left)), right: Some(Box::new(right)), join_type: join_type.into() };
            return Ok(self.placed_relation(start, RelationKind::NaturalJoin(Box::new(natural)).into_relation()));
        }
        let (condition, using) = if self.eat_word("ON") {
            (Some(self.expression()?), vec![])
        } else if self.eat_word("USING") {
            (None, self.parenthesized(Self::identifier)?)
        } else {
            (None, vec![])
        };
        Ok(self.placed_relation(start, join(left, right, join_type, condition, using)))
    }

    /// A table, a subquery, an inline table or a table function, with its alias.
    pub fn relation_primary(&mut self) -> Result<pb::Relation> {
        self.nested(|parser| parser.any_primary())
    }

    fn any_primary(&mut self) -> Result<pb::Relation> {
        let start = self.position();
        if self.is_symbol("(") {
            return self.parenthesized_relation();
        }
        if self.is_word("VALUES")
            && (self.is_symbol_at(1, "(") && !self.is_symbol_at(2, ")")
                || matches!(self.peek_at(1).kind, Kind::Number(_) | Kind::Text))
        {
            return self.inline_table();
        }
        if self.is_word("LATERAL") && self.is_identifier_at(1) && !self.is_words(&["LATERAL", "VIEW"]) {
            // A table has nothing to look sideways at.
            self.advance();
            self.any_primary()?;
            let clause = (0..start).rev().find(|at| self.token(*at).text.eq_ignore_ascii_case("FROM")).unwrap_or(start);
            let error = SparkError::new("INVALID_SQL_SYNTAX.LATERAL_WITHOUT_SUBQUERY_OR_TABLE_VALUED_FUNC");
            return Err(self.error_from(clause, error));
        }
        if let Some(table) = self.stream_relation(start)? {
            return Ok(table);
        }
        let parts = self.name_parts()?;
        if self.is_symbol("(") {
            return self.table_function(start, &parts);
        }
        if self.is_any_word(&["VERSION", "TIMESTAMP", "FOR"])
            && (self.is_words(&["VERSION", "AS", "OF"])
                || self.is_words(&["TIMESTAMP", "AS", "OF"])
                || self.is_word_at(1, "SYSTEM_VERSION")
                || self.is_word_at(1, "SYSTEM_TIME"))
        {
            while !self.is_end() && !self.is_symbol(")") && !self.is_symbol(";") && !self.is_symbol(",") {
                self.advance();
            }
            let shown = match parts.as_slice() {
                [_] if self.knows_temporary(&parts) => parts.clone(),
                [own] => vec!["spark_catalog".to_string(), self.database(), own.clone()],
                [database, own] => vec!["spark_catalog".to_string(), database.clone(), own.clone()],
                _ => parts.clone(),
            };
            let error = SparkError::new("UNSUPPORTED_FEATURE.TIME_TRAVEL");
            return Err(error
                .with("relationId", super::name::quote_parts(&shown))
                .raised_as("UNRESOLVED_COLUMN")
                .placeless());
        }
        let options = self.table_options()?;
        let table = self.named_table(start, &parts, options);
        let sampled = self.sample(table)?;
        self.aliased(start, sampled)
    }

    fn database(&self) -> String {
        self.ctx.session.as_ref().map_or_else(|| "default".to_string(), |ctx| ctx.env.database.to_string())
    }

    /// Whether a name is that of a temporary view or a CTE.
    fn knows_temporary(&self, parts: &[String]) -> bool {
        let view = self.ctx.session.as_ref().and_then(|ctx| ctx.catalog.table(parts).ok().flatten());
        parts.first().is_some_and(|name| self.cte_reference(name).is_some())
            || matches!(view, Some(crate::context::TableEntry::View { scope: None, .. }))
    }

    /// `STREAM t` or `STREAM(t)`, with options and an alias; a table may be called `stream`, too, if no name follows.
    fn stream_relation(&mut self, start: usize) -> Result<Option<pb::Relation>> {
        if !self.is_word("STREAM") {
            return Ok(None);
        }
        let parts = self.attempt(|parser| {
            parser.advance();
            let in_parentheses = parser.is_symbol("(");
            if in_parentheses {
                parser.advance();
            } else if !parser.is_bare_table_alias() {
                return Err(parser.unexpected());
            }
            let parts = parser.name_parts()?;
            match in_parentheses {
                true => parser.expect_symbol(")").map(|()| parts),
                false => Ok(parts),
            }
        });
        let Some(parts) = parts else { return Ok(None) };
        if self.is_symbol("(") {
            return Err(self.not_yet(start, "STREAM of a table function", "use spark.readStream"));
        }
        let options = self.table_options()?;
        let mut table = self.named_table(start, &parts, options);
        if let Some(RelType::Read(read)) = table.rel_type.as_mut() {
            read.is_streaming = true;
        }
        self.aliased(start, table).map(Some)
    }

    /// `WITH (key = value, ..)` behind a table's name.
    fn table_options(&mut self) -> Result<BTreeMap<String, String>> {
        if !self.is_word("WITH") || !self.is_symbol_at(1, "(") {
            return Ok(BTreeMap::new());
        }
        self.advance();
        Ok(self.properties()?.into_iter().collect())
    }

    /// A table, view or CTE by name, or files as in `` parquet.`/path` ``.
    pub fn named_table(&mut self, start: usize, parts: &[String], options: BTreeMap<String, String>) -> pb::Relation {
        if let [name] = parts
            && let Some(reference) = self.cte_reference(name)
        {
            return self.placed_relation(start, build::subquery_alias(reference, name));
        }
        let table = read::NamedTable { unparsed_identifier: unparse(parts), options };
        let read = pb::Read { read_type: Some(read::ReadType::NamedTable(table)), is_streaming: false };
        self.placed_relation(start, build::rel(RelType::Read(read)))
    }

    /// `(query)` or `(relation)`.
    fn parenthesized_relation(&mut self) -> Result<pb::Relation> {
        let start = self.position();
        if self.is_query_at(1) || self.is_nested_query() {
            let query = self.attempt(|parser| {
                parser.advance();
                let query = parser.query()?;
                if parser.is_end() {
                    return Err(parser.lacking(")"));
                }
                parser.expect_symbol(")")?;
                Ok(query)
            });
            if let Some(query) = query {
                let sampled = self.sample(query)?;
                return self.aliased_query(start, sampled);
            }
            if self.is_query_at(1) {
                self.advance();
                let failure = match self.relation() {
                    Ok(_) => self.unexpected(),
                    Err(failure) => failure,
                };
                return Err(self.furthest(failure));
            }
        }
        self.expect_symbol("(")?;
        let relation = self.relation()?;
        self.expect_symbol(")")?;
        let sampled = self.sample(relation)?;
        self.aliased(start, sampled)
    }

    /// A subquery without a name gets one that nobody writes, so that qualifiers inside stay there.
    fn aliased_query(&mut self, start: usize, query: pb::Relation) -> Result<pb::Relation> {
        let watermark = self.watermark_clause()?;
        let query = if self.is_word("AS") || self.is_bare_table_alias() {
            self.named_by_alias(start, query)?
        } else {
            self.placed_relation(start, build::subquery_alias(query, "__auto_generated_subquery_name"))
        };
        Ok(self.watermarked(start, query, watermark))
    }

    /// `[WATERMARK ..] [AS] name [(columns)]`.
    fn aliased(&mut self, start: usize, relation: pb::Relation) -> Result<pb::Relation> {
        let watermark = self.watermark_clause()?;
        let relation = self.named_by_alias(start, relation)?;
        Ok(self.watermarked(start, relation, watermark))
    }

    fn named_by_alias(&mut self, start: usize, relation: pb::Relation) -> Result<pb::Relation> {
        // In `t AS (a)` the alias is AS itself.
        let explicit = !self.is_symbol_at(1, "(") && self.eat_word("AS");
        if !explicit && !self.is_bare_table_alias() {
            return Ok(relation);
        }
        if explicit && !self.is_identifier_at(0) {
            return Err(self.no_name());
        }
        let name = self.identifier()?;
        let mut relation = relation;
        if self.is_symbol("(") {
            let names = self.parenthesized(Self::identifier)?;
            let renamed = ColumnAliases { input: Some(Box::new(relation)), names };
            relation = self.placed_relation(start, RelationKind::ColumnAliases(Box::new(renamed)).into_relation());
        }
        Ok(self.placed_relation(start, build::subquery_alias(relation, name)))
    }

    /// A word that is no clause: any word may be an alias in Spark, but the clause wins where both could be.
    fn is_bare_table_alias(&self) -> bool {
        if !self.is_table_alias() {
            return false;
        }
        if self.peek().kind != Kind::Word {
            return true;
        }
        let next = self.peek_at(1);
        let ends = next.kind == Kind::End || (next.kind == Kind::Symbol && matches!(next.text, "," | ")" | ";"));
        let followed = |word: &str, by: &[&str]| self.is_word(word) && by.iter().any(|by| self.is_word_at(1, by));
        let clause = self.is_any_word(&["WHERE", "HAVING", "QUALIFY", "LIMIT", "OFFSET", "SELECT"]) && !ends
            || followed("GROUP", &["BY"])
            || followed("ORDER", &["BY"])
            || followed("SORT", &["BY"])
            || followed("CLUSTER", &["BY"])
            || followed("DISTRIBUTE", &["BY"])
            || (self.is_word("WINDOW") && self.is_identifier_at(1) && self.is_word_at(2, "AS"))
            || (self.is_any_word(&["PIVOT", "TABLESAMPLE"]) && self.is_symbol_at(1, "("))
            || self.is_unpivot()
            || followed("INSERT", &["INTO", "OVERWRITE"])
            || followed("WHEN", &["MATCHED", "NOT"])
            || (self.is_any_word(&["MAP", "REDUCE"]) && self.is_script_transform())
            || (self.in_for && self.is_word("DO"))
            || followed("SET", &[]);
        !clause
    }

    /// `name(arguments)` in FROM.
    fn table_function(&mut self, start: usize, parts: &[String]) -> Result<pb::Relation> {
        self.expect_symbol("(")?;
        let mut arguments = vec![];
        if !self.is_symbol(")") {
            arguments = self.comma_separated(Self::table_function_argument)?;
        }
        self.expect_symbol(")")?;
        let function = pb::UnresolvedTableValuedFunction { function_name: unparse(parts), arguments };
        let relation = build::rel(RelType::UnresolvedTableValuedFunction(function));
        if self.is_word("TABLESAMPLE") && self.is_symbol_at(1, "(") {
            // A function has no samples: the word is an alias and columns should follow.
            self.jump(self.position() + 2);
            return Err(self.unexpected());
        }
        // The function's alias is part of its place.
        let before = self.mark();
        self.aliased(start, build::one_row())?;
        let relation = self.placed_relation(start, relation);
        self.reset(before);
        self.aliased(start, relation)
    }

    /// An argument, perhaps named, perhaps a table.
    fn table_function_argument(&mut self) -> Result<pb::Expression> {
        let named = self.is_identifier_at(0) && self.is_symbol_at(1, "=>");
        let at = if named { 2 } else { 0 };
        let is_table =
            self.is_word_at(at, "TABLE") && (self.is_symbol_at(at + 1, "(") || self.is_identifier_at(at + 1));
        if !is_table {
            return self.argument(false);
        }
        let start = self.position();
        let key = if named { Some(self.identifier()?) } else { None };
        if named {
            self.expect_symbol("=>")?;
        }
        let table = self.table_argument()?;
        let Some(key) = key else { return Ok(table) };
        let argument = pb::NamedArgumentExpression { key, value: Some(Box::new(table)) };
        Ok(self.placed(start, build::expr(ExprType::NamedArgumentExpression(Box::new(argument)))))
    }

    /// `TABLE t`, `TABLE(t)` or `TABLE(query)`, then `WITH SINGLE PARTITION`, `PARTITION BY ..`, `ORDER BY ..`.
    fn table_argument(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        self.expect_word("TABLE")?;
        if !self.is_symbol("(") {
            let parts = self.name_parts()?;
            let condition = "INVALID_SQL_SYNTAX.INVALID_TABLE_FUNCTION_IDENTIFIER_ARGUMENT_MISSING_PARENTHESES";
            let argument = parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".");
            return Err(self.error_from(start, SparkError::new(condition).with("argumentName", argument)));
        }
        let plan_id = self.table_argument_rows()?;
        let mut options = pb::subquery_expression::TableArgOptions::default();
        if self.eat_word("WITH") {
            self.expect_word("SINGLE")?;
            self.expect_word("PARTITION")?;
            options.with_single_partition = Some(true);
        } else if self.eat_word("PARTITION") || self.eat_word("DISTRIBUTE") {
            self.expect_word("BY")?;
            let wrapped = self.is_symbol("(");
            options.partition_spec = if wrapped {
                let several = self.attempt(|parser| {
                    let list = parser.parenthesized(Self::expression)?;
                    let ends = parser.is_symbol(")") || parser.is_symbol(",") || parser.is_any_word(&["ORDER", "SORT"]);
                    if ends { Ok(list) } else { Err(parser.unexpected()) }
                });
                match several {
                    Some(list) => list,
                    None => vec![self.expression()?],
                }
            } else {
                self.table_argument_key(start, "PARTITION BY", Self::expression)?
            };
        } else if self.is_any_word(&["ORDER", "SORT"]) {
            return Err(self.unexpected());
        }
        if self.eat_word("ORDER") || self.eat_word("SORT") {
            self.expect_word("BY")?;
            options.order_spec = if self.is_symbol("(") {
                match self.attempt(|parser| {
                    let list = parser.parenthesized(Self::sort_order)?;
                    if parser.is_symbol(")") || parser.is_symbol(",") { Ok(list) } else { Err(parser.unexpected()) }
                }) {
                    Some(list) => list,
                    None => vec![self.sort_order()?],
                }
            } else {
                self.table_argument_key(start, "ORDER BY", Self::sort_order)?
            };
        }
        let subquery = pb::SubqueryExpression {
            plan_id,
            subquery_type: pb::subquery_expression::SubqueryType::TableArg.into(),
            table_arg_options: Some(options),
            in_subquery_values: vec![],
        };
        Ok(self.placed(start, build::expr(ExprType::SubqueryExpression(subquery))))
    }

    /// The rows of a TABLE argument as a reference of the enclosing query.
    fn table_argument_rows(&mut self) -> Result<i64> {
        if self.is_query_at(1) {
            return self.enclosed(Self::subquery);
        }
        let mut plan = self.enclosed(|parser| {
            let start = parser.position();
            let parts = parser.name_parts()?;
            Ok(parser.named_table(start, &parts, BTreeMap::new()))
        })?;
        let plan_id = super::parser::next_id();
        plan.common.get_or_insert_default().plan_id = Some(plan_id);
        self.references.push(plan);
        Ok(plan_id)
    }

    fn enclosed<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.expect_symbol("(")?;
        let value = inner(self)?;
        self.expect_symbol(")")?;
        Ok(value)
    }

    /// One key; several stand in parentheses, as what follows a comma is taken for the function's next argument.
    fn table_argument_key<T>(
        &mut self,
        start: usize,
        clause: &str,
        mut key: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let keys = vec![key(self)?];
        if self.is_symbol(",") && !(self.is_identifier_at(1) && self.is_symbol_at(2, "=>")) {
            let text = format!(
                "The table function call includes a table argument with an invalid partitioning/ordering specification: the \
                 {clause} clause included multiple expressions without parentheses surrounding them; please add \
                 parentheses around these expressions and then retry the query again"
            );
            return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", text)));
        }
        Ok(keys)
    }

    /// A row whose only value is `(a, b)` or `struct(a, b)` has the columns a and b.
    fn row_of(values: Vec<pb::Expression>) -> Vec<pb::Expression> {
        if let [pb::Expression { expr_type: Some(ExprType::UnresolvedFunction(call)), .. }] = &values[..]
            && call.function_name.eq_ignore_ascii_case("struct")
            && !call.arguments.is_empty()
        {
            return call.arguments.clone();
        }
        if let [pb::Expression { expr_type: Some(ExprType::UnresolvedFunction(call)), .. }] = &values[..]
            && call.function_name == "named_struct"
            && call.arguments.iter().step_by(2).all(|name| name.common.is_none())
        {
            return call.arguments.iter().skip(1).step_by(2).cloned().collect();
        }
        values
    }

    /// `VALUES (..), (..) [AS t(a, b)]`.
    pub fn inline_table(&mut self) -> Result<pb::Relation> {
        let start = self.position();
        self.expect_word("VALUES")?;
        let rows = self.comma_separated(|parser| {
            if parser.is_symbol("(") {
                let row = parser.attempt(|parser| {
                    let values = parser.parenthesized(Self::expression)?;
                    let next = parser.peek();
                    let operator = next.kind == Kind::Symbol && !matches!(next.text, "," | ")" | ";" | "|>");
                    if operator { Err(parser.unexpected()) } else { Ok(values) }
                });
                if let Some(values) = row {
                    return Ok(ValuesRow { values: Self::row_of(values) });
                }
            }
            Ok(ValuesRow { values: Self::row_of(vec![parser.expression()?]) })
        })?;
        let is_clause =
            self.is_any_word(&["UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "LIMIT", "OFFSET", "SORT"]);
        if is_clause {
            let values = RelationKind::Values(Values { rows, names: vec![] }).into_relation();
            return Ok(self.placed_relation(start, values));
        }
        // The table's alias is part of its place, and errors know its columns by their names.
        let before = self.mark();
        let names = match self.aliased(start, build::one_row())?.rel_type {
            Some(RelType::SubqueryAlias(alias)) => match alias.input.and_then(|input| input.rel_type) {
                Some(RelType::Extension(any)) => match RelationKind::from_any(&any) {
                    Some(RelationKind::ColumnAliases(aliases)) => aliases.names,
                    _ => vec![],
                },
                _ => vec![],
            },
            _ => vec![],
        };
        let values = RelationKind::Values(Values { rows, names }).into_relation();
        let values = self.placed_relation(start, values);
        self.reset(before);
        self.aliased(start, values)
    }

    /// `TABLESAMPLE (..) [REPEATABLE (seed)]`.
    pub fn sample(&mut self, input: pb::Relation) -> Result<pb::Relation> {
        if !(self.is_word("TABLESAMPLE") && self.is_symbol_at(1, "(")) {
            return Ok(input);
        }
        let start = self.position();
        self.advance();
        self.advance();
        if self.eat_word("BUCKET") {
            let numerator = f64::from(self.integer()?);
            self.expect_words(&["OUT", "OF"])?;
            let denominator = f64::from(self.integer()?);
            if self.eat_word("ON") {
                let is_call = self.is_identifier_at(0) && self.is_symbol_at(1, "(");
                self.expression()?;
                let msg = if is_call { "BUCKET x OUT OF y ON function" } else { "BUCKET x OUT OF y ON colname" };
                self.expect_symbol(")")?;
                return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0015").with("msg", msg)));
            }
            return self.sampled(start, input, numerator / denominator);
        }
        let negative = self.eat_symbol("-");
        let token = self.peek();
        let is_number = matches!(token.kind, Kind::Number(_));
        if is_number && self.is_word_at(1, "PERCENT") {
            self.advance();
            self.advance();
            let percent: f64 = token
                .text
                .trim_end_matches(|c: char| c.is_ascii_alphabetic())
                .parse()
                .map_err(|_| self.unexpected())?;
            let fraction = percent / 100.0;
            return self.sampled(start, input, if negative { -fraction } else { fraction });
        }
        if negative {
            self.jump(self.position() - 1);
        }
        if self.is_count_of_rows() {
            let rows = self.expression()?;
            self.expect_word("ROWS")?;
            self.expect_symbol(")")?;
            return Ok(self.limited(start, input, Some(rows), None));
        }
        if self.eat_symbol(")") {
            return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0014")));
        }
        let text = self.advance().text;
        if is_number && self.is_identifier_at(0) {
            return Err(self.extra());
        }
        self.eat_symbol(")");
        if text.ends_with(['b', 'k', 'm', 'g', 'B', 'K', 'M', 'G']) && text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(
                self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0015").with("msg", "byteLengthLiteral"))
            );
        }
        Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0016").with("bytesStr", text)))
    }

    /// Whether ROWS stands before the parenthesis that closes the one read last.
    fn is_count_of_rows(&self) -> bool {
        let mut depth = 0_usize;
        for ahead in 0.. {
            let token = self.peek_at(ahead);
            match (token.kind, token.text) {
                (Kind::End, _) => return false,
                (Kind::Symbol, "(") => depth += 1,
                (Kind::Symbol, ")") if depth == 0 => return ahead > 1 && self.is_word_at(ahead - 1, "ROWS"),
                (Kind::Symbol, ")") => depth -= 1,
                _ => {}
            }
        }
        false
    }

    fn sampled(&mut self, start: usize, input: pb::Relation, fraction: f64) -> Result<pb::Relation> {
        // The rounding of decimal fractions may go over the ends a little.
        const SLACK: f64 = 1e-6;
        self.expect_symbol(")")?;
        if !(-SLACK..=1.0 + SLACK).contains(&fraction) {
            let text = if fraction == fraction.trunc() { format!("{fraction:.1}") } else { fraction.to_string() };
            let msg = format!("Sampling fraction ({text}) must be on interval [0, 1]");
            return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", msg)));
        }
        let mut seed = None;
        if self.eat_word("REPEATABLE") {
            self.expect_symbol("(")?;
            seed = Some(i64::from(self.integer()?));
            self.expect_symbol(")")?;
        }
        let sample = pb::Sample {
            input: Some(Box::new(input)),
            lower_bound: 0.0,
            upper_bound: fraction,
            with_replacement: Some(false),
            seed,
            deterministic_order: false,
        };
        Ok(self.placed_relation(start, build::rel(RelType::Sample(Box::new(sample)))))
    }

    /// `LATERAL VIEW [OUTER] generator(..) [name] [AS a, b]`.
    pub fn lateral_view(&mut self, input: pb::Relation) -> Result<pb::Relation> {
        let start = self.position();
        self.expect_words(&["LATERAL", "VIEW"])?;
        let outer = self.is_word("OUTER") && self.is_identifier_at(1) && self.eat_word("OUTER");
        let call_start = self.position();
        let parts = self.name_parts()?;
        if !self.is_symbol("(") {
            return Err(self.unexpected());
        }
        let generator = self.call(call_start, parts)?;
        let has_name = self.is_identifier_at(0) && !self.is_word("AS") && self.is_bare_table_alias();
        let qualifier = if has_name { self.identifier()? } else { String::new() };
        let has_columns = self.eat_word("AS") || (has_name && self.is_identifier_at(0) && self.is_bare_table_alias());
        let column_names = if has_columns { self.comma_separated(Self::identifier)? } else { vec![] };
        let view =
            LateralView { input: Some(Box::new(input)), generator: Some(generator), outer, qualifier, column_names };
        Ok(self.placed_relation(start, RelationKind::LateralView(Box::new(view)).into_relation()))
    }

    /// `PIVOT (aggregates FOR columns IN (values)) [alias]`.
    fn pivot(&mut self, start: usize, input: pb::Relation) -> Result<pb::Relation> {
        let own = self.position();
        self.expect_word("PIVOT")?;
        self.expect_symbol("(")?;
        let aggregates = self.comma_separated(Self::named_expression)?;
        self.expect_word("FOR")?;
        let column = |parser: &mut Self| {
            let start = parser.position();
            let name = parser.name_parts()?;
            Ok(parser.placed(start, build::attribute(&name)))
        };
        let columns = if self.is_symbol("(") { self.parenthesized(column)? } else { vec![column(self)?] };
        self.expect_word("IN")?;
        let values = self.parenthesized(Self::named_expression)?;
        self.expect_symbol(")")?;
        let pivot = SqlPivot { input: Some(Box::new(input)), aggregates, columns, values };
        let pivot = self.placed_relation(own, RelationKind::Pivot(Box::new(pivot)).into_relation());
        self.named_only(start, pivot)
    }

    /// `[AS] name`, without names of columns.
    fn named_only(&mut self, start: usize, relation: pb::Relation) -> Result<pb::Relation> {
        if !self.eat_word("AS") && !self.is_bare_table_alias() {
            return Ok(relation);
        }
        let name = self.identifier()?;
        if self.is_symbol("(") {
            return Err(self.unexpected());
        }
        Ok(self.placed_relation(start, build::subquery_alias(relation, name)))
    }

    fn is_unpivot(&self) -> bool {
        let nulls = if self.is_word_at(2, "NULLS") && (self.is_word_at(1, "INCLUDE") || self.is_word_at(1, "EXCLUDE")) {
            2
        } else {
            0
        };
        self.is_word("UNPIVOT") && self.is_symbol_at(1 + nulls, "(")
    }

    /// `UNPIVOT [INCLUDE NULLS] (values FOR variable IN (columns)) [alias]`.
    fn unpivot(&mut self, start: usize, input: pb::Relation) -> Result<pb::Relation> {
        self.expect_word("UNPIVOT")?;
        let include_nulls = match self.eat_any(&["INCLUDE", "EXCLUDE"]) {
            Some(word) => {
                self.expect_word("NULLS")?;
                word == "INCLUDE"
            }
            None => false,
        };
        self.expect_symbol("(")?;
        let several = self.is_symbol("(");
        let value_columns = if several { self.parenthesized(Self::identifier)? } else { vec![self.identifier()?] };
        self.expect_word("FOR")?;
        let variable_column = self.identifier()?;
        self.expect_word("IN")?;
        let columns = self.parenthesized(|parser| {
            if several && parser.is_identifier_at(0) {
                return Err(parser.lacking("("));
            }
            parser.unpivot_column()
        })?;
        self.expect_symbol(")")?;
        let unpivot =
            SqlUnpivot { input: Some(Box::new(input)), include_nulls, variable_column, value_columns, columns };
        let unpivot = self.placed_relation(start, RelationKind::Unpivot(Box::new(unpivot)).into_relation());
        self.named_only(start, unpivot)
    }

    fn unpivot_column(&mut self) -> Result<UnpivotColumn> {
        let column = |parser: &mut Self| {
            let start = parser.position();
            let name = parser.name_parts()?;
            Ok(parser.placed(start, build::attribute(&name)))
        };
        let expressions = if self.is_symbol("(") { self.parenthesized(column)? } else { vec![column(self)?] };
        let has_alias = self.eat_word("AS") || self.is_identifier_at(0);
        if has_alias && !self.is_identifier_at(0) && self.is_symbol_at(1, ")") {
            return Err(self.extra());
        }
        let alias = if has_alias { Some(self.identifier()?) } else { None };
        Ok(UnpivotColumn { expressions, alias })
    }
}

fn join(
    left: pb::Relation,
    right: pb::Relation,
    join_type: JoinType,
    condition: Option<pb::Expression>,
    using_columns: Vec<String>,
) -> pb::Relation {
    build::rel(RelType::Join(Box::new(pb::Join {
        left: Some(Box::new(left)),
        right: Some(Box::new(right)),
        join_condition: condition,
        join_type: join_type.into(),
        using_columns,
        join_data_type: None,
    })))
}

fn lateral_join(
    left: pb::Relation,
    right: pb::Relation,
    join_type: JoinType,
    condition: Option<pb::Expression>,
) -> pb::Relation {
    build::rel(RelType::LateralJoin(Box::new(pb::LateralJoin {
        left: Some(Box::new(left)),
        right: Some(Box::new(right)),
        join_condition: condition,
        join_type: join_type.into(),
    })))
}
