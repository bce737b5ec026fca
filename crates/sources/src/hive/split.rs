//! A line becomes the texts of its fields.

use std::borrow::Cow;

use firesteel_protocol::Result;

use super::options::{CsvSigns, HiveOptions, SerDe};

/// The fields of a line of a table with so many columns; None is NULL. Fewer than columns: the others are NULL.
pub fn fields<'t>(line: &'t str, columns: usize, options: &HiveOptions) -> Result<Vec<Option<Cow<'t, str>>>> {
    Ok(match options.serde {
        SerDe::Lazy => {
            let mut parts = parts(line, options.separators[0], options.escape);
            if options.last_takes_rest && parts.len() > columns && columns > 0 {
                let before: usize = parts[..columns - 1].iter().map(|part| part.len() + 1).sum();
                parts[columns - 1] = &line[before..];
            }
            parts.into_iter().map(|part| Some(part.into())).collect()
        }
        SerDe::OpenCsv => csv(line, options.csv).into_iter().map(|part| Some(part.into())).collect(),
        SerDe::Regex => {
            let found = match &options.pattern {
                Some(pattern) => pattern.captures_at(line, 0)?.map(|groups| (groups, pattern.group_count())),
                None => None,
            };
            found.map_or_else(Vec::new, |(groups, count)| {
                (1..=count).map(|group| groups.get(group).map(|text| Cow::Owned(text.to_string()))).collect()
            })
        }
    })
}

/// The parts of a text between separators that are not escaped; one part if there is none.
pub fn parts(text: &str, separator: u8, escape: Option<u8>) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut parts, mut start, mut at) = (vec![], 0, 0);
    while at < bytes.len() {
        if Some(bytes[at]) == escape {
            // It and what it escapes. A byte that is no ASCII is none of the separators.
            at += 2;
            continue;
        }
        if bytes[at] == separator && text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
            parts.push(&text[start..at]);
            start = at + 1;
        }
        at += 1;
    }
    parts.push(&text[start..]);
    parts
}

/// Without escapes: `n` and `r` behind one are the ends of lines, anything else is itself.
pub fn unescaped(text: &str, escape: Option<u8>) -> Cow<'_, str> {
    let Some(escape) = escape.map(char::from).filter(|escape| text.contains(*escape)) else { return text.into() };
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != escape {
            out.push(sign);
            continue;
        }
        match signs.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some(other) => out.push(other),
            None => out.push(escape),
        }
    }
    out.into()
}

/// The fields of a line as opencsv's parser finds them. A quote that is still open at the end of the line has no
/// value, since Hive reads line by line.
fn csv(line: &str, signs: CsvSigns) -> Vec<String> {
    let escape = if signs.escape == '"' { '\\' } else { signs.escape };
    let text: Vec<char> = line.chars().collect();
    let (mut tokens, mut token) = (vec![], String::new());
    let (mut in_quotes, mut in_field) = (false, false);
    if line.is_empty() {
        return vec![];
    }
    let mut at = 0;
    while at < text.len() {
        let (sign, next) = (text[at], text.get(at + 1).copied());
        if sign == escape {
            if let Some(next) = next.filter(|next| (in_quotes || in_field) && (*next == signs.quote || *next == escape))
            {
                token.push(next);
                at += 1;
            }
        } else if sign == signs.quote {
            if (in_quotes || in_field) && next == Some(signs.quote) {
                token.push(signs.quote);
                at += 1;
            } else {
                in_quotes = !in_quotes;
                // A quote in the middle of a field is a part of it.
                if at > 2 && text[at - 1] != signs.separator && next.is_some_and(|next| next != signs.separator) {
                    if !token.is_empty() && token.chars().all(char::is_whitespace) {
                        token.clear();
                    } else {
                        token.push(sign);
                    }
                }
                in_field = !in_field;
            }
        } else if sign == signs.separator && !in_quotes {
            tokens.push(std::mem::take(&mut token));
            in_field = false;
        } else {
            token.push(sign);
            in_field = true;
        }
        at += 1;
    }
    if !in_quotes {
        tokens.push(token);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_separators_are_text() {
        assert_eq!(parts(r"a\,b,c", b',', Some(b'\\')), [r"a\,b", "c"]);
        assert_eq!(parts(r"a\,b,c", b',', None), [r"a\", "b", "c"]);
        assert_eq!(parts("", b',', None), [""]);
        assert_eq!(unescaped(r"a\,b\n\\", Some(b'\\')), "a,b\n\\");
    }

    #[test]
    fn csv_fields_are_those_of_opencsv() {
        let signs = CsvSigns { separator: ',', quote: '"', escape: '"' };
        assert_eq!(csv(r#""x, y",1,"2024-01-01""#, signs), ["x, y", "1", "2024-01-01"]);
        assert_eq!(csv(r#""q ""quoted"" z",2"#, signs), [r#"q "quoted" z"#, "2"]);
        assert_eq!(csv(r#" "lead" ,4,mid"dle"x"#, signs), [r#" lead" "#, "4", r#"mid"dle"x"#]);
        assert_eq!(csv(r#"a,"open"#, signs), ["a"]);
        assert_eq!(csv(r#"\"esc\",3,"a\"b""#, signs), Vec::<String>::new());
        assert_eq!(csv("", signs), Vec::<String>::new());
    }
}
