//! `spark-defaults.conf`: Java's properties format, as far as Spark's files use it.

use std::path::Path;

/// The `spark.*` entries of a properties file, in its order. Other keys are named on standard
/// error and left out, as Spark does.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut entries = parse(&text);
    entries.retain(|(key, _)| {
        let is_spark = key.starts_with("spark.");
        if !is_spark {
            eprintln!("firesteel: {}: ignoring {key}, which is not a Spark property", path.display());
        }
        is_spark
    });
    Ok(entries)
}

fn parse(text: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut logical = line.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while continues(&logical) {
            logical.pop();
            match lines.next() {
                Some(next) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        entries.push((unescape(key), unescape(value).trim().to_owned()));
    }
    entries
}

/// A line goes on in the next one if it ends in an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// Key and value are parted by white space, `=` or `:`.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, character)| {
            let ends = !escaped && (character.is_whitespace() || *character == '=' || *character == ':');
            escaped = *character == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let rest = line[end..].trim_start();
    (&line[..end], rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = characters.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn spark_defaults() {
        let text = "# a comment\n\nspark.a   1 \nspark.b=x=y\n spark.c : two words\nspark.d a\\\n   b\nspark.e\n! no\nspark.f\\:g C\\:\\\\x\n";
        let expected = [
            ("spark.a", "1"),
            ("spark.b", "x=y"),
            ("spark.c", "two words"),
            ("spark.d", "ab"),
            ("spark.e", ""),
            ("spark.f:g", "C:\\x"),
        ];
        let expected: Vec<_> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        assert_eq!(parse(text), expected);
    }
}
