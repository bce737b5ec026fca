//! Types in SQL: `DECIMAL(10, 2)`, `MAP<STRING, ARRAY<INT>>`, `STRUCT<a: INT NOT NULL>`, `INTERVAL DAY TO SECOND`.

use firesteel_protocol::connect::{DataType, data_type as t, data_type::Kind};
use firesteel_protocol::types::ddl::{checked_shape, time_digits};
use firesteel_protocol::types::{Shape, collation, proto};
use firesteel_protocol::{Result, SparkError};

use super::parser::Parser;

/// `YEAR`, `MONTH` and their numbers.
pub const YEAR_MONTH: [&str; 2] = ["YEAR", "MONTH"];
/// `DAY` to `SECOND` and their numbers.
pub const DAY_TIME: [&str; 4] = ["DAY", "HOUR", "MINUTE", "SECOND"];

pub fn of(kind: Kind) -> DataType {
    DataType { kind: Some(kind) }
}

/// The type of year-month intervals between two units.
pub fn year_month(start: usize, end: usize) -> DataType {
    of(Kind::YearMonthInterval(t::YearMonthInterval {
        start_field: Some(start as i32),
        end_field: Some(end as i32),
        type_variation_reference: 0,
    }))
}

/// The type of day-time intervals between two units.
pub fn day_time(start: usize, end: usize) -> DataType {
    of(Kind::DayTimeInterval(t::DayTimeInterval {
        start_field: Some(start as i32),
        end_field: Some(end as i32),
        type_variation_reference: 0,
    }))
}

impl Parser<'_> {
    /// A type.
    pub fn data_type(&mut self) -> Result<DataType> {
        self.nested(Self::any_type)
    }

    fn any_type(&mut self) -> Result<DataType> {
        let start = self.position();
        if !self.is_identifier_at(0) {
            return Err(self.unexpected());
        }
        let word = self.advance().text.to_ascii_uppercase();
        match word.as_str() {
            "ARRAY" if self.is_symbol("<") => return self.array(),
            "MAP" if self.is_symbol("<") => return self.map(),
            "STRUCT" if self.is_symbol("<") || self.is_symbol("<>") => return self.structure(),
            "INTERVAL" => return self.interval_type(start),
            "GEOMETRY" | "GEOGRAPHY" if self.is_symbol("(") && self.is_word_at(1, "ANY") => {
                self.parenthesized(Self::identifier)?;
                let shape = Shape { geography: word == "GEOGRAPHY", srid: None };
                return Ok(proto::encode(&shape.data_type()));
            }
            "TIMESTAMP" if self.is_words(&["WITHOUT", "TIME", "ZONE"]) => {
                self.jump(self.position() + 3);
                return Ok(of(Kind::TimestampNtz(t::TimestampNtz::default())));
            }
            "TIMESTAMP" if self.is_words(&["WITH", "LOCAL", "TIME", "ZONE"]) => {
                self.jump(self.position() + 4);
                return Ok(of(Kind::Timestamp(t::Timestamp::default())));
            }
            _ => {}
        }
        let numbers = if self.is_symbol("(") { self.parenthesized(Self::integer)? } else { vec![] };
        self.primitive(start, &word, &numbers)
    }

    fn primitive(&mut self, start: usize, word: &str, numbers: &[i32]) -> Result<DataType> {
        let kind = match (word, numbers) {
            ("BOOLEAN", []) => Kind::Boolean(t::Boolean::default()),
            ("TINYINT" | "BYTE", []) => Kind::Byte(t::Byte::default()),
            ("SMALLINT" | "SHORT", []) => Kind::Short(t::Short::default()),
            ("INT" | "INTEGER", []) => Kind::Integer(t::Integer::default()),
            ("BIGINT" | "LONG", []) => Kind::Long(t::Long::default()),
            ("FLOAT" | "REAL", []) => Kind::Float(t::Float::default()),
            ("DOUBLE", []) => Kind::Double(t::Double::default()),
            ("DATE", []) => Kind::Date(t::Date::default()),
            ("TIMESTAMP", []) if self.ctx.timestamp_ntz => Kind::TimestampNtz(t::TimestampNtz::default()),
            ("TIMESTAMP" | "TIMESTAMP_LTZ", []) => Kind::Timestamp(t::Timestamp::default()),
            ("TIMESTAMP_NTZ", []) => Kind::TimestampNtz(t::TimestampNtz::default()),
            ("TIME", []) => Kind::Time(t::Time { precision: Some(6), ..Default::default() }),
            ("TIME", [precision]) => {
                time_digits(*precision)?;
                Kind::Time(t::Time { precision: Some(*precision), ..Default::default() })
            }
            ("STRING", []) => {
                let mut collation = String::new();
                if self.eat_word("COLLATE") {
                    collation = self.identifier()?;
                }
                Kind::String(t::String { collation, ..Default::default() })
            }
            ("GEOMETRY" | "GEOGRAPHY", [srid]) => {
                return Ok(proto::encode(&checked_shape(word == "GEOGRAPHY", *srid)?));
            }
            ("BINARY", []) => Kind::Binary(t::Binary::default()),
            ("VOID", []) => Kind::Null(t::Null::default()),
            ("VARIANT", []) => Kind::Variant(t::Variant::default()),
            ("CHAR" | "CHARACTER" | "VARCHAR", [length]) if self.eat_word("COLLATE") => {
                let kind = if word == "VARCHAR" { "varchar" } else { "char" };
                collation::sized(&format!("{kind}({length})"), self.collation_name()?)
            }
            ("CHAR" | "CHARACTER", [length]) => Kind::Char(t::Char { length: *length, ..Default::default() }),
            ("VARCHAR", [length]) => Kind::VarChar(t::VarChar { length: *length, ..Default::default() }),
            ("CHAR" | "CHARACTER" | "VARCHAR", []) => {
                let error = SparkError::new("DATATYPE_MISSING_SIZE").with("type", format!("\"{word}\""));
                return Err(self.error_from(start, error));
            }
            ("ARRAY" | "MAP" | "STRUCT", []) => {
                let condition = match word {
                    "ARRAY" => "INCOMPLETE_TYPE_DEFINITION.ARRAY",
                    "MAP" => "INCOMPLETE_TYPE_DEFINITION.MAP",
                    _ => "INCOMPLETE_TYPE_DEFINITION.STRUCT",
                };
                let mut error = SparkError::new(condition);
                if word == "ARRAY" {
                    error = error.with("elementType", "<INT>");
                }
                return Err(self.error_from(start, error));
            }
            ("DECIMAL" | "DEC" | "NUMERIC", []) => decimal(10, 0),
            ("DECIMAL" | "DEC" | "NUMERIC", [precision]) => Self::checked_decimal(*precision, 0)?,
            ("DECIMAL" | "DEC" | "NUMERIC", [precision, scale]) => Self::checked_decimal(*precision, *scale)?,
            _ => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                let name = if numbers.is_empty() { word.to_string() } else { format!("{word}({})", numbers.join(",")) };
                let error = SparkError::new("UNSUPPORTED_DATATYPE").with("typeName", format!("\"{name}\""));
                return Err(self.error_from(start, error));
            }
        };
        Ok(of(kind))
    }

    fn checked_decimal(precision: i32, scale: i32) -> Result<Kind> {
        if precision > 38 {
            let error = SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
                .with("precision", precision.to_string())
                .with("maxPrecision", "38");
            return Err(error);
        }
        if scale > precision {
            let error = SparkError::new("_LEGACY_ERROR_TEMP_1228")
                .with("scale", scale.to_string())
                .with("precision", precision.to_string());
            return Err(error.in_parser());
        }
        Ok(decimal(precision, scale))
    }

    fn array(&mut self) -> Result<DataType> {
        self.expect_symbol("<")?;
        let element = self.data_type()?;
        self.close_angle()?;
        let array = t::Array { element_type: Some(Box::new(element)), contains_null: true, ..Default::default() };
        Ok(of(Kind::Array(Box::new(array))))
    }

    fn map(&mut self) -> Result<DataType> {
        self.expect_symbol("<")?;
        let key = self.data_type()?;
        self.expect_symbol(",")?;
        let value = self.data_type()?;
        self.close_angle()?;
        Ok(of(Kind::Map(Box::new(t::Map {
            key_type: Some(Box::new(key)),
            value_type: Some(Box::new(value)),
            value_contains_null: true,
            type_variation_reference: 0,
        }))))
    }

    fn structure(&mut self) -> Result<DataType> {
        let mut fields = vec![];
        if !self.eat_symbol("<>") {
            self.expect_symbol("<")?;
            if !self.is_symbol(">") {
                fields = self.comma_separated(Self::struct_field)?;
            }
            self.close_angle()?;
        }
        Ok(of(Kind::Struct(t::Struct { fields, type_variation_reference: 0 })))
    }

    pub fn struct_field(&mut self) -> Result<t::StructField> {
        let name = self.identifier()?;
        self.eat_symbol(":");
        let data_type = self.data_type()?;
        let nullable = !self.eat_words(&["NOT", "NULL"]);
        let metadata = if self.eat_word("COMMENT") {
            Some(serde_json::json!({ "comment": self.string()? }).to_string())
        } else {
            None
        };
        Ok(t::StructField { name, data_type: Some(data_type), nullable, metadata })
    }

    /// `>`; the lexer may have taken it as the start of `>=`, which no type is followed by.
    fn close_angle(&mut self) -> Result<()> {
        self.expect_symbol(">")
    }

    fn interval_type(&mut self, start: usize) -> Result<DataType> {
        let unit = |parser: &mut Self| parser.eat_any(&["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]);
        let Some(from) = unit(self) else { return Ok(of(Kind::CalendarInterval(t::CalendarInterval::default()))) };
        let to = if self.eat_word("TO") { unit(self).ok_or_else(|| self.unexpected())? } else { from };
        interval_between(from, to).ok_or_else(|| {
            let error = SparkError::new("INVALID_INTERVAL_FORMAT.UNSUPPORTED_FROM_TO_EXPRESSION")
                .with("input", self.source(start))
                .with("from", from.to_lowercase())
                .with("to", to.to_lowercase());
            self.error_from(start, error)
        })
    }
}

/// The interval type from one unit to a smaller one.
pub fn interval_between(from: &str, to: &str) -> Option<DataType> {
    let place = |units: &[&str], unit: &str| units.iter().position(|known| *known == unit);
    if let (Some(start), Some(end)) = (place(&YEAR_MONTH, from), place(&YEAR_MONTH, to)) {
        return (start <= end).then(|| year_month(start, end));
    }
    let (start, end) = (place(&DAY_TIME, from)?, place(&DAY_TIME, to)?);
    (start <= end).then(|| day_time(start, end))
}

fn decimal(precision: i32, scale: i32) -> Kind {
    Kind::Decimal(t::Decimal { precision: Some(precision), scale: Some(scale), type_variation_reference: 0 })
}
