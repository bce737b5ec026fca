//! Columns of tables: definitions, defaults, and how a value is stored in one.

use std::collections::HashMap;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, Fields};
use firesteel_plan::expression::walk;
use firesteel_plan::sql::build;
use firesteel_plan::sql::command::ColumnDefinition;
use firesteel_protocol::connect::{self as pb, expression::ExprType, relation::RelType};
use firesteel_protocol::types::{
    CHAR_VARCHAR_KEY, UDT_KEY, declared_as, declared_text, has_lengths, json, limit_of, name, proto, twins,
    with_lengths,
};
use firesteel_protocol::{Result, SparkError};
use serde_json::Value;

use crate::{OperationHandle, Session};

/// Spark's key of a column's DEFAULT as it was written.
pub const CURRENT_DEFAULT: &str = "CURRENT_DEFAULT";
/// Spark's key of the value that rows have which are older than the column.
pub const EXISTS_DEFAULT: &str = "EXISTS_DEFAULT";

/// The DEFAULT of a column as it was written.
pub fn default_text(field: &Field) -> Option<String> {
    metadata(field).get(CURRENT_DEFAULT).and_then(Value::as_str).map(str::to_string)
}

/// A column's metadata.
pub fn metadata(field: &Field) -> serde_json::Map<String, Value> {
    let text = json::metadata_text(field.metadata());
    match text.and_then(|text| serde_json::from_str(&text).ok()) {
        Some(Value::Object(own)) => own,
        _ => serde_json::Map::new(),
    }
}

/// The column with other metadata; what of its type is metadata stays.
pub fn with_metadata(field: &Field, own: serde_json::Map<String, Value>) -> Result<Field> {
    let metadata = if own.is_empty() { HashMap::new() } else { json::metadata(&Value::Object(own).to_string())? };
    Ok(declared_as(field.clone().with_metadata(metadata), field))
}

/// The column without its DEFAULT.
pub fn without_defaults(field: &Field) -> Result<Field> {
    let mut own = metadata(field);
    let known = own.remove(CURRENT_DEFAULT).is_some() | own.remove(EXISTS_DEFAULT).is_some();
    if known { with_metadata(field, own) } else { Ok(field.clone()) }
}

/// The column of a new table that keeps what a query reads: CHAR and VARCHAR columns are of these types there, too.
pub fn as_declared(field: &Field) -> Result<Field> {
    let Some(declared) = declared_text(field.metadata()).filter(|text| limit_of(text).is_some()) else {
        return Ok(field.clone());
    };
    let mut own = metadata(field);
    own.remove(CHAR_VARCHAR_KEY);
    let field = with_metadata(field, own)?;
    let mut metadata = field.metadata().clone();
    metadata.insert(CHAR_VARCHAR_KEY.into(), declared);
    Ok(field.with_metadata(metadata))
}

/// What a missing column is filled with: its DEFAULT or NULL.
pub fn default_expression(session: &Session, field: &Field) -> Result<pb::Expression> {
    match default_text(field) {
        Some(text) => parse(session, &text),
        None => Ok(null()),
    }
}

fn parse(session: &Session, text: &str) -> Result<pb::Expression> {
    let ctx = session.resolve_context();
    let resolver = firesteel_plan::Resolver::new(&ctx);
    firesteel_plan::sql::parse_expression(text, &resolver.sql_context())
}

/// NULL.
pub fn null() -> pb::Expression {
    build::literal(pb::expression::literal::LiteralType::Null(pb::DataType {
        kind: Some(pb::data_type::Kind::Null(pb::data_type::Null::default())),
    }))
}

/// A value as a column of a table keeps it: cast, and refused where it does not fit.
pub fn stored(session: &Session, value: pb::Expression, field: &Field) -> pb::Expression {
    use pb::expression::cast::{CastToType, EvalMode};
    let policy = session.conf().lookup("spark.sql.storeAssignmentPolicy").unwrap_or_default();
    let mode = if policy.eq_ignore_ascii_case("LEGACY") { EvalMode::Legacy } else { EvalMode::Ansi };
    let cast = build::expr(ExprType::Cast(Box::new(pb::expression::Cast {
        expr: Some(Box::new(value)),
        cast_to_type: Some(CastToType::Type(stored_type(field))),
        eval_mode: mode.into(),
    })));
    if !has_lengths(field) || lengths_ignored(session) {
        return cast;
    }
    build::call("__store_lengths", vec![cast, build::text(name::sql_of_field(field))])
}

/// The type that a value is cast to; of a user-defined one its storage.
fn stored_type(field: &Field) -> pb::DataType {
    let plain = with_lengths(field, &|_| None);
    match plain.metadata().contains_key(UDT_KEY) {
        true => proto::encode(plain.data_type()),
        false => proto::encode_field(&plain),
    }
}

/// Whether CHAR and VARCHAR are STRING: nothing is padded, no length is looked at.
pub fn lengths_ignored(session: &Session) -> bool {
    session.conf().lookup("spark.sql.legacy.charVarcharAsString").is_some_and(|value| value == "true")
}

/// A relation without some of its columns.
pub fn without(relation: pb::Relation, names: &[String]) -> pb::Relation {
    let columns = names.iter().map(|name| build::attribute(std::slice::from_ref(name))).collect();
    let drop = pb::Drop { input: Some(Box::new(relation)), columns, column_names: vec![] };
    build::rel(RelType::Drop(Box::new(drop)))
}

/// The columns of a statement, their defaults checked. `statement` is for errors: `CREATE TABLE`.
pub async fn definitions(session: &Session, columns: &[ColumnDefinition], statement: &str) -> Result<Fields> {
    let mut fields: Vec<Field> = vec![];
    for column in columns {
        let mut own = serde_json::Map::new();
        if let Some(comment) = &column.comment {
            own.insert("comment".into(), Value::String(comment.clone()));
        }
        let plain = proto::decode_field(&column.name, &column.data_type, column.nullable, HashMap::new())?;
        refuse_twins(plain.data_type(), session.env().case_sensitive)?;
        let plain = if char_as_varchar(session) { with_lengths(&plain, &|own| Some(variable(own))) } else { plain };
        if let Some(text) = &column.default {
            let value = default_value(session, &plain, text, statement, columns).await?;
            own.insert(CURRENT_DEFAULT.into(), Value::String(text.clone()));
            own.insert(EXISTS_DEFAULT.into(), Value::String(value));
        }
        fields.push(with_metadata(&plain, own)?);
    }
    Ok(Fields::from(fields))
}

/// `COLUMN_ALREADY_EXISTS` for fields of one name inside of a type.
fn refuse_twins(data_type: &DataType, case_sensitive: bool) -> Result<()> {
    match data_type {
        DataType::List(field) | DataType::Map(field, _) => refuse_twins(field.data_type(), case_sensitive),
        DataType::Struct(fields) if !firesteel_protocol::types::is_variant(data_type) => {
            twins::refuse(fields.iter().map(|field| field.name().as_str()), case_sensitive)?;
            fields.iter().try_for_each(|field| refuse_twins(field.data_type(), case_sensitive))
        }
        _ => Ok(()),
    }
}

/// Whether columns of CHAR become columns of VARCHAR.
fn char_as_varchar(session: &Session) -> bool {
    session.conf().lookup("spark.sql.charAsVarchar").is_some_and(|value| value == "true")
}

/// `varchar(5)` for `char(5)`.
fn variable(declared: &str) -> String {
    declared.strip_prefix("char").map_or_else(|| declared.to_string(), |rest| format!("varchar{rest}"))
}

/// Whether an expression is one of the columns that are being defined.
fn names_column(expression: &pb::Expression, all: &[ColumnDefinition]) -> bool {
    match &expression.expr_type {
        Some(ExprType::UnresolvedAttribute(own)) => {
            all.iter().any(|column| column.name.eq_ignore_ascii_case(own.unparsed_identifier.trim_matches('`')))
        }
        _ => false,
    }
}

/// A call whose value differs from row to row.
fn is_nondeterministic(part: &pb::Expression) -> bool {
    const NAMES: [&str; 8] = [
        "rand",
        "random",
        "randn",
        "uuid",
        "shuffle",
        "monotonically_increasing_id",
        "spark_partition_id",
        "input_file_name",
    ];
    walk::function_name(part).is_some_and(|own| NAMES.iter().any(|name| own.eq_ignore_ascii_case(name)))
}

/// The value of a DEFAULT now, as a SQL literal. `all` are the columns of the statement.
pub async fn default_value(
    session: &Session,
    field: &Field,
    text: &str,
    statement: &str,
    all: &[ColumnDefinition],
) -> Result<String> {
    let invalid = |kind: &'static str| {
        SparkError::new(kind)
            .with("statement", statement)
            .with("colName", name::quote(field.name()))
            .with("defaultValue", text)
    };
    let expression = parse(session, text)?;
    if is_subquery(&expression) {
        return Err(invalid("INVALID_DEFAULT_VALUE.SUBQUERY_EXPRESSION"));
    }
    let relation = |expressions: Vec<pb::Expression>| {
        build::rel(RelType::Project(Box::new(pb::Project { input: None, expressions })))
    };
    if names_column(&expression, all) {
        return Err(invalid("INVALID_DEFAULT_VALUE.NOT_CONSTANT"));
    }
    let found = session.fields(relation(vec![expression.clone()])).await;
    let found = found.map_err(|error| match error.condition().starts_with("UNRESOLVED_COLUMN") {
        true => invalid("INVALID_DEFAULT_VALUE.NOT_CONSTANT"),
        false => error,
    })?;
    let Some(own) = found.first() else { return Err(invalid("INVALID_DEFAULT_VALUE.UNRESOLVED_EXPRESSION")) };
    let (digits, room) = (integer_digits(own.data_type()), integer_digits(field.data_type()));
    let is_float = matches!(own.data_type(), DataType::Float32 | DataType::Float64);
    let narrows = (matches!((digits, room), (Some(digits), Some(room)) if digits > room) || is_float && room.is_some())
        && !matches!(expression.expr_type, Some(ExprType::Literal(_)));
    if narrows || !firesteel_functions::coerce::can_store_assign(own.data_type(), field.data_type()) {
        return Err(invalid("INVALID_DEFAULT_VALUE.DATA_TYPE")
            .with("expectedType", format!("\"{}\"", name::sql(field.data_type())))
            .with("actualType", format!("\"{}\"", name::sql(own.data_type()))));
    }
    if !walk::find(&expression, &is_nondeterministic).is_empty() {
        return Err(invalid("INVALID_DEFAULT_VALUE.NON_DETERMINISTIC"));
    }
    let value = stored(session, expression, field);
    let text_value = build::cast(value, proto::encode(&DataType::Utf8), false);
    let planned = session.plan(relation(vec![text_value])).await?;
    let (_, batches) = session.collect(planned, OperationHandle::default()).await?;
    let array = batches.first().map(|batch| std::sync::Arc::clone(batch.column(0)));
    let shown = array.filter(|array| !array.is_empty() && !array.is_null(0)).and_then(|array| {
        use arrow::array::AsArray;
        array.as_string_opt::<i32>().map(|texts| texts.value(0).to_string())
    });
    let Some(shown) = shown else { return Ok("NULL".into()) };
    let quoted = format!("'{}'", shown.replace('\\', "\\\\").replace('\'', "\\'"));
    Ok(match field.data_type() {
        DataType::Utf8 => quoted,
        DataType::Date32 => format!("DATE {quoted}"),
        DataType::Timestamp(_, Some(_)) => format!("TIMESTAMP {quoted}"),
        DataType::Timestamp(_, None) => format!("TIMESTAMP_NTZ {quoted}"),
        DataType::Int64 => format!("{shown}L"),
        DataType::Float64 => format!("{shown}D"),
        _ if !field.data_type().is_nested() => shown,
        _ => text.to_string(),
    })
}

fn integer_digits(data_type: &DataType) -> Option<u8> {
    match data_type {
        DataType::Int8 => Some(3),
        DataType::Int16 => Some(5),
        DataType::Int32 => Some(10),
        DataType::Int64 => Some(19),
        _ => None,
    }
}

fn is_subquery(expression: &pb::Expression) -> bool {
    use firesteel_protocol::extension::ExpressionKind;
    match &expression.expr_type {
        Some(ExprType::SubqueryExpression(_)) => true,
        Some(ExprType::Extension(any)) => {
            matches!(ExpressionKind::from_any(any), Some(ExpressionKind::WithRelations(_)))
        }
        _ => false,
    }
}
