//! Not there yet.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::Relation;
use crate::Resolver;
use crate::scope::Scope;

pub fn resolve(_: &Resolver, _: &pb::Unpivot, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("resolve", "Use select and groupBy."))
}

pub fn transpose(_: &Resolver, _: &pb::Transpose, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("transpose", "Use select and groupBy."))
}

pub fn sql(_: &Resolver, _: &firesteel_protocol::extension::SqlUnpivot, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("UNPIVOT", "Use stack()."))
}
