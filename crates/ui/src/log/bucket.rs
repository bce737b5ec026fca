//! Buckets of S3 and of stores that speak its language: list, read, write, delete.
//!
//! [`super::sign`] signs, `ureq` speaks HTTP. Settings are those of Hadoop's S3A: `spark.hadoop.fs.s3a.*`.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use roxmltree::{Document, Node};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::sign::{Keys, Place};
use crate::json::now_ms;
use crate::limits::Lookup;

/// A bucket and how to reach it.
pub struct Bucket {
    agent: Agent,
    place: Place,
    /// None: the bucket is open to all.
    keys: Option<Keys>,
    /// `s3a://bucket/`, with the scheme that the user wrote.
    root: String,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("root", &self.root).finish_non_exhaustive()
    }
}

/// What a list says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    pub size_bytes: u64,
    pub modified_ms: i64,
}

/// A store that says nothing for so long is down.
const PATIENCE: Duration = Duration::from_secs(30);
/// A store that does not take a call for so long is not there.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(10);
/// Attempts where the network or the store fails.
const ATTEMPTS: u32 = 3;
/// Files up to this size are sent in one piece, larger ones in pieces of it; S3 takes 10,000 pieces.
pub const PIECE: u64 = 8 << 20;

impl Bucket {
    /// The bucket of a URL, and the key that follows it.
    ///
    /// # Errors
    /// A setting makes no sense or cannot be kept, or there are no keys: text for the user.
    pub fn of(url: &str, lookup: Lookup) -> Result<(Self, String), String> {
        let wrong = || format!("{url}: expected a bucket (example: s3a://bucket/folder)");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        if name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
            || prefix.split('/').any(|part| part == "." || part == "..")
        {
            return Err(wrong());
        }
        let conf = Conf { bucket: name, lookup };
        conf.refuse()?;
        let place = conf.place()?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(PATIENCE_TO_CONNECT))
            .timeout_recv_response(Some(PATIENCE))
            .build();
        let root = format!("{scheme}://{name}/");
        let own = Self { agent: config.new_agent(), place, keys: conf.keys()?, root };
        Ok((own, if prefix.is_empty() { String::new() } else { format!("{prefix}/") }))
    }

    /// What users call the object.
    pub fn url(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    /// The key of a URL of this bucket.
    pub fn key<'a>(&self, url: &'a Path) -> Option<&'a str> {
        url.to_str()?.strip_prefix(&self.root)
    }

    /// All objects whose keys begin so.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn list(&self, prefix: &str) -> io::Result<Vec<Object>> {
        let mut objects = vec![];
        let mut more: Option<String> = None;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", prefix)];
            query.extend(more.as_deref().map(|token| ("continuation-token", token)));
            let url = self.address("GET", "", &query);
            let text = text(self.asked(|| self.agent.get(&url).call())?)?;
            let page = Document::parse(&text).map_err(io::Error::other)?;
            let page = page.root_element();
            objects.extend(children(page, "Contents").map(|own| Object {
                key: value(own, "Key").unwrap_or_default().to_owned(),
                size_bytes: value(own, "Size").and_then(|size| size.parse().ok()).unwrap_or(0),
                modified_ms: value(own, "LastModified").map_or(0, time),
            }));
            more = value(page, "NextContinuationToken").filter(|token| !token.is_empty()).map(str::to_owned);
            if more.is_none() {
                return Ok(objects);
            }
        }
    }

    /// An object's bytes from a place on.
    ///
    /// # Errors
    /// There is no such object, or the store cannot be reached.
    pub fn read(&self, key: &str, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let url = self.address("GET", key, &[]);
        let range = format!("bytes={from}-");
        let answer = self.asked(|| {
            let request = self.agent.get(&url);
            if from > 0 { request.header("range", range.as_str()).call() } else { request.call() }
        });
        match answer {
            // Nothing is left from there on.
            Err(error) if from > 0 && error.kind() == io::ErrorKind::UnexpectedEof => Ok(Box::new(io::empty())),
            Err(error) => Err(error),
            Ok(answer) => Ok(Box::new(answer.into_body().into_reader())),
        }
    }

    /// Writes an object in one piece.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let url = self.address("PUT", key, &[]);
        self.asked(|| self.agent.put(&url).send(bytes)).map(drop)
    }

    /// Writes the first bytes of a file as an object, in pieces where they are many.
    ///
    /// # Errors
    /// The file cannot be read, the store not be reached, or it refuses.
    pub fn write_file(&self, key: &str, path: &Path, size_bytes: u64) -> io::Result<()> {
        let mut file = std::fs::File::open(path)?;
        let mut piece = |at: u64| -> io::Result<Vec<u8>> {
            let mut bytes = vec![];
            file.seek(SeekFrom::Start(at))?;
            file.by_ref().take(PIECE.min(size_bytes - at)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        if size_bytes <= PIECE {
            return self.write(key, &piece(0)?);
        }
        let url = self.address("POST", key, &[("uploads", "")]);
        let begun = text(self.asked(|| self.agent.post(&url).send_empty())?)?;
        let begun = Document::parse(&begun).map_err(io::Error::other)?;
        let upload = value(begun.root_element(), "UploadId").ok_or_else(|| io::Error::other("no UploadId"))?;
        let mut send = || -> io::Result<()> {
            let mut parts = String::new();
            for (number, at) in (1..).zip((0..size_bytes).step_by(PIECE as usize)) {
                let bytes = piece(at)?;
                let url = self.address("PUT", key, &[("partNumber", &i32::to_string(&number)), ("uploadId", upload)]);
                let answer = self.asked(|| self.agent.put(&url).send(bytes.as_slice()))?;
                let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok());
                let tag = tag.ok_or_else(|| io::Error::other("the store gave no ETag for a piece"))?;
                let tag = tag.replace('&', "&amp;").replace('<', "&lt;");
                parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
            }
            let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
            let url = self.address("POST", key, &[("uploadId", upload)]);
            let text = text(self.asked(|| self.agent.post(&url).send(body.as_bytes()))?)?;
            // The store may refuse after it has said yes.
            if text.contains("<Error>") { Err(io::Error::other(told(&text))) } else { Ok(()) }
        };
        send().inspect_err(|_| {
            // Pieces of what did not become an object cost money.
            drop(self.agent.delete(self.address("DELETE", key, &[("uploadId", upload)])).call());
        })
    }

    /// Deletes an object; one that is gone already is no error.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn delete(&self, key: &str) -> io::Result<()> {
        let url = self.address("DELETE", key, &[]);
        match self.asked(|| self.agent.delete(&url).call()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Sends a request, again where the network or the store fails.
    fn asked(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> io::Result<Response<Body>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let (problem, again) = match send() {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => {
                    let status = answer.status();
                    let text = text(answer).map(|text| told(&text)).unwrap_or_default();
                    let kind = match status.as_u16() {
                        404 => io::ErrorKind::NotFound,
                        401 | 403 => io::ErrorKind::PermissionDenied,
                        416 => io::ErrorKind::UnexpectedEof,
                        _ => io::ErrorKind::Other,
                    };
                    let again = status.is_server_error() || status.as_u16() == 429;
                    (io::Error::new(kind, format!("the store answers {status} {text}").trim_end().to_owned()), again)
                }
                Err(error) => (io::Error::other(format!("the store cannot be reached: {error}")), true),
            };
            if !again || attempt >= ATTEMPTS {
                return Err(problem);
            }
            std::thread::sleep(Duration::from_millis(200) * attempt * attempt);
        }
    }

    fn address(&self, method: &str, key: &str, query: &[(&str, &str)]) -> String {
        let now: DateTime<Utc> = DateTime::from_timestamp_millis(now_ms()).unwrap_or_default();
        self.place.address(method, key, query, self.keys.as_ref(), now)
    }
}

/// An answer that is no object.
fn text(mut answer: Response<Body>) -> io::Result<String> {
    answer.body_mut().read_to_string().map_err(io::Error::other)
}

fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |own| own.tag_name().name() == name)
}

fn value<'a>(node: Node<'a, 'a>, name: &'static str) -> Option<&'a str> {
    children(node, name).next().map(|own| own.text().unwrap_or(""))
}

/// What an error of the store says.
fn told(xml: &str) -> String {
    let part = |name: &str| {
        let rest = xml.split_once(&format!("<{name}>"))?.1;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    };
    match (part("Code"), part("Message")) {
        (Some(code), Some(message)) => format!("({code}: {message})"),
        (Some(code), None) => format!("({code})"),
        _ => String::new(),
    }
}

fn time(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).map_or(0, |time| time.timestamp_millis())
}

/// S3A's settings: of this bucket, or of all.
struct Conf<'a> {
    bucket: &'a str,
    lookup: Lookup<'a>,
}

impl Conf<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let own = (self.lookup)(&format!("spark.hadoop.fs.s3a.bucket.{}.{name}", self.bucket));
        let text = own.or_else(|| (self.lookup)(&format!("spark.hadoop.fs.s3a.{name}")))?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn is(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |text| text.eq_ignore_ascii_case("true"))
    }

    /// Refuses what would protect less than the user thinks.
    fn refuse(&self) -> Result<(), String> {
        for name in ["encryption.algorithm", "server-side-encryption-algorithm", "assumed.role.arn", "proxy.host"] {
            if let Some(value) = self.get(name) {
                return Err(format!(
                    "spark.hadoop.fs.s3a.{name} ({value}) is not supported: set encryption at the bucket, give keys, or set HTTPS_PROXY"
                ));
            }
        }
        Ok(())
    }

    fn region(&self) -> String {
        let region = self.get("endpoint.region").or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        region.unwrap_or_else(|| "us-east-1".into())
    }

    /// Where the store is.
    fn place(&self) -> Result<Place, String> {
        let region = self.region();
        let given = self.get("endpoint").or_else(|| env("AWS_ENDPOINT_URL_S3")).or_else(|| env("AWS_ENDPOINT_URL"));
        let endpoint = given.unwrap_or_else(|| format!("s3.{region}.amazonaws.com"));
        let plain = if self.is("connection.ssl.enabled", true) { "https" } else { "http" };
        let (scheme, host) = endpoint.split_once("://").unwrap_or((plain, &endpoint));
        let host = host.trim_end_matches('/');
        let known = host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        if host.is_empty() || !known || !matches!(scheme, "http" | "https") {
            return Err(format!(
                "spark.hadoop.fs.s3a.endpoint is {endpoint}: expected an address (example: https://host:9000)"
            ));
        }
        let host = host.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(host);
        // Names of buckets cannot stand before an address.
        let name = host.split(':').next().unwrap_or_default();
        let is_address = name == "localhost" || host.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
        let in_path = self.is("path.style.access", false) || is_address || self.bucket.contains('.');
        let (host, root) = if in_path {
            (host.to_owned(), format!("/{}/", self.bucket))
        } else {
            (format!("{}.{host}", self.bucket), "/".to_owned())
        };
        Ok(Place { scheme: scheme.to_owned(), host, root, region })
    }

    /// Keys out of the settings, or of the environment.
    fn keys(&self) -> Result<Option<Keys>, String> {
        let keys = |access: Option<String>, secret: Option<String>, token: Option<String>| {
            Some(Keys { access: access?, secret: secret?, token })
        };
        let own = keys(self.get("access.key"), self.get("secret.key"), self.get("session.token"));
        let provider = self.get("aws.credentials.provider").unwrap_or_default();
        if own.is_none() && provider.contains("Anonymous") {
            return Ok(None);
        }
        let own =
            own.or_else(|| keys(env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")));
        own.map(Some).ok_or_else(|| {
            format!(
                "there are no keys for the bucket {}: set spark.hadoop.fs.s3a.access.key and .secret.key, or AWS_ACCESS_KEY_ID \
                 and AWS_SECRET_ACCESS_KEY (roles of machines and profiles are not supported)",
                self.bucket
            )
        })
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(url: &str, conf: &[(&str, &str)]) -> Result<(Bucket, String), String> {
        let keys = [("access.key", "a"), ("secret.key", "b"), ("endpoint.region", "eu-west-1")];
        let all: Vec<_> = keys.iter().chain(conf).collect();
        Bucket::of(url, &|key| {
            let own = all.iter().rev().find(|(own, _)| key == format!("spark.hadoop.fs.s3a.{own}"));
            own.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn addresses() {
        let (own, prefix) = bucket("s3a://logs/a/b/", &[("endpoint", "s3.eu-west-1.amazonaws.com")]).unwrap();
        assert_eq!((own.url("a/b/x").as_str(), prefix.as_str()), ("s3a://logs/a/b/x", "a/b/"));
        assert_eq!(own.place.host.as_str(), "logs.s3.eu-west-1.amazonaws.com");
        let local = [("endpoint", "127.0.0.1:9000"), ("connection.ssl.enabled", "false")];
        let (own, prefix) = bucket("s3://logs", &local).unwrap();
        assert_eq!(
            (own.place.host.as_str(), own.place.root.as_str(), prefix.as_str()),
            ("127.0.0.1:9000", "/logs/", "")
        );
        for (url, conf) in [
            ("s3a://", ("endpoint", "x")),
            ("s3a://b/../c", ("endpoint", "x")),
            ("s3a://b", ("encryption.algorithm", "SSE-KMS")),
            ("s3a://b", ("endpoint", "ftp://x")),
        ] {
            assert!(bucket(url, &[conf]).is_err(), "{url}");
        }
    }

    #[test]
    fn errors_of_stores() {
        let text = "<Error><Code>NoSuchBucket</Code><Message>It does not exist</Message></Error>";
        assert_eq!(told(text), "(NoSuchBucket: It does not exist)");
        assert_eq!(time("1970-01-01T00:00:01.500Z"), 1500);
    }
}
