//! The server in this process: where it listens, and how a Python program finds it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_engine::python::PoolConf;
use firesteel_engine::{Engine, EngineConf};
use firesteel_server::{Bound, ServerConf};
use firesteel_ui::Recorder;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::settings::Settings;
use crate::{client, python, shim};

/// Where a program's server is, and what it asks of its clients.
pub struct Connection {
    url: String,
    token: Option<String>,
    /// A port that is taken here and not served yet.
    bound: Option<Bound>,
}

impl Connection {
    /// A free port of this machine, for one program that knows the token.
    pub async fn here(settings: &Settings) -> Result<Self, String> {
        let token = Some(new_token()?);
        let conf = ServerConf { host: "127.0.0.1".to_owned(), port: 0, token, ..server_conf(settings)? };
        Self::bind(conf).await
    }

    /// An address that clients know, with the server's own settings.
    pub async fn at(host: IpAddr, port: u16, token: Option<String>, settings: &Settings) -> Result<Self, String> {
        let mut conf = server_conf(settings)?;
        (conf.host, conf.port, conf.token) = (host.to_string(), port, token);
        Self::bind(conf).await
    }

    /// A server that somebody else runs.
    pub fn elsewhere(url: &str) -> Self {
        Self { url: url.to_owned(), token: None, bound: None }
    }

    async fn bind(conf: ServerConf) -> Result<Self, String> {
        let token = conf.token.clone();
        let bound = firesteel_server::bind(conf).await.map_err(|error| error.to_string())?;
        let address = bound.address();
        // PySpark sends a token without TLS only to a host of this very name.
        let host = if address.ip().is_loopback() { "localhost".to_owned() } else { address.ip().to_string() };
        Ok(Self { url: format!("sc://{host}:{}", address.port()), token, bound: Some(bound) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Put the connection into the environment of a program.
    pub fn describe_to(&self, command: &mut Command) {
        command.env("SPARK_REMOTE", &self.url);
        if let Some(token) = &self.token {
            command.env("SPARK_CONNECT_AUTHENTICATE_TOKEN", token);
            command.env("no_grpc_proxy", no_proxy());
        }
    }

    /// Serve, if the server is to be here.
    pub fn host(mut self, settings: &Settings) -> Host {
        let (stop, stopped) = oneshot::channel::<()>();
        let mut own = None;
        let server = self.bound.take().map(|bound| {
            let engine = Engine::new(engine_conf(settings));
            let recorder = Recorder::attach(&engine);
            own = Some(Arc::clone(&recorder));
            tokio::spawn(async move {
                let shutdown = async move {
                    // A sender that is dropped stops the server just as one that sends.
                    let _ = stopped.await;
                };
                bound.serve(engine, Some(&recorder), shutdown).await.map_err(|error| error.to_string())
            })
        });
        Host { connection: self, stop: Some(stop), server, recorder: own }
    }
}

/// A running server; or none, where it is elsewhere.
pub struct Host {
    pub connection: Connection,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), String>>>,
    /// Event log and web UI.
    recorder: Option<Arc<Recorder>>,
}

impl Host {
    /// Returns when the server has ended, which it does not do by itself: the text says why.
    pub async fn failed(&mut self) -> String {
        match &mut self.server {
            None => std::future::pending().await,
            Some(server) => match server.await {
                Ok(Ok(())) => "the server has ended".to_owned(),
                Ok(Err(error)) => error,
                Err(error) => format!("the server has ended: {error}"),
            },
        }
    }

    /// Start the web UI, where it is wanted; its address.
    pub fn start_ui(&self) -> Option<String> {
        self.recorder.as_ref().and_then(|recorder| recorder.start())
    }

    /// Finish the event log: the program has ended.
    pub fn finish(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.close();
        }
    }

    /// Stop the server in good order.
    pub async fn stop(mut self) -> Result<(), String> {
        self.stop.take();
        let ended = match self.server.take() {
            None => Ok(()),
            Some(server) => server.await.map_err(|error| format!("the server has ended: {error}"))?,
        };
        self.finish();
        ended
    }
}

/// The engine's configuration from a run's settings.
pub fn engine_conf(settings: &Settings) -> EngineConf {
    EngineConf {
        conf: settings.pairs(),
        working_dir: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        app_name: settings.app_name().to_owned(),
        master: settings.master.clone(),
        python: python_conf(settings),
    }
}

/// The workers' interpreter is the one that Spark would take, else the program's own.
fn python_conf(settings: &Settings) -> PoolConf {
    let asked = settings.get("spark.pyspark.python").map(str::to_owned);
    let asked = asked.or_else(|| std::env::var("PYSPARK_PYTHON").ok().filter(|name| !name.is_empty()));
    let interpreter = match asked {
        Some(program) => python::locate(&program).or(Some(program.into())),
        None => python::find(settings).ok(),
    };
    let stem = client::directory_stem().map(|stem| ("FIRESTEEL_CLIENT_DIR".to_owned(), stem.display().to_string()));
    let run_dir = settings.run_dir.as_ref().map(|path| ("FIRESTEEL_RUN_DIR".to_owned(), path.display().to_string()));
    let modules = settings.list("spark.submit.pyFiles").into_iter().map(|file| {
        let path = PathBuf::from(file.strip_prefix("file://").or_else(|| file.strip_prefix("file:")).unwrap_or(file));
        match path.extension() {
            Some(extension) if extension == "py" => path.parent().unwrap_or(Path::new(".")).to_path_buf(),
            _ => path,
        }
    });
    PoolConf {
        interpreter,
        package: Arc::new(shim::directory),
        client: Some(Arc::new(client::install)),
        environment: stem.into_iter().chain(run_dir).collect(),
        modules: modules.collect(),
        working_dir: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        expected: settings.python_functions,
    }
}

fn server_conf(settings: &Settings) -> Result<ServerConf, String> {
    let mut conf = ServerConf::default();
    for (key, value) in &settings.conf {
        conf.apply(key, value).map_err(|error| error.to_string())?;
    }
    Ok(conf)
}

/// 128 random bits from the system.
fn new_token() -> Result<String, String> {
    use std::io::Read;

    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// gRPC sends even calls to this machine through a proxy where one is set, unless told not to.
fn no_proxy() -> String {
    let known = ["no_grpc_proxy", "no_proxy", "NO_PROXY"].iter().find_map(|name| std::env::var(name).ok());
    let others = known.filter(|list| !list.is_empty()).map(|list| format!(",{list}")).unwrap_or_default();
    format!("localhost,127.0.0.1{others}")
}
