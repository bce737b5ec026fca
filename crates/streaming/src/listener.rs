//! What clients are told of queries as it happens: `StreamingQueryListener`.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use firesteel_engine::Session;
use firesteel_protocol::connect::{StreamingQueryEventType, StreamingQueryListenerEvent};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::query::StreamingQuery;

/// How long an event takes to a client at most, mostly.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// What a client asked before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A query is to stop; listeners ask that, too.
    Stop,
    /// To be told of a query's end, or that it has seen all data.
    Wait,
}

/// The listeners of a session: one a client, which hands the events on to its own.
#[derive(Debug)]
pub struct ListenerBus {
    session: Weak<Session>,
    sender: Mutex<Option<UnboundedSender<StreamingQueryListenerEvent>>>,
    /// When the last event was sent to the client.
    sent: Mutex<Option<Instant>>,
}

impl ListenerBus {
    /// For the listeners of a session, and who listens to the whole application.
    pub fn new(session: &Arc<Session>) -> Self {
        Self { session: Arc::downgrade(session), sender: Mutex::default(), sent: Mutex::default() }
    }

    /// Begins to listen. Who listened before hears no more.
    pub fn listen(&self) -> UnboundedReceiver<StreamingQueryListenerEvent> {
        let (sender, receiver) = unbounded_channel();
        *self.sender.lock().expect("no panics while locked") = Some(sender);
        receiver
    }

    /// Ends the listening; events that are under way still arrive.
    pub fn stop(&self) {
        self.sender.lock().expect("no panics while locked").take();
    }

    /// Lets a client hear of what has happened before it is answered: a client of PySpark that removes its last
    /// listener waits for events that are under way with the lock that it needs to hear of them. A listener's own call
    /// is answered first, as it has that lock.
    pub async fn settle(&self, ask: Ask) {
        let listens = self.sender.lock().expect("no panics while locked").is_some();
        let sent = *self.sent.lock().expect("no panics while locked");
        let (true, Some(sent)) = (listens, sent) else { return };
        let wait = match ask {
            Ask::Stop => UNDER_WAY,
            Ask::Wait => 2 * UNDER_WAY,
        };
        tokio::time::sleep(wait.saturating_sub(sent.elapsed())).await;
    }

    /// Whether anybody listens.
    pub fn is_used(&self) -> bool {
        let own = self.sender.lock().expect("no panics while locked").is_some();
        own || self.session.upgrade().is_some_and(|session| session.engine.listener().is_some())
    }

    fn post(&self, event_type: StreamingQueryEventType, event: &Value) {
        self.tell_application(event_type, event);
        let mut sender = self.sender.lock().expect("no panics while locked");
        if let Some(own) = sender.as_ref() {
            let event = StreamingQueryListenerEvent { event_json: event.to_string(), event_type: event_type.into() };
            *self.sent.lock().expect("no panics while locked") = Some(Instant::now());
            if own.send(event).is_err() {
                // The client is gone.
                sender.take();
            }
        }
    }

    /// For the event log and the web UI.
    fn tell_application(&self, event_type: StreamingQueryEventType, event: &Value) {
        let Some(session) = self.session.upgrade() else { return };
        let Some(listener) = session.engine.listener() else { return };
        let name = match event_type {
            StreamingQueryEventType::QueryProgressEvent => "QueryProgressEvent",
            StreamingQueryEventType::QueryTerminatedEvent => "QueryTerminatedEvent",
            StreamingQueryEventType::QueryIdleEvent => "QueryIdleEvent",
            StreamingQueryEventType::QueryProgressUnspecified => "QueryStartedEvent",
        };
        let mut own = serde_json::Map::new();
        own.insert("Event".into(), format!("org.apache.spark.sql.streaming.StreamingQueryListener${name}").into());
        own.extend(event.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        listener.event(&session, Value::Object(own));
    }

    /// A query begins. Its client hears of it in the answer.
    pub fn begun(&self, event: &Value) {
        self.tell_application(StreamingQueryEventType::QueryProgressUnspecified, event);
    }

    /// A batch has ended.
    pub fn progress(&self, progress: &Value) {
        self.post(StreamingQueryEventType::QueryProgressEvent, &json!({ "progress": progress }));
    }

    /// There was nothing to do for a while.
    pub fn idle(&self, id: &str, run_id: &str, timestamp: &str) {
        let event = json!({"id": id, "runId": run_id, "timestamp": timestamp});
        self.post(StreamingQueryEventType::QueryIdleEvent, &event);
    }

    /// A query has ended, perhaps by an error.
    pub fn terminated(&self, id: &str, run_id: &str, failure: Option<(&str, &str)>) {
        let event = json!({
            "id": id,
            "runId": run_id,
            "exception": failure.map(|(message, _)| message),
            "errorClassOnException": failure.map(|(_, condition)| condition),
        });
        self.post(StreamingQueryEventType::QueryTerminatedEvent, &event);
    }
}

/// What the client that starts a query is told in the answer itself.
pub fn started(query: &StreamingQuery, timestamp: &str, job_tags: &[String]) -> Value {
    json!({"id": query.id, "runId": query.run_id, "name": query.name, "timestamp": timestamp, "jobTags": job_tags})
}
