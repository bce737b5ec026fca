//! Listens for browsers: takes a free port, lets in who may come in, answers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri, header};
use tokio::net::TcpListener;

use super::conf::UiConf;
use super::route::{self, Reply, Stream};
use super::view::{Query, View, decoded};
use crate::json::now_ms;
use crate::recorder::Live;

/// Answers requests; one for a running application, another for the history server.
pub trait Site: Send + Sync + 'static {
    fn answer(&self, request: &Request) -> Reply;
}

/// What a browser asks.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: Query,
    /// The fields of a form.
    pub form: Query,
}

impl Request {
    /// The parts of the path.
    pub fn parts(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }
}

/// Takes the port, or the next one that is free.
///
/// # Errors
/// No port is free, or the address is none of this machine: text for the user.
pub async fn bind(conf: &UiConf) -> Result<TcpListener, String> {
    let mut port = conf.port;
    for attempt in 0..=conf.retries {
        match TcpListener::bind((conf.host.as_str(), port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && attempt < conf.retries && port > 0 => {
                port = port.checked_add(1).unwrap_or(1024);
            }
            Err(error) => return Err(format!("cannot listen on {}:{port}: {error}", conf.host)),
        }
    }
    Err(format!("no free port from {} on", conf.port))
}

/// The address that people open.
pub fn url(listener: &TcpListener) -> Option<String> {
    let address = listener.local_addr().ok()?;
    let host = match address.ip() {
        ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    Some(format!("http://{host}:{}", address.port()))
}

/// Serves a site for ever.
///
/// # Errors
/// The socket fails.
pub async fn serve(listener: TcpListener, site: Arc<dyn Site>) -> std::io::Result<()> {
    let only_here = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let router = Router::new().fallback(answer).with_state(Served { site, only_here });
    axum::serve(listener, router).await
}

#[derive(Clone)]
struct Served {
    site: Arc<dyn Site>,
    /// Only this machine is meant to see it.
    only_here: bool,
}

/// A form has a few fields at most.
const MAX_FORM: usize = 16 << 10;

async fn answer(
    State(served): State<Served>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let reply = match checked(&served, &method, &headers) {
        Err(reply) => reply,
        Ok(()) => {
            let form = match axum::body::to_bytes(body, MAX_FORM).await {
                Ok(bytes) => Query::parse(&String::from_utf8_lossy(&bytes)),
                Err(_) => return respond(Reply::text(413, "The form is too large"), &method),
            };
            let path = decoded(uri.path());
            let query = Query::parse(uri.query().unwrap_or(""));
            let request = Request { method: method.clone(), path, query, form };
            match route::asset(&request.path) {
                Some(reply) => reply,
                None => {
                    let site = Arc::clone(&served.site);
                    let made = tokio::task::spawn_blocking(move || site.answer(&request)).await;
                    made.unwrap_or_else(|_| route::plain_error(500, "Something broke", "The page could not be made."))
                }
            }
        }
    };
    respond(reply, &method)
}

/// Refuses what no honest browser sends.
fn checked(served: &Served, method: &Method, headers: &HeaderMap) -> Result<(), Reply> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let host = text(header::HOST);
    if served.only_here && !is_address(host) {
        // A name of somebody else's that leads here would let their page read this one.
        return Err(Reply::text(421, "This server answers to localhost and to addresses only"));
    }
    match *method {
        Method::GET | Method::HEAD => Ok(()),
        Method::POST => {
            let origin = text(header::ORIGIN);
            let own = origin.is_empty() || origin.strip_prefix("http://").is_some_and(|origin| origin == host);
            let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("same-origin");
            if own && matches!(site, "same-origin" | "none") {
                Ok(())
            } else {
                Err(Reply::text(403, "The request comes from another site"))
            }
        }
        _ => Err(Reply::text(405, "GET and POST are the methods here")),
    }
}

/// `localhost` or an address, with or without a port.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or(""),
    };
    name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn respond(reply: Reply, method: &Method) -> Response<Body> {
    let mut response = Response::builder()
        .status(reply.status)
        .header(header::CONTENT_TYPE, reply.content_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        );
    if let Some(location) = reply.location {
        response = response.header(header::LOCATION, location);
    }
    if let Some(name) = reply.file_name {
        response = response.header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    }
    if reply.status == 405 {
        response = response.header(header::ALLOW, "GET, HEAD, POST");
    }
    if let Some(stream) = reply.stream.filter(|_| *method != Method::HEAD) {
        return response.body(streamed(stream)).unwrap_or_default();
    }
    let body = if *method == Method::HEAD { Bytes::new() } else { reply.body.into() };
    response.body(Body::from(body)).unwrap_or_default()
}

/// A body that another thread makes, no faster than it is read.
fn streamed(stream: Stream) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Vec<u8>>>(4);
    tokio::task::spawn_blocking(move || {
        let sent = stream(&mut |bytes| sender.blocking_send(Ok(bytes)).is_ok());
        if let Err(error) = sent {
            // A reader that is gone needs no error.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Body::from_stream(futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    }))
}

/// The thread of a running application's UI.
pub(crate) fn live(conf: &UiConf, live: &Arc<Live>) {
    live.wait_until_wanted();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::warn!("no web UI: {error}");
            return live.bound_at(None);
        }
    };
    runtime.block_on(async {
        match bind(conf).await {
            Ok(listener) => {
                live.bound_at(url(&listener));
                let site: Arc<dyn Site> = Arc::new(LiveSite { live: Arc::clone(live), conf: conf.clone() });
                if let Err(error) = serve(listener, site).await {
                    tracing::warn!("the web UI has ended: {error}");
                }
            }
            Err(problem) => {
                tracing::warn!("no web UI: {problem}. Set spark.ui.port, or spark.ui.enabled=false");
                live.bound_at(None);
            }
        }
    });
}

/// The UI of a running application.
struct LiveSite {
    live: Arc<Live>,
    conf: UiConf,
}

impl Site for LiveSite {
    fn answer(&self, request: &Request) -> Reply {
        let parts = request.parts();
        if request.method == Method::POST {
            return match parts.as_slice() {
                ["cancel"] => self.cancel(request),
                _ => Reply::text(405, "Nothing can be sent here"),
            };
        }
        let store = self.live.store();
        let path = parts.join("/");
        let view = View {
            store: &store,
            live: Some(&self.live),
            conf: &self.conf,
            base: &self.conf.root,
            path: &path,
            query: &request.query,
            now_ms: now_ms(),
        };
        match parts.as_slice() {
            [] => Reply::redirect(view.link("jobs/")),
            ["cancel"] => Reply::text(405, "Cancelling is sent by POST"),
            ["metrics", "executors", "prometheus"] if self.conf.prometheus => super::prometheus::executors(&view),
            ["api", "v1", rest @ ..] => route::api(&view, rest, &request.query),
            _ => route::page(&view),
        }
    }
}

impl LiveSite {
    fn cancel(&self, request: &Request) -> Reply {
        if !self.conf.kill {
            return Reply::text(403, "spark.ui.killEnabled is false");
        }
        let id = request.form.get("id").unwrap_or("");
        if self.live.cancel(id) {
            // Back to where the button was, which is one of two pages.
            let streams = self.live.store().streams.iter().any(|own| own.run_id == id);
            let page = if streams { "StreamingQuery" } else { "connect" };
            return Reply::redirect_after_post(format!("{}/{page}/", self.conf.root));
        }
        route::plain_error(404, "Nothing to cancel", "It has ended already, or there is no such operation.")
    }
}
