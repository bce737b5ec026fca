//! The watermark of a query: how far event time has come, less the delay that rows are given.
//! Spark's `WatermarkTracker`.

use firesteel_plan::operator::watermark::EventTimes;

/// How several watermarks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Min,
    Max,
}

impl Policy {
    /// `spark.sql.streaming.multipleWatermarkPolicy`.
    pub fn of(text: &str) -> Self {
        if text.trim().eq_ignore_ascii_case("max") { Self::Max } else { Self::Min }
    }
}

/// The watermark.
#[derive(Debug)]
pub struct Watermark {
    policy: Policy,
    /// One for each `withWatermark`.
    own_ms: Vec<Option<i64>>,
    global_ms: i64,
}

impl Watermark {
    pub fn new(policy: Policy) -> Self {
        Self { policy, own_ms: vec![], global_ms: 0 }
    }

    /// Goes on from where another run stopped.
    pub fn restore(&mut self, ms: i64) {
        self.global_ms = ms;
    }

    /// Milliseconds since the epoch; 0 before any row.
    pub fn current_ms(&self) -> i64 {
        self.global_ms
    }

    /// Takes in the event times of a batch with each one's delay.
    pub fn update(&mut self, measured: &[(Option<EventTimes>, i64)]) {
        if measured.is_empty() {
            return;
        }
        self.own_ms.resize(measured.len(), None);
        for (own, (times, delay_ms)) in self.own_ms.iter_mut().zip(measured) {
            if let Some(times) = times {
                let new = times.max - delay_ms;
                *own = Some(own.map_or(new, |own| own.max(new)));
            } else if own.is_none() {
                *own = Some(0);
            }
        }
        let all = self.own_ms.iter().flatten().copied();
        let chosen = match self.policy {
            Policy::Min => all.min(),
            Policy::Max => all.max(),
        };
        self.global_ms = self.global_ms.max(chosen.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(max: i64) -> Option<EventTimes> {
        Some(EventTimes { min: 0, max, sum: 0, count: 1 })
    }

    #[test]
    fn the_slowest_counts_and_nothing_goes_back() {
        let mut watermark = Watermark::new(Policy::Min);
        watermark.update(&[(times(100), 10), (None, 0)]);
        assert_eq!(watermark.current_ms(), 0);
        watermark.update(&[(times(200), 10), (times(150), 0)]);
        assert_eq!(watermark.current_ms(), 150);
        watermark.update(&[(times(50), 10), (times(50), 0)]);
        assert_eq!(watermark.current_ms(), 150);
    }
}
