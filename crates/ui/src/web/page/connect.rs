//! Connect: clients' sessions and what they asked for.

use maud::{Markup, html};

use super::{NoPage, cancel_button, missing};
use crate::model::{ConnectOperation, ConnectSession, Status};
use crate::web::view::{Key, Order, View, column, count, duration, facts, number, short, status, table, time};

fn name(own: &ConnectOperation) -> &'static str {
    match own.status {
        Status::Succeeded => "FINISHED",
        Status::Failed => "FAILED",
        Status::Killed => "CANCELED",
        _ => "RUNNING",
    }
}

fn lasted(view: &View, from_ms: i64, until_ms: i64) -> i64 {
    (if until_ms > 0 { until_ms } else { view.now_ms } - from_ms).max(0)
}

pub fn list(view: &View) -> Markup {
    let sessions: Vec<&ConnectSession> = view.store.sessions.iter().collect();
    let operations: Vec<&ConnectOperation> = view.store.operations.iter().collect();
    let running = operations.iter().filter(|own| own.status == Status::Running).count();
    let columns = [
        column("User", |own: &&ConnectSession| own.user.as_str().into(), |own| html! { (own.user) }),
        column(
            "Session ID",
            |own: &&ConnectSession| own.id.as_str().into(),
            |own| {
                html! {
                    a href=(view.link(&format!("connect/session/?id={}", own.id))) { (own.id) }
                }
            },
        ),
        column(
            "Status",
            |own: &&ConnectSession| Key::from(own.ended_ms),
            |own| {
                if own.ended_ms > 0 { status(Status::Succeeded, "CLOSED") } else { status(Status::Running, "OPEN") }
            },
        ),
        number("Start Time", |own: &&ConnectSession| own.started_ms, time),
        number("Duration", |own: &&ConnectSession| lasted(view, own.started_ms, own.ended_ms), duration),
        number("Total Execute", |own: &&ConnectSession| own.operations, count),
    ];
    view.page("Connect", &html! {
        h1 { "Connect" }
        p.soft { (running) " operations run now, in " (sessions.iter().filter(|own| own.ended_ms < 0).count()) " open sessions." }
        h2 { "Sessions " span.count { "(" (sessions.len()) ")" } }
        (table(view.query, "sessions", &columns, sessions, Order { column: 3, descending: true }))
        h2 { "Operations " span.count { "(" (operations.len()) ")" } }
        (operations_table(view, operations))
    })
}

fn operations_table(view: &View, rows: Vec<&ConnectOperation>) -> Markup {
    let columns = [
        column(
            "Status",
            |own: &&ConnectOperation| name(own).into(),
            |own| {
                html! {
                    (status(own.status, name(own))) " "
                    @if own.status == Status::Running { (cancel_button(view, &own.id, "this operation")) }
                }
            },
        ),
        column(
            "Statement",
            |own: &&ConnectOperation| own.text.as_str().into(),
            |own| {
                html! {
                    @let execution = view.store.executions.values().rev().find(|execution| execution.job_tags.contains(&own.job_tag));
                    @if let Some(execution) = execution {
                        a href=(view.link(&format!("SQL/execution/?id={}", execution.id))) { (short(&own.text, 300)) }
                    } @else { (short(&own.text, 300)) }
                    @if let Some(error) = &own.error { div.bad { (short(error, 300)) } }
                }
            },
        ),
        number("Start Time", |own: &&ConnectOperation| own.started_ms, time),
        number("Duration", |own: &&ConnectOperation| lasted(view, own.started_ms, own.ended_ms), duration),
        column(
            "Rows",
            |own: &&ConnectOperation| Key::from(own.rows.unwrap_or(-1)),
            |own| html! { @if let Some(rows) = own.rows { (count(rows)) } },
        ),
        column("User", |own: &&ConnectOperation| own.user.as_str().into(), |own| html! { (own.user) }),
        column("Operation ID", |own: &&ConnectOperation| own.id.as_str().into(), |own| html! { code { (own.id) } }),
    ];
    table(view.query, "operations", &columns, rows, Order { column: 2, descending: true })
}

pub fn session(view: &View) -> Result<Markup, NoPage> {
    let id = view.query.get("id").unwrap_or("");
    let own = view.store.sessions.iter().rev().find(|own| own.id == id);
    let Some(own) = own else { return missing("session", view) };
    let operations: Vec<&ConnectOperation> = view.store.operations.iter().filter(|op| op.session == id).collect();
    Ok(view.page(
        "Session",
        &html! {
            h1 { "Session " (own.id) }
            (facts(&[
                ("User", html! { (own.user) }),
                ("Started", html! { (time(own.started_ms)) }),
                ("Open for", html! { (duration(lasted(view, own.started_ms, own.ended_ms))) }),
                ("Operations", html! { (count(own.operations)) }),
            ]))
            h2 { "Operations" }
            (operations_table(view, operations))
        },
    ))
}
