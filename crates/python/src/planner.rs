//! Questions to PySpark's own planning modules (`pyspark.sql.worker.*`), put and answered in the bytes in which the JVM
//! would: numbers of four bytes, texts and pickles after their length.

use bytes::Bytes;
use firesteel_protocol::{Result, SparkError};
use serde_json::json;

use crate::program::put;
use crate::{Program, PythonSession, task};

/// A question under way.
#[derive(Debug, Default)]
pub struct Question(Vec<u8>);

impl Question {
    /// A text, a pickle or anything else that goes after its length.
    #[must_use]
    pub fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        put(&mut self.0, bytes.as_ref());
        self
    }

    #[must_use]
    pub fn int(mut self, number: usize) -> Self {
        self.0.extend_from_slice(&(number as u32).to_be_bytes());
        self
    }

    /// A number of eight bytes.
    #[must_use]
    pub fn long(mut self, number: i64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    #[must_use]
    pub fn flag(mut self, flag: bool) -> Self {
        self.0.push(u8::from(flag));
        self
    }

    /// Options: how many, then keys and values.
    #[must_use]
    pub fn options(self, options: &[(String, String)]) -> Self {
        options.iter().fold(self.int(options.len()), |question, (key, value)| question.with(key).with(value))
    }

    /// Asks the module named `module`.
    pub async fn ask(self, session: &PythonSession, module: &str, python: &str) -> Result<Answer> {
        let details = json!({ "module": module, "python": python });
        let program = Program::new("plan", details, &[self.0.into()], false);
        let (_, told) = task::call(session, &program).await?;
        Ok(Answer(told))
    }
}

/// What was answered and not read yet.
#[derive(Debug)]
pub struct Answer(Bytes);

impl Answer {
    pub fn int(&mut self) -> Result<usize> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    /// A text or a pickle.
    pub fn bytes(&mut self) -> Result<Bytes> {
        let length = self.int()?;
        self.take(length)
    }

    pub fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|error| SparkError::internal(error.to_string()))
    }

    fn take(&mut self, length: usize) -> Result<Bytes> {
        if length > self.0.len() {
            return Err(SparkError::internal("a Python planner's answer is too short"));
        }
        Ok(self.0.split_to(length))
    }
}
