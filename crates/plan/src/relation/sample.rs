//! `sample`, and `randomSplit`, which the client sends as samples of neighbouring bounds.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required};
use crate::Resolver;
use crate::scope::Scope;

pub fn resolve(resolver: &Resolver, message: &pb::Sample, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Sample")?, outer)?.narrow()?;
    let (lower, upper) = (message.lower_bound, message.upper_bound);
    let replacement = message.with_replacement.unwrap_or(false);
    let fraction = upper - lower;
    if fraction < 0.0 || (!replacement && fraction > 1.0 + 1e-6) {
        let word = if replacement { "with" } else { "without" };
        let range = if replacement { "nonnegative" } else { "on interval [0, 1]" };
        return Err(SparkError::new("_LEGACY_ILLEGAL_ARGUMENT").with_message(format!(
            "requirement failed: Sampling fraction ({fraction:?}) must be {range} {word} replacement"
        )));
    }
    let seed = message.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 as i64);
    let input = if message.deterministic_order { sorted(input)? } else { input };
    crate::operator::sample::plan(input, lower, upper, replacement, seed)
}

/// Splits of one DataFrame must agree on the order of its rows: Spark sorts each partition by all columns.
fn sorted(input: Relation) -> Result<Relation> {
    let keys = input
        .output
        .iter()
        .filter(|attribute| !matches!(attribute.data_type(), arrow::datatypes::DataType::Map(..)))
        .map(|attribute| attribute.expr().sort(true, true))
        .collect();
    crate::operator::local_sort::plan(input, keys)
}
