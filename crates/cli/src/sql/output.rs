//! The rows of a statement on standard output, in the form that was asked for.

use std::io::{self, Write};

use arrow::array::ArrayRef;
use clap::ValueEnum;
use firesteel_functions::Env;
use firesteel_protocol::{Result, SparkError};

use super::text::ColumnText;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Values with tabs between them and no header, as spark-sql prints them
    Tab,
    /// A table with lines around the columns
    Table,
    /// Comma-separated values with a header
    Csv,
    /// One JSON object for each row
    Json,
}

/// Why a statement did not end as it should.
#[derive(Debug)]
pub enum Failure {
    /// The statement failed.
    Statement(SparkError),
    /// Whoever reads our output has gone.
    OutputClosed,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl From<SparkError> for Failure {
    fn from(error: SparkError) -> Self {
        Self::Statement(error)
    }
}

/// A printer of the rows of one statement. Call [`Printer::rows`] for each batch, then
/// [`Printer::finish`].
pub struct Printer<'a> {
    format: Format,
    names: Vec<String>,
    env: &'a Env,
    /// Rows printed so far.
    rows: usize,
    /// The cells of a table, which needs all of them before it knows its widths.
    cells: Vec<Vec<String>>,
}

impl<'a> Printer<'a> {
    /// `header` asks for column names above tab-separated values too.
    pub fn new(format: Format, header: bool, names: Vec<String>, env: &'a Env) -> Result<Self, Failure> {
        let head = match format {
            Format::Tab if header => Some(names.join("\t")),
            Format::Csv => Some(names.iter().map(|name| quote_csv(name)).collect::<Vec<_>>().join(",")),
            Format::Tab | Format::Table | Format::Json => None,
        };
        if let Some(head) = head.filter(|_| !names.is_empty()) {
            print(&format!("{head}\n"))?;
        }
        Ok(Self { format, names, env, rows: 0, cells: Vec::new() })
    }

    pub fn rows(&mut self, columns: &[ArrayRef], count: usize) -> Result<(), Failure> {
        let columns: Vec<ColumnText> =
            columns.iter().map(|column| ColumnText::new(column, self.env)).collect::<Result<_>>()?;
        self.rows += count;
        let mut out = String::new();
        for row in 0..count {
            match self.format {
                Format::Tab => join(&mut out, &columns, row),
                Format::Csv => csv(&mut out, &columns, row),
                Format::Json => json(&mut out, &self.names, &columns, row),
                Format::Table => self.cells.push(columns.iter().map(|column| cell(column, row)).collect()),
            }
        }
        print(&out)
    }

    /// Print what is left; returns the number of rows.
    pub fn finish(self) -> Result<usize, Failure> {
        if self.format == Format::Table && !self.names.is_empty() {
            print(&table(&self.names, &self.cells))?;
        }
        Ok(self.rows)
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(SparkError::internal(format!("cannot write to standard output: {error}")).into()),
    }
}

fn join(out: &mut String, columns: &[ColumnText], row: usize) {
    for (position, column) in columns.iter().enumerate() {
        if position > 0 {
            out.push('\t');
        }
        column.write(out, row);
    }
    out.push('\n');
}

fn cell(column: &ColumnText, row: usize) -> String {
    let mut text = String::new();
    column.write(&mut text, row);
    text
}

/// NULL is an empty field; an empty string is quoted, so that the two differ.
fn csv(out: &mut String, columns: &[ColumnText], row: usize) {
    for (position, column) in columns.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        if !column.is_null(row) {
            out.push_str(&quote_csv(&cell(column, row)));
        }
    }
    out.push('\n');
}

fn quote_csv(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn json(out: &mut String, names: &[String], columns: &[ColumnText], row: usize) {
    out.push('{');
    for (position, (name, column)) in names.iter().zip(columns).enumerate() {
        if position > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::Value::from(name.as_str()).to_string());
        out.push(':');
        column.write_json(out, row);
    }
    out.push_str("}\n");
}

fn table(names: &[String], rows: &[Vec<String>]) -> String {
    let width = |text: &String| text.chars().count();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| rows.iter().map(|row| width(&row[column])).chain([width(&names[column])]).max().unwrap_or(0))
        .collect();
    let line: String = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect::<String>() + "+\n";
    let cells = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(text, size)| format!("| {text}{} ", " ".repeat(size - width(text))));
        cells.collect::<String>() + "|\n"
    };
    let body: String = rows.iter().map(|row| cells(row)).collect();
    format!("{line}{}{line}{body}{}", cells(names), if rows.is_empty() { "" } else { &line })
}
