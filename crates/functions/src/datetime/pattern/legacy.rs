//! Patterns under `spark.sql.legacy.timeParserPolicy=LEGACY`: the letters and the leniency of Java's `SimpleDateFormat`,
//! with fields in their ranges, as Spark uses it. A text may go on behind the pattern, numbers may have fewer digits.

use firesteel_protocol::SparkError;

use super::super::civil::{DAY_US, SECOND_US, add_months, civil_from_days};
use super::super::zone::{UTC, Zone};
use super::calendar::{Said, Unit, week_year};
use super::parse::ParseFailure;
use super::{LEGACY, MONTHS, Pattern, Purpose, WEEKDAYS, unquoted};

/// Years of two digits are those of the hundred years that begin so many years ago.
const YEARS_BACK: i64 = 80;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Legacy {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(char),
    /// A letter, how often it stands there, and how it is printed where it is no number.
    Field(char, usize, Option<Pattern>),
}

impl Legacy {
    /// Compiles a pattern; letters that `SimpleDateFormat` has not are refused.
    pub(super) fn compile(pattern: &str) -> Result<Self, SparkError> {
        let malformed = || {
            SparkError::new("INVALID_DATETIME_PATTERN.WITH_SUGGESTION")
                .with("pattern", format!("'{}'", pattern.replace('\'', "\\'")))
                .with("docroot", "https://spark.apache.org/docs/latest")
        };
        if unquoted(pattern).any(|c| c.is_ascii_alphabetic() && !LEGACY.contains(c)) {
            return Err(malformed());
        }
        let chars: Vec<char> = pattern.chars().collect();
        let mut pieces = vec![];
        let mut at = 0;
        while at < chars.len() {
            let letter = chars[at];
            if letter == '\'' {
                at = quoted(&chars, at, &mut pieces).ok_or_else(malformed)?;
            } else if letter.is_ascii_alphabetic() {
                let count = chars[at..].iter().take_while(|own| **own == letter).count();
                pieces.push(Piece::Field(letter, count, printed(letter, count)?));
                at += count;
            } else {
                pieces.push(Piece::Literal(letter));
                at += 1;
            }
        }
        Ok(Self { pieces })
    }

    /// The local microseconds of a text, and its zone.
    pub(super) fn parse(&self, text: &str) -> Result<(i64, Option<Zone>), ParseFailure> {
        self.read(text).ok_or_else(|| ParseFailure::Legacy(text.into()))
    }

    fn read(&self, text: &str) -> Option<(i64, Option<Zone>)> {
        let mut found = Found::default();
        let mut rest = text;
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(wanted) => rest = rest.strip_prefix(*wanted)?,
                Piece::Field(letter, count, _) => {
                    rest = rest.trim_start_matches([' ', '\t']);
                    // A number that touches the next field has as many digits as letters.
                    let abutting = matches!(self.pieces.get(index + 1), Some(Piece::Field(..)));
                    rest = found.take(*letter, *count, abutting, rest)?;
                }
            }
        }
        Some((found.local_us()?, found.zone))
    }

    /// Appends an instant (microseconds) as local time of `zone`.
    pub(super) fn write(&self, text: &mut String, us: i64, zone: Zone) -> Result<(), SparkError> {
        let local = zone.to_local(us);
        let (days, day_us) = (local.div_euclid(DAY_US), local.rem_euclid(DAY_US));
        let hour = day_us / SECOND_US / 3600;
        for piece in &self.pieces {
            let (letter, count) = match piece {
                Piece::Literal(own) => {
                    text.push(*own);
                    continue;
                }
                Piece::Field(_, _, Some(pattern)) => {
                    pattern.write_timestamp(text, us, zone)?;
                    continue;
                }
                Piece::Field(letter, count, None) => (*letter, *count),
            };
            let value = match letter {
                'y' | 'Y' => {
                    let year = if letter == 'Y' { week_year(days) } else { civil_from_days(days).0 };
                    let year = if year > 0 { year } else { 1 - year };
                    if count == 2 { year % 100 } else { year }
                }
                'H' => hour,
                'k' if hour == 0 => 24,
                'k' => hour,
                'K' => hour % 12,
                'h' => (hour + 11) % 12 + 1,
                'm' => day_us / SECOND_US / 60 % 60,
                's' => day_us / SECOND_US % 60,
                'S' => day_us % SECOND_US / 1000,
                letter => unit(letter).map_or(0, |unit| unit.of(days)),
            };
            text.push_str(&format!("{value:0count$}"));
        }
        Ok(())
    }
}

/// How a letter is printed that is no number: by the pattern of today that prints alike.
fn printed(letter: char, count: usize) -> Result<Option<Pattern>, SparkError> {
    let modern = match (letter, count) {
        ('G', _) => "G",
        ('a', _) => "a",
        ('E', 4..) => "EEEE",
        ('E', _) => "E",
        ('M' | 'L', 4..) => "MMMM",
        ('M' | 'L', 3) => "MMM",
        ('z', 4..) => "zzzz",
        ('z', _) => "z",
        ('Z', _) => "Z",
        ('X', 1) => "X",
        ('X', 2) => "XX",
        ('X', _) => "XXX",
        _ => return Ok(None),
    };
    Pattern::compile_for(modern, Purpose::Format).map(Some)
}

/// Takes a quoted text from the quote at `at`; gives the place behind it, nothing without a second quote.
fn quoted(chars: &[char], at: usize, pieces: &mut Vec<Piece>) -> Option<usize> {
    let mut at = at + 1;
    if chars.get(at) == Some(&'\'') {
        pieces.push(Piece::Literal('\''));
        return Some(at + 1);
    }
    loop {
        match (chars.get(at)?, chars.get(at + 1)) {
            ('\'', Some('\'')) => {
                pieces.push(Piece::Literal('\''));
                at += 2;
            }
            ('\'', _) => return Some(at + 1),
            (own, _) => {
                pieces.push(Piece::Literal(*own));
                at += 1;
            }
        }
    }
}

/// The letters of numbers that tell a day.
fn unit(letter: char) -> Option<Unit> {
    Some(match letter {
        'M' | 'L' => Unit::Month,
        'd' => Unit::Day,
        'D' => Unit::DayOfYear,
        'w' => Unit::WeekOfYear,
        'W' => Unit::WeekOfMonth,
        'F' => Unit::WeekdayInMonth,
        'u' => Unit::Weekday,
        _ => return None,
    })
}

/// What was read.
#[derive(Default)]
struct Found {
    before_christ: bool,
    day: Said,
    /// A year of two digits, and whether it is that of a week.
    short_year: Option<(i64, bool)>,
    hour: Option<i64>,
    half_day_hour: Option<i64>,
    afternoon: bool,
    minute: i64,
    second: i64,
    millis: i64,
    zone: Option<Zone>,
}

impl Found {
    /// Takes a field off the text; `None` if it is not there or out of its range.
    fn take<'t>(&mut self, letter: char, count: usize, abutting: bool, text: &'t str) -> Option<&'t str> {
        match letter {
            'G' => {
                let (era, rest) = one_of(text, &["BC", "AD"], 2)?;
                self.before_christ = era == 0;
                return Some(rest);
            }
            'a' => {
                let (half, rest) = one_of(text, &["AM", "PM"], 2)?;
                self.afternoon = half == 1;
                return Some(rest);
            }
            'E' => {
                let (day, rest) = one_of(text, &WEEKDAYS, 3)?;
                self.day.unit(Unit::Weekday, day as i64 + 1);
                return Some(rest);
            }
            'M' | 'L' if count > 2 => {
                let (month, rest) = one_of(text, &MONTHS, 3)?;
                self.day.unit(Unit::Month, month as i64 + 1);
                return Some(rest);
            }
            'z' | 'Z' | 'X' => {
                let (zone, rest) = zone_of(letter, count, text)?;
                self.zone = Some(zone);
                return Some(rest);
            }
            _ => {}
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let digits = if abutting { Some(count).filter(|count| *count <= digits)? } else { digits };
        let value: i64 = text[..digits].parse().ok()?;
        let within = |least: i64, most: i64| (least..=most).contains(&value).then_some(value);
        match letter {
            'y' | 'Y' if count <= 2 && digits == 2 => {
                self.short_year = Some((value, letter == 'Y'));
                self.said_year(letter == 'Y', value);
            }
            'y' | 'Y' => {
                self.short_year = None;
                self.said_year(letter == 'Y', within(1, 292_278_993)?);
            }
            'H' => self.hour = Some(within(0, 23)?),
            'k' => self.hour = Some(within(1, 24)? % 24),
            'K' => self.half_day_hour = Some(within(0, 11)?),
            'h' => self.half_day_hour = Some(within(1, 12)? % 12),
            'm' => self.minute = within(0, 59)?,
            's' => self.second = within(0, 59)?,
            'S' => self.millis = within(0, 999)?,
            letter => {
                let unit = unit(letter)?;
                let most = match unit {
                    Unit::Month => 12,
                    Unit::Day => 31,
                    Unit::DayOfYear => 366,
                    Unit::WeekOfYear => 53,
                    Unit::WeekOfMonth | Unit::WeekdayInMonth => 6,
                    Unit::Weekday => 7,
                };
                self.day.unit(unit, within(1, most)?);
            }
        }
        Some(&text[digits..])
    }

    fn said_year(&mut self, of_week: bool, year: i64) {
        if of_week { self.day.week_year(year) } else { self.day.year(year) }
    }

    fn local_us(&mut self) -> Option<i64> {
        let Some((short, of_week)) = self.short_year else { return self.local_us_of_year() };
        // The hundred years begin at this very moment of that year, as `SimpleDateFormat` has it.
        let now = chrono::Utc::now().timestamp_micros();
        let start_day = add_months(now.div_euclid(DAY_US), -12 * YEARS_BACK);
        let start = start_day * DAY_US + now.rem_euclid(DAY_US);
        let (century, short_start) = (civil_from_days(start_day).0 / 100 * 100, civil_from_days(start_day).0 % 100);
        let year = century + short + if short < short_start { 100 } else { 0 };
        let mut at = |year: i64| {
            self.said_year(of_week, year);
            self.local_us_of_year()
        };
        let local = at(year)?;
        if short == short_start && local < start { at(year + 100) } else { Some(local) }
    }

    fn local_us_of_year(&self) -> Option<i64> {
        let days = self.day.days(self.before_christ)?;
        let half_day = self.half_day_hour.map(|hour| hour + if self.afternoon { 12 } else { 0 });
        let hour = self.hour.or(half_day).unwrap_or(0);
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        days.checked_mul(DAY_US)?.checked_add(seconds * SECOND_US + self.millis * 1000)
    }
}

/// Which of the words, whole or by its first letters, the text begins with; case does not matter.
fn one_of<'t>(text: &'t str, words: &[&str], letters: usize) -> Option<(usize, &'t str)> {
    let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let whole = words.iter().position(|word| begins(word)).map(|at| (at, words[at].len()));
    let short = || words.iter().position(|word| begins(&word[..letters.min(word.len())])).map(|at| (at, letters));
    let (at, length) = whole.or_else(short)?;
    Some((at, &text[length..]))
}

/// An offset or a zone's name.
fn zone_of(letter: char, count: usize, text: &str) -> Option<(Zone, &str)> {
    if letter == 'X'
        && let Some(rest) = text.strip_prefix('Z')
    {
        return Some((UTC, rest));
    }
    let named = text.strip_prefix("GMT").filter(|rest| letter != 'X' && rest.starts_with(['+', '-']));
    let signed = named.unwrap_or(text);
    if signed.starts_with(['+', '-']) {
        let digits = |from: usize, length: usize| {
            signed.get(from..from + length).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let hours = digits(1, 2)?;
        let colon = signed.get(3..4) == Some(":");
        let minutes = digits(if colon { 4 } else { 3 }, 2).filter(|_| letter != 'X' || count > 1);
        let end = match (minutes, colon) {
            (Some(_), true) => 6,
            (Some(_), false) => 5,
            (None, _) if letter == 'X' => 3,
            (None, _) => return None,
        };
        let zone = Zone::parse(&format!("{}{hours}:{}", &signed[..1], minutes.unwrap_or("00")))?;
        return Some((zone, &signed[end..]));
    }
    if letter == 'X' {
        return None;
    }
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '_')).unwrap_or(text.len());
    // Java knows the short names of zones of America by their regions.
    let region = match &text[..length] {
        "PST" | "PDT" => "America/Los_Angeles",
        "MST" | "MDT" => "America/Denver",
        "CST" | "CDT" => "America/Chicago",
        "EST" | "EDT" => "America/New_York",
        other => other,
    };
    Some((Zone::parse(region)?, &text[length..]))
}
