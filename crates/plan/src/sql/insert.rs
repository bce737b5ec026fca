//! INSERT, TRUNCATE, and expressions outside of queries.

use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::extension::{ExpressionKind, ExpressionWithRelations};
use firesteel_protocol::{Result, SparkError};

use super::build;
use super::command::{InsertMode, SqlCommand};
use super::parser::Parser;

impl Parser<'_> {
    /// `FROM relations INSERT .. SELECT .. [INSERT .. SELECT ..]`.
    pub fn inserts(&mut self) -> Result<SqlCommand> {
        self.expect_word("FROM")?;
        let references = self.references.len();
        let relation = self.relation_list()?;
        self.source = Some((relation, self.references.split_off(references)));
        let mut inserts = vec![];
        while self.is_word("INSERT") {
            inserts.push(self.insert()?);
        }
        self.source = None;
        if inserts.is_empty() { Err(self.unexpected()) } else { Ok(SqlCommand::Inserts(inserts)) }
    }

    /// The query of an INSERT; behind `FROM relations INSERT ..` a SELECT over these.
    fn inserted(&mut self) -> Result<pb::Relation> {
        let Some((source, subqueries)) = self.source.clone() else { return Ok(self.query_with_text()?.0) };
        let before = self.references.len();
        let start = self.position();
        let term = self.select_over(Some(source))?;
        let query = self.organized(start, term)?;
        let references = subqueries.into_iter().chain(self.references.split_off(before)).collect();
        let with = pb::WithRelations { root: Some(Box::new(query)), references };
        let query = build::rel(RelType::WithRelations(Box::new(with)));
        Ok(super::with_text(query, self.text))
    }

    pub fn insert(&mut self) -> Result<SqlCommand> {
        let start = self.position();
        self.expect_word("INSERT")?;
        let evolves = self.eat_words(&["WITH", "SCHEMA", "EVOLUTION"]);
        let overwrite = self.eat_any(&["INTO", "OVERWRITE"]).ok_or_else(|| self.unexpected())? == "OVERWRITE";
        let local = overwrite && self.is_words(&["LOCAL", "DIRECTORY"]) && self.eat_word("LOCAL");
        if overwrite && self.is_word("DIRECTORY") && !self.is_symbol_at(1, ".") {
            return self.insert_directory(local);
        }
        if self.is_identifier_at(1) || self.is_symbol_at(2, "(") {
            self.eat_word("TABLE");
        }
        let table = self.name_parts()?;
        let mut options = vec![];
        if self.is_word("WITH") && self.is_symbol_at(1, "(") {
            self.advance();
            options = self.properties()?;
        }
        let mut mode = if overwrite { InsertMode::Overwrite } else { InsertMode::Into };
        let by_name_first = self.eat_words(&["BY", "NAME"]);
        if !overwrite && self.eat_words(&["REPLACE", "WHERE"]) {
            mode = InsertMode::ReplaceWhere(Box::new(self.standalone_expression()?));
        }
        if !overwrite && (self.is_words(&["REPLACE", "USING"]) || self.is_words(&["REPLACE", "ON"])) {
            while !self.is_end() {
                self.advance();
            }
            let query = Box::default();
            let mode = InsertMode::ReplaceRows;
            let (partition, columns) = (vec![], vec![]);
            return Ok(SqlCommand::Insert {
                table,
                mode,
                partition,
                if_partition_not_exists: false,
                columns,
                by_name: false,
                options,
                query,
            });
        }
        let partition = self.partition_spec()?;
        let if_partition_not_exists = self.if_not_exists();
        if if_partition_not_exists {
            if !overwrite {
                let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE");
                return Err(self.error_from(start, error.with("operation", "INSERT INTO ... IF NOT EXISTS")));
            }
            let dynamic: Vec<&str> =
                partition.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.as_str()).collect();
            if !dynamic.is_empty() {
                let message = format!("IF NOT EXISTS with dynamic partitions: {}", dynamic.join(", "));
                return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
            }
        }
        let by_name = self.eat_words(&["BY", "NAME"]) || by_name_first;
        let mut columns = vec![];
        if by_name && self.is_symbol("(") && !self.is_query_at(1) && !self.is_nested_query() {
            self.advance();
            return Err(self.unexpected());
        }
        if self.is_symbol("(") && !self.is_query_at(1) && !self.is_nested_query() {
            columns = self.parenthesized(Self::identifier)?;
        }
        let query = Box::new(self.inserted()?);
        if evolves {
            mode = InsertMode::WithSchemaEvolution;
        }
        Ok(SqlCommand::Insert { table, mode, partition, if_partition_not_exists, columns, by_name, options, query })
    }

    /// `DIRECTORY ['path'] [USING format] [OPTIONS (..)] query`, or `ROW FORMAT ..`, `STORED AS ..` instead of USING.
    fn insert_directory(&mut self, local: bool) -> Result<SqlCommand> {
        self.expect_word("DIRECTORY")?;
        let path = if self.is_text_at(0) { Some(self.string()?) } else { None };
        let (mut format, mut hive) = (None, None);
        if self.eat_word("USING") {
            format = Some(self.name_parts()?.join("."));
        } else {
            hive = Some(self.folder_storage()?);
        }
        let options = if self.eat_word("OPTIONS") { self.properties()? } else { vec![] };
        let in_options = options.iter().any(|(key, _)| key.eq_ignore_ascii_case("path"));
        if format.is_some() && path.is_some() == in_options {
            return Err(self.error_from(0, SparkError::new("_LEGACY_ERROR_TEMP_0049")));
        }
        let query = Box::new(self.inserted()?);
        Ok(SqlCommand::InsertDirectory { path, local, format, hive, options, query })
    }

    pub fn truncate(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["TRUNCATE", "TABLE"])?;
        let table = self.name_parts()?;
        Ok(SqlCommand::TruncateTable { table, partition: self.partition_spec()? })
    }

    /// An expression that no query around it takes the subqueries of.
    pub fn standalone_expression(&mut self) -> Result<pb::Expression> {
        let start = self.position();
        let before = self.references.len();
        let expression = self.expression()?;
        let references = self.references.split_off(before);
        if references.is_empty() {
            return Ok(expression);
        }
        let inner = ExpressionWithRelations { expression: Some(Box::new(expression)), references };
        Ok(self.placed(start, ExpressionKind::WithRelations(Box::new(inner)).into_expression()))
    }
}
