//! How an error shows its place: the fragment of the query and the summary with carets under it.

use crate::error::QueryContext;

/// More of the line than this many characters beside the fragment is cut away.
const MAX_EXTRA_CHARS: usize = 32;
const CUT: &str = "...";

impl QueryContext {
    /// The piece of the query that the error speaks of.
    pub fn fragment(&self) -> String {
        match self {
            Self::Sql { text, start, stop, .. } => text.chars().take(stop + 1).skip(*start).collect(),
            Self::DataFrame { fragment, .. } => fragment.clone(),
        }
    }

    /// The lines that Spark prints below an error, with a final line break.
    pub fn summary(&self) -> String {
        match self {
            Self::Sql { text, start, stop, line, column, object_type, object_name } => {
                let object =
                    if object_type.is_empty() { String::new() } else { format!(" of {object_type} {object_name}") };
                let head = format!("== SQL{object} (line {line}, position {}) ==\n", column + 1);
                head + &underline(&text.chars().collect::<Vec<_>>(), *start, *stop)
            }
            Self::DataFrame { fragment, call_site } => {
                format!("== DataFrame ==\n\"{fragment}\" was called from\n{call_site}\n")
            }
        }
    }
}

/// The lines of `text` that hold `start..=stop`, each with a line of carets below it.
fn underline(text: &[char], start: usize, stop: usize) -> String {
    let Some(last) = text.len().checked_sub(1) else { return String::new() };
    let (start, stop) = (start.min(last), stop.clamp(start.min(last), last));

    let line_start = text[..start].iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
    let from = line_start.max(start.saturating_sub(MAX_EXTRA_CHARS));
    let line_stop = text[stop..].iter().position(|c| *c == '\n').map_or(text.len(), |at| stop + at);
    let to = line_stop.min(stop + 1 + MAX_EXTRA_CHARS);

    let prefix = if from > line_start { CUT } else { "" };
    let suffix = if to < line_stop { CUT } else { "" };
    let mut out = String::new();
    let mut at = from;
    for (number, line) in text[from..to].split(|c| *c == '\n').enumerate() {
        let (prefix, is_last) = (if number == 0 { prefix } else { "" }, at + line.len() >= to);
        out.push_str(prefix);
        out.extend(line);
        out.push_str(if is_last { suffix } else { "" });
        out.push('\n');
        out.extend(prefix.chars().map(|_| ' '));
        for offset in 0..line.len() {
            match at + offset {
                position if position < start => out.push(' '),
                position if position <= stop => out.push('^'),
                _ => break,
            }
        }
        out.push('\n');
        at += line.len() + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(text: &str, start: usize, stop: usize) -> String {
        underline(&text.chars().collect::<Vec<_>>(), start, stop)
    }

    #[test]
    fn carets_stand_below_the_fragment() {
        assert_eq!(summary("select 1/0", 7, 9), "select 1/0\n       ^^^\n");
        assert_eq!(summary("select\n 1/\n0 x", 8, 11), " 1/\n ^^\n0 x\n^\n");
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}1/0{}", "a".repeat(50), "b".repeat(50));
        let want = format!("...{}1/0{}...\n{}^^^\n", "a".repeat(32), "b".repeat(32), " ".repeat(35));
        assert_eq!(summary(&text, 50, 52), want);
    }
}
