//! Where a write goes: the path as the user wrote it, as a local path, and as Spark prints it.

use std::path::{Component, Path, PathBuf};

use firesteel_protocol::{Result, SparkError};

/// A local folder to write to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Absolute.
    pub path: PathBuf,
    /// `file:/a/b`.
    pub display: String,
}

impl Target {
    /// Reads `/a/b`, `a/b`, `file:/a/b` and `file:///a/b`.
    pub fn parse(text: &str, working_dir: &Path) -> Result<Self> {
        let local = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => {
                if !scheme.eq_ignore_ascii_case("file") {
                    return Err(SparkError::unsupported(
                        format!("writing to {scheme}: paths"),
                        "Write to a local path and copy the files.",
                    ));
                }
                rest.strip_prefix("//").unwrap_or(rest)
            }
            _ => text,
        };
        let mut path = PathBuf::new();
        // Hadoop drops `.`, doubled and trailing slashes, and resolves `..` by its text.
        for component in working_dir.join(local).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    path.pop();
                }
                other => path.push(other),
            }
        }
        let display = format!("file:{}", path.display());
        Ok(Self { path, display })
    }

    /// `TASK_WRITE_FAILED` with its cause in the text, which Spark keeps for its logs.
    pub fn write_failed(&self, cause: impl std::error::Error + Send + Sync + 'static) -> SparkError {
        SparkError::new("TASK_WRITE_FAILED")
            .with_message(format!("Task failed while writing rows to {}. Caused by: {cause}", self.display))
            .with("path", self.display.clone())
            .with_source(cause)
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_hadoop_does() {
        let here = Path::new("/work/here");
        for (text, path) in [
            ("/a/b/", "/a/b"),
            ("a//b", "/work/here/a/b"),
            ("file:/a/b", "/a/b"),
            ("file:///a/./b/../c", "/a/c"),
            ("a:b", "/work/here/a:b"),
        ] {
            assert_eq!(Target::parse(text, here).map(|target| target.path).ok(), Some(PathBuf::from(path)), "{text}");
        }
        assert!(Target::parse("s3a://bucket/x", here).is_err());
    }
}
