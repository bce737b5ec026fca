//! `Column.withField` and `Column.dropFields`: a struct with one field set or left out.
//! Spark's `UpdateFields`.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, when};
use datafusion::scalar::ScalarValue;
use firesteel_functions::{Call, Kind, Typed, lookup};
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError, connect as pb};

use super::{missing, unaliased};
use crate::scope::Scope;
use crate::{Resolver, sql};

pub fn resolve(resolver: &Resolver, message: &pb::expression::UpdateFields, scope: &Scope) -> Result<Typed> {
    let structure = message.struct_expression.as_deref().ok_or_else(|| missing("struct_expression", "UpdateFields"))?;
    let structure = unaliased(resolver.expression(structure, scope)?);
    let value = match message.value_expression.as_deref() {
        Some(value) => Some(unaliased(resolver.expression(value, scope)?)),
        None => None,
    };
    let path = sql::parse_column_name(&message.field_name)?;
    let shown = structure.name.clone();
    let operation = match &value {
        Some(value) => format!("WithField({})", value.name),
        None => "dropfield()".to_string(),
    };
    // Spark makes one of updates of updates.
    let name = match shown.strip_prefix("update_fields(").and_then(|rest| rest.strip_suffix(')')) {
        Some(before) => format!("update_fields({before}, {operation})"),
        None => format!("update_fields({shown}, {operation})"),
    };
    let updated = update(resolver, structure, &path, value).map_err(|error| match error.param("sqlExpr") {
        Some(_) => error.with("sqlExpr", format!("\"{name}\"")),
        None => error,
    })?;
    Ok(updated.named(name))
}

/// The column without one of its fields; `FIELD_NOT_FOUND` if it has no such field.
pub(crate) fn without(resolver: &Resolver, column: Typed, path: &[String]) -> Result<Typed> {
    let mut fields = column.data_type.clone();
    for part in path {
        let DataType::Struct(own) = &fields else { break };
        let found = firesteel_functions::collection::find_field(own, part, resolver.env())?;
        fields = own[found].data_type().clone();
    }
    let name = column.name.clone();
    let mut updated = update(resolver, unaliased(column), path, None)?;
    updated.expr = updated.expr.alias(&name);
    Ok(updated.named(name))
}

fn update(resolver: &Resolver, structure: Typed, path: &[String], value: Option<Typed>) -> Result<Typed> {
    let DataType::Struct(fields) = &structure.data_type else {
        return Err(SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"update_fields({})\"", structure.name))
            .with("paramIndex", "first")
            .with("requiredType", "\"STRUCT\"")
            .with("inputSql", format!("\"{}\"", structure.name))
            .with("inputType", format!("\"{}\"", name::sql(&structure.data_type))));
    };
    let env = resolver.env();
    let same = |a: &str, b: &str| if env.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let mut columns: Vec<(String, Typed)> = vec![];
    let mut found = false;
    for own in &names {
        let field = resolver.nested(structure.clone(), std::slice::from_ref(own))?;
        if !same(own, &path[0]) {
            columns.push((own.clone(), field));
            continue;
        }
        found = true;
        match (path.len(), &value) {
            (1, None) => {}
            (1, Some(value)) => columns.push((path[0].clone(), value.clone())),
            _ => columns.push((own.clone(), update(resolver, field, &path[1..], value.clone())?)),
        }
    }
    match (&value, found) {
        (Some(value), false) if path.len() == 1 => columns.push((path[0].clone(), value.clone())),
        (_, false) if path.len() > 1 => {
            return Err(SparkError::new("FIELD_NOT_FOUND")
                .with("fieldName", name::quote(&path[0]))
                .with("fields", names.iter().map(|n| name::quote(n)).collect::<Vec<_>>().join(", ")));
        }
        _ => {}
    }
    if columns.is_empty() {
        return Err(SparkError::new("DATATYPE_MISMATCH.CANNOT_DROP_ALL_FIELDS")
            .with("sqlExpr", format!("\"{}\"", structure.name)));
    }
    let args = columns
        .into_iter()
        .flat_map(|(name, column)| [Typed::literal(ScalarValue::Utf8(Some(name.clone())), name), column])
        .collect();
    let call = Call { name: "named_struct", args, distinct: false, ignore_nulls: false, env };
    let Some(Kind::Scalar(build)) = lookup("named_struct").map(|entry| entry.kind) else {
        return Err(SparkError::internal("the function named_struct is missing"));
    };
    let mut built = build(&call)?;
    if structure.nullable {
        let null = ScalarValue::try_new_null(&built.data_type).map_err(|e| SparkError::internal(e.to_string()))?;
        built.expr = when(structure.expr.clone().is_null(), Expr::Literal(null, None))
            .otherwise(built.expr)
            .map_err(crate::resolver::plan_error)?;
        built.nullable = true;
    }
    Ok(built)
}
