//! `state-metadata`: the stateful operators of a checkpoint, a row a store.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use firesteel_functions::kernel::{from_arrow, from_datafusion};
use firesteel_protocol::Result;
use firesteel_sources::stream::log;
use serde_json::{Value, json};

use super::options::StateOptions;
use crate::checkpoint::commit_log::CommitLog;
use crate::state::python::VARIABLES;
use crate::state::shape::Described;

/// Spark's stores of each side of a join.
pub const JOIN_STORES: [&str; 2] = ["keyToNumValues", "keyWithIndexToValue"];

/// The hidden column.
pub const PREFIX: &str = "_numColsPrefixKey";

/// Columns of the key by which Spark scans: all but the start of a session; processors say it for each variable.
fn prefix(own: &Described) -> i32 {
    match own.name.as_str() {
        "sessionWindowStateStoreSaveExec" => {
            own.shape.stores.first().and_then(|store| i32::try_from(store.layout.key.len()).ok()).unwrap_or(0)
        }
        "transformWithStateInPandasExec" => -1,
        _ => 0,
    }
}

/// The operators of a checkpoint, in Spark's order.
pub fn operators(state: &Path) -> Result<Vec<(Described, std::path::PathBuf)>> {
    let mut found = vec![];
    for name in log::names(state)? {
        let dir = state.join(name);
        StateOptions::refuse_spark(&dir)?;
        if let Some(described) = Described::read(&dir)? {
            found.push((described, dir));
        }
    }
    found.sort_by_key(|(described, _)| described.id);
    Ok(found)
}

/// The table.
pub fn table(checkpoint: &Path) -> Result<Arc<dyn TableProvider>> {
    let commits = CommitLog::at(checkpoint).ids()?;
    let number = |id: Option<&u64>| id.and_then(|id| i64::try_from(*id).ok()).unwrap_or(-1);
    let (first, last) = (number(commits.first()), number(commits.last()));
    let (mut ids, mut names, mut stores) = (vec![], vec![], vec![]);
    let (mut partitions, mut properties, mut prefixes) = (vec![], vec![], vec![]);
    for (own, dir) in operators(&checkpoint.join("state"))? {
        for store in store_names(&own) {
            ids.push(i64::try_from(own.id).unwrap_or(i64::MAX));
            names.push(own.name.clone());
            stores.push(store);
            prefixes.push(prefix(&own));
            partitions.push(i32::try_from(own.partitions).unwrap_or(i32::MAX));
            properties.push(properties_of(&own, &dir)?);
        }
    }
    let rows = ids.len();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("operatorId", Arc::new(Int64Array::from(ids))),
        ("operatorName", Arc::new(StringArray::from(names))),
        ("stateStoreName", Arc::new(StringArray::from(stores))),
        ("numPartitions", Arc::new(Int32Array::from(partitions))),
        ("minBatchId", Arc::new(Int64Array::from(vec![first; rows]))),
        ("maxBatchId", Arc::new(Int64Array::from(vec![last; rows]))),
        ("operatorProperties", Arc::new(StringArray::from(properties))),
        (PREFIX, Arc::new(Int32Array::from(prefixes))),
    ];
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(from_arrow)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]]).map_err(from_datafusion)?))
}

/// The stores that Spark has for an operator.
fn store_names(own: &Described) -> Vec<String> {
    let of = |name: &String| match name.as_str() {
        "left" | "right" => JOIN_STORES.iter().map(|store| format!("{name}-{store}")).collect(),
        _ => vec![name.clone()],
    };
    own.shape.stores.iter().flat_map(|store| of(&store.name)).collect()
}

/// What is told of a processor: its modes and variables.
fn properties_of(own: &Described, dir: &Path) -> Result<Option<String>> {
    if own.shape.properties.is_null() {
        return Ok(None);
    }
    let text = log::read(&dir.join(VARIABLES))?.unwrap_or_default();
    let declared: Value = serde_json::from_str(&text).unwrap_or_default();
    let one = |variable: &Value| {
        json!({
            "stateName": variable["name"],
            "stateVariableType": variable["type"],
            "ttlEnabled": !variable["ttl"].is_null(),
        })
    };
    let mut variables: Vec<Value> = declared["variables"].as_array().into_iter().flatten().map(one).collect();
    let timers = match own.shape.properties["timeMode"].as_str() {
        Some("ProcessingTime") => Some("$procTimers_keyToTimestamp"),
        Some("EventTime") => Some("$eventTimers_keyToTimestamp"),
        _ => None,
    };
    let timers = timers.map(|name| json!({"stateName": name, "stateVariableType": "TimerState", "ttlEnabled": false}));
    variables.extend(timers);
    let mut properties = own.shape.properties.clone();
    properties["stateVariables"] = Value::Array(variables);
    Ok(Some(properties.to_string()))
}
