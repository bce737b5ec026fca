//! The engine: what all sessions of a process share - memory, disk for spills, parallelism.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use firesteel_protocol::temporary::{self, Folder};
use firesteel_protocol::{Result, SparkError};
use firesteel_python::{Pool, PoolConf};
use firesteel_sources::{OpenedSource, ReadRequest, SourceContext};

use crate::catalog::{GlobalViews, Store};
use crate::kept::Storage;
use crate::{Listener, Session, memory};

/// What an engine is started with.
#[derive(Debug, Clone)]
pub struct EngineConf {
    /// `spark.*` settings of the application; every session begins with them.
    pub conf: Vec<(String, String)>,
    /// Relative paths start here.
    pub working_dir: PathBuf,
    /// `spark.app.name`.
    pub app_name: String,
    /// `local`, `local[N]`, `local[*]`.
    pub master: String,
    /// How Python workers are started.
    pub python: PoolConf,
}

impl Default for EngineConf {
    fn default() -> Self {
        Self {
            conf: vec![],
            working_dir: PathBuf::from("."),
            app_name: "firesteel".into(),
            master: "local[*]".into(),
            python: PoolConf::default(),
        }
    }
}

const SPILL: &str = "spill";

/// One a process. Cheap to make: memory and disk are set up by the first query.
#[derive(Debug)]
pub struct Engine {
    conf: EngineConf,
    parallelism: usize,
    /// With the folders that queries spill to, which end with it.
    runtime_env: OnceLock<(Arc<RuntimeEnv>, Vec<Folder>)>,
    storage: OnceLock<Arc<Storage>>,
    pub(crate) global_views: GlobalViews,
    /// Starts nothing until a Python function runs.
    pub(crate) python: Arc<Pool>,
    /// Catalogs that sessions use.
    stores: Mutex<HashMap<StoreKey, Arc<Store>>>,
    endpoint: OnceLock<Endpoint>,
    /// Event log and web UI; nobody, unless a program asked for one of them.
    listener: OnceLock<Arc<dyn Listener>>,
    /// Formats that layers above bring.
    reader: OnceLock<Reader>,
    started_ms: i64,
}

/// Where this process serves Spark Connect: for Python functions that come back with queries of their own.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `sc://localhost:15002`.
    pub url: String,
    pub token: Option<String>,
}

/// Opens a request, where its format is one of the reader's.
pub type Reader = fn(&Arc<Session>, &ReadRequest, &SourceContext) -> Result<Option<OpenedSource>>;

/// A catalog's metastore file (None: in memory) and warehouse.
type StoreKey = (Option<PathBuf>, PathBuf);

impl Engine {
    /// Says where the engine is served.
    pub fn set_endpoint(&self, endpoint: Endpoint) {
        // The first server counts: any of them leads here.
        let _ = self.endpoint.set(endpoint);
    }

    /// Lets somebody listen, for the life of the process.
    pub fn set_listener(&self, listener: Arc<dyn Listener>) {
        // The first one stays: there is one event log and one web UI.
        let _ = self.listener.set(listener);
    }

    /// Who hears of sessions and queries.
    pub fn listener(&self) -> Option<&Arc<dyn Listener>> {
        self.listener.get()
    }

    /// Brings formats of a layer above, once.
    pub fn set_reader(&self, reader: Reader) {
        // Every session brings the same.
        let _ = self.reader.set(reader);
    }

    /// What opens formats of a layer above.
    pub(crate) fn reader(&self) -> Option<Reader> {
        self.reader.get().copied()
    }

    /// When the engine was made, in milliseconds since 1970.
    pub fn started_ms(&self) -> i64 {
        self.started_ms
    }

    /// Where the engine is served; nowhere, where there is no network.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.get()
    }

    /// An engine; `INVALID_...` settings show when the first query needs them.
    pub fn new(conf: EngineConf) -> Arc<Self> {
        let parallelism = parallelism(&conf.master).unwrap_or_else(available);
        let python = Pool::new(conf.python.clone());
        Arc::new(Self {
            conf,
            parallelism,
            runtime_env: OnceLock::new(),
            storage: OnceLock::new(),
            global_views: GlobalViews::default(),
            stores: Mutex::default(),
            python,
            endpoint: OnceLock::new(),
            listener: OnceLock::new(),
            reader: OnceLock::new(),
            started_ms: chrono::Utc::now().timestamp_millis(),
        })
    }

    pub fn conf(&self) -> &EngineConf {
        &self.conf
    }

    /// Starts Python ahead, where the program's functions are expected. Must be called inside the runtime.
    pub fn warm_python(&self) {
        self.python.warm_expected();
    }

    /// Tasks that run at once: the N of `local[N]`.
    pub fn parallelism(&self) -> usize {
        self.parallelism
    }

    /// A session with the application's settings.
    pub fn new_session(self: &Arc<Self>, user_id: &str, session_id: &str) -> Arc<Session> {
        Session::new(Arc::clone(self), user_id, session_id)
    }

    /// Memory pool and spill folder, made on the first call.
    pub(crate) fn runtime_env(&self) -> Result<Arc<RuntimeEnv>> {
        if let Some(env) = self.runtime_env.get() {
            return Ok(Arc::clone(&env.0));
        }
        let limit = memory::limit(self.setting("spark.driver.memory"))?;
        let fraction = std::num::NonZeroUsize::new(5).expect("5 is not zero");
        let pool = TrackConsumersPool::new(FairSpillPool::new(limit), fraction);
        let spill = spill_folders(self.setting("spark.local.dir"))
            .map_err(|error| firesteel_functions::kernel::from_datafusion(error.into()))?;
        let mode = match spill.is_empty() {
            true => DiskManagerMode::OsTmpDirectory,
            false => DiskManagerMode::Directories(spill.iter().map(|folder| folder.path().to_owned()).collect()),
        };
        let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(u64::MAX);
        let env = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(disk)
            .build_arc()
            .map_err(firesteel_functions::kernel::from_datafusion)?;
        Ok(Arc::clone(&self.runtime_env.get_or_init(|| (env, spill)).0))
    }

    /// Where cached rows go: `spark.memory.storageFraction` of the memory, then disk.
    pub(crate) fn storage(&self) -> Result<Arc<Storage>> {
        if let Some(storage) = self.storage.get() {
            return Ok(Arc::clone(storage));
        }
        let limit = memory::limit(self.setting("spark.driver.memory"))?;
        let fraction = memory::fraction("spark.memory.storageFraction", self.setting("spark.memory.storageFraction"))?;
        let storage = Arc::new(Storage::new(self.runtime_env()?, (limit as f64 * fraction) as usize));
        Ok(Arc::clone(self.storage.get_or_init(|| storage)))
    }

    /// The catalog in a metastore file, or the one in memory, with a warehouse. Opens nothing.
    pub(crate) fn store(&self, metastore: Option<PathBuf>, warehouse: PathBuf) -> Arc<Store> {
        let mut stores = self.stores.lock().expect("no panics while locked");
        let store = stores.entry((metastore.clone(), warehouse.clone())).or_insert_with(|| {
            Arc::new(match metastore {
                Some(path) => Store::in_file(path, warehouse),
                None => Store::in_memory(warehouse),
            })
        });
        Arc::clone(store)
    }

    fn setting(&self, key: &str) -> Option<&str> {
        self.conf.conf.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// A folder of this process in each of `spark.local.dir`. Without that setting one in the system's folder for temporary files; none
/// where that takes no files, which is no error until a query has to spill.
fn spill_folders(local_dir: Option<&str>) -> std::io::Result<Vec<Folder>> {
    let Some(folders) = local_dir else { return Ok(Folder::new(SPILL).into_iter().collect()) };
    let made = folders.split(',').map(|folder| {
        let folder = Path::new(folder.trim());
        std::fs::create_dir_all(folder)?;
        temporary::remove_abandoned_within(folder);
        Folder::within(folder, SPILL)
    });
    made.collect()
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Tasks at once for a master URL; None when it is no local one.
pub fn parallelism(master: &str) -> Option<usize> {
    let master = master.trim();
    if master == "local" {
        return Some(1);
    }
    let inside = master.strip_prefix("local[")?.strip_suffix(']')?;
    // `local[N, retries]`: a task is not tried again here, since it fails for reasons that stay.
    let count = inside.split(',').next()?.trim();
    if count == "*" { Some(available()) } else { count.parse().ok().filter(|n| *n > 0) }
}

/// `spark://..`, `yarn` and the like: what to say of them.
pub fn unsupported_master(master: &str) -> SparkError {
    SparkError::unsupported(format!("the master {master}"), "Use local, local[N] or local[*].")
}
