//! When a batch runs. Spark's `Trigger` and `TriggerExecutor`.

use std::time::Duration;

use firesteel_protocol::connect::write_stream_operation_start::Trigger as Message;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::options::illegal_argument;

/// When a batch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// As often as the interval says; 0 for as soon as there is something.
    ProcessingTime { interval_ms: i64 },
    /// One batch.
    Once,
    /// As many batches as it takes for what is there now.
    AvailableNow,
}

impl Trigger {
    /// Reads the client's wish.
    pub fn of(message: Option<&Message>) -> Result<Self> {
        match message {
            None => Ok(Self::ProcessingTime { interval_ms: 0 }),
            Some(Message::ProcessingTimeInterval(text)) => Ok(Self::ProcessingTime { interval_ms: interval_ms(text)? }),
            // Spark takes `once=False` of other clients for no trigger at all.
            Some(Message::Once(true)) => Ok(Self::Once),
            Some(Message::AvailableNow(true)) => Ok(Self::AvailableNow),
            Some(Message::Once(false) | Message::AvailableNow(false)) => Ok(Self::ProcessingTime { interval_ms: 0 }),
            Some(Message::ContinuousCheckpointInterval(text)) => {
                interval_ms(text)?;
                Err(SparkError::unsupported(
                    "continuous processing",
                    "Use the trigger processingTime: batches start within milliseconds.",
                ))
            }
            Some(Message::RealTimeBatchDuration(text)) => {
                interval_ms(text)?;
                Err(SparkError::unsupported(
                    "real-time mode",
                    "Use the trigger processingTime: batches start within milliseconds.",
                ))
            }
        }
    }

    /// How long to wait after a trigger that began at `started_ms`; `None`: no further one.
    pub fn pause(self, started_ms: i64, now_ms: i64, had_data: bool, polling_ms: u64) -> Option<Duration> {
        match self {
            Self::Once => None,
            Self::AvailableNow => had_data.then_some(Duration::ZERO),
            Self::ProcessingTime { interval_ms: 0 } => {
                Some(if had_data { Duration::ZERO } else { Duration::from_millis(polling_ms) })
            }
            Self::ProcessingTime { interval_ms } => {
                // Triggers keep to the multiples of the interval.
                let next = (started_ms.div_euclid(interval_ms) + 1) * interval_ms;
                let wait = next - now_ms;
                Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
            }
        }
    }
}

/// `10 seconds`.
fn interval_ms(text: &str) -> Result<i64> {
    let Some((months, days, us)) = firesteel_functions::datetime::parse_interval(text) else {
        return Err(unreadable(text));
    };
    if months != 0 {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_3262").with("interval", text));
    }
    let ms = i64::from(days) * 86_400_000 + us / 1000;
    if ms < 0 {
        return Err(illegal_argument("requirement failed: the interval of trigger should not be negative"));
    }
    Ok(ms)
}

fn unreadable(text: &str) -> SparkError {
    let word = text.split_whitespace().next().unwrap_or_default();
    let error = if word.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
        match text.split_whitespace().nth(1) {
            Some(unit) => SparkError::new("INVALID_INTERVAL_FORMAT.INVALID_UNIT").with("unit", unit),
            None => SparkError::new("INVALID_INTERVAL_FORMAT.MISSING_UNIT").with("word", word),
        }
    } else {
        SparkError::new("INVALID_INTERVAL_FORMAT.UNRECOGNIZED_NUMBER").with("number", word)
    };
    error.with("input", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triggers_keep_to_multiples() {
        let every = Trigger::ProcessingTime { interval_ms: 1000 };
        assert_eq!(every.pause(1200, 1500, true, 10), Some(Duration::from_millis(500)));
        assert_eq!(every.pause(1200, 2500, true, 10), Some(Duration::ZERO));
        assert_eq!(Trigger::Once.pause(0, 0, true, 10), None);
        assert_eq!(Trigger::AvailableNow.pause(0, 0, false, 10), None);
        assert!(interval_ms("foo").is_err() && interval_ms("-1 second").is_err());
        assert_eq!(interval_ms("1 minute 5 seconds").ok(), Some(65_000));
    }
}
