//! The history server: what ran, out of event logs. `spark.history.*`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::event_log::{flag, local_folder};
use crate::json::{now_ms, rest_time};
use crate::limits::{Limits, Lookup};
use crate::logs::{self, Head, Log, Position};
use crate::store::Store;
use crate::web::UiConf;
use crate::web::rest;
use crate::web::route::{self, Reply};
use crate::web::serve::{Request, Site, bind, serve, url};
use crate::web::view::{Key, Order, Query, View, column, duration, encoded, frame, number, size, table, time};
use crate::zip;

/// What the history server is started with.
#[derive(Debug, Clone)]
pub struct HistoryConf {
    folder: PathBuf,
    ui: UiConf,
    /// Time between looks at the folder.
    interval: Duration,
    /// Applications whose pages are kept in memory.
    retained: usize,
    limits: Limits,
    cleaner: Option<Cleaner>,
}

/// Deletes old logs.
#[derive(Debug, Clone)]
struct Cleaner {
    interval: Duration,
    max_age: Duration,
    max_count: usize,
}

impl HistoryConf {
    /// What the settings say.
    ///
    /// # Errors
    /// A setting makes no sense, or the folder is not there: text for the user.
    pub fn of(lookup: Lookup) -> Result<Self, String> {
        let text = lookup("spark.history.fs.logDirectory").unwrap_or_else(|| "file:/tmp/spark-events".into());
        let folder = local_folder(&text)?;
        if !folder.is_dir() {
            return Err(format!(
                "there is no folder {}: name the folder of the logs with spark.history.fs.logDirectory",
                folder.display()
            ));
        }
        let time = |key: &str, default: &str| {
            let text = lookup(key).unwrap_or_else(|| default.into());
            seconds(&text).ok_or_else(|| format!("conf `{key}`: expected a duration (example: 10s), got {text:?}"))
        };
        let count = |key: &str, default: usize| match lookup(key) {
            None => Ok(default),
            Some(text) => text.trim().parse().map_err(|_| format!("conf `{key}`: expected a number, got {text:?}")),
        };
        let cleaner = flag(lookup, "spark.history.fs.cleaner.enabled", false).then(|| -> Result<Cleaner, String> {
            Ok(Cleaner {
                interval: time("spark.history.fs.cleaner.interval", "1d")?,
                max_age: time("spark.history.fs.cleaner.maxAge", "7d")?,
                max_count: count("spark.history.fs.cleaner.maxNum", usize::MAX)?,
            })
        });
        let port = count("spark.history.ui.port", 18080)?;
        let port = u16::try_from(port).map_err(|_| format!("conf `spark.history.ui.port`: {port} is no port"))?;
        Ok(Self {
            folder,
            ui: UiConf { port, ..UiConf::of(lookup) },
            interval: time("spark.history.fs.update.interval", "10s")?,
            retained: count("spark.history.retainedApplications", 50)?.max(1),
            limits: Limits::of(lookup),
            cleaner: cleaner.transpose()?,
        })
    }
}

/// `10s`, `5min`, `1d`; plain numbers are seconds.
fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    Some(match text[digits..].trim() {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" | "min" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    })
}

/// An application's attempt: its id and the attempt's.
type AppKey = (String, Option<String>);

/// A log in the list.
#[derive(Debug, Clone)]
struct Entry {
    log: Log,
    head: Head,
}

/// An application in memory.
struct Loaded {
    log: Log,
    position: Position,
    store: Arc<RwLock<Store>>,
    /// Counts up with every use.
    used: u64,
}

struct History {
    conf: HistoryConf,
    entries: Mutex<BTreeMap<AppKey, Entry>>,
    /// Logs without an application, and why.
    broken: Mutex<BTreeMap<PathBuf, (Log, String)>>,
    loaded: Mutex<(u64, BTreeMap<AppKey, Loaded>)>,
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
        drop(tokio::task::spawn_blocking(move || own.scan()).await);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    /// Looks for new and changed logs.
    fn scan(&self) {
        let found = match logs::scan(&self.conf.folder) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("{}: {error}", self.conf.folder.display());
                return;
            }
        };
        let known: BTreeMap<PathBuf, Entry> =
            locked(&self.entries).values().map(|entry| (entry.log.path.clone(), entry.clone())).collect();
        let known_broken = locked(&self.broken).clone();
        let (mut entries, mut broken) = (BTreeMap::new(), BTreeMap::new());
        for log in found {
            if let Some(entry) = known.get(&log.path).filter(|entry| entry.log == log) {
                insert(&mut entries, entry.clone());
                continue;
            }
            if let Some(own) = known_broken.get(&log.path).filter(|(own, _)| *own == log) {
                broken.insert(log.path, own.clone());
                continue;
            }
            match logs::head(&log) {
                Ok(Some(head)) => insert(&mut entries, Entry { log, head }),
                // A log that has just begun has no application yet.
                Ok(None) if log.size_bytes == 0 => {}
                Ok(None) => {
                    broken.insert(log.path.clone(), (log, "no application begins in it".to_string()));
                }
                Err(error) => {
                    broken.insert(log.path.clone(), (log, error.to_string()));
                }
            }
        }
        locked(&self.loaded).1.retain(|key, _| entries.contains_key(key));
        *locked(&self.entries) = entries;
        *locked(&self.broken) = broken;
    }

    /// Deletes what is too old or too much.
    fn clean(&self) {
        let Some(cleaner) = &self.conf.cleaner else { return };
        let mut logs = logs::scan(&self.conf.folder).unwrap_or_default();
        logs.sort_by_key(|log| std::cmp::Reverse(log.modified_ms));
        let oldest = now_ms() - i64::try_from(cleaner.max_age.as_millis()).unwrap_or(i64::MAX);
        for (index, log) in logs.iter().enumerate() {
            let too_many = index >= cleaner.max_count && !log.in_progress;
            if log.modified_ms < oldest || too_many {
                let gone = if log.path.is_dir() { fs::remove_dir_all(&log.path) } else { fs::remove_file(&log.path) };
                if let Err(error) = gone {
                    tracing::warn!("cannot delete the old log {}: {error}", log.path.display());
                }
            }
        }
        self.scan();
    }

    /// The application's store, read as far as its log goes.
    fn store(&self, key: &AppKey) -> Result<Arc<RwLock<Store>>, String> {
        let entry = locked(&self.entries).get(key).cloned().ok_or_else(|| format!("no such app: {}", key.0))?;
        let mut loaded = locked(&self.loaded);
        loaded.0 += 1;
        let now = loaded.0;
        let log = current(&entry.log);
        if let Some(own) = loaded.1.get_mut(key) {
            own.used = now;
            if own.log == log {
                return Ok(Arc::clone(&own.store));
            }
            if own.position.fits(&log) {
                let mut store = own.store.write().unwrap_or_else(PoisonError::into_inner);
                logs::replay(&log, &mut store, &mut own.position).map_err(|error| error.to_string())?;
                drop(store);
                own.log = log;
                return Ok(Arc::clone(&own.store));
            }
        }
        let mut store = Store::new(self.conf.limits.clone());
        let mut position = Position::default();
        logs::replay(&log, &mut store, &mut position).map_err(|error| error.to_string())?;
        if store.app.end_ms < 0 && !log.in_progress {
            store.app.end_ms = store.app.last_updated_ms.max(store.app.start_ms);
        }
        let store = Arc::new(RwLock::new(store));
        loaded.1.insert(key.clone(), Loaded { log, position, store: Arc::clone(&store), used: now });
        while loaded.1.len() > self.conf.retained {
            let oldest = loaded.1.iter().min_by_key(|(_, own)| own.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            loaded.1.remove(&oldest);
        }
        Ok(store)
    }

    /// The attempt that an address means: the given one, or the only or last one.
    fn key(&self, id: &str, attempt: Option<&str>) -> Option<AppKey> {
        let entries = locked(&self.entries);
        let exact = (id.to_string(), attempt.map(str::to_string));
        if entries.contains_key(&exact) {
            return Some(exact);
        }
        if attempt.is_some() {
            return None;
        }
        entries.keys().rev().find(|(own, _)| own == id).cloned()
    }

    /// Splits the parts after an application's id into attempt and rest.
    fn split<'a>(&self, id: &str, parts: &'a [&'a str]) -> (Option<AppKey>, &'a [&'a str]) {
        if let [attempt, rest @ ..] = parts {
            if let Some(key) = self.key(id, Some(attempt)) {
                return (Some(key), rest);
            }
        }
        (self.key(id, None), parts)
    }

    fn page(&self, id: &str, parts: &[&str], query: &Query) -> Reply {
        let (key, rest) = self.split(id, parts);
        let Some(key) = key else {
            return route::plain_error(
                404,
                "Not found",
                &format!("There is no application {id} in the folder of the logs."),
            );
        };
        let base = base(&key);
        if rest.is_empty() {
            return Reply::redirect(format!("{base}/jobs/"));
        }
        self.with_view(&key, &base, &rest.join("/"), query, route::page)
            .unwrap_or_else(|problem| route::plain_error(500, "The log cannot be read", &problem))
    }

    fn with_view<T>(
        &self,
        key: &AppKey,
        base: &str,
        path: &str,
        query: &Query,
        act: impl FnOnce(&View) -> T,
    ) -> Result<T, String> {
        let store = self.store(key)?;
        let store = store.read().unwrap_or_else(PoisonError::into_inner);
        let now_ms = if store.app.end_ms > 0 { store.app.end_ms } else { store.app.last_updated_ms };
        Ok(act(&View { store: &store, live: None, base, path, query, now_ms }))
    }

    fn api(&self, parts: &[&str], query: &Query) -> Reply {
        match parts {
            ["version"] => Reply::json(&rest::version()),
            ["openapi.json"] => Reply::new(200, "application/json", include_bytes!("web/asset/openapi.json").to_vec()),
            ["applications"] => Reply::json(&self.applications(query)),
            ["applications", id] => match self.application(id) {
                Some(app) => Reply::json(&app),
                None => Reply::text(404, format!("unknown app: {id}")),
            },
            ["applications", id, rest @ ..] => {
                let (key, rest) = self.split(id, rest);
                let Some(key) = key else { return Reply::text(404, format!("no such app: {id}")) };
                if rest == ["logs"] {
                    return self.download(&key);
                }
                let answer = self.with_view(&key, "", "", query, |view| rest::route(view, rest));
                answer.map_or_else(|problem| Reply::text(500, problem), Reply::from)
            }
            _ => Reply::text(404, "HTTP 404 Not Found"),
        }
    }

    fn download(&self, key: &AppKey) -> Reply {
        let Some(entry) = locked(&self.entries).get(key).cloned() else {
            return Reply::text(404, format!("no such app: {}", key.0));
        };
        let attempt = key.1.as_ref().map(|attempt| format!("_{attempt}")).unwrap_or_default();
        let name: String = format!("eventLogs-{}{attempt}.zip", key.0).replace(['"', '/', '\\'], "_");
        let mut reply = Reply::new(200, "application/zip", vec![]);
        reply.file_name = Some(name);
        reply.stream = Some(Box::new(move |send| zip::files(&entry.log.path, &entry.log.files, send)));
        reply
    }

    /// `/applications`: those that run and those that have ended, newest first.
    fn applications(&self, query: &Query) -> Value {
        let entries = locked(&self.entries).clone();
        let limit = query.get("limit").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let mut ids: Vec<(i64, &String)> = entries.iter().map(|((id, _), entry)| (entry.head.start_ms, id)).collect();
        ids.sort_by_key(|(start_ms, _)| std::cmp::Reverse(*start_ms));
        let mut seen = std::collections::BTreeSet::new();
        let empty = Query::default();
        let list = ids.into_iter().map(|(_, id)| id).filter(|id| seen.insert((*id).clone())).filter(|id| {
            entries.iter().filter(|((own, _), _)| own == *id).any(|(_, entry)| {
                let mut store = Store::default();
                store.app.start_ms = entry.head.start_ms;
                store.app.end_ms = entry.head.end_ms;
                let view = View { store: &store, live: None, base: "", path: "", query: &empty, now_ms: now_ms() };
                route::listed(&view, query)
            })
        });
        list.take(limit).filter_map(|id| application(id, &entries)).collect()
    }

    fn application(&self, id: &str) -> Option<Value> {
        application(id, &locked(&self.entries))
    }

    /// The list of applications, as a page.
    fn list(&self, query: &Query) -> Markup {
        let incomplete = query.flag("showIncomplete");
        let wanted = query.get("q").unwrap_or("").to_lowercase();
        let entries = locked(&self.entries).clone();
        let all = entries.len();
        let matches = |entry: &Entry| {
            let head = &entry.head;
            let texts = [&head.id, &head.name, &head.user];
            wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let rows: Vec<Entry> =
            entries.into_values().filter(|entry| (entry.head.end_ms < 0) == incomplete && matches(entry)).collect();
        let broken: Vec<(PathBuf, String)> =
            locked(&self.broken).iter().map(|(path, (_, why))| (path.clone(), why.clone())).collect();
        let body = html! {
            h1 { "History server" }
            p.soft { (all) " logs in " code { (self.conf.folder.display()) } }
            form.search method="get" action="/" role="search" {
                input type="search" name="q" value=(query.get("q").unwrap_or("")) placeholder="Name, id or user" aria-label="Search applications";
                @if incomplete { input type="hidden" name="showIncomplete" value="true"; }
                button type="submit" { "Search" }
                @if incomplete { a href="/" { "Show complete applications" } } @else { a href="/?showIncomplete=true" { "Show incomplete applications" } }
            }
            h2 { @if incomplete { "Incomplete applications " } @else { "Completed applications " } span.count { "(" (rows.len()) ")" } }
            (applications_table(query, rows))
            @if !broken.is_empty() {
                details { summary { (broken.len()) " files are no logs" }
                    ul { @for (path, why) in broken { li { code { (path.display()) } ": " (why) } } }
                }
            }
        };
        let foot = html! { "Applications of Firesteel and of Apache Spark. REST: " a href="/api/v1/applications" { "/api/v1" } ". Times are UTC." };
        frame("History server", "/", &html! { nav {} }, false, &body, &foot)
    }
}

fn insert(entries: &mut BTreeMap<AppKey, Entry>, entry: Entry) {
    let key = (entry.head.id.clone(), entry.head.attempt.clone());
    // The same application twice: a copy, or a log that was finished while we looked. The finished one counts.
    let other = entries.get(&key);
    if other.is_none_or(|other| other.log.in_progress || !entry.log.in_progress) {
        entries.insert(key, entry);
    }
}

/// The log as it is now: it may have grown since the last look.
fn current(log: &Log) -> Log {
    let folder = log.path.parent().unwrap_or(Path::new("/"));
    if !log.in_progress {
        return log.clone();
    }
    let all = logs::scan(folder).unwrap_or_default();
    let finished = log.path.to_string_lossy().strip_suffix(".inprogress").map(PathBuf::from);
    let same = |other: &Log| other.path == log.path || finished.as_ref() == Some(&other.path);
    all.into_iter().find(same).unwrap_or_else(|| log.clone())
}

/// The path of an attempt's pages.
fn base((id, attempt): &AppKey) -> String {
    let attempt = attempt.as_ref().map(|attempt| format!("/{}", encoded(attempt))).unwrap_or_default();
    format!("/history/{}{attempt}", encoded(id))
}

fn application(id: &str, entries: &BTreeMap<AppKey, Entry>) -> Option<Value> {
    let own: Vec<&Entry> = entries.iter().filter(|((own, _), _)| own == id).map(|(_, entry)| entry).rev().collect();
    let first = own.first()?;
    let attempts: Vec<Value> = own
        .iter()
        .map(|entry| {
            let head = &entry.head;
            let ended = head.end_ms > 0;
            let mut out = json!({
                "startTime": rest_time(head.start_ms),
                "endTime": rest_time(head.end_ms),
                "lastUpdated": rest_time(entry.log.modified_ms),
                "duration": if ended { head.end_ms - head.start_ms } else { 0 },
                "sparkUser": head.user,
                "completed": ended,
                "appSparkVersion": head.spark_version,
                "startTimeEpoch": head.start_ms,
                "endTimeEpoch": head.end_ms,
                "lastUpdatedEpoch": entry.log.modified_ms,
            });
            if let Some(attempt) = &head.attempt {
                out["attemptId"] = attempt.as_str().into();
            }
            out
        })
        .collect();
    Some(json!({"id": id, "name": first.head.name, "attempts": attempts}))
}

fn applications_table(query: &Query, rows: Vec<Entry>) -> Markup {
    let link = |entry: &Entry| base(&(entry.head.id.clone(), entry.head.attempt.clone()));
    let took = |entry: &Entry| {
        let until = if entry.head.end_ms > 0 { entry.head.end_ms } else { entry.log.modified_ms };
        (until - entry.head.start_ms).max(0)
    };
    let columns = [
        column(
            "App ID",
            |own: &Entry| own.head.id.as_str().into(),
            move |own| {
                html! {
                    a href=(format!("{}/jobs/", link(own))) { (own.head.id) }
                    @if let Some(attempt) = &own.head.attempt { span.soft { " attempt " (attempt) } }
                }
            },
        ),
        column("App Name", |own: &Entry| own.head.name.as_str().into(), |own| html! { (own.head.name) }),
        column(
            "Version",
            |own: &Entry| own.head.spark_version.as_str().into(),
            |own| html! { (own.head.spark_version) },
        ),
        number("Started", |own: &Entry| own.head.start_ms, time),
        number("Completed", |own: &Entry| own.head.end_ms, time),
        number("Duration", took, duration),
        column("Spark User", |own: &Entry| own.head.user.as_str().into(), |own| html! { (own.head.user) }),
        number("Last Updated", |own: &Entry| own.log.modified_ms, time),
        column(
            "Event Log",
            |own: &Entry| Key::from(own.log.size_bytes as i64),
            |own| {
                let attempt =
                    own.head.attempt.as_ref().map(|attempt| format!("/{}", encoded(attempt))).unwrap_or_default();
                html! {
                    a href=(format!("/api/v1/applications/{}{attempt}/logs", encoded(&own.head.id))) { "Download" }
                    span.soft { " " (size(own.log.size_bytes as i64)) }
                }
            },
        ),
    ];
    table(query, "apps", &columns, rows, Order { column: 3, descending: true })
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
