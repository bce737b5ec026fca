//! Not there yet.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::Relation;
use crate::Resolver;
use crate::scope::Scope;

pub fn fill(_: &Resolver, _: &pb::NaFill, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("fill", "Use select and groupBy."))
}

pub fn drop(_: &Resolver, _: &pb::NaDrop, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("drop", "Use select and groupBy."))
}

pub fn replace(_: &Resolver, _: &pb::NaReplace, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("replace", "Use select and groupBy."))
}
