//! DECLARE, SET VAR, DROP VARIABLE, EXECUTE IMMEDIATE, and computing the values for them.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use firesteel_functions::cast::{EvalMode, cast};
use firesteel_functions::kernel::from_datafusion;
use firesteel_plan::expression::unaliased;
use firesteel_protocol::connect::{self as pb, relation::RelType};
use firesteel_protocol::types::{carrying, name, proto};
use firesteel_protocol::{Result, SparkError};

use crate::Session;
use crate::catalog::CATALOG;
use crate::variables::{self, Declared, Frames, in_frame, session_name};

/// A value and what metadata says of its type: the collation, the units of intervals.
pub type Held = (ScalarValue, HashMap<String, String>);

/// The values of a query's only row as these types; NULLs where there is no row.
pub async fn row(session: &Session, query: pb::Relation, types: Vec<Option<DataType>>) -> Result<Vec<Held>> {
    session
        .resolving(move |_, resolver| {
            let relation = resolver.query(&query)?;
            if relation.output.len() != types.len() {
                return Err(SparkError::new("ASSIGNMENT_ARITY_MISMATCH")
                    .with("numTarget", types.len().to_string())
                    .with("numExpr", relation.output.len().to_string()));
            }
            let mut list = vec![];
            for (attribute, to) in relation.output.iter().zip(&types) {
                let typed = attribute.typed();
                list.push(match to {
                    Some(to) if *to != typed.data_type => unaliased(cast(typed, to, EvalMode::Ansi, resolver.env())?),
                    _ => typed,
                });
            }
            let nulls: Result<Vec<ScalarValue>> =
                list.iter().map(|typed| ScalarValue::try_new_null(&typed.data_type).map_err(from_datafusion)).collect();
            let kept: Vec<_> = list.iter().map(|typed| of_type(&typed.metadata)).collect();
            let relation = relation.select(list)?.narrow()?;
            let batches = resolver.ctx.catalog.collect(relation.plan)?;
            let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
            if rows > 1 {
                return Err(SparkError::new("ROW_SUBQUERY_TOO_MANY_ROWS"));
            }
            let values: Vec<ScalarValue> = match batches.iter().find(|batch| batch.num_rows() > 0) {
                None => nulls?,
                Some(batch) => batch
                    .columns()
                    .iter()
                    .map(|column| ScalarValue::try_from_array(column, 0).map_err(from_datafusion))
                    .collect::<Result<_>>()?,
            };
            Ok(values.into_iter().zip(kept).collect())
        })
        .await
}

/// What of a column's metadata is its type's.
pub fn of_type(metadata: &HashMap<String, String>) -> HashMap<String, String> {
    carrying(Field::new("", DataType::Null, true), metadata).metadata().clone()
}

/// The value of an expression without columns; `text` is the statement in which it stands.
pub async fn value(
    session: &Session,
    expression: pb::Expression,
    to: Option<DataType>,
    text: Option<&str>,
) -> Result<ScalarValue> {
    Ok(held(session, expression, to, text).await?.0)
}

/// [`value`] with what is known of its type.
async fn held(session: &Session, expression: pb::Expression, to: Option<DataType>, text: Option<&str>) -> Result<Held> {
    let project = pb::Project { input: None, expressions: vec![expression] };
    let mut query = pb::Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) };
    if let Some(text) = text {
        query = firesteel_plan::sql::with_text(query, text);
    }
    let mut values = row(session, query, vec![to]).await?;
    values.pop().ok_or_else(|| SparkError::internal("an expression without value"))
}

/// `DECLARE`, in the innermost block of a script or for the session.
pub async fn declare(
    session: &Session,
    parts: &[String],
    data_type: Option<pb::DataType>,
    default: Option<pb::Expression>,
    shown: Option<String>,
    replace: bool,
    text: Option<&str>,
) -> Result<()> {
    let local = variables::frames().is_some_and(|frames| !frames.lock().expect("no panics while locked").is_empty());
    if local {
        let refused = |condition: &str| SparkError::new(condition).with("varName", quote_parts(parts)).placeless();
        if parts.len() > 1 {
            return Err(refused("INVALID_VARIABLE_DECLARATION.QUALIFIED_LOCAL_VARIABLE"));
        }
        if replace {
            return Err(refused("INVALID_VARIABLE_DECLARATION.REPLACE_LOCAL_VARIABLE"));
        }
    }
    if session_name(parts).is_none() && variables::frames().is_none() {
        return Err(SparkError::new("UNRESOLVED_VARIABLE")
            .with("variableName", quote_parts(parts))
            .with("searchPath", "[`system`.`session`]"));
    }
    if let (Some(default), Some(own)) = (&default, session_name(parts))
        && has_subquery(default)
    {
        return Err(SparkError::new("INVALID_DEFAULT_VALUE.SUBQUERY_EXPRESSION")
            .with("statement", "DECLARE VARIABLE")
            .with("colName", qualified(&own))
            .with("defaultValue", shown.unwrap_or_default()));
    }
    if let Some(call) = default.as_ref().and_then(aggregate_in) {
        let shown = self::shown(session, call).await?;
        return Err(SparkError::new("UNSUPPORTED_EXPR_FOR_OPERATOR").with("invalidExprSqls", format!("\"{shown}\"")));
    }
    let decoded = |own: &pb::DataType| proto::decode_field("", own, true, HashMap::new());
    let field = data_type.as_ref().map(decoded).transpose()?;
    let to = field.as_ref().map(|own| own.data_type().clone());
    let (value, of_value) = match (&default, &to) {
        (Some(default), to) => held(session, default.clone(), to.clone(), text).await?,
        (None, Some(to)) => (ScalarValue::try_new_null(to).map_err(from_datafusion)?, HashMap::new()),
        (None, None) => return Err(SparkError::internal("a variable without type and value")),
    };
    let metadata = field.map_or(of_value, |own| of_type(own.metadata()));
    let declared = Declared { data_type: to.unwrap_or_else(|| value.data_type()), metadata, value, default };
    if let Some(frames) = variables::frames() {
        let mut frames = frames.lock().expect("no panics while locked");
        if let (Some(frame), [own]) = (frames.last_mut(), parts) {
            let key = own.to_lowercase();
            if frame.variables.contains_key(&key) && !replace {
                let label = frame.label.as_ref().map(|label| format!("{}.", name::quote(label))).unwrap_or_default();
                return Err(SparkError::new("VARIABLE_ALREADY_EXISTS")
                    .with("variableName", format!("{label}{}", name::quote(own))));
            }
            frame.variables.insert(key, declared);
            return Ok(());
        }
    }
    let own = session_name(parts).ok_or_else(|| unresolved(session, parts))?;
    if session.variables.get(&own).is_some() && !replace {
        return Err(SparkError::new("VARIABLE_ALREADY_EXISTS").with("variableName", qualified(&own)));
    }
    session.variables.put(&own, declared);
    Ok(())
}

/// DECLARE names a variable twice.
pub fn declared_twice(parts: &[String]) -> SparkError {
    let shown = match session_name(parts) {
        Some(own) if variables::frames().is_none() => qualified(&own),
        _ => quote_parts(parts),
    };
    SparkError::new("DUPLICATE_VARIABLE_NAME_INSIDE_DECLARE").with("variableName", shown)
}

/// `DROP TEMPORARY VARIABLE`.
pub fn drop(session: &Session, parts: &[String], if_exists: bool) -> Result<()> {
    if variables::frames().is_some() {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.SQL_SCRIPTING_DROP_TEMPORARY_VARIABLE")
            .raised_as("UNRESOLVED_COLUMN")
            .placeless());
    }
    let own = session_name(parts).ok_or_else(|| unresolved(session, parts))?;
    if session.variables.remove(&own) || if_exists {
        return Ok(());
    }
    Err(SparkError::new("VARIABLE_NOT_FOUND").with("variableName", qualified(&own)))
}

/// `SET VAR a = value, b = DEFAULT`: each value may name the variables set before it; none is set if one fails.
pub async fn assign(
    session: &Session,
    assignments: Vec<(Vec<String>, Option<pb::Expression>)>,
    text: Option<&str>,
) -> Result<()> {
    let mut before: Vec<(Vec<String>, ScalarValue)> = vec![];
    for (parts, expression) in assignments {
        let declared = current(session, &parts)?;
        let old = declared.value.clone();
        match assigned(session, &parts, expression, declared, text).await {
            Ok(()) => before.push((parts, old)),
            Err(error) => {
                for (parts, old) in before.iter().rev() {
                    put(session, parts, old.clone())?;
                }
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn assigned(
    session: &Session,
    parts: &[String],
    expression: Option<pb::Expression>,
    declared: Declared,
    text: Option<&str>,
) -> Result<()> {
    let new = match expression.or(declared.default) {
        Some(expression) => value(session, expression, Some(declared.data_type), text).await?,
        None => ScalarValue::try_new_null(&declared.data_type).map_err(from_datafusion)?,
    };
    put(session, parts, new)
}

/// `SET VAR (a, b) = (query)`.
pub async fn assign_row(session: &Session, names: Vec<Vec<String>>, query: pb::Relation) -> Result<()> {
    let types = names
        .iter()
        .map(|parts| current(session, parts).map(|declared| Some(declared.data_type)))
        .collect::<Result<Vec<_>>>()?;
    let values = row(session, query, types).await?;
    names.iter().zip(values).try_for_each(|(parts, (value, _))| put(session, parts, value))
}

/// An error for a name that no variable has.
pub fn known(session: &Session, parts: &[String]) -> Result<()> {
    current(session, parts).map(|_| ())
}

fn current(session: &Session, parts: &[String]) -> Result<Declared> {
    if let Some(frames) = variables::frames() {
        let frames = frames.lock().expect("no panics while locked");
        if let Some((_, declared)) = frames.iter().rev().find_map(|frame| in_frame(frame, parts)) {
            return Ok(declared.clone());
        }
    }
    let own = session_name(parts).and_then(|own| session.variables.get(&own));
    own.ok_or_else(|| unresolved(session, parts))
}

fn put(session: &Session, parts: &[String], value: ScalarValue) -> Result<()> {
    if let Some(frames) = variables::frames()
        && put_in_frames(&frames, parts, &value)
    {
        return Ok(());
    }
    let own = session_name(parts).ok_or_else(|| unresolved(session, parts))?;
    let declared = session.variables.get(&own).ok_or_else(|| unresolved(session, parts))?;
    session.variables.put(&own, Declared { value, ..declared });
    Ok(())
}

fn put_in_frames(frames: &Frames, parts: &[String], value: &ScalarValue) -> bool {
    let mut frames = frames.lock().expect("no panics while locked");
    let Some(frame) = frames.iter_mut().rev().find(|frame| in_frame(frame, parts).is_some()) else { return false };
    let key = parts.last().map(|own| own.to_lowercase()).unwrap_or_default();
    if let Some(declared) = frame.variables.get_mut(&key) {
        declared.value = value.clone();
    }
    true
}

/// An aggregate function stands in the expression.
fn aggregate_in(expression: &pb::Expression) -> Option<pb::Expression> {
    use firesteel_plan::expression::walk;
    walk::find(expression, &walk::is_aggregate).into_iter().next()
}

/// A query stands in the expression.
fn has_subquery(expression: &pb::Expression) -> bool {
    use pb::expression::ExprType;
    matches!(&expression.expr_type, Some(ExprType::SubqueryExpression(_)))
        || matches!(&expression.expr_type, Some(ExprType::Extension(any))
            if matches!(firesteel_protocol::extension::ExpressionKind::from_any(any),
                Some(firesteel_protocol::extension::ExpressionKind::WithRelations(_))))
}

fn quote_parts(parts: &[String]) -> String {
    parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join(".")
}

fn qualified(own: &str) -> String {
    format!("`system`.`session`.{}", name::quote(own))
}

fn unresolved(session: &Session, parts: &[String]) -> SparkError {
    let database = session.views.current_database();
    SparkError::new("UNRESOLVED_VARIABLE")
        .with("variableName", parts.iter().map(|part| name::quote(part)).collect::<Vec<_>>().join("."))
        .with("searchPath", format!("[`system`.`builtin`, `system`.`session`, `{CATALOG}`.`{database}`]"))
}

/// An expression as Spark names it.
async fn shown(session: &Session, expression: pb::Expression) -> Result<String> {
    let project = pb::Project { input: None, expressions: vec![expression] };
    let query = pb::Relation { common: None, rel_type: Some(RelType::Project(Box::new(project))) };
    let fields = session.fields(query).await?;
    Ok(fields.first().map(|field| field.name().clone()).unwrap_or_default())
}

/// The text and the arguments of EXECUTE IMMEDIATE as a message.
pub async fn immediate(
    session: &Session,
    text: pb::Expression,
    using: Vec<(Option<String>, pb::Expression)>,
    statement: Option<&str>,
) -> Result<pb::Sql> {
    let own = match &text.expr_type {
        Some(pb::expression::ExprType::UnresolvedAttribute(own)) => own.unparsed_identifier.clone(),
        _ => name::quote(&shown(session, text.clone()).await.unwrap_or_default()),
    };
    let text = match value(session, text, None, statement).await? {
        ScalarValue::Utf8(Some(text)) => text,
        ScalarValue::Utf8(None) => {
            let parts = firesteel_plan::sql::parse_column_name(&own)?;
            return Err(SparkError::new("NULL_QUERY_STRING_EXECUTE_IMMEDIATE").with("varName", quote_parts(&parts)));
        }
        other => {
            let shown = format!("\"{}\"", name::sql(&other.data_type()));
            return Err(SparkError::new("INVALID_EXPR_TYPE_FOR_QUERY_EXECUTE_IMMEDIATE").with("exprType", shown));
        }
    };
    let first = text.trim_start().split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if first.eq_ignore_ascii_case("BEGIN") {
        return Err(SparkError::new("SQL_SCRIPT_IN_EXECUTE_IMMEDIATE").with("sqlString", text));
    }
    let mut sql = pb::Sql { query: text, ..Default::default() };
    // Names matter where the text has `:name`.
    let (by_name, by_position) = firesteel_plan::sql::parameters_in(&sql.query);
    if by_name && by_position {
        return Err(SparkError::new("INVALID_QUERY_MIXED_QUERY_PARAMETERS"));
    }
    let mut using = using;
    for (own, argument) in &mut using {
        // A variable's name is the argument's.
        if own.is_none()
            && let Some(pb::expression::ExprType::UnresolvedAttribute(variable)) = &argument.expr_type
        {
            *own = firesteel_plan::sql::parse_column_name(&variable.unparsed_identifier)?.pop();
        }
    }
    if by_name && using.iter().any(|(own, _)| own.is_none()) {
        let mut unnamed = vec![];
        for (own, argument) in &using {
            if own.is_none() {
                let argument = constant(session, argument.clone(), statement).await?;
                unnamed.push(format!("\"{}\"", shown(session, argument).await?));
            }
        }
        return Err(SparkError::new("ALL_PARAMETERS_MUST_BE_NAMED").with("exprs", unnamed.join(", ")));
    }
    for (own, argument) in using {
        let argument = constant(session, argument, statement).await?;
        match own.filter(|_| by_name) {
            Some(own) => {
                sql.named_arguments.insert(own, argument);
            }
            None => sql.pos_arguments.push(argument),
        }
    }
    Ok(sql)
}

/// The value of an argument in its place, written as SQL writes it; what cannot be written so stays an expression.
async fn constant(session: &Session, argument: pb::Expression, statement: Option<&str>) -> Result<pb::Expression> {
    use firesteel_plan::expression::literal;
    if has_subquery(&argument) {
        let name = shown(session, argument.clone()).await?;
        let error = SparkError::new("UNSUPPORTED_EXPR_FOR_PARAMETER").with("invalidExprSql", format!("\"{name}\""));
        let ctx = session.resolve_context();
        let resolver = firesteel_plan::Resolver::new(&ctx);
        return Err(resolver.place_of(error, statement.unwrap_or_default(), &argument));
    }
    let simple = matches!(&argument.expr_type, Some(pb::expression::ExprType::Literal(_)));
    if simple {
        return Ok(argument);
    }
    let (found, metadata) = held(session, argument.clone(), None, statement).await?;
    let ctx = session.resolve_context();
    let resolver = firesteel_plan::Resolver::new(&ctx);
    let written = match literal::sql_text(&found, resolver.env()) {
        Ok(_) if found.is_null() => format!("CAST(NULL AS {})", name::sql(&found.data_type())),
        Ok(text) => text,
        Err(_) => return Ok(argument),
    };
    let plain = matches!(
        found.data_type(),
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Utf8
            | DataType::Date32
            | DataType::Decimal128(..)
    );
    let suffix = match found.data_type() {
        _ if found.is_null() => "",
        DataType::Int8 => "Y",
        DataType::Int16 => "S",
        DataType::Int64 => "L",
        DataType::Decimal128(..) => "BD",
        _ => "",
    };
    if !plain {
        return Ok(argument);
    }
    let field = Field::new("", found.data_type(), true).with_metadata(metadata);
    let written = match firesteel_protocol::types::name::sql_of_field(&field) {
        own if own.contains(" COLLATE ") => format!("CAST({written} AS {own})"),
        _ => format!("{written}{suffix}"),
    };
    match firesteel_plan::sql::parse_expression(&written, &resolver.sql_context()) {
        Ok(mut constant) => {
            constant.common = None;
            Ok(constant)
        }
        Err(_) => Ok(argument),
    }
}
