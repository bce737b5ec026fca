//! The rows of an ORC file: its stripes one after the other, the wanted columns only.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::metrics::Count;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::Result;

use super::decode::{Decoder, Stripe};
use super::proto::StripeInformation;
use super::schema::{self, Column};
use super::tail::Tail;
use super::{OrcOptions, fit};
use crate::parquet::{adapter, default};
use crate::scan::stream::{Batches, Columns, FilePiece, PieceReader};
use crate::storage::read_error;

/// Reads ORC files.
#[derive(Debug)]
pub struct OrcReader {
    pub options: OrcOptions,
}

impl PieceReader for OrcReader {
    fn name(&self) -> &'static str {
        "orc"
    }

    fn open(&self, piece: FilePiece, columns: &Columns, bytes_read: Count) -> Result<Batches> {
        let path = &piece.file.path;
        let mut file = File::open(path).map_err(|error| read_error(path, error))?;
        let Some(tail) = Tail::read(&mut file)? else { return Ok(Box::new(std::iter::empty())) };
        let found = self.find(&tail, columns)?;
        let (from, to) = piece.range.unwrap_or((0, u64::MAX));
        let own = |stripe: &&StripeInformation| (from..to).contains(&stripe.offset.unwrap_or(0));
        let mut stripes: Vec<StripeInformation> = tail.footer.stripes.iter().filter(own).cloned().collect();
        stripes.reverse();
        Ok(Box::new(Rows {
            file,
            tail,
            stripes,
            columns: columns.clone(),
            found,
            options: self.options,
            bytes_read,
            decoders: vec![],
            left: 0,
        }))
    }
}

impl OrcReader {
    /// For each wanted column that of the file. Hive's files without names (`_col0`) go by position.
    fn find(&self, tail: &Tail, columns: &Columns) -> Result<Vec<Option<Column>>> {
        let root = schema::root(&tail.footer.types)?;
        let nameless = root.children.iter().all(|column| column.name.starts_with("_col"));
        let names: Vec<Field> =
            root.children.iter().map(|column| Field::new(&column.name, DataType::Null, true)).collect();
        let names = Schema::new(names);
        let find = |at: &usize| {
            let place = if nameless {
                Some(*at).filter(|at| *at < root.children.len())
            } else {
                adapter::find(&names, columns.schema.field(*at).name(), self.options.case_sensitive)?
            };
            Ok(place.map(|place| root.children[place].clone()))
        };
        columns.projection.iter().map(find).collect()
    }
}

struct Rows {
    file: File,
    tail: Tail,
    /// Those to come, the next one last.
    stripes: Vec<StripeInformation>,
    columns: Columns,
    found: Vec<Option<Column>>,
    options: OrcOptions,
    bytes_read: Count,
    /// Of the current stripe.
    decoders: Vec<Option<Decoder>>,
    /// Rows of the current stripe that are to come.
    left: u64,
}

impl Rows {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.left == 0 {
            let Some(stripe) = self.stripes.pop() else { return Ok(None) };
            self.left = stripe.number_of_rows.unwrap_or(0);
            // Rows are counted without reading any.
            if self.found.iter().any(Option::is_some) {
                let mut open = Stripe::open(&mut self.file, &self.tail, &stripe, self.options.zone, &self.bytes_read)?;
                self.decoders = self
                    .found
                    .iter()
                    .map(|column| column.as_ref().map(|column| open.decoder(column)).transpose())
                    .collect::<Result<_>>()?;
            } else {
                self.decoders = self.found.iter().map(|_| None).collect();
            }
        }
        let rows = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.columns.batch_size);
        self.left -= rows as u64;
        let mut arrays: Vec<ArrayRef> = vec![];
        for (decoder, field) in self.decoders.iter_mut().zip(self.columns.projected.fields()) {
            arrays.push(match decoder {
                Some(decoder) => fit::fit(&decoder.read(rows)?, field.data_type(), self.options.case_sensitive)?,
                None => match default::value(field) {
                    Some(value) => value.to_array_of_size(rows).map_err(from_datafusion)?,
                    None => new_null_array(field.data_type(), rows),
                },
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.columns.projected), arrays, &options);
        Ok(Some(batch.map_err(from_arrow)?))
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        if batch.is_err() {
            (self.left, self.stripes) = (0, vec![]);
        }
        batch.transpose()
    }
}
