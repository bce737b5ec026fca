//! `/applications`: who ran.

use serde_json::{Map, Value, json};

use crate::json::rest_time;
use crate::web::view::View;

/// `/version`.
pub fn version() -> Value {
    json!({"spark": firesteel_engine::SPARK_VERSION})
}

/// An application as `/applications` lists it.
pub fn application(view: &View) -> Value {
    let app = &view.store.app;
    json!({"id": app.id, "name": app.name, "attempts": [attempt(view)]})
}

fn attempt(view: &View) -> Value {
    let app = &view.store.app;
    let completed = app.end_ms > 0;
    let end_ms = if completed { app.end_ms } else { -1 };
    let mut own = Map::new();
    if let Some(id) = &app.attempt {
        own.insert("attemptId".into(), id.as_str().into());
    }
    own.insert("startTime".into(), rest_time(app.start_ms).into());
    own.insert("endTime".into(), rest_time(end_ms).into());
    own.insert("lastUpdated".into(), rest_time(app.last_updated_ms).into());
    own.insert("duration".into(), (if completed { end_ms } else { view.now_ms } - app.start_ms).into());
    own.insert("sparkUser".into(), app.user.as_str().into());
    own.insert("completed".into(), completed.into());
    own.insert("appSparkVersion".into(), app.spark_version.as_str().into());
    own.insert("startTimeEpoch".into(), app.start_ms.into());
    own.insert("endTimeEpoch".into(), end_ms.into());
    own.insert("lastUpdatedEpoch".into(), app.last_updated_ms.into());
    Value::Object(own)
}
