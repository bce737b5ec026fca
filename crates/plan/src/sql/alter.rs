//! ALTER, COMMENT ON, ANALYZE, MSCK REPAIR.

use firesteel_protocol::types::collation;
use firesteel_protocol::{Result, SparkError};

use super::command::{Alteration, CommentTarget, SqlCommand};
use super::parser::Parser;

/// What Hive alters of a table, and Spark's grammar knows only to refuse it.
const REFUSED: [&[&str]; 12] = [
    &["NOT", "CLUSTERED"],
    &["NOT", "SORTED"],
    &["NOT", "SKEWED"],
    &["NOT", "STORED", "AS", "DIRECTORIES"],
    &["CLUSTERED", "BY"],
    &["SKEWED", "BY"],
    &["EXCHANGE", "PARTITION"],
    &["ARCHIVE", "PARTITION"],
    &["UNARCHIVE", "PARTITION"],
    &["CONCATENATE"],
    &["COMPACT"],
    &["TOUCH"],
];

impl Parser<'_> {
    pub fn alter(&mut self) -> Result<SqlCommand> {
        self.expect_word("ALTER")?;
        if self.eat_database_word() {
            return self.alter_database();
        }
        if self.eat_word("VIEW") {
            let name = self.name_parts()?;
            let alteration = self.alteration(true)?;
            return Ok(SqlCommand::AlterView { name, alteration });
        }
        self.expect_word("TABLE")?;
        let name = self.name_parts()?;
        let alteration = self.alteration(false)?;
        Ok(SqlCommand::AlterTable { name, alteration })
    }

    fn alter_database(&mut self) -> Result<SqlCommand> {
        let name = self.name_parts()?;
        if self.eat_word("UNSET") {
            self.eat_any(&["DBPROPERTIES", "PROPERTIES"]).ok_or_else(|| self.unexpected())?;
            self.if_exists();
            let keys = self.parenthesized(Self::property_key)?;
            return Ok(SqlCommand::AlterDatabaseUnset { name, keys });
        }
        if self.eat_words(&["DEFAULT", "COLLATION"]) {
            let own = self.name_parts()?;
            let pair = (collation::DEFAULT_PROPERTY.to_string(), self.schema_collation(&own)?);
            return Ok(SqlCommand::AlterDatabaseProperties { name, properties: vec![pair] });
        }
        self.expect_word("SET")?;
        if self.eat_word("LOCATION") {
            return Ok(SqlCommand::AlterDatabaseLocation { name, location: self.string()? });
        }
        self.eat_any(&["DBPROPERTIES", "PROPERTIES"]).ok_or_else(|| self.unexpected())?;
        Ok(SqlCommand::AlterDatabaseProperties { name, properties: self.properties()? })
    }

    fn alteration(&mut self, is_view: bool) -> Result<Alteration> {
        if is_view && self.eat_words(&["WITH", "SCHEMA"]) {
            let mode = if self.eat_words(&["TYPE", "EVOLUTION"]) {
                "TYPE EVOLUTION"
            } else {
                self.eat_any(&["BINDING", "COMPENSATION", "EVOLUTION"]).ok_or_else(|| self.unexpected())?
            };
            return Ok(Alteration::SetSchemaMode(mode.to_string()));
        }
        if is_view && (self.eat_word("AS") || self.is_query_at(0)) {
            let (query, text) = self.query_with_text()?;
            return Ok(Alteration::SetQuery { text, query: Box::new(query) });
        }
        if !is_view && self.eat_words(&["DEFAULT", "COLLATION"]) {
            let own = self.collation_name()?.to_string();
            // Spark shows it among the properties of a table that is altered.
            let pairs = [(collation::DEFAULT_PROPERTY, own.clone()), ("collation", own)];
            let pairs = pairs.into_iter().map(|(key, own)| (key.to_string(), own)).collect();
            return Ok(Alteration::SetProperties(pairs));
        }
        if self.eat_word("RENAME") {
            if self.eat_word("COLUMN") {
                let from = self.name_parts()?;
                self.expect_word("TO")?;
                return Ok(Alteration::RenameColumn { from, to: self.identifier()? });
            }
            self.expect_word("TO")?;
            return Ok(Alteration::RenameTo(self.name_parts()?));
        }
        if self.eat_word("SET") {
            if self.eat_word("TBLPROPERTIES") {
                let properties = self.properties()?;
                self.check_properties(&properties)?;
                return Ok(Alteration::SetProperties(properties));
            }
            if is_view && self.is_word("LOCATION") {
                return Err(self.unexpected());
            }
            if self.eat_word("LOCATION") {
                return Ok(Alteration::SetLocation { location: self.string()?, partition: None });
            }
            if self.eat_word("SERDE") {
                let class = self.string()?;
                let with = self.eat_words(&["WITH", "SERDEPROPERTIES"]);
                let properties = if with { self.properties()? } else { vec![] };
                return Ok(Alteration::SetSerde { class, properties });
            }
            if self.eat_words(&["SERDEPROPERTIES"]) {
                return Ok(Alteration::SetOptions(self.properties()?));
            }
            if self.is_word("FILEFORMAT") {
                let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE");
                return Err(self.error_whole(error.with("operation", "ALTER TABLE SET FILEFORMAT")));
            }
            return Err(self.unexpected());
        }
        if let Some(refused) = REFUSED.iter().find(|words| !is_view && self.is_words(words)) {
            let operation = format!("ALTER TABLE {}", refused.join(" "));
            let error = SparkError::new("INVALID_STATEMENT_OR_CLAUSE");
            return Err(self.error_whole(error.with("operation", operation)));
        }
        if self.eat_words(&["UNSET", "TBLPROPERTIES"]) {
            let if_exists = self.if_exists();
            let mut valued: Vec<String> = vec![];
            let keys = self.parenthesized(|parser| {
                let key = parser.property_key()?;
                if parser.eat_symbol("=") {
                    parser.expression()?;
                    valued.push(key.clone());
                }
                Ok(key)
            })?;
            if !valued.is_empty() {
                let message = format!("Values should not be specified for key(s): [{}]", valued.join(","));
                return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
            }
            return Ok(Alteration::UnsetProperties { keys, if_exists });
        }
        if self.eat_word("ADD") {
            return self.add();
        }
        if self.eat_word("DROP") {
            return self.drop_parts();
        }
        if self.is_word("PARTITION") {
            let partition = self.required_partition_spec()?;
            if self.eat_words(&["RENAME", "TO"]) {
                return Ok(Alteration::RenamePartition { from: partition, to: self.required_partition_spec()? });
            }
            if self.is_words(&["SET", "SERDE"]) || self.is_words(&["SET", "SERDEPROPERTIES"]) {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_1247").raised_as("UNRESOLVED_COLUMN").placeless());
            }
            self.expect_words(&["SET", "LOCATION"])?;
            return Ok(Alteration::SetLocation { location: self.string()?, partition: Some(partition) });
        }
        if self.eat_words(&["RECOVER", "PARTITIONS"]) {
            return Ok(Alteration::RecoverPartitions);
        }
        if self.eat_words(&["CLUSTER", "BY"]) {
            if self.eat_word("NONE") {
                return Ok(Alteration::ClusterBy(vec![]));
            }
            return Ok(Alteration::ClusterBy(self.parenthesized(Self::identifier)?));
        }
        if self.is_any_word(&["ALTER", "CHANGE"]) {
            return self.change_column();
        }
        if self.is_words(&["REPLACE", "COLUMNS"]) {
            self.expect_words(&["REPLACE", "COLUMNS"])?;
            self.parenthesized(Self::column_definition)?;
            return Ok(Alteration::ReplaceColumns);
        }
        Err(self.unexpected())
    }

    /// ADD COLUMNS or ADD PARTITION.
    fn add(&mut self) -> Result<Alteration> {
        let if_not_exists = self.if_not_exists();
        if self.is_word("CONSTRAINT")
            || self.is_words(&["PRIMARY", "KEY"])
            || self.is_words(&["FOREIGN", "KEY"])
            || self.is_word("CHECK")
        {
            // A constraint may be called CHECK.
            if self.eat_word("CONSTRAINT") {
                self.identifier()?;
                if self.is_symbol("(") {
                    return Err(self.unexpected());
                }
            }
            while !self.is_end() && !self.is_symbol(";") {
                self.advance();
            }
            return Ok(Alteration::Refused("ADD CONSTRAINT"));
        }
        if self.is_word("PARTITION") {
            let mut partitions = vec![];
            while self.is_word("PARTITION") {
                let start = self.position();
                let partition = self.required_partition_spec()?;
                if let Some((name, _)) = partition.iter().find(|(_, value)| value.is_none()) {
                    let error = SparkError::new("INVALID_SQL_SYNTAX.EMPTY_PARTITION_VALUE");
                    return Err(self.error_from(start, error.with("partKey", format!("`{name}`"))));
                }
                let location = if self.eat_word("LOCATION") { Some(self.string()?) } else { None };
                partitions.push((partition, location));
            }
            return Ok(Alteration::AddPartitions { partitions, if_not_exists });
        }
        let one = self.eat_any(&["COLUMNS", "COLUMN"]).ok_or_else(|| self.unexpected())? == "COLUMN";
        let first = usize::from(self.is_symbol("("));
        if self.is_identifier_at(first) && self.is_symbol_at(first + 1, ".") {
            while !self.is_end() && !self.is_symbol(";") {
                self.advance();
            }
            return Ok(Alteration::Refused("ADD COLUMN with qualified column"));
        }
        // A position is read and passed over, as Spark does for tables in files: new columns come last.
        let column = |parser: &mut Self| {
            if parser.is_words(&["IF", "NOT", "EXISTS"]) {
                parser.jump(parser.position() + 2);
                return Err(parser.unexpected());
            }
            let column = parser.column_definition()?;
            if !parser.eat_word("FIRST") && parser.eat_word("AFTER") {
                parser.identifier()?;
            }
            Ok(column)
        };
        let columns = if self.is_symbol("(") { self.parenthesized(column)? } else { self.comma_separated(column)? };
        Ok(Alteration::AddColumns { columns, one })
    }

    /// DROP COLUMNS or DROP PARTITION.
    fn drop_parts(&mut self) -> Result<Alteration> {
        if self.eat_any(&["COLUMNS", "COLUMN"]).is_some() {
            let if_exists = self.if_exists();
            let columns = if self.is_symbol("(") {
                self.parenthesized(Self::name_parts)?
            } else {
                self.comma_separated(Self::name_parts)?
            };
            return Ok(Alteration::DropColumns { columns, if_exists });
        }
        if self.is_word("CONSTRAINT") || self.is_words(&["PRIMARY", "KEY"]) {
            while !self.is_end() && !self.is_symbol(";") {
                self.advance();
            }
            return Ok(Alteration::Refused("DROP CONSTRAINT"));
        }
        let if_exists = self.if_exists();
        let partitions = {
            let mut partitions = vec![self.required_partition_spec()?];
            while self.eat_symbol(",") {
                partitions.push(self.required_partition_spec()?);
            }
            partitions
        };
        let purge = self.eat_word("PURGE");
        Ok(Alteration::DropPartitions { partitions, if_exists, purge })
    }

    fn change_column(&mut self) -> Result<Alteration> {
        let hive = self.advance().text.eq_ignore_ascii_case("CHANGE");
        self.eat_word("COLUMN");
        let column = self.name_parts()?;
        let (mut data_type, mut comment, mut nullable, mut default) = (None, None, None, None);
        // `CHANGE COLUMN c TYPE t` is ALTER COLUMN in other words, and so is what does not begin with a name and a type.
        let is_change = (self.is_word("COMMENT") && self.is_text_at(1))
            || self.is_word("FIRST") && self.ends_at(1)
            || self.is_word("AFTER") && self.ends_at(2)
            || self.is_words(&["SET", "NOT"])
            || self.is_words(&["DROP", "NOT"])
            || self.is_words(&["SET", "DEFAULT"])
            || self.is_words(&["DROP", "DEFAULT"]);
        let hive = hive && !is_change && !(self.is_word("TYPE") && self.is_identifier_at(1));
        if hive {
            let renamed = self.column_definition()?;
            if !column.last().is_some_and(|name| name.eq_ignore_ascii_case(&renamed.name)) {
                let error = SparkError::new("_LEGACY_ERROR_TEMP_0034")
                    .with("operation", "Renaming column")
                    .with("command", "ALTER COLUMN")
                    .with("msg", ", please run RENAME COLUMN instead");
                return Err(self.error_whole(error));
            }
            data_type = Some(renamed.data_type);
            comment = renamed.comment;
        } else if self.eat_word("TYPE") {
            data_type = Some(self.data_type()?);
        } else if self.eat_word("COMMENT") {
            comment = Some(self.string()?);
        } else if let Some(word) = self.eat_any(&["SET", "DROP"]) {
            if self.eat_word("DEFAULT") {
                default = Some(None);
                if word == "SET" {
                    let start = self.position();
                    self.expression()?;
                    default = Some(Some(self.source(start).to_string()));
                }
            } else {
                self.expect_words(&["NOT", "NULL"])?;
                nullable = Some(word == "DROP");
            }
        } else if self.is_end() || self.is_symbol(";") {
            let message = "ALTER TABLE table ALTER COLUMN requires a TYPE, a SET/DROP, a COMMENT, or a FIRST/AFTER";
            return Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)));
        } else if !self.is_any_word(&["FIRST", "AFTER"]) {
            return Err(self.unexpected());
        }
        if self.eat_word("FIRST") {
            return Ok(Alteration::MoveColumn);
        }
        if self.eat_word("AFTER") {
            self.identifier()?;
            return Ok(Alteration::MoveColumn);
        }
        if self.is_symbol(",") {
            while !self.is_end() && !self.is_symbol(";") {
                self.advance();
            }
            return Ok(Alteration::Refused("ALTER COLUMN in bulk"));
        }
        Ok(Alteration::ChangeColumn { column, data_type, comment, nullable, default })
    }

    pub fn comment_on(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["COMMENT", "ON"])?;
        let target = if self.eat_database_word() {
            CommentTarget::Database
        } else {
            self.expect_word("TABLE")?;
            CommentTarget::Table
        };
        let name = self.name_parts()?;
        self.expect_word("IS")?;
        let comment = if self.eat_word("NULL") { None } else { Some(self.string()?) };
        Ok(SqlCommand::CommentOn { target, name, comment })
    }

    pub fn analyze(&mut self) -> Result<SqlCommand> {
        self.expect_word("ANALYZE")?;
        if self.eat_word("TABLES") {
            let database = self.in_database()?;
            self.expect_words(&["COMPUTE", "STATISTICS"])?;
            return Ok(SqlCommand::AnalyzeTables { database, noscan: self.eat_word("NOSCAN") });
        }
        self.expect_word("TABLE")?;
        let table = self.name_parts()?;
        let partition = self.partition_spec()?;
        self.expect_words(&["COMPUTE", "STATISTICS"])?;
        let noscan = self.eat_word("NOSCAN");
        if !noscan && self.is_identifier_at(0) && !self.is_word("FOR") {
            let word = self.peek().text.to_uppercase();
            self.advance();
            let error = SparkError::new("INVALID_SQL_SYNTAX.ANALYZE_TABLE_UNEXPECTED_NOSCAN");
            return Err(self.error_whole(error.with("ctx", word)));
        }
        let columns = if self.eat_words(&["FOR", "ALL", "COLUMNS"]) {
            Some(vec![])
        } else if self.eat_words(&["FOR", "COLUMNS"]) {
            Some(self.comma_separated(Self::identifier)?)
        } else {
            None
        };
        Ok(SqlCommand::AnalyzeTable { table, partition, noscan, columns })
    }

    pub fn repair(&mut self) -> Result<SqlCommand> {
        self.eat_word("MSCK");
        self.expect_words(&["REPAIR", "TABLE"])?;
        let table = self.name_parts()?;
        let word = self.eat_any(&["ADD", "DROP", "SYNC"]);
        if word.is_some() {
            self.expect_word("PARTITIONS")?;
        }
        let (add, drop) = (word != Some("DROP"), matches!(word, Some("DROP" | "SYNC")));
        Ok(SqlCommand::RepairTable { table, add, drop })
    }
}
