//! Stages: the list, and one stage with its tasks.

use maud::{Markup, html};

use super::{NoPage, missing};
use crate::metric;
use crate::model::{Stage, Status, Task};
use crate::quantile::quantiles;
use crate::web::svg::{self, Box_, Span};
use crate::web::view::{
    Key, Order, View, column, count, duration, facts, nanos, number, short, size, size_and_rows, status, table,
    task_progress, time,
};

fn took(view: &View, stage: &Stage) -> i64 {
    if stage.submitted_ms < 0 {
        return 0;
    }
    let until = if stage.completed_ms > 0 { stage.completed_ms } else { view.now_ms };
    (until - stage.submitted_ms).max(0)
}

/// A stage in a timeline.
pub fn span(view: &View, stage: &Stage) -> Span {
    Span {
        label: format!("Stage {} {}", stage.id, short(&stage.name, 60)),
        link: link(view, stage),
        from_ms: stage.submitted_ms,
        until_ms: stage.submitted_ms + took(view, stage),
        status: stage.status,
    }
}

fn link(view: &View, stage: &Stage) -> String {
    view.link(&format!("stages/stage/?id={}&attempt={}", stage.id, stage.attempt))
}

/// Stages with their operators, from left to right.
pub fn graph(view: &View, stages: &[&Stage]) -> Markup {
    let boxes: Vec<Box_> = stages
        .iter()
        .map(|stage| {
            let mut lines = vec![format!("Stage {} ({} tasks)", stage.id, stage.num_tasks)];
            let mut scopes: Vec<&str> = vec![];
            for rdd in stage.rdds.iter().rev() {
                let name = if rdd.scope.is_empty() { rdd.name.as_str() } else { rdd.scope.as_str() };
                if scopes.last() != Some(&name) {
                    scopes.push(name);
                }
            }
            lines.extend(scopes.into_iter().map(str::to_string));
            let input = |id: &i64| stages.iter().position(|other| other.id == *id);
            Box_ {
                lines,
                link: link(view, stage),
                inputs: stage.parent_ids.iter().filter_map(input).collect(),
                ..Box_::default()
            }
        })
        .collect();
    html! { details open { summary { "DAG visualization" } (svg::stages("Stages and their operators", &boxes)) } }
}

pub fn list(view: &View) -> Markup {
    let of = |wanted: Status| view.store.stages.values().filter(|stage| stage.status == wanted).collect::<Vec<_>>();
    let groups = [
        ("Active stages", "activeStage", of(Status::Running)),
        ("Pending stages", "pendingStage", of(Status::Pending)),
        ("Completed stages", "completedStage", of(Status::Succeeded)),
        ("Failed stages", "failedStage", of(Status::Failed)),
        ("Skipped stages", "skippedStage", of(Status::Skipped)),
    ];
    view.page("Stages", &html! {
        h1 { "Stages for all jobs" }
        @if view.store.forgotten.1 > 0 { p.note { (view.store.forgotten.1) " older stages are not kept (spark.ui.retainedStages)." } }
        @for (name, id, stages) in groups {
            @if !stages.is_empty() || id == "completedStage" {
                h2 { (name) " " span.count { "(" (stages.len()) ")" } }
                (stages_table(view, id, stages))
            }
        }
    })
}

/// Stages in a table.
pub fn stages_table(view: &View, id: &str, stages: Vec<&Stage>) -> Markup {
    let metric_size = |bytes: usize, rows: usize| move |stage: &&Stage| html! { (size_and_rows(stage.metrics.get(bytes), stage.metrics.get(rows))) };
    let columns = [
        number("Stage Id", |stage: &&Stage| stage.id, |id| id.to_string()),
        column(
            "Description",
            |stage: &&Stage| stage.name.as_str().into(),
            |stage| {
                html! {
                    a href=(link(view, stage)) { (short(&stage.name, 120)) }
                    @if stage.attempt > 0 { span.soft { " (retry " (stage.attempt) ")" } }
                    @if let Some(failure) = &stage.failure { div.bad { (short(failure, 200)) } }
                }
            },
        ),
        number("Submitted", |stage: &&Stage| stage.submitted_ms, time),
        number("Duration", |stage: &&Stage| took(view, stage), duration),
        column(
            "Tasks: Succeeded/Total",
            |stage: &&Stage| Key::from(stage.num_tasks),
            |stage| {
                task_progress(
                    stage.counts.complete,
                    stage.counts.active,
                    stage.counts.failed + stage.counts.killed,
                    stage.num_tasks,
                )
            },
        ),
        column(
            "Input",
            |stage: &&Stage| stage.metrics.get(metric::INPUT_BYTES).into(),
            metric_size(metric::INPUT_BYTES, metric::INPUT_RECORDS),
        ),
        column(
            "Output",
            |stage: &&Stage| stage.metrics.get(metric::OUTPUT_BYTES).into(),
            metric_size(metric::OUTPUT_BYTES, metric::OUTPUT_RECORDS),
        ),
        column(
            "Shuffle Read",
            |stage: &&Stage| stage.metrics.shuffle_read_bytes().into(),
            |stage: &&Stage| {
                html! {
                    (size_and_rows(stage.metrics.shuffle_read_bytes(), stage.metrics.get(metric::SHUFFLE_RECORDS_READ)))
                }
            },
        ),
        column(
            "Shuffle Write",
            |stage: &&Stage| stage.metrics.get(metric::SHUFFLE_BYTES_WRITTEN).into(),
            metric_size(metric::SHUFFLE_BYTES_WRITTEN, metric::SHUFFLE_RECORDS_WRITTEN),
        ),
    ];
    table(view.query, id, &columns, stages, Order { column: 0, descending: true })
}

pub fn one(view: &View) -> Result<Markup, NoPage> {
    let (id, attempt) = (view.query.int("id"), view.query.int("attempt").unwrap_or(0));
    let Some(stage) = id.and_then(|id| view.store.stages.get(&(id, attempt))) else { return missing("stage", view) };
    let tasks: Vec<&Task> = stage.tasks.values().collect();
    let total = |metric: usize| stage.metrics.get(metric);
    let spans = tasks.iter().map(|task| Span {
        label: format!("Task {} (partition {})", task.id, task.partition),
        link: "#all-tasks".into(),
        from_ms: task.launched_ms,
        until_ms: task.launched_ms + task.duration_ms(view.now_ms),
        status: task.status,
    });
    let spans: Vec<Span> = spans.collect();
    Ok(view.page(&format!("Stage {}", stage.id), &html! {
        h1 { "Stage " (stage.id) @if stage.attempt > 0 { " (attempt " (stage.attempt) ")" } }
        (facts(&[
            ("Status", status(stage.status, stage.status.stage())),
            ("Duration", html! { (duration(took(view, stage))) }),
            ("Time of all tasks", html! { (duration(total(metric::RUN_TIME))) }),
            ("Input", html! { (or_none(size_and_rows(total(metric::INPUT_BYTES), total(metric::INPUT_RECORDS)))) }),
            ("Shuffle read", html! { (or_none(size_and_rows(stage.metrics.shuffle_read_bytes(), total(metric::SHUFFLE_RECORDS_READ)))) }),
            ("Shuffle write", html! { (or_none(size_and_rows(total(metric::SHUFFLE_BYTES_WRITTEN), total(metric::SHUFFLE_RECORDS_WRITTEN)))) }),
            ("Output", html! { (or_none(size_and_rows(total(metric::OUTPUT_BYTES), total(metric::OUTPUT_RECORDS)))) }),
            ("Spill", html! { (or_none(if total(metric::DISK_SPILLED) > 0 { size(total(metric::DISK_SPILLED)) } else { String::new() })) }),
            ("Jobs", html! { @for job in &stage.job_ids { a href=(view.link(&format!("jobs/job/?id={job}"))) { (job) } " " } }),
        ]))
        pre tabindex="0" { (stage.description.as_deref().unwrap_or(&stage.name)) }
        @if let Some(failure) = &stage.failure { h2 { "What went wrong" } pre.error tabindex="0" { (failure) } }
        @if !stage.rdds.is_empty() { (graph(view, &[stage])) }
        (svg::timeline("Event timeline", spans, view.conf.timeline.tasks))
        (summary(&tasks))
        @if !stage.accumulables.is_empty() {
            h2 { "Accumulators" }
            (table(view.query, "accumulators", &[
                column("Name", |own: &&(i64, String, String)| own.1.as_str().into(), |own| html! { (own.1) }),
                column("Value", |own: &&(i64, String, String)| own.2.as_str().into(), |own| html! { (own.2) }),
            ], stage.accumulables.iter().collect(), Order { column: 0, descending: false }))
        }
        h2 #all-tasks { "Tasks " span.count { "(" (count(stage.num_tasks)) ")" } }
        @if stage.tasks_dropped > 0 { p.note { (count(stage.tasks_dropped)) " tasks are not kept (spark.ui.retainedTasks)." } }
        (tasks_table(view, tasks))
        @if !stage.details.is_empty() { details { summary { "Details" } pre tabindex="0" { (stage.details) } } }
    }))
}

pub(super) fn or_none(text: String) -> String {
    if text.is_empty() { "none".into() } else { text }
}

type Measure = (&'static str, fn(&Task) -> i64, fn(i64) -> String);

fn of(task: &Task, metric: usize) -> i64 {
    task.metrics.as_ref().map_or(0, |own| own.get(metric))
}

/// Smallest, middle and largest of what the tasks that succeeded have measured.
fn summary(tasks: &[&Task]) -> Markup {
    let done: Vec<&&Task> = tasks.iter().filter(|task| task.status == Status::Succeeded).collect();
    if done.is_empty() {
        return html! {};
    }
    let measures: [Measure; 13] = [
        ("Duration", |task| task.duration_ms(task.finished_ms), duration),
        ("CPU time", |task| of(task, metric::CPU_TIME), nanos),
        ("GC time", |task| of(task, metric::GC_TIME), duration),
        ("Peak memory", |task| of(task, metric::PEAK_MEMORY), size),
        ("Input size", |task| of(task, metric::INPUT_BYTES), size),
        ("Input rows", |task| of(task, metric::INPUT_RECORDS), count),
        ("Output rows", |task| of(task, metric::OUTPUT_RECORDS), count),
        ("Shuffle read size", |task| task.metrics.as_ref().map_or(0, |own| own.shuffle_read_bytes()), size),
        ("Shuffle read rows", |task| of(task, metric::SHUFFLE_RECORDS_READ), count),
        ("Shuffle write size", |task| of(task, metric::SHUFFLE_BYTES_WRITTEN), size),
        ("Shuffle write rows", |task| of(task, metric::SHUFFLE_RECORDS_WRITTEN), count),
        ("Spill (memory)", |task| of(task, metric::MEMORY_SPILLED), size),
        ("Spill (disk)", |task| of(task, metric::DISK_SPILLED), size),
    ];
    html! {
        h2 { "Summary metrics for " (count(done.len() as i64)) " completed tasks" }
        div.scroll tabindex="0" role="region" aria-label="Summary metrics" { table {
            thead { tr { th scope="col" { "Metric" } @for name in ["Min", "25th percentile", "Median", "75th percentile", "Max"] { th.num scope="col" { (name) } } } }
            tbody {
                @for (name, value, shown) in measures {
                    @let values = quantiles(done.iter().map(|task| value(task)).collect(), &[0.0, 0.25, 0.5, 0.75, 1.0]);
                    @if name == "Duration" || values.iter().any(|value| *value != 0) {
                        tr { th scope="row" { (name) } @for value in values { td.num { (shown(value)) } } }
                    }
                }
            }
        } }
    }
}

fn tasks_table(view: &View, tasks: Vec<&Task>) -> Markup {
    let metric_of = |metric: usize| move |task: &&Task| of(task, metric);
    let mut columns = vec![
        number("Index", |task: &&Task| task.index, |index| index.to_string()),
        number("Task Id", |task: &&Task| task.id, |id| id.to_string()),
        number("Attempt", |task: &&Task| task.attempt, |attempt| attempt.to_string()),
        column("Status", |task: &&Task| task.status.task().into(), |task| status(task.status, task.status.task())),
        column(
            "Executor",
            |task: &&Task| task.executor.as_ref().into(),
            |task| html! { (task.executor) " / " (task.host) },
        ),
        number("Launch Time", |task: &&Task| task.launched_ms, time),
        number("Duration", |task: &&Task| task.duration_ms(view.now_ms), duration),
    ];
    let optional = [
        ("CPU Time", metric::CPU_TIME, nanos as fn(i64) -> String),
        ("GC Time", metric::GC_TIME, duration),
        ("Input Size", metric::INPUT_BYTES, size),
        ("Input Rows", metric::INPUT_RECORDS, count),
        ("Output Rows", metric::OUTPUT_RECORDS, count),
        ("Shuffle Read Size", metric::LOCAL_BYTES_READ, size),
        ("Shuffle Read Rows", metric::SHUFFLE_RECORDS_READ, count),
        ("Shuffle Write Size", metric::SHUFFLE_BYTES_WRITTEN, size),
        ("Shuffle Write Rows", metric::SHUFFLE_RECORDS_WRITTEN, count),
        ("Spill (Memory)", metric::MEMORY_SPILLED, size),
        ("Spill (Disk)", metric::DISK_SPILLED, size),
    ];
    for (title, metric, shown) in optional {
        if tasks.iter().any(|task| of(task, metric) != 0) {
            columns.push(number(title, metric_of(metric), shown));
        }
    }
    if tasks.iter().any(|task| task.error.is_some()) {
        columns.push(column(
            "Errors",
            |task: &&Task| task.error.as_deref().unwrap_or("").into(),
            |task| {
                html! {
                    @if let Some(error) = &task.error {
                        details { summary { (short(error, 80)) } pre tabindex="0" { (error) } }
                    }
                }
            },
        ));
    }
    table(view.query, "tasks", &columns, tasks, Order { column: 0, descending: false })
}
