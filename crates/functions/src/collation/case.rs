//! Upper and lower case of strings with a collation: by the rules of its locale where it has some of its own, words as Unicode
//! parts them.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType::Utf8;
use datafusion::logical_expr::Volatility;
use firesteel_protocol::Result;
use firesteel_protocol::types::collation;
use unicode_segmentation::UnicodeSegmentation;

use crate::kernel::{KernelArgs, kernel_expr};
use crate::rowwise::{map_strings, strings};
use crate::{Call, Typed};

/// The call by the kernel of this file where the collation wants it; name, type and nullability are as `build` has them.
pub fn apply(call: &Call, collation: &str, build: &dyn Fn(&Call) -> Result<Typed>) -> Result<Typed> {
    let plain = build(call)?;
    let own = Locale::of(collation);
    if collation.starts_with("UTF8_BINARY") || own == Locale::Any && call.name != "initcap" {
        return Ok(plain);
    }
    let coerced = call.coerced(&[Utf8])?;
    let args = coerced.args.iter().map(|arg| arg.expr.clone()).collect();
    let param = format!("{collation} {}", call.name);
    let nullable = plain.nullable;
    let expr = kernel_expr("collated_case", args, Utf8, nullable, Volatility::Immutable, call.env, param, convert);
    Ok(Typed { expr, ..plain })
}

/// Locales whose letters have a case of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locale {
    Any,
    /// The i with a dot and the one without are two letters.
    Turkic,
    /// Capitals have no accents.
    Greek,
    /// The dot of an i stays under accents.
    Lithuanian,
}

impl Locale {
    fn of(name: &str) -> Self {
        match collation::by_name(name).map_or("und", |own| own.tag) {
            "tr" | "az" => Self::Turkic,
            "el" => Self::Greek,
            "lt" => Self::Lithuanian,
            _ => Self::Any,
        }
    }
}

/// `param` is the collation and the function's name.
fn convert(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let (collation, function) = args.param.split_once(' ').unwrap_or((args.param, ""));
    let locale = Locale::of(collation);
    let texts = strings(args, 0)?;
    Ok(match function {
        "initcap" => map_strings(&texts, |text, out| title(text, locale, out)),
        // Spark takes the short way for ASCII, whatever the locale.
        "upper" | "ucase" => map_strings(&texts, |text, out| match text.is_ascii() {
            true => out.push_str(&text.to_ascii_uppercase()),
            false => out.push_str(&upper(text, locale)),
        }),
        _ => map_strings(&texts, |text, out| match text.is_ascii() {
            true => out.push_str(&text.to_ascii_lowercase()),
            false => out.push_str(&lower(text, locale)),
        }),
    })
}

/// The first letter of each word as a capital.
fn title(text: &str, locale: Locale, out: &mut String) {
    for word in text.split_word_bounds() {
        let at = word.find(|c: char| c.is_alphanumeric()).unwrap_or(word.len());
        let (before, rest) = word.split_at(at);
        out.push_str(before);
        let Some(first) = rest.chars().next() else { continue };
        let end = first.len_utf8();
        match title_letter(first) {
            Some(own) => out.push(own),
            // Of letters that become several, the first alone is a capital.
            None => {
                let own = upper(&rest[..end], if locale == Locale::Greek { Locale::Any } else { locale });
                let mut letters = own.chars();
                out.extend(letters.next());
                out.push_str(&letters.as_str().to_lowercase());
            }
        }
        // The end of the word decides how a sigma looks.
        let low = lower(rest, locale);
        let skipped = lower(&rest[..end], locale).chars().count();
        out.extend(low.chars().skip(skipped));
    }
}

/// Letters that consist of two have a form of their own at the beginning of words.
fn title_letter(c: char) -> Option<char> {
    Some(match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        _ => return None,
    })
}

fn upper(text: &str, locale: Locale) -> String {
    match locale {
        Locale::Turkic => text.replace('i', "İ").to_uppercase(),
        Locale::Greek => greek_upper(text),
        Locale::Lithuanian => {
            let mut out = text.to_string();
            for i in ['i', 'j', 'į'] {
                out = out.replace(&format!("{i}\u{307}"), &i.to_string());
            }
            out.to_uppercase()
        }
        Locale::Any => text.to_uppercase(),
    }
}

fn lower(text: &str, locale: Locale) -> String {
    match locale {
        Locale::Turkic => text.replace("I\u{307}", "i").replace('I', "ı").replace('İ', "i").to_lowercase(),
        Locale::Lithuanian => lithuanian_lower(text),
        _ => text.to_lowercase(),
    }
}

fn lithuanian_lower(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let accent = letters.peek().is_some_and(|next| ('\u{300}'..='\u{314}').contains(next));
        match c {
            'Ì' => out.push_str("i\u{307}\u{300}"),
            'Í' => out.push_str("i\u{307}\u{301}"),
            'Ĩ' => out.push_str("i\u{307}\u{303}"),
            'I' | 'J' | 'Į' if accent => {
                out.extend(c.to_lowercase());
                out.push('\u{307}');
            }
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// Capitals without accents; a dialytika stays, and comes where an accent kept two vowels apart.
fn greek_upper(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut previous, mut after_accent) = (None, false);
    let letters: Vec<char> = text.chars().collect();
    for (at, c) in letters.iter().enumerate() {
        let alone =
            !letters.get(at + 1).is_some_and(|c| c.is_alphabetic()) && !previous.is_some_and(char::is_alphabetic);
        let base = match c {
            'ά' | 'Ά' => Some('Α'),
            'έ' | 'Έ' => Some('Ε'),
            // The word "or" keeps its accent.
            'ή' | 'Ή' if alone => None,
            'ή' | 'Ή' => Some('Η'),
            'ί' | 'Ί' => Some('Ι'),
            'ό' | 'Ό' => Some('Ο'),
            'ύ' | 'Ύ' => Some('Υ'),
            'ώ' | 'Ώ' => Some('Ω'),
            'ΐ' | 'ϊ' | 'Ϊ' => Some('Ϊ'),
            'ΰ' | 'ϋ' | 'Ϋ' => Some('Ϋ'),
            'ι' | 'Ι' if after_accent => Some('Ϊ'),
            'υ' | 'Υ' if after_accent => Some('Ϋ'),
            _ => None,
        };
        let base = match (base, c) {
            (Some('Ι'), 'ί' | 'Ί') if after_accent => Some('Ϊ'),
            (Some('Υ'), 'ύ' | 'Ύ') if after_accent => Some('Ϋ'),
            (other, _) => other,
        };
        match base {
            Some(own) => out.push(own),
            None if ('\u{300}'..='\u{301}').contains(c) => {}
            None => out.extend(c.to_uppercase()),
        }
        after_accent = matches!(c, 'ά' | 'έ' | 'ή' | 'ί' | 'ό' | 'ύ' | 'ώ' | 'Ά' | 'Έ' | 'Ή' | 'Ί' | 'Ό' | 'Ύ' | 'Ώ');
        previous = Some(*c);
    }
    out
}
