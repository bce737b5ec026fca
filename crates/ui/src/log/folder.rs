//! Where logs are: a folder of this machine, or a bucket.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bucket::Bucket;
use super::find::Log;
use crate::limits::Lookup;

/// Where logs are.
#[derive(Debug, Clone)]
pub enum Folder {
    Local(PathBuf),
    /// A bucket, and how the keys in the folder begin: empty, or with a slash at the end.
    Bucket(Arc<Bucket>, String),
}

impl Folder {
    /// The folder that a path or URL names.
    ///
    /// # Errors
    /// A store that is not known, or one without what it needs: text for the user.
    pub fn of(text: &str, lookup: Lookup) -> Result<Self, String> {
        let text = text.trim();
        match text.split_once("://").map(|(scheme, _)| scheme) {
            Some("s3a" | "s3" | "s3n") => {
                let (bucket, prefix) = Bucket::of(text, lookup)?;
                Ok(Self::Bucket(Arc::new(bucket), prefix))
            }
            _ => local_folder(text).map(Self::Local),
        }
    }

    /// What REST calls it.
    pub fn url(&self) -> String {
        match self {
            Self::Local(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("file://{}", path.display())
            }
            Self::Bucket(bucket, prefix) => bucket.url(prefix).trim_end_matches('/').to_owned(),
        }
    }

    /// The text of a file's bytes, from a place on.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn read(&self, path: &Path, from: u64) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::Local(_) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(from))?;
                Ok(Box::new(file))
            }
            Self::Bucket(bucket, _) => bucket.read(key(bucket, path)?, from),
        }
    }

    /// Deletes a log.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn remove(&self, log: &Log) -> io::Result<()> {
        match self {
            Self::Local(_) if log.path.is_dir() => fs::remove_dir_all(&log.path),
            Self::Local(_) => fs::remove_file(&log.path),
            Self::Bucket(bucket, _) => {
                let own = key(bucket, &log.path)?;
                bucket.delete(own)?;
                let inner = bucket.list(&format!("{own}/"))?;
                inner.iter().try_for_each(|object| bucket.delete(&object.key))
            }
        }
    }

    /// Deletes one file of a log.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Local(_) => fs::remove_file(path),
            Self::Bucket(bucket, _) => bucket.delete(key(bucket, path)?),
        }
    }

    /// Puts a finished file of this machine in the place of another.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn place(&self, finished: &Path, path: &Path) -> io::Result<()> {
        match self {
            Self::Local(_) => fs::rename(finished, path),
            Self::Bucket(bucket, _) => {
                bucket.write_file(key(bucket, path)?, finished, fs::metadata(finished)?.len())?;
                fs::remove_file(finished)
            }
        }
    }
}

impl std::fmt::Display for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Bucket(bucket, prefix) => f.write_str(&bucket.url(prefix)),
        }
    }
}

fn key<'a>(bucket: &Bucket, path: &'a Path) -> io::Result<&'a str> {
    bucket.key(path).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// A folder of this machine, out of a path or `file:` URL.
fn local_folder(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
    if path.contains("://") {
        return Err(format!(
            "{text} is in a store that is not known: event logs are in folders of this machine (file:///...) and in S3 \
             (s3a://...). Mount it, and name where"
        ));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        let of = |text: &str| Folder::of(text, &|_| None);
        assert_eq!(of("file:///a/b").unwrap().to_string(), "/a/b");
        assert_eq!(of("/a").unwrap().to_string(), "/a");
        assert!(of("hdfs://name/logs").unwrap_err().contains("hdfs://name/logs is in a store that is not known"));
    }
}
