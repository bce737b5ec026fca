//! Makes messages: short words for Connect's deep structures.

use firesteel_protocol::connect::{
    self as pb,
    expression::{ExprType, Literal, UnresolvedFunction, literal::LiteralType},
    relation::RelType,
};

/// An expression without place.
pub fn expr(expr_type: ExprType) -> pb::Expression {
    pb::Expression { common: None, expr_type: Some(expr_type) }
}

/// A relation without place.
pub fn rel(rel_type: RelType) -> pb::Relation {
    pb::Relation { common: None, rel_type: Some(rel_type) }
}

pub fn literal(value: LiteralType) -> pb::Expression {
    expr(ExprType::Literal(Literal { literal_type: Some(value), data_type: None }))
}

pub fn text(value: impl Into<String>) -> pb::Expression {
    literal(LiteralType::String(value.into()))
}

pub fn int(value: i32) -> pb::Expression {
    literal(LiteralType::Integer(value))
}

pub fn boolean(value: bool) -> pb::Expression {
    literal(LiteralType::Boolean(value))
}

pub fn function(name: impl Into<String>, arguments: Vec<pb::Expression>) -> UnresolvedFunction {
    UnresolvedFunction { function_name: name.into(), arguments, ..Default::default() }
}

/// A function call.
pub fn call(name: impl Into<String>, arguments: Vec<pb::Expression>) -> pb::Expression {
    expr(ExprType::UnresolvedFunction(function(name, arguments)))
}

pub fn attribute(parts: &[String]) -> pb::Expression {
    expr(ExprType::UnresolvedAttribute(pb::expression::UnresolvedAttribute {
        unparsed_identifier: super::name::unparse(parts),
        ..Default::default()
    }))
}

pub fn alias(expression: pb::Expression, names: Vec<String>) -> pb::Expression {
    expr(ExprType::Alias(Box::new(pb::expression::Alias {
        expr: Some(Box::new(expression)),
        name: names,
        metadata: None,
    })))
}

pub fn cast(expression: pb::Expression, data_type: pb::DataType, try_cast: bool) -> pb::Expression {
    use pb::expression::cast::{CastToType, EvalMode};
    let eval_mode = if try_cast { EvalMode::Try } else { EvalMode::Unspecified };
    expr(ExprType::Cast(Box::new(pb::expression::Cast {
        expr: Some(Box::new(expression)),
        cast_to_type: Some(CastToType::Type(data_type)),
        eval_mode: eval_mode.into(),
    })))
}

pub fn extract(child: pb::Expression, extraction: pb::Expression) -> pb::Expression {
    expr(ExprType::UnresolvedExtractValue(Box::new(pb::expression::UnresolvedExtractValue {
        child: Some(Box::new(child)),
        extraction: Some(Box::new(extraction)),
    })))
}

pub fn project(input: Option<pb::Relation>, expressions: Vec<pb::Expression>) -> pb::Relation {
    rel(RelType::Project(Box::new(pb::Project { input: input.map(Box::new), expressions })))
}

pub fn filter(input: pb::Relation, condition: pb::Expression) -> pb::Relation {
    rel(RelType::Filter(Box::new(pb::Filter { input: Some(Box::new(input)), condition: Some(condition) })))
}

pub fn subquery_alias(input: pb::Relation, alias: impl Into<String>) -> pb::Relation {
    let alias = pb::SubqueryAlias { input: Some(Box::new(input)), alias: alias.into(), qualifier: vec![] };
    rel(RelType::SubqueryAlias(Box::new(alias)))
}

/// One row without columns.
pub fn one_row() -> pb::Relation {
    project(None, vec![])
}

/// A name as a string literal.
#[expect(clippy::ptr_arg, reason = "maps over options of strings")]
pub fn text_of(value: &String) -> pb::Expression {
    text(value.as_str())
}
