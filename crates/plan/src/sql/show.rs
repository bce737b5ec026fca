//! SHOW, DESCRIBE, EXPLAIN, USE, SET, RESET, CACHE, REFRESH, ADD and LIST.

use firesteel_protocol::{Result, SparkError};

use super::Statement;
use super::command::{ExplainMode, ExplainTarget, FunctionScope, SqlCommand};
use super::lexer::Kind;
use super::parser::Parser;

impl<'a> Parser<'a> {
    pub fn show(&mut self) -> Result<SqlCommand> {
        let start = self.position();
        self.expect_word("SHOW")?;
        if self.eat_word("TABLES") {
            let database = self.in_database()?;
            return Ok(SqlCommand::ShowTables { database, pattern: self.pattern()? });
        }
        if self.eat_words(&["TABLE", "EXTENDED"]) {
            let database = self.in_database()?;
            self.expect_word("LIKE")?;
            let pattern = self.string()?;
            let partition = self.partition_spec()?;
            let partition = if partition.is_empty() { None } else { Some(partition) };
            return Ok(SqlCommand::ShowTableExtended { database, pattern, partition });
        }
        if self.eat_word("VIEWS") {
            let database = self.in_database()?;
            return Ok(SqlCommand::ShowViews { database, pattern: self.pattern()? });
        }
        if self.eat_any(&["DATABASES", "SCHEMAS", "NAMESPACES"]).is_some() {
            let parent = self.in_database()?;
            return Ok(SqlCommand::ShowDatabases { parent, pattern: self.pattern()? });
        }
        if self.eat_word("CATALOGS") {
            return Ok(SqlCommand::ShowCatalogs { pattern: self.pattern()? });
        }
        if self.eat_word("COLUMNS") {
            self.eat_any(&["IN", "FROM"]).ok_or_else(|| self.unexpected())?;
            let table = self.name_parts()?;
            return Ok(SqlCommand::ShowColumns { table, database: self.in_database()? });
        }
        if self.eat_word("PARTITIONS") {
            let table = self.name_parts()?;
            let partition = self.valued_partition_spec()?;
            let partition = if partition.is_empty() { None } else { Some(partition) };
            return Ok(SqlCommand::ShowPartitions { table, partition });
        }
        if self.eat_words(&["CREATE", "TABLE"]) {
            let table = self.name_parts()?;
            return Ok(SqlCommand::ShowCreateTable { table, as_serde: self.eat_words(&["AS", "SERDE"]) });
        }
        if self.eat_word("TBLPROPERTIES") {
            let table = self.name_parts()?;
            let mut key = None;
            if self.eat_symbol("(") {
                key = Some(self.property_key()?);
                self.expect_symbol(")")?;
            }
            return Ok(SqlCommand::ShowTblProperties { table, key });
        }
        if self.eat_any(&["CURRENT"]).is_some() {
            return if self.eat_database_word() {
                Ok(SqlCommand::ShowCurrentNamespace)
            } else {
                Err(self.unexpected())
            };
        }
        if self.is_word("FUNCTIONS") || self.is_word_at(1, "FUNCTIONS") {
            return self.show_functions();
        }
        if self.eat_word("COLLATIONS") {
            let pattern = self.pattern()?.unwrap_or_else(|| "*".to_string());
            return Ok(SqlCommand::ShowCollations { pattern });
        }
        if self.eat_word("PROCEDURES") {
            self.in_database()?;
            let error = SparkError::new("MISSING_CATALOG_ABILITY.PROCEDURES").with("plugin", "spark_catalog");
            return Err(error.raised_as("UNRESOLVED_COLUMN").placeless());
        }
        if self.is_word("CACHED") {
            return Err(self.not_yet(start, "SHOW CACHED", "use spark.catalog"));
        }
        if self.is_identifier_at(0) {
            self.advance();
            let fits = self.is_identifier_at(0) || self.is_end();
            return Err(if fits { self.lacking("FUNCTIONS") } else { self.unexpected() });
        }
        Err(self.unexpected())
    }

    fn show_functions(&mut self) -> Result<SqlCommand> {
        let scope = match self.eat_any(&["USER", "SYSTEM", "ALL"]) {
            Some("USER") => FunctionScope::User,
            Some("SYSTEM") => FunctionScope::System,
            Some(_) => FunctionScope::All,
            None if self.is_word("FUNCTIONS") => FunctionScope::All,
            None => {
                let scope = super::name::quote_parts(&[self.peek().text.to_lowercase()]);
                let error = SparkError::new("INVALID_SQL_SYNTAX.SHOW_FUNCTIONS_INVALID_SCOPE").with("scope", scope);
                return Err(self.error_whole(error));
            }
        };
        self.expect_word("FUNCTIONS")?;
        let database = self.in_database()?;
        let like = self.eat_word("LIKE");
        let pattern = if self.is_text_at(0) {
            Some(self.string()?)
        } else if like || self.is_identifier_at(0) {
            Some(self.name_parts()?.join("."))
        } else {
            None
        };
        Ok(SqlCommand::ShowFunctions { scope, database, pattern })
    }

    pub fn describe(&mut self) -> Result<SqlCommand> {
        let start = self.position();
        self.advance();
        if self.is_word("FUNCTION")
            && (self.is_identifier_at(1) || self.is_text_at(1) || self.peek_at(1).kind == Kind::Symbol)
        {
            self.advance();
            let extended = self.is_word("EXTENDED") && self.peek_at(1).kind != Kind::End && self.eat_word("EXTENDED");
            let name = if self.is_text_at(0) {
                vec![self.string()?]
            } else if self.peek().kind == Kind::Symbol {
                // An operator: `DESCRIBE FUNCTION <=>`.
                let mut name = String::new();
                while self.peek().kind == Kind::Symbol && !self.is_symbol(";") {
                    name.push_str(self.advance().text);
                }
                vec![name]
            } else {
                self.name_parts()?
            };
            return Ok(SqlCommand::DescribeFunction { name, extended });
        }
        if self.is_any_word(&["DATABASE", "SCHEMA", "NAMESPACE"]) && self.is_identifier_at(1) {
            self.advance();
            let extended = self.is_identifier_at(1) && self.eat_word("EXTENDED");
            return Ok(SqlCommand::DescribeDatabase { name: self.name_parts()?, extended });
        }
        if self.is_word("PROCEDURE") && self.is_identifier_at(1) {
            self.advance();
            let name = self.name_parts()?;
            return Err(self.no_procedure(start, &name));
        }
        let is_query = self.is_symbol("(") || self.is_any_word(&["SELECT", "VALUES"]) || self.is_query_here();
        if self.is_word("QUERY") && (self.is_symbol_at(1, "(") || self.is_query_at(1)) {
            self.advance();
            return Ok(SqlCommand::DescribeQuery { query: Box::new(self.query_with_text()?.0) });
        }
        if is_query {
            return Ok(SqlCommand::DescribeQuery { query: Box::new(self.query_with_text()?.0) });
        }
        if self.is_identifier_at(1) {
            self.eat_word("TABLE");
        }
        let extended = self.is_identifier_at(1) && self.eat_any(&["EXTENDED", "FORMATTED"]).is_some();
        let table = self.name_parts()?;
        let partition = self.valued_partition_spec()?;
        let column = if self.is_identifier_at(0) && !self.is_word("AS") { Some(self.name_parts()?) } else { None };
        if column.is_some() && !partition.is_empty() {
            return Err(self.error_whole(SparkError::new("UNSUPPORTED_FEATURE.DESC_TABLE_COLUMN_PARTITION")));
        }
        let as_json = self.eat_words(&["AS", "JSON"]);
        if as_json && !extended {
            let error = SparkError::new("DESCRIBE_JSON_NOT_EXTENDED").with("tableName", table.join("."));
            let _ = start;
            return Err(error.placeless().in_parser());
        }
        if as_json && column.is_some() {
            return Err(SparkError::new("UNSUPPORTED_FEATURE.DESC_TABLE_COLUMN_JSON").placeless().in_parser());
        }
        Ok(SqlCommand::DescribeTable { table, extended, partition, column, as_json })
    }

    /// A PARTITION clause whose columns all have values.
    fn valued_partition_spec(&mut self) -> Result<super::command::PartitionSpec> {
        let partition = self.partition_spec()?;
        match partition.iter().find(|(_, value)| value.is_none()) {
            Some((name, _)) => {
                let error = SparkError::new("INVALID_SQL_SYNTAX.EMPTY_PARTITION_VALUE");
                let error = error.with("partKey", super::name::quote_parts(std::slice::from_ref(name)));
                Err(self.error_whole(error))
            }
            None => Ok(partition),
        }
    }

    fn is_query_here(&self) -> bool {
        (self.is_word("WITH") || self.is_word("FROM")) && self.is_identifier_at(1)
    }

    pub fn explain(&mut self) -> Result<SqlCommand> {
        self.expect_word("EXPLAIN")?;
        let mode = match self.eat_any(&["LOGICAL", "FORMATTED", "EXTENDED", "CODEGEN", "COST"]) {
            Some("FORMATTED") => ExplainMode::Formatted,
            Some("EXTENDED") => ExplainMode::Extended,
            Some("CODEGEN") => ExplainMode::Codegen,
            Some("COST") => ExplainMode::Cost,
            Some(_) => {
                let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE").with("operation", "EXPLAIN LOGICAL");
                return Err(self.error_whole(error));
            }
            None => ExplainMode::Simple,
        };
        if self.is_word("BEGIN") {
            return Err(self.unexpected());
        }
        let target = match self.nested(Self::statement)? {
            Statement::Query(query) => ExplainTarget::Query(Box::new(super::with_text(*query, self.text))),
            Statement::Command(command) => ExplainTarget::Command(command),
        };
        Ok(SqlCommand::Explain { mode, statement: target })
    }

    pub fn use_command(&mut self) -> Result<SqlCommand> {
        self.expect_word("USE")?;
        if self.is_identifier_at(1) {
            self.eat_database_word();
        }
        Ok(SqlCommand::Use { name: self.name_parts()? })
    }

    pub fn set(&mut self) -> Result<SqlCommand> {
        let start = self.position();
        self.expect_word("SET")?;
        if self.is_end() || self.is_symbol(";") {
            return Ok(SqlCommand::SetAll { verbose: false });
        }
        if self.is_symbol("-") && self.is_word_at(1, "v") {
            self.jump(self.position() + 2);
            if !self.is_end() && !self.is_symbol(";") {
                return Err(self.error_whole(SparkError::new("INVALID_SET_SYNTAX")));
            }
            return Ok(SqlCommand::SetAll { verbose: true });
        }
        if self.is_words(&["TIME", "ZONE"]) {
            return self.set_time_zone();
        }
        if self.is_word("CATALOG") && (self.is_identifier_at(1) || self.is_text_at(1)) {
            self.advance();
            let name = if self.is_text_at(0) { self.string()? } else { self.identifier()? };
            return Ok(SqlCommand::SetCatalog { name });
        }
        if self.is_any_word(&["VARIABLE", "VAR"]) && (self.is_identifier_at(1) || self.is_symbol_at(1, "(")) {
            return self.set_variables();
        }
        self.set_setting(start)
    }

    fn set_time_zone(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["TIME", "ZONE"])?;
        if self.eat_word("LOCAL") {
            return Ok(SqlCommand::SetTimeZone { zone: None });
        }
        if self.is_text_at(0) {
            return Ok(SqlCommand::SetTimeZone { zone: Some(self.string()?) });
        }
        if self.is_word("INTERVAL") {
            use firesteel_protocol::connect::expression::{ExprType, literal::LiteralType};
            let from = self.position();
            let interval = self.interval()?;
            let with_days = (from..self.position()).any(|at| {
                ["DAY", "DAYS", "MONTH", "MONTHS", "YEAR", "YEARS", "WEEK", "WEEKS"]
                    .contains(&self.token(at).text.to_ascii_uppercase().as_str())
            });
            let (interval_months, micros) = match interval.expr_type {
                Some(ExprType::Literal(literal)) => match literal.literal_type {
                    Some(LiteralType::DayTimeInterval(micros)) => (None, Some(micros)),
                    Some(LiteralType::YearMonthInterval(months)) => (Some(months), None),
                    _ => (None, None),
                },
                _ => (None, None),
            };
            const HOUR: i64 = 3_600_000_000;
            let Some(micros) = micros.filter(|micros| micros.abs() <= 18 * HOUR && micros % 1_000_000 == 0) else {
                // Spark tells the first field that it looks at.
                let input = match (&interval_months, micros) {
                    (Some(months), _) => months.to_string(),
                    (None, Some(micros)) if with_days => (micros / (24 * HOUR)).to_string(),
                    (None, micros) => micros.map_or_else(String::new, |micros| (micros / HOUR).to_string()),
                };
                let error =
                    SparkError::new("INVALID_INTERVAL_FORMAT.TIMEZONE_INTERVAL_OUT_OF_RANGE").with("input", input);
                return Err(self.error_whole(error));
            };
            let sign = if micros < 0 { '-' } else { '+' };
            let seconds = micros.abs() / 1_000_000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let zone = if seconds == 0 {
                format!("{sign}{hours:02}:{minutes:02}")
            } else {
                format!("{sign}{hours:02}:{minutes:02}:{seconds:02}")
            };
            return Ok(SqlCommand::SetTimeZone { zone: Some(zone) });
        }
        Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0045")))
    }

    fn set_variables(&mut self) -> Result<SqlCommand> {
        self.advance();
        let lone = self.peek_at(1);
        if self.is_identifier_at(0) && (lone.kind == Kind::End || lone.text == ";") {
            return Err(self.error_whole(SparkError::new("INVALID_SET_SYNTAX")));
        }
        self.assignments()
    }

    /// `a = 1, b = DEFAULT` or `(a, b) = (query)`.
    pub fn assignments(&mut self) -> Result<SqlCommand> {
        if self.is_symbol("(") {
            let names = self.parenthesized(Self::name_parts)?;
            let twice = names.iter().enumerate().find(|(index, name)| {
                names[..*index].iter().any(|known| known.join(".").eq_ignore_ascii_case(&name.join(".")))
            });
            if let Some((_, name)) = twice {
                let list = super::name::quote_parts(name);
                return Err(SparkError::new("DUPLICATE_ASSIGNMENTS").with("nameList", list));
            }
            self.expect_symbol("=")?;
            if !self.is_symbol("(") && !self.in_script {
                return Err(self.error_whole(SparkError::new("INVALID_SET_SYNTAX")));
            }
            self.expect_symbol("(")?;
            let query = Box::new(self.query_with_text()?.0);
            self.expect_symbol(")")?;
            return Ok(SqlCommand::SetVariablesFromQuery { names, query });
        }
        let assignments = self.comma_separated(|parser| {
            let name = parser.name_parts()?;
            parser.expect_symbol("=")?;
            let ends =
                parser.peek_at(1).kind == Kind::End || parser.is_symbol_at(1, ",") || parser.is_symbol_at(1, ";");
            if parser.is_word("DEFAULT") && ends {
                parser.advance();
                return Ok((name, None));
            }
            Ok((name, Some(parser.standalone_expression()?)))
        })?;
        let twice = assignments.iter().enumerate().find(|(index, (name, _))| {
            assignments[..*index].iter().any(|(known, _)| known.join(".").eq_ignore_ascii_case(&name.join(".")))
        });
        if let Some((_, (name, _))) = twice {
            return Err(SparkError::new("DUPLICATE_ASSIGNMENTS").with("nameList", super::name::quote_parts(name)));
        }
        Ok(SqlCommand::SetVariables { assignments })
    }

    /// `key`, `key = value` with the value as it stands in the text; Spark takes nearly any characters.
    fn set_setting(&mut self, start: usize) -> Result<SqlCommand> {
        let text = self.rest_of_text();
        self.skip_to_end();
        let invalid = |parser: &Self| parser.error_from(start, SparkError::new("INVALID_SET_SYNTAX"));
        if text.contains(';') && !text.contains('`') {
            return Err(invalid(self));
        }
        let unquote = |part: &str| -> String {
            let part = part.trim();
            if part.len() > 1 && part.starts_with('`') && part.ends_with('`') {
                part[1..part.len() - 1].replace("``", "`")
            } else {
                part.to_string()
            }
        };
        let is_key = |key: &str| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '\\'))
        };
        let Some((key, value)) = text.split_once('=') else {
            let key = text.trim();
            let quoted = key.starts_with('`') && key.ends_with('`') && key.len() > 1;
            if !quoted && !is_key(key) {
                return Err(invalid(self));
            }
            return Ok(SqlCommand::ShowSetting { key: unquote(key) });
        };
        let quoted = key.trim().starts_with('`');
        if !quoted && !is_key(key.trim()) {
            return Err(invalid(self));
        }
        Ok(SqlCommand::SetSetting { key: unquote(key), value: unquote(value) })
    }

    /// The text from the next token on, without a semicolon at the end.
    fn rest_of_text(&self) -> &'a str {
        let from = self.peek().text.as_ptr() as usize - self.text.as_ptr() as usize;
        self.text[from..].trim_end().trim_end_matches(';').trim_end()
    }

    fn skip_to_end(&mut self) {
        while !self.is_end() {
            self.advance();
        }
    }

    pub fn reset_command(&mut self) -> Result<SqlCommand> {
        self.expect_word("RESET")?;
        if self.is_end() || self.is_symbol(";") {
            return Ok(SqlCommand::Reset { key: None });
        }
        let key = self.rest_of_text().trim_matches('`').to_string();
        self.skip_to_end();
        if key.chars().any(char::is_whitespace) {
            return Err(self.error_whole(SparkError::new("INVALID_RESET_COMMAND_FORMAT")));
        }
        Ok(SqlCommand::Reset { key: Some(key) })
    }

    pub fn cache(&mut self) -> Result<SqlCommand> {
        self.expect_word("CACHE")?;
        let lazy = self.eat_word("LAZY");
        self.expect_word("TABLE")?;
        let table = self.name_parts()?;
        let options = if self.eat_word("OPTIONS") { self.properties()? } else { vec![] };
        let has_as = self.eat_word("AS");
        if has_as || self.is_query_at(0) {
            let (query, text) = self.query_with_text()?;
            if let [qualifier @ .., _] = table.as_slice()
                && !qualifier.is_empty()
            {
                // What is cached so is a temporary view.
                let quoted = qualifier.join(".");
                return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0037").with("quoted", quoted)));
            }
            return Ok(SqlCommand::CacheTable { table, lazy, options, query: Some(Box::new(query)), text: Some(text) });
        }
        Ok(SqlCommand::CacheTable { table, lazy, options, query: None, text: None })
    }

    pub fn uncache(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["UNCACHE", "TABLE"])?;
        let if_exists = self.if_exists();
        Ok(SqlCommand::UncacheTable { table: self.name_parts()?, if_exists })
    }

    pub fn clear_cache(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["CLEAR", "CACHE"])?;
        Ok(SqlCommand::ClearCache)
    }

    pub fn refresh(&mut self) -> Result<SqlCommand> {
        self.expect_word("REFRESH")?;
        if self.is_identifier_at(1) && self.eat_word("TABLE") {
            return Ok(SqlCommand::RefreshTable { table: self.name_parts()? });
        }
        if self.is_identifier_at(1) && self.eat_word("FUNCTION") {
            return Ok(SqlCommand::RefreshFunction { name: self.name_parts()? });
        }
        if self.is_text_at(0) {
            return Ok(SqlCommand::RefreshPath { path: self.string()? });
        }
        if self.is_end() {
            let msg = "Resource paths cannot be empty in REFRESH statements. Use / to match everything";
            return Err(self.error_at(self.previous(), SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", msg)));
        }
        let path = self.rest_of_text().to_string();
        self.skip_to_end();
        if path.contains(char::is_whitespace) {
            let msg = r"REFRESH statements cannot contain ' ', '\n', '\r', '\t' inside unquoted resource paths";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", msg)));
        }
        Ok(SqlCommand::RefreshPath { path })
    }

    /// ADD and LIST of files, JARs and archives.
    pub fn resources(&mut self) -> Result<SqlCommand> {
        let is_add = self.advance().text.eq_ignore_ascii_case("ADD");
        let Some(kind) = self.eat_any(&["JARS", "JAR", "FILES", "FILE", "ARCHIVES", "ARCHIVE"]) else {
            let (word, kind) = (if is_add { "ADD" } else { "LIST" }, self.peek());
            if kind.kind != Kind::Word {
                return Err(self.unexpected());
            }
            let message = format!("{word} with resource type '{}'", kind.text.to_lowercase());
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        };
        let kind = kind.trim_end_matches('S').to_string();
        let rest = self.rest_of_text().to_string();
        self.skip_to_end();
        let paths: Vec<String> =
            rest.split_whitespace().map(|path| path.trim_matches(['\'', '"', '`']).to_string()).collect();
        Ok(if is_add { SqlCommand::AddResource { kind, paths } } else { SqlCommand::ListResources { kind, paths } })
    }
}
