//! The names in the first line of a CSV file.

use std::collections::HashMap;

use firesteel_protocol::SparkError;

use super::options::{CsvOptions, illegal_argument};
use super::tokenize::Tokenizer;

/// Spark's `makeSafeHeader`: names for columns that have none, numbers behind names that occur twice.
pub fn safe_names(tokenizer: &Tokenizer, record: &[u8], options: &CsvOptions) -> Vec<String> {
    let tokens = tokenizer.tokens();
    if !options.header {
        return (0..tokens.len()).map(|index| format!("_c{index}")).collect();
    }
    let names = texts(tokenizer, record);
    let key = |name: &String| if options.case_sensitive { name.clone() } else { name.to_lowercase() };
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in names.iter().flatten() {
        *counts.entry(key(name)).or_default() += 1;
    }
    let safe = |(index, name): (usize, Option<String>)| match name {
        Some(name) if !name.is_empty() && name != options.null_value => {
            if counts[&key(&name)] > 1 {
                format!("{name}{index}")
            } else {
                name
            }
        }
        _ => format!("_c{index}"),
    };
    names.into_iter().enumerate().map(safe).collect()
}

/// Spark's `CSVHeaderChecker`: with `enforceSchema=false` the names of a header must be those of the schema.
pub fn check(header: &[Option<String>], expected: &[&str], path: &str, options: &CsvOptions) -> Result<(), SparkError> {
    let source = format!("CSV file: {path}");
    if header.len() != expected.len() {
        return Err(illegal_argument(&format!(
            "Number of column in CSV header is not equal to number of fields in the schema:\n \
             Header length: {}, schema size: {}\n{source}",
            header.len(),
            expected.len()
        )));
    }
    let same = |a: &str, b: &str| if options.case_sensitive { a == b } else { a.to_lowercase() == b.to_lowercase() };
    for (name, expected_name) in header.iter().zip(expected) {
        let name = name.as_deref().unwrap_or("");
        if !same(name, expected_name) {
            let shown: Vec<&str> = header.iter().map(|name| name.as_deref().unwrap_or("null")).collect();
            return Err(illegal_argument(&format!(
                "CSV header does not conform to the schema.\n Header: {}\n Schema: {}\nExpected: {expected_name} but \
                 found: {name}\n{source}",
                shown.join(", "),
                expected.join(", "),
            )));
        }
    }
    Ok(())
}

/// The fields of a record as texts.
pub fn texts(tokenizer: &Tokenizer, record: &[u8]) -> Vec<Option<String>> {
    let text = |token: &super::tokenize::Token| {
        tokenizer.text(record, *token).map(|text| String::from_utf8_lossy(text).into_owned())
    };
    tokenizer.tokens().iter().map(text).collect()
}
