//! Casts by the name of a type: `int(a)`, `date(a)`.

use arrow::datatypes::DataType;
use firesteel_protocol::Result;
use firesteel_protocol::types;

use super::{EvalMode, cast};
use crate::{Call, Entry, Kind, Typed};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "bigint", kind: Kind::Scalar(|call| to(call, DataType::Int64)) },
    Entry { name: "binary", kind: Kind::Scalar(|call| to(call, DataType::Binary)) },
    Entry { name: "boolean", kind: Kind::Scalar(|call| to(call, DataType::Boolean)) },
    Entry { name: "date", kind: Kind::Scalar(|call| to(call, DataType::Date32)) },
    Entry { name: "decimal", kind: Kind::Scalar(|call| to(call, DataType::Decimal128(10, 0))) },
    Entry { name: "double", kind: Kind::Scalar(|call| to(call, DataType::Float64)) },
    Entry { name: "float", kind: Kind::Scalar(|call| to(call, DataType::Float32)) },
    Entry { name: "int", kind: Kind::Scalar(|call| to(call, DataType::Int32)) },
    Entry { name: "smallint", kind: Kind::Scalar(|call| to(call, DataType::Int16)) },
    Entry { name: "string", kind: Kind::Scalar(|call| to(call, DataType::Utf8)) },
    Entry { name: "time", kind: Kind::Scalar(|call| to(call, types::time())) },
    Entry { name: "timestamp", kind: Kind::Scalar(|call| to(call, types::timestamp())) },
    Entry { name: "tinyint", kind: Kind::Scalar(|call| to(call, DataType::Int8)) },
];

/// Spark prints such a cast as its argument alone.
fn to(call: &Call, data_type: DataType) -> Result<Typed> {
    call.arity(1)?;
    let arg = call.args[0].clone();
    let label = arg.name.clone();
    let made = cast(arg, &data_type, EvalMode::of(call.env), call.env);
    // So do its errors.
    let made = made.map_err(|error| {
        if error.condition().starts_with("DATATYPE_MISMATCH.CAST") {
            error.with("sqlExpr", format!("\"{label}\""))
        } else {
            error
        }
    })?;
    Ok(made.named(label))
}
