//! What the history server answers: pages of applications, REST, downloads.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::listing::{Entries, Entry};
use super::{AppKey, History, base, locked};
use crate::json::{now_ms, rest_time};
use crate::log::zip;
use crate::store::Store;
use crate::web::openapi;
use crate::web::rest;
use crate::web::route::{self, Reply};
use crate::web::view::{Query, View};

impl History {
    /// The attempt that an address means: the given one, or the only or last one.
    pub(super) fn key(&self, id: &str, attempt: Option<&str>) -> Option<AppKey> {
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

    pub(super) fn page(&self, id: &str, parts: &[&str], query: &Query) -> Reply {
        let (key, rest) = self.split(id, parts);
        let Some(key) = key else {
            return route::plain_error(
                404,
                "Not found",
                &format!("There is no application {id} in the folder of the logs."),
            );
        };
        let base = format!("{}{}", self.conf.ui.root, base(&key));
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
        Ok(act(&View { store: &store, live: None, conf: &self.conf.ui, base, path, query, now_ms }))
    }

    pub(super) fn api(&self, parts: &[&str], query: &Query) -> Reply {
        if let (["applications"], Some(wrong)) = (parts, route::wrong_date(query)) {
            return wrong;
        }
        match parts {
            ["version"] => Reply::json(&rest::version()),
            [] => openapi::page(&self.conf.ui.root, ":app"),
            ["openapi.json"] => openapi::json(),
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
        let folder = self.conf.folder.clone();
        reply.stream = Some(Box::new(move |send| zip::files(&folder, &entry.log.path, &entry.log.files, send)));
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
                let view = View {
                    store: &store,
                    live: None,
                    conf: &self.conf.ui,
                    base: "",
                    path: "",
                    query: &empty,
                    now_ms: now_ms(),
                };
                route::listed(&view, query)
            })
        });
        let source = self.conf.folder.url();
        list.take(limit).filter_map(|id| application(id, &entries, &source)).collect()
    }

    fn application(&self, id: &str) -> Option<Value> {
        application(id, &locked(&self.entries), &self.conf.folder.url())
    }
}

fn application(id: &str, entries: &Entries, source: &str) -> Option<Value> {
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
                "logSourceName": source,
                "logSourceFullPath": source,
            });
            if let Some(attempt) = &head.attempt {
                out["attemptId"] = attempt.as_str().into();
            }
            out
        })
        .collect();
    Some(json!({"id": id, "name": first.head.name, "attempts": attempts}))
}
