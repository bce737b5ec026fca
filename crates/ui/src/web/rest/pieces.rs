//! Answers with the tasks of large stages: written as they are sent, so that little of them is in memory at once.

use std::io;

use serde_json::Value;

use super::tasks::task;
use crate::model::{Stage, Task};
use crate::web::route::Stream;

/// Stands in a stage's JSON where its tasks will be: no text can look like this and its name before it.
const MARK: &str = "\u{0}tasks";
/// Bytes that are sent together.
const CHUNK: usize = 64 << 10;

/// A piece of an answer.
enum Piece {
    Text(String),
    Tasks {
        tasks: Vec<Task>,
        /// Whether each has its number before it.
        keyed: bool,
        /// Spaces before each.
        indent: usize,
    },
}

/// What stands for a stage's tasks until they are written.
pub(super) fn mark() -> Value {
    MARK.into()
}

/// A list of tasks.
pub(super) fn list(tasks: Vec<Task>, now_ms: i64) -> Stream {
    stream(
        vec![Piece::Text("[".into()), Piece::Tasks { tasks, keyed: false, indent: 2 }, Piece::Text("\n]".into())],
        now_ms,
    )
}

/// Stages that have a [`mark`] each.
pub(super) fn stages(value: &Value, stages: &[&Stage], now_ms: i64) -> Stream {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let marked = format!("\"tasks\": {}", mark());
    let indent = if value.is_array() { 6 } else { 4 };
    let mut texts = text.split(marked.as_str());
    let mut pieces = vec![Piece::Text(texts.next().unwrap_or_default().to_owned())];
    for (text, stage) in texts.zip(stages) {
        pieces.push(Piece::Text("\"tasks\": {".into()));
        pieces.push(Piece::Tasks { tasks: stage.tasks.values().cloned().collect(), keyed: true, indent });
        pieces.push(Piece::Text(format!("\n{}}}{text}", " ".repeat(indent - 2))));
    }
    stream(pieces, now_ms)
}

fn stream(pieces: Vec<Piece>, now_ms: i64) -> Stream {
    Box::new(move |send| {
        let mut out = String::with_capacity(CHUNK + (8 << 10));
        let mut flush = |out: &mut String| {
            let full = std::mem::replace(out, String::with_capacity(CHUNK + (8 << 10)));
            if send(full.into_bytes()) { Ok(()) } else { Err(io::Error::from(io::ErrorKind::BrokenPipe)) }
        };
        for piece in pieces {
            match piece {
                Piece::Text(text) => out += &text,
                Piece::Tasks { tasks, keyed, indent } => {
                    let line = format!("\n{}", " ".repeat(indent));
                    for (index, own) in tasks.iter().enumerate() {
                        if index > 0 {
                            out.push(',');
                        }
                        out += &line;
                        if keyed {
                            out += &format!("\"{}\": ", own.id);
                        }
                        let text = serde_json::to_string_pretty(&task(now_ms, own)).unwrap_or_default();
                        out += &text.replace('\n', &line);
                        if out.len() >= CHUNK {
                            flush(&mut out)?;
                        }
                    }
                }
            }
        }
        flush(&mut out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stream: Stream) -> String {
        let mut all = vec![];
        stream(&mut |bytes| {
            all.extend(bytes);
            true
        })
        .unwrap();
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn same_as_in_one_piece() {
        let mut own = Stage::default();
        for id in 0..3000 {
            own.tasks.insert(id, Task { id, error: Some("\"a\"\n<b>".into()), ..Task::default() });
        }
        let tasks: Vec<Task> = own.tasks.values().cloned().collect();
        let plain = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let all: Value = tasks.iter().map(|own| task(9, own)).collect();
        assert_eq!(text(list(tasks.clone(), 9)), plain(&all));
        let map: serde_json::Map<_, _> = tasks.iter().map(|own| (own.id.to_string(), task(9, own))).collect();
        let value = |tasks: Value| serde_json::json!({"name": "\"tasks\": \"\u{0}tasks\"", "tasks": tasks, "z": [1]});
        let whole = value(map.into());
        assert_eq!(text(stages(&value(mark()), &[&own], 9)), plain(&whole));
        let two: Value = vec![value(mark()), value(mark())].into();
        assert_eq!(text(stages(&two, &[&own, &own], 9)), plain(&vec![whole.clone(), whole].into()));
    }
}
