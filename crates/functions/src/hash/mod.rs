//! Hashes of rows (`hash`, `xxhash64`) and digests of bytes.

pub mod row;
pub mod tables;
pub mod unsafe_row;

use std::sync::Arc;

use arrow::datatypes::DataType::{Binary, Int32, Int64, Utf8};
use datafusion::logical_expr::ScalarUDF;
use firesteel_protocol::Result;

use crate::{Call, Entry, Kind, Typed};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "crc32", kind: Kind::Scalar(crc32) },
    Entry { name: "hash", kind: Kind::Scalar(row::hash) },
    Entry { name: "md5", kind: Kind::Scalar(|call| digest(call, &datafusion::functions::crypto::md5())) },
    Entry { name: "sha", kind: Kind::Scalar(|call| digest(call, &datafusion_spark::function::hash::sha1())) },
    Entry { name: "sha1", kind: Kind::Scalar(|call| digest(call, &datafusion_spark::function::hash::sha1())) },
    Entry { name: "sha2", kind: Kind::Scalar(sha2) },
    Entry { name: "xxhash64", kind: Kind::Scalar(row::xxhash64) },
];

/// A digest as hexadecimal digits.
fn digest(call: &Call, function: &Arc<ScalarUDF>) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Binary])?;
    let nullable = typed.any_nullable();
    Ok(typed.datafusion(function, Utf8, nullable).named(call.display()))
}

fn crc32(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let typed = call.coerced(&[Binary])?;
    let nullable = typed.any_nullable();
    Ok(typed.datafusion(&datafusion_spark::function::hash::crc32(), Int64, nullable).named(call.display()))
}

/// `sha2(bytes, bits)`; NULL for other lengths than 0, 224, 256, 384, 512.
fn sha2(call: &Call) -> Result<Typed> {
    call.arity(2)?;
    let typed = call.coerced(&[Binary, Int32])?;
    Ok(typed.datafusion(&datafusion_spark::function::hash::sha2(), Utf8, true).named(call.display()))
}
