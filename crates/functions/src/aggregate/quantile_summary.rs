//! A summary of numbers from which quantiles come with a bounded error of rank: Greenwald and Khanna's, with the sizes and
//! roundings that make `percentile_approx` and `approxQuantile` give the members that Spark gives.

/// Values that wait to be sorted in.
const HEAD: usize = 50_000;

/// Samples from which on a summary is compressed.
const MANY: usize = 10_000;

/// The most bytes of a summary whose error is not tiny.
pub const MOST_BYTES: usize = HEAD * size_of::<f64>() + 2 * MANY * size_of::<Sample>();

/// A value that was seen, for all that came since the sample before.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    value: f64,
    /// How many values it stands for.
    weight: i64,
    /// By how many ranks it may be off.
    slack: i64,
}

/// The summary.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuantileSummary {
    head: Vec<f64>,
    samples: Vec<Sample>,
    /// Values in `samples`.
    count: i64,
}

impl QuantileSummary {
    /// Takes in a value. `error`: that of ranks, as a share of the count.
    pub fn insert(&mut self, value: f64, error: f64) {
        self.head.push(value);
        if self.head.len() >= HEAD {
            self.sort_in(error);
            if self.samples.len() >= MANY {
                self.shrink(error);
            }
        }
    }

    /// Brings everything into as few samples as the error allows.
    pub fn compress(&mut self, error: f64) {
        self.sort_in(error);
        self.shrink(error);
    }

    fn shrink(&mut self, error: f64) {
        let samples = std::mem::take(&mut self.samples);
        self.samples = compressed(&samples, 2.0 * error * self.count as f64);
    }

    fn sort_in(&mut self, error: f64) {
        let mut head = std::mem::take(&mut self.head);
        head.sort_by(f64::total_cmp);
        let old = std::mem::take(&mut self.samples);
        let mut old = old.into_iter().peekable();
        let last = head.len().saturating_sub(1);
        for (at, value) in head.into_iter().enumerate() {
            while let Some(before) = old.next_if(|sample| sample.value <= value) {
                self.samples.push(before);
            }
            self.count += 1;
            let extreme = self.samples.is_empty() || (old.peek().is_none() && at == last);
            let slack = if extreme { 0 } else { (2.0 * error * self.count as f64).floor() as i64 };
            self.samples.push(Sample { value, weight: 1, slack });
        }
        self.samples.extend(old);
    }

    /// Takes in what another saw; both are compressed.
    pub fn merge(&mut self, other: Self, error: f64) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        // Samples of one side are uncertain by what the other does not know.
        let of_other = (2.0 * error * other.count as f64).floor() as i64;
        let of_own = (2.0 * error * self.count as f64).floor() as i64;
        let own = std::mem::take(&mut self.samples);
        let mut merged = Vec::with_capacity(own.len() + other.samples.len());
        let (mut left, mut right) = (0, 0);
        while left < own.len() && right < other.samples.len() {
            let (next, doubt) = if own[left].value < other.samples[right].value {
                left += 1;
                (own[left - 1], if right > 0 { of_other } else { 0 })
            } else {
                right += 1;
                (other.samples[right - 1], if left > 0 { of_own } else { 0 })
            };
            merged.push(Sample { slack: next.slack + doubt, ..next });
        }
        merged.extend_from_slice(&own[left..]);
        merged.extend_from_slice(&other.samples[right..]);
        self.count += other.count;
        self.samples = compressed(&merged, 2.0 * error * self.count as f64);
    }

    /// The quantiles at these shares (0 to 1) of a compressed summary, in their order; None without values.
    pub fn quantiles(&self, shares: &[f64], error: f64) -> Option<Vec<f64>> {
        let (first, last) = (self.samples.first()?, self.samples.last()?);
        let widest = self.samples.iter().map(|sample| sample.weight + sample.slack).max()?;
        let target = widest / 2;
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|a, b| shares[*a].total_cmp(&shares[*b]));
        let mut found = vec![0.0; shares.len()];
        // The search for a greater share goes on where that for a lesser one ended.
        let (mut at, mut rank) = (0, first.weight);
        for place in order {
            let share = shares[place];
            found[place] = if share <= error || self.samples.len() == 1 {
                first.value
            } else if share >= 1.0 - error {
                last.value
            } else {
                let wanted = (share * self.count as f64).ceil() as i64;
                let end = self.samples.len() - 1;
                while at < end && !(rank + self.samples[at].slack - target <= wanted && wanted <= rank + target) {
                    at += 1;
                    rank += self.samples[at].weight;
                }
                self.samples[at].value
            };
        }
        Some(found)
    }

    /// The samples of a compressed summary as bytes: the count, then value, weight and slack of each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + 24 * self.samples.len());
        bytes.extend(self.count.to_le_bytes());
        for sample in &self.samples {
            bytes.extend(sample.value.to_le_bytes());
            bytes.extend(sample.weight.to_le_bytes());
            bytes.extend(sample.slack.to_le_bytes());
        }
        bytes
    }

    /// What [`Self::to_bytes`] wrote; an empty summary of other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let Some((count, samples)) = words.split_first() else { return Self::default() };
        let (samples, _) = samples.as_chunks::<3>();
        let sample = |[value, weight, slack]: &[[u8; 8]; 3]| Sample {
            value: f64::from_le_bytes(*value),
            weight: i64::from_le_bytes(*weight),
            slack: i64::from_le_bytes(*slack),
        };
        Self { head: vec![], samples: samples.iter().map(sample).collect(), count: i64::from_le_bytes(*count) }
    }
}

/// Neighbours as one, from the greatest down, while they stand for less than `threshold` ranks together. The least and the
/// greatest stay.
fn compressed(samples: &[Sample], threshold: f64) -> Vec<Sample> {
    let Some((greatest, below)) = samples.split_last() else { return vec![] };
    let mut kept = vec![];
    let mut open = *greatest;
    for sample in below.iter().skip(1).rev() {
        if ((sample.weight + open.weight + open.slack) as f64) < threshold {
            open.weight += sample.weight;
        } else {
            kept.push(open);
            open = *sample;
        }
    }
    kept.push(open);
    if let Some(least) = below.first().filter(|least| least.value <= open.value) {
        kept.push(*least);
    }
    kept.reverse();
    kept
}
