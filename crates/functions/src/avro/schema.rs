//! Avro's schemas as Spark's types, and the way back: Spark's `SchemaConverters`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit};
use firesteel_protocol::types::{self, ddl};
use firesteel_protocol::{Result, SparkError};
use serde_json::{Map, Value, json};

/// The property in which Spark keeps a type that Avro has not.
const CATALYST_TYPE: &str = "spark.sql.catalyst.type";

/// Records in records, at most.
const MAX_DEPTH: usize = 100;

/// A schema as Spark's type, and whether values may be missing.
pub fn spark_type(schema: &str) -> Result<(DataType, bool)> {
    let value: Value = serde_json::from_str(schema).map_err(|error| invalid(&error.to_string()))?;
    Converter { names: HashMap::new(), depth: 0 }.convert(&value, "")
}

/// The fields of a schema of records; `None` for other schemas.
pub fn spark_fields(schema: &str) -> Result<Option<Fields>> {
    match spark_type(schema)?.0 {
        DataType::Struct(fields) => Ok(Some(fields)),
        _ => Ok(None),
    }
}

fn invalid(reason: &str) -> SparkError {
    SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!("not an Avro schema: {reason}"))
}

struct Converter {
    /// Named types by their full names; `None` while they are read.
    names: HashMap<String, Option<(DataType, bool)>>,
    depth: usize,
}

impl Converter {
    fn convert(&mut self, schema: &Value, namespace: &str) -> Result<(DataType, bool)> {
        if self.depth > MAX_DEPTH {
            return Err(invalid("it is nested too deep"));
        }
        self.depth += 1;
        let converted = match schema {
            Value::String(name) => self.named(name, namespace, &Map::new()),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(own) => match own.get("type") {
                Some(Value::String(name)) => self.object(name, own, namespace),
                Some(inner) => self.convert(inner, namespace),
                None => Err(invalid("a type without `type`")),
            },
            _ => Err(invalid("a type is neither a name, a list nor an object")),
        };
        self.depth -= 1;
        converted
    }

    fn object(&mut self, name: &str, own: &Map<String, Value>, namespace: &str) -> Result<(DataType, bool)> {
        let text = |key: &str| own.get(key).and_then(Value::as_str);
        match name {
            "array" => {
                let items = part(own, "items")?;
                let (element, nullable) = self.convert(items, namespace)?;
                let element = declared(Field::new("element", element, nullable), items);
                Ok((DataType::List(Arc::new(element)), false))
            }
            "map" => {
                let values = part(own, "values")?;
                let (value, nullable) = self.convert(values, namespace)?;
                let value = declared(Field::new("value", value, nullable), values);
                let (none, metadata) = (HashMap::new(), value.metadata());
                let value = (value.data_type().clone(), metadata);
                Ok((types::map_carrying((DataType::Utf8, &none), value, nullable), false))
            }
            "record" | "enum" | "fixed" => {
                let given = text("name").ok_or_else(|| invalid("a named type without a name"))?;
                let (full, inner) = full_name(given, text("namespace").unwrap_or(namespace));
                self.names.insert(full.clone(), None);
                let converted = match name {
                    "enum" => (DataType::Utf8, false),
                    "fixed" => (decimal(own)?.unwrap_or(DataType::Binary), false),
                    _ => {
                        let fields = part(own, "fields")?.as_array().ok_or_else(|| invalid("fields are no list"))?;
                        let mut converted = vec![];
                        for field in fields {
                            let name = field.get("name").and_then(Value::as_str);
                            let name = name.ok_or_else(|| invalid("a field without a name"))?;
                            let own = field.get("type").ok_or_else(|| invalid("a field without a type"))?;
                            let (data_type, nullable) = self.convert(own, &inner)?;
                            converted.push(declared(Field::new(name, data_type, nullable), own));
                        }
                        (DataType::Struct(converted.into()), false)
                    }
                };
                self.names.insert(full, Some(converted.clone()));
                Ok(converted)
            }
            _ => self.named(name, namespace, own),
        }
    }

    fn named(&mut self, name: &str, namespace: &str, own: &Map<String, Value>) -> Result<(DataType, bool)> {
        let text = |key: &str| own.get(key).and_then(Value::as_str);
        let catalyst = text(CATALYST_TYPE).and_then(|text| ddl::parse_type(text).ok());
        let declared = catalyst.map(|field| field.data_type().clone());
        let data_type = match (name, text("logicalType"), declared) {
            ("int", _, Some(declared @ DataType::Interval(_))) => declared,
            ("long", _, Some(declared @ DataType::Duration(_))) => declared,
            ("null", ..) => return Ok((DataType::Null, true)),
            ("boolean", ..) => DataType::Boolean,
            ("int", Some("date"), _) => DataType::Date32,
            ("int", ..) => DataType::Int32,
            ("long", Some("time-micros"), _) => types::time(),
            ("long", Some("timestamp-millis" | "timestamp-micros"), _) => types::timestamp(),
            ("long", Some("local-timestamp-millis" | "local-timestamp-micros"), _) => types::timestamp_ntz(),
            ("long", ..) => DataType::Int64,
            ("float", ..) => DataType::Float32,
            ("double", ..) => DataType::Float64,
            ("bytes", ..) => decimal(own)?.unwrap_or(DataType::Binary),
            ("string", ..) => DataType::Utf8,
            _ => {
                let known = self.names.get(&full_name(name, namespace).0).or_else(|| self.names.get(name));
                return match known {
                    Some(Some(known)) => Ok(known.clone()),
                    Some(None) => Err(SparkError::unsupported(
                        format!("an Avro schema in which {name} holds itself"),
                        "Give a schema without the recursive field.",
                    )),
                    None => Err(invalid(&format!("{name} is no type"))),
                };
            }
        };
        Ok((data_type, false))
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<(DataType, bool)> {
        let mut converted = vec![];
        let mut nullable = false;
        for branch in branches {
            match self.convert(branch, namespace)? {
                (DataType::Null, _) => nullable = true,
                (data_type, _) => converted.push(data_type),
            }
        }
        let data_type = match converted.as_slice() {
            [] => DataType::Null,
            [only] => only.clone(),
            [DataType::Int32, DataType::Int64] | [DataType::Int64, DataType::Int32] => DataType::Int64,
            [DataType::Float32, DataType::Float64] | [DataType::Float64, DataType::Float32] => DataType::Float64,
            _ => {
                let member = |(at, data_type)| Field::new(format!("member{at}"), data_type, true);
                DataType::Struct(converted.into_iter().enumerate().map(member).collect())
            }
        };
        Ok((data_type, nullable))
    }
}

/// A field with the units or digits that the schema of its values keeps for Spark.
fn declared(field: Field, schema: &Value) -> Field {
    let branches = schema.as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
    let text = branches.iter().find_map(|branch| branch.get(CATALYST_TYPE)).and_then(Value::as_str);
    match text.and_then(|text| ddl::parse_type(text).ok()) {
        Some(own) if own.data_type() == field.data_type() => types::carrying(field, own.metadata()),
        _ => field,
    }
}

fn part<'a>(own: &'a Map<String, Value>, key: &str) -> Result<&'a Value> {
    own.get(key).ok_or_else(|| invalid(&format!("a type without `{key}`")))
}

/// The full name of a type, and the namespace for what is in it.
fn full_name(name: &str, namespace: &str) -> (String, String) {
    match name.rsplit_once('.') {
        Some((inner, _)) => (name.to_string(), inner.to_string()),
        None if namespace.is_empty() => (name.to_string(), String::new()),
        None => (format!("{namespace}.{name}"), namespace.to_string()),
    }
}

fn decimal(own: &Map<String, Value>) -> Result<Option<DataType>> {
    if own.get("logicalType").and_then(Value::as_str) != Some("decimal") {
        return Ok(None);
    }
    let number = |key: &str| own.get(key).and_then(Value::as_u64);
    let (precision, scale) = (number("precision").unwrap_or(0), number("scale").unwrap_or(0));
    if precision == 0 || precision > 38 || scale > precision {
        return Err(SparkError::new("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION")
            .with("precision", precision.to_string())
            .with("maxPrecision", "38"));
    }
    Ok(Some(DataType::Decimal128(precision as u8, scale as i8)))
}

/// The schema that Spark writes for a type.
pub fn avro_schema(data_type: &DataType, nullable: bool, name: &str, namespace: &str) -> Value {
    let schema = match data_type {
        DataType::Null => return json!("null"),
        DataType::Boolean => json!("boolean"),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => json!("int"),
        DataType::Int64 => json!("long"),
        DataType::Float32 => json!("float"),
        DataType::Float64 => json!("double"),
        DataType::Binary => json!("bytes"),
        DataType::Date32 => json!({"type": "int", "logicalType": "date"}),
        DataType::Timestamp(_, Some(_)) => json!({"type": "long", "logicalType": "timestamp-micros"}),
        DataType::Timestamp(_, None) => json!({"type": "long", "logicalType": "local-timestamp-micros"}),
        DataType::Interval(IntervalUnit::YearMonth) => json!({"type": "int", CATALYST_TYPE: "interval year to month"}),
        DataType::Duration(_) => json!({"type": "long", CATALYST_TYPE: "interval day to second"}),
        DataType::Time64(_) => json!({"type": "long", "logicalType": "time-micros", CATALYST_TYPE: "time(6)"}),
        DataType::Decimal128(precision, scale) => json!({
            "type": "fixed", "name": "fixed", "namespace": inner(name, namespace), "size": bytes_of(*precision),
            "logicalType": "decimal", "precision": precision, "scale": scale
        }),
        DataType::List(element) => {
            json!({"type": "array", "items": field_schema(element, name, namespace)})
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                json!({"type": "map", "values": field_schema(&pair[1], name, namespace)})
            }
            _ => json!("null"),
        },
        DataType::Struct(fields) => {
            let inner = inner(name, namespace);
            let field =
                |field: &FieldRef| json!({"name": field.name(), "type": field_schema(field, field.name(), &inner)});
            let fields: Vec<Value> = fields.iter().map(field).collect();
            match namespace {
                "" => json!({"type": "record", "name": name, "fields": fields}),
                _ => json!({"type": "record", "name": name, "namespace": namespace, "fields": fields}),
            }
        }
        _ => json!("string"),
    };
    if nullable { json!([schema, "null"]) } else { schema }
}

fn field_schema(field: &FieldRef, name: &str, namespace: &str) -> Value {
    let schema = avro_schema(field.data_type(), false, name, namespace);
    let schema = match (schema, field.data_type()) {
        // The units of an interval and the digits of a time are the field's.
        (Value::Object(mut own), DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_)) => {
            own.insert(CATALYST_TYPE.into(), types::name::simple_of_field(field).into());
            Value::Object(own)
        }
        (schema, _) => schema,
    };
    if field.is_nullable() && !field.data_type().is_null() { json!([schema, "null"]) } else { schema }
}

fn inner(name: &str, namespace: &str) -> String {
    if namespace.is_empty() { name.to_string() } else { format!("{namespace}.{name}") }
}

/// Bytes for any decimal of so many digits.
fn bytes_of(precision: u8) -> usize {
    let most = 10_i128.checked_pow(precision.into()).map_or(i128::MAX, |power| power - 1);
    let bits = 128 - most.leading_zeros() as usize + 1;
    bits.div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_there_and_back() -> Result<()> {
        let fields = ddl::parse_schema(
            "a BIGINT NOT NULL, d DECIMAL(10, 3), s STRUCT<x: ARRAY<STRING>, m: MAP<STRING, INT>>, i INTERVAL DAY TO SECOND",
        )?;
        let schema = avro_schema(&DataType::Struct(fields), false, "topLevelRecord", "").to_string();
        assert!(schema.contains(r#""namespace":"topLevelRecord.d","size":5"#), "{schema}");
        let back = spark_fields(&schema)?.unwrap_or_else(Fields::empty);
        let shown = types::name::simple(&DataType::Struct(back));
        assert_eq!(
            shown,
            "struct<a:bigint,d:decimal(10,3),s:struct<x:array<string>,m:map<string,int>>,i:interval day to second>"
        );
        assert!(spark_type(r#"{"type":"record","name":"r","fields":[{"name":"a","type":"r"}]}"#).is_err());
        assert_eq!(bytes_of(38), 16);
        Ok(())
    }
}
