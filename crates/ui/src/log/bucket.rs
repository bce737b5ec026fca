//! Buckets of object stores, for threads that wait: list, read, write, delete. `sources::store` opens them.

use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use firesteel_sources::store;
use futures::{StreamExt, TryStreamExt};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

use crate::limits::Lookup;

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// `s3a://bucket/`, with the scheme that the user wrote.
    root: String,
}

/// What a list says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub key: String,
    pub size_bytes: u64,
    pub modified_ms: i64,
}

/// A store that takes longer for an answer is down.
const PATIENCE: Duration = Duration::from_secs(10);
/// A piece of a file may take so long.
const PATIENCE_TO_SEND: Duration = Duration::from_secs(60);
/// Files up to this size are sent in one piece, larger ones in pieces of it; S3 takes 10,000 pieces.
pub const PIECE: u64 = 8 << 20;

impl Bucket {
    /// The bucket of a URL, and how the keys of its folder begin: empty, or with a slash at the end.
    ///
    /// # Errors
    /// A setting makes no sense or cannot be kept: text for the user.
    pub fn of(url: &str, lookup: Lookup) -> Result<(Self, String), String> {
        let name = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        refuse(name, lookup)?;
        let setting = |key: &str| lookup(&format!("spark.hadoop.{key}"));
        let place = store::open(url, &setting).map_err(|error| error.to_string())?;
        let scheme = url.split_once("://").map_or("s3a", |(scheme, _)| scheme);
        let prefix = place.path.as_ref();
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok((Self { store: place.store, root: format!("{scheme}://{name}/") }, prefix))
    }

    /// What users call the object.
    pub fn url(&self, key: &str) -> String {
        format!("{}{key}", self.root)
    }

    /// The key of a URL of this bucket.
    pub fn key<'a>(&self, url: &'a FilePath) -> Option<&'a str> {
        url.to_str()?.strip_prefix(&self.root)
    }

    /// All objects of a folder and of those in it.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn list(&self, folder: &str) -> io::Result<Vec<Object>> {
        let prefix = path(folder.trim_end_matches('/'))?;
        let mut found = self.store.list(Some(&prefix).filter(|own| !own.as_ref().is_empty()));
        let mut all = vec![];
        // Each page of the list must come in time, and there may be many.
        while let Some(meta) = wait(PATIENCE, found.try_next())? {
            all.push(object(&meta));
        }
        Ok(all)
    }

    /// What is known of one object; None where there is none.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn find(&self, key: &str) -> io::Result<Option<Object>> {
        match wait(PATIENCE, self.store.head(&path(key)?)) {
            Ok(meta) => Ok(Some(object(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An object's bytes from a place on.
    ///
    /// # Errors
    /// There is no such object, or the store cannot be reached.
    pub fn read(&self, key: &str, from: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut options = GetOptions::default();
        if from > 0 {
            let size = self.find(key)?.map_or(0, |own| own.size_bytes);
            if from >= size {
                return Ok(Box::new(io::empty()));
            }
            options.range = Some(GetRange::Offset(from));
        }
        let answer = wait(PATIENCE, self.store.get_opts(&path(key)?, options))?;
        let mut chunks = answer.into_stream();
        let next = move || wait(PATIENCE, async { chunks.next().await.transpose() });
        Ok(Box::new(Chunks { next, chunk: io::Cursor::default() }))
    }

    /// Writes the first bytes of a file as an object, in pieces where they are many.
    ///
    /// # Errors
    /// The file cannot be read, the store not be reached, or it refuses.
    pub fn write_file(&self, key: &str, file: &FilePath, size_bytes: u64) -> io::Result<()> {
        let mut file = std::fs::File::open(file)?;
        let mut piece = |at: u64| -> io::Result<Vec<u8>> {
            let mut bytes = vec![];
            file.seek(SeekFrom::Start(at))?;
            file.by_ref().take(PIECE.min(size_bytes - at)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let key = path(key)?;
        if size_bytes <= PIECE {
            return wait(PATIENCE_TO_SEND, self.store.put(&key, piece(0)?.into())).map(drop);
        }
        let mut upload = wait(PATIENCE, self.store.put_multipart(&key))?;
        let sent = (0..size_bytes)
            .step_by(PIECE as usize)
            .try_for_each(|at| wait(PATIENCE_TO_SEND, upload.put_part(piece(at)?.into())))
            .and_then(|()| wait(PATIENCE_TO_SEND, upload.complete()).map(drop));
        sent.inspect_err(|_| {
            // Pieces of what did not become an object cost money; the error that came first is the one to tell.
            drop(wait(PATIENCE, upload.abort()));
        })
    }

    /// Deletes an object; one that is gone already is no error.
    ///
    /// # Errors
    /// The store cannot be reached, or refuses.
    pub fn delete(&self, key: &str) -> io::Result<()> {
        match wait(PATIENCE, self.store.delete(&path(key)?)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// An object's bytes as they come.
struct Chunks<N> {
    next: N,
    chunk: io::Cursor<Vec<u8>>,
}

impl<N, B> Read for Chunks<N>
where
    N: FnMut() -> io::Result<Option<B>>,
    B: AsRef<[u8]>,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match (self.next)()? {
                Some(chunk) => self.chunk = io::Cursor::new(chunk.as_ref().to_vec()),
                None => return Ok(0),
            }
        }
    }
}

/// Refuses what would protect less than the user thinks.
fn refuse(bucket: &str, lookup: Lookup) -> Result<(), String> {
    for name in ["encryption.algorithm", "server-side-encryption-algorithm", "assumed.role.arn", "proxy.host"] {
        for key in [format!("spark.hadoop.fs.s3a.bucket.{bucket}.{name}"), format!("spark.hadoop.fs.s3a.{name}")] {
            if let Some(value) = lookup(&key).filter(|value| !value.trim().is_empty()) {
                return Err(format!(
                    "{key} ({value}) is not supported: set encryption at the bucket, give keys, or set HTTPS_PROXY"
                ));
            }
        }
    }
    Ok(())
}

fn object(meta: &ObjectMeta) -> Object {
    Object {
        key: meta.location.as_ref().to_owned(),
        size_bytes: meta.size,
        modified_ms: meta.last_modified.timestamp_millis(),
    }
}

fn path(key: &str) -> io::Result<Path> {
    Path::parse(key).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Waits for an answer of the store, on a runtime of its own: threads of the event log have none.
fn wait<T>(patience: Duration, work: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("firesteel-store").enable_all().build().ok()
    });
    let runtime = made.as_ref().ok_or_else(|| io::Error::other("no thread for the store"))?;
    match runtime.block_on(async { tokio::time::timeout(patience, work).await }) {
        Ok(answer) => answer.map_err(|error| told(&error)),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the store cannot be reached: no answer in {} s", patience.as_secs()),
        )),
    }
}

/// An error in a line.
fn told(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    io::Error::new(kind, if is_unreachable(error) { format!("the store cannot be reached: {text}") } else { text })
}

/// Whether there was no answer at all.
fn is_unreachable(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(own) = cause {
        if let Some(http) = own.downcast_ref::<HttpError>() {
            return matches!(http.kind(), HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Timeout);
        }
        cause = own.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |url: &str, own: &'static str, value: &'static str| {
            let all = [("access.key", "a"), ("secret.key", "b"), ("endpoint.region", "eu-west-1"), (own, value)];
            Bucket::of(url, &|key| {
                let found = all.iter().rev().find(|(name, _)| key == format!("spark.hadoop.fs.s3a.{name}"));
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let (own, prefix) = of("s3a://logs/a/b/", "path.style.access", "true").unwrap();
        assert_eq!((own.url("a/b/x").as_str(), prefix.as_str()), ("s3a://logs/a/b/x", "a/b/"));
        assert_eq!(own.key(FilePath::new("s3a://logs/a/b/x")), Some("a/b/x"));
        assert!(of("s3a://logs", "path.style.access", "true").unwrap().1.is_empty());
        assert!(of("s3a://", "path.style.access", "true").is_err());
        assert!(of("s3a://b", "encryption.algorithm", "SSE-KMS").unwrap_err().contains("encryption.algorithm"));
    }
}
