//! The pages, by path.

mod connect;
mod environment;
mod executors;
mod jobs;
mod sql;
mod stages;
mod storage;
mod streaming;

use maud::{Markup, html};

pub use self::sql::one_value as value_text;
use super::view::View;

/// Why there is no page.
#[derive(Debug)]
pub enum NoPage {
    /// There is no such page at all.
    Unknown,
    /// There is no such job, stage and so on: what is missing.
    Missing(String),
}

/// The page at a path of an application.
pub fn render(view: &View) -> Result<Markup, NoPage> {
    match view.path.trim_matches('/') {
        "jobs" => Ok(jobs::list(view)),
        "jobs/job" => jobs::one(view),
        "stages" => Ok(stages::list(view)),
        "stages/stage" => stages::one(view),
        "storage" => Ok(storage::list(view)),
        "storage/rdd" => storage::one(view),
        "environment" => Ok(environment::page(view)),
        "executors" => Ok(executors::page(view)),
        "executors/threadDump" => executors::threads(view),
        "SQL" => Ok(sql::list(view)),
        "SQL/execution" => sql::one(view),
        "StreamingQuery" => Ok(streaming::list(view)),
        "StreamingQuery/statistics" => streaming::one(view),
        "connect" => Ok(connect::list(view)),
        "connect/session" => connect::session(view),
        _ => Err(NoPage::Unknown),
    }
}

fn missing<T>(what: &str, view: &View) -> Result<T, NoPage> {
    let id = view.query.get("id").unwrap_or("");
    Err(NoPage::Missing(if id.is_empty() {
        format!("The address lacks ?id= for a {what}.")
    } else {
        format!("There is no {what} {id}.")
    }))
}

/// A button that ends something that runs.
fn cancel_button(view: &View, id: &str, what: &str) -> Markup {
    let possible = view.conf.kill && view.live.is_some_and(super::super::recorder::Live::can_cancel);
    html! {
        @if possible {
            form.inline method="post" action=(format!("{}/cancel", view.conf.root)) {
                input type="hidden" name="id" value=(id);
                button type="submit" aria-label=(format!("Cancel {what}")) { "Cancel" }
            }
        }
    }
}
