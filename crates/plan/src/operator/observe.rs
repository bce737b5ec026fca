//! `df.observe(name, metrics)`: aggregates over the rows of a query, told to the client at its end.

use firesteel_protocol::{SparkError, connect as pb};

use super::Planned;
use crate::relation::required;
use crate::scope::Scope;
use crate::{Relation, Resolver};

/// Remembers the metrics' plan over the same input; the session runs it when the query has ended.
pub fn resolve(resolver: &Resolver, message: &pb::CollectMetrics, outer: Option<&Scope>) -> Planned {
    let input = resolver.relation_in(required(message.input.as_deref(), "CollectMetrics")?, outer)?;
    let inputs = [&input];
    let columns = resolver.expressions(&message.metrics, &resolver.scope(&inputs, outer))?;
    let metrics = crate::relation::aggregate::global(resolver, input.clone(), columns)?.narrow()?;
    let mut observed = resolver.observed.borrow_mut();
    // One DataFrame that is used twice observes the same twice.
    let same = |own: &Relation| own.fields() == metrics.fields();
    if observed.iter().any(|(name, own)| *name == message.name && !same(own)) {
        return Err(SparkError::new("DUPLICATED_METRICS_NAME").with("metricName", &message.name));
    }
    observed.push((message.name.clone(), metrics));
    Ok(input)
}
