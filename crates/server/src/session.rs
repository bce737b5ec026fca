//! The sessions of all users: found by the ids in a request, made on first use, closed on request or
//! when idle. A [`SessionHolder`] adds to the engine's session what only the network needs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firesteel_engine::{Engine, Session};
use firesteel_protocol::SparkError;
use firesteel_protocol::connect as pb;
use firesteel_streaming::StreamingQueryManager;
use pb::get_status_response::operation_status::OperationState;
use tonic::Status;
use uuid::Uuid;

use crate::error::{Failure, Result};
use crate::events;
use crate::operation::Operation;

/// Errors whose details a client may still fetch.
const MAX_ERRORS: usize = 64;
/// Operations and sessions of the past whose ids stay known.
const MAX_TOMBSTONES: usize = 1000;

/// `(user id, session id)`.
type Key = (String, String);

/// All sessions.
pub(crate) struct Sessions {
    engine: Arc<Engine>,
    state: Mutex<SessionsState>,
}

#[derive(Default)]
struct SessionsState {
    open: HashMap<Key, Arc<SessionHolder>>,
    closed: Recent<Key>,
}

impl Sessions {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: Mutex::default() }
    }

    /// The session of a request, made when it is new.
    pub(crate) fn get_or_create(
        &self,
        user: &Option<pb::UserContext>,
        session_id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<SessionHolder>> {
        let key = key(user, session_id)?;
        let mut state = self.state.lock().expect("no panics while locked");
        if state.closed.contains(&key) {
            return Err(Failure::invalid_handle("INVALID_HANDLE.SESSION_CLOSED", session_id));
        }
        let holder = match state.open.get(&key) {
            Some(holder) => holder.clone(),
            // A client that has seen another server must not get an empty session in silence.
            None if observed.is_some_and(|id| !id.is_empty()) => {
                return Err(Failure::invalid_handle("INVALID_HANDLE.SESSION_CHANGED", session_id));
            }
            None => {
                let session = self.engine.new_session(&key.0, &key.1);
                events::session_started(&session);
                let holder = Arc::new(SessionHolder::new(session));
                state.open.insert(key, holder.clone());
                holder
            }
        };
        holder.touch();
        Ok(holder)
    }

    /// The session of a request that cannot start one.
    pub(crate) fn get(&self, user: &Option<pb::UserContext>, session_id: &str) -> Result<Arc<SessionHolder>> {
        let key = key(user, session_id)?;
        let state = self.state.lock().expect("no panics while locked");
        match state.open.get(&key) {
            Some(holder) => {
                holder.touch();
                Ok(holder.clone())
            }
            None if state.closed.contains(&key) => {
                Err(Failure::invalid_handle("INVALID_HANDLE.SESSION_CLOSED", session_id))
            }
            None => Err(Failure::invalid_handle("INVALID_HANDLE.SESSION_NOT_FOUND", session_id)),
        }
    }

    /// Copies a session under a new id, which is made up when it is not given.
    pub(crate) fn clone_session(
        &self,
        user: &Option<pb::UserContext>,
        source: &SessionHolder,
        new_id: Option<&str>,
    ) -> Result<Arc<SessionHolder>> {
        let invalid = |condition: &str, id: &str| Failure::from(SparkError::new(condition).with("targetSessionId", id));
        let new_id = match new_id {
            Some(id) if Uuid::parse_str(id).is_err() => {
                return Err(invalid("INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_FORMAT", id));
            }
            Some(id) => id.to_owned(),
            None => Uuid::new_v4().to_string(),
        };
        let key = key(user, &new_id)?;
        let mut state = self.state.lock().expect("no panics while locked");
        if state.closed.contains(&key) {
            return Err(invalid("INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_ALREADY_CLOSED", &new_id));
        }
        if state.open.contains_key(&key) {
            return Err(invalid("INVALID_CLONE_SESSION_REQUEST.TARGET_SESSION_ID_ALREADY_EXISTS", &new_id));
        }
        let session = source.session.clone_session(&new_id)?;
        events::session_started(&session);
        let holder = Arc::new(SessionHolder::new(session));
        state.open.insert(key, holder.clone());
        Ok(holder)
    }

    /// Ends a session and all its operations; nothing when there is none.
    pub(crate) fn release(
        &self,
        user: &Option<pb::UserContext>,
        session_id: &str,
        allow_reconnect: bool,
    ) -> Result<Option<Arc<SessionHolder>>> {
        let key = key(user, session_id)?;
        let mut state = self.state.lock().expect("no panics while locked");
        let holder = state.open.remove(&key);
        if let Some(holder) = &holder {
            holder.close();
            if !allow_reconnect {
                state.closed.insert(key);
            }
        }
        Ok(holder)
    }

    /// Closes sessions that were idle for too long, and operations whose clients stayed away.
    pub(crate) fn sweep(&self, session_timeout: Duration, detached_timeout: Duration) {
        let mut state = self.state.lock().expect("no panics while locked");
        let SessionsState { open, closed } = &mut *state;
        open.retain(|key, holder| {
            holder.sweep(detached_timeout);
            let keep = !holder.is_idle(session_timeout);
            if !keep {
                holder.close();
                closed.insert(key.clone());
            }
            keep
        });
    }

    /// Interrupts an operation or a streaming query of any session: somebody who looks at the web UI wants it to end.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        let holders: Vec<_> =
            self.state.lock().expect("no panics while locked").open.values().map(Arc::clone).collect();
        holders.iter().any(|holder| {
            let stream = holder.streams.active().into_iter().find(|query| query.id == id || query.run_id == id);
            if let Some(stream) = &stream {
                stream.cancel.cancel();
            }
            stream.is_some() || !holder.interrupt(|operation| operation.id == id).is_empty()
        })
    }

    /// Stops all operations. Their clients must not come back for them, so this is an interrupt.
    pub(crate) fn stop(&self) {
        let state = self.state.lock().expect("no panics while locked");
        for holder in state.open.values() {
            holder.interrupt(|_| true);
        }
    }
}

fn key(user: &Option<pb::UserContext>, session_id: &str) -> Result<Key> {
    valid_uuid(session_id)?;
    Ok((user.as_ref().map(|user| user.user_id.clone()).unwrap_or_default(), session_id.to_owned()))
}

/// `INVALID_HANDLE.FORMAT` unless the id is a UUID.
pub(crate) fn valid_uuid(id: &str) -> Result<()> {
    match Uuid::parse_str(id) {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::invalid_handle("INVALID_HANDLE.FORMAT", id)),
    }
}

/// A session of the engine with its operations and its errors.
pub(crate) struct SessionHolder {
    pub(crate) session: Arc<Session>,
    /// The session's streaming queries.
    pub(crate) streams: Arc<StreamingQueryManager>,
    state: Mutex<HolderState>,
    errors: Mutex<VecDeque<(String, Failure)>>,
}

struct HolderState {
    operations: HashMap<String, Arc<Operation>>,
    /// How operations of the past ended, and whether the server let them go by itself.
    past: HashMap<String, (OperationState, bool)>,
    past_ids: VecDeque<String>,
    last_access: Instant,
}

impl SessionHolder {
    fn new(session: Arc<Session>) -> Self {
        let state = HolderState {
            operations: HashMap::new(),
            past: HashMap::new(),
            past_ids: VecDeque::new(),
            last_access: Instant::now(),
        };
        let streams = StreamingQueryManager::new(Arc::clone(&session));
        Self { session, streams, state: Mutex::new(state), errors: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HolderState> {
        self.state.lock().expect("no panics while locked")
    }

    /// The session is in use.
    pub(crate) fn touch(&self) {
        self.lock().last_access = Instant::now();
    }

    pub(crate) fn server_side_id(&self) -> String {
        self.session.server_side_id().to_owned()
    }

    /// `INVALID_HANDLE.SESSION_CHANGED` unless the client means this very session.
    pub(crate) fn check_observed(&self, session_id: &str, observed: Option<&str>) -> Result<()> {
        match observed {
            Some(observed) if !observed.is_empty() && observed != self.session.server_side_id() => {
                Err(Failure::invalid_handle("INVALID_HANDLE.SESSION_CHANGED", session_id))
            }
            _ => Ok(()),
        }
    }

    /// A status for the client, who can fetch the details by the id in it.
    pub(crate) fn status(&self, failure: &Failure) -> Status {
        let id = Uuid::new_v4().to_string();
        let mut errors = self.errors.lock().expect("no panics while locked");
        if errors.len() >= MAX_ERRORS {
            errors.pop_front();
        }
        errors.push_back((id.clone(), failure.clone()));
        failure.to_status(Some(&id))
    }

    /// The error of an id that [`Self::status`] gave out.
    pub(crate) fn error(&self, id: &str) -> Option<Failure> {
        let errors = self.errors.lock().expect("no panics while locked");
        errors.iter().find(|(known, _)| known == id).map(|(_, failure)| failure.clone())
    }

    /// Makes an operation known. A repeated request of the same plan finds the first one, `(operation, false)`.
    pub(crate) fn register(&self, operation: Operation) -> Result<(Arc<Operation>, bool)> {
        let mut state = self.lock();
        if let Some(known) = state.operations.get(&operation.id) {
            return match known.plan.is_some() && known.plan == operation.plan {
                true => Ok((known.clone(), false)),
                false => Err(Failure::invalid_handle("INVALID_HANDLE.OPERATION_ALREADY_EXISTS", &operation.id)),
            };
        }
        if state.past.contains_key(&operation.id) {
            return Err(Failure::invalid_handle("INVALID_HANDLE.OPERATION_ABANDONED", &operation.id));
        }
        let operation = Arc::new(operation);
        state.operations.insert(operation.id.clone(), operation.clone());
        Ok((operation, true))
    }

    /// An operation to come back to.
    pub(crate) fn operation(&self, id: &str) -> Result<Arc<Operation>> {
        let state = self.lock();
        match (state.operations.get(id), state.past.get(id)) {
            (Some(operation), _) if !operation.reattachable => {
                Err(SparkError::new("INVALID_CURSOR.NOT_REATTACHABLE").into())
            }
            (Some(operation), _) => Ok(operation.clone()),
            (None, Some((_, true))) => Err(Failure::invalid_handle("INVALID_HANDLE.OPERATION_ABANDONED", id)),
            (None, _) => Err(Failure::invalid_handle("INVALID_HANDLE.OPERATION_NOT_FOUND", id)),
        }
    }

    /// The operation, when the session still holds it.
    pub(crate) fn find_operation(&self, id: &str) -> Option<Arc<Operation>> {
        self.lock().operations.get(id).cloned()
    }

    /// Lets an operation go; it stops when it still runs.
    pub(crate) fn release(&self, id: &str) {
        let mut state = self.lock();
        if let Some(operation) = state.operations.remove(id) {
            state.bury(&operation, false);
        }
    }

    /// Interrupts the operations that `wanted` picks and returns their ids.
    pub(crate) fn interrupt(&self, wanted: impl Fn(&Operation) -> bool) -> Vec<String> {
        let wanted: Vec<_> = self.lock().operations.values().filter(|op| wanted(op)).cloned().collect();
        wanted.iter().filter(|operation| operation.interrupt()).map(|operation| operation.id.clone()).collect()
    }

    /// The state of an operation; of all when no id is given.
    pub(crate) fn statuses(&self, ids: &[String]) -> Vec<(String, OperationState)> {
        let state = self.lock();
        let of = |id: &String| {
            let live = state.operations.get(id).map(|operation| operation.state());
            live.or_else(|| state.past.get(id).map(|(state, _)| *state)).unwrap_or(OperationState::Unknown)
        };
        let all: Vec<String>;
        let ids = match ids {
            [] => {
                all = state.operations.keys().chain(state.past_ids.iter()).cloned().collect();
                &all
            }
            ids => ids,
        };
        ids.iter().map(|id| (id.clone(), of(id))).collect()
    }

    fn sweep(&self, detached_timeout: Duration) {
        let mut state = self.lock();
        let abandoned: Vec<_> =
            state.operations.values().filter(|operation| operation.is_abandoned(detached_timeout)).cloned().collect();
        for operation in abandoned {
            state.operations.remove(&operation.id);
            state.bury(&operation, true);
        }
    }

    fn is_idle(&self, timeout: Duration) -> bool {
        let state = self.lock();
        state.last_access.elapsed() > timeout
            && !state.operations.values().any(|operation| operation.is_running())
            // A query goes on when its client is away, and with it the session.
            && self.streams.active().is_empty()
    }

    fn close(&self) {
        events::session_closed(&self.session);
        self.streams.stop_all();
        for (_, operation) in self.lock().operations.drain() {
            operation.close();
        }
    }
}

impl HolderState {
    fn bury(&mut self, operation: &Operation, by_itself: bool) {
        let end = operation.final_state();
        operation.close();
        if self.past_ids.len() >= MAX_TOMBSTONES
            && let Some(oldest) = self.past_ids.pop_front()
        {
            self.past.remove(&oldest);
        }
        self.past_ids.push_back(operation.id.clone());
        self.past.insert(operation.id.clone(), (end, by_itself));
    }
}

/// A set that forgets its oldest members.
struct Recent<T> {
    known: HashSet<T>,
    order: VecDeque<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), order: VecDeque::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Recent<T> {
    fn contains(&self, item: &T) -> bool {
        self.known.contains(item)
    }

    fn insert(&mut self, item: T) {
        if !self.known.insert(item.clone()) {
            return;
        }
        self.order.push_back(item);
        if self.order.len() > MAX_TOMBSTONES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
