//! Not there yet.

use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::Relation;
use crate::Resolver;
use crate::scope::Scope;

pub fn summary(_: &Resolver, _: &pb::StatSummary, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("summary", "Use select and groupBy."))
}

pub fn describe(_: &Resolver, _: &pb::StatDescribe, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("describe", "Use select and groupBy."))
}

pub fn crosstab(_: &Resolver, _: &pb::StatCrosstab, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("crosstab", "Use select and groupBy."))
}

pub fn covariance(_: &Resolver, _: &pb::StatCov, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("covariance", "Use select and groupBy."))
}

pub fn correlation(_: &Resolver, _: &pb::StatCorr, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("correlation", "Use select and groupBy."))
}

pub fn approx_quantile(_: &Resolver, _: &pb::StatApproxQuantile, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("approx_quantile", "Use select and groupBy."))
}

pub fn freq_items(_: &Resolver, _: &pb::StatFreqItems, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("freq_items", "Use select and groupBy."))
}

pub fn sample_by(_: &Resolver, _: &pb::StatSampleBy, _: Option<&Scope>) -> Result<Relation> {
    Err(SparkError::unsupported("sample_by", "Use select and groupBy."))
}
