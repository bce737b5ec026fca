//! What a function over groups remembers, by name: its variables with their schemas, as JSON. Numbers stay with names
//! from one run of a query to the next, and schemas may not change.

use arrow::datatypes::{DataType, Fields};
use bytes::Bytes;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use serde_json::{Value, json};

/// The one value of `applyInPandasWithState`.
pub fn of_group(state: &Fields) -> Bytes {
    let schema = json::to_json(&DataType::Struct(state.clone())).to_string();
    json!({ "variables": [{ "name": "state", "type": "GroupState", "schema": schema }] }).to_string().into()
}

/// Gives variables numbers: those that they had `before`, where there are any.
///
/// # Errors
/// A variable is of another kind or has another schema than before.
pub fn numbered(declared: &[u8], before: Option<&[u8]>) -> Result<Bytes> {
    let read = |bytes: &[u8]| -> Result<Value> {
        serde_json::from_slice(bytes)
            .map_err(|error| SparkError::internal(format!("the variables of a stateful function: {error}")))
    };
    let mut declared = read(declared)?;
    let before = before.map(read).transpose()?.unwrap_or_default();
    let old = before["variables"].as_array().cloned().unwrap_or_default();
    let mut last = old.iter().filter_map(|own| own["id"].as_u64()).max().unwrap_or(0);
    let mut all = vec![];
    for mut variable in declared["variables"].as_array().cloned().unwrap_or_default() {
        match old.iter().find(|own| own["name"] == variable["name"]) {
            Some(known) => {
                unchanged(known, &variable)?;
                variable["id"] = known["id"].clone();
            }
            None => {
                last += 1;
                variable["id"] = json!(last);
            }
        }
        all.push(variable);
    }
    // What is declared no more keeps its number: it may come back.
    all.extend(old.into_iter().filter(|own| !all.iter().any(|one| one["name"] == own["name"])).collect::<Vec<_>>());
    declared["variables"] = Value::Array(all);
    Ok(declared.to_string().into())
}

fn unchanged(old: &Value, new: &Value) -> Result<()> {
    let text = |own: &Value, key: &str| own[key].as_str().unwrap_or_default().to_string();
    if old["type"] != new["type"] {
        return Err(SparkError::new("STATE_STORE_INVALID_VARIABLE_TYPE_CHANGE")
            .with("stateVarName", text(old, "name"))
            .with("oldType", text(old, "type"))
            .with("newType", text(new, "type")));
    }
    for (key, condition, stored, given) in [
        ("key", "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", "storedKeySchema", "newKeySchema"),
        ("schema", "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", "storedValueSchema", "newValueSchema"),
    ] {
        if !same_types(&old[key], &new[key]) {
            return Err(SparkError::new(condition).with(stored, text(old, key)).with(given, text(new, key)));
        }
    }
    Ok(())
}

/// Whether two schemas have the same types, whatever their names.
fn same_types(old: &Value, new: &Value) -> bool {
    let types = |own: &Value| -> Option<Vec<DataType>> {
        match json::parse(own.as_str()?).ok()? {
            DataType::Struct(fields) => Some(fields.iter().map(|field| field.data_type().clone()).collect()),
            _ => None,
        }
    };
    old == new || types(old) == types(new)
}
