//! `SELECT TRANSFORM(..) USING 'script'`: rows as lines of text through a process, and its lines as rows.
//! Spark's `SparkScriptTransformationExec`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::cast::{EvalMode, cast, cast_to};
use firesteel_protocol::extension::ScriptTransform;
use firesteel_protocol::types::{is_variant, name, proto};
use firesteel_protocol::{Result, SparkError};

use super::{Relation, required};
use crate::Resolver;
use crate::expression::function;
use crate::operator::script::{self, Lines};
use crate::scope::Scope;

/// Between columns where no ROW FORMAT says anything else.
const FIELDS: &str = "\u{1}";
/// What stands for NULL where no ROW FORMAT says anything else.
const NULL: &str = "\\N";

/// The script over its input.
pub fn resolve(resolver: &Resolver, message: &ScriptTransform, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "ScriptTransform")?, outer)?;
    let texts = input.output.iter().map(|column| text_of(resolver, column.typed()));
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let input = input.select(texts)?.narrow()?;
    let wanted = match &message.schema {
        Some(schema) => plain(&proto::decode_schema(schema)?),
        None => Fields::from(vec![Field::new("key", DataType::Utf8, true), Field::new("value", DataType::Utf8, true)]),
    };
    let reads = message.reads.clone().unwrap_or_default();
    let writes = message.writes.clone().unwrap_or_default();
    let lines = Lines {
        script: message.script.clone(),
        read_fields: reads.fields.unwrap_or_else(|| FIELDS.into()),
        read_null: reads.null.unwrap_or_else(|| NULL.into()),
        written_fields: writes.fields.unwrap_or_else(|| FIELDS.into()),
        // Without a schema Spark keeps the text that stands for NULL.
        written_null: message.schema.is_some().then(|| writes.null.unwrap_or_else(|| NULL.into())),
        types: wanted.iter().map(|field| field.data_type().clone()).collect(),
    };
    let written = script::plan(input, lines)?;
    let columns = written.output.iter().zip(&wanted).map(|(text, field)| value_of(resolver, text.typed(), field));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    written.select(columns)
}

/// Types without the lengths of CHAR and VARCHAR, which nothing checks here.
fn plain(fields: &Fields) -> Fields {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable())),
        _ => Arc::clone(field),
    };
    fields.iter().map(plain).collect()
}

/// A column as the script reads it.
fn text_of(resolver: &Resolver, column: Typed) -> Result<Typed> {
    if column.data_type.is_nested() && !is_variant(&column.data_type) {
        return function::scalar(resolver, "to_json", vec![column]);
    }
    let env = resolver.env();
    cast(column, &DataType::Utf8, EvalMode::of(env), env)
}

/// What the script wrote as the column's type; what is no value of it is NULL.
fn value_of(resolver: &Resolver, text: Typed, field: &Field) -> Result<Typed> {
    let env = resolver.env();
    let mut value = match field.data_type() {
        DataType::Utf8 => text,
        data_type if is_variant(data_type) => {
            return Err(SparkError::new("_LEGACY_ERROR_TEMP_2265")
                .with("nodeName", "SparkScriptTransformation")
                .with("dt", "VariantType$")
                .placeless());
        }
        data_type if data_type.is_nested() => {
            let ddl = name::sql_of_field(field);
            let schema = Typed::literal(ScalarValue::Utf8(Some(ddl.clone())), ddl);
            function::scalar(resolver, "from_json", vec![text, schema])?
        }
        // A number with too many digits is an error, as in Spark.
        DataType::Decimal128(..) => cast_to(text, field, EvalMode::of(env), env)?,
        _ => cast_to(text, field, EvalMode::Try, env)?,
    };
    value.nullable = field.is_nullable();
    value.metadata.extend(field.metadata().clone());
    if !matches!(value.expr, datafusion::logical_expr::Expr::Column(_)) || value.name != *field.name() {
        value.expr = value.expr.alias(field.name());
    }
    value.name.clone_from(field.name());
    Ok(value)
}
