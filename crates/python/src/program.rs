//! What a Python worker is told to run: user functions with their arguments, and settings. The same for all
//! partitions of an operator.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};

/// An argument of a user function: a column of what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Argument {
    pub offset: usize,
    /// Keyword, where it is passed by one.
    pub name: Option<String>,
}

/// A user function, or several of which each takes the result of the one before.
#[derive(Debug, Clone)]
pub struct Function {
    /// Pickled `(function, return type)` of PySpark, innermost first.
    pub commands: Vec<Bytes>,
    pub arguments: Vec<Argument>,
}

/// A unit of work for a worker.
#[derive(Debug, Clone)]
pub struct Program {
    id: u64,
    /// Length-prefixed JSON and blobs, ready to be sent.
    header: Bytes,
    /// Whether the parent should import pandas before it forks.
    pub pandas: bool,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Program {
    /// A program of the named kind (a function of `worker.py`) with `details` for it and binary parts.
    pub fn new(kind: &str, mut details: Value, blobs: &[Bytes], pandas: bool) -> Self {
        details["kind"] = json!(kind);
        let text = details.to_string();
        let mut header = Vec::with_capacity(text.len() + 64);
        put(&mut header, text.as_bytes());
        header.extend_from_slice(&(blobs.len() as u32).to_be_bytes());
        for blob in blobs {
            put(&mut header, blob);
        }
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), header: header.into(), pandas }
    }

    /// The bytes that begin every task of this program.
    pub(crate) fn header(&self) -> &Bytes {
        &self.header
    }
}

/// Programs are the same only if they are one.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Program {}

impl std::hash::Hash for Program {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// Appends `bytes` after their length.
pub(crate) fn put(target: &mut Vec<u8>, bytes: &[u8]) {
    target.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    target.extend_from_slice(bytes);
}
