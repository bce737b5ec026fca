//! Reads types as users write them: `a INT, b ARRAY<STRING> NOT NULL COMMENT 'x'`, `decimal(10,2)`.
//! The grammar is that of Spark's `StructType.fromDDL` and of type names in SQL.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::json;

use super::interval::{IntervalRange, IntervalUnit};
use super::{CHAR_VARCHAR_KEY, METADATA_KEY, Shape};
use crate::error::{Result, SparkError};

/// Reads a column list, or the single type of a column `value`. JSON is accepted too.
pub fn parse_schema(text: &str) -> Result<Fields> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        return match super::json::parse(trimmed)? {
            DataType::Struct(fields) => Ok(fields),
            other => Ok(Fields::from(vec![Field::new("value", other, true)])),
        };
    }
    if let Ok(field) = parse_type(trimmed) {
        if let DataType::Struct(fields) = field.data_type() {
            return Ok(fields.clone());
        }
    }
    let mut parser = Parser::new(trimmed)?;
    let fields = parser.columns(None)?;
    parser.end()?;
    Ok(fields)
}

/// Reads one type; the field has no name.
pub fn parse_type(text: &str) -> Result<Field> {
    let mut parser = Parser::new(text)?;
    let field = parser.data_type()?;
    parser.end()?;
    Ok(field)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Number(String),
    Symbol(char),
}

impl Token {
    fn text(&self) -> String {
        match self {
            Token::Word(s) | Token::Quoted(s) | Token::Text(s) | Token::Number(s) => s.clone(),
            Token::Symbol(c) => c.to_string(),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

fn syntax_error(near: &str) -> SparkError {
    if near.is_empty() {
        return SparkError::new("PARSE_SYNTAX_ERROR").with("error", "end of input").with("hint", "");
    }
    SparkError::new("PARSE_SYNTAX_ERROR").with("error", format!("'{near}'")).with("hint", "")
}

impl Parser {
    fn new(text: &str) -> Result<Self> {
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = vec![];
        let mut i = 0;
        while i < chars.len() {
            let c = chars[i];
            match c {
                c if c.is_whitespace() => i += 1,
                '`' | '\'' | '"' => {
                    let mut word = String::new();
                    i += 1;
                    loop {
                        match chars.get(i) {
                            None => return Err(syntax_error(&c.to_string())),
                            Some(&q) if q == c && c == '`' && chars.get(i + 1) == Some(&c) => {
                                word.push(c);
                                i += 2;
                            }
                            Some(&q) if q == c => break,
                            Some('\\') if c != '`' && i + 1 < chars.len() => {
                                word.push(chars[i + 1]);
                                i += 2;
                            }
                            Some(&other) => {
                                word.push(other);
                                i += 1;
                            }
                        }
                    }
                    i += 1;
                    tokens.push(if c == '`' { Token::Quoted(word) } else { Token::Text(word) });
                }
                c if c.is_alphanumeric() || c == '_' || c == '.' || (c == '-' && !tokens.is_empty()) => {
                    let start = i;
                    while i < chars.len() && (chars[i].is_alphanumeric() || matches!(chars[i], '_' | '.' | '-')) {
                        i += 1;
                    }
                    let word: String = chars[start..i].iter().collect();
                    let number = word.chars().all(|c| c.is_ascii_digit() || c == '-');
                    tokens.push(if number { Token::Number(word) } else { Token::Word(word) });
                }
                other => {
                    tokens.push(Token::Symbol(other));
                    i += 1;
                }
            }
        }
        Ok(Self { tokens, at: 0 })
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn eat(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: char) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self) -> SparkError {
        syntax_error(&self.peek().map(Token::text).unwrap_or_default())
    }

    fn end(&self) -> Result<()> {
        if self.at >= self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Columns up to the end or to `close`.
    fn columns(&mut self, close: Option<char>) -> Result<Fields> {
        let mut fields: Vec<Field> = vec![];
        if close.is_none() && self.peek().is_none() {
            return Ok(Fields::empty());
        }
        loop {
            fields.push(self.column()?);
            if !self.eat(',') {
                break;
            }
        }
        Ok(Fields::from(fields))
    }

    fn column(&mut self) -> Result<Field> {
        let name = match self.next() {
            Some(Token::Word(name) | Token::Quoted(name) | Token::Number(name)) => name,
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        self.eat(':');
        let mut field = self.data_type()?.with_name(name);
        loop {
            if self.eat_word("not") {
                if !self.eat_word("null") {
                    return Err(self.unexpected());
                }
                field = field.with_nullable(false);
            } else if self.eat_word("null") {
            } else if self.eat_word("comment") {
                let Some(Token::Text(comment)) = self.next() else { return Err(self.unexpected()) };
                let mut metadata = field.metadata().clone();
                metadata.insert(METADATA_KEY.into(), json!({ "comment": comment }).to_string());
                field = field.with_metadata(metadata);
            } else {
                return Ok(field);
            }
        }
    }

    fn numbers(&mut self) -> Result<Vec<i32>> {
        let mut numbers = vec![];
        if self.eat('(') {
            loop {
                match self.next() {
                    Some(Token::Number(n)) => numbers.push(n.parse().map_err(|_| syntax_error(&n))?),
                    _ => {
                        self.at -= 1;
                        return Err(self.unexpected());
                    }
                }
                if !self.eat(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        Ok(numbers)
    }

    fn data_type(&mut self) -> Result<Field> {
        let Some(Token::Word(word)) = self.next() else {
            self.at -= 1;
            return Err(self.unexpected());
        };
        let mut metadata = HashMap::new();
        let data_type = match word.to_ascii_lowercase().as_str() {
            "boolean" => DataType::Boolean,
            "tinyint" | "byte" => DataType::Int8,
            "smallint" | "short" => DataType::Int16,
            "int" | "integer" => DataType::Int32,
            "bigint" | "long" => DataType::Int64,
            "float" | "real" => DataType::Float32,
            "double" => DataType::Float64,
            "date" => DataType::Date32,
            "timestamp" | "timestamp_ltz" => super::timestamp(),
            "timestamp_ntz" => super::timestamp_ntz(),
            "time" => {
                if let [digits] = self.numbers()?[..] {
                    super::record_time_precision(time_digits(digits)?, &mut metadata);
                }
                super::time()
            }
            "string" => {
                self.collation(&mut metadata)?;
                DataType::Utf8
            }
            "binary" => DataType::Binary,
            "variant" => super::variant(),
            "void" => DataType::Null,
            "geometry" | "geography" if self.peek() == Some(&Token::Symbol('(')) => self.shape(&word)?,
            "char" | "character" | "varchar" => {
                let kind = if word.eq_ignore_ascii_case("varchar") { "varchar" } else { "char" };
                let numbers = self.numbers()?;
                let [length] = numbers[..] else {
                    return Err(
                        SparkError::new("DATATYPE_MISSING_SIZE").with("type", format!("\"{}\"", word.to_uppercase()))
                    );
                };
                metadata.insert(CHAR_VARCHAR_KEY.into(), format!("{kind}({length})"));
                self.collation(&mut metadata)?;
                DataType::Utf8
            }
            "decimal" | "dec" | "numeric" => match self.numbers()?[..] {
                [] => DataType::Decimal128(10, 0),
                [precision] => decimal(precision, 0)?,
                [precision, scale] => decimal(precision, scale)?,
                _ => return Err(unsupported_type(&word)),
            },
            "interval" => self.interval(&mut metadata)?,
            "array" => {
                self.expect('<')?;
                let element = self.data_type()?.with_name("element");
                self.expect('>')?;
                DataType::List(Arc::new(element))
            }
            "map" => {
                self.expect('<')?;
                let key = self.data_type()?.with_name("key").with_nullable(false);
                self.expect(',')?;
                let value = self.data_type()?.with_name("value");
                self.expect('>')?;
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(vec![key, value].into()), false)), false)
            }
            "struct" => {
                self.expect('<')?;
                let fields =
                    if self.peek() == Some(&Token::Symbol('>')) { Fields::empty() } else { self.columns(Some('>'))? };
                self.expect('>')?;
                DataType::Struct(fields)
            }
            _ => return Err(unsupported_type(&word)),
        };
        Ok(Field::new("", data_type, true).with_metadata(metadata))
    }

    /// `(4326)` or `(ANY)` behind GEOMETRY and GEOGRAPHY.
    fn shape(&mut self, word: &str) -> Result<DataType> {
        let geography = word.eq_ignore_ascii_case("geography");
        if matches!(self.tokens.get(self.at + 1), Some(Token::Word(any)) if any.eq_ignore_ascii_case("any")) {
            self.at += 2;
            self.expect(')')?;
            return Ok(Shape { geography, srid: None }.data_type());
        }
        match self.numbers()?[..] {
            [srid] => checked_shape(geography, srid),
            _ => Err(unsupported_type(word)),
        }
    }

    /// `COLLATE name` behind a type of strings.
    fn collation(&mut self, metadata: &mut HashMap<String, String>) -> Result<()> {
        if self.eat_word("collate") {
            let Some(Token::Word(name)) = self.next() else { return Err(self.unexpected()) };
            super::collation::record(super::collation::parse(&name)?, metadata);
        }
        Ok(())
    }

    fn interval(&mut self, metadata: &mut HashMap<String, String>) -> Result<DataType> {
        let unit = |parser: &mut Self| {
            let Some(Token::Word(word)) = parser.peek() else { return None };
            let unit = IntervalUnit::parse(word)?;
            parser.at += 1;
            Some(unit)
        };
        let Some(start) = unit(self) else { return Ok(super::calendar_interval()) };
        let end = if self.eat_word("to") { unit(self).ok_or_else(|| self.unexpected())? } else { start };
        let range = IntervalRange::new(start, end).ok_or_else(|| {
            SparkError::new("INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION")
                .with("input", format!("interval {} to {}", start.word(), end.word()))
                .with("from", start.word())
                .with("to", end.word())
        })?;
        range.record(metadata);
        Ok(if start <= IntervalUnit::Month { super::year_month_interval() } else { super::day_time_interval() })
    }
}

/// GEOMETRY or GEOGRAPHY of a reference system that Spark knows.
pub fn checked_shape(geography: bool, srid: i32) -> Result<DataType> {
    match Shape::is_known(geography, srid) {
        true => Ok(Shape { geography, srid: Some(srid) }.data_type()),
        false => Err(SparkError::new("ST_INVALID_SRID_VALUE").with("srid", srid.to_string())),
    }
}

/// The digits of a second of a TIME, 0 to 6.
pub fn time_digits(digits: i32) -> Result<u8> {
    u8::try_from(digits)
        .ok()
        .filter(|digits| *digits <= super::TIME_DIGITS)
        .ok_or_else(|| SparkError::new("UNSUPPORTED_TIME_PRECISION").with("precision", digits.to_string()))
}

fn decimal(precision: i32, scale: i32) -> Result<DataType> {
    if precision > 38 {
        return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
            .with("precision", precision.to_string())
            .with("maxPrecision", "38"));
    }
    if scale > precision {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1229")
            .with_message(format!("Decimal scale ({scale}) cannot be greater than precision ({precision}).")));
    }
    Ok(DataType::Decimal128(precision as u8, scale as i8))
}

fn unsupported_type(word: &str) -> SparkError {
    SparkError::new("UNSUPPORTED_DATATYPE").with("typeName", format!("\"{}\"", word.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_nested_types() {
        let fields =
            parse_schema("a INT NOT NULL, `b c` ARRAY<STRUCT<x: DECIMAL(10,2), y MAP<STRING,BIGINT>>> COMMENT 'n'")
                .unwrap();
        assert_eq!(
            super::super::name::ddl(&fields),
            "a INT NOT NULL,`b c` ARRAY<STRUCT<x: DECIMAL(10,2), y: MAP<STRING, BIGINT>>> COMMENT 'n'"
        );
    }

    #[test]
    fn a_wrong_type_is_named() {
        assert_eq!(parse_schema("a FOO").unwrap_err().condition(), "UNSUPPORTED_DATATYPE");
        assert_eq!(parse_schema("a INT b").unwrap_err().condition(), "PARSE_SYNTAX_ERROR");
    }
}
