//! Rows as the bytes that a worker reads: one Arrow stream, or one for each group after their number.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamEncoder;

/// One Arrow stream for all batches.
pub struct Batches {
    encoder: StreamEncoder,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batches")
    }
}

impl Batches {
    /// A stream of that schema.
    pub fn new(schema: &Schema) -> Result<Self, ArrowError> {
        Ok(Self { encoder: StreamEncoder::try_new(schema)? })
    }

    /// The bytes of a batch, the schema's before those of the first.
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<Buffer>, ArrowError> {
        self.encoder.encode(batch)
    }

    /// The end of the stream.
    pub fn finish(self) -> Result<Vec<Buffer>, ArrowError> {
        self.encoder.finish()
    }
}

/// What a group begins with: how many streams follow.
pub fn tables(count: usize) -> Buffer {
    Buffer::from_vec((count as u32).to_be_bytes().to_vec())
}

/// One or two tables of a group, each as a stream of its own.
pub fn group(all: &[(&Schema, &[RecordBatch])]) -> Result<Vec<Buffer>, ArrowError> {
    let mut bytes = vec![tables(all.len())];
    for (schema, batches) in all {
        let mut stream = Batches::new(schema)?;
        for batch in *batches {
            bytes.extend(stream.batch(batch)?);
        }
        bytes.extend(stream.finish()?);
    }
    Ok(bytes)
}

/// After the last group.
pub fn end_of_groups() -> Vec<Buffer> {
    vec![Buffer::from_vec(0u32.to_be_bytes().to_vec())]
}
