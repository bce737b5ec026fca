//! Schemas that were found in files, remembered while the files stay what they are: every action of a DataFrame that was
//! read without a schema resolves it anew, and would read all of its CSV or JSON once more.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::datatypes::Fields;
use firesteel_protocol::Result;
use parking_lot::Mutex;

use crate::storage::InputFile;

/// Schemas that are remembered, by the whole process.
const MOST: usize = 256;
/// A file that changed so lately (microseconds) may change again without a new time of modification.
const SETTLED_US: i64 = 1_000_000;

static KEPT: Mutex<VecDeque<(Key, Fields)>> = Mutex::new(VecDeque::new());

/// Files as they are now, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    reader: String,
    count: usize,
    files: [u64; 2],
}

/// The columns of `files`: those found before with the same reader, or what `infer` finds. `reader` tells all that a schema
/// depends on besides the files.
pub fn columns(reader: String, files: &[InputFile], infer: impl FnOnce() -> Result<Fields>) -> Result<Fields> {
    let key = Key { reader, count: files.len(), files: [0, 1].map(|seed| fingerprint(files, seed)) };
    let known = KEPT.lock().iter().find(|(kept, _)| *kept == key).map(|(_, fields)| fields.clone());
    if let Some(fields) = known {
        return Ok(fields);
    }
    #[expect(clippy::disallowed_methods, reason = "the age of files, not a query's time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    let fields = infer()?;
    if files.iter().all(|file| file.modified_us > 0 && file.modified_us < now - SETTLED_US) {
        let mut kept = KEPT.lock();
        kept.truncate(MOST - 1);
        kept.push_front((key, fields.clone()));
    }
    Ok(fields)
}

fn fingerprint(files: &[InputFile], seed: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    for file in files {
        (&file.path, file.size_bytes, file.modified_us).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};

    #[test]
    fn asks_once_while_files_stay() {
        let file = |modified_us| InputFile { path: "/a".into(), size_bytes: 1, modified_us };
        let asked = |reader: &str, file: InputFile| {
            let mut asked = false;
            let found = columns(reader.into(), &[file], || {
                asked = true;
                Ok(Fields::from(vec![Field::new(reader, DataType::Utf8, true)]))
            });
            assert_eq!(found.map(|fields| fields[0].name().clone()).ok().as_deref(), Some(reader));
            asked
        };
        assert!(asked("inferred a", file(1)));
        assert!(!asked("inferred a", file(1)));
        assert!(asked("inferred a", file(2)));
        assert!(asked("inferred b", file(1)));
        assert!(asked("inferred c", file(i64::MAX)));
        assert!(asked("inferred c", file(i64::MAX)));
    }
}
