//! CREATE and DROP, DECLARE.

use firesteel_protocol::types::collation;
use firesteel_protocol::{Result, SparkError};

use super::command::{Bucketing, ColumnDefinition, HiveClauses, SqlCommand, TableSpec};
use super::lexer::Kind;
use super::metric_view::{MetricClauses, NewMetricView};
use super::parser::Parser;

impl Parser<'_> {
    pub fn create(&mut self) -> Result<SqlCommand> {
        let start = self.position();
        let replaces = self.eat_word("REPLACE");
        let replace = if replaces {
            true
        } else {
            self.expect_word("CREATE")?;
            self.eat_words(&["OR", "REPLACE"])
        };
        if self.eat_database_word() {
            return self.create_database();
        }
        let global = self.eat_word("GLOBAL");
        let temporary = self.eat_any(&["TEMPORARY", "TEMP"]).is_some();
        let external = self.eat_word("EXTERNAL");
        if self.eat_word("VIEW") {
            return self.create_view(temporary, global, replace);
        }
        if self.eat_word("TABLE") {
            if temporary {
                return self.create_temporary_table(external, replace);
            }
            return self.create_table(external, replace);
        }
        if self.eat_word("FUNCTION") {
            return self.create_function(temporary, replace);
        }
        if self.is_words(&["MATERIALIZED", "VIEW"]) || self.is_words(&["STREAMING", "TABLE"]) {
            let kind = format!("{} {}", self.peek().text, self.peek_at(1).text).to_uppercase();
            let error = SparkError::new("UNSUPPORTED_FEATURE.CREATE_PIPELINE_DATASET_QUERY_EXECUTION");
            return Err(error.with("pipelineDatasetType", kind));
        }
        if self.eat_word("INDEX") {
            return Err(self.no_index("CreateIndex"));
        }
        if self.is_any_word(&["MATERIALIZED", "STREAMING", "FLOW"]) {
            let what = format!("CREATE {}", self.peek().text.to_ascii_uppercase());
            return Err(self.not_yet(start, &what, "use a table or a view"));
        }
        Err(self.unexpected())
    }

    /// `name ON [TABLE] table ..`: no table has indexes.
    fn no_index(&mut self, what: &str) -> SparkError {
        let read = |parser: &mut Self| {
            parser.if_not_exists();
            parser.if_exists();
            parser.identifier()?;
            parser.expect_word("ON")?;
            if parser.is_identifier_at(1) {
                parser.eat_word("TABLE");
            }
            parser.name_parts()
        };
        match read(self) {
            Ok(table) => {
                let database = self.ctx.session.as_ref().map(|ctx| ctx.env.database.to_string());
                let named = match table.as_slice() {
                    [own] => format!("{}.{own}", database.unwrap_or_else(|| "default".into())),
                    parts => parts.join("."),
                };
                let message = format!("{what} is not supported in this table {named}.");
                let error = SparkError::new("_LEGACY_ERROR_TEMP_1332").with("errorMessage", message);
                error.raised_as("UNRESOLVED_COLUMN").placeless()
            }
            Err(error) => error,
        }
    }

    /// The name behind DEFAULT COLLATION.
    pub fn collation_name(&mut self) -> Result<&'static str> {
        let parts = self.name_parts()?;
        collation::parse(&parts.join("."))
    }

    /// `DUPLICATE_CLAUSES` for a clause that stands twice.
    fn once(&self, clause: &str, again: bool) -> Result<()> {
        match again {
            true => Err(self.error_whole(SparkError::new("DUPLICATE_CLAUSES").with("clauseName", clause))),
            false => Ok(()),
        }
    }

    /// The name behind DEFAULT COLLATION of a database, which is switched on by `spark.sql.collation.schemaLevel.enabled`.
    pub fn schema_collation(&mut self, name: &[String]) -> Result<String> {
        let session = self.ctx.session.as_ref();
        if !session.is_some_and(|own| own.conf_bool("spark.sql.collation.schemaLevel.enabled", false)) {
            return Err(self.error_whole(SparkError::new("UNSUPPORTED_FEATURE.SCHEMA_LEVEL_COLLATIONS")));
        }
        collation::parse(&name.join(".")).map(str::to_string)
    }

    fn create_database(&mut self) -> Result<SqlCommand> {
        let if_not_exists = self.if_not_exists();
        let name = self.name_parts()?;
        let (mut comment, mut location, mut properties) = (None, None, vec![]);
        let mut collation = None;
        loop {
            if self.eat_word("COMMENT") {
                self.once("COMMENT", comment.is_some())?;
                comment = Some(self.string()?);
            } else if self.eat_word("LOCATION") {
                self.once("LOCATION", location.is_some())?;
                location = Some(self.string()?);
            } else if self.is_word("WITH") && (self.is_word_at(1, "DBPROPERTIES") || self.is_word_at(1, "PROPERTIES")) {
                self.advance();
                self.advance();
                properties = self.properties()?;
                if properties.iter().any(|(key, _)| key == "location") {
                    let error = SparkError::new("UNSUPPORTED_FEATURE.SET_NAMESPACE_PROPERTY")
                        .with("property", "location")
                        .with("msg", "please use the LOCATION clause to specify it");
                    return Err(self.error_whole(error));
                }
            } else if self.eat_words(&["DEFAULT", "COLLATION"]) {
                let own = self.name_parts()?;
                if collation.replace(own).is_some() {
                    let error = SparkError::new("DUPLICATE_CLAUSES").with("clauseName", "DEFAULT COLLATION");
                    return Err(self.error_whole(error));
                }
            } else {
                if let Some(own) = collation {
                    properties.push((collation::DEFAULT_PROPERTY.to_string(), self.schema_collation(&own)?));
                }
                return Ok(SqlCommand::CreateDatabase { name, if_not_exists, comment, location, properties });
            }
        }
    }

    fn create_view(&mut self, temporary: bool, global: bool, replace: bool) -> Result<SqlCommand> {
        let if_not_exists = self.if_not_exists();
        let name = self.name_parts()?;
        if let (true, [qualifier @ .., own]) = (temporary && name.len() > 1, name.as_slice()) {
            let error = SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                .with("objectType", "VIEW")
                .with("objectName", super::name::quote_parts(std::slice::from_ref(own)))
                .with("qualifier", super::name::quote_parts(qualifier));
            return Err(self.error_whole(error));
        }
        if if_not_exists && replace {
            let shown = name.join(".");
            let error = SparkError::new("CREATE_VIEW_WITH_IF_NOT_EXISTS_AND_REPLACE").with("viewName", shown);
            return Err(self.error_whole(error));
        }
        if if_not_exists && temporary {
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0053")));
        }
        if temporary && (self.is_word("USING") || self.has_typed_columns()) {
            return self.create_view_using(name, global, replace);
        }
        let mut columns = vec![];
        if self.is_symbol("(") {
            columns = self.parenthesized(|parser| {
                let name = parser.identifier()?;
                let comment = if parser.eat_word("COMMENT") { Some(parser.string()?) } else { None };
                Ok((name, comment))
            })?;
        }
        let (mut comment, mut properties, mut schema_mode) = (None, vec![], None);
        let mut collation = None;
        let mut metrics = MetricClauses::default();
        loop {
            if !(temporary || global) && self.metric_clause(&mut metrics)? {
                continue;
            }
            if self.eat_word("COMMENT") {
                self.once("COMMENT", comment.is_some())?;
                comment = Some(self.string()?);
            } else if self.eat_word("TBLPROPERTIES") {
                properties = self.properties()?;
                if temporary || global {
                    let message = "TBLPROPERTIES can't coexist with CREATE TEMPORARY VIEW";
                    return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
                }
            } else if self.is_words(&["PARTITIONED", "ON"]) {
                let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE");
                return Err(self.error_whole(error.with("operation", "CREATE VIEW ... PARTITIONED ON")));
            } else if self.eat_words(&["WITH", "SCHEMA"]) {
                if temporary || global {
                    while !self.is_end() && !self.is_symbol(";") {
                        self.advance();
                    }
                    let error = SparkError::new("UNSUPPORTED_FEATURE.TEMPORARY_VIEW_WITH_SCHEMA_BINDING_MODE");
                    return Err(self.error_whole(error));
                }
                schema_mode = if self.eat_words(&["TYPE", "EVOLUTION"]) {
                    Some("TYPE EVOLUTION".to_string())
                } else {
                    let mode = self.eat_any(&["BINDING", "COMPENSATION", "EVOLUTION"]);
                    Some(mode.ok_or_else(|| self.unexpected())?.to_string())
                };
            } else if self.eat_words(&["DEFAULT", "COLLATION"]) {
                if collation.replace(self.collation_name()?).is_some() {
                    let error = SparkError::new("DUPLICATE_CLAUSES").with("clauseName", "DEFAULT COLLATION");
                    return Err(self.error_whole(error));
                }
            } else {
                break;
            }
        }
        if self.is_words(&["WITH", "METRICS"]) {
            self.advance();
            return Err(self.unexpected());
        }
        properties.extend(collation.map(|own| (collation::DEFAULT_PROPERTY.to_string(), own.to_string())));
        self.expect_word("AS")?;
        let is_permanent = !temporary && !global;
        if metrics.metrics || metrics.language.is_some() || is_permanent && self.peek().kind == Kind::Dollar {
            let text = String::new();
            let new = NewMetricView { name, columns, text, replace, if_not_exists, comment, properties };
            return self.metric_view(&metrics, new);
        }
        let (query, text) = self.query_with_text()?;
        Ok(SqlCommand::CreateView {
            name,
            columns,
            query: Box::new(query),
            text,
            temporary: temporary || global,
            global,
            replace,
            if_not_exists,
            comment,
            properties,
            schema_mode,
        })
    }

    /// `CREATE TEMPORARY TABLE name (..) USING format`: an old spelling of a temporary view over files.
    fn create_temporary_table(&mut self, external: bool, replace: bool) -> Result<SqlCommand> {
        let wrong = |operation: &str| SparkError::new("INVALID_STATEMENT_OR_CLAUSE").with("operation", operation);
        let if_not_exists = self.if_not_exists();
        let name = self.name_parts()?;
        if if_not_exists {
            return Err(self.error_from(0, wrong("CREATE TEMPORARY TABLE ... IF NOT EXISTS")));
        }
        let words = (0..).map(|ahead| self.peek_at(ahead)).take_while(|token| token.kind != Kind::End);
        let mut depth = 0_usize;
        let (mut uses, mut selects) = (false, false);
        for token in words {
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                word if depth == 0 && token.kind == Kind::Word => {
                    uses |= word.eq_ignore_ascii_case("USING");
                    selects |= word.eq_ignore_ascii_case("AS") || word.eq_ignore_ascii_case("SELECT");
                }
                _ => {}
            }
        }
        if selects {
            let message = "CREATE TEMPORARY TABLE ... AS ..., use CREATE TEMPORARY VIEW instead";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        if !uses {
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0046")));
        }
        if external {
            return Err(self.error_whole(wrong("CREATE EXTERNAL TABLE ... USING")));
        }
        if let [qualifier @ .., own] = name.as_slice()
            && !qualifier.is_empty()
        {
            let error = SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                .with("objectType", "VIEW")
                .with("objectName", super::name::quote_parts(std::slice::from_ref(own)))
                .with("qualifier", super::name::quote_parts(qualifier));
            return Err(self.error_whole(error));
        }
        self.create_view_using(name, false, replace)
    }

    /// `(name type`, rather than `(name, name)`.
    fn has_typed_columns(&self) -> bool {
        self.is_symbol("(") && self.is_identifier_at(1) && self.is_identifier_at(2) && !self.is_word_at(2, "COMMENT")
    }

    fn create_view_using(&mut self, name: Vec<String>, global: bool, replace: bool) -> Result<SqlCommand> {
        let columns = if self.is_symbol("(") { self.parenthesized(Self::column_definition)? } else { vec![] };
        self.expect_word("USING")?;
        let format = self.format_name()?;
        let options = if self.eat_word("OPTIONS") { self.properties()? } else { vec![] };
        Ok(SqlCommand::CreateTempViewUsing { name, columns, format, options, global, replace })
    }

    fn format_name(&mut self) -> Result<String> {
        Ok(self.name_parts()?.join("."))
    }

    fn create_table(&mut self, external: bool, replace: bool) -> Result<SqlCommand> {
        let if_not_exists = self.if_not_exists();
        let name = self.name_parts()?;
        if self.eat_word("LIKE") {
            let source = self.name_parts()?;
            let mut spec = Box::new(self.table_spec()?);
            let rows_only = |hive: &HiveClauses| hive.stored_as.is_none() && hive.classes.is_none();
            if let Some(hive) = spec.hive.take_if(|own| rows_only(own)) {
                if hive.serde.is_some() {
                    return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0047")));
                }
                // As in Spark, where the separators of the other table win.
            }
            return Ok(SqlCommand::CreateTableLike { name, source, spec, if_not_exists });
        }
        let mut refused = None;
        let mut columns: Vec<ColumnDefinition> = vec![];
        if self.is_symbol("(") && !self.is_query_at(1) && !self.is_nested_query() {
            let mut constrained = false;
            let definitions = self.parenthesized(|parser| {
                if parser.is_table_constraint() {
                    parser.skip_constraint();
                    constrained = true;
                    return Ok(None);
                }
                parser.column_definition().map(Some)
            })?;
            columns = definitions.into_iter().flatten().collect();
            refused = constrained.then_some("CONSTRAINT");
        }
        let mut spec = self.table_spec()?;
        spec.refused = refused.or_else(|| columns.iter().find_map(|column| column.refused));
        if let Some(own) = spec.collation {
            columns.iter_mut().for_each(|column| collation::fill(&mut column.data_type, own));
            spec.properties.push((collation::DEFAULT_PROPERTY.into(), own.into()));
        }
        spec.columns = columns;
        let has_as = self.eat_word("AS");
        let is_query = self.is_symbol("(") || self.is_query_at(0);
        let query = if has_as || is_query { Some(Box::new(self.query_with_text()?.0)) } else { None };
        if query.is_some() && !spec.partition_definitions.is_empty() {
            let message = "Partition column types may not be specified in Create Table As Select (CTAS)";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        if query.is_some() && !spec.columns.is_empty() {
            let message = "Schema may not be specified in a Create Table As Select (CTAS) statement";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        Ok(SqlCommand::CreateTable { name, spec: Box::new(spec), query, if_not_exists, external, replace })
    }

    /// Clauses in any order, each once.
    fn table_spec(&mut self) -> Result<TableSpec> {
        let mut spec = TableSpec::default();
        let mut seen: Vec<&'static str> = vec![];
        loop {
            let start = self.position();
            let clause = if self.is_word("USING") && seen.is_empty() {
                self.advance();
                spec.format = Some(self.format_name()?);
                "USING"
            } else if self.eat_word("OPTIONS") {
                spec.options = self.properties()?;
                "OPTIONS"
            } else if self.eat_words(&["PARTITIONED", "BY"]) {
                self.partitioning(&mut spec)?;
                "PARTITIONED BY"
            } else if self.eat_words(&["CLUSTERED", "BY"]) {
                let bucketing = self.bucketing()?;
                bucketed(&mut spec, bucketing)?;
                "CLUSTERED BY"
            } else if self.eat_word("LOCATION") {
                spec.location = Some(self.string()?);
                "LOCATION"
            } else if self.eat_word("COMMENT") {
                spec.comment = Some(self.string()?);
                "COMMENT"
            } else if self.eat_word("TBLPROPERTIES") {
                spec.properties = self.properties()?;
                self.check_properties(&spec.properties)?;
                "TBLPROPERTIES"
            } else if self.eat_words(&["STORED", "AS"]) {
                self.stored_as(spec.hive.get_or_insert_default())?;
                "STORED AS"
            } else if self.eat_words(&["ROW", "FORMAT"]) {
                self.row_format(start, spec.hive.get_or_insert_default())?;
                "ROW FORMAT"
            } else if self.eat_words(&["STORED", "BY"]) {
                self.string()?;
                let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE");
                return Err(self.error_from(start, error.with("operation", "STORED BY")));
            } else if self.eat_words(&["CLUSTER", "BY"]) {
                spec.cluster_by = Some(self.parenthesized(Self::identifier)?);
                "CLUSTER BY"
            } else if self.is_words(&["DEFAULT", "COLLATION"]) {
                self.advance();
                self.advance();
                spec.collation = Some(self.collation_name()?);
                "DEFAULT COLLATION"
            } else {
                if let Some(hive) = &spec.hive {
                    self.check_hive_clauses(hive, &seen)?;
                }
                let other = ["PARTITIONED BY", "CLUSTERED BY"].into_iter().find(|clause| seen.contains(clause));
                return match (&spec.cluster_by, other) {
                    (Some(_), Some("PARTITIONED BY")) => {
                        let error = SparkError::new("SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED");
                        Err(self.error_from(start, error))
                    }
                    (Some(_), Some(_)) => {
                        let error = SparkError::new("SPECIFY_CLUSTER_BY_WITH_BUCKETING_IS_NOT_ALLOWED");
                        Err(self.error_from(start, error))
                    }
                    _ => {
                        match (&spec.location, spec.options.iter().find(|(key, _)| key.eq_ignore_ascii_case("path"))) {
                            (Some(one), Some((_, two))) => {
                                let error = SparkError::new("_LEGACY_ERROR_TEMP_0032").with("pathOne", one);
                                Err(self.error_whole(error.with("pathTwo", two)))
                            }
                            _ => Ok(spec),
                        }
                    }
                };
            };
            if seen.contains(&clause) {
                let error = SparkError::new("DUPLICATE_CLAUSES").with("clauseName", clause);
                return Err(self.error_whole(error));
            }
            seen.push(clause);
        }
    }

    /// A table is Hive's or has USING, not both.
    fn check_hive_clauses(&self, hive: &HiveClauses, seen: &[&str]) -> Result<()> {
        if !seen.contains(&"USING") {
            return self.check_row_format(hive);
        }
        let stored = match (&hive.stored_as, &hive.classes) {
            (Some(name), _) => format!("STORED AS {name} "),
            (None, Some((input, output))) => format!("STORED AS INPUTFORMAT {input} OUTPUTFORMAT {output} "),
            (None, None) => String::new(),
        };
        let row = match &hive.serde {
            Some(serde) => format!("ROW FORMAT SERDE {serde} "),
            None if hive.delimited => "ROW FORMAT DELIMITED ".into(),
            None => String::new(),
        };
        let operation = format!("CREATE TABLE ... USING ... {row}{stored}");
        Err(self.error_whole(SparkError::new("INVALID_STATEMENT_OR_CLAUSE").with("operation", operation)))
    }

    /// Properties that have clauses of their own are refused.
    pub fn check_properties(&self, properties: &[(String, String)]) -> Result<()> {
        let clause = |key: &str| match key {
            "provider" => Some("please use the USING clause to specify it"),
            "location" => Some("please use the LOCATION clause to specify it"),
            "owner" => Some("it will be set to the current user"),
            "external" => Some("please use CREATE EXTERNAL TABLE"),
            "collation" => Some("please use the DEFAULT COLLATION clause to specify it"),
            _ => None,
        };
        match properties.iter().find_map(|(key, _)| Some((key, clause(key)?))) {
            Some((key, message)) => {
                let error = SparkError::new("UNSUPPORTED_FEATURE.SET_TABLE_PROPERTY");
                Err(self.error_whole(error.with("property", key).with("msg", message)))
            }
            None => Ok(()),
        }
    }

    fn partitioning(&mut self, spec: &mut TableSpec) -> Result<()> {
        self.expect_symbol("(")?;
        loop {
            let start = self.position();
            if self.is_identifier_at(0) && self.is_symbol_at(1, "(") {
                self.transform(start, spec)?;
                if self.eat_symbol(",") {
                    continue;
                }
                break;
            }
            if self.is_identifier_at(0) && !self.is_symbol_at(1, ",") && !self.is_symbol_at(1, ")") {
                let column = self.column_definition()?;
                spec.partition_definitions.push(column);
            } else {
                let name = self.identifier()?;
                spec.partition_columns.push(name);
            }
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")
    }

    /// `bucket(n, columns)` is CLUSTERED BY; Spark's files know no other transform.
    fn transform(&mut self, start: usize, spec: &mut TableSpec) -> Result<()> {
        let name = self.identifier()?;
        self.expect_symbol("(")?;
        if name.eq_ignore_ascii_case("bucket") {
            let buckets = self.integer()?;
            self.expect_symbol(",")?;
            let columns = self.comma_separated(Self::identifier)?;
            self.expect_symbol(")")?;
            return bucketed(spec, Bucketing { columns, sort_columns: vec![], buckets });
        }
        while !self.is_end() && !self.is_symbol(")") {
            self.advance();
        }
        self.expect_symbol(")")?;
        let transform = format!("`{}`", self.source(start));
        Err(SparkError::new("UNSUPPORTED_PARTITION_TRANSFORM").with("transform", transform))
    }

    fn bucketing(&mut self) -> Result<Bucketing> {
        let start = self.position() - 2;
        let mut descends = None;
        let columns = self.parenthesized(Self::identifier)?;
        let mut sort_columns = vec![];
        if self.eat_words(&["SORTED", "BY"]) {
            sort_columns = self.parenthesized(|parser| {
                let name = parser.identifier()?;
                if parser.is_word("DESC") {
                    descends = Some(parser.advance().text);
                }
                parser.eat_word("ASC");
                Ok(name)
            })?;
        }
        self.expect_word("INTO")?;
        let buckets = self.integer()?;
        self.expect_word("BUCKETS")?;
        if let Some(word) = descends {
            let message = format!("Column ordering must be ASC, was '{word}'");
            return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        }
        Ok(Bucketing { columns, sort_columns, buckets })
    }

    /// `name type [NOT NULL] [DEFAULT ..] [COMMENT ..]`.
    pub fn column_definition(&mut self) -> Result<ColumnDefinition> {
        let start = self.position();
        let name = self.identifier()?;
        self.eat_symbol(":");
        let data_type = self.data_type()?;
        let mut column =
            ColumnDefinition { name, data_type, nullable: true, comment: None, default: None, refused: None };
        let mut seen: Vec<&str> = vec![];
        let mut twice = None;
        loop {
            let clause = ["NOT", "COMMENT", "DEFAULT", "GENERATED"].into_iter().find(|word| self.is_word(word));
            if let Some(clause) = clause {
                if seen.contains(&clause) {
                    twice.get_or_insert(if clause == "NOT" { "NOT NULL" } else { clause });
                }
                seen.push(clause);
            }
            if self.eat_words(&["NOT", "NULL"]) {
                column.nullable = false;
            } else if self.eat_word("COMMENT") {
                column.comment = Some(self.string()?);
            } else if self.eat_word("DEFAULT") {
                if !self.is_set("spark.sql.defaultColumn.enabled", true) {
                    return Err(self.error_whole(SparkError::new("UNSUPPORTED_DEFAULT_VALUE.WITH_SUGGESTION")));
                }
                let start = self.position();
                self.expression()?;
                column.default = Some(self.source(start).to_string());
            } else if self.eat_words(&["GENERATED", "ALWAYS", "AS"]) {
                column.refused = Some("generated columns");
                if self.eat_word("IDENTITY") {
                    self.identity(start, &mut column)?;
                    continue;
                }
                self.expect_symbol("(")?;
                self.expression()?;
                self.expect_symbol(")")?;
            } else if self.eat_words(&["GENERATED", "BY", "DEFAULT", "AS", "IDENTITY"]) {
                self.identity(start, &mut column)?;
            } else if self.is_column_constraint() {
                self.skip_constraint();
                column.refused = Some("CONSTRAINT");
            } else if let Some(clause) = twice {
                let error = SparkError::new("CREATE_TABLE_COLUMN_DESCRIPTOR_DUPLICATE");
                return Err(self.error_from(start, error.with("columnName", &column.name).with("optionName", clause)));
            } else {
                return Ok(column);
            }
        }
    }

    /// `(START WITH n INCREMENT BY n)` behind IDENTITY: tables in files refuse such columns, wrong ones the parser.
    fn identity(&mut self, start: usize, column: &mut ColumnDefinition) -> Result<()> {
        use firesteel_protocol::connect::data_type::Kind as Type;
        column.refused = Some("identity columns");
        let (mut began, mut step) = (false, None);
        let in_parentheses = self.eat_symbol("(");
        let twice = |option: &str| {
            SparkError::new("IDENTITY_COLUMNS_DUPLICATED_SEQUENCE_GENERATOR_OPTION")
                .with("sequenceGeneratorOption", option)
        };
        let mut wrong = None;
        while in_parentheses && !self.eat_symbol(")") {
            let word = self.eat_any(&["START", "INCREMENT"]).ok_or_else(|| self.unexpected())?;
            let by = if word == "START" { "WITH" } else { "BY" };
            if !self.eat_word(by) {
                return Err(self.lacking(by));
            }
            let negative = self.eat_symbol("-");
            let number = i64::from(self.integer()?);
            let number = if negative { -number } else { number };
            match word {
                "START" if std::mem::replace(&mut began, true) => wrong = wrong.or(Some(twice("START"))),
                "START" => {}
                _ if step.replace(number).is_some() => wrong = wrong.or(Some(twice("STEP"))),
                _ => {}
            }
        }
        let named = match &column.data_type.kind {
            Some(Type::Long(_) | Type::Integer(_)) => None,
            Some(Type::String(_)) => Some("StringType"),
            Some(Type::Double(_)) => Some("DoubleType"),
            Some(Type::Float(_)) => Some("FloatType"),
            Some(Type::Short(_)) => Some("ShortType"),
            Some(Type::Byte(_)) => Some("ByteType"),
            Some(Type::Date(_)) => Some("DateType"),
            Some(Type::Boolean(_)) => Some("BooleanType"),
            _ => None,
        };
        if let Some(data_type) = named {
            wrong = Some(SparkError::new("IDENTITY_COLUMNS_UNSUPPORTED_DATA_TYPE").with("dataType", data_type));
        }
        if step == Some(0) {
            wrong = wrong.or(Some(SparkError::new("IDENTITY_COLUMNS_ILLEGAL_STEP")));
        }
        wrong.map_or(Ok(()), |error| Err(self.error_from(start, error)))
    }

    /// `[CONSTRAINT name] CHECK (..)`, PRIMARY KEY, UNIQUE or FOREIGN KEY, where a column could be.
    fn is_table_constraint(&self) -> bool {
        let at = if self.is_word("CONSTRAINT") && self.is_identifier_at(1) { 2 } else { 0 };
        self.is_word_at(at, "CHECK") && self.is_symbol_at(at + 1, "(")
            || self.is_word_at(at, "UNIQUE") && self.is_symbol_at(at + 1, "(")
            || (self.is_word_at(at, "PRIMARY") || self.is_word_at(at, "FOREIGN")) && self.is_word_at(at + 1, "KEY")
    }

    /// The same behind a column's type, and REFERENCES.
    fn is_column_constraint(&self) -> bool {
        self.is_table_constraint()
            || self.is_any_word(&["UNIQUE", "REFERENCES"])
            || self.is_words(&["PRIMARY", "KEY"])
            || self.is_word("CONSTRAINT")
    }

    /// Goes over a constraint, which tables in files cannot have: to the comma or parenthesis behind it.
    fn skip_constraint(&mut self) {
        while !self.is_end() && !self.is_symbol(",") && !self.is_symbol(")") && !self.is_symbol(";") {
            self.advance();
            self.skip_parentheses();
        }
    }

    fn skip_parentheses(&mut self) {
        let mut depth = 0_usize;
        while !self.is_end() && (depth > 0 || self.is_symbol("(")) {
            match self.advance().text {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
        }
    }

    fn create_function(&mut self, temporary: bool, replace: bool) -> Result<SqlCommand> {
        let if_not_exists = self.if_not_exists();
        let name = self.name_parts()?;
        if if_not_exists && temporary {
            let error = SparkError::new("INVALID_SQL_SYNTAX.CREATE_TEMP_FUNC_WITH_IF_NOT_EXISTS");
            return Err(self.error_whole(error));
        }
        if if_not_exists && replace {
            let error = SparkError::new("INVALID_SQL_SYNTAX.CREATE_ROUTINE_WITH_IF_NOT_EXISTS_AND_REPLACE");
            return Err(self.error_whole(error));
        }
        if self.is_symbol("(") {
            if let (true, [qualifier @ .., own]) = (temporary && name.len() > 1, name.as_slice())
                && !qualifier.last().is_some_and(|last| last.eq_ignore_ascii_case("session"))
            {
                let error = SparkError::new("INVALID_TEMP_OBJ_QUALIFIER")
                    .with("objectType", "FUNCTION")
                    .with("objectName", super::name::quote_parts(std::slice::from_ref(own)))
                    .with("qualifier", super::name::quote_parts(qualifier));
                return Err(self.error_whole(error));
            }
            let function = Box::new(self.function_body(&name)?);
            return Ok(SqlCommand::CreateSqlFunction { name, function, temporary, replace, if_not_exists });
        }
        self.expect_word("AS")?;
        let class = self.string()?;
        if self.eat_word("USING") {
            // Spark looks for the file at the first use, which fails here anyway.
            self.comma_separated(|parser| {
                parser.eat_any(&["JAR", "FILE", "ARCHIVE"]).ok_or_else(|| parser.unexpected())?;
                parser.string()
            })?;
        }
        Ok(SqlCommand::CreateFunction { name, class, temporary, replace, if_not_exists })
    }

    pub fn drop(&mut self) -> Result<SqlCommand> {
        self.expect_word("DROP")?;
        if self.eat_word("TABLE") {
            let if_exists = self.if_exists();
            let name = self.name_parts()?;
            let purge = self.eat_word("PURGE");
            return Ok(SqlCommand::DropTable { name, if_exists, purge });
        }
        if self.eat_word("VIEW") {
            let if_exists = self.if_exists();
            return Ok(SqlCommand::DropView { name: self.name_parts()?, if_exists });
        }
        if self.eat_database_word() {
            let if_exists = self.if_exists();
            let name = self.name_parts()?;
            let cascade = self.eat_any(&["RESTRICT", "CASCADE"]) == Some("CASCADE");
            return Ok(SqlCommand::DropDatabase { name, if_exists, cascade });
        }
        let temporary = self.eat_any(&["TEMPORARY", "TEMP"]).is_some();
        if self.eat_word("FUNCTION") {
            let if_exists = self.if_exists();
            return Ok(SqlCommand::DropFunction { name: self.name_parts()?, temporary, if_exists });
        }
        if temporary && self.eat_any(&["VARIABLE", "VAR"]).is_some() {
            let if_exists = self.if_exists();
            return Ok(SqlCommand::DropVariable { name: self.name_parts()?, if_exists });
        }
        if self.eat_word("INDEX") {
            return Err(self.no_index("DropIndex"));
        }
        Err(self.unexpected())
    }

    pub fn declare(&mut self) -> Result<SqlCommand> {
        let declare = self.position();
        self.expect_word("DECLARE")?;
        let replace = self.eat_words(&["OR", "REPLACE"]);
        if self.peek_at(1).text != "=" {
            self.eat_any(&["VARIABLE", "VAR"]);
        }
        let names = self.comma_separated(Self::name_parts)?;
        if self.is_any_word(&["HANDLER", "CURSOR", "CONDITION"]) && self.is_word_at(1, "FOR") {
            self.advance();
            return Err(self.unexpected());
        }
        let has_default = |parser: &Self| parser.is_word("DEFAULT") || parser.is_symbol("=");
        let data_type = if has_default(self) || !self.is_identifier_at(0) { None } else { Some(self.data_type()?) };
        let (mut default, mut text) = (None, None);
        if has_default(self) {
            self.advance();
            let start = self.position();
            default = Some(Box::new(self.standalone_expression()?));
            text = Some(self.source(start).to_string());
        }
        if data_type.is_none() && default.is_none() {
            let error = SparkError::new("INVALID_SQL_SYNTAX.VARIABLE_TYPE_OR_DEFAULT_REQUIRED");
            return Err(self.error_from(declare, error));
        }
        Ok(SqlCommand::DeclareVariable { names, data_type, default, text, replace })
    }
}

/// A table has one way of bucketing, however it is written.
fn bucketed(spec: &mut TableSpec, bucketing: Bucketing) -> Result<()> {
    match spec.bucketing.replace(bucketing) {
        Some(_) => Err(SparkError::new("UNSUPPORTED_FEATURE.MULTIPLE_BUCKET_TRANSFORMS")),
        None => Ok(()),
    }
}
