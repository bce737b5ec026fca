//! What is at which address, for the UI of a running application.

use maud::{Markup, html};

use super::openapi;
use super::page::{self, NoPage};
use super::rest::{self, Answer};
use super::view::{Query, View, frame};

/// Makes a body as it is sent.
pub type Stream = Box<dyn FnOnce(&mut dyn FnMut(Vec<u8>) -> bool) -> std::io::Result<()> + Send>;

/// An answer to a browser.
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Where to go instead.
    pub location: Option<String>,
    /// What a download is called.
    pub file_name: Option<String>,
    /// In place of the body.
    pub stream: Option<Stream>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Reply {
    pub fn html(status: u16, markup: Markup) -> Self {
        Self::new(status, "text/html; charset=utf-8", markup.into_string().into_bytes())
    }

    pub fn json(value: &serde_json::Value) -> Self {
        let text = serde_json::to_vec_pretty(value).unwrap_or_default();
        Self::new(200, "application/json", text)
    }

    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", text.into().into_bytes())
    }

    pub fn redirect(to: impl Into<String>) -> Self {
        Self { location: Some(to.into()), ..Self::text(302, "") }
    }

    /// After a form was sent, so that a reload does not send it again.
    pub fn redirect_after_post(to: impl Into<String>) -> Self {
        Self { status: 303, ..Self::redirect(to) }
    }

    pub fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, body, location: None, file_name: None, stream: None }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Json(value) => Self::json(&value),
            Answer::Stream(stream) => Self { stream: Some(stream), ..Self::new(200, "application/json", vec![]) },
            Answer::NotFound(text) => Self::text(404, text),
            Answer::Bad(text) => Self::text(400, text),
            Answer::Unavailable(text) => Self::text(503, text),
        }
    }
}

/// Files that pages need.
pub fn asset(path: &str) -> Option<Reply> {
    let (content_type, text) = match path {
        "/static/ui.css" => ("text/css; charset=utf-8", include_str!("asset/ui.css")),
        "/static/ui.js" => ("text/javascript; charset=utf-8", include_str!("asset/ui.js")),
        "/static/icon.svg" | "/favicon.ico" => ("image/svg+xml", include_str!("asset/icon.svg")),
        _ => return None,
    };
    Some(Reply::new(200, content_type, text.as_bytes().to_vec()))
}

/// A page of an application, with the answers for those that are not there.
pub fn page(view: &View) -> Reply {
    match page::render(view) {
        Ok(markup) => Reply::html(200, markup),
        Err(NoPage::Missing(text)) => not_found(view, &text),
        Err(NoPage::Unknown) => not_found(view, "There is no such page."),
    }
}

fn not_found(view: &View, text: &str) -> Reply {
    let body = html! { h1 { "Not found" } p { (text) } p { a href=(view.link("jobs/")) { "To the jobs" } } };
    Reply::html(404, view.page("Not found", &body))
}

/// A page outside of applications that says what is wrong.
pub fn plain_error(status: u16, title: &str, text: &str) -> Reply {
    let body = html! { h1 { (title) } p { (text) } };
    Reply::html(status, frame("", title, "/", &html! {}, false, &body, &html! {}))
}

/// Addresses below `/api/v1` of a server with one application.
pub fn api(view: &View, path: &[&str], query: &Query) -> Reply {
    if let (["applications"], Some(wrong)) = (path, wrong_date(query)) {
        return wrong;
    }
    match path {
        ["version"] => Reply::json(&rest::version()),
        [] => openapi::page(&view.conf.root, &view.store.app.id),
        ["openapi.json"] => openapi::json(),
        ["applications"] => {
            Reply::json(&if listed(view, query) { vec![rest::application(view)] } else { vec![] }.into())
        }
        ["applications", id] if *id != view.store.app.id => Reply::text(404, format!("unknown app: {id}")),
        ["applications", id, ..] if *id != view.store.app.id => Reply::text(404, format!("no such app: {id}")),
        ["applications", _, "logs"] => {
            Reply::text(404, "Event logs are not available: the history server has them (firesteel history-server)")
        }
        ["applications", _, rest @ ..] => rest::route(view, rest).into(),
        _ => Reply::text(404, "HTTP 404 Not Found"),
    }
}

/// Whether a list that may be cut down has the application.
pub fn listed(view: &View, query: &Query) -> bool {
    let app = &view.store.app;
    let state = if app.end_ms > 0 { "completed" } else { "running" };
    let mut asked = query.0.iter().filter(|(key, _)| key == "status").peekable();
    let status = asked.peek().is_none() || asked.any(|(_, value)| value.eq_ignore_ascii_case(state));
    let date = |key: &str| query.get(key).and_then(date);
    let within = |at: i64, min: Option<i64>, max: Option<i64>| {
        min.is_none_or(|min| at >= min) && max.is_none_or(|max| at <= max)
    };
    let ended = if app.end_ms > 0 { app.end_ms } else { view.now_ms };
    status
        && within(app.start_ms, date("minDate"), date("maxDate"))
        && within(ended, date("minEndDate"), date("maxEndDate"))
}

/// The refusal of a date that is none, in Spark's words.
pub fn wrong_date(query: &Query) -> Option<Reply> {
    let dates =
        query.0.iter().filter(|(key, _)| ["minDate", "maxDate", "minEndDate", "maxEndDate"].contains(&key.as_str()));
    let mut wrong = dates.filter(|(_, text)| date(text).is_none());
    wrong.next().map(|(_, text)| Reply::text(400, format!("Couldn't parse date: {text}")))
}

/// `2026-11-20`, or a time as REST writes it.
fn date(text: &str) -> Option<i64> {
    let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3fGMT").ok();
    day.or(time).map(|time| time.and_utc().timestamp_millis())
}
