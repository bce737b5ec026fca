//! The options of JSON files, read once.

use firesteel_functions::datetime::pattern::Purpose;
use firesteel_protocol::{Result, SparkError};

use super::scan::Grammar;
use crate::csv::options::{check_sampling_ratio, illegal_argument};
use crate::decode::RecordEnd;
use crate::options::OptionSpec;
use crate::record::mode::{self, ParseMode};
use crate::record::{Temporal, lines};
use crate::{Options, SourceContext};

const fn spec(key: &'static str, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { key, aliases: &[], default, doc }
}

const PRIMITIVES_AS_STRING: OptionSpec = spec("primitivesAsString", "false", "Infer STRING for numbers and booleans.");
const PREFERS_DECIMAL: OptionSpec = spec("prefersDecimal", "false", "Infer DECIMAL for numbers with a fraction.");
const COMMENTS: OptionSpec = spec("allowComments", "false", "Skip Java and C++ comments.");
const UNQUOTED_NAMES: OptionSpec = spec("allowUnquotedFieldNames", "false", "Field names may lack quotes.");
const SINGLE_QUOTES: OptionSpec = spec("allowSingleQuotes", "true", "Single quotes may stand for double ones.");
const LEADING_ZEROS: OptionSpec = spec("allowNumericLeadingZeros", "false", "Numbers may begin with zeros.");
const ANY_ESCAPE: OptionSpec =
    spec("allowBackslashEscapingAnyCharacter", "false", "A backslash may stand before any character.");
const CONTROL_CHARS: OptionSpec = spec("allowUnquotedControlChars", "false", "Strings may contain control characters.");
const NON_NUMERIC: OptionSpec = spec("allowNonNumericNumbers", "true", "NaN and Infinity are numbers.");
const MULTI_LINE: OptionSpec = spec("multiLine", "false", "A file is one document, which may span lines.");
const LINE_SEP: OptionSpec = spec("lineSep", "", "What ends a record; any of \\n, \\r\\n, \\r if not given.");
const SAMPLING_RATIO: OptionSpec =
    spec("samplingRatio", "1.0", "The share of records by which the schema is inferred.");
const DROP_ALL_NULL: OptionSpec =
    spec("dropFieldIfAllNull", "false", "Leave out fields that are always null or empty.");
const ENCODING: OptionSpec =
    OptionSpec { key: "encoding", aliases: &["charset"], default: "", doc: "Character set of the files." };
const INFER_TIMESTAMP: OptionSpec = spec("inferTimestamp", "false", "Infer TIMESTAMP for strings that are timestamps.");
const MAX_DEPTH: OptionSpec = spec("maxNestingDepth", "1000", "Levels of arrays and objects at most.");
const MAX_STRING: OptionSpec = spec("maxStringLen", "20000000", "Characters of a string at most.");
const MAX_NUMBER: OptionSpec = spec("maxNumLen", "1000", "Characters of a number at most.");
const SINGLE_VARIANT: OptionSpec =
    spec("singleVariantColumn", "", "The name of the only column, which holds each record as VARIANT.");

/// How JSON files are read.
#[derive(Debug, Clone)]
pub struct JsonOptions {
    pub grammar: Grammar,
    /// Characters of a string at most: others do not fit.
    pub max_string: usize,
    /// The only column, which takes each record as a whole.
    pub single_variant: Option<String>,
    pub primitives_as_string: bool,
    pub prefers_decimal: bool,
    pub infer_timestamp: bool,
    pub drop_all_null: bool,
    pub sampling_ratio: f64,
    pub multi_line: bool,
    pub line_sep: Option<Vec<u8>>,
    /// Lower-case name of the character set.
    pub charset: String,
    pub mode: ParseMode,
    pub corrupt_column: String,
    pub temporal: Temporal,
    pub case_sensitive: bool,
}

impl JsonOptions {
    /// Reads the options of a reader.
    pub fn of(options: &Options, ctx: &SourceContext) -> Result<Self> {
        if !ctx.conf_flag("spark.sql.json.enableExactStringParsing", true) {
            let feature = "reading json files under spark.sql.json.enableExactStringParsing=false";
            return Err(SparkError::unsupported(feature, "Leave it at true."));
        }
        if !ctx.conf_flag("spark.sql.json.enablePartialResults", true) {
            let feature = "reading json files under spark.sql.json.enablePartialResults=false";
            return Err(SparkError::unsupported(feature, "Leave it at true."));
        }
        let sampling_ratio = options.number(&SAMPLING_RATIO)?;
        check_sampling_ratio(sampling_ratio, options.text(&SAMPLING_RATIO))?;
        let multi_line = options.strict_flag(&MULTI_LINE)?;
        let line_sep = options.given(&LINE_SEP);
        let charset = charset(options, multi_line, line_sep)?;
        if line_sep == Some("") {
            return Err(illegal_argument("requirement failed: 'lineSep' cannot be an empty string."));
        }
        Ok(Self {
            grammar: Grammar {
                comments: options.strict_flag(&COMMENTS)?,
                unquoted_names: options.strict_flag(&UNQUOTED_NAMES)?,
                single_quotes: options.strict_flag(&SINGLE_QUOTES)?,
                leading_zeros: options.strict_flag(&LEADING_ZEROS)?,
                any_escape: options.strict_flag(&ANY_ESCAPE)?,
                control_chars: options.strict_flag(&CONTROL_CHARS)?,
                non_numeric: options.strict_flag(&NON_NUMERIC)?,
                max_depth: usize::try_from(options.integer(&MAX_DEPTH)?).unwrap_or(0).min(1000),
                max_number: usize::try_from(options.integer(&MAX_NUMBER)?).unwrap_or(0),
            },
            max_string: usize::try_from(options.integer(&MAX_STRING)?).unwrap_or(0),
            single_variant: options.given(&SINGLE_VARIANT).map(str::to_string),
            primitives_as_string: options.strict_flag(&PRIMITIVES_AS_STRING)?,
            prefers_decimal: options.strict_flag(&PREFERS_DECIMAL)?,
            infer_timestamp: options.strict_flag(&INFER_TIMESTAMP)?,
            drop_all_null: options.strict_flag(&DROP_ALL_NULL)?,
            sampling_ratio,
            multi_line,
            line_sep: line_sep.map(|text| text.as_bytes().to_vec()),
            charset,
            mode: ParseMode::of(options),
            corrupt_column: mode::corrupt_column(options, ctx),
            temporal: Temporal::of(options, ctx, "json", Purpose::Parse)?,
            case_sensitive: ctx.env.case_sensitive,
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

fn charset(options: &Options, multi_line: bool, line_sep: Option<&str>) -> Result<String> {
    let Some(given) = options.given(&ENCODING) else { return Ok("utf-8".into()) };
    let name = match given.to_ascii_lowercase().as_str() {
        "utf8" | "utf-8" => return Ok("utf-8".into()),
        other => other.to_string(),
    };
    if lines::transcode(b"", &name).is_none() {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
            .with("parameter", "`charset`")
            .with("functionName", "`JSONOptions`")
            .with("charset", given.to_string())
            .with("charsets", "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8"));
    }
    if !multi_line && (name == "utf-16" || name == "utf-32") {
        return Err(illegal_argument(&format!(
            "requirement failed: The {given} encoding must not be included in the denyList when multiLine is \
             disabled:\ndenylist: UTF-16, UTF-32"
        )));
    }
    if !multi_line && line_sep.is_none() {
        return Err(illegal_argument(&format!(
            "requirement failed: The lineSep option must be specified for the {given} encoding"
        )));
    }
    Ok(name)
}
