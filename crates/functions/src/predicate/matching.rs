//! `contains`, `startswith`, `endswith`, on strings and on binary values.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use firesteel_protocol::Result;

use crate::kernel::KernelArgs;
use crate::{Call, Typed};

pub(super) fn contains(call: &Call) -> Result<Typed> {
    matches(call, datafusion::functions::string::contains)
}

pub(super) fn starts_with(call: &Call) -> Result<Typed> {
    matches(call, datafusion::functions::string::starts_with)
}

pub(super) fn ends_with(call: &Call) -> Result<Typed> {
    matches(call, datafusion::functions::string::ends_with)
}

/// DataFusion's function on strings, of which its optimizer can make more; ours on binary values.
fn matches(call: &Call, function: fn() -> Arc<ScalarUDF>) -> Result<Typed> {
    call.arity(2)?;
    let label = call.display();
    if call.args.iter().all(|arg| arg.data_type == DataType::Binary) {
        let what = call.name.to_ascii_lowercase();
        return Ok(call.kernel_with("spark_binary_match", DataType::Boolean, true, what, binary_kernel));
    }
    let call = call.coerced(&[DataType::Utf8, DataType::Utf8])?;
    let nullable = call.any_nullable();
    Ok(call.datafusion(&function(), DataType::Boolean, nullable).named(label))
}

fn binary_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let test: fn(&[u8], &[u8]) -> bool = match args.param {
        "startswith" => |bytes, part| bytes.starts_with(part),
        "endswith" => |bytes, part| bytes.ends_with(part),
        _ => |bytes, part| part.is_empty() || bytes.windows(part.len()).any(|window| window == part),
    };
    let (left, right) = (args.array(0)?, args.array(1)?);
    let pairs = left.as_binary::<i32>().iter().zip(right.as_binary::<i32>().iter());
    Ok(Arc::new(pairs.map(|(bytes, part)| Some(test(bytes?, part?))).collect::<BooleanArray>()))
}
