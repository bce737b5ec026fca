//! Table functions about the language itself: `sql_keywords()`, `collations()`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::Result;

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

/// `collations()`: those that are known here.
pub fn collations(call: &Call) -> Result<Generator> {
    call.arity(0)?;
    let known = ["UTF8_BINARY", "UTF8_BINARY_RTRIM", "UTF8_LCASE", "UTF8_LCASE_RTRIM"];
    let texts = |of: fn(&str) -> Option<&str>| Arc::new(known.iter().map(|own| of(own)).collect::<StringArray>());
    let columns: Vec<(&str, bool, ArrayRef)> = vec![
        ("CATALOG", false, texts(|_| Some("SYSTEM"))),
        ("SCHEMA", false, texts(|_| Some("BUILTIN"))),
        ("NAME", false, Arc::new(StringArray::from(known.to_vec()))),
        ("LANGUAGE", true, texts(|_| None)),
        ("COUNTRY", true, texts(|_| None)),
        ("ACCENT_SENSITIVITY", false, texts(|_| Some("ACCENT_SENSITIVE"))),
        (
            "CASE_SENSITIVITY",
            false,
            texts(|own| Some(if own.contains("LCASE") { "CASE_INSENSITIVE" } else { "CASE_SENSITIVE" })),
        ),
        ("PAD_ATTRIBUTE", false, texts(|own| Some(if own.ends_with("RTRIM") { "RTRIM" } else { "NO_PAD" }))),
        ("ICU_VERSION", true, texts(|_| None)),
    ];
    let fields = columns.iter().map(|(own, nullable, _)| Field::new(*own, DataType::Utf8, *nullable)).collect();
    rows(fields, columns.into_iter().map(|(.., column)| column).collect())
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
