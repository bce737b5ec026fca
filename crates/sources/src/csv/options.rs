//! The options of CSV files, read once.

use firesteel_functions::datetime::pattern::Purpose;
use firesteel_protocol::{Result, SparkError};

use super::tokenize::{Dialect, UnescapedQuotes};
use crate::decode::RecordEnd;
use crate::options::OptionSpec;
use crate::record::mode::{self, ParseMode};
use crate::record::{Temporal, lines};
use crate::{Options, SourceContext};

const fn spec(key: &'static str, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { key, aliases: &[], default, doc }
}

const SEP: OptionSpec = OptionSpec {
    key: "sep",
    aliases: &["delimiter"],
    default: ",",
    doc: "What divides fields, one or more characters.",
};
pub(super) const ENCODING: OptionSpec =
    OptionSpec { key: "encoding", aliases: &["charset"], default: "UTF-8", doc: "Character set of the files." };
const QUOTE: OptionSpec = spec("quote", "\"", "Quotes fields that contain delimiters; empty for none.");
const ESCAPE: OptionSpec = spec("escape", "\\", "Escapes quotes inside quoted fields.");
const ESCAPE_ESCAPE: OptionSpec =
    spec("charToEscapeQuoteEscaping", "", "Escapes the escape character; the escape character itself if not given.");
pub(super) const COMMENT: OptionSpec = spec("comment", "", "Lines that begin with this character are skipped.");
pub(super) const HEADER: OptionSpec = spec("header", "false", "Whether files begin with the names of their columns.");
const INFER_SCHEMA: OptionSpec = spec("inferSchema", "false", "Find types by reading the data.");
const ENFORCE_SCHEMA: OptionSpec =
    spec("enforceSchema", "true", "Whether headers are ignored where a schema is given; else they must fit it.");
pub(super) const IGNORE_LEADING: OptionSpec =
    spec("ignoreLeadingWhiteSpace", "false", "Skip blanks at the beginning of fields (default when writing: true).");
pub(super) const IGNORE_TRAILING: OptionSpec =
    spec("ignoreTrailingWhiteSpace", "false", "Skip blanks at the end of fields (default when writing: true).");
pub(super) const NULL_VALUE: OptionSpec = spec("nullValue", "", "The text of NULL.");
pub(super) const EMPTY_VALUE: OptionSpec =
    spec("emptyValue", "", "The text of an empty string (default when writing: `\"\"`).");
const NAN_VALUE: OptionSpec = spec("nanValue", "NaN", "The text of not-a-number.");
const POSITIVE_INF: OptionSpec = spec("positiveInf", "Inf", "The text of infinity.");
const NEGATIVE_INF: OptionSpec = spec("negativeInf", "-Inf", "The text of negative infinity.");
const MAX_COLUMNS: OptionSpec = spec("maxColumns", "20480", "Columns of a record at most.");
const MAX_CHARS: OptionSpec = spec("maxCharsPerColumn", "-1", "Characters of a field at most; -1 for any number.");
const MULTI_LINE: OptionSpec = spec("multiLine", "false", "Whether quoted fields may contain line ends.");
pub(super) const LINE_SEP: OptionSpec =
    spec("lineSep", "", "What ends a record; any of \\n, \\r\\n, \\r if not given.");
const SAMPLING_RATIO: OptionSpec =
    spec("samplingRatio", "1.0", "The share of records by which the schema is inferred.");
const UNESCAPED_QUOTES: OptionSpec =
    spec("unescapedQuoteHandling", "STOP_AT_DELIMITER", "What a stray quote in a quoted field means.");
const PREFER_DATE: OptionSpec = spec("preferDate", "true", "Infer DATE where all values are dates.");
const COLUMN_PRUNING: OptionSpec = spec("columnPruning", "", "Look only at the fields that a query needs.");
const SINGLE_VARIANT: OptionSpec = spec("singleVariantColumn", "", "Read records as VARIANT; not supported.");

/// How CSV files are read.
#[derive(Debug, Clone)]
pub struct CsvOptions {
    pub dialect: Dialect,
    /// Lower-case name of the character set.
    pub charset: String,
    pub comment: Option<u8>,
    pub header: bool,
    pub infer_schema: bool,
    pub enforce_schema: bool,
    pub null_value: String,
    pub empty_value: String,
    pub nan_value: String,
    pub positive_inf: String,
    pub negative_inf: String,
    pub multi_line: bool,
    /// Given explicitly.
    pub line_sep: Option<Vec<u8>>,
    pub prefer_date: bool,
    pub mode: ParseMode,
    pub corrupt_column: String,
    pub column_pruning: bool,
    pub temporal: Temporal,
    pub case_sensitive: bool,
    /// Share of the records by which the schema is inferred.
    pub sampling_ratio: f64,
}

impl CsvOptions {
    /// Reads the options of a reader.
    pub fn of(options: &Options, ctx: &SourceContext) -> Result<Self> {
        if options.given(&SINGLE_VARIANT).is_some() {
            return Err(SparkError::unsupported("csv option `singleVariantColumn`", "Read the columns as STRING."));
        }
        let ratio = options.number(&SAMPLING_RATIO)?;
        check_sampling_ratio(ratio, options.text(&SAMPLING_RATIO))?;
        let multi_line = options.flag(&MULTI_LINE)?;
        let conf_pruning = ctx.conf_flag("spark.sql.csv.parser.columnPruning.enabled", true);
        let column_pruning = match options.given(&COLUMN_PRUNING) {
            Some(_) => options.flag(&COLUMN_PRUNING)?,
            None => conf_pruning && !multi_line,
        };
        Ok(Self {
            dialect: dialect(options)?,
            charset: charset(options, multi_line)?,
            comment: ascii(options, &COMMENT)?,
            header: options.flag(&HEADER)?,
            infer_schema: options.flag(&INFER_SCHEMA)?,
            enforce_schema: options.flag(&ENFORCE_SCHEMA)?,
            null_value: options.text(&NULL_VALUE).into(),
            empty_value: options.text(&EMPTY_VALUE).into(),
            nan_value: options.text(&NAN_VALUE).into(),
            positive_inf: options.text(&POSITIVE_INF).into(),
            negative_inf: options.text(&NEGATIVE_INF).into(),
            multi_line,
            line_sep: line_sep(options, multi_line)?,
            prefer_date: options.flag(&PREFER_DATE)?,
            mode: ParseMode::of(options),
            corrupt_column: mode::corrupt_column(options, ctx),
            column_pruning,
            temporal: Temporal::of(options, ctx, "csv", Purpose::Parse)?,
            case_sensitive: ctx.env.case_sensitive,
            sampling_ratio: ratio,
        })
    }

    /// How records end, if a file can be cut there.
    pub fn record_end(&self) -> Option<RecordEnd> {
        if self.multi_line || self.charset != "utf-8" {
            return None;
        }
        Some(self.line_end())
    }

    /// How lines end in files that are not read as `multiLine`.
    pub fn line_end(&self) -> RecordEnd {
        match &self.line_sep {
            Some(bytes) => RecordEnd::Exactly(bytes.clone()),
            None => RecordEnd::AnyNewline,
        }
    }
}

/// Delimiter and quotes of an option map, for reading; writing replaces some.
pub(super) fn dialect(options: &Options) -> Result<Dialect> {
    let quote = ascii(options, &QUOTE)?;
    let escape = ascii(options, &ESCAPE)?;
    let escape_escape = match options.given(&ESCAPE_ESCAPE).filter(|text| !text.is_empty()) {
        Some(_) => ascii(options, &ESCAPE_ESCAPE)?,
        None => escape.filter(|_| escape != quote),
    };
    let max_columns = options.integer(&MAX_COLUMNS)?;
    let max_chars = options.integer(&MAX_CHARS)?;
    Ok(Dialect {
        delimiter: delimiter(options.text(&SEP))?.into_bytes(),
        quote,
        escape,
        escape_escape,
        ignore_leading: options.flag(&IGNORE_LEADING)?,
        ignore_trailing: options.flag(&IGNORE_TRAILING)?,
        unescaped: unescaped_quotes(options.text(&UNESCAPED_QUOTES))?,
        max_columns: usize::try_from(max_columns).unwrap_or(0),
        max_chars: usize::try_from(max_chars).ok(),
    })
}

/// An ASCII character, if one is given. The parser looks for bytes.
pub(super) fn ascii(options: &Options, spec: &OptionSpec) -> Result<Option<u8>> {
    match options.character(spec)? {
        None => Ok(None),
        Some(c) if c.is_ascii() => Ok(Some(c as u8)),
        Some(c) => {
            let feature = format!("csv option `{}` with \"{c}\"", spec.key);
            Err(SparkError::unsupported(feature, "Use an ASCII character."))
        }
    }
}

/// Spark's `CSVExprUtils.toDelimiterStr`: `\t` and the like are one character.
fn delimiter(text: &str) -> Result<String> {
    let invalid = |condition: &str, text: &str| SparkError::new(condition).with("str", text.to_string());
    if text.is_empty() {
        return Err(illegal_argument("Delimiter cannot be empty"));
    }
    if text == "u0000" {
        return Ok("\0".into());
    }
    let mut delimiter = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        delimiter.push(match c {
            '\\' => match chars.next() {
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some(quote @ ('"' | '\'' | '\\')) => quote,
                Some(other) => {
                    return Err(invalid(
                        "INVALID_DELIMITER_VALUE.UNSUPPORTED_SPECIAL_CHARACTER",
                        &format!("\\{other}"),
                    ));
                }
                None => return Err(invalid("INVALID_DELIMITER_VALUE.SINGLE_BACKSLASH", text)),
            },
            other => other,
        });
    }
    Ok(delimiter)
}

fn unescaped_quotes(text: &str) -> Result<UnescapedQuotes> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "STOP_AT_DELIMITER" => UnescapedQuotes::StopAtDelimiter,
        "STOP_AT_CLOSING_QUOTE" => UnescapedQuotes::StopAtClosingQuote,
        "SKIP_VALUE" => UnescapedQuotes::SkipValue,
        "RAISE_ERROR" => UnescapedQuotes::RaiseError,
        other => {
            let feature = format!("csv option `unescapedQuoteHandling` with \"{other}\"");
            return Err(SparkError::unsupported(feature, "Use STOP_AT_DELIMITER or STOP_AT_CLOSING_QUOTE."));
        }
    })
}

fn charset(options: &Options, multi_line: bool) -> Result<String> {
    let given = options.text(&ENCODING);
    let name = match given.to_ascii_lowercase().as_str() {
        "utf8" | "utf-8" => "utf-8".to_string(),
        other => other.to_string(),
    };
    if lines::transcode(b"", &name).is_none() {
        let charsets = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8";
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
            .with("parameter", "`charset`")
            .with("functionName", "`CSVOptions`")
            .with("charset", given.to_string())
            .with("charsets", charsets));
    }
    if !multi_line && (name.starts_with("utf-16") || name.starts_with("utf-32")) {
        // Spark cuts such files at single bytes and yields garbage.
        return Err(SparkError::unsupported(
            format!("csv option `encoding` with \"{given}\" for files that are read line by line"),
            "Set option multiLine to true.",
        ));
    }
    Ok(name)
}

pub(super) fn line_sep(options: &Options, multi_line: bool) -> Result<Option<Vec<u8>>> {
    let Some(text) = options.given(&LINE_SEP) else { return Ok(None) };
    if text.is_empty() {
        return Err(illegal_argument("requirement failed: 'lineSep' cannot be an empty string."));
    }
    if text.chars().count() > 2 {
        return Err(illegal_argument("requirement failed: 'lineSep' can contain only 1 character."));
    }
    if multi_line && text.len() > 1 {
        let feature = format!("csv option `lineSep` with {text:?} together with `multiLine`");
        return Err(SparkError::unsupported(feature, "Use a line separator of one ASCII character."));
    }
    Ok(Some(text.as_bytes().to_vec()))
}

/// Spark's `IllegalArgumentException`s without a condition.
pub(crate) fn illegal_argument(message: &str) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(message)
}

/// Refuses what Spark refuses.
pub(crate) fn check_sampling_ratio(ratio: f64, text: &str) -> Result<()> {
    if ratio > 0.0 {
        return Ok(());
    }
    let text = text.parse::<f64>().map_or(text.to_string(), |value| format!("{value:?}"));
    Err(illegal_argument(&format!("requirement failed: samplingRatio ({text}) should be greater than 0")))
}
