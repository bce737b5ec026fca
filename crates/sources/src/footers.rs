//! A table's columns from files that tell their own: of the first one, or of all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::{DataType, FieldRef, Fields};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::parquet::schema::nullable;
use crate::storage::InputFile;

/// How files are asked.
#[derive(Debug, Clone, Copy)]
pub struct Footers {
    /// Files that cannot be read say nothing.
    pub ignore_corrupt: bool,
    pub case_sensitive: bool,
    pub parallelism: usize,
}

/// Asks a file; `None`: it has no columns.
type Ask<'a> = &'a (dyn Fn(&InputFile) -> Result<Option<Fields>> + Sync);

impl Footers {
    /// The data columns of the files, all nullable; `None` if there is no file to ask.
    pub fn columns(&self, files: &[InputFile], merged: bool, ask: Ask<'_>) -> Result<Option<Fields>> {
        let mut sorted: Vec<&InputFile> = files.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let heard = |answer: Result<Option<Fields>>| match answer {
            Err(error) if self.ignore_corrupt && is_corrupt(&error) => Ok(None),
            answer => answer.map(|fields| fields.map(|fields| fields.iter().map(nullable).collect::<Fields>())),
        };
        if !merged {
            // The first readable file speaks for all.
            for file in sorted {
                if let Some(fields) = heard(ask(file))? {
                    return Ok(Some(fields));
                }
            }
            return Ok(None);
        }
        let mut all: Option<Fields> = None;
        for answer in self.answers(&sorted, ask) {
            let Some(columns) = heard(answer)? else { continue };
            all = Some(match all {
                None => columns,
                Some(left) if left == columns => left,
                Some(left) => merge(&left, &columns, self.case_sensitive).map_err(|cause| {
                    SparkError::new("CANNOT_MERGE_SCHEMAS")
                        .with("left", shown(&left))
                        .with("right", shown(&columns))
                        .with_source(cause)
                })?,
            });
        }
        Ok(all)
    }

    /// The answers of all files, asked by several threads, in the order of the files.
    fn answers(&self, files: &[&InputFile], ask: Ask<'_>) -> Vec<Result<Option<Fields>>> {
        let next = AtomicUsize::new(0);
        let read = || {
            let mut found = vec![];
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                match files.get(at) {
                    Some(file) => found.push((at, ask(file))),
                    None => return found,
                }
            }
        };
        let mut found: Vec<(usize, Result<Option<Fields>>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.parallelism.clamp(1, 8)).map(|_| scope.spawn(read)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, columns)| columns).collect()
    }
}

fn shown(columns: &Fields) -> String {
    format!("\"{}\"", name::sql(&DataType::Struct(columns.clone())))
}

fn is_corrupt(error: &SparkError) -> bool {
    error.condition().starts_with("FAILED_READ_FILE")
}

/// Spark's `StructType.merge`: equal types only, structs by field, new fields behind.
fn merge(left: &Fields, right: &Fields, case_sensitive: bool) -> Result<Fields> {
    let same = |a: &str, b: &str| if case_sensitive { a == b } else { a.to_lowercase() == b.to_lowercase() };
    let mut merged: Vec<FieldRef> = vec![];
    for field in left {
        merged.push(match right.iter().find(|other| same(other.name(), field.name())) {
            Some(other) => {
                let data_type = merge_type(field.data_type(), other.data_type(), case_sensitive)?;
                let nullable = field.is_nullable() || other.is_nullable();
                Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(nullable))
            }
            None => Arc::clone(field),
        });
    }
    merged.extend(right.iter().filter(|other| !left.iter().any(|field| same(field.name(), other.name()))).cloned());
    Ok(Fields::from(merged))
}

fn merge_type(left: &DataType, right: &DataType, case_sensitive: bool) -> Result<DataType> {
    let inner = |a: &FieldRef, b: &FieldRef| -> Result<FieldRef> {
        let data_type = merge_type(a.data_type(), b.data_type(), case_sensitive)?;
        Ok(Arc::new(a.as_ref().clone().with_data_type(data_type).with_nullable(a.is_nullable() || b.is_nullable())))
    };
    match (left, right) {
        (a, b) if a == b => Ok(a.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Ok(other.clone()),
        (DataType::Struct(a), DataType::Struct(b)) => Ok(DataType::Struct(merge(a, b, case_sensitive)?)),
        (DataType::List(a), DataType::List(b)) => Ok(DataType::List(inner(a, b)?)),
        (DataType::Map(a, sorted), DataType::Map(b, _)) => Ok(DataType::Map(inner(a, b)?, *sorted)),
        (DataType::Decimal128(p, s), DataType::Decimal128(q, t)) if s == t => Ok(DataType::Decimal128(*p.max(q), *s)),
        _ => Err(SparkError::new("CANNOT_MERGE_INCOMPATIBLE_DATA_TYPE")
            .with("left", format!("\"{}\"", name::sql(left)))
            .with("right", format!("\"{}\"", name::sql(right)))),
    }
}
