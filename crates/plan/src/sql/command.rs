//! Statements that are no queries, as plain values for the engine; and which reader a first word calls.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::Statement;
use super::lexer::Kind;
use super::parser::Parser;
use crate::routine::UserFunction;

/// A name in parts.
pub type Name = Vec<String>;

/// Options and properties in the order in which they were written.
pub type Properties = Vec<(String, String)>;

/// A column of a table that is being made.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDefinition {
    pub name: String,
    pub data_type: pb::DataType,
    pub nullable: bool,
    pub comment: Option<String>,
    /// The text of DEFAULT.
    pub default: Option<String>,
    /// What of the column tables in files cannot have: `generated columns`, `CONSTRAINT`.
    pub refused: Option<&'static str>,
}

/// What CREATE TABLE says of the table besides its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableSpec {
    pub columns: Vec<ColumnDefinition>,
    /// `USING format`, or of `STORED AS`.
    pub format: Option<String>,
    pub options: Properties,
    /// Names from PARTITIONED BY.
    pub partition_columns: Vec<String>,
    /// Columns of PARTITIONED BY that bring their types (Hive's form).
    pub partition_definitions: Vec<ColumnDefinition>,
    pub bucketing: Option<Bucketing>,
    pub location: Option<String>,
    pub comment: Option<String>,
    pub properties: Properties,
    /// STORED AS, ROW FORMAT: a table of Hive's.
    pub hive: Option<HiveClauses>,
    /// Columns of CLUSTER BY.
    pub cluster_by: Option<Vec<String>>,
    /// `DEFAULT COLLATION name`.
    pub collation: Option<&'static str>,
    /// What of the columns tables in files cannot have.
    pub refused: Option<&'static str>,
}

/// ROW FORMAT and STORED AS: how Hive keeps the rows of a table or of a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiveClauses {
    /// `STORED AS name`, as it is written.
    pub stored_as: Option<String>,
    /// `STORED AS INPUTFORMAT 'class' OUTPUTFORMAT 'class'`.
    pub classes: Option<(String, String)>,
    /// `ROW FORMAT SERDE 'class'`.
    pub serde: Option<String>,
    /// `ROW FORMAT DELIMITED`.
    pub delimited: bool,
    /// SERDEPROPERTIES, or the characters behind DELIMITED under Hive's names for them.
    pub properties: Properties,
}

/// `CLUSTERED BY (columns) [SORTED BY (..)] INTO n BUCKETS`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucketing {
    pub columns: Vec<String>,
    pub sort_columns: Vec<String>,
    pub buckets: i32,
}

/// One partition: columns with values; None where the query decides (a dynamic partition). `Some(None)` is NULL.
pub type PartitionSpec = Vec<(String, Option<pb::Expression>)>;

/// How INSERT treats the rows that are there.
#[derive(Debug, Clone, PartialEq)]
pub enum InsertMode {
    Into,
    Overwrite,
    /// `INSERT INTO t REPLACE WHERE condition`.
    ReplaceWhere(Box<pb::Expression>),
    /// `INSERT INTO t REPLACE USING (..)` and `REPLACE ON ..`, which tables in files refuse.
    ReplaceRows,
    /// `INSERT WITH SCHEMA EVOLUTION ..`, which they refuse as well.
    WithSchemaEvolution,
}

/// A change of a table or view.
#[derive(Debug, Clone, PartialEq)]
pub enum Alteration {
    RenameTo(Name),
    /// `one`: the word was COLUMN.
    AddColumns {
        columns: Vec<ColumnDefinition>,
        one: bool,
    },
    DropColumns {
        columns: Vec<Name>,
        if_exists: bool,
    },
    RenameColumn {
        from: Name,
        to: String,
    },
    /// `ALTER COLUMN name [TYPE type] [COMMENT text] [SET|DROP NOT NULL] [SET|DROP DEFAULT]`.
    ChangeColumn {
        column: Name,
        data_type: Option<pb::DataType>,
        comment: Option<String>,
        nullable: Option<bool>,
        /// `Some(None)`: DROP DEFAULT.
        default: Option<Option<String>>,
    },
    /// `CLUSTER BY (columns)`; none for `CLUSTER BY NONE`.
    ClusterBy(Vec<String>),
    /// `ALTER COLUMN name FIRST|AFTER ..`, which Spark knows for other catalogs only.
    MoveColumn,
    /// `ADD CONSTRAINT ..`, `DROP CONSTRAINT ..` and others that tables in files refuse by this name.
    Refused(&'static str),
    /// `SET SERDEPROPERTIES`: options of the table's format.
    /// `SET SERDE`: tables in files have none.
    SetSerde {
        class: String,
        properties: Properties,
    },
    SetOptions(Properties),
    /// `ALTER VIEW .. WITH SCHEMA mode`.
    SetSchemaMode(String),
    /// `REPLACE COLUMNS`, which Spark knows for other catalogs only.
    ReplaceColumns,
    SetLocation {
        location: String,
        partition: Option<PartitionSpec>,
    },
    SetProperties(Properties),
    UnsetProperties {
        keys: Vec<String>,
        if_exists: bool,
    },
    AddPartitions {
        partitions: Vec<(PartitionSpec, Option<String>)>,
        if_not_exists: bool,
    },
    DropPartitions {
        partitions: Vec<PartitionSpec>,
        if_exists: bool,
        purge: bool,
    },
    RenamePartition {
        from: PartitionSpec,
        to: PartitionSpec,
    },
    RecoverPartitions,
    /// `ALTER VIEW .. AS query`.
    SetQuery {
        text: String,
        query: Box<pb::Relation>,
    },
}

/// Kinds of EXPLAIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainMode {
    Simple,
    Extended,
    Codegen,
    Cost,
    Formatted,
}

/// What is described or shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionScope {
    All,
    System,
    User,
}

/// What COMMENT ON comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentTarget {
    Table,
    Database,
}

/// A statement that is no query.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlCommand {
    /// `CREATE [OR REPLACE] [GLOBAL] TEMPORARY VIEW name [(columns)] AS query`, and CREATE VIEW without TEMPORARY.
    CreateView {
        name: Name,
        /// Names and comments; empty when not given.
        columns: Vec<(String, Option<String>)>,
        query: Box<pb::Relation>,
        /// The text of the query.
        text: String,
        temporary: bool,
        global: bool,
        replace: bool,
        if_not_exists: bool,
        comment: Option<String>,
        properties: Properties,
        /// `WITH SCHEMA mode`.
        schema_mode: Option<String>,
    },
    /// `CREATE VIEW .. WITH METRICS LANGUAGE YAML AS $$ .. $$`.
    CreateMetricView(super::metric_view::NewMetricView),
    /// `CREATE TEMPORARY VIEW name [(columns)] USING format [OPTIONS (..)]`.
    CreateTempViewUsing {
        name: Name,
        columns: Vec<ColumnDefinition>,
        format: String,
        options: Properties,
        global: bool,
        replace: bool,
    },
    /// CREATE TABLE, with `query` CREATE TABLE AS SELECT; `replace`: `[CREATE OR] REPLACE TABLE`.
    CreateTable {
        name: Name,
        spec: Box<TableSpec>,
        query: Option<Box<pb::Relation>>,
        if_not_exists: bool,
        external: bool,
        replace: bool,
    },
    CreateTableLike {
        name: Name,
        source: Name,
        spec: Box<TableSpec>,
        if_not_exists: bool,
    },
    DropTable {
        name: Name,
        if_exists: bool,
        purge: bool,
    },
    DropView {
        name: Name,
        if_exists: bool,
    },
    CreateDatabase {
        name: Name,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
        properties: Properties,
    },
    DropDatabase {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    AlterDatabaseProperties {
        name: Name,
        properties: Properties,
    },
    AlterDatabaseUnset {
        name: Name,
        keys: Vec<String>,
    },
    AlterDatabaseLocation {
        name: Name,
        location: String,
    },
    /// `USE [DATABASE|SCHEMA|NAMESPACE] name`.
    Use {
        name: Name,
    },
    SetCatalog {
        name: String,
    },
    Insert {
        table: Name,
        mode: InsertMode,
        partition: PartitionSpec,
        if_partition_not_exists: bool,
        /// Empty: by position.
        columns: Vec<String>,
        by_name: bool,
        /// Of the writer, over the table's.
        options: Properties,
        query: Box<pb::Relation>,
    },
    /// INSERTs that read the same FROM.
    Inserts(Vec<SqlCommand>),
    InsertDirectory {
        /// None: the path is in the options.
        path: Option<String>,
        local: bool,
        format: Option<String>,
        /// ROW FORMAT, STORED AS, or nothing where no format is named.
        hive: Option<HiveClauses>,
        options: Properties,
        query: Box<pb::Relation>,
    },
    /// LOAD DATA: files become a table's own.
    LoadData {
        path: String,
        /// The files are copied, else moved.
        local: bool,
        overwrite: bool,
        table: Name,
        partition: PartitionSpec,
    },
    ShowTables {
        database: Option<Name>,
        pattern: Option<String>,
    },
    ShowTableExtended {
        database: Option<Name>,
        pattern: String,
        partition: Option<PartitionSpec>,
    },
    ShowViews {
        database: Option<Name>,
        pattern: Option<String>,
    },
    ShowDatabases {
        parent: Option<Name>,
        pattern: Option<String>,
    },
    ShowCollations {
        pattern: String,
    },
    ShowCatalogs {
        pattern: Option<String>,
    },
    ShowColumns {
        table: Name,
        database: Option<Name>,
    },
    ShowFunctions {
        scope: FunctionScope,
        database: Option<Name>,
        pattern: Option<String>,
    },
    ShowPartitions {
        table: Name,
        partition: Option<PartitionSpec>,
    },
    ShowCreateTable {
        table: Name,
        as_serde: bool,
    },
    ShowTblProperties {
        table: Name,
        key: Option<String>,
    },
    ShowCurrentNamespace,
    DescribeTable {
        table: Name,
        extended: bool,
        partition: PartitionSpec,
        column: Option<Name>,
        as_json: bool,
    },
    DescribeQuery {
        query: Box<pb::Relation>,
    },
    DescribeDatabase {
        name: Name,
        extended: bool,
    },
    DescribeFunction {
        name: Name,
        extended: bool,
    },
    /// SET without a key (`verbose`: SET -v).
    SetAll {
        verbose: bool,
    },
    /// SET key, which shows its value.
    ShowSetting {
        key: String,
    },
    SetSetting {
        key: String,
        value: String,
    },
    /// `SET TIME ZONE 'zone'`; None for LOCAL.
    SetTimeZone {
        zone: Option<String>,
    },
    /// `RESET [key]`.
    Reset {
        key: Option<String>,
    },
    /// `CACHE [LAZY] TABLE name [OPTIONS (..)] [AS query]`.
    CacheTable {
        table: Name,
        lazy: bool,
        options: Properties,
        query: Option<Box<pb::Relation>>,
        text: Option<String>,
    },
    UncacheTable {
        table: Name,
        if_exists: bool,
    },
    ClearCache,
    RefreshTable {
        table: Name,
    },
    RefreshPath {
        path: String,
    },
    RefreshFunction {
        name: Name,
    },
    Explain {
        mode: ExplainMode,
        statement: ExplainTarget,
    },
    /// DELETE, UPDATE and MERGE, read as far as their table: tables in files refuse them.
    RowChange {
        table: Name,
        operation: &'static str,
        /// Queries that name what the statement names: Spark looks for columns before it refuses the table.
        checks: Vec<pb::Relation>,
    },
    TruncateTable {
        table: Name,
        partition: PartitionSpec,
    },
    AlterTable {
        name: Name,
        alteration: Alteration,
    },
    AlterView {
        name: Name,
        alteration: Alteration,
    },
    /// `MSCK REPAIR TABLE name [ADD|DROP|SYNC PARTITIONS]`.
    RepairTable {
        table: Name,
        add: bool,
        drop: bool,
    },
    CommentOn {
        target: CommentTarget,
        name: Name,
        comment: Option<String>,
    },
    /// `ANALYZE TABLE name [PARTITION (..)] COMPUTE STATISTICS [NOSCAN | FOR COLUMNS .. | FOR ALL COLUMNS]`.
    AnalyzeTable {
        table: Name,
        partition: PartitionSpec,
        noscan: bool,
        columns: Option<Vec<String>>,
    },
    AnalyzeTables {
        database: Option<Name>,
        noscan: bool,
    },
    /// `CREATE [OR REPLACE] [TEMPORARY] FUNCTION name AS 'class'`.
    CreateFunction {
        name: Name,
        class: String,
        temporary: bool,
        replace: bool,
        if_not_exists: bool,
    },
    /// `CREATE [OR REPLACE] [TEMPORARY] FUNCTION name(parameters) RETURNS .. RETURN body`.
    CreateSqlFunction {
        name: Name,
        function: Box<UserFunction>,
        temporary: bool,
        replace: bool,
        if_not_exists: bool,
    },
    DropFunction {
        name: Name,
        temporary: bool,
        if_exists: bool,
    },
    /// `DECLARE [OR REPLACE] [VARIABLE] names [type] [DEFAULT value]`.
    DeclareVariable {
        names: Vec<Name>,
        data_type: Option<pb::DataType>,
        default: Option<Box<pb::Expression>>,
        /// The text of the default.
        text: Option<String>,
        replace: bool,
    },
    DropVariable {
        name: Name,
        if_exists: bool,
    },
    /// `SET VAR a = 1, b = DEFAULT` (None) and `SET VAR (a, b) = (query)`.
    SetVariables {
        assignments: Vec<(Name, Option<pb::Expression>)>,
    },
    SetVariablesFromQuery {
        names: Vec<Name>,
        query: Box<pb::Relation>,
    },
    /// `EXECUTE IMMEDIATE text [INTO variables] [USING arguments]`; an argument may have a name.
    ExecuteImmediate {
        text: Box<pb::Expression>,
        into: Vec<Name>,
        using: Vec<(Option<String>, pb::Expression)>,
    },
    /// `BEGIN .. END`.
    Script(Box<super::script::Block>),
    /// `ADD JAR|FILE|ARCHIVE path`.
    AddResource {
        kind: String,
        paths: Vec<String>,
    },
    ListResources {
        kind: String,
        paths: Vec<String>,
    },
}

/// What EXPLAIN explains.
#[derive(Debug, Clone, PartialEq)]
pub enum ExplainTarget {
    Query(Box<pb::Relation>),
    Command(Box<SqlCommand>),
}

impl SqlCommand {
    /// The query inside, if there is one.
    pub fn query_mut(&mut self) -> Option<&mut pb::Relation> {
        match self {
            Self::CreateView { query, .. }
            | Self::Insert { query, .. }
            | Self::InsertDirectory { query, .. }
            | Self::DescribeQuery { query }
            | Self::SetVariablesFromQuery { query, .. } => Some(query),
            Self::CreateTable { query, .. } | Self::CacheTable { query, .. } => query.as_deref_mut(),
            _ => None,
        }
    }
}

/// Hive's commands that Spark's grammar knows only to refuse them; longer ones first.
const REFUSED: [&[&str]; 31] = [
    &["CREATE", "TEMPORARY", "MACRO"],
    &["DROP", "TEMPORARY", "MACRO"],
    &["SHOW", "CURRENT", "ROLES"],
    &["SHOW", "ROLE", "GRANT"],
    &["CREATE", "ROLE"],
    &["DROP", "ROLE"],
    &["GRANT", "ROLE"],
    &["REVOKE", "ROLE"],
    &["SHOW", "GRANT"],
    &["SHOW", "PRINCIPALS"],
    &["SHOW", "ROLES"],
    &["SHOW", "COMPACTIONS"],
    &["SHOW", "TRANSACTIONS"],
    &["SHOW", "INDEXES"],
    &["SHOW", "LOCKS"],
    &["ALTER", "INDEX"],
    &["LOCK", "TABLE"],
    &["LOCK", "DATABASE"],
    &["UNLOCK", "TABLE"],
    &["UNLOCK", "DATABASE"],
    &["EXPORT", "TABLE"],
    &["IMPORT", "TABLE"],
    &["START", "TRANSACTION"],
    &["SET", "ROLE"],
    &["GRANT"],
    &["REVOKE"],
    &["EXPORT"],
    &["IMPORT"],
    &["COMMIT"],
    &["ROLLBACK"],
    &["DFS"],
];

impl Parser<'_> {
    /// A statement that is no query; its first word is next.
    pub fn command(&mut self) -> Result<Statement> {
        let start = self.position();
        let word = if self.peek().kind == Kind::Word { self.peek().text.to_ascii_uppercase() } else { String::new() };
        if let Some(refused) = REFUSED.iter().find(|words| self.is_words(words)) {
            let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE").with("operation", refused.join(" "));
            return Err(self.error_whole(error));
        }
        let command = match word.as_str() {
            "CREATE" | "REPLACE" => self.create(),
            "DROP" => self.drop(),
            "INSERT" => self.insert(),
            "ALTER" => self.alter(),
            "SHOW" => self.show(),
            "DESC" | "DESCRIBE" => self.describe(),
            "SET" => self.set(),
            "RESET" => self.reset_command(),
            "USE" => self.use_command(),
            "CACHE" => self.cache(),
            "UNCACHE" => self.uncache(),
            "CLEAR" => self.clear_cache(),
            "REFRESH" => self.refresh(),
            "EXPLAIN" => self.explain(),
            "TRUNCATE" => self.truncate(),
            "COMMENT" => self.comment_on(),
            "ANALYZE" => self.analyze(),
            "MSCK" | "REPAIR" => self.repair(),
            "OPEN" | "FETCH" | "CLOSE" if self.is_identifier_at(1) => Err(super::script::no_cursors()),
            "DECLARE" if self.is_word_at(2, "CURSOR") => Err(super::script::no_cursors()),
            "DECLARE" => self.declare(),
            "ADD" | "LIST" => self.resources(),
            "MERGE" | "DELETE" | "UPDATE" => self.row_change(&word),
            "BEGIN" if !self.is_set("spark.sql.scripting.enabled", true) => {
                Err(SparkError::new("UNSUPPORTED_FEATURE.SQL_SCRIPTING")
                    .with("sqlScriptingEnabled", "\"spark.sql.scripting.enabled\"")
                    .placeless())
            }
            "BEGIN" => self.script().map(|block| SqlCommand::Script(Box::new(block))),
            "EXECUTE" if self.is_word_at(1, "IMMEDIATE") => self.execute_immediate(),
            "CALL" => {
                self.advance();
                let name = self.name_parts()?;
                self.expect_symbol("(")?;
                if !self.is_symbol(")") {
                    self.comma_separated(|parser| parser.argument(false))?;
                }
                self.expect_symbol(")")?;
                Err(self.no_procedure(start, &name))
            }
            "LOAD" if self.is_word_at(1, "DATA") => self.load_data(),
            _ => Err(self.unexpected()),
        }?;
        Ok(Statement::Command(Box::new(command)))
    }

    /// The catalog has no procedures.
    pub(super) fn no_procedure(&self, start: usize, name: &[String]) -> SparkError {
        let session = self.ctx.session.as_ref();
        let database = session.map_or_else(|| "default".to_string(), |ctx| ctx.env.database.to_string());
        let path = format!("[`system`.`builtin`, `system`.`session`, `spark_catalog`.`{database}`]");
        let error = SparkError::new("UNRESOLVED_ROUTINE").with("routineName", super::name::quote_parts(name));
        self.error_from(start, error.with("searchPath", path)).raised_as("UNRESOLVED_COLUMN")
    }

    /// `IF NOT EXISTS`.
    pub fn if_not_exists(&mut self) -> bool {
        self.eat_words(&["IF", "NOT", "EXISTS"])
    }

    /// `IF EXISTS`.
    pub fn if_exists(&mut self) -> bool {
        self.eat_words(&["IF", "EXISTS"])
    }

    /// `DATABASE`, `SCHEMA` or `NAMESPACE`.
    pub fn eat_database_word(&mut self) -> bool {
        self.eat_any(&["DATABASE", "SCHEMA", "NAMESPACE"]).is_some()
    }

    /// `(key = value, key value, ..)`: keys bare or as strings, values strings, numbers or booleans.
    pub fn properties(&mut self) -> Result<Properties> {
        let in_options = self.previous().text.eq_ignore_ascii_case("OPTIONS");
        let mut bare: Vec<String> = vec![];
        let properties = self.parenthesized(|parser| {
            let key = parser.property_key()?;
            parser.eat_symbol("=");
            if parser.is_symbol(",") || parser.is_symbol(")") {
                bare.push(key.clone());
                return Ok((key, String::new()));
            }
            Ok((key, parser.property_value()?))
        })?;
        if bare.is_empty() {
            return Ok(properties);
        }
        let message = match in_options {
            true => format!("A value must be specified for the key: {}.", bare[0]),
            false => format!("Values must be specified for key(s): [{}]", bare.join(",")),
        };
        Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)))
    }

    /// `a.b.c` or `'a.b.c'`.
    pub fn property_key(&mut self) -> Result<String> {
        if self.is_text_at(0) {
            return self.single_string();
        }
        let mut key = self.identifier()?;
        while self.is_symbol(".") || self.is_symbol("-") {
            key.push_str(self.advance().text);
            key.push_str(self.advance().text);
        }
        Ok(key)
    }

    fn property_value(&mut self) -> Result<String> {
        if self.is_text_at(0) {
            return self.string();
        }
        let sign = if self.eat_symbol("-") { "-" } else { "" };
        let token = self.peek();
        let value = match token.kind {
            Kind::Number(_) => token.text.to_string(),
            Kind::Word if token.text.eq_ignore_ascii_case("TRUE") || token.text.eq_ignore_ascii_case("FALSE") => {
                token.text.to_lowercase()
            }
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(format!("{sign}{value}"))
    }

    /// `PARTITION (a = 1, b)`; empty when PARTITION is not next.
    pub fn partition_spec(&mut self) -> Result<PartitionSpec> {
        if !(self.is_word("PARTITION") && self.is_symbol_at(1, "(")) {
            return Ok(vec![]);
        }
        let start = self.position();
        self.advance();
        let mut of_default = false;
        let partition = self.parenthesized(|parser| {
            let name = parser.identifier()?;
            if !parser.eat_symbol("=") {
                return Ok((name, None));
            }
            let first = parser.position();
            of_default |= parser.is_word("DEFAULT") && (parser.is_symbol_at(1, ",") || parser.is_symbol_at(1, ")"));
            let value = parser.expression()?;
            // A constant, no computation.
            let is_constant = matches!(parser.token(first).kind, Kind::Number(_) | Kind::Text);
            if is_constant && matches!(value.expr_type, Some(pb::expression::ExprType::UnresolvedFunction(_))) {
                parser.jump(first + 1);
                return Err(parser.unexpected());
            }
            Ok((name, Some(value)))
        })?;
        if of_default {
            return Err(self.error_from(start, SparkError::new("REF_DEFAULT_VALUE_IS_NOT_ALLOWED_IN_PARTITION")));
        }
        for (index, (name, _)) in partition.iter().enumerate() {
            if partition[..index].iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                let column = format!("`{}`", name.to_lowercase());
                return Err(self.error_from(start, SparkError::new("DUPLICATE_KEY").with("keyColumn", column)));
            }
        }
        Ok(partition)
    }

    /// [`Parser::partition_spec`], which must be there.
    pub fn required_partition_spec(&mut self) -> Result<PartitionSpec> {
        if self.is_word("PARTITION") && self.is_symbol_at(1, "(") {
            return self.partition_spec();
        }
        self.expect_word("PARTITION")?;
        Err(self.unexpected())
    }

    /// A query, with the text that it has.
    pub fn query_with_text(&mut self) -> Result<(pb::Relation, String)> {
        let start = self.position();
        let query = self.query()?;
        let text = self.source(start).to_string();
        let query = super::with_text(query, self.text);
        Ok((query, text))
    }

    /// `[IN|FROM] name`.
    pub fn in_database(&mut self) -> Result<Option<Name>> {
        if self.eat_any(&["IN", "FROM"]).is_some() { self.name_parts().map(Some) } else { Ok(None) }
    }

    /// `[LIKE] 'pattern'`.
    pub fn pattern(&mut self) -> Result<Option<String>> {
        let like = self.eat_word("LIKE");
        if like || self.is_text_at(0) { self.string().map(Some) } else { Ok(None) }
    }
}
