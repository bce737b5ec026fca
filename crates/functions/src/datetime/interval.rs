//! Reads intervals as text: `1 year 2 months`, `interval 3 days 4.5 seconds`.
//! Spark's `stringToInterval`.

/// Months, days and microseconds of a text of pairs of number and unit; `None` if it is not one.
pub fn parse_interval(text: &str) -> Option<(i32, i32, i64)> {
    let lower = super::iso::trim(text).to_ascii_lowercase();
    let mut rest = lower.as_str();
    if let Some(after) = rest.strip_prefix("interval") {
        rest = after.strip_prefix(|c: char| c.is_whitespace())?;
    }
    let (mut months, mut days, mut us) = (0_i32, 0_i32, 0_i64);
    let mut pairs = 0;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return (pairs > 0).then_some((months, days, us));
        }
        let (number, after) = number(rest)?;
        rest = after.trim_start();
        // `1hour` is none.
        if rest.len() == after.len() {
            return None;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (unit, after) = rest.split_at(end);
        if after.starts_with(|c: char| !c.is_whitespace()) {
            return None;
        }
        rest = after;
        pairs += 1;
        let unit = unit.strip_suffix('s').unwrap_or(unit);
        if number.fraction.is_some() && unit != "second" {
            return None;
        }
        let whole = number.whole;
        let times = |factor: i64| whole.checked_mul(factor);
        match unit {
            "year" => months = months.checked_add(i32::try_from(times(12)?).ok()?)?,
            "month" => months = months.checked_add(i32::try_from(whole).ok()?)?,
            "week" => days = days.checked_add(i32::try_from(times(7)?).ok()?)?,
            "day" => days = days.checked_add(i32::try_from(whole).ok()?)?,
            "hour" => us = us.checked_add(times(3_600_000_000)?)?,
            "minute" => us = us.checked_add(times(60_000_000)?)?,
            "second" => us = us.checked_add(times(1_000_000)?.checked_add(number.fraction.unwrap_or(0))?)?,
            "millisecond" => us = us.checked_add(times(1_000)?)?,
            "microsecond" => us = us.checked_add(whole)?,
            _ => return None,
        }
    }
}

struct Number {
    whole: i64,
    /// Microseconds, with the sign of the whole.
    fraction: Option<i64>,
}

fn number(text: &str) -> Option<(Number, &str)> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, text[1..].trim_start()),
        b'+' => (1, text[1..].trim_start()),
        _ => (1, text),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let digits = &rest[..end];
    rest = &rest[end..];
    let mut fraction = None;
    if let Some(after) = rest.strip_prefix('.') {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if end > 9 || (end == 0 && digits.is_empty()) {
            return None;
        }
        let nanos: i64 = format!("{:0<9}", &after[..end]).parse().ok()?;
        fraction = Some(sign * (nanos / 1_000));
        rest = &after[end..];
    } else if digits.is_empty() {
        return None;
    }
    let whole: i64 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    Some((Number { whole: sign * whole, fraction }, rest))
}

#[cfg(test)]
mod tests {
    use super::parse_interval;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_interval("10 minutes"), Some((0, 0, 600_000_000)));
        assert_eq!(parse_interval("INTERVAL 1 year -2 months 3 weeks 1.5 seconds"), Some((10, 21, 1_500_000)));
        assert_eq!(parse_interval("10"), None);
        assert_eq!(parse_interval("1.5 days"), None);
    }
}
