//! Cuts a read into partitions, each with a WHERE of its own.

use arrow::datatypes::{DataType, Fields};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use super::database::Database;
use super::error::{not_a_number, requirement};
use super::options::Stride;

/// The conditions of the partitions; an empty one means all rows.
pub fn conditions(
    stride: &Stride,
    fields: &Fields,
    case_sensitive: bool,
    database: &dyn Database,
) -> Result<Vec<String>> {
    let same = |a: &str| if case_sensitive { a == stride.column } else { a.eq_ignore_ascii_case(&stride.column) };
    let Some(field) = fields.iter().find(|field| same(field.name())) else {
        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1286")
            .with("columnName", &stride.column)
            .with("schema", name::simple(&DataType::Struct(fields.clone()))));
    };
    match field.data_type() {
        kind if kind.is_numeric() => {}
        DataType::Date32 | DataType::Timestamp(..) => {
            return Err(SparkError::unsupported(
                "a partitionColumn of type date or timestamp",
                "Give the partitions' conditions in `predicates`.",
            ));
        }
        other => {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_1287")
                .with("dataType", name::simple(other))
                .with("numericType", "numeric")
                .with("dateType", "date")
                .with("timestampType", "timestamp"));
        }
    }
    let bound = |text: &str| text.trim().parse::<i64>().map_err(|_| not_a_number(text));
    let (lower, upper) = (bound(&stride.lower)?, bound(&stride.upper)?);
    if lower > upper {
        return Err(requirement(&format!(
            "Operation not allowed: the lower bound of partitioning column is larger than the upper bound. \
             Lower bound: {lower}; Upper bound: {upper}"
        )));
    }
    let column = database.quote(field.name());
    let starts = starts(lower, upper, stride.partitions);
    if starts.is_empty() {
        return Ok(vec![String::new()]);
    }
    let mut conditions = vec![format!("{column} < {} or {column} is null", starts[0])];
    for pair in starts.windows(2) {
        conditions.push(format!("{column} >= {} AND {column} < {}", pair[0], pair[1]));
    }
    conditions.extend(starts.last().map(|start| format!("{column} >= {start}")));
    Ok(conditions)
}

/// Where the second and every further partition begins. Spark spreads what its stride loses to rounding
/// over both ends.
fn starts(lower: i64, upper: i64, partitions: i64) -> Vec<i64> {
    let width = i128::from(upper) - i128::from(lower);
    let partitions = i128::from(partitions).min(width);
    if partitions <= 1 {
        return vec![];
    }
    let (lower, upper) = (i128::from(lower), i128::from(upper));
    // upper / n - lower / n to 18 digits; in units of 10^-18.
    let unit = 1_000_000_000_000_000_000_i128;
    let precise = half_even(upper * unit, partitions) - half_even(lower * unit, partitions);
    let stride = precise / unit;
    let lost = (precise - stride * unit) as f64 / unit as f64 * partitions as f64 / stride as f64;
    let aligned = lower + (lost / 2.0 * stride as f64 + 0.5).floor() as i128;
    (1..partitions).map(|at| i64::try_from(aligned + at * stride).unwrap_or(i64::MAX)).collect()
}

fn half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_those_of_spark() {
        assert_eq!(starts(0, 20, 4), [5, 10, 15]);
        // Spark 4.2.1 put 7, 3, 3 and 7 of the rows 0..20 into these.
        assert_eq!(starts(3, 17, 4), [7, 10, 13]);
        assert_eq!(starts(0, 2, 8), [1]);
        assert!(starts(0, 20, 1).is_empty());
        assert!(starts(5, 5, 4).is_empty());
    }
}
