//! Dates and times in text: by the user's patterns, or in the forms that casts read.

use std::sync::Arc;

use firesteel_functions::Env;
use firesteel_functions::datetime::iso;
use firesteel_functions::datetime::zone::Zone;
use firesteel_protocol::{Result, SparkError};

use crate::options::OptionSpec;
use crate::{Options, SourceContext};

/// `dateFormat`.
pub const DATE_FORMAT: OptionSpec =
    OptionSpec { key: "dateFormat", aliases: &[], default: "", doc: "Pattern of DATE columns." };
/// `timestampFormat`.
pub const TIMESTAMP_FORMAT: OptionSpec =
    OptionSpec { key: "timestampFormat", aliases: &[], default: "", doc: "Pattern of TIMESTAMP columns." };
/// `timestampNTZFormat`.
pub const TIMESTAMP_NTZ_FORMAT: OptionSpec =
    OptionSpec { key: "timestampNTZFormat", aliases: &[], default: "", doc: "Pattern of TIMESTAMP_NTZ columns." };
/// `timeZone`.
pub const TIME_ZONE: OptionSpec = OptionSpec {
    key: "timeZone",
    aliases: &[],
    default: "",
    doc: "Zone of timestamps without one; the session's time zone if not given.",
};
/// `locale`.
pub const LOCALE: OptionSpec =
    OptionSpec { key: "locale", aliases: &[], default: "en-US", doc: "Language of month names and decimals." };
/// `enableDateTimeParsingFallback`.
pub const FALLBACK: OptionSpec = OptionSpec {
    key: "enableDateTimeParsingFallback",
    aliases: &[],
    default: "",
    doc: "Whether texts that a pattern does not fit are read as casts read them; by default if no pattern is given.",
};
