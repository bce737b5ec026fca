//! Filters as SQL: what a database decides exactly as Spark would.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;

use super::database::Database;

/// Writes a filter as SQL; `None` if a part of it cannot be said.
pub fn sql(filter: &Expr, schema: &SchemaRef, database: &dyn Database) -> Option<String> {
    let again = |expr: &Expr| sql(expr, schema, database);
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let word = if *op == Operator::And { "AND" } else { "OR" };
            Some(format!("({} {word} {})", again(left)?, again(right)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => comparison(left, *op, right, schema, database),
        Expr::Not(inner) => Some(format!("(NOT {})", again(inner)?)),
        Expr::IsNull(inner) => Some(format!("({} IS NULL)", column(inner, schema, database)?.0)),
        Expr::IsNotNull(inner) => Some(format!("({} IS NOT NULL)", column(inner, schema, database)?.0)),
        Expr::Between(between) => {
            let (name, kind) = column(&between.expr, schema, database)?;
            let low = literal(&between.low, kind, database)?;
            let high = literal(&between.high, kind, database)?;
            let not = if between.negated { "NOT " } else { "" };
            Some(format!("({name} {not}BETWEEN {low} AND {high})"))
        }
        Expr::InList(list) if !list.list.is_empty() => {
            let (name, kind) = column(&list.expr, schema, database)?;
            let values: Option<Vec<String>> = list.list.iter().map(|value| literal(value, kind, database)).collect();
            let not = if list.negated { "NOT " } else { "" };
            Some(format!("({name} {not}IN ({}))", values?.join(", ")))
        }
        _ => None,
    }
}

fn comparison(left: &Expr, op: Operator, right: &Expr, schema: &SchemaRef, database: &dyn Database) -> Option<String> {
    let (left, op, right) = match (unalias(left), unalias(right)) {
        (Expr::Column(_), _) => (left, op, right),
        (_, Expr::Column(_)) => (right, op.swap()?, left),
        _ => return None,
    };
    let word = match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        _ => return None,
    };
    let (name, kind) = column(left, schema, database)?;
    Some(format!("({name} {word} {})", literal(right, kind, database)?))
}

fn unalias(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unalias(&alias.expr),
        other => other,
    }
}

fn column<'s>(expr: &Expr, schema: &'s SchemaRef, database: &dyn Database) -> Option<(String, &'s DataType)> {
    let Expr::Column(column) = unalias(expr) else { return None };
    let field = schema.field_with_name(&column.name).ok()?;
    Some((database.quote(&column.name), field.data_type()))
}

/// A value of the column's own type: other pairs need a cast that the database would do its own way.
fn literal(expr: &Expr, column: &DataType, database: &dyn Database) -> Option<String> {
    let Expr::Literal(value, _) = unalias(expr) else { return None };
    let alike = |t: &DataType| t.is_numeric();
    let same = &value.data_type() == column || (alike(&value.data_type()) && alike(column));
    (same && !value.is_null()).then(|| database.literal(value)).flatten()
}

/// A number or string in standard SQL.
pub fn standard_literal(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(Some(text)) if !text.contains('\0') => Some(format!("'{}'", text.replace('\'', "''"))),
        ScalarValue::Int8(Some(number)) => Some(number.to_string()),
        ScalarValue::Int16(Some(number)) => Some(number.to_string()),
        ScalarValue::Int32(Some(number)) => Some(number.to_string()),
        ScalarValue::Int64(Some(number)) => Some(number.to_string()),
        ScalarValue::Float64(Some(number)) if number.is_finite() => Some(format!("{number:?}")),
        ScalarValue::Decimal128(Some(number), _, scale) => {
            let mut text = String::new();
            super::number::write_decimal(*number, *scale, &mut text);
            Some(text)
        }
        _ => None,
    }
}
