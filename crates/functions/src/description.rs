//! What DESCRIBE FUNCTION tells of a built-in function; the facts are in `description_table`.

use crate::description_table::DESCRIPTIONS;

/// The package that classes of functions are in.
const PACKAGE: &str = "org.apache.spark.sql.catalyst.";

/// What is known of a built-in function.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    name: &'static str,
    class: &'static str,
    forms: &'static [&'static str],
    since: &'static str,
}

/// The description of a function of Spark's, by its name in small letters.
pub fn of(name: &str) -> Option<Description> {
    let at = DESCRIPTIONS.binary_search_by(|(own, ..)| (*own).cmp(name)).ok()?;
    let (name, class, forms, since) = DESCRIPTIONS[at];
    Some(Description { name, class, forms, since })
}

impl Description {
    /// The rows of DESCRIBE FUNCTION: class and usage, and with `extended` since when it is there.
    pub fn lines(&self, extended: bool) -> Vec<String> {
        let mut lines = vec![format!("Function: {}", self.name)];
        // What the parser knows has no class.
        if !self.class.is_empty() {
            lines.push(format!("Class: {PACKAGE}{}", self.class));
        }
        lines.push(match self.forms {
            [one] => format!("Usage: {one}"),
            several => format!("Usage: \n    {}\n  ", several.join("\n\n    ")),
        });
        if extended {
            lines.push(match self.since {
                "" => format!("Extended Usage:\n    No example/argument for {}.\n", self.name),
                since => format!("Extended Usage:\n    Since: {since}\n"),
            });
        }
        lines
    }
}
