//! Which records schema inference looks at: option `samplingRatio`.
//!
//! The records are drawn as Spark draws them from one partition. An input that Spark reads in several partitions gives
//! other records, about as many.

use firesteel_functions::random::XorShiftRandom;
use firesteel_protocol::{Result, SparkError};

use crate::storage::InputFile;

/// Spark's seed for this.
const SEED: i64 = 1;

/// Draws records one after the other.
#[derive(Debug, Clone)]
pub struct Sampler(Option<(f64, XorShiftRandom)>);

impl Sampler {
    /// Draws that share of the records; all of them from 0.99 on.
    pub fn new(ratio: f64) -> Self {
        Self((ratio <= 0.99).then(|| (ratio, XorShiftRandom::new(SEED))))
    }

    /// Whether records are left out at all.
    pub fn is_partial(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the next record is looked at.
    pub fn takes(&mut self) -> bool {
        match &mut self.0 {
            Some((ratio, random)) => random.next_double() < *ratio,
            None => true,
        }
    }

    /// The files in the order of Spark's partitions, the largest first, and how many threads may read them: the
    /// records of a sample are drawn one after the other.
    pub fn order(&self, files: &[InputFile], parallelism: usize) -> (Vec<InputFile>, usize) {
        let mut files = files.to_vec();
        if self.is_partial() {
            files.sort_by_key(|file| std::cmp::Reverse(file.size_bytes));
        }
        (files, if self.is_partial() { 1 } else { parallelism })
    }

    /// Refuses a sample of files that are records as a whole: Spark draws those in another way.
    pub fn refuse_whole_files(&self) -> Result<()> {
        if self.is_partial() {
            return Err(SparkError::unsupported(
                "samplingRatio below 1 together with multiLine",
                "Leave samplingRatio out, or give a schema.",
            ));
        }
        Ok(())
    }
}
