//! What all pages share: frame, tables that sort and page, forms of numbers.

use std::fmt::Write;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::conf::UiConf;
use crate::json::page_time;
use crate::model::Status;
use crate::recorder::Live;
use crate::store::Store;

/// What a page is made from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub store: &'a Store,
    /// The running application; none where a log is shown.
    pub live: Option<&'a Live>,
    pub conf: &'a UiConf,
    /// What stands before every path: empty, or the history server's path of the application.
    pub base: &'a str,
    pub path: &'a str,
    pub query: &'a Query,
    pub now_ms: i64,
}

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Self {
        Self(
            text.split('&')
                .filter(|part| !part.is_empty())
                .map(|part| {
                    let (key, value) = part.split_once('=').unwrap_or((part, ""));
                    (decoded(key), decoded(value))
                })
                .collect(),
        )
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }

    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value == "true")
    }

    /// The same with some keys set.
    fn with(&self, changes: &[(&str, String)]) -> String {
        let kept = self.0.iter().filter(|(key, _)| !changes.iter().any(|(own, _)| own == key));
        let kept = kept.map(|(key, value)| (key.as_str(), value.as_str()));
        let all = kept.chain(changes.iter().map(|(key, value)| (*key, value.as_str())));
        let parts: Vec<String> = all.map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        format!("?{}", parts.join("&"))
    }
}

/// Takes `%20` and `+` for what they stand for.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Makes a text fit for an address.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The pages that the head leads to: path and name.
const TABS: [(&str, &str); 8] = [
    ("jobs", "Jobs"),
    ("stages", "Stages"),
    ("storage", "Storage"),
    ("environment", "Environment"),
    ("executors", "Executors"),
    ("SQL", "SQL / DataFrame"),
    ("StreamingQuery", "Structured Streaming"),
    ("connect", "Connect"),
];

impl View<'_> {
    /// Whether the application still runs.
    pub fn is_running(&self) -> bool {
        self.store.app.end_ms < 0
    }

    /// A path of the application.
    pub fn link(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// A page of the application.
    pub fn page(&self, title: &str, content: &Markup) -> Markup {
        let current = self.path.split('/').next().unwrap_or("");
        let app = &self.store.app;
        let nav = html! {
            nav aria-label="Pages" {
                @for (path, name) in TABS {
                    a href=(self.link(&format!("{path}/"))) aria-current=[(path == current).then_some("page")] { (name) }
                }
            }
            span.app title=(app.id) { (app.name) " · " (app.id) }
        };
        let root = &self.conf.root;
        let brand = if self.live.is_some() { self.link("jobs/") } else { format!("{root}/") };
        let foot = html! {
            (app.name) " as " (app.user) ", Spark " (app.spark_version) ". "
            "REST: " a href=(format!("{root}/api/v1/")) { "/api/v1" } ". Times are UTC."
        };
        let live = self.live.is_some() && self.is_running();
        let body = html! {
            @for note in &self.store.notes { p.note { (note) } }
            (content)
        };
        frame(root, &format!("{title} - {}", app.name), &brand, &nav, live, &body, &foot)
    }
}

/// The frame of every page; `root` stands before every path.
pub fn frame(root: &str, title: &str, brand: &str, nav: &Markup, live: bool, body: &Markup, foot: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(format!("{root}/static/icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(format!("{root}/static/ui.css"));
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top {
                    a.brand href=(brand) { "Firesteel" }
                    (nav)
                }
                main #main tabindex="-1" data-live=[live.then_some("yes")] { (body) }
                footer { (foot) }
                @if live { script src=(format!("{root}/static/ui.js")) {} }
            }
        }
    }
}

/// What a row is sorted by.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Key {
    Number(f64),
    Text(String),
}

impl From<i64> for Key {
    fn from(value: i64) -> Self {
        Self::Number(value as f64)
    }
}

impl From<&str> for Key {
    fn from(value: &str) -> Self {
        Self::Text(value.to_lowercase())
    }
}

type Cell<'a, T> = Box<dyn Fn(&T) -> Markup + 'a>;
type SortKey<'a, T> = Box<dyn Fn(&T) -> Key + 'a>;

/// A column of a table.
pub struct Column<'a, T> {
    title: &'a str,
    numeric: bool,
    key: SortKey<'a, T>,
    cell: Cell<'a, T>,
}

impl<T> std::fmt::Debug for Column<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Column").field("title", &self.title).finish_non_exhaustive()
    }
}

/// A column of numbers.
pub fn number<'a, T>(
    title: &'a str,
    value: impl Fn(&T) -> i64 + Clone + 'a,
    shown: impl Fn(i64) -> String + 'a,
) -> Column<'a, T> {
    let own = value.clone();
    Column {
        title,
        numeric: true,
        key: Box::new(move |row| value(row).into()),
        cell: Box::new(move |row| html! { (shown(own(row))) }),
    }
}

/// A column of anything else.
pub fn column<'a, T>(title: &'a str, key: impl Fn(&T) -> Key + 'a, cell: impl Fn(&T) -> Markup + 'a) -> Column<'a, T> {
    Column { title, numeric: false, key: Box::new(key), cell: Box::new(cell) }
}

/// How a table begins.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    pub column: usize,
    pub descending: bool,
}

/// Rows of a page where the request does not say.
const PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 2000;

/// A table that the request sorts and pages. `id` tells the tables of a page apart.
pub fn table<T>(query: &Query, id: &str, columns: &[Column<'_, T>], mut rows: Vec<T>, order: Order) -> Markup {
    if rows.is_empty() {
        return html! { p.empty { "None." } };
    }
    let parameter = |name: &str| format!("{id}.{name}");
    let sorted = query.get(&parameter("sort"));
    let sorted = sorted.and_then(|title| columns.iter().position(|column| column.title == title));
    let (by, descending) = match sorted {
        Some(by) => (by, query.flag(&parameter("desc"))),
        None => (order.column, order.descending),
    };
    let mut keyed: Vec<(Key, T)> = rows.drain(..).map(|row| ((columns[by].key)(&row), row)).collect();
    keyed.sort_by(|left, right| {
        let order = left.0.partial_cmp(&right.0).unwrap_or(std::cmp::Ordering::Equal);
        if descending { order.reverse() } else { order }
    });
    let size = query
        .get(&parameter("pageSize"))
        .and_then(|text| text.parse().ok())
        .unwrap_or(PAGE_SIZE)
        .clamp(1, MAX_PAGE_SIZE);
    let pages = keyed.len().div_ceil(size);
    let page = query.get(&parameter("page")).and_then(|text| text.parse().ok()).unwrap_or(1_usize).clamp(1, pages);
    let total = keyed.len();
    let shown = keyed.into_iter().skip((page - 1) * size).take(size);
    html! {
        div.scroll tabindex="0" role="region" aria-label=(format!("Table {id}")) {
            table id=(id) {
                thead { tr {
                    @for (index, column) in columns.iter().enumerate() {
                        @let down = if index == by { !descending } else { column.numeric };
                        @let to = query.with(&[
                            (&parameter("sort"), column.title.to_string()),
                            (&parameter("desc"), down.to_string()),
                            (&parameter("page"), "1".to_string()),
                        ]);
                        th.num[column.numeric] scope="col" aria-sort=[(index == by).then_some(if descending { "descending" } else { "ascending" })] {
                            a href=(format!("{to}#{id}")) { (column.title) @if index == by { (if descending { " \u{25be}" } else { " \u{25b4}" }) } }
                        }
                    }
                } }
                tbody {
                    @for (_, row) in shown {
                        tr { @for column in columns { td.num[column.numeric].text[!column.numeric] { ((column.cell)(&row)) } } }
                    }
                }
            }
        }
        @if pages > 1 {
            nav.pages aria-label="Table pages" {
                @if page > 1 { a href=(format!("{}#{id}", query.with(&[(&parameter("page"), (page - 1).to_string())]))) { "\u{2190} Previous" } }
                span { "Page " (page) " of " (pages) ", " (count(total as i64)) " rows" }
                @if page < pages { a href=(format!("{}#{id}", query.with(&[(&parameter("page"), (page + 1).to_string())]))) { "Next \u{2192}" } }
            }
        }
    }
}

/// Names and values as cards.
pub fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// How a thing went, with a sign for those who see no colours.
pub fn status(status: Status, name: &str) -> Markup {
    let (class, sign) = match status {
        Status::Succeeded => ("good", "\u{2713}"),
        Status::Failed => ("bad", "\u{2717}"),
        Status::Killed => ("bad", "\u{25a0}"),
        Status::Running => ("run", "\u{25b6}"),
        Status::Pending | Status::Skipped => ("soft", "\u{2013}"),
    };
    html! { span class=(format!("status {class}")) { (sign) " " (name) } }
}

/// Tasks that are done, of how many.
pub fn task_progress(done: i64, active: i64, failed: i64, total: i64) -> Markup {
    html! {
        span.tasks {
            progress value=(done.clamp(0, total.max(1))) max=(total.max(1)) aria-label=(format!("{done} of {total} tasks")) {}
            " " (done) "/" (total)
            @if active > 0 { " (" (active) " running)" }
            @if failed > 0 { span.bad { " (" (failed) " failed)" } }
        }
    }
}

/// `1,234,567`.
pub fn count(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if value < 0 { format!("-{out}") } else { out }
}

/// `1.5 MiB`, as Spark writes sizes.
pub fn size(bytes: i64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if value.abs() < 1024.0 || unit == "TiB" {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    String::new()
}

/// `12 ms`, `3.4 s`, `2.1 min`, as Spark writes times.
pub fn duration(ms: i64) -> String {
    match ms {
        i64::MIN..0 => String::new(),
        0..100 => format!("{ms} ms"),
        100..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 => format!("{:.1} min", ms as f64 / 60_000.0),
        _ => format!("{:.1} h", ms as f64 / 3_600_000.0),
    }
}

/// A time that was counted in nanoseconds.
pub fn nanos(ns: i64) -> String {
    match ns {
        i64::MIN..1000 => format!("{ns} ns"),
        1000..1_000_000 => format!("{:.0} \u{b5}s", ns as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => duration(ns / 1_000_000),
    }
}

pub fn time(ms: i64) -> String {
    page_time(ms)
}

/// A size and a number of rows; nothing where both are 0.
pub fn size_and_rows(bytes: i64, rows: i64) -> String {
    match (bytes, rows) {
        (0, 0) => String::new(),
        (0, rows) => format!("{} rows", count(rows)),
        (bytes, rows) => format!("{} / {} rows", size(bytes), count(rows)),
    }
}

/// A text in one line, cut for a table.
pub fn short(text: &str, chars: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}\u{2026}", &line[..end]),
        None => line,
    }
}

/// Markup that was made as text, out of parts that are escaped.
pub fn raw(text: String) -> Markup {
    PreEscaped(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(-1000), "-1,000");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(duration(61_000), "1.0 min");
        assert_eq!(decoded("a%20b+c%"), "a b c%");
        assert_eq!(encoded("<a b>"), "%3Ca%20b%3E");
    }
}
