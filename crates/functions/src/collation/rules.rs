//! The rules of a collation, ready to compare: found once for a batch, not for each of its strings.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use firesteel_protocol::types::collation::{self, Collation, Family};
use icu_collator::CollatorBorrowed;
use icu_collator::options::{CaseLevel, CollatorOptions, Strength};
use icu_locale_core::Locale;

/// How a collation compares.
#[derive(Debug, Clone, Copy)]
pub enum Order {
    /// By bytes.
    Binary,
    /// By bytes of the text in lower case.
    Lcase,
    /// By the Unicode Collation Algorithm.
    Unicode(&'static CollatorBorrowed<'static>),
}

/// A collation as it compares.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub order: Order,
    /// Spaces at the end do not count.
    pub trims: bool,
    /// ASCII letters are compared one by one, without regard to case if it says so; None where a locale joins some of them.
    pub plain_ascii: Option<bool>,
}

/// Collators of the Unicode collations that were asked for; there are few hundred at most.
static COLLATORS: LazyLock<Mutex<HashMap<&'static str, &'static CollatorBorrowed<'static>>>> =
    LazyLock::new(Mutex::default);

/// Languages in which no two ASCII letters stand for one, and none has a place of its own.
const PLAIN: [&str; 12] = ["und", "en", "en-US", "de", "fr", "it", "pt", "nl", "ru", "uk", "el", "he"];

impl Rules {
    /// The rules of a collation; those of UTF8_BINARY for a name that is none.
    pub fn of(name: &str) -> Self {
        let bytes = Self { order: Order::Binary, trims: false, plain_ascii: None };
        let Some(collation) = collation::by_name(name) else { return bytes };
        let order = match collation.family {
            Family::Binary => Order::Binary,
            Family::Lcase => Order::Lcase,
            Family::Unicode => collator(collation).map_or(Order::Binary, Order::Unicode),
        };
        let plain_ascii = PLAIN.contains(&collation.tag).then_some(!collation.case_sensitive);
        Self { order, trims: collation.trims, plain_ascii }
    }

    /// What of a text counts.
    pub fn counted<'a>(&self, text: &'a str) -> &'a str {
        if self.trims { text.trim_end_matches(' ') } else { text }
    }

    /// Writes the key of a text: a string whose bytes are equal and ordered as the collation has it.
    pub fn write_key(&self, text: &str, out: &mut String) {
        let text = self.counted(text);
        match self.order {
            Order::Binary => out.push_str(text),
            Order::Lcase => text.chars().for_each(|c| out.extend(lowered(c))),
            Order::Unicode(collator) => {
                let mut bytes = Vec::with_capacity(2 * text.len());
                let Ok(()) = collator.write_sort_key_to(text, &mut bytes);
                // A character for each byte: UTF-8 keeps their order.
                out.extend(bytes.into_iter().map(char::from));
            }
        }
    }

    /// The key of a text.
    pub fn key(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.write_key(text, &mut out);
        out
    }

    /// Whether two texts are one.
    pub fn equal(&self, left: &str, right: &str) -> bool {
        let (left, right) = (self.counted(left), self.counted(right));
        match self.order {
            Order::Binary => left == right,
            Order::Lcase => left.chars().flat_map(lowered).eq(right.chars().flat_map(lowered)),
            Order::Unicode(collator) => collator.compare(left, right) == Ordering::Equal,
        }
    }
}

/// A character in lower case; the sigma at the end of a word is the other sigma.
pub fn lowered(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c })
}

/// None only if the data of a locale were not there.
fn collator(collation: &'static Collation) -> Option<&'static CollatorBorrowed<'static>> {
    let mut known = COLLATORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(own) = known.get(collation.name.as_str()) {
        return Some(*own);
    }
    let locale: Locale = collation.tag.parse().ok()?;
    let mut options = CollatorOptions::default();
    let (strength, case) = match (collation.case_sensitive, collation.accent_sensitive) {
        (true, true) => (Strength::Tertiary, None),
        (false, true) => (Strength::Secondary, None),
        (true, false) => (Strength::Primary, Some(CaseLevel::On)),
        (false, false) => (Strength::Primary, None),
    };
    options.strength = Some(strength);
    options.case_level = case;
    let own: &'static _ = Box::leak(Box::new(CollatorBorrowed::try_new(locale.into(), options).ok()?));
    known.insert(&collation.name, own);
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unicode_collation_has_a_collator() {
        let unicode = collation::all().iter().filter(|own| own.family == Family::Unicode);
        let without: Vec<&str> = unicode.filter(|own| collator(own).is_none()).map(|own| own.name.as_str()).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
