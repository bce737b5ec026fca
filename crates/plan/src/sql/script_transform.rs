//! `SELECT TRANSFORM(list) USING 'script' AS (..)`, and its other spellings MAP and REDUCE.

use firesteel_protocol::connect::{self as pb, data_type as t};
use firesteel_protocol::extension::{RelationKind, RowFormat, ScriptTransform};
use firesteel_protocol::{Result, SparkError};

use super::lexer::Kind;
use super::parser::Parser;

/// The clause as read. What is wrong with it is told with the whole SELECT as its place.
#[derive(Debug)]
pub struct ScriptClause {
    script: ScriptTransform,
    wrong: Option<SparkError>,
}

impl Parser<'_> {
    /// Whether `TRANSFORM(..)`, MAP or REDUCE with a script is next, where a SELECT could be.
    pub fn is_script_transform(&self) -> bool {
        let own = self.is_any_word(&["MAP", "REDUCE"]);
        let selects = self.is_words(&["SELECT", "TRANSFORM"]) && self.is_symbol_at(2, "(");
        if !own && !selects {
            return false;
        }
        let mut depth = 0_usize;
        for ahead in 1.. {
            let token = self.peek_at(ahead);
            match (token.kind, token.text) {
                (Kind::End, _) => return false,
                (Kind::Symbol, "(") => depth += 1,
                (Kind::Symbol, ")") if depth == 0 => return false,
                (Kind::Symbol, ")") => depth -= 1,
                (Kind::Word, word) if depth == 0 => {
                    let using = self.is_word_at(ahead, "USING") && self.is_text_at(ahead + 1);
                    let format = self.is_word_at(ahead, "ROW") && self.is_word_at(ahead + 1, "FORMAT");
                    let writer = self.is_word_at(ahead, "RECORDWRITER") && self.is_text_at(ahead + 1);
                    if using || format || writer {
                        return own || self.is_symbol_at(ahead - 1, ")") && !self.is_symbol_at(ahead - 2, "(");
                    }
                    if ["FROM", "SELECT", "JOIN"].iter().any(|end| word.eq_ignore_ascii_case(end)) {
                        return false;
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// The clause, taken, and what it selects; none when something else is next.
    pub fn script_transform(&mut self) -> Result<Option<(Vec<pb::Expression>, ScriptClause)>> {
        if !self.is_script_transform() {
            return Ok(None);
        }
        let in_parentheses = self.eat_words(&["SELECT", "TRANSFORM"]);
        if in_parentheses {
            self.expect_symbol("(")?;
        } else {
            self.advance();
        }
        let mut wrong = None;
        if self.eat_any(&["DISTINCT", "ALL"]).is_some() {
            wrong = Some(SparkError::new("UNSUPPORTED_FEATURE.TRANSFORM_DISTINCT_ALL"));
        }
        let list = self.comma_separated(Self::expression)?;
        if in_parentheses {
            self.expect_symbol(")")?;
        }
        let reads = self.script_format(&mut wrong)?;
        self.record_class("RECORDWRITER", &mut wrong)?;
        self.expect_word("USING")?;
        let script = self.string()?;
        let schema = if self.eat_word("AS") { Some(self.script_schema()?) } else { None };
        let writes = self.script_format(&mut wrong)?;
        self.record_class("RECORDREADER", &mut wrong)?;
        let script = ScriptTransform { input: None, script, schema, reads, writes };
        Ok(Some((list, ScriptClause { script, wrong })))
    }

    /// The script over what its SELECT gives; `start` is where that began.
    pub fn script_over(&self, start: usize, input: pb::Relation, clause: ScriptClause) -> Result<pb::Relation> {
        if let Some(wrong) = clause.wrong {
            return Err(self.error_from(start, wrong));
        }
        let script = ScriptTransform { input: Some(Box::new(input)), ..clause.script };
        Ok(self.placed_relation(start, RelationKind::ScriptTransform(Box::new(script)).into_relation()))
    }

    /// `RECORDREADER 'class'`: Hive's.
    fn record_class(&mut self, word: &str, wrong: &mut Option<SparkError>) -> Result<()> {
        if self.is_word(word) && self.is_text_at(1) {
            self.advance();
            self.string()?;
            wrong.get_or_insert_with(|| SparkError::new("_LEGACY_ERROR_TEMP_0048"));
        }
        Ok(())
    }

    /// Names, or names with types, in parentheses or without.
    fn script_schema(&mut self) -> Result<pb::DataType> {
        let in_parentheses = self.eat_symbol("(");
        // The first column tells whether all have types.
        let next = self.peek_at(1);
        let typed = next.kind == Kind::Word && !self.is_clause_at(1);
        let fields = self.comma_separated(|parser| {
            if typed {
                return parser.struct_field();
            }
            let data_type = Some(super::data_type::of(t::Kind::String(t::String::default())));
            Ok(t::StructField { name: parser.identifier()?, data_type, nullable: true, metadata: None })
        })?;
        if in_parentheses {
            self.expect_symbol(")")?;
        }
        Ok(super::data_type::of(t::Kind::Struct(t::Struct { fields, type_variation_reference: 0 })))
    }

    /// Whether the word is one that goes on behind names without types.
    fn is_clause_at(&self, ahead: usize) -> bool {
        const CLAUSES: [&str; 16] = [
            "ROW",
            "RECORDREADER",
            "FROM",
            "LATERAL",
            "WHERE",
            "GROUP",
            "HAVING",
            "WINDOW",
            "ORDER",
            "SORT",
            "DISTRIBUTE",
            "CLUSTER",
            "LIMIT",
            "UNION",
            "EXCEPT",
            "INTERSECT",
        ];
        CLAUSES.iter().any(|word| self.is_word_at(ahead, word))
    }

    /// `ROW FORMAT ..`, if it is next.
    fn script_format(&mut self, wrong: &mut Option<SparkError>) -> Result<Option<RowFormat>> {
        if !self.is_words(&["ROW", "FORMAT"]) || !["DELIMITED", "SERDE"].iter().any(|word| self.is_word_at(2, word)) {
            return Ok(None);
        }
        self.jump(self.position() + 2);
        if self.eat_word("SERDE") {
            self.string()?;
            if self.eat_words(&["WITH", "SERDEPROPERTIES"]) {
                self.properties()?;
            }
            wrong.get_or_insert_with(|| SparkError::new("UNSUPPORTED_FEATURE.TRANSFORM_NON_HIVE"));
            return Ok(None);
        }
        self.expect_word("DELIMITED")?;
        let mut format = RowFormat::default();
        if self.eat_words(&["FIELDS", "TERMINATED", "BY"]) {
            format.fields = Some(self.string()?);
            // Spark without Hive escapes nothing, whatever is said here.
            if self.eat_words(&["ESCAPED", "BY"]) {
                self.string()?;
            }
        }
        // Scripts read and write nested values as JSON: these say nothing to them, as in Spark without Hive.
        for words in [["COLLECTION", "ITEMS"], ["MAP", "KEYS"]] {
            if self.eat_words(&words) {
                self.expect_words(&["TERMINATED", "BY"])?;
                self.string()?;
            }
        }
        if self.eat_words(&["LINES", "TERMINATED", "BY"]) {
            let end = self.string()?;
            if end != "\n" {
                let msg = format!("LINES TERMINATED BY only supports newline '\\n' right now: {end}");
                wrong.get_or_insert_with(|| SparkError::new("_LEGACY_ERROR_TEMP_0064").with("msg", msg));
            }
        }
        if self.eat_words(&["NULL", "DEFINED", "AS"]) {
            format.null = Some(self.string()?);
        }
        Ok(Some(format))
    }
}
