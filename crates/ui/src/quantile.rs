//! Quantiles, taken as Spark takes them: a value that is there, at the rounded-down place.

/// The values at these shares of the sorted values.
pub fn quantiles(values: Vec<i64>, shares: &[f64]) -> Vec<i64> {
    let count = values.len();
    quantiles_among(values, count, shares)
}

/// The values at the places that these shares of `count` values would have.
pub fn quantiles_among(mut values: Vec<i64>, count: usize, shares: &[f64]) -> Vec<i64> {
    values.sort_unstable();
    let at = |share: f64| ((share * count as f64) as usize).min(count.saturating_sub(1));
    shares.iter().map(|share| values.get(at(*share)).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::quantiles;

    #[test]
    fn as_spark_takes_them() {
        assert_eq!(quantiles(vec![526, 509], &[0.05, 0.25, 0.5, 0.75, 0.95]), [509, 509, 526, 526, 526]);
        assert_eq!(quantiles(vec![], &[0.5]), [0]);
    }
}
