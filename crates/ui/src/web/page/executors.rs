//! Executors: who ran the tasks.

use maud::{Markup, html};

use super::{NoPage, missing};
use crate::model::{Executor, Stage, Status, Task};
use crate::threads::{self, Child, Thread};
use crate::web::view::{Order, View, column, count, duration, encoded, number, short, size, status, table, time};

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
        column(
            "Logs, threads",
            |own: &&Executor| (own.logs.len() as i64).into(),
            |own| {
                html! {
                    @if can_dump(view, own) { a href=(view.link(&format!("executors/threadDump/?executorId={}", encoded(&own.id)))) { "Thread dump" } " " }
                    @for (name, url) in own.logs.iter().filter(|(_, url)| url.starts_with("http://") || url.starts_with("https://")) { a href=(url) rel="noreferrer" { (name) } " " }
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
        number("GC Time", |own: &&Executor| own.gc_ms, duration),
        column(
            "Storage Memory",
            |own: &&Executor| stored(view, own).0.into(),
            |own| {
                let (memory, disk) = stored(view, own);
                html! { (size(memory)) " / " (size(own.max_memory)) @if disk > 0 { div.soft { (size(disk)) " on disk" } } }
            },
        ),
        number("Added", |own: &&Executor| own.added_ms, time),
    ];
    view.page(
        "Executors",
        &html! {
            h1 { "Executors" }
            (table(view.query, "executors", &columns, rows, Order { column: 0, descending: false }))
        },
    )
}

/// Bytes of kept rows in memory and on disk.
fn stored(view: &View, own: &Executor) -> (i64, i64) {
    let blocks = view.store.rdds.values().flat_map(|rdd| rdd.blocks.values()).filter(|block| block.3 == own.id);
    blocks.fold((0, 0), |sum, block| (sum.0 + block.0, sum.1 + block.1))
}

fn can_dump(view: &View, own: &Executor) -> bool {
    view.live.is_some() && view.conf.threads && own.removed.is_none()
}

/// What the process does just now: its tasks, its threads, the Python processes below it.
pub fn threads(view: &View) -> Result<Markup, NoPage> {
    let id = view.query.get("executorId").unwrap_or("driver");
    let own = view.store.executors.get(id).filter(|own| can_dump(view, own));
    if own.is_none() {
        return missing("executor that runs", view);
    }
    let running: Vec<(&Stage, &Task)> = view
        .store
        .stages
        .values()
        .flat_map(|stage| stage.tasks.values().map(move |task| (stage, task)))
        .filter(|(_, task)| task.status == Status::Running && task.executor.as_ref() == id)
        .collect();
    let tasks = [
        number("Task Id", |(_, task): &(&Stage, &Task)| task.id, |id| id.to_string()),
        number("Partition", |(_, task): &(&Stage, &Task)| task.partition, |partition| partition.to_string()),
        number("Duration", |(_, task): &(&Stage, &Task)| task.duration_ms(view.now_ms), duration),
        column(
            "Stage",
            |(stage, _): &(&Stage, &Task)| stage.id.into(),
            |(stage, _)| {
                html! {
                    a href=(view.link(&format!("stages/stage/?id={}&attempt={}", stage.id, stage.attempt))) { (stage.id) ": " (short(&stage.name, 100)) }
                }
            },
        ),
    ];
    let all = threads::threads();
    let rows = [
        number("Thread ID", |own: &Thread| own.id, |id| id.to_string()),
        column("Thread Name", |own: &Thread| own.name.as_str().into(), |own| html! { (own.name) }),
        column("Thread State", |own: &Thread| own.state.into(), |own| html! { (own.state) }),
        number("CPU Time", |own: &Thread| own.cpu_ms, duration),
        column("Waits In", |own: &Thread| own.waits_in.as_str().into(), |own| html! { code { (own.waits_in) } }),
    ];
    let processes = [
        number("Process ID", |own: &Child| own.id, |id| id.to_string()),
        column(
            "Command",
            |own: &Child| own.command.as_str().into(),
            |own| html! { code { (short(&own.command, 160)) } },
        ),
        column("State", |own: &Child| own.state.into(), |own| html! { (own.state) }),
        number("CPU Time", |own: &Child| own.cpu_ms, duration),
        number("Memory", |own: &Child| own.memory_bytes, size),
    ];
    Ok(view.page(
        "Thread dump",
        &html! {
            h1 { "Thread dump of executor " (id) }
            p.soft { "Compiled code has no stacks to show: what runs is told by tasks, threads and the processes of Python functions." }
            h2 { "Running tasks " span.count { "(" (running.len()) ")" } }
            (table(view.query, "running", &tasks, running, Order { column: 2, descending: true }))
            h2 { "Threads " span.count { "(" (all.len()) ")" } }
            (table(view.query, "threads", &rows, all, Order { column: 3, descending: true }))
            h2 { "Processes below" }
            (table(view.query, "processes", &processes, threads::children(), Order { column: 3, descending: true }))
        },
    ))
}
