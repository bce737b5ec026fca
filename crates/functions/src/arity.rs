//! The check of how many arguments a call has, which Spark makes when it looks a function up, before it looks at them.

use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::arity_table::{ARITIES, UNEVEN};

/// What Spark says that it expects of a call with so many arguments; None where it is content, or says so later.
fn refused(function: &str, actual: usize) -> Option<&'static str> {
    if let Ok(at) = ARITIES.binary_search_by(|(own, _)| (*own).cmp(function)) {
        let expected = ARITIES[at].1;
        let fits = match expected.strip_prefix("> ") {
            Some(least) => least.parse().is_ok_and(|least: usize| actual > least),
            None => expected.trim_matches(['[', ']']).split(", ").any(|number| number.parse() == Ok(actual)),
        };
        return (!fits).then_some(expected);
    }
    let (_, words) = UNEVEN.iter().find(|(own, _)| *own == function)?;
    Some(words[actual.min(words.len() - 1)]).filter(|expected| !expected.is_empty())
}

/// Whether Spark counts the arguments of a call when it looks the function up.
pub(crate) fn is_counted(function: &str) -> bool {
    matches!(function, "current_date" | "current_timestamp")
        || ARITIES.binary_search_by(|(own, _)| (*own).cmp(function)).is_ok()
        || UNEVEN.iter().any(|(own, _)| *own == function)
}

/// Checks the number of arguments of a call as written; functions that say so later pass.
pub fn check_arity(function: &str, actual: usize) -> Result<()> {
    let Some(expected) = refused(function, actual) else { return Ok(()) };
    Err(SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
        .with("functionName", name::quote(function))
        .with("expectedNum", expected)
        .with("actualNum", actual.to_string())
        .with("docroot", "https://spark.apache.org/docs/latest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(ARITIES.is_sorted());
    }

    #[test]
    fn numbers_are_read_in_all_their_forms() {
        assert!(check_arity("abs", 1).is_ok() && check_arity("abs", 2).is_err());
        assert!(check_arity("substring", 2).is_ok() && check_arity("substring", 4).is_err());
        assert!(check_arity("hour", 2).is_ok() && check_arity("hour", 0).is_err());
        assert!(check_arity("ceil", 1).is_ok() && check_arity("ceil", 3).is_err());
        assert!(check_arity("coalesce", 0).is_ok());
    }
}
