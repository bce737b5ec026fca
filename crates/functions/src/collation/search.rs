//! Texts in texts, as a collation has it.
//!
//! What is found begins and ends between characters with their accents; by Unicode collations it neither begins nor ends with
//! characters that count for nothing, and is the shortest that is equal.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::LazyLock;

use super::rules::{Order, Rules, lowered};

/// Pieces that one character of what is looked for may be equal to.
const MOST_PIECES: usize = 3;

/// A text cut where matches may begin and end.
pub struct Haystack<'a> {
    text: &'a str,
    rules: Rules,
    /// Byte offsets of the cuts, that of the end too.
    cuts: Vec<usize>,
    /// For each piece between two cuts, whether it counts.
    counts: Vec<bool>,
}

impl<'a> Haystack<'a> {
    /// Cuts a text.
    pub fn new(text: &'a str, rules: Rules) -> Self {
        let (mut cuts, mut counts) = (vec![], vec![]);
        for (at, c) in text.char_indices() {
            match weight(c, &rules) {
                Weight::Accent if at > 0 => {}
                own => {
                    cuts.push(at);
                    counts.push(own != Weight::None);
                }
            }
        }
        cuts.push(text.len());
        Self { text, rules, cuts, counts }
    }

    /// Pieces of the text.
    fn len(&self) -> usize {
        self.counts.len()
    }

    fn piece(&self, from: usize, to: usize) -> &'a str {
        &self.text[self.cuts[from]..self.cuts[to]]
    }

    /// The match that begins at a piece: the piece behind it.
    fn at(&self, from: usize, needle: &Needle) -> Option<usize> {
        if !self.counts[from] {
            return None;
        }
        let mut wanted = needle.most;
        for to in from + 1..=self.len() {
            if !self.counts[to - 1] {
                continue;
            }
            if wanted == 0 {
                return None;
            }
            wanted -= 1;
            if needle.is(self.piece(from, to), &self.rules) {
                return (!self.is_joined(from) && !self.is_joined(to)).then_some(to);
            }
        }
        None
    }

    /// Whether the pieces beside a cut are one letter of the collation's language, as "ch" is in Czech.
    fn is_joined(&self, cut: usize) -> bool {
        let Order::Unicode(collator) = self.rules.order else { return false };
        if self.rules.plain_ascii.is_some() || cut == 0 || cut >= self.len() {
            return false;
        }
        let primary = |text: &str| {
            let mut bytes = vec![];
            let Ok(()) = collator.write_sort_key_to(text, &mut bytes);
            bytes.truncate(bytes.iter().position(|byte| *byte == LEVEL_END).unwrap_or(bytes.len()));
            bytes
        };
        !primary(self.piece(cut - 1, cut + 1)).starts_with(&primary(self.piece(cut - 1, cut)))
    }

    /// Where a match begins that ends before the piece.
    fn before(&self, to: usize, needle: &Needle) -> Option<usize> {
        if to == 0 || !self.counts[to - 1] {
            return None;
        }
        let mut wanted = needle.most;
        for from in (0..to).rev().filter(|from| self.counts[*from]) {
            if wanted == 0 {
                return None;
            }
            wanted -= 1;
            if needle.is(self.piece(from, to), &self.rules) {
                return (!self.is_joined(from)).then_some(from);
            }
        }
        None
    }

    /// All matches as ranges of bytes; each begins at or behind the end of the one before, unless they may overlap.
    pub fn matches(&self, needle: &Needle, overlapping: bool) -> Vec<Range<usize>> {
        let mut found = vec![];
        let mut from = 0;
        while from < self.len() && !needle.is_nothing() {
            match self.at(from, needle) {
                Some(to) => {
                    found.push(self.cuts[from]..self.cuts[to]);
                    from = if overlapping { from + 1 } else { to };
                }
                None => from += 1,
            }
        }
        found
    }

    /// The first match that begins at a byte or behind it.
    pub fn first(&self, needle: &Needle, from: usize) -> Option<Range<usize>> {
        let start = self.cuts.partition_point(|cut| *cut < from);
        if needle.is_nothing() {
            return None;
        }
        let found = (start..self.len()).find_map(|from| self.at(from, needle).map(|to| (from, to)));
        found.map(|(from, to)| self.cuts[from]..self.cuts[to])
    }

    /// Whether the text begins with it.
    pub fn starts_with(&self, needle: &Needle) -> bool {
        self.len() > 0 && self.at(0, needle).is_some()
    }

    /// Whether the text ends with it.
    pub fn ends_with(&self, needle: &Needle) -> bool {
        self.before(self.len(), needle).is_some()
    }

    /// The end of the longest match of some that begins at a byte.
    pub fn longest_at(&self, byte: usize, needles: &[Needle]) -> Option<usize> {
        let from = self.cuts.binary_search(&byte).ok().filter(|from| *from < self.len())?;
        needles.iter().filter_map(|needle| self.at(from, needle)).max().map(|to| self.cuts[to])
    }

    /// The beginning of the longest match of some that ends before a byte.
    pub fn longest_before(&self, byte: usize, needles: &[Needle]) -> Option<usize> {
        let to = self.cuts.binary_search(&byte).ok()?;
        needles.iter().filter_map(|needle| self.before(to, needle)).min().map(|from| self.cuts[from])
    }
}

/// Parts the levels of a sort key.
const LEVEL_END: u8 = 1;

/// What is looked for.
pub struct Needle {
    text: String,
    /// Pieces that count in what is equal to it, at most.
    most: usize,
    nothing: bool,
}

impl Needle {
    /// Prepares a text to be looked for.
    pub fn new(text: &str, rules: &Rules) -> Self {
        let plain = rules.plain_ascii.is_some() && text.bytes().all(is_plain) || matches!(rules.order, Order::Binary);
        let most = text.chars().count() * if plain { 1 } else { MOST_PIECES };
        let nothing = text.chars().all(|c| weight(c, rules) == Weight::None);
        let text = match rules.order {
            Order::Lcase => text.chars().flat_map(lowered).collect(),
            _ => text.to_string(),
        };
        Self { text, most, nothing }
    }

    /// Whether nothing can be equal to it but what does not count.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    fn is(&self, piece: &str, rules: &Rules) -> bool {
        match rules.order {
            Order::Binary => piece == self.text,
            Order::Lcase => piece.chars().flat_map(lowered).eq(self.text.chars()),
            Order::Unicode(collator) => match rules.plain_ascii {
                Some(any_case) if piece.bytes().all(is_plain) && self.text.bytes().all(is_plain) => {
                    if any_case {
                        piece.eq_ignore_ascii_case(&self.text)
                    } else {
                        piece == self.text
                    }
                }
                _ => collator.compare(piece, &self.text) == Ordering::Equal,
            },
        }
    }
}

/// ASCII that counts.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_control()
}

/// What a character is to a collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It counts for nothing.
    None,
    /// It belongs to the character before it.
    Accent,
    Own,
}

/// The rules by which accents count for nothing, and those by which they count.
static LEVELS: LazyLock<[Rules; 2]> = LazyLock::new(|| ["UNICODE_CI_AI", "UNICODE"].map(Rules::of));

fn weight(c: char, rules: &Rules) -> Weight {
    if !matches!(rules.order, Order::Unicode(_)) {
        return Weight::Own;
    }
    if c.is_ascii() {
        return if !c.is_ascii_control() || ('\t'..='\r').contains(&c) { Weight::Own } else { Weight::None };
    }
    let mut buffer = [0; 4];
    let text = c.encode_utf8(&mut buffer);
    let [primary, all] = &*LEVELS;
    match (primary.equal(text, ""), all.equal(text, "")) {
        (false, _) => Weight::Own,
        (true, false) => Weight::Accent,
        (true, true) => Weight::None,
    }
}
