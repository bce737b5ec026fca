//! Listens, lets in who may come in, and stops.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use firesteel_engine::{Endpoint, Engine};
use firesteel_protocol::connect::spark_connect_service_server::SparkConnectServiceServer;
use firesteel_ui::Recorder;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use crate::execute::AbortOnDrop;
use crate::service::Service;
use crate::session::Sessions;
use crate::settings;

/// Stack of each thread: plans are as deep as a user's loop is long, and messages nest with them.
/// Memory is taken as it is used.
const STACK_BYTES: usize = 256 << 20;
/// Open calls get this long to end after the server was told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// How often idle sessions and abandoned operations are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What the server needs to know before it starts; the Spark key of each field is in [`ServerConf::apply`].
#[derive(Debug, Clone)]
pub struct ServerConf {
    /// Name or address to listen on.
    pub host: String,
    /// Port; 0 for any free one.
    pub port: u16,
    /// Who does not send this token is refused; without one, all are let in.
    pub token: Option<String>,
    /// A session is closed when it was idle for longer.
    pub session_timeout: Duration,
    /// An operation is stopped when its client stayed away for longer.
    pub detached_timeout: Duration,
    /// Time between reports of progress; none, no reports.
    pub progress_interval: Option<Duration>,
    /// Bytes of results that stay for clients that lost them.
    pub retry_buffer_bytes: usize,
    /// Results are put together to messages of about this size.
    pub target_batch_bytes: usize,
    /// Results in larger messages are split, unless a single row is larger.
    pub max_batch_bytes: usize,
    /// Messages of clients that are larger are refused.
    pub max_request_bytes: usize,
}

impl Default for ServerConf {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 15002,
            token: None,
            session_timeout: Duration::from_secs(60 * 60),
            detached_timeout: Duration::from_secs(5 * 60),
            progress_interval: Some(Duration::from_millis(250)),
            // What is on its way when a connection breaks must fit: several messages and the sockets' buffers.
            retry_buffer_bytes: 32 << 20,
            target_batch_bytes: 3 << 20,
            // Some clients take no messages above 4 MiB unless told otherwise.
            max_batch_bytes: 4 << 20,
            max_request_bytes: 2 << 30,
        }
    }
}

impl ServerConf {
    /// The defaults, with the token of the environment (`SPARK_CONNECT_AUTHENTICATE_TOKEN`), which clients
    /// read as well. The key `spark.connect.authenticate.token` takes precedence.
    pub fn from_env() -> Self {
        let token = std::env::var("SPARK_CONNECT_AUTHENTICATE_TOKEN").ok().filter(|token| !token.is_empty());
        Self { token, ..Self::default() }
    }

    /// Sets a field by its Spark key. False when the key is not one of the server's.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<bool, ServeError> {
        let invalid = |want: &str| ServeError::InvalidValue {
            key: key.to_owned(),
            value: value.to_owned(),
            want: want.to_owned(),
        };
        let duration = |unit| settings::duration(value, unit).ok_or_else(|| invalid("a duration, e.g. 60m"));
        let bytes = || settings::bytes(value).filter(|size| *size > 0).ok_or_else(|| invalid("a size, e.g. 4m"));
        match key {
            "spark.connect.grpc.binding.address" => self.host = value.to_owned(),
            "spark.connect.grpc.binding.port" => {
                self.port = value.trim().parse().map_err(|_| invalid("a port, 0 to 65535"))?;
            }
            "spark.connect.authenticate.token" => self.token = Some(value.to_owned()),
            "spark.connect.session.manager.defaultSessionTimeout" => {
                self.session_timeout = duration(Duration::from_millis(1))?;
            }
            "spark.connect.execute.manager.detachedTimeout" => {
                self.detached_timeout = duration(Duration::from_millis(1))?;
            }
            PROGRESS_INTERVAL => {
                self.progress_interval = progress_interval(value).ok_or_else(|| invalid("a duration, e.g. 2s"))?;
            }
            "spark.connect.execute.reattachable.observerRetryBufferSize" => self.retry_buffer_bytes = bytes()?,
            "spark.connect.grpc.arrow.maxBatchSize" => self.max_batch_bytes = bytes()?,
            "spark.connect.grpc.maxInboundMessageSize" => self.max_request_bytes = bytes()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// How often clients hear of a query's progress, for the server or a session.
pub(crate) const PROGRESS_INTERVAL: &str = "spark.connect.progress.reportInterval";

/// Time between reports, or none of them for a negative number, as in Spark; `None` where the text is no duration.
#[expect(clippy::option_option, reason = "no reports, and no duration, are different answers")]
pub(crate) fn progress_interval(text: &str) -> Option<Option<Duration>> {
    if text.trim().starts_with('-') {
        return Some(None);
    }
    let interval = settings::duration(text, Duration::from_millis(1))?;
    Some(Some(interval.max(Duration::from_millis(10))))
}

/// Why the server does not run.
#[derive(Debug)]
pub enum ServeError {
    /// A configuration value makes no sense.
    InvalidValue { key: String, value: String, want: String },
    /// The place to listen on cannot be had.
    Bind { host: String, port: u16, source: io::Error },
    /// The runtime for queries cannot be made.
    Runtime(io::Error),
    /// The server failed while it ran.
    Transport(tonic::transport::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidValue { key, value, want } => write!(f, "conf `{key}`: expected {want}, got \"{value}\""),
            Self::Bind { host, port, source } => {
                write!(f, "cannot listen on {host}:{port}: {source}. ")?;
                match source.kind() {
                    io::ErrorKind::AddrInUse => write!(
                        f,
                        "Another program, perhaps another Spark Connect server, has the port: stop it, or choose \
                         another port (0 takes any free one; conf `spark.connect.grpc.binding.port`)."
                    ),
                    io::ErrorKind::PermissionDenied => write!(f, "Choose a port above 1023."),
                    _ => write!(
                        f,
                        "Choose an address of this machine, e.g. 127.0.0.1 (conf `spark.connect.grpc.binding.address`)."
                    ),
                }
            }
            Self::Runtime(source) => write!(f, "cannot start the threads of the server: {source}"),
            Self::Transport(source) => write!(f, "the server failed: {source}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidValue { .. } => None,
            Self::Bind { source, .. } | Self::Runtime(source) => Some(source),
            Self::Transport(source) => Some(source),
        }
    }
}

/// A runtime whose threads have the stack that deep plans need. Everything that touches plans runs on one.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_name("firesteel").thread_stack_size(STACK_BYTES).build()
}

/// A server that has its port and answers nobody yet.
#[derive(Debug)]
pub struct Bound {
    conf: ServerConf,
    listener: TcpListener,
    address: SocketAddr,
}

/// Takes the port.
pub async fn bind(conf: ServerConf) -> Result<Bound, ServeError> {
    let failed = |source| ServeError::Bind { host: conf.host.clone(), port: conf.port, source };
    let listener = TcpListener::bind((conf.host.as_str(), conf.port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { conf, listener, address })
}

/// Takes the port and serves until `shutdown`.
pub async fn serve(
    conf: ServerConf,
    engine: Arc<Engine>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    bind(conf).await?.serve(engine, None, shutdown).await
}

impl Bound {
    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that was taken.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves until `shutdown`, then stops all operations. What the recorder shows can be cancelled there.
    pub async fn serve(
        self,
        engine: Arc<Engine>,
        recorder: Option<&Recorder>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let queries = QueryRuntime(Some(runtime().map_err(ServeError::Runtime)?));
        {
            let _runtime = queries.handle().enter();
            engine.warm_python();
        }
        engine.set_endpoint(Endpoint { url: own_url(self.address), token: self.conf.token.clone() });
        let sessions = Arc::new(Sessions::new(engine));
        if let Some(recorder) = recorder {
            let sessions = Arc::downgrade(&sessions);
            recorder.set_cancel(Box::new(move |id| sessions.upgrade().is_some_and(|sessions| sessions.cancel(id))));
        }
        let conf = Arc::new(self.conf);
        let _sweeper = AbortOnDrop(tokio::spawn(sweep(sessions.clone(), conf.clone())));

        let service = Service { sessions: sessions.clone(), conf: conf.clone(), queries: queries.handle() };
        let service = SparkConnectServiceServer::new(service)
            .max_decoding_message_size(conf.max_request_bytes)
            .max_encoding_message_size(usize::MAX);
        let token = conf.token.as_deref().map(|token| format!("Bearer {token}"));
        let service = InterceptedService::new(service, move |request: Request<()>| {
            token.as_deref().map_or(Ok(()), |token| authenticate(&request, token))?;
            Ok(request)
        });

        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let stop = async move {
            shutdown.await;
            sessions.stop();
            let _ = stopping.send(());
        };
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20)
            .max_frame_size(1 << 20)
            // Clients that stop reading reset their streams; many do so at once when a program ends.
            .http2_max_pending_accept_reset_streams(Some(4096))
            .add_service(service)
            .serve_with_incoming_shutdown(TcpIncoming::from(self.listener).with_nodelay(Some(true)), stop);
        tokio::select! {
            result = server => result.map_err(ServeError::Transport),
            // A client may keep its connection for ever.
            () = async { if stopped.await.is_ok() { tokio::time::sleep(STOP_TIMEOUT).await } } => Ok(()),
        }
    }
}

/// How a process of this machine finds the server.
fn own_url(address: SocketAddr) -> String {
    // PySpark sends a token without TLS only to a host of this very name.
    let own = address.ip().is_loopback() || address.ip().is_unspecified();
    let host = if own { "localhost".to_owned() } else { address.ip().to_string() };
    format!("sc://{host}:{}", address.port())
}

/// Refuses a request that does not carry the token, in Spark's words.
fn authenticate(request: &Request<()>, token: &str) -> Result<(), Status> {
    match request.metadata().get("authorization") {
        None => Err(Status::unauthenticated("No authentication token provided")),
        Some(sent) if same(sent.as_bytes(), token.as_bytes()) => Ok(()),
        Some(_) => Err(Status::unauthenticated("Invalid authentication token")),
    }
}

/// Compares without telling by its time where the first difference lies.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differences, (l, r)| differences | (l ^ r)) == 0
}

async fn sweep(sessions: Arc<Sessions>, conf: Arc<ServerConf>) {
    // Short timeouts need short intervals.
    let shortest = conf.session_timeout.min(conf.detached_timeout) / 2;
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL.min(shortest).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        sessions.sweep(conf.session_timeout, conf.detached_timeout);
    }
}

/// The runtime that computes. It must not be dropped where async code runs, so it is left to end by itself.
struct QueryRuntime(Option<Runtime>);

impl QueryRuntime {
    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("taken in drop only").handle().clone()
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_set_fields() {
        let mut conf = ServerConf::default();
        assert!(conf.apply("spark.connect.grpc.binding.port", "0").unwrap());
        assert!(conf.apply("spark.connect.progress.reportInterval", "-1").unwrap());
        assert!(!conf.apply("spark.sql.ansi.enabled", "true").unwrap());
        assert_eq!((conf.port, conf.progress_interval), (0, None));
        let error = conf.apply("spark.connect.grpc.arrow.maxBatchSize", "x").unwrap_err();
        assert!(error.to_string().contains("expected a size"), "{error}");
    }

    #[tokio::test]
    async fn a_taken_port_is_explained() {
        let first = bind(ServerConf { port: 0, ..Default::default() }).await.unwrap();
        let error = bind(ServerConf { port: first.port(), ..Default::default() }).await.unwrap_err();
        assert!(error.to_string().contains("choose another port"), "{error}");
    }
}
