//! The options of XML files, read once. Those of values are the functions'.

use arrow::array::StringArray;
use arrow::datatypes::{Field, Fields};
use firesteel_functions::json::Options as ValueOptions;
use firesteel_functions::xml::{self, Records};
use firesteel_functions::{Env, Place};
use firesteel_protocol::{Result, SparkError, types};

use crate::csv::options::check_sampling_ratio;
use crate::options::{OptionSpec, illegal_argument};
use crate::record::lines::transcode;
use crate::record::mode::{self, ParseMode};
use crate::{Options, SourceContext};

const fn spec(key: &'static str, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { key, aliases: &[], default, doc }
}

const ROW_TAG: OptionSpec = spec("rowTag", "", "The tag of the elements that are rows.");
const SAMPLING_RATIO: OptionSpec =
    spec("samplingRatio", "1.0", "The share of records by which the schema is inferred.");
const SINGLE_VARIANT: OptionSpec =
    spec("singleVariantColumn", "", "The name of the only column, which has each record as VARIANT.");
const ENCODING: OptionSpec =
    OptionSpec { key: "encoding", aliases: &["charset"], default: "utf-8", doc: "Character set of the files." };

/// Options of values that are `true` or `false`.
const FLAGS: &[&str] =
    &["excludeAttribute", "ignoreNamespace", "ignoreSurroundingSpaces", "inferSchema", "preferDate", "prefersDecimal"];

/// How XML files are read.
#[derive(Debug)]
pub struct XmlOptions {
    pub row_tag: String,
    pub sampling_ratio: f64,
    /// Lower-case name of the character set.
    pub charset: String,
    pub mode: ParseMode,
    pub corrupt_column: String,
    /// The only column, which has each record as VARIANT.
    pub single_variant: Option<String>,
    /// How values are read.
    pub values: ValueOptions,
    pub env: Env,
}

impl XmlOptions {
    /// Reads the options of a reader.
    pub fn of(options: &Options, ctx: &SourceContext) -> Result<Self> {
        let row_tag = row_tag(options)?;
        if options.get("rowValidationXSDPath").is_some_and(|value| !value.is_empty()) {
            return Err(SparkError::unsupported("the option rowValidationXSDPath of xml files", "Leave it out."));
        }
        for key in FLAGS {
            if options.get(key).is_some_and(|text| !["true", "false"].contains(&text.to_lowercase().as_str())) {
                return Err(SparkError::new("_LEGACY_ERROR_TEMP_2147").with("paramName", *key));
            }
        }
        let sampling_ratio = options.number(&SAMPLING_RATIO)?;
        check_sampling_ratio(sampling_ratio, options.text(&SAMPLING_RATIO))?;
        let charset = match options.text(&ENCODING).to_ascii_lowercase().as_str() {
            "utf8" => "utf-8".to_string(),
            other => other.to_string(),
        };
        if charset != "utf-8" && transcode(b"", &charset).is_none() {
            return Err(SparkError::new("INVALID_PARAMETER_VALUE.CHARSET")
                .with("parameter", "`charset`")
                .with("functionName", "`XmlOptions`")
                .with("charset", options.text(&ENCODING).to_string())
                .with("charsets", "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8"));
        }
        let corrupt_column = mode::corrupt_column(options, ctx);
        let mut values = ValueOptions::from_pairs(options.iter());
        values.set("columnNameOfCorruptRecord", &corrupt_column);
        Ok(Self {
            row_tag,
            sampling_ratio,
            charset,
            mode: ParseMode::of(options),
            corrupt_column,
            single_variant: options.given(&SINGLE_VARIANT).map(str::to_string),
            values,
            // When and where in a query a file is read changes nothing of it.
            env: Env { now_us: 0, place: Place::default(), ..ctx.env.clone() },
        })
    }

    /// Texts as columns.
    ///
    /// # Errors
    /// Those of the functions of XML; what is malformed is none.
    pub fn read(&self, texts: &StringArray, fields: &Fields) -> Result<Records> {
        match self.single_variant {
            Some(_) => xml::variants(texts, fields, &self.values),
            None => xml::records(texts, fields, &self.values, &self.env),
        }
    }

    /// The columns of records, found by looking at them.
    pub fn infer<S: AsRef<str>>(&self, records: impl Iterator<Item = S>) -> Result<Fields> {
        match &self.single_variant {
            Some(name) => Ok(Fields::from(vec![Field::new(name, types::variant(), true)])),
            None => xml::infer(records, &self.values, &self.env),
        }
    }

    /// A file's bytes in UTF-8.
    pub fn plain(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.charset == "utf-8" { bytes } else { transcode(&bytes, &self.charset).unwrap_or_default() }
    }
}

/// The option `rowTag`, which has no default.
pub fn row_tag(options: &Options) -> Result<String> {
    match options.given(&ROW_TAG) {
        None => Err(SparkError::new("XML_ROW_TAG_MISSING").with("rowTag", "`rowTag`")),
        Some("") => Err(illegal_argument("requirement failed: 'rowTag' option should not be an empty string.")),
        Some(tag) if tag.contains(['<', '>']) => {
            Err(illegal_argument("requirement failed: 'rowTag' should not include angle brackets"))
        }
        Some(tag) => Ok(tag.to_string()),
    }
}
