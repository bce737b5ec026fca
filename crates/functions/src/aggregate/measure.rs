//! `measure(m)`: what it is over a metric view the resolver knows; over anything else it has no meaning.

use firesteel_protocol::{Result, SparkError};

use crate::{Call, Typed};

/// Spark resolves the call and finds when it plans that nothing computes it.
pub fn measure(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let error = SparkError::internal("UnevaluableAggregateFunc.aggBufferAttributes should not be called.");
    Err(error.with_details("measure(m) takes a measure of a metric view, right where the view is aggregated."))
}
