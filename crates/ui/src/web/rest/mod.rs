//! REST `/api/v1` with Spark's paths and names.

mod application;
mod environment;
mod executors;
mod graph;
mod jobs;
mod pieces;
mod sql;
mod stages;
mod storage;
mod streaming;
mod tasks;

use serde_json::Value;

pub use self::application::{application, version};
pub use self::executors::executor;
use super::route::Stream;
use super::view::View;
use crate::model::Stage;

/// What a request gets.
pub enum Answer {
    Json(Value),
    /// JSON that is written as it is sent.
    Stream(Stream),
    /// There is no such thing: Spark's text.
    NotFound(String),
    /// The request makes no sense: Spark's text.
    Bad(String),
    /// It is not to be had here: Spark's text.
    Unavailable(String),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Json(value) => f.debug_tuple("Json").field(value).finish(),
            Self::Stream(_) => f.write_str("Stream"),
            Self::NotFound(text) => f.debug_tuple("NotFound").field(text).finish(),
            Self::Unavailable(text) => f.debug_tuple("Unavailable").field(text).finish(),
            Self::Bad(text) => f.debug_tuple("Bad").field(text).finish(),
        }
    }
}

/// What is below `/applications/<id>`.
pub fn route(view: &View, path: &[&str]) -> Answer {
    let store = view.store;
    match path {
        [] => Answer::Json(application(view)),
        ["jobs"] => jobs::jobs(view),
        ["jobs", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => found(store.jobs.get(&id).map(|own| jobs::job(view, own)), || format!("unknown job: {id}")),
        },
        ["stages"] => stages::stages(view),
        ["stages", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => {
                let all: Vec<&Stage> = store.attempts(id).collect();
                if all.is_empty() {
                    Answer::NotFound(format!("unknown stage: {id}"))
                } else {
                    stages::list(view, &all, stages::details(view, true))
                }
            }
        },
        ["stages", id, attempt, rest @ ..] => match (number(id), number(attempt)) {
            (Ok(id), Ok(attempt)) => stages::one_stage(view, id, attempt, rest),
            (Err(answer), _) | (_, Err(answer)) => answer,
        },
        ["executors"] => Answer::Json(
            store
                .executors
                .values()
                .filter(|own| own.removed.is_none())
                .map(|own| executors::executor(view, own))
                .collect(),
        ),
        ["executors", id, "threads"] => executors::threads(view, id),
        ["allexecutors"] => Answer::Json(store.executors.values().map(|own| executors::executor(view, own)).collect()),
        ["storage", "rdd"] => Answer::Json(
            store.rdds.values().filter(|own| !own.blocks.is_empty()).map(|own| storage::rdd(view, own)).collect(),
        ),
        ["storage", "rdd", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => {
                found(store.rdds.get(&id).map(|own| storage::rdd(view, own)), || format!("no rdd found w/ id {id}"))
            }
        },
        ["environment"] => Answer::Json(environment::environment(view)),
        ["sql"] => sql::sql(view),
        ["sql", id] => match number(id) {
            Err(answer) => answer,
            Ok(id) => {
                let details = query_flag(view, "details", true);
                let plan = query_flag(view, "planDescription", true);
                let own = store.executions.get(&id).map(|own| sql::execution(view, own, details, plan));
                found(own, || format!("unknown query execution id: {id}"))
            }
        },
        // Statistics of DStreams, which nobody runs.
        ["streaming", ..] => Answer::NotFound(format!("no streaming listener attached to {}", store.app.name)),
        ["structuredstreaming"] => Answer::Json(store.streams.iter().map(streaming::stream).collect()),
        ["structuredstreaming", id] => {
            let own = store.streams.iter().rev().find(|own| own.run_id == *id || own.id == *id);
            found(own.map(streaming::stream), || format!("unknown streaming query: {id}"))
        }
        [other, ..] => Answer::NotFound(format!("unknown app {}, attempt {other}", store.app.id)),
    }
}

fn number(text: &str) -> Result<i64, Answer> {
    text.parse().map_err(|_| Answer::NotFound("HTTP 404 Not Found".into()))
}

fn found(value: Option<Value>, text: impl FnOnce() -> String) -> Answer {
    value.map_or_else(|| Answer::NotFound(text()), Answer::Json)
}

fn query_flag(view: &View, key: &str, default: bool) -> bool {
    view.query.get(key).map_or(default, |text| text.eq_ignore_ascii_case("true"))
}

fn wanted(view: &View, status: &str) -> bool {
    let mut asked = view.query.0.iter().filter(|(key, _)| key == "status").peekable();
    asked.peek().is_none() || asked.any(|(_, value)| value.eq_ignore_ascii_case(status))
}

fn check_status(view: &View, known: &[&str]) -> Option<Answer> {
    let asked = view.query.0.iter().filter(|(key, _)| key == "status");
    let mut wrong = asked.filter(|(_, value)| !known.iter().any(|own| own.eq_ignore_ascii_case(value)));
    wrong.next().map(|(_, value)| Answer::NotFound(format!("unknown status: {value}; known are {}", known.join(", "))))
}
