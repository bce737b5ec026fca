//! The columns of an aggregation's state by Spark's names: those of the buffers of its aggregate functions.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use serde_json::{Value, json};

use super::shape::{At, OperatorShape, Shown, StoreShape};
use super::store::Layout;

/// What the rows are called. `delay` tells of groups with event time.
pub fn shape(
    layout: Layout,
    schema: &SchemaRef,
    session: Option<usize>,
    aggregates: &[Arc<AggregateFunctionExpr>],
    delay: impl Fn(usize) -> Option<i64>,
) -> OperatorShape {
    let groups = layout.key.len() + usize::from(session.is_some());
    let group = |at: usize| {
        let field = schema.field(at);
        let is_window = field.name().starts_with("window#");
        let mut metadata = json!({});
        match at {
            _ if is_window => metadata["spark.timeWindow"] = json!(true),
            _ if Some(at) == session => metadata["spark.sessionWindow"] = json!(true),
            _ => {}
        }
        if let Some(ms) = delay(at) {
            metadata["spark.watermarkDelayMs"] = json!(ms);
        }
        let nullable = field.is_nullable() && !is_window && Some(at) != session;
        Shown::new(field.name(), field.data_type().clone(), nullable, At::Column(at)).with_metadata(&metadata)
    };
    let mut key: Vec<Shown> = layout.key.iter().map(|at| group(*at)).collect();
    let mut value = vec![];
    if let Some(at) = session {
        if let DataType::Struct(fields) = schema.field(at).data_type() {
            key.push(Shown::new("sessionStartTime", fields[0].data_type().clone(), false, At::Inner(at, 0)));
        }
        value.extend((0..groups).map(group));
    }
    let mut first = groups;
    for aggregate in aggregates {
        let Ok(fields) = aggregate.state_fields() else { continue };
        let inner = |place: usize| {
            let name = fields[place].name();
            name.rsplit_once('[').map_or(name.as_str(), |(_, own)| own.trim_end_matches(']')).to_string()
        };
        let own: Vec<(usize, String)> = match names(aggregate.fun().name(), fields.len()) {
            Some(names) => names.iter().enumerate().map(|(place, name)| (place, (*name).to_string())).collect(),
            None => (0..fields.len()).map(|place| (place, inner(place))).collect(),
        };
        for (place, name) in own {
            let never_null = NEVER_NULL.contains(&name.as_str()) || (name == "count" && fields.len() == 1);
            let data_type = schema.field(first + place).data_type().clone();
            value.push(Shown::new(&name, data_type, !never_null, At::Column(first + place)));
        }
        first += fields.len();
    }
    let store = StoreShape { name: "default".into(), layout, key, value };
    OperatorShape { stores: vec![store], properties: Value::Null }
}

/// Columns of buffers that Spark promises to be there.
const NEVER_NULL: [&str; 11] = ["n", "avg", "m2", "m3", "m4", "isEmpty", "xAvg", "yAvg", "ck", "xMk", "yMk"];

/// Spark's names of the columns that a function's state begins with; none where its columns are our own.
fn names(function: &str, columns: usize) -> Option<&'static [&'static str]> {
    Some(match (function, columns) {
        ("count" | "count_if", 1) => &["count"],
        ("sum" | "try_sum", _) => &["sum"],
        ("avg" | "mean" | "try_avg", 2) => &["sum", "count"],
        ("min" | "bool_and" | "every", 1) => &["min"],
        ("max" | "bool_or" | "some" | "any", 1) => &["max"],
        ("first" | "first_value" | "any_value", 2) => &["first", "valueSet"],
        ("last" | "last_value", 2) => &["last", "valueSet"],
        ("stddev" | "stddev_samp" | "std" | "stddev_pop" | "variance" | "var_samp" | "var_pop", 5) => {
            &["n", "avg", "m2"]
        }
        ("skewness", 5) => &["n", "avg", "m2", "m3"],
        ("kurtosis", 5) => &["n", "avg", "m2", "m3", "m4"],
        ("bit_or", 1) => &["bit_or"],
        ("bit_and", 1) => &["bit_and"],
        ("bit_xor", 1) => &["bit_xor"],
        _ => return None,
    })
}
