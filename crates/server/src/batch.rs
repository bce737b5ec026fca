//! Record batches as `ArrowBatch` messages: each a whole Arrow stream, few and large, none too large.

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use firesteel_protocol::SparkError;
use firesteel_protocol::connect::execute_plan_response::ArrowBatch;

use crate::error::{Failure, Result};

/// What a message may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    /// Small batches are put together up to this size. Clients answer each message by a call.
    pub(crate) target_bytes: usize,
    /// A batch above this size is split by rows. Arrow's headers come on top.
    pub(crate) split_bytes: usize,
    /// A message above this size is split again: rows differ in size.
    pub(crate) max_bytes: usize,
    /// A message above this size is cut into chunks, where the client can put them together.
    pub(crate) chunk_bytes: Option<usize>,
}

/// Collects batches until they fill a message.
pub(crate) struct BatchWriter {
    schema: SchemaRef,
    limits: BatchLimits,
    pending: Vec<RecordBatch>,
    pending_bytes: usize,
    /// Rows in the messages so far.
    rows: i64,
    written: bool,
}

impl BatchWriter {
    pub(crate) fn new(schema: SchemaRef, limits: BatchLimits) -> Self {
        Self { schema, limits, pending: vec![], pending_bytes: 0, rows: 0, written: false }
    }

    /// Whether rows wait for company.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes a batch; returns the messages that are full.
    pub(crate) fn add(&mut self, batch: RecordBatch) -> Result<Vec<ArrowBatch>> {
        if batch.num_rows() == 0 {
            return Ok(vec![]);
        }
        let size = size_of(&batch);
        let mut full = vec![];
        if self.has_pending() && self.pending_bytes + size > self.limits.split_bytes {
            full = self.flush()?;
        }
        self.pending.push(batch);
        self.pending_bytes += size;
        if self.pending_bytes >= self.limits.target_bytes {
            full.extend(self.flush()?);
        }
        Ok(full)
    }

    /// The messages of what waits.
    pub(crate) fn flush(&mut self) -> Result<Vec<ArrowBatch>> {
        let batch = match self.pending.as_slice() {
            [] => return Ok(vec![]),
            [only] => only.clone(),
            several => concat_batches(&self.schema, several).map_err(encoding_failed)?,
        };
        let pieces = self.pending_bytes.div_ceil(self.limits.split_bytes).clamp(1, batch.num_rows());
        self.pending.clear();
        self.pending_bytes = 0;
        let mut messages = vec![];
        let rows = batch.num_rows().div_ceil(pieces);
        for start in (0..batch.num_rows()).step_by(rows) {
            self.write(batch.slice(start, rows.min(batch.num_rows() - start)), &mut messages)?;
        }
        Ok(messages)
    }

    /// The last messages: at least one for each result, be it without rows.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrowBatch>> {
        let mut messages = self.flush()?;
        if !self.written {
            self.write(RecordBatch::new_empty(self.schema.clone()), &mut messages)?;
        }
        Ok(messages)
    }

    /// Writes a piece, or its halves when it is still too large.
    fn write(&mut self, batch: RecordBatch, messages: &mut Vec<ArrowBatch>) -> Result<()> {
        let data = encode(&batch, &self.schema).map_err(encoding_failed)?;
        let rows = batch.num_rows();
        if data.len() > self.limits.max_bytes && rows > 1 {
            drop(data);
            self.write(batch.slice(0, rows / 2), messages)?;
            return self.write(batch.slice(rows / 2, rows - rows / 2), messages);
        }
        let row_count = i64::try_from(rows).expect("rows of one batch");
        let whole =
            ArrowBatch { row_count, data, start_offset: Some(self.rows), chunk_index: None, num_chunks_in_batch: None };
        self.rows += row_count;
        self.written = true;
        match self.limits.chunk_bytes {
            Some(chunk) if whole.data.len() > chunk => messages.extend(chunks(whole, chunk)),
            _ => messages.push(whole),
        }
        Ok(())
    }
}

/// Cuts a message into pieces that share its memory.
fn chunks(whole: ArrowBatch, size: usize) -> impl Iterator<Item = ArrowBatch> {
    let count = whole.data.len().div_ceil(size);
    (0..count).map(move |index| ArrowBatch {
        data: whole.data.slice(index * size..whole.data.len().min((index + 1) * size)),
        chunk_index: i64::try_from(index).ok(),
        num_chunks_in_batch: i64::try_from(count).ok(),
        ..whole
    })
}

fn encode(batch: &RecordBatch, schema: &SchemaRef) -> Result<Bytes, ArrowError> {
    let capacity = size_of(batch) + 1024 + 256 * schema.fields().len();
    let mut writer = StreamWriter::try_new(Vec::with_capacity(capacity), schema)?;
    writer.write(batch)?;
    Ok(Bytes::from(writer.into_inner()?))
}

/// Bytes of the rows, not of the buffers behind them: a slice may be small in a large buffer.
fn size_of(batch: &RecordBatch) -> usize {
    let column = |column: &dyn Array| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size())
    };
    batch.columns().iter().map(|array| column(array.as_ref())).sum()
}

fn encoding_failed(error: ArrowError) -> Failure {
    SparkError::internal(format!("cannot encode a result as Arrow: {error}")).with_source(error).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};
    use arrow::ipc::reader::StreamReader;

    use super::*;

    fn writer(target_bytes: usize, max_bytes: usize, chunk_bytes: Option<usize>) -> BatchWriter {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        BatchWriter::new(
            schema,
            BatchLimits { target_bytes, split_bytes: max_bytes, max_bytes: max_bytes * 2, chunk_bytes },
        )
    }

    fn batch(rows: i64) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(0..rows))]).unwrap()
    }

    #[test]
    fn small_batches_share_a_message() {
        let mut writer = writer(1 << 20, 1 << 20, None);
        assert!(writer.add(batch(10)).unwrap().is_empty());
        assert!(writer.add(batch(5)).unwrap().is_empty());
        let messages = writer.finish().unwrap();
        assert_eq!(messages.iter().map(|message| message.row_count).collect::<Vec<_>>(), [15]);
    }

    #[test]
    fn large_batches_are_split_and_offsets_go_on() {
        let mut writer = writer(8000, 8000, None);
        let messages = writer.add(batch(2500)).unwrap();
        let shape: Vec<_> = messages.iter().map(|message| (message.start_offset, message.row_count)).collect();
        assert_eq!(shape, [(Some(0), 834), (Some(834), 834), (Some(1668), 832)]);
        assert!(writer.finish().unwrap().is_empty());
    }

    #[test]
    fn no_rows_are_one_message() {
        let messages = writer(10, 10, None).finish().unwrap();
        assert_eq!((messages.len(), messages[0].row_count), (1, 0));
    }

    #[test]
    fn chunks_join_to_a_stream() {
        let mut writer = writer(8000, 1 << 20, Some(1024));
        let messages = writer.add(batch(1000)).unwrap();
        assert!(messages.len() > 7 && messages.iter().all(|message| message.data.len() <= 1024));
        let joined: Vec<u8> = messages.iter().flat_map(|message| message.data.to_vec()).collect();
        let rows: usize =
            StreamReader::try_new(joined.as_slice(), None).unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!((rows, messages[0].num_chunks_in_batch), (1000, Some(messages.len() as i64)));
    }
}
