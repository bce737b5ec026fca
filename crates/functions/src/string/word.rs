//! Words: sentences, soundex, edit distance.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::DataType::{Int32, Utf8};
use arrow::datatypes::{Field, Int32Type};
use firesteel_protocol::Result;
use firesteel_protocol::types;

use crate::kernel::KernelArgs;
use crate::rowwise::{complete, int_at, ints, map_strings, string_at, strings, text};
use crate::{Call, Typed};

/// `levenshtein(a, b[, threshold])`; -1 beyond the threshold.
pub(super) fn levenshtein(call: &Call) -> Result<Typed> {
    call.arity(2..=3)?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Int32])?;
    let nullable = call.any_nullable();
    Ok(call
        .kernel("spark_levenshtein", Int32, nullable, |args| {
            let (left, right) = (strings(args, 0)?, strings(args, 1)?);
            let limits = if args.args.len() > 2 { Some(ints(args, 2)?) } else { None };
            let distances = (0..args.rows).map(|row| {
                let (left, right) = (string_at(&left, row)?, string_at(&right, row)?);
                let distance = distance(left, right);
                match &limits {
                    None => Some(distance),
                    Some(limits) => int_at(limits, row).map(|limit| if distance > limit { -1 } else { distance }),
                }
            });
            Ok(Arc::new(distances.collect::<PrimitiveArray<Int32Type>>()))
        })
        .named(label))
}

fn distance(left: &str, right: &str) -> i32 {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<i32> = (0..=right.len() as i32).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i as i32 + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + i32::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

/// The sound of an English word: a letter and three digits.
pub(super) fn soundex(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    fn code(letter: u8) -> u8 {
        match letter.to_ascii_uppercase() {
            b'B' | b'F' | b'P' | b'V' => b'1',
            b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => b'2',
            b'D' | b'T' => b'3',
            b'L' => b'4',
            b'M' | b'N' => b'5',
            b'R' => b'6',
            // These part equal codes only if vowels.
            b'H' | b'W' => b'7',
            _ => b'0',
        }
    }
    Ok(map_strings(&strings(args, 0)?, |value, out| {
        let bytes = value.as_bytes();
        let Some(first) = bytes.first().filter(|byte| byte.is_ascii_alphabetic()) else {
            out.push_str(value);
            return;
        };
        out.push(char::from(first.to_ascii_uppercase()));
        let mut last = code(*first);
        for byte in &bytes[1..] {
            if !byte.is_ascii_alphabetic() {
                last = b'0';
                continue;
            }
            let code = code(*byte);
            if code == b'7' {
                continue;
            }
            if code != b'0' && code != last {
                out.push(char::from(code));
                if out.len() == 4 {
                    break;
                }
            }
            last = code;
        }
        while out.len() < 4 {
            out.push('0');
        }
    }))
}

/// `sentences(text[, language[, country]])`: an array of sentences, each an array of its words.
pub(super) fn sentences(call: &Call) -> Result<Typed> {
    let call = complete(call, 3, &[(text(""), ""), (text(""), "")])?;
    let label = call.display();
    let call = call.coerced(&[Utf8, Utf8, Utf8])?;
    let to = types::array(types::array(Utf8, false), false);
    Ok(call.kernel("spark_sentences", to, true, sentences_kernel).named(label))
}

fn sentences_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    let words = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", Utf8, false));
    let mut builder = ListBuilder::new(words).with_field(Field::new("element", types::array(Utf8, false), false));
    for row in 0..args.rows {
        let Some(text) = string_at(&texts, row) else {
            builder.append(false);
            continue;
        };
        let mut rest = text;
        while !rest.trim().is_empty() {
            let end = sentence_end(rest);
            let (sentence, after) = rest.split_at(end);
            let mut any = false;
            for word in words_of(sentence) {
                builder.values().values().append_value(word);
                any = true;
            }
            if any || !sentence.trim().is_empty() {
                builder.values().append(true);
            }
            rest = after;
        }
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

/// Words as Java's `BreakIterator` tells them, those alone that begin with a letter or a digit: letters, also with one of `'.-`
/// between two of them, and numbers, also with points and commas inside and `%` behind. A number with a currency's sign before it is no
/// word then.
fn words_of(sentence: &str) -> Vec<&str> {
    let mut words = vec![];
    let mut start: Option<usize> = None;
    let mut kept = true;
    let mut last = ' ';
    let mut characters = sentence.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map_or(' ', |(_, next)| *next);
        let inside = c.is_alphanumeric()
            || c == '_'
            || matches!(c, '\'' | '\u{2019}' | '.' | '-' | '\u{ad}') && last.is_alphabetic() && next.is_alphabetic()
            || matches!(c, '.' | ',') && last.is_numeric() && next.is_numeric()
            || matches!(c, '%' | '\u{2030}') && last.is_numeric();
        let before_number = !inside && matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20bf}' | '#' | '.');
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if kept {
                    words.push(&sentence[from..at]);
                }
                start = None;
            }
            _ => {}
        }
        if start.is_none() {
            kept = !(before_number && next.is_numeric());
        }
        last = c;
    }
    words.extend(start.filter(|_| kept).map(|from| &sentence[from..]));
    words
}

/// Where the first sentence ends, as Java's `BreakIterator` has it: behind `!` and `?`, and behind a point with white space after
/// it where no small letter and no digit follows, or where the space is wide.
fn sentence_end(text: &str) -> usize {
    let mut ended = None;
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let next = || rest.trim_start().chars().next();
        match (c, ended) {
            ('!' | '?' | '\u{3002}' | '\u{ff01}' | '\u{ff1f}', _) => ended = Some(true),
            ('.' | '\u{ff0e}', None) => ended = Some(false),
            // What closes quotes and brackets belongs to the sentence before.
            ('.' | '\u{ff0e}' | '"' | '\'' | ')' | ']' | '}' | '\u{201d}' | '\u{2019}' | '\u{bb}', Some(_)) => {}
            (c, Some(surely)) if c.is_whitespace() => {
                let space = rest.len() - rest.trim_start().len();
                if surely || space > 1 || next().is_none_or(|next| !next.is_lowercase() && !next.is_numeric()) {
                    return at + space;
                }
                ended = None;
            }
            (_, Some(true)) => return at,
            _ => ended = None,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
    }
}
