//! Whole queries: WITH, set operations, ORDER BY to OFFSET around them, and which statement a text is.

use firesteel_protocol::connect::{self as pb, relation::RelType, set_operation::SetOpType};
use firesteel_protocol::extension::{
    Cte, CteRef, ExpressionKind, OrderByAll, Ordinal, RelationKind, SqlLimit, WithCte,
};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::expression::MAX_CHAIN;
use super::lexer::Kind;
use super::parser::{CteName, Parser, next_id};
use super::{SqlCommand, Statement};

impl Parser<'_> {
    /// A query or a command.
    pub fn statement(&mut self) -> Result<Statement> {
        if self.is_end() || self.is_symbol(";") {
            return Err(self.unexpected());
        }
        if self.is_symbol("(") || self.is_any_word(&["SELECT", "VALUES", "FROM", "TABLE", "MAP", "REDUCE"]) {
            if self.is_word("FROM") && self.is_multi_insert() {
                return self.inserts().map(|command| Statement::Command(Box::new(command)));
            }
            return self.query().map(|query| Statement::Query(Box::new(query)));
        }
        if self.is_word("WITH") {
            return self.with_statement();
        }
        self.command()
    }

    fn is_multi_insert(&self) -> bool {
        (0..)
            .map(|ahead| self.peek_at(ahead))
            .take_while(|token| token.kind != Kind::End)
            .any(|token| token.kind == Kind::Word && token.text.eq_ignore_ascii_case("INSERT"))
    }

    /// WITH before a query or before INSERT.
    fn with_statement(&mut self) -> Result<Statement> {
        let start = self.position();
        let scope = self.ctes.len();
        let ctes = self.with_clause()?;
        if self.is_word("INSERT") {
            let mut command = self.command()?;
            self.ctes.truncate(scope);
            if let Statement::Command(command) = &mut command
                && let Some(query) = command.query_mut()
            {
                let input = std::mem::take(query);
                *query = super::with_text(with_cte(ctes, input), self.text);
            }
            return Ok(command);
        }
        if self.is_word("FROM") && self.is_multi_insert() {
            let mut command = self.inserts()?;
            self.ctes.truncate(scope);
            if let SqlCommand::Inserts(inserts) = &mut command {
                for query in inserts.iter_mut().filter_map(SqlCommand::query_mut) {
                    let input = std::mem::take(query);
                    *query = super::with_text(with_cte(ctes.clone(), input), self.text);
                }
            }
            return Ok(Statement::Command(Box::new(command)));
        }
        let query = self.query_body()?;
        self.ctes.truncate(scope);
        Ok(Statement::Query(Box::new(self.placed_relation(start, with_cte(ctes, query)))))
    }

    /// `[WITH ..] term [ORDER BY ..] [LIMIT ..] [OFFSET ..]`.
    pub fn query(&mut self) -> Result<pb::Relation> {
        self.nested(|parser| {
            if !(parser.is_word("WITH") && parser.is_identifier_at(1)) {
                return parser.query_body();
            }
            let start = parser.position();
            let scope = parser.ctes.len();
            let ctes = parser.with_clause()?;
            let query = parser.query_body()?;
            parser.ctes.truncate(scope);
            Ok(parser.placed_relation(start, with_cte(ctes, query)))
        })
    }

    /// The CTEs' names stay in sight; the caller takes them away.
    fn with_clause(&mut self) -> Result<Vec<Cte>> {
        let start = self.position();
        self.expect_word("WITH")?;
        let recursive = self.is_word("RECURSIVE") && self.is_identifier_at(1) && !self.is_word_at(1, "AS");
        if recursive {
            self.advance();
        }
        let mut names: Vec<String> = vec![];
        let mut ctes = vec![];
        let around = self.ctes.len();
        loop {
            let own = if self.ctx.distinct_ctes && self.is_identifier_at(0) { self.peek().text } else { "" };
            let own = super::name::unquote_identifier(own);
            let compared = self.cte_name(&own);
            if self.ctes[..around].iter().any(|outer| outer.name == compared) {
                return Err(SparkError::new("AMBIGUOUS_ALIAS_IN_NESTED_CTE")
                    .with("name", format!("`{own}`"))
                    .with("config", "\"spark.sql.legacy.ctePrecedencePolicy\"")
                    .with("docroot", "https://spark.apache.org/docs/latest")
                    .placeless());
            }
            let cte = self.cte(recursive)?;
            names.push(cte.name.clone());
            ctes.push(cte);
            if !self.eat_symbol(",") {
                break;
            }
        }
        let mut duplicates: Vec<String> = vec![];
        for (index, name) in names.iter().enumerate() {
            let repeated = names[..index].iter().any(|known| known.eq_ignore_ascii_case(name));
            if repeated && !duplicates.contains(name) {
                duplicates.push(name.clone());
            }
        }
        if duplicates.is_empty() {
            return Ok(ctes);
        }
        let text = duplicates.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let _ = start;
        Err(self.error_whole(SparkError::new("DUPLICATED_CTE_NAMES").with("duplicateNames", text)))
    }

    /// `name [(columns)] [MAX RECURSION LEVEL n] [AS] (query)`.
    fn cte(&mut self, recursive: bool) -> Result<Cte> {
        let start = self.position();
        let name = self.identifier()?;
        let column_names = if self.is_symbol("(") && !self.is_query_at(1) && !self.is_nested_query() {
            self.parenthesized(Self::identifier)?
        } else {
            vec![]
        };
        let max_recursion_level =
            if self.eat_words(&["MAX", "RECURSION", "LEVEL"]) { Some(self.integer()?) } else { None };
        self.eat_word("AS");
        if !self.eat_symbol("(") {
            return Err(self.unexpected());
        }
        let id = next_id();
        let scope = self.ctes.len();
        if recursive {
            self.ctes.push(CteName { name: self.cte_name(&name), id, in_definition: true });
        }
        let plan = self.query()?;
        self.ctes.truncate(scope);
        self.expect_symbol(")")?;
        self.ctes.push(CteName { name: self.cte_name(&name), id, in_definition: false });
        let recursive = recursive && mentions(&plan, id);
        let origin = Some(self.origin(start));
        Ok(Cte { id, name, column_names, plan: Some(plan), recursive, max_recursion_level, origin })
    }

    /// A CTE's name as it is compared.
    fn cte_name(&self, name: &str) -> String {
        if self.ctx.case_sensitive { name.to_string() } else { name.to_lowercase() }
    }

    /// A reference to the CTE of that name, if one is in sight.
    pub fn cte_reference(&self, name: &str) -> Option<pb::Relation> {
        let own = self.cte_name(name);
        let known: Vec<&CteName> = self.ctes.iter().filter(|cte| cte.name == own).collect();
        // Before Spark 3 the outermost definition was meant.
        let cte = if self.ctx.outer_ctes_first { known.first() } else { known.last() }?;
        let reference = CteRef { id: cte.id, name: name.to_string(), recursive: cte.in_definition };
        Some(RelationKind::CteRef(reference).into_relation())
    }

    /// A query without WITH; takes over the subqueries met in it.
    fn query_body(&mut self) -> Result<pb::Relation> {
        let references = self.references.len();
        let start = self.position();
        let term = self.set_operation(0)?;
        let before = self.position();
        let query = self.organized(start, term)?;
        if self.position() > before && self.is_symbol("|>") {
            return Err(self.unexpected());
        }
        let before = self.position();
        let mut query = self.pipes(start, query)?;
        if self.position() > before {
            query = self.organized(start, query)?;
        }
        let references = self.references.split_off(references);
        if references.is_empty() {
            return Ok(query);
        }
        let with = pb::WithRelations { root: Some(Box::new(query)), references };
        Ok(self.placed_relation(start, build::rel(RelType::WithRelations(Box::new(with)))))
    }

    /// UNION and EXCEPT are level 0, INTERSECT binds tighter.
    fn set_operation(&mut self, level: usize) -> Result<pb::Relation> {
        let start = self.position();
        let left = if level == 0 { self.set_operation(1)? } else { self.query_primary()? };
        self.set_operators(start, level, left)
    }

    /// One set operation behind `|>`, whichever it is.
    pub fn set_operation_over(&mut self, start: usize, input: pb::Relation) -> Result<pb::Relation> {
        let level = usize::from(self.is_word("INTERSECT"));
        self.set_operators(start, level, input)
    }

    fn set_operators(&mut self, start: usize, level: usize, mut left: pb::Relation) -> Result<pb::Relation> {
        let mut length = 0;
        loop {
            length += 1;
            if length > MAX_CHAIN {
                return Err(self.error_at(self.peek(), SparkError::new("FAILED_TO_PARSE_TOO_COMPLEX")));
            }
            let kind = match level {
                0 if self.is_word("UNION") => SetOpType::Union,
                0 if self.is_word("EXCEPT") || self.is_word("MINUS") => SetOpType::Except,
                1 if self.is_word("INTERSECT") && !self.ctx.equal_set_operations => SetOpType::Intersect,
                0 if self.is_word("INTERSECT") && self.ctx.equal_set_operations => SetOpType::Intersect,
                _ => return Ok(left),
            };
            self.advance();
            let all = self.eat_any(&["ALL", "DISTINCT"]) == Some("ALL");
            let right = if level == 0 { self.set_operation(1)? } else { self.query_primary()? };
            let operation = pb::SetOperation {
                left_input: Some(Box::new(left)),
                right_input: Some(Box::new(right)),
                set_op_type: kind.into(),
                is_all: Some(all),
                by_name: Some(false),
                allow_missing_columns: Some(false),
            };
            left = self.placed_relation(start, build::rel(RelType::SetOp(Box::new(operation))));
        }
    }

    fn query_primary(&mut self) -> Result<pb::Relation> {
        if self.eat_symbol("(") {
            let query = self.query()?;
            self.expect_symbol(")")?;
            return Ok(query);
        }
        if self.is_word("SELECT") || self.is_any_word(&["MAP", "REDUCE"]) {
            return self.nested(Self::select);
        }
        if self.is_word("VALUES") {
            return self.inline_table();
        }
        if self.eat_word("TABLE") {
            let start = self.position();
            let parts = self.name_parts()?;
            let table = self.named_table(start, &parts, Default::default());
            return Ok(table);
        }
        if self.eat_word("FROM") {
            let input = self.relation_list()?;
            if self.is_word("SELECT") || self.is_script_transform() {
                return self.select_over(Some(input));
            }
            return Ok(input);
        }
        Err(self.unexpected())
    }

    /// ORDER BY, CLUSTER BY, DISTRIBUTE BY, SORT BY, LIMIT, OFFSET.
    pub fn organized(&mut self, start: usize, mut query: pb::Relation) -> Result<pb::Relation> {
        let organized = self.position();
        if self.eat_words(&["ORDER", "BY"]) {
            query = self.order_by(query)?;
        } else if self.eat_words(&["SORT", "BY"]) {
            let order = self.comma_separated(Self::sort_order)?;
            query = sort(query, order, false);
        } else if self.eat_words(&["CLUSTER", "BY"]) {
            let expressions = self.comma_separated(Self::expression)?;
            let order = expressions.iter().cloned().map(ascending).collect();
            query = sort(distribute(query, expressions), order, false);
        } else if self.eat_words(&["DISTRIBUTE", "BY"]) {
            let expressions = self.comma_separated(Self::expression)?;
            query = distribute(query, expressions);
            if self.eat_words(&["SORT", "BY"]) {
                let order = self.comma_separated(Self::sort_order)?;
                query = sort(query, order, false);
            }
        }
        for words in [["ORDER", "BY"], ["SORT", "BY"], ["CLUSTER", "BY"], ["DISTRIBUTE", "BY"]] {
            if organized != self.position() && self.eat_words(&words) {
                self.comma_separated(Self::sort_order)?;
                let error = SparkError::new("UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES");
                return Err(self.error_from(organized, error));
            }
        }
        let ordered = organized != self.position();
        self.skip_window_clause()?;
        let limit = if self.is_word("LIMIT") && !self.ends_here(1) {
            self.advance();
            if self.is_word("ALL") { self.advance_none() } else { Some(self.expression()?) }
        } else {
            None
        };
        let offset = if self.is_word("OFFSET") && !self.ends_here(1) {
            self.advance();
            Some(self.expression()?)
        } else {
            None
        };
        if ordered {
            // An order is where all the clauses behind the query are.
            query = self.placed_relation(organized, query);
        }
        Ok(self.limited(start, query, limit, offset))
    }

    fn advance_none(&mut self) -> Option<pb::Expression> {
        self.advance();
        None
    }

    fn ends_here(&self, ahead: usize) -> bool {
        let token = self.peek_at(ahead);
        token.kind == Kind::End || (token.kind == Kind::Symbol && matches!(token.text, ")" | ";"))
    }

    fn order_by(&mut self, query: pb::Relation) -> Result<pb::Relation> {
        if self.is_word("ALL") && !self.is_symbol_at(1, ".") && !self.is_symbol_at(1, ",") {
            self.advance();
            let (direction, null_ordering) = self.direction()?;
            let order = OrderByAll {
                input: Some(Box::new(query)),
                direction: direction.into(),
                null_ordering: null_ordering.into(),
            };
            return Ok(RelationKind::OrderByAll(Box::new(order)).into_relation());
        }
        let mut order = self.comma_separated(Self::sort_order)?;
        for item in &mut order {
            if let Some(child) = item.child.as_deref_mut()
                && self.ctx.order_by_ordinal
            {
                to_ordinal(child);
            }
        }
        Ok(sort(query, order, true))
    }

    /// Plain integers become `Limit` and `Offset`, anything else goes to the resolver as it is.
    pub fn limited(
        &self,
        start: usize,
        query: pb::Relation,
        limit: Option<pb::Expression>,
        offset: Option<pb::Expression>,
    ) -> pb::Relation {
        if limit.is_none() && offset.is_none() {
            return query;
        }
        let plain = |expression: &Option<pb::Expression>| match expression {
            None => Some(None),
            Some(expression) => Self::ordinal(expression).filter(|value| *value >= 0).map(Some),
        };
        let (Some(plain_limit), Some(plain_offset)) = (plain(&limit), plain(&offset)) else {
            let limited = SqlLimit { input: Some(Box::new(query)), limit, offset };
            return self.placed_relation(start, RelationKind::Limit(Box::new(limited)).into_relation());
        };
        let mut query = query;
        if let Some(offset) = plain_offset {
            query = build::rel(RelType::Offset(Box::new(pb::Offset { input: Some(Box::new(query)), offset })));
        }
        if let Some(limit) = plain_limit {
            query = build::rel(RelType::Limit(Box::new(pb::Limit { input: Some(Box::new(query)), limit })));
        }
        self.placed_relation(start, query)
    }
}

/// An integer literal as position; its place stays.
pub fn to_ordinal(expression: &mut pb::Expression) {
    if let Some(position) = Parser::ordinal(expression) {
        let common = expression.common.take();
        *expression = ExpressionKind::Ordinal(Ordinal { position }).into_expression();
        expression.common = common;
    }
}

fn with_cte(ctes: Vec<Cte>, input: pb::Relation) -> pb::Relation {
    RelationKind::WithCte(Box::new(WithCte { ctes, input: Some(Box::new(input)) })).into_relation()
}

fn sort(input: pb::Relation, order: Vec<pb::expression::SortOrder>, is_global: bool) -> pb::Relation {
    build::rel(RelType::Sort(Box::new(pb::Sort { input: Some(Box::new(input)), order, is_global: Some(is_global) })))
}

fn distribute(input: pb::Relation, partition_exprs: Vec<pb::Expression>) -> pb::Relation {
    build::rel(RelType::RepartitionByExpression(Box::new(pb::RepartitionByExpression {
        input: Some(Box::new(input)),
        partition_exprs,
        num_partitions: None,
    })))
}

fn ascending(child: pb::Expression) -> pb::expression::SortOrder {
    use pb::expression::sort_order::{NullOrdering, SortDirection};
    pb::expression::SortOrder {
        child: Some(Box::new(child)),
        direction: SortDirection::Ascending.into(),
        null_ordering: NullOrdering::SortNullsFirst.into(),
    }
}

/// Whether a plan refers to the CTE `id`, which is being defined: its id is encoded in a reference somewhere.
pub fn mentions(plan: &pb::Relation, id: i64) -> bool {
    use prost::Message;
    let mut reference = vec![];
    prost::encoding::int64::encode(1, &id, &mut reference);
    plan.encode_to_vec().windows(reference.len()).any(|window| window == reference)
}
