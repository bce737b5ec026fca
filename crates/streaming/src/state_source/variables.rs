//! What a processor in Python keeps, variable by variable: values, lists, maps and timers.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, ListArray, MapArray, RecordBatch, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{filter_record_batch, take, take_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use firesteel_functions::kernel::from_arrow;
use firesteel_plan::operator::python::WorkerSettings;
use firesteel_plan::operator::python::pickles::unpickled;
use firesteel_plan::operator::python::processor::VALUE_BITS;
use firesteel_protocol::types::json;
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::log;
use serde_json::Value;

use super::options::{StateOptions, invalid};
use crate::state::part::Keys;
use crate::state::python::VARIABLES;

/// What kind of variable it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Value,
    List,
    Map,
    Timers,
}

/// A variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its number in the slots of rows.
    id: i64,
    pub view: View,
    /// Whether an element is a row.
    pub flatten: bool,
    has_ttl: bool,
    schema: DataType,
    map_key: DataType,
}

impl Variable {
    /// The variable that the options name.
    pub fn find(options: &StateOptions, dir: &Path) -> Result<Self> {
        let none = || DataType::Struct(Fields::empty());
        if options.timers {
            let (schema, map_key) = (none(), none());
            return Ok(Self { id: 0, view: View::Timers, flatten: true, has_ttl: false, schema, map_key });
        }
        let name = options.variable.as_ref();
        let name =
            name.ok_or_else(|| SparkError::new("STDS_REQUIRED_OPTION_UNSPECIFIED").with("optionName", "stateVarName"))?;
        let text = log::read(&dir.join(VARIABLES))?.unwrap_or_default();
        let declared: Value = serde_json::from_str(&text).unwrap_or_default();
        let own = declared["variables"].as_array().into_iter().flatten().find(|own| own["name"] == name.as_str());
        let own = own.ok_or_else(|| {
            let text = format!("State variable {name} is not defined for the transformWithState operator.");
            invalid("stateVarName", text)
        })?;
        if own["type"] == "MapState" && !options.flatten && options.feed.is_some() {
            return Err(SparkError::new("STDS_INTERNAL_ERROR").with(
                "message",
                "No such field named as 'map_value' during state source reader schema initialization.",
            ));
        }
        let schema = |key: &str| own[key].as_str().map_or_else(|| Ok(none()), json::parse);
        Ok(Self {
            id: own["id"].as_i64().unwrap_or(-1),
            view: match own["type"].as_str() {
                Some("ListState") => View::List,
                Some("MapState") => View::Map,
                _ => View::Value,
            },
            // Changes are always told by element.
            flatten: options.flatten || options.feed.is_some(),
            has_ttl: !own["ttl"].is_null(),
            schema: schema("schema")?,
            map_key: schema("key")?,
        })
    }

    fn value_type(&self) -> DataType {
        match self.has_ttl {
            false => self.schema.clone(),
            true => DataType::Struct(
                vec![
                    Field::new("value", self.schema.clone(), true),
                    Field::new("ttlExpirationMs", DataType::Int64, true),
                ]
                .into(),
            ),
        }
    }

    fn map_type(&self) -> Arc<Field> {
        let fields = vec![Field::new("key", self.map_key.clone(), false), Field::new("value", self.value_type(), true)];
        Arc::new(Field::new("entries", DataType::Struct(fields.into()), false))
    }

    /// The columns beside the key.
    pub fn fields(&self) -> Vec<Field> {
        let own = |name: &str, data_type: DataType| Field::new(name, data_type, true);
        match (self.view, self.flatten) {
            (View::Timers, _) => vec![own("expiration_timestamp_ms", DataType::Int64)],
            (View::Value, _) => vec![own("value", self.value_type())],
            (View::List, true) => vec![own("list_element", self.value_type())],
            (View::List, false) => {
                vec![own("list_value", DataType::List(Arc::new(own("element", self.value_type()))))]
            }
            (View::Map, true) => {
                vec![own("user_map_key", self.map_key.clone()), own("user_map_value", self.value_type())]
            }
            (View::Map, false) => vec![own("map_value", DataType::Map(self.map_type(), false))],
        }
    }

    /// The rows of the variable, in the order of their keys and places.
    pub fn pick(&self, rows: &RecordBatch, keys: &Keys, width: usize) -> Result<RecordBatch> {
        let slots = rows.column(width).as_primitive::<Int64Type>();
        let own: BooleanArray = slots.iter().map(|slot| slot.map(|slot| slot >> VALUE_BITS == self.id)).collect();
        let rows = filter_record_batch(rows, &own).map_err(from_arrow)?;
        let (bytes, slots) = (keys.of(&rows)?, rows.column(width).as_primitive::<Int64Type>());
        let mut order: Vec<u32> = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect();
        order.sort_by(|one, other| {
            let of = |row: &u32| (&bytes[*row as usize], slots.value(*row as usize));
            of(one).cmp(&of(other))
        });
        take_record_batch(&rows, &UInt32Array::from(order)).map_err(from_arrow)
    }

    /// The columns beside the key, and the rows whose keys stand for them: all, or the first of each key.
    pub async fn columns(
        &self,
        rows: &RecordBatch,
        keys: &Keys,
        width: usize,
        settings: &WorkerSettings,
    ) -> Result<(UInt32Array, Vec<ArrayRef>)> {
        let all: UInt32Array = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect();
        if self.view == View::Timers {
            return Ok((all, vec![Arc::clone(rows.column(width))]));
        }
        let mut value = unpickled(settings, rows.column(width + 2), &self.schema).await?;
        if let (true, DataType::Struct(fields)) = (self.has_ttl, self.value_type()) {
            let columns = vec![value, Arc::clone(rows.column(width + 3))];
            value = Arc::new(StructArray::try_new(fields, columns, None).map_err(from_arrow)?);
        }
        let map_key = match self.view {
            View::Map => Some(unpickled(settings, rows.column(width + 1), &self.map_key).await?),
            _ => None,
        };
        if self.flatten || self.view == View::Value {
            return Ok((all, map_key.into_iter().chain([value]).collect()));
        }
        let (mut firsts, mut lengths) = (vec![], vec![]);
        let bytes = keys.of(rows)?;
        for (row, key) in bytes.iter().enumerate() {
            if row == 0 || bytes[row - 1] != *key {
                firsts.push(u32::try_from(row).unwrap_or(u32::MAX));
                lengths.push(0);
            }
            if let Some(length) = lengths.last_mut() {
                *length += 1;
            }
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        let together: ArrayRef = match map_key {
            None => {
                let element = Arc::new(Field::new("element", self.value_type(), true));
                Arc::new(ListArray::try_new(element, offsets, value, None).map_err(from_arrow)?)
            }
            Some(map_key) => {
                let entries = self.map_type();
                let DataType::Struct(fields) = entries.data_type().clone() else {
                    return Err(SparkError::internal("a map without entries"));
                };
                let both = StructArray::try_new(fields, vec![map_key, value], None).map_err(from_arrow)?;
                Arc::new(MapArray::try_new(entries, offsets, both, None, false).map_err(from_arrow)?)
            }
        };
        Ok((firsts.into(), vec![together]))
    }
}

/// Some rows of columns.
pub fn taken(columns: &[ArrayRef], rows: &UInt32Array) -> Result<Vec<ArrayRef>> {
    columns.iter().map(|column| take(column, rows, None).map_err(from_arrow)).collect()
}
