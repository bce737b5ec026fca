//! `StructType.json()` and back, column metadata, user-defined types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value, json};

use super::{CHAR_VARCHAR_KEY, METADATA_KEY, UDT_KEY, collation, ddl, name};
use crate::connect::data_type::{self as t, Kind};
use crate::error::{Result, SparkError};

/// Reads the JSON of a schema or of any type (`{"type":"struct",...}`, `"integer"`).
pub fn parse(text: &str) -> Result<DataType> {
    let value: Value = serde_json::from_str(text).map_err(|e| invalid(text).with_source(e))?;
    Ok(parse_field("", &value, true, HashMap::new())?.data_type().clone())
}

fn invalid(text: &str) -> SparkError {
    SparkError::new("INVALID_JSON_DATA_TYPE").with("invalidType", text)
}

fn parse_field(name: &str, value: &Value, nullable: bool, mut metadata: HashMap<String, String>) -> Result<Field> {
    let bad = || invalid(&value.to_string());
    let data_type = match value {
        Value::String(word) => {
            let (word, declared) = match word.as_str() {
                "integer" | "long" | "short" | "byte" | "void" | "null" => (word.as_str(), None),
                other if other.starts_with("char(") || other.starts_with("varchar(") => ("string", Some(other)),
                other => (other, None),
            };
            if let Some(declared) = declared {
                metadata.insert(CHAR_VARCHAR_KEY.into(), declared.into());
            }
            match word {
                "null" => DataType::Null,
                word if let Some(shape) = super::Shape::of_json(word) => shape.data_type(),
                word => {
                    let field = ddl::parse_type(word).map_err(|_| bad())?;
                    metadata.extend(field.metadata().clone());
                    field.data_type().clone()
                }
            }
        }
        Value::Object(map) => match map.get("type").and_then(Value::as_str).ok_or_else(bad)? {
            "struct" => {
                let fields = map.get("fields").and_then(Value::as_array).ok_or_else(bad)?;
                DataType::Struct(fields.iter().map(parse_struct_field).collect::<Result<Vec<_>>>()?.into())
            }
            "array" => {
                let element = map.get("elementType").ok_or_else(bad)?;
                let contains_null = map.get("containsNull").and_then(Value::as_bool).unwrap_or(true);
                DataType::List(Arc::new(parse_field("element", element, contains_null, HashMap::new())?))
            }
            "map" => {
                let key = parse_field("key", map.get("keyType").ok_or_else(bad)?, false, HashMap::new())?;
                let contains_null = map.get("valueContainsNull").and_then(Value::as_bool).unwrap_or(true);
                let value = parse_field("value", map.get("valueType").ok_or_else(bad)?, contains_null, HashMap::new())?;
                let entries = DataType::Struct(Fields::from(vec![key, value]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), false)
            }
            "udt" => {
                metadata.insert(UDT_KEY.into(), value.to_string());
                parse_field("", map.get("sqlType").ok_or_else(bad)?, true, HashMap::new())?.data_type().clone()
            }
            _ => return Err(bad()),
        },
        _ => return Err(bad()),
    };
    Ok(Field::new(name, data_type, nullable).with_metadata(metadata))
}

fn parse_struct_field(value: &Value) -> Result<Field> {
    let bad = || invalid(&value.to_string());
    let name = value.get("name").and_then(Value::as_str).ok_or_else(bad)?;
    let nullable = value.get("nullable").and_then(Value::as_bool).unwrap_or(true);
    let mut metadata = HashMap::new();
    let mut collations = None;
    if let Some(Value::Object(own)) = value.get("metadata") {
        let mut own = own.clone();
        collations = own.remove(COLLATIONS);
        if !own.is_empty() {
            metadata.insert(METADATA_KEY.into(), Value::Object(own).to_string());
        }
    }
    let field = parse_field(name, value.get("type").ok_or_else(bad)?, nullable, metadata)?;
    match collations {
        Some(Value::Object(collations)) if !collations.is_empty() => collated(&field, name, &collations),
        _ => Ok(field),
    }
}

/// Metadata of a field in which Spark keeps the collations of its strings: `{"a.element":"spark.UTF8_LCASE"}`.
const COLLATIONS: &str = "__COLLATIONS";

/// A field whose strings have the collations at their paths; the fields of a struct keep theirs themselves.
fn collated(field: &Field, path: &str, collations: &Map<String, Value>) -> Result<Field> {
    let inner = |part: &str, own: &Field| collated(own, &format!("{path}.{part}"), collations).map(Arc::new);
    let mut metadata = field.metadata().clone();
    let data_type = match field.data_type() {
        DataType::Utf8 => {
            if let Some(own) = collations.get(path).and_then(Value::as_str) {
                let own = own.rsplit_once('.').map_or(own, |(_provider, name)| name);
                collation::record(collation::parse(own)?, &mut metadata);
            }
            DataType::Utf8
        }
        DataType::List(element) => DataType::List(inner("element", element)?),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(kv) if kv.len() == 2 => {
                let kv = Fields::from(vec![inner("key", &kv[0])?, inner("value", &kv[1])?]);
                let entries = entries.as_ref().clone().with_data_type(DataType::Struct(kv));
                DataType::Map(Arc::new(entries), *sorted)
            }
            other => other.clone(),
        },
        other => other.clone(),
    };
    Ok(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata))
}

/// Collects the collations of a field's strings by their paths, as [`COLLATIONS`] has them.
fn collations_of(field: &Field, path: &str, found: &mut Map<String, Value>) {
    match field.data_type() {
        DataType::Utf8 => {
            let own = collation::of(field.metadata());
            if own != collation::BINARY {
                let provider = if own.starts_with("UTF8_") { "spark" } else { "icu" };
                found.insert(path.into(), format!("{provider}.{own}").into());
            }
        }
        DataType::List(element) => collations_of(element, &format!("{path}.element"), found),
        DataType::Map(entries, _) => {
            if let DataType::Struct(kv) = entries.data_type()
                && let [key, value] = kv.as_ref()
            {
                collations_of(key, &format!("{path}.key"), found);
                collations_of(value, &format!("{path}.value"), found);
            }
        }
        _ => {}
    }
}

/// A type as JSON value.
pub fn to_json(data_type: &DataType) -> Value {
    field_type(&Field::new("", data_type.clone(), true), false)
}

/// `in_struct`: the field of a struct around it tells the collations.
fn field_type(field: &Field, in_struct: bool) -> Value {
    if let Some(udt) = field.metadata().get(UDT_KEY).and_then(|text| serde_json::from_str(text).ok()) {
        return udt;
    }
    if let Some(declared) = field.metadata().get(CHAR_VARCHAR_KEY) {
        return Value::String(declared.clone());
    }
    let collated = || if in_struct { None } else { collation::declared(field) };
    let declared = super::interval::declared(field).or_else(|| super::time::declared(field)).or_else(collated);
    if let Some(declared) = declared {
        return Value::String(declared);
    }
    match field.data_type() {
        DataType::List(element) => {
            json!({"type": "array", "elementType": field_type(element, in_struct), "containsNull": element.is_nullable()})
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(kv) => json!({
                "type": "map", "keyType": field_type(&kv[0], in_struct), "valueType": field_type(&kv[1], in_struct),
                "valueContainsNull": kv[1].is_nullable()
            }),
            _ => Value::Null,
        },
        data_type if super::is_variant(data_type) => "variant".into(),
        data_type if let Some(shape) = super::Shape::of(data_type) => shape.json().into(),
        DataType::Struct(fields) => {
            let fields: Vec<Value> = fields
                .iter()
                .map(|f| json!({"name": f.name(), "type": field_type(f, true), "nullable": f.is_nullable(), "metadata": all_metadata(f)}))
                .collect();
            json!({"type": "struct", "fields": fields})
        }
        other => Value::String(name::tree_word(other)),
    }
}

/// The metadata of a struct's field, the collations of its strings among it.
fn all_metadata(field: &Field) -> Value {
    let mut metadata = own_metadata(field.metadata());
    let mut collations = Map::new();
    collations_of(field, field.name(), &mut collations);
    if !collations.is_empty()
        && let Value::Object(own) = &mut metadata
    {
        own.insert(COLLATIONS.into(), Value::Object(collations));
    }
    metadata
}

fn own_metadata(metadata: &HashMap<String, String>) -> Value {
    metadata
        .get(METADATA_KEY)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| Value::Object(Map::new()))
}

/// The comment of a column, kept in Spark's metadata.
pub fn comment(field: &Field) -> Option<String> {
    own_metadata(field.metadata()).get("comment").and_then(Value::as_str).map(str::to_string)
}

/// Spark's metadata JSON as Arrow field metadata.
pub fn metadata(text: &str) -> Result<HashMap<String, String>> {
    let value: Value = serde_json::from_str(text).map_err(|e| invalid(text).with_source(e))?;
    let mut metadata = HashMap::new();
    if let Value::Object(mut own) = value {
        let length = own.get(CHAR_VARCHAR_KEY).and_then(Value::as_str).and_then(super::limit_of);
        if let Some((length, padded)) = length {
            own.remove(CHAR_VARCHAR_KEY);
            let kind = if padded { "char" } else { "varchar" };
            metadata.insert(CHAR_VARCHAR_KEY.to_string(), format!("{kind}({length})"));
        }
        if !own.is_empty() {
            metadata.insert(METADATA_KEY.to_string(), Value::Object(own).to_string());
        }
    }
    Ok(metadata)
}

/// The metadata JSON to send to a client, if there is any.
pub fn metadata_text(metadata: &HashMap<String, String>) -> Option<String> {
    metadata.get(METADATA_KEY).cloned()
}

/// The JSON of a user-defined type message.
pub fn udt(message: &t::Udt) -> Result<String> {
    let storage = message.sql_type.as_deref().map(super::proto::decode).transpose()?;
    let mut object = Map::new();
    object.insert("type".into(), "udt".into());
    if let Some(class) = &message.jvm_class {
        object.insert("class".into(), class.clone().into());
    }
    object.insert("pyClass".into(), message.python_class.clone().map_or(Value::Null, Value::from));
    if let Some(serialized) = &message.serialized_python_class {
        object.insert("serializedClass".into(), serialized.clone().into());
    }
    object.insert("sqlType".into(), storage.as_ref().map_or(Value::Null, to_json));
    Ok(Value::Object(object).to_string())
}

/// The message of a user-defined type out of its JSON.
pub(super) fn udt_message(text: &str, storage: &DataType) -> Option<Kind> {
    let value: Value = serde_json::from_str(text).ok()?;
    let get = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_string);
    Some(Kind::Udt(Box::new(t::Udt {
        r#type: "udt".into(),
        jvm_class: get("class"),
        python_class: get("class").and_then(|class| python_class(&class)).or_else(|| get("pyClass")),
        serialized_python_class: get("serializedClass"),
        sql_type: Some(Box::new(super::proto::encode(storage))),
    })))
}

/// The Python class of a type that Spark has in Scala, too: it knows it by its Scala class, whatever a client calls it.
fn python_class(class: &str) -> Option<String> {
    let known = match class {
        "org.apache.spark.sql.test.ExamplePointUDT" => "pyspark.testing.ExamplePointUDT",
        "org.apache.spark.ml.linalg.VectorUDT" => "pyspark.ml.linalg.VectorUDT",
        "org.apache.spark.ml.linalg.MatrixUDT" => "pyspark.ml.linalg.MatrixUDT",
        "org.apache.spark.mllib.linalg.VectorUDT" => "pyspark.mllib.linalg.VectorUDT",
        "org.apache.spark.mllib.linalg.MatrixUDT" => "pyspark.mllib.linalg.MatrixUDT",
        _ => return None,
    };
    Some(known.into())
}
