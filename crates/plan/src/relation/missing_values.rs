//! `df.na`: fill, drop and replace. Spark's `DataFrameNaFunctions`.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::cast::{EvalMode, cast};
use firesteel_protocol::connect as pb;
use firesteel_protocol::{Result, SparkError};

use super::{Relation, filter, required};
use crate::expression::{function, literal};
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// The columns of these names; all of them for none.
fn columns<'r>(
    resolver: &Resolver,
    input: &'r Relation,
    names: &[String],
    scope: &Scope,
) -> Result<Vec<&'r Attribute>> {
    if names.is_empty() {
        return Ok(input.output.iter().collect());
    }
    let mut found = vec![];
    for name in names {
        let parts = crate::sql::parse_column_name(name)?;
        let column = resolver.column(&parts, scope).map_err(|error| match error.condition() {
            "UNRESOLVED_COLUMN.WITH_SUGGESTION" => crate::scope::unresolved_as_listed(&parts, scope.output()),
            _ => error,
        })?;
        match input.output.iter().find(|attribute| attribute.expr() == column.expr) {
            Some(attribute) => found.push(attribute),
            None => {
                return Err(SparkError::new("UNSUPPORTED_FEATURE.REPLACE_NESTED_COLUMN")
                    .with("colName", crate::scope::quote_parts(&parts)));
            }
        }
    }
    Ok(found)
}

fn replaced(attribute: &Attribute, typed: Typed) -> Typed {
    let mut typed = typed.named(attribute.name());
    typed.expr = typed.expr.alias(attribute.name());
    typed
}

fn fits(value: &ScalarValue, column: &DataType) -> bool {
    let numeric = |t: &DataType| t.is_numeric();
    match value.data_type() {
        DataType::Utf8 => *column == DataType::Utf8,
        DataType::Boolean => *column == DataType::Boolean,
        value if numeric(&value) => numeric(column),
        _ => false,
    }
}

/// Values for NULLs (and NaNs) of columns whose type fits.
pub fn fill(resolver: &Resolver, message: &pb::NaFill, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "NAFill")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let chosen = columns(resolver, &input, &message.cols, &scope)?;
    let values = message.values.iter().map(literal::value).collect::<Result<Vec<_>>>()?;
    let one = values.len() == 1;
    let mut list = vec![];
    for attribute in &input.output {
        let at = chosen.iter().position(|own| own.id == attribute.id);
        let value = at.and_then(|at| if one { values.first() } else { values.get(at) });
        match value.filter(|value| fits(value, attribute.data_type())) {
            Some(value) => list.push(filled(resolver, attribute, value)?),
            None => list.push(attribute.typed()),
        }
    }
    input.clone().select(list)
}

fn filled(resolver: &Resolver, attribute: &Attribute, value: &ScalarValue) -> Result<Typed> {
    let env = resolver.env();
    let value = cast(Typed::literal(value.clone(), ""), attribute.data_type(), EvalMode::Legacy, env)?;
    let mut column = attribute.typed();
    if matches!(attribute.data_type(), DataType::Float32 | DataType::Float64) {
        let null = Typed::literal(
            ScalarValue::try_new_null(attribute.data_type()).map_err(|e| SparkError::internal(e.to_string()))?,
            "NULL",
        );
        column = function::scalar(resolver, "nanvl", vec![column, null])?;
    }
    Ok(replaced(attribute, function::scalar(resolver, "coalesce", vec![column, value])?))
}

/// Keeps rows with enough values that are neither NULL nor NaN.
pub fn drop(resolver: &Resolver, message: &pb::NaDrop, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "NADrop")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let chosen = columns(resolver, &input, &message.cols, &scope)?;
    let needed = message.min_non_nulls.unwrap_or_else(|| i32::try_from(chosen.len()).unwrap_or(i32::MAX));
    let mut count: Option<Typed> = None;
    for attribute in chosen {
        let mut good = function::scalar(resolver, "isnotnull", vec![attribute.typed()])?;
        if matches!(attribute.data_type(), DataType::Float32 | DataType::Float64) {
            let nan = function::scalar(resolver, "isnan", vec![attribute.typed()])?;
            let number = function::scalar(resolver, "not", vec![nan])?;
            good = function::scalar(resolver, "and", vec![good, number])?;
        }
        let (yes, no) =
            (Typed::literal(ScalarValue::Int32(Some(1)), "1"), Typed::literal(ScalarValue::Int32(Some(0)), "0"));
        let one = function::scalar(resolver, "if", vec![good, yes, no])?;
        count = Some(match count {
            Some(sum) => function::scalar(resolver, "+", vec![sum, one])?,
            None => one,
        });
    }
    let Some(count) = count else { return Ok(input.clone()) };
    let needed = Typed::literal(ScalarValue::Int32(Some(needed)), needed.to_string());
    let condition = function::scalar(resolver, ">=", vec![count, needed])?;
    filter::apply(resolver, input.clone(), condition)
}

/// Values for other values.
pub fn replace(resolver: &Resolver, message: &pb::NaReplace, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "NAReplace")?, outer)?;
    let inputs = [&input];
    let scope = resolver.scope(&inputs, outer);
    let chosen = columns(resolver, &input, &message.cols, &scope)?;
    let mut pairs = vec![];
    for replacement in &message.replacements {
        let part = |literal: Option<&pb::expression::Literal>| {
            literal::value(literal.ok_or_else(|| crate::expression::missing("value", "Replacement"))?)
        };
        pairs.push((part(replacement.old_value.as_ref())?, part(replacement.new_value.as_ref())?));
    }
    let applies = |attribute: &Attribute| {
        chosen.iter().any(|own| own.id == attribute.id)
            && pairs.iter().any(|(old, new)| {
                let value = if old.is_null() { new } else { old };
                fits(value, attribute.data_type())
            })
    };
    let mut list = vec![];
    for attribute in &input.output {
        if !applies(attribute) {
            list.push(attribute.typed());
            continue;
        }
        let mut args = vec![];
        for (old, new) in &pairs {
            let same = function::scalar(resolver, "=", vec![attribute.typed(), converted(resolver, old, attribute)?])?;
            args.extend([same, converted(resolver, new, attribute)?]);
        }
        args.push(attribute.typed());
        let mut typed = function::scalar(resolver, "when", args)?;
        typed.nullable = true;
        list.push(replaced(attribute, typed));
    }
    input.clone().select(list)
}

fn converted(resolver: &Resolver, value: &ScalarValue, attribute: &Attribute) -> Result<Typed> {
    if value.is_null() {
        let null = ScalarValue::try_new_null(attribute.data_type()).map_err(|e| SparkError::internal(e.to_string()))?;
        return Ok(Typed::literal(null, "NULL"));
    }
    cast(Typed::literal(value.clone(), ""), attribute.data_type(), EvalMode::Legacy, resolver.env())
}
