//! File and folder names: Spark's, so that Spark and Hive read what is written here.

/// The folder value of NULL and of the empty string.
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// `part-00000-<job>-c000.snappy.parquet`; in partition folders a dot stands before the counter.
pub fn part_file(partition: usize, job: &str, in_folder: bool, counter: usize, extension: &str) -> String {
    let mark = if in_folder { '.' } else { '-' };
    format!("part-{partition:05}-{job}{mark}c{counter:03}{extension}")
}

/// `part-00000-<job>_00003.c000.snappy.parquet`: a file of bucket 3.
pub fn bucket_file(partition: usize, job: &str, bucket: &str, counter: usize, extension: &str) -> String {
    format!("part-{partition:05}-{job}_{bucket}.c{counter:03}{extension}")
}

/// `name=value` with what Hive escapes escaped.
pub fn partition_folder(column: &str, value: Option<&str>) -> String {
    let mut folder = escape(column);
    folder.push('=');
    match value {
        None | Some("") => folder.push_str(NULL_PARTITION),
        Some(value) => folder.push_str(&escape(value)),
    }
    folder
}

/// Percent-encodes the ASCII characters that Spark's `ExternalCatalogUtils.escapePathName` does.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let special = matches!(
            c,
            '\u{1}'
                ..='\u{1f}'
                    | '"'
                    | '#'
                    | '%'
                    | '\''
                    | '*'
                    | '/'
                    | ':'
                    | '='
                    | '?'
                    | '\\'
                    | '\u{7f}'
                    | '{'
                    | '['
                    | ']'
                    | '^'
        );
        if special {
            escaped.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values are what Spark 4.2.1 wrote.
    #[test]
    fn folders_are_escaped_as_in_spark() {
        let cases = [
            ("a b", "k=a b"),
            ("x/y", "k=x%2Fy"),
            ("=%:", "k=%3D%25%3A"),
            ("", "k=__HIVE_DEFAULT_PARTITION__"),
            ("é☃", "k=é☃"),
            ("a\"c*?", "k=a%22c%2A%3F"),
            ("<>|[]{}^", "k=<>|%5B%5D%7B}%5E"),
            ("~#$&+,;`@!", "k=~%23$&+,;`@!"),
            ("\\", "k=%5C"),
            ("\u{7f}\n", "k=%7F%0A"),
            ("()-_'", "k=()-_%27"),
        ];
        for (value, folder) in cases {
            assert_eq!(partition_folder("k", Some(value)), folder);
        }
        assert_eq!(partition_folder("a b/c=d%", None), "a b%2Fc%3Dd%25=__HIVE_DEFAULT_PARTITION__");
    }

    #[test]
    fn files_are_named_as_in_spark() {
        assert_eq!(part_file(0, "u", false, 0, ".csv"), "part-00000-u-c000.csv");
        assert_eq!(part_file(12, "u", true, 1, ".snappy.parquet"), "part-00012-u.c001.snappy.parquet");
    }
}
