//! Tables, views and files: what stands in FROM or behind `spark.read`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::functions::core::expr_fn::named_struct;
use datafusion::logical_expr::{Expr, lit};
use datafusion::scalar::ScalarValue;
use firesteel_functions::{Call, Env, Kind, Typed, lookup};
use firesteel_protocol::connect::{self as pb, read::ReadType};
use firesteel_protocol::types::{ddl, declared_text, has_lengths};
use firesteel_protocol::{Result, SparkError};
use firesteel_sources::{Options, ReadRequest};

use super::{Relation, local_relation, node, project, to_schema};
use crate::context::TableEntry;
use crate::scope::quote_parts;
use crate::{Attribute, Resolver};

/// Columns of a scan that describe the file of a row; `_metadata` gathers them.
const FILE_COLUMNS: [(&str, &str); 7] = [
    ("__file_path", "file_path"),
    ("__file_name", "file_name"),
    ("__file_size", "file_size"),
    ("__file_block_start", "file_block_start"),
    ("__file_block_length", "file_block_length"),
    ("__file_modification_time", "file_modification_time"),
    // Parquet files only.
    ("__file_row_index", "row_index"),
];

/// A hidden column of `state-metadata`.
const PREFIX_COLUMN: &str = "_numColsPrefixKey";

pub fn resolve(resolver: &Resolver, read: &pb::Read) -> Result<Relation> {
    if read.is_streaming {
        return stream(resolver, read);
    }
    match read.read_type.as_ref().ok_or_else(|| crate::expression::missing("read_type", "Read"))? {
        ReadType::NamedTable(table) => {
            let parts = crate::sql::parse_table_name(&table.unparsed_identifier)?;
            named_table(resolver, &parts, &table.options)
        }
        ReadType::DataSource(source) => data_source(resolver, source),
    }
}

/// `spark.readStream`: a source, a table whose files come in one by one, or a view of a stream.
fn stream(resolver: &Resolver, read: &pb::Read) -> Result<Relation> {
    match read.read_type.as_ref().ok_or_else(|| crate::expression::missing("read_type", "Read"))? {
        ReadType::DataSource(source) => {
            if let Some(name) = &source.source_name {
                return Err(
                    SparkError::new("STREAMING_QUERY_EVOLUTION_ERROR.SOURCE_NAMING_NOT_SUPPORTED").with("name", name)
                );
            }
            let python = source.format.as_deref().and_then(|name| resolver.ctx.catalog.python_data_source(name));
            let request = match python {
                Some(own) => super::python_source::stream(resolver, &own, source)?,
                None => request_of(source)?,
            };
            if let Some(schema) = &request.schema {
                refuse_lengths(resolver, schema.fields())?;
            }
            relation_of(resolver.ctx.catalog.stream(&request, &resolver.ctx.source)?)
        }
        ReadType::NamedTable(table) => {
            let parts = crate::sql::parse_table_name(&table.unparsed_identifier)?;
            match resolver.ctx.catalog.table(&parts)? {
                Some(TableEntry::Table { request, qualifier }) => {
                    // New files count, whether the catalog knows their partition or not.
                    let mut request = ReadRequest { partitions: None, ..request.as_ref().clone() };
                    for (key, value) in &table.options {
                        request.options.set(key, value);
                    }
                    let opened = resolver.ctx.catalog.stream(&request, &resolver.ctx.source)?;
                    Ok(relation_of(opened)?.qualified(&qualifier))
                }
                Some(TableEntry::View { .. } | TableEntry::MetricView { .. }) => {
                    let relation = named_table(resolver, &parts, &table.options)?;
                    if !firesteel_sources::stream::table::is_streaming(&relation.plan) {
                        let quoted = parts.join(".");
                        return Err(SparkError::new("_LEGACY_ERROR_TEMP_1008").with("quoted", quoted));
                    }
                    Ok(relation)
                }
                // The error of a name that is not there.
                None => named_table(resolver, &parts, &table.options),
            }
        }
    }
}

/// A table, a view, a DataFrame passed to `sql()` by name, or a file as ``csv.`/path` ``.
fn named_table(resolver: &Resolver, parts: &[String], options: &BTreeMap<String, String>) -> Result<Relation> {
    if let [name] = parts {
        let reference =
            resolver.named_references.borrow().iter().rev().find(|(own, _)| own == name).map(|(_, r)| Arc::clone(r));
        if let Some(relation) = reference {
            return resolver.relation(&relation);
        }
    }
    match resolver.ctx.catalog.table(parts)? {
        Some(TableEntry::View { plan, columns, qualifier, scope }) => {
            let relation = match scope {
                Some(scope) => {
                    Resolver::new(&scope).query(&plan).map_err(|error| changed_view(error, &plan, &qualifier))?
                }
                None => resolver.with_collation(None, || resolver.query(&plan))?,
            };
            let relation = match columns {
                Some(fields) if fields.len() == relation.output.len() => {
                    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
                    super::alias::rename(relation, &names)?
                }
                _ => relation,
            };
            Ok(relation.qualified(&qualifier))
        }
        Some(TableEntry::MetricView { view, columns }) => super::metric_view::resolve(resolver, &view, &columns),
        Some(TableEntry::Table { request, qualifier }) => {
            let mut request = request.as_ref().clone();
            for (key, value) in options {
                request.options.set(key, value);
            }
            Ok(files(resolver, &request, &qualifier)?.qualified(&qualifier))
        }
        None => match parts {
            [format, path] if is_file_format(format) => {
                let request = ReadRequest {
                    format: Some(format.clone()),
                    schema: None,
                    options: options_of(options),
                    paths: vec![path.clone()],
                    ..Default::default()
                };
                if path.is_empty() {
                    return Err(SparkError::new("INVALID_EMPTY_LOCATION").with("location", ""));
                }
                files(resolver, &request, &[]).map_err(|error| match error.condition() {
                    "PATH_NOT_FOUND" => error.placeless(),
                    _ => error,
                })
            }
            [format, _] if is_state_format(format) => {
                Err(SparkError::new("UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY").with("dataSourceType", format))
            }
            _ => Err(SparkError::new("TABLE_OR_VIEW_NOT_FOUND").with("relationName", quote_parts(parts)).with(
                "searchPath",
                format!("[`system`.`builtin`, `system`.`session`, `spark_catalog`.`{}`]", resolver.env().database),
            )),
        },
    }
}

/// A column that a view's query had and has no more.
fn changed_view(error: SparkError, plan: &pb::Relation, view: &[String]) -> SparkError {
    let Some(pb::relation::RelType::Project(project)) = &plan.rel_type else { return error };
    // The columns of the view are taken from its query by quoted names without a place in any text.
    let (Some(column), None) = (error.param("objectName"), error.context()) else { return error };
    if !error.condition().starts_with("UNRESOLVED_COLUMN") {
        return error;
    }
    let text =
        project.input.as_deref().and_then(|input| match input.common.as_ref()?.origin.as_ref()?.function.as_ref()? {
            pb::origin::Function::JvmOrigin(place) => place.sql_text.clone(),
            pb::origin::Function::PythonOrigin(_) => None,
        });
    let plain: Vec<String> = view.iter().map(|part| firesteel_protocol::types::name::quote_if_needed(part)).collect();
    SparkError::new("INCOMPATIBLE_VIEW_SCHEMA_CHANGE")
        .with("viewName", quote_parts(view))
        .with("colName", column.trim_matches('`'))
        .with("expectedNum", "1")
        .with("actualCols", "[]")
        .with("suggestion", format!("CREATE OR REPLACE VIEW {} AS {}", plain.join("."), text.unwrap_or_default()))
        .placeless()
}

fn options_of(pairs: &BTreeMap<String, String>) -> Options {
    let mut options = Options::default();
    for (key, value) in pairs {
        options.set(key, value);
    }
    options
}

fn is_file_format(name: &str) -> bool {
    ["csv", "json", "parquet", "text", "orc", "xml", "avro", "binaryfile"].contains(&name.to_ascii_lowercase().as_str())
}

/// The sources of streams' state are no files that SQL could name.
fn is_state_format(name: &str) -> bool {
    ["statestore", "state-metadata"].contains(&name.to_ascii_lowercase().as_str())
}

/// Without a table there is nobody to check lengths: Spark refuses such columns.
fn refuse_lengths(resolver: &Resolver, fields: &Fields) -> Result<()> {
    let allowed = resolver.ctx.conf("spark.sql.legacy.charVarcharAsString").is_some_and(|value| value == "true");
    match fields.iter().any(|field| has_lengths(field)) && !allowed {
        true => Err(SparkError::new("UNSUPPORTED_CHAR_OR_VARCHAR_AS_STRING")),
        false => Ok(()),
    }
}

fn data_source(resolver: &Resolver, source: &pb::read::DataSource) -> Result<Relation> {
    if let Some(own) = source.format.as_deref().and_then(|name| resolver.ctx.catalog.python_data_source(name)) {
        return super::python_source::read(resolver, &own, source);
    }
    let request = request_of(source)?;
    if let Some(opened) = resolver.ctx.catalog.source(&request, &resolver.ctx.source)? {
        return relation_of(opened);
    }
    if let Some(schema) = &request.schema {
        refuse_lengths(resolver, schema.fields())?;
    }
    files(resolver, &request, &[])
}

/// What the sources are asked for.
pub fn request_of(source: &pb::read::DataSource) -> Result<ReadRequest> {
    let schema = source.schema.as_deref().filter(|text| !text.trim().is_empty()).map(ddl::parse_schema).transpose()?;
    Ok(ReadRequest {
        format: source.format.clone(),
        schema: schema.map(|fields| Arc::new(arrow::datatypes::Schema::new(nullable(&fields)))),
        options: options_of(&source.options),
        paths: source.paths.clone(),
        predicates: source.predicates.clone(),
        partitions: None,
    })
}

/// File sources cannot promise that a column has no NULLs.
fn nullable(fields: &Fields) -> Fields {
    fields.iter().map(|field| Arc::new(to_schema::all_nullable(field))).collect()
}

fn files(resolver: &Resolver, request: &ReadRequest, table: &[String]) -> Result<Relation> {
    let shown = format!("{} {}", request.format.as_deref().unwrap_or("parquet"), table.join("."));
    let pads = resolver.ctx.source.conf_flag("spark.sql.readSideCharPadding", true);
    named_relation(
        firesteel_sources::open(request, &resolver.ctx.source)?,
        shown.trim_end(),
        pads.then(|| resolver.env()),
    )
}

/// A column of a table as it is read: texts of CHAR have their length.
fn filled(column: Expr, field: &Field, env: &Env) -> Result<Expr> {
    let Some(declared) = declared_text(field.metadata()).filter(|declared| declared.contains("char(")) else {
        return Ok(column);
    };
    let Some(Kind::Scalar(build)) = lookup("__read_lengths").map(|entry| entry.kind) else {
        return Err(SparkError::internal("__read_lengths is gone"));
    };
    let value = Typed::new(column, field.name(), field.data_type().clone(), field.is_nullable());
    let declared = Typed::literal(ScalarValue::Utf8(Some(declared)), "type");
    let call = Call { name: "__read_lengths", args: vec![value, declared], distinct: false, ignore_nulls: false, env };
    build(&call).map(|typed| typed.expr)
}

/// An opened source as a relation, its hidden columns gathered.
fn relation_of(opened: firesteel_sources::OpenedSource) -> Result<Relation> {
    named_relation(opened, "", None)
}

/// The format and the table of a scan, by its name in the plan.
#[must_use]
pub fn shown_name(table: &str) -> Option<(&str, &str)> {
    table.split_once(' ').map(|(_, shown)| shown.split_once(' ').unwrap_or((shown, "")))
}

/// `pads`: where columns of CHAR are filled up.
fn named_relation(opened: firesteel_sources::OpenedSource, shown: &str, pads: Option<&Env>) -> Result<Relation> {
    let output = project::attributes(opened.schema.fields());
    let plan = local_relation::named_scan_plan(opened.provider, shown)?;
    let columns = plan.schema().columns();
    let mut exprs: Vec<Expr> = columns
        .iter()
        .zip(&output)
        .zip(opened.schema.fields())
        .map(|((column, attribute), field)| {
            let column = Expr::Column(column.clone());
            let column = pads.map_or(Ok(column.clone()), |env| filled(column, field, env))?;
            Ok(column.alias(attribute.column.as_ref()))
        })
        .collect::<Result<_>>()?;
    let mut hidden = vec![];
    let file_column = |inner: &str| columns.iter().find(|column| column.name == inner).cloned();
    let found: Vec<(&str, Expr, DataType)> = FILE_COLUMNS
        .iter()
        .filter_map(|(inner, outer)| {
            let column = file_column(inner)?;
            let data_type =
                plan.schema().field_with_name(column.relation.as_ref(), &column.name).ok()?.data_type().clone();
            Some((*outer, Expr::Column(column), data_type))
        })
        .collect();
    if found.len() >= FILE_COLUMNS.len() - 1 {
        let fields: Fields =
            found.iter().map(|(name, _, data_type)| Field::new(*name, data_type.clone(), false)).collect();
        let metadata = Attribute::new(Arc::new(Field::new("_metadata", DataType::Struct(fields), false)));
        let args = found.iter().flat_map(|(name, expr, _)| [lit(*name), expr.clone()]).collect();
        exprs.push(named_struct(args).alias(metadata.column.as_ref()));
        hidden.push(metadata);
        if let Some(name) = file_column("__input_file_name") {
            let path = Attribute::new(Arc::new(Field::new("__input_file_name", DataType::Utf8, false)));
            exprs.push(Expr::Column(name).alias(path.column.as_ref()));
            hidden.push(path);
        }
        for (name, at) in [("__input_file_block_start", 3), ("__input_file_block_length", 4)] {
            let attribute = Attribute::new(Arc::new(Field::new(name, DataType::Int64, false)));
            exprs.push(found[at].1.clone().alias(attribute.column.as_ref()));
            hidden.push(attribute);
        }
    }
    if let Some(column) = file_column(PREFIX_COLUMN) {
        let attribute = Attribute::new(Arc::new(Field::new(PREFIX_COLUMN, DataType::Int32, true)));
        exprs.push(Expr::Column(column).alias(attribute.column.as_ref()));
        hidden.push(attribute);
    }
    let plan = node::project(plan, exprs)?;
    Ok(Relation { plan, output, hidden, origin: None })
}
