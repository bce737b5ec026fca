//! Reads files in blocks of whole records and hands them to several threads: schema inference.

use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use firesteel_protocol::{Result, SparkError};
use memchr::memmem;

use crate::decode::RecordEnd;
use crate::storage::{InputFile, read_error};

/// Bytes of a block; a record that is larger makes its block larger.
const BLOCK_BYTES: usize = 2 << 20;

/// Whole records of one file, one after the other.
#[derive(Debug)]
pub struct Block {
    pub bytes: Vec<u8>,
    /// Whether these are the first bytes of their file.
    pub starts_file: bool,
}

/// Gives every block of the files to `work`, in any order, with one `state` a thread; yields the states.
/// With no record end a block is a whole file.
pub fn work_on_blocks<S: Send>(
    files: &[InputFile],
    end: Option<&RecordEnd>,
    threads: usize,
    new_state: impl Fn() -> S,
    work: impl Fn(&mut S, Block) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let size_bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
    let threads = threads.clamp(1, (size_bytes / BLOCK_BYTES as u64 + 1) as usize);
    if threads == 1 {
        let mut state = new_state();
        read_blocks(files, end, |block| work(&mut state, block).map(|()| true))?;
        return Ok(vec![state]);
    }
    let states: Vec<S> = (0..threads).map(|_| new_state()).collect();
    let (sender, receiver) = sync_channel::<Block>(threads);
    let receiver = Mutex::new(receiver);
    let (receiver, work) = (&receiver, &work);
    std::thread::scope(move |scope| {
        let spawn = |mut state: S| {
            scope.spawn(move || {
                let mut outcome = Ok(());
                // After an error blocks are still taken, so that the reader never waits for ever.
                while let Some(block) = next(receiver) {
                    if outcome.is_ok() {
                        outcome = work(&mut state, block);
                    }
                }
                outcome.map(|()| state)
            })
        };
        let workers: Vec<_> = states.into_iter().map(spawn).collect();
        let read = read_blocks(files, end, |block| Ok(sender.send(block).is_ok()));
        drop(sender);
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<S>>| {
            worker.join().unwrap_or_else(|_| Err(SparkError::internal("schema inference stopped unexpectedly")))
        };
        let states: Result<Vec<S>> = workers.into_iter().map(join).collect();
        read.and(states)
    })
}

fn next(receiver: &Mutex<Receiver<Block>>) -> Option<Block> {
    receiver.lock().ok()?.recv().ok()
}

/// Reads blocks in order until `take` wants no more.
pub fn read_blocks(
    files: &[InputFile],
    end: Option<&RecordEnd>,
    mut take: impl FnMut(Block) -> Result<bool>,
) -> Result<()> {
    for file in files {
        let mut reader = file.open()?;
        let mut starts_file = true;
        let mut bytes = vec![];
        loop {
            let length =
                fill(&mut *reader, &mut bytes, end.is_none()).map_err(|error| read_error(&file.path, error))?;
            let at_end = length == 0;
            let cut = if at_end { bytes.len() } else { end.map_or(0, |end| last_end(&bytes, end)) };
            let rest = bytes.split_off(cut);
            if !bytes.is_empty() {
                let block = Block { bytes: std::mem::replace(&mut bytes, rest), starts_file };
                starts_file = false;
                if !take(block)? {
                    return Ok(());
                }
            } else {
                bytes = rest;
            }
            if at_end {
                break;
            }
        }
    }
    Ok(())
}

/// Reads about a block more (all there is if `whole`); says how many bytes came.
fn fill(reader: &mut dyn Read, bytes: &mut Vec<u8>, whole: bool) -> std::io::Result<usize> {
    if whole {
        return reader.read_to_end(bytes);
    }
    reader.take(BLOCK_BYTES as u64).read_to_end(bytes)
}

/// Behind the last record end; 0 if there is none.
fn last_end(bytes: &[u8], end: &RecordEnd) -> usize {
    match end {
        RecordEnd::AnyNewline => memchr::memrchr2(b'\n', b'\r', bytes).map_or(0, |at| at + 1),
        RecordEnd::Exactly(separator) => memmem::rfind(bytes, separator).map_or(0, |at| at + separator.len()),
    }
}
