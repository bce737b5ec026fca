//! The history server: what ran, out of event logs. `spark.history.*`.

mod answer;
mod conf;
mod listing;
mod loaded;
mod page;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;

pub use self::conf::HistoryConf;
use self::listing::{Broken, Entries};
use self::loaded::Loaded;
use crate::web::route::{self, Reply};
use crate::web::serve::{Request, Site, bind, serve, url};
use crate::web::view::encoded;

/// An application's attempt: its id and the attempt's.
type AppKey = (String, Option<String>);

struct History {
    conf: HistoryConf,
    entries: Mutex<Entries>,
    broken: Mutex<Broken>,
    loaded: Mutex<Loaded>,
}

/// Serves until the process ends; `ready` hears the address.
///
/// # Errors
/// No port is free: text for the user.
pub async fn run(conf: HistoryConf, ready: impl FnOnce(&str)) -> Result<(), String> {
    let listener = bind(&conf.ui).await?;
    let history =
        Arc::new(History { conf, entries: Mutex::default(), broken: Mutex::default(), loaded: Mutex::default() });
    let own = Arc::clone(&history);
    let scanned = tokio::task::spawn_blocking(move || own.scan()).await;
    scanned.map_err(|error| error.to_string())?;
    tokio::spawn(watch(Arc::clone(&history)));
    if let Some(url) = url(&listener) {
        ready(&url);
    }
    serve(listener, history).await.map_err(|error| format!("the history server has ended: {error}"))
}

async fn watch(history: Arc<History>) {
    let mut cleaned: Option<tokio::time::Instant> = None;
    loop {
        if let Some(cleaner) = &history.conf.cleaner {
            if cleaned.is_none_or(|at| at.elapsed() >= cleaner.interval) {
                cleaned = Some(tokio::time::Instant::now());
                let own = Arc::clone(&history);
                // A cleaner that fails tries again the next time.
                drop(tokio::task::spawn_blocking(move || own.clean()).await);
            }
        }
        tokio::time::sleep(history.conf.interval).await;
        let own = Arc::clone(&history);
        drop(
            tokio::task::spawn_blocking(move || {
                own.scan();
                own.compact();
            })
            .await,
        );
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The path of an attempt's pages.
fn base((id, attempt): &AppKey) -> String {
    let attempt = attempt.as_ref().map(|attempt| format!("/{}", encoded(attempt))).unwrap_or_default();
    format!("/history/{}{attempt}", encoded(id))
}

impl Site for History {
    fn answer(&self, request: &Request) -> Reply {
        if request.method == Method::POST {
            return Reply::text(405, "Nothing can be sent here");
        }
        match request.parts().as_slice() {
            [] => Reply::html(200, self.list(&request.query)),
            ["api", "v1", rest @ ..] => self.api(rest, &request.query),
            ["history", id, rest @ ..] => self.page(id, rest, &request.query),
            _ => route::plain_error(404, "Not found", "There is no such page."),
        }
    }
}
