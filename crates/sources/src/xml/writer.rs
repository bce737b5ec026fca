//! Rows become elements below a root.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray};
use firesteel_functions::Env;
use firesteel_functions::json::Options as ValueOptions;
use firesteel_functions::xml::RecordWriter;
use firesteel_protocol::{Result, SparkError};

use super::options::row_tag;
use crate::{Options, SourceContext};

/// How XML files are written.
#[derive(Debug)]
pub struct XmlWriteOptions {
    root_tag: String,
    declaration: String,
    /// Whether rows begin lines of their own, indented.
    indented: bool,
    values: ValueOptions,
    env: Env,
}

impl XmlWriteOptions {
    /// Reads the options of a writer.
    pub fn of(options: &Options, ctx: &SourceContext) -> Result<Self> {
        row_tag(options)?;
        let declaration = "version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"";
        Ok(Self {
            root_tag: start_tag(options.get("rootTag").unwrap_or("ROWS")),
            declaration: options.get("declaration").unwrap_or(declaration).to_string(),
            indented: options.get("indent").is_none_or(|indent| !indent.is_empty()),
            values: ValueOptions::from_pairs(options.iter()),
            env: ctx.env.clone(),
        })
    }

    /// What stands before the first row.
    pub fn open(&self, out: &mut Vec<u8>) {
        if !self.declaration.is_empty() {
            out.extend_from_slice(format!("<?xml {}?>\n", self.declaration).as_bytes());
        }
        out.extend_from_slice(format!("<{}>", self.root_tag).as_bytes());
        if !self.indented {
            out.push(b'\n');
        }
    }

    /// What stands behind the last row.
    pub fn close(&self, out: &mut Vec<u8>) {
        if self.indented {
            out.push(b'\n');
        }
        let name = self.root_tag.split_whitespace().next().unwrap_or_default();
        out.extend_from_slice(format!("</{name}>").as_bytes());
    }

    /// Appends the rows of a batch.
    pub fn rows(&self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = batch.columns().to_vec();
        let rows = StructArray::try_new_with_length(batch.schema().fields().clone(), columns, None, batch.num_rows());
        let rows: ArrayRef = Arc::new(rows.map_err(|error| SparkError::internal(error.to_string()))?);
        let writer = RecordWriter::new(&rows, &self.values, &self.env)?;
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            writer.write(&mut text, row, 1)?;
            out.extend_from_slice(text.as_bytes());
            text.clear();
        }
        Ok(())
    }
}

/// The root's name with its attributes, whatever quotes they were given in.
fn start_tag(given: &str) -> String {
    let mut words = given.trim().split(' ');
    let mut tag = words.next().unwrap_or_default().to_string();
    for word in words {
        let Some((name, value)) = word.split_once('=') else { return given.to_string() };
        tag.push_str(&format!(" {name}=\""));
        firesteel_functions::xml::escape(&mut tag, value.trim_matches(['\'', '"']), true);
        tag.push('"');
    }
    tag
}
