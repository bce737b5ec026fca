//! How Hive keeps rows, in SQL: ROW FORMAT, STORED AS and LOAD DATA.

use firesteel_protocol::{Result, SparkError};

use super::command::{HiveClauses, SqlCommand};
use super::parser::Parser;

/// Formats that go with a serde of the user's own.
const WITH_SERDE: [&str; 3] = ["sequencefile", "textfile", "rcfile"];

impl Parser<'_> {
    /// Behind ROW FORMAT: `SERDE 'class' [WITH SERDEPROPERTIES (..)]` or `DELIMITED ..`.
    pub(super) fn row_format(&mut self, start: usize, hive: &mut HiveClauses) -> Result<()> {
        if self.eat_word("SERDE") {
            hive.serde = Some(self.string()?);
            if self.eat_words(&["WITH", "SERDEPROPERTIES"]) {
                hive.properties = self.properties()?;
            }
            return Ok(());
        }
        self.expect_word("DELIMITED")?;
        hive.delimited = true;
        let mut put = |key: &str, value: String| hive.properties.push((key.into(), value));
        if self.eat_words(&["FIELDS", "TERMINATED", "BY"]) {
            let separator = self.string()?;
            put("field.delim", separator.clone());
            put("serialization.format", separator);
            if self.eat_words(&["ESCAPED", "BY"]) {
                put("escape.delim", self.string()?);
            }
        }
        if self.eat_words(&["COLLECTION", "ITEMS", "TERMINATED", "BY"]) {
            // Hive's own spelling.
            put("colelction.delim", self.string()?);
        }
        if self.eat_words(&["MAP", "KEYS", "TERMINATED", "BY"]) {
            put("mapkey.delim", self.string()?);
        }
        if self.eat_words(&["LINES", "TERMINATED", "BY"]) {
            let end = self.string()?;
            if end != "\n" {
                let message = format!("LINES TERMINATED BY only supports newline '\\n' right now: {end}");
                return Err(self.error_from(start, SparkError::new("_LEGACY_ERROR_TEMP_0062").with("msg", message)));
            }
            put("line.delim", end);
        }
        if self.eat_words(&["NULL", "DEFINED", "AS"]) {
            // As in Spark, which reads it and writes \N.
            self.string()?;
        }
        Ok(())
    }

    /// Behind STORED AS: a format's name, or its classes.
    pub(super) fn stored_as(&mut self, hive: &mut HiveClauses) -> Result<()> {
        if self.is_word("INPUTFORMAT") && self.is_text_at(1) {
            self.advance();
            let input = self.string()?;
            self.expect_word("OUTPUTFORMAT")?;
            hive.classes = Some((input, self.string()?));
            return Ok(());
        }
        hive.stored_as = Some(self.identifier()?);
        Ok(())
    }

    /// Refuses a ROW FORMAT that the format brings itself.
    pub(super) fn check_row_format(&self, hive: &HiveClauses) -> Result<()> {
        let Some(stored) = hive.stored_as.as_deref().map(str::to_lowercase) else { return Ok(()) };
        let message = if hive.serde.is_some() && !WITH_SERDE.contains(&stored.as_str()) {
            format!("ROW FORMAT SERDE is incompatible with format '{stored}', which also specifies a serde")
        } else if hive.delimited && stored != "textfile" {
            format!("ROW FORMAT DELIMITED is only compatible with 'textfile', not '{stored}'")
        } else {
            return Ok(());
        };
        Err(self.error_whole(SparkError::new("_LEGACY_ERROR_TEMP_0035").with("message", message)))
    }

    /// `[ROW FORMAT ..] [STORED AS ..]` of a folder.
    pub(super) fn folder_storage(&mut self) -> Result<HiveClauses> {
        let mut hive = HiveClauses::default();
        let start = self.position();
        if self.eat_words(&["ROW", "FORMAT"]) {
            self.row_format(start, &mut hive)?;
        }
        if self.eat_words(&["STORED", "AS"]) {
            self.stored_as(&mut hive)?;
        }
        self.check_row_format(&hive)?;
        Ok(hive)
    }

    /// `LOAD DATA [LOCAL] INPATH 'path' [OVERWRITE] INTO TABLE t [PARTITION (..)]`.
    pub(super) fn load_data(&mut self) -> Result<SqlCommand> {
        self.expect_words(&["LOAD", "DATA"])?;
        let local = self.eat_word("LOCAL");
        self.expect_word("INPATH")?;
        let path = self.string()?;
        let overwrite = self.eat_word("OVERWRITE");
        self.expect_words(&["INTO", "TABLE"])?;
        let table = self.name_parts()?;
        let start = self.position();
        let partition = self.partition_spec()?;
        if let Some((column, _)) = partition.iter().find(|(_, value)| value.is_none()) {
            let error = SparkError::new("INVALID_SQL_SYNTAX.EMPTY_PARTITION_VALUE");
            return Err(
                self.error_from(start, error.with("partKey", super::name::quote_parts(std::slice::from_ref(column))))
            );
        }
        Ok(SqlCommand::LoadData { path, local, overwrite, table, partition })
    }
}
