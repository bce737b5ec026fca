//! Executors: who ran the tasks.

use maud::{Markup, html};

use crate::model::{Executor, Status};
use crate::web::view::{Order, View, column, count, duration, number, size, status, table, time};

pub fn page(view: &View) -> Markup {
    let rows: Vec<&Executor> = view.store.executors.values().collect();
    let columns = [
        column("Executor ID", |own: &&Executor| own.id.as_str().into(), |own| html! { (own.id) }),
        column("Address", |own: &&Executor| own.host_port.as_str().into(), |own| html! { (own.host_port) }),
        column(
            "Status",
            |own: &&Executor| i64::from(own.removed.is_some()).into(),
            |own| {
                html! {
                    @if let Some((_, reason)) = &own.removed { (status(Status::Failed, "Dead")) div.soft { (reason) } } @else { (status(Status::Succeeded, "Active")) }
                }
            },
        ),
        number("Cores", |own: &&Executor| own.cores, count),
        number("Active Tasks", |own: &&Executor| own.counts.active, count),
        number("Failed Tasks", |own: &&Executor| own.counts.failed, count),
        number("Complete Tasks", |own: &&Executor| own.counts.complete, count),
        number("Task Time", |own: &&Executor| own.duration_ms, duration),
        number("Input", |own: &&Executor| own.input_bytes, size),
        number("Shuffle Read", |own: &&Executor| own.shuffle_read, size),
        number("Shuffle Write", |own: &&Executor| own.shuffle_write, size),
        number("Memory", |own: &&Executor| own.max_memory, size),
        number("Added", |own: &&Executor| own.added_ms, time),
        column(
            "Logs",
            |own: &&Executor| (own.logs.len() as i64).into(),
            |own| {
                html! {
                    @for (name, url) in own.logs.iter().filter(|(_, url)| url.starts_with("http://") || url.starts_with("https://")) { a href=(url) rel="noreferrer" { (name) } " " }
                }
            },
        ),
    ];
    view.page(
        "Executors",
        &html! {
            h1 { "Executors" }
            (table(view.query, "executors", &columns, rows, Order { column: 0, descending: false }))
        },
    )
}
