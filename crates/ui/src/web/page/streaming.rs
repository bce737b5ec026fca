//! Structured Streaming: the list, and one query with charts over its batches.

use maud::{Markup, html};
use serde_json::Value;

use super::{NoPage, cancel_button, missing};
use crate::json::{int_or, parse_time, text};
use crate::model::{Status, Stream};
use crate::web::svg;
use crate::web::view::{Order, View, column, count, duration, facts, number, short, status, table, time};

fn state(own: &Stream) -> (Status, &'static str) {
    match (own.ended_ms > 0, &own.exception) {
        (false, _) => (Status::Running, "RUNNING"),
        (true, Some(_)) => (Status::Failed, "FAILED"),
        (true, None) => (Status::Succeeded, "FINISHED"),
    }
}

fn took(view: &View, own: &Stream) -> i64 {
    let until = if own.ended_ms > 0 { own.ended_ms } else { view.now_ms };
    (until - own.started_ms).max(0)
}

fn name(own: &Stream) -> &str {
    own.name.as_deref().unwrap_or("<no name>")
}

fn last_rate(own: &Stream, key: &str) -> f64 {
    own.progress.back().map_or(0.0, |progress| over_sources(progress, key))
}

fn over_sources(progress: &Value, key: &str) -> f64 {
    progress["sources"].as_array().into_iter().flatten().filter_map(|source| source[key].as_f64()).sum()
}

pub fn list(view: &View) -> Markup {
    let (active, ended): (Vec<&Stream>, Vec<&Stream>) = view.store.streams.iter().partition(|own| own.ended_ms < 0);
    view.page("Structured Streaming", &html! {
        h1 { "Structured Streaming" }
        @for (title, id, rows) in [("Active streaming queries", "active", active), ("Completed streaming queries", "completed", ended)] {
            h2 { (title) " " span.count { "(" (rows.len()) ")" } }
            (streams_table(view, id, rows))
        }
    })
}

fn streams_table(view: &View, id: &str, rows: Vec<&Stream>) -> Markup {
    let rate = |rate: f64| format!("{rate:.1} rows/s");
    let columns = [
        column(
            "Name",
            |own: &&Stream| name(own).into(),
            |own| {
                html! {
                    a href=(view.link(&format!("StreamingQuery/statistics/?id={}", own.run_id))) { (name(own)) }
                    @if let Some(error) = &own.exception { div.bad { (short(error, 200)) } }
                }
            },
        ),
        column(
            "Status",
            |own: &&Stream| state(own).1.into(),
            |own| {
                html! {
                    (status(state(own).0, state(own).1)) " "
                    @if own.ended_ms < 0 { (cancel_button(view, &own.run_id, "this stream")) }
                }
            },
        ),
        column("Run ID", |own: &&Stream| own.run_id.as_str().into(), |own| html! { code { (own.run_id) } }),
        number("Start Time", |own: &&Stream| own.started_ms, time),
        number("Duration", |own: &&Stream| took(view, own), duration),
        number("Batches", |own: &&Stream| own.batches, count),
        number("Rows", |own: &&Stream| own.rows, count),
        column(
            "Input",
            |own: &&Stream| (last_rate(own, "inputRowsPerSecond") as i64).into(),
            move |own| html! { (rate(last_rate(own, "inputRowsPerSecond"))) },
        ),
        column(
            "Process",
            |own: &&Stream| (last_rate(own, "processedRowsPerSecond") as i64).into(),
            move |own| html! { (rate(last_rate(own, "processedRowsPerSecond"))) },
        ),
    ];
    table(view.query, id, &columns, rows, Order { column: 3, descending: true })
}

pub fn one(view: &View) -> Result<Markup, NoPage> {
    let id = view.query.get("id").unwrap_or("");
    let own = view.store.streams.iter().rev().find(|own| own.run_id == id || own.id == id);
    let Some(own) = own else { return missing("streaming query", view) };
    let at = |progress: &Value| text(progress, "timestamp").and_then(parse_time).unwrap_or(0);
    let points = |value: &dyn Fn(&Value) -> f64| {
        own.progress.iter().map(|progress| (at(progress), value(progress))).collect::<Vec<_>>()
    };
    let state_rows = |progress: &Value, key: &str| {
        progress["stateOperators"].as_array().into_iter().flatten().filter_map(|state| state[key].as_f64()).sum::<f64>()
    };
    let lag = |progress: &Value| {
        let times = &progress["eventTime"];
        let of = |key: &str| text(times, key).and_then(parse_time);
        of("max").zip(of("watermark")).map_or(0.0, |(newest, watermark)| ((newest - watermark).max(0)) as f64)
    };
    let has_watermark = own.progress.iter().any(|progress| progress["eventTime"]["watermark"].is_string());
    let has_state =
        own.progress.iter().any(|progress| progress["stateOperators"].as_array().is_some_and(|own| !own.is_empty()));
    let number = |value: f64| count(value.round() as i64);
    let rate = |value: f64| if value >= 100.0 { number(value) } else { format!("{value:.1}") };
    let ms = |value: f64| duration(value.round() as i64);
    let last = own.progress.back();
    Ok(view.page(name(own), &html! {
        h1 { (name(own)) " " @if own.ended_ms < 0 { (cancel_button(view, &own.run_id, "this stream")) } }
        (facts(&[
            ("Status", status(state(own).0, state(own).1)),
            ("Started", html! { (time(own.started_ms)) }),
            ("Duration", html! { (duration(took(view, own))) }),
            ("Batches", html! { (count(own.batches)) }),
            ("Rows", html! { (count(own.rows)) }),
            ("Run ID", html! { code { (own.run_id) } }),
            ("ID", html! { code { (own.id) } }),
        ]))
        @if let Some(error) = &own.exception { h2 { "What went wrong" } pre.error tabindex="0" { (error) } }
        @if own.progress.is_empty() { p.empty { "No batch has ended yet." } } @else {
            h2 { "The last " (own.progress.len()) " batches" }
            div.charts {
                (svg::chart("Input rate (rows/s)", &points(&|progress| over_sources(progress, "inputRowsPerSecond")), rate))
                (svg::chart("Process rate (rows/s)", &points(&|progress| over_sources(progress, "processedRowsPerSecond")), rate))
                (svg::chart("Input rows", &points(&|progress| over_sources(progress, "numInputRows")), number))
                (svg::chart("Batch duration", &points(&|progress| int_or(&progress["durationMs"], "triggerExecution", 0) as f64), ms))
                @if has_state {
                    (svg::chart("Rows in state", &points(&|progress| state_rows(progress, "numRowsTotal")), number))
                    (svg::chart("Memory of state", &points(&|progress| state_rows(progress, "memoryUsedBytes")), |bytes| crate::web::view::size(bytes as i64)))
                    (svg::chart("Rows dropped by watermark", &points(&|progress| state_rows(progress, "numRowsDroppedByWatermark")), number))
                }
                @if has_watermark { (svg::chart("Gap between watermark and newest event", &points(&lag), ms)) }
            }
            (batches_table(view, own))
            @if let Some(last) = last {
                details { summary { "The last report" } pre tabindex="0" { (serde_json::to_string_pretty(last).unwrap_or_default()) } }
            }
        }
    }))
}

fn batches_table(view: &View, own: &Stream) -> Markup {
    let part = |key: &'static str| move |progress: &&Value| int_or(&progress["durationMs"], key, 0);
    let columns = [
        number("Batch", |progress: &&Value| int_or(progress, "batchId", -1), |id| id.to_string()),
        column(
            "Time",
            |progress: &&Value| text(progress, "timestamp").unwrap_or("").into(),
            |progress| html! { (text(progress, "timestamp").unwrap_or("")) },
        ),
        number("Input Rows", |progress: &&Value| over_sources(progress, "numInputRows") as i64, count),
        number("Trigger", part("triggerExecution"), duration),
        number("addBatch", part("addBatch"), duration),
        number("queryPlanning", part("queryPlanning"), duration),
        number("latestOffset", part("latestOffset"), duration),
        number("walCommit", part("walCommit"), duration),
        number("commitOffsets", part("commitOffsets"), duration),
    ];
    html! {
        h2 { "Batches" }
        (table(view.query, "batches", &columns, own.progress.iter().collect(), Order { column: 0, descending: true }))
    }
}
