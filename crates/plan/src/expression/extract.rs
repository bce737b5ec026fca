//! `a[0]`, `m['k']`, `s.f`: values out of arrays, maps and structs.

use datafusion::logical_expr::Expr;
use firesteel_functions::Typed;
use firesteel_functions::collection::extract_value;
use firesteel_protocol::{Result, connect as pb};

use super::{missing, unaliased};
use crate::Resolver;
use crate::scope::Scope;

pub fn resolve(resolver: &Resolver, message: &pb::expression::UnresolvedExtractValue, scope: &Scope) -> Result<Typed> {
    let child = message.child.as_deref().ok_or_else(|| missing("child", "UnresolvedExtractValue"))?;
    let extraction = message.extraction.as_deref().ok_or_else(|| missing("extraction", "UnresolvedExtractValue"))?;
    let child = resolver.expression(child, scope)?;
    // What is taken out of a nested column goes by its whole path.
    let child = match (&child.expr, child.unaliased_name.clone()) {
        (Expr::Alias(_), _) | (_, None) => unaliased(child),
        (_, Some(path)) => child.named(path),
    };
    let extraction = unaliased(resolver.expression(extraction, scope)?);
    extract_value(child, extraction, &resolver.env_here())
}
