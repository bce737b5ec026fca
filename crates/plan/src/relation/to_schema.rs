//! `df.to(schema)`, rows brought into a given schema, and `spark.read.json(df)`.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, when};
use datafusion::scalar::ScalarValue;
use firesteel_functions::Typed;
use firesteel_functions::cast::{EvalMode, cast_to};
use firesteel_functions::coerce::can_store_assign;
use firesteel_protocol::connect as pb;
use firesteel_protocol::types::{IntervalRange, is_shape, is_variant, name, proto};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::{Options, TextRecords};

use super::{Relation, required};
use crate::expression::function;
use crate::operator::parse_records;
use crate::resolver::Planned;
use crate::scope::Scope;
use crate::{Attribute, Resolver};

/// Reorders by name, casts, fills missing nullable columns with NULL. Spark's `Project.matchSchema`.
pub fn resolve(resolver: &Resolver, message: &pb::ToSchema, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "ToSchema")?, outer)?;
    let schema = message.schema.as_ref().ok_or_else(|| crate::expression::missing("schema", "ToSchema"))?;
    let fields = proto::decode_schema(schema)?;
    let mut list = vec![];
    let all: Vec<&Attribute> = input.output.iter().collect();
    for field in &fields {
        let parts = [field.name().clone()];
        let found = crate::scope::find_in(&all, &parts, resolver.env().case_sensitive).map_err(|error| {
            let same = |own: &&&Attribute| own.name().eq_ignore_ascii_case(field.name());
            match error.condition() {
                "AMBIGUOUS_REFERENCE" => SparkError::new("AMBIGUOUS_COLUMN_OR_FIELD")
                    .with("name", name::quote(field.name()))
                    .with("n", all.iter().filter(same).count().to_string()),
                _ => error,
            }
        })?;
        let mut typed = match found {
            Some(found) => {
                if found.attribute.field.is_nullable() && !field.is_nullable() {
                    return Err(SparkError::new("NULLABLE_COLUMN_OR_FIELD").with("name", name::quote(field.name())));
                }
                convert(resolver, found.attribute.typed(), field, std::slice::from_ref(field.name()))?
            }
            None if field.is_nullable() => {
                let value =
                    ScalarValue::try_new_null(field.data_type()).map_err(|e| SparkError::internal(e.to_string()))?;
                Typed::literal(value, field.name())
            }
            None => return Err(crate::scope::unresolved_in_order(&parts, all.iter().copied())),
        };
        typed.nullable = field.is_nullable() || typed.nullable;
        typed.metadata.extend(field.metadata().clone());
        if typed.name != *field.name() || !matches!(typed.expr, datafusion::logical_expr::Expr::Column(_)) {
            typed.expr = typed.expr.alias(field.name());
        }
        typed.name.clone_from(field.name());
        list.push(typed);
    }
    input.select(list)
}

/// A value as a field wants it; `path` names it in errors.
fn convert(resolver: &Resolver, typed: Typed, field: &Field, path: &[String]) -> Result<Typed> {
    if let (DataType::Struct(_), DataType::Struct(wanted)) = (&typed.data_type, field.data_type())
        && typed.data_type != *field.data_type()
        && !is_variant(&typed.data_type)
        && !is_shape(&typed.data_type)
    {
        return convert_struct(resolver, typed, wanted, path);
    }
    if &typed.data_type == field.data_type() && typed.units() == IntervalRange::of_field(field) {
        return Ok(typed);
    }
    match (&typed.data_type, field.data_type()) {
        (DataType::List(own), DataType::List(wanted)) if own.is_nullable() && !wanted.is_nullable() => {
            return Err(SparkError::new("NOT_NULL_CONSTRAINT_VIOLATION.ARRAY_ELEMENT")
                .with("columnPath", crate::scope::quote_parts(path)));
        }
        (DataType::Map(own, _), DataType::Map(wanted, _)) if values_nullable(own) && !values_nullable(wanted) => {
            return Err(SparkError::new("NOT_NULL_CONSTRAINT_VIOLATION.MAP_VALUE")
                .with("columnPath", crate::scope::quote_parts(path)));
        }
        _ => {}
    }
    // What Spark stores without losing the kind of value; intervals keep their units.
    let same_units = matches!(field.data_type(), DataType::Utf8) || typed.units() == IntervalRange::of_field(field);
    if !same_units || !can_store_assign(&typed.data_type, field.data_type()) {
        return Err(SparkError::new("INVALID_COLUMN_OR_FIELD_DATA_TYPE")
            .with("name", crate::scope::quote_parts(path))
            .with("type", format!("\"{}\"", name::sql(&typed.data_type)))
            .with("expectedType", format!("\"{}\"", name::sql(field.data_type()))));
    }
    let mode = if resolver.env().ansi { EvalMode::Ansi } else { EvalMode::Legacy };
    cast_to(typed, field, mode, resolver.env())
}

/// Whether the values of a map's entries may be NULL.
fn values_nullable(entries: &Field) -> bool {
    matches!(entries.data_type(), DataType::Struct(fields) if fields.len() == 2 && fields[1].is_nullable())
}

/// [`resolve`] for the fields of a struct.
fn convert_struct(resolver: &Resolver, typed: Typed, wanted: &Fields, path: &[String]) -> Result<Typed> {
    let DataType::Struct(own) = &typed.data_type else { return Ok(typed) };
    let case_sensitive = resolver.env().case_sensitive;
    let mut args = vec![];
    for field in wanted {
        let same = |own: &&Arc<Field>| match case_sensitive {
            true => own.name() == field.name(),
            false => own.name().to_lowercase() == field.name().to_lowercase(),
        };
        let inner: Vec<String> = path.iter().chain([field.name()]).cloned().collect();
        let value = match own.iter().find(same) {
            Some(found) if found.is_nullable() && !field.is_nullable() => {
                return Err(SparkError::new("NULLABLE_COLUMN_OR_FIELD").with("name", crate::scope::quote_parts(&inner)));
            }
            Some(found) => {
                let value = resolver.nested(typed.clone(), std::slice::from_ref(found.name()))?;
                convert(resolver, value, field, &inner)?
            }
            None if field.is_nullable() => {
                let null = ScalarValue::try_new_null(field.data_type());
                Typed::literal(null.map_err(|e| SparkError::internal(e.to_string()))?, field.name())
            }
            None => {
                let proposal: Vec<String> = own.iter().map(|field| name::quote(field.name())).collect();
                return Err(SparkError::new("UNRESOLVED_FIELD.WITH_SUGGESTION")
                    .with("fieldName", name::quote(field.name()))
                    .with("columnPath", crate::scope::quote_parts(path))
                    .with("proposal", proposal.join(", ")));
            }
        };
        let own_name = ScalarValue::Utf8(Some(field.name().clone()));
        args.extend([Typed::literal(own_name, field.name()), value]);
    }
    let mut built = function::scalar(resolver, "named_struct", args)?;
    if typed.nullable {
        let null = ScalarValue::try_new_null(&built.data_type).map_err(|e| SparkError::internal(e.to_string()))?;
        built.expr = when(typed.expr.clone().is_null(), Expr::Literal(null, None)).otherwise(built.expr).planned()?;
        built.nullable = true;
    }
    cast_to(built, &Field::new("s", DataType::Struct(wanted.clone()), true), EvalMode::Legacy, resolver.env())
}

/// Rows of the client under the schema it declares: columns by position, cast where they differ.
pub fn local(relation: Relation, fields: &Fields) -> Result<Relation> {
    if fields.len() != relation.output.len() {
        return Err(SparkError::internal("a local relation whose schema has another number of columns"));
    }
    let mut same = true;
    let mut list = vec![];
    for (attribute, field) in relation.output.iter().zip(fields) {
        let mut typed = attribute.typed();
        if attribute.data_type() != field.data_type() {
            same = false;
            typed = cast_to(typed, field, EvalMode::Ansi, &firesteel_functions::Env::default())?;
        }
        typed.expr = typed.expr.alias(field.name());
        typed.name.clone_from(field.name());
        list.push(typed);
    }
    let mut relation = if same { relation } else { relation.select(list)? };
    // Names, nullability and metadata are the declared ones.
    for (attribute, field) in relation.output.iter_mut().zip(fields) {
        attribute.field = Arc::new(field.as_ref().clone().with_data_type(attribute.data_type().clone()));
    }
    relation.origin = None;
    Ok(relation)
}

/// The field and everything in it nullable, as file sources have it.
pub fn all_nullable(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::List(element) => DataType::List(Arc::new(all_nullable(element))),
        own if is_variant(own) || is_shape(own) => own.clone(),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| Arc::new(all_nullable(f))).collect()),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(kv) => {
                let key = Arc::clone(&kv[0]);
                let entries = DataType::Struct(Fields::from(vec![key, Arc::new(all_nullable(&kv[1]))]));
                DataType::Map(Arc::new(Field::new("entries", entries, false)), *sorted)
            }
            _ => field.data_type().clone(),
        },
        other => other.clone(),
    };
    field.clone().with_data_type(data_type).with_nullable(true)
}

/// `spark.read.json(df)`, `csv` and `xml`: one column of texts, each a record.
pub fn parse(resolver: &Resolver, message: &pb::Parse, outer: Option<&Scope>) -> Result<Relation> {
    let input = resolver.relation_in(required(message.input.as_deref(), "Parse")?, outer)?.narrow()?;
    let format = match message.format() {
        pb::parse::ParseFormat::Json => "json",
        pb::parse::ParseFormat::Csv => "csv",
        pb::parse::ParseFormat::Xml => "xml",
        pb::parse::ParseFormat::Unspecified => return Err(SparkError::internal("a Parse relation without format")),
    };
    let schema = message.schema.as_ref().map(proto::decode_schema).transpose()?;
    let [texts] = input.output.as_slice() else {
        return Err(
            SparkError::new("DATAFRAME_INPUT_NOT_SINGLE_COLUMN").with("numColumns", input.output.len().to_string())
        );
    };
    if texts.data_type() != &DataType::Utf8 {
        return Err(SparkError::new("DATAFRAME_INPUT_NOT_STRING_TYPE")
            .with("dataType", format!("\"{}\"", name::sql(texts.data_type()))));
    }
    let mut options = Options::new();
    for (key, value) in &message.options {
        options.set(key, value);
    }
    let texts = |limit: Option<usize>| -> Result<Vec<StringArray>> {
        let mut plan = LogicalPlanBuilder::from(input.plan.clone());
        if limit.is_some() {
            plan = plan.limit(0, limit).planned()?;
        }
        let batches = resolver.ctx.catalog.collect(plan.build().planned()?)?;
        batches
            .iter()
            .map(|batch| {
                let texts = arrow::compute::cast(batch.column(0), &DataType::Utf8);
                Ok(texts.map_err(firesteel_functions::kernel::from_arrow)?.as_string::<i32>().clone())
            })
            .collect()
    };
    let records = TextRecords::open(format, &options, schema.as_ref(), &texts, &resolver.ctx.source)?;
    parse_records::plan(&input, records)
}
