//! `df.observe(name, metrics)`: aggregates over the rows of a query, told to the client at its end.

use firesteel_protocol::connect as pb;

use super::Planned;
use crate::Resolver;
use crate::relation::required;
use crate::scope::Scope;

/// Remembers the metrics' plan over the same input; the session runs it when the query has ended.
pub fn resolve(resolver: &Resolver, message: &pb::CollectMetrics, outer: Option<&Scope>) -> Planned {
    let input = resolver.relation_in(required(message.input.as_deref(), "CollectMetrics")?, outer)?;
    let inputs = [&input];
    let columns = resolver.expressions(&message.metrics, &resolver.scope(&inputs, outer))?;
    let metrics = crate::relation::aggregate::global(resolver, input.clone(), columns)?.narrow()?;
    resolver.observed.borrow_mut().push((message.name.clone(), metrics));
    Ok(input)
}
