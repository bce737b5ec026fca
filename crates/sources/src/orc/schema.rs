//! The types of an ORC file, and Spark's types for them.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit};
use firesteel_protocol::types::{self, ddl};
use firesteel_protocol::{Result, SparkError};

use super::damaged;
use super::proto::{StringPair, Type};

/// The attribute in which Spark keeps a type that ORC has not.
const CATALYST_TYPE: &str = "spark.sql.catalyst.type";

/// ORC's types under the numbers of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    String,
    Binary,
    Timestamp,
    List,
    Map,
    Struct,
    Union,
    Decimal,
    Date,
    Varchar,
    Char,
    TimestampInstant,
}

const KINDS: [Kind; 19] = [
    Kind::Boolean,
    Kind::Byte,
    Kind::Short,
    Kind::Int,
    Kind::Long,
    Kind::Float,
    Kind::Double,
    Kind::String,
    Kind::Binary,
    Kind::Timestamp,
    Kind::List,
    Kind::Map,
    Kind::Struct,
    Kind::Union,
    Kind::Decimal,
    Kind::Date,
    Kind::Varchar,
    Kind::Char,
    Kind::TimestampInstant,
];

/// A column with those below it.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its number in the file.
    pub id: u32,
    pub name: String,
    pub kind: Kind,
    pub children: Vec<Column>,
    /// Spark's type of the values as they are decoded.
    pub data_type: DataType,
    /// What of the type is metadata.
    pub metadata: HashMap<String, String>,
}

/// The root of a file's types, a struct.
pub fn root(types: &[Type]) -> Result<Column> {
    let root = column(types, 0, String::new())?;
    if root.kind != Kind::Struct {
        return Err(damaged("rows that are no structs"));
    }
    Ok(root)
}

fn column(types: &[Type], at: usize, name: String) -> Result<Column> {
    let own = types.get(at).ok_or_else(|| damaged("a type that is not there"))?;
    let kind = own.kind.and_then(|kind| KINDS.get(kind as usize)).copied();
    let kind = kind.ok_or_else(|| damaged("a type of unknown kind"))?;
    let mut children = vec![];
    for (place, child) in own.subtypes.iter().enumerate() {
        // Types stand in preorder, so that no cycle can be.
        if *child as usize <= at {
            return Err(damaged("types in a circle"));
        }
        let name = own.field_names.get(place).cloned().unwrap_or_default();
        children.push(column(types, *child as usize, name)?);
    }
    let (data_type, metadata) = spark_type(own, kind, &children)?;
    Ok(Column { id: u32::try_from(at).unwrap_or(u32::MAX), name, kind, children, data_type, metadata })
}

fn spark_type(own: &Type, kind: Kind, children: &[Column]) -> Result<(DataType, HashMap<String, String>)> {
    let catalyst = own.attributes.iter().find(|pair| pair.key.as_deref() == Some(CATALYST_TYPE));
    if let Some(text) = catalyst.and_then(|pair| pair.value.as_deref()) {
        let declared = ddl::parse_type(text)?;
        let fits = matches!(
            (kind, declared.data_type()),
            (Kind::Int, DataType::Interval(_))
                | (Kind::Long, DataType::Duration(_) | DataType::Timestamp(_, None) | DataType::Time64(_))
                | (Kind::Timestamp, DataType::Timestamp(_, Some(_)))
        );
        if fits {
            return Ok((declared.data_type().clone(), declared.metadata().clone()));
        }
    }
    let child = |at: usize| children.get(at).ok_or_else(|| damaged("a nested type without children"));
    let data_type = match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Byte => DataType::Int8,
        Kind::Short => DataType::Int16,
        Kind::Int => DataType::Int32,
        Kind::Long => DataType::Int64,
        Kind::Float => DataType::Float32,
        Kind::Double => DataType::Float64,
        Kind::String | Kind::Varchar | Kind::Char => DataType::Utf8,
        Kind::Binary => DataType::Binary,
        Kind::Timestamp | Kind::TimestampInstant => types::timestamp(),
        Kind::Date => DataType::Date32,
        Kind::Decimal => {
            let (precision, scale) = (own.precision.unwrap_or(38), own.scale.unwrap_or(18));
            if precision == 0 || precision > 38 || scale > precision {
                return Err(damaged("a decimal type of more than 38 digits"));
            }
            DataType::Decimal128(precision as u8, scale as i8)
        }
        Kind::List => types::array_carrying(child(0)?.data_type.clone(), true, &child(0)?.metadata),
        Kind::Map => {
            let (key, value) = (child(0)?, child(1)?);
            types::map_carrying(
                (key.data_type.clone(), &key.metadata),
                (value.data_type.clone(), &value.metadata),
                true,
            )
        }
        Kind::Struct => DataType::Struct(children.iter().map(spark_field).collect()),
        Kind::Union => {
            return Err(SparkError::unsupported("the ORC type uniontype", "Leave the column out, or write a struct."));
        }
    };
    Ok((data_type, HashMap::new()))
}

fn spark_field(column: &Column) -> Field {
    Field::new(&column.name, column.data_type.clone(), true).with_metadata(column.metadata.clone())
}

/// The columns of a file; those of CHAR and VARCHAR say so.
pub fn spark_fields(types: &[Type]) -> Result<Fields> {
    let root = root(types)?;
    let declared = |column: &Column| {
        let field = spark_field(column);
        let length = types.get(column.id as usize).and_then(|own| own.maximum_length).unwrap_or_default();
        let text = match column.kind {
            Kind::Varchar => format!("varchar({length})"),
            Kind::Char => format!("char({length})"),
            _ => return field,
        };
        let own = serde_json::json!({ types::CHAR_VARCHAR_KEY: text }).to_string();
        field.with_metadata([(types::METADATA_KEY.to_string(), own)].into())
    };
    Ok(root.children.iter().map(declared).collect())
}

/// The file's types for columns of Spark.
pub fn orc_types(fields: &Fields) -> Vec<Type> {
    let mut types = vec![];
    push(&DataType::Struct(fields.clone()), &mut types);
    types
}

fn push(data_type: &DataType, flat: &mut Vec<Type>) {
    let at = flat.len();
    flat.push(Type { kind: Some(kind_of(data_type) as u32), ..Type::default() });
    flat[at].attributes = catalyst(data_type);
    let children: Vec<FieldRef> = match data_type {
        DataType::Struct(fields) => {
            flat[at].field_names = fields.iter().map(|field| field.name().clone()).collect();
            fields.iter().cloned().collect()
        }
        DataType::List(element) => vec![element.clone()],
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => pair.iter().cloned().collect(),
            _ => vec![],
        },
        DataType::Decimal128(precision, scale) => {
            flat[at].precision = Some((*precision).into());
            flat[at].scale = Some(scale.unsigned_abs().into());
            vec![]
        }
        _ => vec![],
    };
    for child in children {
        let id = u32::try_from(flat.len()).unwrap_or(u32::MAX);
        flat[at].subtypes.push(id);
        push(child.data_type(), flat);
        // The units of an interval and the digits of a time are the field's.
        if matches!(child.data_type(), DataType::Interval(_) | DataType::Duration(_) | DataType::Time64(_)) {
            let text = types::name::simple_of_field(&child);
            flat[id as usize].attributes = vec![StringPair { key: Some(CATALYST_TYPE.into()), value: Some(text) }];
        }
    }
}

fn catalyst(data_type: &DataType) -> Vec<StringPair> {
    let text = match data_type {
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month",
        DataType::Duration(_) => "interval day to second",
        DataType::Time64(_) => "time(6)",
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        _ => return vec![],
    };
    vec![StringPair { key: Some(CATALYST_TYPE.into()), value: Some(text.into()) }]
}

/// How a type is stored.
pub fn kind_of(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Boolean,
        DataType::Int8 => Kind::Byte,
        DataType::Int16 => Kind::Short,
        DataType::Int32 | DataType::Interval(_) => Kind::Int,
        DataType::Int64 | DataType::Duration(_) | DataType::Time64(_) | DataType::Timestamp(_, None) => Kind::Long,
        DataType::Float32 => Kind::Float,
        DataType::Float64 => Kind::Double,
        DataType::Binary => Kind::Binary,
        DataType::Timestamp(_, Some(_)) => Kind::Timestamp,
        DataType::Date32 => Kind::Date,
        DataType::Decimal128(..) => Kind::Decimal,
        DataType::List(_) => Kind::List,
        DataType::Map(..) => Kind::Map,
        DataType::Struct(_) => Kind::Struct,
        _ => Kind::String,
    }
}
