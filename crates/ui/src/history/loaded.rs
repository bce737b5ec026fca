//! The applications whose logs are in memory, each read as far as its log goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::listing::Entries;
use super::{AppKey, History, locked};
use crate::log::find::{self, Log};
use crate::log::replay::{self, Position};
use crate::store::Store;

/// Applications by use.
#[derive(Default)]
pub(super) struct Loaded {
    all: BTreeMap<AppKey, Kept>,
    clock: u64,
}

struct Kept {
    app: Arc<Mutex<Option<App>>>,
    /// When it was used last.
    used: u64,
}

/// An application, as far as its log has been read.
struct App {
    log: Log,
    position: Position,
    store: Arc<RwLock<Store>>,
}

impl Loaded {
    /// Lets go of those that are not listed any more.
    pub(super) fn retain(&mut self, entries: &Entries) {
        self.all.retain(|key, _| entries.contains_key(key));
    }

    /// The application's place; the one that was not used for longest goes where there are too many.
    fn place(&mut self, key: &AppKey, most: usize) -> Arc<Mutex<Option<App>>> {
        self.clock += 1;
        let used = self.clock;
        let own = self.all.entry(key.clone()).or_insert_with(|| Kept { app: Arc::default(), used });
        own.used = used;
        let app = Arc::clone(&own.app);
        while self.all.len() > most {
            let oldest = self.all.iter().min_by_key(|(_, own)| own.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.all.remove(&oldest);
        }
        app
    }
}

impl History {
    /// The application's store. A log that is read holds up nobody who asks for another.
    pub(super) fn store(&self, key: &AppKey) -> Result<Arc<RwLock<Store>>, String> {
        let entry = locked(&self.entries).get(key).cloned().ok_or_else(|| format!("no such app: {}", key.0))?;
        let place = locked(&self.loaded).place(key, self.conf.retained);
        let mut place = locked(&place);
        let log = find::current(&self.conf.folder, &entry.log);
        if let Some(own) = place.as_mut() {
            if own.log == log {
                return Ok(Arc::clone(&own.store));
            }
            if own.position.fits(&log) {
                let mut store = own.store.write().unwrap_or_else(PoisonError::into_inner);
                replay::replay(&self.conf.folder, &log, &mut store, &mut own.position)
                    .map_err(|error| error.to_string())?;
                drop(store);
                own.log = log;
                return Ok(Arc::clone(&own.store));
            }
        }
        let mut store = Store::new(self.conf.limits.clone());
        let mut position = Position::default();
        replay::replay(&self.conf.folder, &log, &mut store, &mut position).map_err(|error| error.to_string())?;
        if store.app.end_ms < 0 && !log.in_progress {
            store.app.end_ms = store.app.last_updated_ms.max(store.app.start_ms);
        }
        let store = Arc::new(RwLock::new(store));
        *place = Some(App { log, position, store: Arc::clone(&store) });
        Ok(store)
    }
}
