//! Defaults of columns that were added to a table: rows of older files have the value that the default had then.
//! Spark keeps it in the column's metadata as a SQL literal.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::Field;
use datafusion::scalar::ScalarValue;
use firesteel_functions::Env;
use firesteel_functions::cast::{EvalMode, cast_array};
use firesteel_protocol::types::json;

/// Spark's key of the value.
const EXISTS_DEFAULT: &str = "EXISTS_DEFAULT";

fn literal(field: &Field) -> Option<String> {
    let text = json::metadata_text(field.metadata()).filter(|text| text.contains(EXISTS_DEFAULT))?;
    let own: serde_json::Value = serde_json::from_str(&text).ok()?;
    own.get(EXISTS_DEFAULT)?.as_str().map(str::to_string)
}

/// Whether the column has one.
pub fn exists(field: &Field) -> bool {
    literal(field).is_some()
}

/// The value, if it is a literal of a simple type.
pub fn value(field: &Field) -> Option<ScalarValue> {
    let literal = literal(field)?;
    let text = match literal.split_once('\'') {
        Some((_, rest)) => rest.strip_suffix('\'')?.replace("\\'", "'").replace("\\\\", "\\"),
        None if literal == "NULL" => return ScalarValue::try_new_null(field.data_type()).ok(),
        None => literal.trim_end_matches(['L', 'D']).to_string(),
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let array = cast_array(&texts, field.data_type(), EvalMode::Try, &Env::default()).ok()?;
    ScalarValue::try_from_array(&array, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    #[test]
    fn literals_become_values() {
        let field = |data_type, text: &str| {
            let own = serde_json::json!({ EXISTS_DEFAULT: text }).to_string();
            let metadata = json::metadata(&own).unwrap_or_default();
            value(&Field::new("a", data_type, true).with_metadata(metadata))
        };
        assert_eq!(field(DataType::Int32, "5"), Some(ScalarValue::Int32(Some(5))));
        assert_eq!(field(DataType::Int64, "5L"), Some(ScalarValue::Int64(Some(5))));
        assert_eq!(field(DataType::Utf8, "'it\\'s'"), Some(ScalarValue::Utf8(Some("it's".into()))));
        assert_eq!(field(DataType::Date32, "DATE '1970-01-02'"), Some(ScalarValue::Date32(Some(1))));
    }
}
