//! How much memory queries may take before they spill.

use firesteel_protocol::{Result, SparkError};

/// Bytes for `spark.driver.memory`; without it six tenths of the machine's memory.
pub fn limit(setting: Option<&str>) -> Result<usize> {
    match setting {
        Some(text) => parse("spark.driver.memory", text),
        None => Ok(machine().unwrap_or(2 << 30) / 10 * 6),
    }
}

/// `512m`, `4g`, `1024` (mebibytes, as in Spark's JVM settings).
pub fn parse(key: &str, text: &str) -> Result<usize> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: usize = match &lower[digits.len()..] {
        "b" => 1,
        "k" | "kb" => 1 << 10,
        "" | "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        _ => return Err(invalid(key, text)),
    };
    let count: usize = digits.trim().parse().map_err(|_| invalid(key, text))?;
    count.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(|| invalid(key, text))
}

/// A share between 0 and 1; Spark's default is a half.
pub fn fraction(key: &str, setting: Option<&str>) -> Result<f64> {
    let Some(text) = setting else { return Ok(0.5) };
    text.trim().parse().ok().filter(|share| (0.0..1.0).contains(share)).ok_or_else(|| {
        SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
            .with_message(format!("{key}: expected a number from 0 to 1, got \"{text}\""))
    })
}

fn invalid(key: &str, text: &str) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT")
        .with_message(format!("{key}: expected a size such as 512m or 4g, got \"{text}\""))
}

/// The machine's memory, or the container's where it is less.
fn machine() -> Option<usize> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    let total = kibibytes << 10;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(group.map_or(total, |group: usize| group.min(total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_and_without_units() {
        assert_eq!(parse("k", "512m").unwrap(), 512 << 20);
        assert_eq!(parse("k", "2G").unwrap(), 2 << 30);
        assert_eq!(parse("k", "100").unwrap(), 100 << 20);
        assert!(parse("k", "lots").is_err());
    }
}
