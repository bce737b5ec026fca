//! What the rows of an operator's state are called outside, written beside them for who reads state
//! ([`crate::state_source`]): the columns of keys and values by Spark's names.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Fields};
use firesteel_protocol::types::{METADATA_KEY, json, name};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::stream::log;
use serde_json::{Value, json};

use super::store::Layout;

/// The file below the operator's folder.
pub const FILE: &str = "operator";

/// Where a shown column is in the rows of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Column(usize),
    /// A field of a struct.
    Inner(usize, usize),
    /// What PySpark pickled.
    Pickled(usize),
    /// Nowhere: it is always NULL.
    Nowhere,
}

/// A column of a key or a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub field: Field,
    pub at: At,
}

impl Shown {
    /// A column under its name without the id of the plan.
    pub fn new(name: &str, data_type: DataType, nullable: bool, at: At) -> Self {
        let name = match name.rsplit_once('#') {
            Some((own, id)) if id.bytes().all(|byte| byte.is_ascii_digit()) => own,
            _ => name,
        };
        Self { field: Field::new(name, spark_type(data_type), nullable), at }
    }

    /// With metadata as Spark has it.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &Value) -> Self {
        if metadata.as_object().is_some_and(|own| !own.is_empty()) {
            self.field.set_metadata([(METADATA_KEY.to_string(), metadata.to_string())].into());
        }
        self
    }
}

/// Numbers without sign are none of Spark's.
fn spark_type(data_type: DataType) -> DataType {
    match data_type {
        DataType::UInt64 | DataType::UInt32 => DataType::Int64,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt8 => DataType::Int16,
        other => other,
    }
}

/// A store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreShape {
    /// Its folder.
    pub name: String,
    pub layout: Layout,
    pub key: Vec<Shown>,
    pub value: Vec<Shown>,
}

/// An operator.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatorShape {
    pub stores: Vec<StoreShape>,
    /// What else reports of a processor tell.
    pub properties: Value,
}

impl OperatorShape {
    /// Refuses other types of keys and values than an earlier run had, and other modes. Spark's
    /// `StateSchemaCompatibilityChecker`.
    pub fn goes_on_from(&self, stored: &Self) -> Result<()> {
        for (mode, name) in [("timeMode", "timeMode"), ("outputMode", "outputMode")] {
            let (old, new) = (stored.properties[mode].as_str(), self.properties[mode].as_str());
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                return Err(SparkError::new("STATE_STORE_INVALID_CONFIG_AFTER_RESTART")
                    .with("configName", name)
                    .with("oldConfig", old)
                    .with("newConfig", new));
            }
        }
        for own in &self.stores {
            let Some(old) = stored.stores.iter().find(|old| old.name == own.name) else { continue };
            for (condition, old, new, params) in [
                ("STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", &old.key, &own.key, ("storedKeySchema", "newKeySchema")),
                (
                    "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE",
                    &old.value,
                    &own.value,
                    ("storedValueSchema", "newValueSchema"),
                ),
            ] {
                let types =
                    |shown: &[Shown]| shown.iter().map(|own| name::simple(own.field.data_type())).collect::<Vec<_>>();
                if types(old) != types(new) {
                    return Err(SparkError::new(condition)
                        .with(params.0, scala_schema(old))
                        .with(params.1, scala_schema(new)));
                }
            }
        }
        Ok(())
    }
}

/// `StructType(StructField(k,StringType,true))`.
fn scala_schema(columns: &[Shown]) -> String {
    let fields = columns.iter().map(|shown| {
        let field = &shown.field;
        format!("StructField({},{},{})", field.name(), scala_type(field.data_type()), field.is_nullable())
    });
    format!("StructType({})", fields.collect::<Vec<_>>().join(","))
}

/// The type as Scala prints it: `LongType`, `DecimalType(10,2)`.
fn scala_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|field| Shown { field: field.as_ref().clone(), at: At::Nowhere });
            scala_schema(&fields.collect::<Vec<_>>())
        }
        DataType::List(element) => format!("ArrayType({},{})", scala_type(element.data_type()), element.is_nullable()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let (key, value) = (scala_type(pair[0].data_type()), scala_type(pair[1].data_type()));
                format!("MapType({key},{value},{})", pair[1].is_nullable())
            }
            _ => "MapType".into(),
        },
        other => {
            let simple = name::simple(other);
            let (word, rest) = simple.split_at(simple.find('(').unwrap_or(simple.len()));
            let word = match word {
                "bigint" => "Long".into(),
                "int" => "Integer".into(),
                "smallint" => "Short".into(),
                "tinyint" => "Byte".into(),
                "timestamp_ntz" => "TimestampNTZ".into(),
                "void" => "Null".into(),
                word => word[..1].to_uppercase() + &word[1..],
            };
            format!("{word}Type{rest}")
        }
    }
}

/// An operator as its file tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Spark's number of the operator: from the last of a plan to the first.
    pub id: u64,
    /// Spark's name of it.
    pub name: String,
    pub partitions: usize,
    pub shape: OperatorShape,
}

impl Described {
    /// Writes the file, unless it says the same already.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let text = self.json().to_string();
        if log::read(&path)?.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        log::replace(&path, text.as_bytes())
    }

    /// Reads the file; none where there is none.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        let Some(text) = log::read(&path)? else { return Ok(None) };
        let value: Value = serde_json::from_str(&text).map_err(|error| damaged(&path, error))?;
        Self::parse(&value).ok_or_else(|| damaged(&path, "it is incomplete")).map(Some)
    }

    fn json(&self) -> Value {
        let stores: Vec<Value> = self.shape.stores.iter().map(store_json).collect();
        json!({
            "id": self.id,
            "operator": self.name,
            "partitions": self.partitions,
            "stores": stores,
            "properties": self.shape.properties,
        })
    }

    fn parse(value: &Value) -> Option<Self> {
        let stores = value["stores"].as_array()?.iter().map(parse_store).collect::<Option<Vec<_>>>()?;
        Some(Self {
            id: value["id"].as_u64()?,
            name: value["operator"].as_str()?.to_string(),
            partitions: usize::try_from(value["partitions"].as_u64()?).ok()?,
            shape: OperatorShape { stores, properties: value["properties"].clone() },
        })
    }
}

fn damaged(path: &Path, why: impl std::fmt::Display) -> SparkError {
    log::illegal_state(format!("the file {} is damaged: {why}", firesteel_sources::storage::hadoop_path(path)))
}

fn store_json(store: &StoreShape) -> Value {
    let types = Fields::from(
        store.layout.types.iter().map(|own| Field::new("c", spark_type(own.clone()), true)).collect::<Vec<_>>(),
    );
    json!({
        "name": store.name,
        "types": json::to_json(&DataType::Struct(types)),
        "keys": store.layout.key,
        "tag": store.layout.tag,
        "key": columns_json(&store.key),
        "value": columns_json(&store.value),
    })
}

fn parse_store(value: &Value) -> Option<StoreShape> {
    let DataType::Struct(types) = json::parse(&value["types"].to_string()).ok()? else { return None };
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let layout = Layout {
        types: types.iter().map(|field| field.data_type().clone()).collect(),
        key: value["keys"].as_array()?.iter().map(number).collect::<Option<_>>()?,
        tag: number(&value["tag"]),
    };
    let name = value["name"].as_str()?.to_string();
    Some(StoreShape { name, layout, key: parse_columns(&value["key"])?, value: parse_columns(&value["value"])? })
}

fn columns_json(columns: &[Shown]) -> Value {
    let fields = Fields::from(columns.iter().map(|shown| shown.field.clone()).collect::<Vec<_>>());
    let places: Vec<Value> = columns
        .iter()
        .map(|shown| match shown.at {
            At::Column(at) => json!(at),
            At::Inner(at, inner) => json!([at, inner]),
            At::Pickled(at) => json!({ "pickled": at }),
            At::Nowhere => Value::Null,
        })
        .collect();
    json!({ "schema": json::to_json(&DataType::Struct(fields)), "places": places })
}

fn parse_columns(value: &Value) -> Option<Vec<Shown>> {
    let DataType::Struct(fields) = json::parse(&value["schema"].to_string()).ok()? else { return None };
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let place = |place: &Value| {
        Some(match place {
            Value::Null => At::Nowhere,
            Value::Array(both) => At::Inner(number(both.first()?)?, number(both.get(1)?)?),
            Value::Object(own) => At::Pickled(number(own.get("pickled")?)?),
            own => At::Column(number(own)?),
        })
    };
    let places = value["places"].as_array()?;
    let shown =
        fields.iter().zip(places).map(|(field, at)| Some(Shown { field: field.as_ref().clone(), at: place(at)? }));
    shown.collect()
}
