//! The `AddArtifacts` call: a stream of small uploads in batches and large ones in chunks, each with a checksum.
//!
//! Where they are stored is [`firesteel_engine::Artifacts`]' business.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use firesteel_engine::Session;
use firesteel_protocol::SparkError;
use firesteel_protocol::connect as pb;
use pb::add_artifacts_request::{ArtifactChunk, BeginChunkedArtifact, Payload};
use pb::add_artifacts_response::ArtifactSummary;

use crate::config;
use crate::error::{Failure, Result};

/// Uploads with this prefix are copied out of the session, to the absolute path that follows.
const FORWARD_TO_FS: &str = "forward_to_fs";
const ALLOW_LOCAL_DESTINATION: &str = "spark.sql.artifact.copyFromLocalToFs.allowDestLocal";

/// The uploads of one call. They are stored when the client has sent all of them.
#[derive(Default)]
pub(crate) struct Upload {
    /// In the order in which they came.
    artifacts: Vec<Artifact>,
    chunked: Option<Chunked>,
}

struct Artifact {
    name: String,
    /// Absent when a checksum did not match.
    data: Option<Bytes>,
}

/// A large upload on its way.
struct Chunked {
    name: String,
    data: BytesMut,
    total_bytes: i64,
    total_chunks: i64,
    chunks: i64,
    intact: bool,
}

impl Upload {
    /// Takes the next message.
    pub(crate) fn add(&mut self, payload: Option<Payload>) -> Result<()> {
        match payload {
            Some(Payload::Batch(batch)) => {
                self.require_no_chunked()?;
                for artifact in batch.artifacts {
                    let chunk = artifact.data.unwrap_or_default();
                    let data = intact(&chunk).then_some(chunk.data);
                    self.artifacts.push(Artifact { name: artifact.name, data });
                }
                Ok(())
            }
            Some(Payload::BeginChunk(begin)) => {
                self.require_no_chunked()?;
                self.begin(begin)
            }
            Some(Payload::Chunk(chunk)) => match &mut self.chunked {
                Some(_) => self.add_chunk(chunk),
                None => Err(requirement_failed()),
            },
            None => Err(Failure::unsupported_operation("Unsupported data transfer request: PAYLOAD_NOT_SET")),
        }
    }

    /// Stores everything and says what arrived intact.
    pub(crate) fn store(mut self, session: &Session) -> Result<Vec<ArtifactSummary>> {
        self.require_no_chunked()?;
        let mut summaries = vec![];
        for Artifact { name, data } in self.artifacts.drain(..) {
            let is_crc_successful = data.is_some();
            if let Some(data) = data {
                match name.strip_prefix(FORWARD_TO_FS) {
                    Some(target) if target.starts_with('/') => forward(session, Path::new(target), &data)?,
                    _ => session.artifacts().put(&name, data)?,
                }
            }
            summaries.push(ArtifactSummary { name, is_crc_successful });
        }
        Ok(summaries)
    }

    fn begin(&mut self, begin: BeginChunkedArtifact) -> Result<()> {
        // The client's number is a promise, not a reason to take that much memory.
        let capacity = usize::try_from(begin.total_bytes).unwrap_or(0).min(64 << 20);
        self.chunked = Some(Chunked {
            name: begin.name,
            data: BytesMut::with_capacity(capacity),
            total_bytes: begin.total_bytes,
            total_chunks: begin.num_chunks,
            chunks: 0,
            intact: true,
        });
        self.add_chunk(begin.initial_chunk.unwrap_or_default())
    }

    fn add_chunk(&mut self, chunk: ArtifactChunk) -> Result<()> {
        let chunked = self.chunked.as_mut().ok_or_else(requirement_failed)?;
        chunked.chunks += 1;
        chunked.intact &= intact(&chunk);
        chunked.data.extend_from_slice(&chunk.data);
        let processed = chunked.data.len();
        let Chunked { name, total_bytes, total_chunks, chunks, .. } = &*chunked;
        if chunks > total_chunks {
            return Err(Failure::runtime(format!(
                "Excessive data chunks for artifact: {name}, expected {total_chunks} chunks in total. \
                 Processed {processed} bytes out of {total_bytes} bytes."
            )));
        }
        if chunks < total_chunks {
            return Ok(());
        }
        if i64::try_from(processed).ok() != Some(*total_bytes) {
            return Err(Failure::runtime(format!(
                "Missing data chunks for artifact: {name}. Expected {total_chunks} chunks and received {chunks} \
                 chunks. Processed {processed} bytes out of {total_bytes} bytes."
            )));
        }
        let Chunked { name, data, intact, .. } = self.chunked.take().expect("looked at above");
        self.artifacts.push(Artifact { name, data: intact.then(|| data.freeze()) });
        Ok(())
    }

    fn require_no_chunked(&self) -> Result<()> {
        match self.chunked {
            None => Ok(()),
            Some(_) => Err(requirement_failed()),
        }
    }
}

fn requirement_failed() -> Failure {
    Failure::illegal_argument("requirement failed")
}

/// Writes an upload to a place that the session's user named. Spark refuses local places unless told otherwise.
fn forward(session: &Session, target: &Path, data: &[u8]) -> Result<()> {
    let allowed = config::option(session.conf(), ALLOW_LOCAL_DESTINATION)?.is_some_and(|value| value == "true");
    if !allowed {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_3161").into());
    }
    let parent = target.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(target, data))
        .map_err(|error| Failure::runtime(format!("cannot copy the local file to {}: {error}", target.display())))
}

fn intact(chunk: &ArtifactChunk) -> bool {
    let mut crc = flate2::Crc::new();
    crc.update(&chunk.data);
    i64::from(crc.sum()) == chunk.crc
}
