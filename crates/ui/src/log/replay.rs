//! Reads a log into a store: pieces of it are parsed side by side and taken in order, so that little is in memory at once.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::find::Log;
use super::folder::Folder;
use super::pack;
use crate::event::{self, Line, Names};
use crate::store::Store;

/// How far a log has been read.
#[derive(Debug, Clone, Default)]
pub struct Position {
    /// Bytes of the text of each file.
    files: Vec<(PathBuf, u64)>,
    bad_lines: u64,
}

impl Position {
    /// Whether the log can be read on from here.
    pub fn fits(&self, log: &Log) -> bool {
        self.files.len() <= log.files.len() && self.files.iter().zip(&log.files).all(|((own, _), path)| own == path)
    }
}

/// Bytes of a piece.
const PIECE: usize = 1 << 20;
/// Longer lines are no events.
const MAX_LINE: usize = 256 << 20;
/// Threads that parse, at most.
const MAX_PARSERS: usize = 8;

/// Reads a log into a store, from where it was read the last time.
///
/// # Errors
/// The log cannot be opened.
pub fn replay(folder: &Folder, log: &Log, store: &mut Store, position: &mut Position) -> io::Result<()> {
    store.notes.clear();
    let mut cut = false;
    for (index, path) in log.files.iter().enumerate() {
        let start = position.files.get(index).map_or(0, |(_, read)| *read);
        // What was read and left behind does not grow any more.
        if index + 1 < position.files.len() {
            continue;
        }
        let mut pieces = Pieces::new(pack::open(folder, path, start)?);
        let read = read_file(&mut pieces, store, &mut position.bad_lines)?;
        cut |= pieces.is_cut;
        let read = (path.clone(), start + read);
        match position.files.get_mut(index) {
            Some(own) => *own = read,
            None => position.files.push(read),
        }
    }
    if cut && !log.in_progress {
        store.notes.push("The log is cut off: what comes after is not known.".into());
    }
    if position.bad_lines > 0 {
        store.notes.push(format!("{} lines of the log could not be read and are left out.", position.bad_lines));
    }
    Ok(())
}

/// Reads what is left of a file; bytes of the lines that were taken.
fn read_file(pieces: &mut Pieces, store: &mut Store, bad_lines: &mut u64) -> io::Result<u64> {
    let mut read = 0;
    let mut names = Names::default();
    let mut take = |lines: Vec<Line>| {
        for line in lines {
            match line {
                Line::Bad(_) => *bad_lines += 1,
                line => store.take(line),
            }
        }
    };
    if let Some(first) = pieces.next_piece() {
        read += first.len() as u64;
        take(parse(&first, &mut names));
    }
    if pieces.has_more() {
        read += side_by_side(pieces, &mut take);
    }
    // The last line of a log that grows may be half written, and is read again then.
    let tail = std::mem::take(&mut pieces.rest);
    if !tail.is_empty() {
        match event::read(&tail, &mut names) {
            Line::Bad(_) => pieces.is_cut = true,
            line => {
                read += tail.len() as u64;
                take(vec![line]);
            }
        }
    }
    *bad_lines += pieces.too_long.0;
    Ok(read + pieces.too_long.1)
}

/// Pieces go round the parsers, and what they make of them is taken in the same order.
fn side_by_side(pieces: &mut Pieces, take: &mut impl FnMut(Vec<Line>)) -> u64 {
    let count = thread::available_parallelism().map_or(1, usize::from).min(MAX_PARSERS);
    thread::scope(|scope| {
        let (to, from): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (sender, work) = sync_channel::<Vec<u8>>(1);
                let (done, receiver) = sync_channel::<Vec<Line>>(1);
                scope.spawn(move || {
                    let mut names = Names::default();
                    // Nobody takes more where the reader of the log has gone.
                    while let Ok(piece) = work.recv() {
                        if done.send(parse(&piece, &mut names)).is_err() {
                            break;
                        }
                    }
                });
                (sender, receiver)
            })
            .unzip();
        let reader = scope.spawn(move || {
            let mut read = 0;
            for to in to.iter().cycle() {
                let Some(piece) = pieces.next_piece() else { break };
                read += piece.len() as u64;
                if to.send(piece).is_err() {
                    break;
                }
            }
            read
        });
        for from in from.iter().cycle() {
            let Ok(lines) = from.recv() else { break };
            take(lines);
        }
        reader.join().unwrap_or(0)
    })
}

fn parse(piece: &[u8], names: &mut Names) -> Vec<Line> {
    let lines = piece.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(|line| event::read(line, names)).collect()
}

/// A file in pieces of whole lines.
struct Pieces {
    input: Box<dyn Read + Send>,
    /// What comes after the last whole line.
    rest: Vec<u8>,
    ended: bool,
    /// The file is damaged, or ends within a packed block.
    is_cut: bool,
    /// Lines that are no events for their length alone, and their bytes.
    too_long: (u64, u64),
}

impl Pieces {
    fn new(input: Box<dyn Read + Send>) -> Self {
        Self { input, rest: vec![], ended: false, is_cut: false, too_long: (0, 0) }
    }

    fn has_more(&self) -> bool {
        !self.ended
    }

    /// The next whole lines; none where no line ends any more.
    fn next_piece(&mut self) -> Option<Vec<u8>> {
        let mut piece = std::mem::take(&mut self.rest);
        while !self.ended {
            let before = piece.len();
            match self.input.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                // The program was killed, or still writes.
                Err(_) => {
                    self.ended = true;
                    self.is_cut = true;
                }
            }
            if let Some(end) = piece[before..].iter().rposition(|byte| *byte == b'\n') {
                self.rest = piece.split_off(before + end + 1);
                return Some(piece);
            }
            if piece.len() > MAX_LINE {
                self.too_long.0 += 1;
                self.too_long.1 += piece.len() as u64;
                piece.clear();
            }
        }
        self.rest = piece;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Pieces {
        Pieces::new(Box::new(io::Cursor::new(text.as_bytes().to_vec())))
    }

    #[test]
    fn lines_stay_whole() {
        let line = "x".repeat(700_000) + "\n";
        let mut own = pieces(&(line.repeat(4) + "tail"));
        let mut read = vec![];
        while let Some(piece) = own.next_piece() {
            assert!(piece.ends_with(b"\n"));
            read.extend(piece);
        }
        assert_eq!((read.len(), own.rest.as_slice()), (line.len() * 4, b"tail".as_slice()));
    }

    #[test]
    fn order_is_kept() {
        let line = |at: usize| {
            format!(
                "{{\"Event\":\"SparkListenerLogStart\",\"Spark Version\":\"{at}\",\"x\":\"{}\"}}\n",
                "y".repeat(5000)
            )
        };
        let text: String = (0..3000).map(line).collect();
        let (mut own, mut store, mut bad) = (pieces(&text), Store::default(), 0);
        assert_eq!(read_file(&mut own, &mut store, &mut bad).unwrap(), text.len() as u64);
        assert_eq!((store.app.spark_version.as_str(), bad), ("2999", 0));
    }
}
