//! The schema that JSON records have. Spark's `JsonInferSchema`.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Fields};
use firesteel_protocol::types::{self, name};
use firesteel_protocol::{Result, SparkError};

use super::options::JsonOptions;
use super::read::with_text;
use super::scan::{self, Scanner, SyntaxError, Token, unescape};
use crate::record::ParseMode;
use crate::record::blocks::{Block, work_on_blocks};
use crate::record::lines::{Lines, Next, transcode};
use crate::record::number::{BigDecimal, parse_integer};
use crate::record::sample::Sampler;
use crate::storage::InputFile;

/// The columns of JSON files, sorted by name; none if the files hold no fields.
pub fn infer(options: &JsonOptions, files: &[InputFile], parallelism: usize) -> Result<Fields> {
    if let Some(name) = &options.single_variant {
        return Ok(Fields::from(vec![Field::new(name, types::variant(), true)]));
    }
    let end = options.record_end();
    let sampler = Sampler::new(options.sampling_ratio);
    if options.multi_line {
        sampler.refuse_whole_files()?;
    }
    let (files, threads) = sampler.order(files, parallelism);
    let state = || Guess { options, root: Kind::Null, malformed: false, sampler: sampler.clone() };
    let guesses = work_on_blocks(&files, end.as_ref(), threads, state, |guess, block| guess.block(block))?;
    let (mut root, mut malformed) = (Kind::Null, false);
    for guess in guesses {
        root = root.merge(guess.root);
        malformed |= guess.malformed;
    }
    if malformed {
        // As if each malformed record had been an object with just this field.
        let name = options.corrupt_column.as_bytes().into();
        root = root.merge(Kind::Struct(vec![Known { name, kind: Kind::Text, twice: false }]));
    }
    Ok(match root.data_type(options)? {
        Some(DataType::Struct(fields)) => fields,
        _ => Fields::empty(),
    })
}

/// What the records read so far allow.
struct Guess<'o> {
    options: &'o JsonOptions,
    root: Kind,
    /// Whether a record was malformed.
    malformed: bool,
    sampler: Sampler,
}

impl Guess<'_> {
    fn block(&mut self, block: Block) -> Result<()> {
        let bytes = match self.options.charset.as_str() {
            "utf-8" => block.bytes,
            charset => transcode(&block.bytes, charset).unwrap_or_default(),
        };
        if self.options.multi_line {
            return self.record(&bytes);
        }
        let mut lines = Lines::new(&self.options.line_end(), false);
        for part in [bytes.as_slice(), b""] {
            lines.feed(part, |line| {
                if self.sampler.takes() {
                    self.record(line)?;
                }
                Ok(Next::More)
            })?;
        }
        Ok(())
    }

    fn record(&mut self, text: &[u8]) -> Result<()> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut scanner = Scanner::new(text, self.options.grammar);
        match scanner.skip_blanks() {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if std::str::from_utf8(text).is_ok() => {}
            _ => return self.malformed(),
        }
        // The record is read to its end first, so that a malformed one leaves no trace.
        if scanner.clone().skip_value().is_err() {
            return self.malformed();
        }
        match self.root_value(&mut scanner) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => self.malformed(),
        }
    }

    /// An object, or an array of such; anything else is malformed.
    fn root_value(&mut self, scanner: &mut Scanner<'_>) -> std::result::Result<bool, SyntaxError> {
        match scanner.value()? {
            Token::Object => self.root.observe_object(scanner, self.options).map(|()| true),
            Token::Array => {
                let (mut fine, mut first) = (true, true);
                while scanner.next_element(first)? {
                    first = false;
                    fine &= self.root_value(scanner)?;
                }
                Ok(fine)
            }
            Token::Null => Ok(true),
            _ => Ok(false),
        }
    }

    fn malformed(&mut self) -> Result<()> {
        match self.options.mode {
            ParseMode::Permissive => self.malformed = true,
            ParseMode::DropMalformed => {}
            ParseMode::FailFast => {
                return Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                    .with("badRecord", self.options.corrupt_column.clone())
                    .with("failFastMode", ParseMode::FailFast.name()));
            }
        }
        Ok(())
    }
}

/// What a value can be, by the values seen.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// No value yet.
    Null,
    Boolean,
    Long,
    Double,
    /// Precision and scale; a negative scale is found out at the end.
    Decimal(u8, i8),
    Timestamp,
    TimestampNtz,
    Text,
    Array(Box<Kind>),
    Struct(Vec<Known>),
}

/// A field of objects.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    name: Box<[u8]>,
    kind: Kind,
    /// Whether one object had it twice, which Spark refuses.
    twice: bool,
}

impl Kind {
    /// Takes a value into account.
    fn observe(&mut self, scanner: &mut Scanner<'_>, options: &JsonOptions) -> std::result::Result<(), SyntaxError> {
        let found = match scanner.value()? {
            Token::Object => return self.observe_object(scanner, options),
            Token::Array => return self.observe_array(scanner, options),
            Token::Null => return Ok(()),
            Token::Text(text) => {
                if matches!(self, Self::Text) || text.raw.is_empty() {
                    return Ok(());
                }
                Self::of_text(text, options)
            }
            _ if options.primitives_as_string => Self::Text,
            Token::Boolean(_) => Self::Boolean,
            Token::Integer(text) => match parse_integer(text) {
                Some(_) => Self::Long,
                None => Self::of_decimal(BigDecimal::parse(text, false)),
            },
            Token::Fraction(text) if options.prefers_decimal => Self::of_decimal(BigDecimal::parse(text, false)),
            Token::Fraction(_) | Token::NonNumeric(_) => Self::Double,
        };
        self.add(found);
        Ok(())
    }

    fn of_text(text: scan::Text<'_>, options: &JsonOptions) -> Self {
        if !options.prefers_decimal && !options.infer_timestamp {
            return Self::Text;
        }
        let kind = with_text(text, |text| {
            let number = BigDecimal::parse(text.as_bytes(), true).filter(|_| options.prefers_decimal);
            if let Some(number) = number.filter(|number| number.precision <= 38 && number.scale() <= 38) {
                return Some(Self::Decimal(number.precision as u8, number.scale() as i8));
            }
            if options.infer_timestamp && options.temporal.looks_like_timestamp_ntz(text) {
                return Some(Self::TimestampNtz);
            }
            (options.infer_timestamp && options.temporal.looks_like_timestamp(text)).then_some(Self::Timestamp)
        });
        kind.unwrap_or(Self::Text)
    }

    fn of_decimal(number: Option<BigDecimal>) -> Self {
        let fits =
            |number: &BigDecimal| i64::from(number.precision).max(number.scale()) <= 38 && number.scale() >= -127;
        match number.filter(fits) {
            Some(number) => Self::Decimal(i64::from(number.precision).max(number.scale()) as u8, number.scale() as i8),
            None => Self::Double,
        }
    }

    fn observe_object(
        &mut self,
        scanner: &mut Scanner<'_>,
        options: &JsonOptions,
    ) -> std::result::Result<(), SyntaxError> {
        if *self == Self::Null {
            *self = Self::Struct(vec![]);
        }
        let Self::Struct(fields) = self else {
            self.add(Self::Struct(vec![]));
            return scanner.skip_object(true);
        };
        let (mut hint, mut first) = (0, true);
        let mut seen = Seen::default();
        while let Some(name) = scanner.next_name(first)? {
            first = false;
            let index = find_or_add(fields, name, hint);
            if !seen.insert(index) {
                fields[index].twice = true;
            }
            hint = index + 1;
            fields[index].kind.observe(scanner, options)?;
        }
        Ok(())
    }

    fn observe_array(
        &mut self,
        scanner: &mut Scanner<'_>,
        options: &JsonOptions,
    ) -> std::result::Result<(), SyntaxError> {
        if *self == Self::Null {
            *self = Self::Array(Box::new(Self::Null));
        }
        let Self::Array(element) = self else {
            self.add(Self::Array(Box::new(Self::Null)));
            return scanner.skip_array(true);
        };
        let mut first = true;
        while scanner.next_element(first)? {
            first = false;
            element.observe(scanner, options)?;
        }
        Ok(())
    }

    fn add(&mut self, found: Self) {
        if *self != found {
            *self = std::mem::replace(self, Self::Null).merge(found);
        }
    }

    /// The kind of values of both kinds.
    fn merge(self, other: Self) -> Self {
        use Kind::{Array, Decimal, Double, Long, Null, Struct, Text, Timestamp, TimestampNtz};
        match (self, other) {
            (Null, kind) | (kind, Null) => kind,
            (Long | Decimal(..), Double) | (Double, Long | Decimal(..)) => Double,
            (Long, Decimal(p, s)) | (Decimal(p, s), Long) => Self::wider(20, 0, p, s),
            (Decimal(p, s), Decimal(q, t)) => Self::wider(p, s, q, t),
            (Timestamp, TimestampNtz) | (TimestampNtz, Timestamp) => Timestamp,
            (Array(a), Array(b)) => Array(Box::new(a.merge(*b))),
            (Struct(mut a), Struct(b)) => {
                for field in b {
                    let at = find_or_add(&mut a, scan::Text { raw: &field.name, escaped: false }, 0);
                    a[at].twice |= field.twice;
                    a[at].kind = std::mem::replace(&mut a[at].kind, Null).merge(field.kind);
                }
                Struct(a)
            }
            (a, b) if a == b => a,
            _ => Text,
        }
    }

    fn wider(p: u8, s: i8, q: u8, t: i8) -> Self {
        let scale = i16::from(s.max(t));
        let whole = (i16::from(p) - i16::from(s)).max(i16::from(q) - i16::from(t));
        match u8::try_from(whole + scale) {
            Ok(precision) if precision <= 38 => Self::Decimal(precision, scale as i8),
            _ => Self::Double,
        }
    }

    /// Spark's `canonicalizeType`: what was always null becomes a string or goes, objects without fields go.
    fn data_type(self, options: &JsonOptions) -> Result<Option<DataType>> {
        Ok(Some(match self {
            Self::Null if options.drop_all_null => return Ok(None),
            Self::Null | Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Long => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Decimal(_, scale) if scale < 0 => {
                return Err(SparkError::new("NEGATIVE_SCALE_DISALLOWED")
                    .with("scale", scale.to_string())
                    .with("sqlConf", "\"spark.sql.legacy.allowNegativeScaleOfDecimal\""));
            }
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Timestamp => types::timestamp(),
            Self::TimestampNtz => types::timestamp_ntz(),
            Self::Array(element) => match element.data_type(options)? {
                Some(element) => types::array(element, true),
                None => return Ok(None),
            },
            Self::Struct(mut known) => {
                known.sort_by(|a, b| a.name.cmp(&b.name));
                check_unique(&known, options)?;
                let mut fields = vec![];
                for field in known.into_iter().filter(|field| !field.name.is_empty()) {
                    if let Some(data_type) = field.kind.data_type(options)? {
                        fields.push(Field::new(String::from_utf8_lossy(&field.name), data_type, true));
                    }
                }
                if fields.is_empty() {
                    return Ok(None);
                }
                DataType::Struct(Fields::from(fields))
            }
        }))
    }
}

fn check_unique(fields: &[Known], options: &JsonOptions) -> Result<()> {
    let mut seen = HashSet::new();
    for field in fields {
        let name = String::from_utf8_lossy(&field.name);
        let key = if options.case_sensitive { name.to_string() } else { name.to_lowercase() };
        if field.twice || !seen.insert(key.clone()) {
            return Err(SparkError::new("COLUMN_ALREADY_EXISTS").with("columnName", name::quote(&key)));
        }
    }
    Ok(())
}

#[inline]
fn find_or_add(fields: &mut Vec<Known>, name: scan::Text<'_>, hint: usize) -> usize {
    if name.escaped {
        let mut plain = vec![];
        unescape(&mut plain, name.raw);
        return find_or_add(fields, scan::Text { raw: &plain, escaped: false }, hint);
    }
    match fields.get(hint) {
        Some(field) if &*field.name == name.raw => hint,
        _ => fields.iter().position(|field| &*field.name == name.raw).unwrap_or_else(|| {
            fields.push(Known { name: name.raw.into(), kind: Kind::Null, twice: false });
            fields.len() - 1
        }),
    }
}

/// Indices of an object's fields; the first 64 need no memory.
#[derive(Default)]
struct Seen {
    low: u64,
    high: HashSet<usize>,
}

impl Seen {
    fn insert(&mut self, index: usize) -> bool {
        if index >= 64 {
            return self.high.insert(index);
        }
        let fresh = self.low & (1 << index) == 0;
        self.low |= 1 << index;
        fresh
    }
}
