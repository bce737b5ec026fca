//! String functions: parts and positions, padding and trimming, regular expressions, formats, encodings.

mod case;
mod concat;
mod encoding;
mod format;
mod number_format;
pub(crate) mod pad;
mod part;
mod pattern;
mod random;
pub mod regex;
mod search;
mod split;
mod trim;
mod utf8;
mod word;

use arrow::datatypes::DataType::{Binary, Int32, Utf8};

use crate::rowwise::{int, text, typed, with_defaults};
use crate::{Entry, Kind};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "ascii", kind: Kind::Scalar(|c| typed(c, "spark_ascii", &[Utf8], Int32, search::ascii)) },
    Entry { name: "base64", kind: Kind::Scalar(|c| typed(c, "spark_base64", &[Binary], Utf8, encoding::base64)) },
    Entry { name: "bit_length", kind: Kind::Scalar(part::bit_length) },
    Entry { name: "btrim", kind: Kind::Scalar(trim::btrim) },
    Entry { name: "char", kind: Kind::Scalar(search::character) },
    Entry { name: "char_length", kind: Kind::Scalar(part::length) },
    Entry { name: "character_length", kind: Kind::Scalar(part::length) },
    Entry { name: "chr", kind: Kind::Scalar(search::character) },
    Entry { name: "collate", kind: Kind::Scalar(crate::collation::collate) },
    Entry { name: "collation", kind: Kind::Scalar(crate::collation::collation) },
    Entry { name: "concat", kind: Kind::Scalar(concat::concat) },
    Entry { name: "concat_ws", kind: Kind::Scalar(concat::concat_ws) },
    Entry { name: "decode", kind: Kind::Scalar(encoding::decode) },
    Entry { name: "elt", kind: Kind::Scalar(concat::elt) },
    Entry { name: "encode", kind: Kind::Scalar(encoding::encode) },
    Entry {
        name: "find_in_set",
        kind: Kind::Scalar(|c| typed(c, "spark_find_in_set", &[Utf8, Utf8], Int32, search::find_in_set)),
    },
    Entry { name: "format_number", kind: Kind::Scalar(number_format::format_number) },
    Entry { name: "format_string", kind: Kind::Scalar(format::format_string) },
    Entry { name: "initcap", kind: Kind::Scalar(|c| typed(c, "spark_initcap", &[Utf8], Utf8, case::initcap)) },
    Entry { name: "instr", kind: Kind::Scalar(|c| typed(c, "spark_instr", &[Utf8, Utf8], Int32, search::instr)) },
    Entry { name: "is_valid_utf8", kind: Kind::Scalar(utf8::is_valid) },
    Entry { name: "lcase", kind: Kind::Scalar(case::lower) },
    Entry { name: "left", kind: Kind::Scalar(part::left) },
    Entry { name: "len", kind: Kind::Scalar(part::length) },
    Entry { name: "length", kind: Kind::Scalar(part::length) },
    Entry { name: "levenshtein", kind: Kind::Scalar(word::levenshtein) },
    Entry { name: "locate", kind: Kind::Scalar(search::locate) },
    Entry { name: "lower", kind: Kind::Scalar(case::lower) },
    Entry { name: "lpad", kind: Kind::Scalar(pad::pad) },
    Entry { name: "ltrim", kind: Kind::Scalar(trim::ltrim) },
    Entry { name: "luhn_check", kind: Kind::Scalar(search::luhn_check) },
    Entry { name: "make_valid_utf8", kind: Kind::Scalar(utf8::make_valid) },
    Entry { name: "mask", kind: Kind::Scalar(case::mask) },
    Entry { name: "octet_length", kind: Kind::Scalar(part::octet_length) },
    Entry { name: "overlay", kind: Kind::Scalar(part::overlay) },
    Entry { name: "position", kind: Kind::Scalar(search::locate) },
    Entry { name: "printf", kind: Kind::Scalar(format::format_string) },
    Entry {
        name: "quote",
        kind: Kind::Scalar(|c| {
            typed(c, "spark_quote", &[Utf8], Utf8, format::quote).map(|t| crate::Typed { nullable: true, ..t })
        }),
    },
    Entry { name: "randstr", kind: Kind::Scalar(random::randstr) },
    Entry {
        name: "regexp_count",
        kind: Kind::Scalar(|c| typed(c, "ansi_regexp_count", &[Utf8, Utf8], Int32, pattern::count)),
    },
    Entry { name: "regexp_extract", kind: Kind::Scalar(pattern::extract) },
    Entry { name: "regexp_extract_all", kind: Kind::Scalar(pattern::extract_all) },
    Entry {
        name: "regexp_instr",
        kind: Kind::Scalar(|c| {
            with_defaults(c, "ansi_regexp_instr", &[Utf8, Utf8, Int32], &[(int(0), "0")], Int32, pattern::instr)
        }),
    },
    Entry {
        name: "regexp_replace",
        kind: Kind::Scalar(|c| {
            pattern::check_position(c)?;
            with_defaults(
                c,
                "ansi_regexp_replace",
                &[Utf8, Utf8, Utf8, Int32],
                &[(int(1), "1")],
                Utf8,
                pattern::replace,
            )
        }),
    },
    Entry { name: "regexp_substr", kind: Kind::Scalar(pattern::substr) },
    Entry { name: "repeat", kind: Kind::Scalar(|c| typed(c, "spark_repeat", &[Utf8, Int32], Utf8, pad::repeat)) },
    Entry { name: "replace", kind: Kind::Scalar(search::replace) },
    Entry { name: "reverse", kind: Kind::Scalar(part::reverse) },
    Entry { name: "right", kind: Kind::Scalar(part::right) },
    Entry { name: "rpad", kind: Kind::Scalar(pad::pad) },
    Entry { name: "rtrim", kind: Kind::Scalar(trim::rtrim) },
    Entry { name: "sentences", kind: Kind::Scalar(word::sentences) },
    Entry { name: "soundex", kind: Kind::Scalar(|c| typed(c, "spark_soundex", &[Utf8], Utf8, word::soundex)) },
    Entry { name: "space", kind: Kind::Scalar(|c| typed(c, "spark_space", &[Int32], Utf8, pad::space)) },
    Entry { name: "split", kind: Kind::Scalar(split::split) },
    Entry { name: "split_part", kind: Kind::Scalar(split::split_part) },
    Entry { name: "substr", kind: Kind::Scalar(part::substring) },
    Entry { name: "substring", kind: Kind::Scalar(part::substring) },
    Entry {
        name: "substring_index",
        kind: Kind::Scalar(|c| typed(c, "spark_substring_index", &[Utf8, Utf8, Int32], Utf8, part::substring_index)),
    },
    Entry { name: "to_binary", kind: Kind::Scalar(encoding::to_binary) },
    Entry { name: "to_char", kind: Kind::Scalar(number_format::to_char) },
    Entry { name: "to_number", kind: Kind::Scalar(number_format::to_number) },
    Entry { name: "to_varchar", kind: Kind::Scalar(number_format::to_char) },
    Entry {
        name: "translate",
        kind: Kind::Scalar(|c| typed(c, "spark_translate", &[Utf8, Utf8, Utf8], Utf8, search::translate)),
    },
    Entry { name: "trim", kind: Kind::Scalar(trim::trim) },
    Entry { name: "try_to_binary", kind: Kind::Scalar(encoding::to_binary) },
    Entry { name: "try_to_number", kind: Kind::Scalar(number_format::to_number) },
    Entry { name: "try_validate_utf8", kind: Kind::Scalar(utf8::validate) },
    Entry { name: "ucase", kind: Kind::Scalar(case::upper) },
    Entry { name: "unbase64", kind: Kind::Scalar(|c| typed(c, "ansi_unbase64", &[Utf8], Binary, encoding::unbase64)) },
    Entry { name: "upper", kind: Kind::Scalar(case::upper) },
    Entry { name: "validate_utf8", kind: Kind::Scalar(utf8::validate) },
];

/// The default characters of `mask`.
fn mask_defaults() -> [(datafusion::scalar::ScalarValue, &'static str); 4] {
    [(text("X"), "X"), (text("x"), "x"), (text("n"), "n"), (datafusion::scalar::ScalarValue::Utf8(None), "NULL")]
}
