//! `df.show()` and notebook tables: rows as text. Spark's `Dataset.showString` and `htmlString`.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use firesteel_functions::Env;
use firesteel_functions::kernel::from_arrow;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::types::proto;
use firesteel_protocol::{Result, SparkError};

use crate::{OperationHandle, Rows, RowsSummary, Session};

/// Header and cells.
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// There are more rows than shown.
    more: bool,
    /// Whole cells stand at the left, cut ones at the right.
    left: bool,
}

/// `df.show()`: one row, one column.
pub async fn show_string(session: &Session, message: &pb::ShowString, operation: OperationHandle) -> Result<Rows> {
    let limit = usize::try_from(message.num_rows).unwrap_or(0);
    let truncate = usize::try_from(message.truncate).unwrap_or(0);
    let observed = Arc::clone(&operation.observed);
    let table = table(session, message.input.as_deref(), limit, truncate, operation).await?;
    let text = if message.vertical { vertical(&table, limit) } else { grid(&table, limit) };
    let mut rows = one_cell("show_string", text)?;
    rows.summary.observed = observed;
    Ok(rows)
}

/// A relation as `df.show(limit, truncate)` prints it.
pub(crate) async fn text(
    session: &Session,
    relation: &pb::Relation,
    limit: usize,
    truncate: usize,
    operation: OperationHandle,
) -> Result<String> {
    Ok(grid(&table(session, Some(relation), limit, truncate, operation).await?, limit))
}

/// The table of a notebook.
pub async fn html_string(session: &Session, message: &pb::HtmlString, operation: OperationHandle) -> Result<Rows> {
    let limit = usize::try_from(message.num_rows).unwrap_or(0);
    let truncate = usize::try_from(message.truncate).unwrap_or(0);
    let observed = Arc::clone(&operation.observed);
    let table = table(session, message.input.as_deref(), limit, truncate, operation).await?;
    let mut rows = one_cell("html_string", html(&table, limit))?;
    rows.summary.observed = observed;
    Ok(rows)
}

async fn table(
    session: &Session,
    input: Option<&pb::Relation>,
    limit: usize,
    truncate: usize,
    operation: OperationHandle,
) -> Result<Table> {
    let input = input.ok_or_else(|| SparkError::internal("a ShowString relation without input"))?;
    // One row more than shown tells whether there are more.
    let fetch = i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX);
    let limited = pb::Limit { input: Some(Box::new(input.clone())), limit: fetch };
    let relation = pb::Relation { common: None, rel_type: Some(RelType::Limit(Box::new(limited))) };
    let planned = session.plan(relation).await?;
    let fields = planned.relation.fields();
    let (_, batches) = session.collect(planned, operation).await?;
    let env = session.env();
    let mut rows = vec![];
    for batch in &batches {
        rows.extend(cells(batch, &fields, &env, truncate)?);
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let header = fields.iter().map(|field| escape(field.name())).collect();
    Ok(Table { header, rows, more, left: truncate == 0 })
}

/// Rows that are there already as `show` prints them: at most `limit` of them, cells of at most `truncate`
/// characters (0 for whole ones), with the line break that ends a printed text.
pub fn rows_text(
    batches: &[RecordBatch],
    fields: &arrow::datatypes::Fields,
    env: &Env,
    limit: usize,
    truncate: usize,
) -> Result<String> {
    let mut rows = vec![];
    for batch in batches {
        let missing = (limit + 1).saturating_sub(rows.len());
        rows.extend(cells(&batch.slice(0, missing.min(batch.num_rows())), fields, env, truncate)?);
    }
    let more = rows.len() > limit;
    rows.truncate(limit);
    let header = fields.iter().map(|field| escape(field.name())).collect();
    Ok(grid(&Table { header, rows, more, left: truncate == 0 }, limit) + "\n")
}

fn cells(
    batch: &RecordBatch,
    fields: &arrow::datatypes::Fields,
    env: &Env,
    truncate: usize,
) -> Result<Vec<Vec<String>>> {
    let mut columns: Vec<StringArray> = vec![];
    for (column, field) in batch.columns().iter().zip(fields) {
        let canonical = crate::relabel::relabel(column, field.data_type())?;
        let text = firesteel_functions::cast::display_array(&canonical, field, env)?;
        columns.push(arrow::array::cast::AsArray::as_string::<i32>(&text).clone());
    }
    let cell = |column: &StringArray, row: usize| {
        use arrow::array::Array;
        let text = if column.is_null(row) { "NULL".to_string() } else { escape(column.value(row)) };
        cut(&text, truncate)
    };
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect())
}

/// Control characters that would break the table, as Spark writes them.
fn escape(text: &str) -> String {
    if !text.contains(|c: char| c.is_control()) {
        return text.to_string();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{c}' => escaped.push_str("\\f"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{b}' => escaped.push_str("\\v"),
            '\u{7}' => escaped.push_str("\\a"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// At most `width` UTF-16 units; `...` at the end where there is room for it.
fn cut(text: &str, width: usize) -> String {
    if width == 0 || text.encode_utf16().count() <= width {
        return text.to_string();
    }
    let take = |units: usize| {
        let units: Vec<u16> = text.encode_utf16().take(units).collect();
        String::from_utf16_lossy(&units)
    };
    if width < 4 { take(width) } else { format!("{}...", take(width - 3)) }
}

/// Columns of a terminal that a text takes: wide characters take two. Spark's `Utils.stringHalfWidth`.
fn half_width(text: &str) -> usize {
    text.chars().map(|c| if is_full_width(c) { 2 } else { 1 }).sum()
}

fn is_full_width(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0x33FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA000..=0xA4CF
        | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE10..=0xFE19 | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6)
}

fn grid(table: &Table, limit: usize) -> String {
    // A column is at least three wide.
    let mut widths: Vec<usize> = table.header.iter().map(|name| half_width(name).max(3)).collect();
    for row in &table.rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(half_width(cell));
        }
    }
    if widths.is_empty() {
        let rows = "||\n".repeat(table.rows.len());
        return format!("++\n||\n++\n{rows}++\n{}", footer(table, limit));
    }
    let rule: String = widths.iter().fold(String::from("+"), |rule, width| rule + &"-".repeat(*width) + "+") + "\n";
    let line = |cells: &[String]| {
        let mut line = String::from("|");
        for (cell, width) in cells.iter().zip(&widths) {
            let space = " ".repeat(width - half_width(cell));
            let (first, second) = if table.left { (cell, &space) } else { (&space, cell) };
            line.push_str(first);
            line.push_str(second);
            line.push('|');
        }
        line + "\n"
    };
    let mut text = rule.clone();
    text.push_str(&line(&table.header));
    text.push_str(&rule);
    for row in &table.rows {
        text.push_str(&line(row));
    }
    text.push_str(&rule);
    text.push_str(&footer(table, limit));
    text
}

/// The line that ends a text which does not show all rows; the client adds its own line break.
fn footer(table: &Table, limit: usize) -> String {
    if !table.more {
        return String::new();
    }
    let word = if limit == 1 { "row" } else { "rows" };
    format!("only showing top {limit} {word}")
}

fn vertical(table: &Table, limit: usize) -> String {
    let names = table.header.iter().map(|name| half_width(name)).max().unwrap_or(0).max(3);
    let values = table.rows.iter().flatten().map(|cell| half_width(cell)).max().unwrap_or(0).max(3);
    let mut text = String::new();
    for (index, row) in table.rows.iter().enumerate() {
        let head = format!("-RECORD {index}");
        let width = names + values + 5;
        text.push_str(&head);
        text.push_str(&"-".repeat(width.saturating_sub(head.chars().count())));
        text.push('\n');
        for (name, cell) in table.header.iter().zip(row) {
            let name_pad = " ".repeat(names - half_width(name));
            let cell_pad = " ".repeat(values - half_width(cell));
            text.push_str(&format!(" {name}{name_pad} | {cell}{cell_pad} \n"));
        }
    }
    if table.rows.is_empty() {
        return "(0 rows)".into();
    }
    text.push_str(&footer(table, limit));
    text
}

fn html(table: &Table, limit: usize) -> String {
    let safe = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;")
    };
    let mut text = String::from("<table border='1'>\n<tr>");
    for name in &table.header {
        text.push_str(&format!("<th>{}</th>", safe(name)));
    }
    text.push_str("</tr>\n");
    for row in &table.rows {
        text.push_str("<tr>");
        for cell in row {
            text.push_str(&format!("<td>{}</td>", safe(cell)));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</table>\n");
    if table.more {
        text.push_str(&footer(table, limit));
        text.push('\n');
    }
    text
}

/// A result of one string.
pub(crate) fn one_cell(name: &str, text: String) -> Result<Rows> {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
    let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).map_err(from_arrow)?;
    Ok(Rows {
        schema: proto::encode_schema(schema.fields()),
        arrow_schema: schema,
        batches: Box::pin(futures::stream::iter([Ok(batch)])),
        summary: RowsSummary::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_and_escaped() {
        assert_eq!(cut("abcdefgh", 5), "ab...");
        assert_eq!(cut("abcdefgh", 3), "abc");
        assert_eq!(escape("a\nb"), "a\\nb");
        assert_eq!(half_width("中a"), 3);
    }
}
