//! What a function does with strings of a collation: which arguments it compares, and whether its result has it.

use firesteel_protocol::Result;
use firesteel_protocol::types::collation::{self, Family};

use super::{array, case, find, key, plain, text};
use crate::{Call, Typed};

/// How a function is rewritten for a collation other than UTF8_BINARY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rewrite {
    /// Strings pass through.
    None,
    /// All strings stand as their keys.
    Keys,
    /// The argument of this number stands as its key.
    KeyOf(usize),
    /// `nullif`: compared by keys, the first argument comes out.
    NullIf,
    /// `min(x)` is the x with the least key; also `max`.
    Extremum,
    /// The second argument is a regular expression without regard to case.
    Pattern,
    /// A kernel of `find`.
    Find,
    /// A kernel of `case`.
    Case,
    /// `decode`: the first argument is compared with every other one.
    Cases,
    /// A map of strings.
    Map,
    /// A kernel of `text`.
    Text,
    /// A kernel of `array`.
    Array,
}

/// Whether a function compares strings, and when Spark notices that they have no one collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    No,
    AsResolved,
    WhenRun,
}

use Compares::{AsResolved, No, WhenRun};

/// The rule for a function.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// All string arguments must have one collation.
    pub coerced: bool,
    /// When an indeterminate collation is refused.
    pub compares: Compares,
    /// The result has the collation.
    pub carries: bool,
    rewrite: Rewrite,
}

const fn of(coerced: bool, compares: Compares, carries: bool, rewrite: Rewrite) -> Rule {
    Rule { coerced, compares, carries, rewrite }
}

/// The rule for a function by its name.
pub fn rule(name: &str) -> Rule {
    match name {
        "=" | "==" | "<=>" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "between" | "equal_null" => {
            of(true, AsResolved, false, Rewrite::Keys)
        }
        "contains" | "startswith" | "endswith" | "instr" | "locate" | "position" | "charindex" | "find_in_set" => {
            of(true, AsResolved, false, Rewrite::Find)
        }
        "array_contains" | "array_position" | "arrays_overlap" => of(true, WhenRun, false, Rewrite::Keys),
        "count" | "approx_count_distinct" => of(false, No, false, Rewrite::Keys),
        "nullif" => of(true, AsResolved, true, Rewrite::NullIf),
        "like" | "ilike" | "likeall" | "likeany" | "notlikeall" | "notlikeany" => of(false, No, false, Rewrite::Keys),
        "rlike" | "regexp" | "regexp_like" | "regexp_count" | "regexp_instr" => of(false, No, false, Rewrite::Pattern),
        "split" | "regexp_extract" | "regexp_extract_all" | "regexp_substr" => of(false, No, true, Rewrite::Pattern),
        "regexp_replace" => of(true, AsResolved, true, Rewrite::Pattern),
        "initcap" | "lcase" | "lower" | "ucase" | "upper" => of(false, No, true, Rewrite::Case),
        "replace" | "translate" | "substring_index" => of(true, AsResolved, true, Rewrite::Text),
        "split_part" => of(true, WhenRun, true, Rewrite::Text),
        "trim" | "ltrim" | "rtrim" | "btrim" => of(true, AsResolved, true, Rewrite::Text),
        "greatest" | "least" => of(true, WhenRun, true, Rewrite::Array),
        "min" | "max" => of(false, WhenRun, true, Rewrite::Extremum),
        "max_by" | "min_by" => of(false, No, true, Rewrite::KeyOf(1)),
        "array_distinct" | "array_union" | "array_intersect" | "array_except" | "array_remove" | "sort_array"
        | "array_min" | "array_max" => of(true, AsResolved, true, Rewrite::Array),
        "str_to_map" => of(true, AsResolved, false, Rewrite::Map),
        "decode" => of(false, No, false, Rewrite::Cases),
        "format_string" | "printf" => of(false, No, true, Rewrite::None),
        "to_number" | "try_to_number" => of(true, No, false, Rewrite::None),
        "levenshtein" => of(true, No, false, Rewrite::None),
        "concat" | "||" | "concat_ws" | "coalesce" | "ifnull" | "nvl" | "if" | "nvl2" | "when" | "elt" | "lpad"
        | "rpad" | "overlay" | "mask" | "array" | "array_append" | "array_prepend" | "array_insert" | "array_join"
        | "lag" | "lead" => of(true, No, true, Rewrite::None),
        "any_value" | "first" | "first_value" | "last" | "last_value" | "nth_value" | "array_agg" | "collect_list"
        | "array_compact" | "array_repeat" | "conv" | "element" | "get" | "hex" | "left" | "make_valid_utf8"
        | "nullifzero" | "repeat" | "reverse" | "right" | "shuffle" | "slice" | "substr" | "substring"
        | "validate_utf8" | "try_validate_utf8" | "json_tuple" => of(false, No, true, Rewrite::None),
        _ => of(false, No, false, Rewrite::None),
    }
}

impl Rule {
    /// What Spark does not do for the strings of a collation; the call's literals are named as Spark has them by then.
    pub fn refuse_collation(&self, call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<()> {
        let Some(rules) = collation::by_name(collation) else { return Ok(()) };
        let unknown = match self.rewrite {
            // Regular expressions know bytes and lower case.
            _ if call.name.contains("like") => rules.trims || rules.family == Family::Unicode,
            Rewrite::Pattern => rules.trims || rules.family == Family::Unicode,
            Rewrite::Find if call.name == "find_in_set" => false,
            Rewrite::Map => rules.trims || rules.case_sensitive && !rules.accent_sensitive,
            // Spark searches in none in which accents alone do not count.
            Rewrite::Find | Rewrite::Text => rules.case_sensitive && !rules.accent_sensitive,
            _ => false,
        };
        if !unknown {
            return Ok(());
        }
        // Spark has the text before the characters to trim.
        let trims = matches!(call.name, "trim" | "ltrim" | "rtrim") && call.args.len() == 2;
        let index = usize::from(trims);
        let shown = match (call.name, &call.args[..]) {
            ("btrim", [text, characters]) => {
                let characters = super::shown(characters, collation);
                format!("TRIM(BOTH {} FROM {})", characters.name, text.name)
            }
            ("str_to_map", _) => crate::collection::str_to_map_by(call, collation)?.name,
            _ => build(call)?.name,
        };
        let mut args = call.args.clone();
        args[index] = super::with(args[index].clone(), collation, false);
        let error = call.with_args(args).unexpected_type(index, "\"STRING\"");
        Err(error.with("paramIndex", "first").with("sqlExpr", format!("\"{shown}\"")))
    }

    /// The call over keys, or by a kernel that knows the collation.
    pub fn apply(&self, call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<Typed> {
        let keyed = |arg: &Typed| key::key_as(arg, collation, call.env);
        let plains = || call.with_args(call.args.iter().map(plain).collect());
        match self.rewrite {
            Rewrite::None => build(&call.with_args(call.args.iter().map(super::implicit).collect())),
            Rewrite::Keys if call.name == "count" && !call.distinct => build(&plains()),
            Rewrite::Keys => {
                let args = crate::predicate::padded_arguments(call)?;
                build(&call.with_args(args.iter().map(keyed).collect()))
            }
            Rewrite::KeyOf(index) => {
                let mut args = call.args.clone();
                if let Some(arg) = args.get_mut(index).filter(|arg| super::has_own(arg)) {
                    *arg = key::key(arg, call.env);
                }
                build(&call.with_args(args))
            }
            Rewrite::NullIf => {
                let typed = build(&call.with_args(call.args.iter().map(keyed).collect()))?;
                text::null_if(typed, &call.args[0], call.env)
            }
            Rewrite::Extremum => {
                let [arg] = &call.args[..] else { return build(call) };
                let pair = call.with_args(vec![plain(arg), keyed(arg)]);
                let chosen = match call.name {
                    "min" => crate::aggregate::extremum::first_by(&pair, "first_min"),
                    _ => crate::aggregate::extremum::first_by(&pair, "first_max"),
                }?;
                Ok(chosen.named(call.display()))
            }
            Rewrite::Pattern if collation == "UTF8_LCASE" => {
                let mut args = plains().args;
                if let Some(pattern) = args.get_mut(1) {
                    *pattern = text::any_case(pattern, call.env);
                }
                build(&call.with_args(args))
            }
            Rewrite::Pattern => Err(call.unexpected_type(0, "\"STRING\"")),
            Rewrite::Cases => {
                // What is looked for has a result behind it; without one it is what comes out of nothing else.
                let count = call.args.len();
                let compared = |index: usize| count > 2 && (index == 0 || index % 2 == 1 && index + 1 < count);
                let args = call.args.iter().enumerate();
                let args = args.map(|(index, arg)| if compared(index) { keyed(arg) } else { arg.clone() });
                build(&call.with_args(args.collect()))
            }
            Rewrite::Map => crate::collection::str_to_map_by(&plains(), collation),
            Rewrite::Find => find::apply(&plains(), collation, build),
            Rewrite::Case => case::apply(&plains(), collation, build),
            Rewrite::Text => text::apply(&plains(), collation, build),
            Rewrite::Array => array::apply(&plains(), collation, build),
        }
    }
}
