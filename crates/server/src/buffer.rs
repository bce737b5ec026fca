//! The responses of one operation between the query, which produces them, and the client, which reads
//! them, loses its connection and reads again.
//!
//! The query waits while too much is unread; what is read stays for a while, so that a reader can go back.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use firesteel_protocol::SparkError;
use firesteel_protocol::connect::ExecutePlanResponse;
use prost::Message;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::error::{Failure, Result};

/// The query waits when this many bytes are unread.
const MAX_UNREAD_BYTES: usize = 32 << 20;

/// Responses by their index, which counts from 1.
pub(crate) struct ResponseBuffer {
    state: Mutex<State>,
    /// A response, the end or another reader came.
    produced: Notify,
    /// Something was read.
    consumed: Notify,
    /// First half of every response's id.
    id_prefix: u64,
    /// Bytes that stay after they were read; 0 where nobody can reattach.
    retry_bytes: usize,
}

struct State {
    /// Without gaps; the first one has index `first`.
    responses: VecDeque<(ExecutePlanResponse, usize)>,
    first: u64,
    /// Highest index that a reader got.
    read: u64,
    unread_bytes: usize,
    read_bytes: usize,
    end: Option<Result<()>>,
    /// The reader that counts; any other one is cut off.
    reader: u64,
}

impl State {
    /// Index of the next response to come.
    fn next(&self) -> u64 {
        self.first + self.responses.len() as u64
    }

    fn drop_first(&mut self) {
        if let Some((_, size)) = self.responses.pop_front() {
            match self.first <= self.read {
                true => self.read_bytes -= size,
                false => self.unread_bytes -= size,
            }
            self.first += 1;
        }
    }
}

impl ResponseBuffer {
    /// An empty buffer that keeps `retry_bytes` for readers that go back.
    pub(crate) fn new(retry_bytes: usize) -> Self {
        let state = State {
            responses: VecDeque::new(),
            first: 1,
            read: 0,
            unread_bytes: 0,
            read_bytes: 0,
            end: None,
            reader: 0,
        };
        Self {
            state: Mutex::new(state),
            produced: Notify::new(),
            consumed: Notify::new(),
            id_prefix: Uuid::new_v4().as_u64_pair().0,
            retry_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds this lock")
    }

    /// Adds a response, after the readers have made room. Lost when the operation has ended.
    pub(crate) async fn push(&self, response: ExecutePlanResponse) {
        let size = response.encoded_len();
        loop {
            let consumed = self.consumed.notified();
            {
                let mut state = self.lock();
                if state.unread_bytes == 0 || state.unread_bytes + size <= MAX_UNREAD_BYTES || state.end.is_some() {
                    return self.append(&mut state, response, size);
                }
            }
            consumed.await;
        }
    }

    /// Adds a response that nobody misses when there is no room.
    pub(crate) fn offer(&self, response: ExecutePlanResponse) {
        let size = response.encoded_len();
        let mut state = self.lock();
        if state.unread_bytes + size <= MAX_UNREAD_BYTES {
            self.append(&mut state, response, size);
        }
    }

    fn append(&self, state: &mut State, mut response: ExecutePlanResponse, size: usize) {
        if state.end.is_some() {
            return;
        }
        response.response_id = self.response_id(state.next());
        state.responses.push_back((response, size));
        state.unread_bytes += size;
        self.produced.notify_waiters();
    }

    /// No more responses come. The first end counts.
    pub(crate) fn end(&self, end: Result<()>) {
        self.lock().end.get_or_insert(end);
        self.produced.notify_waiters();
        self.consumed.notify_waiters();
    }

    /// How the operation ended, when it has.
    pub(crate) fn ended(&self) -> Option<Result<()>> {
        self.lock().end.clone()
    }

    /// Makes a new reader the one that counts, and returns its number.
    pub(crate) fn attach(&self) -> u64 {
        let mut state = self.lock();
        state.reader += 1;
        self.produced.notify_waiters();
        state.reader
    }

    /// Whether the reader still counts.
    pub(crate) fn is_attached(&self, reader: u64) -> bool {
        self.lock().reader == reader
    }

    /// The response of an index, once it is there; nothing after the last one.
    pub(crate) async fn read(&self, reader: u64, index: u64) -> Result<Option<ExecutePlanResponse>> {
        loop {
            let produced = self.produced.notified();
            {
                let mut state = self.lock();
                if state.reader != reader {
                    return Err(Failure::disconnected());
                }
                if index < state.first {
                    return Err(self.not_available(index));
                }
                if index < state.next() {
                    return Ok(Some(self.take(&mut state, index)));
                }
                if let Some(end) = &state.end {
                    return end.clone().map(|()| None);
                }
            }
            produced.await;
        }
    }

    fn take(&self, state: &mut State, index: u64) -> ExecutePlanResponse {
        let at = usize::try_from(index - state.first).expect("an index in the buffer");
        let response = state.responses[at].0.clone();
        while state.read < index {
            let size = state.responses[usize::try_from(state.read + 1 - state.first).expect("in the buffer")].1;
            state.read += 1;
            state.unread_bytes -= size;
            state.read_bytes += size;
        }
        // The last one read stays where a reader can go back: a connection may break while it travels.
        let keep_last = self.retry_bytes > 0;
        while state.read_bytes > self.retry_bytes && state.first + u64::from(keep_last) <= state.read {
            state.drop_first();
        }
        self.consumed.notify_waiters();
        response
    }

    /// The index that follows a response.
    pub(crate) fn index_after(&self, response_id: &str) -> Result<u64> {
        self.index_of(response_id).map(|index| index + 1)
    }

    /// Forgets all responses up to one.
    pub(crate) fn release_until(&self, response_id: &str) -> Result<()> {
        let index = self.index_of(response_id)?;
        let mut state = self.lock();
        while state.first <= index && !state.responses.is_empty() {
            state.drop_first();
        }
        state.read = state.read.max(index);
        self.consumed.notify_waiters();
        Ok(())
    }

    /// Ids are made from the index, so that ids of released responses stay known.
    fn response_id(&self, index: u64) -> String {
        Uuid::from_u64_pair(self.id_prefix, VARIANT | index).to_string()
    }

    fn index_of(&self, response_id: &str) -> Result<u64> {
        let known = Uuid::parse_str(response_id).ok().map(|id| id.as_u64_pair());
        let index = known.filter(|(prefix, _)| *prefix == self.id_prefix).map(|(_, low)| low & !VARIANT);
        index
            .filter(|index| *index > 0 && *index < self.lock().next())
            .ok_or_else(|| SparkError::new("INVALID_CURSOR.POSITION_NOT_FOUND").with("responseId", response_id).into())
    }

    fn not_available(&self, index: u64) -> Failure {
        SparkError::new("INVALID_CURSOR.POSITION_NOT_AVAILABLE")
            .with("index", index.to_string())
            .with("responseId", self.response_id(index))
            .into()
    }
}

/// The bits that make 64 bits the second half of a UUID.
const VARIANT: u64 = 0b10 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(size: usize) -> ExecutePlanResponse {
        ExecutePlanResponse { session_id: "x".repeat(size), ..Default::default() }
    }

    #[tokio::test]
    async fn a_reader_can_go_back_until_responses_are_released() {
        let buffer = ResponseBuffer::new(1 << 20);
        for _ in 0..3 {
            buffer.push(response(10)).await;
        }
        buffer.end(Ok(()));
        let reader = buffer.attach();
        let first = buffer.read(reader, 1).await.unwrap().unwrap();
        assert_eq!(buffer.index_after(&first.response_id).unwrap(), 2);
        assert!(buffer.read(reader, 3).await.unwrap().is_some());
        assert!(buffer.read(reader, 4).await.unwrap().is_none());
        let again = buffer.attach();
        assert_eq!(buffer.read(again, 1).await.unwrap().unwrap().response_id, first.response_id);
        assert!(buffer.read(reader, 2).await.unwrap_err().message().contains("disconnected"));
        buffer.release_until(&first.response_id).unwrap();
        assert!(buffer.read(again, 1).await.unwrap_err().message().contains("no longer available"));
        assert_eq!(buffer.index_after(&first.response_id).unwrap(), 2);
        assert!(buffer.index_after("zzz").is_err());
    }

    #[tokio::test]
    async fn the_query_waits_for_its_reader() {
        let buffer = ResponseBuffer::new(0);
        buffer.push(response(MAX_UNREAD_BYTES - 100)).await;
        let reader = buffer.attach();
        let (second, first) = tokio::join!(buffer.push(response(1000)), buffer.read(reader, 1));
        assert_eq!(((), true), (second, first.unwrap().is_some()));
        assert_eq!(buffer.lock().responses.len(), 1);
    }
}
