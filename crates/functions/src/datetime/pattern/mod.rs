//! Patterns of the user for dates and times: `yyyy-MM-dd HH:mm:ss[.SSS]`.
//!
//! The letters are those of Java's `DateTimeFormatter` as far as Spark allows them; texts are English.
//! `compile` is here, `format` prints, `parse` reads; [`legacy`] is how Spark 2 did all of it.

mod calendar;
mod format;
mod legacy;
mod parse;

use firesteel_protocol::SparkError;

pub use parse::ParseFailure;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    items: Vec<Item>,
    /// Under the policy LEGACY, instead of the items.
    legacy: Option<legacy::Legacy>,
    /// Under the policy EXCEPTION, what Spark 2 made of the pattern.
    earlier: Option<legacy::Legacy>,
}

/// What a pattern is for; some letters can only be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Format,
    Parse,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    Number(Number),
    /// `S` to `SSSSSSSSS`.
    Fraction(usize),
    Text(Field, TextStyle),
    Offset(Offset),
    /// `VV`.
    ZoneId,
    /// `z`: the short name, or the long one.
    ZoneName {
        long: bool,
    },
    /// `[...]`.
    Optional(Vec<Item>),
}

/// A number of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    field: Field,
    min: usize,
    max: usize,
    sign: Sign,
    /// Digits that following numbers of fixed width take from this one.
    reserved: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `-` where negative.
    Normal,
    NotNegative,
    /// `-`, and `+` where there are more digits than the pattern has letters.
    ExceedsPad,
    /// The last two digits of years from 2000.
    Reduced,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Era,
    Year,
    YearOfEra,
    Month,
    Quarter,
    DayOfYear,
    DayOfMonth,
    DayOfWeek,
    /// `F`: from 1 to 7, counted from the first of the month.
    AlignedDay,
    HalfDay,
    Hour,
    ClockHour,
    HourOfHalfDay,
    ClockHourOfHalfDay,
    Minute,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextStyle {
    Short,
    Full,
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    /// For no offset, instead of digits.
    zero: &'static str,
    colon: bool,
    minutes: Minutes,
    seconds: bool,
    /// `GMT+8` and `GMT+08:00`.
    localized: Option<TextStyle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Minutes {
    Always,
    WhenNotZero,
}

/// Letters that Spark knows of calendars based on weeks, and refuses.
const WEEK_BASED: &str = "YWwuec";
/// Letters that Java has and Spark refuses.
const UNSUPPORTED: &str = "ABnNp";
/// Letters that Spark can print only.
const FORMAT_ONLY: &str = "EFqQ";
/// Letters of `SimpleDateFormat`, which Spark 2 used.
const LEGACY: &str = "GyYMLwWDdFEuaHkKhmsSzZX";

impl Pattern {
    /// Compiles a pattern for printing.
    pub fn compile(pattern: &str) -> Result<Self, SparkError> {
        Self::compile_for(pattern, Purpose::Format)
    }

    /// Compiles a pattern for reading.
    pub fn parse(pattern: &str) -> Result<Self, SparkError> {
        Self::compile_for(pattern, Purpose::Parse)
    }

    /// Compiles a pattern; the errors are Spark's.
    pub fn compile_for(pattern: &str, purpose: Purpose) -> Result<Self, SparkError> {
        // Without an era the year is astronomical.
        let with_era = unquoted(pattern).any(|c| c == 'G');
        if let Some(fault) = refused_letter(pattern, purpose) {
            return Err(fault.error(pattern));
        }
        let mut compiler = Compiler { chars: pattern.chars().collect(), at: 0, purpose, with_era };
        match compiler.items(false) {
            Ok(mut items) => {
                reserve_digits(&mut items);
                Ok(Self { items, legacy: None, earlier: None })
            }
            Err(fault) => Err(fault.error(pattern)),
        }
    }

    /// [`Pattern::compile_for`] under `spark.sql.legacy.timeParserPolicy`.
    pub fn under(policy: &str, pattern: &str, purpose: Purpose) -> Result<Self, SparkError> {
        if policy.eq_ignore_ascii_case("LEGACY") {
            return Ok(Self { items: vec![], legacy: Some(legacy::Legacy::compile(pattern)?), earlier: None });
        }
        let mut compiled = Self::compile_for(pattern, purpose)?;
        if policy.eq_ignore_ascii_case("EXCEPTION") {
            compiled.earlier = legacy::Legacy::compile(pattern).ok();
        }
        Ok(compiled)
    }

    /// Under the policy EXCEPTION what Spark 2 could read is an error.
    pub fn refuse_earlier(&self, text: &str) -> Result<(), SparkError> {
        match &self.earlier {
            Some(earlier) if earlier.parse(text).is_ok() => {
                Err(SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.PARSE_DATETIME_BY_NEW_PARSER")
                    .with("datetime", format!("'{text}'"))
                    .with("config", "\"spark.sql.legacy.timeParserPolicy\""))
            }
            _ => Ok(()),
        }
    }

    /// Whether the pattern reads or prints a zone or an offset.
    pub fn has_zone(&self) -> bool {
        fn any(items: &[Item]) -> bool {
            items.iter().any(|item| match item {
                Item::Offset(_) | Item::ZoneId | Item::ZoneName { .. } => true,
                Item::Optional(inner) => any(inner),
                _ => false,
            })
        }
        any(&self.items)
    }
}

/// Why a pattern is refused.
enum Fault {
    WeekBased(char),
    Illegal(char),
    Malformed,
}

impl Fault {
    fn error(&self, pattern: &str) -> SparkError {
        const GUIDE: &str = "https://spark.apache.org/docs/latest";
        if legacy_accepts(pattern) {
            return SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION")
                .with("pattern", format!("'{pattern}'"))
                .with("config", "\"spark.sql.legacy.timeParserPolicy\"")
                .with("docroot", GUIDE);
        }
        match self {
            Self::WeekBased(letter) => {
                SparkError::new("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN")
                    .with("c", letter.to_string())
            }
            Self::Illegal(letter) => SparkError::new("INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER")
                .with("pattern", pattern)
                .with("c", letter.to_string()),
            Self::Malformed => SparkError::new("INVALID_DATETIME_PATTERN.WITH_SUGGESTION")
                .with("pattern", format!("'{}'", pattern.replace('\'', "\\'")))
                .with("docroot", GUIDE),
        }
    }
}

/// Whether Spark 2 would have taken the pattern.
fn legacy_accepts(pattern: &str) -> bool {
    pattern.matches('\'').count().is_multiple_of(2)
        && unquoted(pattern).all(|c| !c.is_ascii_alphabetic() || LEGACY.contains(c))
}

/// The letter that Spark refuses before it looks at anything else: in each part outside of quotes first those of weeks.
fn refused_letter(pattern: &str, purpose: Purpose) -> Option<Fault> {
    pattern.split('\'').step_by(2).find_map(|part| {
        let letter = |wanted: &dyn Fn(char) -> bool| part.chars().find(|c| wanted(*c));
        let unknown = |c: char| UNSUPPORTED.contains(c) || purpose == Purpose::Parse && FORMAT_ONLY.contains(c);
        let week_based = letter(&|c| WEEK_BASED.contains(c)).map(Fault::WeekBased);
        week_based.or_else(|| letter(&unknown).map(Fault::Illegal))
    })
}

/// The characters outside of quotes.
fn unquoted(pattern: &str) -> impl Iterator<Item = char> {
    let mut quoted = false;
    pattern.chars().filter(move |c| {
        if *c == '\'' {
            quoted = !quoted;
        }
        !quoted && *c != '\''
    })
}

struct Compiler {
    chars: Vec<char>,
    at: usize,
    purpose: Purpose,
    with_era: bool,
}

impl Compiler {
    fn items(&mut self, nested: bool) -> Result<Vec<Item>, Fault> {
        let mut items: Vec<Item> = vec![];
        let literal = |items: &mut Vec<Item>, text: &str| match items.last_mut() {
            Some(Item::Literal(before)) => before.push_str(text),
            _ => items.push(Item::Literal(text.into())),
        };
        while let Some(&c) = self.chars.get(self.at) {
            match c {
                '\'' => {
                    let text = self.quoted()?;
                    literal(&mut items, &text);
                }
                '[' => {
                    self.at += 1;
                    let inner = self.items(true)?;
                    items.push(Item::Optional(inner));
                }
                ']' if nested => {
                    self.at += 1;
                    return Ok(items);
                }
                ']' | '{' | '}' | '#' => return Err(Fault::Malformed),
                c if c.is_ascii_alphabetic() => {
                    let start = self.at;
                    while self.chars.get(self.at) == Some(&c) {
                        self.at += 1;
                    }
                    items.push(self.letters(c, self.at - start)?);
                }
                c => {
                    self.at += 1;
                    literal(&mut items, c.encode_utf8(&mut [0; 4]));
                }
            }
        }
        // Java closes what is open at the end.
        Ok(items)
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        self.at += 1;
        if self.chars.get(self.at) == Some(&'\'') {
            self.at += 1;
            return Ok("'".into());
        }
        let mut text = String::new();
        loop {
            match (self.chars.get(self.at), self.chars.get(self.at + 1)) {
                (None, _) => return Err(Fault::Malformed),
                (Some('\''), Some('\'')) => {
                    text.push('\'');
                    self.at += 2;
                }
                (Some('\''), _) => {
                    self.at += 1;
                    return Ok(text);
                }
                (Some(c), _) => {
                    text.push(*c);
                    self.at += 1;
                }
            }
        }
    }

    fn letters(&self, letter: char, count: usize) -> Result<Item, Fault> {
        use Field as F;
        if WEEK_BASED.contains(letter) {
            return Err(Fault::WeekBased(letter));
        }
        let format_only = self.purpose == Purpose::Parse && FORMAT_ONLY.contains(letter);
        if UNSUPPORTED.contains(letter) || format_only {
            return Err(Fault::Illegal(letter));
        }
        let two = |field: Field| match count {
            1 => Ok(number(field, 1, 19, Sign::Normal)),
            2 => Ok(number(field, 2, 2, Sign::NotNegative)),
            _ => Err(Fault::Malformed),
        };
        match letter {
            'G' => match count {
                1..=3 => Ok(Item::Text(F::Era, TextStyle::Short)),
                4 => Ok(Item::Text(F::Era, TextStyle::Full)),
                _ => Err(Fault::Malformed),
            },
            'y' => {
                let field = if self.with_era { F::YearOfEra } else { F::Year };
                match count {
                    2 => Ok(number(field, 2, 2, Sign::Reduced)),
                    1 | 3 => Ok(number(field, count, 19, Sign::Normal)),
                    4..=6 => Ok(number(field, count, 19, Sign::ExceedsPad)),
                    _ => Err(Fault::Malformed),
                }
            }
            'M' | 'L' => match count {
                1 | 2 => two(F::Month),
                3 => Ok(Item::Text(F::Month, TextStyle::Short)),
                4 => Ok(Item::Text(F::Month, TextStyle::Full)),
                _ => Err(Fault::Malformed),
            },
            'Q' | 'q' => match count {
                1 | 2 => two(F::Quarter),
                3 => Ok(Item::Text(F::Quarter, TextStyle::Short)),
                4 => Ok(Item::Text(F::Quarter, TextStyle::Full)),
                _ => Err(Fault::Malformed),
            },
            'E' => match count {
                1..=3 => Ok(Item::Text(F::DayOfWeek, TextStyle::Short)),
                4 => Ok(Item::Text(F::DayOfWeek, TextStyle::Full)),
                _ => Err(Fault::Malformed),
            },
            'D' => match count {
                1 => Ok(number(F::DayOfYear, 1, 19, Sign::Normal)),
                2 => Ok(number(F::DayOfYear, 2, 3, Sign::NotNegative)),
                3 => Ok(number(F::DayOfYear, 3, 3, Sign::NotNegative)),
                _ => Err(Fault::Malformed),
            },
            'F' if count == 1 => Ok(number(F::AlignedDay, 1, 19, Sign::Normal)),
            'a' if count == 1 => Ok(Item::Text(F::HalfDay, TextStyle::Short)),
            'd' => two(F::DayOfMonth),
            'H' => two(F::Hour),
            'k' => two(F::ClockHour),
            'K' => two(F::HourOfHalfDay),
            'h' => two(F::ClockHourOfHalfDay),
            'm' => two(F::Minute),
            's' => two(F::Second),
            'S' if count <= 9 => Ok(Item::Fraction(count)),
            'V' if count == 2 => Ok(Item::ZoneId),
            'z' if count <= 4 => Ok(Item::ZoneName { long: count == 4 }),
            'O' if count == 1 => Ok(localized(TextStyle::Short)),
            'O' if count == 4 => Ok(localized(TextStyle::Full)),
            'X' => offset(count, "Z"),
            'x' => offset(count, ["+00", "+0000", "+00:00", "+0000", "+00:00"].get(count - 1).copied().unwrap_or("")),
            'Z' => match count {
                1..=3 => offset(2, "+0000"),
                4 => Ok(localized(TextStyle::Full)),
                5 => offset(5, "Z"),
                _ => Err(Fault::Malformed),
            },
            _ => Err(Fault::Malformed),
        }
    }
}

fn number(field: Field, min: usize, max: usize, sign: Sign) -> Item {
    Item::Number(Number { field, min, max, sign, reserved: 0 })
}

fn offset(count: usize, zero: &'static str) -> Result<Item, Fault> {
    let (colon, minutes, seconds) = match count {
        1 => (false, Minutes::WhenNotZero, false),
        2 => (false, Minutes::Always, false),
        3 => (true, Minutes::Always, false),
        4 => (false, Minutes::Always, true),
        5 => (true, Minutes::Always, true),
        _ => return Err(Fault::Malformed),
    };
    Ok(Item::Offset(Offset { zero, colon, minutes, seconds, localized: None }))
}

fn localized(style: TextStyle) -> Item {
    let minutes = if style == TextStyle::Full { Minutes::Always } else { Minutes::WhenNotZero };
    Item::Offset(Offset { zero: "GMT", colon: true, minutes, seconds: true, localized: Some(style) })
}

/// A number of variable width leaves digits to the numbers of fixed width that follow it directly.
fn reserve_digits(items: &mut [Item]) {
    let mut active: Option<usize> = None;
    for at in 0..items.len() {
        match &mut items[at] {
            Item::Number(number) => {
                let width = number.max;
                let fixed = number.min == number.max && matches!(number.sign, Sign::NotNegative | Sign::Reduced);
                match active {
                    Some(before) if fixed => {
                        if let Item::Number(before) = &mut items[before] {
                            before.reserved += width;
                        }
                    }
                    _ => active = Some(at),
                }
            }
            Item::Optional(inner) => {
                reserve_digits(inner);
                active = None;
            }
            _ => active = None,
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HALF_DAYS: [&str; 2] = ["AM", "PM"];
const ERAS: [&str; 2] = ["BC", "AD"];
const LONG_ERAS: [&str; 2] = ["Before Christ", "Anno Domini"];
const QUARTERS: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
const SHORT_QUARTERS: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];

/// All texts of a field in a style, the value of the first, and how many letters a short text has.
fn texts(field: Field, style: TextStyle) -> (&'static [&'static str], i64, usize) {
    match (field, style) {
        (Field::Month, TextStyle::Short) => (&MONTHS, 1, 3),
        (Field::Month, TextStyle::Full) => (&MONTHS, 1, usize::MAX),
        (Field::DayOfWeek, TextStyle::Short) => (&WEEKDAYS, 1, 3),
        (Field::DayOfWeek, TextStyle::Full) => (&WEEKDAYS, 1, usize::MAX),
        (Field::Quarter, TextStyle::Short) => (&SHORT_QUARTERS, 1, usize::MAX),
        (Field::Quarter, TextStyle::Full) => (&QUARTERS, 1, usize::MAX),
        (Field::Era, TextStyle::Full) => (&LONG_ERAS, 0, usize::MAX),
        (Field::Era, TextStyle::Short) => (&ERAS, 0, usize::MAX),
        _ => (&HALF_DAYS, 0, usize::MAX),
    }
}

fn shortened(text: &'static str, letters: usize) -> &'static str {
    text.get(..letters.min(text.len())).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::iso;
    use super::super::zone::{UTC, Zone};
    use super::*;

    fn format(pattern: &str) -> String {
        let zone = Zone::parse("America/Los_Angeles").unwrap();
        let us = iso::parse_timestamp("2021-07-04 15:06:07.089", zone).unwrap();
        Pattern::compile(pattern).unwrap().format_timestamp(us, zone).unwrap()
    }

    #[test]
    fn prints_as_java() {
        assert_eq!(format("yyyy-MM-dd'T'HH:mm:ss.SSSXXX"), "2021-07-04T15:06:07.089-07:00");
        assert_eq!(format("L LL LLL LLLL Q QQ QQQ QQQQ"), "7 07 Jul July 3 03 Q3 3rd quarter");
        assert_eq!(format("E EEEE D DDD d F"), "Sun Sunday 185 185 4 4");
        assert_eq!(format("a h hh K kk H m s S SS SSSSSSSSS"), "PM 3 03 3 15 15 6 7 0 08 089000000");
        assert_eq!(format("VV z O OOOO X XX XXX"), "America/Los_Angeles PDT GMT-7 GMT-07:00 -07 -0700 -07:00");
        assert_eq!(format("yyyy [HH] 'lit' ''"), "2021 15 lit '");
    }

    #[test]
    fn reads_as_java() {
        let parse = |text: &str, pattern: &str| {
            let pattern = Pattern::compile_for(pattern, Purpose::Parse).unwrap();
            pattern.parse_timestamp(text, UTC).map(|us| iso::format_timestamp(us, UTC)).map_err(|e| e.to_string())
        };
        assert_eq!(parse("20210203", "yyyyMMdd").as_deref(), Ok("2021-02-03 00:00:00"));
        assert_eq!(parse("21-2-3", "yy-M-d").as_deref(), Ok("2021-02-03 00:00:00"));
        assert_eq!(parse("2021-02-03 10:11 pm", "yyyy-MM-dd hh:mm a").as_deref(), Ok("2021-02-03 22:11:00"));
        assert_eq!(parse("2021-034", "yyyy-DDD").as_deref(), Ok("2021-02-03 00:00:00"));
        assert_eq!(parse("03/Feb/2021 +0530", "dd/MMM/yyyy Z").as_deref(), Ok("2021-02-02 18:30:00"));
        assert_eq!(parse("2021-02-03 10:11:12.5", "yyyy-MM-dd HH:mm:ss[.SSS]").as_deref(), Ok("2021-02-03 10:11:12.5"));
        assert_eq!(parse("2021-2-3", "yyyy-MM-dd").unwrap_err(), "Text '2021-2-3' could not be parsed at index 5");
        assert_eq!(
            parse("2021-02-30", "yyyy-MM-dd").unwrap_err(),
            "Text '2021-02-30' could not be parsed: Invalid date 'FEBRUARY 30'"
        );
        assert_eq!(
            parse("12021-02-03", "yyyy-MM-dd").unwrap_err(),
            "Text '12021-02-03' could not be parsed at index 0"
        );
    }

    #[test]
    fn refuses_what_spark_refuses() {
        let refused = |pattern: &str| Pattern::compile(pattern).unwrap_err().condition().to_string();
        assert!(refused("YYYY").ends_with("DATETIME_PATTERN_RECOGNITION"));
        assert!(refused("e").ends_with("DATETIME_WEEK_BASED_PATTERN"));
        assert!(refused("A").ends_with("ILLEGAL_CHARACTER"));
        assert!(refused("yyyyMMddTHH").ends_with("WITH_SUGGESTION"));
        assert!(refused("it's").ends_with("WITH_SUGGESTION"));
    }
}
