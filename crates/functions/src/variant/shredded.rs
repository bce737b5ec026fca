//! VARIANT out of columns of its parts, as Parquet's "Variant Shredding" has them and Spark writes them: beside the bytes of a
//! value (`value`) there is what it is if it has the type of a column (`typed_value`), in objects and arrays member by member.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use firesteel_protocol::{Result, SparkError, types};

use super::build;
use super::convert::items;
use super::item::Item;
use crate::kernel::from_arrow;

const TYPED: &str = "typed_value";

/// Whether a file's struct is a VARIANT in parts.
pub fn is_shredded(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => {
            fields.iter().any(|field| field.name() == TYPED) && fields.iter().any(|field| field.name() == "metadata")
        }
        _ => false,
    }
}

/// The column put together.
pub fn unshred(array: &StructArray) -> Result<ArrayRef> {
    let names = binary(array, "metadata")?.ok_or_else(|| SparkError::new("MALFORMED_VARIANT"))?;
    let group = Group::new(array)?;
    build((0..array.len()).map(|row| {
        if array.is_null(row) {
            return Ok(None);
        }
        Ok(Some(group.item(row, names.value(row))?.unwrap_or(Item::Null)))
    }))
}

/// One place of a value: its bytes, its parts, or neither where it is missing.
struct Group {
    values: Option<BinaryArray>,
    typed: Option<Parts>,
}

/// A `typed_value`.
struct Parts {
    nulls: Option<NullBuffer>,
    kind: Kind,
}

enum Kind {
    Leaf(Vec<Option<Item>>),
    Object(Vec<(String, Group)>),
    /// Where each row's elements begin and end, and they themselves.
    Array(Vec<(usize, usize)>, Box<Group>),
}

impl Group {
    fn new(array: &StructArray) -> Result<Self> {
        let typed = array.column_by_name(TYPED).map(Parts::new).transpose()?;
        Ok(Self { values: binary(array, "value")?, typed })
    }

    /// The value in a row; None where it is missing.
    fn item(&self, row: usize, names: &[u8]) -> Result<Option<Item>> {
        let bytes = self.values.as_ref().filter(|values| values.is_valid(row)).map(|values| values.value(row));
        let rest = || bytes.map(|bytes| Item::decode(bytes, names)).transpose();
        let Some(parts) = self.typed.as_ref().filter(|parts| parts.nulls.as_ref().is_none_or(|n| n.is_valid(row)))
        else {
            return rest();
        };
        match &parts.kind {
            Kind::Leaf(items) => Ok(items[row].clone()),
            Kind::Array(ends, elements) => {
                let (start, end) = ends[row];
                let element = |at: usize| Ok(elements.item(at, names)?.unwrap_or(Item::Null));
                Ok(Some(Item::Array((start..end).map(element).collect::<Result<_>>()?)))
            }
            Kind::Object(columns) => {
                // Members without a column stand in the bytes.
                let mut members = match rest()? {
                    Some(Item::Object(members)) => members,
                    Some(_) => return Err(SparkError::new("MALFORMED_VARIANT")),
                    None => vec![],
                };
                for (name, column) in columns {
                    members.extend(column.item(row, names)?.map(|item| (name.clone(), item)));
                }
                Item::object(members).map(Some)
            }
        }
    }
}

impl Parts {
    fn new(array: &ArrayRef) -> Result<Self> {
        let kind = match array.data_type() {
            DataType::Struct(fields) => {
                let columns = array.as_struct();
                let member = |(at, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
                    let column =
                        columns.column(at).as_struct_opt().ok_or_else(|| SparkError::new("MALFORMED_VARIANT"))?;
                    Ok((field.name().clone(), Group::new(column)?))
                };
                Kind::Object(fields.iter().enumerate().map(member).collect::<Result<_>>()?)
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let elements = list.values().as_struct_opt().ok_or_else(|| SparkError::new("MALFORMED_VARIANT"))?;
                let ends = list.value_offsets().windows(2).map(|pair| (pair[0] as usize, pair[1] as usize));
                Kind::Array(ends.collect(), Box::new(Group::new(elements)?))
            }
            leaf => Kind::Leaf(items(&cast(array, &types::canonical(leaf)).map_err(from_arrow)?)?),
        };
        Ok(Self { nulls: array.nulls().cloned(), kind })
    }
}

fn binary(array: &StructArray, name: &str) -> Result<Option<BinaryArray>> {
    let column = array.column_by_name(name).map(|column| cast(column, &DataType::Binary)).transpose();
    Ok(column.map_err(from_arrow)?.map(|column| column.as_binary::<i32>().clone()))
}
