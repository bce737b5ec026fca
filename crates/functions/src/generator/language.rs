//! Table functions about the language itself: `sql_keywords()`, `collations()`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;
use firesteel_protocol::types::collation::{self, Collation, Family};

use crate::Call;
use crate::call::Generator;
use crate::kernel::from_arrow;

/// Spark's keywords, one a line; `reserved` stands behind those of the SQL standard.
const KEYWORDS: &str = include_str!("keywords.txt");

/// `sql_keywords()`: none is reserved, as Spark has it unless it is told to enforce them.
pub fn sql_keywords(call: &Call) -> Result<Generator> {
    call.arity(0)?;
    let words: Vec<&str> = KEYWORDS.lines().filter_map(|line| line.split(' ').next()).collect();
    let reserved = BooleanArray::from(vec![false; words.len()]);
    let fields = vec![Field::new("keyword", DataType::Utf8, false), Field::new("reserved", DataType::Boolean, false)];
    rows(fields, vec![Arc::new(StringArray::from(words)), Arc::new(reserved)])
}

/// A word of the SQL standard that Spark keeps for itself where it enforces reserved words.
pub fn is_reserved_word(word: &str) -> bool {
    KEYWORDS.lines().any(|line| line.strip_suffix(" reserved").is_some_and(|own| own.eq_ignore_ascii_case(word)))
}

/// Name, whether it may be NULL, what is in it.
pub type CollationColumn = (&'static str, bool, fn(&Collation) -> Option<&str>);

/// The columns of `collations()`, and of SHOW COLLATIONS but for the first two.
pub const COLLATION_COLUMNS: [CollationColumn; 9] = [
    ("CATALOG", false, |_| Some("SYSTEM")),
    ("SCHEMA", false, |_| Some("BUILTIN")),
    ("NAME", false, |own| Some(&own.name)),
    ("LANGUAGE", true, |own| own.language),
    ("COUNTRY", true, |own| own.country),
    ("ACCENT_SENSITIVITY", false, |own| {
        Some(if own.accent_sensitive { "ACCENT_SENSITIVE" } else { "ACCENT_INSENSITIVE" })
    }),
    ("CASE_SENSITIVITY", false, |own| Some(if own.case_sensitive { "CASE_SENSITIVE" } else { "CASE_INSENSITIVE" })),
    ("PAD_ATTRIBUTE", false, |own| Some(if own.trims { "RTRIM" } else { "NO_PAD" })),
    ("ICU_VERSION", true, |own| (own.family == Family::Unicode).then_some(ICU_VERSION)),
];

/// The version of the collation rules that Spark 4.2 tells.
const ICU_VERSION: &str = "78.3.0.0";

/// `collations()`.
pub fn collations(call: &Call) -> Result<Generator> {
    call.arity(0)?;
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (name, nullable, text) in COLLATION_COLUMNS {
        fields.push(Field::new(name, DataType::Utf8, nullable));
        columns.push(Arc::new(collation::all().iter().map(text).collect::<StringArray>()));
    }
    rows(fields, columns)
}

/// A generator of constant rows.
fn rows(fields: Vec<Field>, columns: Vec<ArrayRef>) -> Result<Generator> {
    let fields = Fields::from(fields);
    let structs = StructArray::try_new(fields.clone(), columns, None).map_err(from_arrow)?;
    let element = Arc::new(Field::new("element", DataType::Struct(fields.clone()), false));
    let offsets = OffsetBuffer::from_lengths([arrow::array::Array::len(&structs)]);
    let list = ListArray::try_new(element, offsets, Arc::new(structs), None).map_err(from_arrow)?;
    let list = Expr::Literal(ScalarValue::List(Arc::new(list)), None);
    Ok(Generator { list, fields: fields.iter().map(Arc::clone).collect(), outer: false })
}
