//! The listener bus: hears of sessions and queries, and hands Spark's events to the status store and the event log.
//!
//! Queries only put a note into a queue; a thread of its own does the rest. Nothing starts before the first operation,
//! and nothing at all where neither the web UI nor the event log is wanted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant};

use datafusion::physical_plan::ExecutionPlan;
use firesteel_engine::listener::KeptInfo;
use firesteel_engine::metrics::QueryRecord;
use firesteel_engine::{Engine, Listener, Session};
use serde_json::Value;

use crate::application;
use crate::encode;
use crate::limits::Limits;
use crate::log::write::{EventLog, LogConf, flag};
use crate::redact::Redaction;
use crate::stages::lost_by_operator;
use crate::store::Store;
use crate::track::Tracker;
use crate::web::{self, UiConf};

/// Notes that may wait; `spark.scheduler.listenerbus.eventqueue.capacity`.
const CAPACITY: usize = 10_000;
/// How often running queries are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A program that ends sooner needs no web UI.
const UI_DELAY: Duration = Duration::from_millis(300);
/// How long a page waits for the newest numbers.
const REFRESH: Duration = Duration::from_millis(300);
/// How long the address of the web UI is waited for.
const BINDING: Duration = Duration::from_secs(3);

/// How long the end of the log is waited for: the last of it may be on its way to a bucket.
const CLOSING: Duration = Duration::from_secs(60);

/// A note for the bus.
enum Message {
    /// With what casts have lost before.
    Started(Arc<QueryRecord>, Arc<dyn ExecutionPlan>, Vec<u64>),
    Ended(Arc<QueryRecord>, Arc<dyn ExecutionPlan>),
    Event(Value),
    /// Brings the store up to date, then answers.
    Refresh(Sender<()>),
    /// The application is over.
    Close(Sender<()>),
}

/// Ends an operation or a stream by its id; false where there is none.
pub type Cancel = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// What pages see of a running application.
pub struct Live {
    store: RwLock<Store>,
    sender: SyncSender<Message>,
    cancel: OnceLock<Cancel>,
    url: Mutex<UrlState>,
    bound: Condvar,
    dropped: AtomicU64,
    pub app_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum UrlState {
    /// Nobody has asked yet and the delay is not over.
    Waiting,
    Asked,
    At(String),
    /// There is none.
    None,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

impl Live {
    /// The store, up to date.
    pub fn store(&self) -> RwLockReadGuard<'_, Store> {
        let (sender, receiver) = channel();
        if self.sender.try_send(Message::Refresh(sender)).is_ok() {
            // A bus that is busy shows what it has.
            let _ = receiver.recv_timeout(REFRESH);
        }
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends an operation or a stream.
    pub fn cancel(&self, id: &str) -> bool {
        self.cancel.get().is_some_and(|cancel| cancel(id))
    }

    /// Whether anything can be cancelled.
    pub fn can_cancel(&self) -> bool {
        self.cancel.get().is_some()
    }

    fn set_url(&self, state: UrlState) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.bound.notify_all();
    }

    /// Waits for the delay to be over, or for somebody to ask.
    pub(crate) fn wait_until_wanted(&self) {
        let state = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        // Both ends of the wait mean the same.
        drop(self.bound.wait_timeout_while(state, UI_DELAY, |state| *state == UrlState::Waiting));
    }

    pub(crate) fn bound_at(&self, url: Option<String>) {
        self.set_url(url.map_or(UrlState::None, UrlState::At));
    }

    fn url(&self) -> Option<String> {
        let mut state = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == UrlState::Waiting {
            *state = UrlState::Asked;
            self.bound.notify_all();
        }
        let waited = self.bound.wait_timeout_while(state, BINDING, |state| *state == UrlState::Asked);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*state {
            UrlState::At(url) => Some(url.clone()),
            _ => None,
        }
    }

    /// Puts a note into the queue; a full one drops it, as Spark's does.
    fn send(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(message) {
            if self.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!("more events than the event log and the web UI can take; some are left out");
            }
        }
    }
}

/// Listens to an engine.
#[derive(Debug)]
pub struct Recorder {
    engine: Weak<Engine>,
    /// None: neither UI nor log is wanted.
    open: OnceLock<Option<Arc<Live>>>,
    opening: Mutex<()>,
    /// What happened before it was known what is wanted.
    early: Mutex<Vec<Value>>,
    cancel: Mutex<Option<CancelSlot>>,
}

struct CancelSlot(Cancel);

impl std::fmt::Debug for CancelSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CancelSlot")
    }
}

impl Recorder {
    /// Begins to listen to an engine. Costs nothing until its first query.
    pub fn attach(engine: &Arc<Engine>) -> Arc<Self> {
        let own = Arc::new(Self {
            engine: Arc::downgrade(engine),
            open: OnceLock::new(),
            opening: Mutex::default(),
            early: Mutex::default(),
            cancel: Mutex::default(),
        });
        engine.set_listener(Arc::clone(&own) as Arc<dyn Listener>);
        own
    }

    /// Says how operations are ended.
    pub fn set_cancel(&self, cancel: Cancel) {
        // The UI may be open already, or open in this moment.
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        match self.open.get() {
            Some(Some(live)) => drop(live.cancel.set(cancel)),
            Some(None) => {}
            None => *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(CancelSlot(cancel)),
        }
    }

    /// Starts with the application's settings alone, for a server that waits for its clients; the UI's address.
    pub fn start(&self) -> Option<String> {
        let engine = self.engine.upgrade()?;
        let conf = engine.conf().conf.clone();
        let lookup = move |key: &str| conf.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.clone());
        self.opened(&engine, &lookup)?.url()
    }

    fn opened(&self, engine: &Arc<Engine>, lookup: &dyn Fn(&str) -> Option<String>) -> Option<&Arc<Live>> {
        if let Some(open) = self.open.get() {
            return open.as_ref();
        }
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.open.get_or_init(|| self.open(engine, lookup));
        live.as_ref()
    }

    fn for_session(&self, session: &Session) -> Option<&Arc<Live>> {
        match self.open.get() {
            Some(open) => open.as_ref(),
            None => self.opened(&session.engine, &|key| session.conf().lookup(key)),
        }
    }

    fn open(&self, engine: &Arc<Engine>, lookup: &dyn Fn(&str) -> Option<String>) -> Option<Arc<Live>> {
        let early = std::mem::take(&mut *self.early.lock().unwrap_or_else(PoisonError::into_inner));
        // Without a word on what is secret nothing is shown or written.
        let redaction = told(Redaction::of(lookup).map(Some))?;
        let ui = flag(lookup, "spark.ui.enabled", true).then(|| UiConf::of(lookup)).transpose();
        let ui = told(ui.map_err(|problem| format!("no web UI: {problem}")));
        let wants_ui = ui.is_some();
        let app = application::describe(engine, lookup, &redaction);
        let conf = told(LogConf::of(lookup));
        let block_updates = conf.as_ref().is_none_or(|conf| conf.block_updates);
        let log = conf.and_then(|conf| told(EventLog::create(conf, &app.id).map(Some)));
        if !wants_ui && log.is_none() {
            return None;
        }
        let mut store = Store::new(Limits::of(lookup));
        store.app.spark_version = firesteel_engine::SPARK_VERSION.into();
        let capacity =
            lookup("spark.scheduler.listenerbus.eventqueue.capacity").and_then(|text| text.trim().parse().ok());
        let (sender, receiver) = sync_channel(capacity.unwrap_or(CAPACITY).max(1));
        let live = Arc::new(Live {
            store: RwLock::new(store),
            sender,
            cancel: OnceLock::new(),
            url: Mutex::new(if wants_ui { UrlState::Waiting } else { UrlState::None }),
            bound: Condvar::new(),
            dropped: AtomicU64::new(0),
            app_id: app.id.clone(),
        });
        if let Some(CancelSlot(cancel)) = self.cancel.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = live.cancel.set(cancel);
        }
        for event in app.events.into_iter().chain(early) {
            live.send(Message::Event(event));
        }
        let tracker = Tracker::new(app.host);
        let bus = Bus { live: Arc::downgrade(&live), log, block_updates, redaction, tracker, unflushed: false };
        spawn("firesteel-events", move || bus.run(&receiver));
        if let Some(conf) = ui {
            let live = Arc::clone(&live);
            spawn("firesteel-ui", move || web::serve::live(&conf, &live));
        }
        Some(live)
    }

    /// Writes the end of the application; to be called once, before the process ends.
    pub fn close(&self) {
        if let Some(Some(live)) = self.open.get() {
            let (sender, receiver) = channel();
            if live.sender.send(Message::Close(sender)).is_ok() {
                // The bus ends when all before this is done; a broken disk or store must not hold the process.
                let _ = receiver.recv_timeout(CLOSING);
            }
        }
    }
}

/// Tells the user what cannot be done, and goes on without it.
fn told<T>(made: Result<Option<T>, String>) -> Option<T> {
    made.unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        None
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.into()).stack_size(8 << 20).spawn(work);
    if let Err(error) = thread {
        tracing::warn!("no thread for the event log and the web UI: {error}");
    }
}

impl Listener for Recorder {
    fn session_started(&self, session: &Arc<Session>) {
        if self.open.get().is_some() {
            return;
        }
        // Its settings come next; a program that waits for its user shall find the web UI all the same.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let session = Arc::downgrade(session);
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if let Some(session) = session.upgrade() {
                    let listener = session.engine.listener().cloned();
                    // Nobody waits for the answer.
                    drop(tokio::task::spawn_blocking(move || listener.and_then(|own| own.ui_url(&session))));
                }
            });
        }
    }

    fn session_ended(&self, _: &Session) {}

    fn query_started(&self, session: &Session, record: &Arc<QueryRecord>) {
        if let (Some(live), Some(plan)) = (self.for_session(session), record.plan()) {
            let lost_before = lost_by_operator(&plan);
            live.send(Message::Started(Arc::clone(record), plan, lost_before));
        }
    }

    fn query_ended(&self, record: &Arc<QueryRecord>, plan: Arc<dyn ExecutionPlan>) {
        if let Some(Some(live)) = self.open.get() {
            live.send(Message::Ended(Arc::clone(record), plan));
        }
    }

    fn event(&self, session: &Session, event: Value) {
        let begins = event["Event"].as_str().is_some_and(|name| name.ends_with("SessionStarted"));
        if begins && self.open.get().is_none() {
            self.early.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        } else if let Some(live) = self.for_session(session) {
            live.send(Message::Event(event));
        }
    }

    fn rows_kept(&self, session: &Session, kept: &KeptInfo) {
        if let Some(live) = self.for_session(session) {
            for event in encode::blocks_updated(kept) {
                live.send(Message::Event(event));
            }
        }
    }

    fn rows_dropped(&self, number: u64) {
        if let Some(Some(live)) = self.open.get() {
            live.send(Message::Event(encode::event(
                "SparkListenerUnpersistRDD",
                serde_json::json!({"RDD ID": number}),
            )));
        }
    }

    fn ui_url(&self, session: &Session) -> Option<String> {
        self.for_session(session)?.url()
    }
}

/// The thread behind the queue.
struct Bus {
    live: Weak<Live>,
    log: Option<EventLog>,
    /// Whether the log tells of rows that are kept.
    block_updates: bool,
    redaction: Redaction,
    tracker: Tracker,
    unflushed: bool,
}

impl Bus {
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut looked = Instant::now();
        loop {
            let waits = self.tracker.is_running() || self.unflushed;
            let message = if waits {
                receiver.recv_timeout(LOOK)
            } else {
                receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match message {
                Ok(Message::Started(record, plan, lost_before)) => self.guarded(|bus| {
                    let events = bus.tracker.started(record, &plan, &lost_before);
                    bus.post(events);
                }),
                Ok(Message::Ended(record, plan)) => self.guarded(|bus| {
                    let events = bus.tracker.ended(&record, &plan);
                    bus.post(events);
                }),
                Ok(Message::Event(event)) => self.guarded(|bus| bus.post(vec![event])),
                Ok(Message::Refresh(reply)) => {
                    self.guarded(Self::look);
                    // A page that is gone needs no answer.
                    let _ = reply.send(());
                }
                Ok(Message::Close(reply)) => {
                    self.close();
                    let _ = reply.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.guarded(Self::look);
                self.flush();
            }
        }
    }

    /// A bug in what is made of one event must not silence all that come after.
    fn guarded(&mut self, work: impl FnOnce(&mut Self)) {
        let work = std::panic::AssertUnwindSafe(|| work(self));
        if std::panic::catch_unwind(work).is_err() {
            tracing::error!("an event for the event log and the web UI was lost by an internal error");
        }
    }

    /// What running queries have done since.
    fn look(&mut self) {
        let events = self.tracker.look();
        self.post(events);
        let Some(live) = self.live.upgrade() else { return };
        let values = self.tracker.live_values();
        let mut store = live.store.write().unwrap_or_else(PoisonError::into_inner);
        for (execution, values) in values {
            store.live_values(execution, values);
        }
    }

    fn post(&mut self, mut events: Vec<Value>) {
        let Some(live) = self.live.upgrade() else { return };
        events.iter_mut().for_each(|event| self.redaction.event(event));
        for event in &events {
            let Some(log) = &mut self.log else { break };
            if !self.block_updates && event["Event"] == "SparkListenerBlockUpdated" {
                continue;
            }
            self.unflushed = true;
            if let Err(error) = log.write(event) {
                tracing::warn!("the event log ends here: {error}");
                self.log = None;
            }
        }
        let mut store = live.store.write().unwrap_or_else(PoisonError::into_inner);
        events.iter().for_each(|event| store.apply(event));
    }

    fn flush(&mut self) {
        if let Some(log) = self.log.as_mut().filter(|_| self.unflushed) {
            if let Err(error) = log.flush() {
                tracing::warn!("the event log ends here: {error}");
                self.log = None;
            }
        }
        self.unflushed = false;
    }

    fn close(&mut self) {
        self.post(vec![application::end_event()]);
        if let Some(log) = self.log.take() {
            if let Err(error) = log.close() {
                tracing::warn!("the event log could not be finished: {error}");
            }
        }
    }
}
