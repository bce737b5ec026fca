//! Values of the server's own configuration: sizes and durations as Spark writes them (`4m`, `60s`).

use std::time::Duration;

/// `250ms`, `2s`, `60m`, `1h`, `1d`; a bare number counts in `unit`.
pub(crate) fn duration(text: &str, unit: Duration) -> Option<Duration> {
    let (number, suffix) = split(text)?;
    let unit = match suffix.as_str() {
        "" => unit,
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" | "min" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        "d" => Duration::from_secs(86400),
        _ => return None,
    };
    unit.checked_mul(u32::try_from(number).ok()?)
}

/// `4m`, `512k`, `1g`, `1024b`; a bare number counts bytes.
pub(crate) fn bytes(text: &str) -> Option<usize> {
    let (number, suffix) = split(text)?;
    let shift = match suffix.trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    usize::try_from(number.checked_mul(1 << shift)?).ok()
}

fn split(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations() {
        assert_eq!(bytes("4m"), Some(4 << 20));
        assert_eq!(bytes("134217728b"), Some(134_217_728));
        assert_eq!(bytes("x"), None);
        assert_eq!(duration("60m", Duration::from_secs(1)), Some(Duration::from_secs(3600)));
        assert_eq!(duration("5", Duration::from_millis(1)), Some(Duration::from_millis(5)));
        assert_eq!(duration("-1", Duration::from_millis(1)), None);
    }
}
