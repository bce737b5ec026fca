//! The list of applications, with what is no log.

use std::path::PathBuf;

use maud::{Markup, html};

use super::listing::Entry;
use super::{History, base, locked};
use crate::web::view::{Key, Order, Query, column, duration, encoded, frame, number, size, table, time};

impl History {
    /// The list of applications, as a page.
    pub(super) fn list(&self, query: &Query) -> Markup {
        let root = &self.conf.ui.root;
        let incomplete = query.flag("showIncomplete");
        let wanted = query.get("q").unwrap_or("").to_lowercase();
        let entries = locked(&self.entries).clone();
        let all = entries.len();
        let matches = |entry: &Entry| {
            let head = &entry.head;
            let texts = [&head.id, &head.name, &head.user];
            wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let mut rows: Vec<Entry> =
            entries.into_values().filter(|entry| (entry.head.end_ms < 0) == incomplete && matches(entry)).collect();
        rows.sort_by_key(|entry| std::cmp::Reverse(entry.head.start_ms));
        let found = rows.len();
        if wanted.is_empty() {
            rows.truncate(self.conf.listed);
        }
        let broken: Vec<(PathBuf, String)> =
            locked(&self.broken).iter().map(|(path, (_, why))| (path.clone(), why.clone())).collect();
        let body = html! {
            h1 { "History server" }
            p.soft { (all) " logs in " code { (self.conf.folder) } }
            form.search method="get" action=(format!("{root}/")) role="search" {
                input type="search" name="q" value=(query.get("q").unwrap_or("")) placeholder="Name, id or user" aria-label="Search applications";
                @if incomplete { input type="hidden" name="showIncomplete" value="true"; }
                button type="submit" { "Search" }
                @if incomplete { a href=(format!("{root}/")) { "Show complete applications" } } @else { a href=(format!("{root}/?showIncomplete=true")) { "Show incomplete applications" } }
            }
            h2 { @if incomplete { "Incomplete applications " } @else { "Completed applications " } span.count { "(" (found) ")" } }
            @if rows.len() < found { p.note { "The latest " (rows.len()) " are listed (spark.history.ui.maxApplications); a search finds the others." } }
            (applications_table(root, query, rows))
            @if !broken.is_empty() {
                details { summary { (broken.len()) " files are no logs" }
                    ul { @for (path, why) in broken { li { code { (path.display()) } ": " (why) } } }
                }
            }
        };
        let foot = html! { "Applications of Firesteel and of Apache Spark. REST: " a href=(format!("{root}/api/v1/")) { "/api/v1" } ". Times are UTC." };
        frame(root, "History server", &format!("{root}/"), &html! {}, false, &body, &foot)
    }
}

fn applications_table(root: &str, query: &Query, rows: Vec<Entry>) -> Markup {
    let link = |entry: &Entry| format!("{root}{}", base(&(entry.head.id.clone(), entry.head.attempt.clone())));
    let took = |entry: &Entry| {
        let until = if entry.head.end_ms > 0 { entry.head.end_ms } else { entry.log.modified_ms };
        (until - entry.head.start_ms).max(0)
    };
    let columns = [
        column(
            "App ID",
            |own: &Entry| own.head.id.as_str().into(),
            move |own| {
                html! {
                    a href=(format!("{}/jobs/", link(own))) { (own.head.id) }
                    @if let Some(attempt) = &own.head.attempt { span.soft { " attempt " (attempt) } }
                }
            },
        ),
        column("App Name", |own: &Entry| own.head.name.as_str().into(), |own| html! { (own.head.name) }),
        column(
            "Version",
            |own: &Entry| own.head.spark_version.as_str().into(),
            |own| html! { (own.head.spark_version) },
        ),
        number("Started", |own: &Entry| own.head.start_ms, time),
        number("Completed", |own: &Entry| own.head.end_ms, time),
        number("Duration", took, duration),
        column("Spark User", |own: &Entry| own.head.user.as_str().into(), |own| html! { (own.head.user) }),
        number("Last Updated", |own: &Entry| own.log.modified_ms, time),
        column(
            "Event Log",
            |own: &Entry| Key::from(own.log.size_bytes as i64),
            |own| {
                let attempt =
                    own.head.attempt.as_ref().map(|attempt| format!("/{}", encoded(attempt))).unwrap_or_default();
                html! {
                    a href=(format!("{root}/api/v1/applications/{}{attempt}/logs", encoded(&own.head.id))) { "Download" }
                    span.soft { " " (size(own.log.size_bytes as i64)) }
                }
            },
        ),
    ];
    table(query, "apps", &columns, rows, Order { column: 3, descending: true })
}
