//! `grouping(x)`, `grouping_id(...)`: marks that the resolver of GROUP BY replaces.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::KernelArgs;
use crate::{Call, Typed};

/// `grouping(x)`: 1 where `x` is not part of the grouping set of the row.
pub fn grouping(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    Ok(call.kernel("grouping", DataType::Int8, false, outside))
}

/// `grouping_id([x, ...])`: the bits of `grouping` of all grouping columns.
pub fn grouping_id(call: &Call) -> Result<Typed> {
    Ok(call.kernel("grouping_id", DataType::Int64, false, outside))
}

fn outside(_: &KernelArgs) -> Result<ArrayRef> {
    Err(SparkError::new("UNSUPPORTED_GROUPING_EXPRESSION"))
}
