//! VARIANT: values of any shape in one column. `item` is a value as tree, `convert` are casts, `get` takes parts out,
//! `schema` says what values look like, `shredded` puts them together from columns of their parts. In Arrow a VARIANT is a struct
//! of two binary fields, as in Parquet.

mod convert;
mod get;
pub mod item;
mod schema;
pub mod shredded;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use firesteel_protocol::{Result, SparkError, types};

pub use convert::{from_variant, to_variant};
use item::Item;

use crate::json::value::Json;
use crate::kernel::{KernelArgs, from_arrow};
use crate::registry::{Entry, Kind};
use crate::rowwise::{string_at, strings};
use crate::{Call, Typed};

const fn scalar(name: &'static str, build: fn(&Call) -> Result<Typed>) -> Entry {
    Entry { name, kind: Kind::Scalar(build) }
}

/// This family's functions.
pub const TABLE: &[Entry] = &[
    scalar("parse_json", |call| parse(call, false)),
    scalar("try_parse_json", |call| parse(call, true)),
    scalar("is_variant_null", is_variant_null),
    scalar("is_valid_variant", is_valid_variant),
    scalar("variant_get", |call| get::variant_get(call, false)),
    scalar("try_variant_get", |call| get::variant_get(call, true)),
    scalar("schema_of_variant", schema::schema_of_variant),
    Entry { name: "schema_of_variant_agg", kind: Kind::Aggregate(schema::schema_of_variant_agg) },
    scalar("to_variant_object", convert::to_variant_object),
];

/// The values of a column of VARIANT.
#[derive(Debug)]
pub struct Variants {
    structs: StructArray,
}

impl Variants {
    pub fn new(array: &ArrayRef) -> Self {
        Self { structs: array.as_struct().clone() }
    }

    /// The bytes of value and metadata in a row; None is NULL.
    pub fn bytes(&self, row: usize) -> Option<(&[u8], &[u8])> {
        let bytes = |index: usize| self.structs.column(index).as_binary::<i32>().value(row);
        self.structs.is_valid(row).then(|| (bytes(0), bytes(1)))
    }

    /// The value in a row; None is NULL.
    pub fn item(&self, row: usize) -> Result<Option<Item>> {
        self.bytes(row).map(|(value, metadata)| Item::decode(value, metadata)).transpose()
    }
}

/// A column of VARIANT out of values; None is NULL.
pub fn build<'a>(items: impl Iterator<Item = Result<Option<Item>>> + 'a) -> Result<ArrayRef> {
    let (mut values, mut metadata, mut valid) = (BinaryBuilder::new(), BinaryBuilder::new(), vec![]);
    for item in items {
        let bytes = item?.map(|item| item.encode()).transpose()?;
        valid.push(bytes.is_some());
        let (value, names) = bytes.unwrap_or_default();
        values.append_value(value);
        metadata.append_value(names);
    }
    let DataType::Struct(fields) = types::variant() else { return Err(SparkError::internal("VARIANT is a struct")) };
    let columns: Vec<ArrayRef> = vec![Arc::new(values.finish()), Arc::new(metadata.finish())];
    Ok(Arc::new(StructArray::try_new(fields, columns, Some(NullBuffer::from(valid))).map_err(from_arrow)?))
}

/// Argument `index`, which must be a VARIANT.
pub(crate) fn variant_arg(call: &Call, index: usize) -> Result<Typed> {
    let arg = &call.args[index];
    if types::is_variant(&arg.data_type) {
        return Ok(arg.clone());
    }
    if arg.data_type == DataType::Null {
        return crate::coerce::cast_silently(arg.clone(), &types::variant(), call.env);
    }
    Err(call.unexpected_type(index, "\"VARIANT\""))
}

/// `parse_json(text)`, `try_parse_json(text)`.
fn parse(call: &Call, tried: bool) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.coerced(&[DataType::Utf8])?;
    let (nullable, param) = (tried || inner.any_nullable(), if tried { "try" } else { "" });
    Ok(inner
        .kernel_with("ansi_parse_json", types::variant(), nullable, param.into(), parse_kernel)
        .named(call.display()))
}

fn parse_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let texts = strings(args, 0)?;
    build((0..args.rows).map(|row| {
        let Some(text) = string_at(&texts, row) else { return Ok(None) };
        let item = match Json::parse(text) {
            Some(json) => Item::of_json(&json).map_err(|error| match error.condition() {
                "VARIANT_DUPLICATE_KEY" => SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                    .with("badRecord", text)
                    .with("failFastMode", "FAILFAST"),
                _ => error,
            }),
            None => Err(SparkError::new("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
                .with("badRecord", text)
                .with("failFastMode", "FAILFAST")),
        };
        match item {
            Ok(item) => Ok(Some(item)),
            Err(_) if args.param == "try" => Ok(None),
            Err(error) => Err(error),
        }
    }))
}

/// `is_variant_null(v)`: whether it is the null of JSON, not NULL.
fn is_variant_null(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![variant_arg(call, 0)?]);
    Ok(inner.kernel("is_variant_null", DataType::Boolean, false, |args| {
        let variants = Variants::new(&args.array(0)?);
        // The first byte of a null is 0.
        let flags =
            (0..args.rows).map(|row| Some(variants.bytes(row).is_some_and(|(value, _)| value.first() == Some(&0))));
        Ok(Arc::new(flags.collect::<BooleanArray>()))
    }))
}

/// `is_valid_variant(v)`: whether the bytes are well-formed.
fn is_valid_variant(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let inner = call.with_args(vec![variant_arg(call, 0)?]);
    let nullable = inner.any_nullable();
    Ok(inner.kernel("is_valid_variant", DataType::Boolean, nullable, |args| {
        let variants = Variants::new(&args.array(0)?);
        let valid = |(value, metadata): (&[u8], &[u8])| Item::decode(value, metadata).is_ok();
        Ok(Arc::new((0..args.rows).map(|row| variants.bytes(row).map(valid)).collect::<BooleanArray>()))
    }))
}
