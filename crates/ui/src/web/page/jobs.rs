//! Jobs: the list with its timeline, and one job with its stages.

use maud::{Markup, html};

use super::{NoPage, missing, stages};
use crate::model::{Job, Status};
use crate::web::svg::{self, Span};
use crate::web::view::{
    Key, Order, View, column, count, duration, facts, number, short, status, table, task_progress, time,
};

/// Tasks of a job: done, active, failed, all.
fn tasks(view: &View, job: &Job) -> (i64, i64, i64, i64) {
    view.store.stages_of(job).filter(|stage| stage.status != Status::Skipped).fold((0, 0, 0, 0), |sum, stage| {
        let counts = stage.counts;
        (sum.0 + counts.complete, sum.1 + counts.active, sum.2 + counts.failed + counts.killed, sum.3 + stage.num_tasks)
    })
}

fn took(view: &View, job: &Job) -> i64 {
    let until = if job.completed_ms > 0 { job.completed_ms } else { view.now_ms };
    (until - job.submitted_ms).max(0)
}

/// The tags that users gave; Spark's own say nothing to people.
fn user_tags(job: &Job) -> String {
    let own = |tag: &&String| !tag.starts_with("SparkConnect_") && !tag.starts_with("spark-session-");
    job.tags.iter().filter(own).map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn label(job: &Job) -> String {
    let text = job.description.as_deref().filter(|text| !text.trim().is_empty()).unwrap_or(&job.name);
    batch(text).unwrap_or_else(|| text.to_string())
}

/// What Spark says of a micro-batch is its stream's name, ids and number, a line each; the name and the number matter.
pub fn batch(text: &str) -> Option<String> {
    let number = text.lines().last()?.strip_prefix("batch = ")?;
    let name = text.lines().next().filter(|line| !line.starts_with("id = ")).unwrap_or("stream");
    Some(format!("{name}, batch {number}"))
}

pub fn list(view: &View) -> Markup {
    let store = view.store;
    let all: Vec<&Job> = store.jobs.values().collect();
    let of = |wanted: Status| all.iter().copied().filter(|job| job.status == wanted).collect::<Vec<_>>();
    let (active, done, failed) = (of(Status::Running), of(Status::Succeeded), of(Status::Failed));
    let spans = all.iter().map(|job| Span {
        label: format!("{} {}", job.id, short(&label(job), 60)),
        link: view.link(&format!("jobs/job/?id={}", job.id)),
        from_ms: job.submitted_ms,
        until_ms: job.submitted_ms + took(view, job),
        status: job.status,
    });
    let uptime = if store.app.end_ms > 0 { store.app.end_ms } else { view.now_ms } - store.app.start_ms;
    view.page("Jobs", &html! {
        h1 { "Jobs" }
        (facts(&[
            ("User", html! { (store.app.user) }),
            ("Started", html! { (time(store.app.start_ms)) }),
            ("Total time", html! { (duration(uptime)) }),
            ("Running", html! { (active.len()) }),
            ("Completed", html! { (done.len()) }),
            ("Failed", html! { (failed.len()) }),
        ]))
        @if store.forgotten.0 > 0 { p.note { (store.forgotten.0) " older jobs are not kept (spark.ui.retainedJobs)." } }
        (svg::timeline("Event timeline", spans.collect(), view.conf.timeline.jobs))
        @for (name, id, jobs) in [("Active jobs", "activeJob", active), ("Completed jobs", "completedJob", done), ("Failed jobs", "failedJob", failed)] {
            @if !jobs.is_empty() || id == "completedJob" {
                h2 { (name) " " span.count { "(" (jobs.len()) ")" } }
                (jobs_table(view, id, jobs))
            }
        }
    })
}

/// Jobs in a table.
pub fn jobs_table(view: &View, id: &str, jobs: Vec<&Job>) -> Markup {
    let columns = [
        number("Job Id", |job: &&Job| job.id, |id| id.to_string()),
        column(
            "Description",
            |job: &&Job| label(job).as_str().into(),
            |job| {
                html! {
                    a href=(view.link(&format!("jobs/job/?id={}", job.id))) { (short(&label(job), 160)) }
                    @if let Some(group) = &job.group { div.soft { "group " (group) } }
                    @if let Some(error) = &job.error { div.bad { (short(error, 200)) } }
                }
            },
        ),
        number("Submitted", |job: &&Job| job.submitted_ms, time),
        number("Duration", |job: &&Job| took(view, job), duration),
        column(
            "Stages: Succeeded/Total",
            |job: &&Job| Key::from(job.stage_ids.len() as i64),
            |job| {
                let done = view.store.stages_of(job).filter(|stage| stage.status == Status::Succeeded).count();
                let skipped = view.store.stages_of(job).filter(|stage| stage.status == Status::Skipped).count();
                html! { (done) "/" (job.stage_ids.len() - skipped) @if skipped > 0 { span.soft { " (" (skipped) " skipped)" } } }
            },
        ),
        column(
            "Tasks: Succeeded/Total",
            |job: &&Job| Key::from(tasks(view, job).3),
            |job| {
                let (done, active, failed, all) = tasks(view, job);
                task_progress(done, active, failed, all)
            },
        ),
    ];
    table(view.query, id, &columns, jobs, Order { column: 0, descending: true })
}

pub fn one(view: &View) -> Result<Markup, NoPage> {
    let Some(job) = view.query.int("id").and_then(|id| view.store.jobs.get(&id)) else { return missing("job", view) };
    let (done, _, failed, all) = tasks(view, job);
    let list: Vec<_> = view.store.stages_of(job).collect();
    let mut spans: Vec<Span> = vec![];
    for stage in &list {
        if stage.submitted_ms > 0 {
            spans.push(stages::span(view, stage));
        }
    }
    Ok(view.page(&format!("Job {}", job.id), &html! {
        h1 { "Job " (job.id) }
        (facts(&[
            ("Status", status(job.status, job.status.job())),
            ("Submitted", html! { (time(job.submitted_ms)) }),
            ("Duration", html! { (duration(took(view, job))) }),
            ("Tasks", html! { (count(done)) "/" (count(all)) @if failed > 0 { span.bad { " (" (failed) " failed)" } } }),
            ("SQL / DataFrame", html! {
                @if let Some(id) = job.execution { a href=(view.link(&format!("SQL/execution/?id={id}"))) { "query " (id) } } @else { "none" }
            }),
            ("Group", html! { (job.group.as_deref().unwrap_or("none")) }),
            ("Tags", html! { (stages::or_none(user_tags(job))) }),
        ]))
        pre tabindex="0" { (job.description.as_deref().unwrap_or(&job.name)) }
        @if let Some(error) = &job.error { h2 { "What went wrong" } pre.error tabindex="0" { (error) } }
        (svg::timeline("Event timeline", spans, view.conf.timeline.stages))
        h2 { "Stages of the job" }
        (stages::graph(view, &list))
        (stages::stages_table(view, "stages", list))
    }))
}
